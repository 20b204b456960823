/* SPDX-License-Identifier: Apache-2.0 */
#include "behalf.h"
#include "cli.h"
#include "remote.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/base/streams.h"

const struct verb *const cli_verbs[] = {
	&verb_apply,  &verb_diff,   &verb_check, &verb_export, &verb_import,  &verb_show,   &verb_set,     &verb_add,
	&verb_remove, &verb_status, &verb_drain, &verb_force,  &verb_failback, &verb_rollout, &verb_switch, &verb_explain,
	&verb_simulate, &verb_latency, &verb_log, &verb_top, &verb_rollback, &verb_token, &verb_init, &verb_help,  NULL,
};

int cli_fail(int code, const char *fmt, ...)
{
	va_list ap;
	fputs("isobar: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

int cli_refuse(const struct isb_diags *diags, const char *what)
{
	isb_diags_print(diags, stderr);
	size_t n = diags->count + diags->dropped;
	return cli_fail(CLI_FAILED, "%s: %zu error%s", what, n, n == 1 ? "" : "s");
}

int cli_unreadable(const struct cli *cli, int err)
{
	return cli_fail(CLI_STORE, "cannot read the store in '%s': %s", cli->store_dir, isb_strerror(err));
}

/* What to do about it, where that does not follow from what is wrong. */
static const char *remedy(int err)
{
	switch (err) {
	case ISB_EFULL: return "; make room on its file system and try again";
	case ISB_EIO: return "; look for errors of the disk in the system's log";
	case ISB_EREADONLY: return "; edit as a user who may write there, on a file system that is writable";
	default: return "";
	}
}

int cli_unwritable(const struct cli *cli, int err)
{
	return cli_fail(CLI_STORE, "cannot write the store in '%s': %s; nothing was changed%s", cli->store_dir,
	                isb_strerror(err), remedy(err));
}

bool cli_printable(const char *text)
{
	json_t *json = json_string(text); /* NULL when it is no UTF-8 */
	bool printable = json != NULL;
	json_decref(json);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) /* C0, DEL, C1 */
			printable = false;
	return printable;
}

/* --- Options --- */

/* Letters that a verb lists in `options`: f files, n dry run, p prune, r reason, t for, c client, g geo, a at, d draws,
 * e seed; w watch, l all, i limit; M from; of edits: A author, G if generation; of imports: P print, z zone, N name server, S SOA,
 * R provider; of rollouts: > to, % steps, ~ every, @ nets, ^ abort if, = sticky; ! force. Of simulations and edits with a
 * limit: D down, 1 n-1, u all up, F format, m max shift, T traffic. Of tokens: k tokens, O role, X expires. Where to
 * run it: L server, Q token file, C ca. */
static const struct option long_options[] = {
	{"store", required_argument, NULL, 's'},   {"output", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'h'},          {"version", no_argument, NULL, 'V'},
	{"file", required_argument, NULL, 'f'},    {"dry-run", no_argument, NULL, 'n'},
	{"prune", no_argument, NULL, 'p'},         {"reason", required_argument, NULL, 'r'},
	{"for", required_argument, NULL, 't'},     {"client", required_argument, NULL, 'c'},
	{"geo", required_argument, NULL, 'g'},     {"at", required_argument, NULL, 'a'},
	{"draws", required_argument, NULL, 'd'},   {"seed", required_argument, NULL, 'e'},
	{"json", no_argument, NULL, 'j'},          {"print", no_argument, NULL, 'P'},
	{"zone", required_argument, NULL, 'z'},    {"ns", required_argument, NULL, 'N'},
	{"soa", required_argument, NULL, 'S'},     {"provider", required_argument, NULL, 'R'},
	{"down", required_argument, NULL, 'D'},    {"n-1", no_argument, NULL, '1'},
	{"all-up", no_argument, NULL, 'u'},        {"format", required_argument, NULL, 'F'},
	{"max-shift", required_argument, NULL, 'm'}, {"traffic", required_argument, NULL, 'T'},
	{"to", required_argument, NULL, '>'},      {"steps", required_argument, NULL, '%'},
	{"every", required_argument, NULL, '~'},   {"nets", required_argument, NULL, '@'},
	{"abort-if", required_argument, NULL, '^'}, {"sticky", no_argument, NULL, '='},
	{"force", no_argument, NULL, '!'},         {"author", required_argument, NULL, 'A'},
	{"from", required_argument, NULL, 'M'},
	{"if-generation", required_argument, NULL, 'G'}, {"watch", optional_argument, NULL, 'w'},
	{"all", no_argument, NULL, 'l'},         {"limit", required_argument, NULL, 'i'},
	{"server", required_argument, NULL, 'L'},  {"token-file", required_argument, NULL, 'Q'},
	{"ca", required_argument, NULL, 'C'},      {"tokens", required_argument, NULL, 'k'},
	{"role", required_argument, NULL, 'O'},    {"expires", required_argument, NULL, 'X'},
	{NULL, 0, NULL, 0},
};
static const char short_options[] = ":s:o:hVf:nr:c:";
enum { OPTIONS = sizeof(long_options) / sizeof(long_options[0]) - 1 };

/* Letter and text of the i-th; NULL behind the last. */
static const char *const *option_help(size_t i)
{
	static const char *const help[][2] = {
		{"s", "  -s, --store DIR      the directory of the store; default $ISOBAR_STORE or /var/lib/isobar\n"},
		{"o", "  -o, --output FORMAT  table, json or yaml\n"},
		{"j", "  --json               as --output json\n"},
		{"h", "  -h, --help           what isobar, or the verb, takes\n"},
		{"V", "  -V, --version        print the version and exit\n"},
		{"L", "      --server WHERE   run it there: https://HOST:8053, unix:/run/isobar/control.sock;\n"
		      "                       default $ISOBAR_SERVER, else here\n"},
		{"Q", "      --token-file FILE  the token for it; default $ISOBAR_TOKEN\n"},
		{"C", "      --ca FILE        the authority that its certificate is from\n"},
		{"f", "  -f, --file FILE    catalog file, may be several; - is standard input\n"},
		{"n", "  -n, --dry-run      show what would change and stop\n"},
		{"p", "  --prune            also remove what no file names\n"},
		{"r", "  -r, --reason TEXT  why; kept in the journal\n"},
		{"A", "  --author NAME      who; default: who is logged in\n"},
		{"G", "  --if-generation N  only when the catalog is at that generation; else status 3\n"},
		{"l", "  --all              also what is as it should be\n"},
		{"i", "  --limit N          the newest N alone\n"},
		{"M", "  --from ADDR:PORT   of isobard's metrics, or an URL, may be several;\n"
		      "                     default: 127.0.0.1:9153\n"},
		{"w", "  --watch[=SPAN]     again and again, every 2s or as said, until Ctrl-C\n"},
		{"t", "  --for SPAN         until then only: 30m, 2h, 1d\n"},
		{"c", "  -c, --client ADDR  the client: an address (its /24 or /56) or a network\n"},
		{"a", "  --at TIME          the moment: 2026-11-21T12:00:00Z, or -2h, +30m from now\n"},
		{"d", "  --draws N          draw N times, to 10000000; show the shares that come out\n"},
		{"e", "  --seed N           of all draws; the same gives the same; default: another\n"},
		{"g", "  --geo FILE         geo database, may be several; default STORE/geo.mmdb\n"},
		{"P", "  --print            print the catalog that comes out, and touch no store\n"},
		{"z", "  --zone NAME        the zone of all files, whatever they are called\n"},
		{"N", "  --ns NAME          server of zones whose files name none, may be several\n"},
		{"S", "  --soa RDATA        'PRIMARY MAILBOX SERIAL REFRESH RETRY EXPIRE MINIMUM'\n"},
		{"R", "  --provider NAME    the provider isobar stands in for, where records name one\n"},
		{"D", "  --down NAME        as if this region, pool or endpoint were down\n"},
		{"1", "  --n-1              each region down in turn\n"},
		{"u", "  --all-up           as if every check passed; what operators said counts\n"},
		{"F", "  --format FORMAT    query-log, csv or dnstap; default: as the file looks\n"},
		{"m", "  --max-shift SHARE  refuse when more queries would be answered differently: 10%\n"},
		{"T", "  --traffic FILE     the queries that count; else all names and addresses\n"},
		{">", "  --to NAME          the pool or policy to lead clients to\n"},
		{"%", "  --steps P,P,...    per cent of clients that each step gives it: 10,30,50,100\n"},
		{"~", "  --every SPAN       how long each step lasts: 10m, 2h\n"},
		{"@", "  --nets NET,NET,... clients in these networks always get it\n"},
		{"^", "  --abort-if down    end it for good when the new side cannot answer\n"},
		{"=", "  --sticky           a client's network decides, not a draw: who came over stays\n"},
		{"!", "  --force            all the same\n"},
		{"k", "  --tokens FILE      where they are; default /etc/isobar/tokens\n"},
		{"O", "  --role ROLE        what it may: read, operate or admin\n"},
		{"X", "  --expires SPAN     until then only: 90d\n"},
	};
	return i < sizeof(help) / sizeof(help[0]) ? help[i] : NULL;
}

void cli_print_option_help(const char *letters)
{
	const char *const *help;
	for (size_t i = 0; (help = option_help(i)); i++)
		if (strstr(letters, help[0]))
			fputs(help[1], stdout);
}

bool cli_option(size_t i, struct cli_option *ret_option)
{
	const char *const *help;
	if (i >= OPTIONS)
		return false;
	const struct option *o = &long_options[i];
	struct cli_option option = {.name = o->name, .letter = (char)o->val, .text = "",
	                            .value = o->has_arg == required_argument, .is_short = strchr(short_options, o->val) && isalnum((unsigned char)o->val)};
	for (size_t k = 0; (help = option_help(k)); k++)
		if (help[0][0] == option.letter)
			option.text = help[1];
	*ret_option = option;
	return true;
}

/* NULL after saying so. */
static const struct verb *verb_named(const char *name)
{
	const char *names[sizeof(cli_verbs) / sizeof(cli_verbs[0])];
	size_t n = 0;
	for (; cli_verbs[n]; n++) {
		names[n] = cli_verbs[n]->name;
		if (strcmp(name, names[n]) == 0)
			return cli_verbs[n];
	}
	names[n] = NULL;
	const char *near = isb_nearest(name, names);
	if (near)
		cli_fail(CLI_USAGE, "there is no verb '%s'; did you mean '%s'?", name, near);
	else
		cli_fail(CLI_USAGE, "there is no verb '%s'; see isobar --help", name);
	return NULL;
}

static int take_span(const char *value, int64_t *ret_ms)
{
	int rc = isb_span_parse(value, ret_ms);
	if (rc == ISB_ERANGE)
		return cli_fail(CLI_USAGE, "%s is too long a span of time; leave it out when there is no end", value);
	/* a bare number counts seconds elsewhere; who writes --for 30 may mean minutes */
	if (rc != ISB_OK || *ret_ms <= 0 || strspn(value, "0123456789") == strlen(value))
		return cli_fail(CLI_USAGE, "'%s' is no span of time; write 30m, 2h or 1d", value);
	return CLI_OK;
}

/* "10%", "2.5%" */
static int take_share(struct cli *cli, const char *value)
{
	char *end;
	size_t digits = strspn(value, "0123456789.");
	double percent = strtod(value, &end);
	if (digits && end == value + digits && !*end && percent <= 1) /* 0.1 may mean a tenth */
		return cli_fail(CLI_USAGE, "'%s' is no share of queries; write %g%% or %g%%", value, percent, percent * 100);
	if (!digits || end != value + digits || strcmp(end, "%") != 0 || percent > 100)
		return cli_fail(CLI_USAGE, "'%s' is no share of queries; write 10%%", value);
	cli->max_shift = percent / 100;
	return CLI_OK;
}

/* "-2h" and "+30m" count from now. */
static int take_time(struct cli *cli, const char *value)
{
	int64_t span_ms, sign = *value == '-' ? -1 : 1;
	if ((*value == '-' || *value == '+') && isb_span_parse(value + 1, &span_ms) == ISB_OK)
		cli->at_ms = cli->now_ms + sign * span_ms;
	else if (isb_time_parse(value, &cli->at_ms) != ISB_OK)
		return cli_fail(CLI_USAGE, "'%s' is no time; write 2026-11-21T12:00:00Z, or -2h or +30m from now", value);
	return CLI_OK;
}

static int take_number(const char *name, const char *value, uint64_t most, uint64_t *ret_number)
{
	char *end;
	errno = 0;
	unsigned long long n = strtoull(value, &end, 10);
	if (strspn(value, "0123456789") != strlen(value) || !*value || errno || n > most)
		return cli_fail(CLI_USAGE, "--%s '%s' is not a number from 0 to %" PRIu64, name, value, most);
	*ret_number = n;
	return CLI_OK;
}

static int take_draws(struct cli *cli, const char *value)
{
	enum { DRAWS_MAX = 10000000 };
	uint64_t draws;
	int rc = take_number("draws", value, DRAWS_MAX, &draws);
	if (rc == CLI_OK)
		cli->draws = (unsigned)draws;
	return rc;
}

static int take_generation(struct cli *cli, const char *value)
{
	uint64_t generation = 0;
	int rc = take_number("if-generation", value, INT64_MAX, &generation);
	cli->if_generation = (int64_t)generation;
	return rc;
}

static int take_limit(struct cli *cli, const char *value)
{
	int rc = take_number("limit", value, INT64_MAX, &cli->limit);
	if (rc == CLI_OK && !cli->limit)
		return cli_fail(CLI_USAGE, "--limit 0 would show nothing; leave it out to see all");
	return rc;
}

static int take_watch(struct cli *cli, const char *value)
{
	enum { EVERY_MS = 2000, LEAST_MS = 100 };
	cli->watch_ms = EVERY_MS;
	int rc = value ? take_span(value, &cli->watch_ms) : CLI_OK;
	if (rc == CLI_OK && cli->watch_ms < LEAST_MS)
		return cli_fail(CLI_USAGE, "%s is too short to be looked at; write --watch=%dms or more", value, LEAST_MS);
	return rc;
}

static int take_author(struct cli *cli, const char *value)
{
	if (!*value || !cli_printable(value))
		return cli_fail(CLI_USAGE, "the author cannot be shown in a line; write a name in UTF-8");
	cli->author = value;
	return CLI_OK;
}

static int take_option(struct cli *cli, int letter, const char *value)
{
	switch (letter) {
	case 's': cli->store_dir = value; break;
	case 'f': cli->files[cli->nfile++] = value; break;
	case 'g': cli->geo[cli->ngeo++] = value; break;
	case 'M': cli->from[cli->nfrom++] = value; break;
	case 'n': cli->dry_run = true; break;
	case 'p': cli->prune = true; break;
	case 'P': cli->print = true; break;
	case 'z': cli->zone = value; break;
	case 'N': cli->ns[cli->nns++] = value; break;
	case 'S': cli->soa = value; break;
	case 'R': cli->provider = value; break;
	case 'c': cli->client = value; break;
	case 'a': return take_time(cli, value);
	case 'd': return take_draws(cli, value);
	case 'e': return take_number("seed", value, INT64_MAX, &cli->seed);
	case 'A': return take_author(cli, value);
	case 'L': cli->server = value; break;
	case 'Q': cli->token_file = value; break;
	case 'C': cli->ca = value; break;
	case 'k': cli->tokens = value; break;
	case 'O': cli->role = value; break;
	case 'X': return take_span(value, &cli->expires_ms);
	case 'G': return take_generation(cli, value);
	case 'l': cli->all = true; break;
	case 'i': return take_limit(cli, value);
	case 'w': return take_watch(cli, value);
	case 'j': cli->json = true; break;
	case 'D': cli->down[cli->ndown++] = value; break;
	case '1': cli->each_region = true; break;
	case 'u': cli->all_up = true; break;
	case 'F': cli->format = value; break;
	case 'm': return take_share(cli, value);
	case 'T': cli->traffic = value; break;
	case 't': return take_span(value, &cli->for_ms);
	case '>': cli->rollout.to = value; break;
	case '%': cli->rollout.steps = value; break;
	case '~': return take_span(value, &cli->rollout.every_ms);
	case '@': cli->rollout.nets = value; break;
	case '=': cli->rollout.sticky = true; break;
	case '!': cli->force = true; break;
	case '^':
		if (strcmp(value, "down") != 0)
			return cli_fail(CLI_USAGE, "cannot abort if '%s'; write: --abort-if down", value);
		cli->rollout.abort_if_down = true;
		break;
	case 'r':
		if (!cli_printable(value))
			return cli_fail(CLI_USAGE, "the reason cannot be shown in a line; write plain text in UTF-8");
		cli->reason = value;
		break;
	case 'o':
		if (strcmp(value, "json") != 0 && strcmp(value, "yaml") != 0 && strcmp(value, "table") != 0)
			return cli_fail(CLI_USAGE, "unknown output '%s'; write table, json or yaml", value);
		cli->json = strcmp(value, "table") != 0;
		cli->yaml = strcmp(value, "yaml") == 0;
		break;
	}
	return CLI_OK;
}

/* What getopt_long() stumbled over, said in our words. `missing`: an option without its value. */
static int bad_option(const char *word, bool missing)
{
	const char *names[OPTIONS + 1] = {NULL};
	if (missing)
		return cli_fail(CLI_USAGE, "%s needs a value; see isobar --help", word);
	if (strncmp(word, "--", 2) != 0)
		return cli_fail(CLI_USAGE, "there is no option -%c; see isobar --help", optopt ? optopt : '?');
	if (strchr(word, '=') && optopt)
		return cli_fail(CLI_USAGE, "%.*s takes no value", (int)strcspn(word, "="), word);
	for (size_t i = 0; i < OPTIONS; i++)
		names[i] = long_options[i].name;
	const char *near = isb_nearest(word + 2, names);
	return near ? cli_fail(CLI_USAGE, "there is no option %s; did you mean --%s?", word, near)
	            : cli_fail(CLI_USAGE, "there is no option %s; see isobar --help", word);
}

static int check_options(const struct verb *verb, const char *given)
{
	for (; *given; given++)
		for (size_t i = 0; !strchr(verb->options, *given) && !strchr("sohVj" CLI_REMOTE_LETTERS, *given) && i < OPTIONS; i++)
			if (long_options[i].val == *given)
				return cli_fail(CLI_USAGE, "%s takes no --%s; see isobar help %s", verb->name, long_options[i].name,
				                verb->name);
	return CLI_OK;
}

/* Keeps the option for another command line. */
static void pass_on(struct cli *cli, int letter)
{
	size_t i = 0;
	while (long_options[i].val != letter)
		i++;
	cli->passed[cli->npassed++] = (struct cli_passed){(char)letter, long_options[i].name, optarg};
}

static bool takes_noun(const struct verb *verb, const char *kind)
{
	const char *nouns = verb->nouns;
	size_t len = strlen(kind);
	for (; nouns && *nouns; nouns += strcspn(nouns, " "), nouns += *nouns == ' ')
		if (strcmp(nouns, CLI_ANY_KIND) == 0 || (strcspn(nouns, " ") == len && strncmp(nouns, kind, len) == 0))
			return true;
	return false;
}

static const char *kind_of(const char *word)
{
	int kind;
	return cli_is_kind(word, &kind) ? cli_kind_name(kind) : NULL;
}

static const struct verb *verb_called(const char *name)
{
	for (size_t i = 0; cli_verbs[i]; i++)
		if (strcmp(name, cli_verbs[i]->name) == 0)
			return cli_verbs[i];
	return NULL;
}

/* "pool set asia …" is "set pool asia …", and "endpoint drain …" is "drain …". No verb takes another's name for its first
 * word, so that "check set …" is about a check. */
static void put_noun_behind(char **words, int count, int *first)
{
	const char *kind = kind_of(words[0]);
	const struct verb *verb = kind && count > 1 ? verb_called(words[1]) : NULL;
	if (!verb || !takes_noun(verb, kind))
		return;
	if (strcmp(verb->nouns, CLI_ANY_KIND) == 0) {
		char *noun = words[0];
		words[0] = words[1];
		words[1] = noun;
	} else {
		++*first;
	}
}

/* Who writes a kind alone wants to see. */
static const struct verb *find_verb(char **words)
{
	const char *kind = kind_of(words[0]);
	if (!kind || verb_called(words[0]))
		return verb_named(words[0]);
	cli_fail(CLI_USAGE, "'%s' is a kind, not a verb; write: isobar show %s%s%s", words[0], words[0], words[1] ? " " : "",
	         words[1] ? words[1] : "");
	return NULL;
}

static int check_stdin(const struct cli *cli)
{
	size_t n = cli->traffic && strcmp(cli->traffic, "-") == 0;
	for (size_t i = 0; i < cli->nfile; i++)
		n += strcmp(cli->files[i], "-") == 0;
	for (int i = 0; i < cli->count; i++)
		n += strcmp(cli->words[i], "-") == 0;
	return n < 2 ? CLI_OK : cli_fail(CLI_USAGE, "standard input can be read once only; name a file in place of one '-'");
}

/* Here or there? --store says here, whatever the environment says. help is the same everywhere; token and top are about a
 * machine itself, and go elsewhere only to be told so. */
static int check_where(struct cli *cli, const struct verb *verb, const char *given)
{
	bool ours = strchr(given, 's') || strcmp(verb->name, "token") == 0 || strcmp(verb->name, "top") == 0;
	bool here = strcmp(verb->name, "help") == 0 || (ours && !strchr(given, 'L'));
	cli->is_remote = cli->server && *cli->server && !here && !getenv("ISOBAR_FOR");
	return cli->is_remote ? cli_remote_check(given) : CLI_OK;
}

/* *ret_verb stays NULL when there is nothing left to do. */
static int parse(struct cli *cli, int argc, char **argv, const struct verb **ret_verb)
{
	char given[OPTIONS + 1] = "";
	bool help = false;
	int letter, rc;
	opterr = 0;
	while ((letter = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (letter == '?' || letter == ':')
			return bad_option(argv[optind - 1], letter == ':');
		if (letter == 'V') {
			puts("isobar " ISB_VERSION);
			return CLI_OK;
		}
		help |= letter == 'h';
		if (!strchr(given, letter))
			strncat(given, &(char){(char)letter}, 1);
		pass_on(cli, letter);
		if ((rc = take_option(cli, letter, optarg)) != CLI_OK)
			return rc;
	}
	if (optind == argc) {
		cli_print_help(help ? stdout : stderr);
		return help ? CLI_OK : CLI_USAGE;
	}
	put_noun_behind(argv + optind, argc - optind, &optind);
	const struct verb *verb = find_verb(argv + optind);
	if (!verb)
		return CLI_USAGE;
	if (help) {
		cli_print_verb_help(verb);
		return CLI_OK;
	}
	cli->words = (const char *const *)argv + optind + 1;
	cli->count = argc - optind - 1;
	if ((rc = check_options(verb, given)) != CLI_OK || (rc = check_stdin(cli)) != CLI_OK ||
	    (rc = cli_behalf_check(cli, verb, given)) != CLI_OK || (rc = check_where(cli, verb, given)) != CLI_OK)
		return rc;
	*ret_verb = verb;
	return CLI_OK;
}

/* Who it is, not as whom: the journal shall name a person. */
static const char *author(void)
{
	const char *sudo = getenv("SUDO_USER");
	if (sudo && *sudo && cli_printable(sudo))
		return sudo;
	const struct passwd *pw = getpwuid(getuid());
	return pw ? pw->pw_name : "unknown";
}

/* Success is not success when nobody could read it. */
static int flush(const struct cli *cli, int rc)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return rc;
	const char *why = errno ? strerror(errno) : "an earlier write failed";
	if (cli->committed)
		return cli_fail(CLI_FAILED, "cannot write to standard output: %s; generation %" PRIu64 " is made all the same", why,
		                cli->committed);
	return cli_fail(CLI_FAILED, "cannot write to standard output: %s", why);
}

/* No more options than that: a word "-nn" holds two. */
static size_t letters_of(int argc, char **argv)
{
	size_t letters = 1;
	for (int i = 0; i < argc; i++)
		letters += strlen(argv[i]) + 1;
	return letters;
}

int main(int argc, char **argv)
{
	if (!isb_streams_guard())
		return CLI_FAILED;
	const char *dir = getenv("ISOBAR_STORE");
	struct cli cli = {
		.store_dir = dir && *dir ? dir : "/var/lib/isobar",
		.reason = "",
		.server = getenv("ISOBAR_SERVER"),
		.passed = isb_xcalloc(letters_of(argc, argv), sizeof(struct cli_passed)),
		.files = isb_xcalloc((size_t)argc, sizeof(char *)),
		.geo = isb_xcalloc((size_t)argc, sizeof(char *)),
		.from = isb_xcalloc((size_t)argc, sizeof(char *)),
		.ns = isb_xcalloc((size_t)argc, sizeof(char *)),
		.down = isb_xcalloc((size_t)argc, sizeof(char *)),
		.max_shift = -1,
		.if_generation = -1,
		.author = author(),
		.seed = isb_random_seed() >> 33, /* short enough to be typed again */
		.now_ms = isb_clock_ms(),
	};
	cli.at_ms = cli.now_ms;
	const struct verb *verb = NULL;
	int rc = parse(&cli, argc, argv, &verb);
	if (rc == CLI_OK && verb)
		rc = cli.is_remote ? cli_remote_run(&cli, verb) : verb->run(&cli);
	free(cli.passed);
	free(cli.files);
	free(cli.geo);
	free(cli.from);
	free(cli.ns);
	free(cli.down);
	return flush(&cli, rc);
}
