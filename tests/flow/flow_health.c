/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

/* From checks to answers: what probes see decides what is answered, and nothing else does. */

static const char catalog[] =
	REGIONS CHECKS POOLS
	"policies:\n"
	"  standby: [asia, europe]\n"
	"zones:\n"
	"  example.com:\n" ZONE_TEXT
	"    records:\n"
	"      www: {types: [A], ttl: 30s, policy: standby}\n";

#define WWW "www.example.com"

static void two_failures_change_nothing_and_the_third_moves_the_answer(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 30);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_CONNECT_REFUSED);
	story_checks(s, "seoul", "asia/icn-1", 2);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_checks(s, "seoul", "asia/icn-1", 1);
	assert_answer(s, WWW, "A", NULL, FRA);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_DOWN);
	story_pass(s, 30);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_free(s);
}

static void a_dead_endpoint_is_left_within_fall_intervals(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 20);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	/* at worst an interval until the first failure, the quick re-check, another interval; each up to a tenth longer */
	story_pass_ms(s, 2 * 5500 + 550);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_free(s);
}

static void rise_brings_an_endpoint_back_and_a_single_success_does_not(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 20);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	story_pass(s, 30);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_OK);
	story_checks(s, "seoul", "asia/icn-1", 1);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	story_checks(s, "seoul", "asia/icn-1", 1);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_OK);
	story_checks(s, "seoul", "asia/icn-1", 1);
	assert_answer(s, WWW, "A", NULL, FRA); /* the row began anew */
	story_checks(s, "seoul", "asia/icn-1", 1);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_free(s);
}

static void before_any_check_everything_answers_and_the_first_outcome_decides(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	assert_answer(s, WWW, "A", NULL, ICN);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_UNKNOWN);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_TLS_VERIFY);
	story_probe(s, "seoul", "seoul");
	story_checks(s, "seoul", "asia/icn-1", 1);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_free(s);
}

static void the_probe_dies_and_answers_hold(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 30);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_kill(s, "seoul");
	story_pass(s, 24 * 3600);
	assert_answer(s, WWW, "A", NULL, FRA);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_DOWN);
	assert_int_equal(story_health(s, "europe/fra-1").verdict, ISB_UP);
	story_free(s);
}

static void a_probe_that_comes_back_does_not_flap(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 30);
	story_kill(s, "seoul");
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_OK);
	story_pass(s, 3600);
	story_probe(s, "seoul", "seoul");
	story_checks(s, "seoul", "asia/icn-1", 1); /* rise is 2, and the history says down */
	assert_answer(s, WWW, "A", NULL, FRA);
	story_checks(s, "seoul", "asia/icn-1", 1);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_free(s);
}

static void a_new_server_has_the_verdicts_at_once(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 30);
	story_kill(s, "seoul");
	story_restart_server(s);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_free(s);
}

static void probes_that_disagree_dispute_and_the_last_verdict_holds(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_probe(s, "seoul", "seoul");
	story_probe(s, "frankfurt", "frankfurt");
	story_pass(s, 30);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_UP);
	story_outcome(s, "frankfurt", "asia/icn-1", ISB_OUT_STATUS);
	story_pass(s, 30);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_DISPUTED);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_outcome(s, "seoul", "asia/icn-1", ISB_OUT_STATUS);
	story_pass(s, 30);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_DOWN);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_outcome(s, "frankfurt", "asia/icn-1", ISB_OUT_OK);
	story_pass(s, 30);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_DISPUTED);
	assert_answer(s, WWW, "A", NULL, FRA); /* held from the other side */
	story_free(s);
}

static void votes_of_a_dead_probe_grow_old_and_the_living_one_decides(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_outcome(s, "frankfurt", "asia/icn-1", ISB_OUT_STATUS);
	story_probe(s, "seoul", "seoul");
	story_probe(s, "frankfurt", "frankfurt");
	story_pass(s, 30);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_DISPUTED);
	story_kill(s, "frankfurt");
	story_pass(s, 3 * 5 + 2 + 1); /* three intervals and the timeout after the last vote */
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_UP);
	story_free(s);
}

static void a_probe_that_hears_nothing_at_all_calls_itself_blind_and_moves_nobody(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 30);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_CONNECT_TIMEOUT);
	story_outcome(s, NULL, "us/iad-1", ISB_OUT_CONNECT_TIMEOUT);
	story_outcome(s, NULL, "europe/fra-1", ISB_OUT_CONNECT_UNREACHABLE);
	story_pass(s, 120);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_UNKNOWN);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_outcome(s, NULL, "us/iad-1", ISB_OUT_OK); /* now the silence of the others is theirs */
	story_outcome(s, NULL, "europe/fra-1", ISB_OUT_OK);
	story_pass(s, 30);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_DOWN);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_free(s);
}

static void the_ttl_shortens_while_a_flip_is_near_and_never_below_ttl_min(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	assert_answer(s, WWW, "A", NULL, ICN);
	assert_int_equal(story_last(s)->ttl, 30); /* nothing was ever seen: no flip is foreseen */
	story_probe(s, "seoul", "seoul");
	story_pass(s, 30);
	assert_answer(s, WWW, "A", NULL, ICN);
	assert_int_equal(story_last(s)->ttl, 10); /* an interval, the quick re-check, an interval: 10.5 s */
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	story_checks(s, "seoul", "asia/icn-1", 1);
	assert_answer(s, WWW, "A", NULL, ICN);
	assert_int_equal(story_last(s)->ttl, 5);
	story_checks(s, "seoul", "asia/icn-1", 1);
	assert_answer(s, WWW, "A", NULL, ICN);
	assert_int_equal(story_last(s)->ttl, 5);
	story_checks(s, "seoul", "asia/icn-1", 1);
	assert_answer(s, WWW, "A", NULL, FRA);
	assert_int_equal(story_last(s)->ttl, 10); /* icn-1 is back after two successes at the earliest */
	story_free(s);
}

static void an_endpoint_without_a_check_is_always_up(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, REGIONS "pools:\n"
	               "  free: {endpoints: {one: {address: 192.0.2.1}}}\n"
	               "zones:\n  example.com:\n" ZONE_TEXT "    records: {www: {types: [A], policy: free}}\n");
	struct isb_health down = {.verdict = ISB_DOWN, .held = ISB_DOWN, .flip_s = 3};
	story_word(s, "free/one", &down); /* left behind by a check it once had */
	assert_answer(s, WWW, "A", NULL, "192.0.2.1");
	assert_int_equal(story_last(s)->ttl, 30);
	story_free(s);
}

static void a_new_endpoint_of_an_old_name_does_not_inherit_the_verdict(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, catalog);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 30);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_kill(s, "seoul");
	story_apply(s, "pools: {asia: {check: web, endpoints: {icn-2: {region: seoul, address: 192.0.2.12}}}}\n");
	assert_answer(s, WWW, "A", NULL, "192.0.2.12");
	story_apply(s, "pools: {asia: {check: web, endpoints: {icn-1: {region: seoul, address: 192.0.2.10}}}}\n");
	assert_answer(s, WWW, "A", NULL, ICN);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_UNKNOWN);
	story_free(s);
}

static void soft_health_scales_the_weight(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, REGIONS CHECKS
	               "pools:\n"
	               "  pair: {check: web, endpoints: {one: {address: 192.0.2.1}, two: {address: 192.0.2.2}}}\n"
	               "zones:\n  example.com:\n" ZONE_TEXT "    records: {www: {types: [A], policy: pair}}\n");
	struct isb_health half = {.verdict = ISB_UP, .held = ISB_UP, .soft = 50, .flip_s = ISB_FLIP_NONE};
	story_word(s, "pair/two", &half);
	story_shares(s, WWW, NULL, 6000, (const char *const[]){"192.0.2.1", "192.0.2.2", NULL}, (const double[]){100, 50});
	half.soft = 0; /* as weight 0: only when nothing else can answer */
	story_word(s, "pair/two", &half);
	for (int i = 0; i < 100; i++)
		assert_answer(s, WWW, "A", NULL, "192.0.2.1");
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_failures_change_nothing_and_the_third_moves_the_answer),
		cmocka_unit_test(a_dead_endpoint_is_left_within_fall_intervals),
		cmocka_unit_test(rise_brings_an_endpoint_back_and_a_single_success_does_not),
		cmocka_unit_test(before_any_check_everything_answers_and_the_first_outcome_decides),
		cmocka_unit_test(the_probe_dies_and_answers_hold),
		cmocka_unit_test(a_probe_that_comes_back_does_not_flap),
		cmocka_unit_test(a_new_server_has_the_verdicts_at_once),
		cmocka_unit_test(probes_that_disagree_dispute_and_the_last_verdict_holds),
		cmocka_unit_test(votes_of_a_dead_probe_grow_old_and_the_living_one_decides),
		cmocka_unit_test(a_probe_that_hears_nothing_at_all_calls_itself_blind_and_moves_nobody),
		cmocka_unit_test(the_ttl_shortens_while_a_flip_is_near_and_never_below_ttl_min),
		cmocka_unit_test(an_endpoint_without_a_check_is_always_up),
		cmocka_unit_test(a_new_endpoint_of_an_old_name_does_not_inherit_the_verdict),
		cmocka_unit_test(soft_health_scales_the_weight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
