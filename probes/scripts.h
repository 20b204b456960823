/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <uv.h>

#include "script_frame.h"
#include "script_helper.h"

/* The probe's end of the helper that runs scripts: what was asked, and whose the answers are. ISB_SCRIPTS_MAX run at
 * once, the others wait their turn. When the helper is gone it is said once, as an error, and no script runs until
 * the probe is started again: only a process without threads could fork another. */
struct isb_scripts;
struct isb_script; /* one that runs or waits */

/* Both are called from the loop, never from inside isb_script_start(). */
struct isb_script_user {
	void (*begun)(void *arg); /* it had to wait and is run now */
	void (*ended)(void *arg, const struct isb_script_end *end); /* once; the script is gone then */
};

/* Takes over the helper. */
struct isb_scripts *isb_scripts_new(uv_loop_t *loop, const struct isb_helper *helper);
/* Cancel every script first; waits for the helper to end. Then let the loop run until it is empty before it is freed.
 * NULL is fine for both. */
void isb_scripts_close(struct isb_scripts *scripts);
void isb_scripts_free(struct isb_scripts *scripts);

/* The id of `ask` is filled in. *ret_waits: it must wait, and begun() will be called. ISB_EIO: the helper is gone. */
int isb_script_start(struct isb_scripts *scripts, struct isb_script_ask *ask, const struct isb_script_user *user,
                     void *arg, struct isb_script **ret_script, bool *ret_waits);
void isb_script_cancel(struct isb_script *script); /* it is killed; nothing will be called any more */
