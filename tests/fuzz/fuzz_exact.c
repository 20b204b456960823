/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/model/dname.h"
#include "isobar/view/exact.h"

/* Input: a table of whole names, octet for octet; sizes and counts of 0 in its header stand for those it has, so that an input
 * may grow. What passes the check is read, and buried name by name. */

static uint32_t slots_of(const struct isb_exact *exact)
{
	return exact->mask + ISB_EXACT_PROBES;
}

static uint32_t taken(const struct isb_exact *exact)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < slots_of(exact); i++)
		count += isb_exact_slots(exact)[i] != 0;
	return count;
}

/* Header and slots are there, whatever they say. */
static bool has_slots(const struct isb_exact *exact, size_t size)
{
	return exact->slot % 8 == 0 && exact->slot >= sizeof(*exact) && exact->slot < size && exact->mask < size / 8 &&
	       slots_of(exact) <= (size - exact->slot) / 8;
}

static void read_entry(const struct isb_exact *exact, const struct isb_exact_entry *entry)
{
	const uint8_t *end = (const uint8_t *)exact + exact->size;
	MUST(isb_dname_len(entry->name) == entry->name_len);
	for (uint32_t type = 0; type <= UINT16_MAX; type += type < 300 ? 1 : 997) {
		const struct isb_rrset *set = isb_exact_set(entry, (uint16_t)type);
		if (!set)
			continue;
		MUST(set->type == type && set->rdata + set->size <= end);
		const uint8_t *at = set->rdata;
		for (unsigned i = 0; i < set->count; i++) {
			uint16_t len;
			isb_rdata_next(&at, &len);
		}
		MUST(at == set->rdata + set->size);
	}
}

static void read_all(struct isb_exact *exact)
{
	for (uint32_t i = 0; i < slots_of(exact); i++) {
		uint32_t at = (uint32_t)isb_exact_slots(exact)[i];
		if (!at || at == ISB_EXACT_DEAD)
			continue;
		const struct isb_exact_entry *entry = (const void *)((const uint8_t *)exact + at);
		MUST(isb_exact_find(exact, entry->name, entry->name_len) == entry);
		read_entry(exact, entry);
	}
}

/* One after the other; those that are left are found as before. */
static void bury_all(struct isb_exact *exact)
{
	for (uint32_t i = 0; i < slots_of(exact); i++) {
		uint32_t at = (uint32_t)isb_exact_slots(exact)[i];
		if (!at || at == ISB_EXACT_DEAD)
			continue;
		const struct isb_exact_entry *entry = (const void *)((const uint8_t *)exact + at);
		isb_exact_bury(exact, entry->name, entry->name_len);
		MUST(isb_exact_find(exact, entry->name, entry->name_len) != entry);
		MUST(i % 16 || isb_exact_check(exact, exact->size));
	}
	MUST(isb_exact_check(exact, exact->size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < sizeof(struct isb_exact))
		return 0;
	struct isb_exact *exact = malloc(size); /* not an octet too long */
	memcpy(exact, data, size);
	if (exact->size == 0)
		exact->size = (uint32_t)size;
	if (exact->count == 0 && has_slots(exact, size))
		exact->count = taken(exact);
	if (isb_exact_check(exact, size)) {
		read_all(exact);
		bury_all(exact);
	}
	free(exact);
	return 0;
}
