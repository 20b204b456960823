/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/wire.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"
#include "isobar/view/zonefile.h"

/* A reader of DNS messages for tests, strict and slow, that shares no code with the server's own. */

struct msg_rr {
	uint8_t owner[ISB_DNAME_MAX];
	uint16_t type, cls;
	uint32_t ttl;
	struct isb_rrset *set; /* this one record, its names whole */
};
struct msg {
	struct isb_arena arena;
	uint16_t id, flags, qtype, qclass;
	unsigned questions, count[3]; /* without OPT and TSIG */
	uint8_t qname[ISB_DNAME_MAX];
	struct msg_rr *rr[3];
	bool has_opt, has_tsig;
	uint16_t opt_payload;
	uint32_t opt_ttl;
	const uint8_t *opt_rdata, *tsig_rdata;
	uint16_t opt_len, tsig_len;
	unsigned rcode; /* with the OPT's upper bits */
};

/* Octets that the name takes in place, 0 if malformed. Pointers must lead backwards. */
static inline size_t msg_name(const uint8_t *data, size_t len, size_t at, uint8_t out[ISB_DNAME_MAX])
{
	size_t start = at, taken = 0, out_len = 0;
	for (;;) {
		if (at >= len)
			return 0;
		uint8_t c = data[at];
		if (c >= 0xc0) {
			if (at + 2 > len)
				return 0;
			size_t to = (size_t)(c & 0x3f) << 8 | data[at + 1];
			if (!taken)
				taken = at + 2 - start;
			if (to >= start || to < 12)
				return 0;
			start = at = to;
			continue;
		}
		if (c > 63 || out_len + 1 + c + (c ? 1u : 0u) > ISB_DNAME_MAX || at + 1 + c > len)
			return 0;
		memcpy(out + out_len, data + at, 1u + c);
		out_len += 1u + c;
		at += 1u + c;
		if (c == 0)
			return taken ? taken : at - start;
	}
}

/* The record's rdata with whole names, as an rrset of one; NULL if malformed. */
static inline struct isb_rrset *msg_rdata(struct msg *m, const uint8_t *data, size_t len, size_t at, uint16_t type,
                                          uint16_t rdlen, uint32_t ttl)
{
	uint8_t *out = isb_arena_alloc(&m->arena, sizeof(struct isb_rrset) + 2 + rdlen + 2 * ISB_DNAME_MAX);
	struct isb_rrset *set = (struct isb_rrset *)out;
	const struct isb_rdata_layout *layout = isb_rdata_layout(type);
	size_t n = 0, p = at, end = at + rdlen;
	uint8_t *body = set->rdata + 2;
	if (layout) {
		if (rdlen < layout->skip)
			return NULL;
		memcpy(body, data + p, layout->skip);
		n = layout->skip;
		p += layout->skip;
		for (unsigned i = 0; i < layout->names; i++) {
			size_t taken = msg_name(data, len, p, body + n);
			if (!taken || p + taken > end || (!layout->compress && taken != isb_dname_len(body + n)))
				return NULL;
			p += taken;
			n += isb_dname_len(body + n);
		}
	}
	memcpy(body + n, data + p, end - p);
	n += end - p;
	set->ttl_s = ttl;
	set->type = type;
	set->count = 1;
	set->size = (uint32_t)(2 + n);
	isb_put_u16(set->rdata, (uint16_t)n);
	return isb_rrset_check(set, isb_rrset_bytes(set)) ? set : NULL;
}

static inline void msg_done(struct msg *m)
{
	isb_arena_done(&m->arena);
}

/* One record at *at. */
static inline bool msg_record(struct msg *m, unsigned section, const uint8_t *data, size_t len, size_t *at)
{
	struct msg_rr *rr = &m->rr[section][m->count[section]];
	size_t taken = msg_name(data, len, *at, rr->owner);
	if (!taken || len - *at - taken < 10)
		return false;
	const uint8_t *p = data + *at + taken;
	uint16_t rdlen = isb_get_u16(p + 8);
	rr->type = isb_get_u16(p);
	rr->cls = isb_get_u16(p + 2);
	rr->ttl = isb_get_u32(p + 4);
	*at += taken + 10;
	if (len - *at < rdlen)
		return false;
	const uint8_t *rdata = data + *at;
	*at += rdlen;
	if (rr->type == ISB_OPT) {
		if (m->has_opt || section != 2 || taken != 1)
			return false;
		m->has_opt = true;
		m->opt_payload = rr->cls;
		m->opt_ttl = rr->ttl;
		m->opt_rdata = rdata;
		m->opt_len = rdlen;
		m->rcode |= rr->ttl >> 24 << 4;
		return true;
	}
	if (m->has_tsig) /* it is the last of all */
		return false;
	if (rr->type == ISB_TSIG) {
		m->has_tsig = true;
		m->tsig_rdata = rdata;
		m->tsig_len = rdlen;
		return section == 2;
	}
	rr->set = msg_rdata(m, data, len, *at - rdlen, rr->type, rdlen, rr->ttl);
	m->count[section]++;
	return rr->set && rr->cls == ISB_CLASS_IN;
}

/* True when the whole message is well-formed. msg_done() in any case. */
static inline bool msg_read(struct msg *m, const uint8_t *data, size_t len)
{
	memset(m, 0, sizeof(*m));
	if (len < 12)
		return false;
	m->id = isb_get_u16(data);
	m->flags = isb_get_u16(data + 2);
	m->rcode = m->flags & 15;
	m->questions = isb_get_u16(data + 4);
	size_t at = 12;
	if (m->questions > 1)
		return false;
	if (m->questions) {
		size_t taken = msg_name(data, len, at, m->qname);
		if (!taken || taken != isb_dname_len(m->qname) || len - at - taken < 4)
			return false;
		m->qtype = isb_get_u16(data + at + taken);
		m->qclass = isb_get_u16(data + at + taken + 2);
		at += taken + 4;
	}
	for (unsigned section = 0; section < 3; section++) {
		unsigned count = isb_get_u16(data + 6 + 2 * section);
		if (count > len / 11)
			return false;
		m->rr[section] = isb_arena_alloc(&m->arena, count * sizeof(struct msg_rr));
		for (; count; count--)
			if (!msg_record(m, section, data, len, &at))
				return false;
	}
	return at == len;
}

/* The section as master-file lines. */
static inline void msg_print(const struct msg *m, unsigned section, struct isb_buf *out)
{
	for (unsigned i = 0; i < m->count[section]; i++)
		isb_rrset_print(out, m->rr[section][i].owner, m->rr[section][i].set);
}

/* The ECS option of the message's OPT, or NULL. */
static inline const uint8_t *msg_ecs(const struct msg *m, uint16_t *ret_len)
{
	struct isb_reader r = isb_reader(m->opt_rdata, m->has_opt ? m->opt_len : 0);
	while (r.pos < r.len && !r.bad) {
		uint16_t code = isb_read_u16(&r);
		*ret_len = isb_read_u16(&r);
		const uint8_t *data = isb_read(&r, *ret_len);
		if (code == 8)
			return data;
	}
	return NULL;
}
