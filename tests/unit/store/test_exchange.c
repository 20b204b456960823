/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/store/exchange.h"

#define NOW INT64_C(1763726400000)
enum { FRAMES_MAX = 16 };

static const struct isb_exchange_row row = {
	.endpoint = "asia/icn-1",
	.fingerprint = 0x0123456789abcdef,
	.expires_ms = NOW + 17000,
	.history = {.bits = 0xfffffffffffffff8u, .seen = 64, .state = ISB_DOWN, .run = 3, .since_ms = NOW - 9000,
                    .observed_ms = NOW - 500, .latency_us = 21000, .last = {.kind = ISB_OUT_STATUS, .status = 503}},
};

/* What came out of a stream, frame by frame. */
struct taken {
	size_t count;
	enum isb_exchange_type types[FRAMES_MAX];
};

static int take(void *arg, struct isb_slice octets)
{
	struct taken *t = arg;
	struct isb_exchange_frame frame;
	assert_int_equal(isb_exchange_read(octets, &frame), ISB_OK);
	assert_true(t->count < FRAMES_MAX);
	t->types[t->count++] = frame.type;
	return 0;
}

static struct isb_slice only_frame(const struct isb_buf *buf)
{
	assert_int_equal(isb_get_u32((const uint8_t *)buf->data), buf->len - ISB_EXCHANGE_PREFIX);
	return (struct isb_slice){buf->data + ISB_EXCHANGE_PREFIX, buf->len - ISB_EXCHANGE_PREFIX};
}

static struct isb_exchange_frame there_and_back(struct isb_buf *buf, struct isb_exchange_frame frame)
{
	struct isb_exchange_frame back;
	isb_buf_reset(buf);
	isb_exchange_put(buf, &frame);
	assert_int_equal(isb_exchange_read(only_frame(buf), &back), ISB_OK);
	assert_int_equal(back.type, frame.type);
	return back;
}

static void every_frame_comes_back_whole(void **state)
{
	(void)state;
	struct isb_buf buf = {0};
	struct isb_exchange_frame f = {
		.type = ISB_X_HELLO,
		.hello = {ISB_EXCHANGE_VERSION, "seoul-1", "seoul", 0xabcdef0123456789u, NOW - 5000, NOW}};
	f = there_and_back(&buf, f);
	assert_int_equal(f.hello.version, ISB_EXCHANGE_VERSION);
	assert_string_equal(f.hello.name, "seoul-1");
	assert_string_equal(f.hello.region, "seoul");
	assert_true(f.hello.boot == 0xabcdef0123456789u && f.hello.started_ms == NOW - 5000 && f.hello.now_ms == NOW);

	f = there_and_back(&buf, (struct isb_exchange_frame){.type = ISB_X_WELCOME, .welcome = {1, "home"}});
	assert_string_equal(f.welcome.name, "home");
	f = there_and_back(&buf, (struct isb_exchange_frame){.type = ISB_X_REFUSAL, .refusal = {"no"}});
	assert_string_equal(f.refusal.reason, "no");
	f = there_and_back(&buf, (struct isb_exchange_frame){.type = ISB_X_CATALOG, .catalog = {7, 3}});
	assert_true(f.catalog.generation == 7 && f.catalog.objects == 3);
	f = there_and_back(&buf, (struct isb_exchange_frame){.type = ISB_X_OBJECT, .object = {ISB_POOL, "asia", "check: web\n"}});
	assert_int_equal(f.object.kind, ISB_POOL);
	assert_string_equal(f.object.name, "asia");
	assert_string_equal(f.object.body, "check: web\n");
	f = there_and_back(&buf, (struct isb_exchange_frame){.type = ISB_X_READY, .catalog = {.generation = 8}});
	assert_int_equal(f.catalog.generation, 8);
	f = there_and_back(&buf, (struct isb_exchange_frame){.type = ISB_X_RTT, .rtt = {"tokyo", 31000}});
	assert_string_equal(f.rtt.region, "tokyo");
	assert_int_equal(f.rtt.us, 31000);
	f = there_and_back(&buf, (struct isb_exchange_frame){.type = ISB_X_BEAT, .beat = {true, false, 12, 9}});
	assert_true(f.beat.blind && !f.beat.whole && f.beat.checks == 12 && f.beat.generation == 9);
	f = there_and_back(&buf, (struct isb_exchange_frame){.type = ISB_X_BEAT, .beat = {false, true, 0, 0}});
	assert_true(!f.beat.blind && f.beat.whole);
	there_and_back(&buf, (struct isb_exchange_frame){.type = ISB_X_PING});
	isb_buf_done(&buf);
}

static void rows_come_back_whole_and_end(void **state)
{
	(void)state;
	struct isb_buf buf = {0};
	struct isb_exchange_frame frame;
	struct isb_exchange_row back;
	size_t begin = isb_exchange_rows_begin(&buf, ISB_X_ROWS, NOW);
	isb_exchange_row_put(&buf, &row);
	isb_exchange_row_put(&buf, &row);
	isb_exchange_rows_end(&buf, begin);
	assert_int_equal(isb_exchange_read(only_frame(&buf), &frame), ISB_OK);
	assert_true(frame.type == ISB_X_ROWS && frame.rows.now_ms == NOW);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(isb_exchange_row_next(&frame.rows.rows, &back), ISB_OK);
		assert_string_equal(back.endpoint, row.endpoint);
		assert_true(back.fingerprint == row.fingerprint && back.expires_ms == row.expires_ms);
		assert_true(back.history.bits == row.history.bits && back.history.since_ms == row.history.since_ms);
		assert_int_equal(back.history.last.status, 503);
	}
	assert_int_equal(isb_exchange_row_next(&frame.rows.rows, &back), ISB_ENOTFOUND);
	isb_buf_done(&buf);
}

/* Every frame cut short, and one with an octet too many, is malformed; so are numbers that mean nothing. */
static void what_is_not_a_frame_is_refused(void **state)
{
	(void)state;
	static const struct isb_exchange_frame frames[] = {
		{.type = ISB_X_HELLO, .hello = {ISB_EXCHANGE_VERSION, "seoul-1", "", 1, NOW, NOW}},
		{.type = ISB_X_WELCOME, .welcome = {1, "home"}},
		{.type = ISB_X_OBJECT, .object = {ISB_CHECK, "web", "{}\n"}},
		{.type = ISB_X_BEAT, .beat = {false, true, 1, 1}},
		{.type = ISB_X_CATALOG, .catalog = {1, 2}},
		{.type = ISB_X_RTT, .rtt = {"tokyo", 1}},
	};
	struct isb_exchange_frame back;
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct isb_buf buf = {0};
		isb_exchange_put(&buf, &frames[i]);
		struct isb_slice whole = only_frame(&buf);
		for (size_t len = 0; len < whole.len; len++)
			assert_int_equal(isb_exchange_read((struct isb_slice){whole.data, len}, &back), ISB_EFORMAT);
		isb_buf_putc(&buf, 0);
		whole.data = buf.data + ISB_EXCHANGE_PREFIX;
		assert_int_equal(isb_exchange_read((struct isb_slice){whole.data, whole.len + 1}, &back), ISB_EFORMAT);
		isb_buf_done(&buf);
	}
	static const char *const wrong[] = {"\0", "\x0c", "\x05\x04web\0{}\0" /* a policy is nobody's here */,
	                                    "\x0a\x04" "0000" "00000000" /* a flag that no one knows */,
	                                    "\x08" "\xff\xff\xff\xff\xff\xff\xff\xff" /* a clock beyond all years */};
	static const size_t len[] = {1, 1, 9, 14, 9};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(isb_exchange_read((struct isb_slice){wrong[i], len[i]}, &back), ISB_EFORMAT);
}

static void a_hello_of_another_version_says_so_whatever_follows(void **state)
{
	(void)state;
	struct isb_exchange_frame frame;
	static const char hello[] = "\1ISBX\0\x09 something else";
	assert_int_equal(isb_exchange_read((struct isb_slice){hello, sizeof(hello)}, &frame), ISB_OK);
	assert_int_equal(frame.hello.version, 9);
	static const char other[] = "\1GETX\0\x09 something else";
	assert_int_equal(isb_exchange_read((struct isb_slice){other, sizeof(other)}, &frame), ISB_EFORMAT);
}

static void a_row_that_is_none_ends_the_frame(void **state)
{
	(void)state;
	struct isb_buf buf = {0};
	struct isb_exchange_row back;
	isb_exchange_row_put(&buf, &row);
	for (size_t len = 1; len < buf.len; len++) {
		struct isb_reader r = isb_reader(buf.data, len);
		assert_int_equal(isb_exchange_row_next(&r, &back), ISB_EFORMAT);
		assert_int_equal(isb_exchange_row_next(&r, &back), ISB_EFORMAT);
	}
	buf.data[strlen(row.endpoint) + 1 + 8 + 2 + 16] = 65; /* outcomes seen: 64 at most */
	struct isb_reader r = isb_reader(buf.data, buf.len);
	assert_int_equal(isb_exchange_row_next(&r, &back), ISB_EFORMAT);
	isb_buf_done(&buf);
}

static void a_stream_gives_the_same_frames_however_it_is_cut(void **state)
{
	(void)state;
	struct isb_buf stream = {0};
	const struct isb_exchange_frame ping = {.type = ISB_X_PING}, beat = {.type = ISB_X_BEAT};
	isb_exchange_put(&stream, &ping);
	isb_exchange_put(&stream, &beat);
	isb_exchange_put(&stream, &ping);
	for (size_t piece = 1; piece <= stream.len; piece++) {
		struct isb_exchange_input input = {.max = 100};
		struct taken taken = {0};
		for (size_t at = 0; at < stream.len; at += piece) {
			size_t n = stream.len - at < piece ? stream.len - at : piece;
			assert_int_equal(isb_exchange_feed(&input, stream.data + at, n, take, &taken), ISB_OK);
		}
		assert_int_equal(taken.count, 3);
		assert_true(taken.types[0] == ISB_X_PING && taken.types[1] == ISB_X_BEAT && taken.types[2] == ISB_X_PING);
		assert_int_equal(input.held.len, 0);
		isb_exchange_input_done(&input);
	}
	isb_buf_done(&stream);
}

static void a_gigabyte_is_refused_before_it_comes(void **state)
{
	(void)state;
	static const uint8_t announced[] = {0x40, 0, 0, 0}, empty[] = {0, 0, 0, 0}, just[] = {0, 0, 0, 100}, over[] = {0, 0, 0, 101};
	struct isb_exchange_input input = {.max = 100};
	struct taken taken = {0};
	assert_int_equal(isb_exchange_feed(&input, announced, 4, take, &taken), ISB_ERANGE);
	assert_int_equal(isb_exchange_feed(&input, empty, 4, take, &taken), ISB_ERANGE);
	assert_int_equal(isb_exchange_feed(&input, over, 4, take, &taken), ISB_ERANGE);
	assert_int_equal(isb_exchange_feed(&input, just, 4, take, &taken), ISB_OK);
	assert_true(input.held.len == 4 && input.held.cap < 1024); /* what came, not what was announced */
	isb_exchange_input_done(&input);
}

/* Clocks 30 s apart: ages and the rest of a vote's life stay, and nothing lies in the future. */
static void another_clock_does_not_change_an_age(void **state)
{
	(void)state;
	for (int64_t skew = -30000; skew <= 30000; skew += 15000) {
		struct isb_exchange_row there = row;
		there.history.fell_ms = NOW - 70000;
		isb_exchange_row_rebase(&there, NOW, NOW + skew);
		assert_int_equal(there.expires_ms, NOW + skew + 17000);
		assert_int_equal(there.history.since_ms, NOW + skew - 9000);
		assert_int_equal(there.history.observed_ms, NOW + skew - 500);
		assert_int_equal(there.history.fell_ms, NOW + skew - 70000);
	}
	struct isb_exchange_row odd = row;
	odd.history.since_ms = 0;
	odd.history.observed_ms = INT64_MAX;
	odd.expires_ms = INT64_MAX;
	isb_exchange_row_rebase(&odd, NOW, 5000);
	assert_int_equal(odd.history.since_ms, 0);
	assert_int_equal(odd.history.observed_ms, 5000);
	assert_true(odd.expires_ms > 5000);
	odd.expires_ms = INT64_MIN;
	odd.history.since_ms = 1;
	isb_exchange_row_rebase(&odd, NOW, 5000);
	assert_int_equal(odd.expires_ms, 0);
	assert_int_equal(odd.history.since_ms, 1); /* before our time began, and yet not never */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_comes_back_whole),
		cmocka_unit_test(rows_come_back_whole_and_end),
		cmocka_unit_test(what_is_not_a_frame_is_refused),
		cmocka_unit_test(a_hello_of_another_version_says_so_whatever_follows),
		cmocka_unit_test(a_row_that_is_none_ends_the_frame),
		cmocka_unit_test(a_stream_gives_the_same_frames_however_it_is_cut),
		cmocka_unit_test(a_gigabyte_is_refused_before_it_comes),
		cmocka_unit_test(another_clock_does_not_change_an_age),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
