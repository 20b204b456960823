/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "geodb_fields.h"
#include "geodb_walk.h"
#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/hash.h"

#define BUILT_MAX_S UINT64_C(253402300799) /* the end of the year 9999 */
enum { SEPARATOR = 16, SHARED_MAX = 1 << 20, LEAVES_MAX = 1 << 28, HEIGHT_OPEN = 255 };
#define NO_NODE UINT32_MAX
#define EMPTY_LEAF (ISB_REF_LEAF | ISB_GEO_EMPTY)

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool copy_octets(int from, int to)
{
	static const size_t size = 1 << 16;
	char *chunk = isb_xmalloc(size);
	ssize_t n;
	while ((n = read(from, chunk, size)) > 0)
		for (ssize_t done = 0, put; done < n; done += put)
			if ((put = write(to, chunk + done, (size_t)(n - done))) < 0) {
				free(chunk);
				return false;
			}
	free(chunk);
	return n == 0;
}

/* libmaxminddb maps its file, and a mapped file that another process truncates is a SIGBUS: so it gets a copy that
 * nobody else can reach. Returns its descriptor, or -1 after a diagnostic. */
static int private_copy(const char *path, struct isb_diags *diags)
{
	struct isb_mark at = {.file = path};
	struct stat before, after;
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), to = -1;
	if (from < 0) {
		isb_diag(diags, at, "cannot open the geo database: %s", strerror(errno));
		return -1;
	}
	if (fstat(from, &before) != 0 || !S_ISREG(before.st_mode))
		isb_diag(diags, at, "the geo database is not a regular file");
	else if ((to = memfd_create("isobar-geodb", MFD_CLOEXEC)) < 0 || !copy_octets(from, to))
		isb_diag(diags, at, "cannot copy the geo database into memory: %s", strerror(errno));
	else if (fstat(from, &after) != 0 || !same_file(&before, &after))
		isb_diag(diags, at, "the geo database changed while it was read; replace it by rename");
	else {
		close(from);
		return to;
	}
	if (to >= 0)
		close(to);
	close(from);
	return -1;
}

/* The state of one whole reading. A search tree is a tree only in an honest file: in another one, nodes may form
 * loops or share children so that 128 levels unfold to 2^128 leaves. Both are counted out here, once: a tree has one
 * leaf more than nodes, and what sharing may add to that is bounded, so that no small file becomes a huge map. */
struct reading {
	const MMDB_s *mmdb;
	struct isb_geo_file *file;
	unsigned bits;              /* 32 or 128 */
	uint32_t v4;                /* node of ::/96, NO_NODE */
	uint8_t *height;            /* [node] levels below; 0 not seen, HEIGHT_OPEN while above us on the path */
	uint32_t *leaves;           /* [node] it unfolds to, at most leaves_max + 1 */
	uint32_t leaves_max;
	struct isb_intern offsets;  /* of data records */
	uint32_t *facts_at, nfacts; /* [number of the offset] → number of the facts */
	char why[160];
};

static bool wrong(struct reading *r, const char *why)
{
	snprintf(r->why, sizeof(r->why), "%s", why);
	return false;
}

static bool facts_of(struct reading *r, const MMDB_entry_s *entry, uint32_t *ret_ref)
{
	uint32_t number = isb_intern(&r->offsets, &entry->offset, sizeof(entry->offset));
	if (number == r->nfacts) {
		if ((r->nfacts & (r->nfacts + 1)) == 0) /* 0, 1, 3, 7...: full */
			r->facts_at = isb_xrealloc(r->facts_at, (2 * (size_t)r->nfacts + 1) * sizeof(*r->facts_at));
		struct isb_geo_facts facts;
		int err = isb_geodb_decode(entry, &facts);
		if (err != MMDB_SUCCESS) {
			snprintf(r->why, sizeof(r->why), "the data record at offset %u cannot be decoded: %s",
			         entry->offset, MMDB_strerror(err));
			return false;
		}
		r->facts_at[r->nfacts++] = isb_intern(&r->file->facts, &facts, sizeof(facts));
	}
	*ret_ref = ISB_REF_LEAF | r->facts_at[number];
	return true;
}

static bool visit(struct reading *r, uint32_t node, unsigned depth);

/* One side of a node. The IPv4 data hang below ::/96, and again below aliases of it (IPv4-mapped, 6to4, Teredo): no
 * IPv6 client has such an address, so for IPv6 they are empty. */
static bool visit_child(struct reading *r, uint64_t record, uint8_t type, const MMDB_entry_s *entry, unsigned depth,
                        uint32_t *ret_ref)
{
	switch (type) {
	case MMDB_RECORD_TYPE_EMPTY: *ret_ref = EMPTY_LEAF; return true;
	case MMDB_RECORD_TYPE_DATA: return facts_of(r, entry, ret_ref);
	case MMDB_RECORD_TYPE_SEARCH_NODE: break;
	default: return wrong(r, "the search tree points outside the file");
	}
	*ret_ref = record == r->v4 ? EMPTY_LEAF : (uint32_t)record;
	return record == r->v4 || visit(r, (uint32_t)record, depth);
}

static void sum_up(struct reading *r, uint32_t node)
{
	uint64_t leaves = 0;
	uint8_t height = 0;
	for (unsigned bit = 0; bit < 2; bit++) {
		uint32_t ref = r->file->child[node][bit];
		leaves += ref & ISB_REF_LEAF ? 1 : r->leaves[ref];
		if (!(ref & ISB_REF_LEAF) && r->height[ref] > height)
			height = r->height[ref];
	}
	r->leaves[node] = leaves > r->leaves_max ? r->leaves_max + 1 : (uint32_t)leaves;
	r->height[node] = (uint8_t)(height + 1);
}

static bool visit(struct reading *r, uint32_t node, unsigned depth)
{
	if (r->height[node] == HEIGHT_OPEN)
		return wrong(r, "the search tree has a loop");
	if (depth >= r->bits || depth + r->height[node] > r->bits)
		return wrong(r, "the search tree is deeper than addresses are long");
	if (r->height[node])
		return true;
	r->height[node] = HEIGHT_OPEN;
	MMDB_search_node_s n;
	if (MMDB_read_node(r->mmdb, node, &n) != MMDB_SUCCESS)
		return wrong(r, "the search tree points outside the file");
	uint32_t *child = r->file->child[node];
	if (!visit_child(r, n.left_record, n.left_record_type, &n.left_record_entry, depth + 1, &child[0]) ||
	    !visit_child(r, n.right_record, n.right_record_type, &n.right_record_entry, depth + 1, &child[1]))
		return false;
	sum_up(r, node);
	if (r->leaves[node] > r->leaves_max)
		return wrong(r, "the search tree unfolds to far more networks than it has nodes");
	return true;
}

/* Down the zeros to ::/96, or to the leaf above it; visits the IPv4 half first, so that its nodes are done. */
static bool visit_v4(struct reading *r)
{
	uint32_t node = 0, ref = 0;
	for (unsigned depth = 0; depth < 96; depth++) {
		MMDB_search_node_s n;
		if (MMDB_read_node(r->mmdb, node, &n) != MMDB_SUCCESS)
			return wrong(r, "the search tree points outside the file");
		if (n.left_record_type != MMDB_RECORD_TYPE_SEARCH_NODE)
			return visit_child(r, n.left_record, n.left_record_type, &n.left_record_entry, depth + 1,
			                   &r->file->root4);
		node = (uint32_t)n.left_record;
	}
	if (!visit_child(r, node, MMDB_RECORD_TYPE_SEARCH_NODE, NULL, 96, &ref))
		return false;
	r->v4 = node;
	r->file->root4 = ref;
	return true;
}

static bool visit_all(struct reading *r)
{
	static const struct isb_geo_facts nothing;
	isb_intern(&r->file->facts, &nothing, sizeof(nothing));
	r->file->root4 = r->file->root6 = EMPTY_LEAF;
	r->v4 = NO_NODE;
	if (r->mmdb->metadata.ip_version == 4) {
		r->bits = 32;
		r->file->root4 = 0;
		return visit(r, 0, 0);
	}
	r->bits = 128;
	if (!visit_v4(r))
		return false;
	r->file->root6 = 0;
	return visit(r, 0, 0);
}

static bool read_tree(const MMDB_s *mmdb, struct isb_geo_file *file, struct isb_diags *diags, const char *path)
{
	size_t nodes = mmdb->metadata.node_count;
	struct reading r = {.mmdb = mmdb, .file = file};
	bool good = false;
	if (mmdb->metadata.ip_version != 4 && mmdb->metadata.ip_version != 6)
		wrong(&r, "its IP version is neither 4 nor 6");
	else if (nodes == 0 || nodes >= ISB_REF_LEAF ||
	         nodes * mmdb->full_record_byte_size + SEPARATOR > (size_t)mmdb->file_size)
		wrong(&r, "the search tree is empty or larger than the file");
	else {
		file->child = isb_xcalloc(nodes, sizeof(*file->child));
		r.height = isb_xcalloc(nodes, sizeof(*r.height));
		r.leaves = isb_xcalloc(nodes, sizeof(*r.leaves));
		r.leaves_max = nodes < LEAVES_MAX - SHARED_MAX ? (uint32_t)nodes + SHARED_MAX : LEAVES_MAX;
		good = visit_all(&r);
	}
	if (!good)
		isb_diag(diags, (struct isb_mark){.file = path}, "the geo database is damaged: %s", r.why);
	free(r.height);
	free(r.leaves);
	free(r.facts_at);
	isb_intern_done(&r.offsets);
	return good;
}

/* "GeoLite2-City 2026-11-18"; the type is the file's own word, so only plain characters of it are taken. */
static char *label_of(const MMDB_s *mmdb)
{
	char type[48] = "", date[16] = "";
	size_t n = 0;
	const char *p = mmdb->metadata.database_type;
	for (; p && *p && n + 1 < sizeof(type); p++)
		type[n++] = *p > ' ' && *p < 0x7f ? *p : '-';
	time_t built = (time_t)mmdb->metadata.build_epoch;
	struct tm tm;
	if (gmtime_r(&built, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	char label[80];
	snprintf(label, sizeof(label), "%s %s", n ? type : "unnamed", date[0] ? date : "undated");
	return isb_xstrdup(label);
}

/* Of a private copy. */
static int open_copy(const char *path, struct isb_diags *diags, MMDB_s *ret_mmdb)
{
	int fd = private_copy(path, diags);
	if (fd < 0)
		return ISB_EIO;
	char name[32];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int err = MMDB_open(name, MMDB_MODE_MMAP, ret_mmdb);
	close(fd);
	if (err == MMDB_SUCCESS)
		return ISB_OK;
	isb_diag(diags, (struct isb_mark){.file = path}, "not a geo database in MaxMind's format (.mmdb): %s", MMDB_strerror(err));
	return ISB_EFORMAT;
}

int isb_geo_file_read(const char *path, struct isb_diags *diags, struct isb_geo_file *ret_file)
{
	struct isb_geo_file file = {0};
	MMDB_s mmdb;
	int rc = open_copy(path, diags, &mmdb);
	if (rc != ISB_OK)
		return rc;
	bool good = read_tree(&mmdb, &file, diags, path);
	if (good) {
		file.hash = isb_hash(mmdb.file_content, (size_t)mmdb.file_size, 0);
		file.label = label_of(&mmdb);
		if (mmdb.metadata.build_epoch <= BUILT_MAX_S)
			file.built_ms = (int64_t)mmdb.metadata.build_epoch * 1000;
		*ret_file = file;
	} else {
		isb_geo_file_done(&file);
	}
	MMDB_close(&mmdb);
	return good ? ISB_OK : ISB_EFORMAT;
}

void isb_geo_file_done(struct isb_geo_file *file)
{
	free(file->child);
	free(file->label);
	isb_intern_done(&file->facts);
	*file = (struct isb_geo_file){0};
}

int isb_geodb_label(const char *path, struct isb_diags *diags, char **ret_label)
{
	MMDB_s mmdb;
	int rc = open_copy(path, diags, &mmdb);
	if (rc != ISB_OK)
		return rc;
	*ret_label = label_of(&mmdb);
	MMDB_close(&mmdb);
	return ISB_OK;
}

uint64_t isb_geo_file_stamp(const char *path, uint64_t seed)
{
	struct stat now;
	if (stat(path, &now) != 0)
		return isb_hash_mix(seed, 1);
	const uint64_t what[] = {now.st_dev, now.st_ino, (uint64_t)now.st_size, (uint64_t)now.st_mtim.tv_sec,
	                         (uint64_t)now.st_mtim.tv_nsec};
	return isb_hash(what, sizeof(what), seed);
}
