/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"
#include "isobar/view/large.h"

#define SOA(ttl) "example.test. " ttl " IN SOA ns.example.test. h.example.test. 1 2 3 4 60\n"
#define ECS_OPTION(len, octets) .payload = 1232, .options = "\0\x08\0" len octets, .options_len = sizeof(octets) - 1 + 4
#define DOWN ((uint64_t)1 << 63 | (uint64_t)ISB_FLIP_NONE << 43 | 100u << 4 | ISB_DOWN << 2 | ISB_DOWN)
#define UP_FLIPS_IN(seconds) ((uint64_t)1 << 63 | (uint64_t)(seconds) << 43 | 100u << 4 | ISB_UP << 2 | ISB_UP)

static int set_up(void **state)
{
	struct testview *t = malloc(sizeof(*t));
	testview_init(t);
	testview_plan(t);
	testview_zone(t, "example.test.",
	              "$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.99\nwww TXT \"plain\"\n"
	              "alias CNAME www\n@ MX 10 www\nnow A 192.0.2.97\nfb A 192.0.2.98\n"
	              "sip A 192.0.2.60\nsip AAAA 2001:db8::60\n");
	testview_record(t, "www", TESTVIEW_GEO);
	testview_record(t, "*.w", TESTVIEW_GEO);
	testview_record(t, "empty", TESTVIEW_GEO);
	testview_record(t, "nd", TESTVIEW_NODATA);
	testview_record(t, "fb", TESTVIEW_FALLBACK);
	testview_record(t, "_sip._tcp", TESTVIEW_SRV);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	testview_done(*state);
	free(*state);
	return 0;
}

static const struct msg *asks(void **state, const struct ask *question)
{
	const struct testview *t = *state;
	return ask(&t->view, question);
}

static size_t respond(void **state, struct isb_context *ctx, const char *in, size_t len, uint8_t out[ASK_MAX])
{
	const struct testview *t = *state;
	struct isb_health_table health = {0};
	struct isb_client client = {.proto = ISB_UDP, .addr = {.family = 4, .octets = {127, 0, 0, 1}}};
	isb_context_begin(ctx, &t->view, &health, 1000);
	return isb_respond(ctx, &client, (const uint8_t *)in, len, out, ASK_MAX);
}

static void a_record_answers_by_the_client(void **state)
{
	expect(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, .client = "192.0.2.7"}),
	       "NOERROR aa",
	       "www.example.test. 30 IN A 192.0.2.10\n", "", "");
	expect(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_AAAA, .client = "192.0.2.7"}),
	       "NOERROR aa",
	       "www.example.test. 30 IN AAAA 2001:db8::10\n", "", "");
	expect(asks(state, &(struct ask){.name = "x.W.example.test.", .type = ISB_A, .client = "192.0.2.7"}),
	       "NOERROR aa",
	       "x.W.example.test. 30 IN A 192.0.2.10\n", "", "");
}

static void an_address_that_two_endpoints_share_is_answered_once(void **state)
{
	expect(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, .client = "203.0.113.200"}),
	       "NOERROR aa",
	       "www.example.test. 30 IN A 198.51.100.20\nwww.example.test. 30 IN A 198.51.100.21\n", "", "");
}

static void endpoints_without_that_family_are_nodata_never_an_error(void **state)
{
	expect(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_AAAA, .client = "203.0.113.200"}),
	       "NOERROR aa", "", SOA("30"), "");
}

static void a_client_no_rule_matches_gets_the_ordinary_rrset(void **state)
{
	expect(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, .client = "198.51.100.1"}),
	       "NOERROR aa",
	       "www.example.test. 30 IN A 192.0.2.99\n", "", "");
	expect(asks(state, &(struct ask){.name = "empty.example.test.", .type = ISB_A, .client = "198.51.100.1"}),
	       "NOERROR aa",
	       "", SOA("30"), "");
}

static void types_the_record_does_not_cover_are_ordinary(void **state)
{
	expect(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_TXT}), "NOERROR aa",
	       "www.example.test. 300 IN TXT \"plain\"\n", "", "");
	expect(asks(state, &(struct ask){.name = "empty.example.test.", .type = ISB_MX}), "NOERROR aa", "", SOA("60"),
	       "");
	/* ANY takes the first that the record covers */
	expect(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_ANY, .client = "192.0.2.7"}),
	       "NOERROR aa",
	       "www.example.test. 30 IN A 192.0.2.10\n", "", "");
}

static void a_cname_may_end_at_a_steered_name(void **state)
{
	const struct msg *m = asks(state, &(struct ask){.name = "alias.example.test.", .type = ISB_A,
	                                                ECS_OPTION("\7", "\0\1\x18\0\xc0\0\2")});
	expect(m, "NOERROR aa",
	       "alias.example.test. 300 IN CNAME www.example.test.\nwww.example.test. 30 IN A 192.0.2.10\n", "",
	       "");
	uint16_t len;
	assert_int_equal(msg_ecs(m, &len)[3], 24);
}

static void steered_names_bring_no_address_into_the_additional_section(void **state)
{
	expect(asks(state, &(struct ask){.name = "example.test.", .type = ISB_MX}), "NOERROR aa",
	       "example.test. 300 IN MX 10 www.example.test.\n", "", "");
	expect(asks(state, &(struct ask){.name = "_sip._tcp.example.test.", .type = ISB_SRV}), "NOERROR aa",
	       "_sip._tcp.example.test. 30 IN SRV 10 20 5060 sip.example.test.\n", "",
	       "sip.example.test. 300 IN A 192.0.2.60\nsip.example.test. 300 IN AAAA 2001:db8::60\n");
}

static void all_down_does_what_the_operator_wrote(void **state)
{
	static const uint64_t down[ISB_CHUNK_WORDS] = {DOWN, DOWN, DOWN, DOWN};
	expect(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, .client = "192.0.2.7",
	                                 .health = down}),
	       "NOERROR aa", "www.example.test. 30 IN A 192.0.2.10\n", "", "");
	expect(asks(state, &(struct ask){.name = "nd.example.test.", .type = ISB_A, .health = down}), "NOERROR aa", "",
	       SOA("30"), "");
	expect(asks(state, &(struct ask){.name = "fb.example.test.", .type = ISB_A, .health = down}), "NOERROR aa",
	       "fb.example.test. 30 IN A 192.0.2.98\n", "", "");
	expect(asks(state, &(struct ask){.name = "fb.example.test.", .type = ISB_AAAA, .health = down}), "NOERROR aa",
	       "",
	       SOA("30"), "");
}

static void a_foreseen_flip_shortens_every_ttl(void **state)
{
	static const uint64_t soon[ISB_CHUNK_WORDS] = {UP_FLIPS_IN(12), UP_FLIPS_IN(9), UP_FLIPS_IN(1)};
	expect(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, .client = "192.0.2.7",
	                                 .health = soon}),
	       "NOERROR aa", "www.example.test. 12 IN A 192.0.2.10\n", "", "");
	expect(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_AAAA, .client = "203.0.113.200",
	                                 .health = soon}),
	       "NOERROR aa", "", SOA("5"), "");
}

struct ecs_case {
	const char *option;
	size_t len;
	const char *client;
	uint8_t scope;
	const char *answer;
};

static void the_subnet_steers_and_its_scope_is_the_largest_network_with_one_answer(void **state)
{
#define CASE(octets, client, scope, address) \
	{octets, sizeof(octets) - 1, client, scope, "www.example.test. 30 IN A " address "\n"}
#define BOTH "198.51.100.20\nwww.example.test. 30 IN A 198.51.100.21"
	static const struct ecs_case cases[] = {
		CASE("\0\1\x18\0\xc0\0\2", "203.0.113.200", 24, "192.0.2.10"),
		CASE("\0\1\x20\0\xc0\0\2\x09", "203.0.113.200", 24, "192.0.2.10"),
		/* longer than SOURCE where that was too short to tell: RFC 7871 §7.2.1 */
		CASE("\0\1\x10\0\xc0\0", "203.0.113.200", 23, "192.0.2.99"),
		CASE("\0\1\x18\0\xcb\0\x71", "192.0.2.7", 25, "192.0.2.99"),
		CASE("\0\1\x19\0\xcb\0\x71\x80", "192.0.2.7", 25, BOTH),
		CASE("\0\2\x30\0\x20\x01\x0d\xb8\0\x0e", "192.0.2.7", 48, BOTH),
		/* says nothing about the client: the resolver counts, and no part of the subnet does */
		CASE("\0\1\0\0", "192.0.2.7", 0, "192.0.2.10"),
		/* private networks tell nothing: the resolver's answer, for all of them (RFC 7871 §10) */
		CASE("\0\1\x18\0\x0a\1\2", "192.0.2.7", 8, "192.0.2.10"),
		CASE("\0\2\x20\0\xfd\0\1\2", "192.0.2.7", 7, "192.0.2.10"),
	};
#undef CASE
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char option[32] = {0, 8, 0, (char)cases[i].len};
		memcpy(option + 4, cases[i].option, cases[i].len);
		const struct msg *m = asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_A,
		                                                .client = cases[i].client, .payload = 1232,
		                                                .options = option, .options_len = cases[i].len + 4});
		uint16_t len;
		const uint8_t *ecs = msg_ecs(m, &len);
		assert_non_null(ecs);
		assert_int_equal(len, cases[i].len);
		expect_section(m, 0, cases[i].answer);
		assert_int_equal(ecs[3], cases[i].scope);
		assert_memory_equal(ecs, cases[i].option, 3); /* FAMILY, SOURCE, ADDRESS as they came */
		assert_memory_equal(ecs + 4, cases[i].option + 4, len - 4u);
	}
}

static void the_subnet_of_one_query_says_nothing_about_the_next(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		expect_section(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, .client = "198.51.100.1",
		                                         ECS_OPTION("\7", "\0\1\x18\0\xc0\0\2")}), 0,
		               "www.example.test. 30 IN A 192.0.2.10\n");
		expect_section(asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, .client = "198.51.100.1"}), 0,
		               "www.example.test. 30 IN A 192.0.2.99\n");
	}
}

static void answers_that_do_not_depend_on_the_client_have_scope_zero(void **state)
{
	static const char *const names[] = {"ns.example.test.", "nowhere.example.test.", "nd.example.test.",
	                                    "www.invalid."};
	for (unsigned i = 0; i < 4; i++) {
		uint16_t len;
		const uint8_t *ecs = msg_ecs(asks(state, &(struct ask){.name = names[i], .type = ISB_A,
		                                                        ECS_OPTION("\7", "\0\1\x18\0\xc0\0\2")}), &len);
		assert_non_null(ecs);
		assert_int_equal(ecs[3], 0);
	}
}

static void a_malformed_subnet_is_formerr_with_an_opt_and_without_a_subnet(void **state)
{
	uint16_t len;
	const struct msg *m = asks(state, &(struct ask){.name = "www.example.test.", .type = ISB_A,
	                                                ECS_OPTION("\7", "\0\1\x18\1\xc0\0\2")});
	expect(m, "FORMERR", "", "", "");
	assert_null(msg_ecs(m, &len));
}

static void our_opt_says_1232_and_copies_do(void **state)
{
	const struct msg *m =
		asks(state, &(struct ask){.name = "ns.example.test.", .type = ISB_A, .payload = 4096,
		                          .opt_ttl = 0x8000});
	assert_int_equal(m->opt_payload, 1232);
	assert_int_equal(m->opt_ttl, 0x8000);
	assert_int_equal(m->opt_len, 0);
	m = asks(state, &(struct ask){.name = "ns.example.test.", .type = ISB_A, .payload = 512, .opt_ttl = 0xff7fff});
	expect(m, "BADVERS", "", "", "");
	assert_int_equal(m->opt_ttl, 0x01000000);
}

static void flags_are_copied_or_cleared(void **state)
{
	/* RD comes back; AA, TC, RA, Z, AD, CD and an rcode do not */
	const struct msg *m = asks(state, &(struct ask){.name = "ns.example.test.", .type = ISB_A, .flags = 0x07ff});
	assert_int_equal(m->flags, 0x8000 | 0x0400 | 0x0100);
	m = asks(state, &(struct ask){.name = "www.invalid.", .type = ISB_A, .flags = 0x06ef});
	assert_int_equal(m->flags, 0x8000 | 5);
}

static void questions_no_zone_can_answer_get_their_code(void **state)
{
	static const struct {
		uint16_t type, cls;
		const char *rcode;
	} cases[] = {
		{0, 1, "FORMERR"}, {ISB_OPT, 1, "FORMERR"}, {ISB_TSIG, 1, "FORMERR"}, {ISB_TKEY, 1, "FORMERR"},
		{128, 1, "FORMERR"}, {129, 1, "NOTIMP"}, {253, 1, "NOTIMP"}, {254, 1, "NOTIMP"},
		{ISB_AXFR, 1, "REFUSED"}, {ISB_IXFR, 1, "REFUSED"}, {ISB_A, ISB_CLASS_CH, "REFUSED"},
		{ISB_TXT, 4, "REFUSED"}, {ISB_A, ISB_CLASS_ANY, "REFUSED"}, {ISB_A, 254, "REFUSED"}, {ISB_A, 0xffff,
		                                                                                      "REFUSED"},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(asks(state, &(struct ask){.name = "ns.example.test.", .type = cases[i].type,
		                                 .cls = cases[i].cls}),
		       cases[i].rcode, "", "", "");
}

static void an_unknown_key_is_notauth_with_badkey(void **state)
{
	static const char query[] =
		"\x12\x34\0\0\0\1\0\0\0\0\0\1\2ns\7example\4test\0\0\1\0\1"
		"\3key\0\0\xfa\0\xff\0\0\0\0\0\x1f\x0bhmac-sha256\0" "\0\0\x60\0\0\7\x01\x2c"
		"\0\2\xaa\xbb" "\x43\x21" "\0\0" "\0\0";
	static const char tsig[] = "\x0bhmac-sha256\0" "\0\0\x60\0\0\7\x01\x2c" "\0\0" "\x43\x21" "\0\x11" "\0\0";
	static uint8_t out[ASK_MAX];
	struct isb_context ctx;
	struct msg m;
	isb_context_init(&ctx, 1);
	size_t len = respond(state, &ctx, query, sizeof(query) - 1, out);
	assert_true(msg_read(&m, out, len));
	expect(&m, "NOTAUTH", "", "", "");
	assert_true(m.has_tsig);
	assert_int_equal(m.tsig_len, sizeof(tsig) - 1);
	assert_memory_equal(m.tsig_rdata, tsig, sizeof(tsig) - 1);
	assert_int_equal(ctx.counters.notauth, 1);
	msg_done(&m);
}

static void answered_errors_are_as_short_as_their_question(void **state)
{
	static uint8_t out[ASK_MAX];
	static const char no_question[] = "\x12\x34\x79\x10\0\0\0\0\0\0\0\0";
	struct isb_context ctx;
	isb_context_init(&ctx, 1);
	assert_int_equal(respond(state, &ctx, no_question, 12, out), 12);
	assert_memory_equal(out, "\x12\x34\xf9\x04\0\0\0\0\0\0\0\0", 12);
	assert_int_equal(ctx.counters.notimp, 1);
}

static uint64_t outcomes(const struct isb_counters *c)
{
	return c->dropped + c->formerr + c->notimp + c->refused + c->badvers + c->servfail + c->nxdomain + c->nodata +
	       c->yxdomain + c->notauth + c->noerror + c->referral;
}

static void every_query_is_counted_once_by_its_outcome(void **state)
{
	const struct testview *t = *state;
	static uint8_t out[ASK_MAX];
	static const uint64_t down[ISB_CHUNK_WORDS] = {DOWN};
	static const struct ask questions[] = {
		{.name = "ns.example.test.", .type = ISB_A}, {.name = "ns.example.test.", .type = ISB_MX},
		{.name = "nowhere.example.test.", .type = ISB_A, .udp = true}, {.name = "invalid.", .type = ISB_A},
		{.name = "ns.example.test.", .type = ISB_A, .payload = 512, .opt_ttl = 0x10000},
		{.name = "ns.example.test.", .type = 0}, {.name = "ns.example.test.", .type = 200},
		{.name = "www.example.test.", .type = ISB_A, .client = "192.0.2.7", .health = down,
		 .payload = 512, .options = "\0\x08\0\4\0\1\0\0", .options_len = 8},
	};
	struct isb_context ctx;
	isb_context_init(&ctx, 1);
	unsigned n = sizeof(questions) / sizeof(questions[0]);
	for (unsigned i = 0; i < n; i++) {
		isb_context_came(&ctx, questions[i].udp ? ISB_ASKED_UDP : ISB_ASKED_TCP_IPV4);
		ask_octets_with(&ctx, &t->view, &questions[i], out);
		assert_int_equal(outcomes(&ctx.counters), i + 1);
	}
	isb_context_came(&ctx, ISB_ASKED_UDP);
	assert_int_equal(respond(state, &ctx, "short", 5, out), 0);
	const struct isb_counters *c = &ctx.counters;
	assert_int_equal(isb_counted_queries(c, ISB_ASKED_UDP), 2);
	assert_int_equal(isb_counted_queries(c, ISB_ASKED_TCP_IPV4), n - 1);
	assert_int_equal(isb_counted_queries(c, ISB_ASKED_TCP_IPV6), 0);
	assert_int_equal(c->asked[ISB_ASKED_UDP][ISB_A], 1);
	assert_int_equal(c->asked[ISB_ASKED_UDP][0], 1); /* too short for a question */
	assert_int_equal(c->asked[ISB_ASKED_TCP_IPV4][ISB_MX], 1);
	assert_int_equal(c->asked[ISB_ASKED_TCP_IPV4][0], 1);
	assert_int_equal(c->dropped, 1);
	assert_int_equal(c->noerror, 2);
	assert_int_equal(c->nodata, 1);
	assert_int_equal(c->nxdomain, 1);
	assert_int_equal(c->refused, 1);
	assert_int_equal(c->badvers, 1);
	assert_int_equal(c->formerr, 1);
	assert_int_equal(c->notimp, 1);
	assert_int_equal(c->steered, 1);
	assert_int_equal(c->failopen, 1);
	assert_int_equal(c->ecs, 1);
}

/* Of any message: cut at every octet, each on the heap and not an octet too long, with nodes that are buried and gone. */
static void looking_ahead_of_anything_changes_nothing(void **state)
{
	struct testview *t = *state;
	static const char *const names[] = {"nS.example.test.", "now.example.test.", "nowhere.example.test.", "example.test.", "."};
	static uint8_t out[ASK_MAX], again[ASK_MAX];
	struct isb_large *large = isb_large_new(&t->view, t->zone[0]);
	const struct isb_large *tables[] = {large, large};
	struct isb_view view = t->view;
	view.large = tables;
	view.nlarge = 2;
	isb_large_bury(large, (const uint8_t *)"\3now\7example\4test", 18);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct ask question = {.name = names[i], .type = ISB_A};
		struct isb_context ctx;
		uint8_t in[1024];
		size_t asked = ask_write(&question, in);
		isb_context_init(&ctx, 1);
		size_t len = ask_octets_with(&ctx, &t->view, &question, again);
		assert_false(isb_context_looks_ahead(&ctx));
		isb_context_init(&ctx, 1);
		isb_context_begin(&ctx, &view, &(struct isb_health_table){0}, 1000);
		assert_true(isb_context_looks_ahead(&ctx));
		for (size_t cut = 0; cut <= asked; cut++) {
			uint8_t *copy = malloc(cut ? cut : 1);
			memcpy(copy, in, cut);
			isb_ahead_node(&ctx, isb_ahead_slot(&ctx, copy, cut));
			free(copy);
		}
		assert_int_equal(isb_counted_queries(&ctx.counters, ISB_ASKED_UDP), 0);
		assert_int_equal(ask_octets_with(&ctx, &view, &question, out), len);
		assert_memory_equal(out, again, len);
	}
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_answers_by_the_client),
		cmocka_unit_test(an_address_that_two_endpoints_share_is_answered_once),
		cmocka_unit_test(endpoints_without_that_family_are_nodata_never_an_error),
		cmocka_unit_test(a_client_no_rule_matches_gets_the_ordinary_rrset),
		cmocka_unit_test(types_the_record_does_not_cover_are_ordinary),
		cmocka_unit_test(a_cname_may_end_at_a_steered_name),
		cmocka_unit_test(steered_names_bring_no_address_into_the_additional_section),
		cmocka_unit_test(all_down_does_what_the_operator_wrote),
		cmocka_unit_test(a_foreseen_flip_shortens_every_ttl),
		cmocka_unit_test(the_subnet_steers_and_its_scope_is_the_largest_network_with_one_answer),
		cmocka_unit_test(the_subnet_of_one_query_says_nothing_about_the_next),
		cmocka_unit_test(answers_that_do_not_depend_on_the_client_have_scope_zero),
		cmocka_unit_test(a_malformed_subnet_is_formerr_with_an_opt_and_without_a_subnet),
		cmocka_unit_test(our_opt_says_1232_and_copies_do),
		cmocka_unit_test(flags_are_copied_or_cleared),
		cmocka_unit_test(questions_no_zone_can_answer_get_their_code),
		cmocka_unit_test(an_unknown_key_is_notauth_with_badkey),
		cmocka_unit_test(answered_errors_are_as_short_as_their_question),
		cmocka_unit_test(every_query_is_counted_once_by_its_outcome),
		cmocka_unit_test(looking_ahead_of_anything_changes_nothing),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
