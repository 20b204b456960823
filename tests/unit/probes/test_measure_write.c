/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/store/latencydb.h"
#include "probes/measure_write.h"

enum { HOUR = 3600 * 1000 };
static const int64_t now = INT64_C(1795262400123);

struct world {
	char dir[64];
	struct isb_store *store;
};

static int begin(void **state)
{
	struct world *w = *state = calloc(1, sizeof(*w));
	snprintf(w->dir, sizeof(w->dir), "/tmp/isobar-measure-XXXXXX");
	if (!mkdtemp(w->dir) || isb_store_open(w->dir, ISB_STORE_WRITE_CATALOG, &w->store, NULL) != ISB_OK)
		return -1;
	isb_store_close(w->store);
	return isb_store_open(w->dir, ISB_STORE_WRITE_MEASURED, &w->store, NULL);
}

static int end(void **state)
{
	static const char *const envs[] = {"catalog", "health", "latency"};
	struct world *w = *state;
	char path[128];
	isb_store_close(w->store);
	for (size_t i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "%s/%s.mdb%s", w->dir, envs[i / 2], i % 2 ? "-lock" : "");
		unlink(path);
	}
	rmdir(w->dir);
	free(w);
	return 0;
}

static struct isb_net net_of(unsigned n)
{
	return (struct isb_net){{4, {20, 0, (uint8_t)n}}, 24};
}

/* Samples that count at that time, and their p25. */
static uint32_t samples(const struct world *w, unsigned n, const char *region, int64_t at_ms, uint32_t *ret_us)
{
	struct isb_txn *txn;
	struct isb_net net = net_of(n);
	struct isb_samples found = {0};
	struct isb_histogram sum = {0};
	assert_int_equal(isb_txn_begin(w->store, ISB_ENV_LATENCY, false, &txn), ISB_OK);
	int rc = isb_latency_get(txn, &net, region, &found);
	assert_true(rc == ISB_OK || rc == ISB_ENOTFOUND);
	isb_samples_sum(&found, at_ms, &sum, NULL);
	uint32_t count = sum.count;
	if (ret_us)
		*ret_us = isb_histogram_quantile(&sum, ISB_SAMPLES_PERCENT);
	isb_txn_abort(txn);
	isb_samples_done(&found);
	isb_histogram_done(&sum);
	return count;
}

static void round_trips_are_added_to_what_is_known(void **state)
{
	struct world *w = *state;
	struct isb_trip trips[8];
	for (unsigned i = 0; i < 8; i++)
		trips[i] = (struct isb_trip){net_of(i % 2), i % 2 ? 40000 : 9000, now - i};
	for (unsigned batch = 1; batch <= 5; batch++) {
		uint64_t before = isb_store_last_txn_id(w->store, ISB_ENV_LATENCY);
		assert_int_equal(isb_measure_write(w->store, "seoul", trips, 8, now, false), ISB_OK);
		assert_int_equal(isb_store_last_txn_id(w->store, ISB_ENV_LATENCY), before + 1);
		assert_int_equal(samples(w, 0, "seoul", now, NULL), 4 * batch);
	}
	uint32_t us;
	assert_int_equal(samples(w, 1, "seoul", now, &us), ISB_SAMPLES_ENOUGH);
	assert_in_range(us, 38000, 42000);
	assert_int_equal(samples(w, 1, "virginia", now, NULL), 0);
}

static void they_age_as_others_do(void **state)
{
	struct world *w = *state;
	struct isb_trip trip = {net_of(0), 9000, now};
	assert_int_equal(isb_measure_write(w->store, "seoul", &trip, 1, now, false), ISB_OK);
	assert_int_equal(samples(w, 0, "seoul", now + 24 * HOUR - 1, NULL), 1);
	assert_int_equal(samples(w, 0, "seoul", now + 24 * HOUR, NULL), 0);
	/* one that waited for a day in vain, and one of a clock that was set back */
	struct isb_trip late[] = {{net_of(1), 9000, now - 24 * HOUR}, {net_of(2), 9000, now + HOUR}};
	assert_int_equal(isb_measure_write(w->store, "seoul", late, 2, now, false), ISB_OK);
	assert_int_equal(samples(w, 1, "seoul", now - HOUR, NULL), 0);
	assert_int_equal(samples(w, 2, "seoul", now, NULL), 1);
	assert_int_equal(samples(w, 2, "seoul", now + 24 * HOUR, NULL), 0);
}

static int count_row(void *arg, const struct isb_latency_row *row)
{
	(void)row;
	++*(unsigned *)arg;
	return 0;
}

static unsigned rows(const struct world *w)
{
	struct isb_txn *txn;
	unsigned count = 0;
	assert_int_equal(isb_txn_begin(w->store, ISB_ENV_LATENCY, false, &txn), ISB_OK);
	assert_int_equal(isb_latency_each(txn, count_row, &count), ISB_OK);
	isb_txn_abort(txn);
	return count;
}

static void a_sweep_takes_rows_away_that_count_no_more(void **state)
{
	struct world *w = *state;
	struct isb_trip old = {net_of(0), 9000, now}, young = {net_of(1), 9000, now + 25 * HOUR};
	assert_int_equal(isb_measure_write(w->store, "seoul", &old, 1, now, true), ISB_OK);
	assert_int_equal(isb_measure_write(w->store, "seoul", &young, 1, now + 25 * HOUR, false), ISB_OK);
	assert_int_equal(rows(w), 2);
	assert_int_equal(isb_measure_write(w->store, "seoul", &young, 1, now + 25 * HOUR, true), ISB_OK);
	assert_int_equal(rows(w), 1);
}

static void a_probe_that_does_not_measure_may_not_write(void **state)
{
	struct world *w = *state;
	struct isb_trip trip = {net_of(0), 9000, now};
	isb_store_close(w->store);
	assert_int_equal(isb_store_open(w->dir, ISB_STORE_WRITE_HEALTH, &w->store, NULL), ISB_OK);
	assert_int_equal(isb_measure_write(w->store, "seoul", &trip, 1, now, false), ISB_EREADONLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trips_are_added_to_what_is_known, begin, end),
		cmocka_unit_test_setup_teardown(they_age_as_others_do, begin, end),
		cmocka_unit_test_setup_teardown(a_sweep_takes_rows_away_that_count_no_more, begin, end),
		cmocka_unit_test_setup_teardown(a_probe_that_does_not_measure_may_not_write, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
