/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "geodb_walk.h"
#include "geomap_block.h"
#include "isobar/base/arena.h"

/* Nodes are numbered as they are met and filled in that order, so this is both the queue and the list of nodes: children
 * of one node get neighbouring numbers. */
struct isb_geo_todo {
	uint32_t ref;
	unsigned depth;
};

uint32_t isb_geo_trie_add(struct isb_geo_trie *trie, const uint32_t child[2])
{
	if (trie->count == trie->cap) {
		trie->cap = trie->cap ? trie->cap * 2 : 1024;
		trie->child = isb_xrealloc(trie->child, trie->cap * sizeof(*trie->child));
	}
	memcpy(trie->child[trie->count], child, sizeof(*trie->child));
	return (uint32_t)trie->count++;
}

static uint32_t add_node(struct isb_geo_packing *p, uint32_t ref, unsigned depth)
{
	if (p->nnode == p->node_cap) {
		p->node_cap = p->node_cap ? p->node_cap * 2 : 1024;
		p->node = isb_xrealloc(p->node, p->node_cap * sizeof(*p->node));
		p->todo = isb_xrealloc(p->todo, p->node_cap * sizeof(*p->todo));
	}
	p->todo[p->nnode] = (struct isb_geo_todo){ref, depth};
	return (uint32_t)p->nnode++;
}

static void add_leaf(struct isb_geo_packing *p, uint32_t word)
{
	if (p->nleaf == p->leaf_cap) {
		p->leaf_cap = p->leaf_cap ? p->leaf_cap * 2 : 1024;
		p->leaf = isb_xrealloc(p->leaf, p->leaf_cap * sizeof(*p->leaf));
	}
	p->leaf[p->nleaf++] = word;
}

/* What the slots of one node lead to: a leaf's word, or a node further down. */
struct slots {
	uint64_t children;
	uint32_t to[ISB_GEO_SLOTS];
};

static void fill_slots(const struct isb_geo_trie *trie, struct slots *s, uint32_t ref, unsigned depth, unsigned first,
                       unsigned span)
{
	if (ref & ISB_REF_LEAF) {
		for (unsigned i = first; i < first + span; i++)
			s->to[i] = isb_geo_word(ref & ~ISB_REF_LEAF, depth);
	} else if (span == 1) {
		s->children |= UINT64_C(1) << first;
		s->to[first] = ref;
	} else {
		fill_slots(trie, s, trie->child[ref][0], depth + 1, first, span / 2);
		fill_slots(trie, s, trie->child[ref][1], depth + 1, first + span / 2, span / 2);
	}
}

static void fill_node(struct isb_geo_packing *p, const struct isb_geo_trie *trie, size_t number)
{
	struct isb_geo_todo todo = p->todo[number];
	struct slots s = {0};
	struct isb_geo_node node = {.node0 = (uint32_t)p->nnode, .leaf0 = (uint32_t)p->nleaf};
	fill_slots(trie, &s, todo.ref, todo.depth, 0, ISB_GEO_SLOTS);
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

uint32_t isb_geo_pack_slot(struct isb_geo_packing *p, const struct isb_geo_trie *trie, uint32_t ref)
{
	uint32_t first = add_node(p, ref, ISB_GEO_DIRECT_BITS);
	for (size_t i = first; i < p->nnode; i++)
		fill_node(p, trie, i);
	return first;
}

static void fill_direct(uint32_t *direct, const struct isb_geo_trie *top, uint32_t ref, unsigned depth, uint32_t first)
{
	uint32_t span = UINT32_C(1) << (ISB_GEO_DIRECT_BITS - depth);
	if (ref & ISB_REF_LEAF) {
		for (uint32_t i = 0; i < span; i++)
			direct[first + i] = isb_geo_word(ref & ~ISB_REF_LEAF, depth);
	} else if (span == 1) {
		direct[first] = isb_geo_word(ref, ISB_GEO_TO_NODE);
	} else {
		fill_direct(direct, top, top->child[ref][0], depth + 1, first);
		fill_direct(direct, top, top->child[ref][1], depth + 1, first + span / 2);
	}
}

/* Octets that hold every word of these. */
static uint32_t leaf_size(const struct isb_geo_packing *p)
{
	uint32_t all = 0;
	for (size_t i = 0; i < p->nleaf; i++)
		all |= p->leaf[i];
	return all <= UINT16_MAX ? sizeof(uint16_t) : sizeof(uint32_t);
}

static void put_leaves(void *to, const struct isb_geo_packing *p, uint32_t size)
{
	uint16_t *narrow = to;
	if (size == sizeof(*p->leaf))
		memcpy(to, p->leaf, p->nleaf * size);
	else
		for (size_t i = 0; i < p->nleaf; i++)
			narrow[i] = (uint16_t)p->leaf[i];
}

static uint64_t place(uint64_t *end, size_t octets)
{
	uint64_t at = *end;
	*end += (octets + 7) & ~(size_t)7;
	return at;
}

struct isb_geomap *isb_geomap_pack(struct isb_geo_packing p[2], const struct isb_geo_trie top[2], const uint32_t root[2])
{
	struct isb_geo_header header = {.magic = ISB_GEO_MAGIC};
	uint64_t end = sizeof(header);
	for (int i = 0; i < 2; i++) {
		free(p[i].todo);
		header.half[i] = (struct isb_geo_half){
			.nnode = (uint32_t)p[i].nnode, .nleaf = (uint32_t)p[i].nleaf, .leaf_size = leaf_size(&p[i])};
		header.half[i].direct = place(&end, sizeof(uint32_t) << ISB_GEO_DIRECT_BITS);
		header.half[i].nodes = place(&end, p[i].nnode * sizeof(*p[i].node));
		header.half[i].leaves = place(&end, p[i].nleaf * header.half[i].leaf_size);
	}
	struct isb_geomap *map = isb_xcalloc_large(sizeof(*map) + end);
	uint8_t *block = (uint8_t *)map->block;
	map->size = end;
	memcpy(block, &header, sizeof(header));
	for (int i = 0; i < 2; i++) {
		fill_direct((uint32_t *)(void *)(block + header.half[i].direct), &top[i], root[i], 0, 0);
		if (p[i].nnode) { /* with nodes come leaves */
			memcpy(block + header.half[i].nodes, p[i].node, p[i].nnode * sizeof(*p[i].node));
			free(p[i].node);
			put_leaves(block + header.half[i].leaves, &p[i], header.half[i].leaf_size);
			free(p[i].leaf);
		}
		p[i] = (struct isb_geo_packing){0};
	}
	isb_geomap_open(map);
	return map;
}
