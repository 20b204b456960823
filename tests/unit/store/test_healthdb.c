/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include "isobar/store/codec.h"
#include "isobar/store/healthdb.h"
#include "isobar/store/resolveddb.h"

/* The probe's view of a store that a catalog writer made before. */
static struct isb_store *open_as_probe(const char *dir)
{
	isb_store_close(open_store(dir, ISB_STORE_WRITE_CATALOG));
	return open_store(dir, ISB_STORE_WRITE_HEALTH);
}

static void commit(struct isb_txn *txn)
{
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
}

/* --- Observations --- */

static struct isb_observation observation(uint32_t slot, const char *probe)
{
	return (struct isb_observation){
		.slot = slot,
		.probe = probe,
		.expires_ms = 1763726417000,
		.history = {
			.bits = 0xfffffffffffffff8u,
			.seen = 64,
			.state = ISB_DOWN,
			.run = 3,
			.flaps = 2,
			.since_ms = 1763726400000,
			.observed_ms = 1763726400500,
			.latency_us = 21000,
			.connect_us = 4000,
			.p50_us = 20480,
			.p95_us = 28672,
			.p99_us = 57344,
			.falls = 5,
			.fell_ms = 1763726390000,
			.has_soft = true,
			.has_load = true,
			.soft = 40,
			.load = 930,
			.last = {.kind = ISB_OUT_STATUS, .status = 503, .connect_us = 4100, .tls_us = 9000,
		                 .first_byte_us = 20000, .total_us = 20500},
		},
	};
}

static int join_observations(void *arg, const struct isb_observation *o)
{
	size_t at = strlen(arg);
	snprintf((char *)arg + at, 512 - at, "%u/%s ", o->slot, o->probe);
	return 0;
}

static void an_observation_comes_back_whole(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	struct isb_observation put = observation(7, "seoul-a"), got;
	assert_int_equal(isb_observation_put(txn, &put), ISB_OK);
	commit(txn);
	txn = begin(store, ISB_ENV_HEALTH, false);
	memset(&got, 0, sizeof(got));
	assert_int_equal(isb_observation_get(txn, 7, "seoul-a", &got), ISB_OK);
	assert_int_equal(got.slot, 7);
	assert_string_equal(got.probe, "seoul-a");
	assert_int_equal(got.expires_ms, put.expires_ms);
	assert_int_equal(got.history.bits, put.history.bits);
	assert_int_equal(got.history.seen, 64);
	assert_int_equal(got.history.state, ISB_DOWN);
	assert_int_equal(got.history.run, 3);
	assert_int_equal(got.history.flaps, 2);
	assert_int_equal(got.history.since_ms, put.history.since_ms);
	assert_int_equal(got.history.observed_ms, put.history.observed_ms);
	assert_int_equal(got.history.latency_us, 21000);
	assert_int_equal(got.history.connect_us, 4000);
	assert_int_equal(got.history.p50_us, 20480);
	assert_int_equal(got.history.p95_us, 28672);
	assert_int_equal(got.history.p99_us, 57344);
	assert_int_equal(got.history.falls, 5);
	assert_int_equal(got.history.fell_ms, 1763726390000);
	assert_true(got.history.has_soft && got.history.has_load);
	assert_int_equal(got.history.soft, 40);
	assert_int_equal(got.history.load, 930);
	assert_int_equal(got.history.last.kind, ISB_OUT_STATUS);
	assert_int_equal(got.history.last.status, 503);
	assert_int_equal(got.history.last.connect_us, 4100);
	assert_int_equal(got.history.last.tls_us, 9000);
	assert_int_equal(got.history.last.first_byte_us, 20000);
	assert_int_equal(got.history.last.total_us, 20500);
	isb_txn_abort(txn);
	isb_store_close(store);
}

static void observations_are_walked_by_slot_and_deleted_one_by_one(void **state)
{
	static const struct {
		uint32_t slot;
		const char *probe;
	} put[] = {{256, "a"}, {1, "b"}, {1, "a"}, {1, "ab"}, {0, "z"}};
	struct isb_store *store = open_as_probe(*state);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	struct isb_observation got;
	for (size_t i = 0; i < 5; i++) {
		struct isb_observation o = observation(put[i].slot, put[i].probe);
		assert_int_equal(isb_observation_put(txn, &o), ISB_OK);
	}
	struct isb_observation nameless = observation(1, "");
	assert_int_equal(isb_observation_put(txn, &nameless), ISB_EINVAL);
	commit(txn);

	txn = begin(store, ISB_ENV_HEALTH, true);
	char all[512] = "", one[512] = "", none[512] = "";
	assert_int_equal(isb_observation_each(txn, ISB_SLOT_ALL, join_observations, all), ISB_OK);
	assert_string_equal(all, "0/z 1/a 1/ab 1/b 256/a ");
	assert_int_equal(isb_observation_each(txn, 1, join_observations, one), ISB_OK);
	assert_string_equal(one, "1/a 1/ab 1/b ");
	assert_int_equal(isb_observation_each(txn, 2, join_observations, none), ISB_OK);
	assert_string_equal(none, "");
	assert_int_equal(isb_observation_delete(txn, 1, "ab"), ISB_OK);
	assert_int_equal(isb_observation_delete(txn, 1, "ab"), ISB_ENOTFOUND);
	assert_int_equal(isb_observation_get(txn, 1, "ab", &got), ISB_ENOTFOUND);
	assert_int_equal(isb_observation_get(txn, 1, "a", &got), ISB_OK);
	assert_int_equal(isb_observation_delete_all(txn, 1), ISB_OK);
	assert_int_equal(isb_observation_delete_all(txn, 1), ISB_OK);
	*all = '\0';
	assert_int_equal(isb_observation_each(txn, ISB_SLOT_ALL, join_observations, all), ISB_OK);
	assert_string_equal(all, "0/z 256/a ");
	isb_txn_abort(txn);
	isb_store_close(store);
}

static void observations_out_of_range_are_malformed(void **state)
{
	enum { SEEN = 16, STATE = 17, KIND = 47, LEN = 66, FLAGS = LEN, SOFT, LOAD, FALLS = LOAD + 2, LOADED = LEN + 13,
	       WHOLE = LOADED + 12 };
	static const struct {
		size_t at, len;
		uint8_t octet;
	} cases[] = {{SEEN, LEN, 65}, {STATE, LEN, ISB_DISPUTED}, {KIND, LEN, 200}, {0, LEN - 1, 0},
	             {0, LEN + 1, 0}, {0, LOADED - 1, 0}, {0, LOADED + 1, 0}, {0, LOADED + 4, 0}, {0, WHOLE - 1, 0}, {0, WHOLE + 1, 0}, {FLAGS, WHOLE, 4}, {SOFT, WHOLE, 101},
	             {LOAD, WHOLE, 0x10}};
	struct isb_store *store = open_as_probe(*state);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	const struct isb_slice key = {"\0\0\0\7p", 6};
	uint8_t octets[WHOLE + 1] = {0};
	struct isb_observation got = {.slot = 3};
	char all[512] = "";
	assert_int_equal(isb_row_put(txn, ISB_T_OBSERVATION, key, (struct isb_slice){octets, LEN}), ISB_OK);
	got.history.falls = 9;
	got.history.has_soft = true;
	got.history.p99_us = 9;
	assert_int_equal(isb_observation_get(txn, 7, "p", &got), ISB_OK); /* the zeroes themselves are fine */
	assert_false(got.history.falls || got.history.has_soft); /* an older program's row says nothing of these */
	assert_int_equal(isb_row_put(txn, ISB_T_OBSERVATION, key, (struct isb_slice){octets, LOADED}), ISB_OK);
	assert_int_equal(isb_observation_get(txn, 7, "p", &got), ISB_OK);
	assert_int_equal(got.history.p99_us, 0);
	assert_int_equal(isb_row_put(txn, ISB_T_OBSERVATION, key, (struct isb_slice){octets, WHOLE}), ISB_OK);
	assert_int_equal(isb_observation_get(txn, 7, "p", &got), ISB_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(octets, 0, sizeof(octets));
		octets[cases[i].at] = cases[i].octet;
		got.slot = 3;
		const struct isb_slice value = {octets, cases[i].len};
		assert_int_equal(isb_row_put(txn, ISB_T_OBSERVATION, key, value), ISB_OK);
		assert_int_equal(isb_observation_get(txn, 7, "p", &got), ISB_EFORMAT);
		assert_int_equal(got.slot, 3);
		assert_int_equal(isb_observation_each(txn, 7, join_observations, all), ISB_EFORMAT);
	}
	assert_string_equal(all, "");
	isb_txn_abort(txn);
	isb_store_close(store);
}

/* --- Transitions --- */

struct list {
	unsigned count;
	uint64_t first, last;
	unsigned stop_after;
};
static int list_transition(void *arg, const struct isb_transition *t)
{
	struct list *list = arg;
	if (!list->count++)
		list->first = t->number;
	else
		assert_int_equal(t->number, list->last - 1);
	list->last = t->number;
	assert_int_equal(t->time_ms, (int64_t)t->number);
	return list->count == list->stop_after ? 3 : 0;
}

static void transitions_are_told_newest_first_and_the_oldest_are_dropped(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	struct list list = {0};
	assert_int_equal(isb_transition_each(txn, list_transition, &list), ISB_OK);
	assert_int_equal(list.count, 0);
	for (unsigned i = 1; i <= ISB_TRANSITIONS_KEPT + 25; i++) {
		struct isb_transition t = {.time_ms = i, .slot = 1, .from = ISB_UP, .to = ISB_DOWN, .evidence = "x"};
		assert_int_equal(isb_transition_add(txn, &t), ISB_OK);
		if (i == 3) {
			assert_int_equal(isb_transition_each(txn, list_transition, &list), ISB_OK);
			assert_int_equal(list.count, 3);
		}
	}
	list = (struct list){0};
	assert_int_equal(isb_transition_each(txn, list_transition, &list), ISB_OK);
	assert_int_equal(list.count, ISB_TRANSITIONS_KEPT);
	assert_int_equal(list.first, ISB_TRANSITIONS_KEPT + 25);
	assert_int_equal(list.last, 26);
	list = (struct list){.stop_after = 2};
	assert_int_equal(isb_transition_each(txn, list_transition, &list), 3);
	assert_int_equal(list.count, 2);
	commit(txn);
	isb_store_close(store);
}

static int copy_transition(void *arg, const struct isb_transition *t)
{
	snprintf(arg, 512, "%u %d>%d %s", t->slot, t->from, t->to, t->evidence);
	return 0;
}

static void a_transition_carries_its_evidence(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	struct isb_transition t = {0, 0, 9, ISB_UNKNOWN, ISB_DISPUTED, "seoul: status-503 ×3"};
	char got[512];
	assert_int_equal(isb_transition_add(txn, &t), ISB_OK);
	assert_int_equal(isb_transition_each(txn, copy_transition, got), ISB_OK);
	assert_string_equal(got, "9 0>3 seoul: status-503 ×3");
	struct isb_key key;
	isb_key_u64(&key, 2);
	assert_int_equal(isb_row_put(txn, ISB_T_TRANSITION, isb_key_slice(&key),
	                             (struct isb_slice){"\0\0\0\0\0\0\0\1\0\0\0\1\1\4", 15}), ISB_OK);
	assert_int_equal(isb_transition_each(txn, copy_transition, got), ISB_EFORMAT); /* verdict 4 */
	isb_txn_abort(txn);
	isb_store_close(store);
}

/* --- Probes and round trips --- */

static int join_probes(void *arg, const struct isb_probe_row *row)
{
	size_t at = strlen(arg);
	snprintf((char *)arg + at, 512 - at, "%s@%s %d %d %llx %u %s%s%s; ", row->name, row->region, (int)row->started_ms,
	         (int)row->seen_ms, (unsigned long long)row->boot, row->checks, row->blind ? "blind" : "sees",
	         *row->from ? " from " : "", row->from);
	return 0;
}

static void probes_are_known_by_name(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	const struct isb_probe_row rows[] = {
		{"seoul-a", "seoul", 1, 2, 0xabcdef0123456789u, true, 12, ""},
		{"far", NULL, 5, 6, 1, false, 0, NULL},
		{"seoul-a", "seoul", 3, 4, 0xff, false, 13, "192.0.2.7"},
	};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(isb_probe_put(txn, &rows[i]), ISB_OK);
	char all[512] = "";
	assert_int_equal(isb_probe_each(txn, join_probes, all), ISB_OK);
	assert_string_equal(all, "far@ 5 6 1 0 sees; seoul-a@seoul 3 4 ff 13 sees from 192.0.2.7; ");
	assert_int_equal(isb_probe_put(txn, &rows[0]), ISB_OK);
	*all = '\0';
	assert_int_equal(isb_probe_each(txn, join_probes, all), ISB_OK);
	assert_non_null(strstr(all, "abcdef0123456789 12 blind"));
	static const uint8_t older[31] = {[29] = 'r'}; /* a row as it was before there was `from` */
	*all = '\0';
	assert_int_equal(isb_row_put(txn, ISB_T_PROBE, (struct isb_slice){"old", 4}, (struct isb_slice){older, 31}), ISB_OK);
	assert_int_equal(isb_probe_each(txn, join_probes, all), ISB_OK);
	assert_non_null(strstr(all, "old@r 0 0 0 0 sees; "));
	assert_int_equal(isb_row_put(txn, ISB_T_PROBE, (struct isb_slice){"x", 2}, text("short")), ISB_OK);
	assert_int_equal(isb_probe_each(txn, join_probes, all), ISB_EFORMAT);
	isb_txn_abort(txn);
	isb_store_close(store);
}

static int join_hosts(void *arg, const struct isb_resolved *row)
{
	size_t at = strlen(arg);
	snprintf((char *)arg + at, 512 - at, "%s %s %zu %s; ", row->host, row->probe, row->count, row->trouble);
	return 0;
}

static void what_names_resolved_to_comes_back(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	struct isb_resolved row = {.host = "b.example", .probe = "p", .trouble = "timeout", .failing_ms = 5}, got;
	char all[512] = "";
	assert_int_equal(isb_resolved_get(txn, "b.example", &got), ISB_ENOTFOUND);
	assert_int_equal(isb_resolved_put(txn, &row), ISB_OK);
	row = (struct isb_resolved){.host = "a.example", .probe = "q", .trouble = "", .since_ms = 1, .until_ms = 2, .asked_ms = 3};
	for (row.count = 0; row.count < ISB_RESOLVED_MAX; row.count++)
		row.addresses[row.count] = (struct isb_addr){.family = row.count < 16 ? 4 : 6, .octets = {(uint8_t)row.count}};
	assert_int_equal(isb_resolved_put(txn, &row), ISB_OK);
	assert_int_equal(isb_resolved_get(txn, "a.example", &got), ISB_OK);
	assert_int_equal(got.count, ISB_RESOLVED_MAX);
	assert_memory_equal(got.addresses, row.addresses, sizeof(row.addresses));
	assert_int_equal(got.until_ms, 2);
	assert_int_equal(isb_resolved_each(txn, join_hosts, all), ISB_OK);
	assert_string_equal(all, "a.example q 32 ; b.example p 0 timeout; ");
	row.count++;
	assert_int_equal(isb_resolved_put(txn, &row), ISB_ERANGE);
	assert_int_equal(isb_resolved_delete(txn, "a.example"), ISB_OK);
	static const char bad[][37] = {{[33] = 0}, {[34] = 7}, {[34] = 4}}; /* no end of a text, no family, half an address */
	for (size_t i = 0; i < 3; i++) {
		struct isb_slice value = {bad[i], i ? 37 : 33};
		assert_int_equal(isb_row_put(txn, ISB_T_RESOLVED, (struct isb_slice){"b.example", 10}, value), ISB_OK);
		assert_int_equal(isb_resolved_get(txn, "b.example", &got), ISB_EFORMAT);
		assert_int_equal(isb_resolved_each(txn, join_hosts, all), ISB_EFORMAT);
	}
	isb_txn_abort(txn);
	isb_store_close(store);
}

static int join_rtts(void *arg, const char *from, const char *to, uint32_t rtt_us)
{
	size_t at = strlen(arg);
	snprintf((char *)arg + at, 512 - at, "%s>%s %u; ", from, to, rtt_us);
	return 0;
}

static void round_trips_are_kept_per_direction(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	char all[512] = "";
	assert_int_equal(isb_rtt_put(txn, "seoul", "virginia", 180000), ISB_OK);
	assert_int_equal(isb_rtt_put(txn, "virginia", "seoul", 181000), ISB_OK);
	assert_int_equal(isb_rtt_put(txn, "seoul", "seoul", 900), ISB_OK);
	assert_int_equal(isb_rtt_put(txn, "seoul", "virginia", 179000), ISB_OK);
	assert_int_equal(isb_rtt_put(txn, "seoul", "", 1), ISB_EINVAL);
	assert_int_equal(isb_rtt_each(txn, join_rtts, all), ISB_OK);
	assert_string_equal(all, "seoul>seoul 900; seoul>virginia 179000; virginia>seoul 181000; ");
	assert_int_equal(isb_row_put(txn, ISB_T_RTT, (struct isb_slice){"one", 4}, text("1234")), ISB_OK);
	assert_int_equal(isb_rtt_each(txn, join_rtts, all), ISB_EFORMAT);
	isb_txn_abort(txn);
	isb_store_close(store);
}

/* --- The manual --- */

static void the_manual_shows_these_very_rows(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	const struct isb_health up = {ISB_UP, ISB_UP, ISB_SOFT_FULL, 0, 21008, 15, false};
	const struct isb_observation o = observation(0, "seoul-a");
	const struct isb_transition t = {0, 1763726400500, 0, ISB_UP, ISB_DOWN, "seoul: status-503 ×3"};
	const struct isb_probe_row p = {"seoul-a", "seoul", 1763720000000, 1763726400500, 0x0123456789abcdef, false, 4,
	                                 "192.0.2.7"};
	assert_int_equal(isb_word_put(txn, 0, isb_health_pack(&up)), ISB_OK);
	assert_int_equal(isb_since_put(txn, 0, 1763726400000), ISB_OK);
	assert_int_equal(isb_pace_put(txn, "seoul", 0, 21000), ISB_OK);
	assert_int_equal(isb_observation_put(txn, &o), ISB_OK);
	assert_int_equal(isb_transition_add(txn, &t), ISB_OK);
	assert_int_equal(isb_probe_put(txn, &p), ISB_OK);
	assert_int_equal(isb_rtt_put(txn, "seoul", "virginia", 180000), ISB_OK);
	const struct isb_resolved resolved = {
		.host = "lb.cdn.example", .probe = "seoul-a", .since_ms = 1763726400000, .until_ms = 1763726430000,
		.asked_ms = 1763726400500, .trouble = "", .count = 2,
		.addresses = {{4, {198, 51, 100, 7}}, {6, {0x20, 1, 0x0d, 0xb8, [15] = 7}}}};
	assert_int_equal(isb_resolved_put(txn, &resolved), ISB_OK);
	commit(txn);
	txn = begin(store, ISB_ENV_HEALTH, false);
	assert_in_manual(txn, ISB_T_RESOLVED, "resolved", SIZE_MAX);
	assert_in_manual(txn, ISB_T_WORD, "word", 16);
	assert_in_manual(txn, ISB_T_SINCE, "since", 16);
	assert_in_manual(txn, ISB_T_PACE, "pace", 16);
	assert_in_manual(txn, ISB_T_OBSERVATION, "observation", SIZE_MAX);
	assert_in_manual(txn, ISB_T_TRANSITION, "transition", SIZE_MAX);
	assert_in_manual(txn, ISB_T_PROBE, "probe", SIZE_MAX);
	assert_in_manual(txn, ISB_T_RTT, "rtt", SIZE_MAX);
	isb_txn_abort(txn);
	isb_store_close(store);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_observation_comes_back_whole),
		T(observations_are_walked_by_slot_and_deleted_one_by_one),
		T(observations_out_of_range_are_malformed),
		T(transitions_are_told_newest_first_and_the_oldest_are_dropped),
		T(a_transition_carries_its_evidence),
		T(probes_are_known_by_name),
		T(what_names_resolved_to_comes_back),
		T(round_trips_are_kept_per_direction),
		T(the_manual_shows_these_very_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
