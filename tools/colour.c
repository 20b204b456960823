/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "printing.h"

/* Asks the descriptor, not the stream: a frame of --watch is printed into memory first. */
bool cli_coloured(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return (!no || !*no) && term && *term && strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
}

const char *cli_tone_on(enum cli_tone tone)
{
	static const char *const codes[] = {
		[CLI_PLAIN] = "", [CLI_GOOD] = "\033[32m", [CLI_BAD] = "\033[1;31m", [CLI_ODD] = "\033[33m"};
	return tone != CLI_PLAIN && cli_coloured() ? codes[tone] : "";
}

const char *cli_tone_off(enum cli_tone tone)
{
	return tone != CLI_PLAIN && cli_coloured() ? "\033[0m" : "";
}

enum cli_tone cli_sign_tone(char sign)
{
	return sign == '+' ? CLI_GOOD : sign == '-' ? CLI_BAD : sign == '~' ? CLI_ODD : CLI_PLAIN;
}

const char *cli_paint(struct isb_arena *arena, enum cli_tone tone, const char *text)
{
	if (tone == CLI_PLAIN || !*text || !cli_coloured())
		return text;
	return isb_arena_printf(arena, "%s%s%s", cli_tone_on(tone), text, cli_tone_off(tone));
}

size_t cli_width(const char *text)
{
	size_t width = 0;
	while (*text) {
		size_t code = strncmp(text, "\033[", 2) == 0 ? 2 + strspn(text + 2, "0123456789;") : 0;
		if (code && text[code] == 'm') {
			text += code + 1;
			continue;
		}
		width += (*text & 0xc0) != 0x80; /* of each code point its first octet */
		text++;
	}
	return width;
}
