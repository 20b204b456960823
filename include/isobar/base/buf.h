/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* A growing byte string. `data` is always followed by a NUL that does not count, so it can be printed.
 * All-zero is a valid empty buffer (data is then NULL; isb_buf_text() gives ""). */
struct isb_buf {
	char *data;
	size_t len, cap; /* bytes */
};

void isb_buf_init(struct isb_buf *buf);
void isb_buf_done(struct isb_buf *buf);
void isb_buf_reset(struct isb_buf *buf); /* keeps the memory */
void isb_buf_add(struct isb_buf *buf, const void *data, size_t len);
void isb_buf_puts(struct isb_buf *buf, const char *text);
void isb_buf_putc(struct isb_buf *buf, char c);
void isb_buf_u16(struct isb_buf *buf, uint16_t value); /* big-endian */
void isb_buf_u32(struct isb_buf *buf, uint32_t value); /* big-endian */
void isb_buf_u64(struct isb_buf *buf, uint64_t value); /* big-endian */
void isb_buf_printf(struct isb_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *isb_buf_text(const struct isb_buf *buf);
