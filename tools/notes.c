/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/map.h"
#include "isobar/model/dname.h"

/* What is no error, since a catalog may be on its way, but is hardly meant: steered records that are never asked for or
 * answer by half, hosts of our own that are not there, names that lead back to themselves. */

enum { WAY_MAX = 64 }; /* names that are followed from one record */

/* What the zone itself has at one name. */
struct place {
	bool any, cut, dname;
	const uint8_t *cname; /* its target, lower case; NULL: there is none */
};

struct owned {
	const struct isb_zone *zone;
	const struct isb_record *record;
	const uint8_t *apex, *owner; /* lower case */
};

struct notes {
	const struct isb_catalog *catalog;
	struct isb_txn *txn;  /* the zones are in the store, or, NULL: */
	struct place *places; /* those of the files */
	struct isb_map by_name, by_owner;
	struct owned *owned;
	size_t count;
	bool *told; /* pools whose hosts were looked at */
	struct isb_arena arena;
	struct isb_diags *diags;
};

/* --- What is there --- */

static void add_set(struct notes *n, struct place *place, const uint8_t *apex, const uint8_t *owner,
                    const struct isb_rrset *set)
{
	uint8_t target[ISB_DNAME_MAX];
	place->any = true;
	place->cut |= set->type == ISB_NS && !isb_dname_equal(owner, apex);
	place->dname |= set->type == ISB_DNAME;
	if (set->type == ISB_CNAME && set->count) /* the set may not outlive the call; the name is behind its length */
		place->cname = isb_arena_memdup(&n->arena, target, isb_dname_lower(set->rdata + 2, target));
}

struct looking {
	struct notes *n;
	struct place place;
	const uint8_t *apex;
};

static int see(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	struct looking *l = arg;
	add_set(l->n, &l->place, l->apex, owner, set);
	return 0;
}

static struct place place_of(struct notes *n, const uint8_t *apex, const uint8_t *owner)
{
	struct looking l = {.n = n, .apex = apex};
	uint32_t at;
	if (n->txn)
		isb_rrset_each_at(n->txn, apex, owner, false, see, &l);
	else if (isb_map_get(&n->by_name, owner, isb_dname_len(owner), &at))
		l.place = n->places[at];
	return l.place;
}

static const struct owned *owned_at(const struct notes *n, const uint8_t *owner)
{
	uint32_t at;
	return isb_map_get(&n->by_owner, owner, isb_dname_len(owner), &at) ? &n->owned[at] : NULL;
}

static bool has_any(struct notes *n, const uint8_t *apex, const uint8_t *owner)
{
	return owned_at(n, owner) || place_of(n, apex, owner).any;
}

static bool has_wildcard(struct notes *n, const uint8_t *apex, const uint8_t *above)
{
	uint8_t wild[2 + ISB_DNAME_MAX] = {1, '*'};
	memcpy(wild + 2, above, isb_dname_len(above));
	return isb_dname_len(wild) <= ISB_DNAME_MAX && has_any(n, apex, wild);
}

/* The delegation or DNAME that hides a name, or NULL. */
static const uint8_t *hidden_by(struct notes *n, const uint8_t *apex, const uint8_t *owner, bool *ret_dname)
{
	for (const uint8_t *name = owner;; name = isb_dname_up(name, 1)) {
		struct place place = place_of(n, apex, name);
		*ret_dname = !place.cut;
		if (place.cut || (place.dname && name != owner))
			return name;
		if (isb_dname_equal(name, apex))
			return NULL;
	}
}

static bool exists(struct notes *n, const uint8_t *apex, const uint8_t *name)
{
	bool dname;
	if (has_any(n, apex, name) || hidden_by(n, apex, name, &dname))
		return true;
	while (!isb_dname_equal(name, apex)) {
		name = isb_dname_up(name, 1);
		if (has_wildcard(n, apex, name))
			return true;
	}
	return false;
}

/* --- Records at their names --- */

static void note_way(struct notes *n, const struct owned *o)
{
	const struct isb_record *r = o->record;
	char text[ISB_DNAME_TEXT];
	bool dname;
	const struct isb_zone *deepest = isb_catalog_zone_of(n->catalog, isb_dname_print_bare(o->owner, text));
	if (deepest != o->zone) {
		isb_diag(n->diags, r->mark,
		         "record '%s' of zone '%s' never answers: its name lies in zone '%s', which is here too", r->owner, o->zone->name, deepest->name);
		return;
	}
	const uint8_t *by = hidden_by(n, o->apex, o->owner, &dname);
	if (by)
		isb_diag(n->diags, r->mark, "record '%s' of zone '%s' never answers: %s %s", r->owner, o->zone->name,
		         isb_dname_print_bare(by, text), dname ? "has a DNAME, which leads all names below it elsewhere"
		                                               : "is delegated to other name servers");
}

static void note_cname(struct notes *n, const struct owned *o)
{
	const struct isb_record *r = o->record;
	bool both = isb_record_has(r, ISB_A) && isb_record_has(r, ISB_AAAA);
	if (both || isb_record_has(r, ISB_ALIAS) || isb_record_has(r, ISB_CNAME) || !place_of(n, o->apex, o->owner).cname)
		return;
	isb_diag(n->diags, r->mark,
	         "record '%s' of zone '%s' lies over a CNAME of that name, which answers all types that the record does not "
	         "list; list both A and AAAA, or take the CNAME away", r->owner, o->zone->name);
}

/* --- Where records lead --- */

struct visit {
	struct notes *n;
	void (*each)(struct visit *v, const struct isb_pool *pool);
	const struct owned *from;
	const uint8_t *way[WAY_MAX]; /* names met */
	size_t count, at;
	const uint8_t *back; /* the name that leads back to the first; NULL: none does */
};

/* Loops and depth are the catalog check's business, which went before. */
static void visit_use(struct visit *v, const char *name);
static void visit_node(struct visit *v, const struct isb_policy_node *node)
{
	for (size_t i = 0; i < node->nchild; i++)
		if (node->children[i].node)
			visit_node(v, node->children[i].node);
		else
			visit_use(v, node->children[i].use.name);
}

static void visit_use(struct visit *v, const char *name)
{
	const struct isb_pool *pool = isb_catalog_pool(v->n->catalog, name);
	const struct isb_policy *policy = isb_catalog_policy(v->n->catalog, name);
	if (pool)
		v->each(v, pool);
	else if (policy)
		visit_node(v, policy->root);
}

static bool leads_to_hosts(const struct isb_record *r)
{
	static const uint16_t types[] = {ISB_ALIAS, ISB_CNAME, ISB_HTTPS, ISB_MX, ISB_SRV, ISB_SVCB};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (isb_record_has(r, types[i]))
			return true;
	return false;
}

static void note_host(struct visit *v, const struct isb_pool *pool, const struct isb_endpoint *e)
{
	const struct isb_record *r = v->from->record;
	const struct isb_zone *zone = isb_catalog_zone_of(v->n->catalog, e->host);
	char text[ISB_DNAME_TEXT];
	uint8_t name[ISB_DNAME_MAX], apex[ISB_DNAME_MAX];
	if (!isb_host_normal(e->host, text) || isb_dname_parse(e->host, NULL, name) < 0)
		return;
	isb_dname_lower(name, name);
	if (isb_dname_labels(name) == 1)
		isb_diag(v->n->diags, e->mark,
		         "host '%s' of endpoint '%s/%s', for record '%s' of zone '%s', is a single label; hosts are written in "
		         "full, such as '%s.%s'",
		         e->host, pool->name, e->name, r->owner, v->from->zone->name, text, v->from->zone->name);
	if (!zone || isb_dname_parse(zone->name, NULL, apex) < 0)
		return;
	isb_dname_lower(apex, apex);
	if (!exists(v->n, apex, name))
		isb_diag(v->n->diags, e->mark,
		         "host '%s' of endpoint '%s/%s', for record '%s' of zone '%s', lies in zone '%s', which is here and has "
		         "no such name", e->host, pool->name, e->name, r->owner, v->from->zone->name, zone->name);
}

static void note_hosts(struct visit *v, const struct isb_pool *pool)
{
	bool *told = &v->n->told[pool - v->n->catalog->pools];
	for (size_t i = 0; !*told && i < pool->nendpoint; i++)
		if (pool->endpoints[i].host)
			note_host(v, pool, &pool->endpoints[i]);
	*told = true;
}

/* --- Loops --- */

static void add_name(struct visit *v, const uint8_t *name)
{
	uint8_t lower[ISB_DNAME_MAX];
	size_t len = isb_dname_lower(name, lower);
	if (isb_dname_equal(lower, v->from->owner)) {
		v->back = v->way[v->at];
		return;
	}
	for (size_t i = 0; i < v->count; i++)
		if (isb_dname_equal(v->way[i], lower))
			return;
	if (v->count < WAY_MAX)
		v->way[v->count++] = isb_arena_memdup(&v->n->arena, lower, len);
}

static void add_hosts(struct visit *v, const struct isb_pool *pool)
{
	uint8_t name[ISB_DNAME_MAX];
	for (size_t i = 0; i < pool->nendpoint; i++)
		if (pool->endpoints[i].host && isb_dname_parse(pool->endpoints[i].host, NULL, name) >= 0)
			add_name(v, name);
}

static void follow(struct visit *v)
{
	char text[ISB_DNAME_TEXT];
	uint8_t apex[ISB_DNAME_MAX];
	const struct owned *o = owned_at(v->n, v->way[v->at]);
	if (o) {
		if (isb_record_has(o->record, ISB_CNAME) || isb_record_has(o->record, ISB_ALIAS))
			visit_use(v, o->record->policy.name);
		return;
	}
	const struct isb_zone *zone = isb_catalog_zone_of(v->n->catalog, isb_dname_print_bare(v->way[v->at], text));
	if (!zone || isb_dname_parse(zone->name, NULL, apex) < 0)
		return;
	isb_dname_lower(apex, apex);
	struct place place = place_of(v->n, apex, v->way[v->at]);
	if (place.cname)
		add_name(v, place.cname);
}

static void note_loop(struct notes *n, const struct owned *o)
{
	struct visit v = {.n = n, .each = add_hosts, .from = o, .way = {o->owner}, .count = 1};
	char text[ISB_DNAME_TEXT];
	if (!isb_record_has(o->record, ISB_CNAME) && !isb_record_has(o->record, ISB_ALIAS))
		return;
	for (; v.at < v.count && !v.back; v.at++)
		follow(&v);
	if (v.back)
		isb_diag(n->diags, o->record->mark,
		         "record '%s' of zone '%s' can lead back to itself, by '%s': no address comes of that", o->record->owner,
		         o->zone->name, isb_dname_print_bare(v.back, text));
}

/* --- All of it --- */

static void add_owned(struct notes *n, const struct isb_zone *zone)
{
	uint8_t apex[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	if (isb_dname_parse(zone->name, NULL, apex) < 0)
		return;
	const uint8_t *kept = isb_arena_memdup(&n->arena, apex, isb_dname_lower(apex, apex));
	for (size_t k = 0; k < zone->nrecord; k++) {
		if (isb_dname_parse(zone->records[k].owner, apex, owner) < 0)
			continue;
		size_t len = isb_dname_lower(owner, owner);
		const uint8_t *name = isb_arena_memdup(&n->arena, owner, len);
		isb_map_put(&n->by_owner, name, len, (uint32_t)n->count);
		n->owned[n->count++] = (struct owned){zone, &zone->records[k], kept, name};
	}
}

static void note_all(struct notes *n)
{
	size_t total = 0;
	for (size_t i = 0; i < n->catalog->nzone; i++)
		total += n->catalog->zones[i].nrecord;
	n->owned = isb_xcalloc(total, sizeof(*n->owned));
	n->told = isb_xcalloc(n->catalog->npool, sizeof(*n->told));
	for (size_t i = 0; i < n->catalog->nzone; i++)
		add_owned(n, &n->catalog->zones[i]);
	for (size_t i = 0; i < n->count; i++) {
		const struct owned *o = &n->owned[i];
		note_way(n, o);
		note_cname(n, o);
		if (leads_to_hosts(o->record))
			visit_use(&(struct visit){.n = n, .each = note_hosts, .from = o}, o->record->policy.name);
		note_loop(n, o);
	}
	isb_map_done(&n->by_name);
	isb_map_done(&n->by_owner);
	free(n->owned);
	free(n->places);
	free(n->told);
	isb_arena_done(&n->arena);
}

void cli_check_notes(struct isb_txn *txn, const struct isb_catalog *catalog, struct isb_diags *notes)
{
	struct notes n = {.catalog = catalog, .txn = txn, .diags = notes};
	note_all(&n);
}

void cli_wanted_notes(const struct cli_wanted *w, struct isb_diags *notes)
{
	struct notes n = {.catalog = &w->catalog, .diags = notes};
	size_t total = 0, count = 0;
	for (size_t i = 0; i < w->nzone; i++)
		total += w->zones[i].data.count;
	n.places = isb_xcalloc(total, sizeof(*n.places));
	for (size_t i = 0; i < w->nzone; i++)
		for (size_t k = 0; k < w->zones[i].data.count; k++) {
			const struct isb_zonedata_set *set = &w->zones[i].data.sets[k];
			size_t len = isb_dname_len(set->owner);
			uint32_t at;
			if (!isb_map_get(&n.by_name, set->owner, len, &at)) {
				at = (uint32_t)count++;
				isb_map_put(&n.by_name, set->owner, len, at);
			}
			add_set(&n, &n.places[at], w->zones[i].apex, set->owner, set->set);
		}
	note_all(&n);
}
