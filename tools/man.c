/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "usage.h"

/* Pages of the manual as scdoc(5) reads them, from the tables that the program itself goes by: isobar(1) from the verbs
 * and options, isobar-catalog(5) from the schema. */

/* Nothing in it means anything to scdoc. */
static void put(const char *text)
{
	for (bool first = true; *text; first = *text == '\n', text++) {
		if (first && *text == '.') { /* scdoc swallows it there, unless it is bold */
			fputs("*.*", stdout);
			continue;
		}
		if (strchr("\\*_+", *text) || (first && strchr("#-[]|:;<`", *text)))
			putchar('\\');
		putchar(*text);
	}
}

static void put_in(const char *mark, const char *text)
{
	fputs(mark, stdout);
	put(text);
	fputs(mark, stdout);
}

/* --- isobar(1) --- */

static void print_option(struct isb_arena *arena, const struct cli_option *option)
{
	struct usage_option told = usage_option(arena, option);
	char short_form[] = {'-', option->letter, '\0'};
	if (option->is_short) {
		put_in("*", short_form);
		fputs(", ", stdout);
	}
	put_in("*", isb_arena_printf(arena, "--%s", option->name));
	if (*told.metavar == '[') { /* scdoc underlines whole words only */
		put(told.metavar);
	} else if (*told.metavar) {
		putchar(' ');
		put_in("_", told.metavar);
	}
	fputs("\n\t", stdout);
	put(told.help);
	fputs("\n\n", stdout);
}

static void print_options(struct isb_arena *arena, const char *letters)
{
	struct cli_option option;
	for (size_t i = 0; cli_option(i, &option); i++)
		if (strchr(letters, option.letter))
			print_option(arena, &option);
}

static void print_usage(struct isb_arena *arena, const struct verb *verb)
{
	const char *line = verb->usage;
	for (bool more = true; more; line++) {
		size_t len = strcspn(line, "\n");
		put_in("*", isb_arena_printf(arena, "isobar %s", verb->name));
		if (len) {
			putchar(' ');
			put(isb_arena_strndup(arena, line, len));
		}
		more = line[len] != '\0';
		puts(more ? "++" : "\n");
		line += len;
	}
}

/* Lines of help, without the blanks that set some of them off. */
static void print_lines(struct isb_arena *arena, const char *text)
{
	while (*text) {
		text += strspn(text, " ");
		size_t len = strcspn(text, "\n");
		put(isb_arena_strndup(arena, text, len));
		putchar('\n');
		text += len + (text[len] == '\n');
	}
	putchar('\n');
}

static void print_verb(struct isb_arena *arena, const struct verb *verb)
{
	printf("## isobar %s\n\n", verb->name);
	print_usage(arena, verb);
	print_lines(arena, verb->help);
	print_lines(arena, verb->more);
	print_options(arena, verb->options);
	printf("For example:\n\n```\nisobar %s%s%s\n```\n\n", verb->name, *verb->example ? " " : "", verb->example);
}

static void print_exits(void)
{
	static const struct {
		int code;
		const char *means;
	} codes[] = {
		{CLI_OK, "done"},
		{CLI_FAILED, "refused: what was asked is wrong, or not allowed by what there is"},
		{CLI_USAGE, "the command line is wrong"},
		{CLI_MOVED_ON, "the catalog is not at the generation of --if-generation"},
		{CLI_NOT_FOUND, "there is no such thing"},
		{CLI_STORE, "the store cannot be read or written, or nobody answers at --server"},
	};
	puts("# EXIT STATUS\n");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		printf("*%d*\n\t", codes[i].code);
		put(codes[i].means);
		puts("\n");
	}
}

static void print_program(struct isb_arena *arena)
{
	puts("isobar(1) \"isobar " ISB_VERSION "\" \"isobar\"\n\n"
	     "# NAME\n\nisobar - edits and explains the catalog of a DNS load balancer\n\n"
	     "# SYNOPSIS\n\n*isobar* [_options_] _verb_ ...\n\n"
	     "# DESCRIPTION\n\n"
	     "The catalog says which names are answered by which endpoints, and how these are checked; see "
	     "*isobar-catalog*(5). Every edit is one transaction: it is checked whole, gets a number, the generation, and stands in the journal "
	     "with its author and reason. *--dry-run* shows any edit as a plan, with the clients that it would move, and *isobar "
	     "rollback* takes edits back.\n\n"
	     "Documents go to standard output, sentences about what is wrong to standard error. Words with a space or another "
	     "sign of the shell want quotes. *isobar help* _verb_ says of a verb what stands here.\n\n"
	     "# OPTIONS\n\nThese may stand with every verb, before or after it.\n");
	print_options(arena, CLI_GLOBAL);
	puts("# VERBS\n");
	for (size_t i = 0; cli_verbs[i]; i++)
		print_verb(arena, cli_verbs[i]);
	print_exits();
	puts("# ENVIRONMENT\n\n"
	     "*ISOBAR\\_STORE*\n\tthe directory of the store, where *--store* does not say it\n\n"
	     "*ISOBAR\\_SERVER*\n\twhere verbs run, where neither *--server* nor *--store* says it\n\n"
	     "*ISOBAR\\_TOKEN*\n\tthe token for it, where *--token-file* names none\n\n"
	     "*NO\\_COLOR*\n\twhen it is there and not empty, nothing is coloured on a terminal either\n\n"
	     "*SUDO\\_USER*\n\twho stands in the journal as the author, where sudo says so\n\n"
	     "# FILES\n\n"
	     "_/var/lib/isobar_\n\tthe store, unless told otherwise\n\n"
	     "_geo.mmdb_\n\tin the store: the geo database, unless *--geo* names others\n\n"
	     "# SEE ALSO\n\n*isobar-catalog*(5), *isobard*(8), *isobar-probe*(8), *isobar-control*(8)");
}

/* --- isobar-catalog(5) --- */

static void print_field(struct isb_arena *arena, const struct isb_field *f)
{
	put_in("*", f->name);
	fputs(": ", stdout);
	put(f->type);
	if (f->range)
		put(isb_arena_printf(arena, ", %s", f->range));
	if (f->unit)
		put(isb_arena_printf(arena, " %s", f->unit));
	if (f->preset)
		put(isb_arena_printf(arena, "; default %s", f->preset));
	if (f->only)
		put(isb_arena_printf(arena, "; of type %s", f->only));
	if (f->required)
		fputs("; required", stdout);
	fputs("\n\t", stdout);
	put(f->help);
	puts("\n");
}

static void print_fields(struct isb_arena *arena, const char *title, const struct isb_field *fields, size_t count)
{
	printf("%s\n\n", title);
	for (size_t i = 0; i < count; i++)
		print_field(arena, &fields[i]);
}

/* Together they are one catalog that passes its check. */
static const char *const examples[ISB_KIND_COUNT] = {
	[ISB_REGION] = "regions:\n  seoul:    {location: [37.57, 126.98]}\n  virginia: {location: [38.95, -77.45]}\n",
	[ISB_CHECK] = "checks:\n  web: {type: https, host: www.example.com, path: /health, interval: 2s, timeout: 1s}\n",
	[ISB_POOL] = "pools:\n"
	             "  asia:\n    check: web\n    endpoints:\n"
	             "      icn-1: {region: seoul, address: [192.0.2.10, \"2001:db8::10\"], weight: 20}\n"
	             "      icn-2: {region: seoul, address: 192.0.2.11}\n"
	             "  us: {check: web, endpoints: {iad-1: {region: virginia, address: 198.51.100.10}}}\n",
	[ISB_POLICY] = "policies:\n"
	               "  www:\n    order: geo\n    rules:\n"
	               "      - {continent: AS, use: [asia, us]}\n"
	               "      - {default: true, use: {order: nearest, of: [us, asia]}}\n"
	               "  canary: {order: weighted, of: [{use: us, weight: 95}, {use: asia, weight: 5}]}\n",
	[ISB_ZONE] = "zones:\n"
	             "  example.com:\n    text: |\n"
	             "      @    3600 SOA ns1 hostmaster 1 7200 1800 1209600 300\n"
	             "      @    3600 NS  ns1\n"
	             "      ns1  3600 A   192.0.2.53\n",
	[ISB_RECORD] = "    records:\n"
	               "      www:  {types: [A, AAAA], ttl: 30s, policy: www}\n"
	               "      beta: {types: [A, AAAA], policy: canary}\n",
};

static void print_kind(struct isb_arena *arena, enum isb_kind kind)
{
	static const char *const where[ISB_KIND_COUNT] = {
		[ISB_RECORD] = "Inside a zone's *records:*, by owner name relative to the zone; @ is the zone's own name. A "
		               "record is laid over the zone's ordinary rrsets of its types.",
	};
	const struct isb_field *fields;
	size_t count = isb_fields(kind, &fields);
	printf("# %s\n\n", isb_kind_plural(kind));
	if (where[kind])
		printf("%s\n", where[kind]);
	else
		printf("A map under *%s:*, by name.\n", isb_kind_plural(kind));
	print_fields(arena, "", fields, count);
	if (kind == ISB_POOL) {
		count = isb_endpoint_fields(&fields);
		print_fields(arena, "## endpoints\n\nEach in its pool's *endpoints:*, by name.", fields, count);
	}
	if (kind == ISB_POLICY) {
		count = isb_child_fields(&fields);
		print_fields(arena, "## children\n\nEach in *of:*, unless it is a bare name.", fields, count);
		count = isb_rule_fields(&fields);
		print_fields(arena, "## rules\n\nEach in *rules:*; any of the things it names is enough to match.", fields, count);
	}
	printf("For example:\n\n```\n%s```\n\n", examples[kind]);
}

static void print_catalog(struct isb_arena *arena)
{
	puts("isobar-catalog(5) \"isobar " ISB_VERSION "\" \"isobar\"\n\n"
	     "# NAME\n\nisobar-catalog - what is answered, by whom, and how that is checked\n\n"
	     "# DESCRIPTION\n\n"
	     "The catalog is what an operator edits. *isobar apply* reads it from files in YAML, *isobar export* prints it so, "
	     "and *isobar set* takes the same fields one by one: _KIND NAME field=value_. Below stands for each kind of object "
	     "what can be set: its type, its range and unit, its default, and what it is for. A field with a dot, as "
	     "*expect.status*, stands inside a map: _expect: {status: 200}_.\n\n"
	     "Names are case sensitive, but domain names, which are not. Spans of time are written 500ms, 30s, 10m, 2h or "
	     "1d.\n");
	for (enum isb_kind kind = 0; kind < ISB_KIND_COUNT; kind++)
		print_kind(arena, kind);
	puts("# SEE ALSO\n\n*isobar*(1), *isobard*(8), *isobar-probe*(8)");
}

/* A page without one shall not be built. */
static int check_help(struct isb_arena *arena)
{
	struct cli_option option;
	for (size_t i = 0; cli_option(i, &option); i++)
		if (!*usage_option(arena, &option).help)
			return cli_fail(CLI_FAILED, "there is no help for the option --%s", option.name);
	return CLI_OK;
}

int cli_print_man(const char *page)
{
	struct isb_arena arena = {0};
	int rc = check_help(&arena);
	if (rc == CLI_OK && page && strcmp(page, "isobar") == 0)
		print_program(&arena);
	else if (rc == CLI_OK && page && strcmp(page, "isobar-catalog") == 0)
		print_catalog(&arena);
	else if (rc == CLI_OK)
		rc = cli_fail(CLI_USAGE, "which page? write: isobar help man isobar, or isobar help man isobar-catalog");
	isb_arena_done(&arena);
	return rc;
}
