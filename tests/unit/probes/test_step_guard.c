/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "probes/step_guard.h"

enum { MOST_MS = 10 };

static volatile sig_atomic_t ends;

static void end(void *arg)
{
	*(volatile sig_atomic_t *)arg += 1;
}

static int64_t cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* Until the guard has called, or for that much CPU time. */
static void burn(int64_t most_ms)
{
	for (int64_t until = cpu_ms() + most_ms; !ends && cpu_ms() < until;)
		;
}

static void a_step_that_does_not_end_is_ended(void **state)
{
	(void)state;
	struct isb_step_guard *guard = isb_step_guard_new(MOST_MS, end, (void *)(uintptr_t)&ends);
	assert_non_null(guard);
	ends = 0;
	burn(10 * MOST_MS);
	assert_int_equal(ends, 0); /* outside of steps nothing is looked at */
	isb_step_guard_enter(guard);
	burn(10000);
	isb_step_guard_leave(guard);
	assert_true(ends > 0);
	isb_step_guard_free(guard);
}

static void short_steps_and_paused_ones_go_on(void **state)
{
	(void)state;
	struct isb_step_guard *guard = isb_step_guard_new(MOST_MS, end, (void *)(uintptr_t)&ends);
	ends = 0;
	for (int i = 0; i < 50; i++) {
		isb_step_guard_enter(guard);
		burn(1);
		isb_step_guard_leave(guard);
	}
	isb_step_guard_enter(guard);
	isb_step_guard_pause(guard);
	burn(10 * MOST_MS);
	isb_step_guard_resume(guard);
	isb_step_guard_leave(guard);
	isb_step_guard_pause(guard); /* what is changed outside of a step */
	isb_step_guard_resume(guard);
	burn(10 * MOST_MS);
	assert_int_equal(ends, 0);
	isb_step_guard_free(guard);
}

static void no_guard_guards_nothing(void **state)
{
	(void)state;
	isb_step_guard_enter(NULL);
	isb_step_guard_pause(NULL);
	isb_step_guard_resume(NULL);
	isb_step_guard_leave(NULL);
	isb_step_guard_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_that_does_not_end_is_ended),
		cmocka_unit_test(short_steps_and_paused_ones_go_on),
		cmocka_unit_test(no_guard_guards_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
