/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/base/local.h"
#include "parts.h"

enum { BACKLOG = 128, PORT_MAX = 65535 };

int isb_web_listen_parse(const char *text, struct isb_web_listen *ret_listen)
{
	char host[ISB_ADDR_TEXT];
	struct isb_web_listen listen = {0};
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	bool bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
	if (bracketed) {
		text++;
		len -= 2;
	}
	if (!len || len >= sizeof(host))
		return ISB_EFORMAT;
	memcpy(host, text, len);
	host[len] = '\0';
	if (isb_addr_parse(host, &listen.addr) != ISB_OK || bracketed != (listen.addr.family == 6))
		return ISB_EFORMAT;
	size_t digits = strspn(colon + 1, "0123456789");
	if (!digits || colon[1 + digits])
		return ISB_EFORMAT;
	unsigned long port = strtoul(colon + 1, NULL, 10); /* too many digits are ULONG_MAX */
	if (port < 1 || port > PORT_MAX)
		return ISB_ERANGE;
	listen.port = (uint16_t)port;
	*ret_listen = listen;
	return ISB_OK;
}

char *isb_web_listen_print(const struct isb_addr *addr, uint16_t port, char out[ISB_WEB_LISTEN_TEXT])
{
	char text[ISB_ADDR_TEXT];
	isb_addr_print(addr, text);
	snprintf(out, ISB_WEB_LISTEN_TEXT, addr->family == 6 ? "[%s]:%u" : "%s:%u", text, port);
	return out;
}

static int refuse(struct isb_diags *diags, const char *where, const char *why)
{
	isb_diag(diags, (struct isb_mark){0}, "cannot listen on %s: %s", where, why);
	return ISB_EIO;
}

static int open_path(const struct isb_web_listen *listen_at, struct isb_diags *diags, struct isb_web_listener *ret)
{
	const struct isb_local local = {
		.path = listen_at->path, .option = "--socket", .type = SOCK_STREAM, .mode = listen_at->mode, .backlog = BACKLOG};
	int fd, rc = ISB_EIO;
	if (strlen(local.path) > ISB_LOCAL_PATH_MAX)
		refuse(diags, local.path, "the path of a unix socket has 107 octets at most");
	else
		rc = isb_local_listen(&local, diags, &fd);
	if (rc == ISB_OK)
		*ret = (struct isb_web_listener){.fd = fd, .path = isb_xstrdup(listen_at->path)};
	return rc;
}

static int open_address(const struct isb_web_listen *listen_at, struct isb_diags *diags, struct isb_web_listener *ret)
{
	char text[ISB_WEB_LISTEN_TEXT];
	struct sockaddr_storage sa;
	const int one = 1;
	socklen_t sa_len = isb_addr_to_sockaddr(&listen_at->addr, listen_at->port, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	            (sa.ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) == 0) &&
	            bind(fd, (const struct sockaddr *)&sa, sa_len) == 0 && listen(fd, BACKLOG) == 0;
	if (!good) {
		int error = errno;
		if (fd >= 0)
			close(fd);
		if (listen_at->optional && (error == EADDRNOTAVAIL || error == EAFNOSUPPORT))
			return ISB_ENOTFOUND;
		return refuse(diags, isb_web_listen_print(&listen_at->addr, listen_at->port, text), strerror(error));
	}
	*ret = (struct isb_web_listener){.fd = fd, .tls = listen_at->tls};
	return ISB_OK;
}

int isb_web_open(const struct isb_web_listen *listen_at, struct isb_diags *diags, struct isb_web_listener *ret)
{
	return listen_at->path ? open_path(listen_at, diags, ret) : open_address(listen_at, diags, ret);
}

void isb_web_close(struct isb_web_listener *listener)
{
	if (listener->path)
		unlink(listener->path);
	free(listener->path);
	close(listener->fd);
}
