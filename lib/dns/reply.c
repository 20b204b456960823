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
	uint16_t counts[3];  /* records of answer, authority, additional */
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

static void put_part(struct reply *reply, const struct isb_part *part)
{
	enum { FIXED = 8 }; /* type, class, TTL; RDLENGTH counts as rdata, as in struct isb_rrset */
	const struct isb_rdata_layout *layout = compressed_layout(part->type);
	const uint8_t *rdata = part->rdata;
	uint16_t owner = part->at && *part->owner ? (uint16_t)(POINTER | part->at) : 0, len;
	for (unsigned i = 0; i < part->count; i++) {
		size_t owner_len = owner ? 2 : 0;
		if (!owner)
			owner = put_owner(reply, part->owner);
		const uint8_t *octets = isb_rdata_next(&rdata, &len);
		uint8_t *p = isb_write_room(&reply->w, owner_len + FIXED + (layout ? 0 : 2 + (size_t)len));
		if (!p)
			return;
		if (owner_len)
			isb_put_u16(p, owner);
		p += owner_len;
		isb_put_u16(p, part->type);
		isb_put_u16(p + 2, reply->cls);
		isb_put_u32(p + 4, part->ttl_s);
		if (layout)
			put_rdata_with_names(reply, layout, octets, len);
		else
			memcpy(p + FIXED, octets - 2, 2 + (size_t)len);
	}
}

/* False: it does not fit, and nothing of it was written. */
static bool put_whole_part(struct reply *reply, const struct isb_part *part)
{
	static const uint8_t count_of[] = {[ISB_ANSWER] = 0, [ISB_AUTHORITY] = 1, [ISB_GLUE] = 2, [ISB_ADDITIONAL] = 2};
	size_t pos = reply->w.pos;
	unsigned known = reply->known;
	put_part(reply, part);
	if (!reply->w.bad) {
		uint16_t *count = &reply->counts[count_of[part->section]];
		*count = (uint16_t)(*count + part->count);
		return true;
	}
	reply->w.bad = false;
	reply->w.pos = pos;
	reply->known = known;
	return false;
}

/* What must be said. Returns TC. */
static bool put_needed(struct reply *reply, const struct isb_answer *answer)
{
	size_t start = reply->w.pos;
	bool truncated = false;
	for (unsigned i = 0; i < answer->count; i++) {
		const struct isb_part *part = &answer->part[i];
		if (part->section == ISB_ADDITIONAL || put_whole_part(reply, part))
			continue;
		truncated = true;
		if (part->section == ISB_GLUE)
			continue; /* a smaller one may still fit */
		reply->w.pos = start;
		memset(reply->counts, 0, sizeof(reply->counts));
		return true;
	}
	return truncated;
}

static void put_additional(struct reply *reply, const struct isb_answer *answer)
{
	for (unsigned i = 0; i < answer->count; i++)
		if (answer->part[i].section == ISB_ADDITIONAL)
			put_whole_part(reply, &answer->part[i]);
}

static void put_question(struct reply *reply)
{
	const struct isb_query *query = reply->query;
	size_t len = query->asks ? query->name.len : 0;
	uint8_t *p = isb_write_room(&reply->w, ISB_HEADER + (len ? len + 4 : 0)) + ISB_HEADER;
	if (len) {
		memcpy(p, query->name.wire, len);
		isb_put_u16(p + len, query->qtype);
		isb_put_u16(p + len + 2, query->qclass);
	}
}

size_t isb_reply_write(uint8_t *out, size_t limit, const struct isb_query *query, const struct isb_answer *answer)
{
	struct reply reply;
	size_t tail = isb_edns_size(&query->edns, &answer->extra), tsig = isb_tsig_size(&query->tsig);
	size_t question = query->asks ? (size_t)query->name.len + 4 : 0;
	bool opt = query->edns.present, signs = tsig > 0;
	/* Where not even these have room, the question and the TSIG alone go out (RFC 8945 §5.3); and without the TSIG, when two
	 * names of absurd length leave none for one that nobody could check anyway. */
	if (signs && ISB_HEADER + question + tail + tsig > limit) {
		signs = query->tsig.key;
		opt = opt && !signs;
		tail = opt ? tail : 0;
	}
	if (signs)
		tail += tsig;
	reply.w = isb_writer(out, limit - tail);
	reply.query = query;
	reply.cls = answer->cls;
	reply.known = 0;
	memset(reply.counts, 0, sizeof(reply.counts));
	put_question(&reply);
	bool truncated = answer->cut_short || opt != query->edns.present || put_needed(&reply, answer);
	if (!truncated)
		put_additional(&reply, answer);
	reply.w.cap = limit;
	if (opt)
		isb_edns_write(&reply.w, &query->edns, &answer->extra, answer->rcode, answer->scope);
	/* CD is between resolvers: an authoritative response clears it (RFC 4035 §3.1.6) */
	unsigned flags = ISB_FLAG_QR | (query->flags & (ISB_FLAG_OPCODE | ISB_FLAG_RD)) |
	                 (answer->authoritative ? ISB_FLAG_AA : 0) | (truncated ? ISB_FLAG_TC : 0) |
	                 (answer->rcode & 15);
	isb_put_u16(out, query->id);
	isb_put_u16(out + 2, (uint16_t)flags);
	isb_put_u16(out + 4, query->asks);
	isb_put_u16(out + 6, reply.counts[0]);
	isb_put_u16(out + 8, reply.counts[1]);
	isb_put_u16(out + 10, (uint16_t)(reply.counts[2] + opt));
	if (signs)
		isb_tsig_write(&reply.w, &query->tsig);
	return reply.w.pos;
}
