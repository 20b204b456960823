/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli.h"
#include "isobar/base/map.h"
#include "isobar/steer/tally.h"

/* `isobar top`: what servers tell of themselves at one moment (top_fetch.c, top_read.c), and what happened between two
 * (verb_top.c). Servers are other machines: nothing that they say is believed to be well-formed, short or printable. */

enum { TOP_KEYS = 2, TOP_VALUES = ISB_REASONS };

/* One thing that is counted, over all servers. */
struct top_item {
	const char *key[TOP_KEYS];
	double value[TOP_VALUES]; /* by reason; where there is none, the first */
	double expected;          /* share, a sum over `told` servers */
	unsigned told;
	const char *region, *state; /* of endpoints; NULL unknown; "" where servers differ */
};
struct top_list {
	struct top_item *item;
	size_t count, room;
	struct isb_map by_key;
};

struct top_server {
	const char *from;
	const char *error; /* NULL: it answered */
	const char *version;
	double started_s;
	bool ready;
};

struct top_sample {
	struct isb_arena arena; /* of all texts */
	int64_t time_ms, monotonic_us;
	struct top_server *server;
	size_t nserver;
	struct top_list records, endpoints, rcodes, types, transports, buckets, clients;
	double duration_s, answered; /* of the histogram: sum and count */
};

/* Asks all servers of the command line. Those that do not answer say so in `error`. */
void top_sample_take(const struct cli *cli, struct top_sample *ret_sample);
void top_sample_done(struct top_sample *sample);
json_t *top_json(const struct top_sample *sample);

/* The body of an answer 200, or NULL with a sentence of the arena. */
char *top_fetch(const char *from, struct isb_arena *arena, size_t *ret_len, const char **ret_error);
/* The item with these keys, or NULL. */
const struct top_item *top_find(const struct top_list *list, const char *const key[TOP_KEYS]);
/* The upper bound of a bucket; +Inf for the last. */
double top_bound(const struct top_item *bucket);
