/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "status.h"

/* What the store knows, as of one moment of it. */

static int add_evidence(void *arg, const struct isb_observation *o)
{
	struct status_row *row = arg;
	char outcome[ISB_OUTCOME_TEXT];
	const struct isb_history *h = &o->history;
	isb_buf_printf(&row->evidence, "%s%s: %s x%u%s", row->evidence.len ? "; " : "", o->probe,
	               isb_outcome_print(&h->last, outcome), h->run, h->run == UINT8_MAX ? "+" : "");
	size_t before = row->evidence.len;
	cli_print_damped(&row->evidence, h, &row->knobs, row->now_ms);
	row->damped |= row->evidence.len > before;
	if (row->now_ms >= o->expires_ms)
		isb_buf_puts(&row->evidence, ", too old");
	return 0;
}

static int read_row(struct status *s, struct status_row *row)
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
	row->serves = isb_health_serves(health, row->checked, row->pool->unknown, word, row->now_ms);
	int64_t turned_ms = 0;
	if (row->checked && isb_since_get(s->reader.health, row->slot, &turned_ms) == ISB_OK)
		row->left_ms = isb_failback_left(row->pool->failback_ms, health, turned_ms, word, s->cli->now_ms);
	if (isb_admin_at(word, s->cli->now_ms) == ISB_ADMIN_AUTO)
		row->admin = (struct isb_admin_row){.author = "", .reason = ""};
	return rc == ISB_ENOTFOUND ? ISB_OK : rc;
}

static bool is_asked_for(const struct status *s, const struct status_row *row)
{
	const char *region = row->endpoint->region.name;
	if (!s->only || s->one)
		return !s->only || strcmp(s->only, row->name) == 0;
	return strcmp(s->only, row->pool->name) == 0 || (region && strcmp(s->only, region) == 0);
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
			struct status_row *row = &s->rows[s->count];
			row->pool = &s->catalog.pools[i];
			row->endpoint = &row->pool->endpoints[j];
			row->name = isb_arena_printf(&s->arena, "%s/%s", row->pool->name, row->endpoint->name);
			row->shown = is_asked_for(s, row);
			s->nshown += row->shown;
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
		struct status_row *row = &s->rows[i];
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

int status_read(struct status *s)
{
	struct isb_diags diags = {0};
	isb_catalog_init(&s->catalog);
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
	if (rc == ISB_OK)
		status_judge(s);
	read_geo(s);
	isb_diags_print(&diags, stderr);
	isb_diags_done(&diags);
	return rc;
}

void status_done(struct status *s)
{
	for (size_t i = 0; i < s->count; i++)
		isb_buf_done(&s->rows[i].evidence);
	free(s->rows);
	free(s->pools);
	free(s->policies);
	free(s->records);
	free(s->probes);
	isb_buf_done(&s->geo);
	isb_diags_done(&s->geo_wrong);
	cli_rollouts_done(&s->rollouts);
	isb_arena_done(&s->arena);
	isb_catalog_done(&s->catalog);
}
