/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "isobar/base/err.h"

int64_t isb_clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t isb_monotonic_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

char *isb_time_print(int64_t time_ms, char out[24])
{
	time_t s = (time_t)(time_ms / 1000);
	struct tm tm;
	if (!time_ms || !gmtime_r(&s, &tm) || !strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm))
		strcpy(out, "never");
	return out;
}

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

char *isb_span_print(int64_t span_ms, char out[ISB_SPAN_TEXT])
{
	if (span_ms < 1000) {
		snprintf(out, ISB_SPAN_TEXT, "%" PRId64 "ms", span_ms < 0 ? 0 : span_ms);
		return out;
	}
	size_t i = 0;
	while (span_ms < units[i].ms)
		i++;
	int64_t whole = span_ms / units[i].ms, rest = span_ms % units[i].ms / units[i + 1].ms;
	if (rest && units[i + 1].ms >= 1000)
		snprintf(out, ISB_SPAN_TEXT, "%" PRId64 "%s%" PRId64 "%s", whole, units[i].name, rest, units[i + 1].name);
	else
		snprintf(out, ISB_SPAN_TEXT, "%" PRId64 "%s", whole, units[i].name);
	return out;
}

static int64_t unit_ms(const char *name, size_t len)
{
	if (len == 0)
		return 1000;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == len && strncmp(units[i].name, name, len) == 0)
			return units[i].ms;
	return 0;
}

int isb_span_parse(const char *text, int64_t *ret_ms)
{
	int64_t total = 0;
	const char *p = text;
	if (!*p)
		return ISB_EFORMAT;
	while (*p) {
		int64_t n = 0;
		const char *digits = p;
		for (; *p >= '0' && *p <= '9'; p++) {
			if (n > INT32_MAX)
				return ISB_ERANGE;
			n = n * 10 + (*p - '0');
		}
		size_t len = strspn(p, "dhms");
		int64_t ms = unit_ms(p, len);
		if (p == digits || !ms || (len == 0 && (*p || digits != text)))
			return ISB_EFORMAT;
		p += len;
		total += n * ms;
		if (total > (int64_t)INT32_MAX * 1000)
			return ISB_ERANGE;
	}
	*ret_ms = total;
	return ISB_OK;
}
