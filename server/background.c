/* SPDX-License-Identifier: Apache-2.0 */
#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "isobard: %s: %s\n", what, strerror(errno));
	return 1;
}

/* One octet: the status. None: it died without a word. */
static int await(int told)
{
	uint8_t status;
	ssize_t n;
	do
		n = read(told, &status, sizeof(status));
	while (n < 0 && errno == EINTR);
	if (n == sizeof(status))
		return status;
	fputs("isobard: the new process died before it served\n", stderr);
	return 1;
}

/* Once more forked, and its parent gone: so it is an orphan from its beginning. */
static bool become_orphan(void)
{
	setsid();
	pid_t child = fork();
	if (child != 0)
		_exit(child < 0 ? fail("cannot start a process") : 0);
	return true;
}

bool isb_background_begin(struct isb_background *ret_background, int *ret_status)
{
	int ends[2], ended;
	pid_t child = -1;
	if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
		*ret_status = fail("cannot start a process");
		return false;
	}
	if (child == 0) {
		close(ends[0]);
		*ret_background = (struct isb_background){.tell = ends[1]};
		return become_orphan();
	}
	close(ends[1]);
	while (waitpid(child, &ended, 0) < 0 && errno == EINTR)
		;
	*ret_status = await(ends[0]);
	close(ends[0]);
	return false;
}

void isb_background_tell(struct isb_background *background, int status)
{
	const uint8_t octet = (uint8_t)status;
	if (background->tell < 0)
		return;
	if (write(background->tell, &octet, sizeof(octet)) < 0) {
		/* nobody waits any more */
	}
	close(background->tell);
	background->tell = -1;
}

bool isb_background_is_awaited(const struct isb_background *background)
{
	struct pollfd end = {.fd = background->tell};
	return background->tell < 0 || poll(&end, 1, 0) == 0; /* POLLERR: the other end is closed */
}
