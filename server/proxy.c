/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy.h"

#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/wire.h"

enum {
	SIGNATURE = 12,
	FIXED = 16, /* signature, version and command, family and transport, length */
	LOCAL = 0x20,
	PROXY = 0x21,
	INET = 0x10,
	INET6 = 0x20,
	STREAM = 1,
	DGRAM = 2,
};
static const uint8_t signature[SIGNATURE] = "\r\n\r\n\0\r\nQUIT\n";

/* Octets of both addresses and both ports, or 0 for a family or a transport that DNS clients do not have. */
static size_t addresses(uint8_t kind)
{
	if ((kind & 0xf) != STREAM && (kind & 0xf) != DGRAM)
		return 0;
	return (kind & 0xf0) == INET ? 2 * 4 + 2 * 2 : (kind & 0xf0) == INET6 ? 2 * 16 + 2 * 2 : 0;
}

/* An IPv4-mapped address becomes the IPv4 address it is, as those of sockets do. */
static struct isb_addr source(uint8_t kind, const uint8_t *octets)
{
	struct isb_addr addr = {.family = (kind & 0xf0) == INET ? 4 : 6};
	memcpy(addr.octets, octets, isb_addr_bits(&addr) / 8);
	struct sockaddr_storage sa;
	isb_addr_to_sockaddr(&addr, 0, &sa);
	return isb_addr_from_sockaddr((const struct sockaddr *)&sa);
}

/* Every octet is judged as soon as it is there, so that a client that speaks plain DNS, or version 1, is not waited
 * for. */
int isb_proxy_parse(const uint8_t *data, size_t len, struct isb_proxy *ret_proxy)
{
	if (memcmp(data, signature, len < SIGNATURE ? len : SIGNATURE) != 0)
		return ISB_EFORMAT;
	if (len > SIGNATURE && data[SIGNATURE] != LOCAL && data[SIGNATURE] != PROXY)
		return ISB_EFORMAT;
	if (len > SIGNATURE + 1 && data[SIGNATURE] == PROXY && !addresses(data[SIGNATURE + 1]))
		return ISB_EFORMAT; /* "unknown" would steer the client by where the front end stands */
	if (len < FIXED)
		return ISB_ESPACE;
	uint8_t kind = data[SIGNATURE + 1];
	size_t rest = isb_get_u16(data + SIGNATURE + 2);
	if (data[SIGNATURE] == PROXY && rest < addresses(kind))
		return ISB_EFORMAT;
	if (len - FIXED < rest)
		return ISB_ESPACE;
	*ret_proxy = (struct isb_proxy){.len = FIXED + rest};
	if (data[SIGNATURE] == PROXY) {
		ret_proxy->client = source(kind, data + FIXED);
		ret_proxy->port = isb_get_u16(data + FIXED + addresses(kind) - 4); /* the two ports come last */
	}
	return ISB_OK;
}

bool isb_proxy_allows(const struct isb_proxy_from *from, const struct isb_addr *sender)
{
	for (size_t i = 0; i < from->count; i++)
		if (isb_net_has(&from->nets[i], sender))
			return true;
	return false;
}
