/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/query.h"
#include "isobar/dns/respond.h"
#include "isobar/view/large.h"

void isb_respond_ahead(const struct isb_context *ctx, enum isb_ahead step, const uint8_t *in, size_t in_len)
{
	uint8_t label[ISB_FIRST_LABEL];
	if (!isb_query_first_label(in, in_len, label))
		return;
	for (uint32_t i = 0; i < ctx->view->nlarge; i++)
		(step == ISB_AHEAD_SLOT ? isb_large_fetch_slot : isb_large_fetch_node)(ctx->view->large[i], label);
}
