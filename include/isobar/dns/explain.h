/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/dns/answer.h"
#include "isobar/dns/settings.h"

/* `dig TXT _explain.www.example.com +subnet=203.0.113.0/24` asks why that client gets the A records it gets, and
 * `_aaaa._explain.www.example.com` for another type. The answer is found by isb_answer_find() with a trace, and the trace
 * is told as TXT records of TTL 0, numbered, for an rrset has no order.
 *
 * Off unless the settings name somebody. To all others, and for all other types, `_explain` is a label like any other; so
 * it is to everybody where a zone has that very name (not by a wildcard): what an operator published is never hidden. */

/* True: it is such a question from one who may ask. The answer then has everything but its records, and the name that
 * limits of answers count it under: the zone. */
bool isb_explain_asked(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query,
                       const struct isb_addr *asker, const struct isb_explain_allowed *allowed);

/* Adds the records. `client` is whom to steer for, `told` by ECS; the state's trace is not used. Allocates for the trace,
 * which is short, and gives that back. */
void isb_explain_find(struct isb_answer *answer, const struct isb_view *view, const struct isb_query *query,
                      const struct isb_addr *client, bool told, const struct isb_steer_state *state);
