/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/local.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "isobar/base/err.h"

static int refuse(const struct isb_local *local, const char *why, struct isb_diags *diags)
{
	isb_diag(diags, (struct isb_mark){0}, "cannot listen at %s '%s': %s", local->option, local->path, why);
	return ISB_EIO;
}

static struct sockaddr_un address(const struct isb_local *local)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	_Static_assert(sizeof(at.sun_path) > ISB_LOCAL_PATH_MAX, "with its NUL");
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", local->path);
	return at;
}

/* Takes away a socket that nobody listens at any more. */
static int clear_path(const struct isb_local *local, const struct sockaddr_un *at, struct isb_diags *diags)
{
	struct stat st;
	if (lstat(at->sun_path, &st) != 0)
		return ISB_OK; /* bind() says what else is wrong */
	if (!S_ISSOCK(st.st_mode))
		return refuse(local, "there is a file that is no socket", diags);
	int fd = socket(AF_UNIX, local->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return refuse(local, strerror(errno), diags);
	bool dead = connect(fd, (const struct sockaddr *)at, sizeof(*at)) != 0 && errno == ECONNREFUSED;
	close(fd);
	if (!dead)
		return refuse(local, "another process does", diags);
	unlink(at->sun_path);
	return ISB_OK;
}

int isb_local_listen(const struct isb_local *local, struct isb_diags *diags, int *ret_fd)
{
	struct sockaddr_un at = address(local);
	int rc = clear_path(local, &at, diags);
	if (rc != ISB_OK)
		return rc;
	int fd = socket(AF_UNIX, local->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* the mode before the name is there, so that it is never wider, and after it, against the umask */
	bool bound = fd >= 0 && fchmod(fd, local->mode) == 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
	if (!bound || chmod(at.sun_path, local->mode) != 0 || listen(fd, local->backlog) != 0) {
		rc = refuse(local, strerror(errno), diags);
		if (bound)
			unlink(at.sun_path);
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*ret_fd = fd;
	return ISB_OK;
}

int isb_local_connect(const struct isb_local *local, struct isb_diags *diags, int *ret_fd)
{
	struct sockaddr_un at = address(local);
	int fd = socket(AF_UNIX, local->type | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0) {
		*ret_fd = fd;
		return ISB_OK;
	}
	bool nobody = errno == ENOENT || errno == ECONNREFUSED;
	isb_diag(diags, (struct isb_mark){0}, "cannot connect to %s '%s': %s", local->option, local->path,
	         nobody ? "nobody listens there" : strerror(errno));
	if (fd >= 0)
		close(fd);
	return nobody ? ISB_ENOTFOUND : ISB_EIO;
}
