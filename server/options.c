/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "isobar/base/clock.h"
#include "isobar/base/diag.h"
#include "isobar/base/err.h"
#include "isobar/base/local.h"
#include "isobar/dns/settings.h"
#include "isobar/model/dname.h"
#include "isobar/model/optionfile.h"
#include "dnstap.h"
#include "sampler.h"

enum {
	CONNECTIONS_MAX = 1000000,
	SPAN_MIN_MS = 100,
	HOUR_MS = 3600000,
	LIFETIME_MAX_MS = 7 * 24 * HOUR_MS,
	METRICS_ROWS_MIN = 100,
	METRICS_ROWS_MAX = 1000000,
	METRICS_ROWS = 10000,
};
#define CONTROL_DIR "/run/isobar"
#define CONTROL_DEFAULT CONTROL_DIR "/isobard.sock"

static const char help_text[] =
	"usage: isobard [OPTION]...\n"
	"Answers DNS queries from the catalog and the health words of a store, which it only reads.\n"
	"\n"
	"  -c, --config FILE         options from a file: their long names as YAML keys; the command line wins\n"
	"  -s, --store DIR           the store (default: $ISOBAR_STORE, else /var/lib/isobar)\n"
	"  -l, --listen ADDR[:PORT]  answer here, UDP and TCP; may be repeated: 192.0.2.1, [2001:db8::1]:5300\n"
	"                            (default: 127.0.0.1:53 and [::1]:53)\n"
	"      --proxy-listen ADDR[:PORT]  as --listen, for front ends that send the PROXY protocol, version 2\n"
	"      --proxy-from NET      whose PROXY headers are believed: 192.0.2.0/28, ::1; may be repeated\n"
	"  -w, --workers N           threads each for UDP, UDP over IPv6 and TCP, 1..128 (default: one per CPU)\n"
	"  -g, --geo FILE            geo database (.mmdb); may be repeated, later ones fill gaps\n"
	"                            (default: geo.mmdb in the store, where there is one)\n"
	"      --tcp-connections N   most TCP connections, 1..1000000 (default: 10000)\n"
	"      --tcp-per-client N    most of them from one IPv4 address or IPv6 /64 (default: 100)\n"
	"      --tcp-idle SPAN       close a connection without a query for so long (default: 10s)\n"
	"      --tcp-stall SPAN      time for the rest of a query, and for reading answers (default: 5s)\n"
	"      --tcp-lifetime SPAN   close a connection that is so old behind its next answer (default: 1h)\n"
	"      --cookies on|off      DNS cookies (default: on)\n"
	"      --cookie-secret-file FILE\n"
	"                            lines of 32 hexadecimal digits: the first signs, up to two more are accepted;\n"
	"                            servers of one address share it (default: a secret of its own)\n"
	"      --nsid TEXT           what clients that ask for a name server identifier are told (default: nothing)\n"
	"      --version-text TEXT   answer to version.bind CH TXT (default: none, REFUSED)\n"
	"      --id-text TEXT        answer to id.server CH TXT (default: none, REFUSED)\n"
	"      --tsig-keys FILE      keys of those who sign their queries (TSIG), as tsig-keygen writes them (default: none)\n"
	"      --explain-from NET    who may ask why (dig TXT _explain.NAME): 192.0.2.0/28, ::1; may be repeated\n"
	"                            (default: nobody)\n"
	"      --explain-key NAME    whoever signs with this key may, too; may be repeated (default: none)\n"
	"      --query-log FILE      a line per query, added to this file; '-': to stderr (default: none)\n"
	"      --query-log-sample N  only one of N queries, on average (default: 1)\n"
	"      --dnstap SOCKET|file:PATH\n"
	"                            queries with their answers as dnstap (default: none)\n"
	"      --dnstap-sample N     only one of N queries, on average (default: 1)\n"
	"      --clients SOCKET      tell at this unix socket which networks are steered most, for isobar-probe --measure\n"
	"                            (default: none)\n"
	"      --metrics ADDR:PORT   tell Prometheus of the server here, and at /healthz and /readyz whether it lives and\n"
	"                            should be asked; may be repeated (default: nowhere)\n"
	"      --metrics-rows N      lines of one metric at most, 100..1000000 (default: 10000)\n"
	"      --drain SPAN          told to stop, say so at /readyz and go on answering for so long (default: 0s)\n"
	"      --control SOCKET|off  where a successor asks for our sockets (default: " CONTROL_DEFAULT ",\n"
	"                            where that directory is)\n"
	"      --replace             take over from the isobard at --control; without a lost query, or not at all. Returns\n"
	"                            when the new one serves, which goes on in the background\n"
	"      --foreground          with --replace: stay in the foreground\n"
	"      --user NAME[:GROUP]   when started as root: become this user before anything is opened, and keep nothing of\n"
	"                            root but the right to ports below 1024 (default: stay who it is)\n"
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
	"Signals: HUP looks for a new catalog, new geo databases, cookie secrets and TSIG keys now, and opens the query\n"
	"log and the dnstap file anew when they were moved; USR1 logs the counters, TERM and INT stop. New generations of the catalog are\n"
	"picked up without a signal.\n"
	"Exit status: 0 stopped as asked, 1 cannot run, 2 wrong command line.\n";

/* Options without a letter. */
enum {
	OPT_COOKIES = 256, OPT_COOKIE_SECRET_FILE, OPT_NSID, OPT_VERSION_TEXT, OPT_ID_TEXT,
	PROXY_LISTEN, PROXY_FROM, TCP_CONNECTIONS, TCP_PER_CLIENT, TCP_IDLE, TCP_STALL, TCP_LIFETIME,
	RRL, RRL_RATE, RRL_ERROR_RATE, RRL_SLIP, RRL_WINDOW, RRL_IPV4_PREFIX, RRL_IPV6_PREFIX, RRL_EXEMPT,
	OPT_QUERY_LOG, OPT_QUERY_LOG_SAMPLE, OPT_DNSTAP, OPT_DNSTAP_SAMPLE, OPT_CLIENTS, OPT_METRICS, OPT_METRICS_ROWS, OPT_DRAIN,
	OPT_CONTROL, OPT_REPLACE, OPT_FOREGROUND,
	OPT_TSIG_KEYS, OPT_EXPLAIN_FROM, OPT_EXPLAIN_KEY, OPT_USER
};
static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"cookies", required_argument, NULL, OPT_COOKIES},
	{"cookie-secret-file", required_argument, NULL, OPT_COOKIE_SECRET_FILE},
	{"nsid", required_argument, NULL, OPT_NSID},
	{"version-text", required_argument, NULL, OPT_VERSION_TEXT},
	{"id-text", required_argument, NULL, OPT_ID_TEXT},
	{"tsig-keys", required_argument, NULL, OPT_TSIG_KEYS},
	{"explain-from", required_argument, NULL, OPT_EXPLAIN_FROM},
	{"explain-key", required_argument, NULL, OPT_EXPLAIN_KEY},
	{"query-log", required_argument, NULL, OPT_QUERY_LOG},
	{"query-log-sample", required_argument, NULL, OPT_QUERY_LOG_SAMPLE},
	{"dnstap", required_argument, NULL, OPT_DNSTAP},
	{"dnstap-sample", required_argument, NULL, OPT_DNSTAP_SAMPLE},
	{"clients", required_argument, NULL, OPT_CLIENTS},
	{"metrics", required_argument, NULL, OPT_METRICS},
	{"metrics-rows", required_argument, NULL, OPT_METRICS_ROWS},
	{"drain", required_argument, NULL, OPT_DRAIN},
	{"control", required_argument, NULL, OPT_CONTROL},
	{"replace", no_argument, NULL, OPT_REPLACE},
	{"foreground", no_argument, NULL, OPT_FOREGROUND},
	{"user", required_argument, NULL, OPT_USER},
	{"store", required_argument, NULL, 's'},     {"listen", required_argument, NULL, 'l'},
	{"workers", required_argument, NULL, 'w'},   {"geo", required_argument, NULL, 'g'},
	{"log-level", required_argument, NULL, 'L'}, {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"proxy-listen", required_argument, NULL, PROXY_LISTEN},
	{"proxy-from", required_argument, NULL, PROXY_FROM},
	{"tcp-connections", required_argument, NULL, TCP_CONNECTIONS},
	{"tcp-per-client", required_argument, NULL, TCP_PER_CLIENT},
	{"tcp-idle", required_argument, NULL, TCP_IDLE},
	{"tcp-stall", required_argument, NULL, TCP_STALL},
	{"tcp-lifetime", required_argument, NULL, TCP_LIFETIME},
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

/* Prints the one sentence, and frees it. */
static enum isb_options_result told(struct isb_diags *diags)
{
	wrong("%s", diags->list[0].text);
	isb_diags_done(diags);
	return ISB_OPTIONS_WRONG;
}

static enum isb_options_result unknown(const char *given)
{
	struct isb_diags diags = {0};
	isb_option_unknown("isobard", long_options, given, &diags);
	return told(&diags);
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

static enum isb_options_result set_query_log(struct isb_options *options, const char *text)
{
	if (!*text)
		return wrong("--query-log is empty; name a file, or write - for stderr");
	options->query_log = text;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_dnstap(struct isb_options *options, const char *text)
{
	bool file = strncmp(text, ISB_DNSTAP_FILE, sizeof(ISB_DNSTAP_FILE) - 1) == 0;
	if (!text[file ? sizeof(ISB_DNSTAP_FILE) - 1 : 0])
		return wrong("--dnstap '%s' names nothing; write the path of a unix socket, or file:PATH", text);
	if (!file && strlen(text) > ISB_DNSTAP_SOCKET_MAX)
		return wrong("--dnstap: the path of a unix socket has %d octets at most", (int)ISB_DNSTAP_SOCKET_MAX);
	options->dnstap = text;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_clients(struct isb_options *options, const char *text)
{
	if (!*text || strlen(text) > ISB_LOCAL_PATH_MAX)
		return wrong("--clients '%s' is no path of a unix socket: write 1 to %d octets", text,
		             (int)ISB_LOCAL_PATH_MAX);
	options->clients = text;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result add_metrics(struct isb_options *options, const char *text)
{
	struct isb_web_listen *listen = &options->metrics[options->nmetrics];
	if (options->nmetrics == ISB_METRICS_MAX)
		return wrong("more than %d --metrics; write 0.0.0.0 or [::] for every address", (int)ISB_METRICS_MAX);
	int rc = isb_web_listen_parse(text, listen);
	if (rc == ISB_ERANGE)
		return wrong("--metrics '%s': the port must be 1..65535", text);
	if (rc != ISB_OK)
		return wrong("--metrics '%s' is not ADDR:PORT; write 127.0.0.1:9153 or [::1]:9153", text);
	options->nmetrics++;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_control(struct isb_options *options, const char *text)
{
	if (!*text || strlen(text) > ISB_LOCAL_PATH_MAX)
		return wrong("--control '%s' is no path of a unix socket: write 1 to %d octets, or off", text,
		             (int)ISB_LOCAL_PATH_MAX);
	options->control = text;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_length(const char *name, const char *text, unsigned most, uint8_t *ret_len)
{
	unsigned len = *ret_len;
	enum isb_options_result result = set_number(name, text, 1, most, &len);
	*ret_len = (uint8_t)len;
	return result;
}

static enum isb_options_result set_span(const char *name, const char *text, int64_t min_ms, int64_t max_ms, uint32_t *ret_ms)
{
	char min[ISB_SPAN_TEXT], max[ISB_SPAN_TEXT];
	int64_t ms;
	int rc = isb_span_parse(text, &ms);
	if (rc == ISB_EFORMAT)
		return wrong("%s '%s' is not a span; write 500ms, 10s or 2m", name, text);
	if (rc != ISB_OK || ms < min_ms || ms > max_ms)
		return wrong("%s '%s' is not from %s to %s", name, text, isb_span_print(min_ms, min), isb_span_print(max_ms, max));
	*ret_ms = (uint32_t)ms;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_log_level(struct isb_options *options, const char *text)
{
	struct isb_diags diags = {0};
	return isb_option_log_level(text, &options->log_level, &diags) ? ISB_OPTIONS_RUN : told(&diags);
}

static enum isb_options_result set_switch(const char *name, const char *text, bool *ret_on)
{
	if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
		return wrong("--%s '%s' is neither on nor off", name, text);
	*ret_on = strcmp(text, "on") == 0;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_text(const char *name, const char *text, size_t max, const char **ret_text)
{
	if (strlen(text) > max)
		return wrong("--%s is longer than %zu octets", name, max);
	*ret_text = text;
	return ISB_OPTIONS_RUN;
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

static enum isb_options_result set_net(const char *name, const char *text, struct isb_net *ret_net)
{
	int rc = isb_net_parse(text, ret_net);
	if (rc == ISB_ERANGE)
		return wrong("%s '%s' has bits set beyond its prefix; write the network, as in 192.0.2.0/24", name, text);
	if (rc != ISB_OK)
		return wrong("%s '%s' is not a network; write 192.0.2.0/24 or 2001:db8::/32", name, text);
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result add_rrl_exempt(struct isb_rrl_config *rrl, const char *text)
{
	if (rrl->nexempt == ISB_RRL_EXEMPT_MAX)
		return wrong("more than %d --rrl-exempt", (int)ISB_RRL_EXEMPT_MAX);
	enum isb_options_result result = set_net("--rrl-exempt", text, &rrl->exempt[rrl->nexempt]);
	rrl->nexempt += result == ISB_OPTIONS_RUN;
	return result;
}

static enum isb_options_result add_proxy_from(struct isb_proxy_from *from, const char *text)
{
	if (from->count == ISB_PROXY_FROM_MAX)
		return wrong("more than %d --proxy-from", (int)ISB_PROXY_FROM_MAX);
	enum isb_options_result result = set_net("--proxy-from", text, &from->nets[from->count]);
	from->count += result == ISB_OPTIONS_RUN;
	return result;
}

static enum isb_options_result add_explain_from(struct isb_options *options, const char *text)
{
	if (options->nexplain_from == ISB_EXPLAIN_FROM_MAX)
		return wrong("more than %d --explain-from", (int)ISB_EXPLAIN_FROM_MAX);
	enum isb_options_result result = set_net("--explain-from", text, &options->explain_from[options->nexplain_from]);
	options->nexplain_from += result == ISB_OPTIONS_RUN;
	return result;
}

static enum isb_options_result add_explain_key(struct isb_options *options, const char *text)
{
	uint8_t name[ISB_DNAME_MAX];
	if (options->nexplain_key == ISB_EXPLAIN_KEYS_MAX)
		return wrong("more than %d --explain-key", (int)ISB_EXPLAIN_KEYS_MAX);
	if (isb_dname_parse(text, NULL, name) < 0)
		return wrong("--explain-key '%s' is no name of a key; write it as in the file of --tsig-keys", text);
	options->explain_key[options->nexplain_key++] = text;
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result set_rrl(struct isb_rrl_config *rrl, int option, const char *value)
{
	switch (option) {
	case RRL_RATE: return set_number("--rrl-rate", value, 1, ISB_RRL_RATE_MAX, &rrl->rate);
	case RRL_ERROR_RATE: return set_number("--rrl-error-rate", value, 1, ISB_RRL_RATE_MAX, &rrl->error_rate);
	case RRL_SLIP: return set_number("--rrl-slip", value, 0, ISB_RRL_SLIP_MAX, &rrl->slip);
	case RRL_WINDOW: return set_number("--rrl-window", value, 1, ISB_RRL_WINDOW_MAX, &rrl->window_s);
	case RRL_IPV4_PREFIX: return set_length("--rrl-ipv4-prefix", value, ISB_RRL_IPV4_LEN_MAX, &rrl->ipv4_len);
	case RRL_IPV6_PREFIX: return set_length("--rrl-ipv6-prefix", value, ISB_RRL_IPV6_LEN_MAX, &rrl->ipv6_len);
	case RRL_EXEMPT: return add_rrl_exempt(rrl, value);
	default: return set_rrl_mode(rrl, value);
	}
}

static enum isb_options_result set_tcp(struct isb_tcp_limits *tcp, int option, const char *value)
{
	switch (option) {
	case TCP_CONNECTIONS: return set_number("--tcp-connections", value, 1, CONNECTIONS_MAX, &tcp->connections);
	case TCP_PER_CLIENT: return set_number("--tcp-per-client", value, 1, CONNECTIONS_MAX, &tcp->per_client);
	case TCP_IDLE: return set_span("--tcp-idle", value, SPAN_MIN_MS, HOUR_MS, &tcp->idle_ms);
	case TCP_STALL: return set_span("--tcp-stall", value, SPAN_MIN_MS, HOUR_MS, &tcp->stall_ms);
	default: return set_span("--tcp-lifetime", value, SPAN_MIN_MS, LIFETIME_MAX_MS, &tcp->lifetime_ms);
	}
}

/* An option with its value, from the command line or the file. */
static enum isb_options_result set(struct isb_options *options, int option, const char *value)
{
	switch (option) {
	case 's':
		if (!*value)
			return wrong("--store is empty; name the directory of the store");
		options->store = value;
		return ISB_OPTIONS_RUN;
	case 'l': return add_listen(options, "--listen", value);
	case PROXY_LISTEN: return add_listen(options, "--proxy-listen", value);
	case PROXY_FROM: return add_proxy_from(&options->proxy_from, value);
	case TCP_CONNECTIONS:
	case TCP_PER_CLIENT:
	case TCP_IDLE:
	case TCP_STALL:
	case TCP_LIFETIME: return set_tcp(&options->tcp, option, value);
	case 'w': return set_number("--workers", value, 1, ISB_WORKERS_MAX, &options->workers);
	case 'g':
		if (options->ngeo == ISB_GEO_MAX)
			return wrong("more than %d --geo", (int)ISB_GEO_MAX);
		options->geo[options->ngeo++] = value;
		return ISB_OPTIONS_RUN;
	case 'L': return set_log_level(options, value);
	case OPT_COOKIES: return set_switch("cookies", value, &options->cookies);
	case OPT_COOKIE_SECRET_FILE: options->cookie_secret_file = value; return ISB_OPTIONS_RUN;
	case OPT_NSID: return set_text("nsid", value, ISB_NSID_MAX, &options->nsid);
	case OPT_VERSION_TEXT: return set_text("version-text", value, ISB_CHAOS_MAX, &options->version_text);
	case OPT_ID_TEXT: return set_text("id-text", value, ISB_CHAOS_MAX, &options->id_text);
	case OPT_TSIG_KEYS: options->tsig_keys = value; return ISB_OPTIONS_RUN;
	case OPT_EXPLAIN_FROM: return add_explain_from(options, value);
	case OPT_EXPLAIN_KEY: return add_explain_key(options, value);
	case OPT_QUERY_LOG: return set_query_log(options, value);
	case OPT_QUERY_LOG_SAMPLE:
		return set_number("--query-log-sample", value, 1, ISB_SAMPLE_MAX, &options->query_log_sample);
	case OPT_DNSTAP: return set_dnstap(options, value);
	case OPT_DNSTAP_SAMPLE: return set_number("--dnstap-sample", value, 1, ISB_SAMPLE_MAX, &options->dnstap_sample);
	case OPT_CLIENTS: return set_clients(options, value);
	case OPT_METRICS: return add_metrics(options, value);
	case OPT_METRICS_ROWS:
		return set_number("--metrics-rows", value, METRICS_ROWS_MIN, METRICS_ROWS_MAX, &options->metrics_rows);
	case OPT_DRAIN: return set_span("--drain", value, 0, HOUR_MS, &options->drain_ms);
	case OPT_CONTROL: return set_control(options, value);
	case OPT_REPLACE: options->replace = true; return ISB_OPTIONS_RUN;
	case OPT_FOREGROUND: options->foreground = true; return ISB_OPTIONS_RUN;
	case OPT_USER: options->user = value; return ISB_OPTIONS_RUN; /* who that is, is asked when it is done */
	case 'c': return ISB_OPTIONS_RUN; /* was read before all others */
	default: return set_rrl(&options->rrl, option, value);
	}
}

static enum isb_options_result take(struct isb_options *options, int option, const char *given)
{
	switch (option) {
	case 'h': fputs(help_text, stdout); return ISB_OPTIONS_DONE;
	case 'V': puts("isobard " ISB_VERSION); return ISB_OPTIONS_DONE;
	case ':': return wrong("option '%s' needs a value", given);
	case '?': return unknown(given);
	default: return set(options, option, optarg);
	}
}

/* --- The file ------------------------------------------------------------------------------------------------------ */

static const char short_options[] = ":c:s:l:w:g:L:hV";

static bool set_from_file(void *arg, int option, const char *value)
{
	return set(arg, option, value) == ISB_OPTIONS_RUN;
}

static bool read_config(struct isb_options *options, int argc, char **argv)
{
	const struct isb_option_file file = {.program = "isobard", .options = long_options, .letters = short_options,
	                                     .config = 'c', .set = set_from_file, .arg = options, .arena = &options->arena};
	struct isb_diags diags = {0};
	bool ok = isb_option_file_read(&file, argc, argv, &diags);
	isb_diags_print(&diags, stderr);
	isb_diags_done(&diags);
	return ok;
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

static enum isb_options_result check_explain(const struct isb_options *options)
{
	if (options->nexplain_key && !options->tsig_keys)
		return wrong("--explain-key without --tsig-keys: name the file that holds the key '%s'", options->explain_key[0]);
	return ISB_OPTIONS_RUN;
}

static enum isb_options_result check_replace(const struct isb_options *options)
{
	if (options->replace && !options->control)
		return wrong("--replace without --control: name the socket of the isobard to replace, as it was started with");
	if (options->foreground && !options->replace)
		return wrong("--foreground without --replace: isobard stays there anyway");
	return ISB_OPTIONS_RUN;
}

/* Where the service manager or the package made the directory; whoever runs isobard by hand need not care. */
static void find_control(struct isb_options *options)
{
	if (options->control && strcmp(options->control, "off") == 0) {
		options->control = NULL;
	} else if (!options->control && access(CONTROL_DIR, W_OK | X_OK) == 0) {
		options->control = CONTROL_DEFAULT;
		options->control_optional = true;
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
	struct isb_options options = {
		.log_level = ISB_LOG_INFO, .cookies = true, .version_text = "", .id_text = "",
		.tcp = ISB_TCP_DEFAULTS,   .rrl = ISB_RRL_DEFAULTS,
		.query_log_sample = 1,     .dnstap_sample = 1, .metrics_rows = METRICS_ROWS};
	opterr = 0;
	if (!read_config(&options, argc, argv)) {
		isb_options_done(&options);
		return ISB_OPTIONS_WRONG;
	}
	for (;;) {
		int before = optind ? optind : 1;
		int option = getopt_long(argc, argv, short_options, long_options, NULL);
		if (option < 0)
			break;
		/* within a cluster of short options optind has not moved yet */
		const char *given = argv[optind > before ? optind - 1 : optind];
		enum isb_options_result result = take(&options, option, given);
		if (result != ISB_OPTIONS_RUN) {
			isb_options_done(&options);
			return result;
		}
	}
	if (optind < argc) {
		isb_options_done(&options);
		return wrong("unexpected argument '%s'; see isobard --help", argv[optind]);
	}
	find_control(&options);
	if (check_proxy(&options) != ISB_OPTIONS_RUN || check_explain(&options) != ISB_OPTIONS_RUN ||
	    check_replace(&options) != ISB_OPTIONS_RUN) {
		isb_options_done(&options);
		return ISB_OPTIONS_WRONG;
	}
	fill_defaults(&options);
	*ret_options = options;
	return ISB_OPTIONS_RUN;
}

void isb_options_done(struct isb_options *options)
{
	isb_arena_done(&options->arena);
}
