/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "counts.h"

/* One look at a probe at work, taken by the thread of its loop for threads that tell others of it. Numbers and copies only:
 * who holds it needs nothing of the loop's. For ten thousand endpoints it takes half a millisecond and a megabyte. */

enum { ISB_LOOK_ROWS = 10000, ISB_LOOK_TROUBLES = 6 };

struct isb_look_row { /* one endpoint, as this probe sees it */
	const char *name; /* "pool/endpoint" */
	uint32_t slot;    /* in the store, where the probe has one */
	uint8_t state;    /* enum isb_verdict */
	uint32_t flaps, p50_us, p95_us, p99_us;
	int64_t observed_ms; /* 0: never */
};

struct isb_look_remote { /* a probe in another region that is connected */
	const char *name, *region;
	int certificate_days;
};

struct isb_look {
	struct isb_arena arena;
	int64_t taken_ms, started_ms;
	bool remote; /* it has a site and no store */
	struct isb_counts counts;
	uint64_t rounds; /* of the loop */
	size_t in_flight, max_in_flight, waiting, endpoints, silent, feeds;
	bool blind;
	uint64_t generation; /* of the catalog; 0: none yet */
	struct isb_look_row *rows; /* the first of them by slot */
	size_t nrow;
	struct isb_buf unready; /* a line for each reason why it does not do its work; empty: it does */
	int certificate_days;   /* of its own; INT_MAX: it has none, or none that could be read */

	/* With a store. */
	struct isb_spans reports;
	struct {
		const char *operation;
		uint64_t count;
	} troubles[ISB_LOOK_TROUBLES];
	size_t ntrouble;
	bool replaced, listens;
	struct isb_look_remote *remotes;
	size_t nremote;
	uint64_t refused;

	/* With a site. */
	bool connected;
	int64_t heard_age_ms; /* since its last word, while connected */
	uint64_t lost;        /* connections that ended or did not come about */
};

struct isb_look *isb_look_new(void);
void isb_look_free(struct isb_look *look); /* NULL is fine */

struct isb_runner;
/* All that the runner knows, and whether it is blind. */
void isb_look_at_runner(struct isb_look *look, const struct isb_runner *runner);
void isb_look_add_trouble(struct isb_look *look, const char *operation, uint64_t count);

/* The page for Prometheus; docs/metrics.md lists what stands there, and a test compares. `store` NULL: there is none. */
struct isb_store;
void isb_look_print(const struct isb_look *look, struct isb_store *store, struct isb_buf *out);
