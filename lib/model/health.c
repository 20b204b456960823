/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/health.h"

#include <stddef.h>
#include <string.h>

#include "isobar/base/err.h"

enum {
	HELD_AT = 2,
	SOFT_AT = 4,
	LOAD_AT = 11,
	LATENCY_AT = 23,
	FLIP_AT = 43,
	WAITS_AT = 51,
	LOAD_MAX = 0xfff,
	LATENCY_MAX = 0xfffff,
	LATENCY_UNIT_US = 16
};
static const uint64_t written = UINT64_C(1) << 63;

static uint64_t at_most(unsigned value, unsigned max)
{
	return value < max ? value : max;
}

uint64_t isb_health_pack(const struct isb_health *health)
{
	uint64_t held = health->held == ISB_UP || health->held == ISB_DOWN ? (uint64_t)health->held : ISB_UNKNOWN;
	unsigned rest_us = health->latency_us % LATENCY_UNIT_US;
	unsigned units = health->latency_us / LATENCY_UNIT_US + (rest_us >= LATENCY_UNIT_US / 2);
	return written | ((uint64_t)health->verdict & 3) | held << HELD_AT |
	       at_most(health->soft, ISB_SOFT_FULL) << SOFT_AT | at_most(health->load, LOAD_MAX) << LOAD_AT |
	       at_most(units, LATENCY_MAX) << LATENCY_AT | at_most(health->flip_s, ISB_FLIP_NONE) << FLIP_AT |
	       (uint64_t)health->waits << WAITS_AT;
}

struct isb_health isb_health_unpack(uint64_t word)
{
	return (struct isb_health){
		.verdict = (enum isb_verdict)(word & 3),
		.held = (enum isb_verdict)(word >> HELD_AT & 3),
		.soft = isb_health_soft(word),
		.load = word >> LOAD_AT & LOAD_MAX,
		.latency_us = (unsigned)(word >> LATENCY_AT & LATENCY_MAX) * LATENCY_UNIT_US,
		.flip_s = isb_health_flip_s(word),
		.waits = isb_health_waits(word),
	};
}

const char *isb_verdict_name(enum isb_verdict verdict)
{
	static const char *const names[] = {"unknown", "up", "down", "disputed"};
	return names[verdict & 3];
}

static const char *const admin_names[] = {"auto", "up", "down", "drain", "hold-up", "hold-down", "failback"};
enum { ADMINS = sizeof(admin_names) / sizeof(admin_names[0]) };

const char *isb_admin_name(enum isb_admin admin)
{
	return (size_t)admin < ADMINS ? admin_names[admin] : "auto";
}

/* Two machines' clocks may differ, but a recovery that lies farther ahead than the wait is long says that a clock was set
 * back, and nobody must wait for that. */
int64_t isb_failback_left(int64_t failback_ms, uint64_t word, int64_t since_ms, uint64_t admin, int64_t now_ms)
{
	if (failback_ms == ISB_FAILBACK_AUTO || isb_health_effective(word) != ISB_UP || isb_admin_consents(admin, since_ms))
		return 0;
	if (failback_ms == ISB_FAILBACK_MANUAL)
		return isb_health_waits(word) ? ISB_FAILBACK_UNTOLD : 0;
	int64_t left_ms = since_ms + failback_ms - now_ms;
	return left_ms > 0 && left_ms <= 2 * failback_ms ? left_ms : 0;
}
