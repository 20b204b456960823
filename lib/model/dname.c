/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/dname.h"

#include <string.h>

#include "isobar/base/err.h"

enum { LABEL_MAX = 63 };

/* RFC 4343: only the ASCII letters fold; the locale has no say. */
static inline uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

int isb_dname_check(const uint8_t *data, size_t len)
{
	for (size_t at = 0; at < len && at < ISB_DNAME_MAX; at += 1 + (size_t)data[at]) {
		if (data[at] == 0)
			return (int)at + 1;
		if (data[at] > LABEL_MAX)
			return ISB_EFORMAT;
	}
	return ISB_EFORMAT;
}

size_t isb_dname_len(const uint8_t *dname)
{
	const uint8_t *p = dname;
	while (*p)
		p += 1 + *p;
	return (size_t)(p - dname) + 1;
}

unsigned isb_dname_labels(const uint8_t *dname)
{
	unsigned count = 0;
	for (; *dname; dname += 1 + *dname)
		count++;
	return count;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One octet of master-file text at *text, its escape undone; moves *text behind it. A bare octet that only means
 * something to a master file's splitter (quotes, parentheses, comments, blanks) is a mistake inside a name. */
static int next_octet(const char **text, uint8_t *ret_octet)
{
	const char *p = *text;
	if (*p != '\\') {
		if ((uint8_t)*p <= ' ' || *p == 0x7f || strchr("\"();", *p))
			return ISB_EFORMAT;
		*ret_octet = (uint8_t)*p;
		*text = p + 1;
		return ISB_OK;
	}
	p++;
	if (!*p)
		return ISB_EFORMAT;
	if (!is_digit(*p)) {
		*ret_octet = (uint8_t)*p;
		*text = p + 1;
		return ISB_OK;
	}
	if (!is_digit(p[1]) || !is_digit(p[2]))
		return ISB_EFORMAT;
	int value = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	if (value > 255)
		return ISB_EFORMAT;
	*ret_octet = (uint8_t)value;
	*text = p + 3;
	return ISB_OK;
}

/* The labels of `text` into out, without the root. *ret_absolute: the text ended in a dot. */
static int parse_labels(const char *text, uint8_t out[ISB_DNAME_MAX], size_t *ret_len, bool *ret_absolute)
{
	size_t len = 0;
	bool absolute = false;
	while (*text) {
		size_t label = len++; /* where its length goes */
		while (*text && *text != '.') {
			uint8_t octet;
			int rc = next_octet(&text, &octet);
			if (rc != ISB_OK)
				return rc;
			if (len - label > LABEL_MAX || len >= ISB_DNAME_MAX - 1)
				return ISB_ERANGE;
			out[len++] = octet;
		}
		if (len == label + 1)
			return ISB_ERANGE;
		out[label] = (uint8_t)(len - label - 1);
		absolute = *text == '.';
		if (absolute)
			text++;
	}
	*ret_len = len;
	*ret_absolute = absolute;
	return ISB_OK;
}

int isb_dname_parse(const char *text, const uint8_t *origin, uint8_t out[ISB_DNAME_MAX])
{
	static const uint8_t root[1] = {0};
	uint8_t name[ISB_DNAME_MAX];
	size_t len = 0;
	bool absolute = strcmp(text, ".") == 0;
	if (!*text)
		return ISB_EFORMAT;
	if (!absolute && strcmp(text, "@") != 0) {
		int rc = parse_labels(text, name, &len, &absolute);
		if (rc != ISB_OK)
			return rc;
	}
	const uint8_t *rest = absolute || !origin ? root : origin;
	size_t rest_len = isb_dname_len(rest);
	if (len + rest_len > ISB_DNAME_MAX)
		return ISB_ERANGE;
	memcpy(name + len, rest, rest_len);
	memcpy(out, name, len + rest_len);
	return (int)(len + rest_len);
}

static char *print_octet(uint8_t c, char *out)
{
	if (c <= ' ' || c >= 0x7f) {
		*out++ = '\\';
		*out++ = (char)('0' + c / 100);
		*out++ = (char)('0' + c / 10 % 10);
		*out++ = (char)('0' + c % 10);
		return out;
	}
	if (strchr(".\\\"();@$", c))
		*out++ = '\\';
	*out++ = (char)c;
	return out;
}

char *isb_dname_print(const uint8_t *dname, char out[ISB_DNAME_TEXT])
{
	char *p = out;
	if (!*dname)
		*p++ = '.';
	for (; *dname; dname += 1 + *dname) {
		for (unsigned i = 1; i <= *dname; i++)
			p = print_octet(dname[i], p);
		*p++ = '.';
	}
	*p = '\0';
	return out;
}

char *isb_dname_print_bare(const uint8_t *dname, char out[ISB_DNAME_TEXT])
{
	isb_dname_print(dname, out);
	if (*dname)
		out[strlen(out) - 1] = '\0';
	return out;
}

size_t isb_dname_lower(const uint8_t *dname, uint8_t out[ISB_DNAME_MAX])
{
	/* Lengths are at most 63, below 'A', so folding every octet leaves them alone. */
	size_t len = isb_dname_len(dname);
	for (size_t i = 0; i < len; i++)
		out[i] = fold(dname[i]);
	return len;
}

bool isb_dname_equal(const uint8_t *a, const uint8_t *b)
{
	for (size_t left = 0;; left--, a++, b++) {
		if (fold(*a) != fold(*b))
			return false;
		if (left == 0) {
			if (!*a)
				return true;
			left = 1 + (size_t)*a;
		}
	}
}

const uint8_t *isb_dname_up(const uint8_t *dname, unsigned labels)
{
	for (; labels && *dname; labels--)
		dname += 1 + *dname;
	return dname;
}

bool isb_dname_under(const uint8_t *dname, const uint8_t *ancestor)
{
	unsigned have = isb_dname_labels(dname), want = isb_dname_labels(ancestor);
	return have >= want && isb_dname_equal(isb_dname_up(dname, have - want), ancestor);
}

unsigned isb_dname_split(const uint8_t *dname, const uint8_t *ret_label[ISB_LABELS_MAX])
{
	unsigned count = isb_dname_labels(dname);
	for (unsigned i = count; i > 0; dname += 1 + *dname)
		ret_label[--i] = dname;
	return count;
}

static int compare_labels(const uint8_t *a, const uint8_t *b)
{
	unsigned shorter = *a < *b ? *a : *b;
	for (unsigned i = 1; i <= shorter; i++)
		if (fold(a[i]) != fold(b[i]))
			return fold(a[i]) < fold(b[i]) ? -1 : 1;
	return (*a > *b) - (*a < *b);
}

int isb_dname_compare(const uint8_t *a, const uint8_t *b)
{
	const uint8_t *la[ISB_LABELS_MAX], *lb[ISB_LABELS_MAX];
	unsigned na = isb_dname_split(a, la), nb = isb_dname_split(b, lb);
	for (unsigned i = 0; i < na && i < nb; i++) {
		int order = compare_labels(la[i], lb[i]);
		if (order)
			return order;
	}
	return (na > nb) - (na < nb);
}

bool isb_dname_is_wild(const uint8_t *dname)
{
	return dname[0] == 1 && dname[1] == '*';
}
