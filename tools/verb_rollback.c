/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"

/* rollback: the catalog as it was as of a generation, as one more edit. Nothing is forgotten: what is undone stays in
 * the journal, and can be rolled back to in its turn. */

enum { LISTED = 10 };

struct rolling {
	uint64_t generation;
	struct isb_arena arena;
};

static int refuse(struct cli_edit *e, uint64_t generation, int err, uint64_t misfit)
{
	uint64_t first = 0, newest = isb_generation(e->txn);
	switch (err) {
	case ISB_ERANGE:
		return cli_fail(CLI_NOT_FOUND, "there is no generation %" PRIu64 "; the newest is %" PRIu64, generation, newest);
	case ISB_ENOTFOUND:
		if (isb_journal_first(e->txn, &first) != ISB_OK)
			break;
		return cli_fail(CLI_NOT_FOUND,
		                "generation %" PRIu64 " cannot be brought back: the journal begins with generation %" PRIu64
		                ", and so reaches back to %" PRIu64 " at most; apply the files of then",
		                generation, first, first - 1);
	case ISB_EFORMAT:
		if (!misfit)
			break;
		return cli_fail(CLI_FAILED,
		                "generation %" PRIu64 " cannot be brought back: the catalog does not hold what the journal says "
		                "of generation %" PRIu64 "; apply the files of then",
		                generation, misfit);
	default: break;
	}
	return cli_unwritable(e->cli, err);
}

static int change(struct cli_edit *e)
{
	const struct rolling *r = e->arg;
	uint64_t misfit = 0;
	int err = isb_edit_rollback(e->edit, e->txn, r->generation, e->cli->now_ms, &misfit);
	return err == ISB_OK ? CLI_OK : refuse(e, r->generation, err, misfit);
}

/* --- Which there are --- */

struct listing {
	json_t *json; /* NULL: text */
	struct cli_table table;
	struct isb_journal_entry list[LISTED];
};

static int keep_entry(void *arg, const struct isb_journal_entry *entry)
{
	struct listing *l = arg;
	l->list[entry->generation % LISTED] = *entry;
	return 0;
}

static void add_entry(struct listing *l, const struct isb_journal_entry *entry)
{
	char when[24], number[24], changes[24];
	isb_time_print(entry->time_ms, when);
	if (l->json) {
		json_array_append_new(l->json, json_pack("{s:I, s:s, s:s, s:s, s:I}", "generation", (json_int_t)entry->generation,
		                                         "time", when, "author", entry->author, "reason", entry->reason,
		                                         "changes", (json_int_t)entry->changes));
		return;
	}
	snprintf(number, sizeof(number), "%" PRIu64, entry->generation);
	snprintf(changes, sizeof(changes), "%" PRIu32, entry->changes);
	cli_table_row(&l->table, (const char *const[]){number, when, entry->author, changes, entry->reason});
}

/* The newest first. */
static int list(struct cli *cli)
{
	struct cli_reader reader;
	struct listing l = {.json = cli->json ? json_array() : NULL};
	uint64_t first = 0;
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK) {
		json_decref(l.json);
		return rc;
	}
	uint64_t newest = isb_generation(reader.catalog);
	int err = isb_journal_first(reader.catalog, &first);
	if (newest >= LISTED && first + LISTED <= newest)
		first = newest - LISTED + 1;
	if (err == ISB_OK && first <= newest)
		err = isb_journal_each(reader.catalog, first, keep_entry, &l);
	cli_table_init(&l.table, 5, (const char *const[]){"GENERATION", "MADE", "BY", "CHANGES", "WHY"});
	for (uint64_t g = newest; err == ISB_OK && g >= first && g > 0; g--)
		add_entry(&l, &l.list[g % LISTED]);
	if (l.json) {
		isb_arena_done(&l.table.arena);
		cli_print_json(cli, l.json);
	} else if (!newest) {
		isb_arena_done(&l.table.arena);
		puts("nothing was edited yet; generation 0");
	} else {
		cli_table_print(&l.table);
		puts("to bring the catalog back to what it was as of one of them: isobar rollback GENERATION (-n shows the plan)");
	}
	cli_read_done(&reader);
	return err == ISB_OK ? CLI_OK : cli_unreadable(cli, err);
}

static int run(struct cli *cli)
{
	struct rolling r = {.generation = 0};
	if (cli->count > 1)
		return cli_fail(CLI_USAGE, "rollback takes one generation; write: isobar rollback %s", cli->words[0]);
	if (!cli->count)
		return list(cli);
	int rc = cli_parse_generation(cli->words[0], &r.generation);
	if (rc != CLI_OK)
		return rc;
	cli->reason = isb_arena_printf(&r.arena, "rollback to generation %" PRIu64 "%s%s", r.generation,
	                               *cli->reason ? ": " : "", cli->reason);
	rc = cli_edit(cli, change, NULL, &r);
	isb_arena_done(&r.arena);
	return rc;
}

const struct verb verb_rollback = {
	"rollback", "[GENERATION] [-n] [-r WHY] [--max-shift SHARE [--traffic LOG [--format F]]]",
	"bring the catalog back to what it was as of a generation",
	"Every edit since is undone by one more, which is checked like any other; it can be undone in its turn.\n"
	"Without a generation, the last ten are listed. What operators said of endpoints comes back too, unless\n"
	"it would be over by now; a rollout comes back paused, at the step where it was. Endpoints that come\n"
	"back are checked anew before they have a verdict.\n",
	"12 -n", CLI_EDITS "gmTF", run,
	CLI_CHANGE, "to what it was", NULL};
