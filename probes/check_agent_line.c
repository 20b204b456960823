/* SPDX-License-Identifier: Apache-2.0 */
#include "check_agent_line.h"

#include <string.h>
#include <strings.h>

#include "isobar/base/err.h"

enum { PERCENT_DIGITS = 9, MAXCONN_DIGITS = 18 };

enum admin { READY, DRAIN, MAINT };
struct said {
	bool down, has_percent;
	enum admin admin;
	unsigned percent;
};

static bool is(const char *word, size_t len, const char *what)
{
	return len == strlen(what) && strncasecmp(word, what, len) == 0;
}

/* Digits alone: how many there are, 0 when something else stands among them. */
static size_t digits(const char *text, size_t len, size_t most)
{
	size_t n = 0;
	while (n < len && text[n] >= '0' && text[n] <= '9')
		n++;
	return n == len && n <= most ? n : 0;
}

static bool take_number(struct said *said, const char *word, size_t len)
{
	static const char maxconn[] = "maxconn:";
	size_t skip = sizeof(maxconn) - 1;
	if (len > skip && strncasecmp(word, maxconn, skip) == 0)
		return digits(word + skip, len - skip, MAXCONN_DIGITS);
	if (len < 2 || word[len - 1] != '%' || !digits(word, len - 1, PERCENT_DIGITS))
		return false;
	said->percent = 0;
	for (size_t i = 0; i < len - 1; i++)
		said->percent = said->percent * 10 + (unsigned)(word[i] - '0');
	said->has_percent = true;
	return true;
}

static bool take_word(struct said *said, const char *word, size_t len)
{
	if (is(word, len, "up"))
		said->down = false;
	else if (is(word, len, "down") || is(word, len, "fail") || is(word, len, "stopped"))
		said->down = true;
	else if (is(word, len, "ready"))
		said->admin = READY;
	else if (is(word, len, "drain"))
		said->admin = DRAIN;
	else if (is(word, len, "maint"))
		said->admin = MAINT;
	else
		return take_number(said, word, len);
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

int isb_agent_read(const char *line, size_t len, struct isb_agent *ret_agent, const char **ret_word, size_t *ret_nword)
{
	struct said said = {0};
	size_t words = 0;
	const char *sharp = memchr(line, '#', len), *end = sharp ? sharp : line + len;
	for (const char *at = line; at < end;) {
		const char *word = at;
		while (at < end && !is_blank(*at))
			at++;
		size_t n = (size_t)(at - word);
		if (n && !take_word(&said, word, n)) {
			*ret_word = word;
			*ret_nword = n;
			return ISB_EFORMAT;
		}
		words += n > 0;
		while (at < end && is_blank(*at))
			at++;
	}
	if (!words) {
		*ret_word = line;
		*ret_nword = 0;
		return ISB_EFORMAT;
	}
	unsigned soft = said.admin == DRAIN ? 0 : said.percent;
	*ret_agent = (struct isb_agent){
		.down = said.down || said.admin == MAINT,
		.has_soft = said.has_percent || said.admin == DRAIN,
		.soft = (uint8_t)(soft < 100 ? soft : 100),
	};
	if (sharp) {
		ret_agent->reason = sharp + 1;
		ret_agent->nreason = (size_t)(line + len - sharp - 1);
	}
	return ISB_OK;
}
