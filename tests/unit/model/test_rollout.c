/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "isobar/base/rng.h"
#include "isobar/model/rollout.h"

enum { T0 = 1000000, EVERY = 600000 };

static struct isb_timetable times_of(uint8_t nstep, const uint8_t *step)
{
	struct isb_timetable times = {.started_ms = T0, .every_ms = nstep > 1 ? EVERY : 0, .nstep = nstep};
	memcpy(times.step, step, nstep);
	return times;
}

static const uint8_t steps[] = {10, 30, 50, 100};

static void assert_at(const struct isb_timetable *times, int64_t now_ms, unsigned step, unsigned percent, int64_t next_ms)
{
	struct isb_timetable_now at = isb_timetable_at(times, now_ms);
	assert_int_equal(at.step, step);
	assert_int_equal(at.percent, percent);
	assert_int_equal(at.next_ms, next_ms);
}

static void each_step_begins_on_the_millisecond_and_the_last_one_stays(void **state)
{
	const struct isb_timetable times = times_of(4, steps);
	(void)state;
	assert_true(isb_timetable_check(&times));
	assert_at(&times, 0, 0, 0, T0);
	assert_at(&times, T0 - 1, 0, 0, T0);
	assert_at(&times, T0, 1, 10, T0 + EVERY);
	assert_at(&times, T0 + EVERY - 1, 1, 10, T0 + EVERY);
	assert_at(&times, T0 + EVERY, 2, 30, T0 + 2 * EVERY);
	assert_at(&times, T0 + 3 * EVERY - 1, 3, 50, T0 + 3 * EVERY);
	assert_at(&times, T0 + 3 * EVERY, 4, 100, 0);
	assert_at(&times, T0 + INT64_C(1000000) * EVERY, 4, 100, 0);
}

static void one_step_needs_no_span_and_no_step_gives_nothing(void **state)
{
	const struct isb_timetable one = times_of(1, steps), none = times_of(0, steps);
	(void)state;
	assert_true(isb_timetable_check(&one) && isb_timetable_check(&none));
	assert_at(&one, T0 - 1, 0, 0, T0);
	assert_at(&one, T0, 1, 10, 0);
	assert_at(&one, T0 + 100 * EVERY, 1, 10, 0);
	assert_at(&none, T0 + EVERY, 0, 0, 0);
}

static void time_stands_still_while_it_is_paused(void **state)
{
	struct isb_timetable times = times_of(4, steps);
	(void)state;
	times.paused_ms = T0 + EVERY + 5;
	assert_at(&times, T0 + EVERY - 1, 1, 10, T0 + EVERY); /* a clock that is behind has not come to the pause */
	assert_at(&times, T0 + EVERY + 4, 2, 30, T0 + 2 * EVERY);
	assert_at(&times, T0 + EVERY + 5, 2, 30, 0);
	assert_at(&times, T0 + 100 * EVERY, 2, 30, 0);
	times.paused_ms = T0 - 5;
	assert_at(&times, T0 + EVERY, 0, 0, 0);
}

static void the_share_never_shrinks_as_time_passes(void **state)
{
	struct isb_rng rng;
	(void)state;
	isb_rng_seed(&rng, 4);
	for (int round = 0; round < 200; round++) {
		struct isb_timetable times = {.started_ms = (int64_t)isb_rng_below(&rng, 100000),
		                        .every_ms = 1 + (int64_t)isb_rng_below(&rng, 5000)};
		times.nstep = (uint8_t)(1 + isb_rng_below(&rng, ISB_ROLLOUT_STEPS_MAX));
		for (unsigned i = 0; i < times.nstep; i++)
			times.step[i] = (uint8_t)(i * 3 + 1 + isb_rng_below(&rng, 3));
		assert_true(isb_timetable_check(&times));
		unsigned last = 0;
		int64_t promised = times.started_ms;
		for (int64_t now = 0; now < 400000; now += 97) {
			struct isb_timetable_now at = isb_timetable_at(&times, now);
			assert_true(at.percent >= last && at.percent <= 100);
			assert_true(at.percent == last || now >= promised); /* no change comes before it was foretold */
			assert_true(!at.next_ms || at.next_ms > now);
			last = at.percent;
			promised = at.next_ms;
		}
		assert_true(times.started_ms + times.nstep * times.every_ms > 400000 || last == times.step[times.nstep - 1]);
	}
}

static void what_is_no_pace_gives_nothing(void **state)
{
	static const uint8_t falling[] = {10, 30, 30}, zero[] = {0, 1}, above[] = {50, 101};
	const struct isb_timetable good = times_of(4, steps);
	struct isb_timetable bad[] = {times_of(3, falling), times_of(2, zero), times_of(2, above), good, good, good, good, good, good,
	                         good};
	(void)state;
	bad[3].nstep = ISB_ROLLOUT_STEPS_MAX + 1;
	bad[4].nstep = 3; /* something stands beyond the last step */
	bad[5].every_ms = 0;
	bad[6].every_ms = -1;
	bad[7].started_ms = INT64_MAX;
	bad[8].paused_ms = INT64_MIN;
	bad[9].every_ms = INT64_MAX;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(isb_timetable_check(&bad[i]));
		assert_at(&bad[i], T0 + EVERY, 0, 0, 0);
	}
	assert_at(&good, INT64_MIN, 0, 0, 0);
	assert_at(&good, INT64_MAX, 0, 0, 0);
}

static void a_rollout_leads_somebody_somewhere(void **state)
{
	struct isb_net net = {.addr = {4, {192, 0, 2, 0}}, .len = 24};
	struct isb_rollout good = {.to = "next", .times = times_of(4, steps), .nets = &net, .nnet = 1}, r = good;
	(void)state;
	assert_true(isb_rollout_check(&r));
	r.times = (struct isb_timetable){0};
	assert_true(isb_rollout_check(&r)); /* only the listed */
	r.nnet = 0;
	assert_false(isb_rollout_check(&r)); /* nobody */
	r = good;
	r.nnet = 0;
	assert_true(isb_rollout_check(&r)); /* only step by step */
	r.to = "";
	assert_false(isb_rollout_check(&r));
	r = good;
	net.len = 23;
	assert_true(isb_rollout_check(&r));
	net.addr.octets[3] = 1;
	assert_false(isb_rollout_check(&r)); /* host bits */
	net = (struct isb_net){.addr = {5, {0}}, .len = 0};
	assert_false(isb_rollout_check(&r));
	r = good;
	r.nnet = 0;
	r.abort_if = (enum isb_abort_if)2;
	assert_false(isb_rollout_check(&r));
}

static void an_abort_word_tells_when(void **state)
{
	uint64_t word = isb_abort_pack(INT64_C(1795262400999));
	(void)state;
	assert_true(isb_abort_holds(word));
	assert_int_equal(isb_abort_ms(word), INT64_C(1795262400000));
	assert_false(isb_abort_holds(0));
	struct isb_health up = {.verdict = ISB_UP, .held = ISB_UP};
	assert_false(isb_abort_holds(isb_health_pack(&up)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_begins_on_the_millisecond_and_the_last_one_stays),
		cmocka_unit_test(one_step_needs_no_span_and_no_step_gives_nothing),
		cmocka_unit_test(time_stands_still_while_it_is_paused),
		cmocka_unit_test(the_share_never_shrinks_as_time_passes),
		cmocka_unit_test(what_is_no_pace_gives_nothing),
		cmocka_unit_test(a_rollout_leads_somebody_somewhere),
		cmocka_unit_test(an_abort_word_tells_when),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
