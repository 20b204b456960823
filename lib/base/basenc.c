/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/basenc.h"

#include <string.h>

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool isb_hex_decode(const char *text, size_t len, struct isb_writer *out)
{
	if (len % 2)
		return false;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
		if (high < 0 || low < 0)
			return false;
		isb_write_u8(out, (uint8_t)(high << 4 | low));
	}
	return true;
}

void isb_hex_encode(struct isb_buf *out, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		isb_buf_putc(out, "0123456789abcdef"[data[i] >> 4]);
		isb_buf_putc(out, "0123456789abcdef"[data[i] & 15]);
	}
}

static int base64_digit(char c)
{
	const char *at = c ? strchr(base64, c) : NULL;
	return at ? (int)(at - base64) : -1;
}

bool isb_base64_decode(const char *text, size_t len, struct isb_writer *out)
{
	if (len % 4)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		bool last = i + 4 == len;
		unsigned pad = !last || text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
		uint32_t bits = 0;
		for (unsigned k = 0; k < 4; k++) {
			int digit = k < 4 - pad ? base64_digit(text[i + k]) : 0;
			if (digit < 0)
				return false;
			bits = bits << 6 | (uint32_t)digit;
		}
		if (bits & ((1u << (8 * pad)) - 1))
			return false;
		for (unsigned k = 0; k < 3 - pad; k++)
			isb_write_u8(out, (uint8_t)(bits >> (16 - 8 * k)));
	}
	return true;
}

void isb_base64_encode(struct isb_buf *out, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)data[i] << 16;
		bits |= n > 1 ? (uint32_t)data[i + 1] << 8 : 0;
		bits |= n > 2 ? data[i + 2] : 0;
		for (unsigned k = 0; k < 4; k++)
			isb_buf_putc(out, k <= n ? base64[bits >> (18 - 6 * k) & 63] : '=');
	}
}
