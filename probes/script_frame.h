/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/buf.h"

/* What the probe and its helper for scripts tell each other, a message each way. Both are one program, so numbers
 * go as they lie in memory. */
enum {
	ISB_SCRIPT_WORDS = 32,          /* of a command */
	ISB_SCRIPT_NAME_MAX = 255,      /* octets of its name */
	ISB_SCRIPT_ENV = 8,
	ISB_SCRIPT_ASK_MAX = 48 * 1024, /* octets of a message */
	ISB_SCRIPT_LINE = 256           /* octets that are kept of a script's first line */
};

/* To the helper: run this, or end it. */
struct isb_script_ask {
	uint64_t id;
	uint32_t timeout_ms; /* 0: end the script of this id; there are no words then */
	char *words[ISB_SCRIPT_WORDS + 1]; /* NULL-terminated, as execve(2) takes them; first the script's name */
	char *env[ISB_SCRIPT_ENV + 1];
};
void isb_script_ask_write(struct isb_buf *out, const struct isb_script_ask *ask);
/* The texts lie in `message`. ISB_EFORMAT; a name that is_name() refuses too. */
int isb_script_ask_read(char *message, size_t len, struct isb_script_ask *ret_ask);
/* A plain file name. The catalog looks at it as well; this is who runs it. */
bool isb_script_is_name(const char *word);

/* From the helper: how it ended. */
enum isb_script_how {
	ISB_SCRIPT_EXITED,   /* with the exit status `number` */
	ISB_SCRIPT_SIGNALED, /* killed by the signal `number`, and not by us */
	ISB_SCRIPT_TIMEOUT,
	ISB_SCRIPT_FLOOD,    /* it said too much */
	ISB_SCRIPT_FAILED,   /* it could not be started; `number` is the errno */
	ISB_SCRIPT_BUSY,     /* too many cannot be ended */
	ISB_SCRIPT_LOST,     /* whoever watched over it is gone */
	ISB_SCRIPT_HOW_COUNT
};
struct isb_script_end {
	uint64_t id;
	uint32_t how; /* enum isb_script_how */
	int32_t number;
	uint32_t nline;
	char line[ISB_SCRIPT_LINE]; /* the first line, as the script wrote it */
	uint32_t from_error;        /* `line` is that of standard error, for there was no other */
};
int isb_script_end_read(const void *message, size_t len, struct isb_script_end *ret_end);
