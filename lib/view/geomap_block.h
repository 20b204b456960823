/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/view/geomap.h"
#include "netset.h"

/* The block of a geo map, host endian, no pointers, every part at a multiple of 8 octets:
 *
 *   header   struct isb_geo_header
 *   then for IPv4 and for IPv6
 *     direct   65536 words, one for each value of an address's first 16 bits
 *     nodes    struct isb_geo_node each, all below one value of the first 16 bits together
 *     leaves   words, in 16 bits each where every one of the family has room there, else in 32
 *
 * A word is class << 8 | scope. In `direct` the scope 255, which no leaf has, says: the rest is the number of a node.
 * A node looks at the next 6 bits of the address (a slot), the last one of a path at the 4 that are left, padded with
 * zeros. Slot s goes on to the node  node0 + (ones of `children` below s)  if its bit in `children` is set. Else it
 * ends in the leaf  leaf0 + (ones of `runs` up to s) - 1:  a bit in `runs` marks where a new word starts, so that a
 * leaf that spans many slots is stored once. */

enum { ISB_GEO_DIRECT_BITS = 16, ISB_GEO_STRIDE = 6, ISB_GEO_SLOTS = 64, ISB_GEO_TO_NODE = 0xff };
#define ISB_GEO_MAGIC UINT64_C(0x32306d6567627369) /* "isbgem02" */

struct isb_geo_node {
	uint64_t children, runs;
	uint32_t node0, leaf0;
};

struct isb_geo_half {
	uint64_t direct, nodes, leaves; /* octets from the start of the block */
	uint32_t nnode, nleaf;
	uint32_t leaf_size; /* octets of each: 2 or 4 */
	uint32_t pad;
};

struct isb_geo_header {
	uint64_t magic;
	struct isb_geo_half half[2]; /* IPv4, IPv6 */
};

/* One family's part of a block, found once to lie inside it; all zero when it does not. */
struct isb_geo_part {
	const uint32_t *direct;
	const struct isb_geo_node *node;
	const uint16_t *narrow; /* the leaves, or NULL: they are wide */
	const uint32_t *wide;
	uint32_t nnode, nleaf;
	unsigned bits;
};
/* Leaves are most of a block, and few policies have more than 255 classes. */
static inline uint32_t isb_geo_leaf(const struct isb_geo_part *part, uint32_t number)
{
	return part->narrow ? part->narrow[number] : part->wide[number];
}

struct isb_geomap {
	struct isb_geo_part part[2]; /* IPv4, IPv6 */
	size_t size; /* of the block */
	uint64_t block[];
};
/* Finds the parts; for whoever filled in the block. */
void isb_geomap_open(struct isb_geomap *map);

static inline uint32_t isb_geo_word(uint32_t cls, unsigned scope)
{
	return cls << 8 | scope;
}

/* A merged binary trie to pack from: references as in geodb_walk.h, where the number of a leaf is its class. */
struct isb_geo_trie {
	uint32_t (*child)[2];
	size_t count, cap;
};
uint32_t isb_geo_trie_add(struct isb_geo_trie *trie, const uint32_t child[2]);

/* One family on its way into a block. What lies below one value of the first 16 bits is packed as soon as it is walked,
 * so that the trie of a whole family never exists: only that of one slot, and of what is above all slots. All-zero is
 * valid to begin with. */
struct isb_geo_packing {
	struct isb_geo_node *node;
	struct isb_geo_todo *todo; /* beside node; of the slot at hand */
	uint32_t *leaf;
	size_t nnode, node_cap, nleaf, leaf_cap;
};
/* Packs what is below a trie's node at ISB_GEO_DIRECT_BITS; its number. */
uint32_t isb_geo_pack_slot(struct isb_geo_packing *p, const struct isb_geo_trie *trie, uint32_t ref);
/* `top` are the tries above the slots, IPv4 and IPv6: a reference at ISB_GEO_DIRECT_BITS that is no leaf is the number of a
 * packed node. Empties `p`. */
struct isb_geomap *isb_geomap_pack(struct isb_geo_packing p[2], const struct isb_geo_trie top[2], const uint32_t root[2]);
