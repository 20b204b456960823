/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/model/dname.h"
#include "own.h"

/* Edits that a table lives through whatever its size: making it anew takes the time of as many. */
enum { EDITS_FEW = 4096, EDITS_PART = 4 };

static void make(struct isb_exact_table *table, const struct isb_view *view, struct isb_exact_sources *sources)
{
	table->block = isb_exact_new(view, sources);
	table->names = table->block ? table->block->count : 0;
	for (size_t i = 0; i < ISB_EXACT_LEFT && sources->left[i]; i++) {
		struct isb_large *large = isb_large_new(view, sources->left[i]);
		if (!large)
			continue;
		table->large[table->nlarge++] = large;
		table->names += large->slots;
	}
}

struct isb_exact_table *isb_exact_table_new(const struct isb_view *view, size_t names)
{
	const struct isb_shape *shape = view->own->shape;
	struct isb_exact_table *table = isb_xcalloc(1, sizeof(*table));
	struct isb_arena arena = {0};
	const uint8_t **owners = isb_arena_alloc(&arena, shape->nrecord * sizeof(*owners));
	struct isb_exact_sources sources = {.names = names ? names : ISB_EXACT_NAMES, .steered = owners};
	for (size_t i = 0; i < shape->nrecord; i++) {
		const struct isb_compile_record *record = &shape->records[i];
		uint8_t apex[ISB_DNAME_MAX], *owner = isb_arena_alloc(&arena, ISB_DNAME_MAX);
		if (!record->name)
			continue;
		isb_dname_parse(isb_arena_strndup(&arena, record->name, record->owner_at - 1), NULL, apex);
		isb_dname_parse(record->name + record->owner_at, apex, owner);
		isb_dname_lower(owner, owner);
		owners[sources.nsteered++] = owner;
	}
	table->users = 1;
	make(table, view, &sources);
	isb_arena_done(&arena);
	return table;
}

void isb_exact_table_release(struct isb_exact_table *table)
{
	if (!table || --table->users)
		return;
	for (uint32_t i = 0; i < table->nlarge; i++)
		free(table->large[i]);
	free(table->block);
	free(table);
}

bool isb_exact_table_holds(const struct isb_exact_table *table)
{
	return table->edits < EDITS_FEW + table->names / EDITS_PART;
}

void isb_exact_table_edit(struct isb_exact_table *table, const uint8_t *name, size_t len)
{
	table->edits++;
	if (table->block)
		isb_exact_bury(table->block, name, len);
	for (uint32_t i = 0; i < table->nlarge; i++)
		isb_large_bury(table->large[i], name, len);
}

void isb_exact_table_leave(struct isb_exact_table *table, const struct isb_zone_view *zone)
{
	for (uint32_t i = 0; i < table->nlarge; i++)
		isb_large_leave(table->large[i], zone->apex, zone->apex_len);
	isb_exact_table_edit_all(table, zone->apex, zone->root);
}

struct below {
	struct isb_exact_table *table;
	const uint8_t *above; /* what the names are relative to */
};

static void edit_one(void *arg, const uint8_t *relative, const struct isb_node *node)
{
	const struct below *below = arg;
	uint8_t name[ISB_DNAME_MAX];
	size_t len = isb_dname_len(relative) - 1, above = isb_dname_len(below->above);
	(void)node;
	memcpy(name, relative, len);
	memcpy(name + len, below->above, above);
	isb_exact_table_edit(below->table, name, len + above);
}

void isb_exact_table_edit_all(struct isb_exact_table *table, const uint8_t *name, const struct isb_node *node)
{
	struct below below = {table, node->label_len ? isb_dname_up(name, 1) : name};
	isb_names_walk(node, edit_one, &below);
}
