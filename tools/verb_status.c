/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/store/healthdb.h"

/* One screen: what is down, disputed, forced or drained, since when, why, according to whom. */

struct row {
	const struct isb_pool *pool;
	const struct isb_endpoint *endpoint;
	const char *name; /* "pool/endpoint" */
	bool checked;
	struct isb_quorum quorum;   /* when checked */
	enum isb_quorum_by quorum_by;
	struct isb_health health;
	struct isb_admin_row admin; /* AUTO once it expired */
	uint32_t slot;
	struct isb_hysteresis knobs; /* when checked */
	int64_t left_ms;            /* until its failback, as isb_failback_left() */
	int64_t now_ms;
	int64_t since_ms;           /* of the verdict; 0: unknown */
	struct isb_buf evidence;    /* "seoul: ok x12; frankfurt: timeout x3" */
};

struct status {
	struct cli *cli;
	const char *only;           /* endpoint; NULL: all */
	struct cli_reader reader;
	struct isb_catalog catalog;
	struct isb_arena arena;
	uint64_t generation;
	struct row *rows;
	size_t count;
	struct isb_probe_row *probes;
	struct cli_rollouts rollouts;
	size_t nprobe, heard; /* heard: probes that report and see something */
	bool unattended;
	struct isb_buf geo;       /* what the geo databases call themselves; empty: there are none */
	struct isb_diags geo_wrong;
};

/* --- Reading --- */

static int add_evidence(void *arg, const struct isb_observation *o)
{
	struct row *row = arg;
	char outcome[ISB_OUTCOME_TEXT];
	const struct isb_history *h = &o->history;
	isb_buf_printf(&row->evidence, "%s%s: %s x%u%s", row->evidence.len ? "; " : "", o->probe,
	               isb_outcome_print(&h->last, outcome), h->run, h->run == UINT8_MAX ? "+" : "");
	cli_print_damped(&row->evidence, h, &row->knobs, row->now_ms);
	if (row->now_ms >= o->expires_ms)
		isb_buf_puts(&row->evidence, ", too old");
	return 0;
}

static int read_row(struct status *s, struct row *row)
{
	uint64_t health = 0;
	const struct isb_check *check = row->pool->check.name ? isb_catalog_check_named(&s->catalog, row->pool->check.name) : NULL;
	row->checked = check != NULL;
	row->now_ms = s->cli->now_ms;
	if (check) {
		row->knobs = isb_check_hysteresis(check);
		row->quorum = check->quorum;
		row->quorum_by = check->quorum_by;
	}
	int rc = isb_slot_get(s->reader.catalog, row->pool->name, row->endpoint->name, &row->slot);
	if (rc == ISB_OK && row->checked)
		rc = isb_word_get(s->reader.health, row->slot, &health);
	if (rc == ISB_OK && row->checked)
		rc = isb_observation_each(s->reader.health, row->slot, add_evidence, row);
	if (rc != ISB_OK)
		return rc;
	health = s->unattended ? isb_health_unattended(health) : health;
	row->health = isb_health_unpack(health);
	rc = isb_admin_get(s->reader.catalog, row->name, &row->admin);
	uint64_t word = rc == ISB_OK ? isb_admin_pack(row->admin.admin, row->admin.until_ms) : 0;
	int64_t turned_ms = 0;
	if (row->checked && isb_since_get(s->reader.health, row->slot, &turned_ms) == ISB_OK)
		row->left_ms = isb_failback_left(row->pool->failback_ms, health, turned_ms, word, s->cli->now_ms);
	if (isb_admin_at(word, s->cli->now_ms) == ISB_ADMIN_AUTO)
		row->admin = (struct isb_admin_row){.author = "", .reason = ""};
	return rc == ISB_ENOTFOUND ? ISB_OK : rc;
}

static int read_rows(struct status *s)
{
	size_t total = 0;
	int rc = ISB_OK;
	for (size_t i = 0; i < s->catalog.npool; i++)
		total += s->catalog.pools[i].nendpoint;
	s->rows = isb_xcalloc(total, sizeof(*s->rows));
	for (size_t i = 0; rc == ISB_OK && i < s->catalog.npool; i++)
		for (size_t j = 0; rc == ISB_OK && j < s->catalog.pools[i].nendpoint; j++) {
			struct row *row = &s->rows[s->count];
			row->pool = &s->catalog.pools[i];
			row->endpoint = &row->pool->endpoints[j];
			row->name = isb_arena_printf(&s->arena, "%s/%s", row->pool->name, row->endpoint->name);
			if (s->only && strcmp(s->only, row->name) != 0)
				continue;
			s->count++;
			rc = read_row(s, row);
		}
	return rc;
}

static int read_since(struct status *s)
{
	struct cli_since since = {0};
	for (size_t i = 0; i < s->count; i++)
		if (s->rows[i].checked)
			cli_since_want(&since, s->rows[i].slot);
	int rc = cli_since_read(&since, s->reader.health);
	for (size_t i = 0; rc == ISB_OK && i < s->count; i++) {
		struct row *row = &s->rows[i];
		if (row->checked)
			row->since_ms = cli_since_ms(&since, s->reader.health, row->slot, row->health.verdict);
	}
	cli_since_done(&since);
	return rc;
}

static int add_probe(void *arg, const struct isb_probe_row *probe)
{
	struct status *s = arg;
	s->probes = isb_xrealloc(s->probes, (s->nprobe + 1) * sizeof(*s->probes));
	s->probes[s->nprobe++] = *probe; /* its texts hold while the transaction does */
	s->heard += !isb_probe_is_gone(probe, s->cli->now_ms) && !probe->blind;
	return 0;
}

/* What isobard should have open. It keeps what it has while something is wrong with that. */
static void read_geo(struct status *s)
{
	const char *own = isb_arena_printf(&s->arena, "%s/geo.mmdb", s->cli->store_dir);
	const char *const *paths = s->cli->ngeo ? s->cli->geo : &own;
	size_t count = s->cli->ngeo ? s->cli->ngeo : access(own, F_OK) == 0;
	for (size_t i = 0; i < count; i++) {
		char *label;
		if (isb_geodb_label(paths[i], &s->geo_wrong, &label) != ISB_OK)
			continue;
		isb_buf_printf(&s->geo, "%s%s", s->geo.len ? ", " : "", label);
		free(label);
	}
}

static int read_all(struct status *s)
{
	struct isb_diags diags = {0};
	s->generation = isb_generation(s->reader.catalog);
	int rc = isb_catalog_load(s->reader.catalog, &s->catalog, &diags);
	if (rc == ISB_OK)
		rc = isb_probes_gone(s->reader.health, s->cli->now_ms, &s->unattended);
	if (rc == ISB_OK)
		rc = read_rows(s);
	if (rc == ISB_OK)
		rc = read_since(s);
	if (rc == ISB_OK)
		rc = isb_probe_each(s->reader.health, add_probe, s);
	if (rc == ISB_OK)
		rc = cli_rollouts_read(s->reader.catalog, s->reader.health, &s->catalog, NULL, s->cli->now_ms, &s->rollouts);
	read_geo(s);
	isb_diags_print(&diags, stderr);
	isb_diags_done(&diags);
	return rc;
}

/* --- Words for a row --- */

static const char *verdict_word(const struct row *row)
{
	return row->checked ? isb_verdict_name(row->health.verdict) : "unchecked";
}

/* What the checks say: "up", "unknown (held down)", "unchecked". */
static const char *verdict_text(struct status *s, const struct row *row)
{
	const struct isb_health *h = &row->health;
	if (row->checked && h->held && (h->verdict == ISB_UNKNOWN || h->verdict == ISB_DISPUTED))
		return isb_arena_printf(&s->arena, "%s (held %s)", verdict_word(row), isb_verdict_name(h->held));
	return verdict_word(row);
}

static const char *state_text(struct status *s, const struct row *row)
{
	const char *words = cli_admin_words(row->admin.admin);
	if (*words)
		return words;
	return row->left_ms ? isb_arena_printf(&s->arena, "%s, waits", verdict_text(s, row)) : verdict_text(s, row);
}

/* What else the checks say of an endpoint: whose votes a dispute lacks, how much of it is up, why it does not serve yet. */
static const char *more_text(struct status *s, const struct row *row)
{
	struct isb_buf out = {0};
	char left[ISB_SPAN_TEXT], quorum[ISB_QUORUM_TEXT];
	if (row->checked && row->health.verdict == ISB_DISPUTED)
		isb_buf_printf(&out, "; no quorum: %s of %s", isb_quorum_print(&row->quorum, quorum),
		               row->quorum_by == ISB_QUORUM_BY_REGION ? "the regions" : "the probes");
	if (row->checked && row->health.held == ISB_UP && row->health.soft < ISB_SOFT_FULL)
		isb_buf_printf(&out, "; soft health %u%%", row->health.soft);
	if (row->checked && row->health.load)
		isb_buf_printf(&out, "; load %u%%", row->health.load / 10);
	if (row->left_ms == ISB_FAILBACK_UNTOLD)
		isb_buf_printf(&out, "; came back and waits for you: isobar failback %s", row->name);
	else if (row->left_ms)
		isb_buf_printf(&out, "; came back and waits for %s yet", isb_span_print(row->left_ms, left));
	const char *text = isb_arena_strdup(&s->arena, isb_buf_text(&out));
	isb_buf_done(&out);
	return text;
}

static const char *why_text(struct status *s, const struct row *row)
{
	const struct isb_admin_row *admin = &row->admin;
	const char *evidence = isb_buf_text(&row->evidence);
	char left[ISB_SPAN_TEXT], *until = "";
	if (!row->checked)
		evidence = "its pool has no check";
	else if (!*evidence)
		evidence = row->health.held ? "no fresh report" : "no probe has reported";
	if (admin->admin == ISB_ADMIN_AUTO && row->checked && row->health.verdict == ISB_UNKNOWN && !row->health.held)
		return isb_arena_printf(&s->arena, "%s; counts as up", evidence);
	if (admin->admin == ISB_ADMIN_AUTO)
		return isb_arena_printf(&s->arena, "%s%s", evidence, more_text(s, row));
	if (admin->until_ms)
		until = isb_arena_printf(&s->arena, "; ends in %s", isb_span_print(admin->until_ms - s->cli->now_ms, left));
	return isb_arena_printf(&s->arena, "%s%s%s%s; checks say %s (%s)", admin->author, *admin->reason ? ": " : "",
	                        admin->reason, until, verdict_text(s, row), evidence);
}

static const char *address_text(struct status *s, const struct isb_endpoint *endpoint)
{
	char text[ISB_ADDR_TEXT];
	if (!endpoint->naddress)
		return endpoint->host ? endpoint->host : "-";
	isb_addr_print(&endpoint->addresses[0], text);
	if (endpoint->naddress == 1)
		return isb_arena_strdup(&s->arena, text);
	return isb_arena_printf(&s->arena, "%s +%zu", text, endpoint->naddress - 1);
}

static int64_t since(const struct row *row)
{
	return row->admin.admin == ISB_ADMIN_AUTO ? row->since_ms : row->admin.since_ms;
}

/* --- For people --- */

static void print_counts(const struct status *s)
{
	size_t records = 0, forced = 0, drained = 0, held = 0, waiting = 0, unchecked = 0, verdict[4] = {0};
	for (size_t i = 0; i < s->catalog.nzone; i++)
		records += s->catalog.zones[i].nrecord;
	for (size_t i = 0; i < s->count; i++) {
		const struct row *row = &s->rows[i];
		++*(row->checked ? &verdict[row->health.verdict] : &unchecked);
		drained += row->admin.admin == ISB_ADMIN_DRAIN;
		forced += row->admin.admin == ISB_ADMIN_UP || row->admin.admin == ISB_ADMIN_DOWN;
		held += row->admin.admin == ISB_ADMIN_HOLD_UP || row->admin.admin == ISB_ADMIN_HOLD_DOWN;
		waiting += row->left_ms && row->admin.admin == ISB_ADMIN_AUTO;
	}
	printf("generation %" PRIu64 "; zones: %zu, records: %zu, endpoints: %zu\n", s->generation, s->catalog.nzone, records,
	       s->count);
	printf("checks: %zu up, %zu down, %zu disputed, %zu unknown, %zu unchecked; operators: %zu forced, %zu drained",
	       verdict[ISB_UP], verdict[ISB_DOWN], verdict[ISB_DISPUTED], verdict[ISB_UNKNOWN], unchecked, forced, drained);
	if (held)
		printf(", %zu held", held);
	if (waiting)
		printf("; %zu waiting for failback", waiting);
	putchar('\n');
	if (s->geo.len || !s->geo_wrong.count)
		printf("geo: %s\n", s->geo.len ? s->geo.data : "no database");
	for (size_t i = 0; i < s->geo_wrong.count; i++)
		printf("geo: %s: %s; isobard keeps what it has\n", s->geo_wrong.list[i].at.file, s->geo_wrong.list[i].text);
}

static void print_rows(struct status *s)
{
	struct cli_table table;
	cli_table_init(&table, 7, (const char *[]){"ENDPOINT", "REGION", "ADDRESS", "STATE", "SINCE", "LATENCY", "WHY"});
	for (size_t i = 0; i < s->count; i++) {
		const struct row *r = &s->rows[i];
		char age[ISB_SPAN_TEXT] = "-", latency[24] = "-";
		if (since(r))
			isb_span_print(s->cli->now_ms - since(r), age);
		if (r->health.latency_us)
			snprintf(latency, sizeof(latency), "%.1fms", r->health.latency_us / 1000.0);
		cli_table_row(&table, (const char *[]){r->name, r->endpoint->region.name ? r->endpoint->region.name : "-",
		                                       address_text(s, r->endpoint), state_text(s, r), age, latency,
		                                       why_text(s, r)});
	}
	cli_table_print(&table);
}

static const char *probe_state(const struct status *s, const struct isb_probe_row *probe)
{
	return isb_probe_is_gone(probe, s->cli->now_ms) ? "gone" : probe->blind ? "blind" : "ok";
}

static void print_probes(const struct status *s)
{
	struct cli_table table;
	if (s->nprobe) {
		cli_table_init(&table, 6, (const char *[]){"PROBE", "REGION", "STATE", "LAST SEEN", "CHECKS", "FROM"});
		for (size_t i = 0; i < s->nprobe; i++) {
			const struct isb_probe_row *p = &s->probes[i];
			char age[ISB_SPAN_TEXT], checks[16];
			isb_span_print(s->cli->now_ms - p->seen_ms, age);
			snprintf(checks, sizeof(checks), "%" PRIu32, p->checks);
			cli_table_row(&table, (const char *[]){p->name, *p->region ? p->region : "-", probe_state(s, p), age, checks,
			                                       *p->from ? p->from : "here"});
		}
		putchar('\n');
		cli_table_print(&table);
	}
	if (!s->heard)
		printf("\nno probe %s: endpoints count as their pool's 'unknown' says, or as last seen; start isobar-probe\n",
		       s->nprobe ? "reports any more" : "has reported yet");
}

/* --- For programs --- */

static json_t *json_row(struct status *s, const struct row *r)
{
	json_t *addresses = json_array();
	for (size_t i = 0; i < r->endpoint->naddress; i++) {
		char text[ISB_ADDR_TEXT];
		json_array_append_new(addresses, json_string(isb_addr_print(&r->endpoint->addresses[i], text)));
	}
	json_t *json = json_pack("{s:s, s:s?, s:o, s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:s}", "endpoint", r->name, "region",
	                 r->endpoint->region.name, "addresses", addresses, "verdict", verdict_word(r), "held",
	                 isb_verdict_name(r->health.held), "admin", isb_admin_name(r->admin.admin), "until_ms",
	                 (json_int_t)r->admin.until_ms, "author", r->admin.author, "reason", r->admin.reason, "latency_us",
	                 (json_int_t)r->health.latency_us, "since_ms", (json_int_t)since(r), "why", why_text(s, r));
	json_object_set_new(json, "weight", json_integer(r->endpoint->weight));
	if (r->checked) {
		json_object_set_new(json, "soft", json_integer(r->health.soft));
		json_object_set_new(json, "load_per_mille", json_integer(r->health.load));
		json_object_set_new(json, "waits", json_boolean(r->left_ms && r->admin.admin == ISB_ADMIN_AUTO));
	}
	if (r->checked && s->only)
		cli_history_json(s->reader.health, r->slot, &r->knobs, r->now_ms, json);
	return json;
}

static json_t *json_regions(const struct status *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->catalog.nregion; i++) {
		const struct isb_region *region = &s->catalog.regions[i];
		json_array_append_new(list, json_pack("{s:s, s:[f, f]}", "name", region->name, "location", region->latitude,
		                                      region->longitude));
	}
	return list;
}

static void print_json(struct status *s)
{
	json_t *endpoints = json_array(), *probes = json_array(), *aliases = json_array();
	for (size_t i = 0; i < s->count; i++)
		json_array_append_new(endpoints, json_row(s, &s->rows[i]));
	for (size_t i = 0; i < s->nprobe; i++) {
		const struct isb_probe_row *p = &s->probes[i];
		json_array_append_new(probes, json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "name", p->name, "region", p->region, "state",
		                                        probe_state(s, p), "seen_ms", (json_int_t)p->seen_ms, "checks",
		                                        (json_int_t)p->checks, "from", p->from));
	}
	cli_resolved_json_all(s->reader.health, aliases);
	json_t *wrong = json_array();
	for (size_t i = 0; i < s->geo_wrong.count; i++)
		json_array_append_new(wrong, json_pack("{s:s, s:s}", "file", s->geo_wrong.list[i].at.file, "reason",
		                                       s->geo_wrong.list[i].text));
	json_t *geo = json_pack("{s:s?, s:o}", "databases", s->geo.len ? s->geo.data : NULL, "refused", wrong);
	cli_print_json(s->cli, json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "generation",
	                         (json_int_t)s->generation, "endpoints", endpoints, "regions", json_regions(s), "aliases", aliases, "rollouts",
	                         cli_rollouts_json(&s->rollouts), "probes", probes, "geo", geo));
}

static int once(struct cli *cli)
{
	struct status s = {.cli = cli};
	if (cli->count > 1)
		return cli_fail(CLI_USAGE, "status of one endpoint or of all; '%s' is too much", cli->words[1]);
	s.only = cli->count ? cli->words[0] : NULL;
	if (s.only && !strchr(s.only, '/'))
		return cli_fail(CLI_USAGE, "status of which endpoint? '%s' names none; write: isobar status POOL/ENDPOINT", s.only);
	int rc = cli_read(cli, &s.reader);
	if (rc != CLI_OK)
		return rc;
	isb_catalog_init(&s.catalog);
	int err = read_all(&s);
	if (err != ISB_OK) {
		rc = cli_unreadable(cli, err);
	} else if (s.only && !s.count) {
		rc = cli_unknown(s.reader.catalog, CLI_ENDPOINT, s.only);
	} else if (cli->json) {
		print_json(&s);
	} else if (s.only) {
		print_rows(&s);
		if (s.rows[0].checked)
			err = cli_history_print(s.reader.health, s.rows[0].slot, &s.rows[0].knobs, cli->now_ms);
		rc = err == ISB_OK ? CLI_OK : cli_unreadable(cli, err);
	} else {
		print_counts(&s);
		putchar('\n');
		print_rows(&s);
		cli_resolved_print(s.reader.health, cli->now_ms);
		if (s.rollouts.count) {
			putchar('\n');
			cli_rollouts_print(&s.rollouts, cli->now_ms);
		}
		print_probes(&s);
	}
	for (size_t i = 0; i < s.count; i++)
		isb_buf_done(&s.rows[i].evidence);
	free(s.rows);
	free(s.probes);
	isb_buf_done(&s.geo);
	isb_diags_done(&s.geo_wrong);
	cli_rollouts_done(&s.rollouts);
	isb_arena_done(&s.arena);
	isb_catalog_done(&s.catalog);
	cli_read_done(&s.reader);
	return rc;
}

static int run(struct cli *cli)
{
	return cli_watch(cli, once);
}

const struct verb verb_status = {
	"status", "[POOL/ENDPOINT] [--geo FILE ...]", "what is up, down, forced, drained or rolled out, since when and why",
	"From the store alone: the server need not run. A state that is unknown or disputed is answered\n"
	"as what is held, and as up when nothing is, unless its pool's 'unknown' says otherwise.\n"
	"Of one endpoint also the last 64 outcomes that each probe had (+ ok, - failed, the newest on\n"
	"the right), and the last ten changes of its verdict.\n", "asia/icn-1", "gw", run};
