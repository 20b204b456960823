/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdarg.h>

/* A region of memory that is given back all at once. Everything one catalog, one parse or one diagnostic list
 * needs lives in one arena, so there is one free for it. Not thread-safe. All-zero is a valid empty arena. */
struct isb_arena {
	struct isb_arena_block *block; /* newest first */
	size_t used;                   /* bytes handed out, for curiosity and tests */
};

void isb_arena_init(struct isb_arena *arena);
/* Frees everything handed out; the arena is empty and usable again. */
void isb_arena_done(struct isb_arena *arena);

/* Zeroed memory aligned to 16 bytes. Never NULL: running out of memory in code that builds catalogs and views
 * ends the process (abort) after a line on stderr; the query path never allocates. */
void *isb_arena_alloc(struct isb_arena *arena, size_t size);
/* An array that may move: copies `old_size` bytes of `old` into new zeroed memory of `new_size`. */
void *isb_arena_grow(struct isb_arena *arena, const void *old, size_t old_size, size_t new_size);
char *isb_arena_strdup(struct isb_arena *arena, const char *text);
char *isb_arena_strndup(struct isb_arena *arena, const char *text, size_t len);
void *isb_arena_memdup(struct isb_arena *arena, const void *data, size_t size);
char *isb_arena_printf(struct isb_arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *isb_arena_vprintf(struct isb_arena *arena, const char *fmt, va_list ap);

/* malloc family with the same promise (never NULL); release with free(). */
void *isb_xmalloc(size_t size);
void *isb_xcalloc(size_t count, size_t size);
void *isb_xrealloc(void *old, size_t size);
/* Zeroed, and alone on its cache lines: for what one thread writes all the time and no other should wait for. All of
 * it is written at once, so it is not for what is large and mostly unused. */
enum { ISB_CACHE_LINE = 64 };
void *isb_xcalloc_apart(size_t size);
/* Zeroed; what has two large pages or more begins with one and is in such where the system offers them (transparent huge
 * pages). For tables that are read here and there, where each look would want another entry of the TLB. */
enum { ISB_PAGE_LARGE = 1 << 21 };
void *isb_xcalloc_large(size_t size);
char *isb_xstrdup(const char *text);
