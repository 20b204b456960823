/* SPDX-License-Identifier: Apache-2.0 */
#include "pace.h"

#include <time.h>

const double isb_pace_bound_s[ISB_PACE_BOUNDS] = {5e-6,   10e-6, 25e-6,  50e-6, 100e-6, 250e-6, 500e-6,
                                                  1e-3, 2.5e-3, 5e-3, 10e-3,  25e-3,  100e-3, 1};
static const int64_t bound_ns[ISB_PACE_BOUNDS] = {5000,    10000,   25000,   50000,    100000,   250000,    500000,
                                                  1000000, 2500000, 5000000, 10000000, 25000000, 100000000, 1000000000};

int64_t isb_pace_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + 1;
}

/* relaxed, all of them: each number is right by itself, and there is one writer */

void isb_pace_begin(struct isb_pace *pace, int64_t now_ns)
{
	atomic_store_explicit(&pace->begun_ns, now_ns, memory_order_relaxed);
}

static void add(_Atomic uint64_t *count, uint64_t more)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + more, memory_order_relaxed);
}

void isb_pace_end(struct isb_pace *pace, int64_t now_ns, uint64_t queries)
{
	int64_t took_ns = now_ns - atomic_load_explicit(&pace->begun_ns, memory_order_relaxed);
	unsigned bucket = 0;
	while (bucket < ISB_PACE_BOUNDS && took_ns > bound_ns[bucket])
		bucket++;
	add(&pace->count[bucket], queries);
	add(&pace->sum_ns, (uint64_t)took_ns * queries);
	atomic_store_explicit(&pace->begun_ns, 0, memory_order_relaxed);
}

int64_t isb_pace_busy_ns(const struct isb_pace *pace, int64_t now_ns)
{
	int64_t begun_ns = atomic_load_explicit(&pace->begun_ns, memory_order_relaxed);
	return begun_ns && now_ns > begun_ns ? now_ns - begun_ns : 0;
}
