/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "probes/script_children.h"
#include "probes/script_judge.h"

static struct isb_buf written(const struct isb_script_ask *ask)
{
	struct isb_buf message = {0};
	isb_script_ask_write(&message, ask);
	return message;
}

/* Of a copy that ends where the message does. */
static int read_ask(const struct isb_buf *message, size_t len, struct isb_script_ask *ret_ask, char **ret_copy)
{
	*ret_copy = malloc(len ? len : 1);
	memcpy(*ret_copy, message->data, len);
	return isb_script_ask_read(*ret_copy, len, ret_ask);
}

static void what_is_asked_comes_back(void **state)
{
	(void)state;
	struct isb_script_ask ask = {.id = 7, .timeout_ms = 2000, .words = {"check", "", "two\nlines"}, .env = {"A=b"}};
	struct isb_script_ask back;
	struct isb_buf message = written(&ask);
	char *copy;
	assert_int_equal(read_ask(&message, message.len, &back, &copy), ISB_OK);
	assert_int_equal(back.id, 7);
	assert_int_equal(back.timeout_ms, 2000);
	assert_string_equal(back.words[0], "check");
	assert_string_equal(back.words[1], "");
	assert_string_equal(back.words[2], "two\nlines");
	assert_null(back.words[3]);
	assert_string_equal(back.env[0], "A=b");
	assert_null(back.env[1]);
	free(copy);
	for (size_t len = 0; len < message.len; len++) { /* cut anywhere */
		struct isb_script_ask untouched = {.id = 99};
		assert_int_equal(read_ask(&message, len, &untouched, &copy), ISB_EFORMAT);
		assert_int_equal(untouched.id, 99);
		free(copy);
	}
	isb_buf_putc(&message, '\0');
	assert_int_equal(read_ask(&message, message.len, &back, &copy), ISB_EFORMAT);
	free(copy);
	isb_buf_done(&message);
}

static void as_much_as_the_catalog_may_hold_fits(void **state)
{
	(void)state;
	static char longest[1024 + 1];
	struct isb_script_ask ask = {.id = 1, .timeout_ms = 1, .words = {"check"}}, back;
	char *copy;
	memset(longest, 'x', sizeof(longest) - 1);
	for (size_t i = 1; i < ISB_SCRIPT_WORDS; i++)
		ask.words[i] = longest;
	for (size_t i = 0; i < ISB_SCRIPT_ENV; i++)
		ask.env[i] = longest;
	struct isb_buf message = written(&ask);
	assert_true(message.len <= ISB_SCRIPT_ASK_MAX);
	assert_int_equal(read_ask(&message, message.len, &back, &copy), ISB_OK);
	assert_string_equal(back.words[ISB_SCRIPT_WORDS - 1], longest);
	assert_null(back.words[ISB_SCRIPT_WORDS]);
	free(copy);
	isb_buf_done(&message);
}

static void an_end_has_no_words_and_a_start_has_a_name(void **state)
{
	(void)state;
	const struct isb_script_ask asks[] = {
		{.id = 3},
		{.id = 3, .words = {"check"}},
		{.id = 3, .env = {"A=b"}},
		{.id = 3, .timeout_ms = 1},
		{.id = 3, .timeout_ms = 1, .words = {"../check"}},
	};
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		struct isb_script_ask back;
		struct isb_buf message = written(&asks[i]);
		char *copy;
		assert_int_equal(read_ask(&message, message.len, &back, &copy), i == 0 ? ISB_OK : ISB_EFORMAT);
		free(copy);
		isb_buf_done(&message);
	}
}

static void names_are_plain(void **state)
{
	(void)state;
	char longest[ISB_SCRIPT_NAME_MAX + 2];
	static const char *const bad[] = {"", ".", "..", ".hidden", "/bin/sh", "a/b", "../a", "a/"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(isb_script_is_name(bad[i]));
	assert_true(isb_script_is_name("check_http.sh"));
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_false(isb_script_is_name(longest));
	assert_true(isb_script_is_name(longest + 1));
}

static void ends_are_looked_at(void **state)
{
	(void)state;
	struct isb_script_end end = {.id = 5, .how = ISB_SCRIPT_EXITED, .number = 2}, back = {0};
	assert_int_equal(isb_script_end_read(&end, sizeof(end), &back), ISB_OK);
	assert_int_equal(back.id, 5);
	assert_int_equal(isb_script_end_read(&end, sizeof(end) - 1, &back), ISB_EFORMAT);
	end.nline = ISB_SCRIPT_LINE + 1;
	assert_int_equal(isb_script_end_read(&end, sizeof(end), &back), ISB_EFORMAT);
	end.nline = 0;
	end.how = ISB_SCRIPT_HOW_COUNT;
	assert_int_equal(isb_script_end_read(&end, sizeof(end), &back), ISB_EFORMAT);
}

static void every_end_is_an_outcome(void **state)
{
	(void)state;
	static const struct {
		enum isb_script_how how;
		int number;
		const char *line;
		enum isb_outcome_kind kind;
		unsigned status;
		int soft; /* -1: none */
		const char *said;
	} ends[] = {
		{ISB_SCRIPT_EXITED, 0, "", ISB_OUT_OK, 0, -1, ""},
		{ISB_SCRIPT_EXITED, 0, "fine, thanks", ISB_OUT_OK, 0, -1, "fine, thanks"},
		{ISB_SCRIPT_EXITED, 0, "75%", ISB_OUT_OK, 0, 75, ""},
		{ISB_SCRIPT_EXITED, 0, "75% of it", ISB_OUT_OK, 0, -1, "75% of it"},
		{ISB_SCRIPT_EXITED, 0, "drain#moving", ISB_OUT_OK, 0, 0, "moving"},
		{ISB_SCRIPT_EXITED, 0, "down#disk full", ISB_OUT_SAID_DOWN, 0, -1, "disk full"},
		{ISB_SCRIPT_EXITED, 3, "75%", ISB_OUT_EXIT, 3, -1, "75%"},
		{ISB_SCRIPT_EXITED, 255, "", ISB_OUT_EXIT, 255, -1, ""},
		{ISB_SCRIPT_SIGNALED, 9, "up", ISB_OUT_EXIT, 137, -1, "killed by SIGKILL"},
		{ISB_SCRIPT_SIGNALED, 40, "", ISB_OUT_EXIT, 168, -1, "killed by signal 40"},
		{ISB_SCRIPT_TIMEOUT, 0, "", ISB_OUT_TIMEOUT, 0, -1, ""},
		{ISB_SCRIPT_FLOOD, 0, "x", ISB_OUT_BAD_REPLY, 0, -1, "it printed more than 65536 octets and was killed"},
		{ISB_SCRIPT_FAILED, 2, "", ISB_OUT_INTERNAL, 0, -1, "cannot run 'check': No such file or directory"},
		{ISB_SCRIPT_BUSY, 0, "", ISB_OUT_INTERNAL, 0, -1, "too many scripts wait for what cannot be killed"},
		{ISB_SCRIPT_LOST, 0, "", ISB_OUT_INTERNAL, 0, -1, "the process that watched over the script is gone"},
	};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct isb_script_end end = {.how = ends[i].how, .number = ends[i].number};
		struct isb_outcome o = {.total_us = 7};
		char said[ISB_SCRIPT_SAID];
		end.nline = (uint32_t)strlen(ends[i].line);
		memcpy(end.line, ends[i].line, end.nline);
		isb_script_judge(&end, "check", &o, said);
		assert_int_equal(o.kind, ends[i].kind);
		assert_int_equal(o.status, ends[i].status);
		assert_int_equal(o.has_soft ? o.soft : -1, ends[i].soft);
		assert_int_equal(o.total_us, 7);
		assert_string_equal(said, ends[i].said);
	}
}

static void standard_error_is_for_people(void **state)
{
	(void)state;
	struct isb_script_end end = {.how = ISB_SCRIPT_EXITED, .nline = 4, .line = "down", .from_error = 1};
	struct isb_outcome o = {0};
	char said[ISB_SCRIPT_SAID];
	isb_script_judge(&end, "check", &o, said);
	assert_int_equal(o.kind, ISB_OUT_OK);
	assert_string_equal(said, "down");
}

static void parents_are_found_behind_any_name(void **state)
{
	(void)state;
	assert_int_equal(isb_stat_parent("12 (sh) S 7 12 12 0 -1"), 7);
	assert_int_equal(isb_stat_parent("12 (a) R 1 (b) Z 99 12 12 0 -1"), 99);
	assert_int_equal(isb_stat_parent("12 (a\n) Z 1) D 5 12"), 5);
	assert_int_equal(isb_stat_parent("12 (sh"), 0);
	assert_int_equal(isb_stat_parent("12 (sh) S"), 0);
	assert_int_equal(isb_stat_parent(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_comes_back),
		cmocka_unit_test(as_much_as_the_catalog_may_hold_fits),
		cmocka_unit_test(an_end_has_no_words_and_a_start_has_a_name),
		cmocka_unit_test(names_are_plain),
		cmocka_unit_test(ends_are_looked_at),
		cmocka_unit_test(every_end_is_an_outcome),
		cmocka_unit_test(standard_error_is_for_people),
		cmocka_unit_test(parents_are_found_behind_any_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
