/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

/* Weights, through whole questions and answers. Seeds are fixed, so nothing here fails by chance; the bound is the 99.9 %
 * quantile of chi-square, which wrong shares (an off-by-one, a modulo) leave far behind at these numbers of draws. */

#define POOL_OF(name, rest) "  " name ": {" rest "}\n"
#define CATALOG(pools, rest) \
	"pools:\n" pools rest "zones:\n  example.com:\n" ZONE_TEXT "    records: {www: {types: [A], policy: top}}\n"
#define WWW "www.example.com"

static void set_down(struct story *s, const char *endpoint)
{
	struct isb_health down = {.verdict = ISB_DOWN, .held = ISB_DOWN, .flip_s = ISB_FLIP_NONE};
	story_word(s, endpoint, &down);
}

static void shares_follow_weights_exactly(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS CATALOG(POOL_OF("top", "check: web, endpoints: {a: {address: 10.0.0.1, weight: 3}, "
	                              "b: {address: 10.0.0.2, weight: 1}, c: {address: 10.0.0.3, weight: 0}, "
	                              "d: {address: 10.0.0.4, weight: 6}}"), ""));
	story_shares(s, WWW, NULL, 20000, (const char *const[]){"10.0.0.1", "10.0.0.2", "10.0.0.4", NULL},
	             (const double[]){3, 1, 6});
	set_down(s, "top/d"); /* its share goes to the others in proportion */
	story_shares(s, WWW, NULL, 20000, (const char *const[]){"10.0.0.1", "10.0.0.2", NULL}, (const double[]){3, 1});
	set_down(s, "top/a");
	set_down(s, "top/b");
	for (int i = 0; i < 50; i++)
		assert_answer(s, WWW, "A", NULL, "10.0.0.3"); /* weight 0: when nothing else can */
	story_free(s);
}

static void equal_weights_share_equally_and_the_largest_do_not_overflow(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CATALOG(POOL_OF("top", "endpoints: {a: {address: 10.0.0.1}, b: {address: 10.0.0.2}}"), ""));
	story_shares(s, WWW, NULL, 30000, (const char *const[]){"10.0.0.1", "10.0.0.2", NULL}, (const double[]){1, 1});
	story_apply(s, CATALOG(POOL_OF("top", "endpoints: {a: {address: 10.0.0.1, weight: 65535}, "
	                               "b: {address: 10.0.0.2, weight: 65535}, c: {address: 10.0.0.3, weight: 65535}}"), ""));
	story_shares(s, WWW, NULL, 30000, (const char *const[]){"10.0.0.1", "10.0.0.2", "10.0.0.3", NULL},
	             (const double[]){1, 1, 1});
	story_free(s);
}

static void several_answers_are_drawn_without_replacement(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CATALOG(POOL_OF("top", "answers: 2, endpoints: {a: {address: 10.0.0.1, weight: 5}, "
	                               "b: {address: 10.0.0.2, weight: 3}, c: {address: 10.0.0.3, weight: 2}}"), ""));
	const char *const pairs[] = {"10.0.0.1 10.0.0.2", "10.0.0.2 10.0.0.1", "10.0.0.1 10.0.0.3",
	                             "10.0.0.3 10.0.0.1", "10.0.0.2 10.0.0.3", "10.0.0.3 10.0.0.2", NULL};
	const double share[] = {.5 * 3 / 5, .3 * 5 / 7, .5 * 2 / 5, .2 * 5 / 8, .3 * 2 / 7, .2 * 3 / 8};
	story_shares(s, WWW, NULL, 20000, pairs, share);
	story_free(s);
}

static void nested_weights_multiply(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS CATALOG(
		POOL_OF("one", "check: web, endpoints: {a: {address: 10.0.0.1, weight: 2}, b: {address: 10.0.0.2}}")
		POOL_OF("two", "check: web, endpoints: {c: {address: 10.0.0.3}}")
		POOL_OF("three", "check: web, endpoints: {d: {address: 10.0.0.4}}"),
		"policies:\n"
		"  top: {order: weighted, of: [{use: one, weight: 3},\n"
		"    {use: {order: weighted, of: [{use: two, weight: 4}, {use: three, weight: 1}]}, weight: 5}]}\n"));
	story_shares(s, WWW, NULL, 20000, (const char *const[]){"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", NULL},
	             (const double[]){3 * 2. / 3, 3 * 1. / 3, 5 * .8, 5 * .2});
	set_down(s, "two/c"); /* stays inside the branch that was drawn */
	story_shares(s, WWW, NULL, 20000, (const char *const[]){"10.0.0.1", "10.0.0.2", "10.0.0.4", NULL},
	             (const double[]){2, 1, 5});
	set_down(s, "three/d"); /* the branch is empty: its share goes next door */
	story_shares(s, WWW, NULL, 20000, (const char *const[]){"10.0.0.1", "10.0.0.2", NULL}, (const double[]){2, 1});
	story_free(s);
}

static void equal_tiers_share_and_the_next_tier_waits(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS CATALOG(POOL_OF("top", "check: web, order: failover, endpoints: {"
	                              "a: {address: 10.0.0.1, tier: 2}, b: {address: 10.0.0.2, tier: 1, weight: 3}, "
	                              "c: {address: 10.0.0.3, tier: 1, weight: 2}}"), ""));
	story_shares(s, WWW, NULL, 10000, (const char *const[]){"10.0.0.2", "10.0.0.3", NULL}, (const double[]){3, 2});
	set_down(s, "top/b");
	for (int i = 0; i < 50; i++)
		assert_answer(s, WWW, "A", NULL, "10.0.0.3");
	set_down(s, "top/c");
	assert_answer(s, WWW, "A", NULL, "10.0.0.1");
	story_free(s);
}

static void one_address_of_two_endpoints_is_said_once(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CATALOG(POOL_OF("top", "answers: all, order: failover, endpoints: {"
	                               "a: {address: [10.0.0.1, 10.0.0.2], tier: 0}, "
	                               "b: {address: [10.0.0.3, 10.0.0.1, 10.0.0.4], tier: 1}}"), ""));
	assert_answer(s, WWW, "A", NULL, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4");
	story_free(s);
}

static void all_of_a_failed_pool_answer_by_weight_as_if_up(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, CHECKS CATALOG(POOL_OF("top", "check: web, endpoints: {a: {address: 10.0.0.1, weight: 3}, "
	                              "b: {address: 10.0.0.2}}"), ""));
	struct isb_health down = {.verdict = ISB_DOWN, .held = ISB_DOWN, .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	story_word(s, "top/a", &down);
	story_word(s, "top/b", &down);
	story_shares(s, WWW, NULL, 10000, (const char *const[]){"10.0.0.1", "10.0.0.2", NULL}, (const double[]){3, 1});
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_follow_weights_exactly),
		cmocka_unit_test(equal_weights_share_equally_and_the_largest_do_not_overflow),
		cmocka_unit_test(several_answers_are_drawn_without_replacement),
		cmocka_unit_test(nested_weights_multiply),
		cmocka_unit_test(equal_tiers_share_and_the_next_tier_waits),
		cmocka_unit_test(one_address_of_two_endpoints_is_said_once),
		cmocka_unit_test(all_of_a_failed_pool_answer_by_weight_as_if_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
