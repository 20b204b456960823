/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"
#include "schema_parts.h"

/* Field types that are one scalar. A range in the table is text; each type reads it with its own number reader. */

static bool parse_decimal(const char *text, int64_t *ret)
{
	bool minus = *text == '-';
	const char *digits = text + minus;
	size_t len = strspn(digits, "0123456789");
	/* Leading zeros are octal to some readers and decimal to others. */
	if (len == 0 || len > 15 || digits[len] || (*digits == '0' && (len > 1 || minus)))
		return false;
	*ret = strtoll(text, NULL, 10);
	return true;
}

static bool parse_span(const char *text, int64_t *ret_ms)
{
	return isb_span_parse(text, ret_ms) == ISB_OK;
}

/* Is `value` within "LOW..HIGH", which may be followed by more words? */
static bool in_range(const struct isb_field *f, int64_t value, bool (*number)(const char *text, int64_t *ret))
{
	char low[24], high[24];
	int64_t least, most;
	const char *dots = strstr(f->range, "..");
	snprintf(low, sizeof(low), "%.*s", (int)(dots - f->range), f->range);
	snprintf(high, sizeof(high), "%.*s", (int)strcspn(dots + 2, " ,"), dots + 2);
	return number(low, &least) && number(high, &most) && value >= least && value <= most;
}

/* --- Numbers --- */

static int64_t load(const struct isb_field *f, const void *value)
{
	bool minus = f->range && *f->range == '-';
	switch (f->size) {
	case 1: return minus ? *(const int8_t *)value : *(const uint8_t *)value;
	case 2: return *(const uint16_t *)value;
	case 4: return *(const uint32_t *)value;
	default: return *(const int64_t *)value;
	}
}

static void save(const struct isb_field *f, void *value, int64_t n)
{
	switch (f->size) {
	case 1: *(uint8_t *)value = (uint8_t)n; break;
	case 2: *(uint16_t *)value = (uint16_t)n; break;
	case 4: *(uint32_t *)value = (uint32_t)n; break;
	default: *(int64_t *)value = n;
	}
}

static int integer_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	int64_t n;
	if (!parse_decimal(node->text, &n) || !in_range(f, n, parse_decimal))
		return ISB_EFORMAT;
	save(f, value, n);
	return ISB_OK;
}

static void integer_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	isb_buf_printf(out, "%" PRId64, load(f, value));
}

const struct isb_field_how isb_how_integer = {.parse = integer_parse, .print = integer_print};

static int answers_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	if (strcmp(node->text, "all") != 0)
		return integer_parse(r, f, node, value);
	save(f, value, 0);
	return ISB_OK;
}

static void answers_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	if (load(f, value))
		integer_print(out, f, value);
	else
		isb_buf_puts(out, "all");
}

const struct isb_field_how isb_how_answers = {.parse = answers_parse, .print = answers_print};

static int priority_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	int64_t n = ISB_PRIORITY_TIER;
	if (strcmp(node->text, "tier") != 0 && (!parse_decimal(node->text, &n) || !in_range(f, n, parse_decimal)))
		return ISB_EFORMAT;
	*(int32_t *)value = (int32_t)n;
	return ISB_OK;
}

static void priority_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	int32_t priority = *(const int32_t *)value;
	if (priority == ISB_PRIORITY_TIER)
		isb_buf_puts(out, "tier");
	else
		isb_buf_printf(out, "%" PRId32, priority);
}

const struct isb_field_how isb_how_priority = {.parse = priority_parse, .print = priority_print};

static int min_up_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	char digits[16];
	int64_t n;
	size_t len = strlen(node->text);
	bool percent = len && node->text[len - 1] == '%';
	if (len >= sizeof(digits))
		return ISB_EFORMAT;
	memcpy(digits, node->text, len + 1);
	if (percent)
		digits[len - 1] = '\0';
	if (!parse_decimal(digits, &n) || !in_range(f, n, parse_decimal) || (percent && n > 100))
		return ISB_EFORMAT;
	*(struct isb_min_up *)value = (struct isb_min_up){.n = (unsigned)n, .percent = percent};
	return ISB_OK;
}

static void min_up_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	const struct isb_min_up *m = value;
	isb_buf_printf(out, "%u%s", m->n, m->percent ? "%" : "");
}

const struct isb_field_how isb_how_min_up = {.parse = min_up_parse, .print = min_up_print};

static int status_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	char from[8] = "";
	int64_t a, b;
	size_t len = strcspn(node->text, "-");
	if (len >= sizeof(from))
		return ISB_EFORMAT;
	memcpy(from, node->text, len);
	if (!parse_decimal(from, &a) || !parse_decimal(node->text[len] ? node->text + len + 1 : from, &b) || a > b)
		return ISB_EFORMAT;
	if (!in_range(f, a, parse_decimal) || !in_range(f, b, parse_decimal))
		return ISB_EFORMAT;
	*(struct isb_span *)value = (struct isb_span){.from = (uint16_t)a, .to = (uint16_t)b};
	return ISB_OK;
}

static void status_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	const struct isb_span *s = value;
	if (s->from == s->to)
		isb_buf_printf(out, "%u", s->from);
	else
		isb_buf_printf(out, "%u-%u", s->from, s->to);
}

const struct isb_field_how isb_how_status = {.parse = status_parse, .print = status_print};

/* --- Durations --- */

static int span_ms_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	int64_t ms;
	if (!parse_span(node->text, &ms) || !in_range(f, ms, parse_span))
		return ISB_EFORMAT;
	save(f, value, ms);
	return ISB_OK;
}

/* Exact, unlike isb_span_print(), which is for people. */
static void add_span(struct isb_buf *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
	if (ms == 0)
		isb_buf_puts(out, "0s");
	for (size_t i = 0; i < ISB_LEN(units); i++) {
		if (ms >= units[i].ms)
			isb_buf_printf(out, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
		ms %= units[i].ms;
	}
}

static void span_ms_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	add_span(out, load(f, value));
}

const struct isb_field_how isb_how_span_ms = {.parse = span_ms_parse, .print = span_ms_print};

static int span_s_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	int64_t ms;
	if (!parse_span(node->text, &ms) || ms % 1000 || !in_range(f, ms, parse_span))
		return ISB_EFORMAT;
	save(f, value, ms / 1000);
	return ISB_OK;
}

static void span_s_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	add_span(out, load(f, value) * 1000);
}

const struct isb_field_how isb_how_span_s = {.parse = span_s_parse, .print = span_s_print};

static int span_pair_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	char from[32];
	struct isb_span_ms span;
	const char *dots = strstr(node->text, "..");
	size_t len = dots ? (size_t)(dots - node->text) : sizeof(from);
	if (len >= sizeof(from))
		return ISB_EFORMAT;
	memcpy(from, node->text, len);
	from[len] = '\0';
	if (!parse_span(from, &span.from) || !parse_span(dots + 2, &span.to) || span.from >= span.to)
		return ISB_EFORMAT;
	if (!in_range(f, span.from, parse_span) || !in_range(f, span.to, parse_span))
		return ISB_EFORMAT;
	*(struct isb_span_ms *)value = span;
	return ISB_OK;
}

static void span_pair_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	const struct isb_span_ms *span = value;
	add_span(out, span->from);
	isb_buf_puts(out, "..");
	add_span(out, span->to);
}

const struct isb_field_how isb_how_span_pair = {.parse = span_pair_parse, .print = span_pair_print};

static int failback_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	static const char after[] = "after ";
	int64_t ms = ISB_FAILBACK_AUTO;
	if (strcmp(node->text, "manual") == 0)
		ms = ISB_FAILBACK_MANUAL;
	else if (strcmp(node->text, "auto") != 0 && (strncmp(node->text, after, strlen(after)) != 0 ||
	         !parse_span(node->text + strlen(after), &ms) || !in_range(f, ms, parse_span)))
		return ISB_EFORMAT;
	save(f, value, ms);
	return ISB_OK;
}

static void failback_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	int64_t ms = load(f, value);
	isb_buf_puts(out, ms == ISB_FAILBACK_AUTO ? "auto" : ms == ISB_FAILBACK_MANUAL ? "manual" : "after ");
	if (ms > 0)
		add_span(out, ms);
}

const struct isb_field_how isb_how_failback = {.parse = failback_parse, .print = failback_print};

/* --- Words --- */

static int bool_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	if (!isb_range_has(f->range, node->text))
		return ISB_EFORMAT;
	*(bool *)value = strcmp(node->text, "true") == 0;
	return ISB_OK;
}

static void bool_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	isb_buf_puts(out, *(const bool *)value ? "true" : "false");
}

const struct isb_field_how isb_how_bool = {.parse = bool_parse, .print = bool_print};

bool isb_range_has(const char *range, const char *word)
{
	size_t len = strlen(word);
	while (*range) {
		size_t n = strcspn(range, ",");
		if (n == len && memcmp(range, word, n) == 0)
			return true;
		range += n;
		range += strspn(range, ", ");
	}
	return false;
}

static int word_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	if (!isb_range_has(f->range, node->text))
		return ISB_EFORMAT;
	for (unsigned i = 0; f->words[i]; i++) {
		if (strcmp(f->words[i], node->text) == 0) {
			save(f, value, i);
			return ISB_OK;
		}
	}
	return ISB_EFORMAT;
}

static void word_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	isb_buf_puts(out, f->words[load(f, value)]);
}

const struct isb_field_how isb_how_word = {.parse = word_parse, .print = word_print};

static int rrtype_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r;
	uint16_t type = ISB_ALIAS;
	char text[ISB_TYPE_TEXT];
	if (strcasecmp(node->text, "ALIAS") != 0 &&
	    (isb_type_parse(node->text, &type) != ISB_OK || !isb_range_has(f->range, isb_type_print(type, text))))
		return ISB_EFORMAT;
	*(uint16_t *)value = type;
	return ISB_OK;
}

static void rrtype_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	char text[ISB_TYPE_TEXT];
	uint16_t type = *(const uint16_t *)value;
	isb_buf_puts(out, type == ISB_ALIAS ? "ALIAS" : isb_type_print(type, text));
}

const struct isb_field_how isb_how_rrtype = {.parse = rrtype_parse, .print = rrtype_print};

static int qtype_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r, (void)f;
	uint16_t type;
	if (isb_type_parse(node->text, &type) != ISB_OK || (!isb_type_is_data(type) && type != ISB_ANY))
		return ISB_EFORMAT;
	*(uint16_t *)value = type;
	return ISB_OK;
}

static void qtype_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	char text[ISB_TYPE_TEXT];
	isb_buf_puts(out, isb_type_print(*(const uint16_t *)value, text));
}

const struct isb_field_how isb_how_qtype = {.parse = qtype_parse, .print = qtype_print};

static int quorum_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r, (void)f;
	return isb_quorum_parse(node->text, value) == ISB_OK ? ISB_OK : ISB_EFORMAT;
}

static void quorum_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	char text[ISB_QUORUM_TEXT];
	isb_buf_puts(out, isb_quorum_print(value, text));
}

const struct isb_field_how isb_how_quorum = {.parse = quorum_parse, .print = quorum_print};

static int address_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)r, (void)f;
	return isb_addr_parse(node->text, value);
}

static void address_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	char text[ISB_ADDR_TEXT];
	isb_yaml_quote(out, isb_addr_print(value, text));
}

const struct isb_field_how isb_how_address = {.parse = address_parse, .print = address_print};

/* --- Text: `range` is the length in octets --- */

int isb_text_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	if (!in_range(f, (int64_t)strlen(node->text), parse_decimal))
		return ISB_EFORMAT;
	*(const char **)value = isb_arena_strdup(r->arena, node->text);
	return ISB_OK;
}

void isb_text_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	const char *text = *(const char *const *)value;
	isb_yaml_quote(out, text ? text : f->preset); /* an object that was put together by hand may leave out what has a default */
}

const struct isb_field_how isb_how_text = {.parse = isb_text_parse, .print = isb_text_print};

bool isb_has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static int line_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	return isb_has_control(node->text) ? ISB_EFORMAT : isb_text_parse(r, f, node, value);
}

const struct isb_field_how isb_how_line = {.parse = line_parse, .print = isb_text_print};

/* It goes into a request line as it stands: a blank or a line end there would be another request. */
static int path_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	return node->text[0] != '/' || strchr(node->text, ' ') ? ISB_EFORMAT : line_parse(r, f, node, value);
}

const struct isb_field_how isb_how_path = {.parse = path_parse, .print = isb_text_print};

/* They become part of a record's text: nothing that would have to be escaped there. */
static int alpn_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	for (const char *c = node->text; *c; c++)
		if (*c <= ' ' || *c > '~' || strchr("\"\\,;()", *c))
			return ISB_EFORMAT;
	return isb_text_parse(r, f, node, value);
}

const struct isb_field_how isb_how_alpn = {.parse = alpn_parse, .print = isb_text_print};

/* As strict as RFC 4648 §3.5 allows: bits that the padding leaves over are zero. */
static int base64_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strspn(node->text, digits), padding = strlen(node->text + n);
	if ((n + padding) % 4 || padding > 2 || strspn(node->text + n, "=") != padding)
		return ISB_EFORMAT;
	if (padding && (strchr(digits, node->text[n - 1]) - digits) % (padding == 1 ? 4 : 16))
		return ISB_EFORMAT;
	return isb_text_parse(r, f, node, value);
}

const struct isb_field_how isb_how_base64 = {.parse = base64_parse, .print = isb_text_print};

static int hex_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	size_t len = strlen(node->text);
	return len % 2 || strspn(node->text, "0123456789abcdefABCDEF") != len ? ISB_EFORMAT : isb_text_parse(r, f, node, value);
}

const struct isb_field_how isb_how_hex = {.parse = hex_parse, .print = isb_text_print};

static int choice_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	if (!isb_range_has(f->range, node->text))
		return ISB_EFORMAT;
	*(const char **)value = isb_arena_strdup(r->arena, node->text);
	return ISB_OK;
}

const struct isb_field_how isb_how_choice = {.parse = choice_parse, .print = isb_text_print};

static int host_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	uint8_t dname[ISB_DNAME_MAX];
	if (node->text[strspn(node->text, allowed)] || isb_dname_parse(node->text, NULL, dname) < 2)
		return ISB_EFORMAT;
	return isb_text_parse(r, f, node, value);
}

const struct isb_field_how isb_how_host = {.parse = host_parse, .print = isb_text_print};

static int dname_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	(void)f;
	uint8_t dname[ISB_DNAME_MAX];
	if (isb_has_control(node->text) || isb_dname_parse(node->text, NULL, dname) < 0)
		return ISB_EFORMAT;
	*(const char **)value = isb_arena_strdup(r->arena, node->text);
	return ISB_OK;
}

const struct isb_field_how isb_how_dname = {.parse = dname_parse, .print = isb_text_print};

static int name_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value)
{
	if (!isb_read_name(r, node->text, node->mark, f->name, true))
		return ISB_EINVAL;
	*(struct isb_ref *)value = (struct isb_ref){
		.name = isb_arena_strdup(r->arena, node->text), .mark = isb_keep_mark(r, node->mark)};
	return ISB_OK;
}

static void name_print(struct isb_buf *out, const struct isb_field *f, const void *value)
{
	(void)f;
	isb_yaml_quote(out, ((const struct isb_ref *)value)->name);
}

const struct isb_field_how isb_how_name = {.parse = name_parse, .print = name_print};
