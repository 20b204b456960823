/* SPDX-License-Identifier: Apache-2.0 */
#include "events.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/store/catalogdb.h"

enum {
	TICK_MS = 250,
	HEALTH_MS = 1000,     /* probes may commit many times a second; a listener is told once */
	HEARTBEAT_MS = 15000, /* proxies end what is silent for a minute */
	SLICE_MS = 1000,      /* how late it is noticed that a listener has gone */
};

struct isb_events {
	struct isb_store *store;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool running, stop;
	uint64_t catalog_txn; /* the commit that `state.catalog` is of */
	struct isb_events_state state;
	unsigned listeners;
};

struct listener {
	struct isb_events *events;
	const struct isb_web_request *request;
	struct isb_events_state seen;
	int64_t said_us, health_us; /* monotonic */
	struct isb_buf text;
	size_t sent;
};

/* --- The store ---------------------------------------------------------------------------------------------------- */

/* A catalog that cannot be read now is asked for again. */
static void look(struct isb_events *events)
{
	struct isb_txn *txn;
	struct isb_events_state now = events->state;
	uint64_t catalog_txn = isb_store_last_txn_id(events->store, ISB_ENV_CATALOG);
	now.health = isb_store_last_txn_id(events->store, ISB_ENV_HEALTH);
	if (catalog_txn != events->catalog_txn && isb_txn_begin(events->store, ISB_ENV_CATALOG, false, &txn) == ISB_OK) {
		now.catalog = isb_generation(txn);
		events->catalog_txn = isb_txn_id(txn);
		isb_txn_abort(txn);
	}
	pthread_mutex_lock(&events->lock);
	bool moved = now.catalog != events->state.catalog || now.health != events->state.health;
	events->state = now;
	if (moved)
		pthread_cond_broadcast(&events->changed);
	pthread_mutex_unlock(&events->lock);
}

/* Under the lock. */
static void wait_ms(struct isb_events *events, int64_t ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&events->changed, &events->lock, &until);
}

static void *run(void *arg)
{
	struct isb_events *events = arg;
	struct timespec tick = {.tv_nsec = TICK_MS * 1000000};
	pthread_setname_np(pthread_self(), "events");
	for (;;) {
		look(events);
		pthread_mutex_lock(&events->lock);
		bool stop = events->stop;
		pthread_mutex_unlock(&events->lock);
		if (stop)
			return NULL;
		nanosleep(&tick, NULL);
	}
}

/* --- Listeners ---------------------------------------------------------------------------------------------------- */

void isb_events_print(struct isb_buf *out, const struct isb_events_state *seen, const struct isb_events_state *now)
{
	const struct {
		const char *name;
		uint64_t seen, now;
	} events[] = {{"catalog", seen->catalog, now->catalog}, {"health", seen->health, now->health}};
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i].seen != events[i].now)
			isb_buf_printf(out, "event: %s\nid: %s-%llu\ndata: {\"generation\": %llu}\n\n", events[i].name,
			               events[i].name, (unsigned long long)events[i].now,
			               (unsigned long long)events[i].now);
}

/* Under the lock: is there something to say? */
static bool compose(struct listener *l)
{
	int64_t now_us = isb_monotonic_us();
	struct isb_events_state state = l->events->state;
	if (l->health_us && now_us - l->health_us < HEALTH_MS * 1000)
		state.health = l->seen.health;
	else if (state.health != l->seen.health)
		l->health_us = now_us;
	isb_buf_reset(&l->text);
	l->sent = 0;
	isb_events_print(&l->text, &l->seen, &state);
	l->seen = state;
	if (!l->text.len && now_us - l->said_us >= HEARTBEAT_MS * 1000)
		isb_buf_puts(&l->text, ":\n\n"); /* a comment */
	if (l->text.len)
		l->said_us = now_us;
	return l->text.len;
}

static size_t more(void *arg, char *out, size_t max)
{
	struct listener *l = arg;
	struct isb_events *events = l->events;
	pthread_mutex_lock(&events->lock);
	while (!events->stop && l->sent == l->text.len && !compose(l)) {
		wait_ms(events, SLICE_MS);
		if (isb_web_gone(l->request))
			break;
	}
	bool stop = events->stop;
	pthread_mutex_unlock(&events->lock);
	size_t left = stop ? 0 : l->text.len - l->sent, len = left < max ? left : max;
	if (len)
		memcpy(out, l->text.data + l->sent, len);
	l->sent += len;
	return len;
}

static void done(void *arg)
{
	struct listener *l = arg;
	pthread_mutex_lock(&l->events->lock);
	l->events->listeners--;
	pthread_mutex_unlock(&l->events->lock);
	isb_buf_done(&l->text);
	free(l);
}

void isb_events_serve(struct isb_events *events, const struct isb_web_request *request, struct isb_web_reply *reply)
{
	pthread_mutex_lock(&events->lock);
	bool full = events->listeners == ISB_EVENTS_LISTENERS;
	events->listeners += !full;
	pthread_mutex_unlock(&events->lock);
	if (full) {
		isb_web_problem(reply, 503, "%d listen already; ask again in a while", (int)ISB_EVENTS_LISTENERS);
		isb_web_field(reply, "Retry-After", "30");
		return;
	}
	struct listener *l = isb_xcalloc(1, sizeof(*l));
	*l = (struct listener){.events = events, .request = request, .said_us = isb_monotonic_us(),
	                       .seen = {UINT64_MAX, UINT64_MAX}}; /* so that the first thing told is where things are */
	isb_buf_puts(&l->text, "retry: 2000\n\n");
	reply->type = "text/event-stream";
	reply->stream = more;
	reply->stream_done = done;
	reply->stream_arg = l;
}

/* --- From outside ------------------------------------------------------------------------------------------------- */

int isb_events_new(struct isb_store *store, struct isb_diags *diags, struct isb_events **ret_events)
{
	struct isb_events *events = isb_xcalloc(1, sizeof(*events));
	pthread_condattr_t attributes;
	events->store = store;
	pthread_mutex_init(&events->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&events->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	look(events);
	int error = pthread_create(&events->thread, NULL, run, events);
	events->running = !error;
	if (error) {
		isb_diag(diags, (struct isb_mark){0}, "cannot watch the store: %s", strerror(error));
		isb_events_free(events);
		return ISB_EIO;
	}
	*ret_events = events;
	return ISB_OK;
}

void isb_events_stop(struct isb_events *events)
{
	if (!events || !events->running)
		return;
	pthread_mutex_lock(&events->lock);
	events->stop = true;
	pthread_cond_broadcast(&events->changed);
	pthread_mutex_unlock(&events->lock);
	pthread_join(events->thread, NULL);
	events->running = false;
}

void isb_events_free(struct isb_events *events)
{
	if (!events)
		return;
	isb_events_stop(events);
	pthread_cond_destroy(&events->changed);
	pthread_mutex_destroy(&events->lock);
	free(events);
}

unsigned isb_events_listeners(struct isb_events *events)
{
	pthread_mutex_lock(&events->lock);
	unsigned listeners = events->listeners;
	pthread_mutex_unlock(&events->lock);
	return listeners;
}
