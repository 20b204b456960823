/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>

#include "isobar/base/log.h"
#include "listen.h"
#include "proxy.h"
#include "tcp.h"

/* The command line of isobard. Strings point into argv or the environment. */
enum { ISB_LISTEN_MAX = 64, ISB_GEO_MAX = 8, ISB_WORKERS_MAX = 128 };

struct isb_options {
	const char *store;
	struct isb_listen listen[ISB_LISTEN_MAX]; /* --listen and --proxy-listen */
	size_t nlisten;
	struct isb_proxy_from proxy_from;
	struct isb_tcp_limits tcp;
	const char *geo[ISB_GEO_MAX]; /* none: STORE/geo.mmdb where there is one */
	size_t ngeo;
	unsigned workers;
	enum isb_log_level log_level;
};

/* What to do next; after the last two everything was said already (stdout, stderr). */
enum isb_options_result { ISB_OPTIONS_RUN, ISB_OPTIONS_DONE, ISB_OPTIONS_WRONG };
enum isb_options_result isb_options_parse(int argc, char **argv, struct isb_options *ret_options);
