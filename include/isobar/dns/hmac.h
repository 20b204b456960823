/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* HMAC (RFC 2104) with the hashes that TSIG knows (RFC 8945 §6), but for MD5. The one door of lib/dns to OpenSSL. */

enum isb_hmac_hash { ISB_HMAC_SHA1, ISB_HMAC_SHA224, ISB_HMAC_SHA256, ISB_HMAC_SHA384, ISB_HMAC_SHA512 };
enum { ISB_HMAC_MAX = 64 }; /* octets of the longest sum */
unsigned isb_hmac_len(enum isb_hmac_hash hash);

/* A secret made ready: never changed after new, so threads may share it. Its memory is wiped by free. */
struct isb_hmac;
/* NULL: the library has no such hash, or takes no such key. */
struct isb_hmac *isb_hmac_new(enum isb_hmac_hash hash, const uint8_t *secret, size_t len);
void isb_hmac_free(struct isb_hmac *hmac); /* NULL is fine */

/* The sum over the pieces one after the other, isb_hmac_len() octets. It allocates what OpenSSL needs for one context;
 * false: it did not get that. */
struct isb_hmac_piece {
	const void *data;
	size_t len; /* octets */
};
bool isb_hmac_sum(const struct isb_hmac *hmac, const struct isb_hmac_piece *pieces, unsigned count,
                  uint8_t ret_sum[ISB_HMAC_MAX]);
/* Takes as long whatever the octets are. */
bool isb_hmac_equal(const uint8_t *a, const uint8_t *b, size_t len);
