/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/buf.h"
#include "isobar/base/rng.h"
#include "server/ledger.h"

/* A plan of names alone, as far as a ledger looks. */
struct fake {
	struct isb_buf block;
	struct isb_view view;
};

static uint32_t add(struct isb_buf *block, const void *data, size_t len)
{
	while (block->len % 8)
		isb_buf_putc(block, '\0');
	uint32_t at = (uint32_t)block->len;
	isb_buf_add(block, data, len);
	return at;
}

/* Names with blanks between them; "-" is a number that is not in use. */
static struct fake *fake(const char *records, const char *endpoints)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct isb_plan head = {0};
	struct isb_plan_record record[64] = {{0}};
	struct isb_plan_endpoint endpoint[64] = {{0}};
	char text[1024], *rest = text;
	add(&f->block, &head, sizeof(head));
	snprintf(text, sizeof(text), "%s", records);
	for (char *word; (word = strtok_r(rest, " ", &rest)); head.nrecord++)
		if (strcmp(word, "-") != 0)
			record[head.nrecord].name = add(&f->block, word, strlen(word) + 1);
	snprintf(text, sizeof(text), "%s", endpoints);
	rest = text;
	for (char *word; (word = strtok_r(rest, " ", &rest)); head.nendpoint++)
		endpoint[head.nendpoint].name = add(&f->block, word, strlen(word) + 1);
	head.record = add(&f->block, record, head.nrecord * sizeof(record[0]));
	head.endpoint = add(&f->block, endpoint, head.nendpoint * sizeof(endpoint[0]));
	head.size = (uint32_t)f->block.len;
	memcpy(f->block.data, &head, sizeof(head));
	f->view.plan = (const struct isb_plan *)(const void *)f->block.data;
	return f;
}

static void done(struct fake *f)
{
	isb_buf_done(&f->block);
	free(f);
}

static uint64_t record_count(struct isb_ledger *ledger, const struct fake *f, uint32_t record, enum isb_reason reason)
{
	isb_ledger_row rows[64];
	isb_ledger_records(ledger, &f->view, rows, f->view.plan->nrecord);
	return rows[record][reason];
}

static uint64_t endpoint_count(struct isb_ledger *ledger, const struct fake *f, uint32_t endpoint, enum isb_reason reason)
{
	isb_ledger_row rows[64];
	isb_ledger_endpoints(ledger, &f->view, rows, f->view.plan->nendpoint);
	return rows[endpoint][reason];
}

static void counts_go_by_name_from_view_to_view(void **state)
{
	struct isb_ledger *ledger = isb_ledger_new(2);
	struct fake *one = fake("z/a z/b", "p/x p/y"), *two = fake("z/b - z/a", "q/n p/y p/x");
	(void)state;
	isb_ledger_open(ledger, NULL, &one->view);
	isb_tally_record(one->view.tallies[0], 0, ISB_REASON_FIRST);
	isb_tally_record(one->view.tallies[1], 0, ISB_REASON_FIRST);
	isb_tally_record(one->view.tallies[1], 1, ISB_REASON_NODATA);
	isb_tally_endpoint(one->view.tallies[0], 1, ISB_REASON_FAILOVER);
	assert_int_equal(record_count(ledger, one, 0, ISB_REASON_FIRST), 2);
	isb_ledger_open(ledger, &one->view, &two->view);
	isb_tally_record(two->view.tallies[0], 2, ISB_REASON_FIRST); /* one worker is there already, … */
	isb_tally_record(one->view.tallies[1], 0, ISB_REASON_FIRST); /* … the other at its last batch */
	assert_int_equal(record_count(ledger, two, 2, ISB_REASON_FIRST), 4);
	assert_int_equal(record_count(ledger, one, 0, ISB_REASON_FIRST), 4);
	isb_ledger_close(ledger, &one->view, &two->view);
	done(one);
	assert_int_equal(record_count(ledger, two, 2, ISB_REASON_FIRST), 4);
	assert_int_equal(record_count(ledger, two, 0, ISB_REASON_NODATA), 1);
	assert_int_equal(endpoint_count(ledger, two, 1, ISB_REASON_FAILOVER), 1);
	assert_int_equal(endpoint_count(ledger, two, 0, ISB_REASON_FAILOVER), 0);
	isb_ledger_free(ledger);
	done(two);
}

static void a_record_and_an_endpoint_may_have_one_name(void **state)
{
	struct isb_ledger *ledger = isb_ledger_new(1);
	struct fake *f = fake("p/x", "p/x");
	(void)state;
	isb_ledger_open(ledger, NULL, &f->view);
	isb_tally_record(f->view.tallies[0], 0, ISB_REASON_FIRST);
	assert_int_equal(record_count(ledger, f, 0, ISB_REASON_FIRST), 1);
	assert_int_equal(endpoint_count(ledger, f, 0, ISB_REASON_FIRST), 0);
	isb_ledger_free(ledger);
	done(f);
}

static void views_of_one_plan_share_their_tallies(void **state)
{
	struct isb_ledger *ledger = isb_ledger_new(1);
	struct fake *f = fake("z/a", "p/x");
	struct isb_view later = {.plan = f->view.plan};
	(void)state;
	isb_ledger_open(ledger, NULL, &f->view);
	isb_tally_record(f->view.tallies[0], 0, ISB_REASON_FIRST);
	isb_ledger_open(ledger, &f->view, &later);
	assert_ptr_equal(later.tallies, f->view.tallies);
	isb_ledger_close(ledger, &f->view, &later);
	isb_tally_record(later.tallies[0], 0, ISB_REASON_FIRST);
	assert_int_equal(record_count(ledger, f, 0, ISB_REASON_FIRST), 2);
	isb_ledger_free(ledger);
	done(f);
}

/* A name that comes and goes keeps its counts; so do all others while very many come and go for good. */
static void names_that_went_come_back_with_their_counts(void **state)
{
	struct isb_ledger *ledger = isb_ledger_new(1);
	struct fake *now = fake("z/kept z/away", "p/x");
	(void)state;
	isb_ledger_open(ledger, NULL, &now->view);
	isb_tally_record(now->view.tallies[0], 0, ISB_REASON_FIRST);
	isb_tally_record(now->view.tallies[0], 1, ISB_REASON_FIRST);
	for (unsigned i = 0; i < 8000; i++) {
		char names[200];
		size_t len = (size_t)snprintf(names, sizeof(names), "z/kept%s", i == 7999 || i == 50 ? " z/away" : "");
		for (unsigned k = 0; k < 10; k++)
			len += (size_t)snprintf(names + len, sizeof(names) - len, " z/%u", 10 * i + k);
		struct fake *next = fake(names, "p/x");
		isb_ledger_open(ledger, &now->view, &next->view);
		isb_ledger_close(ledger, &now->view, &next->view);
		done(now);
		now = next;
		isb_tally_record(now->view.tallies[0], 0, ISB_REASON_FIRST);
		if (i == 50)
			assert_int_equal(record_count(ledger, now, 1, ISB_REASON_FIRST), 1);
	}
	assert_int_equal(record_count(ledger, now, 0, ISB_REASON_FIRST), 8001);
	assert_int_equal(record_count(ledger, now, 1, ISB_REASON_FIRST), 0); /* 65536 others went in the meantime */
	isb_ledger_free(ledger);
	done(now);
}

/* --- While workers count and views go by ------------------------------------------------------------------------- */

enum { WORKERS = 3, COUNTS = 30000, PLANS = 40 };
struct race {
	pthread_mutex_t step; /* in place of the grace period: a worker holds its view while it counts once */
	struct fake *current;
	unsigned seat;
};
static struct race race[WORKERS];
static struct isb_ledger *shared;

static void *count(void *arg)
{
	struct race *mine = arg;
	for (unsigned i = 0; i < COUNTS; i++) {
		pthread_mutex_lock(&mine->step);
		const struct isb_view *view = &mine->current->view;
		isb_tally_record(view->tallies[mine->seat], view->plan->nrecord - 1, ISB_REASON_FIRST);
		pthread_mutex_unlock(&mine->step);
	}
	return NULL;
}

static void nothing_is_lost_or_counted_twice_while_views_are_swapped(void **state)
{
	pthread_t threads[WORKERS];
	struct fake *now = fake("z/a", "p/x");
	uint64_t last = 0;
	(void)state;
	shared = isb_ledger_new(WORKERS);
	isb_ledger_open(shared, NULL, &now->view);
	for (unsigned i = 0; i < WORKERS; i++) {
		race[i] = (struct race){.current = now, .seat = i};
		pthread_mutex_init(&race[i].step, NULL);
		pthread_create(&threads[i], NULL, count, &race[i]);
	}
	for (unsigned p = 0; p < PLANS; p++) {
		struct fake *next = fake(p % 2 ? "z/a" : "z/b z/c z/a", "p/x");
		isb_ledger_open(shared, &now->view, &next->view);
		for (unsigned i = 0; i < WORKERS; i++) {
			pthread_mutex_lock(&race[i].step);
			race[i].current = next;
			pthread_mutex_unlock(&race[i].step);
		}
		isb_ledger_close(shared, &now->view, &next->view);
		done(now);
		now = next;
		uint64_t seen = record_count(shared, now, now->view.plan->nrecord - 1, ISB_REASON_FIRST);
		assert_true(seen >= last && seen <= WORKERS * COUNTS);
		last = seen;
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(record_count(shared, now, now->view.plan->nrecord - 1, ISB_REASON_FIRST), WORKERS * COUNTS);
	isb_ledger_free(shared);
	isb_ledger_free(NULL);
	done(now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_go_by_name_from_view_to_view),
		cmocka_unit_test(a_record_and_an_endpoint_may_have_one_name),
		cmocka_unit_test(views_of_one_plan_share_their_tallies),
		cmocka_unit_test(names_that_went_come_back_with_their_counts),
		cmocka_unit_test(nothing_is_lost_or_counted_twice_while_views_are_swapped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
