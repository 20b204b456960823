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
#include "measure_plan.h"

enum { EXIT_USAGE = 2, NAME_LEN_MAX = 64, SOCKET_LEN_MAX = 107, IN_FLIGHT_PRESET = 32, IN_FLIGHT_MAX = 1024 };

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
	"      --measure SOCKET      measure the way to the networks that isobard --clients SOCKET tells of, by echo\n"
	"                            requests, for order latency; needs --region (default: nothing is measured)\n"
	"      --measure-rate N      echo requests per second at most, 1..100 (default: 10)\n"
	"      --measure-deny NET[,NET]...|file:PATH\n"
	"                            never send one to these networks; of a file, a network a line; may be repeated\n"
	"                            (private, reserved and our own endpoints' networks never get one)\n"
	"  -L, --log-level LEVEL     error, warning, info or debug (default: info)\n"
	"  -h, --help                print this and exit\n"
	"  -V, --version             print the version and exit\n"
	"\n"
	"Signals: TERM and INT stop; what was observed stays and is taken up by the next start.\n"
	"Exit status: 0 stopped as asked, 1 cannot run, 2 wrong command line.\n";

enum { MEASURE = 256, MEASURE_RATE, MEASURE_DENY }; /* options without a letter */
static const struct option long_options[] = {
	{"store", required_argument, NULL, 's'},     {"name", required_argument, NULL, 'n'},
	{"region", required_argument, NULL, 'r'},    {"max-in-flight", required_argument, NULL, 'm'},
	{"resolver", required_argument, NULL, 'R'},  {"log-level", required_argument, NULL, 'L'},
	{"measure", required_argument, NULL, MEASURE},
	{"measure-rate", required_argument, NULL, MEASURE_RATE},
	{"measure-deny", required_argument, NULL, MEASURE_DENY},
	{"help", no_argument, NULL, 'h'},            {"version", no_argument, NULL, 'V'},
	{0},
};
static const char *const option_names[] = {"--store",     "--name", "--region",  "--max-in-flight",
                                           "--resolver",  "--log-level", "--help", "--version",
                                           "--measure", "--measure-rate", "--measure-deny", NULL};
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

static bool set_number(const char *name, const char *text, unsigned most, unsigned *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || n < 1 || n > most)
		return wrong("%s '%s' is not a number from 1 to %u", name, text, most);
	*ret = (unsigned)n;
	return true;
}

static bool set_measure(const char *text, const char **ret)
{
	if (!*text || strlen(text) > SOCKET_LEN_MAX)
		return wrong("--measure '%s' is no path of a unix socket: write 1 to %d octets", text, SOCKET_LEN_MAX);
	*ret = text;
	return true;
}

static bool add_deny(const char *text, struct isb_deny *deny)
{
	struct isb_diags diags;
	isb_diags_init(&diags);
	bool ok = isb_deny_read(deny, text, &diags) == ISB_OK;
	isb_diags_print(&diags, stderr);
	isb_diags_done(&diags);
	return ok || wrong("--measure-deny '%s' is refused", text);
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
	case 'm': return set_number("--max-in-flight", optarg, IN_FLIGHT_MAX, &o->max_in_flight);
	case MEASURE: return set_measure(optarg, &o->measure.socket);
	case MEASURE_RATE: return set_number("--measure-rate", optarg, ISB_MEASURE_RATE_MAX, &o->measure.rate);
	case MEASURE_DENY: return add_deny(optarg, &o->measure.deny);
	case 'R': o->resolver = optarg; return true; /* what reads it says when it cannot */
	case 'L': return set_level(optarg);
	case ':': return wrong("option '%s' needs a value", argv[optind - 1]);
	default: return unknown(argv[optind - 1]);
	}
}

/* True: run. False: leave with *ret_status. */
static bool read_options(int argc, char **argv, struct isb_probe_options *o, int *ret_status)
{
	*ret_status = EXIT_USAGE;
	for (int c; (c = getopt_long(argc, argv, ":s:n:r:m:R:L:hV", long_options, NULL)) != -1;) {
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

static int run(const struct isb_probe_options *options)
{
	enum isb_store_mode mode = options->measure.socket ? ISB_STORE_WRITE_MEASURED : ISB_STORE_WRITE_HEALTH;
	struct isb_store *store;
	const char *message = NULL;
	int rc = isb_store_open(options->store, mode, &store, &message);
	if (rc != ISB_OK) {
		fprintf(stderr, "isobar-probe: %s\n", message ? message : isb_strerror(rc));
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN); /* a peer that closes is an outcome */
	int status = isb_probe_run(store, options);
	isb_store_close(store);
	return status;
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
	                                    .name = host, .region = "", .max_in_flight = IN_FLIGHT_PRESET,
	                                    .measure = {.rate = ISB_MEASURE_RATE}};
	if (read_options(argc, argv, &options, &status)) {
		isb_deny_seal(&options.measure.deny);
		status = run(&options);
	}
	isb_deny_done(&options.measure.deny);
	return status;
}
