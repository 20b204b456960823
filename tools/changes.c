/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/store/codec.h"
#include "isobar/view/zonefile.h"

/* An edit as a plan one can read: objects with the lines of their bodies that differ, rrsets as master-file lines. */

enum { RRSET_LINES_MAX = 40 }; /* beyond that a zone is summed up */

struct lines {
	const char **at;
	size_t *len;
	size_t count;
};

static struct lines split(struct isb_slice text)
{
	struct lines lines = {0};
	const char *p = text.data, *end = p ? p + strlen(p) : p; /* rows of text end in a NUL */
	lines.at = isb_xcalloc(text.len + 1, sizeof(*lines.at));
	lines.len = isb_xcalloc(text.len + 1, sizeof(*lines.len));
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		lines.at[lines.count] = p;
		lines.len[lines.count++] = (size_t)(stop - p);
		p = stop + 1;
	}
	return lines;
}

static bool same_line(const struct lines *a, size_t i, const struct lines *b, size_t j)
{
	return a->len[i] == b->len[j] && memcmp(a->at[i], b->at[j], a->len[i]) == 0;
}

/* Longest common subsequence by the textbook table: bodies are tens of lines; a huge pool is cut to a summary. */
static void print_line_diff(struct isb_slice before, struct isb_slice after)
{
	struct lines a = split(before), b = split(after);
	if (a.count * b.count > 4000000) {
		printf("    (%zu lines before, %zu after)\n", a.count, b.count);
	} else {
		size_t w = b.count + 1;
		unsigned *lcs = isb_xcalloc((a.count + 1) * w, sizeof(*lcs));
		for (size_t i = a.count; i-- > 0;)
			for (size_t j = b.count; j-- > 0;) {
				unsigned down = lcs[(i + 1) * w + j], right = lcs[i * w + j + 1];
				lcs[i * w + j] = same_line(&a, i, &b, j) ? lcs[(i + 1) * w + j + 1] + 1 : down > right ? down : right;
			}
		for (size_t i = 0, j = 0; i < a.count || j < b.count;) {
			if (i < a.count && j < b.count && same_line(&a, i, &b, j)) {
				i++, j++;
			} else if (j < b.count && (i == a.count || lcs[i * w + j + 1] > lcs[(i + 1) * w + j])) {
				printf("    + %.*s\n", (int)b.len[j], b.at[j]);
				j++;
			} else {
				printf("    - %.*s\n", (int)a.len[i], a.at[i]);
				i++;
			}
		}
		free(lcs);
	}
	free(a.at);
	free(a.len);
	free(b.at);
	free(b.len);
}

static char sign(const struct isb_change *change)
{
	return !change->before.data ? '+' : !change->after.data ? '-' : '~';
}

static const char *action(const struct isb_change *change)
{
	return !change->before.data ? "added" : !change->after.data ? "removed" : "changed";
}

static void print_set(char mark, const uint8_t *owner, uint16_t type, struct isb_slice value)
{
	const struct isb_rrset *set;
	struct isb_buf text = {0}, scratch = {0};
	if (value.data && isb_rrset_decode(value, type, &scratch, &set) == ISB_OK)
		isb_rrset_print(&text, owner, set);
	for (char *line = text.data, *nl; line && *line; line = nl + 1) {
		nl = strchr(line, '\n');
		printf("  %c %.*s\n", mark, (int)(nl - line), line);
	}
	isb_buf_done(&text);
	isb_buf_done(&scratch);
}

static void print_rrsets(const struct isb_edit *edit)
{
	size_t total = 0, added = 0, removed = 0;
	for (size_t i = 0; i < isb_edit_count(edit); i++) {
		const struct isb_change *change = isb_edit_change(edit, i);
		total += change->table == ISB_T_RRSET;
		added += change->table == ISB_T_RRSET && !change->before.data;
		removed += change->table == ISB_T_RRSET && !change->after.data;
	}
	if (total)
		printf("  rrsets: %zu added, %zu changed, %zu removed\n", added, total - added - removed, removed);
	for (size_t i = 0; total <= RRSET_LINES_MAX && i < isb_edit_count(edit); i++) {
		const struct isb_change *change = isb_edit_change(edit, i);
		uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
		uint16_t type;
		if (change->table != ISB_T_RRSET || isb_change_rrset(change, zone, owner, &type) != ISB_OK)
			continue;
		print_set('-', owner, type, change->before);
		print_set('+', owner, type, change->after);
	}
}

void cli_print_changes(const struct isb_edit *edit)
{
	for (size_t i = 0; i < isb_edit_count(edit); i++) {
		const struct isb_change *change = isb_edit_change(edit, i);
		enum isb_kind kind;
		const char *key;
		if (change->table == ISB_T_OBJECT && isb_change_object(change, &kind, &key) == ISB_OK) {
			printf("%c %s %s\n", sign(change), isb_kind_name(kind), key);
			if (change->before.data && change->after.data)
				print_line_diff(change->before, change->after);
		}
	}
	print_rrsets(edit);
}

json_t *cli_json_changes(const struct isb_edit *edit)
{
	json_t *list = json_array();
	for (size_t i = 0; i < isb_edit_count(edit); i++) {
		const struct isb_change *change = isb_edit_change(edit, i);
		enum isb_kind kind;
		const char *key;
		uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
		uint16_t rrtype;
		char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
		if (change->table == ISB_T_OBJECT && isb_change_object(change, &kind, &key) == ISB_OK)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "action", action(change), "kind",
			                                      isb_kind_name(kind), "name", key));
		else if (change->table == ISB_T_RRSET && isb_change_rrset(change, zone, owner, &rrtype) == ISB_OK)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "action", action(change), "kind", "rrset",
			                                      "name", isb_dname_print(owner, name), "type",
			                                      isb_type_print(rrtype, type)));
		else if (change->table == ISB_T_ADMIN)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "action", action(change), "kind", "admin",
			                                      "name", (const char *)change->key.data));
	}
	return list;
}

/* --- JSON of bodies ------------------------------------------------------------------------------------------------ */

static json_t *json_scalar(const struct isb_yaml *node)
{
	char *end;
	if (node->plain && strcmp(node->text, "true") == 0)
		return json_true();
	if (node->plain && strcmp(node->text, "false") == 0)
		return json_false();
	if (node->plain && *node->text && strspn(node->text, "-0123456789") == strlen(node->text)) {
		long long v = strtoll(node->text, &end, 10);
		if (!*end)
			return json_integer(v);
	}
	if (node->plain && *node->text && strspn(node->text, "-0123456789.") == strlen(node->text)) {
		double v = strtod(node->text, &end);
		if (!*end)
			return json_real(v);
	}
	return json_string(node->text);
}

json_t *cli_json_yaml(const struct isb_yaml *node)
{
	json_t *value;
	if (node->kind == ISB_YAML_SCALAR)
		return json_scalar(node);
	if (node->kind == ISB_YAML_LIST) {
		value = json_array();
		for (size_t i = 0; i < node->count; i++)
			json_array_append_new(value, cli_json_yaml(node->items[i]));
		return value;
	}
	value = json_object();
	for (size_t i = 0; i < node->count; i++)
		json_object_set_new(value, node->pairs[i].key, cli_json_yaml(node->pairs[i].value));
	return value;
}

json_t *cli_json_body(const char *body)
{
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_yaml *root;
	json_t *value = isb_yaml_parse(&arena, "row", body, strlen(body), &diags, &root) == ISB_OK ? cli_json_yaml(root)
	                                                                                            : json_string(body);
	isb_arena_done(&arena);
	isb_diags_done(&diags);
	return value;
}
