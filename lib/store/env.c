/* SPDX-License-Identifier: Apache-2.0 */
#include "env_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/store/codec.h"

_Static_assert(sizeof(size_t) == 8, "the maps below need 64-bit addresses");

static const struct {
	const char *file;
	size_t map; /* octets of address space: the file grows only as far as it is filled */
	enum isb_store_mode writes;
	unsigned flags; /* of its writer */
} envs[ISB_ENV_COUNT] = {
	[ISB_ENV_CATALOG] = {"catalog.mdb", (size_t)32 << 30, ISB_STORE_WRITE_CATALOG, 0},
	[ISB_ENV_HEALTH] = {"health.mdb", (size_t)1 << 30, ISB_STORE_WRITE_HEALTH, MDB_NOSYNC},
	[ISB_ENV_LATENCY] = {"latency.mdb", (size_t)16 << 30, ISB_STORE_WRITE_LATENCY, 0},
};
enum { READERS = 1024, TABLES_MAX = 16, FILE_MODE = 0660, DIR_MODE = 0770, HINT = 128 };

static const struct {
	const char *name;
	enum isb_env env;
} tables[ISB_T_COUNT] = {
	[ISB_T_META] = {"meta", ISB_ENV_CATALOG},
	[ISB_T_OBJECT] = {"object", ISB_ENV_CATALOG},
	[ISB_T_RRSET] = {"rrset", ISB_ENV_CATALOG},
	[ISB_T_SLOT] = {"slot", ISB_ENV_CATALOG},
	[ISB_T_ADMIN] = {"admin", ISB_ENV_CATALOG},
	[ISB_T_JOURNAL] = {"journal", ISB_ENV_CATALOG},
	[ISB_T_ROLLOUT] = {"rollout", ISB_ENV_CATALOG},
	[ISB_T_WORD] = {"word", ISB_ENV_HEALTH},
	[ISB_T_SINCE] = {"since", ISB_ENV_HEALTH},
	[ISB_T_PACE] = {"pace", ISB_ENV_HEALTH},
	[ISB_T_OBSERVATION] = {"observation", ISB_ENV_HEALTH},
	[ISB_T_TRANSITION] = {"transition", ISB_ENV_HEALTH},
	[ISB_T_PROBE] = {"probe", ISB_ENV_HEALTH},
	[ISB_T_RTT] = {"rtt", ISB_ENV_HEALTH},
	[ISB_T_RESOLVED] = {"resolved", ISB_ENV_HEALTH},
	[ISB_T_LATENCY] = {"latency", ISB_ENV_LATENCY},
};

enum isb_env isb_table_env(enum isb_table table)
{
	return tables[table].env;
}

int isb_mdb_err(int rc)
{
	switch (rc) {
	case 0: return ISB_OK;
	case MDB_NOTFOUND:
	case ENOENT: return ISB_ENOTFOUND;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG: return ISB_EFULL;
	case MDB_READERS_FULL: return ISB_EBUSY;
	case MDB_VERSION_MISMATCH: return ISB_EVERSION;
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND: return ISB_EFORMAT;
	case MDB_BAD_VALSIZE: return ISB_ERANGE;
	case EACCES:
	case EPERM:
	case EROFS: return ISB_EREADONLY;
	case ENOMEM: return ISB_ENOMEM;
	case EIO: return ISB_EIO;
	case EINVAL: return ISB_EINVAL;
	default: return ISB_ESTORE;
	}
}

/* --- Sentences --- */

enum { MESSAGE_MAX = 2 * PATH_MAX };
static char *message(void)
{
	static _Thread_local char text[MESSAGE_MAX];
	return text;
}

__attribute__((format(printf, 2, 3))) static int refuse(int rc, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message(), MESSAGE_MAX, fmt, ap);
	va_end(ap);
	return rc;
}

static char *lock_path(const struct isb_environment *env, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s-lock", env->path);
	return out;
}

/* "; become a member of group 'isobar'" where that would help, or nothing: a new member has to log in again, too. */
static const char *group_hint(const char *path, mode_t wanted, char out[HINT])
{
	struct stat st;
	const struct group *group = stat(path, &st) == 0 && (st.st_mode & wanted) ? getgrgid(st.st_gid) : NULL;
	*out = '\0';
	if (group && st.st_gid != 0)
		snprintf(out, HINT, "; become a member of group '%s'", group->gr_name);
	return out;
}

static int refuse_open(const struct isb_environment *env, bool write, int mdb_rc)
{
	char lock[PATH_MAX], dir[PATH_MAX], hint[HINT];
	if (mdb_rc != EACCES)
		return refuse(isb_mdb_err(mdb_rc), "cannot open '%s': %s", env->path, mdb_strerror(mdb_rc));
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(env->path, '/') - env->path), env->path);
	if (access(dir, X_OK) != 0)
		return refuse(ISB_EREADONLY, "cannot open the store in '%s': permission denied%s", dir,
		              group_hint(dir, S_IXGRP, hint));
	if (access(lock_path(env, lock), R_OK | W_OK) != 0 && errno == EACCES)
		return refuse(ISB_EREADONLY, "cannot open '%s': permission denied; every reader registers there, so it "
		              "must be writable for read-only programs too", lock);
	return refuse(ISB_EREADONLY, "cannot open '%s'%s: permission denied%s", env->path, write ? " for writing" : "",
	              group_hint(env->path, write ? S_IWGRP : S_IRGRP, hint));
}

/* --- One environment --- */

static bool present(const char *path)
{
	struct stat st;
	return stat(path, &st) != 0 ? errno != ENOENT : st.st_size > 0;
}

static void close_env(struct isb_environment *env)
{
	if (env->mdb)
		mdb_env_close(env->mdb);
	env->mdb = NULL;
}

static bool writes(enum isb_store_mode mode, enum isb_env which)
{
	return mode == envs[which].writes || (mode == ISB_STORE_WRITE_MEASURED && which != ISB_ENV_CATALOG);
}

/* Readers take the map size that the file carries; writers set theirs. */
static int open_env(struct isb_store *store, enum isb_env which, bool write)
{
	struct isb_environment *env = &store->env[which];
	unsigned flags = MDB_NOTLS | MDB_NOSUBDIR | (write ? envs[which].flags : MDB_RDONLY);
	int rc = mdb_env_create(&env->mdb);
	if (rc != 0)
		return refuse_open(env, write, rc);
	mdb_env_set_maxdbs(env->mdb, TABLES_MAX);
	mdb_env_set_maxreaders(env->mdb, READERS);
	if (write)
		mdb_env_set_mapsize(env->mdb, envs[which].map);
	rc = mdb_env_open(env->mdb, env->path, flags, FILE_MODE);
	if (rc != 0) {
		close_env(env);
		return refuse_open(env, write, rc);
	}
	env->write = write;
	int dead;
	mdb_reader_check(env->mdb, &dead);
	return ISB_OK;
}

/* Handles are the environment's for good only once the transaction that opened them has committed. */
static int open_tables(struct isb_environment *env, enum isb_env which)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn);
	if (rc != 0)
		return refuse_open(env, env->write, rc);
	unsigned missing = ISB_T_COUNT;
	for (unsigned t = 0; t < ISB_T_COUNT && rc == 0; t++) {
		if (tables[t].env != which)
			continue;
		rc = mdb_dbi_open(txn, tables[t].name, 0, &env->dbi[t]);
		missing = t;
	}
	if (rc != 0) {
		mdb_txn_abort(txn);
		if (rc == MDB_NOTFOUND)
			return refuse(ISB_EVERSION, "'%s' has no table '%s': an older program made it; any edit by this one "
			              "adds what is missing", env->path, tables[missing].name);
		return refuse_open(env, env->write, rc);
	}
	return isb_mdb_err(mdb_txn_commit(txn));
}

static void close_all(struct isb_store *store)
{
	for (enum isb_env e = ISB_ENV_CATALOG; e < ISB_ENV_COUNT; e++)
		close_env(&store->env[e]);
}

static int open_all(struct isb_store *store, enum isb_store_mode mode)
{
	for (enum isb_env e = ISB_ENV_CATALOG; e < ISB_ENV_COUNT; e++) {
		struct isb_environment *env = &store->env[e];
		if (!present(env->path) && e == ISB_ENV_CATALOG)
			return refuse(ISB_ENOTFOUND, "no store in '%s': '%s' is missing; isobar init makes it, and so does applying a catalog",
			              store->dir, env->path);
		if (!present(env->path))
			return refuse(ISB_EVERSION, "the store in '%s' has no '%s': it was deleted, or an older program made the "
			              "store; any edit by this one makes it anew", store->dir, env->path);
		int rc = open_env(store, e, writes(mode, e));
		if (rc == ISB_OK)
			rc = open_tables(env, e);
		if (rc != ISB_OK)
			return rc;
	}
	return ISB_OK;
}

/* --- Making a store --- */

/* Every reader writes the lock file, or it could not register: so the file's group may, whatever the umask
 * of who makes it. A file that somebody else owns is that one's business. */
static void share_lock(const struct isb_environment *env)
{
	char path[PATH_MAX];
	struct stat st;
	if (stat(lock_path(env, path), &st) == 0 && st.st_uid == geteuid() && (st.st_mode & FILE_MODE) != FILE_MODE)
		chmod(path, (st.st_mode & 07777) | FILE_MODE);
}

static int create_tables(MDB_txn *txn, struct isb_environment *env, enum isb_env which)
{
	int rc = 0;
	for (unsigned t = 0; t < ISB_T_COUNT && rc == 0; t++)
		if (tables[t].env == which)
			rc = mdb_dbi_open(txn, tables[t].name, MDB_CREATE, &env->dbi[t]);
	return rc;
}

/* Words of another catalog's life would be inherited by strangers, so with a fresh catalog they go, and what was measured
 * towards its regions goes too. */
static int make_beside(struct isb_store *store, enum isb_env which, bool fresh_catalog)
{
	struct isb_environment *env = &store->env[which];
	int rc = open_env(store, which, true);
	if (rc != ISB_OK)
		return rc;
	share_lock(env);
	MDB_txn *txn;
	int mdb_rc = mdb_txn_begin(env->mdb, NULL, 0, &txn);
	if (mdb_rc == 0) {
		mdb_rc = create_tables(txn, env, which);
		for (unsigned t = 0; t < ISB_T_COUNT && mdb_rc == 0 && fresh_catalog; t++)
			if (tables[t].env == which)
				mdb_rc = mdb_drop(txn, env->dbi[t], 0);
		if (mdb_rc == 0)
			mdb_rc = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	if (mdb_rc == 0)
		mdb_rc = mdb_env_sync(env->mdb, 1);
	close_env(env);
	return mdb_rc == 0 ? ISB_OK : refuse_open(env, true, mdb_rc);
}

/* Writes the format where there is none yet: what makes a catalog one. */
static int put_format(MDB_txn *txn, MDB_dbi meta, bool *ret_fresh)
{
	struct isb_key key;
	uint8_t number[4];
	isb_key_text(&key, ISB_META_FORMAT);
	isb_put_u32(number, ISB_STORE_FORMAT);
	MDB_val k = {key.len, key.octets}, v = {sizeof(number), number};
	int rc = mdb_put(txn, meta, &k, &v, MDB_NOOVERWRITE);
	*ret_fresh = rc == 0;
	return rc == MDB_KEYEXIST ? 0 : rc;
}

/* All files under the catalog's write lock, so that two programs that start at once make one store. */
static int make_tables(struct isb_store *store)
{
	struct isb_environment *env = &store->env[ISB_ENV_CATALOG];
	int rc = open_env(store, ISB_ENV_CATALOG, true);
	if (rc != ISB_OK)
		return rc;
	share_lock(env);
	MDB_txn *txn;
	bool fresh = false;
	int mdb_rc = mdb_txn_begin(env->mdb, NULL, 0, &txn);
	if (mdb_rc == 0) {
		mdb_rc = create_tables(txn, env, ISB_ENV_CATALOG);
		if (mdb_rc == 0)
			mdb_rc = put_format(txn, env->dbi[ISB_T_META], &fresh);
		for (enum isb_env e = ISB_ENV_HEALTH; e < ISB_ENV_COUNT && mdb_rc == 0 && rc == ISB_OK; e++)
			rc = make_beside(store, e, fresh);
		if (mdb_rc == 0 && rc == ISB_OK)
			mdb_rc = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	close_env(env);
	return mdb_rc == 0 ? rc : refuse_open(env, true, mdb_rc);
}

/* The first commit is only durable once the directory knows the files. */
static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) != 0 ? refuse(ISB_EIO, "cannot sync '%s': %s", dir, strerror(errno)) : ISB_OK;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int make_store(struct isb_store *store)
{
	if (mkdir(store->dir, DIR_MODE) != 0 && errno != EEXIST)
		return refuse(errno == ENOENT ? ISB_ENOTFOUND : ISB_EIO, "cannot make directory '%s': %s", store->dir,
		              strerror(errno));
	int rc = make_tables(store);
	return rc == ISB_OK ? sync_dir(store->dir) : rc;
}

static int check_format(struct isb_store *store)
{
	const char *path = store->env[ISB_ENV_CATALOG].path;
	struct isb_txn *txn;
	int rc = isb_txn_begin(store, ISB_ENV_CATALOG, false, &txn);
	if (rc != ISB_OK)
		return refuse(rc, "cannot read '%s': %s", path, isb_strerror(rc));
	struct isb_key key;
	struct isb_slice value;
	isb_key_text(&key, ISB_META_FORMAT);
	uint32_t format = 0;
	if (isb_row_get(txn, ISB_T_META, isb_key_slice(&key), &value) == ISB_OK && value.len == 4)
		format = isb_get_u32(value.data);
	isb_txn_abort(txn);
	if (format == 0)
		return refuse(ISB_EFORMAT, "'%s' is not the catalog of an isobar store", path);
	if (format != ISB_STORE_FORMAT)
		return refuse(ISB_EVERSION, "'%s' has format %u and this program reads format %d; use the newer isobar",
		              path, format, ISB_STORE_FORMAT);
	return ISB_OK;
}

/* --- The store --- */

static char *join(const char *dir, const char *file)
{
	size_t size = strlen(dir) + strlen(file) + 2;
	char *path = isb_xmalloc(size);
	snprintf(path, size, "%s/%s", dir, file);
	return path;
}

int isb_store_open(const char *dir, enum isb_store_mode mode, struct isb_store **ret_store, const char **ret_message)
{
	struct isb_store *store = isb_xcalloc(1, sizeof(*store));
	store->dir = isb_xstrdup(dir);
	for (enum isb_env e = ISB_ENV_CATALOG; e < ISB_ENV_COUNT; e++) {
		store->env[e].path = join(dir, envs[e].file);
		pthread_mutex_init(&store->env[e].mutex, NULL);
	}
	refuse(ISB_ESTORE, "cannot open the store in '%s'", dir);

	int rc = open_all(store, mode);
	if ((rc == ISB_ENOTFOUND || rc == ISB_EVERSION) && mode == ISB_STORE_WRITE_CATALOG) {
		close_all(store);
		rc = make_store(store);
		if (rc == ISB_OK)
			rc = open_all(store, mode);
	}
	if (rc == ISB_OK)
		rc = check_format(store);
	if (rc != ISB_OK) {
		isb_store_close(store);
		if (ret_message)
			*ret_message = message();
		return rc;
	}
	*ret_store = store;
	return ISB_OK;
}

bool isb_store_registers(const struct isb_store *store)
{
	char lock[PATH_MAX];
	return access(lock_path(&store->env[ISB_ENV_CATALOG], lock), W_OK) == 0 || errno != EROFS;
}

void isb_store_close(struct isb_store *store)
{
	if (!store)
		return;
	close_all(store);
	for (enum isb_env e = ISB_ENV_CATALOG; e < ISB_ENV_COUNT; e++) {
		free(store->env[e].path);
		pthread_mutex_destroy(&store->env[e].mutex);
	}
	free(store->dir);
	free(store);
}

const char *isb_store_dir(const struct isb_store *store)
{
	return store->dir;
}

const char *isb_store_path(const struct isb_store *store, enum isb_env env)
{
	return store->env[env].path;
}

unsigned isb_store_clean(struct isb_store *store)
{
	unsigned sum = 0;
	for (enum isb_env e = ISB_ENV_CATALOG; e < ISB_ENV_COUNT; e++) {
		int dead = 0;
		if (mdb_reader_check(store->env[e].mdb, &dead) == 0)
			sum += (unsigned)dead;
	}
	return sum;
}

int isb_store_sync(struct isb_store *store, enum isb_env env)
{
	return isb_mdb_err(mdb_env_sync(store->env[env].mdb, 1));
}

int isb_store_look(struct isb_store *store, enum isb_env env, struct isb_store_use *ret_use)
{
	MDB_envinfo info;
	MDB_stat stat;
	int rc = mdb_env_info(store->env[env].mdb, &info);
	if (rc == 0)
		rc = mdb_env_stat(store->env[env].mdb, &stat);
	if (rc == 0)
		*ret_use = (struct isb_store_use){.readers = info.me_numreaders, .readers_max = info.me_maxreaders,
		                                  .used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize,
		                                  .map = info.me_mapsize};
	return isb_mdb_err(rc);
}
