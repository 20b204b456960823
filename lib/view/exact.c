/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/view/exact.h"

#include <string.h>

#include "isobar/model/dname.h"

_Static_assert(sizeof(struct isb_exact) == 64, "a line of memory: no padding");

/* The slot in which the name stands, or NULL. */
static _Atomic uint64_t *slot_of(const struct isb_exact *exact, const uint8_t *name, size_t len)
{
	const struct isb_exact_entry *entry = isb_exact_find(exact, name, len);
	uint32_t at = (uint32_t)((const uint8_t *)entry - (const uint8_t *)exact);
	_Atomic uint64_t *slot = isb_exact_slots(exact) + ((uint32_t)isb_exact_hash(name, len) & exact->mask);
	if (!entry)
		return NULL;
	while ((uint32_t)atomic_load_explicit(slot, memory_order_relaxed) != at)
		slot++;
	return slot;
}

void isb_exact_bury(struct isb_exact *exact, const uint8_t *name, size_t len)
{
	_Atomic uint64_t *slot = slot_of(exact, name, len);
	if (!slot)
		return;
	uint64_t word = atomic_load_explicit(slot, memory_order_relaxed);
	/* relaxed: the view in which the answer differs is published after this, with release */
	atomic_store_explicit(slot, (word >> 32 << 32) | ISB_EXACT_DEAD, memory_order_relaxed);
}

/* --- The check: here alone nothing is taken for granted ------------------------------------------------------------ */

static bool sets_ok(const struct isb_exact *exact, const struct isb_exact_entry *entry, uint64_t at)
{
	uint32_t type = 0;
	for (unsigned i = 0; i < entry->nset; i++) {
		const struct isb_rrset *set = (const void *)((const uint8_t *)exact + at);
		if (at % 4 || at + sizeof(*set) > exact->size || at + sizeof(*set) + set->size > exact->size)
			return false;
		if (set->type <= type || !isb_rrset_check(set, isb_rrset_bytes(set)))
			return false;
		type = set->type;
		at += (isb_rrset_bytes(set) + 3) & ~(size_t)3;
	}
	return true;
}

static uint64_t slots_of(const struct isb_exact *exact)
{
	return (uint64_t)exact->mask + ISB_EXACT_PROBES;
}

static const struct isb_exact_entry *entry_of(const struct isb_exact *exact, const _Atomic uint64_t *slot)
{
	uint32_t at = (uint32_t)atomic_load_explicit(slot, memory_order_relaxed);
	return (const void *)((const uint8_t *)exact + at);
}

/* Behind the slots: a mark on one of them must change no entry. */
static bool entry_ok(const struct isb_exact *exact, const _Atomic uint64_t *slot)
{
	const struct isb_exact_entry *entry = entry_of(exact, slot);
	uint32_t at = (uint32_t)((const uint8_t *)entry - (const uint8_t *)exact);
	if (at % 8 || at < exact->slot + slots_of(exact) * sizeof(*slot) || at > exact->size ||
	    exact->size - at < sizeof(*entry))
		return false;
	if (exact->size - at < offsetof(struct isb_exact_entry, name) + entry->name_len ||
	    isb_dname_check(entry->name, entry->name_len) != entry->name_len)
		return false;
	return sets_ok(exact, entry, (uint64_t)at + entry->sets);
}

/* Of slots whose entries may be looked at. In this slot and in no other before it, or one mark would not bury the name. */
static bool is_found(const struct isb_exact *exact, const _Atomic uint64_t *slot)
{
	const struct isb_exact_entry *entry = entry_of(exact, slot);
	return slot_of(exact, entry->name, entry->name_len) == slot;
}

static bool each_slot(const struct isb_exact *exact,
                      bool (*good)(const struct isb_exact *exact, const _Atomic uint64_t *slot), uint32_t *ret_count)
{
	const _Atomic uint64_t *slot = isb_exact_slots(exact);
	*ret_count = 0;
	for (uint64_t i = 0; i < slots_of(exact); i++) {
		uint64_t word = atomic_load_explicit(&slot[i], memory_order_relaxed);
		*ret_count += word != 0;
		if (word && (uint32_t)word != ISB_EXACT_DEAD && !good(exact, &slot[i]))
			return false;
	}
	return true;
}

bool isb_exact_check(const void *block, size_t size)
{
	const struct isb_exact *exact = block;
	if (size < sizeof(*exact) || exact->magic != ISB_EXACT_MAGIC || exact->version != ISB_EXACT_VERSION ||
	    exact->size != size)
		return false;
	if (exact->mask & (exact->mask + 1) || exact->slot % 8 || exact->slot < sizeof(*exact) || exact->slot > size ||
	    slots_of(exact) > (size - exact->slot) / 8)
		return false;
	uint32_t count;
	return each_slot(exact, entry_ok, &count) && count == exact->count && each_slot(exact, is_found, &count);
}
