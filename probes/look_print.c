/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/prometheus.h"
#include "isobar/store/healthdb.h"
#include "look.h"

/* --- Checks --- */

static void print_outcomes(const struct isb_look *look, struct isb_buf *out)
{
	static const char name[] = "isobar_probe_checks_total";
	isb_prom_family(out, name, ISB_PROM_COUNTER, "Checks that ended, feeds among them, by type and outcome.");
	for (enum isb_check_type type = 0; type < ISB_CHECK_TYPE_COUNT; type++)
		for (unsigned kind = 0; kind < ISB_OUTCOME_COUNT; kind++) {
			const char *outcome = isb_outcome_name((enum isb_outcome_kind)kind);
			if (look->counts.outcomes[type][kind])
				isb_prom_count(out, name, ISB_PROM_LABELS({"type", isb_check_words[type]}, {"outcome", outcome}),
				               look->counts.outcomes[type][kind]);
		}
}

static void print_spans(struct isb_buf *out, const char *name, const struct isb_prom_label *labels,
                            const struct isb_spans *spans, bool even_empty)
{
	uint64_t cumulative[ISB_SPAN_BOUNDS], count = 0;
	for (unsigned i = 0; i < ISB_SPAN_BOUNDS; i++)
		cumulative[i] = count += spans->count[i];
	count += spans->count[ISB_SPAN_BOUNDS];
	if (count || even_empty)
		isb_prom_histogram(out, name, labels,
		                   &(struct isb_prom_histogram){.bound = isb_span_bound_s, .cumulative = cumulative,
		                                                .n = ISB_SPAN_BOUNDS, .count = count,
		                                                .sum = (double)spans->sum_us / 1e6});
}

static void print_durations(const struct isb_look *look, struct isb_buf *out)
{
	static const char duration[] = "isobar_probe_check_duration_seconds", late[] = "isobar_probe_check_late_seconds";
	isb_prom_family(out, duration, ISB_PROM_HISTOGRAM, "What checks took from their first packet to the end.");
	for (enum isb_check_type type = 0; type < ISB_CHECK_TYPE_COUNT; type++)
		print_spans(out, duration, ISB_PROM_LABELS({"type", isb_check_words[type]}), &look->counts.durations[type], false);
	isb_prom_family(out, late, ISB_PROM_HISTOGRAM, "From when a check was due to its start.");
	print_spans(out, late, NULL, &look->counts.late, true);
}

static void print_work(const struct isb_look *look, struct isb_buf *out)
{
	isb_prom_total(out, "isobar_probe_loop_rounds_total", "Rounds of the loop on which everything happens.", look->rounds);
	isb_prom_gauge(out, "isobar_probe_checks_in_flight", "Checks under way.", (double)look->in_flight);
	isb_prom_gauge(out, "isobar_probe_checks_in_flight_max", "Checks that may be under way, --max-in-flight.",
	               (double)look->max_in_flight);
	isb_prom_gauge(out, "isobar_probe_checks_waiting", "Checks and feeds that wait for their time.", (double)look->waiting);
	isb_prom_gauge(out, "isobar_probe_endpoints", "Endpoints that are checked.", (double)look->endpoints);
	isb_prom_gauge(out, "isobar_probe_endpoints_silent", "Those of them from which nothing at all came back last time.",
	               (double)look->silent);
	isb_prom_gauge(out, "isobar_probe_feeds", "Endpoints that are asked for load or soft health beside their check.",
	               (double)look->feeds);
	isb_prom_gauge(out, "isobar_probe_blind", "1: nothing answers, and the probe's votes are withdrawn.", look->blind);
	isb_prom_gauge(out, "isobar_probe_ready", "1: /readyz says 200.", !look->unready.len);
	isb_prom_gauge(out, "isobar_probe_catalog_generation", "Generation of the catalog that is checked; 0: none yet.",
	               (double)look->generation);
}

/* --- Endpoints --- */

struct page {
	const struct isb_look *look;
	struct isb_txn *txn; /* NULL: no store, or it cannot be read */
	struct isb_buf *out;
	struct isb_buf pool; /* of the row at hand */
};

/* The pool stands in p->pool then; returns the endpoint's name within it. */
static const char *split(struct page *p, const struct isb_look_row *row)
{
	size_t len = strcspn(row->name, "/");
	isb_buf_reset(&p->pool);
	isb_buf_add(&p->pool, row->name, len);
	return row->name[len] ? row->name + len + 1 : "";
}

static void print_states(struct page *p)
{
	static const char name[] = "isobar_probe_endpoint_state";
	isb_prom_family(p->out, name, ISB_PROM_GAUGE, "1 beside what this probe sees of an endpoint: up, down or unknown.");
	for (size_t i = 0; i < p->look->nrow; i++) {
		const struct isb_look_row *row = &p->look->rows[i];
		const char *endpoint = split(p, row), *state = isb_verdict_name((enum isb_verdict)row->state);
		isb_prom_count(p->out, name,
		               ISB_PROM_LABELS({"pool", isb_buf_text(&p->pool)}, {"endpoint", endpoint}, {"state", state}), 1);
	}
}

static void print_verdicts(struct page *p)
{
	static const char name[] = "isobar_probe_endpoint_verdict";
	uint64_t word;
	if (!p->txn)
		return;
	isb_prom_family(p->out, name, ISB_PROM_GAUGE,
	                "1 beside what the quorum of all probes says of an endpoint: up, down, unknown or disputed.");
	for (size_t i = 0; i < p->look->nrow; i++) {
		const struct isb_look_row *row = &p->look->rows[i];
		const char *endpoint = split(p, row);
		if (isb_word_get(p->txn, row->slot, &word) == ISB_OK)
			isb_prom_count(p->out, name,
			               ISB_PROM_LABELS({"pool", isb_buf_text(&p->pool)}, {"endpoint", endpoint},
			                               {"verdict", isb_verdict_name(isb_health_unpack(word).verdict)}), 1);
	}
}

static void print_flaps(struct page *p)
{
	static const char name[] = "isobar_probe_endpoint_flaps_total";
	isb_prom_family(p->out, name, ISB_PROM_COUNTER, "Times that an endpoint went up or down, as this probe sees it.");
	for (size_t i = 0; i < p->look->nrow; i++) {
		const char *endpoint = split(p, &p->look->rows[i]);
		isb_prom_count(p->out, name, ISB_PROM_LABELS({"pool", isb_buf_text(&p->pool)}, {"endpoint", endpoint}),
		               p->look->rows[i].flaps);
	}
}

static void print_latencies(struct page *p)
{
	static const char name[] = "isobar_probe_endpoint_latency_seconds";
	isb_prom_family(p->out, name, ISB_PROM_GAUGE,
	                "Percentiles of what successful checks of an endpoint took within the last ten minutes or so.");
	for (size_t i = 0; i < p->look->nrow; i++) {
		const struct isb_look_row *row = &p->look->rows[i];
		const struct {
			const char *percentile;
			uint32_t us;
		} told[] = {{"50", row->p50_us}, {"95", row->p95_us}, {"99", row->p99_us}};
		const char *endpoint = split(p, row);
		for (size_t k = 0; row->p50_us && k < sizeof(told) / sizeof(told[0]); k++)
			isb_prom_real(p->out, name,
			              ISB_PROM_LABELS({"pool", isb_buf_text(&p->pool)}, {"endpoint", endpoint},
			                              {"percentile", told[k].percentile}), told[k].us / 1e6);
	}
}

static void print_ages(struct page *p)
{
	static const char name[] = "isobar_probe_endpoint_check_age_seconds";
	isb_prom_family(p->out, name, ISB_PROM_GAUGE, "Time since a check of an endpoint last said something of it.");
	for (size_t i = 0; i < p->look->nrow; i++) {
		const struct isb_look_row *row = &p->look->rows[i];
		const char *endpoint = split(p, row);
		if (row->observed_ms)
			isb_prom_real(p->out, name, ISB_PROM_LABELS({"pool", isb_buf_text(&p->pool)}, {"endpoint", endpoint}),
			              (double)(p->look->taken_ms - row->observed_ms) / 1000);
	}
}

/* --- Probes --- */

struct probes {
	struct page *page;
	const char *name; /* of the family */
	double (*value)(const struct page *page, const struct isb_probe_row *row);
	size_t left;
};

static int print_probe(void *arg, const struct isb_probe_row *row)
{
	struct probes *p = arg;
	isb_prom_real(p->page->out, p->name, ISB_PROM_LABELS({"probe", row->name}, {"region", row->region}),
	              p->value(p->page, row));
	return --p->left == 0;
}

static double seen_age(const struct page *page, const struct isb_probe_row *row)
{
	return (double)(page->look->taken_ms - row->seen_ms) / 1000;
}

static double seen_blind(const struct page *page, const struct isb_probe_row *row)
{
	(void)page;
	return row->blind;
}

static void print_probes(struct page *page, const char *name, const char *help,
                         double (*value)(const struct page *page, const struct isb_probe_row *row))
{
	struct probes probes = {page, name, value, ISB_LOOK_ROWS};
	if (!page->txn)
		return;
	isb_prom_family(page->out, name, ISB_PROM_GAUGE, help);
	isb_probe_each(page->txn, print_probe, &probes);
}

static void print_certificates(const struct isb_look *look, struct isb_buf *out)
{
	static const char name[] = "isobar_probe_certificate_left_seconds";
	const double day_s = 86400;
	isb_prom_family(out, name, ISB_PROM_GAUGE,
	                "Time until a certificate ends, in whole days: this probe's, and of those that are connected.");
	if (look->certificate_days != INT_MAX)
		isb_prom_real(out, name, ISB_PROM_LABELS({"of", "self"}), look->certificate_days * day_s);
	for (size_t i = 0; i < look->nremote; i++)
		if (look->remotes[i].certificate_days != INT_MAX)
			isb_prom_real(out, name, ISB_PROM_LABELS({"of", look->remotes[i].name}), look->remotes[i].certificate_days * day_s);
}

static void print_remotes(const struct isb_look *look, struct isb_buf *out)
{
	static const char name[] = "isobar_probe_remote_connected";
	if (!look->listens)
		return;
	isb_prom_gauge(out, "isobar_probe_remotes", "Probes in other regions that are connected.", (double)look->nremote);
	isb_prom_family(out, name, ISB_PROM_GAUGE, "1 beside a probe in another region that is connected.");
	for (size_t i = 0; i < look->nremote; i++)
		isb_prom_count(out, name, ISB_PROM_LABELS({"probe", look->remotes[i].name}, {"region", look->remotes[i].region}), 1);
	isb_prom_total(out, "isobar_probe_remotes_refused_total", "Connections that were turned away; the log says why.",
	               look->refused);
}

static void print_site(const struct isb_look *look, struct isb_buf *out)
{
	isb_prom_gauge(out, "isobar_probe_site_connected", "1: this probe reports to its site.", look->connected);
	isb_prom_total(out, "isobar_probe_site_lost_total", "Connections to the site that ended or did not come about.", look->lost);
	if (look->connected)
		isb_prom_gauge(out, "isobar_probe_site_heard_age_seconds", "Time since the site's last word.",
		               (double)look->heard_age_ms / 1000);
}

static void print_store(const struct isb_look *look, struct isb_buf *out)
{
	static const char report[] = "isobar_probe_report_duration_seconds", errors[] = "isobar_probe_store_errors_total";
	isb_prom_family(out, report, ISB_PROM_HISTOGRAM, "What writing observations and verdicts took, each a commit.");
	print_spans(out, report, NULL, &look->reports, true);
	isb_prom_family(out, errors, ISB_PROM_COUNTER, "Times that the store could not be read or written, by what for.");
	for (size_t i = 0; i < look->ntrouble; i++)
		isb_prom_count(out, errors, ISB_PROM_LABELS({"operation", look->troubles[i].operation}), look->troubles[i].count);
	isb_prom_gauge(out, "isobar_probe_catalog_replaced",
	               "1: another file stands in the catalog's place, and only a restart reads it.", look->replaced);
}

void isb_look_print(const struct isb_look *look, struct isb_store *store, struct isb_buf *out)
{
	struct page page = {.look = look, .out = out};
	if (store && isb_txn_begin(store, ISB_ENV_HEALTH, false, &page.txn) != ISB_OK)
		page.txn = NULL;
	print_outcomes(look, out);
	print_durations(look, out);
	print_work(look, out);
	print_states(&page);
	print_verdicts(&page);
	print_flaps(&page);
	print_latencies(&page);
	print_ages(&page);
	isb_prom_gauge(out, "isobar_probe_endpoints_left_out", "Endpoints that are checked and not told of on this page.",
	               (double)(look->endpoints - look->nrow));
	print_probes(&page, "isobar_probe_seen_age_seconds", "Time since a probe of this store, or connected to it, last reported.",
	             seen_age);
	print_probes(&page, "isobar_probe_seen_blind", "1: that probe says that it is blind.", seen_blind);
	print_certificates(look, out);
	print_remotes(look, out);
	if (look->remote)
		print_site(look, out);
	else
		print_store(look, out);
	isb_prom_program(out, "isobar-probe", look->started_ms);
	isb_txn_abort(page.txn);
	isb_buf_done(&page.pool);
}
