/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/dns/cookie.h"
#include "isobar/dns/tsigkeys.h"

/* What an operator decides of all answers of one server; shared by its workers, never changed, replaced as a whole.
 * All-zero: nothing of it is offered. */

enum { ISB_NSID_MAX = 64, ISB_CHAOS_MAX = 255, ISB_EXPLAIN_FROM_MAX = 64, ISB_EXPLAIN_KEYS_MAX = 16 };

/* One TXT record as struct isb_rrset holds rdata: length, then one character-string. Empty: not told. */
struct isb_chaos {
	uint8_t rdata[2 + 1 + ISB_CHAOS_MAX];
};

/* Who may ask why (dns/explain.h): by address or by key. */
struct isb_explain_allowed {
	bool anybody; /* there is somebody in one of the lists */
	unsigned nfrom, nkey;
	struct isb_net from[ISB_EXPLAIN_FROM_MAX];
	const struct isb_tsig_key *key[ISB_EXPLAIN_KEYS_MAX]; /* of the settings' keys */
};

struct isb_settings {
	struct isb_cookie_secrets cookies;
	uint8_t nsid[ISB_NSID_MAX]; /* RFC 5001 */
	uint8_t nsid_len;
	uint16_t tcp_idle_100ms;    /* told to clients that ask (RFC 7828); 0: not told */
	struct isb_chaos version;   /* version.bind, version.server */
	struct isb_chaos id;        /* id.server, hostname.bind (RFC 4892) */
	struct isb_tsig_keys *keys; /* NULL: none; the settings' own */
	struct isb_explain_allowed explain;
};

/* ISB_ERANGE when the text is longer than ISB_CHAOS_MAX; "" makes it untold. */
int isb_chaos_set(struct isb_chaos *chaos, const char *text);
