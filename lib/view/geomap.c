/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/view/geomap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "geomap_block.h"
#include "isobar/base/arena.h"
#include "isobar/base/bits.h"
#include "isobar/base/err.h"

static const struct isb_geoleaf nowhere = {.cls = ISB_CLASS_NONE};

void isb_geomap_free(struct isb_geomap *map)
{
	free(map);
}

size_t isb_geomap_size(const struct isb_geomap *map)
{
	return map->size;
}

const void *isb_geomap_block(const struct isb_geomap *map)
{
	return map->block;
}

struct isb_geomap *isb_geomap_copy(const void *block, size_t size)
{
	struct isb_geomap *map = isb_xmalloc(sizeof(*map) + size);
	map->size = size;
	memcpy(map->block, block, size);
	isb_geomap_open(map);
	return map;
}

static const void *inside(const struct isb_geomap *map, uint64_t at, uint64_t octets)
{
	if (at % 8 || at > map->size || octets > map->size - at)
		return NULL;
	return (const uint8_t *)map->block + at;
}

void isb_geomap_open(struct isb_geomap *map)
{
	const struct isb_geo_header *header = (const void *)map->block;
	bool good = map->size >= sizeof(*header) && header->magic == ISB_GEO_MAGIC;
	for (int i = 0; i < 2; i++) {
		const struct isb_geo_half *h = &header->half[i];
		map->part[i] = (struct isb_geo_part){0};
		if (!good)
			continue;
		struct isb_geo_part part = {
			.direct = inside(map, h->direct, sizeof(uint32_t) << ISB_GEO_DIRECT_BITS),
			.node = inside(map, h->nodes, h->nnode * (uint64_t)sizeof(struct isb_geo_node)),
			.nnode = h->nnode,
			.nleaf = h->nleaf,
			.bits = i == 0 ? 32 : 128,
		};
		const void *leaves = inside(map, h->leaves, h->nleaf * (uint64_t)h->leaf_size);
		if (h->leaf_size == sizeof(uint16_t))
			part.narrow = leaves;
		else if (h->leaf_size == sizeof(uint32_t))
			part.wide = leaves;
		if (part.direct && part.node && (part.narrow || part.wide))
			map->part[i] = part;
	}
}

/* Number of the node or leaf that a slot leads to; may be out of range in a damaged block. */
static inline bool slot_to(const struct isb_geo_node *node, unsigned slot, uint32_t *ret_number)
{
	bool down = node->children >> slot & 1;
	uint64_t up_to = (down ? node->children : node->runs) << (63 - slot);
	*ret_number = (down ? node->node0 : node->leaf0) + isb_ones(up_to) - 1;
	return down;
}

static inline struct isb_geoleaf leaf_of(const struct isb_geo_part *part, uint32_t word)
{
	uint8_t scope = (uint8_t)word;
	return scope > part->bits ? nowhere : (struct isb_geoleaf){.cls = word >> 8, .scope = scope};
}

/* No stride lies across the two halves of an address, so that its path is read from one word of 64 bits, and then from
 * the other, shifted on. */
_Static_assert((64 - ISB_GEO_DIRECT_BITS) % ISB_GEO_STRIDE == 0, "a stride would have bits of both halves");

struct isb_geoleaf isb_geomap_find(const struct isb_geomap *map, const struct isb_addr *addr)
{
	const struct isb_geo_part *part = &map->part[addr->family != 4];
	isb_key key = isb_key_of(addr);
	uint64_t left = (uint64_t)(key >> 64);
	if (!part->direct)
		return nowhere;
	uint32_t word = part->direct[left >> (64 - ISB_GEO_DIRECT_BITS)];
	if ((word & 0xff) != ISB_GEO_TO_NODE)
		return leaf_of(part, word);
	uint32_t number = word >> 8;
	left <<= ISB_GEO_DIRECT_BITS;
	for (unsigned depth = ISB_GEO_DIRECT_BITS; depth < part->bits && number < part->nnode; depth += ISB_GEO_STRIDE) {
		if (depth == 64)
			left = (uint64_t)key;
		if (!slot_to(&part->node[number], (unsigned)(left >> (64 - ISB_GEO_STRIDE)), &number))
			return number < part->nleaf ? leaf_of(part, isb_geo_leaf(part, number)) : nowhere;
		left <<= ISB_GEO_STRIDE;
	}
	return nowhere;
}

/* The walk over all slots in address order that each() and prove() share. It checks as it goes and ends at the first
 * thing that a sound block does not have; counting the nodes keeps a damaged one from unfolding without end. */
struct tour {
	struct isb_geo_part h;
	bool widest;    /* a leaf that could be one with its neighbour is not sound */
	void (*each)(void *arg, const struct isb_net *net, uint32_t cls);
	void *arg;
	size_t leaves;
	uint32_t nodes; /* seen in this family */
	bool any;       /* a leaf before, in this family: */
	uint32_t word;
	isb_key from, to; /* its first and last address */
};

static struct isb_net net_of(const struct tour *t, isb_key key, uint8_t len)
{
	struct isb_net net = {.addr.family = t->h.bits == 32 ? 4 : 6, .len = len};
	for (unsigned i = 0; i < t->h.bits / 8; i++)
		net.addr.octets[i] = (uint8_t)(key >> (120 - 8 * i));
	return net;
}

static bool siblings(const struct tour *t, isb_key key, uint32_t word)
{
	unsigned len = word & 0xff;
	return t->any && word == t->word && len > 0 && (t->from ^ key) == (isb_key)1 << (128 - len);
}

/* A slot of `len` bits at `key` ends in this word: the start of a leaf, or more of the one before. */
static bool tour_slot(struct tour *t, uint32_t word, isb_key key, unsigned len)
{
	if (t->any && key <= t->to)
		return word == t->word;
	uint8_t scope = (uint8_t)word;
	if (scope > len)
		return false;
	isb_key rest = scope == 128 ? 0 : ~(isb_key)0 >> scope;
	if ((key & rest) || (t->widest && siblings(t, key, word)))
		return false;
	t->any = true;
	t->word = word;
	t->from = key;
	t->to = key | rest;
	t->leaves++;
	if (t->each) {
		struct isb_net net = net_of(t, key, scope);
		t->each(t->arg, &net, word >> 8);
	}
	return true;
}

static bool tour_node(struct tour *t, uint32_t number, isb_key key, unsigned depth)
{
	if (number >= t->h.nnode || depth >= t->h.bits || t->nodes++ >= t->h.nnode)
		return false;
	if (t->any && key <= t->to)
		return false;
	unsigned real = t->h.bits - depth < ISB_GEO_STRIDE ? t->h.bits - depth : ISB_GEO_STRIDE;
	for (unsigned i = 0; i < 1u << real; i++) {
		isb_key at = key | (isb_key)i << (128 - depth - real);
		uint32_t to;
		if (slot_to(&t->h.node[number], i << (ISB_GEO_STRIDE - real), &to)) {
			if (!tour_node(t, to, at, depth + ISB_GEO_STRIDE))
				return false;
		} else if (to >= t->h.nleaf || !tour_slot(t, isb_geo_leaf(&t->h, to), at, depth + real)) {
			return false;
		}
	}
	return true;
}

static bool tour_family(struct tour *t, const struct isb_geomap *map, unsigned family)
{
	t->h = map->part[family != 4];
	if (!t->h.direct)
		return false;
	t->any = false;
	t->nodes = 0;
	for (uint32_t i = 0; i < 1u << ISB_GEO_DIRECT_BITS; i++) {
		isb_key key = (isb_key)i << (128 - ISB_GEO_DIRECT_BITS);
		uint32_t word = t->h.direct[i];
		bool good = (word & 0xff) == ISB_GEO_TO_NODE ? tour_node(t, word >> 8, key, ISB_GEO_DIRECT_BITS)
		                                             : tour_slot(t, word, key, ISB_GEO_DIRECT_BITS);
		if (!good)
			return false;
	}
	return t->nodes == t->h.nnode;
}

void isb_geomap_each(const struct isb_geomap *map, void (*each)(void *arg, const struct isb_net *net, uint32_t cls),
                     void *arg)
{
	struct tour t = {.each = each, .arg = arg};
	if (tour_family(&t, map, 4))
		tour_family(&t, map, 6);
}

int isb_geomap_prove(const struct isb_geomap *map, size_t *ret_leaves)
{
	struct tour t = {.widest = true};
	if (!tour_family(&t, map, 4) || !tour_family(&t, map, 6))
		return ISB_EFORMAT;
	*ret_leaves = t.leaves;
	return ISB_OK;
}
