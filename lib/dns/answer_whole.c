/* SPDX-License-Identifier: Apache-2.0 */
#include "answer_parts.h"
#include "isobar/model/rr.h"
#include "isobar/steer/list.h"

/* Where most questions end: whole names (view/exact.h, view/large.h) and lists (steer/list.h). No zone is looked for and no
 * policy walked; what these do not say is asked of those. */

static inline __attribute__((always_inline))
bool add_listed(struct isb_answer *answer, const struct isb_asking *asking, const struct isb_name *name,
                const struct isb_plan_record *r, uint32_t number, enum isb_plan_type type)
{
	const struct isb_plan *plan = asking->view->plan;
	const struct isb_steer_state *state = asking->state;
	if (!(r->listed >> type & 1) || state->trace)
		return false;
	struct isb_geoleaf leaf = isb_view_leaf(asking->view, r, asking->client);
	const struct isb_list *list = isb_plan_list(plan, r, leaf.cls, type);
	if (!list)
		return false;
	struct isb_listed chosen = isb_list_choose(list, state);
	if (!chosen.candidate)
		return false;
	struct isb_tally *tally = state->tally;
	if (tally) {
		enum isb_reason reason = isb_list_reason(list, chosen.candidate);
		isb_tally_record(tally, number, reason);
		isb_tally_endpoint(tally, chosen.candidate->endpoint, reason);
	}
	isb_answer_add_run(answer, name, type == ISB_PLAN_A ? ISB_A : ISB_AAAA, 1, isb_plan_ttl(r, chosen.flip_s),
	                   chosen.candidate->rdata);
	isb_answer_note_steered(answer, leaf.scope);
	answer->endpoint = chosen.candidate->endpoint;
	return true;
}

bool isb_answer_add_listed(struct isb_answer *answer, const struct isb_asking *asking, const struct isb_name *name,
                           uint32_t record, enum isb_plan_type type)
{
	return add_listed(answer, asking, name, isb_plan_record(asking->view->plan, record), record, type);
}

static inline void add_whole(struct isb_answer *answer, const struct isb_view *view, const struct isb_name *name,
                             const struct isb_rrset *set)
{
	isb_answer_set_key(answer, ISB_RRL_ANSWER, name, 0);
	isb_answer_add_run(answer, name, set->type, set->count, set->ttl_s, set->rdata);
	if (set->type != ISB_A && set->type != ISB_AAAA)
		isb_answer_targets(answer, view, set->type, set->rdata, set->count);
}

/* False: nothing was said. */
static bool find_large(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query)
{
	const struct isb_node *node = NULL;
	for (uint32_t i = 0; !node && i < view->nlarge; i++)
		node = isb_large_find(view->large[i], query->name.lower, query->name.len);
	const struct isb_rrset *set = node ? isb_node_set(node, query->qtype) : NULL;
	if (set)
		add_whole(answer, view, &query->name, set);
	return set;
}

/* A key that is set in vain does no harm: who says something sets it again. */
static inline __attribute__((always_inline))
bool find_exact(struct isb_answer *answer, const struct isb_asking *asking, const struct isb_query *query)
{
	const struct isb_name *name = &query->name;
	const struct isb_exact_entry *entry = isb_exact_find(asking->view->exact, name->lower, name->len);
	if (!entry)
		return false;
	if (entry->record != ISB_NO_RECORD) {
		const struct isb_plan_record *r = isb_plan_record(asking->view->plan, entry->record);
		answer->record = entry->record;
		answer->record_type = query->qtype == ISB_A ? ISB_PLAN_A : ISB_PLAN_AAAA;
		isb_answer_set_key(answer, ISB_RRL_ANSWER, name, 0);
		return r && (query->qtype == ISB_A || query->qtype == ISB_AAAA) &&
		       add_listed(answer, asking, name, r, entry->record, answer->record_type);
	}
	const struct isb_rrset *set = isb_exact_set(entry, query->qtype);
	if (set)
		add_whole(answer, asking->view, name, set);
	return set;
}

static bool is_denied(const struct isb_large *large, const struct isb_query *query, enum isb_rcode *ret_rcode)
{
	const struct isb_name *name = &query->name;
	const struct isb_node *node = isb_large_find(large, name->lower, name->len);
	*ret_rcode = node ? ISB_NOERROR : ISB_NXDOMAIN;
	return node ? query->qtype != ISB_ANY && !isb_node_set(node, query->qtype)
	            : isb_large_lacks(large, name->lower, name->len);
}

/* Of names right below the apex of a large zone: nothing is there, or nothing of the type. The zone is found by its own name,
 * for others may lie in it, and it may be gone. False: nothing was said. */
__attribute__((noinline)) /* most names are there */
static bool deny_large(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query)
{
	const struct isb_name *name = &query->name;
	for (uint32_t i = 0; i < view->nlarge; i++) {
		enum isb_rcode rcode;
		if (!is_denied(view->large[i], query, &rcode))
			continue;
		const struct isb_zone_view *zone = isb_zone_of(view, name, false);
		bool covered = rcode == ISB_NXDOMAIN && zone && zone->root->flags & (ISB_NODE_DNAME | ISB_NODE_WILD);
		if (!zone || zone->apex_len != view->large[i]->apex_len || covered)
			return false;
		isb_answer_add_negative(answer, zone, name, rcode, UINT32_MAX);
		return true;
	}
	return false;
}

void isb_answer_find(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query,
                     const struct isb_addr *client, struct isb_steer_state *state)
{
	const struct isb_asking asking = {.view = view, .client = client, .state = state};
	if ((view->nlarge && find_large(answer, view, query)) || (view->exact && find_exact(answer, &asking, query)) ||
	    (view->nlarge && deny_large(answer, view, query)))
		answer->authoritative = true;
	else
		isb_answer_find_in_zones(answer, view, query, client, state);
}
