/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "isobar/base/err.h"
#include "isobar/web/tokens.h"

static int parse(const char *text, struct isb_diags *diags, struct isb_tokens *tokens)
{
	return isb_tokens_parse("tokens", text, strlen(text), diags, tokens);
}

static void test_a_token_is_made_kept_and_found(void **state)
{
	struct isb_token token = {.name = "ci", .role = ISB_ROLE_OPERATE, .salt = {1, 2, 3}, .expires_ms = 1800000000000};
	uint8_t random[ISB_TOKEN_SUM] = {0xab};
	char text[ISB_TOKEN_TEXT];
	struct isb_buf line = {0};
	struct isb_tokens tokens = {0};
	struct isb_diags diags = {0};
	(void)state;
	isb_token_make(&token, random, text);
	assert_string_equal(text, "isb_ab00000000000000000000000000000000000000000000000000000000000000");
	isb_buf_puts(&line, "# who\n\n");
	isb_token_print(&line, &token);
	assert_null(strstr(line.data, "isb_")); /* not what it is, only its sum */
	assert_int_equal(parse(line.data, &diags, &tokens), ISB_OK);
	assert_int_equal(tokens.count, 1);
	const struct isb_token *found = isb_tokens_find(&tokens, text, 1700000000000);
	assert_non_null(found);
	assert_string_equal(found->name, "ci");
	assert_int_equal(found->role, ISB_ROLE_OPERATE);
	assert_null(isb_tokens_find(&tokens, text, 1800000000000)); /* over */
	text[10] ^= 1;
	assert_null(isb_tokens_find(&tokens, text, 1700000000000));
	assert_null(isb_tokens_find(&tokens, "", 1700000000000));
	isb_tokens_done(&tokens);
	isb_buf_done(&line);
	isb_diags_done(&diags);
}

/* What the sum is made of is a format that others may have to make: sha256(salt, text), as
 * `printf '\0...\0isb_x' | sha256sum` gives it. */
static void test_the_sum_is_that_of_salt_and_text(void **state)
{
	static const char text[] = "x read sha256:00000000000000000000000000000000:"
	                           "7c02b07d78015ef1dd37b2d125df80510664bf7c8115e420cc7a4ea8d9c99595\n"
	                           "short read sha256:00000000000000000000000000000000:"
	                           "3656883fd7f4774e5cb06b5831e27a139f42be7fbf9bbc89d0bbaba6e463e4eb\n";
	struct isb_tokens tokens = {0};
	struct isb_diags diags = {0};
	(void)state;
	assert_int_equal(parse(text, &diags, &tokens), ISB_OK);
	assert_non_null(isb_tokens_find(&tokens, "isb_0000000000000000000000000000000000000000000000000000000000000000", 1));
	assert_null(isb_tokens_find(&tokens, "isb_x", 1)); /* right by its sum, and no token */
	isb_tokens_done(&tokens);
	isb_diags_done(&diags);
}

static void test_what_is_wrong_is_said_with_its_line(void **state)
{
	static const char sum[] = "sha256:00000000000000000000000000000000:"
	                          "0000000000000000000000000000000000000000000000000000000000000000";
	static const struct {
		const char *before, *after, *said;
	} cases[] = {
		{"x read", "", "the line is not NAME ROLE"},
		{"x boss ", sum, "there is no role 'boss'"},
		{"x/y read ", sum, "'x/y' is no name of a token"},
		{"-x read ", sum, "'-x' is no name of a token"},
		{"x read sha256:00:", "11", "is no sum of a token"},
		{"x read ", "md5:00:11", "is no sum of a token"},
		{"x read SUM expires=never", "", "'expires=never' is no expiry"},
		{"x read SUM expires=2027-01-01T00:00:00Z more", "", "the line is not NAME ROLE"},
		{"x read SUM\nx admin ", sum, "there are two tokens of the name 'x'"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_tokens tokens = {0};
		struct isb_diags diags = {0};
		struct isb_buf text = {0};
		const char *at = strstr(cases[i].before, "SUM");
		isb_buf_puts(&text, "# first\n");
		isb_buf_add(&text, cases[i].before, at ? (size_t)(at - cases[i].before) : strlen(cases[i].before));
		isb_buf_printf(&text, "%s%s%s", at ? sum : "", at ? at + 3 : "", cases[i].after);
		assert_int_equal(parse(text.data, &diags, &tokens), ISB_EINVAL);
		assert_int_equal(diags.count, 1);
		assert_non_null(strstr(diags.list[0].text, cases[i].said));
		assert_true(diags.list[0].at.line >= 2);
		assert_int_equal(tokens.count, 0);
		isb_buf_done(&text);
		isb_diags_done(&diags);
	}
}

static void test_roles(void **state)
{
	(void)state;
	assert_int_equal(isb_role_parse("read"), ISB_ROLE_READ);
	assert_int_equal(isb_role_parse("none"), ISB_ROLE_NONE);
	assert_int_equal(isb_role_parse("Admin"), ISB_ROLE_NONE);
	assert_true(ISB_ROLE_READ < ISB_ROLE_OPERATE && ISB_ROLE_OPERATE < ISB_ROLE_ADMIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_token_is_made_kept_and_found),
		cmocka_unit_test(test_the_sum_is_that_of_salt_and_text),
		cmocka_unit_test(test_what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(test_roles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
