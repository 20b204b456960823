/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/view/prove.h"

#include <stdlib.h>
#include <string.h>

#include "intern.h"
#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "netset.h"

/* Two halves of one network, as classes. */
struct halves {
	uint32_t cls[2];
};

/* One map walked through, leaf by leaf. The maps of a view are few and their records many, so what each record must
 * answer for is collected here: the kinds of neighbours. */
struct survey {
	const struct isb_geomap *map;
	const char *record;      /* that diags name */
	struct isb_diags *diags;
	unsigned family;         /* of the leaf before; 0: none yet */
	isb_key next;            /* where the next leaf must begin; 0 at the end of a family */
	struct isb_net last;
	uint32_t last_cls;
	size_t networks;
	uint32_t top;            /* highest class */
	bool good;
	struct isb_intern kinds; /* struct halves */
	struct isb_net *example; /* the first half, by number of the kind */
};

static struct isb_addr addr_of(isb_key key, unsigned family)
{
	struct isb_addr addr = {.family = (uint8_t)family};
	for (unsigned i = 0; i < (family == 4 ? 4 : 16); i++)
		addr.octets[i] = (uint8_t)(key >> (120 - 8 * i));
	return addr;
}

/* What lies beyond a leaf; 0 after the last. */
static isb_key end_of(const struct isb_net *net)
{
	return net->len ? isb_key_of(&net->addr) + ((isb_key)1 << (128 - net->len)) : 0;
}

static bool found_as(struct survey *s, const struct isb_net *net, uint32_t cls, const struct isb_addr *addr)
{
	struct isb_geoleaf leaf = isb_geomap_find(s->map, addr);
	char text[ISB_NET_TEXT], client[ISB_ADDR_TEXT];
	if (leaf.cls == cls && leaf.scope == net->len)
		return true;
	isb_diag(s->diags, (struct isb_mark){0},
	         "record %s: %s is one network of class %u, but client %s in it is answered by class %u with scope /%u", s->record,
	         isb_net_print(net, text), cls, isb_addr_print(addr, client), leaf.cls, leaf.scope);
	return false;
}

static bool follows(struct survey *s, const struct isb_net *net)
{
	unsigned family = net->addr.family;
	bool first = s->family == 0 ? family == 4 : s->next == 0 && s->family == 4 && family == 6;
	isb_key due = s->family == family ? s->next : 0;
	if ((first || (s->family == family && s->next != 0)) && isb_key_of(&net->addr) == due)
		return true;
	char text[ISB_NET_TEXT], expected[ISB_ADDR_TEXT];
	struct isb_addr at = addr_of(due, family);
	isb_diag(s->diags, (struct isb_mark){0}, "record %s: the network that follows is %s, not the one that begins at %s",
	         s->record, isb_net_print(net, text), isb_addr_print(&at, expected));
	return false;
}

static void note_halves(struct survey *s, const struct isb_net *net, uint32_t cls)
{
	const struct halves kind = {{s->last_cls, cls}};
	if (s->family != net->addr.family || net->len == 0 || s->last.len != net->len ||
	    (isb_key_of(&s->last.addr) ^ isb_key_of(&net->addr)) != (isb_key)1 << (128 - net->len))
		return;
	uint32_t known = s->kinds.count, number = isb_intern(&s->kinds, &kind, sizeof(kind));
	if (number < known)
		return;
	if ((known & (known + 1)) == 0) /* 0, 1, 3, 7...: full */
		s->example = isb_xrealloc(s->example, (2 * (size_t)known + 1) * sizeof(*s->example));
	s->example[number] = s->last;
}

static void survey_leaf(void *arg, const struct isb_net *net, uint32_t cls)
{
	struct survey *s = arg;
	if (!s->good)
		return;
	isb_key end = end_of(net);
	struct isb_addr last = addr_of(end - 1, net->addr.family);
	s->good = follows(s, net) && found_as(s, net, cls, &net->addr) && found_as(s, net, cls, &last);
	note_halves(s, net, cls);
	s->family = net->addr.family;
	s->next = end;
	s->last = *net;
	s->last_cls = cls;
	s->top = cls > s->top ? cls : s->top;
	s->networks++;
}

static void survey_map(struct survey *s)
{
	s->good = true;
	isb_geomap_each(s->map, survey_leaf, s);
	if (!s->good || (s->family == 6 && s->next == 0))
		return;
	s->good = false;
	isb_diag(s->diags, (struct isb_mark){0}, "record %s: its networks end before the address space does", s->record);
}

/* --- Decisions ------------------------------------------------------------------------------------------------------ */

/* "asia, us | europe, fra": the children of the node by rank, equals with a bar between them. */
static void print_decision(const struct isb_plan *plan, const struct isb_plan_node *root, struct isb_buf *out)
{
	isb_buf_puts(out, root ? "" : "nothing");
	for (uint32_t i = 0; root && i < root->nchild; i++) {
		const struct isb_plan_child *child = &root->child[i];
		const struct isb_plan_endpoint *endpoint =
			root->flags & ISB_NODE_POOL ? isb_plan_endpoint(plan, child->ref) : NULL;
		const struct isb_plan_node *node = endpoint ? NULL : isb_plan_node(plan, child->ref);
		isb_buf_printf(out, "%s%s", i == 0 ? "" : child->rank == root->child[i - 1].rank ? " | " : ", ",
		               isb_plan_text(plan, endpoint ? endpoint->name : node ? node->name : 0));
	}
}

static void say_wider(const struct isb_plan *plan, const struct isb_plan_record *record, const struct survey *s,
                      uint32_t number)
{
	struct isb_net whole = isb_net_around(&s->example[number].addr, s->example[number].len - 1u), other = s->example[number];
	const struct halves *kind = isb_intern_get(&s->kinds, number);
	char a[ISB_NET_TEXT], b[ISB_NET_TEXT], w[ISB_NET_TEXT];
	struct isb_buf decision = {0};
	other.addr.octets[(other.len - 1) / 8] |= (uint8_t)(0x80 >> (other.len - 1) % 8);
	print_decision(plan, isb_plan_root(plan, record, kind->cls[0]), &decision);
	isb_diag(s->diags, (struct isb_mark){0}, "record %s: %s and %s have the same decision (%s), so the scope should be %s",
	         isb_plan_text(plan, record->name), isb_net_print(&s->example[number], a), isb_net_print(&other, b),
	         isb_buf_text(&decision), isb_net_print(&whole, w));
	isb_buf_done(&decision);
}

/* Equal decisions are one node of the plan: its offset is its name. */
static bool prove_decisions(const struct isb_plan *plan, const struct isb_plan_record *record, const struct survey *s,
                            size_t *ret_decisions)
{
	struct isb_intern roots = {0};
	bool good = true;
	for (uint32_t c = 0; c < record->nclass; c++) {
		const struct isb_plan_node *root = isb_plan_root(plan, record, c);
		uintptr_t offset = root ? (uintptr_t)root - (uintptr_t)plan : 0;
		isb_intern(&roots, &offset, sizeof(offset));
	}
	*ret_decisions = roots.count;
	isb_intern_done(&roots);
	if (s->top >= record->nclass) {
		isb_diag(s->diags, (struct isb_mark){0}, "record %s: its geo map knows class %u, and its decisions end before",
		         isb_plan_text(plan, record->name), s->top);
		return false;
	}
	for (uint32_t i = 0; i < s->kinds.count; i++) {
		const struct halves *kind = isb_intern_get(&s->kinds, i);
		if (isb_plan_root(plan, record, kind->cls[0]) != isb_plan_root(plan, record, kind->cls[1]))
			continue;
		say_wider(plan, record, s, i);
		good = false;
	}
	return good;
}

/* --- Records ------------------------------------------------------------------------------------------------------- */

struct group {
	uint32_t map, classes;
};

struct proving {
	const struct isb_view *view;
	struct isb_diags *diags;
	void (*each)(void *arg, const struct isb_proof *proof);
	void *arg;
	struct isb_intern groups;  /* struct group */
	uint32_t *group_of;        /* by record; UINT32_MAX: answers no client differently */
	const char **names;        /* of one group */
};

static void sort_records(struct proving *p)
{
	const struct isb_plan *plan = p->view->plan;
	for (uint32_t i = 0; i < plan->nrecord; i++) {
		const struct isb_plan_record *record = isb_plan_record(plan, i);
		p->group_of[i] = UINT32_MAX;
		if (!record || !record->name || record->map == ISB_NO_MAP)
			continue;
		struct group group = {record->map, record->classes};
		p->group_of[i] = isb_intern(&p->groups, &group, sizeof(group));
	}
}

static bool prove_group(struct proving *p, const struct survey *s, uint32_t number)
{
	const struct isb_plan *plan = p->view->plan;
	const struct isb_plan_record *first = NULL;
	struct isb_proof proof = {.records = p->names, .networks = s->networks};
	for (uint32_t i = 0; i < plan->nrecord; i++)
		if (p->group_of[i] == number) {
			const struct isb_plan_record *record = isb_plan_record(plan, i);
			first = first ? first : record;
			p->names[proof.nrecord++] = isb_plan_text(plan, record->name);
		}
	if (!prove_decisions(plan, first, s, &proof.decisions))
		return false;
	if (p->each)
		p->each(p->arg, &proof);
	return true;
}

static const char *first_record(const struct proving *p, uint32_t map)
{
	for (uint32_t i = 0; i < p->view->plan->nrecord; i++) {
		const struct isb_plan_record *record = isb_plan_record(p->view->plan, i);
		if (p->group_of[i] != UINT32_MAX && record->map == map)
			return isb_plan_text(p->view->plan, record->name);
	}
	return NULL;
}

static bool prove_map(struct proving *p, uint32_t map)
{
	struct survey s = {.map = p->view->maps[map], .record = first_record(p, map), .diags = p->diags};
	if (!s.record)
		return true; /* no record is left that uses it */
	survey_map(&s);
	bool good = s.good;
	for (uint32_t i = 0; s.good && i < p->groups.count; i++) {
		const struct group *group = isb_intern_get(&p->groups, i);
		if (group->map == map && !prove_group(p, &s, i))
			good = false;
	}
	isb_intern_done(&s.kinds);
	free(s.example);
	return good;
}

int isb_view_prove(const struct isb_view *view, struct isb_diags *diags,
                   void (*each)(void *arg, const struct isb_proof *proof), void *arg)
{
	struct proving p = {.view = view, .diags = diags, .each = each, .arg = arg};
	bool good = true;
	p.group_of = isb_xcalloc(view->plan->nrecord, sizeof(*p.group_of));
	p.names = isb_xcalloc(view->plan->nrecord, sizeof(*p.names));
	sort_records(&p);
	for (uint32_t i = 0; i < view->plan->nmap; i++)
		good &= prove_map(&p, i);
	isb_intern_done(&p.groups);
	free(p.group_of);
	free(p.names);
	return good ? ISB_OK : ISB_EFORMAT;
}
