/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "tcp.h"
#include "udp.h"
#include "words.h"

/* Who was limited lately: without it nobody could choose the limits, or whom to exempt. */
static void log_limits(struct isb_worker *worker, int64_t now_ms)
{
	struct isb_rrl_note note;
	char net[ISB_NET_TEXT], name[ISB_DNAME_TEXT];
	if (isb_rrl_take_note(worker->ctx.rrl, now_ms, &note))
		isb_log(ISB_LOG_INFO, "rrl-limited", "worker=%u answers=%" PRIu64 " first=%s class=%s name=\"%s\"",
		        worker->number, note.limited, isb_net_print(&note.client, net),
		        isb_rrl_class_name(note.class), isb_dname_print(note.name, name));
}

void isb_turn_begin(struct isb_worker *worker, struct isb_turn *turn)
{
	turn->view = isb_live_enter(worker->live);
	if (!isb_context_is_turned(&worker->ctx, turn->view))
		isb_context_turn_to(&worker->ctx, turn->view);
	worker->ctx.settings = isb_live_settings(worker->live);
	int rc = isb_words_begin(worker->words, turn->view, &turn->health);
	/* relaxed: the flag carries nothing but itself */
	turn->health.unattended = atomic_load_explicit(&worker->live->unattended, memory_order_relaxed);
	if (rc != ISB_OK)
		isb_count(&worker->net.health_errors);
	if ((rc != ISB_OK) != worker->health_bad) {
		worker->health_bad = rc != ISB_OK;
		if (worker->health_bad)
			isb_log(ISB_LOG_ERROR, "health-unreadable", "worker=%u reason=\"%s\"", worker->number,
			        isb_strerror(rc));
		else
			isb_log(ISB_LOG_INFO, "health-readable", "worker=%u", worker->number);
	}
	turn->now_ms = isb_clock_ms();
	isb_context_begin(&worker->ctx, turn->view, &turn->health, turn->now_ms);
	if (worker->ctx.rrl)
		log_limits(worker, turn->now_ms);
}

void isb_turn_end(struct isb_worker *worker)
{
	isb_words_end(worker->words);
	isb_live_leave(worker->live);
}

static void close_all(struct isb_worker *worker)
{
	isb_udp_close(worker->udp);
	isb_tcp_close(worker->tcp);
	uv_close((uv_handle_t *)&worker->stop, NULL);
}

static void on_stop(uv_async_t *async)
{
	close_all(async->data);
}

static void run(void *arg)
{
	struct isb_worker *worker = arg;
	char name[16];
	snprintf(name, sizeof(name), "worker-%u", worker->number);
	pthread_setname_np(pthread_self(), name);
	isb_live_register();
	uv_run(&worker->loop, UV_RUN_DEFAULT); /* until close_all() has left nothing to wait for */
	isb_live_unregister();
}

static int init_loop(struct isb_worker *worker, struct isb_diags *diags)
{
	int rc = uv_loop_init(&worker->loop);
	if (rc == 0) {
		rc = uv_async_init(&worker->loop, &worker->stop, on_stop);
		if (rc == 0) {
			worker->stop.data = worker;
			return ISB_OK;
		}
		uv_loop_close(&worker->loop);
	}
	isb_diag(diags, (struct isb_mark){0}, "cannot start the loop of worker %u: %s", worker->number,
	         uv_strerror(rc));
	return ISB_EIO;
}

int isb_worker_new(unsigned number, const struct isb_options *options, struct isb_census *census,
                   struct isb_store *store, struct isb_live *live, struct isb_diags *diags,
                   struct isb_worker **ret_worker)
{
	struct isb_worker *worker = isb_xcalloc(1, sizeof(*worker));
	worker->number = number;
	worker->options = options;
	worker->census = census;
	worker->live = live;
	isb_context_init(&worker->ctx, isb_random_seed());
	int rc = init_loop(worker, diags);
	if (rc != ISB_OK) {
		free(worker);
		return rc;
	}
	worker->ctx.rrl = isb_rrl_new(&options->rrl, options->workers, isb_random_seed());
	worker->udp = isb_udp_new(worker, options->nlisten);
	worker->tcp = isb_tcp_new(worker, options->nlisten);
	rc = isb_words_new(store, &worker->words);
	if (rc != ISB_OK)
		isb_diag(diags, (struct isb_mark){0}, "cannot read the health words in '%s': %s", isb_store_dir(store),
		         isb_strerror(rc));
	for (size_t i = 0; i < options->nlisten && rc == ISB_OK; i++) {
		rc = isb_udp_listen(worker->udp, &options->listen[i], diags);
		if (rc == ISB_OK)
			rc = isb_tcp_listen(worker->tcp, &options->listen[i], diags);
	}
	if (rc != ISB_OK) {
		isb_worker_free(worker);
		return rc;
	}
	*ret_worker = worker;
	return ISB_OK;
}

int isb_worker_start(struct isb_worker *worker, struct isb_diags *diags)
{
	int rc = uv_thread_create(&worker->thread, run, worker);
	if (rc != 0) {
		isb_diag(diags, (struct isb_mark){0}, "cannot start the thread of worker %u: %s", worker->number,
		         uv_strerror(rc));
		return ISB_EIO;
	}
	worker->running = true;
	return ISB_OK;
}

void isb_worker_stop(struct isb_worker *worker)
{
	if (worker->running)
		uv_async_send(&worker->stop);
}

void isb_worker_free(struct isb_worker *worker)
{
	if (!worker)
		return;
	if (worker->running) {
		isb_worker_stop(worker);
		uv_thread_join(&worker->thread);
	} else {
		close_all(worker);
		uv_run(&worker->loop, UV_RUN_DEFAULT);
	}
	uv_loop_close(&worker->loop);
	isb_udp_free(worker->udp);
	isb_tcp_free(worker->tcp);
	isb_words_free(worker->words);
	isb_rrl_free(worker->ctx.rrl);
	isb_context_done(&worker->ctx);
	free(worker);
}
