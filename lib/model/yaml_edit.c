/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/schema.h"

/* One edit: where it happens, for whom. */
struct edit {
	struct isb_arena *arena;
	struct isb_mark at;
	struct isb_diags *diags;
	const char *field;
};

static struct isb_yaml_pair *find(const struct isb_yaml *map, const char *key)
{
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->pairs[i].key, key) == 0)
			return &map->pairs[i];
	return NULL;
}

static struct isb_yaml_pair *add(const struct edit *e, struct isb_yaml *map, const char *key)
{
	size_t size = sizeof(*map->pairs);
	map->pairs = isb_arena_grow(e->arena, map->pairs, map->count * size, (map->count + 1) * size);
	struct isb_yaml_pair *pair = &map->pairs[map->count++];
	*pair = (struct isb_yaml_pair){.key = key, .mark = e->at};
	return pair;
}

/* A map of its own in place of one that other parents may share. */
static struct isb_yaml *own_map(const struct edit *e, const struct isb_yaml *old)
{
	struct isb_yaml *map = isb_arena_alloc(e->arena, sizeof(*map));
	*map = (struct isb_yaml){.kind = ISB_YAML_MAP, .mark = e->at};
	if (isb_yaml_absent(old))
		return map;
	*map = *old;
	map->pairs = isb_arena_memdup(e->arena, old->pairs, old->count * sizeof(*old->pairs));
	return map;
}

static int refuse(const struct edit *e, int rc, const char *why)
{
	char shown[ISB_YAML_EXCERPT];
	isb_diag(e->diags, e->at, "'%s' %s", isb_yaml_excerpt(e->field, shown), why);
	return rc;
}

static int take_away(const struct edit *e, struct isb_yaml *map, const char *key)
{
	struct isb_yaml_pair *pair = find(map, key);
	if (!pair)
		return refuse(e, ISB_ENOTFOUND, "is not set, so it cannot be taken away");
	size_t i = (size_t)(pair - map->pairs);
	memmove(pair, pair + 1, (map->count - i - 1) * sizeof(*pair));
	map->count--;
	return ISB_OK;
}

int isb_yaml_set(struct isb_arena *arena, struct isb_yaml *body, const char *field, const char *value,
                 struct isb_mark at, struct isb_diags *diags)
{
	struct edit e = {.arena = arena, .at = at, .diags = diags, .field = field};
	struct isb_yaml *map = body, *node = NULL;
	if (!*field || *field == '.' || field[strlen(field) - 1] == '.' || strstr(field, ".."))
		return refuse(&e, ISB_EINVAL, "is no field; write its name, with dots to go into a map");
	if (body->kind != ISB_YAML_MAP)
		return refuse(&e, ISB_EINVAL, "cannot be set in what is not a map");
	if (value && isb_yaml_parse_value(arena, value, at, diags, &node) != ISB_OK)
		return ISB_EINVAL;
	const char *key = field;
	for (const char *dot = strchr(key, '.'); dot; key = dot + 1, dot = strchr(key, '.')) {
		const char *name = isb_arena_strndup(arena, key, (size_t)(dot - key));
		struct isb_yaml_pair *pair = find(map, name);
		if (!pair && !value)
			return refuse(&e, ISB_ENOTFOUND, "is not set, so it cannot be taken away");
		if (pair && pair->value->kind != ISB_YAML_MAP && !isb_yaml_absent(pair->value))
			return refuse(&e, ISB_EINVAL, "leads through a value that is not a map");
		if (!pair)
			pair = add(&e, map, name);
		pair->value = own_map(&e, pair->value);
		map = pair->value;
	}
	if (!value)
		return take_away(&e, map, key);
	struct isb_yaml_pair *pair = find(map, key);
	if (!pair)
		pair = add(&e, map, isb_arena_strdup(arena, key));
	pair->value = node;
	return ISB_OK;
}
