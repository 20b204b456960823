/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

#include <stdio.h>
#include <string.h>

/* What is said, whatever was chosen: families, failures, fallbacks, wildcards, aliases, client subnets. */

static const char catalog[] =
	REGIONS CHECKS
	"pools:\n"
	"  dual:   {check: web, answers: all, order: failover, endpoints: {\n"
	"    d-1: {address: [192.0.2.1, '2001:db8::1'], host: d1.example.net, port: 443, weight: 3},\n"
	"    d-2: {address: [192.0.2.2], host: d2.example.net, port: 8443, tier: 1}}}\n"
	"  four:   {check: web, endpoints: {f-1: {address: 192.0.2.4, host: f1.example.net, port: 443}}}\n"
	"  tiers:  {check: web, order: failover, endpoints: {\n"
	"    best: {address: 192.0.2.21, tier: 0}, next: {address: 192.0.2.22, tier: 1},\n"
	"    last: {address: 192.0.2.23, tier: 7}}}\n"
	"  needy:  {check: web, answers: 2, min_up: 2, order: failover, endpoints: {\n"
	"    n-1: {address: 192.0.2.31}, n-2: {address: 192.0.2.32, tier: 1}, n-3: {address: 192.0.2.33, tier: 2}}}\n"
	"  asia:   {check: web, endpoints: {icn-1: {region: seoul, address: 192.0.2.10}}}\n"
	"  europe: {check: web, endpoints: {fra-1: {region: frankfurt, address: 203.0.113.10}}}\n"
	"policies:\n"
	"  net:\n"
	"    order: geo\n"
	"    rules:\n"
	"      - {nets: [198.51.100.0/25], use: asia}\n"
	"      - {nets: [198.51.100.128/25, '2001:db8:e::/48'], use: europe}\n"
	"  backed: [needy, four]\n"
	"zones:\n"
	"  example.com:\n"
	"    text: |\n"
	"      $TTL 3600\n"
	"      @ SOA ns1 hostmaster 1 7200 1800 1209600 300\n"
	"      @ NS ns1\n"
	"      ns1 A 192.0.2.53\n"
	"      all 120 A 192.0.2.80\n"
	"      fall 120 A 192.0.2.80\n"
	"      nodata 120 A 192.0.2.80\n"
	"      net 20 A 192.0.2.80\n"
	"      net TXT \"ordinary\"\n"
	"      alias CNAME net\n"
	"      detour CNAME all\n"
	"      far CNAME www.example.org.\n"
	"    records:\n"
	"      dual:      {types: [A, AAAA, SRV], ttl: 30s, policy: dual}\n"
	"      four:      {types: [A, AAAA, SRV], ttl: 30s, policy: four}\n"
	"      tiers:     {types: [A], policy: tiers}\n"
	"      backed:    {types: [A], policy: backed}\n"
	"      all:       {types: [A], policy: four, all_down: all}\n"
	"      fall:      {types: [A, AAAA], policy: four, all_down: fallback}\n"
	"      nodata:    {types: [A], policy: four, all_down: nodata}\n"
	"      net:       {types: [A, AAAA], policy: net}\n"
	"      '*.wild':  {types: [A], policy: net}\n"
	"      detour:    {types: [A], policy: net}\n"
	"      below.deep.empty: {types: [A], policy: four}\n";

static struct story *begin(void)
{
	struct story *s = story_new(NULL);
	story_apply(s, catalog);
	return s;
}

static void down(struct story *s, const char *endpoint)
{
	struct isb_health word = {.verdict = ISB_DOWN, .held = ISB_DOWN, .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	story_word(s, endpoint, &word);
}

static void families_come_from_the_same_endpoints_and_a_missing_one_is_nodata_with_soa(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "dual.example.com", "A", NULL, "192.0.2.1 192.0.2.2");
	assert_answer(s, "dual.example.com", "AAAA", NULL, "2001:db8::1");
	assert_answer(s, "dual.example.com", "SRV", NULL, "0 3 443 d1.example.net. 1 1 8443 d2.example.net.");
	assert_answer(s, "four.example.com", "AAAA", NULL, "NODATA");
	assert_int_equal(story_last(s)->rcode, 0);
	assert_true(story_last(s)->aa);
	assert_true(story_last(s)->soa);
	assert_int_equal(story_last(s)->ttl, 30); /* no longer than the record's: an address may come */
	assert_answer(s, "four.example.com", "MX", NULL, "NODATA");
	assert_int_equal(story_last(s)->ttl, 300);
	story_free(s);
}

static void tiers_fail_over_in_turn(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "tiers.example.com", "A", NULL, "192.0.2.21");
	down(s, "tiers/best");
	assert_answer(s, "tiers.example.com", "A", NULL, "192.0.2.22");
	down(s, "tiers/next");
	assert_answer(s, "tiers.example.com", "A", NULL, "192.0.2.23");
	story_free(s);
}

static void a_pool_below_min_up_gives_way_even_though_one_endpoint_is_up(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "backed.example.com", "A", NULL, "192.0.2.31 192.0.2.32");
	down(s, "needy/n-1");
	assert_answer(s, "backed.example.com", "A", NULL, "192.0.2.32 192.0.2.33");
	down(s, "needy/n-3");
	assert_answer(s, "backed.example.com", "A", NULL, "192.0.2.4");
	down(s, "four/f-1"); /* all_down: all, and then all of the first pool counts */
	assert_answer(s, "backed.example.com", "A", NULL, "192.0.2.31 192.0.2.32");
	story_free(s);
}

static void all_down_is_what_the_record_says_and_never_nxdomain(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "fall.example.com", "A", NULL, "192.0.2.4");
	down(s, "four/f-1");
	assert_answer(s, "all.example.com", "A", NULL, "192.0.2.4");
	assert_answer(s, "fall.example.com", "A", NULL, "192.0.2.80");
	assert_int_equal(story_last(s)->ttl, 30); /* the record's, shorter than the rrset's own */
	assert_answer(s, "fall.example.com", "AAAA", NULL, "NODATA"); /* nothing to fall back on */
	assert_true(story_last(s)->soa);
	assert_answer(s, "nodata.example.com", "A", NULL, "NODATA");
	assert_true(story_last(s)->soa);
	assert_int_equal(story_last(s)->rcode, 0);
	assert_answer(s, "below.deep.empty.example.com", "A", NULL, "192.0.2.4");
	story_free(s);
}

static void a_steered_name_exists_with_all_names_above_it(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "deep.empty.example.com", "A", NULL, "NODATA");
	assert_answer(s, "empty.example.com", "A", NULL, "NODATA");
	assert_answer(s, "other.empty.example.com", "A", NULL, "NXDOMAIN");
	assert_answer(s, "wild.example.com", "A", NULL, "NODATA");
	story_free(s);
}

static void no_rule_and_no_default_give_the_ordinary_rrset_with_its_scope(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "net.example.com", "A", "198.51.100.1/24", ICN);
	assert_int_equal(story_last(s)->scope, 25);
	assert_answer(s, "net.example.com", "A", "198.51.100.200/32", FRA);
	assert_int_equal(story_last(s)->scope, 25);
	assert_answer(s, "net.example.com", "A", "198.51.101.1/24", "192.0.2.80");
	assert_int_equal(story_last(s)->scope, 24);
	assert_int_equal(story_last(s)->ttl, 20); /* the rrset's, shorter than the record's */
	assert_answer(s, "net.example.com", "AAAA", "198.51.101.1/24", "NODATA");
	assert_int_equal(story_last(s)->scope, 24);
	assert_answer(s, "net.example.com", "A", "9.9.9.9/24", "192.0.2.80");
	assert_int_equal(story_last(s)->scope, 1); /* the other half of the space; all of it falls through */
	story_free(s);
}

static void ordinary_types_of_a_steered_name_answer_for_everybody(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "net.example.com", "TXT", "198.51.100.1/24", "\"ordinary\"");
	assert_true(story_last(s)->ecs);
	assert_int_equal(story_last(s)->scope, 0);
	assert_int_equal(story_last(s)->ttl, 3600);
	story_free(s);
}

static void a_steered_wildcard_answers_below_it_and_yields_to_what_is_there(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "a.wild.example.com", "A", "198.51.100.1/24", ICN);
	assert_int_equal(story_last(s)->scope, 25);
	assert_answer(s, "b.c.wild.example.com", "A", "198.51.100.200/24", ICN);
	assert_answer(s, "b.c.wild.example.com", "A", "198.51.100.200/25", FRA);
	assert_answer(s, "a.wild.example.com", "A", "9.9.9.9/24", "NODATA");
	story_apply(s, "zones: {example.com: {records: {there.wild: {types: [A], policy: four}}}}\n");
	assert_answer(s, "there.wild.example.com", "A", "198.51.100.1/24", "192.0.2.4");
	assert_answer(s, "x.there.wild.example.com", "A", "198.51.100.1/24", "NXDOMAIN");
	assert_answer(s, "a.wild.example.com", "A", "198.51.100.1/24", ICN);
	story_free(s);
}

static void an_alias_of_a_steered_name_carries_its_scope(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "alias.example.com", "A", "198.51.100.1/24", "CNAME net.example.com. " ICN);
	assert_int_equal(story_last(s)->scope, 25);
	assert_answer(s, "alias.example.com", "A", "2001:db8:e:1::/56", "CNAME net.example.com. " FRA);
	assert_int_equal(story_last(s)->family, 6);
	assert_int_equal(story_last(s)->scope, 48);
	assert_answer(s, "far.example.com", "A", "198.51.100.1/24", "CNAME www.example.org.");
	assert_int_equal(story_last(s)->scope, 0);
	story_free(s);
}

/* The client's network decided that the alias answers, even though what it leads to is the same for everybody. */
static void a_fallback_that_is_an_alias_keeps_the_scope_that_led_to_it(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "detour.example.com", "A", "198.51.100.1/24", ICN);
	assert_int_equal(story_last(s)->scope, 25);
	assert_answer(s, "detour.example.com", "A", "198.51.101.1/24", "CNAME all.example.com. 192.0.2.4");
	assert_int_equal(story_last(s)->scope, 24);
	story_free(s);
}

static void without_a_usable_client_subnet_the_resolver_is_the_client(void **state)
{
	struct story *s = begin();
	(void)state;
	story_resolver(s, "198.51.100.200");
	assert_answer(s, "net.example.com", "A", NULL, FRA);
	assert_false(story_last(s)->ecs);
	static const char *const nobody[] = {"0.0.0.0/0", "10.1.2.0/24", "192.168.7.0/24", "172.31.0.0/16", "127.0.0.1/32",
	                                     "169.254.1.0/24", "100.64.0.0/10", "fd00:1::/56", "fe80::/64", "::/0"};
	for (size_t i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++) {
		assert_answer(s, "net.example.com", "A", nobody[i], FRA);
		assert_true(story_last(s)->ecs);
	}
	assert_answer(s, "net.example.com", "A", "0.0.0.0/0", FRA);
	assert_int_equal(story_last(s)->source, 0);
	assert_int_equal(story_last(s)->scope, 0); /* RFC 7871 §7.1.2 */
	story_free(s);
}

static void a_malformed_client_subnet_is_formerr(void **state)
{
	struct story *s = begin();
	(void)state;
	static const struct {
		const char *octets;
		size_t len;
	} bad[] = {
		{"\0\1\30\0\306\63\144\1", 8}, /* an octet too many */
		{"\0\1\31\0\306\63\144\100", 8}, /* bits beyond SOURCE */
		{"\0\1\41\0\306\63\144\1\0", 9}, /* 33 bits of IPv4 */
		{"\0\1\30\10\306\63\144", 7}, /* SCOPE in a query */
		{"\0\3\0\0", 4}, /* family 3 */
		{"\0\1\30", 3}, /* no SCOPE */
		{"\0\2\201\0\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\0\0", 21}, /* 129 bits of IPv6 */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_string_equal(story_ask_ecs(s, "net.example.com", "A", bad[i].octets, bad[i].len), "FORMERR");
		assert_false(story_last(s)->ecs);
	}
	story_free(s);
}

static void a_name_that_is_not_ours_is_refused(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "www.example.org", "A", "198.51.100.1/24", "REFUSED");
	assert_int_equal(story_last(s)->scope, 0);
	story_free(s);
}

static void the_example_catalog_loads_and_steers(void **state)
{
	struct story *s = story_new("city.mmdb");
	(void)state;
	char yaml[16384] = "";
	FILE *file = fopen(ISB_TESTS_DIR "/../zones/catalog.yaml", "r");
	assert_non_null(file);
	size_t len = fread(yaml, 1, sizeof(yaml) - 1, file);
	fclose(file);
	assert_in_range(len, 1, sizeof(yaml) - 2);
	story_apply(s, yaml);
	assert_answer(s, "www.example.com", "A", "192.0.2.0/24", "127.0.1.10"); /* Korea in the fixture */
	assert_answer(s, "www.example.com", "A", "198.51.100.0/24", "127.0.2.10");
	assert_answer(s, "www.example.com", "A", "203.0.113.0/24", "127.0.3.10");
	assert_answer(s, "shop.example.com", "A", "192.0.2.0/24", "CNAME www.example.com. 127.0.1.10");
	assert_answer(s, "_https._tcp.example.com", "SRV", "203.0.113.0/24", "0 1 8443 lb.frankfurt.example.com.");
	assert_answer(s, "any.www.example.com", "A", "203.0.113.0/24", "127.0.3.10");
	story_probe(s, "here", "seoul");
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_CONNECT_REFUSED);
	story_pass(s, 5);
	assert_answer(s, "www.example.com", "A", "192.0.2.0/24", "127.0.2.10");
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_come_from_the_same_endpoints_and_a_missing_one_is_nodata_with_soa),
		cmocka_unit_test(tiers_fail_over_in_turn),
		cmocka_unit_test(a_pool_below_min_up_gives_way_even_though_one_endpoint_is_up),
		cmocka_unit_test(all_down_is_what_the_record_says_and_never_nxdomain),
		cmocka_unit_test(a_steered_name_exists_with_all_names_above_it),
		cmocka_unit_test(no_rule_and_no_default_give_the_ordinary_rrset_with_its_scope),
		cmocka_unit_test(ordinary_types_of_a_steered_name_answer_for_everybody),
		cmocka_unit_test(a_steered_wildcard_answers_below_it_and_yields_to_what_is_there),
		cmocka_unit_test(an_alias_of_a_steered_name_carries_its_scope),
		cmocka_unit_test(a_fallback_that_is_an_alias_keeps_the_scope_that_led_to_it),
		cmocka_unit_test(without_a_usable_client_subnet_the_resolver_is_the_client),
		cmocka_unit_test(a_malformed_client_subnet_is_formerr),
		cmocka_unit_test(a_name_that_is_not_ours_is_refused),
		cmocka_unit_test(the_example_catalog_loads_and_steers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
