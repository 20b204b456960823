/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

enum { ISB_TCP_IDLE_MS = 10000 }; /* an idle connection is closed; RFC 7766 §6.2.3 asks for seconds */

#include "isobar/base/diag.h"
#include "listen.h"

/* The TCP side of one worker (RFC 7766): pipelined queries, answered in the order they came. What a client can make
 * us keep is bounded: connections, the part of a query that has arrived, the answers it has not read. */
struct isb_worker;
struct isb_tcp;

struct isb_tcp *isb_tcp_new(struct isb_worker *worker, size_t nlisten); /* room for so many sockets */
int isb_tcp_listen(struct isb_tcp *tcp, const struct isb_listen *listen, struct isb_diags *diags);
/* Closes everything; on the loop's thread. */
void isb_tcp_close(struct isb_tcp *tcp);
/* After the loop has ended; NULL is fine. */
void isb_tcp_free(struct isb_tcp *tcp);
