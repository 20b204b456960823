/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/schema.h"

static char *check(const char *text, int *ret_rc)
{
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_catalog catalog = {0};
	struct isb_yaml *root;
	char *said;
	size_t len;
	assert_int_equal(isb_yaml_parse(&arena, "t", text, strlen(text), &diags, &root), ISB_OK);
	int rc = isb_schema_read(&catalog, root, &diags);
	isb_diags_print(&diags, stderr);
	assert_int_equal(rc, ISB_OK);
	isb_arena_done(&arena);
	*ret_rc = isb_catalog_check(&catalog, &diags);
	FILE *out = open_memstream(&said, &len);
	isb_diags_print(&diags, out);
	fclose(out);
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	return said;
}

static void assert_says(const char *text, const char *expected)
{
	int rc;
	char *said = check(text, &rc);
	assert_string_equal(said, expected);
	assert_int_equal(rc, *expected ? ISB_EINVAL : ISB_OK);
	free(said);
}

#define REGIONS "regions: {r: {location: [0, 0]}}\n"
#define POOLS "pools: {a: {endpoints: {e: {address: 192.0.2.1}}}, b: {endpoints: {e: {address: 192.0.2.2}}}}\n"

static void a_sound_catalog_passes(void **state)
{
	(void)state;
	assert_says("", "");
	assert_says(REGIONS "checks: {c: {type: tcp}}\n"
	            "pools: {a: {check: c, order: nearest, endpoints: {e: {region: r, address: 192.0.2.1, host: h, port: 1}}},\n"
	            "        unused: {}}\n"
	            "policies: {p: [a], spare: [unused], q: {order: geo, rules: [{default: true, use: p}]},\n"
	            "           n: {order: latency, of: [p, {order: weighted, of: [q]}]}}\n"
	            "zones: {example.com: {records: {www: {types: [A, AAAA], policy: n}, srv: {types: SRV, policy: a},\n"
	            "        a.example.com.: {types: A, policy: q}, \"@\": {types: A, policy: p}, \"*\": {types: A, policy: p}}}}\n",
	            "");
}

static void dangling_names_come_with_the_nearest(void **state)
{
	(void)state;
	assert_says(REGIONS "checks: {web: {type: tcp}}\n"
	            "pools: {asia: {check: wbe, endpoints: {e: {address: 192.0.2.1, region: rr}}}}\n"
	            "policies: {p: [asai, {order: weighted, of: [nothing-like-it]}]}\n"
	            "zones: {example.com: {records: {www: {types: A, policy: pp}}}}\n",
	            "t:3:23: unknown check 'wbe'; did you mean 'web'?\n"
	            "t:3:72: unknown region 'rr'; did you mean 'r'?\n"
	            "t:4:16: unknown pool or policy 'asai'; did you mean 'asia'?\n"
	            "t:4:45: unknown pool or policy 'nothing-like-it'\n"
	            "t:5:57: unknown pool or policy 'pp'; did you mean 'p'?\n");
}

static void a_name_is_a_pool_or_a_policy(void **state)
{
	(void)state;
	assert_says(POOLS "policies: {a: [b]}\n", "t:1:9: 'a' is both a pool and a policy; rename one of them\n");
}

static void loops_are_named_all_the_way_round(void **state)
{
	(void)state;
	assert_says("policies: {p: [p]}\n", "t:1:12: policies loop: p -> p\n");
	assert_says(POOLS "policies:\n  start: [x]\n  x: [a, y]\n  y: {order: weighted, of: [{use: [b, z], weight: 2}]}\n"
	            "  z: {order: geo, rules: [{default: true, use: x}]}\n",
	            "t:4:3: policies loop: x -> y -> z -> x\n");
	assert_says("policies: {p: [q, q], q: [p]}\n", "t:1:12: policies loop: p -> q -> p\n");
}

static void add_chain(struct isb_buf *text, unsigned length, const char *last)
{
	isb_buf_puts(text, POOLS "policies:\n");
	for (unsigned i = 1; i < length; i++)
		isb_buf_printf(text, "  p%u: [p%u]\n", i, i + 1);
	isb_buf_printf(text, "  p%u: [%s]\n", length, last);
}

static void nesting_ends_at_sixteen(void **state)
{
	(void)state;
	struct isb_buf text = {0};
	add_chain(&text, 16, "a");
	assert_says(isb_buf_text(&text), "");
	isb_buf_reset(&text);
	add_chain(&text, 20, "a");
	assert_says(isb_buf_text(&text), "t:6:3: policy 'p4' is nested 17 levels deep; 16 are allowed\n");
	isb_buf_reset(&text);
	add_chain(&text, 14, "a, [b, [a, b]]");
	assert_says(isb_buf_text(&text), "");
	isb_buf_reset(&text);
	add_chain(&text, 14, "a, [b, [a, [b]]]");
	assert_says(isb_buf_text(&text), "t:3:3: policy 'p1' is nested 17 levels deep; 16 are allowed\n");
	isb_buf_done(&text);
}

static void long_chains_and_loops_cost_no_stack(void **state)
{
	(void)state;
	struct isb_buf text = {0};
	int rc;
	add_chain(&text, 50000, "a");
	assert_says(isb_buf_text(&text), "t:49986:3: policy 'p49984' is nested 17 levels deep; 16 are allowed\n");
	isb_buf_reset(&text);
	add_chain(&text, 50000, "p1");
	isb_buf_puts(&text, "zones: {example.com: {records: {www: {types: SRV, policy: p1}}}}\n");
	char *said = check(isb_buf_text(&text), &rc);
	assert_int_equal(rc, ISB_EINVAL);
	assert_non_null(strstr(said, "t:3:3: policies loop: p1 -> p2 -> p3 -> "));
	assert_non_null(strstr(said, " -> p16 -> ... -> p1\n"));
	free(said);
	isb_buf_done(&text);
}

static void endpoints_need_something_to_answer_with(void **state)
{
	(void)state;
	assert_says("pools: {a: {endpoints: {e: {weight: 2}, f: {host: h.example}}}}\n",
	            "t:1:25: endpoint 'a/e' has nothing to answer with; give it an 'address', a 'host' or a 'text'\n");
	assert_says("pools: {a: {min_up: 2, endpoints: {e: {host: h}}}, b: {min_up: 100%, endpoints: {e: {host: h}}}}\n",
	            "t:1:9: pool 'a' can never answer: 'min_up' is 2 and it has 1 endpoint\n");
}

static void nearness_needs_regions(void **state)
{
	(void)state;
	assert_says(REGIONS "pools:\n  a: {order: nearest, endpoints: {e: {host: h}, f: {host: h, region: r}}}\n"
	            "  b: {order: latency, endpoints: {e: {host: h}}}\n",
	            "t:3:35: endpoint 'a/e' needs a 'region', because its pool has order nearest\n"
	            "t:4:35: endpoint 'b/e' needs a 'region', because its pool has order latency\n");
	assert_says(REGIONS "pools:\n  a: {endpoints: {e: {host: h}, f: {host: h, region: r}}}\n  b: {endpoints: {e: {host: h}}}\n"
	            "policies:\n  p: [b]\n  q: {order: nearest, of: [a, b, p, [a, b]]}\n"
	            "  s: {order: weighted, of: [{order: latency, of: [[p, b], q]}]}\n",
	            "t:7:31: child 2 of policy 'q' lies nowhere: order nearest needs a 'region' on an endpoint below it\n"
	            "t:7:34: child 3 of policy 'q' lies nowhere: order nearest needs a 'region' on an endpoint below it\n"
	            "t:8:51: child 1 of policy 's' lies nowhere: order latency needs a 'region' on an endpoint below it\n");
}

static void feeds_say_what_the_check_does_not_and_load_has_a_measure(void **state)
{
	(void)state;
	assert_says("checks: {c: {type: tcp}, s: {type: http, soft: {json: a}}, l: {type: http, load: {format: nginx, capacity: 5}},\n"
	            "  h: {type: http, load: {format: haproxy, proxy: p}}, a: {type: agent, port: 1}, n: {type: http, load: {format: nginx}}}\n"
	            "pools:\n"
	            "  a: {check: c, feed: l, endpoints: {e: {host: h, port: 1}, f: {host: h, port: 1, capacity: 7}}}\n"
	            "  b: {check: s, feed: h, endpoints: {e: {host: h}}}\n"
	            "  c: {check: l, feed: a, endpoints: {e: {host: h}}}\n"
	            "  d: {check: n, endpoints: {e: {host: h, capacity: 5}}}\n", "");
	assert_says("checks: {c: {type: tcp}, s: {type: http, soft: {json: a}}, l: {type: http, load: {format: nginx, capacity: 5}},\n"
	            "  q: {type: http, load: {format: haproxy, proxy: p, field: qcur}}, n: {type: http, load: {format: nginx}}}\n"
	            "pools:\n"
	            "  a: {feed: l, endpoints: {e: {host: h}}}\n"
	            "  b: {check: s, feed: sl, endpoints: {e: {host: h, capacity: 1}}}\n"
	            "  c: {check: l, feed: c, endpoints: {e: {host: h, port: 1}}}\n"
	            "  d: {check: l, feed: n, endpoints: {e: {host: h, capacity: 5}}}\n"
	            "  e: {check: s, feed: s, endpoints: {e: {host: h, capacity: 5}}}\n"
	            "  f: {check: c, feed: n, endpoints: {e: {host: h, port: 1}, f: {host: h, port: 1, capacity: 4}}}\n"
	            "  g: {check: q, endpoints: {e: {host: h}}}\n"
	            "  h: {endpoints: {e: {host: h, capacity: 5}}}\n",
	            "t:4:13: pool 'a' has a 'feed', which judges nothing, and no 'check'; give it one\n"
	            "t:5:23: unknown check 'sl'; did you mean 's'?\n"
	            "t:6:23: check 'c' is no 'feed': it says neither soft health nor load; give it 'load' or 'soft.json'\n"
	            "t:7:23: pool 'd' hears of load from check 'l' and from feed 'n'; keep one\n"
	            "t:8:23: pool 'e' hears of soft health from check 's' and from feed 's'; keep one\n"
	            "t:8:38: endpoint 'e/e' has a 'capacity', and no check of its pool says 'load'; leave it out\n"
	            "t:9:38: endpoint 'f/e' needs a 'capacity', because check 'n' says load and has no 'load.capacity'\n"
	            "t:10:29: endpoint 'g/e' needs a 'capacity', because check 'q' says load and has no 'load.capacity'\n"
	            "t:11:19: endpoint 'h/e' has a 'capacity', and no check of its pool says 'load'; leave it out\n");
}

static void knobs_that_mean_nothing_where_they_stand_are_errors(void **state)
{
	(void)state;
	assert_says(REGIONS "checks: {c: {type: tcp}}\n"
	            "pools:\n"
	            "  h: {order: hash, hash: {ipv4: 20, seed: 5}, endpoints: {e: {host: h}}}\n"
	            "  n: {order: hash, hash: {by: name, seed: 5}, endpoints: {e: {host: h}}}\n"
	            "  t: {order: failover, trickle: 5, endpoints: {e: {host: h}, f: {host: h, tier: 1}}}\n"
	            "  s: {spread: region, answers: 2, endpoints: {e: {host: h, region: r}}}\n"
	            "  u: {check: c, unknown: down, slow_start: 60s, order: fastest, endpoints: {e: {host: h}}}\n"
	            "  l: {check: c, order: least-load, endpoints: {e: {host: h}}}\n"
	            "policies:\n"
	            "  p: {trickle: 5, of: [h, {order: hash, hash: {by: name}, of: [n, t]}]}\n"
	            "  q: {order: rotate, of: [{use: h, weight: 3}, {order: fastest, of: [s, u]}, {order: least-load, of: [l]}]}\n", "");
	assert_says("pools:\n"
	            "  a: {hash: {seed: 5}, endpoints: {e: {host: h}}}\n"
	            "  b: {order: hash, hash: {by: name, ipv6: 48}, endpoints: {e: {host: h}}}\n"
	            "  c: {trickle: 5, endpoints: {e: {host: h}}}\n"
	            "  d: {order: failover, trickle: 5, endpoints: {e: {host: h, tier: 1}, f: {host: h, tier: 1}}}\n"
	            "  e: {spread: region, endpoints: {e: {host: h}}}\n"
	            "  f: {unknown: up, slow_start: 1s, failback: manual, order: fastest, endpoints: {e: {host: h}}}\n"
	            "  g: {order: least-load, endpoints: {e: {host: h}}}\n"
	            "policies:\n"
	            "  p: {trickle: 5, of: [a]}\n"
	            "  q: {order: weighted, hash: {ipv4: 16}, of: [a, {order: rotate, trickle: 1, of: [a, b]}]}\n",
	            "t:2:3: pool 'a' has order weighted, and 'hash' means something under order hash only; leave it out\n"
	            "t:3:3: pool 'b' hashes by name, where 'hash.ipv4' and 'hash.ipv6' mean nothing; leave them out\n"
	            "t:4:3: pool 'c' has order weighted, and 'trickle' means something under order failover only; leave it out\n"
	            "t:5:3: pool 'd' has nothing that 'trickle' could go to; it takes a second tier\n"
	            "t:6:3: pool 'e' answers with one endpoint, so that nothing can be 'spread'; set 'answers'\n"
	            "t:6:35: endpoint 'e/e' needs a 'region', because its pool is spread by region\n"
	            "t:7:3: pool 'f' has no 'check', so that 'unknown' means nothing; leave it out\n"
	            "t:7:3: pool 'f' has no 'check', so that 'slow_start' means nothing; leave it out\n"
	            "t:7:3: pool 'f' has no 'check', so that 'failback' means nothing; leave it out\n"
	            "t:7:3: pool 'f' has order fastest, which goes by what checks see; give it a 'check'\n"
	            "t:8:3: pool 'g' has order least-load, which goes by what checks see; give it a 'check'\n"
	            "t:10:6: policy 'p' has nothing that 'trickle' could go to; it takes a second child\n"
	            "t:11:6: policy 'q' has order weighted, and 'hash' means something under order hash only; leave it out\n"
	            "t:11:50: policy 'q' has order rotate, and 'trickle' means something under order failover only; leave it out\n");
}

static void nodes_need_children_and_rules_need_matches(void **state)
{
	(void)state;
	assert_says(POOLS "policies:\n  p: {order: geo}\n  q: {order: weighted}\n"
	            "  s: {order: geo, rules: [{use: a}, {default: true, use: b}, {country: KR, use: [a]}, {default: true, use: a}]}\n",
	            "t:3:6: policy 'p' has no children; give it 'rules'\n"
	            "t:4:6: policy 'q' has no children; give it 'of' with pools or policies\n"
	            "t:5:33: rule 1 of policy 's' matches nothing; say which 'country', 'continent' or 'nets' it is for, or "
	            "'default: true'\n"
	            "t:5:108: rule 4 of policy 's' is never reached: an earlier rule is the default\n");
}

static void a_pool_by_hand_cannot_have_order_geo(void **state)
{
	(void)state;
	struct isb_pool pool = {.name = "a", .order = ISB_ORDER_GEO};
	struct isb_catalog catalog = {.pools = &pool, .npool = 1};
	struct isb_diags diags = {0};
	assert_int_equal(isb_catalog_check(&catalog, &diags), ISB_EINVAL);
	assert_string_equal(diags.list[0].text, "pool 'a' cannot have order geo; put it under a policy with 'order: geo'");
	isb_diags_done(&diags);
}

static void one_owner_has_one_record(void **state)
{
	(void)state;
	assert_says(POOLS "zones:\n  example.com:\n    records:\n      www: {types: [A, AAAA], policy: a}\n"
	            "      mail: {types: A, policy: a}\n      WWW.example.com.: {types: [SRV, AAAA], policy: nope}\n"
	            "      \"w\\\\119w\": {types: A, policy: b}\n",
	            "t:7:54: unknown pool or policy 'nope'\n"
	            "t:7:7: record 'WWW.example.com.' is the same name as record 'www' in line 5; write one record with all "
	            "types\n"
	            "t:8:7: record 'w\\119w' is the same name as record 'WWW.example.com.' in line 7; write one record with "
	            "all types\n");
}

static void owners_lie_in_their_zone(void **state)
{
	(void)state;
	assert_says(POOLS "zones:\n  example.com:\n    records:\n      www.example.org.: {types: A, policy: a}\n"
	            "      notexample.com.: {types: A, policy: a}\n      example.com.: {types: A, policy: a}\n",
	            "t:5:7: record 'www.example.org.' lies outside zone 'example.com'; write the owner relative to it\n"
	            "t:6:7: record 'notexample.com.' lies outside zone 'example.com'; write the owner relative to it\n");
}

static void a_pool_without_endpoints_steers_nothing(void **state)
{
	(void)state;
	assert_says("pools: {a: {endpoints: {e: {address: 192.0.2.1}}}, e: {}}\n"
	            "policies: {p: [a, {use: [e]}], q: [e]}\n"
	            "zones: {example.com: {records: {www: {types: A, policy: p}}}}\n",
	            "t:1:52: pool 'e' has no endpoints, and record 'www' of zone 'example.com' is steered by it; add an "
	            "endpoint, or take the record away\n");
}

static void srv_needs_hosts_and_ports_wherever_it_leads(void **state)
{
	(void)state;
	assert_says("pools:\n  a: {endpoints: {e: {address: 192.0.2.1}, f: {host: h}, g: {host: h, port: 1}}}\n"
	            "  b: {endpoints: {e: {host: h}}}\n  c: {endpoints: {e: {host: h}}}\n"
	            "policies:\n  p: [[q, a]]\n  q: {order: geo, rules: [{default: true, use: b}]}\n"
	            "zones:\n  example.com:\n    records:\n      _a._tcp: {types: SRV, policy: p}\n      _b._tcp: {types: SRV, policy: b}\n"
	            "      c: {types: A, policy: c}\n",
	            "t:2:19: endpoint 'a/e' has no 'host', which SRV record '_a._tcp' of zone 'example.com' needs\n"
	            "t:2:44: endpoint 'a/f' has no 'port', which SRV record '_a._tcp' of zone 'example.com' needs\n"
	            "t:3:19: endpoint 'b/e' has no 'port', which SRV record '_a._tcp' of zone 'example.com' needs\n");
}

static void each_type_needs_what_it_is_made_of(void **state)
{
	(void)state;
	assert_says("pools:\n  a: {endpoints: {e: {address: 192.0.2.1}}}\n  t: {endpoints: {e: {text: x}}}\n"
	            "  h: {endpoints: {e: {address: 192.0.2.1, priority: 0}}}\n"
	            "zones:\n  example.com:\n    records:\n      m: {types: MX, policy: a}\n      c: {types: CNAME, policy: a}\n"
	            "      l: {types: ALIAS, policy: t}\n      t: {types: TXT, policy: a}\n"
	            "      h: {types: [HTTPS, SVCB], policy: h}\n      ok: {types: [HTTPS, A], policy: a}\n",
	            "t:2:19: endpoint 'a/e' has no 'host', which CNAME record 'c' of zone 'example.com' needs\n"
	            "t:2:19: endpoint 'a/e' has no 'host', which MX record 'm' of zone 'example.com' needs\n"
	            "t:2:19: endpoint 'a/e' has no 'text', which TXT record 't' of zone 'example.com' needs\n"
	            "t:3:19: endpoint 't/e' has no 'host', which ALIAS record 'l' of zone 'example.com' needs\n"
	            "t:4:19: endpoint 'h/e' has no 'host', which SVCB record 'h' of zone 'example.com' needs\n"
	            "t:4:19: endpoint 'h/e' has no 'host', which HTTPS record 'h' of zone 'example.com' needs\n");
	assert_says("pools: {a: {endpoints: {e: {address: 192.0.2.1, no_default_alpn: true}}}}\n",
	            "t:1:25: endpoint 'a/e' has 'no_default_alpn' without 'alpn', so that it would speak nothing\n");
}

static void types_that_exclude_each_other_are_refused(void **state)
{
	(void)state;
	assert_says("pools: {p: {endpoints: {e: {host: h, text: x}}}}\n"
	            "zones:\n  example.com:\n    records:\n      '@': {types: CNAME, policy: p}\n"
	            "      b: {types: [CNAME, TXT], policy: p}\n      c: {types: [ALIAS, A], policy: p}\n"
	            "      d: {types: [AAAA, ALIAS], policy: p}\n      e: {types: [ALIAS, MX, TXT], policy: p}\n",
	            "t:5:7: record '@' is the apex of zone 'example.com', which has other data, so it cannot be a CNAME; use ALIAS\n"
	            "t:6:7: record 'b' has CNAME beside other types; a CNAME stands alone\n"
	            "t:7:7: record 'c' has ALIAS beside A; ALIAS answers both A and AAAA, so take one of them away\n"
	            "t:8:7: record 'd' has ALIAS beside AAAA; ALIAS answers both A and AAAA, so take one of them away\n");
}

static void a_record_given_twice_as_rows_is_found(void **state)
{
	(void)state;
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_catalog catalog = {0};
	struct isb_yaml *map, *pool;
	static const char body[] = "types: A\npolicy: a\n", endpoints[] = "endpoints: {e: {address: 192.0.2.1}}\n";
	assert_int_equal(isb_yaml_parse(&arena, "row", body, strlen(body), &diags, &map), ISB_OK);
	assert_int_equal(isb_yaml_parse(&arena, "pool", endpoints, strlen(endpoints), &diags, &pool), ISB_OK);
	const struct isb_yaml empty = {.kind = ISB_YAML_MAP};
	assert_int_equal(isb_schema_read_object(&catalog, ISB_POOL, "a", pool, &diags), ISB_OK);
	assert_int_equal(isb_schema_read_object(&catalog, ISB_ZONE, "example.com", &empty, &diags), ISB_OK);
	assert_int_equal(isb_schema_read_object(&catalog, ISB_RECORD, "example.com/www", map, &diags), ISB_OK);
	assert_int_equal(isb_catalog_check(&catalog, &diags), ISB_OK);
	assert_int_equal(isb_schema_read_object(&catalog, ISB_RECORD, "example.com/www", map, &diags), ISB_OK);
	assert_int_equal(isb_catalog_check(&catalog, &diags), ISB_EINVAL);
	assert_string_equal(diags.list[0].text, "record 'www' is declared twice; first in line 1");
	isb_catalog_done(&catalog);
	isb_arena_done(&arena);
	isb_diags_done(&diags);
}

static void errors_by_the_thousand_are_counted_not_listed(void **state)
{
	(void)state;
	struct isb_buf text = {0};
	int rc;
	isb_buf_puts(&text, "pools:\n");
	for (unsigned i = 0; i < 5000; i++)
		isb_buf_printf(&text, "  pool-%u: {check: chekc-%u}\n", i, i);
	char *said = check(isb_buf_text(&text), &rc);
	assert_int_equal(rc, ISB_EINVAL);
	assert_non_null(strstr(said, "... and 4800 more\n"));
	free(said);
	isb_buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_catalog_passes),
		cmocka_unit_test(dangling_names_come_with_the_nearest),
		cmocka_unit_test(a_name_is_a_pool_or_a_policy),
		cmocka_unit_test(loops_are_named_all_the_way_round),
		cmocka_unit_test(nesting_ends_at_sixteen),
		cmocka_unit_test(long_chains_and_loops_cost_no_stack),
		cmocka_unit_test(endpoints_need_something_to_answer_with),
		cmocka_unit_test(nearness_needs_regions),
		cmocka_unit_test(feeds_say_what_the_check_does_not_and_load_has_a_measure),
		cmocka_unit_test(knobs_that_mean_nothing_where_they_stand_are_errors),
		cmocka_unit_test(nodes_need_children_and_rules_need_matches),
		cmocka_unit_test(a_pool_by_hand_cannot_have_order_geo),
		cmocka_unit_test(one_owner_has_one_record),
		cmocka_unit_test(owners_lie_in_their_zone),
		cmocka_unit_test(a_pool_without_endpoints_steers_nothing),
		cmocka_unit_test(srv_needs_hosts_and_ports_wherever_it_leads),
		cmocka_unit_test(each_type_needs_what_it_is_made_of),
		cmocka_unit_test(types_that_exclude_each_other_are_refused),
		cmocka_unit_test(a_record_given_twice_as_rows_is_found),
		cmocka_unit_test(errors_by_the_thousand_are_counted_not_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
