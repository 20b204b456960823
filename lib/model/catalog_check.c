/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "catalog_graph.h"
#include "catalog_knobs.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"

/* What the schema cannot see because it looks at one object at a time. */

/* --- Names that must be there --- */

static size_t add_names(const struct isb_catalog *catalog, enum isb_kind kind, const char **words, size_t at)
{
	for (size_t i = 0; i < isb_catalog_count(catalog, kind); i++)
		words[at++] = ((const struct isb_region *)isb_catalog_at(catalog, kind, i))->name;
	return at;
}

/* `other` may be the same kind. */
static void say_unknown(struct isb_graph *g, const struct isb_ref *ref, const char *what, enum isb_kind kind,
                        enum isb_kind other)
{
	char shown[ISB_YAML_EXCERPT];
	const struct isb_catalog *c = g->catalog;
	size_t n = isb_catalog_count(c, kind) + isb_catalog_count(c, other);
	const char **words = isb_xmalloc((n + 1) * sizeof(*words));
	n = add_names(c, kind, words, 0);
	if (other != kind)
		n = add_names(c, other, words, n);
	words[n] = NULL;
	const char *near = g->diags->dropped ? NULL : isb_nearest(ref->name, words);
	isb_diag(g->diags, ref->mark, "unknown %s '%s'%s%s%s", what, isb_yaml_excerpt(ref->name, shown),
	         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	free(words);
}

static void check_target(struct isb_graph *g, const struct isb_ref *ref)
{
	if (ref->name && !isb_catalog_pool(g->catalog, ref->name) && !isb_catalog_policy(g->catalog, ref->name))
		say_unknown(g, ref, "pool or policy", ISB_POOL, ISB_POLICY);
}

/* --- Pools --- */

static bool looks_at_places(enum isb_order_id order)
{
	return order == ISB_ORDER_NEAREST || order == ISB_ORDER_LATENCY;
}

static void check_endpoint(struct isb_graph *g, const struct isb_pool *pool, const struct isb_endpoint *e)
{
	if (e->region.name && !isb_catalog_region(g->catalog, e->region.name))
		say_unknown(g, &e->region, "region", ISB_REGION, ISB_REGION);
	if (!e->naddress && !e->host && !e->texts.count)
		isb_diag(g->diags, e->mark,
		         "endpoint '%s/%s' has nothing to answer with; give it an 'address', a 'host' or a 'text'",
		         pool->name, e->name);
	if (e->no_default_alpn && !e->alpn.count)
		isb_diag(g->diags, e->mark, "endpoint '%s/%s' has 'no_default_alpn' without 'alpn', so that it would speak nothing",
		         pool->name, e->name);
	if (!e->region.name && looks_at_places(pool->order))
		isb_diag(g->diags, e->mark, "endpoint '%s/%s' needs a 'region', because its pool has order %s",
		         pool->name, e->name, isb_order_words[pool->order]);
}

static void check_pool(struct isb_graph *g, const struct isb_pool *pool)
{
	if (pool->check.name && !isb_catalog_check_named(g->catalog, pool->check.name))
		say_unknown(g, &pool->check, "check", ISB_CHECK, ISB_CHECK);
	if (pool->feed.name && !isb_catalog_check_named(g->catalog, pool->feed.name))
		say_unknown(g, &pool->feed, "check", ISB_CHECK, ISB_CHECK);
	if (pool->order == ISB_ORDER_GEO)
		isb_diag(g->diags, pool->mark,
		         "pool '%s' cannot have order geo; put it under a policy with 'order: geo'", pool->name);
	if (isb_catalog_policy(g->catalog, pool->name))
		isb_diag(g->diags, pool->mark, "'%s' is both a pool and a policy; rename one of them", pool->name);
	if (pool->nendpoint > ISB_CHILD_MAX)
		isb_diag(g->diags, pool->mark, "pool '%s' has %zu endpoints; at most %d: split it into pools under a policy",
		         pool->name, pool->nendpoint, ISB_CHILD_MAX);
	if (pool->nendpoint && !pool->min_up.percent && pool->min_up.n > pool->nendpoint)
		isb_diag(g->diags, pool->mark, "pool '%s' can never answer: 'min_up' is %u and it has %zu endpoint%s",
		         pool->name, pool->min_up.n, pool->nendpoint, pool->nendpoint == 1 ? "" : "s");
	isb_check_pool_knobs(g, pool);
	for (size_t i = 0; i < pool->nendpoint; i++)
		check_endpoint(g, pool, &pool->endpoints[i]);
}

/* --- Policies --- */

static struct isb_mark mark_of(const struct isb_policy_child *child)
{
	return child->node ? child->node->mark : child->use.mark;
}

static bool matches_something(const struct isb_geo_match *m)
{
	return m->nnet || m->nasn || m->cities.count || m->subdivisions.count || m->countries.count ||
	       m->continents.count || m->is_default;
}

static void check_rules(struct isb_graph *g, const struct isb_policy *policy, const struct isb_policy_node *node)
{
	bool had_default = false;
	for (size_t i = 0; i < node->nchild; i++) {
		const struct isb_geo_match *m = &node->children[i].match;
		struct isb_mark at = mark_of(&node->children[i]);
		if (!matches_something(m))
			isb_diag(g->diags, at,
			         "rule %zu of policy '%s' matches nothing; say which 'country', 'continent' or 'nets' "
			         "it is for, or 'default: true'", i + 1, policy->name);
		if (m->is_default && had_default)
			isb_diag(g->diags, at,
			         "rule %zu of policy '%s' is never reached: an earlier rule is the default", i + 1,
			         policy->name);
		had_default |= m->is_default;
	}
}

static void check_node(struct isb_graph *g, const struct isb_policy *policy, const struct isb_policy_node *node)
{
	if (!node->nchild)
		isb_diag(g->diags, node->mark, "policy '%s' has no children; give it %s", policy->name,
		         node->order == ISB_ORDER_GEO ? "'rules'" : "'of' with pools or policies");
	if (node->nchild > ISB_CHILD_MAX)
		isb_diag(g->diags, node->mark, "policy '%s' has %zu children in one place; at most %d", policy->name,
		         node->nchild, ISB_CHILD_MAX);
	if (node->order == ISB_ORDER_GEO)
		check_rules(g, policy, node);
	isb_check_node_knobs(g, policy, node);
	for (size_t i = 0; i < node->nchild; i++) {
		const struct isb_policy_child *child = &node->children[i];
		if (looks_at_places(node->order) && !isb_graph_placed(g, child))
			isb_diag(g->diags, mark_of(child),
			         "child %zu of policy '%s' lies nowhere: order %s needs a 'region' on an endpoint "
			         "below it", i + 1, policy->name, isb_order_words[node->order]);
		if (child->node)
			check_node(g, policy, child->node);
		else
			check_target(g, &child->use);
	}
}

/* --- Records --- */

struct claim {
	const uint8_t *owner; /* absolute, lower case */
	const struct isb_record *record;
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int c = isb_dname_compare(x->owner, y->owner);
	return c ? c : (x->record > y->record) - (x->record < y->record);
}

/* A name is steered by one record, for all the types it lists. Records of one owner stand side by side once sorted. */
static void check_claims(struct isb_graph *g, struct claim *claims, size_t count)
{
	qsort(claims, count, sizeof(*claims), compare_claims);
	for (size_t i = 1; i < count; i++) {
		const struct isb_record *first = claims[i - 1].record, *second = claims[i].record;
		if (!isb_dname_equal(claims[i - 1].owner, claims[i].owner))
			continue;
		if (strcmp(first->owner, second->owner) == 0)
			isb_diag(g->diags, second->mark, "record '%s' is declared twice; first in line %u", second->owner,
			         first->mark.line);
		else
			isb_diag(g->diags, second->mark,
			         "record '%s' is the same name as record '%s' in line %u; write one record with all types",
			         second->owner, first->owner, first->mark.line);
	}
}

/* What a type is made of, and so every endpoint that its records lead to must have. SVCB and HTTPS can do without a
 * host: the target is then the owner itself (RFC 9460 §2.5.2), unless the record is an alias. */
static const struct need {
	uint16_t type;
	const char *word;
	bool host, port, text;
} needs[] = {
	{ISB_ALIAS, "ALIAS", .host = true}, {ISB_CNAME, "CNAME", .host = true}, {ISB_MX, "MX", .host = true},
	{ISB_SRV, "SRV", .host = true, .port = true}, {ISB_TXT, "TXT", .text = true},
	{ISB_SVCB, "SVCB", .host = false}, {ISB_HTTPS, "HTTPS", .host = false},
};
enum { NEED_ANY = ISB_LEN(needs) }; /* every record needs an endpoint at all */
_Static_assert(ISB_LEN(needs) < ISB_NEEDS, "a sort of need per type, and one of all");

static const char *missing(const struct need *need, const struct isb_endpoint *e)
{
	bool alias = (need->type == ISB_SVCB || need->type == ISB_HTTPS) && e->priority == 0;
	if ((need->host || alias) && !e->host)
		return "host";
	if (need->port && !e->port)
		return "port";
	return need->text && !e->texts.count ? "text" : NULL;
}

static void check_needs(struct isb_graph *g, size_t at)
{
	const struct isb_pool *pool = &g->catalog->pools[at];
	const struct isb_need *any = &g->pools[at].need[NEED_ANY];
	if (any->record && !pool->nendpoint)
		isb_diag(g->diags, pool->mark,
		         "pool '%s' has no endpoints, and record '%s' of zone '%s' is steered by it; add an endpoint, or take "
		         "the record away", pool->name, any->record->owner, any->zone->name);
	for (size_t n = 0; n < ISB_LEN(needs); n++) {
		const struct isb_need *from = &g->pools[at].need[n];
		for (size_t k = 0; from->record && k < pool->nendpoint; k++) {
			const struct isb_endpoint *e = &pool->endpoints[k];
			const char *lacks = missing(&needs[n], e);
			if (lacks)
				isb_diag(g->diags, e->mark, "endpoint '%s/%s' has no '%s', which %s record '%s' of zone '%s' needs",
				         pool->name, e->name, lacks, needs[n].word, from->record->owner, from->zone->name);
		}
	}
}

bool isb_record_has(const struct isb_record *record, uint16_t type)
{
	for (size_t i = 0; i < record->ntype; i++)
		if (record->types[i] == type)
			return true;
	return false;
}

static void check_types(struct isb_graph *g, const struct isb_zone *zone, const struct isb_record *record, bool apex)
{
	bool address = isb_record_has(record, ISB_A) || isb_record_has(record, ISB_AAAA);
	if (isb_record_has(record, ISB_CNAME) && apex)
		isb_diag(g->diags, record->mark,
		         "record '%s' is the apex of zone '%s', which has other data, so it cannot be a CNAME; use ALIAS",
		         record->owner, zone->name);
	if (isb_record_has(record, ISB_CNAME) && record->ntype > 1)
		isb_diag(g->diags, record->mark, "record '%s' has CNAME beside other types; a CNAME stands alone", record->owner);
	else if (isb_record_has(record, ISB_ALIAS) && address)
		isb_diag(g->diags, record->mark,
		         "record '%s' has ALIAS beside %s; ALIAS answers both A and AAAA, so take one of them away",
		         record->owner, isb_record_has(record, ISB_A) ? "A" : "AAAA");
	isb_graph_need(g, NEED_ANY, zone, record);
	for (size_t n = 0; n < ISB_LEN(needs); n++)
		if (isb_record_has(record, needs[n].type))
			isb_graph_need(g, (unsigned)n, zone, record);
}

static void check_zone(struct isb_graph *g, const struct isb_zone *zone)
{
	uint8_t origin[ISB_DNAME_MAX], parsed[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	struct claim *claims = isb_xmalloc(zone->nrecord * sizeof(*claims));
	size_t count = 0;
	if (isb_dname_parse(zone->name, NULL, origin) < 0) {
		isb_diag(g->diags, zone->mark, "zone '%s' is no domain name", zone->name);
		free(claims);
		return;
	}
	for (size_t i = 0; i < zone->nrecord; i++) {
		const struct isb_record *record = &zone->records[i];
		check_target(g, &record->policy);
		if (isb_dname_parse(record->owner, origin, parsed) < 0 || !isb_dname_under(parsed, origin)) {
			isb_diag(g->diags, record->mark,
			         "record '%s' lies outside zone '%s'; write the owner relative to it", record->owner,
			         zone->name);
			continue;
		}
		check_types(g, zone, record, isb_dname_equal(parsed, origin));
		size_t len = isb_dname_lower(parsed, owner);
		claims[count++] = (struct claim){isb_arena_memdup(&g->arena, owner, len), record};
	}
	check_claims(g, claims, count);
	free(claims);
}

int isb_catalog_check(const struct isb_catalog *catalog, struct isb_diags *diags)
{
	struct isb_graph g;
	size_t before = diags->count + diags->dropped;
	isb_graph_init(&g, catalog, diags);
	for (size_t i = 0; i < catalog->npool; i++)
		check_pool(&g, &catalog->pools[i]);
	isb_graph_walk(&g);
	for (size_t i = 0; i < catalog->npolicy; i++)
		check_node(&g, &catalog->policies[i], catalog->policies[i].root);
	for (size_t i = 0; i < catalog->nzone; i++)
		check_zone(&g, &catalog->zones[i]);
	for (size_t i = 0; i < catalog->npool; i++)
		check_needs(&g, i);
	isb_graph_done(&g);
	return diags->count + diags->dropped == before ? ISB_OK : ISB_EINVAL;
}
