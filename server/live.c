/* SPDX-License-Identifier: Apache-2.0 */
#include "live.h"

#include <urcu/urcu-qsbr.h>

/* The barriers that order "last read of the old view" before "grace period over" are inside liburcu.so, where
 * ThreadSanitizer cannot see them; in its builds they are told by hand, or freeing a view would look like a race. */
#ifndef __has_feature
#define __has_feature(x) 0 /* gcc says it the other way */
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
static void tell_leave(struct isb_live *live) { __tsan_release(live); }
static void tell_grace(struct isb_live *live) { __tsan_acquire(live); }
#else
static void tell_leave(struct isb_live *live) { (void)live; }
static void tell_grace(struct isb_live *live) { (void)live; }
#endif

void isb_live_register(void)
{
	urcu_qsbr_register_thread();
	urcu_qsbr_thread_offline();
}

void isb_live_unregister(void)
{
	urcu_qsbr_unregister_thread();
}

const struct isb_view *isb_live_enter(struct isb_live *live)
{
	urcu_qsbr_thread_online();
	/* acquire: the view's content was written before it was put in place */
	return atomic_load_explicit(&live->view, memory_order_acquire);
}

void isb_live_leave(struct isb_live *live)
{
	tell_leave(live);
	urcu_qsbr_thread_offline();
}

struct isb_view *isb_live_swap(struct isb_live *live, struct isb_view *view)
{
	/* release pairs with enter */
	struct isb_view *old = atomic_exchange_explicit(&live->view, view, memory_order_acq_rel);
	urcu_qsbr_synchronize_rcu();
	tell_grace(live);
	return old;
}

const struct isb_settings *isb_live_settings(struct isb_live *live)
{
	return atomic_load_explicit(&live->settings, memory_order_acquire);
}

struct isb_settings *isb_live_swap_settings(struct isb_live *live, struct isb_settings *settings)
{
	struct isb_settings *old = atomic_exchange_explicit(&live->settings, settings, memory_order_acq_rel);
	urcu_qsbr_synchronize_rcu();
	tell_grace(live);
	return old;
}
