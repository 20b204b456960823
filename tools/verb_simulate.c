/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"
#include "simulate.h"

/* The proposed catalog goes through the road of apply and is turned back at the door; queries are read after that, so that
 * no other edit waits for them. */

struct simulate {
	struct sim sim;
	struct cli_wanted wanted;
};

/* --- Catalogs --- */

static int say(struct cli *cli, struct isb_diags *diags, int err)
{
	int rc = CLI_OK;
	if (diags->count)
		rc = cli_refuse(diags, "cannot simulate");
	else if (err != ISB_OK)
		rc = cli_unreadable(cli, err);
	isb_diags_done(diags);
	return rc;
}

static int change(struct cli_edit *e)
{
	struct simulate *s = e->arg;
	e->arg = &s->wanted;
	int rc = cli_wanted_put(e);
	e->arg = s;
	return rc;
}

static int load_both(struct cli_edit *e)
{
	struct simulate *s = e->arg;
	struct isb_diags diags = {0};
	struct isb_txn *health = NULL;
	int err = sim_load(&s->sim, e->store, &diags);
	if (err == ISB_OK)
		err = isb_txn_begin(e->store, ISB_ENV_HEALTH, false, &health);
	if (err == ISB_OK)
		err = sim_load_after(&s->sim, e->txn, health, &diags);
	isb_txn_abort(health);
	return say(e->cli, &diags, err);
}

static int load_proposed(struct cli *cli, struct simulate *s)
{
	struct isb_store *store;
	int rc = cli_open(cli, ISB_STORE_READ, &store); /* an edit with files would make a store where there is none */
	if (rc != CLI_OK)
		return rc;
	isb_store_close(store);
	rc = cli_wanted_read(cli, &s->wanted);
	if (rc != CLI_OK)
		return cli_refuse(&s->wanted.diags, "cannot simulate");
	cli->dry_run = true;
	return cli_edit_steps(cli, &(struct cli_steps){.change = change, .judge = load_both, .quiet = true}, s);
}

static int load_present(struct cli *cli, struct simulate *s)
{
	struct isb_store *store;
	struct isb_diags diags = {0};
	int rc = cli_open(cli, ISB_STORE_READ, &store);
	if (rc != CLI_OK)
		return rc;
	int err = sim_load(&s->sim, store, &diags);
	if (err == ISB_OK)
		err = sim_load_after(&s->sim, NULL, NULL, &diags);
	isb_store_close(store);
	return say(cli, &diags, err);
}

/* --- Outages --- */

static int unknown_place(const struct sim *sim, const char *name)
{
	const struct isb_catalog *catalog = isb_view_catalog(sim->side[SIM_AFTER].view);
	struct cli_names names = {0};
	for (size_t i = 0; i < catalog->nregion; i++)
		cli_names_add(&names, catalog->regions[i].name);
	for (size_t i = 0; i < catalog->npool; i++) {
		const struct isb_pool *pool = &catalog->pools[i];
		cli_names_add(&names, pool->name);
		for (size_t j = 0; j < pool->nendpoint; j++)
			cli_names_add(&names, isb_arena_printf(&names.arena, "%s/%s", pool->name, pool->endpoints[j].name));
	}
	const char *near = names.count ? isb_nearest(name, names.list) : NULL;
	if (near)
		cli_fail(CLI_NOT_FOUND, "there is no region, pool or endpoint '%s'; did you mean '%s'?", name, near);
	else
		cli_fail(CLI_NOT_FOUND, "there is no region, pool or endpoint '%s'", name);
	cli_names_done(&names);
	return CLI_NOT_FOUND;
}

static int check_down(const struct sim *sim, struct sim_world *world)
{
	for (size_t i = 0; i < sim->cli->ndown; i++)
		if (!sim_take_down(sim, sim->cli->down[i], world))
			return unknown_place(sim, sim->cli->down[i]);
	return CLI_OK;
}

static bool grows_more(const struct sim_peak *a, const struct sim_peak *b)
{
	bool was_used = a->usual > 0, other_was = b->usual > 0;
	if (!b->endpoint || was_used != other_was)
		return !b->endpoint || was_used;
	return was_used ? a->load / a->usual > b->load / b->usual : a->load > b->load;
}

static void find_peaks(const struct sim *sim, const struct sim_shift *shift, struct sim_outage *o)
{
	for (uint32_t t = SIM_TARGETS; t < sim->ntarget; t++) {
		struct sim_peak p = {sim->targets[t].name, shift->load[SIM_AFTER][t], shift->load[SIM_BEFORE][t]};
		if (sim->targets[t].down)
			continue;
		if (p.load > o->busiest.load)
			o->busiest = p;
		if (p.load - p.usual > 1e-9 * shift->total && grows_more(&p, &o->grown))
			o->grown = p;
	}
}

static struct sim_outage outage(struct sim *sim, const char *region, const struct sim_world *usual)
{
	struct sim_shift shift;
	struct sim_world world;
	sim_world_copy(sim, &world);
	check_down(sim, &world); /* --down holds beside each region; its names were found before */
	sim_take_down(sim, region, &world);
	sim_compare(sim, (const struct sim_scene[]){{SIM_AFTER, usual}, {SIM_AFTER, &world}}, &shift);
	struct sim_outage o = {.region = region, .moved = shift.moved, .lost = shift.lost, .total = shift.total,
	                       .nothing = shift.nothing[SIM_AFTER] - shift.nothing[SIM_BEFORE],
	                       .ordinary = shift.ordinary[SIM_AFTER] - shift.ordinary[SIM_BEFORE],
	                       .failopen = shift.failopen[SIM_AFTER] - shift.failopen[SIM_BEFORE]};
	find_peaks(sim, &shift, &o);
	sim_shift_done(&shift);
	sim_world_done(&world);
	return o;
}

static void each_region(struct sim *sim, const struct sim_world *usual, json_t *json)
{
	const struct isb_catalog *catalog = isb_view_catalog(sim->side[SIM_AFTER].view);
	struct sim_outage *list = isb_arena_alloc(&sim->arena, (catalog->nregion + 1) * sizeof(*list));
	for (size_t i = 0; i < catalog->nregion; i++)
		list[i] = outage(sim, catalog->regions[i].name, usual);
	if (json)
		json_object_set_new(json, "each_region_down", sim_json_outages(list, catalog->nregion));
	else
		sim_say_outages(sim, list, catalog->nregion);
}

/* --- The verb --- */

static int simulate(struct cli *cli, struct sim *sim)
{
	struct sim_world before, after;
	struct sim_shift shift;
	sim_world_copy(sim, &before);
	sim_world_copy(sim, &after);
	int rc = check_down(sim, &after); /* before minutes of reading */
	if (rc == CLI_OK)
		rc = sim_read(sim, cli->words, (size_t)cli->count);
	if (rc == CLI_OK) {
		sim_compare(sim, (const struct sim_scene[]){{SIM_BEFORE, &before}, {SIM_AFTER, &after}}, &shift);
		json_t *json = cli->json ? sim_json(sim, &shift) : NULL;
		if (!json)
			sim_say(sim, &shift);
		if (cli->each_region && !json)
			putchar('\n');
		if (cli->each_region)
			each_region(sim, &after, json);
		if (json)
			cli_print_json(cli, json);
		sim_shift_done(&shift);
		if (sim->interrupted)
			rc = cli_fail(CLI_FAILED, "interrupted; that was about the queries read until then");
	}
	sim_world_done(&before);
	sim_world_done(&after);
	return rc;
}

static int run(struct cli *cli)
{
	struct simulate s;
	if (!cli->count)
		return cli_fail(CLI_USAGE, "simulate needs queries; write: isobar simulate QUERY-LOG");
	memset(&s.wanted, 0, sizeof(s.wanted));
	sim_init(&s.sim, cli);
	int rc = cli->nfile ? load_proposed(cli, &s) : load_present(cli, &s);
	if (rc == CLI_OK)
		rc = simulate(cli, &s.sim);
	cli_wanted_done(&s.wanted);
	sim_done(&s.sim);
	return rc;
}

const struct verb verb_simulate = {
	"simulate", "LOG ... [-f FILE ...] [--prune] [--down NAME ...] [--n-1] [--all-up] [--format F]",
	"who would move where, under another catalog or with something down",
	"LOG is isobard's query log, a dnstap file or a list of client,name,type,count; - is standard input.\n"
	"Health is as the store has it now. Nothing is changed. Ctrl-C shows what was counted so far.\n",
	"query.log -f catalog.yaml --down seoul", "fpgD1uF", run,
	CLI_TRY, "who would move", NULL};
