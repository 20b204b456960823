/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>

#include "isobar/base/addr.h"
#include "isobar/base/err.h"

static struct isb_addr addr(const char *text)
{
	struct isb_addr a;
	assert_int_equal(isb_addr_parse(text, &a), ISB_OK);
	return a;
}

static struct isb_net net(const char *text)
{
	struct isb_net n;
	assert_int_equal(isb_net_parse(text, &n), ISB_OK);
	return n;
}

static void addresses_print_as_they_are_read(void **state)
{
	static const char *const good[] = {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1",
	                                   "2001:db8:1:2:3:4:5:6", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
	char text[ISB_ADDR_TEXT];
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct isb_addr a = addr(good[i]);
		assert_string_equal(isb_addr_print(&a, text), good[i]);
	}
	assert_string_equal(isb_addr_print(&(struct isb_addr){0}, text), "none");
}

static void what_is_no_address_is_refused_and_the_result_untouched(void **state)
{
	static const char *const bad[] = {"", "192.0.2", "192.0.2.256", "192.0.2.1 ", " 192.0.2.1", "192.0.2.01.1", "1:2:3",
	                                  "2001:db8::1::", "fe80::1%eth0", "0x7f.1", "localhost", "192.0.2.1/24"};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct isb_addr a = {.family = 77};
		assert_int_equal(isb_addr_parse(bad[i], &a), ISB_EFORMAT);
		assert_int_equal(a.family, 77);
	}
}

static void networks_print_as_they_are_read(void **state)
{
	static const char *const good[] = {"0.0.0.0/0", "192.0.2.0/24", "192.0.2.1/32", "128.0.0.0/1", "::/0", "2001:db8::/32",
	                                   "2001:db8:1:2:3:4:5:6/128", "8000::/1"};
	char text[ISB_NET_TEXT];
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct isb_net n = net(good[i]);
		assert_string_equal(isb_net_print(&n, text), good[i]);
	}
	assert_int_equal(net("192.0.2.1").len, 32);
	assert_int_equal(net("::1").len, 128);
	struct isb_net longest = net("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128");
	assert_int_equal(strlen(isb_net_print(&longest, text)), 43);
}

static void set_host_bits_and_odd_lengths_are_refused(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} bad[] = {
		{"192.0.2.1/24", ISB_ERANGE},   {"128.0.0.0/0", ISB_ERANGE},   {"2001:db8::1/127", ISB_ERANGE},
		{"192.0.2.0/33", ISB_EFORMAT},  {"::/129", ISB_EFORMAT},       {"192.0.2.0/", ISB_EFORMAT},
		{"192.0.2.0/-1", ISB_EFORMAT},  {"192.0.2.0/+8", ISB_EFORMAT}, {"192.0.2.0/ 8", ISB_EFORMAT},
		{"192.0.2.0/24x", ISB_EFORMAT}, {"/24", ISB_EFORMAT},          {"192.0.2.0/24/24", ISB_EFORMAT},
		{"192.0.2.0/99999999999999999999999", ISB_EFORMAT},            {"192.0.2.0/4294967320", ISB_EFORMAT},
		{"2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/1", ISB_EFORMAT},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct isb_net n = {.len = 77};
		assert_int_equal(isb_net_parse(bad[i].text, &n), bad[i].rc);
		assert_int_equal(n.len, 77);
	}
}

static void a_network_has_exactly_the_addresses_that_share_its_bits(void **state)
{
	struct isb_addr client = addr("192.0.2.170"), other = addr("2001:db8::aa");
	(void)state;
	for (unsigned len = 0; len <= 32; len++) {
		struct isb_net n = isb_net_around(&client, len);
		assert_int_equal(n.len, len);
		assert_true(isb_net_has(&n, &client));
		assert_false(isb_net_has(&n, &other));
		for (unsigned bit = 0; bit < 32; bit++) { /* one bit apart: inside iff it is a host bit */
			struct isb_addr near = client;
			near.octets[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			assert_int_equal(isb_net_has(&n, &near), bit >= len);
		}
	}
	for (unsigned len = 0; len <= 128; len++) {
		struct isb_net n = isb_net_around(&other, len);
		for (unsigned bit = 0; bit < 128; bit++) {
			struct isb_addr near = other;
			near.octets[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			assert_int_equal(isb_net_has(&n, &near), bit >= len);
		}
	}
	assert_int_equal(isb_net_around(&client, 200).len, 32);
	assert_int_equal(isb_net_around(&other, 200).len, 128);
}

static void sockaddrs_go_both_ways_and_mapped_addresses_become_ipv4(void **state)
{
	struct sockaddr_storage sa;
	struct isb_addr v4 = addr("192.0.2.1"), v6 = addr("2001:db8::1"), back;
	(void)state;
	assert_int_equal(isb_addr_to_sockaddr(&v4, 53, &sa), sizeof(struct sockaddr_in));
	assert_int_equal(((struct sockaddr_in *)(void *)&sa)->sin_port, htons(53));
	back = isb_addr_from_sockaddr((struct sockaddr *)&sa);
	assert_true(isb_addr_equal(&back, &v4));
	assert_int_equal(isb_addr_to_sockaddr(&v6, 65535, &sa), sizeof(struct sockaddr_in6));
	back = isb_addr_from_sockaddr((struct sockaddr *)&sa);
	assert_true(isb_addr_equal(&back, &v6));
	struct isb_addr mapped = addr("::ffff:192.0.2.1");
	isb_addr_to_sockaddr(&mapped, 0, &sa);
	back = isb_addr_from_sockaddr((struct sockaddr *)&sa);
	assert_true(isb_addr_equal(&back, &v4));
	assert_memory_equal(&back, &v4, sizeof(v4)); /* octets past the family's length are zero */
	sa.ss_family = AF_UNIX;
	assert_int_equal(isb_addr_from_sockaddr((struct sockaddr *)&sa).family, 0);
}

static void public_is_what_says_where_a_client_is(void **state)
{
	static const char *const not[] = {
		"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
		"127.255.255.255", "169.254.0.0", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0",
		"192.168.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255", "::", "::1", "fc00::",
		"fdff:ffff::", "fe80::", "febf:ffff::", "ff00::", "ff02::1"};
	static const char *const yes[] = {
		"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
		"223.255.255.255", "192.0.2.1", "198.51.100.1", "203.0.113.1", "::2", "2001:db8::1", "2606::1", "fbff::",
		"fe00::", "fe7f::", "fec0::"};
	(void)state;
	for (size_t i = 0; i < sizeof(not) / sizeof(not[0]); i++) {
		struct isb_addr a = addr(not[i]);
		if (isb_addr_is_public(&a))
			fail_msg("%s is not public", not[i]);
	}
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		struct isb_addr a = addr(yes[i]);
		if (!isb_addr_is_public(&a))
			fail_msg("%s is public", yes[i]);
	}
	assert_false(isb_addr_is_public(&(struct isb_addr){0}));
}

static void an_address_that_is_not_public_lies_in_a_network_of_its_kind(void **state)
{
	static const struct {
		const char *addr;
		uint8_t bits;
	} cases[] = {
		{"10.1.2.3", 8}, {"100.100.0.1", 10}, {"127.0.0.1", 8}, {"169.254.9.9", 16}, {"172.20.0.1", 12},
		{"192.168.1.1", 16}, {"0.0.0.0", 8}, {"224.0.0.1", 3}, {"255.255.255.255", 3}, {"fd00::1", 7},
		{"fe80::1", 10}, {"ff02::1", 8}, {"::", 127}, {"::1", 127}, {"::2", 0}, {"192.0.2.1", 0}, {"2001:db8::1", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_addr a = addr(cases[i].addr);
		assert_int_equal(isb_addr_special_bits(&a), cases[i].bits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_print_as_they_are_read),
		cmocka_unit_test(what_is_no_address_is_refused_and_the_result_untouched),
		cmocka_unit_test(networks_print_as_they_are_read),
		cmocka_unit_test(set_host_bits_and_odd_lengths_are_refused),
		cmocka_unit_test(a_network_has_exactly_the_addresses_that_share_its_bits),
		cmocka_unit_test(sockaddrs_go_both_ways_and_mapped_addresses_become_ipv4),
		cmocka_unit_test(public_is_what_says_where_a_client_is),
		cmocka_unit_test(an_address_that_is_not_public_lies_in_a_network_of_its_kind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
