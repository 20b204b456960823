/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_test.h"

#include "isobar/store/codec.h"
#include "isobar/store/healthdb.h"

static void an_empty_store_has_nothing(void **state)
{
	isb_store_close(open_store(*state, ISB_STORE_WRITE_CATALOG));
	struct session s = look(*state);
	const struct isb_rrset *set = NULL;
	const char *body = NULL;
	uint32_t slot = 7;
	struct isb_admin_row row;
	assert_int_equal(isb_generation(s.txn), 0);
	assert_int_equal(isb_object_get(s.txn, ISB_POOL, "asia", &body), ISB_ENOTFOUND);
	assert_int_equal(isb_rrset_get(s.txn, name("a."), name("b.a."), ISB_A, &set), ISB_ENOTFOUND);
	assert_int_equal(isb_slot_get(s.txn, "asia", "icn-1", &slot), ISB_ENOTFOUND);
	assert_int_equal(slot, 7);
	assert_int_equal(isb_admin_get(s.txn, "asia/icn-1", &row), ISB_ENOTFOUND);
	look_end(&s);
}

/* --- Objects --- */

static int join_objects(void *arg, const char *key, const char *body)
{
	strcat(strcat(strcat(arg, key), "="), body);
	return 0;
}

static void objects_are_kept_by_kind_and_key(void **state)
{
	struct session s = edit_begin(*state, "");
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "r\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_CHECK, "web", "c\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_CHECK, "we", "b\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_RECORD, "example.com/www", "d\n"), ISB_OK);
	assert_int_equal(edit_commit(&s), 1);

	s = look(*state);
	const char *body = NULL;
	char all[256] = "";
	assert_int_equal(isb_object_get(s.txn, ISB_CHECK, "we", &body), ISB_OK);
	assert_string_equal(body, "b\n");
	assert_int_equal(isb_object_get(s.txn, ISB_REGION, "we", &body), ISB_ENOTFOUND);
	for (enum isb_kind kind = 0; kind < ISB_KIND_COUNT; kind++)
		assert_int_equal(isb_object_each(s.txn, kind, join_objects, all), ISB_OK);
	assert_string_equal(all, "seoul=r\nwe=b\nweb=c\nexample.com/www=d\n");
	assert_int_equal(isb_object_each(s.txn, ISB_KIND_COUNT, join_objects, all), ISB_EINVAL);
	look_end(&s);
}

static void a_key_too_long_or_empty_is_refused(void **state)
{
	char key[600];
	memset(key, 'k', sizeof(key));
	struct session s = edit_begin(*state, "");
	key[510] = '\0';
	assert_int_equal(isb_edit_put_object(s.edit, ISB_CHECK, key, "{}\n"), ISB_ERANGE);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_CHECK, "", "{}\n"), ISB_EINVAL);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_POOL, "a/b", "{}\n"), ISB_EINVAL);
	key[509] = '\0';
	assert_int_equal(isb_edit_put_object(s.edit, ISB_CHECK, key, "{}\n"), ISB_OK);
	edit_abort(&s);
}

static void octets_that_are_no_object_are_malformed_and_not_followed(void **state)
{
	static const struct {
		struct isb_slice key, value;
	} rows[] = {
		{{"\1x", 2}, {"body", 5}},     /* no NUL behind the key */
		{{"\1x\0y", 5}, {"body", 5}},  /* a NUL inside */
		{{"\1x", 3}, {"body", 4}},     /* none behind the body */
		{{"\1x", 3}, {"bo\0dy", 6}},
		{{"\1x", 3}, {NULL, 0}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
		struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
		struct isb_catalog catalog;
		struct isb_diags diags;
		char all[64] = "";
		assert_int_equal(isb_row_put(txn, ISB_T_OBJECT, rows[i].key, rows[i].value), ISB_OK);
		assert_int_equal(isb_object_each(txn, ISB_REGION, join_objects, all), ISB_EFORMAT);
		isb_catalog_init(&catalog);
		isb_diags_init(&diags);
		assert_int_equal(isb_catalog_load(txn, &catalog, &diags), ISB_EFORMAT);
		assert_int_equal(diags.count, 1);
		isb_catalog_done(&catalog);
		isb_diags_done(&diags);
		isb_txn_abort(txn);
		isb_store_close(store);
	}
}

static void the_catalog_is_read_back_whole(void **state)
{
	struct session s = edit_begin(*state, "");
	assert_int_equal(isb_edit_put_object(s.edit, ISB_RECORD, "example.com/www", "types: [A]\npolicy: asia\n"),
	                 ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_ZONE, "example.com", "{}\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "location: [37.57, 126.98]\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_POOL, "asia",
	                                     "endpoints:\n  icn-1:\n    region: seoul\n    address: 192.0.2.10\n"),
	                 ISB_OK);
	edit_commit(&s);

	s = look(*state);
	struct isb_catalog catalog;
	struct isb_diags diags;
	isb_catalog_init(&catalog);
	isb_diags_init(&diags);
	int rc = isb_catalog_load(s.txn, &catalog, &diags);
	isb_diags_print(&diags, stderr);
	assert_int_equal(rc, ISB_OK);
	assert_int_equal(catalog.nregion, 1);
	const struct isb_pool *pool = isb_catalog_pool(&catalog, "asia");
	assert_non_null(pool);
	assert_string_equal(pool->endpoints[0].name, "icn-1");
	assert_string_equal(pool->mark.file, "pool/asia");
	const struct isb_zone *zone = isb_catalog_zone(&catalog, "example.com");
	assert_non_null(zone);
	assert_int_equal(zone->nrecord, 1);
	assert_string_equal(zone->records[0].owner, "www");
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	look_end(&s);
}

static void every_row_that_cannot_be_read_is_listed(void **state)
{
	struct session s = edit_begin(*state, "");
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "busan", "location: [1\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "seoul", "location: [37.57, 126.98]\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_REGION, "tokyo", "locatoin: [35.7, 139.7]\n"), ISB_OK);
	edit_commit(&s);

	s = look(*state);
	struct isb_catalog catalog;
	struct isb_diags diags;
	isb_catalog_init(&catalog);
	isb_diags_init(&diags);
	assert_int_equal(isb_catalog_load(s.txn, &catalog, &diags), ISB_EFORMAT);
	assert_in_range(diags.count, 2, 3);
	assert_string_equal(diags.list[0].at.file, "region/busan");
	assert_string_equal(diags.list[diags.count - 1].at.file, "region/tokyo");
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	look_end(&s);
}

/* --- Rrsets --- */

struct owners {
	char names[2048];
	unsigned count;
};
static int join_owners(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	struct owners *owners = arg;
	char print[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	assert_int_equal((uintptr_t)set % 8, 0);
	assert_true(isb_rrset_check(set, isb_rrset_bytes(set)));
	owners->count++;
	strcat(strcat(owners->names, isb_dname_print(owner, print)), "/");
	strcat(strcat(owners->names, isb_type_print(set->type, type)), " ");
	return 0;
}

static void only_zones_with_records_belong_to_what_steers(void **state)
{
	static const char *const zones[] = {"example.com", "example.net", "example.org", "0/25.2.0.192.in-addr.arpa"};
	struct session s = edit_begin(*state, "");
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		assert_int_equal(isb_edit_put_object(s.edit, ISB_ZONE, zones[i], "{}\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_RECORD, "example.net/www", "types: [A]\npolicy: asia\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_RECORD, "example.net/www2", "types: [A]\npolicy: asia\n"), ISB_OK);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_RECORD, "0/25.2.0.192.in-addr.arpa/1/2",
	                                     "types: [A]\npolicy: asia\n"), ISB_OK);
	edit_commit(&s);

	s = look(*state);
	struct isb_catalog catalog;
	struct isb_diags diags;
	isb_catalog_init(&catalog);
	isb_diags_init(&diags);
	assert_int_equal(isb_catalog_load_steering(s.txn, &catalog, &diags), ISB_OK);
	assert_int_equal(catalog.nzone, 2);
	assert_int_equal(isb_catalog_zone(&catalog, zones[1])->nrecord, 2);
	assert_int_equal(isb_catalog_zone(&catalog, zones[3])->nrecord, 1);
	assert_string_equal(isb_catalog_zone(&catalog, zones[3])->records[0].owner, "1/2");
	assert_int_equal(isb_catalog_load_zone(s.txn, &catalog, zones[0], &diags), ISB_OK);
	assert_int_equal(isb_catalog_load_zone(s.txn, &catalog, zones[0], &diags), ISB_OK);
	assert_int_equal(isb_catalog_load_zone(s.txn, &catalog, "example.edu", &diags), ISB_ENOTFOUND);
	assert_int_equal(catalog.nzone, 3);
	assert_string_equal(isb_catalog_zone(&catalog, zones[0])->mark.file, "zone/example.com");
	isb_catalog_done(&catalog);

	isb_catalog_init(&catalog);
	assert_int_equal(isb_catalog_load_zone(s.txn, &catalog, zones[1], &diags), ISB_OK);
	assert_int_equal(isb_catalog_load_zone(s.txn, &catalog, zones[3], &diags), ISB_OK);
	assert_int_equal(catalog.nzone, 2);
	assert_int_equal(isb_catalog_zone(&catalog, zones[1])->nrecord, 2);
	assert_int_equal(isb_catalog_zone(&catalog, zones[3])->nrecord, 1);
	isb_catalog_done(&catalog);

	isb_catalog_init(&catalog);
	assert_int_equal(isb_catalog_load(s.txn, &catalog, &diags), ISB_OK);
	assert_int_equal(catalog.nzone, 4);
	assert_int_equal(diags.count, 0);
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	look_end(&s);
}

static void a_record_without_its_zone_is_told_of(void **state)
{
	struct session s = edit_begin(*state, "");
	assert_int_equal(isb_edit_put_object(s.edit, ISB_RECORD, "example.net/www", "types: [A]\npolicy: asia\n"), ISB_OK);
	edit_commit(&s);
	s = look(*state);
	struct isb_catalog catalog;
	struct isb_diags diags;
	isb_catalog_init(&catalog);
	isb_diags_init(&diags);
	assert_int_equal(isb_catalog_load_steering(s.txn, &catalog, &diags), ISB_EFORMAT);
	assert_int_equal(diags.count, 1);
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	look_end(&s);
}

static void put_a(struct isb_edit *edit, const char *zone, const char *owner)
{
	assert_int_equal(isb_edit_put_rrset(edit, name(zone), name(owner), a_set(300, 1, 1)), ISB_OK);
}

static void an_rrset_comes_back_as_it_was(void **state)
{
	struct session s = edit_begin(*state, "");
	const struct isb_rrset *put = a_set(0x01020304, 10, 3);
	assert_int_equal(isb_edit_put_rrset(s.edit, name("Example.COM."), name("WWW.example.com."), put), ISB_OK);
	edit_commit(&s);
	s = look(*state);
	const struct isb_rrset *set = NULL;
	assert_int_equal(isb_rrset_get(s.txn, name("example.com."), name("www.EXAMPLE.com."), ISB_A, &set), ISB_OK);
	assert_int_equal((uintptr_t)set % 8, 0);
	assert_memory_equal(set, a_set(0x01020304, 10, 3), sizeof(*set) + 18);
	assert_int_equal(isb_rrset_get(s.txn, name("example.com."), name("www.example.com."), ISB_AAAA, &set),
	                 ISB_ENOTFOUND);
	assert_int_equal(isb_rrset_get(s.txn, name("com."), name("www.example.com."), ISB_A, &set), ISB_ENOTFOUND);
	assert_int_equal(isb_rrset_get(s.txn, name("example.com."), name("www.example.org."), ISB_A, &set), ISB_EINVAL);
	look_end(&s);
}

static void a_zones_rows_are_its_own_and_a_name_comes_before_those_below_it(void **state)
{
	struct session s = edit_begin(*state, "");
	put_a(s.edit, "example.com.", "b.example.com.");
	put_a(s.edit, "example.com.", "a.b.example.com.");
	put_a(s.edit, "example.com.", "bb.example.com.");
	put_a(s.edit, "example.com.", "b-b.example.com.");
	put_a(s.edit, "example.com.", "\\000.b.example.com.");
	put_a(s.edit, "example.com.", "\\001.b.example.com.");
	put_a(s.edit, "example.com.", "\\000\\002.b.example.com.");
	put_a(s.edit, "example.com.", "\\002.b.example.com.");
	put_a(s.edit, "example.com.", "b\\000.example.com.");
	put_a(s.edit, "example.com.", "*.b.example.com.");
	put_a(s.edit, "example.com.", "example.com.");
	put_a(s.edit, "example.com.", "sub.example.com."); /* glue or a leftover: another row than the child's apex */
	put_a(s.edit, "sub.example.com.", "sub.example.com.");
	put_a(s.edit, "sub.example.com.", "b.sub.example.com.");
	put_a(s.edit, "com.", "example.com.");
	put_a(s.edit, "example.comm.", "example.comm.");
	put_a(s.edit, ".", "example.com.");
	edit_commit(&s);

	static const struct {
		const char *zone, *expect;
	} cases[] = {
		{"example.com.",
	         "example.com./A b.example.com./A \\000.b.example.com./A \\000\\002.b.example.com./A "
	         "\\001.b.example.com./A \\002.b.example.com./A *.b.example.com./A a.b.example.com./A "
	         "b\\000.example.com./A b-b.example.com./A bb.example.com./A sub.example.com./A "},
		{"sub.example.com.", "sub.example.com./A b.sub.example.com./A "},
		{"com.", "example.com./A "},
		{"example.comm.", "example.comm./A "},
		{".", "example.com./A "},
		{"exampl.com.", ""},
		{"b.example.com.", ""},
	};
	s = look(*state);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct owners owners = {0};
		assert_int_equal(isb_rrset_each(s.txn, name(cases[i].zone), join_owners, &owners), ISB_OK);
		assert_string_equal(owners.names, cases[i].expect);
	}
	static const struct {
		const char *owner;
		bool below;
		const char *expect;
	} parts[] = {
		{"b.example.com.", false, "b.example.com./A "},
		{"B.example.com.", true,
	         "b.example.com./A \\000.b.example.com./A \\000\\002.b.example.com./A "
	         "\\001.b.example.com./A \\002.b.example.com./A *.b.example.com./A a.b.example.com./A "},
		{"b\\000.example.com.", true, "b\\000.example.com./A "},
		{"c.example.com.", true, ""},
		{"example.com.", false, "example.com./A "},
		{"example.com.", true, cases[0].expect},
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct owners owners = {0};
		assert_int_equal(isb_rrset_each_at(s.txn, name("example.com."), name(parts[i].owner), parts[i].below, join_owners,
		                                   &owners), ISB_OK);
		assert_string_equal(owners.names, parts[i].expect);
	}
	look_end(&s);
}

static void the_longest_names_fit_a_key(void **state)
{
	(void)state;
	uint8_t longest[ISB_DNAME_MAX] = {0};
	size_t at = 0;
	for (unsigned i = 0; i < 4; i++) {
		longest[at] = i < 3 ? 63 : 61;
		at += 1u + longest[at]; /* octets of zero: each takes two in the key */
	}
	assert_int_equal(isb_dname_check(longest, sizeof(longest)), 255);
	static const uint8_t root[1] = {0};
	for (unsigned up = 0; up <= 4; up++) {
		const uint8_t *zone = up < 4 ? isb_dname_up(longest, up) : root;
		struct isb_key key;
		assert_int_equal(isb_key_rrset(&key, zone, longest, 0xffff), ISB_OK);
		assert_int_equal(key.len, 508);
		struct isb_change change = {.table = ISB_T_RRSET, .key = isb_key_slice(&key)};
		uint8_t got_zone[255], got_owner[255];
		uint16_t type = 0;
		assert_int_equal(isb_change_rrset(&change, got_zone, got_owner, &type), ISB_OK);
		assert_memory_equal(got_zone, zone, isb_dname_len(zone));
		assert_memory_equal(got_owner, longest, 255);
		assert_int_equal(type, 0xffff);
	}
	uint8_t many[ISB_DNAME_MAX] = {0};
	for (unsigned i = 0; i < 127; i++)
		memcpy(many + 2 * i, "\1\1", 2);
	struct isb_key key;
	assert_int_equal(isb_key_rrset(&key, many, many, 1), ISB_OK);
	assert_int_equal(key.len, 127 * 3 + 4);
}

static void keys_that_no_name_made_are_malformed(void **state)
{
	(void)state;
	static const struct isb_slice keys[] = {
		{"", 0}, {"\0", 1}, {"\0\0", 2}, {"\0\0\0", 3}, {"a", 1}, {"a\0\0a\0\0\0\1\0", 9}, {"a\1\0\0\0\0\1", 7},
		{"a\1\3\0\0\0\0\1", 8}, {"a\1", 2},
		{"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg\0\0\0\0\1", 69}, /* a label of 64 */
	};
	uint8_t zone[255], owner[255];
	uint16_t type;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct isb_change change = {.table = ISB_T_RRSET, .key = keys[i]};
		assert_int_equal(isb_change_rrset(&change, zone, owner, &type), ISB_EFORMAT);
	}
	uint8_t long_name[300];
	for (size_t i = 0; i < sizeof(long_name); i++) /* 130 labels of one octet, then the end */
		long_name[i] = i < 260 && i % 2 == 0 ? 'x' : 0;
	struct isb_change change = {.table = ISB_T_RRSET, .key = {long_name, 264}};
	assert_int_equal(isb_change_rrset(&change, zone, owner, &type), ISB_EFORMAT);
	change.table = ISB_T_OBJECT;
	assert_int_equal(isb_change_rrset(&change, zone, owner, &type), ISB_EINVAL);
}

static void an_rrset_value_that_does_not_add_up_is_malformed(void **state)
{
	static const struct isb_slice values[] = {
		{"", 0},
		{"\0\0\0\1\0", 5},
		{"\0\0\0\1\0\0", 6},                            /* no rdata at all */
		{"\0\0\0\1\0\1\0\4\300\0\2", 11},               /* an address cut short */
		{"\0\0\0\1\0\1\0\3\300\0\2", 11},               /* three octets of address */
		{"\0\0\0\1\0\2\0\4\300\0\2\1", 12},             /* one of two */
		{"\0\0\0\1\0\1\0\4\300\0\2\1\0", 13},           /* one octet more */
	};
	struct isb_key key;
	assert_int_equal(isb_key_rrset(&key, name("a."), name("b.a."), ISB_A), ISB_OK);
	for (size_t i = 1; i < sizeof(values) / sizeof(values[0]); i++) {
		struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
		struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
		const struct isb_rrset *set = NULL;
		struct owners owners = {0};
		assert_int_equal(isb_row_put(txn, ISB_T_RRSET, isb_key_slice(&key), values[i]), ISB_OK);
		assert_int_equal(isb_rrset_get(txn, name("a."), name("b.a."), ISB_A, &set), ISB_EFORMAT);
		assert_int_equal(isb_rrset_each(txn, name("a."), join_owners, &owners), ISB_EFORMAT);
		assert_int_equal(owners.count, 0);
		assert_null(set);
		isb_txn_abort(txn);
		isb_store_close(store);
	}
}

static int stop_at_second(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	(void)owner;
	(void)set;
	return ++*(int *)arg == 2 ? 42 : 0;
}

static void a_large_zone_is_walked_whole_and_until_stopped(void **state)
{
	enum { MANY = 20000 };
	struct session s = edit_begin(*state, "");
	for (unsigned i = 0; i < MANY; i++) {
		char owner[64];
		snprintf(owner, sizeof(owner), "h%u.s%u.example.com.", i, i % 37);
		uint8_t wire[ISB_DNAME_MAX];
		assert_true(isb_dname_parse(owner, NULL, wire) > 0);
		assert_int_equal(isb_edit_put_rrset(s.edit, name("example.com."), wire, a_set(60, 1, 2)), ISB_OK);
	}
	edit_commit(&s);
	s = look(*state);
	int count = 0;
	assert_int_equal(isb_rrset_each(s.txn, name("example.com."), stop_at_second, &count), 42);
	assert_int_equal(count, 2);
	count = 3;
	assert_int_equal(isb_rrset_each(s.txn, name("example.com."), stop_at_second, &count), ISB_OK);
	assert_int_equal(count, MANY + 3);
	look_end(&s);
}

/* --- Admin states --- */

static void admin_rows_with_unknown_states_are_malformed(void **state)
{
	static const struct isb_slice values[] = {
		{"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 19}, /* AUTO is never stored */
		{"\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 19},
		{"\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18}, /* no reason */
		{"\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20},
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
		struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
		struct isb_admin_row row = {.since_ms = 5};
		assert_int_equal(isb_row_put(txn, ISB_T_ADMIN, (struct isb_slice){"p/e", 4}, values[i]), ISB_OK);
		assert_int_equal(isb_admin_get(txn, "p/e", &row), ISB_EFORMAT);
		assert_int_equal(row.since_ms, 5);
		isb_txn_abort(txn);
		isb_store_close(store);
	}
}

static const struct isb_rollout three_steps = {
	.to = "next", .times = {.started_ms = 1763726400000, .every_ms = 600000, .nstep = 3, .step = {10, 50, 100}},
	.begun_ms = 1763726400000, .abort_if = ISB_ABORT_DOWN, .slot = (uint32_t)ISB_SLOT_ALL, .author = "ada",
	.reason = "release 42"};

static int count_rollouts(void *arg, const char *record, const struct isb_rollout *rollout)
{
	assert_string_equal(record, "example.com/www");
	assert_string_equal(rollout->to, "next");
	++*(int *)arg;
	return 0;
}

static void a_rollout_comes_back_as_it_was(void **state)
{
	struct isb_net nets[] = {{.addr = {4, {192, 0, 2}}, .len = 24}, {.addr = {6, {0x20, 1, 0xd, 0xb8}}, .len = 32}};
	struct isb_rollout put = three_steps, got;
	struct session s = edit_begin(*state, "");
	int count = 0;
	put.nets = nets;
	put.nnet = 2;
	put.sticky = true;
	put.times.paused_ms = 1763726400001;
	assert_int_equal(isb_edit_put_object(s.edit, ISB_RECORD, "example.com/www", "policy: asia\n"), ISB_OK);
	assert_int_equal(isb_edit_rollout(s.edit, "example.com/www", &put), ISB_OK);
	edit_commit(&s);
	s = look(*state);
	assert_int_equal(isb_rollout_get(s.txn, "example.com/none", &got), ISB_ENOTFOUND);
	assert_int_equal(isb_rollout_get(s.txn, "example.com/www", &got), ISB_OK);
	assert_string_equal(got.to, "next");
	assert_memory_equal(&got.times, &put.times, sizeof(put.times));
	assert_int_equal(got.nnet, 2);
	assert_memory_equal(got.nets, nets, sizeof(nets));
	assert_true(got.sticky && got.abort_if == ISB_ABORT_DOWN);
	assert_int_equal(got.begun_ms, put.begun_ms);
	assert_int_equal(got.slot, 0);
	assert_string_equal(got.author, "ada");
	assert_string_equal(got.reason, "release 42");
	assert_int_equal(isb_rollout_each(s.txn, count_rollouts, &count), ISB_OK);
	assert_int_equal(count, 1);
	look_end(&s);
}

/* Every octet of a good row cut off or turned over gives the row of another rollout or none, never one that does not check;
 * and a slot that nobody gave is none. */
static void rollouts_that_do_not_add_up_are_malformed(void **state)
{
	struct isb_net net = {.addr = {4, {192, 0, 2}}, .len = 24};
	struct isb_rollout good = three_steps, got;
	struct isb_buf row = {0}, scratch = {0};
	unsigned refused = 0;
	good.nets = &net;
	good.nnet = 1;
	good.slot = 7;
	isb_rollout_encode(&row, &good);
	assert_int_equal(isb_rollout_decode((struct isb_slice){row.data, row.len}, &scratch, &got), ISB_OK);
	for (size_t len = 0; len < row.len; len++)
		assert_int_equal(isb_rollout_decode((struct isb_slice){row.data, len}, &scratch, &got), ISB_EFORMAT);
	for (size_t i = 0; i < row.len; i++) {
		row.data[i] = (char)~row.data[i];
		int rc = isb_rollout_decode((struct isb_slice){row.data, row.len}, &scratch, &got);
		assert_true(rc == ISB_OK ? isb_rollout_check(&got) : rc == ISB_EFORMAT);
		refused += rc != ISB_OK;
		row.data[i] = (char)~row.data[i];
	}
	assert_true(refused > 20);
	struct isb_store *store = open_store(*state, ISB_STORE_WRITE_CATALOG);
	struct isb_txn *txn = begin(store, ISB_ENV_CATALOG, true);
	assert_int_equal(isb_row_put(txn, ISB_T_ROLLOUT, (struct isb_slice){"z/o", 4}, (struct isb_slice){row.data, row.len}),
	                 ISB_OK);
	assert_int_equal(isb_rollout_each(txn, count_rollouts, &refused), ISB_EFORMAT);
	isb_txn_abort(txn);
	isb_store_close(store);
	isb_buf_done(&row);
	isb_buf_done(&scratch);
}

/* --- The manual --- */

static void the_manual_shows_these_very_rows(void **state)
{
	struct session s = edit_begin(*state, "first pool");
	const char *asia = "endpoints:\n  icn-1:\n    address: 192.0.2.10\n";
	const struct isb_rrset *www = a_set(300, 10, 2);
	assert_int_equal(isb_edit_put_object(s.edit, ISB_POOL, "asia", asia), ISB_OK);
	assert_int_equal(isb_edit_put_rrset(s.edit, name("example.com."), name("www.example.com."), www), ISB_OK);
	edit_commit(&s);
	s = edit_begin(*state, "new kernel");
	const struct isb_admin_row drain = {ISB_ADMIN_DRAIN, 1763726400000, 1763733600000, "ada", "new kernel"};
	assert_int_equal(isb_edit_admin(s.edit, "asia/icn-1", &drain), ISB_OK);
	edit_commit(&s);
	s = edit_begin(*state, "release 42");
	struct isb_net net = {.addr = {4, {192, 0, 2}}, .len = 24};
	struct isb_rollout rollout = three_steps;
	rollout.nets = &net;
	rollout.nnet = 1;
	assert_int_equal(isb_edit_put_object(s.edit, ISB_RECORD, "example.com/www", "policy: asia\n"), ISB_OK);
	assert_int_equal(isb_edit_rollout(s.edit, "example.com/www", &rollout), ISB_OK);
	edit_commit(&s);

	s = look(*state);
	assert_in_manual(s.txn, ISB_T_META, "meta", SIZE_MAX);
	assert_in_manual(s.txn, ISB_T_OBJECT, "object", SIZE_MAX);
	assert_in_manual(s.txn, ISB_T_RRSET, "rrset", SIZE_MAX);
	assert_in_manual(s.txn, ISB_T_SLOT, "slot", SIZE_MAX);
	assert_in_manual(s.txn, ISB_T_ADMIN, "admin", SIZE_MAX);
	assert_in_manual(s.txn, ISB_T_ROLLOUT, "rollout", SIZE_MAX);
	assert_in_manual(s.txn, ISB_T_JOURNAL, "journal", SIZE_MAX);
	look_end(&s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_empty_store_has_nothing),
		T(objects_are_kept_by_kind_and_key),
		T(a_key_too_long_or_empty_is_refused),
		T(octets_that_are_no_object_are_malformed_and_not_followed),
		T(the_catalog_is_read_back_whole),
		T(only_zones_with_records_belong_to_what_steers),
		T(a_record_without_its_zone_is_told_of),
		T(every_row_that_cannot_be_read_is_listed),
		T(an_rrset_comes_back_as_it_was),
		T(a_zones_rows_are_its_own_and_a_name_comes_before_those_below_it),
		T(the_longest_names_fit_a_key),
		T(keys_that_no_name_made_are_malformed),
		T(an_rrset_value_that_does_not_add_up_is_malformed),
		T(a_large_zone_is_walked_whole_and_until_stopped),
		T(admin_rows_with_unknown_states_are_malformed),
		T(a_rollout_comes_back_as_it_was),
		T(rollouts_that_do_not_add_up_are_malformed),
		T(the_manual_shows_these_very_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
