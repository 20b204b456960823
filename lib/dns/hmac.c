/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

static const struct {
	const char *name;
	unsigned len;
} hashes[] = {
	[ISB_HMAC_SHA1] = {"SHA1", 20},     [ISB_HMAC_SHA224] = {"SHA2-224", 28}, [ISB_HMAC_SHA256] = {"SHA2-256", 32},
	[ISB_HMAC_SHA384] = {"SHA2-384", 48}, [ISB_HMAC_SHA512] = {"SHA2-512", 64},
};

/* What a pointer to struct isb_hmac points to is OpenSSL's context: hash fetched and key worked in once. Each sum begins
 * with a copy of it, which costs less than half of keying anew and takes no lock of the library. */
static EVP_MAC_CTX *context(const struct isb_hmac *hmac)
{
	return (EVP_MAC_CTX *)(uintptr_t)hmac;
}

unsigned isb_hmac_len(enum isb_hmac_hash hash)
{
	return hashes[hash].len;
}

struct isb_hmac *isb_hmac_new(enum isb_hmac_hash hash, const uint8_t *secret, size_t len)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)hashes[hash].name, 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC_free(mac); /* the context holds it */
	if (!ctx || !EVP_MAC_init(ctx, secret, len, params)) {
		EVP_MAC_CTX_free(ctx);
		return NULL;
	}
	return (struct isb_hmac *)ctx;
}

void isb_hmac_free(struct isb_hmac *hmac)
{
	EVP_MAC_CTX_free(context(hmac));
}

bool isb_hmac_sum(const struct isb_hmac *hmac, const struct isb_hmac_piece *pieces, unsigned count,
                  uint8_t ret_sum[ISB_HMAC_MAX])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(context(hmac));
	size_t len;
	bool done = ctx != NULL;
	for (unsigned i = 0; i < count && done; i++)
		done = EVP_MAC_update(ctx, pieces[i].data, pieces[i].len);
	done = done && EVP_MAC_final(ctx, ret_sum, &len, ISB_HMAC_MAX);
	EVP_MAC_CTX_free(ctx);
	return done;
}

bool isb_hmac_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
