/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/edns.h"

#include "isobar/model/rr.h"

enum { OPT_FIXED = 11, OPTION_HEAD = 4, ECS_HEAD = 4, FAMILY_NONE = 0, FAMILY_IPV4 = 1, FAMILY_IPV6 = 2 };
enum { OPTION_NSID = 3, OPTION_ECS = 8, OPTION_COOKIE = 10, OPTION_KEEPALIVE = 11, OPTION_EDE = 15 };

/* The last `n` (1 to 8) of the octets before `end`, of which there are eight at least, with zeros behind them. */
static inline uint64_t last_octets(const uint8_t *end, size_t n)
{
	return isb_get_u64(end - 8) << (64 - 8 * n);
}

/* RFC 7871 §6 and §7.1.1: SCOPE is zero in queries, ADDRESS is cut to the octets that SOURCE needs, and the bits beyond
 * SOURCE are zero. Without an address the family is irrelevant (§7.1.2), and `dig +subnet=0` sends 0. */
static inline enum isb_rcode read_ecs(struct isb_edns *edns, const uint8_t *data, size_t len)
{
	struct isb_ecs *ecs = &edns->ecs;
	if (edns->has & ISB_EDNS_ECS || len < ECS_HEAD)
		return ISB_FORMERR;
	uint16_t family = isb_get_u16(data);
	uint8_t source = data[2], scope = data[3];
	static const struct {
		uint8_t bits, version;
	} families[] = {[FAMILY_NONE] = {0, 0}, [FAMILY_IPV4] = {32, 4}, [FAMILY_IPV6] = {128, 6}};
	if (family > FAMILY_IPV6)
		return ISB_FORMERR;
	size_t octets = len - ECS_HEAD;
	if (source > families[family].bits || scope != 0 || octets != ((size_t)source + 7) / 8)
		return ISB_FORMERR;
	const uint8_t *addr = data + ECS_HEAD, *end = data + len;
	if (source % 8 && end[-1] & 0xff >> source % 8)
		return ISB_FORMERR;
	edns->has |= ISB_EDNS_ECS;
	ecs->source = source;
	ecs->option = data - OPTION_HEAD;
	ecs->option_len = (uint8_t)(OPTION_HEAD + len);
	ecs->addr.family = families[family].version;
	isb_put_u64(ecs->addr.octets, octets > 8 ? isb_get_u64(addr) : octets ? last_octets(end, octets) : 0);
	isb_put_u64(ecs->addr.octets + 8, octets > 8 ? last_octets(end, octets - 8) : 0);
	return ISB_NOERROR;
}

/* RFC 7873 §4: eight octets of the client's, then none or 8 to 32 of a server's. Only the first cookie counts (§5.2). */
static enum isb_rcode read_cookie(struct isb_edns *edns, const uint8_t *data, size_t len)
{
	enum { SERVER_LEAST = 8 };
	struct isb_cookie *cookie = &edns->cookie;
	if (len != ISB_COOKIE_CLIENT &&
	    (len < ISB_COOKIE_CLIENT + SERVER_LEAST || len > ISB_COOKIE_CLIENT + ISB_COOKIE_SERVER_MAX))
		return ISB_FORMERR;
	if (edns->has & ISB_EDNS_COOKIE)
		return ISB_NOERROR;
	edns->has |= ISB_EDNS_COOKIE;
	cookie->server_len = (uint8_t)(len - ISB_COOKIE_CLIENT);
	memcpy(cookie->client, data, ISB_COOKIE_CLIENT);
	memcpy(cookie->server, data + ISB_COOKIE_CLIENT, cookie->server_len);
	return ISB_NOERROR;
}

static inline enum isb_rcode read_option(struct isb_edns *edns, uint16_t code, const uint8_t *data, size_t len)
{
	switch (code) {
	case OPTION_ECS: return read_ecs(edns, data, len);
	case OPTION_COOKIE: return read_cookie(edns, data, len);
	case OPTION_NSID: edns->has |= ISB_EDNS_NSID; return ISB_NOERROR;
	case OPTION_KEEPALIVE: edns->has |= ISB_EDNS_KEEPALIVE; return ISB_NOERROR;
	default: return ISB_NOERROR;
	}
}

static inline enum isb_rcode read_options(struct isb_edns *edns, const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		if (end - p < OPTION_HEAD)
			return ISB_FORMERR;
		uint16_t code = isb_get_u16(p), len = isb_get_u16(p + 2);
		p += OPTION_HEAD;
		if (end - p < len || read_option(edns, code, p, len) != ISB_NOERROR)
			return ISB_FORMERR;
		p += len;
	}
	return ISB_NOERROR;
}

enum isb_rcode isb_edns_read(struct isb_edns *ret_edns, uint16_t cls, uint32_t ttl, const uint8_t *rdata, uint16_t len)
{
	struct isb_edns *edns = ret_edns; /* field by field: the cookie's octets need no clearing */
	edns->present = true;
	edns->payload = cls;
	edns->flags = ttl & ISB_EDNS_DO;
	edns->has = 0;
	if (ttl >> 16 & 0xff) /* the version */
		return ISB_BADVERS;
	enum isb_rcode rcode = read_options(edns, rdata, rdata + len);
	if (rcode != ISB_NOERROR)
		edns->has &= ISB_EDNS_NSID | ISB_EDNS_KEEPALIVE; /* a reply echoes only what is well-formed as a whole */
	return rcode;
}

static size_t extra_size(const struct isb_edns_extra *extra)
{
	return (extra->has & ISB_EDNS_COOKIE ? OPTION_HEAD + ISB_COOKIE_CLIENT + ISB_COOKIE_SERVER : 0u) +
	       (extra->has & ISB_EDNS_NSID ? OPTION_HEAD + (size_t)extra->nsid_len : 0u) +
	       (extra->has & ISB_EDNS_KEEPALIVE ? OPTION_HEAD + 2 : 0u) + (extra->has & ISB_EDNS_EDE ? OPTION_HEAD + 2 : 0u);
}

size_t isb_edns_size(const struct isb_edns *edns, const struct isb_edns_extra *extra)
{
	if (!edns->present)
		return 0;
	size_t size = OPT_FIXED;
	if (edns->has & ISB_EDNS_ECS)
		size += edns->ecs.option_len;
	if (extra->has)
		size += extra_size(extra);
	return size;
}

/* FAMILY, SOURCE and ADDRESS go back as they came (RFC 7871 §7.2.1): 8 to 24 octets, by eights that overlap. */
static inline uint8_t *put_ecs(uint8_t *p, const struct isb_ecs *ecs, uint8_t scope)
{
	enum { SCOPE = OPTION_HEAD + 3 };
	size_t last = ecs->option_len - 8u;
	memcpy(p, ecs->option, 8);
	if (last > 8)
		memcpy(p + 8, ecs->option + 8, 8);
	memcpy(p + last, ecs->option + last, 8);
	p[SCOPE] = scope;
	return p + ecs->option_len;
}

static uint8_t *put_head(uint8_t *p, uint16_t code, size_t octets)
{
	isb_put_u16(p, code);
	isb_put_u16(p + 2, (uint16_t)octets);
	return p + OPTION_HEAD;
}

static void put_extra(uint8_t *p, const struct isb_edns *edns, const struct isb_edns_extra *extra)
{
	if (extra->has & ISB_EDNS_COOKIE) {
		p = put_head(p, OPTION_COOKIE, ISB_COOKIE_CLIENT + ISB_COOKIE_SERVER);
		memcpy(p, edns->cookie.client, ISB_COOKIE_CLIENT);
		memcpy(p + ISB_COOKIE_CLIENT, extra->server, ISB_COOKIE_SERVER);
		p += ISB_COOKIE_CLIENT + ISB_COOKIE_SERVER;
	}
	if (extra->has & ISB_EDNS_NSID) {
		p = put_head(p, OPTION_NSID, extra->nsid_len);
		memcpy(p, extra->nsid, extra->nsid_len);
		p += extra->nsid_len;
	}
	if (extra->has & ISB_EDNS_KEEPALIVE) {
		p = put_head(p, OPTION_KEEPALIVE, 2);
		isb_put_u16(p, extra->keepalive_100ms);
		p += 2;
	}
	if (extra->has & ISB_EDNS_EDE) {
		p = put_head(p, OPTION_EDE, 2);
		isb_put_u16(p, extra->ede);
	}
}

void isb_edns_write(uint8_t *out, size_t size, const struct isb_edns *edns, const struct isb_edns_extra *extra,
                    enum isb_rcode rcode, uint8_t scope)
{
	uint8_t *p = out + OPT_FIXED;
	out[0] = 0;
	isb_put_u16(out + 1, ISB_OPT);
	isb_put_u16(out + 3, ISB_EDNS_PAYLOAD);
	isb_put_u32(out + 5, (uint32_t)rcode >> 4 << 24 | edns->flags); /* version 0 */
	isb_put_u16(out + 9, (uint16_t)(size - OPT_FIXED));
	if (edns->has & ISB_EDNS_ECS)
		p = put_ecs(p, &edns->ecs, scope);
	if (extra->has)
		put_extra(p, edns, extra);
}
