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
#include "probes/check_dns_reply.h"

static const uint8_t question[] = "\3www\7example\0\0\1\0\1"; /* and the literal's own NUL */
enum { QUESTION = sizeof(question) - 1 };
static const struct isb_addr wanted[] = {{4, {192, 0, 2, 7}}, {6, {0x20, 1, 0xd, 0xb8, [15] = 7}}};
static const struct isb_dns_ask ask = {.id = 0xabcd,
                                       .recursion = true,
                                       .question = question,
                                       .nquestion = QUESTION,
                                       .addresses = wanted,
                                       .naddress = 2};

static int read_reply(const void *data, size_t len, struct isb_dns_reply *ret)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, data, len);
	int rc = isb_dns_reply_read(&ask, copy, len, ret);
	free(copy);
	return rc;
}

static struct isb_buf header(uint16_t flags, uint16_t questions, uint16_t answers)
{
	struct isb_buf b = {0};
	isb_buf_u16(&b, 0xabcd);
	isb_buf_u16(&b, flags);
	isb_buf_u16(&b, questions);
	isb_buf_u16(&b, answers);
	isb_buf_u32(&b, 0);
	if (questions)
		isb_buf_add(&b, question, QUESTION);
	return b;
}

static void add_record(struct isb_buf *b, const char *owner, size_t nowner, uint16_t type, const void *rdata,
                       uint16_t len)
{
	isb_buf_add(b, owner, nowner);
	isb_buf_u16(b, type);
	isb_buf_u16(b, 1);
	isb_buf_u32(b, 60);
	isb_buf_u16(b, len);
	isb_buf_add(b, rdata, len);
}

static void a_query_is_header_and_question(void **state)
{
	(void)state;
	struct isb_buf b = {0};
	static const char head[] = "\xab\xcd\1\0\0\1\0\0\0\0\0\0";
	isb_dns_ask_write(&ask, &b);
	assert_int_equal(b.len, 12 + QUESTION);
	assert_memory_equal(b.data, head, 12);
	assert_memory_equal(b.data + 12, question, QUESTION);
	isb_buf_done(&b);
	struct isb_dns_ask quiet = ask;
	quiet.recursion = false;
	isb_dns_ask_write(&quiet, &b);
	assert_int_equal(b.data[2], 0);
	isb_buf_done(&b);
}

static void addresses_are_found_behind_aliases(void **state)
{
	(void)state;
	struct isb_dns_reply reply;
	struct isb_buf b = header(0x8180, 1, 3);
	add_record(&b, "\xc0\x0c", 2, 5, "\1x\xc0\x10", 4);
	add_record(&b, "\1x\xc0\x10", 4, 1, "\xc0\0\2\x8", 4);
	size_t second = b.len;
	add_record(&b, "\1x\7example\0", 11, 1, "\xc0\0\2\7", 4);
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_OK);
	assert_true(reply.found);
	assert_false(reply.truncated);
	assert_int_equal(reply.answers, 3);
	b.data[b.len - 1] = 9;
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_OK);
	assert_false(reply.found);
	b.len = second;
	add_record(&b, "\0", 1, 28, wanted[1].octets, 16);
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_OK);
	assert_true(reply.found);
	b.data[second + 4] = 3; /* in class CH it means something else */
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_OK);
	assert_false(reply.found);
	b.len = second; /* as text it would be found, as a record it is none */
	add_record(&b, "\0", 1, 28, "\xc0\0\2\7", 4);
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_OK);
	assert_false(reply.found);
	isb_buf_done(&b);
}

static void records_of_other_sections_do_not_count(void **state)
{
	(void)state;
	struct isb_dns_reply reply;
	struct isb_buf b = header(0x8180, 1, 0);
	b.data[11] = 1; /* one additional */
	add_record(&b, "\xc0\x0c", 2, 1, "\xc0\0\2\7", 4);
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_OK);
	assert_false(reply.found);
	isb_buf_done(&b);
}

static void another_ones_reply_is_not_found(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t flip;
	} changes[] = {{0, 1},  {1, 1},     {2, 0x80}, {2, 0x08}, {5, 2}, {13, 1},
	               {12, 1}, {12, 0xc0}, {24, 1},   {26, 1},   {28, 1}};
	struct isb_dns_reply reply = {.rcode = 99};
	struct isb_buf b = header(0x8180, 1, 0);
	assert_int_equal(b.len, 29);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		b.data[changes[i].at] = (char)(b.data[changes[i].at] ^ changes[i].flip);
		assert_int_equal(read_reply(b.data, b.len, &reply), ISB_ENOTFOUND);
		b.data[changes[i].at] = (char)(b.data[changes[i].at] ^ changes[i].flip);
	}
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(read_reply(b.data, len, &reply), ISB_ENOTFOUND);
	assert_int_equal(reply.rcode, 99);
	b.data[13] = 'W'; /* case is no difference */
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_OK);
	isb_buf_done(&b);
}

static void an_error_may_come_without_the_question(void **state)
{
	(void)state;
	struct isb_dns_reply reply;
	struct isb_buf b = header(0x8001, 0, 0);
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_OK);
	assert_int_equal(reply.rcode, 1);
	b.data[3] = 0;
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_ENOTFOUND);
	isb_buf_done(&b);
}

static void a_reply_cut_short_is_looked_at_no_further(void **state)
{
	(void)state;
	struct isb_dns_reply reply;
	struct isb_buf b = header(0x8380, 1, 7);
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_OK);
	assert_true(reply.truncated);
	isb_buf_done(&b);
}

static void lengths_that_lie_are_malformed(void **state)
{
	(void)state;
	struct isb_dns_reply reply;
	struct isb_buf b = header(0x8180, 1, 1);
	size_t start = b.len;
	add_record(&b, "\xc0\x0c", 2, 1, "\xc0\0\2\7", 4);
	for (size_t len = start; len < b.len; len++)
		assert_int_equal(read_reply(b.data, len, &reply), ISB_EFORMAT);
	b.data[7] = 2; /* one more than there are */
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_EFORMAT);
	b.data[7] = 1;
	b.data[b.len - 6] = 0x7f; /* rdata of 32 KiB */
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_EFORMAT);
	b.len = start;
	add_record(&b, "\x80", 1, 1, "\xc0\0\2\7", 4); /* no label begins so */
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_EFORMAT);
	b.len = start;
	add_record(&b, "\x3fzz", 3, 1, "\xc0\0\2\7", 4);
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_EFORMAT);
	isb_buf_done(&b);
}

/* A pointer to itself is passed over like any other: names of records are never followed. */
static void loops_are_not_followed(void **state)
{
	(void)state;
	struct isb_dns_reply reply;
	struct isb_buf b = header(0x8180, 1, 1);
	char self[] = {(char)0xc0, (char)b.len};
	add_record(&b, self, 2, 1, "\xc0\0\2\7", 4);
	assert_int_equal(read_reply(b.data, b.len, &reply), ISB_OK);
	assert_true(reply.found);
	isb_buf_done(&b);
}

static void octets_at_random_are_survived(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 7);
	struct isb_buf b = header(0x8180, 1, 2);
	add_record(&b, "\xc0\x0c", 2, 5, "\1x\xc0\x10", 4);
	add_record(&b, "\1x\xc0\x10", 4, 1, "\xc0\0\2\7", 4);
	for (unsigned round = 0; round < 20000; round++) {
		struct isb_dns_reply reply;
		size_t at = isb_rng_below(&rng, b.len), len = isb_rng_below(&rng, b.len + 1);
		char kept = b.data[at];
		b.data[at] = (char)isb_rng_next(&rng);
		int rc = read_reply(b.data, len, &reply);
		assert_true(rc == ISB_OK || rc == ISB_EFORMAT || rc == ISB_ENOTFOUND);
		b.data[at] = kept;
	}
	isb_buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_header_and_question),
		cmocka_unit_test(addresses_are_found_behind_aliases),
		cmocka_unit_test(records_of_other_sections_do_not_count),
		cmocka_unit_test(another_ones_reply_is_not_found),
		cmocka_unit_test(an_error_may_come_without_the_question),
		cmocka_unit_test(a_reply_cut_short_is_looked_at_no_further),
		cmocka_unit_test(lengths_that_lie_are_malformed),
		cmocka_unit_test(loops_are_not_followed),
		cmocka_unit_test(octets_at_random_are_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
