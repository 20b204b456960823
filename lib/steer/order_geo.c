/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "isobar/base/arena.h"
#include "isobar/steer/order.h"

/* How closely a rule fits a client: nets > ASN > city > subdivision > country > continent > default; among nets the
 * longest prefix. 0: not at all. */
enum { DEFAULT = 1, CONTINENT, COUNTRY, SUBDIVISION, CITY, ASN, NET /* + prefix length */ };

static bool listed(const struct isb_strings *strings, const char *text)
{
	for (size_t i = 0; *text && i < strings->count; i++)
		if (strcasecmp(strings->list[i], text) == 0)
			return true;
	return false;
}

static bool city_listed(const struct isb_strings *cities, const struct isb_geo_facts *geo)
{
	for (size_t i = 0; *geo->city && i < cities->count; i++) {
		const char *slash = strchr(cities->list[i], '/');
		if (slash && slash - cities->list[i] == 2 && strncasecmp(cities->list[i], geo->country, 2) == 0 &&
		    strcasecmp(slash + 1, geo->city) == 0)
			return true;
	}
	return false;
}

static bool asn_listed(const struct isb_geo_match *match, uint32_t asn)
{
	for (size_t i = 0; asn && i < match->nasn; i++)
		if (match->asns[i] == asn)
			return true;
	return false;
}

static unsigned fit(const struct isb_order_child *child, const struct isb_facts *facts, struct isb_buf *why)
{
	const struct isb_geo_match *match = child->match;
	const struct isb_geo_facts *geo = facts->geo;
	for (size_t i = 0; i < facts->nnet; i++) { /* longest first */
		uint32_t id = facts->nets[i].id;
		if (id >= child->net_base && id - child->net_base < match->nnet) {
			char text[ISB_NET_TEXT];
			if (why)
				isb_buf_printf(why, "net %s", isb_net_print(&match->nets[id - child->net_base], text));
			return NET + facts->nets[i].len;
		}
	}
	if (asn_listed(match, geo->asn)) {
		if (why)
			isb_buf_printf(why, "AS%u", geo->asn);
		return ASN;
	}
	static const char *const word[] = {[CONTINENT] = "continent", [COUNTRY] = "country", [SUBDIVISION] = "subdivision",
	                                   [CITY] = "city"};
	unsigned level = city_listed(&match->cities, geo)                 ? CITY
	                 : listed(&match->subdivisions, geo->subdivision) ? SUBDIVISION
	                 : listed(&match->countries, geo->country)        ? COUNTRY
	                 : listed(&match->continents, geo->continent)     ? CONTINENT
	                                                                  : 0;
	const char *value[] = {[CONTINENT] = geo->continent, [COUNTRY] = geo->country, [SUBDIVISION] = geo->subdivision,
	                       [CITY] = geo->city};
	if (level) {
		if (why)
			isb_buf_printf(why, "%s %s", word[level], value[level]);
		return level;
	}
	if (match->is_default && why)
		isb_buf_puts(why, "default");
	return match->is_default ? DEFAULT : 0;
}

struct fitting {
	unsigned fit;
	size_t index;
};

static int closest_first(const void *a, const void *b)
{
	const struct fitting *x = a, *y = b;
	if (x->fit != y->fit)
		return x->fit > y->fit ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* The rules that match, closest first, down to the first fence: a client is never led past it. */
static void rank(const struct isb_order_in *in, uint16_t *ret_rank, struct isb_buf *why)
{
	struct fitting *rules = isb_xcalloc(in->count, sizeof(*rules));
	for (size_t i = 0; i < in->count; i++)
		rules[i] = (struct fitting){fit(&in->children[i], in->facts, why ? &why[i] : NULL), i};
	qsort(rules, in->count, sizeof(*rules), closest_first);
	bool fenced = false;
	for (size_t i = 0; i < in->count; i++) {
		bool out = fenced || rules[i].fit == 0;
		ret_rank[rules[i].index] = out ? ISB_RANK_OUT : (uint16_t)i;
		fenced = fenced || (!out && in->children[rules[i].index].fence);
	}
	free(rules);
}

const struct isb_order isb_order_geo = {
	.id = ISB_ORDER_GEO,
	.by_client = true,
	.rank = rank,
};
