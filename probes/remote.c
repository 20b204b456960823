/* SPDX-License-Identifier: Apache-2.0 */
#include "remote.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/base/rng.h"
#include "isobar/base/sdnotify.h"
#include "exchange_remote.h"
#include "metrics.h"
#include "runner.h"

enum {
	TICK_MS = 1000,
	PIECE = 32 * 1024,       /* said at once */
	CONNECT_MS = 5000,       /* from the lookup to the site's welcome */
	SILENCE_MS = 15000,      /* without a word from the site, or without its reading anything */
	BACKOFF_MIN_MS = 500,    /* before the second attempt … */
	BACKOFF_MAX_MS = 8000    /* … and at most: a site that restarts waits for its probes only so long (ISB_AWAIT_MS) */
};

struct prober {
	const struct isb_probe_options *options;
	uv_loop_t loop;
	uv_timer_t tick, again;
	uv_prepare_t flush;
	uv_signal_t term, interrupt;
	uv_getaddrinfo_t lookup;
	bool looking, lost_said, blind;
	struct isb_runner runner;
	struct isb_remote remote;
	struct isb_link *link;
	struct isb_rng rng;
	int64_t since, heard, moved; /* monotonic: of the attempt, of the site's last word, of what is being sent */
	int64_t backoff_ms;
	struct isb_probe_metrics *metrics; /* NULL: nobody is told */
	uint64_t rounds, lost;
	int certificate_days; /* as last read; INT_MAX: it was not */
	unsigned turn; /* which of the site's addresses is tried */
};

static int64_t monotonic_ms(void)
{
	return isb_monotonic_us() / 1000;
}

/* --- The connection --- */

static void attempt(struct prober *p);

static void on_again(uv_timer_t *timer)
{
	attempt(timer->data);
}

/* Once per trouble at level warning: a site that is away for a week fills no log. */
static void lose(struct prober *p, const char *why)
{
	enum isb_log_level level = p->remote.welcome || !p->lost_said ? ISB_LOG_WARNING : ISB_LOG_DEBUG;
	if (p->remote.welcome)
		p->backoff_ms = BACKOFF_MIN_MS;
	int64_t wait = p->backoff_ms / 2 + (int64_t)isb_rng_below(&p->rng, (uint64_t)p->backoff_ms);
	isb_log(level, "site-lost", "site=%s port=%u reason=\"%s\" again_ms=%" PRId64, p->options->site.host,
	        p->options->site.port, why, wait);
	p->lost_said = true;
	p->lost++;
	p->backoff_ms = p->backoff_ms * 2 < BACKOFF_MAX_MS ? p->backoff_ms * 2 : BACKOFF_MAX_MS;
	if (p->link)
		isb_link_close(p->link);
	p->link = NULL;
	p->turn++;
	isb_remote_connect(&p->remote); /* nothing is pushed until the next one is ready */
	uv_timer_start(&p->again, on_again, (uint64_t)wait, 0);
}

static void speak(struct prober *p)
{
	struct isb_buf out = {0};
	while (p->link && isb_link_idle(p->link)) {
		isb_buf_reset(&out);
		isb_remote_fill(&p->remote, PIECE, isb_clock_ms(), &out);
		if (!out.len)
			break;
		p->moved = monotonic_ms();
		isb_link_send(p->link, out.data, out.len);
	}
	isb_buf_done(&out);
}

static void on_ready(void *arg)
{
	speak(arg);
}

static void on_drained(void *arg)
{
	struct prober *p = arg;
	p->moved = monotonic_ms();
	speak(p);
}

static void on_event(void *arg, enum isb_remote_event event)
{
	struct prober *p = arg;
	const struct isb_diags *diags = &p->remote.diags;
	char peer[ISB_ADDR_TEXT];
	switch (event) {
	case ISB_REMOTE_WELCOME:
		p->lost_said = false;
		isb_log(ISB_LOG_INFO, "site-connected", "site=%s address=%s probe=%s", p->options->site.host,
		        isb_addr_print(isb_link_peer(p->link), peer), p->remote.site);
		return;
	case ISB_REMOTE_CATALOG:
		isb_log(ISB_LOG_INFO, "catalog-loaded", "endpoints=%zu", p->runner.schedule.count);
		isb_runner_launch(&p->runner);
		return;
	case ISB_REMOTE_BROKEN:
		for (const struct isb_diag *g = diags->list; g < diags->list + diags->count; g++)
			isb_log(ISB_LOG_ERROR, "catalog-unreadable", "at=%s line=%u text=\"%s\"",
			        g->at.file ? g->at.file : "-", g->at.line, g->text);
		return;
	case ISB_REMOTE_NOTHING: return;
	}
}

static void on_data(void *arg, const void *data, size_t len)
{
	struct prober *p = arg;
	p->heard = monotonic_ms();
	int rc = isb_remote_feed(&p->remote, data, len, p->heard, isb_clock_ms(), on_event);
	if (rc != ISB_OK)
		lose(p, p->remote.fault);
	else
		speak(p);
}

static void on_ended(void *arg, const char *why, bool mute)
{
	(void)mute;
	lose(arg, why);
}

static void connect_to(struct prober *p, const struct sockaddr *to)
{
	const struct isb_link_user user = {on_ready, on_data, on_drained, on_ended, p};
	struct isb_tls *tls;
	char why[ISB_TLS_WHY];
	/* The files are read anew each time, so that a renewed certificate needs no restart. */
	if (isb_tls_new(&p->options->tls, false, &tls, why) != ISB_OK) {
		lose(p, why);
		return;
	}
	p->certificate_days = isb_tls_days(tls);
	p->link = isb_link_connect(&p->loop, tls, to, p->options->site.host, &user);
	isb_tls_free(tls);
	if (!p->link)
		lose(p, "cannot open a connection");
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct prober *p = request->data;
	unsigned count = 0, turn = 0;
	p->looking = false;
	if (status == UV_ECANCELED)
		return;
	for (const struct addrinfo *a = found; a; a = a->ai_next)
		count++;
	if (status != 0 || !count) {
		lose(p, status ? uv_strerror(status) : "its name has no address");
	} else {
		const struct addrinfo *a = found;
		for (turn = p->turn % count; turn; turn--)
			a = a->ai_next;
		connect_to(p, a->ai_addr);
	}
	uv_freeaddrinfo(found);
}

static void attempt(struct prober *p)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	char port[8];
	snprintf(port, sizeof(port), "%u", p->options->site.port);
	p->since = p->heard = p->moved = monotonic_ms();
	if (p->looking) { /* getaddrinfo(3) cannot be interrupted: the last one still hangs */
		lose(p, "its name is still being looked up");
		return;
	}
	p->lookup.data = p;
	int rc = uv_getaddrinfo(&p->loop, &p->lookup, on_found, p->options->site.host, port, &hints);
	if (rc != 0)
		lose(p, uv_strerror(rc));
	else
		p->looking = true;
}

static void watch_connection(struct prober *p)
{
	int64_t now = monotonic_ms();
	if (!p->link)
		return;
	if (!p->remote.welcome && now - p->since > CONNECT_MS)
		lose(p, "it does not welcome this probe in time");
	else if (now - p->heard > SILENCE_MS)
		lose(p, "it is silent");
	else if (p->remote.welcome && !isb_link_idle(p->link) && now - p->moved > SILENCE_MS)
		lose(p, "it does not read");
}

/* --- What others are told --- */

static void look(void *arg, struct isb_look *look)
{
	const struct prober *p = arg;
	look->remote = true;
	look->started_ms = p->remote.started_ms;
	look->rounds = p->rounds;
	look->generation = p->remote.generation;
	look->certificate_days = p->certificate_days;
	look->connected = p->remote.ready;
	look->heard_age_ms = monotonic_ms() - p->heard;
	look->lost = p->lost;
	if (!p->remote.ready)
		isb_buf_printf(&look->unready, "its site %s does not hear it; the log says why\n", p->options->site.host);
	if (!p->remote.generation)
		isb_buf_puts(&look->unready, "no catalog has come yet, so nothing is checked\n");
	isb_look_at_runner(look, &p->runner);
}

static bool open_metrics(struct prober *p)
{
	return !p->options->nmetrics || isb_probe_metrics_new(&p->loop, p->options, NULL, look, p, &p->metrics) == ISB_OK;
}

/* --- Life --- */

static void on_tick(uv_timer_t *timer)
{
	struct prober *p = timer->data;
	watch_connection(p);
	isb_remote_push(&p->remote);
	speak(p);
}

/* Everything that ended in one round of the loop is told at once. */
static void on_flush(uv_prepare_t *prepare)
{
	struct prober *p = prepare->data;
	p->rounds++;
	if (!p->runner.urgent)
		return;
	p->runner.urgent = false;
	bool blind = isb_schedule_blind(&p->runner.schedule);
	if (blind != p->blind)
		isb_log(ISB_LOG_WARNING, blind ? "probe-blind" : "probe-sees", "endpoints=%zu silent=%zu",
		        p->runner.schedule.count, p->runner.schedule.silent);
	p->blind = blind;
	isb_remote_push(&p->remote);
	speak(p);
}

static void retire(void *arg, struct isb_target *target)
{
	struct prober *p = arg;
	isb_runner_drop(&p->runner, target);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct prober *p = handle->data;
	isb_log(ISB_LOG_INFO, "stopping", "signal=%s", number == SIGTERM ? "SIGTERM" : "SIGINT");
	isb_sdnotify("STOPPING=1");
	uv_stop(&p->loop);
}

static void start(struct prober *p)
{
	uv_timer_init(&p->loop, &p->tick);
	uv_timer_init(&p->loop, &p->again);
	uv_prepare_init(&p->loop, &p->flush);
	uv_signal_init(&p->loop, &p->term);
	uv_signal_init(&p->loop, &p->interrupt);
	p->tick.data = p->again.data = p->flush.data = p->term.data = p->interrupt.data = p;
	uv_timer_start(&p->tick, on_tick, TICK_MS, TICK_MS);
	uv_prepare_start(&p->flush, on_flush);
	uv_signal_start(&p->term, on_signal, SIGTERM);
	uv_signal_start(&p->interrupt, on_signal, SIGINT);
}

static void stop(struct prober *p)
{
	uv_handle_t *handles[] = {(uv_handle_t *)&p->tick, (uv_handle_t *)&p->again, (uv_handle_t *)&p->flush,
	                          (uv_handle_t *)&p->term, (uv_handle_t *)&p->interrupt};
	isb_probe_metrics_close(p->metrics);
	isb_runner_close(&p->runner);
	if (p->link)
		isb_link_cut(p->link);
	if (p->looking)
		uv_cancel((uv_req_t *)&p->lookup);
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		uv_close(handles[i], NULL);
	uv_run(&p->loop, UV_RUN_NOWAIT);
	uv_run(&p->loop, UV_RUN_NOWAIT);
}

int isb_remote_run(const struct isb_probe_options *options)
{
	struct prober *p = isb_xcalloc(1, sizeof(*p));
	uint64_t boot = isb_random_seed();
	p->options = options;
	p->backoff_ms = BACKOFF_MIN_MS;
	p->certificate_days = INT_MAX;
	isb_rng_seed(&p->rng, boot);
	if (uv_loop_init(&p->loop) != 0 || isb_runner_init(&p->runner, &p->loop, options, boot) != ISB_OK) {
		isb_log(ISB_LOG_ERROR, "loop-failed", "error=\"%s\"", isb_strerror(ISB_ENOMEM));
		free(p);
		return EXIT_FAILURE;
	}
	isb_remote_init(&p->remote, &p->runner.schedule, options->name, options->region, boot, isb_clock_ms());
	p->remote.retire = retire;
	p->remote.arg = p;
	start(p);
	isb_log(ISB_LOG_INFO, "probe-started", "name=%s region=%s site=%s port=%u", options->name,
	        *options->region ? options->region : "-", options->site.host, options->site.port);
	int status = EXIT_FAILURE;
	if (open_metrics(p)) {
		attempt(p);
		isb_sdnotify("READY=1"); /* the site may be away for long: that is no reason to be started again */
		uv_run(&p->loop, UV_RUN_DEFAULT);
		status = EXIT_SUCCESS;
	}
	stop(p);
	isb_remote_done(&p->remote);
	if (uv_loop_close(&p->loop) != 0)
		_exit(status); /* a name lookup hangs in its thread, and leaving through exit() would wait for it */
	isb_runner_done(&p->runner);
	isb_probe_metrics_free(p->metrics);
	free(p);
	return status;
}
