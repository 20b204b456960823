/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "isobar/base/log.h"

static void test_an_event_is_a_line_without_control_characters(void **state)
{
	char text[200] = "";
	int ends[2], own = dup(STDERR_FILENO);
	(void)state;
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	isb_log(ISB_LOG_WARNING, "event", "reason=\"a\nb\x1b[2Jc\rd\x7f\"");
	dup2(own, STDERR_FILENO);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "event reason=\"a b [2Jc d \"\n"));
	close(own);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_an_event_is_a_line_without_control_characters)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
