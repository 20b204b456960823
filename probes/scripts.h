/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <uv.h>

#include "script_frame.h"
#include "script_helper.h"

/* The probe's end of the helper that runs scripts: what was asked, and whose the answers are. When the helper is
 * gone it is said once, as an error, and no script runs until the probe is started again: only a process without
 * threads could fork another. */
struct isb_scripts;
struct isb_script; /* one under way */

/* Called once per script from the loop, never from inside isb_script_start(); the script is gone then. */
typedef void isb_script_ended(void *arg, const struct isb_script_end *end);

/* Takes over the helper; 0 or a code of libuv's. */
int isb_scripts_new(uv_loop_t *loop, const struct isb_helper *helper, struct isb_scripts **ret_scripts);
/* Cancel every script first; waits for the helper to end. Then let the loop run until it is empty before it is
 * freed. NULL is fine for both. */
void isb_scripts_close(struct isb_scripts *scripts);
void isb_scripts_free(struct isb_scripts *scripts);

/* The id of `ask` is filled in. ISB_EBUSY: more is asked than the helper takes in; ISB_EIO: it is gone. */
int isb_script_start(struct isb_scripts *scripts, struct isb_script_ask *ask, isb_script_ended *ended, void *arg,
                     struct isb_script **ret_script);
void isb_script_cancel(struct isb_script *script); /* it is killed, and `ended` will not be called */
