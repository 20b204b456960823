/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "cli.h"
#include "isobar/base/map.h"
#include "isobar/dns/answer.h"
#include "isobar/dns/traffic.h"
#include "isobar/steer/shares.h"

/* What an edit or an outage does to those who ask: queries are counted into cells, each a set of queries that both
 * catalogs treat alike, and every cell's answers before are compared with those after, as shares and not as draws. The
 * memory is that of the distinct cells; how many queries there are does not matter. */

enum { SIM_BEFORE, SIM_AFTER, SIM_SIDES };

/* Geo maps of records that a CNAME or ALIAS leads to. Records with the same rules have one map; a catalog with more than
 * these is answered right, but what lies behind the rest is not followed here. */
enum { SIM_FURTHER = 16 };

/* One catalog. */
struct sim_side {
	struct isb_view *view;
	const struct isb_node **node;         /* by record: the name it is laid over */
	const uint8_t **owner;                /* the same, in wire form; NULL for a wildcard, which is many names */
	struct isb_pace_table *pace;          /* by viewpoint of the plan */
	uint32_t *target;                     /* by endpoint of the plan */
	uint32_t further[SIM_FURTHER], nfurther; /* numbers of maps in the plan */
	uint32_t (*answer)[ISB_PLAN_TYPES];   /* the same: what it answers with; equal octets have equal numbers */
};

/* Who answers: an endpoint by its name, or one of those without a name. */
enum { SIM_NOTHING, SIM_ORDINARY, SIM_GONE, SIM_TARGETS };
struct sim_target {
	const char *name, *region; /* region "-": none */
	bool down; /* in the scenario after */
};

/* Where a question leads on one side. */
enum sim_kind { SIM_NOT_OURS, SIM_NO_NAME, SIM_NO_DATA, SIM_PLAIN, SIM_STEERED };
struct sim_place {
	uint32_t record;  /* SIM_STEERED */
	uint8_t kind, type;
};
struct sim_cell {
	struct sim_place place[SIM_SIDES];
	uint32_t cls[SIM_SIDES]; /* one of the classes with this root */
	const uint32_t *further[SIM_SIDES]; /* where the record leads on: the classes by the side's further maps; else NULL */
	uint16_t type;           /* as asked */
	double count;
};

/* The classes of a client on one side. */
struct sim_client {
	uint32_t cls, further[SIM_FURTHER];
};

/* What is known of the health of all endpoints, by slot. */
struct sim_world {
	uint64_t *words;
	int64_t *since;
	const uint64_t **chunk;
	const int64_t **since_chunk;
	uint32_t slots, chunks;
	bool *down; /* unreachable in this scenario, whatever isobar knows of it */
};

struct sim {
	struct cli *cli;
	struct isb_arena arena;
	struct isb_geodb *geodb;
	struct isb_cells *networks; /* of latency samples */
	struct sim_side side[SIM_SIDES];
	bool one_catalog; /* after is before */
	struct sim_world health; /* as the store has it, or all up */
	struct sim_target *targets;
	uint32_t ntarget, nanswer;
	size_t target_room;
	struct isb_map by_target, by_answer;

	struct sim_cell *cells;
	size_t ncell, cell_room;
	struct isb_map by_cell;
	double queries;     /* all */
	double not_steered; /* ours, but no record of either catalog */
	double not_ours;
	bool even;          /* no log: names and addresses count alike */
	bool even_placed;   /* of the addresses those that a geo database places */
	bool interrupted;
	uint64_t rows, skipped, bad;

	struct sim_spool *spool; /* where queries wait that are read before they can be counted, or NULL */
	struct sim_place *hosts; /* of endpoints, where they were asked for */
	size_t nhost;
	struct isb_map by_host;
	struct sim_known *known; /* places of names that were asked for */
	struct isb_query query;
	struct isb_answer found;
	struct isb_rng rng;
	struct isb_shares shares;
};

/* --- simulate_sides.c: catalogs and health --- */

void sim_init(struct sim *sim, struct cli *cli);
void sim_done(struct sim *sim);
/* From the newest committed catalog; opens the geo databases and takes the health words over. Diags say what is wrong. */
int sim_load(struct sim *sim, struct isb_store *store, struct isb_diags *diags);
/* The catalog as the transaction has it; without (NULL), after is before. Targets are numbered. */
int sim_load_after(struct sim *sim, struct isb_txn *txn, struct isb_txn *health, struct isb_diags *diags);
/* A copy of sim->health in which nothing is down yet. */
void sim_world_copy(const struct sim *sim, struct sim_world *ret_world);
void sim_world_done(struct sim_world *world);
/* Takes down the endpoints of a region, pool or a single one, on the side after. False when none is called so. */
bool sim_take_down(const struct sim *sim, const char *name, struct sim_world *world);

/* --- simulate_count.c --- */

void sim_count(struct sim *sim, const struct isb_traffic_row *row);
void sim_find_places(struct sim *sim, const uint8_t *name, uint16_t type, struct sim_place ret_place[SIM_SIDES]);
void sim_find_place(struct sim *sim, int side, const uint8_t *name, uint16_t type, struct sim_place *ret_place);
/* The cell gets `count` more; one is made where there is none. */
void sim_add(struct sim *sim, const struct sim_place place[SIM_SIDES], const struct sim_client client[SIM_SIDES],
             uint16_t type, double count);

/* --- simulate_input.c, simulate_even.c: where queries come from --- */

/* Log files, "-" is standard input. CLI_FAILED when nothing in them is a query. */
int sim_read(struct sim *sim, const char *const *paths, size_t count);
/* Every steered name and every IPv4 address, alike. */
void sim_even(struct sim *sim);

/* --- simulate_spool.c: queries that wait --- */

/* From here on sim_read() sets queries aside, in bounded memory; exit codes, after saying why. */
int sim_spool_begin(struct sim *sim);
void sim_spool_put(struct sim *sim, const struct isb_traffic_row *row);
int sim_spool_end(struct sim *sim);
/* Counts them all, the catalogs being there. */
int sim_spool_count(struct sim *sim);
void sim_spool_free(struct sim_spool *spool);

/* One side at one time. */
struct sim_scene {
	int side;
	const struct sim_world *world;
};

/* --- simulate_answers.c: who answers --- */

/* The record's choice is a name, which may be steered again. */
bool sim_leads_on(const struct sim_place *place, uint16_t asked);
/* Notes the further maps of a side, whose view and names are there. */
void sim_note_hosts(struct sim *sim, int side);
/* Shares of one cell's answers in one scene; a target may stand there more than once. */
struct sim_answers {
	struct sim_answer {
		uint32_t target, answer;
		double share;
	} *list; /* the owner's to free */
	size_t count, room;
	double failopen; /* share */
};
void sim_answers_find(struct sim *sim, const struct sim_scene *scene, const struct sim_cell *cell,
                      struct sim_answers *answers);

/* --- simulate_shift.c: before against after --- */

struct sim_flow { /* between targets, or between regions by the number of any of their targets */
	uint32_t from, to;
	double count;
};
struct sim_name { /* a record that answers less than before */
	const char *name; /* "zone/owner" */
	uint16_t type;
	double count, nothing[SIM_SIDES], ordinary[SIM_SIDES], failopen[SIM_SIDES];
};
struct sim_moved { /* a name whose clients move */
	const char *name; /* "zone/owner" */
	double count, moved; /* of all types */
};
struct sim_move { /* of one name's, between pools in regions by the number of any of their targets */
	uint32_t name; /* place in `moved_names` */
	uint32_t from, to;
	double count;
};
struct sim_shift {
	double total; /* queries that were answered before */
	double fresh; /* names that are new: they do not count as moved */
	double moved; /* get another answer */
	double nothing[SIM_SIDES], ordinary[SIM_SIDES], failopen[SIM_SIDES];
	double lost;  /* after: are answered with what is down */
	double *load[SIM_SIDES]; /* by target */
	struct sim_flow *flows, *region_flows; /* largest first */
	size_t nflow, nregion_flow;
	struct sim_name *names; /* those that got worse, most queries first */
	size_t nname;
	struct sim_moved *moved_names;
	size_t nmoved_name;
	struct sim_move *moves; /* by name, that with the most first; each name's largest first */
	size_t nmove;
	struct isb_map by_flow, by_region_flow, by_name, by_moved_name, by_move; /* while it is made */
	struct isb_arena arena;
};
void sim_compare(struct sim *sim, const struct sim_scene scene[SIM_SIDES], struct sim_shift *ret_shift);
void sim_shift_done(struct sim_shift *shift);

/* --- simulate_say.c, simulate_json.c --- */

/* One region down. */
struct sim_outage {
	const char *region;
	double moved, nothing, ordinary, failopen, lost, total; /* queries, beyond those with nothing down */
	struct sim_peak { /* of one endpoint, or NULL: load then, and with nothing down */
		const char *endpoint;
		double load, usual;
	} busiest; /* the largest load */
	struct sim_peak grown; /* the largest multiple of its usual load; of those that idle, where no other gets more */
};
enum { SIM_TEXT = 48 };
char *sim_percent(double part, double whole, char out[SIM_TEXT]);  /* "4.2 %", "< 0.1 %" */
char *sim_number(double count, char out[SIM_TEXT]);                /* "12 345" */
void sim_say_traffic(const struct sim *sim);
void sim_say_share(const struct sim *sim, double part, double whole);
void sim_say_moves(const struct sim *sim, const struct sim_shift *shift, size_t most);
void sim_say_region_moves(const struct sim *sim, const struct sim_shift *shift, size_t most);
/* By name, between pools: simulate_names.c. */
void sim_say_name_moves(const struct sim *sim, const struct sim_shift *shift, size_t most);
json_t *sim_json_name_moves(const struct sim *sim, const struct sim_shift *shift);
void sim_say(const struct sim *sim, const struct sim_shift *shift);
void sim_say_outages(const struct sim *sim, const struct sim_outage *list, size_t count);
json_t *sim_json_traffic(const struct sim *sim);
json_t *sim_json(const struct sim *sim, const struct sim_shift *shift);
json_t *sim_json_outages(const struct sim_outage *list, size_t count);

/* --- shift.c: what a plan says of the clients, and --max-shift --- */

struct shift {
	struct sim sim;
	struct sim_shift found;
	bool begun;
	bool known; /* the edit touches steering and was judged */
	char unknown[SIM_TEXT * 4]; /* why it was not judged, nobody having asked for it: a sentence; else "" */
	bool dear; /* that is why */
};
/* A plan says it, and a limit asks for it; an edit that neither shows a plan nor has a limit is not judged. */
bool shift_wanted(const struct cli *cli);
/* Reads the log, if there is one: before the edit begins, since a pipe may be silent for hours and no other edit shall wait
 * for it. */
int shift_begin(struct cli *cli, struct shift *shift);
int shift_judge(struct cli_edit *e, struct shift *shift);
void shift_add(struct cli_edit *e, const struct shift *shift, json_t *json);
void shift_done(struct shift *shift);
