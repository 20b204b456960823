/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "check_dgram.h"
#include "check_talk.h"
#include "isobar/base/arena.h"

/* One datagram out; the first one that comes back decides. Silence is a failure: nothing else tells a service that is
 * there from a network that swallows. */

struct udp {
	struct isb_dgram *dgram; /* NULL: could not even begin */
	struct isb_talk talk;
};

static struct isb_outcome outcome_of(const struct isb_check_run *run, enum isb_outcome_kind kind)
{
	const struct udp *udp = run->state;
	return (struct isb_outcome){
		.kind = kind, .first_byte_us = udp->talk.first_us, .total_us = isb_check_elapsed_us(run)};
}

static void got(struct isb_check_run *run, const uint8_t *data, size_t len)
{
	struct udp *udp = run->state;
	enum isb_outcome_kind kind = isb_talk_feed(&udp->talk, run, data, len);
	if (kind == ISB_OUT_NONE) {
		kind = ISB_OUT_BODY_MISMATCH;
		isb_talk_say(&udp->talk, run);
	}
	struct isb_outcome o = outcome_of(run, kind);
	isb_check_finish(run, &o, NULL);
}

static void failed(struct isb_check_run *run, int error)
{
	struct isb_outcome o = outcome_of(run, isb_connect_failure(error));
	isb_check_finish(run, &o, uv_strerror(-error));
}

static const struct isb_dgram_user user = {got, failed};

static void start(struct isb_check_run *run, const struct isb_addr *addr)
{
	struct udp *udp = run->state = isb_xcalloc(1, sizeof(*udp));
	int error = isb_dgram_open_udp(run, addr, &user, &udp->dgram);
	if (!error)
		error = isb_dgram_send(udp->dgram, run->spec->send, run->spec->nsend);
	if (error)
		isb_check_fail_soon(run, error);
}

static void stop(struct isb_check_run *run)
{
	struct udp *udp = run->state;
	run->state = NULL;
	isb_dgram_close(udp->dgram);
	isb_talk_done(&udp->talk);
	free(udp);
}

static struct isb_outcome expire(struct isb_check_run *run)
{
	return outcome_of(run, ISB_OUT_NO_REPLY);
}

const struct isb_check_method isb_check_udp = {start, stop, expire};
