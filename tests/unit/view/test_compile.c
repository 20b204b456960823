/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../lib/view/compile.h"
#include "isobar/base/err.h"
#include "isobar/model/schema.h"

/* From catalog text to the flat plan, without a store: records are numbered in the order of the text. */

enum { RECORDS_MAX = 1000 };
struct compiled {
	struct isb_arena arena;
	struct isb_catalog catalog;
	struct isb_cells *cells;
	struct isb_latencies *latencies;
	struct isb_compile_record records[RECORDS_MAX];
	struct isb_compiled made;
	struct isb_diags diags;
	struct isb_buf text;
	int rc;
};

static uint32_t slot(void *arg, const char *pool, const char *endpoint)
{
	uint32_t *next = arg;
	(void)pool;
	return strcmp(endpoint, "slotless") == 0 ? ISB_SLOT_NONE : (*next)++;
}

static void compile(struct compiled *c, const char *yaml, const struct compiled *old)
{
	struct isb_yaml *root;
	uint32_t next_slot = 100;
	memset(c, 0, sizeof(*c));
	isb_catalog_init(&c->catalog);
	isb_diags_init(&c->diags);
	assert_int_equal(isb_yaml_parse(&c->catalog.arena, "test", yaml, strlen(yaml), &c->diags, &root), ISB_OK);
	int rc = isb_schema_read(&c->catalog, root, &c->diags);
	if (rc == ISB_OK)
		rc = isb_catalog_check(&c->catalog, &c->diags);
	isb_diags_print(&c->diags, stderr);
	assert_int_equal(rc, ISB_OK);
	c->cells = isb_cells_new(NULL, 0);
	isb_cells_seal(c->cells);
	c->latencies = isb_latencies_new(&c->arena, &c->catalog, c->cells);
	struct isb_compile_in in = {.arena = &c->arena, .catalog = &c->catalog, .latencies = c->latencies,
	                            .records = c->records, .slot = slot, .slot_arg = &next_slot,
	                            .old_maps = old ? old->made.maps : NULL, .nold_map = old ? old->made.nmap : 0};
	for (size_t i = 0; i < c->catalog.nzone; i++)
		for (size_t k = 0; k < c->catalog.zones[i].nrecord; k++) {
			const struct isb_record *record = &c->catalog.zones[i].records[k];
			assert_true(in.nrecord < RECORDS_MAX);
			c->records[in.nrecord++] = (struct isb_compile_record){.name = record->owner, .record = record};
		}
	c->rc = isb_compile(&in, &c->diags, &c->made);
}

static void compile_good(struct compiled *c, const char *yaml, const struct compiled *old)
{
	compile(c, yaml, old);
	isb_diags_print(&c->diags, stderr);
	assert_int_equal(c->rc, ISB_OK);
	assert_true(isb_plan_check(c->made.plan, c->made.plan->size));
}

static void done(struct compiled *c)
{
	for (size_t i = 0; i < c->made.nmap; i++)
		isb_tree_map_release(c->made.maps[i]);
	free(c->made.plan);
	isb_cells_release(c->cells);
	isb_buf_done(&c->text);
	isb_diags_done(&c->diags);
	isb_catalog_done(&c->catalog);
	isb_arena_done(&c->arena);
}

static void print(struct isb_buf *out, const struct isb_plan *plan, const struct isb_plan_node *node)
{
	isb_buf_printf(out, "%s[", isb_plan_text(plan, node->name));
	for (uint32_t i = 0; i < node->nchild; i++) {
		const struct isb_plan_child *child = &node->child[i];
		isb_buf_printf(out, "%s%u*%u ", i ? " " : "", child->rank, child->weight);
		if (node->flags & ISB_NODE_POOL)
			isb_buf_puts(out, isb_plan_text(plan, isb_plan_endpoint(plan, child->ref)->name));
		else
			print(out, plan, isb_plan_node(plan, child->ref));
	}
	isb_buf_puts(out, "]");
}

/* "www[0*1 asia[0*3 asia/icn-1]]": rank*weight of each child. */
static const char *shown(struct compiled *c, uint32_t record, const char *client)
{
	const struct isb_plan_record *r = isb_plan_record(c->made.plan, record);
	struct isb_addr addr;
	uint32_t cls = 0;
	assert_non_null(r);
	if (client && r->map != ISB_NO_MAP) {
		assert_int_equal(isb_addr_parse(client, &addr), ISB_OK);
		cls = isb_geomap_find(c->made.maps[r->map]->map, &addr).cls;
	}
	const struct isb_plan_node *root = isb_plan_root(c->made.plan, r, cls);
	isb_buf_reset(&c->text);
	if (root)
		print(&c->text, c->made.plan, root);
	return isb_buf_text(&c->text);
}

static const struct isb_plan_endpoint *endpoint(const struct compiled *c, const char *name)
{
	for (uint32_t i = 0; i < c->made.plan->nendpoint; i++) {
		const struct isb_plan_endpoint *e = isb_plan_endpoint(c->made.plan, i);
		if (strcmp(isb_plan_text(c->made.plan, e->name), name) == 0)
			return e;
	}
	fail_msg("no endpoint '%s'", name);
	return NULL;
}

#define POOLS \
	"regions: {seoul: {location: [37.57, 126.98]}, virginia: {location: [38.95, -77.45]}}\n" \
	"checks: {web: {type: tcp, port: 443}}\n" \
	"pools:\n" \
	"  asia: {check: web, endpoints: {icn-1: {region: seoul, address: 192.0.2.10, weight: 3},\n" \
	"                                 icn-2: {region: seoul, address: 192.0.2.11}}}\n" \
	"  us: {order: failover, answers: 2, min_up: 50%, endpoints: {\n" \
	"    b: {region: virginia, address: 198.51.100.2, tier: 7}, a: {region: virginia, address: 198.51.100.1},\n" \
	"    c: {region: virginia, address: 198.51.100.3, tier: 7, weight: 0}}}\n" \
	"  free: {endpoints: {f: {address: [203.0.113.1, '2001:db8::1', 203.0.113.2], host: lb.example.com, port: 443,\n" \
	"                         weight: 9, tier: 4}, bare: {host: b.example.com}}}\n"

static void orders_become_ranks_and_children_stand_by_rank(void **state)
{
	struct compiled c;
	(void)state;
	compile_good(&c, POOLS "policies:\n  standby: [us, asia]\n"
	             "  some: {order: weighted, of: [{use: asia, weight: 0}, {use: us, weight: 5}]}\n"
	             "zones: {example.com: {records: {a: {types: [A], policy: asia}, u: {types: [A], policy: us},\n"
	             "  s: {types: [A], policy: standby}, w: {types: [A], policy: some}}}}\n", NULL);
	assert_string_equal(shown(&c, 0, NULL), "asia[0*3 asia/icn-1 0*1 asia/icn-2]");
	assert_string_equal(shown(&c, 1, NULL), "us[0*1 us/a 7*1 us/b 7*0 us/c]");
	assert_string_equal(shown(&c, 2, NULL), "standby[0*1 us[0*1 us/a 7*1 us/b 7*0 us/c] "
	                                        "1*1 asia[0*3 asia/icn-1 0*1 asia/icn-2]]");
	assert_string_equal(shown(&c, 3, NULL), "some[0*5 us[0*1 us/a 7*1 us/b 7*0 us/c] " /* weight 0: after all others */
	                                        "1*0 asia[0*3 asia/icn-1 0*1 asia/icn-2]]");
	assert_int_equal(c.made.nmap, 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(isb_plan_record(c.made.plan, i)->map, ISB_NO_MAP);
	done(&c);
}

static void a_pools_counts_are_counts(void **state)
{
	static const struct {
		const char *min_up;
		uint32_t count;
	} cases[] = {{"1", 1}, {"3", 3}, {"1%", 1}, {"33%", 1}, {"34%", 2}, {"66%", 2}, {"67%", 3}, {"100%", 3}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct compiled c;
		char yaml[512];
		snprintf(yaml, sizeof(yaml), "pools: {p: {answers: all, min_up: %s, endpoints: {a: {address: 192.0.2.1}, "
		         "b: {address: 192.0.2.2}, c: {address: 192.0.2.3}}}}\n"
		         "zones: {example.com: {records: {a: {types: [A], policy: p}}}}\n", cases[i].min_up);
		compile_good(&c, yaml, NULL);
		const struct isb_plan_node *root = isb_plan_root(c.made.plan, isb_plan_record(c.made.plan, 0), 0);
		assert_int_equal(root->min_up, cases[i].count);
		assert_int_equal(root->answers, 0);
		assert_int_equal(root->flags, ISB_NODE_POOL);
		done(&c);
	}
}

static void endpoints_carry_their_rdata_in_wire_form(void **state)
{
	struct compiled c;
	(void)state;
	/* SRV needs a port of all endpoints of a pool, so that "bare" is asked for addresses only */
	compile_good(&c, POOLS "  served: {endpoints: {f: {host: lb.example.com, port: 443, weight: 9, tier: 4}}}\n"
	             "zones: {example.com: {records: {a: {types: [A, AAAA], policy: free}, s: {types: SRV, policy: served}}}}\n", NULL);
	const struct isb_plan_endpoint *srv = endpoint(&c, "served/f");
	const struct isb_plan_endpoint *f = endpoint(&c, "free/f"), *bare = endpoint(&c, "free/bare"),
	                               *icn = endpoint(&c, "asia/icn-2");
	assert_int_equal(f->rdata[ISB_PLAN_A].count, 2);
	assert_int_equal(f->rdata[ISB_PLAN_A].size, 12);
	assert_memory_equal(isb_plan_rdata(c.made.plan, &f->rdata[ISB_PLAN_A]), "\0\4\313\0\161\1\0\4\313\0\161\2", 12);
	assert_int_equal(f->rdata[ISB_PLAN_AAAA].count, 1);
	assert_memory_equal(isb_plan_rdata(c.made.plan, &f->rdata[ISB_PLAN_AAAA]),
	                    "\0\20\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1", 18);
	assert_int_equal(f->rdata[ISB_PLAN_SRV].count, 0); /* no record asks for it */
	assert_int_equal(srv->rdata[ISB_PLAN_SRV].count, 1);
	assert_int_equal(srv->rdata[ISB_PLAN_SRV].size, 24);
	/* priority 4, the tier; weight 9; port 443 (RFC 2782) */
	assert_memory_equal(isb_plan_rdata(c.made.plan, &srv->rdata[ISB_PLAN_SRV]), "\0\26\0\4\0\11\1\273\2lb\7example\3com\0", 24);
	for (int t = 0; t < ISB_PLAN_TYPES; t++)
		assert_int_equal(bare->rdata[t].count, 0); /* no address */
	assert_int_equal(icn->rdata[ISB_PLAN_SRV].count, 0);
	assert_int_equal(f->checked, 0);
	assert_int_equal(f->region, 0);
	assert_int_equal(icn->checked, 1);
	assert_int_equal(icn->slot, 101);
	assert_string_equal(isb_plan_text(c.made.plan, icn->region), "seoul");
	done(&c);
}

static void assert_rdata(const struct compiled *c, const char *name, enum isb_plan_type type, const char *octets, size_t len)
{
	const struct isb_plan_rdata *rdata = &endpoint(c, name)->rdata[type];
	assert_int_equal(rdata->count, 1);
	assert_int_equal(rdata->size, len);
	assert_memory_equal(isb_plan_rdata(c->made.plan, rdata), octets, len);
}
#define assert_wire(c, name, type, text) assert_rdata(c, name, type, text, sizeof(text) - 1)

static void every_type_has_its_wire_form(void **state)
{
	struct compiled c;
	(void)state;
	compile_good(&c, "pools:\n  p: {endpoints: {\n"
	             "    full: {address: [192.0.2.1, '2001:db8::1'], host: h.test, port: 8443, tier: 2, text: [v=1, ''], alpn: [h2, h3],\n"
	             "           no_default_alpn: true, ech: AAEC, dohpath: '/q{?dns}'},\n"
	             "    bare: {host: h.test, text: x, priority: 7, hints: false, address: 192.0.2.2},\n"
	             "    alias: {host: h.test, text: x, priority: 0, port: 1, alpn: h2}}}\n"
	             "  own: {endpoints: {e: {address: 192.0.2.3, alpn: h3}}}\n"
	             "zones: {example.com: {records: {a: {types: [MX, TXT, SVCB, HTTPS, ALIAS], policy: p}, c: {types: CNAME, policy: p},\n"
	             "  h: {types: [HTTPS], policy: own}}}}\n", NULL);
#define HOST "\1h\4test\0"
	assert_wire(&c, "p/full", ISB_PLAN_CNAME, "\0\10" HOST);
	assert_wire(&c, "p/full", ISB_PLAN_ALIAS, "\0\10" HOST);
	assert_wire(&c, "p/full", ISB_PLAN_MX, "\0\12\0\36" HOST); /* tier 2: 30 */
	assert_wire(&c, "p/bare", ISB_PLAN_MX, "\0\12\0\7" HOST);
	assert_wire(&c, "p/full", ISB_PLAN_TXT, "\0\5\3v=1\0"); /* the second string is empty */
	/* RFC 9460 §2.2: keys in ascending order: alpn, no-default-alpn, port, ipv4hint, ech, ipv6hint, dohpath */
#define PARAMS "\0\1\0\6\2h2\2h3" "\0\2\0\0" "\0\3\0\2\40\373" "\0\4\0\4\300\0\2\1" "\0\5\0\3\0\1\2" \
	       "\0\6\0\20\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1" "\0\7\0\10/q{?dns}"
	assert_wire(&c, "p/full", ISB_PLAN_HTTPS, "\0\115\0\3" HOST PARAMS);
	assert_wire(&c, "p/full", ISB_PLAN_SVCB, "\0\115\0\3" HOST PARAMS);
	assert_wire(&c, "p/bare", ISB_PLAN_HTTPS, "\0\12\0\7" HOST);
	assert_wire(&c, "p/alias", ISB_PLAN_HTTPS, "\0\12\0\0" HOST); /* AliasMode has no parameters, §2.4.2 */
	assert_wire(&c, "own/e", ISB_PLAN_HTTPS, "\0\22\0\1\0" "\0\1\0\3\2h3" "\0\4\0\4\300\0\2\3"); /* target "." */
	assert_int_equal(endpoint(&c, "own/e")->rdata[ISB_PLAN_SVCB].count, 0);
	done(&c);
}

static void a_long_text_becomes_several_strings(void **state)
{
	struct compiled c;
	char yaml[1024], text[301], expected[2 + 256 + 46];
	(void)state;
	memset(text, 'x', 300);
	text[300] = '\0';
	snprintf(yaml, sizeof(yaml), "pools: {p: {endpoints: {e: {text: %s}}}}\n"
	         "zones: {example.com: {records: {a: {types: TXT, policy: p}}}}\n", text);
	compile_good(&c, yaml, NULL);
	memset(expected, 'x', sizeof(expected));
	memcpy(expected, "\1\56\377", 3); /* 302 octets: 1 + 255, 1 + 45 */
	expected[2 + 256] = 45;
	assert_rdata(&c, "p/e", ISB_PLAN_TXT, expected, sizeof(expected));
	done(&c);
}

static void a_record_says_how_to_answer(void **state)
{
	struct compiled c;
	(void)state;
	compile_good(&c, POOLS "zones: {example.com: {records: {\n"
	             "  a: {types: [AAAA, A], ttl: 20s, ttl_min: 7s, policy: free, all_down: nodata},\n"
	             "  b: {types: [A], ttl: 3s, policy: free}}}}\n", NULL);
	const struct isb_plan_record *a = isb_plan_record(c.made.plan, 0), *b = isb_plan_record(c.made.plan, 1);
	assert_int_equal(a->types, 1u << ISB_PLAN_A | 1u << ISB_PLAN_AAAA);
	assert_int_equal(a->ttl_s, 20);
	assert_int_equal(a->ttl_min_s, 7);
	assert_int_equal(a->all_down, ISB_ALL_DOWN_NODATA);
	assert_int_equal(b->ttl_min_s, 3); /* no longer than the TTL itself */
	assert_int_equal(b->all_down, ISB_ALL_DOWN_ALL);
	assert_null(isb_plan_record(c.made.plan, 2));
	done(&c);
}

#define GEO(name, first, second) \
	"  " name ": {order: geo, rules: [{nets: [198.51.100.0/24], use: " first "}, {default: true, use: " second "}]}\n"

static void a_policy_has_one_node_per_class_of_clients(void **state)
{
	struct compiled c;
	(void)state;
	compile_good(&c, POOLS "policies:\n" GEO("www", "asia", "us")
	             "zones: {example.com: {records: {a: {types: [A], policy: www}}}}\n", NULL);
	assert_int_equal(isb_plan_record(c.made.plan, 0)->nclass, 2);
	assert_string_equal(shown(&c, 0, "198.51.100.1"), "www[0*1 asia[0*3 asia/icn-1 0*1 asia/icn-2] "
	                                                  "1*1 us[0*1 us/a 7*1 us/b 7*0 us/c]]");
	assert_string_equal(shown(&c, 0, "198.51.101.1"), "www[0*1 us[0*1 us/a 7*1 us/b 7*0 us/c]]");
	assert_string_equal(shown(&c, 0, "2001:db8::1"), "www[0*1 us[0*1 us/a 7*1 us/b 7*0 us/c]]");
	assert_null(isb_plan_root(c.made.plan, isb_plan_record(c.made.plan, 0), 2));
	done(&c);
}

static void policies_of_one_shape_share_one_map_and_others_do_not(void **state)
{
	struct compiled c;
	(void)state;
	compile_good(&c, POOLS "policies:\n" GEO("one", "asia", "us") GEO("two", "us", "asia") GEO("three", "free", "asia")
	             "  other: {order: geo, rules: [{nets: [198.51.100.0/25], use: asia}, {default: true, use: us}]}\n"
	             "  fenced: {order: geo, rules: [{nets: [198.51.100.0/24], use: asia, fence: true},\n"
	             "                               {default: true, use: us}]}\n"
	             "zones: {example.com: {records: {a: {types: [A], policy: one}, b: {types: [A], policy: two},\n"
	             "  c: {types: [A], policy: three}, d: {types: [A], policy: other}, e: {types: [A], policy: fenced},\n"
	             "  f: {types: [AAAA], policy: one}}}}\n", NULL);
	const struct isb_plan *plan = c.made.plan;
	assert_int_equal(isb_plan_record(plan, 0)->map, isb_plan_record(plan, 5)->map);
	assert_int_equal(isb_plan_record(plan, 0)->classes, isb_plan_record(plan, 5)->classes);
	assert_int_not_equal(isb_plan_record(plan, 0)->map, isb_plan_record(plan, 3)->map);
	assert_int_not_equal(isb_plan_record(plan, 0)->map, isb_plan_record(plan, 4)->map);
	/* what the rules lead to is no part of the clients' classes, as long as it does not look at the client itself */
	assert_int_equal(isb_plan_record(plan, 0)->map, isb_plan_record(plan, 2)->map);
	assert_string_equal(shown(&c, 1, "198.51.100.1"), "two[0*1 us[0*1 us/a 7*1 us/b 7*0 us/c] "
	                                                  "1*1 asia[0*3 asia/icn-1 0*1 asia/icn-2]]");
	done(&c);
}

static void a_map_lives_on_in_later_builds_until_the_last_lets_go(void **state)
{
	struct compiled a, b, c;
	static const char rest[] = "zones: {example.com: {records: {a: {types: [A], policy: www}}}}\n";
	char yaml[2048];
	(void)state;
	snprintf(yaml, sizeof(yaml), "%spolicies:\n%s%s", POOLS, GEO("www", "asia", "us"), rest);
	compile_good(&a, yaml, NULL);
	assert_int_equal(a.made.maps[0]->users, 1);
	compile_good(&b, yaml, &a);
	assert_ptr_equal(a.made.maps[0], b.made.maps[0]);
	assert_int_equal(a.made.maps[0]->users, 2);
	assert_memory_equal(a.made.plan, b.made.plan, a.made.plan->size);
	done(&a);
	assert_int_equal(b.made.maps[0]->users, 1);
	snprintf(yaml, sizeof(yaml), "%spolicies:\n%s%s", POOLS, "  www: {order: geo, rules: [{nets: [198.51.100.0/23], "
	         "use: asia}, {default: true, use: us}]}\n", rest);
	compile_good(&c, yaml, &b);
	assert_ptr_not_equal(c.made.maps[0], b.made.maps[0]);
	done(&b);
	assert_string_equal(shown(&c, 0, "198.51.101.1"), "www[0*1 asia[0*3 asia/icn-1 0*1 asia/icn-2] "
	                                                  "1*1 us[0*1 us/a 7*1 us/b 7*0 us/c]]");
	done(&c);
}

static void a_failed_build_gives_its_maps_back(void **state)
{
	struct compiled a, b;
	(void)state;
	compile_good(&a, POOLS "policies:\n" GEO("www", "asia", "us")
	             "zones: {example.com: {records: {a: {types: [A], policy: www}}}}\n", NULL);
	compile(&b, POOLS "  p: {endpoints: {slotless: {address: 192.0.2.1}}}\npolicies:\n" GEO("www", "asia", "us")
	        "zones: {example.com: {records: {a: {types: [A], policy: www}, b: {types: [A], policy: p}}}}\n", &a);
	assert_int_equal(b.rc, ISB_EINVAL);
	assert_int_equal(a.made.maps[0]->users, 1);
	done(&b);
	done(&a);
}

static void an_endpoint_without_a_slot_is_an_error(void **state)
{
	struct compiled c;
	(void)state;
	compile(&c, "pools: {p: {endpoints: {slotless: {address: 192.0.2.1}}}}\n"
	        "zones: {example.com: {records: {a: {types: [A], policy: p}}}}\n", NULL);
	assert_int_equal(c.rc, ISB_EINVAL);
	assert_string_equal(c.diags.list[0].text, "endpoint 'p/slotless' has no slot in the store");
	done(&c);
}

static void what_is_the_same_is_there_once(void **state)
{
	struct compiled c;
	(void)state;
	compile_good(&c, "pools:\n  p: {endpoints: {a: {address: 192.0.2.1}, b: {address: 192.0.2.1}}}\n"
	             "policies:\n  one: {order: weighted, of: [p, p]}\n  two: {order: weighted, of: [one, p]}\n"
	             "zones: {example.com: {records: {a: {types: [A], policy: two}, b: {types: [A], policy: p}}}}\n", NULL);
	assert_int_equal(endpoint(&c, "p/a")->rdata[ISB_PLAN_A].offset, endpoint(&c, "p/b")->rdata[ISB_PLAN_A].offset);
	const struct isb_plan_node *two = isb_plan_root(c.made.plan, isb_plan_record(c.made.plan, 0), 0);
	const struct isb_plan_node *one = isb_plan_node(c.made.plan, two->child[0].ref);
	const struct isb_plan_node *p = isb_plan_root(c.made.plan, isb_plan_record(c.made.plan, 1), 0);
	assert_int_equal(one->child[0].ref, one->child[1].ref);
	assert_int_equal(one->child[0].ref, two->child[1].ref);
	assert_ptr_equal(isb_plan_node(c.made.plan, two->child[1].ref), p);
	done(&c);
}

static void a_class_for_which_nothing_is_left_has_no_plan(void **state)
{
	struct compiled c;
	(void)state;
	compile_good(&c, POOLS "policies:\n"
	             "  inner: {order: geo, rules: [{nets: [198.51.100.0/25], use: asia}]}\n"
	             "  outer: {order: geo, rules: [{nets: [198.51.100.0/24], use: inner}, {nets: [203.0.113.0/24], use: us}]}\n"
	             "zones: {example.com: {records: {a: {types: [A], policy: outer}}}}\n", NULL);
	assert_string_equal(shown(&c, 0, "198.51.100.1"), "outer[0*1 inner[0*1 asia[0*3 asia/icn-1 0*1 asia/icn-2]]]");
	assert_string_equal(shown(&c, 0, "198.51.100.129"), ""); /* a rule matches, and leads nowhere */
	assert_string_equal(shown(&c, 0, "203.0.113.1"), "outer[0*1 us[0*1 us/a 7*1 us/b 7*0 us/c]]");
	assert_string_equal(shown(&c, 0, "192.0.2.1"), "");
	done(&c);
}

/* --- Decisions: what makes no difference makes no class ------------------------------------------------------------ */

/* Pools a to f of one endpoint each, and rules for 198.51.100.0/24 (A), 203.0.113.0/24 (B) and everybody else. */
#define LETTERS \
	"regions: {seoul: {location: [37.57, 126.98]}, virginia: {location: [38.95, -77.45]}}\n" \
	"pools:\n  a: {endpoints: {e: {address: 10.0.0.1, region: seoul}}}\n  b: {endpoints: {e: {address: 10.0.0.2, region: virginia}}}\n" \
	"  c: {endpoints: {e: {address: 10.0.0.3}}}\n  d: {endpoints: {e: {address: 10.0.0.4}}}\n" \
	"policies:\n  named: [a, b]\n  twin: [a, b]\n"
#define RULES(of_a, of_b, rest) \
	LETTERS "  www:\n    order: geo\n    rules:\n      - {nets: [198.51.100.0/24], use: " of_a "}\n" \
	"      - {nets: [203.0.113.0/24], use: " of_b "}\n" rest \
	"zones: {example.com: {records: {www: {types: [A], policy: www}}}}\n"
#define OTHERS(use) "      - {default: true, use: " use "}\n"

static uint32_t class_of(const struct compiled *c, const char *client)
{
	struct isb_addr addr;
	assert_int_equal(isb_addr_parse(client, &addr), ISB_OK);
	return isb_geomap_find(c->made.maps[isb_plan_record(c->made.plan, 0)->map]->map, &addr).cls;
}

/* The plans of clients A and B as text, and whether they are one class. */
static void assert_plans(const char *yaml, bool one_class, const char *of_a, const char *of_b)
{
	struct compiled c;
	compile_good(&c, yaml, NULL);
	assert_string_equal(shown(&c, 0, "198.51.100.1"), of_a);
	assert_string_equal(shown(&c, 0, "203.0.113.1"), of_b);
	assert_int_equal(class_of(&c, "198.51.100.1") == class_of(&c, "203.0.113.1"), one_class);
	done(&c);
}
#define SAME(yaml, plan) assert_plans(yaml, true, plan, plan)

#define A "a[0*1 a/e]"
#define B "b[0*1 b/e]"
#define C "c[0*1 c/e]"
#define D "d[0*1 d/e]"

static void rules_that_lead_to_the_same_are_one_decision(void **state)
{
	(void)state;
	SAME(RULES("a", "a", OTHERS("b")), "www[0*1 " A " 1*1 " B "]");
	SAME(RULES("[a, b]", "[a, b]", OTHERS("c")), "www[0*1 " A " 1*1 " B " 2*1 " C "]");
	SAME(RULES("named", "named", OTHERS("b")), "www[0*1 named[0*1 " A " 1*1 " B "]]");
	/* both match: what comes a second time can never matter */
	SAME(LETTERS "  www: {order: geo, rules: [{nets: [203.0.113.0/24], use: [a, b]},\n"
	     "    {nets: [198.51.100.0/22, 203.0.113.0/25], use: [a, b]}, {default: true, use: b}]}\n"
	     "zones: {example.com: {records: {www: {types: [A], policy: www}}}}\n", "www[0*1 " A " 1*1 " B "]");
	/* a list says its children one after the other, as the rules themselves do */
	SAME(RULES("a", "[a, b]", OTHERS("b")), "www[0*1 " A " 1*1 " B "]");
	SAME(RULES("[a, [b, c]]", "[[[a, b]], c]", OTHERS("d")), "www[0*1 " A " 1*1 " B " 2*1 " C " 3*1 " D "]");
	SAME(RULES("{order: weighted, of: [a]}", "[a, a]", OTHERS("[a, c]")), "www[0*1 " A " 1*1 " C "]");
	/* and so does what the client is ranked for in place */
	SAME(RULES("{order: geo, rules: [{nets: [0.0.0.0/0], use: b}]}", "b", OTHERS("c")), "www[0*1 " B " 1*1 " C "]");
	SAME(RULES("{order: weighted, of: [a, {use: b, weight: 3}]}", "{order: weighted, of: [a, {use: b, weight: 3}]}", ""),
	     "www[0*1 " A " 0*3 " B "]");
	/* other orders draw in ways of their own, and so keep their walls; of one child all make the same */
	SAME(RULES("{order: rotate, of: [a, b]}", "{order: rotate, of: [a, b]}", ""), "www[0*1 rotate of a, b[0*1 " A " 0*1 " B "]]");
	SAME(RULES("{order: hash, of: [a], hash: {seed: 5}}", "{order: rotate, of: [a]}", OTHERS("a")), "www[0*1 " A "]");
	/* alone at its rank, so its weight says nothing */
	SAME(RULES("{order: nearest, of: [{use: a, weight: 7}]}", "{order: nearest, of: [a]}", OTHERS("b")),
	     "www[0*7 " A " 1*1 " B "]");
}

static void what_can_make_a_difference_does(void **state)
{
	(void)state;
	assert_plans(RULES("[a, b]", "[b, a]", ""), false, "www[0*1 " A " 1*1 " B "]", "www[0*1 " B " 1*1 " A "]");
	assert_plans(RULES("{order: weighted, of: [a, {use: b, weight: 3}]}", "{order: weighted, of: [a, {use: b, weight: 4}]}", ""),
	             false, "www[0*1 " A " 0*3 " B "]", "www[0*1 " A " 0*4 " B "]");
	/* among equals a second ticket counts */
	assert_plans(RULES("{order: weighted, of: [a, b, a]}", "{order: weighted, of: [a, b]}", ""), false,
	             "www[0*1 " A " 0*1 " B " 0*1 " A "]", "www[0*1 " A " 0*1 " B "]");
	/* one of weight 0 keeps its policy's walls, or it would come only after the rules below */
	assert_plans(RULES("{order: weighted, of: [{use: a, weight: 0}, b]}", "[b, a]", OTHERS("c")), false,
	             "www[0*1 weighted of a*0, b[0*1 " B " 1*0 " A "] 1*1 " C "]", "www[0*1 " B " 1*1 " A " 2*1 " C "]");
	/* and it is not tried before: c comes after a and b here, and a after b there */
	assert_plans(RULES("{order: weighted, of: [{use: a, weight: 0}, b]}", "{order: weighted, of: [a, b]}", OTHERS("[a, c]")),
	             false, "www[0*1 weighted of a*0, b[0*1 " B " 1*0 " A "] 1*1 " C "]", "www[0*1 " A " 0*1 " B " 1*1 " C "]");
	/* a trickle jumps over ranks */
	assert_plans(RULES("{trickle: 5, of: [a, b]}", "[a, b]", OTHERS("c")), false,
	             "www[0*1 a, b[0*1 " A " 1*1 " B "] 1*1 " C "]", "www[0*1 " A " 1*1 " B " 2*1 " C "]");
	/* how equals are drawn */
	assert_plans(RULES("{order: rotate, of: [a, b]}", "{order: weighted, of: [a, b]}", ""), false,
	             "www[0*1 rotate of a, b[0*1 " A " 0*1 " B "]]", "www[0*1 " A " 0*1 " B "]");
	assert_plans(RULES("{order: hash, hash: {seed: 1}, of: [a, b]}", "{order: hash, hash: {seed: 2}, of: [a, b]}", ""), false,
	             "www[0*1 hash of a, b[0*1 " A " 0*1 " B "]]", "www[0*1 hash of a, b#2[0*1 " A " 0*1 " B "]]");
	/* a policy with a name is one thing, whatever it holds */
	assert_plans(RULES("named", "twin", ""), false, "www[0*1 named[0*1 " A " 1*1 " B "]]", "www[0*1 twin[0*1 " A " 1*1 " B "]]");
}

static void what_is_alike_in_place_is_one_node(void **state)
{
	struct compiled c;
	(void)state;
	compile_good(&c, LETTERS "  www: {order: weighted, of: [[a, b], [a, b], {order: weighted, of: [a, {use: b, weight: 2}]}, c]}\n"
	             "zones: {example.com: {records: {www: {types: [A], policy: www}}}}\n", NULL);
	const struct isb_plan_node *www = isb_plan_root(c.made.plan, isb_plan_record(c.made.plan, 0), 0);
	assert_int_equal(www->child[0].ref, www->child[1].ref);
	assert_int_not_equal(www->child[0].ref, www->child[2].ref);
	assert_string_equal(isb_plan_text(c.made.plan, isb_plan_node(c.made.plan, www->child[2].ref)->name), "weighted of a, b*2");
	done(&c);
	/* the same names, but other rules lead there */
	compile_good(&c, LETTERS "  www: {order: weighted, of: [\n"
	             "    {order: geo, rules: [{nets: [198.51.100.0/24], use: a}, {default: true, use: b}]},\n"
	             "    {order: geo, rules: [{nets: [203.0.113.0/24], use: a}, {default: true, use: b}]}]}\n"
	             "zones: {example.com: {records: {www: {types: [A], policy: www}}}}\n", NULL);
	assert_string_equal(shown(&c, 0, "198.51.100.1"), "www[0*1 geo of a, b[0*1 " A " 1*1 " B "] 0*1 geo of a, b#2[0*1 " B "]]");
	assert_int_equal(isb_plan_record(c.made.plan, 0)->nclass, 3);
	done(&c);
}

static void a_thousand_policies_share_the_maps_of_their_rules(void **state)
{
	struct compiled c;
	struct isb_buf yaml = {0};
	(void)state;
	isb_buf_puts(&yaml, "pools:\n");
	for (int i = 0; i < 40; i++)
		isb_buf_printf(&yaml, "  p%d: {endpoints: {e: {address: 10.0.0.%d}}}\n", i, i + 1);
	isb_buf_puts(&yaml, "policies:\n");
	for (int i = 0; i < 1000; i++) /* 50 sets of rules, each leading to many pairs of pools, with many weights */
		isb_buf_printf(&yaml, "  w%d: {order: geo, rules: [{nets: [10.%d.0.0/16], use: [p%d, p%d]}, {nets: [10.200.0.0/16],\n"
		               "    use: {order: weighted, of: [p%d, {use: p%d, weight: %d}]}}, {default: true, use: p%d}]}\n",
		               i, i % 50, i % 20, 20 + i % 7, i % 20, 20 + i % 7, 2 + i, 20 + i % 7);
	isb_buf_puts(&yaml, "zones: {example.com: {records: {");
	for (int i = 0; i < RECORDS_MAX; i++)
		isb_buf_printf(&yaml, "%sr%d: {types: [A], policy: w%d}", i ? ", " : "", i, i);
	isb_buf_puts(&yaml, "}}}\n");
	compile_good(&c, isb_buf_text(&yaml), NULL);
	assert_int_equal(c.made.nmap, 50);
	done(&c);
	isb_buf_done(&yaml);
}

/* Which weights are equal, and which are 0, is part of the shape; what they are is not. */
static void policies_of_one_shape_have_the_same_weights_equal(void **state)
{
	struct compiled c;
	(void)state;
#define TWO(name, w_a, w_b) \
	"  " name ": {order: geo, rules: [{nets: [198.51.100.0/24], use: {order: weighted, of: [a, {use: b, weight: " w_a "}]}},\n" \
	"    {nets: [203.0.113.0/24], use: {order: weighted, of: [{use: b, weight: " w_b "}, a]}}]}\n"
	compile_good(&c, LETTERS TWO("same", "2", "2") TWO("also", "7", "7") TWO("other", "2", "3") TWO("zero", "0", "0")
	             "zones: {example.com: {records: {w: {types: [A], policy: same}, x: {types: [A], policy: also},\n"
	             "  y: {types: [A], policy: other}, z: {types: [A], policy: zero}}}}\n", NULL);
	const struct isb_plan_record *r[4];
	for (uint32_t i = 0; i < 4; i++)
		r[i] = isb_plan_record(c.made.plan, i);
	assert_int_equal(r[0]->map, r[1]->map);
	assert_int_equal(r[0]->nclass, 2); /* both rules are one decision; and nothing for everybody else */
	assert_int_not_equal(r[2]->map, r[0]->map);
	assert_int_equal(r[2]->nclass, 3);
	assert_int_not_equal(r[3]->map, r[0]->map);
	assert_int_equal(r[3]->nclass, 3); /* they keep their walls, which have different names */
	done(&c);
}

static void a_damaged_plan_is_seen(void **state)
{
	struct compiled c;
	(void)state;
	compile_good(&c, POOLS "policies:\n" GEO("www", "asia", "us")
	             "zones: {example.com: {records: {a: {types: [A], policy: www}}}}\n", NULL);
	size_t size = c.made.plan->size;
	assert_false(isb_plan_check(c.made.plan, size - 1));
	assert_false(isb_plan_check(c.made.plan, 3));
	struct isb_plan *copy = isb_arena_alloc(&c.arena, size);
	for (size_t i = 0; i < size; i++) /* whatever one octet becomes, reading stays inside; the sanitizer watches */
		for (unsigned v = 0; v < 4; v++) {
			memcpy(copy, c.made.plan, size);
			((uint8_t *)copy)[i] ^= (uint8_t[]){0xff, 0x01, 0x80, 0x04}[v];
			if (!isb_plan_check(copy, size))
				continue;
			for (uint32_t cls = 0; cls < 3; cls++) {
				const struct isb_plan_record *r = isb_plan_record(copy, 0);
				const struct isb_plan_node *root = r ? isb_plan_root(copy, r, cls) : NULL;
				struct isb_buf text = {0};
				if (root)
					print(&text, copy, root);
				isb_buf_done(&text);
			}
		}
	done(&c);
}

static void policies_named_over_and_over_are_compiled_once(void **state)
{
	(void)state;
	struct compiled c;
	struct isb_buf yaml = {0};
	isb_buf_puts(&yaml, "pools: {p: {endpoints: {e: {address: 192.0.2.1}}}}\npolicies:\n  a0: [p]\n");
	for (int i = 1; i < 5; i++) { /* 5^4 ways to the pool */
		isb_buf_printf(&yaml, "  a%d: [", i);
		for (int k = 0; k < 5; k++)
			isb_buf_printf(&yaml, "%sa%d", k ? ", " : "", i - 1);
		isb_buf_puts(&yaml, "]\n");
	}
	isb_buf_puts(&yaml, "zones: {example.com: {records: {www: {types: A, policy: a4}}}}\n");
	compile_good(&c, isb_buf_text(&yaml), NULL);
	assert_true(c.made.plan->size < 4096);
	isb_buf_done(&yaml);
	done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders_become_ranks_and_children_stand_by_rank),
		cmocka_unit_test(a_pools_counts_are_counts),
		cmocka_unit_test(endpoints_carry_their_rdata_in_wire_form),
		cmocka_unit_test(every_type_has_its_wire_form),
		cmocka_unit_test(a_long_text_becomes_several_strings),
		cmocka_unit_test(a_record_says_how_to_answer),
		cmocka_unit_test(a_policy_has_one_node_per_class_of_clients),
		cmocka_unit_test(policies_of_one_shape_share_one_map_and_others_do_not),
		cmocka_unit_test(a_map_lives_on_in_later_builds_until_the_last_lets_go),
		cmocka_unit_test(a_failed_build_gives_its_maps_back),
		cmocka_unit_test(an_endpoint_without_a_slot_is_an_error),
		cmocka_unit_test(what_is_the_same_is_there_once),
		cmocka_unit_test(a_class_for_which_nothing_is_left_has_no_plan),
		cmocka_unit_test(policies_named_over_and_over_are_compiled_once),
		cmocka_unit_test(rules_that_lead_to_the_same_are_one_decision),
		cmocka_unit_test(what_can_make_a_difference_does),
		cmocka_unit_test(what_is_alike_in_place_is_one_node),
		cmocka_unit_test(a_thousand_policies_share_the_maps_of_their_rules),
		cmocka_unit_test(policies_of_one_shape_have_the_same_weights_equal),
		cmocka_unit_test(a_damaged_plan_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
