/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "control.h"
#include "run.h"

/* What is answered when a verb has run: its own JSON, or a problem (RFC 9457) with the sentences it said. */

enum { ISB_RUN_SHORT_MS = 60 * 1000, ISB_RUN_LONG_MS = 10 * 60 * 1000 };

/* Runs the route's verb, with these words in place of the route's own. */
void isb_answer_verb(struct isb_call *call, const char *words);
/* The problem that this end of a process is; what it said is told. Not for a process that is done with status 0. */
void isb_answer_problem(struct isb_call *call, const struct isb_ran *ran);
/* A JSON value as the answer; takes over the reference. */
void isb_answer_json(struct isb_call *call, json_t *value);
