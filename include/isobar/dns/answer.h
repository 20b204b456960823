/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/dns/query.h"
#include "isobar/dns/rrl.h"
#include "isobar/steer/steer.h"
#include "isobar/view/view.h"

/* What to say, decided before a single octet is written: references to rrsets, by section. RFC 1034 §4.3.2 with
 * wildcards (RFC 4592), DNAME (RFC 6672) and steering. */

enum isb_section {
	ISB_ANSWER,
	ISB_AUTHORITY,
	ISB_GLUE,      /* additional that a referral is useless without: what does not fit sets TC (RFC 9471) */
	ISB_ADDITIONAL /* kind, and left out silently */
};
enum {
	ISB_CHAIN_MAX = 16,  /* CNAMEs followed in one answer */
	ISB_PARTS_MAX = 160  /* further additional rrsets are left out */
};

/* One rrset, or a run of the records of one. */
struct isb_part {
	const uint8_t *owner; /* case as it shall be sent */
	const uint8_t *rdata; /* `count` times length and octets, as in struct isb_rrset */
	uint32_t ttl_s;
	uint16_t at;          /* where the owner stands in the question, or 0 */
	uint16_t type, count;
	uint8_t section;
};

enum { ISB_NO_ENDPOINT = 0xffffffff };
struct isb_answer {
	enum isb_rcode rcode;
	bool authoritative;
	bool referral; /* a pure one: nothing in the answer section */
	bool steered, failopen;
	bool cut_short; /* to be sent with TC and no records */
	bool explains;  /* not found yet: isb_explain_find() will */
	uint8_t scope;  /* bits of the client that the answer depends on */
	uint8_t made_count;
	uint16_t cls;   /* of every record: IN, or CH for questions about the server */
	uint16_t count;
	uint32_t endpoint; /* the first one that steering chose, by its index in the plan, or ISB_NO_ENDPOINT */
	uint32_t record; /* steered: the first record that was asked, with the type below */
	enum isb_plan_type record_type;
	const struct isb_zone_view *denier; /* whose SOA stands in the authority section; not set where none does */
	struct isb_rrl_key key; /* what it is one more of; the name points into the view or the query */
	struct isb_edns_extra extra;
	struct isb_part part[ISB_PARTS_MAX]; /* answer first, then authority, then the rest in any order */
	uint8_t made[ISB_CHAIN_MAX][2 + ISB_DNAME_MAX]; /* rdata of CNAMEs synthesized from DNAMEs */
};

/* An answer without records. */
void isb_answer_init(struct isb_answer *answer, enum isb_rcode rcode);
/* Decides. `answer` is init'ed with NOERROR and `query` is well-formed. `client` is whom to steer for; `state` is looked at
 * only where a record is laid over the name, which then becomes its name. The parts point into the view and the query. */
void isb_answer_find(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query,
                     const struct isb_addr *client, struct isb_steer_state *state);

/* For answer*.c. A full list leaves the part out; `label` is the owner: that many labels of `name` taken away. */
void isb_answer_add(struct isb_answer *answer, enum isb_section section, const struct isb_name *name, unsigned label,
                    const struct isb_part *part);
bool isb_answer_has(const struct isb_answer *answer, const struct isb_rrset *set);
/* Adds one endpoint's records, `part` saying the rest, without repeating what parts from `first` on hold. */
void isb_answer_add_unique(struct isb_answer *answer, const struct isb_name *name, unsigned first, struct isb_part part,
                           const uint8_t *rdata, unsigned count);
/* The zone that is closest to the name from above, or NULL. With `parent_side` an apex belongs to the zone above it,
 * where that is ours too: DS lives there (RFC 4035 §3.1.4.1). */
const struct isb_zone_view *isb_zone_of(const struct isb_view *view, const struct isb_name *name, bool parent_side);
/* Where matching down from the apex, label by label, ends. */
enum isb_found { ISB_FOUND_NODE, ISB_FOUND_NOTHING, ISB_FOUND_CUT, ISB_FOUND_DNAME };
struct isb_place {
	const struct isb_node *node; /* the last one that matched */
	unsigned left;               /* labels of the name below it */
};
enum isb_found isb_answer_descend(const struct isb_zone_view *zone, const struct isb_name *name, uint16_t qtype,
                                  struct isb_place *ret_place);
/* The wildcard that stands in for a name below this closest encloser (RFC 4592 §3.3), or NULL. */
const struct isb_node *isb_answer_wildcard(const struct isb_node *encloser);
/* RFC 6672 §3.2: the name with the DNAME's owner, `left` labels of it being below that, replaced by its target. False
 * when that is too long. */
bool isb_answer_substitute(const struct isb_name *name, const struct isb_place *place, uint8_t out[ISB_DNAME_MAX]);
/* One decision of the record of this number (of the plan) that lies over `name`, with what is the same whatever came of it noted in the answer. */
struct isb_asking {
	const struct isb_view *view;
	const struct isb_addr *client;
	struct isb_steer_state *state;
};
void isb_answer_choose(struct isb_answer *answer, const struct isb_asking *asking, uint32_t record,
                       const struct isb_name *name, enum isb_plan_type type, struct isb_choice *ret_choice);

/* What a record of type ALIAS chose: adds the addresses of the names it gives under the name that was asked for.
 * `ttl_s` is the most their TTL may be, `ttl_min_s` what a stale address still gets. True: there was something to say of
 * one of these names, be it that it has no address of this family (then nothing was added). */
struct isb_alias_question {
	struct isb_asking asking;
	const struct isb_name *name; /* asked for */
	uint16_t type;               /* A or AAAA */
	uint32_t ttl_s, ttl_min_s;
};
bool isb_answer_alias(struct isb_answer *answer, const struct isb_alias_question *question,
                      const struct isb_choice *choice, uint32_t *ret_ttl_s);
/* The name's node in its zone, or NULL. *ret_below: it stands at or below a cut, so the zone has it as glue only. */
const struct isb_node *isb_zone_find(const struct isb_zone_view *zone, const struct isb_name *name, bool *ret_below);
/* Addresses of the names in a referral's NS records, as far as the zone has them. */
void isb_answer_glue(struct isb_answer *answer, const struct isb_zone_view *zone, const struct isb_name *name,
                     unsigned label, const struct isb_rrset *ns);
/* Addresses of the names in rdata (of NS, MX, SRV, ...) that lie in zones of ours and are not steered. */
void isb_answer_targets(struct isb_answer *answer, const struct isb_view *view, uint16_t type, const uint8_t *rdata,
                        unsigned count);
