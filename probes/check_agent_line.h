/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an agent says, in the form of HAProxy's agent-check: words in any case and order between blanks, tabs and commas,
 * and behind '#' a reason for people:
 *   75%                     soft health; above 100 it is 100
 *   up, ready               may be used
 *   drain                   up, with soft health 0 whatever the percentage
 *   down, fail, stopped     is down;  maint  too, until ready
 *   maxconn:N               of HAProxy's own concern: taken and left aside
 * Of up and the words for down the last one counts, of ready, drain and maint as well. */
struct isb_agent {
	bool down, has_soft;
	uint8_t soft;          /* 0..100 */
	const char *reason;    /* within the line, not terminated; NULL: none */
	size_t nreason;
};

/* `line` ends before its line end. ISB_EFORMAT: no words, or one that is none of these; `ret_word` and its length are it. */
int isb_agent_read(const char *line, size_t len, struct isb_agent *ret_agent, const char **ret_word, size_t *ret_nword);
