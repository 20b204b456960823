/* SPDX-License-Identifier: Apache-2.0 */
#include "counts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "control.h"
#include "events.h"
#include "isobar/base/prometheus.h"
#include "run.h"

enum { STATUSES = 600, BUCKETS = 9 };

/* Most verbs take milliseconds, an explain or a check of a large catalog seconds, a simulation minutes. */
static const double bounds[BUCKETS] = {0.005, 0.025, 0.1, 0.25, 1, 2.5, 10, 60, 600};

struct isb_counts {
	pthread_mutex_t lock;
	uint64_t *requests; /* by route, the last being none, and status */
	uint64_t buckets[BUCKETS]; /* cumulative */
	uint64_t count;
	double seconds;
};

struct isb_counts *isb_counts_new(void)
{
	struct isb_counts *counts = isb_xcalloc(1, sizeof(*counts));
	pthread_mutex_init(&counts->lock, NULL);
	counts->requests = isb_xcalloc((size_t)(isb_route_count() + 1) * STATUSES, sizeof(uint64_t));
	return counts;
}

void isb_counts_free(struct isb_counts *counts)
{
	if (!counts)
		return;
	pthread_mutex_destroy(&counts->lock);
	free(counts->requests);
	free(counts);
}

void isb_counts_add(struct isb_counts *counts, const struct isb_route *route, unsigned status, int64_t took_us)
{
	size_t row = route ? (size_t)(route - isb_routes) : isb_route_count();
	double seconds = (double)took_us / 1e6;
	pthread_mutex_lock(&counts->lock);
	counts->requests[row * STATUSES + (status < STATUSES ? status : 0)]++;
	for (size_t i = 0; i < BUCKETS; i++)
		counts->buckets[i] += seconds <= bounds[i];
	counts->count++;
	counts->seconds += seconds;
	pthread_mutex_unlock(&counts->lock);
}

static void print_requests(const struct isb_counts *counts, struct isb_buf *out)
{
	static const char name[] = "isobar_control_requests_total";
	char code[16];
	isb_prom_family(out, name, ISB_PROM_COUNTER, "Requests answered, by route and status.");
	for (unsigned row = 0; row <= isb_route_count(); row++)
		for (unsigned status = 0; status < STATUSES; status++) {
			uint64_t n = counts->requests[row * STATUSES + status];
			const struct isb_route *route = &isb_routes[row];
			if (!n)
				continue;
			snprintf(code, sizeof(code), "%u", status);
			isb_prom_count(out, name,
			               ISB_PROM_LABELS({"method", route->method ? route->method : "none"},
			                               {"route", route->method ? route->path : "none"}, {"code", code}),
			               n);
		}
}

void isb_counts_print(struct isb_control *control, struct isb_buf *out)
{
	struct isb_counts *counts = control->counts;
	pthread_mutex_lock(&counts->lock);
	print_requests(counts, out);
	struct isb_prom_histogram took = {.bound = bounds, .cumulative = counts->buckets, .n = BUCKETS,
	                                  .count = counts->count, .sum = counts->seconds};
	isb_prom_family(out, "isobar_control_request_duration_seconds", ISB_PROM_HISTOGRAM,
	                "From the whole request to its answer being ready.");
	isb_prom_histogram(out, "isobar_control_request_duration_seconds", NULL, &took);
	pthread_mutex_unlock(&counts->lock);
	isb_prom_family(out, "isobar_control_verbs_running", ISB_PROM_GAUGE, "Command lines that run for requests now.");
	isb_prom_count(out, "isobar_control_verbs_running", NULL, isb_runner_running(control->runner));
	isb_prom_family(out, "isobar_control_event_listeners", ISB_PROM_GAUGE, "Streams of /v1/events that are open.");
	isb_prom_count(out, "isobar_control_event_listeners", NULL, isb_events_listeners(control->events));
	isb_prom_family(out, "isobar_control_auth_failures_total", ISB_PROM_COUNTER, "Requests with a wrong token.");
	isb_prom_count(out, "isobar_control_auth_failures_total", NULL, isb_guard_failures(control->guard));
	isb_prom_family(out, "isobar_build_info", ISB_PROM_GAUGE, "What runs here; always 1.");
	isb_prom_count(out, "isobar_build_info",
	               ISB_PROM_LABELS({"program", "isobar-control"}, {"version", ISB_VERSION}), 1);
}
