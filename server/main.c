/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "background.h"
#include "control.h"
#include "handed.h"
#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/base/privileges.h"
#include "isobar/base/sdnotify.h"
#include "isobar/base/streams.h"
#include "ledger.h"
#include "metrics.h"
#include "options.h"
#include "selfcheck.h"
#include "settings.h"
#include "stats.h"
#include "tap.h"
#include "udp.h"
#include "watch.h"
#include "worker.h"

/* isobard: answers DNS queries from the newest view of the catalog and the health words of the store. The main thread
 * starts and stops everything, waits for signals and for a successor (handover.h); the rest is in watch.c and worker.c. */

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
	size_t nworker, nended;      /* all of them; those whose thread has ended */
	struct isb_handed *handed;   /* from the predecessor, while it lives; or NULL */
	size_t adopter;              /* who gets the next of its connections */
	struct isb_control *control; /* or NULL */
	struct isb_cookie_secrets own_secret; /* for cookies, without a file of secrets */
	struct isb_background background;
	int signals, ended; /* descriptors */
	bool retired;       /* a successor serves; connections are left */
};

/* Blocked before any thread starts, so that all of them inherit it and signals arrive here only; but for the one that wakes
 * UDP workers (udp.h), which is for them alone. */
static int open_signals(struct server *server)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	server->signals = signalfd(-1, &set, SFD_CLOEXEC);
	server->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigaddset(&set, ISB_UDP_WAKE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* a TCP client that went away is an error code, not the end */
	return server->signals < 0 || server->ended < 0 ? ISB_EIO : ISB_OK;
}

/* A connection is a descriptor, and most systems allow 1024 unless asked. Connections must leave enough for everything
 * else, or a new view could not be built because its geo database cannot be opened. */
static void fit_file_limit(struct isb_options *options, size_t handed)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	rlim_t others = FILES_RESERVED + 2 * options->nlisten * options->workers + FILES_PER_WORKER * options->workers + handed;
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

/* First of all: what then cannot be opened would not be at the next SIGHUP either. Ports below 1024 stay within reach, for
 * the sockets that are still to come, and those of a successor. */
static int become_user(const struct isb_options *options, struct isb_diags *diags)
{
	struct isb_account account;
	if (!options->user) {
		if (geteuid() == 0)
			isb_log(ISB_LOG_WARNING, "running-as-root",
			        "reason=\"what comes from the whole Internet is read with all rights; start with --user isobard\"");
		return ISB_OK;
	}
	int rc = isb_account_find(options->user, &account, diags);
	return rc == ISB_OK ? isb_privileges_drop(&account, UINT64_C(1) << CAP_NET_BIND_SERVICE, diags) : rc;
}

static int open_store(struct server *server, struct isb_diags *diags)
{
	const char *dir = server->options.store, *message = NULL;
	int rc = isb_store_open(dir, ISB_STORE_READ, &server->store, &message);
	if (rc == ISB_ENOTFOUND)
		isb_diag(diags, (struct isb_mark){0},
		         "there is no store in '%s': mount its file system, or make an empty one with: isobar --store %s init",
		         dir, dir);
	else if (rc != ISB_OK)
		isb_diag(diags, (struct isb_mark){0}, "%s", message ? message : isb_strerror(rc));
	else if (!isb_store_registers(server->store))
		isb_log(ISB_LOG_WARNING, "store-read-only",
		        "store=\"%s\" reason=\"writers do not know of this reader: no edit may be made while it runs; in a unit of "
		        "systemd name the directory in ReadWritePaths=\"", dir);
	return rc;
}

/* Leaves out the default addresses that this machine does not have. */
static int check_listen(struct isb_options *options, const struct isb_handed *handed, struct isb_diags *diags)
{
	size_t kept = 0;
	int worst = ISB_OK;
	for (size_t i = 0; i < options->nlisten; i++) {
		char text[ISB_LISTEN_TEXT];
		const struct isb_listen *listen = &options->listen[i];
		int rc = isb_handed_covers(handed, listen) ? ISB_OK : isb_listen_check(listen, diags);
		if (rc == ISB_ENOTFOUND)
			isb_log(ISB_LOG_INFO, "listen-skipped", "address=%s reason=\"not on this machine\"",
			        isb_listen_print(listen, text));
		else if (rc == ISB_OK)
			options->listen[kept++] = *listen;
		else
			worst = rc;
	}
	options->nlisten = kept;
	return worst;
}

static int ask_predecessor(struct server *server, struct isb_diags *diags)
{
	if (!server->options.replace)
		return ISB_OK;
	int rc = isb_handed_ask(server->options.control, diags, &server->handed);
	if (rc != ISB_OK)
		return rc;
	isb_log(ISB_LOG_INFO, "replacing", "pid=%d version=%s sockets=%zu", isb_handed_pid(server->handed),
	        isb_handed_release(server->handed), isb_handed_count(server->handed));
	fit_file_limit(&server->options, isb_handed_count(server->handed));
	return ISB_OK;
}

/* Where nobody asked for the socket, there need not be one: another isobard may have it. */
static int open_control(struct server *server, struct isb_diags *diags)
{
	struct isb_diags skipped = {0};
	const struct isb_options *options = &server->options;
	bool optional = options->control_optional && !options->replace;
	if (!options->control)
		return ISB_OK;
	int rc = isb_control_new(options->control, server->handed, optional ? &skipped : diags, &server->control);
	if (rc != ISB_OK && optional) {
		isb_log(ISB_LOG_INFO, "control-skipped", "reason=\"%s\"", skipped.list[0].text);
		rc = ISB_OK;
	}
	isb_diags_done(&skipped);
	return rc;
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
	int rc = isb_settings_load(&server->options, &server->own_secret, diags, &settings);
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

static int first_settings(struct server *server, struct isb_diags *diags)
{
	const struct isb_cookie_secrets *handed = isb_handed_cookies(server->handed);
	server->own_secret = handed ? *handed : isb_settings_own_secret();
	return load_settings(server, diags);
}

static int new_workers(struct server *server, enum isb_worker_kind kind, struct isb_diags *diags)
{
	const struct isb_worker_parts parts = {.options = &server->options, .census = server->census,
	                                       .store = server->store, .live = &server->live,
	                                       .handed = server->handed, .ended = server->ended};
	for (unsigned i = 0; i < server->options.workers; i++) {
		struct isb_worker *worker;
		int rc = isb_worker_new(kind, i, &parts, diags, &worker);
		if (rc != ISB_OK)
			return rc;
		worker->seat = (unsigned)server->nworker;
		worker->paced = server->options.nmetrics > 0;
		worker->tap = isb_taps_of(server->taps, worker->seat);
		server->workers[server->nworker++] = worker;
	}
	return ISB_OK;
}

static int make_workers(struct server *server, struct isb_diags *diags)
{
	const struct isb_options *options = &server->options;
	server->census = isb_census_new(options->tcp.connections, options->tcp.per_client, isb_random_seed());
	server->workers = isb_xcalloc(threads(options), sizeof(struct isb_worker *));
	for (enum isb_worker_kind kind = 0; kind < ISB_WORKER_KINDS; kind++) {
		int rc = isb_worker_is_needed(kind, options) ? new_workers(server, kind, diags) : ISB_OK;
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

/* A successor that would end at once, or that nobody wants any more, must not begin. */
static int check_wanted(const struct server *server, struct isb_diags *diags)
{
	sigset_t pending;
	const char *why = NULL;
	if (!server->handed)
		return ISB_OK;
	sigpending(&pending);
	if (sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT))
		why = "it was told to end before it served";
	else if (!isb_background_is_awaited(&server->background))
		why = "nobody waits for this replacement any more";
	if (why)
		isb_diag(diags, (struct isb_mark){0}, "%s", why);
	return why ? ISB_EREFUSED : isb_handed_check(server->handed, diags);
}

/* Last of all, so that no client is sent to a worker that will never run. */
static int start_workers(struct server *server, struct isb_diags *diags)
{
	int rc = check_wanted(server, diags);
	for (size_t i = 0; i < server->nworker && rc == ISB_OK; i++)
		rc = isb_worker_start(server->workers[i], diags);
	return rc;
}

/* No thread swaps anything yet. */
static int check_self(struct server *server, struct isb_diags *diags)
{
	const struct isb_view *view = atomic_load_explicit(&server->live.view, memory_order_relaxed);
	return isb_selfcheck(view, isb_live_settings(&server->live), isb_clock_ms(), diags);
}

static int start(struct server *server, struct isb_diags *diags)
{
	struct isb_options *options = &server->options;
	server->started_ms = isb_clock_ms();
	if (options->nmetrics)
		server->ledger = isb_ledger_new(threads(options));
	int rc = become_user(options, diags);
	if (rc == ISB_OK)
		rc = ask_predecessor(server, diags);
	if (rc == ISB_OK)
		rc = check_listen(options, server->handed, diags); /* before the view, which can take a while */
	if (rc == ISB_OK)
		rc = first_settings(server, diags);
	if (rc == ISB_OK)
		rc = open_store(server, diags);
	if (rc == ISB_OK)
		rc = isb_watch_new(server->store, options->geo, options->ngeo, &server->live, server->ledger, diags,
		                   &server->watch);
	if (rc == ISB_OK)
		rc = check_self(server, diags);
	if (rc == ISB_OK)
		rc = isb_taps_new(options, server->handed, threads(options), &server->live, diags, &server->taps);
	if (rc == ISB_OK)
		rc = open_control(server, diags);
	if (rc == ISB_OK)
		rc = make_workers(server, diags);
	if (rc == ISB_OK)
		rc = isb_watch_start(server->watch, diags);
	if (rc == ISB_OK && !server->handed) /* a predecessor has the addresses still */
		rc = start_metrics(server, diags);
	if (rc == ISB_OK)
		rc = start_workers(server, diags);
	return rc;
}

static void adopt(void *arg, int fd, const struct isb_handover_client *client)
{
	struct server *server = arg;
	const struct isb_handover m = {.kind = ISB_HANDOVER_CONNECTION, .client = *client};
	if (server->retired) { /* replaced before its predecessor had given away everything */
		isb_handover_send(isb_control_successor(server->control), &m, &fd, 1);
		close(fd);
		return;
	}
	do
		server->adopter = (server->adopter + 1) % server->nworker;
	while (server->workers[server->adopter]->kind != ISB_WORKER_TCP); /* which serves every address */
	isb_worker_adopt(server->workers[server->adopter], fd, client);
}

/* When the predecessor has let go of the addresses. That nobody can look on is no reason to answer nobody. */
static void take_metrics(struct server *server)
{
	struct isb_diags diags;
	isb_diags_init(&diags);
	if (start_metrics(server, &diags) != ISB_OK)
		for (size_t i = 0; i < diags.count; i++)
			isb_log(ISB_LOG_ERROR, "metrics-off", "reason=\"%s\"", diags.list[i].text);
	isb_diags_done(&diags);
}

/* Both serve now, on the same sockets. The service manager is told whose end is the service's before the predecessor ends. */
static void take_over(struct server *server)
{
	char state[64];
	snprintf(state, sizeof(state), "MAINPID=%d\nREADY=1", (int)getpid());
	isb_sdnotify(state);
	if (!isb_handed_finish(server->handed, adopt, server))
		isb_log(ISB_LOG_WARNING, "replace-unanswered",
		        "pid=%d reason=\"it does not say that it has stopped; both may answer\"", isb_handed_pid(server->handed));
	isb_control_settle(server->control);
	isb_taps_settle(server->taps);
	take_metrics(server);
	isb_log(ISB_LOG_INFO, "replaced", "pid=%d version=%s", isb_handed_pid(server->handed),
	        isb_handed_release(server->handed));
}

static void stop(struct server *server)
{
	isb_control_quit(server->control); /* first, so that a successor hears of it before it has begun to serve */
	isb_metrics_free(server->metrics);
	for (size_t i = 0; i < server->nworker; i++)
		isb_worker_stop(server->workers[i]); /* all at once, then wait for each */
	for (size_t i = 0; i < server->nworker; i++)
		isb_worker_free(server->workers[i]);
	free(server->workers);
	isb_control_free(server->control); /* workers may have written to the successor */
	isb_census_free(server->census);
	isb_taps_free(server->taps);
	isb_watch_free(server->watch);
	isb_ledger_free(server->ledger);
	isb_store_close(server->store);
	isb_settings_free(isb_live_swap_settings(&server->live, NULL));
	isb_handed_free(server->handed);
	close(server->signals);
	close(server->ended);
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

/* What a successor needs; it is asked for on this thread. */
static void offer(void *arg, struct isb_offer *offer)
{
	struct server *server = arg;
	int fd;
	for (size_t i = 0; i < server->nworker; i++)
		for (size_t k = 0; (fd = isb_worker_socket(server->workers[i], k)) >= 0; k++)
			isb_offer_add(offer, fd);
	if ((fd = isb_taps_socket(server->taps)) >= 0)
		isb_offer_add(offer, fd);
	offer->cookies = isb_live_settings(&server->live)->cookies; /* this thread is the one that swaps them */
}

/* Nothing of what is shared with the successor is shut down or changed, only let go of. */
static void retire(struct server *server)
{
	for (size_t i = 0; i < server->nworker; i++)
		isb_worker_leave(server->workers[i], isb_control_successor(server->control));
	isb_taps_leave(server->taps);
	isb_metrics_free(server->metrics);
	server->metrics = NULL;
	isb_control_released(server->control);
	server->retired = true;
	isb_log(ISB_LOG_INFO, "replaced", "by=%d version=%s", isb_control_pid(server->control),
	        isb_control_release(server->control));
}

/* False: it is the end. */
static bool take_signal(struct server *server)
{
	struct signalfd_siginfo info;
	if (read(server->signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo == SIGHUP) {
		isb_taps_reopen(server->taps);
		reload_settings(server);
		isb_watch_kick(server->watch);
	} else if (info.ssi_signo == SIGUSR1) {
		isb_stats_log(server->workers, server->nworker);
	}
	return info.ssi_signo != SIGTERM && info.ssi_signo != SIGINT;
}

static void count_ended(struct server *server)
{
	uint64_t n;
	if (read(server->ended, &n, sizeof(n)) == sizeof(n))
		server->nended += n;
}

static void forget_predecessor(struct server *server)
{
	isb_handed_free(server->handed);
	server->handed = NULL;
}

/* Until a signal says so; or, with a successor, until the last connection has ended or is its. */
static void serve(struct server *server)
{
	while (!server->retired || server->handed || server->nended < server->nworker) {
		struct pollfd polled[3 + ISB_CONTROL_POLLED] = {
			{.fd = server->signals, .events = POLLIN},
			{.fd = server->ended, .events = POLLIN},
			{.fd = isb_handed_polled(server->handed), .events = POLLIN}};
		isb_control_polled(server->control, polled + 3);
		if (poll(polled, 3 + ISB_CONTROL_POLLED, -1) < 0)
			continue;
		if (polled[0].revents && !take_signal(server))
			return;
		if (polled[1].revents)
			count_ended(server);
		if (polled[2].revents && !isb_handed_turn(server->handed, adopt, server))
			forget_predecessor(server);
		if (isb_control_turn(server->control, polled + 3, offer, server))
			retire(server);
	}
}

/* Whoever announces our address is told first, and has time to send the clients elsewhere. A second word to stop ends it. */
static void drain(struct server *server)
{
	char span[ISB_SPAN_TEXT];
	int64_t left_ms = server->options.drain_ms, until_us = isb_monotonic_us() + left_ms * 1000;
	isb_metrics_drain(server->metrics);
	if (left_ms)
		isb_log(ISB_LOG_INFO, "draining", "for=%s", isb_span_print(left_ms, span));
	for (; left_ms > 0; left_ms = (until_us - isb_monotonic_us()) / 1000) {
		struct pollfd polled = {.fd = server->signals, .events = POLLIN};
		if (poll(&polled, 1, (int)left_ms) > 0 && !take_signal(server))
			return;
	}
}

/* Returns the exit status. */
static int run(struct server *server)
{
	struct isb_diags diags;
	isb_log_set_level(server->options.log_level);
	isb_diags_init(&diags);
	int rc = open_signals(server);
	if (rc != ISB_OK)
		isb_diag(&diags, (struct isb_mark){0}, "cannot wait for signals: %s", strerror(errno));
	fit_file_limit(&server->options, 0);
	if (rc == ISB_OK)
		rc = start(server, &diags);
	if (rc == ISB_OK) {
		log_started(&server->options);
		if (server->handed)
			take_over(server);
		else
			isb_sdnotify("READY=1");
		isb_background_tell(&server->background, 0);
		serve(server);
		if (!server->retired) {
			isb_sdnotify("STOPPING=1");
			drain(server);
		}
		isb_stats_log(server->workers, server->nworker);
	} else {
		isb_diags_print(&diags, stderr);
		fputs(server->options.replace ? "isobard: not started; the one that runs goes on\n" : "isobard: not started\n",
		      stderr);
	}
	isb_diags_done(&diags);
	stop(server);
	if (rc == ISB_OK)
		isb_log(ISB_LOG_INFO, "stopped", " ");
	return rc == ISB_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct server server = {.background = {.tell = -1}};
	int status = 0;
	if (!isb_streams_guard())
		return 1;
	switch (isb_options_parse(argc, argv, &server.options)) {
	case ISB_OPTIONS_RUN: break;
	case ISB_OPTIONS_DONE: return 0;
	case ISB_OPTIONS_WRONG: return 2;
	}
	bool leaves = server.options.replace && !server.options.foreground;
	if (!leaves || isb_background_begin(&server.background, &status)) {
		status = run(&server);
		isb_background_tell(&server.background, status);
	}
	isb_options_done(&server.options);
	return status;
}
