/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "isobar/base/diag.h"
#include "isobar/base/err.h"

static const char help_text[] =
	"usage: isobard [OPTION]...\n"
	"Answers DNS queries from the catalog and the health words of a store, which it only reads.\n"
	"\n"
	"  -s, --store DIR           the store (default: $ISOBAR_STORE, else /var/lib/isobar)\n"
	"  -l, --listen ADDR[:PORT]  answer here, UDP and TCP; may be repeated: 192.0.2.1, [2001:db8::1]:5300\n"
	"                            (default: 127.0.0.1:53 and [::1]:53)\n"
	"  -w, --workers N           threads that answer, 1..128 (default: one per CPU)\n"
	"  -g, --geo FILE            geo database (.mmdb); may be repeated, later ones fill gaps\n"
	"                            (default: geo.mmdb in the store, where there is one)\n"
	"  -L, --log-level LEVEL     error, warning, info or debug (default: info)\n"
	"      --rrl MODE            limit how often one network gets the same answer over UDP: on, off, or log, which\n"
	"                            only counts what on would hold back (default: on)\n"
	"      --rrl-rate N          answers per second: per network and name, NODATA per network and zone (default: 500)\n"
	"      --rrl-error-rate N    NXDOMAIN per second, network and zone; errors per second and network (default: 200)\n"
	"      --rrl-slip N          of the answers over a limit every Nth goes out truncated, so that real clients ask\n"
	"                            again over TCP; 0: none, 1: all, to 100 (default: 2)\n"
	"      --rrl-window SECONDS  what a quiet network may get at once, in seconds of its rate, 1..60 (default: 5)\n"
	"      --rrl-ipv4-prefix N   bits of an address that make a network, 1..32 (default: 24)\n"
	"      --rrl-ipv6-prefix N   1..64 (default: 56)\n"
	"      --rrl-exempt NET      never limit this network; may be repeated: 192.0.2.0/24, 2001:db8::/32\n"
	"                            (default: 127.0.0.0/8 and ::1, which nobody can forge from outside)\n"
	"  -h, --help                print this and exit\n"
	"  -V, --version             print the version and exit\n"
	"\n"
	"Signals: HUP looks for a new catalog and new geo databases now, USR1 logs the counters,\n"
	"TERM and INT stop. New generations of the catalog are picked up without a signal.\n"
	"Exit status: 0 stopped as asked, 1 cannot run, 2 wrong command line.\n";

/* Options without a letter. */
enum { RRL = 256, RRL_RATE, RRL_ERROR_RATE, RRL_SLIP, RRL_WINDOW, RRL_IPV4_PREFIX, RRL_IPV6_PREFIX, RRL_EXEMPT };

static const struct option long_options[] = {
	{"store", required_argument, NULL, 's'},     {"listen", required_argument, NULL, 'l'},
	{"workers", required_argument, NULL, 'w'},   {"geo", required_argument, NULL, 'g'},
	{"log-level", required_argument, NULL, 'L'}, {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"rrl", required_argument, NULL, RRL},
	{"rrl-rate", required_argument, NULL, RRL_RATE},
	{"rrl-error-rate", required_argument, NULL, RRL_ERROR_RATE},
	{"rrl-slip", required_argument, NULL, RRL_SLIP},
	{"rrl-window", required_argument, NULL, RRL_WINDOW},
	{"rrl-ipv4-prefix", required_argument, NULL, RRL_IPV4_PREFIX},
	{"rrl-ipv6-prefix", required_argument, NULL, RRL_IPV6_PREFIX},
	{"rrl-exempt", required_argument, NULL, RRL_EXEMPT},
	{0},
};
static const char *const option_names[] = {
	"--store", "--listen", "--workers", "--geo", "--log-level", "--help", "--version", "--rrl", "--rrl-rate",
	"--rrl-error-rate", "--rrl-slip", "--rrl-window", "--rrl-ipv4-prefix", "--rrl-ipv6-prefix", "--rrl-exempt", NULL};

__attribute__((format(printf, 1, 2))) static enum isb_options_result wrong(const char *fmt, ...)
{
	va_list ap;
	fputs("isobard: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return ISB_OPTIONS_WRONG;
}

static enum isb_options_result unknown(const char *given)
{
	char name[64];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(given, "="), given);
	const char *near = isb_nearest(name, option_names);
	if (near)
		return wrong("unknown option '%s'; did you mean '%s'?", given, near);
	return wrong("unknown option '%s'; see isobard --help", given);
}

static enum isb_options_result add_listen(struct isb_options *options, const char *text)
{
	struct isb_listen listen;
	int rc = isb_listen_parse(text, &listen);
	if (rc == ISB_ERANGE)
		return wrong("--listen '%s': the port must be 1..65535", text);
	if (rc != ISB_OK)
		return wrong("--listen '%s' is not ADDR[:PORT]; write 127.0.0.1:5300 or [::1]:5300", text);
	for (size_t i = 0; i < options->nlisten; i++) {
		const struct isb_listen *other = &options->listen[i];
		if (isb_addr_equal(&other->addr, &listen.addr) && other->port == listen.port)
			return wrong("--listen '%s' is given twice", text);
	}
	if (options->nlisten == ISB_LISTEN_MAX)
		return wrong("more than %d --listen; write 0.0.0.0 or [::] for every address", (int)ISB_LISTEN_MAX);
	options->listen[options->nlisten++] = listen;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_number(const char *name, const char *text, unsigned least, unsigned most,
                                          unsigned *ret_number)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long n = digits && digits <= 9 && !text[digits] ? strtoul(text, NULL, 10) : ULONG_MAX;
	if (n < least || n > most)
		return wrong("%s '%s' is not a number from %u to %u", name, text, least, most);
	*ret_number = (unsigned)n;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_length(const char *name, const char *text, unsigned most, uint8_t *ret_len)
{
	unsigned len = *ret_len;
	enum isb_options_result result = set_number(name, text, 1, most, &len);
	*ret_len = (uint8_t)len;
	return result;
}

static enum isb_options_result set_log_level(struct isb_options *options, const char *text)
{
	static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
	for (int i = 0; levels[i]; i++)
		if (strcmp(text, levels[i]) == 0) {
			options->log_level = (enum isb_log_level)i;
			return ISB_OPTIONS_RUN;
		}
	const char *near = isb_nearest(text, levels);
	if (near)
		return wrong("unknown --log-level '%s'; did you mean '%s'?", text, near);
	return wrong("unknown --log-level '%s'; write error, warning, info or debug", text);
}

static enum isb_options_result set_rrl_mode(struct isb_rrl_config *rrl, const char *text)
{
	static const char *const modes[] = {[ISB_RRL_OFF] = "off", [ISB_RRL_LOG] = "log", [ISB_RRL_ON] = "on"};
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(text, modes[i]) == 0) {
			rrl->mode = (enum isb_rrl_mode)i;
			return ISB_OPTIONS_RUN;
		}
	return wrong("unknown --rrl '%s'; write on, off or log", text);
}

static enum isb_options_result add_rrl_exempt(struct isb_rrl_config *rrl, const char *text)
{
	if (rrl->nexempt == ISB_RRL_EXEMPT_MAX)
		return wrong("more than %d --rrl-exempt", (int)ISB_RRL_EXEMPT_MAX);
	int rc = isb_net_parse(text, &rrl->exempt[rrl->nexempt]);
	if (rc == ISB_ERANGE)
		return wrong("--rrl-exempt '%s' has bits set beyond its prefix; write the network, as in 192.0.2.0/24", text);
	if (rc != ISB_OK)
		return wrong("--rrl-exempt '%s' is not a network; write 192.0.2.0/24 or 2001:db8::/32", text);
	rrl->nexempt++;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result take_rrl(struct isb_rrl_config *rrl, int option)
{
	switch (option) {
	case RRL_RATE: return set_number("--rrl-rate", optarg, 1, ISB_RRL_RATE_MAX, &rrl->rate);
	case RRL_ERROR_RATE: return set_number("--rrl-error-rate", optarg, 1, ISB_RRL_RATE_MAX, &rrl->error_rate);
	case RRL_SLIP: return set_number("--rrl-slip", optarg, 0, ISB_RRL_SLIP_MAX, &rrl->slip);
	case RRL_WINDOW: return set_number("--rrl-window", optarg, 1, ISB_RRL_WINDOW_MAX, &rrl->window_s);
	case RRL_IPV4_PREFIX: return set_length("--rrl-ipv4-prefix", optarg, ISB_RRL_IPV4_LEN_MAX, &rrl->ipv4_len);
	case RRL_IPV6_PREFIX: return set_length("--rrl-ipv6-prefix", optarg, ISB_RRL_IPV6_LEN_MAX, &rrl->ipv6_len);
	case RRL_EXEMPT: return add_rrl_exempt(rrl, optarg);
	default: return set_rrl_mode(rrl, optarg);
	}
}

static enum isb_options_result take(struct isb_options *options, int option, const char *given)
{
	switch (option) {
	case 's':
		if (!*optarg)
			return wrong("--store is empty; name the directory of the store");
		options->store = optarg;
		return ISB_OPTIONS_RUN;
	case 'l': return add_listen(options, optarg);
	case 'w': return set_number("--workers", optarg, 1, ISB_WORKERS_MAX, &options->workers);
	case 'g':
		if (options->ngeo == ISB_GEO_MAX)
			return wrong("more than %d --geo", (int)ISB_GEO_MAX);
		options->geo[options->ngeo++] = optarg;
		return ISB_OPTIONS_RUN;
	case 'L': return set_log_level(options, optarg);
	case 'h': fputs(help_text, stdout); return ISB_OPTIONS_DONE;
	case 'V': puts("isobard " ISB_VERSION); return ISB_OPTIONS_DONE;
	case ':': return wrong("option '%s' needs a value", given);
	case '?': return unknown(given);
	default: return take_rrl(&options->rrl, option);
	}
}

static void fill_defaults(struct isb_options *options)
{
	static const struct isb_listen loopback[] = {
		{.addr = {.family = 4, .octets = {127, 0, 0, 1}}, .port = ISB_DNS_PORT},
		{.addr = {.family = 6, .octets = {[15] = 1}}, .port = ISB_DNS_PORT, .optional = true},
	};
	if (!options->nlisten) {
		memcpy(options->listen, loopback, sizeof(loopback));
		options->nlisten = 2;
	}
	if (!options->rrl.nexempt) {
		options->rrl.exempt[0] = (struct isb_net){.addr = {.family = 4, .octets = {127}}, .len = 8};
		options->rrl.exempt[1] = (struct isb_net){.addr = loopback[1].addr, .len = 128};
		options->rrl.nexempt = 2;
	}
	if (!options->store) {
		const char *env = getenv("ISOBAR_STORE");
		options->store = env && *env ? env : "/var/lib/isobar";
	}
	if (!options->workers) {
		unsigned cpus = uv_available_parallelism();
		options->workers = cpus < ISB_WORKERS_MAX ? cpus : ISB_WORKERS_MAX;
	}
}

enum isb_options_result isb_options_parse(int argc, char **argv, struct isb_options *ret_options)
{
	struct isb_options options = {.log_level = ISB_LOG_INFO, .rrl = ISB_RRL_DEFAULTS};
	opterr = 0;
	for (;;) {
		int before = optind;
		int option = getopt_long(argc, argv, ":s:l:w:g:L:hV", long_options, NULL);
		if (option < 0)
			break;
		/* within a cluster of short options optind has not moved yet */
		const char *given = argv[optind > before ? optind - 1 : optind];
		enum isb_options_result result = take(&options, option, given);
		if (result != ISB_OPTIONS_RUN)
			return result;
	}
	if (optind < argc)
		return wrong("unexpected argument '%s'; see isobard --help", argv[optind]);
	fill_defaults(&options);
	*ret_options = options;
	return ISB_OPTIONS_RUN;
}
