/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/store/healthdb.h"

/* One screen: what is down, disputed, forced or draining, since when, why, according to whom. */

enum { PROBE_STALE_MS = 15000 }; /* a probe writes its row every second or so */

struct row {
	char name[256], region[64], address[ISB_ADDR_TEXT], state[32], age[ISB_SPAN_TEXT], latency[24];
	struct isb_buf why;
	struct isb_health health;
	bool checked;
	struct isb_admin_row admin;
	int64_t since_ms;
};

struct status {
	struct cli *cli;
	struct cli_reader reader;
	struct isb_catalog catalog;
	struct row *rows;
	size_t count;
	size_t up, down, unknown, disputed, forced, draining;
	json_t *probes;
	struct cli_table probe_table;
};

static int add_evidence(void *arg, const struct isb_observation *o)
{
	struct row *row = arg;
	char outcome[ISB_OUTCOME_TEXT];
	const struct isb_history *h = &o->history;
	if (h->since_ms > row->since_ms)
		row->since_ms = h->since_ms;
	isb_buf_printf(&row->why, "%s%s: %s x%u", row->why.len ? "; " : "", o->probe, isb_outcome_print(&h->last, outcome),
	               h->run);
	return 0;
}

static void count_row(struct status *s, const struct row *row)
{
	if (row->admin.admin == ISB_ADMIN_DRAIN)
		s->draining++;
	else if (row->admin.admin != ISB_ADMIN_AUTO)
		s->forced++;
	size_t *by_verdict[] = {&s->unknown, &s->up, &s->down, &s->disputed};
	if (row->checked)
		++*by_verdict[row->health.verdict];
}

static void describe(const struct status *s, struct row *row)
{
	const struct isb_health *h = &row->health;
	int64_t now_ms = s->cli->now_ms, since_ms = row->since_ms;
	const char *verdict = row->checked ? isb_verdict_name(h->verdict) : "unchecked";
	snprintf(row->state, sizeof(row->state), "%s", verdict);
	if (row->checked && (h->verdict == ISB_UNKNOWN || h->verdict == ISB_DISPUTED) && h->held)
		snprintf(row->state, sizeof(row->state), "%s (held %s)", verdict, isb_verdict_name(h->held));
	if (row->admin.admin != ISB_ADMIN_AUTO) {
		char until[24];
		snprintf(row->state, sizeof(row->state), "%s, checks: %s", isb_admin_name(row->admin.admin), verdict);
		since_ms = row->admin.since_ms;
		struct isb_buf why = {0};
		isb_buf_printf(&why, "%s%s%s", row->admin.author, *row->admin.reason ? ": " : "", row->admin.reason);
		if (row->admin.until_ms)
			isb_buf_printf(&why, " (until %s)", isb_time_print(row->admin.until_ms, until));
		isb_buf_printf(&why, "%s%s", row->why.len ? "; " : "", isb_buf_text(&row->why));
		isb_buf_done(&row->why);
		row->why = why;
	}
	strcpy(row->age, "-");
	if (since_ms)
		isb_span_print(now_ms - since_ms, row->age);
	strcpy(row->latency, "-");
	if (h->latency_us && row->checked)
		snprintf(row->latency, sizeof(row->latency), "%.1f ms", h->latency_us / 1000.0);
}

static int read_endpoint(struct status *s, const struct isb_pool *pool, const struct isb_endpoint *endpoint, struct row *row)
{
	uint32_t slot;
	uint64_t word = 0;
	snprintf(row->name, sizeof(row->name), "%s/%s", pool->name, endpoint->name);
	snprintf(row->region, sizeof(row->region), "%s", endpoint->region.name ? endpoint->region.name : "-");
	if (endpoint->naddress)
		isb_addr_print(&endpoint->addresses[0], row->address);
	else
		strcpy(row->address, "-");
	row->checked = pool->check.name != NULL;
	int rc = isb_slot_get(s->reader.catalog, pool->name, endpoint->name, &slot);
	if (rc != ISB_OK)
		return rc;
	rc = isb_word_get(s->reader.health, slot, &word);
	row->health = isb_health_unpack(word);
	if (rc == ISB_OK)
		rc = isb_observation_each(s->reader.health, slot, add_evidence, row);
	if (isb_admin_get(s->reader.catalog, row->name, &row->admin) != ISB_OK ||
	    isb_admin_at(isb_admin_pack(row->admin.admin, row->admin.until_ms), s->cli->now_ms) == ISB_ADMIN_AUTO)
		row->admin = (struct isb_admin_row){.author = "", .reason = ""};
	count_row(s, row);
	describe(s, row);
	return rc;
}

static int read_endpoints(struct status *s)
{
	size_t total = 0;
	for (size_t i = 0; i < s->catalog.npool; i++)
		total += s->catalog.pools[i].nendpoint;
	s->rows = isb_xcalloc(total, sizeof(*s->rows));
	int rc = ISB_OK;
	for (size_t i = 0; rc == ISB_OK && i < s->catalog.npool; i++)
		for (size_t j = 0; rc == ISB_OK && j < s->catalog.pools[i].nendpoint; j++)
			rc = read_endpoint(s, &s->catalog.pools[i], &s->catalog.pools[i].endpoints[j], &s->rows[s->count++]);
	return rc;
}

static int add_probe(void *arg, const struct isb_probe_row *p)
{
	struct status *s = arg;
	char age[ISB_SPAN_TEXT], checks[16];
	bool stale = s->cli->now_ms - p->seen_ms > PROBE_STALE_MS;
	const char *state = stale ? "gone" : p->blind ? "blind" : "ok";
	isb_span_print(s->cli->now_ms - p->seen_ms, age);
	snprintf(checks, sizeof(checks), "%u", p->checks);
	if (s->probes)
		json_array_append_new(s->probes, json_pack("{s:s, s:s, s:s, s:I, s:i}", "name", p->name, "region", p->region, "state",
		                                           state, "seen_ms", (json_int_t)p->seen_ms, "checks", (int)p->checks));
	else
		cli_table_row(&s->probe_table, (const char *[]){p->name, *p->region ? p->region : "-", state, age, checks});
	return 0;
}

static void print_json(struct status *s, uint64_t generation)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->count; i++) {
		const struct row *r = &s->rows[i];
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:s}", "endpoint", r->name, "region",
		                                      r->region, "address", r->address, "verdict",
		                                      r->checked ? isb_verdict_name(r->health.verdict) : "unchecked", "held",
		                                      isb_verdict_name(r->health.held), "admin", isb_admin_name(r->admin.admin),
		                                      "latency_us", (int)r->health.latency_us, "since_ms",
		                                      (json_int_t)(r->admin.admin ? r->admin.since_ms : r->since_ms), "why",
		                                      isb_buf_text(&r->why)));
	}
	cli_print_json(json_pack("{s:I, s:o, s:o}", "generation", (json_int_t)generation, "endpoints", list, "probes", s->probes));
}

static void print_text(struct status *s, uint64_t generation, size_t nprobe)
{
	size_t records = 0;
	for (size_t i = 0; i < s->catalog.nzone; i++)
		records += s->catalog.zones[i].nrecord;
	printf("generation %" PRIu64 ": %zu zones, %zu records, %zu endpoints\n", generation, s->catalog.nzone, records, s->count);
	printf("%zu up, %zu down, %zu disputed, %zu unknown; %zu forced, %zu draining\n\n", s->up, s->down, s->disputed,
	       s->unknown, s->forced, s->draining);
	struct cli_table table;
	cli_table_init(&table, 7, (const char *[]){"ENDPOINT", "REGION", "ADDRESS", "STATE", "SINCE", "LATENCY", "WHY"});
	for (size_t i = 0; i < s->count; i++) {
		const struct row *r = &s->rows[i];
		cli_table_row(&table, (const char *[]){r->name, r->region, r->address, r->state, r->age, r->latency,
		                                       isb_buf_text(&r->why)});
	}
	cli_table_print(&table);
	if (nprobe) {
		putchar('\n');
		cli_table_print(&s->probe_table);
	} else {
		printf("\nno probe has reported yet; start isobar-probe\n");
	}
}

static int count_probe(void *arg, const struct isb_probe_row *row)
{
	(void)row;
	++*(size_t *)arg;
	return 0;
}

static int run(struct cli *cli)
{
	struct status s = {.cli = cli};
	struct isb_diags diags = {0};
	size_t nprobe = 0;
	if (cli->count)
		return cli_fail(CLI_USAGE, "status takes no '%s'", cli->words[0]);
	int rc = cli_read(cli, &s.reader);
	if (rc != CLI_OK)
		return rc;
	isb_catalog_init(&s.catalog);
	cli_table_init(&s.probe_table, 5, (const char *[]){"PROBE", "REGION", "STATE", "LAST SEEN", "CHECKS"});
	if (cli->json)
		s.probes = json_array();
	int err = isb_catalog_load(s.reader.catalog, &s.catalog, &diags);
	if (err == ISB_OK)
		err = read_endpoints(&s);
	if (err == ISB_OK)
		err = isb_probe_each(s.reader.health, add_probe, &s);
	if (err == ISB_OK)
		err = isb_probe_each(s.reader.health, count_probe, &nprobe);
	uint64_t generation = isb_generation(s.reader.catalog);
	isb_diags_print(&diags, stderr);
	if (err != ISB_OK)
		rc = cli_fail(CLI_FAILED, "cannot read the store in '%s': %s", cli->store_dir, isb_strerror(err));
	else if (cli->json)
		print_json(&s, generation);
	else
		print_text(&s, generation, nprobe);
	for (size_t i = 0; i < s.count; i++)
		isb_buf_done(&s.rows[i].why);
	free(s.rows);
	isb_diags_done(&diags);
	isb_catalog_done(&s.catalog);
	cli_read_done(&s.reader);
	return rc;
}

const struct verb verb_status = {"status", "", "what is up, down, forced or draining, since when and why", "", run};
