/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"

static const struct verb *const verbs[] = {
	&verb_apply, &verb_diff, &verb_check, &verb_export, &verb_show, &verb_set, &verb_add, &verb_remove,
	&verb_status, &verb_drain, &verb_force, &verb_explain, &verb_latency, &verb_log,
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

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
	return cli_fail(CLI_FAILED, "%s: %zu error%s, nothing was changed", what, n, n == 1 ? "" : "s");
}

void cli_print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(value);
}

/* --- Options ------------------------------------------------------------------------------------------------------- */

/* Letters that a verb lists in `options`: f files, n dry run, p prune, r reason, t for, c client, g geo. */
static const struct option long_options[] = {
	{"store", required_argument, NULL, 's'},   {"output", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'h'},          {"version", no_argument, NULL, 'V'},
	{"file", required_argument, NULL, 'f'},    {"dry-run", no_argument, NULL, 'n'},
	{"prune", no_argument, NULL, 'p'},         {"reason", required_argument, NULL, 'r'},
	{"for", required_argument, NULL, 't'},     {"client", required_argument, NULL, 'c'},
	{"geo", required_argument, NULL, 'g'},     {NULL, 0, NULL, 0},
};
static const char *const option_help[][2] = {
	{"f", "  -f, --file FILE       catalog file; may be given several times; - is standard input\n"},
	{"n", "  -n, --dry-run         show what would change and stop\n"},
	{"p", "  --prune               also remove objects that no file names\n"},
	{"r", "  -r, --reason TEXT     why; kept in the journal\n"},
	{"t", "  --for SPAN            until then only: 30m, 2h, 1d\n"},
	{"c", "  -c, --client ADDR     the client, an address or a network\n"},
	{"g", "  --geo FILE            geo database (.mmdb); default STORE/geo.mmdb\n"},
};

static void print_help(FILE *out)
{
	fputs("isobar: edit and look at the catalog of a DNS load balancer\n\nusage: isobar [options] VERB ...\n\n", out);
	for (size_t i = 0; i < VERBS; i++)
		fprintf(out, "  %-9s %s\n", verbs[i]->name, verbs[i]->help);
	fputs("\n  -s, --store DIR       the store; default $ISOBAR_STORE or /var/lib/isobar\n"
	      "  -o, --output FORMAT   table (default) or json\n"
	      "  -h, --help            this, or after a verb what it takes\n"
	      "  -V, --version\n\n"
	      "exit status: 0 done, 1 refused or failed (nothing changed), 2 the command line is wrong\n",
	      out);
}

static void print_verb_help(const struct verb *verb)
{
	printf("usage: isobar %s %s\n\n%s\n", verb->name, verb->usage, verb->help);
	if (*verb->options)
		putchar('\n');
	for (size_t i = 0; i < sizeof(option_help) / sizeof(option_help[0]); i++)
		if (strstr(verb->options, option_help[i][0]))
			fputs(option_help[i][1], stdout);
}

static const struct verb *find_verb(const char *name)
{
	const char *names[VERBS + 1];
	for (size_t i = 0; i < VERBS; i++) {
		names[i] = verbs[i]->name;
		if (strcmp(name, names[i]) == 0)
			return verbs[i];
	}
	names[VERBS] = NULL;
	const char *near = isb_nearest(name, names);
	if (near)
		cli_fail(CLI_USAGE, "there is no verb '%s'; did you mean '%s'?", name, near);
	else
		cli_fail(CLI_USAGE, "there is no verb '%s'; see isobar --help", name);
	return NULL;
}

static int take_option(struct cli *cli, int letter, const char *value)
{
	switch (letter) {
	case 's': cli->store_dir = value; break;
	case 'f': cli->files[cli->nfile++] = value; break;
	case 'g': cli->geo[cli->ngeo++] = value; break;
	case 'n': cli->dry_run = true; break;
	case 'p': cli->prune = true; break;
	case 'r': cli->reason = value; break;
	case 'c': cli->client = value; break;
	case 'o':
		if (strcmp(value, "json") != 0 && strcmp(value, "table") != 0)
			return cli_fail(CLI_USAGE, "unknown output '%s'; write table or json", value);
		cli->json = strcmp(value, "json") == 0;
		break;
	case 't':
		if (isb_span_parse(value, &cli->for_ms) != ISB_OK || cli->for_ms <= 0)
			return cli_fail(CLI_USAGE, "'%s' is no span of time; write 30m, 2h or 1d", value);
		break;
	}
	return CLI_OK;
}

static int parse(struct cli *cli, int argc, char **argv, const struct verb **ret_verb)
{
	char given[16] = "";
	bool help = false;
	int letter, rc;
	while ((letter = getopt_long(argc, argv, "s:o:hVf:nr:c:", long_options, NULL)) != -1) {
		if (letter == '?')
			return CLI_USAGE;
		if (letter == 'V') {
			puts("isobar " ISB_VERSION);
			exit(CLI_OK);
		}
		help |= letter == 'h';
		if (strchr("fnprtcg", letter) && !strchr(given, letter))
			strncat(given, &(char){(char)letter}, 1);
		if ((rc = take_option(cli, letter, optarg)) != CLI_OK)
			return rc;
	}
	if (optind == argc) {
		print_help(help ? stdout : stderr);
		exit(help ? CLI_OK : CLI_USAGE);
	}
	const struct verb *verb = find_verb(argv[optind]);
	if (!verb)
		return CLI_USAGE;
	if (help) {
		print_verb_help(verb);
		exit(CLI_OK);
	}
	for (const char *g = given; *g; g++)
		for (size_t i = 0; !strchr(verb->options, *g) && long_options[i].name; i++)
			if (long_options[i].val == *g)
				return cli_fail(CLI_USAGE, "'%s' takes no --%s; see isobar %s --help", verb->name,
				                long_options[i].name, verb->name);
	cli->words = (const char *const *)argv + optind + 1;
	cli->count = argc - optind - 1;
	*ret_verb = verb;
	return CLI_OK;
}

static const char *author(void)
{
	const char *sudo = getenv("SUDO_USER");
	if (sudo && *sudo)
		return sudo;
	const struct passwd *pw = getpwuid(getuid());
	return pw ? pw->pw_name : "unknown";
}

int main(int argc, char **argv)
{
	const char *dir = getenv("ISOBAR_STORE");
	struct cli cli = {
		.store_dir = dir && *dir ? dir : "/var/lib/isobar",
		.reason = "",
		.files = isb_xcalloc((size_t)argc, sizeof(char *)),
		.geo = isb_xcalloc((size_t)argc, sizeof(char *)),
		.author = author(),
		.now_ms = isb_clock_ms(),
	};
	const struct verb *verb = NULL;
	int rc = parse(&cli, argc, argv, &verb);
	if (rc == CLI_OK)
		rc = verb->run(&cli);
	free(cli.files);
	free(cli.geo);
	if (fflush(stdout) != 0 || ferror(stdout))
		return cli_fail(CLI_FAILED, "cannot write to standard output");
	return rc;
}
