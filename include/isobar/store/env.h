/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/buf.h"

/* The only door to LMDB. A store is a directory with three environments: catalog.mdb (durable commits; written by the CLI
 * and isobar-control), health.mdb (no fsync, can be rebuilt from fresh checks; written by the probe) and latency.mdb
 * (durable commits; written by who brings round trips). A writer has its environment for itself, so that neither a drain
 * nor a verdict waits for a million round trips. Every environment is opened once per process, after any fork, with
 * MDB_NOTLS | MDB_NOSUBDIR, handles of all tables opened in one first transaction that commits. Tables and their rows are
 * described in docs/store.md; `store` has one kind of writer per table. */

enum isb_store_mode {
	ISB_STORE_READ,          /* all environments read-only: isobard, `isobar show` */
	ISB_STORE_WRITE_CATALOG, /* this one writable, the others read-only */
	ISB_STORE_WRITE_HEALTH,  /* likewise */
	ISB_STORE_WRITE_LATENCY,
	ISB_STORE_WRITE_MEASURED /* health and latency: a probe that measures the way to clients too */
};

struct isb_store;

/* Opens the store in `dir`. The WRITE_CATALOG mode makes the directory (one level), all files and tables when they do not
 * exist; the others answer ISB_ENOTFOUND then. A new catalog empties the other files: its slots are numbered afresh.
 * ISB_EVERSION when the stored format is newer than this program, and where a file or table beside the catalog is missing,
 * which WRITE_CATALOG makes. Clears reader slots of dead processes. On failure
 * *ret_message (may be NULL) is a sentence in static thread storage that names the path and the reason. */
int isb_store_open(const char *dir, enum isb_store_mode mode, struct isb_store **ret_store, const char **ret_message);
void isb_store_close(struct isb_store *store); /* NULL is fine */
const char *isb_store_dir(const struct isb_store *store);
/* False: the file system is read-only for this process, so that it is no reader that writers know of; LMDB then goes
 * without. Sound where nobody can write, and not where the same files are writable for others (a unit of systemd that
 * does not name them in ReadWritePaths=). */
bool isb_store_registers(const struct isb_store *store);

/* Frees slots of dead readers in all environments; returns how many. Call every minute. Opening a store does it too, and so
 * does every 64th write transaction of a process: what a dead reader pins is bounded whoever runs. */
unsigned isb_store_clean(struct isb_store *store);

/* A transaction on one environment. Write transactions are durable on commit (catalog, latency) or at the next sync (health).
 * A map that another process grew (MDB_MAP_RESIZED) is adopted and full reader tables are cleaned and retried inside;
 * ISB_EBUSY when other threads still read the smaller map, so that it cannot move now: try again a little later.
 * A write that does not fit the map or the disk is ISB_EFULL, from a put or from the commit: the store is as before. */
enum isb_env { ISB_ENV_CATALOG, ISB_ENV_HEALTH, ISB_ENV_LATENCY, ISB_ENV_COUNT };
struct isb_txn;
int isb_txn_begin(struct isb_store *store, enum isb_env env, bool write, struct isb_txn **ret_txn);
int isb_txn_commit(struct isb_txn *txn); /* frees txn whatever the result */
void isb_txn_abort(struct isb_txn *txn); /* frees txn; NULL is fine */
/* Number of the snapshot this transaction reads; grows by one per commit of the environment. */
uint64_t isb_txn_id(const struct isb_txn *txn);
/* Number of the newest committed snapshot, from the meta page, without a transaction: what a watcher polls. */
uint64_t isb_store_last_txn_id(struct isb_store *store, enum isb_env env);
/* Path of the environment's data file, for inotify; lives as long as the store. */
const char *isb_store_path(const struct isb_store *store, enum isb_env env);

/* How full an environment is, for metrics. */
struct isb_store_use {
	unsigned readers, readers_max; /* places in its table that are or were in use */
	uint64_t used, map;            /* octets of the file that hold or held data; the most there may be */
};
int isb_store_look(struct isb_store *store, enum isb_env env, struct isb_store_use *ret_use);

/* --- For the other modules of this room only: rows as octets. ------------------------------------------------ */

/* A read transaction that is used again: reset gives its snapshot back and keeps its place in the reader table; renew
 * takes the newest snapshot. *ret_moved: pointers into the map taken before hold no longer. */
void isb_txn_reset(struct isb_txn *txn);
int isb_txn_renew(struct isb_txn *txn, bool *ret_moved);
/* A buffer that lives as long as the transaction; one user at a time. */
struct isb_buf *isb_txn_scratch(struct isb_txn *txn);
/* Writes what was committed to disk. */
int isb_store_sync(struct isb_store *store, enum isb_env env);

enum isb_table {
	ISB_T_META, ISB_T_OBJECT, ISB_T_RRSET, ISB_T_SLOT, ISB_T_ADMIN, ISB_T_JOURNAL, ISB_T_ROLLOUT, /* catalog */
	ISB_T_WORD, ISB_T_SINCE, ISB_T_PACE, ISB_T_OBSERVATION, ISB_T_TRANSITION, ISB_T_PROBE, ISB_T_RTT, ISB_T_RESOLVED, /* health */
	ISB_T_LATENCY, /* latency */
	ISB_T_COUNT
};
struct isb_slice {
	const void *data;
	size_t len;
};
/* Values point into the map and hold until the transaction ends (or, in a write transaction, its next write). Writing
 * in a read transaction is ISB_EREADONLY, a table of the other environment ISB_EINVAL. */
int isb_row_get(struct isb_txn *txn, enum isb_table table, struct isb_slice key, struct isb_slice *ret_value);
int isb_row_put(struct isb_txn *txn, enum isb_table table, struct isb_slice key, struct isb_slice value);
int isb_row_delete(struct isb_txn *txn, enum isb_table table, struct isb_slice key); /* ISB_ENOTFOUND is an answer */
int isb_row_delete_all(struct isb_txn *txn, enum isb_table table);
/* Every row whose key begins with `prefix`, in key order, from key `from` on when it is not empty; `each` returns 0 to
 * go on, anything else stops and is returned. Rows must not be written meanwhile. */
int isb_row_each(struct isb_txn *txn, enum isb_table table, struct isb_slice prefix, struct isb_slice from,
                 int (*each)(void *arg, struct isb_slice key, struct isb_slice value), void *arg);
/* The row with the largest key, or ISB_ENOTFOUND. */
int isb_row_last(struct isb_txn *txn, enum isb_table table, struct isb_slice *ret_key, struct isb_slice *ret_value);
