/* SPDX-License-Identifier: Apache-2.0 */
#include "script_judge.h"

#include <stdio.h>
#include <string.h>

#include "isobar/base/err.h"
#include "check_agent_line.h"
#include "script_keep.h"

static void say(char said[ISB_SCRIPT_SAID], const char *text, size_t len)
{
	snprintf(said, ISB_SCRIPT_SAID, "%.*s", (int)len, text);
}

static void judge_success(const struct isb_script_end *end, struct isb_outcome *outcome, char said[ISB_SCRIPT_SAID])
{
	struct isb_agent agent;
	const char *word;
	size_t nword;
	outcome->kind = ISB_OUT_OK;
	if (end->from_error || isb_agent_read(end->line, end->nline, &agent, &word, &nword) != ISB_OK) {
		say(said, end->line, end->nline);
		return;
	}
	outcome->kind = agent.down ? ISB_OUT_SAID_DOWN : ISB_OUT_OK;
	outcome->has_soft = agent.has_soft;
	outcome->soft = agent.soft;
	if (agent.nreason)
		say(said, agent.reason, agent.nreason);
}

static void judge_signal(const struct isb_script_end *end, struct isb_outcome *outcome, char said[ISB_SCRIPT_SAID])
{
	const char *name = sigabbrev_np(end->number);
	outcome->kind = ISB_OUT_EXIT;
	outcome->status = (uint16_t)(128 + end->number); /* as shells count */
	if (name)
		snprintf(said, ISB_SCRIPT_SAID, "killed by SIG%s", name);
	else
		snprintf(said, ISB_SCRIPT_SAID, "killed by signal %d", end->number);
}

void isb_script_judge(const struct isb_script_end *end, const char *name, struct isb_outcome *ret_outcome,
                      char ret_said[ISB_SCRIPT_SAID])
{
	struct isb_outcome *o = ret_outcome;
	*ret_said = '\0';
	o->kind = ISB_OUT_INTERNAL;
	switch ((enum isb_script_how)end->how) {
	case ISB_SCRIPT_EXITED:
		if (end->number == 0) {
			judge_success(end, o, ret_said);
			break;
		}
		o->kind = ISB_OUT_EXIT;
		o->status = (uint16_t)end->number;
		say(ret_said, end->line, end->nline);
		break;
	case ISB_SCRIPT_SIGNALED: judge_signal(end, o, ret_said); break;
	case ISB_SCRIPT_TIMEOUT: o->kind = ISB_OUT_TIMEOUT; break;
	case ISB_SCRIPT_FLOOD:
		o->kind = ISB_OUT_BAD_REPLY;
		snprintf(ret_said, ISB_SCRIPT_SAID, "it printed more than %d octets and was killed", ISB_SCRIPT_OUTPUT);
		break;
	case ISB_SCRIPT_FAILED:
		snprintf(ret_said, ISB_SCRIPT_SAID, "cannot run '%.64s': %s", name, strerror(end->number));
		break;
	case ISB_SCRIPT_BUSY: strcpy(ret_said, "too many scripts wait for what cannot be killed"); break;
	case ISB_SCRIPT_LOST:
	case ISB_SCRIPT_HOW_COUNT: strcpy(ret_said, "the process that watched over the script is gone"); break;
	}
}
