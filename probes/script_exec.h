/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sys/types.h>

#include "script_frame.h"

struct isb_script_pipes {
	int out, err; /* what it prints; nothing blocks */
	int failed;   /* an errno when it could not be started, else nothing, up to the moment at which it runs */
};

/* Starts the script from a process of one thread: in a session of its own, with no signal held back, nothing open
 * but the standard streams, and the environment of `ask`; it is killed when the caller dies. Returns 0 or an
 * errno. */
int isb_script_exec(const struct isb_script_ask *ask, const char *dir, pid_t *ret_pid,
                    struct isb_script_pipes *ret_pipes);
