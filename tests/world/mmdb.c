/* SPDX-License-Identifier: Apache-2.0 */
#include "mmdb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"

/* https://maxmind.github.io/MaxMind-DB/: a binary search tree, a separator of 16 zeros, data, and metadata behind a mark.
 * A record of the tree is the number of a node; the number of nodes, for nothing; or that + 16 + where data begin. */

enum { TYPE_POINTER = 1, TYPE_WORD = 2, TYPE_DOUBLE = 3, TYPE_UINT16 = 5, TYPE_UINT32 = 6, TYPE_MAP = 7, TYPE_UINT64 = 9, TYPE_ARRAY = 11 };
enum { SEPARATOR = 16, RECORD_OCTETS = 4 };

/* A node's side: 0 for nothing (nobody leads to the root), another node, or with the top bit a data record. */
#define DATA UINT32_C(0x80000000)

struct mmdb {
	uint32_t (*node)[2];
	uint32_t count, cap;
	struct isb_buf data;
};

struct mmdb *mmdb_new(void)
{
	struct mmdb *db = isb_xcalloc(1, sizeof(*db));
	db->cap = 1024;
	db->node = isb_xcalloc(db->cap, sizeof(*db->node));
	db->count = 1;
	return db;
}

void mmdb_free(struct mmdb *db)
{
	if (!db)
		return;
	free(db->node);
	isb_buf_done(&db->data);
	free(db);
}

struct isb_buf *mmdb_data(struct mmdb *db)
{
	return &db->data;
}

uint32_t mmdb_nodes(const struct mmdb *db)
{
	return db->count;
}

/* The node below one side; what stood there covers both halves of it. */
static uint32_t descend(struct mmdb *db, uint32_t from, unsigned side)
{
	uint32_t to = db->node[from][side];
	if (to && !(to & DATA))
		return to;
	if (db->count == db->cap) {
		db->cap *= 2;
		db->node = isb_xrealloc(db->node, db->cap * sizeof(*db->node));
	}
	db->node[db->count][0] = db->node[db->count][1] = to;
	db->node[from][side] = db->count;
	return db->count++;
}

void mmdb_add(struct mmdb *db, const struct isb_net *net, uint32_t record)
{
	unsigned skip = net->addr.family == 4 ? 96 : 0, len = skip + net->len;
	uint32_t node = 0;
	for (unsigned depth = 0; depth < len; depth++) {
		unsigned bit = depth - skip, side = 0; /* IPv4 lies where all is 0 */
		if (depth >= skip)
			side = (unsigned)net->addr.octets[bit / 8] >> (7 - bit % 8) & 1;
		if (depth + 1 == len)
			db->node[node][side] = DATA | record;
		else
			node = descend(db, node, side);
	}
}

/* --- Data ---------------------------------------------------------------------------------------------------------- */

static void control(struct isb_buf *data, unsigned type, unsigned size)
{
	unsigned extended = type > 7, low = size < 29 ? size : 29;
	isb_buf_putc(data, (char)((extended ? 0 : type << 5) | low));
	if (extended)
		isb_buf_putc(data, (char)(type - 7));
	if (low == 29)
		isb_buf_putc(data, (char)(size - 29));
}

void mmdb_map(struct isb_buf *data, unsigned pairs)
{
	control(data, TYPE_MAP, pairs);
}

void mmdb_array(struct isb_buf *data, unsigned items)
{
	control(data, TYPE_ARRAY, items);
}

void mmdb_word(struct isb_buf *data, const char *text)
{
	size_t len = strlen(text);
	control(data, TYPE_WORD, (unsigned)len);
	isb_buf_add(data, text, len);
}

void mmdb_double(struct isb_buf *data, double value)
{
	uint64_t octets;
	memcpy(&octets, &value, sizeof(octets));
	control(data, TYPE_DOUBLE, 8);
	isb_buf_u64(data, octets);
}

void mmdb_number(struct isb_buf *data, uint32_t value)
{
	control(data, TYPE_UINT32, 4);
	isb_buf_u32(data, value);
}

void mmdb_pointer(struct isb_buf *data, uint32_t to)
{
	isb_buf_putc(data, (char)(TYPE_POINTER << 5 | 3 << 3)); /* the 32-bit kind */
	isb_buf_u32(data, to);
}

/* --- The file ------------------------------------------------------------------------------------------------------ */

static void put_meta(const struct mmdb *db, const char *type, struct isb_buf *out)
{
	static const char mark[] = "\xab\xcd\xefMaxMind.com";
	isb_buf_add(out, mark, sizeof(mark) - 1);
	mmdb_map(out, 9);
	mmdb_word(out, "binary_format_major_version");
	control(out, TYPE_UINT16, 2);
	isb_buf_u16(out, 2);
	mmdb_word(out, "binary_format_minor_version");
	control(out, TYPE_UINT16, 0);
	mmdb_word(out, "build_epoch");
	control(out, TYPE_UINT64, 8);
	isb_buf_u64(out, 1763424000); /* 2025-11-18 */
	mmdb_word(out, "database_type");
	mmdb_word(out, type);
	mmdb_word(out, "description");
	mmdb_map(out, 1);
	mmdb_word(out, "en");
	mmdb_word(out, "made up for tests of isobar");
	mmdb_word(out, "ip_version");
	control(out, TYPE_UINT16, 2);
	isb_buf_u16(out, 6);
	mmdb_word(out, "languages");
	mmdb_array(out, 1);
	mmdb_word(out, "en");
	mmdb_word(out, "node_count");
	mmdb_number(out, db->count);
	mmdb_word(out, "record_size");
	control(out, TYPE_UINT16, 2);
	isb_buf_u16(out, 8 * RECORD_OCTETS);
}

static int put_tree(const struct mmdb *db, FILE *out)
{
	for (uint32_t i = 0; i < db->count; i++) {
		uint8_t octets[2 * RECORD_OCTETS];
		for (unsigned side = 0; side < 2; side++) {
			uint32_t to = db->node[i][side];
			uint32_t record = to & DATA ? db->count + SEPARATOR + (to & ~DATA) : to ? to : db->count;
			for (unsigned k = 0; k < RECORD_OCTETS; k++)
				octets[side * RECORD_OCTETS + k] = (uint8_t)(record >> (24 - 8 * k));
		}
		if (fwrite(octets, sizeof(octets), 1, out) != 1)
			return -1;
	}
	return 0;
}

int mmdb_write(struct mmdb *db, const char *path, const char *type)
{
	static const char separator[SEPARATOR];
	struct isb_buf meta = {0};
	FILE *out = fopen(path, "wb");
	if (!out)
		return -1;
	put_meta(db, type, &meta);
	int rc = put_tree(db, out);
	if (fwrite(separator, sizeof(separator), 1, out) != 1 ||
	    (db->data.len && fwrite(db->data.data, db->data.len, 1, out) != 1) || fwrite(meta.data, meta.len, 1, out) != 1)
		rc = -1;
	isb_buf_done(&meta);
	int err = errno;
	if (fclose(out) != 0)
		return -1;
	errno = err;
	return rc;
}
