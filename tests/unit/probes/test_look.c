/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/look.h"
#include "probes/runner.h"

static void spans_fall_into_the_bucket_that_holds_them(void **state)
{
	struct isb_spans spans = {0};
	(void)state;
	isb_spans_add(&spans, -5);
	isb_spans_add(&spans, 500);
	isb_spans_add(&spans, 501);
	isb_spans_add(&spans, 10000000);
	isb_spans_add(&spans, 10000001);
	assert_int_equal(spans.count[0], 2);
	assert_int_equal(spans.count[1], 1);
	assert_int_equal(spans.count[ISB_SPAN_BOUNDS - 1], 1);
	assert_int_equal(spans.count[ISB_SPAN_BOUNDS], 1);
	assert_int_equal(spans.sum_us, 20001002);
}

static void outcomes_count_by_type_and_kind(void **state)
{
	struct isb_counts counts = {0};
	const struct isb_outcome ok = {.kind = ISB_OUT_OK, .total_us = 1500}, lost = {.kind = ISB_OUT_RESOLVE};
	(void)state;
	isb_counts_outcome(&counts, ISB_CHECK_TCP, &ok);
	isb_counts_outcome(&counts, ISB_CHECK_TCP, &lost);
	isb_counts_outcome(&counts, ISB_CHECK_HTTPS, &ok);
	assert_int_equal(counts.outcomes[ISB_CHECK_TCP][ISB_OUT_OK], 1);
	assert_int_equal(counts.outcomes[ISB_CHECK_TCP][ISB_OUT_RESOLVE], 1);
	assert_int_equal(counts.durations[ISB_CHECK_TCP].count[2], 1);
	assert_int_equal(counts.durations[ISB_CHECK_TCP].sum_us, 1500); /* who was never reached took no time that is known */
	assert_int_equal(counts.durations[ISB_CHECK_HTTPS].sum_us, 1500);
}

enum { MANY = ISB_LOOK_ROWS + 7 };

/* A runner over so many targets, of which only what a look reads is there. */
struct world {
	struct isb_target targets[MANY];
	struct isb_target *list[MANY];
	char names[MANY][16];
	struct isb_schedule feeds;
	struct isb_runner runner;
};

static int setup(void **state)
{
	struct world *w = isb_xcalloc(1, sizeof(*w));
	for (unsigned i = 0; i < MANY; i++) {
		struct isb_target *t = w->list[i] = &w->targets[i];
		snprintf(w->names[i], sizeof(w->names[i]), "p/e%u", i);
		*t = (struct isb_target){.name = w->names[i], .slot = i, .place = ISB_NOT_QUEUED};
	}
	w->runner.schedule = (struct isb_schedule){.targets = w->list, .feeds = &w->feeds, .queued = 3};
	w->runner.in_flight = 2;
	w->runner.max_in_flight = 9;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static bool page_has(const struct isb_look *look, const char *line)
{
	struct isb_buf out = {0};
	isb_look_print(look, NULL, &out);
	bool has = strstr(isb_buf_text(&out), line) != NULL;
	isb_buf_done(&out);
	return has;
}

static void what_a_probe_sees_is_told(void **state)
{
	struct world *w = *state;
	w->runner.schedule.count = 2;
	w->targets[0].history = (struct isb_history){.state = ISB_UP, .flaps = 4, .p50_us = 20480, .p95_us = 28672,
	                                             .p99_us = 57344, .observed_ms = 1};
	struct isb_look *look = isb_look_new();
	isb_look_at_runner(look, &w->runner);
	isb_look_add_trouble(look, "report", 5);
	look->taken_ms = 2501;
	w->targets[0].history.flaps = 99; /* a copy does not change any more */
	assert_true(page_has(look, "\nisobar_probe_endpoint_state{pool=\"p\",endpoint=\"e0\",state=\"up\"} 1\n"));
	assert_true(page_has(look, "\nisobar_probe_endpoint_state{pool=\"p\",endpoint=\"e1\",state=\"unknown\"} 1\n"));
	assert_true(page_has(look, "\nisobar_probe_endpoint_flaps_total{pool=\"p\",endpoint=\"e0\"} 4\n"));
	assert_true(page_has(look, "\nisobar_probe_endpoint_latency_seconds{pool=\"p\",endpoint=\"e0\",percentile=\"99\"} 0.057344\n"));
	assert_false(page_has(look, "latency_seconds{pool=\"p\",endpoint=\"e1\"")); /* it was never reached */
	assert_true(page_has(look, "\nisobar_probe_endpoint_check_age_seconds{pool=\"p\",endpoint=\"e0\"} 2.5\n"));
	assert_false(page_has(look, "check_age_seconds{pool=\"p\",endpoint=\"e1\""));
	assert_true(page_has(look, "\nisobar_probe_store_errors_total{operation=\"report\"} 5\n"));
	assert_true(page_has(look, "\nisobar_probe_checks_in_flight 2\n"));
	assert_true(page_has(look, "\nisobar_probe_checks_waiting 3\n"));
	assert_true(page_has(look, "\nisobar_probe_ready 1\n"));
	assert_false(page_has(look, "isobar_probe_certificate_left_seconds{")); /* it has none */
	assert_false(page_has(look, "isobar_probe_endpoint_verdict"));          /* nor a store that could be read */
	isb_look_free(look);
}

static void a_page_is_bounded_and_says_what_it_leaves_out(void **state)
{
	struct world *w = *state;
	w->runner.schedule.count = MANY;
	struct isb_look *look = isb_look_new();
	isb_look_at_runner(look, &w->runner);
	assert_int_equal(look->nrow, ISB_LOOK_ROWS);
	assert_true(page_has(look, "\nisobar_probe_endpoints 10007\n"));
	assert_true(page_has(look, "\nisobar_probe_endpoints_left_out 7\n"));
	assert_true(page_has(look, "endpoint=\"e9999\""));
	assert_false(page_has(look, "endpoint=\"e10000\""));
	isb_look_free(look);
}

static void a_probe_of_a_site_tells_of_it_and_not_of_a_store(void **state)
{
	struct world *w = *state;
	struct isb_look *look = isb_look_new();
	look->remote = true;
	look->certificate_days = -1;
	look->lost = 3;
	isb_look_at_runner(look, &w->runner);
	isb_buf_puts(&look->unready, "its site is away\n");
	assert_true(page_has(look, "\nisobar_probe_site_connected 0\n"));
	assert_true(page_has(look, "\nisobar_probe_site_lost_total 3\n"));
	assert_false(page_has(look, "isobar_probe_site_heard_age_seconds")); /* while it is away nobody is heard */
	assert_true(page_has(look, "\nisobar_probe_certificate_left_seconds{of=\"self\"} -86400\n"));
	assert_true(page_has(look, "\nisobar_probe_ready 0\n"));
	assert_false(page_has(look, "isobar_probe_report_duration_seconds"));
	isb_look_free(look);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_fall_into_the_bucket_that_holds_them),
		cmocka_unit_test(outcomes_count_by_type_and_kind),
		cmocka_unit_test_setup_teardown(what_a_probe_sees_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_page_is_bounded_and_says_what_it_leaves_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_probe_of_a_site_tells_of_it_and_not_of_a_store, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
