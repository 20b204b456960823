/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "metrics_parts.h"

/* One metric after the other, and for each one all endpoints, as the format wants it. A metric has so many lines at most as the
 * options say: first come those of the lowest numbers, and what is left out is counted. */

enum { METRICS = 9 };

struct table {
	struct isb_page *page;
	const struct isb_plan *plan;
	struct isb_buf pool;    /* of the endpoint at hand */
	const char *name;       /* of the metric at hand */
	size_t left;            /* lines it may still have */
	struct {
		const char *name;
		uint64_t lines;
	} left_out[METRICS];
	unsigned metrics;
};

static void begin(struct table *t, const char *name, enum isb_prom_type type, const char *help)
{
	t->name = name;
	t->left = t->page->from->options->metrics_rows;
	t->left_out[t->metrics++].name = name;
	isb_prom_family(t->page->out, name, type, help);
}

static void leave_out(struct table *t, uint64_t lines)
{
	t->left_out[t->metrics - 1].lines += lines;
}

/* False: the metric has all the lines that it may have. */
static bool take_line(struct table *t)
{
	if (t->left)
		return t->left--;
	leave_out(t, 1);
	return false;
}

/* The pool stands in t->pool then; returns the endpoint's name within it. */
static const char *split(struct table *t, uint32_t endpoint)
{
	const char *name = isb_plan_text(t->plan, isb_plan_endpoint(t->plan, endpoint)->name);
	size_t len = strcspn(name, "/");
	isb_buf_reset(&t->pool);
	isb_buf_add(&t->pool, name, len);
	return name[len] ? name + len + 1 : "";
}

/* --- Answers ------------------------------------------------------------------------------------------------------- */

static uint32_t rows_of(const struct table *t, uint32_t count)
{
	uint32_t most = t->page->from->options->metrics_rows;
	return count < most ? count : most;
}

/* The first choice is always told, the others once there was one. */
static bool is_told(const isb_ledger_row row, enum isb_reason reason)
{
	return reason == ISB_REASON_FIRST || row[reason];
}

static void print_records(struct table *t)
{
	uint32_t count = t->plan->nrecord, rows = rows_of(t, count);
	isb_ledger_row *counts = isb_xcalloc(rows + 1u, sizeof(*counts));
	isb_ledger_records(t->page->from->ledger, t->page->view, counts, rows);
	begin(t, "isobar_dns_record_answers_total", ISB_PROM_COUNTER, "Decisions of a record, by what led to them.");
	leave_out(t, count - rows);
	for (uint32_t i = 0; i < rows; i++) {
		const struct isb_plan_record *record = isb_plan_record(t->plan, i);
		for (enum isb_reason r = 0; record->name && r < ISB_REASONS; r++)
			if (is_told(counts[i], r) && take_line(t))
				isb_prom_count(t->page->out, t->name,
				               ISB_PROM_LABELS({"record", isb_plan_text(t->plan, record->name)},
				                               {"reason", isb_reason_name(r)}),
				               counts[i][r]);
	}
	free(counts);
}

static void print_endpoints(struct table *t)
{
	uint32_t count = t->plan->nendpoint, rows = rows_of(t, count);
	isb_ledger_row *counts = isb_xcalloc(rows + 1u, sizeof(*counts));
	isb_ledger_endpoints(t->page->from->ledger, t->page->view, counts, rows);
	begin(t, "isobar_dns_endpoint_answers_total", ISB_PROM_COUNTER,
	      "Decisions for an endpoint, the first in its answer, by what led to them.");
	leave_out(t, count - rows);
	for (uint32_t i = 0; i < rows; i++) {
		const char *endpoint = split(t, i);
		const char *region = isb_plan_text(t->plan, isb_plan_endpoint(t->plan, i)->region);
		for (enum isb_reason r = 0; r < ISB_REASONS; r++)
			if (is_told(counts[i], r) && take_line(t))
				isb_prom_count(t->page->out, t->name,
				               ISB_PROM_LABELS({"pool", isb_buf_text(&t->pool)}, {"endpoint", endpoint},
				                               {"region", region}, {"reason", isb_reason_name(r)}),
				               counts[i][r]);
	}
	free(counts);
}

static void print_shares(struct table *t)
{
	double *shares = isb_page_shares(t->page);
	begin(t, "isobar_dns_endpoint_expected_share", ISB_PROM_GAUGE,
	      "Share of its pool's answers that an endpoint should get now; not told where it depends on who asks.");
	for (uint32_t i = 0; i < t->plan->nendpoint; i++) {
		const char *endpoint = split(t, i);
		if (!isnan(shares[i]) && take_line(t))
			isb_prom_real(t->page->out, t->name,
			              ISB_PROM_LABELS({"pool", isb_buf_text(&t->pool)}, {"endpoint", endpoint}), shares[i]);
	}
	free(shares);
}

/* --- State --------------------------------------------------------------------------------------------------------- */

static uint64_t word_of(const struct table *t, const struct isb_plan_endpoint *endpoint)
{
	uint64_t word = endpoint->checked ? isb_health_word(&t->page->health, endpoint->slot) : 0;
	return t->page->health.unattended ? isb_health_unattended(word) : word;
}

static enum isb_admin admin_of(const struct table *t, const struct isb_plan_endpoint *endpoint)
{
	const struct isb_view *view = t->page->view;
	return endpoint->slot < view->nadmin ? isb_admin_at(view->admin[endpoint->slot], t->page->now_ms) : ISB_ADMIN_AUTO;
}

/* One line for every endpoint, with the state that it is in as a label. */
static void print_states(struct table *t, bool admin)
{
	for (uint32_t i = 0; i < t->plan->nendpoint; i++) {
		const struct isb_plan_endpoint *e = isb_plan_endpoint(t->plan, i);
		const char *endpoint = split(t, i);
		const char *state = admin          ? isb_admin_name(admin_of(t, e))
		                    : !e->checked ? "unchecked"
		                                  : isb_verdict_name((enum isb_verdict)(word_of(t, e) & 3));
		if (take_line(t))
			isb_prom_count(t->page->out, t->name,
			               ISB_PROM_LABELS({"pool", isb_buf_text(&t->pool)}, {"endpoint", endpoint}, {"state", state}), 1);
	}
}

/* NAN: there is nothing to tell. */
static void print_values(struct table *t, double (*value)(const struct table *t, const struct isb_plan_endpoint *endpoint))
{
	for (uint32_t i = 0; i < t->plan->nendpoint; i++) {
		const struct isb_plan_endpoint *e = isb_plan_endpoint(t->plan, i);
		const char *endpoint = split(t, i);
		double told = value(t, e);
		if (!isnan(told) && take_line(t))
			isb_prom_real(t->page->out, t->name,
			              ISB_PROM_LABELS({"pool", isb_buf_text(&t->pool)}, {"endpoint", endpoint}), told);
	}
}

static double soft_health(const struct table *t, const struct isb_plan_endpoint *endpoint)
{
	uint64_t word = word_of(t, endpoint);
	return word ? (double)isb_health_soft(word) / ISB_SOFT_FULL : NAN;
}

static double load(const struct table *t, const struct isb_plan_endpoint *endpoint)
{
	uint64_t word = word_of(t, endpoint);
	return word ? (double)isb_health_load(word) / 1000 : NAN;
}

static double latency(const struct table *t, const struct isb_plan_endpoint *endpoint)
{
	uint32_t us = isb_health_latency_us(word_of(t, endpoint));
	return us ? (double)us / 1e6 : NAN;
}

static double verdict_age(const struct table *t, const struct isb_plan_endpoint *endpoint)
{
	int64_t since_ms = endpoint->checked ? isb_health_since_ms(&t->page->health, endpoint->slot) : 0;
	return since_ms ? (double)(t->page->now_ms - since_ms) / 1000 : NAN;
}

static void print_health(struct table *t)
{
	begin(t, "isobar_dns_endpoint_state", ISB_PROM_GAUGE,
	      "1 beside the verdict of an endpoint: up, down, unknown, disputed, or unchecked.");
	print_states(t, false);
	begin(t, "isobar_dns_endpoint_admin", ISB_PROM_GAUGE,
	      "1 beside what an operator says of an endpoint: auto, up, down, drain, hold-up or hold-down.");
	print_states(t, true);
	begin(t, "isobar_dns_endpoint_soft_health_ratio", ISB_PROM_GAUGE, "What part of its weight an endpoint counts for.");
	print_values(t, soft_health);
	begin(t, "isobar_dns_endpoint_load_ratio", ISB_PROM_GAUGE, "Load of an endpoint over its capacity; 0 where none is told.");
	print_values(t, load);
	begin(t, "isobar_dns_endpoint_latency_seconds", ISB_PROM_GAUGE, "Smoothed time of an endpoint's checks.");
	print_values(t, latency);
	begin(t, "isobar_dns_endpoint_verdict_age_seconds", ISB_PROM_GAUGE,
	      "Time since an endpoint last went up or down; not told where nobody knows.");
	print_values(t, verdict_age);
}

void isb_page_answers(struct isb_page *page)
{
	static const char left_out[] = "isobar_dns_metrics_lines_left_out";
	struct table t = {.page = page, .plan = page->view->plan};
	print_records(&t);
	print_endpoints(&t);
	print_shares(&t);
	print_health(&t);
	isb_prom_family(page->out, left_out, ISB_PROM_GAUGE, "Lines of a metric on this page that --metrics-rows left out.");
	for (unsigned i = 0; i < t.metrics; i++)
		isb_prom_count(page->out, left_out, ISB_PROM_LABELS({"metric", t.left_out[i].name}), t.left_out[i].lines);
	isb_buf_done(&t.pool);
}
