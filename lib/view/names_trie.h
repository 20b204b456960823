/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/bits.h"
#include "isobar/base/hash.h"
#include "isobar/view/names.h"

/* The children of one node: a hash trie that spends six bits of the label's hash per level. A slot is a child that is
 * alone with its bits, or the next level. Labels that share all 64 bits end in a bucket below the last level, which is
 * searched label by label: the hash is no secret, so whoever may add names can make such labels. */
struct isb_kids {
	uint64_t map;   /* taken slots; unused in a bucket */
	uint32_t count; /* slots that follow */
	uint32_t fresh; /* made by the edit under way: it alone may change this piece in place */
	uintptr_t slot[]; /* struct isb_node *, or struct isb_kids * with KIDS_DEEPER set; in the order of map's bits */
};

enum { KIDS_BITS = 6, KIDS_LEVELS = 11, KIDS_FULL = 1 << KIDS_BITS };
enum { NODE_FRESH = 0x80 }; /* as isb_kids.fresh, in isb_node.flags */
static const uintptr_t KIDS_DEEPER = 1;

static inline uint64_t label_hash(const uint8_t *label, size_t len)
{
	return isb_hash_key(label, len, 0);
}

static inline uint64_t kids_bit(uint64_t hash, unsigned level)
{
	return 1ull << (hash >> (KIDS_BITS * level) & 63);
}

/* Where the slot of `bit` stands, or would. */
static inline unsigned kids_index(const struct isb_kids *kids, uint64_t bit)
{
	return isb_ones(kids->map & (bit - 1));
}

static inline bool slot_is_deeper(uintptr_t slot)
{
	return slot & KIDS_DEEPER;
}

static inline struct isb_kids *slot_kids(uintptr_t slot)
{
	return (struct isb_kids *)(slot & ~KIDS_DEEPER);
}

static inline struct isb_node *slot_node(uintptr_t slot)
{
	return (struct isb_node *)slot;
}

static inline bool node_has_label(const struct isb_node *node, const uint8_t *label, size_t len)
{
	return node->label_len == len && isb_same(node->data, label, len);
}

/* From the node's start to its first rrset. */
static inline size_t node_head(size_t label_len)
{
	return (offsetof(struct isb_node, data) + label_len + 3) & ~(size_t)3;
}

static inline size_t set_room(const struct isb_rrset *set)
{
	return (isb_rrset_bytes(set) + 3) & ~(size_t)3;
}
