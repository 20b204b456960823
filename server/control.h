/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "handover.h"
#include "isobar/base/diag.h"

/* The socket --control of an isobard that runs: there its successor asks for its sockets and says when it serves
 * (handover.h).
 * Root may, and the user that isobard runs as. One successor at a time. All on the thread that polls. */
struct isb_control;
struct isb_handed;

/* What is handed over. */
struct isb_offer {
	int *fds;
	size_t count, cap;
	struct isb_cookie_secrets cookies;
};
void isb_offer_add(struct isb_offer *offer, int fd);

/* Listens at `path`, which must outlive it, with mode 0600; or goes on where the predecessor listened. ISB_EIO with a
 * diag. */
int isb_control_new(const char *path, struct isb_handed *handed, struct isb_diags *diags,
                    struct isb_control **ret_control);
/* A successor that has not begun to serve is told that we are being stopped, and so must not. NULL is fine. */
void isb_control_quit(struct isb_control *control);
/* Unlinks the path when it is ours. NULL is fine. */
void isb_control_free(struct isb_control *control);
/* The path is ours from now on: the predecessor has left it. NULL is fine. */
void isb_control_settle(struct isb_control *control);

/* What to poll for; unused ones have no descriptor. */
enum { ISB_CONTROL_POLLED = 2 };
void isb_control_polled(const struct isb_control *control, struct pollfd polled[ISB_CONTROL_POLLED]);
/* After the poll. `fill` fills in an empty offer when one is asked for; our own listener is added to it. Returns true when
 * a successor serves: then isb_control_pid() and isb_control_release() tell of it, nothing is listened for any more, and it
 * waits for isb_control_released(). */
bool isb_control_turn(struct isb_control *control, const struct pollfd polled[ISB_CONTROL_POLLED],
                      void (*fill)(void *arg, struct isb_offer *offer), void *arg);
int isb_control_pid(const struct isb_control *control);
const char *isb_control_release(const struct isb_control *control);
/* The way to the successor, for connections; open until isb_control_free(). */
int isb_control_successor(const struct isb_control *control);
void isb_control_released(struct isb_control *control);
