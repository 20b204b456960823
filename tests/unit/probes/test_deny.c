/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "probes/deny.h"

static struct isb_addr addr_of(const char *text)
{
	struct isb_addr addr;
	assert_int_equal(isb_addr_parse(text, &addr), ISB_OK);
	return addr;
}

static bool covers(const struct isb_deny *deny, const char *text)
{
	struct isb_addr addr = addr_of(text);
	return isb_deny_covers(deny, &addr);
}

static void what_is_nobodys_is_always_denied(void **state)
{
	(void)state;
	static const char *const denied[] = {
		"0.0.0.1", "10.1.2.3", "100.64.0.1", "100.127.255.1", "127.0.0.1", "169.254.1.1", "172.16.0.1", "172.31.255.9",
		"192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.1", "198.51.100.9",
		"203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.254", "8.8.8.0", "8.8.8.255", "::", "::1",
		"::ffff:8.8.8.8", "64:ff9b::808:808", "100::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1",
		"2001::1", "2001:20::1", "2001:db8::1", "2002:808:808::1", "3fff::1", "4000::1", "1fff::1",
	};
	static const char *const allowed[] = {
		"1.1.1.1", "8.8.8.8", "9.255.255.254", "11.0.0.1", "100.63.255.9", "100.128.0.1", "126.1.1.1", "128.0.0.1",
		"172.15.1.1", "172.32.0.1", "192.0.1.1", "192.167.1.1", "198.17.1.1", "198.20.1.1", "223.255.254.1",
		"2001:4860:4860::8888", "2001:200::1", "2003::1", "2400:cb00::1", "2a00::1",
	};
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		struct isb_addr addr = addr_of(denied[i]);
		if (!isb_deny_always(&addr))
			fail_msg("%s is not denied", denied[i]);
	}
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		struct isb_addr addr = addr_of(allowed[i]);
		if (isb_deny_always(&addr))
			fail_msg("%s is denied", allowed[i]);
	}
	struct isb_addr none = {0};
	assert_true(isb_deny_always(&none));
}

static void a_list_covers_what_it_names(void **state)
{
	(void)state;
	struct isb_deny deny = {0};
	struct isb_diags diags = {0};
	assert_false(covers(&deny, "8.8.8.8"));
	assert_int_equal(isb_deny_read(&deny, "8.8.8.0/25,1.1.1.1", &diags), ISB_OK);
	assert_int_equal(isb_deny_read(&deny, "2001:4860::/32", &diags), ISB_OK);
	isb_deny_seal(&deny);
	assert_true(covers(&deny, "8.8.8.127") && covers(&deny, "1.1.1.1") && covers(&deny, "2001:4860:1::1"));
	assert_false(covers(&deny, "8.8.8.128") || covers(&deny, "1.1.1.2") || covers(&deny, "2001:4861::1"));
	isb_deny_reset(&deny);
	isb_deny_seal(&deny);
	assert_false(covers(&deny, "8.8.8.127"));
	isb_deny_done(&deny);
	isb_diags_done(&diags);
}

/* Against the plain way to say it. */
static void many_networks_cover_what_one_by_one_they_would(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 5);
	unsigned hits = 0;
	for (unsigned round = 0; round < 200; round++) {
		struct isb_deny deny = {0};
		struct isb_net nets[40];
		for (size_t i = 0; i < 40; i++) {
			uint64_t bits = isb_rng_next(&rng);
			struct isb_addr addr = {bits & 1 ? 4 : 6, {(uint8_t)(bits >> 8 & 3), (uint8_t)(bits >> 16)}};
			nets[i] = isb_net_around(&addr, 6 + (unsigned)(bits >> 24) % 11);
			isb_deny_add(&deny, &nets[i]);
		}
		isb_deny_seal(&deny);
		for (unsigned i = 0; i < 200; i++) {
			uint64_t bits = isb_rng_next(&rng);
			struct isb_addr addr = {bits & 1 ? 4 : 6, {(uint8_t)(bits >> 8 & 7), (uint8_t)(bits >> 16), 1, 1}};
			bool any = false;
			for (size_t k = 0; k < 40; k++)
				any |= isb_net_has(&nets[k], &addr);
			assert_int_equal(isb_deny_covers(&deny, &addr), any);
			hits += any;
		}
		isb_deny_done(&deny);
	}
	assert_in_range(hits, 4000, 36000);
}

static const char *only_text(const struct isb_diags *diags)
{
	assert_int_equal(diags->count, 1);
	return diags->list[0].text;
}

static void a_wrong_list_says_what_is_wrong(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"8.8.8.8/24", "'8.8.8.8/24' has bits set beyond its prefix; write the network, as in 192.0.2.0/24"},
		{"8.8.8.0/24,", "'' is not a network; write 192.0.2.0/24 or 2001:db8::/32"},
		{"example.com", "'example.com' is not a network; write 192.0.2.0/24 or 2001:db8::/32"},
	};
	for (size_t i = 0; i < 3; i++) {
		struct isb_deny deny = {0};
		struct isb_diags diags = {0};
		assert_int_equal(isb_deny_read(&deny, cases[i][0], &diags), ISB_EINVAL);
		assert_string_equal(only_text(&diags), cases[i][1]);
		isb_diags_done(&diags);
		isb_deny_done(&deny);
	}
	struct isb_deny deny = {0};
	struct isb_diags diags = {0};
	assert_int_equal(isb_deny_read(&deny, "file:/nonexistent/deny", &diags), ISB_EIO);
	assert_string_equal(only_text(&diags), "cannot read '/nonexistent/deny': No such file or directory");
	isb_diags_done(&diags);
}

static void a_file_has_a_network_a_line(void **state)
{
	(void)state;
	char path[] = "/tmp/isobar-deny-XXXXXX", option[64];
	struct isb_deny deny = {0};
	struct isb_diags diags = {0};
	FILE *file = fdopen(mkstemp(path), "w");
	assert_non_null(file);
	fputs("# they asked us not to\n\n 8.8.8.0/24\t# since May\r\n2001:4860::/32", file);
	fflush(file);
	snprintf(option, sizeof(option), "file:%s", path);
	assert_int_equal(isb_deny_read(&deny, option, &diags), ISB_OK);
	isb_deny_seal(&deny);
	assert_int_equal(deny.count, 2);
	assert_true(covers(&deny, "8.8.8.8") && covers(&deny, "2001:4860::1"));
	fputs("\n8.8.4.0/24 1.1.1.0/24\n", file);
	fclose(file);
	assert_int_equal(isb_deny_read(&deny, option, &diags), ISB_EINVAL);
	assert_string_equal(only_text(&diags), "'8.8.4.0/24 1.1.1.0/24' is not a network; write 192.0.2.0/24 or 2001:db8::/32");
	assert_int_equal(diags.list[0].at.line, 5);
	assert_string_equal(diags.list[0].at.file, path);
	unlink(path);
	isb_diags_done(&diags);
	isb_deny_done(&deny);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_nobodys_is_always_denied),
		cmocka_unit_test(a_list_covers_what_it_names),
		cmocka_unit_test(many_networks_cover_what_one_by_one_they_would),
		cmocka_unit_test(a_wrong_list_says_what_is_wrong),
		cmocka_unit_test(a_file_has_a_network_a_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
