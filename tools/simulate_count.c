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

void sim_find_place(struct sim *sim, int side, const uint8_t *name, uint16_t type, struct sim_place *ret_place)
{
	static const struct isb_addr anybody = {.family = 4};
	static const struct isb_health_table unseen = {0};
	struct isb_steer_state state = {.health = &unseen, .rng = &sim->rng, .client = &anybody};
	sim->query.qtype = type;
	isb_name_set(&sim->query.name, name);
	isb_answer_init(&sim->found, ISB_NOERROR);
	isb_answer_find(&sim->found, sim->side[side].view, &sim->query, &anybody, &state);
	*ret_place = (struct sim_place){.kind = (uint8_t)kind_of(&sim->found), .record = ISB_NO_RECORD};
	if (ret_place->kind == SIM_STEERED) {
		ret_place->record = sim->found.record;
		ret_place->type = (uint8_t)sim->found.record_type;
	}
}

void sim_find_places(struct sim *sim, const uint8_t *name, uint16_t type, struct sim_place ret_place[SIM_SIDES])
{
	sim_find_place(sim, SIM_BEFORE, name, type, &ret_place[SIM_BEFORE]);
	if (sim->one_catalog)
		ret_place[SIM_AFTER] = ret_place[SIM_BEFORE];
	else
		sim_find_place(sim, SIM_AFTER, name, type, &ret_place[SIM_AFTER]);
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

void sim_add(struct sim *sim, const struct sim_place place[SIM_SIDES], const struct sim_client client[SIM_SIDES],
             uint16_t type, double count)
{
	struct key {
		struct sim_place place[SIM_SIDES];
		uint32_t root[SIM_SIDES], further[SIM_SIDES][SIM_FURTHER], type;
	} key, *kept;
	uint32_t at;
	memset(&key, 0, sizeof(key)); /* paddings are compared, too */
	for (int s = 0; s < SIM_SIDES; s++) {
		key.place[s].record = place[s].record;
		key.place[s].kind = place[s].kind;
		key.place[s].type = place[s].type;
		key.root[s] = root_of(&sim->side[s], &place[s], client[s].cls);
		if (sim_leads_on(&place[s], type))
			memcpy(key.further[s], client[s].further, sim->side[s].nfurther * sizeof(uint32_t));
	}
	key.type = type;
	if (!isb_map_get(&sim->by_cell, &key, sizeof(key), &at)) {
		at = (uint32_t)sim->ncell;
		if (sim->ncell == sim->cell_room) {
			sim->cell_room = sim->cell_room ? sim->cell_room * 2 : 256;
			sim->cells = isb_xrealloc(sim->cells, sim->cell_room * sizeof(*sim->cells));
		}
		kept = isb_arena_memdup(&sim->arena, &key, sizeof(key));
		sim->cells[sim->ncell++] = (struct sim_cell){
			.place = {place[SIM_BEFORE], place[SIM_AFTER]}, .cls = {client[SIM_BEFORE].cls, client[SIM_AFTER].cls},
			.further = {kept->further[SIM_BEFORE], kept->further[SIM_AFTER]}, .type = type};
		isb_map_put(&sim->by_cell, kept, sizeof(key), at);
	}
	sim->cells[at].count += count;
}

static struct sim_client client_of(const struct sim_side *side, const struct sim_place *place, uint16_t type,
                                   const struct isb_addr *addr)
{
	const struct isb_plan_record *record = isb_plan_record(side->view->plan, place->record);
	struct sim_client client = {.cls = 0};
	if (record && record->map != ISB_NO_MAP)
		client.cls = isb_geomap_find(side->view->maps[record->map], addr).cls;
	for (uint32_t i = 0; i < side->nfurther && sim_leads_on(place, type); i++)
		client.further[i] = isb_geomap_find(side->view->maps[side->further[i]], addr).cls;
	return client;
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
	struct sim_client client[SIM_SIDES];
	for (int s = 0; s < SIM_SIDES; s++)
		client[s] = s && sim->one_catalog ? client[0] : client_of(&sim->side[s], &place[s], row->type, &row->client);
	sim_add(sim, place, client, row->type, count);
}
