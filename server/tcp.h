/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "handover.h"
#include "isobar/base/diag.h"
#include "listen.h"

/* The TCP side of one worker (RFC 7766). What a client can make us keep is bounded, for one connection and for all of
 * them: connections, the part of a query that has arrived, the answers it has not read, and how long all of that lasts.
 */
struct isb_tcp_limits {
	uint32_t connections; /* of all workers together */
	uint32_t per_client;  /* of one client (census.h) */
	uint32_t idle_ms;     /* without a query (RFC 7766 §6.2.3); what edns-tcp-keepalive announces (RFC 7828) */
	uint32_t stall_ms;    /* for the rest of a query that has begun, and for answers to be read */
	uint32_t lifetime_ms; /* after that a connection ends behind the next answer */
};
#define ISB_TCP_DEFAULTS \
	{.connections = 10000, .per_client = 100, .idle_ms = 10000, .stall_ms = 5000, .lifetime_ms = 3600000}

struct isb_worker;
struct isb_tcp;

struct isb_tcp *isb_tcp_new(struct isb_worker *worker, size_t most); /* room for so many sockets */
int isb_tcp_listen(struct isb_tcp *tcp, const struct isb_listen *listen, struct isb_diags *diags);
/* A socket of that address that is open already, non-blocking; its own from now on, or closed. ISB_EIO with a diag. */
int isb_tcp_take(struct isb_tcp *tcp, const struct isb_listen *listen, int fd, struct isb_diags *diags);
/* Number `i` of the sockets that listen; -1: there are not so many. */
int isb_tcp_socket(const struct isb_tcp *tcp, size_t i);
/* Accepts nobody any more, on the loop's thread; another process may listen on at the same sockets. Connections go to the
 * process at the other end of `successor` (handover.h), which must stay open as long, each as soon as nothing of it is here.
 * What it does not take (-1: there is none) is served on for as long as a connection may be idle, 10 s at most; then it ends,
 * behind its next answer. When none is left, nothing of it keeps the loop running. */
void isb_tcp_leave(struct isb_tcp *tcp, int successor);
/* A connection of a predecessor, on the loop's thread: kept or closed, as if it came now. */
void isb_tcp_adopt(struct isb_tcp *tcp, int fd, const struct isb_handover_client *client);
/* Closes everything; on the loop's thread. */
void isb_tcp_close(struct isb_tcp *tcp);
/* After the loop has ended; NULL is fine. */
void isb_tcp_free(struct isb_tcp *tcp);
