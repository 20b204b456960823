/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/view/large.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/view/view.h"
#include "names_trie.h"

enum { TAG_SHIFT = 48, NODE_USUAL = 64 /* octets of a node with an rrset or two: mostly on two lines of memory */ };
static const uint64_t ADDRESS = ((uint64_t)1 << TAG_SHIFT) - 1;

static inline bool below_apex(const struct isb_large *large, const uint8_t *name, size_t len)
{
	return len > large->apex_len && isb_same(name + len - large->apex_len, large->apex, large->apex_len);
}

static inline bool right_below_apex(const struct isb_large *large, const uint8_t *name, size_t len)
{
	return len == 1u + name[0] + large->apex_len && below_apex(large, name, len);
}

/* The first slot where a label may stand. */
static inline size_t first_slot(const struct isb_large *large, uint64_t hash)
{
	return (hash >> 32) * large->slots >> 32;
}

static inline bool has_tag(uint64_t word, uint64_t hash)
{
	return (word >> TAG_SHIFT) == (hash & 0xffff);
}

/* The slot of a label, length octet first, or NULL. */
static inline const _Atomic uint64_t *find(const struct isb_large *large, const uint8_t *label)
{
	uint64_t hash = label_hash(label + 1, label[0]);
	const _Atomic uint64_t *slot = &large->slot[first_slot(large, hash)];
	for (unsigned i = 0; i < ISB_LARGE_PROBES; i++, slot++) {
		/* relaxed: as in exact.h */
		uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
		if (!word)
			return NULL;
		if (!has_tag(word, hash) || (word & ADDRESS) == ISB_LARGE_DEAD)
			continue;
		if (node_has_label((const struct isb_node *)(uintptr_t)(word & ADDRESS), label + 1, label[0]))
			return slot;
	}
	return NULL;
}

__attribute__((flatten)) /* what most questions for large zones come to; the rest of this page shares its parts */
const struct isb_node *isb_large_find(const struct isb_large *large, const uint8_t *name, size_t len)
{
	if (!right_below_apex(large, name, len))
		return NULL;
	const _Atomic uint64_t *slot = find(large, name);
	uint64_t word = slot ? atomic_load_explicit(slot, memory_order_relaxed) & ADDRESS : 0;
	return word != ISB_LARGE_DEAD ? (const struct isb_node *)(uintptr_t)word : NULL;
}

/* The free slot where looks for a label end that is not in the table, or NULL. *ret_marked: one of the marks that they pass may
 * be its. */
static const _Atomic uint64_t *end_of(const struct isb_large *large, uint64_t hash, bool *ret_marked)
{
	const _Atomic uint64_t *slot = &large->slot[first_slot(large, hash)];
	*ret_marked = false;
	for (unsigned i = 0; i < ISB_LARGE_PROBES; i++, slot++) {
		uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
		if (!word)
			return slot;
		*ret_marked |= has_tag(word, hash) && (word & ADDRESS) == ISB_LARGE_DEAD;
	}
	return NULL;
}

bool isb_large_lacks(const struct isb_large *large, const uint8_t *name, size_t len)
{
	bool marked;
	return right_below_apex(large, name, len) && !find(large, name) &&
	       end_of(large, isb_large_key(name), &marked) && !marked &&
	       !atomic_load_explicit(&large->partial, memory_order_relaxed);
}

uint64_t isb_large_key(const uint8_t *label)
{
	return label_hash(label + 1, label[0]);
}

void isb_large_fetch_slot(const struct isb_large *large, uint64_t key)
{
	const _Atomic uint64_t *slot = &large->slot[first_slot(large, key)];
	__builtin_prefetch((const void *)slot);
	__builtin_prefetch((const void *)(slot + 7));
}

/* What the slot leads to is not looked at: it may be a node that is gone, or none. */
void isb_large_fetch_node(const struct isb_large *large, uint64_t key)
{
	uint64_t word;
	const _Atomic uint64_t *slot = &large->slot[first_slot(large, key)];
	for (unsigned i = 0; i < ISB_LARGE_PROBES; i++, slot++) {
		/* relaxed: as in exact.h */
		word = atomic_load_explicit(slot, memory_order_relaxed);
		if (!word)
			return;
		if (has_tag(word, key))
			break;
	}
	uintptr_t node = (uintptr_t)(word & ADDRESS);
	__builtin_prefetch((const void *)node);
	__builtin_prefetch((const void *)(node + NODE_USUAL - 1));
}

static void put_mark(_Atomic uint64_t *slot, uint64_t hash)
{
	/* relaxed: the view in which the node is another one, or there at all, is published after this, with release */
	atomic_store_explicit(slot, hash << TAG_SHIFT | ISB_LARGE_DEAD, memory_order_relaxed);
}

/* An edit gives every node on the way to its name another place in memory. */
void isb_large_bury(struct isb_large *large, const uint8_t *name, size_t len)
{
	if (!below_apex(large, name, len))
		return;
	const uint8_t *label = name, *apex = name + len - large->apex_len;
	bool marked = false; /* one mark does for all that share it */
	while (label + 1 + label[0] < apex)
		label += 1 + label[0];
	if (label + 1 + label[0] != apex) /* its octets end like the apex, its labels do not */
		return;
	uint64_t hash = isb_large_key(label);
	const _Atomic uint64_t *slot = find(large, label);
	if (!slot)
		slot = end_of(large, hash, &marked);
	if (slot && !marked)
		put_mark((_Atomic uint64_t *)(uintptr_t)slot, hash);
}

void isb_large_leave(struct isb_large *large, const uint8_t *apex, size_t len)
{
	if (len == large->apex_len && isb_same(apex, large->apex, len))
		atomic_store_explicit(&large->partial, true, memory_order_relaxed); /* as for marks */
}

/* --- Building ------------------------------------------------------------------------------------------------------ */

struct building {
	const struct isb_view *view;
	struct isb_large *large;
};

/* Without a free slot it is left out: then no look for its label meets one either. */
static void place(struct isb_large *large, const struct isb_node *node, bool answers)
{
	uint64_t hash = label_hash(node->data, node->label_len), address = (uint64_t)(uintptr_t)node;
	_Atomic uint64_t *slot = &large->slot[first_slot(large, hash)];
	for (unsigned i = 0; i < ISB_LARGE_PROBES; i++, slot++) {
		if (atomic_load_explicit(slot, memory_order_relaxed))
			continue;
		if (answers && !(address & ~ADDRESS))
			atomic_store_explicit(slot, hash << TAG_SHIFT | address, memory_order_relaxed); /* nobody reads it yet */
		else
			put_mark(slot, hash);
		return;
	}
}

static enum isb_tour visit(void *arg, const uint8_t *relative, const struct isb_node *node)
{
	const struct building *b = arg;
	uint8_t name[ISB_DNAME_MAX];
	size_t len = node->label_len + 1u;
	if (node->label_len == 0) { /* the apex */
		b->large->partial = node->flags & ISB_NODE_DNAME;
		return b->large->partial ? ISB_TOUR_END : ISB_TOUR_ON;
	}
	memcpy(name, relative, len);
	memcpy(name + len, b->large->apex, b->large->apex_len);
	bool answers = node->nset && node->record == ISB_NO_RECORD &&
	               !(node->flags & (ISB_NODE_CNAME | ISB_NODE_DNAME | ISB_NODE_CUT)) &&
	               !isb_view_zone(b->view, name, len + b->large->apex_len);
	place(b->large, node, answers);
	return ISB_TOUR_PAST;
}

struct isb_large *isb_large_new(const struct isb_view *view, const struct isb_zone_view *zone)
{
	size_t count = isb_node_children(zone->root), slots = count + count / 2 + ISB_LARGE_PROBES;
	if (slots > UINT32_MAX)
		return NULL;
	struct isb_large *large = isb_xcalloc_large(sizeof(*large) + (slots + ISB_LARGE_PROBES) * sizeof(large->slot[0]));
	large->slots = (uint32_t)slots;
	large->apex_len = zone->apex_len;
	memcpy(large->apex, zone->apex, zone->apex_len);
	struct building b = {view, large};
	isb_names_tour(zone->root, visit, &b);
	return large;
}
