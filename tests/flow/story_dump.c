/* SPDX-License-Identifier: Apache-2.0 */
#include "story_parts.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/view/zonefile.h"

/* A view as text, so that two can be compared. */
struct dump {
	const struct isb_view *view;
	const char *zone;
	char **lines;
	size_t count, cap;
};

static void add_line(struct dump *d, struct isb_buf *line)
{
	if (d->count == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 64;
		d->lines = isb_xrealloc(d->lines, d->cap * sizeof(*d->lines));
	}
	d->lines[d->count++] = isb_xstrdup(isb_buf_text(line));
	isb_buf_done(line);
}

static void dump_name(void *arg, const uint8_t *dname, const struct isb_node *node)
{
	struct dump *d = arg;
	char name[ISB_DNAME_TEXT];
	struct isb_buf line = {0};
	isb_dname_print(dname, name);
	isb_buf_printf(&line, "%s: %s flags %u", d->zone, name, node->flags);
	if (node->record != ISB_NO_RECORD) {
		const struct isb_plan_record *record = isb_plan_record(d->view->plan, node->record);
		isb_buf_printf(&line, " record %s", record ? isb_plan_text(d->view->plan, record->name) : "of no plan");
	}
	isb_buf_putc(&line, '\n');
	for (const struct isb_rrset *set = NULL; (set = isb_node_next_set(node, set));)
		isb_rrset_print(&line, dname, set);
	add_line(d, &line);
}

static void dump_zone(void *arg, const uint8_t *dname, const struct isb_node *node)
{
	struct dump *d = arg;
	const struct isb_zone_view *zone = node->payload;
	char name[ISB_DNAME_TEXT];
	if (!zone)
		return;
	d->zone = isb_dname_print(zone->apex, name);
	struct isb_buf line = {0};
	isb_buf_printf(&line, "zone %s negative %u\n", name, zone->negative_ttl_s);
	add_line(d, &line);
	assert_int_equal(dname[0], zone->apex_len); /* one label that is the whole apex */
	assert_memory_equal(dname + 1, zone->apex, zone->apex_len);
	assert_ptr_equal(zone->soa, isb_node_set(zone->root, ISB_SOA));
	isb_names_walk(zone->root, dump_name, d);
}

static void dump_node(struct isb_buf *out, const struct isb_plan *plan, const struct isb_plan_node *node)
{
	isb_buf_printf(out, "(%s %u/%u", isb_plan_text(plan, node->name), node->answers, node->min_up);
	if (node->order == ISB_ORDER_FASTEST && node->param < plan->nviewpoint) {
		const uint32_t *names = isb_plan_at(plan, plan->viewpoint);
		isb_buf_printf(out, " from %s", isb_plan_text(plan, names[node->param]));
	}
	for (uint32_t i = 0; i < node->nchild; i++) {
		const struct isb_plan_child *child = &node->child[i];
		isb_buf_printf(out, " %u:%u:", child->rank, child->weight);
		if (node->flags & ISB_NODE_POOL)
			isb_buf_puts(out, isb_plan_text(plan, isb_plan_endpoint(plan, child->ref)->name));
		else
			dump_node(out, plan, isb_plan_node(plan, child->ref));
	}
	isb_buf_putc(out, ')');
}

static struct isb_geoleaf leaf_of(const struct story *s, const struct isb_plan_record *record,
                                  const struct isb_addr *client)
{
	assert_non_null(record);
	return record->map == ISB_NO_MAP ? (struct isb_geoleaf){0} : isb_geomap_find(s->view->maps[record->map], client);
}

uint8_t story_scope(const struct story *s, const char *record, const struct isb_addr *client)
{
	return leaf_of(s, isb_plan_record(s->view->plan, story_record(s, record)), client).scope;
}

const char *story_plan(struct story *s, const char *record, const struct isb_addr *client)
{
	struct isb_buf *text = story_text(s);
	const struct isb_plan_record *r = isb_plan_record(s->view->plan, story_record(s, record));
	const struct isb_plan_node *root = isb_plan_root(s->view->plan, r, leaf_of(s, r, client).cls);
	if (root)
		dump_node(text, s->view->plan, root);
	return isb_buf_text(text);
}

static void take_first(void *arg, const struct isb_why *why)
{
	struct isb_buf *text = arg;
	if (!text->len)
		isb_buf_puts(text, why->why);
}

const char *story_why(struct story *s, const char *record, const char *client)
{
	struct isb_buf *text = story_text(s);
	struct isb_net net;
	assert_int_equal(isb_net_parse(client, &net), ISB_OK);
	isb_view_why(s->view, story_record(s, record), &net.addr, take_first, text);
	return isb_buf_text(text);
}

struct leaves {
	const struct isb_view *view;
	const struct isb_plan_record *record;
	struct isb_buf *out;
};

/* Classes are numbered as they are met, so a leaf is shown with what it leads to. */
static void dump_leaf(void *arg, const struct isb_net *net, uint32_t cls)
{
	struct leaves *l = arg;
	char text[ISB_NET_TEXT];
	const struct isb_plan_node *root = isb_plan_root(l->view->plan, l->record, cls);
	isb_buf_printf(l->out, "  %s ", isb_net_print(net, text));
	if (root)
		dump_node(l->out, l->view->plan, root);
	isb_buf_putc(l->out, '\n');
}

static void dump_record(struct dump *d, const struct isb_plan_record *record)
{
	struct isb_buf line = {0};
	const struct isb_plan *plan = d->view->plan;
	isb_buf_printf(&line, "record %s types %u ttl %u %u all_down %u\n", isb_plan_text(plan, record->name), record->types,
	               record->ttl_s, record->ttl_min_s, record->all_down);
	struct leaves leaves = {d->view, record, &line};
	if (record->map == ISB_NO_MAP)
		dump_leaf(&leaves, &(struct isb_net){0}, 0);
	else
		isb_geomap_each(d->view->maps[record->map], dump_leaf, &leaves);
	add_line(d, &line);
}

static void dump_admin(struct dump *d, uint32_t slot)
{
	struct isb_buf line = {0};
	isb_buf_printf(&line, "slot %u admin %llx\n", slot, (unsigned long long)d->view->admin[slot]);
	add_line(d, &line);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *story_dump(struct story *s, const struct isb_view *view)
{
	struct dump d = {.view = view};
	struct isb_buf *text = story_text(s);
	struct isb_buf apexes = {0};
	isb_buf_printf(&apexes, "%zu zones, labels %llx %llx\n", view->nzone, (unsigned long long)view->apex_labels[1],
	               (unsigned long long)view->apex_labels[0]);
	add_line(&d, &apexes);
	isb_names_walk(view->zones, dump_zone, &d);
	for (uint32_t i = 0; i < view->plan->nrecord; i++)
		if (isb_plan_record(view->plan, i)->name)
			dump_record(&d, isb_plan_record(view->plan, i));
	for (uint32_t i = 0; i < view->nadmin; i++)
		dump_admin(&d, i);
	qsort(d.lines, d.count, sizeof(*d.lines), by_text);
	for (size_t i = 0; i < d.count; i++) {
		isb_buf_puts(text, d.lines[i]);
		free(d.lines[i]);
	}
	free(d.lines);
	return isb_buf_text(text);
}
