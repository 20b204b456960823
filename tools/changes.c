/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/store/codec.h"

/* An edit as a plan one can read: objects with the lines of their bodies that differ, rrsets as master-file lines. */

enum { OBJECTS_BRIEF = 50, RRSETS_BRIEF = 12 }; /* what a brief plan prints; the rest is counted */

int cli_plan_add(void *arg, const struct isb_change *change)
{
	struct cli_plan *plan = arg;
	if (plan->count == plan->cap) {
		plan->cap = plan->cap ? plan->cap * 2 : 64;
		plan->list = isb_xrealloc(plan->list, plan->cap * sizeof(*plan->list));
	}
	plan->list[plan->count++] = *change;
	return 0;
}

void cli_plan_done(struct cli_plan *plan)
{
	free(plan->list);
}

/* --- One change --- */

static char sign(const struct isb_change *change)
{
	return !change->before.data ? '+' : !change->after.data ? '-' : '~';
}

/* "drain until 2026-11-21T14:00:00Z, by kim: power work" */
static void print_admin(struct isb_slice value, struct isb_buf *out)
{
	struct isb_admin_row row;
	char until[24];
	if (isb_admin_decode(value, &row) != ISB_OK)
		return;
	isb_buf_printf(out, "%s", isb_admin_name(row.admin));
	if (row.until_ms && row.admin != ISB_ADMIN_FAILBACK) /* which is over at once */
		isb_buf_printf(out, " until %s", isb_time_print(row.until_ms, until));
	isb_buf_printf(out, ", by %s%s%s", row.author, *row.reason ? ": " : "", row.reason);
}

/* "to next: 10, 50, 100 % every 10m, paused since 2026-11-21T14:00:00Z, by kim: release 42" */
static void print_rollout(struct isb_slice value, struct isb_buf *out)
{
	struct isb_rollout row;
	struct isb_buf scratch = {0};
	char since[24];
	if (isb_rollout_decode(value, &scratch, &row) == ISB_OK) {
		isb_buf_printf(out, "to %s: ", row.to);
		cli_rollout_print(out, &row);
		if (row.times.paused_ms)
			isb_buf_printf(out, ", paused since %s", isb_time_print(row.times.paused_ms, since));
		isb_buf_printf(out, ", by %s%s%s", row.author, *row.reason ? ": " : "", row.reason);
	}
	isb_buf_done(&scratch);
}

static bool rollout_slot(struct isb_slice value, uint32_t *ret_slot)
{
	struct isb_rollout row;
	struct isb_buf scratch = {0};
	bool good = value.data && isb_rollout_decode(value, &scratch, &row) == ISB_OK;
	if (good)
		*ret_slot = row.slot;
	isb_buf_done(&scratch);
	return good;
}

bool cli_change_slot(const struct isb_change *change, uint32_t *ret_slot)
{
	uint32_t before, after;
	if (change->table != ISB_T_ROLLOUT || !rollout_slot(change->after, &after) ||
	    (rollout_slot(change->before, &before) && before == after))
		return false;
	*ret_slot = after;
	return true;
}

bool cli_change_print(const struct isb_change *change, struct isb_buf *out)
{
	enum isb_kind kind;
	const char *key;
	uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	char name[ISB_DNAME_TEXT], text[ISB_TYPE_TEXT];
	uint16_t type;
	if (isb_change_object(change, &kind, &key) == ISB_OK) {
		isb_buf_printf(out, "%c %s %s", sign(change), isb_kind_name(kind), key);
		return true;
	}
	if (isb_change_rrset(change, zone, owner, &type) == ISB_OK) {
		isb_buf_printf(out, "%c rrset %s %s", sign(change), isb_dname_print(owner, name), isb_type_print(type, text));
		return true;
	}
	if (change->table == ISB_T_ROLLOUT && isb_text_decode(change->key, &key) == ISB_OK) {
		isb_buf_printf(out, "%c rollout %s%s", sign(change), key, change->after.data ? " " : ": ended");
		if (change->after.data)
			print_rollout(change->after, out);
		return true;
	}
	if (change->table != ISB_T_ADMIN || isb_text_decode(change->key, &key) != ISB_OK)
		return false;
	isb_buf_printf(out, "%c admin %s: ", sign(change), key);
	if (change->after.data)
		print_admin(change->after, out);
	else
		isb_buf_puts(out, "auto");
	return true;
}

static void rrset_text(const struct isb_change *change, struct isb_slice value, struct isb_buf *out)
{
	uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	uint16_t type;
	const struct isb_rrset *set;
	struct isb_buf scratch = {0};
	if (value.data && isb_change_rrset(change, zone, owner, &type) == ISB_OK &&
	    isb_rrset_decode(value, type, &scratch, &set) == ISB_OK)
		isb_rrset_print(out, owner, set);
	isb_buf_done(&scratch);
}

/* --- For people --- */

static void print_rrset(const struct isb_change *change)
{
	struct isb_buf before = {0}, after = {0};
	rrset_text(change, change->before, &before);
	rrset_text(change, change->after, &after);
	cli_print_diff(isb_buf_text(&before), isb_buf_text(&after), 2);
	isb_buf_done(&before);
	isb_buf_done(&after);
}

static void add_tally(struct cli_tally *t, const struct isb_change *change)
{
	char s = sign(change);
	++*(s == '+' ? &t->added : s == '-' ? &t->removed : &t->changed);
}

static size_t count(const struct cli_plan *plan, enum isb_table table, struct cli_tally *ret)
{
	struct cli_tally t = {0};
	for (size_t i = 0; i < plan->count; i++)
		if (plan->list[i].table == table)
			add_tally(&t, &plan->list[i]);
	*ret = t;
	return t.added + t.changed + t.removed;
}

struct cli_tally cli_plan_tally(const struct cli_plan *plan)
{
	struct cli_tally t = {0};
	for (size_t i = 0; i < plan->count; i++)
		add_tally(&t, &plan->list[i]);
	return t;
}

void cli_print_tally(const char *what, const struct cli_tally *t, const char *after)
{
	const char *lead = " ";
	printf("%s:", what);
	const struct {
		size_t n;
		const char *word;
	} parts[] = {{t->added, "added"}, {t->changed, "changed"}, {t->removed, "removed"}};
	for (size_t i = 0; i < 3; i++)
		if (parts[i].n) {
			printf("%s%zu %s", lead, parts[i].n, parts[i].word);
			lead = ", ";
		}
	puts(after);
}

/* NULL where there is nothing to show: no object, or one with everything at its default. */
static const char *body_of(struct isb_slice value)
{
	const char *body = value.data;
	return body && strcmp(body, "{}\n") != 0 ? body : NULL;
}

void cli_print_change(const char *line)
{
	enum cli_tone tone = cli_sign_tone(*line);
	printf("%s%s%s\n", cli_tone_on(tone), line, cli_tone_off(tone));
}

static void print_objects(const struct cli_plan *plan, bool brief)
{
	struct isb_buf line = {0};
	size_t shown = 0, more = 0;
	for (size_t i = 0; i < plan->count; i++) {
		const struct isb_change *change = &plan->list[i];
		isb_buf_reset(&line);
		if (change->table == ISB_T_RRSET || !cli_change_print(change, &line))
			continue;
		if (brief && shown == OBJECTS_BRIEF) {
			more++;
			continue;
		}
		shown++;
		cli_print_change(isb_buf_text(&line));
		if (change->table == ISB_T_OBJECT && (!brief || (change->before.data && change->after.data)))
			cli_print_diff(body_of(change->before), body_of(change->after), 4);
	}
	if (more)
		printf("... and %zu more objects\n", more);
	isb_buf_done(&line);
}

void cli_plan_print(const struct cli_plan *plan, bool brief, uint64_t generation)
{
	struct cli_tally tally;
	print_objects(plan, brief);
	size_t rrsets = count(plan, ISB_T_RRSET, &tally);
	bool cut = brief && rrsets > RRSETS_BRIEF;
	if (!rrsets)
		return;
	char where[64] = "";
	if (cut)
		snprintf(where, sizeof(where), "; isobar log %" PRIu64 " shows them", generation);
	cli_print_tally("rrsets", &tally, where);
	for (size_t i = 0; !cut && i < plan->count; i++)
		if (plan->list[i].table == ISB_T_RRSET)
			print_rrset(&plan->list[i]);
}

/* --- For programs --- */

/* The lines of an rrset, or null. */
static json_t *json_rrset(const struct isb_change *change, struct isb_slice value)
{
	struct isb_buf text = {0};
	json_t *lines = value.data ? json_array() : json_null();
	rrset_text(change, value, &text);
	for (char *line = text.data, *nl; line && (nl = strchr(line, '\n')); line = nl + 1)
		json_array_append_new(lines, json_stringn(line, (size_t)(nl - line)));
	isb_buf_done(&text);
	return lines;
}

static json_t *json_admin(struct isb_slice value)
{
	struct isb_admin_row row;
	if (!value.data || isb_admin_decode(value, &row) != ISB_OK)
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:s, s:s}", "admin", isb_admin_name(row.admin), "since_ms", (json_int_t)row.since_ms,
	                 "until_ms", (json_int_t)row.until_ms, "author", row.author, "reason", row.reason);
}

static json_t *json_rollout(struct isb_slice value)
{
	struct isb_rollout row;
	struct isb_buf scratch = {0};
	json_t *json = json_null();
	if (value.data && isb_rollout_decode(value, &scratch, &row) == ISB_OK) {
		json_t *steps = json_array(), *nets = json_array();
		char text[ISB_NET_TEXT];
		for (unsigned i = 0; i < row.times.nstep; i++)
			json_array_append_new(steps, json_integer(row.times.step[i]));
		for (size_t i = 0; i < row.nnet; i++)
			json_array_append_new(nets, json_string(isb_net_print(&row.nets[i], text)));
		json = json_pack("{s:s, s:o, s:I, s:I, s:I, s:o, s:b, s:b, s:s, s:s}", "to", row.to, "steps", steps, "every_ms",
		                 (json_int_t)row.times.every_ms, "started_ms", (json_int_t)row.times.started_ms, "paused_ms",
		                 (json_int_t)row.times.paused_ms, "nets", nets, "sticky", row.sticky, "abort_if_down",
		                 row.abort_if == ISB_ABORT_DOWN, "author", row.author, "reason", row.reason);
	}
	isb_buf_done(&scratch);
	return json;
}

static json_t *json_value(const struct isb_change *change, struct isb_slice value)
{
	switch (change->table) {
	case ISB_T_OBJECT: return value.data ? cli_json_body(value.data) : json_null();
	case ISB_T_RRSET: return json_rrset(change, value);
	case ISB_T_ADMIN: return json_admin(value);
	case ISB_T_ROLLOUT: return json_rollout(value);
	default: return json_null();
	}
}

static void add_name(json_t *json, const struct isb_change *change)
{
	enum isb_kind kind;
	const char *key, *word = "latency"; /* of an older program */
	uint8_t zone[ISB_DNAME_MAX], owner[ISB_DNAME_MAX];
	char name[ISB_DNAME_TEXT], text[ISB_TYPE_TEXT];
	uint16_t type;
	if (isb_change_object(change, &kind, &key) == ISB_OK) {
		word = isb_kind_name(kind);
		json_object_set_new(json, "name", json_string(key));
	} else if (isb_change_rrset(change, zone, owner, &type) == ISB_OK) {
		word = "rrset";
		json_object_set_new(json, "name", json_string(isb_dname_print(owner, name)));
		json_object_set_new(json, "type", json_string(isb_type_print(type, text)));
	} else if ((change->table == ISB_T_ADMIN || change->table == ISB_T_ROLLOUT) &&
	           isb_text_decode(change->key, &key) == ISB_OK) {
		word = change->table == ISB_T_ADMIN ? "admin" : "rollout";
		json_object_set_new(json, "name", json_string(key));
	}
	json_object_set_new(json, "kind", json_string(word));
}

json_t *cli_plan_json(const struct cli_plan *plan)
{
	json_t *list = json_array();
	for (size_t i = 0; i < plan->count; i++) {
		const struct isb_change *change = &plan->list[i];
		char s = sign(change);
		json_t *json = json_pack("{s:s}", "action", s == '+' ? "added" : s == '-' ? "removed" : "changed");
		add_name(json, change);
		json_object_set_new(json, "before", json_value(change, change->before));
		json_object_set_new(json, "after", json_value(change, change->after));
		json_array_append_new(list, json);
	}
	return list;
}
