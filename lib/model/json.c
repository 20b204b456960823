/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"

struct scan {
	const char *at, *end;
	const char *path, *path_end; /* what is still to be entered */
	bool found;
	struct isb_json_value value;
};

size_t isb_json_path_length(const char *expectation)
{
	const char *colon = strstr(expectation, ": ");
	return colon ? (size_t)(colon - expectation) : strlen(expectation);
}

bool isb_json_path_ok(const char *path, size_t len)
{
	bool begins = true;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)path[i] < ' ' || path[i] == 0x7f || (begins && path[i] == '.'))
			return false;
		begins = path[i] == '.';
	}
	return !begins;
}

/* --- Strings --- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits, or -1. */
static int32_t hex_unit(const char *at, const char *end)
{
	int32_t unit = 0;
	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(at[i]);
		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

static size_t utf8(uint32_t c, char out[4])
{
	if (c < 0x80)
		return out[0] = (char)c, 1;
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; --i > 0; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf00 >> n & 0xf0) | c);
	return n;
}

/* \uXXXX, with a second one where the first is the upper half of a pair (RFC 8259 §7). */
static size_t unicode_escape(const char **at, const char *end, char out[4])
{
	int32_t unit = hex_unit(*at, end);
	if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000))
		return 0;
	*at += 4;
	if (unit < 0xd800 || unit >= 0xe000)
		return utf8((uint32_t)unit, out);
	int32_t low = end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' ? hex_unit(*at + 2, end) : -1;
	if (low < 0xdc00 || low >= 0xe000)
		return 0;
	*at += 6;
	return utf8(0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00), out);
}

/* One character of a string's inside as one to four octets; 0: no string could hold this. */
static size_t next_character(const char **at, const char *end, char out[4])
{
	static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	char c = *(*at)++;
	if ((unsigned char)c < ' ')
		return 0;
	out[0] = c;
	if (c != '\\')
		return 1;
	if (*at == end)
		return 0;
	c = *(*at)++;
	if (c == 'u')
		return unicode_escape(at, end, out);
	const char *known = memchr(escapes, c, sizeof(escapes) - 1);
	if (!known)
		return 0;
	out[0] = meanings[known - escapes];
	return 1;
}

/* Does the inside of a string spell this text? */
static bool spells(const char *inside, size_t len, const char *text, size_t text_len)
{
	const char *end = inside + len, *text_end = text + text_len;
	while (inside < end) {
		char c[4];
		size_t n = next_character(&inside, end, c);
		if ((size_t)(text_end - text) < n || memcmp(c, text, n) != 0)
			return false;
		text += n;
	}
	return text == text_end;
}

/* Behind the opening quote; leaves the scan behind the closing one. */
static bool skip_string(struct scan *s, const char **ret_inside, size_t *ret_len)
{
	char c[4];
	*ret_inside = s->at;
	while (s->at < s->end && *s->at != '"')
		if (!next_character(&s->at, s->end, c))
			return false;
	*ret_len = (size_t)(s->at - *ret_inside);
	return s->at++ < s->end;
}

/* --- Values --- */

static bool skip_digits(struct scan *s)
{
	const char *start = s->at;
	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > start;
}

static bool take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool skip_number(struct scan *s)
{
	take(s, '-');
	if (!take(s, '0') && !skip_digits(s))
		return false;
	if (take(s, '.') && !skip_digits(s))
		return false;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			take(s, '-');
		return skip_digits(s);
	}
	return true;
}

static bool skip_word(struct scan *s)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(words[i]);
		if ((size_t)(s->end - s->at) >= len && memcmp(s->at, words[i], len) == 0) {
			s->at += len;
			return true;
		}
	}
	return false;
}

static void skip_space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool skip_value(struct scan *s, unsigned depth, bool on_path);

/* The first key of the path, and the path behind it. */
static size_t path_key(const struct scan *s)
{
	const char *dot = memchr(s->path, '.', (size_t)(s->path_end - s->path));
	return (size_t)((dot ? dot : s->path_end) - s->path);
}

/* An element that the path goes through when its key is `matches`; the path of those beside it stays as it was. */
static bool skip_element(struct scan *s, unsigned depth, bool matches)
{
	const char *path = s->path;
	if (matches)
		s->path += path_key(s) + (s->path + path_key(s) < s->path_end);
	bool good = skip_value(s, depth + 1, matches);
	s->path = path;
	return good;
}

static bool skip_map(struct scan *s, unsigned depth, bool on_path)
{
	bool entered = false;
	skip_space(s);
	if (take(s, '}'))
		return true;
	do {
		const char *key;
		size_t len;
		skip_space(s);
		if (!take(s, '"') || !skip_string(s, &key, &len))
			return false;
		bool matches = on_path && !entered && spells(key, len, s->path, path_key(s));
		entered |= matches;
		skip_space(s);
		if (!take(s, ':') || !skip_element(s, depth, matches))
			return false;
	} while (take(s, ','));
	return take(s, '}');
}

/* The path's next key as a position, or SIZE_MAX. */
static size_t path_position(const struct scan *s)
{
	size_t position = 0, n = path_key(s);
	if (n == 0 || n > 7)
		return SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		if (s->path[i] < '0' || s->path[i] > '9')
			return SIZE_MAX;
		position = position * 10 + (size_t)(s->path[i] - '0');
	}
	return position;
}

static bool skip_list(struct scan *s, unsigned depth, bool on_path)
{
	size_t wanted = on_path ? path_position(s) : SIZE_MAX;
	skip_space(s);
	if (take(s, ']'))
		return true;
	size_t i = 0;
	do {
		if (!skip_element(s, depth, on_path && i++ == wanted))
			return false;
	} while (take(s, ','));
	return take(s, ']');
}

static bool skip_any(struct scan *s, unsigned depth, bool on_path, struct isb_json_value *value)
{
	value->text = s->at;
	if (take(s, '"')) {
		value->kind = ISB_JSON_STRING;
		return skip_string(s, &value->text, &value->len);
	}
	if (take(s, '{')) {
		value->kind = ISB_JSON_MAP;
		return skip_map(s, depth, on_path);
	}
	if (take(s, '[')) {
		value->kind = ISB_JSON_LIST;
		return skip_list(s, depth, on_path);
	}
	bool word = s->at < s->end && *s->at >= 'a';
	value->kind = word ? ISB_JSON_WORD : ISB_JSON_NUMBER;
	return word ? skip_word(s) : skip_number(s);
}

/* One value with the blanks around it. `on_path`: the path leads here, and where it ends this is what it names. */
static bool skip_value(struct scan *s, unsigned depth, bool on_path)
{
	struct isb_json_value value = {0};
	bool here = on_path && s->path == s->path_end;
	if (depth >= ISB_JSON_DEPTH_MAX)
		return false;
	skip_space(s);
	if (!skip_any(s, depth, on_path && !here, &value))
		return false;
	if (value.kind != ISB_JSON_STRING)
		value.len = (size_t)(s->at - value.text);
	skip_space(s);
	if (here) {
		s->value = value;
		s->found = true;
	}
	return true;
}

int isb_json_find(const char *text, size_t len, const char *path, size_t path_len, struct isb_json_value *ret_value)
{
	struct scan s = {.at = text, .end = text + len, .path = path, .path_end = path + path_len};
	if (!skip_value(&s, 0, true) || s.at != s.end)
		return ISB_EFORMAT;
	if (!s.found)
		return ISB_ENOTFOUND;
	*ret_value = s.value;
	return ISB_OK;
}

/* --- What was found --- */

bool isb_json_number(const struct isb_json_value *value, double *ret_number)
{
	char digits[64]; /* longer ones are no number that anybody meant */
	if (value->kind != ISB_JSON_NUMBER || value->len >= sizeof(digits))
		return false;
	memcpy(digits, value->text, value->len);
	digits[value->len] = '\0';
	*ret_number = strtod(digits, NULL);
	return true;
}

static bool is_number(const struct isb_json_value *value, const char *expected)
{
	struct isb_json_value other;
	double a, b;
	if (isb_json_find(expected, strlen(expected), "", 0, &other) != ISB_OK)
		return false;
	return isb_json_number(value, &a) && isb_json_number(&other, &b) && !(a < b) && !(a > b);
}

bool isb_json_is(const struct isb_json_value *value, const char *expected)
{
	switch (value->kind) {
	case ISB_JSON_STRING: return spells(value->text, value->len, expected, strlen(expected));
	case ISB_JSON_WORD: return strlen(expected) == value->len && memcmp(expected, value->text, value->len) == 0;
	case ISB_JSON_NUMBER: return is_number(value, expected);
	default: return false;
	}
}
