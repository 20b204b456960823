/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/diag.h"

/* Unix sockets at a path: only who may open the file may connect. */
enum { ISB_LOCAL_PATH_MAX = 107 }; /* octets, without the NUL */

struct isb_local {
	const char *path;   /* ISB_LOCAL_PATH_MAX octets at most */
	const char *option; /* that names it, for sentences: "--clients" */
	int type;           /* SOCK_STREAM or SOCK_SEQPACKET */
	unsigned mode;      /* of the file */
	int backlog;
};

/* Bound, listening, non-blocking, closed on exec. What a dead process left at the path is replaced; anything else that
 * stands there is ISB_EIO with a diag, like all that goes wrong. Whoever closes it unlinks the path, unless another process
 * goes on listening there. */
int isb_local_listen(const struct isb_local *local, struct isb_diags *diags, int *ret_fd);
/* A blocking connection; ISB_ENOTFOUND: nobody listens there; ISB_EIO. Both with a diag. */
int isb_local_connect(const struct isb_local *local, struct isb_diags *diags, int *ret_fd);
