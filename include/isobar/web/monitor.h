/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "isobar/base/buf.h"
#include "isobar/web/web.h"

/* What every daemon tells those who watch it, at the same places and in the same manner: GET /metrics for Prometheus, /healthz
 * (the process lives and moves: else restart it) and /readyz (it does its work: else do not rely on it). */
struct isb_monitor {
	/* The page, as isobar/base/prometheus.h prints it. False: it cannot be made now, and why stands in `out`. */
	bool (*metrics)(void *arg, struct isb_buf *out);
	/* A line for every reason why not, each a sentence for people; none: yes. */
	void (*health)(void *arg, struct isb_buf *reasons);
	void (*ready)(void *arg, struct isb_buf *reasons);
};

/* Answers a request for one of these paths: 200, or 503 with the reasons, as text. False: it is for another path, and the
 * reply is as it was. */
bool isb_monitor_serve(const struct isb_monitor *monitor, void *arg, const struct isb_web_request *request,
                       struct isb_web_reply *reply);
