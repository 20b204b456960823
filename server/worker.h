/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "census.h"
#include "handover.h"
#include "isobar/base/arena.h"
#include "isobar/base/diag.h"
#include "isobar/dns/respond.h"
#include "isobar/store/env.h"
#include "live.h"
#include "options.h"
#include "pace.h"
#include "tap.h"

/* One thread with its own sockets, those of one kind on every listen address: workers share nothing but the view and the
 * store's map, both read-only. What a worker writes stands on cache lines of its own. */
enum isb_worker_kind { ISB_WORKER_UDP, ISB_WORKER_UDP6, ISB_WORKER_TCP, ISB_WORKER_KINDS };

/* What happens to queries outside of isb_respond(); the same rules as struct isb_counters. */
#define ISB_NET_COUNTER_MAP(X) \
	X(udp_errors)      /* receiving failed */ \
	X(udp_unsent)      /* answers that could not be sent */ \
	X(tcp_opened)      /* connections */ \
	X(tcp_closed)      /* connections, for whatever reason */ \
	X(tcp_idle)        /* closed: nothing asked for too long */ \
	X(tcp_stalled)     /* closed: a query not finished, or answers not read, for too long */ \
	X(tcp_evicted)     /* closed: a slow one, else the one silent for longest, had to make room */ \
	X(tcp_expired)     /* closed: open for too long */ \
	X(tcp_handed)      /* closed: a successor has it */ \
	X(tcp_malformed)   /* closed: a frame shorter than a header */ \
	X(tcp_refused)     /* closed at once: its client has too many, or there is no room */ \
	X(tcp_errors)      /* closed by a network error, or not opened at all */ \
	X(proxy_refused)   /* datagrams and connections from senders that may not speak for clients */ \
	X(proxy_malformed) /* datagrams and connections without a right header */ \
	X(health_errors)   /* batches answered from the last words that could be read */ \
	X(querylog_dropped) /* lines that found no room */ \
	X(dnstap_dropped)   /* events that found no reader or no room */
struct isb_net_counters {
#define X(name) _Atomic uint64_t name;
	ISB_NET_COUNTER_MAP(X)
#undef X
};

struct isb_udp;
struct isb_tcp;
struct isb_words;
struct isb_worker {
	alignas(ISB_CACHE_LINE) unsigned number; /* among those of its kind */
	unsigned seat; /* among all; this and the next are set before the start */
	bool paced;    /* there are metrics */
	enum isb_worker_kind kind;
	bool running;
	const struct isb_options *options;
	struct isb_census *census; /* of the connections of all workers */
	struct isb_store *store;
	struct isb_live *live;
	struct isb_words *words;
	bool health_bad; /* the last batch could not read its words */
	struct isb_context ctx;
	struct isb_net_counters net;
	struct isb_pace pace; /* nothing but zeros without metrics */
	struct isb_tap *tap; /* NULL: nobody looks on; set before the start */
	uint64_t untapped;   /* queries that nobody wants to see from now on */
	struct isb_udp *udp; /* NULL: serves TCP */
	struct isb_tcp *tcp; /* NULL: serves UDP */
	uv_loop_t loop;      /* this and the next for TCP only */
	struct isb_asked {
		uv_async_t async;
		pthread_mutex_t mutex; /* of what follows */
		bool leave, stop;
		int successor;
		struct isb_adopted {
			int fd;
			struct isb_handover_client client;
		} *adopted; /* to be taken up */
		size_t nadopted;
	} asked;
	uv_sem_t left;
	uv_thread_t thread;
	uv_sem_t started;
	int start_rc;
	int ended; /* see struct isb_worker_parts */
};

/* Whether workers of this kind listen on any of the addresses. */
bool isb_worker_is_needed(enum isb_worker_kind kind, const struct isb_options *options);

/* What workers are made of. All of it must outlive them, but for `handed`. */
struct isb_worker_parts {
	const struct isb_options *options;
	struct isb_census *census;
	struct isb_store *store;
	struct isb_live *live;
	struct isb_handed *handed; /* sockets that are open already; NULL: none */
	int ended;                 /* an eventfd that counts workers whose thread has ended */
};

/* Opens the sockets. Of those handed over, worker i of n takes i, i + n, i + 2n … of each address, so that none is left
 * over. ISB_EIO with a diag. */
int isb_worker_new(enum isb_worker_kind kind, unsigned number, const struct isb_worker_parts *parts,
                   struct isb_diags *diags, struct isb_worker **ret_worker);
/* Once it answers, nothing can fail any more. ISB_EIO or ISB_ESTORE with a diag. */
int isb_worker_start(struct isb_worker *worker, struct isb_diags *diags);
/* Number `i` of its sockets; -1: there are not so many. */
int isb_worker_socket(const struct isb_worker *worker, size_t i);
/* Returns when the worker reads no more queries from its sockets, which another process may go on reading: datagrams that
 * were read are answered, nobody is accepted any more, and the thread ends when the last connection has or is the
 * successor's (isb_tcp_leave()). */
void isb_worker_leave(struct isb_worker *worker, int successor);
/* Gives a worker for TCP a connection of a predecessor; any thread. */
void isb_worker_adopt(struct isb_worker *worker, int fd, const struct isb_handover_client *client);
/* Asks the thread to end and returns at once; isb_worker_free() waits for it. */
void isb_worker_stop(struct isb_worker *worker);
void isb_worker_free(struct isb_worker *worker); /* NULL is fine */

/* What one batch of queries is answered from: taken once, used for all of them. */
struct isb_turn {
	const struct isb_view *view;
	struct isb_health_table health;
	int64_t now_ms;
};
void isb_turn_begin(struct isb_worker *worker, struct isb_turn *turn);
void isb_turn_end(struct isb_worker *worker);
/* Around all of it, what it takes to send the answers too. */
static inline void isb_worker_begin(struct isb_worker *worker)
{
	if (worker->paced)
		isb_pace_begin(&worker->pace, isb_pace_now_ns());
}
static inline void isb_worker_end(struct isb_worker *worker, uint64_t queries)
{
	if (worker->paced)
		isb_pace_end(&worker->pace, isb_pace_now_ns(), queries);
}
/* Answers one query of the turn. */
static inline size_t isb_turn_respond(struct isb_worker *worker, const struct isb_turn *turn,
                                      const struct isb_client *client, const uint8_t *in, size_t in_len, uint8_t *out,
                                      size_t out_cap)
{
	if (worker->untapped--)
		return isb_respond(&worker->ctx, client, in, in_len, out, out_cap);
	return isb_tap_respond(worker, turn, client, in, in_len, out, out_cap);
}
