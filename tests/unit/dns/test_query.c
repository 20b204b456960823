/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "isobar/dns/query.h"
#include "isobar/model/rr.h"

#define HEAD(flags, qd, an, ns, ar) "\x12\x34" flags "\0" qd "\0" an "\0" ns "\0" ar
#define PLAIN "\0\0"
#define QUESTION "\3wWw\7eXample\4tESt\0\0\1\0\1"
#define OPT(len) "\0\0\x29\x04\xd0\0\0\x80\0\0" len
/* key. hmac-sha256. with a MAC of two octets */
#define TSIG_RDATA "\x0bhmac-sha256\0" "\0\0\x60\0\0\0\x01\x2c" "\0\2\xaa\xbb" "\x12\x34" "\0\0" "\0\0"
#define TSIG "\3key\0\0\xfa\0\xff\0\0\0\0\0\x1f" TSIG_RDATA

#define READ(q, octets) read_exact(q, octets, sizeof(octets) - 1)

/* From the heap and not an octet too long, so that a sanitizer sees every read past the end. */
static int read_exact(struct isb_query *q, const char *octets, size_t len)
{
	static uint8_t *copy;
	free(copy);
	copy = malloc(len ? len : 1);
	memcpy(copy, octets, len);
	return isb_query_read(q, copy, len);
}

static void a_plain_question_is_taken_apart(void **state)
{
	(void)state;
	struct isb_query q;
	assert_int_equal(READ(&q, HEAD("\1\x10", "\1", "\0", "\0", "\0") QUESTION), ISB_NOERROR);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.flags, ISB_FLAG_RD | 0x0010);
	assert_true(q.asks);
	assert_int_equal(q.qtype, ISB_A);
	assert_int_equal(q.qclass, ISB_CLASS_IN);
	assert_int_equal(q.name.len, 18);
	assert_int_equal(q.name.labels, 3);
	assert_int_equal(q.name.at, 12);
	assert_memory_equal(q.name.wire, "\3wWw\7eXample\4tESt", 18);
	assert_memory_equal(q.name.lower, "\3www\7example\4test", 18);
	static const uint8_t offsets[] = {0, 4, 12, 17};
	assert_memory_equal(q.name.label, offsets, 4);
	assert_false(q.edns.present);
	assert_false(q.tsig.present);
}

static void every_octet_is_folded_as_ascii_alone(void **state)
{
	(void)state;
	struct isb_name name;
	uint8_t wire[ISB_DNAME_MAX];
	for (unsigned base = 0; base < 256; base += 32) {
		for (unsigned len = 1; len <= 32; len++) { /* all positions within and behind a word of eight */
			wire[0] = (uint8_t)len;
			for (unsigned i = 0; i < len; i++)
				wire[1 + i] = (uint8_t)(base + i);
			wire[1 + len] = 0;
			isb_name_set(&name, wire);
			for (unsigned i = 0; i < len; i++) {
				unsigned c = base + i;
				assert_int_equal(name.lower[1 + i], c >= 'A' && c <= 'Z' ? c + 32 : c);
			}
			assert_int_equal(name.lower[0], len);
			assert_int_equal(name.lower[1 + len], 0);
		}
	}
}

static void the_longest_names_are_read(void **state)
{
	(void)state;
	struct isb_query q;
	char message[12 + 256 + 4] = HEAD(PLAIN, "\1", "\0", "\0", "\0");
	for (unsigned i = 0; i < 127; i++)
		memcpy(message + 12 + 2 * i, "\1a", 2);
	memcpy(message + 12 + 254, "\0\0\1\0\1", 5);
	assert_int_equal(read_exact(&q, message, 12 + 255 + 4), ISB_NOERROR);
	assert_int_equal(q.name.labels, 127);
	assert_int_equal(q.name.label[127], 254);
	memcpy(message + 12 + 250, "\4aaaa\0\0\1\0\1", 10); /* 256 octets */
	assert_int_equal(read_exact(&q, message, 12 + 256 + 4), ISB_FORMERR);
	assert_false(q.asks);
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\0", "\0") "\0\0\2\0\1"), ISB_NOERROR);
	assert_int_equal(q.name.len, 1);
	assert_int_equal(q.name.labels, 0);
}

static void what_is_no_query_is_dropped(void **state)
{
	(void)state;
	struct isb_query q;
	assert_int_equal(READ(&q, ""), ISB_QUERY_DROP);
	assert_int_equal(READ(&q, "\x12\x34\0\0\0\1\0\0\0\0\0"), ISB_QUERY_DROP);
	assert_int_equal(READ(&q, HEAD("\x80\0", "\1", "\0", "\0", "\0") QUESTION), ISB_QUERY_DROP);
}

static void malformed_questions_are_formerr(void **state)
{
	(void)state;
	struct isb_query q;
#define REFUSED(octets) \
	assert_int_equal(READ(&q, octets), ISB_FORMERR); \
	assert_int_equal(q.id, 0x1234); \
	assert_false(q.asks)
	REFUSED(HEAD(PLAIN, "\0", "\0", "\0", "\0"));
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\0"));
	REFUSED(HEAD(PLAIN, "\2", "\0", "\0", "\0") QUESTION QUESTION);
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\0") "\3www");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\0") "\3www\0\0\1\0");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\0") "\xc0\x0c\0\1\0\1");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\0") "\1a\xc0\x0c\0\1\0\1");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\0") "\x41" "a\0\0\1\0\1");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\0") "\x80\0\0\1\0\1");
#undef REFUSED
}

static void what_does_not_belong_behind_a_question_is_formerr_and_the_question_is_kept(void **state)
{
	(void)state;
	struct isb_query q;
#define REFUSED(octets) \
	assert_int_equal(READ(&q, octets), ISB_FORMERR); \
	assert_true(q.asks)
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\0") QUESTION "\0");
	REFUSED(HEAD(PLAIN, "\1", "\1", "\0", "\0") QUESTION "\0\0\1\0\1\0\0\0\0\0\0");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\1", "\0") QUESTION "\0\0\1\0\1\0\0\0\0\0\0");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION);
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION "\0\0\x29\x04\xd0\0\0\0\0\0");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION OPT("\1"));
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION OPT("\0") "x");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\2") QUESTION OPT("\0") OPT("\0"));
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION "\1a" OPT("\0"));
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION "\xc0\x0c" "\0\x29\x04\xd0\0\0\0\0\0\0");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION "\xc0");
	REFUSED(HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION "\x7f" "a\0\0\1\0\1\0\0\0\0\0\0");
#undef REFUSED
}

static void ixfr_may_tell_its_serial(void **state)
{
	(void)state;
	struct isb_query q;
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\1", "\0") "\1a\0\0\xfb\0\1" "\xc0\x0c\0\6\0\1\0\0\0\0\0\0"),
	                 ISB_NOERROR);
}

static void an_opt_is_read_wherever_it_stands(void **state)
{
	(void)state;
	struct isb_query q;
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION OPT("\0")), ISB_NOERROR);
	assert_true(q.edns.present);
	assert_int_equal(q.edns.flags, ISB_EDNS_DO);
	assert_int_equal(q.edns.payload, 1232);
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\0",
	                               "\2") QUESTION "\xc0\x0c\0\1\0\1\0\0\0\0\0\0" OPT("\0")),
	                 ISB_NOERROR);
	assert_true(q.edns.present);
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION "\0\0\x29\x04\xd0\0\1\0\0\0\0"),
	                 ISB_BADVERS);
	assert_true(q.edns.present);
}

static void a_tsig_is_read_and_left_for_others_to_check(void **state)
{
	(void)state;
	struct isb_query q;
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\0", "\2") QUESTION OPT("\0") TSIG), ISB_NOERROR);
	assert_true(q.tsig.present);
	assert_int_equal(q.tsig.time_s, 0x60000000);
	assert_int_equal(q.tsig.fudge_s, 300);
	assert_int_equal(q.tsig.mac_len, 2);
	assert_memory_equal(q.tsig.mac, "\xaa\xbb", 2);
	assert_true(q.edns.present);
	assert_int_equal(q.tsig.original_id, 0x1234);
	assert_memory_equal(q.tsig.name, "\3key", 5);
	assert_memory_equal(q.tsig.algorithm, "\x0bhmac-sha256", 13);
	/* not last; class other than ANY; compressed owner; rdata too short and too long */
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\0", "\2") QUESTION TSIG OPT("\0")), ISB_FORMERR);
	assert_false(q.tsig.present);
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\0",
	                               "\1") QUESTION "\3key\0\0\xfa\0\1\0\0\0\0\0\x1f" TSIG_RDATA),
	                 ISB_FORMERR);
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\0",
	                               "\1") QUESTION "\xc0\x0c\0\xfa\0\xff\0\0\0\0\0\x1f" TSIG_RDATA),
	                 ISB_FORMERR);
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\0",
	                               "\1") QUESTION "\3key\0\0\xfa\0\xff\0\0\0\0\0\2" "\0\0"),
	                 ISB_FORMERR);
	assert_int_equal(READ(&q, HEAD(PLAIN, "\1", "\0", "\0", "\1") QUESTION "\3key\0\0\xfa\0\xff\0\0\0\0\0\x20"
	                          TSIG_RDATA "x"), ISB_FORMERR);
}

static void other_opcodes_are_not_implemented_whatever_follows(void **state)
{
	(void)state;
	struct isb_query q;
	assert_int_equal(READ(&q, HEAD("\x28\0", "\1", "\0", "\0", "\1") QUESTION OPT("\0")), ISB_NOTIMP);
	assert_true(q.asks);
	assert_true(q.edns.present);
	assert_int_equal(READ(&q, HEAD("\x20\0", "\1", "\1", "\0",
	                               "\1") QUESTION "\xc0\x0c\0\6\0\1\0\0\0\0\0\0" OPT("\0")),
	                 ISB_NOTIMP);
	assert_true(q.edns.present);
	assert_int_equal(READ(&q, HEAD("\x78\0", "\0", "\0", "\0", "\0")), ISB_NOTIMP);
	assert_false(q.asks);
	assert_int_equal(READ(&q, HEAD("\x30\0", "\3", "\0", "\7", "\0") "garbage"), ISB_NOTIMP);
	assert_false(q.asks);
}

/* Names of every length, of labels of every length, alone in memory and with a question's end and an OPT behind them. */
static void names_of_every_length_are_folded_and_filled_up(void **state)
{
	(void)state;
	for (unsigned label = 1; label <= 63; label++) {
		for (unsigned len = 1 + label + 1; len <= ISB_DNAME_MAX; len++) {
			uint8_t message[12 + ISB_DNAME_MAX + 4 + 11] = {0, 1, 0, 0, 0, 1}, lower[ISB_DNAME_MAX + ISB_LOWER_PAD] = {0};
			unsigned labels = 0, at = 0;
			for (unsigned left; (left = len - 1 - at) > 0; labels++) { /* a label cannot end one octet before the root */
				unsigned size = left > label + 2 ? label : left - 1 <= 63 ? left - 1 : left - 3;
				lower[at] = (uint8_t)size;
				for (unsigned i = 1; i <= size; i++)
					lower[at + i] = (uint8_t)('a' + (at + i) % 26);
				at += 1 + size;
			}
			for (unsigned i = 0; i < len; i++)
				message[12 + i] = lower[i] >= 'a' && i % 3 ? lower[i] - 32 : lower[i];
			memcpy(message + 12 + len, "\0\1\0\1\0\0\x29\x04\xd0\0\0\0\0\0", 15);
			for (unsigned opt = 0; opt < 2; opt++) {
				struct isb_query q;
				memset(&q, 0xa5, sizeof(q));
				message[11] = (uint8_t)opt;
				assert_int_equal(read_exact(&q, (const char *)message, 12 + len + 4 + opt * 11), ISB_NOERROR);
				assert_int_equal(q.name.len, len);
				assert_int_equal(q.name.labels, labels);
				assert_int_equal(q.name.label[labels], len - 1);
				assert_memory_equal(q.name.lower, lower, len + ISB_LOWER_PAD < sizeof(lower) ? len + ISB_LOWER_PAD : sizeof(lower));
			}
			struct isb_name name;
			memset(&name, 0xa5, sizeof(name));
			uint8_t *alone = malloc(len);
			memcpy(alone, message + 12, len);
			isb_name_set(&name, alone);
			assert_int_equal(name.len, len);
			assert_int_equal(name.labels, labels);
			assert_memory_equal(name.lower, lower, (len + 7) / 8 * 8);
			free(alone);
		}
	}
}

/* From the heap, as in read_exact(). */
static bool first_label(const uint8_t *octets, size_t len, uint8_t label[ISB_FIRST_LABEL])
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, octets, len);
	bool found = isb_query_first_label(copy, len, label);
	free(copy);
	return found;
}

static void the_first_label_is_had_when_it_is_whole(void **state)
{
	uint8_t in[ISB_HEADER + 256], label[ISB_FIRST_LABEL];
	(void)state;
	for (unsigned octet = 0; octet < 256; octet++) {
		memset(in, 'Q', sizeof(in));
		in[ISB_HEADER] = (uint8_t)octet;
		bool is_label = octet >= 1 && octet <= 63;
		for (size_t len = 0; len <= sizeof(in); len++) {
			bool found = first_label(in, len, label);
			assert_int_equal(found, is_label && len >= ISB_HEADER + 1 + octet);
			if (!found)
				continue;
			assert_int_equal(label[0], octet);
			for (unsigned i = 1; i <= octet; i++)
				assert_int_equal(label[i], 'q');
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_question_is_taken_apart),
		cmocka_unit_test(names_of_every_length_are_folded_and_filled_up),
		cmocka_unit_test(every_octet_is_folded_as_ascii_alone),
		cmocka_unit_test(the_longest_names_are_read),
		cmocka_unit_test(what_is_no_query_is_dropped),
		cmocka_unit_test(malformed_questions_are_formerr),
		cmocka_unit_test(what_does_not_belong_behind_a_question_is_formerr_and_the_question_is_kept),
		cmocka_unit_test(ixfr_may_tell_its_serial),
		cmocka_unit_test(an_opt_is_read_wherever_it_stands),
		cmocka_unit_test(a_tsig_is_read_and_left_for_others_to_check),
		cmocka_unit_test(other_opcodes_are_not_implemented_whatever_follows),
		cmocka_unit_test(the_first_label_is_had_when_it_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
