/* SPDX-License-Identifier: Apache-2.0 */
#include "zones.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/store/catalogdb.h"
#include "own.h"

struct isb_zone_view *isb_zones_find(const struct isb_view *view, const uint8_t *apex)
{
	return isb_view_zone(view, apex, isb_dname_len(apex));
}

/* The owner as the zone's tree knows it: without the apex's labels. */
static void relative(const struct isb_zone_edit *zone, const uint8_t *owner, uint8_t out[ISB_DNAME_MAX])
{
	uint8_t lower[ISB_DNAME_MAX];
	size_t len = isb_dname_lower(owner, lower) - zone->apex_len;
	memcpy(out, lower, len);
	out[len] = 0;
}

static struct isb_zone_edit *find_edit(struct isb_zones *zones, const uint8_t *apex)
{
	uint32_t i;
	return isb_map_get(&zones->by_apex, apex, isb_dname_len(apex), &i) ? zones->edits[i] : NULL;
}

static struct isb_zone_edit *begin_edit(struct isb_zones *zones, const uint8_t *apex, struct isb_zone_view *old)
{
	if (zones->count == zones->cap) {
		size_t cap = zones->cap ? zones->cap * 2 : 64;
		zones->edits = isb_xrealloc(zones->edits, cap * sizeof(*zones->edits));
		zones->cap = cap;
	}
	struct isb_zone_edit *zone = isb_arena_alloc(zones->arena, sizeof(*zone));
	zone->apex_len = isb_dname_lower(apex, zone->apex);
	zone->old = old;
	zone->edit = isb_names_edit_new(old ? old->root : NULL);
	isb_map_put(&zones->by_apex, zone->apex, zone->apex_len, (uint32_t)zones->count);
	zones->edits[zones->count++] = zone;
	return zone;
}

/* --- What changed since the old view ------------------------------------------------------------------------------- */

static bool is_kept(const struct isb_zones *zones, const uint8_t *apex)
{
	uint32_t at;
	return isb_map_get(&zones->kept, apex, isb_dname_len(apex), &at);
}

/* Only zones that both views have: new ones are read whole, those that left are dropped whole. */
static int replay_change(void *arg, const struct isb_change *change)
{
	struct isb_zones *zones = arg;
	uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX], name[ISB_DNAME_MAX];
	uint16_t type;
	if (change->table != ISB_T_RRSET || isb_change_rrset(change, apex, owner, &type) != ISB_OK)
		return 0;
	struct isb_zone_edit *zone = find_edit(zones, apex);
	if (!zone) {
		struct isb_zone_view *old = isb_zones_find(zones->old, apex);
		if (!old || !is_kept(zones, apex))
			return 0;
		zone = begin_edit(zones, apex, old);
	}
	const struct isb_rrset *set = NULL;
	int rc = isb_rrset_get(zones->txn, apex, owner, type, &set);
	if (rc != ISB_OK && rc != ISB_ENOTFOUND)
		return rc;
	relative(zone, owner, name);
	isb_names_put(zone->edit, name, type, set);
	return 0;
}

static int replay_entry(void *arg, const struct isb_journal_entry *entry)
{
	struct isb_zones *zones = arg;
	return isb_journal_changes(zones->txn, entry->generation, replay_change, zones);
}

static int read_set(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	struct isb_zone_edit *zone = arg;
	uint8_t name[ISB_DNAME_MAX];
	relative(zone, owner, name);
	isb_names_put(zone->edit, name, set->type, set);
	return 0;
}

static int store_failed(struct isb_diags *diags, const char *what, int rc)
{
	isb_diag(diags, (struct isb_mark){0}, "cannot read %s from the store: %s", what, isb_strerror(rc));
	return rc;
}

/* Wire names of the new catalog's zones, in its order. */
static int list_kept(struct isb_zones *zones, const struct isb_catalog *catalog, struct isb_diags *diags)
{
	zones->apex = isb_arena_alloc(zones->arena, catalog->nzone * sizeof(*zones->apex));
	zones->nkept = catalog->nzone;
	for (size_t i = 0; i < catalog->nzone; i++) {
		uint8_t apex[ISB_DNAME_MAX];
		if (isb_dname_parse(catalog->zones[i].name, NULL, apex) < 0) {
			isb_diag(diags, catalog->zones[i].mark, "'%s' is not a domain name", catalog->zones[i].name);
			return ISB_EINVAL;
		}
		size_t len = isb_dname_lower(apex, apex);
		zones->apex[i] = isb_arena_memdup(zones->arena, apex, len);
		isb_map_put(&zones->kept, zones->apex[i], len, (uint32_t)i);
	}
	return ISB_OK;
}

int isb_zones_begin(struct isb_zones *zones, const struct isb_catalog *catalog, struct isb_diags *diags)
{
	int rc = list_kept(zones, catalog, diags);
	if (rc != ISB_OK)
		return rc;
	if (zones->old)
		rc = isb_journal_each(zones->txn, zones->old->generation + 1, replay_entry, zones);
	if (rc != ISB_OK)
		return store_failed(diags, "the journal", rc);
	for (size_t i = 0; i < catalog->nzone; i++) {
		if (zones->old && isb_zones_find(zones->old, zones->apex[i]))
			continue;
		struct isb_zone_edit *zone = begin_edit(zones, zones->apex[i], NULL);
		zone->mark = catalog->zones[i].mark;
		rc = isb_rrset_each(zones->txn, zone->apex, read_set, zone);
		if (rc != ISB_OK)
			return store_failed(diags, catalog->zones[i].name, rc);
	}
	return ISB_OK;
}

void isb_zones_put_record(struct isb_zones *zones, const uint8_t *apex, const uint8_t *owner, uint32_t number)
{
	struct isb_zone_edit *zone = find_edit(zones, apex);
	if (!zone) {
		struct isb_zone_view *old = zones->old ? isb_zones_find(zones->old, apex) : NULL;
		if (!old || !is_kept(zones, apex))
			return; /* the whole zone goes, and its records with it */
		zone = begin_edit(zones, apex, old);
	}
	uint8_t name[ISB_DNAME_MAX];
	relative(zone, owner, name);
	isb_names_put_record(zone->edit, name, number);
}

int isb_zones_check(struct isb_zones *zones, struct isb_diags *diags)
{
	static const uint8_t top[1] = {0};
	int rc = ISB_OK;
	for (size_t i = 0; i < zones->count; i++) {
		const struct isb_node *root = isb_names_find(zones->edits[i]->edit, top);
		if (root && isb_node_set(root, ISB_SOA))
			continue;
		char name[ISB_DNAME_TEXT];
		isb_diag(diags, zones->edits[i]->mark, "zone '%s' has no SOA record; give it a file: or text:",
		         isb_dname_print_bare(zones->edits[i]->apex, name));
		rc = ISB_EINVAL;
	}
	return rc;
}

/* --- Commit -------------------------------------------------------------------------------------------------------- */

static void *append(void *array, size_t count, size_t size)
{
	/* room for one more; grown by doubling at powers of two */
	return count & (count - 1) ? array : isb_xrealloc(array, (count ? count * 2 : 1) * size);
}

static void keep_garbage(struct isb_view_own *own, struct isb_garbage *garbage)
{
	if (!own) {
		isb_garbage_free(garbage);
		return;
	}
	own->garbage = append(own->garbage, own->ngarbage, sizeof(*own->garbage));
	own->garbage[own->ngarbage++] = garbage;
}

static void keep_dead_zone(struct isb_view_own *own, struct isb_zone_view *zone)
{
	own->dead_zones = append(own->dead_zones, own->ndead_zone, sizeof(*own->dead_zones));
	own->dead_zones[own->ndead_zone++] = zone;
}

static struct isb_zone_view *new_zone_view(const struct isb_zone_edit *zone, const struct isb_node *root)
{
	struct isb_zone_view *view = isb_xcalloc(1, sizeof(*view));
	memcpy(view->apex, zone->apex, zone->apex_len);
	view->apex_len = (uint8_t)zone->apex_len;
	view->labels = (uint8_t)isb_dname_labels(zone->apex);
	view->root = root;
	view->soa = isb_node_set(root, ISB_SOA);
	const uint8_t *at = view->soa->rdata;
	uint16_t len;
	const uint8_t *rdata = isb_rdata_next(&at, &len);
	uint32_t minimum = isb_get_u32(rdata + len - 4); /* the last field, RFC 1035 §3.3.13 */
	view->negative_ttl_s = minimum < view->soa->ttl_s ? minimum : view->soa->ttl_s;
	return view;
}

static void put_zone(struct isb_names_edit *tree, const uint8_t *apex, size_t len, struct isb_zone_view *zone)
{
	uint8_t key[2 + ISB_DNAME_MAX];
	isb_apex_key(apex, len, key);
	isb_names_put_payload(tree, key, zone);
}

struct leavers {
	const struct isb_zones *zones;
	struct isb_names_edit *tree;
};

static void drop_if_gone(void *arg, const uint8_t *dname, const struct isb_node *node)
{
	struct leavers *leavers = arg;
	struct isb_view_own *old = leavers->zones->old->own;
	struct isb_zone_view *zone = node->payload;
	(void)dname;
	if (!zone || is_kept(leavers->zones, zone->apex))
		return;
	put_zone(leavers->tree, zone->apex, zone->apex_len, NULL);
	old->dead_roots = append(old->dead_roots, old->ndead_root, sizeof(*old->dead_roots));
	old->dead_roots[old->ndead_root++] = zone->root;
	keep_dead_zone(old, zone);
}

static void done(struct isb_zones *zones)
{
	isb_map_done(&zones->by_apex);
	isb_map_done(&zones->kept);
	free(zones->edits);
}

void isb_zones_commit(struct isb_zones *zones, struct isb_view *view)
{
	struct isb_view_own *old = zones->old ? zones->old->own : NULL;
	struct isb_names_edit *tree = isb_names_edit_new(zones->old ? zones->old->zones : NULL);
	struct isb_garbage *garbage;
	for (size_t i = 0; i < zones->count; i++) {
		struct isb_zone_edit *zone = zones->edits[i];
		const struct isb_node *root = isb_names_commit(zone->edit, &garbage);
		keep_garbage(old, garbage);
		put_zone(tree, zone->apex, zone->apex_len, new_zone_view(zone, root));
		if (zone->old)
			keep_dead_zone(old, zone->old);
	}
	struct leavers leavers = {.zones = zones, .tree = tree};
	if (zones->old)
		isb_names_walk(zones->old->zones, drop_if_gone, &leavers);
	view->zones = isb_names_commit(tree, &garbage);
	for (size_t i = 0; i < zones->nkept; i++)
		isb_apex_labels_add(view->apex_labels, isb_dname_labels(zones->apex[i]));
	keep_garbage(old, garbage);
	if (old)
		old->superseded = true;
	done(zones);
}

void isb_zones_abort(struct isb_zones *zones)
{
	for (size_t i = 0; i < zones->count; i++)
		isb_names_abort(zones->edits[i]->edit);
	done(zones);
}
