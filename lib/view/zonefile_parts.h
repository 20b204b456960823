/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/arena.h"
#include "isobar/base/diag.h"
#include "isobar/model/dname.h"
#include "isobar/view/zonefile.h"
#include "zonelex.h"

/* Reading a zone: texts become entries (zonelex.c), entries become directives or records (zonefile_entry.c,
 * zonefile_generate.c), records are sorted, checked and packed into rrsets (zonefile_check.c). */

struct isb_zone_owner {
	const uint8_t *name;  /* absolute, lower case */
	const uint8_t *order; /* octets whose plain comparison is the canonical order of names (RFC 4034 §6.1) */
	size_t order_len;
	bool inside;          /* at or below the apex */
};

struct isb_zone_record {
	const struct isb_zone_owner *owner;
	const uint8_t *rdata;
	uint32_t ttl_s;
	uint16_t type, len;
	unsigned line;
	const char *file;
};

struct isb_zone_records {
	struct isb_arena arena; /* owners, rdata and file names */
	struct isb_zone_record *list;
	size_t count, cap;
};
void isb_zone_records_done(struct isb_zone_records *records);
/* Copies the rdata. */
void isb_zone_records_add(struct isb_zone_records *records, const struct isb_zone_record *record);

/* Sorts the records into rrsets and checks the zone as a whole. Returns how many errors it found; notices (differing
 * TTLs) go into diags too but are no errors. */
size_t isb_zone_assemble(struct isb_zone_records *records, const uint8_t *apex, struct isb_mark top,
                         struct isb_diags *diags, struct isb_zonedata *data);
/* One rrset of `count` > 0 records of one type in any order, without duplicates, with the lowest TTL; NULL where no
 * message could hold it. */
struct isb_rrset *isb_zone_pack(struct isb_arena *arena, struct isb_zone_record *records, size_t count);

/* --- The reading loop -------------------------------------------------------------------------------------------- */

enum {
	ISB_INCLUDE_DEPTH = 8,         /* files inside each other, the top one not counted */
	ISB_INCLUDES_MAX = 10000,      /* of one zone */
	ISB_GENERATED_MAX = 1000000,   /* records of one zone that $GENERATE makes */
	ISB_RDATA_ROOM = 2 * UINT16_MAX
};

struct isb_zone_reader {
	const uint8_t *apex;
	const char *top_dir; /* real path that every included file must be below; NULL: $INCLUDE is refused */
	struct isb_diags *diags;
	struct isb_zone_records records;
	unsigned includes;
	uint32_t generated;
	uint8_t *rdata; /* room for the record at hand */
};

/* One text and what holds while it is read. An included file begins with its parent's state and gives none back. */
struct isb_zone_source {
	const struct isb_zone_source *parent; /* NULL: the top file */
	const char *file;                     /* as shown to people */
	const char *real_path;                /* NULL: from memory */
	unsigned depth;
	uint8_t origin[ISB_DNAME_MAX];
	const struct isb_zone_owner *owner; /* of the last record; NULL: none yet, or it could not be read */
	bool owner_unreadable;              /* already complained about */
	bool has_default_ttl, has_last_ttl;
	uint32_t default_ttl_s, last_ttl_s; /* $TTL; last one written, which RFC 1035 §5.1 falls back on */
};

/* Everything in one text; errors go into diags. */
void isb_zone_read_text(struct isb_zone_reader *reader, struct isb_zone_source *source, const char *text, size_t len,
                        struct isb_mark at);
/* A file named by $INCLUDE; `origin` NULL: the parent's. */
void isb_zone_include(struct isb_zone_reader *reader, const struct isb_zone_source *parent,
                      const struct isb_token *path, const uint8_t *origin);
/* ISB_OK, or ISB_EINVAL with the reason in diags. */
int isb_zone_entry(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry);
int isb_zone_generate(struct isb_zone_reader *reader, struct isb_zone_source *source, const struct isb_entry *entry);
