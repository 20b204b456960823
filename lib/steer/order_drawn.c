/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/steer/order.h"

/* Orders that are nothing but a way to draw among equals. */

const struct isb_order isb_order_weighted = {
	.id = ISB_ORDER_WEIGHTED,
	.rank = isb_rank_alike,
};

const struct isb_order isb_order_rotate = {
	.id = ISB_ORDER_ROTATE,
	.rank = isb_rank_alike,
};

const struct isb_order isb_order_hash = {
	.id = ISB_ORDER_HASH,
	.rank = isb_rank_alike,
};

const struct isb_order isb_order_least_load = {
	.id = ISB_ORDER_LEAST_LOAD,
	.rank = isb_rank_alike,
};
