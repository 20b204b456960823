/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/view/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/healthdb.h"
#include "isobar/store/rollouts.h"
#include "own.h"
#include "zones.h"

/* --- Building ------------------------------------------------------------------------------------------------------ */

struct build {
	const struct isb_view_sources *from;
	struct isb_txn *txn; /* the catalog's */
	struct isb_view *old, *view;
	struct isb_shape *shape; /* the old view's when no object changed */
	struct isb_diags *diags;
	struct isb_arena arena; /* for this build only */
	struct isb_map slot; /* "pool/endpoint" → slot */
	struct isb_map rollout; /* record's name → place in `rollouts` */
	struct isb_rollout *rollouts;
	size_t nrollout, rollout_cap;
	struct isb_zones zones;
};

static int read_slot(void *arg, const char *endpoint, uint32_t slot)
{
	struct build *b = arg;
	isb_map_put(&b->slot, isb_arena_strdup(&b->arena, endpoint), strlen(endpoint), slot);
	if (slot >= b->view->slots)
		b->view->slots = slot + 1;
	return 0;
}

static uint32_t slot_of(void *arg, const char *pool, const char *endpoint)
{
	const struct build *b = arg;
	char name[512];
	uint32_t slot = ISB_SLOT_NONE;
	int len = snprintf(name, sizeof(name), "%s/%s", pool, endpoint);
	if (len > 0 && (size_t)len < sizeof(name))
		isb_map_get(&b->slot, name, (size_t)len, &slot);
	return slot;
}

static int read_admin(void *arg, const char *endpoint, const struct isb_admin_row *row)
{
	struct build *b = arg;
	uint32_t slot;
	if (isb_map_get(&b->slot, endpoint, strlen(endpoint), &slot))
		((uint64_t *)(uintptr_t)b->view->admin)[slot] = isb_admin_pack(row->admin, row->until_ms);
	return 0;
}

/* The row's octets go with the transaction, the view stays. */
static int read_rollout(void *arg, const char *record, const struct isb_rollout *row)
{
	struct build *b = arg;
	struct isb_arena *arena = &b->shape->arena;
	if (b->nrollout == b->rollout_cap) {
		size_t cap = b->rollout_cap ? b->rollout_cap * 2 : 8, size = sizeof(*row);
		b->rollouts = isb_arena_grow(arena, b->rollouts, b->nrollout * size, cap * size);
		b->rollout_cap = cap;
	}
	struct isb_rollout *own = &b->rollouts[b->nrollout];
	*own = *row;
	own->to = isb_arena_strdup(arena, row->to);
	own->nets = isb_arena_memdup(arena, row->nets, row->nnet * sizeof(*row->nets));
	own->author = own->reason = "";
	isb_map_put(&b->rollout, isb_arena_strdup(arena, record), strlen(record), (uint32_t)b->nrollout++);
	return 0;
}

static int read_rtt(void *arg, const char *from, const char *to, uint32_t rtt_us)
{
	isb_latencies_add_probe(arg, from, to, rtt_us);
	return 0;
}

/* Everything of the store but names and policies. */
static int read_tables(struct build *b)
{
	struct isb_shape *shape = b->shape;
	int rc = isb_catalog_load_steering(b->txn, &shape->catalog, b->diags);
	if (rc == ISB_OK) /* writers check too; but rows are a file, and another version of this program may have written them */
		rc = isb_catalog_check(&shape->catalog, b->diags);
	if (rc == ISB_OK)
		rc = isb_rollouts_check(b->txn, &shape->catalog, b->diags);
	if (rc != ISB_OK)
		return rc;
	rc = isb_slot_each(b->txn, read_slot, b);
	b->view->admin = isb_xcalloc(b->view->slots, sizeof(*b->view->admin));
	b->view->nadmin = b->view->slots;
	if (rc == ISB_OK)
		rc = isb_admin_each(b->txn, read_admin, b);
	isb_shape_end_admin(b->view);
	if (rc == ISB_OK)
		rc = isb_rollout_each(b->txn, read_rollout, b);
	shape->latencies = isb_latencies_new(&shape->arena, &shape->catalog, shape->cells);
	if (rc == ISB_OK && b->from->health)
		rc = isb_rtt_each(b->from->health, read_rtt, shape->latencies);
	if (rc != ISB_OK)
		isb_diag(b->diags, (struct isb_mark){0}, "cannot read the store: %s", isb_strerror(rc));
	return rc;
}

/* --- Records keep their numbers from view to view, so that names need no edit while policies change --------------- */

struct numbered {
	const struct isb_zone *zone;
	const struct isb_record *record;
	char *name; /* "zone/owner", owner without the zone's labels, "@" at the apex */
	uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
};

static int record_names(struct build *b, const struct isb_zone *zone, const struct isb_record *record,
                        struct numbered *ret)
{
	uint8_t owner[ISB_DNAME_MAX];
	isb_dname_parse(zone->name, NULL, ret->apex);
	isb_dname_lower(ret->apex, ret->apex);
	if (isb_dname_parse(record->owner, ret->apex, owner) < 0 || !isb_dname_under(owner, ret->apex)) {
		isb_diag(b->diags, record->mark, "record '%s' is not a name in zone '%s'", record->owner, zone->name);
		return ISB_EINVAL;
	}
	isb_dname_lower(owner, ret->owner);
	ret->zone = zone;
	ret->record = record;
	ret->name = isb_arena_printf(&b->shape->arena, "%s/%s", zone->name, record->owner);
	return ISB_OK;
}

static struct isb_compile_record compile_record(const struct build *b, const struct numbered *from)
{
	uint32_t at;
	bool moves = isb_map_get(&b->rollout, from->name, strlen(from->name), &at);
	return (struct isb_compile_record){.name = from->name, .owner_at = strlen(from->zone->name) + 1,
	                                   .record = from->record, .rollout = moves ? &b->rollouts[at] : NULL};
}

static void take_off_old(struct build *b, const struct isb_map *present)
{
	const struct isb_shape *old = b->old ? b->old->own->shape : NULL;
	for (size_t i = 0; old && i < old->nrecord; i++) {
		uint32_t at;
		const char *name = old->records[i].name;
		if (!name || isb_map_get(present, name, strlen(name), &at))
			continue;
		uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
		size_t owner_at = old->records[i].owner_at;
		isb_dname_parse(isb_arena_strndup(&b->arena, name, owner_at - 1), NULL, apex);
		isb_dname_parse(name + owner_at, apex, owner);
		isb_zones_put_record(&b->zones, apex, owner, ISB_NO_RECORD);
	}
}

static void number(struct build *b, struct numbered *records, size_t count)
{
	struct isb_shape *shape = b->shape;
	const struct isb_shape *old = b->old ? b->old->own->shape : NULL;
	struct isb_map known = {0}, present = {0};
	shape->nrecord = old && old->nrecord > count ? old->nrecord : count;
	shape->records = isb_arena_alloc(&shape->arena, (shape->nrecord + count) * sizeof(*shape->records));
	for (size_t i = 0; old && i < old->nrecord; i++)
		if (old->records[i].name)
			isb_map_put(&known, old->records[i].name, strlen(old->records[i].name), (uint32_t)i);
	bool *is_new = isb_xcalloc(count, sizeof(*is_new));
	for (size_t i = 0; i < count; i++) {
		uint32_t at;
		isb_map_put(&present, records[i].name, strlen(records[i].name), 1);
		is_new[i] = !isb_map_get(&known, records[i].name, strlen(records[i].name), &at);
		if (!is_new[i])
			shape->records[at] = compile_record(b, &records[i]);
	}
	take_off_old(b, &present);
	uint32_t next = 0;
	for (size_t i = 0; i < count; i++) {
		if (!is_new[i])
			continue;
		while (shape->records[next].name)
			next++;
		shape->records[next] = compile_record(b, &records[i]);
		if (next >= shape->nrecord)
			shape->nrecord = next + 1;
		isb_zones_put_record(&b->zones, records[i].apex, records[i].owner, next);
	}
	free(is_new);
	isb_map_done(&known);
	isb_map_done(&present);
}

static int number_records(struct build *b)
{
	const struct isb_catalog *catalog = &b->shape->catalog;
	size_t count = 0, at = 0;
	for (size_t i = 0; i < catalog->nzone; i++)
		count += catalog->zones[i].nrecord;
	struct numbered *records = isb_xcalloc(count, sizeof(*records));
	int rc = ISB_OK;
	for (size_t i = 0; i < catalog->nzone; i++)
		for (size_t j = 0; j < catalog->zones[i].nrecord; j++)
			if (record_names(b, &catalog->zones[i], &catalog->zones[i].records[j], &records[at++]) != ISB_OK)
				rc = ISB_EINVAL;
	if (rc == ISB_OK)
		number(b, records, count);
	b->view->nrecord = count;
	free(records);
	return rc;
}

static void list_viewpoints(struct build *b)
{
	const struct isb_plan *plan = b->view->plan;
	const char **names = isb_arena_alloc(&b->shape->arena, plan->nviewpoint * sizeof(*names));
	for (uint32_t i = 0; i < plan->nviewpoint; i++)
		names[i] = isb_plan_viewpoint(plan, i);
	b->view->viewpoints = names;
	b->view->nviewpoint = plan->nviewpoint;
}

static int compile(struct build *b, uint32_t (*slot)(void *arg, const char *pool, const char *endpoint))
{
	struct isb_shape *shape = b->shape;
	const struct isb_shape *old = b->old ? b->old->own->shape : NULL;
	struct isb_compile_in in = {
		.arena = &shape->arena,
		.catalog = &shape->catalog,
		.geodb = b->from->geodb,
		.latencies = shape->latencies,
		.records = shape->records,
		.nrecord = shape->nrecord,
		.old_maps = old ? old->maps : NULL,
		.nold_map = old ? old->nmap : 0,
		.slot = slot,
		.slot_arg = b,
		.hosts = &shape->hosts,
	};
	shape->hosts.arena = &shape->arena;
	shape->hosts.health = b->from->health;
	struct isb_compiled compiled;
	int rc = isb_compile(&in, b->diags, &compiled);
	shape->hosts.health = NULL;
	if (rc != ISB_OK)
		return rc;
	b->view->host_until_ms = shape->hosts.until_ms;
	b->view->nhost = (uint32_t)shape->hosts.count;
	shape->maps = compiled.maps;
	shape->nmap = compiled.nmap;
	const struct isb_geomap **maps = isb_arena_alloc(&shape->arena, shape->nmap * sizeof(*maps));
	for (size_t i = 0; i < shape->nmap; i++)
		maps[i] = shape->maps[i]->map;
	shape->plan = compiled.plan;
	b->view->plan = compiled.plan;
	b->view->maps = maps;
	list_viewpoints(b);
	return ISB_OK;
}

static void free_own(struct isb_view *view)
{
	isb_exact_table_release(view->own->exact);
	isb_shape_release(view->own->shape);
	free((void *)(uintptr_t)view->admin);
	free(view->own);
	free(view);
}

static int build_all(struct build *b)
{
	b->shape = b->view->own->shape = isb_shape_new(b->from);
	int rc = read_tables(b);
	if (rc == ISB_OK)
		rc = isb_zones_begin(&b->zones, b->diags);
	if (rc == ISB_OK)
		rc = number_records(b);
	if (rc == ISB_OK)
		rc = isb_zones_check(&b->zones, b->diags);
	if (rc == ISB_OK)
		rc = compile(b, slot_of);
	return rc;
}

/* Only names and admin states moved: what follows from the objects is the old view's. */
static int build_names(struct build *b)
{
	struct isb_view *view = b->view;
	const struct isb_view *old = b->old;
	b->shape = view->own->shape = old->own->shape;
	b->shape->users++;
	view->plan = old->plan;
	view->maps = old->maps;
	view->viewpoints = old->viewpoints;
	view->nviewpoint = old->nviewpoint;
	view->host_until_ms = old->host_until_ms;
	view->nhost = old->nhost;
	view->nrecord = old->nrecord;
	view->slots = old->slots;
	view->nadmin = old->nadmin;
	int rc = isb_shape_replay_admin(old, b->txn, view);
	if (rc != ISB_OK)
		isb_diag(b->diags, (struct isb_mark){0}, "cannot read admin states from the store: %s", isb_strerror(rc));
	if (rc == ISB_OK)
		rc = isb_zones_begin(&b->zones, b->diags);
	if (rc == ISB_OK)
		rc = isb_zones_check(&b->zones, b->diags);
	return rc;
}

static void set_exact(struct isb_view *view, struct isb_view *old, size_t names)
{
	struct isb_exact_table *table = old ? old->own->exact : NULL;
	if (table && isb_exact_table_holds(table))
		table->users++;
	else
		table = isb_exact_table_new(view, names);
	view->own->exact = table;
	view->exact = table->block;
	view->large = (const struct isb_large *const *)table->large;
	view->nlarge = table->nlarge;
}

/* The journal is kept for long, not for ever: who slept longer begins anew. */
static bool is_told(struct isb_txn *catalog, const struct isb_view *old)
{
	uint64_t first;
	return isb_journal_first(catalog, &first) == ISB_OK && first <= old->generation + 1;
}

int isb_view_build(const struct isb_view_sources *from, struct isb_view *old, struct isb_diags *diags,
                   struct isb_view **ret_view)
{
	struct isb_view *view = isb_xcalloc(1, sizeof(*view));
	if (old && !is_told(from->catalog, old))
		old = NULL;
	view->own = isb_xcalloc(1, sizeof(*view->own));
	struct build b = {.from = from, .txn = from->catalog, .old = old, .view = view, .diags = diags};
	b.zones = (struct isb_zones){.arena = &b.arena, .txn = b.txn, .old = old};
	view->generation = isb_generation(from->catalog);
	view->geodb = from->geodb;
	int rc = old && isb_shape_holds(old, from) ? build_names(&b) : build_all(&b);
	if (rc == ISB_OK) {
		isb_zones_commit(&b.zones, view);
		set_exact(view, old, from->exact_names);
	} else {
		isb_zones_abort(&b.zones);
	}
	isb_map_done(&b.slot);
	isb_map_done(&b.rollout);
	isb_arena_done(&b.arena);
	if (rc != ISB_OK) {
		free_own(view);
		return rc;
	}
	*ret_view = view;
	return ISB_OK;
}

bool isb_view_refresh(struct isb_view *view, struct isb_txn *health)
{
	return isb_hosts_refresh(&view->own->shape->hosts, health);
}

/* --- Drafts -------------------------------------------------------------------------------------------------------- */

static uint32_t next_slot(void *arg, const char *pool, const char *endpoint)
{
	struct build *b = arg;
	(void)pool;
	(void)endpoint;
	return b->view->slots++;
}

int isb_view_draft(const struct isb_catalog *catalog, const struct isb_geodb *geodb, struct isb_diags *diags,
                   struct isb_view **ret_view)
{
	struct isb_view *view = isb_xcalloc(1, sizeof(*view));
	const struct isb_view_sources from = {.geodb = geodb};
	struct isb_shape *shape = isb_shape_new(&from);
	struct build b = {.from = &from, .view = view, .shape = shape, .diags = diags};
	view->own = isb_xcalloc(1, sizeof(*view->own));
	view->own->shape = shape;
	shape->draft = true;
	view->geodb = geodb;
	shape->catalog = *catalog;
	shape->latencies = isb_latencies_new(&shape->arena, &shape->catalog, shape->cells);
	for (size_t i = 0; i < catalog->nzone; i++)
		view->nrecord += catalog->zones[i].nrecord;
	shape->records = isb_arena_alloc(&shape->arena, view->nrecord * sizeof(*shape->records));
	int rc = ISB_OK;
	for (size_t i = 0; i < catalog->nzone; i++)
		for (size_t j = 0; j < catalog->zones[i].nrecord; j++) {
			struct numbered record;
			if (record_names(&b, &catalog->zones[i], &catalog->zones[i].records[j], &record) == ISB_OK)
				shape->records[shape->nrecord++] = compile_record(&b, &record);
			else
				rc = ISB_EINVAL;
		}
	if (rc == ISB_OK)
		rc = compile(&b, next_slot);
	if (rc != ISB_OK) {
		free_own(view);
		return rc;
	}
	view->nzone = catalog->nzone;
	*ret_view = view;
	return ISB_OK;
}

/* --- The end ------------------------------------------------------------------------------------------------------- */

static void free_zone(void *arg, const uint8_t *dname, const struct isb_node *node)
{
	struct isb_zone_view *zone = node->payload;
	(void)arg;
	(void)dname;
	if (!zone)
		return;
	isb_names_free(zone->root);
	free(zone);
}

void isb_view_free(struct isb_view *view)
{
	if (!view)
		return;
	struct isb_view_own *own = view->own;
	if (!own->superseded && !own->shape->draft) {
		isb_names_walk(view->zones, free_zone, NULL);
		isb_names_free(view->zones);
	}
	for (size_t i = 0; i < own->ngarbage; i++)
		isb_garbage_free(own->garbage[i]);
	for (size_t i = 0; i < own->ndead_root; i++)
		isb_names_free(own->dead_roots[i]);
	for (size_t i = 0; i < own->ndead_zone; i++)
		free(own->dead_zones[i]);
	free(own->garbage);
	free(own->dead_roots);
	free(own->dead_zones);
	free_own(view);
}
