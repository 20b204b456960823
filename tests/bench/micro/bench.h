/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/buf.h"
#include "isobar/model/health.h"
#include "isobar/store/env.h"
#include "isobar/view/view.h"

/* Micro-benchmarks: one file per room, each with a table of subjects at its end; main.c measures one of them per run,
 * so that none warms or soils the memory of another. Inputs are made from fixed seeds: the same build executes the same
 * instructions every time. What cannot be set up ends the program with a sentence. */

struct bench_subject {
	const char *name; /* "room/what" */
	const char *what; /* one operation, for people */
	/* Names, networks or policies it is about; full is what people want to know, small what a regression guard can
	 * afford. 0: has no size. */
	uint32_t full, small;
	uint32_t guard_ops; /* operations the guard counts instructions over */
	const void *arg;    /* the subject's own */
	void *(*set_up)(const struct bench_subject *subject, uint32_t size);
	void (*run)(void *state, uint32_t ops);
	void (*tear_down)(void *state);
	bool per_item; /* an operation works through `size` items, and the result is told for one of them */
};

/* Each ends with one whose name is NULL. */
extern const struct bench_subject bench_compile[], bench_draws[], bench_geomap[], bench_names[], bench_respond[],
	bench_zonefile[];

_Noreturn void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Results go here, so that no compiler leaves out the work. */
extern volatile uint64_t bench_sink;
/* --geo, or NULL. */
const char *bench_geo(void);

/* --- A site: a catalog in a store of its own, compiled, with every endpoint up --- */

struct bench_site {
	char dir[128];
	struct isb_store *store;
	struct isb_geodb *geodb;
	struct isb_view *view;
	struct isb_health_table health;
	uint64_t *words;
	const uint64_t **chunk;
	int64_t now_ms;
};

/* How a zone begins, and a small geo database. */
#define BENCH_APEX "$TTL 300\n@ SOA ns1 hostmaster 1 7200 1800 1209600 60\n@ NS ns1\nns1 A 192.0.2.53\n"
#define BENCH_CITIES ISB_TESTS_DIR "/unit/view/geo/city.mmdb"
/* `zone` is the master-file text of example.com, which the catalog names (NULL: it has none); `geo` a database (NULL:
 * none). */
struct bench_site *bench_site_new(const char *yaml, const char *zone, const char *geo);
void bench_site_free(struct bench_site *site);
/* One row of the catalog, committed. */
void bench_site_put(struct bench_site *site, enum isb_kind kind, const char *key, const char *body);
/* A view of what is committed; `old` may be NULL. */
struct isb_view *bench_site_build(struct bench_site *site, struct isb_view *old);
/* Enough round trips from a network to a region for order latency; builds the view again. */
struct bench_rtt {
	const char *net, *region;
	unsigned ms;
};
void bench_site_measured(struct bench_site *site, const struct bench_rtt *rtt, size_t count);
/* Endpoints for which the question says so count as down. */
void bench_site_down(struct bench_site *site, bool (*is_down)(const char *endpoint));
/* The number of the record's row in the plan. */
uint32_t bench_site_record(const struct bench_site *site, const char *name);
