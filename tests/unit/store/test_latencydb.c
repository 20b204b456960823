/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include "isobar/store/codec.h"
#include "isobar/store/latencydb.h"

static const int64_t now = INT64_C(1763726400000), day = 24 * 3600 * 1000;

struct session {
	struct isb_store *store;
	struct isb_txn *txn;
};

static struct session open_session(const char *dir, bool write)
{
	if (write)
		isb_store_close(open_store(dir, ISB_STORE_WRITE_CATALOG)); /* only this mode makes a store */
	struct session s = {.store = open_store(dir, write ? ISB_STORE_WRITE_LATENCY : ISB_STORE_READ)};
	s.txn = begin(s.store, ISB_ENV_LATENCY, write);
	return s;
}

static void end(struct session *s, bool commit)
{
	if (commit)
		assert_int_equal(isb_txn_commit(s->txn), ISB_OK);
	else
		isb_txn_abort(s->txn);
	isb_store_close(s->store);
}

static struct isb_net net(const char *text)
{
	struct isb_net net;
	assert_int_equal(isb_net_parse(text, &net), ISB_OK);
	return net;
}

static void put(struct isb_txn *txn, const char *network, const char *region, int64_t time_ms, uint32_t us,
                uint32_t count)
{
	struct isb_samples samples = {0};
	struct isb_net at = net(network);
	isb_samples_add(&samples, time_ms, us, count);
	assert_int_equal(isb_latency_put(txn, &at, region, &samples, now), ISB_OK);
	isb_samples_done(&samples);
}

static int join(void *arg, const struct isb_latency_row *row)
{
	char text[ISB_NET_TEXT], line[128];
	struct isb_histogram sum = {0};
	isb_samples_sum(row->samples, now, &sum, NULL);
	snprintf(line, sizeof(line), "%s %s %u*%u; ", isb_net_print(&row->net, text), row->region, sum.count, sum.min_us);
	strcat(arg, line);
	isb_histogram_done(&sum);
	return 0;
}

static void samples_are_kept_by_network_and_region(void **state)
{
	struct session s = open_session(*state, true);
	put(s.txn, "2001:db8::/32", "seoul", now, 3000, 1);
	put(s.txn, "192.0.2.0/24", "virginia", now, 180000, 2);
	put(s.txn, "192.0.2.0/24", "seoul", now, 4000, 30);
	put(s.txn, "0.0.0.0/0", "seoul", now, 5000, 1);
	put(s.txn, "192.0.2.0/24", "seoul", now, 4500, 31); /* in its place */
	end(&s, true);
	s = open_session(*state, false);
	char all[512] = "";
	assert_int_equal(isb_latency_each(s.txn, join, all), ISB_OK);
	assert_string_equal(all, "0.0.0.0/0 seoul 1*5000; 192.0.2.0/24 seoul 31*4500; 192.0.2.0/24 virginia 2*180000; "
	                         "2001:db8::/32 seoul 1*3000; ");
	struct isb_samples samples = {0};
	struct isb_net at = net("192.0.2.0/24"), other = net("192.0.2.0/25");
	assert_int_equal(isb_latency_get(s.txn, &at, "virginia", &samples), ISB_OK);
	assert_int_equal(isb_latency_get(s.txn, &at, "virgini", &samples), ISB_ENOTFOUND);
	assert_int_equal(isb_latency_get(s.txn, &other, "seoul", &samples), ISB_ENOTFOUND);
	assert_int_equal(isb_latency_put(s.txn, &at, "seoul", &samples, now), ISB_EREADONLY);
	isb_samples_done(&samples);
	end(&s, false);
}

static void what_is_no_network_or_region_is_refused(void **state)
{
	struct session s = open_session(*state, true);
	struct isb_samples samples = {0};
	struct isb_net bits = {.addr = {4, {192, 0, 2, 1}}, .len = 24}, good = net("192.0.2.0/24");
	assert_int_equal(isb_latency_put(s.txn, &bits, "seoul", &samples, now), ISB_EINVAL);
	bits.len = 33;
	assert_int_equal(isb_latency_put(s.txn, &bits, "seoul", &samples, now), ISB_EINVAL);
	bits.addr.family = 5;
	assert_int_equal(isb_latency_put(s.txn, &bits, "seoul", &samples, now), ISB_EINVAL);
	assert_int_equal(isb_latency_put(s.txn, &good, "", &samples, now), ISB_EINVAL);
	isb_samples_done(&samples);
	end(&s, false);
}

static void a_row_without_fresh_samples_goes_when_it_is_written_or_swept(void **state)
{
	struct session s = open_session(*state, true);
	size_t gone = 9;
	char text[ISB_NET_TEXT], all[256] = "";
	put(s.txn, "192.0.2.0/24", "seoul", now, 4000, 1);
	put(s.txn, "192.0.2.0/24", "seoul", now - day, 4000, 1); /* nothing of it counts any more */
	assert_int_equal(isb_latency_each(s.txn, join, all), ISB_OK);
	assert_string_equal(all, "");
	for (unsigned i = 0; i < 70000; i++) { /* more than are swept at once */
		snprintf(text, sizeof(text), "10.%u.%u.%u/32", i >> 16, i >> 8 & 255, i & 255);
		put(s.txn, text, "seoul", i % 10000 == 7777 ? now : now - day + 1, 1000 + i % 1000, 1);
	}
	assert_int_equal(isb_latency_sweep(s.txn, now, &gone), ISB_OK);
	assert_int_equal(gone, 0);
	assert_int_equal(isb_latency_sweep(s.txn, now + 1, &gone), ISB_OK);
	assert_int_equal(gone, 70000 - 7);
	assert_int_equal(isb_latency_each(s.txn, join, all), ISB_OK);
	assert_int_equal(strncmp(all, "10.0.30.97/32 seoul 1*1777; 10.0.69.113/32 ", 43), 0);
	assert_int_equal(isb_latency_clear(s.txn), ISB_OK);
	all[0] = '\0';
	assert_int_equal(isb_latency_each(s.txn, join, all), ISB_OK);
	assert_string_equal(all, "");
	end(&s, false);
}

static void a_row_that_cannot_be_read_is_an_error_and_not_followed(void **state)
{
	static const struct isb_slice keys[] = {{"\4\300\0\2\0\30seoul", 12}, {"\4\300\0\2\1\30seoul", 12},
	                                        {"\4\300\0\2\0\30seoul", 11}, {"\5\300\0\2\0\30seoul", 12}, {"\4\300", 2}};
	struct session s = open_session(*state, true);
	char all[256] = "";
	size_t gone;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		assert_int_equal(isb_row_put(s.txn, ISB_T_LATENCY, keys[i], text("no samples")), ISB_OK);
		assert_int_equal(isb_latency_each(s.txn, join, all), ISB_EFORMAT);
		assert_int_equal(isb_latency_sweep(s.txn, now, &gone), ISB_EFORMAT);
		assert_int_equal(isb_latency_clear(s.txn), ISB_OK);
	}
	end(&s, false);
}

static void a_new_catalog_starts_without_samples(void **state)
{
	char path[512], all[256] = "";
	struct session s = open_session(*state, true);
	put(s.txn, "192.0.2.0/24", "seoul", now, 4000, 1);
	end(&s, true);
	snprintf(path, sizeof(path), "%s/catalog.mdb", (char *)*state);
	assert_int_equal(unlink(path), 0);
	s = open_session(*state, true);
	assert_int_equal(isb_latency_each(s.txn, join, all), ISB_OK);
	assert_string_equal(all, "");
	end(&s, false);
}

static void a_store_of_an_older_program_gets_the_file_by_the_next_edit(void **state)
{
	char path[512];
	struct isb_store *store = NULL;
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	snprintf(path, sizeof(path), "%s/latency.mdb", (char *)*state);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(isb_store_open(*state, ISB_STORE_READ, &store, NULL), ISB_EVERSION);
	assert_int_equal(isb_store_open(*state, ISB_STORE_WRITE_LATENCY, &store, NULL), ISB_EVERSION);
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	isb_store_close(open_store(*state, ISB_STORE_READ));
}

static void who_writes_samples_and_who_edits_do_not_wait_for_each_other(void **state)
{
	struct session s = open_session(*state, true);
	put(s.txn, "192.0.2.0/24", "seoul", now, 4000, 1);
	fflush(NULL);
	pid_t pid = fork();
	if (!pid) {
		struct isb_store *store = NULL;
		struct isb_txn *txn = NULL;
		bool good = isb_store_open(*state, ISB_STORE_WRITE_CATALOG, &store, NULL) == ISB_OK &&
		            isb_txn_begin(store, ISB_ENV_CATALOG, true, &txn) == ISB_OK && isb_txn_commit(txn) == ISB_OK;
		_exit(good ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	end(&s, true);
}

static void the_manual_shows_this_very_row(void **state)
{
	struct session s = open_session(*state, true);
	struct isb_samples samples = {0};
	struct isb_net at = net("192.0.2.0/24");
	isb_samples_add(&samples, now, 4000, 18);
	isb_samples_add(&samples, now + 1000, 9000, 3);
	assert_int_equal(isb_latency_put(s.txn, &at, "seoul", &samples, now + 1000), ISB_OK);
	assert_in_manual(s.txn, ISB_T_LATENCY, "latency", SIZE_MAX);
	isb_samples_done(&samples);
	end(&s, false);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(samples_are_kept_by_network_and_region),
		T(what_is_no_network_or_region_is_refused),
		T(a_row_without_fresh_samples_goes_when_it_is_written_or_swept),
		T(a_row_that_cannot_be_read_is_an_error_and_not_followed),
		T(a_new_catalog_starts_without_samples),
		T(a_store_of_an_older_program_gets_the_file_by_the_next_edit),
		T(who_writes_samples_and_who_edits_do_not_wait_for_each_other),
		T(the_manual_shows_this_very_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
