/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <stdalign.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "clients.h"
#include "dnstap.h"
#include "handed.h"
#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "querylog.h"
#include "sampler.h"
#include "worker.h"

struct isb_tap {
	alignas(ISB_CACHE_LINE) struct isb_taps *taps;
	unsigned worker;
	struct isb_rng rng; /* of its own: looking on must not change what is answered */
	struct isb_sampler log, dnstap, clients;
	uint32_t passed; /* queries that were not shown before this one */
	struct isb_summary summary;
};

struct isb_taps {
	struct isb_querylog *log; /* or NULL */
	struct isb_dnstap *dnstap; /* or NULL */
	struct isb_clients *clients; /* or NULL */
	struct isb_tap tap[];
};

int isb_taps_new(const struct isb_options *options, struct isb_handed *handed, unsigned workers, struct isb_live *live,
                 struct isb_diags *diags, struct isb_taps **ret_taps)
{
	if (!options->query_log && !options->dnstap && !options->clients && !options->nmetrics) {
		*ret_taps = NULL;
		return ISB_OK;
	}
	struct isb_taps *taps = isb_xcalloc_apart(sizeof(*taps) + workers * sizeof(taps->tap[0]));
	int rc = ISB_OK;
	if (options->query_log)
		rc = isb_querylog_new(options->query_log, workers, diags, &taps->log);
	if (rc == ISB_OK && options->dnstap)
		rc = isb_dnstap_new(options->dnstap, options->nsid, workers, diags, &taps->dnstap);
	if (rc == ISB_OK && (options->clients || options->nmetrics))
		rc = isb_clients_new(options->clients,
		                     options->clients ? isb_handed_local(handed, SOCK_STREAM, options->clients) : -1, workers,
		                     options->nmetrics ? live : NULL, diags, &taps->clients);
	if (rc != ISB_OK) {
		isb_taps_free(taps);
		return rc;
	}
	for (unsigned i = 0; i < workers; i++) {
		struct isb_tap *tap = &taps->tap[i];
		tap->taps = taps;
		tap->worker = i;
		isb_rng_seed(&tap->rng, isb_random_seed());
		isb_sampler_init(&tap->log, taps->log ? options->query_log_sample : 0, &tap->rng);
		isb_sampler_init(&tap->dnstap, taps->dnstap ? options->dnstap_sample : 0, &tap->rng);
		isb_sampler_init(&tap->clients, taps->clients ? ISB_CLIENTS_SAMPLE : 0, &tap->rng);
	}
	*ret_taps = taps;
	return ISB_OK;
}

void isb_taps_free(struct isb_taps *taps)
{
	if (!taps)
		return;
	isb_querylog_free(taps->log);
	isb_dnstap_free(taps->dnstap);
	isb_clients_free(taps->clients);
	free(taps);
}

struct isb_clients *isb_taps_clients(struct isb_taps *taps)
{
	return taps ? taps->clients : NULL;
}

void isb_taps_reopen(struct isb_taps *taps)
{
	if (taps && taps->log)
		isb_querylog_reopen(taps->log);
	if (taps && taps->dnstap)
		isb_dnstap_reopen(taps->dnstap);
}

int isb_taps_socket(const struct isb_taps *taps)
{
	return taps && taps->clients ? isb_clients_socket(taps->clients) : -1;
}

void isb_taps_leave(struct isb_taps *taps)
{
	if (taps && taps->clients)
		isb_clients_leave(taps->clients);
}

void isb_taps_settle(struct isb_taps *taps)
{
	if (taps && taps->clients)
		isb_clients_settle(taps->clients);
}

struct isb_tap *isb_taps_of(struct isb_taps *taps, unsigned worker)
{
	return taps ? &taps->tap[worker] : NULL;
}

uint64_t isb_tap_lost(const struct isb_tap *tap)
{
	return tap && tap->taps->dnstap ? isb_dnstap_lost(tap->taps->dnstap, tap->worker) : 0;
}

static uint32_t idle(const struct isb_tap *tap)
{
	uint32_t log = isb_sampler_idle(&tap->log), dnstap = isb_sampler_idle(&tap->dnstap), clients = isb_sampler_idle(&tap->clients);
	uint32_t least = log < dnstap ? log : dnstap;
	return least < clients ? least : clients;
}

size_t isb_tap_respond(struct isb_worker *worker, const struct isb_turn *turn, const struct isb_client *client,
                       const uint8_t *in, size_t in_len, uint8_t *out, size_t out_cap)
{
	struct isb_tap *tap = worker->tap;
	struct isb_dnstap_event event;
	if (!tap) {
		worker->untapped = UINT64_MAX;
		return isb_respond(&worker->ctx, client, in, in_len, out, out_cap);
	}
	isb_sampler_pass(&tap->log, tap->passed);
	isb_sampler_pass(&tap->dnstap, tap->passed);
	isb_sampler_pass(&tap->clients, tap->passed);
	bool log = isb_sampler_takes(&tap->log, &tap->rng), dnstap = isb_sampler_takes(&tap->dnstap, &tap->rng);
	if (dnstap)
		clock_gettime(CLOCK_REALTIME, &event.asked);
	bool clients = isb_sampler_takes(&tap->clients, &tap->rng);
	worker->untapped = tap->passed = idle(tap);
	worker->ctx.summary = log || clients ? &tap->summary : NULL;
	size_t len = isb_respond(&worker->ctx, client, in, in_len, out, out_cap);
	worker->ctx.summary = NULL;
	if (!len)
		return 0;
	if (log && !isb_querylog_add(tap->taps->log, tap->worker, &tap->summary, client, turn->now_ms, len))
		isb_count(&worker->net.querylog_dropped);
	if (clients)
		isb_clients_add(tap->taps->clients, tap->worker, &tap->summary, client);
	if (dnstap) {
		clock_gettime(CLOCK_REALTIME, &event.answered);
		event.client = client;
		event.query = in;
		event.query_len = in_len;
		event.response = out;
		event.response_len = len;
		if (!isb_dnstap_add(tap->taps->dnstap, tap->worker, &event))
			isb_count(&worker->net.dnstap_dropped);
	}
	return len;
}
