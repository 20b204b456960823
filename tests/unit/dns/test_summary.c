/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

/* What isb_respond() tells those who look on. */

#define DOWN ((uint64_t)1 << 63 | (uint64_t)ISB_FLIP_NONE << 43 | 100u << 4 | ISB_DOWN << 2 | ISB_DOWN)
#define SEOUL_ECS .payload = 1232, .options = "\0\x08\0\x07\0\x01\x18\0\xc0\0\x02", .options_len = 11 /* 192.0.2.0/24 */

static int set_up(void **state)
{
	struct testview *t = malloc(sizeof(*t));
	testview_init(t);
	testview_plan(t);
	testview_zone(t, "example.test.",
	              "$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\nalias 3600 CNAME www\nplain 7 A 192.0.2.2\n"
	              "sub NS ns.sub\nns.sub 5 A 192.0.2.3\n");
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

static struct isb_summary summary_of(void **state, const struct ask *question)
{
	const struct testview *t = *state;
	static uint8_t out[ASK_MAX];
	struct isb_context ctx;
	struct isb_summary summary;
	memset(&summary, 0xee, sizeof(summary)); /* all of it is written */
	isb_context_init(&ctx, 1);
	ctx.summary = &summary;
	ask_octets_with(&ctx, &t->view, question, out);
	assert_ptr_equal(ctx.summary, &summary);
	return summary;
}

static void a_steered_answer_names_its_first_endpoint(void **state)
{
	struct isb_summary s = summary_of(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, SEOUL_ECS});
	char ecs[ISB_NET_TEXT];
	assert_string_equal(s.endpoint, "test/asia");
	assert_string_equal(isb_net_print(&s.ecs, ecs), "192.0.2.0/24");
	assert_int_equal(s.scope, 24);
	assert_int_equal(s.type, ISB_A);
	assert_int_equal(s.cls, ISB_CLASS_IN);
	assert_int_equal(s.rcode, ISB_NOERROR);
	assert_int_equal(s.ttl_s, 30);
	assert_false(s.truncated);
	assert_true(s.steered);
	assert_false(s.failopen);
	s = summary_of(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, .client = "203.0.113.200"});
	assert_string_equal(s.endpoint, "test/eu"); /* of two */
	assert_int_equal(s.ecs.addr.family, 0);
	assert_int_equal(s.scope, 0);
}

static void the_ttl_is_the_least_that_counts(void **state)
{
	struct isb_summary s = summary_of(state, &(struct ask){.name = "alias.example.test.", .type = ISB_A, SEOUL_ECS});
	assert_int_equal(s.ttl_s, 30); /* of the steered name, not of the CNAME */
	assert_string_equal(s.endpoint, "test/asia");
	s = summary_of(state, &(struct ask){.name = "plain.example.test.", .type = ISB_A});
	assert_int_equal(s.ttl_s, 7);
	assert_string_equal(s.endpoint, "");
	assert_false(s.steered);
	s = summary_of(state, &(struct ask){.name = "none.example.test.", .type = ISB_A});
	assert_int_equal(s.rcode, ISB_NXDOMAIN);
	assert_int_equal(s.ttl_s, 60);
	s = summary_of(state, &(struct ask){.name = "x.sub.example.test.", .type = ISB_A});
	assert_int_equal(s.ttl_s, 300); /* of the referral, not of its glue */
	s = summary_of(state, &(struct ask){.name = "elsewhere.test.", .type = ISB_A});
	assert_int_equal(s.rcode, ISB_REFUSED);
	assert_int_equal(s.ttl_s, ISB_NO_TTL);
}

static void what_answers_nothing_names_no_endpoint(void **state)
{
	static const uint64_t down[ISB_CHUNK_WORDS] = {DOWN};
	struct isb_summary s = summary_of(state, &(struct ask){.name = "nd.example.test.", .type = ISB_A, .health = down});
	assert_string_equal(s.endpoint, "");
	assert_true(s.failopen);
	s = summary_of(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, .client = "192.0.2.7",
	                                    .health = down});
	assert_string_equal(s.endpoint, "test/asia"); /* as if all were up */
	assert_true(s.failopen);
	s = summary_of(state, &(struct ask){.name = "www.example.test.", .type = ISB_A, .client = "9.9.9.9"});
	assert_string_equal(s.endpoint, "");
	assert_false(s.failopen);
}

static void a_malformed_query_has_no_name_and_a_dropped_one_no_summary(void **state)
{
	const struct testview *t = *state;
	static const uint8_t cut[] = {0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63, 'x'};
	static const uint8_t reply[12] = {0, 1, 0x80};
	uint8_t out[ASK_MAX];
	struct isb_context ctx;
	struct isb_summary summary = {.type = 77};
	struct isb_health_table health = {0};
	struct isb_client client = {.proto = ISB_UDP, .addr = {.family = 4, .octets = {127, 0, 0, 1}}};
	isb_context_init(&ctx, 1);
	ctx.summary = &summary;
	isb_context_begin(&ctx, &t->view, &health, 1000);
	assert_int_equal(isb_respond(&ctx, &client, reply, sizeof(reply), out, ASK_MAX), 0);
	assert_int_equal(summary.type, 77);
	assert_true(isb_respond(&ctx, &client, cut, sizeof(cut), out, ASK_MAX) > 0);
	assert_null(summary.name);
	assert_int_equal(summary.rcode, ISB_FORMERR);
	assert_string_equal(summary.endpoint, "");
}

static void the_name_is_as_it_was_asked(void **state)
{
	const struct testview *t = *state;
	struct ask question = {.name = "wWw.Example.Test.", .type = ISB_A};
	uint8_t in[1024], out[ASK_MAX], name[ISB_DNAME_MAX];
	struct isb_context ctx;
	struct isb_summary summary;
	struct isb_health_table health = {0};
	struct isb_client client = {.proto = ISB_TCP, .addr = {.family = 4, .octets = {127, 0, 0, 1}}};
	size_t len = ask_write(&question, in);
	isb_context_init(&ctx, 1);
	ctx.summary = &summary;
	isb_context_begin(&ctx, &t->view, &health, 1000);
	assert_true(isb_respond(&ctx, &client, in, len, out, ASK_MAX) > 0);
	isb_dname_parse(question.name, NULL, name);
	assert_memory_equal(summary.name, name, isb_dname_len(name));
	assert_ptr_equal(summary.name, in + 12);
}

static void a_truncated_answer_is_told_as_such(void **state)
{
	(void)state;
	struct testview big;
	struct isb_buf text = {0};
	isb_buf_puts(&text, "$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\n");
	for (int i = 0; i < 60; i++)
		isb_buf_printf(&text, "many A 192.0.2.%d\n", i);
	testview_init(&big);
	testview_zone(&big, "example.test.", isb_buf_text(&text));
	void *other = &big;
	struct isb_summary s = summary_of(&other, &(struct ask){.name = "many.example.test.", .type = ISB_A, .udp = true});
	assert_true(s.truncated);
	assert_int_equal(s.ttl_s, 300);
	testview_done(&big);
	isb_buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steered_answer_names_its_first_endpoint),
		cmocka_unit_test(the_ttl_is_the_least_that_counts),
		cmocka_unit_test(what_answers_nothing_names_no_endpoint),
		cmocka_unit_test(a_malformed_query_has_no_name_and_a_dropped_one_no_summary),
		cmocka_unit_test(the_name_is_as_it_was_asked),
		cmocka_unit_test(a_truncated_answer_is_told_as_such),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
