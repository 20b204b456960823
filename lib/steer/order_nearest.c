/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/steer/order.h"

enum { NOWHERE_KM = 100000 }; /* farther than any place on Earth: a child without a region comes last */

static double band(double best)
{
	return best * 1.05; /* equal within 5 % counts as a tie */
}

static double distance(const struct isb_order_child *child, const struct isb_geo_facts *geo)
{
	double best = NOWHERE_KM;
	for (size_t i = 0; i < child->nregion; i++) {
		const struct isb_region *region = child->regions[i];
		double km = isb_distance_km(geo->latitude, geo->longitude, region->latitude, region->longitude);
		if (km < best)
			best = km;
	}
	return best * (1 - child->bias / 100.0);
}

/* By great-circle distance to the nearest region of each child. Nothing known of the client's place: all tie. */
static void rank(const struct isb_order_in *in, uint16_t *ret_rank, struct isb_buf *why)
{
	double *km = isb_xcalloc(in->count, sizeof(*km));
	for (size_t i = 0; i < in->count; i++) {
		if (in->facts->geo->located)
			km[i] = distance(&in->children[i], in->facts->geo);
		if (!why)
			continue;
		if (!in->facts->geo->located)
			isb_buf_puts(&why[i], "client's place unknown");
		else if (in->children[i].bias)
			isb_buf_printf(&why[i], "%.0f km with bias %d %%", km[i], in->children[i].bias);
		else
			isb_buf_printf(&why[i], "%.0f km", km[i]);
	}
	isb_rank_by_value(km, in->count, band, ret_rank);
	free(km);
}

const struct isb_order isb_order_nearest = {
	.id = ISB_ORDER_NEAREST,
	.by_client = true,
	.rank = rank,
};
