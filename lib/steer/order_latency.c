/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/steer/order.h"

static double band(double best_us)
{
	double tenth = best_us / 10; /* a lead below max(5 ms, 10 %) is a tie */
	return best_us + (tenth > 5000 ? tenth : 5000);
}

/* The smallest round trip to any region of the child, from a cell or, with ISB_CELL_NONE, from the probes nearest to the
 * client; us 0: unknown. */
static struct isb_rtt nearest_region(const struct isb_order_in *in, const struct isb_order_child *child, uint32_t cell)
{
	struct isb_rtt best = {0};
	for (size_t i = 0; i < child->nregion; i++) {
		struct isb_rtt rtt = {0};
		if (cell == ISB_CELL_NONE)
			rtt.us = in->rtt->probe(in->rtt->arg, in->facts->geo, child->regions[i]);
		else
			rtt = in->rtt->cell(in->rtt->arg, cell, child->regions[i]);
		if (rtt.us && (!best.us || rtt.us < best.us))
			best = rtt;
	}
	return best;
}

/* Fills rtts[] when every child's round trip is known: half a comparison is none. */
static bool all_known(const struct isb_order_in *in, uint32_t cell, struct isb_rtt *rtts)
{
	for (size_t i = 0; i < in->count; i++) {
		rtts[i] = nearest_region(in, &in->children[i], cell);
		if (!rtts[i].us)
			return false;
	}
	return true;
}

/* From the finest cell up. *ret_cell: the one that knew all; ISB_CELL_NONE: the probes did. */
static bool measured(const struct isb_order_in *in, struct isb_rtt *rtts, uint32_t *ret_cell)
{
	if (!in->rtt)
		return false;
	for (size_t i = 0; i < in->facts->ncell; i++) {
		*ret_cell = in->facts->cells[i].id;
		if (all_known(in, *ret_cell, rtts))
			return true;
	}
	for (enum isb_rollup r = ISB_ROLLUP_ASN; r < ISB_ROLLUPS; r++) {
		*ret_cell = in->rtt->rollup(in->rtt->arg, in->facts->geo, r);
		if (*ret_cell != ISB_CELL_NONE && all_known(in, *ret_cell, rtts))
			return true;
	}
	*ret_cell = ISB_CELL_NONE;
	return in->facts->geo->located && all_known(in, ISB_CELL_NONE, rtts);
}

static void explain(const struct isb_order_in *in, const struct isb_rtt *rtt, uint32_t cell, struct isb_buf *why)
{
	char name[ISB_CELL_TEXT];
	if (cell == ISB_CELL_NONE)
		isb_buf_printf(why, "%.1f ms, measured by the nearest probe", rtt->us / 1000.0);
	else
		isb_buf_printf(why, "%.1f ms p25 of %u samples, %s", rtt->us / 1000.0, rtt->samples,
		               in->rtt->name(in->rtt->arg, cell, name));
}

/* By measured round trip; where not every child has one, as `nearest`. */
static void rank(const struct isb_order_in *in, uint16_t *ret_rank, struct isb_buf *why)
{
	struct isb_rtt *rtts = isb_xcalloc(in->count, sizeof(*rtts));
	uint32_t cell;
	if (!measured(in, rtts, &cell)) {
		isb_order_nearest.rank(in, ret_rank, why);
	} else {
		double *us = isb_xcalloc(in->count, sizeof(*us));
		for (size_t i = 0; i < in->count; i++) {
			us[i] = rtts[i].us;
			if (why)
				explain(in, &rtts[i], cell, &why[i]);
		}
		isb_rank_by_value(us, in->count, band, ret_rank);
		free(us);
	}
	free(rtts);
}

const struct isb_order isb_order_latency = {
	.id = ISB_ORDER_LATENCY,
	.by_client = true,
	.rank = rank,
};
