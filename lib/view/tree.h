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

/* A policy unfolded for compiling: its nodes, each pool and policy once, and what orders need of the children.
 * Room-internal: used by compile.c (plans), tree_map.c (classes of clients) and why.c (explain). */

struct isb_tree_node {
	const char *name; /* of the pool or policy, or what is written in place: "asia, us", "nearest of us, asia" */
	bool in_place;    /* then the name holds a space, which no named object's does */
	const struct isb_policy_node *policy; /* or */
	const struct isb_pool *pool;
	const struct isb_rollout *rollout; /* of a node between the two sides of one (then policy is set too) */
	bool listed;                       /* and the clients are those in its networks: the new side is the first child */
	const struct isb_order *order;
	size_t nchild;
	struct isb_order_child *children; /* facts for the order */
	uint32_t *child;                  /* policy: index of the child's node */
	uint32_t *weight_no;              /* policy: equal for equal weights, numbered as they are met in the tree */
	uint32_t pool_no;                 /* pool: how many come before it */
	uint32_t rank_at;                 /* order by client: where its part of a vector of ranks begins */
	struct isb_buf content;           /* in place: all that makes it what it is, the arena's */
	uint32_t key;                     /* of what it is: what order hash knows it by, the same in every view */
};

struct isb_tree {
	struct isb_arena *arena;
	const struct isb_catalog *catalog;
	struct isb_tree_node *nodes; /* children before parents; the root is the last */
	size_t count, cap;
	size_t npool;
	bool by_client;              /* some node's order looks at the client */
	bool by_net, by_cell;        /* networks in geo rules; an order latency */
	struct isb_prefix *nets;     /* ids are positions */
	size_t nnet, net_cap;
	uint16_t *weights;           /* by weight_no */
	uint32_t nweight;
	uint32_t nrank;              /* length of a vector of ranks: see isb_tree_rank() */
};

/* How many numbers a node has in a vector of ranks: one for each child, then its order's param, where it has one. */
static inline uint32_t isb_tree_ranks(const struct isb_tree_node *node)
{
	return node->order->by_client ? (uint32_t)node->nchild + (node->order->param != NULL) : 0;
}
/* What orders ask of a node, for one client or for none. */
static inline struct isb_order_in isb_tree_order_in(const struct isb_tree *tree, const struct isb_tree_node *node,
                                                    const struct isb_facts *facts, const struct isb_rtt_source *rtt)
{
	return (struct isb_order_in){.children = node->children, .count = node->nchild, .endpoints = node->pool != NULL,
	                             .facts = facts, .rtt = rtt, .regions = tree->catalog->regions,
	                             .nregion = tree->catalog->nregion};
}

/* Unfolds the pool or policy called `name`; the catalog was checked, so the name exists and nothing loops. Nodes written
 * in place that are alike in everything are one node. */
struct isb_tree *isb_tree_new(struct isb_arena *arena, const struct isb_catalog *catalog, const char *name);

/* Unfolds what a record is served by: its policy, and while it is led from that to another a node between the two sides,
 * or, when the rollout names networks, an order geo over two of them. `rollout` NULL: none is under way. */
struct isb_tree *isb_tree_new_rollout(struct isb_arena *arena, const struct isb_catalog *catalog, const char *from,
                                      const struct isb_rollout *rollout);

/* --- Decisions: what is left of a tree for one class of clients --------------------------------------------------- */

enum { ISB_RANK_UNSEEN = 0xfffe }; /* the node is never reached by this client */
/* The ranks that every node whose order is by client gives its children, and the order's param, in node order. */
void isb_tree_rank(const struct isb_tree *tree, const struct isb_facts *facts, const struct isb_rtt_source *rtt,
                   uint16_t *ret_rank);

/* A child of a node as the walk is to meet it. */
struct isb_tree_choice {
	uint16_t rank; /* 0, 1, 2... without gaps under policies */
	uint16_t from; /* the node's child, as declared */
	uint32_t sub;  /* that child stands open: which of its choices this is; else ISB_TREE_WHOLE */
};
enum { ISB_TREE_WHOLE = 0xffffffff };

/* All-zero is valid to begin with; used again and again for one tree. */
struct isb_tree_settled {
	struct isb_tree_span {
		uint32_t first, count; /* of choice; count 0: nothing is left */
		bool plain;            /* see tree_settle.c */
	} *node;
	struct isb_tree_choice *choice;
	size_t count, cap;
	uint64_t *pools; /* per node: a bit for each pool it may come to */
	size_t words;    /* of 64 bits */
};
/* Reduces every node to what can matter to the walk. `rank` as above; NULL without orders by client. */
void isb_tree_settle(const struct isb_tree *tree, const uint16_t *rank, struct isb_tree_settled *settled);
void isb_tree_settled_done(struct isb_tree_settled *settled);
/* Where a choice of a node leads: the innermost node on the way to it, and the child of that. */
struct isb_tree_end {
	uint32_t node, child;
};
struct isb_tree_end isb_tree_end(const struct isb_tree *tree, const struct isb_tree_settled *settled, uint32_t node,
                                 const struct isb_tree_choice *choice);
/* The decision as octets: the same for two clients if and only if the walk has the same choices for them. */
void isb_tree_decision(const struct isb_tree *tree, const uint16_t *rank, const struct isb_tree_settled *settled,
                       struct isb_buf *ret_octets);

/* --- Maps --------------------------------------------------------------------------------------------------------- */

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
	uint32_t nrank;           /* the tree's */
	uint16_t *rank;           /* [nclass][nrank]: of the first client met that has this decision */
};

/* Everything that a node written in place is. One list of all that policies can say, for this and for nothing else: what
 * is missing here makes different nodes one. */
void isb_tree_content(const struct isb_tree_node *node, struct isb_buf *ret_content);
void isb_tree_shape(const struct isb_tree *tree, const struct isb_geodb *geodb, const struct isb_latencies *latencies,
                    struct isb_buf *ret_shape);
/* Takes over `shape`. users is 1. */
struct isb_tree_map *isb_tree_map_new(const struct isb_tree *tree, const struct isb_geodb *geodb,
                                      const struct isb_latencies *latencies, struct isb_buf *shape);
/* True when both give every client the same class, and every class the same ranks. */
bool isb_tree_map_equal(const struct isb_tree_map *a, const struct isb_tree_map *b);
void isb_tree_map_release(struct isb_tree_map *map);
