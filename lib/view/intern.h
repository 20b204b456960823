/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Octet strings to dense numbers 0, 1, 2...: the same octets give the same number. What is interned must have no
 * undefined padding. All-zero is a valid empty table. */
struct isb_intern {
	struct isb_intern_entry {
		size_t at; /* into pool */
		uint32_t len, hash;
	} *entry;
	uint32_t count, cap;
	uint32_t *slot, nslot; /* number + 1, or 0; open addressing, nslot a power of two */
	uint8_t *pool;
	size_t used, room; /* octets; every string starts at a multiple of 8 */
};

void isb_intern_done(struct isb_intern *table);
/* The number is new when it equals what table->count was before. */
uint32_t isb_intern(struct isb_intern *table, const void *octets, size_t len);
/* Valid until the next isb_intern(). */
static inline const void *isb_intern_get(const struct isb_intern *table, uint32_t number)
{
	return table->pool + table->entry[number].at;
}
