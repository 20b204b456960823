/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/diag.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/base/streams.h"
#include "daemon.h"

enum { EXIT_USAGE = 2, NAME_LEN_MAX = 64, IN_FLIGHT_PRESET = 32, IN_FLIGHT_MAX = 1024 };

static const char help_text[] =
	"usage: isobar-probe [OPTION]...\n"
	"Checks the endpoints of a store's catalog and writes what it finds, and the verdicts, into the store.\n"
	"\n"
	"  -s, --store DIR           the store (default: $ISOBAR_STORE, else /var/lib/isobar)\n"
	"  -n, --name NAME           this probe's name, its own among the store's probes (default: the host's name)\n"
	"  -r, --region REGION       the region of the catalog it runs in; round trips to the others are measured\n"
	"  -m, --max-in-flight N     checks under way at once, 1..1024 (default: 32; more blur the latencies)\n"
	"  -R, --resolver ADDR[:PORT] who is asked for the names of ALIAS records; several with commas\n"
	"                            (default: those of /etc/resolv.conf). Checks of endpoints that have a host and no\n"
	"                            address look it up as the system does, /etc/hosts and all, not here\n"
	"  -x, --scripts DIR         where the programs of checks of type script are; without it none is run\n"
	"  -L, --log-level LEVEL     error, warning, info or debug (default: info)\n"
	"  -h, --help                print this and exit\n"
	"  -V, --version             print the version and exit\n"
	"\n"
	"Signals: TERM and INT stop; what was observed stays and is taken up by the next start.\n"
	"Exit status: 0 stopped as asked, 1 cannot run, 2 wrong command line.\n";

static const struct option long_options[] = {
	{"store", required_argument, NULL, 's'},     {"name", required_argument, NULL, 'n'},
	{"region", required_argument, NULL, 'r'},    {"max-in-flight", required_argument, NULL, 'm'},
	{"resolver", required_argument, NULL, 'R'},  {"log-level", required_argument, NULL, 'L'},
	{"scripts", required_argument, NULL, 'x'},   {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},         {0},
};
static const char *const option_names[] = {"--store",     "--name", "--region",  "--max-in-flight",
                                           "--resolver",  "--scripts", "--log-level", "--help", "--version",
                                           NULL};
static const char *const levels[] = {"error", "warning", "info", "debug", NULL};

__attribute__((format(printf, 1, 2))) static bool wrong(const char *fmt, ...)
{
	va_list ap;
	fputs("isobar-probe: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("; see isobar-probe --help\n", stderr);
	return false;
}

static bool unknown(const char *given)
{
	char name[64];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(given, "="), given);
	const char *near = isb_nearest(name, option_names);
	if (near)
		return wrong("unknown option '%s'; did you mean '%s'?", given, near);
	return wrong("unknown option '%s'", given);
}

static bool set_level(const char *text)
{
	for (int i = 0; levels[i]; i++) {
		if (strcmp(text, levels[i]) == 0) {
			isb_log_set_level((enum isb_log_level)i);
			return true;
		}
	}
	return wrong("--log-level '%s' is none of error, warning, info, debug", text);
}

static bool set_in_flight(const char *text, unsigned *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || n < 1 || n > IN_FLIGHT_MAX)
		return wrong("--max-in-flight '%s' is not a number from 1 to %d", text, IN_FLIGHT_MAX);
	*ret = (unsigned)n;
	return true;
}

/* Names go into keys, log lines and evidence as they are. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
			return false;
	return len > 0 && len <= NAME_LEN_MAX;
}

static bool set_option(int option, char *const *argv, struct isb_probe_options *o)
{
	switch (option) {
	case 's': o->store = optarg; return true;
	case 'n': o->name = optarg; return true; /* looked at when all is read, like the host's name */
	case 'r':
		o->region = optarg;
		return is_name(optarg) || wrong("--region '%s' is not a name of a region", optarg);
	case 'm': return set_in_flight(optarg, &o->max_in_flight);
	case 'R': o->resolver = optarg; return true; /* what reads it says when it cannot */
	case 'x': o->scripts = optarg; return true;
	case 'L': return set_level(optarg);
	case ':': return wrong("option '%s' needs a value", argv[optind - 1]);
	default: return unknown(argv[optind - 1]);
	}
}

/* True: run. False: leave with *ret_status. */
static bool read_options(int argc, char **argv, struct isb_probe_options *o, int *ret_status)
{
	*ret_status = EXIT_USAGE;
	for (int c; (c = getopt_long(argc, argv, ":s:n:r:m:R:x:L:hV", long_options, NULL)) != -1;) {
		if (c == 'h' || c == 'V') {
			fputs(c == 'h' ? help_text : "isobar-probe " ISB_VERSION "\n", stdout);
			*ret_status = EXIT_SUCCESS;
			return false;
		}
		if (!set_option(c, argv, o))
			return false;
	}
	if (optind < argc)
		return wrong("unexpected argument '%s'", argv[optind]);
	return is_name(o->name) || wrong("--name '%s' is not a name; write up to %d letters, digits, '.', '_' and '-'",
	                                 o->name, NAME_LEN_MAX);
}

/* Before anything is open and before there is a second thread. */
static bool start_helper(struct isb_probe_options *o)
{
	int error = o->scripts ? isb_helper_start(o->scripts, &o->helper) : 0;
	if (error)
		fprintf(stderr, "isobar-probe: cannot take scripts from '%s': %s\n", o->scripts, strerror(error));
	return !error;
}

int main(int argc, char **argv)
{
	char host[HOST_NAME_MAX + 1] = "";
	int status;
	if (!isb_streams_guard())
		return EXIT_FAILURE;
	gethostname(host, sizeof(host) - 1);
	const char *store_dir = getenv("ISOBAR_STORE");
	struct isb_probe_options options = {.store = store_dir && *store_dir ? store_dir : "/var/lib/isobar",
	                                    .name = host, .region = "", .max_in_flight = IN_FLIGHT_PRESET};
	if (!read_options(argc, argv, &options, &status))
		return status;
	if (!start_helper(&options))
		return EXIT_FAILURE;

	struct isb_store *store;
	const char *message = NULL;
	int rc = isb_store_open(options.store, ISB_STORE_WRITE_HEALTH, &store, &message);
	if (rc != ISB_OK) {
		fprintf(stderr, "isobar-probe: %s\n", message ? message : isb_strerror(rc));
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN); /* a peer that closes is an outcome */
	status = isb_probe_run(store, &options);
	isb_store_close(store);
	return status;
}
