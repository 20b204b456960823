/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "story.h"

#include "isobar/base/buf.h"
#include "isobar/store/env.h"
#include "isobar/store/healthdb.h"
#include "isobar/view/cells.h"
#include "probes/exchange_remote.h"
#include "probes/exchange_site.h"
#include "probes/report.h"
#include "probes/schedule.h"

/* What the files story*.c share. */

enum { STORY_PROBES = 4, STORY_OUTCOMES = 64, STORY_TEXTS = 8 };

struct story_probe {
	char name[32], region[32];
	bool runs;
	struct isb_schedule schedule;
	struct isb_report report; /* unless it is remote */
	struct story_far { /* of a probe in another region, which has no store */
		bool remote, linked, joined; /* joined: the conversation with the site is under way */
		int64_t ahead_ms;            /* its wall clock, of ours */
		struct isb_remote talk;
		struct isb_seat seat; /* the site's side */
	} far;
};

struct story {
	char dir[64];
	struct isb_store *store; /* opened in `mode`; an environment must not be open twice in one process */
	enum isb_store_mode mode;
	struct isb_health_reader *reader;
	bool attended; /* by whoever wrote words by hand */
	struct isb_geodb *geodb;
	struct isb_view *view;
	size_t whole_names;
	struct isb_context ctx;
	struct isb_context asked; /* as it was before the last question */
	struct isb_addr resolver;
	int64_t start_ms, now_ms;
	struct isb_cells *cells; /* the clients' round trips in the view */
	uint64_t cells_txn_id;   /* of the samples they were read from */
	int64_t cells_until_ms;
	struct story_probe probe[STORY_PROBES];
	struct story_found { /* what checks find; the last that fits counts */
		char probe[32], endpoint[64];
		enum isb_outcome_kind kind;
	} found[STORY_OUTCOMES];
	size_t nfound;
	struct story_said { /* what they bring with them; likewise */
		char probe[32], endpoint[64];
		int soft, load;
		unsigned ms;
	} said[STORY_OUTCOMES];
	size_t nsaid;
	struct story_probe *site; /* takes in the remote ones; NULL: nobody does */
	struct isb_offer *offer;
	struct isb_awaited awaited;
	char counted_probe[32], counted[64];
	unsigned left; /* checks of `counted` by `counted_probe` still to come */
	struct story_answer last;
	struct isb_buf text[STORY_TEXTS];
	unsigned ntext;
};

/* The store, opened for this; whatever was open otherwise is closed. */
struct isb_store *story_store(struct story *s, enum isb_store_mode mode);
struct isb_txn *story_txn(struct story *s, enum isb_env env, bool write);
/* The view takes over what was resolved, as the server's watch does. */
void story_follow_hosts(struct story *s);
/* An empty buffer for a text that is handed out. */
struct isb_buf *story_text(struct story *s);
/* The catalog changed: running probes take it up. */
void story_probes_follow(struct story *s);
void story_probes_stop(struct story *s);
/* A site's probe begins and ends, and so do conversations with it. */
void story_site_begins(struct story *s, struct story_probe *site);
void story_site_ends(struct story *s);
void story_site_offers(struct story *s, const struct isb_catalog *catalog, uint64_t generation);
/* What a remote probe and the site have to tell each other now. */
void story_remote_begins(struct story *s, struct story_probe *p);
void story_remote_ends(struct story_probe *p);
void story_remote_talks(struct story *s, struct story_probe *p);
void story_report(struct story *s, struct story_probe *p, bool all);
