/* SPDX-License-Identifier: Apache-2.0 */
#include "netset.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"

static int by_place(const void *a, const void *b)
{
	const struct isb_netset_item *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static size_t add_family(struct isb_netset *set, const struct isb_prefix *prefixes, size_t count, unsigned family)
{
	struct isb_netset_item *first = set->item + set->count;
	size_t n = 0, kept = 0;
	for (size_t i = 0; i < count; i++)
		if (prefixes[i].net.addr.family == family)
			first[n++] = (struct isb_netset_item){.key = isb_key_of(&prefixes[i].net.addr),
			                                      .id = prefixes[i].id,
			                                      .len = prefixes[i].net.len};
	qsort(first, n, sizeof(*first), by_place);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || by_place(&first[kept - 1], &first[i]) != 0)
			first[kept++] = first[i];
	set->count += kept;
	return kept;
}

void isb_netset_init(struct isb_netset *set, const struct isb_prefix *prefixes, size_t count)
{
	static const uint32_t nothing = 0;
	*set = (struct isb_netset){.item = isb_xcalloc(count, sizeof(*set->item))};
	set->n4 = add_family(set, prefixes, count, 4);
	add_family(set, prefixes, count, 6);
	isb_intern(&set->lists, &nothing, sizeof(nothing)); /* list 0 adds nothing to itself: the end of every chain */
}

void isb_netset_done(struct isb_netset *set)
{
	free(set->item);
	isb_intern_done(&set->lists);
	*set = (struct isb_netset){0};
}

static uint32_t longer_list(struct isb_netset *set, uint32_t list, const struct isb_netset_item *item, uint32_t count)
{
	uint32_t few[16], *key = few;
	size_t words = 1 + 2 * (size_t)count;
	if (words > sizeof(few) / sizeof(few[0]))
		key = isb_xmalloc(words * sizeof(*key));
	key[0] = list;
	for (uint32_t i = 0; i < count; i++) {
		key[1 + 2 * i] = item[i].id;
		key[2 + 2 * i] = item[i].len;
	}
	list = isb_intern(&set->lists, key, words * sizeof(*key));
	if (key != few)
		free(key);
	return list;
}

/* Networks that are exactly this node stand first in its range: they move from "below" into the list. */
static struct isb_netset_at arrive(struct isb_netset *set, struct isb_netset_at at, unsigned depth)
{
	uint32_t lo = at.lo;
	while (lo < at.hi && set->item[lo].len == depth)
		lo++;
	if (lo > at.lo)
		at.list = longer_list(set, at.list, &set->item[at.lo], lo - at.lo);
	at.lo = lo;
	return at;
}

struct isb_netset_at isb_netset_root(struct isb_netset *set, unsigned family)
{
	struct isb_netset_at at = {.lo = family == 4 ? 0 : (uint32_t)set->n4,
	                           .hi = (uint32_t)(family == 4 ? set->n4 : set->count)};
	return arrive(set, at, 0);
}

struct isb_netset_at isb_netset_step(struct isb_netset *set, struct isb_netset_at at, unsigned depth, unsigned bit)
{
	if (at.lo == at.hi)
		return at;
	isb_key side = (isb_key)1 << (127 - depth);
	uint32_t lo = at.lo, hi = at.hi;
	while (lo < hi) { /* the first one on the side of 1 */
		uint32_t mid = lo + (hi - lo) / 2;
		if (set->item[mid].key & side)
			hi = mid;
		else
			lo = mid + 1;
	}
	if (bit)
		at.lo = lo;
	else
		at.hi = lo;
	return arrive(set, at, depth + 1);
}

size_t isb_netset_matches(const struct isb_netset *set, uint32_t list, struct isb_prefix_match **matches, size_t *cap)
{
	size_t n = 0;
	while (list) {
		const uint32_t *key = isb_intern_get(&set->lists, list);
		uint32_t words = set->lists.entry[list].len / (uint32_t)sizeof(*key);
		for (uint32_t i = 1; i < words; i += 2) {
			if (n == *cap) {
				*cap = *cap ? *cap * 2 : 16;
				*matches = isb_xrealloc(*matches, *cap * sizeof(**matches));
			}
			(*matches)[n++] = (struct isb_prefix_match){.id = key[i], .len = (uint8_t)key[i + 1]};
		}
		list = key[0];
	}
	return n;
}
