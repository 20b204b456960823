/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/dns/answer.h"
#include "isobar/model/rr.h"

/* ALIAS: the addresses that another name has, under the name that was asked for. A name in our own zones is followed
 * here and now, as a CNAME would be, steering and all; of any other name the plan has what a probe resolved last. */

enum {
	DEPTH_MAX = 4,      /* an ALIAS to a steered name with an ALIAS, and so on */
	STEPS_MAX = 128     /* names looked at for one answer; also what ends a loop */
};

struct gathering {
	struct isb_answer *answer;
	const struct isb_alias_question *q;
	unsigned first; /* the first part of the rrset */
	uint32_t ttl_s;
	unsigned steps;
};

/* SAID: the name is ours, and so is the last word on it. NOTHING: it is ours and does not exist. */
enum followed { OUTSIDE, SAID, NOTHING };

static bool add_endpoint(struct gathering *g, const struct isb_plan_endpoint *endpoint, unsigned depth);

static void lower_ttl(struct gathering *g, uint32_t ttl_s)
{
	if (ttl_s < g->ttl_s)
		g->ttl_s = ttl_s;
}

static void add(struct gathering *g, const uint8_t *rdata, unsigned count)
{
	isb_answer_add_unique(g->answer, g->q->name, g->first, (struct isb_part){.type = g->q->type}, rdata, count);
}

static void add_set(struct gathering *g, const struct isb_rrset *set)
{
	lower_ttl(g, set->ttl_s);
	add(g, set->rdata, set->count);
}

/* The name is steered. *ret_next: it is a CNAME by that. False: its ordinary data shall answer. */
static bool steered(struct gathering *g, uint32_t number, const struct isb_name *name, unsigned depth, const uint8_t **ret_next)
{
	const struct isb_view *view = g->q->asking.view;
	const struct isb_plan_record *record = isb_plan_record(view->plan, number);
	uint32_t types = record ? record->types : 0;
	enum isb_plan_type type = g->q->type == ISB_A ? ISB_PLAN_A : ISB_PLAN_AAAA;
	if (types >> ISB_PLAN_CNAME & 1)
		type = ISB_PLAN_CNAME;
	else if (types >> ISB_PLAN_ALIAS & 1)
		type = ISB_PLAN_ALIAS;
	if (!(types >> type & 1) || depth == DEPTH_MAX)
		return false;
	struct isb_choice choice;
	const uint32_t endpoint = g->answer->endpoint;
	isb_answer_choose(g->answer, &g->q->asking, number, name, type, &choice);
	g->answer->endpoint = endpoint; /* the one that the name asked for chose */
	lower_ttl(g, choice.ttl_s);
	bool known = false;
	for (unsigned i = 0; i < choice.n && type == ISB_PLAN_ALIAS; i++)
		known |= add_endpoint(g, choice.endpoint[i], depth + 1);
	for (unsigned i = 0; i < choice.n && type != ISB_PLAN_ALIAS && type != ISB_PLAN_CNAME; i++)
		add(g, isb_plan_rdata(view->plan, choice.rdata[i]), choice.rdata[i]->count);
	if (type == ISB_PLAN_CNAME && choice.n && choice.rdata[0]->count)
		*ret_next = isb_plan_rdata(view->plan, choice.rdata[0]) + 2;
	return choice.kind != ISB_CHOICE_FALLBACK && (type != ISB_PLAN_ALIAS || known);
}

/* What a name that exists says. *ret_next: that it is another name's alias. */
static void at_node(struct gathering *g, const struct isb_node *node, const struct isb_name *name, unsigned depth,
                    const uint8_t **ret_next)
{
	if (node->record != ISB_NO_RECORD && steered(g, node->record, name, depth, ret_next))
		return;
	const struct isb_rrset *set = isb_node_set(node, g->q->type);
	const struct isb_rrset *cname = set ? NULL : isb_node_set(node, ISB_CNAME);
	if (set)
		add_set(g, set);
	if (cname) {
		lower_ttl(g, cname->ttl_s);
		*ret_next = cname->rdata + 2;
	}
}

static enum followed follow(struct gathering *g, const uint8_t *target, unsigned depth)
{
	uint8_t made[ISB_DNAME_MAX];
	struct isb_name name;
	struct isb_place place;
	for (; target && g->steps < STEPS_MAX; g->steps++) {
		isb_name_set(&name, target);
		const struct isb_zone_view *zone = isb_zone_of(g->q->asking.view, &name, false);
		if (!zone)
			return OUTSIDE;
		enum isb_found found = isb_answer_descend(zone, &name, g->q->type, &place);
		target = NULL;
		if (found == ISB_FOUND_CUT)
			return OUTSIDE;
		if (found == ISB_FOUND_DNAME) {
			lower_ttl(g, isb_node_set(place.node, ISB_DNAME)->ttl_s);
			if (isb_answer_substitute(&name, &place, made))
				target = made;
			continue;
		}
		const struct isb_node *node = found == ISB_FOUND_NODE ? place.node : isb_answer_wildcard(place.node);
		if (!node)
			return NOTHING;
		at_node(g, node, &name, depth, &target);
	}
	return SAID;
}

/* What a probe resolved; false when it never did, or the name has no addresses at all. */
static bool add_resolved(struct gathering *g, const struct isb_plan_endpoint *endpoint)
{
	const struct isb_view *view = g->q->asking.view;
	const struct isb_plan_rdata *rdata = &endpoint->resolved[g->q->type == ISB_AAAA];
	if (!endpoint->host || endpoint->host > view->nhost || (!endpoint->resolved[0].count && !endpoint->resolved[1].count))
		return false;
	/* relaxed: a time alone, no other data comes with it */
	int64_t until_ms = atomic_load_explicit(&view->host_until_ms[endpoint->host - 1], memory_order_relaxed);
	int64_t left_s = (until_ms - g->q->asking.state->now_ms) / 1000;
	lower_ttl(g, left_s < 0 ? 0 : left_s > UINT32_MAX ? UINT32_MAX : (uint32_t)left_s);
	if (rdata->count)
		add(g, isb_plan_rdata(view->plan, rdata), rdata->count);
	return true;
}

/* False: nothing is known of its host. */
static bool add_endpoint(struct gathering *g, const struct isb_plan_endpoint *endpoint, unsigned depth)
{
	const struct isb_plan_rdata *rdata = &endpoint->rdata[ISB_PLAN_ALIAS];
	if (!rdata->count)
		return false;
	switch (follow(g, isb_plan_rdata(g->q->asking.view->plan, rdata) + 2, depth)) {
	case SAID: return true;
	case OUTSIDE: return add_resolved(g, endpoint);
	case NOTHING: return false;
	}
	return false;
}

bool isb_answer_alias(struct isb_answer *answer, const struct isb_alias_question *question,
                      const struct isb_choice *choice, uint32_t *ret_ttl_s)
{
	struct gathering g = {.answer = answer, .q = question, .first = answer->count, .ttl_s = question->ttl_s};
	bool known = false;
	for (unsigned i = 0; i < choice->n; i++)
		known |= add_endpoint(&g, choice->endpoint[i], 0);
	uint32_t least = question->ttl_min_s < question->ttl_s ? question->ttl_min_s : question->ttl_s;
	*ret_ttl_s = g.ttl_s > least ? g.ttl_s : least;
	for (unsigned i = g.first; i < answer->count; i++)
		answer->part[i].ttl_s = *ret_ttl_s; /* the records of one rrset have one TTL, RFC 2181 §5.2 */
	return known;
}
