/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/buf.h"
#include "isobar/base/err.h"
#include "isobar/dns/tsigkeys.h"

#define SECRET "secret \"c2l4dGVlbiBvY3RldHMgb3IgbW9yZQ==\";"

/* From the heap and not an octet too long. */
static int read_keys(const char *text, struct isb_diags *diags, struct isb_tsig_keys **ret_keys)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	memcpy(copy, text, len);
	int rc = isb_tsig_keys_read(copy, len, "keys", diags, ret_keys);
	free(copy);
	return rc;
}

static void files_of_other_programs_are_understood(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"key \"Ops.Example\" {\n\talgorithm hmac-sha256;\n\t" SECRET "\n};\n", /* tsig-keygen */
		"# hmac-sha256:ops.example:c2l4dGVlbiBvY3RldHMgb3IgbW9yZQ==\n"
		"key ops.example. { " SECRET " algorithm \"HMAC-SHA256\"; };",
		"/* C's\n comment */ key ops.example{algorithm hmac-sha256;// to the end\nsecret c2l4dGVlbiBvY3RldHMgb3IgbW9yZQ==;};",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct isb_diags diags = {0};
		struct isb_tsig_keys *keys = NULL;
		assert_int_equal(read_keys(texts[i], &diags, &keys), ISB_OK);
		assert_int_equal(diags.count, 0);
		assert_int_equal(keys->count, 1);
		assert_int_equal(keys->list[0].hash, ISB_HMAC_SHA256);
		assert_ptr_equal(isb_tsig_key_find(keys, (const uint8_t *)"\3oPS\7example", 13), &keys->list[0]);
		assert_null(isb_tsig_key_find(keys, (const uint8_t *)"\3ops\7example\3com", 17));
		isb_tsig_keys_free(keys);
	}
}

static void every_key_of_a_file_is_known_by_its_name(void **state)
{
	(void)state;
	struct isb_diags diags = {0};
	struct isb_tsig_keys *keys = NULL;
	assert_int_equal(read_keys("key a { algorithm hmac-sha1; " SECRET " };\nkey b { algorithm hmac-sha224; " SECRET " };"
	                           "key c { algorithm hmac-sha384; " SECRET " };key d { algorithm hmac-sha512; " SECRET " };",
	                           &diags, &keys), ISB_OK);
	assert_int_equal(keys->count, 4);
	assert_int_equal(isb_tsig_key_find(keys, (const uint8_t *)"\1c", 3)->hash, ISB_HMAC_SHA384);
	isb_tsig_keys_free(keys);
}

static void what_is_wrong_is_told_with_its_line_and_never_a_secret(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned line;
		const char *says;
	} cases[] = {
		{"", 0, "no key"},
		{"# nothing\n", 0, "no key"},
		{"ops.example { };", 1, "'key' must stand here"},
		{"key a..b { algorithm hmac-sha256; " SECRET " };", 1, "no name for a key"},
		{"key \"\" { algorithm hmac-sha256; " SECRET " };", 1, "no name for a key"},
		{"key a {\nalgorithm hmac-sha265; " SECRET " };", 2, "did you mean 'hmac-sha256'"},
		{"key a {\nalgorithm hmac-md5; " SECRET " };", 2, "write hmac-sha256"},
		{"key a {\n\n" SECRET " };", 3, "no algorithm"},
		{"key a {\nalgorithm hmac-sha256; };", 2, "no secret"},
		{"key a { algorithm hmac-sha256;\nsecret \"verysecret!\"; };", 2, "not base64"},
		{"key a { algorithm hmac-sha256;\nsecret \"\"; };", 2, "not base64"},
		{"key a { algorithm hmac-sha256;\nsecret c2hvcnQ=; };", 2, "5 octets"},
		{"key a { algorithm hmac-sha256;\n" SECRET SECRET " };", 2, "does not belong here"},
		{"key a { algorithm hmac-sha256;\n" SECRET " owner me; };", 2, "'owner'"},
		{"key a { algorithm hmac-sha256;\n" SECRET " }", 2, "';' must stand here"},
		{"key a { algorithm hmac-sha256 " SECRET " };", 1, "';' must stand here"},
		{"key a { algorithm hmac-sha256; " SECRET " };\nkey A. { algorithm hmac-sha512; " SECRET " };", 2, "already"},
		{"key a { algorithm hmac-sha256; /* " SECRET " };", 1, "does not belong here"},
		{"key \"a\n\" { algorithm hmac-sha256; " SECRET " };", 2, "'{' must stand here"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_diags diags = {0};
		struct isb_tsig_keys *keys = NULL;
		assert_int_equal(read_keys(cases[i].text, &diags, &keys), ISB_EINVAL);
		assert_null(keys);
		assert_int_equal(diags.count, 1);
		assert_int_equal(diags.list[0].at.line, cases[i].line);
		assert_non_null(strstr(diags.list[0].text, cases[i].says));
		assert_null(strstr(diags.list[0].text, "verysecret"));
		isb_diags_done(&diags);
	}
}

static void a_name_too_long_and_keys_too_many_are_refused(void **state)
{
	(void)state;
	struct isb_diags diags = {0};
	struct isb_tsig_keys *keys = NULL;
	struct isb_buf text = {0};
	isb_buf_puts(&text, "key ");
	for (int i = 0; i < ISB_TSIG_NAME_MAX / 2; i++)
		isb_buf_puts(&text, "a.");
	isb_buf_puts(&text, " { algorithm hmac-sha256; " SECRET " };");
	assert_int_equal(read_keys(isb_buf_text(&text), &diags, &keys), ISB_EINVAL);
	assert_non_null(strstr(diags.list[0].text, "129 octets"));
	isb_diags_done(&diags);
	isb_buf_reset(&text);
	for (int i = 0; i <= ISB_TSIG_KEYS_MAX; i++)
		isb_buf_printf(&text, "key k%d { algorithm hmac-sha256; " SECRET " };\n", i);
	assert_int_equal(read_keys(isb_buf_text(&text), &diags, &keys), ISB_EINVAL);
	assert_int_equal(diags.list[0].at.line, ISB_TSIG_KEYS_MAX + 1);
	isb_diags_done(&diags);
	isb_buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_other_programs_are_understood),
		cmocka_unit_test(every_key_of_a_file_is_known_by_its_name),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line_and_never_a_secret),
		cmocka_unit_test(a_name_too_long_and_keys_too_many_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
