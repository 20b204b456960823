/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "isobar/base/wire.h"

static void a_reader_gives_what_is_there_and_then_stays_bad(void **state)
{
	static const uint8_t octets[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct isb_reader r = isb_reader(octets, sizeof(octets));
	(void)state;
	assert_int_equal(isb_read_u8(&r), 1);
	assert_int_equal(isb_read_u16(&r), 0x0203);
	assert_int_equal(isb_read_u32(&r), 0x04050607);
	assert_true(isb_read_u64(&r) == 0x08090a0b0c0d0e0f);
	assert_false(r.bad);
	assert_non_null(isb_read(&r, 0));
	assert_int_equal(isb_read_u8(&r), 0);
	assert_true(r.bad);
	assert_int_equal(r.pos, r.len);
	assert_null(isb_read(&r, 0)); /* the error sticks */
}

static void a_read_beyond_the_end_takes_nothing_and_later_ones_fail(void **state)
{
	static const uint8_t octets[] = {1, 2, 3};
	struct isb_reader r = isb_reader(octets, sizeof(octets));
	(void)state;
	assert_int_equal(isb_read_u32(&r), 0);
	assert_int_equal(r.pos, 0);
	assert_int_equal(isb_read_u8(&r), 0);
	r = isb_reader(octets, sizeof(octets));
	isb_read_u8(&r);
	assert_null(isb_read(&r, SIZE_MAX));
	assert_true(r.bad);
	r = isb_reader(NULL, 0);
	assert_int_equal(isb_read_u16(&r), 0);
	assert_true(r.bad);
}

static void a_writer_never_writes_beyond_its_room(void **state)
{
	(void)state;
	for (size_t cap = 0; cap <= 16; cap++) { /* the sanitizer watches the octet behind */
		uint8_t *room = malloc(cap ? cap : 1);
		struct isb_writer w = isb_writer(room, cap);
		isb_write_u8(&w, 0xa1);
		isb_write_u16(&w, 0xa2a3);
		isb_write_u32(&w, 0xa4a5a6a7);
		isb_write_u64(&w, 0xa8a9aaabacadaeaf);
		isb_write(&w, "z", 1);
		assert_int_equal(w.bad, cap < 16);
		static const size_t whole[] = {0, 1, 1, 3, 3, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 15, 16};
		assert_int_equal(w.pos, whole[cap]);
		for (size_t i = 0; i < w.pos && i < 15; i++)
			assert_int_equal(room[i], 0xa1 + i);
		free(room);
	}
}

static void after_one_that_did_not_fit_nothing_is_written(void **state)
{
	uint8_t room[4] = {9, 9, 9, 9};
	struct isb_writer w = isb_writer(room, 3);
	(void)state;
	isb_write_u16(&w, 1);
	isb_write_u16(&w, 2);
	isb_write_u8(&w, 3); /* it would fit */
	isb_write(&w, NULL, 0);
	assert_true(w.bad);
	assert_int_equal(w.pos, 2);
	assert_int_equal(room[2], 9);
	assert_null(isb_write_room(&w, SIZE_MAX));
}

static void put_and_get_agree(void **state)
{
	uint8_t octets[8];
	(void)state;
	isb_put_u16(octets, 0xfedc);
	assert_int_equal(octets[0], 0xfe);
	assert_int_equal(isb_get_u16(octets), 0xfedc);
	isb_put_u32(octets, 0xfedcba98);
	assert_int_equal(octets[3], 0x98);
	assert_int_equal(isb_get_u32(octets), 0xfedcba98);
	isb_put_u64(octets, 0xfedcba9876543210);
	assert_true(isb_get_u64(octets) == 0xfedcba9876543210);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_gives_what_is_there_and_then_stays_bad),
		cmocka_unit_test(a_read_beyond_the_end_takes_nothing_and_later_ones_fail),
		cmocka_unit_test(a_writer_never_writes_beyond_its_room),
		cmocka_unit_test(after_one_that_did_not_fit_nothing_is_written),
		cmocka_unit_test(put_and_get_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
