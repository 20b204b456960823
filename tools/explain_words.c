/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/model/health.h"

/* Words for what the trace names. */

const struct explain_rank *explain_rank_of(const struct explain *e, const char *node, const char *child, unsigned rank)
{
	for (size_t i = 0; i < e->nrank; i++) {
		const struct explain_rank *r = &e->ranks[i];
		if (r->rank == rank && strcmp(r->node, node) == 0 && strcmp(r->child, child) == 0)
			return r;
	}
	return NULL;
}

const char *explain_rule(struct explain *e, const struct explain_rank *rank)
{
	struct isb_buf out = {0};
	if (!rank->rule)
		return NULL;
	isb_view_rule_print(rank->rule, &out);
	const char *text = isb_arena_strdup(&e->arena, isb_buf_text(&out));
	isb_buf_done(&out);
	return text;
}

bool explain_named(const char *name)
{
	return !strchr(name, ' ');
}

/* --- Endpoints --- */

static bool is_checked(const struct explain *e, const char *endpoint)
{
	const struct isb_catalog *catalog = isb_view_catalog(e->view);
	size_t len = strcspn(endpoint, "/");
	for (size_t i = 0; i < catalog->npool; i++)
		if (strlen(catalog->pools[i].name) == len && strncmp(catalog->pools[i].name, endpoint, len) == 0)
			return catalog->pools[i].check.name != NULL;
	return false;
}

static void print_verdict(struct explain *e, const struct isb_step *step, struct isb_buf *out)
{
	struct isb_health h = isb_health_unpack(step->word);
	char age[ISB_SPAN_TEXT];
	if (!step->word) {
		isb_buf_puts(out, is_checked(e, step->name) ? "not checked yet" : "no check");
		return;
	}
	isb_buf_puts(out, isb_verdict_name(h.verdict));
	int64_t since_ms = cli_since_ms(&e->since, e->reader.health, step->slot, h.verdict);
	if (since_ms)
		isb_buf_printf(out, " for %s", isb_span_print((explain_is_past(e) ? e->cli->at_ms : e->cli->now_ms) - since_ms, age));
	if (h.held && h.verdict != ISB_UP && h.verdict != ISB_DOWN)
		isb_buf_printf(out, ", held %s", isb_verdict_name(h.held));
	if (h.soft < ISB_SOFT_FULL)
		isb_buf_printf(out, ", soft health %u%%", h.soft);
	if (step->got < 100)
		isb_buf_printf(out, ", slow start at %u%%", step->got);
	if (step->at == UINT64_MAX)
		isb_buf_puts(out, ", came back and waits for an operator: isobar failback");
	else if (step->at)
		isb_buf_printf(out, ", came back and waits for %s yet", isb_span_print((int64_t)step->at, age));
}

const char *explain_verdict(struct explain *e, const struct isb_step *step)
{
	struct isb_buf out = {0};
	struct isb_admin_row row = explain_admin(e, step->name);
	char until[24];
	if (step->admin != ISB_ADMIN_AUTO) {
		isb_buf_puts(&out, cli_admin_words(step->admin));
		if (row.admin != ISB_ADMIN_AUTO)
			isb_buf_printf(&out, " by %s%s%s", row.author, *row.reason ? ": " : "", row.reason);
		if (row.until_ms)
			isb_buf_printf(&out, ", until %s", isb_time_print(row.until_ms, until));
		isb_buf_puts(&out, "; checks say ");
	}
	print_verdict(e, step, &out);
	const char *text = isb_arena_strdup(&e->arena, isb_buf_text(&out));
	isb_buf_done(&out);
	return text;
}

/* --- Draws --- */

const char *explain_key(struct explain *e, const struct isb_step *step)
{
	char text[ISB_NET_TEXT];
	struct isb_net net = isb_net_around(&e->client.addr, step->got);
	return step->got ? isb_arena_strdup(&e->arena, isb_net_print(&net, text)) : NULL;
}

const char *explain_measure(struct explain *e, const struct isb_step *step)
{
	if (step->order == ISB_ORDER_LEAST_LOAD)
		return isb_arena_printf(&e->arena, "load %.1f %%", (double)step->at / 10);
	if (!step->at)
		return "not measured";
	return isb_arena_printf(&e->arena, "%.1f ms", (double)step->at / 1000);
}

const char *explain_again(const struct isb_step *step)
{
	static const char *const words[] = {
		[ISB_AGAIN_LAST_GOOD] = "as if those that went down last were up",
		[ISB_AGAIN_VERDICTS] = "as if all were up, save what operators took out",
		[ISB_AGAIN_OPERATORS] = "as if all were up",
		[ISB_AGAIN_WAITING] = "as if nothing waited for its failback"};
	return step->got < sizeof(words) / sizeof(words[0]) ? words[step->got] : "";
}

const char *explain_all_down(const struct explain *e)
{
	return cli_all_down_name((enum isb_all_down)e->record->all_down);
}
