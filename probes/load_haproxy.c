/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "load.h"

/* A field stands between commas, and in double quotes where it holds one of the two itself; a quote in it is doubled. */

enum { FIELD_MAX = 256 }; /* nothing longer is looked for */

struct field {
	char text[FIELD_MAX]; /* no NUL behind it */
	size_t len;           /* past FIELD_MAX: longer than fits */
};

static void add(struct field *f, char c)
{
	if (f->len < FIELD_MAX)
		f->text[f->len] = c;
	f->len++;
}

/* The next field; false at the row's end, or where a quote stands that should not. */
static bool next_field(const char **at, const char *end, struct field *f)
{
	const char *c = *at;
	f->len = 0;
	if (c >= end)
		return false;
	bool open = *c == '"', quoted = open;
	for (c += quoted; c < end && (quoted || *c != ','); c++) {
		if (quoted && *c == '"' && (++c == end || *c != '"')) {
			open = false;
			break;
		}
		add(f, *c);
	}
	if (open || (c < end && *c != ','))
		return false;
	*at = c < end ? c + 1 : end;
	return true;
}

static bool is(const struct field *f, const char *text)
{
	return f->len == strlen(text) && f->len <= FIELD_MAX && memcmp(f->text, text, f->len) == 0;
}

static void read_titles(struct isb_load *load, const char *line, size_t len)
{
	static const char begins[] = "# pxname,svname,";
	const char *at = line, *end = line + len;
	struct field f;
	if (len < sizeof(begins) - 1 || memcmp(line, begins, sizeof(begins) - 1) != 0) {
		isb_load_give_up(load, "no load: the page does not begin with '%s'; "
		                 "HAProxy's CSV is at a path that ends in ';csv'",
		                 begins);
		return;
	}
	load->headed = true;
	for (size_t i = 0; next_field(&at, end, &f); i++) {
		if (!load->value_at && is(&f, load->from->field))
			load->value_at = i;
		if (!load->limit_at && is(&f, "slim"))
			load->limit_at = i;
	}
	if (!load->value_at)
		isb_load_give_up(load, "no load: there is no column '%.64s'", load->from->field);
}

void isb_load_haproxy(struct isb_load *load, const char *line, size_t len)
{
	const struct isb_spec_load *from = load->from;
	const char *at = line, *end = line + len;
	struct field f;
	double value = 0;
	bool good = false;
	if (!load->headed) {
		read_titles(load, line, len);
		return;
	}
	if (!next_field(&at, end, &f) || !is(&f, from->proxy) || !next_field(&at, end, &f) || !is(&f, from->server))
		return;
	bool limits = strcmp(from->field, "scur") == 0; /* slim is the limit of scur and of nothing else */
	for (size_t i = 2; next_field(&at, end, &f); i++) {
		size_t n = f.len < FIELD_MAX ? f.len : FIELD_MAX;
		if (i == load->value_at)
			good = isb_load_number(f.text, n, &value);
		if (i == load->limit_at && limits && !isb_load_number(f.text, n, &load->limit))
			load->limit = 0;
	}
	if (good)
		isb_load_settle(load, value);
	else
		isb_load_give_up(load, "no load: '%.32s' of %.48s/%.48s is no number", from->field, from->proxy,
		                 from->server);
}
