/* SPDX-License-Identifier: Apache-2.0 */
#include "check_trust.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"

static const int64_t fresh_us = INT64_C(60) * 1000000;

struct isb_trust {
	struct entry {
		char *ca_file; /* NULL: the system's */
		X509_STORE *store;
		int64_t read_us;
	} *entries;
	size_t count;
};

void isb_trust_blame(const char *key, const char *file, char *ret_text, size_t size)
{
	if (!file)
		snprintf(ret_text, size, "the system's authorities cannot be read; name some with %s", key);
	else if (access(file, R_OK) != 0)
		snprintf(ret_text, size, "the check's %s cannot be read (%s): %s", key, strerror(errno), file);
	else
		snprintf(ret_text, size, "the check's %s holds no usable PEM: %s", key, file);
}

struct isb_trust *isb_trust_new(void)
{
	return isb_xcalloc(1, sizeof(struct isb_trust));
}

static void drop(struct isb_trust *trust, size_t i)
{
	free(trust->entries[i].ca_file);
	X509_STORE_free(trust->entries[i].store); /* contexts that use it hold their own reference */
	trust->entries[i] = trust->entries[--trust->count];
}

void isb_trust_free(struct isb_trust *trust)
{
	while (trust->count)
		drop(trust, 0);
	free(trust->entries);
	free(trust);
}

static X509_STORE *read_store(const char *ca_file)
{
	X509_STORE *store = X509_STORE_new();
	if (!store)
		return NULL;
	int good = ca_file ? X509_STORE_load_file(store, ca_file) : X509_STORE_set_default_paths(store);
	/* a certificate in the file is trusted as it is, an intermediate one too, as with curl's --cacert */
	if (good && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN))
		return store;
	X509_STORE_free(store);
	ERR_clear_error();
	return NULL;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static X509_STORE *store_of(struct isb_trust *trust, const char *ca_file, int64_t now_us)
{
	for (size_t i = trust->count; i-- > 0;) /* entries of files no longer asked for go as well */
		if (now_us - trust->entries[i].read_us >= fresh_us)
			drop(trust, i);
	for (size_t i = 0; i < trust->count; i++)
		if (same(trust->entries[i].ca_file, ca_file))
			return trust->entries[i].store;
	X509_STORE *store = read_store(ca_file);
	if (!store)
		return NULL;
	trust->entries = isb_xrealloc(trust->entries, (trust->count + 1) * sizeof(*trust->entries));
	trust->entries[trust->count++] = (struct entry){ca_file ? isb_xstrdup(ca_file) : NULL, store, now_us};
	return store;
}

int isb_trust_apply(struct isb_trust *trust, const char *ca_file, int64_t now_us, SSL_CTX *ctx)
{
	X509_STORE *store = store_of(trust, ca_file, now_us);
	if (!store)
		return ISB_EIO;
	SSL_CTX_set1_cert_store(ctx, store);
	return ISB_OK;
}
