/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog.h"
#include "story.h"

#include <stdio.h>
#include <string.h>

/* What operators do: drain and force, and edits in the middle of everything. */

#define WWW "www.example.com"

static const char catalog[] =
	REGIONS CHECKS POOLS
	"policies:\n"
	"  standby: [asia, europe]\n"
	"  net:\n"
	"    order: geo\n"
	"    rules: [{nets: [198.51.100.0/24], use: [asia, europe]}, {default: true, use: europe}]\n"
	"zones:\n"
	"  example.com:\n" ZONE_TEXT
	"    records:\n"
	"      www: {types: [A], ttl: 30s, policy: standby}\n"
	"      net: {types: [A], ttl: 30s, policy: net}\n";

static struct story *begin(void)
{
	struct story *s = story_new(NULL);
	story_apply(s, catalog);
	return s;
}

/* What an edit led to must be what a server would see that started just now. */
static void assert_as_built_afresh(struct story *s)
{
	struct isb_view *fresh = story_fresh_view(s);
	assert_string_equal(story_dump(s, story_view(s)), story_dump(s, fresh));
	isb_view_free(fresh);
}

static void a_drain_moves_the_answer_at_once_and_expires_by_itself(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, WWW, "A", NULL, ICN);
	story_admin(s, "asia/icn-1", ISB_ADMIN_DRAIN, 120);
	assert_answer(s, WWW, "A", NULL, FRA);
	assert_int_equal(story_last(s)->ttl, 30);
	story_pass(s, 100);
	assert_answer(s, WWW, "A", NULL, FRA);
	assert_int_equal(story_last(s)->ttl, 20); /* the answer changes when the drain ends */
	story_pass_ms(s, 19999);
	assert_answer(s, WWW, "A", NULL, FRA);
	assert_int_equal(story_last(s)->ttl, 5); /* ttl_min */
	story_pass_ms(s, 1);
	assert_answer(s, WWW, "A", NULL, ICN); /* no edit, no new view */
	assert_int_equal(story_last(s)->ttl, 30);
	story_free(s);
}

static void a_drain_without_an_end_lasts_until_it_is_taken_back(void **state)
{
	struct story *s = begin();
	(void)state;
	story_admin(s, "asia/icn-1", ISB_ADMIN_DRAIN, 0);
	story_pass(s, 40 * 24 * 3600);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_restart_server(s);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_admin(s, "asia/icn-1", ISB_ADMIN_AUTO, 0);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_free(s);
}

static void a_word_of_the_operator_beats_the_verdict_both_ways(void **state)
{
	struct story *s = begin();
	(void)state;
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 30);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_admin(s, "asia/icn-1", ISB_ADMIN_UP, 3600);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_pass(s, 30);
	assert_answer(s, WWW, "A", NULL, ICN);
	assert_int_equal(story_last(s)->ttl, 30); /* checks cannot turn it */
	story_pass(s, 3600);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_OK);
	story_pass(s, 30);
	story_admin(s, "asia/icn-1", ISB_ADMIN_DOWN, 0);
	assert_answer(s, WWW, "A", NULL, FRA);
	story_free(s);
}

static void drained_endpoints_answer_only_when_everything_else_is_out_too(void **state)
{
	struct story *s = begin();
	(void)state;
	story_admin(s, "asia/icn-1", ISB_ADMIN_DRAIN, 0);
	struct isb_health down = {.verdict = ISB_DOWN, .held = ISB_DOWN, .flip_s = ISB_FLIP_NONE};
	story_word(s, "europe/fra-1", &down);
	assert_answer(s, WWW, "A", NULL, FRA); /* the verdict is doubted before the operator is */
	story_admin(s, "europe/fra-1", ISB_ADMIN_DOWN, 0);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_free(s);
}

static void an_edit_in_the_middle_of_a_story_keeps_everything_else(void **state)
{
	struct story *s = begin();
	(void)state;
	story_outcome(s, NULL, "asia/icn-1", ISB_OUT_STATUS);
	story_probe(s, "seoul", "seoul");
	story_pass(s, 30);
	story_admin(s, "us/iad-1", ISB_ADMIN_DRAIN, 0);
	uint64_t generation = story_view(s)->generation;
	const struct isb_geomap *map = story_view(s)->maps[0];
	uint32_t www = story_record(s, "example.com/www"), net = story_record(s, "example.com/net");
	const char *before = story_dump(s, story_view(s));

	story_apply(s, "pools: {europe: {check: web, endpoints: {\n"
	               "  fra-1: {region: frankfurt, address: 203.0.113.10}, fra-2: {address: 203.0.113.11, weight: 0}}}}\n");
	assert_int_equal(story_view(s)->generation, generation + 1);
	assert_ptr_equal(story_view(s)->maps[0], map); /* the clients' classes are what they were */
	assert_int_equal(story_record(s, "example.com/www"), www);
	assert_int_equal(story_record(s, "example.com/net"), net);
	assert_string_not_equal(story_dump(s, story_view(s)), before);
	assert_answer(s, WWW, "A", NULL, FRA);
	assert_int_equal(story_health(s, "asia/icn-1").verdict, ISB_DOWN);
	story_pass(s, 10);
	assert_int_equal(story_health(s, "europe/fra-2").verdict, ISB_UP);
	assert_as_built_afresh(s);

	story_apply(s, "pools: {europe: {check: web, endpoints: {fra-1: {region: frankfurt, address: 203.0.113.10}}}}\n");
	assert_string_equal(story_dump(s, story_view(s)), before);
	story_free(s);
}

static void an_edit_that_changes_nothing_has_no_generation(void **state)
{
	struct story *s = begin();
	(void)state;
	uint64_t generation = story_view(s)->generation;
	story_apply(s, catalog);
	assert_int_equal(story_view(s)->generation, generation);
	story_replace(s, catalog);
	assert_int_equal(story_view(s)->generation, generation);
	assert_as_built_afresh(s);
	story_free(s);
}

static void a_bad_edit_is_refused_whole_and_the_answers_stay(void **state)
{
	struct story *s = begin();
	(void)state;
	uint64_t generation = story_view(s)->generation;
	assert_string_equal(story_refused(s, "pools: {extra: {endpoints: {e-1: {address: 192.0.2.66}}}}\n"
	                                     "policies: {standby: [extra, aisa]}\n"),
	                    "unknown pool or policy 'aisa'; did you mean 'asia'?");
	story_restart_server(s);
	assert_int_equal(story_view(s)->generation, generation);
	assert_answer(s, WWW, "A", NULL, ICN);
	story_free(s);
}

static void ordinary_records_change_one_by_one(void **state)
{
	struct story *s = begin();
	(void)state;
	story_rrset(s, "example.com", "new.deep", "A", "192.0.2.99");
	assert_answer(s, "new.deep.example.com", "A", NULL, "192.0.2.99");
	assert_answer(s, "deep.example.com", "A", NULL, "NODATA");
	assert_as_built_afresh(s);
	story_rrset(s, "example.com", "new.deep", "TXT", "\"text\"");
	story_rrset(s, "example.com", "new.deep", "A", NULL);
	assert_answer(s, "new.deep.example.com", "A", NULL, "NODATA");
	story_rrset(s, "example.com", "new.deep", "TXT", NULL);
	assert_answer(s, "new.deep.example.com", "A", NULL, "NXDOMAIN");
	assert_answer(s, "deep.example.com", "A", NULL, "NXDOMAIN");
	story_rrset(s, "example.com", "@", "SOA", "ns1 hostmaster 2 7200 1800 1209600 60");
	assert_answer(s, "deep.example.com", "A", NULL, "NXDOMAIN");
	assert_int_equal(story_last(s)->ttl, 60);
	assert_as_built_afresh(s);
	story_free(s);
}

#define OTHER_ZONE(name, address) \
	"  " name ":\n" \
	"    text: |\n" \
	"      @ 60 SOA ns hostmaster 1 7200 1800 1209600 60\n" \
	"      @ 60 NS ns\n" \
	"      ns 60 A " address "\n"

static void zones_come_and_go_and_come_back(void **state)
{
	struct story *s = begin();
	(void)state;
	assert_answer(s, "ns.example.org", "A", NULL, "REFUSED");
	story_apply(s, "zones:\n" OTHER_ZONE("example.org", "192.0.2.1")
	               "    records: {www: {types: [A], policy: standby}, '@': {types: [A], policy: europe}}\n"
	               OTHER_ZONE("sub.example.com", "192.0.2.2"));
	assert_answer(s, "ns.example.org", "A", NULL, "192.0.2.1");
	assert_answer(s, "www.example.org", "A", NULL, ICN);
	assert_answer(s, "example.org", "A", NULL, FRA);
	assert_answer(s, "ns.sub.example.com", "A", NULL, "192.0.2.2");
	assert_as_built_afresh(s);
	story_replace(s, catalog);
	assert_answer(s, "www.example.org", "A", NULL, "REFUSED");
	assert_answer(s, "ns.sub.example.com", "A", NULL, "NXDOMAIN");
	assert_as_built_afresh(s);
	story_apply(s, "zones:\n" OTHER_ZONE("example.org", "192.0.2.3") "    records: {www: {types: [A], policy: europe}}\n");
	assert_answer(s, "ns.example.org", "A", NULL, "192.0.2.3");
	assert_answer(s, "www.example.org", "A", NULL, FRA);
	assert_answer(s, "example.org", "A", NULL, "NODATA");
	assert_as_built_afresh(s);
	story_free(s);
}

static void records_come_and_go_over_ordinary_names(void **state)
{
	struct story *s = begin();
	(void)state;
	uint32_t net = story_record(s, "example.com/net");
	story_apply(s, "zones: {example.com: {records: {ns1: {types: [A], policy: europe}, '*': {types: [A], policy: us}}}}\n");
	assert_answer(s, "ns1.example.com", "A", NULL, FRA);
	assert_answer(s, "anything.example.com", "A", NULL, IAD);
	story_replace(s, catalog);
	assert_answer(s, "ns1.example.com", "A", NULL, "192.0.2.53");
	assert_answer(s, "anything.example.com", "A", NULL, "NXDOMAIN");
	assert_int_equal(story_record(s, "example.com/net"), net);
	assert_int_equal(story_record(s, "example.com/ns1"), UINT32_MAX);
	assert_as_built_afresh(s);
	story_free(s);
}

/* RFC 2317: names of reverse zones hold slashes, and so may owners. */
static void records_of_a_zone_with_a_slash_in_its_name_go_when_they_are_taken_away(void **state)
{
	struct story *s = begin();
	(void)state;
	static const char zone[] = OTHER_ZONE("0/25.2.0.192.in-addr.arpa", "192.0.2.1");
	char yaml[2048];
	snprintf(yaml, sizeof(yaml), "zones:\n%s    records: {www: {types: [A], policy: europe}, a/b: {types: [A], policy: us}}\n",
	         zone);
	story_apply(s, yaml);
	assert_answer(s, "www.0/25.2.0.192.in-addr.arpa", "A", NULL, FRA);
	assert_answer(s, "a/b.0/25.2.0.192.in-addr.arpa", "A", NULL, IAD);
	snprintf(yaml, sizeof(yaml), "%s%s", catalog, zone);
	story_replace(s, yaml);
	assert_answer(s, "www.0/25.2.0.192.in-addr.arpa", "A", NULL, "NXDOMAIN");
	assert_answer(s, "a/b.0/25.2.0.192.in-addr.arpa", "A", NULL, "NXDOMAIN");
	assert_as_built_afresh(s);
	story_free(s);
}

/* One name cannot be steered twice, however it is spelled. */
static void a_record_spelled_otherwise_is_the_same_record(void **state)
{
	struct story *s = begin();
	(void)state;
	story_refused(s, "zones: {example.com: {records: {www.example.com.: {types: [A], policy: europe}}}}\n");
	story_refused(s, "zones: {example.com: {records: {WWW: {types: [AAAA], policy: us}}}}\n");
	story_refused(s, "zones: {example.com: {records: {www.example.com.: {types: [AAAA], policy: us}}}}\n");
	static const char respelled[] =
		REGIONS CHECKS POOLS "policies:\n  standby: [asia, europe]\nzones:\n  example.com:\n" ZONE_TEXT
		"    records: {WWW.Example.COM.: {types: [A], ttl: 30s, policy: europe}}\n";
	story_replace(s, respelled);
	assert_answer(s, WWW, "A", NULL, FRA);
	assert_answer(s, "net.example.com", "A", NULL, "NXDOMAIN");
	assert_as_built_afresh(s);
	story_free(s);
}

/* A zone without an SOA passes the catalog's own checks; `isobar apply` looks for it beside them. */
static void a_view_that_cannot_be_built_leaves_the_old_one_and_the_next_takes_both_edits_up(void **state)
{
	struct story *s = begin();
	(void)state;
	uint64_t generation = story_view(s)->generation;
	story_unbuildable(s, "zones:\n"
	                     "  empty.example: {records: {www: {types: [A], policy: us}}}\n"
	                     "  example.com:\n"
	                     "    records: {net: {types: [A], policy: us}, extra: {types: [A], policy: us}}\n");
	assert_int_equal(story_view(s)->generation, generation);
	assert_answer(s, "net.example.com", "A", "198.51.100.0/24", ICN);
	assert_answer(s, "extra.example.com", "A", NULL, "NXDOMAIN");
	story_apply(s, "zones:\n" OTHER_ZONE("empty.example", "192.0.2.9"));
	assert_int_equal(story_view(s)->generation, generation + 2);
	assert_answer(s, "net.example.com", "A", "198.51.100.0/24", IAD);
	assert_answer(s, "extra.example.com", "A", NULL, IAD);
	assert_answer(s, "www.empty.example", "A", NULL, IAD);
	assert_as_built_afresh(s);
	story_free(s);
}

static void many_small_edits_end_where_one_large_one_does(void **state)
{
	struct story *s = begin();
	(void)state;
	struct isb_rng rng;
	char owner[64], rdata[64];
	bool there[6][2] = {0};
	isb_rng_seed(&rng, 3);
	for (int i = 0; i < 120; i++) {
		unsigned name = (unsigned)isb_rng_below(&rng, 6), type = (unsigned)isb_rng_below(&rng, 2);
		static const char *const owners[] = {"a", "b.a", "*.a", "c.b.a", "x", "d.e.f.x"};
		snprintf(owner, sizeof(owner), "%s", owners[name]);
		snprintf(rdata, sizeof(rdata), type ? "\"%u\"" : "192.0.2.%u", (unsigned)isb_rng_below(&rng, 200) + 1);
		bool remove = there[name][type] && isb_rng_below(&rng, 2);
		story_rrset(s, "example.com", owner, type ? "TXT" : "A", remove ? NULL : rdata);
		there[name][type] = !remove;
		if (i % 10 == 9)
			assert_as_built_afresh(s);
	}
	story_free(s);
}

/* --- Edits of every kind ------------------------------------------------------------------------------------------- */

enum { DRAFT_POOLS = 3, DRAFT_RECORDS = 4, DRAFT_ZONES = 3 };
static const char *const draft_zones[DRAFT_ZONES] = {"example.com", "sub.example.com", "example.net"};

/* A catalog that is edited by chance. */
struct draft {
	struct story *s;
	struct isb_rng rng;
	unsigned weight[DRAFT_POOLS]; /* of the second endpoint; 0: there is none */
	bool by_client;               /* how the policy is ordered */
	bool zone[DRAFT_ZONES], record[DRAFT_ZONES][DRAFT_RECORDS];
};

static unsigned chance(struct draft *d, unsigned n)
{
	return (unsigned)isb_rng_below(&d->rng, n);
}

/* `fresh` is a zone that was not there: only then is its text given, which would undo the edits of rrsets. */
static void draft_store(struct draft *d, size_t fresh)
{
	struct isb_buf text = {0};
	isb_buf_puts(&text, REGIONS "pools:\n");
	for (unsigned i = 0; i < DRAFT_POOLS; i++) {
		isb_buf_printf(&text, "  p%u: {endpoints: {a: {region: seoul, address: 192.0.2.%u}", i, i + 1);
		if (d->weight[i])
			isb_buf_printf(&text, ", b: {region: virginia, address: 198.51.100.%u, weight: %u}", i + 1, d->weight[i]);
		isb_buf_puts(&text, "}}\n");
	}
	isb_buf_puts(&text, "policies:\n  all: ");
	isb_buf_puts(&text, d->by_client ? "{order: geo, rules: [{nets: [198.51.100.0/24], use: p2}, {default: true, use: p0}]}\n"
	                                 : "{order: failover, of: [p0, p1, p2]}\n");
	isb_buf_puts(&text, "zones:\n");
	for (size_t i = 0; i < DRAFT_ZONES; i++) {
		if (!d->zone[i])
			continue;
		isb_buf_printf(&text, "  %s:\n", draft_zones[i]);
		if (i == fresh)
			isb_buf_puts(&text, ZONE_TEXT);
		isb_buf_puts(&text, "    records: {");
		for (unsigned j = 0; j < DRAFT_RECORDS; j++)
			if (d->record[i][j])
				isb_buf_printf(&text, "r%u: {types: [A], policy: %s}, ", j, j % 2 ? "all" : "p1");
		isb_buf_puts(&text, "}\n");
	}
	story_replace(d->s, isb_buf_text(&text));
	isb_buf_done(&text);
}

static const char *const owners[] = {"a", "b.a", "*.a", "r1", "www", "x.r2", "sub", "b.sub"};

/* Delegations, DNAMEs and CNAMEs too, which come over what is there and go again; wildcards at the apex, now and then. */
static void rrset_by_chance(struct draft *d, const char *zone)
{
	static const struct {
		const char *type, *rdata;
	} others[] = {{"NS", "ns.example.org."}, {"DNAME", "example.org."}, {"CNAME", "www.example.com."}, {"TXT", "\"t\""}};
	const char *owner = chance(d, 16) ? owners[chance(d, 8)] : "*";
	char text[32];
	unsigned other = chance(d, 8);
	snprintf(text, sizeof(text), "192.0.2.%u", chance(d, 250) + 1);
	if (other < 4)
		story_rrset(d->s, zone, owner, others[other].type, chance(d, 2) ? others[other].rdata : NULL);
	else
		story_rrset(d->s, zone, owner, "A", chance(d, 6) ? text : NULL);
}

/* True for an edit that leaves all objects alone. */
static bool edit_by_chance(struct draft *d)
{
	char text[32];
	size_t zone = chance(d, DRAFT_ZONES), fresh = DRAFT_ZONES;
	unsigned i;
	switch (chance(d, 8)) {
	case 0: case 1: case 2:
		while (!d->zone[zone])
			zone = (zone + 1) % DRAFT_ZONES;
		rrset_by_chance(d, draft_zones[zone]);
		return true;
	case 3: case 4:
		snprintf(text, sizeof(text), "p%u/a", chance(d, DRAFT_POOLS));
		story_admin(d->s, text, (enum isb_admin)chance(d, ISB_ADMIN_DRAIN + 1), chance(d, 2) * 60);
		return true;
	case 5:
		i = chance(d, DRAFT_POOLS);
		d->weight[i] = chance(d, 4);
		d->by_client = chance(d, 2);
		break;
	case 6:
		i = chance(d, DRAFT_RECORDS);
		d->record[zone][i] = !d->record[zone][i];
		break;
	default:
		if (zone == 0) /* one stays */
			break;
		d->zone[zone] = !d->zone[zone];
		if (d->zone[zone])
			fresh = zone;
		else
			memset(d->record[zone], 0, sizeof(d->record[zone]));
	}
	draft_store(d, fresh);
	return false;
}

/* Names that are there and names that are not, also those that were: each answer is held against the zones' own. */
static void ask_what_may_be_there(struct draft *d)
{
	static const char *const others[] = {"no", "r0", "x.no", "*"};
	char name[64];
	for (size_t zone = 0; zone < DRAFT_ZONES; zone++)
		for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]) + sizeof(others) / sizeof(others[0]); i++) {
			snprintf(name, sizeof(name), "%s.%s", i < 8 ? owners[i] : others[i - 8], draft_zones[zone]);
			story_ask(d->s, name, i % 3 ? "TXT" : "DS", NULL);
			story_ask(d->s, name, "A", NULL);
		}
}

/* `names`: whole ones in the table; zones with more are large. */
static void edit_and_compare(uint64_t seed, size_t names)
{
	struct draft d = {.s = story_new(NULL), .zone = {true}};
	unsigned shared = 0, whole = 0;
	isb_rng_seed(&d.rng, seed);
	story_whole_names(d.s, names);
	draft_store(&d, 0);
	for (int i = 0; i < 400; i++) {
		const struct isb_plan *plan = story_view(d.s)->plan;
		const uint64_t generation = story_view(d.s)->generation;
		if (edit_by_chance(&d) && story_view(d.s)->generation > generation) {
			assert_ptr_equal(story_view(d.s)->plan, plan); /* nobody looked at objects */
			shared++;
		}
		assert_as_built_afresh(d.s);
		if (i % 40 == 0)
			story_restart_server(d.s);
		whole += story_ask_exact(d.s);
		ask_what_may_be_there(&d);
	}
	assert_in_range(shared, 100, 300);
	assert_true(whole > 400); /* edits leave something in the table of whole names */
	story_free(d.s);
}

static void edits_of_every_kind_end_where_a_server_begins(void **state)
{
	(void)state;
	edit_and_compare(29, 0);
}

static void so_they_do_in_zones_that_are_large(void **state)
{
	(void)state;
	edit_and_compare(31, 1);
	edit_and_compare(37, 12);
}

/* The table of a large zone outlives the zone; what is not in it may be in the zone that comes in its place, or in one below. */
static void a_large_zone_may_come_again_with_other_names(void **state)
{
	static const char *const below[] = {"", "  sub.large.example:\n" ZONE_TEXT};
	struct story *s = story_new(NULL);
	struct isb_buf text = {0};
	(void)state;
	story_whole_names(s, 12);
	for (unsigned i = 0; i < 4; i++) {
		story_replace(s, "zones:\n  example.com:\n" ZONE_TEXT);
		assert_answer(s, "h0.large.example", "A", NULL, "REFUSED");
		isb_buf_printf(&text, "zones:\n  large.example:\n    text: |\n      $TTL 60\n      @ SOA ns h 1 7200 1800 1209600 300\n"
		               "      @ NS ns\n      ns A 192.0.2.1\n      h%u A 192.0.2.2\n", i);
		for (unsigned k = 0; k < 20; k++)
			isb_buf_printf(&text, "      x%u A 192.0.2.3\n", k);
		isb_buf_puts(&text, below[i % 2]);
		story_apply(s, isb_buf_text(&text));
		isb_buf_reset(&text);
		if (i == 1)
			story_restart_server(s);
		assert_int_equal(story_view(s)->nlarge, i > 0);
		assert_answer(s, "h0.large.example", "A", NULL, i == 0 ? "192.0.2.2" : "NXDOMAIN");
		assert_answer(s, "h3.large.example", "A", NULL, i == 3 ? "192.0.2.2" : "NXDOMAIN");
		assert_answer(s, "sub.large.example", "A", NULL, i % 2 ? "NODATA" : "NXDOMAIN");
		assert_answer(s, "sub.large.example", "DS", NULL, "NXDOMAIN");
	}
	isb_buf_done(&text);
	story_free(s);
}

/* More names at once than the table of whole names waits for. */
static void a_zone_that_comes_is_soon_in_the_table_of_whole_names(void **state)
{
	struct story *s = begin();
	struct isb_buf text = {0};
	(void)state;
	const struct isb_exact *first = story_view(s)->exact;
	story_rrset(s, "example.com", "one", "A", "192.0.2.1");
	assert_ptr_equal(story_view(s)->exact, first); /* one edit is no reason to make another */
	isb_buf_puts(&text, "zones:\n  many.example:\n    text: |\n      $TTL 60\n      @ SOA ns h 1 7200 1800 1209600 300\n"
	                    "      @ NS ns\n      ns A 192.0.2.1\n");
	for (unsigned i = 0; i < 5000; i++)
		isb_buf_printf(&text, "      h%u A 192.0.2.%u\n", i, i % 256);
	story_apply(s, isb_buf_text(&text));
	isb_buf_done(&text);
	assert_true(story_view(s)->exact->count > 5000);
	assert_answer(s, "h4999.many.example", "A", NULL, "192.0.2.135");
	story_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drain_moves_the_answer_at_once_and_expires_by_itself),
		cmocka_unit_test(a_drain_without_an_end_lasts_until_it_is_taken_back),
		cmocka_unit_test(a_word_of_the_operator_beats_the_verdict_both_ways),
		cmocka_unit_test(drained_endpoints_answer_only_when_everything_else_is_out_too),
		cmocka_unit_test(an_edit_in_the_middle_of_a_story_keeps_everything_else),
		cmocka_unit_test(an_edit_that_changes_nothing_has_no_generation),
		cmocka_unit_test(a_bad_edit_is_refused_whole_and_the_answers_stay),
		cmocka_unit_test(ordinary_records_change_one_by_one),
		cmocka_unit_test(zones_come_and_go_and_come_back),
		cmocka_unit_test(records_come_and_go_over_ordinary_names),
		cmocka_unit_test(records_of_a_zone_with_a_slash_in_its_name_go_when_they_are_taken_away),
		cmocka_unit_test(a_record_spelled_otherwise_is_the_same_record),
		cmocka_unit_test(a_view_that_cannot_be_built_leaves_the_old_one_and_the_next_takes_both_edits_up),
		cmocka_unit_test(many_small_edits_end_where_one_large_one_does),
		cmocka_unit_test(edits_of_every_kind_end_where_a_server_begins),
		cmocka_unit_test(so_they_do_in_zones_that_are_large),
		cmocka_unit_test(a_large_zone_may_come_again_with_other_names),
		cmocka_unit_test(a_zone_that_comes_is_soon_in_the_table_of_whole_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
