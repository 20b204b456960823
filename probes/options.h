/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "isobar/base/arena.h"
#include "isobar/web/web.h"
#include "measure.h"
#include "script_helper.h"
#include "tls_link.h"

/* What the command line and the file of --config say. */
enum { ISB_EXCHANGE_PORT = 5354, ISB_HOST_MAX = 255, ISB_PROBE_METRICS_MAX = 8 };

struct isb_hostport {
	char host[ISB_HOST_MAX + 1]; /* a name or an address; "": not given */
	uint16_t port;
};

struct isb_probe_options {
	const char *store, *name, *region; /* region "": none */
	const char *resolver; /* who is asked for the names of ALIAS records, see resolve.h; NULL: /etc/resolv.conf */
	unsigned max_in_flight;
	const char *scripts; /* the directory of scripts; NULL: none */
	struct isb_helper helper; /* runs them, where there is a directory */
	struct isb_hostport listen; /* for probes in other regions; host "": none */
	struct isb_hostport site;   /* of a probe that has no store; host "": it has one */
	struct isb_tls_files tls;   /* for either */
	struct isb_measure_options measure;
	struct isb_web_listen metrics[ISB_PROBE_METRICS_MAX]; /* where they and how the probe fares are told */
	size_t nmetrics;
	const char *user; /* to become, "NAME[:GROUP]"; NULL: stay */
	struct isb_arena arena; /* of what a file says */
};

/* Reads the file and the command line over `options`, which hold the defaults. False: leave with *ret_status, all was said.
 * Either way isb_probe_options_done() is the caller's to call. */
bool isb_probe_options_read(int argc, char **argv, struct isb_probe_options *options, int *ret_status);
void isb_probe_options_done(struct isb_probe_options *options);
