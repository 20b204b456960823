/* SPDX-License-Identifier: Apache-2.0 */
#include "alias.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/base/map.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/rollouts.h"

void isb_aliases_init(struct isb_aliases *aliases, struct isb_store *store, const char *probe)
{
	*aliases = (struct isb_aliases){.store = store, .probe = probe};
}

static void free_host(struct isb_alias_host *host)
{
	free(host->name);
	free(host);
}

void isb_aliases_done(struct isb_aliases *aliases)
{
	for (size_t i = 0; i < aliases->count; i++)
		free_host(aliases->hosts[i]);
	free(aliases->hosts);
}

/* --- Whose names --------------------------------------------------------------------------------------------------- */

static bool has(struct isb_txn *txn, const uint8_t *apex, const uint8_t *owner, uint16_t type)
{
	const struct isb_rrset *set;
	return isb_rrset_get(txn, apex, owner, type, &set) == ISB_OK;
}

static bool is_steered_cname(const struct isb_zone *zone, const uint8_t *apex, const uint8_t *host)
{
	uint8_t owner[ISB_DNAME_MAX];
	for (size_t i = 0; i < zone->nrecord; i++)
		if (isb_record_has(&zone->records[i], ISB_CNAME) && isb_dname_parse(zone->records[i].owner, apex, owner) >= 0 &&
		    isb_dname_equal(owner, host))
			return true;
	return false;
}

/* True when our own zones answer for a name, so that nobody has to be asked: it is at or below an apex, not below a
 * delegation or DNAME, and no CNAME. */
static bool answers_itself(const struct isb_catalog *catalog, struct isb_txn *txn, const char *host)
{
	uint8_t dname[ISB_DNAME_MAX], top[ISB_DNAME_MAX];
	const struct isb_zone *zone = isb_catalog_zone_of(catalog, host);
	if (!zone || isb_dname_parse(host, NULL, dname) < 0 || isb_dname_parse(zone->name, NULL, top) < 0)
		return false;
	const uint8_t *apex = dname + isb_dname_len(dname) - isb_dname_len(top);
	for (const uint8_t *name = dname; name != apex; name += 1 + *name)
		if (has(txn, apex, name, ISB_NS) || (name != dname && has(txn, apex, name, ISB_DNAME)))
			return false;
	return !has(txn, apex, dname, ISB_CNAME) && !is_steered_cname(zone, apex, dname);
}

/* --- Following the catalog ----------------------------------------------------------------------------------------- */

/* What leads to endpoints that ALIAS may choose: policies of records, and what a rollout leads such a record to. */
struct uses {
	const struct isb_catalog *catalog;
	struct isb_use *list;
	size_t count;
	struct isb_arena arena;
};

static void add_use(struct uses *u, const char *name)
{
	u->list = isb_arena_grow(&u->arena, u->list, u->count * sizeof(*u->list), (u->count + 1) * sizeof(*u->list));
	u->list[u->count++] = (struct isb_use){isb_arena_strdup(&u->arena, name), 1};
}

static int add_rollout(void *arg, const char *key, const struct isb_rollout *rollout)
{
	struct uses *u = arg;
	const struct isb_record *record = isb_record_of(u->catalog, key);
	if (record && isb_record_has(record, ISB_ALIAS))
		add_use(u, rollout->to);
	return 0;
}

static uint32_t *used_pools(const struct isb_catalog *catalog, struct isb_txn *txn)
{
	struct uses u = {.catalog = catalog};
	uint32_t *used = isb_xcalloc(catalog->npool, sizeof(*used));
	for (size_t i = 0; i < catalog->nzone; i++)
		for (size_t k = 0; k < catalog->zones[i].nrecord; k++)
			if (isb_record_has(&catalog->zones[i].records[k], ISB_ALIAS))
				add_use(&u, catalog->zones[i].records[k].policy.name);
	if (isb_rollout_each(txn, add_rollout, &u) != ISB_OK)
		isb_log(ISB_LOG_ERROR, "rollouts-unreadable", "what they lead ALIAS records to may stay unresolved");
	isb_catalog_spread(catalog, u.list, u.count, used);
	isb_arena_done(&u.arena);
	return used;
}

static void add_hosts(const struct isb_catalog *catalog, struct isb_txn *txn, struct isb_arena *arena, struct isb_map *wanted)
{
	uint32_t *used = used_pools(catalog, txn);
	char name[ISB_DNAME_TEXT];
	for (size_t i = 0; i < catalog->npool; i++)
		for (size_t k = 0; used[i] && k < catalog->pools[i].nendpoint; k++) {
			const char *host = catalog->pools[i].endpoints[k].host;
			if (host && isb_host_normal(host, name) && !answers_itself(catalog, txn, name))
				isb_map_put(wanted, isb_arena_strdup(arena, name), strlen(name), 0);
		}
	free(used);
}

static bool is_in(const struct isb_map *map, const char *name)
{
	uint32_t at;
	return isb_map_get(map, name, strlen(name), &at);
}

static void keep_wanted(struct isb_aliases *aliases, struct isb_map *wanted)
{
	size_t kept = 0;
	for (size_t i = 0; i < aliases->count; i++) {
		struct isb_alias_host *host = aliases->hosts[i];
		host->gone = !is_in(wanted, host->name);
		if (!host->gone)
			isb_map_put(wanted, host->name, strlen(host->name), 1); /* is there already */
		if (host->gone && !host->asking)
			free_host(host);
		else
			aliases->hosts[kept++] = host;
	}
	aliases->count = kept;
}

struct leaving {
	const struct isb_map *wanted;
	struct isb_arena arena;
	const char **names;
	size_t count;
};

static int note_leaving(void *arg, const struct isb_resolved *row)
{
	struct leaving *l = arg;
	if (is_in(l->wanted, row->host))
		return 0;
	l->names = isb_arena_grow(&l->arena, l->names, l->count * sizeof(*l->names), (l->count + 1) * sizeof(*l->names));
	l->names[l->count++] = isb_arena_strdup(&l->arena, row->host);
	return 0;
}

static int delete_rows(struct isb_store *store, const struct isb_map *wanted)
{
	struct leaving l = {.wanted = wanted};
	struct isb_txn *txn;
	int rc = isb_txn_begin(store, ISB_ENV_HEALTH, false, &txn);
	if (rc != ISB_OK)
		return rc;
	rc = isb_resolved_each(txn, note_leaving, &l);
	isb_txn_abort(txn);
	if (rc == ISB_OK && l.count)
		rc = isb_txn_begin(store, ISB_ENV_HEALTH, true, &txn);
	if (rc == ISB_OK && l.count) {
		for (size_t i = 0; i < l.count; i++)
			isb_resolved_delete(txn, l.names[i]); /* another probe may have been faster */
		rc = isb_txn_commit(txn);
	}
	isb_arena_done(&l.arena);
	return rc;
}

int isb_aliases_update(struct isb_aliases *aliases, const struct isb_catalog *catalog, struct isb_txn *txn, int64_t now)
{
	struct isb_arena arena = {0};
	struct isb_map wanted = {0};
	add_hosts(catalog, txn, &arena, &wanted);
	keep_wanted(aliases, &wanted);
	aliases->hosts = isb_xrealloc(aliases->hosts, (aliases->count + wanted.count + 1) * sizeof(struct isb_alias_host *));
	for (size_t i = 0; i < wanted.cap; i++) {
		const struct isb_map_entry *e = &wanted.entry[i];
		if (!e->key || e->value)
			continue;
		struct isb_alias_host *host = isb_xcalloc(1, sizeof(*host));
		host->name = isb_xstrdup(e->key);
		host->due = now;
		aliases->hosts[aliases->count++] = host;
	}
	int rc = delete_rows(aliases->store, &wanted);
	isb_map_done(&wanted);
	isb_arena_done(&arena);
	return rc;
}

/* --- Asking -------------------------------------------------------------------------------------------------------- */

/* How long the row says to wait before this probe asks. */
static int64_t wait_ms(const struct isb_aliases *aliases, struct isb_txn *txn, const char *host, int64_t now_ms)
{
	struct isb_resolved row;
	if (isb_resolved_get(txn, host, &row) != ISB_OK || row.failing_ms || !row.since_ms)
		return 0;
	int64_t wait = row.until_ms - now_ms + (strcmp(row.probe, aliases->probe) == 0 ? 0 : ISB_ALIAS_GRACE_MS);
	return wait < ISB_ALIAS_MOST_MS ? wait : ISB_ALIAS_MOST_MS; /* a clock that was set must not silence us */
}

struct isb_alias_host *isb_aliases_take(struct isb_aliases *aliases, int64_t now, int64_t now_ms)
{
	struct isb_txn *txn = NULL;
	struct isb_alias_host *found = NULL;
	for (size_t i = 0; !found && i < aliases->count && aliases->asking < ISB_ALIAS_ASKS_MAX; i++) {
		struct isb_alias_host *host = aliases->hosts[i];
		if (host->asking || host->gone || host->due > now)
			continue;
		if (!txn && isb_txn_begin(aliases->store, ISB_ENV_HEALTH, false, &txn) != ISB_OK)
			return NULL; /* the next tick tries again */
		int64_t wait = wait_ms(aliases, txn, host->name, now_ms);
		if (wait > 0)
			host->due = now + wait;
		else
			found = host;
	}
	isb_txn_abort(txn);
	if (found) {
		found->asking = true;
		aliases->asking++;
	}
	return found;
}

/* --- Answers ------------------------------------------------------------------------------------------------------- */

static size_t count_of(const struct isb_resolved *row, uint8_t family)
{
	size_t n = 0;
	for (size_t i = 0; i < row->count; i++)
		n += row->addresses[i].family == family;
	return n;
}

/* Both families side by side, IPv4 first. What failed is what it was. */
static void put_together(struct isb_resolved *row, const struct isb_resolve_result *result)
{
	struct isb_resolved old = *row;
	size_t old_a = count_of(&old, 4);
	row->count = 0;
	for (unsigned f = 0; f < 2; f++) {
		const struct isb_resolve_family *family = &result->family[f];
		bool kept = family->end == ISB_RESOLVE_FAILED;
		const struct isb_addr *from = !kept ? family->addresses : f ? old.addresses + old_a : old.addresses;
		size_t n = !kept ? family->count : f ? old.count - old_a : old_a;
		if (n)
			memcpy(row->addresses + row->count, from, n * sizeof(*from));
		row->count += n;
	}
}

static void note_trouble(struct isb_resolved *row, const struct isb_resolve_result *result, bool none, int64_t now_ms)
{
	row->trouble = "";
	for (unsigned f = 0; f < 2; f++)
		if (result->family[f].end == ISB_RESOLVE_FAILED || none)
			row->trouble = result->family[f].trouble;
	if (!*row->trouble)
		row->failing_ms = 0;
	else if (!row->failing_ms)
		row->failing_ms = now_ms;
}

int64_t isb_alias_merge(struct isb_resolved *row, const struct isb_resolve_result *result, int64_t now_ms)
{
	const struct isb_resolve_family *a = &result->family[0], *aaaa = &result->family[1];
	bool any = a->end == ISB_RESOLVE_OK || aaaa->end == ISB_RESOLVE_OK;
	bool none = a->end == ISB_RESOLVE_NONE && aaaa->end == ISB_RESOLVE_NONE;
	struct isb_resolved old = *row;
	note_trouble(row, result, none, now_ms);
	row->asked_ms = now_ms;
	/* A name that is gone all of a sudden may be a slip; its addresses are held for a while. */
	bool gone = none && row->since_ms && now_ms - row->failing_ms >= ISB_ALIAS_GONE_MS;
	if (!any && !gone)
		return ISB_ALIAS_RETRY_MS;
	put_together(row, result);
	if (row->count != old.count || memcmp(row->addresses, old.addresses, row->count * sizeof(*row->addresses)) != 0 ||
	    !row->since_ms)
		row->since_ms = now_ms;
	if (gone)
		return ISB_ALIAS_RETRY_MS;
	int64_t ttl_ms = INT64_MAX;
	for (unsigned f = 0; f < 2; f++)
		if (result->family[f].end == ISB_RESOLVE_OK && (int64_t)result->family[f].ttl_s * 1000 < ttl_ms)
			ttl_ms = (int64_t)result->family[f].ttl_s * 1000;
	row->until_ms = now_ms + ttl_ms;
	return ttl_ms < ISB_ALIAS_LEAST_MS ? ISB_ALIAS_LEAST_MS : ttl_ms < ISB_ALIAS_MOST_MS ? ttl_ms : ISB_ALIAS_MOST_MS;
}

static void tell(const struct isb_resolved *before, const struct isb_resolved *row)
{
	if (row->since_ms != before->since_ms) {
		struct isb_buf text = {0};
		char addr[ISB_ADDR_TEXT];
		for (size_t i = 0; i < row->count; i++)
			isb_buf_printf(&text, "%s%s", i ? "," : "", isb_addr_print(&row->addresses[i], addr));
		isb_log(ISB_LOG_INFO, "alias-resolved", "host=%s addresses=%s ttl_s=%" PRId64, row->host,
		        row->count ? isb_buf_text(&text) : "-", (row->until_ms - row->asked_ms) / 1000);
		isb_buf_done(&text);
	}
	if (row->failing_ms && !before->failing_ms)
		isb_log(ISB_LOG_WARNING, "alias-unresolved", "host=%s reason=\"%s\" kept=%zu", row->host, row->trouble, row->count);
	if (!row->failing_ms && before->failing_ms)
		isb_log(ISB_LOG_INFO, "alias-recovered", "host=%s", row->host);
}

static int write_row(struct isb_aliases *aliases, const char *name, const struct isb_resolve_result *result,
                     int64_t now_ms, int64_t *ret_wait)
{
	struct isb_txn *txn;
	int rc = isb_txn_begin(aliases->store, ISB_ENV_HEALTH, true, &txn);
	if (rc != ISB_OK)
		return rc;
	struct isb_resolved row = {.host = name, .trouble = ""};
	rc = isb_resolved_get(txn, name, &row);
	if (rc != ISB_OK && rc != ISB_ENOTFOUND)
		row = (struct isb_resolved){.host = name, .trouble = ""}; /* what cannot be read is made anew */
	const struct isb_resolved before = row;
	row.probe = aliases->probe;
	*ret_wait = isb_alias_merge(&row, result, now_ms);
	rc = isb_resolved_put(txn, &row);
	if (rc != ISB_OK) {
		isb_txn_abort(txn);
		return rc;
	}
	rc = isb_txn_commit(txn);
	if (rc == ISB_OK)
		tell(&before, &row);
	return rc;
}

static void forget(struct isb_aliases *aliases, struct isb_alias_host *host)
{
	for (size_t i = 0; i < aliases->count; i++)
		if (aliases->hosts[i] == host)
			aliases->hosts[i] = aliases->hosts[--aliases->count];
	free_host(host);
}

int isb_aliases_record(struct isb_aliases *aliases, struct isb_alias_host *host, const struct isb_resolve_result *result,
                       int64_t now, int64_t now_ms)
{
	int64_t wait = ISB_ALIAS_RETRY_MS;
	aliases->asking--;
	host->asking = false;
	if (host->gone) {
		forget(aliases, host);
		return ISB_OK;
	}
	int rc = write_row(aliases, host->name, result, now_ms, &wait);
	host->due = now + wait;
	return rc;
}
