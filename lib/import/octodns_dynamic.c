/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/country.h"
#include "octodns_parts.h"

/* Reading `dynamic:`. What octoDNS refuses is refused here too, with the reason; a record that is `lenient` goes
 * through where what octoDNS does with it is plain. */

enum { LISTED_MAX = 1000 }; /* pools, rules: each is held against the others */

/* --- Pools --- */

static bool read_status(struct isb_octodns *o, const struct isb_yaml *node, struct octodns_value *value)
{
	static const char *const words[] = {
		[OCTODNS_OBEY] = "obey", [OCTODNS_UP] = "up", [OCTODNS_DOWN] = "down", NULL};
	char shown[ISB_YAML_EXCERPT];
	if (isb_yaml_absent(node))
		return true;
	const char *text = isb_octodns_scalar(o, node, node->mark, "'status'");
	for (size_t i = 0; text && words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			value->status = (enum octodns_status)i;
			return true;
		}
	}
	if (text)
		isb_diag(&o->errors, node->mark, "'status' must be up, down or obey, not '%s'",
		         isb_yaml_excerpt(text, shown));
	return false;
}

/* The text of an address is left to the catalog's schema; a name is made absolute here. */
static bool read_value(struct isb_octodns *o, const struct octodns_record *record, const struct isb_yaml *yaml,
                       struct octodns_value *value)
{
	static const char *const known[] = {"status", "value", "weight", NULL};
	*value = (struct octodns_value){.mark = yaml->mark, .weight = 1};
	if (!isb_octodns_is_map(o, yaml, "a pool's value") || !isb_octodns_keys(o, yaml, known, "a pool's value"))
		return false;
	const struct isb_yaml *node = isb_yaml_get(yaml, "value"), *weight = isb_yaml_get(yaml, "weight");
	if (!isb_octodns_scalar(o, node, yaml->mark, "'value'"))
		return false;
	value->mark = node->mark;
	if (strcmp(record->type, "CNAME") == 0) {
		value->text = isb_octodns_target(o, node, "'value'");
	} else {
		struct isb_addr addr;
		bool six = strcmp(record->type, "AAAA") == 0;
		char shown[ISB_YAML_EXCERPT];
		value->text = node->text;
		if (isb_addr_parse(node->text, &addr) != ISB_OK || (addr.family == 6) != six) {
			isb_diag(&o->errors, node->mark, "'value': '%s' is no IPv%c address",
			         isb_yaml_excerpt(node->text, shown), six ? '6' : '4');
			return false;
		}
	}
	if (!isb_yaml_absent(weight) && !isb_octodns_number(o, weight, "'weight'", 1, 100, &value->weight))
		return false;
	return read_status(o, isb_yaml_get(yaml, "status"), value) && value->text;
}

static bool read_pool(struct isb_octodns *o, const struct octodns_record *record, const struct isb_yaml_pair *pair,
                      struct octodns_pool *pool)
{
	static const char *const known[] = {"fallback", "values", NULL};
	char shown[ISB_YAML_EXCERPT];
	bool good = true;
	*pool = (struct octodns_pool){.id = pair->key, .mark = pair->mark, .fallback = OCTODNS_NONE};
	if (!isb_octodns_is_map(o, pair->value, "a pool") || !isb_octodns_keys(o, pair->value, known, "pool"))
		return false;
	const struct isb_yaml *values = isb_yaml_get(pair->value, "values");
	if (isb_yaml_absent(values) || (values->kind == ISB_YAML_LIST && !values->count)) {
		isb_diag(&o->errors, pair->mark, "pool '%s' has no 'values'", isb_yaml_excerpt(pair->key, shown));
		return false;
	}
	if (!isb_octodns_is_list(o, values, "'values' of a pool"))
		return false;
	pool->fallback_node = isb_yaml_get(pair->value, "fallback");
	pool->values = isb_arena_alloc(&o->arena, values->count * sizeof(*pool->values));
	pool->nvalue = values->count;
	for (size_t i = 0; i < values->count; i++)
		good &= read_value(o, record, values->items[i], &pool->values[i]);
	return good;
}

/* Index of the pool that `node` names, or OCTODNS_NONE after saying that there is none. */
static size_t find_pool(struct isb_octodns *o, const struct octodns_dynamic *d, const struct isb_yaml *node,
                        struct isb_mark at, const char *what)
{
	const char *id = isb_octodns_scalar(o, node, at, what);
	if (!id)
		return OCTODNS_NONE;
	for (size_t i = 0; i < d->npool; i++)
		if (strcmp(d->pools[i].id, id) == 0)
			return i;
	const char **words = isb_arena_alloc(&o->arena, (d->npool + 1) * sizeof(*words));
	char shown[ISB_YAML_EXCERPT];
	for (size_t i = 0; i < d->npool; i++)
		words[i] = d->pools[i].id;
	const char *near = isb_nearest(id, words);
	isb_diag(&o->errors, node->mark, "%s: there is no pool '%s' in this record%s%s%s", what,
	         isb_yaml_excerpt(id, shown), near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return OCTODNS_NONE;
}

/* To octoDNS a fallback called "default" is the record's values, even where there is a pool of that name. */
static bool read_fallback(struct isb_octodns *o, struct octodns_dynamic *d, struct octodns_pool *pool)
{
	const struct isb_yaml *node = pool->fallback_node;
	if (isb_yaml_absent(node) || (node->kind == ISB_YAML_SCALAR && strcmp(node->text, "default") == 0))
		return true;
	pool->fallback = find_pool(o, d, node, pool->mark, "'fallback'");
	return pool->fallback != OCTODNS_NONE;
}

/* A chain that is longer than there are pools comes back to one of them. */
static bool check_loop(struct isb_octodns *o, const struct octodns_dynamic *d, const struct octodns_pool *pool)
{
	char shown[ISB_YAML_EXCERPT];
	size_t at = pool->fallback;
	for (size_t steps = 0; at != OCTODNS_NONE && steps < d->npool; steps++) {
		if (&d->pools[at] == pool) {
			isb_diag(&o->errors, pool->fallback_node->mark, "the fallbacks of pool '%s' lead back to it",
			         isb_yaml_excerpt(pool->id, shown));
			return false;
		}
		at = d->pools[at].fallback;
	}
	return true; /* a loop further on is said of its own pools */
}

static bool read_pools(struct isb_octodns *o, struct octodns_dynamic *d, const struct isb_yaml *yaml,
                       struct isb_mark at)
{
	bool good = true;
	if (isb_yaml_absent(yaml) || (yaml->kind == ISB_YAML_MAP && !yaml->count)) {
		isb_diag(&o->errors, at, "'dynamic' without 'pools'");
		return false;
	}
	if (!isb_octodns_is_map(o, yaml, "'pools'"))
		return false;
	if (yaml->count > LISTED_MAX) {
		isb_diag(&o->errors, yaml->mark, "%zu pools; at most %d", yaml->count, LISTED_MAX);
		return false;
	}
	d->pools = isb_arena_alloc(&o->arena, yaml->count * sizeof(*d->pools));
	for (; d->npool < yaml->count; d->npool++)
		good &= read_pool(o, d->record, &yaml->pairs[d->npool], &d->pools[d->npool]);
	for (size_t i = 0; i < d->npool; i++)
		good &= read_fallback(o, d, &d->pools[i]);
	bool sound = good;
	for (size_t i = 0; sound && i < d->npool; i++)
		good &= check_loop(o, d, &d->pools[i]);
	return good;
}

/* --- Places --- */

/* The few countries that octoDNS puts on another continent than isobar's table does. Which country is meant is plain.
 */
static bool on_continent(const struct isb_country *country, const char *continent)
{
	static const char other[][2][3] = {{"CX", "AS"}, {"CY", "AS"}, {"GS", "SA"}, {"TL", "AS"}};
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (strcmp(country->code, other[i][0]) == 0 && strcmp(continent, other[i][1]) == 0)
			return true;
	return strcmp(country->continent, continent) == 0;
}

static bool upper(const char *text, size_t min, size_t max)
{
	size_t len = strlen(text);
	return len >= min && len <= max && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == len;
}

static bool check_country(struct isb_octodns *o, const struct octodns_geo *geo)
{
	const struct isb_country *country = isb_country_find(geo->country);
	if (!country) {
		isb_diag(&o->errors, geo->mark, "'%s': there is no country '%s' in ISO 3166-1", geo->code,
		         geo->country);
		return false;
	}
	if (strcmp(country->code, geo->country) == 0 && on_continent(country, geo->continent))
		return true;
	isb_diag(&o->errors, geo->mark, "'%s': there is no such country on that continent; write '%s-%s%s%s'",
	         geo->code, country->continent, country->code, geo->province ? "-" : "",
	         geo->province ? geo->province : "");
	return false;
}

/* octoDNS knows provinces of two countries. For a lenient record the code goes on to the geo database as it is. */
static bool check_province(struct isb_octodns *o, const struct octodns_geo *geo, bool lenient)
{
	static const struct {
		const char *country, *provinces;
	} known[] = {
		{"CA", " AB BC MB NB NL NS NT NU ON PE QC SK YT "},
		{"US", " AK AL AR AS AZ CA CO CT DC DE FL GA GU HI IA ID IL IN KS KY LA MA MD ME MI MN MO MP MS MT NC ND NE"
	               " NH NJ NM NV NY OH OK OR PA PR RI SC SD TN TX UM UT VA VI VT WA WI WV WY "}};
	const char *provinces = NULL, *padded = isb_arena_printf(&o->arena, " %s ", geo->province);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].country, geo->country) == 0)
			provinces = known[i].provinces;
	if (provinces && strstr(provinces, padded))
		return true;
	isb_diag(lenient ? &o->notes : &o->errors, geo->mark, "%s'%s': octoDNS knows no province '%s' of %s%s",
	         lenient ? "note: " : "", geo->code, geo->province, geo->country,
	         lenient    ? "; taken as it is"
	         : provinces ? "; write a code of ISO 3166-2, or make the record lenient"
	                     : ", only those of CA and US; write the country, or make the record lenient");
	return lenient;
}

/* CONTINENT, CONTINENT-COUNTRY or CONTINENT-COUNTRY-PROVINCE. */
static bool read_geo(struct isb_octodns *o, const struct isb_yaml *node, bool lenient, struct octodns_geo *geo)
{
	char shown[ISB_YAML_EXCERPT];
	const char *code = isb_octodns_scalar(o, node, node->mark, "a geo code");
	if (!code)
		return false;
	char *part = isb_arena_strdup(&o->arena, code), *rest = part;
	*geo = (struct octodns_geo){.code = code, .mark = node->mark, .continent = strsep(&rest, "-")};
	geo->country = rest ? strsep(&rest, "-") : NULL;
	geo->province = rest ? strsep(&rest, "-") : NULL;
	if (rest || !upper(geo->continent, 2, 2) || (geo->country && !upper(geo->country, 2, 2)) ||
	    (geo->province && !upper(geo->province, 1, 3))) {
		isb_diag(&o->errors, node->mark, "'%s' is no geo code; write it as NA, NA-US or NA-US-KY",
		         isb_yaml_excerpt(code, shown));
		return false;
	}
	if (!isb_continent_find(geo->continent)) {
		isb_diag(&o->errors, node->mark, "'%s': there is no continent '%s'; write AF, AN, AS, EU, NA, OC or SA",
		         code, geo->continent);
		return false;
	}
	return !geo->country || (check_country(o, geo) && (!geo->province || check_province(o, geo, lenient)));
}

static bool read_subnet(struct isb_octodns *o, const struct isb_yaml *node, struct octodns_subnet *subnet)
{
	char shown[ISB_YAML_EXCERPT];
	const char *text = isb_octodns_scalar(o, node, node->mark, "a subnet");
	if (!text)
		return false;
	*subnet = (struct octodns_subnet){.text = text, .mark = node->mark};
	int rc = isb_net_parse(text, &subnet->net);
	if (rc != ISB_OK)
		isb_diag(&o->errors, node->mark, "'%s' is no network%s", isb_yaml_excerpt(text, shown),
		         rc == ISB_ERANGE ? ": it has host bits set" : "; write it as 192.0.2.0/24");
	return rc == ISB_OK;
}

/* --- Rules --- */

/* True when `wide` takes every client of `narrow`. */
static bool geo_covers(const struct octodns_geo *wide, const struct octodns_geo *narrow)
{
	if (wide->country && narrow->country && strcmp(wide->country, narrow->country) == 0)
		return !wide->province || (narrow->province && strcmp(wide->province, narrow->province) == 0);
	return !wide->country && strcmp(wide->continent, narrow->continent) == 0;
}

static bool net_covers(const struct isb_net *wide, const struct isb_net *narrow)
{
	return wide->len <= narrow->len && isb_net_has(wide, &narrow->addr);
}

/* Returns whether that is well: so it is for a lenient record. */
static bool say_dead(struct isb_octodns *o, const struct octodns_dynamic *d, struct isb_mark at, const char *what,
                     size_t by)
{
	char shown[ISB_YAML_EXCERPT];
	isb_yaml_excerpt(what, shown);
	if (d->record->lenient)
		isb_diag(&o->notes, at, "note: '%s' is never reached, because rule %zu takes all of it first; left out",
		         shown, by + 1);
	else
		isb_diag(&o->errors, at,
		         "'%s' is never reached, because rule %zu takes all of it first; put it before that rule, or "
		         "take it out",
		         shown, by + 1);
	return d->record->lenient;
}

/* What the rules before number `i`, or earlier words of the same rule, take already. octoDNS takes the first rule that
 * matches; but networks go before places wherever they stand. */
static bool check_geo(struct isb_octodns *o, struct octodns_dynamic *d, size_t i, size_t g)
{
	struct octodns_geo *geo = &d->rules[i].geos[g];
	for (size_t k = 0; k <= i; k++) {
		for (size_t h = 0; h < (k == i ? g : d->rules[k].ngeo); h++) {
			if (!geo_covers(&d->rules[k].geos[h], geo))
				continue;
			geo->dead = true;
			return k == i || say_dead(o, d, geo->mark, geo->code, k);
		}
	}
	return true;
}

static bool check_subnet(struct isb_octodns *o, struct octodns_dynamic *d, size_t i, size_t g)
{
	struct octodns_subnet *subnet = &d->rules[i].subnets[g];
	for (size_t k = 0; k <= i; k++) {
		for (size_t h = 0; h < (k == i ? g : d->rules[k].nsubnet); h++) {
			if (!net_covers(&d->rules[k].subnets[h].net, &subnet->net))
				continue;
			subnet->dead = true;
			return k == i || say_dead(o, d, subnet->mark, subnet->text, k);
		}
	}
	return true;
}

static bool check_reach(struct isb_octodns *o, struct octodns_dynamic *d, size_t i)
{
	struct octodns_rule *rule = &d->rules[i];
	bool good = true;
	for (size_t k = 0; k < i; k++) {
		if (d->rules[k].catchall) {
			rule->dead = true;
			return say_dead(o, d, rule->mark, "rule", k);
		}
	}
	size_t alive = rule->catchall;
	for (size_t g = 0; g < rule->ngeo; g++) {
		good &= check_geo(o, d, i, g);
		alive += !rule->geos[g].dead;
	}
	for (size_t g = 0; g < rule->nsubnet; g++) {
		good &= check_subnet(o, d, i, g);
		alive += !rule->subnets[g].dead;
	}
	rule->dead = alive == 0;
	return good;
}

static bool read_rule(struct isb_octodns *o, struct octodns_dynamic *d, const struct isb_yaml *yaml,
                      struct octodns_rule *rule)
{
	static const char *const known[] = {"geos", "pool", "subnets", NULL};
	bool good = true;
	*rule = (struct octodns_rule){.mark = yaml->mark};
	if (!isb_octodns_is_map(o, yaml, "a rule") || !isb_octodns_keys(o, yaml, known, "rule"))
		return false;
	rule->pool = find_pool(o, d, isb_yaml_get(yaml, "pool"), yaml->mark, "'pool'");
	const struct isb_yaml *geos = isb_yaml_get(yaml, "geos"), *subnets = isb_yaml_get(yaml, "subnets");
	geos = isb_yaml_absent(geos) ? NULL : geos;
	subnets = isb_yaml_absent(subnets) ? NULL : subnets;
	if ((geos && !isb_octodns_is_list(o, geos, "'geos'")) ||
	    (subnets && !isb_octodns_is_list(o, subnets, "'subnets'")))
		return false;
	rule->ngeo = geos ? geos->count : 0;
	rule->nsubnet = subnets ? subnets->count : 0;
	rule->catchall = !rule->ngeo && !rule->nsubnet;
	rule->geos = isb_arena_alloc(&o->arena, rule->ngeo * sizeof(*rule->geos));
	rule->subnets = isb_arena_alloc(&o->arena, rule->nsubnet * sizeof(*rule->subnets));
	for (size_t i = 0; i < rule->ngeo; i++)
		good &= read_geo(o, geos->items[i], d->record->lenient, &rule->geos[i]);
	for (size_t i = 0; i < rule->nsubnet; i++)
		good &= read_subnet(o, subnets->items[i], &rule->subnets[i]);
	return good && rule->pool != OCTODNS_NONE;
}

/* Whoever no rule takes gets the record's values; octoDNS wants that said by a rule. */
static bool check_last(struct isb_octodns *o, const struct octodns_dynamic *d)
{
	const struct octodns_rule *last = &d->rules[d->nrule - 1];
	if (last->catchall || d->record->lenient)
		return true;
	for (size_t i = 0; i < d->nrule; i++)
		if (d->rules[i].catchall)
			return true; /* said of the rules behind it */
	isb_diag(&o->errors, last->mark,
	         "the last rule must take everybody: add one with a 'pool' and without 'geos' and "
	         "'subnets', or make the record lenient, so that the rest gets its values");
	return false;
}

static bool read_rules(struct isb_octodns *o, struct octodns_dynamic *d, const struct isb_yaml *yaml,
                       struct isb_mark at)
{
	bool good = true;
	if (isb_yaml_absent(yaml) || (yaml->kind == ISB_YAML_LIST && !yaml->count)) {
		isb_diag(&o->errors, at, "'dynamic' without 'rules'");
		return false;
	}
	if (!isb_octodns_is_list(o, yaml, "'rules'"))
		return false;
	if (yaml->count > LISTED_MAX) {
		isb_diag(&o->errors, yaml->mark, "%zu rules; at most %d", yaml->count, LISTED_MAX);
		return false;
	}
	d->rules = isb_arena_alloc(&o->arena, yaml->count * sizeof(*d->rules));
	for (; d->nrule < yaml->count; d->nrule++)
		good &= read_rule(o, d, yaml->items[d->nrule], &d->rules[d->nrule]);
	for (size_t i = 0; good && i < d->nrule; i++)
		good &= check_reach(o, d, i);
	return good && check_last(o, d);
}

bool isb_octodns_read_dynamic(struct isb_octodns *o, const struct octodns_record *record, const struct isb_yaml *yaml,
                              struct octodns_dynamic *ret_dynamic)
{
	static const char *const known[] = {"pools", "rules", NULL};
	struct octodns_dynamic d = {.record = record};
	if (!isb_octodns_is_map(o, yaml, "'dynamic'") || !isb_octodns_keys(o, yaml, known, "dynamic"))
		return false;
	if (!read_pools(o, &d, isb_yaml_get(yaml, "pools"), yaml->mark))
		return false;
	if (!read_rules(o, &d, isb_yaml_get(yaml, "rules"), yaml->mark))
		return false;
	*ret_dynamic = d;
	return true;
}
