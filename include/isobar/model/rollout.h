/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/model/health.h"

/* A rollout leads the clients of one record from its policy to another, step by step. Like an admin state it is what an
 * operator says, kept in the catalog beside the objects, so that applying files does not touch it.
 *
 * The share that the new side has is a function of the row and the clock and of nothing else: no writer makes a step, every
 * server takes it at the same moment, and nothing stalls while a daemon is dead. */

enum { ISB_ROLLOUT_STEPS_MAX = 31, ISB_ROLLOUT_NETS_MAX = 1000 };
#define ISB_ROLLOUT_EVERY_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)

/* When which share. Plain octets without padding: a plan holds it as it is. */
struct isb_timetable {
	int64_t started_ms; /* of the first step; a pause moves it on */
	int64_t paused_ms;  /* time stands still since then; 0: it does not */
	int64_t every_ms;   /* how long each step lasts; 0 with one step at most */
	uint8_t nstep;      /* 0: nobody but the networks that the rollout names */
	uint8_t step[ISB_ROLLOUT_STEPS_MAX]; /* per cent, ascending, 1..100; 0 beyond nstep */
};
bool isb_timetable_check(const struct isb_timetable *times);

struct isb_timetable_now {
	unsigned step;    /* 1..nstep; 0: not begun, or there is none */
	unsigned percent; /* of the new side */
	int64_t next_ms;  /* of the next step; 0: none comes by itself */
};
/* Of any octets: a timetable that does not check gives the new side nothing. */
struct isb_timetable_now isb_timetable_at(const struct isb_timetable *times, int64_t now_ms);

enum isb_abort_if { ISB_ABORT_NEVER, ISB_ABORT_DOWN };

struct isb_rollout {
	const char *to;       /* pool or policy; whence is the record's own policy */
	struct isb_timetable times;
	bool sticky;          /* a client's network decides, not a draw: whoever came over stays */
	enum isb_abort_if abort_if;
	struct isb_net *nets; /* clients in these always get the new side */
	size_t nnet;
	int64_t begun_ms;     /* when it was started; a pause does not move it */
	uint32_t slot;        /* of its abort word; whoever resumes an aborted rollout gives it another, see isb_edit_rollout() */
	const char *author, *reason; /* of the last start, pause or resume; "" when none was given */
};
bool isb_rollout_check(const struct isb_rollout *rollout);

/* The abort word: stands among the health words at the rollout's slot, written once by the first probe that sees the new
 * side unable to answer, and read in place by the query path like any other. It stays: who resumes takes a new slot.
 *   bits 0..1 ISB_DOWN, 24..61 when, in seconds since 1970, bit 63 set */
static inline uint64_t isb_abort_pack(int64_t now_ms)
{
	return UINT64_C(1) << 63 | ((uint64_t)now_ms / 1000 & UINT64_C(0x3fffffffff)) << 24 | ISB_DOWN;
}
static inline bool isb_abort_holds(uint64_t word) { return word >> 63 && (word & 3) == ISB_DOWN; }
static inline int64_t isb_abort_ms(uint64_t word) { return (int64_t)(word >> 24 & UINT64_C(0x3fffffffff)) * 1000; }
