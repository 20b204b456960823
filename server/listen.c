/* SPDX-License-Identifier: Apache-2.0 */
#include "listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/err.h"

enum {
	UDP_RCVBUF = 4 << 20,  /* a burst waits here while a worker is busy */
	UDP_SNDBUF = 1 << 20,  /* one batch of answers must fit at once */
	TCP_RCVBUF = 64 << 10, /* what the kernel holds for one connection that is not read … */
	TCP_SNDBUF = 128 << 10, /* … or does not read; left to itself, it would be megabytes */
	BIND_TRIES = 10,
	BIND_WAIT_US = 50000
};

static int parse_port(const char *text, uint16_t *ret_port)
{
	size_t digits = strspn(text, "0123456789");
	if (!digits || text[digits])
		return ISB_EFORMAT;
	unsigned long port = digits <= 5 ? strtoul(text, NULL, 10) : 0;
	if (port < 1 || port > 65535)
		return ISB_ERANGE;
	*ret_port = (uint16_t)port;
	return ISB_OK;
}

int isb_listen_parse(const char *text, struct isb_listen *ret_listen)
{
	struct isb_listen listen = {.port = ISB_DNS_PORT};
	char host[ISB_ADDR_TEXT];
	const char *port = NULL;
	if (isb_addr_parse(text, &listen.addr) != ISB_OK) {
		bool bracket = text[0] == '[';
		const char *start = text + bracket, *end = strchr(start, bracket ? ']' : ':');
		if (!end || (size_t)(end - start) >= sizeof(host))
			return ISB_EFORMAT;
		memcpy(host, start, (size_t)(end - start));
		host[end - start] = '\0';
		if (isb_addr_parse(host, &listen.addr) != ISB_OK || bracket != (listen.addr.family == 6))
			return ISB_EFORMAT;
		end += bracket;
		if (*end && *end != ':')
			return ISB_EFORMAT;
		port = *end ? end + 1 : NULL;
	}
	int rc = port ? parse_port(port, &listen.port) : ISB_OK;
	if (rc == ISB_OK)
		*ret_listen = listen;
	return rc;
}

char *isb_listen_print(const struct isb_listen *listen, char out[ISB_LISTEN_TEXT])
{
	char addr[ISB_ADDR_TEXT];
	isb_addr_print(&listen->addr, addr);
	snprintf(out, ISB_LISTEN_TEXT, listen->addr.family == 6 ? "[%s]:%u" : "%s:%u", addr, listen->port);
	return out;
}

static int refuse(const struct isb_listen *listen, int error, struct isb_diags *diags)
{
	struct isb_listen high = {.addr = listen->addr, .port = 5300};
	char text[ISB_LISTEN_TEXT], hint[160] = "";
	if (error == EACCES && listen->port < 1024)
		snprintf(hint, sizeof(hint), " (ports below 1024 need CAP_NET_BIND_SERVICE; try --listen %s)",
		         isb_listen_print(&high, text));
	else if (error == EADDRINUSE)
		snprintf(hint, sizeof(hint), " (does another DNS server run here?)");
	else if (error == EADDRNOTAVAIL)
		snprintf(hint, sizeof(hint), " (no interface of this machine has it)");
	isb_diag(diags, (struct isb_mark){0}, "cannot listen on %s: %s%s", isb_listen_print(listen, text),
	         strerror(error), hint);
	return ISB_EIO;
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* Options of every socket; errno says why it is -1. IPv6 sockets take IPv6 only, so that 0.0.0.0 and :: can both be
 * given and a client's address has one form. */
static int open_socket(const struct isb_listen *listen, int type)
{
	bool v6 = listen->addr.family == 6;
	/* UDP workers wait in the call that receives */
	int wait = type == SOCK_DGRAM ? 0 : SOCK_NONBLOCK;
	int fd = socket(v6 ? AF_INET6 : AF_INET, type | wait | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if ((v6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) ||
	    (type == SOCK_STREAM && set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static int bind_to(int fd, const struct isb_listen *listen)
{
	struct sockaddr_storage sa;
	socklen_t len = isb_addr_to_sockaddr(&listen->addr, listen->port, &sa);
	return bind(fd, (const struct sockaddr *)&sa, len);
}

static int try_to_bind(const struct isb_listen *listen, int type)
{
	int fd = open_socket(listen, type);
	int error = fd < 0 || bind_to(fd, listen) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return error;
}

int isb_listen_check(const struct isb_listen *listen, struct isb_diags *diags)
{
	static const int types[] = {SOCK_DGRAM, SOCK_STREAM};
	int error = 0;
	for (size_t i = 0; i < 2 && !error; i++) {
		error = try_to_bind(listen, types[i]);
		/* a server killed a moment ago still has its sockets until the kernel has buried it */
		for (unsigned tries = 0; error == EADDRINUSE && tries < BIND_TRIES; tries++) {
			usleep(BIND_WAIT_US);
			error = try_to_bind(listen, types[i]);
		}
	}
	if (listen->optional && (error == EADDRNOTAVAIL || error == EAFNOSUPPORT))
		return ISB_ENOTFOUND;
	return error ? refuse(listen, error, diags) : ISB_OK;
}

bool isb_listen_is_wildcard(const struct isb_addr *addr)
{
	static const struct isb_addr none;
	return memcmp(addr->octets, none.octets, sizeof(none.octets)) == 0;
}

/* The reply leaves from the address that was asked. A socket bound to one has no other; only with a wildcard must the
 * kernel tell it with every datagram and be told it again, which costs some 3 % of an answer. Answers are kept
 * small enough for every path, so a forged "fragmentation needed" must not change how they are sent: OMIT ignores it
 * and never sets DF. */
static int set_udp_options(int fd, const struct isb_addr *addr)
{
	bool v6 = addr->family == 6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	if (isb_listen_is_wildcard(addr) && set(fd, level, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1) < 0)
		return -1;
	if (set(fd, level, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, v6 ? IPV6_PMTUDISC_OMIT : IP_PMTUDISC_OMIT) < 0)
		return -1;
	/* FORCE goes past net.core.rmem_max with CAP_NET_ADMIN; without it the kernel gives what it may */
	if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, UDP_RCVBUF) < 0 && set(fd, SOL_SOCKET, SO_RCVBUF, UDP_RCVBUF) < 0)
		return -1;
	if (set(fd, SOL_SOCKET, SO_SNDBUFFORCE, UDP_SNDBUF) < 0 && set(fd, SOL_SOCKET, SO_SNDBUF, UDP_SNDBUF) < 0)
		return -1;
	return 0;
}

/* A listening socket hands its options on to the connections it accepts. */
static int set_tcp_options(int fd)
{
	if (set(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0 || set(fd, SOL_SOCKET, SO_RCVBUF, TCP_RCVBUF) < 0)
		return -1;
	return set(fd, SOL_SOCKET, SO_SNDBUF, TCP_SNDBUF);
}

static int open_shared(const struct isb_listen *listen, int type, struct isb_diags *diags, int *ret_fd)
{
	int fd = open_socket(listen, type);
	if (fd < 0)
		return refuse(listen, errno, diags);
	if (set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0 ||
	    (type == SOCK_DGRAM ? set_udp_options(fd, &listen->addr) : set_tcp_options(fd)) < 0 ||
	    bind_to(fd, listen) < 0) {
		int rc = refuse(listen, errno, diags);
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return ISB_OK;
}

int isb_listen_udp(const struct isb_listen *listen, struct isb_diags *diags, int *ret_fd)
{
	return open_shared(listen, SOCK_DGRAM, diags, ret_fd);
}

int isb_listen_tcp(const struct isb_listen *listen, struct isb_diags *diags, int *ret_fd)
{
	return open_shared(listen, SOCK_STREAM, diags, ret_fd);
}
