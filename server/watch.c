/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/healthdb.h"
#include "isobar/view/geodb.h"

enum {
	TICK_MS = 1000, /* inotify tells sooner; the tick is for file systems that do not */
	SOON_STEP_MS = 2, /* how often a commit under way is looked for … */
	SOON_TRIES = 1000, /* … and for how long: a slow disk may take seconds */
	RTT_TICKS = 10,
	CLEAN_TICKS = 60,
	PACE = 10, /* see check_cells() */
	UNREADABLE_US = 60 * 1000 * 1000, /* how long samples that could not be read are left alone */
	TRIM_US = 100 * 1000, /* a build that took longer has used much more memory than its view keeps */
};

struct isb_watch {
	struct isb_store *store;
	struct isb_live *live;
	struct isb_ledger *ledger;
	char *default_geo; /* STORE/geo.mmdb, what geo points to when no path was given */
	const char *const *geo;
	size_t ngeo;
	struct isb_geodb *geodb; /* NULL: none */
	uint64_t geo_seen;  /* stamp of the files at the last look */
	uint64_t geo_tried; /* stamp of those that were opened last, or could not be */
	bool geo_refused;   /* they could not be; that was said once */
	bool geo_waits;     /* they are good, but the catalog is refused and no view can be built with them */
	struct isb_cells *cells; /* the clients' round trips; NULL: could not be read yet */
	struct isb_view *view;   /* the one in `live` */
	uint64_t txn_id, generation; /* of the catalog that was tried last */
	uint64_t rtt_sum;            /* of the round trips between regions that were used last */
	uint64_t cells_txn_id;       /* of the samples that were read last */
	int64_t cells_next_us;       /* monotonic: not to be read again before */
	uint64_t health_txn_id;      /* of the snapshot that resolved names were read from last */
	bool refused;                /* that catalog could not be built */
	bool unreadable;             /* the store could not even be read; said once */
	struct stat file;            /* of the catalog, as it was opened */
	bool replaced;               /* another file stands in its place; said once */
	bool running;
	atomic_bool stop;
	struct {
		_Atomic uint64_t tried, refused;
		atomic_bool refuses, replaced;
		_Atomic int64_t build_us, built_ms, geo_built_ms;
	} told; /* to isb_watch_look(); relaxed: each is right by itself */
	unsigned ticks;
	uv_loop_t loop;
	uv_async_t wake;
	uv_fs_event_t changed;
	uv_timer_t tick, soon;
	unsigned soon_tries;
	uv_thread_t thread;
};

/* --- Building --- */

static void log_refused(const char *event, const struct isb_diags *diags)
{
	for (size_t i = 0; i < diags->count; i++) {
		const struct isb_diag *d = &diags->list[i];
		if (d->at.line)
			isb_log(ISB_LOG_ERROR, event, "at=\"%s:%u:%u\" reason=\"%s\"", d->at.file ? d->at.file : "",
			        d->at.line, d->at.column, d->text);
		else if (d->at.file)
			isb_log(ISB_LOG_ERROR, event, "at=\"%s\" reason=\"%s\"", d->at.file, d->text);
		else
			isb_log(ISB_LOG_ERROR, event, "reason=\"%s\"", d->text);
	}
	if (diags->dropped)
		isb_log(ISB_LOG_ERROR, event, "reason=\"... and %zu more\"", diags->dropped);
}

static void swap(struct isb_watch *watch, struct isb_view *view, int64_t start_us)
{
	if (watch->ledger)
		isb_ledger_open(watch->ledger, watch->view, view);
	struct isb_view *old = isb_live_swap(watch->live, view);
	watch->view = view;
	if (watch->ledger && old)
		isb_ledger_close(watch->ledger, old, view);
	isb_view_free(old);
	int64_t took_us = isb_monotonic_us() - start_us;
	atomic_store_explicit(&watch->told.build_us, took_us, memory_order_relaxed);
	atomic_store_explicit(&watch->told.built_ms, isb_clock_ms(), memory_order_relaxed);
	isb_log(ISB_LOG_INFO, "view-swapped", "generation=%" PRIu64 " zones=%zu records=%zu build_ms=%.1f",
	        view->generation, view->nzone, view->nrecord, (double)took_us / 1000);
	if (took_us >= TRIM_US)
		malloc_trim(0);
}

/* Both or none: without health the names that ALIAS gives would have no addresses. */
static int begin(struct isb_watch *watch, struct isb_diags *diags, struct isb_txn **catalog, struct isb_txn **health)
{
	enum isb_env which = ISB_ENV_CATALOG;
	int rc = isb_txn_begin(watch->store, which, false, catalog);
	if (rc == ISB_OK) {
		which = ISB_ENV_HEALTH;
		rc = isb_txn_begin(watch->store, which, false, health);
		if (rc != ISB_OK)
			isb_txn_abort(*catalog);
	}
	watch->unreadable = rc != ISB_OK;
	if (rc != ISB_OK)
		isb_diag(diags, (struct isb_mark){0}, "cannot read '%s': %s", isb_store_path(watch->store, which),
		         isb_strerror(rc));
	return rc;
}

/* Builds a view of the catalog as it is now and swaps it in. Not `always`: only if the generation moved since the last
 * try, whatever came of that. */
static int build(struct isb_watch *watch, const struct isb_geodb *geodb, bool always, struct isb_diags *diags)
{
	int64_t start_us = isb_monotonic_us();
	struct isb_txn *catalog, *health;
	int rc = begin(watch, diags, &catalog, &health);
	if (rc != ISB_OK)
		return rc;
	uint64_t generation = isb_generation(catalog);
	bool moved = generation != watch->generation;
	watch->txn_id = isb_txn_id(catalog);
	watch->generation = generation;
	if (!moved && !always) {
		isb_txn_abort(health);
		isb_txn_abort(catalog);
		return ISB_OK;
	}
	watch->rtt_sum = isb_view_rtt_sum(health);
	struct isb_view *view;
	const struct isb_view_sources from = {.catalog = catalog, .health = health, .cells = watch->cells, .geodb = geodb};
	rc = isb_view_build(&from, watch->view, diags, &view);
	isb_txn_abort(health);
	isb_txn_abort(catalog);
	watch->refused = rc != ISB_OK;
	atomic_fetch_add_explicit(&watch->told.tried, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&watch->told.refused, rc != ISB_OK, memory_order_relaxed);
	atomic_store_explicit(&watch->told.refuses, rc != ISB_OK, memory_order_relaxed);
	if (rc == ISB_OK)
		swap(watch, view, start_us);
	return rc;
}

static int rebuild(struct isb_watch *watch, const struct isb_geodb *geodb, bool always)
{
	struct isb_diags diags;
	bool was_unreadable = watch->unreadable;
	isb_diags_init(&diags);
	int rc = build(watch, geodb, always, &diags);
	if (rc != ISB_OK && !(was_unreadable && watch->unreadable)) {
		log_refused("view-refused", &diags);
		isb_log(ISB_LOG_ERROR, "view-kept", "generation=%" PRIu64 " refused=%" PRIu64, watch->view->generation,
		        watch->generation);
	}
	isb_diags_done(&diags);
	return rc;
}

/* --- What may have moved --- */

/* False: there is no new snapshot. */
static bool check_catalog(struct isb_watch *watch)
{
	if (isb_store_last_txn_id(watch->store, ISB_ENV_CATALOG) == watch->txn_id)
		return false;
	rebuild(watch, watch->geodb, false);
	return true;
}

/* What is mapped is the file that was opened: one that was renamed into its place will never be seen. */
static void check_file(struct isb_watch *watch)
{
	struct stat now;
	const char *path = isb_store_path(watch->store, ISB_ENV_CATALOG);
	bool same = stat(path, &now) == 0 && now.st_dev == watch->file.st_dev && now.st_ino == watch->file.st_ino;
	if (!same && !watch->replaced)
		isb_log(ISB_LOG_ERROR, "catalog-replaced",
		        "file=\"%s\" reason=\"removed, or another file stands in its place; restart isobard to read that\"", path);
	watch->replaced = !same;
	atomic_store_explicit(&watch->told.replaced, !same, memory_order_relaxed);
}

/* Without a geo map no answer depends on round trips. A catalog that was refused is not tried again for them. */
static void check_rtts(struct isb_watch *watch)
{
	struct isb_txn *health;
	if (!watch->view->plan->nmap || watch->refused ||
	    isb_txn_begin(watch->store, ISB_ENV_HEALTH, false, &health) != ISB_OK)
		return;
	uint64_t sum = isb_view_rtt_sum(health);
	isb_txn_abort(health);
	if (sum != watch->rtt_sum)
		rebuild(watch, watch->geodb, true);
}

/* Names that ALIAS gives: new addresses make a new view, a new TTL is only taken over. */
static void check_hosts(struct isb_watch *watch)
{
	struct isb_txn *health;
	uint64_t newest = isb_store_last_txn_id(watch->store, ISB_ENV_HEALTH);
	if (!watch->view->nhost || watch->refused || newest == watch->health_txn_id ||
	    isb_txn_begin(watch->store, ISB_ENV_HEALTH, false, &health) != ISB_OK)
		return;
	watch->health_txn_id = isb_txn_id(health);
	bool same = isb_view_refresh(watch->view, health);
	isb_txn_abort(health);
	if (!same)
		rebuild(watch, watch->geodb, true);
}

/* Reads the clients' round trips as they count now. What cannot be read is no reason to answer nothing: the last ones
 * stay. */
static bool read_cells(struct isb_watch *watch, const struct isb_geodb *geodb)
{
	struct isb_txn *latency;
	struct isb_cells *fresh = NULL;
	const struct isb_prefix *networks;
	int64_t start_us = isb_monotonic_us();
	int rc = isb_txn_begin(watch->store, ISB_ENV_LATENCY, false, &latency);
	if (rc == ISB_OK) {
		watch->cells_txn_id = isb_txn_id(latency);
		rc = isb_cells_read(latency, geodb, isb_clock_ms(), &fresh);
		isb_txn_abort(latency);
	}
	if (rc != ISB_OK) {
		isb_log(ISB_LOG_WARNING, "latency-unreadable", "reason=\"%s\"", isb_strerror(rc));
		return false;
	}
	isb_log(ISB_LOG_INFO, "latency-read", "networks=%zu read_ms=%.1f", isb_cells_networks(fresh, &networks),
	        (double)(isb_monotonic_us() - start_us) / 1000);
	isb_cells_release(watch->cells);
	watch->cells = fresh;
	return true;
}

/* New samples, or the first of those in use is too old. Reading a million networks and ranking them anew takes seconds:
 * at most a tenth of this thread's time, so that edits do not wait for samples that pour in. */
static void check_cells(struct isb_watch *watch)
{
	int64_t start_us = isb_monotonic_us();
	bool moved = isb_store_last_txn_id(watch->store, ISB_ENV_LATENCY) != watch->cells_txn_id;
	bool aged = watch->cells && isb_clock_ms() >= isb_cells_until_ms(watch->cells);
	if ((!moved && !aged) || start_us < watch->cells_next_us)
		return;
	watch->cells_next_us = start_us + UNREADABLE_US;
	if (!read_cells(watch, watch->geodb))
		return;
	if (watch->view->plan->nmap && !watch->refused)
		rebuild(watch, watch->geodb, true);
	watch->cells_next_us = start_us + PACE * (isb_monotonic_us() - start_us);
}

/* Only probes write `unknown`: when the last of them has died, every word keeps the verdict that it had. */
static void check_probes(struct isb_watch *watch, bool first)
{
	struct isb_txn *health;
	bool was = atomic_load_explicit(&watch->live->unattended, memory_order_relaxed), is = was;
	if (isb_txn_begin(watch->store, ISB_ENV_HEALTH, false, &health) != ISB_OK)
		return;
	int rc = isb_probes_gone(health, isb_clock_ms(), &is);
	isb_txn_abort(health);
	if (rc != ISB_OK || (is == was && !first))
		return;
	atomic_store_explicit(&watch->live->unattended, is, memory_order_relaxed); /* it carries nothing but itself */
	if (is)
		isb_log(ISB_LOG_WARNING, "probes-gone",
		        "reason=\"no probe reports: checked endpoints are unknown; start isobar-probe\"");
	else if (!first)
		isb_log(ISB_LOG_INFO, "probes-back", "reason=\"a probe reports again\"");
}

/* Opens what should be open; *ret_db may become NULL when only the default is asked for and there is none. */
static int open_geo(const struct isb_watch *watch, struct isb_diags *diags, struct isb_geodb **ret_db)
{
	if (watch->geo == (const char *const *)&watch->default_geo && access(watch->default_geo, F_OK) != 0) {
		*ret_db = NULL;
		return ISB_OK;
	}
	return isb_geodb_open(watch->geo, watch->ngeo, diags, ret_db);
}

static void log_geo(struct isb_watch *watch)
{
	atomic_store_explicit(&watch->told.geo_built_ms, watch->geodb ? isb_geodb_built_ms(watch->geodb) : 0, memory_order_relaxed);
	if (watch->geodb)
		isb_log(ISB_LOG_INFO, "geo-opened", "databases=\"%s\"", isb_geodb_describe(watch->geodb));
	else
		isb_log(ISB_LOG_INFO, "geo-none", "file=\"%s\"", watch->default_geo);
}

/* The old one stays until a good one stands there. Building has taken many times what a view keeps: it goes back. */
static void reload_geo(struct isb_watch *watch)
{
	struct isb_geodb *fresh = NULL;
	struct isb_diags diags;
	isb_diags_init(&diags);
	int rc = open_geo(watch, &diags, &fresh);
	if (rc == ISB_OK && !fresh && watch->geodb) {
		isb_diag(&diags, (struct isb_mark){.file = watch->default_geo}, "the geo database is gone");
		rc = ISB_ENOTFOUND;
	}
	watch->geo_refused = rc != ISB_OK;
	if (rc != ISB_OK) {
		log_refused("geo-refused", &diags);
		if (watch->geodb)
			isb_log(ISB_LOG_ERROR, "geo-kept", "databases=\"%s\"", isb_geodb_describe(watch->geodb));
	}
	isb_diags_done(&diags);
	if (!fresh)
		return;
	read_cells(watch, fresh); /* they are rolled up by its facts */
	watch->geo_waits = rebuild(watch, fresh, true) != ISB_OK;
	struct isb_geodb *unused = watch->geo_waits ? fresh : watch->geodb;
	if (!watch->geo_waits) {
		watch->geodb = fresh;
		log_geo(watch);
	}
	isb_geodb_free(unused); /* no view looks into it any more */
	malloc_trim(0);
}

/* A file that somebody is still writing changes from look to look: it is opened once it has not for one tick. `now`: as it
 * is, and if it was refused before, once more. */
static void check_geo(struct isb_watch *watch, bool now)
{
	uint64_t stamp = isb_geodb_stamp(watch->geo, watch->ngeo);
	bool settled = stamp == watch->geo_seen;
	watch->geo_seen = stamp;
	bool same = stamp == watch->geo_tried && !(watch->geo_waits && !watch->refused);
	if (now ? same && !watch->geo_refused : same || !settled)
		return;
	watch->geo_tried = stamp;
	reload_geo(watch);
}

/* --- The thread --- */

static void on_soon(uv_timer_t *timer)
{
	struct isb_watch *watch = timer->data;
	if (check_catalog(watch) || --watch->soon_tries == 0)
		uv_timer_stop(&watch->soon);
}

/* A writer's octets are told of before its commit is visible: the number of the snapshot follows once the disk has them.
 * So one looks again and again until it has come. */
static void on_changed(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct isb_watch *watch = event->data;
	(void)name;
	(void)events;
	(void)status; /* an error only means that the tick has to do */
	check_catalog(watch);
	watch->soon_tries = SOON_TRIES;
	uv_timer_start(&watch->soon, on_soon, SOON_STEP_MS, SOON_STEP_MS);
}

static void on_tick(uv_timer_t *timer)
{
	struct isb_watch *watch = timer->data;
	unsigned tick = ++watch->ticks;
	check_catalog(watch);
	check_file(watch);
	check_hosts(watch);
	check_cells(watch);
	check_probes(watch, false);
	if (tick % RTT_TICKS == 0)
		check_rtts(watch);
	check_geo(watch, false);
	if (tick % CLEAN_TICKS == 0) {
		unsigned freed = isb_store_clean(watch->store);
		if (freed)
			isb_log(ISB_LOG_INFO, "readers-freed", "count=%u", freed);
	}
}

static void close_all(struct isb_watch *watch)
{
	uv_close((uv_handle_t *)&watch->wake, NULL);
	uv_close((uv_handle_t *)&watch->changed, NULL);
	uv_close((uv_handle_t *)&watch->tick, NULL);
	uv_close((uv_handle_t *)&watch->soon, NULL);
}

static void on_wake(uv_async_t *async)
{
	struct isb_watch *watch = async->data;
	/* acquire is not needed: the flag carries nothing but itself */
	if (atomic_load_explicit(&watch->stop, memory_order_relaxed)) {
		close_all(watch);
		return;
	}
	check_geo(watch, true);
	rebuild(watch, watch->geodb, watch->refused); /* who asks again wants to hear the reasons again */
}

static void run(void *arg)
{
	struct isb_watch *watch = arg;
	pthread_setname_np(pthread_self(), "watch");
	uv_run(&watch->loop, UV_RUN_DEFAULT); /* until close_all() */
}

int isb_watch_new(struct isb_store *store, const char *const *geo, size_t ngeo, struct isb_live *live,
                  struct isb_ledger *ledger, struct isb_diags *diags, struct isb_watch **ret_watch)
{
	struct isb_watch *watch = isb_xcalloc(1, sizeof(*watch));
	size_t size = strlen(isb_store_dir(store)) + sizeof("/geo.mmdb");
	watch->store = store;
	watch->live = live;
	watch->ledger = ledger;
	stat(isb_store_path(store, ISB_ENV_CATALOG), &watch->file); /* gone already: the first tick says so */
	watch->default_geo = isb_xmalloc(size);
	snprintf(watch->default_geo, size, "%s/geo.mmdb", isb_store_dir(store));
	watch->geo = ngeo ? geo : (const char *const *)&watch->default_geo;
	watch->ngeo = ngeo ? ngeo : 1;
	watch->geo_seen = watch->geo_tried = isb_geodb_stamp(watch->geo, watch->ngeo);
	int rc = open_geo(watch, diags, &watch->geodb);
	if (rc == ISB_OK) {
		log_geo(watch);
		read_cells(watch, watch->geodb);
		rc = build(watch, watch->geodb, true, diags);
		check_probes(watch, true);
	}
	if (rc != ISB_OK) {
		isb_watch_free(watch);
		return rc;
	}
	*ret_watch = watch;
	return ISB_OK;
}

int isb_watch_start(struct isb_watch *watch, struct isb_diags *diags)
{
	const char *path = isb_store_path(watch->store, ISB_ENV_CATALOG);
	int rc = uv_loop_init(&watch->loop);
	if (rc == 0 && (rc = uv_async_init(&watch->loop, &watch->wake, on_wake)) != 0)
		uv_loop_close(&watch->loop);
	if (rc == 0) {
		uv_timer_init(&watch->loop, &watch->tick);
		uv_timer_init(&watch->loop, &watch->soon);
		uv_fs_event_init(&watch->loop, &watch->changed);
		watch->wake.data = watch->tick.data = watch->soon.data = watch->changed.data = watch;
		uv_timer_start(&watch->tick, on_tick, TICK_MS, TICK_MS);
		rc = uv_fs_event_start(&watch->changed, on_changed, path, 0);
		if (rc != 0)
			isb_log(ISB_LOG_WARNING, "watch-slow", "file=\"%s\" reason=\"%s\"", path, uv_strerror(rc));
		rc = uv_thread_create(&watch->thread, run, watch);
		if (rc != 0) {
			close_all(watch);
			uv_run(&watch->loop, UV_RUN_DEFAULT);
			uv_loop_close(&watch->loop);
		}
	}
	if (rc != 0) {
		isb_diag(diags, (struct isb_mark){0}, "cannot watch the store: %s", uv_strerror(rc));
		return ISB_EIO;
	}
	watch->running = true;
	return ISB_OK;
}

void isb_watch_kick(struct isb_watch *watch)
{
	uv_async_send(&watch->wake);
}

void isb_watch_look(const struct isb_watch *watch, struct isb_watch_state *ret_state)
{
	ret_state->tried = atomic_load_explicit(&watch->told.tried, memory_order_relaxed);
	ret_state->refused = atomic_load_explicit(&watch->told.refused, memory_order_relaxed);
	ret_state->refuses = atomic_load_explicit(&watch->told.refuses, memory_order_relaxed);
	ret_state->replaced = atomic_load_explicit(&watch->told.replaced, memory_order_relaxed);
	ret_state->build_us = atomic_load_explicit(&watch->told.build_us, memory_order_relaxed);
	ret_state->built_ms = atomic_load_explicit(&watch->told.built_ms, memory_order_relaxed);
	ret_state->geo_built_ms = atomic_load_explicit(&watch->told.geo_built_ms, memory_order_relaxed);
}

void isb_watch_free(struct isb_watch *watch)
{
	if (!watch)
		return;
	if (watch->running) {
		atomic_store_explicit(&watch->stop, true, memory_order_relaxed); /* see on_wake() */
		uv_async_send(&watch->wake);
		uv_thread_join(&watch->thread);
		uv_loop_close(&watch->loop);
	}
	isb_view_free(isb_live_swap(watch->live, NULL)); /* the ledger keeps what was counted for it, and its tallies */
	isb_cells_release(watch->cells);
	isb_geodb_free(watch->geodb);
	free(watch->default_geo);
	free(watch);
}
