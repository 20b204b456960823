/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "isobar/store/env.h"

/* What env.c (opening) and env_txn.c (using) share. No other file of the room sees LMDB. */

struct isb_environment {
	MDB_env *mdb;
	char *path;
	bool write;
	unsigned writes; /* transactions that this process began */
	MDB_dbi dbi[ISB_T_COUNT]; /* of this environment's tables only */
	/* LMDB leaves it to its caller that no transaction of this process is active while the map moves. So each says in
	 * its own cache line whether it is: workers that take a snapshot per batch wait for nobody's line. */
	atomic_bool moving;
	atomic_uint moves;     /* times the map moved */
	pthread_mutex_t mutex; /* of the list, and of moving the map */
	struct isb_txn *txns;
};

struct isb_store {
	char *dir;
	struct isb_environment env[ISB_ENV_COUNT]; /* by enum isb_env */
};

enum isb_env isb_table_env(enum isb_table table);
int isb_mdb_err(int mdb_rc);
