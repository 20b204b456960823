/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Big-endian octets, read and written with one sticky error: do a sequence, then look at `bad` once. */

static inline uint16_t isb_get_u16(const uint8_t *p) { uint16_t v; memcpy(&v, p, sizeof(v)); return be16toh(v); }
static inline uint32_t isb_get_u32(const uint8_t *p) { uint32_t v; memcpy(&v, p, sizeof(v)); return be32toh(v); }
static inline uint64_t isb_get_u64(const uint8_t *p) { uint64_t v; memcpy(&v, p, sizeof(v)); return be64toh(v); }
static inline void isb_put_u16(uint8_t *p, uint16_t v) { v = htobe16(v); memcpy(p, &v, sizeof(v)); }
static inline void isb_put_u32(uint8_t *p, uint32_t v) { v = htobe32(v); memcpy(p, &v, sizeof(v)); }
static inline void isb_put_u64(uint8_t *p, uint64_t v) { v = htobe64(v); memcpy(p, &v, sizeof(v)); }

/* Copies `n` octets, 16 at least, by sixteens; the last ones overlap those before. For what is too short for a call. */
static inline void isb_copy_short(uint8_t *to, const uint8_t *from, size_t n)
{
	for (size_t at = 0; at + 16 < n; at += 16)
		memcpy(to + at, from + at, 16);
	memcpy(to + n - 16, from + n - 16, 16);
}

struct isb_reader {
	const uint8_t *base;
	size_t len, pos; /* pos <= len always */
	bool bad;        /* something was asked beyond the end; later reads give zero */
};

static inline struct isb_reader isb_reader(const void *data, size_t len)
{
	return (struct isb_reader){.base = data, .len = len};
}

/* `n` octets in place, or NULL (and bad) when there are fewer. */
static inline const uint8_t *isb_read(struct isb_reader *r, size_t n)
{
	if (r->bad || r->len - r->pos < n) {
		r->bad = true;
		return NULL;
	}
	const uint8_t *p = r->base + r->pos;
	r->pos += n;
	return p;
}
static inline uint8_t isb_read_u8(struct isb_reader *r) { const uint8_t *p = isb_read(r, 1); return p ? *p : 0; }
static inline uint16_t isb_read_u16(struct isb_reader *r) { const uint8_t *p = isb_read(r, 2); return p ? isb_get_u16(p) : 0; }
static inline uint32_t isb_read_u32(struct isb_reader *r) { const uint8_t *p = isb_read(r, 4); return p ? isb_get_u32(p) : 0; }
static inline uint64_t isb_read_u64(struct isb_reader *r) { const uint8_t *p = isb_read(r, 8); return p ? isb_get_u64(p) : 0; }

struct isb_writer {
	uint8_t *base;
	size_t cap, pos; /* pos <= cap always */
	bool bad;        /* something did not fit; nothing of it was written */
};

static inline struct isb_writer isb_writer(void *data, size_t cap)
{
	return (struct isb_writer){.base = data, .cap = cap};
}

/* Room for `n` octets to fill in, or NULL (and bad). */
static inline uint8_t *isb_write_room(struct isb_writer *w, size_t n)
{
	if (w->bad || w->cap - w->pos < n) {
		w->bad = true;
		return NULL;
	}
	uint8_t *p = w->base + w->pos;
	w->pos += n;
	return p;
}
static inline void isb_write(struct isb_writer *w, const void *data, size_t n)
{
	uint8_t *p = isb_write_room(w, n);
	if (p && n)
		memcpy(p, data, n);
}
static inline void isb_write_u8(struct isb_writer *w, uint8_t v) { uint8_t *p = isb_write_room(w, 1); if (p) *p = v; }
static inline void isb_write_u16(struct isb_writer *w, uint16_t v) { uint8_t *p = isb_write_room(w, 2); if (p) isb_put_u16(p, v); }
static inline void isb_write_u32(struct isb_writer *w, uint32_t v) { uint8_t *p = isb_write_room(w, 4); if (p) isb_put_u32(p, v); }
static inline void isb_write_u64(struct isb_writer *w, uint64_t v) { uint8_t *p = isb_write_room(w, 8); if (p) isb_put_u64(p, v); }
