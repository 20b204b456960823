/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "isobar/dns/edns.h"

#define READ(e, octets) isb_edns_read(e, 1232, 0, (const uint8_t *)(octets), sizeof(octets) - 1)
#define ECS(len, octets) "\0\x08\0" len octets

static const struct isb_edns_extra none = {.has = 0};

/* Writes exactly as much as it said, which is returned. */
static size_t write_opt(uint8_t *out, const struct isb_edns *edns, const struct isb_edns_extra *extra, enum isb_rcode rcode,
                        uint8_t scope)
{
	size_t size = isb_edns_size(edns, extra);
	memset(out, 0x5a, size + 1);
	isb_edns_write(out, size, edns, extra, rcode, scope);
	assert_int_equal(out[size], 0x5a);
	return size;
}

static void class_and_ttl_are_payload_version_and_do(void **state)
{
	(void)state;
	struct isb_edns e;
	assert_int_equal(isb_edns_read(&e, 4096, 0x00008000, NULL, 0), ISB_NOERROR);
	assert_true(e.present);
	assert_int_equal(e.flags, ISB_EDNS_DO);
	assert_int_equal(e.payload, 4096);
	assert_int_equal(isb_edns_read(&e, 512, 0xff007fff, NULL, 0), ISB_NOERROR);
	assert_int_equal(e.flags, 0);
	assert_int_equal(isb_edns_read(&e, 512, 0x00010000, (const uint8_t *)"x", 1), ISB_BADVERS);
	assert_true(e.present);
}

static void options_are_stepped_over_but_must_fit(void **state)
{
	(void)state;
	struct isb_edns e;
	assert_int_equal(READ(&e, "\0\3\0\0" "\0\x0c\0\2zz" "\xff\xff\0\1z"), ISB_NOERROR);
	assert_false(e.has & ISB_EDNS_ECS);
	assert_int_equal(READ(&e, "\0\3\0\1"), ISB_FORMERR);
	assert_int_equal(READ(&e, "\0\3\0"), ISB_FORMERR);
	assert_int_equal(READ(&e, "\0"), ISB_FORMERR);
	assert_true(e.present); /* the reply has an OPT all the same */
}

static void client_subnets_are_read(void **state)
{
	(void)state;
	struct isb_edns e;
	struct isb_addr addr;
	assert_int_equal(READ(&e, "\0\3\0\0" ECS("\7", "\0\1\x18\0\xc0\0\2")), ISB_NOERROR);
	assert_true(e.has & ISB_EDNS_ECS);
	assert_int_equal(e.ecs.source, 24);
	isb_addr_parse("192.0.2.0", &addr);
	assert_true(isb_addr_equal(&e.ecs.addr, &addr));
	assert_int_equal(READ(&e, ECS("\x0b", "\0\2\x31\0\x20\x01\x0d\xb8\0\1\x80")), ISB_NOERROR);
	assert_int_equal(e.ecs.source, 49);
	isb_addr_parse("2001:db8:1:8000::", &addr);
	assert_true(isb_addr_equal(&e.ecs.addr, &addr));
	assert_int_equal(READ(&e, ECS("\4", "\0\1\0\0")), ISB_NOERROR);
	assert_true(e.has & ISB_EDNS_ECS);
	assert_int_equal(e.ecs.source, 0);
	assert_int_equal(READ(&e, ECS("\4", "\0\0\0\0")), ISB_NOERROR); /* dig +subnet=0 */
	assert_true(e.has & ISB_EDNS_ECS);
	assert_int_equal(e.ecs.addr.family, 0);
	assert_int_equal(READ(&e, ECS("\x08", "\0\1\x20\0\xff\xff\xff\xff")), ISB_NOERROR);
	assert_int_equal(READ(&e, ECS("\x14", "\0\2\x80\0\1\2\3\4\5\6\7\x08\x09\1\2\3\4\5\6\7")), ISB_NOERROR);
}

static void malformed_client_subnets_are_formerr(void **state)
{
	(void)state;
	struct isb_edns e;
#define REFUSED(octets) \
	assert_int_equal(READ(&e, octets), ISB_FORMERR); \
	assert_true(e.present); \
	assert_false(e.has & ISB_EDNS_ECS)
	REFUSED(ECS("\0", ""));
	REFUSED(ECS("\3", "\0\1\0"));
	REFUSED(ECS("\7", "\0\0\x18\0\xc0\0\2"));       /* family */
	REFUSED(ECS("\7", "\0\3\x18\0\xc0\0\2"));
	REFUSED(ECS("\4", "\0\3\0\0"));
	REFUSED(ECS("\5", "\0\0\0\0\0"));
	REFUSED(ECS("\7", "\1\1\x18\0\xc0\0\2"));
	REFUSED(ECS("\x09", "\0\1\x21\0\xc0\0\2\1\0")); /* longer than an address */
	REFUSED(ECS("\x15", "\0\2\x81\0\1\2\3\4\5\6\7\x08\x09\1\2\3\4\5\6\7\x80"));
	REFUSED(ECS("\7", "\0\1\x18\1\xc0\0\2"));       /* scope in a query */
	REFUSED(ECS("\6", "\0\1\x18\0\xc0\0"));         /* too few octets, too many, bits beyond SOURCE */
	REFUSED(ECS("\x08", "\0\1\x18\0\xc0\0\2\0"));
	REFUSED(ECS("\5", "\0\1\0\0\0"));
	REFUSED(ECS("\7", "\0\1\x17\0\xc0\0\1"));
	REFUSED(ECS("\5", "\0\1\1\0\x40"));
	REFUSED(ECS("\7", "\0\1\x18\0\xc0\0\2") ECS("\7", "\0\1\x18\0\xc0\0\2")); /* twice */
	REFUSED(ECS("\7", "\0\1\x18\0\xc0\0\2") "\0\3\0\1");
#undef REFUSED
}

static void our_opt_echoes_the_subnet_exactly(void **state)
{
	(void)state;
	struct isb_edns e;
	uint8_t out[64];
	static const char expected[] = "\0\0\x29\x04\xd0\1\0\x80\0\0\x0b\0\x08\0\7\0\1\x15\x0d\xc0\0\x08";
	assert_int_equal(isb_edns_read(&e, 4096, 0x8000, (const uint8_t *)ECS("\7", "\0\1\x15\0\xc0\0\x08"), 11),
	                 ISB_NOERROR);
	assert_int_equal(write_opt(out, &e, &none, ISB_BADVERS, 13), sizeof(expected) - 1);
	assert_memory_equal(out, expected, sizeof(expected) - 1);
	static const char no_family[] = "\0\0\x29\x04\xd0\0\0\0\0\0\x08\0\x08\0\4\0\0\0\0";
	assert_int_equal(READ(&e, ECS("\4", "\0\0\0\0")), ISB_NOERROR);
	assert_int_equal(write_opt(out, &e, &none, ISB_NOERROR, 0), sizeof(no_family) - 1);
	assert_memory_equal(out, no_family, sizeof(no_family) - 1);
}

/* Every family and SOURCE, the option alone in memory of just its size, read and written octet by octet beside it. */
static void subnets_of_every_length_are_read_and_echoed(void **state)
{
	(void)state;
	enum { HEADS = 8, OPT = 11 };
	for (uint8_t family = 1; family <= 2; family++) {
		for (unsigned source = 0; source <= (family == 1 ? 32 : 128); source++) {
			size_t octets = (source + 7) / 8, len = HEADS + octets;
			uint8_t *option = malloc(len), address[16] = {0}, out[64];
			for (unsigned bit = 0; bit < source; bit++)
				address[bit / 8] |= (uint8_t)((0x9d ^ bit) >> bit % 8 & 1 ? 0x80 >> bit % 8 : 0);
			const uint8_t heads[] = {0, 8, 0, (uint8_t)(4 + octets), 0, family, (uint8_t)source, 0};
			memcpy(option, heads, HEADS);
			memcpy(option + HEADS, address, octets);
			struct isb_edns e;
			assert_int_equal(isb_edns_read(&e, 1232, 0, option, (uint16_t)len), ISB_NOERROR);
			assert_int_equal(e.ecs.source, source);
			assert_int_equal(e.ecs.addr.family, family == 1 ? 4 : 6);
			assert_memory_equal(e.ecs.addr.octets, address, sizeof(address));
			assert_int_equal(write_opt(out, &e, &none, ISB_NOERROR, 77), OPT + len);
			assert_int_equal(out[OPT - 1], len);
			option[HEADS - 1] = 77;
			assert_memory_equal(out + OPT, option, len);
			option[HEADS - 1] = 0;
			if (source % 8) { /* one bit more than it says */
				option[len - 1] |= (uint8_t)(0x80 >> source % 8);
				assert_int_equal(isb_edns_read(&e, 1232, 0, option, (uint16_t)len), ISB_FORMERR);
			}
			free(option);
		}
	}
}

static void options_mean_the_same_in_every_order(void **state)
{
	(void)state;
	static const struct {
		const char *octets;
		size_t len;
	} options[] = {
#define OPTION(octets) {octets, sizeof(octets) - 1}
		OPTION(ECS("\7", "\0\1\x18\0\xc0\0\2")), OPTION("\0\x0a\0\x08" "clientck"), OPTION("\0\3\0\0"),
		OPTION("\0\x0b\0\0"), OPTION("\xff\xf0\0\3xyz"),
#undef OPTION
	};
	enum { N = sizeof(options) / sizeof(options[0]) };
	uint8_t first[128];
	size_t first_len = 0;
	const struct isb_edns_extra extra = {
		.has = ISB_EDNS_COOKIE | ISB_EDNS_NSID | ISB_EDNS_KEEPALIVE | ISB_EDNS_EDE, .server = "server's cookie",
		.nsid = (const uint8_t *)"here", .nsid_len = 4, .keepalive_100ms = 300, .ede = ISB_EDE_PROHIBITED};
	for (unsigned order = 0; order < 5 * 4 * 3 * 2; order++) {
		uint8_t rdata[128], out[128];
		size_t len = 0;
		bool used[N] = {false};
		for (unsigned left = N, rest = order; left > 0; rest /= left--) {
			unsigned at = 0;
			for (unsigned skip = rest % left; used[at] || skip > 0; at++)
				skip -= !used[at];
			used[at] = true;
			memcpy(rdata + len, options[at].octets, options[at].len);
			len += options[at].len;
		}
		struct isb_edns e;
		assert_int_equal(isb_edns_read(&e, 1232, 0, rdata, (uint16_t)len), ISB_NOERROR);
		assert_int_equal(e.has, ISB_EDNS_ECS | ISB_EDNS_COOKIE | ISB_EDNS_NSID | ISB_EDNS_KEEPALIVE);
		assert_memory_equal(e.cookie.client, "clientck", 8);
		size_t size = write_opt(out, &e, &extra, ISB_REFUSED, 20);
		if (order == 0) {
			first_len = size;
			memcpy(first, out, size);
		}
		assert_int_equal(size, first_len);
		assert_memory_equal(out, first, size);
		for (size_t cut = 1; cut < len; cut++) { /* what ends within an option is malformed, between two of them it is not */
			enum isb_rcode rcode = isb_edns_read(&e, 1232, 0, rdata, (uint16_t)cut);
			size_t at = 0;
			while (at < cut && at + 4 <= len)
				at += 4u + rdata[at + 3];
			assert_int_equal(rcode, at == cut ? ISB_NOERROR : ISB_FORMERR);
		}
	}
	static const char expected[] = "\0\0\x29\x04\xd0\0\0\0\0\0\x3b" ECS("\7", "\0\1\x18\x14\xc0\0\2") "\0\x0a\0\x18"
		"clientckserver's cookie\0" "\0\3\0\4here" "\0\x0b\0\2\1\x2c" "\0\x0f\0\2\0\x12";
	assert_int_equal(first_len, sizeof(expected) - 1);
	assert_memory_equal(first, expected, first_len);
}

static void without_an_opt_in_the_query_there_is_none_in_the_reply(void **state)
{
	(void)state;
	struct isb_edns e = {.present = false};
	assert_int_equal(isb_edns_size(&e, &none), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(class_and_ttl_are_payload_version_and_do),
		cmocka_unit_test(options_are_stepped_over_but_must_fit),
		cmocka_unit_test(client_subnets_are_read),
		cmocka_unit_test(malformed_client_subnets_are_formerr),
		cmocka_unit_test(subnets_of_every_length_are_read_and_echoed),
		cmocka_unit_test(options_mean_the_same_in_every_order),
		cmocka_unit_test(our_opt_echoes_the_subnet_exactly),
		cmocka_unit_test(without_an_opt_in_the_query_there_is_none_in_the_reply),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
