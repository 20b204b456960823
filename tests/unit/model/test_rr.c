/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/rr.h"

static void every_type_number_prints_and_reads_back(void **state)
{
	(void)state;
	for (uint32_t type = 0; type <= UINT16_MAX; type++) {
		char text[ISB_TYPE_TEXT];
		uint16_t again = (uint16_t)~type;
		assert_int_equal(isb_type_parse(isb_type_print((uint16_t)type, text), &again), ISB_OK);
		assert_int_equal(again, type);
	}
}

static void mnemonics_and_generic_names_are_known_in_any_case(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint16_t type;
	} known[] = {{"a", ISB_A},         {"AAAA", ISB_AAAA}, {"Https", ISB_HTTPS}, {"nsec3param", 51},
	             {"NSAP-PTR", 23},     {"CAA", 257},       {"ANY", ISB_ANY},     {"type1", ISB_A},
	             {"TYPE65535", 65535}, {"TYPE0", 0},       {"DLV", 32769}};
	char text[ISB_TYPE_TEXT];
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint16_t type = 12345;
		assert_int_equal(isb_type_parse(known[i].text, &type), ISB_OK);
		assert_int_equal(type, known[i].type);
	}
	assert_string_equal(isb_type_print(ISB_SVCB, text), "SVCB");
	assert_string_equal(isb_type_print(54, text), "TYPE54");
	assert_string_equal(isb_type_print(65535, text), "TYPE65535");
}

static void other_words_are_no_types(void **state)
{
	(void)state;
	static const char *const bad[] = {"",       "AAA",    "TYPE",   "TYPE65536", "TYPE99999999999",
	                                  "TYPE-1", "TYPE1x", "TYPE 1", "IN",        "1"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint16_t type = 12345;
		assert_int_equal(isb_type_parse(bad[i], &type), ISB_EFORMAT);
		assert_int_equal(type, 12345);
	}
	assert_string_equal(isb_type_nearest("CNAM"), "CNAME");
	assert_null(isb_type_nearest("completely-different"));
}

static void question_and_meta_types_own_no_data(void **state)
{
	(void)state;
	static const uint16_t meta[] = {0, ISB_OPT, 128, ISB_TKEY, ISB_TSIG, ISB_IXFR, ISB_AXFR, ISB_ANY};
	static const uint16_t data[] = {ISB_A, ISB_SOA, ISB_HTTPS, 127, 256, 257, 65280};
	for (size_t i = 0; i < sizeof(meta) / sizeof(meta[0]); i++)
		assert_false(isb_type_is_data(meta[i]));
	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++)
		assert_true(isb_type_is_data(data[i]));
}

static void layouts_say_where_names_are_and_what_may_be_compressed(void **state)
{
	(void)state;
	const struct isb_rdata_layout *mx = isb_rdata_layout(ISB_MX), *srv = isb_rdata_layout(ISB_SRV);
	const struct isb_rdata_layout *soa = isb_rdata_layout(ISB_SOA), *https = isb_rdata_layout(ISB_HTTPS);
	assert_true(mx->skip == 2 && mx->names == 1 && mx->compress && mx->target == 0);
	assert_true(srv->skip == 6 && srv->names == 1 && !srv->compress && srv->target == 0);
	assert_true(soa->skip == 0 && soa->names == 2 && soa->compress && soa->target == -1);
	assert_true(https->skip == 2 && https->names == 1 && !https->compress && https->target == 0);
	assert_int_equal(isb_rdata_layout(ISB_NS)->target, 0);
	assert_int_equal(isb_rdata_layout(ISB_CNAME)->target, -1);
	assert_false(isb_rdata_layout(ISB_DNAME)->compress);
	assert_null(isb_rdata_layout(ISB_A));
	assert_null(isb_rdata_layout(ISB_TXT));
	assert_null(isb_rdata_layout(0));
	assert_null(isb_rdata_layout(65535));
}

static void rdata_of_known_types_must_be_whole(void **state)
{
	(void)state;
	static const struct {
		uint16_t type;
		const char *rdata;
		size_t len;
		bool good;
	} cases[] = {
		{ISB_A, "\xc0\0\2\1", 4, true},
		{ISB_A, "\xc0\0\2", 3, false},
		{ISB_A, "\xc0\0\2\1\0", 5, false},
		{ISB_AAAA, "0123456789abcdef", 16, true},
		{ISB_AAAA, "", 0, false},
		{ISB_NS, "\2ns\0", 4, true},
		{ISB_NS, "\2ns", 3, false},
		{ISB_NS, "\2ns\0x", 5, false},
		{ISB_NS, "\xc0\x0c", 2, false},
		{ISB_MX, "\0\12\2mx\0", 6, true},
		{ISB_MX, "\0", 1, false},
		{ISB_MX, "\0\12", 2, false},
		{ISB_SOA,
	         "\0\0"
	         "01234567890123456789",
	         22, true},
		{ISB_SOA,
	         "\0\0"
	         "0123456789012345678",
	         21, false},
		{ISB_SOA,
	         "\0\0"
	         "012345678901234567890",
	         23, false},
		{ISB_HTTPS, "\0\1\0", 3, true},
		{ISB_HTTPS, "\0\1\0\0\3\0\2\1\273", 9, true},
		{ISB_NSEC, "\1a\0\0\1\1", 6, true},
		{ISB_NSEC, "\5a", 2, false},
		{65280, "", 0, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(isb_rdata_check(cases[i].type, (const uint8_t *)cases[i].rdata, cases[i].len),
		                 cases[i].good);
}

static struct isb_rrset *make_set(uint16_t type, uint16_t count, const void *rdata, uint32_t size)
{
	struct isb_rrset *set = calloc(1, sizeof(*set) + size);
	assert_non_null(set);
	set->type = type;
	set->count = count;
	set->size = size;
	memcpy(set->rdata, rdata, size);
	return set;
}

static void stored_rrsets_must_add_up(void **state)
{
	(void)state;
	static const struct {
		uint16_t count;
		const char *octets;
		uint32_t size;
		bool good;
	} cases[] = {
		{1, "\0\4\300\0\2\1", 6, true},
		{2, "\0\4\300\0\2\1\0\4\300\0\2\2", 12, true},
		{2, "\0\4\300\0\2\1", 6, false},                /* one is missing */
		{1, "\0\4\300\0\2\1\0\4\300\0\2\2", 12, false}, /* one too many */
		{1, "\0\4\300\0\2", 5, false},                  /* cut */
		{1, "\0", 1, false},
		{1, "\377\377\300\0\2\1", 6, false}, /* a length beyond the end */
		{0, "", 0, false},                   /* an empty rrset is none */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_rrset *set = make_set(ISB_A, cases[i].count, cases[i].octets, cases[i].size);
		assert_int_equal(isb_rrset_check(set, isb_rrset_bytes(set)), cases[i].good);
		assert_false(isb_rrset_check(set, isb_rrset_bytes(set) + 1));
		assert_false(isb_rrset_check(set, sizeof(*set) - 1));
		free(set);
	}
}

static void stepping_gives_each_rdata_in_turn(void **state)
{
	(void)state;
	struct isb_rrset *set = make_set(ISB_TXT, 3, "\0\2\1a\0\0\0\3\2bc", 11);
	const uint8_t *at = set->rdata;
	uint16_t len;
	assert_memory_equal(isb_rdata_next(&at, &len), "\1a", 2);
	assert_int_equal(len, 2);
	isb_rdata_next(&at, &len);
	assert_int_equal(len, 0);
	assert_memory_equal(isb_rdata_next(&at, &len), "\2bc", 3);
	assert_int_equal(len, 3);
	assert_ptr_equal(at, set->rdata + set->size);
	free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_number_prints_and_reads_back),
		cmocka_unit_test(mnemonics_and_generic_names_are_known_in_any_case),
		cmocka_unit_test(other_words_are_no_types),
		cmocka_unit_test(question_and_meta_types_own_no_data),
		cmocka_unit_test(layouts_say_where_names_are_and_what_may_be_compressed),
		cmocka_unit_test(rdata_of_known_types_must_be_whole),
		cmocka_unit_test(stored_rrsets_must_add_up),
		cmocka_unit_test(stepping_gives_each_rdata_in_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
