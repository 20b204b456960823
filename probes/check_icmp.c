/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "check_dgram.h"
#include "check_icmp_echo.h"
#include "isobar/base/arena.h"
#include "isobar/base/rng.h"

/* One echo request. By a ping socket, which needs no privilege where net.ipv4.ping_group_range has the probe's group;
 * else by a raw one, which needs CAP_NET_RAW. */

struct icmp {
	struct isb_dgram *dgram; /* NULL: could not even begin */
	struct isb_echo echo;
};

static struct isb_outcome outcome_of(const struct isb_check_run *run, enum isb_outcome_kind kind)
{
	return (struct isb_outcome){.kind = kind, .total_us = isb_check_elapsed_us(run)};
}

static void got(struct isb_check_run *run, const uint8_t *data, size_t len)
{
	const struct icmp *icmp = run->state;
	if (!isb_echo_answers(&icmp->echo, data, len)) /* a raw socket sees everyone's */
		return;
	struct isb_outcome o = outcome_of(run, ISB_OUT_OK);
	o.connect_us = o.first_byte_us = o.total_us; /* the round trip */
	isb_check_finish(run, &o, NULL);
}

static void failed(struct isb_check_run *run, int error)
{
	struct isb_outcome o = outcome_of(run, isb_connect_failure(error));
	isb_check_finish(run, &o, uv_strerror(-error));
}

static const struct isb_dgram_user user = {got, failed};

/* Nothing but echo replies, or every packet of the machine would wake every check. */
static void let_replies_through(int fd, int family)
{
	if (family == AF_INET) {
		struct icmp_filter filter = {.data = ~(UINT32_C(1) << ICMP_ECHOREPLY)};
		setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
		return;
	}
	struct icmp6_filter filter;
	for (size_t i = 0; i < sizeof(filter.data) / sizeof(filter.data[0]); i++)
		filter.data[i] = ~UINT32_C(0); /* a bit that is set blocks the type */
	filter.data[ICMPV6_ECHO_REPLY >> 5] &= ~(UINT32_C(1) << (ICMPV6_ECHO_REPLY & 31));
	setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, &filter, sizeof(filter));
}

static int open_socket(struct icmp *icmp, int family)
{
	int protocol = family == AF_INET ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd >= 0 || (errno != EACCES && errno != EPERM && errno != EPROTONOSUPPORT))
		return fd;
	fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	icmp->echo.raw = true;
	if (fd >= 0)
		let_replies_through(fd, family);
	return fd;
}

/* 0, or an errno; *ret_own is set when it is the probe's own trouble. */
static int ask(struct isb_check_run *run, const struct isb_addr *addr, bool *ret_own)
{
	struct icmp *icmp = run->state;
	struct sockaddr_storage sa;
	uint8_t request[ISB_ECHO_LEN];
	socklen_t len = isb_addr_to_sockaddr(addr, 0, &sa);
	int fd = open_socket(icmp, sa.ss_family);
	if (fd < 0) {
		*ret_own = errno == EACCES || errno == EPERM || errno == EPROTONOSUPPORT;
		return errno;
	}
	int error = isb_dgram_open(run, fd, (const struct sockaddr *)&sa, len, &user, &icmp->dgram);
	if (error)
		return error;
	isb_echo_write(&icmp->echo, request);
	return isb_dgram_send(icmp->dgram, request, sizeof(request));
}

static void start(struct isb_check_run *run, const struct isb_addr *addr)
{
	struct icmp *icmp = run->state = isb_xcalloc(1, sizeof(*icmp));
	bool own = false;
	icmp->echo = (struct isb_echo){
		.family = addr->family, .id = (uint16_t)isb_random_seed(), .token = isb_random_seed()};
	int error = ask(run, addr, &own);
	if (!error)
		return;
	if (!own) {
		isb_check_fail_soon(run, error);
		return;
	}
	struct isb_outcome o = outcome_of(run, ISB_OUT_INTERNAL);
	isb_check_say(run,
	              "no ping socket (the group is not in net.ipv4.ping_group_range) and no raw one (CAP_NET_RAW)");
	isb_check_finish_soon(run, &o);
}

static void stop(struct isb_check_run *run)
{
	struct icmp *icmp = run->state;
	run->state = NULL;
	isb_dgram_close(icmp->dgram);
	free(icmp);
}

static struct isb_outcome expire(struct isb_check_run *run)
{
	return outcome_of(run, ISB_OUT_NO_REPLY);
}

const struct isb_check_method isb_check_icmp = {start, stop, expire};
