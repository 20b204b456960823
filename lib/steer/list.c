/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/list.h"

#include <string.h>

#include "draw.h"

_Static_assert(sizeof(struct isb_candidate) == 32 && sizeof(struct isb_list) == 8, "plans hold it as octets: no padding");

/* The same division of a random number as isb_draw_by_weight() has, and none where there is but one. */
static inline const struct isb_candidate *take(const struct isb_candidate *c, const struct isb_list_pool *pool, uint32_t from,
                                               uint32_t total, struct isb_rng *rng)
{
	uint32_t i = from;
	while (pool->share[i] == 0)
		i++;
	if (pool->share[i] == total)
		return &c[i];
	for (uint64_t at = isb_rng_below(rng, total); at >= pool->share[i]; i++)
		at -= pool->share[i];
	return &c[i];
}

static __attribute__((noinline)) struct isb_listed choose_among(const struct isb_candidate *c, const struct isb_candidate *end,
                                                                const struct isb_steer_state *state, uint32_t flip_s)
{
	struct isb_list_pool pool;
	pool.flip_s = flip_s;
	for (; c < end; c += c->pool) {
		if (!isb_list_judge_pool(c, state->health, state->admin, state->nadmin, &pool))
			break;
		if (!pool.any)
			continue;
		uint32_t total = pool.total, from = 0;
		if (c->equals < c->pool && total)
			from = isb_list_rank(c, &pool, &total);
		if (!total)
			break; /* those that count for nothing have their turn in the walk */
		return (struct isb_listed){take(c, &pool, from, total, state->rng), pool.flip_s};
	}
	return (struct isb_listed){NULL, ISB_FLIP_NONE};
}

/* Pools of one endpoint, as failover has them, are done with here, without a place for shares. Not inlined: what calls it keeps
 * more in mind than there are registers. */
__attribute__((noinline))
struct isb_listed isb_list_choose(const struct isb_list *list, const struct isb_steer_state *state)
{
	const struct isb_candidate *c = list->candidate, *end = c + list->count;
	uint32_t flip_s = ISB_FLIP_NONE;
	for (; c < end && c->pool == 1; c++) {
		if (c->slot < state->nadmin && state->admin[c->slot])
			return (struct isb_listed){NULL, ISB_FLIP_NONE};
		struct isb_judged judged = isb_list_judge(c, state->health);
		flip_s = judged.flip_s < flip_s ? judged.flip_s : flip_s;
		if (judged.usable)
			return (struct isb_listed){judged.share ? c : NULL, flip_s};
	}
	return choose_among(c, end, state, flip_s);
}

/* --- Building ------------------------------------------------------------------------------------------------------ */

/* A plan from elsewhere may lead through nodes without end before it comes to a candidate. */
enum { NODES_MAX = ISB_LIST_MAX * ISB_PLAN_DEPTH_MAX };

struct building {
	const struct isb_plan *plan;
	enum isb_plan_type type;
	struct isb_list *list;
	unsigned nodes;
};

static uint16_t usable_words(const struct isb_plan_endpoint *endpoint)
{
	unsigned usable = 0;
	for (unsigned word = 0; word < 16; word++) {
		bool down = endpoint->checked && isb_health_is_down(word, (enum isb_unknown)endpoint->unknown);
		usable |= (unsigned)!down << word;
	}
	return (uint16_t)usable;
}

static bool add_candidate(struct building *b, const struct isb_plan_child *child)
{
	const struct isb_plan_endpoint *endpoint = isb_plan_endpoint(b->plan, child->ref);
	const struct isb_plan_rdata *rdata = &endpoint->rdata[b->type];
	if (b->list->count == ISB_LIST_MAX || child->flags & ISB_CHILD_INTRICATE || rdata->count != 1 ||
	    rdata->size > sizeof(b->list->candidate[0].rdata))
		return false;
	struct isb_candidate *c = &b->list->candidate[b->list->count++];
	*c = (struct isb_candidate){.slot = child->slot, .endpoint = child->ref, .weight = child->weight,
	                            .usable = usable_words(endpoint)};
	memcpy(c->rdata, isb_plan_rdata(b->plan, rdata), rdata->size);
	return true;
}

static bool drawn_by_weight(const struct isb_plan_node *node)
{
	return node->nchild == 1 || ISB_DRAWN_BY_WEIGHT >> node->order & 1;
}

static bool add_pool(struct building *b, const struct isb_plan_node *pool)
{
	if (pool->answers != 1 || pool->min_up > 1 || pool->trickle || pool->flags & ISB_NODE_SPREAD || !drawn_by_weight(pool))
		return false;
	struct isb_candidate *c = &b->list->candidate[b->list->count];
	for (uint32_t i = 0, first = 0; i < pool->nchild; i++) {
		if (!add_candidate(b, &pool->child[i]))
			return false;
		if (pool->child[i].rank != pool->child[first].rank)
			first = i;
		c[first].equals++;
		c->pool++;
	}
	return true;
}

/* As walk_straight() goes: those of weight 0 have a turn of their own. */
static bool add_node(struct building *b, const struct isb_plan_node *node)
{
	if (b->nodes++ >= NODES_MAX)
		return false;
	if (node->flags & ISB_NODE_POOL)
		return add_pool(b, node);
	if (!(node->flags & ISB_NODE_STRAIGHT) || !drawn_by_weight(node))
		return false;
	for (unsigned zero = 0; zero < 2; zero++)
		for (uint32_t i = 0; i < node->nchild; i++)
			if ((node->child[i].weight == 0) == zero && !add_node(b, isb_plan_node(b->plan, node->child[i].ref)))
				return false;
	return true;
}

size_t isb_list_build(const struct isb_plan *plan, const struct isb_plan_node *root, enum isb_plan_type type,
                      struct isb_list *ret_list)
{
	struct building b = {.plan = plan, .type = type, .list = ret_list};
	*ret_list = (struct isb_list){.count = 0};
	if (!add_node(&b, root) || ret_list->count == 0)
		return 0;
	return isb_list_bytes(ret_list->count);
}
