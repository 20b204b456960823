/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/err.h"

/* JSON is YAML, and what is printed here apply reads back: a number is written as one only when its digits survive. */

void cli_print_json(const struct cli *cli, json_t *value)
{
	if (cli->yaml) {
		struct isb_buf out = {0};
		cli_yaml_print(&out, value);
		fwrite(isb_buf_text(&out), 1, out.len, stdout);
		isb_buf_done(&out);
	} else {
		json_dumpf(value, stdout, (cli->compact ? JSON_COMPACT : JSON_INDENT(2)) | JSON_REAL_PRECISION(CLI_DIGITS));
		putchar('\n');
	}
	json_decref(value);
}

static json_t *json_scalar(const struct isb_yaml *node)
{
	const char *text = node->text;
	char again[32];
	if (!node->plain || strlen(text) >= sizeof(again))
		return json_string(text);
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		return json_boolean(*text == 't');
	long long whole = strtoll(text, NULL, 10);
	snprintf(again, sizeof(again), "%lld", whole);
	if (strcmp(text, again) == 0)
		return json_integer(whole);
	if (strspn(text, "-.0123456789") == strlen(text) && strchr(text, '.')) {
		double value = strtod(text, NULL);
		snprintf(again, sizeof(again), "%.*g", CLI_DIGITS, value);
		if (strcmp(text, again) == 0)
			return json_real(value);
	}
	return json_string(text);
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

/* Scalars and lists of scalars: all that an endpoint holds. */
static void print_value(struct isb_buf *out, const struct isb_yaml *node)
{
	if (node->kind == ISB_YAML_SCALAR) {
		isb_yaml_quote(out, node->text);
		return;
	}
	isb_buf_putc(out, '[');
	for (size_t i = 0; i < node->count; i++) {
		isb_buf_puts(out, i ? ", " : "");
		print_value(out, node->items[i]);
	}
	isb_buf_putc(out, ']');
}

void cli_print_yaml(const struct isb_yaml *map)
{
	struct isb_buf out = {0};
	for (size_t i = 0; i < map->count; i++) {
		isb_yaml_quote(&out, map->pairs[i].key);
		isb_buf_puts(&out, ": ");
		print_value(&out, map->pairs[i].value);
		isb_buf_putc(&out, '\n');
	}
	fputs(isb_buf_text(&out), stdout);
	isb_buf_done(&out);
}
