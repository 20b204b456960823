/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/printing.h"

static void a_width_counts_what_is_seen(void **state)
{
	(void)state;
	assert_int_equal(cli_width(""), 0);
	assert_int_equal(cli_width("down"), 4);
	assert_int_equal(cli_width("\033[1;31mdown\033[0m"), 4);
	assert_int_equal(cli_width("Zürich"), 6);
	assert_int_equal(cli_width("東京"), 2); /* code points: how wide a terminal draws them it does not tell */
	assert_int_equal(cli_width("\033[31"), 4); /* no colour */
}

static char *printed(struct cli_table *table)
{
	char *text;
	size_t len;
	FILE *out = stdout, *memory = open_memstream(&text, &len);
	assert_non_null(memory);
	stdout = memory;
	cli_table_print(table);
	stdout = out;
	fclose(memory);
	return text;
}

static void columns_stand_below_one_another_whatever_their_colours(void **state)
{
	struct cli_table table;
	(void)state;
	cli_table_init(&table, 3, (const char *[]){"NAME", "STATE", "WHY"});
	cli_table_row(&table, (const char *[]){"asia/icn-1", "\033[1;31mdown\033[0m", "timeout"});
	cli_table_row(&table, (const char *[]){"us", "disputed", ""});
	cli_table_row(&table, (const char *[]){"züri", "\033[32mup\033[0m", "ok"});
	char *text = printed(&table);
	assert_string_equal(text, "NAME        STATE     WHY\n"
	                          "asia/icn-1  \033[1;31mdown\033[0m      timeout\n"
	                          "us          disputed\n"
	                          "züri        \033[32mup\033[0m        ok\n");
	free(text);
}

static void without_a_terminal_nothing_has_a_colour(void **state)
{
	struct isb_arena arena = {0};
	(void)state;
	if (cli_coloured())
		skip(); /* run by hand on a terminal */
	assert_string_equal(cli_paint(&arena, CLI_BAD, "down"), "down");
	assert_string_equal(cli_tone_on(CLI_GOOD), "");
	assert_string_equal(cli_tone_off(CLI_GOOD), "");
	isb_arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_width_counts_what_is_seen),
		cmocka_unit_test(columns_stand_below_one_another_whatever_their_colours),
		cmocka_unit_test(without_a_terminal_nothing_has_a_colour),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
