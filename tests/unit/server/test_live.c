/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "server/live.h"

struct reader {
	struct isb_live *live;
	const struct isb_view *seen;
	pthread_barrier_t entered, leave; /* of two threads each */
	atomic_bool left;
};

static void *read_once(void *arg)
{
	struct reader *reader = arg;
	isb_live_register();
	reader->seen = isb_live_enter(reader->live);
	pthread_barrier_wait(&reader->entered);
	pthread_barrier_wait(&reader->leave);
	atomic_store(&reader->left, true);
	isb_live_leave(reader->live);
	isb_live_unregister();
	return NULL;
}

static void *release_later(void *arg)
{
	struct reader *reader = arg;
	nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL); /* long enough for the swap to be waiting */
	pthread_barrier_wait(&reader->leave);
	return NULL;
}

static void a_swap_gives_back_the_old_view_when_the_batch_that_used_it_has_ended(void **state)
{
	(void)state;
	struct isb_view first = {.generation = 1}, second = {.generation = 2};
	struct isb_live live = {.view = &first};
	struct reader reader = {.live = &live};
	pthread_t batch, timer;
	pthread_barrier_init(&reader.entered, NULL, 2);
	pthread_barrier_init(&reader.leave, NULL, 2);
	pthread_create(&batch, NULL, read_once, &reader);
	pthread_barrier_wait(&reader.entered);
	assert_ptr_equal(reader.seen, &first);
	pthread_create(&timer, NULL, release_later, &reader);
	assert_ptr_equal(isb_live_swap(&live, &second), &first);
	assert_true(atomic_load(&reader.left));
	pthread_join(batch, NULL);
	pthread_join(timer, NULL);
	pthread_barrier_destroy(&reader.entered);
	pthread_barrier_destroy(&reader.leave);
}

static void *sleep_registered(void *arg)
{
	struct reader *reader = arg;
	isb_live_register();
	isb_live_enter(reader->live);
	isb_live_leave(reader->live);
	pthread_barrier_wait(&reader->entered);
	pthread_barrier_wait(&reader->leave); /* as a worker in poll */
	reader->seen = isb_live_enter(reader->live);
	isb_live_leave(reader->live);
	isb_live_unregister();
	return NULL;
}

static void a_swap_does_not_wait_for_a_worker_that_sleeps_and_the_worker_wakes_to_the_new_view(void **state)
{
	(void)state;
	struct isb_view first = {.generation = 1}, second = {.generation = 2};
	struct isb_live live = {.view = &first};
	struct reader reader = {.live = &live};
	pthread_t worker;
	pthread_barrier_init(&reader.entered, NULL, 2);
	pthread_barrier_init(&reader.leave, NULL, 2);
	pthread_create(&worker, NULL, sleep_registered, &reader);
	pthread_barrier_wait(&reader.entered);
	assert_ptr_equal(isb_live_swap(&live, &second), &first); /* else this hangs */
	pthread_barrier_wait(&reader.leave);
	pthread_join(worker, NULL);
	assert_ptr_equal(reader.seen, &second);
	pthread_barrier_destroy(&reader.entered);
	pthread_barrier_destroy(&reader.leave);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_swap_gives_back_the_old_view_when_the_batch_that_used_it_has_ended),
		cmocka_unit_test(a_swap_does_not_wait_for_a_worker_that_sleeps_and_the_worker_wakes_to_the_new_view),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
