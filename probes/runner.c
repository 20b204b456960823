/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <inttypes.h>
#include <stdio.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"

static int64_t monotonic_ms(void)
{
	return isb_monotonic_us() / 1000;
}

static void on_wake(uv_timer_t *timer)
{
	isb_runner_launch(timer->data);
}

static void on_more(uv_idle_t *idle)
{
	isb_runner_launch(idle->data);
}

/* What waits for the network costs memory only, and there may be thousands of it; what waits for this process
 * would be measured as the endpoints' latency. So one check is begun in each round of the loop, and those under
 * way go on before the next one: when there is more to do than time, checks begin late and are measured right. */
void isb_runner_launch(struct isb_runner *runner)
{
	int64_t now = monotonic_ms();
	bool room = runner->in_flight < runner->max_in_flight;
	struct isb_target *t = room ? isb_schedule_take(&runner->schedule, now) : NULL;
	if (t) {
		runner->in_flight++;
		isb_spans_add(&runner->counts.late, (t->started - t->due) * 1000);
		t->run = isb_check_start(runner->checker, &t->spec, t->timeout_ms, &t->kept, t);
	}
	int64_t wait = runner->in_flight < runner->max_in_flight ? isb_schedule_wait(&runner->schedule, now) : -1;
	uv_timer_stop(&runner->wake);
	uv_idle_stop(&runner->more);
	if (wait == 0) {
		uv_idle_start(&runner->more, on_more);
	} else if (wait > 0) { /* else the next outcome launches the next check */
		uv_update_time(runner->wake.loop);
		uv_timer_start(&runner->wake, on_wake, (uint64_t)wait, 0);
	}
}

/* What should be said and is missing is told when that changes, not every time. */
static void note_word(struct isb_target *t, const struct isb_outcome *outcome, const char *detail)
{
	char text[ISB_OUTCOME_TEXT];
	bool expected = t->feed || (t->spec.load.format != ISB_LOAD_NONE && outcome->kind == ISB_OUT_OK);
	bool wordless = !outcome->has_load && !(t->feed && outcome->has_soft);
	if (!expected || wordless == t->wordless)
		return;
	t->wordless = wordless;
	isb_log(wordless ? ISB_LOG_WARNING : ISB_LOG_INFO, wordless ? "load-missing" : "load-told",
	        "endpoint=%s outcome=%s%s%s%s", t->name, isb_outcome_print(outcome, text), detail ? " detail=\"" : "",
	        detail ? detail : "", detail ? "\"" : "");
}

static void on_outcome(void *arg, void *item, const struct isb_outcome *outcome, const char *detail)
{
	struct isb_runner *runner = arg;
	struct isb_target *t = item;
	char text[ISB_OUTCOME_TEXT], soft[16] = "", load[16] = "";
	bool trouble = outcome->kind == ISB_OUT_INTERNAL && t->latest != ISB_OUT_INTERNAL;
	if (outcome->has_soft)
		snprintf(soft, sizeof(soft), " soft=%u", outcome->soft);
	if (outcome->has_load)
		snprintf(load, sizeof(load), " load=%u", outcome->load);
	isb_log(trouble ? ISB_LOG_WARNING : ISB_LOG_DEBUG, trouble ? "check-trouble" : t->feed ? "fed" : "checked",
	        "endpoint=%s outcome=%s connect_us=%" PRIu32 " total_us=%" PRIu32 "%s%s late_ms=%" PRId64 "%s%s%s", t->name,
	        isb_outcome_print(outcome, text), outcome->connect_us, outcome->total_us, soft, load, t->started - t->due,
	        detail ? " detail=\"" : "", detail ? detail : "", detail ? "\"" : "");
	note_word(t, outcome, detail);
	isb_counts_outcome(&runner->counts, t->spec.type, outcome);
	t->run = NULL;
	runner->in_flight--;
	bool was_down = t->history.state == ISB_DOWN;
	runner->urgent |= isb_schedule_record(&runner->schedule, t, outcome, monotonic_ms(), isb_clock_ms());
	if (!was_down && t->history.state == ISB_DOWN) /* the verdict names the outcome; what the other side said is only here */
		isb_log(ISB_LOG_INFO, "endpoint-down", "endpoint=%s outcome=%s%s%s%s", t->name, isb_outcome_print(outcome, text),
		        detail ? " detail=\"" : "", detail ? detail : "", detail ? "\"" : "");
	uv_timer_start(&runner->wake, on_wake, 0, 0); /* not from here: curl may still be in the middle of its step */
}

int isb_runner_init(struct isb_runner *runner, uv_loop_t *loop, const struct isb_probe_options *options, uint64_t seed)
{
	const struct isb_helper *helper = options->scripts ? &options->helper : NULL;
	*runner = (struct isb_runner){.max_in_flight = options->max_in_flight};
	int rc = isb_checker_new(loop, helper, on_outcome, runner, &runner->checker);
	if (rc != ISB_OK)
		return rc;
	isb_schedule_init(&runner->schedule, seed);
	uv_timer_init(loop, &runner->wake);
	uv_idle_init(loop, &runner->more);
	runner->wake.data = runner->more.data = runner;
	return ISB_OK;
}

void isb_runner_drop(struct isb_runner *runner, struct isb_target *target)
{
	if (target->run) {
		isb_check_cancel(target->run);
		target->run = NULL;
		runner->in_flight--;
	}
	isb_kept_free(target->kept);
	target->kept = NULL;
}

void isb_runner_close(struct isb_runner *runner)
{
	const struct isb_schedule *schedules[] = {&runner->schedule, runner->schedule.feeds};
	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; i < schedules[s]->count; i++)
			isb_runner_drop(runner, schedules[s]->targets[i]);
	isb_checker_close(runner->checker);
	uv_close((uv_handle_t *)&runner->wake, NULL);
	uv_close((uv_handle_t *)&runner->more, NULL);
}

void isb_runner_done(struct isb_runner *runner)
{
	isb_checker_free(runner->checker);
	isb_schedule_done(&runner->schedule);
}
