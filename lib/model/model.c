/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/model.h"

#include <string.h>

#include "isobar/base/hash.h"
#include "isobar/model/rr.h"
#include "schema_parts.h"

static const struct list {
	size_t list, count, size;
} lists[ISB_RECORD] = {
#define LIST(member, counter) \
	{offsetof(struct isb_catalog, member), offsetof(struct isb_catalog, counter), \
	 sizeof(*((struct isb_catalog *)0)->member)}
	[ISB_REGION] = LIST(regions, nregion), [ISB_CHECK] = LIST(checks, ncheck), [ISB_POOL] = LIST(pools, npool),
	[ISB_POLICY] = LIST(policies, npolicy), [ISB_ZONE] = LIST(zones, nzone),
#undef LIST
};

void isb_catalog_init(struct isb_catalog *catalog)
{
	*catalog = (struct isb_catalog){0};
}

void isb_catalog_done(struct isb_catalog *catalog)
{
	isb_arena_done(&catalog->arena);
	isb_catalog_init(catalog);
}

static char *base_of(const struct isb_catalog *catalog, enum isb_kind kind)
{
	char *base;
	memcpy(&base, (const char *)catalog + lists[kind].list, sizeof(base));
	return base;
}

size_t isb_catalog_count(const struct isb_catalog *catalog, enum isb_kind kind)
{
	size_t count;
	memcpy(&count, (const char *)catalog + lists[kind].count, sizeof(count));
	return count;
}

const void *isb_catalog_at(const struct isb_catalog *catalog, enum isb_kind kind, size_t i)
{
	return base_of(catalog, kind) + i * lists[kind].size;
}

/* Every object begins with its name. */
static const char *name_at(const struct isb_catalog *catalog, enum isb_kind kind, size_t i)
{
	return ((const struct isb_region *)isb_catalog_at(catalog, kind, i))->name;
}

/* --- Names --- */

/* The slot that holds `name`, or the free one where it belongs. */
static uint32_t *slot_of(const struct isb_catalog *catalog, enum isb_kind kind, const char *name)
{
	const struct isb_catalog_index *index = &catalog->index[kind];
	size_t i = isb_hash(name, strlen(name), 0) & (index->nslot - 1);
	while (index->slots[i] && strcmp(name_at(catalog, kind, index->slots[i] - 1), name) != 0)
		i = (i + 1) & (index->nslot - 1);
	return &index->slots[i];
}

/* Brings the table up to the list, at most half full. Of two equal names the first counts. */
static void cover(struct isb_catalog *catalog, enum isb_kind kind)
{
	struct isb_catalog_index *index = &catalog->index[kind];
	size_t count = isb_catalog_count(catalog, kind);
	if (count * 2 > index->nslot) {
		index->nslot = index->nslot ? index->nslot : 16;
		while (count * 2 > index->nslot)
			index->nslot *= 2;
		index->slots = isb_arena_alloc(&catalog->arena, index->nslot * sizeof(*index->slots));
		index->covered = 0;
	}
	for (; index->covered < count; index->covered++) {
		uint32_t *slot = slot_of(catalog, kind, name_at(catalog, kind, index->covered));
		if (!*slot)
			*slot = (uint32_t)index->covered + 1;
	}
}

const void *isb_catalog_find(const struct isb_catalog *catalog, enum isb_kind kind, const char *name)
{
	size_t count = name ? isb_catalog_count(catalog, kind) : 0; /* a reference that could not be read has no name */
	if (count && catalog->index[kind].covered == count) {
		uint32_t slot = *slot_of(catalog, kind, name);
		return slot ? isb_catalog_at(catalog, kind, slot - 1) : NULL;
	}
	for (size_t i = 0; i < count; i++)
		if (strcmp(name_at(catalog, kind, i), name) == 0)
			return isb_catalog_at(catalog, kind, i);
	return NULL;
}

const struct isb_region *isb_catalog_region(const struct isb_catalog *catalog, const char *name)
{
	return isb_catalog_find(catalog, ISB_REGION, name);
}

const struct isb_check *isb_catalog_check_named(const struct isb_catalog *catalog, const char *name)
{
	return isb_catalog_find(catalog, ISB_CHECK, name);
}

uint32_t isb_pool_needs(const struct isb_pool *pool)
{
	uint32_t n = pool->min_up.n;
	if (pool->min_up.percent)
		n = (uint32_t)((pool->nendpoint * n + 99) / 100);
	return n ? n : 1;
}

const struct isb_pool *isb_catalog_pool(const struct isb_catalog *catalog, const char *name)
{
	return isb_catalog_find(catalog, ISB_POOL, name);
}

const struct isb_policy *isb_catalog_policy(const struct isb_catalog *catalog, const char *name)
{
	return isb_catalog_find(catalog, ISB_POLICY, name);
}

const struct isb_zone *isb_catalog_zone(const struct isb_catalog *catalog, const char *name)
{
	return isb_catalog_find(catalog, ISB_ZONE, name);
}

/* --- Growing --- */

static void *grow(struct isb_arena *arena, void *list, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return list;
	*room = count ? count * 2 : 8;
	return isb_arena_grow(arena, list, count * size, *room * size);
}

void *isb_catalog_append(struct isb_catalog *catalog, enum isb_kind kind, const char *name)
{
	const struct list *l = &lists[kind];
	size_t count = isb_catalog_count(catalog, kind);
	char *base = grow(&catalog->arena, base_of(catalog, kind), count, &catalog->index[kind].room, l->size);
	struct isb_region *object = (struct isb_region *)(void *)(base + count * l->size);
	object->name = isb_arena_strdup(&catalog->arena, name);
	count++;
	memcpy((char *)catalog + l->list, &base, sizeof(base));
	memcpy((char *)catalog + l->count, &count, sizeof(count));
	cover(catalog, kind);
	return object;
}

struct isb_record *isb_zone_append(struct isb_arena *arena, struct isb_zone *zone, const char *owner)
{
	zone->records = grow(arena, zone->records, zone->nrecord, &zone->room, sizeof(*zone->records));
	struct isb_record *record = &zone->records[zone->nrecord++];
	record->owner = isb_arena_strdup(arena, owner);
	return record;
}

uint16_t isb_endpoint_priority(const struct isb_endpoint *endpoint, uint16_t type)
{
	if (endpoint->priority != ISB_PRIORITY_TIER)
		return (uint16_t)endpoint->priority;
	if (type == ISB_SRV)
		return endpoint->tier;
	return (uint16_t)((endpoint->tier + 1) * (type == ISB_MX ? 10 : 1));
}

bool isb_host_normal(const char *host, char out[ISB_DNAME_TEXT])
{
	uint8_t dname[ISB_DNAME_MAX];
	if (isb_dname_parse(host, NULL, dname) < 0)
		return false;
	isb_dname_lower(dname, dname);
	isb_dname_print_bare(dname, out);
	return true;
}

bool isb_endpoint_can(const struct isb_endpoint *endpoint, uint16_t type)
{
	switch (type) {
	case ISB_ALIAS:
	case ISB_CNAME:
	case ISB_MX: return endpoint->host;
	case ISB_SRV: return endpoint->host && endpoint->port;
	case ISB_TXT: return endpoint->texts.count;
	case ISB_SVCB:
	case ISB_HTTPS: return endpoint->host || endpoint->priority; /* AliasMode needs a target, RFC 9460 §2.4.2 */
	default: break;
	}
	for (size_t i = 0; i < endpoint->naddress; i++)
		if (endpoint->addresses[i].family == (type == ISB_A ? 4 : 6))
			return true;
	return false;
}

const struct isb_zone *isb_catalog_zone_of(const struct isb_catalog *catalog, const char *host)
{
	uint8_t dname[ISB_DNAME_MAX];
	char text[ISB_DNAME_TEXT];
	if (isb_dname_parse(host, NULL, dname) < 0)
		return NULL;
	for (const uint8_t *name = dname;; name += 1 + *name) {
		const struct isb_zone *zone = isb_catalog_zone(catalog, isb_dname_print_bare(name, text));
		if (zone || !*name)
			return zone;
	}
}

bool isb_check_says_soft(const struct isb_check *check)
{
	return check->soft_json || check->type == ISB_CHECK_AGENT || check->type == ISB_CHECK_SCRIPT;
}

struct isb_hysteresis isb_check_hysteresis(const struct isb_check *check)
{
	return (struct isb_hysteresis){
		.rise = check->rise, .fall = check->fall, .interval_ms = check->interval_ms,
		.down_interval_ms = check->down_interval_ms, .retry_ms = check->retry_ms, .flap_limit = check->flap_limit,
		.soft_full_us = (uint32_t)check->soft_latency.from * 1000,
		.soft_least_us = (uint32_t)check->soft_latency.to * 1000};
}
