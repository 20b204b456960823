/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/store/healthdb.h"
#include "metrics_parts.h"

static int take_newest(void *arg, const struct isb_probe_row *row)
{
	int64_t *newest_ms = arg;
	if (row->seen_ms > *newest_ms)
		*newest_ms = row->seen_ms;
	return 0;
}

/* Every probe writes that it is there, every second or so. NAN: there is none, or it cannot be read. */
static double health_age_s(const struct isb_page *page)
{
	struct isb_txn *txn;
	int64_t newest_ms = 0;
	if (isb_txn_begin(page->from->store, ISB_ENV_HEALTH, false, &txn) != ISB_OK)
		return NAN;
	isb_probe_each(txn, take_newest, &newest_ms);
	isb_txn_abort(txn);
	return newest_ms ? (double)(page->now_ms - newest_ms) / 1000 : NAN;
}

static void print_catalog(struct isb_page *page)
{
	struct isb_watch_state watch;
	isb_watch_look(page->from->watch, &watch);
	isb_page_gauge(page, "isobar_dns_catalog_generation", "Generation of the catalog that is answered from.",
	               (double)page->view->generation);
	isb_page_gauge(page, "isobar_dns_zones", "Zones.", (double)page->view->nzone);
	isb_page_gauge(page, "isobar_dns_records", "Records.", (double)page->view->nrecord);
	isb_page_total(page, "isobar_dns_view_builds_total", "Views that were built of an edit, a geo database or round trips, or could not be.",
	               watch.tried);
	isb_page_total(page, "isobar_dns_view_refused_total", "Those that could not be; the log says why.", watch.refused);
	isb_page_gauge(page, "isobar_dns_view_outdated", "1: the newest one could not be, and an older catalog is answered from.",
	               watch.refuses);
	isb_page_gauge(page, "isobar_dns_view_build_seconds", "What building the view in use took.", (double)watch.build_us / 1e6);
	isb_page_gauge(page, "isobar_dns_view_timestamp_seconds", "When the view in use was put in place.",
	               (double)watch.built_ms / 1000);
	isb_page_gauge(page, "isobar_dns_catalog_replaced",
	               "1: another file stands in the catalog's place, and only a restart reads it.", watch.replaced);
	isb_page_gauge(page, "isobar_dns_geo_timestamp_seconds", "When the oldest geo database in use was built; 0: there is none.",
	               (double)watch.geo_built_ms / 1000);
}

static void print_health(struct isb_page *page)
{
	isb_page_gauge(page, "isobar_dns_health_generation", "Generation of the health data; 0: it cannot be read.",
	               (double)page->health_generation);
	isb_page_gauge(page, "isobar_dns_health_age_seconds", "Time since a probe last wrote; NaN: none ever did.", health_age_s(page));
	isb_page_gauge(page, "isobar_dns_health_unattended", "1: no probe is there, and checked endpoints count as unknown.",
	               page->health.unattended);
}

static void print_store(struct isb_page *page)
{
	static const char *const envs[ISB_ENV_COUNT] = {"catalog", "health", "latency"};
	static const struct {
		const char *name, *help;
	} metrics[] = {{"isobar_dns_store_readers", "Places in a file's table of readers that are or were in use."},
	               {"isobar_dns_store_readers_max", "Places that there are."},
	               {"isobar_dns_store_used_bytes", "Octets of a file that hold data or did."},
	               {"isobar_dns_store_map_bytes", "Octets that a file may have."}};
	for (unsigned m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
		isb_prom_family(page->out, metrics[m].name, ISB_PROM_GAUGE, metrics[m].help);
		for (enum isb_env env = 0; env < ISB_ENV_COUNT; env++) {
			struct isb_store_use use;
			if (isb_store_look(page->from->store, env, &use) != ISB_OK)
				continue;
			const uint64_t values[] = {use.readers, use.readers_max, use.used, use.map};
			isb_prom_count(page->out, metrics[m].name, ISB_PROM_LABELS({"file", envs[env]}), values[m]);
		}
	}
}

static void print_flows(struct isb_page *page)
{
	static const char name[] = "isobar_dns_clients_answers_estimated_total";
	struct isb_flows *flows = page->from->clients ? isb_clients_flows(page->from->clients) : NULL;
	struct isb_flow *list = isb_xcalloc(ISB_FLOW_REGIONS, sizeof(*list));
	unsigned count = flows ? isb_flows_list(flows, list) : 0;
	isb_prom_family(page->out, name, ISB_PROM_COUNTER,
	                "Steered answers by the continent of the client and the region it was sent to, an estimate: one of 64 is looked at.");
	for (unsigned i = 0; i < count; i++)
		for (unsigned c = 0; c < ISB_CONTINENTS; c++)
			if (list[i].answers[c])
				isb_prom_count(page->out, name,
				               ISB_PROM_LABELS({"continent", isb_continent_codes[c]}, {"region", list[i].region}),
				               list[i].answers[c]);
	free(list);
}

static void print_process(struct isb_page *page)
{
	static const char workers[] = "isobar_dns_workers";
	static const char *const kinds[ISB_WORKER_KINDS] = {"udp", "udp6", "tcp"};
	isb_prom_family(page->out, workers, ISB_PROM_GAUGE, "Threads that answer, by what they serve.");
	for (enum isb_worker_kind kind = 0; kind < ISB_WORKER_KINDS; kind++) {
		uint64_t count = 0;
		for (size_t i = 0; i < page->from->nworker; i++)
			count += page->from->workers[i]->kind == kind;
		isb_prom_count(page->out, workers, ISB_PROM_LABELS({"kind", kinds[kind]}), count);
	}
	isb_page_gauge(page, "isobar_dns_ready", "1: /readyz says 200.", page->ready);
	isb_page_gauge(page, "isobar_dns_draining", "1: told to stop, and answering until --drain is over.", page->draining);
	isb_prom_program(page->out, "isobard", page->from->started_ms);
}

void isb_page_state(struct isb_page *page)
{
	print_catalog(page);
	print_health(page);
	print_store(page);
	print_flows(page);
	print_process(page);
}
