/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/wire.h"
#include "isobar/view/view.h"

/* Labels that two names share, counted from the root, which is none. */
static unsigned shared(const uint8_t *a, const uint8_t *b)
{
	unsigned na = isb_dname_labels(a), nb = isb_dname_labels(b), n = na < nb ? na : nb;
	while (!isb_dname_equal(isb_dname_up(a, na - n), isb_dname_up(b, nb - n)))
		n--;
	return n;
}

/* Of a name whose last `labels` labels stand elsewhere: where, from that name's beginning on. */
static struct isb_soa_name split(const uint8_t *name, unsigned labels, const uint8_t *elsewhere)
{
	unsigned own = isb_dname_labels(name) - labels;
	const uint8_t *suffix = isb_dname_up(elsewhere, isb_dname_labels(elsewhere) - labels);
	return (struct isb_soa_name){.len = (uint8_t)isb_dname_len(name),
	                             .own = (uint8_t)(isb_dname_up(name, own) - name),
	                             .last = own ? (uint8_t)(isb_dname_up(name, own - 1) - name) : 0,
	                             .at = (uint8_t)(suffix - elsewhere),
	                             .points = labels > 0};
}

void isb_zone_view_set_soa(struct isb_zone_view *zone)
{
	zone->soa = isb_node_set(zone->root, ISB_SOA);
	if (!zone->soa)
		return;
	const uint8_t *at = zone->soa->rdata;
	uint16_t len;
	const uint8_t *mname = isb_rdata_next(&at, &len), *rname = mname + isb_dname_len(mname);
	uint32_t minimum = isb_get_u32(mname + len - 4); /* the last field, RFC 1035 §3.3.13 */
	zone->negative_ttl_s = minimum < zone->soa->ttl_s ? minimum : zone->soa->ttl_s;
	unsigned with_apex = shared(rname, zone->apex), with_mname = shared(rname, mname);
	zone->mname = split(mname, shared(mname, zone->apex), zone->apex);
	zone->rname_in_mname = with_mname > with_apex;
	zone->rname = zone->rname_in_mname ? split(rname, with_mname, mname) : split(rname, with_apex, zone->apex);
}
