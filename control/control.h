/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>

#include "identity.h"
#include "isobar/store/env.h"
#include "options.h"
#include "routes.h"

/* What a request passes through: who asks (identity.h), which route it is (routes.h), the verb it becomes (words.h),
 * the process that runs it (run.h), and what is made of its end (answer.h). Nothing is kept between requests but
 * counters. */

struct isb_runner;
struct isb_events;
struct isb_counts;

struct isb_control {
	const struct isb_control_options *options;
	struct isb_store *store; /* read-only: generations, and whether it can be read */
	struct isb_guard *guard;
	struct isb_runner *runner;
	struct isb_events *events;
	struct isb_counts *counts;
};

/* One request on its way. */
struct isb_call {
	struct isb_control *control;
	const struct isb_web_request *request;
	struct isb_web_reply *reply;
	const struct isb_route *route;
	struct isb_route_values values; /* of the path */
	json_t *members;                /* of the body; NULL: it is no such body */
	struct isb_identity who;
};

/* The handler of lib/web; `arg` is the control. */
void isb_control_answer(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply);
/* As isb_web_admit: bodies are taken from those only who may send them. */
bool isb_control_admit(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply);
/* The catalog's generation; false: the store cannot be read. */
bool isb_control_generation(struct isb_control *control, uint64_t *ret_generation);
