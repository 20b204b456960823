/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "mmdb.h"

enum { POOLS = 5, NAMED = 2, CHILDREN_MAX = 4, NETS_MAX = 3, GEO_NETS = 24, EDGES_MAX = 512, DEPTH_MAX = 3 };

/* --- What there is ------------------------------------------------------------------------------------------------- */

static const struct region {
	const char *name;
	double latitude, longitude;
} regions[] = {{"seoul", 37.57, 126.98}, {"virginia", 38.95, -77.45}, {"frankfurt", 50.11, 8.68}, {"paris", 48.86, 2.35}};
enum { REGIONS = 4 };

static const struct place {
	const char *continent, *country, *subdivision, *city;
	double latitude, longitude;
} places[] = {
	{"AS", "KR", "11", "Seoul", 37.57, 126.98}, {"AS", "KR", "26", "Busan", 35.18, 129.08},
	{"AS", "JP", "13", "Tokyo", 35.69, 139.69}, {"NA", "US", "CA", "Los Angeles", 34.05, -118.24},
	{"NA", "US", "NY", "New York", 40.71, -74.01}, {"EU", "DE", "BE", "Berlin", 52.52, 13.4},
	{"EU", "FR", "IDF", "Paris", 48.86, 2.35}, {"SA", "BR", "SP", "Sao Paulo", -23.55, -46.63},
};
enum { PLACES = 8, ASNS = 3, FIRST_ASN = 64500 };

enum order { FAILOVER, WEIGHTED, GEO, NEAREST, LATENCY, ORDERS };
static const char *const order_words[] = {"failover", "weighted", "geo", "nearest", "latency"};

struct rule {
	struct isb_net nets[NETS_MAX];
	unsigned nnet;
	int asn, city, subdivision, country, continent; /* -1: none; else an AS, or the place that has it */
	bool is_default, fence;
};

struct node {
	bool pool;
	char name[4]; /* "": in place */
	enum order order;
	unsigned nchild;
	struct child {
		struct node *to;  /* of a policy */
		unsigned end, region, tier; /* of a pool: an endpoint */
		unsigned weight;
		int bias;
		struct rule rule;
	} child[CHILDREN_MAX];
	unsigned min_up;
};

struct geo_net {
	struct isb_net net;
	unsigned what; /* place, or AS */
};

/* Addresses of one family from one edge up to the next. */
struct stretch {
	size_t count;
	struct isb_addr from[EDGES_MAX];
	struct model_decision *decision[EDGES_MAX]; /* NULL: not thought of yet */
};

struct model {
	struct isb_arena arena;
	struct isb_rng *rng;
	enum model_kind kind;
	struct node *pools[POOLS], *named[NAMED], *top;
	struct geo_net place_nets[GEO_NETS], asn_nets[GEO_NETS];
	struct stretch stretch[2]; /* IPv4, IPv6 */
	struct model_decision **known;
	size_t nknown;
};

static unsigned below(struct model *m, unsigned n)
{
	return (unsigned)isb_rng_below(m->rng, n);
}

/* --- Making it up -------------------------------------------------------------------------------------------------- */

static struct stretch *stretch_of(struct model *m, unsigned family)
{
	return &m->stretch[family == 4 ? 0 : 1];
}

static int by_addr(const void *a, const void *b)
{
	return memcmp(((const struct isb_addr *)a)->octets, ((const struct isb_addr *)b)->octets, 16);
}

/* The first address, and the first after the last. */
static void add_edges(struct model *m, const struct isb_net *net)
{
	struct stretch *s = stretch_of(m, net->addr.family);
	struct isb_addr after = net->addr;
	s->from[s->count++] = net->addr;
	unsigned bit = net->len;
	while (bit > 0 && after.octets[(bit - 1) / 8] & 0x80 >> (bit - 1) % 8) {
		bit--;
		after.octets[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	}
	if (bit == 0)
		return;
	after.octets[(bit - 1) / 8] |= (uint8_t)(0x80 >> (bit - 1) % 8);
	s->from[s->count++] = after;
}

/* Close together, so that many nest and touch. */
static struct isb_net random_net(struct model *m)
{
	struct isb_addr addr = {4, {198, (uint8_t)(51 + below(m, 2)), (uint8_t)(100 + below(m, 2)), (uint8_t)(below(m, 16) * 17)}};
	struct isb_net net;
	if (below(m, 3) == 0) {
		addr = (struct isb_addr){6, {0x20, (uint8_t)(1 + 2 * below(m, 2)), 0x0d, 0xb8, 0, (uint8_t)below(m, 2), (uint8_t)(below(m, 4) * 85), 0}};
		addr.octets[15] = (uint8_t)below(m, 4);
		net = isb_net_around(&addr, below(m, 6) ? 30 + below(m, 27) : below(m, 129));
	} else {
		net = isb_net_around(&addr, below(m, 6) ? 18 + below(m, 15) : below(m, 33));
	}
	add_edges(m, &net);
	return net;
}

static void random_rule(struct model *m, struct rule *rule, bool last)
{
	*rule = (struct rule){.asn = -1, .city = -1, .subdivision = -1, .country = -1, .continent = -1};
	rule->fence = below(m, 8) == 0;
	switch (below(m, 7)) {
	case 0:
	case 1:
		for (rule->nnet = 1 + below(m, NETS_MAX); rule->nets[rule->nnet - 1].addr.family == 0;)
			for (unsigned i = 0; i < rule->nnet; i++)
				rule->nets[i] = random_net(m);
		break;
	case 2: rule->asn = (int)below(m, ASNS); break;
	case 3: rule->city = (int)below(m, PLACES); break;
	case 4: rule->subdivision = (int)below(m, PLACES); break;
	case 5: rule->country = (int)below(m, PLACES); break;
	default: rule->continent = (int)below(m, PLACES); break;
	}
	if (last && below(m, 3))
		rule->is_default = true;
}

static struct node *new_node(struct model *m)
{
	return isb_arena_alloc(&m->arena, sizeof(struct node));
}

static struct node *random_policy(struct model *m, unsigned depth);

/* What a child may be: in plain catalogs whoever takes part in a draw is a pool, and nobody does twice. */
static struct node *random_target(struct model *m, enum order order, unsigned depth, unsigned *taken)
{
	bool draws = order == WEIGHTED || order == NEAREST || order == LATENCY;
	if (depth < DEPTH_MAX && below(m, 3) == 0 && !(m->kind == MODEL_PLAIN && draws))
		return random_policy(m, depth + 1);
	if (m->kind == MODEL_WILD && m->named[NAMED - 1] && below(m, 4) == 0)
		return m->named[below(m, NAMED)];
	unsigned pool = below(m, draws && below(m, 2) ? 2 : POOLS); /* often the same few, in other ways */
	while (m->kind == MODEL_PLAIN && draws && *taken & 1u << pool)
		pool = (pool + 1) % POOLS;
	*taken |= 1u << pool;
	return m->pools[pool];
}

/* In plain catalogs no two sets of weights are in proportion. */
static unsigned random_weight(struct model *m)
{
	return m->kind == MODEL_PLAIN ? 1 + below(m, 2) * 2 : below(m, 2) * below(m, 4);
}

/* Nearly the same policy in place once more, or quite the same: where decisions are apt to be confused. */
static struct node *vary(struct model *m, const struct node *like)
{
	struct node *node = new_node(m);
	*node = *like;
	unsigned i = below(m, node->nchild), k = below(m, node->nchild);
	struct child child = node->child[i];
	switch (below(m, 3)) {
	case 0:
		if (node->order == WEIGHTED)
			node->child[i].weight = random_weight(m);
		break;
	case 1:
		if (node->order == GEO) /* a default stays the last */
			break;
		node->child[i] = node->child[k];
		node->child[k] = child;
		break;
	default: break;
	}
	return node;
}

static struct node *random_policy(struct model *m, unsigned depth)
{
	struct node *node = new_node(m);
	unsigned taken = 0;
	node->order = below(m, 2) ? GEO : depth && below(m, 2) ? WEIGHTED : below(m, 3) ? (enum order)below(m, ORDERS) : NEAREST;
	node->nchild = 1 + below(m, node->order == WEIGHTED ? 3 : CHILDREN_MAX);
	for (unsigned i = 0; i < node->nchild; i++) {
		struct child *child = &node->child[i];
		const struct node *before = i ? node->child[i - 1].to : NULL;
		if (node->order == GEO && before && !before->name[0] && below(m, 2))
			child->to = vary(m, before);
		else
			child->to = random_target(m, node->order, depth, &taken);
		child->weight = 1;
		if (node->order == WEIGHTED || (m->kind == MODEL_WILD && (node->order == NEAREST || node->order == LATENCY)))
			child->weight = i || m->kind == MODEL_WILD ? random_weight(m) : 1;
		if (node->order == NEAREST && below(m, 4) == 0)
			child->bias = (int)below(m, 120) - 60;
		if (node->order == GEO)
			random_rule(m, &child->rule, i + 1 == node->nchild);
	}
	return node;
}

static void make_pools(struct model *m)
{
	unsigned end = 0;
	for (unsigned i = 0; i < POOLS; i++) {
		struct node *pool = m->pools[i] = new_node(m);
		pool->pool = true;
		pool->name[0] = (char)('a' + i);
		pool->nchild = i < MODEL_ENDS - POOLS ? 2 : 1;
		pool->order = pool->nchild == 1 ? WEIGHTED : (const enum order[]){FAILOVER, WEIGHTED, NEAREST}[below(m, 3)];
		pool->min_up = 1 + below(m, pool->nchild);
		for (unsigned k = 0; k < pool->nchild; k++)
			pool->child[k] = (struct child){
				.end = end++, .region = below(m, REGIONS), .tier = below(m, 2), .weight = 1 + below(m, 3)};
	}
}

static int by_length(const void *a, const void *b)
{
	return ((const struct geo_net *)a)->net.len - ((const struct geo_net *)b)->net.len;
}

static void make_geo(struct model *m, struct geo_net *nets, unsigned things)
{
	for (unsigned i = 0; i < GEO_NETS; i++)
		do /* an IPv6 network that holds ::/96 would hold all of IPv4 */
			nets[i] = (struct geo_net){random_net(m), below(m, things)};
		while (nets[i].net.addr.family == 6 && nets[i].net.len < 3);
	qsort(nets, GEO_NETS, sizeof(*nets), by_length); /* the order of equals is the order of writing */
}

static void sort_edges(struct stretch *s)
{
	size_t kept = 1; /* the first address of all */
	qsort(s->from, s->count, sizeof(s->from[0]), by_addr);
	for (size_t i = 1; i < s->count; i++)
		if (by_addr(&s->from[kept - 1], &s->from[i]) != 0)
			s->from[kept++] = s->from[i];
	s->count = kept;
}

struct model *model_new(struct isb_rng *rng, enum model_kind kind)
{
	struct model *m = isb_xcalloc(1, sizeof(*m));
	m->rng = rng;
	m->kind = kind;
	for (unsigned i = 0; i < 2; i++)
		m->stretch[i].from[m->stretch[i].count++] = (struct isb_addr){.family = i ? 6 : 4};
	make_pools(m);
	for (unsigned i = 0; kind == MODEL_WILD && i < NAMED; i++) {
		struct node *node = random_policy(m, DEPTH_MAX);
		node->name[0] = 'n';
		node->name[1] = (char)('0' + i);
		m->named[i] = node;
	}
	m->top = random_policy(m, 0);
	strcpy(m->top->name, "top");
	make_geo(m, m->place_nets, PLACES);
	make_geo(m, m->asn_nets, ASNS);
	sort_edges(&m->stretch[0]);
	sort_edges(&m->stretch[1]);
	return m;
}

void model_free(struct model *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->nknown; i++)
		free(m->known[i]);
	free(m->known);
	isb_arena_done(&m->arena);
	free(m);
}

size_t model_edges(const struct model *m, unsigned family, const struct isb_addr **ret_edges)
{
	const struct stretch *s = &m->stretch[family == 4 ? 0 : 1];
	*ret_edges = s->from;
	return s->count;
}

/* --- Writing it down ----------------------------------------------------------------------------------------------- */

static void print_rule(struct isb_buf *out, const struct rule *rule)
{
	char text[ISB_NET_TEXT];
	for (unsigned i = 0; i < rule->nnet; i++)
		isb_buf_printf(out, "%s'%s'%s", i ? ", " : "nets: [", isb_net_print(&rule->nets[i], text),
		               i + 1 == rule->nnet ? "], " : "");
	if (rule->asn >= 0)
		isb_buf_printf(out, "asn: [%d], ", FIRST_ASN + rule->asn);
	if (rule->city >= 0)
		isb_buf_printf(out, "city: ['%s/%s'], ", places[rule->city].country, places[rule->city].city);
	if (rule->subdivision >= 0)
		isb_buf_printf(out, "subdivision: [%s-%s], ", places[rule->subdivision].country, places[rule->subdivision].subdivision);
	if (rule->country >= 0)
		isb_buf_printf(out, "country: [%s], ", places[rule->country].country);
	if (rule->continent >= 0)
		isb_buf_printf(out, "continent: [%s], ", places[rule->continent].continent);
	isb_buf_puts(out, rule->is_default ? "default: true, " : "");
	isb_buf_puts(out, rule->fence ? "fence: true, " : "");
}

static void print_policy(struct isb_buf *out, const struct node *node)
{
	isb_buf_printf(out, "{order: %s, %s: [", order_words[node->order], node->order == GEO ? "rules" : "of");
	for (unsigned i = 0; i < node->nchild; i++) {
		const struct child *child = &node->child[i];
		isb_buf_puts(out, i ? ", {" : "{");
		if (node->order == GEO)
			print_rule(out, &child->rule);
		if (child->weight != 1)
			isb_buf_printf(out, "weight: %u, ", child->weight);
		if (child->bias)
			isb_buf_printf(out, "bias: %d, ", child->bias);
		isb_buf_puts(out, "use: ");
		if (child->to->name[0])
			isb_buf_puts(out, child->to->name);
		else
			print_policy(out, child->to);
		isb_buf_putc(out, '}');
	}
	isb_buf_puts(out, "]}");
}

void model_catalog(const struct model *m, struct isb_buf *out)
{
	isb_buf_puts(out, "regions:\n");
	for (unsigned i = 0; i < REGIONS; i++)
		isb_buf_printf(out, "  %s: {location: [%.2f, %.2f]}\n", regions[i].name, regions[i].latitude, regions[i].longitude);
	isb_buf_puts(out, "checks: {up: {type: tcp, port: 1}}\npools:\n");
	for (unsigned i = 0; i < POOLS; i++) {
		const struct node *pool = m->pools[i];
		isb_buf_printf(out, "  %s: {check: up, order: %s, min_up: %u, endpoints: {", pool->name, order_words[pool->order],
		               pool->min_up);
		for (unsigned k = 0; k < pool->nchild; k++)
			isb_buf_printf(out, "%se%u: {address: 192.0.2.%u, region: %s, tier: %u, weight: %u}", k ? ", " : "", k,
			               pool->child[k].end + 1, regions[pool->child[k].region].name, pool->child[k].tier,
			               pool->child[k].weight);
		isb_buf_puts(out, "}}\n");
	}
	isb_buf_puts(out, "policies:\n");
	for (unsigned i = 0; i < NAMED && m->named[i]; i++) {
		isb_buf_printf(out, "  %s: ", m->named[i]->name);
		print_policy(out, m->named[i]);
		isb_buf_putc(out, '\n');
	}
	isb_buf_puts(out, "  top: ");
	print_policy(out, m->top);
	isb_buf_puts(out, "\nzones: {example.com: {records: {www: {types: [A], policy: top, all_down: nodata}}}}\n");
}

static uint32_t put_place(struct isb_buf *data, const struct place *place)
{
	uint32_t at = (uint32_t)data->len;
	mmdb_map(data, 5);
	mmdb_word(data, "city");
	mmdb_map(data, 1);
	mmdb_word(data, "names");
	mmdb_map(data, 1);
	mmdb_word(data, "en");
	mmdb_word(data, place->city);
	mmdb_word(data, "continent");
	mmdb_map(data, 1);
	mmdb_word(data, "code");
	mmdb_word(data, place->continent);
	mmdb_word(data, "country");
	mmdb_map(data, 1);
	mmdb_word(data, "iso_code");
	mmdb_word(data, place->country);
	mmdb_word(data, "location");
	mmdb_map(data, 2);
	mmdb_word(data, "latitude");
	mmdb_double(data, place->latitude);
	mmdb_word(data, "longitude");
	mmdb_double(data, place->longitude);
	mmdb_word(data, "subdivisions");
	mmdb_array(data, 1);
	mmdb_map(data, 1);
	mmdb_word(data, "iso_code");
	mmdb_word(data, place->subdivision);
	return at;
}

static uint32_t put_asn(struct isb_buf *data, unsigned i)
{
	uint32_t at = (uint32_t)data->len;
	mmdb_map(data, 1);
	mmdb_word(data, "autonomous_system_number");
	mmdb_number(data, FIRST_ASN + i);
	return at;
}

int model_write(const struct model *m, const char *places_path, const char *asns_path)
{
	struct mmdb *db = mmdb_new(), *asn_db = mmdb_new();
	uint32_t place[PLACES], asn[ASNS];
	for (unsigned i = 0; i < PLACES; i++)
		place[i] = put_place(mmdb_data(db), &places[i]);
	for (unsigned i = 0; i < ASNS; i++)
		asn[i] = put_asn(mmdb_data(asn_db), i);
	for (unsigned i = 0; i < GEO_NETS; i++) {
		mmdb_add(db, &m->place_nets[i].net, place[m->place_nets[i].what]);
		mmdb_add(asn_db, &m->asn_nets[i].net, asn[m->asn_nets[i].what]);
	}
	int rc = mmdb_write(db, places_path, "Model-City");
	if (rc == 0)
		rc = mmdb_write(asn_db, asns_path, "Model-ASN");
	mmdb_free(db);
	mmdb_free(asn_db);
	return rc;
}

/* --- Deciding ------------------------------------------------------------------------------------------------------ */

struct client {
	const struct isb_addr *addr;
	const struct place *place; /* NULL: unknown */
	int asn;                   /* -1: unknown */
};

static int what_of(const struct geo_net *nets, const struct isb_addr *addr)
{
	int what = -1;
	for (unsigned i = 0; i < GEO_NETS; i++) /* shortest first */
		if (isb_net_has(&nets[i].net, addr))
			what = (int)nets[i].what;
	return what;
}

/* nets > ASN > city > subdivision > country > continent > default; among networks the longest. 0: no match. */
static unsigned fit(const struct rule *rule, const struct client *client)
{
	unsigned best = rule->is_default ? 1 : 0;
	const struct place *p = client->place;
	if (p && rule->continent >= 0 && strcmp(p->continent, places[rule->continent].continent) == 0)
		best = 2;
	if (p && rule->country >= 0 && strcmp(p->country, places[rule->country].country) == 0)
		best = 3;
	if (p && rule->subdivision >= 0 && p == &places[rule->subdivision])
		best = 4;
	if (p && rule->city >= 0 && p == &places[rule->city])
		best = 5;
	if (rule->asn >= 0 && client->asn == rule->asn)
		best = 6;
	for (unsigned i = 0; i < rule->nnet; i++)
		if (isb_net_has(&rule->nets[i], client->addr) && 7u + rule->nets[i].len > best)
			best = 7u + rule->nets[i].len;
	return best;
}

static double radians(double degrees)
{
	return degrees * 3.14159265358979323846 / 180;
}

static double km(const struct place *place, const struct region *region)
{
	double cosine = sin(radians(place->latitude)) * sin(radians(region->latitude)) +
	                cos(radians(place->latitude)) * cos(radians(region->latitude)) *
	                        cos(radians(place->longitude - region->longitude));
	return 6371 * acos(cosine > 1 ? 1 : cosine < -1 ? -1 : cosine);
}

static double distance(const struct node *node, const struct place *place)
{
	double best = INFINITY;
	for (unsigned i = 0; i < node->nchild; i++) {
		double d = node->pool ? km(place, &regions[node->child[i].region]) : distance(node->child[i].to, place);
		best = d < best ? d : best;
	}
	return best;
}

/* Each child's turn, from 0; -1: none. */
static void take_turns(const struct node *node, const struct client *client, int *turn)
{
	double far[CHILDREN_MAX];
	unsigned how[CHILDREN_MAX];
	for (unsigned i = 0; i < node->nchild; i++) {
		const struct child *child = &node->child[i];
		turn[i] = node->order == FAILOVER ? node->pool ? (int)child->tier : (int)i : 0;
		how[i] = node->order == GEO ? fit(&child->rule, client) : 0;
		far[i] = 0;
		if ((node->order == NEAREST || node->order == LATENCY) && client->place)
			far[i] = (node->pool ? km(client->place, &regions[child->region]) : distance(child->to, client->place)) *
			         (1 - child->bias / 100.0);
		if (node->order == GEO || node->order == NEAREST || node->order == LATENCY)
			turn[i] = -1;
	}
	for (int t = 0; node->order == GEO; t++) { /* the closest rule that is left, until none matches or a fence stood there */
		int best = -1;
		for (int i = 0; i < (int)node->nchild; i++)
			if (turn[i] < 0 && how[i] && (best < 0 || how[i] > how[best]))
				best = i;
		if (best < 0)
			return;
		turn[best] = t;
		if (node->child[best].rule.fence)
			return;
	}
	for (int t = 0; node->order == NEAREST || node->order == LATENCY; t++) { /* the nearest that is left, and all within 5 % */
		double best = INFINITY;
		for (unsigned i = 0; i < node->nchild; i++)
			if (turn[i] < 0 && far[i] < best)
				best = far[i];
		if (isinf(best))
			return;
		for (unsigned i = 0; i < node->nchild; i++)
			if (turn[i] < 0 && far[i] <= best * 1.05)
				turn[i] = t;
	}
}

static bool decide(const struct node *node, const struct client *client, unsigned up, double *share);

static bool try_child(const struct node *node, unsigned i, const struct client *client, unsigned up, double *share)
{
	memset(share, 0, MODEL_ENDS * sizeof(*share));
	if (!node->pool)
		return decide(node->child[i].to, client, up, share);
	share[node->child[i].end] = 1;
	return up >> node->child[i].end & 1;
}

/* The first turn with anybody who can answer, those of weight 0 after all others; among them in proportion to weight: who is
 * drawn and cannot answer is drawn no more. */
static bool decide(const struct node *node, const struct client *client, unsigned up, double *share)
{
	int turn[CHILDREN_MAX];
	unsigned usable = 0;
	for (unsigned i = 0; node->pool && i < node->nchild; i++)
		usable += up >> node->child[i].end & 1;
	if (node->pool && usable < node->min_up)
		return false;
	take_turns(node, client, turn);
	for (int zero = 0; zero < 2; zero++)
		for (int t = 0; t < 256; t++) {
			double total = 0, part[MODEL_ENDS];
			memset(share, 0, MODEL_ENDS * sizeof(*share));
			for (unsigned i = 0; i < node->nchild; i++) {
				if (turn[i] != t || (node->child[i].weight == 0) != zero || !try_child(node, i, client, up, part))
					continue;
				double weight = zero ? 1 : node->child[i].weight;
				total += weight;
				for (unsigned e = 0; e < MODEL_ENDS; e++)
					share[e] += weight * part[e];
			}
			for (unsigned e = 0; total > 0 && e < MODEL_ENDS; e++)
				share[e] /= total;
			if (total > 0)
				return true;
			if (t > (int)CHILDREN_MAX)
				break;
		}
	return false;
}

bool model_same(const struct model_decision *a, const struct model_decision *b)
{
	for (unsigned s = 0; s < MODEL_STATES; s++)
		for (unsigned e = 0; e < MODEL_ENDS; e++)
			if (fabs(a->share[s][e] - b->share[s][e]) > 1e-9)
				return false;
	return true;
}

/* Decisions that are the same are one. */
static struct model_decision *think(struct model *m, const struct isb_addr *addr)
{
	int place = what_of(m->place_nets, addr);
	const struct client client = {addr, place < 0 ? NULL : &places[place], what_of(m->asn_nets, addr)};
	struct model_decision *d = isb_xcalloc(1, sizeof(*d));
	for (unsigned s = 0; s < MODEL_STATES; s++)
		if (!decide(m->top, &client, s, d->share[s]))
			memset(d->share[s], 0, sizeof(d->share[s]));
	for (size_t i = 0; i < m->nknown; i++)
		if (model_same(m->known[i], d)) {
			free(d);
			return m->known[i];
		}
	m->known = isb_xrealloc(m->known, (m->nknown + 1) * sizeof(*m->known));
	return m->known[m->nknown++] = d;
}

/* Of the stretch that begins at or before the address. */
static const struct model_decision *decision_at(struct model *m, const struct isb_addr *addr, size_t *ret_at)
{
	struct stretch *s = stretch_of(m, addr->family);
	size_t at = s->count - 1;
	while (by_addr(&s->from[at], addr) > 0)
		at--;
	if (!s->decision[at])
		s->decision[at] = think(m, &s->from[at]);
	*ret_at = at;
	return s->decision[at];
}

const struct model_decision *model_decide(struct model *m, const struct isb_addr *client)
{
	size_t at;
	return decision_at(m, client, &at);
}

static bool one_decision(struct model *m, const struct isb_net *net)
{
	const struct stretch *s = stretch_of(m, net->addr.family);
	size_t at, same;
	const struct model_decision *first = decision_at(m, &net->addr, &at);
	for (at++; at < s->count && isb_net_has(net, &s->from[at]); at++)
		if (decision_at(m, &s->from[at], &same) != first)
			return false;
	return true;
}

unsigned model_scope(struct model *m, const struct isb_addr *client)
{
	unsigned len = 0;
	for (;; len++) {
		struct isb_net net = isb_net_around(client, len);
		if (len == isb_addr_bits(client) || one_decision(m, &net))
			return len;
	}
}
