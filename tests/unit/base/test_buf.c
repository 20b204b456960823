/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "isobar/base/buf.h"

static void an_all_zero_buffer_is_an_empty_text(void **state)
{
	struct isb_buf buf = {0};
	(void)state;
	assert_string_equal(isb_buf_text(&buf), "");
	isb_buf_reset(&buf);
	isb_buf_printf(&buf, "%s", "");
	assert_string_equal(isb_buf_text(&buf), "");
	isb_buf_add(&buf, NULL, 0);
	assert_int_equal(buf.len, 0);
	isb_buf_done(&buf);
	isb_buf_done(&buf);
}

static void there_is_always_a_nul_behind_the_end(void **state)
{
	struct isb_buf buf = {0};
	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		isb_buf_putc(&buf, 'x');
		assert_int_equal(buf.len, i + 1);
		assert_true(buf.len < buf.cap);
		assert_int_equal(buf.data[buf.len], '\0');
	}
	isb_buf_reset(&buf);
	assert_string_equal(isb_buf_text(&buf), "");
	isb_buf_done(&buf);
}

static void printf_fits_whatever_the_length(void **state)
{
	static char text[1500];
	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) { /* through every boundary of the growing room */
		struct isb_buf buf = {0};
		memset(text, 'y', len);
		text[len] = '\0';
		isb_buf_printf(&buf, "%s", text);
		isb_buf_printf(&buf, "%d", 7);
		assert_int_equal(buf.len, len + 1);
		assert_int_equal(strlen(buf.data), len + 1);
		assert_int_equal(buf.data[len], '7');
		isb_buf_done(&buf);
	}
}

static void numbers_are_big_endian(void **state)
{
	struct isb_buf buf = {0};
	(void)state;
	isb_buf_u16(&buf, 0xff01);
	isb_buf_u32(&buf, 0x80000002);
	isb_buf_u64(&buf, 0x8000000000000003);
	assert_int_equal(buf.len, 14);
	assert_memory_equal(buf.data, "\xff\x01\x80\0\0\x02\x80\0\0\0\0\0\0\x03", 14);
	isb_buf_done(&buf);
}

static void octets_of_any_value_are_kept(void **state)
{
	struct isb_buf buf = {0};
	(void)state;
	isb_buf_add(&buf, "a\0b\xff", 4);
	isb_buf_puts(&buf, "c");
	assert_int_equal(buf.len, 5);
	assert_memory_equal(buf.data, "a\0b\xff" "c", 6);
	isb_buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_all_zero_buffer_is_an_empty_text),
		cmocka_unit_test(there_is_always_a_nul_behind_the_end),
		cmocka_unit_test(printf_fits_whatever_the_length),
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(octets_of_any_value_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
