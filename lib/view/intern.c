/* SPDX-License-Identifier: Apache-2.0 */
#include "intern.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/hash.h"

void isb_intern_done(struct isb_intern *table)
{
	free(table->entry);
	free(table->slot);
	free(table->pool);
	*table = (struct isb_intern){0};
}

static void grow_slots(struct isb_intern *t)
{
	free(t->slot);
	t->nslot = t->nslot ? t->nslot * 2 : 64;
	t->slot = isb_xcalloc(t->nslot, sizeof(*t->slot));
	for (uint32_t i = 0; i < t->count; i++) {
		uint32_t s = t->entry[i].hash & (t->nslot - 1);
		while (t->slot[s])
			s = (s + 1) & (t->nslot - 1);
		t->slot[s] = i + 1;
	}
}

static uint32_t add(struct isb_intern *t, const void *octets, size_t len, uint32_t hash)
{
	if (t->count == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->entry = isb_xrealloc(t->entry, t->cap * sizeof(*t->entry));
	}
	size_t padded = (len + 7) & ~(size_t)7;
	if (t->room - t->used < padded) {
		t->room = t->room * 2 + padded + 1024;
		t->pool = isb_xrealloc(t->pool, t->room);
	}
	memcpy(t->pool + t->used, octets, len);
	t->entry[t->count] = (struct isb_intern_entry){t->used, (uint32_t)len, hash};
	t->used += padded;
	return t->count++;
}

uint32_t isb_intern(struct isb_intern *table, const void *octets, size_t len)
{
	if (table->count >= table->nslot / 2)
		grow_slots(table);
	uint32_t hash = (uint32_t)isb_hash(octets, len, 0), s = hash & (table->nslot - 1);
	for (; table->slot[s]; s = (s + 1) & (table->nslot - 1)) {
		const struct isb_intern_entry *e = &table->entry[table->slot[s] - 1];
		if (e->hash == hash && e->len == len && memcmp(table->pool + e->at, octets, len) == 0)
			return table->slot[s] - 1;
	}
	uint32_t number = add(table, octets, len, hash);
	table->slot[s] = number + 1;
	return number;
}
