/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of clients. All clients for whom a tree comes down to one and the same decision form one class: so neighbours
 * who differ only in what makes no difference stay together, and the ECS scope is as wide as it can be. */
#include <stdlib.h>
#include <string.h>

#include "intern.h"
#include "isobar/base/arena.h"
#include "tree.h"

struct classes {
	const struct isb_tree *tree;
	const struct isb_rtt_source *rtt;
	struct isb_tree_map *map;
	uint32_t cap;           /* classes that fit into map->rank */
	uint16_t *rank;         /* of the facts at hand */
	struct isb_intern ranks; /* vectors seen */
	uint32_t *class_of;     /* by number of the vector */
	struct isb_intern decisions; /* octets; numbers are the classes */
	struct isb_tree_settled settled;
	struct isb_buf octets;
};

static uint32_t new_class(struct classes *c)
{
	struct isb_tree_map *map = c->map;
	size_t bytes = map->nrank * sizeof(*map->rank);
	if (map->nclass == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		map->rank = isb_xrealloc(map->rank, c->cap * bytes);
	}
	memcpy(map->rank + (size_t)map->nclass * map->nrank, c->rank, bytes);
	return map->nclass++;
}

/* Many clients are ranked alike, so only a vector that is new is settled. */
static uint32_t classify(void *arg, const struct isb_facts *facts)
{
	struct classes *c = arg;
	isb_tree_rank(c->tree, facts, c->rtt, c->rank);
	uint32_t known = c->ranks.count, number = isb_intern(&c->ranks, c->rank, c->map->nrank * sizeof(*c->rank));
	if (number < known)
		return c->class_of[number];
	if ((known & (known + 1)) == 0) /* 0, 1, 3, 7...: full */
		c->class_of = isb_xrealloc(c->class_of, (2 * (size_t)known + 1) * sizeof(*c->class_of));
	isb_tree_settle(c->tree, c->rank, &c->settled);
	isb_buf_reset(&c->octets);
	isb_tree_decision(c->tree, c->rank, &c->settled, &c->octets);
	uint32_t cls = c->map->nclass > ISB_CLASS_MAX ? ISB_CLASS_NONE : isb_intern(&c->decisions, c->octets.data, c->octets.len);
	if (cls == c->map->nclass)
		new_class(c);
	c->class_of[number] = cls;
	return cls;
}

struct isb_tree_map *isb_tree_map_new(const struct isb_tree *tree, const struct isb_geodb *geodb,
                                      const struct isb_latencies *latencies, struct isb_buf *shape)
{
	struct isb_tree_map *map = isb_xcalloc(1, sizeof(*map));
	map->users = 1;
	map->shape = *shape;
	*shape = (struct isb_buf){0};
	map->nrank = tree->nrank;
	struct classes classes = {
		.tree = tree,
		.rtt = isb_latencies_source(latencies),
		.map = map,
		.rank = isb_xcalloc(map->nrank, sizeof(uint16_t)),
	};
	const struct isb_prefix *cells = NULL;
	size_t ncell = tree->by_cell ? isb_cells_networks(isb_latencies_cells(latencies), &cells) : 0;
	map->map = isb_geomap_new(geodb, tree->nets, tree->nnet, cells, ncell, classify, &classes);
	free(classes.rank);
	free(classes.class_of);
	isb_intern_done(&classes.ranks);
	isb_intern_done(&classes.decisions);
	isb_tree_settled_done(&classes.settled);
	isb_buf_done(&classes.octets);
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
