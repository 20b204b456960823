/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "script_frame.h"

enum { ISB_SCRIPT_OUTPUT = 64 * 1024 }; /* octets that a script may print */

/* The whole life of a process that watches over one script, its keeper; forked for it by the helper, it does not
 * return.
 *
 * It runs the script of `ask` in `dir`, tells the probe at `fd` how it ended and then ends all that the script
 * left behind: what the script started becomes the keeper's child when its parent is gone
 * (PR_SET_CHILD_SUBREAPER), in whatever session. SIGTERM, and the helper's death, end the script early. */
_Noreturn void isb_script_keep(const struct isb_script_ask *ask, const char *dir, int fd);
