/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "load.h"

/* metric{label="value",…} value timestamp: blanks and tabs may stand between any two of these (§ "Line format"). */

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

static const char *skip_name(const char *at, const char *end)
{
	while (at < end && ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
	                    *at == '_' || *at == ':'))
		at++;
	return at;
}

/* Behind the opening quote. Which of the wanted labels are this name with this value, a bit each; NULL: the string has no
 * end. In it \\, \" and \n stand for what cannot stand there itself. */
static const char *match_value(const struct isb_texts *wanted, const char *name, size_t name_len, const char *at,
                               const char *end, uint32_t *has)
{
	const char *left[16]; /* of each wanted value; NULL: it is another label or another value */
	for (size_t i = 0; i < wanted->count; i++) {
		const char *text = wanted->list[i];
		bool named = strncmp(text, name, name_len) == 0 && text[name_len] == ':';
		left[i] = named ? text + name_len + 2 : NULL;
	}
	for (; at < end && *at != '"'; at++) {
		char c = *at;
		if (c == '\\' && ++at == end)
			return NULL;
		if (c == '\\')
			c = *at == 'n' ? '\n' : *at;
		for (size_t i = 0; i < wanted->count; i++)
			left[i] = left[i] && *left[i] && *left[i] == c ? left[i] + 1 : NULL;
	}
	for (size_t i = 0; i < wanted->count; i++)
		if (left[i] && !*left[i])
			*has |= UINT32_C(1) << i;
	return at < end ? at + 1 : NULL;
}

/* Behind the opening brace; what stands behind the closing one, or NULL. */
static const char *match_labels(const struct isb_texts *wanted, const char *at, const char *end, uint32_t *has)
{
	for (;;) {
		at = skip_blanks(at, end);
		if (at < end && *at == '}')
			return at + 1;
		const char *name = at, *name_end = skip_name(at, end);
		at = skip_blanks(name_end, end);
		if (name == name_end || at == end || *at != '=')
			return NULL;
		at = skip_blanks(at + 1, end);
		if (at == end || *at != '"')
			return NULL;
		at = match_value(wanted, name, (size_t)(name_end - name), at + 1, end, has);
		if (!at)
			return NULL;
		at = skip_blanks(at, end);
		if (at < end && *at == ',')
			at++;
		else if (at == end || *at != '}')
			return NULL;
	}
}

void isb_load_prometheus(struct isb_load *load, const char *line, size_t len)
{
	const struct isb_spec_load *from = load->from;
	const char *end = line + len, *name = skip_blanks(line, end), *at = skip_name(name, end);
	uint32_t has = 0;
	double value;
	if ((size_t)(at - name) != strlen(from->metric) || memcmp(name, from->metric, strlen(from->metric)) != 0)
		return;
	bool parted = at < end && *at != '{';
	at = skip_blanks(at, end);
	if (at < end && *at == '{') {
		at = match_labels(&from->labels, at + 1, end, &has);
		parted = true;
	}
	if (!at || !parted || has != (UINT32_C(1) << from->labels.count) - 1)
		return;
	at = skip_blanks(at, end);
	size_t n = 0;
	while (at + n < end && at[n] != ' ' && at[n] != '\t')
		n++;
	if (isb_load_number(at, n, &value))
		isb_load_settle(load, value);
	else
		isb_load_give_up(load, "no load: %.64s is no finite number from 0 on", from->metric);
}
