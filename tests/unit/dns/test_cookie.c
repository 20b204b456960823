/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "isobar/dns/cookie.h"

static size_t hex(const char *text, uint8_t *out)
{
	size_t n = strlen(text) / 2;
	for (size_t i = 0; i < n; i++) {
		unsigned v;
		assert_int_equal(sscanf(text + 2 * i, "%2x", &v), 1);
		out[i] = (uint8_t)v;
	}
	return n;
}

static struct isb_cookie_secrets secrets(const char *first, const char *second)
{
	struct isb_cookie_secrets s = {.count = second ? 2 : 1};
	hex(first, s.secret[0]);
	if (second)
		hex(second, s.secret[1]);
	return s;
}

/* Sends client + server cookie in hex from an address at a time in seconds; the answer's server cookie in hex. */
static bool ask(const struct isb_cookie_secrets *s, const char *addr, const char *cookie, int64_t time_s, char ret_hex[33])
{
	struct isb_addr from;
	uint8_t octets[40], server[ISB_COOKIE_SERVER];
	assert_int_equal(isb_addr_parse(addr, &from), 0);
	size_t n = hex(cookie, octets);
	bool valid = isb_cookie_answer(s, octets, octets + 8, n - 8, &from, time_s * 1000, server);
	for (int i = 0; i < ISB_COOKIE_SERVER; i++)
		sprintf(ret_hex + 2 * i, "%02x", server[i]);
	return valid;
}

static const char secret_a[] = "e5e973e5a6b2a43f48e7dc849e37bfcf";

static void siphash_gives_its_authors_vector(void **state)
{
	(void)state;
	uint8_t key[16], data[15];
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		data[i] = i;
	assert_true(isb_siphash(key, data, sizeof(data)) == 0xa129ca6149be45e5u);
}

static void rfc9018_a1_a_client_learns_a_new_cookie(void **state)
{
	(void)state;
	char got[33];
	struct isb_cookie_secrets s = secrets(secret_a, NULL);
	assert_false(ask(&s, "198.51.100.100", "2464c4abcf10c957", 1559731985, got));
	assert_string_equal(got, "010000005cf79f111f8130c3eee29480");
}

static void rfc9018_a2_an_aged_cookie_is_renewed(void **state)
{
	(void)state;
	char got[33];
	struct isb_cookie_secrets s = secrets(secret_a, NULL);
	assert_true(ask(&s, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559734385, got));
	assert_string_equal(got, "010000005cf7a871d4a564a1442aca77");
}

static void rfc9018_a3_reserved_octets_are_covered_by_the_hash(void **state)
{
	(void)state;
	char got[33];
	struct isb_cookie_secrets s = secrets(secret_a, NULL);
	const char *cookie = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
	assert_true(ask(&s, "203.0.113.203", cookie, 0x5cf78f71 + 10, got));
	assert_string_equal(got, cookie + 16); /* young: the same again */
	ask(&s, "203.0.113.203", cookie, 0x5cf7a9ac, got);
	assert_string_equal(got, "010000005cf7a9acf73a7810aca2381e");
}

static void rfc9018_a4_a_rolled_secret_is_still_accepted_and_replaced(void **state)
{
	(void)state;
	char got[33];
	struct isb_cookie_secrets s = secrets("445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715");
	const char *client = "2001:db8:220:1:59de:d0f4:8769:82b8";
	assert_true(ask(&s, client, "22681ab97d52c298010000005cf7c57926556bd0934c72f8", 0x5cf7c609, got));
	assert_string_equal(got, "010000005cf7c609a6bb79d16625507a");
	s = secrets("445536bcd2513298075a5d379663c962", NULL);
	assert_false(ask(&s, client, "22681ab97d52c298010000005cf7c57926556bd0934c72f8", 0x5cf7c609, got));
}

static void a_young_cookie_comes_back_as_it_is(void **state)
{
	(void)state;
	char got[33];
	struct isb_cookie_secrets s = secrets(secret_a, NULL);
	const char *cookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
	assert_true(ask(&s, "198.51.100.100", cookie, 1559731985 + 1800, got));
	assert_string_equal(got, cookie + 16);
	assert_true(ask(&s, "198.51.100.100", cookie, 1559731985 + 1801, got));
	assert_string_not_equal(got, cookie + 16);
}

static void what_is_not_ours_does_not_verify(void **state)
{
	(void)state;
	char got[33];
	struct isb_cookie_secrets s = secrets(secret_a, NULL);
	const char *cookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
	const int64_t then = 1559731985;
	assert_false(ask(&s, "198.51.100.101", cookie, then, got));                               /* another client */
	assert_false(ask(&s, "198.51.100.100", cookie, then + 3601, got));                        /* too old */
	assert_false(ask(&s, "198.51.100.100", cookie, then - 301, got));                         /* from the future */
	assert_true(ask(&s, "198.51.100.100", cookie, then - 300, got));
	assert_false(ask(&s, "198.51.100.100", "2464c4abcf10c957020000005cf79f111f8130c3eee29480", then, got));
	assert_false(ask(&s, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29481", then, got));
	assert_false(ask(&s, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee2948000", then, got));
	assert_false(ask(&s, "198.51.100.100", "2464c4abcf10c9570100000000000000", then, got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_gives_its_authors_vector),
		cmocka_unit_test(rfc9018_a1_a_client_learns_a_new_cookie),
		cmocka_unit_test(rfc9018_a2_an_aged_cookie_is_renewed),
		cmocka_unit_test(rfc9018_a3_reserved_octets_are_covered_by_the_hash),
		cmocka_unit_test(rfc9018_a4_a_rolled_secret_is_still_accepted_and_replaced),
		cmocka_unit_test(a_young_cookie_comes_back_as_it_is),
		cmocka_unit_test(what_is_not_ours_does_not_verify),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
