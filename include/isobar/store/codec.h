/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/buf.h"
#include "isobar/base/wire.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"
#include "isobar/model/schema.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/env.h"

/* What the octets of keys and catalog rows mean; docs/store.md shows each in hex. Numbers are big-endian, so that keys
 * sort as they count. Every text is stored with its final NUL, so that readers point into the map and no text is the
 * beginning of another. Everything read is checked: ISB_EFORMAT. */

enum { ISB_STORE_FORMAT = 1, ISB_KEY_MAX = 511 /* LMDB's limit */ };

/* Rows of the table meta. */
#define ISB_META_FORMAT "format"         /* 4 octets: ISB_STORE_FORMAT */
#define ISB_META_GENERATION "generation" /* 8 octets */
#define ISB_META_NEXT_SLOT "next-slot"   /* 4 octets; only grows */

/* --- Keys -------------------------------------------------------------------------------------------------- */

struct isb_key {
	size_t len;
	uint8_t octets[ISB_KEY_MAX];
};
static inline struct isb_slice isb_key_slice(const struct isb_key *key)
{
	return (struct isb_slice){key->octets, key->len};
}

/* All give ISB_ERANGE when the key would be too long and ISB_EINVAL when a text is empty. */
int isb_key_text(struct isb_key *key, const char *text);
int isb_key_texts(struct isb_key *key, const char *first, const char *second);
int isb_key_u32(struct isb_key *key, uint32_t number);
int isb_key_u64(struct isb_key *key, uint64_t number);
int isb_key_u32_text(struct isb_key *key, uint32_t number, const char *text);
int isb_key_text_u32(struct isb_key *key, const char *text, uint32_t number);
int isb_key_kind(struct isb_key *key, enum isb_kind kind); /* prefix of all objects of a kind */
int isb_key_object(struct isb_key *key, enum isb_kind kind, const char *name);
int isb_key_latency(struct isb_key *key, const struct isb_net *net, const char *region); /* ISB_EINVAL: host bits */
int isb_key_journal(struct isb_key *key, uint64_t generation, uint32_t seq);

/* A name as octets that sort in canonical order (RFC 4034 §6.1): its labels in lower case from the one next to the root
 * down, each ended by 00, and one more 00 at the end, which no label can begin with. Inside labels 00 becomes 01 01 and
 * 01 becomes 01 02. So no name is the beginning of another, and all names below one begin like it up to its final 00.
 *
 * An rrset's key is its zone, then the owner relative to the zone, then 2 octets of type: the rows of a zone are one
 * range, a child zone's are another, and an owner comes before everything below it. The longest, 4 labels of 250
 * octets that are all 00 or 01, has 508 octets. ISB_EINVAL when the owner is not in the zone. */
int isb_key_zone(struct isb_key *key, const uint8_t *zone); /* prefix of all rrsets of a zone */
int isb_key_rrset(struct isb_key *key, const uint8_t *zone, const uint8_t *owner, uint16_t type);

/* --- Reading ----------------------------------------------------------------------------------------------- */

/* The next text with its NUL, in place; NULL (and bad) when there is none. */
const char *isb_read_text(struct isb_reader *r);
/* True when everything was read and nothing was missing. */
static inline bool isb_read_whole(const struct isb_reader *r) { return !r->bad && r->pos == r->len; }
static inline struct isb_reader isb_slice_reader(struct isb_slice slice) { return isb_reader(slice.data, slice.len); }
/* The next name, completed with `suffix`. */
int isb_key_read_name(struct isb_reader *r, const uint8_t *suffix, uint8_t ret_name[ISB_DNAME_MAX]);

int isb_text_decode(struct isb_slice slice, const char **ret_text);
int isb_u32_decode(struct isb_slice slice, uint32_t *ret_number);
int isb_object_key_decode(struct isb_slice key, enum isb_kind *ret_kind, const char **ret_name);
int isb_latency_key_decode(struct isb_slice key, struct isb_net *ret_net, const char **ret_region);

/* Values. `out` and `scratch` are emptied first; what the decoders return points into scratch or the value. */
void isb_rrset_encode(struct isb_buf *out, const struct isb_rrset *set);
int isb_rrset_decode(struct isb_slice value, uint16_t type, struct isb_buf *scratch, const struct isb_rrset **ret_set);
void isb_admin_encode(struct isb_buf *out, const struct isb_admin_row *row);
int isb_admin_decode(struct isb_slice value, struct isb_admin_row *ret_row);
void isb_rollout_encode(struct isb_buf *out, const struct isb_rollout *rollout);
int isb_rollout_decode(struct isb_slice value, struct isb_buf *scratch, struct isb_rollout *ret_rollout);
