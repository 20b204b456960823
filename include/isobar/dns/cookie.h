/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"

/* DNS cookies (RFC 7873) with interoperable server cookies (RFC 9018): all servers of one address that share a secret
 * accept each other's. A cookie that verifies proves that the client receives at the address it sends from. */

enum {
	ISB_COOKIE_CLIENT = 8,       /* octets */
	ISB_COOKIE_SERVER = 16,      /* of ours: version, reserved, timestamp, hash */
	ISB_COOKIE_SERVER_MAX = 32,  /* of anybody's, RFC 7873 §4 */
	ISB_COOKIE_SECRET = 16,
	ISB_COOKIE_SECRETS_MAX = 3   /* the one that signs, and those still or already accepted (RFC 9018 §5) */
};

struct isb_cookie_secrets {
	unsigned count; /* 0: no cookies */
	uint8_t secret[ISB_COOKIE_SECRETS_MAX][ISB_COOKIE_SECRET]; /* the first signs, all verify */
};

/* SipHash-2-4 (Aumasson and Bernstein 2012), the hash of RFC 9018 §4.4. */
uint64_t isb_siphash(const uint8_t key[ISB_COOKIE_SECRET], const uint8_t *data, size_t len);

/* What to answer a client with: its own cookie again while that is younger than half an hour and signed by the first
 * secret, a new one otherwise (RFC 9018 §4.3). `server` is what the client sent behind its client cookie, `server_len` 0
 * when nothing. Returns true when that verified. */
bool isb_cookie_answer(const struct isb_cookie_secrets *secrets, const uint8_t client[ISB_COOKIE_CLIENT],
                       const uint8_t *server, size_t server_len, const struct isb_addr *addr, int64_t now_ms,
                       uint8_t ret_server[ISB_COOKIE_SERVER]);
