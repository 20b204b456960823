/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>

#include "isobar/dns/settings.h"
#include "isobar/view/view.h"

/* The view in use, and the one door to liburcu (the QSBR flavour). Workers read between enter and leave; one thread
 * swaps. A registered thread is "offline" whenever it is not between the two, so a swap never waits for a worker
 * that sleeps.
 *
 * The pointer is a C11 atomic; liburcu gives only the grace period. */
struct isb_live {
	_Atomic(struct isb_view *) view;
	_Atomic(struct isb_settings *) settings;
	atomic_bool unattended; /* every probe is gone; one thread looks, and all workers answer by it */
};

/* Every thread that enters registers itself first. */
void isb_live_register(void);
void isb_live_unregister(void);

/* The view holds until the matching leave. */
const struct isb_view *isb_live_enter(struct isb_live *live);
/* Between enter and leave. */
const struct isb_settings *isb_live_settings(struct isb_live *live);
void isb_live_leave(struct isb_live *live);

/* Puts `view` in place and returns the one before, which no thread reads any more. Waits for the batches that began
 * before the swap. Call from one thread at a time, never between enter and leave. */
struct isb_view *isb_live_swap(struct isb_live *live, struct isb_view *view);
/* The same for the settings; may run beside a swap of the view. */
struct isb_settings *isb_live_swap_settings(struct isb_live *live, struct isb_settings *settings);
