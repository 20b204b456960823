/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Types and rrsets. Type numbers are IANA's "DNS Parameters"; the ones that code treats specially have names here. */

enum {
	ISB_A = 1, ISB_NS = 2, ISB_CNAME = 5, ISB_SOA = 6, ISB_PTR = 12, ISB_MX = 15, ISB_TXT = 16, ISB_AAAA = 28,
	ISB_SRV = 33, ISB_DNAME = 39, ISB_OPT = 41, ISB_DS = 43, ISB_RRSIG = 46, ISB_NSEC = 47, ISB_SVCB = 64,
	ISB_HTTPS = 65, ISB_TKEY = 249, ISB_TSIG = 250, ISB_IXFR = 251, ISB_AXFR = 252, ISB_ANY = 255,
	ISB_ALIAS = 65401 /* a word of catalogs only: addresses of another name. Private use, never on the wire */
};
enum { ISB_CLASS_IN = 1, ISB_CLASS_CH = 3, ISB_CLASS_ANY = 255 };

enum { ISB_TYPE_TEXT = 16 };
/* Mnemonic of any registered type, or TYPEnnn (RFC 3597); case ignored. ISB_EFORMAT. */
int isb_type_parse(const char *text, uint16_t *ret_type);
char *isb_type_print(uint16_t type, char out[ISB_TYPE_TEXT]);
/* The mnemonic a typist most likely meant, or NULL when none is near. */
const char *isb_type_nearest(const char *text);
/* False for numbers that never own data: 0, OPT, and the meta and question types 128..255 (RFC 6895 §3.1). */
bool isb_type_is_data(uint16_t type);

/* One rrset without its owner, in one piece of memory, as stored and as served. rdata holds `count` times
 * { big-endian length (2 octets), that many octets of uncompressed rdata }: exactly RDLENGTH and RDATA of a message, so
 * a type without compressible names is copied as it stands. */
struct isb_rrset {
	uint32_t ttl_s;
	uint16_t type;
	uint16_t count;
	uint32_t size; /* octets of rdata */
	uint8_t rdata[];
};

static inline size_t isb_rrset_bytes(const struct isb_rrset *set)
{
	return sizeof(*set) + set->size;
}

/* Steps through rdata: `at` starts as set->rdata; gives the next one's octets and length and moves `at` on. */
static inline const uint8_t *isb_rdata_next(const uint8_t **at, uint16_t *ret_len)
{
	const uint8_t *p = *at;
	*ret_len = (uint16_t)(p[0] << 8 | p[1]);
	*at = p + 2 + *ret_len;
	return p + 2;
}

/* True when one rdata can be of this type: known names are whole, fixed sizes are kept, 65535 octets at most. */
bool isb_rdata_check(uint16_t type, const uint8_t *rdata, size_t len);
/* True when the stored octets are one well-formed rrset: sizes add up, the names of known types are whole. */
bool isb_rrset_check(const struct isb_rrset *set, size_t bytes);

/* Where names stand in a type's rdata: first `skip` octets, then `names` names, then the rest.
 * `compress`: RFC 3597 §4 allows compression when sending (RFC 1035 types only).
 * `target`: index of the name whose addresses go into the additional section, or -1. */
struct isb_rdata_layout {
	uint8_t skip, names;
	bool compress;
	int8_t target;
};
const struct isb_rdata_layout *isb_rdata_layout(uint16_t type); /* NULL: opaque octets */
