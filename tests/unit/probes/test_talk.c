/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "isobar/base/clock.h"
#include "probes/check_talk.h"

struct world {
	struct isb_spec spec;
	struct isb_check_run run;
	struct isb_talk talk;
};

static void build(struct world *w, const char *wanted)
{
	*w = (struct world){.spec.body = (char *)(uintptr_t)wanted};
	w->run.spec = &w->spec;
	w->run.started_us = isb_monotonic_us();
}

static enum isb_outcome_kind feed(struct world *w, const char *text)
{
	return isb_talk_feed(&w->talk, &w->run, text, strlen(text));
}

static void a_text_is_found_wherever_it_is_cut(void **state)
{
	(void)state;
	static const char reply[] = "121 220-220 mail";
	for (size_t cut = 0; cut <= strlen(reply); cut++)
		for (size_t step = 1; step < 5; step++) {
			struct world w;
			enum isb_outcome_kind kind = ISB_OUT_NONE;
			build(&w, "220 ");
			if (cut)
				kind = isb_talk_feed(&w.talk, &w.run, reply, cut);
			for (size_t at = cut; kind == ISB_OUT_NONE && at < strlen(reply); at += step)
				kind = isb_talk_feed(&w.talk, &w.run, reply + at,
				                     step < strlen(reply) - at ? step : strlen(reply) - at);
			assert_int_equal(kind, ISB_OUT_OK);
			assert_true(w.talk.first_us > 0);
			isb_talk_done(&w.talk);
		}
}

static void with_nothing_to_look_for_anything_will_do(void **state)
{
	(void)state;
	struct world w;
	build(&w, NULL);
	assert_int_equal(feed(&w, "x"), ISB_OUT_OK);
	isb_talk_done(&w.talk);
	build(&w, NULL);
	assert_int_equal(feed(&w, ""), ISB_OUT_OK); /* an empty datagram is a reply */
	isb_talk_done(&w.talk);
	build(&w, "x");
	assert_int_equal(feed(&w, ""), ISB_OUT_NONE);
	isb_talk_done(&w.talk);
}

static void the_first_64_kib_decide(void **state)
{
	(void)state;
	static char block[ISB_CHECK_READ + 8];
	struct world w;
	memset(block, '.', sizeof(block));
	memcpy(block + ISB_CHECK_READ - 4, "good", 4);
	build(&w, "good");
	assert_int_equal(isb_talk_feed(&w.talk, &w.run, block, sizeof(block)), ISB_OUT_OK);
	isb_talk_done(&w.talk);
	memset(block, '.', sizeof(block));
	memcpy(block + ISB_CHECK_READ - 3, "good", 4);
	build(&w, "good");
	assert_int_equal(isb_talk_feed(&w.talk, &w.run, block, ISB_CHECK_READ - 1), ISB_OUT_NONE);
	assert_int_equal(isb_talk_feed(&w.talk, &w.run, block + ISB_CHECK_READ - 1, 8), ISB_OUT_BODY_MISMATCH);
	assert_int_equal(w.talk.got.len, ISB_CHECK_READ);
	isb_talk_done(&w.talk);
}

static void the_end_tells_silence_from_another_text(void **state)
{
	(void)state;
	struct world w;
	build(&w, "good");
	assert_int_equal(isb_talk_end(&w.talk, &w.run), ISB_OUT_CLOSED_EARLY);
	assert_string_equal(w.run.detail, "");
	assert_int_equal(feed(&w, "b\"d\n\x1b[2J\xff"), ISB_OUT_NONE);
	assert_int_equal(isb_talk_end(&w.talk, &w.run), ISB_OUT_BODY_MISMATCH);
	assert_string_equal(w.run.detail, "came: b'd..[2J."); /* nothing that a terminal or a log could trip over */
	isb_talk_done(&w.talk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_found_wherever_it_is_cut),
		cmocka_unit_test(with_nothing_to_look_for_anything_will_do),
		cmocka_unit_test(the_first_64_kib_decide),
		cmocka_unit_test(the_end_tells_silence_from_another_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
