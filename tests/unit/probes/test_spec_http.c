/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "probes/spec.h"

static const char *some[] = {"a: 1", "b: 2"};

static struct isb_spec made(const struct isb_check *check)
{
	static struct isb_addr address = {4, {192, 0, 2, 1}};
	struct isb_endpoint endpoint = {.addresses = &address, .naddress = 1, .host = "e.example"};
	struct isb_spec spec;
	assert_true(isb_spec_init(&spec, check, &endpoint));
	return spec;
}

/* Every change of what is tested makes another test of it, and none is forgotten in a copy. */
static void each_field_of_the_test_counts(void **state)
{
	static const struct isb_check base = {.type = ISB_CHECK_HTTPS, .verify = true};
	struct isb_check checks[31];
	size_t n = 0;
	(void)state;
#define OTHER(...) checks[n] = base, (__VA_ARGS__), n++
	OTHER(checks[n].type = ISB_CHECK_GRPC);
	OTHER(checks[n].port = 8443);
	OTHER(checks[n].host = "other.example");
	OTHER(checks[n].path = "/health");
	OTHER(checks[n].http = ISB_HTTP_2);
	OTHER(checks[n].method = "POST");
	OTHER(checks[n].headers = (struct isb_strings){some, 1});
	OTHER(checks[n].headers = (struct isb_strings){some, 2});
	OTHER(checks[n].expect_headers = (struct isb_strings){some, 1});
	OTHER(checks[n].expect_json = (struct isb_strings){some + 1, 1});
	OTHER(checks[n].expect_json = (struct isb_strings){some, 1});
	OTHER(checks[n].send = "x");
	OTHER(checks[n].service = "x");
	OTHER(checks[n].redirects = 1);
	OTHER(checks[n].keep_alive = true);
	OTHER(checks[n].body = "x");
	OTHER(checks[n].regex = "x");
	OTHER(checks[n].soft_json = "x");
	OTHER(checks[n].latency_ms = 1);
	OTHER(checks[n].verify = false);
	OTHER(checks[n].ca_file = "x");
	OTHER(checks[n].client_cert = "x");
	OTHER(checks[n].client_key = "x");
	OTHER(checks[n].statuses = (struct isb_span[]){{200, 200}}, checks[n].nstatus = 1);
	OTHER(checks[n].load.format = ISB_LOAD_HAPROXY);
	OTHER(checks[n].load = (struct isb_load_source){.format = ISB_LOAD_HAPROXY, .proxy = "x"});
	OTHER(checks[n].load = (struct isb_load_source){.format = ISB_LOAD_HAPROXY, .proxy = "x", .server = "y"});
	OTHER(checks[n].load = (struct isb_load_source){.format = ISB_LOAD_HAPROXY, .proxy = "x", .field = "qcur"});
	OTHER(checks[n].load = (struct isb_load_source){.format = ISB_LOAD_PROMETHEUS, .metric = "x"});
	OTHER(checks[n].load = (struct isb_load_source){.format = ISB_LOAD_PROMETHEUS, .metric = "x", .labels = {some, 1}});
	OTHER(checks[n].load = (struct isb_load_source){.format = ISB_LOAD_JSON, .path = "x"});
#undef OTHER
	for (size_t i = 0; i < n; i++) {
		struct isb_spec a = made(&checks[i]), twin = made(&checks[i]), plain = made(&base);
		assert_true(isb_spec_equal(&a, &twin));
		assert_false(isb_spec_equal(&a, &plain) || isb_spec_equal(&plain, &a));
		for (size_t k = 0; k < i; k++) {
			struct isb_spec b = made(&checks[k]);
			assert_false(isb_spec_equal(&a, &b));
			isb_spec_done(&b);
		}
		isb_spec_done(&a);
		isb_spec_done(&twin);
		isb_spec_done(&plain);
	}
}

/* Another capacity is another way to read the same test. */
static void capacity_is_the_endpoints_or_the_checks_and_no_other_test(void **state)
{
	(void)state;
	struct isb_check check = {.type = ISB_CHECK_HTTP, .load = {.format = ISB_LOAD_HAPROXY, .proxy = "p", .capacity = 5}};
	struct isb_endpoint e = {.host = "e.example"}, large = {.host = "e.example", .capacity = 9};
	struct isb_spec a, b;
	assert_true(isb_spec_init(&a, &check, &e) && isb_spec_init(&b, &check, &large));
	assert_int_equal(a.load.capacity, 5);
	assert_int_equal(b.load.capacity, 9);
	assert_string_equal(a.load.server, "BACKEND");
	assert_string_equal(a.load.field, "scur");
	assert_true(isb_spec_equal(&a, &b));
	uint64_t fingerprint = isb_spec_fingerprint(&check, &e);
	assert_int_equal(isb_spec_fingerprint(&check, &large), fingerprint);
	check.load.capacity = 6;
	assert_int_equal(isb_spec_fingerprint(&check, &e), fingerprint);
	check.load.proxy = "q";
	assert_int_not_equal(isb_spec_fingerprint(&check, &e), fingerprint);
	isb_spec_done(&a);
	isb_spec_done(&b);
}

static void ports_are_the_types_own_where_nobody_says_one(void **state)
{
	static const struct {
		struct isb_check check;
		uint16_t port;
		bool tls;
	} rows[] = {{{.type = ISB_CHECK_HTTP}, 80, false}, {{.type = ISB_CHECK_HTTPS}, 443, true}, {{.type = ISB_CHECK_GRPC}, 80, false},
	            {{.type = ISB_CHECK_GRPC, .tls = true}, 443, true}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct isb_spec spec = made(&rows[i].check);
		assert_int_equal(spec.port, rows[i].port);
		assert_int_equal(spec.tls, rows[i].tls);
		isb_spec_done(&spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_field_of_the_test_counts),
		cmocka_unit_test(capacity_is_the_endpoints_or_the_checks_and_no_other_test),
		cmocka_unit_test(ports_are_the_types_own_where_nobody_says_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
