/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli.h"
#include "isobar/store/healthdb.h"

/* What `status` knows of one moment: status_read.c reads it, status_judge.c says which pools and records can answer,
 * status_times.c how long checks take, status_words.c finds words, and verb_status.c and status_json.c print it. Texts are the arena's or the catalog's. */

struct status_row {
	const struct isb_pool *pool;
	const struct isb_endpoint *endpoint;
	const char *name; /* "pool/endpoint" */
	bool shown;       /* asked for */
	bool serves;      /* as isb_health_serves() */
	bool damped;      /* as a probe sees it */
	bool checked;
	struct isb_quorum quorum;   /* when checked */
	enum isb_quorum_by quorum_by;
	struct isb_health health;
	struct isb_admin_row admin; /* AUTO once it expired */
	uint32_t slot;
	struct isb_hysteresis knobs; /* when checked */
	int64_t left_ms;            /* until its failback, as isb_failback_left() */
	int64_t now_ms;
	int64_t since_ms;           /* of the verdict; 0: unknown */
	struct isb_buf evidence;    /* "seoul: ok x12; frankfurt: timeout x3" */
};

struct status_pool {
	const struct isb_pool *pool;
	const struct status_row *rows; /* of its endpoints, pool->nendpoint */
	size_t serving;
	uint32_t needs;
	bool can;         /* answer: at least `needs` of them serve */
	int64_t since_ms; /* when it cannot: since when; 0: unknown */
};

/* A record's standing. Nothing beneath it can answer: its all_down does. Some pools cannot: what its policy says for that
 * takes effect, and clients that a fenced rule keeps in such a pool get its all_down. */
enum status_standing { STATUS_ANSWERS, STATUS_REDUCED, STATUS_ALL_DOWN };
/* Alike for all records of one policy. */
struct status_policy {
	const char *name; /* a policy's or a pool's */
	enum status_standing standing;
	int64_t since_ms; /* 0: unknown, or it answers */
	const struct status_pool **pools; /* all beneath it */
	size_t npool;
};
struct status_record {
	const char *name; /* without a final dot */
	const struct isb_zone *zone;
	const struct isb_record *record;
	uint32_t policy; /* index */
};

struct status {
	struct cli *cli;
	const char *only;           /* an endpoint, a pool or a region; NULL: all */
	bool one;                   /* `only` is an endpoint */
	struct cli_reader reader;
	struct isb_catalog catalog;
	struct isb_arena arena;
	uint64_t generation;
	struct status_row *rows;    /* of all endpoints, pool by pool */
	size_t count, nshown;
	struct status_pool *pools;  /* beside catalog.pools */
	struct status_policy *policies;
	struct status_record *records;
	size_t npolicy, nrecord;
	struct isb_probe_row *probes;
	struct cli_rollouts rollouts;
	size_t nprobe, heard;       /* heard: probes that report and see something */
	bool unattended;
	struct isb_buf geo;         /* what the geo databases call themselves; empty: there are none */
	struct isb_diags geo_wrong;
};

/* Percentiles of what checks took, each the median over the probes whose votes are fresh, of an even number the greater of the
 * middle two; 0: none of them has any. */
struct status_times {
	uint32_t p50_us, p95_us, p99_us;
};

/* How many there are, and of them what an operator must know. */
struct status_counts {
	size_t verdict[4], unchecked, forced, drained, held, waiting;
	size_t pools_out, fail_open, fall_back, nodata, reduced;
	size_t live, blind, gone, aborted;
};

int status_read(struct status *s); /* ISB_OK or the store's error */
void status_done(struct status *s);
void status_judge(struct status *s);
struct status_counts status_count(const struct status *s);
/* Nothing is wrong, and nobody has said anything that overrules the checks. */
bool status_is_well(const struct status *s, const struct status_counts *c);
/* How urgent it is that somebody looks at the endpoint; 0: all is as it should be. */
unsigned status_urgency(const struct status_row *row);

struct status_times status_times(struct status *s, const struct status_row *row);

const char *status_verdict(const struct status_row *row); /* "up", "unchecked" */
const char *status_state(struct status *s, const struct status_row *row);
const char *status_why(struct status *s, const struct status_row *row);
const char *status_address(struct status *s, const struct isb_endpoint *endpoint);
int64_t status_since(const struct status_row *row);
const char *status_probe_state(const struct status *s, const struct isb_probe_row *probe);
/* "0 of 2 serve, 1 needed: icn-1 down, icn-2 drained" */
const char *status_pool_why(struct status *s, const struct status_pool *pool);
/* "asia: 0 of 2; us: 1 of 3", of the pools that cannot answer */
const char *status_policy_why(struct status *s, const struct status_policy *policy);
/* What clients of the record get now: "fails open: as if all were up". */
const char *status_record_words(const struct status *s, const struct status_record *record);

void status_json(struct status *s);
