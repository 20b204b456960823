/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/hash.h"
#include "isobar/model/rr.h"
#include "isobar/view/names.h"

/* Whole owner names → what answers for them: no zone to be found, no labels to go down. The tries say everything; what is not
 * in this table beside them, or is marked dead, is asked of them.
 *
 * In it are names with an rrset or a steering record of their own, in the zone that answers for them, with no delegation and
 * no DNAME above or at them and no CNAME at them; and of their rrsets all but DS, which at an apex belongs to the zone above.
 * So a hit with the type in question is the answer, whatever else the zones hold. A question for a type that the entry does
 * not have goes to the tries.
 *
 * One flat block without pointers, offsets of 32 bits from its start, each entry 8-aligned: a header, the slots, the entries.
 * A slot is 64 bits: the upper half of the name's hash, and the offset of its entry; 0 is a free one. A name stands in one of
 * the ISB_EXACT_PROBES slots from where the lower half leads, mostly in the first: who builds the table makes it wider until
 * all do, and after some times leaves out those that do not. All octets are compared, so that the hash need be no secret.
 *
 * A block is read without another look: what isb_exact_new() makes is sound, and one from elsewhere is asked of
 * isb_exact_check() once.
 *
 * While it is in use one thing is written to it: the offset of a slot becomes ISB_EXACT_DEAD, by the thread that builds views,
 * before a view is published in which the name's answer differs. Readers of the view before and of the one after may all meet
 * the mark, and ask the tries of their own view; so one table serves many views, and an edit writes no more than the slots of
 * the names that it is about. */

enum { ISB_EXACT_MAGIC = 0x65737831, ISB_EXACT_VERSION = 1 }; /* "esx1" */
enum { ISB_EXACT_PROBES = 16, ISB_EXACT_DEAD = 4 /* an offset inside the header: no entry's */ };

struct isb_exact {
	uint32_t magic, version;
	uint32_t size;   /* octets of the block, this header included */
	uint32_t count;  /* taken slots, dead ones too */
	uint32_t slot;   /* offset of the slots */
	uint32_t mask;   /* a hash may lead to mask + 1 slots, a power of two; ISB_EXACT_PROBES - 1 more stand behind */
	uint32_t pad[10];
};

struct isb_exact_entry {
	uint32_t record; /* number of the steering record, or ISB_NO_RECORD */
	uint16_t sets;   /* offset of the first rrset in the entry; they are in ascending order of types, each padded to 4 */
	uint16_t nset;
	uint8_t name_len; /* octets, with the root's */
	uint8_t name[];   /* lower case */
};

static inline uint64_t isb_exact_hash(const uint8_t *name, size_t len)
{
	return isb_hash_key(name, len, 0);
}

static inline _Atomic uint64_t *isb_exact_slots(const struct isb_exact *exact)
{
	return (_Atomic uint64_t *)(uintptr_t)((const uint8_t *)exact + exact->slot);
}

/* `name` in lower case. NULL: ask the tries. */
static inline const struct isb_exact_entry *isb_exact_find(const struct isb_exact *exact, const uint8_t *name, size_t len)
{
	uint64_t hash = isb_exact_hash(name, len);
	_Atomic uint64_t *slot = isb_exact_slots(exact) + ((uint32_t)hash & exact->mask);
	for (unsigned i = 0; i < ISB_EXACT_PROBES; i++, slot++) {
		/* relaxed: the entry was there before the table was published, and a mark that is seen late is one that
		 * the reader's own view does not need */
		uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
		if (!word)
			return NULL;
		if ((word ^ hash) >> 32 || (uint32_t)word == ISB_EXACT_DEAD)
			continue;
		const struct isb_exact_entry *entry = (const void *)((const uint8_t *)exact + (uint32_t)word);
		if (entry->name_len == len && isb_same(entry->name, name, len))
			return entry;
	}
	return NULL;
}

/* NULL: ask the tries. */
static inline const struct isb_rrset *isb_exact_set(const struct isb_exact_entry *entry, uint16_t type)
{
	const uint8_t *at = (const uint8_t *)entry + entry->sets;
	for (unsigned i = 0; i < entry->nset; i++) {
		const struct isb_rrset *set = (const void *)at;
		if (set->type >= type)
			return set->type == type ? set : NULL;
		at += (isb_rrset_bytes(set) + 3) & ~(size_t)3;
	}
	return NULL;
}

/* True when everything holds that reading and burying rely on, and every name that is not dead is found. What `record` numbers
 * is the plan's to say. */
bool isb_exact_check(const void *block, size_t size);
/* The name's answer is about to differ, or it has none any more. In lower case. */
void isb_exact_bury(struct isb_exact *exact, const uint8_t *name, size_t len);

enum { ISB_EXACT_NAMES = 1 << 17, ISB_EXACT_LEFT = 4 };
struct isb_view;
struct isb_zone_view;
struct isb_exact_sources {
	size_t names;                  /* ISB_EXACT_NAMES is a good number */
	const uint8_t *const *steered;
	size_t nsteered;
	const struct isb_zone_view *left[ISB_EXACT_LEFT]; /* gives: the first zones that are too large; NULL behind them */
};
/* Of a view, for free(); NULL: no name is in it. Its zones one after the other, each whole or not at all, while all of them
 * together have no more than `names` names, and the `steered` ones besides, owners in lower case that may be in those zones or
 * elsewhere. So memory is bounded, and the time it takes, however many names the tries hold. */
struct isb_exact *isb_exact_new(const struct isb_view *view, struct isb_exact_sources *sources);
