/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/buf.h"
#include "isobar/base/diag.h"
#include "isobar/store/env.h"
#include "isobar/web/web.h"

/* Tells whoever listens that something changed, as server-sent events: one thread looks at the store four times a
 * second, and wakes the listeners. What they are told is where things are now, so nobody can fall behind: who reads
 * slowly is told less often. */

enum { ISB_EVENTS_LISTENERS = 48 };

/* Where the store is: the catalog's generation, and the number of the newest commit of health. */
struct isb_events_state {
	uint64_t catalog, health;
};

struct isb_events;
/* The store must outlive it. ISB_EIO with a diag. */
int isb_events_new(struct isb_store *store, struct isb_diags *diags, struct isb_events **ret_events);
/* Listeners are told that it is over; before the web server is freed. */
void isb_events_stop(struct isb_events *events);
void isb_events_free(struct isb_events *events); /* NULL is fine; stopped, and without listeners */
unsigned isb_events_listeners(struct isb_events *events);

/* The reply becomes a stream, or 503 when there are too many. */
void isb_events_serve(struct isb_events *events, const struct isb_web_request *request, struct isb_web_reply *reply);
/* What a listener who knows `seen` is told of `now`; nothing when it is the same. */
void isb_events_print(struct isb_buf *out, const struct isb_events_state *seen, const struct isb_events_state *now);
