/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "isobar/base/clock.h"
#include "isobar/base/diag.h"
#include "isobar/base/err.h"

enum {
	CONNECTIONS_MAX = 1000000,
	SPAN_MIN_MS = 100,
	HOUR_MS = 3600000,
	LIFETIME_MAX_MS = 7 * 24 * HOUR_MS,
};

static const char help_text[] =
	"usage: isobard [OPTION]...\n"
	"Answers DNS queries from the catalog and the health words of a store, which it only reads.\n"
	"\n"
	"  -s, --store DIR           the store (default: $ISOBAR_STORE, else /var/lib/isobar)\n"
	"  -l, --listen ADDR[:PORT]  answer here, UDP and TCP; may be repeated: 192.0.2.1, [2001:db8::1]:5300\n"
	"                            (default: 127.0.0.1:53 and [::1]:53)\n"
	"      --proxy-listen ADDR[:PORT]  as --listen, for front ends that send the PROXY protocol, version 2\n"
	"      --proxy-from NET      whose PROXY headers are believed: 192.0.2.0/28, ::1; may be repeated\n"
	"  -w, --workers N           threads that answer, 1..128 (default: one per CPU)\n"
	"  -g, --geo FILE            geo database (.mmdb); may be repeated, later ones fill gaps\n"
	"                            (default: geo.mmdb in the store, where there is one)\n"
	"      --tcp-connections N   most TCP connections, 1..1000000 (default: 10000)\n"
	"      --tcp-per-client N    most of them from one IPv4 address or IPv6 /64 (default: 100)\n"
	"      --tcp-idle SPAN       close a connection without a query for so long (default: 10s)\n"
	"      --tcp-stall SPAN      time for the rest of a query, and for reading answers (default: 5s)\n"
	"      --tcp-lifetime SPAN   close a connection that is so old behind its next answer (default: 1h)\n"
	"  -L, --log-level LEVEL     error, warning, info or debug (default: info)\n"
	"  -h, --help                print this and exit\n"
	"  -V, --version             print the version and exit\n"
	"\n"
	"Signals: HUP looks for a new catalog and new geo databases now, USR1 logs the counters,\n"
	"TERM and INT stop. New generations of the catalog are picked up without a signal.\n"
	"Exit status: 0 stopped as asked, 1 cannot run, 2 wrong command line.\n";

/* Options without a letter. */
enum { PROXY_LISTEN = 256, PROXY_FROM, TCP_CONNECTIONS, TCP_PER_CLIENT, TCP_IDLE, TCP_STALL, TCP_LIFETIME };
static const struct option long_options[] = {
	{"store", required_argument, NULL, 's'},
	{"listen", required_argument, NULL, 'l'},
	{"proxy-listen", required_argument, NULL, PROXY_LISTEN},
	{"proxy-from", required_argument, NULL, PROXY_FROM},
	{"workers", required_argument, NULL, 'w'},
	{"geo", required_argument, NULL, 'g'},
	{"tcp-connections", required_argument, NULL, TCP_CONNECTIONS},
	{"tcp-per-client", required_argument, NULL, TCP_PER_CLIENT},
	{"tcp-idle", required_argument, NULL, TCP_IDLE},
	{"tcp-stall", required_argument, NULL, TCP_STALL},
	{"tcp-lifetime", required_argument, NULL, TCP_LIFETIME},
	{"log-level", required_argument, NULL, 'L'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};
static const char *const option_names[] = {
	"--store",        "--listen",          "--proxy-listen",   "--proxy-from", "--workers",
	"--geo",          "--tcp-connections", "--tcp-per-client", "--tcp-idle",   "--tcp-stall",
	"--tcp-lifetime", "--log-level",       "--help",           "--version",    NULL,
};

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

static enum isb_options_result add_listen(struct isb_options *options, const char *name, const char *text)
{
	struct isb_listen listen;
	int rc = isb_listen_parse(text, &listen);
	if (rc == ISB_ERANGE)
		return wrong("%s '%s': the port must be 1..65535", name, text);
	if (rc != ISB_OK)
		return wrong("%s '%s' is not ADDR[:PORT]; write 127.0.0.1:5300 or [::1]:5300", name, text);
	listen.proxy = strcmp(name, "--proxy-listen") == 0;
	for (size_t i = 0; i < options->nlisten; i++) {
		const struct isb_listen *other = &options->listen[i];
		if (isb_addr_equal(&other->addr, &listen.addr) && other->port == listen.port)
			return wrong("%s '%s' is given twice%s", name, text,
			             other->proxy == listen.proxy ? "" : ", with PROXY headers and without");
	}
	if (options->nlisten == ISB_LISTEN_MAX)
		return wrong("more than %d %s; write 0.0.0.0 or [::] for every address", (int)ISB_LISTEN_MAX, name);
	options->listen[options->nlisten++] = listen;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result add_proxy_from(struct isb_options *options, const char *text)
{
	struct isb_proxy_from *from = &options->proxy_from;
	struct isb_net net;
	int rc = isb_net_parse(text, &net);
	if (rc == ISB_ERANGE) {
		char *slash = strchr(text, '/'), addr[ISB_ADDR_TEXT], right[ISB_NET_TEXT];
		snprintf(addr, sizeof(addr), "%.*s", (int)(slash - text), text);
		isb_addr_parse(addr, &net.addr);
		net = isb_net_around(&net.addr, (unsigned)strtoul(slash + 1, NULL, 10));
		return wrong("--proxy-from '%s' has bits behind its length; write %s", text,
		             isb_net_print(&net, right));
	}
	if (rc != ISB_OK)
		return wrong("--proxy-from '%s' is not a network; write 192.0.2.0/28, or ::1 for one address", text);
	if (from->count == ISB_PROXY_FROM_MAX)
		return wrong("more than %d --proxy-from", (int)ISB_PROXY_FROM_MAX);
	from->nets[from->count++] = net;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_number(uint32_t *number, const char *name, uint32_t max, const char *text)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long n = digits && digits <= 8 && !text[digits] ? strtoul(text, NULL, 10) : 0;
	if (n < 1 || n > max)
		return wrong("%s '%s' is not a number from 1 to %u", name, text, max);
	*number = (uint32_t)n;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_span(uint32_t *span_ms, const char *name, int64_t max_ms, const char *text)
{
	char max[ISB_SPAN_TEXT];
	int64_t ms;
	int rc = isb_span_parse(text, &ms);
	if (rc == ISB_EFORMAT)
		return wrong("%s '%s' is not a span; write 500ms, 10s or 2m", name, text);
	if (rc != ISB_OK || ms < SPAN_MIN_MS || ms > max_ms)
		return wrong("%s '%s' is not from 100ms to %s", name, text, isb_span_print(max_ms, max));
	*span_ms = (uint32_t)ms;
	return ISB_OPTIONS_RUN;
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

static enum isb_options_result take(struct isb_options *options, int option, const char *given)
{
	struct isb_tcp_limits *tcp = &options->tcp;
	switch (option) {
	case 's':
		if (!*optarg)
			return wrong("--store is empty; name the directory of the store");
		options->store = optarg;
		return ISB_OPTIONS_RUN;
	case 'l': return add_listen(options, "--listen", optarg);
	case PROXY_LISTEN: return add_listen(options, "--proxy-listen", optarg);
	case PROXY_FROM: return add_proxy_from(options, optarg);
	case 'w': return set_number(&options->workers, "--workers", ISB_WORKERS_MAX, optarg);
	case TCP_CONNECTIONS: return set_number(&tcp->connections, "--tcp-connections", CONNECTIONS_MAX, optarg);
	case TCP_PER_CLIENT: return set_number(&tcp->per_client, "--tcp-per-client", CONNECTIONS_MAX, optarg);
	case TCP_IDLE: return set_span(&tcp->idle_ms, "--tcp-idle", HOUR_MS, optarg);
	case TCP_STALL: return set_span(&tcp->stall_ms, "--tcp-stall", HOUR_MS, optarg);
	case TCP_LIFETIME: return set_span(&tcp->lifetime_ms, "--tcp-lifetime", LIFETIME_MAX_MS, optarg);
	case 'g':
		if (options->ngeo == ISB_GEO_MAX)
			return wrong("more than %d --geo", (int)ISB_GEO_MAX);
		options->geo[options->ngeo++] = optarg;
		return ISB_OPTIONS_RUN;
	case 'L': return set_log_level(options, optarg);
	case 'h': fputs(help_text, stdout); return ISB_OPTIONS_DONE;
	case 'V': puts("isobard " ISB_VERSION); return ISB_OPTIONS_DONE;
	case ':': return wrong("option '%s' needs a value", given);
	default: return unknown(given);
	}
}

/* Without a list of who may send them, anybody could put any client's address before a query. */
static enum isb_options_result check_proxy(const struct isb_options *options)
{
	bool listens = false;
	for (size_t i = 0; i < options->nlisten; i++)
		listens = listens || options->listen[i].proxy;
	if (listens && !options->proxy_from.count)
		return wrong("--proxy-listen without --proxy-from: anybody could claim to be any client; "
		             "name your front ends: --proxy-from 192.0.2.7");
	if (!listens && options->proxy_from.count)
		return wrong("--proxy-from without --proxy-listen: headers are taken there and nowhere else");
	return ISB_OPTIONS_RUN;
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
	struct isb_options options = {
		.log_level = ISB_LOG_INFO,
		.tcp = {.connections = ISB_TCP_CONNECTIONS,
	                .per_client = ISB_TCP_PER_CLIENT,
	                .idle_ms = ISB_TCP_IDLE_MS,
	                .stall_ms = ISB_TCP_STALL_MS,
	                .lifetime_ms = ISB_TCP_LIFETIME_MS},
	};
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
	if (check_proxy(&options) != ISB_OPTIONS_RUN)
		return ISB_OPTIONS_WRONG;
	fill_defaults(&options);
	*ret_options = options;
	return ISB_OPTIONS_RUN;
}
