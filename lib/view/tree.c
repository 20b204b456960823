/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/hash.h"

static uint32_t add_named(struct isb_tree *tree, const char *name);
static uint32_t add_policy(struct isb_tree *tree, const struct isb_policy_node *policy, const char *name);

static uint32_t append(struct isb_tree *tree, const struct isb_tree_node *node)
{
	if (tree->count == tree->cap) {
		size_t cap = tree->cap ? tree->cap * 2 : 8, size = sizeof(*tree->nodes);
		tree->nodes = isb_arena_grow(tree->arena, tree->nodes, tree->cap * size, cap * size);
		tree->cap = cap;
	}
	tree->nodes[tree->count] = *node;
	tree->by_client |= node->order->by_client;
	tree->by_cell |= node->order->id == ISB_ORDER_LATENCY;
	return (uint32_t)tree->count++;
}

/* Adds the regions of `from` that `to` does not have yet. */
static void join_regions(struct isb_tree *tree, struct isb_order_child *to, const struct isb_region *const *from, size_t n)
{
	const struct isb_region **all = isb_arena_grow(tree->arena, to->regions, to->nregion * sizeof(*all),
	                                               (to->nregion + n) * sizeof(*all));
	for (size_t i = 0; i < n; i++) {
		bool seen = false;
		for (size_t j = 0; j < to->nregion; j++)
			seen |= all[j] == from[i];
		if (!seen)
			all[to->nregion++] = from[i];
	}
	to->regions = all;
}

static uint32_t key_of(const char *name)
{
	return (uint32_t)isb_hash(name, strlen(name), 0);
}

/* What is written in place has no name but what it holds. Where it stands must not count: clients would move when a
 * neighbour goes. Nor do weights, which are for tuning. */
static uint32_t key_in_place(const struct isb_tree *tree, const struct isb_tree_node *node)
{
	uint64_t key = node->order->id;
	for (size_t i = 0; i < node->nchild; i++)
		key = isb_hash_mix(key, tree->nodes[node->child[i]].key);
	return (uint32_t)key;
}

static uint32_t add_pool(struct isb_tree *tree, const struct isb_pool *pool)
{
	struct isb_tree_node node = {.name = pool->name, .pool = pool, .order = isb_order_get(pool->order),
	                             .nchild = pool->nendpoint, .key = key_of(pool->name)};
	node.children = isb_arena_alloc(tree->arena, pool->nendpoint * sizeof(*node.children));
	for (size_t i = 0; i < pool->nendpoint; i++) {
		const struct isb_endpoint *endpoint = &pool->endpoints[i];
		node.children[i].tier = endpoint->tier;
		if (endpoint->region.name) {
			const struct isb_region *region = isb_catalog_region(tree->catalog, endpoint->region.name);
			if (region)
				join_regions(tree, &node.children[i], &region, 1);
		}
	}
	return append(tree, &node);
}

static void add_nets(struct isb_tree *tree, const struct isb_geo_match *match, struct isb_order_child *child)
{
	child->net_base = (uint32_t)tree->nnet;
	if (tree->nnet + match->nnet > tree->net_cap) {
		size_t cap = (tree->nnet + match->nnet) * 2, size = sizeof(*tree->nets);
		tree->nets = isb_arena_grow(tree->arena, tree->nets, tree->nnet * size, cap * size);
		tree->net_cap = cap;
	}
	for (size_t i = 0; i < match->nnet; i++) {
		tree->nets[tree->nnet] = (struct isb_prefix){.net = match->nets[i], .id = (uint32_t)tree->nnet};
		tree->nnet++;
	}
	tree->by_net |= match->nnet > 0;
}

static uint32_t add_policy(struct isb_tree *tree, const struct isb_policy_node *policy, const char *name)
{
	struct isb_tree_node node = {.name = name, .policy = policy, .order = isb_order_get(policy->order),
	                             .nchild = policy->nchild, .key = key_of(name)};
	node.children = isb_arena_alloc(tree->arena, policy->nchild * sizeof(*node.children));
	node.child = isb_arena_alloc(tree->arena, policy->nchild * sizeof(*node.child));
	for (size_t i = 0; i < policy->nchild; i++) {
		const struct isb_policy_child *child = &policy->children[i];
		uint32_t at = child->node ? add_policy(tree, child->node, isb_arena_printf(tree->arena, "%s[%zu]", name, i))
		                          : add_named(tree, child->use.name);
		const struct isb_tree_node *below = &tree->nodes[at];
		node.child[i] = at;
		node.children[i].fence = child->fence;
		node.children[i].bias = child->bias;
		if (policy->order == ISB_ORDER_GEO) {
			node.children[i].match = &child->match;
			add_nets(tree, &child->match, &node.children[i]);
		}
		for (size_t j = 0; j < below->nchild; j++)
			join_regions(tree, &node.children[i], below->children[j].regions, below->children[j].nregion);
	}
	if (strchr(name, '['))
		node.key = key_in_place(tree, &node);
	return append(tree, &node);
}

static uint32_t add_named(struct isb_tree *tree, const char *name)
{
	for (size_t i = 0; i < tree->count; i++) /* inline names hold "[", which named objects cannot */
		if (strcmp(tree->nodes[i].name, name) == 0)
			return (uint32_t)i;
	const struct isb_pool *pool = isb_catalog_pool(tree->catalog, name);
	if (pool)
		return add_pool(tree, pool);
	const struct isb_policy *policy = isb_catalog_policy(tree->catalog, name);
	return add_policy(tree, policy->root, policy->name);
}

struct isb_tree *isb_tree_new(struct isb_arena *arena, const struct isb_catalog *catalog, const char *name)
{
	struct isb_tree *tree = isb_arena_alloc(arena, sizeof(*tree));
	tree->arena = arena;
	tree->catalog = catalog;
	add_named(tree, name);
	return tree;
}

/* --- Rollouts ------------------------------------------------------------------------------------------------------ */

static struct isb_policy_node *node_of(struct isb_arena *arena, enum isb_order_id order, size_t nchild)
{
	struct isb_policy_node *node = isb_arena_alloc(arena, sizeof(*node));
	node->order = order;
	node->nchild = nchild;
	node->children = isb_arena_alloc(arena, nchild * sizeof(*node->children));
	for (size_t i = 0; i < nchild; i++)
		node->children[i].weight = 1;
	return node;
}

/* The walk decides by the rollout whom it takes first. That is what a trickle is for a failover, and who asks whether the
 * order among these two can be counted on gets the answer no. */
static struct isb_policy_node *sides_of(struct isb_arena *arena, const char *first, const char *second)
{
	struct isb_policy_node *node = node_of(arena, ISB_ORDER_FAILOVER, 2);
	node->trickle = 1;
	node->children[0].use.name = first;
	node->children[1].use.name = second;
	return node;
}

/* Fenced: who is in a list has both sides below it already, and shall not be led to the others' node. */
static struct isb_policy_node *by_network(const struct isb_tree *tree, const char *from, const struct isb_rollout *rollout)
{
	struct isb_policy_node *node = node_of(tree->arena, ISB_ORDER_GEO, 2);
	node->children[0].node = sides_of(tree->arena, rollout->to, from); /* the new side is first, always */
	node->children[0].match.nets = rollout->nets;
	node->children[0].match.nnet = rollout->nnet;
	node->children[0].fence = true;
	if (rollout->pace.nstep)
		node->children[1].node = sides_of(tree->arena, from, rollout->to);
	else
		node->children[1].use.name = from;
	node->children[1].match.is_default = true;
	return node;
}

struct isb_tree *isb_tree_new_rollout(struct isb_arena *arena, const struct isb_catalog *catalog, const char *from,
                                      const struct isb_rollout *rollout)
{
	if (!rollout)
		return isb_tree_new(arena, catalog, from);
	struct isb_tree *tree = isb_arena_alloc(arena, sizeof(*tree));
	tree->arena = arena;
	tree->catalog = catalog;
	const char *name = isb_arena_printf(arena, "rollout to %s", rollout->to); /* blanks: no object can have this name */
	if (!rollout->nnet) {
		uint32_t at = add_policy(tree, sides_of(arena, from, rollout->to), name);
		tree->nodes[at].rollout = rollout;
		return tree;
	}
	uint32_t root = add_policy(tree, by_network(tree, from, rollout), isb_arena_printf(arena, "%s, by network", name));
	struct isb_tree_node *listed = &tree->nodes[tree->nodes[root].child[0]];
	struct isb_tree_node *others = &tree->nodes[tree->nodes[root].child[1]];
	listed->name = name;
	listed->rollout = rollout;
	listed->listed = true;
	if (rollout->pace.nstep) {
		others->rollout = rollout;
		others->name = name;
	}
	return tree;
}
