/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/buf.h"
#include "isobar/base/wire.h"

/* Hexadecimal digits and base64 (RFC 4648), as presentation formats use them. Decoding is strict: no blanks, padding
 * where it belongs and nowhere else, no stray bits. */
bool isb_hex_decode(const char *text, size_t len, struct isb_writer *out);
void isb_hex_encode(struct isb_buf *out, const uint8_t *data, size_t len);
bool isb_base64_decode(const char *text, size_t len, struct isb_writer *out);
void isb_base64_encode(struct isb_buf *out, const uint8_t *data, size_t len);
