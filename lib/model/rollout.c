/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/rollout.h"

static const int64_t time_max_ms = INT64_C(1) << 48; /* some nine thousand years: sums of two stay far from overflow */

static bool is_time(int64_t ms)
{
	return ms >= 0 && ms <= time_max_ms;
}

bool isb_pace_check(const struct isb_pace *pace)
{
	if (!is_time(pace->started_ms) || !is_time(pace->paused_ms) || pace->nstep > ISB_ROLLOUT_STEPS_MAX)
		return false;
	if (pace->every_ms < 0 || pace->every_ms > ISB_ROLLOUT_EVERY_MAX_MS || (pace->nstep > 1 && !pace->every_ms))
		return false;
	for (unsigned i = 0; i < ISB_ROLLOUT_STEPS_MAX; i++) {
		unsigned least = i ? pace->step[i - 1] + 1u : 1;
		if (i < pace->nstep ? pace->step[i] < least || pace->step[i] > 100 : pace->step[i] != 0)
			return false;
	}
	return true;
}

struct isb_pace_now isb_pace_at(const struct isb_pace *pace, int64_t now_ms)
{
	struct isb_pace_now now = {0};
	if (!isb_pace_check(pace) || !is_time(now_ms) || !pace->nstep)
		return now;
	bool paused = pace->paused_ms && pace->paused_ms <= now_ms;
	int64_t passed_ms = (paused ? pace->paused_ms : now_ms) - pace->started_ms;
	if (passed_ms < 0) { /* this clock is behind the operator's */
		now.next_ms = paused ? 0 : pace->started_ms;
		return now;
	}
	int64_t whole = pace->every_ms ? passed_ms / pace->every_ms : 0;
	now.step = whole < pace->nstep ? (unsigned)whole + 1 : pace->nstep;
	now.percent = pace->step[now.step - 1];
	if (!paused && now.step < pace->nstep)
		now.next_ms = pace->started_ms + (int64_t)now.step * pace->every_ms;
	return now;
}

bool isb_rollout_check(const struct isb_rollout *rollout)
{
	if (!*rollout->to || !isb_pace_check(&rollout->pace) || !is_time(rollout->begun_ms))
		return false;
	if (rollout->nnet > ISB_ROLLOUT_NETS_MAX || (!rollout->nnet && !rollout->pace.nstep))
		return false;
	if (rollout->abort_if != ISB_ABORT_NEVER && rollout->abort_if != ISB_ABORT_DOWN)
		return false;
	for (size_t i = 0; i < rollout->nnet; i++) {
		const struct isb_net *net = &rollout->nets[i];
		if ((net->addr.family != 4 && net->addr.family != 6) || net->len > isb_addr_bits(&net->addr))
			return false;
		struct isb_net same = isb_net_around(&net->addr, net->len);
		if (!isb_addr_equal(&same.addr, &net->addr))
			return false;
	}
	return true;
}
