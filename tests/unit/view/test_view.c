/* SPDX-License-Identifier: Apache-2.0 */
#include "../store/catalog_test.h"
#include "isobar/model/schema.h"
#include "isobar/view/view.h"

/* Views of stores whose rows nobody checked, as another program may have written them. */

static int build(const char *dir, struct isb_buf *ret_said)
{
	struct session s = look(dir);
	struct isb_diags diags = {0};
	struct isb_view *view = NULL;
	char *said;
	size_t len;
	int rc = isb_view_build(&(struct isb_view_sources){.catalog = s.txn}, NULL, &diags, &view);
	assert_int_equal(view != NULL, rc == ISB_OK);
	FILE *out = open_memstream(&said, &len);
	isb_diags_print(&diags, out);
	fclose(out);
	isb_buf_puts(ret_said, said);
	free(said);
	if (view)
		isb_view_free(view);
	isb_diags_done(&diags);
	look_end(&s);
	return rc;
}

static void put(const char *dir, enum isb_kind kind, const char *key, const char *body)
{
	struct session s = edit_begin(dir, "");
	assert_int_equal(isb_edit_put_object(s.edit, kind, key, body), ISB_OK);
	edit_commit(&s);
}

static void rows_that_do_not_fit_together_make_no_view(void **state)
{
	static const struct {
		enum isb_kind kind;
		const char *key, *body, *said;
	} rows[] = {
		{ISB_RECORD, "example.com/www", "types: A\npolicy: nobody\n", "nobody"},
		{ISB_POLICY, "lost", "of:\n  - nowhere\n", "nowhere"},
		{ISB_POLICY, "loop", "of:\n  - loop\n", "loop"},
		{ISB_POOL, "p", "check: never\nendpoints:\n  e:\n    address: 192.0.2.1\n", "never"},
	};
	struct isb_buf said = {0};
	put(*state, ISB_ZONE, "example.com", "{}\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(*state, rows[i].kind, rows[i].key, rows[i].body);
		isb_buf_reset(&said);
		assert_int_not_equal(build(*state, &said), ISB_OK);
		assert_non_null(strstr(isb_buf_text(&said), rows[i].said));
	}
	isb_buf_done(&said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_that_do_not_fit_together_make_no_view, make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
