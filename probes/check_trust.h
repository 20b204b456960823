/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/* Trusted certificates by CA file, read once and shared by all checks: libcurl remembers one file only, and the
 * system's bundle takes tens of milliseconds to read, in which no other check goes on. Read again after a minute, so
 * that a renewed file is noticed. */
struct isb_trust;

/* Why a file that a check names, by its key in the catalog, cannot be used: it cannot be read, or holds no such thing. */
void isb_trust_blame(const char *key, const char *file, char *ret_text, size_t size);

struct isb_trust *isb_trust_new(void);
void isb_trust_free(struct isb_trust *trust);
/* Lets the context trust what is in `ca_file` (PEM), or with NULL in the system's store. ISB_EIO when the file cannot
 * be read or holds no certificate. */
int isb_trust_apply(struct isb_trust *trust, const char *ca_file, int64_t now_us, SSL_CTX *ctx);
