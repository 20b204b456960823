/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "probes/schedule.h"

enum { ENDPOINTS = 6, WALL = 1000000 };

/* A catalog of one pool "p" with endpoints e0, e1, … at 192.0.2.0, .1, …, slots 10, 11, …, and one check. */
struct world {
	struct isb_check check;
	struct isb_endpoint endpoints[ENDPOINTS];
	struct isb_addr addresses[ENDPOINTS];
	struct isb_pool pools[2];
	struct isb_catalog catalog;
	struct isb_schedule schedule;
	unsigned retired, gone;
	int64_t now; /* of the updates */
	bool no_slots;
};

static bool slot(void *arg, const char *pool, const char *endpoint, uint32_t *ret_slot)
{
	const struct world *w = arg;
	assert_string_equal(pool, "p");
	*ret_slot = 10u + (uint32_t)(endpoint[1] - '0');
	return !w->no_slots;
}

static void on_retire(void *arg, struct isb_target *target, bool gone)
{
	struct world *w = arg;
	target->run = NULL;
	w->retired++;
	w->gone += gone;
}

static void update(struct world *w)
{
	struct isb_schedule_source source = {slot, on_retire, w};
	isb_schedule_update(&w->schedule, &w->catalog, &source, w->now);
}

static void enter_all(struct world *w, int64_t now)
{
	for (size_t i = 0; i < w->schedule.count; i++)
		if (w->schedule.targets[i]->place == ISB_NOT_QUEUED && !w->schedule.targets[i]->run)
			isb_schedule_enter(&w->schedule, w->schedule.targets[i], now, WALL + now);
}

static void build(struct world *w, size_t endpoints)
{
	static const char *const names[ENDPOINTS] = {"e0", "e1", "e2", "e3", "e4", "e5"};
	*w = (struct world){0};
	w->check = (struct isb_check){.name = "c",
				      .type = ISB_CHECK_HTTPS,
				      .path = "/health",
				      .method = "GET",
				      .verify = true,
				      .interval_ms = 5000,
				      .timeout_ms = 2000,
				      .retry_ms = 500,
				      .rise = 2,
				      .fall = 3};
	for (size_t i = 0; i < ENDPOINTS; i++) {
		w->addresses[i] = (struct isb_addr){4, {192, 0, 2, (uint8_t)i}};
		w->endpoints[i] =
			(struct isb_endpoint){.name = names[i], .addresses = &w->addresses[i], .naddress = 1, .weight = 1};
	}
	w->pools[0] =
		(struct isb_pool){.name = "p", .check = {.name = "c"}, .endpoints = w->endpoints, .nendpoint = endpoints};
	w->pools[1] = (struct isb_pool){.name = "unchecked", .endpoints = w->endpoints, .nendpoint = 1};
	isb_catalog_init(&w->catalog);
	w->catalog.checks = &w->check;
	w->catalog.ncheck = 1;
	w->catalog.pools = w->pools;
	w->catalog.npool = 2;
	isb_schedule_init(&w->schedule, 1);
	update(w);
}

/* Takes target i out of turn at `at` and records an outcome 1 ms later. */
static bool outcome_at(struct world *w, size_t i, enum isb_outcome_kind kind, int64_t at)
{
	struct isb_target *t = w->schedule.targets[i], *taken;
	struct isb_target *put_back[ENDPOINTS];
	size_t n = 0;
	while ((taken = isb_schedule_take(&w->schedule, INT64_MAX)) != t)
		put_back[n++] = taken;
	for (size_t k = 0; k < n; k++) { /* entering draws a new due time, which these stories do not look at */
		int64_t due = put_back[k]->due;
		isb_schedule_enter(&w->schedule, put_back[k], due, WALL + due);
	}
	t->started = at;
	struct isb_outcome o = {.kind = kind};
	return isb_schedule_record(&w->schedule, t, &o, at + 1, WALL + at + 1);
}

static void every_endpoint_of_a_checked_pool_is_a_target(void **state)
{
	(void)state;
	struct world w;
	build(&w, 3);
	assert_int_equal(w.schedule.count, 3);
	for (size_t i = 0; i < 3; i++) {
		struct isb_target *t = w.schedule.targets[i];
		assert_int_equal(t->slot, 10 + i);
		assert_int_equal(t->spec.port, 443);
		assert_int_equal(t->spec.addr.octets[3], i);
		assert_true(isb_spec_status_ok(&t->spec, 204));
		assert_false(isb_spec_status_ok(&t->spec, 503));
		assert_int_equal(t->place, ISB_NOT_QUEUED);
	}
	assert_string_equal(w.schedule.targets[1]->name, "p/e1");
	assert_string_equal(w.schedule.targets[1]->spec.host, "192.0.2.1");
	assert_int_equal(isb_schedule_wait(&w.schedule, 0), -1);
	isb_schedule_done(&w.schedule);
}

static void the_most_specific_port_and_host_are_tested(void **state)
{
	(void)state;
	struct world w;
	build(&w, 2);
	w.endpoints[0].port = 8443;
	w.endpoints[0].host = "a.example.com";
	w.endpoints[1].naddress = 0;
	w.endpoints[1].host = "b.example.com";
	update(&w);
	assert_int_equal(w.schedule.targets[0]->spec.port, 8443);
	assert_string_equal(w.schedule.targets[0]->spec.host, "a.example.com");
	assert_null(w.schedule.targets[0]->spec.node);
	assert_string_equal(w.schedule.targets[1]->spec.node, "b.example.com");
	w.check.port = 9443;
	w.check.host = "www.example.com";
	update(&w);
	assert_int_equal(w.schedule.targets[0]->spec.port, 9443);
	assert_string_equal(w.schedule.targets[0]->spec.host, "www.example.com");
	assert_string_equal(w.schedule.targets[1]->spec.host, "www.example.com");
	assert_string_equal(w.schedule.targets[1]->spec.node, "b.example.com");
	isb_schedule_done(&w.schedule);
}

static void what_cannot_be_tested_is_left_out(void **state)
{
	(void)state;
	struct world w;
	build(&w, 3);
	w.check.type = ISB_CHECK_TCP; /* no port anywhere */
	w.endpoints[1].port = 25;
	update(&w);
	assert_int_equal(w.schedule.count, 1);
	assert_int_equal(w.schedule.targets[0]->slot, 11);
	w.no_slots = true;
	update(&w);
	assert_int_equal(w.schedule.count, 0);
	isb_schedule_done(&w.schedule);
}

static void new_endpoints_are_checked_within_a_second_known_ones_over_the_interval(void **state)
{
	(void)state;
	struct world w;
	build(&w, ENDPOINTS);
	for (size_t i = 0; i < ENDPOINTS; i++)
		if (i % 2)
			w.schedule.targets[i]->expires_ms = WALL + 9000; /* the store still had a fresh vote */
	enter_all(&w, 100);
	int64_t latest_known = 0;
	for (size_t i = 0; i < ENDPOINTS; i++) {
		int64_t due = w.schedule.targets[i]->due;
		assert_in_range(due, 100, i % 2 ? 5100 : 1100);
		if (i % 2 && due > latest_known)
			latest_known = due;
	}
	assert_true(latest_known > 1100);
	isb_schedule_done(&w.schedule);
}

static void targets_come_out_in_the_order_they_are_due(void **state)
{
	(void)state;
	struct world w;
	build(&w, ENDPOINTS);
	enter_all(&w, 0);
	struct isb_outcome ok = {.kind = ISB_OUT_OK};
	int64_t now = 0;
	unsigned taken[ENDPOINTS] = {0};
	for (int round = 0; round < 600; round++) {
		int64_t wait = isb_schedule_wait(&w.schedule, now);
		assert_true(wait >= 0);
		if (wait > 0)
			assert_null(isb_schedule_take(&w.schedule, now + wait - 1));
		now += wait;
		struct isb_target *t = isb_schedule_take(&w.schedule, now);
		assert_non_null(t);
		for (size_t i = 0; i < ENDPOINTS; i++)
			assert_true(w.schedule.targets[i] == t || w.schedule.targets[i]->due >= t->due);
		taken[t->slot - 10]++;
		isb_schedule_record(&w.schedule, t, &ok, now, WALL + now);
	}
	for (size_t i = 0; i < ENDPOINTS; i++)
		assert_in_range(taken[i], 98, 102);
	isb_schedule_done(&w.schedule);
}

static void jitter_lengthens_a_wait_by_up_to_a_tenth_and_never_shortens_it(void **state)
{
	(void)state;
	struct world w;
	build(&w, 1);
	enter_all(&w, 0);
	int64_t least = INT64_MAX, most = 0;
	for (int64_t at = 10000, i = 0; i < 500; i++, at += 10000) {
		outcome_at(&w, 0, ISB_OUT_OK, at);
		int64_t wait = w.schedule.targets[0]->due - (at + 1);
		assert_in_range(wait, 5000, 5500);
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	assert_true(least < 5025 && most > 5475);
	isb_schedule_done(&w.schedule);
}

static void the_first_failure_is_checked_again_soon_and_the_store_hears_of_it(void **state)
{
	(void)state;
	struct world w;
	build(&w, 1);
	enter_all(&w, 0);
	assert_true(outcome_at(&w, 0, ISB_OUT_OK, 0)); /* the first decision */
	assert_false(outcome_at(&w, 0, ISB_OUT_OK, 5000));
	assert_true(outcome_at(&w, 0, ISB_OUT_CONNECT_REFUSED, 10000)); /* the flip came nearer */
	assert_in_range(w.schedule.targets[0]->due, 10501, 10551);
	assert_true(w.schedule.targets[0]->dirty);
	isb_schedule_done(&w.schedule);
}

static void a_shorter_interval_shortens_the_waits_under_way_and_keeps_them_spread(void **state)
{
	(void)state;
	struct world w;
	build(&w, 3);
	w.check.interval_ms = 600000;
	w.check.retry_ms = 0;
	update(&w);
	enter_all(&w, 0);
	for (size_t i = 0; i < 3; i++)
		outcome_at(&w, i, ISB_OUT_OK, 1000);
	int64_t due[3];
	for (size_t i = 0; i < 3; i++)
		due[i] = w.schedule.targets[i]->due;
	w.now = 301000;
	w.check.interval_ms = 5000;
	update(&w);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w.schedule.targets[i]->due, w.now + (due[i] - w.now) * 5000 / 600000);
	assert_in_range(isb_schedule_wait(&w.schedule, w.now), 1, 3000);
	w.check.interval_ms = 600000; /* a longer one takes effect after the next test */
	for (size_t i = 0; i < 3; i++)
		due[i] = w.schedule.targets[i]->due;
	update(&w);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w.schedule.targets[i]->due, due[i]);
	isb_schedule_done(&w.schedule);
}

static void a_leap_of_soft_health_or_load_is_urgent_and_a_step_is_not(void **state)
{
	(void)state;
	static const struct {
		uint8_t soft;
		uint16_t load;
		bool urgent;
	} outcomes[] = {{100, 100, false}, {95, 120, false}, {40, 120, true}, {39, 120, false}, {39, 900, true},
	                {35, 520, false}, {0, 520, true}, {1, 520, true}, {1, 515, false}};
	struct world w;
	build(&w, 1);
	enter_all(&w, 0);
	struct isb_target *t = w.schedule.targets[0];
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		struct isb_outcome o = {.kind = ISB_OUT_OK, .has_soft = true, .has_load = true, .soft = outcomes[i].soft,
		                        .load = outcomes[i].load};
		int64_t now = (int64_t)(i + 1) * 6000;
		assert_ptr_equal(isb_schedule_take(&w.schedule, now), t);
		bool urgent = isb_schedule_record(&w.schedule, t, &o, now, WALL + now);
		assert_true(t->dirty);
		if (i) /* the first brings the first state */
			assert_int_equal(urgent, outcomes[i].urgent);
	}
	isb_schedule_done(&w.schedule);
}

/* Takes the feed of e0 at `now`, whose outcome says `load` (-1: nothing). */
static bool fed(struct world *w, enum isb_outcome_kind kind, int load, int64_t now)
{
	struct isb_outcome o = {.kind = kind, .has_load = load >= 0, .load = (uint16_t)(load >= 0 ? load : 0)};
	struct isb_target *feed = w->schedule.feeds->targets[0], *taken;
	w->schedule.targets[0]->dirty = false;
	struct isb_target *put_back[ENDPOINTS];
	size_t n = 0;
	while ((taken = isb_schedule_take(w->schedule.feeds, INT64_MAX)) != feed)
		put_back[n++] = taken;
	while (n)
		isb_schedule_enter(w->schedule.feeds, put_back[--n], now, WALL);
	return isb_schedule_record(&w->schedule, feed, &o, now, WALL + now);
}

static void a_feed_brings_load_beside_the_check_and_judges_nothing(void **state)
{
	(void)state;
	struct world w;
	struct isb_check checks[2];
	build(&w, 3);
	checks[0] = w.check;
	checks[1] = (struct isb_check){.name = "f", .type = ISB_CHECK_HTTP, .port = 9, .interval_ms = 1000, .timeout_ms = 500, .rise = 2, .fall = 3,
	                               .load = {.format = ISB_LOAD_NGINX, .capacity = 10}};
	w.catalog.checks = checks;
	w.catalog.ncheck = 2;
	w.catalog.index[ISB_CHECK].covered = 0;
	w.pools[0].feed.name = "f";
	enter_all(&w, 0);
	update(&w);
	assert_int_equal(w.retired, 0); /* the check is the same */
	assert_int_equal(w.schedule.count, 3);
	assert_int_equal(w.schedule.feeds->count, 3);
	struct isb_target *t = w.schedule.targets[0], *feed = w.schedule.feeds->targets[0];
	assert_true(feed->feed && !t->feed && t->knobs.load_fed && !t->knobs.soft_fed);
	assert_int_equal(feed->spec.port, 9);
	assert_int_equal(feed->spec.load.capacity, 10);
	assert_true(isb_schedule_wait(&w.schedule, 0) <= 1000);

	assert_false(fed(&w, ISB_OUT_OK, 900, 10)); /* before the first check, which will say it */
	assert_false(t->dirty);
	assert_int_equal(t->history.load, 900);
	outcome_at(&w, 0, ISB_OUT_OK, 20);
	assert_int_equal(t->history.load, 900);
	assert_false(fed(&w, ISB_OUT_OK, 850, 1000));
	assert_true(t->dirty);
	assert_true(fed(&w, ISB_OUT_OK, 0, 2000)); /* a leap */
	assert_int_equal(t->history.load, 437);
	assert_int_equal(t->history.seen, 1);

	for (int64_t now = 3000; now < 7499; now += 400) { /* silent: neither evidence nor blindness, and for a while no news */
		assert_false(fed(&w, ISB_OUT_CONNECT_TIMEOUT, -1, now));
		assert_int_equal(t->history.load, 437);
	}
	assert_int_equal(t->history.state, ISB_UP);
	assert_false(isb_schedule_blind(&w.schedule) || isb_schedule_blind(w.schedule.feeds));
	assert_true(fed(&w, ISB_OUT_CONNECT_TIMEOUT, -1, 7500));
	assert_false(t->history.has_load);
	isb_schedule_done(&w.schedule);
}

static void feeds_come_and_go_with_the_catalog_and_never_gone(void **state)
{
	(void)state;
	struct world w;
	struct isb_check checks[2];
	build(&w, 2);
	checks[0] = w.check;
	checks[1] = (struct isb_check){.name = "f", .type = ISB_CHECK_HTTP, .interval_ms = 1000, .timeout_ms = 500,
	                               .load = {.format = ISB_LOAD_NGINX, .capacity = 10}};
	w.catalog.checks = checks;
	w.catalog.ncheck = 2;
	w.catalog.index[ISB_CHECK].covered = 0;
	w.pools[0].feed.name = "f";
	update(&w);
	enter_all(&w, 0);
	outcome_at(&w, 0, ISB_OUT_OK, 1);
	fed(&w, ISB_OUT_OK, 500, 2);
	checks[1].load.capacity = 20;
	update(&w);
	assert_int_equal(w.retired, 0);
	assert_int_equal(w.schedule.feeds->targets[0]->spec.load.capacity, 20);
	checks[1].path = "/other";
	update(&w);
	assert_int_equal(w.retired, 2);
	assert_int_equal(w.schedule.feeds->queued, 2);
	w.pools[0].feed.name = NULL;
	update(&w);
	assert_int_equal(w.retired, 4);
	assert_int_equal(w.gone, 0);
	assert_int_equal(w.schedule.feeds->count, 0);
	assert_true(w.schedule.targets[0]->history.has_load);
	outcome_at(&w, 0, ISB_OUT_OK, 5000); /* says none */
	assert_false(w.schedule.targets[0]->history.has_load);
	isb_schedule_done(&w.schedule);
}

static void a_vote_lasts_three_intervals_and_a_timeout(void **state)
{
	(void)state;
	struct world w;
	build(&w, 1);
	enter_all(&w, 0);
	w.schedule.targets[0]->knobs.down_interval_ms = 60000;
	outcome_at(&w, 0, ISB_OUT_OK, 999);
	assert_int_equal(w.schedule.targets[0]->expires_ms, WALL + 1000 + 3 * 5000 + 2000);
	for (int i = 0; i < 3; i++)
		outcome_at(&w, 0, ISB_OUT_CONNECT_REFUSED, 9999);
	assert_int_equal(w.schedule.targets[0]->expires_ms, WALL + 10000 + 3 * 60000 + 2000);
	outcome_at(&w, 0, ISB_OUT_INTERNAL, 19999); /* no evidence, no new vote */
	assert_int_equal(w.schedule.targets[0]->expires_ms, WALL + 10000 + 3 * 60000 + 2000);
	isb_schedule_done(&w.schedule);
}

static void a_vote_of_a_short_interval_outlives_the_reports_that_carry_it(void **state)
{
	(void)state;
	struct world w;
	build(&w, 1);
	enter_all(&w, 0);
	w.schedule.targets[0]->knobs.interval_ms = 200;
	w.schedule.targets[0]->timeout_ms = 300;
	outcome_at(&w, 0, ISB_OUT_OK, 999);
	assert_int_equal(w.schedule.targets[0]->expires_ms, WALL + 1000 + 5000 + 300);
	isb_schedule_done(&w.schedule);
}

static void an_edit_that_changes_no_test_keeps_history_place_and_running_check(void **state)
{
	(void)state;
	struct world w;
	build(&w, 2);
	enter_all(&w, 0);
	outcome_at(&w, 0, ISB_OUT_OK, 100);
	struct isb_target *first = w.schedule.targets[0], *second = w.schedule.targets[1];
	int64_t due = first->due;
	assert_ptr_equal(isb_schedule_take(&w.schedule, second->due), second);
	second->run = (struct isb_check_run *)&w;
	w.endpoints[0].weight = 50;
	w.endpoints[0].region.name = "seoul";
	w.check.fall = 7;
	w.check.timeout_ms = 900;
	update(&w);
	assert_ptr_equal(w.schedule.targets[0], first);
	assert_ptr_equal(w.schedule.targets[1], second);
	assert_int_equal(w.retired, 0);
	assert_int_equal(first->due, due);
	assert_int_equal(first->history.state, ISB_UP);
	assert_int_equal(first->knobs.fall, 7);
	assert_int_equal(first->timeout_ms, 900);
	assert_string_equal(first->region, "seoul");
	assert_ptr_equal(second->run, &w);
	isb_schedule_done(&w.schedule);
}

static bool took_us(struct world *w, enum isb_outcome_kind kind, uint32_t us, int64_t at)
{
	struct isb_target *t = w->schedule.targets[0];
	assert_ptr_equal(isb_schedule_take(&w->schedule, INT64_MAX), t);
	struct isb_outcome o = {.kind = kind, .total_us = us};
	return isb_schedule_record(&w->schedule, t, &o, at, WALL + at);
}

static void percentiles_are_of_successes_and_stay_with_the_test(void **state)
{
	(void)state;
	struct world w;
	build(&w, 1);
	enter_all(&w, 0);
	took_us(&w, ISB_OUT_TIMEOUT, 2000000, 0);
	const struct isb_history *h = &w.schedule.targets[0]->history;
	assert_int_equal(h->p50_us, 0);
	for (int i = 1; i <= 97; i++)
		took_us(&w, ISB_OUT_OK, i <= 90 ? 10000 : 100000, i);
	took_us(&w, ISB_OUT_TIMEOUT, 2000000, 98);
	for (int i = 99; i <= 101; i++)
		took_us(&w, ISB_OUT_OK, 1000000, i);
	update(&w);
	h = &w.schedule.targets[0]->history;
	assert_in_range(h->p50_us, 8750, 11250);
	assert_in_range(h->p95_us, 87500, 112500);
	assert_in_range(h->p99_us, 875000, 1125000);
	w.check.path = "/other";
	update(&w);
	h = &w.schedule.targets[0]->history;
	assert_int_equal(h->p50_us | h->p95_us | h->p99_us, 0);
	enter_all(&w, 200);
	took_us(&w, ISB_OUT_OK, 10000, 201);
	assert_in_range(w.schedule.targets[0]->history.p99_us, 8750, 11250);
	isb_schedule_done(&w.schedule);
}

static void an_edit_that_changes_the_test_keeps_the_state_but_not_the_run(void **state)
{
	(void)state;
	struct world w;
	build(&w, 1);
	enter_all(&w, 0);
	outcome_at(&w, 0, ISB_OUT_OK, 100);
	outcome_at(&w, 0, ISB_OUT_CONNECT_REFUSED, 200);
	outcome_at(&w, 0, ISB_OUT_CONNECT_REFUSED, 300);
	w.check.path = "/other";
	update(&w);
	struct isb_target *t = w.schedule.targets[0];
	assert_int_equal(w.retired, 1);
	assert_int_equal(w.gone, 0);
	assert_int_equal(t->place, ISB_NOT_QUEUED);
	assert_int_equal(t->history.state, ISB_UP);
	assert_int_equal(t->history.run, 0);
	enter_all(&w, 400);
	outcome_at(&w, 0, ISB_OUT_CONNECT_REFUSED, 500);
	outcome_at(&w, 0, ISB_OUT_CONNECT_REFUSED, 600);
	assert_int_equal(w.schedule.targets[0]->history.state, ISB_UP);
	outcome_at(&w, 0, ISB_OUT_CONNECT_REFUSED, 700);
	assert_int_equal(w.schedule.targets[0]->history.state, ISB_DOWN);
	isb_schedule_done(&w.schedule);
}

static void endpoints_that_left_the_catalog_are_retired(void **state)
{
	(void)state;
	struct world w;
	build(&w, 4);
	enter_all(&w, 0);
	w.pools[0].endpoints = &w.endpoints[2]; /* e0 and e1 go, e4 comes */
	w.pools[0].nendpoint = 3;
	update(&w);
	assert_int_equal(w.gone, 2);
	assert_int_equal(w.schedule.count, 3);
	assert_int_equal(w.schedule.queued, 2);
	assert_int_equal(w.schedule.targets[2]->place, ISB_NOT_QUEUED);
	enter_all(&w, 0);
	assert_int_equal(w.schedule.queued, 3);
	isb_schedule_done(&w.schedule);
}

static void a_probe_is_blind_when_every_one_of_three_addresses_is_silent(void **state)
{
	(void)state;
	struct world w;
	build(&w, 3);
	enter_all(&w, 0);
	for (size_t i = 0; i < 3; i++)
		outcome_at(&w, i, ISB_OUT_OK, 0);
	outcome_at(&w, 0, ISB_OUT_CONNECT_TIMEOUT, 5000);
	outcome_at(&w, 1, ISB_OUT_CONNECT_UNREACHABLE, 5000);
	assert_false(isb_schedule_blind(&w.schedule));
	assert_true(outcome_at(&w, 2, ISB_OUT_CONNECT_TIMEOUT, 5000));
	assert_true(isb_schedule_blind(&w.schedule));
	for (int64_t at = 10000; at < 100000; at += 5000)
		for (size_t i = 0; i < 3; i++)
			assert_false(outcome_at(&w, i, ISB_OUT_CONNECT_TIMEOUT, at));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(w.schedule.targets[i]->history.state, ISB_UP);
	isb_schedule_done(&w.schedule);
}

static void an_answer_of_any_kind_proves_the_network(void **state)
{
	(void)state;
	static const enum isb_outcome_kind answers[] = {
		ISB_OUT_OK,         ISB_OUT_CONNECT_REFUSED, ISB_OUT_STATUS,       ISB_OUT_TIMEOUT,
		ISB_OUT_TLS_VERIFY, ISB_OUT_CLOSED_EARLY,    ISB_OUT_BODY_MISMATCH};
	for (size_t k = 0; k < sizeof(answers) / sizeof(answers[0]); k++) {
		struct world w;
		build(&w, 3);
		enter_all(&w, 0);
		outcome_at(&w, 0, ISB_OUT_CONNECT_TIMEOUT, 0);
		outcome_at(&w, 1, ISB_OUT_CONNECT_TIMEOUT, 0);
		outcome_at(&w, 2, answers[k], 0);
		assert_false(isb_schedule_blind(&w.schedule));
		isb_schedule_done(&w.schedule);
	}
}

/* What a script could not reach, and why, only the script knows. */
static void scripts_that_fail_prove_nothing(void **state)
{
	(void)state;
	static const char *words[] = {"check"};
	static const struct {
		enum isb_outcome_kind kind;
		bool blind;
	} ends[] = {{ISB_OUT_EXIT, true},      {ISB_OUT_TIMEOUT, true}, {ISB_OUT_BAD_REPLY, true}, {ISB_OUT_OK, false},
	            {ISB_OUT_SAID_DOWN, false}};
	for (size_t k = 0; k < sizeof(ends) / sizeof(ends[0]); k++) {
		struct world w;
		build(&w, 3);
		w.check.type = ISB_CHECK_SCRIPT;
		w.check.command = (struct isb_strings){words, 1};
		update(&w);
		enter_all(&w, 0);
		assert_string_equal(w.schedule.targets[1]->spec.endpoint, "p/e1");
		outcome_at(&w, 0, ISB_OUT_EXIT, 0);
		outcome_at(&w, 1, ISB_OUT_TIMEOUT, 0);
		outcome_at(&w, 2, ends[k].kind, 0);
		assert_int_equal(isb_schedule_blind(&w.schedule), ends[k].blind);
		isb_schedule_done(&w.schedule);
	}
}

static void fewer_than_three_addresses_cannot_tell_and_believe_what_they_see(void **state)
{
	(void)state;
	for (int same_address = 0; same_address < 2; same_address++) {
		struct world w;
		build(&w, same_address ? 4 : 2);
		for (size_t i = 0; same_address && i < 4; i++)
			w.addresses[i].octets[3] = (uint8_t)(i % 2);
		update(&w);
		enter_all(&w, 0);
		for (size_t i = 0; i < w.schedule.count; i++)
			outcome_at(&w, i, ISB_OUT_CONNECT_TIMEOUT, 0);
		assert_false(isb_schedule_blind(&w.schedule));
		for (size_t i = 0; i < w.schedule.count; i++)
			assert_int_equal(w.schedule.targets[i]->history.state, ISB_DOWN);
		isb_schedule_done(&w.schedule);
	}
}

/* Three endpoints up; e0 falls silent and the others were last heard before. */
static void silence_began(struct world *w)
{
	build(w, 3);
	enter_all(w, 0);
	for (size_t i = 0; i < 3; i++)
		outcome_at(w, i, ISB_OUT_OK, 0);
	outcome_at(w, 0, ISB_OUT_CONNECT_TIMEOUT, 5000);
	outcome_at(w, 0, ISB_OUT_CONNECT_TIMEOUT, 8000);
	assert_int_equal(w->schedule.targets[0]->history.run, 2);
	assert_false(outcome_at(w, 0, ISB_OUT_CONNECT_TIMEOUT, 11000));
}

static void silence_asks_a_witness_before_it_turns_a_state(void **state)
{
	(void)state;
	struct world w;
	silence_began(&w);
	assert_int_equal(w.schedule.targets[0]->history.state, ISB_UP);
	struct isb_target *witness = isb_schedule_take(&w.schedule, 11001); /* called at once */
	assert_non_null(witness);
	assert_ptr_not_equal(witness, w.schedule.targets[0]);
	struct isb_outcome ok = {.kind = ISB_OUT_OK};
	assert_true(isb_schedule_record(&w.schedule, witness, &ok, 11005, WALL + 11005));
	assert_int_equal(w.schedule.targets[0]->history.state, ISB_DOWN);
	assert_int_equal(w.schedule.targets[0]->history.run, 3);
	isb_schedule_done(&w.schedule);
}

static void a_witness_that_is_silent_too_leaves_the_state_alone(void **state)
{
	(void)state;
	struct world w;
	silence_began(&w);
	outcome_at(&w, 1, ISB_OUT_CONNECT_TIMEOUT, 11001);
	outcome_at(&w, 2, ISB_OUT_CONNECT_TIMEOUT, 11001);
	assert_true(isb_schedule_blind(&w.schedule));
	assert_int_equal(w.schedule.targets[0]->history.state, ISB_UP);
	/* the network is back: what was doubted then is not held against e0 now, nor are its earlier failures */
	outcome_at(&w, 1, ISB_OUT_OK, 60000);
	assert_false(isb_schedule_blind(&w.schedule));
	outcome_at(&w, 0, ISB_OUT_CONNECT_TIMEOUT, 60001);
	outcome_at(&w, 1, ISB_OUT_OK, 60100);
	assert_int_equal(w.schedule.targets[0]->history.state, ISB_UP);
	assert_int_equal(w.schedule.targets[0]->history.run, 1);
	isb_schedule_done(&w.schedule);
}

static void silence_needs_no_witness_where_something_answered_meanwhile(void **state)
{
	(void)state;
	struct world w;
	build(&w, 3);
	enter_all(&w, 0);
	for (size_t i = 0; i < 3; i++)
		outcome_at(&w, i, ISB_OUT_OK, 0);
	for (int64_t at = 5000; at <= 11000; at += 3000) {
		outcome_at(&w, 1, ISB_OUT_CONNECT_REFUSED, at);
		outcome_at(&w, 0, ISB_OUT_CONNECT_TIMEOUT, at);
	}
	assert_int_equal(w.schedule.targets[0]->history.state, ISB_DOWN);
	isb_schedule_done(&w.schedule);
}

static void a_doubt_ends_with_its_target(void **state)
{
	(void)state;
	struct world w;
	silence_began(&w);
	assert_int_equal(w.schedule.ndoubted, 1);
	w.pools[0].endpoints = &w.endpoints[1];
	w.pools[0].nendpoint = 2;
	update(&w);
	assert_int_equal(w.schedule.ndoubted, 0);
	assert_int_equal(w.schedule.silent, 0);
	isb_schedule_done(&w.schedule);
}

static void endpoints_the_probe_cannot_test_neither_blind_it_nor_keep_it_seeing(void **state)
{
	(void)state;
	struct world w;
	build(&w, 4);
	enter_all(&w, 0);
	for (size_t i = 0; i < 4; i++)
		outcome_at(&w, i, i == 3 ? ISB_OUT_INTERNAL : ISB_OUT_OK, 0);
	for (size_t i = 0; i < 3; i++)
		outcome_at(&w, i, ISB_OUT_CONNECT_TIMEOUT, 5000);
	assert_true(isb_schedule_blind(&w.schedule));
	outcome_at(&w, 2, ISB_OUT_INTERNAL, 9000); /* two are left that say anything: too few to tell */
	assert_false(isb_schedule_blind(&w.schedule));
	isb_schedule_done(&w.schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_endpoint_of_a_checked_pool_is_a_target),
		cmocka_unit_test(the_most_specific_port_and_host_are_tested),
		cmocka_unit_test(what_cannot_be_tested_is_left_out),
		cmocka_unit_test(new_endpoints_are_checked_within_a_second_known_ones_over_the_interval),
		cmocka_unit_test(targets_come_out_in_the_order_they_are_due),
		cmocka_unit_test(jitter_lengthens_a_wait_by_up_to_a_tenth_and_never_shortens_it),
		cmocka_unit_test(the_first_failure_is_checked_again_soon_and_the_store_hears_of_it),
		cmocka_unit_test(a_shorter_interval_shortens_the_waits_under_way_and_keeps_them_spread),
		cmocka_unit_test(a_leap_of_soft_health_or_load_is_urgent_and_a_step_is_not),
		cmocka_unit_test(a_feed_brings_load_beside_the_check_and_judges_nothing),
		cmocka_unit_test(feeds_come_and_go_with_the_catalog_and_never_gone),
		cmocka_unit_test(a_vote_lasts_three_intervals_and_a_timeout),
		cmocka_unit_test(a_vote_of_a_short_interval_outlives_the_reports_that_carry_it),
		cmocka_unit_test(an_edit_that_changes_no_test_keeps_history_place_and_running_check),
		cmocka_unit_test(percentiles_are_of_successes_and_stay_with_the_test),
		cmocka_unit_test(an_edit_that_changes_the_test_keeps_the_state_but_not_the_run),
		cmocka_unit_test(endpoints_that_left_the_catalog_are_retired),
		cmocka_unit_test(a_probe_is_blind_when_every_one_of_three_addresses_is_silent),
		cmocka_unit_test(an_answer_of_any_kind_proves_the_network),
		cmocka_unit_test(scripts_that_fail_prove_nothing),
		cmocka_unit_test(fewer_than_three_addresses_cannot_tell_and_believe_what_they_see),
		cmocka_unit_test(silence_asks_a_witness_before_it_turns_a_state),
		cmocka_unit_test(a_witness_that_is_silent_too_leaves_the_state_alone),
		cmocka_unit_test(silence_needs_no_witness_where_something_answered_meanwhile),
		cmocka_unit_test(a_doubt_ends_with_its_target),
		cmocka_unit_test(endpoints_the_probe_cannot_test_neither_blind_it_nor_keep_it_seeing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
