/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

/* Between one outcome and the answer: what is damped, held, waited for, weighed down, and whose voice counts. */

#define WWW "www.example.com"
#define ONE "192.0.2.1"
#define TWO "192.0.2.2"

/* A pool of two by failover, with these knobs of its check and its own. */
#define CATALOG(check, pool) \
	REGIONS "checks:\n  web: {type: tcp, port: 443, interval: 5s, timeout: 2s, fall: 3, rise: 2" check "}\n" \
	"pools:\n  pair: {check: web" pool ", endpoints: {one: {address: " ONE "}, two: {address: " TWO ", tier: 1}}}\n" \
	"zones:\n  example.com:\n" ZONE_TEXT "    records: {www: {types: [A], ttl: 30s, policy: pair}}\n"

/* The same two, with other knobs of the pool. */
#define PAIR(pool, two) \
	"pools: {pair: {check: web" pool ", endpoints: {one: {address: " ONE "}, two: {address: " TWO two "}}}}\n"

static const char failover[] = CATALOG("", ", order: failover");
static const char after[] = CATALOG("", ", order: failover, failback: after 5m");
static const char manual[] = CATALOG("", ", order: failover, failback: manual");

static struct story *begin(const char *catalog)
{
	struct story *s = story_new(NULL);
	story_apply(s, catalog);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 20);
	assert_answer(s, WWW, "A", NULL, ONE);
	return s;
}

static void fall(struct story *s, const char *endpoint)
{
	story_outcome(s, NULL, endpoint, ISB_OUT_STATUS);
	story_pass(s, 20);
	assert_int_equal(story_health(s, endpoint).verdict, ISB_DOWN);
}

static void recover(struct story *s, const char *endpoint)
{
	story_outcome(s, NULL, endpoint, ISB_OUT_OK);
	story_checks(s, "seoul", endpoint, 2);
	story_pass(s, 1);
	assert_int_equal(story_health(s, endpoint).verdict, ISB_UP);
}

/* --- Failback ------------------------------------------------------------------------------------------------------ */

static void failback_after_five_minutes_takes_five_minutes_of_being_up(void **state)
{
	(void)state;
	struct story *s = begin(after);
	fall(s, "pair/one");
	assert_answer(s, WWW, "A", NULL, TWO);
	recover(s, "pair/one");
	story_pass(s, 200);
	assert_answer(s, WWW, "A", NULL, TWO);
	fall(s, "pair/one"); /* once more, and the five minutes begin anew */
	recover(s, "pair/one");
	story_pass(s, 280);
	assert_answer(s, WWW, "A", NULL, TWO);
	assert_in_range(story_last(s)->ttl, 5, 19); /* caches do not hold it beyond the end of the wait */
	story_pass(s, 20);
	assert_answer(s, WWW, "A", NULL, ONE);
	story_free(s);
}

static void what_waits_serves_when_the_other_falls(void **state)
{
	(void)state;
	struct story *s = begin(manual);
	story_apply(s, "zones: {example.com: {records: {www: {types: [A], policy: pair, all_down: nodata}}}}\n");
	fall(s, "pair/one");
	recover(s, "pair/one");
	assert_answer(s, WWW, "A", NULL, TWO);
	fall(s, "pair/two");
	assert_answer(s, WWW, "A", NULL, ONE);
	recover(s, "pair/two"); /* which waits now, too, so that the first in order serves */
	assert_answer(s, WWW, "A", NULL, ONE);
	story_admin(s, "pair/two", ISB_ADMIN_FAILBACK, 0);
	assert_answer(s, WWW, "A", NULL, TWO);
	story_free(s);
}

static void a_manual_failback_waits_through_restarts_until_an_operator_speaks(void **state)
{
	(void)state;
	struct story *s = begin(manual);
	fall(s, "pair/one");
	recover(s, "pair/one");
	assert_answer(s, WWW, "A", NULL, TWO);
	story_kill(s, "seoul");
	story_restart_server(s);
	assert_answer(s, WWW, "A", NULL, TWO);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 86400);
	assert_answer(s, WWW, "A", NULL, TWO);
	story_admin(s, "pair/one", ISB_ADMIN_FAILBACK, 0);
	assert_answer(s, WWW, "A", NULL, ONE);
	story_restart_server(s);
	story_pass(s, 60);
	assert_answer(s, WWW, "A", NULL, ONE);
	fall(s, "pair/one"); /* the consent was to that recovery, not to the next */
	recover(s, "pair/one");
	story_pass(s, 60);
	assert_answer(s, WWW, "A", NULL, TWO);
	story_free(s);
}

static void a_reboot_during_a_drain_needs_no_second_word(void **state)
{
	(void)state;
	struct story *s = begin(manual);
	story_admin(s, "pair/one", ISB_ADMIN_DRAIN, 600);
	story_pass(s, 60);
	fall(s, "pair/one");
	recover(s, "pair/one");
	assert_answer(s, WWW, "A", NULL, TWO);
	story_pass(s, 600); /* the drain is over */
	assert_answer(s, WWW, "A", NULL, ONE);
	story_free(s);
}

static void a_knob_that_turns_manual_takes_nothing_out_that_serves(void **state)
{
	(void)state;
	struct story *s = begin(failover);
	fall(s, "pair/one");
	recover(s, "pair/one");
	assert_answer(s, WWW, "A", NULL, ONE);
	story_apply(s, manual);
	story_pass(s, 60);
	assert_answer(s, WWW, "A", NULL, ONE);
	fall(s, "pair/one");
	recover(s, "pair/one");
	assert_answer(s, WWW, "A", NULL, TWO);
	story_apply(s, PAIR(", order: failover", ", tier: 1"));
	assert_answer(s, WWW, "A", NULL, ONE); /* and one that turns back lets everything in */
	story_free(s);
}

/* --- Damping ------------------------------------------------------------------------------------------------------- */

/* Seconds from the first success to up. */
static int64_t time_to_recover(struct story *s)
{
	story_outcome(s, NULL, "pair/one", ISB_OUT_OK);
	int64_t from_ms = story_now(s);
	while (story_health(s, "pair/one").verdict != ISB_UP)
		story_pass(s, 1);
	return (story_now(s) - from_ms) / 1000;
}

static void an_endpoint_that_flaps_is_believed_later_and_forgiven_in_time(void **state)
{
	(void)state;
	struct story *s = begin(failover);
	for (int i = 0; i < 3; i++) {
		fall(s, "pair/one");
		assert_in_range(time_to_recover(s), 4, 12); /* two successes */
	}
	fall(s, "pair/one");
	assert_in_range(time_to_recover(s), 14, 24); /* four */
	fall(s, "pair/one");
	story_kill(s, "seoul"); /* the next process knows of it */
	story_probe(s, "seoul", "seoul");
	assert_in_range(time_to_recover(s), 30, 47); /* eight */
	assert_int_equal(story_history(s, "seoul", "pair/one").flaps, 10);
	story_pass(s, 1800);
	fall(s, "pair/one");
	assert_in_range(time_to_recover(s), 4, 12);
	story_free(s);
}

static void flap_limit_zero_damps_nothing(void **state)
{
	(void)state;
	struct story *s = begin(CATALOG(", flap_limit: 0", ", order: failover"));
	for (int i = 0; i < 8; i++) {
		fall(s, "pair/one");
		assert_in_range(time_to_recover(s), 4, 12);
	}
	story_free(s);
}

/* --- Soft health and load ------------------------------------------------------------------------------------------ */

static void shares(struct story *s, double one, double two)
{
	story_shares(s, WWW, NULL, 6000, (const char *const[]){ONE, TWO, NULL}, (const double[]){one, two});
}

static void what_an_endpoint_says_of_itself_moves_its_share_and_no_verdict(void **state)
{
	(void)state;
	struct story *s = begin(failover);
	story_apply(s, PAIR("", ""));
	shares(s, 1, 1);
	story_says(s, NULL, "pair/one", 25, -1, 0);
	story_checks(s, "seoul", "pair/one", 1); /* a leap is written at once */
	shares(s, 25, 100);
	assert_int_equal(story_health(s, "pair/one").verdict, ISB_UP);
	story_says(s, NULL, "pair/one", 0, -1, 0);
	story_checks(s, "seoul", "pair/one", 1);
	for (int i = 0; i < 100; i++)
		assert_answer(s, WWW, "A", NULL, TWO);
	story_says(s, NULL, "pair/one", -1, -1, 0); /* says nothing any more */
	story_checks(s, "seoul", "pair/one", 1);
	story_pass(s, 1);
	shares(s, 1, 1);
	story_free(s);
}

static void soft_health_comes_back_by_halves(void **state)
{
	(void)state;
	struct story *s = begin(failover);
	story_says(s, NULL, "pair/one", 20, -1, 0);
	story_checks(s, "seoul", "pair/one", 1);
	assert_int_equal(story_health(s, "pair/one").soft, 20);
	story_says(s, NULL, "pair/one", 100, -1, 0);
	static const unsigned halves[] = {60, 80, 90, 95};
	for (unsigned i = 0; i < 4; i++) {
		story_checks(s, "seoul", "pair/one", 1);
		story_pass(s, 1);
		assert_int_equal(story_health(s, "pair/one").soft, halves[i]);
	}
	story_free(s);
}

static void load_reaches_least_load_and_is_held_like_the_verdict(void **state)
{
	(void)state;
	struct story *s = begin(failover);
	story_apply(s, PAIR(", order: least-load", ""));
	story_says(s, NULL, "pair/one", -1, 900, 0);
	story_says(s, NULL, "pair/two", -1, 200, 0);
	story_pass(s, 10);
	for (int i = 0; i < 100; i++)
		assert_answer(s, WWW, "A", NULL, TWO);
	story_kill(s, "seoul");
	story_pass(s, 60); /* no probe, no news: what was known goes on */
	assert_int_equal(story_health(s, "pair/one").load, 900);
	for (int i = 0; i < 100; i++)
		assert_answer(s, WWW, "A", NULL, TWO);
	story_probe(s, "seoul", "seoul");
	story_says(s, NULL, "pair/one", -1, 100, 0);
	story_pass(s, 60);
	for (int i = 0; i < 100; i++)
		assert_answer(s, WWW, "A", NULL, ONE);
	story_free(s);
}

static void a_latency_budget_weighs_down_what_is_slow(void **state)
{
	(void)state;
	struct story *s = begin(CATALOG(", soft: {latency: 100ms..500ms}", ", order: failover"));
	story_apply(s, PAIR("", ""));
	assert_int_equal(story_health(s, "pair/one").soft, 100);
	story_says(s, NULL, "pair/one", -1, -1, 300);
	story_checks(s, "seoul", "pair/one", 2);
	assert_in_range(story_health(s, "pair/one").soft, 90, 100); /* smoothed: one slow check is none */
	story_pass(s, 600);
	assert_in_range(story_health(s, "pair/one").soft, 50, 51);
	assert_int_equal(story_health(s, "pair/one").verdict, ISB_UP);
	story_free(s);
}

/* --- Regions ------------------------------------------------------------------------------------------------------- */

static void three_probes_of_one_region_do_not_outvote_two_others(void **state)
{
	(void)state;
	for (unsigned by_region = 0; by_region < 2; by_region++) {
		struct story *s = begin(by_region ? CATALOG(", quorum_by: region", ", order: failover") : failover);
		story_probe(s, "seoul-2", "seoul");
		story_probe(s, "seoul-3", "seoul");
		story_probe(s, "frankfurt", "frankfurt");
		story_pass(s, 20);
		story_outcome(s, "seoul", "pair/one", ISB_OUT_STATUS);
		story_outcome(s, "seoul-2", "pair/one", ISB_OUT_STATUS);
		story_outcome(s, "seoul-3", "pair/one", ISB_OUT_STATUS);
		story_pass(s, 30);
		assert_int_equal(story_health(s, "pair/one").verdict, by_region ? ISB_DISPUTED : ISB_DOWN);
		assert_answer(s, WWW, "A", NULL, by_region ? ONE : TWO);
		story_outcome(s, "frankfurt", "pair/one", ISB_OUT_STATUS);
		story_pass(s, 30);
		assert_answer(s, WWW, "A", NULL, TWO);
		story_outcome(s, "seoul", "pair/one", ISB_OUT_OK); /* one of three is not its region's voice */
		story_outcome(s, "frankfurt", "pair/one", ISB_OUT_OK);
		story_pass(s, 30);
		assert_int_equal(story_health(s, "pair/one").verdict, ISB_DISPUTED);
		story_outcome(s, "seoul-2", "pair/one", ISB_OUT_OK);
		story_pass(s, 30);
		assert_answer(s, WWW, "A", NULL, ONE);
		story_free(s);
	}
}

/* --- Hold ---------------------------------------------------------------------------------------------------------- */

static void a_hold_outlasts_what_happens_and_ends_by_itself(void **state)
{
	(void)state;
	struct story *s = begin(failover);
	story_admin(s, "pair/one", ISB_ADMIN_HOLD_UP, 600);
	fall(s, "pair/one");
	assert_answer(s, WWW, "A", NULL, ONE);
	story_kill(s, "seoul");
	story_restart_server(s);
	assert_answer(s, WWW, "A", NULL, ONE);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 500);
	assert_answer(s, WWW, "A", NULL, ONE);
	story_pass(s, 100);
	assert_answer(s, WWW, "A", NULL, TWO);
	story_admin(s, "pair/one", ISB_ADMIN_HOLD_DOWN, 60);
	recover(s, "pair/one");
	assert_answer(s, WWW, "A", NULL, TWO);
	story_pass(s, 60);
	assert_answer(s, WWW, "A", NULL, ONE);
	story_free(s);
}

/* --- Intervals ----------------------------------------------------------------------------------------------------- */

static void a_shorter_interval_takes_effect_at_once(void **state)
{
	(void)state;
	struct story *s = story_new(NULL);
	story_apply(s, CATALOG("", ", order: failover"));
	story_apply(s, "checks: {web: {type: tcp, port: 443, interval: 1h, timeout: 2s, fall: 3, rise: 2}}\n");
	story_probe(s, "seoul", "seoul");
	story_pass(s, 600);
	story_outcome(s, NULL, "pair/one", ISB_OUT_STATUS);
	story_pass(s, 600);
	assert_answer(s, WWW, "A", NULL, ONE);
	story_apply(s, "checks: {web: {type: tcp, port: 443, interval: 5s, timeout: 2s, fall: 3, rise: 2}}\n");
	story_pass(s, 17);
	assert_answer(s, WWW, "A", NULL, TWO);
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failback_after_five_minutes_takes_five_minutes_of_being_up),
		cmocka_unit_test(what_waits_serves_when_the_other_falls),
		cmocka_unit_test(a_manual_failback_waits_through_restarts_until_an_operator_speaks),
		cmocka_unit_test(a_reboot_during_a_drain_needs_no_second_word),
		cmocka_unit_test(a_knob_that_turns_manual_takes_nothing_out_that_serves),
		cmocka_unit_test(an_endpoint_that_flaps_is_believed_later_and_forgiven_in_time),
		cmocka_unit_test(flap_limit_zero_damps_nothing),
		cmocka_unit_test(what_an_endpoint_says_of_itself_moves_its_share_and_no_verdict),
		cmocka_unit_test(soft_health_comes_back_by_halves),
		cmocka_unit_test(load_reaches_least_load_and_is_held_like_the_verdict),
		cmocka_unit_test(a_latency_budget_weighs_down_what_is_slow),
		cmocka_unit_test(three_probes_of_one_region_do_not_outvote_two_others),
		cmocka_unit_test(a_hold_outlasts_what_happens_and_ends_by_itself),
		cmocka_unit_test(a_shorter_interval_takes_effect_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
