/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>
#include <uv.h>

#include "isobar/model/observe.h"
#include "spec.h"

/* Runs checks on a libuv loop: start one with a deadline, get exactly one outcome or cancel it. Every check has
 * its own timer, so that none outlives its deadline whatever the other side or a library does. */
struct isb_checker;
struct isb_check_run;
struct isb_helper;
struct isb_kept; /* what a check keeps for the next one of the same spec: its connection */

/* Called once per run from the loop, never from inside isb_check_start(); the run is gone then, and another may be
 * started. `detail` is a sentence for the log (NULL: none), valid during the call. */
typedef void isb_check_done(void *arg, void *item, const struct isb_outcome *outcome, const char *detail);

/* `helper` runs scripts; without one (NULL) a check of that type is the probe's own trouble. */
int isb_checker_new(uv_loop_t *loop, const struct isb_helper *helper, isb_check_done *done, void *arg,
                    struct isb_checker **ret_checker);
/* Cancel every run first; then let the loop run until it is empty before the checker is freed. */
void isb_checker_close(struct isb_checker *checker);
void isb_checker_free(struct isb_checker *checker);

/* `spec` must stay until `done` was called for `item` or the run was cancelled. `keep` is where a check that keeps its
 * connection finds it and leaves it, NULL at first; the same one for every run of a spec and of no other. */
struct isb_check_run *isb_check_start(struct isb_checker *checker, const struct isb_spec *spec, int64_t timeout_ms,
                                      struct isb_kept **keep, void *item);
void isb_check_cancel(struct isb_check_run *run); /* `done` will not be called */
void isb_kept_free(struct isb_kept *kept); /* no run may use it any more; before the checker is closed */
