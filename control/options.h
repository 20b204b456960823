/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "isobar/base/arena.h"
#include "isobar/base/log.h"
#include "isobar/web/tokens.h"
#include "isobar/web/web.h"

/* The command line of isobar-control, and its configuration file, whose keys are the long options' names. Strings point
 * into argv, the environment or the arena. */
enum { ISB_CONTROL_LISTEN_MAX = 16, ISB_CONTROL_NAMES_MAX = 16, ISB_CONTROL_PORT = 8053 };

struct isb_control_options {
	const char *store;
	struct isb_web_listen listen[ISB_CONTROL_LISTEN_MAX + 1]; /* the unix socket among them */
	size_t nlisten;
	const char *socket;             /* "": none */
	enum isb_role socket_role;
	const char *tokens;             /* NULL: none, so that nobody can ask over HTTP */
	const char *tls_cert, *tls_key; /* both or neither */
	const char *hosts[ISB_CONTROL_NAMES_MAX]; /* names beside loopback's that a request may be for */
	size_t nhost;
	const char *metrics_from[ISB_CONTROL_NAMES_MAX]; /* URLs of isobard's metrics, for /v1/top */
	size_t nmetrics_from;
	const char *user;               /* NULL: stays who it is */
	enum isb_log_level log_level;
	struct isb_arena arena;
};

/* What to do next: serve, or print the description of the API; after the last two everything was said already (stdout,
 * stderr). */
enum isb_control_next { ISB_CONTROL_RUN, ISB_CONTROL_OPENAPI, ISB_CONTROL_DONE, ISB_CONTROL_WRONG };
enum isb_control_next isb_control_options_parse(int argc, char **argv, struct isb_control_options *ret_options);
bool isb_control_is_loopback(const struct isb_addr *addr);
void isb_control_options_done(struct isb_control_options *options);
