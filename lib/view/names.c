/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/view/names.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/model/dname.h"
#include "names_trie.h"

__attribute__((cold))
static const struct isb_node *bucket_find(const struct isb_kids *bucket, const uint8_t *label, size_t len)
{
	for (uint32_t i = 0; i < bucket->count; i++)
		if (node_has_label(slot_node(bucket->slot[i]), label, len))
			return slot_node(bucket->slot[i]);
	return NULL;
}

/* What stands where a level has this hash, or 0. Of many siblings the upper levels are full and need no counting. */
static inline uintptr_t kids_slot(const struct isb_kids *kids, uint64_t hash)
{
	if (kids->count == KIDS_FULL)
		return kids->slot[hash % KIDS_FULL];
	uint64_t bit = kids_bit(hash, 0);
	return kids->map & bit ? kids->slot[kids_index(kids, bit)] : 0;
}

const struct isb_node *isb_node_child_of(const struct isb_node *node, const uint8_t *label, size_t len)
{
	const struct isb_kids *kids = node->kids;
	if (!kids)
		return NULL;
	uint64_t hash = label_hash(label, len);
	uintptr_t slot = kids_slot(kids, hash);
	for (unsigned level = 1; slot_is_deeper(slot); level++) {
		kids = slot_kids(slot);
		if (level == KIDS_LEVELS)
			return bucket_find(kids, label, len);
		hash >>= KIDS_BITS;
		slot = kids_slot(kids, hash);
	}
	const struct isb_node *child = slot_node(slot);
	return child && node_has_label(child, label, len) ? child : NULL;
}

const struct isb_rrset *isb_node_next_set(const struct isb_node *node, const struct isb_rrset *previous)
{
	const uint8_t *first = (const uint8_t *)node + node_head(node->label_len);
	const uint8_t *next = previous ? (const uint8_t *)previous + set_room(previous) : first;
	return next < first + node->bytes ? (const struct isb_rrset *)next : NULL;
}

const struct isb_rrset *isb_node_set(const struct isb_node *node, uint16_t type)
{
	const uint8_t *at = (const uint8_t *)node + node_head(node->label_len);
	for (unsigned i = 0; i < node->nset; i++) {
		const struct isb_rrset *set = (const struct isb_rrset *)at;
		if (set->type >= type) /* in ascending order */
			return set->type == type ? set : NULL;
		at += set_room(set);
	}
	return NULL;
}

static size_t count_kids(const struct isb_kids *kids)
{
	size_t count = kids->count;
	for (uint32_t i = 0; i < kids->count; i++)
		if (slot_is_deeper(kids->slot[i]))
			count += count_kids(slot_kids(kids->slot[i])) - 1;
	return count;
}

size_t isb_node_children(const struct isb_node *node)
{
	return node->kids ? count_kids(node->kids) : 0;
}

/* --- Going through all of a tree --- */

struct tour {
	enum isb_tour (*each)(void *arg, const uint8_t *dname, const struct isb_node *node);
	void *arg;
	uint8_t name[2 + ISB_DNAME_MAX]; /* filled from its end: a child's label stands before its parent's name */
};

static bool tour_node(struct tour *tour, const struct isb_node *node, uint8_t *name);

static bool tour_kids(struct tour *tour, const struct isb_kids *kids, uint8_t *name)
{
	bool on = true;
	for (uint32_t i = 0; on && i < kids->count; i++)
		on = slot_is_deeper(kids->slot[i]) ? tour_kids(tour, slot_kids(kids->slot[i]), name)
		                                   : tour_node(tour, slot_node(kids->slot[i]), name);
	return on;
}

/* `name` is the parent's. */
static bool tour_node(struct tour *tour, const struct isb_node *node, uint8_t *name)
{
	if (node->label_len) {
		name -= node->label_len;
		memcpy(name, node->data, node->label_len);
		*--name = node->label_len;
	}
	enum isb_tour next = tour->each(tour->arg, name, node);
	return next == ISB_TOUR_ON && node->kids ? tour_kids(tour, node->kids, name) : next != ISB_TOUR_END;
}

bool isb_names_tour(const struct isb_node *root,
                    enum isb_tour (*each)(void *arg, const uint8_t *dname, const struct isb_node *node), void *arg)
{
	struct tour tour = {.each = each, .arg = arg};
	return tour_node(&tour, root, tour.name + sizeof(tour.name) - 1);
}

struct walk {
	void (*each)(void *arg, const uint8_t *dname, const struct isb_node *node);
	void *arg;
};

static enum isb_tour walk_on(void *arg, const uint8_t *dname, const struct isb_node *node)
{
	const struct walk *walk = arg;
	walk->each(walk->arg, dname, node);
	return ISB_TOUR_ON;
}

void isb_names_walk(const struct isb_node *root,
                    void (*each)(void *arg, const uint8_t *dname, const struct isb_node *node), void *arg)
{
	struct walk walk = {.each = each, .arg = arg};
	isb_names_tour(root, walk_on, &walk);
}

static void measure_node(const struct isb_node *node, size_t *nodes, size_t *bytes);

static void measure_kids(const struct isb_kids *kids, size_t *nodes, size_t *bytes)
{
	*bytes += sizeof(*kids) + kids->count * sizeof(kids->slot[0]);
	for (uint32_t i = 0; i < kids->count; i++) {
		if (slot_is_deeper(kids->slot[i]))
			measure_kids(slot_kids(kids->slot[i]), nodes, bytes);
		else
			measure_node(slot_node(kids->slot[i]), nodes, bytes);
	}
}

static void measure_node(const struct isb_node *node, size_t *nodes, size_t *bytes)
{
	*nodes += 1;
	*bytes += node_head(node->label_len) + node->bytes;
	if (node->kids)
		measure_kids(node->kids, nodes, bytes);
}

void isb_names_measure(const struct isb_node *root, size_t *ret_nodes, size_t *ret_bytes)
{
	size_t nodes = 0, bytes = 0;
	measure_node(root, &nodes, &bytes);
	*ret_nodes = nodes;
	*ret_bytes = bytes;
}

static void free_kids(struct isb_kids *kids)
{
	for (uint32_t i = 0; i < kids->count; i++) {
		if (slot_is_deeper(kids->slot[i]))
			free_kids(slot_kids(kids->slot[i]));
		else
			isb_names_free(slot_node(kids->slot[i]));
	}
	free(kids);
}

void isb_names_free(const struct isb_node *root)
{
	if (!root)
		return;
	if (root->kids)
		free_kids((struct isb_kids *)root->kids);
	free((struct isb_node *)root);
}
