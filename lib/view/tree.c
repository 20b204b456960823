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
	if (node->order->by_client) {
		tree->by_client = true;
		tree->nodes[tree->count].rank_at = tree->nrank;
		tree->nrank += isb_tree_ranks(node);
	}
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
	                             .nchild = pool->nendpoint, .key = key_of(pool->name), .pool_no = (uint32_t)tree->npool++};
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

static uint32_t weight_no(struct isb_tree *tree, uint16_t weight)
{
	uint32_t i = 0;
	while (i < tree->nweight && tree->weights[i] != weight)
		i++;
	if (i == tree->nweight) {
		tree->weights = isb_arena_grow(tree->arena, tree->weights, i * sizeof(weight), (i + 1) * sizeof(weight));
		tree->weights[tree->nweight++] = weight;
	}
	return i;
}

/* --- Nodes written in place ---------------------------------------------------------------------------------------- */

enum { NAMED_CHILDREN = 12 }; /* in a name; the others are counted */

/* "asia, us", "weighted of stable*95, next*5", "nearest of us, (asia, europe)". */
static void print_content(const struct isb_tree *tree, const struct isb_tree_node *node, struct isb_buf *out)
{
	if (node->order->id != ISB_ORDER_FAILOVER || node->nchild < 2)
		isb_buf_printf(out, "%s of ", isb_order_words[node->order->id]);
	for (size_t i = 0; i < node->nchild && i < NAMED_CHILDREN; i++) {
		const struct isb_tree_node *child = &tree->nodes[node->child[i]];
		const struct isb_policy_child *declared = &node->policy->children[i];
		isb_buf_printf(out, "%s%s%s%s", i ? ", " : "", child->in_place ? "(" : "", child->name, child->in_place ? ")" : "");
		if (declared->weight != 1)
			isb_buf_printf(out, "*%u", declared->weight);
		if (declared->bias)
			isb_buf_printf(out, " bias %d", declared->bias);
	}
	if (node->nchild > NAMED_CHILDREN)
		isb_buf_printf(out, " and %zu more", node->nchild - NAMED_CHILDREN);
}

static bool same_content(const struct isb_buf *a, const struct isb_buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* One node for all places where the same is written: they decide alike, and so must count as one. What has the same name
 * and is not the same (other rules lead there) gets a number, so that a name is one node's. */
static uint32_t append_in_place(struct isb_tree *tree, struct isb_tree_node *node)
{
	struct isb_buf content = {0}, name = {0};
	unsigned namesakes = 0;
	isb_tree_content(node, &content);
	print_content(tree, node, &name);
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->nodes[i].in_place && same_content(&tree->nodes[i].content, &content)) {
			isb_buf_done(&content);
			isb_buf_done(&name);
			return (uint32_t)i;
		}
		size_t len = tree->nodes[i].in_place ? strcspn(tree->nodes[i].name, "#") : 0;
		namesakes += tree->nodes[i].in_place && len == name.len && memcmp(tree->nodes[i].name, name.data, len) == 0;
	}
	if (namesakes)
		isb_buf_printf(&name, "#%u", namesakes + 1);
	node->in_place = true;
	node->name = isb_arena_strdup(tree->arena, isb_buf_text(&name));
	node->content = (struct isb_buf){.data = isb_arena_memdup(tree->arena, content.data, content.len), .len = content.len};
	isb_buf_done(&content);
	isb_buf_done(&name);
	return append(tree, node);
}

/* `name` NULL: written in place. */
static uint32_t add_policy(struct isb_tree *tree, const struct isb_policy_node *policy, const char *name)
{
	struct isb_tree_node node = {.name = name, .policy = policy, .order = isb_order_get(policy->order),
	                             .nchild = policy->nchild};
	size_t nnet = tree->nnet, count = tree->count;
	node.children = isb_arena_alloc(tree->arena, policy->nchild * sizeof(*node.children));
	node.child = isb_arena_alloc(tree->arena, policy->nchild * sizeof(*node.child));
	node.weight_no = isb_arena_alloc(tree->arena, policy->nchild * sizeof(*node.weight_no));
	for (size_t i = 0; i < policy->nchild; i++) {
		const struct isb_policy_child *child = &policy->children[i];
		uint32_t at = child->node ? add_policy(tree, child->node, NULL) : add_named(tree, child->use.name);
		const struct isb_tree_node *below = &tree->nodes[at];
		node.child[i] = at;
		node.weight_no[i] = weight_no(tree, child->weight);
		node.children[i].fence = child->fence;
		node.children[i].bias = child->bias;
		if (policy->order == ISB_ORDER_GEO) {
			node.children[i].match = &child->match;
			add_nets(tree, &child->match, &node.children[i]);
		}
		for (size_t j = 0; j < below->nchild; j++)
			join_regions(tree, &node.children[i], below->children[j].regions, below->children[j].nregion);
	}
	node.key = name ? key_of(name) : key_in_place(tree, &node);
	if (name)
		return append(tree, &node);
	uint32_t at = append_in_place(tree, &node);
	if (at < count) /* it stood there before, and its networks with it */
		tree->nnet = nnet;
	return at;
}

static uint32_t add_named(struct isb_tree *tree, const char *name)
{
	for (size_t i = 0; i < tree->count; i++)
		if (!tree->nodes[i].in_place && strcmp(tree->nodes[i].name, name) == 0)
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
	if (rollout->times.nstep)
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
	if (rollout->times.nstep) {
		others->rollout = rollout;
		others->name = name;
	}
	return tree;
}
