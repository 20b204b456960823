/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

/* Where the client is: rules, distances, round trips. The fixture city.mmdb puts documentation networks into places. */

#define POOL(name, address) "  " name ": {endpoints: {e: {address: " address "}}}\n"
#define GEO "geo.example.com"
#define LOS_ANGELES "198.51.100.128/25"
#define SEOUL "192.0.2.0/25"
#define BUSAN "192.0.2.128/26"
#define GERMANY "203.0.113.0/24"
#define NOWHERE "192.0.2.192/26"

static void assert_scoped(struct story *s, const char *name, const char *client, const char *answer, unsigned scope)
{
	assert_answer(s, name, "A", client, answer);
	assert_int_equal(story_last(s)->scope, scope);
}

static void the_most_specific_rule_answers_in_whatever_order_rules_are_written(void **state)
{
	struct story *s = story_new("city.mmdb asn.mmdb");
	(void)state;
	story_apply(s, "pools:\n"
	               POOL("default", "10.0.0.1") POOL("continent", "10.0.0.2") POOL("country", "10.0.0.3")
	               POOL("subdivision", "10.0.0.4") POOL("city", "10.0.0.5") POOL("asn", "10.0.0.6")
	               POOL("outer", "10.0.0.7") POOL("inner", "10.0.0.8")
	               "policies:\n  geo:\n    order: geo\n    rules:\n"
	               "    - {default: true, use: default}\n"
	               "    - {continent: [NA, AS], use: continent}\n"
	               "    - {country: [US, NO], use: country}\n"
	               "    - {subdivision: [US-CA], use: subdivision}\n"
	               "    - {city: [US/Los Angeles], use: city}\n"
	               "    - {asn: [64496], use: asn}\n"
	               "    - {nets: [198.51.100.16/28, '2001:db8:e::/48'], use: outer}\n"
	               "    - {nets: [198.51.100.20/30], use: inner}\n"
	               "zones:\n  example.com:\n" ZONE_TEXT "    records: {geo: {types: [A], policy: geo}}\n");
	assert_scoped(s, GEO, "198.51.100.21/32", "10.0.0.8", 30);
	assert_scoped(s, GEO, "198.51.100.16/32", "10.0.0.7", 30);
	assert_scoped(s, GEO, "198.51.100.24/32", "10.0.0.7", 29);
	assert_scoped(s, GEO, "198.51.100.0/32", "10.0.0.6", 28);
	assert_scoped(s, GEO, LOS_ANGELES, "10.0.0.5", 25);
	assert_scoped(s, GEO, "198.51.100.77/32", "10.0.0.6", 32); /* New York: what would follow differs */
	assert_scoped(s, GEO, "8.8.8.0/24", "10.0.0.3", 24);
	assert_scoped(s, GEO, SEOUL, "10.0.0.2", 25);
	assert_scoped(s, GEO, BUSAN, "10.0.0.2", 26);
	assert_scoped(s, GEO, NOWHERE, "10.0.0.1", 26);
	assert_scoped(s, GEO, "2001:db8:1:2:3:4:5:6/128", "10.0.0.3", 127);
	assert_scoped(s, GEO, "2001:db8:e:1::/56", "10.0.0.7", 48);
	assert_scoped(s, GEO, "2001:db8:f::/48", "10.0.0.1", 48);
	story_free(s);
}

static void the_scope_of_a_coarse_question_tells_how_fine_the_answer_is(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, "pools:\n" POOL("a", "10.0.0.1") POOL("b", "10.0.0.2")
	               "policies: {geo: {order: geo, rules: [{nets: [198.51.100.64/26], use: a}, {default: true, use: b}]}}\n"
	               "zones:\n  example.com:\n" ZONE_TEXT "    records: {geo: {types: [A], policy: geo}}\n");
	assert_scoped(s, GEO, "198.51.100.0/24", "10.0.0.2", 26); /* RFC 7871 §7.2.1: longer than SOURCE */
	assert_scoped(s, GEO, "198.51.100.0/16", "10.0.0.2", 18); /* 198.51.0.0/18 */
	assert_scoped(s, GEO, "198.51.100.64/26", "10.0.0.1", 26);
	assert_scoped(s, GEO, "198.51.100.128/25", "10.0.0.2", 25);
	assert_scoped(s, GEO, "198.0.0.0/8", "10.0.0.2", 11);
	assert_scoped(s, GEO, "2001:db8::/32", "10.0.0.2", 0); /* no rule is about IPv6 */
	story_free(s);
}

static void a_fence_is_never_left_and_other_rules_are(void **state)
{
	struct story *s = story_new("city.mmdb");
	(void)state;
	story_apply(s, REGIONS CHECKS POOLS
	               "policies:\n  geo:\n    order: geo\n    rules:\n"
	               "    - {country: KR, use: asia, fence: true}\n"
	               "    - {continent: [AS, NA], use: us}\n"
	               "    - {default: true, use: europe}\n"
	               "zones:\n  example.com:\n" ZONE_TEXT
	               "      geo 60 A 192.0.2.80\n"
	               "    records: {geo: {types: [A], policy: geo, all_down: fallback}}\n");
	struct isb_health down = {.verdict = ISB_DOWN, .held = ISB_DOWN, .flip_s = ISB_FLIP_NONE};
	assert_answer(s, GEO, "A", SEOUL, ICN);
	assert_answer(s, GEO, "A", LOS_ANGELES, IAD);
	story_word(s, "asia/icn-1", &down);
	story_word(s, "us/iad-1", &down);
	assert_answer(s, GEO, "A", SEOUL, "192.0.2.80");
	assert_int_equal(story_last(s)->scope, 25);
	assert_answer(s, GEO, "A", LOS_ANGELES, FRA);
	story_free(s);
}

#define PLACES(order) \
	REGIONS CHECKS POOLS \
	"policies:\n" \
	"  place: {order: " order ", of: [asia, us, europe]}\n" \
	"  biased: {order: nearest, of: [asia, {use: europe, bias: 99}]}\n" \
	"zones:\n  example.com:\n" ZONE_TEXT \
	"    records: {geo: {types: [A], policy: place}, biased: {types: [A], policy: biased}}\n"

static void nearest_goes_by_distance_and_fails_over_by_distance(void **state)
{
	struct story *s = story_new("city.mmdb");
	(void)state;
	story_apply(s, PLACES("nearest"));
	assert_scoped(s, GEO, SEOUL, ICN, 25);
	assert_answer(s, GEO, "A", BUSAN, ICN);
	assert_answer(s, GEO, "A", LOS_ANGELES, IAD);
	assert_answer(s, GEO, "A", GERMANY, FRA);
	assert_answer(s, "biased.example.com", "A", SEOUL, ICN); /* 8600 km count as 86, and 9 km are still nearer */
	assert_answer(s, "biased.example.com", "A", BUSAN, FRA);
	struct isb_health down = {.verdict = ISB_DOWN, .held = ISB_DOWN, .flip_s = ISB_FLIP_NONE};
	story_word(s, "us/iad-1", &down);
	/* Frankfurt lies 9300 km from there and Seoul 9600: equal within 5 % */
	story_shares(s, GEO, LOS_ANGELES, 2000, (const char *const[]){ICN, FRA, NULL}, (const double[]){1, 1});
	story_free(s);
}

static void a_region_that_moves_takes_its_clients_along(void **state)
{
	struct story *s = story_new("city.mmdb");
	(void)state;
	story_apply(s, PLACES("nearest"));
	assert_answer(s, GEO, "A", LOS_ANGELES, IAD);
	const struct isb_geomap *map = story_view(s)->maps[0];
	story_apply(s, "pools: {asia: {check: web, endpoints: {icn-1: {region: seoul, address: 192.0.2.10},\n"
	               "                                      icn-2: {region: seoul, address: 192.0.2.11, weight: 0}}}}\n");
	assert_ptr_equal(story_view(s)->maps[0], map); /* another endpoint in the same place changes no distance */
	story_apply(s, "regions: {frankfurt: {location: [34.05, -118.24]}}\n");
	assert_answer(s, GEO, "A", LOS_ANGELES, FRA);
	assert_answer(s, GEO, "A", GERMANY, IAD);
	struct isb_view *fresh = story_fresh_view(s);
	assert_string_equal(story_dump(s, story_view(s)), story_dump(s, fresh));
	isb_view_free(fresh);
	story_free(s);
}

static void clients_of_no_known_place_are_shared_among_all(void **state)
{
	struct story *s = story_new("city.mmdb");
	(void)state;
	story_apply(s, PLACES("nearest"));
	story_shares(s, GEO, NOWHERE, 3000, (const char *const[]){ICN, IAD, FRA, NULL}, (const double[]){1, 1, 1});
	story_free(s);
}

static void imported_round_trips_decide_where_all_are_known_from_the_finest_cell_up(void **state)
{
	struct story *s = story_new("city.mmdb");
	(void)state;
	story_apply(s, PLACES("latency"));
	assert_answer(s, GEO, "A", LOS_ANGELES, IAD); /* nothing measured: as nearest */
	story_latency(s, "198.51.100.0/24", "seoul", 20);
	story_latency(s, "198.51.100.0/24", "virginia", 80);
	assert_answer(s, GEO, "A", LOS_ANGELES, IAD); /* half a comparison is none */
	story_latency(s, "198.51.0.0/16", "seoul", 200);
	story_latency(s, "198.51.0.0/16", "virginia", 300);
	story_latency(s, "198.51.0.0/16", "frankfurt", 100);
	assert_answer(s, GEO, "A", LOS_ANGELES, FRA); /* one level up all are known */
	story_latency(s, "198.51.100.0/24", "frankfurt", 150);
	assert_answer(s, GEO, "A", LOS_ANGELES, ICN);
	assert_answer(s, GEO, "A", "198.51.7.0/24", FRA);
	assert_scoped(s, GEO, "198.51.128.0/24", FRA, 17);
	story_latency(s, "198.51.100.0/24", "seoul", 0);
	assert_answer(s, GEO, "A", LOS_ANGELES, FRA);
	story_free(s);
}

static void a_small_lead_is_a_tie_and_shared_by_weight(void **state)
{
	struct story *s = story_new("city.mmdb");
	(void)state;
	story_apply(s, REGIONS CHECKS POOLS
	               "policies: {place: {order: latency, of: [{use: asia, weight: 3}, us, europe]}}\n"
	               "zones:\n  example.com:\n" ZONE_TEXT "    records: {geo: {types: [A], policy: place}}\n");
	story_latency(s, "198.51.100.0/24", "seoul", 24);
	story_latency(s, "198.51.100.0/24", "virginia", 20);
	story_latency(s, "198.51.100.0/24", "frankfurt", 26);
	story_shares(s, GEO, LOS_ANGELES, 4000, (const char *const[]){ICN, IAD, NULL}, (const double[]){3, 1});
	story_free(s);
}

static void probes_speak_for_clients_of_their_region(void **state)
{
	struct story *s = story_new("city.mmdb");
	(void)state;
	story_apply(s, PLACES("latency"));
	story_rtt(s, "virginia", "seoul", 150);
	story_rtt(s, "virginia", "virginia", 90);
	story_rtt(s, "virginia", "frankfurt", 40);
	story_rtt(s, "frankfurt", "seoul", 10);
	story_apply(s, PLACES("latency")); /* changes nothing, and builds a view all the same */
	assert_answer(s, GEO, "A", LOS_ANGELES, FRA); /* as virginia's probe measures it */
	assert_answer(s, GEO, "A", GERMANY, FRA);     /* frankfurt's has not measured all: as nearest */
	story_rtt(s, "frankfurt", "virginia", 60);
	story_rtt(s, "frankfurt", "frankfurt", 50);
	story_apply(s, PLACES("latency"));
	assert_answer(s, GEO, "A", GERMANY, ICN);
	story_rtt(s, "frankfurt", "seoul", 100); /* one number of many */
	story_apply(s, PLACES("latency"));
	assert_answer(s, GEO, "A", GERMANY, FRA);
	assert_answer(s, GEO, "A", LOS_ANGELES, FRA);
	story_free(s);
}

static void a_probes_own_connect_times_become_round_trips(void **state)
{
	struct story *s = story_new("city.mmdb");
	(void)state;
	story_apply(s, PLACES("latency"));
	story_probe(s, "p", "frankfurt");
	story_pass(s, 10); /* 8 ms everywhere: a tie, where distance would say Frankfurt */
	story_apply(s, PLACES("latency"));
	story_shares(s, GEO, GERMANY, 3000, (const char *const[]){ICN, IAD, FRA, NULL}, (const double[]){1, 1, 1});
	story_free(s);
}

static void policies_nest_and_what_a_client_never_reaches_does_not_narrow_its_scope(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, "pools:\n" POOL("a", "10.0.0.1") POOL("b", "10.0.0.2") POOL("c", "10.0.0.3")
	               "policies:\n"
	               "  fine: {order: geo, rules: [{nets: [198.51.100.0/28, 203.0.113.0/28], use: a},\n"
	               "                             {default: true, use: b}]}\n"
	               "  geo:\n    order: geo\n    rules:\n"
	               "    - {nets: [198.51.100.0/24], use: [fine, c]}\n"
	               "    - {default: true, use: c}\n"
	               "zones:\n  example.com:\n" ZONE_TEXT
	               "    records: {geo: {types: [A], policy: geo}, fine: {types: [A], policy: fine}}\n");
	assert_scoped(s, GEO, "198.51.100.0/32", "10.0.0.1", 28);
	assert_scoped(s, GEO, "198.51.100.16/32", "10.0.0.2", 28);
	assert_scoped(s, GEO, "198.51.100.128/32", "10.0.0.2", 25);
	assert_scoped(s, "fine.example.com", "203.0.113.0/32", "10.0.0.1", 28);
	assert_scoped(s, GEO, "203.0.113.0/32", "10.0.0.3", 5); /* 200.0.0.0/5: fine's networks are none of its business */
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_rule_answers_in_whatever_order_rules_are_written),
		cmocka_unit_test(the_scope_of_a_coarse_question_tells_how_fine_the_answer_is),
		cmocka_unit_test(a_fence_is_never_left_and_other_rules_are),
		cmocka_unit_test(nearest_goes_by_distance_and_fails_over_by_distance),
		cmocka_unit_test(a_region_that_moves_takes_its_clients_along),
		cmocka_unit_test(clients_of_no_known_place_are_shared_among_all),
		cmocka_unit_test(imported_round_trips_decide_where_all_are_known_from_the_finest_cell_up),
		cmocka_unit_test(a_small_lead_is_a_tie_and_shared_by_weight),
		cmocka_unit_test(probes_speak_for_clients_of_their_region),
		cmocka_unit_test(a_probes_own_connect_times_become_round_trips),
		cmocka_unit_test(policies_nest_and_what_a_client_never_reaches_does_not_narrow_its_scope),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
