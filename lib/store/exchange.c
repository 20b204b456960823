/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/store/exchange.h"

#include <string.h>

#include "isobar/base/err.h"
#include "isobar/store/codec.h"

static const char magic[4] = "ISBX";
/* Sent numbers never change their meaning, whatever happens to the enum. */
static const uint8_t kind_code[ISB_KIND_COUNT] = {[ISB_REGION] = 1, [ISB_CHECK] = 2, [ISB_POOL] = 3};

enum { BLIND = 1, WHOLE = 2 };
/* Wall clocks of this side of the year 280 000: their sums and differences do not overflow. */
#define CLOCK_MAX (INT64_C(1) << 53)

/* --- Writing --- */

static size_t begin(struct isb_buf *out, enum isb_exchange_type type)
{
	size_t at = out->len;
	isb_buf_u32(out, 0);
	isb_buf_putc(out, (char)type);
	return at;
}

static void end(struct isb_buf *out, size_t at)
{
	isb_put_u32((uint8_t *)out->data + at, (uint32_t)(out->len - at - ISB_EXCHANGE_PREFIX));
}

static void put_text(struct isb_buf *out, const char *text)
{
	isb_buf_add(out, text, strlen(text) + 1);
}

void isb_exchange_put(struct isb_buf *out, const struct isb_exchange_frame *frame)
{
	size_t at = begin(out, frame->type);
	switch (frame->type) {
	case ISB_X_HELLO:
		isb_buf_add(out, magic, sizeof(magic));
		isb_buf_u16(out, frame->hello.version);
		put_text(out, frame->hello.name);
		put_text(out, frame->hello.region);
		isb_buf_u64(out, frame->hello.boot);
		isb_buf_u64(out, (uint64_t)frame->hello.started_ms);
		isb_buf_u64(out, (uint64_t)frame->hello.now_ms);
		break;
	case ISB_X_WELCOME:
		isb_buf_u16(out, frame->welcome.version);
		put_text(out, frame->welcome.name);
		break;
	case ISB_X_REFUSAL: put_text(out, frame->refusal.reason); break;
	case ISB_X_CATALOG:
		isb_buf_u64(out, frame->catalog.generation);
		isb_buf_u32(out, frame->catalog.objects);
		break;
	case ISB_X_OBJECT:
		isb_buf_putc(out, (char)kind_code[frame->object.kind]);
		put_text(out, frame->object.name);
		put_text(out, frame->object.body);
		break;
	case ISB_X_READY: isb_buf_u64(out, frame->catalog.generation); break;
	case ISB_X_RTT:
		put_text(out, frame->rtt.region);
		isb_buf_u32(out, frame->rtt.us);
		break;
	case ISB_X_BEAT:
		isb_buf_putc(out, (char)((frame->beat.blind ? BLIND : 0) | (frame->beat.whole ? WHOLE : 0)));
		isb_buf_u32(out, frame->beat.checks);
		isb_buf_u64(out, frame->beat.generation);
		break;
	case ISB_X_PING:
	case ISB_X_KNOWN:
	case ISB_X_ROWS: break;
	}
	end(out, at);
}

size_t isb_exchange_rows_begin(struct isb_buf *out, enum isb_exchange_type type, int64_t now_ms)
{
	size_t at = begin(out, type);
	isb_buf_u64(out, (uint64_t)now_ms);
	return at;
}

void isb_exchange_row_put(struct isb_buf *out, const struct isb_exchange_row *row)
{
	const struct isb_observation observation = {.history = row->history, .expires_ms = row->expires_ms};
	put_text(out, row->endpoint);
	isb_buf_u64(out, row->fingerprint);
	size_t at = out->len;
	isb_buf_u16(out, 0);
	isb_observation_encode(out, &observation);
	isb_put_u16((uint8_t *)out->data + at, (uint16_t)(out->len - at - 2));
}

void isb_exchange_rows_end(struct isb_buf *out, size_t begin_at)
{
	end(out, begin_at);
}

/* --- Reading --- */

static int64_t read_clock(struct isb_reader *r)
{
	uint64_t time_ms = isb_read_u64(r);
	if (time_ms < 1 || time_ms > CLOCK_MAX)
		r->bad = true;
	return (int64_t)time_ms;
}

static void read_hello(struct isb_reader *r, struct isb_exchange_frame *frame)
{
	const uint8_t *m = isb_read(r, sizeof(magic));
	r->bad = r->bad || memcmp(m, magic, sizeof(magic)) != 0;
	frame->hello.version = isb_read_u16(r);
	if (!r->bad && frame->hello.version != ISB_EXCHANGE_VERSION) {
		r->pos = r->len; /* whatever else that version says */
		return;
	}
	frame->hello.name = isb_read_text(r);
	frame->hello.region = isb_read_text(r);
	frame->hello.boot = isb_read_u64(r);
	frame->hello.started_ms = read_clock(r);
	frame->hello.now_ms = read_clock(r);
}

static void read_object(struct isb_reader *r, struct isb_exchange_frame *frame)
{
	uint8_t code = isb_read_u8(r);
	size_t kind = 0;
	while (kind < ISB_KIND_COUNT && (!kind_code[kind] || kind_code[kind] != code))
		kind++;
	r->bad = r->bad || kind == ISB_KIND_COUNT;
	frame->object.kind = (enum isb_kind)kind;
	frame->object.name = isb_read_text(r);
	frame->object.body = isb_read_text(r);
}

static void read_beat(struct isb_reader *r, struct isb_exchange_frame *frame)
{
	uint8_t flags = isb_read_u8(r);
	r->bad = r->bad || flags > (BLIND | WHOLE);
	frame->beat.blind = flags & BLIND;
	frame->beat.whole = flags & WHOLE;
	frame->beat.checks = isb_read_u32(r);
	frame->beat.generation = isb_read_u64(r);
}

static void read_rows(struct isb_reader *r, struct isb_exchange_frame *frame)
{
	frame->rows.now_ms = read_clock(r);
	frame->rows.rows = isb_reader(r->base + r->pos, r->len - r->pos);
	r->pos = r->len;
}

static void read_body(struct isb_reader *r, struct isb_exchange_frame *frame)
{
	switch (frame->type) {
	case ISB_X_HELLO: read_hello(r, frame); return;
	case ISB_X_WELCOME:
		frame->welcome.version = isb_read_u16(r);
		frame->welcome.name = isb_read_text(r);
		return;
	case ISB_X_REFUSAL: frame->refusal.reason = isb_read_text(r); return;
	case ISB_X_CATALOG:
		frame->catalog.generation = isb_read_u64(r);
		frame->catalog.objects = isb_read_u32(r);
		return;
	case ISB_X_OBJECT: read_object(r, frame); return;
	case ISB_X_READY: frame->catalog.generation = isb_read_u64(r); return;
	case ISB_X_KNOWN:
	case ISB_X_ROWS: read_rows(r, frame); return;
	case ISB_X_RTT:
		frame->rtt.region = isb_read_text(r);
		frame->rtt.us = isb_read_u32(r);
		return;
	case ISB_X_BEAT: read_beat(r, frame); return;
	case ISB_X_PING: return;
	}
	r->bad = true;
}

int isb_exchange_read(struct isb_slice slice, struct isb_exchange_frame *ret_frame)
{
	struct isb_exchange_frame frame = {0};
	struct isb_reader r = isb_slice_reader(slice);
	uint8_t type = isb_read_u8(&r);
	frame.type = (enum isb_exchange_type)type;
	if (!r.bad)
		read_body(&r, &frame);
	if (!isb_read_whole(&r))
		return ISB_EFORMAT;
	*ret_frame = frame;
	return ISB_OK;
}

int isb_exchange_row_next(struct isb_reader *rows, struct isb_exchange_row *ret_row)
{
	struct isb_observation observation = {0};
	if (rows->bad)
		return ISB_EFORMAT;
	if (rows->pos == rows->len)
		return ISB_ENOTFOUND;
	const char *endpoint = isb_read_text(rows);
	uint64_t fingerprint = isb_read_u64(rows);
	size_t len = isb_read_u16(rows);
	struct isb_slice value = {isb_read(rows, len), len};
	if (rows->bad || isb_observation_decode(value, &observation) != ISB_OK) {
		rows->bad = true;
		return ISB_EFORMAT;
	}
	*ret_row = (struct isb_exchange_row){endpoint, fingerprint, observation.history, observation.expires_ms};
	return ISB_OK;
}

void isb_exchange_row_rebase(struct isb_exchange_row *row, int64_t there_ms, int64_t here_ms)
{
	int64_t expires_ms = row->expires_ms < 0 ? 0 : row->expires_ms > CLOCK_MAX ? CLOCK_MAX : row->expires_ms;
	row->expires_ms = expires_ms ? here_ms + (expires_ms - there_ms) : 0;
	isb_history_rebase(&row->history, there_ms, here_ms);
}

/* --- The stream --- */

void isb_exchange_input_done(struct isb_exchange_input *input)
{
	isb_buf_done(&input->held);
}

/* Hands over what is whole; *ret_used is how far it came. */
static int hand_over(const struct isb_exchange_input *input, const uint8_t *data, size_t len,
                     int (*take)(void *arg, struct isb_slice frame), void *arg, size_t *ret_used)
{
	size_t pos = 0;
	int rc = ISB_OK;
	while (rc == ISB_OK && len - pos >= ISB_EXCHANGE_PREFIX) {
		size_t n = isb_get_u32(data + pos);
		if (n < 1 || n > input->max)
			rc = ISB_ERANGE;
		else if (len - pos - ISB_EXCHANGE_PREFIX < n)
			break;
		else
			rc = take(arg, (struct isb_slice){data + pos + ISB_EXCHANGE_PREFIX, n});
		pos += ISB_EXCHANGE_PREFIX + n;
	}
	*ret_used = pos;
	return rc;
}

int isb_exchange_feed(struct isb_exchange_input *input, const void *data, size_t len,
                      int (*take)(void *arg, struct isb_slice frame), void *arg)
{
	struct isb_buf *held = &input->held;
	size_t used;
	isb_buf_add(held, data, len);
	int rc = hand_over(input, (const uint8_t *)held->data, held->len, take, arg, &used);
	if (rc != ISB_OK) {
		isb_buf_done(held);
		return rc;
	}
	memmove(held->data, held->data + used, held->len - used);
	held->len -= used;
	if (!held->len)
		isb_buf_done(held); /* between frames a quiet connection holds nothing */
	return ISB_OK;
}
