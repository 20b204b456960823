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
