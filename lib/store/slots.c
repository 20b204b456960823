/* SPDX-License-Identifier: Apache-2.0 */
#include "slots.h"

#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/model/yaml.h"
#include "isobar/store/codec.h"
#include "isobar/store/healthdb.h"

struct settle {
	struct isb_txn *txn;
	struct isb_arena arena;
	size_t prefix_len;               /* of "pool/" */
	const struct isb_yaml *endpoints; /* NULL: none are left */
	const char **lost;
	size_t nlost, cap;
};

static int parse_endpoints(struct settle *s, const char *pool, const char *body)
{
	struct isb_diags diags;
	struct isb_yaml *root;
	isb_diags_init(&diags);
	int rc = isb_yaml_parse(&s->arena, pool, body, strlen(body), &diags, &root);
	isb_diags_done(&diags);
	if (rc != ISB_OK || root->kind != ISB_YAML_MAP)
		return ISB_EFORMAT;
	s->endpoints = isb_yaml_get(root, "endpoints");
	if (!s->endpoints)
		return ISB_OK;
	if (s->endpoints->kind != ISB_YAML_MAP)
		return ISB_EFORMAT;
	for (size_t i = 0; i < s->endpoints->count; i++)
		if (strchr(s->endpoints->pairs[i].key, '/'))
			return ISB_EFORMAT;
	return ISB_OK;
}

static int collect_lost(void *arg, struct isb_slice key, struct isb_slice value)
{
	(void)value;
	struct settle *s = arg;
	const char *name;
	if (isb_text_decode(key, &name) != ISB_OK)
		return ISB_EFORMAT;
	if (s->endpoints && isb_yaml_get(s->endpoints, name + s->prefix_len))
		return 0;
	if (s->nlost == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16, size = sizeof(*s->lost);
		s->lost = isb_arena_grow(&s->arena, s->lost, s->cap * size, cap * size);
		s->cap = cap;
	}
	s->lost[s->nlost++] = isb_arena_strdup(&s->arena, name); /* the row is written over soon */
	return 0;
}

static int take_lost(struct settle *s, const char *prefix, int (*gone)(void *arg, const char *endpoint), void *arg)
{
	int rc = isb_row_each(s->txn, ISB_T_SLOT, (struct isb_slice){prefix, s->prefix_len},
	                      (struct isb_slice){NULL, 0}, collect_lost, s);
	for (size_t i = 0; i < s->nlost && rc == ISB_OK; i++) {
		struct isb_slice key = {s->lost[i], strlen(s->lost[i]) + 1};
		rc = isb_row_delete(s->txn, ISB_T_SLOT, key);
		if (rc == ISB_OK)
			rc = gone(arg, s->lost[i]);
	}
	return rc;
}

int isb_slots_next(struct isb_txn *txn, uint32_t *ret_next)
{
	struct isb_key key;
	struct isb_slice value;
	isb_key_text(&key, ISB_META_NEXT_SLOT);
	int rc = isb_row_get(txn, ISB_T_META, isb_key_slice(&key), &value);
	if (rc == ISB_OK)
		return isb_u32_decode(value, ret_next);
	if (rc == ISB_ENOTFOUND)
		*ret_next = 0;
	return rc == ISB_ENOTFOUND ? ISB_OK : rc;
}

static int put_next(struct isb_txn *txn, uint32_t next)
{
	struct isb_key key;
	uint8_t number[4];
	isb_key_text(&key, ISB_META_NEXT_SLOT);
	isb_put_u32(number, next);
	return isb_row_put(txn, ISB_T_META, isb_key_slice(&key), (struct isb_slice){number, sizeof(number)});
}

int isb_slots_take(struct isb_txn *txn, uint32_t *ret_slot)
{
	uint32_t next = 0;
	int rc = isb_slots_next(txn, &next);
	if (rc == ISB_OK && next == (uint32_t)ISB_SLOT_ALL)
		return ISB_EFULL;
	if (rc == ISB_OK)
		rc = put_next(txn, next + 1);
	if (rc == ISB_OK)
		*ret_slot = next;
	return rc;
}

static int give_new(struct settle *s, const char *prefix)
{
	struct isb_slice value;
	uint8_t number[4];
	uint32_t next = 0;
	int rc = isb_slots_next(s->txn, &next);
	const uint32_t first = next;
	for (size_t i = 0; s->endpoints && i < s->endpoints->count && rc == ISB_OK; i++) {
		struct isb_key key;
		rc = isb_key_text(&key, isb_arena_printf(&s->arena, "%s%s", prefix, s->endpoints->pairs[i].key));
		if (rc != ISB_OK)
			break;
		rc = isb_row_get(s->txn, ISB_T_SLOT, isb_key_slice(&key), &value);
		if (rc != ISB_ENOTFOUND)
			continue;
		if (next == (uint32_t)ISB_SLOT_ALL)
			return ISB_EFULL;
		isb_put_u32(number, next++);
		rc = isb_row_put(s->txn, ISB_T_SLOT, isb_key_slice(&key), (struct isb_slice){number, sizeof(number)});
	}
	return rc != ISB_OK || next == first ? rc : put_next(s->txn, next);
}

int isb_slots_settle(struct isb_txn *txn, const char *pool, const char *body,
                     int (*gone)(void *arg, const char *endpoint), void *arg)
{
	struct settle s = {.txn = txn};
	isb_arena_init(&s.arena);
	const char *prefix = isb_arena_printf(&s.arena, "%s/", pool);
	s.prefix_len = strlen(prefix);
	int rc = body ? parse_endpoints(&s, pool, body) : ISB_OK;
	if (rc == ISB_OK)
		rc = take_lost(&s, prefix, gone, arg);
	if (rc == ISB_OK)
		rc = give_new(&s, prefix);
	isb_arena_done(&s.arena);
	return rc;
}
