/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "probes/measure_plan.h"

/* Time is a number: the plan is asked who is due, and told what came of it. */

enum { START = 1000000, MINUTE = 60000, HOUR = 60 * MINUTE };

struct world {
	struct isb_deny deny;
	struct isb_measure_plan plan;
	struct isb_demand_row rows[4096];
	size_t nrow;
	int64_t now;
};

static struct isb_addr address(unsigned n)
{
	return (struct isb_addr){4, {20, (uint8_t)(n >> 8), (uint8_t)n, 1}};
}

static void list(struct world *w, unsigned n)
{
	struct isb_addr addr = address(n);
	w->rows[w->nrow++] = (struct isb_demand_row){.net = isb_net_around(&addr, 24), .addr = addr, .count = 1};
}

static void update(struct world *w)
{
	isb_measure_plan_update(&w->plan, w->rows, w->nrow, w->now);
}

static struct world *begin(unsigned rate, unsigned networks)
{
	struct world *w = calloc(1, sizeof(*w));
	w->now = START;
	isb_measure_plan_init(&w->plan, rate, &w->deny);
	for (unsigned n = 0; n < networks; n++)
		list(w, n);
	update(w);
	return w;
}

static void end(struct world *w)
{
	isb_measure_plan_done(&w->plan);
	isb_deny_done(&w->deny);
	free(w);
}

static unsigned number_of(const struct isb_measured *m)
{
	return (unsigned)m->addr.octets[1] << 8 | m->addr.octets[2];
}

/* Waits for the next one, whose request then ends at once. Returns its number; -1: nobody until `until`. */
static int next(struct world *w, int64_t until, bool answered)
{
	int64_t wait = isb_measure_plan_wait(&w->plan, w->now);
	if (wait < 0 || w->now + wait > until) {
		w->now = until;
		return -1;
	}
	if (wait > 1)
		assert_null(isb_measure_plan_take(&w->plan, w->now + wait - 1)); /* not a moment earlier */
	w->now += wait;
	struct isb_measured *m = isb_measure_plan_take(&w->plan, w->now);
	if (!m)
		return next(w, until, answered); /* was denied */
	int n = (int)number_of(m);
	isb_measure_plan_record(&w->plan, m, answered, w->now);
	return n;
}

static unsigned requests(struct world *w, int64_t span, bool answered)
{
	unsigned count = 0;
	for (int64_t until = w->now + span; next(w, until, answered) >= 0;)
		count++;
	return count;
}

static void a_network_is_asked_five_times_in_ten_minutes(void **state)
{
	(void)state;
	struct world *w = begin(10, 1);
	assert_int_equal(next(w, w->now, true), 0);
	assert_int_equal(w->now, START);
	assert_false(isb_measure_plan_idle(&w->plan));
	assert_int_equal(requests(w, 9 * MINUTE, true), 4);
	assert_true(isb_measure_plan_idle(&w->plan));
	assert_int_equal(isb_measure_plan_wait(&w->plan, w->now), MINUTE);
	w->now = START + ISB_MEASURE_ROUND_MS;
	for (int hour = 0; hour < 24; hour++)
		assert_int_equal(requests(w, HOUR - 1, true), 30), w->now++;
	end(w);
}

static void who_does_not_answer_is_asked_ever_more_rarely(void **state)
{
	(void)state;
	struct world *w = begin(10, 1);
	int64_t began = w->now;
	for (unsigned quiet = 1; quiet <= 10; quiet++) {
		assert_int_equal(next(w, INT64_MAX / 2, false), 0);
		assert_int_equal(next(w, w->now + ISB_MEASURE_GAP_MS, false), 0);
		unsigned doubled = quiet < ISB_MEASURE_QUIET ? quiet : ISB_MEASURE_QUIET;
		int64_t wait = isb_measure_plan_wait(&w->plan, w->now);
		assert_int_equal(w->now + wait - began, (int64_t)ISB_MEASURE_ROUND_MS << doubled);
		began = w->now + wait;
	}
	/* one answer, and all is as it was; and who ever answered is not forgotten for a day when the network is down */
	assert_int_equal(next(w, INT64_MAX / 2, true), 0);
	assert_int_equal(requests(w, 5 * MINUTE, true), 4);
	assert_int_equal(w->now + isb_measure_plan_wait(&w->plan, w->now) - began, ISB_MEASURE_ROUND_MS);
	assert_int_equal(requests(w, 10 * HOUR, false), 2 * (1 + 1 + 15 - 1));
	end(w);
}

static void one_lost_packet_is_no_silence(void **state)
{
	(void)state;
	struct world *w = begin(10, 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(next(w, w->now + 2 * ISB_MEASURE_GAP_MS, i != 1), 0);
	assert_int_equal(w->now + isb_measure_plan_wait(&w->plan, w->now), START + ISB_MEASURE_ROUND_MS);
	w->now = START + ISB_MEASURE_ROUND_MS;
	assert_int_equal(next(w, w->now, true), 0);
	assert_int_equal(next(w, w->now + ISB_MEASURE_GAP_MS, false), 0);
	assert_int_equal(next(w, w->now + ISB_MEASURE_GAP_MS, false), 0);
	assert_int_equal(requests(w, 5 * MINUTE, true), 0); /* the second ends the round, but it was answered once */
	assert_int_equal(w->now + isb_measure_plan_wait(&w->plan, w->now), START + 2 * ISB_MEASURE_ROUND_MS);
	end(w);
}

static void the_rate_is_never_passed_whatever_is_due(void **state)
{
	(void)state;
	static const unsigned rates[] = {1, 3, 7, 10, 64, 100};
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct world *w = begin(rates[i], 4000);
		int64_t last[101], first = w->now;
		size_t count = 0;
		while (next(w, first + MINUTE, true) >= 0) {
			last[count % (rates[i] + 1)] = w->now;
			count++;
			if (count > rates[i]) /* one more than the rate takes a second at least */
				assert_true(w->now - last[count % (rates[i] + 1)] >= 1000);
		}
		assert_in_range(count, 50 * rates[i], 60 * rates[i] + 1);
		end(w);
	}
}

static void who_asks_most_comes_first_where_the_rate_is_not_enough(void **state)
{
	(void)state;
	struct world *w = begin(1, 1000); /* 600 requests in ten minutes are 120 networks */
	unsigned seen[1000] = {0};
	for (int64_t until = w->now + 6 * HOUR; w->now < until;) {
		int n = next(w, until, true);
		if (n >= 0)
			seen[n]++;
	}
	for (unsigned n = 0; n < 100; n++)
		assert_in_range(seen[n], 5 * 34, 5 * 36 + 5);
	for (unsigned n = 130; n < 1000; n++)
		assert_int_equal(seen[n], 0);
	end(w);
}

static void denied_networks_are_never_asked(void **state)
{
	(void)state;
	struct world *w = begin(100, 0);
	struct isb_diags diags = {0};
	assert_int_equal(isb_deny_read(&w->deny, "20.0.1.0/24,20.0.2.1", &diags), ISB_OK);
	isb_deny_seal(&w->deny);
	for (unsigned n = 0; n < 5; n++)
		list(w, n);
	w->rows[3].addr.octets[3] = 255;
	struct isb_addr home = {4, {192, 168, 1, 1}}, ours = address(4);
	w->rows[w->nrow++] = (struct isb_demand_row){.net = isb_net_around(&home, 24), .addr = home, .count = 1};
	w->rows[w->nrow++] = (struct isb_demand_row){.net = {{4, {21}}, 24}, .count = 1}; /* without an address */
	struct isb_net around = isb_net_around(&ours, 24);
	isb_deny_add(&w->plan.ours, &around);
	isb_deny_seal(&w->plan.ours);
	update(w);
	for (int i = 0; i < 5; i++)
		assert_int_equal(next(w, w->now + MINUTE, true), 0);
	assert_int_equal(next(w, START + 9 * MINUTE, true), -1);
	isb_deny_reset(&w->plan.ours); /* an edit moved the endpoint away */
	assert_int_equal(next(w, START + 10 * MINUTE, true), 0);
	unsigned fourth = 0;
	for (int64_t until = w->now + 9 * MINUTE; w->now < until;) {
		int n = next(w, until, true);
		assert_true(n == -1 || n == 0 || n == 4);
		fourth += n == 4;
	}
	assert_int_equal(fourth, 5);
	isb_diags_done(&diags);
	end(w);
}

static void who_leaves_the_list_and_comes_back_is_not_asked_earlier(void **state)
{
	(void)state;
	struct world *w = begin(10, 2);
	for (int i = 0; i < 4; i++)
		assert_true(next(w, w->now + MINUTE, true) >= 0); /* in the middle of their rounds */
	for (int minute = 1; minute < 10; minute++) {
		w->now = START + minute * MINUTE;
		w->nrow = minute % 2 ? 0 : 2;
		update(w);
		assert_int_equal(requests(w, MINUTE / 2, true), 0);
	}
	w->now = START + ISB_MEASURE_ROUND_MS + MINUTE;
	w->nrow = 2;
	update(w);
	assert_int_equal(requests(w, MINUTE, true), 10);
	end(w);
}

static void a_request_under_way_outlives_the_list(void **state)
{
	(void)state;
	struct world *w = begin(10, 3);
	struct isb_measured *m = isb_measure_plan_take(&w->plan, w->now);
	assert_false(isb_measure_plan_idle(&w->plan));
	w->nrow = 0;
	w->now += 30 * MINUTE;
	update(w);
	assert_int_equal(w->plan.count, 1);
	assert_int_equal(isb_measure_plan_wait(&w->plan, w->now), -1);
	isb_measure_plan_record(&w->plan, m, true, w->now);
	assert_true(isb_measure_plan_idle(&w->plan));
	update(w);
	assert_int_equal(w->plan.count, 0);
	end(w);
}

static void the_same_network_twice_is_one(void **state)
{
	(void)state;
	struct world *w = begin(10, 1);
	list(w, 0);
	w->rows[1].addr.octets[3] = 9;
	update(w);
	assert_int_equal(w->plan.count, 1);
	assert_int_equal(w->plan.list[0]->addr.octets[3], 1);
	w->rows[0] = w->rows[1]; /* another resolver there: the next request is its */
	update(w);
	assert_int_equal(isb_measure_plan_take(&w->plan, w->now)->addr.octets[3], 9);
	end(w);
}

static void our_own_trouble_is_nobodys_silence(void **state)
{
	(void)state;
	struct world *w = begin(10, 2);
	for (int i = 0; i < 100; i++) {
		struct isb_measured *m = isb_measure_plan_take(&w->plan, w->now);
		assert_non_null(m);
		isb_measure_plan_pause(&w->plan, m, w->now);
		assert_int_equal(isb_measure_plan_wait(&w->plan, w->now), ISB_MEASURE_PAUSE_MS);
		w->now += ISB_MEASURE_PAUSE_MS;
	}
	assert_int_equal(requests(w, 5 * MINUTE, true), 10);
	end(w);
}

/* Strangers choose the list: it may change as it likes, and memory, rate and rounds hold. */
static void whatever_the_list_no_network_is_asked_more_than_a_round_in_ten_minutes(void **state)
{
	(void)state;
	enum { NETWORKS = 600 };
	static int64_t began[NETWORKS];
	static unsigned tries[NETWORKS];
	struct isb_rng rng;
	struct world *w = begin(50, 0);
	isb_rng_seed(&rng, 11);
	for (unsigned n = 0; n < NETWORKS; n++)
		began[n] = INT64_MIN / 2;
	unsigned asked = 0;
	for (int minute = 0; minute < 240; minute++) {
		w->nrow = 0;
		for (unsigned i = 0; i < 200; i++)
			list(w, (unsigned)isb_rng_below(&rng, NETWORKS));
		update(w);
		assert_true(w->plan.count <= NETWORKS);
		for (int64_t until = w->now + MINUTE; w->now < until;) {
			int n = next(w, until, isb_rng_below(&rng, 3) != 0);
			if (n < 0)
				continue;
			if (w->now - began[n] >= ISB_MEASURE_ROUND_MS) {
				began[n] = w->now;
				tries[n] = 0;
			}
			assert_true(++tries[n] <= ISB_MEASURE_TRIES);
			asked++;
		}
	}
	assert_true(asked > 10000);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_is_asked_five_times_in_ten_minutes),
		cmocka_unit_test(who_does_not_answer_is_asked_ever_more_rarely),
		cmocka_unit_test(one_lost_packet_is_no_silence),
		cmocka_unit_test(the_rate_is_never_passed_whatever_is_due),
		cmocka_unit_test(who_asks_most_comes_first_where_the_rate_is_not_enough),
		cmocka_unit_test(denied_networks_are_never_asked),
		cmocka_unit_test(who_leaves_the_list_and_comes_back_is_not_asked_earlier),
		cmocka_unit_test(a_request_under_way_outlives_the_list),
		cmocka_unit_test(the_same_network_twice_is_one),
		cmocka_unit_test(our_own_trouble_is_nobodys_silence),
		cmocka_unit_test(whatever_the_list_no_network_is_asked_more_than_a_round_in_ten_minutes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
