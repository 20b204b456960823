/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/map.h"
#include "isobar/base/rng.h"
#include "isobar/model/model.h"
#include "isobar/model/observe.h"
#include "isobar/model/timings.h"
#include "spec.h"

/* What to check, when, and what an outcome means here. No sockets, no store, no clocks: times are arguments. `now` is a
 * monotonic clock in milliseconds, `now_ms` the wall clock.
 *
 * Blindness. Silence (a connection that times out or finds no route, a name that does not resolve, a script that fails)
 * may be the fault of the endpoint or of this probe's own network; any other end of a check proves the network. A probe
 * that tests at least ISB_BLIND_SITES different addresses
 *  - is blind while the latest outcome of every endpoint is silence: it withdraws its votes (verdicts become unknown
 *    and the last definite one is held) and records no further silence, until something answers;
 *  - asks a witness before silence turns a state: unless something else proved the network while the check ran, the
 *    outcome waits, and endpoints that did answer lately are checked at once. It counts when a witness answers.
 * With fewer addresses a probe cannot tell the two apart and believes what it sees.
 *
 * Feeds. A pool may have a second check beside the one that judges: what its outcomes say of soft health and load goes into the
 * history of the endpoint's target. It is a schedule of its own within this one, whose targets are taken and recorded like
 * the others; how they end is no evidence, so that they neither blind a probe nor bear witness. A feed that fails says
 * nothing; after the time that a vote would count, its last word is forgotten. */
enum { ISB_BLIND_SITES = 3, ISB_WITNESS_MS = 1000 };

struct isb_check_run;
struct isb_kept;

struct isb_target { /* one endpoint under its pool's check, or under its feed */
	uint32_t slot;
	char *name;   /* "pool/endpoint" */
	char *region; /* the endpoint's; NULL: none */
	struct isb_spec spec;
	uint64_t fingerprint; /* of the test, for observations that come from elsewhere */
	struct isb_hysteresis knobs;
	struct isb_quorum quorum;
	enum isb_quorum_by quorum_by;
	bool failback_manual; /* the pool's: what comes back waits for an operator */
	int64_t timeout_ms;

	struct isb_history history;
	struct isb_timings timings; /* what successful checks took, since this process began to test it like this */
	int64_t expires_ms; /* of this probe's vote, wall clock; 0: no vote yet */
	enum isb_outcome_kind latest; /* the last outcome, recorded or not; NONE before the first of this process */
	struct isb_outcome doubted;   /* waits for a witness; kind NONE: nothing does */
	int64_t doubted_at;
	bool dirty;                   /* the store, or the site, has not seen the history yet */
	bool heard;                   /* another probe's observation came: judge again */
	bool feed;                    /* `history` is of the feed, for its pace, and goes nowhere */
	bool wordless;                /* it said nothing when last asked; the runner's, who tells of it */

	int64_t due;       /* next check, monotonic */
	int64_t started;   /* of the check under way or the last one */
	size_t place;      /* in the queue, or ISB_NOT_QUEUED */
	struct isb_check_run *run; /* the daemon's; NULL: none under way */
	struct isb_kept *kept;     /* the daemon's: the connection that stays between checks; NULL: none */
};
#define ISB_NOT_QUEUED SIZE_MAX

struct isb_schedule {
	struct isb_target **targets; /* by slot */
	size_t count;
	struct isb_map names; /* of targets: their places in the list */
	struct isb_schedule *feeds; /* NULL in itself */
	struct isb_target **queue; /* binary heap by due time */
	size_t queued;
	size_t sites;     /* different addresses tested */
	size_t silent;    /* targets whose latest outcome is silence */
	size_t mute;      /* targets whose latest outcome is the probe's own trouble: no witnesses */
	size_t ndoubted;
	int64_t proved;   /* when the network was last proved; INT64_MIN: never */
	struct isb_rng rng;
};

void isb_schedule_init(struct isb_schedule *schedule, uint64_t seed);
void isb_schedule_done(struct isb_schedule *schedule); /* no check may be under way */

struct isb_schedule_source {
	/* The endpoint's slot in the store; false: it has none, and is left out. */
	bool (*slot)(void *arg, const char *pool, const char *endpoint, uint32_t *ret_slot);
	/* A target is about to go, because its endpoint is `gone` or is tested differently now: end its check. A feed's goes
	 * without its endpoint being `gone`. */
	void (*retire)(void *arg, struct isb_target *target, bool gone);
	void *arg;
};
/* Makes the schedule fit the catalog. What is tested as before keeps its place, its history and a check under way. An
 * endpoint that is tested differently keeps its state, but what turns it must be seen anew. A shorter interval shortens the
 * wait under way in proportion, so that tests stay as spread as they were. Targets that came anew are
 * not queued yet: isb_schedule_enter() them, after giving back what the store remembers. Feeds are. */
void isb_schedule_update(struct isb_schedule *schedule, const struct isb_catalog *catalog,
                         const struct isb_schedule_source *source, int64_t now);

/* Queues a new target: spread over its interval where its vote is still fresh, else over the first second. */
void isb_schedule_enter(struct isb_schedule *schedule, struct isb_target *target, int64_t now, int64_t now_ms);
/* Takes out the next target that is due, or NULL. */
struct isb_target *isb_schedule_take(struct isb_schedule *schedule, int64_t now);
/* Milliseconds until one is due; 0: now; -1: none is queued. */
int64_t isb_schedule_wait(const struct isb_schedule *schedule, int64_t now);
/* Records the outcome of a target that was taken and queues it again. True when the store should hear of it at once: a
 * state or the earliest moment of its flip changed, soft health or load leapt (ISB_SOFT_LEAP, ISB_LOAD_LEAP), or the probe
 * went blind or sees again. What changed less waits for the next full report. */
enum { ISB_SOFT_LEAP = 10, ISB_LOAD_LEAP = 100 };
bool isb_schedule_record(struct isb_schedule *schedule, struct isb_target *target, const struct isb_outcome *outcome,
                         int64_t now, int64_t now_ms);
bool isb_schedule_blind(const struct isb_schedule *schedule);
/* By "pool/endpoint"; NULL: none. */
struct isb_target *isb_schedule_find(const struct isb_schedule *schedule, const char *name);
/* How long the vote counts of a probe with this history of the target: three rounds and a timeout. Three
 * rounds count as 5 s at least: what did not turn is told once a second, and written by the site once a second. */
int64_t isb_target_vote_ms(const struct isb_target *target, const struct isb_history *history);
