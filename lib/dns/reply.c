/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/reply.h"

#include "isobar/base/hash.h"
#include "isobar/base/wire.h"
#include "isobar/model/rr.h"

enum { POINTER = 0xc000, POINTER_MAX = 0x3fff, KNOWN_MAX = 128 };

/* A message in the making. */
struct reply {
	struct isb_writer w; /* its cap leaves room for OPT and TSIG */
	const struct isb_query *query;
	uint16_t cls;
	uint64_t counts; /* of records, as the header has them: each section its 16 bits */
	/* Names a later one can point to, each suffix by its own entry, found by hash. Filled only once a name is to be
	 * compressed that is no suffix of the qname: most replies never come to that. */
	unsigned known;
	struct {
		uint32_t hash;
		uint16_t at;
	} name[KNOWN_MAX];
};

/* --- Names --- */

/* Hashes of all suffixes of a name but the root, by the label they begin with. */
static void hash_suffixes(const struct isb_name *name, uint32_t hash[ISB_LABELS_MAX])
{
	uint64_t h = 0;
	for (unsigned i = name->labels; i > 0; i--) {
		const uint8_t *label = name->lower + name->label[i - 1];
		h = isb_hash(label, 1 + (size_t)*label, h);
		hash[i - 1] = (uint32_t)h;
	}
}

static void learn(struct reply *reply, const struct isb_name *name, const uint32_t *hash, unsigned labels, size_t at)
{
	for (unsigned i = 0; i < labels && reply->known < KNOWN_MAX && at + name->label[i] <= POINTER_MAX; i++) {
		reply->name[reply->known].hash = hash[i];
		reply->name[reply->known++].at = (uint16_t)(at + name->label[i]);
	}
}

/* Compares the name that stands in the message at `at`, pointers followed, with one in lower case. The pointers are our
 * own: each leads back to a whole name. */
static bool stands_at(const uint8_t *base, size_t at, const uint8_t *lower)
{
	for (;;) {
		while (base[at] >= POINTER >> 8)
			at = isb_get_u16(base + at) & POINTER_MAX;
		if (base[at] != *lower)
			return false;
		unsigned len = *lower;
		if (len == 0)
			return true;
		for (unsigned i = 1; i <= len; i++) {
			uint8_t c = base[at + i];
			if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != lower[i])
				return false;
		}
		at += 1 + len;
		lower += 1 + len;
	}
}

/* Where the name stands already, or 0. */
static uint16_t known_at(const struct reply *reply, uint32_t hash, const uint8_t *lower)
{
	for (unsigned i = 0; i < reply->known; i++)
		if (reply->name[i].hash == hash && stands_at(reply->w.base, reply->name[i].at, lower))
			return reply->name[i].at;
	return 0;
}

/* The longest suffix that stands in the message already becomes a pointer. */
static void put_name(struct reply *reply, const uint8_t *wire)
{
	struct isb_name name;
	uint32_t hash[ISB_LABELS_MAX];
	if (reply->known == 0 && reply->query->name.labels > 0) {
		hash_suffixes(&reply->query->name, hash);
		learn(reply, &reply->query->name, hash, reply->query->name.labels, ISB_HEADER);
	}
	isb_name_set(&name, wire);
	hash_suffixes(&name, hash);
	unsigned fresh = 0;
	uint16_t suffix = 0;
	while (fresh < name.labels && !(suffix = known_at(reply, hash[fresh], name.lower + name.label[fresh])))
		fresh++;
	size_t at = reply->w.pos;
	isb_write(&reply->w, wire, name.label[fresh]);
	if (suffix)
		isb_write_u16(&reply->w, (uint16_t)(POINTER | suffix));
	else
		isb_write_u8(&reply->w, 0);
	if (!reply->w.bad)
		learn(reply, &name, hash, fresh, at);
}

/* --- Records --- */

/* Only the types of RFC 1035 may be compressed (RFC 3597 §4), and it ends with TXT. */
static const struct isb_rdata_layout *compressed_layout(uint16_t type)
{
	const struct isb_rdata_layout *layout = type == ISB_A || type >= ISB_TXT ? NULL : isb_rdata_layout(type);
	return layout && layout->compress ? layout : NULL;
}

static void put_rdata_with_names(struct reply *reply, const struct isb_rdata_layout *layout, const uint8_t *rdata,
                                 uint16_t len)
{
	const uint8_t *end = rdata + len, *p = rdata;
	uint8_t *size = isb_write_room(&reply->w, 2);
	size_t start = reply->w.pos;
	isb_write(&reply->w, p, layout->skip);
	p += layout->skip;
	for (unsigned i = 0; i < layout->names; i++) {
		put_name(reply, p);
		p += isb_dname_len(p);
	}
	isb_write(&reply->w, p, (size_t)(end - p));
	if (!reply->w.bad)
		isb_put_u16(size, (uint16_t)(reply->w.pos - start));
}

/* Writes an owner that has no pointer yet; returns the one that says the same for the records to come, or 0. */
static uint16_t put_owner(struct reply *reply, const uint8_t *owner)
{
	size_t at = reply->w.pos;
	put_name(reply, owner);
	if (reply->w.bad || *owner == 0)
		return 0;
	uint16_t first = isb_get_u16(reply->w.base + at);
	if (first >= POINTER)
		return first;
	return at <= POINTER_MAX ? (uint16_t)(POINTER | at) : 0;
}

enum { FIXED = 8 }; /* type, class, TTL; RDLENGTH counts as rdata, as in struct isb_rrset */

static uint64_t fixed_of(const struct reply *reply, const struct isb_part *part)
{
	return (uint64_t)part->type << 48 | (uint64_t)reply->cls << 32 | part->ttl_s;
}

/* One record that has its owner, or names in its rdata, to be compressed. `owner` as put_owner() gives it. */
static uint16_t put_record(struct reply *reply, const struct isb_part *part, uint16_t owner,
                           const struct isb_rdata_layout *layout, const uint8_t *rdata, uint16_t len)
{
	if (owner)
		isb_write_u16(&reply->w, owner);
	else
		owner = put_owner(reply, part->owner);
	isb_write_u64(&reply->w, fixed_of(reply, part));
	if (layout)
		put_rdata_with_names(reply, layout, rdata, len);
	else
		isb_write(&reply->w, rdata - 2, 2 + (size_t)len);
	return owner;
}

/* `count` records that are their owner's pointer, the fixed part, and rdata as it stands. False: they do not fit. */
static inline bool put_plain(struct reply *reply, const struct isb_part *part, uint16_t owner, const uint8_t *rdata,
                             unsigned count)
{
	enum { A_SIZE = 2 + 4, AAAA_SIZE = 2 + 16 };
	uint8_t *p = reply->w.base + reply->w.pos, *end = reply->w.base + reply->w.cap;
	for (uint64_t fixed = fixed_of(reply, part); count > 0; count--) {
		size_t size = 2 + (size_t)isb_get_u16(rdata), octets = 2 + FIXED + size;
		if ((size_t)(end - p) < octets)
			return false;
		isb_put_u16(p, owner);
		isb_put_u64(p + 2, fixed);
		if (size == A_SIZE) /* a size that the compiler knows is no call */
			memcpy(p + 2 + FIXED, rdata, A_SIZE);
		else if (size == AAAA_SIZE)
			memcpy(p + 2 + FIXED, rdata, AAAA_SIZE);
		else
			memcpy(p + 2 + FIXED, rdata, size);
		rdata += size;
		p += octets;
	}
	reply->w.pos = (size_t)(p - reply->w.base);
	return true;
}

/* Records of which some or all have something to be compressed. */
__attribute__((noinline))
static bool put_compressed(struct reply *reply, const struct isb_part *part, uint16_t owner,
                           const struct isb_rdata_layout *layout)
{
	const uint8_t *rdata = part->rdata;
	size_t pos = reply->w.pos;
	unsigned known = reply->known, left = part->count;
	for (uint16_t len; left > 0 && (!owner || layout); left--) {
		const uint8_t *octets = isb_rdata_next(&rdata, &len);
		owner = put_record(reply, part, owner, layout, octets, len);
	}
	if (!reply->w.bad && put_plain(reply, part, owner, rdata, left))
		return true;
	reply->w.bad = false;
	reply->w.pos = pos;
	reply->known = known;
	return false;
}

/* False: it does not fit, and nothing of it was written. */
static inline bool put_part(struct reply *reply, const struct isb_part *part)
{
	static const uint8_t shift[] = {[ISB_ANSWER] = 32, [ISB_AUTHORITY] = 16, [ISB_GLUE] = 0, [ISB_ADDITIONAL] = 0};
	const struct isb_rdata_layout *layout = compressed_layout(part->type);
	uint16_t owner = part->at && *part->owner ? (uint16_t)(POINTER | part->at) : 0;
	bool fits = !owner || layout ? put_compressed(reply, part, owner, layout)
	                             : put_plain(reply, part, owner, part->rdata, part->count);
	if (fits)
		reply->counts += (uint64_t)part->count << shift[part->section];
	return fits;
}

__attribute__((noinline))
static void put_additional(struct reply *reply, const struct isb_answer *answer)
{
	for (unsigned i = 0; i < answer->count; i++)
		if (answer->part[i].section == ISB_ADDITIONAL)
			put_part(reply, &answer->part[i]);
}

/* What must be said, and when that fits, what is only kind. Returns TC. */
static bool put_parts(struct reply *reply, const struct isb_answer *answer)
{
	size_t start = reply->w.pos;
	bool truncated = false, kind = false;
	const struct isb_part *end = answer->part + answer->count;
	for (const struct isb_part *part = answer->part; part < end; part++) {
		if (part->section == ISB_ADDITIONAL) {
			kind = true;
			continue;
		}
		if (put_part(reply, part))
			continue;
		truncated = true;
		if (part->section == ISB_GLUE)
			continue; /* a smaller one may still fit */
		reply->w.pos = start;
		reply->counts = 0;
		return true;
	}
	if (kind && !truncated)
		put_additional(reply, answer);
	return truncated;
}

static size_t put_tsig(uint8_t *out, size_t pos, size_t limit, const struct isb_tsig *tsig)
{
	struct isb_writer w = isb_writer(out, limit);
	w.pos = pos;
	isb_tsig_write(&w, tsig);
	return w.pos;
}

size_t isb_reply_write(uint8_t *out, size_t limit, const struct isb_query *query, const struct isb_answer *answer)
{
	struct reply reply;
	size_t start = ISB_HEADER, opt = isb_edns_size(&query->edns, &answer->extra), tsig = isb_tsig_size(&query->tsig);
	bool empty = answer->cut_short;
	if (query->asks) {
		start += query->name.len + 4u; /* type and class stand behind the name */
		isb_copy_short(out, query->name.wire - ISB_HEADER, start);
	}
	/* Where not even these have room, the question and the TSIG alone go out (RFC 8945 §5.3); and without the TSIG, when two
	 * names of absurd length leave none for one that nobody could check anyway. */
	if (tsig && start + opt + tsig > limit) {
		if (query->tsig.key) {
			empty |= opt > 0;
			opt = 0;
		} else {
			tsig = 0;
		}
	}
	reply.w.base = out;
	reply.w.cap = limit - opt - tsig; /* there is always room for question and OPT */
	reply.w.pos = start;
	reply.w.bad = false;
	reply.query = query;
	reply.cls = answer->cls;
	reply.counts = 0;
	reply.known = 0;
	bool truncated = empty || put_parts(&reply, answer);
	size_t pos = reply.w.pos;
	if (opt)
		isb_edns_write(out + pos, opt, &query->edns, &answer->extra, answer->rcode, answer->scope);
	/* CD is between resolvers: an authoritative response clears it (RFC 4035 §3.1.6) */
	unsigned flags = ISB_FLAG_QR | (query->flags & (ISB_FLAG_OPCODE | ISB_FLAG_RD)) |
	                 (answer->authoritative ? ISB_FLAG_AA : 0) | (truncated ? ISB_FLAG_TC : 0) |
	                 (answer->rcode & 15);
	isb_put_u16(out, query->id);
	isb_put_u16(out + 2, (uint16_t)flags);
	isb_put_u64(out + 4, (uint64_t)query->asks << 48 | (reply.counts + (opt > 0)));
	pos += opt;
	return tsig ? put_tsig(out, pos, limit, &query->tsig) : pos;
}
