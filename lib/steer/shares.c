/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/shares.h"

#include <stdlib.h>
#include <string.h>

#include "draw.h"
#include "isobar/base/arena.h"
#include "isobar/steer/rollout.h"
#include "judge.h"

struct isb_share_node {
	const struct isb_plan_node *node;
	bool can;    /* answer */
	double mass; /* share of answers that come from here */
};

struct sharing {
	struct isb_shares *shares;
	struct isb_walk walk;
	uint32_t weight[ISB_CHILD_MAX], measure[ISB_CHILD_MAX]; /* of the node at hand; see struct isb_equals */
	double part[ISB_CHILD_MAX];
};

void isb_shares_init(struct isb_shares *shares)
{
	*shares = (struct isb_shares){.kind = ISB_CHOICE_FALLBACK};
}

void isb_shares_done(struct isb_shares *shares)
{
	free(shares->list);
	free(shares->nodes);
	free(shares->seen);
	free(shares->mass);
	isb_shares_init(shares);
}

/* --- What can answer --- */

static struct isb_share_node *met(const struct sharing *s, uint32_t offset)
{
	uint32_t at = s->shares->seen[offset / 4];
	return at ? &s->shares->nodes[at - 1] : NULL;
}

/* ISB_SET_ASIDE when the child cannot answer. */
static uint32_t child_weight(struct sharing *s, const struct isb_plan_node *node, uint32_t i)
{
	const struct isb_plan_child *child = &node->child[i];
	const struct isb_plan_rollout *rollout = node->flags & ISB_NODE_ROLLOUT ? isb_plan_rollout(s->walk.plan, node) : NULL;
	if (rollout && i == ISB_ROLLOUT_TO && !isb_rollout_stand(rollout, s->walk.state).percent)
		return ISB_SET_ASIDE;
	if (node->flags & ISB_NODE_POOL)
		return isb_weigh(&s->walk, child);
	const struct isb_share_node *below = met(s, child->ref);
	return below && below->can ? child->weight : ISB_SET_ASIDE;
}

/* Lists the nodes below and then the node itself. */
static void meet(struct sharing *s, uint32_t offset)
{
	struct isb_shares *shares = s->shares;
	const struct isb_plan_node *node = isb_plan_node(s->walk.plan, offset);
	if (met(s, offset))
		return;
	for (uint32_t i = 0; !(node->flags & ISB_NODE_POOL) && i < node->nchild; i++)
		meet(s, node->child[i].ref);
	if (shares->nnode == shares->node_room) {
		shares->node_room = shares->node_room ? shares->node_room * 2 : 16;
		shares->nodes = isb_xrealloc(shares->nodes, shares->node_room * sizeof(*shares->nodes));
	}
	shares->nodes[shares->nnode++] = (struct isb_share_node){.node = node};
	shares->seen[offset / 4] = (uint32_t)shares->nnode;
}

/* True when the root can answer. */
static bool judge_all(struct sharing *s, enum isb_strictness strictness)
{
	bool can = false;
	s->walk.strictness = strictness;
	for (size_t n = 0; n < s->shares->nnode; n++) {
		struct isb_share_node *at = &s->shares->nodes[n];
		uint32_t usable = 0, need = 1;
		for (uint32_t i = 0; i < at->node->nchild; i++)
			usable += child_weight(s, at->node, i) != ISB_SET_ASIDE;
		if (at->node->flags & ISB_NODE_POOL && strictness <= ISB_WAITING_TAKEN && at->node->min_up > need)
			need = at->node->min_up;
		can = at->can = usable >= need;
	}
	return can; /* the root is the last */
}

/* As isb_steer() goes on when nothing can. */
static bool fail_open(struct sharing *s, const struct isb_plan_node *root)
{
	const struct isb_plan_record *record = s->walk.record;
	if (record->all_down == ISB_ALL_DOWN_LAST) {
		int64_t newest_ms = isb_newest_fall_ms(&s->walk, root), oldest_ms = newest_ms - (int64_t)record->ttl_s * 1000;
		s->walk.last_good_ms = oldest_ms < 1 ? 1 : oldest_ms;
		if (newest_ms && judge_all(s, ISB_LAST_GOOD))
			return true;
	}
	return judge_all(s, ISB_VERDICTS_IGNORED) || judge_all(s, ISB_ANYTHING_GOES);
}

/* --- One draw among equals, all of whom can answer; see draw.h, and part[] takes the chances --- */

static void part_by_weight(struct sharing *s, const struct isb_equals *e)
{
	double total = 0;
	for (uint32_t i = e->from; i < e->to; i++)
		total += isb_share(e, i);
	for (uint32_t i = e->from; i < e->to; i++)
		s->part[i] = isb_share(e, i) / total;
}

/* Of each pair: how often one is drawn first and the other then, from what is left. */
static void part_by_load(struct sharing *s, const struct isb_equals *e)
{
	double total = 0;
	for (uint32_t i = e->from; i < e->to; i++)
		total += isb_share(e, i);
	for (uint32_t a = e->from; a < e->to; a++)
		for (uint32_t b = a + 1; isb_share(e, a) && b < e->to; b++) {
			uint64_t share_a = isb_share(e, a), share_b = isb_share(e, b);
			uint64_t load_a = e->measure[a] * share_b, load_b = e->measure[b] * share_a;
			if (!share_b)
				continue;
			double both = (double)share_a * (double)share_b / total;
			double a_first = both / (total - (double)share_a), b_first = both / (total - (double)share_b);
			s->part[a] += load_a == load_b ? a_first : load_a < load_b ? a_first + b_first : 0;
			s->part[b] += load_a == load_b ? b_first : load_b < load_a ? a_first + b_first : 0;
		}
}

static void part_by_latency(struct sharing *s, const struct isb_equals *e)
{
	double total = 0;
	uint32_t most = isb_latency_most(e);
	for (uint32_t i = e->from; i < e->to; i++)
		total += s->part[i] = isb_latency_share(e, i, most);
	for (uint32_t i = e->from; i < e->to; i++)
		s->part[i] /= total;
}

/* One client, or one name, has one place; all of them together are shared by weight. */
static bool hashed(const struct isb_equals *e)
{
	const struct isb_steer_state *state = e->walk->state;
	if (e->node->order != ISB_ORDER_HASH)
		return false;
	return e->node->flags & ISB_NODE_HASH_NAME ? state->name != NULL : state->client != NULL;
}

/* There is at least one. Order rotate gives everyone their weight's worth, in turn. */
static void part(struct sharing *s, struct isb_equals *e)
{
	for (uint32_t i = e->from; i < e->to; i++)
		s->part[i] = 0;
	if (hashed(e))
		s->part[isb_draw(e)] = 1;
	else if (e->node->order == ISB_ORDER_LEAST_LOAD && e->candidates > 1)
		part_by_load(s, e);
	else if (e->node->order == ISB_ORDER_FASTEST)
		part_by_latency(s, e);
	else
		part_by_weight(s, e);
}

/* --- Shares --- */

static void give_endpoint(struct isb_shares *shares, uint32_t endpoint, double mass)
{
	if (shares->mass[endpoint] <= 0) {
		if (shares->count == shares->list_room) {
			shares->list_room = shares->list_room ? shares->list_room * 2 : 16;
			shares->list = isb_xrealloc(shares->list, shares->list_room * sizeof(*shares->list));
		}
		shares->list[shares->count++].endpoint = endpoint;
	}
	shares->mass[endpoint] += mass;
}

/* The candidates of one rank; from == to: there is none. */
struct rank {
	uint32_t from, to;
};

/* The first at or behind `from` that has any. */
static struct rank next_rank(const struct sharing *s, const struct isb_plan_node *node, uint32_t from)
{
	for (uint32_t to; from < node->nchild; from = to) {
		bool any = false;
		for (to = from; to < node->nchild && node->child[to].rank == node->child[from].rank; to++)
			any |= s->weight[to] != ISB_SET_ASIDE && s->weight[to] != 0;
		if (any)
			return (struct rank){from, to};
	}
	return (struct rank){from, from};
}

static void share_rank(struct sharing *s, const struct isb_plan_node *node, struct rank rank, double mass)
{
	struct isb_equals e = {.walk = &s->walk, .node = node, .weight = s->weight, .measure = s->measure};
	isb_equals_begin(&e, rank.from, rank.to);
	part(s, &e);
	for (uint32_t i = rank.from; i < rank.to; i++) {
		if (s->part[i] <= 0)
			continue;
		if (node->flags & ISB_NODE_POOL)
			give_endpoint(s->shares, node->child[i].ref, mass * s->part[i]);
		else
			met(s, node->child[i].ref)->mass += mass * s->part[i];
	}
}

/* The first rank that can answer takes it, but for what trickles from the best rank of all to the next that can. */
static bool share_round(struct sharing *s, const struct isb_plan_node *node, bool zero, double mass)
{
	struct rank first = next_rank(s, node, 0), next = next_rank(s, node, first.to);
	double early = zero || first.from > 0 || next.from == next.to ? 0 : mass * node->trickle / 100;
	if (first.from == first.to)
		return false;
	if (early > 0)
		share_rank(s, node, next, early);
	share_rank(s, node, first, mass - early);
	return true;
}

static void share_zeros(struct sharing *s, const struct isb_plan_node *node, double mass)
{
	struct isb_equals e = {.node = node, .weight = s->weight};
	isb_equals_turn_to_zero(&e);
	share_round(s, node, true, mass);
}

static void measure(struct sharing *s, const struct isb_plan_node *node)
{
	bool fastest = node->order == ISB_ORDER_FASTEST;
	for (uint32_t i = 0; i < node->nchild; i++) {
		uint32_t ref = node->child[i].ref;
		struct isb_survey survey = {0};
		if (node->flags & ISB_NODE_POOL) {
			s->measure[i] = fastest ? isb_latency_of(&s->walk, ref, node->param) : isb_load_of(&s->walk, ref);
			continue;
		}
		s->walk.work = 0;
		if (s->weight[i] != ISB_SET_ASIDE)
			isb_survey(&s->walk, met(s, ref)->node, fastest ? node->param : ISB_NO_VIEWPOINT, &survey);
		s->measure[i] = fastest ? survey.latency_us : survey.load;
	}
}

/* Both sides stand in for one another. */
static void share_sides(struct sharing *s, const struct isb_plan_node *node, double mass)
{
	uint8_t bits;
	const struct isb_plan_rollout *rollout = isb_plan_rollout(s->walk.plan, node);
	const struct isb_stand stand = isb_rollout_stand(rollout, s->walk.state);
	double part = isb_rollout_chance(rollout, &stand, s->walk.state->client, &bits) / 100.;
	if (s->weight[ISB_ROLLOUT_TO] == ISB_SET_ASIDE || s->weight[ISB_ROLLOUT_FROM] == ISB_SET_ASIDE)
		part = s->weight[ISB_ROLLOUT_TO] != ISB_SET_ASIDE;
	if (part < 1)
		met(s, node->child[ISB_ROLLOUT_FROM].ref)->mass += mass * (1 - part);
	if (part > 0)
		met(s, node->child[ISB_ROLLOUT_TO].ref)->mass += mass * part;
}

/* From the root down: whoever uses a node stands behind it in the list. */
static void share_all(struct sharing *s)
{
	struct isb_shares *shares = s->shares;
	shares->nodes[shares->nnode - 1].mass = 1;
	for (size_t n = shares->nnode; n-- > 0;) {
		const struct isb_plan_node *node = shares->nodes[n].node;
		double mass = shares->nodes[n].mass;
		if (!shares->nodes[n].can || mass <= 0)
			continue;
		for (uint32_t i = 0; i < node->nchild; i++)
			s->weight[i] = child_weight(s, node, i);
		if (node->order == ISB_ORDER_LEAST_LOAD || node->order == ISB_ORDER_FASTEST)
			measure(s, node);
		if (node->flags & ISB_NODE_ROLLOUT)
			share_sides(s, node, mass);
		else if (!share_round(s, node, false, mass))
			share_zeros(s, node, mass);
	}
}

static int by_endpoint(const void *a, const void *b)
{
	const struct isb_share *x = a, *y = b;
	return x->endpoint < y->endpoint ? -1 : x->endpoint > y->endpoint;
}

/* Takes the endpoints' masses over, leaving zeros behind. */
static void collect(struct isb_shares *shares)
{
	for (size_t i = 0; i < shares->count; i++) {
		shares->list[i].share = shares->mass[shares->list[i].endpoint];
		shares->mass[shares->list[i].endpoint] = 0;
	}
	qsort(shares->list, shares->count, sizeof(*shares->list), by_endpoint);
}

/* --- From outside --- */

static void *make_room(void *old, size_t *count, size_t wanted, size_t size)
{
	if (wanted <= *count)
		return old;
	char *grown = isb_xrealloc(old, wanted * size);
	memset(grown + *count * size, 0, (wanted - *count) * size);
	*count = wanted;
	return grown;
}

static void forget_nodes(struct isb_shares *shares, const struct isb_plan *plan)
{
	for (size_t i = 0; i < shares->nnode; i++)
		shares->seen[(size_t)((const char *)shares->nodes[i].node - (const char *)plan) / 4] = 0;
	shares->nnode = 0;
}

void isb_shares_find(struct isb_shares *shares, const struct isb_plan *plan, const struct isb_plan_record *record,
                     uint32_t cls, const struct isb_steer_state *state)
{
	struct isb_steer_state silent = *state;
	struct sharing s = {.shares = shares, .walk = {.plan = plan, .record = record, .state = &silent}};
	const struct isb_plan_node *root = isb_plan_root(plan, record, cls);
	silent.trace = NULL;
	shares->kind = ISB_CHOICE_FALLBACK;
	shares->failopen = false;
	shares->count = 0;
	if (!root)
		return;
	shares->seen = make_room(shares->seen, &shares->nseen, plan->size / 4 + 1, sizeof(*shares->seen));
	shares->mass = make_room(shares->mass, &shares->nmass, plan->nendpoint, sizeof(*shares->mass));
	meet(&s, (uint32_t)((const char *)root - (const char *)plan));
	bool can = judge_all(&s, ISB_AS_JUDGED) || (s.walk.waiting && judge_all(&s, ISB_WAITING_TAKEN));
	shares->failopen = !can;
	if (!can && (record->all_down == ISB_ALL_DOWN_ALL || record->all_down == ISB_ALL_DOWN_LAST))
		can = fail_open(&s, root);
	if (can) {
		shares->kind = ISB_CHOICE_ANSWER;
		share_all(&s);
		collect(shares);
	} else if (record->all_down == ISB_ALL_DOWN_NODATA) {
		shares->kind = ISB_CHOICE_NODATA;
	}
	forget_nodes(shares, plan);
}
