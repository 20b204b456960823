/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/model/rr.h"
#include "isobar/steer/list.h"
#include "isobar/steer/steer.h"
#include "isobar/steer/trace.h"

/* Input: a plan, octet for octet. A size of 0 in its header stands for the size it has, so that an input may grow.
 * What passes the check is walked, whatever it says. */

enum { SLOTS = ISB_CHUNK_WORDS, WALKS_MAX = 4000, TRACED_MAX = 100, NODES_MANY = 1000 };

struct world {
	uint64_t words[SLOTS], admin[SLOTS];
	const uint64_t *chunk[1];
	int64_t since[SLOTS];
	const int64_t *since_chunk[1];
	uint32_t pace[ISB_CHUNK_PACES];
	const uint32_t *pace_chunk[1];
	uint32_t *rotor; /* not a counter too long */
	struct isb_rng rng;
	unsigned walks;
};

static void check_choice(const struct isb_plan *plan, const struct isb_plan_record *record, const struct isb_choice *choice)
{
	MUST(choice->n <= ISB_CHOICE_MAX && choice->ttl_s <= record->ttl_s);
	MUST((choice->kind == ISB_CHOICE_ANSWER) == (choice->n > 0));
	MUST(choice->client_bits <= 128);
	for (unsigned i = 0; i < choice->n; i++) {
		const uint8_t *at = isb_plan_rdata(plan, choice->rdata[i]);
		MUST(at && isb_plan_text(plan, choice->endpoint[i]->name));
		const uint8_t *end = at + choice->rdata[i]->size;
		for (unsigned k = 0; k < choice->rdata[i]->count; k++) {
			uint16_t len;
			isb_rdata_next(&at, &len);
			MUST(at <= end);
		}
		MUST(at == end);
	}
}

/* Up to `most`: how many nodes a walk enters when nothing can answer. */
static unsigned unfolded(const struct isb_plan *plan, const struct isb_plan_node *node, unsigned most)
{
	unsigned n = 1;
	for (uint32_t i = 0; node && !(node->flags & ISB_NODE_POOL) && i < node->nchild && n < most; i++)
		n += unfolded(plan, isb_plan_node(plan, node->child[i].ref), most - n);
	return n;
}

/* A list that decides says what the walk does, by the same random number. */
static void compare(const struct isb_plan *plan, const struct isb_plan_record *record, uint32_t cls, enum isb_plan_type type,
                    const struct isb_steer_state *state)
{
	_Alignas(8) static uint8_t room[sizeof(struct isb_list) + ISB_LIST_MAX * sizeof(struct isb_candidate)];
	struct isb_list *list = (struct isb_list *)(void *)room;
	const struct isb_plan_node *root = isb_plan_root(plan, record, cls);
	struct isb_steer_state again = *state;
	struct isb_rng rng = *state->rng, same = rng;
	struct isb_choice choice;
	if (!root || !isb_list_build(plan, root, type, list))
		return;
	again.rng = &rng;
	const struct isb_listed chosen = isb_list_choose(list, &again);
	if (!chosen.candidate)
		return;
	again.rng = &same;
	isb_steer(plan, record, cls, type, &again, &choice);
	MUST(choice.n == 1 && choice.endpoint[0] == isb_plan_endpoint(plan, chosen.candidate->endpoint));
	MUST(choice.ttl_s == isb_plan_ttl(record, chosen.flip_s) && choice.client_bits == 0);
	MUST(memcmp(&rng, &same, sizeof(rng)) == 0);
}

static void walk(struct world *w, const struct isb_plan *plan, const struct isb_plan_record *record, uint32_t cls)
{
	struct isb_trace trace;
	struct isb_choice choice;
	const struct isb_addr client = {.family = w->walks % 3 ? 4 : 6, .octets = {192, 0, 2, (uint8_t)w->walks}};
	const struct isb_pace_table pace = {.chunk = w->pace_chunk, .chunks = 1};
	const struct isb_health_table health = {
		.chunk = w->chunk, .chunks = 1, .since = w->since_chunk, .pace = &pace, .npace = 1};
	struct isb_steer_state state = {.health = &health, .admin = w->admin, .nadmin = SLOTS, .now_ms = 1000000,
	                                .rng = &w->rng, .client = &client, .rotor = w->rotor};
	if (w->walks >= WALKS_MAX)
		return;
	unsigned nodes = unfolded(plan, isb_plan_root(plan, record, cls), NODES_MANY);
	for (int type = 0; type < ISB_PLAN_TYPES; type++) {
		if (type <= ISB_PLAN_AAAA)
			compare(plan, record, cls, (enum isb_plan_type)type, &state);
		isb_steer(plan, record, cls, (enum isb_plan_type)type, &state, &choice);
		check_choice(plan, record, &choice);
		w->walks += nodes < NODES_MANY ? 1 : WALKS_MAX / 20;
	}
	if (w->walks >= TRACED_MAX)
		return;
	isb_trace_init(&trace);
	state.trace = &trace;
	isb_steer(plan, record, cls, ISB_PLAN_A, &state, &choice);
	check_choice(plan, record, &choice);
	MUST(trace.count > 0 && trace.steps[0].kind == ISB_STEP_RECORD);
	isb_trace_done(&trace);
}

static void walk_all(struct world *w, const struct isb_plan *plan)
{
	for (uint32_t i = 0; i < plan->nrecord && w->walks < WALKS_MAX; i++) {
		const struct isb_plan_record *record = isb_plan_record(plan, i);
		MUST(record);
		isb_plan_text(plan, record->name);
		if (!record->name)
			continue;
		for (uint32_t c = 0; c <= record->nclass && w->walks < WALKS_MAX; c++) /* one more than there are */
			walk(w, plan, record, c);
	}
}

/* Everything up; then words as they fall. */
static void set_words(struct world *w, const uint8_t *data, size_t size, int round)
{
	memset(w->words, 0, sizeof(w->words));
	memset(w->admin, 0, sizeof(w->admin));
	memset(w->since, 0, sizeof(w->since));
	memset(w->pace, 0, sizeof(w->pace));
	isb_rng_seed(&w->rng, size);
	for (size_t i = 0; round && i < SLOTS; i++) {
		struct isb_health health = isb_health_unpack(isb_rng_next(&w->rng));
		if (round == 2)
			health.verdict = ISB_DOWN;
		w->words[i] = isb_health_pack(&health);
		w->since[i] = (int64_t)isb_rng_below(&w->rng, 1100000);
		w->pace[i] = (uint32_t)isb_rng_next(&w->rng) >> i % 32;
		uint8_t octet = data[i % size];
		if (round == 1 && octet % 4 == 0)
			w->admin[i] = isb_admin_pack((enum isb_admin)(octet / 4 % 5), octet & 0x80 ? 1000000 + octet : 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.walks = 0};
	if (size < sizeof(struct isb_plan))
		return 0;
	struct isb_plan *plan = malloc(size); /* not an octet too long */
	memcpy(plan, data, size);
	if (plan->size == 0)
		plan->size = (uint32_t)size;
	w.chunk[0] = w.words;
	w.since_chunk[0] = w.since;
	w.pace_chunk[0] = w.pace;
	if (isb_plan_check(plan, size)) {
		w.rotor = calloc(plan->nrotor ? plan->nrotor : 1, sizeof(*w.rotor));
		for (int round = 0; round < 3; round++) {
			set_words(&w, data, size, round);
			w.walks = 0;
			walk_all(&w, plan);
		}
		free(w.rotor);
	}
	free(plan);
	return 0;
}
