/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "isobar/base/rng.h"
#include "server/ring.h"

enum { SIZE = 4096, HEADER = 16 };

static bool put(struct isb_ring *ring, const void *data, size_t len)
{
	void *room = isb_ring_reserve(ring, len);
	if (!room)
		return false;
	memcpy(room, data, len);
	isb_ring_publish(ring);
	return true;
}

static void what_goes_in_comes_out_in_order(void **state)
{
	(void)state;
	struct isb_ring *ring = isb_ring_new(SIZE);
	size_t len;
	assert_null(isb_ring_take(ring, &len));
	assert_true(put(ring, "one", 3));
	assert_true(put(ring, "", 0));
	assert_true(put(ring, "three", 5));
	const void *one = isb_ring_take(ring, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(one, "one", 3);
	assert_non_null(isb_ring_take(ring, &len));
	assert_int_equal(len, 0);
	const void *three = isb_ring_take(ring, &len);
	assert_int_equal(len, 5);
	assert_memory_equal(three, "three", 5);
	assert_null(isb_ring_take(ring, &len));
	isb_ring_free(ring);
}

static void what_is_reserved_and_not_published_does_not_exist(void **state)
{
	(void)state;
	struct isb_ring *ring = isb_ring_new(SIZE);
	size_t len;
	void *room = isb_ring_reserve(ring, 100);
	assert_non_null(room);
	assert_null(isb_ring_take(ring, &len));
	assert_ptr_equal(isb_ring_reserve(ring, 8), room);
	isb_ring_publish(ring);
	assert_ptr_equal(isb_ring_take(ring, &len), room);
	assert_int_equal(len, 8);
	isb_ring_free(ring);
}

static void a_full_ring_takes_nothing_until_the_oldest_is_released(void **state)
{
	(void)state;
	struct isb_ring *ring = isb_ring_new(SIZE);
	const void *taken[SIZE / 256];
	uint8_t record[256 - HEADER] = {0};
	size_t count = 0, len;
	while (put(ring, record, sizeof(record)))
		count++;
	assert_int_equal(count, SIZE / 256); /* to the last octet */
	for (size_t i = 0; i < count; i++)
		assert_non_null(taken[i] = isb_ring_take(ring, &len));
	assert_false(put(ring, record, sizeof(record)));
	isb_ring_release(taken[1]); /* the oldest is still in use */
	assert_false(put(ring, record, sizeof(record)));
	isb_ring_release(taken[0]);
	assert_true(put(ring, record, sizeof(record)));
	assert_true(put(ring, record, sizeof(record)));
	assert_false(put(ring, record, sizeof(record)));
	isb_ring_free(ring);
}

static void a_record_larger_than_the_ring_is_refused(void **state)
{
	(void)state;
	struct isb_ring *ring = isb_ring_new(SIZE);
	assert_null(isb_ring_reserve(ring, SIZE));
	assert_null(isb_ring_reserve(ring, SIZE - HEADER + 1));
	assert_null(isb_ring_reserve(ring, SIZE_MAX));
	assert_non_null(isb_ring_reserve(ring, SIZE - HEADER));
	isb_ring_free(ring);
}

static void every_quarter_is_told_of_once(void **state)
{
	(void)state;
	struct isb_ring *ring = isb_ring_new(SIZE);
	size_t told = 0, len;
	for (size_t i = 0; i < 4 * SIZE / 64; i++) { /* four times around */
		assert_non_null(isb_ring_reserve(ring, 64 - HEADER));
		told += isb_ring_publish(ring);
		isb_ring_release(isb_ring_take(ring, &len));
	}
	assert_int_equal(told, 16);
	isb_ring_free(ring);
}

/* Records of many lengths go round and round; each holds its number and is filled with it. */
enum { ROUNDS = 200000, LONGEST = 700 };

static void *write_many(void *arg)
{
	struct isb_ring *ring = arg;
	struct isb_rng rng;
	isb_rng_seed(&rng, 7);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		size_t len = sizeof(i) + isb_rng_below(&rng, LONGEST);
		uint8_t *room;
		while (!(room = isb_ring_reserve(ring, len)))
			sched_yield();
		memcpy(room, &i, sizeof(i));
		memset(room + sizeof(i), (int)(i & 0xff), len - sizeof(i));
		isb_ring_publish(ring);
	}
	return NULL;
}

static void two_threads_lose_nothing_and_mix_nothing(void **state)
{
	(void)state;
	struct isb_ring *ring = isb_ring_new(1 << 14);
	struct isb_rng rng;
	pthread_t writer;
	isb_rng_seed(&rng, 7);
	assert_int_equal(pthread_create(&writer, NULL, write_many, ring), 0);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		size_t len, expected = sizeof(i) + isb_rng_below(&rng, LONGEST);
		uint32_t number;
		const uint8_t *record;
		while (!(record = isb_ring_take(ring, &len)))
			sched_yield();
		memcpy(&number, record, sizeof(number));
		assert_int_equal(number, i);
		assert_int_equal(len, expected);
		for (size_t k = sizeof(i); k < len; k++)
			if (record[k] != (i & 0xff))
				fail_msg("record %u, octet %zu", i, k);
		isb_ring_release(record);
	}
	pthread_join(writer, NULL);
	isb_ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out_in_order),
		cmocka_unit_test(what_is_reserved_and_not_published_does_not_exist),
		cmocka_unit_test(a_full_ring_takes_nothing_until_the_oldest_is_released),
		cmocka_unit_test(a_record_larger_than_the_ring_is_refused),
		cmocka_unit_test(every_quarter_is_told_of_once),
		cmocka_unit_test(two_threads_lose_nothing_and_mix_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
