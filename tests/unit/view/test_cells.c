/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/view/cells.h"

/* Networks of the fixtures: 192.0.2.0/25 is Seoul, /26 behind it Busan, 203.0.113.0/24 Germany; asn.mmdb has ASes. */

static const int64_t now = INT64_C(1795262400123), hour = 3600 * 1000;

static struct isb_geodb *open_geodb(void)
{
	static const char *const paths[] = {ISB_TESTS_DIR "/unit/view/geo/city.mmdb", ISB_TESTS_DIR "/unit/view/geo/asn.mmdb"};
	struct isb_diags diags = {0};
	struct isb_geodb *db = NULL;
	assert_int_equal(isb_geodb_open(paths, 2, &diags, &db), ISB_OK);
	isb_diags_done(&diags);
	return db;
}

static struct isb_net net(const char *text)
{
	struct isb_net net;
	assert_int_equal(isb_net_parse(text, &net), ISB_OK);
	return net;
}

static void add(struct isb_cells *cells, const char *network, const char *region, int64_t time_ms, uint32_t ms,
                uint32_t count)
{
	struct isb_samples samples = {0};
	isb_samples_add(&samples, time_ms, ms * 1000, count);
	const struct isb_latency_row row = {net(network), region, &samples};
	isb_cells_add(cells, &row);
	isb_samples_done(&samples);
}

/* "25.0*40" of a cell towards a region; "-" when it has not enough. */
static const char *rtt(const struct isb_cells *cells, uint32_t id, const char *region)
{
	static char text[4][32];
	static unsigned at;
	uint32_t number = 0;
	const char *name;
	struct isb_rtt rtt = {0};
	while ((name = isb_cells_region(cells, number)) && strcmp(name, region) != 0)
		number++;
	if (id != ISB_CELL_NONE && name)
		rtt = isb_cells_get(cells, id, number);
	char *out = text[at++ % 4];
	snprintf(out, 32, rtt.us ? "%.1f*%u" : "-", rtt.us / 1000.0, rtt.samples);
	return out;
}

static void a_network_needs_twenty_samples_and_finds_itself_around_its_clients(void **state)
{
	(void)state;
	struct isb_cells *cells = isb_cells_new(NULL, now);
	struct isb_prefix_match around[ISB_CELLS_AROUND];
	char name[ISB_CELL_TEXT];
	add(cells, "192.0.0.0/16", "seoul", now, 30, 20);
	add(cells, "192.0.2.0/24", "seoul", now, 20, 19);
	add(cells, "192.0.2.0/24", "virginia", now, 80, 21);
	add(cells, "192.0.3.0/24", "seoul", now, 20, 19);
	add(cells, "2001:db8::/32", "seoul", now, 50, 20);
	isb_cells_seal(cells);
	const struct isb_prefix *networks;
	assert_int_equal(isb_cells_networks(cells, &networks), 3);
	struct isb_net client = net("192.0.2.77");
	assert_int_equal(isb_cells_around(cells, &client.addr, around), 2);
	assert_int_equal(around[0].len, 24);
	assert_int_equal(around[1].len, 16);
	assert_string_equal(isb_cells_name(cells, around[0].id, name), "192.0.2.0/24");
	assert_string_equal(rtt(cells, around[0].id, "seoul"), "-");
	assert_string_equal(rtt(cells, around[0].id, "virginia"), "80.0*21");
	assert_string_equal(rtt(cells, around[1].id, "seoul"), "30.0*20");
	assert_string_equal(rtt(cells, around[1].id, "tokyo"), "-");
	client = net("2001:db8:1::1");
	assert_int_equal(isb_cells_around(cells, &client.addr, around), 1);
	assert_string_equal(rtt(cells, around[0].id, "seoul"), "50.0*20");
	client = net("198.51.100.1");
	assert_int_equal(isb_cells_around(cells, &client.addr, around), 0);
	isb_cells_release(cells);
}

static void networks_are_rolled_up_to_as_country_and_continent(void **state)
{
	(void)state;
	struct isb_geodb *db = open_geodb();
	struct isb_cells *cells = isb_cells_new(db, now);
	struct isb_geo_facts seoul = {0}, germany = {0};
	uint8_t len;
	char name[ISB_CELL_TEXT], expected[ISB_CELL_TEXT];
	struct isb_net korean = net("192.0.2.0/25"), german = net("203.0.113.0/24");
	isb_geodb_find(db, &korean.addr, &seoul, &len);
	isb_geodb_find(db, &german.addr, &germany, &len);
	assert_string_equal(seoul.country, "KR");
	assert_true(seoul.asn);
	add(cells, "192.0.2.0/28", "seoul", now, 10, 12);
	add(cells, "192.0.2.16/28", "seoul", now, 20, 12);
	add(cells, "192.0.2.16/28", "virginia", now, 180, 19);
	add(cells, "192.0.2.128/26", "virginia", now, 160, 1);
	add(cells, "203.0.113.0/24", "seoul", now, 250, 19);
	isb_cells_seal(cells);
	uint32_t as = isb_cells_rollup(cells, &seoul, ISB_ROLLUP_ASN);
	uint32_t country = isb_cells_rollup(cells, &seoul, ISB_ROLLUP_COUNTRY);
	uint32_t continent = isb_cells_rollup(cells, &seoul, ISB_ROLLUP_CONTINENT);
	const struct isb_prefix *networks;
	assert_int_equal(isb_cells_networks(cells, &networks), 0); /* none has enough by itself */
	assert_string_equal(rtt(cells, as, "seoul"), "10.0*24"); /* the middle of its bucket, cut to the smallest */
	assert_string_equal(rtt(cells, country, "seoul"), rtt(cells, as, "seoul"));
	assert_string_equal(rtt(cells, country, "virginia"), "176.1*20"); /* the middle of 172.0 .. 180.2 */
	assert_string_equal(rtt(cells, continent, "virginia"), "176.1*20");
	assert_string_equal(rtt(cells, isb_cells_rollup(cells, &germany, ISB_ROLLUP_COUNTRY), "seoul"), "-");
	snprintf(expected, sizeof(expected), "AS%u KR", seoul.asn);
	assert_string_equal(isb_cells_name(cells, as, name), expected);
	assert_string_equal(isb_cells_name(cells, country, name), "country KR");
	assert_string_equal(isb_cells_name(cells, continent, name), "continent AS");
	const struct isb_geo_facts nothing = {0};
	for (enum isb_rollup r = ISB_ROLLUP_ASN; r < ISB_ROLLUPS; r++)
		assert_int_equal(isb_cells_rollup(cells, &nothing, r), ISB_CELL_NONE);
	isb_cells_release(cells);
	isb_geodb_free(db);
}

static struct isb_cells *two(uint32_t ms, uint32_t count, int64_t time_ms)
{
	struct isb_cells *cells = isb_cells_new(NULL, now);
	add(cells, "192.0.2.0/24", "seoul", time_ms, ms, count);
	add(cells, "198.51.100.0/24", "seoul", now, 40, 20);
	isb_cells_seal(cells);
	return cells;
}

static void the_fingerprint_is_that_of_the_quantiles_alone(void **state)
{
	(void)state;
	struct isb_cells *a = two(20, 20, now), *more = two(20, 90, now - hour);
	struct isb_cells *slower = two(21, 20, now), *few = two(20, 19, now);
	assert_int_equal(isb_cells_fingerprint(a), isb_cells_fingerprint(more));
	assert_int_not_equal(isb_cells_fingerprint(a), isb_cells_fingerprint(slower));
	assert_int_not_equal(isb_cells_fingerprint(a), isb_cells_fingerprint(few));
	isb_cells_release(a);
	isb_cells_release(more);
	isb_cells_release(slower);
	isb_cells_release(few);
}

static void they_hold_until_the_oldest_sample_in_use_is_a_day_old(void **state)
{
	(void)state;
	struct isb_cells *none = isb_cells_new(NULL, now);
	struct isb_cells *old = two(20, 20, now - 24 * hour + 1), *gone = two(20, 20, now - 24 * hour);
	isb_cells_seal(none);
	const struct isb_prefix *networks;
	assert_true(isb_cells_until_ms(none) == INT64_MAX);
	assert_true(isb_cells_until_ms(old) == now + 1);
	assert_true(isb_cells_until_ms(gone) == now + 24 * hour);
	assert_int_equal(isb_cells_networks(old, &networks), 2);
	assert_int_equal(isb_cells_networks(gone, &networks), 1);
	isb_cells_release(none);
	isb_cells_release(isb_cells_share(old));
	assert_int_equal(isb_cells_networks(old, &networks), 2); /* still ours */
	isb_cells_release(old);
	isb_cells_release(gone);
	isb_cells_release(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_needs_twenty_samples_and_finds_itself_around_its_clients),
		cmocka_unit_test(networks_are_rolled_up_to_as_country_and_continent),
		cmocka_unit_test(the_fingerprint_is_that_of_the_quantiles_alone),
		cmocka_unit_test(they_hold_until_the_oldest_sample_in_use_is_a_day_old),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
