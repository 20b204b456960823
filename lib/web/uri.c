/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/web/web.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *isb_web_decode(struct isb_arena *arena, const char *text, size_t len, bool plus)
{
	char *out = isb_arena_alloc(arena, len + 1), *end = out;
	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];
		if (c == '%') {
			int high = len - i > 2 ? digit(text[i + 1]) : -1, low = len - i > 2 ? digit(text[i + 2]) : -1;
			if (high < 0 || low < 0)
				return NULL;
			c = high << 4 | low;
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == 0)
			return NULL;
		*end++ = (char)c;
	}
	return out;
}

const char *isb_web_query(const struct isb_web_request *request, const char *name)
{
	for (size_t i = 0; i < request->nquery; i++)
		if (strcmp(request->query[i].name, name) == 0)
			return request->query[i].value;
	return NULL;
}
