/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/wire.h"
#include "server/frames.h"

/* The first octet of every message is its number. */
struct taken {
	size_t count, room; /* room: messages that may still be taken */
	size_t last_len;
	uint8_t numbers[64];
};

static bool take(void *arg, const uint8_t *message, size_t len)
{
	struct taken *t = arg;
	if (!t->room)
		return false;
	t->room--;
	t->numbers[t->count++ % sizeof(t->numbers)] = message[0];
	t->last_len = len;
	return true;
}

static size_t frame(uint8_t *out, size_t n, uint8_t number)
{
	memset(out, 0, ISB_FRAME_PREFIX + n);
	isb_put_u16(out, (uint16_t)n);
	if (n)
		out[ISB_FRAME_PREFIX] = number;
	return ISB_FRAME_PREFIX + n;
}

static void assert_numbers(const struct taken *t, size_t count)
{
	assert_int_equal(t->count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(t->numbers[i], i);
}

static void all_whole_messages_of_one_piece_are_handed_over(void **state)
{
	(void)state;
	uint8_t data[256];
	struct isb_frames frames = {0};
	struct taken t = {.room = 9};
	size_t len = frame(data, 12, 0);
	len += frame(data + len, 20, 1);
	len += frame(data + len, 13, 2);
	assert_int_equal(isb_frames_feed(&frames, data, len, take, &t), ISB_FRAMES_MORE);
	assert_numbers(&t, 3);
	assert_null(frames.held);
}

static void messages_cut_anywhere_come_out_whole(void **state)
{
	(void)state;
	uint8_t data[256];
	size_t len = frame(data, 12, 0);
	len += frame(data + len, 20, 1);
	for (size_t cut = 0; cut <= len; cut++) {
		struct isb_frames frames = {0};
		struct taken t = {.room = 9};
		assert_int_equal(isb_frames_feed(&frames, data, cut, take, &t), ISB_FRAMES_MORE);
		assert_numbers(&t, cut >= len ? 2 : cut >= 14);
		assert_int_equal(frames.len, cut < 14 ? cut : cut < len ? cut - 14 : 0);
		assert_int_equal(isb_frames_feed(&frames, data + cut, len - cut, take, &t), ISB_FRAMES_MORE);
		assert_numbers(&t, 2);
		assert_null(frames.held);
	}
}

static void the_largest_message_may_come_octet_by_octet(void **state)
{
	(void)state;
	uint8_t *data = malloc(ISB_FRAME_PREFIX + ISB_MESSAGE_MAX);
	struct isb_frames frames = {0};
	struct taken t = {.room = 9};
	size_t len = frame(data, ISB_MESSAGE_MAX, 0);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(t.count, 0);
		assert_int_equal(frames.len, i);
		assert_int_equal(isb_frames_feed(&frames, data + i, 1, take, &t), ISB_FRAMES_MORE);
	}
	assert_numbers(&t, 1);
	assert_int_equal(t.last_len, ISB_MESSAGE_MAX);
	assert_null(frames.held);
	free(data);
}

static void what_is_not_taken_waits_in_its_order(void **state)
{
	(void)state;
	uint8_t data[256];
	struct isb_frames frames = {0};
	struct taken t = {.room = 1};
	size_t len = 0;
	for (uint8_t i = 0; i < 5; i++)
		len += frame(data + len, 12, i);
	assert_int_equal(isb_frames_feed(&frames, data, len - 3, take, &t), ISB_FRAMES_WAIT);
	assert_numbers(&t, 1);
	assert_int_equal(isb_frames_feed(&frames, NULL, 0, take, &t), ISB_FRAMES_WAIT);
	assert_int_equal(frames.len, len - 3 - 14);
	t.room = 2;
	assert_int_equal(isb_frames_feed(&frames, data + len - 3, 3, take, &t), ISB_FRAMES_WAIT); /* more may come meanwhile */
	assert_numbers(&t, 3);
	t.room = 2;
	assert_int_equal(isb_frames_feed(&frames, NULL, 0, take, &t), ISB_FRAMES_MORE);
	assert_numbers(&t, 5);
	assert_null(frames.held);
}

static void a_length_below_a_header_ends_it_after_what_stands_before(void **state)
{
	(void)state;
	for (size_t n = 0; n < ISB_MESSAGE_MIN; n++) {
		uint8_t data[64];
		struct isb_frames frames = {0};
		struct taken t = {.room = 9};
		size_t len = frame(data, 12, 0);
		frame(data + len, n, 1);
		len += ISB_FRAME_PREFIX; /* the length alone says it */
		assert_int_equal(isb_frames_feed(&frames, data, 5, take, &t), ISB_FRAMES_MORE);
		assert_int_equal(isb_frames_feed(&frames, data + 5, len - 5, take, &t), ISB_FRAMES_MALFORMED);
		assert_numbers(&t, 1);
		assert_null(frames.held);
		assert_int_equal(frames.len, 0);
	}
}

static void an_announced_length_takes_no_memory(void **state)
{
	(void)state;
	static const uint8_t start[] = {0xff, 0xff, 1};
	struct isb_frames frames = {0};
	struct taken t = {.room = 9};
	assert_int_equal(isb_frames_feed(&frames, start, sizeof(start), take, &t), ISB_FRAMES_MORE);
	assert_int_equal(frames.len, sizeof(start));
	isb_frames_done(&frames);
	assert_null(frames.held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_whole_messages_of_one_piece_are_handed_over),
		cmocka_unit_test(messages_cut_anywhere_come_out_whole),
		cmocka_unit_test(the_largest_message_may_come_octet_by_octet),
		cmocka_unit_test(what_is_not_taken_waits_in_its_order),
		cmocka_unit_test(a_length_below_a_header_ends_it_after_what_stands_before),
		cmocka_unit_test(an_announced_length_takes_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
