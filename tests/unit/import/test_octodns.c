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
#include "isobar/import/octodns.h"
#include "isobar/model/schema.h"
#include "isobar/steer/order.h"

/* What comes of a file: the catalog with its objects, the zone's rrsets as they are served, and what was said. */
struct imported {
	struct isb_octodns o;
	struct isb_catalog catalog;
	struct isb_diags diags;
	struct isb_zonedata data;
	struct isb_buf objects, sets;
	char *said, *notes;
	bool good;
};

static const char *const servers[] = {"ns1.example.net"};

static char *print_diags(const struct isb_diags *diags)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	isb_diags_print(diags, out);
	fclose(out);
	return text;
}

/* The catalog without the zone's text, which `sets` has. */
static const char *no_text(void *arg, const struct isb_zone *zone)
{
	(void)arg;
	(void)zone;
	return NULL;
}

static void finish(struct imported *i)
{
	isb_octodns_finish(&i->o);
	isb_diags_move(&i->diags, &i->o.errors);
	isb_schema_read(&i->catalog, i->o.root, &i->diags);
	for (size_t k = 0; k < i->o.nzone; k++) {
		struct isb_diags own = {0};
		if (isb_octodns_zonedata(&i->o, k, &own, &i->data) != ISB_OK)
			isb_diags_move(&i->diags, &own);
		isb_diags_done(&own);
	}
	if (!i->diags.count)
		isb_catalog_check(&i->catalog, &i->diags);
	i->good = !i->diags.count;
	i->said = print_diags(&i->diags);
	i->notes = print_diags(&i->o.notes);
	if (!i->good)
		return;
	isb_schema_print(&i->objects, &i->catalog, no_text, NULL);
	for (size_t k = 0; k < i->data.count; k++)
		isb_rrset_print(&i->sets, i->data.sets[k].owner, i->data.sets[k].set);
}

static void add(struct imported *i, const char *file, const char *zone, const char *text)
{
	struct isb_yaml *root;
	if (isb_yaml_parse(&i->o.arena, file, text, strlen(text), &i->o.errors, &root) == ISB_OK)
		isb_octodns_add(&i->o, zone, root);
}

static void begin(struct imported *i, const struct isb_octodns_how *how)
{
	*i = (struct imported){0};
	isb_octodns_init(&i->o, how);
	isb_catalog_init(&i->catalog);
}

static void read_as(struct imported *i, const struct isb_octodns_how *how, const char *text)
{
	begin(i, how);
	add(i, "f", "example.com", text);
	finish(i);
}

static void read_text(struct imported *i, const char *text)
{
	read_as(i, &(struct isb_octodns_how){.ns = servers, .nns = 1}, text);
}

static void must_read(struct imported *i, const char *text)
{
	read_text(i, text);
	if (!i->good)
		print_error("%s\n%s", text, i->said);
	assert_true(i->good);
}

static void done(struct imported *i)
{
	isb_zonedata_done(&i->data);
	isb_catalog_done(&i->catalog);
	isb_diags_done(&i->diags);
	isb_octodns_done(&i->o);
	isb_buf_done(&i->objects);
	isb_buf_done(&i->sets);
	free(i->said);
	free(i->notes);
}

static void assert_holds(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_error("%s\ndoes not hold\n%s\n", text, part);
	assert_non_null(strstr(text, part));
}

static void assert_said(const char *text, const char *said)
{
	struct imported i;
	read_text(&i, text);
	assert_string_equal(i.said, said);
	done(&i);
}

/* --- Dynamic records --- */

/* All that octoDNS' documentation shows of dynamic records, in one. */
#define SHOP \
	"shop:\n" \
	"  dynamic:\n" \
	"    pools:\n" \
	"      east:\n" \
	"        fallback: west\n" \
	"        values:\n" \
	"        - value: 192.0.2.1\n" \
	"        - value: 192.0.2.2\n" \
	"      south:\n" \
	"        fallback: east\n" \
	"        values:\n" \
	"        - value: 198.51.100.1\n" \
	"          weight: 2\n" \
	"        - value: 198.51.100.2\n" \
	"          weight: 3\n" \
	"      west:\n" \
	"        values:\n" \
	"        - value: 203.0.113.1\n" \
	"    rules:\n" \
	"    - geos: [AS-KR, OC]\n" \
	"      subnets: [198.18.0.0/24]\n" \
	"      pool: east\n" \
	"    - geos: [AF, AS, NA-CA-ON]\n" \
	"      pool: south\n" \
	"    - pool: west\n" \
	"  ttl: 60\n" \
	"  type: A\n" \
	"  values: [192.0.2.1, 203.0.113.1]\n"

static void pools_become_pools_fallbacks_failovers_and_rules_fenced_rules(void **state)
{
	(void)state;
	struct imported i;
	must_read(&i, SHOP);
	assert_string_equal(isb_buf_text(&i.objects),
	                    "checks:\n"
	                    "  shop.example.com:\n"
	                    "    type: https\n"
	                    "    port: 443\n"
	                    "    host: shop.example.com\n"
	                    "    path: /_dns\n"
	                    "    expect:\n"
	                    "      status: 200\n"
	                    "    verify: false\n"
	                    "\n"
	                    "pools:\n"
	                    "  shop.example.com-east:\n"
	                    "    check: shop.example.com\n"
	                    "    endpoints:\n"
	                    "      192-0-2-1:\n"
	                    "        address: 192.0.2.1\n"
	                    "      192-0-2-2:\n"
	                    "        address: 192.0.2.2\n"
	                    "  shop.example.com-south:\n"
	                    "    check: shop.example.com\n"
	                    "    endpoints:\n"
	                    "      198-51-100-1:\n"
	                    "        address: 198.51.100.1\n"
	                    "        weight: 2\n"
	                    "      198-51-100-2:\n"
	                    "        address: 198.51.100.2\n"
	                    "        weight: 3\n"
	                    "  shop.example.com-west:\n"
	                    "    check: shop.example.com\n"
	                    "    endpoints:\n"
	                    "      203-0-113-1:\n"
	                    "        address: 203.0.113.1\n"
	                    "\n"
	                    "policies:\n"
	                    "  shop.example.com:\n"
	                    "    order: geo\n"
	                    "    rules:\n"
	                    "      - nets: 198.18.0.0/24\n"
	                    "        country: KR\n"
	                    "        continent: OC\n"
	                    "        use: [shop.example.com-east, shop.example.com-west]\n"
	                    "        fence: true\n"
	                    "      - subdivision: CA-ON\n"
	                    "        continent: [AF, AS]\n"
	                    "        use: [shop.example.com-south, shop.example.com-east, shop.example.com-west]\n"
	                    "        fence: true\n"
	                    "      - default: true\n"
	                    "        use: shop.example.com-west\n"
	                    "\n"
	                    "zones:\n"
	                    "  example.com:\n"
	                    "    records:\n"
	                    "      shop:\n"
	                    "        types: A\n"
	                    "        ttl: 1m\n"
	                    "        ttl_min: 1m\n"
	                    "        policy: shop.example.com\n"
	                    "        all_down: fallback\n");
	assert_holds(isb_buf_text(&i.sets), "shop.example.com. 60 IN A 192.0.2.1\nshop.example.com. 60 IN A 203.0.113.1\n");
	done(&i);
}

#define RECORD(pools, rules, more) \
	"w: {type: A, value: 192.0.2.9, dynamic: {pools: {" pools "}, rules: [" rules "]}" more "}\n"
#define ONE "a: {values: [{value: 192.0.2.1}]}"

static void a_single_pool_needs_no_policy_and_a_chain_only_a_list(void **state)
{
	(void)state;
	struct imported i;
	must_read(&i, RECORD(ONE, "{pool: a}", ""));
	assert_holds(isb_buf_text(&i.objects), "policy: w.example.com-a\n");
	assert_int_equal(i.catalog.npolicy, 0);
	assert_holds(isb_buf_text(&i.objects), "ttl: 1h\n"); /* octoDNS' default of 3600 */
	done(&i);
	must_read(&i, RECORD("a: {fallback: b, values: [{value: 192.0.2.1}]}, b: {values: [{value: 192.0.2.2}]}", "{pool: a}",
	                     ""));
	assert_holds(isb_buf_text(&i.objects), "    of: [w.example.com-a, w.example.com-b]\n");
	done(&i);
}

static void a_fallback_called_default_is_the_values_of_the_record(void **state)
{
	(void)state;
	struct imported i;
	must_read(&i, RECORD("a: {fallback: default, values: [{value: 192.0.2.1}]}, default: {values: [{value: 192.0.2.2}]}",
	                     "{geos: [EU], pool: a}, {pool: default}", ""));
	assert_holds(isb_buf_text(&i.objects), "        use: w.example.com-a\n        fence: true\n");
	done(&i);
}

static void states_of_values_become_pools_without_a_check_or_nothing(void **state)
{
	(void)state;
	struct imported i;
	must_read(&i, RECORD("a: {values: [{value: 192.0.2.1, status: up}, {value: 192.0.2.2, status: down}]}", "{pool: a}", ""));
	assert_int_equal(i.catalog.ncheck, 0);
	assert_int_equal(i.catalog.npool, 1);
	assert_null(i.catalog.pools[0].check.name);
	assert_int_equal(i.catalog.pools[0].nendpoint, 1);
	assert_holds(i.notes, "f:1:103: note: '192.0.2.2' has 'status: down' and is left out\n");
	done(&i);
	/* Beside one another: each checked one is a child of its own, so that its share goes to all others when it is down. */
	must_read(&i, RECORD("a: {values: [{value: 192.0.2.1, status: up, weight: 3}, {value: 192.0.2.2, status: up}, "
	                     "{value: 192.0.2.3, status: obey, weight: 5}, {value: 192.0.2.4}]}", "{pool: a}", ""));
	assert_holds(isb_buf_text(&i.objects),
	             "  w.example.com-a:\n"
	             "    order: weighted\n"
	             "    of:\n"
	             "      - use: w.example.com-a-up\n"
	             "        weight: 4\n"
	             "      - use: w.example.com-a-192-0-2-3\n"
	             "        weight: 5\n"
	             "      - w.example.com-a-192-0-2-4\n");
	assert_null(isb_catalog_pool(&i.catalog, "w.example.com-a-up")->check.name);
	assert_int_equal(isb_catalog_pool(&i.catalog, "w.example.com-a-up")->nendpoint, 2);
	assert_string_equal(isb_catalog_pool(&i.catalog, "w.example.com-a-192-0-2-3")->check.name, "w.example.com");
	done(&i);
	/* A pool that is down as a whole is stepped over. */
	must_read(&i, RECORD("a: {fallback: b, values: [{value: 192.0.2.1, status: down}]}, b: {values: [{value: 192.0.2.2}]}",
	                     "{pool: a}", ""));
	assert_holds(isb_buf_text(&i.objects), "policy: w.example.com-b\n");
	done(&i);
	assert_said(RECORD("a: {values: [{value: 192.0.2.1, status: down}]}", "{pool: a}", ""),
	            "f:1:108: rule 1 leads to values with 'status: down' only, so that nothing but the record's own values would "
	            "ever answer; let it lead to a pool with one that may\n");
}

static void health_checks_keep_their_host_path_port_and_protocol(void **state)
{
	(void)state;
	struct imported i;
	must_read(&i, RECORD(ONE, "{pool: a}",
	                     ", octodns: {healthcheck: {host: h.example.net, path: live, port: 8080, protocol: HTTP}}"));
	assert_holds(isb_buf_text(&i.objects), "    type: http\n    port: 8080\n    host: h.example.net\n    path: /live\n"
	                                       "    expect:\n      status: 200\n\n");
	done(&i);
	must_read(&i, RECORD(ONE, "{pool: a}", ", octodns: {healthcheck: {host: null, protocol: TCP}}"));
	assert_holds(isb_buf_text(&i.objects), "  w.example.com:\n    type: tcp\n    port: 443\n\n");
	done(&i);
	must_read(&i, "'*': {type: A, value: 192.0.2.9, dynamic: {pools: {" ONE "}, rules: [{pool: a}]}}\n");
	assert_null(i.catalog.checks[0].host);
	done(&i);
	assert_said(RECORD(ONE, "{pool: a}", ", octodns: {healthcheck: {protocol: UDP}}"),
	            "f:1:141: there is no check over 'UDP'; write HTTPS, HTTP or TCP\n");
	assert_said(RECORD(ONE, "{pool: a}", ", octodns: {healthcheck: {prot: TCP}}"),
	            "f:1:131: unknown key 'prot' in healthcheck; did you mean 'port'?\n");
}

static void cname_pools_have_hosts(void **state)
{
	(void)state;
	struct imported i;
	read_text(&i, "w: {type: CNAME, value: d.example.net., dynamic: {pools: {a: {values: [{value: t.example.net.}]}}, "
	              "rules: [{pool: a}]}}\n");
	const struct isb_yaml *record = isb_yaml_get(i.o.zones[0].records, "w");
	const struct isb_yaml *pool = isb_yaml_get(isb_yaml_get(i.o.root, "pools"), "w.example.com-a");
	const struct isb_yaml *endpoint = isb_yaml_get(isb_yaml_get(pool, "endpoints"), "t-example-net");
	assert_string_equal(isb_yaml_get(record, "types")->items[0]->text, "CNAME");
	assert_string_equal(isb_yaml_get(endpoint, "host")->text, "t.example.net");
	assert_null(isb_yaml_get(endpoint, "address"));
	assert_holds(i.o.zones[0].text, "\nw 3600 CNAME d.example.net.\n");
	done(&i);
	read_text(&i, "'': {type: ALIAS, value: lb.example.net., ttl: 20}\n");
	record = isb_yaml_get(i.o.zones[0].records, "@");
	pool = isb_yaml_get(isb_yaml_get(i.o.root, "pools"), isb_yaml_get(record, "policy")->text);
	assert_string_equal(isb_yaml_get(record, "types")->items[0]->text, "ALIAS");
	assert_string_equal(isb_yaml_get(record, "ttl")->text, "20");
	assert_non_null(isb_yaml_get(isb_yaml_get(pool, "endpoints"), "lb-example-net"));
	assert_null(isb_yaml_get(pool, "check"));
	assert_null(isb_yaml_get(record, "ttl_min")); /* its target's TTL must not be stretched */
	done(&i);
}

static void what_octodns_takes_from_lenient_records_is_noted(void **state)
{
	(void)state;
	struct imported i;
	must_read(&i, "'': [{type: A, value: 192.0.2.1}, {type: ALIAS, value: t., octodns: {lenient: true}}]\n"
	              "w: {type: ALIAS, value: t., octodns: {lenient: true}}\n");
	assert_holds(i.notes, "f:1:35: note: an ALIAS beside A, AAAA or CNAME at 'example.com'; taken, as the record is "
	                      "lenient\n");
	assert_holds(i.notes, "f:2:4: note: an ALIAS away from the zone's apex, at 'w.example.com'; taken");
	done(&i);
	must_read(&i, RECORD(ONE, "{geos: [NA-US-ZZ], pool: a}, {pool: a}", ", octodns: {lenient: true}"));
	assert_holds(i.notes, "note: 'NA-US-ZZ': octoDNS knows no province 'ZZ' of US; taken as it is\n");
	assert_holds(isb_buf_text(&i.objects), "US-ZZ");
	done(&i);
}

static void names_that_are_checked_by_default_are_noted(void **state)
{
	(void)state;
	static const char text[] = "w: {type: CNAME, value: d.example.net., %sdynamic: {pools: {a: {values: [{value: "
	                           "t.example.net.}]}}, rules: [{pool: a}]}}\n";
	static const char said[] = "f:1:4: note: the names that 'w.example.com' leads to are checked";
	char own[256], other[256];
	struct imported i;
	snprintf(own, sizeof(own), text, "");
	snprintf(other, sizeof(other), text, "octodns: {healthcheck: {protocol: TCP}}, ");
	must_read(&i, own);
	assert_holds(i.notes, said);
	done(&i);
	must_read(&i, other);
	assert_null(strstr(i.notes, said));
	done(&i);
}

#define SIX(value, more) \
	"{type: AAAA, value: '2001:db8::9', dynamic: {pools: {a: {values: [" value "]}}, rules: [{pool: a}]}" more "}"
#define FOUR "{type: A, value: 192.0.2.9, dynamic: {pools: {" ONE "}, rules: [{pool: a}]}}"

static void a_and_aaaa_that_are_alike_share_endpoints(void **state)
{
	(void)state;
	struct imported i;
	must_read(&i, "w: [" SIX("{value: '2001:db8::1'}", "") ", " FOUR "]\n");
	assert_holds(isb_buf_text(&i.objects), "        address: [192.0.2.1, 2001:db8::1]\n");
	assert_holds(isb_buf_text(&i.objects), "        types: [A, AAAA]\n");
	assert_holds(i.notes, "note: A and AAAA of 'w.example.com' become endpoints with both addresses");
	done(&i);
	must_read(&i, "w: " SIX("{value: '2001:db8::1'}", "") "\n");
	assert_holds(isb_buf_text(&i.objects), "      2001-db8--1:\n        address: 2001:db8::1\n");
	assert_holds(isb_buf_text(&i.objects), "        types: AAAA\n");
	done(&i);
	static const char *const other[] = {
		SIX("{value: '2001:db8::1'}, {value: '2001:db8::2'}", ""), SIX("{value: '2001:db8::1', status: up}", ""),
		SIX("{value: '2001:db8::1', weight: 2}", ""), SIX("{value: '2001:db8::1'}", ", ttl: 30"),
		SIX("{value: '2001:db8::1'}", ", octodns: {healthcheck: {port: 444}}")};
	for (size_t k = 0; k < sizeof(other) / sizeof(other[0]); k++) {
		char *text;
		assert_true(asprintf(&text, "w: [" FOUR ", %s]\n", other[k]) > 0);
		read_text(&i, text);
		assert_int_equal(i.diags.count, 1);
		assert_holds(i.said, "the A and AAAA records of 'w.example.com' are steered by one policy here");
		done(&i);
		free(text);
	}
}

/* --- Rules --- */

static void rules_that_are_never_reached_are_refused_or_left_out_when_lenient(void **state)
{
	(void)state;
	struct imported i;
	assert_said(RECORD(ONE, "{geos: [NA], pool: a}, {geos: [NA-US, EU], pool: a}, {pool: a}", ""),
	            "f:1:125: 'NA-US' is never reached, because rule 1 takes all of it first; put it before that rule, or take it "
	            "out\n");
	assert_said(RECORD(ONE, "{subnets: [10.0.0.0/8], pool: a}, {subnets: [10.1.0.0/16], pool: a}, {pool: a}", ""),
	            "f:1:139: '10.1.0.0/16' is never reached, because rule 1 takes all of it first; put it before that rule, or "
	            "take it out\n");
	assert_said(RECORD(ONE, "{pool: a}, {geos: [EU], pool: a}", ""),
	            "f:1:105: 'rule' is never reached, because rule 1 takes all of it first; put it before that rule, or take it "
	            "out\n");
	assert_said(RECORD(ONE, "{geos: [EU], pool: a}", ""),
	            "f:1:94: the last rule must take everybody: add one with a 'pool' and without 'geos' and 'subnets', or make "
	            "the record lenient, so that the rest gets its values\n");
	must_read(&i, RECORD(ONE, "{geos: [NA], pool: a}, {geos: [NA-US, EU], pool: a}, {geos: [NA-CA], pool: a}",
	                     ", octodns: {lenient: true}"));
	assert_holds(i.notes, "f:1:125: note: 'NA-US' is never reached, because rule 1 takes all of it first; left out\n");
	assert_holds(isb_buf_text(&i.objects), "    rules:\n"
	                                       "      - continent: NA\n        use: w.example.com-a\n        fence: true\n"
	                                       "      - continent: EU\n        use: w.example.com-a\n        fence: true\n\n");
	done(&i);
}

/* A place and an address that rules can tell apart. */
struct client {
	const char *continent, *country, *subdivision, *address;
};

static const char *const codes[] = {"NA", "NA-US", "NA-CA", "NA-US-CA", "NA-US-NY", "NA-CA-ON", "EU", "EU-DE", "AS"};
static const char *const subnets[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.0/24", "2001:db8::/32"};
enum { CODES = 9, SUBNETS = 5, RULES_MAX = 5, ROUNDS = 400 };

struct rules {
	unsigned count;
	uint16_t geos[RULES_MAX], subnets[RULES_MAX]; /* sets of the above */
};

static bool in_place(const struct client *c, const char *code)
{
	char mine[16];
	if (strlen(code) == 2)
		return strcmp(code, c->continent) == 0;
	if (strlen(code) == 5)
		return strncmp(code, c->continent, 2) == 0 && strcmp(code + 3, c->country) == 0;
	snprintf(mine, sizeof(mine), "%s-%s", c->continent, c->subdivision);
	return strcmp(code, mine) == 0;
}

static bool in_subnet(const struct client *c, const char *text)
{
	struct isb_net net;
	struct isb_addr addr;
	assert_int_equal(isb_net_parse(text, &net), ISB_OK);
	assert_int_equal(isb_addr_parse(c->address, &addr), ISB_OK);
	return isb_net_has(&net, &addr);
}

/* octoDNS' rule: the first that matches by a subnet, else the first that matches by place, else the one that takes all.
 * Nothing is behind that one. */
static int first_match(const struct rules *r, const struct client *c)
{
	unsigned count = 0;
	while (count < r->count && (r->geos[count] || r->subnets[count]))
		count++;
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < SUBNETS; k++)
			if (r->subnets[i] >> k & 1 && in_subnet(c, subnets[k]))
				return (int)i;
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < CODES; k++)
			if (r->geos[i] >> k & 1 && in_place(c, codes[k]))
				return (int)i;
	return count < r->count ? (int)count : -1;
}

static void write_rules(struct isb_buf *out, const struct rules *r)
{
	isb_buf_puts(out, "w: {type: A, value: 192.0.2.9, octodns: {lenient: true}, dynamic: {pools: {");
	for (unsigned i = 0; i < r->count; i++)
		isb_buf_printf(out, "p%u: {values: [{value: 192.0.2.%u}]}, ", i, i + 1);
	isb_buf_puts(out, "}, rules: [");
	for (unsigned i = 0; i < r->count; i++) {
		isb_buf_printf(out, "{pool: p%u, geos: [", i);
		for (unsigned k = 0; k < CODES; k++)
			isb_buf_printf(out, "%s%s", r->geos[i] >> k & 1 ? codes[k] : "", r->geos[i] >> k & 1 ? ", " : "");
		isb_buf_puts(out, "], subnets: [");
		for (unsigned k = 0; k < SUBNETS; k++)
			if (r->subnets[i] >> k & 1)
				isb_buf_printf(out, "\"%s\", ", subnets[k]);
		isb_buf_puts(out, "]}, ");
	}
	isb_buf_puts(out, "]}}\n");
}

/* The only child that the geo order leaves to the client, as the number of octoDNS' rule; -1: none. */
static int ranked_first(const struct isb_policy_node *node, const struct client *c)
{
	struct isb_order_child children[RULES_MAX];
	struct isb_prefix_match nets[RULES_MAX * SUBNETS];
	uint16_t rank[RULES_MAX];
	struct isb_geo_facts geo = {0};
	struct isb_facts facts = {.geo = &geo, .nets = nets};
	uint32_t base = 0;
	int found = -1;
	snprintf(geo.continent, sizeof(geo.continent), "%s", c->continent);
	snprintf(geo.country, sizeof(geo.country), "%s", c->country);
	snprintf(geo.subdivision, sizeof(geo.subdivision), "%s", c->subdivision);
	for (size_t i = 0; i < node->nchild; i++) {
		const struct isb_policy_child *child = &node->children[i];
		children[i] = (struct isb_order_child){.match = &child->match, .fence = child->fence, .net_base = base};
		base += (uint32_t)child->match.nnet;
	}
	for (int len = 128; len >= 0; len--) /* longest first */
		for (size_t i = 0; i < node->nchild; i++)
			for (size_t k = 0; k < children[i].match->nnet; k++) {
				struct isb_addr addr;
				assert_int_equal(isb_addr_parse(c->address, &addr), ISB_OK);
				const struct isb_net *net = &children[i].match->nets[k];
				if (net->len == len && isb_net_has(net, &addr))
					nets[facts.nnet++] = (struct isb_prefix_match){children[i].net_base + (uint32_t)k, net->len};
			}
	isb_order_geo.rank(&(struct isb_order_in){.children = children, .count = node->nchild, .facts = &facts}, rank, NULL);
	for (size_t i = 0; i < node->nchild; i++) {
		if (rank[i] == ISB_RANK_OUT)
			continue;
		assert_int_equal(found, -1); /* octoDNS never goes on to a second rule */
		found = node->children[i].use.name[strlen("w.example.com-p")] - '0';
	}
	return found;
}

static void the_rule_that_octodns_takes_is_the_only_one_that_isobar_takes(void **state)
{
	(void)state;
	static const struct client places[] = {
		{"NA", "US", "US-CA", ""}, {"NA", "US", "US-NY", ""}, {"NA", "US", "US-TX", ""}, {"NA", "CA", "CA-ON", ""},
		{"NA", "CA", "", ""}, {"NA", "MX", "", ""}, {"EU", "DE", "", ""}, {"EU", "FR", "", ""}, {"AS", "KR", "", ""},
		{"", "", "", ""}};
	static const char *const addresses[] = {"10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.7", "203.0.113.1",
	                                        "2001:db8::1"};
	struct isb_rng rng;
	unsigned compared = 0;
	isb_rng_seed(&rng, 7);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct rules r = {.count = 2 + (unsigned)isb_rng_below(&rng, RULES_MAX - 1)};
		for (unsigned i = 0; i < r.count; i++) {
			r.geos[i] = (uint16_t)(isb_rng_below(&rng, 1 << CODES) & isb_rng_below(&rng, 1 << CODES));
			r.subnets[i] = (uint16_t)(isb_rng_below(&rng, 1 << SUBNETS) & isb_rng_below(&rng, 1 << SUBNETS));
		}
		struct isb_buf text = {0};
		struct imported i;
		write_rules(&text, &r);
		must_read(&i, isb_buf_text(&text));
		const struct isb_policy *policy = isb_catalog_policy(&i.catalog, "w.example.com");
		for (size_t p = 0; policy && p < sizeof(places) / sizeof(places[0]); p++)
			for (size_t a = 0; a < sizeof(addresses) / sizeof(addresses[0]); a++) {
				struct client c = places[p];
				c.address = addresses[a];
				assert_int_equal(ranked_first(policy->root, &c), first_match(&r, &c));
				compared++;
			}
		done(&i);
		isb_buf_done(&text);
	}
	assert_true(compared > ROUNDS * 40);
}

/* --- Ordinary records --- */

static void assert_set(const char *text, const char *lines)
{
	struct imported i;
	must_read(&i, text);
	assert_holds(isb_buf_text(&i.sets), lines);
	done(&i);
}

static void every_type_of_octodns_becomes_an_rrset(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"w: {type: AAAA, values: ['2001:db8::2', '2001:db8::1']}\n", "w.example.com. 3600 IN AAAA 2001:db8::1\n"},
		{"w: {type: CAA, value: {tag: issue, value: 'ca.example.net; a=b'}}\n",
		 "w.example.com. 3600 IN CAA 0 issue \"ca.example.net; a=b\"\n"},
		{"w: {type: CNAME, ttl: 5, value: T.example.net.}\n", "w.example.com. 5 IN CNAME T.example.net.\n"},
		{"w: {type: DNAME, value: t.example.net.}\n", "w.example.com. 3600 IN DNAME t.example.net.\n"},
		{"w: [{type: NS, value: a.example.net.}, {type: DS, value: {key_tag: 7, algorithm: 13, digest_type: 2, digest: "
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}}]\n",
		 "w.example.com. 3600 IN DS 7 13 2 0123456789"},
		{"w: [{type: NS, value: a.example.net.}, {type: DS, value: {flags: 7, protocol: 13, algorithm: 2, public_key: "
		 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}}]\n",
		 "w.example.com. 3600 IN DS 7 13 2 0123456789"},
		{"w: {type: LOC, value: {lat_degrees: 31, lat_minutes: 58, lat_seconds: 52.1, lat_direction: S, long_degrees: 115, "
		 "long_minutes: 49, long_seconds: 11.7, long_direction: E, altitude: 20, size: 10, precision_horz: 30, "
		 "precision_vert: 2}}\n",
		 "w.example.com. 3600 IN LOC 31 58 52.100 S 115 49 11.700 E 20m 10m 30m 2m\n"},
		{"w: {type: MX, values: [{preference: 10, exchange: a.example.net.}, {priority: 20, value: b.example.net.}]}\n",
		 "w.example.com. 3600 IN MX 10 a.example.net.\nw.example.com. 3600 IN MX 20 b.example.net.\n"},
		{"w: {type: NAPTR, value: {order: 10, preference: 100, flags: S, service: SIP+D2U, regexp: '!^(.*)$!sip:\\1@x!', "
		 "replacement: .}}\n",
		 "w.example.com. 3600 IN NAPTR 10 100 \"S\" \"SIP+D2U\" \"!^(.*)$!sip:\\\\1@x!\" .\n"},
		{"w: {type: OPENPGPKEY, value: 'AQID BAUG'}\n", "w.example.com. 3600 IN OPENPGPKEY AQIDBAUG\n"},
		{"w: {type: PTR, values: [a.example.net., b.example.net.]}\n", "w.example.com. 3600 IN PTR b.example.net.\n"},
		{"w: {type: SPF, value: v=spf1 -all}\n", "w.example.com. 3600 IN SPF \"v=spf1 -all\"\n"},
		{"_s._tcp: {type: SRV, value: {priority: 1, weight: 2, port: 3, target: .}}\n",
		 "_s._tcp.example.com. 3600 IN SRV 1 2 3 .\n"},
		{"w: {type: SSHFP, value: {algorithm: 1, fingerprint_type: 1, fingerprint: "
		 "0123456789abcdef0123456789abcdef01234567}}\n",
		 "w.example.com. 3600 IN SSHFP 1 1 0123456789"},
		{"w: {type: SVCB, value: {svcpriority: 0, targetname: t.example.net.}}\n",
		 "w.example.com. 3600 IN SVCB 0 t.example.net.\n"},
		{"w: {type: HTTPS, value: {svcpriority: 1, targetname: ., svcparams: {alpn: [h2, h3], no-default-alpn: ~, port: "
		 "8443, key9: abc}}}\n",
		 "w.example.com. 3600 IN HTTPS 1 . alpn=\"h2,h3\" no-default-alpn port=8443 key9=\"abc\"\n"},
		{"_443._tcp.w: {type: TLSA, value: {certificate_usage: 3, selector: 1, matching_type: 1, "
		 "certificate_association_data: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}}\n",
		 "_443._tcp.w.example.com. 3600 IN TLSA 3 1 1 0123456789"},
		{"_u: {type: URI, value: {priority: 1, weight: 2, target: 'https://example.net/?a=\"b\"'}}\n",
		 "_u.example.com. 3600 IN URI 1 2 \"https://example.net/?a=\\\"b\\\"\"\n"},
		{"'': {type: A, value: [192.0.2.1]}\n", "example.com. 3600 IN A 192.0.2.1\n"},
		{"'*.x': {type: A, value: 192.0.2.1}\n", "*.x.example.com. 3600 IN A 192.0.2.1\n"},
		{"'$x': {type: A, value: 192.0.2.1}\n", "x.example.com. 3600 IN A 192.0.2.1\n"},
	};
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
		assert_set(cases[k][0], cases[k][1]);
}

static void texts_lose_their_escaped_semicolons_quotes_and_pieces(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"w: {type: TXT, value: 'v=DKIM1\\;k=rsa\\;p=A/b'}\n", "TXT \"v=DKIM1;k=rsa;p=A/b\"\n"},
		{"w: {type: TXT, value: v=DKIM1;k=rsa}\n", "TXT \"v=DKIM1;k=rsa\"\n"},
		{"w: {type: TXT, value: 'a\\b \"c\" \\\"'}\n", "TXT \"a\\\\b \\\"c\\\" \\\\\\\"\"\n"},
		{"w: {type: TXT, value: '\"one \" \"two\"'}\n", "TXT \"one two\"\n"},
		{"w: {type: TXT, value: \"a\\nb\"}\n", "TXT \"a\\010b\"\n"},
		{"w: {type: TXT, value: ''}\n", "TXT \"\"\n"},
	};
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
		assert_set(cases[k][0], cases[k][1]);
	char text[400] = "w: {type: TXT, value: '", said[300] = "TXT \"";
	memset(text + strlen(text), 'a', 256);
	strcat(text, "'}\n");
	memset(said + strlen(said), 'a', 255);
	strcat(said, "\" \"a\"\n");
	assert_set(text, said);
	assert_said("w: {type: TXT, value: 'a\\\\;b'}\n", "f:1:23: a semicolon that is escaped twice; write '\\;'\n");
}

static void what_is_wrong_is_said_with_its_place_in_the_file(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"w: {type: A, valeu: 192.0.2.1}\n",
		 "f:1:14: unknown key 'valeu' in record; did you mean 'value'?\nf:1:4: no value; write 'value' or 'values'\n"},
		{"w: {value: 192.0.2.1}\n", "f:1:4: 'type' is missing\n"},
		{"w: {type: AA, value: 192.0.2.1}\n", "f:1:11: octoDNS has no record type 'AA'; did you mean 'A'?\n"},
		{"w: {type: Some/ALIAS, value: x}\n",
		 "f:1:11: type 'Some/ALIAS' belongs to one provider; write records that every name server knows\n"},
		{"w: {type: URLFWD, value: x}\n", "f:1:11: URLFWD is a service of providers over HTTP, not DNS; point the name at a "
		                                  "web server that redirects\n"},
		{"w:\n  type: A\n  values:\n  - 192.0.2.1\n  - 192.0.2\n", "f:5:5: '192.0.2' in the rdata of A is not an IPv4 address\n"},
		{"w: {type: A, ttl: 5m, value: 192.0.2.1}\n", "f:1:19: 'ttl' must be a number from 0 to 999999999, not '5m'\n"},
		{"w: {type: CNAME, value: t.example.net}\n",
		 "f:1:25: the value: 't.example.net' has no final dot, and octoDNS' providers differ in what that means; write the "
		 "whole name with one\n"},
		{"w: {type: MX, value: {preference: 10, exchang: t.}}\n",
		 "f:1:22: 'exchange' is missing\nf:1:39: unknown key 'exchang' in MX value; did you mean 'exchange'?\n"},
		{"w: [{type: A, value: 192.0.2.1}, {type: A, value: 192.0.2.2}]\n",
		 "f:1:34: a second A record of 'w.example.com'; write one with all the values\n"},
		{"w: {type: A, value: 192.0.2.1, geo: {AF: [192.0.2.2]}}\n",
		 "f:1:37: 'geo' is not taken, and going away in octoDNS; write the same as 'dynamic'\n"},
		{"'@': {type: A, value: 192.0.2.1}\n", "f:1:1: '@' is no name to octoDNS; write '' for the zone itself\n"},
		{"w.: {type: A, value: 192.0.2.1}\n", "f:1:1: 'w.' ends with a dot; names are relative to the zone here\n"},
		{"b\xc3\xbcro: {type: A, value: 192.0.2.1}\n",
		 "f:1:1: 'b\xc3\xbcro' is not ASCII; write the name in its IDNA form, xn--...\n"},
		{"w: [{type: CNAME, value: t.}, {type: A, value: 192.0.2.1}]\n",
		 "f:1:26: 'w.example.com.' owns a CNAME beside A (line 1); a CNAME stands alone\n"},
		{"w: {type: TXT, value: a, dynamic: {}}\n", "f:1:35: 'dynamic' is for A, AAAA and CNAME records, not for TXT\n"},
		{RECORD("a: {fallback: b, values: [{value: 192.0.2.1}]}, b: {fallback: a, values: [{value: 192.0.2.1}]}",
		        "{pool: a}", ""),
		 "f:1:64: the fallbacks of pool 'a' lead back to it\nf:1:112: the fallbacks of pool 'b' lead back to it\n"},
		{RECORD(ONE, "{pool: b}", ""), "f:1:101: 'pool': there is no pool 'b' in this record\n"},
		{RECORD(ONE, "{geos: [NA-KR], pool: a}, {pool: a}", ""),
		 "f:1:102: 'NA-KR': there is no such country on that continent; write 'AS-KR'\n"},
		{RECORD(ONE, "{geos: [XX], pool: a}, {pool: a}", ""),
		 "f:1:102: 'XX': there is no continent 'XX'; write AF, AN, AS, EU, NA, OC or SA\n"},
		{RECORD(ONE, "{geos: [na], pool: a}, {pool: a}", ""), "f:1:102: 'na' is no geo code; write it as NA, NA-US or NA-US-KY\n"},
		{RECORD(ONE, "{subnets: [10.0.0.1/8], pool: a}, {pool: a}", ""),
		 "f:1:105: '10.0.0.1/8' is no network: it has host bits set\n"},
		{RECORD("a: {values: [{value: 192.0.2.1, weight: 101}]}", "{pool: a}", ""),
		 "f:1:90: 'weight' must be a number from 1 to 100, not '101'\n"},
		{RECORD("a: {values: [{value: '2001:db8::1'}]}", "{pool: a}", ""), "f:1:71: 'value': '2001:db8::1' is no IPv4 address\n"},
		{RECORD(ONE, "{geos: [NA-US-ZZ], pool: a}, {pool: a}", ""),
		 "f:1:102: 'NA-US-ZZ': octoDNS knows no province 'ZZ' of US; write a code of ISO 3166-2, or make the record lenient\n"},
		{RECORD(ONE, "{geos: [NA-CA-QQ], pool: a}, {pool: a}", ""),
		 "f:1:102: 'NA-CA-QQ': octoDNS knows no province 'QQ' of CA; write a code of ISO 3166-2, or make the record lenient\n"},
		{RECORD(ONE, "{geos: [EU-DE-BY], pool: a}, {pool: a}", ""),
		 "f:1:102: 'EU-DE-BY': octoDNS knows no province 'BY' of DE, only those of CA and US; write the country, or make the "
		 "record lenient\n"},
		{"w: {type: ALIAS, value: t.}\n", "f:1:4: an ALIAS away from the zone's apex, at 'w.example.com'; write CNAME, or make "
		                                  "the record lenient\n"},
		{"'': [{type: ALIAS, value: t.}, {type: AAAA, value: '2001:db8::1'}]\n",
		 "f:1:32: an ALIAS beside A, AAAA or CNAME at 'example.com'; write one or the other\n"},
		{"'': [{type: A, value: 192.0.2.1}, {type: ALIAS, value: t.}]\n",
		 "f:1:35: an ALIAS beside A, AAAA or CNAME at 'example.com'; write one or the other\n"},
		{"w: &a {type: A, value: !x 192.0.2.1}\n", "f:1:24: tags are not supported; write the value without '!x'\n"},
		{"[]\n", "f:1:1: a zone must be a map\n"},
	};
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
		assert_said(cases[k][0], cases[k][1]);
}

static void no_value_leaves_its_word(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"w: {type: A, value: \"192.0.2.1\\nx 60 A 192.0.2.2\"}\n", "w: {type: A, value: 192.0.2.1 ; c}\n",
		"w: {type: CNAME, value: \"t.\\n$INCLUDE /etc/passwd\"}\n", "\"w\\nx\": {type: A, value: 192.0.2.1}\n",
		"w: {type: HTTPS, value: {svcpriority: 1, targetname: ., svcparams: {\"a\\nb\": c}}}\n",
		"w: {type: HTTPS, value: {svcpriority: 1, targetname: ., svcparams: {alpn: \"h2\\nb\"}}}\n",
		"w: {type: MX, value: {preference: \"1\\n\", exchange: t.}}\n",
		"w: {type: OPENPGPKEY, value: 'AQ\"ID'}\n",
	};
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		struct imported i;
		read_text(&i, cases[k]);
		assert_false(i.good);
		assert_null(strstr(i.o.zones[0].text, "passwd"));
		assert_null(strstr(i.o.zones[0].text, "192.0.2.2"));
		done(&i);
	}
}

/* --- octodns: --- */

static void records_for_other_providers_are_left_out_and_need_a_word_from_the_operator(void **state)
{
	(void)state;
	static const char text[] = "a: {type: A, value: 192.0.2.1, octodns: {included: [one]}}\n"
	                           "b: {type: A, value: 192.0.2.2, octodns: {excluded: [one]}}\n"
	                           "c: {type: A, value: 192.0.2.3, octodns: {ignored: true}}\n"
	                           "d: {type: A, value: 192.0.2.4, octodns: {route53: {x: 1}}}\n";
	struct imported i;
	read_as(&i, &(struct isb_octodns_how){.ns = servers, .nns = 1, .provider = "one"}, text);
	assert_true(i.good);
	assert_holds(isb_buf_text(&i.sets), "192.0.2.1");
	assert_null(strstr(isb_buf_text(&i.sets), "192.0.2.2"));
	assert_null(strstr(isb_buf_text(&i.sets), "192.0.2.3"));
	assert_holds(isb_buf_text(&i.sets), "192.0.2.4");
	assert_holds(i.notes, "f:2:4: note: this record is not for provider 'one' and left out\n"
	                      "f:3:4: note: this record is 'ignored' and left out\n"
	                      "f:4:42: note: 'octodns.route53' speaks to one provider or processor, and is left out\n");
	done(&i);
	read_as(&i, &(struct isb_octodns_how){.ns = servers, .nns = 1, .provider = "two"}, text);
	assert_null(strstr(isb_buf_text(&i.sets), "192.0.2.1"));
	assert_holds(isb_buf_text(&i.sets), "192.0.2.2");
	done(&i);
	assert_said(text, "f:1:52: this record is for some providers only; say which of them isobar stands in for: --provider "
	                  "NAME\n"
	                  "f:2:52: this record is for some providers only; say which of them isobar stands in for: --provider "
	                  "NAME\n");
}

/* --- Zones --- */

static void zones_get_an_soa_and_servers(void **state)
{
	(void)state;
	static const char text[] = "'': {type: NS, ttl: 60, values: [b.example.org., a.example.org.]}\n";
	struct imported i;
	must_read(&i, "{}\n");
	assert_string_equal(isb_buf_text(&i.sets),
	                    "example.com. 3600 IN NS ns1.example.net.\n"
	                    "example.com. 3600 IN SOA ns1.example.net. hostmaster.example.com. 1 7200 1800 1209600 300\n");
	assert_holds(i.notes, "f: note: zone 'example.com' has no SOA");
	done(&i);
	must_read(&i, text); /* its own servers go first */
	assert_holds(isb_buf_text(&i.sets), "example.com. 60 IN NS a.example.org.\nexample.com. 60 IN NS b.example.org.\n");
	assert_holds(isb_buf_text(&i.sets), "IN SOA b.example.org. hostmaster.example.com.");
	assert_null(strstr(isb_buf_text(&i.sets), "ns1.example.net"));
	done(&i);
	read_as(&i, &(struct isb_octodns_how){.soa = "a.example.org. me.example.org. 7 1 2 3 4"}, text);
	assert_holds(isb_buf_text(&i.sets), "IN SOA a.example.org. me.example.org. 7 1 2 3 4\n");
	assert_string_equal(i.notes, "");
	done(&i);
	read_as(&i, &(struct isb_octodns_how){0}, "w: {type: A, value: 192.0.2.1}\n");
	assert_string_equal(i.said, "f: zone 'example.com' has no NS records of its own, which octoDNS leaves to its providers; "
	                            "name its servers: --ns NAME\n");
	done(&i);
	read_as(&i, &(struct isb_octodns_how){.soa = "a. b. 1 2 3 4 5\nx A 192.0.2.1"}, text);
	assert_false(i.good);
	done(&i);
}

static void files_of_one_zone_are_joined_and_zones_stand_side_by_side(void **state)
{
	(void)state;
	struct imported i;
	begin(&i, &(struct isb_octodns_how){.ns = servers, .nns = 1});
	add(&i, "f", "example.com", "a: {type: A, value: 192.0.2.1}\n");
	add(&i, "g", "Example.COM.", "b: {type: A, value: 192.0.2.2}\n");
	add(&i, "h", "example.net", SHOP);
	isb_octodns_finish(&i.o);
	assert_int_equal(i.o.nzone, 2);
	assert_holds(i.o.zones[0].text, "a 3600 A 192.0.2.1\nb 3600 A 192.0.2.2\n");
	assert_holds(i.o.zones[1].text, "shop 60 A 192.0.2.1\n");
	finish(&i);
	done(&i);
	begin(&i, &(struct isb_octodns_how){.ns = servers, .nns = 1});
	add(&i, "f", "example.com", "a: {type: A, value: 192.0.2.1}\n");
	add(&i, "g", "example.com", "a: {type: A, value: 192.0.2.2}\n");
	finish(&i);
	assert_string_equal(i.said, "g:1:4: a second A record of 'a.example.com'; write one with all the values\n");
	done(&i);
	struct isb_arena arena = {0};
	assert_string_equal(isb_octodns_zone_name(&arena, "a.b/c/example.com.yaml"), "example.com");
	assert_null(isb_octodns_zone_name(&arena, "example.com.yml"));
	assert_null(isb_octodns_zone_name(&arena, "dir/.yaml"));
	isb_arena_done(&arena);
}

static void names_of_objects_fit_and_stay_apart(void **state)
{
	(void)state;
	struct imported i;
	must_read(&i, "'*.w': {type: A, value: 192.0.2.9, dynamic: {pools: {'a b': {values: [{value: 192.0.2.1}, {value: "
	              "192.0.2.1}]}}, rules: [{pool: a b}]}}\n"
	              "_.w: {type: A, value: 192.0.2.9, dynamic: {pools: {a_b: {values: [{value: 192.0.2.1}]}}, rules: [{pool: "
	              "a_b}]}}\n"
	              "a-long-name-that-does-not-fit-by-itself.and-goes-on-below: {type: A, value: 192.0.2.9, dynamic: {pools: {x: "
	              "{values: [{value: 192.0.2.1}]}}, rules: [{pool: x}]}}\n");
	assert_int_equal(i.catalog.npool, 3);
	assert_int_equal(strncmp(i.catalog.pools[0].name, "_.w.example.com-a_b-", 20), 0);
	assert_string_equal(i.catalog.pools[1].name, "_.w.example.com-a_b");
	assert_int_equal(strlen(i.catalog.pools[2].name), 63);
	assert_int_equal(i.catalog.pools[0].nendpoint, 2);
	done(&i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_octodns_takes_from_lenient_records_is_noted),
		cmocka_unit_test(names_that_are_checked_by_default_are_noted),
		cmocka_unit_test(pools_become_pools_fallbacks_failovers_and_rules_fenced_rules),
		cmocka_unit_test(a_single_pool_needs_no_policy_and_a_chain_only_a_list),
		cmocka_unit_test(a_fallback_called_default_is_the_values_of_the_record),
		cmocka_unit_test(states_of_values_become_pools_without_a_check_or_nothing),
		cmocka_unit_test(health_checks_keep_their_host_path_port_and_protocol),
		cmocka_unit_test(cname_pools_have_hosts),
		cmocka_unit_test(a_and_aaaa_that_are_alike_share_endpoints),
		cmocka_unit_test(rules_that_are_never_reached_are_refused_or_left_out_when_lenient),
		cmocka_unit_test(the_rule_that_octodns_takes_is_the_only_one_that_isobar_takes),
		cmocka_unit_test(every_type_of_octodns_becomes_an_rrset),
		cmocka_unit_test(texts_lose_their_escaped_semicolons_quotes_and_pieces),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place_in_the_file),
		cmocka_unit_test(no_value_leaves_its_word),
		cmocka_unit_test(records_for_other_providers_are_left_out_and_need_a_word_from_the_operator),
		cmocka_unit_test(zones_get_an_soa_and_servers),
		cmocka_unit_test(files_of_one_zone_are_joined_and_zones_stand_side_by_side),
		cmocka_unit_test(names_of_objects_fit_and_stay_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
