/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks double from the first to the largest: there are arenas by the hundred thousand, one for each zone of a file. */
enum { ALIGN = 16, BLOCK_FIRST = 1024, BLOCK = 64 * 1024 };

struct isb_arena_block {
	struct isb_arena_block *next;
	size_t size, used;
	_Alignas(ALIGN) unsigned char data[];
};

static void *or_abort(void *p)
{
	if (!p) {
		fputs("isobar: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *isb_xmalloc(size_t size)
{
	return or_abort(malloc(size ? size : 1));
}

void *isb_xcalloc(size_t count, size_t size)
{
	return or_abort(calloc(count ? count : 1, size ? size : 1));
}

void *isb_xcalloc_apart(size_t size)
{
	size = ((size ? size : 1) + ISB_CACHE_LINE - 1) & ~(size_t)(ISB_CACHE_LINE - 1);
	return memset(or_abort(aligned_alloc(ISB_CACHE_LINE, size)), 0, size);
}

void *isb_xcalloc_large(size_t size)
{
	void *p = NULL;
	if (size < 2 * ISB_PAGE_LARGE)
		return isb_xcalloc(1, size);
	if (posix_memalign(&p, ISB_PAGE_LARGE, size) != 0)
		or_abort(NULL);
	/* before it is touched; where it fails small pages do, as for what is left behind the last whole one */
	madvise(p, size & ~(size_t)(ISB_PAGE_LARGE - 1), MADV_HUGEPAGE);
	return memset(p, 0, size);
}

void *isb_xrealloc(void *old, size_t size)
{
	return or_abort(realloc(old, size ? size : 1));
}

char *isb_xstrdup(const char *text)
{
	return or_abort(strdup(text));
}

void isb_arena_init(struct isb_arena *arena)
{
	*arena = (struct isb_arena){0};
}

void isb_arena_done(struct isb_arena *arena)
{
	for (struct isb_arena_block *b = arena->block, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	isb_arena_init(arena);
}

static bool is_large(size_t size)
{
	return size > BLOCK / 4;
}

static size_t room_for(const struct isb_arena_block *newest, size_t size)
{
	if (is_large(size))
		return size;
	size_t room = newest ? newest->size * 2 : BLOCK_FIRST;
	while (room / 4 < size)
		room *= 2;
	return room < BLOCK ? room : BLOCK;
}

void *isb_arena_alloc(struct isb_arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		or_abort(NULL);
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	struct isb_arena_block *b = arena->block;
	if (!b || b->size - b->used < size) {
		size_t room = room_for(b, size);
		struct isb_arena_block *fresh = isb_xcalloc(1, sizeof(*fresh) + room);
		fresh->size = room;
		if (b && is_large(size)) { /* a large piece gets its own block; the current one stays in use */
			fresh->next = b->next;
			b->next = fresh;
		} else {
			fresh->next = b;
			arena->block = fresh;
		}
		b = fresh;
	}
	void *p = b->data + b->used;
	b->used += size;
	arena->used += size;
	return p;
}

void *isb_arena_grow(struct isb_arena *arena, const void *old, size_t old_size, size_t new_size)
{
	void *p = isb_arena_alloc(arena, new_size);
	if (old_size)
		memcpy(p, old, old_size < new_size ? old_size : new_size);
	return p;
}

void *isb_arena_memdup(struct isb_arena *arena, const void *data, size_t size)
{
	return isb_arena_grow(arena, data, size, size);
}

char *isb_arena_strndup(struct isb_arena *arena, const char *text, size_t len)
{
	return isb_arena_grow(arena, text, len, len + 1);
}

char *isb_arena_strdup(struct isb_arena *arena, const char *text)
{
	return isb_arena_strndup(arena, text, strlen(text));
}

char *isb_arena_vprintf(struct isb_arena *arena, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	char *p = isb_arena_alloc(arena, n < 0 ? 1 : (size_t)n + 1);
	if (n > 0)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

char *isb_arena_printf(struct isb_arena *arena, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *p = isb_arena_vprintf(arena, fmt, ap);
	va_end(ap);
	return p;
}
