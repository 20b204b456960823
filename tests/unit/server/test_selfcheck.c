/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/dns/respond.h"
#include "server/selfcheck.h"

/* An answerer that the test tells what to say, in the place of isb_respond() and what stands around it. */

static struct {
	unsigned asked;
	uint8_t names[3][ISB_DNAME_MAX];
	uint16_t flags, answers, id_off;
	size_t len;      /* 0: all that there is */
	unsigned from;   /* what is said above goes for questions from this one on; before, the right answer */
} told;

size_t isb_respond(struct isb_context *ctx, const struct isb_client *client, const uint8_t *in, size_t in_len, uint8_t *out,
                   size_t out_cap)
{
	(void)client;
	assert_non_null(ctx->view);
	assert_true(in_len <= out_cap && in_len >= 12 + 5);
	assert_memory_equal(in + in_len - 4, "\0\6\0\1", 4); /* SOA, IN */
	bool scripted = told.asked >= told.from;
	memcpy(told.names[told.asked++ % 3], in + 12, in_len - 16);
	memcpy(out, in, in_len);
	uint16_t flags = scripted ? told.flags : 0x8400, answers = scripted ? told.answers : 1;
	out[1] = (uint8_t)(out[1] + (scripted ? told.id_off : 0));
	out[2] = (uint8_t)(flags >> 8);
	out[3] = (uint8_t)flags;
	out[7] = (uint8_t)answers;
	return scripted && told.len ? told.len - 1 : in_len;
}

void isb_context_init(struct isb_context *ctx, uint64_t seed)
{
	*ctx = (struct isb_context){0};
	(void)seed;
}

void isb_context_done(struct isb_context *ctx)
{
	(void)ctx;
}

void isb_context_turn_to(struct isb_context *ctx, const struct isb_view *view)
{
	ctx->turned_to = view;
}

void isb_context_begin(struct isb_context *ctx, const struct isb_view *view, const struct isb_health_table *health,
                       int64_t now_ms)
{
	assert_ptr_equal(ctx->turned_to, view);
	assert_int_equal(health->chunks, 0);
	assert_int_equal(now_ms, 1000);
	ctx->view = view;
}

static struct isb_zone_view *zone(const char *apex, size_t len)
{
	struct isb_zone_view *z = isb_xcalloc(1, sizeof(*z) + len);
	z->apex_len = (uint8_t)len;
	memcpy(z->apex, apex, len);
	return z;
}

/* With the zones a.test and b.test, or with none. */
static int check(bool zones, struct isb_diags *diags)
{
	static const struct isb_settings none;
	struct isb_plan plan = {0};
	struct isb_view view = {.nzone = zones ? 2 : 0, .plan = &plan};
	struct isb_zone_view *a = zone("\1a\4test", 8), *b = zone("\1b\4test", 8);
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	struct isb_garbage *garbage;
	uint8_t key[2 + ISB_DNAME_MAX];
	for (int i = 0; zones && i < 2; i++) {
		isb_apex_key((i ? b : a)->apex, 8, key);
		isb_names_put_payload(edit, key, i ? b : a);
	}
	view.zones = isb_names_commit(edit, &garbage);
	isb_garbage_free(garbage);
	told.asked = 0;
	memset(told.names, 0, sizeof(told.names));
	int rc = isb_selfcheck(&view, &none, 1000, diags);
	isb_names_free(view.zones);
	free(a);
	free(b);
	return rc;
}

static void every_zone_is_asked_for(void **state)
{
	(void)state;
	struct isb_diags diags = {0};
	told.flags = 0x8400;
	told.answers = 1;
	assert_int_equal(check(true, &diags), ISB_OK);
	assert_int_equal(told.asked, 2);
	bool a_first = told.names[0][1] == 'a';
	assert_memory_equal(told.names[!a_first], "\1a\4test", 8);
	assert_memory_equal(told.names[a_first], "\1b\4test", 8);
	assert_int_equal(diags.count, 0);
}

static void a_wrong_answer_fails_and_is_named(void **state)
{
	(void)state;
	static const struct {
		uint16_t flags, answers, id_off;
		size_t len;
		const char *said;
	} wrong[] = {
		{.flags = 0x8402, .answers = 1, .said = "something else"}, /* SERVFAIL */
		{.flags = 0x8000, .answers = 1, .said = "something else"}, /* without AA */
		{.flags = 0x0400, .answers = 1, .said = "something else"}, /* no response */
		{.flags = 0x8400, .answers = 0, .said = "something else"},
		{.flags = 0x8400, .answers = 1, .id_off = 1, .said = "something else"},
		{.flags = 0x8400, .answers = 1, .len = 1 + 11, .said = "something else"},
		{.flags = 0x8400, .answers = 1, .len = 1, .said = "nothing"},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		for (told.from = 0; told.from < 2; told.from++) { /* the last of them counts like the first */
			struct isb_diags diags = {0};
			told.flags = wrong[i].flags;
			told.answers = wrong[i].answers;
			told.id_off = wrong[i].id_off;
			told.len = wrong[i].len;
			assert_int_equal(check(true, &diags), ISB_EINVAL);
			assert_int_equal(told.asked, told.from + 1);
			assert_int_equal(diags.count, 1);
			assert_non_null(strstr(diags.list[0].text, ".test. SOA'"));
			assert_non_null(strstr(diags.list[0].text, wrong[i].said));
			isb_diags_done(&diags);
		}
	memset(&told, 0, sizeof(told));
}

static void without_zones_it_must_refuse(void **state)
{
	(void)state;
	struct isb_diags diags = {0};
	told.flags = 0x8005;
	assert_int_equal(check(false, &diags), ISB_OK);
	assert_int_equal(told.asked, 1);
	told.flags = 0x8000;
	assert_int_equal(check(false, &diags), ISB_EINVAL);
	isb_diags_done(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_zone_is_asked_for),
		cmocka_unit_test(a_wrong_answer_fails_and_is_named),
		cmocka_unit_test(without_zones_it_must_refuse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
