/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/order.h"

/* Children of a policy: as declared. Endpoints: by tier, equal tiers share by weight. */
static void rank(const struct isb_order_in *in, uint16_t *ret_rank, struct isb_buf *why)
{
	for (size_t i = 0; i < in->count; i++) {
		ret_rank[i] = in->endpoints ? in->children[i].tier : (uint16_t)i;
		if (why && in->endpoints)
			isb_buf_printf(&why[i], "tier %u", in->children[i].tier);
	}
}

const struct isb_order isb_order_failover = {
	.id = ISB_ORDER_FAILOVER,
	.rank = rank,
};
