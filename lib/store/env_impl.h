/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <lmdb.h>
#include <stdatomic.h>

#include "isobar/store/env.h"

/* What env.c (opening) and env_txn.c (using) share. No other file of the room sees LMDB. */

struct isb_environment {
	MDB_env *mdb;
	char *path;
	bool write;
	unsigned writes; /* transactions that this process began */
	MDB_dbi dbi[ISB_T_COUNT]; /* of this environment's tables only */
	/* Live transactions of this process, or that plus GATE_MOVING while the map moves: LMDB leaves it to its caller
	 * that no transaction is active then. */
	atomic_uint gate;
	atomic_uint moves; /* times the map moved */
};

struct isb_store {
	char *dir;
	struct isb_environment env[ISB_ENV_COUNT]; /* by enum isb_env */
};

enum isb_env isb_table_env(enum isb_table table);
int isb_mdb_err(int mdb_rc);
