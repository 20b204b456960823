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
#include "probes/exchange_site.h"
#include "probes/merge.h"

/* What a site's store holds after a table from elsewhere. */

enum { T0 = 1000000, INTERVAL = 5000, TIMEOUT = 2000, DOWN_INTERVAL = 20000 };

static struct isb_addr address = {4, {192, 0, 2, 1}};
static struct isb_endpoint endpoint = {.name = "icn-1", .region = {.name = "seoul"}, .addresses = &address, .naddress = 1};
static struct isb_check check = {.name = "web", .type = ISB_CHECK_TCP, .port = 443, .rise = 2, .fall = 3,
				 .interval_ms = INTERVAL, .timeout_ms = TIMEOUT, .down_interval_ms = DOWN_INTERVAL};

struct world {
	char dir[64];
	struct isb_store *store;
	struct isb_txn *txn;
	struct isb_schedule schedule;
	struct isb_exchange_row row; /* what the tests send */
};

static bool slot(void *arg, const char *pool, const char *name, uint32_t *ret_slot)
{
	(void)arg, (void)pool, (void)name;
	*ret_slot = 7;
	return true;
}

static void retire(void *arg, struct isb_target *target, bool gone)
{
	(void)arg, (void)target, (void)gone;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct isb_pool pool = {.name = "asia", .check = {.name = "web"}, .endpoints = &endpoint, .nendpoint = 1};
	struct isb_schedule_source source = {slot, retire, NULL};
	struct isb_catalog catalog;
	strcpy(w->dir, "/tmp/isobar-merge-XXXXXX");
	if (!mkdtemp(w->dir) || isb_store_open(w->dir, ISB_STORE_WRITE_CATALOG, &w->store, NULL) != ISB_OK)
		return -1;
	isb_store_close(w->store);
	isb_catalog_init(&catalog);
	catalog.checks = &check;
	catalog.pools = &pool;
	catalog.ncheck = catalog.npool = 1;
	isb_schedule_init(&w->schedule, 1);
	isb_schedule_update(&w->schedule, &catalog, &source, 0);
	w->row = (struct isb_exchange_row){
		.endpoint = "asia/icn-1", .fingerprint = isb_spec_fingerprint(&check, &endpoint), .expires_ms = T0 + 9000,
		.history = {.state = ISB_UP, .bits = 1, .seen = 1, .run = 1, .observed_ms = T0, .since_ms = T0, .latency_us = 30000}};
	*state = w;
	if (isb_store_open(w->dir, ISB_STORE_WRITE_HEALTH, &w->store, NULL) != ISB_OK)
		return -1;
	return isb_txn_begin(w->store, ISB_ENV_HEALTH, true, &w->txn);
}

static int tear_down(void **state)
{
	static const char *const files[] = {"catalog.mdb", "catalog.mdb-lock", "health.mdb", "health.mdb-lock",
	                                    "latency.mdb", "latency.mdb-lock"};
	struct world *w = *state;
	char path[128];
	isb_txn_abort(w->txn);
	isb_store_close(w->store);
	isb_schedule_done(&w->schedule);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, files[i]);
		unlink(path);
	}
	int rc = rmdir(w->dir);
	free(w);
	return rc;
}

/* How many of the rows were left out. */
static size_t merge(struct world *w, bool placed)
{
	static const struct isb_remote_rtt rtt = {"tokyo", 31000};
	const struct isb_remote_table table = {
		.probe = {.name = "seoul-1", .region = "seoul", .from = "192.0.2.77", .seen_ms = T0, .checks = 1},
		.rows = &w->row, .count = 1, .rtts = &rtt, .nrtt = 1, .placed = placed};
	size_t stale = 0;
	w->schedule.targets[0]->heard = false;
	assert_int_equal(isb_merge_table(w->txn, &w->schedule, &table, T0, &stale), ISB_OK);
	return stale;
}

static int64_t expiry(struct world *w)
{
	struct isb_observation o;
	assert_int_equal(isb_observation_get(w->txn, 7, "seoul-1", &o), ISB_OK);
	return o.expires_ms;
}

static int count_rtts(void *arg, const char *from, const char *to, uint32_t us)
{
	assert_string_equal(from, "seoul");
	assert_string_equal(to, "tokyo");
	assert_int_equal(us, 31000);
	++*(unsigned *)arg;
	return 0;
}

static void a_row_becomes_that_probes_observation(void **state)
{
	struct world *w = *state;
	struct isb_observation o;
	uint32_t pace_us = 0;
	unsigned rtts = 0;
	assert_int_equal(merge(w, true), 0);
	assert_int_equal(isb_observation_get(w->txn, 7, "seoul-1", &o), ISB_OK);
	assert_true(o.history.state == ISB_UP && o.history.observed_ms == T0 && o.expires_ms == T0 + 9000);
	assert_true(w->schedule.targets[0]->heard);
	assert_int_equal(isb_pace_get(w->txn, "seoul", 7, &pace_us), ISB_OK);
	assert_int_equal(pace_us, 30000);
	assert_int_equal(isb_rtt_each(w->txn, count_rtts, &rtts), ISB_OK);
	assert_int_equal(rtts, 1);
}

static void a_region_that_is_none_has_no_paces_and_no_round_trips(void **state)
{
	struct world *w = *state;
	uint32_t pace_us = 0;
	unsigned rtts = 0;
	assert_int_equal(merge(w, false), 0);
	assert_int_equal(isb_pace_get(w->txn, "seoul", 7, &pace_us), ISB_OK);
	assert_int_equal(isb_rtt_each(w->txn, count_rtts, &rtts), ISB_OK);
	assert_true(pace_us == 0 && rtts == 0);
}

static void no_vote_lives_longer_than_one_of_ours(void **state)
{
	struct world *w = *state;
	w->row.expires_ms = INT64_MAX;
	merge(w, true);
	assert_int_equal(expiry(w), T0 + 3 * INTERVAL + TIMEOUT);
	w->row.history.state = ISB_DOWN; /* which is looked at more seldom */
	merge(w, true);
	assert_int_equal(expiry(w), T0 + 3 * DOWN_INTERVAL + TIMEOUT);
	w->row.expires_ms = 5;
	merge(w, true);
	assert_int_equal(expiry(w), 5);
}

static void what_is_tested_in_another_way_or_not_at_all_is_left_out(void **state)
{
	struct world *w = *state;
	struct isb_observation o;
	struct isb_check other = check;
	other.port = 80;
	w->row.fingerprint = isb_spec_fingerprint(&other, &endpoint);
	assert_int_equal(merge(w, true), 1);
	w->row.fingerprint = isb_spec_fingerprint(&check, &endpoint);
	w->row.endpoint = "asia/icn-2";
	assert_int_equal(merge(w, true), 1);
	assert_int_equal(isb_observation_get(w->txn, 7, "seoul-1", &o), ISB_ENOTFOUND);
	assert_false(w->schedule.targets[0]->heard);
}

static void a_fingerprint_is_of_the_test_and_not_of_its_pace(void **state)
{
	struct isb_check c = check;
	struct isb_endpoint e = endpoint;
	uint64_t test = isb_spec_fingerprint(&check, &endpoint);
	(void)state;
	c.interval_ms = 1;
	c.timeout_ms = c.retry_ms = c.down_interval_ms = 2;
	c.rise = c.fall = 64;
	c.quorum.kind = ISB_QUORUM_ALL;
	e.weight = 9;
	e.region.name = "tokyo";
	assert_true(isb_spec_fingerprint(&c, &e) == test);
	c.path = "/other";
	assert_true(isb_spec_fingerprint(&c, &endpoint) != test);
	e.port = 81;
	assert_true(isb_spec_fingerprint(&check, &e) != test);
	e = endpoint;
	e.host = "www.example.com";
	assert_true(isb_spec_fingerprint(&check, &e) != test);
	struct isb_addr there = {4, {192, 0, 2, 2}};
	e = endpoint;
	e.addresses = &there;
	assert_true(isb_spec_fingerprint(&check, &e) != test);
}

static void what_is_given_back_is_what_was_told(void **state)
{
	struct world *w = *state;
	struct isb_buf known = {0};
	struct isb_exchange_frame frame;
	struct isb_exchange_row row;
	merge(w, true);
	assert_int_equal(isb_merge_known(w->txn, &w->schedule, "seoul-1", T0 + 1000, &known), ISB_OK);
	struct isb_slice octets = {known.data + ISB_EXCHANGE_PREFIX, known.len - ISB_EXCHANGE_PREFIX};
	assert_int_equal(isb_exchange_read(octets, &frame), ISB_OK);
	assert_true(frame.type == ISB_X_KNOWN && frame.rows.now_ms == T0 + 1000);
	assert_int_equal(isb_exchange_row_next(&frame.rows.rows, &row), ISB_OK);
	assert_string_equal(row.endpoint, "asia/icn-1");
	assert_true(row.fingerprint == w->row.fingerprint && row.expires_ms == T0 + 9000 && row.history.latency_us == 30000);
	assert_int_equal(isb_exchange_row_next(&frame.rows.rows, &row), ISB_ENOTFOUND);
	isb_buf_reset(&known);
	assert_int_equal(isb_merge_known(w->txn, &w->schedule, "tokyo-1", T0, &known), ISB_OK);
	octets = (struct isb_slice){known.data + ISB_EXCHANGE_PREFIX, known.len - ISB_EXCHANGE_PREFIX};
	assert_int_equal(isb_exchange_read(octets, &frame), ISB_OK);
	assert_int_equal(isb_exchange_row_next(&frame.rows.rows, &row), ISB_ENOTFOUND);
	isb_buf_done(&known);
}

static void put_probe(struct world *w, const char *name, const char *from, int64_t seen_ms)
{
	const struct isb_probe_row row = {.name = name, .region = "", .from = from, .seen_ms = seen_ms};
	assert_int_equal(isb_probe_put(w->txn, &row), ISB_OK);
}

static void only_those_who_were_there_to_the_end_are_waited_for(void **state)
{
	struct world *w = *state;
	struct isb_awaited awaited;
	assert_int_equal(isb_awaited_init(&awaited, w->txn, T0), ISB_OK);
	assert_false(isb_awaited_any(&awaited, T0)); /* a new store */
	put_probe(w, "home", "", T0 - 60000);
	put_probe(w, "seoul-1", "192.0.2.7", T0 - 61000);
	put_probe(w, "iad-1", "192.0.2.8", T0 - 60000 - ISB_PROBE_GONE_MS);
	put_probe(w, "gone-1", "192.0.2.9", T0 - 60001 - ISB_PROBE_GONE_MS);
	assert_int_equal(isb_awaited_init(&awaited, w->txn, T0), ISB_OK);
	assert_int_equal(awaited.count, 2);
	assert_true(isb_awaited_any(&awaited, T0 + ISB_AWAIT_MS - 1));
	assert_false(isb_awaited_any(&awaited, T0 + ISB_AWAIT_MS));
	isb_awaited_came(&awaited, "gone-1");
	isb_awaited_came(&awaited, "iad-1");
	assert_true(isb_awaited_any(&awaited, T0));
	isb_awaited_came(&awaited, "seoul-1");
	assert_false(isb_awaited_any(&awaited, T0));
	isb_awaited_done(&awaited);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_row_becomes_that_probes_observation),
		T(a_region_that_is_none_has_no_paces_and_no_round_trips),
		T(no_vote_lives_longer_than_one_of_ours),
		T(what_is_tested_in_another_way_or_not_at_all_is_left_out),
		cmocka_unit_test(a_fingerprint_is_of_the_test_and_not_of_its_pace),
		T(what_is_given_back_is_what_was_told),
		T(only_those_who_were_there_to_the_end_are_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
