/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "check_run.h"

/* Ok when the three-way handshake completes. */

struct tcp {
	uv_tcp_t socket;
	uv_connect_t request;
	struct isb_check_run *run; /* NULL once stopped: the cancelled request still calls back */
};

static void connected(uv_connect_t *request, int status)
{
	struct tcp *tcp = request->data;
	struct isb_check_run *run = tcp->run;
	if (!run)
		return;
	struct isb_outcome o = {.kind = status == 0 ? ISB_OUT_OK : isb_connect_failure(-status)};
	o.total_us = (uint32_t)(isb_monotonic_us() - run->started_us) + 1; /* 0 would say "not reached" */
	if (status == 0)
		o.connect_us = o.total_us;
	isb_check_finish(run, &o, status ? uv_strerror(status) : NULL);
}

static void start(struct isb_check_run *run, const struct isb_addr *addr)
{
	struct sockaddr_storage sa;
	isb_addr_to_sockaddr(addr, run->spec->port, &sa);
	struct tcp *tcp = isb_xcalloc(1, sizeof(*tcp));
	tcp->run = run;
	tcp->request.data = tcp;
	run->state = tcp;
	uv_tcp_init(run->checker->loop, &tcp->socket);
	tcp->socket.data = tcp;
	int rc = uv_tcp_connect(&tcp->request, &tcp->socket, (const struct sockaddr *)&sa, connected);
	if (rc != 0) {
		struct isb_outcome o = {.kind = isb_connect_failure(-rc)};
		isb_check_finish_soon(run, &o);
	}
}

static void free_tcp(uv_handle_t *socket)
{
	free(socket->data);
}

static void stop(struct isb_check_run *run)
{
	struct tcp *tcp = run->state;
	run->state = NULL;
	tcp->run = NULL;
	uv_close((uv_handle_t *)&tcp->socket, free_tcp);
}

static struct isb_outcome expire(struct isb_check_run *run)
{
	return (struct isb_outcome){.kind = ISB_OUT_CONNECT_TIMEOUT,
	                            .total_us = (uint32_t)(isb_monotonic_us() - run->started_us)};
}

const struct isb_check_method isb_check_tcp = {start, stop, expire};
