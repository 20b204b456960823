/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/rr.h"
#include "metrics_parts.h"
#include "udp.h"

/* --- Queries ------------------------------------------------------------------------------------------------------- */

/* Few and always the same, so that nobody can make more of them by asking. */
static const struct {
	uint16_t type;
	const char *name;
} types[] = {{ISB_A, "A"},     {ISB_AAAA, "AAAA"},   {ISB_CNAME, "CNAME"}, {ISB_TXT, "TXT"}, {ISB_MX, "MX"},
             {ISB_NS, "NS"},   {ISB_SOA, "SOA"},     {ISB_SRV, "SRV"},     {ISB_HTTPS, "HTTPS"}, {ISB_SVCB, "SVCB"},
             {ISB_PTR, "PTR"}, {ISB_ANY, "ANY"},     {ISB_DS, "DS"}};
enum { TYPES = sizeof(types) / sizeof(types[0]) };

struct way {
	const char *transport, *family;
	uint64_t count[TYPES], all;
};

static void add_way(struct way *way, const struct isb_worker *worker, enum isb_asked_way asked)
{
	for (unsigned i = 0; i < TYPES; i++)
		way->count[i] += isb_counted(&worker->ctx.counters.asked[asked][types[i].type]);
	way->all += isb_counted_queries(&worker->ctx.counters, asked);
}

static void print_way(struct isb_page *page, const char *name, const struct way *way)
{
	uint64_t other = way->all;
	for (unsigned i = 0; i < TYPES; i++) {
		isb_prom_count(page->out, name,
		               ISB_PROM_LABELS({"transport", way->transport}, {"family", way->family}, {"type", types[i].name}),
		               way->count[i]);
		other -= way->count[i] < other ? way->count[i] : other; /* the parts were read before the whole, but in no order */
	}
	isb_prom_count(page->out, name, ISB_PROM_LABELS({"transport", way->transport}, {"family", way->family}, {"type", "other"}),
	               other);
}

static void print_queries(struct isb_page *page)
{
	static const char name[] = "isobar_dns_queries_total";
	struct way ways[] = {{.transport = "udp", .family = "ipv4"}, {.transport = "udp", .family = "ipv6"},
	                     {.transport = "tcp", .family = "ipv4"}, {.transport = "tcp", .family = "ipv6"}};
	for (size_t i = 0; i < page->from->nworker; i++) {
		const struct isb_worker *worker = page->from->workers[i];
		add_way(&ways[worker->kind == ISB_WORKER_UDP6], worker, ISB_ASKED_UDP); /* a worker of TCP has none */
		add_way(&ways[2], worker, ISB_ASKED_TCP_IPV4);
		add_way(&ways[3], worker, ISB_ASKED_TCP_IPV6);
	}
	isb_prom_family(page->out, name, ISB_PROM_COUNTER,
	                "Queries that came in, by transport, family of the socket or, over TCP, of the client, and type.");
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		print_way(page, name, &ways[i]);
}

/* --- Counters of all workers --------------------------------------------------------------------------------------- */

struct sums {
#define X(name) uint64_t name;
	ISB_COUNTER_MAP(X)
	ISB_NET_COUNTER_MAP(X)
#undef X
	uint64_t udp_overruns;
};

static struct sums add_up(const struct isb_page *page)
{
	struct sums sum = {0};
	for (size_t i = 0; i < page->from->nworker; i++) {
		const struct isb_worker *worker = page->from->workers[i];
#define X(name) sum.name += isb_counted(&worker->ctx.counters.name);
		ISB_COUNTER_MAP(X)
#undef X
#define X(name) sum.name += isb_counted(&worker->net.name);
		ISB_NET_COUNTER_MAP(X)
#undef X
		sum.dnstap_dropped += isb_tap_lost(worker->tap);
		if (worker->udp)
			sum.udp_overruns += isb_udp_overruns(worker->udp);
	}
	return sum;
}

static void print_responses(struct isb_page *page, const struct sums *sum)
{
	static const char name[] = "isobar_dns_responses_total";
	const struct {
		const char *rcode;
		uint64_t count;
	} rows[] = {{"NOERROR", sum->noerror + sum->nodata + sum->referral}, {"FORMERR", sum->formerr},
	            {"SERVFAIL", sum->servfail}, {"NXDOMAIN", sum->nxdomain}, {"NOTIMP", sum->notimp}, {"REFUSED", sum->refused},
	            {"YXDOMAIN", sum->yxdomain}, {"NOTAUTH", sum->notauth}, {"BADVERS", sum->badvers}};
	isb_prom_family(page->out, name, ISB_PROM_COUNTER, "Answers, by what they say; dropped queries have none.");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		isb_prom_count(page->out, name, ISB_PROM_LABELS({"rcode", rows[i].rcode}), rows[i].count);
}

static void print_kinds(struct isb_page *page, const struct sums *sum)
{
	isb_page_total(page, "isobar_dns_queries_dropped_total", "Messages that got no answer: too short, or no queries.", sum->dropped);
	isb_page_total(page, "isobar_dns_queries_ecs_total", "Queries answered that brought a client subnet (RFC 7871).", sum->ecs);
	isb_page_total(page, "isobar_dns_queries_signed_total", "Queries that were signed, and rightly (TSIG).", sum->tsig);
	isb_page_total(page, "isobar_dns_responses_nodata_total", "Answers NOERROR without a record of the type.", sum->nodata);
	isb_page_total(page, "isobar_dns_responses_referral_total", "Answers that lead to another server.", sum->referral);
	isb_page_total(page, "isobar_dns_responses_truncated_total", "Answers cut short, so that the client asks again over TCP.",
	               sum->truncated);
	isb_page_total(page, "isobar_dns_responses_steered_total", "Answers in which a record decided.", sum->steered);
	isb_page_total(page, "isobar_dns_responses_failopen_total", "Those among them given while nothing was usable.", sum->failopen);
	isb_page_total(page, "isobar_dns_responses_explained_total", "Questions why that were answered.", sum->explained);
}

static void print_limits(struct isb_page *page, const struct sums *sum)
{
	static const char cookies[] = "isobar_dns_cookies_total";
	isb_prom_family(page->out, cookies, ISB_PROM_COUNTER, "Queries with a DNS cookie: new to the client, or a valid one of ours.");
	isb_prom_count(page->out, cookies, ISB_PROM_LABELS({"cookie", "new"}), sum->cookie_new);
	isb_prom_count(page->out, cookies, ISB_PROM_LABELS({"cookie", "valid"}), sum->cookie_valid);
	isb_page_total(page, "isobar_dns_rrl_limited_total", "Answers over a limit, whatever came of them.", sum->rrl_limited);
	isb_page_total(page, "isobar_dns_rrl_slipped_total", "Those that went out all the same, truncated or as errors.",
	               sum->rrl_slipped);
	isb_page_total(page, "isobar_dns_rrl_dropped_total", "Those that did not go out.", sum->rrl_dropped);
}

static void print_net(struct isb_page *page, const struct sums *sum)
{
	static const char ended[] = "isobar_dns_tcp_ended_total";
	const struct {
		const char *reason;
		uint64_t count;
	} rows[] = {{"idle", sum->tcp_idle},         {"stalled", sum->tcp_stalled}, {"evicted", sum->tcp_evicted},
	            {"expired", sum->tcp_expired},   {"malformed", sum->tcp_malformed}, {"refused", sum->tcp_refused},
	            {"error", sum->tcp_errors}};
	uint64_t open = sum->tcp_opened > sum->tcp_closed ? sum->tcp_opened - sum->tcp_closed : 0;
	isb_page_total(page, "isobar_dns_udp_errors_total", "Times that receiving failed.", sum->udp_errors);
	isb_page_total(page, "isobar_dns_udp_unsent_total", "Answers that could not be sent.", sum->udp_unsent);
	isb_page_total(page, "isobar_dns_udp_overruns_total", "Datagrams that the kernel threw away because a socket was full.",
	               sum->udp_overruns);
	isb_page_total(page, "isobar_dns_tcp_opened_total", "Connections.", sum->tcp_opened);
	isb_page_gauge(page, "isobar_dns_tcp_connections", "Connections that are open.", (double)open);
	isb_prom_family(page->out, ended, ISB_PROM_COUNTER, "Connections that the server ended or did not take, by why.");
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		isb_prom_count(page->out, ended, ISB_PROM_LABELS({"reason", rows[i].reason}), rows[i].count);
	isb_page_total(page, "isobar_dns_proxy_refused_total", "PROXY headers from senders that may not speak for clients.",
	               sum->proxy_refused);
	isb_page_total(page, "isobar_dns_proxy_malformed_total", "PROXY headers that are none.", sum->proxy_malformed);
	isb_page_total(page, "isobar_dns_health_errors_total", "Batches answered from the last health words that could be read.",
	               sum->health_errors);
	isb_page_total(page, "isobar_dns_querylog_dropped_total", "Lines of the query log that found no room.", sum->querylog_dropped);
	isb_page_total(page, "isobar_dns_dnstap_dropped_total", "dnstap events that found no reader or no room.", sum->dnstap_dropped);
}

/* --- Time ---------------------------------------------------------------------------------------------------------- */

static void print_pace(struct isb_page *page, const char *name, bool tcp)
{
	uint64_t cumulative[ISB_PACE_BOUNDS] = {0}, count = 0, sum_ns = 0;
	for (size_t i = 0; i < page->from->nworker; i++) {
		const struct isb_worker *worker = page->from->workers[i];
		if ((worker->kind == ISB_WORKER_TCP) != tcp)
			continue;
		uint64_t before = 0;
		for (unsigned b = 0; b < ISB_PACE_BOUNDS; b++) {
			before += isb_counted(&worker->pace.count[b]);
			cumulative[b] += before;
		}
		count += before + isb_counted(&worker->pace.count[ISB_PACE_BOUNDS]);
		sum_ns += isb_counted(&worker->pace.sum_ns);
	}
	isb_prom_histogram(page->out, name, ISB_PROM_LABELS({"transport", tcp ? "tcp" : "udp"}),
	                   &(struct isb_prom_histogram){.bound = isb_pace_bound_s, .cumulative = cumulative, .n = ISB_PACE_BOUNDS,
	                                                .count = count, .sum = (double)sum_ns / 1e9});
}

void isb_page_traffic(struct isb_page *page)
{
	static const char duration[] = "isobar_dns_answer_duration_seconds";
	const struct sums sum = add_up(page);
	print_queries(page);
	print_responses(page, &sum);
	print_kinds(page, &sum);
	print_limits(page, &sum);
	print_net(page, &sum);
	isb_prom_family(page->out, duration, ISB_PROM_HISTOGRAM,
	                "From having a batch of queries to having given its answers to the kernel, for each query of the batch.");
	print_pace(page, duration, false);
	print_pace(page, duration, true);
}
