/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Echo messages of ICMP (RFC 792) and ICMPv6 (RFC 4443 §4), octets only. */

enum { ISB_ECHO_LEN = 24 }; /* header, token, eight octets that say who asks */

struct isb_echo {
	uint8_t family;  /* 4 or 6 */
	bool raw;        /* from a raw socket: IPv4 comes with its IP header, and the id and the sum are ours to look at */
	uint16_t id;
	uint64_t token;  /* a reply returns it; nobody off the path can know it */
};

void isb_echo_write(const struct isb_echo *echo, uint8_t out[ISB_ECHO_LEN]);
/* True when what was received answers this request. */
bool isb_echo_answers(const struct isb_echo *echo, const uint8_t *data, size_t len);
