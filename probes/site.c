/* SPDX-License-Identifier: Apache-2.0 */
#include "site.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "exchange_site.h"
#include "look.h"
#include "site_certificate.h"

enum {
	BACKLOG = 256,
	PIECE = 32 * 1024, /* said at once */
	PING_TICKS = 5,
	DAY_TICKS = 86400,
	LOGGED_S = 10 /* refusals told in a second; the rest are counted */
};

struct guest { /* one connection */
	struct isb_site *site;
	struct guest *next;
	struct isb_link *link;
	struct isb_seat seat;
	int64_t since;     /* monotonic: of the connection */
	int64_t heard;     /* of the last whole frame */
	int64_t moved;     /* when what is being sent last moved */
	int64_t budget;    /* octets that it may still send in this second */
	uint64_t frames;   /* of the seat's, when last looked at */
	char from[ISB_ADDR_TEXT];
	bool seated, gone; /* gone: freed once nobody stands in it */
};

struct isb_site {
	const struct isb_probe_options *options;
	struct isb_store *store;
	struct isb_schedule *schedule;
	uv_tcp_t listener;
	struct isb_site_certificate own;
	struct guest *guests; /* newest first */
	struct isb_offer *offer;
	struct isb_awaited awaited;
	unsigned seated, strangers, handshakes, logged, unlogged, ticks;
	uint64_t refused, unmerged;
	bool failing; /* the last merge failed; said once */
};

static int64_t monotonic_ms(void)
{
	return isb_monotonic_us() / 1000;
}

/* --- The door --- */

static void log_refusal(struct isb_site *site, const char *from, const char *name, const char *why)
{
	site->refused++;
	if (site->logged >= LOGGED_S) {
		site->unlogged++;
		return;
	}
	site->logged++;
	isb_log(ISB_LOG_WARNING, "remote-refused", "from=%s name=%s reason=\"%s\"", from, *name ? name : "-", why);
}

static void drop(struct guest *g)
{
	if (g->gone)
		return;
	g->gone = true;
	--*(g->seated ? &g->site->seated : &g->site->strangers);
	isb_link_close(g->link);
}

static void refuse(struct guest *g, const char *why)
{
	log_refusal(g->site, g->from, g->seat.name, why);
	drop(g);
}

static void lose(struct guest *g, const char *why)
{
	isb_log(ISB_LOG_WARNING, "remote-lost", "name=%s from=%s reason=\"%s\"", g->seat.name, g->from, why);
	drop(g);
}

static void end(struct guest *g, const char *why)
{
	if (g->seated)
		lose(g, why);
	else
		refuse(g, why);
}

static void speak(struct guest *g)
{
	struct isb_buf out = {0};
	while (!g->gone && isb_link_idle(g->link)) {
		isb_buf_reset(&out);
		isb_seat_fill(&g->seat, g->site->offer, PIECE, &out);
		if (!out.len)
			break;
		g->moved = monotonic_ms();
		isb_link_send(g->link, out.data, out.len);
	}
	isb_buf_done(&out);
}

static struct guest *find_seated(const struct isb_site *site, const char *name)
{
	for (struct guest *g = site->guests; g; g = g->next)
		if (g->seated && !g->gone && strcmp(g->seat.name, name) == 0)
			return g;
	return NULL;
}

/* What it once told, to be given back; without it a probe that has restarted begins anew. */
static void recall(struct isb_site *site, const char *name, struct isb_buf *known)
{
	struct isb_txn *txn;
	int rc = isb_txn_begin(site->store, ISB_ENV_HEALTH, false, &txn);
	if (rc == ISB_OK) {
		rc = isb_merge_known(txn, site->schedule, name, isb_clock_ms(), known);
		isb_txn_abort(txn);
	}
	if (rc != ISB_OK) {
		isb_log(ISB_LOG_ERROR, "observations-lost", "name=%s error=\"%s\"", name, isb_strerror(rc));
		isb_buf_done(known);
	}
}

static void turn_away(struct guest *g, const char *why)
{
	isb_seat_refuse(&g->seat, why);
	speak(g);
	if (!g->gone)
		refuse(g, why);
}

static void admit(struct guest *g, struct guest *older)
{
	struct isb_site *site = g->site;
	struct isb_buf known = {0};
	if (older)
		lose(older, "a newer connection came under its name");
	recall(site, g->seat.name, &known);
	isb_seat_welcome(&g->seat, site->options->name, &known);
	site->strangers--;
	site->seated++;
	g->seated = true;
	const char *region = g->seat.region;
	isb_log(ISB_LOG_INFO, "remote-connected", "name=%s region=%s from=%s", g->seat.name, *region ? region : "-", g->from);
	if (*region && site->offer && !isb_offer_has_region(site->offer, region))
		isb_log(ISB_LOG_WARNING, "region-unknown",
		        "name=%s region=%s reason=\"not in the catalog; its round trips are used once it is added\"", g->seat.name, region);
	isb_site_certificate_warn_of(g->link, g->seat.name);
	speak(g);
}

/* It told its name. */
static void look_at(struct guest *g)
{
	const char *name = g->seat.name;
	struct guest *older = find_seated(g->site, name);
	char why[320];
	if (!isb_link_peer_is(g->link, name)) {
		struct isb_buf names = {0};
		isb_link_peer_names(g->link, &names);
		snprintf(why, sizeof(why), "its certificate is not for %s but for %s", name,
		         names.len ? names.data : "no name");
		isb_buf_done(&names);
		turn_away(g, why);
	} else if (strcmp(name, g->site->options->name) == 0) {
		turn_away(g, "the site's own probe has that name");
	} else if (!older && g->site->seated >= ISB_SITE_PROBES_MAX) {
		snprintf(why, sizeof(why), "the site has %d probes in other regions already", ISB_SITE_PROBES_MAX);
		turn_away(g, why);
	} else {
		admit(g, older);
	}
}

/* --- What comes from a connection --- */

static void on_ready(void *arg)
{
	(void)arg; /* it is the other side's turn */
}

static void on_data(void *arg, const void *data, size_t len)
{
	struct guest *g = arg;
	if (g->gone)
		return;
	g->budget -= (int64_t)len;
	if (g->budget <= 0)
		isb_link_pause(g->link, true);
	int rc = isb_seat_feed(&g->seat, data, len, isb_clock_ms());
	if (g->seat.frames != g->frames)
		g->heard = monotonic_ms();
	g->frames = g->seat.frames;
	if (rc != ISB_OK) {
		speak(g); /* a refusal of its version */
		if (!g->gone)
			end(g, g->seat.fault);
	} else if (g->seat.state == ISB_SEAT_ASKED) {
		look_at(g);
	}
}

static void on_drained(void *arg)
{
	struct guest *g = arg;
	g->moved = monotonic_ms();
	speak(g);
}

static void on_ended(void *arg, const char *why, bool mute)
{
	struct guest *g = arg;
	if (g->gone)
		return;
	if (mute) /* somebody looked whether the port is open */
		drop(g);
	else
		end(g, why);
}

/* --- Connections --- */

static bool is_near(const struct isb_addr *a, const struct isb_addr *b)
{
	struct isb_net net = isb_net_around(a, a->family == 4 ? 32 : 64);
	return isb_net_has(&net, b);
}

static unsigned count_near(const struct isb_site *site, const struct isb_addr *peer)
{
	unsigned count = 0;
	for (const struct guest *g = site->guests; g; g = g->next)
		count += !g->gone && !g->seated && is_near(peer, isb_link_peer(g->link));
	return count;
}

static void drop_oldest_stranger(struct isb_site *site)
{
	struct guest *oldest = NULL;
	for (struct guest *g = site->guests; g; g = g->next)
		if (!g->gone && !g->seated)
			oldest = g;
	if (oldest)
		refuse(oldest, "too many connections that did not introduce themselves");
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct isb_site *site = listener->data;
	struct isb_link *link = status == 0 ? isb_link_accept(listener) : NULL;
	if (!link)
		return;
	const struct isb_addr *peer = isb_link_peer(link);
	if (!site->handshakes || count_near(site, peer) >= ISB_SITE_STRANGERS_NEAR) {
		char from[ISB_ADDR_TEXT];
		log_refusal(site, isb_addr_print(peer, from), "", "too many connections at once");
		isb_link_close(link);
		return;
	}
	if (site->strangers >= ISB_SITE_STRANGERS_MAX)
		drop_oldest_stranger(site);
	struct guest *g = isb_xcalloc(1, sizeof(*g));
	const struct isb_link_user user = {on_ready, on_data, on_drained, on_ended, g};
	*g = (struct guest){.site = site, .next = site->guests, .link = link, .since = monotonic_ms(),
	                    .budget = ISB_SITE_OCTETS_S};
	isb_addr_print(peer, g->from);
	isb_seat_init(&g->seat);
	site->guests = g;
	site->strangers++;
	site->handshakes--;
	if (isb_link_serve(link, site->own.tls, &user) != ISB_OK)
		refuse(g, "out of memory");
}

/* --- Time --- */

static void look_after(struct guest *g, int64_t now)
{
	if (!g->seated) {
		if (now - g->since > ISB_SITE_INTRODUCE_MS)
			refuse(g, "it did not introduce itself in time");
		return;
	}
	if (now - g->heard > ISB_SITE_SILENCE_MS) {
		lose(g, "it is silent");
		return;
	}
	if (!isb_link_idle(g->link) && now - g->moved > ISB_SITE_SILENCE_MS) {
		lose(g, "it does not read");
		return;
	}
	g->budget = ISB_SITE_OCTETS_S;
	isb_link_pause(g->link, false);
	if (g->site->ticks % PING_TICKS == 0)
		isb_seat_ping(&g->seat);
	speak(g);
}

static void warn_of_ends(const struct isb_site *site)
{
	isb_site_certificate_warn(&site->own);
	for (const struct guest *g = site->guests; g; g = g->next)
		if (!g->gone && g->seated)
			isb_site_certificate_warn_of(g->link, g->seat.name);
}

void isb_site_tick(struct isb_site *site)
{
	int64_t now = monotonic_ms();
	site->ticks++;
	site->handshakes = ISB_SITE_HANDSHAKES_S;
	isb_site_certificate_renew(&site->own);
	if (site->ticks % DAY_TICKS == 0)
		warn_of_ends(site);
	for (struct guest *g = site->guests; g; g = g->next)
		if (!g->gone)
			look_after(g, now);
	if (site->unlogged)
		isb_log(ISB_LOG_WARNING, "remotes-refused", "more=%u", site->unlogged);
	site->logged = site->unlogged = 0;
}

void isb_site_offer(struct isb_site *site, const struct isb_catalog *catalog, uint64_t generation)
{
	isb_offer_release(site->offer);
	site->offer = isb_offer_new(catalog, generation);
	for (struct guest *g = site->guests; g; g = g->next)
		if (!g->gone && g->seated)
			speak(g);
}

/* --- Merging --- */

static int merge_all(struct isb_site *site, struct isb_txn *txn, int64_t now_ms)
{
	int rc = ISB_OK;
	for (struct guest *g = site->guests; g && rc == ISB_OK; g = g->next) {
		size_t stale = 0;
		const struct isb_remote_table table = isb_seat_table(&g->seat, g->from);
		/* what an older connection told last comes before what the newer one told: it must not undo it */
		bool outdated = g->gone && find_seated(site, g->seat.name);
		if (!g->seat.news || !g->seated || outdated)
			continue;
		rc = isb_merge_table(txn, site->schedule, &table, now_ms, &stale);
		if (stale)
			isb_log(ISB_LOG_DEBUG, "remote-stale", "name=%s observations=%zu", g->seat.name, stale);
	}
	return rc;
}

static void merged(struct isb_site *site)
{
	for (struct guest *g = site->guests; g; g = g->next) {
		if (g->seated && g->seat.whole)
			isb_awaited_came(&site->awaited, g->seat.name);
		isb_seat_merged(&g->seat);
	}
}

static void sweep(struct isb_site *site)
{
	for (struct guest **at = &site->guests; *at;) {
		struct guest *g = *at;
		if (!g->gone) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		isb_seat_done(&g->seat);
		free(g);
	}
}

static bool has_news(const struct isb_site *site)
{
	for (const struct guest *g = site->guests; g; g = g->next)
		if (g->seated && g->seat.news)
			return true;
	return false;
}

bool isb_site_merge(struct isb_site *site, int64_t now_ms)
{
	struct isb_txn *txn;
	bool news = has_news(site);
	int rc = news ? isb_txn_begin(site->store, ISB_ENV_HEALTH, true, &txn) : ISB_OK;
	if (news && rc == ISB_OK) {
		rc = merge_all(site, txn, now_ms);
		if (rc == ISB_OK)
			rc = isb_txn_commit(txn);
		else
			isb_txn_abort(txn);
	}
	if (rc != ISB_OK && !site->failing)
		isb_log(ISB_LOG_ERROR, "merge-failed", "error=\"%s\" what other probes tell is lost meanwhile",
		        isb_strerror(rc));
	site->failing = rc != ISB_OK;
	site->unmerged += rc != ISB_OK;
	if (news) /* after a failure too: memory is bounded, and the next observation of each target comes soon */
		merged(site);
	sweep(site);
	return news;
}

void isb_site_look(const struct isb_site *site, struct isb_look *look)
{
	look->listens = true;
	look->refused = site->refused;
	look->certificate_days = isb_tls_days(site->own.tls);
	look->remotes = isb_arena_alloc(&look->arena, site->seated * sizeof(*look->remotes));
	for (const struct guest *g = site->guests; g; g = g->next)
		if (g->seated && !g->gone)
			look->remotes[look->nremote++] = (struct isb_look_remote){
				.name = isb_arena_strdup(&look->arena, g->seat.name),
				.region = isb_arena_strdup(&look->arena, g->seat.region), .certificate_days = isb_link_peer_days(g->link)};
	isb_look_add_trouble(look, "merge", site->unmerged);
}

bool isb_site_awaits(const struct isb_site *site, int64_t now_ms)
{
	return isb_awaited_any(&site->awaited, now_ms);
}

/* --- Life --- */

static int recall_probes(struct isb_site *site)
{
	struct isb_txn *txn;
	int rc = isb_txn_begin(site->store, ISB_ENV_HEALTH, false, &txn);
	if (rc != ISB_OK)
		return rc;
	rc = isb_awaited_init(&site->awaited, txn, isb_clock_ms());
	isb_txn_abort(txn);
	return rc;
}

static int listen_on(struct isb_site *site)
{
	const struct isb_hostport *at = &site->options->listen;
	struct sockaddr_storage sa;
	struct isb_addr addr;
	int rc = isb_addr_parse(at->host, &addr);
	if (rc != ISB_OK)
		return UV_EINVAL;
	isb_addr_to_sockaddr(&addr, at->port, &sa);
	rc = uv_tcp_bind(&site->listener, (const struct sockaddr *)&sa, 0);
	return rc == 0 ? uv_listen((uv_stream_t *)&site->listener, BACKLOG, on_connection) : rc;
}

int isb_site_new(uv_loop_t *loop, const struct isb_probe_options *options, struct isb_store *store,
                 struct isb_schedule *schedule, struct isb_site **ret_site)
{
	struct isb_site_certificate own;
	if (isb_site_certificate_init(&own, &options->tls) != ISB_OK)
		return ISB_EINVAL;
	struct isb_site *site = isb_xcalloc(1, sizeof(*site));
	*site = (struct isb_site){.options = options, .store = store, .schedule = schedule, .own = own,
	                          .handshakes = ISB_SITE_HANDSHAKES_S};
	*ret_site = site;
	uv_tcp_init(loop, &site->listener);
	site->listener.data = site;
	int rc = recall_probes(site);
	if (rc != ISB_OK)
		isb_log(ISB_LOG_ERROR, "probes-unreadable", "error=\"%s\" none is waited for", isb_strerror(rc));
	rc = listen_on(site);
	if (rc != 0) {
		isb_log(ISB_LOG_ERROR, "listen-failed", "address=%s port=%u error=\"%s\"", options->listen.host,
		        options->listen.port, uv_strerror(rc));
		return ISB_EIO;
	}
	isb_log(ISB_LOG_INFO, "listening-for-probes", "address=%s port=%u awaited=%zu", options->listen.host,
	        options->listen.port, site->awaited.count);
	return ISB_OK;
}

void isb_site_close(struct isb_site *site)
{
	if (!site)
		return;
	for (struct guest *g = site->guests; g; g = g->next) {
		if (!g->gone)
			isb_link_cut(g->link);
		g->gone = true;
	}
	uv_close((uv_handle_t *)&site->listener, NULL);
}

void isb_site_free(struct isb_site *site)
{
	if (!site)
		return;
	sweep(site);
	isb_offer_release(site->offer);
	isb_awaited_done(&site->awaited);
	isb_site_certificate_done(&site->own);
	free(site);
}
