/* SPDX-License-Identifier: Apache-2.0 */
#include "questions.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/addr.h"
#include "isobar/base/err.h"
#include "isobar/base/map.h"
#include "isobar/base/rng.h"
#include "isobar/base/wire.h"
#include "isobar/model/dname.h"
#include "isobar/store/catalogdb.h"

/* Questions that a store can answer, and what must come back. */

static const char help[] =
	"usage: bench-questions --store DIR --out FILE [--count N] [--seed N] [--ecs]\n"
	"\n"
	"Writes questions for the names and types that the store's zones hold, drawn at random.\n"
	"\n"
	"  --count N  so many; default 50000\n"
	"  --seed N   other draws; default 1\n"
	"  --ecs      each with some client's /24 (EDNS client subnet)\n";

enum { MESSAGE_MAX = 320, UDP_PAYLOAD = 1232, OPTION_ECS = 8 };

struct candidate {
	const uint8_t *name;
	uint16_t type;
	uint8_t answers;
};

struct gathering {
	struct isb_arena arena;
	struct candidate *list;
	size_t count, cap;
	struct isb_map at;    /* name and type → position in the list */
	struct isb_map above; /* owners that answer for what is below them: cuts and DNAMEs */
	struct isb_txn *txn;
	uint8_t apex[ISB_DNAME_MAX];
};

_Noreturn static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench-questions: %s: %s\n", what, why);
	exit(1);
}

static void add(struct gathering *g, const uint8_t *name, uint16_t type, uint8_t answers)
{
	size_t len = isb_dname_len(name);
	uint8_t key[ISB_DNAME_MAX + 2];
	uint32_t i;
	isb_put_u16(key, type);
	memcpy(key + 2, name, len);
	if (isb_map_get(&g->at, key, len + 2, &i)) {
		g->list[i].answers = answers;
		return;
	}
	if (g->count == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 1024;
		g->list = isb_xrealloc(g->list, g->cap * sizeof(*g->list));
	}
	const uint8_t *copy = isb_arena_memdup(&g->arena, key, len + 2);
	isb_map_put(&g->at, copy, len + 2, (uint32_t)g->count);
	g->list[g->count++] = (struct candidate){.name = copy + 2, .type = type, .answers = answers};
}

/* "*" in front becomes a label that nobody owns. */
static const uint8_t *asked_name(const uint8_t *owner, uint8_t out[ISB_DNAME_MAX])
{
	static const uint8_t label[] = "\6wild-x";
	size_t len = isb_dname_len(owner);
	if (memcmp(owner, "\1*", 2) != 0 || len + sizeof(label) - 3 > ISB_DNAME_MAX)
		return owner;
	memcpy(out, label, sizeof(label) - 1);
	memcpy(out + sizeof(label) - 1, owner + 2, len - 2);
	return out;
}

static int note_above(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	struct gathering *g = arg;
	size_t len = isb_dname_len(owner);
	if (set->type == ISB_DNAME || (set->type == ISB_NS && len != isb_dname_len(g->apex)))
		isb_map_put(&g->above, isb_arena_memdup(&g->arena, owner, len), len, 1);
	return 0;
}

/* The name is the zone's own to answer for: neither at a cut nor below one or a DNAME. */
static bool is_own(const struct gathering *g, const uint8_t *owner)
{
	size_t apex_len = isb_dname_len(g->apex);
	uint32_t found;
	for (size_t len = isb_dname_len(owner); len >= apex_len; len -= 1u + *owner, owner += 1u + *owner) {
		if (isb_map_get(&g->above, owner, len, &found))
			return false;
		if (len == apex_len)
			break;
	}
	return true;
}

static int add_set(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	struct gathering *g = arg;
	uint8_t name[ISB_DNAME_MAX];
	add(g, asked_name(owner, name), set->type,
	    is_own(g, owner) && set->count < QUESTION_ANY ? (uint8_t)set->count : QUESTION_ANY);
	return 0;
}

static void add_zone(struct gathering *g, const struct isb_zone *zone)
{
	uint8_t owner[ISB_DNAME_MAX], name[ISB_DNAME_MAX];
	if (isb_dname_parse(zone->name, NULL, g->apex) <= 0)
		die(zone->name, "no name of a zone");
	isb_map_done(&g->above);
	if (isb_rrset_each(g->txn, g->apex, note_above, g) != ISB_OK ||
	    isb_rrset_each(g->txn, g->apex, add_set, g) != ISB_OK)
		die(zone->name, "its records cannot be read");
	for (size_t i = 0; i < zone->nrecord; i++) {
		const struct isb_record *record = &zone->records[i];
		if (isb_dname_parse(record->owner, g->apex, owner) <= 0)
			die(record->owner, "no name of a record");
		isb_dname_lower(owner, owner);
		for (size_t t = 0; t < record->ntype; t++) /* how many answers is the policy's to say */
			add(g, asked_name(owner, name), record->types[t], QUESTION_ANY);
	}
}

static void gather(struct gathering *g, const char *dir)
{
	struct isb_store *store;
	struct isb_catalog catalog;
	struct isb_diags diags;
	const char *message;
	if (isb_store_open(dir, ISB_STORE_READ, &store, &message) != ISB_OK)
		die(dir, message);
	int rc = isb_txn_begin(store, ISB_ENV_CATALOG, false, &g->txn);
	if (rc != ISB_OK)
		die(dir, isb_strerror(rc));
	isb_catalog_init(&catalog);
	isb_diags_init(&diags);
	rc = isb_catalog_load(g->txn, &catalog, &diags);
	isb_diags_print(&diags, stderr);
	if (rc != ISB_OK)
		die(dir, "the catalog cannot be read");
	for (size_t i = 0; i < catalog.nzone; i++)
		add_zone(g, &catalog.zones[i]);
	isb_diags_done(&diags);
	isb_catalog_done(&catalog);
	isb_txn_abort(g->txn);
	isb_store_close(store);
	if (!g->count)
		die(dir, "holds no name to ask for");
}

/* Some /24 that a client may have. */
static void some_network(struct isb_rng *rng, uint8_t out[3])
{
	struct isb_addr addr = {.family = 4};
	do {
		uint64_t bits = isb_rng_next(rng);
		for (unsigned i = 0; i < 3; i++)
			addr.octets[i] = (uint8_t)(bits >> (8 * i));
	} while (addr.octets[0] >= 224 || !isb_addr_is_public(&addr));
	memcpy(out, addr.octets, 3);
}

static size_t write_message(const struct candidate *c, struct isb_rng *rng, bool ecs, uint8_t out[MESSAGE_MAX])
{
	struct isb_writer w = isb_writer(out, MESSAGE_MAX);
	uint8_t net[3];
	isb_write(&w, "\0\0\0\0\0\1\0\0\0\0\0\1", 12);
	isb_write(&w, c->name, isb_dname_len(c->name));
	isb_write_u16(&w, c->type);
	isb_write_u16(&w, ISB_CLASS_IN);
	isb_write_u8(&w, 0);
	isb_write_u16(&w, ISB_OPT);
	isb_write_u16(&w, UDP_PAYLOAD);
	isb_write_u32(&w, 0);
	isb_write_u16(&w, ecs ? 11 : 0);
	if (ecs) {
		some_network(rng, net);
		isb_write_u16(&w, OPTION_ECS);
		isb_write_u16(&w, 7);
		isb_write(&w, "\0\1\30\0", 4);
		isb_write(&w, net, 3);
	}
	return w.pos;
}

static void write_all(const struct gathering *g, const char *path, size_t count, uint64_t seed, bool ecs)
{
	FILE *out = fopen(path, "wb");
	struct isb_rng rng;
	isb_rng_seed(&rng, seed);
	for (size_t i = 0; out && i < count; i++) {
		const struct candidate *c = &g->list[isb_rng_below(&rng, g->count)];
		uint8_t message[MESSAGE_MAX];
		size_t len = write_message(c, &rng, ecs, message);
		uint8_t head[QUESTION_HEAD] = {(uint8_t)(len >> 8), (uint8_t)len, 0, c->answers};
		fwrite(head, sizeof(head), 1, out);
		fwrite(message, len, 1, out);
	}
	if (!out || ferror(out) || fclose(out) != 0)
		die(path, "cannot be written");
	printf("{\"names_and_types\": %zu, \"questions\": %zu}\n", g->count, count);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"store", 1, NULL, 's'},
	                                      {"out", 1, NULL, 'o'},
	                                      {"count", 1, NULL, 'n'},
	                                      {"seed", 1, NULL, 'd'},
	                                      {"ecs", 0, NULL, 'e'},
	                                      {"help", 0, NULL, 'h'},
	                                      {0}};
	const char *store = NULL, *out = NULL;
	size_t count = 50000;
	uint64_t seed = 1;
	bool ecs = false;
	for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
		switch (c) {
		case 's': store = optarg; break;
		case 'o': out = optarg; break;
		case 'n': count = strtoul(optarg, NULL, 10); break;
		case 'd': seed = strtoull(optarg, NULL, 10); break;
		case 'e': ecs = true; break;
		case 'h': fputs(help, stdout); return 0;
		default: fputs(help, stderr); return 2;
		}
	if (!store || !out || !count || optind != argc) {
		fputs(help, stderr);
		return 2;
	}
	struct gathering g = {0};
	gather(&g, store);
	write_all(&g, out, count, seed, ecs);
	isb_map_done(&g.at);
	isb_map_done(&g.above);
	free(g.list);
	isb_arena_done(&g.arena);
	return 0;
}
