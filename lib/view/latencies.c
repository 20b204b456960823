/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/hash.h"
#include "tree.h"

/* Round trips between two regions, as the probes of the one measure them. */
struct pair {
	const struct isb_region *from, *to;
	uint32_t rtt_us;
};

struct isb_latencies {
	struct isb_arena *arena;
	const struct isb_catalog *catalog;
	const struct isb_cells *cells;
	uint32_t *region_of; /* by the catalog's regions: number in cells; UINT32_MAX: nothing was measured to it */
	struct pair *pairs;
	size_t npair, pair_cap;
	uint64_t probe_fingerprint;
	struct isb_rtt_source source;
};

static struct isb_rtt from_cell(void *arg, uint32_t id, const struct isb_region *region)
{
	const struct isb_latencies *l = arg;
	return isb_cells_get(l->cells, id, l->region_of[region - l->catalog->regions]);
}

static uint32_t rollup(void *arg, const struct isb_geo_facts *geo, enum isb_rollup to)
{
	const struct isb_latencies *l = arg;
	return isb_cells_rollup(l->cells, geo, to);
}

static const char *name(void *arg, uint32_t id, char out[ISB_CELL_TEXT])
{
	const struct isb_latencies *l = arg;
	return isb_cells_name(l->cells, id, out);
}

/* The probes of the client's nearest region that has any speak for the client. */
static uint32_t from_probe(void *arg, const struct isb_geo_facts *geo, const struct isb_region *region)
{
	const struct isb_latencies *l = arg;
	const struct isb_region *near = NULL;
	double near_km = 0;
	for (size_t i = 0; i < l->npair; i++) {
		const struct isb_region *from = l->pairs[i].from;
		double km = isb_distance_km(geo->latitude, geo->longitude, from->latitude, from->longitude);
		if (!near || km < near_km) {
			near = from;
			near_km = km;
		}
	}
	for (size_t i = 0; i < l->npair; i++)
		if (l->pairs[i].from == near && l->pairs[i].to == region)
			return l->pairs[i].rtt_us;
	return 0;
}

static uint32_t find_region(const struct isb_cells *cells, const char *name_wanted)
{
	const char *at;
	for (uint32_t i = 0; (at = isb_cells_region(cells, i)); i++)
		if (strcmp(at, name_wanted) == 0)
			return i;
	return UINT32_MAX;
}

struct isb_latencies *isb_latencies_new(struct isb_arena *arena, const struct isb_catalog *catalog,
                                        const struct isb_cells *cells)
{
	struct isb_latencies *l = isb_arena_alloc(arena, sizeof(*l));
	l->arena = arena;
	l->catalog = catalog;
	l->cells = cells;
	l->region_of = isb_arena_alloc(arena, catalog->nregion * sizeof(*l->region_of));
	for (size_t i = 0; i < catalog->nregion; i++)
		l->region_of[i] = find_region(cells, catalog->regions[i].name);
	l->source = (struct isb_rtt_source){.arg = l, .cell = from_cell, .rollup = rollup, .name = name, .probe = from_probe};
	return l;
}

void isb_latencies_add_probe(struct isb_latencies *l, const char *from_name, const char *to_name, uint32_t rtt_us)
{
	const struct isb_region *from = isb_catalog_region(l->catalog, from_name), *to = isb_catalog_region(l->catalog, to_name);
	if (!from || !to)
		return;
	if (l->npair == l->pair_cap) {
		size_t cap = l->pair_cap ? l->pair_cap * 2 : 16, size = sizeof(*l->pairs);
		l->pairs = isb_arena_grow(l->arena, l->pairs, l->pair_cap * size, cap * size);
		l->pair_cap = cap;
	}
	l->pairs[l->npair++] = (struct pair){from, to, rtt_us};
	const double place[] = {from->latitude, from->longitude};
	uint64_t h = isb_hash(from_name, strlen(from_name), l->probe_fingerprint ^ rtt_us);
	l->probe_fingerprint = isb_hash(place, sizeof(place), isb_hash(to_name, strlen(to_name), h));
}

const struct isb_rtt_source *isb_latencies_source(const struct isb_latencies *l)
{
	return &l->source;
}

const struct isb_cells *isb_latencies_cells(const struct isb_latencies *l)
{
	return l->cells;
}

uint64_t isb_latencies_fingerprint(const struct isb_latencies *l)
{
	return isb_hash_mix(isb_cells_fingerprint(l->cells), l->probe_fingerprint);
}
