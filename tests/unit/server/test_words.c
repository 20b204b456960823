/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "isobar/base/err.h"
#include "server/words.h"

/* A store of three chunks, the middle one never written, that can be told to fail; in the place of the real one. */
static uint64_t stored[3][ISB_CHUNK_WORDS];
static const uint64_t *chunks[3] = {stored[0], NULL, stored[2]};
static uint64_t txn_id;
static int64_t clock_ms;
static uint32_t nchunk;
static int failure;
static int64_t turned[3][ISB_CHUNK_WORDS];
static const int64_t *since[3] = {turned[0], NULL, NULL};
static const uint32_t seen[ISB_CHUNK_PACES] = {[5] = 2000}, *const paces[] = {seen};
static const struct isb_pace_table pace = {paces, 1};
static struct isb_view view;

int isb_health_reader_new(struct isb_store *store, struct isb_health_reader **ret_reader)
{
	(void)store;
	if (failure)
		return failure;
	*ret_reader = (struct isb_health_reader *)(void *)stored;
	return ISB_OK;
}

void isb_health_reader_free(struct isb_health_reader *reader)
{
	assert_ptr_equal(reader, stored);
}

int isb_health_reader_begin(struct isb_health_reader *reader, struct isb_health_table *ret_table)
{
	(void)reader;
	*ret_table = failure ? (struct isb_health_table){0} : (struct isb_health_table){.chunk = chunks, .chunks = nchunk, .since = since};
	return failure;
}

int isb_health_reader_paces(struct isb_health_reader *reader, const char *const *regions, uint32_t count,
                            struct isb_health_table *table)
{
	(void)reader;
	assert_int_equal(count, 1);
	assert_string_equal(regions[0], "seoul");
	table->pace = &pace;
	table->npace = 1;
	return ISB_OK;
}

void isb_health_reader_end(struct isb_health_reader *reader)
{
	(void)reader;
}

uint64_t isb_health_reader_txn_id(const struct isb_health_reader *reader)
{
	(void)reader;
	return txn_id;
}

static void commit(uint32_t slot, uint64_t word)
{
	stored[slot / ISB_CHUNK_WORDS][slot % ISB_CHUNK_WORDS] = word;
	txn_id++;
}

static struct isb_words *new_words(void)
{
	struct isb_words *words;
	failure = ISB_OK;
	nchunk = 3;
	commit(5, 55);
	commit(700, 77);
	assert_int_equal(isb_words_new(NULL, &words), ISB_OK);
	return words;
}

static void words_are_read_in_place(void **state)
{
	(void)state;
	struct isb_words *words = new_words();
	struct isb_health_table table;
	assert_int_equal(isb_words_begin(words, &view, clock_ms += ISB_WORDS_COPY_MS, &table), ISB_OK);
	assert_ptr_equal(table.chunk, chunks);
	assert_int_equal(table.npace, 0);
	isb_words_end(words);
	isb_words_free(words);
}

static void paces_come_with_a_view_that_asks_for_them(void **state)
{
	(void)state;
	struct isb_words *words = new_words();
	struct isb_health_table table;
	static const char *const regions[] = {"seoul"};
	view.viewpoints = regions;
	view.nviewpoint = 1;
	assert_int_equal(isb_words_begin(words, &view, clock_ms += ISB_WORDS_COPY_MS, &table), ISB_OK);
	assert_int_equal(table.npace, 1);
	assert_int_equal(isb_pace_us(&table.pace[0], 5), 2000);
	isb_words_end(words);
	failure = ISB_EIO;
	assert_int_equal(isb_words_begin(words, &view, clock_ms += ISB_WORDS_COPY_MS, &table), ISB_EIO);
	assert_int_equal(table.npace, 0);
	isb_words_end(words);
	view = (struct isb_view){0};
	isb_words_free(words);
}

static void when_the_store_cannot_be_read_the_last_words_stand(void **state)
{
	(void)state;
	struct isb_words *words = new_words();
	struct isb_health_table table;
	assert_int_equal(isb_words_begin(words, &view, clock_ms += ISB_WORDS_COPY_MS, &table), ISB_OK);
	isb_words_end(words);
	commit(5, 56);
	turned[0][5] = 1000;
	assert_int_equal(isb_words_begin(words, &view, clock_ms += ISB_WORDS_COPY_MS, &table), ISB_OK);
	isb_words_end(words);
	failure = ISB_EFORMAT;
	commit(5, 57); /* never seen */
	turned[0][5] = 2000;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(isb_words_begin(words, &view, clock_ms += ISB_WORDS_COPY_MS, &table), ISB_EFORMAT);
		assert_int_equal(isb_health_word(&table, 5), 56);
		assert_int_equal(isb_health_since_ms(&table, 5), 1000);
		assert_int_equal(isb_health_since_ms(&table, 300), 0);
		assert_int_equal(isb_health_since_ms(&table, 700), 0);
		assert_int_equal(isb_health_word(&table, 300), 0);
		assert_int_equal(isb_health_word(&table, 700), 77);
		assert_int_equal(isb_health_word(&table, 100000), 0);
		isb_words_end(words);
	}
	failure = ISB_OK;
	assert_int_equal(isb_words_begin(words, &view, clock_ms += ISB_WORDS_COPY_MS, &table), ISB_OK);
	assert_int_equal(isb_health_word(&table, 5), 57);
	isb_words_end(words);
	isb_words_free(words);
}

static void words_that_change_all_the_time_are_copied_now_and_then(void **state)
{
	(void)state;
	struct isb_words *words = new_words();
	struct isb_health_table table;
	static const struct {
		int64_t wait_ms;
		uint64_t copied; /* of words 100, 101 … */
	} at[] = {{ISB_WORDS_COPY_MS, 100}, {0, 100}, {ISB_WORDS_COPY_MS - 1, 100}, {1, 103}, {1, 103}, {-5000, 105}};
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		commit(5, 100 + i);
		clock_ms += at[i].wait_ms;
		assert_int_equal(isb_words_begin(words, &view, clock_ms, &table), ISB_OK);
		assert_int_equal(isb_health_word(&table, 5), 100 + i); /* what is answered from is never old */
		isb_words_end(words);
		failure = ISB_EIO;
		assert_int_equal(isb_words_begin(words, &view, clock_ms, &table), ISB_EIO);
		assert_int_equal(isb_health_word(&table, 5), at[i].copied);
		isb_words_end(words);
		failure = ISB_OK;
	}
	isb_words_free(words);
}

static void the_copy_grows_with_the_table(void **state)
{
	(void)state;
	struct isb_words *words = new_words();
	struct isb_health_table table;
	for (nchunk = 0; nchunk <= 3; nchunk++) {
		txn_id++;
		assert_int_equal(isb_words_begin(words, &view, clock_ms += ISB_WORDS_COPY_MS, &table), ISB_OK);
		isb_words_end(words);
		failure = ISB_EIO;
		assert_int_equal(isb_words_begin(words, &view, clock_ms += ISB_WORDS_COPY_MS, &table), ISB_EIO);
		assert_int_equal(isb_health_word(&table, 700), nchunk == 3 ? 77 : 0);
		isb_words_end(words);
		failure = ISB_OK;
	}
	isb_words_free(words);
}

static void a_store_that_fails_before_anything_was_read_gives_no_words(void **state)
{
	(void)state;
	struct isb_words *words = new_words();
	struct isb_health_table table;
	failure = ISB_EIO;
	assert_int_equal(isb_words_begin(words, &view, clock_ms += ISB_WORDS_COPY_MS, &table), ISB_EIO);
	assert_int_equal(isb_health_word(&table, 5), 0);
	isb_words_end(words);
	isb_words_free(words);
	struct isb_words *none = NULL;
	assert_int_equal(isb_words_new(NULL, &none), ISB_EIO);
	assert_null(none);
	isb_words_free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read_in_place),
		cmocka_unit_test(paces_come_with_a_view_that_asks_for_them),
		cmocka_unit_test(when_the_store_cannot_be_read_the_last_words_stand),
		cmocka_unit_test(words_that_change_all_the_time_are_copied_now_and_then),
		cmocka_unit_test(the_copy_grows_with_the_table),
		cmocka_unit_test(a_store_that_fails_before_anything_was_read_gives_no_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
