/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/web/monitor.h"

/* Everything that a probe knows belongs to the thread of its loop. So a thread that answers HTTP touches none of it: it wakes
 * the loop and waits for a look (look.h), which is a copy. The text is made here and not there, because checks wait for
 * the loop, and their clocks run: a look costs it a hundredth of what the page would. Whoever asks while a look is being taken
 * waits for the next one, which is for all of them. */

enum {
	STUCK_MS = 5000, /* a round of the loop takes a few; a commit to a slow disk perhaps hundreds */
	CONNECTIONS = 16,
	PATIENCE_MS = 10000
};

struct isb_probe_metrics {
	struct isb_store *store;
	void (*take)(void *arg, struct isb_look *look);
	void *arg;
	uv_async_t wake;
	struct isb_web *web;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t news;
	uint64_t asked, taken; /* looks that were asked for are numbered; all up to `taken` have been */
	struct shared {
		struct isb_look *look;
		unsigned refs;
	} *latest;
	bool closing;
};

/* --- Handing over --- */

static void release(struct shared *shared)
{
	if (!shared || --shared->refs)
		return;
	isb_look_free(shared->look);
	free(shared);
}

/* The loop's thread. */
static void on_wake(uv_async_t *wake)
{
	struct isb_probe_metrics *m = wake->data;
	struct shared *fresh = isb_xcalloc(1, sizeof(*fresh));
	pthread_mutex_lock(&m->lock);
	uint64_t asked = m->asked;
	pthread_mutex_unlock(&m->lock);
	*fresh = (struct shared){isb_look_new(), 1};
	m->take(m->arg, fresh->look);
	pthread_mutex_lock(&m->lock);
	release(m->latest);
	m->latest = fresh;
	m->taken = asked;
	pthread_cond_broadcast(&m->news);
	pthread_mutex_unlock(&m->lock);
}

/* NULL: the loop did not come round in time, or ends. */
static struct shared *ask(struct isb_probe_metrics *m)
{
	struct timespec until;
	struct shared *shared = NULL;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STUCK_MS / 1000;
	pthread_mutex_lock(&m->lock);
	uint64_t number = ++m->asked;
	if (!m->closing)
		uv_async_send(&m->wake);
	while (m->taken < number && !m->closing)
		if (pthread_cond_timedwait(&m->news, &m->lock, &until) != 0)
			break;
	if (m->taken >= number) {
		shared = m->latest;
		shared->refs++;
	}
	pthread_mutex_unlock(&m->lock);
	return shared;
}

static void give_back(struct isb_probe_metrics *m, struct shared *shared)
{
	pthread_mutex_lock(&m->lock);
	release(shared);
	pthread_mutex_unlock(&m->lock);
}

/* --- The pages --- */

static void say_stuck(struct isb_buf *out)
{
	isb_buf_printf(out, "the probe's loop has not come round for %d ms, or it is being stopped\n", STUCK_MS);
}

static bool give_metrics(void *arg, struct isb_buf *out)
{
	struct isb_probe_metrics *m = arg;
	struct shared *shared = ask(m);
	if (!shared) {
		say_stuck(out);
		return false;
	}
	isb_look_print(shared->look, m->store, out);
	give_back(m, shared);
	return true;
}

static void give_health(void *arg, struct isb_buf *reasons)
{
	struct isb_probe_metrics *m = arg;
	struct shared *shared = ask(m);
	if (shared)
		give_back(m, shared);
	else
		say_stuck(reasons);
}

static void give_ready(void *arg, struct isb_buf *reasons)
{
	struct isb_probe_metrics *m = arg;
	struct shared *shared = ask(m);
	if (!shared) {
		say_stuck(reasons);
		return;
	}
	isb_buf_puts(reasons, isb_buf_text(&shared->look->unready));
	give_back(m, shared);
}

static void handle(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply)
{
	static const struct isb_monitor monitor = {give_metrics, give_health, give_ready};
	if (!isb_monitor_serve(&monitor, arg, request, reply))
		isb_web_not_found(reply, request);
}

/* --- Birth and death --- */

static int listen_on(struct isb_probe_metrics *m, const struct isb_probe_options *options)
{
	const struct isb_web_options web = {.listen = options->metrics, .nlisten = options->nmetrics,
	                                    .connections = CONNECTIONS, .patience_ms = PATIENCE_MS};
	struct isb_diags diags;
	isb_diags_init(&diags);
	int rc = isb_web_new(&web, handle, m, &diags, &m->web);
	for (const struct isb_diag *g = diags.list; g < diags.list + diags.count; g++)
		isb_log(ISB_LOG_ERROR, "metrics-failed", "reason=\"%s\"", g->text);
	isb_diags_done(&diags);
	return rc;
}

int isb_probe_metrics_new(uv_loop_t *loop, const struct isb_probe_options *options, struct isb_store *store,
                          void (*take)(void *arg, struct isb_look *look), void *arg, struct isb_probe_metrics **ret_metrics)
{
	struct isb_probe_metrics *m = isb_xcalloc(1, sizeof(*m));
	pthread_condattr_t attr;
	*m = (struct isb_probe_metrics){.store = store, .take = take, .arg = arg};
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->news, &attr);
	pthread_condattr_destroy(&attr);
	m->wake.data = m;
	uv_async_init(loop, &m->wake, on_wake);
	*ret_metrics = m; /* whatever happens: the loop has its handle */
	return listen_on(m, options);
}

void isb_probe_metrics_close(struct isb_probe_metrics *metrics)
{
	if (!metrics)
		return;
	pthread_mutex_lock(&metrics->lock);
	metrics->closing = true;
	pthread_cond_broadcast(&metrics->news);
	pthread_mutex_unlock(&metrics->lock);
	isb_web_free(metrics->web);
	uv_close((uv_handle_t *)&metrics->wake, NULL);
}

void isb_probe_metrics_free(struct isb_probe_metrics *metrics)
{
	if (!metrics)
		return;
	release(metrics->latest);
	pthread_cond_destroy(&metrics->news);
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}
