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
	worker->ctx.tally = turn->view->tallies ? turn->view->tallies[worker->seat] : NULL;
	worker->ctx.settings = isb_live_settings(worker->live);
	turn->now_ms = isb_clock_ms();
	int rc = isb_words_begin(worker->words, turn->view, turn->now_ms, &turn->health);
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
	isb_tcp_close(worker->tcp);
	uv_close((uv_handle_t *)&worker->stop, NULL);
}

static void on_stop(uv_async_t *async)
{
	close_all(async->data);
}

/* Until isb_worker_stop(). */
static void serve(struct isb_worker *worker)
{
	if (worker->udp)
		isb_udp_run(worker->udp);
	else
		uv_run(&worker->loop, UV_RUN_DEFAULT); /* until close_all() has left nothing to wait for */
}

/* What LMDB writes with every batch comes from its own malloc: asked for by this thread, it lies where no other
 * writes. */
static void run(void *arg)
{
	static const char *const kinds[ISB_WORKER_KINDS] = {"udp", "udp6", "tcp"};
	struct isb_worker *worker = arg;
	char name[16];
	snprintf(name, sizeof(name), "%s-%u", kinds[worker->kind], worker->number);
	pthread_setname_np(pthread_self(), name);
	int rc = isb_words_new(worker->store, &worker->words);
	worker->start_rc = rc;
	uv_sem_post(&worker->started);
	if (rc != ISB_OK)
		return;
	isb_live_register();
	serve(worker);
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

bool isb_worker_serves(enum isb_worker_kind kind, const struct isb_listen *listen)
{
	return kind == ISB_WORKER_TCP || (kind == ISB_WORKER_UDP6) == (listen->addr.family == 6);
}

bool isb_worker_is_needed(enum isb_worker_kind kind, const struct isb_options *options)
{
	for (size_t i = 0; i < options->nlisten; i++)
		if (isb_worker_serves(kind, &options->listen[i]))
			return true;
	return false;
}

static int init_carrier(struct isb_worker *worker, struct isb_diags *diags)
{
	const struct isb_options *options = worker->options;
	if (worker->kind == ISB_WORKER_TCP) {
		int rc = init_loop(worker, diags);
		if (rc == ISB_OK)
			worker->tcp = isb_tcp_new(worker, options->nlisten);
		return rc;
	}
	/* whose address TCP has proven is not limited; and IPv4 and IPv6 clients have nothing in common */
	worker->ctx.rrl = isb_rrl_new(&options->rrl, options->workers, isb_random_seed());
	worker->udp = isb_udp_new(worker, options->nlisten);
	return ISB_OK;
}

int isb_worker_new(enum isb_worker_kind kind, unsigned number, const struct isb_options *options,
                   struct isb_census *census, struct isb_store *store, struct isb_live *live, struct isb_diags *diags,
                   struct isb_worker **ret_worker)
{
	struct isb_worker *worker = isb_xcalloc_apart(sizeof(*worker));
	worker->kind = kind;
	worker->number = number;
	worker->options = options;
	worker->census = census;
	worker->store = store;
	worker->live = live;
	isb_context_init(&worker->ctx, isb_random_seed());
	int rc = init_carrier(worker, diags);
	for (size_t i = 0; i < options->nlisten && rc == ISB_OK; i++)
		if (isb_worker_serves(kind, &options->listen[i]))
			rc = worker->udp ? isb_udp_listen(worker->udp, &options->listen[i], diags)
			                 : isb_tcp_listen(worker->tcp, &options->listen[i], diags);
	if (rc != ISB_OK) {
		isb_worker_free(worker);
		return rc;
	}
	*ret_worker = worker;
	return ISB_OK;
}

int isb_worker_start(struct isb_worker *worker, struct isb_diags *diags)
{
	uv_sem_init(&worker->started, 0);
	int error = uv_thread_create(&worker->thread, run, worker), rc = ISB_OK;
	if (error == 0) {
		uv_sem_wait(&worker->started);
		rc = worker->start_rc;
		worker->running = rc == ISB_OK;
		if (rc != ISB_OK)
			uv_thread_join(&worker->thread);
	}
	uv_sem_destroy(&worker->started);
	if (error != 0)
		isb_diag(diags, (struct isb_mark){0}, "cannot start the thread of worker %u: %s", worker->number,
		         uv_strerror(error));
	else if (rc != ISB_OK)
		isb_diag(diags, (struct isb_mark){0}, "cannot read the health words in '%s': %s",
		         isb_store_dir(worker->store), isb_strerror(rc));
	return error != 0 ? ISB_EIO : rc;
}

void isb_worker_stop(struct isb_worker *worker)
{
	if (!worker->running)
		return;
	if (worker->udp)
		isb_udp_stop(worker->udp);
	else
		uv_async_send(&worker->stop);
}

void isb_worker_free(struct isb_worker *worker)
{
	if (!worker)
		return;
	if (worker->running) {
		isb_worker_stop(worker);
		uv_thread_join(&worker->thread);
	} else if (worker->tcp) {
		close_all(worker);
		uv_run(&worker->loop, UV_RUN_DEFAULT);
	}
	if (worker->tcp)
		uv_loop_close(&worker->loop);
	isb_udp_free(worker->udp);
	isb_tcp_free(worker->tcp);
	isb_words_free(worker->words);
	isb_rrl_free(worker->ctx.rrl);
	isb_context_done(&worker->ctx);
	free(worker);
}
