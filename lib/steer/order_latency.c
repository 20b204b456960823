/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/steer/order.h"

static double band(double best_us)
{
	double tenth = best_us / 10; /* a lead below max(5 ms, 10 %) is a tie */
	return best_us + (tenth > 5000 ? tenth : 5000);
}

/* The smallest round trip to any region of the child, from the cell with this id or, without one, from the probes
 * nearest to the client; 0: unknown. */
static uint32_t rtt(const struct isb_order_in *in, const struct isb_order_child *child, const uint32_t *cell)
{
	uint32_t best = 0;
	for (size_t i = 0; i < child->nregion; i++) {
		uint32_t us = cell ? in->rtt->cell(in->rtt->arg, *cell, child->regions[i])
		                   : in->rtt->probe(in->rtt->arg, in->facts->geo, child->regions[i]);
		if (us && (!best || us < best))
			best = us;
	}
	return best;
}

/* Fills us[] when every child's round trip is known: half a comparison is none. */
static bool all_known(const struct isb_order_in *in, const uint32_t *cell, double *us)
{
	for (size_t i = 0; i < in->count; i++) {
		us[i] = rtt(in, &in->children[i], cell);
		if (us[i] <= 0)
			return false;
	}
	return true;
}

static bool measured(const struct isb_order_in *in, double *us, const char **ret_source)
{
	if (!in->rtt)
		return false;
	*ret_source = "measured from the client's network";
	for (size_t i = 0; i < in->facts->ncell; i++) /* finest cell first */
		if (all_known(in, &in->facts->cells[i].id, us))
			return true;
	*ret_source = "measured by the nearest probe";
	return in->facts->geo->located && all_known(in, NULL, us);
}

/* By measured round trip; where not every child has one, as `nearest`. */
static void rank(const struct isb_order_in *in, uint16_t *ret_rank, struct isb_buf *why)
{
	double *us = isb_xcalloc(in->count, sizeof(*us));
	const char *source = NULL;
	if (!measured(in, us, &source)) {
		isb_order_nearest.rank(in, ret_rank, why);
	} else {
		isb_rank_by_value(us, in->count, band, ret_rank);
		for (size_t i = 0; why && i < in->count; i++)
			isb_buf_printf(&why[i], "%.1f ms, %s", us[i] / 1000, source);
	}
	free(us);
}

const struct isb_order isb_order_latency = {
	.id = ISB_ORDER_LATENCY,
	.by_client = true,
	.rank = rank,
};
