/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "completion.h"

/* Completions for fish: the same rules and sources as for the other shells, in its own language. */

static const char before[] =
	"function __isobar_look # notes the words before the cursor: the verb and what follows it\n"
	"\tset -g __isobar_store\n"
	"\tset -g __isobar_seen\n"
	"\tset -l skip ''\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -g __isobar_program $words[1]\n"
	"\tfor word in $words[2..-1]\n"
	"\t\tif test -n \"$skip\"\n"
	"\t\t\tcontains -- $skip -s --store; and set __isobar_store --store $word\n"
	"\t\t\tset skip ''\n"
	"\t\telse if string match -q -- '-*' $word\n"
	"\t\t\t__isobar_takes_value $word; and set skip $word\n"
	"\t\telse\n"
	"\t\t\tset -a __isobar_seen $word\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"function __isobar_verb # one of these verbs is there; without any: none is\n"
	"\t__isobar_look\n"
	"\tif test (count $argv) -eq 0\n"
	"\t\ttest (count $__isobar_seen) -eq 0\n"
	"\telse\n"
	"\t\tcontains -- \"$__isobar_seen[1]\" $argv\n"
	"\tend\n"
	"end\n"
	"function __isobar_run\n"
	"\tcommand $__isobar_program $__isobar_store $argv 2>/dev/null </dev/null | head -n 5000\n"
	"end\n"
	"function __isobar_names\n"
	"\tswitch $argv[1]\n"
	"\t\tcase generation # has a source of its own\n"
	"\t\tcase rrset\n"
	"\t\t\t__isobar_run show rrsets | string replace -rf '^rrset (\\S+) .*' '$1' | uniq\n"
	"\t\tcase '*'\n"
	"\t\t\t__isobar_run show $argv[1] | string replace -rf \"^$argv[1] \" ''\n"
	"\tend\n"
	"end\n"
	"function __isobar_source # SOURCE KIND\n"
	"\tswitch $argv[1]\n"
	"\t\tcase @verbs\n"
	"\t\t\t__isobar_verbs\n"
	"\t\tcase @kinds\n"
	"\t\t\t__isobar_kinds\n"
	"\t\tcase @types\n"
	"\t\t\t__isobar_types\n"
	"\t\tcase @fields\n"
	"\t\t\t__isobar_fields $argv[2]\n"
	"\t\tcase @of-kind\n"
	"\t\t\t__isobar_names $argv[2]\n"
	"\t\tcase @sides\n"
	"\t\t\t__isobar_names pool; __isobar_names policy\n"
	"\t\tcase @places\n"
	"\t\t\t__isobar_names region; __isobar_names pool; __isobar_names endpoint\n"
	"\t\tcase @names\n"
	"\t\t\t__isobar_names record | string replace -r '^([^/]*)/@$' '$1' | string replace -r '^([^/]*)/(.*)$' '$2.$1'\n"
	"\t\tcase @generations\n"
	"\t\t\t__isobar_run log | string replace -rf '^generation (\\d+) .*' '$1'\n"
	"\t\tcase @policies\n"
	"\t\t\t__isobar_names policy\n"
	"\t\tcase @files\n"
	"\t\t\t__fish_complete_path (commandline -ct)\n"
	"\t\tcase @dirs\n"
	"\t\t\t__fish_complete_directories (commandline -ct)\n"
	"\t\tcase '@*'\n"
	"\t\t\t__isobar_names (string replace -r '^@(.*)s$' '$1' -- $argv[1])\n"
	"\t\tcase '*'\n"
	"\t\t\techo $argv[1]\n"
	"\tend\n"
	"end\n"
	"function __isobar_rule # FROM TO PATTERN SOURCE...: for words FROM to TO behind what looks like PATTERN\n"
	"\tset -l n (count $__isobar_seen)\n"
	"\ttest $n -ge $argv[1] -a $n -le $argv[2]; or return\n"
	"\tstring match -q -- $argv[3] (string join : -- $__isobar_seen); or return\n"
	"\tfor each in $argv[4..-1]\n"
	"\t\t__isobar_source $each $__isobar_seen[2]\n"
	"\tend\n"
	"end\n";

static void print_list(const char *name, const char *words)
{
	printf("function %s\n\tprintf '%%s\\n'%s\nend\n", name, words);
}

static void print_tables(struct isb_arena *arena)
{
	struct isb_buf words = {0};
	printf("function __isobar_verbs\n\tprintf '%%s\\t%%s\\n'");
	for (size_t i = 0; cli_verbs[i]; i++)
		printf(" \\\n\t\t%s %s", cli_verbs[i]->name, completion_quote(arena, cli_verbs[i]->help, true));
	puts("\nend");
	for (int kind = 0; kind < CLI_KINDS; kind++)
		isb_buf_printf(&words, " %s", cli_kind_name(kind));
	print_list("__isobar_kinds", isb_buf_text(&words));
	isb_buf_reset(&words);
	completion_types(&words);
	print_list("__isobar_types", isb_buf_text(&words));
	puts("function __isobar_fields\n\tswitch $argv[1]");
	for (int kind = 0; kind < CLI_KINDS; kind++) {
		isb_buf_reset(&words);
		completion_fields(&words, kind);
		if (words.len)
			printf("\t\tcase %s\n\t\t\tprintf '%%s\\n'%s\n", cli_kind_name(kind), isb_buf_text(&words));
	}
	puts("\tend\nend");
	isb_buf_done(&words);
}

static void print_values(void)
{
	struct cli_option option;
	printf("function __isobar_takes_value\n\tcontains -- $argv[1]");
	for (size_t i = 0; cli_option(i, &option); i++) {
		if (option.value && option.is_short)
			printf(" -%c", option.letter);
		if (option.value)
			printf(" --%s", option.name);
	}
	puts("\nend");
}

static void print_option(struct isb_arena *arena, const struct cli_option *option)
{
	struct usage_option told = usage_option(arena, option);
	const char *values = completion_value(option, told.metavar);
	bool everywhere = strchr(CLI_GLOBAL, option->letter);
	printf("complete -c isobar");
	if (!everywhere) {
		printf(" -n '__isobar_verb");
		for (size_t v = 0; cli_verbs[v]; v++)
			if (usage_takes(cli_verbs[v], option))
				printf(" %s", cli_verbs[v]->name);
		putchar('\'');
	}
	if (option->is_short)
		printf(" -s %c", option->letter);
	printf(" -l %s", option->name);
	if (option->value && *values)
		printf(" -x -a '(__isobar_look; for each in %s; __isobar_source $each; end)'", values);
	else if (option->value)
		printf(" -x");
	printf(" -d %s\n", completion_quote(arena, told.help, true));
}

void completion_print_fish(struct isb_arena *arena)
{
	struct cli_option option;
	puts("# Completions of isobar, made by: isobar help completion fish");
	print_tables(arena);
	print_values();
	fputs(before, stdout);
	puts("function __isobar_words\n\t__isobar_look");
	completion_print_rules(arena, "__isobar_rule");
	puts("end");
	puts("complete -c isobar -f\n"
	     "complete -c isobar -n __isobar_verb -a '(__isobar_verbs)'\n"
	     "complete -c isobar -n 'not __isobar_verb' -a '(__isobar_words)'");
	for (size_t i = 0; cli_option(i, &option); i++)
		print_option(arena, &option);
}
