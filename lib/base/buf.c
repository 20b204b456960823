/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/wire.h"

void isb_buf_init(struct isb_buf *buf)
{
	*buf = (struct isb_buf){0};
}

void isb_buf_done(struct isb_buf *buf)
{
	free(buf->data);
	isb_buf_init(buf);
}

void isb_buf_reset(struct isb_buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

static char *room(struct isb_buf *buf, size_t len)
{
	if (buf->cap - buf->len <= len) {
		size_t cap = buf->cap ? buf->cap * 2 : 256;
		while (cap - buf->len <= len)
			cap *= 2;
		buf->data = isb_xrealloc(buf->data, cap);
		buf->cap = cap;
	}
	return buf->data + buf->len;
}

void isb_buf_add(struct isb_buf *buf, const void *data, size_t len)
{
	char *at = room(buf, len);
	if (len)
		memcpy(at, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void isb_buf_puts(struct isb_buf *buf, const char *text)
{
	isb_buf_add(buf, text, strlen(text));
}

void isb_buf_putc(struct isb_buf *buf, char c)
{
	isb_buf_add(buf, &c, 1);
}

void isb_buf_u16(struct isb_buf *buf, uint16_t value)
{
	uint8_t b[2];
	isb_put_u16(b, value);
	isb_buf_add(buf, b, sizeof(b));
}

void isb_buf_u32(struct isb_buf *buf, uint32_t value)
{
	uint8_t b[4];
	isb_put_u32(b, value);
	isb_buf_add(buf, b, sizeof(b));
}

void isb_buf_u64(struct isb_buf *buf, uint64_t value)
{
	isb_buf_u32(buf, (uint32_t)(value >> 32));
	isb_buf_u32(buf, (uint32_t)value);
}

void isb_buf_printf(struct isb_buf *buf, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n > 0) {
		char *at = room(buf, (size_t)n);
		vsnprintf(at, (size_t)n + 1, fmt, again);
		buf->len += (size_t)n;
	}
	va_end(again);
}

const char *isb_buf_text(const struct isb_buf *buf)
{
	return buf->data ? buf->data : "";
}
