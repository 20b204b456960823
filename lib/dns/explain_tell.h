/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/dns/answer.h"
#include "isobar/steer/trace.h"

/* A found answer and the steps that led to it, as lines. */
struct isb_telling {
	const struct isb_view *view;
	struct isb_trace *trace;         /* its arena serves for what is printed */
	const struct isb_query *query;   /* that asks why */
	const struct isb_answer *found;
	uint16_t type;                   /* that it was found for */
	const struct isb_addr *client;
	bool told;                       /* by ECS */
};
/* As rdata of TXT records (struct isb_rrset.rdata): "01 client …", "02 policy …". What finds no room is left out, and the
 * last line says so. Returns how many. */
uint16_t isb_explain_tell(struct isb_telling *t, uint8_t *out, size_t size);
