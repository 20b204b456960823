/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

/* Looking ahead. Orders that compare their children (least-load, fastest) or deal them out in turn must know first which
 * of them can answer at all: a turn that falls to one that cannot would go to its neighbour every time. */

/* The equals of the first rank that has any. */
struct tally {
	bool any;
	uint16_t rank;
	uint64_t weight, load; /* load: sum of load × weight */
	uint32_t latency_us;
};

static void add(struct tally *tally, uint16_t rank, uint32_t weight, uint32_t load, uint32_t latency_us)
{
	if (tally->any && tally->rank != rank)
		return;
	tally->any = true;
	tally->rank = rank;
	tally->weight += weight;
	tally->load += (uint64_t)load * weight;
	if (latency_us && (!tally->latency_us || latency_us < tally->latency_us))
		tally->latency_us = latency_us;
}

static void survey_pool(struct isb_walk *walk, const struct isb_plan_node *pool, uint32_t viewpoint, struct tally tally[2],
                        uint32_t *ret_usable)
{
	for (uint32_t i = 0; i < pool->nchild; i++) {
		const struct isb_plan_child *child = &pool->child[i];
		uint32_t weight = isb_weigh(walk, child);
		if (weight == ISB_SET_ASIDE)
			continue;
		++*ret_usable;
		add(&tally[weight == 0], child->rank, weight ? weight : 1, isb_load_of(walk, child->ref),
		    isb_latency_of(walk, child->ref, viewpoint));
	}
}

static void survey_policy(struct isb_walk *walk, const struct isb_plan_node *node, uint32_t viewpoint,
                          struct tally tally[2])
{
	for (uint32_t i = 0; i < node->nchild; i++) {
		const struct isb_plan_child *child = &node->child[i];
		const struct isb_plan_node *below = isb_plan_node(walk->plan, child->ref);
		struct isb_survey survey;
		if (tally[0].any && tally[0].rank != child->rank)
			break;
		isb_survey(walk, below, viewpoint, &survey);
		if (survey.can_answer)
			add(&tally[child->weight == 0], child->rank, child->weight ? child->weight : 1, survey.load,
			    survey.latency_us);
	}
}

void isb_survey(struct isb_walk *walk, const struct isb_plan_node *node, uint32_t viewpoint, struct isb_survey *ret_survey)
{
	struct tally tally[2] = {{0}, {0}}; /* the second: of those that answer when nothing else can */
	uint32_t usable = 0, need = walk->strictness <= ISB_WAITING_TAKEN ? node->min_up : 1;
	*ret_survey = (struct isb_survey){0};
	if (walk->work >= ISB_WORK_MAX)
		return;
	walk->work += ISB_NODE_WORK + node->nchild;
	if (node->flags & ISB_NODE_POOL)
		survey_pool(walk, node, viewpoint, tally, &usable);
	else
		survey_policy(walk, node, viewpoint, tally);
	const struct tally *first = &tally[!tally[0].any];
	if (!first->any || (node->flags & ISB_NODE_POOL && usable < need))
		return;
	*ret_survey = (struct isb_survey){
		.can_answer = true, .load = (uint32_t)(first->load / first->weight), .latency_us = first->latency_us};
}

int64_t isb_newest_fall_ms(struct isb_walk *walk, const struct isb_plan_node *node)
{
	int64_t newest = 0;
	if (walk->work >= ISB_WORK_MAX)
		return 0;
	walk->work += ISB_NODE_WORK + node->nchild;
	for (uint32_t i = 0; i < node->nchild; i++) {
		int64_t fell_ms = 0;
		if (node->flags & ISB_NODE_POOL)
			fell_ms = isb_fell_ms(walk, isb_plan_endpoint(walk->plan, node->child[i].ref));
		else
			fell_ms = isb_newest_fall_ms(walk, isb_plan_node(walk->plan, node->child[i].ref));
		if (fell_ms > newest)
			newest = fell_ms;
	}
	return newest;
}
