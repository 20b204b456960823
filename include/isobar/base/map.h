/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Octet strings → 32-bit numbers: open addressing, keys stay the caller's. For building, not for the query path.
 * All-zero is a valid empty map. */
struct isb_map {
	struct isb_map_entry {
		const void *key; /* NULL: free */
		size_t len;
		uint64_t hash;
		uint32_t value;
	} *entry;
	size_t cap, count;
};

void isb_map_done(struct isb_map *map);
bool isb_map_get(const struct isb_map *map, const void *key, size_t len, uint32_t *ret_value);
/* Adds or replaces; the key must live as long as the map. */
void isb_map_put(struct isb_map *map, const void *key, size_t len, uint32_t value);
