/* SPDX-License-Identifier: Apache-2.0 */
#include "completion.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "isobar/model/rr.h"

static bool is_literal(const char *word)
{
	return islower((unsigned char)*word) && !strchr(word, '=');
}

static const char *source_of(const struct usage_form *form, size_t i, const char *word)
{
	static const char *const sources[][2] = {
		{"KIND", "@kinds"},       {"VERB", "@verbs"},          {"POOL/ENDPOINT", "@endpoints"},
		{"RECORD", "@records"},   {"FROM", "@sides"},          {"TO", "@sides"},
		{"FILE", "@files"},       {"LOG", "@files"},           {"GENERATION", "@generations"},
		{"TYPE", "@types"},       {"field=value", "@fields"},  {"POOL", "@pools"},
		{"REGION", "@regions"},   {"ZONE", "@zones"},
	};
	const char *before = i ? form->slots[i - 1].word : "";
	if (strcmp(word, "NAME") == 0)
		return strcmp(before, "KIND") == 0    ? "@of-kind"
		       : strcmp(before, "rrset") == 0 ? "@rrsets"
		       : strcmp(before, "zone") == 0  ? "@zones"
		                                      : "@names";
	for (size_t k = 0; k < sizeof(sources) / sizeof(sources[0]); k++)
		if (strcmp(word, sources[k][0]) == 0)
			return sources[k][1];
	return is_literal(word) ? word : NULL; /* RDATA, NETWORK: anything */
}

/* The sources of the slot `i`, each behind a blank. */
static void add_slot(struct isb_buf *out, const struct usage_form *form, size_t i)
{
	char word[64];
	for (const char *at = form->slots[i].word; *at;) {
		size_t len = strcspn(at, "|");
		if (len >= sizeof(word))
			return;
		memcpy(word, at, len);
		word[len] = '\0';
		const char *source = source_of(form, i, word);
		if (source)
			isb_buf_printf(out, " %s", source);
		at += len + (at[len] == '|');
	}
}

enum { PATHS = 16 };

/* Patterns of what stands before the slot `i`: one for each combination of words that stand for themselves. */
static size_t paths_of(struct isb_arena *arena, const struct verb *verb, const struct usage_form *form, size_t i,
                       const char *ret[PATHS])
{
	size_t count = 1;
	ret[0] = verb->name;
	for (size_t k = 0; k < i; k++) {
		const char *word = form->slots[k].word;
		size_t before = count;
		if (!is_literal(word)) {
			for (size_t p = 0; p < count; p++)
				ret[p] = isb_arena_printf(arena, "%s:*", ret[p]);
			continue;
		}
		for (const char *at = word; *at && count < PATHS;) {
			size_t len = strcspn(at, "|");
			for (size_t p = 0; p < before && count < PATHS; p++)
				ret[count++] = isb_arena_printf(arena, "%s:%.*s", ret[p], (int)len, at);
			at += len + (at[len] == '|');
		}
		count -= before;
		memmove(ret, ret + before, count * sizeof(*ret));
	}
	return count;
}

static void print_form(struct isb_arena *arena, const char *rule, const struct verb *verb,
                       const struct usage_form *form)
{
	struct isb_buf slot = {0};
	for (size_t i = 0; i < form->count; i++) {
		const char *paths[PATHS];
		size_t npath = paths_of(arena, verb, form, i, paths);
		bool repeats = form->slots[i].repeats;
		isb_buf_reset(&slot);
		add_slot(&slot, form, i);
		for (size_t p = 0; slot.len && p < npath; p++)
			printf("\t%s %zu %zu '%s%s'%s\n", rule, i + 1, repeats ? 999 : i + 1, paths[p], repeats ? "*" : "",
			       isb_buf_text(&slot));
	}
	isb_buf_done(&slot);
}

void completion_print_rules(struct isb_arena *arena, const char *rule)
{
	struct usage_form forms[USAGE_FORMS];
	for (size_t v = 0; cli_verbs[v]; v++) {
		size_t count = usage_forms(arena, cli_verbs[v], forms);
		for (size_t f = 0; f < count; f++)
			print_form(arena, rule, cli_verbs[v], &forms[f]);
	}
}

const char *completion_value(const struct cli_option *option, const char *metavar)
{
	static const char *const values[][2] = {
		{"output", "table json yaml"}, {"format", "query-log csv dnstap"}, {"abort-if", "down"},
		{"to", "@sides"},              {"zone", "@zones"},                 {"down", "@places"},
		{"if-generation", "@generations"}, {"role", "read operate admin"},
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (strcmp(option->name, values[i][0]) == 0)
			return values[i][1];
	return strcmp(metavar, "FILE") == 0 ? "@files" : strcmp(metavar, "DIR") == 0 ? "@dirs" : "";
}

void completion_fields(struct isb_buf *out, int kind)
{
	const struct isb_field *fields;
	size_t n = kind == CLI_RRSET      ? 0
	           : kind == CLI_ENDPOINT ? isb_endpoint_fields(&fields)
	                                  : isb_fields((enum isb_kind)kind, &fields);
	for (size_t i = 0; i < n; i++)
		isb_buf_printf(out, " %s=", fields[i].name);
}

void completion_types(struct isb_buf *out)
{
	char text[ISB_TYPE_TEXT];
	for (uint32_t type = 1; type <= UINT16_MAX; type++)
		if (isb_type_is_data((uint16_t)type) && strncmp(isb_type_print((uint16_t)type, text), "TYPE", 4) != 0)
			isb_buf_printf(out, " %s", text);
}

const char *completion_quote(struct isb_arena *arena, const char *text, bool fish)
{
	struct isb_buf out = {0};
	isb_buf_putc(&out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			isb_buf_puts(&out, fish ? "\\'" : "'\\''");
		else if (*text == '\\' && fish)
			isb_buf_puts(&out, "\\\\");
		else
			isb_buf_putc(&out, *text);
	}
	isb_buf_putc(&out, '\'');
	const char *quoted = isb_arena_strdup(arena, isb_buf_text(&out));
	isb_buf_done(&out);
	return quoted;
}
