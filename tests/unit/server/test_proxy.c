/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/base/wire.h"
#include "server/proxy.h"

enum { FIXED = 16 };

/* A header with `n` octets behind the fixed part, of which the first are 1, 2, 3, … */
static size_t header(uint8_t *out, uint8_t command, uint8_t kind, size_t n)
{
	memcpy(out, "\r\n\r\n\0\r\nQUIT\n", 12);
	out[12] = command;
	out[13] = kind;
	isb_put_u16(out + 14, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		out[FIXED + i] = (uint8_t)(i + 1);
	return FIXED + n;
}

/* In memory of exactly this length, so that a sanitizer sees a read past it. */
static int parse(const uint8_t *data, size_t len, struct isb_proxy *proxy)
{
	uint8_t *exact = malloc(len ? len : 1);
	memcpy(exact, data, len);
	int rc = isb_proxy_parse(exact, len, proxy);
	free(exact);
	return rc;
}

static void expect(const uint8_t *data, size_t len, size_t header_len, const char *client)
{
	struct isb_proxy proxy;
	char text[ISB_ADDR_TEXT];
	assert_int_equal(parse(data, len, &proxy), ISB_OK);
	assert_int_equal(proxy.len, header_len);
	assert_string_equal(isb_addr_print(&proxy.client, text), client);
	if (proxy.client.family) /* octets count up from 1: the ports begin behind two addresses */
		assert_int_equal(proxy.port, data[13] >> 4 == 1 ? 0x090a : 0x2122);
}

static void the_source_is_the_client_over_ipv4_and_ipv6_and_either_transport(void **state)
{
	(void)state;
	uint8_t data[100] = {0};
	for (uint8_t transport = 1; transport <= 2; transport++) {
		size_t len = header(data, 0x21, 0x10 | transport, 12);
		expect(data, len, 28, "1.2.3.4");
		expect(data, len + 40, 28, "1.2.3.4"); /* a message follows */
		len = header(data, 0x21, 0x20 | transport, 36);
		expect(data, len, 52, "102:304:506:708:90a:b0c:d0e:f10");
	}
}

static void an_ipv4_mapped_source_is_an_ipv4_client(void **state)
{
	(void)state;
	uint8_t data[100];
	size_t len = header(data, 0x21, 0x21, 36);
	memcpy(data + FIXED, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7", 16);
	expect(data, len, 52, "192.0.2.7");
}

static void type_length_values_are_skipped_up_to_the_longest_header(void **state)
{
	(void)state;
	static uint8_t data[FIXED + 65535 + 1];
	expect(data, header(data, 0x21, 0x12, 12 + 7), 35, "1.2.3.4");
	expect(data, header(data, 0x21, 0x12, 65535), FIXED + 65535, "1.2.3.4");
}

static void local_names_no_client_whatever_else_it_says(void **state)
{
	(void)state;
	uint8_t data[100];
	expect(data, header(data, 0x20, 0x00, 0), 16, "none");
	expect(data, header(data, 0x20, 0x11, 12), 28, "none");
	expect(data, header(data, 0x20, 0xff, 5), 21, "none");
}

static void a_part_of_a_header_asks_for_more_and_leaves_the_result_alone(void **state)
{
	(void)state;
	uint8_t data[100];
	static const uint8_t kinds[] = {0x11, 0x12, 0x21, 0x22};
	for (size_t k = 0; k < sizeof(kinds); k++) {
		size_t len = header(data, 0x21, kinds[k], kinds[k] < 0x20 ? 12 + 3 : 36 + 3);
		for (size_t n = 0; n < len; n++) {
			struct isb_proxy proxy = {.len = 77};
			assert_int_equal(parse(data, n, &proxy), ISB_ESPACE);
			assert_int_equal(proxy.len, 77);
		}
	}
}

static void a_wrong_octet_is_refused_as_soon_as_it_is_there(void **state)
{
	(void)state;
	struct isb_proxy proxy;
	for (size_t at = 0; at < 12; at++) {
		uint8_t data[100];
		header(data, 0x21, 0x11, 12);
		data[at] ^= 0x20;
		assert_int_equal(parse(data, at + 1, &proxy), ISB_EFORMAT);
		assert_int_equal(parse(data, 28, &proxy), ISB_EFORMAT);
	}
	assert_int_equal(parse((const uint8_t *)"PROXY TCP4 1.2.3.4 5.6.7.8 1 53\r\n", 33, &proxy), ISB_EFORMAT);
	assert_int_equal(parse((const uint8_t *)"P", 1, &proxy), ISB_EFORMAT);
}

static void other_versions_commands_families_and_transports_are_refused(void **state)
{
	(void)state;
	for (unsigned command = 0; command < 256; command++)
		for (unsigned kind = 0; kind < 256; kind++) {
			uint8_t data[100];
			struct isb_proxy proxy;
			bool known = kind == 0x11 || kind == 0x12 || kind == 0x21 || kind == 0x22;
			bool right = command == 0x20 || (command == 0x21 && known);
			size_t len = header(data, (uint8_t)command, (uint8_t)kind, 36);
			assert_int_equal(isb_proxy_parse(data, len, &proxy), right ? ISB_OK : ISB_EFORMAT);
		}
}

static void a_length_too_short_for_the_addresses_is_refused(void **state)
{
	(void)state;
	uint8_t data[100];
	struct isb_proxy proxy;
	for (size_t n = 0; n < 36; n++) {
		size_t len = header(data, 0x21, 0x22, n);
		assert_int_equal(parse(data, len, &proxy), ISB_EFORMAT);
		len = header(data, 0x21, 0x12, n);
		assert_int_equal(parse(data, len, &proxy), n < 12 ? ISB_EFORMAT : ISB_OK);
	}
}

static void no_octets_at_all_make_it_say_more_than_there_is(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 4);
	for (int round = 0; round < 100000; round++) {
		uint8_t data[100];
		struct isb_proxy proxy;
		header(data, 0x21, 0x11, 60);
		for (int flips = 0; flips < 3; flips++)
			data[12 + isb_rng_below(&rng, 6)] = (uint8_t)isb_rng_below(&rng, 256);
		size_t len = isb_rng_below(&rng, 76);
		if (parse(data, len, &proxy) == ISB_OK)
			assert_true(proxy.len >= FIXED && proxy.len <= len);
	}
}

static void only_senders_in_a_named_network_are_believed(void **state)
{
	(void)state;
	struct isb_proxy_from from = {.count = 2};
	static const struct {
		const char *sender;
		bool allowed;
	} cases[] = {
		{"192.0.2.16", true},  {"192.0.2.31", true},   {"192.0.2.32", false},   {"192.0.2.15", false},
		{"2001:db8::1", true}, {"2001:db8::2", false}, {"::192.0.2.16", false},
	};
	assert_int_equal(isb_net_parse("192.0.2.16/28", &from.nets[0]), ISB_OK);
	assert_int_equal(isb_net_parse("2001:db8::1", &from.nets[1]), ISB_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_addr sender;
		assert_int_equal(isb_addr_parse(cases[i].sender, &sender), ISB_OK);
		assert_int_equal(isb_proxy_allows(&from, &sender), cases[i].allowed);
	}
	from.count = 0;
	assert_false(isb_proxy_allows(&from, &from.nets[1].addr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_source_is_the_client_over_ipv4_and_ipv6_and_either_transport),
		cmocka_unit_test(an_ipv4_mapped_source_is_an_ipv4_client),
		cmocka_unit_test(type_length_values_are_skipped_up_to_the_longest_header),
		cmocka_unit_test(local_names_no_client_whatever_else_it_says),
		cmocka_unit_test(a_part_of_a_header_asks_for_more_and_leaves_the_result_alone),
		cmocka_unit_test(a_wrong_octet_is_refused_as_soon_as_it_is_there),
		cmocka_unit_test(other_versions_commands_families_and_transports_are_refused),
		cmocka_unit_test(a_length_too_short_for_the_addresses_is_refused),
		cmocka_unit_test(no_octets_at_all_make_it_say_more_than_there_is),
		cmocka_unit_test(only_senders_in_a_named_network_are_believed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
