/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include "isobar/dns/explain.h"
#include "../../../lib/dns/explain_tell.h"

#define DOWN ((uint64_t)1 << 63 | (uint64_t)ISB_FLIP_NONE << 43 | 100u << 4 | ISB_DOWN << 2 | ISB_DOWN)
#define ECS(octets) .payload = 1232, .options = "\0\x08\0\7\0\1\x18\0" octets, .options_len = 11

static int set_up(void **state)
{
	struct testview *t = malloc(sizeof(*t));
	testview_init(t);
	testview_plan(t);
	testview_zone(t, "example.test.",
	              "$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.99\nalias CNAME www\n"
	              "* TXT \"wild\"\nsub NS ns.sub\nns.sub A 192.0.2.3\n_explain.taken TXT \"taken\"\ntaken A 192.0.2.4\n"
	              "rare CAA 0 issue \"ca.example\"\nrare MX 10 www\n");
	testview_record(t, "www", TESTVIEW_GEO);
	testview_record(t, "nd", TESTVIEW_NODATA);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	testview_done(*state);
	free(*state);
	return 0;
}

static const struct isb_settings to_loopback = {
	.explain = {.anybody = true, .nfrom = 1, .from = {{.addr = {.family = 4, .octets = {127}}, .len = 8}}}};

static void begin(struct isb_context *ctx, const struct isb_settings *settings)
{
	isb_context_init(ctx, 1);
	ctx->settings = settings;
}

/* The answer section's text, and the reply's head before it. */
static const char *told(void **state, const struct isb_settings *settings, const struct ask *question)
{
	static char text[8192];
	static uint8_t out[ASK_MAX];
	const struct testview *t = *state;
	struct isb_context ctx;
	begin(&ctx, settings);
	struct isb_buf buf = {0};
	struct msg m;
	size_t len = ask_octets_with(&ctx, &t->view, question, out);
	assert_true(msg_read(&m, out, len));
	msg_print(&m, 0, &buf);
	snprintf(text, sizeof(text), "%s%s%s\n%s", ask_rcode(m.rcode), m.flags & 0x400 ? " aa" : "",
	         m.flags & 0x200 ? " tc" : "", isb_buf_text(&buf));
	isb_buf_done(&buf);
	msg_done(&m);
	return text;
}

static void the_decision_is_told_step_by_step(void **state)
{
	static const uint64_t words[ISB_CHUNK_WORDS] = {[1] = DOWN};
	assert_string_equal(
		told(state, &to_loopback, &(struct ask){.name = "_Explain.www.example.test.", .type = ISB_TXT, ECS("\xc0\0\2")}),
		"NOERROR aa\n"
		"_Explain.www.example.test. 0 IN TXT \"01 type A for client 192.0.2.0/24, catalog generation 0\"\n"
		"_Explain.www.example.test. 0 IN TXT \"02 record test, class 0 of its clients\"\n"
		"_Explain.www.example.test. 0 IN TXT \"03 pool test (failover) chooses test/asia\"\n"
		"_Explain.www.example.test. 0 IN TXT \"04 answer NOERROR, the same for all of 192.0.2.0/24\"\n"
		"_Explain.www.example.test. 0 IN TXT \"05 record A 192.0.2.10, ttl 30\"\n");
	const char *text = told(state, &to_loopback, &(struct ask){.name = "_explain.www.example.test.", .type = ISB_TXT,
	                                                           .client = "127.0.0.1", .health = words});
	assert_non_null(strstr(text, "record A 192.0.2.99, ttl 30"));
	text = told(state, &to_loopback, &(struct ask){.name = "_aaaa._explain.nd.example.test.", .type = ISB_TXT});
	assert_non_null(strstr(text, "\"01 type AAAA for client 127.0.0.1/32, the asker"));
	assert_non_null(strstr(text, "record AAAA 2001:db8::10, ttl 30"));
	static const uint64_t down[ISB_CHUNK_WORDS] = {DOWN};
	text = told(state, &to_loopback, &(struct ask){.name = "_explain.nd.example.test.", .type = ISB_TXT, .health = down});
	assert_non_null(strstr(text, "endpoint test/asia is set aside: checks say down"));
	assert_non_null(strstr(text, "pool test cannot answer: 0 usable, 1 needed"));
	assert_non_null(strstr(text, "nothing can answer; all_down nodata"));
	assert_non_null(strstr(text, "answer NODATA"));
}

static void names_without_a_record_are_told_of_too(void **state)
{
	static const struct {
		const char *name, *says;
	} cases[] = {
		{"_explain.ns.example.test.", "record A 192.0.2.1, ttl 300"},
		{"_explain.alias.example.test.", "record CNAME www.example.test., ttl 300"},
		{"_explain.x.ns.example.test.", "answer NXDOMAIN"},
		{"_mx._explain.ns.example.test.", "answer NODATA"},
		{"_explain.a.sub.example.test.", "answer a referral"},
		{"_explain.example.test.", "answer NODATA"},
		{"_txt._explain._explain.taken.example.test.", "record TXT of 6 octets, ttl 300"},
		{"_ns._explain.example.test.", "record NS ns.example.test., ttl 300"},
		{"_mx._explain.rare.example.test.", "record MX 10 www.example.test., ttl 300"},
		{"_soa._explain.example.test.", "record SOA of "},
		{"_caa._explain.rare.example.test.", "record CAA of 17 octets, ttl 300"},
		{"_type65280._explain.ns.example.test.", "01 type TYPE65280 for"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_non_null(strstr(told(state, &to_loopback, &(struct ask){.name = cases[i].name, .type = ISB_TXT}),
		                       cases[i].says));
}

static void to_others_it_is_a_name_like_any(void **state)
{
	static const struct isb_settings off = {0};
	static const struct ask questions[] = {
		{.name = "_explain.www.example.test.", .type = ISB_TXT},
		{.name = "_explain.other.example.test.", .type = ISB_TXT},
		{.name = "_aaaa._explain.x.example.test.", .type = ISB_TXT},
		{.name = "_explain.taken.example.test.", .type = ISB_TXT},
		{.name = "_explain.other.org.", .type = ISB_TXT},
	};
	static const char *const answers[] = {"NXDOMAIN aa\n", "NOERROR aa\n_explain.other.example.test. 300 IN TXT \"wild\"\n",
	                                      "NOERROR aa\n_aaaa._explain.x.example.test. 300 IN TXT \"wild\"\n",
	                                      "NOERROR aa\n_explain.taken.example.test. 300 IN TXT \"taken\"\n", "REFUSED\n"};
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		struct ask question = questions[i];
		assert_string_equal(told(state, &off, &question), answers[i]);
		question.client = "192.0.2.7";
		assert_string_equal(told(state, &to_loopback, &question), answers[i]);
	}
	/* what an operator published is never hidden, nor any other type */
	assert_string_equal(told(state, &to_loopback, &questions[3]), answers[3]);
	assert_string_equal(told(state, &to_loopback, &questions[4]), answers[4]);
	assert_string_equal(told(state, &to_loopback, &(struct ask){.name = "_explain.www.example.test.", .type = ISB_A}),
	                    "NXDOMAIN aa\n");
	static const char *const ordinary[] = {"x_explain.www.example.test.", "_nosuch._explain.ns.example.test.",
	                                       "aaaa._explain.ns.example.test.", "_any._explain.ns.example.test.",
	                                       "_aaaa\\000x._explain.ns.example.test.", "_._explain.ns.example.test."};
	for (size_t i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++)
		assert_string_equal(told(state, &to_loopback, &(struct ask){.name = ordinary[i], .type = ISB_TXT}), "NXDOMAIN aa\n");
}

/* Steps without number, with names of every length: what finds no room is left out, and the answer never is. */
static void a_long_way_to_an_answer_is_cut_short(void **state)
{
	const struct testview *t = *state;
	static struct isb_answer found;
	static struct isb_query query;
	static const uint8_t rdata[] = {0, 4, 192, 0, 2, 1};
	struct isb_trace trace;
	char names[300][300];
	isb_trace_init(&trace);
	for (size_t i = 0; i < 300; i++) {
		memset(names[i], 'x', i);
		names[i][i] = '\0';
		isb_trace_add(&trace, ISB_STEP_ENDPOINT, 1, names[i])->usable = ISB_SET_ASIDE_DOWN;
	}
	isb_answer_init(&found, ISB_NOERROR);
	found.part[found.count++] = (struct isb_part){.type = ISB_A, .count = 1, .ttl_s = 30, .rdata = rdata};
	const struct isb_addr client = {.family = 4, .octets = {127, 0, 0, 1}};
	struct isb_telling telling = {.view = &t->view, .trace = &trace, .query = &query, .found = &found, .type = ISB_A,
	                              .client = &client};
	for (size_t size = 1400; size <= 4112; size += 113) {
		uint8_t *out = malloc(size), *end = out; /* not an octet too long */
		struct isb_buf text = {0};
		uint16_t count = isb_explain_tell(&telling, out, size), len;
		for (unsigned i = 0; i < count; i++) {
			const uint8_t *octets = isb_rdata_next((const uint8_t **)&end, &len);
			assert_int_equal(len, octets[0] + 1);
			isb_buf_add(&text, octets + 1, octets[0]);
			isb_buf_putc(&text, '\n');
		}
		assert_true((size_t)(end - out) <= size);
		assert_non_null(strstr(isb_buf_text(&text), "record A 192.0.2.1, ttl 30\n"));
		assert_non_null(strstr(isb_buf_text(&text), " and more; see: isobar explain"));
		isb_buf_done(&text);
		free(out);
	}
	isb_trace_done(&trace);
}

static void an_address_that_may_be_forged_is_sent_to_tcp(void **state)
{
	static uint8_t out[ASK_MAX];
	const struct testview *t = *state;
	struct isb_settings settings = to_loopback;
	struct ask question = {.name = "_explain.www.example.test.", .type = ISB_TXT, .udp = true};
	assert_string_equal(told(state, &settings, &question), "NOERROR aa tc\n");
	struct isb_context ctx;
	begin(&ctx, &settings);
	size_t in_len = ask_octets_with(&ctx, &t->view, &question, out);
	assert_int_equal(in_len, 12 + 27 + 4); /* no longer than what was asked */
	assert_int_equal(ctx.counters.explained, 0);
	/* a cookie proves it */
	settings.cookies = (struct isb_cookie_secrets){.count = 1, .secret = {{1}}};
	static const char client_cookie[] = "\0\x0a\0\x08" "12345678";
	question.payload = 1232;
	question.options = client_cookie;
	question.options_len = 12;
	begin(&ctx, &settings);
	size_t len = ask_octets_with(&ctx, &t->view, &question, out);
	char with_server[4 + 24] = "\0\x0a\0\x18";
	memcpy(with_server + 4, out + len - 24, 24); /* the OPT is last */
	question.options = with_server;
	question.options_len = sizeof(with_server);
	assert_non_null(strstr(told(state, &settings, &question), "01 type A for client 127.0.0.1/32"));
}

static void a_list_of_keys_is_for_those_who_sign(void **state)
{
	/* no address is listed, and none signs here: e2e tests have the other half */
	static const struct isb_tsig_key key;
	static const struct isb_settings settings = {.explain = {.anybody = true, .nkey = 1, .key = {&key}}};
	assert_string_equal(told(state, &settings, &(struct ask){.name = "_explain.www.example.test.", .type = ISB_TXT}),
	                    "NXDOMAIN aa\n");
}

static void limits_count_all_of_a_zone_together(void **state)
{
	static uint8_t out[ASK_MAX];
	const struct testview *t = *state;
	static const struct isb_rrl_config config = {.mode = ISB_RRL_ON, .rate = 1, .error_rate = 1, .slip = 1, .window_s = 1,
	                                             .ipv4_len = 24, .ipv6_len = 56};
	struct isb_context ctx;
	begin(&ctx, &to_loopback);
	ctx.rrl = isb_rrl_new(&config, 1, 1);
	struct ask question = {.type = ISB_TXT, .udp = true};
	static const char *const names[] = {"_explain.a.example.test.", "_explain.b.ns.example.test.",
	                                    "_mx._explain.c.example.test."};
	for (size_t i = 0; i < 3; i++) {
		question.name = names[i];
		ask_octets_with(&ctx, &t->view, &question, out);
		assert_int_equal(ctx.counters.rrl_limited, i > 0 ? i : 0);
	}
	isb_rrl_free(ctx.rrl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_decision_is_told_step_by_step, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_without_a_record_are_told_of_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(to_others_it_is_a_name_like_any, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_long_way_to_an_answer_is_cut_short, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_address_that_may_be_forged_is_sent_to_tcp, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_list_of_keys_is_for_those_who_sign, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits_count_all_of_a_zone_together, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
