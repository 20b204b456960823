/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/addr.h"
#include "isobar/base/diag.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/model/optionfile.h"
#include "isobar/store/exchange.h"
#include "measure_plan.h"

enum { EXIT_USAGE = 2, IN_FLIGHT_MAX = 65535, SOCKET_LEN_MAX = 107 };

static const char help_text[] =
	"usage: isobar-probe [OPTION]...\n"
	"Checks the endpoints of a store's catalog and writes what it finds, and the verdicts, into the store.\n"
	"\n"
	"  -c, --config FILE         options from a file: their long names as YAML keys; the command line wins\n"
	"  -s, --store DIR           the store (default: $ISOBAR_STORE, else /var/lib/isobar)\n"
	"  -n, --name NAME           this probe's name, its own among the store's probes (default: the host's name)\n"
	"  -r, --region REGION       the region of the catalog it runs in; round trips to the others are measured\n"
	"  -m, --max-in-flight N     checks under way at once, 1..65535 (default: 2048): a bound for memory\n"
	"  -R, --resolver ADDR[:PORT] who is asked for the names of ALIAS records; several with commas (default: those of\n"
	"                            /etc/resolv.conf). Hosts of endpoints without an address are looked up as the system does\n"
	"  -l, --listen-probes ADDR[:PORT]  take in what probes in other regions see (default port: 5354)\n"
	"  -S, --site HOST[:PORT]    be such a probe: no store, the catalog comes from there and observations go there\n"
	"  -C, --cert FILE           for either: this probe's certificate, PEM. A site finds the name of a probe in its one\n"
	"  -K, --key FILE            its key\n"
	"  -A, --ca FILE             the authorities that the other side's certificate must come from\n"
	"  -x, --scripts DIR         where the programs of checks of type script are; without it none is run\n"
	"      --measure SOCKET      measure the way to the networks that isobard --clients SOCKET tells of (needs --region)\n"
	"      --measure-rate N      by so many echo requests per second at most, 1..100 (default: 10)\n"
	"      --measure-deny NET[,NET]...|file:PATH  and never to these networks, nor to reserved ones or our endpoints'\n"
	"      --metrics ADDR:PORT   tell Prometheus of the probe here, and at /healthz and /readyz how it is; also several\n"
	"      --user NAME[:GROUP]   when started as root: become this user before anything is opened, and keep nothing of\n"
	"                            root but the right to send echo requests (default: stay who it is)\n"
	"  -L, --log-level LEVEL     error, warning, info or debug (default: info)\n"
	"  -h, --help                print this and exit\n"
	"  -V, --version             print the version and exit\n"
	"\n"
	"Signals: TERM and INT stop; what was observed stays and is taken up by the next start.\n"
	"Exit status: 0 stopped as asked, 1 cannot run, 2 wrong command line.\n";

enum { MEASURE = 256, MEASURE_RATE, MEASURE_DENY, METRICS, USER }; /* options without a letter */
static const struct option long_options[] = {
	{"store", required_argument, NULL, 's'},         {"name", required_argument, NULL, 'n'},
	{"region", required_argument, NULL, 'r'},        {"max-in-flight", required_argument, NULL, 'm'},
	{"resolver", required_argument, NULL, 'R'},      {"log-level", required_argument, NULL, 'L'},
	{"listen-probes", required_argument, NULL, 'l'}, {"site", required_argument, NULL, 'S'},
	{"cert", required_argument, NULL, 'C'},          {"key", required_argument, NULL, 'K'},
	{"ca", required_argument, NULL, 'A'},            {"scripts", required_argument, NULL, 'x'},
	{"measure", required_argument, NULL, MEASURE},   {"measure-rate", required_argument, NULL, MEASURE_RATE},
	{"measure-deny", required_argument, NULL, MEASURE_DENY},
	{"metrics", required_argument, NULL, METRICS},
	{"config", required_argument, NULL, 'c'},        {"user", required_argument, NULL, USER},
	{"help", no_argument, NULL, 'h'},                {"version", no_argument, NULL, 'V'},
	{0},
};
static const char short_options[] = ":c:s:n:r:m:R:l:S:C:K:A:x:L:hV";

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

/* Prints the one sentence, and frees it. */
static bool told(struct isb_diags *diags)
{
	fprintf(stderr, "isobar-probe: %s\n", diags->list[0].text);
	isb_diags_done(diags);
	return false;
}

static bool unknown(const char *given)
{
	struct isb_diags diags = {0};
	isb_option_unknown("isobar-probe", long_options, given, &diags);
	return told(&diags);
}

static bool set_level(const char *text)
{
	struct isb_diags diags = {0};
	enum isb_log_level level;
	if (!isb_option_log_level(text, &level, &diags))
		return told(&diags);
	isb_log_set_level(level);
	return true;
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
	isb_deny_seal(deny);
	return ok || wrong("--measure-deny '%s' is refused", text);
}

static bool add_metrics(const char *text, struct isb_probe_options *o)
{
	if (o->nmetrics == ISB_PROBE_METRICS_MAX)
		return wrong("more than %d --metrics; write 0.0.0.0 or [::] for every address", (int)ISB_PROBE_METRICS_MAX);
	int rc = isb_web_listen_parse(text, &o->metrics[o->nmetrics]);
	if (rc == ISB_ERANGE)
		return wrong("--metrics '%s': the port must be 1..65535", text);
	if (rc != ISB_OK)
		return wrong("--metrics '%s' is not ADDR:PORT; write 127.0.0.1:9154 or [::1]:9154", text);
	o->nmetrics++;
	return true;
}

/* Names go into keys, log lines and evidence as they are. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
			return false;
	return len > 0 && len <= ISB_PROBE_NAME_MAX;
}

static bool parse_port(const char *text, uint16_t *ret)
{
	char *rest;
	unsigned long n = strtoul(text, &rest, 10);
	if (!isdigit((unsigned char)*text) || *rest || n < 1 || n > UINT16_MAX)
		return false;
	*ret = (uint16_t)n;
	return true;
}

/* "gslb.example.com", "192.0.2.1:5354", "[2001:db8::1]:5354", "2001:db8::1"; ISB_EXCHANGE_PORT where none is given. */
static bool parse_hostport(const char *text, struct isb_hostport *ret)
{
	struct isb_hostport hp = {.port = ISB_EXCHANGE_PORT};
	const char *colon = strchr(text, ':'), *from = text, *end;
	if (*text == '[') {
		from = text + 1;
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		colon = end[1] ? end + 1 : NULL;
	} else {
		if (colon && strchr(colon + 1, ':')) /* an IPv6 address by itself */
			colon = NULL;
		end = colon ? colon : text + strlen(text);
	}
	size_t len = (size_t)(end - from);
	if (!len || len > ISB_HOST_MAX || (colon && !parse_port(colon + 1, &hp.port)))
		return false;
	memcpy(hp.host, from, len);
	*ret = hp;
	return true;
}

static bool set_listen(const char *text, struct isb_hostport *ret)
{
	struct isb_addr addr;
	if (parse_hostport(text, ret) && isb_addr_parse(ret->host, &addr) == ISB_OK)
		return true;
	return wrong("--listen-probes '%s' is not an address; write 192.0.2.1:5354 or [2001:db8::1]:5354", text);
}

/* An option with its value, from the command line or the file. */
static bool set_option(void *arg, int option, const char *value)
{
	struct isb_probe_options *o = arg;
	switch (option) {
	case 's': o->store = value; return true;
	case 'n': o->name = value; return true; /* looked at when all is read, like the host's name */
	case 'r':
		o->region = value;
		return is_name(value) || wrong("--region '%s' is not a name of a region", value);
	case 'm': return set_number("--max-in-flight", value, IN_FLIGHT_MAX, &o->max_in_flight);
	case MEASURE: return set_measure(value, &o->measure.socket);
	case MEASURE_RATE: return set_number("--measure-rate", value, ISB_MEASURE_RATE_MAX, &o->measure.rate);
	case MEASURE_DENY: return add_deny(value, &o->measure.deny);
	case METRICS: return add_metrics(value, o);
	case 'R': o->resolver = value; return true; /* what reads it says when it cannot */
	case 'l': return set_listen(value, &o->listen);
	case 'S':
		return parse_hostport(value, &o->site) ||
		       wrong("--site '%s' is not a host; write gslb.example.com:5354 or [2001:db8::1]:5354", value);
	case 'C': o->tls.cert = value; return true;
	case 'K': o->tls.key = value; return true;
	case 'A': o->tls.ca = value; return true;
	case 'x': o->scripts = value; return true;
	case 'L': return set_level(value);
	case USER: o->user = value; return true; /* who that is, is asked when it is done */
	default: return true; /* --config, which was read before all others */
	}
}

static bool fits_together(const struct isb_probe_options *o, bool stored)
{
	bool remote = *o->site.host, exchanges = remote || *o->listen.host;
	const struct isb_tls_files *tls = &o->tls;
	if (!is_name(o->name))
		return wrong("--name '%s' is not a name; write up to %d letters, digits, '.', '_' and '-'", o->name,
		             ISB_PROBE_NAME_MAX);
	if (remote && *o->listen.host)
		return wrong("--site and --listen-probes exclude each other: a probe has a store, or reports to one that has");
	if (remote && stored)
		return wrong("--site and --store exclude each other: the site's probe has the store");
	if (remote && o->resolver)
		return wrong("--resolver means nothing with --site: the site's probe asks for the names of ALIAS records");
	if (remote && o->measure.socket)
		return wrong("--measure means nothing with --site: what is measured goes to a store; let a probe that has one measure");
	if (exchanges && (!tls->cert || !tls->key || !tls->ca))
		return wrong("%s needs --cert, --key and --ca", remote ? "--site" : "--listen-probes");
	if (!exchanges && (tls->cert || tls->key || tls->ca))
		return wrong("--cert, --key and --ca mean nothing without --listen-probes or --site");
	return true;
}

static bool read_config(struct isb_probe_options *o, int argc, char **argv)
{
	const struct isb_option_file file = {.program = "isobar-probe", .options = long_options, .letters = short_options,
	                                     .config = 'c', .set = set_option, .arg = o, .arena = &o->arena};
	struct isb_diags diags = {0};
	bool ok = isb_option_file_read(&file, argc, argv, &diags);
	isb_diags_print(&diags, stderr);
	isb_diags_done(&diags);
	return ok;
}

static bool take(struct isb_probe_options *o, int option, const char *given)
{
	switch (option) {
	case ':': return wrong("option '%s' needs a value", given);
	case '?': return unknown(given);
	default: return set_option(o, option, optarg);
	}
}

bool isb_probe_options_read(int argc, char **argv, struct isb_probe_options *options, int *ret_status)
{
	const char *preset = options->store;
	*ret_status = EXIT_USAGE;
	opterr = 0;
	if (!read_config(options, argc, argv))
		return false;
	for (int c; (c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1;) {
		if (c == 'h' || c == 'V') {
			fputs(c == 'h' ? help_text : "isobar-probe " ISB_VERSION "\n", stdout);
			*ret_status = EXIT_SUCCESS;
			return false;
		}
		if (!take(options, c, argv[optind - 1]))
			return false;
	}
	if (optind < argc)
		return wrong("unexpected argument '%s'", argv[optind]);
	return fits_together(options, options->store != preset);
}

void isb_probe_options_done(struct isb_probe_options *options)
{
	isb_deny_done(&options->measure.deny);
	isb_arena_done(&options->arena);
}
