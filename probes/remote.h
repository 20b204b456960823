/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "options.h"

/* A probe without a store: it connects to a site's probe, checks what that has it check, and reports there, until
 * SIGTERM or SIGINT. While the site cannot be reached it goes on checking. Returns the exit status. */
int isb_remote_run(const struct isb_probe_options *options);
