/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/model/dname.h"
#include "isobar/view/names.h"
#include "names_trie.h"

/* Pieces (nodes and levels of tries) that this edit made are marked fresh: no reader has seen them, so they are changed
 * in place and a batch of a million names costs a million small allocations, not a million copied paths. Everything
 * above a fresh piece is fresh, so the fresh ones form the top of the tree and commit and abort find them by walking
 * down. */

struct isb_garbage {
	size_t count, cap;
	void *piece[];
};

struct isb_names_edit {
	struct isb_node *root;
	struct isb_garbage *garbage;
};

static bool is_fresh(const struct isb_node *node)
{
	return node->flags & NODE_FRESH;
}

static void throw_away(struct isb_names_edit *edit, void *piece)
{
	struct isb_garbage *g = edit->garbage;
	if (!g || g->count == g->cap) {
		size_t count = g ? g->count : 0, cap = g ? g->cap * 2 : 16;
		g = isb_xrealloc(g, sizeof(*g) + cap * sizeof(g->piece[0]));
		g->count = count;
		g->cap = cap;
		edit->garbage = g;
	}
	g->piece[g->count++] = piece;
}

static void drop_node(struct isb_names_edit *edit, struct isb_node *node)
{
	if (is_fresh(node))
		free(node);
	else
		throw_away(edit, node);
}

static void drop_kids(struct isb_names_edit *edit, struct isb_kids *kids)
{
	if (kids->fresh)
		free(kids);
	else
		throw_away(edit, kids);
}

/* --- The trie of one node's children --- */

static size_t kids_bytes(uint32_t count)
{
	return sizeof(struct isb_kids) + count * sizeof(uintptr_t);
}

/* A level this edit may write to, with the same slots. */
static struct isb_kids *kids_own(struct isb_names_edit *edit, struct isb_kids *kids)
{
	if (kids->fresh)
		return kids;
	struct isb_kids *own = isb_xmalloc(kids_bytes(kids->count));
	memcpy(own, kids, kids_bytes(kids->count));
	own->fresh = 1;
	throw_away(edit, kids);
	return own;
}

static struct isb_kids *kids_replace(struct isb_names_edit *edit, struct isb_kids *kids, unsigned at, uintptr_t slot)
{
	if (kids->slot[at] == slot)
		return kids;
	kids = kids_own(edit, kids);
	kids->slot[at] = slot;
	return kids;
}

/* kids NULL: an empty one. */
static struct isb_kids *kids_insert(struct isb_names_edit *edit, struct isb_kids *kids, unsigned at, uintptr_t slot)
{
	uint32_t count = kids ? kids->count : 0;
	struct isb_kids *own;
	if (kids && kids->fresh) {
		own = isb_xrealloc(kids, kids_bytes(count + 1));
		memmove(own->slot + at + 1, own->slot + at, (count - at) * sizeof(own->slot[0]));
	} else {
		own = isb_xmalloc(kids_bytes(count + 1));
		own->map = kids ? kids->map : 0;
		own->fresh = 1;
		if (kids) {
			memcpy(own->slot, kids->slot, at * sizeof(own->slot[0]));
			memcpy(own->slot + at + 1, kids->slot + at, (count - at) * sizeof(own->slot[0]));
			throw_away(edit, kids);
		}
	}
	own->slot[at] = slot;
	own->count = count + 1;
	return own;
}

/* NULL when nothing is left. */
static struct isb_kids *kids_remove(struct isb_names_edit *edit, struct isb_kids *kids, unsigned at)
{
	if (kids->count == 1) {
		drop_kids(edit, kids);
		return NULL;
	}
	kids = kids_own(edit, kids);
	memmove(kids->slot + at, kids->slot + at + 1, (kids->count - at - 1) * sizeof(kids->slot[0]));
	kids->count--;
	return isb_xrealloc(kids, kids_bytes(kids->count));
}

/* What a parent level should hold for `kids`: a level with a single child in it is that child. */
static uintptr_t kids_slot(struct isb_names_edit *edit, struct isb_kids *kids)
{
	if (kids->count > 1 || slot_is_deeper(kids->slot[0]))
		return (uintptr_t)kids | KIDS_DEEPER;
	uintptr_t slot = kids->slot[0];
	drop_kids(edit, kids);
	return slot;
}

static struct isb_kids *bucket_set(struct isb_names_edit *edit, struct isb_kids *bucket, const uint8_t *label,
                                   struct isb_node *node)
{
	uint32_t at = 0, count = bucket ? bucket->count : 0;
	while (at < count && !node_has_label(slot_node(bucket->slot[at]), label + 1, label[0]))
		at++;
	if (at < count)
		return node ? kids_replace(edit, bucket, at, (uintptr_t)node) : kids_remove(edit, bucket, at);
	return node ? kids_insert(edit, bucket, at, (uintptr_t)node) : bucket;
}

static struct isb_kids *kids_set(struct isb_names_edit *edit, struct isb_kids *kids, uint64_t hash, unsigned level,
                                 const uint8_t *label, struct isb_node *node);

/* A slot's only child gets company from another one: both move one level down. */
static uintptr_t split(struct isb_names_edit *edit, struct isb_node *there, uint64_t hash, unsigned level,
                       const uint8_t *label, struct isb_node *node)
{
	uint8_t there_label[1 + ISB_DNAME_MAX];
	there_label[0] = there->label_len;
	memcpy(there_label + 1, there->data, there->label_len);
	struct isb_kids *deeper = kids_set(edit, NULL, label_hash(there->data, there->label_len), level, there_label, there);
	deeper = kids_set(edit, deeper, hash, level, label, node);
	return (uintptr_t)deeper | KIDS_DEEPER;
}

/* Makes `node` the child with this label (NULL: takes it away). Returns the level as it stands now, NULL if empty. */
static struct isb_kids *kids_set(struct isb_names_edit *edit, struct isb_kids *kids, uint64_t hash, unsigned level,
                                 const uint8_t *label, struct isb_node *node)
{
	if (level == KIDS_LEVELS)
		return bucket_set(edit, kids, label, node);
	uint64_t bit = kids_bit(hash, level);
	unsigned at = kids ? kids_index(kids, bit) : 0;
	if (!kids || !(kids->map & bit)) {
		if (!node)
			return kids;
		kids = kids_insert(edit, kids, at, (uintptr_t)node);
		kids->map |= bit;
		return kids;
	}
	uintptr_t slot = kids->slot[at];
	if (slot_is_deeper(slot)) { /* never empty afterwards: a level that is left with one child gives it up */
		struct isb_kids *deeper = kids_set(edit, slot_kids(slot), hash, level + 1, label, node);
		return kids_replace(edit, kids, at, kids_slot(edit, deeper));
	}
	if (!node_has_label(slot_node(slot), label + 1, label[0])) {
		if (!node)
			return kids;
		return kids_replace(edit, kids, at, split(edit, slot_node(slot), hash, level + 1, label, node));
	}
	if (node)
		return kids_replace(edit, kids, at, (uintptr_t)node);
	kids = kids_remove(edit, kids, at);
	if (kids)
		kids->map &= ~bit;
	return kids;
}

/* --- Nodes: what replaces one leaves the old one to the caller, who drops it once the trie above let go of it --- */

static struct isb_node *node_new(const uint8_t *label)
{
	struct isb_node *node = isb_xcalloc(1, node_head(label[0]));
	node->record = ISB_NO_RECORD;
	node->flags = NODE_FRESH;
	node->label_len = label[0];
	memcpy(node->data, label + 1, label[0]);
	return node;
}

static struct isb_node *node_own(struct isb_node *node)
{
	if (is_fresh(node))
		return node;
	size_t bytes = node_head(node->label_len) + node->bytes;
	struct isb_node *own = isb_xmalloc(bytes);
	memcpy(own, node, bytes);
	own->flags |= NODE_FRESH;
	return own;
}

static uint8_t set_flag(const struct isb_node *node, uint16_t type)
{
	switch (type) {
	case ISB_NS: return node->label_len ? ISB_NODE_CUT : 0; /* at the apex it delegates nothing */
	case ISB_DNAME: return ISB_NODE_DNAME;
	case ISB_CNAME: return ISB_NODE_CNAME;
	default: return 0;
	}
}

static bool same_set(const struct isb_rrset *a, const struct isb_rrset *b)
{
	return a->ttl_s == b->ttl_s && a->count == b->count && a->size == b->size &&
	       memcmp(a->rdata, b->rdata, a->size) == 0;
}

static uint8_t *copy_set(uint8_t *to, const struct isb_rrset *set)
{
	size_t bytes = isb_rrset_bytes(set), room = set_room(set);
	memcpy(to, set, bytes);
	memset(to + bytes, 0, room - bytes);
	return to + room;
}

/* The node with `set` (may be NULL) in place of what it had of that type; sets stay in ascending order. */
static struct isb_node *node_with_set(struct isb_node *node, uint16_t type, const struct isb_rrset *set)
{
	const struct isb_rrset *old = isb_node_set(node, type), *s = NULL;
	if (!old && !set)
		return node;
	if (old && set && same_set(old, set))
		return node;
	size_t head = node_head(node->label_len);
	size_t bytes = node->bytes - (old ? set_room(old) : 0) + (set ? set_room(set) : 0);
	struct isb_node *made = isb_xmalloc(head + bytes);
	memcpy(made, node, head);
	uint8_t *at = (uint8_t *)made + head;
	while ((s = isb_node_next_set(node, s)) && s->type < type)
		at = copy_set(at, s);
	if (set)
		at = copy_set(at, set);
	for (; s; s = isb_node_next_set(node, s))
		if (s->type != type)
			at = copy_set(at, s);
	made->bytes = (uint32_t)bytes;
	made->nset = (uint16_t)(node->nset - (old ? 1 : 0) + (set ? 1 : 0));
	made->flags = (uint8_t)(node->flags | NODE_FRESH);
	if (set)
		made->flags |= set_flag(node, type);
	else
		made->flags &= (uint8_t)~set_flag(node, type);
	return made;
}

/* --- One change, from the root down to the name and back --- */

struct change {
	enum { CHANGE_SET, CHANGE_RECORD, CHANGE_PAYLOAD } what;
	bool removes;
	uint16_t type;
	const struct isb_rrset *set;
	uint32_t record;
	void *payload;
};

static struct isb_node *change_node(struct isb_node *node, const struct change *c)
{
	switch (c->what) {
	case CHANGE_SET:
		return node_with_set(node, c->type, c->set);
	case CHANGE_RECORD:
		if (node->record != c->record) {
			node = node_own(node);
			node->record = c->record;
		}
		return node;
	case CHANGE_PAYLOAD:
		if (node->payload != c->payload) {
			node = node_own(node);
			node->payload = c->payload;
		}
		return node;
	}
	return node;
}

static bool is_bare(const struct isb_node *node)
{
	return !node->kids && !node->nset && !node->payload && node->record == ISB_NO_RECORD;
}

/* The same for the name that `label[0..left)` lead to from here. Returns the node as it stands now, NULL when nothing
 * is left of it; the same pointer says that its parent need not change. */
static struct isb_node *change_below(struct isb_names_edit *edit, struct isb_node *node, const uint8_t **label,
                                     unsigned left, const struct change *c)
{
	struct isb_node *made;
	if (left == 0) {
		made = change_node(node, c);
	} else {
		struct isb_node *child = (struct isb_node *)isb_node_child(node, *label);
		if (!child && c->removes)
			return node;
		struct isb_node *from = child ? child : node_new(*label);
		struct isb_node *now = change_below(edit, from, label + 1, left - 1, c);
		if (now == child)
			return node;
		made = node_own(node);
		made->kids = kids_set(edit, (struct isb_kids *)made->kids, label_hash(*label + 1, **label), 0, *label, now);
		if (isb_dname_is_wild(*label))
			made->flags = (uint8_t)(now ? made->flags | ISB_NODE_WILD : made->flags & ~ISB_NODE_WILD);
		if (now != from)
			drop_node(edit, from);
	}
	if (made->label_len == 0 || !is_bare(made))
		return made;
	if (made != node)
		free(made);
	return NULL;
}

static void change(struct isb_names_edit *edit, const uint8_t *name, const struct change *c)
{
	const uint8_t *label[ISB_LABELS_MAX];
	unsigned labels = isb_dname_split(name, label);
	struct isb_node *old = edit->root;
	edit->root = change_below(edit, old, label, labels, c);
	if (edit->root != old)
		drop_node(edit, old);
}

struct isb_names_edit *isb_names_edit_new(const struct isb_node *root)
{
	static const uint8_t no_label[1] = {0};
	struct isb_names_edit *edit = isb_xcalloc(1, sizeof(*edit));
	edit->root = root ? (struct isb_node *)root : node_new(no_label);
	return edit;
}

void isb_names_put(struct isb_names_edit *edit, const uint8_t *name, uint16_t type, const struct isb_rrset *set)
{
	change(edit, name, &(struct change){.what = CHANGE_SET, .removes = !set, .type = type, .set = set});
}

void isb_names_put_record(struct isb_names_edit *edit, const uint8_t *name, uint32_t record)
{
	change(edit, name,
	       &(struct change){.what = CHANGE_RECORD, .removes = record == ISB_NO_RECORD, .record = record});
}

void isb_names_put_payload(struct isb_names_edit *edit, const uint8_t *name, void *payload)
{
	change(edit, name, &(struct change){.what = CHANGE_PAYLOAD, .removes = !payload, .payload = payload});
}

const struct isb_node *isb_names_find(const struct isb_names_edit *edit, const uint8_t *name)
{
	const uint8_t *label[ISB_LABELS_MAX];
	unsigned labels = isb_dname_split(name, label);
	const struct isb_node *node = edit->root;
	for (unsigned i = 0; node && i < labels; i++)
		node = isb_node_child(node, label[i]);
	return node;
}

/* --- The end of an edit --- */

static void settle_node(struct isb_node *node);

static void settle_kids(struct isb_kids *kids)
{
	kids->fresh = 0;
	for (uint32_t i = 0; i < kids->count; i++) {
		uintptr_t slot = kids->slot[i];
		if (slot_is_deeper(slot) && slot_kids(slot)->fresh)
			settle_kids(slot_kids(slot));
		else if (!slot_is_deeper(slot) && is_fresh(slot_node(slot)))
			settle_node(slot_node(slot));
	}
}

static void settle_node(struct isb_node *node)
{
	node->flags &= (uint8_t)~NODE_FRESH;
	if (node->kids && node->kids->fresh)
		settle_kids((struct isb_kids *)node->kids);
}

const struct isb_node *isb_names_commit(struct isb_names_edit *edit, struct isb_garbage **ret_garbage)
{
	struct isb_node *root = edit->root;
	if (is_fresh(root))
		settle_node(root);
	*ret_garbage = edit->garbage;
	free(edit);
	return root;
}

static void free_fresh_node(struct isb_node *node);

static void free_fresh_kids(struct isb_kids *kids)
{
	for (uint32_t i = 0; i < kids->count; i++) {
		uintptr_t slot = kids->slot[i];
		if (slot_is_deeper(slot) && slot_kids(slot)->fresh)
			free_fresh_kids(slot_kids(slot));
		else if (!slot_is_deeper(slot) && is_fresh(slot_node(slot)))
			free_fresh_node(slot_node(slot));
	}
	free(kids);
}

static void free_fresh_node(struct isb_node *node)
{
	if (node->kids && node->kids->fresh)
		free_fresh_kids((struct isb_kids *)node->kids);
	free(node);
}

void isb_names_abort(struct isb_names_edit *edit)
{
	if (is_fresh(edit->root))
		free_fresh_node(edit->root);
	free(edit->garbage);
	free(edit);
}

void isb_garbage_free(struct isb_garbage *garbage)
{
	for (size_t i = 0; garbage && i < garbage->count; i++)
		free(garbage->piece[i]);
	free(garbage);
}
