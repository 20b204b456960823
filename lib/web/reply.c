/* SPDX-License-Identifier: Apache-2.0 */
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "isobar/web/web.h"

enum { DETAIL_MAX = 2000 };

const char *isb_web_reason(unsigned status)
{
	return MHD_get_reason_phrase_for(status);
}

void isb_web_field(struct isb_web_reply *reply, const char *name, const char *value)
{
	if (reply->nfield < ISB_WEB_FIELDS)
		reply->fields[reply->nfield++] = (struct isb_web_pair){name, value};
}

/* How many octets of `text` are one character of UTF-8 (RFC 3629 §4); 0: they are none. */
static size_t utf8(const unsigned char *text)
{
	unsigned char c = text[0];
	size_t more = c < 0x80 ? 0 : c >= 0xc2 && c <= 0xdf ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : 4;
	if (more == 4)
		return 0;
	for (size_t i = 1; i <= more; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* longer than need be, surrogates, past U+10FFFF */
	if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) || (c == 0xf0 && text[1] < 0x90) ||
	    (c == 0xf4 && text[1] > 0x8f))
		return 0;
	return 1 + more;
}

void isb_web_json(struct isb_buf *out, const char *text)
{
	isb_buf_putc(out, '"');
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		size_t len = utf8(p);
		if (len == 0)
			isb_buf_puts(out, "\\ufffd");
		else if (*p == '"' || *p == '\\')
			isb_buf_printf(out, "\\%c", *p);
		else if (*p == '\n')
			isb_buf_puts(out, "\\n");
		else if (*p < 0x20 || *p == 0x7f)
			isb_buf_printf(out, "\\u%04x", *p);
		else
			isb_buf_add(out, p, len);
		p += len ? len : 1;
	}
	isb_buf_putc(out, '"');
}

void isb_web_problem(struct isb_web_reply *reply, unsigned status, const char *fmt, ...)
{
	char detail[DETAIL_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	reply->status = status;
	reply->type = "application/problem+json";
	isb_buf_reset(&reply->body);
	isb_buf_puts(&reply->body, "{\"type\":\"about:blank\",\"title\":");
	isb_web_json(&reply->body, isb_web_reason(status));
	isb_buf_printf(&reply->body, ",\"status\":%u,\"detail\":", status);
	isb_web_json(&reply->body, detail);
	isb_buf_puts(&reply->body, "}\n");
}

void isb_web_not_found(struct isb_web_reply *reply, const struct isb_web_request *request)
{
	isb_web_problem(reply, MHD_HTTP_NOT_FOUND, "there is nothing at '%s'", request->path);
}

void isb_web_not_allowed(struct isb_web_reply *reply, const char *allow)
{
	isb_web_problem(reply, MHD_HTTP_METHOD_NOT_ALLOWED, "this takes %s", allow);
	isb_web_field(reply, "Allow", allow);
}
