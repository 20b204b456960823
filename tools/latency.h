/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli.h"
#include "isobar/store/latencydb.h"

/* The writing half of the verb latency. */
int latency_import(struct cli *cli, const char *path);
