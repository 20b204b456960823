/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "identity.h"
#include "isobar/base/buf.h"
#include "isobar/base/diag.h"
#include "isobar/web/web.h"

/* Runs the command line `isobar` for a request: a process of its own, started without a shell, that is bounded in time
 * and output and ends when nobody waits for it any more. It is told for whom it runs by its environment (see
 * tools/behalf.h), so that no word of a request can say otherwise. */

struct isb_runner;
/* The program is the one beside this process's own. ISB_EIO with a diag when it is not there. */
int isb_runner_new(const struct isb_control_options *options, struct isb_diags *diags, struct isb_runner **ret_runner);
void isb_runner_free(struct isb_runner *runner); /* NULL is fine */
/* At once; and how many were started so far. */
unsigned isb_runner_running(struct isb_runner *runner);

struct isb_run {
	const char *const *words; /* after the program's name; NULL-terminated */
	const char *input;        /* standard input */
	size_t input_len;
	const char *dir;          /* where it runs, for the files of the request; NULL: where there are none */
	int64_t limit_ms;
	const struct isb_identity *who; /* NULL: for isobar-control itself, which may name any file and server */
	const struct isb_web_request *request;
};

enum isb_run_end {
	ISB_RUN_DONE,     /* with an exit status */
	ISB_RUN_BUSY,     /* too many run already */
	ISB_RUN_LATE,     /* took too long, and was ended */
	ISB_RUN_LARGE,    /* said too much, and was ended */
	ISB_RUN_GONE,     /* nobody waited any more, and it was ended */
	ISB_RUN_FAILED,   /* could not be started, or ended by a signal of somebody else's */
};

struct isb_ran {
	enum isb_run_end end;
	int status;             /* exit status, when it is done */
	struct isb_buf out, err; /* the caller's to free */
};
void isb_run(struct isb_runner *runner, const struct isb_run *run, struct isb_ran *ret_ran);
