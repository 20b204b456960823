/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/base/streams.h"
#include "ledger.h"
#include "metrics.h"
#include "options.h"
#include "sdnotify.h"
#include "settings.h"
#include "stats.h"
#include "tap.h"
#include "watch.h"
#include "worker.h"

/* isobard: answers DNS queries from the newest view of the catalog and the health words of the store. The main thread
 * starts and stops everything and waits for signals; the rest is in watch.c and worker.c. */

enum {
	FILES_RESERVED = 128, /* the store, geo databases while they are read, the journal, what libraries open */
	FILES_PER_WORKER = 8, /* loops, readers of the store */
};

struct server {
	struct isb_options options;
	struct isb_store *store;
	struct isb_live live;
	struct isb_watch *watch;
	struct isb_census *census;
	struct isb_taps *taps; /* or NULL */
	struct isb_ledger *ledger;   /* or NULL, as the metrics */
	struct isb_metrics *metrics;
	int64_t started_ms;
	struct isb_worker **workers; /* of all kinds */
	size_t nworker;
};

/* Blocked before any thread starts, so that all of them inherit it and signals arrive at sigwait() only. */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN); /* a TCP client that went away is an error code, not the end */
}

/* A connection is a descriptor, and most systems allow 1024 unless asked. Connections must leave enough for everything
 * else, or a new view could not be built because its geo database cannot be opened. */
static void fit_file_limit(struct isb_options *options)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	rlim_t others = FILES_RESERVED + 2 * options->nlisten * options->workers + FILES_PER_WORKER * options->workers;
	rlim_t need = others + options->tcp.connections;
	if (limit.rlim_cur < need) {
		limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= need)
		return;
	uint32_t room = limit.rlim_cur > others ? (uint32_t)(limit.rlim_cur - others) : 1;
	isb_log(ISB_LOG_WARNING, "file-limit",
	        "connections=%u wanted=%u reason=\"raise the limit of open files (ulimit -Hn) from %llu to %llu\"",
	        room, options->tcp.connections, (unsigned long long)limit.rlim_max, (unsigned long long)need);
	options->tcp.connections = room;
}

static int open_store(struct server *server, struct isb_diags *diags)
{
	const char *dir = server->options.store, *message = NULL;
	int rc = isb_store_open(dir, ISB_STORE_READ, &server->store, &message);
	if (rc == ISB_ENOTFOUND)
		isb_diag(diags, (struct isb_mark){0},
		         "there is no store in '%s'; make one with: isobar --store %s apply -f FILE", dir, dir);
	else if (rc != ISB_OK)
		isb_diag(diags, (struct isb_mark){0}, "%s", message ? message : isb_strerror(rc));
	return rc;
}

/* Leaves out the default addresses that this machine does not have. */
static int check_listen(struct isb_options *options, struct isb_diags *diags)
{
	size_t kept = 0;
	int worst = ISB_OK;
	for (size_t i = 0; i < options->nlisten; i++) {
		char text[ISB_LISTEN_TEXT];
		int rc = isb_listen_check(&options->listen[i], diags);
		if (rc == ISB_ENOTFOUND)
			isb_log(ISB_LOG_INFO, "listen-skipped", "address=%s reason=\"not on this machine\"",
			        isb_listen_print(&options->listen[i], text));
		else if (rc == ISB_OK)
			options->listen[kept++] = options->listen[i];
		else
			worst = rc;
	}
	options->nlisten = kept;
	return worst;
}

/* Workers of all kinds. */
static unsigned threads(const struct isb_options *options)
{
	unsigned kinds = 0;
	for (enum isb_worker_kind kind = 0; kind < ISB_WORKER_KINDS; kind++)
		kinds += isb_worker_is_needed(kind, options);
	return kinds * options->workers;
}

/* What cannot be read leaves what runs in place. */
static int load_settings(struct server *server, struct isb_diags *diags)
{
	struct isb_settings *settings;
	int rc = isb_settings_load(&server->options, diags, &settings);
	if (rc == ISB_OK)
		isb_settings_free(isb_live_swap_settings(&server->live, settings));
	return rc;
}

static void reload_settings(struct server *server)
{
	struct isb_diags diags = {0};
	if (load_settings(server, &diags) == ISB_OK)
		isb_log(ISB_LOG_INFO, "settings-reloaded", " ");
	for (size_t i = 0; i < diags.count; i++)
		isb_log(ISB_LOG_ERROR, "settings-refused", "file=%s line=%u reason=\"%s\"",
		        diags.list[i].at.file ? diags.list[i].at.file : "-", diags.list[i].at.line, diags.list[i].text);
	isb_diags_done(&diags);
}

static int new_workers(struct server *server, enum isb_worker_kind kind, struct isb_diags *diags)
{
	const struct isb_options *options = &server->options;
	for (unsigned i = 0; i < options->workers; i++) {
		struct isb_worker *worker;
		int rc = isb_worker_new(kind, i, options, server->census, server->store, &server->live, diags, &worker);
		if (rc != ISB_OK)
			return rc;
		worker->seat = (unsigned)server->nworker;
		worker->paced = options->nmetrics > 0;
		worker->tap = isb_taps_of(server->taps, worker->seat);
		server->workers[server->nworker++] = worker;
	}
	return ISB_OK;
}

static int start_workers(struct server *server, struct isb_diags *diags)
{
	const struct isb_options *options = &server->options;
	server->census = isb_census_new(options->tcp.connections, options->tcp.per_client, isb_random_seed());
	server->workers = isb_xcalloc(threads(options), sizeof(struct isb_worker *));
	for (enum isb_worker_kind kind = 0; kind < ISB_WORKER_KINDS; kind++) {
		int rc = isb_worker_is_needed(kind, options) ? new_workers(server, kind, diags) : ISB_OK;
		if (rc != ISB_OK)
			return rc;
	}
	/* only now, so that no client is sent to a worker that will never run */
	for (size_t i = 0; i < server->nworker; i++) {
		int rc = isb_worker_start(server->workers[i], diags);
		if (rc != ISB_OK)
			return rc;
	}
	return ISB_OK;
}

static int start_metrics(struct server *server, struct isb_diags *diags)
{
	const struct isb_metrics_sources from = {
		.options = &server->options, .store = server->store, .live = &server->live, .watch = server->watch,
		.ledger = server->ledger, .clients = isb_taps_clients(server->taps), .workers = server->workers,
		.nworker = server->nworker, .started_ms = server->started_ms};
	return server->options.nmetrics ? isb_metrics_new(&from, diags, &server->metrics) : ISB_OK;
}

static int start(struct server *server, struct isb_diags *diags)
{
	struct isb_options *options = &server->options;
	server->started_ms = isb_clock_ms();
	if (options->nmetrics)
		server->ledger = isb_ledger_new(threads(options));
	int rc = check_listen(options, diags); /* before the view, which can take a while */
	if (rc == ISB_OK)
		rc = load_settings(server, diags);
	if (rc == ISB_OK)
		rc = open_store(server, diags);
	if (rc == ISB_OK)
		rc = isb_watch_new(server->store, options->geo, options->ngeo, &server->live, server->ledger, diags,
		                   &server->watch);
	if (rc == ISB_OK)
		rc = isb_taps_new(options, threads(options), &server->live, diags, &server->taps);
	if (rc == ISB_OK)
		rc = start_workers(server, diags);
	if (rc == ISB_OK)
		rc = isb_watch_start(server->watch, diags);
	if (rc == ISB_OK)
		rc = start_metrics(server, diags);
	return rc;
}

static void stop(struct server *server)
{
	isb_metrics_free(server->metrics);
	for (size_t i = 0; i < server->nworker; i++)
		isb_worker_stop(server->workers[i]); /* all at once, then wait for each */
	for (size_t i = 0; i < server->nworker; i++)
		isb_worker_free(server->workers[i]);
	free(server->workers);
	isb_census_free(server->census);
	isb_taps_free(server->taps);
	isb_watch_free(server->watch);
	isb_ledger_free(server->ledger);
	isb_store_close(server->store);
	isb_settings_free(isb_live_swap_settings(&server->live, NULL));
}

static void log_started(const struct isb_options *options)
{
	for (size_t i = 0; i < options->nlisten; i++) {
		char text[ISB_LISTEN_TEXT];
		isb_log(ISB_LOG_INFO, "listening", "address=%s%s", isb_listen_print(&options->listen[i], text),
		        options->listen[i].proxy ? " header=proxy-v2" : "");
	}
	isb_log(ISB_LOG_INFO, "started", "version=" ISB_VERSION " store=\"%s\" workers=%u", options->store,
	        options->workers);
}

/* False: it says to stop. */
static bool heed(struct server *server, int number)
{
	if (number == SIGHUP) {
		isb_taps_reopen(server->taps);
		reload_settings(server);
		isb_watch_kick(server->watch);
	} else if (number == SIGUSR1) {
		isb_stats_log(server->workers, server->nworker);
	}
	return number != SIGTERM && number != SIGINT;
}

static void serve(struct server *server, const sigset_t *set)
{
	int number = 0;
	do
		sigwait(set, &number);
	while (heed(server, number));
}

/* Whoever announces our address is told first, and has time to send the clients elsewhere. A second word to stop ends it. */
static void drain(struct server *server, const sigset_t *set)
{
	char span[ISB_SPAN_TEXT];
	int64_t left_us = (int64_t)server->options.drain_ms * 1000, until_us = isb_monotonic_us() + left_us;
	isb_metrics_drain(server->metrics);
	if (left_us)
		isb_log(ISB_LOG_INFO, "draining", "for=%s", isb_span_print(server->options.drain_ms, span));
	for (; left_us > 0; left_us = until_us - isb_monotonic_us()) {
		const struct timespec left = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};
		int number = sigtimedwait(set, NULL, &left);
		if (number > 0 && !heed(server, number))
			return;
	}
}

int main(int argc, char **argv)
{
	struct server server = {0};
	if (!isb_streams_guard())
		return 1;
	switch (isb_options_parse(argc, argv, &server.options)) {
	case ISB_OPTIONS_RUN: break;
	case ISB_OPTIONS_DONE: return 0;
	case ISB_OPTIONS_WRONG: return 2;
	}
	sigset_t set;
	struct isb_diags diags;
	isb_log_set_level(server.options.log_level);
	block_signals(&set);
	fit_file_limit(&server.options);
	isb_diags_init(&diags);
	int rc = start(&server, &diags);
	if (rc == ISB_OK) {
		log_started(&server.options);
		isb_sdnotify("READY=1");
		serve(&server, &set);
		isb_sdnotify("STOPPING=1");
		drain(&server, &set);
		isb_stats_log(server.workers, server.nworker);
	} else {
		isb_diags_print(&diags, stderr);
		fputs("isobard: not started\n", stderr);
	}
	isb_diags_done(&diags);
	stop(&server);
	isb_options_done(&server.options);
	if (rc == ISB_OK)
		isb_log(ISB_LOG_INFO, "stopped", " ");
	return rc == ISB_OK ? 0 : 1;
}
