/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/model/rr.h"
#include "simulate.h"

/* What a cell is answered with. A CNAME or ALIAS that is steered may lead to names of ours that are steered again: the
 * share of each host goes on to where its own record sends it. What comes to one record by many ways goes on from there
 * as one, so that the time is that of the records and not of the ways. */

enum { ALIAS_MAX = 4 }; /* as dns/answer_alias.c */

struct stop {
	uint32_t record;
	uint16_t asked;
	uint8_t type, aliases; /* followed so far */
	bool failopen;         /* on the way here */
	double share;
};
struct stops {
	struct stop *list;
	size_t count, room;
};
struct walk {
	struct sim *sim;
	const struct sim_scene *scene;
	const struct sim_side *side;
	const struct sim_cell *cell;
	struct sim_answers *answers;
	struct stops next;
};

/* --- Hosts --- */

bool sim_leads_on(const struct sim_place *place, uint16_t asked)
{
	return place->kind == SIM_STEERED &&
	       (place->type == ISB_PLAN_ALIAS || (place->type == ISB_PLAN_CNAME && asked != ISB_CNAME && asked != ISB_ANY));
}

static const uint8_t *host_of(const struct isb_plan *plan, uint32_t endpoint, uint8_t type)
{
	const struct isb_plan_rdata *rdata = &isb_plan_endpoint(plan, endpoint)->rdata[type];
	const uint8_t *octets = rdata->count ? isb_plan_rdata(plan, rdata) : NULL;
	return octets ? octets + 2 : NULL;
}

static uint32_t further_of(const struct sim_side *side, uint32_t map)
{
	uint32_t i = 0;
	while (i < side->nfurther && side->further[i] != map)
		i++;
	return i;
}

static void note_map(struct sim_side *side, uint32_t number)
{
	const struct isb_plan_record *record = isb_plan_record(side->view->plan, number);
	if (record && record->map != ISB_NO_MAP && side->nfurther < SIM_FURTHER &&
	    further_of(side, record->map) == side->nfurther)
		side->further[side->nfurther++] = record->map;
}

void sim_note_hosts(struct sim *sim, int number)
{
	static const uint8_t ways[] = {ISB_PLAN_CNAME, ISB_PLAN_ALIAS};
	struct sim_side *side = &sim->side[number];
	for (uint32_t e = 0; e < side->view->plan->nendpoint; e++)
		for (size_t w = 0; w < sizeof(ways); w++) {
			const uint8_t *host = host_of(side->view->plan, e, ways[w]);
			for (enum isb_plan_type t = 0; host && t < ISB_PLAN_TYPES; t++) {
				struct sim_place place;
				if (t == ISB_PLAN_CNAME || t == ISB_PLAN_ALIAS)
					continue;
				sim_find_place(sim, number, host, isb_plan_type_rr(t), &place);
				if (place.kind == SIM_STEERED)
					note_map(side, place.record);
				if (place.kind == SIM_NOT_OURS)
					break;
			}
		}
}

static struct sim_place place_of(struct walk *w, uint32_t endpoint, uint8_t type, uint16_t asked)
{
	struct sim *sim = w->sim;
	uint32_t at, key[4] = {(uint32_t)(w->side - sim->side), endpoint, type, asked};
	if (!isb_map_get(&sim->by_host, key, sizeof(key), &at)) {
		at = (uint32_t)sim->nhost;
		if (!(sim->nhost & (sim->nhost - 1))) /* grows at powers of two */
			sim->hosts = isb_xrealloc(sim->hosts, (sim->nhost ? sim->nhost * 2 : 1) * sizeof(*sim->hosts));
		sim_find_place(sim, (int)key[0], host_of(w->side->view->plan, endpoint, type), asked,
		               &sim->hosts[sim->nhost++]);
		isb_map_put(&sim->by_host, isb_arena_memdup(&sim->arena, key, sizeof(key)), sizeof(key), at);
	}
	return sim->hosts[at];
}

/* --- One step --- */

static void add(struct walk *w, uint32_t target, uint32_t answer, double share)
{
	struct sim_answers *a = w->answers;
	if (a->count == a->room) {
		a->room = a->room ? a->room * 2 : 16;
		a->list = isb_xrealloc(a->list, a->room * sizeof(*a->list));
	}
	a->list[a->count++] = (struct sim_answer){.target = target, .answer = answer, .share = share};
}

static void add_stop(struct stops *stops, const struct stop *stop)
{
	for (size_t i = 0; i < stops->count; i++) {
		struct stop *s = &stops->list[i];
		if (s->record == stop->record && s->asked == stop->asked && s->type == stop->type &&
		    s->aliases == stop->aliases && s->failopen == stop->failopen) {
			s->share += stop->share;
			return;
		}
	}
	if (stops->count == stops->room) {
		stops->room = stops->room ? stops->room * 2 : 8;
		stops->list = isb_xrealloc(stops->list, stops->room * sizeof(*stops->list));
	}
	stops->list[stops->count++] = *stop;
}

/* False: the client's class for this record was not noted. */
static bool class_at(const struct walk *w, uint32_t number, uint32_t *ret_cls)
{
	const struct isb_plan_record *record = isb_plan_record(w->side->view->plan, number);
	uint32_t i = record ? further_of(w->side, record->map) : w->side->nfurther;
	*ret_cls = 0;
	if (record && record->map == ISB_NO_MAP)
		return true;
	if (i < w->side->nfurther)
		*ret_cls = w->cell->further[w->scene->side][i];
	return i < w->side->nfurther;
}

/* True: the host is a name of ours, and what it is answered with counts in place of the endpoint. */
static bool go_on(struct walk *w, const struct stop *from, uint32_t endpoint, double share)
{
	bool alias = from->type == ISB_PLAN_ALIAS;
	struct stop stop = {.asked = alias ? from->asked == ISB_AAAA ? ISB_AAAA : ISB_A : from->asked,
	                    .aliases = (uint8_t)(from->aliases + alias), .failopen = from->failopen, .share = share};
	struct sim_place place = {.kind = SIM_STEERED, .type = from->type};
	uint32_t cls;
	if (!sim_leads_on(&place, from->asked) || stop.aliases > ALIAS_MAX)
		return false;
	place = place_of(w, endpoint, from->type, stop.asked);
	if (place.kind == SIM_NO_DATA || place.kind == SIM_NO_NAME) {
		uint32_t none = place.kind == SIM_NO_NAME && !alias ? SIM_GONE : SIM_NOTHING;
		add(w, none, none, share);
		return true;
	}
	if (place.kind != SIM_STEERED || !class_at(w, place.record, &cls))
		return false;
	stop.record = place.record;
	stop.type = place.type;
	add_stop(&w->next, &stop);
	return true;
}

static uint32_t underneath(const struct sim_side *side, uint32_t record, uint16_t type)
{
	const struct isb_node *node = side->node[record];
	bool any = node && (node->flags & ISB_NODE_CNAME ||
	                    (type == ISB_ANY ? node->nset > 0 : isb_node_set(node, type) != NULL));
	return any ? SIM_ORDINARY : SIM_NOTHING;
}

static void step(struct walk *w, struct stop *stop, uint32_t cls, bool last)
{
	const struct sim_side *side = w->side;
	const struct sim_world *world = w->scene->world;
	struct isb_shares *shares = &w->sim->shares;
	const struct isb_health_table health = {.chunk = world->chunk, .chunks = world->chunks, .since = world->since_chunk,
	                                        .pace = side->pace, .npace = side->view->nviewpoint};
	struct isb_steer_state state = {.health = &health, .admin = side->view->admin, .nadmin = side->view->nadmin,
	                                .now_ms = w->sim->cli->now_ms, .name = side->owner[stop->record]};
	isb_shares_find(shares, side->view->plan, isb_plan_record(side->view->plan, stop->record), cls, &state);
	if (shares->failopen && !stop->failopen)
		w->answers->failopen += stop->share;
	stop->failopen |= shares->failopen;
	if (shares->kind != ISB_CHOICE_ANSWER) {
		uint32_t who = shares->kind == ISB_CHOICE_NODATA ? (uint32_t)SIM_NOTHING
		                                                 : underneath(side, stop->record, stop->asked);
		add(w, who, who, stop->share);
		return;
	}
	for (size_t i = 0; i < shares->count; i++) {
		uint32_t at = shares->list[i].endpoint, answer = side->answer[at][stop->type];
		double share = stop->share * shares->list[i].share;
		if (answer == SIM_NOTHING) /* an endpoint without an address of the family is NODATA, not a load */
			add(w, SIM_NOTHING, SIM_NOTHING, share);
		else if (last || !go_on(w, stop, at, share))
			add(w, side->target[at], answer, share);
	}
}

/* --- The whole --- */

void sim_answers_find(struct sim *sim, const struct sim_scene *scene, const struct sim_cell *cell,
                      struct sim_answers *answers)
{
	static const uint32_t plain[] = {[SIM_NOT_OURS] = SIM_GONE, [SIM_NO_NAME] = SIM_GONE, [SIM_NO_DATA] = SIM_NOTHING,
	                                 [SIM_PLAIN] = SIM_ORDINARY};
	const struct sim_place *place = &cell->place[scene->side];
	struct walk w = {.sim = sim, .scene = scene, .side = &sim->side[sim->one_catalog ? SIM_BEFORE : scene->side],
	                 .cell = cell, .answers = answers};
	struct stop first = {.record = place->record, .asked = cell->type, .type = place->type, .share = 1};
	struct stops now = {.list = NULL};
	answers->count = 0;
	answers->failopen = 0;
	if (place->kind != SIM_STEERED) {
		add(&w, plain[place->kind], plain[place->kind], 1);
		return;
	}
	step(&w, &first, cell->cls[scene->side], false);
	for (unsigned links = 2; w.next.count; links++) { /* what goes round in circles ends at its last host */
		struct stops taken = now;
		now = w.next;
		w.next = taken;
		w.next.count = 0;
		for (size_t i = 0; i < now.count; i++) {
			uint32_t cls;
			class_at(&w, now.list[i].record, &cls);
			step(&w, &now.list[i], cls, links == ISB_CHAIN_MAX);
		}
	}
	free(now.list);
	free(w.next.list);
}
