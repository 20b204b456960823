/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/model/dname.h"

/* Who asked what, read from logs: our own query log, dnstap, and lists of client, name, type and count. Octets in, rows
 * out, in one pass and in fixed memory; no file, no clock. What is read is nobody's friend: a line or frame that says
 * nothing sensible is told as bad and the next one is read. */

enum isb_traffic_format {
	ISB_TRAFFIC_QUERYLOG, /* key=value lines of isobard --query-log */
	ISB_TRAFFIC_CSV,      /* client,name,type[,count]; a first line of these words may give another order */
	ISB_TRAFFIC_DNSTAP    /* frame streams of protobuf:dnstap.Dnstap, one after another */
};
const char *isb_traffic_format_name(enum isb_traffic_format format); /* "query-log", "csv", "dnstap" */
int isb_traffic_format_parse(const char *text, enum isb_traffic_format *ret_format); /* ISB_EFORMAT */
/* By the first octets of a file: as many as hold several lines, should the first one be damaged. */
enum isb_traffic_format isb_traffic_detect(const void *data, size_t len);

struct isb_traffic_row {
	struct isb_addr client; /* whom to steer for: the network that was told where it is public, else who asked */
	uint8_t name[ISB_DNAME_MAX]; /* lower case */
	uint16_t type;
	uint64_t count; /* at least 1 */
};
enum { ISB_TRAFFIC_COUNT_MAX = 1000000000 }; /* of one row; a larger one is a mistake */

struct isb_traffic {
	enum isb_traffic_format format;
	uint64_t at;      /* lines or frames begun so far: the number of the one at hand */
	uint64_t rows;    /* good ones */
	uint64_t skipped; /* sound, but no question of a client: other kinds of events, messages without a question */
	uint64_t bad;
	bool broken;      /* a frame stream whose rest cannot be told apart; what comes is passed over */

	void (*row)(void *arg, const struct isb_traffic_row *row);
	/* `why` is a sentence without a full stop, in static storage. */
	void (*wrong)(void *arg, uint64_t at, const char *why);
	void *arg;

	/* the module's own */
	uint8_t *held;
	size_t len;
	bool passing;      /* over the rest of a line that is too long */
	uint8_t column[4]; /* of a list: where client, name, type and count stand, from 1; 0: nowhere */
	uint8_t event;     /* dnstap: the type of message that counts, 0: none was seen */
};

/* row and wrong are called from isb_traffic_take() and isb_traffic_end(). */
void isb_traffic_init(struct isb_traffic *traffic, enum isb_traffic_format format,
                      void (*row)(void *arg, const struct isb_traffic_row *row),
                      void (*wrong)(void *arg, uint64_t at, const char *why), void *arg);
void isb_traffic_done(struct isb_traffic *traffic);
/* Where the next octets go, *ret_room (at least 64 KiB) of them; then how many came. */
void *isb_traffic_room(struct isb_traffic *traffic, size_t *ret_room);
void isb_traffic_take(struct isb_traffic *traffic, size_t len);
/* Nothing comes any more: a last line may lack its end, a frame may not. */
void isb_traffic_end(struct isb_traffic *traffic);
