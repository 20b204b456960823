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

/* Takes `digits` digits and the character behind them, unless that is NUL; -1. */
static int take_number(const char **at, int digits, char then)
{
	int n = 0;
	for (int i = 0; i < digits; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return -1;
		n = n * 10 + (**at - '0');
	}
	if (then && *(*at)++ != then)
		return -1;
	return n;
}

int isb_time_parse(const char *text, int64_t *ret_ms)
{
	const char *at = text;
	struct tm tm = {.tm_year = take_number(&at, 4, '-')};
	int64_t ms = 0;
	if (tm.tm_year < 1970 || (tm.tm_mon = take_number(&at, 2, '-')) < 1 || tm.tm_mon > 12 ||
	    (tm.tm_mday = take_number(&at, 2, 0)) < 1 || tm.tm_mday > 31)
		return ISB_EFORMAT;
	if (*at == 'T') {
		at++;
		if ((tm.tm_hour = take_number(&at, 2, ':')) < 0 || tm.tm_hour > 23 || (tm.tm_min = take_number(&at, 2, 0)) < 0 ||
		    tm.tm_min > 59)
			return ISB_EFORMAT;
		if (*at == ':' && (at++, (tm.tm_sec = take_number(&at, 2, 0)) < 0 || tm.tm_sec > 59))
			return ISB_EFORMAT;
		if (*at == '.' && (at++, (ms = take_number(&at, 3, 0)) < 0))
			return ISB_EFORMAT;
		if (*at++ != 'Z')
			return ISB_EFORMAT;
	}
	int day = tm.tm_mday;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	time_t seconds = timegm(&tm); /* the 31st of November becomes the 1st of December */
	if (*at || tm.tm_mday != day)
		return ISB_EFORMAT;
	*ret_ms = (int64_t)seconds * 1000 + ms;
	return ISB_OK;
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
