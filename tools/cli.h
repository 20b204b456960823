/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "isobar/base/diag.h"
#include "isobar/model/dname.h"
#include "isobar/model/health.h"
#include "isobar/model/schema.h"
#include "isobar/store/catalogdb.h"
#include "isobar/store/env.h"
#include "isobar/store/rollouts.h"
#include "isobar/view/cells.h"
#include "isobar/view/geodb.h"
#include "isobar/view/zonefile.h"
#include "printing.h"

/* What every verb gets: the words after it, the options given, and how to speak. */
struct cli {
	const char *store_dir;
	const char *const *words; /* NULL-terminated */
	int count;
	bool json;          /* a document in place of tables and sentences: JSON, or with `yaml` YAML */
	bool yaml, compact; /* compact: a line, of JSON */
	int64_t watch_ms;   /* 0: once */
	bool all;
	uint64_t limit;     /* the newest so many; 0: all */
	bool dry_run, prune, print;
	const char **down; /* regions, pools and endpoints that simulate takes to be down */
	size_t ndown;
	bool each_region, all_up; /* --n-1 */
	const char *format;
	double max_shift;    /* share of queries; below 0: no limit */
	const char *traffic; /* log file */
	const char **files;
	size_t nfile;
	const char **from;   /* servers */
	size_t nfrom;
	const char **geo;
	size_t ngeo;
	const char *reason, *author;
	int64_t for_ms;     /* 0: no end */
	int64_t if_generation; /* edit nothing but that one; below 0: whichever there is */
	struct {
		const char *to, *steps, *nets; /* NULL: not given */
		int64_t every_ms;
		bool sticky, abort_if_down;
	} rollout;
	bool force;
	const char *client;
	int64_t at_ms;      /* the moment asked about; now_ms when none was given */
	unsigned draws;     /* 0: none */
	uint64_t seed;      /* of random draws */
	const char *zone, *provider, *soa; /* of an import */
	const char **ns;
	size_t nns;
	int64_t now_ms;
	uint64_t committed; /* generation that this run made; 0: none */
	void *kept;         /* the verb's own, from one look of --watch to the next */
	const char *tokens, *role; /* of the verb token */
	int64_t expires_ms;
	const char *server, *token_file, *ca; /* run it there (remote.h); NULL: here */
	const struct verb *remote_verb;
	bool is_remote;
	struct cli_passed {
		char letter;
		const char *name, *value; /* value NULL: it has none */
	} *passed; /* the options as they were given */
	size_t npassed;
};

/* Exit codes; a contract with scripts and with programs that run verbs for others. */
enum {
	CLI_OK = 0,
	CLI_FAILED = 1,    /* refused: what was asked is wrong, or not allowed by what there is */
	CLI_USAGE = 2,     /* the command line is wrong */
	CLI_MOVED_ON = 3,  /* the catalog is not at the generation of --if-generation */
	CLI_NOT_FOUND = 4, /* there is no such thing */
	CLI_STORE = 5,     /* the store cannot be read or written */
	CLI_FORBIDDEN = 6, /* not for whom it runs (behalf.h) */
};

/* What a verb is for: how the list of all is ordered. */
enum cli_group { CLI_MORE, CLI_CHANGE, CLI_STEER, CLI_LOOK, CLI_TRY, CLI_GROUPS };
#define CLI_ANY_KIND "*"

struct verb {
	const char *name;
	const char *usage;   /* what follows the name; several forms stand in lines */
	const char *help;    /* one line of the list of verbs */
	const char *more;    /* what else one must know; lines */
	const char *example; /* what follows the name */
	const char *options; /* letters of the options it takes beside the global ones; see cli.c */
	int (*run)(struct cli *cli);
	enum cli_group group;
	const char *brief;   /* a few words for the list of all */
	/* Kinds that may stand before the verb: CLI_ANY_KIND for one that takes the kind as its first word (pool set asia …),
	 * else those that its names are of anyway (endpoint drain …). NULL: none. */
	const char *nouns;
};
extern const struct verb verb_apply, verb_diff, verb_check, verb_export, verb_import, verb_show, verb_set, verb_add, verb_remove,
	verb_status, verb_drain, verb_force, verb_failback, verb_rollout, verb_switch, verb_explain, verb_simulate,
	verb_latency, verb_log, verb_top, verb_rollback, verb_token, verb_init, verb_help;
extern const struct verb *const cli_verbs[]; /* NULL at the end */
/* Letters of the options that every verb takes that edits the catalog. */
#define CLI_EDITS "nrAG"
void cli_print_option_help(const char *letters);
struct cli_option {
	const char *name; /* "dry-run" */
	char letter;      /* as verbs list it; is_short: one may also write -n */
	bool is_short, value;
	const char *text; /* its lines of the help: "  -n, --dry-run      show …\n" */
};
bool cli_option(size_t i, struct cli_option *ret_option); /* of all; false behind the last */
/* Those that every verb takes. */
#define CLI_GLOBAL "sojhVLQC"
void cli_print_verb_help(const struct verb *verb);
void cli_print_help(FILE *out);

/* "isobar: sentence" on stderr; returns `code`, so that verbs can `return cli_fail(CLI_FAILED, …)`. */
int cli_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* All diags on stderr, then CLI_FAILED. */
int cli_refuse(const struct isb_diags *diags, const char *what);
/* The store said ISB_Exxx: CLI_STORE. */
int cli_unreadable(const struct cli *cli, int err);
int cli_unwritable(const struct cli *cli, int err);
/* Does it once; with --watch again and again until somebody stops it, each time as of then: in place on a terminal, else one
 * after the other, documents of JSON a line each. Ends with what `once` says when that is not CLI_OK. */
int cli_watch(struct cli *cli, int (*once)(struct cli *cli));
/* One line that a terminal may print: UTF-8 without control characters. */
bool cli_printable(const char *text);

/* --- Reading --- */

int cli_open(const struct cli *cli, enum isb_store_mode mode, struct isb_store **ret_store);
/* The store opened for reading, with a transaction on the catalog and one on health. */
struct cli_reader {
	struct isb_store *store;
	struct isb_txn *catalog, *health;
};
int cli_read(const struct cli *cli, struct cli_reader *ret_reader);
void cli_read_done(struct cli_reader *reader);
/* The clients' round trips as of now, of which the caller becomes a user; ISB_OK or the store's error. */
int cli_read_cells(const struct cli *cli, const struct cli_reader *reader, const struct isb_geodb *geodb,
                   struct isb_cells **ret_cells);
/* The geo databases of --geo, else STORE/geo.mmdb, else none (NULL). */
int cli_open_geodb(const struct cli *cli, struct isb_diags *diags, struct isb_geodb **ret_db);

/* What `show`, `set` and `help` call a kind: those of the model, and two that have no rows of their own there. */
enum { CLI_ENDPOINT = ISB_KIND_COUNT, CLI_RRSET, CLI_KINDS };
bool cli_is_kind(const char *word, int *ret_kind); /* singular or plural */
int cli_kind_parse(const char *word, int *ret_kind); /* the same; CLI_USAGE after saying so */
const char *cli_kind_name(int kind);
const char *cli_kind_plural(int kind);
const char *cli_all_down_name(enum isb_all_down all_down); /* as written in a catalog */

struct cli_names {
	struct isb_arena arena;
	const char **list; /* NULL-terminated once there is one */
	size_t count;
};
void cli_names_add(struct cli_names *names, const char *name);
void cli_names_done(struct cli_names *names);
/* Of all objects of a kind, or of all endpoints ("pool/endpoint"); not of rrsets. ISB_OK or the store's error. */
int cli_names_of(struct isb_txn *txn, int kind, struct cli_names *names);
/* "there is no pool 'asai'; did you mean 'asia'?"; CLI_NOT_FOUND. */
int cli_unknown(struct isb_txn *txn, int kind, const char *name);

/* A record as people call it: its key "zone/owner", its name, or its owner alone where only one zone has it. */
struct cli_record {
	const char *key, *name; /* the catalog's arena's; the name without a final dot */
	struct isb_record *record;
};
/* CLI_OK, or another exit code after saying why. */
int cli_find_record(struct isb_catalog *catalog, const char *word, struct cli_record *ret);
/* "www.example.com" as the store has it, "example.com/www"; `word` itself where it is no name or no zone holds it. */
const char *cli_record_key(struct isb_txn *txn, struct isb_arena *arena, const char *word);
/* There is a pool or a policy of that name; CLI_NOT_FOUND after saying so. */
int cli_find_side(const struct isb_catalog *catalog, const char *name);

/* The stored zone that holds a name: the longest. `owner` is in lower case, *ret_apex points into it. */
int cli_zone_of(struct isb_txn *txn, const uint8_t *owner, const uint8_t **ret_apex);
/* NAME and TYPE of an rrset on the command line; CLI_USAGE after saying so. `type` NULL: none was given. */
int cli_parse_rrset(const char *name, const char *type, uint8_t ret_owner[ISB_DNAME_MAX], uint16_t *ret_type);

/* Since when verdicts hold: want the slots, read once, then ask. All-zero is valid and knows nothing. */
struct cli_since {
	int64_t at_ms;    /* as of then; 0: now */
	int64_t *time_ms; /* by slot */
	uint32_t cap;
	size_t missing; /* wanted and not found yet */
};
void cli_since_want(struct cli_since *since, uint32_t slot);
int cli_since_read(struct cli_since *since, struct isb_txn *health);
/* The newest transition of the slot; where none is kept, the earliest that a probe with this verdict tells.
 * 0: unknown. */
int64_t cli_since_ms(const struct cli_since *since, struct isb_txn *health, uint32_t slot, enum isb_verdict verdict);
void cli_since_done(struct cli_since *since);

/* ", damped: 7 flaps, up after 16 more successes", or nothing. */
struct isb_history;
struct isb_hysteresis;
void cli_print_damped(struct isb_buf *out, const struct isb_history *h, const struct isb_hysteresis *knobs, int64_t now_ms);
/* One endpoint closely: every probe's outcomes and the last transitions, printed or into an object. ISB_OK or the store's
 * error. */
int cli_history_print(struct isb_txn *health, uint32_t slot, const struct isb_hysteresis *knobs, int64_t now_ms);
int cli_history_json(struct isb_txn *health, uint32_t slot, const struct isb_hysteresis *knobs, int64_t now_ms, json_t *to);
/* "forced up", "drained", "held down"; "" for what follows its checks. */
const char *cli_admin_words(enum isb_admin admin);

/* Rollouts as of now. */
struct cli_rollout {
	struct cli_record record;
	struct isb_rollout row; /* texts and nets are the arena's */
	struct isb_timetable_now at; /* as of the abort, when there was one */
	int64_t aborted_ms;     /* 0: it was not */
	const char *evidence;   /* of the abort; "" when it is no longer known */
	bool can;               /* the new side can answer now */
	const char *standing;   /* what the probes know of it */
};
struct cli_rollouts {
	struct isb_arena arena;
	struct cli_rollout *list;
	size_t count;
};
/* `only` NULL: all of them. ISB_OK or the store's error. */
int cli_rollouts_read(struct isb_txn *catalog_txn, struct isb_txn *health, struct isb_catalog *catalog, const char *only,
                      int64_t now_ms, struct cli_rollouts *ret);
void cli_rollouts_done(struct cli_rollouts *rollouts);
/* When and why the probes aborted the one that had this slot; false: they did not, or it is no longer known. */
bool cli_rollout_aborted(struct isb_txn *health, uint32_t slot, struct isb_buf *out);
void cli_rollouts_print(struct cli_rollouts *rollouts, int64_t now_ms);
json_t *cli_rollouts_json(const struct cli_rollouts *rollouts);
/* "10, 30, 50, 100 % every 10m, 2 networks, aborted if down" */
void cli_rollout_print(struct isb_buf *out, const struct isb_rollout *rollout);
/* "step 2 of 4: 30 %" */
void cli_rollout_print_step(struct isb_buf *out, const struct isb_rollout *rollout, const struct isb_timetable_now *at);

/* A generation of the catalog from a word; CLI_USAGE after saying so. */
int cli_parse_generation(const char *word, uint64_t *ret_generation);
/* One edit of the journal in full; `word` NULL: all of them in short. */
int cli_show_generation(struct cli *cli, const char *word);

/* --- Editing --- */

struct cli_edit {
	struct cli *cli;
	struct isb_store *store;
	struct isb_txn *txn;
	struct isb_edit *edit;
	struct isb_diags diags;
	char refusal[256];   /* what to say below the diags; "": only that it was refused */
	uint64_t generation; /* once finished: that of the catalog with the edit */
	uint32_t cached_s;   /* resolvers hold for so long what was answered before; 0: nothing is taken away from anybody */
	void *arg;
};
/* One edit from begin to printed generation. `change` puts its rows through the edit and returns CLI_OK, or another
 * exit code after saying why; what it leaves in diags refuses the edit. Then the catalog as it would be is checked
 * whole, and committed unless --dry-run; only then something is said: the changes, or in their place what `tell` prints
 * (may be NULL), and the generation. */
int cli_edit(struct cli *cli, int (*change)(struct cli_edit *e), void (*tell)(struct cli_edit *e), void *arg);
/* The same with more to it. */
struct cli_steps {
	int (*change)(struct cli_edit *e);
	/* Looks at the catalog as it would be, checked and numbered, inside the transaction; anything but CLI_OK, after saying
	 * why, is the end of the edit. NULL: nothing to look at. */
	int (*judge)(struct cli_edit *e);
	void (*tell)(struct cli_edit *e);
	/* Adds to what is said: to the object, or with NULL prints behind the changes. May be NULL. */
	void (*add)(struct cli_edit *e, json_t *json);
	bool quiet; /* says nothing when all went well */
};
int cli_edit_steps(struct cli *cli, const struct cli_steps *steps, void *arg);
/* The whole catalog, to be changed. What is wrong with it goes into the edit's diags and refuses it; else the store's error
 * is said. */
int cli_edit_load(struct cli_edit *e, struct isb_catalog *catalog);
/* Refuses what leads a record's clients to a pool or policy that cannot answer now, by what the probes found. `again`:
 * "switch all the same: isobar switch www blue green"; CLI_FAILED after saying so. */
struct cli_side {
	const struct isb_catalog *catalog;
	const struct isb_record *record;
	const char *from, *to;
};
int cli_check_side(struct cli_edit *e, const struct cli_side *side, enum isb_unasked unasked, const char *again);
/* The record as it stands in memory becomes the stored one. */
int cli_put_record(struct cli_edit *e, const struct cli_record *record);
/* What a dry run says before what would be done; else "". */
const char *cli_dry_words(const struct cli *cli);
/* Says until when resolvers may hold what a record of this TTL gave before. */
void cli_tell_cached(const struct cli *cli, uint32_t ttl_s);
/* words: NAME TYPE TTL RDATA …, and NAME TYPE */
int cli_put_rrset(struct cli_edit *e, const char *const *words, int count, bool add);
int cli_remove_rrset(struct cli_edit *e, const char *const *words, int count);

/* A zone's ordinary data as its file: or text: gives it. */
struct cli_zone {
	uint8_t apex[ISB_DNAME_MAX]; /* lower case */
	bool given;                  /* neither: the rrsets in the store stay as they are */
	struct isb_zonedata data;
};
/* What is wrong goes into diags; what is only worth a notice (differing TTLs in an rrset) is printed at once. */
void cli_zone_read(struct isb_arena *arena, const struct isb_zone *zone, struct isb_diags *diags,
                   struct cli_zone *ret_zone);
void cli_zone_done(struct cli_zone *zone);
int cli_zone_put(struct isb_edit *edit, const struct cli_zone *zone);
int cli_zone_empty(struct isb_edit *edit, const char *name);

/* Everything that the files of -f say, read before the store is touched. */
struct cli_wanted {
	struct isb_catalog catalog;
	struct cli_zone *zones; /* beside catalog.zones */
	size_t nzone;           /* those read */
	struct isb_diags diags;
};
/* Files and nothing else, or CLI_USAGE after saying so. */
int cli_wanted_words(const struct cli *cli, const char *verb);
int cli_wanted_read(const struct cli *cli, struct cli_wanted *w); /* CLI_FAILED: diags say why; done() in any case */
void cli_wanted_done(struct cli_wanted *w);
/* The change that puts it all (`arg` of the edit) into the store, and takes out the rest when --prune is given. */
int cli_wanted_put(struct cli_edit *e);

/* Ordinary data beside records of type CNAME: in the store, and in the files. */
void cli_check_cnames(struct isb_txn *txn, const struct isb_catalog *catalog, struct isb_diags *diags);
void cli_wanted_check_cnames(struct cli_wanted *w);
/* Of a catalog that has passed its check: what is no error and hardly meant, as said in notes.c. */
void cli_check_notes(struct isb_txn *txn, const struct isb_catalog *catalog, struct isb_diags *notes);
void cli_wanted_notes(const struct cli_wanted *w, struct isb_diags *notes);

/* --- Printing --- */

/* The document as -o says; takes over the reference. */
void cli_print_json(const struct cli *cli, json_t *value);
/* A map of scalars and lists of them as YAML; and any body as JSON, where numbers and booleans become such. */
void cli_print_yaml(const struct isb_yaml *map);
json_t *cli_json_yaml(const struct isb_yaml *node);
json_t *cli_json_body(const char *body);

/* What one edit changed, for people and for programs. The changes' octets stay where they are. */
struct cli_plan {
	struct isb_change *list;
	size_t count, cap;
};
int cli_plan_add(void *plan, const struct isb_change *change); /* fits isb_journal_changes() */
void cli_plan_done(struct cli_plan *plan);
struct cli_tally {
	size_t added, changed, removed;
};
struct cli_tally cli_plan_tally(const struct cli_plan *plan);
/* "plan: 2 added, 1 removed", then `after` */
void cli_print_tally(const char *what, const struct cli_tally *tally, const char *after);
/* Objects with the lines of their bodies that differ, rrsets as master-file lines. `brief`: long lists are summed up, and
 * what is new or gone is only named; `generation` is where all of it can be looked up. */
void cli_plan_print(const struct cli_plan *plan, bool brief, uint64_t generation);
/* One change without its content: "~ pool asia". False for what has no name. */
bool cli_change_print(const struct isb_change *change, struct isb_buf *out);
void cli_print_change(const char *line); /* in the colour of its sign */
/* The slot that an abort of a rollout is written under, where the change begins or resumes one. */
bool cli_change_slot(const struct isb_change *change, uint32_t *ret_slot);
json_t *cli_plan_json(const struct cli_plan *plan);

/* Lines that differ, with the lines they stand below, as `- old` and `+ new`, indented by `indent`. NULL: nothing. */
void cli_print_diff(const char *before, const char *after, int indent);

/* What the hosts of ALIAS records resolved to (resolved.c): "198.51.100.7 2001:db8::7", "fresh for 30s", and the rows of
 * all hosts as a table (nothing where there are none) and as JSON. */
struct isb_resolved;
const char *cli_resolved_addresses(struct isb_arena *arena, const struct isb_resolved *row);
const char *cli_resolved_state(struct isb_arena *arena, const struct isb_resolved *row, int64_t now_ms);
json_t *cli_resolved_json(const struct isb_resolved *row);
int cli_resolved_print(struct isb_txn *health, int64_t now_ms, bool all); /* else those with trouble */
int cli_resolved_json_all(struct isb_txn *health, json_t *list);
