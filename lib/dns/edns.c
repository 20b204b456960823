/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/edns.h"

#include "isobar/model/rr.h"

enum { OPT_FIXED = 11, OPTION_HEAD = 4, ECS_HEAD = 4, FAMILY_NONE = 0, FAMILY_IPV4 = 1, FAMILY_IPV6 = 2 };
enum { OPTION_NSID = 3, OPTION_ECS = 8, OPTION_COOKIE = 10, OPTION_KEEPALIVE = 11, OPTION_EDE = 15 };
enum { FLAG_DO = 0x8000 };

static size_t ecs_octets(uint8_t source)
{
	return ((size_t)source + 7) / 8;
}

/* RFC 7871 §6 and §7.1.1: SCOPE is zero in queries, ADDRESS is cut to the octets that SOURCE needs, and the bits beyond
 * SOURCE are zero. Without an address the family is irrelevant (§7.1.2), and `dig +subnet=0` sends 0. */
static enum isb_rcode read_ecs(struct isb_ecs *ecs, const uint8_t *data, uint16_t len)
{
	if (ecs->present || len < ECS_HEAD)
		return ISB_FORMERR;
	uint16_t family = isb_get_u16(data);
	uint8_t source = data[2], scope = data[3];
	static const struct {
		uint8_t bits, version;
	} families[] = {[FAMILY_NONE] = {0, 0}, [FAMILY_IPV4] = {32, 4}, [FAMILY_IPV6] = {128, 6}};
	if (family > FAMILY_IPV6)
		return ISB_FORMERR;
	size_t octets = ecs_octets(source);
	if (source > families[family].bits || scope != 0 || len != ECS_HEAD + octets)
		return ISB_FORMERR;
	if (source % 8 && data[ECS_HEAD + octets - 1] & 0xff >> source % 8)
		return ISB_FORMERR;
	*ecs = (struct isb_ecs){.present = true, .source = source, .addr.family = families[family].version};
	memcpy(ecs->addr.octets, data + ECS_HEAD, octets);
	return ISB_NOERROR;
}

/* RFC 7873 §4: eight octets of the client's, then none or 8 to 32 of a server's. Only the first cookie counts (§5.2). */
static enum isb_rcode read_cookie(struct isb_cookie *cookie, const uint8_t *data, uint16_t len)
{
	enum { SERVER_LEAST = 8 };
	if (len != ISB_COOKIE_CLIENT &&
	    (len < ISB_COOKIE_CLIENT + SERVER_LEAST || len > ISB_COOKIE_CLIENT + ISB_COOKIE_SERVER_MAX))
		return ISB_FORMERR;
	if (cookie->present)
		return ISB_NOERROR;
	cookie->present = true;
	cookie->server_len = (uint8_t)(len - ISB_COOKIE_CLIENT);
	memcpy(cookie->client, data, ISB_COOKIE_CLIENT);
	memcpy(cookie->server, data + ISB_COOKIE_CLIENT, cookie->server_len);
	return ISB_NOERROR;
}

static enum isb_rcode read_option(struct isb_edns *edns, uint16_t code, const uint8_t *data, uint16_t len)
{
	switch (code) {
	case OPTION_ECS: return read_ecs(&edns->ecs, data, len);
	case OPTION_COOKIE: return read_cookie(&edns->cookie, data, len);
	case OPTION_NSID: edns->asks_nsid = true; return ISB_NOERROR;
	case OPTION_KEEPALIVE: edns->asks_keepalive = true; return ISB_NOERROR;
	default: return ISB_NOERROR;
	}
}

enum isb_rcode isb_edns_read(struct isb_edns *ret_edns, uint16_t cls, uint32_t ttl, const uint8_t *rdata, uint16_t len)
{
	struct isb_edns *edns = ret_edns; /* field by field: the cookie's octets need no clearing */
	edns->present = true;
	edns->payload = cls;
	edns->version = (uint8_t)(ttl >> 16);
	edns->dnssec_ok = ttl & FLAG_DO;
	edns->asks_nsid = edns->asks_keepalive = false;
	edns->ecs.present = edns->cookie.present = false;
	if (edns->version != 0)
		return ISB_BADVERS;
	struct isb_reader r = isb_reader(rdata, len);
	while (r.pos < r.len) {
		uint16_t code = isb_read_u16(&r), size = isb_read_u16(&r);
		const uint8_t *data = isb_read(&r, size);
		if (!data || read_option(edns, code, data, size) != ISB_NOERROR) {
			edns->ecs.present = edns->cookie.present = false; /* a reply echoes only what is well-formed as a whole */
			return ISB_FORMERR;
		}
	}
	return ISB_NOERROR;
}

static size_t option_size(bool there, size_t octets)
{
	return there ? OPTION_HEAD + octets : 0;
}

static size_t options_size(const struct isb_edns *edns, const struct isb_edns_extra *extra)
{
	return option_size(edns->ecs.present, ECS_HEAD + ecs_octets(edns->ecs.source)) +
	       option_size(extra->cookie, ISB_COOKIE_CLIENT + ISB_COOKIE_SERVER) +
	       option_size(extra->nsid_len > 0, extra->nsid_len) + option_size(extra->keepalive_100ms > 0, 2) +
	       option_size(extra->ede != ISB_EDE_NONE, 2);
}

size_t isb_edns_size(const struct isb_edns *edns, const struct isb_edns_extra *extra)
{
	return edns->present ? OPT_FIXED + options_size(edns, extra) : 0;
}

static void write_head(struct isb_writer *w, uint16_t code, size_t octets)
{
	isb_write_u16(w, code);
	isb_write_u16(w, (uint16_t)octets);
}

static void write_ecs(struct isb_writer *w, const struct isb_ecs *ecs, uint8_t scope)
{
	size_t octets = ecs_octets(ecs->source);
	write_head(w, OPTION_ECS, ECS_HEAD + octets);
	isb_write_u16(w, ecs->addr.family == 4 ? FAMILY_IPV4 : ecs->addr.family == 6 ? FAMILY_IPV6 : FAMILY_NONE);
	isb_write_u8(w, ecs->source);
	isb_write_u8(w, scope);
	isb_write(w, ecs->addr.octets, octets);
}

static void write_extra(struct isb_writer *w, const struct isb_edns *edns, const struct isb_edns_extra *extra)
{
	if (extra->cookie) {
		write_head(w, OPTION_COOKIE, ISB_COOKIE_CLIENT + ISB_COOKIE_SERVER);
		isb_write(w, edns->cookie.client, ISB_COOKIE_CLIENT);
		isb_write(w, extra->server, ISB_COOKIE_SERVER);
	}
	if (extra->nsid_len) {
		write_head(w, OPTION_NSID, extra->nsid_len);
		isb_write(w, extra->nsid, extra->nsid_len);
	}
	if (extra->keepalive_100ms) {
		write_head(w, OPTION_KEEPALIVE, 2);
		isb_write_u16(w, extra->keepalive_100ms);
	}
	if (extra->ede != ISB_EDE_NONE) {
		write_head(w, OPTION_EDE, 2);
		isb_write_u16(w, extra->ede);
	}
}

void isb_edns_write(struct isb_writer *w, const struct isb_edns *edns, const struct isb_edns_extra *extra,
                    enum isb_rcode rcode, uint8_t scope)
{
	if (!edns->present)
		return;
	uint8_t *opt = isb_write_room(w, OPT_FIXED);
	if (!opt)
		return;
	opt[0] = 0;
	isb_put_u16(opt + 1, ISB_OPT);
	isb_put_u16(opt + 3, ISB_EDNS_PAYLOAD);
	isb_put_u32(opt + 5, (uint32_t)rcode >> 4 << 24 | (edns->dnssec_ok ? FLAG_DO : 0)); /* version 0 */
	size_t start = w->pos;
	if (edns->ecs.present)
		write_ecs(w, &edns->ecs, scope);
	write_extra(w, edns, extra);
	isb_put_u16(opt + 9, (uint16_t)(w->pos - start));
}
