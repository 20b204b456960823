/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/base/wire.h"
#include "server/census.h"

static struct isb_addr addr(const char *text)
{
	struct isb_addr a;
	assert_int_equal(isb_addr_parse(text, &a), ISB_OK);
	return a;
}

static void there_are_as_many_as_may_be_and_no_more(void **state)
{
	(void)state;
	struct isb_census *census = isb_census_new(3, 1, 1);
	for (int i = 0; i < 3; i++)
		assert_true(isb_census_open(census));
	assert_false(isb_census_open(census));
	assert_false(isb_census_open(census)); /* asking in vain costs nothing */
	isb_census_close(census);
	assert_true(isb_census_open(census));
	assert_false(isb_census_open(census));
	isb_census_free(census);
}

static void a_client_is_an_ipv4_address_or_an_ipv6_slash_64(void **state)
{
	(void)state;
	struct isb_census *census = isb_census_new(10, 1, 1);
	static const struct {
		const char *client;
		bool joins;
	} steps[] = {
		{"192.0.2.1", true},       {"192.0.2.1", false},           {"192.0.2.2", true},
		{"2001:db8:1:2::1", true}, {"2001:db8:1:2:ffff::", false}, {"2001:db8:1:3::1", true},
		{"c000:201::", true}, /* begins with the octets of 192.0.2.1 */
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct isb_addr client = addr(steps[i].client);
		assert_int_equal(isb_census_join(census, &client), steps[i].joins);
	}
	struct isb_addr left = addr("2001:db8:1:2:abcd::9");
	isb_census_leave(census, &left);
	assert_true(isb_census_join(census, &left));
	assert_false(isb_census_join(census, &left));
	isb_census_free(census);
}

/* Against plain counters, with clients coming and going so that slots are freed within runs of others. */
static void counts_stay_right_while_thousands_come_and_go(void **state)
{
	(void)state;
	enum { CLIENTS = 4000, MOST = 3, ROUNDS = 400000 };
	static uint8_t count[CLIENTS];
	struct isb_census *census = isb_census_new(1, MOST, 7);
	struct isb_rng rng;
	isb_rng_seed(&rng, 9);
	memset(count, 0, sizeof(count));
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t n = (uint32_t)isb_rng_below(&rng, round < ROUNDS / 2 ? CLIENTS : CLIENTS / 20);
		struct isb_addr client = {.family = n % 2 ? 4 : 6};
		isb_put_u32(client.octets, n / 2);
		if (count[n] && isb_rng_below(&rng, 2)) {
			isb_census_leave(census, &client);
			count[n]--;
		} else {
			assert_int_equal(isb_census_join(census, &client), count[n] < MOST);
			if (count[n] < MOST)
				count[n]++;
		}
	}
	isb_census_free(census);
}

static void *come_and_go(void *arg)
{
	struct isb_census *census = arg;
	for (uint32_t i = 0; i < 20000; i++) {
		struct isb_addr client = {.family = 4};
		isb_put_u32(client.octets, i % 50);
		bool opened = isb_census_open(census), joined = isb_census_join(census, &client);
		if (joined)
			isb_census_leave(census, &client);
		if (opened)
			isb_census_close(census);
	}
	return NULL;
}

static void workers_count_together(void **state)
{
	(void)state;
	struct isb_census *census = isb_census_new(2, 2, 1);
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, census), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < 50; i++) { /* nobody was left behind or counted twice */
		struct isb_addr client = {.family = 4};
		isb_put_u32(client.octets, i);
		assert_true(isb_census_join(census, &client));
		assert_true(isb_census_join(census, &client));
		assert_false(isb_census_join(census, &client));
	}
	assert_true(isb_census_open(census));
	assert_true(isb_census_open(census));
	assert_false(isb_census_open(census));
	isb_census_free(census);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_as_many_as_may_be_and_no_more),
		cmocka_unit_test(a_client_is_an_ipv4_address_or_an_ipv6_slash_64),
		cmocka_unit_test(counts_stay_right_while_thousands_come_and_go),
		cmocka_unit_test(workers_count_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
