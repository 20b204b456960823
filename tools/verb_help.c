/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "usage.h"

/* help: the program, a verb, or what can be set in a kind of object, from the very table that reads it. */

enum { SCREEN = 79, BRIEF = 25 }; /* columns */

/* Two verbs to a line, group by group. */
static void print_group(FILE *out, const char *title, enum cli_group group)
{
	unsigned column = 0;
	int width = 0; /* of the words before */
	for (size_t i = 0; cli_verbs[i]; i++) {
		const struct verb *verb = cli_verbs[i];
		const char *brief = verb->brief ? verb->brief : "";
		if (verb->group != group)
			continue;
		if (column % 2 == 0)
			fprintf(out, "%s%-8s  %-9s %s", column ? "\n" : "", column ? "" : title, verb->name, brief);
		else
			fprintf(out, "%*s  %-9s %s", width < BRIEF ? BRIEF - width : 0, "", verb->name, brief);
		width = (int)strlen(brief);
		column++;
	}
	if (column)
		putc('\n', out);
}

void cli_print_help(FILE *out)
{
	static const char *const titles[CLI_GROUPS] = {
		[CLI_CHANGE] = "Change", [CLI_STEER] = "Steer", [CLI_LOOK] = "Look", [CLI_TRY] = "Try", [CLI_MORE] = "More"};
	fputs("isobar edits and explains the catalog of a DNS load balancer\n"
	      "usage: isobar [options] VERB ...       (or KIND VERB ...: isobar pool show asia)\n\n",
	      out);
	for (enum cli_group group = CLI_CHANGE; group < CLI_GROUPS; group++)
		print_group(out, titles[group], group);
	print_group(out, titles[CLI_MORE], CLI_MORE);
	fputs("\n  -s, --store DIR      default $ISOBAR_STORE or /var/lib/isobar\n"
	      "  --server WHERE       elsewhere: https://HOST:8053, unix:PATH; $ISOBAR_SERVER\n"
	      "  -o, --output FORMAT  table, json or yaml;  --json;  -h, --help;  -V, --version\n"
	      "isobar VERB --help says more; where a FILE is taken, - is standard input\n"
	      "exit status: 0 done, 1 refused, 2 wrong command line, 3 the catalog moved on,\n"
	      "             4 there is no such thing, 5 the store cannot be read or written\n",
	      out);
}

/* Words of one line or several, as one paragraph; lines behind the first begin `indent` columns in. `column` is where the
 * first begins. */
static void print_folded(const char *text, size_t len, size_t column, size_t indent)
{
	for (const char *end = text + len; text < end;) {
		size_t word = strcspn(text, " \n");
		if (word > (size_t)(end - text))
			word = (size_t)(end - text);
		if (column > indent && column + 1 + word > SCREEN) {
			printf("\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent && word) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)word, text);
		column += word;
		text += word + (text + word < end);
	}
	putchar('\n');
}

void cli_print_verb_help(const struct verb *verb)
{
	const char *usage = verb->usage, *lead = "usage:";
	do {
		size_t len = strcspn(usage, "\n"), column = (size_t)printf("%s isobar %s", lead, verb->name);
		print_folded(usage, len, column, strlen("usage: isobar "));
		usage += len + (usage[len] == '\n');
		lead = "      ";
	} while (*usage);
	putchar('\n');
	print_folded(verb->help, strlen(verb->help), 0, 0);
	print_folded(verb->more, strlen(verb->more), 0, 0);
	if (*verb->options)
		putchar('\n');
	cli_print_option_help(verb->options);
	size_t column = (size_t)printf("\nfor example: isobar %s", verb->name) - 1;
	print_folded(verb->example, strlen(verb->example), column, strlen("for example: "));
}

/* --- Fields of a kind --- */

static void print_field(const struct isb_field *f)
{
	printf("  %-15s %s", f->name, f->type);
	if (f->range)
		printf(": %s", f->range);
	if (f->unit)
		printf(" %s", f->unit);
	if (f->preset)
		printf("; default %s", f->preset);
	if (f->only)
		printf("; of type %s", f->only);
	printf("%s\n  %-15s %s\n", f->required ? "; required" : "", "", f->help);
}

static json_t *json_fields(const struct isb_field *fields, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		const struct isb_field *f = &fields[i];
		json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:b, s:s}", "name", f->name, "type", f->type,
		                                      "range", f->range, "default", f->preset, "unit", f->unit, "only", f->only, "required",
		                                      f->required, "help", f->help));
	}
	return list;
}

static void print_fields(json_t *json, const char *key, const char *title, const struct isb_field *fields, size_t count)
{
	if (json) {
		json_object_set_new(json, key, json_fields(fields, count));
		return;
	}
	printf("%s\n", title);
	for (size_t i = 0; i < count; i++)
		print_field(&fields[i]);
}

static int print_kind(const struct cli *cli, int kind)
{
	const struct isb_field *fields;
	size_t n;
	if (kind == CLI_RRSET) {
		if (cli->json)
			return cli_fail(CLI_USAGE, "an rrset has no fields; see isobar help set");
		puts("rrset: ordinary records of one name and type\n"
		     "  isobar set rrset NAME TYPE TTL RDATA ...   each RDATA is one record's, as in a master file\n"
		     "  isobar set rrset example.com MX 1h '10 mail.example.com.'");
		return CLI_OK;
	}
	json_t *json = cli->json ? json_object() : NULL;
	char title[96];
	snprintf(title, sizeof(title), "%s: fields, their type, range and default", cli_kind_name(kind));
	n = kind == CLI_ENDPOINT ? isb_endpoint_fields(&fields) : isb_fields((enum isb_kind)kind, &fields);
	print_fields(json, cli_kind_name(kind), title, fields, n);
	if (kind == ISB_POOL) {
		n = isb_endpoint_fields(&fields);
		print_fields(json, "endpoint", "each endpoint, also by itself as POOL/ENDPOINT:", fields, n);
	}
	if (kind == ISB_POLICY) {
		n = isb_child_fields(&fields);
		print_fields(json, "child", "each child in 'of', unless it is a bare name:", fields, n);
		n = isb_rule_fields(&fields);
		print_fields(json, "rule", "each rule in 'rules'; any of the things it names is enough to match:", fields, n);
	}
	if (json)
		cli_print_json(cli, json);
	return CLI_OK;
}

static int print_verb(const struct cli *cli, const struct verb *verb)
{
	if (cli->json)
		cli_print_json(cli, json_pack("{s:s, s:s, s:s, s:s}", "verb", verb->name, "usage", verb->usage, "help", verb->help,
		                         "example", verb->example));
	else
		cli_print_verb_help(verb);
	return CLI_OK;
}

static int print_verbs(const struct cli *cli)
{
	if (!cli->json) {
		cli_print_help(stdout);
		return CLI_OK;
	}
	json_t *json = json_object();
	for (size_t i = 0; cli_verbs[i]; i++)
		json_object_set_new(json, cli_verbs[i]->name, json_string(cli_verbs[i]->help));
	cli_print_json(cli, json);
	return CLI_OK;
}

static int run(struct cli *cli)
{
	const char *names[32]; /* verbs and kinds */
	size_t n = 0;
	if (cli->count == 0)
		return print_verbs(cli);
	if (strcmp(cli->words[0], "completion") == 0)
		return cli_print_completion(cli->words[1]);
	if (strcmp(cli->words[0], "man") == 0)
		return cli_print_man(cli->words[1]);
	if (cli->count > 1)
		return cli_fail(CLI_USAGE, "help takes one verb or one kind; write: isobar help %s", cli->words[0]);
	const char *word = cli->words[0];
	for (size_t i = 0; cli_verbs[i]; i++) {
		if (strcmp(word, cli_verbs[i]->name) == 0)
			return print_verb(cli, cli_verbs[i]);
		names[n++] = cli_verbs[i]->name;
	}
	for (int kind = 0; kind < CLI_KINDS; kind++) {
		if (strcmp(word, cli_kind_name(kind)) == 0 || strcmp(word, cli_kind_plural(kind)) == 0)
			return print_kind(cli, kind);
		names[n++] = cli_kind_name(kind);
	}
	names[n] = NULL;
	const char *near = isb_nearest(word, names);
	return near ? cli_fail(CLI_USAGE, "there is no help for '%s'; did you mean '%s'?", word, near)
	            : cli_fail(CLI_USAGE, "there is no help for '%s'; see isobar help", word);
}

const struct verb verb_help = {
	"help", "[VERB|KIND]\ncompletion bash|zsh|fish\nman isobar|isobar-catalog",
	"what a verb takes, or what can be set in a kind (isobar help pool)",
	"Kinds: region, check, pool, endpoint, policy, zone, record, rrset.\n"
	"completion prints what a shell reads to complete words; man prints a page of the manual for scdoc.\n", "pool", "",
	run, CLI_MORE, "of a verb or a kind", CLI_ANY_KIND};
