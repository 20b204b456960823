/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "check_agent_line.h"
#include "check_stream.h"
#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/base/err.h"

/* One line over TCP in which the endpoint says how it feels; the line's end or the connection's ends it. */

enum { LENGTH_MAX = 4096, SHOWN = 80 };

struct agent {
	struct isb_stream *stream; /* NULL: could not even begin */
	struct isb_buf line;
	uint32_t connect_us, first_us;
};

static struct isb_outcome outcome_of(const struct isb_check_run *run, enum isb_outcome_kind kind)
{
	const struct agent *agent = run->state;
	return (struct isb_outcome){.kind = kind,
	                            .connect_us = agent->connect_us,
	                            .first_byte_us = agent->first_us,
	                            .total_us = isb_check_elapsed_us(run)};
}

static void finish(struct isb_check_run *run, enum isb_outcome_kind kind)
{
	struct isb_outcome o = outcome_of(run, kind);
	isb_check_finish(run, &o, NULL);
}

static int shown(size_t len)
{
	return (int)(len < SHOWN ? len : SHOWN);
}

static void judge(struct isb_check_run *run, size_t len)
{
	const struct agent *agent = run->state;
	const char *word;
	size_t nword;
	struct isb_agent said;
	struct isb_outcome o = outcome_of(run, ISB_OUT_BAD_REPLY);
	if (isb_agent_read(isb_buf_text(&agent->line), len, &said, &word, &nword) != ISB_OK) {
		if (nword)
			isb_check_say(run, "the agent says '%.*s', which is no word of agent-check", shown(nword),
			              word);
		else
			isb_check_say(run, "the agent says nothing");
		isb_check_finish(run, &o, NULL);
		return;
	}
	o.kind = said.down ? ISB_OUT_SAID_DOWN : ISB_OUT_OK;
	o.has_soft = said.has_soft;
	o.soft = said.soft;
	if (said.nreason)
		isb_check_say(run, "%.*s", shown(said.nreason), said.reason);
	isb_check_finish(run, &o, NULL);
}

static void connected(struct isb_check_run *run)
{
	struct agent *agent = run->state;
	agent->connect_us = isb_check_elapsed_us(run);
	if (run->spec->nsend)
		isb_stream_send(agent->stream, run->spec->send, run->spec->nsend);
}

static void on_data(struct isb_check_run *run, const uint8_t *data, size_t len)
{
	struct agent *agent = run->state;
	size_t end = 0;
	if (!agent->first_us)
		agent->first_us = isb_check_elapsed_us(run);
	while (end < len && data[end] != '\r' && data[end] != '\n')
		end++;
	size_t room = LENGTH_MAX + 1 - agent->line.len;
	isb_buf_add(&agent->line, data, end < room ? end : room);
	if (agent->line.len > LENGTH_MAX) {
		isb_check_say(run, "a line of more than %d octets", LENGTH_MAX);
		finish(run, ISB_OUT_BAD_REPLY);
	} else if (end < len) {
		judge(run, agent->line.len);
	}
}

static void on_end(struct isb_check_run *run, int error)
{
	const struct agent *agent = run->state;
	if (!error && agent->line.len) {
		judge(run, agent->line.len);
		return;
	}
	if (error)
		isb_check_say(run, "%s", uv_strerror(-error));
	finish(run, agent->connect_us ? ISB_OUT_CLOSED_EARLY : isb_connect_failure(error));
}

static const struct isb_stream_user user = {connected, on_data, on_end};

static void start(struct isb_check_run *run, const struct isb_addr *addr)
{
	struct agent *agent = run->state = isb_xcalloc(1, sizeof(*agent));
	int error = isb_stream_open(run, addr, &user, &agent->stream);
	if (error)
		isb_check_fail_soon(run, error);
}

static void stop(struct isb_check_run *run)
{
	struct agent *agent = run->state;
	run->state = NULL;
	isb_stream_close(agent->stream);
	isb_buf_done(&agent->line);
	free(agent);
}

static struct isb_outcome expire(struct isb_check_run *run)
{
	const struct agent *agent = run->state;
	return outcome_of(run, agent->connect_us ? ISB_OUT_TIMEOUT : ISB_OUT_CONNECT_TIMEOUT);
}

const struct isb_check_method isb_check_agent = {start, stop, expire};
