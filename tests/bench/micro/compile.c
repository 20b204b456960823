/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <stdlib.h>

#include "isobar/base/arena.h"

/* From the rows of a store to a view: all of it, and after one changed rule. So many policies share one geo map among twenty,
 * as sites with their own rules do; --geo gives a database of the real world in place of the small one. */

enum { SHARING = 20 };

struct world {
	struct bench_site *site;
	uint32_t edits;
};

static uint32_t maps(uint32_t size)
{
	return size < SHARING ? 1 : size / SHARING;
}

/* A policy over the map of its number: the rules differ from map to map in a country and in networks of their own. */
static void print_rules(struct isb_buf *out, uint32_t map, uint32_t variant)
{
	static const char *const countries[] = {"KR", "JP", "US", "DE", "FR", "GB", "BR", "AU", "IN", "ZA"};
	isb_buf_printf(out, "{order: geo, rules: [{nets: [100.%u.%u.0/24, 101.%u.%u.0/24], use: us}, {country: %s, use: asia}, ",
	               map >> 8, map & 255, variant >> 8 & 255, variant & 255, countries[map % 10]);
	isb_buf_puts(out, "{continent: [AS, OC], use: [asia, us]}, {continent: [EU, AF], use: [europe, us]}, "
	                  "{default: true, use: {order: nearest, of: [us, europe, asia]}}]}");
}

static void *set_up(const struct bench_subject *subject, uint32_t size)
{
	struct world *w = isb_xcalloc(1, sizeof(*w));
	struct isb_buf yaml = {0};
	(void)subject;
	isb_buf_puts(&yaml, "regions: {seoul: {location: [37.57, 126.98]}, virginia: {location: [38.95, -77.45]}, "
	                    "frankfurt: {location: [50.11, 8.68]}}\n"
	                    "checks: {web: {type: tcp, port: 443}}\npools:\n");
	static const char *const pool[][2] = {{"asia", "seoul"}, {"us", "virginia"}, {"europe", "frankfurt"}};
	for (unsigned i = 0; i < 3; i++)
		isb_buf_printf(&yaml, "  %s: {check: web, endpoints: {a: {region: %s, address: 10.0.%u.1}, b: {region: %s, "
		               "address: 10.0.%u.2}}}\n", pool[i][0], pool[i][1], i, pool[i][1], i);
	isb_buf_puts(&yaml, "policies:\n");
	for (uint32_t i = 0; i < size; i++) {
		isb_buf_printf(&yaml, "  p%u: ", i);
		print_rules(&yaml, i % maps(size), 0);
		isb_buf_puts(&yaml, "\n");
	}
	isb_buf_puts(&yaml, "zones:\n  example.com:\n    records:\n");
	for (uint32_t i = 0; i < size; i++)
		isb_buf_printf(&yaml, "      r%u: {types: [A], policy: p%u}\n", i, i);
	w->site = bench_site_new(isb_buf_text(&yaml), BENCH_APEX, bench_geo() ? bench_geo() : BENCH_CITIES);
	isb_buf_done(&yaml);
	if (w->site->view->plan->nmap != maps(size))
		bench_die("%u maps, not %u", w->site->view->plan->nmap, maps(size));
	return w;
}

static void tear_down(void *state)
{
	struct world *w = state;
	bench_site_free(w->site);
	free(w);
}

static void all(void *state, uint32_t ops)
{
	struct world *w = state;
	for (uint32_t i = 0; i < ops; i++) {
		struct isb_view *view = bench_site_build(w->site, NULL);
		bench_sink += view->nrecord;
		isb_view_free(view);
	}
}

static void one_rule(void *state, uint32_t ops)
{
	struct world *w = state;
	struct isb_buf body = {0};
	for (uint32_t i = 0; i < ops; i++) {
		isb_buf_reset(&body);
		print_rules(&body, 0, ++w->edits);
		bench_site_put(w->site, ISB_POLICY, "p0", isb_buf_text(&body));
		struct isb_view *view = bench_site_build(w->site, w->site->view);
		isb_view_free(w->site->view);
		w->site->view = view;
	}
	isb_buf_done(&body);
}

#define ALIKE .full = 1000, .small = 100, .set_up = set_up, .tear_down = tear_down
const struct bench_subject bench_compile[] = {
	{.name = "compile/all", .what = "so many policies over a geo map for each twenty of them", .guard_ops = 1, .run = all, ALIKE},
	{.name = "compile/rule", .what = "one of them gets another rule: commit, and a view from the last one", .guard_ops = 2,
	 .run = one_rule, ALIKE},
	{0},
};
