/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "isobar/web/web.h"

/* What the files of this room share: the server's state, one slot per connection. */

enum isb_web_state {
	ISB_WEB_FREE,      /* of a slot */
	ISB_WEB_ACCEPTED,  /* handed over, and not begun: the descriptor may be closed already */
	ISB_WEB_RECEIVING, /* or waiting for a request: the deadline counts */
	ISB_WEB_HANDLING,  /* the handler bounds itself */
	ISB_WEB_SENDING,   /* the deadline counts, but for streams */
};

struct isb_web_slot {
	struct isb_web *web;
	struct isb_web_engine *engine;
	enum isb_web_state state;
	int fd;
	int64_t deadline_us; /* monotonic; 0: none */
	struct isb_web_peer peer;
};

/* One of libmicrohttpd's daemons: it gets the connections that were accepted here. A certificate is one for its
 * lifetime, so another one is another daemon, and the old one stays until its last connection ends. */
struct isb_web_engine {
	struct MHD_Daemon *daemon; /* NULL: is being started */
	char why[256];             /* what the library said meanwhile */
	unsigned connections; /* under the server's lock */
	struct isb_web_engine *next; /* older ones of the same kind */
};

struct isb_web_listener {
	int fd;
	bool tls;
	char *path; /* to be removed at the end; NULL: none */
};

struct isb_web {
	struct isb_web_options options; /* only the numbers */
	isb_web_handler *handler;
	void *arg;
	struct isb_web_listener *listeners;
	size_t nlistener;
	int kick; /* an eventfd that wakes the thread */
	bool running;
	atomic_bool stop;
	pthread_t thread;
	pthread_mutex_t lock;         /* slots and engines */
	struct isb_web_slot *slots;   /* options.connections */
	struct isb_web_engine *plain, *tls;
};

/* A bound, listening socket, non-blocking and closed on exec. ISB_ENOTFOUND: optional, and not on this machine. ISB_EIO
 * with a diag. */
int isb_web_open(const struct isb_web_listen *listen, struct isb_diags *diags, struct isb_web_listener *ret);
void isb_web_close(struct isb_web_listener *listener);

/* exchange.c: what libmicrohttpd calls. Its `connection`s lead to their slots as socket contexts. */
enum MHD_Result isb_web_on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *upload, size_t *upload_len, void **exchange);
void isb_web_on_completed(void *arg, struct MHD_Connection *connection, void **exchange,
                          enum MHD_RequestTerminationCode why);
/* web.c: the connection's slot enters a state; `within_ms` 0: without a deadline. */
void isb_web_enter(struct isb_web_slot *slot, enum isb_web_state state, int64_t within_ms);
