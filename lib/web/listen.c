/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "isobar/base/err.h"
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

/* Takes away a socket that nobody listens at any more. */
static int clear_path(const struct sockaddr_un *at, struct isb_diags *diags)
{
	struct stat st;
	if (lstat(at->sun_path, &st) != 0)
		return ISB_OK; /* bind() says what else is wrong */
	if (!S_ISSOCK(st.st_mode))
		return refuse(diags, at->sun_path, "there is a file that is no socket");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return refuse(diags, at->sun_path, strerror(errno));
	bool dead = connect(fd, (const struct sockaddr *)at, sizeof(*at)) != 0 && errno == ECONNREFUSED;
	close(fd);
	if (!dead)
		return refuse(diags, at->sun_path, "another process does");
	unlink(at->sun_path);
	return ISB_OK;
}

static int open_path(const struct isb_web_listen *listen_at, struct isb_diags *diags, struct isb_web_listener *ret)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	if (strlen(listen_at->path) >= sizeof(at.sun_path))
		return refuse(diags, listen_at->path, "the path of a unix socket has 107 octets at most");
	memcpy(at.sun_path, listen_at->path, strlen(listen_at->path));
	int rc = clear_path(&at, diags);
	if (rc != ISB_OK)
		return rc;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* the mode before the name is there, so that it is never wider, and after it, against the umask */
	bool bound = fd >= 0 && fchmod(fd, listen_at->mode) == 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
	if (!bound || chmod(at.sun_path, listen_at->mode) != 0 || listen(fd, BACKLOG) != 0) {
		rc = refuse(diags, listen_at->path, strerror(errno));
		if (bound)
			unlink(at.sun_path);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*ret = (struct isb_web_listener){.fd = fd, .path = isb_xstrdup(listen_at->path)};
	return ISB_OK;
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
	if (listen_at->fd > 0) {
		*ret = (struct isb_web_listener){.fd = listen_at->fd, .tls = listen_at->tls};
		return ISB_OK;
	}
	return listen_at->path ? open_path(listen_at, diags, ret) : open_address(listen_at, diags, ret);
}

void isb_web_close(struct isb_web_listener *listener)
{
	if (listener->path)
		unlink(listener->path);
	free(listener->path);
	close(listener->fd);
}
