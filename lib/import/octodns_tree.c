/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "isobar/base/hash.h"
#include "octodns_parts.h"

/* --- Nodes --- */

static struct isb_yaml *node(struct isb_octodns *o, enum isb_yaml_kind kind, struct isb_mark at)
{
	struct isb_yaml *yaml = isb_arena_alloc(&o->arena, sizeof(*yaml));
	yaml->kind = kind;
	yaml->mark = at;
	return yaml;
}

struct isb_yaml *isb_octodns_map(struct isb_octodns *o, struct isb_mark at)
{
	return node(o, ISB_YAML_MAP, at);
}

struct isb_yaml *isb_octodns_list(struct isb_octodns *o, struct isb_mark at)
{
	return node(o, ISB_YAML_LIST, at);
}

struct isb_yaml *isb_octodns_text(struct isb_octodns *o, const char *text, struct isb_mark at)
{
	struct isb_yaml *yaml = node(o, ISB_YAML_SCALAR, at);
	yaml->text = text;
	return yaml;
}

/* Room is always for a power of two, four at least, so that the count alone tells when it is used up. */
static void *make_room(struct isb_octodns *o, void *list, size_t count, size_t item)
{
	if (count == 0)
		return isb_arena_alloc(&o->arena, 4 * item);
	if (count < 4 || (count & (count - 1)) != 0)
		return list;
	return isb_arena_grow(&o->arena, list, count * item, 2 * count * item);
}

void isb_octodns_put(struct isb_octodns *o, struct isb_yaml *map, const char *key, struct isb_mark at,
                     struct isb_yaml *value)
{
	map->pairs = make_room(o, map->pairs, map->count, sizeof(*map->pairs));
	map->pairs[map->count++] = (struct isb_yaml_pair){.key = key, .mark = at, .value = value};
}

void isb_octodns_put_text(struct isb_octodns *o, struct isb_yaml *map, const char *key, const char *text,
                          struct isb_mark at)
{
	isb_octodns_put(o, map, key, at, isb_octodns_text(o, text, at));
}

void isb_octodns_append(struct isb_octodns *o, struct isb_yaml *list, struct isb_yaml *item)
{
	list->items = make_room(o, list->items, list->count, sizeof(*list->items));
	list->items[list->count++] = item;
}

/* --- Names --- */

enum { NAME_MAX_LEN = 63, HASH_LEN = 9 }; /* "-" and eight digits */

static char tame(char c, bool dots)
{
	bool fits = isalnum((unsigned char)c) || c == '-' || c == '_' || (dots && c == '.');
	return fits && (unsigned char)c < 0x80 ? c : dots ? '_' : '-';
}

/* `words` with what names cannot hold replaced. Where that loses something, a hash of the whole keeps apart what was
 * different. `again`: the name was taken that many times already. */
static const char *make_name(struct isb_octodns *o, const char *words, bool dots, unsigned again)
{
	size_t len = strlen(words);
	char *name = isb_arena_alloc(&o->arena, NAME_MAX_LEN + 1);
	bool lost = len > NAME_MAX_LEN || again || !len;
	for (size_t i = 0; i < len && i < NAME_MAX_LEN; i++) {
		name[i] = tame(words[i], dots);
		/* dots and colons of an address may go: its digits tell it apart from its neighbours well enough */
		lost |= name[i] != words[i] && (dots || !strchr(".:", words[i]));
	}
	if (*name == '-' || *name == '.' || !*name)
		*name = '_';
	if (lost) {
		size_t keep = !len ? 1 : len < NAME_MAX_LEN - HASH_LEN ? len : NAME_MAX_LEN - HASH_LEN;
		uint32_t hash = (uint32_t)isb_hash(words, len, again);
		memcpy(name + keep, isb_arena_printf(&o->arena, "-%08x", hash), HASH_LEN + 1);
	}
	return name;
}

const char *isb_octodns_name(struct isb_octodns *o, struct isb_map *taken, const char *fqdn, const char *pool,
                             const char *value)
{
	uint32_t seen;
	const char *name, *words = isb_arena_printf(&o->arena, "%s%s%s%s%s", fqdn, pool ? "-" : "", pool ? pool : "",
	                                            value ? "-" : "", value ? value : "");
	unsigned again = 0;
	do
		name = make_name(o, words, true, again++);
	while (isb_map_get(taken, name, strlen(name), &seen));
	isb_map_put(taken, name, strlen(name), 1);
	return name;
}

const char *isb_octodns_endpoint_name(struct isb_octodns *o, const struct isb_yaml *endpoints, const char *value)
{
	const char *name;
	unsigned again = 0;
	do
		name = make_name(o, value, false, again++);
	while (isb_yaml_get(endpoints, name));
	return name;
}
