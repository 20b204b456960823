/* SPDX-License-Identifier: Apache-2.0 */
#include "completion.h"

#include <stdio.h>
#include <string.h>

/* Completions for bash and zsh: the words that the verb table knows, and names from the store by the verbs that list
 * them. Both read one set of functions, in the language they share; each has its own way to ask for them. */

/* `$1` a source, `$2` the kind, where the command line says one. */
static const char sources[] =
	"_isobar_run()\n"
	"{\n"
	"\t\"$_isobar_program\" ${_isobar_store:+--store \"$_isobar_store\"} \"$@\" 2>/dev/null </dev/null | head -n 5000\n"
	"}\n"
	"_isobar_names()\n"
	"{\n"
	"\tcase $1 in\n"
	"\tgeneration) ;; # has a source of its own\n"
	"\trrset) _isobar_run show rrsets | sed -n 's/^rrset \\([^ ]*\\) .*/\\1/p' | uniq ;;\n"
	"\t*) _isobar_run show \"$1\" | sed -n \"s/^$1 //p\" ;;\n"
	"\tesac\n"
	"}\n"
	"_isobar_source()\n"
	"{\n"
	"\tcase $1 in\n"
	"\t@verbs) _isobar_verbs | cut -f 1 ;;\n"
	"\t@kinds) _isobar_kinds ;;\n"
	"\t@types) _isobar_types ;;\n"
	"\t@fields) _isobar_fields \"$2\" ;;\n"
	"\t@of-kind) _isobar_names \"$2\" ;;\n"
	"\t@sides) _isobar_names pool; _isobar_names policy ;;\n"
	"\t@places) _isobar_names region; _isobar_names pool; _isobar_names endpoint ;;\n"
	"\t@records) _isobar_names record ;;\n"
	"\t@names) _isobar_names record | sed -e 's|^\\([^/]*\\)/@$|\\1|' -e 's|^\\([^/]*\\)/\\(.*\\)$|\\2.\\1|' ;;\n"
	"\t@rrsets) _isobar_names rrset ;;\n"
	"\t@generations) _isobar_run log | sed -n 's/^generation \\([0-9]*\\) .*/\\1/p' ;;\n"
	"\t@policies) _isobar_names policy ;;\n"
	"\t@regions | @pools | @zones | @endpoints) _isobar_names \"$(echo \"$1\" | sed 's/^@\\(.*\\)s$/\\1/')\" ;;\n"
	"\t*) printf '%s\\n' \"$1\" ;; # a word, @files or @dirs\n"
	"\tesac\n"
	"}\n"
	"_isobar_rule() # FROM TO PATTERN SOURCE...: for words FROM to TO behind what looks like PATTERN\n"
	"{\n"
	"\t[ -n \"${ZSH_VERSION-}\" ] && emulate -L sh\n"
	"\t[ \"$_isobar_n\" -ge \"$1\" ] && [ \"$_isobar_n\" -le \"$2\" ] || return 0\n"
	"\tcase $_isobar_path in\n"
	"\t$3) ;;\n"
	"\t*) return 0 ;;\n"
	"\tesac\n"
	"\tshift 3\n"
	"\tfor _isobar_each; do\n"
	"\t\t_isobar_source \"$_isobar_each\" \"$_isobar_kind\"\n"
	"\tdone\n"
	"}\n";

/* Sets what the functions above look at, from the words before the one that is completed. */
static const char look[] =
	"\tskip= _isobar_store= _isobar_n=0 _isobar_path= _isobar_kind= _isobar_verb=\n"
	"\tfor word in \"${before[@]}\"; do\n"
	"\t\tif [[ -n $skip ]]; then\n"
	"\t\t\t[[ $word == = ]] && continue\n"
	"\t\t\t[[ $skip == -s || $skip == --store ]] && _isobar_store=$word\n"
	"\t\t\tskip=\n"
	"\t\telif [[ $word == -* ]]; then\n"
	"\t\t\t_isobar_takes_value \"$word\" && skip=$word\n"
	"\t\telse\n"
	"\t\t\t[[ $_isobar_n == 0 ]] && _isobar_verb=$word\n"
	"\t\t\t[[ $_isobar_n == 1 ]] && _isobar_kind=$word\n"
	"\t\t\t_isobar_path+=${_isobar_path:+:}$word\n"
	"\t\t\t_isobar_n=$((_isobar_n + 1))\n"
	"\t\tfi\n"
	"\tdone\n";

static const char bash[] =
	"_isobar()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} word skip line before=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n"
	"\tlocal _isobar_program=${COMP_WORDS[0]} _isobar_store _isobar_n _isobar_path _isobar_kind _isobar_verb\n"
	"%s"
	"\t[[ $cur == = ]] && cur=\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t@files | @dirs)\n"
	"\t\t\tlocal how=-f\n"
	"\t\t\t[[ $line == @dirs ]] && how=-d\n"
	"\t\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\t\twhile IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen \"$how\" -- \"$cur\") ;;\n"
	"\t\t\"$cur\"*)\n"
	"\t\t\t[[ $line == *= ]] && compopt -o nospace 2>/dev/null\n"
	"\t\t\tprintf -v word %%q \"$line\"\n"
	"\t\t\tCOMPREPLY+=(\"$word\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(\n"
	"\t\tif [[ -n $skip ]]; then\n"
	"\t\t\tfor word in $(_isobar_value \"$skip\"); do _isobar_source \"$word\"; done\n"
	"\t\telif [[ $cur == -* ]]; then\n"
	"\t\t\t_isobar_options \"$_isobar_verb\" | cut -f 1\n"
	"\t\telif [[ $_isobar_n == 0 ]]; then\n"
	"\t\t\t_isobar_verbs | cut -f 1\n"
	"\t\telse\n"
	"\t\t\t_isobar_words | awk '!seen[$0]++'\n"
	"\t\tfi)\n"
	"}\n"
	"complete -F _isobar isobar\n";

static const char zsh[] =
	"_isobar()\n"
	"{\n"
	"\tlocal word skip line cur=$words[CURRENT]\n"
	"\tlocal _isobar_program=${(Q)words[1]} _isobar_store _isobar_n _isobar_path _isobar_kind _isobar_verb\n"
	"\tlocal -a before=(\"${(@Q)words[2,CURRENT-1]}\") list told assigned\n"
	"%s"
	"\tif [[ -n $skip ]]; then\n"
	"\t\tfor word in $(_isobar_value \"$skip\"); do list+=(\"${(@f)$(_isobar_source \"$word\")}\"); done\n"
	"\telif [[ $cur == -* || $_isobar_n == 0 ]]; then\n"
	"\t\t[[ $cur == -* ]] && word=$(_isobar_options \"$_isobar_verb\") || word=$(_isobar_verbs)\n"
	"\t\tfor line in \"${(@f)word}\"; do\n"
	"\t\t\ttold+=(\"${${line%%%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\")\n"
	"\t\tdone\n"
	"\t\t_describe 'isobar' told\n"
	"\t\treturn\n"
	"\telse\n"
	"\t\tlist=(\"${(@f)$(_isobar_words)}\")\n"
	"\tfi\n"
	"\t(( ${list[(I)@files]} )) && _files\n"
	"\t(( ${list[(I)@dirs]} )) && _files -/\n"
	"\tlist=(\"${(@)list:#@(files|dirs)}\")\n"
	"\tassigned=(\"${(@M)list:#*=}\")\n"
	"\tlist=(\"${(@)list:#*=}\")\n"
	"\tcompadd -a -- list\n"
	"\tcompadd -S '' -a -- assigned\n"
	"}\n"
	"if [[ $funcstack[1] == _isobar ]]; then _isobar \"$@\"; else compdef _isobar isobar; fi\n";

/* --- From the tables --- */

static void print_list(const char *name, const char *words)
{
	printf("%s()\n{\n\tprintf '%%s\\n'%s\n}\n", name, words);
}

static void print_tables(struct isb_arena *arena)
{
	struct isb_buf words = {0};
	printf("_isobar_verbs()\n{\n\tprintf '%%s\\t%%s\\n'");
	for (size_t i = 0; cli_verbs[i]; i++)
		printf(" \\\n\t\t%s %s", cli_verbs[i]->name, completion_quote(arena, cli_verbs[i]->help, false));
	puts("\n}");
	for (int kind = 0; kind < CLI_KINDS; kind++)
		isb_buf_printf(&words, " %s", cli_kind_name(kind));
	print_list("_isobar_kinds", isb_buf_text(&words));
	isb_buf_reset(&words);
	completion_types(&words);
	print_list("_isobar_types", isb_buf_text(&words));
	puts("_isobar_fields()\n{\n\tcase $1 in");
	for (int kind = 0; kind < CLI_KINDS; kind++) {
		isb_buf_reset(&words);
		completion_fields(&words, kind);
		if (words.len)
			printf("\t%s) printf '%%s\\n'%s ;;\n", cli_kind_name(kind), isb_buf_text(&words));
	}
	puts("\tesac\n}");
	isb_buf_done(&words);
}

static void print_spellings(const struct cli_option *option, const char *between)
{
	if (option->is_short)
		printf("-%c%s", option->letter, between);
	printf("--%s", option->name);
}

static void print_values(struct isb_arena *arena)
{
	struct cli_option option;
	puts("_isobar_takes_value()\n{\n\tcase $1 in");
	for (size_t i = 0; cli_option(i, &option); i++)
		if (option.value) {
			putchar('\t');
			print_spellings(&option, " | ");
			puts(") ;;");
		}
	puts("\t*) return 1 ;;\n\tesac\n}\n_isobar_value()\n{\n\tcase $1 in");
	for (size_t i = 0; cli_option(i, &option); i++) {
		const char *sources_of = completion_value(&option, usage_option(arena, &option).metavar);
		if (!option.value || !*sources_of)
			continue;
		putchar('\t');
		print_spellings(&option, " | ");
		printf(") printf '%%s\\n' %s ;;\n", sources_of);
	}
	puts("\tesac\n}");
}

static void print_option(struct isb_arena *arena, const struct cli_option *option)
{
	const char *help = completion_quote(arena, usage_option(arena, option).help, false);
	printf(" \\\n\t\t\t--%s %s", option->name, help);
	if (option->is_short)
		printf(" \\\n\t\t\t-%c %s", option->letter, help);
}

static void print_options(struct isb_arena *arena)
{
	struct cli_option option;
	puts("_isobar_options()\n{\n\tcase $1 in");
	for (size_t v = 0; cli_verbs[v]; v++) {
		printf("\t%s)\n\t\tprintf '%%s\\t%%s\\n'", cli_verbs[v]->name);
		for (size_t i = 0; cli_option(i, &option); i++)
			if (usage_takes(cli_verbs[v], &option))
				print_option(arena, &option);
		puts(" ;;");
	}
	printf("\t*)\n\t\tprintf '%%s\\t%%s\\n'");
	for (size_t i = 0; cli_option(i, &option); i++)
		if (strchr(CLI_GLOBAL, option.letter))
			print_option(arena, &option);
	puts(" ;;\n\tesac\n}");
}

int cli_print_completion(const char *shell)
{
	struct isb_arena arena = {0};
	bool is_bash = shell && strcmp(shell, "bash") == 0, is_zsh = shell && strcmp(shell, "zsh") == 0;
	bool is_fish = shell && strcmp(shell, "fish") == 0;
	if (!is_bash && !is_zsh && !is_fish)
		return cli_fail(CLI_USAGE, "for which shell? write: isobar help completion bash, zsh or fish");
	if (is_fish) {
		completion_print_fish(&arena);
	} else {
		printf("%s# Completions of isobar, made by: isobar help completion %s\n", is_zsh ? "#compdef isobar\n" : "", shell);
		print_tables(&arena);
		print_values(&arena);
		print_options(&arena);
		fputs(sources, stdout);
		puts("_isobar_words()\n{");
		completion_print_rules(&arena, "_isobar_rule");
		puts("}");
		printf(is_zsh ? zsh : bash, look);
	}
	isb_arena_done(&arena);
	return CLI_OK;
}
