/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/map.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/hash.h"

void isb_map_done(struct isb_map *map)
{
	free(map->entry);
	*map = (struct isb_map){0};
}

/* The entry with this key, or the free one where it would go. */
static struct isb_map_entry *spot(const struct isb_map *map, const void *key, size_t len, uint64_t hash)
{
	size_t i = hash & (map->cap - 1);
	for (;; i = (i + 1) & (map->cap - 1)) {
		struct isb_map_entry *e = &map->entry[i];
		if (!e->key || (e->hash == hash && e->len == len && memcmp(e->key, key, len) == 0))
			return e;
	}
}

bool isb_map_get(const struct isb_map *map, const void *key, size_t len, uint32_t *ret_value)
{
	if (!map->count)
		return false;
	const struct isb_map_entry *e = spot(map, key, len, isb_hash(key, len, 0));
	if (e->key)
		*ret_value = e->value;
	return e->key != NULL;
}

static void grow(struct isb_map *map)
{
	struct isb_map bigger = {.cap = map->cap ? map->cap * 2 : 32, .count = map->count};
	bigger.entry = isb_xcalloc(bigger.cap, sizeof(*bigger.entry));
	for (size_t i = 0; i < map->cap; i++) {
		const struct isb_map_entry *e = &map->entry[i];
		if (e->key)
			*spot(&bigger, e->key, e->len, e->hash) = *e;
	}
	free(map->entry);
	*map = bigger;
}

void isb_map_put(struct isb_map *map, const void *key, size_t len, uint32_t value)
{
	if (map->count * 3 >= map->cap * 2)
		grow(map);
	uint64_t hash = isb_hash(key, len, 0);
	struct isb_map_entry *e = spot(map, key, len, hash);
	map->count += e->key == NULL;
	*e = (struct isb_map_entry){key, len, hash, value};
}
