/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/query.h"

#include "isobar/model/rr.h"

enum { LABEL_MAX = 63, POINTER = 0xc0 };

/* Eight octets with their ASCII capitals in lower case (RFC 4343), all at once: in the octets below 0x80 the top bit
 * tells whether the rest is from 'A', and whether it is past 'Z'. */
static uint64_t fold8(uint64_t octets)
{
	const uint64_t each = 0x0101010101010101u, top = 0x80 * each;
	uint64_t low = octets & ~top;
	uint64_t capital = ((low + (0x80 - 'A') * each) ^ (low + (0x7f - 'Z') * each)) & ~octets & top;
	return octets | capital >> 2;
}

/* Lengths of labels are below 'A', so they may be folded with the rest. */
static void fold(uint8_t *to, const uint8_t *from, size_t len)
{
	uint64_t octets;
	for (; len >= 8; len -= 8, to += 8, from += 8) {
		memcpy(&octets, from, 8);
		octets = fold8(octets);
		memcpy(to, &octets, 8);
	}
	for (; len; len--, to++, from++)
		*to = *from >= 'A' && *from <= 'Z' ? (uint8_t)(*from | 0x20) : *from;
}

/* Takes a name of at most `room` octets apart; false unless it is well-formed and uncompressed. */
static bool name_read(struct isb_name *name, const uint8_t *wire, size_t room)
{
	size_t at = 0;
	unsigned labels = 0;
	if (room > ISB_DNAME_MAX)
		room = ISB_DNAME_MAX;
	for (;;) {
		if (at >= room || wire[at] > LABEL_MAX)
			return false;
		name->label[labels] = (uint8_t)at;
		if (wire[at] == 0)
			break;
		labels++;
		at += 1 + (size_t)wire[at];
	}
	name->wire = wire;
	name->at = 0;
	name->len = (uint8_t)(at + 1);
	name->labels = (uint8_t)labels;
	fold(name->lower, wire, at + 1);
	return true;
}

void isb_name_set(struct isb_name *name, const uint8_t *wire)
{
	name_read(name, wire, ISB_DNAME_MAX);
}

static bool read_question(struct isb_query *q, struct isb_reader *r)
{
	if (!name_read(&q->name, r->base + r->pos, r->len - r->pos))
		return false;
	q->name.at = ISB_HEADER;
	isb_read(r, q->name.len);
	q->qtype = isb_read_u16(r);
	q->qclass = isb_read_u16(r);
	return !r->bad;
}

struct record {
	const uint8_t *owner, *rdata;
	size_t owner_len; /* octets in place */
	uint32_t ttl;
	uint16_t type, cls, len;
};

/* Steps over a name that may end in a pointer; where that leads to is of no interest. */
static void skip_name(struct isb_reader *r)
{
	for (;;) {
		uint8_t len = isb_read_u8(r);
		if (len == 0 || r->bad)
			return;
		if (len >= POINTER) {
			isb_read_u8(r);
			return;
		}
		if (len > LABEL_MAX)
			r->bad = true;
		isb_read(r, len);
	}
}

static bool read_record(struct record *rr, struct isb_reader *r)
{
	size_t start = r->pos;
	rr->owner = r->base + start;
	skip_name(r);
	rr->owner_len = r->pos - start;
	rr->type = isb_read_u16(r);
	rr->cls = isb_read_u16(r);
	rr->ttl = isb_read_u32(r);
	rr->len = isb_read_u16(r);
	rr->rdata = isb_read(r, rr->len);
	return !r->bad;
}

static bool read_tsig(struct isb_query *q, const struct record *rr)
{
	int name_len = isb_dname_check(rr->owner, rr->owner_len);
	return name_len > 0 && rr->cls == ISB_CLASS_ANY &&
	       isb_tsig_read(&q->tsig, rr->owner, (uint8_t)name_len, rr->rdata, rr->len);
}

/* One OPT owned by the root (RFC 6891 §6.1.1), a TSIG as the last of all (RFC 8945 §5.1); others mean nothing here. */
static enum isb_rcode read_additional(struct isb_query *q, struct isb_reader *r, unsigned count)
{
	enum isb_rcode rcode = ISB_NOERROR;
	struct record rr;
	for (; count > 0; count--) {
		if (!read_record(&rr, r))
			return ISB_FORMERR;
		if (rr.type == ISB_OPT) {
			if (q->edns.present || rr.owner_len != 1)
				return ISB_FORMERR;
			rcode = isb_edns_read(&q->edns, rr.cls, rr.ttl, rr.rdata, rr.len);
			if (rcode == ISB_FORMERR)
				return rcode;
		} else if (rr.type == ISB_TSIG && (count > 1 || !read_tsig(q, &rr))) {
			return ISB_FORMERR;
		}
	}
	if (r->pos != r->len)
		return ISB_FORMERR;
	return rcode;
}

/* Everything behind the header. */
static enum isb_rcode read_body(struct isb_query *q, const uint8_t *in, size_t len)
{
	unsigned questions = isb_get_u16(in + 4), answers = isb_get_u16(in + 6), authority = isb_get_u16(in + 8),
		 additional = isb_get_u16(in + 10);
	struct isb_reader r = isb_reader(in, len);
	isb_read(&r, ISB_HEADER);
	q->asks = questions == 1 && read_question(q, &r);
	if (questions == 0 && !(q->flags & ISB_FLAG_OPCODE) && !answers && !authority) {
		enum isb_rcode rcode = read_additional(q, &r, additional);
		return rcode == ISB_NOERROR && !q->edns.cookie.present ? ISB_FORMERR : rcode; /* RFC 7873 §5.4 */
	}
	if (!q->asks)
		return ISB_FORMERR; /* more than one question: RFC 9619 */
	if (!(q->flags & ISB_FLAG_OPCODE) && (answers || authority > (q->qtype == ISB_IXFR))) /* RFC 1995 §3 */
		return ISB_FORMERR;
	struct record rr;
	for (unsigned i = answers + authority; i > 0; i--)
		if (!read_record(&rr, &r))
			return ISB_FORMERR;
	return read_additional(q, &r, additional);
}

int isb_query_read(struct isb_query *ret_query, const uint8_t *in, size_t len)
{
	struct isb_query *q = ret_query;
	if (len < ISB_HEADER || in[2] & ISB_FLAG_QR >> 8)
		return ISB_QUERY_DROP;
	q->id = isb_get_u16(in);
	q->flags = isb_get_u16(in + 2);
	q->asks = false;
	q->edns.present = q->edns.ecs.present = q->edns.cookie.present = false;
	q->tsig.present = false;
	enum isb_rcode rcode = read_body(q, in, len);
	if (rcode == ISB_FORMERR)
		q->tsig.present = false; /* there is no message that it could be of */
	if ((q->flags & ISB_FLAG_OPCODE) >> 11 != ISB_OPCODE_QUERY)
		return ISB_NOTIMP; /* what a body means is the opcode's business: we only looked for question and OPT */
	return (int)rcode;
}
