/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/base/wire.h"
#include "isobar/dns/query.h"
#include "isobar/model/rr.h"
#include "traffic_parts.h"

/* --- Frame streams: https://farsightsec.github.io/fstrm --- */

enum { FRAME_MAX = 192 << 10, CONTROL_MAX = 512, LENGTH = 4, CONTROL_HEAD = 2 * LENGTH };
enum { CONTROL_START = 2, FIELD_CONTENT_TYPE = 1 };
static const char content_type[] = "protobuf:dnstap.Dnstap";

static void give_up(struct isb_traffic *traffic, const char *why)
{
	traffic->at++;
	traffic->broken = true;
	isb_traffic_bad(traffic, why);
}

/* A stream says at its start what its frames hold. */
static bool right_content(const uint8_t *data, size_t len)
{
	struct isb_reader r = isb_reader(data, len);
	bool right = false;
	if (isb_read_u32(&r) != CONTROL_START)
		return true;
	while (r.pos < r.len && !r.bad) {
		uint32_t field = isb_read_u32(&r), size = isb_read_u32(&r);
		const uint8_t *value = isb_read(&r, size);
		right |= field == FIELD_CONTENT_TYPE && value && size == sizeof(content_type) - 1 &&
		         memcmp(value, content_type, size) == 0;
	}
	return right && !r.bad;
}

size_t isb_traffic_frames(struct isb_traffic *traffic, const uint8_t *data, size_t len)
{
	size_t done = 0;
	while (!traffic->broken && len - done >= LENGTH) {
		uint32_t size = isb_get_u32(data + done);
		bool control = size == 0;
		size_t head = control ? CONTROL_HEAD : LENGTH;
		if (len - done < head)
			break;
		if (control)
			size = isb_get_u32(data + done + LENGTH);
		if (size > (control ? CONTROL_MAX : FRAME_MAX)) {
			give_up(traffic, "this is no frame of dnstap; the rest cannot be read");
			break;
		}
		if (len - done - head < size)
			break;
		if (!control) {
			traffic->at++;
			isb_traffic_event(traffic, data + done + head, size);
		} else if (!right_content(data + done + head, size)) {
			give_up(traffic, "the stream holds something other than dnstap");
		}
		done += head + size;
	}
	return traffic->broken ? len : done;
}

/* --- Protobuf: https://protobuf.dev/programming-guides/encoding --- */

enum wire_type { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

struct field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;       /* VARINT */
	const uint8_t *bytes; /* BYTES */
	size_t len;
};

static uint64_t read_varint(struct isb_reader *r)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t octet = isb_read_u8(r);
		value |= (uint64_t)(octet & 0x7f) << shift;
		if (octet < 0x80)
			return value;
	}
	r->bad = true; /* ten octets and no end */
	return 0;
}

/* False at the end, or when nothing sensible follows (r->bad). */
static bool next_field(struct isb_reader *r, struct field *f)
{
	if (r->bad || r->pos == r->len)
		return false;
	uint64_t key = read_varint(r);
	*f = (struct field){.number = (uint32_t)(key >> 3), .type = (enum wire_type)(key & 7)};
	if (key >> 32)
		r->bad = true;
	switch (f->type) {
	case VARINT: f->value = read_varint(r); break;
	case FIXED64: isb_read(r, 8); break;
	case FIXED32: isb_read(r, 4); break;
	case BYTES: {
		uint64_t len = read_varint(r);
		f->len = len > r->len ? r->len + 1 : (size_t)len;
		f->bytes = isb_read(r, f->len);
		break;
	}
	default: r->bad = true;
	}
	return !r->bad;
}

/* --- One event --- */

/* Numbers from dnstap.proto. */
enum { DNSTAP_MESSAGE = 14 };
enum { MESSAGE_TYPE = 1, MESSAGE_QUERY_ADDRESS = 4, MESSAGE_QUERY = 10, MESSAGE_RESPONSE = 14 };
enum { AUTH_QUERY = 1, AUTH_RESPONSE = 2 };

struct event {
	uint64_t type;
	struct isb_addr client;
	const uint8_t *message; /* the query; where it is not there, the response */
	size_t len;
};

static bool read_event(struct event *e, const uint8_t *frame, size_t len)
{
	struct isb_reader r = isb_reader(frame, len), m = isb_reader(NULL, 0);
	struct field f;
	bool query = false;
	while (next_field(&r, &f))
		if (f.number == DNSTAP_MESSAGE && f.type == BYTES)
			m = isb_reader(f.bytes, f.len);
	while (!r.bad && next_field(&m, &f)) {
		if (f.number == MESSAGE_TYPE && f.type == VARINT)
			e->type = f.value;
		if (f.number == MESSAGE_QUERY_ADDRESS && f.type == BYTES && (f.len == 4 || f.len == 16)) {
			e->client = (struct isb_addr){.family = f.len == 4 ? 4 : 6};
			memcpy(e->client.octets, f.bytes, f.len);
		}
		if (f.type == BYTES && (f.number == MESSAGE_QUERY || (f.number == MESSAGE_RESPONSE && !query))) {
			e->message = f.bytes;
			e->len = f.len;
			query |= f.number == MESSAGE_QUERY;
		}
	}
	return !r.bad && !m.bad;
}

/* --- DNS: RFC 1035 §4.1 --- */

/* A response will do as well as a query, so query.c, which is strict about queries, will not. */

enum { OPTION_ECS = 8, POINTER = 0xc0 };
struct question {
	uint8_t name[ISB_DNAME_MAX];
	uint16_t type, cls;
	struct isb_addr told; /* RFC 7871, family 0: nothing */
	uint8_t bits;
};

/* A name that may end in a pointer, which nobody follows. */
static void skip_name(struct isb_reader *r)
{
	for (unsigned octets = 0; !r->bad && octets <= ISB_DNAME_MAX;) {
		uint8_t len = isb_read_u8(r);
		if ((len & POINTER) == POINTER)
			isb_read_u8(r);
		if (len == 0 || len & POINTER)
			return;
		isb_read(r, len);
		octets += 1u + len;
	}
	r->bad = true;
}

static void read_options(struct question *q, const uint8_t *data, uint16_t len)
{
	struct isb_reader r = isb_reader(data, len);
	while (!r.bad && r.pos < r.len) {
		uint16_t code = isb_read_u16(&r), size = isb_read_u16(&r);
		const uint8_t *value = isb_read(&r, size);
		if (!value || code != OPTION_ECS || size < 4)
			continue;
		uint16_t family = isb_get_u16(value);
		size_t octets = size - 4u, most = family == 1 ? 4 : family == 2 ? 16 : 0;
		if (octets > most || value[2] > 8 * octets)
			continue;
		q->told = (struct isb_addr){.family = family == 1 ? 4 : 6};
		q->bits = value[2];
		memcpy(q->told.octets, value + 4, octets);
	}
}

static bool read_question(struct question *q, const uint8_t *message, size_t len)
{
	struct isb_reader r = isb_reader(message, len);
	isb_read_u16(&r);
	uint16_t flags = isb_read_u16(&r), count = isb_read_u16(&r);
	unsigned rrs = isb_read_u16(&r);
	rrs += isb_read_u16(&r);
	rrs += isb_read_u16(&r);
	if (r.bad || count != 1 || flags & ISB_FLAG_OPCODE)
		return false;
	int octets = isb_dname_check(message + r.pos, len - r.pos);
	if (octets < 0)
		return false;
	isb_dname_lower(isb_read(&r, (size_t)octets), q->name);
	q->type = isb_read_u16(&r);
	q->cls = isb_read_u16(&r);
	bool whole = !r.bad;
	while (rrs-- > 0 && !r.bad) { /* a truncated answer ends early */
		skip_name(&r);
		uint16_t type = isb_read_u16(&r);
		isb_read(&r, 6); /* class and TTL */
		uint16_t size = isb_read_u16(&r);
		const uint8_t *rdata = isb_read(&r, size);
		if (rdata && type == ISB_OPT)
			read_options(q, rdata, size);
	}
	return whole;
}

/* A server may log queries, responses, or both: the kind that comes first is counted, or all would count twice. */
static bool counts(struct isb_traffic *traffic, const struct event *e)
{
	if (e->type != AUTH_QUERY && e->type != AUTH_RESPONSE)
		return false;
	if (!traffic->event)
		traffic->event = (uint8_t)e->type;
	return e->type == traffic->event;
}

void isb_traffic_event(struct isb_traffic *traffic, const uint8_t *frame, size_t len)
{
	struct event e = {0};
	struct question q = {0};
	if (!read_event(&e, frame, len)) {
		isb_traffic_bad(traffic, "the frame is no event of dnstap");
		return;
	}
	if (!counts(traffic, &e)) {
		traffic->skipped++;
		return;
	}
	if (!e.client.family || !e.message) {
		isb_traffic_bad(traffic, "the event lacks the client's address or the message");
		return;
	}
	if (!read_question(&q, e.message, e.len) || q.cls != ISB_CLASS_IN) {
		traffic->skipped++;
		return;
	}
	struct isb_traffic_row row = {
		.client = *isb_traffic_whom(&q.told, q.bits, &e.client), .type = q.type, .count = 1};
	memcpy(row.name, q.name, sizeof(row.name));
	isb_traffic_good(traffic, &row);
}
