/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "probes/check_agent_line.h"

enum { SILENT = -1 }; /* nothing is said about soft health */

/* From memory of exactly its size, so that a sanitizer sees what is read beyond. */
static int read_line(const char *line, size_t len, struct isb_agent *ret, const char **ret_word, size_t *ret_nword,
                     char **ret_copy)
{
	*ret_copy = malloc(len ? len : 1);
	memcpy(*ret_copy, line, len);
	return isb_agent_read(*ret_copy, len, ret, ret_word, ret_nword);
}

static void assert_says(const char *line, bool down, int soft, const char *reason)
{
	struct isb_agent a;
	const char *word;
	size_t nword;
	char *copy;
	assert_int_equal(read_line(line, strlen(line), &a, &word, &nword, &copy), ISB_OK);
	assert_int_equal(a.down, down);
	assert_int_equal(a.has_soft, soft != SILENT);
	assert_int_equal(a.soft, soft == SILENT ? 0 : soft);
	assert_int_equal(a.reason != NULL, reason != NULL);
	if (reason) {
		assert_int_equal(a.nreason, strlen(reason));
		assert_memory_equal(a.reason, reason, a.nreason);
	}
	free(copy);
}

static void assert_refuses(const char *line, size_t len, const char *culprit)
{
	struct isb_agent a = {.soft = 77};
	const char *word;
	size_t nword;
	char *copy;
	assert_int_equal(read_line(line, len, &a, &word, &nword, &copy), ISB_EFORMAT);
	assert_int_equal(a.soft, 77);
	assert_int_equal(nword, strlen(culprit));
	assert_memory_equal(word, culprit, nword);
	free(copy);
}

static void words_alone(void **state)
{
	(void)state;
	assert_says("up", false, SILENT, NULL);
	assert_says("ready", false, SILENT, NULL);
	assert_says("down", true, SILENT, NULL);
	assert_says("fail", true, SILENT, NULL);
	assert_says("stopped", true, SILENT, NULL);
	assert_says("maint", true, SILENT, NULL);
	assert_says("drain", false, 0, NULL);
	assert_says("DoWN", true, SILENT, NULL);
	assert_says("maxconn:30", false, SILENT, NULL);
}

static void percentages(void **state)
{
	(void)state;
	assert_says("0%", false, 0, NULL);
	assert_says("1%", false, 1, NULL);
	assert_says("100%", false, 100, NULL);
	assert_says("101%", false, 100, NULL);
	assert_says("999999999%", false, 100, NULL);
	assert_says("007%", false, 7, NULL);
}

static void words_together(void **state)
{
	(void)state;
	assert_says("up 40%", false, 40, NULL);
	assert_says("  up,\t40% ,", false, 40, NULL);
	assert_says("10% 20%", false, 20, NULL);
	assert_says("drain 75%", false, 0, NULL);
	assert_says("75% drain ready", false, 75, NULL);
	assert_says("down up", false, SILENT, NULL);
	assert_says("up down 50%", true, 50, NULL);
	assert_says("maint up", true, SILENT, NULL);
	assert_says("maint,ready", false, SILENT, NULL);
	assert_says("ready down", true, SILENT, NULL);
}

static void reasons(void **state)
{
	(void)state;
	assert_says("down#disk full, 3% left", true, SILENT, "disk full, 3% left");
	assert_says("up #", false, SILENT, "");
	assert_says("75% # a # b", false, 75, " a # b");
}

static void everything_else_is_no_reply(void **state)
{
	(void)state;
	assert_refuses("", 0, "");
	assert_refuses(" ,\t", 3, "");
	assert_refuses("#down", 5, "");
	assert_refuses("up exploding down", 17, "exploding");
	assert_refuses("load:40%", 8, "load:40%");
	assert_refuses("75", 2, "75");
	assert_refuses("%", 1, "%");
	assert_refuses("-5%", 3, "-5%");
	assert_refuses("5.5%", 4, "5.5%");
	assert_refuses("1000000000%", 11, "1000000000%");
	assert_refuses("maxconn:", 8, "maxconn:");
	assert_refuses("maxconn:x", 9, "maxconn:x");
	assert_refuses("upp", 3, "upp");
	assert_refuses("u", 1, "u");
	struct isb_agent a;
	const char *word;
	size_t nword;
	assert_int_equal(isb_agent_read("down\0#", 6, &a, &word, &nword), ISB_EFORMAT);
	assert_int_equal(nword, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_alone),
		cmocka_unit_test(percentages),
		cmocka_unit_test(words_together),
		cmocka_unit_test(reasons),
		cmocka_unit_test(everything_else_is_no_reply),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
