/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "isobar/model/rr.h"
#include "probes/spec.h"

static struct isb_addr address = {4, {192, 0, 2, 1}};
static const struct isb_endpoint endpoint = {.name = "e", .addresses = &address, .naddress = 1};

static struct isb_spec make(struct isb_check check)
{
	struct isb_spec spec = {0};
	assert_true(isb_spec_init(&spec, &check, &endpoint));
	return spec;
}

static void ports_follow_the_type(void **state)
{
	(void)state;
	static const struct {
		enum isb_check_type type;
		int port; /* -1: cannot be tested without one */
	} types[] = {{ISB_CHECK_TCP, -1},   {ISB_CHECK_TCP_HALF_OPEN, -1}, {ISB_CHECK_UDP, -1},
	             {ISB_CHECK_AGENT, -1}, {ISB_CHECK_HTTP, 80},          {ISB_CHECK_HTTPS, 443},
	             {ISB_CHECK_TLS, 443},  {ISB_CHECK_DNS, 53},           {ISB_CHECK_ICMP, 0},
	             {ISB_CHECK_SCRIPT, 0}};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct isb_check check = {.type = types[i].type};
		struct isb_spec spec = {0};
		assert_int_equal(isb_spec_init(&spec, &check, &endpoint), types[i].port >= 0);
		assert_int_equal(spec.port, types[i].port < 0 ? 0 : types[i].port);
		isb_spec_done(&spec);
	}
}

static void what_is_sent_is_octets(void **state)
{
	(void)state;
	struct isb_spec spec = make((struct isb_check){.type = ISB_CHECK_UDP, .port = 7, .send_hex = "00fF61"});
	assert_int_equal(spec.nsend, 3);
	assert_memory_equal(spec.send,
	                    "\0\xff"
	                    "a",
	                    3);
	assert_true(isb_spec_talks(&spec));
	isb_spec_done(&spec);
	spec = make((struct isb_check){.type = ISB_CHECK_TCP, .port = 7, .send = "hi\r\n"});
	assert_int_equal(spec.nsend, 4);
	assert_memory_equal(spec.send, "hi\r\n", 4);
	isb_spec_done(&spec);
	spec = make((struct isb_check){.type = ISB_CHECK_TCP, .port = 7});
	assert_false(isb_spec_talks(&spec));
	isb_spec_done(&spec);
}

static void a_question_is_as_in_a_message(void **state)
{
	(void)state;
	uint8_t rcodes[] = {0, 3};
	struct isb_spec spec = make((struct isb_check){.type = ISB_CHECK_DNS,
	                                               .query_name = "a.b",
	                                               .query_type = ISB_AAAA,
	                                               .rcodes = rcodes,
	                                               .nrcode = 2,
	                                               .addresses = &address,
	                                               .naddress = 1});
	assert_int_equal(spec.nquestion, 9);
	assert_memory_equal(spec.question, "\1a\1b\0\0\x1c\0\1", 9);
	assert_int_equal(spec.rcodes, 9);
	assert_int_equal(spec.naddress, 1);
	assert_true(isb_addr_equal(&spec.addresses[0], &address));
	isb_spec_done(&spec);
}

static void protocols_stand_behind_their_lengths(void **state)
{
	(void)state;
	const char *words[] = {"h2", "http/1.1"};
	struct isb_spec spec =
		make((struct isb_check){.type = ISB_CHECK_TLS, .alpn = {words, 2}, .client_cert = "me.pem"});
	assert_int_equal(spec.nalpn, 12);
	assert_memory_equal(spec.alpn, "\2h2\10http/1.1", 12);
	assert_string_equal(spec.client_key, "me.pem");
	isb_spec_done(&spec);
}

/* Whatever is tested differently is another test. */
static void every_field_tells_specs_apart(void **state)
{
	(void)state;
	static uint8_t nxdomain[] = {3};
	static const char *h2[] = {"h2"};
	static struct isb_addr other = {4, {192, 0, 2, 2}};
	static const struct isb_check base = {.type = ISB_CHECK_DNS, .query_name = "a", .query_type = ISB_A};
	struct isb_check changed[12];
	for (size_t i = 0; i < 12; i++)
		changed[i] = base;
	changed[0].port = 5353;
	changed[1].query_name = "b";
	changed[2].query_type = ISB_NS;
	changed[3].recursion = true;
	changed[4].rcodes = nxdomain, changed[4].nrcode = 1;
	changed[5].addresses = &other, changed[5].naddress = 1;
	changed[6].send = "x";
	changed[7].alpn = (struct isb_strings){h2, 1};
	changed[8].client_cert = "c";
	changed[9].client_key = "k";
	changed[10].days = 14;
	changed[11].body = "x";
	struct isb_spec first = make(base), same = make(base);
	assert_true(isb_spec_equal(&first, &same));
	isb_spec_done(&same);
	for (size_t i = 0; i < 12; i++) {
		struct isb_spec spec = make(changed[i]);
		assert_false(isb_spec_equal(&first, &spec));
		isb_spec_done(&spec);
	}
	isb_spec_done(&first);
}

static void a_script_is_its_words_and_whose_it_is(void **state)
{
	(void)state;
	const char *words[] = {"check", "a", "b"}, *others[] = {"check", "a", "c"};
	struct isb_check check = {.type = ISB_CHECK_SCRIPT, .command = {words, 3}};
	struct isb_spec first = make(check), same = make(check);
	assert_int_equal(first.command.count, 3);
	assert_string_equal(first.command.list[2], "b");
	assert_true(isb_spec_equal(&first, &same));
	same.endpoint = strdup("p/e");
	assert_false(isb_spec_equal(&first, &same));
	isb_spec_done(&same);
	for (size_t i = 0; i < 3; i++) {
		check.command = i ? (struct isb_strings){words, i} : (struct isb_strings){others, 3};
		struct isb_spec other = make(check);
		assert_false(isb_spec_equal(&first, &other));
		isb_spec_done(&other);
	}
	isb_spec_done(&first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_follow_the_type),         cmocka_unit_test(what_is_sent_is_octets),
		cmocka_unit_test(a_question_is_as_in_a_message), cmocka_unit_test(protocols_stand_behind_their_lengths),
		cmocka_unit_test(every_field_tells_specs_apart), cmocka_unit_test(a_script_is_its_words_and_whose_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
