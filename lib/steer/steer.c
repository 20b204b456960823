/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/steer.h"

#include "isobar/steer/rollout.h"
#include "isobar/steer/trace.h"

/* What a walk holds against an endpoint. Only when nothing can answer does the record's `all_down` make it ask less. */
enum strictness { AS_JUDGED, VERDICTS_IGNORED, ANYTHING_GOES };

struct walk {
	const struct isb_plan *plan;
	const struct isb_steer_state *state;
	enum isb_plan_type type;
	enum strictness strictness;
	uint32_t flip_s; /* earliest possible change of anything looked at; ISB_FLIP_NONE: none foreseen */
	uint32_t work;   /* done under this strictness, see WORK_MAX */
	struct isb_choice *choice;
};

enum { SET_ASIDE = 0xffffffff }; /* in place of an effective weight */

/* A policy may be named by many others, so that a small plan unfolds without end when nothing in it can answer. A walk
 * that looked at this many children ends as if nothing could answer; to enter a node counts for as much as to look at
 * NODE_WORK of its children. It is enough to try every child of the widest node, each of them a pool as wide. */
enum { NODE_WORK = 32, WORK_MAX = 3 * ISB_CHILD_MAX * ISB_CHILD_MAX };

static void note_flip(struct walk *walk, uint64_t seconds)
{
	if (seconds < walk->flip_s)
		walk->flip_s = (uint32_t)seconds;
}

static enum isb_admin admin_of(struct walk *walk, uint32_t slot)
{
	const struct isb_steer_state *state = walk->state;
	uint64_t word = slot < state->nadmin ? state->admin[slot] : 0;
	enum isb_admin admin = isb_admin_at(word, state->now_ms);
	int64_t until_ms = (int64_t)(word >> 3);
	if (admin != ISB_ADMIN_AUTO && until_ms)
		note_flip(walk, (uint64_t)(until_ms - state->now_ms + 999) / 1000);
	return admin;
}

/* An operator's word beats the verdict. A verdict never formed counts as up: a cold start must answer, and the word
 * keeps `unknown` visible to whoever asks. */
static enum isb_usable judge(const struct walk *walk, enum isb_admin admin, uint64_t word)
{
	if (walk->strictness == ANYTHING_GOES || admin == ISB_ADMIN_UP)
		return ISB_USABLE;
	if (admin == ISB_ADMIN_DOWN)
		return ISB_SET_ASIDE_ADMIN_DOWN;
	if (admin == ISB_ADMIN_DRAIN)
		return ISB_SET_ASIDE_DRAIN;
	if (walk->strictness == AS_JUDGED && isb_health_effective(word) == ISB_DOWN)
		return ISB_SET_ASIDE_DOWN;
	return ISB_USABLE;
}

/* Effective weight of a pool's child: weight × soft health, or SET_ASIDE. */
static uint32_t weigh(struct walk *walk, const struct isb_plan_child *child, unsigned depth)
{
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, child->ref);
	if (!endpoint)
		return SET_ASIDE;
	uint64_t word = endpoint->checked ? isb_health_word(&walk->state->health, endpoint->slot) : 0;
	enum isb_admin admin = admin_of(walk, endpoint->slot);
	enum isb_usable usable = judge(walk, admin, word);
	if (admin == ISB_ADMIN_AUTO)
		note_flip(walk, isb_health_flip_s(word));
	unsigned soft = word && admin != ISB_ADMIN_UP ? isb_health_soft(word) : ISB_SOFT_FULL;
	uint32_t weight = (uint32_t)child->weight * soft;
	if (walk->state->trace) {
		struct isb_step *step = isb_trace_add(walk->state->trace, ISB_STEP_ENDPOINT, depth,
		                                      isb_plan_text(walk->plan, endpoint->name));
		step->rank = child->rank;
		step->weight = weight;
		step->slot = endpoint->slot;
		step->word = word;
		step->admin = admin;
		step->usable = usable;
	}
	return usable == ISB_USABLE ? weight : SET_ASIDE;
}

/* Draws one child of [from, to) in proportion to weight[]; `zero` draws evenly among those of weight 0 instead. Returns
 * its index, or `to` when there is none. No random number is spent on a choice of one. */
static uint32_t draw(struct walk *walk, const uint32_t *weight, uint32_t from, uint32_t to, bool zero, uint32_t *ret_total)
{
	uint64_t total = 0;
	uint32_t found = to, candidates = 0;
	walk->work += to - from;
	for (uint32_t i = from; i < to; i++) {
		if (weight[i] == SET_ASIDE || (weight[i] == 0) != zero)
			continue;
		total += zero ? 1 : weight[i];
		found = i;
		candidates++;
	}
	*ret_total = (uint32_t)total;
	if (candidates < 2)
		return found;
	uint64_t at = isb_rng_below(walk->state->rng, total);
	for (uint32_t i = from; i < to; i++) {
		if (weight[i] == SET_ASIDE || (weight[i] == 0) != zero)
			continue;
		uint64_t share = zero ? 1 : weight[i];
		if (at < share)
			return i;
		at -= share;
	}
	return to;
}

/* Takes children in order: rank by rank, within a rank by weight; those of weight 0 only in a second round. `visit`
 * returns true to end. Every child is visited at most once: weight[] of the visited becomes SET_ASIDE. */
typedef bool visit_fn(struct walk *walk, const struct isb_plan_node *node, uint32_t index, uint32_t weight, uint32_t total,
                      unsigned depth);

static bool in_order(struct walk *walk, const struct isb_plan_node *node, uint32_t *weight, bool zero, unsigned depth,
                     visit_fn *visit)
{
	for (uint32_t from = 0, to; from < node->nchild; from = to) {
		for (to = from + 1; to < node->nchild && node->child[to].rank == node->child[from].rank;)
			to++;
		uint32_t total, i;
		while (walk->work < WORK_MAX && (i = draw(walk, weight, from, to, zero, &total)) != to) {
			uint32_t drawn = weight[i];
			weight[i] = SET_ASIDE;
			if (visit(walk, node, i, drawn, total, depth))
				return true;
		}
	}
	return false;
}

static struct isb_step *trace_step(struct walk *walk, enum isb_step_kind kind, unsigned depth, uint32_t name)
{
	return isb_trace_add(walk->state->trace, kind, depth, isb_plan_text(walk->plan, name));
}

static unsigned wanted(const struct isb_plan_node *pool)
{
	return pool->answers && pool->answers < ISB_CHOICE_MAX ? pool->answers : ISB_CHOICE_MAX;
}

static bool take_endpoint(struct walk *walk, const struct isb_plan_node *pool, uint32_t index, uint32_t weight,
                          uint32_t total, unsigned depth)
{
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, pool->child[index].ref);
	struct isb_choice *choice = walk->choice;
	if (walk->state->trace) {
		struct isb_step *step = trace_step(walk, ISB_STEP_CHOSEN, depth, endpoint->name);
		step->weight = weight;
		step->total = total;
	}
	choice->endpoint[choice->n] = endpoint;
	choice->rdata[choice->n++] = &endpoint->rdata[walk->type];
	return choice->n == wanted(pool);
}

static bool walk_pool(struct walk *walk, const struct isb_plan_node *pool, unsigned depth)
{
	uint32_t weight[ISB_CHILD_MAX], usable = 0;
	walk->work += pool->nchild;
	for (uint32_t i = 0; i < pool->nchild; i++) {
		weight[i] = weigh(walk, &pool->child[i], depth + 1);
		usable += weight[i] != SET_ASIDE;
	}
	uint32_t need = walk->strictness == AS_JUDGED ? pool->min_up : 1;
	if (usable < need || usable == 0) {
		if (walk->state->trace) {
			struct isb_step *step = trace_step(walk, ISB_STEP_SHORT, depth, pool->name);
			step->got = usable;
			step->need = need;
		}
		return false;
	}
	in_order(walk, pool, weight, false, depth + 1, take_endpoint);
	if (walk->choice->n == 0)
		in_order(walk, pool, weight, true, depth + 1, take_endpoint);
	return walk->choice->n > 0;
}

static bool walk_node(struct walk *walk, const struct isb_plan_node *node, unsigned depth);

static bool try_child(struct walk *walk, const struct isb_plan_node *node, uint32_t index, uint32_t weight, uint32_t total,
                      unsigned depth)
{
	const struct isb_plan_node *child = isb_plan_node(walk->plan, node->child[index].ref);
	if (!child)
		return false;
	if (walk->state->trace) {
		struct isb_step *step = trace_step(walk, ISB_STEP_DRAW, depth, child->name);
		step->rank = node->child[index].rank;
		step->weight = weight;
		step->total = total;
	}
	return walk_node(walk, child, depth);
}

static bool walk_policy(struct walk *walk, const struct isb_plan_node *node, unsigned depth)
{
	uint32_t weight[ISB_CHILD_MAX];
	for (uint32_t i = 0; i < node->nchild; i++) {
		const struct isb_plan_node *child = isb_plan_node(walk->plan, node->child[i].ref);
		weight[i] = node->child[i].weight;
		if (walk->state->trace && child) {
			struct isb_step *step = trace_step(walk, ISB_STEP_CHILD, depth + 1, child->name);
			step->rank = node->child[i].rank;
			step->weight = weight[i];
		}
	}
	return in_order(walk, node, weight, false, depth + 1, try_child) ||
	       in_order(walk, node, weight, true, depth + 1, try_child);
}

/* The child that stands for one side of a rollout. */
static bool try_side(struct walk *walk, const struct isb_plan_node *node, const struct isb_sides *sides, unsigned i,
                     unsigned depth)
{
	uint8_t side = sides->side[i];
	uint32_t percent = side == ISB_ROLLOUT_TO ? sides->percent : 100u - sides->percent;
	return try_child(walk, node, side, i ? 100 : percent, 100, depth); /* the second follows from the first */
}

static bool walk_rollout(struct walk *walk, const struct isb_plan_node *node, unsigned depth)
{
	const struct isb_plan_rollout *rollout = isb_plan_rollout(walk->plan, node);
	if (!rollout || node->nchild != 2)
		return false;
	const struct isb_sides sides = isb_rollout_sides(rollout, walk->state);
	const struct isb_plan_node *to = isb_plan_node(walk->plan, node->child[ISB_ROLLOUT_TO].ref);
	if (sides.next_ms)
		note_flip(walk, (uint64_t)(sides.next_ms - walk->state->now_ms + 999) / 1000);
	if (sides.client_bits > walk->choice->client_bits)
		walk->choice->client_bits = sides.client_bits;
	if (walk->state->trace && to) {
		struct isb_step *step = trace_step(walk, ISB_STEP_ROLLOUT, depth, to->name);
		step->weight = sides.percent;
		step->rank = sides.step;
		step->got = sides.aborted;
	}
	for (unsigned i = 0; i < sides.count; i++)
		if (try_side(walk, node, &sides, i, depth + 1))
			return true;
	return false;
}

static bool walk_node(struct walk *walk, const struct isb_plan_node *node, unsigned depth)
{
	if (depth > ISB_PLAN_DEPTH_MAX * 2 || node->nchild > ISB_CHILD_MAX)
		return false;
	if (walk->state->trace)
		trace_step(walk, ISB_STEP_ENTER, depth, node->name)->order = (enum isb_order_id)node->order;
	walk->work += NODE_WORK;
	bool answered = node->flags & ISB_NODE_POOL      ? walk_pool(walk, node, depth)
	                : node->flags & ISB_NODE_ROLLOUT ? walk_rollout(walk, node, depth)
	                                                 : walk_policy(walk, node, depth);
	if (!answered && walk->state->trace)
		trace_step(walk, ISB_STEP_LEAVE, depth, node->name);
	return answered;
}

/* As if all were up: first without the verdicts, then, when operators took everything out, without their word too.
 * An answer that may fail is better than one that surely does; NXDOMAIN would deny the whole subtree in caches. */
static void fail_open(struct walk *walk, const struct isb_plan_node *root)
{
	walk->strictness = VERDICTS_IGNORED;
	walk->work = 0;
	if (walk_node(walk, root, 0))
		return;
	walk->strictness = ANYTHING_GOES;
	walk->work = 0;
	walk_node(walk, root, 0);
}

static uint32_t ttl(const struct isb_plan_record *record, uint32_t flip_s)
{
	uint32_t soonest = flip_s > record->ttl_min_s ? flip_s : record->ttl_min_s;
	return flip_s == ISB_FLIP_NONE || soonest > record->ttl_s ? record->ttl_s : soonest;
}

void isb_steer(const struct isb_plan *plan, const struct isb_plan_record *record, uint32_t cls, enum isb_plan_type type,
               const struct isb_steer_state *state, struct isb_choice *ret_choice)
{
	struct walk walk = {
		.plan = plan, .state = state, .type = type, .flip_s = ISB_FLIP_NONE, .choice = ret_choice};
	const struct isb_plan_node *root = isb_plan_root(plan, record, cls);
	ret_choice->kind = ISB_CHOICE_FALLBACK;
	ret_choice->failopen = false;
	ret_choice->client_bits = 0;
	ret_choice->ttl_s = record->ttl_s;
	ret_choice->n = 0;
	if (state->trace)
		trace_step(&walk, ISB_STEP_RECORD, 0, record->name)->got = cls;
	if (!root)
		return;
	if (!walk_node(&walk, root, 0)) {
		ret_choice->failopen = true;
		if (state->trace)
			trace_step(&walk, ISB_STEP_FAILOPEN, 0, record->name)->got = record->all_down;
		if (record->all_down == ISB_ALL_DOWN_ALL)
			fail_open(&walk, root);
	}
	if (ret_choice->n)
		ret_choice->kind = ISB_CHOICE_ANSWER;
	else if (ret_choice->failopen && record->all_down == ISB_ALL_DOWN_NODATA)
		ret_choice->kind = ISB_CHOICE_NODATA;
	ret_choice->ttl_s = ttl(record, walk.flip_s);
}
