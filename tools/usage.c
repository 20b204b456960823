/* SPDX-License-Identifier: Apache-2.0 */
#include "usage.h"

#include <string.h>

bool usage_takes(const struct verb *verb, const struct cli_option *option)
{
	return strchr(verb->options, option->letter) || strchr(CLI_GLOBAL, option->letter);
}

/* --- Forms --- */

/* "--for" and "-f", with what may stand behind them: "--watch[=SPAN" */
static bool takes_value(const char *word, size_t len)
{
	struct cli_option option;
	size_t name = strcspn(word, "[=");
	for (size_t i = 0; cli_option(i, &option); i++) {
		bool is_long = len > 2 && name - 2 == strlen(option.name) && strncmp(word + 2, option.name, name - 2) == 0;
		if (is_long || (len == 2 && option.is_short && word[1] == option.letter))
			return option.value;
	}
	return false;
}

static void add_form(struct isb_arena *arena, const char *line, size_t len, struct usage_form *form)
{
	bool skip = false, slot = false; /* the value of an option is to come; the last word was a slot */
	*form = (struct usage_form){.count = 0};
	for (const char *at = line, *end = line + len; at < end;) {
		size_t n = strcspn(at, " \n");
		const char *word = at, *stop = at + n;
		at += n + 1;
		while (word < stop && *word == '[')
			word++;
		while (stop > word && stop[-1] == ']')
			stop--;
		n = (size_t)(stop - word);
		bool dots = n == 3 && memcmp(word, "...", 3) == 0;
		if (dots && slot)
			form->slots[form->count - 1].repeats = true;
		slot = !dots && !skip && n && *word != '-' && form->count < USAGE_SLOTS && strncmp(word, "OPTION", n) != 0;
		if (slot)
			form->slots[form->count++].word = isb_arena_strndup(arena, word, n);
		skip = n && *word == '-' && takes_value(isb_arena_strndup(arena, word, n), n);
	}
}

size_t usage_forms(struct isb_arena *arena, const struct verb *verb, struct usage_form ret[USAGE_FORMS])
{
	size_t count = 0;
	for (const char *line = verb->usage; count < USAGE_FORMS;) {
		size_t len = strcspn(line, "\n");
		add_form(arena, line, len, &ret[count++]);
		if (!line[len])
			break;
		line += len + 1;
	}
	return count;
}

/* --- Options --- */

struct usage_option usage_option(struct isb_arena *arena, const struct cli_option *option)
{
	struct isb_buf help = {0};
	const char *metavar = "", *dashes = strstr(option->text, "--");
	const char *at = dashes ? dashes + 2 + strlen(option->name) : "";
	if (option->value || *at == '[') {
		at += strspn(at, " ");
		size_t len = strcspn(at, " \n");
		metavar = isb_arena_strndup(arena, at, len);
		at += len;
	}
	while (*at) {
		at += strspn(at, " \n");
		size_t len = strcspn(at, "\n");
		isb_buf_printf(&help, "%s%.*s", help.len && len ? " " : "", (int)len, at);
		at += len;
	}
	const char *text = isb_arena_strdup(arena, isb_buf_text(&help));
	isb_buf_done(&help);
	return (struct usage_option){.metavar = metavar, .help = text};
}
