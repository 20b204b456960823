/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/wire.h"
#include "probes/check_icmp_echo.h"

static const struct isb_echo v4 = {.family = 4, .id = 0x1234, .token = 0x0102030405060708};
static const struct isb_echo v4_raw = {.family = 4, .raw = true, .id = 0x1234, .token = 0x0102030405060708};
static const struct isb_echo v6_raw = {.family = 6, .raw = true, .id = 0x1234, .token = 0x0102030405060708};

/* From memory of exactly its size, so that a sanitizer sees what is read beyond. */
static bool answers(const struct isb_echo *echo, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, data, len);
	bool yes = isb_echo_answers(echo, copy, len);
	free(copy);
	return yes;
}

static void make_reply(const struct isb_echo *echo, uint8_t out[ISB_ECHO_LEN])
{
	isb_echo_write(echo, out);
	out[0] = echo->family == 4 ? 0 : 129;
	if (echo->family == 4) /* the type went from 8 to 0, so the sum grows by 0x0800 (RFC 1624), with its carry */
		isb_put_u16(out + 2, (uint16_t)(isb_get_u16(out + 2) + 0x0800 + (isb_get_u16(out + 2) > 0xf7ff)));
}

static void a_request_is_as_the_rfc_has_it(void **state)
{
	(void)state;
	static const uint8_t expected[] = {8, 0, 0, 0, 0x12, 0x34, 0,   1,   1,   2,   3, 4,
	                                   5, 6, 7, 8, 'i',  's',  'o', 'b', 'a', 'r', 0, 0};
	uint8_t out[ISB_ECHO_LEN];
	isb_echo_write(&v4_raw, out);
	uint32_t sum = 0;
	for (size_t i = 0; i < sizeof(out); i += 2)
		sum += isb_get_u16(out + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
	isb_put_u16(out + 2, 0);
	assert_memory_equal(out, expected, sizeof(expected));
	isb_echo_write(&v6_raw, out);
	assert_int_equal(out[0], 128);
	assert_int_equal(isb_get_u16(out + 2), 0);
}

static void the_own_reply_answers(void **state)
{
	(void)state;
	uint8_t packet[60 + ISB_ECHO_LEN] = {0x45}, reply[ISB_ECHO_LEN];
	make_reply(&v4_raw, reply);
	memcpy(packet + 20, reply, sizeof(reply));
	assert_true(answers(&v4_raw, packet, 20 + sizeof(reply)));
	packet[0] = 0x4f; /* with options: 60 octets */
	memset(packet + 20, 0, 40);
	memcpy(packet + 60, reply, sizeof(reply));
	assert_true(answers(&v4_raw, packet, 60 + sizeof(reply)));
	assert_true(answers(&v4, reply, sizeof(reply)));
	make_reply(&v6_raw, reply);
	assert_true(answers(&v6_raw, reply, sizeof(reply)));
}

static void a_ping_socket_has_the_kernels_id(void **state)
{
	(void)state;
	uint8_t reply[ISB_ECHO_LEN];
	make_reply(&v4, reply);
	reply[4] = 0x99;
	assert_true(answers(&v4, reply, sizeof(reply)));
	make_reply(&v6_raw, reply);
	reply[4] = 0x99;
	assert_false(answers(&v6_raw, reply, sizeof(reply)));
}

/* Any octet changed, any octet less, one more: nobody's reply. */
static void nothing_else_answers(void **state)
{
	(void)state;
	uint8_t packet[20 + ISB_ECHO_LEN + 1] = {0x45}, reply[ISB_ECHO_LEN + 1] = {0};
	make_reply(&v4_raw, packet + 20);
	for (size_t i = 20; i < 20 + ISB_ECHO_LEN; i++) {
		packet[i] ^= 1;
		assert_false(answers(&v4_raw, packet, 20 + ISB_ECHO_LEN));
		packet[i] ^= 1;
	}
	for (size_t len = 0; len <= sizeof(packet); len++)
		assert_int_equal(answers(&v4_raw, packet, len), len == 20 + ISB_ECHO_LEN);
	static const uint8_t heads[] = {0x44, 0x40, 0x65, 0x4f, 0x55};
	for (size_t i = 0; i < sizeof(heads); i++) {
		packet[0] = heads[i];
		assert_false(answers(&v4_raw, packet, 20 + ISB_ECHO_LEN));
	}
	make_reply(&v6_raw, reply);
	for (size_t len = 0; len <= sizeof(reply); len++)
		assert_int_equal(answers(&v6_raw, reply, len), len == ISB_ECHO_LEN);
	for (size_t i = 0; i < ISB_ECHO_LEN; i++) {
		reply[i] ^= 1;
		assert_int_equal(answers(&v6_raw, reply, ISB_ECHO_LEN), i == 2 || i == 3); /* the kernel's sum */
		reply[i] ^= 1;
	}
	isb_echo_write(&v6_raw, reply); /* the request itself, as it is seen on loopback */
	assert_false(answers(&v6_raw, reply, ISB_ECHO_LEN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_as_the_rfc_has_it),
		cmocka_unit_test(the_own_reply_answers),
		cmocka_unit_test(a_ping_socket_has_the_kernels_id),
		cmocka_unit_test(nothing_else_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
