/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "answer_parts.h"
#include "isobar/model/rr.h"

/* One of the records in the parts from `first` on has this rdata. */
static bool said_before(const struct isb_answer *answer, unsigned first, const uint8_t *rdata)
{
	size_t bytes = 2 + ((size_t)rdata[0] << 8 | rdata[1]);
	for (unsigned i = first; i < answer->count; i++) {
		const uint8_t *at = answer->part[i].rdata;
		for (unsigned k = 0; k < answer->part[i].count; k++) {
			uint16_t len;
			const uint8_t *start = at;
			isb_rdata_next(&at, &len);
			if (memcmp(start, rdata, bytes) == 0)
				return true;
		}
	}
	return false;
}

/* Endpoints may share an address, an rrset may not repeat it (RFC 2181 §5): such a record is left out, and what stands around
 * it goes in as separate runs. */
void isb_answer_add_unique(struct isb_answer *answer, const struct isb_name *name, unsigned first, struct isb_part part,
                           const uint8_t *rdata, unsigned count)
{
	part.rdata = rdata;
	part.count = 0;
	for (; count > 0; count--) {
		const uint8_t *start = rdata;
		uint16_t len;
		isb_rdata_next(&rdata, &len);
		if (answer->count == first || !said_before(answer, first, start)) {
			part.count++;
			continue;
		}
		if (part.count)
			isb_answer_add(answer, ISB_ANSWER, name, 0, &part);
		part.rdata = rdata;
		part.count = 0;
	}
	if (part.count)
		isb_answer_add(answer, ISB_ANSWER, name, 0, &part);
}

/* False when none of the chosen endpoints has a record of this type. */
static bool add_choice(struct isb_search *s, const struct isb_name *name, uint16_t type, const struct isb_choice *choice)
{
	struct isb_part part = {.type = type, .ttl_s = choice->ttl_s};
	unsigned first = s->answer->count;
	for (unsigned i = 0; i < choice->n; i++) {
		const struct isb_plan_rdata *rdata = choice->rdata[i];
		isb_answer_add_unique(s->answer, name, first, part, isb_plan_rdata(s->asking.view->plan, rdata), rdata->count);
	}
	unsigned end = s->answer->count;
	for (unsigned i = first; type != ISB_A && type != ISB_AAAA && i < end; i++)
		isb_answer_targets(s->answer, s->asking.view, type, s->answer->part[i].rdata, s->answer->part[i].count);
	return end > first;
}

static enum isb_reason reason_of(const struct isb_choice *choice)
{
	if (choice->kind == ISB_CHOICE_FALLBACK)
		return ISB_REASON_FALLBACK;
	for (unsigned i = 0; i < choice->n; i++)
		if (choice->rdata[i]->count)
			return choice->reason;
	return ISB_REASON_NODATA;
}

static void count_choice(struct isb_tally *tally, uint32_t record, const struct isb_choice *choice, uint32_t endpoint)
{
	enum isb_reason reason = reason_of(choice);
	isb_tally_record(tally, record, reason);
	if (choice->n)
		isb_tally_endpoint(tally, endpoint, reason);
}

void isb_answer_choose(struct isb_answer *answer, const struct isb_asking *asking, uint32_t record,
                       const struct isb_name *name, enum isb_plan_type type, struct isb_choice *ret_choice)
{
	uint8_t scope;
	asking->state->name = name->lower; /* at the end of a chain too: a cache keeps the answer under this name */
	const struct isb_plan *plan = asking->view->plan;
	isb_view_steer(asking->view, isb_plan_record(plan, record), type, asking->client, asking->state, ret_choice, &scope);
	isb_answer_note_steered(answer, scope);
	answer->failopen |= ret_choice->failopen;
	if (ret_choice->n)
		answer->endpoint = (uint32_t)(ret_choice->endpoint[0] - isb_plan_endpoint(plan, 0));
	if (asking->state->tally)
		count_choice(asking->state->tally, record, ret_choice, answer->endpoint);
}

/* The plan type by which the record answers, or -1. A CNAME answers for all types; ANY takes the first one
 * (RFC 8482 §4.1). */
static int steered_type(uint32_t types, uint16_t qtype)
{
	const uint32_t real = types & ~(1u << ISB_PLAN_ALIAS);
	if (types >> ISB_PLAN_CNAME & 1)
		return ISB_PLAN_CNAME;
	if (qtype == ISB_ANY && real)
		return __builtin_ctz(real);
	if (types >> ISB_PLAN_ALIAS & 1 && (qtype == ISB_A || qtype == ISB_AAAA || qtype == ISB_ANY))
		return ISB_PLAN_ALIAS;
	int type = qtype == ISB_A ? ISB_PLAN_A : isb_plan_type_of(qtype);
	return type >= 0 && real >> type & 1 ? type : -1;
}

/* False: nothing is known of the names that were chosen, so that all_down decides. */
static bool add_alias(struct isb_search *s, const struct isb_zone_view *zone, const struct isb_name *name,
                      const struct isb_plan_record *r, const struct isb_choice *choice)
{
	struct isb_alias_question q = {.asking = s->asking, .name = name,
	                               .type = s->qtype == ISB_AAAA ? ISB_AAAA : ISB_A, .ttl_s = choice->ttl_s,
	                               .ttl_min_s = r->ttl_min_s};
	unsigned first = s->answer->count;
	uint32_t ttl_s;
	bool known = isb_answer_alias(s->answer, &q, choice, &ttl_s);
	s->answer->failopen |= !known;
	if (s->answer->count > first)
		return true;
	if (known || r->all_down == ISB_ALL_DOWN_NODATA)
		isb_answer_add_negative(s->answer, zone, name, ISB_NOERROR, ttl_s);
	return known || r->all_down == ISB_ALL_DOWN_NODATA;
}

static enum isb_steered add_chosen(struct isb_search *s, const struct isb_zone_view *zone, const struct isb_name *name,
                                   const struct isb_plan_record *r, enum isb_plan_type type, struct isb_choice *choice,
                                   const uint8_t **ret_next)
{
	if (type == ISB_PLAN_ALIAS && choice->kind == ISB_CHOICE_ANSWER)
		return add_alias(s, zone, name, r, choice) ? ISB_STEER_SAID : ISB_STEER_ORDINARY;
	if (type == ISB_PLAN_CNAME && choice->n > 1)
		choice->n = 1; /* a name has one CNAME at most, RFC 2181 §10.1 */
	uint16_t rrtype = isb_plan_type_rr(type);
	unsigned first = s->answer->count;
	/* An endpoint without an IPv6 address is NODATA, no error: its IPv4 address is as good as ever. */
	if (choice->kind == ISB_CHOICE_NODATA || !add_choice(s, name, rrtype, choice))
		isb_answer_add_negative(s->answer, zone, name, ISB_NOERROR, choice->ttl_s);
	else if (type == ISB_PLAN_CNAME && s->qtype != ISB_CNAME && s->qtype != ISB_ANY && s->answer->count > first) {
		*ret_next = s->answer->part[first].rdata + 2;
		return ISB_STEER_ON;
	}
	return ISB_STEER_SAID;
}

enum isb_steered isb_answer_steer(struct isb_search *s, const struct isb_zone_view *zone, const struct isb_name *name,
                                  uint32_t record, uint32_t *ret_ttl_max, const uint8_t **ret_next)
{
	/* a name never outlives its record; but a wrong number must not be more than a wrong answer */
	const struct isb_plan_record *r = isb_plan_record(s->asking.view->plan, record);
	int type = r ? steered_type(r->types, s->qtype) : -1;
	if (type < 0)
		return ISB_STEER_ORDINARY;
	if (!s->answer->steered) {
		s->answer->record = record;
		s->answer->record_type = (enum isb_plan_type)type;
	}
	if (type <= ISB_PLAN_AAAA && isb_answer_add_listed(s->answer, &s->asking, name, record, (enum isb_plan_type)type))
		return ISB_STEER_SAID;
	struct isb_choice choice;
	isb_answer_choose(s->answer, &s->asking, record, name, (enum isb_plan_type)type, &choice);
	*ret_ttl_max = choice.ttl_s;
	if (choice.kind == ISB_CHOICE_FALLBACK)
		return ISB_STEER_ORDINARY;
	if (type > ISB_PLAN_AAAA || choice.n != 1 || choice.rdata[0]->count != 1)
		return add_chosen(s, zone, name, r, (enum isb_plan_type)type, &choice, ret_next);
	/* what walks mostly end with: one address */
	isb_answer_add(s->answer, ISB_ANSWER, name, 0,
	               &(struct isb_part){.type = type == ISB_PLAN_A ? ISB_A : ISB_AAAA, .count = 1, .ttl_s = choice.ttl_s,
	                                  .rdata = isb_plan_rdata(s->asking.view->plan, choice.rdata[0])});
	return ISB_STEER_SAID;
}
