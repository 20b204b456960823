/* SPDX-License-Identifier: Apache-2.0 */
#include "check_talk.h"

#include <string.h>

enum { SHOWN = 80 }; /* octets of a reply in a detail */

void isb_talk_done(struct isb_talk *talk)
{
	isb_buf_done(&talk->got);
}

void isb_talk_say(const struct isb_talk *talk, struct isb_check_run *run)
{
	if (talk->got.len == 0)
		return;
	int shown = (int)(talk->got.len < SHOWN ? talk->got.len : SHOWN);
	isb_check_say(run, "came: %.*s%s", shown, talk->got.data, talk->got.len > SHOWN ? "..." : "");
}

/* Only what is new can complete a match: octets that come one by one must not cost a search of everything each. */
static bool found(const struct isb_talk *talk, const char *wanted, size_t fresh)
{
	size_t len = strlen(wanted), from = talk->got.len - fresh;
	from = from > len - 1 ? from - (len - 1) : 0;
	return memmem(isb_buf_text(&talk->got) + from, talk->got.len - from, wanted, len);
}

enum isb_outcome_kind isb_talk_feed(struct isb_talk *talk, struct isb_check_run *run, const void *data, size_t len)
{
	const char *wanted = run->spec->body;
	size_t room = ISB_CHECK_READ - talk->got.len, take = len < room ? len : room;
	if (!talk->first_us)
		talk->first_us = isb_check_elapsed_us(run);
	isb_buf_add(&talk->got, data, take);
	if (!wanted || found(talk, wanted, take))
		return ISB_OUT_OK;
	if (talk->got.len < ISB_CHECK_READ)
		return ISB_OUT_NONE;
	isb_talk_say(talk, run);
	return ISB_OUT_BODY_MISMATCH;
}

enum isb_outcome_kind isb_talk_end(struct isb_talk *talk, struct isb_check_run *run)
{
	if (talk->got.len == 0)
		return ISB_OUT_CLOSED_EARLY;
	isb_talk_say(talk, run);
	return ISB_OUT_BODY_MISMATCH;
}
