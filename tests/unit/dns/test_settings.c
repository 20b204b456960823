/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include "isobar/base/err.h"
#include "isobar/dns/rcode.h"

/* What the operator's settings add to answers: cookies, NSID, keepalive, CH TXT; and extended errors. */

static int set_up(void **state)
{
	struct testview *t = malloc(sizeof(*t));
	testview_init(t);
	testview_zone(t, "example.test.", "$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.99\n");
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	testview_done(*state);
	free(*state);
	return 0;
}

static const struct isb_settings on = {
	.cookies = {.count = 1, .secret = {{1, 2, 3}}},
	.nsid = "icn-1",
	.nsid_len = 5,
	.tcp_idle_100ms = 100,
};

/* The reply's whole option list, and its header's rcode. */
static size_t options(void **state, const struct isb_settings *settings, const struct ask *question, const uint8_t **ret_data,
                      unsigned *ret_rcode)
{
	static uint8_t out[ASK_MAX];
	static struct msg m;
	const struct testview *t = *state;
	struct isb_context ctx;
	isb_context_init(&ctx, 1);
	if (settings)
		ctx.settings = settings;
	size_t len = ask_octets_with(&ctx, &t->view, question, out);
	msg_done(&m);
	assert_true(msg_read(&m, out, len));
	*ret_data = m.opt_rdata;
	*ret_rcode = m.rcode;
	return m.has_opt ? m.opt_len : SIZE_MAX;
}

#define OPTIONS(octets) .payload = 1232, .options = octets, .options_len = sizeof(octets) - 1
#define WWW .name = "www.example.test.", .type = ISB_A

static void a_cookie_is_answered_with_a_server_cookie_that_verifies(void **state)
{
	const uint8_t *data;
	unsigned rcode;
	size_t len = options(state, &on, &(struct ask){WWW, OPTIONS("\0\12\0\10CLIENT!!")}, &data, &rcode);
	assert_int_equal(len, 4 + 24);
	assert_memory_equal(data, "\0\12\0\30CLIENT!!\1\0\0\0", 16);
	char again[28];
	memcpy(again, data, sizeof(again));
	struct isb_context ctx;
	uint8_t out[ASK_MAX];
	isb_context_init(&ctx, 1);
	ctx.settings = &on;
	ask_octets_with(&ctx, &((struct testview *)*state)->view,
	                &(struct ask){WWW, .payload = 1232, .options = again, .options_len = sizeof(again)}, out);
	assert_int_equal(atomic_load(&ctx.counters.cookie_valid), 1);
	again[27] ^= 1;
	ask_octets_with(&ctx, &((struct testview *)*state)->view,
	                &(struct ask){WWW, .payload = 1232, .options = again, .options_len = sizeof(again)}, out);
	assert_int_equal(atomic_load(&ctx.counters.cookie_valid), 1);
	assert_int_equal(atomic_load(&ctx.counters.cookie_new), 1);
}

static void cookies_of_no_allowed_length_are_formerr(void **state)
{
	static const char octets[64] = {0, 10};
	for (char len = 0; len <= 41; len++) {
		char option[64];
		const uint8_t *data;
		unsigned rcode;
		memcpy(option, octets, sizeof(option));
		option[3] = len;
		options(state, &on, &(struct ask){WWW, .payload = 1232, .options = option, .options_len = 4 + (size_t)len}, &data,
		        &rcode);
		assert_int_equal(rcode, len == 8 || (len >= 16 && len <= 40) ? ISB_NOERROR : ISB_FORMERR);
	}
}

static void without_secrets_cookies_are_ignored(void **state)
{
	const uint8_t *data;
	unsigned rcode;
	assert_int_equal(options(state, NULL, &(struct ask){WWW, OPTIONS("\0\12\0\10CLIENT!!")}, &data, &rcode), 0);
	assert_int_equal(rcode, ISB_NOERROR);
}

/* RFC 7873 §5.4: a client may ask for a cookie alone. */
static void a_query_without_a_question_gets_a_cookie(void **state)
{
	static const char query[] = "\x12\x34\0\0\0\0\0\0\0\0\0\1\0\0\x29\x04\xd0\0\0\0\0\0\14\0\12\0\10CLIENT!!";
	static const char bare[] = "\x12\x34\0\0\0\0\0\0\0\0\0\1\0\0\x29\x04\xd0\0\0\0\0\0\0";
	const struct testview *t = *state;
	struct isb_context ctx;
	struct isb_health_table health = {0};
	struct isb_client client = {.proto = ISB_UDP, .addr = {.family = 4, .octets = {192, 0, 2, 7}}};
	uint8_t out[ASK_MAX];
	isb_context_init(&ctx, 1);
	ctx.settings = &on;
	isb_context_begin(&ctx, &t->view, &health, 1000);
	size_t len = isb_respond(&ctx, &client, (const uint8_t *)query, sizeof(query) - 1, out, ASK_MAX);
	assert_int_equal(len, 12 + 11 + 28);
	assert_memory_equal(out, "\x12\x34\x80\0\0\0\0\0\0\0\0\1", 12);
	struct isb_context off;
	isb_context_init(&off, 1);
	isb_context_begin(&off, &t->view, &health, 1000);
	isb_respond(&off, &client, (const uint8_t *)query, sizeof(query) - 1, out, ASK_MAX);
	assert_int_equal(out[3] & 15, ISB_FORMERR); /* no secrets, no cookies */
	len = isb_respond(&ctx, &client, (const uint8_t *)bare, sizeof(bare) - 1, out, ASK_MAX);
	assert_int_equal(len, 12 + 11);
	assert_int_equal(out[3] & 15, ISB_FORMERR);
}

static void nsid_is_told_to_those_who_ask(void **state)
{
	const uint8_t *data;
	unsigned rcode;
	assert_int_equal(options(state, &on, &(struct ask){WWW, OPTIONS("\0\3\0\0")}, &data, &rcode), 9);
	assert_memory_equal(data, "\0\3\0\5icn-1", 9);
	assert_int_equal(options(state, NULL, &(struct ask){WWW, OPTIONS("\0\3\0\0")}, &data, &rcode), 0);
	assert_int_equal(options(state, &on, &(struct ask){WWW, .payload = 1232}, &data, &rcode), 0);
}

static void keepalive_is_told_over_tcp_only(void **state)
{
	const uint8_t *data;
	unsigned rcode;
	assert_int_equal(options(state, &on, &(struct ask){WWW, OPTIONS("\0\13\0\0")}, &data, &rcode), 6);
	assert_memory_equal(data, "\0\13\0\2\0\144", 6);
	assert_int_equal(options(state, &on, &(struct ask){WWW, OPTIONS("\0\13\0\0"), .udp = true}, &data, &rcode), 0);
}

static void refusals_carry_an_extended_error(void **state)
{
	const uint8_t *data;
	unsigned rcode;
	assert_int_equal(options(state, NULL, &(struct ask){.name = "other.test.", .type = ISB_A, .payload = 1232}, &data, &rcode), 6);
	assert_memory_equal(data, "\0\17\0\2\0\24", 6); /* Not Authoritative */
	assert_int_equal(rcode, ISB_REFUSED);
	assert_int_equal(options(state, NULL, &(struct ask){.name = "example.test.", .type = ISB_AXFR, .payload = 1232}, &data, &rcode), 6);
	assert_memory_equal(data, "\0\17\0\2\0\22", 6); /* Prohibited */
	assert_int_equal(options(state, NULL, &(struct ask){.name = "other.test.", .type = ISB_A}, &data, &rcode), SIZE_MAX);
}

static void all_options_at_once_fit_the_smallest_answer(void **state)
{
	const uint8_t *data;
	unsigned rcode;
	struct isb_settings full = on;
	full.nsid_len = ISB_NSID_MAX;
	struct ask question = {.type = ISB_A, .udp = true,
	                       OPTIONS("\0\12\0\10CLIENT!!\0\3\0\0\0\10\0\24\0\2\200\0\x20\1\xd\xb8\1\1\1\1\1\1\1\1\1\1\1\1")};
	char name[ISB_DNAME_TEXT] = "";
	for (int i = 0; i < 3; i++) /* as long as a name can be, and not ours */
		strcat(name, "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg.");
	strcat(name, "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg.");
	question.name = name;
	question.payload = 512;
	assert_int_equal(options(state, &full, &question, &data, &rcode), 28 + 68 + 24 + 6);
	assert_int_equal(rcode, ISB_REFUSED);
}

static void the_server_tells_of_itself_only_what_it_is_told_to(void **state)
{
	const struct testview *t = *state;
	struct isb_settings told = {0};
	struct isb_context ctx;
	uint8_t out[ASK_MAX];
	assert_int_equal(isb_chaos_set(&told.version, "isobar"), ISB_OK);
	isb_context_init(&ctx, 1);
	ctx.settings = &told;
	const struct ask version = {.name = "VERSION.bind.", .type = ISB_TXT, .cls = ISB_CLASS_CH};
	static const char expected[] = "\x84\0\0\1\0\1\0\0\0\0\7VERSION\4bind\0\0\x10\0\3\xc0\x0c\0\x10\0\3\0\0\0\0\0\7\6isobar";
	assert_int_equal(ask_octets_with(&ctx, &t->view, &version, out), 2 + sizeof(expected) - 1);
	assert_memory_equal(out + 2, expected, sizeof(expected) - 1);
	static const struct ask refused[] = {{.name = "id.server.", .type = ISB_TXT, .cls = ISB_CLASS_CH},
	                                     {.name = "version.bind.", .type = ISB_A, .cls = ISB_CLASS_CH},
	                                     {.name = "www.example.test.", .type = ISB_TXT, .cls = ISB_CLASS_CH},
	                                     {.name = "version.bind.", .type = ISB_TXT}};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		ask_octets_with(&ctx, &t->view, &refused[i], out);
		assert_int_equal(out[3] & 15, ISB_REFUSED);
		assert_int_equal(out[7], 0);
	}
	char text[ISB_CHAOS_MAX + 2];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(isb_chaos_set(&told.id, text), ISB_ERANGE);
	text[ISB_CHAOS_MAX] = '\0';
	assert_int_equal(isb_chaos_set(&told.id, text), ISB_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cookie_is_answered_with_a_server_cookie_that_verifies),
		TEST(cookies_of_no_allowed_length_are_formerr),
		TEST(without_secrets_cookies_are_ignored),
		TEST(a_query_without_a_question_gets_a_cookie),
		TEST(nsid_is_told_to_those_who_ask),
		TEST(keepalive_is_told_over_tcp_only),
		TEST(refusals_carry_an_extended_error),
		TEST(all_options_at_once_fit_the_smallest_answer),
		TEST(the_server_tells_of_itself_only_what_it_is_told_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
