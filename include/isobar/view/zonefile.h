/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/buf.h"
#include "isobar/base/diag.h"
#include "isobar/model/rr.h"

/* RFC 1035 master files (the only door to ldns, for text that an operator wrote; never for packets). $ORIGIN, $TTL
 * (RFC 2308), $INCLUDE (regular files at or below the directory of the zone's file, relative to the including one, 8 deep;
 * an included file begins with the state of its parent and gives none back) and $GENERATE (1,000,000 records of a zone
 * at most) are understood. Every error of a file is listed with its line: syntax, unknown types, names outside the zone,
 * class other than IN, no or two SOAs, no NS at the apex, CNAME beside other data, several CNAMEs, DNAME with names
 * below it, SVCB against RFC 9460, rrsets that no message could hold. Differing TTLs in one rrset are listed too, but are
 * no error: the lowest is taken, and diags may hold such notices beside ISB_OK. Duplicate records are merged (names in
 * rdata compare without case); records stand in canonical order (RFC 4034 §6.3), so that the same data gives the same
 * octets. */

struct isb_zonedata_set {
	const uint8_t *owner;         /* absolute, lower case */
	const struct isb_rrset *set;
};
struct isb_zonedata {
	struct isb_arena arena;
	struct isb_zonedata_set *sets; /* sorted by canonical owner, then type */
	size_t count;
};
void isb_zonedata_init(struct isb_zonedata *data);
void isb_zonedata_done(struct isb_zonedata *data);

/* `apex` is the zone's wire name. Returns ISB_OK, ISB_EIO (file) or ISB_EINVAL with everything in diags. */
int isb_zonefile_read(const char *path, const uint8_t *apex, struct isb_diags *diags, struct isb_zonedata *ret_data);
/* The same from memory; `at` is where the text begins, for marks. $INCLUDE is refused here. */
int isb_zonetext_read(const char *text, size_t len, struct isb_mark at, const uint8_t *apex, struct isb_diags *diags,
                      struct isb_zonedata *ret_data);

/* One rrset from presentation form, as the CLI takes it: each of `rdata` is one record's rdata text, names in it completed
 * with `origin` (NULL: the root). The set is allocated in `arena`. */
int isb_rrset_parse(struct isb_arena *arena, uint16_t type, uint32_t ttl_s, const char *const *rdata, size_t count,
                    const uint8_t *origin, struct isb_mark at, struct isb_diags *diags, struct isb_rrset **ret_set);

/* One line per record, "owner TTL IN TYPE rdata\n", names absolute. What this prints isb_zonetext_read() reads back. */
void isb_rrset_print(struct isb_buf *out, const uint8_t *owner, const struct isb_rrset *set);
