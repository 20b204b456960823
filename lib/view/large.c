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

const struct isb_node *isb_large_find(const struct isb_large *large, const uint8_t *name, size_t len)
{
	if (len != 1u + name[0] + large->apex_len || !below_apex(large, name, len))
		return NULL;
	const _Atomic uint64_t *slot = find(large, name);
	uint64_t word = slot ? atomic_load_explicit(slot, memory_order_relaxed) & ADDRESS : 0;
	return word != ISB_LARGE_DEAD ? (const struct isb_node *)(uintptr_t)word : NULL;
}

uint64_t isb_large_key(const uint8_t *label)
{
	return label_hash(label + 1, label[0]);
}

void isb_large_fetch_slot(const struct isb_large *large, uint64_t key)
{
	__builtin_prefetch((const void *)&large->slot[first_slot(large, key)]);
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

/* An edit gives every node on the way to its name another place in memory. */
void isb_large_bury(struct isb_large *large, const uint8_t *name, size_t len)
{
	if (!below_apex(large, name, len))
		return;
	const uint8_t *label = name, *apex = name + len - large->apex_len;
	while (label + 1 + label[0] < apex)
		label += 1 + label[0];
	if (label + 1 + label[0] != apex) /* its octets end like the apex, its labels do not */
		return;
	_Atomic uint64_t *slot = (_Atomic uint64_t *)(uintptr_t)find(large, label);
	if (!slot)
		return;
	uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
	/* relaxed: the view without the node is published after this, with release */
	atomic_store_explicit(slot, (word & ~ADDRESS) | ISB_LARGE_DEAD, memory_order_relaxed);
}

/* --- Building ------------------------------------------------------------------------------------------------------ */

struct building {
	const struct isb_view *view;
	struct isb_large *large;
};

static void place(struct isb_large *large, const struct isb_node *node)
{
	uint64_t hash = label_hash(node->data, node->label_len), address = (uint64_t)(uintptr_t)node;
	_Atomic uint64_t *slot = &large->slot[first_slot(large, hash)];
	for (unsigned i = 0; i < ISB_LARGE_PROBES && !(address & ~ADDRESS); i++, slot++)
		if (!atomic_load_explicit(slot, memory_order_relaxed)) {
			atomic_store_explicit(slot, hash << TAG_SHIFT | address, memory_order_relaxed); /* nobody reads it yet */
			return;
		}
}

static enum isb_tour visit(void *arg, const uint8_t *relative, const struct isb_node *node)
{
	const struct building *b = arg;
	uint8_t name[ISB_DNAME_MAX];
	size_t len = node->label_len + 1u;
	if (node->label_len == 0) /* the apex */
		return node->flags & ISB_NODE_DNAME ? ISB_TOUR_END : ISB_TOUR_ON;
	memcpy(name, relative, len);
	memcpy(name + len, b->large->apex, b->large->apex_len);
	if (node->nset && node->record == ISB_NO_RECORD && !(node->flags & (ISB_NODE_CNAME | ISB_NODE_DNAME | ISB_NODE_CUT)) &&
	    !isb_view_zone(b->view, name, len + b->large->apex_len))
		place(b->large, node);
	return ISB_TOUR_PAST;
}

struct isb_large *isb_large_new(const struct isb_view *view, const struct isb_zone_view *zone)
{
	size_t count = isb_node_children(zone->root), slots = count + count / 3 + ISB_LARGE_PROBES;
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
