/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/streams.h"

#include <fcntl.h>
#include <unistd.h>

bool isb_streams_guard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return false;
	return true;
}
