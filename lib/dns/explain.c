/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/explain.h"

#include <stdio.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/model/rr.h"
#include "isobar/steer/trace.h"
#include "explain_tell.h"

static const uint8_t mark[] = "\x08_explain";

/* Labels before the name that is asked about, and the type; 0: an ordinary name. */
static unsigned read_question(const struct isb_name *name, uint16_t *ret_type)
{
	char text[64];
	uint8_t len = *name->lower;
	if (memcmp(name->lower, mark, sizeof(mark) - 1) == 0) {
		*ret_type = ISB_A;
		return 1;
	}
	if (name->labels < 2 || memcmp(name->lower + name->label[1], mark, sizeof(mark) - 1) != 0 || len < 2 ||
	    name->lower[1] != '_')
		return 0;
	snprintf(text, sizeof(text), "%.*s", len - 1, (const char *)name->lower + 2);
	return strlen(text) == len - 1u && isb_type_parse(text, ret_type) == 0 && isb_type_is_data(*ret_type) ? 2 : 0;
}

static bool is_allowed(const struct isb_explain_allowed *allowed, const struct isb_addr *asker,
                       const struct isb_tsig *tsig)
{
	for (unsigned i = 0; i < allowed->nkey && tsig->present && tsig->key; i++)
		if (allowed->key[i] == tsig->key)
			return true;
	for (unsigned i = 0; i < allowed->nfrom; i++)
		if (isb_net_has(&allowed->from[i], asker))
			return true;
	return false;
}

bool isb_explain_asked(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query,
                       const struct isb_addr *asker, const struct isb_explain_allowed *allowed)
{
	uint16_t type;
	bool below;
	if (query->qtype != ISB_TXT || !allowed->anybody || !read_question(&query->name, &type) ||
	    !is_allowed(allowed, asker, &query->tsig))
		return false;
	const struct isb_zone_view *zone = isb_zone_of(view, &query->name, false);
	if (!zone || isb_zone_find(zone, &query->name, &below))
		return false;
	/* like a wildcard below the apex: so many names there may be */
	uint8_t at = query->name.label[query->name.labels - zone->labels];
	answer->key = (struct isb_rrl_key){.class = ISB_RRL_WILDCARD, .name = query->name.lower + at,
	                                   .name_len = (uint8_t)(query->name.len - at)};
	answer->authoritative = answer->explains = true;
	return true;
}

void isb_explain_find(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query,
                      const struct isb_addr *client, bool told, const struct isb_steer_state *state)
{
	enum { STEPS_MAX = 400 }; /* more than there is room to tell of */
	struct isb_trace trace;
	struct isb_query asked;
	struct isb_answer found;
	struct isb_steer_state traced = *state;
	uint16_t type = ISB_A;
	unsigned skip = read_question(&query->name, &type);
	asked.edns.present = asked.tsig.present = false;
	asked.asks = true;
	asked.qtype = type;
	asked.qclass = ISB_CLASS_IN;
	isb_name_set(&asked.name, query->name.wire + query->name.label[skip]);
	isb_trace_init(&trace);
	trace.limit = STEPS_MAX;
	traced.rotor = NULL; /* who is told why takes no turn from those who are answered, and is not one of them */
	traced.trace = &trace;
	traced.tally = NULL;
	isb_answer_init(&found, ISB_NOERROR);
	isb_answer_find(&found, view, &asked, client, &traced);
	/* These TXT records take the room of CNAMEs made of DNAMEs, of which this answer has none. */
	struct isb_telling telling = {
		.view = view, .trace = &trace, .query = query, .found = &found, .type = type, .client = client, .told = told};
	struct isb_part part = {.type = ISB_TXT, .ttl_s = 0, .rdata = answer->made[0]};
	part.count = isb_explain_tell(&telling, answer->made[0], sizeof(answer->made));
	isb_answer_add(answer, ISB_ANSWER, &query->name, 0, &part);
	answer->scope = query->edns.has & ISB_EDNS_ECS ? query->edns.ecs.source : 0;
	isb_trace_done(&trace);
}
