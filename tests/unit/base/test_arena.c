/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"

static void pieces_are_aligned_zeroed_and_apart(void **state)
{
	struct isb_arena arena = {0};
	static const size_t sizes[] = {1, 15, 16, 17, 0, 3, 16384, 16385, 40000, 65536, 65537, 200000, 8};
	unsigned char *piece[sizeof(sizes) / sizeof(sizes[0])];
	enum { N = sizeof(sizes) / sizeof(sizes[0]) };
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < N; i++) {
			piece[i] = isb_arena_alloc(&arena, sizes[i]);
			assert_non_null(piece[i]);
			assert_int_equal((uintptr_t)piece[i] % 16, 0);
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(piece[i][k], 0);
			memset(piece[i], (int)i + 1, sizes[i]);
		}
		for (size_t i = 0; i < N; i++)
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(piece[i][k], i + 1);
	}
	isb_arena_done(&arena);
	assert_int_equal(arena.used, 0);
}

static void an_arena_is_usable_again_after_done(void **state)
{
	struct isb_arena arena;
	(void)state;
	isb_arena_init(&arena);
	isb_arena_done(&arena);
	memset(isb_arena_alloc(&arena, 100), 0xff, 100);
	isb_arena_done(&arena);
	const char *fresh = isb_arena_alloc(&arena, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(fresh[i], 0);
	isb_arena_done(&arena);
}

static void a_large_piece_does_not_waste_the_block_in_use(void **state)
{
	struct isb_arena arena = {0};
	(void)state;
	char *a = isb_arena_alloc(&arena, 16);
	isb_arena_alloc(&arena, 1000000);
	assert_ptr_equal(isb_arena_alloc(&arena, 16), a + 16);
	isb_arena_done(&arena);
}

static void grow_copies_what_fits_and_zeroes_the_rest(void **state)
{
	struct isb_arena arena = {0};
	(void)state;
	const char *grown = isb_arena_grow(&arena, "abc", 3, 6);
	assert_memory_equal(grown, "abc\0\0\0", 6);
	assert_memory_equal(isb_arena_grow(&arena, "abcdef", 6, 2), "ab", 2);
	assert_non_null(isb_arena_grow(&arena, NULL, 0, 8));
	assert_non_null(isb_arena_memdup(&arena, NULL, 0));
	isb_arena_done(&arena);
}

static void texts_are_copied_with_their_end(void **state)
{
	struct isb_arena arena = {0};
	char from[] = "seoul", long_text[5001];
	(void)state;
	char *copy = isb_arena_strdup(&arena, from);
	from[0] = 'X';
	assert_string_equal(copy, "seoul");
	assert_string_equal(isb_arena_strndup(&arena, "virginia", 3), "vir");
	assert_string_equal(isb_arena_strndup(&arena, "", 0), "");
	assert_string_equal(isb_arena_printf(&arena, "%s/%d", "asia", 7), "asia/7");
	assert_string_equal(isb_arena_printf(&arena, "%s", ""), "");
	memset(long_text, 'x', 5000);
	long_text[5000] = '\0';
	assert_string_equal(isb_arena_printf(&arena, "%s", long_text), long_text);
	isb_arena_done(&arena);
}

static void nothing_asked_for_is_still_something_to_free(void **state)
{
	(void)state;
	free(isb_xmalloc(0));
	free(isb_xcalloc(0, 8));
	void *p = isb_xrealloc(NULL, 0);
	assert_non_null(p);
	p = isb_xrealloc(p, 10);
	free(p);
	char *text = isb_xstrdup("x");
	assert_string_equal(text, "x");
	free(text);
}

static void what_stands_apart_shares_no_cache_line(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 24, 64, 65, 200};
	uint8_t *at[2 * sizeof(sizes) / sizeof(sizes[0])];
	size_t n = sizeof(at) / sizeof(at[0]);
	for (size_t i = 0; i < n; i++) {
		size_t size = sizes[i / 2];
		at[i] = isb_xcalloc_apart(size);
		assert_int_equal((uintptr_t)at[i] % ISB_CACHE_LINE, 0);
		for (size_t k = 0; k < size; k++)
			assert_int_equal(at[i][k], 0);
		for (size_t j = 0; j < i; j++) /* the lines of one end before the other begins */
			assert_true(at[i] >= at[j] + (sizes[j / 2] + 63) / 64 * 64 ||
			            at[j] >= at[i] + (size + 63) / 64 * 64);
		memset(at[i], 0xff, size); /* the next one must not find it */
	}
	for (size_t i = 0; i < n; i++)
		free(at[i]);
}

static void large_tables_are_zeroed_and_begin_with_a_large_page(void **state)
{
	static const size_t sizes[] = {0, 1, 2 * ISB_PAGE_LARGE - 1, 2 * ISB_PAGE_LARGE, 2 * ISB_PAGE_LARGE + 1, 11 << 20};
	(void)state;
	for (int round = 0; round < 3; round++) /* what was free()d before comes back, and not only from the system */
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			uint8_t *table = isb_xcalloc_large(sizes[i]);
			assert_true(sizes[i] < 2 * ISB_PAGE_LARGE || (uintptr_t)table % ISB_PAGE_LARGE == 0);
			for (size_t k = 0; k < sizes[i]; k += 61)
				assert_int_equal(table[k], 0);
			assert_true(sizes[i] == 0 || table[sizes[i] - 1] == 0);
			memset(table, 0xff, sizes[i]);
			free(table);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_zeroed_and_apart),
		cmocka_unit_test(an_arena_is_usable_again_after_done),
		cmocka_unit_test(a_large_piece_does_not_waste_the_block_in_use),
		cmocka_unit_test(grow_copies_what_fits_and_zeroes_the_rest),
		cmocka_unit_test(texts_are_copied_with_their_end),
		cmocka_unit_test(nothing_asked_for_is_still_something_to_free),
		cmocka_unit_test(what_stands_apart_shares_no_cache_line),
		cmocka_unit_test(large_tables_are_zeroed_and_begin_with_a_large_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
