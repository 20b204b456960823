/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_test.h"

#include "isobar/store/healthdb.h"

/* --- What counts as a change --- */

static void an_edit_without_differences_leaves_the_generation_alone(void **state)
{
	struct session s = edit_begin(*state, "first");
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "a\n"), ISB_OK);
	assert_int_equal(edit_commit(&s), 1);

	s = edit_begin(*state, "same");
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "a\n"), ISB_OK);
	assert_int_equal(isb_edit_count(s.edit), 0);
	assert_int_equal(edit_commit(&s), 1);

	s = edit_begin(*state, "there and back");
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "b\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "tokyo", "t\n"), ISB_OK);
	assert_int_equal(isb_edit_count(s.edit), 2);
	assert_int_equal(isb_edit_delete_object(s.edit, ISB_REGION, "seoul"), ISB_OK);
	assert_int_equal(isb_edit_delete_object(s.edit, ISB_REGION, "tokyo"), ISB_OK);
	assert_int_equal(isb_edit_count(s.edit), 1);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "a\n"), ISB_OK);
	assert_int_equal(isb_edit_count(s.edit), 0);
	assert_null(isb_edit_change(s.edit, 0));
	assert_int_equal(edit_commit(&s), 1);
}

static void changes_come_in_the_order_made_with_before_and_after(void **state)
{
	struct session s = edit_begin(*state, "");
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "old\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "tokyo", "t\n"), ISB_OK);
	edit_commit(&s);

	s = edit_begin(*state, "");
	assert_int_equal(isb_edit_put_object(s.edit, ISB_ZONE, "example.com", "z\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "new\n"), ISB_OK);
	assert_int_equal(isb_edit_delete_object(s.edit, ISB_REGION, "tokyo"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "newer\n"), ISB_OK);
	static const struct {
		enum isb_kind kind;
		const char *key, *before, *after;
	} expect[] = {
		{ISB_ZONE, "example.com", NULL, "z\n"},
		{ISB_REGION, "seoul", "old\n", "newer\n"},
		{ISB_REGION, "tokyo", "t\n", NULL},
	};
	assert_int_equal(isb_edit_count(s.edit), 3);
	for (size_t i = 0; i < 3; i++) {
		const struct isb_change *change = isb_edit_change(s.edit, i);
		enum isb_kind kind = ISB_KIND_COUNT;
		const char *key = NULL;
		assert_int_equal(change->table, ISB_T_OBJECT);
		assert_int_equal(isb_change_object(change, &kind, &key), ISB_OK);
		assert_int_equal(kind, expect[i].kind);
		assert_string_equal(key, expect[i].key);
		if (expect[i].before)
			assert_string_equal(change->before.data, expect[i].before);
		else
			assert_true(!change->before.data && change->before.len == 0);
		if (expect[i].after)
			assert_string_equal(change->after.data, expect[i].after);
		else
			assert_true(!change->after.data && change->after.len == 0);
	}
	assert_null(isb_edit_change(s.edit, 3));
	edit_abort(&s);
}

static void deleting_what_is_not_there_is_said(void **state)
{
	struct session s = edit_begin(*state, "");
	assert_int_equal(isb_edit_delete_object(s.edit, ISB_POOL, "asia"), ISB_ENOTFOUND);
	assert_int_equal(isb_edit_delete_rrset(s.edit, name("a."), name("b.a."), ISB_A), ISB_ENOTFOUND);
	assert_int_equal(isb_edit_delete_rrset(s.edit, name("a."), name("b."), ISB_A), ISB_EINVAL);
	const struct isb_admin_row none = {.admin = ISB_ADMIN_AUTO};
	assert_int_equal(isb_edit_admin(s.edit, "asia/icn-1", &none), ISB_OK); /* as asked for already */
	assert_int_equal(isb_edit_count(s.edit), 0);
	assert_int_equal(edit_commit(&s), 0); /* and none of it spoils the edit */
}

static void a_malformed_rrset_is_refused(void **state)
{
	struct session s = edit_begin(*state, "");
	struct isb_rrset *set = (struct isb_rrset *)(uintptr_t)a_set(60, 1, 2);
	set->count = 3;
	assert_int_equal(isb_edit_put_rrset(s.edit, name("a."), name("b.a."), set), ISB_EFORMAT);
	set->count = 0;
	assert_int_equal(isb_edit_put_rrset(s.edit, name("a."), name("b.a."), set), ISB_EFORMAT);
	assert_int_equal(isb_edit_count(s.edit), 0);
	edit_abort(&s);
}

static void an_edit_over_a_read_transaction_fails_for_good(void **state)
{
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	struct session s = look(*state);
	uint64_t generation = 99;
	s.edit = isb_edit_new(s.txn, NULL, NULL, 0);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "a\n"), ISB_EREADONLY);
	assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_EREADONLY);
	assert_int_equal(generation, 99);
	isb_edit_free(s.edit);
	look_end(&s);
	isb_edit_free(NULL);
}

static void nothing_can_be_added_to_a_finished_edit(void **state)
{
	struct session s = edit_begin(*state, "");
	uint64_t generation;
	assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_OK);
	assert_int_equal(generation, 0);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "a\n"), ISB_EINVAL);
	assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_EINVAL);
	edit_abort(&s);
}

/* --- Whole zones --- */

static void put_a(struct isb_edit *edit, const char *owner, uint8_t last)
{
	assert_int_equal(isb_edit_put_rrset(edit, name("example.com."), name(owner), a_set(60, last, 1)), ISB_OK);
}

static int count_rrset(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	(void)owner;
	*(unsigned *)arg += 100u + set->rdata[5];
	return 0;
}

static unsigned zone_sum(const char *dir, const char *zone)
{
	struct session s = look(dir);
	unsigned sum = 0;
	assert_int_equal(isb_rrset_each(s.txn, name(zone), count_rrset, &sum), ISB_OK);
	look_end(&s);
	return sum;
}

static void a_zone_holds_exactly_what_was_put_and_only_differences_are_changes(void **state)
{
	struct session s = edit_begin(*state, "");
	assert_int_equal(isb_edit_zone_begin(s.edit, name("example.com.")), ISB_OK);
	put_a(s.edit, "a.example.com.", 1);
	put_a(s.edit, "b.example.com.", 2);
	put_a(s.edit, "c.example.com.", 3);
	put_a(s.edit, "d.example.com.", 4);
	assert_int_equal(isb_edit_zone_end(s.edit), ISB_OK);
	const struct isb_rrset *child = a_set(60, 9, 1);
	assert_int_equal(isb_edit_put_rrset(s.edit, name("b.example.com."), name("b.example.com."), child), ISB_OK);
	assert_int_equal(edit_commit(&s), 1);

	s = edit_begin(*state, "");
	assert_int_equal(isb_edit_zone_begin(s.edit, name("Example.com.")), ISB_OK);
	assert_int_equal(isb_edit_zone_begin(s.edit, name("example.org.")), ISB_EBUSY);
	put_a(s.edit, "A.example.com.", 1);
	put_a(s.edit, "c.example.com.", 33);
	put_a(s.edit, "e.example.com.", 5);
	assert_int_equal(isb_edit_delete_rrset(s.edit, name("example.com."), name("d.example.com."), ISB_A), ISB_OK);
	uint64_t generation;
	assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_EINVAL); /* the zone is half described */
	assert_int_equal(isb_edit_zone_end(s.edit), ISB_OK);
	assert_int_equal(isb_edit_zone_end(s.edit), ISB_EINVAL);
	assert_int_equal(isb_edit_count(s.edit), 4); /* c changed, e new, d and b gone */
	assert_int_equal(edit_commit(&s), 2);
	assert_int_equal(zone_sum(*state, "example.com."), 300 + 1 + 33 + 5);
	assert_int_equal(zone_sum(*state, "b.example.com."), 100 + 9);

	s = edit_begin(*state, "");
	assert_int_equal(isb_edit_zone_begin(s.edit, name("example.com.")), ISB_OK);
	put_a(s.edit, "a.example.com.", 1);
	put_a(s.edit, "c.example.com.", 33);
	put_a(s.edit, "e.example.com.", 5);
	assert_int_equal(isb_edit_zone_end(s.edit), ISB_OK);
	assert_int_equal(edit_commit(&s), 2); /* as it was */

	s = edit_begin(*state, "");
	assert_int_equal(isb_edit_zone_begin(s.edit, name("example.com.")), ISB_OK);
	assert_int_equal(isb_edit_zone_end(s.edit), ISB_OK);
	assert_int_equal(isb_edit_count(s.edit), 3);
	assert_int_equal(edit_commit(&s), 3);
	assert_int_equal(zone_sum(*state, "example.com."), 0);
	assert_int_equal(zone_sum(*state, "b.example.com."), 100 + 9);
}

/* --- Slots --- */

static void put_pool(struct isb_edit *edit, const char *pool, const char *endpoints)
{
	char body[512];
	snprintf(body, sizeof(body), "order: failover\nendpoints: {%s}\n", endpoints);
	assert_int_equal(isb_edit_put_object(edit, ISB_POOL, pool, body), ISB_OK);
}

static int join_slots(void *arg, const char *endpoint, uint32_t slot)
{
	size_t at = strlen(arg);
	snprintf((char *)arg + at, 512 - at, "%s=%u ", endpoint, slot);
	return 0;
}

static void assert_slots(const char *dir, const char *expect)
{
	struct session s = look(dir);
	char all[512] = "";
	assert_int_equal(isb_slot_each(s.txn, join_slots, all), ISB_OK);
	assert_string_equal(all, expect);
	look_end(&s);
}

static void a_slot_is_never_given_twice(void **state)
{
	struct session s = edit_begin(*state, "");
	put_pool(s.edit, "asia", "icn-2: {}, icn-1: {}");
	edit_commit(&s);
	assert_slots(*state, "asia/icn-1=1 asia/icn-2=0 ");

	s = edit_begin(*state, ""); /* one goes, two come, and one pool's name begins like the other's */
	put_pool(s.edit, "asia", "icn-1: {weight: 3}, icn-3: {}");
	put_pool(s.edit, "asia-2", "icn-2: {}");
	edit_commit(&s);
	assert_slots(*state, "asia-2/icn-2=3 asia/icn-1=1 asia/icn-3=2 ");

	s = edit_begin(*state, ""); /* all go */
	assert_int_equal(isb_edit_delete_object(s.edit, ISB_POOL, "asia"), ISB_OK);
	edit_commit(&s);
	assert_slots(*state, "asia-2/icn-2=3 ");

	s = edit_begin(*state, ""); /* the same names are other endpoints now */
	put_pool(s.edit, "asia", "icn-1: {}, icn-2: {}");
	edit_commit(&s);
	assert_slots(*state, "asia-2/icn-2=3 asia/icn-1=4 asia/icn-2=5 ");

	s = look(*state);
	uint32_t slot = 0;
	assert_int_equal(isb_slot_get(s.txn, "asia", "icn-2", &slot), ISB_OK);
	assert_int_equal(slot, 5);
	look_end(&s);
}

static void an_endpoint_that_stays_keeps_its_slot_through_delete_and_put(void **state)
{
	struct session s = edit_begin(*state, "");
	put_pool(s.edit, "asia", "icn-1: {}");
	put_pool(s.edit, "asia", "icn-1: {}, icn-2: {}");
	edit_commit(&s);
	s = edit_begin(*state, "");
	assert_int_equal(isb_edit_delete_object(s.edit, ISB_POOL, "asia"), ISB_OK);
	put_pool(s.edit, "asia", "icn-2: {}, icn-1: {}");
	edit_commit(&s);
	assert_slots(*state, "asia/icn-1=0 asia/icn-2=1 ");
}

static void a_pool_that_cannot_be_understood_stops_the_edit(void **state)
{
	static const char *const bodies[] = {"endpoints: [", "- a\n", "endpoints: 3\n", "endpoints: {a/b: {}}\n"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct session s = edit_begin(*state, "");
		uint64_t generation = 99;
		assert_int_equal(isb_edit_put_object(s.edit, ISB_POOL, "asia", bodies[i]), ISB_OK);
		assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_EFORMAT);
		assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_EFORMAT);
		assert_int_equal(generation, 99);
		edit_abort(&s);
	}
}

static void when_all_slots_were_given_the_store_is_full(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	assert_int_equal(isb_row_put(txn, ISB_T_META, (struct isb_slice){"next-slot", 10},
	                             (struct isb_slice){"\377\377\377\376", 4}), ISB_OK);
	assert_int_equal(isb_txn_commit(txn), ISB_OK);
	isb_store_close(store);

	struct session s = edit_begin(*state, "");
	put_pool(s.edit, "a", "e: {}");
	edit_commit(&s);
	assert_slots(*state, "a/e=4294967294 ");
	s = edit_begin(*state, "");
	uint64_t generation;
	put_pool(s.edit, "b", "e: {}");
	assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_EFULL);
	edit_abort(&s);
}

static int never_called(void *arg, const char *endpoint, uint32_t slot)
{
	(void)arg;
	(void)endpoint;
	(void)slot;
	fail();
	return 0;
}

static void a_slot_that_was_never_given_is_an_error(void **state)
{
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	static const struct isb_slice number = {"\377\377\377\377", 4};
	assert_int_equal(isb_row_put(txn, ISB_T_SLOT, (struct isb_slice){"a/e", 4}, number), ISB_OK);
	assert_int_equal(isb_slot_each(txn, never_called, NULL), ISB_EFORMAT);
	assert_int_equal(isb_row_put(txn, ISB_T_META, (struct isb_slice){"next-slot", 10}, number), ISB_OK);
	assert_int_equal(isb_slot_each(txn, never_called, NULL), ISB_EFORMAT);
	isb_txn_abort(txn);
	isb_store_close(store);
}

/* --- Admin states --- */

static const struct isb_admin_row drain = {ISB_ADMIN_DRAIN, 1000, 2000, "ada", "new kernel"};

static int join_admin(void *arg, const char *endpoint, const struct isb_admin_row *row)
{
	size_t at = strlen(arg);
	snprintf((char *)arg + at, 512 - at, "%s=%s ", endpoint, isb_admin_name(row->admin));
	return 0;
}

static void assert_admin(const char *dir, const char *expect)
{
	struct session s = look(dir);
	char all[512] = "";
	assert_int_equal(isb_admin_each(s.txn, join_admin, all), ISB_OK);
	assert_string_equal(all, expect);
	look_end(&s);
}

static void an_admin_state_is_kept_until_auto(void **state)
{
	struct session s = edit_begin(*state, "");
	put_pool(s.edit, "asia", "icn-1: {}");
	assert_int_equal(isb_edit_admin(s.edit, "asia/icn-1", &drain), ISB_OK); /* together with its endpoint */
	edit_commit(&s);
	s = look(*state);
	struct isb_admin_row row;
	assert_int_equal(isb_admin_get(s.txn, "asia/icn-1", &row), ISB_OK);
	assert_int_equal(row.admin, ISB_ADMIN_DRAIN);
	assert_int_equal(row.since_ms, 1000);
	assert_int_equal(row.until_ms, 2000);
	assert_string_equal(row.author, "ada");
	assert_string_equal(row.reason, "new kernel");
	look_end(&s);

	s = edit_begin(*state, "");
	const struct isb_admin_row none = {.admin = ISB_ADMIN_AUTO};
	assert_int_equal(isb_edit_admin(s.edit, "asia/icn-1", &none), ISB_OK);
	edit_commit(&s);
	assert_admin(*state, "");
}

static void an_admin_state_goes_with_its_endpoint(void **state)
{
	struct session s = edit_begin(*state, "");
	put_pool(s.edit, "asia", "icn-1: {}, icn-2: {}");
	put_pool(s.edit, "us", "iad-1: {}");
	assert_int_equal(isb_edit_admin(s.edit, "asia/icn-1", &drain), ISB_OK);
	assert_int_equal(isb_edit_admin(s.edit, "asia/icn-2", &drain), ISB_OK);
	assert_int_equal(isb_edit_admin(s.edit, "us/iad-1", &drain), ISB_OK);
	edit_commit(&s);
	s = edit_begin(*state, "");
	put_pool(s.edit, "asia", "icn-2: {}, icn-3: {}");
	assert_int_equal(isb_edit_delete_object(s.edit, ISB_POOL, "us"), ISB_OK);
	assert_int_equal(isb_edit_count(s.edit), 2);
	uint64_t generation;
	assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_OK);
	assert_int_equal(isb_edit_count(s.edit), 4); /* the lost states are changes too */
	isb_edit_free(s.edit);
	assert_int_equal(isb_txn_commit(s.txn), ISB_OK);
	isb_store_close(s.store);
	assert_admin(*state, "asia/icn-2=drain ");
}

static void an_admin_state_without_an_endpoint_is_refused(void **state)
{
	struct session s = edit_begin(*state, "");
	uint64_t generation;
	put_pool(s.edit, "asia", "icn-1: {}");
	assert_int_equal(isb_edit_admin(s.edit, "asia/icn-2", &drain), ISB_OK);
	assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_ENOTFOUND);
	edit_abort(&s);
}

static void a_state_that_is_none_is_refused(void **state)
{
	struct session s = edit_begin(*state, "");
	struct isb_admin_row row = drain;
	row.admin = ISB_ADMIN_FAILBACK + 1;
	assert_int_equal(isb_edit_admin(s.edit, "asia/icn-1", &row), ISB_EINVAL);
	row.admin = ISB_ADMIN_FAILBACK;
	row.until_ms = 0; /* a consent to what? */
	assert_int_equal(isb_edit_admin(s.edit, "asia/icn-1", &row), ISB_EINVAL);
	row = drain;
	row.until_ms = -1;
	assert_int_equal(isb_edit_admin(s.edit, "asia/icn-1", &row), ISB_EINVAL);
	assert_int_equal(isb_edit_admin(s.edit, "", &drain), ISB_EINVAL);
	edit_abort(&s);
}

/* --- Rollouts --- */

static struct isb_rollout to_next(void)
{
	return (struct isb_rollout){.to = "next", .times = {.started_ms = 1, .nstep = 1, .step = {50}},
	                            .slot = (uint32_t)ISB_SLOT_ALL, .author = "ada", .reason = ""};
}

static struct session with_rollout(const char *dir)
{
	struct session s = edit_begin(dir, "");
	struct isb_rollout rollout = to_next();
	put_pool(s.edit, "asia", "icn-1: {}");
	assert_int_equal(isb_edit_put_object(s.edit, ISB_RECORD, "example.com/www", "policy: asia\n"), ISB_OK);
	assert_int_equal(isb_edit_rollout(s.edit, "example.com/www", &rollout), ISB_OK);
	edit_commit(&s);
	return edit_begin(dir, "");
}

static uint32_t slot_of_rollout(struct session *s)
{
	struct isb_rollout rollout;
	assert_int_equal(isb_rollout_get(s->txn, "example.com/www", &rollout), ISB_OK);
	return rollout.slot;
}

static void a_rollout_has_a_slot_that_nobody_had(void **state)
{
	struct session s = with_rollout(*state);
	struct isb_rollout rollout = to_next();
	uint32_t slot = slot_of_rollout(&s), endpoint;
	assert_int_equal(isb_slot_get(s.txn, "asia", "icn-1", &endpoint), ISB_OK);
	assert_int_not_equal(slot, endpoint);
	rollout.slot = slot; /* as before */
	assert_int_equal(isb_edit_rollout(s.edit, "example.com/www", &rollout), ISB_OK);
	assert_int_equal(isb_edit_count(s.edit), 0);
	assert_int_equal(isb_edit_rollout(s.edit, "example.com/www", NULL), ISB_OK);
	assert_int_equal(isb_edit_rollout(s.edit, "example.com/www", NULL), ISB_OK); /* as asked for already */
	assert_int_equal(isb_edit_count(s.edit), 1);
	edit_commit(&s);
	s = edit_begin(*state, "");
	put_pool(s.edit, "asia", "icn-1: {}, icn-2: {}");
	rollout.slot = (uint32_t)ISB_SLOT_ALL;
	assert_int_equal(isb_edit_rollout(s.edit, "example.com/www", &rollout), ISB_OK);
	uint32_t again = slot_of_rollout(&s);
	assert_true(again > slot);
	edit_commit(&s);
	s = look(*state);
	assert_int_equal(isb_slot_get(s.txn, "asia", "icn-2", &endpoint), ISB_OK);
	assert_true(endpoint > slot && endpoint != again);
	look_end(&s);
}

static void a_rollout_without_its_record_is_refused(void **state)
{
	struct session s = with_rollout(*state);
	struct isb_rollout rollout = to_next();
	uint64_t generation;
	assert_int_equal(isb_edit_delete_object(s.edit, ISB_RECORD, "example.com/www"), ISB_OK);
	assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_ENOTFOUND);
	edit_abort(&s);
	s = edit_begin(*state, "");
	assert_int_equal(isb_edit_rollout(s.edit, "example.com/api", &rollout), ISB_OK);
	assert_int_equal(isb_edit_finish(s.edit, &generation), ISB_ENOTFOUND);
	edit_abort(&s);
	s = edit_begin(*state, "");
	rollout.times.step[0] = 0;
	assert_int_equal(isb_edit_rollout(s.edit, "example.com/www", &rollout), ISB_EINVAL);
	assert_int_equal(isb_edit_rollout(s.edit, "", NULL), ISB_EINVAL);
	assert_int_equal(isb_edit_rollout(s.edit, "example.com/www", NULL), ISB_OK); /* both together may go */
	assert_int_equal(isb_edit_delete_object(s.edit, ISB_RECORD, "example.com/www"), ISB_OK);
	edit_commit(&s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_edit_without_differences_leaves_the_generation_alone),
		T(changes_come_in_the_order_made_with_before_and_after),
		T(deleting_what_is_not_there_is_said),
		T(a_malformed_rrset_is_refused),
		T(an_edit_over_a_read_transaction_fails_for_good),
		T(nothing_can_be_added_to_a_finished_edit),
		T(a_zone_holds_exactly_what_was_put_and_only_differences_are_changes),
		T(a_slot_is_never_given_twice),
		T(an_endpoint_that_stays_keeps_its_slot_through_delete_and_put),
		T(a_pool_that_cannot_be_understood_stops_the_edit),
		T(when_all_slots_were_given_the_store_is_full),
		T(a_slot_that_was_never_given_is_an_error),
		T(an_admin_state_is_kept_until_auto),
		T(an_admin_state_goes_with_its_endpoint),
		T(an_admin_state_without_an_endpoint_is_refused),
		T(a_rollout_has_a_slot_that_nobody_had),
		T(a_rollout_without_its_record_is_refused),
		T(a_state_that_is_none_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
