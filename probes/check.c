/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "check_run.h"
#include "check_tls_setup.h"
#include "check_trust.h"
#include "scripts.h"

/* getaddrinfo(3) cannot be interrupted: a lookup whose check gave up still occupies a thread. Past this many, checks
 * that need one fail by the probe's own trouble instead of queueing without end. */
enum { LOOKUPS_MAX = 64 };

static const struct isb_check_method *const methods[] = {
	[ISB_CHECK_TCP] = &isb_check_tcp,
	[ISB_CHECK_TCP_HALF_OPEN] = &isb_check_tcp_half_open,
	[ISB_CHECK_TLS] = &isb_check_tls,
	[ISB_CHECK_HTTP] = &isb_check_http,
	[ISB_CHECK_HTTPS] = &isb_check_http,
	[ISB_CHECK_GRPC] = &isb_check_http,
	[ISB_CHECK_DNS] = &isb_check_dns,
	[ISB_CHECK_UDP] = &isb_check_udp,
	[ISB_CHECK_ICMP] = &isb_check_icmp,
	[ISB_CHECK_AGENT] = &isb_check_agent,
	[ISB_CHECK_SCRIPT] = &isb_check_script,
};

int isb_checker_new(uv_loop_t *loop, const struct isb_helper *helper, isb_check_done *done, void *arg,
                    struct isb_checker **ret_checker)
{
	struct isb_checker *checker = isb_xcalloc(1, sizeof(*checker));
	*checker = (struct isb_checker){.loop = loop, .done = done, .arg = arg};
	int rc = isb_http_new(loop, &checker->http);
	if (rc != ISB_OK) {
		free(checker);
		return rc;
	}
	if (helper)
		checker->scripts = isb_scripts_new(loop, helper);
	checker->trust = isb_trust_new();
	checker->setups = isb_tls_setups_new(checker->trust);
	checker->chunk = isb_xmalloc(ISB_CHECK_READ);
	*ret_checker = checker;
	return ISB_OK;
}

void isb_checker_close(struct isb_checker *checker)
{
	isb_scripts_close(checker->scripts);
	isb_http_close(checker->http);
}

void isb_checker_free(struct isb_checker *checker)
{
	isb_scripts_free(checker->scripts);
	isb_http_free(checker->http);
	isb_tls_setups_free(checker->setups);
	isb_trust_free(checker->trust);
	free(checker->chunk);
	free(checker);
}

enum isb_outcome_kind isb_connect_failure(int error)
{
	switch (error) {
	case ECONNREFUSED: return ISB_OUT_CONNECT_REFUSED;
	case ETIMEDOUT: return ISB_OUT_CONNECT_TIMEOUT;
	case ECONNRESET:
	case EPIPE: return ISB_OUT_CLOSED_EARLY;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM: return ISB_OUT_INTERNAL;
	default: return ISB_OUT_CONNECT_UNREACHABLE; /* no route, no address of the family, forbidden by a firewall */
	}
}

void isb_check_say(struct isb_check_run *run, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(run->detail, sizeof(run->detail), fmt, ap);
	va_end(ap);
	for (char *c = run->detail; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '"')
			*c = *c == '"' ? '\'' : '.';
}

uint32_t isb_check_elapsed_us(const struct isb_check_run *run)
{
	int64_t us = isb_monotonic_us() - run->started_us + 1;
	return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void free_run(uv_handle_t *timer)
{
	free(timer->data);
}

static void release(struct isb_check_run *run)
{
	if (run->state)
		run->method->stop(run);
	if (run->lookup) {
		run->lookup->data = NULL;
		uv_cancel((uv_req_t *)run->lookup); /* works while it waits for a thread; looked_up() frees it */
		run->lookup = NULL;
	}
	uv_close((uv_handle_t *)&run->timer, free_run);
}

void isb_check_finish(struct isb_check_run *run, const struct isb_outcome *outcome, const char *detail)
{
	if (!detail && *run->detail)
		detail = run->detail;
	run->checker->done(run->checker->arg, run->item, outcome, detail);
	release(run);
}

void isb_check_cancel(struct isb_check_run *run)
{
	release(run);
}

static void on_timer(uv_timer_t *timer)
{
	struct isb_check_run *run = timer->data;
	struct isb_outcome o = {.kind = ISB_OUT_RESOLVE};
	if (run->decided)
		o = run->outcome;
	else if (run->method)
		o = run->method->expire(run);
	isb_check_finish(run, &o, NULL);
}

void isb_check_finish_soon(struct isb_check_run *run, const struct isb_outcome *outcome)
{
	run->outcome = *outcome;
	run->decided = true;
	uv_timer_start(&run->timer, on_timer, 0, 0);
}

void isb_check_begin_again(struct isb_check_run *run, uint32_t timeout_ms)
{
	run->started_us = isb_monotonic_us();
	uv_update_time(run->checker->loop);
	uv_timer_start(&run->timer, on_timer, timeout_ms, 0);
}

void isb_check_fail_soon(struct isb_check_run *run, int error)
{
	struct isb_outcome o = {.kind = isb_connect_failure(error), .total_us = isb_check_elapsed_us(run)};
	isb_check_say(run, "%s", uv_strerror(-error));
	isb_check_finish_soon(run, &o);
}

static void begin(struct isb_check_run *run, const struct isb_addr *addr)
{
	run->method = methods[run->spec->type];
	run->started_us = isb_monotonic_us();
	run->method->start(run, addr);
}

static void looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct isb_check_run *run = request->data;
	struct isb_checker *checker = *(struct isb_checker **)(request + 1);
	checker->lookups--;
	if (run) {
		run->lookup = NULL;
		struct isb_addr addr = {0};
		if (status == 0 && found)
			addr = isb_addr_from_sockaddr(found->ai_addr);
		if (addr.family) {
			begin(run, &addr);
		} else {
			struct isb_outcome o = {.kind = ISB_OUT_RESOLVE};
			isb_check_finish(run, &o, status ? uv_strerror(status) : NULL);
		}
	}
	uv_freeaddrinfo(found);
	free(request);
}

static void look_up(struct isb_check_run *run)
{
	static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct isb_checker *checker = run->checker;
	struct isb_outcome trouble = {.kind = ISB_OUT_INTERNAL};
	if (checker->lookups >= LOOKUPS_MAX) {
		isb_check_finish_soon(run, &trouble);
		return;
	}
	uv_getaddrinfo_t *request = isb_xcalloc(1, sizeof(*request) + sizeof(checker));
	*(struct isb_checker **)(request + 1) = checker;
	request->data = run;
	if (uv_getaddrinfo(checker->loop, request, looked_up, run->spec->node, NULL, &hints) != 0) {
		free(request);
		isb_check_finish_soon(run, &trouble);
		return;
	}
	checker->lookups++;
	run->lookup = request;
}

struct isb_check_run *isb_check_start(struct isb_checker *checker, const struct isb_spec *spec, int64_t timeout_ms,
                                      struct isb_kept **keep, void *item)
{
	struct isb_check_run *run = isb_xcalloc(1, sizeof(*run));
	*run = (struct isb_check_run){.checker = checker, .spec = spec, .keep = keep, .item = item};
	uv_timer_init(checker->loop, &run->timer);
	run->timer.data = run;
	uv_update_time(checker->loop); /* a commit may have taken a while: the deadline counts from now */
	uv_timer_start(&run->timer, on_timer, (uint64_t)timeout_ms, 0);
	if (spec->addr.family)
		begin(run, &spec->addr);
	else
		look_up(run);
	return run;
}
