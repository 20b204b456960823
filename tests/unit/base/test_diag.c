/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/diag.h"
#include "isobar/base/err.h"

static const char *printed(const struct isb_diags *diags)
{
	static char text[4096];
	char *made;
	size_t len;
	FILE *out = open_memstream(&made, &len);
	isb_diags_print(diags, out);
	fclose(out);
	snprintf(text, sizeof(text), "%s", made);
	free(made);
	return text;
}

static void sentences_say_where_as_far_as_is_known(void **state)
{
	struct isb_diags diags;
	char file[] = "a.yaml";
	(void)state;
	isb_diags_init(&diags);
	isb_diag(&diags, (struct isb_mark){file, 3, 7}, "unknown key '%s'", "wieght");
	isb_diag(&diags, (struct isb_mark){file, 4, 0}, "b");
	isb_diag(&diags, (struct isb_mark){file, 0, 9}, "c");
	isb_diag(&diags, (struct isb_mark){NULL, 5, 1}, "d");
	isb_diag(&diags, (struct isb_mark){NULL, 0, 0}, "e");
	strcpy(file, "xxxxx"); /* copied */
	assert_string_equal(printed(&diags), "a.yaml:3:7: unknown key 'wieght'\na.yaml:4: b\na.yaml: c\n5:1: d\ne\n");
	isb_diags_done(&diags);
	assert_string_equal(printed(&diags), "");
}

static void what_is_too_much_is_counted(void **state)
{
	struct isb_diags diags;
	(void)state;
	isb_diags_init(&diags);
	for (int i = 0; i < ISB_DIAGS_MAX + 5; i++)
		isb_diag(&diags, (struct isb_mark){0}, "%d", i);
	assert_int_equal(diags.count, ISB_DIAGS_MAX);
	assert_int_equal(diags.dropped, 5);
	assert_string_equal(diags.list[0].text, "0");
	assert_string_equal(diags.list[ISB_DIAGS_MAX - 1].text, "199");
	assert_non_null(strstr(printed(&diags), "\n... and 5 more\n"));
	isb_diags_done(&diags);
}

static void moved_sentences_stand_behind_those_that_were_there(void **state)
{
	struct isb_diags a, b;
	(void)state;
	isb_diags_init(&a);
	isb_diags_init(&b);
	isb_diag(&a, (struct isb_mark){"f", 1, 0}, "first");
	isb_diag(&b, (struct isb_mark){"g", 2, 0}, "100 %% second");
	isb_diags_move(&a, &b);
	assert_string_equal(printed(&a), "f:1: first\ng:2: 100 % second\n");
	assert_int_equal(b.count, 0);
	isb_diag(&b, (struct isb_mark){0}, "usable again");
	isb_diags_done(&b);
	for (int i = 0; i < ISB_DIAGS_MAX + 5; i++)
		isb_diag(&b, (struct isb_mark){0}, "x");
	isb_diags_move(&a, &b);
	assert_int_equal(a.count, ISB_DIAGS_MAX);
	assert_int_equal(a.dropped, 5 + 2);
	isb_diags_done(&a);
	isb_diags_done(&b);
}

static void the_nearest_word_is_what_a_typist_meant(void **state)
{
	static const char *const words[] = {"weight", "region", "address", "tier", "port", "host", NULL};
	static const char *const none[] = {NULL};
	(void)state;
	assert_string_equal(isb_nearest("wieght", words), "weight"); /* a swap is one step */
	assert_string_equal(isb_nearest("WEIGHT", words), "weight");
	assert_string_equal(isb_nearest("adress", words), "address");
	assert_string_equal(isb_nearest("addresses", words), "address");
	assert_string_equal(isb_nearest("post", words), "port");
	assert_null(isb_nearest("continent", words));
	assert_null(isb_nearest("xyz", words));
	assert_null(isb_nearest("PUT", (const char *const[]){"GET", "HEAD", "POST", NULL}));
	assert_string_equal(isb_nearest("GTE", (const char *const[]){"GET", "HEAD", NULL}), "GET");
	assert_null(isb_nearest("eu", (const char *const[]){"us", NULL}));
	assert_string_equal(isb_nearest("jp1", (const char *const[]){"jp", NULL}), "jp");
	assert_null(isb_nearest("weight", none));
	assert_null(isb_nearest("", words));
	char longest[300];
	memset(longest, 'w', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	static const char *wide[] = {"weight", NULL, NULL};
	wide[1] = longest;
	assert_null(isb_nearest(longest, words));
	assert_string_equal(isb_nearest("weigh", wide), "weight");
}

static void every_error_has_a_sentence(void **state)
{
	(void)state;
#define X(name, code, text) \
	assert_string_equal(isb_strerror(ISB_E##name), text); \
	assert_true(ISB_E##name < 0);
	ISB_ERROR_MAP(X)
#undef X
	assert_string_equal(isb_strerror(ISB_OK), "ok");
	assert_string_equal(isb_strerror(-9999), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentences_say_where_as_far_as_is_known),
		cmocka_unit_test(what_is_too_much_is_counted),
		cmocka_unit_test(moved_sentences_stand_behind_those_that_were_there),
		cmocka_unit_test(the_nearest_word_is_what_a_typist_meant),
		cmocka_unit_test(every_error_has_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
