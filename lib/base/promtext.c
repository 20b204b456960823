/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/promtext.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"

/* One line, of which the texts are copied to `words`, each with a NUL. They are never longer than the line. */
struct line {
	const char *at, *end;
	char *words;
};

static bool is_name(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' || (!first && c >= '0' && c <= '9');
}

static void skip_blanks(struct line *l)
{
	while (l->at < l->end && (*l->at == ' ' || *l->at == '\t'))
		l->at++;
}

static bool take(struct line *l, char c)
{
	skip_blanks(l);
	if (l->at == l->end || *l->at != c)
		return false;
	l->at++;
	return true;
}

/* NULL: there is none. */
static const char *take_name(struct line *l)
{
	const char *name = l->words;
	skip_blanks(l);
	while (l->at < l->end && is_name(*l->at, l->words == name))
		*l->words++ = *l->at++;
	if (l->words == name)
		return NULL;
	*l->words++ = '\0';
	return name;
}

static const char *take_value(struct line *l)
{
	const char *value = l->words;
	if (!take(l, '"'))
		return NULL;
	while (l->at < l->end && *l->at != '"') {
		char c = *l->at++;
		if (c == '\0')
			return NULL;
		if (c == '\\') {
			if (l->at == l->end)
				return NULL;
			c = *l->at++;
			if (c == 'n')
				c = '\n';
			else if (c != '\\' && c != '"')
				return NULL;
		}
		*l->words++ = c;
	}
	*l->words++ = '\0';
	return take(l, '"') ? value : NULL;
}

static int take_labels(struct line *l, struct isb_prom_sample *sample)
{
	sample->nlabel = 0;
	if (!take(l, '{'))
		return ISB_OK;
	while (!take(l, '}')) {
		if (sample->nlabel == ISB_PROMTEXT_LABELS)
			return ISB_ERANGE;
		struct isb_prom_label *label = &sample->label[sample->nlabel++];
		label->name = take_name(l);
		label->value = label->name && take(l, '=') ? take_value(l) : NULL;
		if (!label->value)
			return ISB_EFORMAT;
		if (!take(l, ',')) /* one behind the last is allowed */
			return take(l, '}') ? ISB_OK : ISB_EFORMAT;
	}
	return ISB_OK;
}

/* The word that strtod() would read, and no octet beyond the line; hexadecimal is no number here. */
static bool take_number(struct line *l, double *ret_value)
{
	char word[64], *end;
	size_t len = 0;
	skip_blanks(l);
	while (l->at < l->end && *l->at != ' ' && *l->at != '\t' && len + 1 < sizeof(word))
		word[len++] = *l->at++;
	word[len] = '\0';
	bool whole = l->at == l->end || *l->at == ' ' || *l->at == '\t';
	if (!len || !whole || strspn(word, "0123456789+-.eEINFinfNAan") != len)
		return false;
	*ret_value = strtod(word, &end);
	return end == word + len;
}

static bool take_timestamp(struct line *l)
{
	skip_blanks(l);
	if (l->at < l->end && *l->at == '-')
		l->at++;
	while (l->at < l->end && *l->at >= '0' && *l->at <= '9')
		l->at++;
	skip_blanks(l);
	return l->at == l->end;
}

const char *isb_prom_label(const struct isb_prom_sample *sample, const char *name)
{
	for (size_t i = 0; i < sample->nlabel; i++)
		if (strcmp(sample->label[i].name, name) == 0)
			return sample->label[i].value;
	return "";
}

static int read_sample(struct line *l, struct isb_prom_sample *sample)
{
	sample->name = take_name(l);
	if (!sample->name)
		return ISB_EFORMAT;
	int rc = take_labels(l, sample);
	return rc == ISB_OK && !(take_number(l, &sample->value) && take_timestamp(l)) ? ISB_EFORMAT : rc;
}

int isb_promtext_each(const char *text, size_t len, void (*each)(void *arg, const struct isb_prom_sample *sample), void *arg,
                      size_t *ret_line)
{
	const char *end = text + len;
	struct isb_buf words = {0};
	int rc = ISB_OK;
	for (size_t number = 1; text < end && rc == ISB_OK; number++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		struct line l = {.at = text, .end = stop ? stop : end};
		struct isb_prom_sample sample;
		skip_blanks(&l);
		if (l.at < l.end && *l.at != '#') {
			/* every word is taken from at least as many octets, and its NUL from a quotation mark or what ends a name */
			isb_buf_reset(&words);
			isb_buf_add(&words, text, (size_t)(l.end - text));
			isb_buf_putc(&words, '\0');
			l.words = words.data;
			rc = read_sample(&l, &sample);
			if (rc == ISB_OK)
				each(arg, &sample);
			else
				*ret_line = number;
		}
		text = l.end + 1;
	}
	isb_buf_done(&words);
	return rc;
}
