/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "frames.h"
#include "isobar/dns/respond.h"
#include "tcp.h"

/* Between tcp.c, which decides who may stay, and tcp_conn.c, which serves one connection. */

enum {
	ISB_TCP_UNSENT_MAX = 64 << 10, /* beyond this a client must read before it is answered again */
	ISB_TCP_IN = 4 << 10,
	/* room for one more answer while the limit is not passed */
	ISB_TCP_OUT = ISB_TCP_UNSENT_MAX + ISB_FRAME_PREFIX + ISB_MESSAGE_MAX,
};

struct isb_conn {
	uv_poll_t poll; /* first: a pointer to it is one to the connection */
	struct isb_tcp *tcp;
	struct isb_conn_list {
		struct isb_conn *oldest, *newest; /* by since_ms */
	} *list;
	struct isb_conn *older, *newer;
	struct isb_client client;
	struct isb_frames in; /* holds less than a message, or what has to wait; or the beginning of a PROXY header */
	uint8_t *out;         /* answers that did not fit into the socket, or NULL */
	uint32_t out_len, out_pos;
	uint32_t kept; /* octets of in and out, as counted in tcp->kept */
	/* Loop time. Since the last query was answered, or all answers sent, or since something is unfinished. Octets
	 * alone do not count, or a client could hold a connection with one of them every now and then. */
	uint64_t since_ms, opened_ms;
	int fd;
	int events;   /* that are watched */
	bool header;  /* a PROXY header must come first */
	bool joined;  /* its client is counted */
	bool waiting; /* a whole query is held */
	bool ending;  /* no more queries: answers leave, then our end closes, then the client's */
	bool shut;    /* our end is closed */
};

struct isb_tcp {
	struct isb_worker *worker;
	struct isb_listener {
		uv_poll_t poll;
		int fd;
		bool proxy;
	} *listeners;
	size_t nlistener, nconn;
	/* Nothing of it is here but the connection; or something is: a part of a query, or answers. Most connections
	 * are idle and cost no more than their struct. */
	struct isb_conn_list idle, busy;
	size_t kept;  /* octets, see isb_conn.kept */
	bool resting; /* not accepting until the next sweep */
	uint64_t over_ms; /* loop time from when on connections end; 0: we stay */
	int successor;    /* a connection to who gets those that are idle; -1: nobody */
	uv_timer_t sweep;
	uint8_t in[ISB_TCP_IN], out[ISB_TCP_OUT];
};

/* tcp_conn.c: takes over the socket and its place in the census; without a header to come, the client's place too. */
void isb_conn_start(struct isb_tcp *tcp, int fd, const struct isb_handover_client *client);
/* `why`, when given, counts it. `reset` throws away what the kernel still holds of the answers. */
void isb_conn_drop(struct isb_conn *conn, _Atomic uint64_t *why, bool reset);

/* tcp.c: puts the connection where it belongs by what it keeps; `progress` begins its time anew. May close it, when
 * all connections together keep too much. */
void isb_tcp_settle(struct isb_conn *conn, bool progress);
void isb_tcp_forget(struct isb_conn *conn);
/* A connection ends behind its next answer, and one that is idle ends at once. */
bool isb_tcp_is_over(const struct isb_tcp *tcp);
