/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/json.h"

void isb_load_init(struct isb_load *load, const struct isb_spec_load *from)
{
	*load = (struct isb_load){.from = from};
}

void isb_load_done(struct isb_load *load)
{
	isb_buf_done(&load->line);
}

bool isb_load_number(const char *text, size_t len, double *ret_number)
{
	char digits[64], *end; /* longer ones are no number that anybody meant */
	if (!len || len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (strspn(digits, "0123456789.eE+-") != len)
		return false;
	double number = strtod(digits, &end);
	if (*end || !isfinite(number) || number < 0)
		return false;
	*ret_number = number;
	return true;
}

void isb_load_settle(struct isb_load *load, double value)
{
	load->settled = load->found = true;
	load->value = value;
}

void isb_load_give_up(struct isb_load *load, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(load->why, sizeof(load->why), fmt, ap);
	va_end(ap);
	load->settled = true;
}

/* --- Lines --- */

static void take_line(struct isb_load *load)
{
	const char *line = isb_buf_text(&load->line);
	size_t len = load->line.len;
	len -= len && line[len - 1] == '\r';
	switch (load->too_long ? ISB_LOAD_NONE : load->from->format) {
	case ISB_LOAD_HAPROXY: isb_load_haproxy(load, line, len); break;
	case ISB_LOAD_NGINX: isb_load_nginx(load, line, len); break;
	case ISB_LOAD_PROMETHEUS: isb_load_prometheus(load, line, len); break;
	default: break;
	}
	isb_buf_reset(&load->line);
	load->too_long = false;
}

void isb_load_read(struct isb_load *load, const char *data, size_t len)
{
	const char *end = data + len;
	bool by_line = load->from->format != ISB_LOAD_NONE && load->from->format != ISB_LOAD_JSON;
	while (by_line && data < end && !load->settled) {
		const char *stop = memchr(data, '\n', (size_t)(end - data));
		size_t n = (size_t)((stop ? stop : end) - data);
		load->too_long |= load->line.len + n > ISB_LOAD_LINE_MAX;
		if (!load->too_long)
			isb_buf_add(&load->line, data, n);
		if (stop)
			take_line(load);
		data += n + 1;
	}
}

size_t isb_load_wants(const struct isb_load *load)
{
	bool long_ones = load->from->format == ISB_LOAD_HAPROXY || load->from->format == ISB_LOAD_PROMETHEUS;
	return long_ones && !load->settled ? ISB_LOAD_PAGE_MAX : ISB_BODY_MAX;
}

/* --- The end --- */

static void read_json(struct isb_load *load, const struct isb_reply *reply)
{
	struct isb_json_value value;
	double number;
	const char *path = load->from->path;
	int rc = isb_json_find(reply->body, reply->body_len, path, strlen(path), &value);
	if (rc == ISB_OK && isb_json_number(&value, &number) && isfinite(number) && number >= 0)
		isb_load_settle(load, number);
	else if (rc == ISB_EFORMAT)
		isb_load_give_up(load, "no load: the body is %s",
		                 reply->cut ? "longer than 64 KiB" : "no JSON, or nested too deep");
	else
		isb_load_give_up(load, "no load: no number from 0 on at '%.64s'", path);
}

static void say_missing(struct isb_load *load, const struct isb_reply *reply)
{
	const struct isb_spec_load *from = load->from;
	const char *where = reply->cut ? " in what was read" : "";
	if (from->format == ISB_LOAD_HAPROXY && load->headed)
		isb_load_give_up(load, "no load: no row %.48s/%.48s%s", from->proxy, from->server, where);
	else if (from->format == ISB_LOAD_HAPROXY)
		isb_load_give_up(load, "no load: the page does not begin with a line of titles");
	else if (from->format == ISB_LOAD_NGINX)
		isb_load_give_up(load, "no load: no line 'Active connections: N'%s", where);
	else
		isb_load_give_up(load, "no load: no series of %.64s%s%s", from->metric,
		                 from->labels.count ? " with these labels" : "", where);
}

void isb_load_tell(struct isb_load *load, const struct isb_reply *reply, struct isb_outcome *outcome,
                   char why[ISB_REPLY_WHY])
{
	if (load->from->format == ISB_LOAD_JSON)
		read_json(load, reply);
	else if (!load->settled && !reply->cut)
		take_line(load); /* the last one need not have an end */
	if (!load->settled)
		say_missing(load, reply);
	double capacity = load->from->capacity ? load->from->capacity : load->limit;
	if (load->found && !(capacity > 0)) {
		load->found = false;
		isb_load_give_up(load, "no load: the row has no limit (slim); give the check a load.capacity");
	}
	outcome->has_load = load->found;
	if (load->found) {
		double load_pm = load->value / capacity * 1000;
		outcome->load = load_pm < ISB_LOAD_MAX ? (uint16_t)(load_pm + 0.5) : ISB_LOAD_MAX;
	} else if (!*why) {
		memcpy(why, load->why, ISB_REPLY_WHY);
	}
}
