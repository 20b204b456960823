/* SPDX-License-Identifier: Apache-2.0 */
#include "script_children.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

pid_t isb_stat_parent(const char *stat)
{
	const char *name_end = strrchr(stat, ')');
	char state;
	int parent;
	return name_end && sscanf(name_end + 1, " %c %d", &state, &parent) == 2 ? parent : 0;
}

static pid_t parent_of(int proc, const char *pid)
{
	char path[32], text[512];
	if (snprintf(path, sizeof(path), "%s/stat", pid) >= (int)sizeof(path))
		return 0;
	int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return isb_stat_parent(text);
}

static void kill_child(pid_t child)
{
	pid_t group = getpgid(child);
	if (group > 1 && group != getpgrp())
		kill(-group, SIGKILL);
	kill(child, SIGKILL);
}

void isb_children_kill(bool (*spare)(const void *arg, pid_t child), const void *arg)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		return;
	for (struct dirent *entry; (entry = readdir(proc));) {
		if (!isdigit((unsigned char)*entry->d_name) || parent_of(dirfd(proc), entry->d_name) != getpid())
			continue;
		pid_t child = (pid_t)atol(entry->d_name);
		if (!spare || !spare(arg, child))
			kill_child(child);
	}
	closedir(proc);
}
