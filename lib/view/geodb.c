/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/country.h"
#include "isobar/view/geodb.h"

#include <stdlib.h>
#include <string.h>

#include "geodb_walk.h"
#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/base/err.h"
#include "isobar/base/hash.h"

int isb_geodb_open(const char *const *paths, size_t count, struct isb_diags *diags, struct isb_geodb **ret_db)
{
	if (count == 0 || count > ISB_GEODB_MAX) {
		isb_diag(diags, (struct isb_mark){0}, "%zu geo databases are given; 1 to %d are possible", count,
		         ISB_GEODB_MAX);
		return ISB_EINVAL;
	}
	struct isb_geodb *db = isb_xcalloc(1, sizeof(*db));
	struct isb_buf text;
	int first = ISB_OK;
	isb_buf_init(&text);
	for (size_t i = 0; i < count; i++) { /* all of them, so that every bad file is named */
		struct isb_geo_file *file = &db->file[db->count];
		int rc = isb_geo_file_read(paths[i], diags, file);
		if (rc != ISB_OK) {
			first = first == ISB_OK ? rc : first;
			continue;
		}
		db->count++;
		db->fingerprint = isb_hash(&file->hash, sizeof(file->hash), db->fingerprint);
		isb_buf_puts(&text, text.len ? ", " : "");
		isb_buf_puts(&text, file->label);
	}
	db->description = isb_xstrdup(isb_buf_text(&text));
	isb_buf_done(&text);
	if (first != ISB_OK)
		isb_geodb_free(db);
	else
		*ret_db = db;
	return first;
}

void isb_geodb_free(struct isb_geodb *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < db->count; i++)
		isb_geo_file_done(&db->file[i]);
	free(db->description);
	free(db);
}

/* True when, after filling, both say the same or the later one says nothing. */
static bool fill(char *have, const char *more, size_t size)
{
	if (!have[0])
		memcpy(have, more, size);
	return !more[0] || memcmp(have, more, size) == 0;
}

/* A finer field is taken from a file only while it agrees on the coarser ones: one file's Seoul must not land in the
 * other's California. */
static void merge(struct isb_geo_facts *facts, const struct isb_geo_facts *more)
{
	if (!facts->asn)
		facts->asn = more->asn;
	if (!fill(facts->country, more->country, sizeof(facts->country)))
		return;
	fill(facts->continent, more->continent, sizeof(facts->continent));
	if (!fill(facts->subdivision, more->subdivision, sizeof(facts->subdivision)) ||
	    !fill(facts->city, more->city, sizeof(facts->city)) || facts->located)
		return;
	facts->located = more->located;
	facts->latitude = more->latitude;
	facts->longitude = more->longitude;
}

static void complete(struct isb_geo_facts *facts)
{
	const struct isb_country *place = facts->country[0] ? isb_country_find(facts->country) : NULL;
	if (place && !facts->continent[0])
		memcpy(facts->continent, place->continent, sizeof(facts->continent));
	if (!place && facts->continent[0])
		place = isb_continent_find(facts->continent);
	if (!place || facts->located)
		return;
	facts->located = true;
	facts->latitude = (double)place->latitude;
	facts->longitude = (double)place->longitude;
}

void isb_geodb_facts(const struct isb_geodb *db, const uint32_t *leaves, struct isb_geo_facts *ret_facts)
{
	memset(ret_facts, 0, sizeof(*ret_facts));
	for (size_t i = 0; i < db->count; i++)
		merge(ret_facts, isb_intern_get(&db->file[i].facts, leaves[i] & ~ISB_REF_LEAF));
	complete(ret_facts);
}

void isb_geodb_find(const struct isb_geodb *db, const struct isb_addr *addr, struct isb_geo_facts *ret_facts,
                    uint8_t *ret_len)
{
	uint32_t leaves[ISB_GEODB_MAX];
	unsigned bits = isb_addr_bits(addr), longest = 0;
	for (size_t i = 0; i < db->count; i++) {
		const struct isb_geo_file *file = &db->file[i];
		uint32_t ref = addr->family == 4 ? file->root4 : file->root6;
		unsigned depth = 0;
		for (; depth < bits && !(ref & ISB_REF_LEAF); depth++)
			ref = isb_geo_step(file, ref, addr->octets[depth / 8] >> (7 - depth % 8) & 1);
		leaves[i] = ref;
		if (depth > longest)
			longest = depth;
	}
	isb_geodb_facts(db, leaves, ret_facts);
	*ret_len = (uint8_t)longest;
}

uint64_t isb_geodb_fingerprint(const struct isb_geodb *db)
{
	return db->fingerprint;
}

const char *isb_geodb_describe(const struct isb_geodb *db)
{
	return db->description;
}

int64_t isb_geodb_built_ms(const struct isb_geodb *db)
{
	int64_t oldest_ms = db->file[0].built_ms;
	for (size_t i = 1; i < db->count; i++)
		if (db->file[i].built_ms < oldest_ms)
			oldest_ms = db->file[i].built_ms;
	return oldest_ms;
}

uint64_t isb_geodb_stamp(const char *const *paths, size_t count)
{
	uint64_t stamp = count;
	for (size_t i = 0; i < count; i++)
		stamp = isb_geo_file_stamp(paths[i], stamp);
	return stamp;
}
