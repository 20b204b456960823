/* SPDX-License-Identifier: Apache-2.0 */
#include "querylog_line.h"

#include <stdio.h>
#include <string.h>

#include "isobar/base/clock.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"

enum { ENDPOINT_MAX = 255, WORD = 16, TIME = 32 };

static size_t endpoint_len(const struct isb_summary *summary)
{
	return strnlen(summary->endpoint, ENDPOINT_MAX);
}

size_t isb_querylog_size(const struct isb_summary *summary)
{
	return sizeof(struct isb_querylog_record) + (summary->name ? isb_dname_len(summary->name) : 0) +
	       endpoint_len(summary);
}

void isb_querylog_pack(struct isb_querylog_record *ret_record, const struct isb_summary *summary,
                       const struct isb_client *client, int64_t time_ms, size_t size)
{
	struct isb_querylog_record record = {
		.time_ms = time_ms,
		.ttl_s = summary->ttl_s,
		.type = summary->type,
		.cls = summary->cls,
		.rcode = (uint16_t)summary->rcode,
		.size = (uint16_t)size,
		.proto = (uint8_t)client->proto,
		.scope = summary->scope,
		.truncated = summary->truncated,
		.failopen = summary->failopen,
		.name_len = (uint8_t)(summary->name ? isb_dname_len(summary->name) : 0),
		.endpoint_len = (uint8_t)endpoint_len(summary),
		.client = client->addr,
		.ecs = summary->ecs,
	};
	memcpy(ret_record, &record, sizeof(record));
	if (record.name_len)
		memcpy(ret_record->text, summary->name, record.name_len);
	memcpy(ret_record->text + record.name_len, summary->endpoint, record.endpoint_len);
}

static const char *print_time(int64_t time_ms, char out[TIME])
{
	char seconds[24];
	isb_time_print(time_ms, seconds);
	snprintf(out, TIME, "%.*s.%03uZ", (int)strcspn(seconds, "Z"), seconds, (unsigned)(time_ms % 1000));
	return out;
}

/* In lower case: resolvers that mix it as a defence would make one name look like many. */
static const char *print_name(const struct isb_querylog_record *record, char out[ISB_DNAME_TEXT])
{
	uint8_t lower[ISB_DNAME_MAX];
	if (!record->name_len)
		return "-";
	isb_dname_lower(record->text, lower);
	return isb_dname_print(lower, out);
}

static const char *print_class(const struct isb_querylog_record *record, char out[WORD])
{
	if (!record->name_len)
		return "-";
	if (record->cls == ISB_CLASS_IN || record->cls == ISB_CLASS_CH)
		return record->cls == ISB_CLASS_IN ? "IN" : "CH";
	snprintf(out, WORD, "CLASS%u", record->cls); /* RFC 3597 §5 */
	return out;
}

static const char *print_rcode(unsigned rcode, char out[WORD])
{
	switch ((enum isb_rcode)rcode) {
	case ISB_NOERROR: return "NOERROR";
	case ISB_FORMERR: return "FORMERR";
	case ISB_SERVFAIL: return "SERVFAIL";
	case ISB_NXDOMAIN: return "NXDOMAIN";
	case ISB_NOTIMP: return "NOTIMP";
	case ISB_REFUSED: return "REFUSED";
	case ISB_YXDOMAIN: return "YXDOMAIN";
	case ISB_NOTAUTH: return "NOTAUTH";
	case ISB_BADVERS: return "BADVERS";
	}
	snprintf(out, WORD, "RCODE%u", rcode);
	return out;
}

/* As names of labels are: what is not printable, a blank or a quote goes by its number. */
static const char *print_endpoint(const struct isb_querylog_record *record, char out[4 * ENDPOINT_MAX + 1])
{
	const uint8_t *at = record->text + record->name_len;
	char *p = out;
	if (!record->endpoint_len)
		return "-";
	for (unsigned i = 0; i < record->endpoint_len; i++) {
		if (at[i] <= ' ' || at[i] >= 0x7f || at[i] == '"' || at[i] == '\\')
			p += sprintf(p, "\\%03u", at[i]);
		else
			*p++ = (char)at[i];
	}
	*p = '\0';
	return out;
}

static const char *print_number(bool known, unsigned number, char out[WORD])
{
	if (!known)
		return "-";
	snprintf(out, WORD, "%u", number);
	return out;
}

size_t isb_querylog_print(const struct isb_querylog_record *record, char out[ISB_QUERYLOG_LINE])
{
	static const char *const protos[] = {[ISB_UDP] = "udp", [ISB_TCP] = "tcp"};
	static const char *const flags[] = {"-", "tc", "failopen", "tc,failopen"};
	char time[TIME], client[ISB_ADDR_TEXT], ecs[ISB_NET_TEXT], name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT], cls[WORD],
		rcode[WORD], endpoint[4 * ENDPOINT_MAX + 1], scope[WORD], ttl[WORD];
	bool has_ecs = record->ecs.addr.family != 0;
	int len = snprintf(out, ISB_QUERYLOG_LINE,
	                   "time=%s client=%s proto=%s ecs=%s name=%s class=%s type=%s rcode=%s endpoint=%s scope=%s ttl=%s "
	                   "size=%u flags=%s\n",
	                   print_time(record->time_ms, time), isb_addr_print(&record->client, client),
	                   protos[record->proto], has_ecs ? isb_net_print(&record->ecs, ecs) : "-",
	                   print_name(record, name), print_class(record, cls),
	                   record->name_len ? isb_type_print(record->type, type) : "-", print_rcode(record->rcode, rcode),
	                   print_endpoint(record, endpoint), print_number(has_ecs, record->scope, scope),
	                   print_number(record->ttl_s != ISB_NO_TTL, record->ttl_s, ttl), record->size,
	                   flags[(record->truncated ? 1 : 0) + (record->failopen ? 2 : 0)]);
	return (size_t)len;
}
