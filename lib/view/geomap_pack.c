/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "geodb_walk.h"
#include "geomap_block.h"
#include "isobar/base/arena.h"

/* One family on its way into the block. Nodes are numbered as they are met and filled in that order, so `todo` is both
 * the queue and the list of nodes: children of one node get neighbouring numbers, and those of `direct` the first. */
struct packing {
	const struct isb_geo_trie *trie;
	uint32_t *direct;
	struct isb_geo_node *node;
	struct todo {
		uint32_t ref;
		unsigned depth;
	} *todo;
	uint32_t *leaf;
	size_t nnode, node_cap, nleaf, leaf_cap;
};

static uint32_t add_node(struct packing *p, uint32_t ref, unsigned depth)
{
	if (p->nnode == p->node_cap) {
		p->node_cap = p->node_cap ? p->node_cap * 2 : 1024;
		p->node = isb_xrealloc(p->node, p->node_cap * sizeof(*p->node));
		p->todo = isb_xrealloc(p->todo, p->node_cap * sizeof(*p->todo));
	}
	p->todo[p->nnode] = (struct todo){ref, depth};
	return (uint32_t)p->nnode++;
}

static void add_leaf(struct packing *p, uint32_t word)
{
	if (p->nleaf == p->leaf_cap) {
		p->leaf_cap = p->leaf_cap ? p->leaf_cap * 2 : 1024;
		p->leaf = isb_xrealloc(p->leaf, p->leaf_cap * sizeof(*p->leaf));
	}
	p->leaf[p->nleaf++] = word;
}

static void fill_direct(struct packing *p, uint32_t ref, unsigned depth, uint32_t first)
{
	uint32_t span = UINT32_C(1) << (ISB_GEO_DIRECT_BITS - depth);
	if (ref & ISB_REF_LEAF) {
		for (uint32_t i = 0; i < span; i++)
			p->direct[first + i] = isb_geo_word(ref & ~ISB_REF_LEAF, depth);
	} else if (span == 1) {
		p->direct[first] = isb_geo_word(add_node(p, ref, depth), ISB_GEO_TO_NODE);
	} else {
		fill_direct(p, p->trie->child[ref][0], depth + 1, first);
		fill_direct(p, p->trie->child[ref][1], depth + 1, first + span / 2);
	}
}

/* What the slots of one node lead to: a leaf's word, or a node further down. */
struct slots {
	uint64_t children;
	uint32_t to[ISB_GEO_SLOTS];
};

static void fill_slots(struct packing *p, struct slots *s, uint32_t ref, unsigned depth, unsigned first, unsigned span)
{
	if (ref & ISB_REF_LEAF) {
		for (unsigned i = first; i < first + span; i++)
			s->to[i] = isb_geo_word(ref & ~ISB_REF_LEAF, depth);
	} else if (span == 1) {
		s->children |= UINT64_C(1) << first;
		s->to[first] = ref;
	} else {
		fill_slots(p, s, p->trie->child[ref][0], depth + 1, first, span / 2);
		fill_slots(p, s, p->trie->child[ref][1], depth + 1, first + span / 2, span / 2);
	}
}

static void fill_node(struct packing *p, size_t number)
{
	struct todo todo = p->todo[number];
	struct slots s = {0};
	struct isb_geo_node node = {.node0 = (uint32_t)p->nnode, .leaf0 = (uint32_t)p->nleaf};
	fill_slots(p, &s, todo.ref, todo.depth, 0, ISB_GEO_SLOTS);
	node.children = s.children;
	for (unsigned i = 0; i < ISB_GEO_SLOTS; i++) {
		uint64_t bit = UINT64_C(1) << i;
		if (s.children & bit) {
			add_node(p, s.to[i], todo.depth + ISB_GEO_STRIDE);
		} else if (p->nleaf == node.leaf0 || p->leaf[p->nleaf - 1] != s.to[i]) {
			node.runs |= bit;
			add_leaf(p, s.to[i]);
		}
	}
	p->node[number] = node;
}

static void pack_family(struct packing *p, const struct isb_geo_trie *trie, uint32_t root)
{
	*p = (struct packing){.trie = trie, .direct = isb_xcalloc(1 << ISB_GEO_DIRECT_BITS, sizeof(*p->direct))};
	fill_direct(p, root, 0, 0);
	for (size_t i = 0; i < p->nnode; i++)
		fill_node(p, i);
}

static uint64_t place(uint64_t *end, size_t octets)
{
	uint64_t at = *end;
	*end += (octets + 7) & ~(size_t)7;
	return at;
}

struct isb_geomap *isb_geomap_pack(const struct isb_geo_trie *trie)
{
	struct packing p[2];
	struct isb_geo_header header = {.magic = ISB_GEO_MAGIC};
	uint64_t end = sizeof(header);
	static const size_t direct_size = sizeof(uint32_t) << ISB_GEO_DIRECT_BITS;
	for (int i = 0; i < 2; i++) {
		pack_family(&p[i], trie, trie->root[i]);
		header.half[i] = (struct isb_geo_half){.nnode = (uint32_t)p[i].nnode, .nleaf = (uint32_t)p[i].nleaf};
		header.half[i].direct = place(&end, direct_size);
		header.half[i].nodes = place(&end, p[i].nnode * sizeof(*p[i].node));
		header.half[i].leaves = place(&end, p[i].nleaf * sizeof(*p[i].leaf));
	}
	struct isb_geomap *map = isb_xcalloc(1, sizeof(*map) + end);
	uint8_t *block = (uint8_t *)map->block;
	map->size = end;
	memcpy(block, &header, sizeof(header));
	for (int i = 0; i < 2; i++) {
		memcpy(block + header.half[i].direct, p[i].direct, direct_size);
		if (p[i].nnode) { /* with nodes come leaves */
			memcpy(block + header.half[i].nodes, p[i].node, p[i].nnode * sizeof(*p[i].node));
			memcpy(block + header.half[i].leaves, p[i].leaf, p[i].nleaf * sizeof(*p[i].leaf));
		}
		free(p[i].direct);
		free(p[i].node);
		free(p[i].todo);
		free(p[i].leaf);
	}
	return map;
}
