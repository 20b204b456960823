/* SPDX-License-Identifier: Apache-2.0 */
#include "check_dns_reply.h"

#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"

enum { FLAG_QR = 0x8000, FLAG_TC = 0x0200, FLAG_RD = 0x0100, OPCODE = 0x7800, RCODE = 0x000f };

void isb_dns_ask_write(const struct isb_dns_ask *ask, struct isb_buf *out)
{
	isb_buf_u16(out, ask->id);
	isb_buf_u16(out, ask->recursion ? FLAG_RD : 0);
	isb_buf_u16(out, 1);
	isb_buf_u16(out, 0);
	isb_buf_u32(out, 0);
	isb_buf_add(out, ask->question, ask->nquestion);
}

/* The names in questions stand first of all, so that there is nothing a pointer could lead to. */
static bool same_question(struct isb_reader *r, const struct isb_dns_ask *ask)
{
	int len = isb_dname_check(r->base + r->pos, r->len - r->pos);
	if (len < 0 || (size_t)len + 4 != ask->nquestion)
		return false;
	const uint8_t *question = isb_read(r, (size_t)len + 4);
	return question && isb_dname_equal(question, ask->question) &&
	       memcmp(question + len, ask->question + len, 4) == 0;
}

/* Past a name of a record, whatever it is: labels up to the root or to a pointer (RFC 1035 §4.1.4). */
static void skip_name(struct isb_reader *r)
{
	for (;;) {
		uint8_t len = isb_read_u8(r);
		if (r->bad || len == 0)
			return;
		if (len >= 0xc0) {
			isb_read_u8(r);
			return;
		}
		if (len >= 0x40)
			r->bad = true;
		isb_read(r, len);
	}
}

static bool wanted(const struct isb_dns_ask *ask, uint16_t type, const uint8_t *rdata, uint16_t len)
{
	struct isb_addr addr = {.family = type == ISB_A ? 4 : 6};
	if ((type != ISB_A || len != 4) && (type != ISB_AAAA || len != 16))
		return false;
	memcpy(addr.octets, rdata, len);
	for (size_t i = 0; i < ask->naddress; i++)
		if (isb_addr_equal(&addr, &ask->addresses[i]))
			return true;
	return false;
}

static bool read_answers(struct isb_reader *r, const struct isb_dns_ask *ask, struct isb_dns_reply *reply)
{
	for (unsigned i = 0; i < reply->answers && !r->bad; i++) {
		skip_name(r);
		uint16_t type = isb_read_u16(r), class = isb_read_u16(r);
		isb_read_u32(r);
		uint16_t len = isb_read_u16(r);
		const uint8_t *rdata = isb_read(r, len);
		if (rdata && class == ISB_CLASS_IN)
			reply->found |= wanted(ask, type, rdata, len);
	}
	return !r->bad;
}

int isb_dns_reply_read(const struct isb_dns_ask *ask, const uint8_t *data, size_t len, struct isb_dns_reply *ret_reply)
{
	struct isb_reader r = isb_reader(data, len);
	uint16_t id = isb_read_u16(&r), flags = isb_read_u16(&r), questions = isb_read_u16(&r);
	struct isb_dns_reply reply = {
		.truncated = flags & FLAG_TC, .rcode = flags & RCODE, .answers = isb_read_u16(&r)};
	isb_read_u32(&r);
	if (r.bad || id != ask->id || !(flags & FLAG_QR) || flags & OPCODE)
		return ISB_ENOTFOUND;
	bool bare = questions == 0 && reply.rcode != 0;
	if (!bare && (questions != 1 || !same_question(&r, ask)))
		return ISB_ENOTFOUND;
	if (!reply.truncated && !read_answers(&r, ask, &reply))
		return ISB_EFORMAT;
	*ret_reply = reply;
	return ISB_OK;
}
