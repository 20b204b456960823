/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/answer.h"

#include <string.h>

#include "answer_parts.h"
#include "isobar/model/rr.h"

void isb_answer_init(struct isb_answer *answer, enum isb_rcode rcode)
{
	answer->rcode = rcode;
	answer->authoritative = answer->referral = answer->steered = answer->failopen = false;
	answer->cut_short = answer->explains = false;
	answer->endpoint = ISB_NO_ENDPOINT;
	answer->scope = answer->made_count = 0;
	answer->cls = ISB_CLASS_IN;
	answer->extra.has = 0;
	answer->key.class = ISB_RRL_ERROR;
	answer->count = 0;
}

void isb_answer_add(struct isb_answer *answer, enum isb_section section, const struct isb_name *name, unsigned label,
                    const struct isb_part *part)
{
	struct isb_part *added = isb_answer_new_part(answer, section, name, label);
	if (!added)
		return;
	added->rdata = part->rdata;
	added->ttl_s = part->ttl_s;
	added->type = part->type;
	added->count = part->count;
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
	struct isb_part *part = isb_answer_new_part(answer, section, name, label);
	if (!part)
		return;
	part->rdata = set->rdata;
	part->ttl_s = least(set->ttl_s, ttl_max);
	part->type = set->type;
	part->count = set->count;
}

void isb_answer_add_negative(struct isb_answer *answer, const struct isb_zone_view *zone, const struct isb_name *name,
                             enum isb_rcode rcode, uint32_t ttl_max)
{
	unsigned label = (unsigned)name->labels - zone->labels;
	answer->rcode = rcode;
	answer->denier = zone;
	isb_answer_set_key(answer, rcode == ISB_NXDOMAIN ? ISB_RRL_NXDOMAIN : ISB_RRL_NODATA, name, label);
	add_set(answer, ISB_AUTHORITY, name, label, zone->soa, least(zone->negative_ttl_s, ttl_max));
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

/* --- RFC 1034 §4.3.2 --- */

/* All functions from here to the end return the name to go on with, or NULL when everything is said. */

/* The name exists, or a wildcard stands in for it. */
static const uint8_t *at_node(struct isb_search *s, const struct isb_zone_view *zone, const struct isb_node *node,
                              const struct isb_name *name)
{
	uint32_t ttl_max = UINT32_MAX;
	const uint8_t *next = NULL;
	if (node->record != ISB_NO_RECORD &&
	    isb_answer_steer(s, zone, name, node->record, &ttl_max, &next) != ISB_STEER_ORDINARY)
		return next;
	const struct isb_rrset *set =
		s->qtype == ISB_ANY ? isb_node_next_set(node, NULL) /* one is enough: RFC 8482 §4.1 */
				    : isb_node_set(node, s->qtype);
	if (set) {
		add_set(s->answer, ISB_ANSWER, name, 0, set, ttl_max);
		if (set->type != ISB_A && set->type != ISB_AAAA)
			isb_answer_targets(s->answer, s->asking.view, set->type, set->rdata, set->count);
		return NULL;
	}
	if (node->flags & ISB_NODE_CNAME) {
		set = isb_node_set(node, ISB_CNAME);
		add_set(s->answer, ISB_ANSWER, name, 0, set, ttl_max);
		return set->rdata + 2;
	}
	isb_answer_add_negative(s->answer, zone, name, ISB_NOERROR, ttl_max);
	return NULL;
}

const struct isb_node *isb_answer_wildcard(const struct isb_node *encloser)
{
	static const uint8_t wild[] = {1, '*'};
	return encloser->flags & ISB_NODE_WILD ? isb_node_child(encloser, wild) : NULL;
}

/* The place is the closest encloser (RFC 4592 §3.3). */
static const uint8_t *at_nothing(struct isb_search *s, const struct isb_zone_view *zone, const struct isb_name *name,
                                 const struct isb_place *place)
{
	const struct isb_node *wild = isb_answer_wildcard(place->node);
	if (wild) {
		isb_answer_set_key(s->answer, ISB_RRL_WILDCARD, name, place->left);
		return at_node(s, zone, wild, name);
	}
	isb_answer_add_negative(s->answer, zone, name, ISB_NXDOMAIN, UINT32_MAX);
	return NULL;
}

static const uint8_t *at_cut(struct isb_search *s, const struct isb_zone_view *zone, const struct isb_name *name,
                             const struct isb_place *place)
{
	const struct isb_rrset *ns = isb_node_set(place->node, ISB_NS);
	isb_answer_set_key(s->answer, ISB_RRL_REFERRAL, name, place->left);
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
static const uint8_t *at_dname(struct isb_search *s, const struct isb_name *name, const struct isb_place *place)
{
	struct isb_answer *a = s->answer;
	const struct isb_rrset *set = isb_node_set(place->node, ISB_DNAME);
	isb_answer_set_key(a, ISB_RRL_ANSWER, name, place->left);
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

static const uint8_t *search_zone(struct isb_search *s, const struct isb_zone_view *zone, const struct isb_name *name)
{
	struct isb_place place;
	switch (isb_answer_descend(zone, name, s->qtype, &place)) {
	case ISB_FOUND_NODE:
		isb_answer_set_key(s->answer, ISB_RRL_ANSWER, name, 0);
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

void isb_answer_find_in_zones(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query,
                              const struct isb_addr *client, struct isb_steer_state *state)
{
	struct isb_search s;
	s.answer = answer;
	s.asking = (struct isb_asking){.view = view, .client = client, .state = state};
	s.qtype = query->qtype;
	const struct isb_name *name = &query->name;
	const struct isb_zone_view *zone = isb_zone_of(view, name, s.qtype == ISB_DS);
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
		zone = isb_zone_of(view, name, s.qtype == ISB_DS);
	}
}
