/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/model/optionfile.h"

static const char default_socket[] = "/run/isobar/control.sock", default_socket_dir[] = "/run/isobar";

static const char help_text[] =
	"usage: isobar-control [OPTION]...\n"
	"Serves the HTTP API and the dashboard over a store: everything that the command line isobar does.\n"
	"\n"
	"  -c, --config FILE         options from a file: their long names as YAML keys; the command line wins\n"
	"  -s, --store DIR           the store (default: $ISOBAR_STORE, else /var/lib/isobar)\n"
	"  -l, --listen ADDR:PORT    serve HTTP here; may be repeated (default: 127.0.0.1:8053 and [::1]:8053).\n"
	"                            Other addresses than loopback's need --tls-cert, --tls-key and --tokens\n"
	"      --socket PATH         serve local users here, who need no token (default: /run/isobar/control.sock "
        "where\n"
	"                            that directory is; '': nowhere)\n"
	"      --socket-role ROLE    what they may, beside root and the user of isobar-control, who may all: read,\n"
	"                            operate or admin (default: admin; the socket's group and mode 0660 say who gets "
        "in)\n"
	"      --tokens FILE         who may do what over HTTP, as `isobar token add` writes it; read again when it "
        "changes\n"
	"      --tls-cert FILE       serve HTTPS with this certificate and its chain, PEM; read again when it changes\n"
	"      --tls-key FILE        its key\n"
	"      --host NAME           a name by which loopback addresses are asked, as a proxy in front does; may be\n"
	"                            repeated (default: localhost and loopback addresses only)\n"
	"      --metrics-from URL    isobard's metrics, for /v1/top: http://127.0.0.1:9153; may be repeated\n"
	"      --user NAME[:GROUP]   when started as root: become this user before anything is opened (default: stay)\n"
	"  -L, --log-level LEVEL     error, warning, info or debug (default: info)\n"
	"      --print-openapi       print the description of the API (OpenAPI 3.0) and exit\n"
	"  -h, --help                print this and exit\n"
	"  -V, --version             print the version and exit\n"
	"\n"
	"Signals: HUP reads tokens and certificate again; TERM and INT stop.\n"
	"Exit status: 0 stopped as asked, 1 cannot run, 2 wrong command line.\n";

enum {
	SOCKET = 256,
	SOCKET_ROLE,
	TOKENS,
	TLS_CERT,
	TLS_KEY,
	HOST,
	METRICS_FROM,
	USER,
	PRINT_OPENAPI
}; /* options without a letter */
static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},          {"store", required_argument, NULL, 's'},
	{"listen", required_argument, NULL, 'l'},          {"socket", required_argument, NULL, SOCKET},
	{"socket-role", required_argument, NULL, SOCKET_ROLE}, {"tokens", required_argument, NULL, TOKENS},
	{"tls-cert", required_argument, NULL, TLS_CERT},   {"tls-key", required_argument, NULL, TLS_KEY},
	{"host", required_argument, NULL, HOST},           {"metrics-from", required_argument, NULL, METRICS_FROM},
	{"user", required_argument, NULL, USER},           {"log-level", required_argument, NULL, 'L'},
	{"print-openapi", no_argument, NULL, PRINT_OPENAPI},
	{"help", no_argument, NULL, 'h'},                  {"version", no_argument, NULL, 'V'},
	{0},
};
static const char short_options[] = ":c:s:l:L:hV";

__attribute__((format(printf, 1, 2))) static bool wrong(const char *fmt, ...)
{
	va_list ap;
	fputs("isobar-control: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return false;
}

static bool add_listen(struct isb_control_options *options, const char *text)
{
	struct isb_web_listen listen;
	int rc = isb_web_listen_parse(text, &listen);
	if (rc == ISB_ERANGE)
		return wrong("--listen '%s': the port must be 1..65535", text);
	if (rc != ISB_OK)
		return wrong("--listen '%s' is not ADDR:PORT; write 127.0.0.1:8053 or [::1]:8053", text);
	if (options->nlisten == ISB_CONTROL_LISTEN_MAX)
		return wrong("more than %d --listen; write 0.0.0.0:8053 or [::]:8053 for every address",
		             (int)ISB_CONTROL_LISTEN_MAX);
	options->listen[options->nlisten++] = listen;
	return true;
}

static bool add_name(const char *option, const char *text, const char **names, size_t *count)
{
	if (!*text)
		return wrong("%s is empty", option);
	if (*count == ISB_CONTROL_NAMES_MAX)
		return wrong("more than %d %s", (int)ISB_CONTROL_NAMES_MAX, option);
	names[(*count)++] = text;
	return true;
}

static bool add_metrics(struct isb_control_options *options, const char *text)
{
	if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
		return wrong("--metrics-from '%s' is no URL; write http://127.0.0.1:9153", text);
	return add_name("--metrics-from", text, options->metrics_from, &options->nmetrics_from);
}

/* Prints the one sentence, and frees it. */
static bool told(struct isb_diags *diags)
{
	wrong("%s", diags->list[0].text);
	isb_diags_done(diags);
	return false;
}

static bool set_level(struct isb_control_options *options, const char *text)
{
	struct isb_diags diags = {0};
	return isb_option_log_level(text, &options->log_level, &diags) || told(&diags);
}

static bool set_role(struct isb_control_options *options, const char *text)
{
	options->socket_role = isb_role_parse(text);
	return options->socket_role != ISB_ROLE_NONE ||
	       wrong("--socket-role '%s' is none of read, operate and admin", text);
}

static bool set_text(const char *option, const char *text, const char **ret_text)
{
	if (!*text)
		return wrong("%s is empty", option);
	*ret_text = text;
	return true;
}

static bool set(void *arg, int val, const char *value)
{
	struct isb_control_options *options = arg;
	switch (val) {
	case 's': return set_text("--store", value, &options->store);
	case 'l': return add_listen(options, value);
	case SOCKET: options->socket = value; return true;
	case SOCKET_ROLE: return set_role(options, value);
	case TOKENS: return set_text("--tokens", value, &options->tokens);
	case TLS_CERT: return set_text("--tls-cert", value, &options->tls_cert);
	case TLS_KEY: return set_text("--tls-key", value, &options->tls_key);
	case HOST: return add_name("--host", value, options->hosts, &options->nhost);
	case METRICS_FROM: return add_metrics(options, value);
	case USER: return set_text("--user", value, &options->user);
	case 'L': return set_level(options, value);
	default: return true; /* 'c' was read before all others */
	}
}

bool isb_control_is_loopback(const struct isb_addr *addr)
{
	static const struct isb_net v4 = {.addr = {.family = 4, .octets = {127}}, .len = 8};
	static const struct isb_net v6 = {.addr = {.family = 6, .octets = {[15] = 1}}, .len = 128};
	return isb_net_has(&v4, addr) || isb_net_has(&v6, addr);
}

/* Whoever can reach a port could read every token that crosses the network in the clear. */
static bool check(struct isb_control_options *options)
{
	char text[ISB_WEB_LISTEN_TEXT];
	if (!options->tls_cert != !options->tls_key)
		return wrong("--tls-cert and --tls-key belong together; give both, or neither");
	for (size_t i = 0; i < options->nlisten; i++) {
		struct isb_web_listen *listen = &options->listen[i];
		listen->tls = options->tls_cert != NULL;
		if (isb_control_is_loopback(&listen->addr))
			continue;
		isb_web_listen_print(&listen->addr, listen->port, text);
		if (!listen->tls)
			return wrong("--listen %s is more than this machine and needs TLS: add --tls-cert FILE "
			             "--tls-key FILE",
			             text);
		if (!options->tokens)
			return wrong("--listen %s is more than this machine and needs tokens: add --tokens FILE; make one with: "
			             "isobar token add NAME --role admin --tokens FILE", text);
	}
	return true;
}

static void fill_defaults(struct isb_control_options *options)
{
	const char *env = getenv("ISOBAR_STORE");
	if (!options->store)
		options->store = env && *env ? env : "/var/lib/isobar";
	if (!options->nlisten) {
		options->listen[0] = (struct isb_web_listen){.addr = {.family = 4, .octets = {127, 0, 0, 1}},
		                                             .port = ISB_CONTROL_PORT};
		options->listen[1] = (struct isb_web_listen){
			.addr = {.family = 6, .octets = {[15] = 1}}, .port = ISB_CONTROL_PORT, .optional = true};
		options->nlisten = 2;
	}
	if (!options->socket)
		options->socket = access(default_socket_dir, W_OK) == 0 ? default_socket : "";
}

static bool parse_line(int argc, char **argv, struct isb_control_options *options, enum isb_control_next *ret_next)
{
	struct isb_diags diags = {0};
	int val;
	*ret_next = ISB_CONTROL_RUN;
	while ((val = getopt_long(argc, argv, short_options, long_options, NULL)) >= 0) {
		if (val == 'h' || val == 'V') {
			fputs(val == 'h' ? help_text : "isobar-control " ISB_VERSION "\n", stdout);
			*ret_next = ISB_CONTROL_DONE;
			return true;
		}
		if (val == PRINT_OPENAPI) {
			*ret_next = ISB_CONTROL_OPENAPI;
			return true;
		}
		if (val == ':')
			return wrong("option '%s' needs a value", argv[optind - 1]);
		if (val == '?') {
			isb_option_unknown("isobar-control", long_options, argv[optind - 1], &diags);
			return told(&diags);
		}
		if (!set(options, val, optarg))
			return false;
	}
	return optind >= argc || wrong("unexpected argument '%s'; see isobar-control --help", argv[optind]);
}

enum isb_control_next isb_control_options_parse(int argc, char **argv, struct isb_control_options *ret_options)
{
	struct isb_control_options options = {.log_level = ISB_LOG_INFO, .socket_role = ISB_ROLE_ADMIN};
	enum isb_control_next next = ISB_CONTROL_RUN;
	struct isb_diags diags = {0};
	struct isb_option_file file = {.program = "isobar-control", .options = long_options, .letters = short_options,
	                               .config = 'c', .set = set, .arg = &options, .arena = &options.arena};
	opterr = 0;
	bool good = isb_option_file_read(&file, argc, argv, &diags);
	isb_diags_print(&diags, stderr);
	isb_diags_done(&diags);
	good = good && parse_line(argc, argv, &options, &next);
	if (good && next == ISB_CONTROL_RUN) {
		fill_defaults(&options);
		good = check(&options);
	}
	if (!good || next != ISB_CONTROL_RUN) { /* nothing is left of it then */
		isb_control_options_done(&options);
		return good ? next : ISB_CONTROL_WRONG;
	}
	*ret_options = options;
	return ISB_CONTROL_RUN;
}

void isb_control_options_done(struct isb_control_options *options)
{
	isb_arena_done(&options->arena);
}
