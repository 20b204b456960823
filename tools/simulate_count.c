/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/base/hash.h"
#include "isobar/model/rr.h"
#include "simulate.h"

/* Where a name leads is found by the code that answers, and remembered for the names that are asked for most: a table of
 * fixed size in which the newest name takes the place of another. */

enum { KNOWN = 1 << 15 };
struct sim_known {
	uint8_t name[ISB_DNAME_MAX];
	bool used;
	uint16_t type;
	struct sim_place place[SIM_SIDES];
};

static enum sim_kind kind_of(const struct isb_answer *a)
{
	if (a->steered)
		return SIM_STEERED;
	if (a->rcode == ISB_REFUSED)
		return SIM_NOT_OURS;
	if (a->rcode != ISB_NOERROR)
		return SIM_NO_NAME;
	return a->referral || (a->count && a->part[0].section == ISB_ANSWER) ? SIM_PLAIN : SIM_NO_DATA;
}

static void find_place(struct sim *sim, int side, struct sim_place *ret)
{
	static const struct isb_addr anybody = {.family = 4};
	static const struct isb_health_table unseen = {0};
	struct isb_steer_state state = {.health = &unseen, .rng = &sim->rng, .client = &anybody};
	isb_answer_init(&sim->found, ISB_NOERROR);
	isb_answer_find(&sim->found, sim->side[side].view, &sim->query, &anybody, &state);
	*ret = (struct sim_place){.kind = (uint8_t)kind_of(&sim->found), .record = ISB_NO_RECORD};
	if (ret->kind == SIM_STEERED) {
		ret->record = sim->found.record;
		ret->type = (uint8_t)sim->found.record_type;
	}
}

void sim_find_places(struct sim *sim, const uint8_t *name, uint16_t type, struct sim_place ret_place[SIM_SIDES])
{
	sim->query.qtype = type;
	isb_name_set(&sim->query.name, name);
	find_place(sim, SIM_BEFORE, &ret_place[SIM_BEFORE]);
	if (sim->one_catalog)
		ret_place[SIM_AFTER] = ret_place[SIM_BEFORE];
	else
		find_place(sim, SIM_AFTER, &ret_place[SIM_AFTER]);
}

static const struct sim_place *places(struct sim *sim, const struct isb_traffic_row *row)
{
	size_t len = isb_dname_len(row->name);
	if (!sim->known)
		sim->known = isb_xcalloc(KNOWN, sizeof(*sim->known));
	struct sim_known *known = &sim->known[isb_hash(row->name, len, row->type) % KNOWN];
	if (!known->used || known->type != row->type || memcmp(known->name, row->name, len) != 0) {
		known->used = true;
		known->type = row->type;
		memcpy(known->name, row->name, len);
		sim_find_places(sim, row->name, row->type, known->place);
	}
	return known->place;
}

/* Two classes with one root are one. */
static uint32_t root_of(const struct sim_side *side, const struct sim_place *place, uint32_t cls)
{
	const struct isb_plan_record *record = isb_plan_record(side->view->plan, place->record);
	const struct isb_plan_node *root = record ? isb_plan_root(side->view->plan, record, cls) : NULL;
	return root ? (uint32_t)((const char *)root - (const char *)side->view->plan) : ISB_NO_NODE;
}

void sim_add(struct sim *sim, const struct sim_place place[SIM_SIDES], const uint32_t cls[SIM_SIDES], uint16_t type,
             double count)
{
	struct {
		struct sim_place place[SIM_SIDES];
		uint32_t root[SIM_SIDES], type;
	} key;
	uint32_t at;
	memset(&key, 0, sizeof(key)); /* paddings are compared, too */
	for (int s = 0; s < SIM_SIDES; s++) {
		key.place[s].record = place[s].record;
		key.place[s].kind = place[s].kind;
		key.place[s].type = place[s].type;
		key.root[s] = root_of(&sim->side[s], &place[s], cls[s]);
	}
	key.type = type;
	if (!isb_map_get(&sim->by_cell, &key, sizeof(key), &at)) {
		at = (uint32_t)sim->ncell;
		if (sim->ncell == sim->cell_room) {
			sim->cell_room = sim->cell_room ? sim->cell_room * 2 : 256;
			sim->cells = isb_xrealloc(sim->cells, sim->cell_room * sizeof(*sim->cells));
		}
		sim->cells[sim->ncell++] = (struct sim_cell){
			.place = {place[SIM_BEFORE], place[SIM_AFTER]}, .cls = {cls[SIM_BEFORE], cls[SIM_AFTER]}, .type = type};
		isb_map_put(&sim->by_cell, isb_arena_memdup(&sim->arena, &key, sizeof(key)), sizeof(key), at);
	}
	sim->cells[at].count += count;
}

static uint32_t class_of(const struct sim_side *side, const struct sim_place *place, const struct isb_addr *client)
{
	const struct isb_plan_record *record = isb_plan_record(side->view->plan, place->record);
	return record && record->map != ISB_NO_MAP ? isb_geomap_find(side->view->maps[record->map], client).cls : 0;
}

void sim_count(struct sim *sim, const struct isb_traffic_row *row)
{
	double count = (double)row->count;
	sim->queries += count;
	if (!isb_type_is_data(row->type) && row->type != ISB_ANY) {
		sim->not_ours += count; /* refused whatever the name (respond.c) */
		return;
	}
	const struct sim_place *place = places(sim, row);
	if (place[SIM_BEFORE].kind != SIM_STEERED && place[SIM_AFTER].kind != SIM_STEERED) {
		bool ours = place[SIM_BEFORE].kind != SIM_NOT_OURS || place[SIM_AFTER].kind != SIM_NOT_OURS;
		*(ours ? &sim->not_steered : &sim->not_ours) += count;
		return;
	}
	uint32_t cls[SIM_SIDES];
	for (int s = 0; s < SIM_SIDES; s++)
		cls[s] = s && sim->one_catalog ? cls[0] : class_of(&sim->side[s], &place[s], &row->client);
	sim_add(sim, place, cls, row->type, count);
}
