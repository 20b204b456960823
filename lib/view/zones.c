/* SPDX-License-Identifier: Apache-2.0 */
#include "zones.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/store/catalogdb.h"
#include "own.h"

/* Exact zone of a view, or NULL. */
static struct isb_zone_view *zone_of(const struct isb_view *view, const uint8_t *apex)
{
	return isb_view_zone(view, apex, isb_dname_len(apex));
}

static void *append(void *array, size_t count, size_t size)
{
	/* room for one more; grown by doubling at powers of two */
	return count & (count - 1) ? array : isb_xrealloc(array, (count ? count * 2 : 1) * size);
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

/* --- Whole names of the old view, whose table the new one may go on with -------------------------------------------- */

static struct isb_exact_table *exact_of(const struct isb_zones *zones)
{
	return zones->old ? zones->old->own->exact : NULL;
}

static void edit_name(const struct isb_zones *zones, const uint8_t *owner)
{
	uint8_t lower[ISB_DNAME_MAX];
	size_t len = isb_dname_lower(owner, lower);
	if (exact_of(zones))
		isb_exact_table_edit(exact_of(zones), lower, len);
}

/* A delegation or a DNAME that comes hides what is below it. What one uncovers that goes is in no table. */
static void edit_set(const struct isb_zones *zones, const struct isb_zone_edit *zone, const uint8_t *relative_name,
                     const uint8_t *owner, uint16_t type, bool put)
{
	uint8_t border = type == ISB_NS && relative_name[0] ? ISB_NODE_CUT : type == ISB_DNAME ? ISB_NODE_DNAME : 0;
	const struct isb_node *node = put && border ? isb_names_find(zone->edit, relative_name) : NULL;
	uint8_t lower[ISB_DNAME_MAX];
	edit_name(zones, owner);
	if (!node || node->flags & border || !exact_of(zones))
		return;
	isb_dname_lower(owner, lower);
	isb_exact_table_edit_all(exact_of(zones), lower, node);
}

/* So does a zone that comes with what other zones have below its apex. */
static void edit_newcomer(const struct isb_zones *zones, const struct isb_zone_edit *zone)
{
	static const uint8_t top[1] = {0};
	const uint8_t *label[ISB_LABELS_MAX];
	unsigned labels = isb_dname_split(zone->apex, label);
	const struct isb_zone_view *above = NULL;
	size_t nodes, bytes;
	for (unsigned up = 1; !above && up <= labels; up++)
		above = zone_of(zones->old, isb_dname_up(zone->apex, up));
	const struct isb_node *node = above ? above->root : NULL;
	for (unsigned i = above ? above->labels : 0; node && i < labels; i++)
		node = isb_node_child(node, label[i]);
	if (node)
		isb_exact_table_edit_all(exact_of(zones), zone->apex, node);
	isb_names_measure(isb_names_find(zone->edit, top), &nodes, &bytes);
	exact_of(zones)->edits += nodes;
}

/* --- What changed since the old view ------------------------------------------------------------------------------- */

/* An old zone as the new view has it, or NULL when it leaves. */
static struct isb_zone_view *find_kept(const struct isb_zones *zones, const uint8_t *apex)
{
	uint32_t at;
	if (!zones->old || isb_map_get(&zones->gone_at, apex, isb_dname_len(apex), &at))
		return NULL;
	return zone_of(zones->old, apex);
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
		struct isb_zone_view *old = find_kept(zones, apex);
		if (!old)
			return 0;
		zone = begin_edit(zones, apex, old);
	}
	const struct isb_rrset *set = NULL;
	int rc = isb_rrset_get(zones->txn, apex, owner, type, &set);
	if (rc != ISB_OK && rc != ISB_ENOTFOUND)
		return rc;
	relative(zone, owner, name);
	edit_set(zones, zone, name, owner, type, set);
	isb_names_put(zone->edit, name, type, set);
	return 0;
}

static int replay_entry(void *arg, const struct isb_journal_entry *entry)
{
	struct isb_zones *zones = arg;
	return isb_journal_changes(zones->txn, entry->generation, zones->each, zones);
}

static int read_set(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	struct isb_zone_edit *zone = arg;
	uint8_t name[ISB_DNAME_MAX];
	relative(zone, owner, name);
	isb_names_put(zone->edit, name, set->type, set);
	return 0;
}

/* --- Zones that come and go ---------------------------------------------------------------------------------------- */

static int read_zone(void *arg, const char *name, const char *body)
{
	struct isb_zones *zones = arg;
	uint8_t apex[ISB_DNAME_MAX];
	const char *row = isb_arena_printf(zones->arena, "%s/%s", isb_kind_name(ISB_ZONE), name);
	(void)body; /* a zone is its rrsets and records */
	if (isb_dname_parse(name, NULL, apex) < 0) {
		isb_diag(zones->diags, (struct isb_mark){.file = row}, "'%s' is not a domain name", name);
		return ISB_EINVAL;
	}
	isb_dname_lower(apex, apex);
	struct isb_zone_edit *zone = begin_edit(zones, apex, NULL);
	zone->mark.file = row;
	return isb_rrset_each(zones->txn, zone->apex, read_set, zone);
}

static int look_for_leaver(void *arg, const struct isb_change *change)
{
	struct isb_zones *zones = arg;
	enum isb_kind kind;
	const char *name, *body;
	uint8_t apex[ISB_DNAME_MAX];
	if (isb_change_object(change, &kind, &name) != ISB_OK || kind != ISB_ZONE || change->after.len ||
	    isb_object_get(zones->txn, kind, name, &body) == ISB_OK || isb_dname_parse(name, NULL, apex) < 0)
		return ISB_OK;
	isb_dname_lower(apex, apex);
	struct isb_zone_view *old = find_kept(zones, apex);
	if (old) { /* and not noted before */
		isb_map_put(&zones->gone_at, old->apex, old->apex_len, (uint32_t)zones->ngone);
		zones->gone = append(zones->gone, zones->ngone, sizeof(*zones->gone));
		zones->gone[zones->ngone++] = old;
		isb_exact_table_leave(exact_of(zones), old);
	}
	return ISB_OK;
}

static int look_for_newcomer(void *arg, const struct isb_change *change)
{
	struct isb_zones *zones = arg;
	enum isb_kind kind;
	const char *name, *body;
	uint8_t apex[ISB_DNAME_MAX];
	if (isb_change_object(change, &kind, &name) != ISB_OK || kind != ISB_ZONE ||
	    isb_object_get(zones->txn, kind, name, &body) != ISB_OK || isb_dname_parse(name, NULL, apex) < 0)
		return ISB_OK;
	isb_dname_lower(apex, apex);
	if (zone_of(zones->old, apex) || find_edit(zones, apex))
		return ISB_OK;
	int rc = read_zone(zones, name, body);
	if (rc == ISB_OK)
		edit_newcomer(zones, find_edit(zones, apex));
	return rc;
}

static int each_change(struct isb_zones *zones, int (*each)(void *arg, const struct isb_change *change))
{
	zones->each = each;
	return isb_journal_each(zones->txn, zones->old->generation + 1, replay_entry, zones);
}

int isb_zones_begin(struct isb_zones *zones, struct isb_diags *diags)
{
	size_t before = diags->count + diags->dropped;
	int rc;
	zones->diags = diags;
	if (!zones->old) {
		rc = isb_object_each(zones->txn, ISB_ZONE, read_zone, zones);
	} else { /* rrsets are replayed where both views have the zone; new ones are read whole */
		rc = each_change(zones, look_for_leaver);
		if (rc == ISB_OK)
			rc = each_change(zones, replay_change);
		if (rc == ISB_OK)
			rc = each_change(zones, look_for_newcomer);
	}
	if (rc != ISB_OK && diags->count + diags->dropped == before)
		isb_diag(diags, (struct isb_mark){0}, "cannot read %s from the store: %s", zones->old ? "the journal" : "the zones",
		         isb_strerror(rc));
	return rc;
}

void isb_zones_put_record(struct isb_zones *zones, const uint8_t *apex, const uint8_t *owner, uint32_t number)
{
	struct isb_zone_edit *zone = find_edit(zones, apex);
	if (!zone) {
		struct isb_zone_view *old = find_kept(zones, apex);
		if (!old)
			return; /* the whole zone goes, and its records with it */
		zone = begin_edit(zones, apex, old);
	}
	uint8_t name[ISB_DNAME_MAX];
	relative(zone, owner, name);
	edit_name(zones, owner);
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
	struct isb_zone_view *view = isb_xcalloc(1, sizeof(*view) + zone->apex_len);
	memcpy(view->apex, zone->apex, zone->apex_len);
	view->apex_len = (uint8_t)zone->apex_len;
	view->labels = (uint8_t)isb_dname_labels(zone->apex);
	view->root = root;
	isb_zone_view_set_soa(view);
	return view;
}

static void put_zone(struct isb_names_edit *tree, const uint8_t *apex, size_t len, struct isb_zone_view *zone)
{
	uint8_t key[2 + ISB_DNAME_MAX];
	isb_apex_key(apex, len, key);
	isb_names_put_payload(tree, key, zone);
}

static void done(struct isb_zones *zones)
{
	isb_map_done(&zones->by_apex);
	isb_map_done(&zones->gone_at);
	free(zones->edits);
	free(zones->gone);
}

void isb_zones_commit(struct isb_zones *zones, struct isb_view *view)
{
	struct isb_view_own *old = zones->old ? zones->old->own : NULL;
	struct isb_names_edit *tree = isb_names_edit_new(zones->old ? zones->old->zones : NULL);
	struct isb_garbage *garbage;
	uint32_t *apexes = view->own->apexes;
	if (old)
		memcpy(apexes, old->apexes, sizeof(old->apexes));
	view->nzone = (zones->old ? zones->old->nzone : 0) - zones->ngone;
	for (size_t i = 0; i < zones->count; i++) {
		struct isb_zone_edit *zone = zones->edits[i];
		const struct isb_node *root = isb_names_commit(zone->edit, &garbage);
		keep_garbage(old, garbage);
		put_zone(tree, zone->apex, zone->apex_len, new_zone_view(zone, root));
		if (zone->old) {
			keep_dead_zone(old, zone->old);
		} else {
			view->nzone++;
			apexes[isb_dname_labels(zone->apex)]++;
		}
	}
	for (size_t i = 0; i < zones->ngone; i++) {
		struct isb_zone_view *zone = zones->gone[i];
		put_zone(tree, zone->apex, zone->apex_len, NULL);
		apexes[zone->labels]--;
		old->dead_roots = append(old->dead_roots, old->ndead_root, sizeof(*old->dead_roots));
		old->dead_roots[old->ndead_root++] = zone->root;
		keep_dead_zone(old, zone);
	}
	view->zones = isb_names_commit(tree, &garbage);
	for (unsigned labels = 0; labels <= ISB_LABELS_MAX; labels++)
		if (apexes[labels])
			isb_apex_labels_add(view->apex_labels, labels);
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
