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
#include "isobar/base/rng.h"
#include "isobar/model/rr.h"
#include "isobar/model/schema.h"

#define EXAMPLE ISB_TESTS_DIR "/../zones/catalog.yaml"

struct fixture {
	struct isb_arena arena;
	struct isb_diags diags;
	struct isb_catalog catalog;
	char *said;
};

static void say(struct fixture *f)
{
	size_t len;
	free(f->said);
	FILE *out = open_memstream(&f->said, &len);
	isb_diags_print(&f->diags, out);
	fclose(out);
}

static int read_text(struct fixture *f, const char *text)
{
	struct isb_yaml *root;
	*f = (struct fixture){0};
	int rc = isb_yaml_parse(&f->arena, "t", text, strlen(text), &f->diags, &root);
	if (rc == ISB_OK)
		rc = isb_schema_read(&f->catalog, root, &f->diags);
	say(f);
	return rc;
}

static void done(struct fixture *f)
{
	isb_catalog_done(&f->catalog);
	isb_arena_done(&f->arena);
	isb_diags_done(&f->diags);
	free(f->said);
}

static void must_read(struct fixture *f, const char *text)
{
	int rc = read_text(f, text);
	if (rc != ISB_OK)
		print_error("%s\n%s", text, f->said);
	assert_int_equal(rc, ISB_OK);
}

static void assert_refused(const char *text, const char *said)
{
	struct fixture f;
	assert_int_equal(read_text(&f, text), ISB_EINVAL);
	assert_string_equal(f.said, said);
	done(&f);
}

static char *print(const struct isb_catalog *catalog)
{
	struct isb_buf out = {0};
	isb_schema_print(&out, catalog, NULL, NULL);
	return out.data;
}

static char *slurp(const char *path)
{
	static const size_t room = 1 << 16;
	char *text = calloc(1, room);
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	assert_true(fread(text, 1, room - 1, in) > 0);
	fclose(in);
	return text;
}

/* --- The tables --- */

static size_t part_fields(unsigned part, const struct isb_field **ret)
{
	switch (part) {
	case 0: return isb_endpoint_fields(ret);
	case 1: return isb_child_fields(ret);
	default: return isb_rule_fields(ret);
	}
}

static void check_row(const struct isb_field *f)
{
	assert_non_null(f->name);
	assert_non_null(f->type);
	assert_non_null(f->help);
	assert_non_null(f->how);
	assert_false(f->required && f->preset);
	assert_true(strlen(f->help) > 5);
	assert_int_not_equal(f->help[strlen(f->help) - 1], '.');
}

static void every_row_of_every_table_is_complete(void **state)
{
	(void)state;
	const struct isb_field *fields;
	for (unsigned k = 0; k < ISB_KIND_COUNT; k++)
		for (size_t i = 0, n = isb_fields((enum isb_kind)k, &fields); i < n; i++)
			check_row(&fields[i]);
	for (unsigned k = 0; k < 3; k++)
		for (size_t i = 0, n = part_fields(k, &fields); i < n; i++)
			check_row(&fields[i]);
}

static void kinds_are_read_in_both_numbers(void **state)
{
	(void)state;
	for (unsigned k = 0; k < ISB_KIND_COUNT; k++) {
		enum isb_kind kind = ISB_KIND_COUNT;
		assert_int_equal(isb_kind_parse(isb_kind_name((enum isb_kind)k), &kind), ISB_OK);
		assert_int_equal(kind, k);
		kind = ISB_KIND_COUNT;
		assert_int_equal(isb_kind_parse(isb_kind_plural((enum isb_kind)k), &kind), ISB_OK);
		assert_int_equal(kind, k);
	}
	enum isb_kind kind = ISB_ZONE;
	assert_int_equal(isb_kind_parse("endpoint", &kind), ISB_EFORMAT);
	assert_int_equal(kind, ISB_ZONE);
	assert_string_equal(isb_kind_plural(ISB_POLICY), "policies");
}

/* The least that a check which reads the field must say. */
static const char *type_that_reads(const struct isb_field *f)
{
	if (f->only && strcmp(f->only, "dns") == 0)
		return "    type: dns\n    query:\n      name: a.example\n";
	return f->only && strcmp(f->only, "grpc") == 0 ? "    type: grpc\n" : "    type: https\n";
}

/* A preset that a user writes out is left out again: so it is read as the default, and stands as it prints. */
static void presets_are_what_leaving_out_means(void **state)
{
	(void)state;
	static const struct {
		enum isb_kind kind;
		const char *name, *before, *least;
	} objects[] = {
		{ISB_CHECK, "c", "checks:\n  c:\n", ""},
		{ISB_POOL, "p", "pools:\n  p:\n", "    check: c\n"},
		{ISB_RECORD, "", "zones:\n  z:\n    records:\n      r:\n", "        types: A\n        policy: p\n"},
	};
	for (size_t o = 0; o < 3; o++) {
		const struct isb_field *fields;
		char expected[256];
		size_t n = isb_fields(objects[o].kind, &fields);
		snprintf(expected, sizeof(expected), "%s%s", objects[o].before, objects[o].least);
		for (size_t i = 0; i < n; i++) {
			if (!fields[i].preset)
				continue;
			if (objects[o].kind == ISB_CHECK)
				snprintf(expected, sizeof(expected), "%s%s", objects[o].before, type_that_reads(&fields[i]));
			const char *dot = strchr(fields[i].name, '.');
			int pad = objects[o].kind == ISB_RECORD ? 8 : 4;
			char text[512];
			struct fixture f;
			if (strncmp(fields[i].name, "query.", 6) == 0)
				snprintf(text, sizeof(text), "%s    type: dns\n    query: {name: a.example, %s: %s}\n",
				         objects[o].before, dot + 1, fields[i].preset);
			else if (dot)
				snprintf(text, sizeof(text), "%s%*s%.*s: {%s: %s}\n", expected, pad, "",
				         (int)(dot - fields[i].name), fields[i].name, dot + 1, fields[i].preset);
			else
				snprintf(text, sizeof(text), "%s%*s%s: %s\n", expected, pad, "", fields[i].name, fields[i].preset);
			must_read(&f, text);
			char *printed = print(&f.catalog);
			assert_string_equal(printed, expected);
			free(printed);
			done(&f);
		}
	}
}

/* --- Reading --- */

static void the_example_means_what_it_says(void **state)
{
	(void)state;
	struct fixture f = {0};
	struct isb_yaml *root;
	assert_int_equal(isb_yaml_parse_file(&f.arena, EXAMPLE, &f.diags, &root), ISB_OK);
	assert_int_equal(isb_schema_read(&f.catalog, root, &f.diags), ISB_OK);
	assert_int_equal(isb_catalog_check(&f.catalog, &f.diags), ISB_OK);
	const struct isb_region *seoul = isb_catalog_region(&f.catalog, "seoul");
	assert_true(seoul->latitude == 37.57 && seoul->longitude == 126.98);
	const struct isb_check *web = isb_catalog_check_named(&f.catalog, "web");
	assert_int_equal(web->type, ISB_CHECK_HTTPS);
	assert_int_equal(web->port, 8443);
	assert_string_equal(web->host, "www.example.com");
	assert_int_equal(web->nstatus, 1);
	assert_int_equal(web->statuses[0].from, 200);
	assert_int_equal(web->statuses[0].to, 200);
	assert_string_equal(web->body, "healthy");
	assert_true(web->verify);
	assert_int_equal(web->interval_ms, 1000);
	assert_int_equal(web->timeout_ms, 800);
	assert_int_equal(web->retry_ms, 500);
	assert_int_equal(web->quorum.kind, ISB_QUORUM_MAJORITY);
	const struct isb_pool *asia = isb_catalog_pool(&f.catalog, "asia");
	assert_string_equal(asia->endpoints[0].name, "icn-1");
	assert_string_equal(asia->endpoints[0].region.name, "seoul");
	assert_int_equal(asia->endpoints[0].addresses[0].octets[2], 1);
	assert_int_equal(asia->order, ISB_ORDER_WEIGHTED);
	const struct isb_policy_node *www = isb_catalog_policy(&f.catalog, "www")->root;
	assert_int_equal(www->order, ISB_ORDER_GEO);
	assert_int_equal(www->nchild, 4);
	assert_string_equal(www->children[1].match.continents.list[1], "AF");
	assert_int_equal(www->children[0].node->order, ISB_ORDER_FAILOVER);
	assert_string_equal(www->children[0].node->children[1].use.name, "us");
	assert_true(www->children[3].match.is_default);
	assert_int_equal(www->children[3].node->order, ISB_ORDER_NEAREST);
	const struct isb_zone *zone = isb_catalog_zone(&f.catalog, "example.com");
	assert_string_equal(zone->file, "example.com.zone");
	assert_int_equal(zone->nrecord, 8);
	assert_int_equal(zone->records[6].types[0], ISB_SRV);
	assert_int_equal(zone->records[2].ttl_s, 10);
	assert_int_equal(zone->records[2].ttl_min_s, 5);
	done(&f);
}

static void what_is_left_out_has_its_default(void **state)
{
	(void)state;
	struct fixture f;
	must_read(&f, "checks: {c: {type: tcp, port: null}}\npools: {p: {endpoints: {e: {address: 192.0.2.1}}}, q: }\n"
	              "policies: {f: [p, p]}\nzones: {example.com: {records: {www: {types: A, policy: p}}}, empty.example: }\n");
	const struct isb_check *c = &f.catalog.checks[0];
	assert_int_equal(c->port, 0);
	assert_string_equal(c->path, "/");
	assert_string_equal(c->method, "GET");
	assert_int_equal(c->statuses[0].from, 200);
	assert_int_equal(c->statuses[0].to, 399);
	assert_null(c->body);
	assert_true(c->verify);
	assert_int_equal(c->interval_ms, 5000);
	assert_int_equal(c->timeout_ms, 2000);
	assert_int_equal(c->down_interval_ms, 0);
	assert_int_equal(c->rise, 2);
	assert_int_equal(c->fall, 3);
	const struct isb_pool *p = &f.catalog.pools[0];
	assert_null(p->check.name);
	assert_int_equal(p->answers, 1);
	assert_int_equal(p->min_up.n, 1);
	assert_false(p->min_up.percent);
	assert_int_equal(p->endpoints[0].weight, 1);
	assert_int_equal(p->endpoints[0].tier, 0);
	assert_int_equal(f.catalog.pools[1].nendpoint, 0);
	assert_int_equal(f.catalog.policies[0].root->order, ISB_ORDER_FAILOVER);
	assert_int_equal(f.catalog.policies[0].root->children[1].weight, 1);
	assert_int_equal(f.catalog.zones[0].records[0].ttl_s, 30);
	assert_int_equal(f.catalog.zones[0].records[0].all_down, ISB_ALL_DOWN_ALL);
	assert_string_equal(f.catalog.zones[1].name, "empty.example");
	done(&f);
}

static void norway_stays_norway(void **state)
{
	(void)state;
	struct fixture f;
	must_read(&f, "policies: {p: {order: geo, rules: [{country: NO, use: a}, {country: [no, \"NO\", se], use: b}]}}\n");
	const struct isb_policy_node *root = f.catalog.policies[0].root;
	assert_string_equal(root->children[0].match.countries.list[0], "NO");
	assert_string_equal(root->children[1].match.countries.list[0], "NO");
	assert_string_equal(root->children[1].match.countries.list[2], "SE");
	char *printed = print(&f.catalog);
	assert_non_null(strstr(printed, "country: \"NO\"\n"));
	free(printed);
	done(&f);
}

static void geo_rules_match_all_sorts_of_places(void **state)
{
	(void)state;
	struct fixture f;
	must_read(&f, "policies:\n  p:\n    order: geo\n    rules:\n"
	              "      - {nets: [192.0.2.0/24, \"2001:db8::/32\", 198.51.100.7], asn: [AS64500, 64501], use: a, fence: true}\n"
	              "      - {city: us/Boston, subdivision: us-ca, use: b}\n      - {default: true, use: c}\n");
	const struct isb_policy_child *rule = f.catalog.policies[0].root->children;
	assert_int_equal(rule[0].match.nnet, 3);
	assert_int_equal(rule[0].match.nets[1].len, 32);
	assert_int_equal(rule[0].match.nets[2].len, 32);
	assert_int_equal(rule[0].match.asns[0], 64500);
	assert_true(rule[0].fence);
	assert_string_equal(rule[1].match.cities.list[0], "US/Boston");
	assert_string_equal(rule[1].match.subdivisions.list[0], "US-CA");
	assert_false(rule[1].match.is_default);
	assert_true(rule[2].match.is_default);
	done(&f);
}

static void policy_items_take_every_form(void **state)
{
	(void)state;
	struct fixture f;
	must_read(&f, "policies:\n  p:\n    of:\n      - a\n      - [b, c]\n      - use: [d, {order: weighted, of: [{use: e, weight: 7}]}]\n"
	              "      - {order: nearest, of: [{use: f, bias: -99}, {use: g, bias: 99, weight: 0}]}\n"
	              "      - {of: [h]}\n    order: weighted\n");
	const struct isb_policy_node *root = f.catalog.policies[0].root;
	assert_int_equal(root->nchild, 5);
	assert_string_equal(root->children[0].use.name, "a");
	assert_int_equal(root->children[1].node->order, ISB_ORDER_FAILOVER);
	assert_string_equal(root->children[1].node->children[1].use.name, "c");
	assert_int_equal(root->children[2].node->children[1].node->children[0].weight, 7);
	assert_int_equal(root->children[3].node->children[0].bias, -99);
	assert_int_equal(root->children[3].node->children[1].weight, 0);
	char *printed = print(&f.catalog);
	assert_string_equal(printed, "policies:\n  p:\n    order: weighted\n    of:\n      - a\n      - use: [b, c]\n"
	                             "      - of:\n          - d\n          - order: weighted\n            of:\n"
	                             "              - use: e\n                weight: 7\n"
	                             "      - order: nearest\n        of:\n          - use: f\n            bias: -99\n"
	                             "          - use: g\n            weight: 0\n            bias: 99\n      - use: [h]\n");
	free(printed);
	done(&f);
}

static void scalars_take_every_form(void **state)
{
	(void)state;
	struct fixture f;
	must_read(&f, "checks:\n  c: {type: https, expect: {status: [200, 204, 300-399]}, interval: 1h30m, timeout: 1s500ms, "
	              "down_interval: 90, retry: 0s, quorum: at-least 2, method: HEAD, verify: false}\n"
	              "pools:\n  p: {answers: all, min_up: 50%, endpoints: {e: {address: [192.0.2.1, \"2001:db8::1\"], tier: 255, "
	              "weight: 65535}}}\n"
	              "zones:\n  Example.COM.: {records: {\"@\": {types: [srv, AAAA, A], ttl: 1d, ttl_min: 0s, policy: p, "
	              "all_down: nodata}}}\n");
	char *printed = print(&f.catalog);
	assert_string_equal(printed,
	                    "checks:\n  c:\n    type: https\n    method: HEAD\n    expect:\n      status: [200, 204, 300-399]\n"
	                    "    verify: false\n    interval: 1h30m\n    timeout: 1s500ms\n    down_interval: 1m30s\n"
	                    "    retry: 0s\n    quorum: at-least 2\n\n"
	                    "pools:\n  p:\n    answers: all\n    min_up: 50%\n    endpoints:\n      e:\n"
	                    "        address: [192.0.2.1, 2001:db8::1]\n        weight: 65535\n        tier: 255\n\n"
	                    "zones:\n  example.com:\n    records:\n      \"@\":\n        types: [SRV, AAAA, A]\n        ttl: 1d\n"
	                    "        ttl_min: 0s\n        policy: p\n        all_down: nodata\n");
	assert_int_equal(f.catalog.pools[0].answers, 0);
	free(printed);
	done(&f);
}

static void knobs_of_belief_are_read_as_they_are_printed(void **state)
{
	(void)state;
	static const char text[] =
		"checks:\n  c:\n    type: tcp\n    quorum_by: region\n    flap_limit: 0\n    soft:\n      latency: 100ms..1s500ms\n\n"
		"pools:\n  a:\n    check: c\n    failback: after 5m\n    endpoints:\n      e:\n        address: 192.0.2.1\n"
		"  m:\n    check: c\n    failback: manual\n    endpoints:\n      e:\n        address: 192.0.2.1\n";
	struct fixture f;
	must_read(&f, text);
	const struct isb_hysteresis knobs = isb_check_hysteresis(&f.catalog.checks[0]);
	assert_int_equal(f.catalog.checks[0].quorum_by, ISB_QUORUM_BY_REGION);
	assert_int_equal(knobs.flap_limit, 0);
	assert_int_equal(knobs.soft_full_us, 100000);
	assert_int_equal(knobs.soft_least_us, 1500000);
	assert_int_equal(f.catalog.pools[0].failback_ms, 300000);
	assert_int_equal(f.catalog.pools[1].failback_ms, ISB_FAILBACK_MANUAL);
	char *printed = print(&f.catalog);
	assert_string_equal(printed, text);
	free(printed);
	done(&f);
	must_read(&f, "checks: {c: {type: tcp, quorum_by: probe, flap_limit: 3}}\npools: {p: {failback: auto}}\n");
	assert_int_equal(f.catalog.pools[0].failback_ms, ISB_FAILBACK_AUTO);
	printed = print(&f.catalog);
	assert_string_equal(printed, "checks:\n  c:\n    type: tcp\n\npools:\n  p: {}\n");
	free(printed);
	done(&f);
}

static void text_of_a_zone_knows_where_it_begins(void **state)
{
	(void)state;
	struct fixture f;
	must_read(&f, "zones:\n  a.example:\n    text: |\n      @ SOA\n      www A 192.0.2.1\n  b.example:\n    text: \"@ SOA\"\n");
	assert_string_equal(f.catalog.zones[0].text, "@ SOA\nwww A 192.0.2.1\n");
	assert_int_equal(f.catalog.zones[0].text_mark.line, 4);
	assert_int_equal(f.catalog.zones[1].text_mark.line, 7);
	char *printed = print(&f.catalog);
	assert_string_equal(printed, "zones:\n  a.example:\n    text: |\n      @ SOA\n      www A 192.0.2.1\n"
	                             "  b.example:\n    text: |-\n      @ SOA\n");
	free(printed);
	done(&f);
}

static void marks_outlive_the_document(void **state)
{
	(void)state;
	struct fixture f;
	must_read(&f, "pools:\n  p:\n    check: web\n");
	isb_arena_done(&f.arena);
	const struct isb_pool *p = isb_catalog_pool(&f.catalog, "p");
	assert_string_equal(p->mark.file, "t");
	assert_int_equal(p->mark.line, 2);
	assert_int_equal(p->check.mark.line, 3);
	assert_int_equal(p->check.mark.column, 12);
	done(&f);
}

/* --- Refusing --- */

static void unknown_keys_name_the_nearest(void **state)
{
	(void)state;
	assert_refused("pools:\n  p:\n    endpoints:\n      e: {address: 192.0.2.1, wieght: 3}\n",
	               "t:4:31: unknown key 'wieght' in endpoint; did you mean 'weight'?\n");
	assert_refused("pols: {}\nzzzzzzzz: 1\n", "t:1:1: unknown key 'pols' in catalog; did you mean 'pools'?\n"
	                                           "t:2:1: unknown key 'zzzzzzzz' in catalog\n");
	assert_refused("checks: {c: {type: http, expct: {status: 200}, expect: {statu: 200}, expect.body: x}}\n",
	               "t:1:26: unknown key 'expct' in check; did you mean 'expect'?\n"
	               "t:1:57: unknown key 'statu' in expect; did you mean 'status'?\n"
	               "t:1:70: unknown key 'expect.body' in check\n");
	assert_refused("policies: {p: {order: geo, rules: [{contry: KR, use: a}]}}\n",
	               "t:1:37: unknown key 'contry' in rule; did you mean 'country'?\n");
	assert_refused("policies: {p: {of: [{use: a, wheight: 2}]}}\n",
	               "t:1:30: unknown key 'wheight' in item; did you mean 'weight'?\n");
	assert_refused("zones: {example.com: {records: {www: {type: A, types: A, policy: p}}, \"\\e[31m\": 1}}\n",
	               "t:1:39: unknown key 'type' in record; did you mean 'types'?\n"
	               "t:1:71: unknown key '?[31m' in zone\n");
}

static void wrong_types_say_what_is_taken(void **state)
{
	(void)state;
	assert_refused("checks:\n  c: {type: https, port: 0, rise: 65, interval: 5 sec, verify: yes, method: PUT, path: health}\n",
	               "t:2:26: port takes an integer (1..65535), not '0'\n"
	               "t:2:35: rise takes an integer (1..64), not '65'\n"
	               "t:2:49: interval takes a duration (10ms..1d), not '5 sec'\n"
	               "t:2:64: verify takes a boolean (true, false), not 'yes'\n"
	               "t:2:77: method takes one of GET, HEAD, POST, OPTIONS, not 'PUT'\n"
	               "t:2:88: path takes a path that begins with '/' (1..2048 octets), not 'health'\n");
	assert_refused("checks:\n  a: {type: tcp, soft: {latency: 100ms}}\n  b: {type: tcp, soft: {latency: 2s..1s}}\n"
	               "  c: {type: tcp, soft: {latency: 0ms..1s}}\n  d: {type: tcp, flap_limit: 21, quorum_by: zone}\n"
	               "pools: {p: {failback: 5m}, q: {failback: after}, r: {failback: after 8d}}\n",
	               "t:2:34: soft.latency takes a pair of durations such as 100ms..500ms (1ms..1m), not '100ms'\n"
	               "t:3:34: soft.latency takes a pair of durations such as 100ms..500ms (1ms..1m), not '2s..1s'\n"
	               "t:4:34: soft.latency takes a pair of durations such as 100ms..500ms (1ms..1m), not '0ms..1s'\n"
	               "t:5:30: flap_limit takes an integer (0..20), not '21'\n"
	               "t:5:45: quorum_by takes one of probe, region, not 'zone'\n"
	               "t:6:23: failback takes a word auto or manual, or 'after' and a duration (1s..7d), not '5m'\n"
	               "t:6:42: failback takes a word auto or manual, or 'after' and a duration (1s..7d), not 'after'\n"
	               "t:6:64: failback takes a word auto or manual, or 'after' and a duration (1s..7d), not 'after 8d'\n");
	assert_refused("checks: {c: {type: htps}, d: {type: [tcp]}, e: {}, f: 3, g: [x]}\n",
	               "t:1:20: type takes one of tcp, tcp-half-open, tls, http, https, dns, udp, icmp, agent, grpc, script, not 'htps'; did you mean 'https'?\n"
	               "t:1:37: type takes one of tcp, tcp-half-open, tls, http, https, dns, udp, icmp, agent, grpc, script, not a list\n"
	               "t:1:48: check needs 'type': the protocol that is spoken to the endpoint\n"
	               "t:1:55: check must be a map of its fields, not one value\n"
	               "t:1:61: check must be a map of its fields, not a list\n");
	assert_refused("regions: {a: {location: [91, 0]}, b: {location: [0, 0, 0]}, c: {location: [1e1, 2]}, d: {}}\n",
	               "t:1:25: location takes a list of latitude and longitude (-90..90, -180..180 degrees), not a list\n"
	               "t:1:49: location takes a list of latitude and longitude (-90..90, -180..180 degrees), not a list\n"
	               "t:1:75: location takes a list of latitude and longitude (-90..90, -180..180 degrees), not a list\n"
	               "t:1:89: region needs 'location': where the region lies; north and east are positive, at most nine "
	               "decimals\n");
	assert_refused("regions: [seoul]\npools: 7\n", "t:1:10: regions must be a map, one key for each region\n"
	                                               "t:2:8: pools must be a map, one key for each pool\n");
	assert_refused("- a\n", "t:1:1: a catalog is a map with the keys regions, checks, pools, policies and zones\n");
}

static void numbers_are_strict(void **state)
{
	(void)state;
	static const char *const bad[] = {"-1", "65536", "0755", "+5", "1.0", "1e3", "0x10", "1_000", "99999999999999999999", "''"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[128];
		struct fixture f;
		snprintf(text, sizeof(text), "pools: {p: {endpoints: {e: {address: 192.0.2.1, weight: %s}}}}\n", bad[i]);
		assert_int_equal(read_text(&f, text), ISB_EINVAL);
		assert_int_equal(f.diags.count, 1);
		assert_non_null(strstr(f.said, "weight takes an integer (0..65535), not '"));
		done(&f);
	}
}

static void pools_and_records_refuse_what_they_cannot_mean(void **state)
{
	(void)state;
	assert_refused("pools: {p: {order: geo, answers: 0, min_up: 101%, endpoints: {a.b: {}, -c: {}, e: {address: [192.0.2.1, "
	               "192.0.2.300, 192.0.2.1], host: 'a b', region: 'x/y'}, f: {address: []}}}}\n",
	               "t:1:20: order takes one of failover, weighted, rotate, nearest, latency, hash, least-load, fastest, not 'geo'\n"
	               "t:1:34: answers takes an integer (1..64 or all), not '0'\n"
	               "t:1:45: min_up takes a number or share (1..65535 or 1%..100%), not '101%'\n"
	               "t:1:63: endpoint: 'a.b' is no name; write 1 to 63 letters, digits, '_' or '-', not '-' first\n"
	               "t:1:72: endpoint: '-c' is no name; write 1 to 63 letters, digits, '_' or '-', not '-' first\n"
	               "t:1:105: address takes a list of addresses, not '192.0.2.300'\n"
	               "t:1:136: host takes a host name (1..253 octets), not 'a b'\n"
	               "t:1:151: region: 'x/y' is no name; write 1 to 63 letters, digits, '_', '.' or '-', not '-' first\n"
	               "t:1:172: address is an empty list; fill it or leave it out\n");
	assert_refused("pools: {p: {endpoints: {e: {host: h, priority: 65536, alpn: ['h2,h3'], ech: AAE, dohpath: q, hints: no},\n"
	               "  f: {host: h, ech: AB==, priority: soon}}}}\n",
	               "t:1:48: priority takes a number or word (0..65535 or tier), not '65536'\n"
	               "t:1:62: alpn takes a list of protocols such as h2 (1..64 octets), not 'h2,h3'\n"
	               "t:1:77: ech takes a base64 text (4..2048 octets), not 'AAE'\n"
	               "t:1:91: dohpath takes a URI template that begins with '/' (1..256 octets), not 'q'\n"
	               "t:1:101: hints takes a boolean (true, false), not 'no'\n"
	               "t:2:21: ech takes a base64 text (4..2048 octets), not 'AB=='\n"
	               "t:2:37: priority takes a number or word (0..65535 or tier), not 'soon'\n");
	assert_refused("pools: {p: {endpoints: {e: {address: [192.0.2.1, 192.0.2.1]}}}}\n",
	               "t:1:50: address: '192.0.2.1' is given twice\n");
	assert_refused("zones: {z: {file: a, text: b, records: {w: {types: [A, a], ttl: 500ms, policy: p}, \"a..b\": {types: A, "
	               "policy: p}, v: {types: NS, policy: p}}}}\n",
	               "t:1:56: types: 'a' is given twice\n"
	               "t:1:65: ttl takes a duration (1s..7d), not '500ms'\n"
	               "t:1:84: record 'a..b': the owner is no domain name\n"
	               "t:1:126: types takes a list of words (A, AAAA, ALIAS, CNAME, HTTPS, MX, SRV, SVCB, TXT), not 'NS'\n"
	               "t:1:28: zone has both 'file' and 'text'; keep one\n");
	assert_refused("zones: {a..b: {}, example.com: {}, Example.Com.: {}}\n",
	               "t:1:9: 'a..b' is no domain name\n"
	               "t:1:36: zone 'example.com' is declared twice; first in line 1\n");
	assert_refused("checks: {c: {type: http, host: \"a\\r\\nX: y\", path: \"/ HTTP/1.1\\r\\n\"}}\n",
	               "t:1:32: host takes a host name (1..253 octets), not 'a??X: y'\n"
	               "t:1:51: path takes a path that begins with '/' (1..2048 octets), not '/ HTTP/1.1?\?'\n");
}

static void checks_refuse_what_their_type_does_not_read(void **state)
{
	(void)state;
	assert_refused("checks: {c: {type: tcp, path: /x, expect: {status: 200, body: ok, days: 3}, verify: ~}}\n",
	               "t:1:25: a check of type tcp does not read 'path', which is for http, https; leave it out\n"
	               "t:1:44: a check of type tcp does not read 'expect.status', which is for http, https; leave it out\n"
	               "t:1:67: a check of type tcp does not read 'expect.days', which is for tls; leave it out\n");
	assert_refused("checks: {c: {type: icmp, port: 7, host: h, query: {type: A}, alpn: h2}}\n",
	               "t:1:26: a check of type icmp does not read 'port', which is for tcp, tcp-half-open, tls, http, https, dns, "
	               "udp, agent, grpc, script; leave it out\n"
	               "t:1:35: a check of type icmp does not read 'host', which is for tls, http, https, grpc; leave it out\n"
	               "t:1:52: a check of type icmp does not read 'query.type', which is for dns; leave it out\n"
	               "t:1:62: a check of type icmp does not read 'alpn', which is for tls; leave it out\n");
	assert_refused("checks: {a: {type: dns, query: {type: AAAA}}, b: {type: udp}, c: {type: tls, client_key: k}}\n",
	               "t:1:13: type dns needs 'query': write the name that is asked for, as {name: www.example.com}\n"
	               "t:1:50: type udp needs 'send' or 'send_hex': nobody answers what was not asked\n"
	               "t:1:78: 'client_key' is the key of a 'client_cert', which is missing\n");
	assert_refused("checks: {c: {type: udp, send: x, send_hex: '78'}, d: {type: tcp, send_hex: '789'}}\n",
	               "t:1:34: check has both 'send' and 'send_hex'; keep one\n"
	               "t:1:76: send_hex takes an even number of hexadecimal digits (2..8192), not '789'\n");
	assert_refused("checks: {c: {type: dns, query: {name: a..b, type: AXFR}, expect: {rcode: [NOERROR, NXDOMAN], address: 1.2}}}\n",
	               "t:1:39: query.name takes a domain name, not 'a..b'\n"
	               "t:1:51: query.type takes a record type, not 'AXFR'\n"
	               "t:1:84: expect.rcode takes a list of words (NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, "
	               "YXDOMAIN, YXRRSET, NXRRSET, NOTAUTH, NOTZONE), not 'NXDOMAN'; did you mean 'NXDOMAIN'?\n"
	               "t:1:103: expect.address takes a list of addresses, not '1.2'\n");
}

static void scripts_are_plain_names(void **state)
{
	(void)state;
	assert_refused("checks: {a: {type: script}, b: {type: script, command: [../sh, -c, id]}, c: {type: tcp, command: a}}\n",
	               "t:1:13: type script needs 'command': write the script and its arguments, as [check-queue, --limit, 100]\n"
	               "t:1:47: command: '../sh' is no name of a script; write that of a file in the probe's directory of scripts, "
	               "1 to 63 letters, digits, '_', '.' or '-', with each argument as an item of its own\n"
	               "t:1:89: a check of type tcp does not read 'command', which is for script; leave it out\n");
	assert_refused("checks: {a: {type: script, command: []}, b: {type: script, command: {}}, c: {type: script, command: [[a]]}}\n",
	               "t:1:37: command is an empty list; fill it or leave it out\n"
	               "t:1:69: command takes a list of texts (0..1024 octets), not a map\n"
	               "t:1:102: command takes a list of texts (0..1024 octets), not a list\n");
}

static void http_checks_refuse_what_makes_no_request(void **state)
{
	(void)state;
	assert_refused("checks: {c: {type: http, tls: true, soft: {json: a}, service: s}}\n",
	               "t:1:54: a check of type http does not read 'service', which is for grpc; leave it out\n"
	               "t:1:26: a check of type http does not read 'tls', which is for grpc; leave it out\n");
	assert_refused("checks: {c: {type: https, send: x, client_key: k}, d: {type: https, method: HEAD, expect: {regex: x}}}\n",
	               "t:1:27: a GET request has no body; leave out 'send', or use method POST\n"
	               "t:1:36: 'client_key' is the key of a 'client_cert', which is missing\n"
	               "t:1:92: the reply to HEAD has no body; leave out 'expect.regex', or use method GET\n");
	assert_refused("checks: {c: {type: grpc, ca_file: /a, verify: false}, d: {type: http, expect: {latency: 2s}}}\n",
	               "t:1:39: 'verify' means nothing without TLS; add 'tls: true', or leave it out\n"
	               "t:1:26: 'ca_file' means nothing without TLS; add 'tls: true', or leave it out\n"
	               "t:1:80: 'expect.latency' must be less than the timeout, which ends the test before\n");
	assert_refused("checks: {c: {type: dns, query: {name: a.example, type: MX}, expect: {address: 192.0.2.1}}}\n",
	               "t:1:70: only answers of type A and AAAA hold addresses; leave out 'expect.address', or ask for one of these\n");
	assert_refused("checks: {c: {type: grpc, keep_alive: true}, d: {type: http, http: 2, keep_alive: true}}\n",
	               "t:1:26: 'keep_alive' cannot be had with HTTP/2 without TLS; leave it out\n"
	               "t:1:70: 'keep_alive' cannot be had with HTTP/2 without TLS; leave it out\n");
	assert_refused("checks: {c: {type: http, headers: [\"A: b\\r\\nHost: c\", 'Host: c', 'A:b', ': b', 'transfer-encoding: x'],\n"
	               " expect: {header: ['a b', 'A:b'], json: ['.a', 'a..b: c', {status: ok}], regex: 'a('}, soft: {json: 'a.'}}}\n",
	               "t:1:36: headers takes a list of headers such as 'Name: value' (3..1024 octets), not 'A: b??Host: c'\n"
	               "t:1:55: headers: 'Host' is not given here; the key 'host' decides it\n"
	               "t:1:66: headers takes a list of headers such as 'Name: value' (3..1024 octets), not 'A:b'\n"
	               "t:1:73: headers takes a list of headers such as 'Name: value' (3..1024 octets), not ': b'\n"
	               "t:1:80: headers: 'transfer-encoding' is not given here; the request itself decides it\n"
	               "t:2:20: expect.header takes a list of headers such as Name or 'Name: value' (1..1024 octets), not 'a b'\n"
	               "t:2:27: expect.header takes a list of headers such as Name or 'Name: value' (1..1024 octets), not 'A:b'\n"
	               "t:2:42: expect.json takes a list of paths such as status.db, or 'status.db: ok' with a value (1..1024 octets), not '.a'\n"
	               "t:2:48: expect.json takes a list of paths such as status.db, or 'status.db: ok' with a value (1..1024 octets), not 'a..b: c'\n"
	               "t:2:59: expect.json takes a list of paths such as status.db, or 'status.db: ok' with a value (1..1024 octets), not a map\n"
	               "t:2:81: expect.regex: '(' without its ')' at 2; write ')' behind it, or '\\('\n"
	               "t:2:101: soft.json takes a path such as load.health (1..255 octets), not 'a.'\n");
}

static void load_needs_what_its_format_reads_and_nothing_else(void **state)
{
	(void)state;
	assert_refused("checks:\n  a: {type: http, load: {capacity: 5}}\n  b: {type: http, load: {format: haproxy, metric: m, path: p}}\n"
	               "  c: {type: http, load: {format: prometheus, server: s}}\n  d: {type: https, load: {format: json, labels: 'a: b'}}\n"
	               "  e: {type: http, load: {format: nginx, field: f, capacity: 0}}\n  f: {type: tcp, load: {format: nginx, capacity: 1}}\n"
	               "  g: {type: http, method: HEAD, load: {format: nginx}}\n",
	               "t:2:19: 'load' needs 'format': write haproxy, nginx, prometheus or json\n"
	               "t:3:26: 'load' of format haproxy needs 'load.proxy'\n"
	               "t:3:43: 'load.metric' is for format prometheus; leave it out\n"
	               "t:3:54: 'load.path' is for format json; leave it out\n"
	               "t:4:46: 'load.server' is for format haproxy; leave it out\n"
	               "t:4:26: 'load' of format prometheus needs 'load.metric'\n"
	               "t:5:41: 'load.labels' is for format prometheus; leave it out\n"
	               "t:5:27: 'load' of format json needs 'load.path'\n"
	               "t:6:61: load.capacity takes an integer (1..2147483647), not '0'\n"
	               "t:6:41: 'load.field' is for format haproxy; leave it out\n"
	               "t:7:25: a check of type tcp does not read 'load.format', which is for http, https; leave it out\n"
	               "t:7:40: a check of type tcp does not read 'load.capacity', which is for http, https; leave it out\n"
	               "t:8:40: the reply to HEAD has no body; leave out 'load.format', or use method GET\n");
	assert_refused("checks:\n  a: {type: http, load: {format: prometeus}}\n"
	               "  b: {type: http, load: {format: prometheus, metric: 1a, labels: ['a:b', 'a:b: c', 'a: ', '1: b', 'a: b']}}\n",
	               "t:2:34: load.format takes one of haproxy, nginx, prometheus, json, not 'prometeus'; did you mean 'prometheus'?\n"
	               "t:3:54: load.metric takes a name of a metric (1..255 octets), not '1a'\n"
	               "t:3:67: load.labels takes a list of labels such as 'name: value' (4..512 octets), not 'a:b'\n"
	               "t:3:74: load.labels takes a list of labels such as 'name: value' (4..512 octets), not 'a:b: c'\n"
	               "t:3:84: load.labels takes a list of labels such as 'name: value' (4..512 octets), not 'a: '\n"
	               "t:3:91: load.labels takes a list of labels such as 'name: value' (4..512 octets), not '1: b'\n");
}

static void policies_refuse_what_they_cannot_mean(void **state)
{
	(void)state;
	assert_refused("policies: {p: {order: geo, of: [a]}, q: {order: weighted, rules: [{default: true, use: a}]}}\n",
	               "t:1:32: order geo takes 'rules', not 'of'\n"
	               "t:1:66: 'rules' needs 'order: geo'; other orders take 'of'\n");
	assert_refused("policies: {p: {of: [{use: a, weight: 2}, {use: b, bias: 5}], order: failover}}\n",
	               "t:1:21: 'weight' means nothing under order failover; leave it out or use order weighted\n"
	               "t:1:42: 'bias' means something under order nearest only; leave it out\n");
	assert_refused("policies: {p: [], q: {of: a}, r: {of: [~]}, s: a}\n",
	               "t:1:15: of is an empty list; name at least one pool or policy\n"
	               "t:1:27: of takes a list of pools, policies and policies in place, not 'a'\n"
	               "t:1:40: use: '~' is no name; write 1 to 63 letters, digits, '_', '.' or '-', not '-' first\n"
	               "t:1:48: policy must be a map of its fields, not one value\n");
	assert_refused("policies: {p: {order: geo, rules: [{country: UK, use: a}, {country: KOR, use: a}, {country: XX, use: a}, "
	               "{asn: 0, use: a}, {nets: 192.0.2.1/24, use: a}, {continent: Asia, use: a}, {subdivision: US, use: a}, "
	               "{city: US-Boston, use: a}, {country: KR}]}}\n",
	               "t:1:46: country: 'UK' is not an ISO 3166-1 country code; write 'GB'\n"
	               "t:1:69: country: 'KOR' does not begin with an ISO 3166-1 country code\n"
	               "t:1:93: country: 'XX' does not begin with an ISO 3166-1 country code\n"
	               "t:1:112: asn takes a list of AS numbers (1..4294967295), not '0'\n"
	               "t:1:131: nets: '192.0.2.1/24' has host bits set; write '192.0.2.0/24'\n"
	               "t:1:166: continent takes a list of words (AF, AN, AS, EU, NA, OC, SA), not 'Asia'; did you mean 'AS'?\n"
	               "t:1:195: subdivision takes a list of ISO 3166-2 codes such as US-CA, not 'US'\n"
	               "t:1:215: city takes a list of cities such as US/Boston (4..128 octets), not 'US-Boston'\n"
	               "t:1:235: rule needs 'use': who answers; a list is a failover, a map a policy in place\n");
}

static void names_are_unique_across_documents(void **state)
{
	(void)state;
	struct fixture f;
	must_read(&f, "pools:\n  p: {}\n");
	struct isb_yaml *root;
	static const char again[] = "pools: {q: {}, p: {}}\n";
	assert_int_equal(isb_yaml_parse(&f.arena, "u", again, strlen(again), &f.diags, &root), ISB_OK);
	assert_int_equal(isb_schema_read(&f.catalog, root, &f.diags), ISB_EINVAL);
	say(&f);
	assert_string_equal(f.said, "u:1:16: pool 'p' is declared twice; first in line 2\n");
	assert_int_equal(f.catalog.npool, 2);
	done(&f);
}

/* --- Round trips --- */

static void assert_stable(const char *text)
{
	struct fixture first, second;
	must_read(&first, text);
	char *once = print(&first.catalog);
	must_read(&second, once);
	char *twice = print(&second.catalog);
	assert_string_equal(once, twice);
	free(once);
	free(twice);
	done(&first);
	done(&second);
}

static void the_example_prints_what_it_reads(void **state)
{
	(void)state;
	char *text = slurp(EXAMPLE);
	assert_stable(text);
	free(text);
	assert_stable("");
}

static unsigned pick(struct isb_rng *rng, unsigned bound)
{
	return (unsigned)isb_rng_below(rng, bound);
}

static const char *word(struct isb_rng *rng, const char *const *words)
{
	unsigned n = 0;
	while (words[n])
		n++;
	return words[pick(rng, n)];
}

static void make_node(struct isb_buf *out, struct isb_rng *rng, unsigned depth);

static void make_use(struct isb_buf *out, struct isb_rng *rng, unsigned depth)
{
	unsigned form = pick(rng, depth < 4 ? 4 : 2);
	if (form < 2) {
		isb_buf_printf(out, "p%u", pick(rng, 40));
	} else if (form == 2) {
		isb_buf_puts(out, "[");
		for (unsigned i = 0, n = 1 + pick(rng, 20); i < n; i++) {
			isb_buf_puts(out, i ? ", " : "");
			make_use(out, rng, depth + 1);
		}
		isb_buf_puts(out, "]");
	} else {
		make_node(out, rng, depth + 1);
	}
}

static void make_rule(struct isb_buf *out, struct isb_rng *rng, unsigned depth)
{
	static const char *const matches[] = {"country: [NO, KR, se]", "country: US", "continent: [EU, AF, AS, NA, SA, OC, AN]",
		"nets: [192.0.2.0/24, \"2001:db8::/32\", \"::/0\"]", "asn: [1, AS4294967295]", "city: ['US/St. Louis', \"KR/Séoul\"]",
		"subdivision: US-CA", "default: true", "default: false", NULL};
	isb_buf_printf(out, "{%s, use: ", word(rng, matches));
	make_use(out, rng, depth);
	isb_buf_puts(out, pick(rng, 3) ? "}" : ", fence: true}");
}

static void make_node(struct isb_buf *out, struct isb_rng *rng, unsigned depth)
{
	static const char *const orders[] = {"failover", "weighted", "geo", "nearest", "latency", NULL};
	const char *order = word(rng, orders);
	bool geo = *order == 'g';
	isb_buf_printf(out, "{order: %s, %s: [", order, geo ? "rules" : "of");
	for (unsigned i = 0, n = 1 + pick(rng, 4); i < n; i++) {
		isb_buf_puts(out, i ? ", " : "");
		if (geo) {
			make_rule(out, rng, depth);
		} else if (pick(rng, 2)) {
			make_use(out, rng, depth);
		} else {
			isb_buf_puts(out, "{use: ");
			make_use(out, rng, depth);
			if (*order != 'f' && pick(rng, 2))
				isb_buf_printf(out, ", weight: %u", pick(rng, 65536));
			if (*order == 'n' && pick(rng, 2))
				isb_buf_printf(out, ", bias: %d", (int)pick(rng, 199) - 99);
			isb_buf_puts(out, "}");
		}
	}
	isb_buf_puts(out, "]}");
}

/* Checks that speak no HTTP: each type with all that it reads. */
static void make_wire_check(struct isb_buf *out, struct isb_rng *rng, unsigned i)
{
	static const char *const types[] = {"tcp, port: 25, expect: {body: '220 '}, send: \"QUIT\\r\\n\"", "tcp-half-open, port: 443",
		"tls, host: a.example, expect: {days: 14, body: x}, ca_file: a, client_cert: b, client_key: c, alpn: [h2, http/1.1]",
		"tls, verify: false, alpn: smtp, send_hex: 00FF", "dns, query: {name: ., type: NS, recursion: false}",
		"dns, query: {name: 'a\\.b.example'}, expect: {rcode: [NOERROR, NXDOMAIN], address: [192.0.2.1, \"2001:db8::1\"]}",
		"dns, query: {name: no, type: TYPE4711}, expect: {rcode: REFUSED}", "udp, send: 'null', expect: {body: \" \"}", "icmp",
		"agent, port: 9, send: \"a \\u2028\\n\"", "script, command: a",
		"script, port: 1, command: [a.sh, '', '#', \"a\\n\", a, a]", NULL};
	isb_buf_printf(out, "  c%u: {type: %s}\n", i, word(rng, types));
}

static void make_check(struct isb_buf *out, struct isb_rng *rng, unsigned i)
{
	static const char *const types[] = {"http", "https", "grpc", NULL};
	static const char *const extras[] = {"port: 1", "host: a.example", "interval: 3661001ms", "timeout: 251ms", "down_interval: 1d",
		"retry: 0", "rise: 64", "fall: 1", NULL};
	static const char *const of_http[] = {"path: '/x?y=\"z\"#'", "http: 1.1", "method: OPTIONS", "redirects: 3",
		"headers: ['A: b: \"c\"', 'd: #e']", "soft: {json: a.0.b, latency: 100ms..500ms}", "keep_alive: true",
		"load: {capacity: 7, format: prometheus, metric: a:b_1, labels: ['c: d\"', 'e: f: g']}", NULL};
	static const char *const of_tls[] = {"verify: false", "ca_file: 'my ca.pem'", "client_cert: c.pem, client_key: 'k #.pem'",
		NULL};
	static const char *const of_grpc[] = {"tls: true, verify: false, ca_file: c", "service: a.B", "headers: 'authorization: x'", NULL};
	static const char *const *const more[][3] = {{extras, of_http}, {extras, of_http, of_tls}, {extras, of_grpc}};
	static const char *const quorums[] = {"18%", "all", "any", "majority", "at-least 3", NULL};
	static const char *const expects[] = {"status: [100, 200-299]", "body: \"two\\nlines: #\\t\\u2028\", regex: '^a[\\d\"]+$'",
		"status: 204, body: 'null', header: [Via, 'X: y z']", "status: 200-399, json: ['a.0: 1', b.c, \"d: \\u00e9: #\"]", NULL};
	unsigned type = pick(rng, 3);
	isb_buf_printf(out, "  c%u: {type: %s, quorum: %s, expect: {latency: 250ms%s%s}", i, types[type], word(rng, quorums),
	               type < 2 ? ", " : "", type < 2 ? word(rng, expects) : "");
	for (unsigned m = 0; m < 3 && more[type][m]; m++)
		for (unsigned k = 0; more[type][m][k]; k++)
			if (pick(rng, 3) == 0)
				isb_buf_printf(out, ", %s", more[type][m][k]);
	isb_buf_puts(out, "}\n");
}

static void make_pool(struct isb_buf *out, struct isb_rng *rng, unsigned i)
{
	static const char *const extras[] = {"", ", check: c1", ", order: failover", ", answers: all", ", answers: 7",
		", min_up: 30%", ", min_up: 3, order: latency", NULL};
	isb_buf_printf(out, "  p%u: {endpoints: {", i);
	for (unsigned k = 0, n = pick(rng, 5); k < n; k++) {
		isb_buf_printf(out, "%se%u: {host: h%u.example", k ? ", " : "", k, k);
		if (pick(rng, 2))
			isb_buf_printf(out, ", address: [192.0.2.%u, \"2001:db8::%x\", \"::\"]", pick(rng, 256), 1 + pick(rng, 65535));
		if (pick(rng, 2))
			isb_buf_printf(out, ", weight: %u, tier: %u, port: %u", pick(rng, 65536), pick(rng, 256), 1 + pick(rng, 65535));
		isb_buf_printf(out, "%s}", pick(rng, 2) ? ", region: r1" : "");
	}
	isb_buf_printf(out, "}%s}\n", word(rng, extras));
}

static void make_zone(struct isb_buf *out, struct isb_rng *rng, unsigned i)
{
	static const char *const owners[] = {"\"@\"", "\"*\"", "www", "no", "'a\\.b'", "'\\000'", "_https._tcp", "\"~\"", NULL};
	static const char *const bodies[] = {"file: a.zone", "file: 'b c.zone'", "text: \"@ SOA\\n\\n\"", "text: \"  \\t;\\nx\"",
		"text: \"\"", "text: \"\\r\"", NULL};
	isb_buf_printf(out, "  %u/z.example: {%s, records: {", i, word(rng, bodies));
	for (unsigned k = 0, n = pick(rng, 9); k < n; k++)
		isb_buf_printf(out, "%s%s: {types: %s, policy: p1, ttl: %u, ttl_min: %us%s}", k ? ", " : "", owners[k],
		               pick(rng, 2) ? "[A, AAAA]" : "SRV", 1 + pick(rng, 604800), pick(rng, 604801),
		               pick(rng, 2) ? ", all_down: fallback" : "");
	isb_buf_puts(out, "}}\n");
}

static void make_catalog(struct isb_buf *out, struct isb_rng *rng)
{
	isb_buf_puts(out, "regions:\n");
	for (unsigned i = 0; i < 3; i++)
		isb_buf_printf(out, "  r%u: {location: [%d.%09u, -%u.%u]}\n", i, (int)pick(rng, 179) - 89, pick(rng, 1000000000),
		               pick(rng, 180), pick(rng, 1000));
	isb_buf_puts(out, "checks:\n");
	for (unsigned i = 0; i < 4; i++)
		make_check(out, rng, i);
	for (unsigned i = 4; i < 8; i++)
		make_wire_check(out, rng, i);
	isb_buf_puts(out, "pools:\n");
	for (unsigned i = 0; i < 4; i++)
		make_pool(out, rng, i);
	isb_buf_puts(out, "policies:\n");
	for (unsigned i = 0; i < 4; i++) {
		isb_buf_printf(out, "  q%u: ", i);
		make_node(out, rng, 0);
		isb_buf_puts(out, "\n");
	}
	isb_buf_puts(out, "zones:\n");
	for (unsigned i = 0; i < 3; i++)
		make_zone(out, rng, i);
}

static int add_row(void *arg, enum isb_kind kind, const char *key, const char *body)
{
	struct fixture *f = arg;
	struct isb_yaml *root;
	int rc = isb_yaml_parse(&f->arena, key, body, strlen(body), &f->diags, &root);
	return rc == ISB_OK ? isb_schema_read_object(&f->catalog, kind, key, root, &f->diags) : rc;
}

static char *print_objects(const struct isb_catalog *catalog)
{
	struct isb_buf out = {0};
	for (size_t i = 0; i < catalog->npolicy; i++)
		isb_schema_print_policy(&out, &catalog->policies[i]);
	for (size_t i = 0; i < catalog->npool; i++)
		isb_schema_print_object(&out, ISB_POOL, &catalog->pools[i]);
	for (size_t i = 0; i < catalog->ncheck; i++)
		isb_schema_print_check(&out, &catalog->checks[i]);
	for (size_t i = 0; i < catalog->nregion; i++)
		isb_schema_print_object(&out, ISB_REGION, &catalog->regions[i]);
	for (size_t i = 0; i < catalog->nzone; i++) {
		isb_buf_puts(&out, catalog->zones[i].name);
		isb_schema_print_object(&out, ISB_ZONE, &catalog->zones[i]);
		for (size_t k = 0; k < catalog->zones[i].nrecord; k++) {
			isb_buf_puts(&out, catalog->zones[i].records[k].owner);
			isb_schema_print_record(&out, &catalog->zones[i].records[k]);
		}
	}
	return out.data;
}

static void any_catalog_prints_what_it_reads(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 4);
	for (unsigned i = 0; i < 60; i++) {
		struct isb_buf text = {0};
		make_catalog(&text, &rng);
		assert_stable(isb_buf_text(&text));
		isb_buf_done(&text);
	}
}

static void any_catalog_survives_the_way_through_rows(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 5);
	for (unsigned i = 0; i < 30; i++) {
		struct isb_buf text = {0};
		struct fixture from, to = {0};
		make_catalog(&text, &rng);
		must_read(&from, isb_buf_text(&text));
		assert_int_equal(isb_schema_rows(&from.catalog, add_row, &to), 0);
		char *before = print_objects(&from.catalog), *after = print_objects(&to.catalog);
		assert_string_equal(before, after);
		assert_string_equal(isb_catalog_pool(&to.catalog, "p2")->mark.file, "p2");
		free(before);
		free(after);
		done(&from);
		done(&to);
		isb_buf_done(&text);
	}
}

static int stop_at_pool(void *arg, enum isb_kind kind, const char *key, const char *body)
{
	(void)key, (void)body;
	*(unsigned *)arg += 1;
	return kind == ISB_POOL ? 42 : 0;
}

static void rows_stop_at_the_first_result(void **state)
{
	(void)state;
	struct fixture f;
	unsigned calls = 0;
	must_read(&f, "pools: {p: {}, q: {}}\nregions: {r: {location: [0, 0]}}\n");
	assert_int_equal(isb_schema_rows(&f.catalog, stop_at_pool, &calls), 42);
	assert_int_equal(calls, 2);
	done(&f);
}

static void a_record_row_needs_its_zone(void **state)
{
	(void)state;
	struct fixture f;
	must_read(&f, "zones: {example.com: {}, 0/25.2.0.192.in-addr.arpa: {}}\n");
	assert_int_equal(add_row(&f, ISB_RECORD, "0/25.2.0.192.in-addr.arpa/a/b", "types: A\npolicy: p\n"), ISB_OK);
	assert_string_equal(f.catalog.zones[1].records[0].owner, "a/b");
	assert_int_equal(add_row(&f, ISB_RECORD, "example.org/www", "types: A\npolicy: p\n"), ISB_EINVAL);
	assert_int_equal(add_row(&f, ISB_RECORD, "www", "types: A\npolicy: p\n"), ISB_EINVAL);
	say(&f);
	assert_string_equal(f.said, "example.org/www:1:1: record 'example.org/www' lies in no zone of the catalog; write ZONE/OWNER\n"
	                            "www:1:1: record 'www' lies in no zone of the catalog; write ZONE/OWNER\n");
	done(&f);
}

static const char *text_of(void *arg, const struct isb_zone *zone)
{
	return strcmp(zone->name, "a.example") == 0 ? arg : NULL;
}

static void zone_text_can_come_from_elsewhere(void **state)
{
	(void)state;
	struct fixture f;
	char text[] = "@ SOA\n";
	must_read(&f, "zones: {a.example: {file: a.zone}, b.example: {file: b.zone}}\n");
	struct isb_buf out = {0};
	isb_schema_print(&out, &f.catalog, text_of, text);
	assert_string_equal(isb_buf_text(&out), "zones:\n  a.example:\n    text: |\n      @ SOA\n  b.example: {}\n");
	isb_buf_done(&out);
	done(&f);
}

static void long_lists_go_one_item_per_line(void **state)
{
	(void)state;
	struct fixture f;
	struct isb_buf text = {0};
	isb_buf_puts(&text, "policies: {p: {order: geo, rules: [{use: a, asn: [");
	for (unsigned i = 0; i < 40; i++)
		isb_buf_printf(&text, "%s%u", i ? ", " : "", 64500 + i);
	isb_buf_puts(&text, "]}]}}\n");
	must_read(&f, isb_buf_text(&text));
	char *printed = print(&f.catalog);
	assert_non_null(strstr(printed, "      - asn:\n          - 64500\n          - 64501\n"));
	assert_stable(isb_buf_text(&text));
	free(printed);
	isb_buf_done(&text);
	done(&f);
}

static void spoiled_catalogs_never_hurt(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 6);
	for (unsigned i = 0; i < 200; i++) {
		struct isb_buf text = {0};
		struct fixture f;
		make_catalog(&text, &rng);
		for (unsigned n = pick(&rng, 4) + 1; n > 0; n--)
			text.data[isb_rng_below(&rng, text.len)] = "{}[],:-~ x0%/\n\""[pick(&rng, 15)];
		int rc = read_text(&f, text.data);
		assert_int_equal(rc == ISB_OK, f.diags.count == 0);
		isb_catalog_check(&f.catalog, &f.diags);
		done(&f);
		isb_buf_done(&text);
	}
}

static void many_objects_do_not_cost_their_square(void **state)
{
	(void)state;
	struct fixture f;
	struct isb_buf text = {0};
	isb_buf_puts(&text, "pools:\n");
	for (unsigned i = 0; i < 30000; i++)
		isb_buf_printf(&text, "  p%u: {endpoints: {e: {address: 192.0.2.1}}}\n", i);
	isb_buf_puts(&text, "zones:\n  example.com:\n    records:\n");
	for (unsigned i = 0; i < 30000; i++)
		isb_buf_printf(&text, "      r%u: {types: A, policy: p%u}\n", i, i);
	must_read(&f, isb_buf_text(&text));
	assert_int_equal(isb_catalog_check(&f.catalog, &f.diags), ISB_OK);
	assert_string_equal(isb_catalog_pool(&f.catalog, "p29999")->name, "p29999");
	assert_null(isb_catalog_pool(&f.catalog, "p30000"));
	done(&f);
	isb_buf_done(&text);
}

static void a_catalog_put_together_by_hand_is_searched_too(void **state)
{
	(void)state;
	struct isb_pool pools[] = {{.name = "a"}, {.name = "b"}};
	struct isb_catalog catalog = {.pools = pools, .npool = 2};
	assert_ptr_equal(isb_catalog_pool(&catalog, "b"), &pools[1]);
	assert_null(isb_catalog_pool(&catalog, "c"));
	assert_null(isb_catalog_policy(&catalog, "a"));
	struct fixture f = {.catalog = catalog};
	assert_int_equal(add_row(&f, ISB_POOL, "c", "{}\n"), ISB_OK);
	assert_string_equal(isb_catalog_pool(&f.catalog, "a")->name, "a");
	assert_string_equal(isb_catalog_pool(&f.catalog, "c")->name, "c");
	done(&f);
}

/* --- Editing --- */

static const char pool_body[] = "check: web\nendpoints:\n  icn-1: &e\n    address: 192.0.2.1\n    weight: 3\n  icn-2: *e\n";

static int edit(struct fixture *f, struct isb_yaml **body, const char *field, const char *value)
{
	const struct isb_mark at = {.file = "'edit'"};
	if (!*body) {
		*f = (struct fixture){0};
		assert_int_equal(isb_yaml_parse(&f->arena, "pool/p", pool_body, strlen(pool_body), &f->diags, body), ISB_OK);
	}
	int rc = isb_yaml_set(&f->arena, *body, field, value, at, &f->diags);
	say(f);
	return rc;
}

static void assert_body(struct fixture *f, const struct isb_yaml *body, const char *expected)
{
	struct isb_catalog catalog = {0};
	struct isb_buf out = {0};
	assert_int_equal(isb_schema_read_object(&catalog, ISB_POOL, "p", body, &f->diags), ISB_OK);
	isb_schema_print_object(&out, ISB_POOL, &catalog.pools[0]);
	assert_string_equal(isb_buf_text(&out), expected);
	isb_buf_done(&out);
	isb_catalog_done(&catalog);
}

static void fields_are_set_through_maps(void **state)
{
	(void)state;
	struct fixture f;
	struct isb_yaml *body = NULL;
	assert_int_equal(edit(&f, &body, "endpoints.icn-1.weight", "20"), ISB_OK);
	assert_int_equal(edit(&f, &body, "check", NULL), ISB_OK);
	assert_int_equal(edit(&f, &body, "order", "failover"), ISB_OK);
	assert_int_equal(edit(&f, &body, "endpoints.new.address", "[192.0.2.7, \"2001:db8::7\"]"), ISB_OK);
	assert_int_equal(edit(&f, &body, "endpoints.icn-2.address", "192.0.2.2"), ISB_OK);
	assert_int_equal(edit(&f, &body, "endpoints.icn-2.weight", ""), ISB_OK);
	assert_body(&f, body, "order: failover\nendpoints:\n  icn-1:\n    address: 192.0.2.1\n    weight: 20\n"
	                      "  icn-2:\n    address: 192.0.2.2\n  new:\n    address: [192.0.2.7, 2001:db8::7]\n");
	assert_int_equal(edit(&f, &body, "endpoints.icn-1", NULL), ISB_OK);
	assert_int_equal(edit(&f, &body, "endpoints.new", "{host: a.example}"), ISB_OK);
	assert_body(&f, body, "order: failover\nendpoints:\n  icn-2:\n    address: 192.0.2.2\n  new:\n    host: a.example\n");
	done(&f);
}

static void an_edit_that_cannot_be_says_why(void **state)
{
	(void)state;
	struct fixture f;
	struct isb_yaml *body = NULL;
	assert_int_equal(edit(&f, &body, "nope", NULL), ISB_ENOTFOUND);
	assert_int_equal(edit(&f, &body, "endpoints.icn-9.weight", NULL), ISB_ENOTFOUND);
	assert_int_equal(edit(&f, &body, "check.port", "1"), ISB_EINVAL);
	assert_int_equal(edit(&f, &body, "", "1"), ISB_EINVAL);
	assert_int_equal(edit(&f, &body, "a..b", "1"), ISB_EINVAL);
	assert_int_equal(edit(&f, &body, ".a", "1"), ISB_EINVAL);
	assert_int_equal(edit(&f, &body, "a.", "1"), ISB_EINVAL);
	assert_int_equal(edit(&f, &body, "weight", "[1"), ISB_EINVAL);
	assert_string_equal(f.said,
	                    "'edit': 'nope' is not set, so it cannot be taken away\n"
	                    "'edit': 'endpoints.icn-9.weight' is not set, so it cannot be taken away\n"
	                    "'edit': 'check.port' leads through a value that is not a map\n"
	                    "'edit': '' is no field; write its name, with dots to go into a map\n"
	                    "'edit': 'a..b' is no field; write its name, with dots to go into a map\n"
	                    "'edit': '.a' is no field; write its name, with dots to go into a map\n"
	                    "'edit': 'a.' is no field; write its name, with dots to go into a map\n"
	                    "'edit': not valid YAML: did not find expected ',' or ']' while parsing a flow sequence\n");
	assert_body(&f, body, "check: web\nendpoints:\n  icn-1:\n    address: 192.0.2.1\n    weight: 3\n"
	                      "  icn-2:\n    address: 192.0.2.1\n    weight: 3\n");
	done(&f);
}

static void missing_maps_on_the_way_are_made(void **state)
{
	(void)state;
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_yaml *body;
	static const char text[] = "type: https\nexpect: ~\n";
	assert_int_equal(isb_yaml_parse(&arena, "check/c", text, strlen(text), &diags, &body), ISB_OK);
	assert_int_equal(isb_yaml_set(&arena, body, "expect.status", "[200, 204]", body->mark, &diags), ISB_OK);
	assert_int_equal(isb_yaml_set(&arena, body, "expect.body", "ok", body->mark, &diags), ISB_OK);
	assert_int_equal(isb_yaml_set(&arena, body, "fall", "1", body->mark, &diags), ISB_OK);
	struct isb_catalog catalog = {0};
	struct isb_buf out = {0};
	assert_int_equal(isb_schema_read_object(&catalog, ISB_CHECK, "c", body, &diags), ISB_OK);
	isb_schema_print_check(&out, &catalog.checks[0]);
	assert_string_equal(isb_buf_text(&out), "type: https\nexpect:\n  status: [200, 204]\n  body: ok\nfall: 1\n");
	isb_buf_done(&out);
	isb_catalog_done(&catalog);
	isb_arena_done(&arena);
	isb_diags_done(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_every_table_is_complete),
		cmocka_unit_test(kinds_are_read_in_both_numbers),
		cmocka_unit_test(presets_are_what_leaving_out_means),
		cmocka_unit_test(the_example_means_what_it_says),
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(norway_stays_norway),
		cmocka_unit_test(geo_rules_match_all_sorts_of_places),
		cmocka_unit_test(policy_items_take_every_form),
		cmocka_unit_test(scalars_take_every_form),
		cmocka_unit_test(text_of_a_zone_knows_where_it_begins),
		cmocka_unit_test(marks_outlive_the_document),
		cmocka_unit_test(unknown_keys_name_the_nearest),
		cmocka_unit_test(wrong_types_say_what_is_taken),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(pools_and_records_refuse_what_they_cannot_mean),
		cmocka_unit_test(checks_refuse_what_their_type_does_not_read),
		cmocka_unit_test(scripts_are_plain_names),
		cmocka_unit_test(http_checks_refuse_what_makes_no_request),
		cmocka_unit_test(load_needs_what_its_format_reads_and_nothing_else),
		cmocka_unit_test(policies_refuse_what_they_cannot_mean),
		cmocka_unit_test(names_are_unique_across_documents),
		cmocka_unit_test(the_example_prints_what_it_reads),
		cmocka_unit_test(any_catalog_prints_what_it_reads),
		cmocka_unit_test(any_catalog_survives_the_way_through_rows),
		cmocka_unit_test(rows_stop_at_the_first_result),
		cmocka_unit_test(a_record_row_needs_its_zone),
		cmocka_unit_test(zone_text_can_come_from_elsewhere),
		cmocka_unit_test(long_lists_go_one_item_per_line),
		cmocka_unit_test(spoiled_catalogs_never_hurt),
		cmocka_unit_test(many_objects_do_not_cost_their_square),
		cmocka_unit_test(a_catalog_put_together_by_hand_is_searched_too),
		cmocka_unit_test(knobs_of_belief_are_read_as_they_are_printed),
		cmocka_unit_test(fields_are_set_through_maps),
		cmocka_unit_test(an_edit_that_cannot_be_says_why),
		cmocka_unit_test(missing_maps_on_the_way_are_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
