/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

#include <stdio.h>
#include <string.h>

#include "isobar/base/buf.h"

/* The scope is exact, for whatever catalog: all clients inside it have one and the same plan, and in the network that is
 * a bit wider there is a client with another one. Random rules over a small piece of the address space; the plan of a
 * client can only change where one of the networks in play begins or ends, so looking there sees everything. Each rule
 * has a pool of its own: rules count as different even where they lead to the same answer. */

enum { ROUNDS = 60, RULES_MAX = 7, DEEP = RULES_MAX /* first pool of the nested policy */, EDGES_MAX = 400 };

#define RECORD "example.com/www"
#define WWW "www.example.com"

struct world {
	struct isb_rng rng;
	struct isb_buf yaml;
	struct isb_addr edge[EDGES_MAX]; /* first and last addresses of all networks, and what lies beside them */
	size_t nedge;
	struct rule {
		struct isb_net nets[4];
		unsigned nnet, pool;
		const char *continent; /* NULL: none */
		bool is_default, fence;
	} rules[RULES_MAX];
	unsigned nrule;
};

static unsigned below(struct world *w, unsigned n)
{
	return (unsigned)isb_rng_below(&w->rng, n);
}

static void add_edge(struct world *w, const struct isb_addr *addr)
{
	assert_true(w->nedge < EDGES_MAX);
	w->edge[w->nedge++] = *addr;
}

static void step(struct isb_addr *addr, int by)
{
	for (unsigned i = isb_addr_bits(addr) / 8; i-- > 0;) {
		int octet = addr->octets[i] + by;
		addr->octets[i] = (uint8_t)octet;
		if (octet >= 0 && octet <= 255)
			return;
	}
}

static void add_edges(struct world *w, const struct isb_net *net)
{
	struct isb_addr first = net->addr, last = net->addr;
	for (unsigned bit = net->len; bit < isb_addr_bits(&last); bit++)
		last.octets[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	add_edge(w, &first);
	add_edge(w, &last);
	step(&first, -1);
	step(&last, 1);
	add_edge(w, &first);
	add_edge(w, &last);
}

/* Inside 198.51.100.0/24 or 2001:db8:e::/48, now and then as short as a few bits. */
static struct isb_net random_net(struct world *w)
{
	struct isb_addr addr = {4, {198, 51, 100, (uint8_t)below(w, 256)}};
	if (below(w, 4) == 0) {
		addr = (struct isb_addr){6, {0x20, 0x01, 0x0d, 0xb8, 0, 0x0e, (uint8_t)below(w, 4), (uint8_t)below(w, 4)}};
		return isb_net_around(&addr, below(w, 8) ? 40 + below(w, 26) : below(w, 129));
	}
	return isb_net_around(&addr, below(w, 8) ? 22 + below(w, 11) : below(w, 33));
}

static void print_match(struct world *w, const struct rule *rule)
{
	char text[ISB_NET_TEXT];
	isb_buf_puts(&w->yaml, "    - {");
	for (unsigned i = 0; i < rule->nnet; i++)
		isb_buf_printf(&w->yaml, "%s'%s'", i ? ", " : "nets: [", isb_net_print(&rule->nets[i], text));
	isb_buf_puts(&w->yaml, rule->nnet ? "], " : "");
	if (rule->continent)
		isb_buf_printf(&w->yaml, "continent: %s, ", rule->continent);
	if (rule->is_default)
		isb_buf_puts(&w->yaml, "default: true, ");
	if (rule->fence)
		isb_buf_puts(&w->yaml, "fence: true, ");
}

static void random_rules(struct world *w, unsigned first_pool, bool may_lack_default)
{
	static const char *const continents[] = {"AS", "NA", "EU", "AF"};
	w->nrule = 1 + below(w, RULES_MAX);
	for (unsigned i = 0; i < w->nrule; i++) {
		struct rule *rule = &w->rules[i];
		*rule = (struct rule){.pool = first_pool + i, .fence = below(w, 6) == 0};
		rule->nnet = below(w, 5);
		for (unsigned k = 0; k < rule->nnet; k++) {
			rule->nets[k] = random_net(w);
			add_edges(w, &rule->nets[k]);
		}
		if (!rule->nnet || below(w, 3) == 0)
			rule->continent = continents[below(w, 4)];
	}
	if (!may_lack_default || below(w, 3))
		w->rules[w->nrule - 1].is_default = true;
}

static void geo_edges(struct world *w)
{
	static const char *const nets[] = {"192.0.2.0/25", "192.0.2.128/26", "198.51.100.0/24", "198.51.100.77/32",
	                                   "203.0.113.0/24", "8.8.8.0/24", "2001:db8::/32", "2001:db8:1::/48",
	                                   "2001:db8:1:2:3:4:5:6/127", "0.0.0.0/0", "::/0",
	                                   "::/96", "::ffff:0:0/96", "2002::/16", "2001::/32"};
	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		struct isb_net net;
		assert_int_equal(isb_net_parse(nets[i], &net), 0);
		add_edges(w, &net);
	}
}

static void print_rules(struct world *w, bool nested)
{
	for (unsigned i = 0; i < w->nrule; i++) {
		print_match(w, &w->rules[i]);
		if (nested && below(w, 2))
			isb_buf_printf(&w->yaml, "use: [deep, p%u]}\n", w->rules[i].pool);
		else
			isb_buf_printf(&w->yaml, "use: p%u}\n", w->rules[i].pool);
	}
}

static const char zone[] =
	"zones:\n  example.com:\n" ZONE_TEXT "    records: {www: {types: [A], policy: top}}\n";

static void begin_catalog(struct world *w)
{
	w->nedge = 0;
	geo_edges(w);
	isb_buf_reset(&w->yaml);
	isb_buf_puts(&w->yaml, "pools:\n");
	for (unsigned i = 0; i < 2 * RULES_MAX; i++)
		isb_buf_printf(&w->yaml, "  p%u: {endpoints: {e: {address: 10.0.0.%u}}}\n", i, i);
	isb_buf_puts(&w->yaml, "policies:\n");
}

static bool same_plan(struct story *s, const struct isb_addr *a, const struct isb_addr *b)
{
	return strcmp(story_plan(s, RECORD, a), story_plan(s, RECORD, b)) == 0;
}

/* Of the edges (and a few other addresses) inside the net, one with another plan than `like`, or NULL. */
static const struct isb_addr *another_plan(struct story *s, struct world *w, const struct isb_net *net,
                                           const struct isb_addr *like)
{
	for (size_t i = 0; i < w->nedge; i++)
		if (isb_net_has(net, &w->edge[i]) && !same_plan(s, &w->edge[i], like))
			return &w->edge[i];
	return NULL;
}

static void assert_exact(struct story *s, struct world *w, const struct isb_addr *client)
{
	char text[ISB_NET_TEXT], other[ISB_ADDR_TEXT];
	uint8_t scope = story_scope(s, RECORD, client);
	struct isb_net net = isb_net_around(client, scope);
	const struct isb_addr *odd = another_plan(s, w, &net, client);
	if (odd)
		fail_msg("%s has another plan in scope %s of\n%s", isb_addr_print(odd, other), isb_net_print(&net, text),
		         w->yaml.data);
	if (!scope)
		return;
	struct isb_net wider = isb_net_around(client, scope - 1u);
	if (!another_plan(s, w, &wider, client))
		fail_msg("%s could be wider in\n%s", isb_net_print(&net, text), w->yaml.data);
}

static void every_edge(struct story *s, struct world *w)
{
	for (size_t i = 0; i < w->nedge; i++) {
		struct isb_addr inside = w->edge[i];
		assert_exact(s, w, &inside);
		inside.octets[inside.family == 4 ? 3 : 7] ^= (uint8_t)below(w, 256); /* and some that are no edge */
		assert_exact(s, w, &inside);
	}
}

/* --- The rules by hand --------------------------------------------------------------------------------------------- */

static unsigned fit(const struct rule *rule, const struct isb_addr *client, const char *continent)
{
	unsigned best = rule->is_default ? 1 : 0;
	if (rule->continent && strcmp(rule->continent, continent) == 0)
		best = 2;
	for (unsigned k = 0; k < rule->nnet; k++)
		if (isb_net_has(&rule->nets[k], client) && best < 10u + rule->nets[k].len)
			best = 10u + rule->nets[k].len;
	return best;
}

static const char *continent_of(const struct isb_addr *client)
{
	static const struct {
		const char *net, *continent;
	} table[] = {{"192.0.2.0/25", "AS"}, {"192.0.2.128/26", "AS"}, {"198.51.100.0/24", "NA"}, {"203.0.113.0/24", "EU"},
	             {"8.8.8.0/24", "NA"}, {"2001:db8::/32", "EU"}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct isb_net net;
		assert_int_equal(isb_net_parse(table[i].net, &net), 0);
		if (isb_net_has(&net, client))
			return table[i].continent;
	}
	return "";
}

/* The pools that may answer, best first, as story_plan() shows them. */
static void expected_plan(const struct world *w, const struct isb_addr *client, struct isb_buf *out)
{
	const char *continent = continent_of(client);
	bool taken[RULES_MAX] = {false}, fenced = false;
	unsigned rank = 0;
	isb_buf_reset(out);
	while (!fenced) {
		unsigned best = 0, at = 0;
		for (unsigned i = 0; i < w->nrule; i++) {
			unsigned f = taken[i] ? 0 : fit(&w->rules[i], client, continent);
			if (f > best) {
				best = f;
				at = i;
			}
		}
		if (!best)
			break;
		taken[at] = true;
		fenced = w->rules[at].fence;
		unsigned p = w->rules[at].pool;
		isb_buf_printf(out, "%s %u:1:(p%u 1/1 0:1:p%u/e)", rank ? "" : "(top 0/0", rank, p, p);
		rank++;
	}
	isb_buf_puts(out, rank ? ")" : "");
}

static void flat_rules_rank_as_by_hand_and_scopes_are_exact(void **state)
{
	struct world w = {0};
	struct story *s = story_new("city.mmdb");
	struct isb_buf expected = {0};
	(void)state;
	isb_rng_seed(&w.rng, 71);
	for (int round = 0; round < ROUNDS; round++) {
		begin_catalog(&w);
		random_rules(&w, 0, true);
		isb_buf_puts(&w.yaml, "  top:\n    order: geo\n    rules:\n");
		print_rules(&w, false);
		isb_buf_puts(&w.yaml, zone);
		story_apply(s, w.yaml.data);
		for (size_t i = 0; i < w.nedge; i++) {
			expected_plan(&w, &w.edge[i], &expected);
			assert_string_equal(story_plan(s, RECORD, &w.edge[i]), isb_buf_text(&expected));
		}
		every_edge(s, &w);
	}
	isb_buf_done(&expected);
	isb_buf_done(&w.yaml);
	story_free(s);
}

static void nested_rules_have_exact_scopes(void **state)
{
	struct world w = {0};
	struct story *s = story_new("city.mmdb");
	(void)state;
	isb_rng_seed(&w.rng, 72);
	for (int round = 0; round < ROUNDS; round++) {
		begin_catalog(&w);
		random_rules(&w, DEEP, false);
		isb_buf_puts(&w.yaml, "  deep:\n    order: geo\n    rules:\n");
		print_rules(&w, false);
		random_rules(&w, 0, true);
		isb_buf_puts(&w.yaml, "  top:\n    order: geo\n    rules:\n");
		print_rules(&w, true);
		isb_buf_puts(&w.yaml, zone);
		story_apply(s, w.yaml.data);
		every_edge(s, &w);
	}
	isb_buf_done(&w.yaml);
	story_free(s);
}

static void answers_carry_the_scope_of_the_map(void **state)
{
	struct world w = {0};
	struct story *s = story_new("city.mmdb");
	char text[ISB_ADDR_TEXT + 8];
	(void)state;
	isb_rng_seed(&w.rng, 73);
	for (int round = 0; round < 10; round++) {
		begin_catalog(&w);
		random_rules(&w, 0, true);
		isb_buf_puts(&w.yaml, "  top:\n    order: geo\n    rules:\n");
		print_rules(&w, false);
		isb_buf_puts(&w.yaml, zone);
		story_apply(s, w.yaml.data);
		for (size_t i = 0; i < w.nedge; i++) {
			if (!isb_addr_is_public(&w.edge[i]))
				continue;
			isb_addr_print(&w.edge[i], text);
			strcat(text, w.edge[i].family == 4 ? "/32" : "/128");
			const char *plan = story_plan(s, RECORD, &w.edge[i]), *first = strstr(plan, "(p");
			const char *answer = story_ask(s, WWW, "A", text);
			assert_int_equal(story_last(s)->scope, story_scope(s, RECORD, &w.edge[i]));
			if (first)
				assert_int_equal(answer[strlen(answer) - 1], first[2]); /* 10.0.0.N of pool pN */
			else
				assert_string_equal(answer, "192.0.2.80"); /* the rrset underneath */
		}
	}
	isb_buf_done(&w.yaml);
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flat_rules_rank_as_by_hand_and_scopes_are_exact),
		cmocka_unit_test(nested_rules_have_exact_scopes),
		cmocka_unit_test(answers_carry_the_scope_of_the_map),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
