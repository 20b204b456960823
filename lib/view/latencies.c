/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/hash.h"
#include "tree.h"

/* Round trips by cell (a client network) and region, and by pair of regions. */
struct row {
	uint32_t cell;
	const struct isb_region *region;
	uint32_t rtt_us;
};

struct pair {
	const struct isb_region *from, *to;
	uint32_t rtt_us;
};

struct isb_latencies {
	struct isb_arena *arena;
	const struct isb_catalog *catalog;
	struct isb_prefix *cells;
	size_t ncell, cell_cap;
	struct row *rows;
	size_t nrow, row_cap;
	struct pair *pairs;
	size_t npair, pair_cap;
	uint64_t fingerprint;
	struct isb_rtt_source source;
};

static uint32_t from_cell(void *arg, uint32_t id, const struct isb_region *region);
static uint32_t from_probe(void *arg, const struct isb_geo_facts *geo, const struct isb_region *region);

struct isb_latencies *isb_latencies_new(struct isb_arena *arena, const struct isb_catalog *catalog)
{
	struct isb_latencies *l = isb_arena_alloc(arena, sizeof(*l));
	l->arena = arena;
	l->catalog = catalog;
	l->source = (struct isb_rtt_source){.arg = l, .cell = from_cell, .probe = from_probe};
	return l;
}

/* Rows come ordered by network, so a new network is a new cell and cells are ascending. */
void isb_latencies_add(struct isb_latencies *l, const struct isb_net *net, const char *region_name, uint32_t rtt_us)
{
	const struct isb_region *region = isb_catalog_region(l->catalog, region_name);
	if (!region)
		return; /* measured towards a region that has left the catalog */
	if (!l->ncell || memcmp(&l->cells[l->ncell - 1].net, net, sizeof(*net)) != 0) {
		if (l->ncell == l->cell_cap) {
			size_t cap = l->cell_cap ? l->cell_cap * 2 : 64, size = sizeof(*l->cells);
			l->cells = isb_arena_grow(l->arena, l->cells, l->cell_cap * size, cap * size);
			l->cell_cap = cap;
		}
		l->cells[l->ncell] = (struct isb_prefix){.net = *net, .id = (uint32_t)l->ncell};
		l->ncell++;
	}
	if (l->nrow == l->row_cap) {
		size_t cap = l->row_cap ? l->row_cap * 2 : 64, size = sizeof(*l->rows);
		l->rows = isb_arena_grow(l->arena, l->rows, l->row_cap * size, cap * size);
		l->row_cap = cap;
	}
	l->rows[l->nrow++] = (struct row){(uint32_t)l->ncell - 1, region, rtt_us};
	l->fingerprint = isb_hash(net, sizeof(*net), isb_hash(region_name, strlen(region_name), l->fingerprint ^ rtt_us));
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
	uint64_t h = isb_hash(from_name, strlen(from_name), l->fingerprint ^ rtt_us);
	l->fingerprint = isb_hash(place, sizeof(place), isb_hash(to_name, strlen(to_name), h));
}

const struct isb_rtt_source *isb_latencies_source(const struct isb_latencies *l)
{
	return &l->source;
}

size_t isb_latencies_cells(const struct isb_latencies *l, const struct isb_prefix **ret_cells)
{
	*ret_cells = l->cells;
	return l->ncell;
}

uint64_t isb_latencies_fingerprint(const struct isb_latencies *l)
{
	return l->fingerprint;
}

static uint32_t from_cell(void *arg, uint32_t id, const struct isb_region *region)
{
	const struct isb_latencies *l = arg;
	size_t low = 0, high = l->nrow;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (l->rows[mid].cell < id)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < l->nrow && l->rows[low].cell == id; low++)
		if (l->rows[low].region == region)
			return l->rows[low].rtt_us;
	return 0;
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
