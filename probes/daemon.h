/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/store/env.h"
#include "options.h"

/* Follows the catalog of the open store, checks and reports until SIGTERM or SIGINT. Returns the exit status. */
int isb_probe_run(struct isb_store *store, const struct isb_probe_options *options);
