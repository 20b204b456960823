/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/model/model.h"
#include "isobar/model/rollout.h"
#include "isobar/steer/order.h"
#include "isobar/view/cells.h"
#include "isobar/view/geodb.h"
#include "isobar/view/geomap.h"

/* A policy unfolded for compiling: its nodes, each named pool or policy once, and what orders need of the children.
 * Room-internal: used by compile.c (plans), tree_map.c (classes of clients) and why.c (explain). */

struct isb_tree_node {
	const char *name; /* of the pool or policy; "www[2]" for the third child of www written in place */
	const struct isb_policy_node *policy; /* or */
	const struct isb_pool *pool;
	const struct isb_rollout *rollout; /* of a node between the two sides of one (then policy is set too) */
	bool listed;                       /* and the clients are those in its networks: the new side is the first child */
	const struct isb_order *order;
	size_t nchild;
	struct isb_order_child *children; /* facts for the order */
	uint32_t *child;                  /* policy: index of the child's node */
	uint32_t key;                     /* of what it is: what order hash knows it by, the same in every view */
};

struct isb_tree {
	struct isb_arena *arena;
	const struct isb_catalog *catalog;
	struct isb_tree_node *nodes; /* children before parents; the root is the last */
	size_t count, cap;
	bool by_client;              /* some node's order looks at the client */
	bool by_net, by_cell;        /* networks in geo rules; an order latency */
	struct isb_prefix *nets;     /* ids are positions */
	size_t nnet, net_cap;
};

/* Unfolds the pool or policy called `name`; the catalog was checked, so the name exists and nothing loops. */
struct isb_tree *isb_tree_new(struct isb_arena *arena, const struct isb_catalog *catalog, const char *name);

/* Unfolds what a record is served by: its policy, and while it is led from that to another a node between the two sides,
 * or, when the rollout names networks, an order geo over two of them. `rollout` NULL: none is under way. */
struct isb_tree *isb_tree_new_rollout(struct isb_arena *arena, const struct isb_catalog *catalog, const char *from,
                                      const struct isb_rollout *rollout);

/* Clients' round trips and the probes', as order latency asks for them by the regions of one catalog. `cells` lives as
 * long. */
struct isb_latencies;
struct isb_latencies *isb_latencies_new(struct isb_arena *arena, const struct isb_catalog *catalog,
                                        const struct isb_cells *cells);
void isb_latencies_add_probe(struct isb_latencies *latencies, const char *from, const char *to, uint32_t rtt_us);
const struct isb_rtt_source *isb_latencies_source(const struct isb_latencies *latencies);
const struct isb_cells *isb_latencies_cells(const struct isb_latencies *latencies);
uint64_t isb_latencies_fingerprint(const struct isb_latencies *latencies);

/* The map of clients to classes of one tree, shared by every policy whose client-dependent part is the same, and by
 * later views: counted. */
struct isb_tree_map {
	unsigned users;
	struct isb_buf shape;     /* everything the map depends on, octet for octet */
	struct isb_geomap *map;
	uint32_t nclass;
	uint32_t nrank;           /* ranks per class: the children of all client-dependent nodes, in node order, each node's
	                           * followed by its order's param, where it has one */
	uint16_t *rank;           /* [nclass][nrank]; ISB_RANK_UNSEEN: that node is never reached by this class */
};
enum { ISB_RANK_UNSEEN = 0xfffe };
/* How many numbers of a class a node has there. */
static inline size_t isb_tree_ranks(const struct isb_tree_node *node)
{
	return node->order->by_client ? node->nchild + (node->order->param != NULL) : 0;
}
/* What orders ask of a node, for one client or for none. */
static inline struct isb_order_in isb_tree_order_in(const struct isb_tree *tree, const struct isb_tree_node *node,
                                                    const struct isb_facts *facts, const struct isb_rtt_source *rtt)
{
	return (struct isb_order_in){.children = node->children, .count = node->nchild, .endpoints = node->pool != NULL,
	                             .facts = facts, .rtt = rtt, .regions = tree->catalog->regions,
	                             .nregion = tree->catalog->nregion};
}

void isb_tree_shape(const struct isb_tree *tree, const struct isb_geodb *geodb, const struct isb_latencies *latencies,
                    struct isb_buf *ret_shape);
/* Takes over `shape`. users is 1. */
struct isb_tree_map *isb_tree_map_new(const struct isb_tree *tree, const struct isb_geodb *geodb,
                                      const struct isb_latencies *latencies, struct isb_buf *shape);
/* True when both give every client the same class, and every class the same ranks. */
bool isb_tree_map_equal(const struct isb_tree_map *a, const struct isb_tree_map *b);
void isb_tree_map_release(struct isb_tree_map *map);
