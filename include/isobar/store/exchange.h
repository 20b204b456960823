/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/buf.h"
#include "isobar/base/wire.h"
#include "isobar/model/schema.h"
#include "isobar/store/env.h"
#include "isobar/store/healthdb.h"

/* What a site's probe and a probe in another region say to each other, as frames of octets; docs/exchange.md shows the
 * conversation and every frame. Pure: knows neither socket nor clock.
 *
 * A frame is 4 octets of length, of what follows, then 1 of type, then the rest. Numbers are big-endian, texts end with
 * NUL, as in the store's rows. Every time in a frame is by the sender's clock, and a frame with times says what that clock
 * showed, so that the receiver reads them as ages. */
enum {
	ISB_EXCHANGE_VERSION = 2, /* grows with every change of a frame, the value of an observation included */
	ISB_EXCHANGE_PREFIX = 4,
	ISB_EXCHANGE_TO_SITE_MAX = 64 * 1024,     /* longest frame that a site reads */
	ISB_EXCHANGE_TO_PROBE_MAX = 4096 * 1024,  /* and a probe: an object is one frame */
	ISB_PROBE_NAME_MAX = 64 /* octets */
};

enum isb_exchange_type {
	ISB_X_HELLO = 1, /* probe: who I am */
	ISB_X_WELCOME,   /* site: go on */
	ISB_X_REFUSAL,   /* site: no, and why; the last frame */
	ISB_X_CATALOG,   /* site: what to check follows, as so many objects */
	ISB_X_OBJECT,
	ISB_X_KNOWN,     /* site: what you told me last time */
	ISB_X_READY,     /* site: that was all; check it */
	ISB_X_ROWS,      /* probe: what I see */
	ISB_X_RTT,       /* probe: a round trip to a region */
	ISB_X_BEAT,      /* probe: I live */
	ISB_X_PING       /* site: so do I */
};

struct isb_exchange_row {
	const char *endpoint;    /* "pool/endpoint" */
	uint64_t fingerprint;    /* of the test it was seen under, see probes/spec.h */
	struct isb_history history;
	int64_t expires_ms;
};

struct isb_exchange_frame {
	enum isb_exchange_type type;
	union {
		struct {
			uint16_t version; /* the rest is read only when it is ours */
			const char *name, *region; /* region "": none */
			uint64_t boot;
			int64_t started_ms, now_ms;
		} hello;
		struct { uint16_t version; const char *name; } welcome;
		struct { const char *reason; } refusal;
		struct { uint64_t generation; uint32_t objects; } catalog; /* also READY, without objects */
		struct { enum isb_kind kind; const char *name, *body; } object;
		struct { int64_t now_ms; struct isb_reader rows; } rows; /* also KNOWN; isb_exchange_row_next() reads them */
		struct { const char *region; uint32_t us; } rtt;
		struct {
			bool blind;
			bool whole; /* it told what it sees of every endpoint in the catalog of `generation` */
			uint32_t checks;
			uint64_t generation;
		} beat;
	};
};

/* Appends a whole frame; rows are not put here. */
void isb_exchange_put(struct isb_buf *out, const struct isb_exchange_frame *frame);
/* `frame` is what stands behind the length; texts point into it. ISB_EFORMAT. A HELLO of another version has only
 * that. */
int isb_exchange_read(struct isb_slice frame, struct isb_exchange_frame *ret_frame);

/* A frame of rows, begun, filled and ended; ISB_X_ROWS or ISB_X_KNOWN. begin returns where it begins, for end. */
size_t isb_exchange_rows_begin(struct isb_buf *out, enum isb_exchange_type type, int64_t now_ms);
void isb_exchange_row_put(struct isb_buf *out, const struct isb_exchange_row *row);
void isb_exchange_rows_end(struct isb_buf *out, size_t begin);
/* The next row of a frame; ISB_ENOTFOUND after the last, ISB_EFORMAT. */
int isb_exchange_row_next(struct isb_reader *rows, struct isb_exchange_row *ret_row);
/* The row's times on our clock, keeping their ages and the rest of its life; see isb_history_rebase(). */
void isb_exchange_row_rebase(struct isb_exchange_row *row, int64_t there_ms, int64_t here_ms);

/* Frames out of a stream that comes in pieces of any size. Holds what came, never what a length announces. All-zero but
 * `max` is a valid empty one. */
struct isb_exchange_input {
	size_t max; /* octets of a frame behind its length */
	struct isb_buf held;
};
void isb_exchange_input_done(struct isb_exchange_input *input);
/* Hands over every frame that is whole. Something else than 0 from `take` stops and is returned; ISB_ERANGE: a frame
 * that is longer than max or empty. Nothing behind either can be read. */
int isb_exchange_feed(struct isb_exchange_input *input, const void *data, size_t len,
                      int (*take)(void *arg, struct isb_slice frame), void *arg);
