/* SPDX-License-Identifier: Apache-2.0 */
#include "routes.h"

#include "pages.h"

/* Parameters, by the routes that take them. */
#define END {0}
#define TEXT(name, option, help) {name, ISB_PARAM_TEXT, option, false, help, NULL}
#define NEEDED(name, option, help) {name, ISB_PARAM_TEXT, option, true, help, NULL}
#define FLAG(name, option, help) {name, ISB_PARAM_FLAG, option, false, help, NULL}
#define MANY(name, option, help) {name, ISB_PARAM_MANY, option, false, help, NULL}

static const struct isb_parameter explain[] = {
	NEEDED("name", NULL, "the name that is asked for"),
	TEXT("type", NULL, "A when left out"),
	NEEDED("client", "--client", "an address (its /24 or /56 is taken) or a network"),
	TEXT("at", "--at", "the moment: 2026-11-21T12:00:00Z, or -2h, +30m from now"),
	TEXT("draws", "--draws", "draw so many times and show the shares that come out"),
	TEXT("seed", "--seed", "of all draws; the same gives the same"),
	END};
static const struct isb_parameter state[] = {
	{"state", ISB_PARAM_TEXT, NULL, true,
	 "drain gives no new answers; up and down overrule the checks, hold freezes them; auto follows them again",
	 "up down drain hold auto"},
	TEXT("for", "--for", "until then only: 30m, 2h, 1d; without it there is no end"),
	END};
static const struct isb_parameter none[] = {END};
static const struct isb_parameter rrset[] = {
	NEEDED("ttl", NULL, "seconds, or 5m, 1h"),
	{"rdata", ISB_PARAM_MANY, NULL, true, "one text for each record, as in a master file", NULL},
	END};
static const struct isb_parameter apply[] = {
	FLAG("prune", "--prune", "also remove what the catalog does not name"),
	TEXT("max_shift", "--max-shift", "refuse when more than this share of queries would be answered differently: 10%"),
	END};
static const struct isb_parameter simulate[] = {
	{"log", ISB_PARAM_STDIN, NULL, true, "the queries: isobard's query log, or lines of client,name,type,count", NULL},
	{"catalog", ISB_PARAM_FILE, "--file", false, "a catalog as YAML or JSON, to be compared with the one in use", NULL},
	FLAG("prune", "--prune", "the catalog is the whole one"),
	MANY("down", "--down", "as if these regions, pools or endpoints were down"),
	FLAG("n_1", "--n-1", "each region down in turn"),
	FLAG("all_up", "--all-up", "as if every check were passed"),
	TEXT("format", "--format", "of the log: query-log or csv; default: as it looks"),
	END};
static const struct isb_parameter latency[] = {
	FLAG("prune", "--prune", "forget what the lines do not name, and all samples of before"),
	FLAG("dry_run", "--dry-run", "say what would be imported, and import nothing"),
	END};
static const struct isb_parameter run[] = {
	{"arguments", ISB_PARAM_MANY, NULL, true, "words and options of the command line", NULL},
	TEXT("stdin", NULL, "its standard input, in base64"),
	{"files", ISB_PARAM_FILES, NULL, false, "the files it names, below the directory it runs in", NULL},
	END};
static const struct isb_parameter edits[] = {
	{"limit", ISB_PARAM_NUMBER, "--limit", false, "the newest so many; default: all that are kept", NULL},
	END};
static const struct isb_parameter rollback[] = {
	{"generation", ISB_PARAM_NUMBER, NULL, true, "the generation to go back to", NULL},
	END};
static const struct isb_parameter rollout[] = {
	NEEDED("record", NULL, "the record: www.example.com or example.com/www"),
	NEEDED("to", "--to", "the pool or policy to lead clients to"),
	TEXT("steps", "--steps", "per cent of the clients that each step gives it: 10,30,50,100"),
	TEXT("every", "--every", "how long each step lasts: 10m, 2h"),
	TEXT("nets", "--nets", "clients in these networks always get it: 192.0.2.0/24,2001:db8::/32"),
	{"abort_if", ISB_PARAM_TEXT, "--abort-if", false, "end it for good when the new side cannot answer", "down"},
	FLAG("sticky", "--sticky", "a client's network decides, not a draw"),
	FLAG("force", "--force", "also to a side that cannot answer"),
	END};
static const struct isb_parameter force[] = {
	FLAG("force", "--force", "also with a side that cannot answer"),
	END};
static const struct isb_parameter switches[] = {
	NEEDED("record", NULL, "the record: www.example.com or example.com/www"),
	NEEDED("from", NULL, "the pool or policy that serves it now"),
	NEEDED("to", NULL, "the one that shall"),
	FLAG("force", "--force", "also to one that cannot answer"),
	END};

#define READ ISB_ROLE_READ, 0
#define READ_CATALOG ISB_ROLE_READ, ISB_ROUTE_CATALOG
#define OPERATE ISB_ROLE_OPERATE, ISB_ROUTE_EDITS
#define EDIT ISB_ROLE_ADMIN, ISB_ROUTE_EDITS
#define OPEN ISB_ROLE_NONE, ISB_ROUTE_OPEN
#define ENDPOINT_PATH "/v1/pools/{pool}/endpoints/{endpoint}"
#define PLAN "the generation, whether it was committed, and every change with what was before and after"

const struct isb_route isb_routes[] = {
	/* what is */
	{"GET", "/v1/status", READ, "status", NULL, NULL, ISB_BODY_NONE, NULL,
	 "What is up, down, disputed, forced, draining and rolled out, since when and why.", "the state of everything"},
	{"GET", "/v1/endpoints/{pool}/{endpoint}", READ, "status {pool}/{endpoint}", NULL, NULL, ISB_BODY_NONE, NULL,
	 "One endpoint closely: outcomes of each probe and the last transitions with their evidence.",
	 "its state and history"},
	{"GET", "/v1/explain", READ, "explain {name} {type?}", NULL, explain, ISB_BODY_NONE, NULL,
	 "Why this client gets this answer, by the code that answers.", "the walk and the answer"},
	{"GET", "/v1/top", ISB_ROLE_READ, ISB_ROUTE_OURS, NULL, isb_page_top, none, ISB_BODY_NONE, NULL,
	 "Live rates of the servers that --metrics-from names.", "rates per server, record, pool and region"},
	{"GET", "/v1/events", READ, NULL, isb_page_events, none, ISB_BODY_NONE, "text/event-stream",
	 "Server-sent events: `catalog` and `health` when their generation moves, with {\"generation\": N}; first "
	 "where things are.",
	 "a stream that does not end"},
	{"GET", "/v1/whoami", READ, NULL, isb_page_whoami, none, ISB_BODY_NONE, NULL,
	 "Who the server takes you for.", "name, role and the server's version"},

	/* operating */
	{"PUT", "/v1/endpoints/{pool}/{endpoint}/state", OPERATE, NULL, isb_page_state, state, ISB_BODY_MEMBERS, NULL,
	 "Drain or force an endpoint, or let it follow its checks again.", PLAN},
	{"POST", "/v1/endpoints/{pool}/{endpoint}/failback", OPERATE, "failback {pool}/{endpoint}", NULL, none,
	 ISB_BODY_MEMBERS,
	 NULL, "Let an endpoint that came back serve again, where its pool waits for that.", PLAN},
	{"GET", "/v1/rollouts", READ, "rollout status", NULL, none, ISB_BODY_NONE, NULL, "All rollouts as of now.",
	 "the rollouts with their steps"},
	{"POST", "/v1/rollouts", OPERATE, "rollout start {record}", NULL, rollout, ISB_BODY_MEMBERS, NULL,
	 "Lead a record's clients to another pool or policy, step by step.", PLAN},
	{"GET", "/v1/rollouts/{record}", READ, "rollout status {record}", NULL, none, ISB_BODY_NONE, NULL,
	 "One record's rollout as of now.", "the rollout"},
	{"POST", "/v1/rollouts/{record}/pause", OPERATE, "rollout pause {record}", NULL, none, ISB_BODY_MEMBERS, NULL,
	 "Stay at the step that is reached.", PLAN},
	{"POST", "/v1/rollouts/{record}/resume", OPERATE, "rollout resume {record}", NULL, force, ISB_BODY_MEMBERS, NULL,
	 "Go on with the steps.", PLAN},
	{"POST", "/v1/rollouts/{record}/abort", OPERATE, "rollout abort {record}", NULL, none, ISB_BODY_MEMBERS, NULL,
	 "All clients go back at once.", PLAN},
	{"POST", "/v1/rollouts/{record}/finish", OPERATE, "rollout finish {record}", NULL, force, ISB_BODY_MEMBERS, NULL,
	 "The new side becomes the record's policy.", PLAN},
	{"POST", "/v1/switch", OPERATE, "switch {record} {from} {to}", NULL, switches, ISB_BODY_MEMBERS, NULL,
	 "Let another pool or policy serve a record, in one edit.", PLAN},

	/* the catalog as a whole */
	{"GET", "/v1/catalog", READ_CATALOG, "export", NULL, none, ISB_BODY_NONE, NULL, "The whole catalog.",
	 "the catalog as PUT takes it"},
	{"GET", "/v1/catalog.yaml", READ_CATALOG, "export", NULL, none, ISB_BODY_NONE, "application/yaml",
	 "The whole catalog as YAML.", "the catalog as PUT takes it"},
	{"PUT", "/v1/catalog", EDIT, "apply --file=-", NULL, apply, ISB_BODY_TEXT, NULL,
	 "Bring the catalog to what this one says, YAML or JSON, all of it or nothing.", PLAN},
	{"POST", "/v1/catalog/diff", READ, "diff --file=-", NULL, apply, ISB_BODY_TEXT, NULL,
	 "What PUT would change, and how many clients it would move.", "the plan"},
	{"POST", "/v1/catalog/check", READ, "check --file=-", NULL, none, ISB_BODY_TEXT, NULL,
	 "Is this a catalog that could be served? Without regard to the one in use.", "what was proved, and notes"},
	{"POST", "/v1/simulate", ISB_ROLE_READ, ISB_ROUTE_LONG, "simulate -", NULL, simulate, ISB_BODY_MEMBERS, NULL,
	 "Who would move where, under another catalog or with something down.", "shares before and after"},
	{"GET", "/v1/log", READ_CATALOG, "log", NULL, edits, ISB_BODY_NONE, NULL,
	 "Every change of the catalog: when, who, why, what.", "the journal, oldest first"},
	{"GET", "/v1/generations/{generation}", READ, "show generation {generation}", NULL, none, ISB_BODY_NONE, NULL,
	 "What one generation changed, by whom and why.", "the edit"},
	{"POST", "/v1/rollback", EDIT, "rollback {generation}", NULL, rollback, ISB_BODY_MEMBERS, NULL,
	 "Make the catalog what it was, as a new edit.", PLAN},

	/* ordinary records */
	{"GET", "/v1/zones/{zone}/rrsets", READ_CATALOG, NULL, isb_page_rrsets, none, ISB_BODY_NONE, NULL,
	 "The ordinary records of a zone.", "names and types"},
	{"GET", "/v1/zones/{zone}/file", READ_CATALOG, "export zone {zone}", NULL, none, ISB_BODY_NONE, "text/dns",
	 "The ordinary records of a zone as a master file (RFC 1035 section 5).", "the master file"},
	{"PUT", "/v1/zones/{zone}/file", EDIT, "import zone - --zone={zone}", NULL, none, ISB_BODY_TEXT, NULL,
	 "Replace the ordinary records of a zone by those of a master file.", PLAN},
	{"GET", "/v1/rrsets/{name}/{type}", READ_CATALOG, "show rrset {name} {type}", NULL, none, ISB_BODY_NONE, NULL,
	 "One rrset.", "its records as lines of a master file"},
	{"PUT", "/v1/rrsets/{name}/{type}", EDIT, "set rrset {name} {type} {ttl} {rdata*}", NULL, rrset, ISB_BODY_MEMBERS,
	 NULL,
	 "Make an rrset, or replace the whole of it.", PLAN},
	{"POST", "/v1/rrsets/{name}/{type}", EDIT, "add rrset {name} {type} {ttl} {rdata*}", NULL, rrset,
	 ISB_BODY_MEMBERS, NULL,
	 "Make an rrset that is not there yet.", PLAN},
	{"DELETE", "/v1/rrsets/{name}/{type}", EDIT, "remove rrset {name} {type}", NULL, none, ISB_BODY_NONE, NULL,
	 "Remove an rrset.", PLAN},

	/* round trips */
	{"GET", "/v1/latency", READ, "latency show", NULL, none, ISB_BODY_NONE, NULL, "Measured round trips.",
	 "networks, regions and milliseconds"},
	{"PUT", "/v1/latency", ISB_ROLE_ADMIN, 0, "latency import -", NULL, latency, ISB_BODY_TEXT, NULL,
	 "Import round trips: lines of NETWORK,REGION,MILLISECONDS[,COUNT[,TIME]].", "what was imported"},

	/* about the API */
	{"POST", "/v1/run", READ, NULL, isb_page_run, run, ISB_BODY_MEMBERS, NULL,
	 "Run a command line, as `isobar --server` does; what it may do follows the role.",
	 "what it printed, and how it ended"},
	{"GET", "/v1/schema", READ, NULL, isb_page_schema, none, ISB_BODY_NONE, NULL,
	 "What can be set in each kind of object.", "fields with type, range, default and help"},
	{"GET", "/v1/openapi.json", OPEN, NULL, isb_page_openapi, none, ISB_BODY_NONE, NULL, "This document.",
	 "an OpenAPI document"},

	/* objects */
	{"GET", "/v1/{kind}", READ_CATALOG, "show {kind}", NULL, none, ISB_BODY_NONE, NULL, "The names of a kind.",
	 "names"},
	{"GET", "/v1/{kind}/{name}", READ_CATALOG, "show {kind} {name}", NULL, none, ISB_BODY_NONE, NULL,
	 "One object as it is stored; fields at their default are left out.", "its fields"},
	{"PUT", "/v1/{kind}/{name}", EDIT, "apply --file=-", NULL, none, ISB_BODY_OBJECT, NULL,
	 "Make an object, or replace the whole of it.", PLAN},
	{"PATCH", "/v1/{kind}/{name}", EDIT, "set {kind} {name}", NULL, none, ISB_BODY_FIELDS, NULL,
	 "Set fields of an object; dots lead inside (expect.status), null takes a field away.", PLAN},
	{"DELETE", "/v1/{kind}/{name}", EDIT, "remove {kind} {name}", NULL, none, ISB_BODY_NONE, NULL,
	 "Remove an object. A zone goes with its records and rrsets; what is still in use is not removed.", PLAN},
	{"GET", ENDPOINT_PATH, READ_CATALOG, "show endpoint {pool}/{endpoint}", NULL, none, ISB_BODY_NONE, NULL,
	 "One endpoint as it is stored.", "its fields"},
	{"PUT", ENDPOINT_PATH, EDIT, "set pool {pool}", NULL, none, ISB_BODY_OBJECT, NULL,
	 "Make an endpoint of a pool that is there, or replace the whole of it.", PLAN},
	{"PATCH", ENDPOINT_PATH, EDIT, "set endpoint {pool}/{endpoint}", NULL, none, ISB_BODY_FIELDS, NULL,
	 "Set fields of an endpoint; null takes a field away.", PLAN},
	{"DELETE", ENDPOINT_PATH, EDIT, "remove endpoint {pool}/{endpoint}", NULL, none, ISB_BODY_NONE, NULL,
	 "Remove an endpoint.", PLAN},

	/* for machines and browsers */
	{"GET", "/metrics", OPEN, NULL, isb_page_metrics, none, ISB_BODY_NONE, "text/plain", "Metrics for Prometheus.",
	 "the text exposition format"},
	{"GET", "/healthz", OPEN, NULL, isb_page_healthz, none, ISB_BODY_NONE, "text/plain", "Is it alive?", "ok"},
	{"GET", "/readyz", OPEN, NULL, isb_page_readyz, none, ISB_BODY_NONE, "text/plain",
	 "Can it read the store? Else 503.", "ready"},
	{"GET", "/", ISB_ROLE_NONE, ISB_ROUTE_OPEN | ISB_ROUTE_HIDDEN, NULL, isb_page_asset, none, ISB_BODY_NONE,
	 "text/html",
	 "The dashboard.", "a page"},
	{"GET", "/ui/*", ISB_ROLE_NONE, ISB_ROUTE_OPEN | ISB_ROUTE_HIDDEN, NULL, isb_page_asset, none, ISB_BODY_NONE,
	 "text/html",
	 "What the dashboard is made of.", "a file"},
	{0},
};
