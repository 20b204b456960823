/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/cookie.h"

#include <string.h>

#include "isobar/base/wire.h"

enum { VERSION = 1, RENEW_S = 30 * 60, OLDEST_S = 60 * 60, AHEAD_S = 5 * 60 };

static uint64_t rotl(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t little64(const uint8_t *p)
{
	uint64_t v = 0;
	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1], v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0], v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1], v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2], v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

uint64_t isb_siphash(const uint8_t key[ISB_COOKIE_SECRET], const uint8_t *data, size_t len)
{
	uint64_t k0 = little64(key), k1 = little64(key + 8), last = (uint64_t)len << 56;
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
	                 k1 ^ 0x7465646279746573u};
	for (; len >= 8; data += 8, len -= 8) {
		uint64_t word = little64(data);
		v[3] ^= word;
		rounds(v, 2);
		v[0] ^= word;
	}
	for (size_t i = 0; i < len; i++)
		last |= (uint64_t)data[i] << (8 * i);
	v[3] ^= last;
	rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Hash = SipHash(client cookie | version | reserved | timestamp | client's address), RFC 9018 §4.4; octets in the order in
 * which SipHash's reference code gives them. */
static void sign(const uint8_t *secret, const uint8_t *client, const uint8_t *head, const struct isb_addr *addr,
                 uint8_t ret_hash[8])
{
	uint8_t input[ISB_COOKIE_CLIENT + 8 + 16];
	size_t octets = addr->family == 4 ? 4 : 16;
	memcpy(input, client, ISB_COOKIE_CLIENT);
	memcpy(input + ISB_COOKIE_CLIENT, head, 8);
	memcpy(input + ISB_COOKIE_CLIENT + 8, addr->octets, octets);
	uint64_t hash = isb_siphash(secret, input, ISB_COOKIE_CLIENT + 8 + octets);
	for (int i = 0; i < 8; i++)
		ret_hash[i] = (uint8_t)(hash >> (8 * i));
}

/* Without branches on the octets, so that the time tells nothing of how far a guess was right. */
static bool equal(const uint8_t *a, const uint8_t *b)
{
	uint8_t differ = 0;
	for (int i = 0; i < 8; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

/* Which secret signed it, or -1. Age is counted in serial arithmetic (RFC 9018 §4.3). */
static int verify(const struct isb_cookie_secrets *secrets, const uint8_t *client, const uint8_t *server, size_t len,
                  const struct isb_addr *addr, uint32_t now_s, int32_t *ret_age_s)
{
	if (len != ISB_COOKIE_SERVER || server[0] != VERSION)
		return -1;
	int32_t age_s = (int32_t)(now_s - isb_get_u32(server + 4));
	if (age_s > OLDEST_S || age_s < -AHEAD_S)
		return -1;
	for (unsigned i = 0; i < secrets->count; i++) {
		uint8_t hash[8];
		sign(secrets->secret[i], client, server, addr, hash);
		if (equal(hash, server + 8)) {
			*ret_age_s = age_s;
			return (int)i;
		}
	}
	return -1;
}

bool isb_cookie_answer(const struct isb_cookie_secrets *secrets, const uint8_t client[ISB_COOKIE_CLIENT],
                       const uint8_t *server, size_t server_len, const struct isb_addr *addr, int64_t now_ms,
                       uint8_t ret_server[ISB_COOKIE_SERVER])
{
	uint32_t now_s = (uint32_t)(now_ms / 1000);
	int32_t age_s = 0;
	int by = verify(secrets, client, server, server_len, addr, now_s, &age_s);
	if (by == 0 && age_s <= RENEW_S) {
		memcpy(ret_server, server, ISB_COOKIE_SERVER);
		return true;
	}
	const uint8_t head[4] = {VERSION};
	memcpy(ret_server, head, sizeof(head));
	isb_put_u32(ret_server + 4, now_s);
	sign(secrets->secret[0], client, ret_server, addr, ret_server + 8);
	return by >= 0;
}
