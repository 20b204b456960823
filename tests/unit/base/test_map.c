/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/hash.h"
#include "isobar/base/map.h"

static void an_empty_map_has_nothing(void **state)
{
	struct isb_map map = {0};
	uint32_t value = 77;
	(void)state;
	assert_false(isb_map_get(&map, "a", 1, &value));
	assert_int_equal(value, 77);
	isb_map_done(&map);
}

static void thousands_of_keys_are_found_again_and_no_others(void **state)
{
	enum { N = 5000 };
	static char key[N][16];
	struct isb_map map = {0};
	uint32_t value;
	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		snprintf(key[i], sizeof(key[i]), "key %u", i);
		isb_map_put(&map, key[i], strlen(key[i]), i);
		assert_int_equal(map.count, i + 1);
	}
	for (uint32_t i = 0; i < N; i++) {
		value = N;
		assert_true(isb_map_get(&map, key[i], strlen(key[i]), &value));
		assert_int_equal(value, i);
		assert_false(isb_map_get(&map, key[i], strlen(key[i]) + 1, &value)); /* with its NUL: another key */
	}
	assert_false(isb_map_get(&map, "key 5000", 8, &value));
	isb_map_done(&map);
	assert_int_equal(map.count, 0);
}

static void putting_again_replaces(void **state)
{
	struct isb_map map = {0};
	uint32_t value = 0;
	(void)state;
	isb_map_put(&map, "a", 1, 1);
	isb_map_put(&map, "a", 1, UINT32_MAX);
	assert_int_equal(map.count, 1);
	assert_true(isb_map_get(&map, "a", 1, &value));
	assert_int_equal(value, UINT32_MAX);
	isb_map_done(&map);
}

static void octets_decide_and_the_empty_key_is_one(void **state)
{
	struct isb_map map = {0};
	uint32_t value = 0;
	(void)state;
	isb_map_put(&map, "", 0, 1);
	isb_map_put(&map, "\0", 1, 2);
	isb_map_put(&map, "\0\0", 2, 3);
	isb_map_put(&map, "a\0b", 3, 4);
	isb_map_put(&map, "a\0c", 3, 5);
	assert_int_equal(map.count, 5);
	assert_true(isb_map_get(&map, "", 0, &value));
	assert_int_equal(value, 1);
	assert_true(isb_map_get(&map, "\0", 1, &value));
	assert_int_equal(value, 2);
	assert_true(isb_map_get(&map, "a\0c", 3, &value));
	assert_int_equal(value, 5);
	isb_map_done(&map);
}

static void looks_at_everything(uint64_t (*hash)(const void *data, size_t len, uint64_t seed))
{
	uint8_t data[40] = {0};
	for (size_t len = 0; len <= sizeof(data); len++) {
		uint64_t h = hash(data, len, 0);
		assert_true(h == hash(data, len, 0));
		assert_true(h != hash(data, len, 1));
		if (len)
			assert_true(h != hash(data, len - 1, 0)); /* all octets are zero: only the length differs */
		for (size_t i = 0; i < len; i++) {
			data[i] ^= 0x80;
			assert_true(h != hash(data, len, 0));
			data[i] ^= 0x80;
		}
	}
}

static void the_hash_looks_at_every_octet_at_the_length_and_at_the_seed(void **state)
{
	(void)state;
	looks_at_everything(isb_hash);
	looks_at_everything(isb_hash_key);
}

/* As it was defined before it was made fast: every version must place clients alike. */
static uint64_t plain_hash(const uint8_t *p, size_t len, uint64_t seed)
{
	uint64_t h = seed ^ len, word;
	for (;; len -= 8) {
		word = 0;
		for (size_t i = 0; i < len && i < 8; i++)
			word |= (uint64_t)*p++ << (8 * i);
		h = isb_hash_mix(h, word);
		if (len < 8)
			return h;
	}
}

static void the_hash_is_what_it_was(void **state)
{
	(void)state;
	uint8_t data[40];
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37 + 200);
	for (size_t len = 0; len <= sizeof(data); len++)
		assert_true(isb_hash(data, len, len * 3) == plain_hash(data, len, len * 3));
	assert_true(isb_hash("isobar", 6, 0) == UINT64_C(0x75abc33f52850c9d));
}

/* Each in a block of its own size, so that a sanitizer sees what is read beyond it. */
static void keys_are_the_same_when_every_octet_is(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 40; len++) {
		uint8_t *a = calloc(1, len + !len), *b = calloc(1, len + !len);
		assert_true(isb_same(a, b, len));
		assert_true(isb_hash_key(a, len, 0) == isb_hash_key(b, len, 0));
		for (size_t i = 0; i < len; i++) {
			b[i] = 1;
			assert_false(isb_same(a, b, len));
			b[i] = 0;
		}
		free(a);
		free(b);
	}
}

/* A table takes the lowest bits: small numbers as keys must not fall into few of them. */
static void the_lowest_bits_of_the_hash_are_spread(void **state)
{
	enum { N = 4096, BITS = 64 };
	unsigned count[BITS] = {0};
	(void)state;
	for (uint32_t i = 0; i < N; i++)
		count[isb_hash(&i, sizeof(i), 0) % BITS]++;
	for (unsigned i = 0; i < BITS; i++)
		assert_in_range(count[i], N / BITS / 3, N / BITS * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(thousands_of_keys_are_found_again_and_no_others),
		cmocka_unit_test(putting_again_replaces),
		cmocka_unit_test(octets_decide_and_the_empty_key_is_one),
		cmocka_unit_test(the_hash_looks_at_every_octet_at_the_length_and_at_the_seed),
		cmocka_unit_test(the_hash_is_what_it_was),
		cmocka_unit_test(keys_are_the_same_when_every_octet_is),
		cmocka_unit_test(the_lowest_bits_of_the_hash_are_spread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
