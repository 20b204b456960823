/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "isobar/dns/respond.h"
#include "isobar/model/health.h"
#include "isobar/model/observe.h"
#include "isobar/model/rollout.h"
#include "isobar/view/geodb.h"
#include "isobar/view/view.h"

/* One whole site in one process, on a clock that only the story moves: a store in a directory of its own, edits by the
 * road that `isobar apply` takes, views built one from the other, probes whose schedule, judgement and reports are the
 * daemon's, and questions through isb_respond(). Only sockets are missing: what a check finds is what the story says of
 * the endpoint. Everything that cannot go wrong in a right program is asserted inside. */
struct story;

/* The clock starts at an odd moment of 2026. `geo` names files in tests/unit/view/geo ("city.mmdb asn.mmdb"); NULL: none. */
struct story *story_new(const char *geo);
void story_free(struct story *s);

/* --- Editing ------------------------------------------------------------------------------------------------------- */

/* Adds to the catalog or changes what the text holds, as `isobar apply`; replace also takes away what it does not hold,
 * as `apply --prune`. The view is built from the last one and running probes follow. */
void story_apply(struct story *s, const char *yaml);
void story_replace(struct story *s, const char *yaml);
/* The same for a text that must be refused; gives the first sentence that says why. Nothing has changed afterwards. */
const char *story_refused(struct story *s, const char *yaml);
/* Commits what passes every check and yet cannot be compiled; the view stays the old one. */
void story_unbuildable(struct story *s, const char *yaml);
/* `for_s` 0: no end. ISB_ADMIN_FAILBACK is of this moment. */
void story_admin(struct story *s, const char *endpoint, enum isb_admin admin, int64_t for_s);
/* NULL takes it away. The times in it are the story's clock; a slot of ISB_SLOT_ALL is given by the store. */
void story_rollout(struct story *s, const char *record, const struct isb_rollout *rollout);
/* What is stored now; to and nets hold until the next call. */
struct isb_rollout story_rollout_get(struct story *s, const char *record);
void story_latency(struct story *s, const char *net, const char *region, unsigned ms); /* enough of it; 0: none */
/* Adds samples of this moment to what is there; count 0 takes all of it away. */
void story_samples(struct story *s, const char *net, const char *region, unsigned ms, unsigned count);
/* What the server's watch does each second: true when a sample in use is too old, and then there is a new view. */
bool story_samples_aged(struct story *s);
/* What order latency says of the first child of the record's policy for this client, as `isobar explain` prints it. */
const char *story_why(struct story *s, const char *record, const char *client);
void story_rtt(struct story *s, const char *from, const char *to, unsigned ms); /* as a probe measured it */
unsigned story_rtt_of(struct story *s, const char *from, const char *to);       /* in us; 0: nobody measured it */
/* What a probe resolved now: addresses with blanks between; the view follows as the server's would. NULL: takes it away. */
void story_resolved(struct story *s, const char *host, const char *addresses, unsigned ttl_s);
void story_pace(struct story *s, const char *region, const char *endpoint, unsigned ms); /* as its probes see the endpoint */
/* One ordinary rrset by its text; NULL takes it away, if it is there. */
void story_rrset(struct story *s, const char *zone, const char *owner, const char *type, const char *rdata);

const struct isb_view *story_view(const struct story *s);
/* The number of the record's row in the plan, or UINT32_MAX. */
uint32_t story_record(const struct story *s, const char *name);
/* A new server: everything but the store is forgotten. */
void story_restart_server(struct story *s);
/* Every name with its rrsets and record, every record's plan by names, and admin states, as sorted text: equal for views that answer
 * alike. Valid until the next call but one. */
const char *story_dump(struct story *s, const struct isb_view *view);
/* A view of the same catalog that knows no older one. isb_view_free() it. */
struct isb_view *story_fresh_view(struct story *s);

/* --- Health -------------------------------------------------------------------------------------------------------- */

/* A probe starts (or starts again) with this name; kill is the end without a last word. `region` NULL: none. */
void story_probe(struct story *s, const char *probe, const char *region);
/* The same, but it also takes in probes in other regions: one probe of a story at most. */
void story_site(struct story *s, const char *name, const char *region);
/* A probe in another region, without a store, whose wall clock is that much ahead. It reports to the site's probe
 * while there is one and the link is up, which it is at first. */
void story_remote(struct story *s, const char *name, const char *region, int64_t ahead_ms);
void story_link(struct story *s, const char *name, bool up);
void story_kill(struct story *s, const char *probe);
/* From now on checks of the endpoint end like this; `probe` NULL: for every probe. Before, all are ok. */
void story_outcome(struct story *s, const char *probe, const char *endpoint, enum isb_outcome_kind kind);
/* From now on checks of the endpoint bring this with them: soft health, load per mille (-1: nothing), and how long they take
 * (0: as usual). */
void story_says(struct story *s, const char *probe, const char *endpoint, int soft, int load, unsigned ms);
/* Lets time pass: checks that fall due are done and reported, and every probe ticks each second. */
void story_pass(struct story *s, int64_t seconds);
void story_pass_ms(struct story *s, int64_t ms);
/* Lets time pass until this probe has checked the endpoint `count` times more. */
void story_checks(struct story *s, const char *probe, const char *endpoint, unsigned count);
/* Time since the story began. */
int64_t story_ms(const struct story *s);
int64_t story_now(const struct story *s); /* the wall clock */
/* What this probe last saw of the endpoint, as it stands in the store. */
struct isb_history story_history(struct story *s, const char *probe, const char *endpoint);
struct isb_health story_health(struct story *s, const char *endpoint);
/* Writes a word as no probe of this story would: for states that must hold whoever wrote them. */
void story_word(struct story *s, const char *endpoint, const struct isb_health *health);
void story_since(struct story *s, const char *endpoint, int64_t ms_ago); /* when its verdict turned; < 0: never */

/* --- Asking -------------------------------------------------------------------------------------------------------- */

/* The last answer, taken apart. */
struct story_answer {
	unsigned rcode;
	bool aa, tc, soa; /* soa: one stands in the authority section */
	unsigned count;   /* records in the answer section */
	uint32_t ttl;     /* the smallest of them, else the SOA's */
	bool ecs;
	unsigned family, source, scope;
};

/* Asks with the client's network as ECS ("192.0.2.0/24"; a bare address is cut to /24 or /56), or without EDNS when NULL.
 * `type` is a mnemonic. Gives the answer section's rdata in order, with a blank between records and the owner before
 * those that do not own the question ("CNAME www.example.com. 192.0.2.1"); else "NODATA", "NXDOMAIN", "REFUSED", ….
 * Valid until the next call but seven. */
const char *story_ask(struct story *s, const char *name, const char *type, const char *client);
/* How many names the views to come take up in their table of whole names; zones with more are large (view/large.h). */
void story_whole_names(struct story *s, size_t names);
/* Asks for every name in the view's tables of whole names (view/exact.h, view/large.h), by several types: each is the zones' answer, too.
 * How many names there are. */
unsigned story_ask_exact(struct story *s);
const struct story_answer *story_last(const struct story *s);
/* Who sends the questions: the resolver. At first 198.18.0.1. */
void story_resolver(struct story *s, const char *addr);
/* The ECS option as octets, for what no text can say. */
const char *story_ask_ecs(struct story *s, const char *name, const char *type, const void *option, size_t len);
/* What a record ("zone/owner") does with an address, without a question: the scope, and the plan as text, children in
 * order by name ("(net 0/0 0:1:(asia 1/1 0:1:asia/icn-1))"). */
uint8_t story_scope(const struct story *s, const char *record, const struct isb_addr *client);
const char *story_plan(struct story *s, const char *record, const struct isb_addr *client);

#define assert_answer(s, name, type, client, expected) \
	assert_string_equal(story_ask(s, name, type, client), expected)

/* Draws `total` answers and compares how many times each was given with the expected shares: below the 99.9 % quantile
 * of chi-square. `answer` ends with NULL, parts are in any unit. The same seed gives the same draws. */
void story_shares(struct story *s, const char *name, const char *client, unsigned total, const char *const *answer,
                  const double *part);
