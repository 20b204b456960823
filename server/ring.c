/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "isobar/base/arena.h"

/* Before every record. The sizes of all of them add up to what is between `tail` and `head`. */
struct entry {
	uint32_t size; /* octets with this header, a multiple of ISB_RING_ALIGN */
	uint32_t len;  /* octets of the record; FILLER: none, the rest up to the ring's end */
	atomic_bool released;
	alignas(ISB_RING_ALIGN) uint8_t record[];
};
enum { FILLER = UINT32_MAX };

struct isb_ring {
	size_t size;
	uint8_t *data;
	/* Positions only grow; what they mean is their remainder by `size`. */
	size_t tail;        /* the writer's: before it everything is released */
	size_t reserved_at; /* the writer's: where the reserved record begins */
	size_t reserved;    /* its octets with the header */
	_Atomic size_t head;
	alignas(ISB_CACHE_LINE) size_t next; /* the reader's: it changes while the writer reads what is above */
};

static struct entry *entry_at(struct isb_ring *ring, size_t position)
{
	return (struct entry *)(void *)(ring->data + (position & (ring->size - 1)));
}

static size_t round_up(size_t len)
{
	return (len + ISB_RING_ALIGN - 1) & ~(size_t)(ISB_RING_ALIGN - 1);
}

struct isb_ring *isb_ring_new(size_t size)
{
	struct isb_ring *ring = isb_xcalloc_apart(sizeof(*ring));
	ring->size = size;
	ring->data = isb_xmalloc(size);
	return ring;
}

void isb_ring_free(struct isb_ring *ring)
{
	if (!ring)
		return;
	free(ring->data);
	free(ring);
}

/* True when `need` octets behind `head` are free, after taking back what was released. */
static bool make_room(struct isb_ring *ring, size_t head, size_t need)
{
	while (head + need - ring->tail > ring->size) {
		if (ring->tail == head)
			return false; /* more than the whole ring */
		struct entry *oldest = entry_at(ring, ring->tail);
		/* acquire: the reader has read the octets before they are written over */
		if (!atomic_load_explicit(&oldest->released, memory_order_acquire))
			return false;
		ring->tail += oldest->size;
	}
	return true;
}

void *isb_ring_reserve(struct isb_ring *ring, size_t len)
{
	/* relaxed: only this thread changes it */
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	size_t need = sizeof(struct entry) + round_up(len), rest = ring->size - (head & (ring->size - 1));
	size_t filler = need > rest ? rest : 0;
	if (len >= ring->size || !make_room(ring, head, filler + need))
		return NULL;
	if (filler) {
		struct entry *entry = entry_at(ring, head);
		*entry = (struct entry){.size = (uint32_t)filler, .len = FILLER}; /* released by the reader, like any other */
	}
	ring->reserved_at = head + filler;
	ring->reserved = need;
	struct entry *entry = entry_at(ring, ring->reserved_at);
	*entry = (struct entry){.size = (uint32_t)need, .len = (uint32_t)len};
	return entry->record;
}

bool isb_ring_publish(struct isb_ring *ring)
{
	size_t quarter = ring->size / 4, end = ring->reserved_at + ring->reserved;
	size_t before = atomic_load_explicit(&ring->head, memory_order_relaxed); /* as in isb_ring_reserve() */
	/* release: the record is written before a reader learns of it */
	atomic_store_explicit(&ring->head, end, memory_order_release);
	return before / quarter != end / quarter;
}

const void *isb_ring_take(struct isb_ring *ring, size_t *ret_len)
{
	for (;;) {
		/* acquire pairs with isb_ring_publish() */
		if (ring->next == atomic_load_explicit(&ring->head, memory_order_acquire))
			return NULL;
		struct entry *entry = entry_at(ring, ring->next);
		ring->next += entry->size;
		if (entry->len != FILLER) {
			*ret_len = entry->len;
			return entry->record;
		}
		isb_ring_release(entry->record);
	}
}

void isb_ring_see(struct isb_ring *ring)
{
	atomic_load_explicit(&ring->head, memory_order_acquire); /* pairs with isb_ring_publish() */
}

void isb_ring_release(const void *record)
{
	struct entry *entry = (struct entry *)(uintptr_t)((const uint8_t *)record - offsetof(struct entry, record));
	/* release: everything was read before the writer may write over it */
	atomic_store_explicit(&entry->released, true, memory_order_release);
}
