/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/store/healthdb.h"
#include "simulate.h"

void sim_init(struct sim *sim, struct cli *cli)
{
	*sim = (struct sim){.cli = cli};
	isb_rng_seed(&sim->rng, 1); /* nothing that is drawn counts */
	isb_shares_init(&sim->shares);
}

void sim_done(struct sim *sim)
{
	for (int s = 0; s < SIM_SIDES; s++) { /* the older view first */
		if (s == SIM_BEFORE || !sim->one_catalog)
			isb_view_free(sim->side[s].view);
	}
	isb_cells_release(sim->networks);
	isb_geodb_free(sim->geodb);
	sim_world_done(&sim->health);
	isb_shares_done(&sim->shares);
	isb_map_done(&sim->by_target);
	isb_map_done(&sim->by_answer);
	isb_map_done(&sim->by_cell);
	free(sim->targets);
	free(sim->cells);
	free(sim->known);
	free(sim->hosts);
	isb_map_done(&sim->by_host);
	sim_spool_free(sim->spool);
	isb_arena_done(&sim->arena);
}

/* --- Health --- */

static void make_world(struct sim_world *world, uint32_t slots)
{
	*world = (struct sim_world){.slots = slots, .chunks = slots / ISB_CHUNK_WORDS + 1};
	world->words = isb_xcalloc((size_t)world->chunks * ISB_CHUNK_WORDS, sizeof(*world->words));
	world->since = isb_xcalloc((size_t)world->chunks * ISB_CHUNK_WORDS, sizeof(*world->since));
	world->down = isb_xcalloc((size_t)slots + 1, sizeof(*world->down));
	world->chunk = isb_xcalloc(world->chunks, sizeof(*world->chunk));
	world->since_chunk = isb_xcalloc(world->chunks, sizeof(*world->since_chunk));
	for (uint32_t c = 0; c < world->chunks; c++) {
		world->chunk[c] = world->words + (size_t)c * ISB_CHUNK_WORDS;
		world->since_chunk[c] = world->since + (size_t)c * ISB_CHUNK_WORDS;
	}
}

void sim_world_done(struct sim_world *world)
{
	free(world->words);
	free(world->since);
	free(world->chunk);
	free(world->since_chunk);
	free(world->down);
	*world = (struct sim_world){0};
}

/* Up for long, with the load and the latency that were seen. */
static void all_up(struct sim_world *world)
{
	for (uint32_t slot = 0; slot < world->slots; slot++) {
		struct isb_health health = isb_health_unpack(world->words[slot]);
		health.verdict = health.held = ISB_UP;
		health.soft = ISB_SOFT_FULL;
		world->words[slot] = isb_health_pack(&health);
		world->since[slot] = 0;
	}
}

void sim_world_copy(const struct sim *sim, struct sim_world *ret_world)
{
	const struct sim_side *after = &sim->side[SIM_AFTER];
	uint32_t slots = sim->health.slots > after->view->slots ? sim->health.slots : after->view->slots;
	make_world(ret_world, slots);
	memcpy(ret_world->words, sim->health.words, sim->health.slots * sizeof(*ret_world->words));
	memcpy(ret_world->since, sim->health.since, sim->health.slots * sizeof(*ret_world->since));
	if (sim->cli->all_up)
		all_up(ret_world); /* those that are new, too */
}

static int take_health(struct sim *sim, struct isb_store *store, struct isb_txn *health)
{
	struct isb_health_reader *reader;
	struct isb_health_table table = {0};
	bool unattended = false;
	make_world(&sim->health, sim->side[SIM_BEFORE].view->slots);
	int rc = isb_health_reader_new(store, &reader);
	if (rc != ISB_OK)
		return rc;
	rc = isb_health_reader_begin(reader, &table);
	if (rc == ISB_OK)
		rc = isb_probes_gone(health, sim->cli->now_ms, &unattended);
	for (uint32_t slot = 0; rc == ISB_OK && slot < sim->health.slots; slot++) {
		uint64_t word = isb_health_word(&table, slot);
		sim->health.words[slot] = unattended ? isb_health_unattended(word) : word;
		sim->health.since[slot] = isb_health_since_ms(&table, slot);
	}
	isb_health_reader_end(reader);
	isb_health_reader_free(reader);
	return rc;
}

static bool begins(const char *name, const char *pool)
{
	size_t len = strlen(pool);
	return strncmp(name, pool, len) == 0 && name[len] == '/';
}

/* isobar learns of it by its checks and by nothing else: what has none, or is forced up, goes on being answered. */
bool sim_take_down(const struct sim *sim, const char *name, struct sim_world *world)
{
	static const struct isb_health down = {.verdict = ISB_DOWN, .held = ISB_DOWN, .flip_s = ISB_FLIP_NONE};
	const struct isb_view *view = sim->side[SIM_AFTER].view;
	const struct isb_catalog *catalog = isb_view_catalog(view);
	bool region = isb_catalog_region(catalog, name) != NULL, any = region || isb_catalog_pool(catalog, name);
	for (uint32_t i = 0; i < view->plan->nendpoint; i++) {
		const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(view->plan, i);
		const char *own = isb_plan_text(view->plan, endpoint->name);
		bool meant = region ? strcmp(isb_plan_text(view->plan, endpoint->region), name) == 0
		                    : strcmp(own, name) == 0 || begins(own, name);
		if (!meant || endpoint->slot >= world->slots)
			continue;
		any = true;
		world->down[endpoint->slot] = true;
		world->since[endpoint->slot] = sim->cli->now_ms;
		world->words[endpoint->slot] = isb_health_pack(&down);
	}
	return any;
}

/* --- Targets and answers --- */

static uint32_t target_of(struct sim *sim, const char *name, const char *region)
{
	uint32_t number = sim->ntarget;
	if (isb_map_get(&sim->by_target, name, strlen(name), &number)) {
		if (*region)
			sim->targets[number].region = isb_arena_strdup(&sim->arena, region); /* where it is after */
		return number;
	}
	if (sim->ntarget == sim->target_room) {
		sim->target_room = sim->target_room ? sim->target_room * 2 : 64;
		sim->targets = isb_xrealloc(sim->targets, sim->target_room * sizeof(*sim->targets));
	}
	char *own = isb_arena_strdup(&sim->arena, name);
	sim->targets[sim->ntarget++] =
		(struct sim_target){.name = own, .region = *region ? isb_arena_strdup(&sim->arena, region) : "-"};
	isb_map_put(&sim->by_target, own, strlen(own), number);
	return number;
}

/* Numbers from SIM_TARGETS on: those below stand for what has no rdata. */
static uint32_t answer_of(struct sim *sim, const struct isb_plan *plan, const struct isb_plan_rdata *rdata, uint8_t type)
{
	const uint8_t *octets = rdata->count ? isb_plan_rdata(plan, rdata) : NULL;
	uint32_t number = SIM_TARGETS + sim->nanswer;
	if (!octets)
		return SIM_NOTHING;
	uint8_t *key = isb_arena_alloc(&sim->arena, 1u + rdata->size);
	key[0] = type;
	memcpy(key + 1, octets, rdata->size);
	if (isb_map_get(&sim->by_answer, key, 1u + rdata->size, &number))
		return number;
	isb_map_put(&sim->by_answer, key, 1u + rdata->size, number);
	sim->nanswer++;
	return number;
}

static void number_endpoints(struct sim *sim, struct sim_side *side)
{
	const struct isb_plan *plan = side->view->plan;
	side->target = isb_arena_alloc(&sim->arena, plan->nendpoint * sizeof(*side->target) + 1);
	side->answer = isb_arena_alloc(&sim->arena, plan->nendpoint * sizeof(*side->answer) + 1);
	for (uint32_t i = 0; i < plan->nendpoint; i++) {
		const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(plan, i);
		side->target[i] = target_of(sim, isb_plan_text(plan, endpoint->name), isb_plan_text(plan, endpoint->region));
		for (uint8_t t = 0; t < ISB_PLAN_TYPES; t++)
			side->answer[i][t] = answer_of(sim, plan, &endpoint->rdata[t], t);
	}
}

/* --- Names --- */

struct noting {
	struct isb_arena *arena;
	struct sim_side *side;
	const struct isb_zone_view *zone;
};

/* `dname` is relative to the zone's apex. */
static void note_record(void *arg, const uint8_t *dname, const struct isb_node *node)
{
	struct noting *n = arg;
	size_t len = isb_dname_len(dname) - 1;
	if (node->record >= n->side->view->plan->nrecord)
		return;
	n->side->node[node->record] = node;
	if (isb_dname_is_wild(dname))
		return;
	uint8_t *owner = isb_arena_alloc(n->arena, len + n->zone->apex_len);
	memcpy(owner, dname, len);
	memcpy(owner + len, n->zone->apex, n->zone->apex_len);
	n->side->owner[node->record] = owner;
}

static void note_zone(void *arg, const uint8_t *dname, const struct isb_node *node)
{
	struct noting *n = arg;
	(void)dname;
	n->zone = node->payload;
	if (n->zone)
		isb_names_walk(n->zone->root, note_record, n);
}

static void note_names(struct sim *sim, struct sim_side *side)
{
	size_t count = side->view->plan->nrecord;
	struct noting noting = {.arena = &sim->arena, .side = side};
	side->node = isb_arena_alloc(&sim->arena, count * sizeof(*side->node) + 1);
	side->owner = isb_arena_alloc(&sim->arena, count * sizeof(*side->owner) + 1);
	isb_names_walk(side->view->zones, note_zone, &noting);
}

/* --- Latencies for order fastest --- */

static int take_pace(struct sim *sim, struct isb_txn *health, const char *region, uint32_t slots,
                     struct isb_pace_table *ret)
{
	uint32_t chunks = slots / ISB_CHUNK_PACES + 1;
	uint32_t *us = isb_arena_alloc(&sim->arena, (size_t)chunks * ISB_CHUNK_PACES * sizeof(*us));
	const uint32_t **chunk = isb_arena_alloc(&sim->arena, chunks * sizeof(*chunk));
	int rc = ISB_OK;
	for (uint32_t slot = 0; rc == ISB_OK && slot < slots; slot++)
		rc = isb_pace_get(health, region, slot, &us[slot]);
	for (uint32_t c = 0; c < chunks; c++)
		chunk[c] = us + (size_t)c * ISB_CHUNK_PACES;
	*ret = (struct isb_pace_table){.chunk = chunk, .chunks = chunks};
	return rc;
}

static int take_paces(struct sim *sim, struct sim_side *side, struct isb_txn *health)
{
	const struct isb_view *view = side->view;
	int rc = ISB_OK;
	side->pace = isb_arena_alloc(&sim->arena, view->nviewpoint * sizeof(*side->pace) + 1);
	for (uint32_t i = 0; rc == ISB_OK && i < view->nviewpoint; i++)
		rc = take_pace(sim, health, view->viewpoints[i], view->slots, &side->pace[i]);
	return rc;
}

/* --- From outside --- */

static int take_cells(struct sim *sim, struct isb_store *store)
{
	struct isb_txn *latency;
	int rc = isb_txn_begin(store, ISB_ENV_LATENCY, false, &latency);
	if (rc != ISB_OK)
		return rc;
	rc = isb_cells_read(latency, sim->geodb, sim->cli->now_ms, &sim->networks);
	isb_txn_abort(latency);
	return rc;
}

int sim_load(struct sim *sim, struct isb_store *store, struct isb_diags *diags)
{
	struct isb_txn *catalog = NULL, *health = NULL;
	int rc = cli_open_geodb(sim->cli, diags, &sim->geodb);
	if (rc == ISB_OK)
		rc = take_cells(sim, store);
	if (rc == ISB_OK)
		rc = isb_txn_begin(store, ISB_ENV_CATALOG, false, &catalog);
	if (rc == ISB_OK)
		rc = isb_txn_begin(store, ISB_ENV_HEALTH, false, &health);
	if (rc == ISB_OK)
		rc = isb_view_build(&(struct isb_view_sources){.catalog = catalog, .health = health, .cells = sim->networks,
		                                               .geodb = sim->geodb},
		                    NULL, diags, &sim->side[SIM_BEFORE].view);
	if (rc == ISB_OK)
		rc = take_health(sim, store, health);
	if (rc == ISB_OK)
		rc = take_paces(sim, &sim->side[SIM_BEFORE], health);
	isb_txn_abort(health);
	isb_txn_abort(catalog);
	if (rc != ISB_OK)
		return rc;
	static const char *const nameless[SIM_TARGETS] = {
		[SIM_NOTHING] = "(nothing)", [SIM_ORDINARY] = "(ordinary records)", [SIM_GONE] = "(no such name)"};
	for (int i = 0; i < SIM_TARGETS; i++)
		target_of(sim, nameless[i], nameless[i]);
	return ISB_OK;
}

int sim_load_after(struct sim *sim, struct isb_txn *txn, struct isb_txn *health, struct isb_diags *diags)
{
	struct sim_side *before = &sim->side[SIM_BEFORE], *after = &sim->side[SIM_AFTER];
	note_names(sim, before);
	number_endpoints(sim, before);
	sim_note_hosts(sim, SIM_BEFORE);
	sim->one_catalog = !txn;
	if (sim->one_catalog) {
		*after = *before;
		return ISB_OK;
	}
	struct isb_view_sources from = {.catalog = txn, .health = health, .cells = sim->networks, .geodb = sim->geodb};
	int rc = isb_view_build(&from, before->view, diags, &after->view);
	if (rc != ISB_OK)
		return rc;
	note_names(sim, after);
	number_endpoints(sim, after);
	sim_note_hosts(sim, SIM_AFTER);
	return take_paces(sim, after, health);
}
