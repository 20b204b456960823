/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"

/* log: the journal, every edit in short or one of them in full. */

enum {
	CHANGES_SHOWN = 8, /* of one edit in the list of all */
	EDITS_WATCHED = 5, /* the newest, with --watch */
};

struct logging {
	struct isb_txn *txn, *health;
	uint64_t only; /* generation to show in full; 0: all of them in short */
	json_t *json;  /* a list; NULL: text */
	size_t shown;  /* changes of the edit at hand */
	bool found;
};

/* Probes end a rollout without an edit: what they said stands with the edit that began it. */
static bool read_abort(const struct logging *l, const struct isb_change *change, struct isb_buf *out)
{
	uint32_t slot;
	return cli_change_slot(change, &slot) && cli_rollout_aborted(l->health, slot, out);
}

static void print_abort(const struct logging *l, const struct isb_change *change)
{
	struct isb_buf out = {0};
	if (read_abort(l, change, &out))
		printf("      %s\n", isb_buf_text(&out));
	isb_buf_done(&out);
}

static json_t *json_aborts(const struct logging *l, const struct cli_plan *plan)
{
	json_t *list = json_array();
	for (size_t i = 0; i < plan->count; i++) {
		struct isb_buf out = {0};
		if (read_abort(l, &plan->list[i], &out))
			json_array_append_new(list, json_string(isb_buf_text(&out)));
		isb_buf_done(&out);
	}
	return list;
}

static int print_change(void *arg, const struct isb_change *change)
{
	struct logging *l = arg;
	struct isb_buf line = {0};
	if (l->shown < CHANGES_SHOWN && cli_change_print(change, &line)) {
		printf("    ");
		cli_print_change(isb_buf_text(&line));
		print_abort(l, change);
		l->shown++;
	}
	isb_buf_done(&line);
	return l->shown == CHANGES_SHOWN; /* enough */
}

static int print_brief(struct logging *l, const struct isb_journal_entry *entry)
{
	l->shown = 0;
	int rc = isb_journal_changes(l->txn, entry->generation, print_change, l);
	if (entry->changes > l->shown)
		printf("    %s%zu %s; isobar log %" PRIu64 " shows all\n", l->shown ? "and " : "", entry->changes - l->shown,
		       l->shown ? "more" : "changes", entry->generation);
	return rc < 0 ? rc : ISB_OK;
}

static void print_full(const struct logging *l, const struct cli_plan *plan, uint64_t generation)
{
	struct cli_tally tally = cli_plan_tally(plan);
	cli_print_tally("changes", &tally, "");
	cli_plan_print(plan, false, generation);
	for (size_t i = 0; i < plan->count; i++)
		print_abort(l, &plan->list[i]);
}

static int print_entry(void *arg, const struct isb_journal_entry *entry)
{
	struct logging *l = arg;
	struct cli_plan plan = {0};
	char when[24];
	int rc = ISB_OK;
	if (l->only && entry->generation != l->only)
		return 1; /* enough */
	l->found = true;
	isb_time_print(entry->time_ms, when);
	if (!l->json)
		printf("generation %" PRIu64 "  %s  %s%s%s\n", entry->generation, when, entry->author, *entry->reason ? ": " : "",
		       entry->reason);
	if (l->json || l->only)
		rc = isb_journal_changes(l->txn, entry->generation, cli_plan_add, &plan);
	if (l->json)
		json_array_append_new(l->json, json_pack("{s:I, s:s, s:s, s:s, s:o, s:o}", "generation", (json_int_t)entry->generation,
		                                         "time", when, "author", entry->author, "reason", entry->reason, "changes",
		                                         cli_plan_json(&plan), "aborts", json_aborts(l, &plan)));
	else if (l->only)
		print_full(l, &plan, entry->generation);
	else
		rc = print_brief(l, entry);
	cli_plan_done(&plan);
	return rc;
}

int cli_parse_generation(const char *word, uint64_t *ret_generation)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno || !n)
		return cli_fail(CLI_USAGE, "'%s' is no generation; isobar log lists them", word);
	*ret_generation = n;
	return CLI_OK;
}

/* The list begins there. */
static uint64_t oldest(const struct cli *cli, const struct cli_reader *reader, uint64_t first)
{
	uint64_t newest = isb_generation(reader->catalog);
	uint64_t most = cli->limit ? cli->limit : cli->watch_ms ? EDITS_WATCHED : UINT64_MAX;
	return newest >= first && newest - first >= most ? newest - most + 1 : 0;
}

/* A list, though of one; `alone`: just that one. */
static void print_json(const struct cli *cli, json_t *list, bool alone)
{
	cli_print_json(cli, alone ? json_incref(json_array_get(list, 0)) : json_incref(list));
	json_decref(list);
}

static int log_it(struct cli *cli, uint64_t only, bool alone)
{
	struct cli_reader reader;
	struct logging l = {.only = only};
	int rc = cli_read(cli, &reader);
	if (rc != CLI_OK)
		return rc;
	l.txn = reader.catalog;
	l.health = reader.health;
	l.json = cli->json ? json_array() : NULL;
	uint64_t first = 0;
	int err = isb_journal_first(reader.catalog, &first);
	if (err == ISB_OK && l.only <= isb_generation(reader.catalog) && (!l.only || l.only >= first))
		err = isb_journal_each(reader.catalog, l.only ? l.only : oldest(cli, &reader, first), print_entry, &l);
	if (err < 0)
		rc = cli_unreadable(cli, err);
	else if (l.only && l.only < first)
		rc = cli_fail(CLI_NOT_FOUND, "generation %" PRIu64 " is no longer kept; the oldest that is: %" PRIu64, l.only, first);
	else if (l.only && !l.found)
		rc = cli_fail(CLI_NOT_FOUND, "there is no generation %" PRIu64 "; the newest is %" PRIu64, l.only,
		              isb_generation(reader.catalog));
	if (rc == CLI_OK && !l.json && !isb_generation(reader.catalog))
		puts("nothing was edited yet; generation 0");
	if (l.json && rc == CLI_OK)
		print_json(cli, l.json, alone);
	else
		json_decref(l.json);
	cli_read_done(&reader);
	return rc;
}

int cli_show_generation(struct cli *cli, const char *word)
{
	uint64_t only = 0;
	int rc = word ? cli_parse_generation(word, &only) : CLI_OK;
	return rc == CLI_OK ? log_it(cli, only, word != NULL) : rc;
}

static int once(struct cli *cli)
{
	uint64_t only = 0;
	if (cli->count > 1)
		return cli_fail(CLI_USAGE, "write: isobar log [GENERATION]");
	if (cli->count && cli->limit)
		return cli_fail(CLI_USAGE, "--limit is for the list of all; leave it out, or leave out '%s'", cli->words[0]);
	int rc = cli->count ? cli_parse_generation(cli->words[0], &only) : CLI_OK;
	return rc == CLI_OK ? log_it(cli, only, false) : rc;
}

static int run(struct cli *cli)
{
	return cli_watch(cli, once);
}

const struct verb verb_log = {
	"log", "[GENERATION]", "every change of the catalog: when, who, why, what",
	"Oldest first; with --watch the newest five, with --limit as many as it says. With a generation, all that it "
	"changed.\n"
	"Kept are the last 10000 edits, and those of the last 90 days, but no more than a million.\n", "12", "iw", run,
	CLI_LOOK, "who changed what, why", NULL};
