/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "status.h"

/* --- An endpoint --- */

const char *status_verdict(const struct status_row *row)
{
	return row->checked ? isb_verdict_name(row->health.verdict) : "unchecked";
}

/* What the checks say: "up", "unknown (held down)", "unchecked". */
static const char *verdict_text(struct status *s, const struct status_row *row)
{
	const struct isb_health *h = &row->health;
	if (row->checked && h->held && (h->verdict == ISB_UNKNOWN || h->verdict == ISB_DISPUTED))
		return isb_arena_printf(&s->arena, "%s (held %s)", status_verdict(row), isb_verdict_name(h->held));
	return status_verdict(row);
}

const char *status_state(struct status *s, const struct status_row *row)
{
	const char *words = cli_admin_words(row->admin.admin);
	if (*words)
		return words;
	return row->left_ms ? isb_arena_printf(&s->arena, "%s, waits", verdict_text(s, row)) : verdict_text(s, row);
}

/* What else the checks say of an endpoint: whose votes a dispute lacks, how much of it is up, why it does not serve yet. */
static const char *more_text(struct status *s, const struct status_row *row)
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

const char *status_why(struct status *s, const struct status_row *row)
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

const char *status_address(struct status *s, const struct isb_endpoint *endpoint)
{
	char text[ISB_ADDR_TEXT];
	if (!endpoint->naddress)
		return endpoint->host ? endpoint->host : "-";
	isb_addr_print(&endpoint->addresses[0], text);
	if (endpoint->naddress == 1)
		return isb_arena_strdup(&s->arena, text);
	return isb_arena_printf(&s->arena, "%s +%zu", text, endpoint->naddress - 1);
}

int64_t status_since(const struct status_row *row)
{
	return row->admin.admin == ISB_ADMIN_AUTO ? row->since_ms : row->admin.since_ms;
}

const char *status_probe_state(const struct status *s, const struct isb_probe_row *probe)
{
	return isb_probe_is_gone(probe, s->cli->now_ms) ? "gone" : probe->blind ? "blind" : "ok";
}

/* --- Pools and records --- */

enum { NAMED = 4 }; /* endpoints of a pool, pools of a record: the rest is counted */

const char *status_pool_why(struct status *s, const struct status_pool *pool)
{
	struct isb_buf out = {0};
	size_t named = 0, out_of = pool->pool->nendpoint - pool->serving;
	if (!pool->pool->nendpoint)
		isb_buf_puts(&out, "it has no endpoints");
	for (size_t i = 0; i < pool->pool->nendpoint && named < NAMED; i++) {
		const struct status_row *row = &pool->rows[i];
		if (!row->serves)
			isb_buf_printf(&out, "%s%s %s", named++ ? ", " : "", row->endpoint->name, status_state(s, row));
	}
	if (named < out_of)
		isb_buf_printf(&out, " and %zu more", out_of - named);
	const char *text = isb_arena_strdup(&s->arena, isb_buf_text(&out));
	isb_buf_done(&out);
	return text;
}

const char *status_policy_why(struct status *s, const struct status_policy *policy)
{
	struct isb_buf out = {0};
	size_t named = 0, more = 0;
	for (size_t i = 0; i < policy->npool; i++) {
		const struct status_pool *pool = policy->pools[i];
		if (pool->can)
			continue;
		if (named == NAMED) {
			more++;
			continue;
		}
		isb_buf_printf(&out, "%s%s: %zu of %zu serve", named++ ? "; " : "", pool->pool->name, pool->serving,
		               pool->pool->nendpoint);
		if (pool->needs > 1)
			isb_buf_printf(&out, ", %u needed", pool->needs);
	}
	if (more)
		isb_buf_printf(&out, "; and %zu more pools", more);
	const char *text = isb_arena_strdup(&s->arena, isb_buf_text(&out));
	isb_buf_done(&out);
	return text;
}

const char *status_record_words(const struct status *s, const struct status_record *record)
{
	switch (s->policies[record->policy].standing) {
	case STATUS_ANSWERS: return "answers";
	case STATUS_REDUCED: return "answers, but not with all of its pools";
	case STATUS_ALL_DOWN: break;
	}
	switch (record->record->all_down) {
	case ISB_ALL_DOWN_FALLBACK: return "falls back to the ordinary records";
	case ISB_ALL_DOWN_NODATA: return "answers without data";
	case ISB_ALL_DOWN_LAST: return "fails open: as it last answered well";
	case ISB_ALL_DOWN_ALL: break;
	}
	return "fails open: as if all were up";
}
