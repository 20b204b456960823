/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/model/observe.h"
#include "script_frame.h"

enum { ISB_SCRIPT_SAID = 300 }; /* octets of a sentence, with what the script said in it as it stands */

/* What the end of the script `name` says about the endpoint: kind, number and soft health of `ret_outcome` (times
 * are not touched), and a sentence for the log ("": none).
 *
 * A script that exits with 0 may speak the language of agents (check_agent_line.h) in its first line: `up 40%`,
 * `down#disk full`. A line with any other word in it is text for people and changes nothing; so is every line of
 * one that failed. */
void isb_script_judge(const struct isb_script_end *end, const char *name, struct isb_outcome *ret_outcome,
                      char ret_said[ISB_SCRIPT_SAID]);
