/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handed.h"
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
	uv_close((uv_handle_t *)&worker->asked.async, NULL);
}

static void leave(struct isb_worker *worker, int successor)
{
	isb_tcp_leave(worker->tcp, successor);
	uv_unref((uv_handle_t *)&worker->asked.async); /* now only connections keep the loop running */
	uv_sem_post(&worker->left);
}

static void on_asked(uv_async_t *async)
{
	struct isb_worker *worker = async->data;
	struct isb_asked *asked = &worker->asked;
	pthread_mutex_lock(&asked->mutex);
	struct isb_adopted *adopted = asked->adopted;
	size_t n = asked->nadopted;
	bool stops = asked->stop, leaves = asked->leave;
	asked->adopted = NULL;
	asked->nadopted = 0;
	asked->leave = false;
	pthread_mutex_unlock(&asked->mutex);
	for (size_t i = 0; i < n; i++)
		isb_tcp_adopt(worker->tcp, adopted[i].fd, &adopted[i].client);
	free(adopted);
	if (stops)
		close_all(worker);
	else if (leaves)
		leave(worker, asked->successor); /* which whoever asked does not change any more */
}

/* Until isb_worker_stop(), or isb_worker_leave() and the end of the last connection. */
static void serve(struct isb_worker *worker)
{
	if (worker->udp)
		isb_udp_run(worker->udp);
	else
		uv_run(&worker->loop, UV_RUN_DEFAULT); /* until nothing is left to wait for */
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
	const uint64_t one = 1;
	if (write(worker->ended, &one, sizeof(one)) < 0) {
		/* it holds more than there are workers */
	}
}

static int init_loop(struct isb_worker *worker, struct isb_diags *diags)
{
	int rc = uv_loop_init(&worker->loop);
	if (rc == 0) {
		rc = uv_async_init(&worker->loop, &worker->asked.async, on_asked);
		if (rc == 0) {
			worker->asked.async.data = worker;
			pthread_mutex_init(&worker->asked.mutex, NULL);
			uv_sem_init(&worker->left, 0);
			return ISB_OK;
		}
		uv_loop_close(&worker->loop);
	}
	isb_diag(diags, (struct isb_mark){0}, "cannot start the loop of worker %u: %s", worker->number,
	         uv_strerror(rc));
	return ISB_EIO;
}

static bool serves(enum isb_worker_kind kind, const struct isb_listen *listen)
{
	return kind == ISB_WORKER_TCP || (kind == ISB_WORKER_UDP6) == (listen->addr.family == 6);
}

bool isb_worker_is_needed(enum isb_worker_kind kind, const struct isb_options *options)
{
	for (size_t i = 0; i < options->nlisten; i++)
		if (serves(kind, &options->listen[i]))
			return true;
	return false;
}

static int init_carrier(struct isb_worker *worker, size_t most, struct isb_diags *diags)
{
	const struct isb_options *options = worker->options;
	if (worker->kind == ISB_WORKER_TCP) {
		int rc = init_loop(worker, diags);
		if (rc == ISB_OK)
			worker->tcp = isb_tcp_new(worker, most);
		return rc;
	}
	/* whose address TCP has proven is not limited; and IPv4 and IPv6 clients have nothing in common */
	worker->ctx.rrl = isb_rrl_new(&options->rrl, options->workers, isb_random_seed());
	worker->udp = isb_udp_new(worker, most);
	return ISB_OK;
}

/* The sockets of one address: those of a predecessor, or else one more. */
static int open_sockets(struct isb_worker *worker, const struct isb_listen *listen, struct isb_handed *handed,
                        struct isb_diags *diags)
{
	int fd, type = worker->udp ? SOCK_DGRAM : SOCK_STREAM, rc = ISB_OK;
	bool none = true;
	for (unsigned i = worker->number; rc == ISB_OK && (fd = isb_handed_inet(handed, type, listen, i)) >= 0;
	     i += worker->options->workers) {
		none = false;
		if (worker->udp)
			isb_udp_take(worker->udp, listen, fd);
		else
			rc = isb_tcp_take(worker->tcp, listen, fd, diags);
	}
	if (none)
		rc = worker->udp ? isb_udp_listen(worker->udp, listen, diags) : isb_tcp_listen(worker->tcp, listen, diags);
	return rc;
}

int isb_worker_new(enum isb_worker_kind kind, unsigned number, const struct isb_worker_parts *parts,
                   struct isb_diags *diags, struct isb_worker **ret_worker)
{
	struct isb_worker *worker = isb_xcalloc_apart(sizeof(*worker));
	const struct isb_options *options = parts->options;
	worker->kind = kind;
	worker->number = number;
	worker->options = options;
	worker->census = parts->census;
	worker->store = parts->store;
	worker->live = parts->live;
	worker->ended = parts->ended;
	isb_context_init(&worker->ctx, isb_random_seed());
	int rc = init_carrier(worker, options->nlisten + isb_handed_count(parts->handed), diags);
	for (size_t i = 0; i < options->nlisten && rc == ISB_OK; i++)
		if (serves(kind, &options->listen[i]))
			rc = open_sockets(worker, &options->listen[i], parts->handed, diags);
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

int isb_worker_socket(const struct isb_worker *worker, size_t i)
{
	return worker->udp ? isb_udp_socket(worker->udp, i) : isb_tcp_socket(worker->tcp, i);
}

void isb_worker_stop(struct isb_worker *worker)
{
	struct isb_asked *asked = &worker->asked;
	if (!worker->running)
		return;
	if (worker->udp) {
		isb_udp_stop(worker->udp);
		return;
	}
	pthread_mutex_lock(&asked->mutex);
	bool already = asked->stop;
	asked->stop = true;
	pthread_mutex_unlock(&asked->mutex);
	if (!already) /* else the handle may be closed by now */
		uv_async_send(&asked->async);
}

void isb_worker_adopt(struct isb_worker *worker, int fd, const struct isb_handover_client *client)
{
	struct isb_asked *asked = &worker->asked;
	pthread_mutex_lock(&asked->mutex);
	asked->adopted = isb_xrealloc(asked->adopted, (asked->nadopted + 1) * sizeof(*asked->adopted));
	asked->adopted[asked->nadopted++] = (struct isb_adopted){.fd = fd, .client = *client};
	pthread_mutex_unlock(&asked->mutex);
	uv_async_send(&asked->async);
}

/* One wake may come before the thread waits, and then has no effect: so it gets another, until it needs none. */
static void join(struct isb_worker *worker)
{
	enum { AGAIN_US = 200 };
	if (!worker->running)
		return;
	isb_worker_stop(worker);
	if (!worker->udp)
		uv_thread_join(&worker->thread);
	while (worker->udp && pthread_tryjoin_np(worker->thread, NULL) == EBUSY) {
		pthread_kill(worker->thread, ISB_UDP_WAKE);
		usleep(AGAIN_US);
	}
	worker->running = false;
}

void isb_worker_leave(struct isb_worker *worker, int successor)
{
	struct isb_asked *asked = &worker->asked;
	if (worker->udp) {
		join(worker);
	} else if (worker->running) {
		pthread_mutex_lock(&asked->mutex);
		asked->leave = true;
		asked->successor = successor;
		pthread_mutex_unlock(&asked->mutex);
		uv_async_send(&asked->async);
		uv_sem_wait(&worker->left);
	}
}

static void free_loop(struct isb_worker *worker)
{
	struct isb_asked *asked = &worker->asked;
	if (!uv_is_closing((uv_handle_t *)&asked->async)) /* it never ran, or left */
		close_all(worker);
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	uv_loop_close(&worker->loop);
	for (size_t i = 0; i < asked->nadopted; i++)
		close(asked->adopted[i].fd);
	free(asked->adopted);
	pthread_mutex_destroy(&asked->mutex);
	uv_sem_destroy(&worker->left);
}

void isb_worker_free(struct isb_worker *worker)
{
	if (!worker)
		return;
	join(worker);
	if (worker->tcp)
		free_loop(worker);
	isb_udp_free(worker->udp);
	isb_tcp_free(worker->tcp);
	isb_words_free(worker->words);
	isb_rrl_free(worker->ctx.rrl);
	isb_context_done(&worker->ctx);
	free(worker);
}
