/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <sys/types.h>

/* The process that starts scripts for the probe. It is forked at the very beginning, while there is one thread and
 * nothing is open: a fork of the probe itself, with its threads and its store, would be neither safe nor cheap.
 * For each script that the probe asks for (script_frame.h) it forks a keeper (script_keep.h). The probe asks for
 * ISB_SCRIPTS_MAX at once; more keepers than that are there only while some wait for what cannot be killed yet.
 *
 * It ends when the probe does, in whatever way: then its socket is at its end, and everything that still runs is
 * killed. When a keeper is killed from outside, the helper ends what it leaves behind and answers in its place. */
enum { ISB_SCRIPTS_MAX = 64, ISB_KEEPERS_MAX = 256 };

struct isb_helper {
	pid_t pid;
	int fd; /* the probe's end; SOCK_SEQPACKET */
};

/* `dir` is where the scripts are, and stays as long as the helper. Call it before any thread and any file. Returns
 * 0 or an errno. */
int isb_helper_start(const char *dir, struct isb_helper *ret_helper);
/* Waits until the helper is gone; its exit status as waitpid(2) gives it. Close the socket first. */
int isb_helper_wait(struct isb_helper *helper);
