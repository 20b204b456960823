/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/base/buf.h"
#include "reply.h"

/* An endpoint's load out of a page that it, or something beside it, wrote. Pure; the page comes in pieces of any size,
 * is taken line by line as it comes and is not kept, so that a page of any length costs ISB_LOAD_LINE_MAX octets.
 *
 *  haproxy     statistics as CSV (HAProxy's management guide, §9.1): the row of `proxy` and `server`, the column `field`
 *  nginx       ngx_http_stub_status_module: "Active connections"
 *  prometheus  text exposition format 0.0.4: the first series of `metric` that has all `labels`
 *  json        a number in the reply's first ISB_BODY_MAX octets, which the caller keeps
 *
 * The first line that says what is looked for decides, whatever comes after it. Load is the value by the capacity, per
 * mille, at most ISB_LOAD_MAX. A page that does not say it says nothing against the endpoint: then there is no load, and a
 * sentence why. */

enum {
	ISB_LOAD_PAGE_MAX = 8 * 1024 * 1024, /* of haproxy and prometheus are read; some 15 000 servers */
	ISB_LOAD_LINE_MAX = 16 * 1024,       /* longer lines are passed over */
	ISB_LOAD_MAX = 4095
};

struct isb_load {
	const struct isb_spec_load *from;
	struct isb_buf line; /* what there is of the line that is coming */
	bool too_long;       /* of it nothing is looked at */
	bool settled;        /* the page has said it, or will not; `why` when it has not */
	bool found;
	double value, limit; /* limit: the page's own idea of a capacity; 0: none */
	size_t value_at, limit_at; /* haproxy: columns, once `headed` */
	bool headed;
	char why[ISB_REPLY_WHY];
};

/* `from` stays. */
void isb_load_init(struct isb_load *load, const struct isb_spec_load *from);
void isb_load_done(struct isb_load *load);
void isb_load_read(struct isb_load *load, const char *data, size_t len);
/* How many octets of the page, from its beginning, are worth reading. */
size_t isb_load_wants(const struct isb_load *load);
/* At the page's end, or where reading it ended (`reply->cut`): sets load in the outcome, or says why there is none where
 * nothing was said yet. */
void isb_load_tell(struct isb_load *load, const struct isb_reply *reply, struct isb_outcome *outcome,
                   char why[ISB_REPLY_WHY]);

/* Between load.c and the formats, each of which looks at one line without its end. */
void isb_load_haproxy(struct isb_load *load, const char *line, size_t len);
void isb_load_nginx(struct isb_load *load, const char *line, size_t len);
void isb_load_prometheus(struct isb_load *load, const char *line, size_t len);
/* A decimal number from 0 on: not NaN, not infinite, nothing before or behind it. */
bool isb_load_number(const char *text, size_t len, double *ret_number);
void isb_load_settle(struct isb_load *load, double value);
/* The page is not going to say it. */
void isb_load_give_up(struct isb_load *load, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
