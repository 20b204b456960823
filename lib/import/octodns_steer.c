/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "octodns_parts.h"

/* Writing what was read as `dynamic:`: a check, pools, a policy, and the record over them. */

/* --- The check --- */

struct healthcheck {
	const char *type, *host, *path, *port; /* host NULL: the endpoint's */
	struct isb_mark mark;
};

static bool read_protocol(struct isb_octodns *o, const struct isb_yaml *node, struct healthcheck *check)
{
	static const char *const words[][2] = {{"HTTPS", "https"}, {"HTTP", "http"}, {"TCP", "tcp"}};
	char shown[ISB_YAML_EXCERPT];
	const char *text = isb_octodns_scalar(o, node, node->mark, "'protocol'");
	for (size_t i = 0; text && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i][0], text) == 0) {
			check->type = words[i][1];
			return true;
		}
	}
	if (text)
		isb_diag(&o->errors, node->mark, "there is no check over '%s'; write HTTPS, HTTP or TCP",
		         isb_yaml_excerpt(text, shown));
	return false;
}

/* octoDNS' defaults: https, port 443 whatever the protocol, /_dns, and the record's name as the host. An empty host is
 * the value itself. */
static bool read_healthcheck(struct isb_octodns *o, const struct octodns_record *record, struct healthcheck *check)
{
	static const char *const known[] = {"host", "path", "port", "protocol", NULL};
	const struct isb_yaml *yaml = record->healthcheck, *node;
	unsigned port;
	*check = (struct healthcheck){.type = "https",
	                              .host = record->owner->fqdn,
	                              .path = "/_dns",
	                              .port = "443",
	                              .mark = yaml ? yaml->mark : record->yaml->mark};
	if (check->host[0] == '*') /* no host has this name */
		check->host = NULL;
	if (!yaml)
		return true;
	if (!isb_octodns_is_map(o, yaml, "'healthcheck'") || !isb_octodns_keys(o, yaml, known, "healthcheck"))
		return false;
	if ((node = isb_yaml_get(yaml, "protocol")) && !read_protocol(o, node, check))
		return false;
	if ((node = isb_yaml_get(yaml, "port"))) {
		if (!isb_octodns_number(o, node, "'port'", 1, 65535, &port))
			return false;
		check->port = node->text;
	}
	if ((node = isb_yaml_get(yaml, "path"))) {
		const char *path = isb_octodns_scalar(o, node, node->mark, "'path'");
		if (!path)
			return false;
		check->path = *path == '/' ? path : isb_arena_printf(&o->arena, "/%s", path);
	}
	if ((node = isb_yaml_get(yaml, "host"))) {
		bool none = isb_yaml_absent(node) || (node->kind == ISB_YAML_SCALAR && !*node->text);
		check->host = none ? NULL : isb_octodns_scalar(o, node, node->mark, "'host'");
		return none || check->host;
	}
	return true;
}

static void put_check(struct isb_octodns *o, const char *name, const struct healthcheck *check)
{
	struct isb_yaml *map = isb_octodns_map(o, check->mark);
	isb_octodns_put_text(o, map, "type", check->type, check->mark);
	isb_octodns_put_text(o, map, "port", check->port, check->mark);
	if (strcmp(check->type, "tcp") != 0) {
		struct isb_yaml *expect = isb_octodns_map(o, check->mark);
		isb_octodns_put_text(o, expect, "status", "200", check->mark);
		if (check->host)
			isb_octodns_put_text(o, map, "host", check->host, check->mark);
		isb_octodns_put_text(o, map, "path", check->path, check->mark);
		isb_octodns_put(o, map, "expect", check->mark, expect);
	}
	/* octoDNS asks for no valid certificate, and the best known of its providers looks at none. */
	if (strcmp(check->type, "https") == 0)
		isb_octodns_put_text(o, map, "verify", "false", check->mark);
	isb_octodns_put(o, o->checks, name, check->mark, map);
}

/* --- Pools --- */

struct steering {
	struct isb_octodns *o;
	const struct octodns_record *record;
	const char *check; /* its name, made when the first pool needs it */
	struct healthcheck healthcheck;
};

static const char *weight_text(struct isb_octodns *o, size_t weight)
{
	return isb_arena_printf(&o->arena, "%zu", weight);
}

static void put_endpoint(struct steering *s, struct isb_yaml *endpoints, const struct octodns_value *value)
{
	struct isb_octodns *o = s->o;
	struct isb_yaml *map = isb_octodns_map(o, value->mark);
	bool host = strcmp(s->record->type, "CNAME") == 0 || strcmp(s->record->type, "ALIAS") == 0;
	size_t len = strlen(value->text);
	const char *bare = host && len > 1 ? isb_arena_strndup(&o->arena, value->text, len - 1) : value->text;
	if (host) {
		isb_octodns_put_text(o, map, "host", bare, value->mark);
	} else {
		struct isb_yaml *list = isb_octodns_list(o, value->mark);
		isb_octodns_append(o, list, isb_octodns_text(o, value->text, value->mark));
		if (value->twin)
			isb_octodns_append(o, list, isb_octodns_text(o, value->twin, value->mark));
		isb_octodns_put(o, map, "address", value->mark, list);
	}
	isb_octodns_put_text(o, map, "weight", weight_text(o, value->weight), value->mark);
	isb_octodns_put(o, endpoints, isb_octodns_endpoint_name(o, endpoints, bare), value->mark, map);
}

/* Adds the pool of this name with the values of one status, or with one of them `only`. */
static void put_pool(struct steering *s, const char *name, const struct octodns_pool *pool, enum octodns_status status,
                     const struct octodns_value *only)
{
	struct isb_octodns *o = s->o;
	struct isb_yaml *map = isb_octodns_map(o, pool->mark), *endpoints = isb_octodns_map(o, pool->mark);
	if (status == OCTODNS_OBEY) {
		if (!s->check) {
			s->check = isb_octodns_name(o, &o->check_names, s->record->owner->fqdn, NULL, NULL);
			put_check(o, s->check, &s->healthcheck);
			if (!s->record->healthcheck && strcmp(s->record->type, "CNAME") == 0)
				isb_diag(&o->notes, s->record->yaml->mark,
				         "note: the names that '%s' leads to are checked as octoDNS does where nothing is said: "
				         "HTTPS, port 443, path /_dns, status 200; say otherwise in octodns.healthcheck, or "
				         "'status: up'",
				         s->record->owner->fqdn);
		}
		isb_octodns_put_text(o, map, "check", s->check, pool->mark);
	}
	for (size_t i = 0; i < pool->nvalue; i++)
		if (pool->values[i].status == status && (!only || only == &pool->values[i]))
			put_endpoint(s, endpoints, &pool->values[i]);
	isb_octodns_put(o, map, "endpoints", pool->mark, endpoints);
	isb_octodns_put(o, o->pools, name, pool->mark, map);
}

static void put_child(struct isb_octodns *o, struct isb_yaml *of, const char *name, size_t weight, struct isb_mark at)
{
	struct isb_yaml *child = isb_octodns_map(o, at);
	isb_octodns_put_text(o, child, "use", name, at);
	isb_octodns_put_text(o, child, "weight", weight_text(o, weight), at);
	isb_octodns_append(o, of, child);
}

/* Checked and unchecked values beside one another, under a weighted policy: the unchecked ones as one pool, and each of
 * the others as its own. While one is down, its share goes to the rest in proportion to their weights, just as in one
 * pool; a pool of all checked ones would keep the whole of their share. */
static void put_mixed(struct steering *s, struct octodns_pool *pool, size_t weight_up)
{
	struct isb_octodns *o = s->o;
	const char *fqdn = s->record->owner->fqdn;
	struct isb_yaml *map = isb_octodns_map(o, pool->mark), *of = isb_octodns_list(o, pool->mark);
	const char *up = isb_octodns_name(o, &o->names, fqdn, pool->id, "up");
	put_pool(s, up, pool, OCTODNS_UP, NULL);
	put_child(o, of, up, weight_up, pool->mark);
	for (size_t i = 0; i < pool->nvalue; i++) {
		const struct octodns_value *value = &pool->values[i];
		if (value->status != OCTODNS_OBEY)
			continue;
		const char *name =
			isb_octodns_name(o, &o->names, fqdn, pool->id, isb_octodns_endpoint_name(o, of, value->text));
		put_pool(s, name, pool, OCTODNS_OBEY, value);
		put_child(o, of, name, value->weight, value->mark);
	}
	isb_octodns_put_text(o, map, "order", "weighted", pool->mark);
	isb_octodns_put(o, map, "of", pool->mark, of);
	isb_octodns_put(o, o->policies, pool->unit, pool->mark, map);
}

static void steer_pool(struct steering *s, struct octodns_pool *pool)
{
	size_t count[3] = {0}, weight[3] = {0};
	for (size_t i = 0; i < pool->nvalue; i++) {
		const struct octodns_value *value = &pool->values[i];
		count[value->status]++;
		weight[value->status] += value->weight;
		if (value->status == OCTODNS_DOWN)
			isb_diag(&s->o->notes, value->mark, "note: '%s' has 'status: down' and is left out",
			         value->text);
	}
	if (!count[OCTODNS_OBEY] && !count[OCTODNS_UP])
		return;
	pool->unit = isb_octodns_name(s->o, &s->o->names, s->record->owner->fqdn, pool->id, NULL);
	if (!count[OCTODNS_UP] || !count[OCTODNS_OBEY])
		put_pool(s, pool->unit, pool, count[OCTODNS_UP] ? OCTODNS_UP : OCTODNS_OBEY, NULL);
	else
		put_mixed(s, pool, weight[OCTODNS_UP]);
}

/* --- Rules --- */

/* The pools of the chain that begins with a rule's pool, as what `use` takes; NULL when none can ever answer. */
static struct isb_yaml *chain(struct isb_octodns *o, const struct octodns_dynamic *d, const struct octodns_rule *rule)
{
	struct isb_yaml *list = isb_octodns_list(o, rule->mark);
	for (size_t at = rule->pool; at != OCTODNS_NONE; at = d->pools[at].fallback)
		if (d->pools[at].unit)
			isb_octodns_append(o, list, isb_octodns_text(o, d->pools[at].unit, rule->mark));
	return list->count > 1 ? list : list->count ? list->items[0] : NULL;
}

static void put_places(struct isb_octodns *o, struct isb_yaml *map, const struct octodns_rule *rule)
{
	struct isb_yaml *nets = isb_octodns_list(o, rule->mark), *subdivisions = isb_octodns_list(o, rule->mark);
	struct isb_yaml *countries = isb_octodns_list(o, rule->mark), *continents = isb_octodns_list(o, rule->mark);
	for (size_t i = 0; i < rule->nsubnet; i++)
		if (!rule->subnets[i].dead)
			isb_octodns_append(o, nets, isb_octodns_text(o, rule->subnets[i].text, rule->subnets[i].mark));
	for (size_t i = 0; i < rule->ngeo; i++) {
		const struct octodns_geo *geo = &rule->geos[i];
		if (geo->dead)
			continue;
		if (geo->province)
			isb_octodns_append(
				o, subdivisions,
				isb_octodns_text(o, isb_arena_printf(&o->arena, "%s-%s", geo->country, geo->province),
			                         geo->mark));
		else
			isb_octodns_append(
				o, geo->country ? countries : continents,
				isb_octodns_text(o, geo->country ? geo->country : geo->continent, geo->mark));
	}
	const struct {
		const char *key;
		struct isb_yaml *list;
	} parts[] = {{"nets", nets}, {"subdivision", subdivisions}, {"country", countries}, {"continent", continents}};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].list->count)
			isb_octodns_put(o, map, parts[i].key, rule->mark, parts[i].list);
}

static struct isb_yaml *rules(struct isb_octodns *o, const struct octodns_dynamic *d)
{
	struct isb_yaml *list = isb_octodns_list(o, d->rules[0].mark);
	for (size_t i = 0; i < d->nrule; i++) {
		const struct octodns_rule *rule = &d->rules[i];
		if (rule->dead)
			continue;
		struct isb_yaml *map = isb_octodns_map(o, rule->mark), *use = chain(o, d, rule);
		if (!use) {
			isb_diag(&o->errors, rule->mark,
			         "rule %zu leads to values with 'status: down' only, so that nothing but the "
			         "record's own values would ever answer; let it lead to a pool with one that may",
			         i + 1);
			continue;
		}
		if (rule->catchall)
			isb_octodns_put_text(o, map, "default", "true", rule->mark);
		else
			put_places(o, map, rule);
		isb_octodns_put(o, map, "use", rule->mark, use);
		if (!rule->catchall)
			isb_octodns_put_text(o, map, "fence", "true", rule->mark);
		isb_octodns_append(o, list, map);
	}
	return list;
}

/* The policy of all rules; or, where one rule takes everybody, what it uses. Returns the name for the record. */
static const char *put_policy(struct isb_octodns *o, const struct octodns_dynamic *d)
{
	const struct octodns_record *record = d->record;
	struct isb_yaml *map = isb_octodns_map(o, d->rules[0].mark), *list = rules(o, d);
	if (!list->count)
		return NULL; /* said */
	const struct isb_yaml *first = list->items[0];
	struct isb_yaml *use = isb_yaml_get(first, "use");
	bool all = isb_yaml_get(first, "default") != NULL;
	if (all && use->kind == ISB_YAML_SCALAR)
		return use->text;
	const char *name = isb_octodns_name(o, &o->names, record->owner->fqdn, NULL, NULL);
	if (all) {
		isb_octodns_put(o, map, "of", use->mark, use);
	} else {
		isb_octodns_put_text(o, map, "order", "geo", record->yaml->mark);
		isb_octodns_put(o, map, "rules", list->mark, list);
	}
	isb_octodns_put(o, o->policies, name, record->yaml->mark, map);
	return name;
}

static void put_record(struct isb_octodns *o, const struct octodns_record *record, const char *second,
                       const char *policy)
{
	struct isb_yaml *map = isb_octodns_map(o, record->yaml->mark);
	struct isb_yaml *type_list = isb_octodns_list(o, record->type_node->mark);
	isb_octodns_append(o, type_list, isb_octodns_text(o, record->type, record->type_node->mark));
	if (second)
		isb_octodns_append(o, type_list, isb_octodns_text(o, second, record->type_node->mark));
	isb_octodns_put(o, map, "types", record->type_node->mark, type_list);
	isb_octodns_put_text(o, map, "ttl", record->ttl, record->ttl_mark);
	/* Health does not shorten what octoDNS says. What an ALIAS gives lasts as long as its target, which may be shorter. */
	if (strcmp(record->type, "ALIAS") != 0)
		isb_octodns_put_text(o, map, "ttl_min", record->ttl, record->ttl_mark);
	isb_octodns_put_text(o, map, "policy", policy, record->yaml->mark);
	isb_octodns_put_text(o, map, "all_down", "fallback", record->yaml->mark);
	isb_octodns_put(o, record->owner->zone->records, record->owner->text, record->owner->mark, map);
}

/* --- A and AAAA of one name --- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_pool(const struct octodns_pool *a, const struct octodns_pool *b)
{
	bool same = strcmp(a->id, b->id) == 0 && a->fallback == b->fallback && a->nvalue == b->nvalue;
	for (size_t i = 0; same && i < a->nvalue; i++)
		same = a->values[i].weight == b->values[i].weight && a->values[i].status == b->values[i].status;
	return same;
}

static bool same_rule(const struct octodns_rule *a, const struct octodns_rule *b)
{
	bool same = a->pool == b->pool && a->ngeo == b->ngeo && a->nsubnet == b->nsubnet && a->dead == b->dead;
	for (size_t i = 0; same && i < a->ngeo; i++)
		same = strcmp(a->geos[i].code, b->geos[i].code) == 0;
	for (size_t i = 0; same && i < a->nsubnet; i++)
		same = strcmp(a->subnets[i].text, b->subnets[i].text) == 0;
	return same;
}

static bool same_steering(const struct octodns_dynamic *a, const struct octodns_dynamic *b)
{
	bool same = a->npool == b->npool && a->nrule == b->nrule;
	for (size_t i = 0; same && i < a->npool; i++)
		same = same_pool(&a->pools[i], &b->pools[i]);
	for (size_t i = 0; same && i < a->nrule; i++)
		same = same_rule(&a->rules[i], &b->rules[i]);
	return same;
}

static bool same_check(const struct healthcheck *a, const struct healthcheck *b)
{
	return same_text(a->type, b->type) && same_text(a->port, b->port) && same_text(a->path, b->path) &&
	       same_text(a->host, b->host);
}

/* One record of a catalog steers both types of a name, with endpoints that have addresses of both families and one
 * verdict. That is what two records of octoDNS mean when they differ in the addresses only. */
static bool join(struct isb_octodns *o, struct octodns_dynamic *a, const struct octodns_dynamic *b,
                 const struct healthcheck *check)
{
	struct healthcheck other;
	if (!read_healthcheck(o, b->record, &other))
		return false;
	if (!same_steering(a, b) || !same_check(check, &other) || strcmp(a->record->ttl, b->record->ttl) != 0) {
		isb_diag(&o->errors, b->record->yaml->mark,
		         "the A and AAAA records of '%s' are steered by one policy here, so they must have the same "
		         "TTL, rules and "
		         "health check, and the same pools with as many values, weights and states; make them alike, "
		         "or move "
		         "one to another name",
		         a->record->owner->fqdn);
		return false;
	}
	for (size_t i = 0; i < a->npool; i++)
		for (size_t k = 0; k < a->pools[i].nvalue; k++)
			a->pools[i].values[k].twin = b->pools[i].values[k].text;
	isb_diag(&o->notes, b->record->yaml->mark,
	         "note: A and AAAA of '%s' become endpoints with both addresses, the first value with the first and so "
	         "on; the check "
	         "looks at the IPv4 address",
	         a->record->owner->fqdn);
	return true;
}

void isb_octodns_steer(struct isb_octodns *o, struct octodns_dynamic *first, const struct octodns_dynamic *second)
{
	struct steering s = {.o = o, .record = first->record};
	if (!read_healthcheck(o, first->record, &s.healthcheck))
		return;
	if (second && !join(o, first, second, &s.healthcheck))
		return;
	for (size_t i = 0; i < first->npool; i++)
		steer_pool(&s, &first->pools[i]);
	const char *policy = put_policy(o, first);
	if (policy)
		put_record(o, first->record, second ? second->record->type : NULL, policy);
}

void isb_octodns_alias(struct isb_octodns *o, const struct octodns_record *record, const struct isb_yaml *target)
{
	struct steering s = {.o = o, .record = record};
	struct octodns_value value = {.text = isb_octodns_target(o, target, "the value"),
	                              .mark = target->mark,
	                              .weight = 1,
	                              .status = OCTODNS_UP};
	struct octodns_pool pool = {.id = "alias", .mark = record->yaml->mark, .values = &value, .nvalue = 1};
	if (!value.text)
		return;
	steer_pool(&s, &pool);
	put_record(o, record, NULL, pool.unit);
}
