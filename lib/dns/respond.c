/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/respond.h"

#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/dns/answer.h"
#include "isobar/dns/chaos.h"
#include "isobar/dns/explain.h"
#include "isobar/dns/query.h"
#include "isobar/dns/reply.h"
#include "isobar/model/rr.h"

enum { UDP_LEAST = 512, TCP_MOST = 65535, UDP_DEFAULT = 1232 };

void isb_context_init(struct isb_context *ctx, uint64_t seed)
{
	static const struct isb_settings off = {0};
	*ctx = (struct isb_context){.udp_payload = UDP_DEFAULT, .settings = &off, .asked = ctx->counters.asked[ISB_ASKED_UDP]};
	isb_rng_seed(&ctx->rng, seed);
}

void isb_context_done(struct isb_context *ctx)
{
	free(ctx->rotor);
	ctx->rotor = ctx->steer.rotor = NULL;
	ctx->nrotor = 0;
}

void isb_context_turn_to(struct isb_context *ctx, const struct isb_view *view)
{
	isb_context_done(ctx);
	ctx->turned_to = view;
	ctx->generation = view->generation;
	if (!view->plan->nrotor)
		return;
	ctx->rotor = isb_xmalloc(view->plan->nrotor * sizeof(*ctx->rotor));
	ctx->nrotor = view->plan->nrotor;
	for (uint32_t i = 0; i < ctx->nrotor; i++)
		ctx->rotor[i] = (uint32_t)isb_rng_next(&ctx->rng);
}

void isb_context_begin(struct isb_context *ctx, const struct isb_view *view, const struct isb_health_table *health,
                       int64_t now_ms)
{
	ctx->view = view;
	ctx->steer = (struct isb_steer_state){.health = health, .admin = view->admin, .nadmin = view->admin_end, .now_ms = now_ms,
	                                      .rng = &ctx->rng, .trace = ctx->trace, .tally = ctx->tally,
	                                      .rotor = ctx->nrotor >= view->plan->nrotor ? ctx->rotor : NULL};
}

/* What a question asks for that no zone has. */
static enum isb_rcode judge_type(uint16_t qtype, struct isb_edns_extra *extra)
{
	enum { NXNAME = 128 }; /* a question for it is always an error: RFC 9824 §3.1 */
	if (isb_type_is_data(qtype) || qtype == ISB_ANY)
		return ISB_NOERROR;
	switch (qtype) {
	case 0:
	case ISB_OPT:
	case NXNAME:
	case ISB_TKEY:
	case ISB_TSIG: return ISB_FORMERR;
	case ISB_IXFR:
	case ISB_AXFR: isb_edns_explain(extra, ISB_EDE_PROHIBITED); return ISB_REFUSED;
	default: isb_edns_explain(extra, ISB_EDE_NOT_SUPPORTED); return ISB_NOTIMP; /* MAILA, MAILB, and what IANA has not given out */
	}
}

/* Whom to steer for: the client's network where the resolver told it and it says where the client is, else the
 * resolver. True: the former, so that the reply's scope is about it. */
static bool steer_for(struct isb_context *ctx, const struct isb_query *query, const struct isb_client *client)
{
	const struct isb_ecs *ecs = &query->edns.ecs;
	bool told = query->edns.has & ISB_EDNS_ECS && isb_ecs_believed(&ecs->addr, ecs->source);
	ctx->steer.client = told ? &ecs->addr : &client->addr;
	return told;
}

static void find(struct isb_context *ctx, const struct isb_client *client, const struct isb_query *query,
                 struct isb_answer *answer)
{
	bool told = steer_for(ctx, query, client);
	isb_answer_find(answer, ctx->view, query, ctx->steer.client, &ctx->steer);
	/* Steered by the resolver's own address. That answer holds for all clients in a private network that tells nothing, and
	 * for none outside it (RFC 7871 §10); without a network, or with SOURCE 0, it is everybody's. */
	if (!told && answer->scope) {
		const struct isb_ecs *ecs = &query->edns.ecs;
		bool has_net = query->edns.has & ISB_EDNS_ECS && ecs->source;
		answer->scope = has_net ? isb_addr_special_bits(&ecs->addr) : 0;
	}
}

/* `rcode` is what reading the query gave. */
static void decide(struct isb_context *ctx, const struct isb_client *client, const struct isb_query *query,
                   enum isb_rcode rcode, struct isb_answer *answer)
{
	isb_answer_init(answer, rcode);
	if (rcode != ISB_NOERROR)
		return;
	if (!query->asks) {
		if (!ctx->settings->cookies.count)
			answer->rcode = ISB_FORMERR; /* it asked for a cookie alone, and there are none (RFC 7873 §5.4) */
		return;
	}
	answer->rcode = judge_type(query->qtype, &answer->extra);
	if (answer->rcode != ISB_NOERROR)
		return;
	if (query->qclass == ISB_CLASS_CH)
		isb_chaos_find(answer, query, ctx->settings);
	else if (query->qclass != ISB_CLASS_IN)
		answer->rcode = ISB_REFUSED;
	else if (!isb_explain_asked(answer, ctx->view, query, &client->addr, &ctx->settings->explain))
		find(ctx, client, query, answer);
}

/* Last of all, for it is the dearest answer: not for whom a limit stopped, and not for an address that anybody may have
 * written. That one is told to come again over TCP, so nobody is sent more than he asked with. */
__attribute__((cold))
static void explain(struct isb_context *ctx, const struct isb_client *client, const struct isb_query *query, bool proven,
                    struct isb_answer *answer)
{
	bool told = steer_for(ctx, query, client);
	answer->cut_short |= !proven;
	if (answer->cut_short)
		return;
	isb_count(&ctx->counters.explained);
	isb_explain_find(answer, ctx->view, query, ctx->steer.client, told, &ctx->steer);
}

__attribute__((cold))
static void check_tsig(struct isb_context *ctx, struct isb_query *query, const uint8_t *in, int *rcode)
{
	enum isb_rcode checked = isb_tsig_check(&query->tsig, ctx->settings->keys, in, ctx->steer.now_ms);
	if (checked == ISB_NOERROR)
		isb_count(&ctx->counters.tsig);
	else
		*rcode = (int)checked; /* before anything is made of the message: RFC 8945 §5.2 */
}

/* What the client asked for beside its question. True when its cookie proves that it receives where it sends from. */
static bool add_extra(struct isb_context *ctx, const struct isb_query *query, const struct isb_client *client,
                      struct isb_edns_extra *extra)
{
	const struct isb_settings *settings = ctx->settings;
	const struct isb_edns *edns = &query->edns;
	bool valid = false;
	if (edns->has & ISB_EDNS_COOKIE && settings->cookies.count) {
		extra->has |= ISB_EDNS_COOKIE;
		valid = isb_cookie_answer(&settings->cookies, edns->cookie.client, edns->cookie.server, edns->cookie.server_len,
		                          &client->addr, ctx->steer.now_ms, extra->server);
		isb_count(valid ? &ctx->counters.cookie_valid : &ctx->counters.cookie_new);
	}
	if (edns->has & ISB_EDNS_NSID && settings->nsid_len) {
		extra->has |= ISB_EDNS_NSID;
		extra->nsid = settings->nsid;
		extra->nsid_len = settings->nsid_len;
	}
	/* RFC 7828 §3.2.2: never over UDP */
	if (edns->has & ISB_EDNS_KEEPALIVE && client->proto == ISB_TCP && settings->tcp_idle_100ms) {
		extra->has |= ISB_EDNS_KEEPALIVE;
		extra->keepalive_100ms = settings->tcp_idle_100ms;
	}
	return valid;
}

static inline size_t size_limit(const struct isb_context *ctx, const struct isb_query *query, enum isb_proto proto,
                                size_t out_cap)
{
	size_t limit = query->edns.payload > UDP_LEAST ? query->edns.payload : UDP_LEAST;
	if (limit > ctx->udp_payload)
		limit = ctx->udp_payload;
	if (proto == ISB_TCP)
		limit = TCP_MOST;
	return limit < out_cap ? limit : out_cap;
}

/* False: the answer is one too many. */
static bool within_limits(struct isb_context *ctx, const struct isb_client *client, bool proven, struct isb_answer *answer)
{
	if (!ctx->rrl)
		return true;
	enum isb_rrl_verdict verdict = isb_rrl_judge(ctx->rrl, &client->addr, &answer->key, proven, ctx->steer.now_ms);
	if (verdict == ISB_RRL_PASS)
		return true;
	isb_count(&ctx->counters.rrl_limited);
	switch (verdict) {
	case ISB_RRL_SLIP:
		isb_count(&ctx->counters.rrl_slipped);
		answer->cut_short = answer->key.class != ISB_RRL_ERROR;
		return true;
	case ISB_RRL_DROP: isb_count(&ctx->counters.rrl_dropped); return false;
	default: return true;
	}
}

uint64_t isb_counted_queries(const struct isb_counters *counters, enum isb_asked_way way)
{
	uint64_t sum = 0;
	for (unsigned type = 0; type < ISB_ASKED_TYPES; type++)
		sum += isb_counted(&counters->asked[way][type]);
	return sum;
}

__attribute__((cold))
static void count_error(struct isb_counters *c, enum isb_rcode rcode)
{
	switch (rcode) {
	case ISB_NOERROR: break;
	case ISB_FORMERR: isb_count(&c->formerr); break;
	case ISB_SERVFAIL: isb_count(&c->servfail); break;
	case ISB_NXDOMAIN: isb_count(&c->nxdomain); break;
	case ISB_NOTIMP: isb_count(&c->notimp); break;
	case ISB_REFUSED: isb_count(&c->refused); break;
	case ISB_YXDOMAIN: isb_count(&c->yxdomain); break;
	case ISB_NOTAUTH: isb_count(&c->notauth); break;
	case ISB_BADVERS: isb_count(&c->badvers); break;
	}
}

/* Every reply counts once here, by its outcome, and perhaps again by what it was like. */
static void count_reply(struct isb_counters *c, const struct isb_query *query, const struct isb_answer *answer,
                        const uint8_t *out)
{
	if (answer->rcode != ISB_NOERROR)
		count_error(c, answer->rcode);
	else
		isb_count(answer->referral                       ? &c->referral
		          : answer->key.class == ISB_RRL_NODATA ? &c->nodata
		                                                : &c->noerror);
	if (out[2] & ISB_FLAG_TC >> 8)
		isb_count(&c->truncated);
	if (answer->steered) {
		isb_count(&c->steered);
		if (answer->failopen)
			isb_count(&c->failopen);
	}
	if (query->edns.has & ISB_EDNS_ECS)
		isb_count(&c->ecs);
}

static uint32_t least_ttl(const struct isb_answer *answer)
{
	uint32_t ttl_s = ISB_NO_TTL;
	for (unsigned i = 0; i < answer->count; i++)
		if (answer->part[i].section <= ISB_AUTHORITY && answer->part[i].ttl_s < ttl_s)
			ttl_s = answer->part[i].ttl_s;
	return ttl_s;
}

__attribute__((cold))
static void summarize(struct isb_summary *summary, const struct isb_view *view, const struct isb_query *query,
                      const struct isb_answer *answer, const uint8_t *out)
{
	const struct isb_plan_endpoint *endpoint =
		answer->endpoint != ISB_NO_ENDPOINT ? isb_plan_endpoint(view->plan, answer->endpoint) : NULL;
	*summary = (struct isb_summary){
		.rcode = answer->rcode,
		.truncated = out[2] & ISB_FLAG_TC >> 8,
		.steered = answer->steered,
		.failopen = answer->failopen,
		.endpoint = endpoint ? isb_plan_text(view->plan, endpoint->name) : "",
		.region = endpoint ? isb_plan_text(view->plan, endpoint->region) : "",
		.ttl_s = least_ttl(answer),
	};
	if (query->asks) {
		summary->name = query->name.wire;
		summary->type = query->qtype;
		summary->cls = query->qclass;
	}
	if (query->edns.has & ISB_EDNS_ECS) {
		summary->ecs = (struct isb_net){.addr = query->edns.ecs.addr, .len = query->edns.ecs.source};
		summary->scope = answer->scope;
	}
}

size_t isb_respond(struct isb_context *ctx, const struct isb_client *client, const uint8_t *in, size_t in_len, uint8_t *out,
                   size_t out_cap)
{
	struct isb_query query;
	struct isb_answer answer;
	bool proven = client->proto == ISB_TCP;
	int rcode = isb_query_read(&query, in, in_len);
	if (rcode == ISB_QUERY_DROP) {
		isb_count(&ctx->asked[0]);
		isb_count(&ctx->counters.dropped);
		return 0;
	}
	if (query.tsig.present)
		check_tsig(ctx, &query, in, &rcode);
	decide(ctx, client, &query, (enum isb_rcode)rcode, &answer);
	if (query.edns.has & ~ISB_EDNS_ECS)
		proven |= add_extra(ctx, &query, client, &answer.extra);
	isb_count(&ctx->asked[query.qtype < ISB_ASKED_TYPES ? query.qtype : 0]);
	if (!within_limits(ctx, client, proven, &answer))
		return 0;
	if (answer.explains)
		explain(ctx, client, &query, proven || query.tsig.present, &answer);
	size_t len = isb_reply_write(out, size_limit(ctx, &query, client->proto, out_cap), &query, &answer);
	count_reply(&ctx->counters, &query, &answer, out);
	if (ctx->summary)
		summarize(ctx->summary, ctx->view, &query, &answer, out);
	return len;
}
