/* SPDX-License-Identifier: Apache-2.0 */
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/dns/edns.h"
#include "isobar/model/dname.h"
#include "isobar/store/healthdb.h"

/* Asks the very function that answers on the network, with a trace; nothing is decided here. */

enum { ECS = 8 };

/* --- The question --- */

static size_t write_query(const struct explain *e, uint8_t out[EXPLAIN_QUERY_MAX])
{
	struct isb_writer w = isb_writer(out, EXPLAIN_QUERY_MAX);
	size_t octets = (e->client.len + 7u) / 8;
	isb_write_u16(&w, 0);
	isb_write_u16(&w, 0x0100); /* RD, as dig sends it */
	isb_write_u16(&w, 1);
	isb_write_u32(&w, 0);
	isb_write_u16(&w, 1);
	isb_write(&w, e->name, isb_dname_len(e->name));
	isb_write_u16(&w, e->type);
	isb_write_u16(&w, ISB_CLASS_IN);
	isb_write_u8(&w, 0); /* OPT, RFC 6891 §6.1.2 */
	isb_write_u16(&w, ISB_OPT);
	isb_write_u16(&w, 1232);
	isb_write_u32(&w, 0);
	isb_write_u16(&w, e->told ? (uint16_t)(8 + octets) : 0);
	if (!e->told)
		return w.pos;
	isb_write_u16(&w, ECS); /* RFC 7871 §6 */
	isb_write_u16(&w, (uint16_t)(4 + octets));
	isb_write_u16(&w, e->client.addr.family == 4 ? 1 : 2);
	isb_write_u8(&w, e->client.len);
	isb_write_u8(&w, 0);
	isb_write(&w, e->client.addr.octets, octets);
	return w.pos;
}

/* An address asks for itself; a network is told by a resolver, in ECS. */
static int parse_client(struct explain *e)
{
	const char *text = e->cli->client;
	struct isb_addr addr;
	if (!text)
		return cli_fail(CLI_USAGE, "explain needs a client; write: isobar explain NAME TYPE --client ADDRESS");
	if (isb_addr_parse(text, &addr) == ISB_OK) {
		e->client = isb_net_around(&addr, 128);
		return CLI_OK;
	}
	int rc = isb_net_parse(text, &e->client);
	if (rc == ISB_ERANGE)
		return cli_fail(CLI_USAGE, "'%s' has bits set beyond its length", text);
	if (rc != ISB_OK)
		return cli_fail(CLI_USAGE, "'%s' is neither an address nor a network", text);
	e->told = isb_ecs_believed(&e->client.addr, e->client.len);
	if (!e->told)
		return cli_fail(CLI_USAGE,
		                "client subnet (ECS) '%s' does not say where a client is, so servers answer by the address that "
		                "asks; give that of the resolver", text);
	return CLI_OK;
}

static int parse(struct explain *e)
{
	struct cli *cli = e->cli;
	if (cli->count < 1 || cli->count > 2)
		return cli_fail(CLI_USAGE, "write: isobar explain NAME [TYPE] --client ADDRESS");
	e->type = ISB_A;
	int rc = cli_parse_rrset(cli->words[0], cli->words[1], e->name, &e->type);
	return rc == CLI_OK ? parse_client(e) : rc;
}

/* --- The reply --- */

static int scope_of(const ldns_pkt *packet)
{
	const ldns_rdf *options = ldns_pkt_edns_data(packet);
	if (!options)
		return -1;
	struct isb_reader r = isb_reader(ldns_rdf_data(options), ldns_rdf_size(options));
	while (!r.bad && r.pos < r.len) {
		uint16_t code = isb_read_u16(&r), len = isb_read_u16(&r);
		const uint8_t *data = isb_read(&r, len);
		if (data && code == ECS && len >= 4)
			return data[3];
	}
	return -1;
}

static const char *text_of(struct explain *e, const ldns_rdf *name)
{
	char *text = ldns_rdf2str(name);
	const char *copy = isb_arena_strdup(&e->arena, text);
	free(text);
	return copy;
}

/* NS without AA, RFC 1034 §4.3.2 step 3b. */
static void read_referral(struct explain *e, const ldns_pkt *packet)
{
	const ldns_rr_list *rrs = ldns_pkt_authority(packet);
	size_t count = ldns_rr_list_rr_count(rrs);
	if (ldns_pkt_aa(packet))
		return;
	e->servers = isb_arena_alloc(&e->arena, count * sizeof(*e->servers));
	for (size_t i = 0; i < count; i++) {
		const ldns_rr *rr = ldns_rr_list_rr(rrs, i);
		if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_NS)
			continue;
		e->cut = text_of(e, ldns_rr_owner(rr));
		e->servers[e->nserver++] = text_of(e, ldns_rr_rdf(rr, 0));
	}
}

/* Our own octets, so ldns may read them. */
static int read_reply(struct explain *e, const uint8_t *answer, size_t len)
{
	ldns_pkt *packet;
	if (ldns_wire2pkt(&packet, answer, len) != LDNS_STATUS_OK)
		return ISB_EFORMAT;
	char *rcode = ldns_pkt_rcode2str(ldns_pkt_get_rcode(packet));
	const ldns_rr_list *rrs = ldns_pkt_answer(packet);
	e->rcode = isb_arena_strdup(&e->arena, rcode);
	e->scope = scope_of(packet);
	e->nrr = ldns_rr_list_rr_count(rrs);
	e->rrs = isb_arena_alloc(&e->arena, e->nrr * sizeof(*e->rrs));
	e->heads = isb_arena_alloc(&e->arena, e->nrr * sizeof(*e->heads));
	for (size_t i = 0; i < e->nrr; i++) {
		const ldns_rr *rr = ldns_rr_list_rr(rrs, i);
		char *text = ldns_rr2str(rr);
		e->heads[i] = (struct explain_rr){
			isb_arena_memdup(&e->arena, ldns_rdf_data(ldns_rr_owner(rr)), ldns_rdf_size(ldns_rr_owner(rr))), ldns_rr_ttl(rr)};
		e->typed = e->typed || ldns_rr_get_type(rr) == (ldns_rr_type)e->type;
		text[strcspn(text, "\n")] = '\0';
		for (char *tab; (tab = strchr(text, '\t'));)
			*tab = ' ';
		e->rrs[i] = isb_arena_strdup(&e->arena, text);
		free(text);
	}
	read_referral(e, packet);
	free(rcode);
	ldns_pkt_free(packet);
	return ISB_OK;
}

size_t explain_ask(const struct explain *e, struct isb_context *ctx, uint8_t *answer)
{
	struct isb_client resolver = {.addr = e->client.addr, .proto = ISB_TCP};
	uint8_t query[EXPLAIN_QUERY_MAX];
	size_t len = write_query(e, query);
	isb_context_begin(ctx, &e->asked, &e->health, e->cli->at_ms);
	return isb_respond(ctx, &resolver, query, len, answer, EXPLAIN_ANSWER_MAX);
}

static int ask(struct explain *e)
{
	struct isb_context ctx;
	uint8_t *answer = isb_arena_alloc(&e->arena, EXPLAIN_ANSWER_MAX);
	isb_context_init(&ctx, e->cli->seed);
	ctx.trace = &e->trace;
	int rc = explain_is_past(e) ? explain_past(e) : ISB_OK;
	if (rc != ISB_OK)
		return rc;
	if (e->cli->draws)
		explain_draw(e);
	return read_reply(e, answer, explain_ask(e, &ctx, answer));
}

/* With the words of now in place, which a moment that is over replaces. */
static int ask_with_words(struct explain *e)
{
	struct isb_health_reader *words;
	int rc = isb_health_reader_new(e->reader.store, &words);
	if (rc != ISB_OK)
		return rc;
	rc = isb_health_reader_begin(words, &e->health);
	if (rc == ISB_OK) {
		if (e->view->nviewpoint)
			rc = isb_health_reader_paces(words, e->view->viewpoints, e->view->nviewpoint, &e->health);
		if (rc == ISB_OK)
			rc = isb_probes_gone(e->reader.health, e->cli->now_ms, &e->health.unattended);
		if (rc == ISB_OK)
			rc = ask(e);
		isb_health_reader_end(words);
	}
	e->health = (struct isb_health_table){0};
	isb_health_reader_free(words);
	return rc;
}

/* --- What led to it --- */

static const struct isb_record *find_declared(const struct isb_catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->nzone; i++) {
		const struct isb_zone *zone = &catalog->zones[i];
		size_t len = strlen(zone->name);
		if (strncmp(name, zone->name, len) != 0 || name[len] != '/')
			continue;
		for (size_t j = 0; j < zone->nrecord; j++)
			if (strcmp(zone->records[j].owner, name + len + 1) == 0)
				return &zone->records[j];
	}
	return NULL;
}

static void add_rank(void *arg, const struct isb_why *why)
{
	struct explain *e = arg;
	e->ranks = isb_xrealloc(e->ranks, (e->nrank + 1) * sizeof(*e->ranks));
	e->ranks[e->nrank++] = (struct explain_rank){
		.node = isb_arena_strdup(&e->arena, why->node), .child = isb_arena_strdup(&e->arena, why->child), .rank = why->rank,
		.again = why->again, .why = isb_arena_strdup(&e->arena, why->why), .rule = why->rule};
}

static void find_record(struct explain *e, const char *name)
{
	const struct isb_plan *plan = e->view->plan;
	for (uint32_t n = 0; n < plan->nrecord; n++) {
		const struct isb_plan_record *record = isb_plan_record(plan, n);
		if (!record || !record->name || strcmp(isb_plan_text(plan, record->name), name) != 0)
			continue;
		if (!e->record) {
			e->record = record;
			e->declared = find_declared(isb_view_catalog(e->view), name);
		}
		isb_view_why(e->view, n, &e->client.addr, add_rank, e);
	}
}

static void find_records(struct explain *e)
{
	for (size_t i = 0; i < e->trace.count; i++)
		if (e->trace.steps[i].kind == ISB_STEP_RECORD)
			find_record(e, e->trace.steps[i].name);
}

static int read_since(struct explain *e)
{
	e->since.at_ms = explain_is_past(e) ? e->cli->at_ms : 0;
	for (size_t i = 0; i < e->trace.count; i++)
		if (e->trace.steps[i].kind == ISB_STEP_ENDPOINT)
			cli_since_want(&e->since, e->trace.steps[i].slot);
	return cli_since_read(&e->since, e->reader.health);
}

static int explain(struct explain *e, struct isb_diags *diags)
{
	struct isb_view_sources from = {.catalog = e->reader.catalog, .health = e->reader.health};
	const uint8_t *apex;
	uint8_t len;
	int rc = cli_open_geodb(e->cli, diags, &e->geodb);
	if (rc == ISB_OK)
		rc = cli_read_cells(e->cli, &e->reader, e->geodb, &from.cells);
	if (rc == ISB_OK) {
		from.geodb = e->geodb;
		rc = isb_view_build(&from, NULL, diags, &e->view);
		isb_cells_release(from.cells);
	}
	if (rc == ISB_OK) {
		e->asked = *e->view;
		rc = ask_with_words(e);
	}
	if (rc == ISB_OK)
		rc = read_since(e);
	if (rc != ISB_OK)
		return rc;
	if (e->geodb)
		isb_geodb_find(e->geodb, &e->client.addr, &e->geo, &len);
	e->hosted = cli_zone_of(e->reader.catalog, e->name, &apex) == ISB_OK;
	find_records(e);
	if (e->cli->json)
		explain_json(e);
	else
		explain_text(e);
	return ISB_OK;
}

static int run(struct cli *cli)
{
	struct explain e = {.cli = cli};
	struct isb_diags diags = {0};
	isb_trace_init(&e.trace);
	int rc = parse(&e);
	if (rc == CLI_OK)
		rc = cli_read(cli, &e.reader);
	if (rc != CLI_OK)
		return rc;
	int err = explain(&e, &diags);
	if (diags.count)
		rc = cli_refuse(&diags, "cannot explain");
	else if (err != ISB_OK)
		rc = cli_unreadable(cli, err);
	isb_view_free(e.view);
	isb_geodb_free(e.geodb);
	isb_trace_done(&e.trace);
	cli_since_done(&e.since);
	free(e.ranks);
	free(e.draws.list);
	isb_arena_done(&e.arena);
	isb_diags_done(&diags);
	cli_read_done(&e.reader);
	return rc;
}

const struct verb verb_explain = {
	"explain", "NAME [TYPE] --client ADDR|NETWORK [--at TIME] [--draws N] [--seed N] [--geo FILE]",
	"why this client gets this answer, by the code that answers",
	"An address is answered as one that asks for itself, a NETWORK as one that a resolver tells of by ECS.\n"
	"TYPE is A when left out. Reads the store; the server need not run. A server that was started with\n"
	"other geo databases is explained with the same --geo.\n"
	"\n"
	"With --at, the output says what is of that time and what is of now. Of a time that is over: verdicts, as\n"
	"far back as their transitions are kept, and what operators said of endpoints. Of one to come: what\n"
	"operators said and will not have expired. The catalog is the one of now.\n",
	"www.example.com AAAA --client 168.126.63.1 --at -2h --draws 10000", "cgade", run,
	CLI_TRY, "why this answer", "record"};
