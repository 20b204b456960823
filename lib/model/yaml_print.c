/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/yaml.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* One code point of UTF-8 from `text` (not at its end); malformed octets give U+FFFD one at a time. */
static uint32_t next_rune(const char **text)
{
	const unsigned char *p = (const unsigned char *)*text;
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	uint32_t rune = p[0];
	unsigned more = 4; /* octets that follow; 4: malformed */
	if (rune < 0x80)
		more = 0;
	else if (rune >= 0xc0 && rune < 0xf8)
		more = rune < 0xe0 ? 1 : rune < 0xf0 ? 2 : 3;
	if (more > 0 && more < 4)
		rune &= 0x3fu >> more;
	for (unsigned i = 1; more < 4 && i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			more = 4;
		rune = rune << 6 | (p[i] & 0x3f);
	}
	if (more == 4 || rune < least[more] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff)) {
		*text += 1;
		return 0xfffd;
	}
	*text += more + 1;
	return rune;
}

/* What libyaml reads back unchanged outside of escapes. NEL, LS and PS are line breaks to it, U+FEFF a mark. */
static bool is_printable(uint32_t rune)
{
	if (rune < 0x7f)
		return rune >= 0x20;
	return rune >= 0xa0 && rune != 0x2028 && rune != 0x2029 && rune != 0xfeff && rune != 0xfffe && rune != 0xffff;
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcasecmp(text, *words) == 0)
			return true;
	return false;
}

/* Characters that mean nothing to YAML wherever they stand behind the first one. */
static bool is_tame(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_/.+-@%*\\=~$^", c));
}

static bool reads_back_bare(const char *text)
{
	/* YAML 1.1 booleans: other people's readers would take a country for one. */
	static const char *const typed[] = {"null", "y", "n", "yes", "no", "on", "off", "true", "false", NULL};
	if (!is_tame(*text) || strchr("@%*=~-", *text) || strncmp(text, "...", 3) == 0 || is_one_of(text, typed))
		return false;
	for (; *text; text++) {
		bool inside = is_tame(text[1]) || (*text == ':' && text[1] == ':');
		if (!is_tame(*text) && !((*text == ' ' || *text == ':') && inside))
			return false;
	}
	return true;
}

static void add_escaped(struct isb_buf *out, uint32_t rune)
{
	switch (rune) {
	case '\n': isb_buf_puts(out, "\\n"); break;
	case '\r': isb_buf_puts(out, "\\r"); break;
	case '\t': isb_buf_puts(out, "\\t"); break;
	default: isb_buf_printf(out, rune < 0x100 ? "\\x%02X" : "\\u%04X", (unsigned)rune);
	}
}

static void add_quoted(struct isb_buf *out, const char *text)
{
	isb_buf_putc(out, '"');
	while (*text) {
		const char *from = text;
		uint32_t rune = next_rune(&text);
		if (!is_printable(rune)) {
			add_escaped(out, rune);
		} else if (rune == 0xfffd) {
			isb_buf_puts(out, "\xef\xbf\xbd");
		} else {
			if (rune == '"' || rune == '\\')
				isb_buf_putc(out, '\\');
			isb_buf_add(out, from, (size_t)(text - from));
		}
	}
	isb_buf_putc(out, '"');
}

void isb_yaml_quote(struct isb_buf *out, const char *text)
{
	if (reads_back_bare(text))
		isb_buf_puts(out, text);
	else
		add_quoted(out, text);
}

void isb_yaml_quote_string(struct isb_buf *out, const char *text)
{
	/* numbers, dates, .inf and .nan; all else that is typed is quoted anyway */
	if (*text && strchr("0123456789+.", *text))
		add_quoted(out, text);
	else
		isb_yaml_quote(out, text);
}

static bool fits_block(const char *text)
{
	if (!*text)
		return false;
	while (*text) {
		uint32_t rune = next_rune(&text);
		if (rune == 0xfffd || (!is_printable(rune) && rune != '\n' && rune != '\t'))
			return false;
	}
	return true;
}

void isb_yaml_block(struct isb_buf *out, const char *text, unsigned indent)
{
	if (!fits_block(text)) {
		add_quoted(out, text);
		return;
	}
	size_t len = strlen(text);
	bool final = text[len - 1] == '\n', many = final && (len == 1 || text[len - 2] == '\n');
	/* Where the first line itself begins with white space, its indentation must be said, not guessed. */
	isb_buf_printf(out, "|%s%s", strchr(" \t\n", *text) ? "2" : "", many ? "+" : final ? "" : "-");
	while (*text) {
		size_t line = strcspn(text, "\n");
		isb_buf_putc(out, '\n');
		if (line)
			isb_buf_printf(out, "%*s", (int)indent, "");
		isb_buf_add(out, text, line);
		text += line + (text[line] == '\n');
	}
}

char *isb_yaml_excerpt(const char *text, char out[ISB_YAML_EXCERPT])
{
	enum { CUT = 40 };
	size_t n = 0;
	while (*text && n < CUT) {
		const char *from = text;
		uint32_t rune = next_rune(&text);
		size_t len = (size_t)(text - from);
		if (!is_printable(rune) || rune == 0xfffd) {
			out[n++] = '?';
		} else {
			memcpy(out + n, from, len);
			n += len;
		}
	}
	strcpy(out + n, *text ? "..." : "");
	return out;
}
