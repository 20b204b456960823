/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/model/health.h"
#include "isobar/steer/plan.h"
#include "isobar/steer/steer.h"

/* A decision that needs no walk: candidates one behind the other, each with all that judging it and answering with it takes.
 * Where a policy comes to no more than "the first of these pools that can answer, and one of its endpoints by weight", what
 * the walk (steer.h) finds in nodes, children, endpoints and rdata stands here in 32 octets for each endpoint. Failover chains,
 * tiers, weighted pools, and whatever geo, nearest and latency lead to are of this form, for A and AAAA.
 *
 * The walk is what a policy means, the list its shortcut: the same endpoint from the same random number, the same TTL. What
 * cannot be said so has no list: several answers, min_up above 1, spread, trickle, slow start, failback, shares among pools,
 * orders that look at more than ranks and weights, rollouts, an endpoint without an address of the family or with more than
 * one. And what it does not decide it leaves to the walk each time it is looked at: an operator's word, endpoints that count
 * for nothing, nothing left that can answer.
 *
 * Reading is pure and bounded: fixed-width integers of one block and the words it is given, no library; it stands here, and
 * not in list.c, so that another executor can have it. Nothing is looked at twice: isb_plan_check() builds every list of a
 * plan again from its nodes and compares. */

enum { ISB_LIST_MAX = 64, ISB_ALWAYS_USABLE = 0xffff };
struct isb_list {
	uint32_t count; /* 1..ISB_LIST_MAX */
	uint32_t pad;
	struct isb_candidate {
		uint32_t slot;     /* of its health word and admin word */
		uint32_t endpoint; /* index in the plan */
		uint16_t weight;
		uint16_t usable;   /* bit n: usable while the lowest four bits of its word, verdict and held, are n;
		                    * ISB_ALWAYS_USABLE: it has no check, and its health word is nothing to it */
		uint8_t pool;      /* the first of a pool: how many are in it; else 0 */
		uint8_t equals;    /* the first of one rank of a pool: how many share that; else 0 */
		uint8_t rdata[2 + 16]; /* one address behind its length, as in struct isb_rrset; zeros behind IPv4 */
	} candidate[];
};

static inline size_t isb_list_bytes(uint32_t count)
{
	return sizeof(struct isb_list) + count * sizeof(struct isb_candidate);
}

/* One candidate as its word says. */
struct isb_judged {
	uint32_t usable; /* 0 or 1 */
	uint32_t share;  /* weight × soft health, 0 when it is set aside */
	uint32_t flip_s; /* earliest possible change of its word; ISB_FLIP_NONE: none foreseen */
};
static inline struct isb_judged isb_list_judge(const struct isb_candidate *c, const struct isb_health_table *health)
{
	struct isb_judged judged = {.usable = 1, .share = c->weight * (uint32_t)ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	if (c->usable == ISB_ALWAYS_USABLE)
		return judged;
	uint64_t word = isb_health_word(health, c->slot);
	if (health->unattended)
		word = isb_health_unattended(word);
	judged.usable = c->usable >> (word & 15) & 1;
	if (word) { /* else it was never seen, and counts whole */
		judged.share = c->weight * isb_health_soft(word);
		judged.flip_s = isb_health_flip_s(word);
	}
	judged.share &= -judged.usable;
	return judged;
}

/* What became of judging a pool. */
struct isb_list_pool {
	uint32_t any;    /* someone is usable */
	uint32_t total;  /* of the shares */
	uint32_t flip_s; /* earliest possible change of anything looked at so far, as in the walk */
	uint32_t share[ISB_LIST_MAX];
};

/* All of a pool, also the tiers that nobody will need: all of it shortens the TTL. ret->flip_s is what was found so far. False:
 * an operator has a say, and *ret means nothing. */
static inline bool isb_list_judge_pool(const struct isb_candidate *c, const struct isb_health_table *health,
                                       const uint64_t *admin, uint32_t nadmin, struct isb_list_pool *ret)
{
	uint32_t any = 0, total = 0, flip_s = ret->flip_s;
	for (uint32_t i = 0, count = c->pool; i < count; i++, c++) {
		if (c->slot < nadmin && admin[c->slot])
			return false;
		struct isb_judged judged = isb_list_judge(c, health);
		flip_s = judged.flip_s < flip_s ? judged.flip_s : flip_s;
		ret->share[i] = judged.share;
		total += judged.share;
		any |= judged.usable;
	}
	ret->any = any;
	ret->total = total;
	ret->flip_s = flip_s;
	return true;
}

/* In a pool with a share to draw: where the first rank that has one begins. *ret_total is that rank's. */
static inline uint32_t isb_list_rank(const struct isb_candidate *c, const struct isb_list_pool *pool, uint32_t *ret_total)
{
	uint32_t from = 0;
	for (*ret_total = 0; from < c->pool; from += c[from].equals) {
		for (uint32_t i = 0; i < c[from].equals; i++)
			*ret_total += pool->share[from + i];
		if (*ret_total)
			break;
	}
	return from;
}

/* `type` is A or AAAA. NULL: there is none. */
static inline const struct isb_list *isb_plan_list(const struct isb_plan *plan, const struct isb_plan_record *record,
                                                   uint32_t cls, enum isb_plan_type type)
{
	const struct isb_plan_class *of = isb_plan_class(plan, record, cls);
	return of && of->list[type] != ISB_NO_LIST ? isb_plan_at(plan, of->list[type]) : NULL;
}

/* Judges and takes one, with a random number only where there is a choice, as the walk spends them. */
struct isb_listed {
	const struct isb_candidate *candidate; /* NULL: ask the walk; nothing was drawn */
	uint32_t flip_s;                       /* of anything looked at; ISB_FLIP_NONE: none foreseen */
};
struct isb_listed isb_list_choose(const struct isb_list *list, const struct isb_steer_state *state);
/* Why it was this one, as the walk would say. */
static inline enum isb_reason isb_list_reason(const struct isb_list *list, const struct isb_candidate *chosen)
{
	return chosen < list->candidate + list->candidate[0].equals ? ISB_REASON_FIRST : ISB_REASON_FAILOVER;
}

/* The list of what a node of a checked plan, or one under construction, decides about a type, at `ret_list` with room for
 * ISB_LIST_MAX candidates. Its octets, or 0: there is none, and *ret_list is undefined. */
size_t isb_list_build(const struct isb_plan *plan, const struct isb_plan_node *root, enum isb_plan_type type,
                      struct isb_list *ret_list);
