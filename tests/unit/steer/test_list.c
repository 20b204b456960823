/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "isobar/steer/list.h"

/* The list against the walk, which is what a policy means. */

struct room {
	_Alignas(8) uint8_t octets[sizeof(struct isb_list) + ISB_LIST_MAX * sizeof(struct isb_candidate)];
};

static const struct isb_list *build(struct world *w, struct room *room)
{
	struct isb_list *list = (struct isb_list *)(void *)room->octets;
	settle(w);
	const struct isb_plan_node *root = isb_plan_root(plan(w), isb_plan_record(plan(w), 0), 0);
	return isb_list_build(plan(w), root, w->type, list) ? list : NULL;
}

static struct isb_plan_endpoint *endpoint(struct world *w, uint32_t index)
{
	return (struct isb_plan_endpoint *)(uintptr_t)isb_plan_endpoint(plan(w), index);
}

static unsigned below(struct isb_rng *rng, unsigned n)
{
	return (unsigned)isb_rng_below(rng, n);
}

/* --- What has a list ------------------------------------------------------------------------------------------------ */

enum { KIDS = 3 };
static const struct kid alike[KIDS] = {{0, 0, 1}, {1, 0, 2}, {2, 0, 3}};
static const struct kid tiers[KIDS] = {{0, 0, 1}, {1, 0, 2}, {2, 4, 3}};

static bool has_list(const struct isb_plan_node *head, const struct kid *kids)
{
	struct world w;
	struct room room;
	begin(&w, KIDS);
	set_record(&w, node_like(&w, head, kids, KIDS), ISB_ALL_DOWN_ALL);
	bool is = build(&w, &room) != NULL;
	done(&w);
	return is;
}

static void what_a_list_cannot_say_has_none(void **state)
{
	const struct isb_plan_node plain = {.flags = ISB_NODE_POOL, .answers = 1, .min_up = 1};
	struct isb_plan_node odd[] = {plain, plain, plain, plain, plain, plain, plain, plain};
	(void)state;
	assert_true(has_list(&plain, alike));
	assert_true(has_list(&plain, tiers));
	odd[0].answers = 0;
	odd[1].answers = 2;
	odd[2].min_up = 2;
	odd[3].flags |= ISB_NODE_SPREAD;
	odd[4].order = ISB_ORDER_ROTATE;
	odd[5].order = ISB_ORDER_HASH;
	odd[6].order = ISB_ORDER_LEAST_LOAD;
	odd[7].order = ISB_ORDER_FASTEST;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_false(has_list(&odd[i], alike));
	odd[0] = plain;
	odd[0].order = ISB_ORDER_FAILOVER;
	odd[0].trickle = 5;
	assert_false(has_list(&odd[0], tiers));
}

static void endpoints_that_take_more_than_a_word_have_no_list(void **state)
{
	static const uint8_t two[12] = {0, 4, 192, 0, 2, 1, 0, 4, 192, 0, 2, 2};
	struct world w;
	struct room room;
	(void)state;
	begin(&w, KIDS);
	uint32_t addresses = place(&w, two, sizeof(two));
	set_record(&w, node(&w, ISB_NODE_POOL, 1, 1, alike, KIDS), ISB_ALL_DOWN_ALL);
	assert_non_null(build(&w, &room));
	w.type = ISB_PLAN_AAAA; /* none has an address of this family */
	assert_null(build(&w, &room));
	w.type = ISB_PLAN_A;
	const struct isb_plan_endpoint was = *endpoint(&w, 1);
	endpoint(&w, 1)->slow_start_ms = 60000;
	assert_null(build(&w, &room));
	*endpoint(&w, 1) = was;
	endpoint(&w, 1)->failback_ms = 60000;
	assert_null(build(&w, &room));
	*endpoint(&w, 1) = was;
	endpoint(&w, 1)->unresolved = 1;
	assert_null(build(&w, &room));
	*endpoint(&w, 1) = was;
	endpoint(&w, 1)->rdata[ISB_PLAN_A] = (struct isb_plan_rdata){addresses, 2, sizeof(two)};
	assert_null(build(&w, &room));
	*endpoint(&w, 1) = was;
	assert_non_null(build(&w, &room));
	done(&w);
}

static void chances_among_pools_and_too_many_candidates_have_no_list(void **state)
{
	struct world w;
	struct room room;
	struct kid kids[ISB_LIST_MAX], pools[2];
	(void)state;
	begin(&w, ISB_LIST_MAX);
	for (uint32_t i = 0; i < ISB_LIST_MAX; i++)
		kids[i] = (struct kid){i, 0, 1};
	pools[0] = (struct kid){node(&w, ISB_NODE_POOL, 1, 1, kids, ISB_LIST_MAX - 1), 0, 1};
	pools[1] = (struct kid){node(&w, ISB_NODE_POOL, 1, 1, kids + ISB_LIST_MAX - 1, 1), 1, 1};
	set_record(&w, node(&w, 0, 0, 0, pools, 2), ISB_ALL_DOWN_ALL);
	assert_int_equal(build(&w, &room)->count, ISB_LIST_MAX);
	pools[1].rank = 0;
	set_record(&w, node(&w, 0, 0, 0, pools, 2), ISB_ALL_DOWN_ALL);
	assert_null(build(&w, &room));
	pools[1] = (struct kid){node(&w, ISB_NODE_POOL, 1, 1, kids, 2), 1, 1};
	set_record(&w, node(&w, 0, 0, 0, pools, 2), ISB_ALL_DOWN_ALL);
	assert_null(build(&w, &room));
	done(&w);
}

/* --- The same decisions --------------------------------------------------------------------------------------------- */

static uint32_t pool_by_chance(struct world *w, struct isb_rng *rng)
{
	struct kid kids[5];
	unsigned n = 1 + below(rng, 5), first = below(rng, MAX / 4 - n), rank = 0;
	for (unsigned i = 0; i < n; i++) {
		rank += below(rng, 3) == 0;
		kids[i] = (struct kid){first + i, (uint16_t)rank, (uint16_t)below(rng, 4)};
	}
	return node(w, ISB_NODE_POOL, 1, 1, kids, n);
}

static uint32_t tree_by_chance(struct world *w, struct isb_rng *rng, unsigned depth)
{
	struct kid kids[3];
	unsigned n = 1 + below(rng, 3);
	if (depth == 0 || below(rng, 3) == 0)
		return pool_by_chance(w, rng);
	for (unsigned i = 0; i < n; i++)
		kids[i] = (struct kid){tree_by_chance(w, rng, depth - 1), (uint16_t)i, (uint16_t)below(rng, 3)};
	return node(w, 0, 0, 0, kids, n);
}

/* Some of them as no probe writes them. */
static void words_by_chance(struct world *w, struct isb_rng *rng)
{
	bool quiet = below(rng, 2);
	for (unsigned i = 0; i < MAX; i++) {
		struct isb_health health = isb_health_unpack(isb_rng_next(rng));
		health.soft = below(rng, 3) ? ISB_SOFT_FULL : below(rng, 3) * 50;
		health.flip_s = below(rng, 2) ? ISB_FLIP_NONE : below(rng, 40);
		w->words[i] = below(rng, 8) ? isb_health_pack(&health) : 0;
		w->admin[i] = quiet || below(rng, 16) ? 0 : isb_admin_pack((enum isb_admin)below(rng, 4), below(rng, 2) * 5000);
	}
}

static unsigned compare(struct world *w, const struct isb_list *list, struct isb_rng *rng, bool unattended)
{
	const struct isb_health_table health = {.chunk = w->chunk, .chunks = 1, .unattended = unattended};
	struct isb_rng by_list = *rng;
	struct isb_steer_state state = {.health = &health, .admin = w->admin, .nadmin = MAX, .now_ms = 1000, .rng = &by_list};
	const struct isb_plan_record *record = isb_plan_record(plan(w), 0);
	struct isb_choice choice;
	const struct isb_listed listed = isb_list_choose(list, &state);
	const struct isb_candidate *chosen = listed.candidate;
	assert_true(chosen || memcmp(&by_list, rng, sizeof(by_list)) == 0);
	if (!chosen)
		return 0;
	state.rng = rng;
	isb_steer(plan(w), record, 0, ISB_PLAN_A, &state, &choice);
	assert_memory_equal(&by_list, rng, sizeof(by_list));
	assert_int_equal(choice.kind, ISB_CHOICE_ANSWER);
	assert_int_equal(choice.n, 1);
	assert_int_equal(choice.client_bits, 0);
	assert_false(choice.failopen);
	assert_int_equal(isb_list_reason(list, chosen), choice.reason);
	assert_ptr_equal(choice.endpoint[0], isb_plan_endpoint(plan(w), chosen->endpoint));
	assert_memory_equal(chosen->rdata, isb_plan_rdata(plan(w), choice.rdata[0]), choice.rdata[0]->size);
	assert_int_equal(isb_plan_ttl(record, listed.flip_s), choice.ttl_s);
	return 1;
}

static void the_list_decides_as_the_walk_does(void **state)
{
	struct isb_rng rng;
	unsigned lists = 0, chosen = 0;
	(void)state;
	isb_rng_seed(&rng, 5);
	for (int i = 0; i < 400; i++) {
		struct world w;
		struct room room;
		begin(&w, MAX / 4);
		for (uint32_t e = 0; e < MAX / 4; e++) {
			endpoint(&w, e)->checked = below(&rng, 4) != 0;
			endpoint(&w, e)->unknown = (uint8_t)below(&rng, ISB_UNKNOWN_DOWN + 1);
		}
		set_record(&w, tree_by_chance(&w, &rng, 3), ISB_ALL_DOWN_ALL);
		const struct isb_list *list = build(&w, &room);
		lists += list != NULL;
		for (int k = 0; list && k < 100; k++) {
			words_by_chance(&w, &rng);
			chosen += compare(&w, list, &rng, k % 5 == 0);
		}
		done(&w);
	}
	assert_true(lists > 300);
	assert_in_range(chosen, 20000, 39000); /* the walk decides the rest */
}

/* --- In a plan ------------------------------------------------------------------------------------------------------ */

static void a_plan_whose_list_says_something_else_is_refused(void **state)
{
	struct world w;
	struct room room;
	(void)state;
	begin(&w, KIDS);
	uint32_t root = node(&w, ISB_NODE_POOL, 1, 1, tiers, KIDS);
	set_record(&w, root, ISB_ALL_DOWN_ALL);
	size_t size = isb_list_bytes(build(&w, &room)->count);
	uint32_t at = place(&w, room.octets, size);
	const struct isb_plan_class cls = {.node = root, .list = {at, ISB_NO_LIST}};
	uint32_t classes = isb_plan_record(plan(&w), 0)->classes;
	memcpy(w.block.data + classes, &cls, sizeof(cls));
	assert_true(isb_plan_check(plan(&w), w.block.len));
	for (size_t i = 0; i < size; i++) {
		w.block.data[at + i] ^= 1;
		assert_false(isb_plan_check(plan(&w), w.block.len));
		w.block.data[at + i] ^= 1;
	}
	const struct isb_plan_class wrong[] = {
		{.node = root, .list = {ISB_NO_LIST, at}}, {.node = root, .list = {at + 4, ISB_NO_LIST}},
		{.node = root, .list = {(uint32_t)w.block.len - 4, ISB_NO_LIST}}, {.node = ISB_NO_NODE, .list = {at, ISB_NO_LIST}}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(w.block.data + classes, &wrong[i], sizeof(wrong[i]));
		assert_false(isb_plan_check(plan(&w), w.block.len));
	}
	memcpy(w.block.data + classes, &cls, sizeof(cls));
	struct isb_plan_record *record = (struct isb_plan_record *)(uintptr_t)isb_plan_record(plan(&w), 0);
	record->listed = 1u << ISB_PLAN_A;
	assert_true(isb_plan_check(plan(&w), w.block.len));
	record->listed = 1u << ISB_PLAN_AAAA; /* the record does not answer it */
	assert_false(isb_plan_check(plan(&w), w.block.len));
	record->types = record->listed = 1u << ISB_PLAN_A;
	record->types |= 1u << ISB_PLAN_CNAME; /* comes first */
	assert_false(isb_plan_check(plan(&w), w.block.len));
	done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_list_cannot_say_has_none),
		cmocka_unit_test(endpoints_that_take_more_than_a_word_have_no_list),
		cmocka_unit_test(chances_among_pools_and_too_many_candidates_have_no_list),
		cmocka_unit_test(the_list_decides_as_the_walk_does),
		cmocka_unit_test(a_plan_whose_list_says_something_else_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
