/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/store/rollouts.h"
#include "simulate.h"

static int not_open(const struct cli *cli, int rc, const char *message)
{
	if (rc == ISB_ENOTFOUND)
		return cli_fail(CLI_STORE, "there is no store in '%s'; name it with --store, or make one: isobar init",
		                cli->store_dir);
	return cli_fail(CLI_STORE, "%s", message ? message : isb_strerror(rc));
}

int cli_open(const struct cli *cli, enum isb_store_mode mode, struct isb_store **ret_store)
{
	const char *message = NULL;
	int rc = isb_store_open(cli->store_dir, mode, ret_store, &message);
	return rc == ISB_OK ? CLI_OK : not_open(cli, rc, message);
}

int cli_read(const struct cli *cli, struct cli_reader *ret_reader)
{
	struct cli_reader reader = {0};
	int rc = cli_open(cli, ISB_STORE_READ, &reader.store);
	if (rc != CLI_OK)
		return rc;
	int err = isb_txn_begin(reader.store, ISB_ENV_CATALOG, false, &reader.catalog);
	if (err == ISB_OK)
		err = isb_txn_begin(reader.store, ISB_ENV_HEALTH, false, &reader.health);
	if (err != ISB_OK) {
		cli_read_done(&reader);
		return cli_unreadable(cli, err);
	}
	*ret_reader = reader;
	return CLI_OK;
}

void cli_read_done(struct cli_reader *reader)
{
	isb_txn_abort(reader->health);
	isb_txn_abort(reader->catalog);
	isb_store_close(reader->store);
}

int cli_read_cells(const struct cli *cli, const struct cli_reader *reader, const struct isb_geodb *geodb,
                   struct isb_cells **ret_cells)
{
	struct isb_txn *latency;
	int rc = isb_txn_begin(reader->store, ISB_ENV_LATENCY, false, &latency);
	if (rc != ISB_OK)
		return rc;
	rc = isb_cells_read(latency, geodb, cli->now_ms, ret_cells);
	isb_txn_abort(latency);
	return rc;
}

int cli_open_geodb(const struct cli *cli, struct isb_diags *diags, struct isb_geodb **ret_db)
{
	struct isb_arena arena = {0};
	const char *own = isb_arena_printf(&arena, "%s/geo.mmdb", cli->store_dir);
	int rc = ISB_OK;
	*ret_db = NULL;
	if (cli->ngeo || access(own, F_OK) == 0)
		rc = isb_geodb_open(cli->ngeo ? cli->geo : &own, cli->ngeo ? cli->ngeo : 1, diags, ret_db);
	isb_arena_done(&arena);
	return rc;
}

/* --- One edit --- */

/* A zone answers with its SOA in every denial: no edit may leave one without. */
static void check_zone(struct isb_txn *txn, const char *zone, struct isb_mark at, struct isb_diags *diags)
{
	uint8_t apex[ISB_DNAME_MAX];
	const struct isb_rrset *set;
	if (isb_dname_parse(zone, NULL, apex) < 0)
		return; /* said already */
	isb_dname_lower(apex, apex);
	if (isb_rrset_get(txn, apex, apex, ISB_SOA, &set) != ISB_OK)
		isb_diag(diags, at, "zone '%s' has no SOA record; give it a file: or text: with one", zone);
}

static bool changes_objects(const struct isb_edit *edit)
{
	for (size_t i = 0; i < isb_edit_count(edit); i++) {
		enum isb_table table = isb_edit_change(edit, i)->table;
		if (table != ISB_T_RRSET && table != ISB_T_ADMIN)
			return true;
	}
	return false;
}

/* Loads the zones that the edit touches, with their records, and looks for the SOA of those that are new or lost it. */
static void check_zones(struct cli_edit *e, struct isb_catalog *catalog)
{
	uint8_t last[ISB_DNAME_MAX];
	bool any = false;
	for (size_t i = 0; i < isb_edit_count(e->edit); i++) {
		const struct isb_change *change = isb_edit_change(e->edit, i);
		uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
		char text[ISB_DNAME_TEXT];
		const char *name = NULL;
		enum isb_kind kind;
		uint16_t type;
		bool loses = false;
		if (isb_change_rrset(change, apex, owner, &type) == ISB_OK) {
			loses = type == ISB_SOA && !change->after.len;
			if (any && !loses && isb_dname_equal(apex, last))
				continue; /* one of many of a zone */
			memcpy(last, apex, isb_dname_len(apex));
			any = true;
			name = isb_dname_print_bare(apex, text);
		} else if (isb_change_object(change, &kind, &name) == ISB_OK) {
			loses = kind == ISB_ZONE;
			name = loses ? name : NULL;
		}
		if (name)
			isb_catalog_load_zone(e->txn, catalog, name, &e->diags);
		const struct isb_zone *zone = name ? isb_catalog_zone(catalog, name) : NULL;
		if (zone && loses) /* else the zone goes too */
			check_zone(e->txn, name, zone->mark, &e->diags);
	}
}

/* What was right before stays right. Rrsets speak of nothing in the catalog but their zone, which must keep its SOA and
 * have nothing beside a steered CNAME; and whether there is an endpoint for an admin state is asked when the edit ends. So
 * such edits cost no look at anything else, and none costs a look at zones that it leaves alone. */
static void check_edit(struct cli_edit *e)
{
	struct isb_catalog catalog;
	isb_catalog_init(&catalog);
	bool objects = changes_objects(e->edit);
	if (!objects || isb_catalog_load_steering(e->txn, &catalog, &e->diags) == ISB_OK) {
		check_zones(e, &catalog);
		if (objects) {
			isb_catalog_check(&catalog, &e->diags);
			isb_rollouts_check(e->txn, &catalog, &e->diags);
		}
		cli_check_cnames(e->txn, &catalog, &e->diags);
	}
	isb_catalog_done(&catalog);
}

/* --- What is said of it --- */

/* From which generation to which; the numbers of what a plan holds. */
static void print_head(const struct cli_edit *e, const struct cli_plan *plan)
{
	struct cli_tally tally = cli_plan_tally(plan);
	char then[64];
	snprintf(then, sizeof(then), "; generation %" PRIu64 " -> %" PRIu64, e->generation - 1, e->generation);
	cli_print_tally("plan", &tally, then);
}

static void say_json(struct cli_edit *e, const struct cli_steps *steps, const struct shift *shift,
                     const struct cli_plan *plan)
{
	struct cli_tally tally = cli_plan_tally(plan);
	json_t *json = json_pack("{s:I, s:b, s:{s:i, s:i, s:i}, s:o}", "generation", (json_int_t)e->generation, "committed",
	                         e->cli->committed != 0, "plan", "added", (int)tally.added, "changed", (int)tally.changed,
	                         "removed", (int)tally.removed, "changes", cli_plan_json(plan));
	if (e->cached_s) {
		json_object_set_new(json, "cached_ttl_s", json_integer(e->cached_s));
		json_object_set_new(json, "cached_until_ms", json_integer(e->cli->now_ms + (json_int_t)e->cached_s * 1000));
	}
	if (steps->add)
		steps->add(e, json);
	if (shift)
		shift_add(e, shift, json);
	cli_print_json(e->cli, json);
}

static void say_text(struct cli_edit *e, const struct cli_steps *steps, const struct shift *shift,
                     const struct cli_plan *plan)
{
	const struct cli *cli = e->cli;
	if (steps->tell) {
		steps->tell(e);
	} else {
		if (cli->dry_run && plan->count)
			print_head(e, plan);
		cli_plan_print(plan, !cli->dry_run, e->generation);
	}
	if (steps->add)
		steps->add(e, NULL);
	if (shift)
		shift_add(e, shift, NULL);
	if (!plan->count)
		printf("nothing to change; generation %" PRIu64 "\n", e->generation);
	else if (cli->dry_run)
		printf("dry run: nothing was changed\n");
	else
		printf("generation %" PRIu64 "\n", e->generation);
}

/* The changes are the edit's own copies: they outlive the transaction. */
static void say_done(struct cli_edit *e, const struct cli_steps *steps, const struct shift *shift)
{
	struct cli_plan plan = {0};
	for (size_t i = 0; i < isb_edit_count(e->edit); i++)
		cli_plan_add(&plan, isb_edit_change(e->edit, i));
	if (e->cli->json)
		say_json(e, steps, shift, &plan);
	else
		say_text(e, steps, shift, &plan);
	cli_plan_done(&plan);
}

/* Takes over the transaction. */
static int finish(struct cli_edit *e, const struct cli_steps *steps, struct shift *shift)
{
	int rc = CLI_OK, err = isb_edit_finish(e->edit, &e->generation);
	bool commit = err == ISB_OK && !e->cli->dry_run && isb_edit_count(e->edit);
	if (err == ISB_OK && steps->judge)
		rc = steps->judge(e);
	if (err == ISB_OK && rc == CLI_OK && shift)
		rc = shift_judge(e, shift);
	if (commit && rc == CLI_OK)
		err = isb_txn_commit(e->txn);
	else
		isb_txn_abort(e->txn);
	if (err != ISB_OK)
		return cli_unwritable(e->cli, err);
	if (rc != CLI_OK)
		return rc;
	if (commit)
		e->cli->committed = e->generation;
	if (!steps->quiet)
		say_done(e, steps, shift);
	return CLI_OK;
}

/* Only a catalog file makes a store: a mistyped --store shall not leave an empty one behind. What an older program
 * left out can be read only once a writer has made it. */
static int open_to_write(const struct cli *cli, struct isb_store **ret_store)
{
	if (!cli->nfile) {
		const char *message = NULL;
		int rc = isb_store_open(cli->store_dir, ISB_STORE_READ, ret_store, &message);
		if (rc == ISB_OK)
			isb_store_close(*ret_store);
		else if (rc != ISB_EVERSION)
			return not_open(cli, rc, message);
	}
	return cli_open(cli, ISB_STORE_WRITE_CATALOG, ret_store);
}

int cli_edit(struct cli *cli, int (*change)(struct cli_edit *e), void (*tell)(struct cli_edit *e), void *arg)
{
	return cli_edit_steps(cli, &(struct cli_steps){.change = change, .tell = tell}, arg);
}

static int say_moved(void *arg, const struct isb_journal_entry *entry)
{
	const struct cli *cli = arg;
	char when[24];
	return cli_fail(CLI_MOVED_ON,
	                "the catalog is at generation %" PRIu64 ", not at %" PRId64 ": %s made it at %s%s%s; look at it "
	                "(isobar log %" PRIu64 ") and decide again", entry->generation, cli->if_generation, entry->author,
	                isb_time_print(entry->time_ms, when), *entry->reason ? ": " : "", entry->reason, entry->generation);
}

/* Within the transaction: nobody else can move the catalog on between this and the commit. */
static int check_generation(struct cli_edit *e)
{
	struct cli *cli = e->cli;
	uint64_t now = isb_generation(e->txn);
	if (cli->if_generation < 0 || (uint64_t)cli->if_generation == now)
		return CLI_OK;
	int rc = now ? isb_journal_each(e->txn, now, say_moved, cli) : ISB_OK;
	if (rc == ISB_OK || rc == ISB_ENOTFOUND) /* an empty store, or one whose journal was cut */
		return cli_fail(CLI_MOVED_ON, "the catalog is at generation %" PRIu64 ", not at %" PRId64, now, cli->if_generation);
	return rc < 0 ? cli_unreadable(cli, rc) : rc;
}

int cli_edit_load(struct cli_edit *e, struct isb_catalog *catalog)
{
	int err = isb_catalog_load(e->txn, catalog, &e->diags);
	return err == ISB_OK ? CLI_OK : e->diags.count ? CLI_FAILED : cli_unreadable(e->cli, err);
}

static int edit(struct cli_edit *e, const struct cli_steps *steps, struct shift *shift)
{
	struct cli *cli = e->cli;
	int rc = open_to_write(cli, &e->store);
	if (rc != CLI_OK)
		return rc;
	int err = isb_txn_begin(e->store, ISB_ENV_CATALOG, true, &e->txn);
	if (err != ISB_OK) {
		isb_store_close(e->store);
		return cli_unwritable(cli, err);
	}
	e->edit = isb_edit_new(e->txn, cli->author, cli->reason, cli->now_ms);
	rc = check_generation(e);
	if (rc == CLI_OK)
		rc = steps->change(e);
	if (rc == CLI_OK && !e->diags.count)
		check_edit(e);
	if (e->diags.count)
		rc = cli_refuse(&e->diags, *e->refusal ? e->refusal : "refused, nothing was changed");
	if (rc == CLI_OK)
		rc = finish(e, steps, shift);
	else
		isb_txn_abort(e->txn);
	isb_edit_free(e->edit);
	isb_diags_done(&e->diags);
	isb_store_close(e->store);
	return rc;
}

int cli_edit_steps(struct cli *cli, const struct cli_steps *steps, void *arg)
{
	struct cli_edit e = {.cli = cli, .arg = arg};
	struct shift shift = {.known = false};
	bool judged = !steps->quiet && shift_wanted(cli);
	int rc = judged ? shift_begin(cli, &shift) : CLI_OK;
	if (rc == CLI_OK)
		rc = edit(&e, steps, judged ? &shift : NULL);
	shift_done(&shift);
	return rc;
}
