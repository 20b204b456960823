/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <inttypes.h>
#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "ask.h"
#include "check.h"
#include "measure_plan.h"
#include "measure_write.h"

enum {
	ASK_MS = 60000,           /* the server, which networks */
	ASK_TIMEOUT_MS = 5000,
	ECHO_TIMEOUT_MS = 2000,
	WRITE_MS = 60000,         /* from write to write: after each the server reads all there is */
	SWEEP_MS = 3600 * 1000,
	TRIPS_MAX = 1 << 16,      /* that wait to be written; past them the latest are lost */
	US_MAX = 60 * 1000 * 1000 /* as the import takes them */
};

/* One echo request: a check of type icmp. */
struct echo {
	struct isb_measure *measure;
	struct isb_measured *of;
	struct isb_spec spec;
	struct isb_kept *kept; /* NULL: there is no connection to keep */
	struct isb_check_run *run;
	struct echo *next, **link;
};

struct trips {
	struct isb_trip *list;
	size_t count, cap;
};

struct isb_measure {
	uv_loop_t *loop;
	struct isb_store *store;
	const char *region;
	const struct isb_measure_options *options;
	struct isb_checker *checker;
	struct isb_measure_plan plan;
	bool known;          /* the region is in the catalog */
	uv_timer_t wake;     /* the next request */
	struct isb_ask *ask; /* NULL: no question is under way */
	struct echo *echoes;
	int64_t ask_ms, write_ms, sweep_ms; /* monotonic: the next time */
	bool mute, deaf;     /* told of: cannot send; the server does not say */
	struct trips waiting, writing;
	uv_work_t work;      /* while writing.count > 0 */
	bool sweep;
	int write_rc;
	struct isb_demand_row rows[ISB_DEMAND_ROWS];
};

static int64_t monotonic_ms(void)
{
	return isb_monotonic_us() / 1000;
}

/* --- Echo requests ------------------------------------------------------------------------------------------------- */

static void note_trip(struct isb_measure *m, const struct isb_net *net, uint32_t us)
{
	struct trips *w = &m->waiting;
	if (w->count == TRIPS_MAX || us > US_MAX)
		return;
	if (w->count == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 64;
		w->list = isb_xrealloc(w->list, w->cap * sizeof(*w->list));
	}
	w->list[w->count++] = (struct isb_trip){*net, us, isb_clock_ms()};
}

static void forget(struct echo *echo)
{
	*echo->link = echo->next;
	if (echo->next)
		echo->next->link = echo->link;
	free(echo);
}

static void send_due(struct isb_measure *m);

static void on_wake(uv_timer_t *timer)
{
	send_due(timer->data);
}

static void on_echo(void *arg, void *item, const struct isb_outcome *outcome, const char *detail)
{
	struct isb_measure *m = arg;
	struct echo *echo = item;
	struct isb_measured *of = echo->of;
	char addr[ISB_ADDR_TEXT];
	bool own = outcome->kind == ISB_OUT_INTERNAL, answered = outcome->kind == ISB_OUT_OK;
	if (own && !m->mute)
		isb_log(ISB_LOG_WARNING, "measure-trouble", "reason=\"%s\" nothing is measured until that is mended",
		        detail ? detail : "-");
	m->mute = own;
	isb_log(ISB_LOG_DEBUG, "measured", "address=%s answered=%d round_trip_us=%" PRIu32, isb_addr_print(&of->addr, addr),
	        answered, outcome->connect_us);
	if (answered && m->known)
		note_trip(m, &of->net, outcome->connect_us);
	if (own)
		isb_measure_plan_pause(&m->plan, of, monotonic_ms());
	else
		isb_measure_plan_record(&m->plan, of, answered, monotonic_ms());
	forget(echo);
	uv_timer_start(&m->wake, on_wake, 0, 0);
}

static void send_echo(struct isb_measure *m, struct isb_measured *of)
{
	struct echo *echo = isb_xcalloc(1, sizeof(*echo));
	*echo = (struct echo){.measure = m, .of = of, .spec = {.type = ISB_CHECK_ICMP, .addr = of->addr},
	                      .next = m->echoes, .link = &m->echoes};
	if (m->echoes)
		m->echoes->link = &echo->next;
	m->echoes = echo;
	echo->run = isb_check_start(m->checker, &echo->spec, ECHO_TIMEOUT_MS, &echo->kept, echo);
}

static void send_due(struct isb_measure *m)
{
	struct isb_measured *of;
	int64_t now = monotonic_ms();
	while (m->known && (of = isb_measure_plan_take(&m->plan, now)))
		send_echo(m, of);
	int64_t wait = isb_measure_plan_wait(&m->plan, now);
	if (wait < 0 || !m->known) {
		uv_timer_stop(&m->wake);
		return;
	}
	uv_update_time(m->loop);
	uv_timer_start(&m->wake, on_wake, (uint64_t)wait, 0);
}

/* --- Asking the server --------------------------------------------------------------------------------------------- */

static void set_deaf(struct isb_measure *m, const char *trouble)
{
	if (trouble && !m->deaf)
		isb_log(ISB_LOG_WARNING, "measure-list-failed", "socket=\"%s\" reason=\"%s\"", m->options->socket, trouble);
	else if (!trouble && m->deaf)
		isb_log(ISB_LOG_INFO, "measure-list-recovered", "socket=\"%s\"", m->options->socket);
	m->deaf = trouble;
}

static void on_list(void *arg, const char *text, size_t len, const char *trouble)
{
	struct isb_measure *m = arg;
	size_t count = 0;
	m->ask = NULL;
	if (!trouble && isb_demand_parse(text, len, m->rows, &count) != ISB_OK)
		trouble = "what it says is no list of networks; is it the socket of isobard --clients?";
	set_deaf(m, trouble);
	if (trouble)
		return;
	isb_log(ISB_LOG_DEBUG, "measure-list", "networks=%zu", count);
	isb_measure_plan_update(&m->plan, m->rows, count, monotonic_ms());
	send_due(m);
}

/* --- Writing ------------------------------------------------------------------------------------------------------- */

static void write_work(uv_work_t *work)
{
	struct isb_measure *m = work->data;
	m->write_rc = isb_measure_write(m->store, m->region, m->writing.list, m->writing.count, isb_clock_ms(), m->sweep);
}

static void write_done(uv_work_t *work, int status)
{
	struct isb_measure *m = work->data;
	if (status == 0 && m->write_rc != ISB_OK)
		isb_log(ISB_LOG_ERROR, "round-trips-lost", "samples=%zu error=\"%s\"", m->writing.count, isb_strerror(m->write_rc));
	else if (status == 0)
		isb_log(ISB_LOG_DEBUG, "round-trips-written", "samples=%zu", m->writing.count);
	m->writing.count = 0;
}

static void write_trips(struct isb_measure *m, int64_t now)
{
	struct trips full = m->waiting;
	m->waiting = m->writing;
	m->writing = full;
	m->write_ms = now + WRITE_MS;
	m->sweep = now >= m->sweep_ms;
	if (m->sweep)
		m->sweep_ms = now + SWEEP_MS;
	isb_log(ISB_LOG_DEBUG, "round-trips-writing", "samples=%zu", m->writing.count);
	if (uv_queue_work(m->loop, &m->work, write_work, write_done) != 0)
		m->writing.count = 0;
}

/* A round's trips belong together; but where one round runs into the next, a minute's. */
static bool is_time_to_write(const struct isb_measure *m, int64_t now)
{
	if (!m->waiting.count || m->writing.count || now < m->write_ms)
		return false;
	return isb_measure_plan_idle(&m->plan) || isb_clock_ms() - m->waiting.list[0].time_ms >= WRITE_MS;
}

/* --- Life ---------------------------------------------------------------------------------------------------------- */

int isb_measure_new(uv_loop_t *loop, struct isb_store *store, const char *region,
                    const struct isb_measure_options *options, struct isb_measure **ret_measure)
{
	struct isb_measure *m = isb_xcalloc(1, sizeof(*m));
	int rc = isb_checker_new(loop, NULL, on_echo, m, &m->checker);
	if (rc != ISB_OK) {
		free(m);
		return rc;
	}
	m->loop = loop;
	m->store = store;
	m->region = region;
	m->options = options;
	m->sweep_ms = monotonic_ms() + SWEEP_MS;
	m->wake.data = m->work.data = m;
	isb_measure_plan_init(&m->plan, options->rate, &options->deny);
	uv_timer_init(loop, &m->wake);
	isb_log(ISB_LOG_INFO, "measuring", "socket=\"%s\" rate=%u denied=%zu", options->socket, options->rate,
	        options->deny.count);
	*ret_measure = m;
	return ISB_OK;
}

void isb_measure_follow(struct isb_measure *m, const struct isb_catalog *catalog)
{
	struct isb_deny *ours = &m->plan.ours;
	isb_deny_reset(ours);
	for (size_t i = 0; i < catalog->npool; i++)
		for (size_t k = 0; k < catalog->pools[i].nendpoint; k++) {
			const struct isb_endpoint *e = &catalog->pools[i].endpoints[k];
			for (size_t a = 0; a < e->naddress; a++) {
				struct isb_net net = isb_net_around(&e->addresses[a], isb_addr_bits(&e->addresses[a]));
				net = isb_demand_net(&net);
				isb_deny_add(ours, &net);
			}
		}
	isb_deny_seal(ours);
	m->known = isb_catalog_region(catalog, m->region);
	if (!m->known)
		m->waiting.count = 0; /* the import would refuse them too */
	send_due(m);
}

void isb_measure_tick(struct isb_measure *m)
{
	int64_t now = monotonic_ms();
	if (m->known && !m->ask && now >= m->ask_ms) {
		m->ask_ms = now + ASK_MS;
		m->ask = isb_ask_start(m->loop, m->options->socket, ISB_DEMAND_TEXT, ASK_TIMEOUT_MS, on_list, m);
	}
	if (is_time_to_write(m, now))
		write_trips(m, now);
}

void isb_measure_close(struct isb_measure *m)
{
	if (!m)
		return;
	isb_ask_cancel(m->ask);
	while (m->echoes) {
		isb_check_cancel(m->echoes->run);
		forget(m->echoes);
	}
	isb_checker_close(m->checker);
	uv_close((uv_handle_t *)&m->wake, NULL);
	if (m->writing.count)
		uv_cancel((uv_req_t *)&m->work);
}

bool isb_measure_is_writing(const struct isb_measure *m)
{
	return m && m->writing.count;
}

void isb_measure_free(struct isb_measure *m)
{
	if (!m)
		return;
	isb_checker_free(m->checker);
	isb_measure_plan_done(&m->plan);
	free(m->waiting.list);
	free(m->writing.list);
	free(m);
}
