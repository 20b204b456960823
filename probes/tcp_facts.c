/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp_facts.h"

#include <linux/tcp.h> /* glibc's own netinet/tcp.h has an older struct tcp_info */
#include <netinet/in.h>
#include <sys/socket.h>

bool isb_tcp_facts(int fd, struct isb_tcp_facts *ret_facts)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return false;
	*ret_facts = (struct isb_tcp_facts){
		.rtt_us = info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt,
		.received = info.tcpi_bytes_received,
	};
	return true;
}
