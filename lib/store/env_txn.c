/* SPDX-License-Identifier: Apache-2.0 */
#include "env_impl.h"

#include <sched.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"

enum {
	DISK_LEFT = 64 << 10, /* octets: less is a full disk */
	CLEAN_WRITES = 64     /* a process that only writes is its own cleaner */
};

struct isb_txn {
	alignas(ISB_CACHE_LINE) atomic_bool live; /* inside the gate; false between reset and renew */
	bool write;
	struct isb_environment *env;
	struct isb_txn *next, *prev; /* of its environment, under the mutex */
	enum isb_env which;
	MDB_txn *mdb;
	uint64_t id;
	unsigned moves; /* of the map, when this snapshot was taken */
	struct isb_buf scratch;
};

/* --- The gate: the map moves only while no transaction of this process lives --- */

/* Sequentially consistent, here and in adopt_map(): whichever of the two stores comes second, its thread sees the first
 * one. So either the transaction waits, or the map stays. */
static void enter(struct isb_txn *txn)
{
	atomic_store(&txn->live, true);
	while (atomic_load(&txn->env->moving)) {
		atomic_store(&txn->live, false);
		sched_yield();
		atomic_store(&txn->live, true);
	}
}

/* Release: whoever moves the map next sees that this thread is done with the old one. */
static void leave(struct isb_txn *txn)
{
	atomic_store_explicit(&txn->live, false, memory_order_release);
}

static bool is_live(const struct isb_txn *txn)
{
	/* relaxed: asked by the thread that sets it */
	return atomic_load_explicit(&txn->live, memory_order_relaxed);
}

static bool anybody_is_live(const struct isb_environment *env)
{
	for (const struct isb_txn *txn = env->txns; txn; txn = txn->next)
		if (atomic_load(&txn->live))
			return true;
	return false;
}

static int adopt_map(struct isb_environment *env)
{
	int rc = ISB_EBUSY;
	pthread_mutex_lock(&env->mutex);
	atomic_store(&env->moving, true);
	if (!anybody_is_live(env)) {
		rc = isb_mdb_err(mdb_env_set_mapsize(env->mdb, 0));
		atomic_fetch_add_explicit(&env->moves, 1, memory_order_relaxed); /* ordered by the gate */
	}
	atomic_store_explicit(&env->moving, false, memory_order_release); /* what is read next goes through the new map */
	pthread_mutex_unlock(&env->mutex);
	return rc;
}

static void enlist(struct isb_txn *txn)
{
	struct isb_environment *env = txn->env;
	pthread_mutex_lock(&env->mutex);
	txn->next = env->txns;
	if (txn->next)
		txn->next->prev = txn;
	env->txns = txn;
	pthread_mutex_unlock(&env->mutex);
}

static void strike(struct isb_txn *txn)
{
	struct isb_environment *env = txn->env;
	pthread_mutex_lock(&env->mutex);
	*(txn->prev ? &txn->prev->next : &env->txns) = txn->next;
	if (txn->next)
		txn->next->prev = txn->prev;
	pthread_mutex_unlock(&env->mutex);
}

/* --- Transactions --- */

static int start(struct isb_txn *txn)
{
	struct isb_environment *env = txn->env;
	for (unsigned attempt = 0;; attempt++) {
		enter(txn);
		int rc = txn->mdb ? mdb_txn_renew(txn->mdb)
		                  : mdb_txn_begin(env->mdb, NULL, txn->write ? 0 : MDB_RDONLY, &txn->mdb);
		if (rc == 0)
			return ISB_OK;
		leave(txn);
		int remedy = ISB_OK, dead;
		if (rc == MDB_MAP_RESIZED && attempt < 2)
			remedy = adopt_map(env);
		else if (rc == MDB_READERS_FULL && attempt < 1)
			remedy = isb_mdb_err(mdb_reader_check(env->mdb, &dead));
		else
			return isb_mdb_err(rc);
		if (remedy != ISB_OK)
			return remedy;
	}
}

static void note_snapshot(struct isb_txn *txn)
{
	txn->id = mdb_txn_id(txn->mdb);
	txn->moves = atomic_load_explicit(&txn->env->moves, memory_order_relaxed);
}

/* A writer that is killed after its meta page is on disk and before its number stands in the lock file has committed, and
 * readers do not see it: the edit would show up whenever the next writer comes, or with the next boot. Whoever takes the
 * writer's lock after it mends that (LMDB does, as with any robust mutex whose owner died). A copy takes that lock, also
 * where the environment is read-only, before it writes its first octet, which to this descriptor it cannot. A writer that
 * lives is between the two for a moment only. */
static bool mend(struct isb_txn *txn)
{
	enum { NOWHERE = -1 };
	MDB_envinfo info;
	if (txn->write || mdb_env_info(txn->env->mdb, &info) != 0 || info.me_last_txnid <= mdb_txn_id(txn->mdb))
		return false;
	mdb_txn_reset(txn->mdb); /* a snapshot is not kept while waiting */
	mdb_env_copyfd(txn->env->mdb, NOWHERE);
	return true;
}

/* A reader that was killed keeps its snapshot in the table, and no page that was freed since is used again: the file
 * would grow with every commit until somebody looks. */
static void clean(struct isb_environment *env)
{
	int dead;
	mdb_reader_check(env->mdb, &dead);
}

int isb_txn_begin(struct isb_store *store, enum isb_env env, bool write, struct isb_txn **ret_txn)
{
	if (write && !store->env[env].write)
		return ISB_EREADONLY;
	struct isb_txn *txn = isb_xcalloc_apart(sizeof(*txn));
	txn->env = &store->env[env];
	txn->which = env;
	txn->write = write;
	enlist(txn);
	int rc = start(txn);
	if (rc == ISB_OK && mend(txn)) {
		leave(txn);
		rc = start(txn);
	}
	if (rc != ISB_OK) {
		mdb_txn_abort(txn->mdb);
		strike(txn);
		free(txn);
		return rc;
	}
	note_snapshot(txn);
	if (write && txn->env->writes++ % CLEAN_WRITES == 0) /* guarded by LMDB's lock of the writer */
		clean(txn->env);
	*ret_txn = txn;
	return ISB_OK;
}

static void finish(struct isb_txn *txn)
{
	if (is_live(txn))
		leave(txn);
	strike(txn);
	isb_buf_done(&txn->scratch);
	free(txn);
}

/* LMDB calls a short write EIO, and a disk that fills up in the middle of one gives exactly that. */
static bool disk_is_full(const char *path)
{
	struct statvfs fs;
	return statvfs(path, &fs) == 0 && fs.f_bavail * fs.f_frsize < DISK_LEFT;
}

int isb_txn_commit(struct isb_txn *txn)
{
	int rc = isb_mdb_err(mdb_txn_commit(txn->mdb));
	if (rc == ISB_EIO && disk_is_full(txn->env->path))
		rc = ISB_EFULL;
	finish(txn);
	return rc;
}

void isb_txn_abort(struct isb_txn *txn)
{
	if (!txn)
		return;
	mdb_txn_abort(txn->mdb);
	finish(txn);
}

void isb_txn_reset(struct isb_txn *txn)
{
	if (!is_live(txn))
		return;
	mdb_txn_reset(txn->mdb);
	leave(txn);
}

int isb_txn_renew(struct isb_txn *txn, bool *ret_moved)
{
	uint64_t id = txn->id;
	unsigned moves = txn->moves;
	isb_txn_reset(txn);
	int rc = start(txn);
	if (rc != ISB_OK)
		return rc;
	note_snapshot(txn);
	*ret_moved = txn->id != id || txn->moves != moves;
	return ISB_OK;
}

uint64_t isb_txn_id(const struct isb_txn *txn)
{
	return txn->id;
}

struct isb_buf *isb_txn_scratch(struct isb_txn *txn)
{
	return &txn->scratch;
}

uint64_t isb_store_last_txn_id(struct isb_store *store, enum isb_env which)
{
	struct isb_environment *env = &store->env[which];
	MDB_envinfo info;
	pthread_mutex_lock(&env->mutex); /* the meta page stands in the map */
	mdb_env_info(env->mdb, &info);
	pthread_mutex_unlock(&env->mutex);
	return info.me_last_txnid;
}

/* --- Rows --- */

static MDB_val val(struct isb_slice slice)
{
	return (MDB_val){.mv_size = slice.len, .mv_data = (void *)(uintptr_t)slice.data};
}

static struct isb_slice slice_of(const MDB_val *v)
{
	return (struct isb_slice){v->mv_data, v->mv_size};
}

/* A table of the other environment has no handle here. */
static bool has_table(const struct isb_txn *txn, enum isb_table table)
{
	return is_live(txn) && table < ISB_T_COUNT && isb_table_env(table) == txn->which;
}

int isb_row_get(struct isb_txn *txn, enum isb_table table, struct isb_slice key, struct isb_slice *ret_value)
{
	if (!has_table(txn, table))
		return ISB_EINVAL;
	MDB_val k = val(key), v;
	int rc = isb_mdb_err(mdb_get(txn->mdb, txn->env->dbi[table], &k, &v));
	if (rc == ISB_OK)
		*ret_value = slice_of(&v);
	return rc;
}

int isb_row_put(struct isb_txn *txn, enum isb_table table, struct isb_slice key, struct isb_slice value)
{
	if (!txn->write)
		return ISB_EREADONLY;
	if (!has_table(txn, table))
		return ISB_EINVAL;
	MDB_val k = val(key), v = val(value);
	return isb_mdb_err(mdb_put(txn->mdb, txn->env->dbi[table], &k, &v, 0));
}

int isb_row_delete(struct isb_txn *txn, enum isb_table table, struct isb_slice key)
{
	if (!txn->write)
		return ISB_EREADONLY;
	if (!has_table(txn, table))
		return ISB_EINVAL;
	MDB_val k = val(key);
	return isb_mdb_err(mdb_del(txn->mdb, txn->env->dbi[table], &k, NULL));
}

int isb_row_delete_all(struct isb_txn *txn, enum isb_table table)
{
	return has_table(txn, table) ? isb_mdb_err(mdb_drop(txn->mdb, txn->env->dbi[table], 0)) : ISB_EINVAL;
}

static int compare(struct isb_slice a, struct isb_slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int c = common ? memcmp(a.data, b.data, common) : 0;
	return c ? c : (a.len > b.len) - (a.len < b.len);
}

int isb_row_each(struct isb_txn *txn, enum isb_table table, struct isb_slice prefix, struct isb_slice from,
                 int (*each)(void *arg, struct isb_slice key, struct isb_slice value), void *arg)
{
	if (!has_table(txn, table))
		return ISB_EINVAL;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn->mdb, txn->env->dbi[table], &cursor);
	if (rc != 0)
		return isb_mdb_err(rc);
	struct isb_slice first = compare(from, prefix) > 0 ? from : prefix;
	MDB_val k = val(first), v;
	rc = mdb_cursor_get(cursor, &k, &v, first.len ? MDB_SET_RANGE : MDB_FIRST);
	int stop = 0;
	while (rc == 0 && k.mv_size >= prefix.len && (!prefix.len || !memcmp(k.mv_data, prefix.data, prefix.len))) {
		stop = each(arg, slice_of(&k), slice_of(&v));
		if (stop)
			break;
		rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return stop || rc == MDB_NOTFOUND ? stop : isb_mdb_err(rc);
}

int isb_row_last(struct isb_txn *txn, enum isb_table table, struct isb_slice *ret_key, struct isb_slice *ret_value)
{
	if (!has_table(txn, table))
		return ISB_EINVAL;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn->mdb, txn->env->dbi[table], &cursor);
	if (rc != 0)
		return isb_mdb_err(rc);
	MDB_val k, v;
	rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
	mdb_cursor_close(cursor);
	if (rc == 0) {
		*ret_key = slice_of(&k);
		*ret_value = slice_of(&v);
	}
	return isb_mdb_err(rc);
}
