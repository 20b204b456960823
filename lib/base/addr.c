/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

int isb_addr_parse(const char *text, struct isb_addr *ret_addr)
{
	struct isb_addr a = {0};
	if (inet_pton(AF_INET, text, a.octets) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, text, a.octets) == 1)
		a.family = 6;
	else
		return ISB_EFORMAT;
	*ret_addr = a;
	return ISB_OK;
}

struct isb_net isb_net_around(const struct isb_addr *addr, unsigned len)
{
	unsigned bits = isb_addr_bits(addr);
	if (len > bits)
		len = bits;
	struct isb_net net = {.addr = {.family = addr->family}, .len = (uint8_t)len};
	memcpy(net.addr.octets, addr->octets, (len + 7) / 8);
	if (len % 8)
		net.addr.octets[len / 8] &= (uint8_t)(0xff00 >> (len % 8));
	return net;
}

int isb_net_parse(const char *text, struct isb_net *ret_net)
{
	char copy[ISB_NET_TEXT];
	if (strlen(text) >= sizeof(copy))
		return ISB_EFORMAT;
	strcpy(copy, text);
	char *slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	struct isb_addr addr;
	int rc = isb_addr_parse(copy, &addr);
	if (rc != ISB_OK)
		return rc;
	unsigned long len = isb_addr_bits(&addr);
	if (slash) {
		char *end;
		if (*slash < '0' || *slash > '9')
			return ISB_EFORMAT;
		unsigned long v = strtoul(slash, &end, 10);
		if (*end || v > len)
			return ISB_EFORMAT;
		len = v;
	}
	struct isb_net net = isb_net_around(&addr, (unsigned)len);
	if (!isb_addr_equal(&net.addr, &addr))
		return ISB_ERANGE;
	*ret_net = net;
	return ISB_OK;
}

char *isb_addr_print(const struct isb_addr *addr, char out[ISB_ADDR_TEXT])
{
	if (!addr->family || !inet_ntop(addr->family == 4 ? AF_INET : AF_INET6, addr->octets, out, ISB_ADDR_TEXT))
		strcpy(out, "none");
	return out;
}

char *isb_net_print(const struct isb_net *net, char out[ISB_NET_TEXT])
{
	isb_addr_print(&net->addr, out);
	size_t n = strlen(out);
	snprintf(out + n, ISB_NET_TEXT - n, "/%u", net->len);
	return out;
}

struct isb_addr isb_addr_from_sockaddr_other(const struct sockaddr *sa)
{
	struct isb_addr a = {0};
	if (sa->sa_family == AF_INET6) {
		const uint8_t *octets = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr;
		if (memcmp(octets, mapped, sizeof(mapped)) == 0) {
			a.family = 4;
			memcpy(a.octets, octets + 12, 4);
		} else {
			a.family = 6;
			memcpy(a.octets, octets, 16);
		}
	}
	return a;
}

uint16_t isb_port_from_sockaddr(const struct sockaddr *sa)
{
	/* both kinds have the port at the same place, but that is not ours to rely on */
	if (sa->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
	return sa->sa_family == AF_INET ? ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port) : 0;
}

socklen_t isb_addr_to_sockaddr(const struct isb_addr *addr, uint16_t port, struct sockaddr_storage *ret_sa)
{
	memset(ret_sa, 0, sizeof(*ret_sa));
	if (addr->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)ret_sa;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, addr->octets, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)ret_sa;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, addr->octets, 16);
	return sizeof(*in6);
}

bool isb_addr_equal(const struct isb_addr *a, const struct isb_addr *b)
{
	return a->family == b->family && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

bool isb_net_has(const struct isb_net *net, const struct isb_addr *addr)
{
	if (net->addr.family != addr->family)
		return false;
	struct isb_net other = isb_net_around(addr, net->len);
	return isb_addr_equal(&other.addr, &net->addr);
}

static uint8_t special_bits_ipv4(unsigned first, unsigned second)
{
	switch (first) {
	case 0:
	case 10:
	case 127: return 8;
	case 100: return second >> 6 == 64 >> 6 ? 10 : 0;
	case 169: return second == 254 ? 16 : 0;
	case 172: return second >> 4 == 16 >> 4 ? 12 : 0;
	case 192: return second == 168 ? 16 : 0;
	default: return first >= 224 ? 3 : 0;
	}
}

static uint8_t special_bits_ipv6(const uint8_t octets[16])
{
	static const uint8_t zero[15] = {0};
	if (octets[0] >> 1 == 0xfc >> 1)
		return 7;
	if (octets[0] == 0xff)
		return 8;
	if (octets[0] == 0xfe)
		return octets[1] >> 6 == 0x80 >> 6 ? 10 : 0;
	return octets[0] == 0 && memcmp(octets, zero, sizeof(zero)) == 0 && octets[15] <= 1 ? 127 : 0; /* :: and ::1 */
}

uint8_t isb_addr_special_bits(const struct isb_addr *addr)
{
	if (addr->family == 4)
		return special_bits_ipv4(addr->octets[0], addr->octets[1]);
	return addr->family == 6 ? special_bits_ipv6(addr->octets) : 0;
}

bool isb_addr_is_public(const struct isb_addr *addr)
{
	return addr->family && isb_addr_special_bits(addr) == 0;
}
