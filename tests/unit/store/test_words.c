/* SPDX-License-Identifier: Apache-2.0 */
#include "store_test.h"

#include "isobar/store/healthdb.h"

/* The probe's view of a store that a catalog writer made before. */
static struct isb_store *open_as_probe(const char *dir)
{
	isb_store_close(open_store(dir, ISB_STORE_WRITE_CATALOG));
	return open_store(dir, ISB_STORE_WRITE_HEALTH);
}

static void commit(struct isb_txn *txn)
{
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
}

static void put_word(struct isb_store *store, uint32_t slot, uint64_t word)
{
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	assert_int_equal(isb_word_put(txn, slot, word), ISB_OK);
	commit(txn);
}

static void words_never_written_read_as_zero(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_health_reader *reader;
	struct isb_health_table table;
	assert_int_equal(isb_health_reader_new(store, &reader), ISB_OK);
	assert_int_equal(isb_health_reader_begin(reader, &table), ISB_OK);
	assert_int_equal(isb_health_word(&table, 0), 0);
	assert_int_equal(isb_health_word(&table, UINT32_MAX), 0);
	isb_health_reader_end(reader);

	put_word(store, 3 * ISB_CHUNK_WORDS + 5, 77);
	assert_int_equal(isb_health_reader_begin(reader, &table), ISB_OK);
	assert_int_equal(table.chunks, 4);
	assert_null(table.chunk[0]);
	assert_int_equal(isb_health_word(&table, 5), 0);
	assert_int_equal(isb_health_word(&table, 3 * ISB_CHUNK_WORDS + 5), 77);
	assert_int_equal(isb_health_word(&table, 3 * ISB_CHUNK_WORDS + 6), 0);
	assert_int_equal(isb_health_word(&table, 4 * ISB_CHUNK_WORDS), 0);
	isb_health_reader_free(reader); /* also between begin and end */
	isb_health_reader_free(NULL);
	isb_store_close(store);
}

static void a_word_is_read_back_and_its_neighbours_stay(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	static const uint32_t slots[] = {0, 1, 255, 256, 1000, 100000};
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	uint64_t word = 1;
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(isb_word_put(txn, slots[i], 0x8000000000000000u + i), ISB_OK);
	assert_int_equal(isb_word_put(txn, 1, 42), ISB_OK);
	commit(txn);
	txn = begin(store, ISB_ENV_HEALTH, false);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(isb_word_get(txn, slots[i], &word), ISB_OK);
		assert_int_equal(word, i == 1 ? 42 : 0x8000000000000000u + i);
	}
	assert_int_equal(isb_word_get(txn, 2, &word), ISB_OK);
	assert_int_equal(word, 0);
	assert_int_equal(isb_word_get(txn, UINT32_MAX, &word), ISB_OK);
	assert_int_equal(word, 0);
	isb_txn_abort(txn);
	isb_store_close(store);
}

static void a_batch_sees_one_snapshot_and_the_next_one_the_newest(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_health_reader *reader;
	struct isb_health_table table, again;
	put_word(store, 7, 1);
	assert_int_equal(isb_health_reader_new(store, &reader), ISB_OK);
	assert_int_equal(isb_health_reader_begin(reader, &table), ISB_OK);
	uint64_t id = isb_health_reader_txn_id(reader);
	assert_int_equal(id, isb_store_last_txn_id(store, ISB_ENV_HEALTH));
	put_word(store, 7, 2);
	assert_int_equal(isb_health_word(&table, 7), 1);
	isb_health_reader_end(reader);

	assert_int_equal(isb_health_reader_begin(reader, &table), ISB_OK);
	assert_int_equal(isb_health_word(&table, 7), 2);
	assert_int_equal(isb_health_reader_txn_id(reader), id + 1);
	assert_int_equal((uintptr_t)table.chunk[0] % 8, 0);
	isb_health_reader_end(reader);
	isb_health_reader_end(reader); /* harmless */

	assert_int_equal(isb_health_reader_begin(reader, &again), ISB_OK); /* nothing moved: the same pointers */
	assert_ptr_equal(again.chunk[0], table.chunk[0]);
	assert_int_equal(isb_health_reader_txn_id(reader), id + 1);
	isb_health_reader_free(reader);
	isb_store_close(store);
}

static void words_survive_a_restart(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	put_word(store, 7, 42);
	assert_int_equal(isb_health_sync(store), ISB_OK);
	isb_store_close(store);
	store = open_store(*state, ISB_STORE_READ);
	struct isb_health_reader *reader;
	struct isb_health_table table;
	assert_int_equal(isb_health_reader_new(store, &reader), ISB_OK);
	assert_int_equal(isb_health_reader_begin(reader, &table), ISB_OK);
	assert_int_equal(isb_health_word(&table, 7), 42);
	isb_health_reader_free(reader);
	isb_store_close(store);
}

static void only_the_probe_may_write_words(void **state)
{
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	struct isb_store *store = open_store(*state, ISB_STORE_READ);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, false);
	assert_int_equal(isb_word_put(txn, 0, 1), ISB_EREADONLY);
	isb_txn_abort(txn);
	isb_store_close(store);
}

static void malformed_chunks_give_an_empty_table_until_they_are_gone(void **state)
{
	static char octets[2056];
	static const struct isb_slice rows[][2] = {
		{{"\0\0\0\1", 4}, {octets, 2047}},
		{{"\0\0\0\1", 4}, {octets, 2056}},
		{{"\1\0\0\0", 4}, {octets, 2048}}, /* beyond all slots */
		{{"\0\0\1", 3}, {octets, 2048}},
	};
	struct isb_store *store = open_as_probe(*state);
	struct isb_health_reader *reader;
	put_word(store, 7, 42);
	assert_int_equal(isb_health_reader_new(store, &reader), ISB_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct isb_health_table table = {.chunks = 9};
		struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
		assert_int_equal(isb_row_put(txn, ISB_T_WORD, rows[i][0], rows[i][1]), ISB_OK);
		commit(txn);
		for (unsigned twice = 0; twice < 2; twice++) {
			assert_int_equal(isb_health_reader_begin(reader, &table), ISB_EFORMAT);
			assert_int_equal(table.chunks, 0);
			assert_int_equal(isb_health_word(&table, 7), 0);
		}
		txn = begin(store, ISB_ENV_HEALTH, true);
		assert_int_equal(isb_row_delete(txn, ISB_T_WORD, rows[i][0]), ISB_OK);
		commit(txn);
		assert_int_equal(isb_health_reader_begin(reader, &table), ISB_OK);
		assert_int_equal(isb_health_word(&table, 7), 42);
		isb_health_reader_end(reader);
	}
	isb_health_reader_free(reader);
	isb_store_close(store);
}

static void a_malformed_chunk_is_not_written_over(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	uint64_t word = 5;
	assert_int_equal(isb_row_put(txn, ISB_T_WORD, (struct isb_slice){"\0\0\0\0", 4}, text("short")), ISB_OK);
	assert_int_equal(isb_word_get(txn, 0, &word), ISB_EFORMAT);
	assert_int_equal(isb_word_put(txn, 0, 1), ISB_EFORMAT);
	assert_int_equal(word, 5);
	isb_txn_abort(txn);
	isb_store_close(store);
}

static void since_stands_beside_the_word_and_is_zero_where_nothing_turned(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_health_reader *reader;
	struct isb_health_table table;
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	int64_t since_ms = 1;
	assert_int_equal(isb_word_put(txn, 3, 77), ISB_OK);
	assert_int_equal(isb_word_put(txn, 600, 78), ISB_OK);
	assert_int_equal(isb_since_put(txn, 3, 1763726400000), ISB_OK);
	assert_int_equal(isb_since_get(txn, 3, &since_ms), ISB_OK);
	assert_int_equal(since_ms, 1763726400000);
	assert_int_equal(isb_since_get(txn, 600, &since_ms), ISB_OK);
	assert_int_equal(since_ms, 0);
	commit(txn);
	assert_int_equal(isb_health_reader_new(store, &reader), ISB_OK);
	assert_int_equal(isb_health_reader_begin(reader, &table), ISB_OK);
	assert_int_equal(isb_health_since_ms(&table, 3), 1763726400000);
	assert_int_equal(isb_health_since_ms(&table, 4), 0);
	assert_int_equal(isb_health_since_ms(&table, 600), 0); /* its word has a chunk, its since has none */
	assert_int_equal(isb_health_since_ms(&table, UINT32_MAX), 0);
	isb_health_reader_free(reader);
	isb_store_close(store);
}

static void put_pace(struct isb_store *store, const char *region, uint32_t slot, uint32_t us)
{
	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, true);
	assert_int_equal(isb_pace_put(txn, region, slot, us), ISB_OK);
	commit(txn);
}

static void paces_are_read_region_by_region_in_the_order_asked_for(void **state)
{
	struct isb_store *store = open_as_probe(*state);
	struct isb_health_reader *reader;
	struct isb_health_table table;
	static const char *const two[] = {"virginia", "seoul"}, *const other[] = {"seoul", "nowhere"};
	uint32_t us = 1;
	put_pace(store, "seoul", 5, 2000);
	put_pace(store, "seoul", 1000, 3000);
	put_pace(store, "virginia", 5, 180000);
	put_pace(store, "seoul2", 5, 1); /* begins alike, is another */
	assert_int_equal(isb_health_reader_new(store, &reader), ISB_OK);
	assert_int_equal(isb_health_reader_begin(reader, &table), ISB_OK);
	assert_int_equal(table.npace, 0);
	assert_int_equal(isb_health_reader_paces(reader, two, 2, &table), ISB_OK);
	assert_int_equal(table.npace, 2);
	assert_int_equal(isb_pace_us(&table.pace[0], 5), 180000);
	assert_int_equal(isb_pace_us(&table.pace[1], 5), 2000);
	assert_int_equal(isb_pace_us(&table.pace[1], 1000), 3000);
	assert_int_equal(isb_pace_us(&table.pace[1], 6), 0);
	assert_int_equal(isb_pace_us(&table.pace[0], 1000), 0);
	isb_health_reader_end(reader);

	put_pace(store, "virginia", 5, 170000); /* a new snapshot is looked up again */
	assert_int_equal(isb_health_reader_begin(reader, &table), ISB_OK);
	assert_int_equal(isb_health_reader_paces(reader, two, 2, &table), ISB_OK);
	assert_int_equal(isb_pace_us(&table.pace[0], 5), 170000);
	assert_int_equal(isb_health_reader_paces(reader, other, 2, &table), ISB_OK); /* so is another view's list */
	assert_int_equal(isb_pace_us(&table.pace[0], 5), 2000);
	assert_int_equal(isb_pace_us(&table.pace[1], 5), 0);
	isb_health_reader_free(reader);

	struct isb_txn *txn = begin(store, ISB_ENV_HEALTH, false);
	assert_int_equal(isb_pace_get(txn, "seoul", 1000, &us), ISB_OK);
	assert_int_equal(us, 3000);
	assert_int_equal(isb_pace_get(txn, "nowhere", 1000, &us), ISB_OK);
	assert_int_equal(us, 0);
	isb_txn_abort(txn);
	isb_store_close(store);
}

/* --- One writer at full speed, one reader --- */

enum { ROUNDS = 40, COMMITS = 50 };
static const uint32_t stride = 61, spread = 32; /* 32 slots over 8 chunks, all with the number of their commit */

struct writer {
	const char *dir;
	int go; /* one octet per round */
};

static int write_numbers(void *arg)
{
	const struct writer *writer = arg;
	struct isb_store *store;
	uint8_t octet;
	uint64_t number = 0;
	if (isb_store_open(writer->dir, ISB_STORE_WRITE_HEALTH, &store, NULL) != ISB_OK)
		return 1;
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (read(writer->go, &octet, 1) != 1)
			return 2;
		for (unsigned i = 0; i < COMMITS; i++) {
			struct isb_txn *txn;
			if (isb_txn_begin(store, ISB_ENV_HEALTH, true, &txn) != ISB_OK)
				return 3;
			number++;
			for (uint32_t s = 0; s < spread; s++)
				if (isb_word_put(txn, s * stride, number) != ISB_OK)
					return 4;
			if (isb_txn_commit(txn) != ISB_OK)
				return 5;
		}
	}
	isb_store_close(store);
	return 0;
}

/* Every word of a snapshot must hold the same number; returns it. */
static uint64_t read_number(struct isb_health_reader *reader, uint64_t *ret_id)
{
	struct isb_health_table table;
	assert_int_equal(isb_health_reader_begin(reader, &table), ISB_OK);
	uint64_t number = isb_health_word(&table, 0);
	for (unsigned again = 0; again < 3; again++) /* and must not change under the reader */
		for (uint32_t s = 0; s < spread; s++)
			if (isb_health_word(&table, s * stride) != number)
				fail_msg("word %u of snapshot %llu is torn", s, (unsigned long long)number);
	*ret_id = isb_health_reader_txn_id(reader);
	isb_health_reader_end(reader);
	return number;
}

static void a_reader_beside_a_writer_at_full_speed_sees_whole_snapshots(void **state)
{
	int ends[2];
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	assert_int_equal(pipe(ends), 0);
	struct writer writer = {*state, ends[0]};
	pid_t pid = spawn(write_numbers, &writer);
	struct isb_store *store = open_store(*state, ISB_STORE_READ);
	struct isb_health_reader *reader;
	assert_int_equal(isb_health_reader_new(store, &reader), ISB_OK);
	uint64_t last = 0, last_id = 0, snapshots = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		assert_int_equal(write(ends[1], "", 1), 1);
		while (last < (uint64_t)(round + 1) * COMMITS) {
			uint64_t id, number = read_number(reader, &id);
			assert_true(number >= last && id >= last_id);
			assert_true((number == last) == (id == last_id) || last_id == 0);
			snapshots += number != last;
			last = number;
			last_id = id;
		}
	}
	assert_int_equal(exit_code(pid), 0);
	assert_true(snapshots >= ROUNDS);
	close(ends[0]);
	close(ends[1]);
	isb_health_reader_free(reader);
	isb_store_close(store);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(words_never_written_read_as_zero),
		T(a_word_is_read_back_and_its_neighbours_stay),
		T(a_batch_sees_one_snapshot_and_the_next_one_the_newest),
		T(words_survive_a_restart),
		T(only_the_probe_may_write_words),
		T(malformed_chunks_give_an_empty_table_until_they_are_gone),
		T(a_malformed_chunk_is_not_written_over),
		T(since_stands_beside_the_word_and_is_zero_where_nothing_turned),
		T(paces_are_read_region_by_region_in_the_order_asked_for),
		T(a_reader_beside_a_writer_at_full_speed_sees_whole_snapshots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
