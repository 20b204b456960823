/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/diag.h"
#include "listen.h"

/* The UDP sockets of one worker: a batch is read, answered and sent with two system calls and no allocation. */
struct isb_worker;
struct isb_udp;

/* Ends the system call in which a thread waits; see isb_udp_stop(). */
enum { ISB_UDP_WAKE = SIGUSR2 };

struct isb_udp *isb_udp_new(struct isb_worker *worker, size_t most); /* room for so many sockets */
int isb_udp_listen(struct isb_udp *udp, const struct isb_listen *listen, struct isb_diags *diags);
/* A socket of that address that is open already; its own from now on. */
void isb_udp_take(struct isb_udp *udp, const struct isb_listen *listen, int fd);
/* Number `i` of its sockets; -1: there are not so many. */
int isb_udp_socket(const struct isb_udp *udp, size_t i);
/* Serves until told to stop, and then what has come by then. */
void isb_udp_run(struct isb_udp *udp);
/* Serves what comes within `timeout_ms` (0: what is there; -1: however long it takes) and returns. */
void isb_udp_poll(struct isb_udp *udp, int timeout_ms);
/* Asks isb_udp_run() to end, now or before it begins; any thread. It may be about to wait just then: send its thread
 * ISB_UDP_WAKE again and again until it has ended. The sockets stay as they are, for another process may read them too. */
void isb_udp_stop(struct isb_udp *udp);
/* When nobody serves any more; NULL is fine. */
void isb_udp_free(struct isb_udp *udp);
/* Datagrams the kernel threw away because a socket's buffer was full; any thread. */
uint64_t isb_udp_overruns(const struct isb_udp *udp);
