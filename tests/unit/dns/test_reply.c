/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include "isobar/dns/reply.h"

/* `many` has 100 addresses, `big` one TXT of 600 octets, `mx` sixteen exchanges below one long name, `lame` and `deep`
 * are delegations whose glue is large. */
static int set_up(void **state)
{
	struct isb_buf text = {0};
	isb_buf_puts(&text,
	             "$TTL 300\n@ SOA ns h 1 2 3 4 300\n@ NS ns\nns A 192.0.2.1\nalias CNAME many\nwww A 192.0.2.80\n");
	for (unsigned i = 0; i < 100; i++)
		isb_buf_printf(&text, "many A 192.0.2.%u\n", i);
	isb_buf_puts(&text, "big TXT");
	for (unsigned i = 0; i < 3; i++)
		isb_buf_printf(&text, " %0200u", i);
	isb_buf_puts(&text, "\n");
	for (unsigned i = 0; i < 16; i++)
		isb_buf_printf(&text,
		               "mx MX %u mail%u.A.rather.long.domain.below\n"
		               "mail%u.a.rather.long.domain.below A 192.0.2.%u\n",
		               i, i, i, i);
	for (unsigned i = 0; i < 12; i++) {
		isb_buf_printf(&text, "deep NS n%u.deep\nlame NS n%u.deep\n", i, i);
		for (unsigned k = 0; k < 4; k++)
			isb_buf_printf(&text, "n%u.deep AAAA 2001:db8::%x:%x\n", i, i, k);
	}
	struct testview *t = malloc(sizeof(*t));
	testview_init(t);
	testview_zone(t, "example.test.", isb_buf_text(&text));
	isb_buf_done(&text);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	testview_done(*state);
	free(*state);
	return 0;
}

static size_t octets(void **state, const struct ask *question, uint8_t out[ASK_MAX])
{
	const struct testview *t = *state;
	return ask_octets(&t->view, question, out);
}

static const struct msg *asks(void **state, const struct ask *question)
{
	const struct testview *t = *state;
	return ask(&t->view, question);
}

static void a_plain_answer_is_these_octets(void **state)
{
	static const char expected[] =
		"\x42\x42\x85\0\0\1\0\1\0\0\0\0"
		"\3wWw\7example\4TEST\0\0\1\0\1"
		"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\x50";
	static uint8_t out[ASK_MAX];
	size_t len = octets(state, &(struct ask){.name = "wWw.example.TEST.", .type = ISB_A, .flags = 0x0170}, out);
	assert_int_equal(len, sizeof(expected) - 1);
	assert_memory_equal(out, expected, len);
}

static void owners_and_names_in_rdata_are_compressed(void **state)
{
	static const char expected[] =
		"\x42\x42\x84\0\0\1\0\0\0\1\0\0"
		"\2no\7example\4test\0\0\1\0\1"
		"\xc0\x0f\0\6\0\1\0\0\1\x2c\0\x1d\2ns\xc0\x0f\1h\xc0\x0f\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\1\x2c";
	static uint8_t out[ASK_MAX];
	size_t len = octets(state, &(struct ask){.name = "no.example.test.", .type = ISB_A}, out);
	static const char negative_ttl[4] = {0, 0, 1, 0x2c};
	assert_memory_equal(expected + sizeof(expected) - 1 - 4, negative_ttl, 4);
	assert_int_equal(out[3] & 15, 3);
	out[3] = 0;
	assert_int_equal(len, sizeof(expected) - 1);
	assert_memory_equal(out, expected, len);
	/* sixteen exchanges: what they share once, then their first label (mail0, mail10) and a pointer each */
	enum { HEAD = 12 + 21, SHARED = sizeof("A.rather.long.domain.below"), MX = 12 + 2 + 2, ADDRESS = 12 + 4 };
	len = octets(state, &(struct ask){.name = "mx.example.test.", .type = ISB_MX}, out);
	assert_int_equal(len, HEAD + SHARED + 10 * 6 + 6 * 7 + 16 * (MX + ADDRESS));
	assert_int_equal(asks(state, &(struct ask){.name = "mx.example.test.", .type = ISB_MX})->count[2], 16);
}

static void names_behind_the_reach_of_pointers_are_written_whole(void **state)
{
	/* more than 16383 octets in front of the additional section */
	struct testview t;
	struct isb_buf text = {0};
	isb_buf_puts(&text, "$TTL 300\n@ SOA ns h 1 2 3 4 300\n@ NS ns\nns A 192.0.2.1\n");
	for (unsigned i = 0; i < 900; i++)
		isb_buf_printf(&text, "@ MX %u host%u\n", i, i);
	isb_buf_puts(&text, "host899 A 192.0.2.9\nhost899 AAAA 2001:db8::9\n");
	testview_init(&t);
	testview_zone(&t, "a.rather.long.name.of.a.zone.test.", isb_buf_text(&text));
	isb_buf_done(&text);
	const struct msg *m = ask(&t.view, &(struct ask){.name = "a.rather.long.name.of.a.zone.test.", .type = ISB_MX});
	assert_int_equal(m->count[0], 900);
	assert_int_equal(m->flags & 0x200, 0);
	expect_section(m, 2,
	               "host899.a.rather.long.name.of.a.zone.test. 300 IN A 192.0.2.9\n"
	               "host899.a.rather.long.name.of.a.zone.test. 300 IN AAAA 2001:db8::9\n");
	testview_done(&t);
	(void)state;
}

static void udp_without_edns_stops_at_512_octets(void **state)
{
	expect(asks(state, &(struct ask){.name = "many.example.test.", .type = ISB_A, .udp = true}), "NOERROR aa tc",
	       "", "", "");
	expect(asks(state, &(struct ask){.name = "big.example.test.", .type = ISB_TXT, .udp = true}), "NOERROR aa tc",
	       "", "",
	       "");
	expect(asks(state, &(struct ask){.name = "alias.example.test.", .type = ISB_A, .udp = true}), "NOERROR aa tc",
	       "", "",
	       ""); /* not half a chain either */
}

static void udp_with_edns_stops_at_the_lesser_of_both_sides(void **state)
{
	static uint8_t out[ASK_MAX];
	static const struct {
		uint16_t payload;
		bool fits;
	} cases[] = {{1, false}, {512, false}, {650, false}, {700, true}, {65535, true}};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ask q = {.name = "big.example.test.", .type = ISB_TXT, .udp = true, .payload = cases[i].payload};
		const struct msg *m = asks(state, &q);
		assert_int_equal(m->count[0], cases[i].fits);
		assert_int_equal(!(m->flags & 0x200), cases[i].fits);
		assert_true(octets(state, &q, out) <= (q.payload < 512 ? 512 : q.payload));
	}
	/* 1600 octets are more than we send over UDP, whatever the client can take */
	struct ask q = {.name = "many.example.test.", .type = ISB_A, .udp = true, .payload = 4096};
	expect(asks(state, &q), "NOERROR aa tc", "", "", "");
	assert_int_equal(asks(state, &(struct ask){.name = "many.example.test.", .type = ISB_A})->count[0], 100);
}

static void an_answer_that_fits_to_the_octet_is_sent(void **state)
{
	const struct testview *t = *state;
	static uint8_t out[ASK_MAX];
	struct ask q = {.name = "big.example.test.", .type = ISB_TXT, .udp = true, .payload = 4096};
	size_t len = octets(state, &q, out);
	for (int less = 0; less < 2; less++) {
		struct isb_context ctx;
		isb_context_init(&ctx, 1);
		ctx.udp_payload = (uint16_t)(len - (size_t)less);
		size_t got = ask_octets_with(&ctx, &t->view, &q, out);
		assert_int_equal(got == len, !less);
		assert_int_equal(out[2] & 2, less ? 2 : 0);
		assert_int_equal(ctx.counters.truncated, less);
	}
}

static void addresses_for_convenience_are_left_out_silently(void **state)
{
	static uint8_t out[ASK_MAX];
	struct ask q = {.name = "mx.example.test.", .type = ISB_MX, .udp = true};
	const struct msg *m = asks(state, &q);
	assert_int_equal(m->count[0], 16);
	assert_int_equal(m->flags & 0x200, 0);
	assert_in_range(m->count[2], 1, 15);
	assert_in_range(octets(state, &q, out), 512 - 15, 512);
}

static void glue_that_does_not_fit_sets_tc_and_keeps_the_referral(void **state)
{
	const struct msg *m = asks(state, &(struct ask){.name = "x.deep.example.test.", .type = ISB_A, .udp = true});
	assert_int_equal(m->flags & 0x600, 0x200);
	assert_int_equal(m->count[1], 12);
	assert_in_range(m->count[2], 1, 47);
	m = asks(state, &(struct ask){.name = "x.deep.example.test.", .type = ISB_A});
	assert_int_equal(m->flags & 0x200, 0);
	assert_int_equal(m->count[2], 48);
	/* the same addresses are no more than a courtesy to another delegation */
	m = asks(state, &(struct ask){.name = "x.lame.example.test.", .type = ISB_A, .udp = true});
	assert_int_equal(m->flags & 0x200, 0);
	assert_int_equal(m->count[1], 12);
}

/* What a writer without shortcuts makes of `count` records of one rrset that the question's name owns, `limit` being the most. */
static size_t write_slowly(uint8_t *out, size_t limit, const struct isb_query *q, const struct isb_part *set, bool opt)
{
	size_t question = ISB_HEADER + q->name.len + 4u;
	struct isb_writer w = isb_writer(out, limit - (opt ? 11 : 0));
	isb_write_u16(&w, q->id);
	isb_write_u16(&w, ISB_FLAG_QR | ISB_FLAG_AA);
	isb_write_u16(&w, 1);
	isb_write_u16(&w, set->count);
	isb_write_u16(&w, 0);
	isb_write_u16(&w, opt);
	isb_write(&w, q->name.wire, q->name.len + 4u);
	const uint8_t *rdata = set->rdata;
	for (unsigned i = 0; i < set->count; i++) {
		uint16_t len;
		const uint8_t *octets = isb_rdata_next(&rdata, &len);
		isb_write_u16(&w, 0xc000 | ISB_HEADER);
		isb_write_u16(&w, set->type);
		isb_write_u16(&w, ISB_CLASS_IN);
		isb_write_u32(&w, set->ttl_s);
		isb_write_u16(&w, len);
		isb_write(&w, octets, len);
	}
	if (w.bad) {
		w.pos = question;
		w.bad = false;
		isb_put_u16(out + 2, ISB_FLAG_QR | ISB_FLAG_AA | ISB_FLAG_TC);
		isb_put_u16(out + 6, 0);
	}
	w.cap = limit;
	if (opt)
		isb_write(&w, "\0\0\x29\x04\xd0\0\0\0\0\0", 11);
	assert_false(w.bad);
	return w.pos;
}

/* One part is written on the short way, several on the long one, and so is an owner whose place nobody told. */
static void every_way_of_writing_gives_the_same_octets(void **state)
{
	(void)state;
	enum { RECORDS = 9, RDATA_MAX = RECORDS * (2 + 90) };
	static const char question[] = "\x42\x42\0\0\0\1\0\0\0\0\0\1\3wWw\7example\4TEST\0\0\1\0\1" "\0\0\x29\x04\xd0\0\0\0\0\0";
	static const uint16_t types[] = {ISB_A, ISB_AAAA, ISB_TXT};
	static struct isb_answer answer;
	static uint8_t owner[] = "\3wWw\7example\4TEST";
	struct isb_query q;
	for (unsigned run = 0; run < 2 * 3 * (RECORDS + 1); run++) {
		bool opt = run % 2;
		uint16_t type = types[run / 2 % 3], count = (uint16_t)(run / 6);
		uint8_t rdata[RDATA_MAX];
		const uint8_t *each[RECORDS + 1] = {rdata};
		for (unsigned i = 0; i < count; i++) {
			uint16_t len = type == ISB_A ? 4 : type == ISB_AAAA ? 16 : (uint16_t)(3 + 10 * i);
			uint8_t *to = rdata + (each[i] - rdata);
			isb_put_u16(to, len);
			memset(to + 2, (int)i + 1, len);
			each[i + 1] = to + 2 + len;
		}
		assert_int_equal(isb_query_read(&q, (const uint8_t *)question, sizeof(question) - (opt ? 0 : 11)), opt ? 0 : ISB_FORMERR);
		q.edns.present = opt;
		for (size_t limit = 64; limit < 64 + RECORDS * 102; limit++) {
			uint8_t expected[2048], out[2048];
			struct isb_part set = {.owner = q.name.wire, .rdata = rdata, .ttl_s = 0x12345678, .at = ISB_HEADER, .type = type,
			                       .count = count, .section = ISB_ANSWER};
			size_t len = write_slowly(expected, limit, &q, &set, opt);
			for (unsigned way = 0; way < 4; way++) { /* one part, one without its place, a part each, one and the rest */
				isb_answer_init(&answer, ISB_NOERROR);
				answer.authoritative = true;
				unsigned first = way == 2 ? 1 : way == 3 && count > 1 ? count - 1u : count;
				for (unsigned i = 0; i < count; i += first) {
					struct isb_part *part = &answer.part[answer.count++];
					*part = set;
					part->rdata = each[i];
					part->count = (uint16_t)(first < count - i ? first : count - i);
					if (way == 1) {
						part->at = 0;
						part->owner = owner;
					}
				}
				memset(out, 0x5a, sizeof(out));
				assert_int_equal(isb_reply_write(out, limit, &q, &answer), len);
				assert_memory_equal(out, expected, len);
				for (size_t i = limit; i < limit + 32; i++)
					assert_int_equal(out[i], 0x5a);
			}
		}
	}
}

/* The SOA of a denial is written on the short way where there is room to spare, and to the octet on the long one. */
static void every_way_of_writing_a_denial_gives_the_same_octets(void **state)
{
	(void)state;
	static const char *const names[] = {"ns", "h", "@", "NS.Example.test.", "a.b.c", "h.ns", "x.ns", "c", "b.c", "a.sixteen-and-more-octets",
	                                    "sixteen-and-more-octets", "ns.other.test.", "h.other.test.", "h.example.net.", "ns.example.net.",
	                                    "test.", "."};
	static const char *const asked[] = {"", "no.", "ns.", "Ns.", "h.", "x.h.ns.", "no.ns.", "na.", "no.b.c.", "no.a.b.c.", "x.sixteen-and-more-octets."};
	enum { NAMES = sizeof(names) / sizeof(names[0]), ASKED = sizeof(asked) / sizeof(asked[0]) };
	static uint8_t out[ASK_MAX], again[ASK_MAX];
	for (unsigned i = 0; i < NAMES * NAMES * ASKED; i++) {
		struct testview t;
		char text[256], name[256];
		struct isb_context ctx;
		snprintf(text, sizeof(text), "$TTL 300\n@ SOA %s %s 1 2 3 4 300\n@ NS ns.example.net.\n", names[i / ASKED % NAMES],
		         names[i / ASKED / NAMES]);
		snprintf(name, sizeof(name), "%sexample.TEST.", asked[i % ASKED]);
		testview_init(&t);
		testview_zone(&t, "example.test.", text);
		const struct ask question = {.name = name, .type = ISB_TXT, .udp = true};
		isb_context_init(&ctx, 1);
		size_t len = ask_octets_with(&ctx, &t.view, &question, out);
		isb_context_init(&ctx, 1);
		ctx.udp_payload = (uint16_t)len;
		assert_int_equal(ask_octets_with(&ctx, &t.view, &question, again), len);
		assert_memory_equal(out, again, len);
		assert_int_equal(isb_get_u16(out + 8), 1);
		testview_done(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_answer_is_these_octets),
		cmocka_unit_test(owners_and_names_in_rdata_are_compressed),
		cmocka_unit_test(names_behind_the_reach_of_pointers_are_written_whole),
		cmocka_unit_test(udp_without_edns_stops_at_512_octets),
		cmocka_unit_test(udp_with_edns_stops_at_the_lesser_of_both_sides),
		cmocka_unit_test(every_way_of_writing_gives_the_same_octets),
		cmocka_unit_test(every_way_of_writing_a_denial_gives_the_same_octets),
		cmocka_unit_test(an_answer_that_fits_to_the_octet_is_sent),
		cmocka_unit_test(addresses_for_convenience_are_left_out_silently),
		cmocka_unit_test(glue_that_does_not_fit_sets_tc_and_keeps_the_referral),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
