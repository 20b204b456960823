/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/rollout.h"

static const int64_t time_max_ms = INT64_C(1) << 48; /* some nine thousand years: sums of two stay far from overflow */

static bool is_time(int64_t ms)
{
	return ms >= 0 && ms <= time_max_ms;
}

bool isb_timetable_check(const struct isb_timetable *times)
{
	if (!is_time(times->started_ms) || !is_time(times->paused_ms) || times->nstep > ISB_ROLLOUT_STEPS_MAX)
		return false;
	if (times->every_ms < 0 || times->every_ms > ISB_ROLLOUT_EVERY_MAX_MS || (times->nstep > 1 && !times->every_ms))
		return false;
	for (unsigned i = 0; i < ISB_ROLLOUT_STEPS_MAX; i++) {
		unsigned least = i ? times->step[i - 1] + 1u : 1;
		if (i < times->nstep ? times->step[i] < least || times->step[i] > 100 : times->step[i] != 0)
			return false;
	}
	return true;
}

struct isb_timetable_now isb_timetable_at(const struct isb_timetable *times, int64_t now_ms)
{
	struct isb_timetable_now now = {0};
	if (!isb_timetable_check(times) || !is_time(now_ms) || !times->nstep)
		return now;
	bool paused = times->paused_ms && times->paused_ms <= now_ms;
	int64_t passed_ms = (paused ? times->paused_ms : now_ms) - times->started_ms;
	if (passed_ms < 0) { /* this clock is behind the operator's */
		now.next_ms = paused ? 0 : times->started_ms;
		return now;
	}
	int64_t whole = times->every_ms ? passed_ms / times->every_ms : 0;
	now.step = whole < times->nstep ? (unsigned)whole + 1 : times->nstep;
	now.percent = times->step[now.step - 1];
	if (!paused && now.step < times->nstep)
		now.next_ms = times->started_ms + (int64_t)now.step * times->every_ms;
	return now;
}

bool isb_rollout_check(const struct isb_rollout *rollout)
{
	if (!*rollout->to || !isb_timetable_check(&rollout->times) || !is_time(rollout->begun_ms))
		return false;
	if (rollout->nnet > ISB_ROLLOUT_NETS_MAX || (!rollout->nnet && !rollout->times.nstep))
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
