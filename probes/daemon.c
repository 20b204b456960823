/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/base/rng.h"
#include "isobar/base/sdnotify.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/healthdb.h"
#include "alias.h"
#include "measure.h"
#include "metrics.h"
#include "report.h"
#include "runner.h"
#include "site.h"
#include "sweep.h"

enum {
	TICK_MS = 1000,    /* judge again, heartbeat, look at the catalog */
	SYNC_TICKS = 5,
	CLEAN_TICKS = 60,
	FOLLOW_MS = 250,   /* a burst of edits is planned for at most this often */
	WRITE_PATIENCE_MS = 2000, WRITE_LOOK_MS = 20 /* at the end, for round trips that are being written */
};

struct daemon {
	const struct isb_probe_options *options;
	struct isb_store *store;
	uv_loop_t loop;
	uv_timer_t tick;
	uv_prepare_t flush;
	uv_fs_event_t watch;
	uv_signal_t term, interrupt;
	uv_work_t sync;
	struct isb_runner runner;
	struct isb_resolver *resolver;
	struct isb_aliases aliases;
	struct isb_report report;
	struct isb_site *site; /* NULL: no probes in other regions */
	struct isb_probe_metrics *metrics; /* NULL: nobody is told */
	struct isb_measure *measure; /* NULL: the way to clients is not measured */
	struct isb_txn *catalog_txn; /* while the catalog is being followed */
	uint64_t seen_txn, generation;
	int64_t followed; /* monotonic */
	unsigned ticks;
	bool blind, syncing;
	struct isb_spans reports;
	uint64_t rounds;
	int64_t started_ms;
	struct trouble { /* what went wrong last time, so that it is said once and not every second */
		int rc;
		int64_t since_ms;
		uint64_t count; /* of failures */
	} report_trouble, alias_trouble, catalog_trouble, sync_trouble, sweep_trouble;
	int synced;           /* what the last sync came to */
	struct stat catalog;  /* the file, as it was opened */
	bool replaced;        /* another one stands in its place; said once */
};

static int64_t monotonic_ms(void)
{
	return isb_monotonic_us() / 1000;
}

/* --- What goes wrong --- */

/* The first failure, one of another kind and the end of them: nobody reads the same line every second. */
static void note_trouble(struct trouble *trouble, const char *event, int rc, const char *meaning)
{
	int64_t now_ms = isb_clock_ms();
	trouble->count += rc != ISB_OK;
	if (rc == trouble->rc)
		return;
	if (rc != ISB_OK)
		isb_log(ISB_LOG_ERROR, event, "error=\"%s\" %s", isb_strerror(rc), meaning);
	else
		isb_log(ISB_LOG_INFO, event, "over after_s=%" PRIi64, (now_ms - trouble->since_ms) / 1000);
	if (trouble->rc == ISB_OK)
		trouble->since_ms = now_ms;
	trouble->rc = rc;
}

/* --- Names that ALIAS gives --- */

static void ask_for_aliases(struct daemon *d)
{
	struct isb_alias_host *host;
	while ((host = isb_aliases_take(&d->aliases, monotonic_ms(), isb_clock_ms())))
		isb_resolver_ask(d->resolver, host->name, host);
}

static void on_resolved(void *arg, void *item, const struct isb_resolve_result *result)
{
	struct daemon *d = arg;
	int rc = isb_aliases_record(&d->aliases, item, result, monotonic_ms(), isb_clock_ms());
	note_trouble(&d->alias_trouble, "alias-not-written", rc, "the last addresses stay");
}

static void follow_aliases(struct daemon *d, const struct isb_catalog *catalog)
{
	int rc = isb_aliases_update(&d->aliases, catalog, d->catalog_txn, monotonic_ms());
	if (rc != ISB_OK)
		isb_log(ISB_LOG_ERROR, "aliases-not-cleared", "error=\"%s\"", isb_strerror(rc));
	ask_for_aliases(d);
}

/* --- Reports --- */

static void report(struct daemon *d, bool all)
{
	d->runner.urgent = false; /* after a failure the next tick tries again */
	d->report.hold = d->site && isb_site_awaits(d->site, isb_clock_ms());
	int64_t begun_us = isb_monotonic_us();
	int rc = isb_report_write(&d->report, &d->runner.schedule, all, isb_clock_ms());
	isb_spans_add(&d->reports, isb_monotonic_us() - begun_us);
	note_trouble(&d->report_trouble, "report-failed", rc, "verdicts stay and grow old; tried again every second");
	bool blind = isb_schedule_blind(&d->runner.schedule);
	if (blind != d->blind)
		isb_log(ISB_LOG_WARNING, blind ? "probe-blind" : "probe-sees", "endpoints=%zu silent=%zu",
		        d->runner.schedule.count, d->runner.schedule.silent);
	d->blind = blind;
}

/* Everything that ended in one round of the loop is one transaction, before the loop sleeps. */
static void on_flush(uv_prepare_t *prepare)
{
	struct daemon *d = prepare->data;
	d->rounds++;
	bool told = d->site && isb_site_merge(d->site, isb_clock_ms());
	if (d->runner.urgent || told)
		report(d, false);
}

static void sync_work(uv_work_t *work)
{
	struct daemon *d = work->data;
	d->synced = isb_health_sync(d->store);
}

static void sync_done(uv_work_t *work, int status)
{
	struct daemon *d = work->data;
	d->syncing = false;
	if (status == 0)
		note_trouble(&d->sync_trouble, "sync-failed", d->synced, "a power failure may cost what was written since");
}

/* --- The catalog --- */

static bool find_slot(void *arg, const char *pool, const char *endpoint, uint32_t *ret_slot)
{
	struct daemon *d = arg;
	int rc = isb_slot_get(d->catalog_txn, pool, endpoint, ret_slot);
	if (rc != ISB_OK)
		isb_log(ISB_LOG_ERROR, "endpoint-without-slot", "endpoint=%s/%s error=\"%s\"", pool, endpoint,
		        isb_strerror(rc));
	return rc == ISB_OK;
}

static void retire(void *arg, struct isb_target *target, bool gone)
{
	struct daemon *d = arg;
	isb_runner_drop(&d->runner, target);
	if (gone)
		isb_report_withdraw(&d->report, target->slot);
}

/* New targets take back what this probe knew of them, so that a restart or an edit does not flap. */
static void enter_new_targets(struct daemon *d)
{
	struct isb_txn *health = NULL;
	int rc = isb_txn_begin(d->store, ISB_ENV_HEALTH, false, &health);
	if (rc != ISB_OK)
		isb_log(ISB_LOG_ERROR, "observations-lost", "error=\"%s\"", isb_strerror(rc));
	for (size_t i = 0; i < d->runner.schedule.count; i++) {
		struct isb_target *t = d->runner.schedule.targets[i];
		if (t->place != ISB_NOT_QUEUED || t->run)
			continue;
		if (health && t->history.state == ISB_UNKNOWN)
			isb_report_restore(&d->report, health, t);
		isb_schedule_enter(&d->runner.schedule, t, monotonic_ms(), isb_clock_ms());
	}
	isb_txn_abort(health);
}

static void log_diags(const struct isb_diags *diags)
{
	for (const struct isb_diag *g = diags->list; g < diags->list + diags->count; g++)
		isb_log(ISB_LOG_ERROR, "catalog-unreadable", "at=%s line=%u text=\"%s\"", g->at.file ? g->at.file : "-",
		        g->at.line, g->text);
}

static void take_catalog(struct daemon *d, uint64_t generation, const struct isb_catalog *catalog)
{
	struct isb_schedule_source source = {find_slot, retire, d};
	isb_schedule_update(&d->runner.schedule, catalog, &source, monotonic_ms());
	enter_new_targets(d);
	follow_aliases(d, catalog);
	int rc = isb_guards_load(&d->report.guards, d->catalog_txn, catalog);
	if (rc != ISB_OK)
		isb_log(ISB_LOG_ERROR, "rollouts-unreadable", "error=\"%s\" the rest of them is not guarded", isb_strerror(rc));
	d->generation = generation;
	if (d->measure)
		isb_measure_follow(d->measure, catalog);
	if (d->site)
		isb_site_offer(d->site, catalog, generation);
	isb_log(ISB_LOG_INFO, "catalog-loaded", "generation=%" PRIu64 " endpoints=%zu", generation, d->runner.schedule.count);
	if (*d->options->region && !isb_catalog_region(catalog, d->options->region))
		isb_log(ISB_LOG_WARNING, "region-unknown",
		        "region=%s reason=\"not in the catalog; its round trips are used once it is added\"",
		        d->options->region);
}

/* A catalog that cannot be read leaves the schedule as it is. */
static int load_catalog(struct daemon *d)
{
	uint64_t generation = isb_generation(d->catalog_txn);
	if (generation == d->generation)
		return ISB_OK;
	struct isb_catalog catalog;
	struct isb_diags diags;
	isb_catalog_init(&catalog);
	isb_diags_init(&diags);
	int rc = isb_catalog_load(d->catalog_txn, &catalog, &diags);
	if (rc == ISB_OK)
		take_catalog(d, generation, &catalog);
	else
		log_diags(&diags);
	isb_diags_done(&diags);
	isb_catalog_done(&catalog);
	return rc;
}

static void follow_catalog(struct daemon *d)
{
	uint64_t newest = isb_store_last_txn_id(d->store, ISB_ENV_CATALOG);
	if (newest == d->seen_txn)
		return;
	int rc = isb_txn_begin(d->store, ISB_ENV_CATALOG, false, &d->catalog_txn);
	if (rc == ISB_OK) {
		newest = isb_txn_id(d->catalog_txn);
		rc = load_catalog(d);
		isb_txn_abort(d->catalog_txn);
		d->catalog_txn = NULL;
	}
	if (rc == ISB_OK || rc == ISB_EFORMAT) /* else the store could not be read this time, and the next tick tries again */
		d->seen_txn = newest;
	note_trouble(&d->catalog_trouble, "catalog-not-loaded", rc, "the last one stays");
	d->followed = monotonic_ms();
	isb_runner_launch(&d->runner);
}

static void on_watch(uv_fs_event_t *watch, const char *path, int events, int status)
{
	(void)path, (void)events, (void)status;
	struct daemon *d = watch->data;
	if (monotonic_ms() - d->followed >= FOLLOW_MS) /* else the next tick sees it */
		follow_catalog(d);
}

/* What is mapped is the file that was opened: who reads the new one sees nothing of what is written here. */
static void check_file(struct daemon *d)
{
	struct stat now;
	const char *path = isb_store_path(d->store, ISB_ENV_CATALOG);
	bool same = stat(path, &now) == 0 && now.st_dev == d->catalog.st_dev && now.st_ino == d->catalog.st_ino;
	if (!same && !d->replaced)
		isb_log(ISB_LOG_ERROR, "catalog-replaced",
		        "file=\"%s\" reason=\"removed, or another file stands in its place; restart isobar-probe to read that\"",
		        path);
	d->replaced = !same;
}

static void sweep(struct daemon *d)
{
	struct isb_swept swept = {0};
	if (!d->generation)
		return; /* nothing is tested before a catalog was read */
	int rc = isb_sweep(d->store, &d->runner.schedule, d->options->name, isb_clock_ms(), &swept);
	note_trouble(&d->sweep_trouble, "sweep-failed", rc, "what is gone stays listed; tried again every minute");
	if (swept.observations || swept.probes)
		isb_log(ISB_LOG_INFO, "swept", "observations=%zu probes=%zu", swept.observations, swept.probes);
}

/* --- What others are told --- */

static void look(void *arg, struct isb_look *look)
{
	const struct daemon *d = arg;
	const struct {
		const char *operation;
		const struct trouble *trouble;
	} troubles[] = {{"report", &d->report_trouble}, {"aliases", &d->alias_trouble}, {"catalog", &d->catalog_trouble},
	                {"sync", &d->sync_trouble},     {"sweep", &d->sweep_trouble}};
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
		isb_look_add_trouble(look, troubles[i].operation, troubles[i].trouble->count);
	look->started_ms = d->started_ms;
	look->rounds = d->rounds;
	look->generation = d->generation;
	look->reports = d->reports;
	look->replaced = d->replaced;
	if (!d->generation)
		isb_buf_puts(&look->unready, "no catalog was read yet, so nothing is checked\n");
	if (d->report_trouble.rc != ISB_OK)
		isb_buf_printf(&look->unready, "cannot write what it sees into the store: %s\n", isb_strerror(d->report_trouble.rc));
	isb_look_at_runner(look, &d->runner);
	if (d->site)
		isb_site_look(d->site, look);
}

static bool open_metrics(struct daemon *d)
{
	return !d->options->nmetrics ||
	       isb_probe_metrics_new(&d->loop, d->options, d->store, look, d, &d->metrics) == ISB_OK;
}

/* --- Life --- */

static void on_tick(uv_timer_t *timer)
{
	struct daemon *d = timer->data;
	d->ticks++;
	follow_catalog(d);
	ask_for_aliases(d);
	if (d->site)
		isb_site_tick(d->site);
	if (d->measure)
		isb_measure_tick(d->measure);
	report(d, true);
	if (d->ticks % SYNC_TICKS == 0 && !d->syncing) /* on another thread: a slow disk must not delay deadlines */
		d->syncing = uv_queue_work(&d->loop, &d->sync, sync_work, sync_done) == 0;
	check_file(d);
	if (d->ticks % CLEAN_TICKS == 0) {
		isb_store_clean(d->store);
		sweep(d);
	}
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *d = handle->data;
	isb_log(ISB_LOG_INFO, "stopping", "signal=%s", number == SIGTERM ? "SIGTERM" : "SIGINT");
	isb_sdnotify("STOPPING=1");
	uv_stop(&d->loop);
}

static int open_loop(struct daemon *d, uint64_t boot)
{
	int rc = uv_loop_init(&d->loop);
	if (rc == 0 && isb_runner_init(&d->runner, &d->loop, d->options, boot) != ISB_OK)
		rc = UV_ENOMEM;
	if (rc == 0 && isb_resolver_new(&d->loop, d->options->resolver, on_resolved, d, &d->resolver) != ISB_OK) {
		isb_log(ISB_LOG_ERROR, "resolver-failed", "servers=\"%s\"",
		        d->options->resolver ? d->options->resolver : "/etc/resolv.conf");
		return UV_EINVAL;
	}
	if (rc != 0) {
		isb_log(ISB_LOG_ERROR, "loop-failed", "error=\"%s\"", uv_strerror(rc));
		return rc;
	}
	uv_timer_init(&d->loop, &d->tick);
	uv_prepare_init(&d->loop, &d->flush);
	uv_fs_event_init(&d->loop, &d->watch);
	uv_signal_init(&d->loop, &d->term);
	uv_signal_init(&d->loop, &d->interrupt);
	d->tick.data = d->flush.data = d->watch.data = d;
	d->term.data = d->interrupt.data = d->sync.data = d;
	uv_timer_start(&d->tick, on_tick, TICK_MS, TICK_MS);
	uv_prepare_start(&d->flush, on_flush);
	uv_signal_start(&d->term, on_signal, SIGTERM);
	uv_signal_start(&d->interrupt, on_signal, SIGINT);
	rc = uv_fs_event_start(&d->watch, on_watch, isb_store_path(d->store, ISB_ENV_CATALOG), 0);
	if (rc != 0)
		isb_log(ISB_LOG_WARNING, "catalog-not-watched", "error=\"%s\" edits are noticed within a second",
		        uv_strerror(rc));
	return 0;
}

/* Before the first report: it reads who reported until the last process stopped. */
static bool open_site(struct daemon *d)
{
	return !*d->options->listen.host ||
	       isb_site_new(&d->loop, d->options, d->store, &d->runner.schedule, &d->site) == ISB_OK;
}

/* A round trip is one between a network and a region: without a region there is nothing to measure. */
static void open_measure(struct daemon *d)
{
	const struct isb_probe_options *o = d->options;
	if (!o->measure.socket)
		return;
	if (!*o->region)
		isb_log(ISB_LOG_WARNING, "measure-off", "reason=\"a probe without --region measures nothing\"");
	else if (isb_measure_new(&d->loop, d->store, o->region, &o->measure, &d->measure) != ISB_OK)
		isb_log(ISB_LOG_ERROR, "measure-off", "reason=\"%s\"", isb_strerror(ISB_ENOMEM));
}

/* Usually moments; but an import may hold the round trips for as long as it likes. Then this batch is given up. */
static void give_time_to_write(struct daemon *d)
{
	for (int i = 0; i < WRITE_PATIENCE_MS / WRITE_LOOK_MS && isb_measure_is_writing(d->measure); i++) {
		uv_run(&d->loop, UV_RUN_NOWAIT);
		usleep(WRITE_LOOK_MS * 1000);
	}
}

static void close_loop(struct daemon *d)
{
	uv_handle_t *handles[] = {(uv_handle_t *)&d->tick,  (uv_handle_t *)&d->flush,
	                          (uv_handle_t *)&d->watch, (uv_handle_t *)&d->term, (uv_handle_t *)&d->interrupt};
	isb_probe_metrics_close(d->metrics);
	isb_runner_close(&d->runner);
	isb_resolver_close(d->resolver);
	isb_site_close(d->site);
	isb_measure_close(d->measure);
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		uv_close(handles[i], NULL);
	uv_cancel((uv_req_t *)&d->sync);
	while (d->syncing)
		uv_run(&d->loop, UV_RUN_ONCE);
	give_time_to_write(d);
	uv_run(&d->loop, UV_RUN_NOWAIT);
	uv_run(&d->loop, UV_RUN_NOWAIT);
}

int isb_probe_run(struct isb_store *store, const struct isb_probe_options *options)
{
	struct daemon *d = isb_xcalloc(1, sizeof(*d));
	uint64_t boot = isb_random_seed();
	d->options = options;
	d->store = store;
	d->started_ms = isb_clock_ms();
	stat(isb_store_path(store, ISB_ENV_CATALOG), &d->catalog); /* gone already: the first tick says so */
	if (open_loop(d, boot) != 0) {
		free(d);
		return EXIT_FAILURE;
	}
	isb_aliases_init(&d->aliases, store, options->name);
	isb_report_init(&d->report, store, options->name, options->region, boot, d->started_ms);
	isb_log(ISB_LOG_INFO, "probe-started", "name=%s region=%s store=%s", options->name,
	        *options->region ? options->region : "-", options->store);
	int status = EXIT_FAILURE;
	if (open_site(d) && open_metrics(d)) {
		open_measure(d);
		follow_catalog(d);
		report(d, true);
		isb_sdnotify("READY=1");
		uv_run(&d->loop, UV_RUN_DEFAULT);
		report(d, false);
		status = EXIT_SUCCESS;
	}
	close_loop(d);
	isb_health_sync(store);
	isb_aliases_done(&d->aliases);
	isb_report_done(&d->report);
	if (uv_loop_close(&d->loop) != 0) {
		/* A name lookup or a write hangs in its thread, and leaving through exit() would wait for it. */
		if (!isb_measure_is_writing(d->measure))
			isb_store_close(store);
		_exit(status);
	}
	isb_runner_done(&d->runner);
	isb_resolver_free(d->resolver);
	isb_site_free(d->site);
	isb_measure_free(d->measure);
	isb_probe_metrics_free(d->metrics);
	free(d);
	return status;
}
