/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/view/cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/hash.h"
#include "isobar/base/map.h"

struct row {
	uint32_t us, samples;
	uint32_t region;
};

/* What a roll-up stands for; also its key. */
struct group_key {
	uint32_t rollup; /* enum isb_rollup */
	uint32_t asn;
	char code[4]; /* country or continent */
};

/* A roll-up while it is summed up. */
struct group {
	const struct group_key *key;
	struct group_region {
		uint32_t region;
		struct isb_histogram sum;
	} *regions;
	size_t count;
};

/* What only adding needs. */
struct adding {
	const struct isb_geodb *geodb;
	int64_t now_ms;
	struct isb_histogram sum; /* of the row at hand */
	struct isb_map region_of;
	uint32_t region;          /* of the row before: rows of one network repeat the same few */
	struct group *groups;
	size_t group_cap;
	struct isb_net around;    /* addresses whose facts led to `group_of`; family 0: none yet */
	uint32_t group_of[ISB_ROLLUPS];
	size_t row_cap, network_cap;
};

struct isb_cells {
	unsigned users;
	uint64_t fingerprint;
	int64_t until_ms;
	struct isb_arena arena; /* names of regions, keys of groups */
	const char **regions;
	uint32_t nregion;
	struct isb_prefix *networks;
	size_t nnetwork;
	const struct group_key **groups;
	struct isb_map group; /* key → position */
	size_t ngroup;
	struct row *rows;  /* those of cell 0, of cell 1, … */
	uint32_t *first;   /* [cells + 1] in rows; while adding only networks' */
	uint32_t nrow;
	struct adding *adding; /* NULL once sealed */
};

struct isb_cells *isb_cells_new(const struct isb_geodb *geodb, int64_t now_ms)
{
	struct isb_cells *c = isb_xcalloc(1, sizeof(*c));
	c->users = 1;
	c->until_ms = INT64_MAX;
	c->adding = isb_xcalloc(1, sizeof(*c->adding));
	c->adding->geodb = geodb;
	c->adding->now_ms = now_ms;
	return c;
}

static uint32_t region_of(struct isb_cells *c, const char *name)
{
	struct adding *a = c->adding;
	size_t len = strlen(name);
	uint32_t at;
	if (c->nregion && strcmp(c->regions[a->region], name) == 0)
		return a->region;
	if (!isb_map_get(&a->region_of, name, len, &at)) {
		at = c->nregion++;
		c->regions = isb_xrealloc(c->regions, c->nregion * sizeof(*c->regions));
		c->regions[at] = isb_arena_strdup(&c->arena, name);
		isb_map_put(&a->region_of, c->regions[at], len, at);
	}
	a->region = at;
	return at;
}

static void add_row(struct isb_cells *c, uint32_t region, const struct isb_histogram *sum)
{
	struct adding *a = c->adding;
	if (c->nrow == a->row_cap) {
		a->row_cap = a->row_cap ? a->row_cap * 2 : 64;
		c->rows = isb_xrealloc(c->rows, a->row_cap * sizeof(*c->rows));
	}
	struct row *row = &c->rows[c->nrow++];
	*row = (struct row){isb_histogram_quantile(sum, ISB_SAMPLES_PERCENT), sum->count, region};
	const char *name = c->regions[region];
	c->fingerprint = isb_hash(name, strlen(name), isb_hash_mix(c->fingerprint, row->us));
}

/* --- Networks ------------------------------------------------------------------------------------------------------ */

static bool same_net(const struct isb_net *a, const struct isb_net *b)
{
	return a->len == b->len && isb_addr_equal(&a->addr, &b->addr);
}

static void add_network(struct isb_cells *c, const struct isb_net *net)
{
	struct adding *a = c->adding;
	if (c->nnetwork && same_net(&c->networks[c->nnetwork - 1].net, net))
		return;
	if (c->nnetwork == a->network_cap) {
		a->network_cap = a->network_cap ? a->network_cap * 2 : 64;
		c->networks = isb_xrealloc(c->networks, a->network_cap * sizeof(*c->networks));
		c->first = isb_xrealloc(c->first, a->network_cap * sizeof(*c->first));
	}
	c->networks[c->nnetwork] = (struct isb_prefix){.net = *net, .id = (uint32_t)c->nnetwork};
	c->first[c->nnetwork++] = c->nrow;
	c->fingerprint = isb_hash(net->addr.octets, sizeof(net->addr.octets),
	                          isb_hash_mix(c->fingerprint, net->addr.family * 256u + net->len));
}

/* --- Roll-ups ------------------------------------------------------------------------------------------------------ */

/* False: the databases know nothing to roll up by. */
static bool key_of(const struct isb_geo_facts *geo, enum isb_rollup rollup, struct group_key *ret_key)
{
	struct group_key key = {.rollup = rollup};
	const char *code = rollup == ISB_ROLLUP_CONTINENT ? geo->continent : geo->country;
	memcpy(key.code, code, 2);
	if (rollup == ISB_ROLLUP_ASN)
		key.asn = geo->asn;
	*ret_key = key;
	return rollup == ISB_ROLLUP_ASN ? geo->asn != 0 : code[0] != '\0';
}

static uint32_t group_of(struct isb_cells *c, const struct isb_geo_facts *geo, enum isb_rollup rollup)
{
	struct adding *a = c->adding;
	struct group_key key;
	uint32_t at;
	if (!key_of(geo, rollup, &key))
		return ISB_CELL_NONE;
	if (isb_map_get(&c->group, &key, sizeof(key), &at))
		return at;
	if (c->ngroup == a->group_cap) {
		a->group_cap = a->group_cap ? a->group_cap * 2 : 64;
		a->groups = isb_xrealloc(a->groups, a->group_cap * sizeof(*a->groups));
	}
	at = (uint32_t)c->ngroup++;
	a->groups[at] = (struct group){.key = isb_arena_memdup(&c->arena, &key, sizeof(key))};
	isb_map_put(&c->group, a->groups[at].key, sizeof(key), at);
	return at;
}

static void find_groups(struct isb_cells *c, const struct isb_addr *addr)
{
	struct adding *a = c->adding;
	struct isb_geo_facts geo;
	uint8_t len;
	if (a->around.addr.family == addr->family && isb_net_has(&a->around, addr))
		return;
	isb_geodb_find(a->geodb, addr, &geo, &len);
	a->around = isb_net_around(addr, len);
	for (enum isb_rollup r = ISB_ROLLUP_ASN; r < ISB_ROLLUPS; r++)
		a->group_of[r] = group_of(c, &geo, r);
}

static void add_to_group(struct group *group, uint32_t region, const struct isb_histogram *sum)
{
	size_t i = 0;
	while (i < group->count && group->regions[i].region != region)
		i++;
	if (i == group->count) {
		group->regions = isb_xrealloc(group->regions, (i + 1) * sizeof(*group->regions));
		group->regions[group->count++] = (struct group_region){.region = region};
	}
	isb_histogram_merge(&group->regions[i].sum, sum);
}

void isb_cells_add(struct isb_cells *c, const struct isb_latency_row *row)
{
	struct adding *a = c->adding;
	int64_t until_ms = isb_samples_sum(row->samples, a->now_ms, &a->sum, NULL);
	if (!a->sum.count)
		return;
	uint32_t region = region_of(c, row->region);
	if (until_ms < c->until_ms)
		c->until_ms = until_ms;
	if (a->sum.count >= ISB_SAMPLES_ENOUGH) {
		add_network(c, &row->net);
		add_row(c, region, &a->sum);
	}
	if (!a->geodb)
		return;
	find_groups(c, &row->net.addr);
	for (enum isb_rollup r = ISB_ROLLUP_ASN; r < ISB_ROLLUPS; r++)
		if (a->group_of[r] != ISB_CELL_NONE)
			add_to_group(&a->groups[a->group_of[r]], region, &a->sum);
}

/* --- The end of adding --------------------------------------------------------------------------------------------- */

static void seal_group(struct isb_cells *c, struct group *group)
{
	for (size_t i = 0; i < group->count; i++) {
		struct isb_histogram *sum = &group->regions[i].sum;
		if (sum->count >= ISB_SAMPLES_ENOUGH) {
			c->fingerprint = isb_hash(group->key, sizeof(*group->key), c->fingerprint);
			add_row(c, group->regions[i].region, sum);
		}
		isb_histogram_done(sum);
	}
	free(group->regions);
}

void isb_cells_seal(struct isb_cells *c)
{
	struct adding *a = c->adding;
	size_t cells = c->nnetwork + c->ngroup;
	c->first = isb_xrealloc(c->first, (cells + 1) * sizeof(*c->first));
	c->groups = isb_xcalloc(c->ngroup, sizeof(*c->groups));
	for (size_t i = 0; i < c->ngroup; i++) {
		c->first[c->nnetwork + i] = c->nrow;
		c->groups[i] = a->groups[i].key;
		seal_group(c, &a->groups[i]);
	}
	c->first[cells] = c->nrow;
	if (c->nrow)
		c->rows = isb_xrealloc(c->rows, c->nrow * sizeof(*c->rows));
	if (c->nnetwork)
		c->networks = isb_xrealloc(c->networks, c->nnetwork * sizeof(*c->networks));
	isb_histogram_done(&a->sum);
	isb_map_done(&a->region_of);
	free(a->groups);
	free(a);
	c->adding = NULL;
}

static int read_row(void *arg, const struct isb_latency_row *row)
{
	isb_cells_add(arg, row);
	return 0;
}

int isb_cells_read(struct isb_txn *latency, const struct isb_geodb *geodb, int64_t now_ms, struct isb_cells **ret_cells)
{
	struct isb_cells *c = isb_cells_new(geodb, now_ms);
	int rc = isb_latency_each(latency, read_row, c);
	isb_cells_seal(c);
	if (rc == ISB_OK)
		*ret_cells = c;
	else
		isb_cells_release(c);
	return rc;
}

struct isb_cells *isb_cells_share(struct isb_cells *cells)
{
	cells->users++;
	return cells;
}

void isb_cells_release(struct isb_cells *cells)
{
	if (!cells || --cells->users)
		return;
	free(cells->regions);
	free(cells->networks);
	free(cells->groups);
	free(cells->rows);
	free(cells->first);
	isb_map_done(&cells->group);
	isb_arena_done(&cells->arena);
	free(cells);
}

/* --- Asking -------------------------------------------------------------------------------------------------------- */

uint64_t isb_cells_fingerprint(const struct isb_cells *cells)
{
	return cells->fingerprint;
}

int64_t isb_cells_until_ms(const struct isb_cells *cells)
{
	return cells->until_ms;
}

size_t isb_cells_networks(const struct isb_cells *cells, const struct isb_prefix **ret_networks)
{
	*ret_networks = cells->networks;
	return cells->nnetwork;
}

static int compare(const struct isb_net *a, const struct isb_net *b)
{
	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	int c = memcmp(a->addr.octets, b->addr.octets, sizeof(a->addr.octets));
	return c ? c : (a->len > b->len) - (a->len < b->len);
}

size_t isb_cells_around(const struct isb_cells *cells, const struct isb_addr *addr,
                        struct isb_prefix_match ret[ISB_CELLS_AROUND])
{
	size_t n = 0;
	for (int len = (int)isb_addr_bits(addr); len >= 0; len--) {
		struct isb_net net = isb_net_around(addr, (unsigned)len);
		size_t low = 0, high = cells->nnetwork;
		while (low < high) {
			size_t mid = low + (high - low) / 2;
			if (compare(&cells->networks[mid].net, &net) < 0)
				low = mid + 1;
			else
				high = mid;
		}
		if (low < cells->nnetwork && compare(&cells->networks[low].net, &net) == 0)
			ret[n++] = (struct isb_prefix_match){.id = (uint32_t)low, .len = (uint8_t)len};
	}
	return n;
}

uint32_t isb_cells_rollup(const struct isb_cells *cells, const struct isb_geo_facts *geo, enum isb_rollup rollup)
{
	struct group_key key;
	uint32_t at;
	if (!key_of(geo, rollup, &key) || !isb_map_get(&cells->group, &key, sizeof(key), &at))
		return ISB_CELL_NONE;
	return (uint32_t)cells->nnetwork + at;
}

const char *isb_cells_name(const struct isb_cells *cells, uint32_t id, char out[ISB_CELL_TEXT])
{
	if (id < cells->nnetwork)
		return isb_net_print(&cells->networks[id].net, out);
	const struct group_key *key = cells->groups[id - cells->nnetwork];
	if (key->rollup == ISB_ROLLUP_ASN)
		snprintf(out, ISB_CELL_TEXT, "AS%u%s%s", key->asn, key->code[0] ? " " : "", key->code);
	else
		snprintf(out, ISB_CELL_TEXT, "%s %s", key->rollup == ISB_ROLLUP_COUNTRY ? "country" : "continent", key->code);
	return out;
}

const char *isb_cells_region(const struct isb_cells *cells, uint32_t region)
{
	return region < cells->nregion ? cells->regions[region] : NULL;
}

struct isb_rtt isb_cells_get(const struct isb_cells *cells, uint32_t id, uint32_t region)
{
	for (uint32_t i = cells->first[id]; i < cells->first[id + 1]; i++)
		if (cells->rows[i].region == region)
			return (struct isb_rtt){cells->rows[i].us, cells->rows[i].samples};
	return (struct isb_rtt){0};
}
