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

/* Sixteen at a time; past the name's end too, as far as there is something to read. */
static inline void fold(uint8_t *to, const uint8_t *from, size_t len, size_t readable)
{
	size_t at = 0;
	for (; at < len && readable - at >= sizeof(octets16); at += sizeof(octets16))
		fold16(to + at, from + at);
	if (at < len) { /* fewer than sixteen are left */
		const uint8_t *rest = from + at;
		size_t n = len - at;
		uint64_t words[2] = {htole64(n < 8 ? isb_octets_few(rest, n) : isb_octets8(rest)),
		                     htole64(n > 8 ? isb_octets8(rest + n - 8) >> (128 - 8 * n) : 0)};
		fold16(to + at, (const uint8_t *)words);
	}
	memset(to + len, 0, ISB_LOWER_PAD);
}

/* Takes a name of at most `room` octets apart; false unless it is well-formed and uncompressed. */
static inline bool name_read(struct isb_name *name, const uint8_t *wire, size_t room)
{
	size_t at = 0, len;
	unsigned labels = 0;
	if (room > ISB_DNAME_MAX)
		room = ISB_DNAME_MAX;
	for (;; labels++) {
		if (at >= room)
			return false;
		name->label[labels] = (uint8_t)at;
		len = wire[at++];
		if (len - 1 >= LABEL_MAX) /* the root's, or none at all */
			break;
		at += len;
	}
	if (len != 0)
		return false;
	name->wire = wire;
	name->at = 0;
	name->len = (uint8_t)at;
	name->labels = (uint8_t)labels;
	return true;
}

void isb_name_set(struct isb_name *name, const uint8_t *wire)
{
	name_read(name, wire, ISB_DNAME_MAX);
	fold(name->lower, wire, name->len, name->len);
}

bool isb_query_first_label(const uint8_t *in, size_t len, uint8_t label[ISB_FIRST_LABEL])
{
	if (len <= ISB_HEADER || in[ISB_HEADER] - 1u >= LABEL_MAX || in[ISB_HEADER] >= len - ISB_HEADER)
		return false;
	fold(label, in + ISB_HEADER, 1u + in[ISB_HEADER], len - ISB_HEADER);
	return true;
}

/* What is read is told by where reading goes on; NULL: it is malformed. */

static inline const uint8_t *read_question(struct isb_query *q, const uint8_t *p, size_t left)
{
	enum { TYPE_CLASS = 4 };
	if (left < TYPE_CLASS || !name_read(&q->name, p, left - TYPE_CLASS))
		return NULL;
	fold(q->name.lower, p, q->name.len, left);
	p += q->name.len;
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

/* Steps over a name that may end in a pointer; where that leads to is of no interest. It begins before `end`. */
static inline const uint8_t *skip_name(const uint8_t *p, const uint8_t *end)
{
	do {
		unsigned len = *p++;
		if (len == 0)
			return p;
		if (len >= POINTER)
			return p < end ? p + 1 : NULL;
		if (len > LABEL_MAX || len > (size_t)(end - p))
			return NULL;
		p += len;
	} while (p < end);
	return NULL;
}

static inline const uint8_t *read_record(struct record *rr, const uint8_t *p, const uint8_t *end)
{
	enum { FIXED = 10 }; /* type, class, TTL, RDLENGTH */
	if (end - p <= FIXED)
		return NULL;
	rr->owner = p;
	p = skip_name(p, end - FIXED);
	if (!p)
		return NULL;
	rr->fixed = p;
	rr->type = isb_get_u16(p);
	rr->len = isb_get_u16(p + 8);
	rr->rdata = p + FIXED;
	return rr->len > (size_t)(end - rr->rdata) ? NULL : rr->rdata + rr->len;
}

static const uint8_t *skip_records(const uint8_t *p, const uint8_t *end, unsigned count)
{
	struct record rr;
	for (; p && count > 0; count--)
		p = read_record(&rr, p, end);
	return p;
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
static inline enum isb_rcode read_body(struct isb_query *q, const uint8_t *in, size_t len)
{
	uint64_t counts = isb_get_u64(in + 4); /* of questions, answers, authority, additional */
	uint32_t records = (uint32_t)(counts >> 16); /* answers and authority */
	const uint8_t *p = in + ISB_HEADER, *end = in + len;
	bool is_query = !(q->flags & ISB_FLAG_OPCODE);
	if (counts >> 48 == 1)
		p = read_question(q, p, len - ISB_HEADER);
	if (!q->asks && (counts >> 48 || !is_query))
		return ISB_FORMERR; /* more than one question: RFC 9619 */
	if (records) {
		if (is_query && (records > 1 || !q->asks || q->qtype != ISB_IXFR)) /* one SOA as authority: RFC 1995 §3 */
			return ISB_FORMERR;
		p = skip_records(p, end, (records >> 16) + (records & 0xffff));
		if (!p)
			return ISB_FORMERR;
	}
	enum isb_rcode rcode = read_additional(q, p, end, (uint16_t)counts);
	bool asks_nothing = !q->asks && !(q->edns.has & ISB_EDNS_COOKIE); /* not even for a cookie: RFC 7873 §5.4 */
	return rcode == ISB_NOERROR && asks_nothing ? ISB_FORMERR : rcode;
}

int isb_query_read(struct isb_query *ret_query, const uint8_t *in, size_t len)
{
	struct isb_query *q = ret_query;
	if (len < ISB_HEADER || in[2] & ISB_FLAG_QR >> 8)
		return ISB_QUERY_DROP;
	q->id = isb_get_u16(in);
	q->flags = isb_get_u16(in + 2);
	q->asks = false;
	q->qtype = 0;
	q->edns.present = false;
	q->edns.has = 0;
	q->edns.payload = 0;
	q->tsig.present = false;
	enum isb_rcode rcode = read_body(q, in, len);
	if (rcode == ISB_FORMERR)
		q->tsig.present = false; /* there is no message that it could be of */
	if ((q->flags & ISB_FLAG_OPCODE) >> 11 != ISB_OPCODE_QUERY)
		return ISB_NOTIMP; /* what a body means is the opcode's business: we only looked for question and OPT */
	return (int)rcode;
}
