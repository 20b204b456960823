/* SPDX-License-Identifier: Apache-2.0 */
#include "stats.h"

#include <inttypes.h>

#include "isobar/base/buf.h"
#include "isobar/base/log.h"
#include "udp.h"

void isb_stats_log(struct isb_worker *const *workers, size_t count)
{
	struct {
		uint64_t queries, queries_tcp;
#define X(name) uint64_t name;
		ISB_COUNTER_MAP(X)
		ISB_NET_COUNTER_MAP(X)
#undef X
	} sum = {0};
	uint64_t overruns = 0;
	for (size_t i = 0; i < count; i++) {
		for (enum isb_asked_way way = 0; way < ISB_ASKED_WAYS; way++) {
			uint64_t asked = isb_counted_queries(&workers[i]->ctx.counters, way);
			sum.queries += asked;
			sum.queries_tcp += way == ISB_ASKED_UDP ? 0 : asked;
		}
#define X(name) sum.name += isb_counted(&workers[i]->ctx.counters.name);
		ISB_COUNTER_MAP(X)
#undef X
#define X(name) sum.name += isb_counted(&workers[i]->net.name);
		ISB_NET_COUNTER_MAP(X)
#undef X
		sum.dnstap_dropped += isb_tap_lost(workers[i]->tap);
		if (workers[i]->udp)
			overruns += isb_udp_overruns(workers[i]->udp);
	}
	struct isb_buf line = {0};
	isb_buf_printf(&line, "queries=%" PRIu64 " queries_tcp=%" PRIu64 " ", sum.queries, sum.queries_tcp);
#define X(name) isb_buf_printf(&line, #name "=%" PRIu64 " ", sum.name);
	ISB_COUNTER_MAP(X)
	ISB_NET_COUNTER_MAP(X)
#undef X
	isb_buf_printf(&line, "udp_overruns=%" PRIu64, overruns);
	isb_log(ISB_LOG_INFO, "counters", "%s", isb_buf_text(&line));
	isb_buf_done(&line);
}
