/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/diag.h"
#include "isobar/dns/hmac.h"

/* Secrets shared with those who sign their queries (RFC 8945), from a file as tsig-keygen, keymgr and BIND write it:
 *
 *   key "ops.example.com" {
 *           algorithm hmac-sha256;
 *           secret "c2l4dGVlbiBvY3RldHMgb3IgbW9yZSB0aGFuIHRoYXQ=";
 *   };
 *
 * Comments are #, // and C's. A key is known by its name together with its algorithm. */

enum {
	ISB_TSIG_KEYS_MAX = 64,
	/* So short that a question, the TSIG and a header fit into 512 octets, whatever is asked. */
	ISB_TSIG_NAME_MAX = 128
};

struct isb_tsig_key {
	uint8_t name[ISB_TSIG_NAME_MAX]; /* wire form in lower case */
	uint8_t name_len;                /* octets */
	enum isb_hmac_hash hash;
	struct isb_hmac *hmac;
};
struct isb_tsig_keys {
	size_t count;
	struct isb_tsig_key list[ISB_TSIG_KEYS_MAX];
};

/* Everything wrong with the text goes into diags, with its line; ISB_EINVAL then. `file` is for that only. */
int isb_tsig_keys_read(const char *text, size_t len, const char *file, struct isb_diags *diags,
                       struct isb_tsig_keys **ret_keys);
void isb_tsig_keys_free(struct isb_tsig_keys *keys); /* NULL is fine */

/* By the name in wire form, in any case; NULL: there is none. */
const struct isb_tsig_key *isb_tsig_key_find(const struct isb_tsig_keys *keys, const uint8_t *name, size_t name_len);

/* An algorithm by its name as a label and the root's octet, in any case; false: none of ours. */
bool isb_tsig_algorithm_find(const uint8_t *name, size_t len, enum isb_hmac_hash *ret_hash);
