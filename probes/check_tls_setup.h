/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <openssl/ssl.h>

#include "check_trust.h"
#include "spec.h"

/* What checks of type tls begin with: contexts with their authorities and client certificates, made once for all checks
 * that name the same files, and anew after a minute, so that renewed files are noticed. */
struct isb_tls_setups;

enum { ISB_TLS_TROUBLE = 160 };

struct isb_tls_setups *isb_tls_setups_new(struct isb_trust *trust);
void isb_tls_setups_free(struct isb_tls_setups *setups);
/* The context is the setups'. On failure `ret_trouble` says which file is to blame: ISB_EIO. */
int isb_tls_setup(struct isb_tls_setups *setups, const struct isb_spec *spec, int64_t now_us, SSL_CTX **ret_ctx,
                  char ret_trouble[ISB_TLS_TROUBLE]);
