/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/edns.h"

#include "isobar/model/rr.h"

enum { OPT_FIXED = 11, OPTION_HEAD = 4, OPTION_ECS = 8, ECS_HEAD = 4, FAMILY_IPV4 = 1, FAMILY_IPV6 = 2 };
enum { FLAG_DO = 0x8000 };

static size_t ecs_octets(uint8_t source)
{
	return ((size_t)source + 7) / 8;
}

/* RFC 7871 §6 and §7.1.1: SCOPE is zero in queries, ADDRESS is cut to the octets that SOURCE needs, and the bits beyond
 * SOURCE are zero. */
static enum isb_rcode read_ecs(struct isb_ecs *ecs, const uint8_t *data, uint16_t len)
{
	if (ecs->present || len < ECS_HEAD)
		return ISB_FORMERR;
	uint16_t family = isb_get_u16(data);
	uint8_t source = data[2], scope = data[3];
	if (family != FAMILY_IPV4 && family != FAMILY_IPV6)
		return ISB_FORMERR;
	size_t octets = ecs_octets(source);
	if (source > (family == FAMILY_IPV4 ? 32 : 128) || scope != 0 || len != ECS_HEAD + octets)
		return ISB_FORMERR;
	if (source % 8 && data[ECS_HEAD + octets - 1] & 0xff >> source % 8)
		return ISB_FORMERR;
	*ecs = (struct isb_ecs){.present = true, .source = source, .addr.family = family == FAMILY_IPV4 ? 4 : 6};
	memcpy(ecs->addr.octets, data + ECS_HEAD, octets);
	return ISB_NOERROR;
}

enum isb_rcode isb_edns_read(struct isb_edns *ret_edns, uint16_t cls, uint32_t ttl, const uint8_t *rdata, uint16_t len)
{
	*ret_edns = (struct isb_edns){
		.present = true, .payload = cls, .version = (uint8_t)(ttl >> 16), .dnssec_ok = ttl & FLAG_DO};
	if (ret_edns->version != 0)
		return ISB_BADVERS;
	struct isb_reader r = isb_reader(rdata, len);
	while (r.pos < r.len) {
		uint16_t code = isb_read_u16(&r), size = isb_read_u16(&r);
		const uint8_t *data = isb_read(&r, size);
		if (!data || (code == OPTION_ECS && read_ecs(&ret_edns->ecs, data, size) != ISB_NOERROR)) {
			ret_edns->ecs.present = false; /* a reply echoes only what is well-formed as a whole */
			return ISB_FORMERR;
		}
	}
	return ISB_NOERROR;
}

size_t isb_edns_size(const struct isb_edns *edns)
{
	if (!edns->present)
		return 0;
	return OPT_FIXED + (edns->ecs.present ? OPTION_HEAD + ECS_HEAD + ecs_octets(edns->ecs.source) : 0);
}

void isb_edns_write(struct isb_writer *w, const struct isb_edns *edns, enum isb_rcode rcode, uint8_t scope)
{
	if (!edns->present)
		return;
	const struct isb_ecs *ecs = &edns->ecs;
	size_t octets = ecs_octets(ecs->source);
	isb_write_u8(w, 0);
	isb_write_u16(w, ISB_OPT);
	isb_write_u16(w, ISB_EDNS_PAYLOAD);
	isb_write_u32(w, (uint32_t)rcode >> 4 << 24 | (edns->dnssec_ok ? FLAG_DO : 0)); /* version 0 */
	if (!ecs->present) {
		isb_write_u16(w, 0);
		return;
	}
	isb_write_u16(w, (uint16_t)(OPTION_HEAD + ECS_HEAD + octets));
	isb_write_u16(w, OPTION_ECS);
	isb_write_u16(w, (uint16_t)(ECS_HEAD + octets));
	isb_write_u16(w, ecs->addr.family == 4 ? FAMILY_IPV4 : FAMILY_IPV6);
	isb_write_u8(w, ecs->source);
	isb_write_u8(w, scope);
	isb_write(w, ecs->addr.octets, octets);
}
