/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/query.h"

#include "isobar/base/hash.h"
#include "isobar/model/rr.h"

enum { LABEL_MAX = 63, POINTER = 0xc0 };

/* Octets that are folded at once: two vector instructions where the machine has them. */
typedef uint8_t octets16 __attribute__((vector_size(16)));

/* ASCII capitals to lower case (RFC 4343). Lengths of labels are below 'A', so they may be folded with the rest. */
static inline void fold16(uint8_t *to, const uint8_t *from)
{
	octets16 octets;
	memcpy(&octets, from, sizeof(octets));
	octets |= (octets16)(octets - 'A' <= 'Z' - 'A') & 0x20;
	memcpy(to, &octets, sizeof(octets));
}

/* The last sixteen octets overlap those before; a name shorter than that is filled up. */
static inline void fold(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len >= sizeof(octets16)) {
		for (size_t at = 0; at + sizeof(octets16) < len; at += sizeof(octets16))
			fold16(to + at, from + at);
		fold16(to + len - sizeof(octets16), from + len - sizeof(octets16));
	} else {
		uint64_t words[2] = {htole64(len < 8 ? isb_octets_few(from, len) : isb_octets8(from)),
		                     htole64(len > 8 ? isb_octets8(from + len - 8) >> (128 - 8 * len) : 0)};
		fold16(to, (const uint8_t *)words);
	}
	memset(to + len, 0, ISB_LOWER_PAD);
}

/* Takes a name of at most `room` octets apart; false unless it is well-formed and uncompressed. */
static inline bool name_read(struct isb_name *name, const uint8_t *wire, size_t room)
{
	size_t at = 0;
	unsigned labels = 0, len;
	if (room > ISB_DNAME_MAX)
		room = ISB_DNAME_MAX;
	for (;; at += 1 + len, labels++) {
		if (at >= room)
			return false;
		len = wire[at];
		name->label[labels] = (uint8_t)at;
		if (len - 1 >= LABEL_MAX) /* the root's, or none at all */
			break;
	}
	if (len != 0)
		return false;
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

/* What is read is told by where reading goes on; NULL: it is malformed. */

static inline const uint8_t *read_question(struct isb_query *q, const uint8_t *p, const uint8_t *end)
{
	enum { TYPE_CLASS = 4 };
	if (!name_read(&q->name, p, (size_t)(end - p)))
		return NULL;
	p += q->name.len;
	if (end - p < TYPE_CLASS)
		return NULL;
	q->name.at = ISB_HEADER;
	q->qtype = isb_get_u16(p);
	q->qclass = isb_get_u16(p + 2);
	q->asks = true;
	return p + TYPE_CLASS;
}

struct record {
	const uint8_t *owner, *fixed, *rdata; /* type, class, TTL; each begins where the one before ends, RDLENGTH between */
	uint16_t type, len;
};

/* Steps over a name that may end in a pointer; where that leads to is of no interest. */
static inline const uint8_t *skip_name(const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		unsigned len = *p++;
		if (len == 0)
			return p;
		if (len >= POINTER)
			return p < end ? p + 1 : NULL;
		if (len > LABEL_MAX || len > (size_t)(end - p))
			return NULL;
		p += len;
	}
	return NULL;
}

static inline const uint8_t *read_record(struct record *rr, const uint8_t *p, const uint8_t *end)
{
	enum { FIXED = 10 }; /* type, class, TTL, RDLENGTH */
	rr->owner = p;
	p = skip_name(p, end);
	if (!p || end - p < FIXED)
		return NULL;
	rr->fixed = p;
	rr->type = isb_get_u16(p);
	rr->len = isb_get_u16(p + 8);
	rr->rdata = p + FIXED;
	return end - rr->rdata < rr->len ? NULL : rr->rdata + rr->len;
}

static bool read_tsig(struct isb_query *q, const struct record *rr)
{
	int name_len = isb_dname_check(rr->owner, (size_t)(rr->fixed - rr->owner));
	return name_len > 0 && isb_get_u16(rr->fixed + 2) == ISB_CLASS_ANY &&
	       isb_tsig_read(&q->tsig, rr->owner, (uint8_t)name_len, rr->rdata, rr->len);
}

/* One OPT owned by the root (RFC 6891 §6.1.1). */
static inline enum isb_rcode read_opt(struct isb_query *q, const struct record *rr)
{
	if (q->edns.present || *rr->owner != 0)
		return ISB_FORMERR;
	return isb_edns_read(&q->edns, isb_get_u16(rr->fixed + 2), isb_get_u32(rr->fixed + 4), rr->rdata, rr->len);
}

/* An OPT anywhere, a TSIG as the last of all (RFC 8945 §5.1); others mean nothing here. */
static inline enum isb_rcode read_additional(struct isb_query *q, const uint8_t *p, const uint8_t *end, unsigned count)
{
	enum isb_rcode rcode = ISB_NOERROR;
	struct record rr;
	for (; count > 0; count--) {
		p = read_record(&rr, p, end);
		if (!p)
			return ISB_FORMERR;
		if (rr.type == ISB_OPT) {
			rcode = read_opt(q, &rr);
			if (rcode == ISB_FORMERR)
				return rcode;
		} else if (rr.type == ISB_TSIG && (count > 1 || !read_tsig(q, &rr))) {
			return ISB_FORMERR;
		}
	}
	return p == end ? rcode : ISB_FORMERR;
}

/* Everything behind the header. */
static enum isb_rcode read_body(struct isb_query *q, const uint8_t *in, size_t len)
{
	unsigned questions = isb_get_u16(in + 4), answers = isb_get_u16(in + 6), authority = isb_get_u16(in + 8),
		 additional = isb_get_u16(in + 10);
	const uint8_t *p = in + ISB_HEADER, *end = in + len;
	struct record rr;
	bool is_query = !(q->flags & ISB_FLAG_OPCODE);
	if (questions == 1)
		p = read_question(q, p, end);
	if (!q->asks && (questions || !is_query))
		return ISB_FORMERR; /* more than one question: RFC 9619 */
	if (is_query && (answers || (authority && (authority > 1 || !q->asks || q->qtype != ISB_IXFR)))) /* RFC 1995 §3 */
		return ISB_FORMERR;
	for (unsigned i = answers + authority; i > 0; i--) {
		p = read_record(&rr, p, end);
		if (!p)
			return ISB_FORMERR;
	}
	enum isb_rcode rcode = read_additional(q, p, end, additional);
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
