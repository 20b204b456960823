/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/base/err.h"
#include "schema_parts.h"

/* The policy tree as text. A node is a map { order, of } or { order: geo, rules }; a list in a node's place is a
 * failover over its items; an item is a name, a map { use, weight, bias }, or a node. */

/* --- Reading --- */

static struct isb_policy_node *read_node(struct isb_reading *r, const struct isb_yaml *yaml);

static void use_read(struct isb_reading *r, const struct isb_field *f, void *object, const struct isb_yaml *node)
{
	struct isb_policy_child *child = object;
	if (node->kind == ISB_YAML_SCALAR)
		isb_how_name.parse(r, f, node, &child->use);
	else
		child->node = read_node(r, node);
}

/* Is this map a node, rather than an item that says which one to use? */
static bool is_node(const struct isb_yaml *yaml)
{
	if (isb_yaml_get(yaml, "use"))
		return false;
	return isb_yaml_get(yaml, "of") || isb_yaml_get(yaml, "order") || isb_yaml_get(yaml, "rules");
}

static void read_child(struct isb_reading *r, struct isb_policy_child *child, const struct isb_yaml *yaml)
{
	const struct isb_field *fields;
	size_t count = isb_child_fields(&fields);
	if (yaml->kind == ISB_YAML_MAP && !is_node(yaml)) {
		isb_read_fields(r, fields, count, child, yaml, "item");
		return;
	}
	isb_read_presets(r, fields, count, child);
	use_read(r, &fields[0], child, yaml);
}

static bool add_children(struct isb_reading *r, struct isb_policy_node *node, const struct isb_field *f,
                         const struct isb_yaml *yaml)
{
	if (yaml->kind != ISB_YAML_LIST || !yaml->count) {
		if (yaml->kind == ISB_YAML_LIST)
			isb_diag(r->diags, yaml->mark, "%s is an empty list; name at least one pool or policy",
			         f->name);
		else
			isb_say_expected(r, f, yaml);
		return false;
	}
	node->children = isb_arena_alloc(r->arena, yaml->count * sizeof(*node->children));
	node->nchild = yaml->count;
	return true;
}

static void of_read(struct isb_reading *r, const struct isb_field *f, void *object, const struct isb_yaml *yaml)
{
	struct isb_policy_node *node = object;
	if (add_children(r, node, f, yaml))
		for (size_t i = 0; i < yaml->count; i++)
			read_child(r, &node->children[i], yaml->items[i]);
}

static void rules_read(struct isb_reading *r, const struct isb_field *f, void *object, const struct isb_yaml *yaml)
{
	struct isb_policy_node *node = object;
	const struct isb_field *child_fields, *fields;
	size_t child_count = isb_child_fields(&child_fields), count = isb_rule_fields(&fields);
	if (!add_children(r, node, f, yaml))
		return;
	for (size_t i = 0; i < yaml->count; i++) {
		isb_read_presets(r, child_fields, child_count, &node->children[i]); /* a rule weighs as any child */
		isb_read_fields(r, fields, count, &node->children[i], yaml->items[i], "rule");
	}
}

/* What only makes sense together with the order, which may stand behind the children in the map. */
static void check_node(struct isb_reading *r, const struct isb_policy_node *node, const struct isb_yaml *of,
                       const struct isb_yaml *rules)
{
	if (node->order == ISB_ORDER_GEO && !isb_yaml_absent(of))
		isb_diag(r->diags, of->mark, "order geo takes 'rules', not 'of'");
	if (node->order != ISB_ORDER_GEO && !isb_yaml_absent(rules))
		isb_diag(r->diags, rules->mark, "'rules' needs 'order: geo'; other orders take 'of'");
	if (!isb_yaml_absent(rules) || isb_yaml_absent(of))
		return;
	for (size_t i = 0; i < node->nchild; i++) {
		const struct isb_policy_child *child = &node->children[i];
		if (child->bias && node->order != ISB_ORDER_NEAREST)
			isb_diag(r->diags, of->items[i]->mark,
			         "'bias' means something under order nearest only; leave it out");
		if (child->weight != 1 && node->order == ISB_ORDER_FAILOVER)
			isb_diag(r->diags, of->items[i]->mark,
			         "'weight' means nothing under order failover; leave it out or use order weighted");
	}
}

static struct isb_policy_node *read_node(struct isb_reading *r, const struct isb_yaml *yaml)
{
	struct isb_policy_node *node = isb_arena_alloc(r->arena, sizeof(*node));
	const struct isb_field *fields;
	size_t count = isb_fields(ISB_POLICY, &fields);
	node->mark = isb_keep_mark(r, yaml->mark);
	if (yaml->kind != ISB_YAML_LIST) {
		isb_read_fields(r, fields, count, node, yaml, "policy");
		check_node(r, node, isb_yaml_get(yaml, "of"), isb_yaml_get(yaml, "rules"));
		return node;
	}
	struct isb_yaml_pair of = {.key = "of", .mark = yaml->mark, .value = (struct isb_yaml *)(uintptr_t)yaml};
	const struct isb_yaml map = {.kind = ISB_YAML_MAP, .mark = yaml->mark, .count = 1, .pairs = &of};
	isb_read_fields(r, fields, count, node, &map, "policy");
	check_node(r, node, yaml, NULL);
	return node;
}

void isb_read_policy(struct isb_reading *r, struct isb_policy *policy, const struct isb_yaml *body)
{
	policy->root = read_node(r, body);
}

/* --- Printing --- */

static bool is_bare(const struct isb_policy_child *child)
{
	return child->use.name && child->weight == 1 && child->bias == 0;
}

/* A failover of nothing but names: prints as a list. */
static bool is_list(const struct isb_policy_node *node)
{
	bool list = node->order == ISB_ORDER_FAILOVER && !node->trickle && node->nchild;
	for (size_t i = 0; list && i < node->nchild; i++)
		list = is_bare(&node->children[i]);
	return list;
}

static void name_print(struct isb_buf *out, const void *arg, size_t i)
{
	const struct isb_policy_node *node = arg;
	isb_yaml_quote(out, node->children[i].use.name);
}

static void use_write(struct isb_printing *p, const struct isb_field *f, const void *object)
{
	const struct isb_policy_child *child = object;
	const struct isb_field *fields;
	size_t count = isb_fields(ISB_POLICY, &fields);
	isb_print_key(p, f->name);
	if (child->use.name) {
		isb_buf_putc(p->out, ' ');
		isb_yaml_quote(p->out, child->use.name);
		isb_buf_putc(p->out, '\n');
	} else if (is_list(child->node)) {
		isb_print_list(p, child->node->nchild, name_print, child->node);
	} else {
		isb_print_map(p, fields, count, child->node);
	}
}

static void child_write(struct isb_printing *p, const struct isb_policy_child *child)
{
	const struct isb_field *fields;
	size_t count = isb_child_fields(&fields);
	p->dash = true;
	if (is_bare(child)) {
		isb_print_indent(p);
		isb_yaml_quote(p->out, child->use.name);
		isb_buf_putc(p->out, '\n');
	} else if (child->node && !is_list(child->node) && child->weight == 1 && child->bias == 0) {
		count = isb_fields(ISB_POLICY, &fields);
		isb_print_fields(p, fields, count, child->node);
	} else {
		isb_print_fields(p, fields, count, child);
	}
}

static void of_write(struct isb_printing *p, const struct isb_field *f, const void *object)
{
	const struct isb_policy_node *node = object;
	bool bare = true;
	if (node->order == ISB_ORDER_GEO || !node->nchild)
		return;
	isb_print_key(p, f->name);
	for (size_t i = 0; i < node->nchild; i++)
		bare = bare && is_bare(&node->children[i]);
	if (bare) {
		isb_print_list(p, node->nchild, name_print, node);
		return;
	}
	isb_buf_putc(p->out, '\n');
	p->indent += 4;
	for (size_t i = 0; i < node->nchild; i++)
		child_write(p, &node->children[i]);
	p->indent -= 4;
}

static void rules_write(struct isb_printing *p, const struct isb_field *f, const void *object)
{
	const struct isb_policy_node *node = object;
	const struct isb_field *fields;
	size_t count = isb_rule_fields(&fields);
	if (node->order != ISB_ORDER_GEO || !node->nchild)
		return;
	isb_print_key(p, f->name);
	isb_buf_putc(p->out, '\n');
	p->indent += 4;
	for (size_t i = 0; i < node->nchild; i++) {
		p->dash = true;
		isb_print_fields(p, fields, count, &node->children[i]);
	}
	p->indent -= 4;
}

const struct isb_field_how isb_how_of = {.read = of_read, .write = of_write};
const struct isb_field_how isb_how_rules = {.read = rules_read, .write = rules_write};
const struct isb_field_how isb_how_use = {.read = use_read, .write = use_write};
