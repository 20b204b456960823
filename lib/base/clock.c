/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/clock.h"

#include <inttypes.h>
#include <stdbool.h>
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

/* `count` digits; moves *text behind them. */
static bool digits(const char **text, unsigned count, int *ret_number)
{
	int number = 0;
	for (unsigned i = 0; i < count; i++) {
		char c = (*text)[i];
		if (c < '0' || c > '9')
			return false;
		number = number * 10 + (c - '0');
	}
	*text += count;
	*ret_number = number;
	return true;
}

static bool literal(const char **text, const char *any_of)
{
	return **text && strchr(any_of, **text) && (*text)++;
}

/* ".25" as 250; nothing as 0. Digits past the third say nothing in ms. */
static bool fraction(const char **text, int *ret_ms)
{
	int ms = 0, weight = 100;
	if (!literal(text, "."))
		return (*ret_ms = 0, true);
	if (**text < '0' || **text > '9')
		return false;
	for (; **text >= '0' && **text <= '9'; (*text)++, weight /= 10)
		ms += (**text - '0') * weight;
	*ret_ms = ms;
	return true;
}

static bool offset(const char **text, int64_t *ret_ms)
{
	int hours, minutes;
	bool west = **text == '-';
	if (literal(text, "Zz"))
		return (*ret_ms = 0, true);
	if (!literal(text, "+-") || !digits(text, 2, &hours) || !literal(text, ":") || !digits(text, 2, &minutes) ||
	    hours > 23 || minutes > 59)
		return false;
	*ret_ms = (hours * 60 + minutes) * INT64_C(60000) * (west ? -1 : 1);
	return true;
}

/* RFC 3339 §5.6. A leap second is taken for the one after it. */
static bool parse_date(const char *text, int64_t *ret_ms)
{
	struct tm tm = {0};
	int ms;
	int64_t ahead_ms;
	if (!digits(&text, 4, &tm.tm_year) || !literal(&text, "-") || !digits(&text, 2, &tm.tm_mon) || !literal(&text, "-") ||
	    !digits(&text, 2, &tm.tm_mday) || !literal(&text, "Tt ") || !digits(&text, 2, &tm.tm_hour) ||
	    !literal(&text, ":") || !digits(&text, 2, &tm.tm_min) || !literal(&text, ":") || !digits(&text, 2, &tm.tm_sec) ||
	    !fraction(&text, &ms) || !offset(&text, &ahead_ms) || *text)
		return false;
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = tm.tm_year % 4 == 0 && (tm.tm_year % 100 != 0 || tm.tm_year % 400 == 0);
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > days[tm.tm_mon - 1] ||
	    (tm.tm_mon == 2 && tm.tm_mday == 29 && !leap) || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	tm.tm_mon -= 1;
	tm.tm_year -= 1900;
	int64_t s = timegm(&tm);
	*ret_ms = s * 1000 + ms - ahead_ms;
	return true;
}

static bool parse_seconds(const char *text, int64_t *ret_ms)
{
	int64_t s = 0;
	int ms;
	size_t count = strspn(text, "0123456789");
	if (!count || count > 15)
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		s = s * 10 + (*text - '0');
	if (!fraction(&text, &ms) || *text)
		return false;
	*ret_ms = s * 1000 + ms;
	return true;
}

int isb_time_parse(const char *text, int64_t *ret_ms)
{
	static const int64_t first_ms = 86400000, last_ms = INT64_C(253402300799999);
	int64_t time_ms;
	if (!parse_seconds(text, &time_ms) && !parse_date(text, &time_ms))
		return ISB_EFORMAT;
	if (time_ms < first_ms || time_ms > last_ms)
		return ISB_ERANGE;
	*ret_ms = time_ms;
	return ISB_OK;
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
