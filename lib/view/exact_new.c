/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/model/dname.h"
#include "isobar/view/view.h"

/* Who may name things may name them so that their hashes agree in all bits that matter. Then a table never gets wide enough,
 * and those that find no place are left to the tries. */
enum { WIDENINGS_MAX = 3 };
/* So that slots and entries are within reach of 32 bits, with all of the widenings. */
static const size_t ENTRIES_MAX = (size_t)1 << 31;

struct placed {
	uint64_t hash;
	uint32_t at; /* of the entry, from the first one */
};

struct building {
	const struct isb_view *view;
	const struct isb_zone_view *zone; /* at hand */
	struct isb_buf entries;
	struct placed *placed;
	size_t count, cap;
	size_t names, visits;             /* of the zones that are in it whole; nodes looked at */
	size_t names_max, visits_max, left;
	struct isb_exact_sources *sources;
};

/* --- Entries ------------------------------------------------------------------------------------------------------- */

static void pad(struct isb_buf *buf, size_t to)
{
	static const char zeros[8] = {0};
	if (buf->len % to)
		isb_buf_add(buf, zeros, to - buf->len % to);
}

static void add_sets(struct building *b, const struct isb_node *node, struct isb_exact_entry *head)
{
	const struct isb_rrset *set = NULL;
	while ((set = isb_node_next_set(node, set))) {
		if (set->type == ISB_DS)
			continue;
		isb_buf_add(&b->entries, set, isb_rrset_bytes(set));
		pad(&b->entries, 4);
		head->nset++;
	}
}

static void add_name(struct building *b, const uint8_t *name, size_t len, const struct isb_node *node)
{
	struct isb_exact_entry head = {.record = node->record, .name_len = (uint8_t)len};
	if (b->count == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 64;
		b->placed = isb_xrealloc(b->placed, b->cap * sizeof(*b->placed));
	}
	pad(&b->entries, 8);
	size_t at = b->entries.len;
	b->placed[b->count++] = (struct placed){.hash = isb_exact_hash(name, len), .at = (uint32_t)at};
	isb_buf_add(&b->entries, &head, offsetof(struct isb_exact_entry, name));
	isb_buf_add(&b->entries, name, len);
	pad(&b->entries, 4);
	head.sets = (uint16_t)(b->entries.len - at);
	add_sets(b, node, &head);
	memcpy(b->entries.data + at, &head, offsetof(struct isb_exact_entry, name));
}

/* --- Which names --------------------------------------------------------------------------------------------------- */

static bool is_zone(const struct isb_view *view, const uint8_t *name, size_t len)
{
	unsigned labels = isb_dname_labels(name);
	return view->apex_labels[labels / 64] >> labels % 64 & 1 && isb_view_zone(view, name, len);
}

/* Nothing at or below it is answered from this node's zone, or not with what the node has. */
static bool is_border(const struct isb_view *view, const struct isb_node *node, const uint8_t *name, size_t len, bool apex)
{
	return node->flags & (ISB_NODE_CUT | ISB_NODE_DNAME) || (!apex && is_zone(view, name, len));
}

static bool is_plain(const struct isb_node *node)
{
	return (node->nset || node->record != ISB_NO_RECORD) && !(node->flags & ISB_NODE_CNAME);
}

static enum isb_tour visit(void *arg, const uint8_t *relative, const struct isb_node *node)
{
	struct building *b = arg;
	uint8_t name[ISB_DNAME_MAX];
	size_t below = isb_dname_len(relative) - 1, len = below + b->zone->apex_len;
	memcpy(name, relative, below);
	memcpy(name + below, b->zone->apex, b->zone->apex_len);
	if (b->visits++ >= b->visits_max || b->names >= b->names_max || b->entries.len > ENTRIES_MAX)
		return ISB_TOUR_END;
	if (is_border(b->view, node, name, len, below == 0))
		return ISB_TOUR_PAST;
	if (is_plain(node) && node->record == ISB_NO_RECORD) { /* the steered ones are in it already */
		add_name(b, name, len, node);
		b->names++;
	}
	return ISB_TOUR_ON;
}

/* All of a zone or nothing: half of a large one would cost the other half a look into the table for nothing. */
static enum isb_tour visit_zone(void *arg, const uint8_t *key, const struct isb_node *node)
{
	struct building *b = arg;
	size_t len = b->entries.len, count = b->count, names = b->names;
	(void)key;
	b->zone = node->payload;
	if (b->zone && !isb_names_tour(b->zone->root, visit, b)) {
		b->entries.len = len;
		b->count = count;
		b->names = names;
		if (b->left < ISB_EXACT_LEFT)
			b->sources->left[b->left++] = b->zone;
	}
	return b->visits < b->visits_max ? ISB_TOUR_ON : ISB_TOUR_END;
}

/* The node that answers for a name by itself, or NULL. */
static const struct isb_node *own_node(const struct isb_view *view, const uint8_t *name, size_t len)
{
	const uint8_t *label[ISB_LABELS_MAX];
	unsigned labels = isb_dname_split(name, label), up = 0;
	const struct isb_zone_view *zone = NULL;
	for (; !zone && up <= labels; up++) {
		const uint8_t *apex = isb_dname_up(name, up);
		zone = isb_view_zone(view, apex, len - (size_t)(apex - name));
	}
	const struct isb_node *node = zone ? zone->root : NULL;
	for (unsigned i = zone ? zone->labels : 0; node && i < labels; i++) {
		if (node->flags & (ISB_NODE_CUT | ISB_NODE_DNAME))
			return NULL;
		node = isb_node_child(node, label[i]);
	}
	return node && !(node->flags & (ISB_NODE_CUT | ISB_NODE_DNAME)) && is_plain(node) ? node : NULL;
}

/* --- The block ----------------------------------------------------------------------------------------------------- */

static const struct isb_exact_entry *entry_at(const struct isb_exact *exact, uint64_t word)
{
	return (const void *)((const uint8_t *)exact + (uint32_t)word);
}

enum place { PLACED, THERE_ALREADY, NO_PLACE };

static enum place place(struct isb_exact *exact, uint64_t hash, uint32_t at)
{
	_Atomic uint64_t *slot = isb_exact_slots(exact) + ((uint32_t)hash & exact->mask);
	const struct isb_exact_entry *entry = entry_at(exact, at);
	for (unsigned i = 0; i < ISB_EXACT_PROBES; i++, slot++) {
		uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
		if (!word) {
			atomic_store_explicit(slot, (hash >> 32 << 32) | at, memory_order_relaxed); /* nobody reads it yet */
			exact->count++;
			return PLACED;
		}
		const struct isb_exact_entry *there = entry_at(exact, word); /* one record, named from two zones */
		if (there->name_len == entry->name_len && memcmp(there->name, entry->name, entry->name_len) == 0)
			return THERE_ALREADY;
	}
	return NO_PLACE;
}

/* With so many slots; how many names found none. */
static struct isb_exact *pack(const struct building *b, uint32_t slots, size_t *ret_left)
{
	size_t first = (sizeof(struct isb_exact) + (slots + (size_t)ISB_EXACT_PROBES) * sizeof(uint64_t)) & ~(size_t)7;
	size_t size = first + b->entries.len;
	struct isb_exact *exact = isb_xcalloc_large(size);
	*exact = (struct isb_exact){.magic = ISB_EXACT_MAGIC, .version = ISB_EXACT_VERSION, .size = (uint32_t)size,
	                            .slot = sizeof(*exact), .mask = slots - 1};
	memcpy((uint8_t *)exact + first, b->entries.data, b->entries.len);
	*ret_left = 0;
	for (size_t i = 0; i < b->count; i++)
		*ret_left += place(exact, b->placed[i].hash, (uint32_t)(first + b->placed[i].at)) == NO_PLACE;
	return exact;
}

static struct isb_exact *finish(struct building *b)
{
	struct isb_exact *exact = NULL;
	uint32_t slots = 16;
	size_t left = 1;
	while (slots < 2 * b->count)
		slots *= 2;
	for (unsigned wider = 0; b->count && left && wider <= WIDENINGS_MAX; wider++, slots *= 2) {
		free(exact);
		exact = pack(b, slots, &left);
	}
	free(b->placed);
	isb_buf_done(&b->entries);
	return exact;
}

struct isb_exact *isb_exact_new(const struct isb_view *view, struct isb_exact_sources *sources)
{
	struct building b = {.view = view, .sources = sources, .names_max = sources->names, .visits_max = 2 * sources->names};
	memset(sources->left, 0, sizeof(sources->left));
	for (size_t i = 0; i < sources->nsteered && b.entries.len < ENTRIES_MAX; i++) {
		size_t len = isb_dname_len(sources->steered[i]);
		const struct isb_node *node = own_node(view, sources->steered[i], len);
		if (node)
			add_name(&b, sources->steered[i], len, node);
	}
	isb_names_tour(view->zones, visit_zone, &b);
	return finish(&b);
}
