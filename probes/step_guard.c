/* SPDX-License-Identifier: Apache-2.0 */
#include "step_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "isobar/base/arena.h"

#ifndef sigev_notify_thread_id /* glibc 2.36 has no name for it */
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct isb_step_guard {
	timer_t timer;
	void (*end)(void *arg);
	void *arg;
	bool inside; /* of a step, paused or not */
	/* The handler interrupts the only other thread that touches these: sequential consistency costs nothing
	 * here and keeps the compiler from moving what is guarded across. */
	_Atomic bool armed, seen; /* seen: the timer has met this step before */
};

static void on_timer(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	struct isb_step_guard *guard = info->si_value.sival_ptr;
	int saved = errno;
	if (info->si_code == SI_TIMER && guard->armed && atomic_exchange(&guard->seen, true))
		guard->end(guard->arg);
	errno = saved;
}

struct isb_step_guard *isb_step_guard_new(unsigned most_ms, void (*end)(void *arg), void *arg)
{
	struct isb_step_guard *guard = isb_xcalloc(1, sizeof(*guard));
	struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN, .sigev_value.sival_ptr = guard};
	struct timespec span = {.tv_sec = most_ms / 1000, .tv_nsec = (long)(most_ms % 1000) * 1000000};
	struct itimerspec every = {.it_interval = span, .it_value = span};
	guard->end = end;
	guard->arg = arg;
	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGRTMIN, &action, NULL) != 0 || timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &guard->timer) != 0) {
		free(guard);
		return NULL;
	}
	timer_settime(guard->timer, 0, &every, NULL);
	return guard;
}

void isb_step_guard_free(struct isb_step_guard *guard)
{
	if (!guard)
		return;
	timer_delete(guard->timer);
	signal(SIGRTMIN, SIG_IGN); /* one that is on its way finds nothing any more */
	free(guard);
}

void isb_step_guard_enter(struct isb_step_guard *guard)
{
	if (!guard)
		return;
	guard->inside = true;
	guard->seen = false;
	guard->armed = true;
}

void isb_step_guard_leave(struct isb_step_guard *guard)
{
	if (!guard)
		return;
	guard->armed = false;
	guard->inside = false;
}

void isb_step_guard_pause(struct isb_step_guard *guard)
{
	if (guard)
		guard->armed = false;
}

void isb_step_guard_resume(struct isb_step_guard *guard)
{
	if (!guard)
		return;
	guard->seen = false;
	guard->armed = guard->inside;
}
