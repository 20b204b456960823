/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

/* For a command that returns while what it started goes on: `systemctl reload` waits for the one, and the other becomes the
 * service's main process. */
struct isb_background {
	int tell; /* to the process that waits; -1: there is none */
};

/* Before any thread starts. True in the new process: a session of its own, and no child of the one that waits but of whoever
 * adopts orphans (init, or the service manager, which learns of its end in no other way). False in the process that was
 * called, once the new one has told or died: end with *ret_status. */
bool isb_background_begin(struct isb_background *ret_background, int *ret_status);
/* How it went: lets the command end with this status; the first time counts. */
void isb_background_tell(struct isb_background *background, int status);
/* False: whoever waited has gone. */
bool isb_background_is_awaited(const struct isb_background *background);
