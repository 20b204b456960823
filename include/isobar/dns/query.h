/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/dns/edns.h"
#include "isobar/dns/rcode.h"
#include "isobar/dns/tsig.h"
#include "isobar/model/dname.h"

/* One query, read strictly (RFC 1035 §4.1): what does not parse to its last octet is FORMERR. One without a question is
 * well-formed when it asks for a cookie (RFC 7873 §5.4). */

enum { ISB_HEADER = 12, ISB_OPCODE_QUERY = 0 };
/* The header's second 16 bits. */
enum {
	ISB_FLAG_QR = 0x8000, ISB_FLAG_OPCODE = 0x7800, ISB_FLAG_AA = 0x0400, ISB_FLAG_TC = 0x0200, ISB_FLAG_RD = 0x0100
};

enum { ISB_LOWER_PAD = 8 }; /* so that a name may be read by words of eight octets, the last one filled with zeros */

/* A name taken apart for walking down trees of labels. */
struct isb_name {
	const uint8_t *wire; /* as it came, case kept; not copied */
	uint16_t at;         /* where it stands in the message: ISB_HEADER for the qname; 0: nowhere yet */
	uint8_t len;         /* octets */
	uint8_t labels;      /* without the root */
	uint8_t label[ISB_LABELS_MAX + 1]; /* offsets, leftmost first; label[labels] is the root's zero octet */
	uint8_t lower[ISB_DNAME_MAX + ISB_LOWER_PAD]; /* the name in lower case, then so many zero octets */
};
/* From a well-formed name. */
void isb_name_set(struct isb_name *name, const uint8_t *wire);

struct isb_query {
	uint16_t id, flags; /* as received */
	uint16_t qtype, qclass;
	bool asks;          /* there is one question and it is well-formed: name, qtype and qclass are set; else qtype is 0 */
	struct isb_name name; /* where it stands in the message, type and class follow it */
	struct isb_edns edns;
	struct isb_tsig tsig;
};

enum { ISB_QUERY_DROP = -1 };
/* Returns ISB_NOERROR: to be answered; another rcode: to be answered with it; ISB_QUERY_DROP: shorter than a header,
 * or a response. A TSIG is read and not checked; in what is malformed there is
 * none. Pointers in `ret_query` point into `in`. Not for reading when dropped. */
int isb_query_read(struct isb_query *ret_query, const uint8_t *in, size_t len);

/* The first label of the question alone, its length octet before it, in lower case: for who wants to know early where the
 * answer will be looked for. False: there is none, or it is cut. Nothing else of the message is looked at. */
enum { ISB_FIRST_LABEL = 64 + ISB_LOWER_PAD };
bool isb_query_first_label(const uint8_t *in, size_t len, uint8_t label[ISB_FIRST_LABEL]);
