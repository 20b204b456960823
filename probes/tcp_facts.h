/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* What the kernel itself knows of a TCP connection. Its round trips are measured when packets come, and not when this
 * process has time to look. */
struct isb_tcp_facts {
	uint32_t rtt_us;   /* the shortest; 0: none is known */
	uint64_t received; /* octets of data */
};
bool isb_tcp_facts(int fd, struct isb_tcp_facts *ret_facts);
