/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

/* Order latency, told sentence by sentence: samples age, cells roll up, every candidate must be known, small leads tie. The
 * fixtures put 192.0.2.0/24 into Korea (AS4766), 198.51.100.0/24 into California, 203.0.113.0/24 into Germany. */

#define NAME "www.example.com"
#define RECORD "example.com/www"
#define LATENCY \
	REGIONS CHECKS POOLS \
	"policies: {fast: {order: latency, of: [asia, us, europe]}}\n" \
	"zones:\n  example.com:\n" ZONE_TEXT "    records: {www: {types: [A], policy: fast}}\n"

enum { HOUR = 3600, ENOUGH = 20 };

static const char korean[] = "192.0.2.0/25", busan[] = "192.0.2.128/26", american[] = "198.51.100.128/25",
                  german[] = "203.0.113.0/24";

static void all_three(struct story *s, const char *net, unsigned asia, unsigned us, unsigned europe, unsigned count)
{
	story_samples(s, net, "seoul", asia, count);
	story_samples(s, net, "virginia", us, count);
	story_samples(s, net, "frankfurt", europe, count);
}

static struct story *begin(void)
{
	struct story *s = story_new("city.mmdb asn.mmdb");
	story_apply(s, LATENCY);
	return s;
}

static void a_network_decides_from_its_twentieth_sample_to_every_candidate_on(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, NAME, "A", german, FRA); /* nothing measured: as nearest */
	all_three(s, german, 200, 20, 100, ENOUGH - 1);
	assert_answer(s, NAME, "A", german, FRA);
	story_samples(s, german, "virginia", 20, 1);
	story_samples(s, german, "frankfurt", 100, 1);
	assert_answer(s, NAME, "A", german, FRA); /* Seoul lacks one: half a comparison is none */
	story_samples(s, german, "seoul", 200, 1);
	assert_answer(s, NAME, "A", german, IAD);
	assert_string_equal(story_why(s, RECORD, german), "200.0 ms p25 of 20 samples, 203.0.113.0/24");
	story_free(s);
}

static void the_quarter_that_is_fastest_decides_and_not_the_mean(void **state)
{
	struct story *s = begin();
	(void)state;
	all_three(s, german, 900, 100, 200, 70);
	story_samples(s, german, "seoul", 50, 30); /* on the mean the slowest by far */
	assert_answer(s, NAME, "A", german, ICN);
	assert_string_equal(story_why(s, RECORD, german), "50.2 ms p25 of 100 samples, 203.0.113.0/24");
	story_free(s);
}

static void samples_older_than_a_day_count_no_more_without_any_edit(void **state)
{
	struct story *s = begin();
	(void)state;
	all_three(s, german, 200, 20, 100, ENOUGH);
	assert_answer(s, NAME, "A", german, IAD);
	story_pass_ms(s, 24 * HOUR * INT64_C(1000) - 1);
	assert_false(story_samples_aged(s));
	assert_answer(s, NAME, "A", german, IAD);
	story_pass_ms(s, 1);
	assert_true(story_samples_aged(s));
	assert_answer(s, NAME, "A", german, FRA);
	assert_false(story_samples_aged(s)); /* nothing is left that could age */
	story_free(s);
}

static void a_network_that_is_measured_on_and_on_follows_its_samples(void **state)
{
	struct story *s = begin();
	(void)state;
	for (unsigned hours = 0; hours < 24; hours += 2) {
		all_three(s, german, 200, 20, 100, ENOUGH);
		story_pass(s, 2 * HOUR);
	}
	story_samples_aged(s);
	assert_answer(s, NAME, "A", german, IAD);
	for (unsigned hours = 0; hours < 24; hours += 2) { /* the path to Virginia has become slow */
		all_three(s, german, 200, 300, 100, ENOUGH);
		story_pass(s, 2 * HOUR);
		story_samples_aged(s);
	}
	assert_answer(s, NAME, "A", german, FRA);
	assert_string_equal(story_why(s, RECORD, german), "200.0 ms p25 of 180 samples, 203.0.113.0/24"); /* of 18 hours */
	story_free(s);
}

static void too_few_samples_are_rolled_up_to_the_as_in_its_country(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, NAME, "A", korean, ICN);
	all_three(s, "192.0.2.0/28", 200, 100, 30, 10);
	all_three(s, "192.0.2.16/28", 200, 100, 30, 9);
	assert_answer(s, NAME, "A", korean, ICN);
	all_three(s, "192.0.2.32/28", 200, 100, 30, 1);
	assert_answer(s, NAME, "A", korean, FRA);
	assert_string_equal(story_why(s, RECORD, korean), "200.0 ms p25 of 20 samples, AS4766 KR");
	assert_answer(s, NAME, "A", busan, FRA); /* the same AS, though nobody there was measured */
	assert_answer(s, NAME, "A", german, FRA);
	assert_answer(s, NAME, "A", american, IAD); /* elsewhere nothing is known */
	story_free(s);
}

static void then_to_the_country_and_then_to_the_continent(void **state)
{
	struct story *s = story_new("city.mmdb"); /* no ASes */
	(void)state;
	story_apply(s, LATENCY);
	all_three(s, "192.0.2.0/28", 200, 100, 30, ENOUGH);
	assert_answer(s, NAME, "A", busan, FRA);
	assert_string_equal(story_why(s, RECORD, busan), "200.0 ms p25 of 20 samples, country KR");
	story_free(s);

	s = story_new("country.mmdb"); /* puts the upper half of 192.0.2.0/24 into Japan */
	story_apply(s, LATENCY);
	assert_answer(s, NAME, "A", "192.0.2.128/25", ICN);
	all_three(s, korean, 200, 100, 30, ENOUGH);
	assert_answer(s, NAME, "A", "192.0.2.128/25", FRA);
	assert_string_equal(story_why(s, RECORD, "192.0.2.128/25"), "200.0 ms p25 of 20 samples, continent AS");
	story_free(s);
}

static void a_finer_cell_goes_before_a_coarser_one_wherever_it_knows_all(void **state)
{
	struct story *s = begin();
	(void)state;
	all_three(s, "192.0.2.128/28", 200, 100, 30, ENOUGH); /* makes AS4766 say Frankfurt */
	all_three(s, "192.0.0.0/16", 200, 30, 100, ENOUGH);   /* and the wide network Virginia, but its AS as well */
	assert_answer(s, NAME, "A", korean, IAD);
	assert_string_equal(story_why(s, RECORD, korean), "200.0 ms p25 of 20 samples, 192.0.0.0/16");
	all_three(s, "192.0.2.0/25", 30, 200, 100, ENOUGH);
	assert_answer(s, NAME, "A", korean, ICN);
	assert_answer(s, NAME, "A", "192.0.2.128/28", FRA);
	assert_answer(s, NAME, "A", "192.0.2.160/28", IAD);
	story_free(s);
}

static void then_the_probes_of_the_nearest_region_speak_and_then_distance(void **state)
{
	struct story *s = begin();
	(void)state;
	story_rtt(s, "frankfurt", "seoul", 90);
	story_rtt(s, "frankfurt", "virginia", 30);
	story_rtt(s, "frankfurt", "frankfurt", 60);
	story_samples(s, german, "seoul", 5, ENOUGH); /* of one candidate only */
	assert_answer(s, NAME, "A", german, IAD);
	assert_string_equal(story_why(s, RECORD, german), "90.0 ms, measured by the nearest probe");
	story_free(s);
}

static void a_lead_below_5_ms_or_a_tenth_is_a_tie_and_shared(void **state)
{
	struct story *s = begin();
	(void)state;
	all_three(s, german, 20, 24, 26, ENOUGH);
	all_three(s, american, 200, 215, 230, ENOUGH);
	const char *const both[] = {ICN, IAD, NULL};
	story_shares(s, NAME, german, 3000, both, (const double[]){1, 1});
	story_shares(s, NAME, american, 3000, both, (const double[]){1, 1});
	story_free(s);
}

static void samples_that_change_no_ranking_leave_the_map_as_it_is(void **state)
{
	struct story *s = begin();
	(void)state;
	all_three(s, german, 200, 20, 100, ENOUGH);
	const struct isb_geomap *map = story_view(s)->maps[0];
	all_three(s, german, 200, 20, 100, 500); /* the same values */
	assert_ptr_equal(story_view(s)->maps[0], map);
	story_samples(s, german, "seoul", 150, 5000); /* other values, and the same order */
	assert_ptr_equal(story_view(s)->maps[0], map);
	story_apply(s, "regions: {tokyo: {location: [35.68, 139.69]}}\n"); /* an edit finds the map under its new shape */
	assert_ptr_equal(story_view(s)->maps[0], map);
	story_samples(s, german, "seoul", 5, 50000);
	assert_ptr_not_equal(story_view(s)->maps[0], map);
	assert_answer(s, NAME, "A", german, ICN);
	struct isb_view *fresh = story_fresh_view(s);
	assert_string_equal(story_dump(s, story_view(s)), story_dump(s, fresh));
	isb_view_free(fresh);
	story_free(s);
}

static void scopes_reach_as_far_as_one_answer_does(void **state)
{
	struct story *s = begin();
	(void)state;
	all_three(s, "203.0.113.0/28", 200, 20, 100, 1);
	all_three(s, "203.0.113.16/28", 200, 20, 100, ENOUGH);
	assert_answer(s, NAME, "A", "203.0.113.0/28", IAD); /* by its AS or country, like its neighbour by itself */
	assert_in_range(story_last(s)->scope, 1, 24);
	all_three(s, "203.0.113.16/28", 20, 200, 100, 5000);
	assert_answer(s, NAME, "A", "203.0.113.16/28", ICN);
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_decides_from_its_twentieth_sample_to_every_candidate_on),
		cmocka_unit_test(the_quarter_that_is_fastest_decides_and_not_the_mean),
		cmocka_unit_test(samples_older_than_a_day_count_no_more_without_any_edit),
		cmocka_unit_test(a_network_that_is_measured_on_and_on_follows_its_samples),
		cmocka_unit_test(too_few_samples_are_rolled_up_to_the_as_in_its_country),
		cmocka_unit_test(then_to_the_country_and_then_to_the_continent),
		cmocka_unit_test(a_finer_cell_goes_before_a_coarser_one_wherever_it_knows_all),
		cmocka_unit_test(then_the_probes_of_the_nearest_region_speak_and_then_distance),
		cmocka_unit_test(a_lead_below_5_ms_or_a_tenth_is_a_tie_and_shared),
		cmocka_unit_test(samples_that_change_no_ranking_leave_the_map_as_it_is),
		cmocka_unit_test(scopes_reach_as_far_as_one_answer_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
