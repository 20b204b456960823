/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/promtext.h"

/* Samples printed again, one a line, so that a test can compare. */
static void note(void *arg, const struct isb_prom_sample *sample)
{
	struct isb_prom_label labels[ISB_PROMTEXT_LABELS + 1] = {{0}};
	memcpy(labels, sample->label, sample->nlabel * sizeof(labels[0]));
	isb_prom_real(arg, sample->name, labels, sample->value);
}

/* Of a copy on the heap without an octet too many. */
static int read_text(const char *text, struct isb_buf *said, size_t *ret_line)
{
	char *copy = strdup(text);
	int rc = isb_promtext_each(copy, strlen(copy), note, said, ret_line);
	free(copy);
	return rc;
}

static void what_is_printed_reads_back(void **state)
{
	struct isb_buf text = {0}, again = {0};
	size_t line;
	(void)state;
	isb_prom_count(&text, "a_total", ISB_PROM_LABELS({"l", "a \"b\" \\ \n c"}, {"empty", ""}), 12);
	isb_prom_real(&text, "b", NULL, 0.25);
	isb_prom_real(&text, "b", NULL, INFINITY);
	isb_prom_histogram(&text, "h", NULL, &(struct isb_prom_histogram){.count = 3, .sum = 1e-9});
	assert_int_equal(read_text(isb_buf_text(&text), &again, &line), ISB_OK);
	assert_string_equal(isb_buf_text(&again), isb_buf_text(&text));
	isb_buf_done(&text);
	isb_buf_done(&again);
}

static void comments_blanks_and_timestamps_are_passed_over(void **state)
{
	struct isb_buf said = {0};
	size_t line;
	(void)state;
	assert_int_equal(read_text("# HELP x {\n\n  \t\n# any\nx { a = \"1\" , } 2 1700000000000\n y\t3 -5 ", &said, &line), ISB_OK);
	assert_string_equal(isb_buf_text(&said), "x{a=\"1\"} 2\ny 3\n");
	isb_buf_done(&said);
	assert_int_equal(read_text("", &said, &line), ISB_OK);
}

static void what_is_malformed_is_refused_with_its_line(void **state)
{
	static const char *const cases[] = {
		"x", "x ", "1x 2", "x{ 2", "x{a 2", "x{a=2} 1", "x{a=\"b} 1", "x{a=\"b\\} 1", "x{a=\"\\q\"} 1", "x{a=\"b\"", "x{a=\"b\"} ",
		"x{a=\"b\" c=\"d\"} 1", "x{,} 1", "x{=\"b\"} 1", "x 1 2 3", "x one", "x 0x10", "x 1e", "x 1 2x", "{} 1", "x}1", "\x01 1",
		"x 11111111111111111111111111111111111111111111111111111111111111111111111111111111111",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_buf text = {0}, said = {0};
		size_t line = 0;
		isb_buf_printf(&text, "good 1\n%s\ngood 2\n", cases[i]);
		assert_int_equal(read_text(isb_buf_text(&text), &said, &line), ISB_EFORMAT);
		assert_int_equal(line, 2);
		assert_string_equal(isb_buf_text(&said), "good 1\n");
		isb_buf_done(&text);
		isb_buf_done(&said);
	}
}

static void so_many_labels_there_may_be(void **state)
{
	(void)state;
	for (unsigned n = ISB_PROMTEXT_LABELS; n <= ISB_PROMTEXT_LABELS + 1; n++) {
		struct isb_buf text = {0}, said = {0};
		size_t line = 0;
		isb_buf_puts(&text, "x{");
		for (unsigned i = 0; i < n; i++)
			isb_buf_printf(&text, "l%u=\"%u\",", i, i);
		isb_buf_puts(&text, "} 1");
		assert_int_equal(read_text(isb_buf_text(&text), &said, &line), n > ISB_PROMTEXT_LABELS ? ISB_ERANGE : ISB_OK);
		isb_buf_done(&text);
		isb_buf_done(&said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_reads_back),
		cmocka_unit_test(comments_blanks_and_timestamps_are_passed_over),
		cmocka_unit_test(what_is_malformed_is_refused_with_its_line),
		cmocka_unit_test(so_many_labels_there_may_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
