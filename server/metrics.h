/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>

#include "clients.h"
#include "isobar/base/diag.h"
#include "isobar/store/env.h"
#include "ledger.h"
#include "live.h"
#include "options.h"
#include "watch.h"
#include "worker.h"

/* What the server tells of itself over HTTP: GET /metrics for Prometheus, /healthz (the process lives and its workers move)
 * and /readyz (it should be asked; an announcer of an anycast address hangs on it). Threads of its own, which only read what
 * workers count and never make one wait. */
struct isb_metrics;

/* All of it must outlive the metrics. */
struct isb_metrics_sources {
	const struct isb_options *options;
	struct isb_store *store;
	struct isb_live *live;
	const struct isb_watch *watch;
	struct isb_ledger *ledger;
	struct isb_clients *clients; /* who are counted by continent; NULL: nobody is */
	struct isb_worker *const *workers;
	size_t nworker;
	int64_t started_ms;
};

/* Listens where the options say. ISB_EIO with a diag. */
int isb_metrics_new(const struct isb_metrics_sources *from, struct isb_diags *diags, struct isb_metrics **ret_metrics);
/* The server is about to stop: /readyz says so from now on; any thread, NULL is fine. */
void isb_metrics_drain(struct isb_metrics *metrics);
/* NULL is fine. */
void isb_metrics_free(struct isb_metrics *metrics);
