/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "isobar/base/clock.h"
#include "isobar/model/dname.h"

/* The decision as a walk one can follow with a finger. */

enum { DEPTHS = ISB_PLAN_DEPTH_MAX * 2 + 2, CHILD_WIDTH = 40 };

struct telling {
	struct explain *e;
	const char *node[DEPTHS]; /* entered, by depth */
	enum isb_order_id order[DEPTHS];
	const char *pending;      /* node whose children that are out are still to be told, NULL: none */
	unsigned pending_depth;
	const struct isb_step *drawn; /* the last one */
	unsigned records;             /* that decided so far */
};

/* What is of which time: nobody shall take a guess for a record of what was. */
static void tell_past(const struct explain *e)
{
	const struct explain_past *past = &e->past;
	char from[24];
	printf("  of then   verdicts (%zu not as now), what operators said of endpoints (%zu not as now)\n", past->verdicts,
	       past->admins);
	if (past->verdicts_from_ms > e->cli->at_ms)
		printf("  unknown   verdicts between then and %s: older changes are not kept\n",
		       isb_time_print(past->verdicts_from_ms, from));
	if (past->edits_from_ms > e->cli->at_ms)
		printf("  unknown   edits between then and %s: older ones are not kept\n", isb_time_print(past->edits_from_ms, from));
	printf("  of now    the catalog, of generation %" PRIu64 " (%zu edit%s since then), soft health and load, round trips,\n"
	       "            geo databases; how soon a verdict could change, which may have made TTLs shorter\n",
	       e->view->generation, past->edits, past->edits == 1 ? "" : "s");
}

static void tell_time(const struct explain *e)
{
	int64_t apart_ms = e->cli->at_ms - e->cli->now_ms;
	char at[24], span[ISB_SPAN_TEXT];
	if (apart_ms == 0)
		return;
	printf("time      %s, %s%s%s\n", isb_time_print(e->cli->at_ms, at), apart_ms > 0 ? "in " : "",
	       isb_span_print(apart_ms > 0 ? apart_ms : -apart_ms, span), apart_ms > 0 ? "" : " ago");
	if (explain_is_past(e)) {
		tell_past(e);
		return;
	}
	puts("  of then   what operators said and will not have expired");
	printf("  of now    verdicts, though checks go on; the catalog, of generation %" PRIu64 ", and all else\n",
	       e->view->generation);
}

static void tell_client(struct explain *e)
{
	const struct isb_geo_facts *geo = &e->geo;
	char net[ISB_NET_TEXT];
	printf("client    %s%s: ", e->told ? isb_net_print(&e->client, net) : isb_addr_print(&e->client.addr, net),
	       e->told ? "" : " itself, without ECS");
	if (!e->geodb)
		printf("no geo database");
	else if (!*geo->country && !*geo->continent && !geo->asn)
		printf("not in the geo database");
	else
		printf("country %s, continent %s", *geo->country ? geo->country : "unknown",
		       *geo->continent ? geo->continent : "unknown");
	if (*geo->subdivision)
		printf(", subdivision %s", geo->subdivision);
	if (*geo->city)
		printf(", city %s", geo->city);
	if (geo->asn)
		printf(", AS%u", geo->asn);
	if (e->geodb)
		printf(" (%s)", isb_geodb_describe(e->geodb));
	putchar('\n');
}

static void tell_record(struct explain *e)
{
	char ttl[ISB_SPAN_TEXT], least[ISB_SPAN_TEXT];
	if (!e->hosted) {
		puts("record    none: no zone of the catalog holds this name");
		return;
	}
	if (e->cut) {
		printf("record    none: %s is delegated to other name servers\n", e->cut);
		return;
	}
	if (!e->record) {
		puts("record    none: ordinary data of the zone");
		return;
	}
	printf("record    %s: policy %s, ttl %s, not below %s, all_down %s\n", isb_plan_text(e->view->plan, e->record->name),
	       e->declared ? e->declared->policy.name : "?", isb_span_print((int64_t)e->record->ttl_s * 1000, ttl),
	       isb_span_print((int64_t)e->record->ttl_min_s * 1000, least), explain_all_down(e));
}

/* --- Steps --- */

static int indent(unsigned depth)
{
	return (int)depth * 2 + 2;
}

/* "continent AS: asia, us", "us", "nearest of us, europe". */
static const char *child_text(struct explain *e, const struct explain_rank *rank, const char *child)
{
	const char *rule = rank ? explain_rule(e, rank) : NULL;
	return rule ? isb_arena_printf(&e->arena, "%s: %s", rule, child) : child;
}

static void tell_outs(struct telling *t)
{
	struct explain *e = t->e;
	for (size_t i = 0; t->pending && i < e->nrank; i++) {
		const struct explain_rank *r = &e->ranks[i];
		if (r->rank == ISB_RANK_OUT && strcmp(r->node, t->pending) == 0)
			printf("%*s-  %-*s  %s\n", indent(t->pending_depth) + 2, "", CHILD_WIDTH, child_text(e, r, r->child),
			       r->again ? "nothing that is not tried before" : "not for this client");
	}
	t->pending = NULL;
}

static void tell_enter(struct telling *t, const struct isb_step *step)
{
	const struct isb_step *drawn = t->drawn;
	t->node[step->depth] = step->name;
	t->order[step->depth] = step->order;
	t->pending = step->name;
	t->pending_depth = step->depth;
	const char *order = isb_order_words[step->order], *lead = step->depth ? "-> " : "";
	printf("%*s%s%s", indent(step->depth), "", lead, step->name);
	if (explain_named(step->name))
		printf(" (%s)", order);
	if (drawn && drawn->weight && drawn->weight < drawn->total)
		printf(", drawn with %" PRIu32 " of %" PRIu64, drawn->weight, drawn->total);
	putchar('\n');
	t->drawn = NULL;
}

static void tell_child(struct telling *t, const struct isb_step *step)
{
	unsigned above = step->depth ? step->depth - 1 : 0;
	const char *node = t->node[above];
	const struct explain_rank *rank = explain_rank_of(t->e, node, step->name, step->rank);
	bool weighed = step->weight != 1 || t->order[above] == ISB_ORDER_WEIGHTED;
	printf("%*s%u  ", indent(step->depth), "", step->rank + 1);
	const char *text = child_text(t->e, rank, step->name);
	if (weighed && rank)
		printf("%-*s  %s, weight %u\n", CHILD_WIDTH, text, rank->why, step->weight);
	else if (weighed)
		printf("%-*s  weight %u\n", CHILD_WIDTH, text, step->weight);
	else if (rank)
		printf("%-*s  %s%s\n", CHILD_WIDTH, text, t->order[above] == ISB_ORDER_GEO ? "matches " : "", rank->why);
	else
		printf("%s\n", text);
}

static void tell_endpoint(struct telling *t, const struct isb_step *step)
{
	unsigned above = step->depth ? step->depth - 1 : 0;
	const struct explain_rank *rank = explain_rank_of(t->e, t->node[above], step->name, step->rank);
	printf("%*s%u  %s  weight %g, %s%s%s%s\n", indent(step->depth), "", step->rank + 1, step->name, step->weight / 100.0,
	       rank ? rank->why : "", rank ? ", " : "", explain_verdict(t->e, step),
	       step->usable == ISB_USABLE                ? ""
	       : step->usable == ISB_SET_ASIDE_UNRESOLVED ? "; its host has no address that is known: set aside"
	                                                  : ": set aside");
}

static void tell_rollout(const struct isb_step *step)
{
	int at = indent(step->depth) + 2;
	if (step->got)
		printf("%*saborted: nobody is given %s\n", at, "", step->name);
	else if (!step->rank)
		printf("%*snot begun by this clock: nobody is given %s\n", at, "", step->name);
	else
		printf("%*sstep %u: %u %% are given %s\n", at, "", step->rank, step->weight, step->name);
}

static void tell_chosen(const struct isb_step *step)
{
	printf("%*s=> %s", indent(step->depth), "", step->name);
	if (step->weight && step->weight < step->total)
		printf(", drawn with %.1f %%", 100.0 * step->weight / (double)step->total);
	if (step->got)
		fputs(", though its region is there: no other is left", stdout);
	putchar('\n');
}

static void tell_failopen(const struct isb_step *step)
{
	static const char *const does[] = {
		[ISB_ALL_DOWN_ALL] = "all: answers all the same",
		[ISB_ALL_DOWN_FALLBACK] = "fallback: answers with the ordinary records underneath",
		[ISB_ALL_DOWN_NODATA] = "nodata: answers no data",
		[ISB_ALL_DOWN_LAST] = "last: answers with what went down last"};
	printf("  nothing can answer; all_down %s\n", step->got < sizeof(does) / sizeof(does[0]) ? does[step->got] : "");
}

/* A CNAME or an ALIAS may lead to a name that is steered too. */
static void tell_start(struct telling *t, const struct isb_step *step)
{
	if (t->records++)
		printf("decision  of record %s, where that leads\n", step->name);
	else
		puts("decision");
	t->drawn = NULL;
}

/* What decided among equals, before it is told who was drawn. */
static void tell_drawing(struct telling *t, const struct isb_step *step)
{
	printf("%*s", indent(step->depth), "");
	switch (step->kind) {
	case ISB_STEP_TRICKLE:
		printf("trickle: %u %% of answers begin with %u, this one too\n", step->got, step->rank + 1);
		break;
	case ISB_STEP_TURN:
		printf("turn %" PRIu64 " of %" PRIu64 ", by chance: every worker of a server counts for itself\n", step->at + 1,
		       step->of);
		break;
	case ISB_STEP_KEY:
		if (step->got)
			printf("by the hash of the client's network %s\n", explain_key(t->e, step));
		else
			puts("by the hash of the name");
		break;
	default:
		printf("candidate %s: %s\n", step->name, explain_measure(t->e, step));
		break;
	}
}

static void tell_step(struct telling *t, const struct isb_step *step)
{
	if (step->depth >= DEPTHS)
		return;
	if (step->kind != ISB_STEP_CHILD && step->kind != ISB_STEP_ENDPOINT)
		tell_outs(t);
	switch (step->kind) {
	case ISB_STEP_RECORD: tell_start(t, step); break;
	case ISB_STEP_ENTER: tell_enter(t, step); break;
	case ISB_STEP_CHILD: tell_child(t, step); break;
	case ISB_STEP_ENDPOINT: tell_endpoint(t, step); break;
	case ISB_STEP_ROLLOUT: tell_rollout(step); break;
	case ISB_STEP_TRICKLE:
	case ISB_STEP_TURN:
	case ISB_STEP_KEY:
	case ISB_STEP_COMPARE: tell_drawing(t, step); break;
	case ISB_STEP_DRAW: t->drawn = step; break;
	case ISB_STEP_SHORT:
		printf("%*scannot answer: %u usable, %u needed\n", indent(step->depth) + 2, "", step->got, step->need);
		break;
	case ISB_STEP_LEAVE: break; /* SHORT, or the children's, said it */
	case ISB_STEP_CHOSEN: tell_chosen(step); break;
	case ISB_STEP_FAILOPEN: tell_failopen(step); break;
	case ISB_STEP_AGAIN: printf("once more, %s\n", explain_again(step)); break;
	}
}

/* --- The answer --- */

static bool was(const struct explain *e, enum isb_step_kind kind)
{
	for (size_t i = 0; i < e->trace.count; i++)
		if (e->trace.steps[i].kind == kind)
			return true;
	return false;
}

/* Did the steered record that the answer began with choose? Else ordinary records with TTLs of their own answered. */
static bool has_chosen(const struct explain *e)
{
	unsigned records = 0;
	bool chosen = false;
	for (size_t i = 0; i < e->trace.count && records < 2; i++) {
		records += e->trace.steps[i].kind == ISB_STEP_RECORD;
		chosen |= records == 1 && e->trace.steps[i].kind == ISB_STEP_CHOSEN;
	}
	return chosen;
}

/* A wildcard's records bear the name that was asked. */
static bool is_owner(const uint8_t *record, const uint8_t *name)
{
	bool wild = record[0] == 1 && record[1] == '*', found = isb_dname_equal(record, name);
	for (const uint8_t *at = name; wild && *at && !found;) {
		at += 1 + *at;
		found = isb_dname_equal(record + 2, at);
	}
	return found;
}

/* The record's own part of the answer: what a CNAME leads to has TTLs of its own. NULL: there is none. */
static const struct explain_rr *own_head(const struct explain *e)
{
	const char *key = isb_plan_text(e->view->plan, e->record->name), *slash = strchr(key, '/');
	uint8_t apex[ISB_DNAME_MAX], record[ISB_DNAME_MAX];
	char zone[ISB_DNAME_TEXT];
	if (!slash || (size_t)(slash - key) >= sizeof(zone))
		return NULL;
	memcpy(zone, key, (size_t)(slash - key));
	zone[slash - key] = '\0';
	if (isb_dname_parse(zone, NULL, apex) < 0 || isb_dname_parse(slash + 1, apex, record) < 0)
		return NULL;
	for (size_t i = 0; i < e->nrr; i++)
		if (is_owner(record, e->heads[i].owner))
			return &e->heads[i];
	return NULL;
}

static void tell_ttl(const struct explain *e)
{
	const struct explain_rr *head = e->record && has_chosen(e) ? own_head(e) : NULL;
	bool alias = e->declared && isb_record_has(e->declared, ISB_ALIAS) && (e->type == ISB_A || e->type == ISB_AAAA);
	char ttl[ISB_SPAN_TEXT];
	if (head && head->ttl_s < e->record->ttl_s)
		printf("  the TTL is shortened from %s: %swhat it rests on may change before\n",
		       isb_span_print((int64_t)e->record->ttl_s * 1000, ttl), alias ? "that of its target is shorter, or " : "");
}

static void tell_answer(const struct explain *e)
{
	char type[ISB_TYPE_TEXT];
	printf("answer    %s%s", e->rcode, e->cut ? ", a referral" : e->nrr ? "" : ", no data");
	if (e->scope > 0) {
		struct isb_net net = isb_net_around(&e->client.addr, (unsigned)e->scope);
		char text[ISB_NET_TEXT];
		printf(", scope /%d: the same for all of %s", e->scope, isb_net_print(&net, text));
	} else if (e->scope == 0 && e->hosted) {
		printf(", scope /0: the same for every client");
	}
	putchar('\n');
	for (size_t i = 0; i < e->nrr; i++)
		printf("  %s\n", e->rrs[i]);
	for (size_t i = 0; i < e->nserver; i++)
		printf("  to name server %s of %s\n", e->servers[i], e->cut);
	tell_ttl(e);
	if (was(e, ISB_STEP_CHOSEN) && !e->typed && e->type != ISB_ANY)
		printf("  the chosen endpoints have no %s\n", isb_type_print(e->type, type));
}

/* The share of answers that hold an endpoint; where answers hold several, also of those it comes first in. */
static void tell_draws(const struct explain *e)
{
	const struct explain_draws *draws = &e->draws;
	double all = e->cli->draws ? e->cli->draws : 1;
	bool several = false;
	if (!e->cli->draws)
		return;
	for (size_t i = 0; i < draws->count; i++)
		several |= draws->list[i].in != draws->list[i].first;
	printf("shares    of %u draws, --seed %" PRIu64 "\n", e->cli->draws, e->cli->seed);
	for (size_t i = 0; i < draws->count; i++) {
		const struct explain_share *share = &draws->list[i];
		printf("  %7.3f %%  %s", 100 * share->in / all, share->endpoint);
		if (several)
			printf(", first in %.3f %%", 100 * share->first / all);
		putchar('\n');
	}
	if (draws->none)
		printf("  %7.3f %%  no endpoint\n", 100 * draws->none / all);
}

static bool has_rules(const struct explain *e)
{
	for (size_t i = 0; i < e->nrank; i++)
		if (e->ranks[i].rule)
			return true;
	return false;
}

void explain_text(struct explain *e)
{
	struct telling t = {.e = e};
	char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	printf("%s %s\n", isb_dname_print(e->name, name), isb_type_print(e->type, type));
	tell_time(e);
	tell_client(e);
	tell_record(e);
	for (size_t i = 0; i < e->trace.count; i++)
		tell_step(&t, &e->trace.steps[i]);
	if (e->trace.dropped)
		printf("  ... and %zu steps more\n", e->trace.dropped);
	if (e->record && !was(e, ISB_STEP_ENTER))
		printf("  %s: the ordinary records answer\n",
		       has_rules(e) ? "no rule matches this client" : "its policy leads to no endpoint for this client");
	tell_answer(e);
	explain_hosts(e);
	tell_draws(e);
}
