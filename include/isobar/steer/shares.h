/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/steer/steer.h"

/* What the walk will do in the long run, computed instead of drawn: the share of answers in which each endpoint stands
 * first. It is the expectation of isb_steer() over its random draws, for everybody who asks "how much": simulate, the
 * limit of apply, and metrics that compare what is answered with what should be. Not for the query path: it allocates.
 *
 * Whether a node can answer is no matter of luck, so a walk that sets aside what cannot answer and draws again is one
 * draw among those that can. Order rotate gives in the long run what the weights say. Order hash does so over all clients
 * (or names), which is meant when `state` names none; for the one that it names, it is certain. Over all of them it is
 * inexact in one case: where a child stands on two hashed nodes of one way down that have one seed and one length of
 * networks, as pool a in [a, [a, b]]. A client's score for the child is then the same on both, and the second node draws
 * among those only whom the first one sent there: a gets 2/3 of the clients, and these shares say 3/4.
 *
 * Policies that many others use are looked at once, so that the time is that of the plan's nodes and not of the unfolded
 * policy. Where a walk gives up for its length (walk.h: more than the largest policy that a catalog may hold), the shares
 * are those of a walk that does not. */

struct isb_share {
	uint32_t endpoint; /* index in the plan */
	double share;      /* above 0 */
};

struct isb_shares {
	enum isb_choice_kind kind; /* of every answer: draws do not change it */
	bool failopen;             /* nothing was usable; answered as all_down says */
	struct isb_share *list;    /* by index; with ISB_CHOICE_ANSWER they sum up to 1, else there are none */
	size_t count;

	/* the module's own, kept from call to call */
	struct isb_share_node *nodes;
	size_t nnode, node_room, list_room;
	uint32_t *seen; /* by offset / 4: position in nodes + 1; 0: not met */
	double *mass;   /* by endpoint */
	size_t nseen, nmass;
};

void isb_shares_init(struct isb_shares *shares);
void isb_shares_done(struct isb_shares *shares);
/* Of a checked plan. `state` as for isb_steer(), but that client and name NULL stand for all of them; its rng, rotor and
 * trace are not used. */
void isb_shares_find(struct isb_shares *shares, const struct isb_plan *plan, const struct isb_plan_record *record,
                     uint32_t cls, const struct isb_steer_state *state);
