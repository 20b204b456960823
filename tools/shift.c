/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/rr.h"
#include "simulate.h"

/* An edit is judged while its transaction is open: what is measured is what will be committed, and a refusal leaves
 * nothing behind. Other edits wait for as long, and so the queries were read before. */

enum { MOVES_SHOWN = 8 };

/* Whoever looks at a plan has not asked for a count, and shall not wait for one. */
enum { NAMES_CHEAP = 5000, RRSETS_CHEAP = 200000 };

/* --- What an edit touches --- */

struct steered { /* names by wire form in lower case */
	struct isb_arena arena;
	struct isb_map names;
};

static void add_steered(struct steered *s, const struct isb_zone *zone)
{
	uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	if (isb_dname_parse(zone->name, NULL, apex) < 0)
		return;
	for (size_t i = 0; i < zone->nrecord; i++) {
		int len = isb_dname_parse(zone->records[i].owner, apex, owner);
		if (len < 0)
			continue;
		isb_dname_lower(owner, owner);
		isb_map_put(&s->names, isb_arena_memdup(&s->arena, owner, (size_t)len), (size_t)len, 1);
	}
}

/* The names of the catalog as it would be: one that goes away is an object that changes. */
static void find_steered(struct isb_txn *txn, struct steered *s)
{
	struct isb_catalog catalog;
	struct isb_diags diags = {0}; /* the whole was checked before */
	isb_catalog_init(&catalog);
	isb_catalog_load(txn, &catalog, &diags);
	for (size_t i = 0; i < catalog.nzone; i++)
		add_steered(s, &catalog.zones[i]);
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
}

/* Ordinary records take a steered name's clients away by a delegation, a DNAME or a CNAME, wherever it leads; others only
 * where they lie under the record, as what it falls back to. */
static bool may_steer(const struct isb_change *change, const struct steered *steered)
{
	uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	uint16_t type;
	uint32_t found;
	if (isb_change_rrset(change, zone, owner, &type) != ISB_OK)
		return false;
	return type == ISB_NS || type == ISB_DNAME || type == ISB_CNAME ||
	       isb_map_get(&steered->names, owner, isb_dname_len(owner), &found);
}

/* Checks decide about nobody's endpoint. A log may hold names that no record is for, but a wildcard that another rrset now
 * shadows: with one, every rrset counts. */
static bool touches_steering(const struct cli_edit *e)
{
	struct steered steered = {.arena = {0}};
	bool touched = false, known = false;
	for (size_t i = 0; !touched && i < isb_edit_count(e->edit); i++) {
		const struct isb_change *change = isb_edit_change(e->edit, i);
		enum isb_kind kind;
		const char *key;
		if (change->table == ISB_T_RRSET && !e->cli->traffic && !known) {
			find_steered(e->txn, &steered);
			known = true;
		}
		if (change->table == ISB_T_RRSET)
			touched = e->cli->traffic || may_steer(change, &steered);
		else
			touched = change->table == ISB_T_ADMIN ||
			          (isb_change_object(change, &kind, &key) == ISB_OK && kind != ISB_CHECK);
	}
	isb_map_done(&steered.names);
	isb_arena_done(&steered.arena);
	return touched;
}

/* --- What it costs --- */

struct tally {
	size_t count, most;
};

static int count_object(void *arg, const char *key, const char *body)
{
	struct tally *t = arg;
	(void)key, (void)body;
	return ++t->count > t->most;
}

static int count_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	struct tally *t = arg;
	(void)key, (void)value;
	return ++t->count > t->most;
}

bool shift_wanted(const struct cli *cli)
{
	return cli->dry_run || cli->max_shift >= 0 || cli->traffic;
}

static bool asked_for(const struct cli *cli)
{
	return cli->max_shift >= 0 || cli->traffic;
}

/* Both catalogs are compiled, and each name is asked for. */
static bool is_cheap(struct cli_edit *e, struct shift *shift)
{
	static const struct isb_slice everything = {NULL, 0};
	struct tally names = {.most = NAMES_CHEAP}, rrsets = {.most = RRSETS_CHEAP};
	if (isb_object_each(e->txn, ISB_RECORD, count_object, &names) > 0)
		snprintf(shift->unknown, sizeof(shift->unknown), "more than %d steered names", NAMES_CHEAP);
	else if (isb_row_each(e->txn, ISB_T_RRSET, everything, everything, count_row, &rrsets) > 0)
		snprintf(shift->unknown, sizeof(shift->unknown), "more than %d rrsets", RRSETS_CHEAP);
	shift->dear = *shift->unknown;
	return !shift->dear;
}

/* --- The judgement --- */

static int load(struct cli_edit *e, struct sim *sim, struct isb_diags *diags)
{
	struct isb_txn *health = NULL;
	int rc = sim_load(sim, e->store, diags);
	if (rc == ISB_OK)
		rc = isb_txn_begin(e->store, ISB_ENV_HEALTH, false, &health);
	if (rc == ISB_OK)
		rc = sim_load_after(sim, e->txn, health, diags);
	isb_txn_abort(health);
	return rc;
}

static void say(const struct shift *shift)
{
	const struct sim_shift *found = &shift->found;
	sim_say_share(&shift->sim, found->moved, found->total);
	puts(" get another answer");
	sim_say_name_moves(&shift->sim, found, MOVES_SHOWN);
	if (found->nmove && found->moves[0].name != found->moves[found->nmove - 1].name)
		sim_say_region_moves(&shift->sim, found, MOVES_SHOWN);
}

static int refuse(const struct shift *shift)
{
	const struct sim *sim = &shift->sim;
	char moved[SIM_TEXT], most[SIM_TEXT];
	sim_percent(shift->found.moved, shift->found.total, moved);
	sim_percent(sim->cli->max_shift, 1, most);
	if (!sim->cli->json) {
		sim_say_traffic(sim);
		say(shift);
	}
	return cli_fail(CLI_FAILED,
	                "refused, nothing was changed: %s of the queries would be answered differently, and --max-shift is %s",
	                moved, most);
}

int shift_begin(struct cli *cli, struct shift *shift)
{
	struct sim *sim = &shift->sim;
	shift->begun = true;
	sim_init(sim, cli);
	if (!cli->traffic)
		return CLI_OK;
	int rc = sim_spool_begin(sim);
	if (rc != CLI_OK)
		return rc;
	if ((rc = sim_read(sim, &cli->traffic, 1)) != CLI_OK || sim->interrupted)
		return cli_fail(rc == CLI_OK ? CLI_FAILED : rc, "the queries were not read to their end; nothing was changed");
	return sim_spool_end(sim);
}

int shift_judge(struct cli_edit *e, struct shift *shift)
{
	struct isb_diags diags = {0};
	struct sim_world world;
	struct sim *sim = &shift->sim;
	if ((!asked_for(e->cli) && !is_cheap(e, shift)) || !touches_steering(e)) /* looking at that has a price, too */
		return CLI_OK;
	int rc = CLI_OK, err = load(e, sim, &diags);
	if ((diags.count || err != ISB_OK) && !asked_for(e->cli)) {
		const char *file = diags.count && diags.list[0].at.file ? diags.list[0].at.file : "";
		snprintf(shift->unknown, sizeof(shift->unknown), "%s%s%s", file, *file ? ": " : "",
		         diags.count ? diags.list[0].text : isb_strerror(err));
		isb_diags_done(&diags);
		return CLI_OK;
	}
	if (diags.count)
		rc = cli_refuse(&diags, "refused, nothing was changed");
	else if (err != ISB_OK)
		rc = cli_unreadable(e->cli, err);
	isb_diags_done(&diags);
	if (rc != CLI_OK)
		return rc;
	if (!e->cli->traffic)
		sim_even(sim);
	else if ((rc = sim_spool_count(sim)) != CLI_OK)
		return rc;
	shift->known = true;
	sim_world_copy(sim, &world);
	sim_compare(sim, (const struct sim_scene[]){{SIM_BEFORE, &world}, {SIM_AFTER, &world}}, &shift->found);
	sim_world_done(&world);
	/* rounding must not refuse what moves exactly as much as may move */
	if (e->cli->max_shift >= 0 && shift->found.moved > (e->cli->max_shift + 1e-9) * shift->found.total)
		return refuse(shift);
	return CLI_OK;
}

static void add_json(const struct shift *shift, json_t *json)
{
	json_object_set_new(json, "shift", shift->known ? sim_json(&shift->sim, &shift->found) : json_null());
	if (*shift->unknown)
		json_object_set_new(json, "shift_not_counted", json_string(shift->unknown));
}

void shift_add(struct cli_edit *e, const struct shift *shift, json_t *json)
{
	if (json) {
		add_json(shift, json);
		return;
	}
	if (!isb_edit_count(e->edit))
		return;
	if (*shift->unknown) {
		printf("shift: not counted: %s%s\n", shift->unknown,
		       shift->dear ? "; isobar diff or apply with --max-shift 100% counts all the same" : "");
	} else if (!shift->known) {
		puts("shift: no client moves, steering is not touched");
	} else if (shift->found.moved <= 0) {
		puts("shift: no client moves");
		sim_say_traffic(&shift->sim);
	} else {
		printf("shift: ");
		say(shift);
		sim_say_traffic(&shift->sim);
	}
}

void shift_done(struct shift *shift)
{
	if (shift->known)
		sim_shift_done(&shift->found);
	if (shift->begun)
		sim_done(&shift->sim);
}
