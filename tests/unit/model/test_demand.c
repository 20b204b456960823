/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/model/demand.h"

static struct isb_net net_of(const char *text)
{
	struct isb_net net;
	assert_int_equal(isb_net_parse(text, &net), ISB_OK);
	return net;
}

static struct isb_addr addr_of(const char *text)
{
	struct isb_addr addr;
	assert_int_equal(isb_addr_parse(text, &addr), ISB_OK);
	return addr;
}

/* Network number n. */
static struct isb_net numbered(uint32_t n)
{
	const struct isb_addr addr = {4, {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
	return isb_net_around(&addr, 24);
}

static uint32_t number_of(const struct isb_net *net)
{
	return (uint32_t)net->addr.octets[0] << 16 | (uint32_t)net->addr.octets[1] << 8 | net->addr.octets[2];
}

static void add(struct isb_demand *demand, uint32_t n, unsigned times)
{
	struct isb_net net = numbered(n);
	while (times--)
		isb_demand_add(demand, &net, NULL);
}

static const char *said(const struct isb_demand *demand, uint64_t scale)
{
	static char text[4096];
	static struct isb_demand_row rows[64];
	struct isb_buf out = {0};
	isb_demand_print(rows, isb_demand_list(demand, rows), scale, &out);
	snprintf(text, sizeof(text), "%s", isb_buf_text(&out));
	isb_buf_done(&out);
	return text;
}

static void networks_are_cut_and_never_widened(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{"192.0.2.7", "192.0.2.0/24"}, {"192.0.2.128/25", "192.0.2.0/24"}, {"192.0.0.0/20", "192.0.0.0/20"},
		{"2001:db8:1:2::/64", "2001:db8:1::/48"}, {"2001:db8::/32", "2001:db8::/32"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_net net = net_of(cases[i][0]), want = net_of(cases[i][1]);
		net = isb_demand_net(&net);
		assert_memory_equal(&net, &want, sizeof(net));
	}
}

static void those_who_ask_most_come_first_with_an_address_to_measure(void **state)
{
	(void)state;
	struct isb_demand *demand = isb_demand_new(16, 1);
	struct isb_net a = net_of("168.126.63.0/24"), b = net_of("2001:4860::/48"), c = net_of("8.8.8.0/24");
	struct isb_addr first = addr_of("168.126.63.1"), second = addr_of("168.126.63.2");
	isb_demand_add(demand, &b, NULL);
	isb_demand_add(demand, &a, &first);
	isb_demand_add(demand, &a, &second);
	isb_demand_add(demand, &a, NULL); /* does not take the address away */
	isb_demand_add(demand, &c, NULL);
	isb_demand_add(demand, &c, NULL);
	assert_string_equal(said(demand, 64), "demand 1\n168.126.63.0/24 168.126.63.2 192\n8.8.8.0/24 - 128\n"
	                                      "2001:4860::/48 - 64\nend\n");
	isb_demand_halve(demand); /* one half of one is none */
	assert_string_equal(said(demand, 1), "demand 1\n8.8.8.0/24 - 1\n168.126.63.0/24 168.126.63.2 1\nend\n");
	isb_demand_halve(demand);
	assert_string_equal(said(demand, 1), "demand 1\nend\n");
	isb_demand_free(demand);
}

static void a_newcomer_takes_the_place_of_the_least_and_says_so(void **state)
{
	(void)state;
	struct isb_demand *demand = isb_demand_new(2, 1);
	struct isb_demand_row rows[2];
	add(demand, 1, 5);
	add(demand, 2, 3);
	add(demand, 3, 1);
	assert_int_equal(isb_demand_list(demand, rows), 2);
	assert_int_equal(number_of(&rows[0].net), 1);
	assert_int_equal(number_of(&rows[1].net), 3);
	assert_int_equal(rows[1].count, 4);
	assert_int_equal(rows[1].over, 3);
	isb_demand_free(demand);
}

/* What space-saving promises, over streams of every skew, against exact counts. */
static void check_promises(const struct isb_demand *demand, const uint32_t *exact, uint32_t networks, uint32_t total,
                           size_t places)
{
	struct isb_demand_row *rows = calloc(places, sizeof(*rows));
	bool *there = calloc(networks, sizeof(*there));
	size_t count = isb_demand_list(demand, rows);
	assert_true(count <= places);
	for (size_t i = 0; i < count; i++) {
		uint32_t n = number_of(&rows[i].net);
		assert_false(there[n]);
		there[n] = true;
		assert_in_range(exact[n], rows[i].count - rows[i].over, rows[i].count);
		assert_true(rows[i].over <= total / places);
		assert_true(i == 0 || rows[i - 1].count - rows[i - 1].over >= rows[i].count - rows[i].over);
	}
	for (uint32_t n = 0; n < networks; n++)
		assert_true(there[n] || exact[n] <= total / places);
	free(there);
	free(rows);
}

static void every_heavy_hitter_is_found_and_no_count_is_off_by_more_than_it_says(void **state)
{
	(void)state;
	enum { NETWORKS = 5000, PLACES = 100, ADDED = 40000 };
	static uint32_t exact[NETWORKS];
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct isb_rng rng;
		struct isb_demand *demand = isb_demand_new(PLACES, seed);
		isb_rng_seed(&rng, seed);
		memset(exact, 0, sizeof(exact));
		for (uint32_t added = 0; added < ADDED; added++) {
			uint32_t n = (uint32_t)isb_rng_below(&rng, NETWORKS);
			for (uint64_t skew = seed % 6; skew; skew--) /* ever more of them small */
				n = (uint32_t)isb_rng_below(&rng, n + 1);
			exact[n]++;
			add(demand, n, 1);
			if (added % 9973 == 0)
				check_promises(demand, exact, NETWORKS, added + 1, PLACES);
		}
		check_promises(demand, exact, NETWORKS, ADDED, PLACES);
		isb_demand_free(demand);
	}
}

/* A stranger who sends one query from each of many networks does not hide those who ask most. */
static void a_spray_of_networks_does_not_hide_the_busy(void **state)
{
	(void)state;
	struct isb_demand *demand = isb_demand_new(64, 7);
	struct isb_demand_row rows[64];
	for (uint32_t n = 0; n < 20000; n++) {
		add(demand, 100 + n, 1);
		if (n % 10 == 0)
			add(demand, 1 + n / 10 % 3, 1);
	}
	assert_int_equal(isb_demand_list(demand, rows), 64);
	for (size_t i = 0; i < 3; i++) {
		assert_in_range(number_of(&rows[i].net), 1, 3);
		assert_in_range(rows[i].count, 660, 1000);
	}
	isb_demand_free(demand);
}

static void halving_keeps_what_is_true(void **state)
{
	(void)state;
	struct isb_demand *demand = isb_demand_new(50, 3);
	struct isb_demand_row rows[50];
	struct isb_rng rng;
	isb_rng_seed(&rng, 3);
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 3000; i++)
			add(demand, (uint32_t)isb_rng_below(&rng, 1 + isb_rng_below(&rng, 300)), 1);
		isb_demand_halve(demand);
		size_t count = isb_demand_list(demand, rows);
		assert_true(count > 0);
		for (size_t i = 0; i < count; i++)
			assert_true(rows[i].count > 0 && rows[i].over <= rows[i].count);
	}
	for (unsigned round = 0; round < 16; round++)
		isb_demand_halve(demand);
	assert_int_equal(isb_demand_list(demand, rows), 0);
	isb_demand_free(demand);
}

/* --- The text --- */

static int parse(const char *text, struct isb_demand_row *rows, size_t *count)
{
	size_t len = strlen(text);
	char *exact = malloc(len); /* not an octet too long */
	memcpy(exact, text, len);
	int rc = isb_demand_parse(exact, len, rows, count);
	free(exact);
	return rc;
}

static void what_is_printed_is_read_back(void **state)
{
	(void)state;
	static struct isb_demand_row rows[ISB_DEMAND_ROWS], back[ISB_DEMAND_ROWS];
	struct isb_buf out = {0};
	size_t count = 0;
	for (uint32_t n = 0; n < ISB_DEMAND_ROWS; n++) {
		rows[n] = (struct isb_demand_row){.net = numbered(n << 4), .count = UINT64_MAX / 64 / 10, .over = n};
		if (n % 3 == 0) {
			rows[n].addr = rows[n].net.addr;
			rows[n].addr.octets[3] = (uint8_t)n;
		} else if (n % 3 == 1) {
			rows[n].net.addr = (struct isb_addr){6, {0x20, 1, 0x48, 0x60, (uint8_t)(n >> 8), (uint8_t)n}};
			rows[n].net.len = 48;
			rows[n].addr = rows[n].net.addr;
			memset(rows[n].addr.octets + 6, 0xff, 10);
		}
	}
	isb_demand_print(rows, ISB_DEMAND_ROWS, 64, &out);
	assert_true(out.len <= ISB_DEMAND_TEXT);
	assert_int_equal(isb_demand_parse(out.data, out.len, back, &count), ISB_OK);
	assert_int_equal(count, ISB_DEMAND_ROWS);
	for (size_t i = 0; i < count; i++) {
		assert_memory_equal(&back[i].net, &rows[i].net, sizeof(back[i].net));
		assert_memory_equal(&back[i].addr, &rows[i].addr, sizeof(back[i].addr));
		assert_int_equal(back[i].count, (rows[i].count - rows[i].over) * 64);
		assert_int_equal(back[i].over, 0);
	}
	/* cut anywhere it is not the whole text; and one row more is one too many */
	for (size_t len = 0; len < out.len; len += len < 300 || out.len - len < 300 ? 1 : 997)
		assert_int_equal(isb_demand_parse(out.data, len, back, &count), ISB_EFORMAT);
	out.len -= 4;
	isb_buf_puts(&out, "8.8.8.0/24 - 1\nend\n");
	assert_int_equal(isb_demand_parse(out.data, out.len, back, &count), ISB_EFORMAT);
	isb_buf_done(&out);
}

static void nothing_else_is_read(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"", "end\n", "demand 1\n", "demand 2\nend\n", "demand 1\nend", "demand 1\nend\n\n", "demand 1end\n",
		"demand 1\n\nend\n", "demand 1\n8.8.8.0/24\nend\n", "demand 1\n8.8.8.0/24 -\nend\n",
		"demand 1\n8.8.8.0/24 - \nend\n", "demand 1\n8.8.8.0/24  - 1\nend\n", "demand 1\n 8.8.8.0/24 - 1\nend\n",
		"demand 1\n8.8.8.0/24 - 1 \nend\n", "demand 1\n8.8.8.0/24 - -1\nend\n", "demand 1\n8.8.8.0/24 - +1\nend\n",
		"demand 1\n8.8.8.0/24 - 12345678901234567890\nend\n", "demand 1\n8.8.8.0/25 - 1\nend\n",
		"demand 1\n8.8.8.8/24 - 1\nend\n", "demand 1\n8.8.8.8 - 1\nend\n", "demand 1\n8.8.8.0/24 8.8.9.1 1\nend\n",
		"demand 1\n8.8.8.0/24 2001::1 1\nend\n", "demand 1\n2001:4860::/49 - 1\nend\n", "demand 1\n8.8.8.0/24 - 1\r\nend\n",
		"demand 1\n8.8.8.0/24 - 1end\n", "demand 1\n8.8.8.0/24 - 1\n0000000000000000000000000000000000000000000000000000"
		"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 - 1\nend\n",
	};
	static struct isb_demand_row rows[ISB_DEMAND_ROWS];
	size_t count = 77;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(wrong[i], rows, &count), ISB_EFORMAT);
	assert_int_equal(isb_demand_parse("demand 1\n8.8.8.0/24 - 1\0\nend\n", 29, rows, &count), ISB_EFORMAT);
	assert_int_equal(count, 77);
	assert_int_equal(parse("demand 1\n8.8.8.0/24 - 9999999999999999999\nend\n", rows, &count), ISB_OK);
	assert_int_equal(count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_are_cut_and_never_widened),
		cmocka_unit_test(those_who_ask_most_come_first_with_an_address_to_measure),
		cmocka_unit_test(a_newcomer_takes_the_place_of_the_least_and_says_so),
		cmocka_unit_test(every_heavy_hitter_is_found_and_no_count_is_off_by_more_than_it_says),
		cmocka_unit_test(a_spray_of_networks_does_not_hide_the_busy),
		cmocka_unit_test(halving_keeps_what_is_true),
		cmocka_unit_test(what_is_printed_is_read_back),
		cmocka_unit_test(nothing_else_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
