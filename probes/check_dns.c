/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "check_dgram.h"
#include "check_dns_reply.h"
#include "check_stream.h"
#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/base/wire.h"

/* One question over UDP and, when the reply is cut short, again over TCP (RFC 7766 §5). What is no reply to it is
 * passed over, as a resolver would (RFC 5452 §9.1), up to a bound. */

enum { STRAYS_MAX = 64, MESSAGE_MAX = 65535 };

struct dns {
	struct isb_dgram *dgram;   /* NULL: could not even begin, or it is TCP's turn */
	struct isb_stream *stream; /* NULL: not asked over TCP */
	struct isb_dns_ask ask;
	struct isb_buf query, got; /* got: over TCP, with its length before it */
	struct isb_addr addr;
	unsigned strays;
	uint32_t connect_us, first_us; /* connect_us: of TCP */
};

static struct isb_outcome outcome_of(const struct isb_check_run *run, enum isb_outcome_kind kind)
{
	const struct dns *dns = run->state;
	return (struct isb_outcome){.kind = kind,
	                            .connect_us = dns->connect_us,
	                            .first_byte_us = dns->first_us,
	                            .total_us = isb_check_elapsed_us(run)};
}

static void finish(struct isb_check_run *run, enum isb_outcome_kind kind, const char *detail)
{
	struct isb_outcome o = outcome_of(run, kind);
	isb_check_finish(run, &o, detail);
}

static void judge(struct isb_check_run *run, const struct isb_dns_reply *reply)
{
	struct isb_outcome o = outcome_of(run, ISB_OUT_OK);
	o.status = reply->rcode;
	if (!(run->spec->rcodes & UINT32_C(1) << reply->rcode))
		o.kind = ISB_OUT_RCODE;
	else if (run->spec->naddress && !reply->found)
		o.kind = ISB_OUT_ANSWER_MISMATCH;
	if (o.kind == ISB_OUT_ANSWER_MISMATCH)
		isb_check_say(run, "none of the expected addresses among %u answers", reply->answers);
	isb_check_finish(run, &o, NULL);
}

/* --- TCP --- */

static void connected(struct isb_check_run *run)
{
	struct dns *dns = run->state;
	uint8_t len[2];
	dns->connect_us = isb_check_elapsed_us(run);
	isb_put_u16(len, (uint16_t)dns->query.len);
	struct isb_buf message = {0};
	isb_buf_add(&message, len, sizeof(len));
	isb_buf_add(&message, dns->query.data, dns->query.len);
	isb_stream_send(dns->stream, message.data, message.len);
	isb_buf_done(&message);
}

static void on_data(struct isb_check_run *run, const uint8_t *data, size_t len)
{
	struct dns *dns = run->state;
	size_t room = 2 + MESSAGE_MAX - dns->got.len;
	isb_buf_add(&dns->got, data, len < room ? len : room);
	if (dns->got.len < 2)
		return;
	const uint8_t *got = (const uint8_t *)dns->got.data;
	size_t whole = isb_get_u16(got);
	struct isb_dns_reply reply;
	if (dns->got.len < 2 + whole)
		return;
	if (isb_dns_reply_read(&dns->ask, got + 2, whole, &reply) != ISB_OK)
		finish(run, ISB_OUT_BAD_REPLY, "what came over TCP is no reply to the query");
	else if (reply.truncated)
		finish(run, ISB_OUT_BAD_REPLY, "the reply is cut short over TCP too");
	else
		judge(run, &reply);
}

static void on_end(struct isb_check_run *run, int error)
{
	const struct dns *dns = run->state;
	finish(run, dns->connect_us ? ISB_OUT_CLOSED_EARLY : isb_connect_failure(error),
	       error ? uv_strerror(-error) : "the connection was closed before the reply was whole");
}

static const struct isb_stream_user over_tcp = {connected, on_data, on_end};

static void ask_again(struct isb_check_run *run)
{
	struct dns *dns = run->state;
	isb_dgram_close(dns->dgram);
	dns->dgram = NULL;
	int error = isb_stream_open(run, &dns->addr, &over_tcp, &dns->stream);
	if (error)
		finish(run, isb_connect_failure(error), uv_strerror(-error));
}

/* --- UDP --- */

static void got(struct isb_check_run *run, const uint8_t *data, size_t len)
{
	struct dns *dns = run->state;
	struct isb_dns_reply reply;
	int rc = isb_dns_reply_read(&dns->ask, data, len, &reply);
	if (rc == ISB_ENOTFOUND) {
		if (++dns->strays == STRAYS_MAX)
			finish(run, ISB_OUT_BAD_REPLY, "a storm of what is no reply to the query");
		return;
	}
	dns->first_us = isb_check_elapsed_us(run);
	if (rc != ISB_OK)
		finish(run, ISB_OUT_BAD_REPLY, "the reply is malformed");
	else if (reply.truncated)
		ask_again(run);
	else
		judge(run, &reply);
}

static void failed(struct isb_check_run *run, int error)
{
	finish(run, isb_connect_failure(error), uv_strerror(-error));
}

static const struct isb_dgram_user over_udp = {got, failed};

/* --- The method --- */

static void start(struct isb_check_run *run, const struct isb_addr *addr)
{
	const struct isb_spec *spec = run->spec;
	struct dns *dns = run->state = isb_xcalloc(1, sizeof(*dns));
	dns->addr = *addr;
	dns->ask = (struct isb_dns_ask){.id = (uint16_t)isb_random_seed(),
	                                .recursion = spec->recursion,
	                                .question = spec->question,
	                                .nquestion = spec->nquestion,
	                                .addresses = spec->addresses,
	                                .naddress = spec->naddress};
	isb_dns_ask_write(&dns->ask, &dns->query);
	int error = isb_dgram_open_udp(run, addr, &over_udp, &dns->dgram);
	if (!error)
		error = isb_dgram_send(dns->dgram, dns->query.data, dns->query.len);
	if (error)
		isb_check_fail_soon(run, error);
}

static void stop(struct isb_check_run *run)
{
	struct dns *dns = run->state;
	run->state = NULL;
	isb_dgram_close(dns->dgram);
	isb_stream_close(dns->stream);
	isb_buf_done(&dns->query);
	isb_buf_done(&dns->got);
	free(dns);
}

static struct isb_outcome expire(struct isb_check_run *run)
{
	const struct dns *dns = run->state;
	if (dns->stream)
		return outcome_of(run, dns->connect_us ? ISB_OUT_TIMEOUT : ISB_OUT_CONNECT_TIMEOUT);
	if (dns->strays)
		isb_check_say(run, "what came is no reply to the query");
	return outcome_of(run, dns->strays ? ISB_OUT_BAD_REPLY : ISB_OUT_NO_REPLY);
}

const struct isb_check_method isb_check_dns = {start, stop, expire};
