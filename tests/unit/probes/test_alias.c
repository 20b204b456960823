/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"
#include "probes/alias.h"

/* What is taken of a resolver's answer, and what the row becomes. */

static void take(struct isb_resolve_family *family, const char *text)
{
	struct isb_addr found[64];
	char copy[1024], *save;
	size_t count = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		assert_int_equal(isb_addr_parse(word, &found[count++]), ISB_OK);
	isb_resolve_sift(found, count, family);
}

static const char *shown(const struct isb_addr *addresses, size_t count)
{
	static char text[2048];
	char addr[ISB_ADDR_TEXT];
	*text = '\0';
	for (size_t i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "", isb_addr_print(&addresses[i], addr));
	return text;
}

static void answers_are_sorted_and_what_is_no_service_is_left_out(void **state)
{
	struct isb_resolve_family f = {.ttl_s = 60};
	(void)state;
	take(&f, "198.51.100.2 127.0.0.1 198.51.100.1 0.0.0.0 169.254.1.1 224.0.0.1 255.255.255.255 10.0.0.1 198.51.100.2");
	assert_string_equal(shown(f.addresses, f.count), "10.0.0.1 198.51.100.1 198.51.100.2");
	assert_int_equal(f.end, ISB_RESOLVE_OK);
	take(&f, "2001:db8::2 ::1 :: fe80::1 ff02::1 fd00::1 2001:db8::2");
	assert_string_equal(shown(f.addresses, f.count), "2001:db8::2 fd00::1");
	take(&f, "127.0.0.1");
	assert_int_equal(f.count, 0);
	assert_int_equal(f.end, ISB_RESOLVE_NONE);
	assert_string_equal(f.trouble, "no address that could be a service");
}

static void of_too_many_the_same_ones_are_taken_in_whatever_order_they_came(void **state)
{
	struct isb_resolve_family up = {.ttl_s = 1}, down = {.ttl_s = 1};
	char text[1024] = "", back[1024] = "";
	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "192.0.2.%d ", i);
		snprintf(back + strlen(back), sizeof(back) - strlen(back), "192.0.2.%d ", 39 - i);
	}
	take(&up, text);
	take(&down, back);
	assert_int_equal(up.count, ISB_RESOLVED_FAMILY_MAX);
	assert_int_equal(down.count, up.count);
	assert_memory_equal(up.addresses, down.addresses, up.count * sizeof(up.addresses[0]));
	assert_string_equal(shown(up.addresses, 1), "192.0.2.0");
}

static struct isb_resolve_family failed(const char *why)
{
	return (struct isb_resolve_family){.end = ISB_RESOLVE_FAILED, .trouble = why};
}

static struct isb_resolve_family none(void)
{
	return (struct isb_resolve_family){.end = ISB_RESOLVE_NONE, .trouble = "no such name"};
}

static struct isb_resolve_family good(const char *addresses, uint32_t ttl_s)
{
	struct isb_resolve_family family = {.ttl_s = ttl_s};
	take(&family, addresses);
	return family;
}

static int64_t merge(struct isb_resolved *row, struct isb_resolve_family a, struct isb_resolve_family aaaa, int64_t now_ms)
{
	struct isb_resolve_result result = {.family = {a, aaaa}};
	return isb_alias_merge(row, &result, now_ms);
}

static void a_failure_keeps_what_was_known_and_says_since_when(void **state)
{
	struct isb_resolved row = {.trouble = ""};
	(void)state;
	assert_int_equal(merge(&row, failed("timeout"), failed("timeout"), 1000), ISB_ALIAS_RETRY_MS);
	assert_int_equal(row.since_ms, 0);
	assert_int_equal(row.failing_ms, 1000);
	assert_int_equal(merge(&row, good("192.0.2.1", 60), good("2001:db8::1", 30), 2000), 30000);
	assert_int_equal(row.since_ms, 2000);
	assert_int_equal(row.until_ms, 32000);
	assert_int_equal(row.failing_ms, 0);
	assert_string_equal(shown(row.addresses, row.count), "192.0.2.1 2001:db8::1");
	assert_int_equal(merge(&row, failed("timeout"), failed("timeout"), 32000), ISB_ALIAS_RETRY_MS);
	assert_int_equal(merge(&row, failed("timeout"), failed("timeout"), 90000000), ISB_ALIAS_RETRY_MS);
	assert_string_equal(shown(row.addresses, row.count), "192.0.2.1 2001:db8::1");
	assert_int_equal(row.failing_ms, 32000);
	assert_int_equal(row.until_ms, 32000);
	assert_string_equal(row.trouble, "timeout");
	merge(&row, good("192.0.2.1", 60), failed("timeout"), 90001000); /* one family of two */
	assert_string_equal(shown(row.addresses, row.count), "192.0.2.1 2001:db8::1");
	assert_int_equal(row.since_ms, 2000); /* they are the same still */
	assert_int_equal(row.failing_ms, 32000);
	merge(&row, good("192.0.2.9", 60), none(), 90002000);
	assert_string_equal(shown(row.addresses, row.count), "192.0.2.9");
	assert_int_equal(row.since_ms, 90002000);
	assert_int_equal(row.failing_ms, 0);
}

static void a_name_that_is_gone_is_believed_after_a_while(void **state)
{
	struct isb_resolved row = {.trouble = ""};
	(void)state;
	merge(&row, good("192.0.2.1", 60), none(), 1000);
	merge(&row, none(), none(), 61000);
	assert_int_equal(row.count, 1);
	assert_string_equal(row.trouble, "no such name");
	merge(&row, none(), none(), 61000 + ISB_ALIAS_GONE_MS - 1);
	assert_int_equal(row.count, 1);
	merge(&row, none(), none(), 61000 + ISB_ALIAS_GONE_MS);
	assert_int_equal(row.count, 0);
	assert_int_equal(row.since_ms, 61000 + ISB_ALIAS_GONE_MS);
	merge(&row, good("192.0.2.1", 60), none(), 200000);
	assert_int_equal(row.count, 1);
	assert_int_equal(row.failing_ms, 0);
}

static void names_are_asked_for_again_within_bounds(void **state)
{
	struct isb_resolved row = {.trouble = ""};
	(void)state;
	assert_int_equal(merge(&row, good("192.0.2.1", 0), none(), 1000), ISB_ALIAS_LEAST_MS);
	assert_int_equal(row.until_ms, 1000);
	assert_int_equal(merge(&row, good("192.0.2.1", 86400), none(), 1000), ISB_ALIAS_MOST_MS);
	assert_int_equal(row.until_ms, 86401000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_sorted_and_what_is_no_service_is_left_out),
		cmocka_unit_test(of_too_many_the_same_ones_are_taken_in_whatever_order_they_came),
		cmocka_unit_test(a_failure_keeps_what_was_known_and_says_since_when),
		cmocka_unit_test(a_name_that_is_gone_is_believed_after_a_while),
		cmocka_unit_test(names_are_asked_for_again_within_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
