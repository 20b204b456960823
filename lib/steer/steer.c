/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/steer.h"

#include "draw.h"
#include "isobar/steer/rollout.h"
#include "judge.h"

/* What few queries need is kept out of the frames of the functions that all pass through. */
#define SELDOM static __attribute__((cold, noinline))

uint32_t isb_child_name(const struct isb_plan *plan, const struct isb_plan_node *node, uint32_t index)
{
	uint32_t ref = node->child[index].ref;
	if (node->flags & ISB_NODE_POOL)
		return isb_plan_endpoint(plan, ref)->name;
	return isb_plan_node(plan, ref)->name;
}

static inline void note_reason(struct isb_walk *walk, enum isb_reason reason)
{
	if (walk->choice->reason < reason)
		walk->choice->reason = (uint8_t)reason;
}

/* --- How much of the client the answer is about -------------------------------------------------------------------- */

static void note_bits(struct isb_walk *walk, uint8_t ipv4, uint8_t ipv6)
{
	uint8_t family = walk->state->client ? walk->state->client->family : 0;
	uint8_t bits = family == 4 ? ipv4 : family == 6 ? ipv6 : 0;
	if (bits > walk->client_bits)
		walk->client_bits = bits;
}

/* Once a query came here the answer holds for no more than its network, even while no more than one child can answer: a
 * scope that widened in an outage would give caches one answer for everybody that outlasts it. */
static void note_key(struct isb_walk *walk, const struct isb_plan_node *node)
{
	if (!(node->flags & ISB_NODE_HASH_NAME) && node->nchild > 1)
		note_bits(walk, node->hash_ipv4, node->hash_ipv6);
}

/* Where chance chooses between a child that is about networks and one that is not, the latter's answers must not be for
 * everybody: in a cache each of them would stand before the former's, for all networks at once, and have far more than its
 * share. */
SELDOM void note_equals(struct isb_walk *walk, const struct isb_equals *in, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		const struct isb_plan_node *child = isb_plan_node(walk->plan, in->node->child[i].ref);
		if (in->weight[i] != ISB_SET_ASIDE)
			note_bits(walk, child->below_ipv4, child->below_ipv6);
	}
}

static bool chooses_networks(const struct isb_plan_node *node)
{
	return (node->below_ipv4 || node->below_ipv6) && !(node->flags & ISB_NODE_POOL);
}

/* --- Children in order --------------------------------------------------------------------------------------------- */

/* Returns true to end. Every child is visited at most once. Pools and policies have a copy each of what goes through
 * children, with their own visit in it. */
static bool try_child(struct isb_walk *walk, const struct isb_equals *in, uint32_t index, uint32_t weight, uint64_t total);
typedef bool visit_fn(struct isb_walk *walk, const struct isb_equals *in, uint32_t index, uint32_t weight, uint64_t total);
#define WITH_VISIT static inline __attribute__((always_inline))

static inline uint32_t end_of_rank(const struct isb_plan_node *node, uint32_t from)
{
	uint32_t to = from + 1;
	if (node->child[node->nchild - 1].rank == node->child[from].rank)
		return node->nchild;
	while (node->child[to].rank == node->child[from].rank)
		to++;
	return to;
}

/* Takes the children of one rank as they are drawn. */
WITH_VISIT bool take_equals(struct isb_walk *walk, struct isb_equals *in, uint32_t from, uint32_t to, visit_fn *visit)
{
	if (to - from == 1) { /* as most are under order failover */
		uint32_t only = isb_share(in, from);
		if (only == 0 || walk->work++ >= ISB_WORK_MAX)
			return false;
		in->weight[from] = ISB_SET_ASIDE;
		return visit(walk, in, from, only, in->zero ? 0 : only);
	}
	if (visit == try_child && chooses_networks(in->node))
		note_equals(walk, in, from, to);
	isb_equals_begin(in, from, to);
	while (in->candidates && walk->work < ISB_WORK_MAX) {
		uint32_t i = isb_draw(in), share = isb_equals_take(in, i);
		if (visit(walk, in, i, share, in->total))
			return true;
	}
	return false;
}

/* Can a child of this rank answer, but for those of weight 0? */
static bool rank_answers(struct isb_walk *walk, const struct isb_equals *in, uint32_t from)
{
	for (uint32_t i = from, to = end_of_rank(in->node, from); i < to; i++) {
		struct isb_survey survey;
		if (in->weight[i] == 0 || in->weight[i] == ISB_SET_ASIDE)
			continue;
		if (in->node->flags & ISB_NODE_POOL)
			return true;
		const struct isb_plan_node *child = isb_plan_node(walk->plan, in->node->child[i].ref);
		isb_survey(walk, child, ISB_NO_VIEWPOINT, &survey);
		if (survey.can_answer)
			return true;
	}
	return false;
}

/* Where the rank begins that shall be tried before the first, to keep it warm; 0: none. While the first cannot answer that is
 * the one that answers anyway, and nothing more trickles down. */
SELDOM uint32_t trickled(struct isb_walk *walk, const struct isb_equals *in)
{
	const struct isb_plan_node *node = in->node;
	uint32_t from = end_of_rank(node, 0);
	if (chooses_networks(node))
		note_equals(walk, in, 0, node->nchild);
	if (from == node->nchild || isb_rng_below(walk->state->rng, 100) >= node->trickle)
		return 0;
	while (from < node->nchild && !rank_answers(walk, in, from))
		from = end_of_rank(node, from);
	if (from == node->nchild)
		return 0;
	if (walk->state->trace) {
		struct isb_step *step = isb_walk_step(walk, ISB_STEP_TRICKLE, in->depth, node->name);
		step->got = node->trickle;
		step->rank = node->child[from].rank;
	}
	return from;
}

/* Takes children rank by rank; those of weight 0 have a turn of their own. */
WITH_VISIT bool in_order(struct isb_walk *walk, struct isb_equals *in, visit_fn *visit)
{
	uint32_t n = in->node->nchild, early = in->node->trickle && !in->zero && n ? trickled(walk, in) : 0;
	if (early && take_equals(walk, in, early, end_of_rank(in->node, early), visit)) {
		note_reason(walk, ISB_REASON_TRICKLE);
		return true;
	}
	for (uint32_t from = 0, to; from < n; from = to) {
		to = end_of_rank(in->node, from);
		if (take_equals(walk, in, from, to, visit))
			return true;
		if (!walk->choice->n)
			note_reason(walk, ISB_REASON_FAILOVER);
	}
	return false;
}

/* --- Pools --------------------------------------------------------------------------------------------------------- */

static unsigned wanted(const struct isb_plan_node *pool)
{
	return pool->answers && pool->answers < ISB_CHOICE_MAX ? pool->answers : ISB_CHOICE_MAX;
}

static bool add_endpoint(struct isb_walk *walk, const struct isb_plan_node *pool,
                         const struct isb_plan_endpoint *endpoint)
{
	struct isb_choice *choice = walk->choice;
	choice->endpoint[choice->n] = endpoint;
	choice->rdata[choice->n++] = &endpoint->rdata[walk->type];
	return choice->n == wanted(pool);
}

static bool region_is_there(const struct isb_choice *choice, uint32_t region)
{
	for (unsigned i = 0; i < choice->n; i++)
		if (choice->endpoint[i]->region == region)
			return true;
	return false;
}

static inline bool take_endpoint(struct isb_walk *walk, const struct isb_equals *in, uint32_t index, uint32_t weight,
                          uint64_t total)
{
	const struct isb_plan_child *child = &in->node->child[index];
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(walk->plan, child->ref);
	if (in->node->flags & ISB_NODE_SPREAD && region_is_there(walk->choice, child->region)) {
		walk->deferred[walk->ndeferred++] = (uint16_t)index;
		return false;
	}
	if (walk->state->trace) {
		struct isb_step *step = isb_walk_step(walk, ISB_STEP_CHOSEN, in->depth, endpoint->name);
		step->weight = in->zero ? 0 : weight;
		step->total = total;
	}
	return add_endpoint(walk, in->node, endpoint);
}

/* Endpoints of new regions come first, and then, in the order in which they were drawn, the others. */
SELDOM void fill_spread(struct isb_walk *walk, struct isb_equals *in)
{
	uint16_t deferred[ISB_CHILD_MAX];
	walk->deferred = deferred;
	walk->ndeferred = 0;
	if (in_order(walk, in, take_endpoint))
		return;
	for (uint32_t i = 0; i < walk->ndeferred; i++) {
		const struct isb_plan_endpoint *endpoint =
			isb_plan_endpoint(walk->plan, in->node->child[walk->deferred[i]].ref);
		if (walk->state->trace)
			isb_walk_step(walk, ISB_STEP_CHOSEN, in->depth, endpoint->name)->got = 1;
		if (add_endpoint(walk, in->node, endpoint))
			return;
	}
}

/* Takes endpoints until the answer is full. */
static inline void fill(struct isb_walk *walk, struct isb_equals *in)
{
	if (in->node->flags & ISB_NODE_SPREAD)
		fill_spread(walk, in);
	else
		in_order(walk, in, take_endpoint);
}

static inline bool compares(const struct isb_plan_node *node)
{
	return node->order == ISB_ORDER_LEAST_LOAD || node->order == ISB_ORDER_FASTEST;
}

SELDOM bool trace_short(struct isb_walk *walk, const struct isb_plan_node *pool, unsigned depth, uint32_t usable,
                        uint32_t need)
{
	if (walk->state->trace) {
		struct isb_step *step = isb_walk_step(walk, ISB_STEP_SHORT, depth, pool->name);
		step->got = usable;
		step->need = need;
	}
	return false;
}

SELDOM void measure_endpoints(const struct isb_walk *walk, const struct isb_plan_node *pool, uint32_t *measure)
{
	for (uint32_t i = 0; i < pool->nchild; i++)
		measure[i] = pool->order == ISB_ORDER_FASTEST ? isb_latency_of(walk, pool->child[i].ref, pool->param)
		                                              : isb_load_of(walk, pool->child[i].ref);
}

static bool walk_pool(struct isb_walk *walk, const struct isb_plan_node *pool, unsigned depth)
{
	uint32_t weight[ISB_CHILD_MAX], measure[ISB_CHILD_MAX], usable = 0, n = pool->nchild;
	const bool trace = walk->state->trace;
	struct isb_equals in;
	isb_equals_init(&in, walk, pool, weight, measure, depth + 1);
	walk->work += n;
	for (uint32_t i = 0; i < n; i++) {
		const struct isb_plan_child *child = &pool->child[i];
		weight[i] = trace ? isb_weigh_fully(walk, child, depth + 1, true) : isb_weigh(walk, child);
		if (weight[i] == ISB_SET_ASIDE)
			continue;
		usable++;
		isb_equals_add(&in, weight[i]);
	}
	uint32_t need = walk->strictness <= ISB_WAITING_TAKEN ? pool->min_up : 1;
	if (usable < need || usable == 0)
		return trace_short(walk, pool, depth, usable, need);
	if (compares(pool))
		measure_endpoints(walk, pool, measure);
	in.counted = true;
	if (pool->flags & ISB_NODE_ONE_DRAW && in.candidates && walk->work < ISB_WORK_MAX) {
		isb_equals_begin(&in, 0, n);
		uint32_t i = isb_draw(&in);
		return take_endpoint(walk, &in, i, weight[i], in.total);
	}
	do
		fill(walk, &in);
	while (walk->choice->n == 0 && isb_equals_turn_to_zero(&in));
	return walk->choice->n > 0;
}

/* --- Policies ------------------------------------------------------------------------------------------------------ */

static bool walk_node(struct isb_walk *walk, const struct isb_plan_node *node, unsigned depth);

static inline bool try_child(struct isb_walk *walk, const struct isb_equals *in, uint32_t index, uint32_t weight, uint64_t total)
{
	const struct isb_plan_node *child = isb_plan_node(walk->plan, in->node->child[index].ref);
	if (walk->state->trace) {
		struct isb_step *step = isb_walk_step(walk, ISB_STEP_DRAW, in->depth, child->name);
		step->rank = in->node->child[index].rank;
		step->weight = in->zero ? 0 : weight;
		step->total = total;
	}
	return walk_node(walk, child, in->depth);
}

/* Measures the children and sets aside those that cannot answer. A trace shows why, by trying them. */
SELDOM void survey_children(struct isb_walk *walk, const struct isb_equals *in, uint32_t *measure)
{
	const struct isb_plan_node *node = in->node;
	bool fastest = node->order == ISB_ORDER_FASTEST;
	for (uint32_t i = 0; i < node->nchild; i++) {
		const struct isb_plan_node *child = isb_plan_node(walk->plan, node->child[i].ref);
		struct isb_survey survey;
		isb_survey(walk, child, fastest ? node->param : ISB_NO_VIEWPOINT, &survey);
		measure[i] = fastest ? survey.latency_us : survey.load;
		if (survey.can_answer)
			continue;
		if (walk->state->trace)
			try_child(walk, in, i, in->weight[i], 0);
		in->weight[i] = ISB_SET_ASIDE;
	}
}

SELDOM void trace_children(struct isb_walk *walk, const struct isb_plan_node *node, unsigned depth)
{
	for (uint32_t i = 0; i < node->nchild; i++) {
		struct isb_step *step = isb_walk_step(walk, ISB_STEP_CHILD, depth, isb_child_name(walk->plan, node, i));
		step->rank = node->child[i].rank;
		step->weight = node->child[i].weight;
	}
}

/* Nothing is drawn, and so there is nothing to keep in mind. In a frame of its own, which pools then do not make. */
static __attribute__((noinline)) bool walk_straight(struct isb_walk *walk, const struct isb_plan_node *node, unsigned depth)
{
	struct isb_equals in = {.node = node, .depth = depth + 1};
	if (walk->state->trace)
		trace_children(walk, node, depth + 1);
	for (unsigned zero = 0; zero < 2; zero++) {
		in.zero = zero;
		for (uint32_t i = 0; i < node->nchild; i++) {
			uint32_t weight = node->child[i].weight;
			if ((weight == 0) != zero || walk->work++ >= ISB_WORK_MAX)
				continue;
			if (try_child(walk, &in, i, weight, weight))
				return true;
			note_reason(walk, ISB_REASON_FAILOVER);
		}
	}
	return false;
}

static bool walk_policy(struct isb_walk *walk, const struct isb_plan_node *node, unsigned depth)
{
	uint32_t weight[ISB_CHILD_MAX], measure[ISB_CHILD_MAX];
	struct isb_equals in;
	if (walk->state->trace)
		trace_children(walk, node, depth + 1);
	for (uint32_t i = 0, n = node->nchild; i < n; i++)
		weight[i] = node->child[i].weight;
	isb_equals_init(&in, walk, node, weight, measure, depth + 1);
	if (compares(node) || node->order == ISB_ORDER_ROTATE)
		survey_children(walk, &in, measure);
	do
		if (in_order(walk, &in, try_child))
			return true;
	while (isb_equals_turn_to_zero(&in));
	return false;
}

/* --- Rollouts ------------------------------------------------------------------------------------------------------ */

/* Where chance chooses the side, answers of both are about as little of the client as those of the one that looks at more
 * of it: see note_equals(). Where the client's network chooses, that is what they are about. */
static void note_sides(struct isb_walk *walk, const struct isb_plan_node *node, const struct isb_sides *sides)
{
	bool chance = sides->stand.percent && sides->stand.percent < 100 && !sides->client_bits;
	for (uint32_t i = 0; chance && i < 2; i++) {
		const struct isb_plan_node *child = isb_plan_node(walk->plan, node->child[i].ref);
		note_bits(walk, child->below_ipv4, child->below_ipv6);
	}
	note_bits(walk, sides->client_bits, sides->client_bits);
	if (sides->stand.next_ms)
		isb_note_flip(walk, (uint64_t)(sides->stand.next_ms - walk->state->now_ms + 999) / 1000);
}

SELDOM bool walk_rollout(struct isb_walk *walk, const struct isb_plan_node *node, unsigned depth)
{
	struct isb_equals in = {.walk = walk, .node = node, .depth = depth + 1};
	const struct isb_plan_rollout *rollout = isb_plan_rollout(walk->plan, node);
	const struct isb_sides sides = isb_rollout_sides(rollout, walk->state);
	note_sides(walk, node, &sides);
	if (walk->state->trace) {
		struct isb_step *step =
			isb_walk_step(walk, ISB_STEP_ROLLOUT, depth, isb_child_name(walk->plan, node, ISB_ROLLOUT_TO));
		step->weight = sides.stand.percent;
		step->rank = sides.stand.step;
		step->got = sides.stand.aborted;
	}
	for (unsigned i = 0; i < sides.count; i++) {
		uint32_t percent = sides.side[i] == ISB_ROLLOUT_TO ? sides.stand.percent : 100u - sides.stand.percent;
		if (try_child(walk, &in, sides.side[i], i ? 100 : percent, 100)) { /* the second follows from the first */
			if (sides.side[i] == ISB_ROLLOUT_TO)
				note_reason(walk, ISB_REASON_ROLLOUT);
			return true;
		}
		note_reason(walk, ISB_REASON_FAILOVER);
	}
	return false;
}

static inline bool walk_kind(struct isb_walk *walk, const struct isb_plan_node *node, unsigned depth)
{
	if (node->flags & ISB_NODE_POOL)
		return walk_pool(walk, node, depth);
	if (node->flags & ISB_NODE_STRAIGHT)
		return walk_straight(walk, node, depth);
	return node->flags & ISB_NODE_ROLLOUT ? walk_rollout(walk, node, depth) : walk_policy(walk, node, depth);
}

SELDOM bool trace_node(struct isb_walk *walk, const struct isb_plan_node *node, unsigned depth)
{
	isb_walk_step(walk, ISB_STEP_ENTER, depth, node->name)->order = (enum isb_order_id)node->order;
	bool answered = walk_kind(walk, node, depth);
	if (!answered)
		isb_walk_step(walk, ISB_STEP_LEAVE, depth, node->name);
	return answered;
}

static bool walk_node(struct isb_walk *walk, const struct isb_plan_node *node, unsigned depth)
{
	walk->work += ISB_NODE_WORK;
	if (node->order == ISB_ORDER_HASH)
		note_key(walk, node);
	return walk->state->trace ? trace_node(walk, node, depth) : walk_kind(walk, node, depth);
}

/* --- Nothing can answer -------------------------------------------------------------------------------------------- */

static bool walk_again(struct isb_walk *walk, const struct isb_plan_node *root, enum isb_strictness strictness,
                       enum isb_again again)
{
	walk->strictness = strictness;
	walk->work = 0;
	if (walk->state->trace)
		isb_walk_step(walk, ISB_STEP_AGAIN, 0, walk->record->name)->got = again;
	return walk_node(walk, root, 0);
}

/* The last good answer: by the endpoints that only verdicts keep out and that went down last, which are all those that
 * answers no older than the record's TTL may still name. What takes several down does not do so in one instant, and the very
 * last of them is no better than the others. */
static bool last_good(struct isb_walk *walk, const struct isb_plan_node *root)
{
	walk->work = 0;
	int64_t newest_ms = isb_newest_fall_ms(walk, root);
	if (!newest_ms)
		return false;
	walk->last_good_ms = newest_ms - (int64_t)walk->record->ttl_s * 1000;
	if (walk->last_good_ms < 1)
		walk->last_good_ms = 1; /* 0 is the moment that nobody knows */
	return walk_again(walk, root, ISB_LAST_GOOD, ISB_AGAIN_LAST_GOOD);
}

/* As if all were up: first without the verdicts, then, when operators took everything out, without their word too.
 * An answer that may fail is better than one that surely does; NXDOMAIN would deny the whole subtree in caches. */
static void fail_open(struct isb_walk *walk, const struct isb_plan_node *root)
{
	if (walk->record->all_down == ISB_ALL_DOWN_LAST && last_good(walk, root)) {
		walk->choice->reason = ISB_REASON_LAST;
		return;
	}
	if (!walk_again(walk, root, ISB_VERDICTS_IGNORED, ISB_AGAIN_VERDICTS))
		walk_again(walk, root, ISB_ANYTHING_GOES, ISB_AGAIN_OPERATORS);
}

SELDOM void fail(struct isb_walk *walk, const struct isb_plan_node *root)
{
	enum isb_all_down all_down = (enum isb_all_down)walk->record->all_down;
	note_reason(walk, ISB_REASON_FAILOVER);
	if (walk->waiting && walk_again(walk, root, ISB_WAITING_TAKEN, ISB_AGAIN_WAITING))
		return;
	walk->choice->failopen = true;
	walk->choice->reason = ISB_REASON_FAILOPEN;
	if (walk->state->trace)
		isb_walk_step(walk, ISB_STEP_FAILOPEN, 0, walk->record->name)->got = all_down;
	if (all_down == ISB_ALL_DOWN_ALL || all_down == ISB_ALL_DOWN_LAST)
		fail_open(walk, root);
	else if (all_down == ISB_ALL_DOWN_NODATA)
		walk->choice->kind = ISB_CHOICE_NODATA;
}

void isb_steer(const struct isb_plan *plan, const struct isb_plan_record *record, uint32_t cls, enum isb_plan_type type,
               const struct isb_steer_state *state, struct isb_choice *ret_choice)
{
	struct isb_walk walk = {.plan = plan, .record = record, .state = state, .type = type, .flip_s = ISB_FLIP_NONE,
	                        .choice = ret_choice};
	const struct isb_plan_node *root = isb_plan_root(plan, record, cls);
	ret_choice->kind = ISB_CHOICE_FALLBACK;
	ret_choice->failopen = false;
	ret_choice->reason = ISB_REASON_FIRST;
	ret_choice->client_bits = 0;
	ret_choice->ttl_s = record->ttl_s;
	ret_choice->n = 0;
	if (state->trace)
		isb_walk_step(&walk, ISB_STEP_RECORD, 0, record->name)->got = cls;
	if (!root)
		return;
	if (!walk_node(&walk, root, 0))
		fail(&walk, root);
	if (ret_choice->n)
		ret_choice->kind = ISB_CHOICE_ANSWER;
	ret_choice->client_bits = walk.client_bits;
	ret_choice->ttl_s = isb_plan_ttl(record, walk.flip_s);
}
