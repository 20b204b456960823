/* SPDX-License-Identifier: Apache-2.0 */
#include "explain_tell.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "isobar/base/buf.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"

enum {
	DEPTHS = ISB_PLAN_DEPTH_MAX * 2 + 2,
	STRING_MAX = 255,
	LAST_LINE = 64, /* octets kept for the line that says that there is more */
	ANSWER_ROOM = 1024, /* and for the answer, however long the way to it */
	AT_ONCE = 8     /* records told */
};

struct page {
	uint8_t *at, *end;
	uint16_t lines;
	bool full;
};

/* A geo rule that leads this client to a child. */
struct led {
	const char *node, *child;
	unsigned rank;
	size_t number; /* of the rule, from 1 */
	const struct isb_policy_child *rule;
};

struct walk {
	struct isb_telling *t;
	struct page page;
	const struct isb_step *node[DEPTHS]; /* entered, by depth */
	struct led *led;
	size_t nled;
};

/* --- Lines --- */

static void put(struct page *page, const char *text)
{
	char line[STRING_MAX + 1];
	int n = snprintf(line, sizeof(line), "%02u %s", page->lines + 1u, text);
	size_t len = n < STRING_MAX ? (size_t)n : STRING_MAX;
	isb_put_u16(page->at, (uint16_t)(len + 1));
	page->at[2] = (uint8_t)len;
	memcpy(page->at + 3, line, len);
	page->at += 3 + len;
	page->lines++;
}

__attribute__((format(printf, 2, 3))) static void say(struct page *page, const char *fmt, ...)
{
	char text[STRING_MAX + 1];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	page->full |= (size_t)(page->end - page->at) < len + 8 + LAST_LINE;
	if (!page->full)
		put(page, text);
}

/* --- Steps --- */

static const char *order_of(const struct isb_step *node)
{
	return node && node->order < ISB_ORDER_COUNT ? isb_order_words[node->order] : "";
}

static const char *name_of(const struct isb_step *node)
{
	return node ? node->name : "";
}

static void add_led(void *arg, const struct isb_why *why)
{
	struct walk *w = arg;
	struct isb_arena *arena = &w->t->trace->arena;
	if (!why->rule || why->rank == ISB_RANK_OUT)
		return;
	w->led = isb_arena_grow(arena, w->led, w->nled * sizeof(*w->led), (w->nled + 1) * sizeof(*w->led));
	w->led[w->nled++] = (struct led){.node = isb_arena_strdup(arena, why->node), .child = isb_arena_strdup(arena, why->child),
	                                 .rank = why->rank, .number = why->index + 1, .rule = why->rule};
}

/* Asks the orders once more which rules led this client where. */
static void find_rules(struct walk *w, const struct isb_step *record)
{
	const struct isb_plan *plan = w->t->view->plan;
	for (uint32_t i = 0; w->t->view->own && i < plan->nrecord; i++) {
		const struct isb_plan_record *one = isb_plan_record(plan, i);
		if (one && isb_plan_text(plan, one->name) == record->name)
			isb_view_why(w->t->view, i, w->t->client, add_led, w);
	}
}

/* " by rule 2: country KR" for the geo rule that led to the child. */
static const char *rule_of(struct walk *w, const struct isb_step *node, const struct isb_step *child)
{
	struct isb_buf out = {0};
	const struct led *led = NULL;
	for (size_t i = 0; node && i < w->nled && !led; i++)
		if (w->led[i].rank == child->rank && strcmp(w->led[i].node, node->name) == 0 &&
		    strcmp(w->led[i].child, child->name) == 0)
			led = &w->led[i];
	if (!led)
		return "";
	isb_view_rule_print(led->rule, &out);
	const char *text = isb_arena_printf(&w->t->trace->arena, " by rule %zu: %s", led->number, isb_buf_text(&out));
	isb_buf_done(&out);
	return text;
}

static void tell_draw(struct walk *w, const struct isb_step *step)
{
	const struct isb_step *node = step->depth ? w->node[step->depth - 1] : NULL;
	if (node && node->kind == ISB_STEP_ROLLOUT)
		say(&w->page, "rollout to %s takes %s, drawn with %" PRIu32 " of %" PRIu64, node->name, step->name, step->weight,
		    step->total);
	else if (step->weight < step->total)
		say(&w->page, "policy %s (%s) takes %s%s, drawn with %" PRIu32 " of %" PRIu64, name_of(node), order_of(node), step->name,
		    rule_of(w, node, step), step->weight, step->total);
	else
		say(&w->page, "policy %s (%s) takes %s%s, rank %u", name_of(node), order_of(node), step->name,
		    rule_of(w, node, step), step->rank + 1);
}

/* Draws below tell of it in place of the node. */
static void tell_rollout(struct walk *w, const struct isb_step *step)
{
	w->node[step->depth] = step;
	if (step->got)
		say(&w->page, "rollout to %s: aborted", step->name);
	else
		say(&w->page, "rollout to %s: step %u, %u per cent", step->name, step->rank, step->weight);
}

static void tell_chosen(struct walk *w, const struct isb_step *step)
{
	const struct isb_step *node = step->depth ? w->node[step->depth - 1] : NULL;
	if (step->weight < step->total)
		say(&w->page, "pool %s (%s) chooses %s, drawn with %g of %g", name_of(node), order_of(node), step->name,
		    step->weight / 100.0, (double)step->total / 100);
	else
		say(&w->page, "pool %s (%s) chooses %s", name_of(node), order_of(node), step->name);
}

static void tell_endpoint(struct walk *w, const struct isb_step *step)
{
	static const char *const why[] = {
		[ISB_USABLE] = NULL, [ISB_SET_ASIDE_DOWN] = "checks say down",
		[ISB_SET_ASIDE_ADMIN_DOWN] = "an operator forces it down", [ISB_SET_ASIDE_DRAIN] = "an operator drains it",
		[ISB_SET_ASIDE_UNRESOLVED] = "its host has no address that is known",
		[ISB_SET_ASIDE_HELD] = "an operator holds it down",
		[ISB_SET_ASIDE_WAITING] = "it came back and waits for its failback"};
	if (why[step->usable])
		say(&w->page, "endpoint %s is set aside: %s", step->name, why[step->usable]);
}

static void tell_failopen(struct walk *w, const struct isb_step *step)
{
	static const char *const does[] = {
		[ISB_ALL_DOWN_ALL] = "all: answers as if all were up", [ISB_ALL_DOWN_FALLBACK] = "fallback: ordinary records answer",
		[ISB_ALL_DOWN_NODATA] = "nodata", [ISB_ALL_DOWN_LAST] = "last: answers with what went down last"};
	say(&w->page, "nothing can answer; all_down %s", step->got <= ISB_ALL_DOWN_LAST ? does[step->got] : "");
}

static void tell_again(struct walk *w, const struct isb_step *step)
{
	static const char *const as_if[] = {
		[ISB_AGAIN_LAST_GOOD] = "those that went down last were up",
		[ISB_AGAIN_VERDICTS] = "all were up, save what operators took out",
		[ISB_AGAIN_OPERATORS] = "all were up",
		[ISB_AGAIN_WAITING] = "nothing waited for its failback"};
	say(&w->page, "once more, as if %s", step->got <= ISB_AGAIN_WAITING ? as_if[step->got] : "");
}

/* What decided among equals. */
static void tell_drawing(struct walk *w, const struct isb_step *step)
{
	switch (step->kind) {
	case ISB_STEP_TRICKLE:
		say(&w->page, "%u%% of answers begin with rank %u, this one too", step->got, step->rank + 1);
		break;
	case ISB_STEP_TURN:
		say(&w->page, "%s takes turns: this one is as turn %" PRIu64 " of %" PRIu64, step->name, step->at + 1,
		    step->of);
		break;
	case ISB_STEP_KEY:
		if (step->got)
			say(&w->page, "%s goes by the hash of the client's /%u", step->name, step->got);
		else
			say(&w->page, "%s goes by the hash of the name", step->name);
		break;
	default:
		if (step->order == ISB_ORDER_LEAST_LOAD)
			say(&w->page, "candidate %s: load %.1f%%", step->name, (double)step->at / 10);
		else if (step->at)
			say(&w->page, "candidate %s: %.1f ms", step->name, (double)step->at / 1000);
		else
			say(&w->page, "candidate %s: not measured", step->name);
		break;
	}
}

static void tell_step(struct walk *w, const struct isb_step *step)
{
	if (step->depth >= DEPTHS)
		return;
	switch (step->kind) {
	case ISB_STEP_RECORD:
		say(&w->page, "record %s, class %u of its clients", step->name, step->got);
		find_rules(w, step);
		break;
	case ISB_STEP_ENTER: w->node[step->depth] = step; break;
	case ISB_STEP_ROLLOUT: tell_rollout(w, step); break;
	case ISB_STEP_DRAW: tell_draw(w, step); break;
	case ISB_STEP_ENDPOINT: tell_endpoint(w, step); break;
	case ISB_STEP_SHORT:
		say(&w->page, "pool %s cannot answer: %u usable, %u needed", step->name, step->got, step->need);
		break;
	case ISB_STEP_CHOSEN: tell_chosen(w, step); break;
	case ISB_STEP_FAILOPEN: tell_failopen(w, step); break;
	case ISB_STEP_AGAIN: tell_again(w, step); break;
	case ISB_STEP_TRICKLE:
	case ISB_STEP_TURN:
	case ISB_STEP_KEY:
	case ISB_STEP_COMPARE: tell_drawing(w, step); break;
	case ISB_STEP_CHILD: /* only where it leads is told */
	case ISB_STEP_LEAVE: break; /* SHORT said it */
	}
}

/* --- The answer --- */

static void tell_client(struct walk *w)
{
	const struct isb_telling *t = w->t;
	struct isb_net net = t->told ? (struct isb_net){.addr = *t->client, .len = t->query->edns.ecs.source}
	                             : isb_net_around(t->client, isb_addr_bits(t->client));
	char type[ISB_TYPE_TEXT], text[ISB_NET_TEXT];
	say(&w->page, "type %s for client %s%s, catalog generation %llu", isb_type_print(t->type, type), isb_net_print(&net, text),
	    t->told ? "" : ", the asker", (unsigned long long)t->view->generation);
}

static const char *outcome(const struct isb_answer *found)
{
	static const struct {
		enum isb_rcode rcode;
		const char *text;
	} names[] = {{ISB_NXDOMAIN, "NXDOMAIN"}, {ISB_YXDOMAIN, "YXDOMAIN"}, {ISB_SERVFAIL, "SERVFAIL"}, {ISB_REFUSED, "REFUSED"}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (found->rcode == names[i].rcode)
			return names[i].text;
	if (found->referral)
		return "a referral";
	return found->count && found->part[0].section == ISB_ANSWER ? "NOERROR" : "NODATA";
}

/* "192.0.2.10", "10 20 5060 sip.example.": addresses, and numbers of 16 bits before one name; false for other rdata. (The
 * master-file text of all types would bring ldns into the server.) */
static bool print_rdata(struct isb_buf *out, uint16_t type, const uint8_t *rdata, uint16_t len)
{
	const struct isb_rdata_layout *layout = isb_rdata_layout(type);
	char name[ISB_DNAME_TEXT], text[ISB_ADDR_TEXT];
	if (type == ISB_A || type == ISB_AAAA) {
		struct isb_addr addr = {.family = type == ISB_A ? 4 : 6};
		memcpy(addr.octets, rdata, len < sizeof(addr.octets) ? len : sizeof(addr.octets));
		isb_buf_puts(out, isb_addr_print(&addr, text));
		return true;
	}
	if (!layout || layout->names != 1 || layout->skip % 2 ||
	    layout->skip + isb_dname_len(rdata + layout->skip) != len)
		return false;
	for (unsigned i = 0; i < layout->skip; i += 2)
		isb_buf_printf(out, "%u ", isb_get_u16(rdata + i));
	isb_buf_puts(out, isb_dname_print(rdata + layout->skip, name));
	return true;
}

/* Returns how many records it told of. */
static unsigned tell_part(struct walk *w, const struct isb_part *part)
{
	struct isb_buf out = {0};
	const uint8_t *at = part->rdata;
	char type[ISB_TYPE_TEXT];
	isb_type_print(part->type, type);
	for (unsigned i = 0; i < part->count && i < AT_ONCE; i++) {
		uint16_t len;
		const uint8_t *rdata = isb_rdata_next(&at, &len);
		isb_buf_reset(&out);
		if (print_rdata(&out, part->type, rdata, len))
			say(&w->page, "record %s %s, ttl %u", type, isb_buf_text(&out), part->ttl_s);
		else
			say(&w->page, "record %s of %u octets, ttl %u", type, len, part->ttl_s);
	}
	isb_buf_done(&out);
	return part->count;
}

static void tell_answer(struct walk *w)
{
	const struct isb_answer *found = w->t->found;
	struct isb_net net = isb_net_around(w->t->client, found->scope);
	char text[ISB_NET_TEXT];
	unsigned told = 0;
	if (found->scope)
		say(&w->page, "answer %s, the same for all of %s", outcome(found), isb_net_print(&net, text));
	else
		say(&w->page, "answer %s, the same for every client", outcome(found));
	for (unsigned i = 0; i < found->count && told < AT_ONCE; i++)
		if (found->part[i].section == ISB_ANSWER)
			told += tell_part(w, &found->part[i]);
}

uint16_t isb_explain_tell(struct isb_telling *t, uint8_t *out, size_t size)
{
	struct walk w = {.t = t, .page = {.at = out, .end = out + size - ANSWER_ROOM}};
	bool more = t->trace->dropped > 0;
	tell_client(&w);
	for (size_t i = 0; i < t->trace->count; i++)
		tell_step(&w, &t->trace->steps[i]);
	if (!t->found->steered)
		say(&w.page, "no record is laid over this name: ordinary data answers");
	more |= w.page.full;
	w.page.full = false;
	w.page.end = out + size;
	tell_answer(&w);
	if (more || w.page.full)
		put(&w.page, "and more; see: isobar explain NAME TYPE --client ADDRESS");
	return w.page.lines;
}
