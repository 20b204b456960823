/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/rr.h"
#include "simulate.h"

/* Nobody knows who asks: every steered name counts alike, and in each of them every IPv4 address, as far as the geo
 * databases place it (without one, all that can be a host's). The maps of both catalogs are walked side by side, once
 * for each pair of them (or more, where a record leads to others). */

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
/* Maps that are walked together: the record's before and after, then those of records that each leads to. */
enum { MAPS = SIM_SIDES * (1 + SIM_FURTHER) };
struct maps {
	const struct isb_geomap *list[MAPS]; /* NULL: all are of one class */
	size_t count;
};
/* Clients that are of one class in each. */
struct common {
	uint32_t cls[MAPS];
	double share;
};
struct pair {
	struct maps maps;
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

/* --- Maps side by side --- */

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

static void add_common(struct pair *pair, struct isb_map *known, struct isb_arena *arena, const uint32_t cls[MAPS],
                       double addresses)
{
	size_t size = pair->maps.count * sizeof(*cls);
	uint32_t at;
	if (!isb_map_get(known, cls, size, &at)) {
		at = (uint32_t)pair->count;
		if (!(pair->count & (pair->count - 1)))
			pair->list = isb_xrealloc(pair->list, (pair->count ? pair->count * 2 : 1) * sizeof(*pair->list));
		struct common *common = &pair->list[pair->count++];
		*common = (struct common){.share = 0};
		memcpy(common->cls, cls, size);
		isb_map_put(known, isb_arena_memdup(arena, cls, size), size, at);
	}
	pair->list[at].share += addresses;
}

static void walk(struct pair *pair, const struct leaves leaves[MAPS], const struct leaves *placed)
{
	struct isb_map known = {0};
	struct isb_arena arena = {0};
	double sum = 0;
	size_t i[MAPS] = {0}, k = 0, n = pair->maps.count;
	for (uint64_t at = 0, to; at < hosts_end; at = to) {
		uint32_t cls[MAPS];
		to = end_of(placed, k);
		for (size_t m = 0; m < n; m++) {
			cls[m] = leaves[m].list[i[m]].cls;
			if (end_of(&leaves[m], i[m]) < to)
				to = end_of(&leaves[m], i[m]);
		}
		if (placed->list[k].cls == PLACED) {
			add_common(pair, &known, &arena, cls, (double)(to - at));
			sum += (double)(to - at);
		}
		for (size_t m = 0; m < n; m++)
			i[m] += end_of(&leaves[m], i[m]) == to;
		k += end_of(placed, k) == to;
	}
	for (size_t c = 0; c < pair->count; c++)
		pair->list[c].share /= sum;
	isb_map_done(&known);
	isb_arena_done(&arena);
}

static const struct pair *pair_of(struct even *e, const struct maps *maps)
{
	struct leaves leaves[MAPS];
	for (size_t i = 0; i < e->npair; i++)
		if (e->pairs[i].maps.count == maps->count &&
		    memcmp(e->pairs[i].maps.list, maps->list, maps->count * sizeof(maps->list[0])) == 0)
			return &e->pairs[i];
	e->pairs = isb_xrealloc(e->pairs, (e->npair + 1) * sizeof(*e->pairs));
	struct pair *pair = &e->pairs[e->npair++];
	*pair = (struct pair){.maps = *maps};
	for (size_t m = 0; m < maps->count; m++)
		leaves[m] = leaves_of(maps->list[m], 0);
	walk(pair, leaves, &e->placed);
	for (size_t m = 0; m < maps->count; m++)
		free(leaves[m].list);
	return pair;
}

/* --- Names --- */

static const struct isb_geomap *map_of(const struct sim_side *side, const struct sim_place *place)
{
	const struct isb_plan_record *record = isb_plan_record(side->view->plan, place->record);
	return record && record->map != ISB_NO_MAP ? side->view->maps[record->map] : NULL;
}

static struct maps maps_of(const struct sim *sim, const struct sim_place place[SIM_SIDES], uint16_t type)
{
	struct maps maps = {.count = SIM_SIDES};
	for (int s = 0; s < SIM_SIDES; s++) {
		const struct sim_side *side = &sim->side[s];
		maps.list[s] = map_of(side, &place[s]);
		for (uint32_t i = 0; i < side->nfurther && sim_leads_on(&place[s], type); i++)
			maps.list[maps.count++] = side->view->maps[side->further[i]];
	}
	return maps;
}

static void add_clients(struct even *e, const struct sim_place place[SIM_SIDES], uint16_t type, double count)
{
	struct sim *sim = e->sim;
	struct maps maps = maps_of(sim, place, type);
	const struct pair *pair = pair_of(e, &maps);
	for (size_t i = 0; i < pair->count; i++) {
		struct sim_client client[SIM_SIDES] = {{.cls = 0}};
		size_t m = SIM_SIDES;
		for (int s = 0; s < SIM_SIDES; s++) {
			client[s].cls = pair->list[i].cls[s];
			for (uint32_t k = 0; k < sim->side[s].nfurther && sim_leads_on(&place[s], type); k++)
				client[s].further[k] = pair->list[i].cls[m++];
		}
		sim_add(sim, place, client, type, pair->list[i].share * count);
	}
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
		/* nobody asks for these two, but for an address behind them */
		bool name = record->types[t] == ISB_CNAME || record->types[t] == ISB_ALIAS;
		uint16_t asked = name ? (uint16_t)ISB_A : record->types[t];
		char type[ISB_TYPE_TEXT];
		uint32_t seen;
		const char *key = isb_arena_printf(&sim->arena, "%s/%s/%s", zone->name, record->owner,
		                                   isb_type_print(asked, type));
		if (isb_map_get(&e->seen, key, strlen(key), &seen))
			continue;
		isb_map_put(&e->seen, key, strlen(key), 1);
		sim_find_places(sim, lower, asked, place);
		/* neither: below a delegation */
		if (place[SIM_BEFORE].kind == SIM_STEERED || place[SIM_AFTER].kind == SIM_STEERED)
			add_clients(e, place, asked, 1 / (double)record->ntype);
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
