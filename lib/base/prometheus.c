/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/prometheus.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */

/* Octets of the UTF-8 character that text begins with, or 0. Shortest forms only, no surrogates: RFC 3629 §4. */
static size_t character(const uint8_t *text)
{
	static const struct {
		uint8_t first, last, low, high; /* of the first octet, and of the second; the others are 80..bf */
		uint8_t octets;
	} forms[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
	             {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
	             {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
	if (text[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (text[0] < forms[i].first || text[0] > forms[i].last)
			continue;
		bool good = text[1] >= forms[i].low && text[1] <= forms[i].high;
		for (size_t k = 2; good && k < forms[i].octets; k++)
			good = (text[k] & 0xc0) == 0x80;
		return good ? forms[i].octets : 0;
	}
	return 0;
}

/* `quoted`: a label's value, where quotation marks are escaped too. */
static void add_text(struct isb_buf *out, const char *text, bool quoted)
{
	for (size_t len; *text; text += len ? len : 1) {
		len = character((const uint8_t *)text);
		if (!len)
			isb_buf_puts(out, REPLACEMENT);
		else if (*text == '\\')
			isb_buf_puts(out, "\\\\");
		else if (*text == '\n')
			isb_buf_puts(out, "\\n");
		else if (*text == '"' && quoted)
			isb_buf_puts(out, "\\\"");
		else
			isb_buf_add(out, text, len);
	}
}

static void add_real(struct isb_buf *out, double value)
{
	char text[32];
	if (isnan(value))
		isb_buf_puts(out, "NaN");
	else if (isinf(value))
		isb_buf_puts(out, value > 0 ? "+Inf" : "-Inf");
	else {
		snprintf(text, sizeof(text), "%.15g", value);
		if (strtod(text, NULL) != value) /* 17 digits say every double; 15 are the most that never look odd */
			snprintf(text, sizeof(text), "%.17g", value);
		isb_buf_puts(out, text);
	}
}

static void add_label(struct isb_buf *out, const struct isb_prom_label *label, bool first)
{
	isb_buf_putc(out, first ? '{' : ',');
	isb_buf_puts(out, label->name);
	isb_buf_puts(out, "=\"");
	add_text(out, label->value, true);
	isb_buf_putc(out, '"');
}

/* All of a sample but its value; `more`: one label behind the others, or NULL. */
static void begin(struct isb_buf *out, const char *name, const char *suffix, const struct isb_prom_label *labels,
                  const struct isb_prom_label *more)
{
	bool first = true;
	isb_buf_puts(out, name);
	isb_buf_puts(out, suffix);
	for (; labels && labels->name; labels++, first = false)
		add_label(out, labels, first);
	if (more) {
		add_label(out, more, first);
		first = false;
	}
	isb_buf_puts(out, first ? " " : "} ");
}

static void end_count(struct isb_buf *out, uint64_t value)
{
	isb_buf_printf(out, "%" PRIu64 "\n", value);
}

void isb_prom_family(struct isb_buf *out, const char *name, enum isb_prom_type type, const char *help)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	isb_buf_printf(out, "# HELP %s ", name);
	add_text(out, help, false);
	isb_buf_printf(out, "\n# TYPE %s %s\n", name, types[type]);
}

void isb_prom_count(struct isb_buf *out, const char *name, const struct isb_prom_label *labels, uint64_t value)
{
	begin(out, name, "", labels, NULL);
	end_count(out, value);
}

void isb_prom_real(struct isb_buf *out, const char *name, const struct isb_prom_label *labels, double value)
{
	begin(out, name, "", labels, NULL);
	add_real(out, value);
	isb_buf_putc(out, '\n');
}

void isb_prom_total(struct isb_buf *out, const char *name, const char *help, uint64_t value)
{
	isb_prom_family(out, name, ISB_PROM_COUNTER, help);
	isb_prom_count(out, name, NULL, value);
}

void isb_prom_gauge(struct isb_buf *out, const char *name, const char *help, double value)
{
	isb_prom_family(out, name, ISB_PROM_GAUGE, help);
	isb_prom_real(out, name, NULL, value);
}

void isb_prom_program(struct isb_buf *out, const char *program, int64_t started_ms)
{
	static const char info[] = "isobar_build_info";
	isb_prom_gauge(out, "process_start_time_seconds", "When the process began, in seconds since 1970.",
	               (double)started_ms / 1000);
	isb_prom_family(out, info, ISB_PROM_GAUGE, "1 beside the program and its version.");
	isb_prom_count(out, info, ISB_PROM_LABELS({"program", program}, {"version", ISB_VERSION}), 1);
}

static void add_bucket(struct isb_buf *out, const char *name, const struct isb_prom_label *labels, double bound, uint64_t count)
{
	struct isb_buf le = {0};
	add_real(&le, bound);
	begin(out, name, "_bucket", labels, &(struct isb_prom_label){"le", isb_buf_text(&le)});
	end_count(out, count);
	isb_buf_done(&le);
}

void isb_prom_histogram(struct isb_buf *out, const char *name, const struct isb_prom_label *labels,
                        const struct isb_prom_histogram *histogram)
{
	for (size_t i = 0; i < histogram->n; i++)
		add_bucket(out, name, labels, histogram->bound[i], histogram->cumulative[i]);
	add_bucket(out, name, labels, INFINITY, histogram->count);
	begin(out, name, "_sum", labels, NULL);
	add_real(out, histogram->sum);
	isb_buf_putc(out, '\n');
	begin(out, name, "_count", labels, NULL);
	end_count(out, histogram->count);
}
