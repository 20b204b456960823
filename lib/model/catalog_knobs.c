/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_knobs.h"

#include <string.h>

enum { IPV4_BITS = 24, IPV6_BITS = 56 }; /* the schema's defaults; 0 in what was never read */

static bool has_lengths(const struct isb_hash *hash)
{
	return (hash->ipv4 && hash->ipv4 != IPV4_BITS) || (hash->ipv6 && hash->ipv6 != IPV6_BITS);
}

/* `what` is the object for people: "pool 'x'". */
static void check_hash(struct isb_graph *g, struct isb_mark at, const char *what, enum isb_order_id order,
                       const struct isb_hash *hash)
{
	bool given = hash->by != ISB_HASH_NETWORK || hash->seed || has_lengths(hash);
	if (given && order != ISB_ORDER_HASH)
		isb_diag(g->diags, at, "%s has order %s, and 'hash' means something under order hash only; leave it out",
		         what, isb_order_words[order]);
	else if (hash->by == ISB_HASH_NAME && has_lengths(hash))
		isb_diag(g->diags, at, "%s hashes by name, where 'hash.ipv4' and 'hash.ipv6' mean nothing; leave them out",
		         what);
}

static void check_trickle(struct isb_graph *g, struct isb_mark at, const char *what, enum isb_order_id order,
                          unsigned trickle, bool has_next)
{
	if (trickle && order != ISB_ORDER_FAILOVER)
		isb_diag(g->diags, at,
		         "%s has order %s, and 'trickle' means something under order failover only; leave it out", what,
		         isb_order_words[order]);
	else if (trickle && !has_next)
		isb_diag(g->diags, at, "%s has nothing that 'trickle' could go to; it takes a second %s", what,
		         strncmp(what, "pool", 4) == 0 ? "tier" : "child");
}

static bool has_tiers(const struct isb_pool *pool)
{
	for (size_t i = 1; i < pool->nendpoint; i++)
		if (pool->endpoints[i].tier != pool->endpoints[0].tier)
			return true;
	return false;
}

static void check_spread(struct isb_graph *g, const struct isb_pool *pool)
{
	if (!pool->spread)
		return;
	if (pool->answers == 1)
		isb_diag(g->diags, pool->mark,
		         "pool '%s' answers with one endpoint, so that nothing can be 'spread'; set 'answers'", pool->name);
	for (size_t i = 0; i < pool->nendpoint; i++)
		if (!pool->endpoints[i].region.name)
			isb_diag(g->diags, pool->endpoints[i].mark,
			         "endpoint '%s/%s' needs a 'region', because its pool is spread by region", pool->name,
			         pool->endpoints[i].name);
}

static void check_evidence(struct isb_graph *g, const struct isb_pool *pool)
{
	if (pool->check.name)
		return;
	if (pool->unknown != ISB_UNKNOWN_HOLD)
		isb_diag(g->diags, pool->mark, "pool '%s' has no 'check', so that 'unknown' means nothing; leave it out",
		         pool->name);
	if (pool->slow_start_ms)
		isb_diag(g->diags, pool->mark, "pool '%s' has no 'check', so that 'slow_start' means nothing; leave it out",
		         pool->name);
	if (pool->failback_ms != ISB_FAILBACK_AUTO)
		isb_diag(g->diags, pool->mark, "pool '%s' has no 'check', so that 'failback' means nothing; leave it out",
		         pool->name);
	if (pool->order == ISB_ORDER_FASTEST || pool->order == ISB_ORDER_LEAST_LOAD)
		isb_diag(g->diags, pool->mark, "pool '%s' has order %s, which goes by what checks see; give it a 'check'",
		         pool->name, isb_order_words[pool->order]);
}

static const struct isb_check *named(const struct isb_graph *g, const struct isb_ref *ref)
{
	return ref->name ? isb_catalog_check_named(g->catalog, ref->name) : NULL;
}

static bool says_load(const struct isb_check *check)
{
	return check && check->load.format != ISB_LOAD_NONE;
}

static void check_feed(struct isb_graph *g, const struct isb_pool *pool)
{
	const struct isb_check *check = named(g, &pool->check), *feed = named(g, &pool->feed);
	if (pool->feed.name && !pool->check.name)
		isb_diag(g->diags, pool->feed.mark, "pool '%s' has a 'feed', which judges nothing, and no 'check'; give it one",
		         pool->name);
	if (!feed)
		return;
	bool soft = isb_check_says_soft(feed), load = says_load(feed);
	if (!soft && !load)
		isb_diag(g->diags, pool->feed.mark,
		         "check '%s' is no 'feed': it says neither soft health nor load; give it 'load' or 'soft.json'",
		         feed->name);
	else if (check && ((soft && isb_check_says_soft(check)) || (load && says_load(check))))
		isb_diag(g->diags, pool->feed.mark, "pool '%s' hears of %s from check '%s' and from feed '%s'; keep one",
		         pool->name, load && says_load(check) ? "load" : "soft health", check->name, feed->name);
}

/* What is measured must be measured by something. */
static void check_capacity(struct isb_graph *g, const struct isb_pool *pool)
{
	const struct isb_check *check = named(g, &pool->check), *feed = named(g, &pool->feed);
	const struct isb_check *source = says_load(feed) ? feed : says_load(check) ? check : NULL;
	bool known = !pool->check.name || check, limited = source && source->load.format == ISB_LOAD_HAPROXY &&
	             (!source->load.field || strcmp(source->load.field, "scur") == 0);
	known = known && (!pool->feed.name || feed);
	for (size_t i = 0; i < pool->nendpoint; i++) {
		const struct isb_endpoint *e = &pool->endpoints[i];
		if (known && !source && e->capacity)
			isb_diag(g->diags, e->mark,
			         "endpoint '%s/%s' has a 'capacity', and no check of its pool says 'load'; leave it out",
			         pool->name, e->name);
		else if (source && !source->load.capacity && !e->capacity && !limited)
			isb_diag(g->diags, e->mark,
			         "endpoint '%s/%s' needs a 'capacity', because check '%s' says load and has no 'load.capacity'",
			         pool->name, e->name, source->name);
	}
}

void isb_check_pool_knobs(struct isb_graph *g, const struct isb_pool *pool)
{
	const char *what = isb_arena_printf(&g->arena, "pool '%s'", pool->name);
	check_hash(g, pool->mark, what, pool->order, &pool->hash);
	check_trickle(g, pool->mark, what, pool->order, pool->trickle, has_tiers(pool));
	check_spread(g, pool);
	check_evidence(g, pool);
	check_feed(g, pool);
	check_capacity(g, pool);
}

void isb_check_node_knobs(struct isb_graph *g, const struct isb_policy *policy, const struct isb_policy_node *node)
{
	const char *what = isb_arena_printf(&g->arena, "policy '%s'", policy->name);
	check_hash(g, node->mark, what, node->order, &node->hash);
	check_trickle(g, node->mark, what, node->order, node->trickle, node->nchild > 1);
}
