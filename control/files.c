/* SPDX-License-Identifier: Apache-2.0 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/err.h"

enum { PATH_LIMIT = 4096, NAME_LIMIT = 1000, DESCRIPTORS = 8 };

bool isb_files_name_ok(const char *name)
{
	size_t whole = strlen(name);
	if (!whole || whole > NAME_LIMIT)
		return false;
	for (size_t len;; name += len + 1) {
		len = strcspn(name, "/");
		if (!len || (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.') || len > 255)
			return false;
		if (!name[len])
			return true;
	}
}

static bool write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_file(const char *dir, const struct isb_command_file *file)
{
	char path[PATH_LIMIT];
	int len = snprintf(path, sizeof(path), "%s/%s", dir, file->name);
	if (len < 0 || (size_t)len >= sizeof(path))
		return false;
	for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST)
			return false;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool written = fd >= 0 && write_all(fd, file->text, file->len);
	return fd >= 0 && close(fd) == 0 && written;
}

int isb_files_make(const struct isb_command_file *files, size_t count, char **ret_dir)
{
	char path[PATH_LIMIT];
	const char *tmp = getenv("TMPDIR");
	for (size_t i = 0; i < count; i++)
		if (!isb_files_name_ok(files[i].name))
			return ISB_EINVAL;
	int len = snprintf(path, sizeof(path), "%s/isobar-control-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (len < 0 || (size_t)len >= sizeof(path) || !mkdtemp(path))
		return ISB_EIO;
	char *dir = isb_xstrdup(path);
	for (size_t i = 0; i < count; i++)
		if (!write_file(dir, &files[i])) {
			isb_files_remove(dir);
			return ISB_EIO;
		}
	*ret_dir = dir;
	return ISB_OK;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	remove(path); /* what cannot be removed is left, and the directory with it */
	return 0;
}

void isb_files_remove(char *dir)
{
	if (dir)
		nftw(dir, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(dir);
}
