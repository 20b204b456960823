/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "isobar/model/health.h"
#include "isobar/model/observe.h"

static const struct isb_hysteresis knobs = {.rise = 2, .fall = 3, .interval_ms = 5000, .retry_ms = 500};

/* Feeds one outcome per letter (+ ok, - refused), a second apart; returns how often the state changed. */
static unsigned feed(struct isb_history *h, const struct isb_hysteresis *k, const char *outcomes)
{
	unsigned changes = 0;
	for (; *outcomes; outcomes++) {
		struct isb_outcome o = {.kind = *outcomes == '+' ? ISB_OUT_OK : ISB_OUT_CONNECT_REFUSED};
		changes += isb_observe(h, k, &o, h->observed_ms + 1000);
	}
	return changes;
}

static void the_first_outcome_decides_at_once(void **state)
{
	(void)state;
	struct isb_history up = {0}, down = {0};
	assert_int_equal(feed(&up, &knobs, "+"), 1);
	assert_int_equal(up.state, ISB_UP);
	assert_int_equal(up.since_ms, 1000);
	assert_int_equal(feed(&down, &knobs, "-"), 1);
	assert_int_equal(down.state, ISB_DOWN);
	assert_int_equal(down.flaps, 0);
}

static void only_fall_failures_in_a_row_make_down(void **state)
{
	(void)state;
	struct isb_history h = {0};
	assert_int_equal(feed(&h, &knobs, "+--+--+-"), 1);
	assert_int_equal(h.state, ISB_UP);
	assert_int_equal(feed(&h, &knobs, "-"), 0);
	assert_int_equal(feed(&h, &knobs, "-"), 1);
	assert_int_equal(h.state, ISB_DOWN);
	assert_int_equal(h.flaps, 1);
	assert_int_equal(h.run, 3);
	assert_int_equal(h.since_ms, h.observed_ms);
}

static void only_rise_successes_in_a_row_make_up(void **state)
{
	(void)state;
	struct isb_history h = {0};
	assert_int_equal(feed(&h, &knobs, "-+-+-"), 1);
	assert_int_equal(h.state, ISB_DOWN);
	assert_int_equal(feed(&h, &knobs, "++"), 1);
	assert_int_equal(h.state, ISB_UP);
	assert_int_equal(h.flaps, 1);
}

static void the_newest_outcome_is_bit_zero_and_counters_saturate(void **state)
{
	(void)state;
	struct isb_history h = {0};
	feed(&h, &knobs, "+-+");
	assert_int_equal(h.bits, 5);
	assert_int_equal(h.seen, 3);
	for (int i = 0; i < 300; i++)
		feed(&h, &knobs, "+");
	assert_int_equal(h.seen, 64);
	assert_int_equal(h.run, 255);
	assert_true(h.bits == UINT64_MAX);
}

static void hysteresis_holds_up_to_sixty_four(void **state)
{
	(void)state;
	struct isb_hysteresis k = {.rise = 64, .fall = 64, .interval_ms = 1000};
	struct isb_history h = {0};
	feed(&h, &k, "+");
	for (int i = 0; i < 63; i++)
		assert_int_equal(feed(&h, &k, "-"), 0);
	assert_int_equal(feed(&h, &k, "-"), 1);
}

static void the_probes_own_trouble_is_no_evidence(void **state)
{
	(void)state;
	struct isb_history h = {0}, before;
	struct isb_outcome internal = {.kind = ISB_OUT_INTERNAL};
	assert_false(isb_observe(&h, &knobs, &internal, 1));
	assert_int_equal(h.state, ISB_UNKNOWN);
	feed(&h, &knobs, "+--");
	before = h;
	assert_false(isb_observe(&h, &knobs, &internal, 99000));
	assert_int_equal(h.state, ISB_UP);
	assert_int_equal(h.run, 2);
	assert_int_equal(h.observed_ms, before.observed_ms);
	assert_int_equal(h.bits, before.bits);
	assert_int_equal(h.last.kind, ISB_OUT_INTERNAL);
}

static void latencies_are_smoothed_by_an_eighth(void **state)
{
	(void)state;
	struct isb_history h = {0};
	struct isb_outcome o = {.kind = ISB_OUT_OK, .connect_us = 800, .total_us = 8000};
	isb_observe(&h, &knobs, &o, 1);
	assert_int_equal(h.latency_us, 8000);
	assert_int_equal(h.connect_us, 800);
	o.total_us = 16000;
	o.connect_us = 0;
	isb_observe(&h, &knobs, &o, 2);
	assert_int_equal(h.latency_us, 9000);
	assert_int_equal(h.connect_us, 800);
	/* a failure has no latency, but where it connected it measured the way there */
	o = (struct isb_outcome){.kind = ISB_OUT_STATUS, .status = 503, .connect_us = 1600, .total_us = 1};
	isb_observe(&h, &knobs, &o, 3);
	assert_int_equal(h.latency_us, 9000);
	assert_int_equal(h.connect_us, 900);
	o = (struct isb_outcome){.kind = ISB_OUT_OK, .total_us = UINT32_MAX};
	for (int i = 0; i < 400; i++)
		isb_observe(&h, &knobs, &o, 4);
	assert_true(h.latency_us > UINT32_MAX - 16);
}

static void the_next_check_follows_the_state(void **state)
{
	(void)state;
	struct isb_hysteresis k = knobs;
	struct isb_history h = {0};
	assert_int_equal(isb_observe_next_ms(&h, &k), 5000);
	feed(&h, &k, "+");
	assert_int_equal(isb_observe_next_ms(&h, &k), 5000);
	feed(&h, &k, "-");
	assert_int_equal(isb_observe_next_ms(&h, &k), 500); /* one retry after the first failure of a run */
	k.interval_ms = 200;
	assert_int_equal(isb_observe_next_ms(&h, &k), 200); /* a retry is no delay */
	k.interval_ms = knobs.interval_ms;
	feed(&h, &k, "-");
	assert_int_equal(isb_observe_next_ms(&h, &k), 5000);
	feed(&h, &k, "-");
	assert_int_equal(isb_observe_next_ms(&h, &k), 5000);
	k.down_interval_ms = 30000;
	assert_int_equal(isb_observe_next_ms(&h, &k), 30000);
	feed(&h, &k, "++");
	k.retry_ms = 0;
	feed(&h, &k, "-");
	assert_int_equal(isb_observe_next_ms(&h, &k), 5000);
}

static void the_earliest_flip_is_the_sum_of_the_checks_still_needed(void **state)
{
	(void)state;
	struct isb_hysteresis k = knobs;
	struct isb_history h = {0};
	assert_int_equal(isb_observe_flip_s(&h, &k), 0);
	feed(&h, &k, "+");
	assert_int_equal(isb_observe_flip_s(&h, &k), 10); /* 5 s, retry 0.5 s, 5 s */
	feed(&h, &k, "-");
	assert_int_equal(isb_observe_flip_s(&h, &k), 5); /* retry 0.5 s, 5 s */
	feed(&h, &k, "-");
	assert_int_equal(isb_observe_flip_s(&h, &k), 5);
	feed(&h, &k, "-");
	assert_int_equal(h.state, ISB_DOWN);
	assert_int_equal(isb_observe_flip_s(&h, &k), 10);
	k.down_interval_ms = 60000;
	assert_int_equal(isb_observe_flip_s(&h, &k), 120);
	k.down_interval_ms = 600000;
	assert_int_equal(isb_observe_flip_s(&h, &k), ISB_FLIP_NONE - 1);
}

static void asking_for_the_flip_changes_nothing(void **state)
{
	(void)state;
	struct isb_history h = {0};
	feed(&h, &knobs, "+-");
	struct isb_history copy = h;
	isb_observe_flip_s(&h, &knobs);
	assert_int_equal(h.bits, copy.bits);
	assert_int_equal(h.run, copy.run);
	assert_int_equal(h.last.kind, copy.last.kind);
	assert_int_equal(h.observed_ms, copy.observed_ms);
}

static void outcomes_print_their_names(void **state)
{
	(void)state;
	char out[ISB_OUTCOME_TEXT];
	static const struct {
		struct isb_outcome o;
		const char *text;
	} cases[] = {
		{{.kind = ISB_OUT_OK, .status = 200}, "ok"},
		{{.kind = ISB_OUT_STATUS, .status = 503}, "status-503"},
		{{.kind = ISB_OUT_STATUS, .status = UINT16_MAX}, "status-65535"},
		{{.kind = ISB_OUT_CONNECT_TIMEOUT}, "connect-timeout"},
		{{.kind = ISB_OUT_RESOLVE}, "resolve-failed"},
		{{.kind = (enum isb_outcome_kind)77}, "none"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(isb_outcome_print(&cases[i].o, out), cases[i].text);
}

/* --- Damping --- */

static const struct isb_hysteresis damped = {
	.rise = 2, .fall = 1, .interval_ms = 1000, .flap_limit = 2};

/* Falls and comes back; how many successes that took. */
static unsigned flap(struct isb_history *h, const struct isb_hysteresis *k)
{
	unsigned successes = 0;
	assert_int_equal(feed(h, k, "-"), 1);
	for (; h->state == ISB_DOWN && successes < 300; successes++)
		feed(h, k, "+");
	return successes;
}

static void flaps_beyond_the_limit_double_what_a_recovery_takes(void **state)
{
	(void)state;
	static const unsigned takes[] = {2, 2, 4, 8, 16, 32, 32, 32};
	struct isb_history h = {0};
	feed(&h, &damped, "+");
	for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++)
		assert_int_equal(flap(&h, &damped), takes[i]);
	assert_int_equal(h.flaps, 16);
	struct isb_hysteresis off = damped;
	off.flap_limit = 0;
	for (int i = 0; i < 10; i++)
		assert_int_equal(flap(&h, &off), 2);
}

static void quiet_time_forgives_one_flap_after_the_other(void **state)
{
	(void)state;
	struct isb_history h = {0};
	feed(&h, &damped, "+");
	for (int i = 0; i < 20; i++)
		flap(&h, &damped);
	assert_int_equal(isb_observe_rise(&h, &damped, h.fell_ms), 32);
	assert_int_equal(isb_observe_rise(&h, &damped, h.fell_ms + ISB_FLAP_QUIET_MS - 1), 32);
	assert_int_equal(isb_observe_rise(&h, &damped, h.fell_ms + ISB_FLAP_QUIET_MS), 16);
	assert_int_equal(isb_observe_rise(&h, &damped, h.fell_ms + 4 * ISB_FLAP_QUIET_MS), 2);
	assert_int_equal(isb_observe_rise(&h, &damped, h.fell_ms - 1000000), 32); /* the clock was set back */
	/* whoever stays away for long comes back as if nothing had been */
	feed(&h, &damped, "-");
	h.observed_ms += 10 * ISB_FLAP_QUIET_MS;
	assert_int_equal(feed(&h, &damped, "+"), 0);
	assert_int_equal(feed(&h, &damped, "+"), 1);
}

static void damping_is_foreseen_and_has_an_end(void **state)
{
	(void)state;
	struct isb_history h = {0};
	feed(&h, &damped, "+");
	for (int i = 0; i < 20; i++)
		flap(&h, &damped);
	feed(&h, &damped, "-++");
	assert_int_equal(isb_observe_flip_s(&h, &damped), 30);
	struct isb_hysteresis slow = {.rise = 64, .fall = 1, .interval_ms = 1, .flap_limit = 1};
	for (int i = 0; i < 20; i++) {
		feed(&h, &slow, "-");
		for (int k = 0; k < 255; k++)
			feed(&h, &slow, "+");
	}
	assert_int_equal(isb_observe_rise(&h, &slow, h.fell_ms), 255);
	assert_int_equal(h.state, ISB_UP);
}

/* --- Soft health and load --- */

static void hear(struct isb_history *h, const struct isb_hysteresis *k, enum isb_outcome_kind kind, int soft, int load)
{
	struct isb_outcome o = {.kind = kind, .has_soft = soft >= 0, .has_load = load >= 0,
	                        .soft = (uint8_t)(soft >= 0 ? soft : 0), .load = (uint16_t)(load >= 0 ? load : 0), .total_us = 1000};
	isb_observe(h, k, &o, h->observed_ms + 1000);
}

static void soft_health_falls_at_once_and_rises_by_halves(void **state)
{
	(void)state;
	static const unsigned rises[] = {60, 80, 90, 95, 98, 99, 100, 100};
	struct isb_history h = {0};
	hear(&h, &knobs, ISB_OUT_OK, -1, -1);
	assert_false(h.has_soft);
	hear(&h, &knobs, ISB_OUT_OK, 20, -1);
	assert_true(h.has_soft);
	assert_int_equal(h.soft, 20);
	for (size_t i = 0; i < sizeof(rises) / sizeof(rises[0]); i++) {
		hear(&h, &knobs, ISB_OUT_OK, 100, -1);
		assert_int_equal(h.soft, rises[i]);
	}
	hear(&h, &knobs, ISB_OUT_OK, 250, -1);
	assert_int_equal(h.soft, 100);
	hear(&h, &knobs, ISB_OUT_OK, 0, -1);
	assert_int_equal(h.soft, 0);
}

static void load_moves_by_halves_and_arrives(void **state)
{
	(void)state;
	struct isb_history h = {0};
	hear(&h, &knobs, ISB_OUT_OK, -1, 100);
	assert_int_equal(h.load, 100);
	hear(&h, &knobs, ISB_OUT_OK, -1, 500);
	assert_int_equal(h.load, 300);
	for (int i = 0; i < 12; i++)
		hear(&h, &knobs, ISB_OUT_OK, -1, 0);
	assert_int_equal(h.load, 0);
	for (int i = 0; i < 14; i++)
		hear(&h, &knobs, ISB_OUT_OK, -1, 9999);
	assert_int_equal(h.load, 4095);
	assert_true(h.has_load);
}

static void what_a_feed_brings_the_check_leaves_alone(void **state)
{
	(void)state;
	struct isb_hysteresis fed = knobs;
	struct isb_outcome said = {.kind = ISB_OUT_OK, .has_load = true, .load = 500, .has_soft = true, .soft = 30};
	struct isb_history h = {0};
	fed.load_fed = true;
	hear(&h, &fed, ISB_OUT_OK, 80, 100);
	assert_false(h.has_load);
	isb_observe_feed(&h, &fed, &said);
	assert_int_equal(h.load, 500);
	assert_int_equal(h.soft, 80); /* of that the feed is not asked */
	struct isb_history before = h;
	hear(&h, &fed, ISB_OUT_OK, 80, -1);
	hear(&h, &fed, ISB_OUT_CONNECT_REFUSED, -1, 4000);
	assert_true(h.has_load);
	assert_int_equal(h.load, 500);
	assert_int_equal(before.seen + 2, h.seen); /* and the feed is no outcome */
	fed.soft_fed = true;
	isb_observe_feed(&h, &fed, &said);
	assert_int_equal(h.soft, 30);
	isb_observe_feed(&h, &fed, &(struct isb_outcome){.kind = ISB_OUT_OK});
	assert_false(h.has_soft || h.has_load);
}

static void what_is_no_longer_said_is_forgotten(void **state)
{
	(void)state;
	struct isb_history h = {0};
	hear(&h, &knobs, ISB_OUT_OK, 40, 700);
	hear(&h, &knobs, ISB_OUT_CONNECT_REFUSED, -1, -1); /* says nothing of either */
	hear(&h, &knobs, ISB_OUT_INTERNAL, 1, 1);
	assert_true(h.has_soft && h.has_load);
	assert_int_equal(h.soft, 40);
	hear(&h, &knobs, ISB_OUT_SAID_DOWN, 10, -1); /* a failure that does */
	assert_int_equal(h.soft, 10);
	assert_true(h.has_load);
	hear(&h, &knobs, ISB_OUT_OK, -1, -1);
	assert_false(h.has_soft || h.has_load);
	assert_int_equal(h.load, 0);
}

static void latency_beyond_its_budget_is_soft_health(void **state)
{
	(void)state;
	static const struct {
		uint32_t total_us;
		unsigned soft;
	} cases[] = {{50000, 100}, {100000, 100}, {300000, 50}, {499999, 1}, {500000, 1}, {9000000, 1}};
	struct isb_hysteresis k = knobs;
	k.soft_full_us = 100000;
	k.soft_least_us = 500000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_history h = {0};
		struct isb_outcome o = {.kind = ISB_OUT_OK, .total_us = cases[i].total_us};
		isb_observe(&h, &k, &o, 1);
		assert_true(h.has_soft);
		assert_int_equal(h.soft, cases[i].soft);
		o.has_soft = true; /* and what it says of itself, whichever is less */
		o.soft = 30;
		isb_observe(&h, &k, &o, 2);
		assert_int_equal(h.soft, cases[i].soft < 30 ? cases[i].soft : 30);
	}
}

/* Whatever says that a packet came back proves the network. */
static void silence_is_when_nothing_came_back(void **state)
{
	(void)state;
	static const enum isb_outcome_kind silent[] = {ISB_OUT_CONNECT_TIMEOUT, ISB_OUT_CONNECT_UNREACHABLE, ISB_OUT_RESOLVE,
	                                               ISB_OUT_NO_REPLY};
	size_t count = 0;
	for (unsigned kind = 0; kind <= ISB_OUT_NO_REPLY; kind++)
		count += isb_outcome_silent((enum isb_outcome_kind)kind);
	assert_int_equal(count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_true(isb_outcome_silent(silent[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flaps_beyond_the_limit_double_what_a_recovery_takes),
		cmocka_unit_test(quiet_time_forgives_one_flap_after_the_other),
		cmocka_unit_test(damping_is_foreseen_and_has_an_end),
		cmocka_unit_test(soft_health_falls_at_once_and_rises_by_halves),
		cmocka_unit_test(load_moves_by_halves_and_arrives),
		cmocka_unit_test(what_a_feed_brings_the_check_leaves_alone),
		cmocka_unit_test(what_is_no_longer_said_is_forgotten),
		cmocka_unit_test(latency_beyond_its_budget_is_soft_health),
		cmocka_unit_test(the_first_outcome_decides_at_once),
		cmocka_unit_test(only_fall_failures_in_a_row_make_down),
		cmocka_unit_test(only_rise_successes_in_a_row_make_up),
		cmocka_unit_test(the_newest_outcome_is_bit_zero_and_counters_saturate),
		cmocka_unit_test(hysteresis_holds_up_to_sixty_four),
		cmocka_unit_test(the_probes_own_trouble_is_no_evidence),
		cmocka_unit_test(latencies_are_smoothed_by_an_eighth),
		cmocka_unit_test(the_next_check_follows_the_state),
		cmocka_unit_test(the_earliest_flip_is_the_sum_of_the_checks_still_needed),
		cmocka_unit_test(asking_for_the_flip_changes_nothing),
		cmocka_unit_test(outcomes_print_their_names),
		cmocka_unit_test(silence_is_when_nothing_came_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
