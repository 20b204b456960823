/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of clients. All clients for which every client-dependent node of a tree ranks its children alike form one
 * class; a node that a class never reaches does not count, so that neighbours who differ only in what they never use
 * stay together and the ECS scope stays as wide as it can be. */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/hash.h"
#include "tree.h"

static uint32_t count_ranks(const struct isb_tree *tree)
{
	size_t n = 0;
	for (size_t i = 0; i < tree->count; i++)
		n += isb_tree_ranks(&tree->nodes[i]);
	return (uint32_t)n;
}

/* --- Shape: what a map depends on --------------------------------------------------------------------------------- */

static void shape_strings(struct isb_buf *out, const struct isb_strings *strings)
{
	isb_buf_u32(out, (uint32_t)strings->count);
	for (size_t i = 0; i < strings->count; i++)
		isb_buf_add(out, strings->list[i], strlen(strings->list[i]) + 1);
}

static void shape_match(struct isb_buf *out, const struct isb_geo_match *match)
{
	isb_buf_u32(out, (uint32_t)match->nnet);
	for (size_t i = 0; i < match->nnet; i++) {
		isb_buf_putc(out, (char)match->nets[i].addr.family);
		isb_buf_putc(out, (char)match->nets[i].len);
		isb_buf_add(out, match->nets[i].addr.octets, 16);
	}
	isb_buf_u32(out, (uint32_t)match->nasn);
	for (size_t i = 0; i < match->nasn; i++)
		isb_buf_u32(out, match->asns[i]);
	shape_strings(out, &match->cities);
	shape_strings(out, &match->subdivisions);
	shape_strings(out, &match->countries);
	shape_strings(out, &match->continents);
	isb_buf_putc(out, match->is_default);
}

static void shape_region(struct isb_buf *out, const struct isb_region *region)
{
	isb_buf_add(out, region->name, strlen(region->name) + 1);
	isb_buf_add(out, &region->latitude, sizeof(region->latitude));
	isb_buf_add(out, &region->longitude, sizeof(region->longitude));
}

/* Only what its order looks at, so that policies with the same rules share a map wherever the rules lead. */
static void shape_child(struct isb_buf *out, const struct isb_order_child *child)
{
	if (child->match) {
		shape_match(out, child->match);
		isb_buf_putc(out, child->fence);
		return;
	}
	isb_buf_putc(out, (char)child->bias);
	isb_buf_u32(out, (uint32_t)child->nregion);
	for (size_t i = 0; i < child->nregion; i++)
		shape_region(out, child->regions[i]);
}

/* Order fastest looks at every region there is, and not at its children's. */
static void shape_node(struct isb_buf *out, const struct isb_tree *tree, const struct isb_tree_node *node)
{
	if (node->order->param)
		for (size_t i = 0; i < tree->catalog->nregion; i++)
			shape_region(out, &tree->catalog->regions[i]);
	else
		for (size_t i = 0; i < node->nchild; i++)
			shape_child(out, &node->children[i]);
}

void isb_tree_shape(const struct isb_tree *tree, const struct isb_geodb *geodb, const struct isb_latencies *latencies,
                    struct isb_buf *ret_shape)
{
	isb_buf_u64(ret_shape, geodb ? isb_geodb_fingerprint(geodb) : 0);
	isb_buf_u64(ret_shape, tree->by_cell ? isb_latencies_fingerprint(latencies) : 0);
	for (size_t i = 0; i < tree->count; i++) {
		const struct isb_tree_node *node = &tree->nodes[i];
		isb_buf_putc(ret_shape, (char)(node->order->by_client ? node->order->id : ISB_ORDER_COUNT));
		isb_buf_u32(ret_shape, node->policy ? (uint32_t)node->nchild : 0);
		for (size_t j = 0; node->policy && j < node->nchild; j++)
			isb_buf_u32(ret_shape, node->child[j]);
		if (!node->order->by_client)
			continue;
		isb_buf_u32(ret_shape, (uint32_t)node->nchild);
		shape_node(ret_shape, tree, node);
	}
}

/* --- Classes ------------------------------------------------------------------------------------------------------- */

struct classes {
	const struct isb_tree *tree;
	const struct isb_rtt_source *rtt;
	struct isb_tree_map *map;
	uint32_t *slot; /* open addressing over class numbers + 1; a power of two */
	uint32_t nslot, cap;
	bool *reached;  /* per node, of the facts at hand */
	uint16_t *rank; /* likewise, [nrank] */
};

/* Nodes lie after their children, so one pass from the root back sees every parent first. */
static void rank_all(struct classes *classes, const struct isb_facts *facts)
{
	const struct isb_tree *tree = classes->tree;
	memset(classes->reached, 0, tree->count * sizeof(*classes->reached));
	classes->reached[tree->count - 1] = true;
	uint32_t at = classes->map->nrank;
	for (size_t i = tree->count; i-- > 0;) {
		const struct isb_tree_node *node = &tree->nodes[i];
		uint16_t *rank = NULL;
		if (node->order->by_client) {
			at -= (uint32_t)isb_tree_ranks(node);
			rank = classes->rank + at;
		}
		if (classes->reached[i] && rank) {
			struct isb_order_in in = isb_tree_order_in(tree, node, facts, classes->rtt);
			node->order->rank(&in, rank, NULL);
			if (node->order->param)
				rank[node->nchild] = node->order->param(&in);
		} else if (rank && node->order->param) {
			rank[node->nchild] = ISB_RANK_UNSEEN;
		}
		for (size_t j = 0; j < node->nchild; j++) {
			if (!classes->reached[i] && rank)
				rank[j] = ISB_RANK_UNSEEN;
			else if (classes->reached[i] && node->policy && !(rank && rank[j] == ISB_RANK_OUT))
				classes->reached[node->child[j]] = true;
		}
	}
}

static void grow_slots(struct classes *classes)
{
	const struct isb_tree_map *map = classes->map;
	size_t bytes = map->nrank * sizeof(*map->rank);
	free(classes->slot);
	classes->nslot = classes->nslot ? classes->nslot * 2 : 64;
	classes->slot = isb_xcalloc(classes->nslot, sizeof(*classes->slot));
	for (uint32_t c = 0; c < map->nclass; c++) {
		uint32_t i = (uint32_t)isb_hash(map->rank + (size_t)c * map->nrank, bytes, 0) & (classes->nslot - 1);
		while (classes->slot[i])
			i = (i + 1) & (classes->nslot - 1);
		classes->slot[i] = c + 1;
	}
}

static uint32_t classify(void *arg, const struct isb_facts *facts)
{
	struct classes *classes = arg;
	struct isb_tree_map *map = classes->map;
	size_t bytes = map->nrank * sizeof(*map->rank);
	rank_all(classes, facts);
	if (map->nclass * 2 >= classes->nslot)
		grow_slots(classes);
	uint32_t i = (uint32_t)isb_hash(classes->rank, bytes, 0) & (classes->nslot - 1);
	for (; classes->slot[i]; i = (i + 1) & (classes->nslot - 1)) {
		uint32_t cls = classes->slot[i] - 1;
		if (memcmp(map->rank + (size_t)cls * map->nrank, classes->rank, bytes) == 0)
			return cls;
	}
	if (map->nclass > ISB_CLASS_MAX)
		return ISB_CLASS_NONE;
	if (map->nclass == classes->cap) {
		classes->cap = classes->cap ? classes->cap * 2 : 16;
		map->rank = isb_xrealloc(map->rank, classes->cap * bytes);
	}
	memcpy(map->rank + (size_t)map->nclass * map->nrank, classes->rank, bytes);
	classes->slot[i] = map->nclass + 1;
	return map->nclass++;
}

struct isb_tree_map *isb_tree_map_new(const struct isb_tree *tree, const struct isb_geodb *geodb,
                                      const struct isb_latencies *latencies, struct isb_buf *shape)
{
	struct isb_tree_map *map = isb_xcalloc(1, sizeof(*map));
	map->users = 1;
	map->shape = *shape;
	*shape = (struct isb_buf){0};
	map->nrank = count_ranks(tree);
	struct classes classes = {
		.tree = tree,
		.rtt = isb_latencies_source(latencies),
		.map = map,
		.reached = isb_xcalloc(tree->count, sizeof(bool)),
		.rank = isb_xcalloc(map->nrank, sizeof(uint16_t)),
	};
	const struct isb_prefix *cells = NULL;
	size_t ncell = tree->by_cell ? isb_cells_networks(isb_latencies_cells(latencies), &cells) : 0;
	map->map = isb_geomap_new(geodb, tree->nets, tree->nnet, cells, ncell, classify, &classes);
	free(classes.slot);
	free(classes.reached);
	free(classes.rank);
	return map;
}

bool isb_tree_map_equal(const struct isb_tree_map *a, const struct isb_tree_map *b)
{
	size_t size = isb_geomap_size(a->map);
	return a->nclass == b->nclass && a->nrank == b->nrank && size == isb_geomap_size(b->map) &&
	       memcmp(a->rank, b->rank, (size_t)a->nclass * a->nrank * sizeof(*a->rank)) == 0 &&
	       memcmp(isb_geomap_block(a->map), isb_geomap_block(b->map), size) == 0;
}

void isb_tree_map_release(struct isb_tree_map *map)
{
	if (!map || --map->users)
		return;
	isb_geomap_free(map->map);
	isb_buf_done(&map->shape);
	free(map->rank);
	free(map);
}
