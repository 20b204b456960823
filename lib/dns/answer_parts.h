/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/dns/answer.h"

/* Room-internal: what answer_whole.c (the shortcut), answer.c (where a name leads in its zone) and answer_steer.c (what the
 * record over it decides) share. */

/* What one search needs at every step. */
struct isb_search {
	struct isb_answer *answer;
	struct isb_asking asking;
	uint16_t qtype;
	struct isb_name target; /* of the last CNAME followed */
};

/* To be filled in; NULL when there is no room. `label` as for isb_answer_add(). */
static inline struct isb_part *isb_answer_new_part(struct isb_answer *answer, enum isb_section section,
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

/* Adds all of one rrset to the answer section, at the name itself. */
static inline void isb_answer_add_run(struct isb_answer *answer, const struct isb_name *name, uint16_t type, uint16_t count,
                                      uint32_t ttl_s, const uint8_t *rdata)
{
	struct isb_part *part = isb_answer_new_part(answer, ISB_ANSWER, name, 0);
	if (!part)
		return;
	part->rdata = rdata;
	part->ttl_s = ttl_s;
	part->type = type;
	part->count = count;
}

/* What the answer is one more of: the first thing found says it, and not where a chain of CNAMEs leads from there, since
 * what is found first is one of so many names as the zone has. The name is `label` labels up. */
static inline void isb_answer_set_key(struct isb_answer *answer, enum isb_rrl_class class, const struct isb_name *name,
                                      unsigned label)
{
	if (answer->count > 0)
		return;
	uint8_t at = name->label[label];
	answer->key = (struct isb_rrl_key){.class = (uint8_t)class, .name = name->lower + at,
	                                   .name_len = (uint8_t)(name->len - at)};
}

/* A chain may be steered more than once: then the scope is as narrow as any. */
static inline void isb_answer_note_steered(struct isb_answer *answer, uint8_t scope)
{
	if (scope > answer->scope)
		answer->scope = scope;
	answer->steered = true;
}

/* NXDOMAIN or NODATA: the SOA says for how long (RFC 2308 §5), at most ttl_max. */
void isb_answer_add_negative(struct isb_answer *answer, const struct isb_zone_view *zone, const struct isb_name *name,
                             enum isb_rcode rcode, uint32_t ttl_max);

enum isb_steered {
	ISB_STEER_ORDINARY, /* the ordinary data of the name shall answer, for no longer than *ret_ttl_max */
	ISB_STEER_SAID,
	ISB_STEER_ON        /* the answer is a CNAME, *ret_next is where it leads */
};
/* What the record of this number, which lies over the name, says of the question. */
enum isb_steered isb_answer_steer(struct isb_search *search, const struct isb_zone_view *zone, const struct isb_name *name,
                                  uint32_t record, uint32_t *ret_ttl_max, const uint8_t **ret_next);

/* One address, chosen by a list where the plan has one (steer/list.h). `type` is A or AAAA, `record` a number of the plan. False:
 * nothing was said, the walk shall. */
bool isb_answer_add_listed(struct isb_answer *answer, const struct isb_asking *asking, const struct isb_name *name,
                           uint32_t record, enum isb_plan_type type);

/* RFC 1034 §4.3.2, by the zones alone. Not inlined: its frame has room for a name, which few answers need. */
__attribute__((noinline))
void isb_answer_find_in_zones(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query,
                              const struct isb_addr *client, struct isb_steer_state *state);
