/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli.h"
#include "isobar/dns/respond.h"
#include "isobar/steer/order.h"
#include "isobar/steer/trace.h"

/* One question asked of the function that answers on the network, with all it left behind; told in explain_text.c and
 * explain_json.c. */

enum { EXPLAIN_QUERY_MAX = 512, EXPLAIN_ANSWER_MAX = 65535 };

/* What an order that looks at the client made of one child. */
struct explain_rank {
	const char *node, *child;
	uint16_t rank; /* ISB_RANK_OUT: the walk does not meet it */
	bool again;    /* because all its pools are tried before */
	const char *why;
	const struct isb_policy_child *rule; /* of order geo, else NULL */
};

/* A moment that is over, put together from what the store keeps (explain_past.c). */
struct explain_past {
	int64_t verdicts_from_ms;  /* transitions are kept from then on; 0: all there ever were */
	int64_t edits_from_ms;     /* likewise the journal */
	size_t verdicts, admins;   /* endpoints that had another one then */
	size_t edits;              /* of the catalog since, beside what operators said of endpoints */
	struct explain_admin {
		const char *endpoint;
		struct isb_admin_row row; /* AUTO: there was none */
	} *list;
	size_t count, cap;
};

/* What came of many draws (explain_draws.c). */
struct explain_draws {
	struct explain_share {
		const char *endpoint; /* in the plan */
		unsigned in, first;   /* draws whose answer held it, and began with it */
	} *list;
	size_t count;
	unsigned none; /* draws that chose no endpoint */
};

struct explain {
	struct cli *cli;
	struct cli_reader reader;
	struct isb_geodb *geodb; /* NULL: none */
	struct isb_view *view;
	struct isb_arena arena;

	/* What is asked: the view, and health as of cli->at_ms. */
	struct isb_view asked;
	struct isb_health_table health;
	struct explain_past past; /* where that is over */

	struct isb_net client;
	bool told; /* a resolver tells of that network; else it asks for itself, and client is its whole address */
	struct isb_geo_facts geo;
	uint8_t name[ISB_DNAME_MAX];
	uint16_t type;
	bool hosted; /* some zone holds the name */

	struct isb_trace trace;
	struct cli_since since; /* of the endpoints in it */
	/* of the first steered record; a CNAME or an ALIAS may lead to others, which the steps tell of */
	const struct isb_plan_record *record; /* NULL: ordinary data */
	const struct isb_record *declared;
	struct explain_rank *ranks;
	size_t nrank;

	struct explain_draws draws; /* where some were asked for */

	const char *rcode;
	int scope; /* bits; -1: the reply has none */
	const char **rrs;
	size_t nrr;
	struct explain_rr {
		const uint8_t *owner;
		uint32_t ttl_s;
	} *heads; /* beside rrs */
	bool typed;     /* one of them is of the type asked for */
	const char *cut; /* where the zone ends and others answer below; NULL: the reply is no referral */
	const char **servers; /* their names */
	size_t nserver;
};

static inline bool explain_is_past(const struct explain *e)
{
	return e->cli->at_ms < e->cli->now_ms;
}
/* Sets asked and health for a moment that is over; before, both are of now. */
int explain_past(struct explain *e);
/* What an operator said of an endpoint, as of then; AUTO with empty texts when nothing. */
struct isb_admin_row explain_admin(const struct explain *e, const char *endpoint);

/* Asks once; `answer` holds EXPLAIN_ANSWER_MAX octets. The draws are those of ctx, which also has the trace. */
size_t explain_ask(const struct explain *e, struct isb_context *ctx, uint8_t *answer);
/* Asks cli->draws times, with the draws that the first answer began with. */
void explain_draw(struct explain *e);

void explain_text(struct explain *e);
void explain_json(struct explain *e);
/* What the names that ALIAS gave resolved to (explain_hosts.c). */
void explain_hosts(struct explain *e);
json_t *explain_hosts_json(struct explain *e);

/* The order's word on a child of a node; NULL: that order does not look at the client. */
const struct explain_rank *explain_rank_of(const struct explain *e, const char *node, const char *child, unsigned rank);
/* The geo rule that ranked it, as "continent AS, country AU", or NULL for what is no rule. */
const char *explain_rule(struct explain *e, const struct explain_rank *rank);
/* Named is what has a name of its own; what is written in place is called by what it holds, which takes spaces. */
bool explain_named(const char *name);
/* What the checks and the operator say of an endpoint. */
const char *explain_verdict(struct explain *e, const struct isb_step *step);
/* The network that a hash is made of, NULL: it is the name's. What candidates are compared by. What is held against nobody
 * now. */
const char *explain_key(struct explain *e, const struct isb_step *step);
const char *explain_measure(struct explain *e, const struct isb_step *step);
const char *explain_again(const struct isb_step *step);
const char *explain_all_down(const struct explain *e);
