/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"

#include <inttypes.h>
#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/store/healthdb.h"
#include "isobar/web/monitor.h"
#include "metrics_parts.h"

enum {
	STUCK_MS = 5000, /* a batch takes less than one */
	CONNECTIONS = 32,
	PATIENCE_MS = 10000,
};

struct isb_metrics {
	struct isb_metrics_sources from;
	atomic_bool draining;
	struct isb_web *web;
};

/* --- Life and readiness -------------------------------------------------------------------------------------------- */

/* Every reason against is a line. */
static void check_workers(const struct isb_metrics *m, struct isb_buf *reasons)
{
	int64_t now_ns = isb_pace_now_ns();
	for (size_t i = 0; i < m->from.nworker; i++) {
		const struct isb_worker *worker = m->from.workers[i];
		int64_t busy_ms = isb_pace_busy_ns(&worker->pace, now_ns) / 1000000;
		if (busy_ms >= STUCK_MS)
			isb_buf_printf(reasons, "worker %zu has been at one batch of queries for %" PRId64 " ms\n", i, busy_ms);
	}
}

static void check_store(const struct isb_metrics *m, struct isb_buf *reasons)
{
	static const enum isb_env envs[] = {ISB_ENV_CATALOG, ISB_ENV_HEALTH};
	for (size_t i = 0; i < sizeof(envs) / sizeof(envs[0]); i++) {
		struct isb_txn *txn;
		int rc = isb_txn_begin(m->from.store, envs[i], false, &txn);
		if (rc == ISB_OK)
			isb_txn_abort(txn);
		else
			isb_buf_printf(reasons, "cannot read '%s': %s\n", isb_store_path(m->from.store, envs[i]), isb_strerror(rc));
	}
}

static void check_ready(const struct isb_metrics *m, const struct isb_view *view, struct isb_buf *reasons)
{
	/* relaxed: the flag carries nothing but itself */
	if (atomic_load_explicit(&m->draining, memory_order_relaxed))
		isb_buf_puts(reasons, "told to stop, and draining\n");
	if (view->nzone == 0)
		isb_buf_puts(reasons, "the catalog has no zone, so every query is refused\n");
	check_store(m, reasons);
	check_workers(m, reasons);
}

/* --- The page ------------------------------------------------------------------------------------------------------ */

static struct isb_health_reader *begin_health(struct isb_page *page)
{
	struct isb_health_reader *reader;
	if (isb_health_reader_new(page->from->store, &reader) != ISB_OK)
		return NULL;
	if (isb_health_reader_begin(reader, &page->health) != ISB_OK) {
		page->health = (struct isb_health_table){0};
		isb_health_reader_free(reader);
		return NULL;
	}
	page->health_generation = isb_health_reader_txn_id(reader);
	if (page->view->nviewpoint)
		isb_health_reader_paces(reader, page->view->viewpoints, page->view->nviewpoint, &page->health);
	return reader;
}

static void write_page(const struct isb_metrics *m, const struct isb_view *view, struct isb_buf *out)
{
	struct isb_buf reasons = {0};
	check_ready(m, view, &reasons);
	struct isb_page page = {.out = out, .from = &m->from, .view = view, .now_ms = isb_clock_ms(), .ready = !reasons.len,
	                        .draining = atomic_load_explicit(&m->draining, memory_order_relaxed)};
	struct isb_health_reader *reader = begin_health(&page);
	page.health.unattended = atomic_load_explicit(&m->from.live->unattended, memory_order_relaxed);
	isb_page_traffic(&page);
	isb_page_answers(&page);
	isb_page_state(&page);
	if (reader)
		isb_health_reader_end(reader);
	isb_health_reader_free(reader);
	isb_buf_done(&reasons);
}

/* The view stays while a page is made of it; a swap waits for that as it waits for a worker's batch. */
static const struct isb_view *enter(const struct isb_metrics *m)
{
	isb_live_register();
	return isb_live_enter(m->from.live);
}

static void leave(const struct isb_metrics *m)
{
	isb_live_leave(m->from.live);
	isb_live_unregister();
}

static bool give_metrics(void *arg, struct isb_buf *out)
{
	const struct isb_metrics *m = arg;
	write_page(m, enter(m), out);
	leave(m);
	return true;
}

static void give_health(void *arg, struct isb_buf *reasons)
{
	check_workers(arg, reasons);
}

static void give_ready(void *arg, struct isb_buf *reasons)
{
	const struct isb_metrics *m = arg;
	check_ready(m, enter(m), reasons);
	leave(m);
}

static void handle(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply)
{
	static const struct isb_monitor monitor = {give_metrics, give_health, give_ready};
	if (!isb_monitor_serve(&monitor, arg, request, reply))
		isb_web_not_found(reply, request);
}

/* --- Birth and death ----------------------------------------------------------------------------------------------- */

int isb_metrics_new(const struct isb_metrics_sources *from, struct isb_diags *diags, struct isb_metrics **ret_metrics)
{
	struct isb_metrics *m = isb_xcalloc(1, sizeof(*m));
	const struct isb_web_options web = {.listen = from->options->metrics, .nlisten = from->options->nmetrics,
	                                    .connections = CONNECTIONS, .patience_ms = PATIENCE_MS};
	m->from = *from;
	int rc = isb_web_new(&web, handle, m, diags, &m->web);
	if (rc != ISB_OK) {
		free(m);
		return rc;
	}
	*ret_metrics = m;
	return ISB_OK;
}

void isb_metrics_drain(struct isb_metrics *metrics)
{
	if (metrics)
		atomic_store_explicit(&metrics->draining, true, memory_order_relaxed);
}

void isb_metrics_free(struct isb_metrics *metrics)
{
	if (!metrics)
		return;
	isb_web_free(metrics->web);
	free(metrics);
}
