/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "isobar/base/arena.h"
#include "isobar/base/log.h"
#include "isobar/dns/rrl.h"
#include "isobar/dns/settings.h"
#include "isobar/web/web.h"
#include "listen.h"
#include "proxy.h"
#include "tcp.h"

/* The command line of isobard, and its configuration file, whose keys are the long options' names: what the command line
 * gives replaces what the file says. Strings point into argv, the environment or the arena. */
enum { ISB_LISTEN_MAX = 64, ISB_GEO_MAX = 8, ISB_WORKERS_MAX = 128, ISB_METRICS_MAX = 8 };

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
	bool cookies;                   /* on unless turned off */
	const char *cookie_secret_file; /* NULL: a secret of its own */
	const char *nsid;               /* NULL: none */
	const char *version_text, *id_text; /* "": not told */
	const char *query_log;          /* a file, or "-": stderr; NULL: none */
	const char *dnstap;             /* a unix socket, or "file:" and a path; NULL: none */
	unsigned query_log_sample, dnstap_sample; /* one of so many */
	const char *clients;            /* a unix socket that tells which networks ask most; NULL: none */
	struct isb_web_listen metrics[ISB_METRICS_MAX]; /* where they and how the server fares are told */
	size_t nmetrics;
	unsigned metrics_rows;          /* at most, of one metric */
	uint32_t drain_ms;              /* how long it goes on answering when it was told to stop */
	const char *control;            /* a unix socket at which a successor asks for ours; NULL: none */
	bool control_optional;          /* a default nobody asked for */
	bool replace, foreground;       /* take over from who listens there; without leaving this process for it */
	const char *user;               /* to become, "NAME[:GROUP]"; NULL: stay */
	struct isb_rrl_config rrl;
	const char *tsig_keys;          /* a file; NULL: none */
	struct isb_net explain_from[ISB_EXPLAIN_FROM_MAX]; /* who may ask why, by address */
	unsigned nexplain_from;
	const char *explain_key[ISB_EXPLAIN_KEYS_MAX];     /* and by the name of a key */
	unsigned nexplain_key;
	struct isb_arena arena;
};

/* What to do next; after the last two everything was said already (stdout, stderr). */
enum isb_options_result { ISB_OPTIONS_RUN, ISB_OPTIONS_DONE, ISB_OPTIONS_WRONG };
enum isb_options_result isb_options_parse(int argc, char **argv, struct isb_options *ret_options);
void isb_options_done(struct isb_options *options);
