/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "check_run.h"

/* One TCP connection of a check. Every callback may end the check and close the stream; none comes after that. */

struct isb_stream;
struct isb_stream_user {
	void (*connected)(struct isb_check_run *run);
	/* Octets as they come, in the checker's chunk. */
	void (*data)(struct isb_check_run *run, const uint8_t *data, size_t len);
	/* It is over, or was never made when connected() had not been called. An errno; 0: closed by the other side. */
	void (*ended)(struct isb_check_run *run, int error);
};

/* Begins to connect. 0, or an errno when that is known at once. */
int isb_stream_open(struct isb_check_run *run, const struct isb_addr *addr, const struct isb_stream_user *user,
                    struct isb_stream **ret_stream);
/* The same, but the other side's SYN-ACK is not acknowledged: isb_stream_reset() answers it, and the application behind
 * the port never sees a connection. Linux acknowledges by itself after 200 ms. Reads nothing. */
int isb_stream_open_half(struct isb_check_run *run, const struct isb_addr *addr, const struct isb_stream_user *user,
                         struct isb_stream **ret_stream);
/* Copies the octets. What goes wrong is seen by ended(). */
void isb_stream_send(struct isb_stream *stream, const void *data, size_t len);
/* Octets that go at once or not at all: a farewell. */
void isb_stream_try(struct isb_stream *stream, const void *data, size_t len);
void isb_stream_close(struct isb_stream *stream); /* NULL is fine */
void isb_stream_reset(struct isb_stream *stream); /* with RST */
