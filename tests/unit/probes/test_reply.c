/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "probes/reply.h"

static enum isb_outcome_kind judged(const struct isb_spec *spec, const char *headers, const char *body)
{
	struct isb_reply reply = {.status = 200, .headers = headers, .headers_len = strlen(headers), .body = body,
	                          .body_len = strlen(body)};
	struct isb_outcome o = {0};
	char why[ISB_REPLY_WHY] = "";
	isb_reply_judge(spec, &reply, &o, why);
	return o.kind;
}

static void headers_are_found_by_name_and_value(void **state)
{
	static const struct {
		const char *expected;
		enum isb_outcome_kind kind;
	} rows[] = {
		{"via", ISB_OUT_OK}, {"Via: b", ISB_OUT_OK}, {"VIA: a", ISB_OUT_OK}, {"Via: B", ISB_OUT_HEADER_MISMATCH},
		{"Vi", ISB_OUT_HEADER_MISMATCH}, {"X-Empty", ISB_OUT_OK}, {"X-Cut: off", ISB_OUT_OK}, {"a", ISB_OUT_HEADER_MISMATCH},
		{"HTTP/1.1 200 OK", ISB_OUT_HEADER_MISMATCH}, {"X-Cut: of", ISB_OUT_HEADER_MISMATCH},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *expected = (char *)(uintptr_t)rows[i].expected;
		struct isb_spec spec = {.expect_headers = {&expected, 1}};
		assert_int_equal(judged(&spec, "HTTP/1.1 200 OK\r\nVia: a\r\nVia:\t b \r\nX-Empty:\r\n\r\nX-Cut: off", ""), rows[i].kind);
	}
}

static void what_is_expected_of_a_body_is_all_expected(void **state)
{
	char *paths[] = {(char *)(uintptr_t)"a: 1", (char *)(uintptr_t)"b"};
	struct isb_spec spec = {.body = (char *)(uintptr_t)"1", .regex = (char *)(uintptr_t)"^\\{.*\\}$", .expect_json = {paths, 2}};
	(void)state;
	assert_int_equal(judged(&spec, "", "{\"a\":1,\"b\":0}"), ISB_OUT_OK);
	assert_int_equal(judged(&spec, "", "{\"a\":2,\"b\":0}"), ISB_OUT_BODY_MISMATCH);
	assert_int_equal(judged(&spec, "", "{\"a\":1,\"b\":0} "), ISB_OUT_BODY_MISMATCH);
	assert_int_equal(judged(&spec, "", "{\"a\":1,\"c\":0}"), ISB_OUT_JSON_MISMATCH);
	assert_int_equal(judged(&spec, "", "{\"a\":1,\"b\":0,}"), ISB_OUT_JSON_MISMATCH);
}

static void soft_health_is_a_number_of_a_hundred_or_nothing(void **state)
{
	static const struct {
		const char *body;
		int soft;
	} rows[] = {{"{\"h\": 0}", 0}, {"{\"h\": 99.5}", 100}, {"{\"h\": 49.4}", 49}, {"{\"h\": 100.1}", -1}, {"{\"h\": -1}", -1},
	            {"{\"h\": \"50\"}", -1}, {"{}", -1}, {"h", -1}, {"{\"h\": 1e999}", -1}};
	struct isb_spec spec = {.soft_json = (char *)(uintptr_t)"h"};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct isb_reply reply = {.headers = "", .body = rows[i].body, .body_len = strlen(rows[i].body)};
		struct isb_outcome o = {0};
		char why[ISB_REPLY_WHY] = "";
		isb_reply_judge(&spec, &reply, &o, why);
		assert_int_equal(o.kind, ISB_OUT_OK);
		assert_int_equal(o.has_soft ? o.soft : -1, rows[i].soft);
		assert_int_equal(*why != '\0', rows[i].soft < 0);
	}
}

static void a_request_frames_its_service(void **state)
{
	uint8_t out[ISB_GRPC_REQUEST_MAX];
	char longest[256] = "";
	(void)state;
	assert_int_equal(isb_grpc_request(NULL, out), 5);
	assert_memory_equal(out, "\0\0\0\0\0", 5);
	assert_int_equal(isb_grpc_request("a.B", out), 10);
	assert_memory_equal(out, "\0\0\0\0\5\x0a\3a.B", 10);
	memset(longest, 'x', 255);
	assert_int_equal(isb_grpc_request(longest, out), ISB_GRPC_REQUEST_MAX);
	assert_memory_equal(out, "\0\0\0\1\2\x0a\xff\1xx", 10);
}

static void a_call_serves_only_when_it_says_so(void **state)
{
#define BODY(text) text, sizeof(text) - 1
	static const struct {
		const char *headers, *body;
		size_t len;
		enum isb_outcome_kind kind;
		const char *why;
	} rows[] = {
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\2\x08\1"), ISB_OUT_OK, ""},
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\6\x12\2hi\x08\1"), ISB_OUT_OK, ""},
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\x14\x08\1\x11" "12345678" "\x1d" "1234" "\x20\xff\x7f"), ISB_OUT_BAD_REPLY,
		 "the body is no answer to a health check"}, /* the length is one too long */
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\x13\x08\1\x11" "12345678" "\x1d" "1234" "\x20\xff\x7f"), ISB_OUT_OK, ""},
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\0"), ISB_OUT_NOT_SERVING, "it says UNKNOWN"},
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\2\x08\2"), ISB_OUT_NOT_SERVING, "it says NOT_SERVING"},
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\3\x08\xff\1"), ISB_OUT_NOT_SERVING, "it says a code that is not known"},
		{"grpc-status: 14\r\n", BODY(""), ISB_OUT_NOT_SERVING, "grpc-status 14, UNAVAILABLE"},
		{"grpc-status: 999\r\n", BODY(""), ISB_OUT_NOT_SERVING, "grpc-status 999, a code that is not known"},
		{"grpc-status: 0x\r\n", BODY(""), ISB_OUT_BAD_REPLY, "the reply has no grpc-status"},
		{"grpc-status: 4294967296\r\n", BODY("\0\0\0\0\2\x08\1"), ISB_OUT_BAD_REPLY, "the reply has no grpc-status"},
		{"", BODY("\0\0\0\0\2\x08\1"), ISB_OUT_BAD_REPLY, "the reply has no grpc-status"},
		{"grpc-status: 0\r\n", BODY("\1\0\0\0\2\x08\1"), ISB_OUT_BAD_REPLY, "the body is no answer to a health check"},
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\2\x08"), ISB_OUT_BAD_REPLY, "the body is no answer to a health check"},
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\2\x08\x81"), ISB_OUT_BAD_REPLY, "the body is no answer to a health check"},
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\3\x12\x7f\1"), ISB_OUT_BAD_REPLY, "the body is no answer to a health check"},
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\1\x0b"), ISB_OUT_BAD_REPLY, "the body is no answer to a health check"},
		{"grpc-status: 0\r\n", BODY("\0\0\0\0\2\0\0"), ISB_OUT_BAD_REPLY, "the body is no answer to a health check"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct isb_reply reply = {.headers = rows[i].headers, .headers_len = strlen(rows[i].headers), .body = rows[i].body,
		                          .body_len = rows[i].len};
		struct isb_outcome o = {0};
		char why[ISB_REPLY_WHY] = "";
		isb_grpc_judge(&reply, &o, why);
		assert_int_equal(o.kind, rows[i].kind);
		assert_string_equal(why, rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_found_by_name_and_value),
		cmocka_unit_test(what_is_expected_of_a_body_is_all_expected),
		cmocka_unit_test(soft_health_is_a_number_of_a_hundred_or_nothing),
		cmocka_unit_test(a_request_frames_its_service),
		cmocka_unit_test(a_call_serves_only_when_it_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
