/* SPDX-License-Identifier: Apache-2.0 */
#include "../store/catalog_test.h"
#include "isobar/model/schema.h"
#include "isobar/view/view.h"
#include "isobar/view/zonefile.h"

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

/* --- A view that slept while the journal's beginning went --- */

static void put_zone(const char *dir, const char *apex_text, unsigned ttl_s)
{
	struct session s = edit_begin(dir, "");
	struct isb_diags diags = {0};
	struct isb_zonedata data;
	char text[128];
	uint8_t apex[ISB_DNAME_MAX];
	memcpy(apex, name(apex_text), isb_dname_len(name(apex_text)));
	snprintf(text, sizeof(text), "@ %u SOA ns h 1 2 3 4 %u\n@ %u NS ns.example.net.\n", ttl_s, ttl_s, ttl_s);
	isb_zonedata_init(&data);
	assert_int_equal(isb_zonetext_read(text, strlen(text), (struct isb_mark){0}, apex, &diags, &data), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_ZONE, apex_text, "{}\n"), ISB_OK);
	assert_int_equal(isb_edit_zone_begin(s.edit, apex), ISB_OK);
	for (size_t i = 0; i < data.count; i++)
		assert_int_equal(isb_edit_put_rrset(s.edit, apex, data.sets[i].owner, data.sets[i].set), ISB_OK);
	assert_int_equal(isb_edit_zone_end(s.edit), ISB_OK);
	isb_zonedata_done(&data);
	isb_diags_done(&diags);
	edit_commit(&s);
}

static struct isb_view *follow(const char *dir, struct isb_view *old)
{
	struct session s = look(dir);
	struct isb_diags diags = {0};
	struct isb_view *view = NULL;
	assert_int_equal(isb_view_build(&(struct isb_view_sources){.catalog = s.txn}, old, &diags, &view), ISB_OK);
	isb_diags_done(&diags);
	look_end(&s);
	return view;
}

static uint32_t negative_ttl(const struct isb_view *view, const char *apex)
{
	const uint8_t *dname = name(apex);
	const struct isb_zone_view *zone = isb_view_zone(view, dname, isb_dname_len(dname));
	return zone ? zone->negative_ttl_s : 0;
}

static void a_view_whose_journal_is_gone_is_followed_by_one_made_anew(void **state)
{
	put_zone(*state, "example.com", 60);
	put_zone(*state, "example.org", 61);
	struct isb_view *first = follow(*state, NULL);
	put_zone(*state, "example.com", 70);
	put_zone(*state, "example.net", 71);
	struct session s = edit_begin(*state, "");
	assert_int_equal(isb_row_delete_all(s.txn, ISB_T_JOURNAL), ISB_OK);
	assert_int_equal(isb_edit_delete_object(s.edit, ISB_ZONE, "example.org"), ISB_OK);
	edit_commit(&s);

	struct isb_view *second = follow(*state, first);
	assert_int_equal(second->nzone, 2);
	assert_int_equal(negative_ttl(second, "example.com"), 70);
	assert_int_equal(negative_ttl(second, "example.net"), 71);
	assert_int_equal(negative_ttl(second, "example.org"), 0);
	assert_int_equal(negative_ttl(first, "example.com"), 60); /* it shares nothing with the other */
	isb_view_free(first);
	put_zone(*state, "example.com", 80); /* and from there on by the journal again */
	struct isb_view *third = follow(*state, second);
	isb_view_free(second);
	assert_int_equal(third->nzone, 2);
	assert_int_equal(negative_ttl(third, "example.com"), 80);
	assert_int_equal(negative_ttl(third, "example.net"), 71);
	isb_view_free(third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_view_whose_journal_is_gone_is_followed_by_one_made_anew, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(rows_that_do_not_fit_together_make_no_view, make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
