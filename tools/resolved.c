/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/store/resolveddb.h"

/* What the hosts of ALIAS records resolved to, for "status" and "explain". */

const char *cli_resolved_addresses(struct isb_arena *arena, const struct isb_resolved *row)
{
	struct isb_buf out = {0};
	char addr[ISB_ADDR_TEXT];
	for (size_t i = 0; i < row->count; i++)
		isb_buf_printf(&out, "%s%s", i ? " " : "", isb_addr_print(&row->addresses[i], addr));
	const char *text = isb_arena_strdup(arena, out.len ? isb_buf_text(&out) : "-");
	isb_buf_done(&out);
	return text;
}

const char *cli_resolved_state(struct isb_arena *arena, const struct isb_resolved *row, int64_t now_ms)
{
	char left[ISB_SPAN_TEXT], failing[ISB_SPAN_TEXT];
	const char *state = !row->since_ms ? "never resolved" : !row->count ? "no address" : "stale";
	if (row->since_ms && row->count && row->until_ms > now_ms)
		state = isb_arena_printf(arena, "fresh for %s", isb_span_print(row->until_ms - now_ms, left));
	if (!row->failing_ms)
		return state;
	return isb_arena_printf(arena, "%s; %s for %s", state, row->trouble, isb_span_print(now_ms - row->failing_ms, failing));
}

json_t *cli_resolved_json(const struct isb_resolved *row)
{
	json_t *addresses = json_array();
	char addr[ISB_ADDR_TEXT];
	for (size_t i = 0; i < row->count; i++)
		json_array_append_new(addresses, json_string(isb_addr_print(&row->addresses[i], addr)));
	return json_pack("{s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:s}", "host", row->host, "addresses", addresses, "probe",
	                 row->probe, "since_ms", (json_int_t)row->since_ms, "until_ms", (json_int_t)row->until_ms, "asked_ms",
	                 (json_int_t)row->asked_ms, "failing_ms", (json_int_t)row->failing_ms, "trouble", row->trouble);
}

struct printing {
	struct cli_table table;
	struct isb_arena arena;
	int64_t now_ms;
	bool all;
};

static int print_row(void *arg, const struct isb_resolved *row)
{
	struct printing *p = arg;
	char age[ISB_SPAN_TEXT] = "-";
	bool good = row->count && !row->failing_ms && row->until_ms > p->now_ms;
	if (good && !p->all)
		return 0;
	if (!p->table.columns) {
		putchar('\n');
		cli_table_init(&p->table, 5, (const char *[]){"ALIAS TO", "ADDRESSES", "SINCE", "PROBE", "STATE"});
	}
	if (row->since_ms)
		isb_span_print(p->now_ms - row->since_ms, age);
	cli_table_row(&p->table, (const char *[]){row->host, cli_resolved_addresses(&p->arena, row), age, row->probe,
	                                          cli_resolved_state(&p->arena, row, p->now_ms)});
	return 0;
}

int cli_resolved_print(struct isb_txn *health, int64_t now_ms, bool all)
{
	struct printing p = {.now_ms = now_ms, .all = all};
	int rc = isb_resolved_each(health, print_row, &p);
	if (p.table.columns)
		cli_table_print(&p.table);
	isb_arena_done(&p.arena);
	return rc;
}

static int add_json(void *arg, const struct isb_resolved *row)
{
	json_array_append_new(arg, cli_resolved_json(row));
	return 0;
}

int cli_resolved_json_all(struct isb_txn *health, json_t *list)
{
	return isb_resolved_each(health, add_json, list);
}
