/* SPDX-License-Identifier: Apache-2.0 */
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/dns/respond.h"
#include "isobar/model/dname.h"
#include "isobar/model/model.h"
#include "isobar/steer/order.h"
#include "isobar/steer/trace.h"
#include "isobar/store/healthdb.h"

/* Asks the very function that answers on the network, with a trace; nothing is decided here. */

enum { ECS = 8, ANSWER_MAX = 65535 };

struct explain {
	struct cli *cli;
	struct cli_reader reader;
	struct isb_health_reader *words;
	struct isb_geodb *geodb;
	struct isb_view *view;
	struct isb_net client;
	uint8_t name[ISB_DNAME_MAX];
	uint16_t type;
	struct isb_trace trace;
	uint8_t answer[ANSWER_MAX];
	size_t answer_len;
	ldns_pkt *packet;
	json_t *json; /* NULL: text */
};

/* --- The question ---------------------------------------------------------------------------------------------------- */

static size_t write_query(const struct explain *e, uint8_t *out, size_t cap)
{
	struct isb_writer w = isb_writer(out, cap);
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
	isb_write_u16(&w, (uint16_t)(8 + octets));
	isb_write_u16(&w, ECS); /* RFC 7871 §6 */
	isb_write_u16(&w, (uint16_t)(4 + octets));
	isb_write_u16(&w, e->client.addr.family == 4 ? 1 : 2);
	isb_write_u8(&w, e->client.len);
	isb_write_u8(&w, 0);
	isb_write(&w, e->client.addr.octets, octets);
	return w.pos;
}

/* A bare address becomes the network a resolver would send for it (RFC 7871 §11.1: /24 and /56). */
static int parse_client(struct explain *e)
{
	const char *text = e->cli->client;
	struct isb_addr addr;
	if (!text)
		return cli_fail(CLI_USAGE, "explain needs a client; write: isobar explain NAME TYPE --client ADDRESS");
	if (isb_addr_parse(text, &addr) == ISB_OK) {
		e->client = isb_net_around(&addr, addr.family == 4 ? 24 : 56);
		return CLI_OK;
	}
	int rc = isb_net_parse(text, &e->client);
	if (rc == ISB_ERANGE)
		return cli_fail(CLI_USAGE, "'%s' has bits beyond its length", text);
	return rc == ISB_OK ? CLI_OK : cli_fail(CLI_USAGE, "'%s' is neither an address nor a network", text);
}

static int parse(struct explain *e)
{
	struct cli *cli = e->cli;
	if (cli->count < 1 || cli->count > 2)
		return cli_fail(CLI_USAGE, "write: isobar explain NAME [TYPE] --client ADDRESS");
	if (isb_dname_parse(cli->words[0], NULL, e->name) < 0)
		return cli_fail(CLI_USAGE, "'%s' is not a domain name", cli->words[0]);
	if (isb_type_parse(cli->count == 2 ? cli->words[1] : "A", &e->type) != ISB_OK)
		return cli_fail(CLI_USAGE, "'%s' is no record type", cli->words[1]);
	return parse_client(e);
}

static int open_geodb(struct explain *e, struct isb_diags *diags)
{
	struct cli *cli = e->cli;
	const char *own = isb_arena_printf(&e->trace.arena, "%s/geo.mmdb", cli->store_dir);
	const char *const *paths = cli->ngeo ? cli->geo : &own;
	if (!cli->ngeo && access(own, R_OK) != 0)
		return ISB_OK;
	return isb_geodb_open(paths, cli->ngeo ? cli->ngeo : 1, diags, &e->geodb);
}

static int ask(struct explain *e)
{
	struct isb_health_table health = {0};
	struct isb_context ctx;
	uint8_t query[512];
	struct isb_client resolver = {.addr = e->client.addr, .proto = ISB_TCP};
	isb_context_init(&ctx, isb_random_seed());
	ctx.trace = &e->trace;
	int rc = isb_health_reader_begin(e->words, &health);
	if (rc != ISB_OK)
		return rc;
	e->answer_len = isb_respond(&ctx, e->view, &health, &resolver, e->cli->now_ms, query,
	                            write_query(e, query, sizeof(query)), e->answer, sizeof(e->answer));
	isb_health_reader_end(e->words);
	/* our own octets, so ldns may read them */
	return ldns_wire2pkt(&e->packet, e->answer, e->answer_len) == LDNS_STATUS_OK ? ISB_OK : ISB_EFORMAT;
}

/* --- The telling ----------------------------------------------------------------------------------------------------- */

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

static const struct isb_plan_record *find_record(const struct explain *e, uint32_t *ret_number)
{
	for (size_t i = 0; i < e->trace.count; i++)
		for (uint32_t n = 0; e->trace.steps[i].kind == ISB_STEP_RECORD && n < e->view->plan->nrecord; n++) {
			const struct isb_plan_record *record = isb_plan_record(e->view->plan, n);
			if (record->name && strcmp(isb_plan_text(e->view->plan, record->name), e->trace.steps[i].name) == 0) {
				*ret_number = n;
				return record;
			}
		}
	return NULL;
}

static void tell_client(const struct explain *e)
{
	struct isb_geo_facts geo = {0};
	uint8_t len = 0;
	char net[ISB_NET_TEXT];
	isb_net_print(&e->client, net);
	if (e->geodb)
		isb_geodb_find(e->geodb, &e->client.addr, &geo, &len);
	if (e->json) {
		json_object_set_new(e->json, "client", json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "network", net, "country",
		                                                 geo.country, "continent", geo.continent, "subdivision",
		                                                 geo.subdivision, "city", geo.city, "asn", (json_int_t)geo.asn,
		                                                 "database", e->geodb ? isb_geodb_describe(e->geodb) : ""));
		return;
	}
	printf("client    %s", net);
	if (*geo.country)
		printf("  country %s, continent %s", geo.country, *geo.continent ? geo.continent : "unknown");
	if (*geo.subdivision)
		printf(", subdivision %s", geo.subdivision);
	if (*geo.city)
		printf(", city %s", geo.city);
	if (geo.asn)
		printf(", AS%u", geo.asn);
	printf("  (%s)\n", !e->geodb ? "no geo database" : *geo.country ? isb_geodb_describe(e->geodb) : "not in the geo database");
}

static void tell_record(const struct explain *e, const struct isb_plan_record *record)
{
	static const char *const all_down[] = {"all", "fallback", "nodata"};
	const char *name = isb_plan_text(e->view->plan, record->name);
	char ttl[ISB_SPAN_TEXT], least[ISB_SPAN_TEXT];
	if (e->json) {
		json_object_set_new(e->json, "record", json_pack("{s:s, s:I, s:I, s:s}", "name", name, "ttl_s", (json_int_t)record->ttl_s,
		                                                 "ttl_min_s", (json_int_t)record->ttl_min_s, "all_down",
		                                                 all_down[record->all_down % 3]));
		return;
	}
	printf("record    %s  ttl %s, not below %s, all_down: %s\n", name, isb_span_print((int64_t)record->ttl_s * 1000, ttl),
	       isb_span_print((int64_t)record->ttl_min_s * 1000, least), all_down[record->all_down % 3]);
}

static void tell_why(void *arg, const struct isb_why *why)
{
	const struct explain *e = arg;
	bool out = why->rank == ISB_RANK_OUT;
	if (e->json)
		json_array_append_new(json_object_get(e->json, "ranks"),
		                      json_pack("{s:s, s:s, s:o, s:s}", "node", why->node, "child", why->child, "rank",
		                                out ? json_null() : json_integer(why->rank), "why", why->why));
	else if (out)
		printf("  %-12s %-16s not for this client\n", why->node, why->child);
	else
		printf("  %-12s %-16s rank %u  %s\n", why->node, why->child, why->rank, why->why);
}

struct since {
	int64_t ms;
};

static int latest_since(void *arg, const struct isb_observation *o)
{
	struct since *since = arg;
	if (o->history.since_ms > since->ms)
		since->ms = o->history.since_ms;
	return 0;
}

static const char *judgement(const struct explain *e, const struct isb_step *step, char out[160])
{
	struct isb_health h = isb_health_unpack(step->word);
	struct since since = {0};
	char age[ISB_SPAN_TEXT] = "";
	isb_observation_each(e->reader.health, step->slot, latest_since, &since);
	if (since.ms)
		isb_span_print(e->cli->now_ms - since.ms, age);
	int n = snprintf(out, 160, "%s%s%s%s%s", step->word ? isb_verdict_name(h.verdict) : "never checked",
	                 *age ? " for " : "", age, h.held && h.verdict != ISB_UP && h.verdict != ISB_DOWN ? ", held " : "",
	                 h.held && h.verdict != ISB_UP && h.verdict != ISB_DOWN ? isb_verdict_name(h.held) : "");
	if (step->admin != ISB_ADMIN_AUTO && n > 0 && n < 160)
		snprintf(out + n, 160 - (size_t)n, ", operator says %s", isb_admin_name(step->admin));
	return out;
}

static void tell_step(const struct explain *e, const struct isb_step *step)
{
	char text[160];
	int indent = (int)(step->depth * 2 + 2);
	switch (step->kind) {
	case ISB_STEP_RECORD: printf("decision  class %u\n", step->got); break;
	case ISB_STEP_ENTER: printf("%*s%s (%s)\n", indent, "", step->name, isb_order_words[step->order]); break;
	case ISB_STEP_CHILD: printf("%*srank %u  weight %u  %s\n", indent, "", step->rank, step->weight, step->name); break;
	case ISB_STEP_ENDPOINT:
		printf("%*srank %u  weight %g  %s  %s%s\n", indent, "", step->rank, step->weight / 100.0, step->name,
		       judgement(e, step, text), step->usable == ISB_USABLE ? "" : "  -> set aside");
		break;
	case ISB_STEP_DRAW:
		if (step->weight && step->weight < step->total)
			printf("%*s-> %s  (%.1f %%)\n", indent, "", step->name, 100.0 * step->weight / step->total);
		else
			printf("%*s-> %s\n", indent, "", step->name);
		break;
	case ISB_STEP_SHORT:
		printf("%*s%s cannot answer: %u usable, %u needed\n", indent, "", step->name, step->got, step->need);
		break;
	case ISB_STEP_LEAVE: break; /* SHORT, or the children's, said it */
	case ISB_STEP_CHOSEN:
		printf("%*s-> %s", indent, "", step->name);
		if (step->weight && step->weight < step->total)
			printf("  (%.1f %%)", 100.0 * step->weight / step->total);
		putchar('\n');
		break;
	case ISB_STEP_FAILOPEN: printf("  nothing can answer; all_down decides\n"); break;
	}
}

static void json_step(const struct explain *e, const struct isb_step *step)
{
	static const char *const kinds[] = {
		[ISB_STEP_RECORD] = "record", [ISB_STEP_ENTER] = "enter",   [ISB_STEP_CHILD] = "child",
		[ISB_STEP_ENDPOINT] = "endpoint", [ISB_STEP_DRAW] = "draw", [ISB_STEP_SHORT] = "short",
		[ISB_STEP_LEAVE] = "leave",   [ISB_STEP_CHOSEN] = "chosen", [ISB_STEP_FAILOPEN] = "failopen"};
	json_t *o = json_pack("{s:s, s:i, s:s}", "step", kinds[step->kind], "depth", (int)step->depth, "name", step->name);
	char text[160];
	if (step->kind == ISB_STEP_RECORD)
		json_object_set_new(o, "class", json_integer(step->got));
	if (step->kind == ISB_STEP_ENTER)
		json_object_set_new(o, "order", json_string(isb_order_words[step->order]));
	if (step->kind == ISB_STEP_ENDPOINT) {
		json_object_set_new(o, "verdict", json_string(judgement(e, step, text)));
		json_object_set_new(o, "usable", json_boolean(step->usable == ISB_USABLE));
	}
	if (step->kind == ISB_STEP_CHILD || step->kind == ISB_STEP_ENDPOINT) {
		json_object_set_new(o, "rank", json_integer(step->rank));
		json_object_set_new(o, "weight", json_real(step->kind == ISB_STEP_CHILD ? step->weight : step->weight / 100.0));
	}
	if (step->kind == ISB_STEP_SHORT) {
		json_object_set_new(o, "usable", json_integer(step->got));
		json_object_set_new(o, "needed", json_integer(step->need));
	}
	json_array_append_new(json_object_get(e->json, "steps"), o);
}

static void tell_answer(const struct explain *e)
{
	ldns_rr_list *answer = ldns_pkt_answer(e->packet);
	char *rcode = ldns_pkt_rcode2str(ldns_pkt_get_rcode(e->packet));
	int scope = scope_of(e->packet);
	json_t *rrs = json_array();
	for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
		char *text = ldns_rr2str(ldns_rr_list_rr(answer, i));
		text[strcspn(text, "\n")] = '\0';
		for (char *tab; (tab = strchr(text, '\t'));)
			*tab = ' ';
		json_array_append_new(rrs, json_string(text));
		free(text);
	}
	if (e->json) {
		json_object_set_new(e->json, "answer", json_pack("{s:s, s:o, s:O}", "rcode", rcode, "scope",
		                                                 scope < 0 ? json_null() : json_integer(scope), "rrs", rrs));
	} else {
		printf("answer    %s%s, ", rcode, json_array_size(rrs) ? "" : ", no data");
		if (scope > 0)
			printf("scope /%d: the same for every client in it\n", scope);
		else
			printf("scope /0: the same for every client\n");
		for (size_t i = 0; i < json_array_size(rrs); i++)
			printf("  %s\n", json_string_value(json_array_get(rrs, i)));
	}
	json_decref(rrs);
	free(rcode);
}

static void tell(struct explain *e)
{
	uint32_t number;
	const struct isb_plan_record *record = find_record(e, &number);
	char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	isb_dname_print(e->name, name);
	isb_type_print(e->type, type);
	if (e->cli->json)
		e->json = json_pack("{s:s, s:s, s:[], s:[]}", "name", name, "type", type, "ranks", "steps");
	else
		printf("%s %s\n", name, type);
	tell_client(e);
	if (record) {
		tell_record(e, record);
		if (!e->json && record->map != ISB_NO_MAP)
			printf("ranks\n");
		isb_view_why(e->view, e->geodb, number, &e->client.addr, tell_why, e);
	} else if (!e->json) {
		printf("record    none: ordinary data of the zone\n");
	}
	for (size_t i = 0; i < e->trace.count; i++)
		if (e->json)
			json_step(e, &e->trace.steps[i]);
		else
			tell_step(e, &e->trace.steps[i]);
	tell_answer(e);
	if (e->json)
		cli_print_json(e->json);
}

static int explain(struct explain *e, struct isb_diags *diags)
{
	int rc = open_geodb(e, diags);
	if (rc == ISB_OK)
		rc = isb_view_build(e->reader.catalog, e->reader.health, e->geodb, NULL, diags, &e->view);
	if (rc == ISB_OK)
		rc = isb_health_reader_new(e->reader.store, &e->words);
	if (rc == ISB_OK)
		rc = ask(e);
	if (rc == ISB_OK)
		tell(e);
	return rc;
}

static int run(struct cli *cli)
{
	struct explain *e = isb_xcalloc(1, sizeof(*e)); /* holds a whole answer: not for the stack */
	struct isb_diags diags = {0};
	e->cli = cli;
	int rc = parse(e);
	if (rc == CLI_OK)
		rc = cli_read(cli, &e->reader);
	if (rc == CLI_OK) {
		int err = explain(e, &diags);
		isb_diags_print(&diags, stderr);
		if (err != ISB_OK)
			rc = cli_fail(CLI_FAILED, "cannot explain from the store in '%s': %s", cli->store_dir, isb_strerror(err));
		isb_health_reader_free(e->words);
		cli_read_done(&e->reader);
	}
	if (e->packet)
		ldns_pkt_free(e->packet);
	isb_view_free(e->view);
	isb_geodb_free(e->geodb);
	isb_trace_done(&e->trace);
	isb_diags_done(&diags);
	free(e);
	return rc;
}

const struct verb verb_explain = {"explain", "NAME [TYPE] --client ADDR|NETWORK",
                                  "why this client gets this answer, by the code that answers", "cg", run};
