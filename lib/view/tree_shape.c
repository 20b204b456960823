/* SPDX-License-Identifier: Apache-2.0 */
/* Trees and their nodes as octets, to be compared. */
#include <string.h>

#include "tree.h"

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
static void shape_children(struct isb_buf *out, const struct isb_tree *tree, const struct isb_tree_node *node)
{
	if (node->order->param)
		for (size_t i = 0; i < tree->catalog->nregion; i++)
			shape_region(out, &tree->catalog->regions[i]);
	else
		for (size_t i = 0; i < node->nchild; i++)
			shape_child(out, &node->children[i]);
}

static void shape_node(struct isb_buf *out, const struct isb_tree *tree, const struct isb_tree_node *node)
{
	isb_buf_putc(out, (char)(node->policy ? 'p' : node->order->by_client ? 'c' : '-'));
	if (!node->policy && !node->order->by_client)
		return; /* a pool is known by its place in the tree */
	isb_buf_putc(out, (char)node->order->id);
	isb_buf_u32(out, (uint32_t)node->nchild);
	for (size_t i = 0; node->policy && i < node->nchild; i++) {
		isb_buf_u32(out, node->child[i]);
		isb_buf_u32(out, node->weight_no[i]);
		isb_buf_putc(out, node->policy->children[i].weight == 0);
	}
	if (node->policy) {
		isb_buf_putc(out, node->in_place);
		isb_buf_putc(out, node->policy->trickle != 0);
		isb_buf_putc(out, (char)(node->rollout ? 1 + node->listed : 0));
	}
	if (node->order->by_client)
		shape_children(out, tree, node);
}

void isb_tree_shape(const struct isb_tree *tree, const struct isb_geodb *geodb, const struct isb_latencies *latencies,
                    struct isb_buf *ret_shape)
{
	isb_buf_u64(ret_shape, geodb ? isb_geodb_fingerprint(geodb) : 0);
	isb_buf_u64(ret_shape, tree->by_cell ? isb_latencies_fingerprint(latencies) : 0);
	for (size_t i = 0; i < tree->count; i++)
		shape_node(ret_shape, tree, &tree->nodes[i]);
}

void isb_tree_content(const struct isb_tree_node *node, struct isb_buf *ret_content)
{
	const struct isb_policy_node *policy = node->policy;
	isb_buf_putc(ret_content, (char)policy->order);
	isb_buf_putc(ret_content, (char)policy->hash.by);
	isb_buf_putc(ret_content, (char)policy->hash.ipv4);
	isb_buf_putc(ret_content, (char)policy->hash.ipv6);
	isb_buf_u32(ret_content, policy->hash.seed);
	isb_buf_putc(ret_content, (char)policy->trickle);
	isb_buf_u32(ret_content, (uint32_t)policy->nchild);
	for (size_t i = 0; i < policy->nchild; i++) {
		const struct isb_policy_child *child = &policy->children[i];
		isb_buf_u32(ret_content, node->child[i]);
		isb_buf_u16(ret_content, child->weight);
		isb_buf_putc(ret_content, child->fence);
		isb_buf_putc(ret_content, child->bias);
		shape_match(ret_content, &child->match);
	}
}
