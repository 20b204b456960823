/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/buf.h"
#include "check_run.h"

/* What comes back where a check says something or looks for something: read until it is found, and no further than the
 * first ISB_CHECK_READ octets. With nothing to look for, any octet will do. All-zero is a valid beginning. */
struct isb_talk {
	struct isb_buf got;
	uint32_t first_us; /* when the first octet came; 0: none yet */
};

void isb_talk_done(struct isb_talk *talk);
/* OK, BODY_MISMATCH, or NONE: more must come. Says the detail. */
enum isb_outcome_kind isb_talk_feed(struct isb_talk *talk, struct isb_check_run *run, const void *data, size_t len);
/* No more will come: CLOSED_EARLY when there was nothing, else BODY_MISMATCH. Says the detail. */
enum isb_outcome_kind isb_talk_end(struct isb_talk *talk, struct isb_check_run *run);
/* Says what came so far, for an outcome that the deadline finds. */
void isb_talk_say(const struct isb_talk *talk, struct isb_check_run *run);
