/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "isobar/model/yaml.h"
#include "printing.h"

/* A JSON document as YAML: what either says is the same, whatever rules a reader has for guessing types (YAML 1.1 reads
 * 1e3 as text and 1:30 as a number). */

enum { STEP = 2 }; /* columns by which what is inside stands further right */

/* With a point, and a sign behind the e: else YAML 1.1 reads text. */
static void print_real(struct isb_buf *out, double value)
{
	char text[32];
	snprintf(text, sizeof(text), "%.*g", CLI_DIGITS, value);
	size_t whole = strcspn(text, "e");
	isb_buf_printf(out, "%.*s%s%s", (int)whole, text, memchr(text, '.', whole) ? "" : ".0", text + whole);
}

static void print_scalar(struct isb_buf *out, const json_t *value, unsigned indent)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		if (strchr(json_string_value(value), '\n'))
			isb_yaml_block(out, json_string_value(value), indent);
		else
			isb_yaml_quote_string(out, json_string_value(value));
		break;
	case JSON_INTEGER: isb_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
	case JSON_REAL: print_real(out, json_real_value(value)); break;
	case JSON_TRUE: isb_buf_puts(out, "true"); break;
	case JSON_FALSE: isb_buf_puts(out, "false"); break;
	default: isb_buf_puts(out, "null");
	}
}

static bool is_numbers(const json_t *list)
{
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item)
		if (!json_is_number(item))
			return false;
	return true;
}

static void print_numbers(struct isb_buf *out, const json_t *list)
{
	size_t i;
	json_t *item;
	isb_buf_putc(out, '[');
	json_array_foreach(list, i, item) {
		isb_buf_puts(out, i ? ", " : "");
		print_scalar(out, item, 0);
	}
	isb_buf_putc(out, ']');
}

static void print_inside(struct isb_buf *out, const json_t *value, unsigned indent);

/* What fits behind "key:" or "-": false when it needs lines of its own. */
static bool print_beside(struct isb_buf *out, const json_t *value, unsigned indent)
{
	if (json_is_object(value) && json_object_size(value))
		return false;
	if (json_is_array(value) && !is_numbers(value))
		return false;
	if (json_is_object(value))
		isb_buf_puts(out, "{}");
	else if (json_is_array(value))
		print_numbers(out, value);
	else
		print_scalar(out, value, indent);
	return true;
}

/* The first line stands where the caller left off. */
static void print_map(struct isb_buf *out, const json_t *map, unsigned indent)
{
	const char *key;
	json_t *value;
	bool first = true;
	json_object_foreach((json_t *)map, key, value) {
		isb_buf_printf(out, "%*s", first ? 0 : (int)indent, "");
		first = false;
		isb_yaml_quote_string(out, key);
		isb_buf_putc(out, ':');
		size_t before = out->len;
		isb_buf_putc(out, ' ');
		if (print_beside(out, value, indent + STEP)) {
			isb_buf_putc(out, '\n');
			continue;
		}
		out->len = before;
		isb_buf_printf(out, "\n%*s", (int)(indent + STEP), "");
		print_inside(out, value, indent + STEP);
	}
}

static void print_list(struct isb_buf *out, const json_t *list, unsigned indent)
{
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) {
		isb_buf_printf(out, "%*s- ", i ? (int)indent : 0, "");
		if (print_beside(out, item, indent + STEP))
			isb_buf_putc(out, '\n');
		else
			print_inside(out, item, indent + STEP);
	}
}

static void print_inside(struct isb_buf *out, const json_t *value, unsigned indent)
{
	if (json_is_object(value))
		print_map(out, value, indent);
	else
		print_list(out, value, indent);
}

void cli_yaml_print(struct isb_buf *out, const json_t *value)
{
	if (print_beside(out, value, STEP))
		isb_buf_putc(out, '\n');
	else
		print_inside(out, value, 0);
}
