/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/buf.h"
#include "isobar/base/rng.h"

/* Steering once more, slow and by the book, to hold the compiled tables against: a random catalog, random geo databases,
 * and for every client the whole decision, that is, the exact probability of each endpoint for each set of endpoints that
 * are up. Nothing here is shared with what it judges: no classes, no ranks, no tries, no merging. */

enum { MODEL_ENDS = 7, MODEL_STATES = 1 << MODEL_ENDS };
/* share[s][e]: of endpoint e while exactly those whose bit is in s are up; all 0: nothing can answer. */
struct model_decision {
	double share[MODEL_STATES][MODEL_ENDS];
};

/* What a catalog is made of. PLAIN ones hold only what has one way to be said, so that two decisions are the same if and only
 * if their plans are; in WILD ones policies have names, lists stand inside draws, and weights are 0. */
enum model_kind { MODEL_PLAIN, MODEL_WILD };

struct model;
struct model *model_new(struct isb_rng *rng, enum model_kind kind);
void model_free(struct model *model);

/* The catalog, with one record "example.com/www"; endpoints in order of their bits. */
void model_catalog(const struct model *model, struct isb_buf *out);
/* Its two databases, of places and of AS numbers. 0, or -1 with errno. */
int model_write(const struct model *model, const char *places, const char *asns);

const struct model_decision *model_decide(struct model *model, const struct isb_addr *client);
/* Length of the largest network around the client in which all clients have the same decision. */
unsigned model_scope(struct model *model, const struct isb_addr *client);
bool model_same(const struct model_decision *a, const struct model_decision *b);

/* Addresses of a family at which the decision may change; it can nowhere else. */
size_t model_edges(const struct model *model, unsigned family, const struct isb_addr **ret_edges);
