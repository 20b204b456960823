/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/query.h"
#include "isobar/dns/respond.h"
#include "isobar/view/large.h"

uint64_t isb_ahead_slot(const struct isb_context *ctx, const uint8_t *in, size_t in_len)
{
	uint8_t label[ISB_FIRST_LABEL];
	if (!isb_query_first_label(in, in_len, label))
		return 0;
	uint64_t key = isb_large_key(label);
	for (uint32_t i = 0; i < ctx->view->nlarge; i++)
		isb_large_fetch_slot(ctx->view->large[i], key);
	return key;
}

void isb_ahead_node(const struct isb_context *ctx, uint64_t key)
{
	for (uint32_t i = 0; key && i < ctx->view->nlarge; i++)
		isb_large_fetch_node(ctx->view->large[i], key);
}
