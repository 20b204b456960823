/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/wire.h"
#include "isobar/dns/rcode.h"
#include "isobar/dns/tsigkeys.h"

/* TSIG (RFC 8945): checks a query's and writes a reply's. Read with the query, checked before anything is decided, and
 * written as the last record of the reply. The key tells who asks; it does not prove an address, for what was signed
 * can be sent again by others until its time is over. */

enum isb_tsig_error {
	ISB_TSIG_OK = 0, ISB_BADSIG = 16, ISB_BADKEY = 17, ISB_BADTIME = 18, ISB_BADTRUNC = 22
};

struct isb_tsig {
	bool present;
	uint8_t name_len, algorithm_len; /* octets */
	uint16_t original_id, fudge_s, mac_len;
	uint64_t time_s;          /* when it was signed: 48 bits */
	const uint8_t *name;      /* the key's, in the message: the record begins here */
	const uint8_t *algorithm; /* in the message; the time signed and the fudge follow it */
	const uint8_t *mac;
	const uint8_t *error_and_other; /* to the end of the record */
	uint16_t error_and_other_len;
	/* Told by isb_tsig_check(). */
	enum isb_tsig_error error;
	const struct isb_tsig_key *key; /* NULL: the reply's TSIG is not signed */
	uint64_t now_s;
};

/* `name` is the owner in plain form. False: it cannot be interpreted (FORMERR). */
bool isb_tsig_read(struct isb_tsig *ret_tsig, const uint8_t *name, uint8_t name_len, const uint8_t *rdata,
                   uint16_t len);

/* Key, MAC, time, length of the MAC, in the order of §5.2, for the message `in` that the TSIG stands in. `keys` may be
 * NULL: none is known. ISB_NOERROR; ISB_NOTAUTH with tsig->error; ISB_FORMERR: the MAC has a length that none can have
 * (§5.2.2.1), and the reply carries no TSIG; ISB_SERVFAIL: no memory for the sum.
 * A truncated MAC that is right is refused with BADTRUNC (§5.2.4): whoever shares a key can send it whole. Times need
 * not ascend from query to query (§5.2.3 leaves that open): queries overtake each other on their way. */
enum isb_rcode isb_tsig_check(struct isb_tsig *tsig, const struct isb_tsig_keys *keys, const uint8_t *in,
                              int64_t now_ms);

/* Octets that the reply's TSIG takes; 0 where it has none. */
size_t isb_tsig_size(const struct isb_tsig *tsig);
/* Ends the message in `w`, whose header counts all records but this one, and counts it. Signed when the check found a
 * key (§5.3.2 says for which errors); without memory for the sum it is left away, and the client takes that for a forged
 * answer. */
void isb_tsig_write(struct isb_writer *w, const struct isb_tsig *tsig);
