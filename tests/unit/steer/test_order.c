/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "isobar/steer/order.h"

static const struct isb_region seoul = {.name = "seoul", .latitude = 37.57, .longitude = 126.98};
static const struct isb_region virginia = {.name = "virginia", .latitude = 38.95, .longitude = -77.45};
static const struct isb_region frankfurt = {.name = "frankfurt", .latitude = 50.11, .longitude = 8.68};
static const struct isb_region *const at_seoul[] = {&seoul}, *const at_virginia[] = {&virginia},
                               *const at_frankfurt[] = {&frankfurt};

static void rank(const struct isb_order *order, const struct isb_order_child *children, size_t count,
                 const struct isb_facts *facts, const struct isb_rtt_source *rtt, uint16_t *ret_rank)
{
	struct isb_order_in in = {.children = children, .count = count, .facts = facts, .rtt = rtt};
	order->rank(&in, ret_rank, NULL);
}

static void failover_ranks_policies_as_declared_and_endpoints_by_tier(void **state)
{
	(void)state;
	struct isb_order_child c[3] = {{.tier = 1}, {.tier = 0}, {.tier = 1}};
	uint16_t r[3];
	rank(&isb_order_failover, c, 3, NULL, NULL, r);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[1], 1);
	assert_int_equal(r[2], 2);
	struct isb_order_in in = {.children = c, .count = 3, .endpoints = true};
	isb_order_failover.rank(&in, r, NULL);
	assert_int_equal(r[0], 1);
	assert_int_equal(r[1], 0);
	assert_int_equal(r[2], 1);
}

static void weighted_is_one_tie(void **state)
{
	(void)state;
	struct isb_order_child c[3] = {0};
	uint16_t r[3] = {9, 9, 9};
	rank(&isb_order_weighted, c, 3, NULL, NULL, r);
	for (int i = 0; i < 3; i++)
		assert_int_equal(r[i], 0);
}

/* --- geo --- */

struct rules {
	struct isb_geo_match match[7];
	struct isb_order_child child[7];
	struct isb_net nets[2];
	uint32_t asn;
	const char *city, *subdivision, *country, *continent;
};

/* default, continent NA, country US, subdivision US-CA, city US/San Jose, AS 64500, nets 192.0.2.0/24 and /25: declared
 * from the least to the most specific. */
static void set_rules(struct rules *s)
{
	memset(s, 0, sizeof(*s));
	isb_net_parse("192.0.2.0/24", &s->nets[0]);
	isb_net_parse("192.0.2.0/25", &s->nets[1]);
	s->asn = 64500;
	s->city = "US/San Jose", s->subdivision = "US-CA", s->country = "US", s->continent = "NA";
	s->match[0].is_default = true;
	s->match[1].continents = (struct isb_strings){&s->continent, 1};
	s->match[2].countries = (struct isb_strings){&s->country, 1};
	s->match[3].subdivisions = (struct isb_strings){&s->subdivision, 1};
	s->match[4].cities = (struct isb_strings){&s->city, 1};
	s->match[5].asns = &s->asn, s->match[5].nasn = 1;
	s->match[6].nets = s->nets, s->match[6].nnet = 2;
	for (int i = 0; i < 7; i++) {
		s->child[i].match = &s->match[i];
		s->child[i].net_base = 40; /* ids of the last rule's networks; the others have none */
	}
}

static const struct isb_geo_facts san_jose = {.country = "US", .continent = "NA", .subdivision = "US-CA",
                                              .city = "San Jose", .asn = 64500};

static void geo_takes_the_most_specific_rule_first(void **state)
{
	(void)state;
	struct rules s;
	set_rules(&s);
	struct isb_prefix_match net = {.id = 41, .len = 25};
	struct isb_facts facts = {.geo = &san_jose, .nets = &net, .nnet = 1};
	uint16_t r[7];
	rank(&isb_order_geo, s.child, 7, &facts, NULL, r);
	for (int i = 0; i < 7; i++)
		assert_int_equal(r[i], 6 - i);
}

static void geo_leaves_out_rules_that_do_not_match(void **state)
{
	(void)state;
	struct rules s;
	set_rules(&s);
	const struct isb_geo_facts boston = {.country = "US", .continent = "NA", .subdivision = "US-MA", .city = "Boston"};
	struct isb_facts facts = {.geo = &boston};
	uint16_t r[7];
	rank(&isb_order_geo, s.child, 7, &facts, NULL, r);
	const uint16_t want[7] = {2, 1, 0, ISB_RANK_OUT, ISB_RANK_OUT, ISB_RANK_OUT, ISB_RANK_OUT};
	assert_memory_equal(r, want, sizeof(want));
}

static void geo_of_an_unknown_client_matches_only_the_default(void **state)
{
	(void)state;
	struct rules s;
	set_rules(&s);
	const struct isb_geo_facts nowhere = {0};
	struct isb_facts facts = {.geo = &nowhere};
	uint16_t r[7];
	rank(&isb_order_geo, s.child, 7, &facts, NULL, r);
	assert_int_equal(r[0], 0);
	for (int i = 1; i < 7; i++)
		assert_int_equal(r[i], ISB_RANK_OUT);
}

static void geo_never_passes_a_fence(void **state)
{
	(void)state;
	struct rules s;
	set_rules(&s);
	s.child[2].fence = true; /* country US */
	struct isb_facts facts = {.geo = &san_jose};
	uint16_t r[7];
	rank(&isb_order_geo, s.child, 7, &facts, NULL, r);
	const uint16_t want[7] = {ISB_RANK_OUT, ISB_RANK_OUT, 3, 2, 1, 0, ISB_RANK_OUT};
	assert_memory_equal(r, want, sizeof(want));
}

static void geo_prefers_the_longer_of_two_networks(void **state)
{
	(void)state;
	struct rules s;
	set_rules(&s);
	struct isb_geo_match one = {.nets = &s.nets[0], .nnet = 1}, two = {.nets = &s.nets[1], .nnet = 1};
	struct isb_order_child c[2] = {{.match = &one, .net_base = 0}, {.match = &two, .net_base = 1}};
	const struct isb_prefix_match both[] = {{.id = 1, .len = 25}, {.id = 0, .len = 24}};
	const struct isb_geo_facts nowhere = {0};
	struct isb_facts facts = {.geo = &nowhere, .nets = both, .nnet = 2};
	uint16_t r[2];
	rank(&isb_order_geo, c, 2, &facts, NULL, r);
	assert_int_equal(r[0], 1);
	assert_int_equal(r[1], 0);
}

/* --- nearest --- */

static void distances_are_great_circles(void **state)
{
	(void)state;
	assert_int_equal((int)(isb_distance_km(37.57, 126.98, 38.95, -77.45) / 10), 1114); /* Seoul to Washington Dulles */
	assert_int_equal((int)isb_distance_km(10, 20, 10, 20), 0);
	assert_int_equal((int)isb_distance_km(0, 179.5, 0, -179.5), 111); /* across the date line */
	assert_int_equal((int)(isb_distance_km(90, 0, -90, 0) / 10), 2001);
}

static void nearest_sorts_by_distance(void **state)
{
	(void)state;
	struct isb_order_child c[3] = {{.regions = at_virginia, .nregion = 1}, {.regions = at_seoul, .nregion = 1},
	                               {.regions = at_frankfurt, .nregion = 1}};
	const struct isb_geo_facts tokyo = {.located = true, .latitude = 35.68, .longitude = 139.69};
	struct isb_facts facts = {.geo = &tokyo};
	uint16_t r[3];
	rank(&isb_order_nearest, c, 3, &facts, NULL, r);
	assert_int_equal(r[1], 0); /* Seoul, 1 150 km */
	assert_int_equal(r[2], 1); /* Frankfurt, 9 350 km */
	assert_int_equal(r[0], 2); /* Virginia, 10 900 km: more than 5 % farther */
}

static void nearest_ties_within_five_per_cent_and_bias_moves_it(void **state)
{
	(void)state;
	const struct isb_region east = {.latitude = 0, .longitude = 10}, west = {.latitude = 0, .longitude = -10.4};
	const struct isb_region *const e[] = {&east}, *const w[] = {&west};
	struct isb_order_child c[2] = {{.regions = e, .nregion = 1}, {.regions = w, .nregion = 1}};
	const struct isb_geo_facts middle = {.located = true};
	struct isb_facts facts = {.geo = &middle};
	uint16_t r[2];
	rank(&isb_order_nearest, c, 2, &facts, NULL, r);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[1], 0); /* 4 % farther */
	c[1].bias = 50; /* half the distance */
	rank(&isb_order_nearest, c, 2, &facts, NULL, r);
	assert_int_equal(r[1], 0);
	assert_int_equal(r[0], 1);
	c[1].bias = -10;
	rank(&isb_order_nearest, c, 2, &facts, NULL, r);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[1], 1);
}

static void nearest_without_a_place_is_one_tie(void **state)
{
	(void)state;
	struct isb_order_child c[2] = {{.regions = at_virginia, .nregion = 1}, {.regions = at_seoul, .nregion = 1}};
	const struct isb_geo_facts nowhere = {0};
	struct isb_facts facts = {.geo = &nowhere};
	uint16_t r[2] = {7, 7};
	rank(&isb_order_nearest, c, 2, &facts, NULL, r);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[1], 0);
}

/* --- latency --- */

enum { ROLLUP = 2 }; /* cells from here on: by AS, by country, by continent */
struct measured {
	uint32_t cell[ROLLUP + ISB_ROLLUPS][3]; /* by cell id, by region: seoul virginia frankfurt */
	uint32_t probe[3];
};

static int region_index(const struct isb_region *region)
{
	return region == &seoul ? 0 : region == &virginia ? 1 : 2;
}
static struct isb_rtt from_cell(void *arg, uint32_t id, const struct isb_region *region)
{
	return (struct isb_rtt){((struct measured *)arg)->cell[id][region_index(region)], 100 + id};
}
static uint32_t rollup(void *arg, const struct isb_geo_facts *geo, enum isb_rollup to)
{
	(void)arg;
	return geo->country[0] ? ROLLUP + to : ISB_CELL_NONE;
}
static const char *cell_name(void *arg, uint32_t id, char out[ISB_CELL_TEXT])
{
	(void)arg;
	sprintf(out, "cell %u", id);
	return out;
}
static uint32_t from_probe(void *arg, const struct isb_geo_facts *geo, const struct isb_region *region)
{
	(void)geo;
	return ((struct measured *)arg)->probe[region_index(region)];
}
static struct isb_rtt_source source_of(struct measured *m)
{
	return (struct isb_rtt_source){.arg = m, .cell = from_cell, .rollup = rollup, .name = cell_name, .probe = from_probe};
}

static void latency_uses_the_finest_cell_that_knows_every_child(void **state)
{
	(void)state;
	struct measured m = {.cell = {{9000, 80000, 0}, {90000, 20000, 60000}}, .probe = {1000, 2000, 3000}};
	struct isb_rtt_source source = source_of(&m);
	struct isb_order_child c[3] = {{.regions = at_seoul, .nregion = 1}, {.regions = at_virginia, .nregion = 1},
	                               {.regions = at_frankfurt, .nregion = 1}};
	const struct isb_prefix_match cells[] = {{.id = 0, .len = 24}, {.id = 1, .len = 16}};
	const struct isb_geo_facts tokyo = {.located = true, .latitude = 35.68, .longitude = 139.69};
	struct isb_facts facts = {.geo = &tokyo, .cells = cells, .ncell = 2};
	uint16_t r[3];
	rank(&isb_order_latency, c, 3, &facts, &source, r);
	const uint16_t want[3] = {2, 0, 1}; /* the /24 says nothing of Frankfurt, so the /16 decides */
	assert_memory_equal(r, want, sizeof(want));
	rank(&isb_order_latency, c, 2, &facts, &source, r);
	assert_int_equal(r[0], 0); /* without Frankfurt the /24 does */
	assert_int_equal(r[1], 1);
}

static void latency_goes_up_from_the_networks_to_as_country_and_continent(void **state)
{
	(void)state;
	struct measured m = {.cell = {{9000, 80000, 0}, {90000, 0, 60000}, {1000, 0, 0}, {0, 20000, 0}, {70000, 30000, 50000}},
	                     .probe = {1000, 20000, 30000}};
	struct isb_rtt_source source = source_of(&m);
	struct isb_order_child c[3] = {{.regions = at_seoul, .nregion = 1}, {.regions = at_virginia, .nregion = 1},
	                               {.regions = at_frankfurt, .nregion = 1}};
	const struct isb_prefix_match cells[] = {{.id = 0, .len = 24}, {.id = 1, .len = 16}};
	const struct isb_geo_facts tokyo = {.country = "JP", .located = true, .latitude = 35.68, .longitude = 139.69};
	struct isb_facts facts = {.geo = &tokyo, .cells = cells, .ncell = 2};
	struct isb_buf why[3] = {{0}};
	uint16_t r[3];
	struct isb_order_in in = {.children = c, .count = 3, .facts = &facts, .rtt = &source};
	isb_order_latency.rank(&in, r, why);
	const uint16_t by_continent[3] = {2, 0, 1};
	assert_memory_equal(r, by_continent, sizeof(by_continent));
	assert_string_equal(isb_buf_text(&why[0]), "70.0 ms p25 of 104 samples, cell 4");
	assert_string_equal(isb_buf_text(&why[1]), "30.0 ms p25 of 104 samples, cell 4");
	for (size_t i = 0; i < 3; i++)
		isb_buf_done(&why[i]);

	memcpy(m.cell[3], (uint32_t[]){10000, 20000, 30000}, sizeof(m.cell[3]));
	rank(&isb_order_latency, c, 3, &facts, &source, r);
	const uint16_t by_country[3] = {0, 1, 2};
	assert_memory_equal(r, by_country, sizeof(by_country));
	memcpy(m.cell[2], (uint32_t[]){30000, 20000, 10000}, sizeof(m.cell[2]));
	rank(&isb_order_latency, c, 3, &facts, &source, r);
	const uint16_t by_as[3] = {2, 1, 0};
	assert_memory_equal(r, by_as, sizeof(by_as));
	memcpy(m.cell[1], (uint32_t[]){20000, 30000, 10000}, sizeof(m.cell[1]));
	rank(&isb_order_latency, c, 3, &facts, &source, r);
	const uint16_t by_wider_network[3] = {1, 2, 0};
	assert_memory_equal(r, by_wider_network, sizeof(by_wider_network));
}

static void latency_falls_back_to_probes_and_then_to_distance(void **state)
{
	(void)state;
	struct measured m = {.probe = {90000, 20000, 60000}};
	struct isb_rtt_source source = source_of(&m);
	struct isb_order_child c[3] = {{.regions = at_seoul, .nregion = 1}, {.regions = at_virginia, .nregion = 1},
	                               {.regions = at_frankfurt, .nregion = 1}};
	const struct isb_geo_facts tokyo = {.located = true, .latitude = 35.68, .longitude = 139.69};
	struct isb_facts facts = {.geo = &tokyo};
	uint16_t r[3];
	rank(&isb_order_latency, c, 3, &facts, &source, r);
	const uint16_t by_probe[3] = {2, 0, 1};
	assert_memory_equal(r, by_probe, sizeof(by_probe));
	m.probe[1] = 0;
	rank(&isb_order_latency, c, 3, &facts, &source, r);
	const uint16_t by_distance[3] = {0, 2, 1};
	assert_memory_equal(r, by_distance, sizeof(by_distance));
}

static void latency_leads_below_five_ms_or_a_tenth_are_ties(void **state)
{
	(void)state;
	struct measured m = {.cell = {{10000, 14999, 15100}}};
	struct isb_rtt_source source = source_of(&m);
	struct isb_order_child c[3] = {{.regions = at_seoul, .nregion = 1}, {.regions = at_virginia, .nregion = 1},
	                               {.regions = at_frankfurt, .nregion = 1}};
	const struct isb_prefix_match cell = {.id = 0, .len = 24};
	const struct isb_geo_facts nowhere = {0};
	struct isb_facts facts = {.geo = &nowhere, .cells = &cell, .ncell = 1};
	uint16_t r[3];
	rank(&isb_order_latency, c, 3, &facts, &source, r);
	const uint16_t want[3] = {0, 0, 1};
	assert_memory_equal(r, want, sizeof(want));
	m.cell[0][0] = 200000, m.cell[0][1] = 219000, m.cell[0][2] = 221000;
	rank(&isb_order_latency, c, 3, &facts, &source, r);
	assert_memory_equal(r, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failover_ranks_policies_as_declared_and_endpoints_by_tier),
		cmocka_unit_test(weighted_is_one_tie),
		cmocka_unit_test(geo_takes_the_most_specific_rule_first),
		cmocka_unit_test(geo_leaves_out_rules_that_do_not_match),
		cmocka_unit_test(geo_of_an_unknown_client_matches_only_the_default),
		cmocka_unit_test(geo_never_passes_a_fence),
		cmocka_unit_test(geo_prefers_the_longer_of_two_networks),
		cmocka_unit_test(distances_are_great_circles),
		cmocka_unit_test(nearest_sorts_by_distance),
		cmocka_unit_test(nearest_ties_within_five_per_cent_and_bias_moves_it),
		cmocka_unit_test(nearest_without_a_place_is_one_tie),
		cmocka_unit_test(latency_uses_the_finest_cell_that_knows_every_child),
		cmocka_unit_test(latency_goes_up_from_the_networks_to_as_country_and_continent),
		cmocka_unit_test(latency_falls_back_to_probes_and_then_to_distance),
		cmocka_unit_test(latency_leads_below_five_ms_or_a_tenth_are_ties),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
