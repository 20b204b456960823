/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "store_test.h"

#include "isobar/model/dname.h"
#include "isobar/store/catalogdb.h"

/* A name from text, in one of a few static buffers. */
static inline const uint8_t *name(const char *s)
{
	static uint8_t ring[8][ISB_DNAME_MAX];
	static unsigned at;
	uint8_t *out = ring[at++ % 8];
	assert_true(isb_dname_parse(s, NULL, out) > 0);
	return out;
}

/* An A rrset with `count` addresses 192.0.2.first.. */
static inline const struct isb_rrset *a_set(uint32_t ttl_s, uint8_t first, uint16_t count)
{
	static uint32_t room[64];
	struct isb_rrset *set = (struct isb_rrset *)(void *)room;
	assert_true(count <= 32);
	*set = (struct isb_rrset){.ttl_s = ttl_s, .type = ISB_A, .count = count, .size = count * 6u};
	for (uint16_t i = 0; i < count; i++)
		memcpy(set->rdata + i * 6, (uint8_t[]){0, 4, 192, 0, 2, (uint8_t)(first + i)}, 6);
	return set;
}

struct session {
	struct isb_store *store;
	struct isb_txn *txn;
	struct isb_edit *edit;
};

static inline struct session edit_begin(const char *dir, const char *reason)
{
	struct session s = {.store = open_store(dir, ISB_STORE_WRITE_CATALOG)};
	s.txn = begin(s.store, ISB_ENV_CATALOG, true);
	s.edit = isb_edit_new(s.txn, "ada", reason, 1763726400000);
	return s;
}

static inline uint64_t edit_commit(struct session *s)
{
	uint64_t generation = 0;
	assert_int_equal(isb_edit_finish(s->edit, &generation), ISB_OK);
	isb_edit_free(s->edit);
	assert_int_equal(isb_txn_commit(s->txn), ISB_OK);
	isb_store_close(s->store);
	return generation;
}

static inline void edit_abort(struct session *s)
{
	isb_edit_free(s->edit);
	isb_txn_abort(s->txn);
	isb_store_close(s->store);
}

static inline struct session look(const char *dir)
{
	struct session s = {.store = open_store(dir, ISB_STORE_READ)};
	s.txn = begin(s.store, ISB_ENV_CATALOG, false);
	return s;
}

static inline void look_end(struct session *s)
{
	isb_txn_abort(s->txn);
	isb_store_close(s->store);
}
