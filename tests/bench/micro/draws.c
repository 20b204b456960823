/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/base/rng.h"
#include "isobar/steer/list.h"

/* One decision without a message around it: class of the client, walk, draw. An order is a line of each table at the
 * end. */

enum { CLIENTS = 1 << 10, PLACES = 3 };

struct drawing {
	struct bench_site *site;
	uint32_t record;
	struct isb_addr *client;
	struct isb_health_table health;
	struct isb_steer_state state;
	struct isb_rng rng;
	uint32_t *rotor;
	struct isb_pace_table pace[PLACES]; /* by viewpoint */
	const uint32_t *chunk[1];           /* what probes of every place see */
	uint32_t paces[ISB_CHUNK_PACES];
	uint32_t at;
};

/* Eight endpoints in a pool, and three more pools for orders of policies; the record is example.com/www. */
static const char catalog[] =
	"regions: {seoul: {location: [37.57, 126.98]}, virginia: {location: [38.95, -77.45]}, "
	"frankfurt: {location: [50.11, 8.68]}}\n"
	"checks: {web: {type: tcp, port: 443}}\n"
	"pools:\n"
	"  eight:\n"
	"    check: web\n"
	"    order: %s\n"
	"    endpoints: {a: {address: 10.0.0.1, weight: 1}, b: {address: 10.0.0.2, weight: 2}, c: {address: 10.0.0.3, weight: 3}, "
	"d: {address: 10.0.0.4, weight: 4}, e: {address: 10.0.0.5, weight: 5, tier: 1}, f: {address: 10.0.0.6, weight: 6, tier: 1}, "
	"g: {address: 10.0.0.7, weight: 7, tier: 2}, h: {address: 10.0.0.8, weight: 8, tier: 2}}\n"
	"  asia: {check: web, endpoints: {a: {region: seoul, address: 10.0.1.1}, b: {region: seoul, address: 10.0.1.2}}}\n"
	"  us: {check: web, endpoints: {a: {region: virginia, address: 10.0.2.1}, b: {region: virginia, address: 10.0.2.2}}}\n"
	"  europe: {check: web, endpoints: {a: {region: frankfurt, address: 10.0.3.1}, b: {region: frankfurt, address: 10.0.3.2}}}\n"
	"policies: {p: %s}\n"
	"zones: {example.com: {records: {www: {types: [A], policy: %s}}}}\n";

/* The networks of the database, so that the orders by place know where clients are. */
static const char *const networks[] = {"192.0.2.0", "192.0.2.128", "198.51.100.0", "203.0.113.0", "8.8.8.0", "100.0.0.0"};

static const struct bench_rtt rtt[] = {
	{"192.0.2.0/24", "seoul", 20},       {"192.0.2.0/24", "virginia", 180},   {"192.0.2.0/24", "frankfurt", 250},
	{"198.51.100.0/24", "seoul", 150},   {"198.51.100.0/24", "virginia", 60}, {"198.51.100.0/24", "frankfurt", 140},
	{"203.0.113.0/24", "seoul", 260},    {"203.0.113.0/24", "virginia", 90},  {"203.0.113.0/24", "frankfurt", 12},
};

/* How a pool's endpoints are ordered; or a policy, when `policy` is given. */
struct draw {
	const char *pool_order, *policy;
	bool measured;
};

static void set_state(struct drawing *d)
{
	const struct isb_view *view = d->site->view;
	d->rotor = isb_xcalloc(view->plan->nrotor + 1, sizeof(*d->rotor));
	d->chunk[0] = d->paces;
	for (uint32_t i = 0; i < ISB_CHUNK_PACES; i++)
		d->paces[i] = 5000 + i * 1000;
	for (uint32_t i = 0; i < PLACES; i++)
		d->pace[i] = (struct isb_pace_table){.chunk = d->chunk, .chunks = 1};
	d->health = d->site->health;
	d->health.pace = d->pace;
	d->health.npace = view->plan->nviewpoint;
	d->state = (struct isb_steer_state){.health = &d->health, .admin = view->admin, .nadmin = view->admin_end,
	                                    .now_ms = d->site->now_ms, .rng = &d->rng, .rotor = d->rotor};
}

static void *set_up(const struct bench_subject *subject, uint32_t size)
{
	const struct draw *draw = subject->arg;
	struct drawing *d = isb_xcalloc(1, sizeof(*d));
	struct isb_buf yaml = {0};
	(void)size;
	isb_buf_printf(&yaml, catalog, draw->pool_order, draw->policy ? draw->policy : "[eight]", draw->policy ? "p" : "eight");
	d->site = bench_site_new(isb_buf_text(&yaml), BENCH_APEX, BENCH_CITIES);
	isb_buf_done(&yaml);
	if (draw->measured)
		bench_site_measured(d->site, rtt, sizeof(rtt) / sizeof(rtt[0]));
	d->record = bench_site_record(d->site, "example.com/www");
	isb_rng_seed(&d->rng, 5);
	d->client = isb_xcalloc(CLIENTS, sizeof(*d->client));
	for (uint32_t i = 0; i < CLIENTS; i++) {
		isb_addr_parse(networks[isb_rng_below(&d->rng, sizeof(networks) / sizeof(networks[0]))], &d->client[i]);
		d->client[i].octets[3] = (uint8_t)(d->client[i].octets[3] + isb_rng_below(&d->rng, 64));
	}
	set_state(d);
	return d;
}

static void tear_down(void *state)
{
	struct drawing *d = state;
	bench_site_free(d->site);
	free(d->client);
	free(d->rotor);
	free(d);
}

static void run(void *state, uint32_t ops)
{
	struct drawing *d = state;
	const struct isb_view *view = d->site->view;
	const struct isb_plan_record *record = isb_plan_record(view->plan, d->record);
	for (uint32_t i = 0; i < ops; i++) {
		struct isb_choice choice;
		uint8_t scope;
		d->state.client = &d->client[d->at++ % CLIENTS];
		isb_view_steer(view, record, ISB_PLAN_A, d->state.client, &d->state, &choice, &scope);
		if (choice.kind != ISB_CHOICE_ANSWER || choice.n != 1)
			bench_die("a draw of %u endpoints", choice.n);
		bench_sink += choice.endpoint[0]->slot + scope;
	}
}

/* The same where the plan has it as a list, which is how a question for an address comes by it. */
static void run_listed(void *state, uint32_t ops)
{
	struct drawing *d = state;
	const struct isb_view *view = d->site->view;
	const struct isb_plan_record *record = isb_plan_record(view->plan, d->record);
	for (uint32_t i = 0; i < ops; i++) {
		struct isb_geoleaf leaf = isb_view_leaf(view, record, &d->client[d->at++ % CLIENTS]);
		const struct isb_list *list = isb_plan_list(view->plan, record, leaf.cls, ISB_PLAN_A);
		struct isb_listed listed = {0};
		if (list)
			listed = isb_list_choose(list, &d->state);
		if (!listed.candidate)
			bench_die("nothing is drawn from a list");
		bench_sink += listed.candidate->slot + leaf.scope;
	}
}

#define BY_PLACE(order) "{order: " order ", of: [asia, us, europe]}"
#define RULES "{continent: AS, use: asia}, {continent: EU, use: europe}, {default: true, use: us}"
static const struct draw failover = {.pool_order = "failover"};
static const struct draw weighted = {.pool_order = "weighted"};
static const struct draw geo = {.pool_order = "weighted", .policy = "{order: geo, rules: [" RULES "]}"};
static const struct draw nearest = {.pool_order = "weighted", .policy = BY_PLACE("nearest")};
static const struct draw latency = {.pool_order = "weighted", .policy = BY_PLACE("latency"), .measured = true};
static const struct draw rotate = {.pool_order = "rotate"};
static const struct draw hash = {.pool_order = "hash"};
static const struct draw least_load = {.pool_order = "least-load"};
static const struct draw fastest = {.pool_order = "weighted", .policy = BY_PLACE("fastest")};

#define ALIKE .guard_ops = 10000, .set_up = set_up, .run = run, .tear_down = tear_down
#define LISTED .guard_ops = 10000, .set_up = set_up, .run = run_listed, .tear_down = tear_down
const struct bench_subject bench_draws[] = {
	{.name = "draw/failover", .what = "eight endpoints in three tiers", .arg = &failover, ALIKE},
	{.name = "draw/weighted", .what = "eight endpoints by weight", .arg = &weighted, ALIKE},
	{.name = "draw/geo", .what = "three pools of two by the client's continent", .arg = &geo, ALIKE},
	{.name = "draw/nearest", .what = "three pools of two by distance", .arg = &nearest, ALIKE},
	{.name = "draw/latency", .what = "three pools of two by measured round trips", .arg = &latency, ALIKE},
	{.name = "draw/rotate", .what = "eight endpoints in turns", .arg = &rotate, ALIKE},
	{.name = "draw/hash", .what = "eight endpoints by the client's network", .arg = &hash, ALIKE},
	{.name = "draw/least-load", .what = "eight endpoints by load over weight", .arg = &least_load, ALIKE},
	{.name = "draw/fastest", .what = "three pools of two by the latest checks", .arg = &fastest, ALIKE},
	{.name = "list/failover", .what = "eight endpoints in three tiers, from a list", .arg = &failover, LISTED},
	{.name = "list/weighted", .what = "eight endpoints by weight, from a list", .arg = &weighted, LISTED},
	{.name = "list/geo", .what = "three pools of two by the client's continent, from a list", .arg = &geo, LISTED},
	{0},
};
