/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/store/env.h"
#include "script_helper.h"

struct isb_probe_options {
	const char *store, *name, *region; /* region "": none */
	const char *resolver; /* who is asked for the names of ALIAS records, see resolve.h; NULL: /etc/resolv.conf */
	unsigned max_in_flight;
	const char *scripts; /* the directory of scripts; NULL: none */
	struct isb_helper helper; /* runs them */
};

/* Follows the catalog of the open store, checks and reports until SIGTERM or SIGINT. Returns the exit status. */
int isb_probe_run(struct isb_store *store, const struct isb_probe_options *options);
