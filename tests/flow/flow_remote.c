/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

#include <stdio.h>

#include "isobar/base/rng.h"

/* Probes in other regions: what they see counts as much as what the site's own probe sees, whatever happens to links,
 * clocks and processes. A vote lives 3 * 5 s + 2 s after the check it comes from. */

enum { VOTE_S = 17, AWAIT_S = 15, AHEAD = 30000 };

static const char catalog[] =
	REGIONS CHECKS POOLS
	"policies:\n"
	"  standby: [asia, europe]\n"
	"zones:\n"
	"  example.com:\n" ZONE_TEXT
	"    records:\n"
	"      www: {types: [A], ttl: 30s, policy: standby}\n";

#define WWW "www.example.com"
#define ASIA "asia/icn-1"

/* A site at home and two probes abroad, whose clocks are 30 s ahead and 30 s behind. */
static struct story *three_eyes(void)
{
	struct story *s = story_new(NULL);
	story_apply(s, catalog);
	story_site(s, "home", "frankfurt");
	story_remote(s, "seoul-1", "seoul", AHEAD);
	story_remote(s, "iad-1", "virginia", -AHEAD);
	story_pass(s, 20);
	return s;
}

static void two_of_three_decide(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	assert_answer(s, WWW, "A", NULL, ICN);
	story_outcome(s, "home", ASIA, ISB_OUT_CONNECT_REFUSED); /* the site alone cannot reach it */
	story_pass(s, 60);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_UP);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_outcome(s, "iad-1", ASIA, ISB_OUT_CONNECT_REFUSED);
	story_checks(s, "iad-1", ASIA, 3);
	story_pass_ms(s, 1); /* what was seen was told in the same round */
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_free(s);
}

static void a_remote_alone_moves_nobody(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	story_outcome(s, "seoul-1", ASIA, ISB_OUT_CONNECT_REFUSED);
	for (int i = 0; i < 120; i++) {
		story_pass(s, 1);
		assert_int_equal(story_health(s, ASIA).verdict, ISB_UP);
	}
	story_free(s);
}

/* The site sees a failure that nobody else sees. Cut off, it goes by the fresh votes; when those are too old it has
 * only its own. */
static void a_site_that_loses_everybody_judges_by_fresh_votes_only(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	story_outcome(s, "home", ASIA, ISB_OUT_CONNECT_REFUSED);
	story_pass(s, 30);
	story_link(s, "seoul-1", false);
	story_link(s, "iad-1", false);
	story_pass(s, VOTE_S - 7); /* the votes are at most an interval and a half old */
	assert_int_equal(story_health(s, ASIA).verdict, ISB_UP);
	story_pass(s, 8);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN);
	story_link(s, "seoul-1", true);
	story_link(s, "iad-1", true);
	story_pass(s, 2); /* no check is needed: they tell what they knew all along */
	assert_int_equal(story_health(s, ASIA).verdict, ISB_UP);
	story_free(s);
}

static void a_remote_that_is_cut_off_goes_on_checking(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	story_link(s, "seoul-1", false);
	story_link(s, "iad-1", false);
	story_outcome(s, "seoul-1", ASIA, ISB_OUT_STATUS);
	story_outcome(s, "iad-1", ASIA, ISB_OUT_STATUS);
	story_pass(s, 120);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_UP); /* the site sees nothing wrong */
	story_link(s, "seoul-1", true);
	story_pass(s, 1);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DISPUTED);
	assert_answer(s, WWW, "A", NULL, ICN); /* which holds */
	story_link(s, "iad-1", true);
	story_pass(s, 1);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN);
	story_free(s);
}

static void a_remote_that_restarts_does_not_flap(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	story_outcome(s, "home", ASIA, ISB_OUT_CONNECT_REFUSED);
	story_outcome(s, "seoul-1", ASIA, ISB_OUT_CONNECT_REFUSED);
	story_pass(s, 30);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN);
	story_outcome(s, "seoul-1", ASIA, ISB_OUT_OK);
	story_kill(s, "seoul-1");
	story_remote(s, "seoul-1", "seoul", AHEAD);
	story_checks(s, "seoul-1", ASIA, 1); /* rise is 2: without its memory one success would be enough */
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN);
	story_checks(s, "seoul-1", ASIA, 1);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_UP);
	story_free(s);
}

static void a_site_that_restarts_waits_for_its_probes(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	story_outcome(s, "home", ASIA, ISB_OUT_CONNECT_REFUSED);
	story_pass(s, 30);
	story_kill(s, "home");
	story_link(s, "seoul-1", false);
	story_link(s, "iad-1", false);
	story_pass(s, 300); /* every vote is too old */
	story_site(s, "home", "frankfurt");
	story_pass(s, AWAIT_S - 5);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_UP); /* its own vote alone would say down */
	story_link(s, "seoul-1", true);
	story_pass(s, 2);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_UP); /* one is still missing */
	story_link(s, "iad-1", true);
	for (int i = 0; i < 60; i++) {
		story_pass(s, 1);
		assert_int_equal(story_health(s, ASIA).verdict, ISB_UP);
	}
	story_outcome(s, NULL, ASIA, ISB_OUT_CONNECT_REFUSED);
	story_pass(s, 20);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN);
	story_free(s);
}

static void a_site_that_restarts_waits_no_longer_than_it_must(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	story_kill(s, "seoul-1");
	story_pass(s, 60); /* gone for good: not waited for */
	story_outcome(s, NULL, ASIA, ISB_OUT_CONNECT_REFUSED);
	story_pass(s, 60);
	story_outcome(s, NULL, ASIA, ISB_OUT_OK);
	story_kill(s, "home");
	story_kill(s, "iad-1"); /* was there to the end, and does not come back */
	story_site(s, "home", "frankfurt");
	story_pass(s, AWAIT_S - 2);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN);
	story_pass(s, 5 + VOTE_S); /* the last vote of the dead one grows old */
	assert_int_equal(story_health(s, ASIA).verdict, ISB_UP);
	story_free(s);
}

/* A site whose probes are all there is not slower for having waited. */
static void a_restart_with_everybody_there_holds_nothing_up(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	story_kill(s, "home");
	story_outcome(s, NULL, ASIA, ISB_OUT_CONNECT_REFUSED);
	story_pass(s, 30);
	story_site(s, "home", "frankfurt");
	story_checks(s, "home", ASIA, 1);
	story_pass(s, 1);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN); /* two abroad saw it while the site was away */
	story_free(s);
}

static void a_dead_remote_stops_counting_by_the_sites_clock(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	story_outcome(s, "seoul-1", ASIA, ISB_OUT_CONNECT_REFUSED);
	story_outcome(s, "iad-1", ASIA, ISB_OUT_CONNECT_REFUSED);
	story_pass(s, 30);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN);
	story_kill(s, "seoul-1"); /* its clock is 30 s ahead: its vote must not live longer for that … */
	story_pass(s, VOTE_S + 1);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DISPUTED);
	story_kill(s, "iad-1"); /* … nor one of a clock that is behind end at once */
	story_pass(s, 5);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DISPUTED);
	story_pass(s, VOTE_S);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_UP);
	story_free(s);
}

static void a_blind_remote_withdraws_its_votes(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	story_kill(s, "iad-1");
	story_pass(s, VOTE_S + 1);
	story_outcome(s, "home", ASIA, ISB_OUT_STATUS);
	story_pass(s, 30);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DISPUTED);
	story_outcome(s, "seoul-1", ASIA, ISB_OUT_CONNECT_TIMEOUT);
	story_outcome(s, "seoul-1", "us/iad-1", ISB_OUT_CONNECT_TIMEOUT);
	story_outcome(s, "seoul-1", "europe/fra-1", ISB_OUT_CONNECT_TIMEOUT);
	story_pass(s, 12);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN);
	assert_int_equal(story_health(s, "us/iad-1").verdict, ISB_UP); /* what a blind one last saw does not count either way */
	story_outcome(s, "seoul-1", ASIA, ISB_OUT_OK);
	story_pass(s, 12);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DISPUTED);
	story_free(s);
}

static void an_edit_reaches_probes_abroad(void **state)
{
	struct story *s = three_eyes();
	(void)state;
	story_outcome(s, "seoul-1", "asia/icn-2", ISB_OUT_CONNECT_REFUSED);
	story_outcome(s, "iad-1", "asia/icn-2", ISB_OUT_CONNECT_REFUSED);
	story_apply(s, "pools: {asia: {check: web, endpoints: {icn-1: {address: 192.0.2.10}, icn-2: {address: 192.0.2.11}}}}\n");
	story_pass(s, 3);
	assert_int_equal(story_health(s, "asia/icn-2").verdict, ISB_DOWN);
	story_outcome(s, NULL, ASIA, ISB_OUT_STATUS);
	story_apply(s, "checks: {web: {type: http, port: 80, interval: 5s, timeout: 2s, fall: 3, rise: 2}}\n");
	story_pass(s, 30);
	assert_int_equal(story_health(s, ASIA).verdict, ISB_DOWN); /* all three look in the new way */
	story_free(s);
}

static void round_trips_from_abroad_count_for_their_region(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_site(s, "home", "frankfurt");
	story_remote(s, "seoul-1", "seoul", AHEAD);
	story_remote(s, "lost-1", "atlantis", 0); /* no region of the catalog */
	story_pass(s, 20);
	assert_int_equal(story_rtt_of(s, "seoul", "virginia"), 8000);
	assert_int_equal(story_rtt_of(s, "frankfurt", "virginia"), 8000);
	assert_int_equal(story_rtt_of(s, "atlantis", "virginia"), 0);
	story_free(s);
}

/* Whatever happened before, once all is well again the verdict is what two of three see. */
static void after_any_disorder_the_majority_rules(void **state)
{
	static const char *const names[] = {"home", "seoul-1", "iad-1"};
	struct isb_rng rng;
	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct story *s = three_eyes();
		bool up[3] = {true, true, true}, home = true;
		isb_rng_seed(&rng, seed);
		for (int i = 0; i < 12; i++) {
			size_t who = isb_rng_below(&rng, 3), abroad = 1 + isb_rng_below(&rng, 2);
			switch (isb_rng_below(&rng, 4)) {
			case 0:
				up[who] = !up[who];
				story_outcome(s, names[who], ASIA, up[who] ? ISB_OUT_OK : ISB_OUT_STATUS);
				break;
			case 1: story_link(s, names[abroad], isb_rng_below(&rng, 2)); break;
			case 2:
				story_kill(s, names[abroad]);
				story_remote(s, names[abroad], abroad == 1 ? "seoul" : "virginia", abroad == 1 ? AHEAD : -AHEAD);
				break;
			default:
				if (home)
					story_kill(s, "home");
				else
					story_site(s, "home", "frankfurt");
				home = !home;
			}
			story_pass_ms(s, (int64_t)isb_rng_below(&rng, 20000));
		}
		if (!home)
			story_site(s, "home", "frankfurt");
		story_link(s, "seoul-1", true);
		story_link(s, "iad-1", true);
		story_pass(s, 40);
		assert_int_equal(story_health(s, ASIA).verdict, up[0] + up[1] + up[2] >= 2 ? ISB_UP : ISB_DOWN);
		story_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_of_three_decide),
		cmocka_unit_test(a_remote_alone_moves_nobody),
		cmocka_unit_test(a_site_that_loses_everybody_judges_by_fresh_votes_only),
		cmocka_unit_test(a_remote_that_is_cut_off_goes_on_checking),
		cmocka_unit_test(a_remote_that_restarts_does_not_flap),
		cmocka_unit_test(a_site_that_restarts_waits_for_its_probes),
		cmocka_unit_test(a_site_that_restarts_waits_no_longer_than_it_must),
		cmocka_unit_test(a_restart_with_everybody_there_holds_nothing_up),
		cmocka_unit_test(a_dead_remote_stops_counting_by_the_sites_clock),
		cmocka_unit_test(a_blind_remote_withdraws_its_votes),
		cmocka_unit_test(an_edit_reaches_probes_abroad),
		cmocka_unit_test(round_trips_from_abroad_count_for_their_region),
		cmocka_unit_test(after_any_disorder_the_majority_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
