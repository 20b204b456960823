/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli.h"
#include "isobar/store/latencydb.h"

/* The two halves of the verb latency. */
int latency_import(struct cli *cli, const char *path);
/* Rows of the store; `around` NULL: all, else those that hold this network or lie in it. */
int latency_show(struct cli *cli, const char *around);
