/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "intern.h"
#include "isobar/base/diag.h"
#include "isobar/view/geodb.h"

/* What the rooms behind geodb.h and geomap.h share. A database file is read once, whole, into this form; after that
 * neither the file nor libmaxminddb is touched again, and nothing in it needs checking: every reference is in range,
 * no path is deeper than the addresses are long, and the tries do not expand to absurd numbers of leaves. */

/* A node of a binary trie, or with the top bit a leaf: then the rest is a number (of facts, of a class). */
enum { ISB_GEO_EMPTY = 0 }; /* the facts of networks that a file says nothing about */
#define ISB_REF_LEAF UINT32_C(0x80000000)

struct isb_geo_file {
	uint32_t (*child)[2];    /* [node][bit] → reference */
	uint32_t root4, root6;   /* references; IPv6 leaves out ::/96 and its aliases, which hold the IPv4 data */
	struct isb_intern facts; /* struct isb_geo_facts, as the file has them; number 0 is all empty */
	char *label;
	int64_t built_ms; /* by its own word; 0: it does not say */
	uint64_t hash; /* of the content */
};

/* Reads and checks one file; what is wrong goes into diags. */
int isb_geo_file_read(const char *path, struct isb_diags *diags, struct isb_geo_file *ret_file);
void isb_geo_file_done(struct isb_geo_file *file);
/* Of inode, size and mtime, mixed into `seed`; a missing file has one too. */
uint64_t isb_geo_file_stamp(const char *path, uint64_t seed);

enum { ISB_GEODB_MAX = 8 }; /* files in one database */

struct isb_geodb {
	struct isb_geo_file file[ISB_GEODB_MAX];
	size_t count;
	uint64_t fingerprint;
	char *description;
};

static inline uint32_t isb_geo_step(const struct isb_geo_file *file, uint32_t ref, unsigned bit)
{
	return ref & ISB_REF_LEAF ? ref : file->child[ref][bit];
}

/* The facts of the leaf where every file's walk has ended: merged in order of the files, then completed from the
 * built-in table. `leaves` has one reference per file. */
void isb_geodb_facts(const struct isb_geodb *db, const uint32_t *leaves, struct isb_geo_facts *ret_facts);
