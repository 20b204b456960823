/* SPDX-License-Identifier: Apache-2.0 */
#include "census.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/hash.h"

enum { CAP_MIN = 1024 }; /* slots; always a power of two */

struct slot {
	uint64_t network;
	uint8_t family;
	uint32_t count; /* 0: free */
};

struct isb_census {
	uint32_t connections, per_client;
	uint64_t seed; /* secret, so that nobody can choose addresses that meet in one slot */
	_Atomic uint32_t open;
	pthread_mutex_t mutex; /* of what follows */
	struct slot *slots;    /* open addressing, at most half full */
	size_t cap, used;
};

struct isb_census *isb_census_new(uint32_t connections, uint32_t per_client, uint64_t seed)
{
	struct isb_census *census = isb_xcalloc(1, sizeof(*census));
	census->connections = connections;
	census->per_client = per_client;
	census->seed = seed;
	census->cap = CAP_MIN;
	census->slots = isb_xcalloc(census->cap, sizeof(*census->slots));
	pthread_mutex_init(&census->mutex, NULL);
	return census;
}

void isb_census_free(struct isb_census *census)
{
	if (!census)
		return;
	pthread_mutex_destroy(&census->mutex);
	free(census->slots);
	free(census);
}

/* relaxed: the number alone matters, nothing is published with it */
bool isb_census_open(struct isb_census *census)
{
	uint32_t open = atomic_load_explicit(&census->open, memory_order_relaxed);
	do {
		if (open >= census->connections)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&census->open, &open, open + 1, memory_order_relaxed,
	                                                memory_order_relaxed));
	return true;
}

void isb_census_close(struct isb_census *census)
{
	atomic_fetch_sub_explicit(&census->open, 1, memory_order_relaxed);
}

static struct slot slot_of(const struct isb_addr *client)
{
	struct slot slot = {.family = client->family};
	memcpy(&slot.network, client->octets, client->family == 4 ? 4 : sizeof(slot.network));
	return slot;
}

static size_t home(const struct isb_census *census, const struct slot *slot)
{
	return isb_hash(&slot->network, sizeof(slot->network), census->seed ^ slot->family) & (census->cap - 1);
}

/* Where it is, or the free slot where it belongs. */
static struct slot *find(struct isb_census *census, const struct slot *wanted)
{
	for (size_t i = home(census, wanted);; i = (i + 1) & (census->cap - 1)) {
		struct slot *slot = &census->slots[i];
		if (!slot->count || (slot->network == wanted->network && slot->family == wanted->family))
			return slot;
	}
}

static void grow(struct isb_census *census)
{
	struct slot *old = census->slots;
	size_t cap = census->cap;
	census->cap *= 2;
	census->slots = isb_xcalloc(census->cap, sizeof(*census->slots));
	for (size_t i = 0; i < cap; i++)
		if (old[i].count)
			*find(census, &old[i]) = old[i];
	free(old);
}

bool isb_census_join(struct isb_census *census, const struct isb_addr *client)
{
	struct slot wanted = slot_of(client);
	pthread_mutex_lock(&census->mutex);
	struct slot *slot = find(census, &wanted);
	bool room = slot->count < census->per_client;
	if (room && slot->count) {
		slot->count++;
	} else if (room) {
		wanted.count = 1;
		*slot = wanted;
		if (2 * ++census->used > census->cap)
			grow(census);
	}
	pthread_mutex_unlock(&census->mutex);
	return room;
}

/* Frees slot `hole` and moves up those behind it that a search would no longer find. */
static void vacate(struct isb_census *census, size_t hole)
{
	size_t mask = census->cap - 1;
	census->slots[hole].count = 0;
	census->used--;
	for (size_t i = (hole + 1) & mask; census->slots[i].count; i = (i + 1) & mask) {
		size_t from_home = (i - home(census, &census->slots[i])) & mask, from_hole = (i - hole) & mask;
		if (from_home >= from_hole) {
			census->slots[hole] = census->slots[i];
			census->slots[i].count = 0;
			hole = i;
		}
	}
}

void isb_census_leave(struct isb_census *census, const struct isb_addr *client)
{
	struct slot wanted = slot_of(client);
	pthread_mutex_lock(&census->mutex);
	struct slot *slot = find(census, &wanted);
	if (--slot->count == 0)
		vacate(census, (size_t)(slot - census->slots));
	pthread_mutex_unlock(&census->mutex);
}
