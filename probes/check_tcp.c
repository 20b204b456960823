/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "check_stream.h"
#include "check_talk.h"
#include "isobar/base/arena.h"

/* tcp: ok when the three-way handshake completes and, where the check talks, what came back is as expected.
 * tcp-half-open: ok when the SYN is answered by a SYN-ACK, which is then answered by RST. */

struct tcp {
	struct isb_stream *stream; /* NULL: could not even begin */
	struct isb_talk talk;
	uint32_t connect_us;
};

static struct isb_outcome outcome_of(const struct isb_check_run *run, enum isb_outcome_kind kind)
{
	const struct tcp *tcp = run->state;
	return (struct isb_outcome){.kind = kind,
	                            .connect_us = tcp->connect_us,
	                            .first_byte_us = tcp->talk.first_us,
	                            .total_us = isb_check_elapsed_us(run)};
}

static void finish(struct isb_check_run *run, enum isb_outcome_kind kind)
{
	struct isb_outcome o = outcome_of(run, kind);
	isb_check_finish(run, &o, NULL);
}

static void connected(struct isb_check_run *run)
{
	struct tcp *tcp = run->state;
	tcp->connect_us = isb_check_elapsed_us(run);
	if (!isb_spec_talks(run->spec))
		finish(run, ISB_OUT_OK);
	else if (run->spec->nsend)
		isb_stream_send(tcp->stream, run->spec->send, run->spec->nsend);
}

static void on_data(struct isb_check_run *run, const uint8_t *data, size_t len)
{
	struct tcp *tcp = run->state;
	enum isb_outcome_kind kind = isb_talk_feed(&tcp->talk, run, data, len);
	if (kind != ISB_OUT_NONE)
		finish(run, kind);
}

static void on_end(struct isb_check_run *run, int error)
{
	struct tcp *tcp = run->state;
	enum isb_outcome_kind kind = tcp->connect_us ? isb_talk_end(&tcp->talk, run) : isb_connect_failure(error);
	if (error && !*run->detail)
		isb_check_say(run, "%s", uv_strerror(-error));
	finish(run, kind);
}

static const struct isb_stream_user user = {connected, on_data, on_end};

static void start(struct isb_check_run *run, const struct isb_addr *addr)
{
	struct tcp *tcp = run->state = isb_xcalloc(1, sizeof(*tcp));
	int error = isb_stream_open(run, addr, &user, &tcp->stream);
	if (error)
		isb_check_fail_soon(run, error);
}

static void start_half(struct isb_check_run *run, const struct isb_addr *addr)
{
	struct tcp *tcp = run->state = isb_xcalloc(1, sizeof(*tcp));
	int error = isb_stream_open_half(run, addr, &user, &tcp->stream);
	if (error)
		isb_check_fail_soon(run, error);
}

static void release(struct isb_check_run *run)
{
	struct tcp *tcp = run->state;
	run->state = NULL;
	isb_talk_done(&tcp->talk);
	free(tcp);
}

static void stop(struct isb_check_run *run)
{
	isb_stream_close(((struct tcp *)run->state)->stream);
	release(run);
}

static void stop_half(struct isb_check_run *run)
{
	isb_stream_reset(((struct tcp *)run->state)->stream);
	release(run);
}

static struct isb_outcome expire(struct isb_check_run *run)
{
	const struct tcp *tcp = run->state;
	isb_talk_say(&tcp->talk, run);
	return outcome_of(run, tcp->connect_us ? ISB_OUT_TIMEOUT : ISB_OUT_CONNECT_TIMEOUT);
}

const struct isb_check_method isb_check_tcp = {start, stop, expire};
const struct isb_check_method isb_check_tcp_half_open = {start_half, stop_half, expire};
