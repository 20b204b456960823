/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "isobar/dns/edns.h"

#define READ(e, octets) isb_edns_read(e, 1232, 0, (const uint8_t *)(octets), sizeof(octets) - 1)
#define ECS(len, octets) "\0\x08\0" len octets

static const struct isb_edns_extra none = {.ede = ISB_EDE_NONE};

static void class_and_ttl_are_payload_version_and_do(void **state)
{
	(void)state;
	struct isb_edns e;
	assert_int_equal(isb_edns_read(&e, 4096, 0x00008000, NULL, 0), ISB_NOERROR);
	assert_true(e.present);
	assert_true(e.dnssec_ok);
	assert_int_equal(e.payload, 4096);
	assert_int_equal(isb_edns_read(&e, 512, 0xff007fff, NULL, 0), ISB_NOERROR);
	assert_false(e.dnssec_ok);
	assert_int_equal(isb_edns_read(&e, 512, 0x00010000, (const uint8_t *)"x", 1), ISB_BADVERS);
	assert_true(e.present);
	assert_int_equal(e.version, 1);
}

static void options_are_stepped_over_but_must_fit(void **state)
{
	(void)state;
	struct isb_edns e;
	assert_int_equal(READ(&e, "\0\3\0\0" "\0\x0c\0\2zz" "\xff\xff\0\1z"), ISB_NOERROR);
	assert_false(e.ecs.present);
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
	assert_true(e.ecs.present);
	assert_int_equal(e.ecs.source, 24);
	isb_addr_parse("192.0.2.0", &addr);
	assert_true(isb_addr_equal(&e.ecs.addr, &addr));
	assert_int_equal(READ(&e, ECS("\x0b", "\0\2\x31\0\x20\x01\x0d\xb8\0\1\x80")), ISB_NOERROR);
	assert_int_equal(e.ecs.source, 49);
	isb_addr_parse("2001:db8:1:8000::", &addr);
	assert_true(isb_addr_equal(&e.ecs.addr, &addr));
	assert_int_equal(READ(&e, ECS("\4", "\0\1\0\0")), ISB_NOERROR);
	assert_true(e.ecs.present);
	assert_int_equal(e.ecs.source, 0);
	assert_int_equal(READ(&e, ECS("\4", "\0\0\0\0")), ISB_NOERROR); /* dig +subnet=0 */
	assert_true(e.ecs.present);
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
	assert_false(e.ecs.present)
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
	struct isb_writer w = isb_writer(out, isb_edns_size(&e, &none));
	isb_edns_write(&w, &e, &none, ISB_BADVERS, 13);
	assert_false(w.bad);
	assert_int_equal(w.pos, sizeof(expected) - 1);
	assert_memory_equal(out, expected, w.pos);
	static const char no_family[] = "\0\0\x29\x04\xd0\0\0\0\0\0\x08\0\x08\0\4\0\0\0\0";
	assert_int_equal(READ(&e, ECS("\4", "\0\0\0\0")), ISB_NOERROR);
	w = isb_writer(out, isb_edns_size(&e, &none));
	isb_edns_write(&w, &e, &none, ISB_NOERROR, 0);
	assert_int_equal(w.pos, sizeof(no_family) - 1);
	assert_memory_equal(out, no_family, w.pos);
}

static void without_an_opt_in_the_query_there_is_none_in_the_reply(void **state)
{
	(void)state;
	struct isb_edns e = {.present = false};
	struct isb_writer w = isb_writer(NULL, 0);
	assert_int_equal(isb_edns_size(&e, &none), 0);
	isb_edns_write(&w, &e, &none, ISB_NOERROR, 0);
	assert_false(w.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(class_and_ttl_are_payload_version_and_do),
		cmocka_unit_test(options_are_stepped_over_but_must_fit),
		cmocka_unit_test(client_subnets_are_read),
		cmocka_unit_test(malformed_client_subnets_are_formerr),
		cmocka_unit_test(our_opt_echoes_the_subnet_exactly),
		cmocka_unit_test(without_an_opt_in_the_query_there_is_none_in_the_reply),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
