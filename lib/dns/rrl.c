/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/rrl.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/hash.h"
#include "isobar/base/wire.h"

enum { SETS = 1 << 14, WAYS = 4, LINE = 64 }; /* 65536 buckets, 1 MiB: it stays in the core's own cache */

static const int64_t ns_per_ms = 1000000, ns_per_s = 1000000000;

/* A token bucket told by one point in time: when it will be full again. Every answer moves that by what it costs; the
 * bucket is empty when it is a window away (the generic cell rate algorithm of ITU-T I.371, as virtual scheduling).
 * All-zero is free, and the same as full. */
struct bucket {
	int64_t full_ns;
	uint32_t tag;
	uint32_t limited; /* answers, to know whose turn it is to slip */
};

struct isb_rrl {
	struct bucket (*sets)[WAYS]; /* at a cache line */
	void *memory;
	uint64_t seed;
	int64_t window_ns, cost_ns[ISB_RRL_CLASSES];
	uint32_t slip;
	enum isb_rrl_mode mode;
	uint8_t ipv4_len, ipv6_len;
	unsigned nexempt;
	struct isb_net exempt[ISB_RRL_EXEMPT_MAX];
	int64_t noted_ms;
	struct isb_rrl_note note; /* limited is 0 until there is an example */
};

const char *isb_rrl_class_name(enum isb_rrl_class class)
{
	static const char *const names[] = {[ISB_RRL_ERROR] = "error",       [ISB_RRL_ANSWER] = "answer",
	                                    [ISB_RRL_WILDCARD] = "wildcard", [ISB_RRL_REFERRAL] = "referral",
	                                    [ISB_RRL_NODATA] = "nodata",     [ISB_RRL_NXDOMAIN] = "nxdomain"};
	return names[class];
}

/* What one answer costs where this worker has its share of the rate. */
static int64_t cost_of(uint32_t rate, unsigned shares)
{
	uint32_t share = (rate + shares - 1) / shares, least = rate < ISB_RRL_SHARE_MIN ? rate : ISB_RRL_SHARE_MIN;
	return ns_per_s / (share > least ? share : least);
}

struct isb_rrl *isb_rrl_new(const struct isb_rrl_config *config, unsigned shares, uint64_t seed)
{
	if (config->mode == ISB_RRL_OFF)
		return NULL;
	struct isb_rrl *rrl = isb_xcalloc_apart(sizeof(*rrl));
	rrl->memory = isb_xcalloc(1, SETS * sizeof(*rrl->sets) + LINE - 1);
	rrl->sets = (void *)(((uintptr_t)rrl->memory + LINE - 1) & ~(uintptr_t)(LINE - 1));
	rrl->seed = seed;
	rrl->mode = config->mode;
	rrl->slip = config->slip;
	rrl->window_ns = config->window_s * ns_per_s;
	for (int class = 0; class < ISB_RRL_CLASSES; class++) {
		bool lesser = class == ISB_RRL_ERROR || class == ISB_RRL_NXDOMAIN;
		rrl->cost_ns[class] = cost_of(lesser ? config->error_rate : config->rate, shares);
	}
	rrl->ipv4_len = config->ipv4_len;
	rrl->ipv6_len = config->ipv6_len;
	rrl->nexempt = config->nexempt;
	memcpy(rrl->exempt, config->exempt, sizeof(rrl->exempt));
	rrl->noted_ms = INT64_MIN;
	return rrl;
}

void isb_rrl_free(struct isb_rrl *rrl)
{
	if (!rrl)
		return;
	free(rrl->memory);
	free(rrl);
}

static uint64_t hash_of(const struct isb_rrl *rrl, const struct isb_addr *client, const struct isb_rrl_key *key)
{
	uint64_t network = client->family == 4 ? isb_get_u32(client->octets) >> (32 - rrl->ipv4_len)
	                                       : isb_get_u64(client->octets) >> (64 - rrl->ipv6_len);
	uint64_t hash = isb_hash_mix(rrl->seed ^ (uint64_t)(client->family << 8 | key->class), network);
	return key->class == ISB_RRL_ERROR ? hash : isb_hash_key(key->name, key->name_len, hash);
}

/* The bucket with this hash; a new one in the place of the fullest. No bucket is full later than `last` unless the
 * clock went back: then what it held is not known, and it begins anew. */
static struct bucket *bucket_of(struct isb_rrl *rrl, uint64_t hash, int64_t last)
{
	struct bucket *set = rrl->sets[hash % SETS], *fullest = set;
	uint32_t tag = (uint32_t)(hash >> 32);
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].full_ns > last)
			set[i] = (struct bucket){0};
		if (set[i].tag == tag)
			return &set[i];
		if (set[i].full_ns < fullest->full_ns)
			fullest = &set[i];
	}
	*fullest = (struct bucket){.tag = tag};
	return fullest;
}

/* Asked only of what is over a limit, so that a long list costs nobody else. */
static bool is_exempt(const struct isb_rrl *rrl, const struct isb_addr *client)
{
	for (unsigned i = 0; i < rrl->nexempt; i++)
		if (isb_net_has(&rrl->exempt[i], client))
			return true;
	return false;
}

static void take_down(struct isb_rrl *rrl, const struct isb_addr *client, const struct isb_rrl_key *key)
{
	struct isb_rrl_note *note = &rrl->note;
	if (note->limited++)
		return;
	note->client = isb_net_around(client, client->family == 4 ? rrl->ipv4_len : rrl->ipv6_len);
	note->class = key->class;
	note->name[0] = 0;
	if (key->class != ISB_RRL_ERROR)
		memcpy(note->name, key->name, key->name_len);
}

enum isb_rrl_verdict isb_rrl_judge(struct isb_rrl *rrl, const struct isb_addr *client, const struct isb_rrl_key *key,
                                   bool proven, int64_t now_ms)
{
	if (proven)
		return ISB_RRL_PASS;
	int64_t now = now_ms * ns_per_ms, last = now + rrl->window_ns;
	struct bucket *bucket = bucket_of(rrl, hash_of(rrl, client, key), last);
	if (bucket->full_ns < now)
		bucket->full_ns = now;
	if (bucket->full_ns + rrl->cost_ns[key->class] <= last) {
		bucket->full_ns += rrl->cost_ns[key->class];
		return ISB_RRL_PASS;
	}
	if (is_exempt(rrl, client))
		return ISB_RRL_PASS;
	bucket->limited++;
	take_down(rrl, client, key);
	if (rrl->mode == ISB_RRL_LOG)
		return ISB_RRL_COUNT;
	return rrl->slip && bucket->limited % rrl->slip == 0 ? ISB_RRL_SLIP : ISB_RRL_DROP;
}

bool isb_rrl_take_note(struct isb_rrl *rrl, int64_t now_ms, struct isb_rrl_note *ret_note)
{
	if (!rrl->note.limited)
		return false;
	if (now_ms >= rrl->noted_ms && now_ms < rrl->noted_ms + ISB_RRL_NOTE_MS)
		return false;
	*ret_note = rrl->note;
	rrl->note.limited = 0;
	rrl->noted_ms = now_ms;
	return true;
}
