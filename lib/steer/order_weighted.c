/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/order.h"

/* One tie over all: the draw among equals is the weighted order. */
static void rank(const struct isb_order_in *in, uint16_t *ret_rank, struct isb_buf *why)
{
	(void)why;
	for (size_t i = 0; i < in->count; i++)
		ret_rank[i] = 0;
}

const struct isb_order isb_order_weighted = {
	.id = ISB_ORDER_WEIGHTED,
	.rank = rank,
};
