/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Records of any length on their way from one thread to another: one writes, one takes, nobody waits. Memory is given
 * once. Records are taken in order, but may be released in any: what is released is used again once all before it are. */
struct isb_ring;

enum { ISB_RING_ALIGN = 16 }; /* of every record */

/* `size`: a power of two. A record of up to half of it fits as soon as the ring is empty. */
struct isb_ring *isb_ring_new(size_t size);
void isb_ring_free(struct isb_ring *ring); /* NULL is fine */

/* --- The thread that writes --- */

/* Room for a record of `len` octets, or NULL: the ring is full. Until it is published the next call gives the same. */
void *isb_ring_reserve(struct isb_ring *ring, size_t len);
/* Hands over what was reserved last. True when a further quarter of the ring has been filled: time to tell a reader that
 * sleeps. */
bool isb_ring_publish(struct isb_ring *ring);

/* --- The thread that reads --- */

/* The next record, or NULL. */
const void *isb_ring_take(struct isb_ring *ring, size_t *ret_len);
/* Makes all that was published before visible to a reader that learned of a record in another way than isb_ring_take(). */
void isb_ring_see(struct isb_ring *ring);

/* The record is read; any thread. */
void isb_ring_release(const void *record);
