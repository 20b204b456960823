/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ends steps of a library that peers can keep from ending: a timer of this thread's CPU time whose signal calls
 * `end` while a step takes too long, to shut the socket that is to blame, say. CPU time, so that a busy machine
 * ends nothing; and no system call per step. The signal is SIGRTMIN. One per process, and for the thread that made
 * it. */
struct isb_step_guard;

/* `end` runs in a signal handler (signal-safety(7)), again and again while the step lasts. NULL when the system
 * has no timer left: then nothing is guarded. All functions take NULL. */
struct isb_step_guard *isb_step_guard_new(unsigned most_ms, void (*end)(void *arg), void *arg);
void isb_step_guard_free(struct isb_step_guard *guard);

/* Steps do not nest. One that takes between `most_ms` and twice as much is ended. */
void isb_step_guard_enter(struct isb_step_guard *guard);
void isb_step_guard_leave(struct isb_step_guard *guard);
/* Inside and outside of steps: until resume() `end` is not called, and what looks at the same as it does is
 * changed. Then the step's time begins anew. */
void isb_step_guard_pause(struct isb_step_guard *guard);
void isb_step_guard_resume(struct isb_step_guard *guard);
