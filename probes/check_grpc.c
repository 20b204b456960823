/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "isobar/base/wire.h"
#include "reply.h"

/* The two messages, by hand (https://protobuf.dev/programming-guides/encoding/): HealthCheckRequest { string
 * service = 1; } and HealthCheckResponse { ServingStatus status = 1; }, each behind five octets of gRPC's own
 * framing: not compressed, length. The call itself is a POST over HTTP/2, which check_http.c makes. */

enum { FRAME = 5, STRING_1 = 1 << 3 | 2, VARINT_1 = 1 << 3, SERVING = 1 };

size_t isb_grpc_request(const char *service, uint8_t out[ISB_GRPC_REQUEST_MAX])
{
	size_t len = service ? strlen(service) : 0, at = FRAME;
	if (len) {
		out[at++] = STRING_1;
		if (len > 127)
			out[at++] = (uint8_t)(len | 0x80);
		out[at++] = (uint8_t)(len > 127 ? len >> 7 : len);
		memcpy(out + at, service, len);
		at += len;
	}
	out[0] = 0;
	out[1] = out[2] = 0;
	out[3] = (uint8_t)((at - FRAME) >> 8);
	out[4] = (uint8_t)(at - FRAME);
	return at;
}

struct message {
	const uint8_t *at, *end;
};

static bool take_varint(struct message *m, uint64_t *ret)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64 && m->at < m->end; shift += 7) {
		uint8_t octet = *m->at++;
		value |= (uint64_t)(octet & 0x7f) << shift;
		if (!(octet & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

/* What a later version may have added is skipped. */
static bool skip_field(struct message *m, unsigned wire_type)
{
	uint64_t len = 0;
	switch (wire_type) {
	case 0: return take_varint(m, &len);
	case 1: len = 8; break;
	case 2:
		if (!take_varint(m, &len))
			return false;
		break;
	case 5: len = 4; break;
	default: return false;
	}
	if (len > (uint64_t)(m->end - m->at))
		return false;
	m->at += len;
	return true;
}

/* False: no HealthCheckResponse. A status that is not there is UNKNOWN, 0. */
static bool read_response(struct message m, uint64_t *ret_status)
{
	uint64_t tag, status = 0;
	while (m.at < m.end) {
		if (!take_varint(&m, &tag))
			return false;
		bool good = tag == VARINT_1 ? take_varint(&m, &status) : tag >> 3 != 0 && skip_field(&m, tag & 7);
		if (!good)
			return false;
	}
	*ret_status = status;
	return true;
}

static const char *word(const char *const *words, size_t count, uint64_t code)
{
	return code < count ? words[code] : "a code that is not known";
}

/* https://grpc.io/docs/guides/status-codes/ */
static const char *code_name(unsigned code)
{
	static const char *const names[] = {
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
		"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
		"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"};
	return word(names, sizeof(names) / sizeof(names[0]), code);
}

/* The number in grpc-status, or -1. */
static int call_status(const struct isb_reply *reply)
{
	size_t len;
	const char *text = isb_reply_header(reply, "grpc-status", strlen("grpc-status"), NULL, &len);
	int status = 0;
	if (!text || len == 0 || len > 3)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		status = status * 10 + text[i] - '0';
	}
	return status;
}

void isb_grpc_judge(const struct isb_reply *reply, struct isb_outcome *outcome, char why[ISB_REPLY_WHY])
{
	static const char *const states[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
	const uint8_t *body = (const uint8_t *)reply->body;
	uint64_t serving;
	int status = call_status(reply);
	outcome->kind = status < 0 ? ISB_OUT_BAD_REPLY : ISB_OUT_NOT_SERVING;
	if (status < 0) {
		snprintf(why, ISB_REPLY_WHY, "the reply has no grpc-status");
	} else if (status > 0) {
		snprintf(why, ISB_REPLY_WHY, "grpc-status %d, %s", status, code_name((unsigned)status));
	} else if (reply->body_len < FRAME || body[0] != 0 || isb_get_u32(body + 1) != reply->body_len - FRAME ||
	           !read_response((struct message){body + FRAME, body + reply->body_len}, &serving)) {
		outcome->kind = ISB_OUT_BAD_REPLY;
		snprintf(why, ISB_REPLY_WHY, "the body is no answer to a health check");
	} else if (serving == SERVING) {
		outcome->kind = ISB_OUT_OK;
	} else {
		snprintf(why, ISB_REPLY_WHY, "it says %s", word(states, sizeof(states) / sizeof(states[0]), serving));
	}
}
