/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "server/dnstap.h"

/* The stream through the library's thread. The other end of a socket is in tests/e2e/test_querylog.py. */

struct world {
	char dir[64], path[80], old[80], moved[80], target[96];
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	strcpy(world->dir, "/tmp/isobar-dnstap-XXXXXX");
	if (!mkdtemp(world->dir))
		return -1;
	snprintf(world->path, sizeof(world->path), "%s/tap", world->dir);
	snprintf(world->old, sizeof(world->old), "%s/tap.old", world->dir);
	snprintf(world->moved, sizeof(world->moved), "%s/tap.1", world->dir);
	snprintf(world->target, sizeof(world->target), "file:%s", world->path);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	unlink(world->path);
	unlink(world->old);
	unlink(world->moved);
	int rc = rmdir(world->dir);
	free(world);
	return rc;
}

static struct isb_dnstap *open_tap(const char *target, unsigned workers)
{
	struct isb_diags diags = {0};
	struct isb_dnstap *dnstap = NULL;
	assert_int_equal(isb_dnstap_new(target, "icn-1", workers, &diags, &dnstap), ISB_OK);
	isb_diags_done(&diags);
	return dnstap;
}

static bool add(struct isb_dnstap *dnstap, unsigned worker, size_t len)
{
	static const uint8_t zeros[65535];
	static const struct isb_client client = {.addr = {.family = 4}, .proto = ISB_TCP};
	struct isb_dnstap_event event = {
		.client = &client, .query = zeros, .query_len = len, .response = zeros, .response_len = len};
	return isb_dnstap_add(dnstap, worker, &event);
}

/* It is opened on the thread. */
static bool until_added(struct isb_dnstap *dnstap, size_t len)
{
	for (int i = 0; i < 500; i++) {
		if (add(dnstap, 0, len))
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

enum { ACCEPTS_START = 2, STOP = 3 };

static uint32_t take_u32(FILE *file)
{
	uint8_t octets[4];
	assert_int_equal(fread(octets, 1, 4, file), 4);
	return isb_get_u32(octets);
}

/* Events in a whole stream: START, frames, STOP and nothing behind it. *ret_octets of all of them. */
static unsigned count_events(const char *path, size_t *ret_octets)
{
	FILE *file = fopen(path, "r");
	unsigned count = 0;
	assert_non_null(file);
	assert_int_equal(take_u32(file), 0);
	uint32_t len = take_u32(file);
	assert_int_equal(take_u32(file), ACCEPTS_START);
	fseek(file, (long)len - 4, SEEK_CUR);
	*ret_octets = 0;
	while ((len = take_u32(file)) != 0) {
		uint8_t head[7];
		assert_int_equal(fread(head, 1, sizeof(head), file), sizeof(head));
		assert_memory_equal(head, "\x0a\x05icn-1", sizeof(head));
		fseek(file, (long)len - (long)sizeof(head), SEEK_CUR);
		*ret_octets += len;
		count++;
	}
	assert_int_equal(take_u32(file), 4);
	assert_int_equal(take_u32(file), STOP);
	assert_int_equal(fgetc(file), EOF);
	fclose(file);
	return count;
}

static void every_worker_has_a_queue_and_all_of_it_is_written_at_the_end(void **state)
{
	struct world *world = *state;
	struct isb_dnstap *dnstap = open_tap(world->target, 3);
	size_t octets;
	assert_true(until_added(dnstap, 10));
	for (unsigned i = 0; i < 299; i++)
		assert_true(add(dnstap, i % 3, 10));
	isb_dnstap_free(dnstap);
	assert_int_equal(count_events(world->path, &octets), 300);
}

static void large_events_go_round_the_ring(void **state)
{
	struct world *world = *state;
	struct isb_dnstap *dnstap = open_tap(world->target, 1);
	enum { EVENTS = 600, LEN = 12000 }; /* 14 MB, more than the ring holds: what is written makes room */
	size_t octets;
	unsigned added = 1;
	assert_true(until_added(dnstap, LEN));
	for (int i = 0; i < 5000 && added < EVENTS; i++) {
		if (add(dnstap, 0, LEN))
			added++;
		else
			poll(NULL, 0, 1);
	}
	isb_dnstap_free(dnstap);
	assert_int_equal(added, EVENTS);
	assert_int_equal(count_events(world->path, &octets), EVENTS);
	assert_true(octets > (size_t)EVENTS * 2 * LEN);
}

static void more_than_there_is_room_for_is_refused_not_waited_for(void **state)
{
	struct world *world = *state;
	struct isb_dnstap *dnstap = open_tap(world->target, 1);
	size_t octets;
	unsigned added = 1, refused = 0;
	assert_true(until_added(dnstap, 65535));
	for (unsigned i = 0; i < 64; i++) { /* 8 MiB at once */
		bool ok = add(dnstap, 0, 65535);
		added += ok;
		refused += !ok;
	}
	assert_true(refused > 0);
	isb_dnstap_free(dnstap);
	assert_int_equal(count_events(world->path, &octets), added);
}

static void a_moved_file_ends_whole_and_a_new_one_begins(void **state)
{
	struct world *world = *state;
	struct isb_dnstap *dnstap = open_tap(world->target, 1);
	struct stat st = {0};
	size_t octets;
	assert_true(until_added(dnstap, 1000));
	isb_dnstap_reopen(dnstap); /* not moved: goes on */
	for (int i = 0; i < 500 && st.st_size < 1000; i++) {
		poll(NULL, 0, 10);
		stat(world->path, &st);
	}
	assert_int_equal(rename(world->path, world->moved), 0);
	isb_dnstap_reopen(dnstap);
	assert_true(add(dnstap, 0, 10));
	assert_true(add(dnstap, 0, 10));
	isb_dnstap_free(dnstap);
	assert_int_equal(count_events(world->moved, &octets), 1);
	assert_int_equal(count_events(world->path, &octets), 2);
	assert_int_not_equal(access(world->old, F_OK), 0);
}

static void what_was_in_the_file_is_kept_and_an_empty_stream_is_not(void **state)
{
	struct world *world = *state;
	size_t octets;
	for (unsigned events = 1; events <= 2; events++) {
		struct isb_dnstap *dnstap = open_tap(world->target, 1);
		assert_true(until_added(dnstap, 10));
		if (events == 2)
			assert_true(add(dnstap, 0, 10));
		isb_dnstap_free(dnstap);
	}
	assert_int_equal(count_events(world->old, &octets), 1);
	assert_int_equal(count_events(world->path, &octets), 2);
	isb_dnstap_free(open_tap(world->target, 1)); /* takes nothing: .old holds two now */
	isb_dnstap_free(open_tap(world->target, 1));
	assert_int_equal(count_events(world->old, &octets), 2);
	assert_int_equal(count_events(world->path, &octets), 0);
}

static void without_a_reader_nothing_is_taken_and_nobody_waits(void **state)
{
	struct world *world = *state;
	struct isb_dnstap *dnstap = open_tap(world->path, 2);
	for (unsigned i = 0; i < 1000; i++)
		assert_false(add(dnstap, i % 2, 100));
	assert_int_equal(isb_dnstap_lost(dnstap, 0), 0);
	isb_dnstap_free(dnstap);
}

static void a_file_that_cannot_be_written_is_said_with_its_name(void **state)
{
	struct world *world = *state;
	struct isb_diags diags = {0};
	struct isb_dnstap *dnstap = NULL;
	char target[128], said[256];
	snprintf(target, sizeof(target), "file:%s/no/tap", world->dir);
	assert_int_equal(isb_dnstap_new(target, NULL, 1, &diags, &dnstap), ISB_EIO);
	assert_null(dnstap);
	snprintf(said, sizeof(said), "cannot write dnstap to '%s/no/tap': No such file or directory", world->dir);
	assert_string_equal(diags.list[0].text, said);
	isb_diags_done(&diags);
	diags = (struct isb_diags){0};
	assert_int_equal(isb_dnstap_new("file:/dev/null", NULL, 1, &diags, &dnstap), ISB_EIO);
	assert_string_equal(diags.list[0].text, "cannot write dnstap to '/dev/null': not a regular file");
	isb_diags_done(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_worker_has_a_queue_and_all_of_it_is_written_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(large_events_go_round_the_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_there_is_room_for_is_refused_not_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_moved_file_ends_whole_and_a_new_one_begins, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_in_the_file_is_kept_and_an_empty_stream_is_not, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_reader_nothing_is_taken_and_nobody_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_written_is_said_with_its_name, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
