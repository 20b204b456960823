/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/order.h"

#include <math.h>
#include <stdlib.h>

#include "isobar/base/arena.h"

static const struct isb_order *const orders[ISB_ORDER_COUNT] = {
	[ISB_ORDER_FAILOVER] = &isb_order_failover, [ISB_ORDER_WEIGHTED] = &isb_order_weighted,
	[ISB_ORDER_GEO] = &isb_order_geo,           [ISB_ORDER_NEAREST] = &isb_order_nearest,
	[ISB_ORDER_LATENCY] = &isb_order_latency,   [ISB_ORDER_ROTATE] = &isb_order_rotate,
	[ISB_ORDER_HASH] = &isb_order_hash,         [ISB_ORDER_LEAST_LOAD] = &isb_order_least_load,
	[ISB_ORDER_FASTEST] = &isb_order_fastest,
};

const struct isb_order *isb_order_get(enum isb_order_id id)
{
	return orders[id];
}

void isb_rank_alike(const struct isb_order_in *in, uint16_t *ret_rank, struct isb_buf *why)
{
	(void)why;
	for (size_t i = 0; i < in->count; i++)
		ret_rank[i] = 0;
}

double isb_distance_km(double latitude1, double longitude1, double latitude2, double longitude2)
{
	const double rad = M_PI / 180, earth_km = 6371;
	double dlat = (latitude2 - latitude1) * rad, dlon = (longitude2 - longitude1) * rad;
	double h = sin(dlat / 2) * sin(dlat / 2) +
	           cos(latitude1 * rad) * cos(latitude2 * rad) * sin(dlon / 2) * sin(dlon / 2);
	return 2 * earth_km * asin(sqrt(h > 1 ? 1 : h));
}

struct measured {
	double value;
	size_t index;
};

static int by_value(const void *a, const void *b)
{
	const struct measured *x = a, *y = b;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

void isb_rank_by_value(const double *value, size_t count, double (*band)(double best), uint16_t *ret_rank)
{
	struct measured *sorted = isb_xcalloc(count, sizeof(*sorted));
	for (size_t i = 0; i < count; i++)
		sorted[i] = (struct measured){value[i], i};
	qsort(sorted, count, sizeof(*sorted), by_value);
	uint16_t rank = 0;
	bool any = false;
	double best = 0;
	for (size_t i = 0; i < count; i++) {
		if (sorted[i].value < 0) {
			ret_rank[sorted[i].index] = ISB_RANK_OUT;
			continue;
		}
		if (!any || sorted[i].value > band(best)) {
			rank = any ? (uint16_t)(rank + 1) : 0;
			best = sorted[i].value;
			any = true;
		}
		ret_rank[sorted[i].index] = rank;
	}
	free(sorted);
}
