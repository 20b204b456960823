/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/store/rollouts.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/healthdb.h"
#include "isobar/store/resolveddb.h"

struct isb_record *isb_record_of(const struct isb_catalog *catalog, const char *key)
{
	for (size_t i = 0; i < catalog->nzone; i++) {
		const struct isb_zone *zone = &catalog->zones[i];
		size_t len = strlen(zone->name);
		if (strncmp(key, zone->name, len) != 0 || key[len] != '/')
			continue;
		for (size_t j = 0; j < zone->nrecord; j++)
			if (strcmp(zone->records[j].owner, key + len + 1) == 0)
				return &zone->records[j];
	}
	return NULL;
}

/* --- Pools beneath a name ------------------------------------------------------------------------------------------ */

struct beneath {
	const struct isb_catalog *catalog;
	const struct isb_pool **pools; /* each once */
	size_t count;
	const struct isb_policy **seen; /* policies name one another freely; but each need be looked at only once */
	size_t nseen;
};

static void add_named(struct beneath *b, const char *name);

static void add_node(struct beneath *b, const struct isb_policy_node *node)
{
	for (size_t i = 0; i < node->nchild; i++) {
		if (node->children[i].node)
			add_node(b, node->children[i].node);
		else
			add_named(b, node->children[i].use.name);
	}
}

static void add_named(struct beneath *b, const char *name)
{
	const struct isb_pool *pool = isb_catalog_pool(b->catalog, name);
	const struct isb_policy *policy = pool ? NULL : isb_catalog_policy(b->catalog, name);
	for (size_t i = 0; i < b->count; i++)
		if (b->pools[i] == pool)
			return;
	for (size_t i = 0; i < b->nseen; i++)
		if (b->seen[i] == policy)
			return;
	if (pool)
		b->pools[b->count++] = pool;
	if (!policy)
		return;
	b->seen[b->nseen++] = policy;
	add_node(b, policy->root);
}

static struct beneath beneath(const struct isb_catalog *catalog, const char *name)
{
	struct beneath b = {.catalog = catalog, .pools = isb_xcalloc(catalog->npool, sizeof(*b.pools)),
	                    .seen = isb_xcalloc(catalog->npolicy, sizeof(*b.seen))};
	add_named(&b, name);
	return b;
}

static void beneath_done(struct beneath *b)
{
	free(b->pools);
	free(b->seen);
}

size_t isb_pools_beneath(const struct isb_catalog *catalog, const char *name, const struct isb_pool **ret_pools)
{
	struct beneath b = beneath(catalog, name);
	size_t count = b.count;
	memcpy(ret_pools, b.pools, count * sizeof(*ret_pools));
	beneath_done(&b);
	return count;
}

/* --- What belongs together ----------------------------------------------------------------------------------------- */

static bool answers(const struct isb_catalog *catalog, const char *name, uint16_t type)
{
	struct beneath b = beneath(catalog, name);
	bool found = false;
	for (size_t i = 0; i < b.count && !found; i++)
		for (size_t j = 0; j < b.pools[i]->nendpoint && !found; j++)
			found = isb_endpoint_can(&b.pools[i]->endpoints[j], type);
	beneath_done(&b);
	return found;
}

struct checking {
	const struct isb_catalog *catalog;
	struct isb_diags *diags;
	struct isb_arena arena; /* of the marks */
};

void isb_record_check_types(const struct isb_catalog *catalog, const struct isb_record *record, const char *to,
                            struct isb_mark at, struct isb_diags *diags)
{
	char type[ISB_TYPE_TEXT];
	const char *from = record->policy.name;
	for (size_t i = 0; i < record->ntype; i++)
		if (!answers(catalog, to, record->types[i]) && answers(catalog, from, record->types[i]))
			isb_diag(diags, at, "'%s' has no endpoint that answers %s, as '%s' has", to,
			         record->types[i] == ISB_ALIAS ? "ALIAS" : isb_type_print(record->types[i], type), from);
}

static int check_one(void *arg, const char *key, const struct isb_rollout *rollout)
{
	struct checking *c = arg;
	const struct isb_record *record = isb_record_of(c->catalog, key);
	const char *to = rollout->to;
	struct isb_mark at = {.file = isb_arena_printf(&c->arena, "rollout/%s", key)};
	if (!record)
		isb_diag(c->diags, at, "record '%s' cannot go while it is led to '%s'; end that first: isobar rollout abort %s", key,
		         to, key);
	else if (strcmp(record->policy.name, to) == 0)
		isb_diag(c->diags, at, "record '%s' is being led to '%s' and cannot be served by it before that ends; write: "
		         "isobar rollout finish %s --force", key, to, key);
	else if (!isb_catalog_pool(c->catalog, to) && !isb_catalog_policy(c->catalog, to))
		isb_diag(c->diags, at, "'%s' cannot go while record '%s' is led to it; end that first: isobar rollout abort %s", to,
		         key, key);
	else
		isb_record_check_types(c->catalog, record, to, at, c->diags);
	return 0;
}

int isb_rollouts_check(struct isb_txn *catalog_txn, const struct isb_catalog *catalog, struct isb_diags *diags)
{
	struct checking c = {.catalog = catalog, .diags = diags};
	size_t before = diags->count + diags->dropped;
	int rc = isb_rollout_each(catalog_txn, check_one, &c);
	if (rc != ISB_OK)
		isb_diag(diags, (struct isb_mark){.file = "rollout"}, "the stored rollouts cannot be read: %s", isb_strerror(rc));
	isb_arena_done(&c.arena);
	return rc != ISB_OK ? rc : diags->count + diags->dropped == before ? ISB_OK : ISB_EINVAL;
}

/* --- Standing ------------------------------------------------------------------------------------------------------ */

/* Beside the types of the record, as a bit: that something answers at all. */
enum { STANDING_TYPES = 31 };
static const uint32_t anything = UINT32_C(1) << STANDING_TYPES;

struct isb_standing {
	struct isb_arena arena;
	uint16_t types[STANDING_TYPES]; /* of the record, those that are answered today */
	unsigned ntype;
	uint32_t alias; /* the bit of ALIAS; 0: it is not among them */
	struct standing_pool {
		const char *name;
		uint32_t need;
		bool checked;
		enum isb_unknown unknown;
		size_t count;
		struct standing_endpoint {
			uint32_t slot;
			uint32_t can; /* bits of the types it has data for */
			uint64_t admin;
			const char *host; /* outside our zones, of which ALIAS needs the addresses; NULL: it needs none */
		} *endpoints;
	} *pools;
	size_t count;
};

static void add_types(struct isb_standing *s, const struct isb_catalog *catalog, const struct isb_record *record,
                      const char *from)
{
	for (size_t i = 0; i < record->ntype && s->ntype < STANDING_TYPES; i++) {
		if (!answers(catalog, from, record->types[i]))
			continue;
		if (record->types[i] == ISB_ALIAS)
			s->alias = UINT32_C(1) << s->ntype;
		s->types[s->ntype++] = record->types[i];
	}
}

static int add_endpoint(struct isb_standing *s, struct isb_txn *txn, const struct isb_catalog *catalog,
                        const struct isb_pool *pool, const struct isb_endpoint *from, struct standing_endpoint *to)
{
	struct isb_admin_row admin;
	char host[ISB_DNAME_TEXT];
	const char *name = isb_arena_printf(&s->arena, "%s/%s", pool->name, from->name);
	*to = (struct standing_endpoint){.can = anything};
	for (unsigned i = 0; i < s->ntype; i++)
		to->can |= isb_endpoint_can(from, s->types[i]) ? UINT32_C(1) << i : 0;
	if (s->alias && from->host && isb_host_normal(from->host, host) && !isb_catalog_zone_of(catalog, host))
		to->host = isb_arena_strdup(&s->arena, host);
	if (isb_admin_get(txn, name, &admin) == ISB_OK)
		to->admin = isb_admin_pack(admin.admin, admin.until_ms);
	return isb_slot_get(txn, pool->name, from->name, &to->slot);
}

static int add_pool(struct isb_standing *s, struct isb_txn *txn, const struct isb_catalog *catalog,
                    const struct isb_pool *pool)
{
	struct standing_pool *p = &s->pools[s->count++];
	*p = (struct standing_pool){.name = isb_arena_strdup(&s->arena, pool->name), .need = isb_pool_needs(pool),
	                            .checked = pool->check.name != NULL, .unknown = pool->unknown, .count = pool->nendpoint};
	p->endpoints = isb_arena_alloc(&s->arena, p->count * sizeof(*p->endpoints));
	int rc = ISB_OK;
	for (size_t i = 0; i < p->count && rc == ISB_OK; i++)
		rc = add_endpoint(s, txn, catalog, pool, &pool->endpoints[i], &p->endpoints[i]);
	return rc;
}

struct isb_standing *isb_standing_new(struct isb_txn *catalog_txn, const struct isb_catalog *catalog,
                                      const struct isb_record *record, const char *from, const char *to)
{
	struct isb_standing *s = isb_xcalloc(1, sizeof(*s));
	struct beneath b = beneath(catalog, to);
	int rc = b.count ? ISB_OK : ISB_ENOTFOUND;
	add_types(s, catalog, record, from);
	s->pools = isb_arena_alloc(&s->arena, b.count * sizeof(*s->pools));
	for (size_t i = 0; i < b.count && rc == ISB_OK; i++)
		rc = add_pool(s, catalog_txn, catalog, b.pools[i]);
	beneath_done(&b);
	if (rc == ISB_OK)
		return s;
	isb_standing_free(s);
	return NULL;
}

void isb_standing_free(struct isb_standing *standing)
{
	if (!standing)
		return;
	isb_arena_done(&standing->arena);
	free(standing);
}

static int is_usable(const struct standing_pool *pool, const struct standing_endpoint *endpoint, struct isb_txn *health,
                     int64_t now_ms, bool *ret_usable)
{
	uint64_t word = 0;
	int rc = pool->checked ? isb_word_get(health, endpoint->slot, &word) : ISB_OK;
	*ret_usable = isb_health_serves(word, pool->checked, pool->unknown, endpoint->admin, now_ms);
	return rc;
}

/* As of one moment. */
struct standing_now {
	struct isb_txn *health;
	int64_t now_ms;
	enum isb_unasked unasked;
	uint32_t can; /* by any pool so far */
	struct isb_buf *evidence;
};

static int is_resolved(const struct standing_now *now, const char *host, bool *ret_resolved)
{
	struct isb_resolved row;
	int rc = host ? isb_resolved_get(now->health, host, &row) : ISB_OK;
	*ret_resolved = !host || (rc == ISB_OK && row.count) || (rc == ISB_ENOTFOUND && now->unasked == ISB_UNASKED_MAY);
	return rc == ISB_ENOTFOUND ? ISB_OK : rc;
}

/* What a pool may answer, by what is usable in it, type by type. */
static void add_evidence(const struct isb_standing *s, const struct standing_pool *pool, const struct standing_now *now,
                         size_t up, uint32_t can, const char *unresolved)
{
	char type[ISB_TYPE_TEXT];
	isb_buf_printf(now->evidence, "%s%s: %zu of %zu up", now->evidence->len ? "; " : "", pool->name, up, pool->count);
	if (pool->need > 1)
		isb_buf_printf(now->evidence, ", %u needed", pool->need);
	if (unresolved)
		isb_buf_printf(now->evidence, ", host %s has no address that is known", unresolved);
	for (unsigned i = 0; i < s->ntype && up >= pool->need; i++)
		if (!(can & UINT32_C(1) << i) && s->types[i] != ISB_ALIAS)
			isb_buf_printf(now->evidence, ", none of them with %s", isb_type_print(s->types[i], type));
}

static int ask_pool(const struct isb_standing *s, const struct standing_pool *pool, struct standing_now *now)
{
	size_t up = 0, resolved = 0;
	uint32_t can = 0;
	const char *unresolved = NULL;
	for (size_t i = 0; i < pool->count; i++) {
		const struct standing_endpoint *endpoint = &pool->endpoints[i];
		bool usable, known = true;
		int rc = is_usable(pool, endpoint, now->health, now->now_ms, &usable);
		if (rc == ISB_OK && usable)
			rc = is_resolved(now, endpoint->host, &known);
		if (rc != ISB_OK)
			return rc;
		up += usable;
		resolved += usable && known;
		can |= !usable ? 0 : known ? endpoint->can : endpoint->can & ~s->alias;
		unresolved = known ? unresolved : endpoint->host;
	}
	if (resolved < pool->need)
		can &= ~s->alias;
	now->can |= up >= pool->need ? can : 0;
	add_evidence(s, pool, now, up, can, unresolved);
	return ISB_OK;
}

int isb_standing_ask(const struct isb_standing *standing, struct isb_txn *health, int64_t now_ms,
                     enum isb_unasked unasked, bool *ret_can, struct isb_buf *ret_evidence)
{
	struct standing_now now = {health, now_ms, unasked, 0, ret_evidence};
	for (size_t i = 0; i < standing->count; i++) {
		int rc = ask_pool(standing, &standing->pools[i], &now);
		if (rc != ISB_OK)
			return rc;
	}
	*ret_can = now.can == (anything | ((UINT32_C(1) << standing->ntype) - 1));
	return ISB_OK;
}
