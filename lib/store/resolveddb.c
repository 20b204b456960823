/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/store/resolveddb.h"

#include <string.h>

#include "isobar/base/err.h"
#include "isobar/store/codec.h"

static void add_text(struct isb_buf *out, const char *text)
{
	isb_buf_add(out, text, strlen(text) + 1);
}

int isb_resolved_put(struct isb_txn *txn, const struct isb_resolved *row)
{
	struct isb_key key;
	int rc = isb_key_text(&key, row->host);
	if (rc != ISB_OK)
		return rc;
	if (row->count > ISB_RESOLVED_MAX)
		return ISB_ERANGE;
	struct isb_buf *out = isb_txn_scratch(txn);
	isb_buf_reset(out);
	isb_buf_u64(out, (uint64_t)row->since_ms);
	isb_buf_u64(out, (uint64_t)row->until_ms);
	isb_buf_u64(out, (uint64_t)row->asked_ms);
	isb_buf_u64(out, (uint64_t)row->failing_ms);
	add_text(out, row->probe);
	add_text(out, row->trouble);
	for (size_t i = 0; i < row->count; i++) {
		const struct isb_addr *addr = &row->addresses[i];
		isb_buf_putc(out, (char)addr->family);
		isb_buf_add(out, addr->octets, isb_addr_bits(addr) / 8);
	}
	return isb_row_put(txn, ISB_T_RESOLVED, isb_key_slice(&key), (struct isb_slice){out->data, out->len});
}

static int read_addresses(struct isb_reader *r, struct isb_resolved *row)
{
	for (row->count = 0; !r->bad && r->pos < r->len; row->count++) {
		struct isb_addr addr = {.family = isb_read_u8(r)};
		if (row->count == ISB_RESOLVED_MAX || (addr.family != 4 && addr.family != 6))
			return ISB_EFORMAT;
		const uint8_t *octets = isb_read(r, isb_addr_bits(&addr) / 8);
		if (!octets)
			return ISB_EFORMAT;
		memcpy(addr.octets, octets, isb_addr_bits(&addr) / 8);
		row->addresses[row->count] = addr;
	}
	return isb_read_whole(r) ? ISB_OK : ISB_EFORMAT;
}

static int decode(struct isb_slice value, struct isb_resolved *row)
{
	struct isb_reader r = isb_slice_reader(value);
	row->since_ms = (int64_t)isb_read_u64(&r);
	row->until_ms = (int64_t)isb_read_u64(&r);
	row->asked_ms = (int64_t)isb_read_u64(&r);
	row->failing_ms = (int64_t)isb_read_u64(&r);
	row->probe = isb_read_text(&r);
	row->trouble = isb_read_text(&r);
	return read_addresses(&r, row);
}

int isb_resolved_get(struct isb_txn *txn, const char *host, struct isb_resolved *ret_row)
{
	struct isb_key key;
	struct isb_slice value;
	struct isb_resolved row = {.host = host};
	int rc = isb_key_text(&key, host);
	if (rc == ISB_OK)
		rc = isb_row_get(txn, ISB_T_RESOLVED, isb_key_slice(&key), &value);
	if (rc == ISB_OK)
		rc = decode(value, &row);
	if (rc == ISB_OK)
		*ret_row = row;
	return rc;
}

int isb_resolved_delete(struct isb_txn *txn, const char *host)
{
	struct isb_key key;
	int rc = isb_key_text(&key, host);
	return rc == ISB_OK ? isb_row_delete(txn, ISB_T_RESOLVED, isb_key_slice(&key)) : rc;
}

struct walk {
	int (*each)(void *arg, const struct isb_resolved *row);
	void *arg;
};

static int walk_row(void *arg, struct isb_slice key, struct isb_slice value)
{
	const struct walk *walk = arg;
	struct isb_resolved row;
	if (isb_text_decode(key, &row.host) != ISB_OK || decode(value, &row) != ISB_OK)
		return ISB_EFORMAT;
	return walk->each(walk->arg, &row);
}

int isb_resolved_each(struct isb_txn *txn, int (*each)(void *arg, const struct isb_resolved *row), void *arg)
{
	static const struct isb_slice everything = {NULL, 0};
	struct walk walk = {each, arg};
	return isb_row_each(txn, ISB_T_RESOLVED, everything, everything, walk_row, &walk);
}
