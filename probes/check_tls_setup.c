/* SPDX-License-Identifier: Apache-2.0 */
#include "check_tls_setup.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"

static const int64_t fresh_us = INT64_C(60) * 1000000;

struct isb_tls_setups {
	struct isb_trust *trust;
	struct setup {
		bool verify;
		char *ca_file, *cert, *key; /* NULL: the system's, none, none */
		SSL_CTX *ctx;
		int64_t made_us;
	} * list;
	size_t count;
};

struct isb_tls_setups *isb_tls_setups_new(struct isb_trust *trust)
{
	struct isb_tls_setups *setups = isb_xcalloc(1, sizeof(*setups));
	setups->trust = trust;
	return setups;
}

static void drop(struct isb_tls_setups *setups, size_t i)
{
	struct setup *s = &setups->list[i];
	free(s->ca_file);
	free(s->cert);
	free(s->key);
	SSL_CTX_free(s->ctx); /* connections that use it hold their own reference */
	*s = setups->list[--setups->count];
}

void isb_tls_setups_free(struct isb_tls_setups *setups)
{
	while (setups->count)
		drop(setups, 0);
	free(setups->list);
	free(setups);
}

/* False: it cannot, and the text says what is wrong. */
static bool show_certificate(SSL_CTX *ctx, const struct isb_spec *spec, char trouble[ISB_TLS_TROUBLE])
{
	if (!spec->client_cert)
		return true;
	if (SSL_CTX_use_certificate_chain_file(ctx, spec->client_cert) != 1) {
		isb_trust_blame("client_cert", spec->client_cert, trouble, ISB_TLS_TROUBLE);
		return false;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, spec->client_key, SSL_FILETYPE_PEM) == 1 && SSL_CTX_check_private_key(ctx) == 1)
		return true;
	if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
		snprintf(trouble, ISB_TLS_TROUBLE, "the check's client_key is not the key of its client_cert: %s", spec->client_key);
	else
		isb_trust_blame("client_key", spec->client_key, trouble, ISB_TLS_TROUBLE);
	return false;
}

/* A key with a passphrase is none that can be read: nobody is there to be asked. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

static bool prepare(struct isb_tls_setups *setups, const struct isb_spec *spec, int64_t now_us, SSL_CTX *ctx,
                    char trouble[ISB_TLS_TROUBLE])
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(
		ctx, SSL_SESS_CACHE_OFF); /* every check makes the whole way that a new client makes */
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_verify(ctx, spec->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (spec->verify && isb_trust_apply(setups->trust, spec->ca_file, now_us, ctx) != ISB_OK) {
		isb_trust_blame("ca_file", spec->ca_file, trouble, ISB_TLS_TROUBLE);
		return false;
	}
	return show_certificate(ctx, spec, trouble);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static char *dup_or_null(const char *text)
{
	return text ? isb_xstrdup(text) : NULL;
}

int isb_tls_setup(struct isb_tls_setups *setups, const struct isb_spec *spec, int64_t now_us, SSL_CTX **ret_ctx,
                  char ret_trouble[ISB_TLS_TROUBLE])
{
	for (size_t i = setups->count; i-- > 0;)
		if (now_us - setups->list[i].made_us >= fresh_us)
			drop(setups, i);
	for (size_t i = 0; i < setups->count; i++) {
		const struct setup *s = &setups->list[i];
		if (s->verify == spec->verify && same(s->ca_file, spec->ca_file) && same(s->cert, spec->client_cert) &&
		    same(s->key, spec->client_key)) {
			*ret_ctx = s->ctx;
			return ISB_OK;
		}
	}
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	snprintf(ret_trouble, ISB_TLS_TROUBLE, "out of memory");
	ERR_clear_error();
	bool good = ctx && prepare(setups, spec, now_us, ctx, ret_trouble);
	ERR_clear_error();
	if (!good) {
		SSL_CTX_free(ctx);
		return ISB_EIO;
	}
	setups->list = isb_xrealloc(setups->list, (setups->count + 1) * sizeof(*setups->list));
	setups->list[setups->count++] = (struct setup){.verify = spec->verify,
	                                               .ca_file = dup_or_null(spec->ca_file),
	                                               .cert = dup_or_null(spec->client_cert),
	                                               .key = dup_or_null(spec->client_key),
	                                               .ctx = ctx,
	                                               .made_us = now_us};
	*ret_ctx = ctx;
	return ISB_OK;
}
