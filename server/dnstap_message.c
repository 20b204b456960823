/* SPDX-License-Identifier: Apache-2.0 */
#include "dnstap_message.h"

#include <string.h>

#include "isobar/base/wire.h"

/* Protobuf (https://protobuf.dev/programming-guides/encoding): a field is its number and wire type in one varint, then a
 * varint, four little-endian octets, or a length and so many octets. */
enum wire_type { VARINT = 0, BYTES = 2, FIXED32 = 5 };

/* Numbers from dnstap.proto. */
enum { DNSTAP_IDENTITY = 1, DNSTAP_VERSION = 2, DNSTAP_MESSAGE = 14, DNSTAP_TYPE = 15 };
enum { DNSTAP_TYPE_MESSAGE = 1 };
enum {
	MESSAGE_TYPE = 1, MESSAGE_FAMILY = 2, MESSAGE_PROTOCOL = 3, MESSAGE_QUERY_ADDRESS = 4, MESSAGE_QUERY_PORT = 6,
	MESSAGE_QUERY_TIME_SEC = 8, MESSAGE_QUERY_TIME_NSEC = 9, MESSAGE_QUERY = 10, MESSAGE_RESPONSE_TIME_SEC = 12,
	MESSAGE_RESPONSE_TIME_NSEC = 13, MESSAGE_RESPONSE = 14
};
enum { AUTH_RESPONSE = 2, FAMILY_INET = 1, FAMILY_INET6 = 2, PROTOCOL_UDP = 1, PROTOCOL_TCP = 2 };

enum { SMALL = 80, HEADS = 64 }; /* more than all fields but the messages and the texts take; heads of those */

static void put_varint(struct isb_writer *w, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		isb_write_u8(w, (uint8_t)(value | 0x80));
	isb_write_u8(w, (uint8_t)value);
}

static size_t varint_size(uint64_t value)
{
	size_t size = 1;
	while (value >>= 7)
		size++;
	return size;
}

static void put_key(struct isb_writer *w, unsigned field, enum wire_type type)
{
	put_varint(w, field << 3 | type);
}

static void put_number(struct isb_writer *w, unsigned field, uint64_t value)
{
	put_key(w, field, VARINT);
	put_varint(w, value);
}

static void put_bytes(struct isb_writer *w, unsigned field, const void *data, size_t len)
{
	put_key(w, field, BYTES);
	put_varint(w, len);
	isb_write(w, data, len);
}

static size_t bytes_size(size_t len)
{
	return 1 + varint_size(len) + len; /* the key of a field below 16 is one octet */
}

static void put_time(struct isb_writer *w, unsigned sec_field, unsigned nsec_field, const struct timespec *time)
{
	uint32_t nsec = (uint32_t)time->tv_nsec;
	put_number(w, sec_field, (uint64_t)time->tv_sec);
	put_key(w, nsec_field, FIXED32);
	for (unsigned i = 0; i < 4; i++)
		isb_write_u8(w, (uint8_t)(nsec >> 8 * i));
}

/* The fields of Message that stand before the query. */
static void put_who(struct isb_writer *w, const struct isb_dnstap_event *event)
{
	const struct isb_client *client = event->client;
	bool v6 = client->addr.family == 6;
	put_number(w, MESSAGE_TYPE, AUTH_RESPONSE);
	put_number(w, MESSAGE_FAMILY, v6 ? FAMILY_INET6 : FAMILY_INET);
	put_number(w, MESSAGE_PROTOCOL, client->proto == ISB_TCP ? PROTOCOL_TCP : PROTOCOL_UDP);
	put_bytes(w, MESSAGE_QUERY_ADDRESS, client->addr.octets, v6 ? 16 : 4);
	put_number(w, MESSAGE_QUERY_PORT, client->port);
	put_time(w, MESSAGE_QUERY_TIME_SEC, MESSAGE_QUERY_TIME_NSEC, &event->asked);
}

size_t isb_dnstap_size(const struct isb_dnstap_source *source, const struct isb_dnstap_event *event)
{
	return strlen(source->identity) + strlen(source->version) + event->query_len + event->response_len + SMALL + HEADS;
}

size_t isb_dnstap_write(const struct isb_dnstap_source *source, const struct isb_dnstap_event *event, uint8_t *out,
                        size_t cap)
{
	uint8_t who_octets[SMALL], when_octets[SMALL];
	struct isb_writer w = isb_writer(out, cap), who = isb_writer(who_octets, SMALL), when = isb_writer(when_octets, SMALL);
	put_who(&who, event);
	put_time(&when, MESSAGE_RESPONSE_TIME_SEC, MESSAGE_RESPONSE_TIME_NSEC, &event->answered);
	put_bytes(&w, DNSTAP_IDENTITY, source->identity, strlen(source->identity));
	put_bytes(&w, DNSTAP_VERSION, source->version, strlen(source->version));
	put_key(&w, DNSTAP_MESSAGE, BYTES);
	put_varint(&w, who.pos + bytes_size(event->query_len) + when.pos + bytes_size(event->response_len));
	isb_write(&w, who.base, who.pos);
	put_bytes(&w, MESSAGE_QUERY, event->query, event->query_len);
	isb_write(&w, when.base, when.pos);
	put_bytes(&w, MESSAGE_RESPONSE, event->response, event->response_len);
	put_number(&w, DNSTAP_TYPE, DNSTAP_TYPE_MESSAGE);
	return w.pos;
}
