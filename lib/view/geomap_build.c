/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "geodb_walk.h"
#include "geomap_block.h"
#include "isobar/base/arena.h"

/* A place in the joint trie: where each of its parts stands. */
struct place {
	uint32_t file[ISB_GEODB_MAX]; /* reference into each file's trie */
	struct isb_netset_at nets, cells;
};

/* What the class of a leaf can depend on, as numbers: octets of this, as far as there are files, are the key under which a
 * class is remembered. */
struct causes {
	uint32_t nets, cells;
	uint32_t file[ISB_GEODB_MAX];
};

struct build {
	const struct isb_geodb *db;
	size_t nfile, key_size; /* octets of struct causes */
	struct isb_netset nets, cells;
	isb_classify *classify;
	void *arg;
	struct isb_intern seen; /* struct causes */
	uint32_t *class_of, known;
	uint32_t last; /* the number of the leaf before: neighbours often have the same causes */
	struct isb_prefix_match *net_match, *cell_match;
	size_t net_cap, cell_cap;
	struct isb_geo_trie top[2]; /* by family: above the first ISB_GEO_DIRECT_BITS bits */
	struct isb_geo_trie slot;   /* below one value of them */
	struct isb_geo_packing packing[2];
	unsigned half;              /* the family at hand: 0 IPv4, 1 IPv6 */
};

static uint32_t classify(struct build *b, const struct causes *causes)
{
	struct isb_geo_facts geo = {0};
	if (b->db)
		isb_geodb_facts(b->db, causes->file, &geo);
	struct isb_facts facts = {.geo = &geo};
	facts.nnet = isb_netset_matches(&b->nets, causes->nets, &b->net_match, &b->net_cap);
	facts.ncell = isb_netset_matches(&b->cells, causes->cells, &b->cell_match, &b->cell_cap);
	facts.nets = b->net_match;
	facts.cells = b->cell_match;
	uint32_t cls = b->classify(b->arg, &facts);
	return cls > ISB_CLASS_MAX ? ISB_CLASS_NONE : cls;
}

static uint32_t class_at(struct build *b, const struct place *at)
{
	struct causes causes = {.nets = at->nets.list, .cells = at->cells.list};
	memcpy(causes.file, at->file, b->nfile * sizeof(causes.file[0]));
	if (b->known && memcmp(isb_intern_get(&b->seen, b->last), &causes, b->key_size) == 0)
		return b->class_of[b->last];
	b->last = isb_intern(&b->seen, &causes, b->key_size);
	if (b->last == b->known) {
		if ((b->known & (b->known + 1)) == 0) /* 0, 1, 3, 7...: full */
			b->class_of = isb_xrealloc(b->class_of, (2 * (size_t)b->known + 1) * sizeof(*b->class_of));
		b->class_of[b->known++] = classify(b, &causes);
	}
	return b->class_of[b->last];
}

static bool is_leaf(const struct build *b, const struct place *at)
{
	for (size_t i = 0; i < b->nfile; i++)
		if (!(at->file[i] & ISB_REF_LEAF))
			return false;
	return at->nets.lo == at->nets.hi && at->cells.lo == at->cells.hi;
}

/* The joint trie below a place, merged: two halves that turn out as one class each, and the same, are one leaf. At most
 * 128 deep, because no part of the joint trie is deeper. */
static uint32_t walk(struct build *b, const struct place *at, unsigned depth)
{
	if (is_leaf(b, at))
		return ISB_REF_LEAF | class_at(b, at);
	uint32_t child[2];
	for (unsigned bit = 0; bit < 2; bit++) {
		struct place next = *at;
		for (size_t i = 0; i < b->nfile; i++)
			next.file[i] = isb_geo_step(&b->db->file[i], at->file[i], bit);
		next.nets = isb_netset_step(&b->nets, at->nets, depth, bit);
		next.cells = isb_netset_step(&b->cells, at->cells, depth, bit);
		child[bit] = walk(b, &next, depth + 1);
	}
	if (child[0] == child[1] && child[0] & ISB_REF_LEAF)
		return child[0];
	if (depth < ISB_GEO_DIRECT_BITS)
		return isb_geo_trie_add(&b->top[b->half], child);
	uint32_t node = isb_geo_trie_add(&b->slot, child);
	if (depth > ISB_GEO_DIRECT_BITS)
		return node;
	node = isb_geo_pack_slot(&b->packing[b->half], &b->slot, node);
	b->slot.count = 0;
	return node;
}

static uint32_t walk_family(struct build *b, unsigned family)
{
	b->half = family == 4 ? 0 : 1;
	struct place root = {.nets = isb_netset_root(&b->nets, family), .cells = isb_netset_root(&b->cells, family)};
	for (size_t i = 0; i < b->nfile; i++)
		root.file[i] = family == 4 ? b->db->file[i].root4 : b->db->file[i].root6;
	return walk(b, &root, 0);
}

struct isb_geomap *isb_geomap_new(const struct isb_geodb *db, const struct isb_prefix *nets, size_t nnet,
                                  const struct isb_prefix *cells, size_t ncell, isb_classify *classify_fn, void *arg)
{
	struct build b = {.db = db, .nfile = db ? db->count : 0, .classify = classify_fn, .arg = arg};
	b.key_size = offsetof(struct causes, file) + b.nfile * sizeof(uint32_t);
	isb_netset_init(&b.nets, nets, nnet);
	isb_netset_init(&b.cells, cells, ncell);
	uint32_t root[2];
	root[0] = walk_family(&b, 4);
	root[1] = walk_family(&b, 6);
	free(b.slot.child);
	struct isb_geomap *map = isb_geomap_pack(b.packing, b.top, root);
	isb_netset_done(&b.nets);
	isb_netset_done(&b.cells);
	isb_intern_done(&b.seen);
	free(b.class_of);
	free(b.net_match);
	free(b.cell_match);
	free(b.top[0].child);
	free(b.top[1].child);
	return map;
}
