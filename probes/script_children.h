/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* The field of /proc/PID/stat that says whose child a process is; 0: it cannot be read. The name before it may
 * hold anything. */
pid_t isb_stat_parent(const char *stat);

/* Sends SIGKILL to every child of this process and to the child's process group, but not to those that `spare`
 * holds back (NULL: none) and not to this process' own group. A subreaper gets the children of what it kills, so
 * calling it again until no child is left ends everything that was ever started below it. Without /proc it does
 * nothing. */
void isb_children_kill(bool (*spare)(const void *arg, pid_t child), const void *arg);
