/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "import.h"
#include "isobar/base/err.h"

/* --- What something leads to --------------------------------------------------------------------------------------- */

struct tracing {
	const struct isb_catalog *catalog;
	struct isb_map seen[ISB_KIND_COUNT];
};

static bool has(const struct isb_map *map, const char *name)
{
	uint32_t value;
	return isb_map_get(map, name, strlen(name), &value);
}

static void add(struct isb_map *map, const char *name)
{
	isb_map_put(map, name, strlen(name), 1);
}

static void trace_named(struct tracing *t, const char *name);

static void trace_node(struct tracing *t, const struct isb_policy_node *node)
{
	for (size_t i = 0; i < node->nchild; i++) {
		if (node->children[i].node)
			trace_node(t, node->children[i].node);
		else
			trace_named(t, node->children[i].use.name);
	}
}

/* Pools and policies share their names. */
static void trace_named(struct tracing *t, const char *name)
{
	const struct isb_pool *pool = isb_catalog_pool(t->catalog, name);
	const struct isb_policy *policy = pool ? NULL : isb_catalog_policy(t->catalog, name);
	if (pool) {
		add(&t->seen[ISB_POOL], pool->name);
		if (pool->check.name)
			add(&t->seen[ISB_CHECK], pool->check.name);
		if (pool->feed.name)
			add(&t->seen[ISB_CHECK], pool->feed.name);
	} else if (policy && !has(&t->seen[ISB_POLICY], name)) {
		add(&t->seen[ISB_POLICY], policy->name);
		trace_node(t, policy->root);
	}
}

static void trace_done(struct tracing *t)
{
	for (size_t kind = 0; kind < ISB_KIND_COUNT; kind++)
		isb_map_done(&t->seen[kind]);
}

/* --- Before -------------------------------------------------------------------------------------------------------- */

/* "www.example.com-asia" is called after a name of example.com: the import puts nothing but "-" behind the name. */
static bool is_called_after(const char *name, const char *zone)
{
	size_t len = strlen(zone);
	for (const char *at = strstr(name, zone); at; at = strstr(at + 1, zone))
		if ((at == name || at[-1] == '.') && (!at[len] || at[len] == '-'))
			return true;
	return false;
}

static bool is_wanted(const struct isb_catalog *wanted, enum isb_kind kind, const char *name)
{
	switch (kind) {
	case ISB_POOL: return isb_catalog_pool(wanted, name) != NULL;
	case ISB_POLICY: return isb_catalog_policy(wanted, name) != NULL;
	default: return isb_catalog_check_named(wanted, name) != NULL;
	}
}

static void add_candidates(struct import_stale *stale, const struct tracing *t, const struct isb_catalog *wanted,
                           const char *zone)
{
	static const enum isb_kind kinds[] = {ISB_POLICY, ISB_POOL, ISB_CHECK};
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const struct isb_map *seen = &t->seen[kinds[k]];
		for (size_t i = 0; i < seen->cap; i++) {
			const char *name = seen->entry[i].key;
			if (name && is_called_after(name, zone) && !is_wanted(wanted, kinds[k], name))
				add(&stale->candidates[kinds[k]], isb_arena_strdup(&stale->arena, name));
		}
	}
}

static void find_of_zone(struct import_stale *stale, const struct isb_catalog *stored, const struct isb_catalog *wanted,
                         const char *name)
{
	struct tracing t = {.catalog = stored};
	const struct isb_zone *zone = isb_catalog_zone(stored, name);
	for (size_t i = 0; zone && i < zone->nrecord; i++)
		trace_named(&t, zone->records[i].policy.name);
	add_candidates(stale, &t, wanted, name);
	trace_done(&t);
}

int import_stale_find(struct import_stale *stale, struct cli_edit *e, const struct isb_catalog *wanted)
{
	struct isb_catalog stored;
	*stale = (struct import_stale){0};
	isb_catalog_init(&stored);
	int rc = isb_catalog_load(e->txn, &stored, &e->diags);
	for (size_t i = 0; rc == ISB_OK && i < wanted->nzone; i++)
		find_of_zone(stale, &stored, wanted, wanted->zones[i].name);
	isb_catalog_done(&stored);
	return rc;
}

/* --- After --------------------------------------------------------------------------------------------------------- */

static int trace_rollout(void *arg, const char *record, const struct isb_rollout *rollout)
{
	(void)record;
	trace_named(arg, rollout->to);
	return 0;
}

/* Everything that is not a candidate itself counts as used, and what it leads to with it. */
static int trace_rest(const struct import_stale *stale, struct cli_edit *e, struct tracing *t)
{
	const struct isb_catalog *catalog = t->catalog;
	for (size_t i = 0; i < catalog->nzone; i++)
		for (size_t k = 0; k < catalog->zones[i].nrecord; k++)
			trace_named(t, catalog->zones[i].records[k].policy.name);
	for (size_t i = 0; i < catalog->npool; i++)
		if (!has(&stale->candidates[ISB_POOL], catalog->pools[i].name))
			trace_named(t, catalog->pools[i].name);
	for (size_t i = 0; i < catalog->npolicy; i++)
		if (!has(&stale->candidates[ISB_POLICY], catalog->policies[i].name))
			trace_named(t, catalog->policies[i].name);
	return isb_rollout_each(e->txn, trace_rollout, t);
}

static int remove_kind(const struct import_stale *stale, struct cli_edit *e, enum isb_kind kind, const struct tracing *t)
{
	const struct isb_map *map = &stale->candidates[kind];
	int rc = ISB_OK;
	for (size_t i = 0; rc == ISB_OK && i < map->cap; i++)
		if (map->entry[i].key && !has(&t->seen[kind], map->entry[i].key))
			rc = isb_edit_delete_object(e->edit, kind, map->entry[i].key);
	return rc;
}

int import_stale_remove(const struct import_stale *stale, struct cli_edit *e)
{
	struct isb_catalog catalog;
	struct tracing t = {.catalog = &catalog};
	isb_catalog_init(&catalog);
	int rc = isb_catalog_load(e->txn, &catalog, &e->diags);
	if (rc == ISB_OK)
		rc = trace_rest(stale, e, &t);
	if (rc == ISB_OK)
		rc = remove_kind(stale, e, ISB_POLICY, &t);
	if (rc == ISB_OK)
		rc = remove_kind(stale, e, ISB_POOL, &t);
	if (rc == ISB_OK)
		rc = remove_kind(stale, e, ISB_CHECK, &t);
	trace_done(&t);
	isb_catalog_done(&catalog);
	return rc;
}

void import_stale_done(struct import_stale *stale)
{
	for (size_t kind = 0; kind < ISB_KIND_COUNT; kind++)
		isb_map_done(&stale->candidates[kind]);
	isb_arena_done(&stale->arena);
}
