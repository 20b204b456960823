/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/order.h"

/* The region of the catalog that is nearest to the client: its probes see what the client would see. */
static uint16_t viewpoint(const struct isb_order_in *in)
{
	const struct isb_geo_facts *geo = in->facts->geo;
	uint16_t best = ISB_PARAM_NONE;
	double best_km = 0;
	for (size_t i = 0; geo->located && i < in->nregion && i < ISB_PARAM_NONE; i++) {
		const struct isb_region *region = &in->regions[i];
		double km = isb_distance_km(geo->latitude, geo->longitude, region->latitude, region->longitude);
		if (best == ISB_PARAM_NONE || km < best_km) {
			best = (uint16_t)i;
			best_km = km;
		}
	}
	return best;
}

/* All alike: who is fastest is for the latest checks to say. The client's place only says whose checks. */
static void rank(const struct isb_order_in *in, uint16_t *ret_rank, struct isb_buf *why)
{
	uint16_t from = viewpoint(in);
	isb_rank_alike(in, ret_rank, NULL);
	for (size_t i = 0; why && i < in->count; i++) {
		if (from == ISB_PARAM_NONE)
			isb_buf_puts(&why[i], "seen from everywhere");
		else
			isb_buf_printf(&why[i], "seen from %s", in->regions[from].name);
	}
}

const struct isb_order isb_order_fastest = {
	.id = ISB_ORDER_FASTEST,
	.by_client = true,
	.rank = rank,
	.param = viewpoint,
};
