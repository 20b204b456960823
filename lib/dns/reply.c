/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/reply.h"

#include "isobar/base/hash.h"
#include "isobar/base/wire.h"
#include "isobar/model/rr.h"

enum { POINTER = 0xc000, POINTER_MAX = 0x3fff, KNOWN_MAX = 128 };

/* What stands in the message so far. */
struct written {
	size_t pos;
	uint64_t counts; /* of records, as the header has them: each section its 16 bits */
	bool truncated;
};

/* A message in the making that needs more than put_plain(). */
struct reply {
	struct isb_writer w; /* its cap leaves room for OPT and TSIG */
	uint64_t counts;
	const struct isb_query *query;
	uint16_t cls;
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

static inline uint64_t fixed_of(const struct isb_part *part, uint16_t cls)
{
	return (uint64_t)part->type << 48 | (uint64_t)cls << 32 | part->ttl_s;
}

/* The pointer to an owner that stands in the question, or 0. */
static inline uint16_t owner_of(const struct isb_part *part)
{
	return part->at && *part->owner ? (uint16_t)(POINTER | part->at) : 0;
}

/* What a part adds to the counts. */
static inline uint64_t count_of(const struct isb_part *part)
{
	static const uint8_t shift[] = {[ISB_ANSWER] = 32, [ISB_AUTHORITY] = 16, [ISB_GLUE] = 0, [ISB_ADDITIONAL] = 0};
	return (uint64_t)part->count << shift[part->section];
}

/* A record that is its owner's pointer, the fixed part, and rdata as it stands. Returns where it ends. */
static inline uint8_t *put_plain(uint8_t *p, uint16_t owner, uint64_t fixed, const uint8_t *rdata, size_t size)
{
	isb_put_u16(p, owner);
	isb_put_u64(p + 2, fixed);
	memcpy(p + 2 + FIXED, rdata, size);
	return p + 2 + FIXED + size;
}

/* `count` of them. NULL: they do not fit. */
__attribute__((noinline)) /* or its call of memcpy() takes the registers of addresses */
static uint8_t *put_others(uint8_t *p, const uint8_t *end, uint16_t owner, uint64_t fixed, const uint8_t *rdata,
                           unsigned count)
{
	for (; count > 0; count--) {
		size_t size = 2 + (size_t)isb_get_u16(rdata);
		if ((size_t)(end - p) < 2 + FIXED + size)
			return NULL;
		p = put_plain(p, owner, fixed, rdata, size);
		rdata += size;
	}
	return p;
}

/* The same where all have one size, and the compiler knows it. */
static inline uint8_t *put_sized(uint8_t *p, const uint8_t *end, uint16_t owner, uint64_t fixed, const uint8_t *rdata,
                                 unsigned count, size_t size)
{
	if ((size_t)(end - p) < count * (2 + FIXED + size)) /* addresses have their size since isb_rrset_check() */
		return NULL;
	for (; count > 0; count--, rdata += size)
		p = put_plain(p, owner, fixed, rdata, size);
	return p;
}

static inline uint8_t *put_run(uint8_t *p, const uint8_t *end, uint16_t owner, const struct isb_part *part,
                               uint16_t cls, const uint8_t *rdata, unsigned count)
{
	uint64_t fixed = fixed_of(part, cls);
	if (part->type == ISB_A)
		return put_sized(p, end, owner, fixed, rdata, count, 2 + 4);
	if (part->type == ISB_AAAA)
		return put_sized(p, end, owner, fixed, rdata, count, 2 + 16);
	return put_others(p, end, owner, fixed, rdata, count);
}

/* One record that has its owner, or names in its rdata, to be compressed. `owner` as put_owner() gives it. */
static uint16_t put_record(struct reply *reply, const struct isb_part *part, uint16_t owner,
                           const struct isb_rdata_layout *layout, const uint8_t *rdata, uint16_t len)
{
	if (owner)
		isb_write_u16(&reply->w, owner);
	else
		owner = put_owner(reply, part->owner);
	isb_write_u64(&reply->w, fixed_of(part, reply->cls));
	if (layout)
		put_rdata_with_names(reply, layout, rdata, len);
	else
		isb_write(&reply->w, rdata - 2, 2 + (size_t)len);
	return owner;
}

/* False: it does not fit, and nothing of it was written. */
static bool put_part(struct reply *reply, const struct isb_part *part)
{
	const struct isb_rdata_layout *layout = compressed_layout(part->type);
	const uint8_t *rdata = part->rdata;
	size_t pos = reply->w.pos;
	unsigned known = reply->known, left = part->count;
	uint16_t owner = owner_of(part);
	for (uint16_t len; left > 0 && (!owner || layout); left--) {
		const uint8_t *octets = isb_rdata_next(&rdata, &len);
		owner = put_record(reply, part, owner, layout, octets, len);
	}
	uint8_t *base = reply->w.base, *end = NULL;
	if (!reply->w.bad)
		end = put_run(base + reply->w.pos, base + reply->w.cap, owner, part, reply->cls, rdata, left);
	if (!end) {
		reply->w.bad = false;
		reply->w.pos = pos;
		reply->known = known;
		return false;
	}
	reply->w.pos = (size_t)(end - base);
	reply->counts += count_of(part);
	return true;
}

/* --- The SOA of a denial --- */

/* Whether the name asked for may have a label of the SOA's name in common that stands before the apex in both. */
static inline bool shares_more(const struct isb_query *query, const struct isb_zone_view *zone, const uint8_t *wire,
                               const struct isb_soa_name *name)
{
	const struct isb_name *asked = &query->name;
	if (name->own == 0 || asked->labels == zone->labels)
		return false;
	const uint8_t *a = asked->wire + asked->label[asked->labels - zone->labels - 1], *b = wire + name->last;
	return a[0] == b[0] && !((a[1] ^ b[1]) & ~0x20); /* rarely not */
}

/* `base` is where in the message the other name stands that `name` shares with. Writes up to fifteen octets too many, which
 * what follows is written over. */
static inline uint8_t *put_soa_name(uint8_t *p, const uint8_t *wire, const struct isb_soa_name *name, size_t base)
{
	for (unsigned i = 0; i < name->own; i += 16)
		memcpy(p + i, wire + i, 16); /* behind the names in an SOA are five numbers of four octets */
	p += name->own;
	*p = 0; /* the root */
	if (!name->points)
		return p + 1;
	isb_put_u16(p, (uint16_t)(POINTER | (base + name->at)));
	return p + 2;
}

/* The same octets as put_part() gives, without a look for what the names in it share; NULL: that is what it takes. */
static uint8_t *put_denial(uint8_t *out, size_t start, size_t cap, const struct isb_query *query,
                           const struct isb_answer *answer)
{
	enum { NUMBERS = 20, TOO_MANY = 16 };
	const struct isb_part *part = answer->part;
	if (part->type != ISB_SOA || part->section != ISB_AUTHORITY || !owner_of(part))
		return NULL;
	const struct isb_zone_view *zone = answer->denier;
	const uint8_t *mname = part->rdata + 2, *rname = mname + zone->mname.len;
	size_t most = 2 + FIXED + 2 + (size_t)zone->mname.len + zone->rname.len + NUMBERS + TOO_MANY;
	if (cap - start < most || shares_more(query, zone, mname, &zone->mname) || shares_more(query, zone, rname, &zone->rname))
		return NULL;
	uint8_t *p = out + start, *size = p + 2 + FIXED;
	isb_put_u16(p, owner_of(part));
	isb_put_u64(p + 2, fixed_of(part, answer->cls));
	p = put_soa_name(size + 2, mname, &zone->mname, part->at);
	p = put_soa_name(p, rname, &zone->rname, zone->rname_in_mname ? (size_t)(size + 2 - out) : part->at);
	memcpy(p, rname + zone->rname.len, NUMBERS);
	isb_put_u16(size, (uint16_t)(p + NUMBERS - (size + 2)));
	return p + NUMBERS;
}

/* --- The message --- */

/* The parts from the `at`-th on: what must be said, and when that fits, what is only kind. */
__attribute__((noinline)) /* its frame has room for names, which few replies need */
static struct written put_rest(uint8_t *out, size_t cap, size_t start, struct written so_far,
                               const struct isb_query *query, const struct isb_answer *answer, unsigned at)
{
	struct reply reply;
	uint8_t *end = answer->count == 1 ? put_denial(out, start, cap, query, answer) : NULL;
	if (end)
		return (struct written){.pos = (size_t)(end - out), .counts = count_of(answer->part)};
	reply.w = isb_writer(out, cap);
	reply.w.pos = so_far.pos;
	reply.counts = so_far.counts;
	reply.query = query;
	reply.cls = answer->cls;
	reply.known = 0;
	bool truncated = false;
	for (unsigned i = at; i < answer->count; i++) {
		const struct isb_part *part = &answer->part[i];
		if (part->section == ISB_ADDITIONAL || put_part(&reply, part))
			continue;
		if (part->section != ISB_GLUE)
			return (struct written){.pos = start, .truncated = true};
		truncated = true; /* a smaller one may still fit */
	}
	for (unsigned i = at; i < answer->count && !truncated; i++)
		if (answer->part[i].section == ISB_ADDITIONAL)
			put_part(&reply, &answer->part[i]);
	return (struct written){.pos = reply.w.pos, .counts = reply.counts, .truncated = truncated};
}

/* Records begin at `start` and end before `cap`. Most answers are one part with nothing to compress. */
static inline struct written put_parts(uint8_t *out, size_t cap, size_t start, const struct isb_query *query,
                                       const struct isb_answer *answer)
{
	const struct isb_part *part = answer->part;
	struct written done = {.pos = start};
	if (answer->count == 0)
		return done;
	uint16_t owner = owner_of(part);
	uint8_t *end = NULL;
	if (owner && part->section != ISB_ADDITIONAL && !compressed_layout(part->type))
		end = put_run(out + start, out + cap, owner, part, answer->cls, part->rdata, part->count);
	if (end)
		done = (struct written){.pos = (size_t)(end - out), .counts = count_of(part)};
	return end && answer->count == 1 ? done : put_rest(out, cap, start, done, query, answer, end ? 1 : 0);
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
	size_t start = ISB_HEADER, opt = isb_edns_size(&query->edns, &answer->extra), tsig = isb_tsig_size(&query->tsig);
	bool empty = answer->cut_short;
	if (query->asks) {
		start += query->name.len + 4u; /* type and class stand behind the name */
		isb_copy_short(out, query->name.wire - ISB_HEADER, start);
	} else {
		isb_put_u16(out, query->id);
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
	struct written done = {.pos = start, .truncated = true};
	if (!empty)
		done = put_parts(out, limit - opt - tsig, start, query, answer); /* there is always room for question and OPT */
	if (opt)
		isb_edns_write(out + done.pos, opt, &query->edns, &answer->extra, answer->rcode, answer->scope);
	/* CD is between resolvers: an authoritative response clears it (RFC 4035 §3.1.6) */
	unsigned flags = ISB_FLAG_QR | (query->flags & (ISB_FLAG_OPCODE | ISB_FLAG_RD)) |
	                 (answer->authoritative ? ISB_FLAG_AA : 0) | (done.truncated ? ISB_FLAG_TC : 0) |
	                 (answer->rcode & 15);
	isb_put_u16(out + 2, (uint16_t)flags);
	isb_put_u64(out + 4, (uint64_t)query->asks << 48 | (done.counts + (opt > 0)));
	done.pos += opt;
	return tsig ? put_tsig(out, done.pos, limit, &query->tsig) : done.pos;
}
