/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/rng.h"
#include "isobar/model/health.h"
#include "isobar/model/model.h"
#include "isobar/steer/plan.h"
#include "isobar/steer/tally.h"

/* One decision: walk a record's plan, set aside what cannot answer, draw among the rest. Pure: everything it reads is an
 * argument. No allocation, no lock; bounded by the size of the plan's nodes. */

struct isb_steer_state {
	const struct isb_health_table *health; /* with the latencies that order fastest compares, by viewpoint of the plan */
	const uint64_t *admin; /* admin words by slot (health.h) */
	uint32_t nadmin;
	int64_t now_ms;
	struct isb_rng *rng;
	const struct isb_addr *client; /* whose network order hash takes as the key */
	const uint8_t *name;  /* wire form, lower case: what is steered, a name under a wildcard too; NULL: hash by name takes the
	                       * record's */
	uint32_t *rotor;      /* counters of this worker for order rotate, plan->nrotor of them; NULL: begin anywhere */
	struct isb_trace *trace; /* NULL on the query path; see trace.h */
	struct isb_tally *tally; /* for those who answer by decisions; NULL: they are not counted */
};

enum { ISB_CHOICE_MAX = 64 }; /* endpoints in one answer */
enum isb_choice_kind {
	ISB_CHOICE_ANSWER,   /* rdata to send; n may be 0: the chosen endpoints have none of this type (NODATA) */
	ISB_CHOICE_FALLBACK, /* the ordinary rrset underneath answers */
	ISB_CHOICE_NODATA
};
struct isb_choice {
	enum isb_choice_kind kind;
	bool failopen;    /* nothing was usable; answered as all_down says */
	uint8_t reason;   /* ISB_CHOICE_ANSWER: enum isb_reason, whatever the endpoints have of this type */
	uint8_t client_bits; /* bits of the client beyond its class that the choice depended on: order hash's network; else 0 */
	uint32_t ttl_s;   /* the record's, shortened to the earliest flip of anything looked at; for every kind */
	unsigned n;
	const struct isb_plan_rdata *rdata[ISB_CHOICE_MAX];
	const struct isb_plan_endpoint *endpoint[ISB_CHOICE_MAX];
};

/* `cls` is the client's class in the record's map (0 without a map). A class without a plan (no rule matches and there
 * is no default) gives FALLBACK. */
void isb_steer(const struct isb_plan *plan, const struct isb_plan_record *record, uint32_t cls, enum isb_plan_type type,
               const struct isb_steer_state *state, struct isb_choice *ret_choice);

/* Why an endpoint is usable or not, as the walk sees it. */
enum isb_usable {
	ISB_USABLE, ISB_SET_ASIDE_DOWN, ISB_SET_ASIDE_ADMIN_DOWN, ISB_SET_ASIDE_DRAIN, ISB_SET_ASIDE_UNRESOLVED,
	ISB_SET_ASIDE_HELD,   /* down by a hold */
	ISB_SET_ASIDE_WAITING /* it came back, and waits for its failback */
};
