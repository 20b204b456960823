/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/diag.h"
#include "listen.h"

/* The UDP sockets of one worker: a batch is read, answered and sent with two system calls and no allocation. */
struct isb_worker;
struct isb_udp;

struct isb_udp *isb_udp_new(struct isb_worker *worker, size_t nlisten); /* room for so many sockets */
int isb_udp_listen(struct isb_udp *udp, const struct isb_listen *listen, struct isb_diags *diags);
/* Serves until told to stop. */
void isb_udp_run(struct isb_udp *udp);
/* Serves what comes within `timeout_ms` (0: what is there; -1: however long it takes) and returns. */
void isb_udp_poll(struct isb_udp *udp, int timeout_ms);
/* Ends isb_udp_run(), now or before it begins; any thread. */
void isb_udp_stop(struct isb_udp *udp);
/* When nobody serves any more; NULL is fine. */
void isb_udp_free(struct isb_udp *udp);
/* Datagrams the kernel threw away because a socket's buffer was full; any thread. */
uint64_t isb_udp_overruns(const struct isb_udp *udp);
