/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "simulate.h"

/* Nobody knows who asks: every steered name counts alike, and in each of them every IPv4 address, as far as the geo
 * databases place it (without one, all that can be a host's). The maps of both catalogs are walked side by side, once
 * for each pair of them. */

enum { UNPLACED, PLACED };
static const uint64_t hosts_end = UINT64_C(224) << 24; /* multicast and reserved addresses are behind it */

struct leaf {
	uint64_t from; /* first address */
	uint32_t cls;
};
struct leaves {
	struct leaf *list;
	size_t count, room;
};
/* Clients that are of one class before and of one class after. */
struct common {
	uint32_t cls[SIM_SIDES];
	double share;
};
struct pair {
	const struct isb_geomap *map[SIM_SIDES];
	struct common *list;
	size_t count;
};
struct even {
	struct sim *sim;
	struct leaves placed;
	struct pair *pairs;
	size_t npair;
	struct isb_map seen; /* "zone/owner" */
};

/* --- Two maps side by side --- */

static void add_leaf(void *arg, const struct isb_net *net, uint32_t cls)
{
	struct leaves *l = arg;
	const uint8_t *o = net->addr.octets;
	uint64_t from = (uint64_t)o[0] << 24 | (uint64_t)o[1] << 16 | (uint64_t)o[2] << 8 | o[3];
	if (net->addr.family != 4 || from >= hosts_end || (l->count && l->list[l->count - 1].cls == cls))
		return;
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 256;
		l->list = isb_xrealloc(l->list, l->room * sizeof(*l->list));
	}
	l->list[l->count++] = (struct leaf){from, cls};
}

static struct leaves leaves_of(const struct isb_geomap *map, uint32_t without)
{
	struct leaves l = {0};
	static const struct isb_net all = {.addr.family = 4};
	if (map)
		isb_geomap_each(map, add_leaf, &l);
	if (!l.count)
		add_leaf(&l, &all, without);
	return l;
}

static uint64_t end_of(const struct leaves *l, size_t i)
{
	return i + 1 < l->count ? l->list[i + 1].from : hosts_end;
}

static void add_common(struct pair *pair, struct isb_map *known, struct isb_arena *arena, uint32_t before, uint32_t after,
                       double addresses)
{
	uint32_t at, key[2] = {before, after};
	if (!isb_map_get(known, key, sizeof(key), &at)) {
		at = (uint32_t)pair->count;
		if (!(pair->count & (pair->count - 1)))
			pair->list = isb_xrealloc(pair->list, (pair->count ? pair->count * 2 : 1) * sizeof(*pair->list));
		pair->list[pair->count++] = (struct common){.cls = {before, after}};
		isb_map_put(known, isb_arena_memdup(arena, key, sizeof(key)), sizeof(key), at);
	}
	pair->list[at].share += addresses;
}

static void walk(struct pair *pair, const struct leaves *b, const struct leaves *a, const struct leaves *placed)
{
	struct isb_map known = {0};
	struct isb_arena arena = {0};
	double sum = 0;
	size_t i = 0, j = 0, k = 0;
	for (uint64_t at = 0, to; at < hosts_end; at = to) {
		to = end_of(b, i) < end_of(a, j) ? end_of(b, i) : end_of(a, j);
		if (end_of(placed, k) < to)
			to = end_of(placed, k);
		if (placed->list[k].cls == PLACED) {
			add_common(pair, &known, &arena, b->list[i].cls, a->list[j].cls, (double)(to - at));
			sum += (double)(to - at);
		}
		i += end_of(b, i) == to, j += end_of(a, j) == to, k += end_of(placed, k) == to;
	}
	for (size_t n = 0; n < pair->count; n++)
		pair->list[n].share /= sum;
	isb_map_done(&known);
	isb_arena_done(&arena);
}

static const struct pair *pair_of(struct even *e, const struct isb_geomap *before, const struct isb_geomap *after)
{
	for (size_t i = 0; i < e->npair; i++)
		if (e->pairs[i].map[SIM_BEFORE] == before && e->pairs[i].map[SIM_AFTER] == after)
			return &e->pairs[i];
	e->pairs = isb_xrealloc(e->pairs, (e->npair + 1) * sizeof(*e->pairs));
	struct pair *pair = &e->pairs[e->npair++];
	*pair = (struct pair){.map = {before, after}};
	struct leaves b = leaves_of(before, 0), a = leaves_of(after, 0);
	walk(pair, &b, &a, &e->placed);
	free(b.list);
	free(a.list);
	return pair;
}

/* --- Names --- */

static const struct isb_geomap *map_of(const struct sim_side *side, const struct sim_place *place)
{
	const struct isb_plan_record *record = isb_plan_record(side->view->plan, place->record);
	return record && record->map != ISB_NO_MAP ? side->view->maps[record->map] : NULL;
}

static void add_name(struct even *e, const struct isb_zone *zone, const struct isb_record *record)
{
	struct sim *sim = e->sim;
	uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX], lower[ISB_DNAME_MAX];
	struct sim_place place[SIM_SIDES];
	if (isb_dname_parse(zone->name, NULL, apex) < 0 || isb_dname_parse(record->owner, apex, owner) < 0)
		return;
	isb_dname_lower(owner, lower);
	for (size_t t = 0; t < record->ntype; t++) {
		char type[ISB_TYPE_TEXT];
		uint32_t seen;
		const char *key = isb_arena_printf(&sim->arena, "%s/%s/%s", zone->name, record->owner,
		                                   isb_type_print(record->types[t], type));
		if (isb_map_get(&e->seen, key, strlen(key), &seen))
			continue;
		isb_map_put(&e->seen, key, strlen(key), 1);
		sim_find_places(sim, lower, record->types[t], place);
		if (place[SIM_BEFORE].kind != SIM_STEERED && place[SIM_AFTER].kind != SIM_STEERED)
			continue; /* below a delegation */
		const struct pair *pair = pair_of(e, map_of(&sim->side[SIM_BEFORE], &place[SIM_BEFORE]),
		                                  map_of(&sim->side[SIM_AFTER], &place[SIM_AFTER]));
		for (size_t i = 0; i < pair->count; i++)
			sim_add(sim, place, pair->list[i].cls, record->types[t], pair->list[i].share / (double)record->ntype);
	}
}

static uint32_t is_placed(void *arg, const struct isb_facts *facts)
{
	(void)arg;
	return facts->geo->country[0] || facts->geo->located ? PLACED : UNPLACED;
}

static bool any_placed(const struct leaves *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->list[i].cls == PLACED)
			return true;
	return false;
}

static void find_placed(struct even *e)
{
	struct isb_geomap *map = e->sim->geodb ? isb_geomap_new(e->sim->geodb, NULL, 0, NULL, 0, is_placed, NULL) : NULL;
	e->placed = leaves_of(map, PLACED);
	e->sim->even_placed = map != NULL && any_placed(&e->placed);
	if (!any_placed(&e->placed)) { /* a database of IPv6 only */
		free(e->placed.list);
		e->placed = leaves_of(NULL, PLACED);
	}
	isb_geomap_free(map);
}

void sim_even(struct sim *sim)
{
	struct even e = {.sim = sim};
	sim->even = true;
	find_placed(&e);
	for (int s = 0; s < SIM_SIDES; s++) {
		const struct isb_catalog *catalog = isb_view_catalog(sim->side[s].view);
		for (size_t i = 0; i < catalog->nzone; i++)
			for (size_t j = 0; j < catalog->zones[i].nrecord; j++)
				add_name(&e, &catalog->zones[i], &catalog->zones[i].records[j]);
	}
	for (size_t i = 0; i < e.npair; i++)
		free(e.pairs[i].list);
	free(e.pairs);
	free(e.placed.list);
	isb_map_done(&e.seen);
}
