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

static inline void fold_word(uint8_t *to, const uint8_t *from)
{
	uint64_t octets;
	memcpy(&octets, from, 8);
	octets = fold8(octets);
	memcpy(to, &octets, 8);
}

/* Lengths of labels are below 'A', so they may be folded with the rest. The last eight octets overlap those before. */
static inline void fold(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len < 8) {
		for (size_t i = 0; i < len; i++)
			to[i] = from[i] >= 'A' && from[i] <= 'Z' ? (uint8_t)(from[i] | 0x20) : from[i];
		return;
	}
	for (size_t at = 0; at + 8 < len; at += 8)
		fold_word(to + at, from + at);
	fold_word(to + len - 8, from + len - 8);
}

/* Takes a name of at most `room` octets apart; false unless it is well-formed and uncompressed. */
static inline bool name_read(struct isb_name *name, const uint8_t *wire, size_t room)
{
	size_t at = 0;
	unsigned labels = 0;
	if (room > ISB_DNAME_MAX)
		room = ISB_DNAME_MAX;
	for (unsigned len;; at += 1 + len) {
		if (at >= room)
			return false;
		len = wire[at];
		name->label[labels] = (uint8_t)at;
		if (len == 0)
			break;
		if (len > LABEL_MAX)
			return false;
		labels++;
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
	const uint8_t *name = isb_read(r, (size_t)q->name.len + 4);
	if (!name)
		return false;
	q->qtype = isb_get_u16(name + q->name.len);
	q->qclass = isb_get_u16(name + q->name.len + 2);
	return true;
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

static inline bool read_record(struct record *rr, struct isb_reader *r)
{
	enum { FIXED = 10 }; /* type, class, TTL, RDLENGTH */
	size_t start = r->pos;
	rr->owner = r->base + start;
	skip_name(r);
	rr->owner_len = r->pos - start;
	const uint8_t *fixed = isb_read(r, FIXED);
	if (!fixed)
		return false;
	rr->type = isb_get_u16(fixed);
	rr->cls = isb_get_u16(fixed + 2);
	rr->ttl = isb_get_u32(fixed + 4);
	rr->len = isb_get_u16(fixed + 8);
	rr->rdata = isb_read(r, rr->len);
	return rr->rdata;
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
	struct record rr;
	bool is_query = !(q->flags & ISB_FLAG_OPCODE);
	isb_read(&r, ISB_HEADER);
	q->asks = questions == 1 && read_question(q, &r);
	if (!q->asks && (questions || !is_query))
		return ISB_FORMERR; /* more than one question: RFC 9619 */
	if (is_query && (answers || (authority && (authority > 1 || !q->asks || q->qtype != ISB_IXFR)))) /* RFC 1995 §3 */
		return ISB_FORMERR;
	for (unsigned i = answers + authority; i > 0; i--)
		if (!read_record(&rr, &r))
			return ISB_FORMERR;
	enum isb_rcode rcode = read_additional(q, &r, additional);
	if (rcode == ISB_NOERROR && !q->asks && !q->edns.cookie.present) /* nothing asked, and not even for a cookie: RFC 7873 §5.4 */
		return ISB_FORMERR;
	return rcode;
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
