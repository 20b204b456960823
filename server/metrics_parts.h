/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/prometheus.h"
#include "metrics.h"

/* What the pages of metrics.c are made of: one file for each kind of things. docs/metrics.md lists what they print, and a test
 * compares. */

struct isb_page {
	struct isb_buf *out;
	const struct isb_metrics_sources *from;
	const struct isb_view *view; /* stays while the page is made */
	struct isb_health_table health; /* empty when it cannot be read */
	uint64_t health_generation;  /* 0: it cannot be read */
	int64_t now_ms;
	bool ready, draining;
};

/* What the workers counted, and how long they take. */
void isb_page_traffic(struct isb_page *page);
/* By record, pool and endpoint: who answered, who should, and the state of each. */
void isb_page_answers(struct isb_page *page);
/* Catalog, store, views, clients and the process. */
void isb_page_state(struct isb_page *page);

/* Those of the record's decisions that can be told: see metrics_shares.c. A share for each endpoint of the plan, NAN where none
 * can; the caller frees it. */
double *isb_page_shares(const struct isb_page *page);

static inline void isb_page_total(struct isb_page *page, const char *name, const char *help, uint64_t value)
{
	isb_prom_total(page->out, name, help, value);
}
static inline void isb_page_gauge(struct isb_page *page, const char *name, const char *help, double value)
{
	isb_prom_gauge(page->out, name, help, value);
}
