/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/shares.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"

/* As in the walk (steer.c), which is the truth; test_shares holds the two together. */
enum strictness { AS_JUDGED, VERDICTS_IGNORED, ANYTHING_GOES };
enum { SET_ASIDE = 0xffffffff };

struct isb_share_node {
	const struct isb_plan_node *node;
	bool can;    /* answer */
	double mass; /* share of answers that come from here */
};

struct sharing {
	struct isb_shares *shares;
	const struct isb_plan *plan;
	const struct isb_steer_state *state;
	enum strictness strictness;
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

/* Effective weight of a pool's child, or SET_ASIDE. */
static uint32_t weigh(const struct sharing *s, const struct isb_plan_child *child)
{
	const struct isb_steer_state *state = s->state;
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(s->plan, child->ref);
	if (!endpoint)
		return SET_ASIDE;
	uint64_t word = endpoint->checked ? isb_health_word(&state->health, endpoint->slot) : 0;
	uint64_t said = endpoint->slot < state->nadmin ? state->admin[endpoint->slot] : 0;
	enum isb_admin admin = isb_admin_at(said, state->now_ms);
	bool down = admin == ISB_ADMIN_AUTO && s->strictness == AS_JUDGED && isb_health_effective(word) == ISB_DOWN;
	bool out = admin == ISB_ADMIN_DOWN || admin == ISB_ADMIN_DRAIN;
	if (down || (out && s->strictness != ANYTHING_GOES))
		return SET_ASIDE;
	unsigned soft = word && admin != ISB_ADMIN_UP ? isb_health_soft(word) : ISB_SOFT_FULL;
	return (uint32_t)child->weight * soft;
}

static struct isb_share_node *met(const struct sharing *s, uint32_t offset)
{
	uint32_t at = s->shares->seen[offset / 4];
	return at ? &s->shares->nodes[at - 1] : NULL;
}

/* SET_ASIDE when the child cannot answer. */
static uint32_t child_weight(const struct sharing *s, const struct isb_plan_node *node, uint32_t i)
{
	const struct isb_plan_child *child = &node->child[i];
	if (node->flags & ISB_NODE_POOL)
		return weigh(s, child);
	const struct isb_share_node *below = met(s, child->ref);
	return below && below->can ? child->weight : SET_ASIDE;
}

/* Lists the nodes below and then the node itself. */
static void meet(struct sharing *s, uint32_t offset, unsigned depth)
{
	struct isb_shares *shares = s->shares;
	const struct isb_plan_node *node = isb_plan_node(s->plan, offset);
	if (!node || depth > ISB_PLAN_DEPTH_MAX || met(s, offset))
		return;
	for (uint32_t i = 0; !(node->flags & ISB_NODE_POOL) && i < node->nchild; i++)
		if (node->child[i].ref < offset) /* in a checked plan all are */
			meet(s, node->child[i].ref, depth + 1);
	if (shares->nnode == shares->node_room) {
		shares->node_room = shares->node_room ? shares->node_room * 2 : 16;
		shares->nodes = isb_xrealloc(shares->nodes, shares->node_room * sizeof(*shares->nodes));
	}
	shares->nodes[shares->nnode++] = (struct isb_share_node){.node = node};
	shares->seen[offset / 4] = (uint32_t)shares->nnode;
}

static void judge(struct sharing *s, struct isb_share_node *at)
{
	const struct isb_plan_node *node = at->node;
	uint32_t usable = 0, need = 1;
	for (uint32_t i = 0; i < node->nchild; i++)
		usable += child_weight(s, node, i) != SET_ASIDE;
	if (node->flags & ISB_NODE_POOL && s->strictness == AS_JUDGED && node->min_up > need)
		need = node->min_up;
	at->can = usable >= need;
}

/* True when the root can answer. */
static bool judge_all(struct sharing *s, enum strictness strictness)
{
	s->strictness = strictness;
	for (size_t i = 0; i < s->shares->nnode; i++)
		judge(s, &s->shares->nodes[i]);
	return s->shares->nnode && s->shares->nodes[s->shares->nnode - 1].can;
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

static void give(const struct sharing *s, const struct isb_plan_node *node, uint32_t i, double mass)
{
	if (node->flags & ISB_NODE_POOL)
		give_endpoint(s->shares, node->child[i].ref, mass);
	else
		met(s, node->child[i].ref)->mass += mass;
}

/* One draw among the equals [from, to) that can answer; false when there is none. `zero` as in the walk: those of weight 0
 * have a round of their own, in which all count alike. */
static bool share_rank(const struct sharing *s, const struct isb_share_node *at, uint32_t from, uint32_t to, bool zero)
{
	const struct isb_plan_node *node = at->node;
	double total = 0;
	for (uint32_t i = from; i < to; i++) {
		uint32_t weight = child_weight(s, node, i);
		if (weight != SET_ASIDE && (weight == 0) == zero)
			total += zero ? 1 : weight;
	}
	for (uint32_t i = from; total > 0 && i < to; i++) {
		uint32_t weight = child_weight(s, node, i);
		if (weight != SET_ASIDE && (weight == 0) == zero)
			give(s, node, i, at->mass * (zero ? 1 : weight) / total);
	}
	return total > 0;
}

/* The first rank that has any takes it all. */
static bool share_round(const struct sharing *s, const struct isb_share_node *at, bool zero)
{
	const struct isb_plan_node *node = at->node;
	for (uint32_t from = 0, to; from < node->nchild; from = to) {
		for (to = from + 1; to < node->nchild && node->child[to].rank == node->child[from].rank;)
			to++;
		if (share_rank(s, at, from, to, zero))
			return true;
	}
	return false;
}

/* From the root down: whoever uses a node stands behind it in the list. */
static void share_all(struct sharing *s)
{
	struct isb_shares *shares = s->shares;
	shares->nodes[shares->nnode - 1].mass = 1;
	for (size_t i = shares->nnode; i-- > 0;) {
		const struct isb_share_node *at = &shares->nodes[i];
		if (at->can && at->mass > 0 && !share_round(s, at, false))
			share_round(s, at, true);
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

static void forget_nodes(struct sharing *s)
{
	for (size_t i = 0; i < s->shares->nnode; i++)
		s->shares->seen[(size_t)((const char *)s->shares->nodes[i].node - (const char *)s->plan) / 4] = 0;
	s->shares->nnode = 0;
}

void isb_shares_find(struct isb_shares *shares, const struct isb_plan *plan, const struct isb_plan_record *record,
                     uint32_t cls, const struct isb_steer_state *state)
{
	struct sharing s = {.shares = shares, .plan = plan, .state = state};
	const struct isb_plan_node *root = isb_plan_root(plan, record, cls);
	shares->kind = ISB_CHOICE_FALLBACK;
	shares->failopen = false;
	shares->count = 0;
	if (!root)
		return;
	shares->seen = make_room(shares->seen, &shares->nseen, plan->size / 4 + 1, sizeof(*shares->seen));
	shares->mass = make_room(shares->mass, &shares->nmass, plan->nendpoint, sizeof(*shares->mass));
	meet(&s, (uint32_t)((const char *)root - (const char *)plan), 0);
	bool can = judge_all(&s, AS_JUDGED);
	shares->failopen = !can;
	if (!can && record->all_down == ISB_ALL_DOWN_ALL)
		can = judge_all(&s, VERDICTS_IGNORED) || judge_all(&s, ANYTHING_GOES);
	if (can) {
		shares->kind = ISB_CHOICE_ANSWER;
		share_all(&s);
		collect(shares);
	} else if (record->all_down == ISB_ALL_DOWN_NODATA) {
		shares->kind = ISB_CHOICE_NODATA;
	}
	forget_nodes(&s);
}
