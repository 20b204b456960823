/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "probes/judge.h"
#include "probes/report.h"

enum { ENDPOINTS = 3, T0 = 1000000, INTERVAL = 5000, TIMEOUT = 2000, FRESH = 3 * INTERVAL + TIMEOUT };

static struct isb_addr addresses[ENDPOINTS] = {{4, {192, 0, 2, 1}}, {4, {192, 0, 2, 2}}, {4, {192, 0, 2, 3}}};
static struct isb_endpoint endpoints[ENDPOINTS] = {
	{.name = "icn-1", .region = {.name = "seoul"}, .addresses = &addresses[0], .naddress = 1},
	{.name = "icn-2", .region = {.name = "seoul"}, .addresses = &addresses[1], .naddress = 1},
	{.name = "fra-1", .region = {.name = "frankfurt"}, .addresses = &addresses[2], .naddress = 1},
};
static struct isb_check check = {.name = "web",
				 .type = ISB_CHECK_TCP,
				 .port = 443,
				 .rise = 2,
				 .fall = 3,
				 .interval_ms = INTERVAL,
				 .timeout_ms = TIMEOUT};

/* One store, up to two probes that share it. */
struct world {
	char dir[64];
	struct isb_store *store;
	struct isb_schedule schedule[2];
	struct isb_report report[2];
};

static bool slot(void *arg, const char *pool, const char *endpoint, uint32_t *ret_slot)
{
	(void)arg, (void)pool;
	for (uint32_t i = 0; i < ENDPOINTS; i++)
		if (strcmp(endpoints[i].name, endpoint) == 0)
			*ret_slot = i;
	return true;
}

static void retire(void *arg, struct isb_target *target, bool gone)
{
	(void)arg, (void)target, (void)gone;
}

static void start_probe(struct world *w, int p, int64_t now_ms)
{
	struct isb_pool pool = {
		.name = "asia", .check = {.name = "web"}, .endpoints = endpoints, .nendpoint = ENDPOINTS};
	struct isb_catalog catalog;
	struct isb_schedule_source source = {slot, retire, NULL};
	isb_catalog_init(&catalog);
	catalog.checks = &check;
	catalog.pools = &pool;
	catalog.ncheck = catalog.npool = 1;
	isb_schedule_init(&w->schedule[p], 1);
	isb_schedule_update(&w->schedule[p], &catalog, &source, now_ms);
	isb_report_init(&w->report[p], w->store, p ? "frankfurt" : "seoul", p ? "" : "seoul", (uint64_t)now_ms, now_ms);
	struct isb_txn *txn;
	assert_int_equal(isb_txn_begin(w->store, ISB_ENV_HEALTH, false, &txn), ISB_OK);
	for (size_t i = 0; i < ENDPOINTS; i++) {
		isb_report_restore(&w->report[p], txn, w->schedule[p].targets[i]);
		isb_schedule_enter(&w->schedule[p], w->schedule[p].targets[i], now_ms, now_ms);
	}
	isb_txn_abort(txn);
}

static void stop_probe(struct world *w, int p)
{
	isb_schedule_done(&w->schedule[p]);
	isb_report_done(&w->report[p]);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	strcpy(w->dir, "/tmp/isobar-report-XXXXXX");
	check.quorum = (struct isb_quorum){ISB_QUORUM_MAJORITY, 0};
	isb_log_set_level(ISB_LOG_ERROR);
	if (!mkdtemp(w->dir) || isb_store_open(w->dir, ISB_STORE_WRITE_CATALOG, &w->store, NULL) != ISB_OK)
		return -1;
	isb_store_close(w->store);
	*state = w;
	return isb_store_open(w->dir, ISB_STORE_WRITE_HEALTH, &w->store, NULL);
}

static int tear_down(void **state)
{
	static const char *const files[] = {"catalog.mdb", "catalog.mdb-lock", "health.mdb", "health.mdb-lock",
	                                    "latency.mdb", "latency.mdb-lock"};
	struct world *w = *state;
	char path[128];
	isb_store_close(w->store);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, files[i]);
		unlink(path);
	}
	int rc = rmdir(w->dir);
	free(w);
	return rc;
}

/* Probe p sees `kind` of endpoint i, n times in a row up to `now_ms`, and reports. */
static void sees(struct world *w, int p, size_t i, enum isb_outcome_kind kind, unsigned n, int64_t now_ms)
{
	struct isb_schedule *s = &w->schedule[p];
	struct isb_target *t = s->targets[i];
	struct isb_outcome outcome = {.kind = kind, .connect_us = kind == ISB_OUT_OK ? 8000 : 0, .total_us = 16000};
	for (; n; n--) {
		struct isb_target *taken, *others[ENDPOINTS];
		size_t count = 0;
		while ((taken = isb_schedule_take(s, INT64_MAX)) != t)
			others[count++] = taken;
		while (count--)
			isb_schedule_enter(s, others[count], now_ms, now_ms);
		t->started = now_ms;
		isb_schedule_record(s, t, &outcome, now_ms, now_ms);
	}
	assert_int_equal(isb_report_write(&w->report[p], s, false, now_ms), ISB_OK);
}

static void tick(struct world *w, int p, int64_t now_ms)
{
	assert_int_equal(isb_report_write(&w->report[p], &w->schedule[p], true, now_ms), ISB_OK);
}

static struct isb_txn *reading(struct world *w)
{
	struct isb_txn *txn;
	assert_int_equal(isb_txn_begin(w->store, ISB_ENV_HEALTH, false, &txn), ISB_OK);
	return txn;
}

static struct isb_health health(struct world *w, uint32_t number)
{
	uint64_t word;
	struct isb_txn *txn = reading(w);
	assert_int_equal(isb_word_get(txn, number, &word), ISB_OK);
	isb_txn_abort(txn);
	return isb_health_unpack(word);
}

struct told {
	char text[8][160]; /* newest first */
	size_t count;
};

static int tell(void *arg, const struct isb_transition *t)
{
	struct told *told = arg;
	snprintf(told->text[told->count], sizeof(told->text[0]), "%u %s %s %s", t->slot, isb_verdict_name(t->from),
		 isb_verdict_name(t->to), t->evidence);
	return ++told->count == 8;
}

static struct told transitions(struct world *w)
{
	struct told told = {0};
	struct isb_txn *txn = reading(w);
	isb_transition_each(txn, tell, &told);
	isb_txn_abort(txn);
	return told;
}

static void a_first_success_is_an_up_word_with_its_evidence(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	sees(w, 0, 0, ISB_OUT_OK, 1, T0);
	struct isb_health h = health(w, 0);
	assert_int_equal(h.verdict, ISB_UP);
	assert_int_equal(h.held, ISB_UP);
	assert_int_equal(h.soft, 100);
	assert_int_equal(h.latency_us, 16000);
	assert_int_equal(h.flip_s, 15); /* three failures, an interval apart */
	assert_int_equal(health(w, 1).verdict, ISB_UNKNOWN);
	struct told told = transitions(w);
	assert_int_equal(told.count, 1);
	assert_string_equal(told.text[0], "0 unknown up seoul: ok x1");
	assert_false(w->schedule[0].targets[0]->dirty);
	stop_probe(w, 0);
}

static void a_verdict_falls_after_fall_failures_and_is_written_once(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	sees(w, 0, 0, ISB_OUT_OK, 1, T0);
	sees(w, 0, 0, ISB_OUT_CONNECT_REFUSED, 2, T0 + 5000);
	assert_int_equal(health(w, 0).verdict, ISB_UP);
	sees(w, 0, 0, ISB_OUT_CONNECT_REFUSED, 1, T0 + 10000);
	assert_int_equal(health(w, 0).verdict, ISB_DOWN);
	for (int i = 1; i < 5; i++)
		tick(w, 0, T0 + 10000 + i * 1000);
	struct told told = transitions(w);
	assert_int_equal(told.count, 2);
	assert_string_equal(told.text[0], "0 up down seoul: connect-refused x3");
	stop_probe(w, 0);
}

static void evidence_that_grows_old_makes_unknown_and_the_last_verdict_is_held(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	sees(w, 0, 0, ISB_OUT_OK, 1, T0);
	tick(w, 0, T0 + FRESH - 1);
	assert_int_equal(health(w, 0).verdict, ISB_UP);
	tick(w, 0, T0 + FRESH);
	struct isb_health h = health(w, 0);
	assert_int_equal(h.verdict, ISB_UNKNOWN);
	assert_int_equal(h.held, ISB_UP);
	assert_int_equal(h.flip_s, ISB_FLIP_NONE);
	assert_string_equal(transitions(w).text[0], "0 up unknown seoul: too old");
	tick(w, 0, T0 + 10 * FRESH);
	assert_int_equal(health(w, 0).held, ISB_UP);
	stop_probe(w, 0);
}

static void a_restart_takes_its_observations_back_and_changes_no_verdict_before_it_has_news(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	sees(w, 0, 0, ISB_OUT_OK, 1, T0);
	sees(w, 0, 1, ISB_OUT_CONNECT_REFUSED, 1, T0);
	stop_probe(w, 0);
	int64_t later = T0 + 20 * FRESH;
	start_probe(w, 0, later);
	assert_int_equal(w->schedule[0].targets[0]->history.state, ISB_UP);
	assert_int_equal(w->schedule[0].targets[1]->history.state, ISB_DOWN);
	assert_int_equal(w->schedule[0].targets[2]->history.state, ISB_UNKNOWN);
	tick(w, 0, later);
	assert_int_equal(health(w, 0).verdict, ISB_UP);
	assert_int_equal(health(w, 1).verdict, ISB_DOWN);
	sees(w, 0, 0, ISB_OUT_CONNECT_REFUSED, 1, later + 100); /* one failure is not three */
	assert_int_equal(health(w, 0).verdict, ISB_UP);
	assert_int_equal(transitions(w).count, 2);
	stop_probe(w, 0);
}

static void probes_that_disagree_dispute_and_hold_until_one_gives_way(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	start_probe(w, 1, T0);
	sees(w, 0, 0, ISB_OUT_OK, 1, T0);
	sees(w, 1, 0, ISB_OUT_STATUS, 1, T0);
	struct isb_health h = health(w, 0);
	assert_int_equal(h.verdict, ISB_DISPUTED);
	assert_int_equal(h.held, ISB_UP);
	assert_string_equal(transitions(w).text[0], "0 up disputed frankfurt: status-0 x1; seoul: ok x1");
	tick(w, 0, T0 + 100); /* both judge the same facts to the same word */
	tick(w, 1, T0 + 100);
	assert_int_equal(transitions(w).count, 2);
	sees(w, 0, 0, ISB_OUT_CONNECT_REFUSED, 3, T0 + 5000);
	assert_int_equal(health(w, 0).verdict, ISB_DOWN);
	stop_probe(w, 0);
	stop_probe(w, 1);
}

static void a_probe_that_died_stops_counting_when_its_vote_expires(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	start_probe(w, 1, T0);
	sees(w, 1, 0, ISB_OUT_CONNECT_REFUSED, 1, T0);
	sees(w, 0, 0, ISB_OUT_OK, 1, T0 + 10000);
	assert_int_equal(health(w, 0).verdict, ISB_DISPUTED);
	tick(w, 0, T0 + FRESH);
	assert_int_equal(health(w, 0).verdict, ISB_UP);
	stop_probe(w, 0);
	stop_probe(w, 1);
}

static void a_blind_probe_withdraws_its_votes_in_its_own_eyes_and_in_the_others(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	start_probe(w, 1, T0);
	for (size_t i = 0; i < ENDPOINTS; i++) {
		sees(w, 0, i, ISB_OUT_OK, 1, T0);
		sees(w, 1, i, ISB_OUT_OK, 1, T0);
	}
	for (size_t i = 0; i < ENDPOINTS; i++)
		sees(w, 1, i, ISB_OUT_CONNECT_TIMEOUT, 3, T0 + 5000);
	tick(w, 1, T0 + 5000);
	tick(w, 0, T0 + 5000);
	assert_int_equal(health(w, 0).verdict, ISB_UP);
	sees(w, 0, 0, ISB_OUT_CONNECT_REFUSED, 3, T0 + 6000);
	assert_int_equal(health(w, 0).verdict, ISB_DOWN); /* no majority of two, had the blind one a vote */
	assert_string_equal(transitions(w).text[0], "0 up down frankfurt: blind; seoul: connect-refused x3");
	stop_probe(w, 0);
	stop_probe(w, 1);
}

static void an_alone_and_blind_probe_holds_every_verdict(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	for (size_t i = 0; i < ENDPOINTS; i++)
		sees(w, 0, i, ISB_OUT_OK, 1, T0);
	for (size_t i = 0; i < ENDPOINTS; i++)
		sees(w, 0, i, ISB_OUT_CONNECT_UNREACHABLE, 1, T0 + 5000);
	tick(w, 0, T0 + 5000);
	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		assert_int_equal(health(w, i).verdict, ISB_UNKNOWN);
		assert_int_equal(health(w, i).held, ISB_UP);
	}
	stop_probe(w, 0);
}

static int count_observation(void *arg, const struct isb_observation *observation)
{
	(void)observation;
	++*(unsigned *)arg;
	return 0;
}

static unsigned observations(struct world *w, uint32_t number)
{
	unsigned count = 0;
	struct isb_txn *txn = reading(w);
	assert_int_equal(isb_observation_each(txn, number, count_observation, &count), ISB_OK);
	isb_txn_abort(txn);
	return count;
}

static void observations_of_endpoints_and_probes_that_are_gone_are_deleted(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	start_probe(w, 1, T0);
	sees(w, 0, 0, ISB_OUT_OK, 1, T0);
	sees(w, 1, 0, ISB_OUT_OK, 1, T0);
	sees(w, 0, 1, ISB_OUT_OK, 1, T0);
	isb_report_withdraw(&w->report[0], 1);
	isb_report_withdraw(&w->report[0], 2); /* was never observed */
	tick(w, 0, T0 + 1000);
	assert_int_equal(observations(w, 1), 0);
	stop_probe(w, 1);
	tick(w, 0, T0 + FRESH + 24 * 3600 * 1000);
	assert_int_equal(observations(w, 0), 2);
	tick(w, 0, T0 + FRESH + 24 * 3600 * 1000 + 1);
	assert_int_equal(observations(w, 0), 1);
	stop_probe(w, 0);
}

static void another_probes_unreadable_row_does_not_stop_the_verdicts(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	start_probe(w, 1, T0);
	sees(w, 1, 0, ISB_OUT_OK, 1, T0);
	struct isb_txn *txn;
	assert_int_equal(isb_txn_begin(w->store, ISB_ENV_HEALTH, true, &txn), ISB_OK);
	struct isb_observation odd = {
		.slot = 0, .probe = "frankfurt", .history = {.last = {.kind = (enum isb_outcome_kind)200}}};
	assert_int_equal(isb_observation_put(txn, &odd), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	sees(w, 0, 0, ISB_OUT_CONNECT_REFUSED, 1, T0 + 1000);
	assert_int_equal(health(w, 0).verdict, ISB_DOWN);
	stop_probe(w, 0);
	stop_probe(w, 1);
}

static int take_rtt(void *arg, const char *from, const char *to, uint32_t rtt_us)
{
	assert_string_equal(from, "seoul");
	((uint32_t *)arg)[strcmp(to, "seoul") != 0] = rtt_us;
	return 0;
}

static void round_trips_are_written_when_they_moved_by_a_tenth_and_a_millisecond(void **state)
{
	struct world *w = *state;
	uint32_t rtt[2] = {0};
	start_probe(w, 0, T0);
	w->schedule[0].targets[0]->history.connect_us = 9000;
	w->schedule[0].targets[1]->history.connect_us = 8000;
	w->schedule[0].targets[2]->history.connect_us = 250000;
	static const uint32_t steps[][4] = {
		/* measured to seoul and frankfurt, written to seoul and frankfurt */
		{8000, 250000, 8000, 250000}, {8900, 270000, 8000, 250000},  /* 0.9 ms; 8 % */
		{9001, 275001, 9001, 275001}, {10000, 240000, 9001, 240000}, /* 0.999 ms; 13 % */
		{0, 240000, 9001, 240000},                                   /* nothing measured */
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		w->schedule[0].targets[0]->history.connect_us = steps[i][0] ? steps[i][0] + 500 : 0;
		w->schedule[0].targets[1]->history.connect_us = steps[i][0];
		w->schedule[0].targets[2]->history.connect_us = steps[i][1];
		tick(w, 0, T0 + (int64_t)i * 1000);
		struct isb_txn *txn = reading(w);
		assert_int_equal(isb_rtt_each(txn, take_rtt, rtt), ISB_OK);
		isb_txn_abort(txn);
		assert_int_equal(rtt[0], steps[i][2]);
		assert_int_equal(rtt[1], steps[i][3]);
	}
	stop_probe(w, 0);
}

static int take_probe(void *arg, const struct isb_probe_row *row)
{
	struct isb_probe_row *copy = arg;
	*copy = *row;
	copy->name = strcmp(row->name, "seoul") == 0 ? "seoul" : "?";
	copy->region = strcmp(row->region, "seoul") == 0 ? "seoul" : "?";
	return 0;
}

static int64_t turned(struct world *w, uint32_t number)
{
	int64_t since_ms;
	struct isb_txn *txn = reading(w);
	assert_int_equal(isb_since_get(txn, number, &since_ms), ISB_OK);
	isb_txn_abort(txn);
	return since_ms;
}

static void since_moves_when_the_held_verdict_turns_and_at_no_other_time(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	sees(w, 0, 0, ISB_OUT_OK, 1, T0);
	assert_int_equal(turned(w, 0), 0); /* known for the first time: nothing turned */
	sees(w, 0, 0, ISB_OUT_CONNECT_REFUSED, 3, T0 + 5000);
	assert_int_equal(turned(w, 0), T0 + 5000);
	sees(w, 0, 0, ISB_OUT_CONNECT_REFUSED, 1, T0 + 10000);
	assert_int_equal(turned(w, 0), T0 + 5000);
	tick(w, 0, T0 + 10000 + FRESH + 1); /* unknown holds down */
	assert_int_equal(health(w, 0).verdict, ISB_UNKNOWN);
	assert_int_equal(turned(w, 0), T0 + 5000);
	sees(w, 0, 0, ISB_OUT_OK, 2, T0 + 60000);
	assert_int_equal(turned(w, 0), T0 + 60000);
	assert_int_equal(turned(w, 1), 0);
	stop_probe(w, 0);
}

static uint32_t pace(struct world *w, const char *region, uint32_t number)
{
	uint32_t us;
	struct isb_txn *txn = reading(w);
	assert_int_equal(isb_pace_get(txn, region, number, &us), ISB_OK);
	isb_txn_abort(txn);
	return us;
}

static void paces_are_kept_for_the_probes_own_region(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	start_probe(w, 1, T0); /* of no region */
	sees(w, 0, 0, ISB_OUT_OK, 1, T0);
	sees(w, 1, 1, ISB_OUT_OK, 1, T0);
	assert_int_equal(pace(w, "seoul", 0), 16000);
	assert_int_equal(pace(w, "seoul", 1), 0);
	assert_int_equal(pace(w, "frankfurt", 1), 0);
	w->schedule[0].targets[0]->history.latency_us = 17000; /* moves to 16875: less than a tenth */
	sees(w, 0, 0, ISB_OUT_OK, 1, T0 + 5000);
	assert_int_equal(pace(w, "seoul", 0), 16000);
	w->schedule[0].targets[0]->history.latency_us = 96000;
	sees(w, 0, 0, ISB_OUT_OK, 1, T0 + 10000);
	assert_int_equal(pace(w, "seoul", 0), 86000);
	stop_probe(w, 0);
	stop_probe(w, 1);
}

static void the_probe_tells_that_it_lives(void **state)
{
	struct world *w = *state;
	struct isb_probe_row row = {0};
	start_probe(w, 0, T0);
	tick(w, 0, T0 + 1234);
	struct isb_txn *txn = reading(w);
	assert_int_equal(isb_probe_each(txn, take_probe, &row), ISB_OK);
	isb_txn_abort(txn);
	assert_string_equal(row.name, "seoul");
	assert_string_equal(row.region, "seoul");
	assert_int_equal(row.started_ms, T0);
	assert_int_equal(row.seen_ms, T0 + 1234);
	assert_int_equal(row.checks, ENDPOINTS);
	assert_false(row.blind);
	stop_probe(w, 0);
}

static void a_second_process_under_the_same_name_is_noticed(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	tick(w, 0, T0);
	assert_false(w->report[0].clash);
	start_probe(w, 1, T0 + 500);
	w->report[1].name = "seoul";
	tick(w, 1, T0 + 600);
	tick(w, 0, T0 + 1000);
	assert_true(w->report[0].clash);
	assert_false(w->report[1].clash); /* only the older one speaks */
	stop_probe(w, 0);
	stop_probe(w, 1);
}

static void a_report_that_fails_keeps_its_news_for_the_next(void **state)
{
	struct world *w = *state;
	start_probe(w, 0, T0);
	isb_store_close(w->store);
	assert_int_equal(isb_store_open(w->dir, ISB_STORE_READ, &w->store, NULL), ISB_OK);
	w->report[0].store = w->store;
	w->schedule[0].targets[0]->history = (struct isb_history){
		.bits = 1, .seen = 1, .run = 1, .state = ISB_UP, .observed_ms = T0, .last = {.kind = ISB_OUT_OK}};
	w->schedule[0].targets[0]->expires_ms = T0 + FRESH;
	w->schedule[0].targets[0]->dirty = true;
	assert_int_not_equal(isb_report_write(&w->report[0], &w->schedule[0], true, T0), ISB_OK);
	assert_true(w->schedule[0].targets[0]->dirty);
	isb_store_close(w->store);
	assert_int_equal(isb_store_open(w->dir, ISB_STORE_WRITE_HEALTH, &w->store, NULL), ISB_OK);
	w->report[0].store = w->store;
	tick(w, 0, T0 + 1000);
	assert_int_equal(health(w, 0).verdict, ISB_UP);
	stop_probe(w, 0);
}

static void a_lookup_that_failed_is_told_with_the_host(void **state)
{
	(void)state;
	struct isb_buf out = {0};
	const struct isb_ballot ballots[] = {
		{.vote = {.probe = "seoul", .expires_ms = 2}, .history = {.last.kind = ISB_OUT_RESOLVE, .run = 3}},
		{.vote = {.probe = "tokyo", .expires_ms = 2}, .history = {.last.kind = ISB_OUT_CONNECT_REFUSED, .run = 1}}};
	isb_judge_evidence(&out, ballots, 2, "lb.example.org", 1);
	assert_string_equal(isb_buf_text(&out), "seoul: resolve-failed lb.example.org x3; tokyo: connect-refused x1");
	isb_buf_reset(&out);
	isb_judge_evidence(&out, ballots, 1, NULL, 1);
	assert_string_equal(isb_buf_text(&out), "seoul: resolve-failed x3");
	isb_buf_done(&out);
}

/* --- The word --- */

/* "u40/700": up with soft health 40 and load 700; "u-/-": says nothing of them; "d…" down, "b…" blind. */
static uint64_t word_of(const struct isb_target *target, const char *text, uint64_t old)
{
	struct isb_ballot ballots[8];
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	char copy[128], *save;
	size_t n = 0;
	strcpy(copy, text);
	for (char *at = strtok_r(copy, " ", &save); at; at = strtok_r(NULL, " ", &save), n++) {
		char *slash = strchr(at, '/');
		ballots[n] = (struct isb_ballot){
			.vote = {.probe = names[n], .state = *at == 'd' ? ISB_DOWN : ISB_UP, .expires_ms = T0 + 1,
			         .blind = *at == 'b'},
			.history = {.state = *at == 'd' ? ISB_DOWN : ISB_UP, .seen = 1, .bits = *at != 'd', .run = 1,
		                    .has_soft = at[1] != '-', .soft = (uint8_t)atoi(at + 1), .has_load = slash[1] != '-',
		                    .load = (uint16_t)atoi(slash + 1)}};
	}
	return isb_judge_word(ballots, n, target, old, T0);
}

static const struct isb_target judged = {.knobs = {.rise = 2, .fall = 3, .interval_ms = INTERVAL}};

static void soft_health_and_load_are_the_cautious_median_of_the_votes_for_up(void **state)
{
	(void)state;
	static const struct {
		const char *votes;
		unsigned soft, load;
	} cases[] = {
		{"u-/-", 100, 0},
		{"u40/700", 40, 700},
		{"u40/700 u90/100", 40, 700},           /* of two the cautious one */
		{"u10/4000 u80/300 u90/100", 80, 300},  /* one with a bad way takes nothing away */
		{"u90/100 u10/4000 u80/300", 80, 300},
		{"u90/1 u20/800 u30/900", 30, 800},     /* and one that is late hides nothing */
		{"u50/500 u-/- u-/-", 50, 500},         /* who says nothing has no opinion */
		{"u80/300 b1/4000 d1/4000 u90/100", 80, 300},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_health h = isb_health_unpack(word_of(&judged, cases[i].votes, 0));
		assert_int_equal(h.soft, cases[i].soft);
		assert_int_equal(h.load, cases[i].load);
	}
}

static void a_word_keeps_what_changed_too_little_or_has_no_evidence(void **state)
{
	(void)state;
	uint64_t old = word_of(&judged, "u40/700", 0);
	assert_true(word_of(&judged, "u41/710", old) == old);
	assert_int_equal(isb_health_soft(word_of(&judged, "u42/700", old)), 42);
	assert_int_equal(isb_health_load(word_of(&judged, "u40/720", old)), 720);
	assert_int_equal(isb_health_soft(word_of(&judged, "u0/700", word_of(&judged, "u1/700", 0))), 0);
	assert_int_equal(isb_health_soft(word_of(&judged, "u100/0", word_of(&judged, "u99/9", 0))), 100);
	assert_int_equal(isb_health_load(word_of(&judged, "u100/0", word_of(&judged, "u99/9", 0))), 0);
	struct isb_health h = isb_health_unpack(word_of(&judged, "b1/1", old));
	assert_int_equal(h.verdict, ISB_UNKNOWN);
	assert_int_equal(h.soft, 40);
	assert_int_equal(h.load, 700);
	h = isb_health_unpack(word_of(&judged, "u-/-", old));
	assert_int_equal(h.soft, 100);
	assert_int_equal(h.load, 0);
}

static void what_comes_back_waits_where_failback_is_manual(void **state)
{
	(void)state;
	struct isb_target manual = judged;
	manual.failback_manual = true;
	uint64_t first = word_of(&manual, "u-/-", 0), down = word_of(&manual, "d-/-", first);
	uint64_t unknown = word_of(&manual, "b-/-", down), back = word_of(&manual, "u-/-", unknown);
	assert_false(isb_health_waits(first) || isb_health_waits(down) || isb_health_waits(unknown));
	assert_true(isb_health_waits(back));
	assert_true(isb_health_waits(word_of(&manual, "b-/-", back)));
	assert_false(isb_health_waits(word_of(&manual, "d-/-", back)));
	assert_false(isb_health_waits(word_of(&judged, "u-/-", back)));
	assert_false(isb_health_waits(word_of(&manual, "u-/-", word_of(&judged, "u-/-", down)))); /* came back before */
}

static void probes_of_one_region_are_one_voice_where_the_check_says_so(void **state)
{
	struct world *w = *state;
	check.quorum_by = ISB_QUORUM_BY_REGION;
	start_probe(w, 0, T0); /* of region seoul */
	start_probe(w, 1, T0); /* of none */
	const struct isb_observation more = {.slot = 0, .probe = "seoul-b", .expires_ms = T0 + FRESH,
	                                     .history = {.state = ISB_DOWN, .observed_ms = T0}};
	const struct isb_probe_row row = {.name = "seoul-b", .region = "seoul", .seen_ms = T0};
	struct isb_txn *txn;
	assert_int_equal(isb_txn_begin(w->store, ISB_ENV_HEALTH, true, &txn), ISB_OK);
	assert_int_equal(isb_observation_put(txn, &more), ISB_OK);
	assert_int_equal(isb_probe_put(txn, &row), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	sees(w, 0, 0, ISB_OUT_CONNECT_REFUSED, 1, T0);
	assert_int_equal(health(w, 0).verdict, ISB_DOWN);
	sees(w, 1, 0, ISB_OUT_OK, 1, T0);
	assert_int_equal(health(w, 0).verdict, ISB_DISPUTED); /* by probes it would be down by two to one */
	check.quorum_by = ISB_QUORUM_BY_PROBE;
	stop_probe(w, 1);
	start_probe(w, 1, T0);
	sees(w, 1, 0, ISB_OUT_OK, 1, T0);
	assert_int_equal(health(w, 0).verdict, ISB_DOWN);
	stop_probe(w, 0);
	stop_probe(w, 1);
}

#define STORY(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lookup_that_failed_is_told_with_the_host),
		cmocka_unit_test(soft_health_and_load_are_the_cautious_median_of_the_votes_for_up),
		cmocka_unit_test(a_word_keeps_what_changed_too_little_or_has_no_evidence),
		cmocka_unit_test(what_comes_back_waits_where_failback_is_manual),
		STORY(probes_of_one_region_are_one_voice_where_the_check_says_so),
		STORY(a_first_success_is_an_up_word_with_its_evidence),
		STORY(a_verdict_falls_after_fall_failures_and_is_written_once),
		STORY(evidence_that_grows_old_makes_unknown_and_the_last_verdict_is_held),
		STORY(a_restart_takes_its_observations_back_and_changes_no_verdict_before_it_has_news),
		STORY(probes_that_disagree_dispute_and_hold_until_one_gives_way),
		STORY(a_probe_that_died_stops_counting_when_its_vote_expires),
		STORY(a_blind_probe_withdraws_its_votes_in_its_own_eyes_and_in_the_others),
		STORY(an_alone_and_blind_probe_holds_every_verdict),
		STORY(observations_of_endpoints_and_probes_that_are_gone_are_deleted),
		STORY(another_probes_unreadable_row_does_not_stop_the_verdicts),
		STORY(round_trips_are_written_when_they_moved_by_a_tenth_and_a_millisecond),
		STORY(since_moves_when_the_held_verdict_turns_and_at_no_other_time),
		STORY(paces_are_kept_for_the_probes_own_region),
		STORY(the_probe_tells_that_it_lives),
		STORY(a_second_process_under_the_same_name_is_noticed),
		STORY(a_report_that_fails_keeps_its_news_for_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
