/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/traffic.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/dns/edns.h"
#include "traffic_parts.h"

/* A line may be this long, and a frame: twice the largest message and what stands around them. */
enum { HELD_MAX = 256 << 10, ROOM_LEAST = 64 << 10 };

static const char too_long[] = "the line is too long";

static const char *const format_names[] = {
	[ISB_TRAFFIC_QUERYLOG] = "query-log", [ISB_TRAFFIC_CSV] = "csv", [ISB_TRAFFIC_DNSTAP] = "dnstap"};
enum { FORMATS = sizeof(format_names) / sizeof(format_names[0]) };

const char *isb_traffic_format_name(enum isb_traffic_format format)
{
	return format_names[format];
}

int isb_traffic_format_parse(const char *text, enum isb_traffic_format *ret_format)
{
	for (int i = 0; i < FORMATS; i++)
		if (strcmp(text, format_names[i]) == 0) {
			*ret_format = (enum isb_traffic_format)i;
			return ISB_OK;
		}
	return ISB_EFORMAT;
}

/* A frame stream begins with a control frame, which is told by four zero octets; a line of the query log with its time. The
 * first line may be the rest of one, where a log was cut. */
enum isb_traffic_format isb_traffic_detect(const void *data, size_t len)
{
	static const char time[] = "time=";
	if (len >= 4 && memcmp(data, "\0\0\0\0", 4) == 0)
		return ISB_TRAFFIC_DNSTAP;
	for (const char *line = data, *end = line + len, *next; line; line = next) {
		if ((size_t)(end - line) >= sizeof(time) - 1 && memcmp(line, time, sizeof(time) - 1) == 0)
			return ISB_TRAFFIC_QUERYLOG;
		next = memchr(line, '\n', (size_t)(end - line));
		next = next ? next + 1 : NULL;
	}
	return ISB_TRAFFIC_CSV;
}

void isb_traffic_init(struct isb_traffic *traffic, enum isb_traffic_format format,
                      void (*row)(void *arg, const struct isb_traffic_row *row),
                      void (*wrong)(void *arg, uint64_t at, const char *why), void *arg)
{
	*traffic = (struct isb_traffic){
		.format = format, .row = row, .wrong = wrong, .arg = arg, .column = {1, 2, 3, 4}};
	traffic->held = isb_xmalloc(HELD_MAX + ROOM_LEAST);
}

void isb_traffic_done(struct isb_traffic *traffic)
{
	free(traffic->held);
	traffic->held = NULL;
}

void isb_traffic_good(struct isb_traffic *traffic, const struct isb_traffic_row *row)
{
	traffic->rows++;
	traffic->row(traffic->arg, row);
}

void isb_traffic_bad(struct isb_traffic *traffic, const char *why)
{
	traffic->bad++;
	traffic->wrong(traffic->arg, traffic->at, why);
}

const struct isb_addr *isb_traffic_whom(const struct isb_addr *told, uint8_t told_bits, const struct isb_addr *asked)
{
	return isb_ecs_believed(told, told_bits) ? told : asked;
}

void *isb_traffic_room(struct isb_traffic *traffic, size_t *ret_room)
{
	*ret_room = HELD_MAX + ROOM_LEAST - traffic->len;
	return traffic->held + traffic->len;
}

/* The whole lines; returns how many octets they were. */
static size_t take_lines(struct isb_traffic *traffic)
{
	size_t done = 0;
	for (uint8_t *end; (end = memchr(traffic->held + done, '\n', traffic->len - done));) {
		char *line = (char *)traffic->held + done;
		size_t len = (size_t)((char *)end - line);
		done += len + 1;
		if (traffic->passing) {
			traffic->passing = false;
			continue;
		}
		traffic->at++;
		*end = '\0';
		if (len < HELD_MAX)
			isb_traffic_line(traffic, line, len);
		else
			isb_traffic_bad(traffic, too_long); /* it came in one piece: no reason to take it */
	}
	return done;
}

void isb_traffic_take(struct isb_traffic *traffic, size_t len)
{
	traffic->len += len;
	size_t done = traffic->format == ISB_TRAFFIC_DNSTAP
	                      ? isb_traffic_frames(traffic, traffic->held, traffic->len)
	                      : take_lines(traffic);
	traffic->len -= done;
	memmove(traffic->held, traffic->held + done, traffic->len);
	if (traffic->len < HELD_MAX)
		return;
	/* frames are refused by their length before they get here: a line it is */
	if (!traffic->passing) {
		traffic->at++;
		isb_traffic_bad(traffic, too_long);
	}
	traffic->passing = true;
	traffic->len = 0;
}

void isb_traffic_end(struct isb_traffic *traffic)
{
	size_t len = traffic->len;
	traffic->len = 0;
	if (!len || traffic->passing || traffic->broken)
		return;
	traffic->at++;
	if (traffic->format == ISB_TRAFFIC_DNSTAP) {
		isb_traffic_bad(traffic, "the file ends within a frame");
		return;
	}
	traffic->held[len] = '\0'; /* there is room: what is held is less than HELD_MAX */
	isb_traffic_line(traffic, (char *)traffic->held, len);
}
