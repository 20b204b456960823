/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "server/settings.h"

static const struct isb_cookie_secrets own = {.count = 1, .secret = {{1, 2, 3}}};

static int load(const char *secrets, struct isb_diags *diags, struct isb_settings **ret_settings)
{
	char path[] = "/tmp/isobard-secrets-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, secrets, strlen(secrets)) == (ssize_t)strlen(secrets));
	close(fd);
	struct isb_options options = {.cookies = true, .cookie_secret_file = path, .version_text = "", .id_text = ""};
	int rc = isb_settings_load(&options, &own, diags, ret_settings);
	unlink(path);
	return rc;
}

static void the_first_secret_signs_and_the_others_are_accepted(void **state)
{
	(void)state;
	struct isb_diags diags = {0};
	struct isb_settings *s;
	assert_int_equal(load("# rolled on Monday\n00112233445566778899aabbccddeeff\n\n  \nFFEEDDCCBBAA99887766554433221100 # old\n",
	                      &diags, &s), ISB_OK);
	assert_int_equal(s->cookies.count, 2);
	assert_int_equal(s->cookies.secret[0][1], 0x11);
	assert_int_equal(s->cookies.secret[1][0], 0xff);
	isb_settings_free(s);
}

static void a_bad_secret_is_named_with_its_line(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned line;
	} cases[] = {{"00112233445566778899aabbccddeefg\n", 1}, {"\n0011\n", 2}, {"", 0},
	             {"00112233445566778899aabbccddeeff\n00112233445566778899aabbccddeeff\n00112233445566778899aabbccddeeff\n"
	              "00112233445566778899aabbccddeeff\n", 4}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_diags diags = {0};
		struct isb_settings *s = NULL;
		assert_int_equal(load(cases[i].text, &diags, &s), ISB_EINVAL);
		assert_null(s);
		assert_int_equal(diags.count, 1);
		assert_int_equal(diags.list[0].at.line, cases[i].line);
		isb_diags_done(&diags);
	}
	struct isb_diags diags = {0};
	struct isb_settings *s = NULL;
	struct isb_options options = {.cookie_secret_file = "/nonexistent/secrets", .version_text = "", .id_text = ""};
	assert_int_equal(isb_settings_load(&options, &own, &diags, &s), ISB_EIO);
	isb_diags_done(&diags);
}

static void without_a_file_a_server_keeps_a_secret_of_its_own(void **state)
{
	(void)state;
	struct isb_cookie_secrets one = isb_settings_own_secret(), other = isb_settings_own_secret();
	assert_int_equal(one.count, 1);
	assert_memory_not_equal(one.secret[0], other.secret[0], ISB_COOKIE_SECRET);
	struct isb_diags diags = {0};
	struct isb_settings *a, *b;
	struct isb_options options = {.cookies = true, .nsid = "icn-1", .version_text = "1", .id_text = ""};
	assert_int_equal(isb_settings_load(&options, &own, &diags, &a), ISB_OK);
	assert_int_equal(isb_settings_load(&options, &own, &diags, &b), ISB_OK);
	assert_int_equal(a->cookies.count, 1);
	assert_memory_equal(a->cookies.secret[0], own.secret[0], ISB_COOKIE_SECRET);
	assert_memory_equal(b->cookies.secret[0], own.secret[0], ISB_COOKIE_SECRET);
	assert_int_equal(a->nsid_len, 5);
	assert_int_equal(a->version.rdata[2], 1);
	assert_int_equal(a->id.rdata[1], 0);
	isb_settings_free(a);
	options.cookies = false;
	isb_settings_free(b);
	assert_int_equal(isb_settings_load(&options, &own, &diags, &b), ISB_OK);
	assert_int_equal(b->cookies.count, 0);
	isb_settings_free(b);
}

static int load_keys(const char *text, struct isb_options *options, struct isb_diags *diags,
                     struct isb_settings **ret_settings)
{
	char path[] = "/tmp/isobard-keys-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	options->tsig_keys = path;
	options->version_text = options->id_text = "";
	int rc = isb_settings_load(options, &own, diags, ret_settings);
	unlink(path);
	return rc;
}

static void those_who_may_ask_why_are_networks_and_keys_of_the_file(void **state)
{
	(void)state;
	static const char text[] = "key other { algorithm hmac-sha256; secret \"c2l4dGVlbiBvY3RldHM=\"; };\n"
				   "key ops.example { algorithm hmac-sha256; secret \"c2l4dGVlbiBvY3RldHM=\"; };\n";
	struct isb_diags diags = {0};
	struct isb_settings *s = NULL;
	struct isb_options options = {0};
	assert_int_equal(load_keys(text, &options, &diags, &s), ISB_OK);
	assert_int_equal(s->keys->count, 2);
	assert_false(s->explain.anybody);
	isb_settings_free(s);

	options = (struct isb_options){.explain_key = {"OPS.example."}, .nexplain_key = 1};
	assert_int_equal(load_keys(text, &options, &diags, &s), ISB_OK);
	assert_true(s->explain.anybody);
	assert_int_equal(s->explain.nkey, 1);
	assert_ptr_equal(s->explain.key[0], &s->keys->list[1]);
	isb_settings_free(s);

	s = NULL;
	options = (struct isb_options){.explain_key = {"ops"}, .nexplain_key = 1};
	assert_int_equal(load_keys(text, &options, &diags, &s), ISB_EINVAL);
	assert_null(s);
	assert_non_null(strstr(diags.list[0].text, "no key 'ops'"));
	isb_diags_done(&diags);
	assert_int_equal(load_keys("key ops;", &options, &diags, &s), ISB_EINVAL);
	isb_diags_done(&diags);

	struct isb_options by_address = {.version_text = "", .id_text = "", .nexplain_from = 1,
	                                 .explain_from = {{.addr = {.family = 4, .octets = {127}}, .len = 8}}};
	assert_int_equal(isb_settings_load(&by_address, &own, &diags, &s), ISB_OK);
	assert_true(s->explain.anybody);
	assert_int_equal(s->explain.from[0].len, 8);
	isb_settings_free(s);
	by_address.tsig_keys = "/nonexistent/keys";
	assert_int_equal(isb_settings_load(&by_address, &own, &diags, &s), ISB_EIO);
	isb_diags_done(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_secret_signs_and_the_others_are_accepted),
		cmocka_unit_test(a_bad_secret_is_named_with_its_line),
		cmocka_unit_test(those_who_may_ask_why_are_networks_and_keys_of_the_file),
		cmocka_unit_test(without_a_file_a_server_keeps_a_secret_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
