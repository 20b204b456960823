/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "check.h"
#include "counts.h"
#include "options.h"
#include "schedule.h"

/* Runs a schedule on a loop: starts what is due, as many at once as allowed, and records how each check ended. Whoever
 * holds it fills the schedule and takes up its news. */
struct isb_runner {
	struct isb_schedule schedule;
	struct isb_checker *checker;
	uv_timer_t wake;
	uv_idle_t more; /* while checks are due that this round could not begin */
	unsigned in_flight, max_in_flight;
	struct isb_counts counts;
	bool urgent; /* something happened that others should hear of at once; the holder takes it back */
};

/* `runner` stays where it is until done. */
int isb_runner_init(struct isb_runner *runner, uv_loop_t *loop, const struct isb_probe_options *options, uint64_t seed);
/* Starts what is due now; call when the schedule was changed. */
void isb_runner_launch(struct isb_runner *runner);
/* Ends the target's check, if one is under way; for isb_schedule_source.retire. */
void isb_runner_drop(struct isb_runner *runner, struct isb_target *target);
/* Ends everything; then let the loop run until it is empty before done. */
void isb_runner_close(struct isb_runner *runner);
void isb_runner_done(struct isb_runner *runner);
