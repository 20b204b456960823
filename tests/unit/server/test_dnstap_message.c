/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "server/dnstap_message.h"

static const struct isb_dnstap_source source = {.identity = "icn-1", .version = "isobard 1"};

/* Octet by octet, as dnstap.proto and the protobuf encoding say. */
static void the_octets_are_those_of_the_schema(void **state)
{
	(void)state;
	static const uint8_t query[] = {0xaa, 0xbb, 0xcc}, response[] = {0xdd, 0xee};
	struct isb_client client = {
		.addr = {.family = 4, .octets = {192, 0, 2, 7}}, .proto = ISB_UDP, .port = 5353};
	struct isb_dnstap_event event = {
		.client = &client,
		.query = query,
		.query_len = sizeof(query),
		.response = response,
		.response_len = sizeof(response),
		.asked = {.tv_sec = 1700000000, .tv_nsec = 1},
		.answered = {.tv_sec = 1700000000, .tv_nsec = 0x01020304},
	};
	static const uint8_t expected[] = {
		0x0a, 5, 'i', 'c', 'n', '-', '1',                     /* 1 identity */
		0x12, 9, 'i', 's', 'o', 'b', 'a', 'r', 'd', ' ', '1', /* 2 version */
		0x72, 46,                                             /* 14 message */
		0x08, 2,                                              /*   1 type: AUTH_RESPONSE */
		0x10, 1,                                              /*   2 family: INET */
		0x18, 1,                                              /*   3 protocol: UDP */
		0x22, 4, 192, 0, 2, 7,                                /*   4 query_address */
		0x30, 0xe9, 0x29,                                     /*   6 query_port: 5353 */
		0x40, 0x80, 0xe2, 0xcf, 0xaa, 0x06,                   /*   8 query_time_sec: 1700000000 */
		0x4d, 1, 0, 0, 0,                                     /*   9 query_time_nsec */
		0x52, 3, 0xaa, 0xbb, 0xcc,                            /*   10 query_message */
		0x60, 0x80, 0xe2, 0xcf, 0xaa, 0x06,                   /*   12 response_time_sec */
		0x6d, 0x04, 0x03, 0x02, 0x01,                         /*   13 response_time_nsec */
		0x72, 2, 0xdd, 0xee,                                  /*   14 response_message */
		0x78, 1,                                              /* 15 type: MESSAGE */
	};
	uint8_t out[256];
	size_t size = isb_dnstap_size(&source, &event);
	assert_true(size <= sizeof(out));
	assert_int_equal(isb_dnstap_write(&source, &event, out, size), sizeof(expected));
	assert_memory_equal(out, expected, sizeof(expected));
}

static const uint8_t *find(const uint8_t *out, size_t len, const void *octets, size_t count)
{
	return memmem(out, len, octets, count);
}

static void an_ipv6_client_over_tcp_is_told_as_such(void **state)
{
	(void)state;
	struct isb_client client = {.addr = {.family = 6, .octets = {0x20, 1, 0xd, 0xb8, [15] = 9}}, .proto = ISB_TCP};
	struct isb_dnstap_event event = {.client = &client, .query = (const uint8_t *)"", .response = (const uint8_t *)""};
	static const uint8_t who[] = {0x10, 2, 0x18, 2, 0x22, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
	                              0x30, 0};
	uint8_t out[256];
	size_t len = isb_dnstap_write(&source, &event, out, sizeof(out));
	assert_non_null(find(out, len, who, sizeof(who)));
}

static void the_largest_event_fits_what_was_reserved(void **state)
{
	(void)state;
	char longest[256];
	memset(longest, 'x', 255);
	longest[255] = '\0';
	uint8_t *message = calloc(1, 65535);
	struct isb_dnstap_source wordy = {.identity = longest, .version = longest};
	struct isb_client client = {.addr = {.family = 6}, .proto = ISB_TCP, .port = 65535};
	struct isb_dnstap_event event = {
		.client = &client,
		.query = message,
		.query_len = 65535,
		.response = message,
		.response_len = 65535,
		.asked = {.tv_sec = INT64_MAX, .tv_nsec = 999999999},
		.answered = {.tv_sec = -1, .tv_nsec = 999999999}, /* ten octets of varint */
	};
	size_t size = isb_dnstap_size(&wordy, &event);
	uint8_t *out = malloc(size);
	size_t len = isb_dnstap_write(&wordy, &event, out, size);
	assert_true(len < size);
	assert_int_equal(out[len - 2], 0x78); /* the last field is there */
	static const uint8_t response[] = {0x72, 0xff, 0xff, 0x03};
	assert_non_null(find(out, len, response, sizeof(response)));
	free(out);
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_octets_are_those_of_the_schema),
		cmocka_unit_test(an_ipv6_client_over_tcp_is_told_as_such),
		cmocka_unit_test(the_largest_event_fits_what_was_reserved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
