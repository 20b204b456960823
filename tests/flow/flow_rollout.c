/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/steer/shares.h"
#include "isobar/store/healthdb.h"
#include "isobar/view/prove.h"

/* Records that are led from one policy to another, by the clock alone. */

#define WWW "www.example.com"
#define RECORD "example.com/www"
#define OLD "10.0.0.1"
#define NEW "10.0.0.2"

enum { EVERY_S = 600, DRAWS = 20000 };

static const char catalog[] =
	CHECKS
	"pools:\n"
	"  old:  {check: web, endpoints: {o-1: {address: " OLD "}}}\n"
	"  next: {check: web, min_up: 2, endpoints: {n-1: {address: " NEW "}, n-2: {address: 10.0.0.3, weight: 0}}}\n"
	"  none: {endpoints: {x: {address: 10.0.0.9}}}\n"
	"policies:\n"
	"  stable: [old]\n"
	"zones:\n  example.com:\n" ZONE_TEXT
	"    records: {www: {types: [A], ttl: 30s, policy: stable}, other: {types: [A], policy: none}}\n";

static struct story *begin(void)
{
	struct story *s = story_new(NULL);
	story_apply(s, catalog);
	return s;
}

static struct isb_rollout rollout_to(const struct story *s, const char *to)
{
	return (struct isb_rollout){
		.to = to, .author = "ada", .reason = "", .slot = (uint32_t)ISB_SLOT_ALL, .begun_ms = story_now(s),
		.times = {.started_ms = story_now(s), .every_ms = EVERY_S * 1000, .nstep = 4, .step = {10, 30, 50, 100}}};
}

static void start(struct story *s, const char *to)
{
	struct isb_rollout rollout = rollout_to(s, to);
	story_rollout(s, RECORD, &rollout);
}

static void assert_share(struct story *s, double percent)
{
	story_shares(s, WWW, NULL, DRAWS, (const char *const[]){NEW, OLD, NULL}, (const double[]){percent, 100 - percent});
}

static void assert_all(struct story *s, const char *answer)
{
	for (int i = 0; i < 200; i++)
		assert_answer(s, WWW, "A", NULL, answer);
}

static void set_down(struct story *s, const char *endpoint)
{
	struct isb_health down = {.verdict = ISB_DOWN, .held = ISB_DOWN, .flip_s = ISB_FLIP_NONE};
	story_word(s, endpoint, &down);
}

static void set_up(struct story *s, const char *endpoint)
{
	struct isb_health up = {.verdict = ISB_UP, .held = ISB_UP, .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	story_word(s, endpoint, &up);
}

static void each_step_gives_exactly_its_share(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_all(s, OLD);
	uint64_t generation = story_view(s)->generation;
	start(s, "next");
	assert_int_equal(story_view(s)->generation, generation + 1);
	assert_share(s, 10);
	assert_int_equal(story_last(s)->ttl, 30);
	story_pass(s, EVERY_S - 10);
	assert_share(s, 10);
	assert_int_equal(story_last(s)->ttl, 10); /* the share changes then */
	story_pass(s, 10);
	assert_share(s, 30);
	story_pass(s, EVERY_S);
	assert_share(s, 50);
	story_pass(s, EVERY_S);
	assert_all(s, NEW);
	story_pass(s, 100 * EVERY_S);
	assert_all(s, NEW);
	assert_int_equal(story_view(s)->generation, generation + 1); /* nobody wrote anything */
	story_free(s);
}

static void an_abort_is_the_instant_way_back(void **state)
{
	struct story *s = begin();
	(void)state;
	start(s, "next");
	story_pass(s, 3 * EVERY_S);
	assert_all(s, NEW);
	story_rollout(s, RECORD, NULL);
	assert_all(s, OLD);
	struct isb_view *fresh = story_fresh_view(s);
	assert_string_equal(story_dump(s, story_view(s)), story_dump(s, fresh));
	isb_view_free(fresh);
	story_free(s);
}

static void a_server_whose_clock_is_behind_waits(void **state)
{
	struct story *s = begin();
	struct isb_rollout rollout = rollout_to(s, "next");
	(void)state;
	rollout.times.started_ms += 20 * 1000;
	story_rollout(s, RECORD, &rollout);
	assert_all(s, OLD);
	assert_int_equal(story_last(s)->ttl, 20);
	set_down(s, "old/o-1");
	assert_all(s, OLD); /* not even then */
	set_up(s, "old/o-1");
	story_pass(s, 20);
	assert_share(s, 10);
	story_free(s);
}

static void a_pause_holds_the_share_and_the_rest_of_the_step(void **state)
{
	struct story *s = begin();
	(void)state;
	start(s, "next");
	story_pass(s, EVERY_S + 100);
	struct isb_rollout rollout = story_rollout_get(s, RECORD);
	rollout.times.paused_ms = story_now(s);
	story_rollout(s, RECORD, &rollout);
	story_pass(s, 10 * EVERY_S);
	assert_share(s, 30);
	assert_int_equal(story_last(s)->ttl, 30);
	rollout = story_rollout_get(s, RECORD);
	rollout.times.started_ms += story_now(s) - rollout.times.paused_ms;
	rollout.times.paused_ms = 0;
	story_rollout(s, RECORD, &rollout);
	assert_share(s, 30);
	story_pass(s, EVERY_S - 101);
	assert_share(s, 30);
	story_pass(s, 1);
	assert_share(s, 50);
	story_free(s);
}

static void who_cannot_be_served_on_one_side_is_on_the_other(void **state)
{
	struct story *s = begin();
	(void)state;
	start(s, "next");
	set_down(s, "next/n-2"); /* min_up is 2 */
	assert_all(s, OLD);
	set_up(s, "next/n-2");
	assert_share(s, 10);
	set_down(s, "old/o-1");
	assert_all(s, NEW);
	story_pass(s, 3 * EVERY_S);
	set_up(s, "old/o-1");
	assert_all(s, NEW);
	set_down(s, "next/n-1");
	assert_all(s, OLD);
	set_up(s, "next/n-1"); /* without --abort-if it goes on as if nothing had been */
	assert_all(s, NEW);
	story_free(s);
}

static void start_guarded(struct story *s, const char *to)
{
	struct isb_rollout rollout = rollout_to(s, to);
	rollout.abort_if = ISB_ABORT_DOWN;
	story_rollout(s, RECORD, &rollout);
}

static void a_new_side_that_fails_is_left_for_good(void **state)
{
	struct story *s = begin();
	(void)state;
	story_probe(s, "seoul", NULL);
	story_probe(s, "frankfurt", NULL);
	story_pass(s, 30);
	start_guarded(s, "next");
	story_pass(s, EVERY_S);
	assert_share(s, 30);
	story_outcome(s, NULL, "next/n-2", ISB_OUT_STATUS);
	story_pass(s, 30);
	assert_all(s, OLD);
	story_outcome(s, NULL, "next/n-2", ISB_OUT_OK);
	story_pass(s, 60);
	assert_int_equal(story_health(s, "next/n-2").verdict, ISB_UP);
	assert_all(s, OLD);
	set_down(s, "old/o-1");
	assert_all(s, OLD); /* nobody is sent there again unasked */
	story_kill(s, "seoul");
	story_kill(s, "frankfurt");
	story_restart_server(s);
	set_up(s, "old/o-1");
	story_pass(s, 3 * EVERY_S);
	assert_all(s, OLD);
	story_free(s);
}

static void a_rollout_that_is_resumed_after_an_abort_goes_on(void **state)
{
	struct story *s = begin();
	(void)state;
	story_probe(s, "seoul", NULL);
	start_guarded(s, "next");
	story_pass(s, EVERY_S);
	story_outcome(s, NULL, "next/n-1", ISB_OUT_STATUS);
	story_pass(s, 30);
	assert_all(s, OLD);
	story_outcome(s, NULL, "next/n-1", ISB_OUT_OK);
	story_pass(s, 30);
	struct isb_rollout rollout = story_rollout_get(s, RECORD);
	uint32_t slot = rollout.slot;
	rollout.slot = (uint32_t)ISB_SLOT_ALL;
	rollout.times.started_ms += 60 * 1000;
	story_rollout(s, RECORD, &rollout);
	assert_true(story_rollout_get(s, RECORD).slot > slot);
	story_pass(s, 10);
	assert_share(s, 30);
	story_outcome(s, NULL, "next/n-1", ISB_OUT_STATUS);
	story_pass(s, 30);
	assert_all(s, OLD);
	story_free(s);
}

static void an_operator_who_drains_the_new_side_ends_it_too(void **state)
{
	struct story *s = begin();
	(void)state;
	story_probe(s, "seoul", NULL);
	start_guarded(s, "next");
	story_pass(s, 30);
	story_admin(s, "next/n-1", ISB_ADMIN_DRAIN, 0);
	story_pass(s, 2);
	story_admin(s, "next/n-1", ISB_ADMIN_AUTO, 0);
	story_pass(s, 2);
	assert_all(s, OLD);
	story_free(s);
}

static void listed_networks_always_get_the_new_side(void **state)
{
	struct story *s = begin();
	struct isb_rollout rollout = rollout_to(s, "next");
	struct isb_net nets[2];
	(void)state;
	assert_int_equal(isb_net_parse("192.0.2.0/26", &nets[0]), 0);
	assert_int_equal(isb_net_parse("2001:db8:7::/48", &nets[1]), 0);
	rollout.nets = nets;
	rollout.nnet = 2;
	rollout.times = (struct isb_timetable){.started_ms = 0}; /* A/B: nobody else */
	story_rollout(s, RECORD, &rollout);
	assert_string_equal(story_plan(s, RECORD, &nets[0].addr), /* and no other rule */
	                    "(rollout to next, by network 0/0 0:1:(rollout to next 0/0 0:0:(stable 0/0 0:1:(old 1/1 0:1:old/o-1)) "
	                    "0:0:(next 1/2 0:1:next/n-1 0:0:next/n-2)))");
	for (int i = 0; i < 100; i++) {
		assert_answer(s, WWW, "A", "192.0.2.32/28", NEW);
		assert_int_equal(story_last(s)->scope, 26);
		assert_answer(s, WWW, "A", "192.0.2.64/28", OLD);
		assert_int_equal(story_last(s)->scope, 26);
		assert_answer(s, WWW, "A", "198.51.100.0/24", OLD);
		assert_answer(s, WWW, "A", "2001:db8:7:1::/56", NEW);
		assert_int_equal(story_last(s)->scope, 48);
	}
	rollout.times = rollout_to(s, "next").times; /* and now the others step by step */
	story_rollout(s, RECORD, &rollout);
	assert_share(s, 10);
	for (int i = 0; i < 100; i++)
		assert_answer(s, WWW, "A", "192.0.2.32/28", NEW);
	set_down(s, "next/n-1");
	assert_answer(s, WWW, "A", "192.0.2.32/28", OLD);
	story_free(s);
}

static void an_abort_takes_listed_networks_back_too(void **state)
{
	struct story *s = begin();
	struct isb_rollout rollout = rollout_to(s, "next");
	struct isb_net net;
	(void)state;
	assert_int_equal(isb_net_parse("192.0.2.0/24", &net), 0);
	rollout.nets = &net;
	rollout.nnet = 1;
	rollout.times = (struct isb_timetable){.started_ms = 0};
	rollout.abort_if = ISB_ABORT_DOWN;
	story_rollout(s, RECORD, &rollout);
	story_probe(s, "seoul", NULL);
	story_pass(s, 10);
	assert_answer(s, WWW, "A", "192.0.2.0/24", NEW);
	story_outcome(s, NULL, "next/n-1", ISB_OUT_STATUS);
	story_pass(s, 30);
	story_outcome(s, NULL, "next/n-1", ISB_OUT_OK);
	story_pass(s, 60);
	assert_answer(s, WWW, "A", "192.0.2.0/24", OLD);
	story_free(s);
}

/* Both sides depend on the client, each in its own way; whom the old one does not serve is not led. */
static void sides_that_depend_on_the_client_keep_their_classes(void **state)
{
	struct story *s = story_new(NULL);
	(void)state;
	story_apply(s, "pools:\n"
	               "  a: {endpoints: {e: {address: 10.0.0.1}}}\n  b: {endpoints: {e: {address: 10.0.0.2}}}\n"
	               "  c: {endpoints: {e: {address: 10.0.0.3}}}\n  d: {endpoints: {e: {address: 10.0.0.4}}}\n"
	               "policies:\n"
	               "  before: {order: geo, rules: [{nets: [192.0.2.0/25], use: a}, {nets: [198.51.100.0/24], use: b}]}\n"
	               "  after: {order: geo, rules: [{nets: [192.0.2.0/26, 203.0.113.0/24], use: c}, "
	               "{nets: [192.0.2.64/26], use: d}]}\n"
	               "zones:\n  example.com:\n" ZONE_TEXT "    records: {www: {types: [A], policy: before}}\n");
	start(s, "after");
	story_pass(s, 2 * EVERY_S);
	story_shares(s, WWW, "192.0.2.0/32", DRAWS, (const char *const[]){"10.0.0.1", "10.0.0.3", NULL}, (const double[]){1, 1});
	assert_int_equal(story_last(s)->scope, 26);
	story_shares(s, WWW, "192.0.2.100/32", DRAWS, (const char *const[]){"10.0.0.1", "10.0.0.4", NULL},
	             (const double[]){1, 1});
	assert_int_equal(story_last(s)->scope, 26);
	for (int i = 0; i < 100; i++) {
		assert_answer(s, WWW, "A", "198.51.100.7/32", "10.0.0.2"); /* no rule of the new side: stays */
		assert_int_equal(story_last(s)->scope, 24);
		assert_answer(s, WWW, "A", "203.0.113.7/32", "192.0.2.80"); /* none of the old side: the ordinary rrset, as before */
		assert_int_equal(story_last(s)->scope, 5); /* as all around it */
		assert_answer(s, WWW, "A", "192.0.2.200/32", "192.0.2.80");
	}
	struct isb_diags diags = {0};
	assert_int_equal(isb_view_prove(story_view(s), &diags, NULL, NULL), ISB_OK);
	isb_diags_done(&diags);
	story_free(s);
}

static void the_maps_of_both_sides_outlive_the_rollout(void **state)
{
	struct story *s = story_new("city.mmdb");
	(void)state;
	story_apply(s, REGIONS CHECKS POOLS
	               "policies:\n  near: {order: nearest, of: [asia, us, europe]}\n"
	               "  far: {order: geo, rules: [{continent: AS, use: europe}, {default: true, use: asia}]}\n"
	               "zones:\n  example.com:\n" ZONE_TEXT "    records: {www: {types: [A], policy: near}}\n");
	uint32_t www = story_record(s, RECORD);
	const struct isb_geomap *near = story_view(s)->maps[isb_plan_record(story_view(s)->plan, www)->map];
	start(s, "far");
	assert_int_equal(story_record(s, RECORD), www);
	assert_ptr_not_equal(story_view(s)->maps[isb_plan_record(story_view(s)->plan, www)->map], near);
	story_rollout(s, RECORD, NULL);
	assert_ptr_equal(story_view(s)->maps[isb_plan_record(story_view(s)->plan, www)->map], near);
	story_free(s);
}

/* "old/o-1 70; next/n-1 30; ": per cent, without a draw; all admin states are the view's. */
static void assert_computed(struct story *s, const struct isb_addr *client, const char *expected)
{
	struct isb_shares shares;
	const struct isb_plan *plan = story_view(s)->plan;
	const struct isb_health_table unseen = {0};
	struct isb_steer_state state = {.health = &unseen, .now_ms = story_now(s), .client = client, .admin = story_view(s)->admin,
	                                .nadmin = story_view(s)->nadmin};
	char text[64] = "";
	isb_shares_init(&shares);
	isb_shares_find(&shares, plan, isb_plan_record(plan, story_record(s, RECORD)), 0, &state);
	for (size_t i = 0; i < shares.count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %.0f; ",
		         isb_plan_text(plan, isb_plan_endpoint(plan, shares.list[i].endpoint)->name), shares.list[i].share * 100);
	assert_string_equal(text, expected);
	isb_shares_done(&shares);
}

static void computed_shares_are_those_of_the_moment(void **state)
{
	struct story *s = begin();
	struct isb_rollout rollout = rollout_to(s, "next");
	struct isb_addr client = {4, {11, 0, 0, 1}};
	(void)state;
	rollout.times.started_ms += 1000;
	rollout.sticky = true;
	story_rollout(s, RECORD, &rollout);
	assert_computed(s, NULL, "old/o-1 100; ");
	story_pass(s, 1 + EVERY_S);
	assert_computed(s, NULL, "next/n-1 30; old/o-1 70; ");
	bool moved = strcmp(story_ask(s, WWW, "A", "11.0.0.0/24"), NEW) == 0;
	assert_computed(s, &client, moved ? "next/n-1 100; " : "old/o-1 100; ");
	story_admin(s, "next/n-1", ISB_ADMIN_DOWN, 0);
	story_admin(s, "next/n-2", ISB_ADMIN_DOWN, 0);
	assert_computed(s, NULL, "old/o-1 100; ");
	story_free(s);
}

static void a_sticky_rollout_moves_each_network_once(void **state)
{
	struct story *s = begin();
	struct isb_rollout rollout = rollout_to(s, "next");
	bool moved[2000] = {false};
	char client[32];
	(void)state;
	rollout.sticky = true;
	story_rollout(s, RECORD, &rollout);
	for (int step = 0; step < 4; step++, story_pass(s, EVERY_S)) {
		unsigned count = 0;
		for (unsigned i = 0; i < 2000; i++) {
			snprintf(client, sizeof(client), "11.%u.%u.0/24", i / 250, i % 250);
			bool now = strcmp(story_ask(s, WWW, "A", client), NEW) == 0;
			assert_int_equal(story_last(s)->scope, step < 3 ? 24 : 0);
			assert_true(now || !moved[i]); /* nobody goes back */
			moved[i] = now;
			count += now;
			snprintf(client, sizeof(client), "11.%u.%u.77/32", i / 250, i % 250);
			assert_answer(s, WWW, "A", client, now ? NEW : OLD); /* a network stays together */
		}
		static const unsigned percent[] = {10, 30, 50, 100};
		assert_in_range(count, percent[step] * 20 - 90, percent[step] * 20 + 90); /* four standard deviations */
	}
	story_free(s);
}

static void what_a_rollout_needs_cannot_be_taken_away(void **state)
{
	struct story *s = begin();
	(void)state;
	start(s, "none");
	story_apply(s, catalog); /* applying the files that were there before does not end it */
	assert_int_equal(story_rollout_get(s, RECORD).times.nstep, 4);
	assert_string_equal(story_refused(s, "zones: {example.com: {records: {www: {types: [A], policy: none}}}}\n"),
	                    "record 'example.com/www' is being led to 'none' and cannot be served by it before that ends; write: "
	                    "isobar rollout finish example.com/www --force");
	assert_string_equal(story_refused(s, "pools: {none: {endpoints: {x: {address: '2001:db8::9'}}}}\n"),
	                    "'none' has no endpoint that answers A, as 'stable' has");
	story_free(s);
}

/* The deepest policies that the catalog allows, side by side below both nodes of a rollout. */
static void the_deepest_policies_can_be_rolled_out(void **state)
{
	struct story *s = story_new(NULL);
	char yaml[8192] = "pools:\n  old: {endpoints: {e: {address: " OLD "}}}\n  next: {endpoints: {e: {address: " NEW "}}}\n"
	                  "policies:\n";
	(void)state;
	strcat(yaml, "  o1: [old]\n  n1: [next]\n");
	for (int i = 2; i <= ISB_POLICY_DEPTH_MAX; i++) {
		char line[160];
		snprintf(line, sizeof(line), "  o%d: [o%d]\n  n%d: [n%d]\n", i, i - 1, i, i - 1);
		strcat(yaml, line);
	}
	strcat(yaml, "zones:\n  example.com:\n" ZONE_TEXT "    records: {www: {types: [A], policy: o16}}\n");
	story_apply(s, yaml);
	struct isb_rollout rollout = rollout_to(s, "n16");
	struct isb_net net;
	assert_int_equal(isb_net_parse("192.0.2.0/24", &net), 0);
	rollout.nets = &net;
	rollout.nnet = 1;
	story_rollout(s, RECORD, &rollout);
	assert_share(s, 10);
	assert_answer(s, WWW, "A", "192.0.2.0/24", NEW);
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_gives_exactly_its_share),
		cmocka_unit_test(an_abort_is_the_instant_way_back),
		cmocka_unit_test(a_server_whose_clock_is_behind_waits),
		cmocka_unit_test(a_pause_holds_the_share_and_the_rest_of_the_step),
		cmocka_unit_test(who_cannot_be_served_on_one_side_is_on_the_other),
		cmocka_unit_test(a_new_side_that_fails_is_left_for_good),
		cmocka_unit_test(a_rollout_that_is_resumed_after_an_abort_goes_on),
		cmocka_unit_test(an_operator_who_drains_the_new_side_ends_it_too),
		cmocka_unit_test(listed_networks_always_get_the_new_side),
		cmocka_unit_test(an_abort_takes_listed_networks_back_too),
		cmocka_unit_test(sides_that_depend_on_the_client_keep_their_classes),
		cmocka_unit_test(the_maps_of_both_sides_outlive_the_rollout),
		cmocka_unit_test(computed_shares_are_those_of_the_moment),
		cmocka_unit_test(a_sticky_rollout_moves_each_network_once),
		cmocka_unit_test(what_a_rollout_needs_cannot_be_taken_away),
		cmocka_unit_test(the_deepest_policies_can_be_rolled_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
