/* SPDX-License-Identifier: Apache-2.0 */
#include "../store/store_test.h"

#include "probes/sweep.h"

enum { NOW = 200000000, DAY = 24 * 60 * 60 * 1000 };

static void observe(struct isb_txn *txn, uint32_t slot, const char *probe, int64_t expires_ms)
{
	struct isb_observation row = {.slot = slot, .probe = probe, .expires_ms = expires_ms};
	assert_int_equal(isb_observation_put(txn, &row), ISB_OK);
}

static void report(struct isb_txn *txn, const char *name, int64_t seen_ms)
{
	struct isb_probe_row row = {.name = name, .region = "", .seen_ms = seen_ms};
	assert_int_equal(isb_probe_put(txn, &row), ISB_OK);
}

static int join_observation(void *arg, const struct isb_observation *observation)
{
	isb_buf_printf(arg, "%u/%s ", observation->slot, observation->probe);
	return 0;
}

static int join_probe(void *arg, const struct isb_probe_row *row)
{
	isb_buf_printf(arg, "%s ", row->name);
	return 0;
}

static void assert_left(struct isb_store *store, const char *expected)
{
	struct isb_buf left = {0};
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, false);
	assert_int_equal(isb_observation_each(txn, ISB_SLOT_ALL, join_observation, &left), ISB_OK);
	assert_int_equal(isb_probe_each(txn, join_probe, &left), ISB_OK);
	isb_txn_abort(txn);
	assert_string_equal(isb_buf_text(&left), expected);
	isb_buf_done(&left);
}

static void what_nobody_tests_any_more_and_probes_gone_for_a_day_are_taken_away(void **state)
{
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_HEALTH);
	struct isb_target two = {.slot = 2}, seven = {.slot = 7}, *targets[] = {&two, &seven};
	struct isb_schedule schedule = {.targets = targets, .count = 2};
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	observe(txn, 1, "a", NOW - 1); /* expired, of no target */
	observe(txn, 1, "b", NOW);     /* b may know a newer catalog */
	observe(txn, 2, "a", NOW - 1);
	observe(txn, 2, "gone", NOW - 2 * DAY); /* of a target: where it is judged */
	observe(txn, 8, "gone", NOW - 2 * DAY);
	report(txn, "a", NOW - 2 * DAY); /* this probe itself, asleep until now */
	report(txn, "b", NOW - DAY);
	report(txn, "gone", NOW - DAY - 1);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);

	struct isb_swept swept = {0};
	assert_int_equal(isb_sweep(store, &schedule, "a", NOW, &swept), ISB_OK);
	assert_int_equal(swept.observations, 2);
	assert_int_equal(swept.probes, 1);
	assert_left(store, "1/b 2/a 2/gone a b ");

	uint64_t commits = isb_store_last_txn_id(store, ISB_ENV_HEALTH);
	assert_int_equal(isb_sweep(store, &schedule, "a", NOW, &swept), ISB_OK);
	assert_int_equal(swept.observations + swept.probes, 0);
	assert_int_equal(isb_store_last_txn_id(store, ISB_ENV_HEALTH), commits); /* nothing to do, nothing written */

	schedule.count = 0;
	assert_int_equal(isb_sweep(store, &schedule, "a", NOW + 1, &swept), ISB_OK);
	assert_left(store, "a "); /* and b is gone for a day now */
	isb_store_close(store);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_nobody_tests_any_more_and_probes_gone_for_a_day_are_taken_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
