/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/hash.h"
#include "isobar/base/rng.h"
#include "isobar/model/dname.h"
#include "isobar/view/names.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Relative names as text, root last: "www", "a.b", "" for the root of the tree. */
static const uint8_t *name(const char *text)
{
	static uint8_t ring[8][ISB_DNAME_MAX];
	static unsigned turn;
	uint8_t *out = ring[turn++ % LEN(ring)];
	assert_true(isb_dname_parse(*text ? text : ".", NULL, out) > 0);
	return out;
}

/* An rrset with one opaque rdata whose octets tell `value`. */
static struct isb_rrset *opaque(uint16_t type, uint32_t value, unsigned len)
{
	static _Alignas(8) uint8_t memory[sizeof(struct isb_rrset) + 2 + 256];
	struct isb_rrset *set = (struct isb_rrset *)memory;
	set->ttl_s = value;
	set->type = type;
	set->count = 1;
	set->size = 2 + len;
	set->rdata[0] = 0;
	set->rdata[1] = (uint8_t)len;
	memset(set->rdata + 2, (int)(value & 0xff), len);
	return set;
}

static const struct isb_node *at(const struct isb_node *root, const uint8_t *dname)
{
	const uint8_t *label[ISB_LABELS_MAX];
	unsigned labels = isb_dname_split(dname, label);
	for (unsigned i = 0; root && i < labels; i++)
		root = isb_node_child(root, label[i]);
	return root;
}

static const struct isb_node *commit(struct isb_names_edit *edit)
{
	struct isb_garbage *garbage;
	const struct isb_node *root = isb_names_commit(edit, &garbage);
	isb_garbage_free(garbage);
	return root;
}

static void an_empty_tree_has_a_bare_root(void **state)
{
	(void)state;
	struct isb_garbage *garbage;
	const struct isb_node *root = isb_names_commit(isb_names_edit_new(NULL), &garbage);
	assert_non_null(root);
	assert_null(garbage);
	assert_null(root->kids);
	assert_int_equal(root->nset, 0);
	assert_int_equal(root->record, ISB_NO_RECORD);
	assert_null(isb_node_child(root, name("a")));
	assert_null(isb_node_next_set(root, NULL));
	isb_names_free(root);
	isb_names_free(NULL);
	isb_garbage_free(NULL);
}

static void sets_are_found_by_type_and_stepped_through_in_ascending_order(void **state)
{
	(void)state;
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	static const uint16_t types[] = {ISB_TXT, ISB_A, 65280, ISB_AAAA, ISB_MX};
	for (size_t i = 0; i < LEN(types); i++)
		isb_names_put(edit, name("www"), types[i], opaque(types[i], types[i], 3 + (unsigned)i));
	const struct isb_node *root = commit(edit), *www = at(root, name("www"));
	assert_int_equal(www->nset, LEN(types));
	for (size_t i = 0; i < LEN(types); i++) {
		const struct isb_rrset *set = isb_node_set(www, types[i]);
		assert_non_null(set);
		assert_int_equal((uintptr_t)set % _Alignof(struct isb_rrset), 0);
		assert_int_equal(set->ttl_s, types[i]);
		assert_memory_equal(set, opaque(types[i], types[i], 3 + (unsigned)i), isb_rrset_bytes(set));
	}
	assert_null(isb_node_set(www, ISB_NS));
	assert_null(isb_node_set(www, 65281));
	const struct isb_rrset *set = NULL;
	unsigned seen = 0, last = 0;
	while ((set = isb_node_next_set(www, set))) {
		assert_true(set->type > last);
		last = set->type;
		seen++;
	}
	assert_int_equal(seen, LEN(types));
	isb_names_free(root);
}

static void flags_follow_what_a_name_owns(void **state)
{
	(void)state;
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	isb_names_put(edit, name(""), ISB_NS, opaque(ISB_NS, 1, 1));
	isb_names_put(edit, name("cut"), ISB_NS, opaque(ISB_NS, 1, 1));
	isb_names_put(edit, name("d"), ISB_DNAME, opaque(ISB_DNAME, 1, 1));
	isb_names_put(edit, name("c"), ISB_CNAME, opaque(ISB_CNAME, 1, 1));
	isb_names_put(edit, name("*.w"), ISB_A, opaque(ISB_A, 1, 4));
	isb_names_put(edit, name("x*"), ISB_A, opaque(ISB_A, 1, 4));
	const struct isb_node *root = commit(edit);
	assert_int_equal(root->flags, 0);
	assert_int_equal(at(root, name("cut"))->flags, ISB_NODE_CUT);
	assert_int_equal(at(root, name("d"))->flags, ISB_NODE_DNAME);
	assert_int_equal(at(root, name("c"))->flags, ISB_NODE_CNAME);
	assert_int_equal(at(root, name("w"))->flags, ISB_NODE_WILD);
	edit = isb_names_edit_new(root);
	isb_names_put(edit, name("cut"), ISB_A, opaque(ISB_A, 1, 4));
	isb_names_put(edit, name("cut"), ISB_NS, NULL);
	isb_names_put(edit, name("w"), ISB_A, opaque(ISB_A, 1, 4));
	isb_names_put(edit, name("*.w"), ISB_A, NULL);
	root = commit(edit);
	assert_int_equal(at(root, name("cut"))->flags, 0);
	assert_int_equal(at(root, name("w"))->flags, 0);
	isb_names_free(root);
}

static void empty_non_terminals_come_and_go_with_the_names_below(void **state)
{
	(void)state;
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	isb_names_put(edit, name("a.b.c"), ISB_A, opaque(ISB_A, 1, 4));
	isb_names_put_record(edit, name("x.y"), 7);
	int zone;
	isb_names_put_payload(edit, name("p.q"), &zone);
	const struct isb_node *root = commit(edit);
	assert_int_equal(at(root, name("c"))->nset, 0);
	assert_int_equal(at(root, name("b.c"))->nset, 0);
	assert_int_equal(at(root, name("a.b.c"))->nset, 1);
	assert_int_equal(at(root, name("x.y"))->record, 7);
	assert_ptr_equal(at(root, name("p.q"))->payload, &zone);
	edit = isb_names_edit_new(root);
	isb_names_put(edit, name("b.c"), ISB_A, opaque(ISB_A, 1, 4));
	isb_names_put(edit, name("a.b.c"), ISB_A, NULL);
	isb_names_put_record(edit, name("x.y"), ISB_NO_RECORD);
	isb_names_put_payload(edit, name("p.q"), NULL);
	assert_null(isb_names_find(edit, name("x.y")));
	assert_non_null(isb_names_find(edit, name("b.c")));
	root = commit(edit);
	assert_null(at(root, name("a.b.c")));
	assert_null(at(root, name("y")));
	assert_null(at(root, name("q")));
	assert_int_equal(at(root, name("b.c"))->nset, 1);
	size_t nodes, bytes;
	isb_names_measure(root, &nodes, &bytes);
	assert_int_equal(nodes, 3);
	isb_names_free(root);
}

static void an_edit_that_changes_nothing_shares_everything(void **state)
{
	(void)state;
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	isb_names_put(edit, name("a.b"), ISB_A, opaque(ISB_A, 1, 4));
	isb_names_put_record(edit, name("a.b"), 3);
	const struct isb_node *root = commit(edit);
	edit = isb_names_edit_new(root);
	isb_names_put(edit, name("a.b"), ISB_A, opaque(ISB_A, 1, 4));
	isb_names_put(edit, name("a.b"), ISB_TXT, NULL);
	isb_names_put(edit, name("z.z.z"), ISB_TXT, NULL);
	isb_names_put_record(edit, name("a.b"), 3);
	isb_names_put_record(edit, name("b"), ISB_NO_RECORD);
	isb_names_put_payload(edit, name("b"), NULL);
	struct isb_garbage *garbage;
	assert_ptr_equal(isb_names_commit(edit, &garbage), root);
	assert_null(garbage);
	isb_names_free(root);
}

static void an_aborted_edit_leaves_the_old_tree(void **state)
{
	(void)state;
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	char text[16];
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		isb_names_put(edit, name(text), ISB_A, opaque(ISB_A, i, 4));
	}
	const struct isb_node *root = commit(edit);
	edit = isb_names_edit_new(root);
	for (unsigned i = 0; i < 1000; i += 3) {
		snprintf(text, sizeof(text), "n%u", i);
		isb_names_put(edit, name(text), ISB_A, i % 2 ? NULL : opaque(ISB_A, 7, 4));
		snprintf(text, sizeof(text), "more.n%u", i);
		isb_names_put(edit, name(text), ISB_A, opaque(ISB_A, 7, 4));
	}
	isb_names_abort(edit);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		assert_int_equal(isb_node_set(at(root, name(text)), ISB_A)->ttl_s, i);
		assert_null(at(root, name(text))->kids);
	}
	isb_names_free(root);
	isb_names_abort(isb_names_edit_new(NULL));
}

static void one_edited_name_shares_all_its_siblings(void **state)
{
	(void)state;
	enum { SIBLINGS = 20000 };
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	char text[16];
	for (unsigned i = 0; i < SIBLINGS; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		isb_names_put(edit, name(text), ISB_A, opaque(ISB_A, 1, 4));
	}
	const struct isb_node *old = commit(edit);
	edit = isb_names_edit_new(old);
	isb_names_put(edit, name("n777"), ISB_A, opaque(ISB_A, 2, 4));
	struct isb_garbage *garbage;
	const struct isb_node *root = isb_names_commit(edit, &garbage);
	for (unsigned i = 0; i < SIBLINGS; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		bool same = at(root, name(text)) == at(old, name(text));
		assert_int_equal(same, i != 777);
	}
	assert_int_equal(isb_node_set(at(old, name("n777")), ISB_A)->ttl_s, 1);
	assert_int_equal(isb_node_set(at(root, name("n777")), ISB_A)->ttl_s, 2);
	isb_garbage_free(garbage);
	isb_names_free(root);
}

/* Octets that isb_hash_mix() multiplies by zero: whatever stood before them no longer matters. */
static void colliding_label(uint8_t label[18], unsigned n)
{
	static const uint8_t zero[8] = {0xdb, 0x28, 0xb4, 0xa0, 0xd1, 0x7e, 0x03, 0xe7};
	memset(label, 0, 18);
	label[0] = 16;
	label[1] = (uint8_t)('a' + n);
	label[2] = (uint8_t)('z' - n);
	memcpy(label + 9, zero, sizeof(zero));
}

static void labels_whose_hashes_are_equal_are_still_told_apart(void **state)
{
	(void)state;
	uint8_t label[20][18];
	for (unsigned i = 0; i < LEN(label); i++) {
		colliding_label(label[i], i);
		assert_int_equal(isb_hash_key(label[i] + 1, 16, 0), isb_hash_key(label[0] + 1, 16, 0));
	}
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	for (unsigned i = 0; i + 1 < LEN(label); i++)
		isb_names_put(edit, label[i], ISB_A, opaque(ISB_A, i, 4));
	const struct isb_node *root = commit(edit);
	for (unsigned i = 0; i + 1 < LEN(label); i++)
		assert_int_equal(isb_node_set(isb_node_child(root, label[i]), ISB_A)->ttl_s, i);
	assert_null(isb_node_child(root, label[LEN(label) - 1]));
	for (unsigned gone = 0; gone + 2 < LEN(label); gone++) { /* one edit each, so that buckets are copied too */
		edit = isb_names_edit_new(root);
		isb_names_put(edit, label[gone], ISB_A, NULL);
		root = commit(edit);
		for (unsigned i = 0; i + 1 < LEN(label); i++)
			assert_int_equal(!isb_node_child(root, label[i]), i <= gone);
	}
	/* alone again, so the levels that told nothing apart have gone */
	size_t nodes, bytes, expect_bytes;
	isb_names_measure(root, &nodes, &bytes);
	assert_int_equal(nodes, 2);
	edit = isb_names_edit_new(NULL);
	isb_names_put(edit, label[LEN(label) - 2], ISB_A, opaque(ISB_A, LEN(label) - 2, 4));
	const struct isb_node *fresh = commit(edit);
	isb_names_measure(fresh, &nodes, &expect_bytes);
	assert_int_equal(bytes, expect_bytes);
	isb_names_free(fresh);
	isb_names_free(root);
}

/* --- Random edits against a table --- */

enum { WORDS = 7, NAMES = WORDS + WORDS * WORDS + WORDS * WORDS * WORDS, TYPES = 3 };
static const uint16_t model_types[TYPES] = {ISB_A, ISB_TXT, ISB_NS};

struct model {
	uint32_t value[NAMES][TYPES]; /* 0: none */
	uint32_t record[NAMES];
};
struct version {
	const struct isb_node *root;
	struct isb_garbage *garbage; /* what of this version the next one does not use */
	struct model model;
};

/* Name number i: 1 to 3 labels out of WORDS. */
static const uint8_t *model_name(unsigned i)
{
	static const char *const words[WORDS] = {"a", "b", "*", "www", "mail", "a-rather-longer-label", "x"};
	char text[80];
	if (i < WORDS)
		snprintf(text, sizeof(text), "%s", words[i]);
	else if (i < WORDS + WORDS * WORDS)
		snprintf(text, sizeof(text), "%s.%s", words[(i - WORDS) % WORDS], words[(i - WORDS) / WORDS]);
	else
		snprintf(text, sizeof(text), "%s.%s.%s", words[(i - WORDS - WORDS * WORDS) % WORDS],
		         words[(i - WORDS - WORDS * WORDS) / WORDS % WORDS],
		         words[(i - WORDS - WORDS * WORDS) / WORDS / WORDS]);
	return name(text);
}

static void model_agrees(const struct isb_node *root, const struct model *m)
{
	bool exists[NAMES] = {false};
	for (unsigned i = 0; i < NAMES; i++) {
		bool own = m->value[i][0] || m->value[i][1] || m->value[i][2] || m->record[i] != ISB_NO_RECORD;
		if (!own)
			continue;
		exists[i] = true;
		if (i >= WORDS + WORDS * WORDS)
			exists[WORDS + (i - WORDS - WORDS * WORDS) / WORDS] = true;
		if (i >= WORDS)
			exists[i < WORDS + WORDS * WORDS ? (i - WORDS) / WORDS
			                                 : (i - WORDS - WORDS * WORDS) / WORDS / WORDS] = true;
	}
	size_t want = 1, nodes, bytes;
	for (unsigned i = 0; i < NAMES; i++) {
		const struct isb_node *node = at(root, model_name(i));
		assert_int_equal(node != NULL, exists[i]);
		if (!node)
			continue;
		want++;
		assert_int_equal(node->record, m->record[i]);
		for (unsigned t = 0; t < TYPES; t++) {
			const struct isb_rrset *set = isb_node_set(node, model_types[t]);
			assert_int_equal(set ? set->ttl_s : 0, m->value[i][t]);
		}
		assert_int_equal(!!(node->flags & ISB_NODE_CUT), m->value[i][2] != 0);
		assert_int_equal(!!(node->flags & ISB_NODE_WILD), isb_node_child(node, name("*")) != NULL);
		assert_int_equal(node->flags & ~(ISB_NODE_CUT | ISB_NODE_WILD), 0);
	}
	isb_names_measure(root, &nodes, &bytes);
	assert_int_equal(nodes, want);
}

static void random_change(struct isb_names_edit *edit, struct model *m, struct isb_rng *rng, bool shrink)
{
	unsigned i = (unsigned)isb_rng_below(rng, NAMES), t = (unsigned)isb_rng_below(rng, TYPES + 1);
	bool take = isb_rng_below(rng, 10) < (shrink ? 9 : 3);
	if (t == TYPES) {
		m->record[i] = take ? ISB_NO_RECORD : (uint32_t)isb_rng_below(rng, 1000);
		isb_names_put_record(edit, model_name(i), m->record[i]);
		return;
	}
	m->value[i][t] = take ? 0 : 1 + (uint32_t)isb_rng_below(rng, 1000);
	unsigned len = 1 + (unsigned)isb_rng_below(rng, 40);
	isb_names_put(edit, model_name(i), model_types[t], take ? NULL : opaque(model_types[t], m->value[i][t], len));
}

static void random_edits_agree_with_a_table_and_old_roots_stay_readable(void **state)
{
	(void)state;
	enum { KEPT = 4, EDITS = 400 };
	struct version *ring = calloc(KEPT, sizeof(*ring));
	struct model *m = malloc(sizeof(*m)), *saved = malloc(sizeof(*saved));
	memset(m->value, 0, sizeof(m->value));
	memset(m->record, 0xff, sizeof(m->record));
	const struct isb_node *root = commit(isb_names_edit_new(NULL));
	struct isb_rng rng;
	isb_rng_seed(&rng, 20261121);
	for (unsigned n = 0; n < EDITS; n++) {
		struct version *v = &ring[n % KEPT]; /* the oldest one leaves: no reader holds it any more */
		isb_garbage_free(v->garbage);
		*v = (struct version){.root = root, .model = *m};
		*saved = *m;
		struct isb_names_edit *edit = isb_names_edit_new(root);
		unsigned changes = 1 + (unsigned)isb_rng_below(&rng, n % 5 ? 6 : 300);
		for (unsigned i = 0; i < changes; i++)
			random_change(edit, m, &rng, n / 50 % 2);
		if (isb_rng_below(&rng, 8) == 0) {
			isb_names_abort(edit);
			*m = *saved;
		} else {
			root = isb_names_commit(edit, &v->garbage);
		}
		model_agrees(root, m);
		for (unsigned k = 0; k < KEPT && k <= n; k++)
			model_agrees(ring[k].root, &ring[k].model);
	}
	for (unsigned k = 0; k < KEPT; k++)
		isb_garbage_free(ring[k].garbage);
	isb_names_free(root);
	free(saved);
	free(m);
	free(ring);
}

struct seen {
	unsigned count;
	const struct isb_node *root;
};

static void see(void *arg, const uint8_t *dname, const struct isb_node *node)
{
	struct seen *seen = arg;
	seen->count++;
	assert_ptr_equal(at(seen->root, dname), node);
}

static void a_walk_names_every_node_once(void **state)
{
	(void)state;
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	for (unsigned i = 0; i < NAMES; i++)
		isb_names_put(edit, model_name(i), ISB_A, opaque(ISB_A, i, 4));
	/* 127 labels and 255 octets: as deep as names go */
	uint8_t deep[ISB_DNAME_MAX] = {0};
	for (unsigned i = 0; i < 127; i++) {
		deep[2 * i] = 1;
		deep[2 * i + 1] = 'q';
	}
	isb_names_put(edit, deep, ISB_A, opaque(ISB_A, 1, 4));
	const struct isb_node *root = commit(edit);
	struct seen seen = {.root = root};
	isb_names_walk(root, see, &seen);
	assert_int_equal(seen.count, 1 + NAMES + 127);
	isb_names_free(root);
}

static void a_million_names_take_less_than_a_hundred_octets_each(void **state)
{
	(void)state;
	enum { MILLION = 1000000 };
	struct isb_names_edit *edit = isb_names_edit_new(NULL);
	uint8_t owner[16] = {0};
	for (unsigned i = 0; i < MILLION; i++) {
		owner[0] = (uint8_t)snprintf((char *)owner + 1, sizeof(owner) - 1, "host%06u", i);
		isb_names_put(edit, owner, ISB_A, opaque(ISB_A, i, 4));
	}
	const struct isb_node *root = commit(edit);
	size_t nodes, bytes;
	isb_names_measure(root, &nodes, &bytes);
	assert_int_equal(nodes, MILLION + 1);
	assert_in_range(bytes / MILLION, 1, 100);
	for (unsigned i = 0; i < MILLION; i += 997) {
		owner[0] = (uint8_t)snprintf((char *)owner + 1, sizeof(owner) - 1, "host%06u", i);
		assert_int_equal(isb_node_set(isb_node_child(root, owner), ISB_A)->ttl_s, i);
	}
	isb_names_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_tree_has_a_bare_root),
		cmocka_unit_test(sets_are_found_by_type_and_stepped_through_in_ascending_order),
		cmocka_unit_test(flags_follow_what_a_name_owns),
		cmocka_unit_test(empty_non_terminals_come_and_go_with_the_names_below),
		cmocka_unit_test(an_edit_that_changes_nothing_shares_everything),
		cmocka_unit_test(an_aborted_edit_leaves_the_old_tree),
		cmocka_unit_test(one_edited_name_shares_all_its_siblings),
		cmocka_unit_test(labels_whose_hashes_are_equal_are_still_told_apart),
		cmocka_unit_test(random_edits_agree_with_a_table_and_old_roots_stay_readable),
		cmocka_unit_test(a_walk_names_every_node_once),
		cmocka_unit_test(a_million_names_take_less_than_a_hundred_octets_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
