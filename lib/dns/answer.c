/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/answer.h"

#include <string.h>

#include "isobar/model/rr.h"
#include "isobar/steer/list.h"

/* What one search needs at every step. */
struct search {
	struct isb_answer *answer;
	const struct isb_view *view;
	struct isb_asking asking;
	uint16_t qtype;
	struct isb_name target; /* of the last CNAME followed */
};

void isb_answer_init(struct isb_answer *answer, enum isb_rcode rcode)
{
	answer->rcode = rcode;
	answer->authoritative = answer->referral = answer->steered = answer->failopen = false;
	answer->cut_short = answer->explains = false;
	answer->endpoint = NULL;
	answer->scope = answer->made_count = 0;
	answer->cls = ISB_CLASS_IN;
	answer->extra.has = 0;
	answer->key.class = ISB_RRL_ERROR;
	answer->count = 0;
}

/* To be filled in; NULL when there is no room. */
static inline struct isb_part *new_part(struct isb_answer *answer, enum isb_section section,
                                        const struct isb_name *name, unsigned label)
{
	if (answer->count == ISB_PARTS_MAX)
		return NULL;
	struct isb_part *part = &answer->part[answer->count++];
	part->section = (uint8_t)section;
	part->owner = name->wire + name->label[label];
	part->at = name->at ? (uint16_t)(name->at + name->label[label]) : 0;
	return part;
}

void isb_answer_add(struct isb_answer *answer, enum isb_section section, const struct isb_name *name, unsigned label,
                    const struct isb_part *part)
{
	struct isb_part *added = new_part(answer, section, name, label);
	if (!added)
		return;
	added->rdata = part->rdata;
	added->ttl_s = part->ttl_s;
	added->type = part->type;
	added->count = part->count;
}

/* All of one rrset in the answer section, at the name itself. */
static inline void add_run(struct isb_answer *answer, const struct isb_name *name, uint16_t type, uint16_t count, uint32_t ttl_s,
                           const uint8_t *rdata)
{
	struct isb_part *part = new_part(answer, ISB_ANSWER, name, 0);
	if (!part)
		return;
	part->rdata = rdata;
	part->ttl_s = ttl_s;
	part->type = type;
	part->count = count;
}

bool isb_answer_has(const struct isb_answer *answer, const struct isb_rrset *set)
{
	for (unsigned i = 0; i < answer->count; i++)
		if (answer->part[i].rdata == set->rdata)
			return true;
	return false;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline void add_set(struct isb_answer *answer, enum isb_section section, const struct isb_name *name,
                           unsigned label, const struct isb_rrset *set, uint32_t ttl_max)
{
	struct isb_part *part = new_part(answer, section, name, label);
	if (!part)
		return;
	part->rdata = set->rdata;
	part->ttl_s = least(set->ttl_s, ttl_max);
	part->type = set->type;
	part->count = set->count;
}

/* What the answer is one more of: the first thing found says it, and not where a chain of CNAMEs leads from there, since
 * what is found first is one of so many names as the zone has. The name is `label` labels up. */
static void set_key(struct isb_answer *answer, enum isb_rrl_class class, const struct isb_name *name, unsigned label)
{
	if (answer->count > 0)
		return;
	uint8_t at = name->label[label];
	answer->key = (struct isb_rrl_key){.class = (uint8_t)class, .name = name->lower + at,
	                                   .name_len = (uint8_t)(name->len - at)};
}

/* NXDOMAIN or NODATA: the SOA says for how long (RFC 2308 §5). */
static void add_negative(struct search *s, const struct isb_zone_view *zone, const struct isb_name *name,
                         enum isb_rcode rcode, uint32_t ttl_max)
{
	unsigned label = (unsigned)name->labels - zone->labels;
	s->answer->rcode = rcode;
	set_key(s->answer, rcode == ISB_NXDOMAIN ? ISB_RRL_NXDOMAIN : ISB_RRL_NODATA, name, label);
	add_set(s->answer, ISB_AUTHORITY, name, label, zone->soa, least(zone->negative_ttl_s, ttl_max));
}

const struct isb_zone_view *isb_zone_of(const struct isb_view *view, const struct isb_name *name, bool parent_side)
{
	const struct isb_zone_view *here = NULL;
	for (unsigned up = 0; up <= name->labels; up++) {
		unsigned labels = name->labels - up;
		if (!(view->apex_labels[labels / 64] >> labels % 64 & 1))
			continue;
		const struct isb_zone_view *zone =
			isb_view_zone(view, name->lower + name->label[up], (size_t)name->len - name->label[up]);
		if (zone && (up > 0 || !parent_side))
			return zone;
		here = zone ? zone : here;
	}
	return here;
}

/* --- Steering --- */

/* True when rdata octets equal one of the records before `end`. */
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

/* One endpoint's records. Endpoints may share an address, an rrset may not repeat it (RFC 2181 §5): such a record is
 * left out and what stands around it goes in as separate runs. `first`: the first part of this rrset. */
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
static bool add_choice(struct search *s, const struct isb_name *name, uint16_t type, const struct isb_choice *choice)
{
	struct isb_part part = {.type = type, .ttl_s = choice->ttl_s};
	unsigned first = s->answer->count;
	for (unsigned i = 0; i < choice->n; i++) {
		const struct isb_plan_rdata *rdata = choice->rdata[i];
		isb_answer_add_unique(s->answer, name, first, part, isb_plan_rdata(s->view->plan, rdata), rdata->count);
	}
	unsigned end = s->answer->count;
	for (unsigned i = first; type != ISB_A && type != ISB_AAAA && i < end; i++)
		isb_answer_targets(s->answer, s->view, type, s->answer->part[i].rdata, s->answer->part[i].count);
	return end > first;
}

/* A chain may be steered more than once: then the scope is as narrow as any. */
static inline void note_steered(struct isb_answer *answer, uint8_t scope)
{
	if (scope > answer->scope)
		answer->scope = scope;
	answer->steered = true;
}

static inline void choose(struct isb_answer *answer, const struct isb_asking *asking, const struct isb_plan_record *record,
                          const struct isb_name *name, enum isb_plan_type type, struct isb_choice *ret_choice)
{
	uint8_t scope;
	asking->state->name = name->lower; /* at the end of a chain too: a cache keeps the answer under this name */
	isb_view_steer(asking->view, record, type, asking->client, asking->state, ret_choice, &scope);
	note_steered(answer, scope);
	answer->failopen |= ret_choice->failopen;
	if (ret_choice->n)
		answer->endpoint = ret_choice->endpoint[0];
}

void isb_answer_choose(struct isb_answer *answer, const struct isb_asking *asking, const struct isb_plan_record *record,
                       const struct isb_name *name, enum isb_plan_type type, struct isb_choice *ret_choice)
{
	choose(answer, asking, record, name, type, ret_choice);
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
static bool add_alias(struct search *s, const struct isb_zone_view *zone, const struct isb_name *name,
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
		add_negative(s, zone, name, ISB_NOERROR, ttl_s);
	return known || r->all_down == ISB_ALL_DOWN_NODATA;
}

/* One address, chosen by a list where the plan has one (steer/list.h). False: nothing was chosen, the walk shall. */
static inline __attribute__((always_inline)) bool add_listed(struct isb_answer *answer, const struct isb_asking *asking, const struct isb_name *name,
                              const struct isb_plan_record *r, enum isb_plan_type type)
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
	add_run(answer, name, type == ISB_PLAN_A ? ISB_A : ISB_AAAA, 1, isb_plan_ttl(r, chosen.flip_s), chosen.candidate->rdata);
	note_steered(answer, leaf.scope);
	answer->endpoint = isb_plan_endpoint(plan, chosen.candidate->endpoint);
	return true;
}

enum steered { ORDINARY, SAID, GO_ON };

static enum steered add_chosen(struct search *s, const struct isb_zone_view *zone, const struct isb_name *name,
                               const struct isb_plan_record *r, enum isb_plan_type type, struct isb_choice *choice,
                               const uint8_t **ret_next)
{
	if (type == ISB_PLAN_ALIAS && choice->kind == ISB_CHOICE_ANSWER)
		return add_alias(s, zone, name, r, choice) ? SAID : ORDINARY;
	if (type == ISB_PLAN_CNAME && choice->n > 1)
		choice->n = 1; /* a name has one CNAME at most, RFC 2181 §10.1 */
	uint16_t rrtype = isb_plan_type_rr(type);
	unsigned first = s->answer->count;
	/* An endpoint without an IPv6 address is NODATA, no error: its IPv4 address is as good as ever. */
	if (choice->kind == ISB_CHOICE_NODATA || !add_choice(s, name, rrtype, choice))
		add_negative(s, zone, name, ISB_NOERROR, choice->ttl_s);
	else if (type == ISB_PLAN_CNAME && s->qtype != ISB_CNAME && s->qtype != ISB_ANY && s->answer->count > first) {
		*ret_next = s->answer->part[first].rdata + 2;
		return GO_ON;
	}
	return SAID;
}

/* GO_ON: the answer is a CNAME, *ret_next is where it leads. ORDINARY: the ordinary data of the name shall answer, for no
 * longer than *ret_ttl_max. */
static enum steered steer(struct search *s, const struct isb_zone_view *zone, const struct isb_name *name, uint32_t record,
                          uint32_t *ret_ttl_max, const uint8_t **ret_next)
{
	/* a name never outlives its record; but a wrong number must not be more than a wrong answer */
	const struct isb_plan_record *r = isb_plan_record(s->view->plan, record);
	int type = r ? steered_type(r->types, s->qtype) : -1;
	if (type < 0)
		return ORDINARY;
	if (!s->answer->steered) {
		s->answer->record = record;
		s->answer->record_type = (enum isb_plan_type)type;
	}
	if (type <= ISB_PLAN_AAAA && add_listed(s->answer, &s->asking, name, r, (enum isb_plan_type)type))
		return SAID;
	struct isb_choice choice;
	choose(s->answer, &s->asking, r, name, (enum isb_plan_type)type, &choice);
	*ret_ttl_max = choice.ttl_s;
	if (choice.kind == ISB_CHOICE_FALLBACK)
		return ORDINARY;
	if (type > ISB_PLAN_AAAA || choice.n != 1 || choice.rdata[0]->count != 1)
		return add_chosen(s, zone, name, r, (enum isb_plan_type)type, &choice, ret_next);
	/* by far the most: one address */
	isb_answer_add(s->answer, ISB_ANSWER, name, 0,
	               &(struct isb_part){.type = type == ISB_PLAN_A ? ISB_A : ISB_AAAA, .count = 1, .ttl_s = choice.ttl_s,
	                                  .rdata = isb_plan_rdata(s->view->plan, choice.rdata[0])});
	return SAID;
}

/* --- RFC 1034 §4.3.2 --- */

/* All functions from here to the end return the name to go on with, or NULL when everything is said. */

/* The name exists, or a wildcard stands in for it. */
static const uint8_t *at_node(struct search *s, const struct isb_zone_view *zone, const struct isb_node *node,
                              const struct isb_name *name)
{
	uint32_t ttl_max = UINT32_MAX;
	const uint8_t *next = NULL;
	if (node->record != ISB_NO_RECORD && steer(s, zone, name, node->record, &ttl_max, &next) != ORDINARY)
		return next;
	const struct isb_rrset *set =
		s->qtype == ISB_ANY ? isb_node_next_set(node, NULL) /* one is enough: RFC 8482 §4.1 */
				    : isb_node_set(node, s->qtype);
	if (set) {
		add_set(s->answer, ISB_ANSWER, name, 0, set, ttl_max);
		if (set->type != ISB_A && set->type != ISB_AAAA)
			isb_answer_targets(s->answer, s->view, set->type, set->rdata, set->count);
		return NULL;
	}
	if (node->flags & ISB_NODE_CNAME) {
		set = isb_node_set(node, ISB_CNAME);
		add_set(s->answer, ISB_ANSWER, name, 0, set, ttl_max);
		return set->rdata + 2;
	}
	add_negative(s, zone, name, ISB_NOERROR, ttl_max);
	return NULL;
}

const struct isb_node *isb_answer_wildcard(const struct isb_node *encloser)
{
	static const uint8_t wild[] = {1, '*'};
	return encloser->flags & ISB_NODE_WILD ? isb_node_child(encloser, wild) : NULL;
}

/* The place is the closest encloser (RFC 4592 §3.3). */
static const uint8_t *at_nothing(struct search *s, const struct isb_zone_view *zone, const struct isb_name *name,
                                 const struct isb_place *place)
{
	const struct isb_node *wild = isb_answer_wildcard(place->node);
	if (wild) {
		set_key(s->answer, ISB_RRL_WILDCARD, name, place->left);
		return at_node(s, zone, wild, name);
	}
	add_negative(s, zone, name, ISB_NXDOMAIN, UINT32_MAX);
	return NULL;
}

static const uint8_t *at_cut(struct search *s, const struct isb_zone_view *zone, const struct isb_name *name,
                             const struct isb_place *place)
{
	const struct isb_rrset *ns = isb_node_set(place->node, ISB_NS);
	set_key(s->answer, ISB_RRL_REFERRAL, name, place->left);
	if (s->answer->count == 0) { /* AA is about the first owner name of the answer section: RFC 1035 §4.1.1 */
		s->answer->authoritative = false;
		s->answer->referral = true;
	}
	add_set(s->answer, ISB_AUTHORITY, name, place->left, ns, UINT32_MAX);
	isb_answer_glue(s->answer, zone, name, place->left, ns);
	return NULL;
}

bool isb_answer_substitute(const struct isb_name *name, const struct isb_place *place, uint8_t out[ISB_DNAME_MAX])
{
	const uint8_t *suffix = isb_node_set(place->node, ISB_DNAME)->rdata + 2;
	size_t prefix_len = name->label[place->left], suffix_len = isb_dname_len(suffix);
	if (prefix_len + suffix_len > ISB_DNAME_MAX)
		return false;
	memcpy(out, name->wire, prefix_len);
	memcpy(out + prefix_len, suffix, suffix_len);
	return true;
}

/* RFC 6672 §3.2: the DNAME, and a CNAME with its TTL made of it. */
static const uint8_t *at_dname(struct search *s, const struct isb_name *name, const struct isb_place *place)
{
	struct isb_answer *a = s->answer;
	const struct isb_rrset *set = isb_node_set(place->node, ISB_DNAME);
	set_key(a, ISB_RRL_ANSWER, name, place->left);
	if (!isb_answer_has(a, set))
		add_set(a, ISB_ANSWER, name, place->left, set, UINT32_MAX);
	uint8_t *rdata = a->made[a->made_count];
	if (!isb_answer_substitute(name, place, rdata + 2)) {
		a->rcode = ISB_YXDOMAIN;
		return NULL;
	}
	a->made_count++;
	rdata[0] = 0;
	rdata[1] = (uint8_t)isb_dname_len(rdata + 2);
	isb_answer_add(a, ISB_ANSWER, name, 0,
	               &(struct isb_part){.type = ISB_CNAME, .count = 1, .ttl_s = set->ttl_s, .rdata = rdata});
	return s->qtype == ISB_CNAME ? NULL : rdata + 2;
}

enum isb_found isb_answer_descend(const struct isb_zone_view *zone, const struct isb_name *name, uint16_t qtype,
                                  struct isb_place *ret_place)
{
	const struct isb_node *node = zone->root, *child;
	for (unsigned left = (unsigned)name->labels - zone->labels;; node = child, left--) {
		*ret_place = (struct isb_place){.node = node, .left = left};
		if (node->flags & ISB_NODE_CUT && (left > 0 || qtype != ISB_DS))
			return ISB_FOUND_CUT;
		if (left == 0)
			return ISB_FOUND_NODE;
		if (node->flags & ISB_NODE_DNAME)
			return ISB_FOUND_DNAME;
		child = isb_node_child(node, name->lower + name->label[left - 1]);
		if (!child)
			return ISB_FOUND_NOTHING;
	}
}

static const uint8_t *search_zone(struct search *s, const struct isb_zone_view *zone, const struct isb_name *name)
{
	struct isb_place place;
	switch (isb_answer_descend(zone, name, s->qtype, &place)) {
	case ISB_FOUND_NODE:
		set_key(s->answer, ISB_RRL_ANSWER, name, 0);
		return at_node(s, zone, place.node, name);
	case ISB_FOUND_NOTHING: return at_nothing(s, zone, name, &place);
	case ISB_FOUND_CUT: return at_cut(s, zone, name, &place);
	case ISB_FOUND_DNAME: return at_dname(s, name, &place);
	}
	return NULL;
}

/* The answer already has a CNAME of this name: following it again would go round in circles. */
static bool followed(const struct isb_answer *answer, const uint8_t *name)
{
	for (unsigned i = 0; i < answer->count; i++)
		if (answer->part[i].type == ISB_CNAME && isb_dname_equal(answer->part[i].owner, name))
			return true;
	return false;
}

/* RFC 1034 §4.3.2, from the zone on down. */
static __attribute__((noinline)) void find_in_zones(struct isb_answer *answer, const struct isb_view *view,
                                                    const struct isb_query *query, const struct isb_addr *client,
                                                    struct isb_steer_state *state)
{
	struct search s;
	s.answer = answer;
	s.view = view;
	s.asking = (struct isb_asking){.view = view, .client = client, .state = state};
	s.qtype = query->qtype;
	const struct isb_name *name = &query->name;
	const struct isb_zone_view *zone = isb_zone_of(s.view, name, s.qtype == ISB_DS);
	if (!zone) {
		answer->rcode = ISB_REFUSED;
		isb_edns_explain(&answer->extra, ISB_EDE_NOT_AUTHORITATIVE);
		return;
	}
	answer->authoritative = true;
	for (unsigned links = 1; zone; links++) {
		const uint8_t *next = search_zone(&s, zone, name);
		if (!next || links == ISB_CHAIN_MAX || followed(answer, next))
			return;
		isb_name_set(&s.target, next);
		name = &s.target;
		zone = isb_zone_of(s.view, name, s.qtype == ISB_DS);
	}
}

static inline void add_whole(struct isb_answer *answer, const struct isb_view *view, const struct isb_name *name,
                             const struct isb_rrset *set)
{
	set_key(answer, ISB_RRL_ANSWER, name, 0);
	add_run(answer, name, set->type, set->count, set->ttl_s, set->rdata);
	if (set->type != ISB_A && set->type != ISB_AAAA)
		isb_answer_targets(answer, view, set->type, set->rdata, set->count);
}

/* In zones that are too large for the table of whole names (view/large.h). False: nothing was said. */
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

/* By the table of whole names (view/exact.h). False: nothing was said. */
static inline __attribute__((always_inline)) bool find_exact(struct isb_answer *answer, const struct isb_asking *asking, const struct isb_query *query)
{
	const struct isb_name *name = &query->name;
	const struct isb_exact_entry *entry = isb_exact_find(asking->view->exact, name->lower, name->len);
	if (!entry)
		return false;
	if (entry->record != ISB_NO_RECORD) {
		const struct isb_plan_record *r = isb_plan_record(asking->view->plan, entry->record);
		answer->record = entry->record;
		answer->record_type = query->qtype == ISB_A ? ISB_PLAN_A : ISB_PLAN_AAAA;
		set_key(answer, ISB_RRL_ANSWER, name, 0);
		return r && (query->qtype == ISB_A || query->qtype == ISB_AAAA) &&
		       add_listed(answer, asking, name, r, answer->record_type);
	}
	const struct isb_rrset *set = isb_exact_set(entry, query->qtype);
	if (set)
		add_whole(answer, asking->view, name, set);
	return set;
}

void isb_answer_find(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query,
                     const struct isb_addr *client, struct isb_steer_state *state)
{
	const struct isb_asking asking = {.view = view, .client = client, .state = state};
	if ((view->nlarge && find_large(answer, view, query)) || (view->exact && find_exact(answer, &asking, query)))
		answer->authoritative = true;
	else
		find_in_zones(answer, view, query, client, state);
}
