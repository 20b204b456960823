/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <uv.h>

/* Reads all that is told at a unix socket until its end. */
struct isb_ask;

/* Called once, from the loop: the text, or NULL and why there is none. It is valid during the call, the question over. */
typedef void isb_asked(void *arg, const char *text, size_t len, const char *trouble);

/* More than `most` octets, or no end within `timeout_ms`, is trouble. */
struct isb_ask *isb_ask_start(uv_loop_t *loop, const char *path, size_t most, int64_t timeout_ms, isb_asked *done,
                              void *arg);
void isb_ask_cancel(struct isb_ask *ask); /* `done` will not be called; NULL is fine */
