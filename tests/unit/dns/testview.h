/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/model/model.h"
#include "isobar/steer/list.h"
#include "isobar/view/view.h"
#include "isobar/view/zonefile.h"

/* Views made by hand from zone text, without a store. What cannot be made ends the program: these are tests. */

enum { TESTVIEW_ZONES = 8, TESTVIEW_STEERED = 16 };
struct testview {
	struct isb_view view;
	struct isb_exact *exact; /* the view's, of all that it has so far */
	uint8_t steered[TESTVIEW_STEERED][ISB_DNAME_MAX];
	size_t nsteered;
	struct isb_zone_view *zone[TESTVIEW_ZONES];
	struct isb_geomap *map;
	const struct isb_geomap *maps[1];
	_Atomic int64_t until_ms[1]; /* of the name outside */
	struct isb_arena arena; /* of the plan */
};

static inline void testview_must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "testview: %s\n", what);
		abort();
	}
}

static inline void testview_init(struct testview *t)
{
	struct isb_garbage *garbage;
	memset(t, 0, sizeof(*t));
	t->view.zones = isb_names_commit(isb_names_edit_new(NULL), &garbage);
	struct isb_plan *plan = isb_arena_alloc(&t->arena, sizeof(*plan));
	*plan = (struct isb_plan){.magic = ISB_PLAN_MAGIC, .version = ISB_PLAN_VERSION, .size = sizeof(*plan)};
	t->view.plan = plan;
}

static inline void testview_done(struct testview *t)
{
	free(t->exact);
	isb_names_free(t->view.zones);
	for (size_t i = 0; i < t->view.nzone; i++) {
		isb_names_free(t->zone[i]->root);
		free(t->zone[i]);
	}
	isb_geomap_free(t->map);
	isb_arena_done(&t->arena);
}

static inline void testview_whole_names(struct testview *t)
{
	const uint8_t *steered[TESTVIEW_STEERED];
	for (size_t i = 0; i < t->nsteered; i++)
		steered[i] = t->steered[i];
	free(t->exact);
	struct isb_exact_sources sources = {.names = ISB_EXACT_NAMES, .steered = steered, .nsteered = t->nsteered};
	t->view.exact = t->exact = isb_exact_new(&t->view, &sources);
	testview_must(!t->exact || isb_exact_check(t->exact, t->exact->size), "whole names");
}

/* `owner` without the labels of the zone. */
static inline void testview_relative(const struct isb_zone_view *zone, const uint8_t *owner, uint8_t out[ISB_DNAME_MAX])
{
	size_t len = isb_dname_lower(owner, out) - zone->apex_len;
	out[len] = 0;
}

static inline void testview_finish(struct isb_zone_view *zone, struct isb_names_edit *edit)
{
	struct isb_garbage *garbage;
	zone->root = isb_names_commit(edit, &garbage);
	isb_garbage_free(garbage);
	isb_zone_view_set_soa(zone);
	testview_must(zone->soa != NULL, "no SOA");
}

/* Adds a zone. `data` is sorted rrsets of it. */
static inline void testview_add(struct testview *t, const char *apex, const struct isb_zonedata *data)
{
	testview_must(t->view.nzone < TESTVIEW_ZONES, "too many zones");
	struct isb_zone_view *zone = t->zone[t->view.nzone++] = isb_xcalloc(1, sizeof(*zone) + ISB_DNAME_MAX);
	int len = isb_dname_parse(apex, NULL, zone->apex);
	testview_must(len > 0, apex);
	isb_dname_lower(zone->apex, zone->apex);
	zone->apex_len = (uint8_t)len;
	zone->labels = (uint8_t)isb_dname_labels(zone->apex);
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	for (size_t i = 0; i < data->count; i++) {
		uint8_t name[ISB_DNAME_MAX];
		testview_relative(zone, data->sets[i].owner, name);
		isb_names_put(edit, name, data->sets[i].set->type, data->sets[i].set);
	}
	testview_finish(zone, edit);
	struct isb_garbage *garbage;
	struct isb_names_edit *zones = isb_names_edit_new(t->view.zones);
	uint8_t key[2 + ISB_DNAME_MAX];
	isb_apex_key(zone->apex, zone->apex_len, key);
	isb_names_put_payload(zones, key, zone);
	isb_apex_labels_add(t->view.apex_labels, zone->labels);
	t->view.zones = isb_names_commit(zones, &garbage);
	isb_garbage_free(garbage);
	testview_whole_names(t);
}

static inline void testview_zone(struct testview *t, const char *apex, const char *text)
{
	uint8_t name[ISB_DNAME_MAX];
	struct isb_diags diags;
	struct isb_zonedata data;
	isb_diags_init(&diags);
	isb_zonedata_init(&data);
	testview_must(isb_dname_parse(apex, NULL, name) > 0, apex);
	int rc = isb_zonetext_read(text, strlen(text), (struct isb_mark){.file = apex, .line = 1}, name, &diags, &data);
	isb_diags_print(&diags, stderr);
	testview_must(rc == ISB_OK, "zone text");
	testview_add(t, apex, &data);
	isb_zonedata_done(&data);
	isb_diags_done(&diags);
}

/* Lays record `number` of the plan over a name of the zone added last. */
static inline void testview_record(struct testview *t, const char *owner, uint32_t number)
{
	struct isb_zone_view *zone = t->zone[t->view.nzone - 1];
	uint8_t absolute[ISB_DNAME_MAX], name[ISB_DNAME_MAX];
	testview_must(isb_dname_parse(owner, zone->apex, absolute) > 0, owner);
	testview_relative(zone, absolute, name);
	struct isb_names_edit *edit = isb_names_edit_new(zone->root);
	isb_names_put_record(edit, name, number);
	testview_finish(zone, edit);
	testview_must(t->nsteered < TESTVIEW_STEERED, "too many steered names");
	isb_dname_lower(absolute, t->steered[t->nsteered++]);
	testview_whole_names(t);
}

/* --- A plan of three regions -------------------------------------------------------------------------------------- */

/* Records: 0 by the client's network (A, AAAA); 1 and 2 without a map, alike but for all_down; 3 SRV; 4 a CNAME and 5 an
 * ALIAS of three names: www and al in example.test, and one outside that resolves to 203.0.113.7. Endpoints have the slot of
 * their number. */
enum { TESTVIEW_GEO, TESTVIEW_NODATA, TESTVIEW_FALLBACK, TESTVIEW_SRV, TESTVIEW_CNAME, TESTVIEW_ALIAS, TESTVIEW_RECORDS };
enum { TESTVIEW_ASIA, TESTVIEW_EU, TESTVIEW_EU2, TESTVIEW_TARGET, TESTVIEW_OURS, TESTVIEW_LOOP, TESTVIEW_OUTSIDE, TESTVIEW_ENDPOINTS };
enum { TESTVIEW_POOL = sizeof(struct isb_plan_node) + 3 * sizeof(struct isb_plan_child) };
struct testview_plan {
	struct isb_plan head;
	struct isb_plan_record record[TESTVIEW_RECORDS];
	struct isb_plan_endpoint endpoint[TESTVIEW_ENDPOINTS];
	_Alignas(8) uint8_t asia[TESTVIEW_POOL], eu[TESTVIEW_POOL], target[TESTVIEW_POOL], names[TESTVIEW_POOL];
	struct isb_plan_class geo[3], one[1], srv[1], named[1];
	_Alignas(8) uint8_t asia_list[2][sizeof(struct isb_list) + sizeof(struct isb_candidate)]; /* A, AAAA */
	char name[8], asia_name[12], eu_name[8]; /* of the record and the pools; of endpoints */
	_Alignas(4) uint8_t a_asia[6], aaaa_asia[18], a_eu[6], a_eu2[12], srv_target[26], ours[20], loop[19], outside[13], a_outside[6];
};

static inline uint32_t testview_class(void *arg, const struct isb_facts *facts)
{
	(void)arg;
	return facts->nnet ? facts->nets[0].id : 2;
}

#define TESTVIEW_AT(member) (uint32_t)offsetof(struct testview_plan, member)
#define TESTVIEW_RDATA(member, n) \
	{.offset = TESTVIEW_AT(member), .count = (n), .size = sizeof(((struct testview_plan *)0)->member)}

/* A pool of endpoints from `ref` on, `answers` of them in one answer (0: all). */
static inline void testview_pool(uint8_t *at, const struct isb_plan_endpoint *endpoints, uint32_t ref, uint32_t count,
                                 uint32_t answers)
{
	struct isb_plan_node *node = (struct isb_plan_node *)at;
	*node = (struct isb_plan_node){.name = TESTVIEW_AT(name), .flags = ISB_NODE_POOL, .nchild = count,
	                               .answers = answers, .min_up = 1};
	for (uint32_t i = 0; i < count; i++) {
		node->child[i] = isb_plan_candidate(ref + i, &endpoints[ref + i]);
		node->child[i].rank = (uint16_t)i;
		node->child[i].weight = 1;
	}
}

/* The list that says the same as the pool. */
static inline uint32_t testview_list(struct testview_plan *p, enum isb_plan_type type)
{
	_Alignas(8) uint8_t room[sizeof(struct isb_list) + ISB_LIST_MAX * sizeof(struct isb_candidate)];
	const struct isb_plan_node *pool = isb_plan_node(&p->head, TESTVIEW_AT(asia));
	size_t size = isb_list_build(&p->head, pool, type, (struct isb_list *)(void *)room);
	testview_must(size == sizeof(p->asia_list[type]), "list");
	memcpy(p->asia_list[type], room, size);
	return (uint32_t)(TESTVIEW_AT(asia_list) + type * sizeof(p->asia_list[0]));
}

static inline struct isb_plan_record testview_plan_record(uint32_t types, uint32_t map, uint32_t classes,
                                                          uint32_t nclass, uint32_t all_down)
{
	return (struct isb_plan_record){.name = TESTVIEW_AT(name), .types = types, .ttl_s = 30, .ttl_min_s = 5,
	                                .all_down = all_down, .map = map, .classes = classes, .nclass = nclass};
}

/* Clients: 192.0.2.0/24 is class 0 (asia), 203.0.113.128/25 and 2001:db8:e::/48 class 1 (eu), others 2: no plan, so the
 * fallback answers. */
static inline void testview_plan(struct testview *t)
{
	static const struct isb_prefix nets[] = {
		{.net = {.addr = {.family = 4, .octets = {192, 0, 2}}, .len = 24}, .id = 0},
		{.net = {.addr = {.family = 4, .octets = {203, 0, 113, 128}}, .len = 25}, .id = 1},
		{.net = {.addr = {.family = 6, .octets = {0x20, 1, 0x0d, 0xb8, 0, 0x0e}}, .len = 48}, .id = 1},
	};
	struct testview_plan *p = isb_arena_alloc(&t->arena, sizeof(*p));
	*p = (struct testview_plan){
		.head = {.magic = ISB_PLAN_MAGIC, .version = ISB_PLAN_VERSION, .size = sizeof(*p), .nmap = 1,
		         .record = TESTVIEW_AT(record), .nrecord = TESTVIEW_RECORDS, .endpoint = TESTVIEW_AT(endpoint),
		         .nendpoint = TESTVIEW_ENDPOINTS},
		.endpoint = {[TESTVIEW_ASIA] = {.name = TESTVIEW_AT(asia_name), .checked = 1,
		                                .rdata = {TESTVIEW_RDATA(a_asia, 1),
		                                          TESTVIEW_RDATA(aaaa_asia, 1)}},
		             [TESTVIEW_EU] = {.name = TESTVIEW_AT(eu_name), .slot = 1, .checked = 1,
		                              .rdata = {TESTVIEW_RDATA(a_eu, 1)}},
		             [TESTVIEW_EU2] = {.slot = 2, .checked = 1, .rdata = {TESTVIEW_RDATA(a_eu2, 2)}},
		             [TESTVIEW_TARGET] = {.slot = 3, .rdata = {[ISB_PLAN_SRV] = TESTVIEW_RDATA(srv_target,
		                                                                                       1)}},
		             [TESTVIEW_OURS] = {.slot = 4, .rdata = {[ISB_PLAN_CNAME] = TESTVIEW_RDATA(ours, 1),
		                                                     [ISB_PLAN_ALIAS] = TESTVIEW_RDATA(ours, 1)}},
		             [TESTVIEW_LOOP] = {.slot = 5, .rdata = {[ISB_PLAN_CNAME] = TESTVIEW_RDATA(loop, 1),
		                                                     [ISB_PLAN_ALIAS] = TESTVIEW_RDATA(loop, 1)}},
		             [TESTVIEW_OUTSIDE] = {.slot = 6, .rdata = {[ISB_PLAN_CNAME] = TESTVIEW_RDATA(outside, 1),
		                                                        [ISB_PLAN_ALIAS] = TESTVIEW_RDATA(outside, 1)},
		                                   .resolved = {TESTVIEW_RDATA(a_outside, 1)}, .host = 1}},
		.geo = {{.node = TESTVIEW_AT(asia)}, {.node = TESTVIEW_AT(eu)}, {.node = ISB_NO_NODE}},
		.one = {{.node = TESTVIEW_AT(asia)}},
		.srv = {{.node = TESTVIEW_AT(target)}},
		.named = {{.node = TESTVIEW_AT(names)}},
		.name = "test",
		.asia_name = "test/asia",
		.eu_name = "test/eu",
		.a_asia = {0, 4, 192, 0, 2, 10},
		.aaaa_asia = {0, 16, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10},
		.a_eu = {0, 4, 198, 51, 100, 20},
		.a_eu2 = {0, 4, 198, 51, 100, 20, 0, 4, 198, 51, 100, 21},
		.srv_target = {0, 24, 0, 10, 0, 20, 0x13, 0xc4, 3, 's', 'i', 'p', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e',
		               4, 't',
	                       'e', 's', 't', 0},
		.ours = {0, 18, 3, 'w', 'w', 'w', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 4, 't', 'e', 's', 't', 0},
		.loop = {0, 17, 2, 'a', 'l', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 4, 't', 'e', 's', 't', 0},
		.outside = {0, 11, 1, 'o', 7, 'i', 'n', 'v', 'a', 'l', 'i', 'd', 0},
		.a_outside = {0, 4, 203, 0, 113, 7},
	};
	testview_pool(p->asia, p->endpoint, TESTVIEW_ASIA, 1, 1);
	testview_pool(p->eu, p->endpoint, TESTVIEW_EU, 2, 0);
	testview_pool(p->target, p->endpoint, TESTVIEW_TARGET, 1, 1);
	testview_pool(p->names, p->endpoint, TESTVIEW_OURS, 3, 0);
	uint32_t addresses = 1u << ISB_PLAN_A | 1u << ISB_PLAN_AAAA;
	p->record[TESTVIEW_GEO] = testview_plan_record(addresses, 0, TESTVIEW_AT(geo), 3, ISB_ALL_DOWN_ALL);
	p->record[TESTVIEW_NODATA] = testview_plan_record(addresses, ISB_NO_MAP, TESTVIEW_AT(one), 1,
	                                                  ISB_ALL_DOWN_NODATA);
	p->record[TESTVIEW_FALLBACK] =
		testview_plan_record(addresses, ISB_NO_MAP, TESTVIEW_AT(one), 1, ISB_ALL_DOWN_FALLBACK);
	p->record[TESTVIEW_SRV] = testview_plan_record(1u << ISB_PLAN_SRV, ISB_NO_MAP, TESTVIEW_AT(srv), 1,
	                                               ISB_ALL_DOWN_ALL);
	p->record[TESTVIEW_CNAME] = testview_plan_record(1u << ISB_PLAN_CNAME, ISB_NO_MAP, TESTVIEW_AT(named), 1, ISB_ALL_DOWN_ALL);
	p->record[TESTVIEW_ALIAS] = testview_plan_record(1u << ISB_PLAN_ALIAS, ISB_NO_MAP, TESTVIEW_AT(named), 1, ISB_ALL_DOWN_ALL);
	for (enum isb_plan_type type = ISB_PLAN_A; type <= ISB_PLAN_AAAA; type++)
		p->geo[0].list[type] = p->one[0].list[type] = testview_list(p, type);
	p->record[TESTVIEW_GEO].listed = p->record[TESTVIEW_NODATA].listed = p->record[TESTVIEW_FALLBACK].listed = addresses;
	t->view.host_until_ms = t->until_ms;
	t->view.nhost = 1;
	testview_must(isb_plan_check(&p->head, sizeof(*p)), "plan");
	t->view.plan = &p->head;
	t->map = isb_geomap_new(NULL, nets, sizeof(nets) / sizeof(nets[0]), NULL, 0, testview_class, NULL);
	t->maps[0] = t->map;
	t->view.maps = t->maps;
}
