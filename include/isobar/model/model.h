/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/arena.h"
#include "isobar/base/diag.h"
#include "isobar/model/dname.h"
#include "isobar/model/health.h"
#include "isobar/model/observe.h"
#include "isobar/model/verdict.h"

/* The catalog as C: everything an operator edits but the zones' ordinary rrsets (they stay in the store and in master
 * files, there may be millions). Built by schema.h from YAML or from the store's rows; lives whole in its arena; plain
 * data, no library types. Lists keep the order in which they were declared. */

/* A name that refers to another object, with the place where it was written. */
struct isb_ref {
	const char *name;
	struct isb_mark mark;
};

struct isb_strings {
	const char **list;
	size_t count;
};

struct isb_region {
	const char *name;
	struct isb_mark mark;
	double latitude, longitude; /* degrees; north and east positive */
};

struct isb_span { /* an inclusive range of HTTP statuses */
	uint16_t from, to;
};
struct isb_span_ms {
	int64_t from, to;
};

enum isb_check_type {
	ISB_CHECK_TCP, ISB_CHECK_TCP_HALF_OPEN, ISB_CHECK_TLS, ISB_CHECK_HTTP, ISB_CHECK_HTTPS, ISB_CHECK_DNS, ISB_CHECK_UDP,
	ISB_CHECK_ICMP, ISB_CHECK_AGENT, ISB_CHECK_GRPC, ISB_CHECK_SCRIPT, ISB_CHECK_TYPE_COUNT
};
extern const char *const isb_check_words[ISB_CHECK_TYPE_COUNT + 1]; /* as written in YAML; NULL at the end */
enum isb_load_format { ISB_LOAD_NONE, ISB_LOAD_HAPROXY, ISB_LOAD_NGINX, ISB_LOAD_PROMETHEUS, ISB_LOAD_JSON };
/* Where a page says how much the endpoint has to do; which format reads which field: schema_check.c. */
struct isb_load_source {
	enum isb_load_format format;
	const char *proxy, *server, *field; /* haproxy: the row and the column; server and field NULL: BACKEND, scur */
	const char *metric;                 /* prometheus */
	struct isb_strings labels;          /* prometheus: "name: value", all of which the series must have */
	const char *path;                   /* json */
	uint32_t capacity;                  /* the value that is the whole of it; 0: the endpoint's own, or haproxy's limit */
};
enum isb_http_version { ISB_HTTP_ANY, ISB_HTTP_1, ISB_HTTP_2 };
/* What to test. Which types read which field: `only` of its row in the schema; to the others it is unknown. */
struct isb_check {
	const char *name;
	struct isb_mark mark;
	enum isb_check_type type;
	uint16_t port;               /* 0: the endpoint's port, else 53, 80 or 443 by type */
	const char *host;            /* Host header and SNI; NULL: the endpoint's host, else its address */
	const char *path;            /* default "/" */
	enum isb_http_version http;  /* what must be spoken; any: HTTP/2 where TLS agrees on it (ALPN), else HTTP/1.1 */
	const char *method;          /* GET, HEAD, POST, OPTIONS */
	struct isb_strings headers;  /* of the request: "Name: value" */
	const char *service;         /* grpc: whose health is asked for; NULL: the whole server's */
	unsigned redirects;          /* followed at most; 0: a redirect is the reply */
	bool keep_alive;             /* the connection is kept for the next test; default false */
	bool tls;                    /* grpc: TLS below it; default false */
	struct isb_span *statuses;   /* expect.status; default 200-399 */
	size_t nstatus;
	const char *body;            /* expect.body: substring in the first 64 KiB; NULL: any */
	const char *regex;           /* expect.regex: matches somewhere in them (model/pattern.h); NULL: any */
	struct isb_strings expect_headers; /* expect.header: "Name" or "Name: value" */
	struct isb_strings expect_json;    /* expect.json: "path" or "path: value" (model/json.h) */
	int64_t latency_ms;          /* expect.latency: a slower test has failed; 0: the timeout alone bounds it */
	const char *soft_json;       /* soft.json: path of a number from 0 to 100; NULL: no soft health */
	bool verify;                 /* certificates; default true */
	const char *ca_file;         /* PEM; NULL: the system's */
	const char *client_cert;     /* PEM, with its chain; NULL: none */
	const char *client_key;      /* PEM; NULL: stands in client_cert too */
	const char *send;            /* what the server is told first, or a POST's body; NULL: nothing */
	const char *send_hex;        /* the same as hexadecimal digits; never both */
	struct isb_strings alpn;     /* protocols offered, of which the server must take one */
	uint16_t days;               /* expect.days: the certificate is valid for at least so many; 0: not asked */
	const char *query_name;      /* of type dns: master-file text, from the root */
	uint16_t query_type;
	bool recursion;              /* desired */
	uint8_t *rcodes;             /* expect.rcode; default NOERROR */
	size_t nrcode;
	struct isb_addr *addresses;  /* expect.address: one of them is among the answers; none: any answer will do */
	size_t naddress;
	struct isb_strings command;  /* of type script: a file in the probe's directory, then its arguments */
	int64_t interval_ms, timeout_ms, down_interval_ms, retry_ms; /* down_interval_ms 0: as interval */
	unsigned rise, fall, flap_limit; /* flap_limit: see isb_observe_rise() */
	struct isb_quorum quorum;
	enum isb_quorum_by quorum_by;
	struct isb_load_source load;
	struct isb_span_ms soft_latency; /* latency that means soft health 100 and that means 1; 0, 0: none does */
};

/* What of it says when an endpoint counts as up or down. */
struct isb_hysteresis isb_check_hysteresis(const struct isb_check *check);
/* The endpoint's own word on its soft health comes with the check. (Its load does where load.format is not NONE.) */
bool isb_check_says_soft(const struct isb_check *check);

struct isb_endpoint {
	const char *name; /* within its pool; "pool/endpoint" everywhere else */
	struct isb_mark mark;
	struct isb_ref region; /* name NULL: none */
	struct isb_addr *addresses;
	size_t naddress;
	const char *host; /* target of CNAME, ALIAS, MX, SRV, SVCB and HTTPS, name for checks; NULL: none */
	uint16_t port;    /* 0: none */
	uint16_t weight;  /* 0..65535, default 1 */
	uint8_t tier;     /* 0..255, default 0: best */
	uint32_t capacity; /* what load is measured by; 0: what the check says */
	int32_t priority; /* of MX, SRV, SVCB and HTTPS, 0..65535; ISB_PRIORITY_TIER: as isb_endpoint_priority() has it */
	struct isb_strings texts; /* of one TXT record */
	struct isb_strings alpn;  /* from here on: SVCB and HTTPS (RFC 9460 §7) */
	bool no_default_alpn;
	bool hints;          /* the addresses as ipv4hint and ipv6hint; default true */
	const char *ech;     /* base64; NULL: none */
	const char *dohpath; /* RFC 9461 §5; NULL: none */
};
enum { ISB_PRIORITY_TIER = -1 };
/* Priority of an endpoint in records of `type`; smaller is better. Where none is written the tier says it: SRV begins at
 * 0, SVCB and HTTPS at 1 (0 would be AliasMode, RFC 9460 §2.4.2), MX goes in tens. */
uint16_t isb_endpoint_priority(const struct isb_endpoint *endpoint, uint16_t type);

/* How many endpoints must be usable before a pool can answer. */
struct isb_min_up {
	unsigned n;
	bool percent;
};

enum isb_order_id { /* what each does: steer/order.h */
	ISB_ORDER_FAILOVER, ISB_ORDER_WEIGHTED, ISB_ORDER_ROTATE, ISB_ORDER_GEO, ISB_ORDER_NEAREST, ISB_ORDER_LATENCY,
	ISB_ORDER_HASH, ISB_ORDER_LEAST_LOAD, ISB_ORDER_FASTEST, ISB_ORDER_COUNT
};
extern const char *const isb_order_words[ISB_ORDER_COUNT + 1]; /* as written in YAML; NULL at the end */

/* What order hash takes as the key. */
enum isb_hash_by { ISB_HASH_NETWORK, ISB_HASH_NAME };
struct isb_hash {
	enum isb_hash_by by;
	uint8_t ipv4, ipv6; /* by network: its length; default 24 and 56 */
	uint32_t seed;
};


struct isb_pool {
	const char *name;
	struct isb_mark mark;
	enum isb_order_id order; /* any but geo; default weighted */
	struct isb_hash hash;    /* order hash only */
	uint8_t trickle;         /* order failover only: per cent of answers that begin with the next tier; 0..50 */
	bool spread;             /* several answers lie in different regions where possible */
	enum isb_unknown unknown; /* default hold */
	int64_t slow_start_ms;   /* default 0 */
	int64_t failback_ms;     /* default ISB_FAILBACK_AUTO */
	struct isb_ref check;    /* name NULL: endpoints are always up */
	struct isb_ref feed;     /* a check that tells soft health and load and never judges; name NULL: none */
	unsigned answers;        /* how many endpoints one answer holds; 0: all; default 1 */
	struct isb_min_up min_up;
	struct isb_endpoint *endpoints;
	size_t nendpoint;
};

/* What a geo rule matches: any of these is enough; the most specific one that matches ranks the rule. */
struct isb_geo_match {
	struct isb_net *nets;
	size_t nnet;
	uint32_t *asns;
	size_t nasn;
	struct isb_strings cities;       /* "US/Boston": country and city name (English), case ignored */
	struct isb_strings subdivisions; /* ISO 3166-2, "US-CA" */
	struct isb_strings countries;    /* ISO 3166-1 alpha-2, upper case */
	struct isb_strings continents;   /* AF AN AS EU NA OC SA */
	bool is_default;
};

/* One child of a policy node: the name of a pool or policy, or a node written in place. */
struct isb_policy_child {
	struct isb_ref use;            /* name NULL when node is set */
	struct isb_policy_node *node;
	uint16_t weight;               /* default 1 */
	struct isb_geo_match match;    /* order geo only */
	bool fence;                    /* order geo only: never leave this rule, whatever is down */
	int8_t bias;                   /* order nearest only: -99..99 % */
};

struct isb_policy_node {
	struct isb_mark mark;
	enum isb_order_id order;
	struct isb_hash hash; /* order hash only */
	uint8_t trickle;      /* order failover only: per cent of answers that begin with the next child; 0..50 */
	struct isb_policy_child *children; /* `of:`, or `rules:` for geo */
	size_t nchild;
};

struct isb_policy {
	const char *name;
	struct isb_mark mark;
	struct isb_policy_node *root;
};

enum isb_all_down { ISB_ALL_DOWN_ALL, ISB_ALL_DOWN_FALLBACK, ISB_ALL_DOWN_NODATA, ISB_ALL_DOWN_LAST };

struct isb_record {
	const char *owner; /* relative to the zone as written: "www", "@", "*.eu", or absolute with a final dot */
	struct isb_mark mark;
	uint16_t *types; /* of A, AAAA, ALIAS, CNAME, HTTPS, MX, SRV, SVCB, TXT */
	size_t ntype;
	uint32_t ttl_s;      /* default 30 */
	uint32_t ttl_min_s;  /* default 5: health shortens the TTL no further */
	struct isb_ref policy; /* a policy or a pool */
	enum isb_all_down all_down;
};

struct isb_zone {
	const char *name; /* without the final dot (the root is "."), lower case */
	struct isb_mark mark;
	const char *file; /* master file, relative to the catalog file's directory; NULL: none given */
	const char *text; /* master-file text in place; NULL: none given */
	struct isb_mark text_mark; /* where the first line of `text` stands */
	struct isb_record *records;
	size_t nrecord;
	size_t room; /* records that fit before the list must move; lib/model's own */
};

/* Kinds of objects with a row of their own in the store. An endpoint is part of its pool's row; a record's row is keyed
 * "zone/owner". */
enum isb_kind { ISB_REGION, ISB_CHECK, ISB_POOL, ISB_POLICY, ISB_ZONE, ISB_RECORD, ISB_KIND_COUNT };

struct isb_catalog {
	struct isb_arena arena;
	struct isb_region *regions;
	size_t nregion;
	struct isb_check *checks;
	size_t ncheck;
	struct isb_pool *pools;
	size_t npool;
	struct isb_policy *policies;
	size_t npolicy;
	struct isb_zone *zones;
	size_t nzone;
	/* lib/model's own: how much fits before a list must move, and a hash table over its names. A table that does
	 * not cover the whole list (one that was put together by hand) is not used. */
	struct isb_catalog_index {
		size_t room, covered;
		uint32_t *slots; /* position + 1; 0: free */
		size_t nslot;    /* a power of two */
	} index[ISB_RECORD];
};

/* What one decision may have to look at: policies are walked per query, and shared ones unfold in every place. */
enum {
	ISB_POLICY_DEPTH_MAX = 16,
	ISB_CHILD_MAX = 1024,       /* endpoints of a pool, children of a policy's node */
	ISB_POLICY_SIZE_MAX = 10000 /* nodes and endpoints of a policy, unfolded */
};

void isb_catalog_init(struct isb_catalog *catalog);
void isb_catalog_done(struct isb_catalog *catalog);

/* Exact name; NULL when there is none. */
const struct isb_region *isb_catalog_region(const struct isb_catalog *catalog, const char *name);
const struct isb_check *isb_catalog_check_named(const struct isb_catalog *catalog, const char *name);
const struct isb_pool *isb_catalog_pool(const struct isb_catalog *catalog, const char *name);
/* How many of its endpoints must be usable for the pool to answer: its min_up, at least 1. */
uint32_t isb_pool_needs(const struct isb_pool *pool);
const struct isb_policy *isb_catalog_policy(const struct isb_catalog *catalog, const char *name);
const struct isb_zone *isb_catalog_zone(const struct isb_catalog *catalog, const char *name);

/* Everything that spans objects: dangling names (with the nearest valid one), a name that is both pool and policy,
 * loops, depth, geo without rules, order geo on a pool, endpoints without address or host, a nearest/latency order over
 * children without a region, two records of one owner, record owners outside their zone, types that exclude each other,
 * CNAME at an apex, records whose endpoints lack what the type is made of (host, port, text), geo rules that match
 * nothing or are never reached, pools whose min_up cannot be met, knobs that mean nothing where they stand. Adds every
 * error to diags; returns ISB_OK or ISB_EINVAL. May also look at a catalog whose reading failed, for the errors beyond. */
int isb_catalog_check(const struct isb_catalog *catalog, struct isb_diags *diags);

bool isb_record_has(const struct isb_record *record, uint16_t type);
/* True when the endpoint has what the type is made of. */
bool isb_endpoint_can(const struct isb_endpoint *endpoint, uint16_t type);
/* What uses a pool or policy, as bits that the caller gives a meaning. */
struct isb_use {
	const char *name;
	uint32_t bits;
};
/* Every pool that a use leads to gets its bits: ret_bits[catalog->npool], zero at first. Of a catalog that was checked. */
void isb_catalog_spread(const struct isb_catalog *catalog, const struct isb_use *uses, size_t count, uint32_t *ret_bits);

/* How the host of an ALIAS record is spelled where its addresses are kept: in lower case, without the final dot. False: no
 * domain name. */
bool isb_host_normal(const char *host, char out[ISB_DNAME_TEXT]);
/* The zone of the catalog that such a name lies in, or NULL. */
const struct isb_zone *isb_catalog_zone_of(const struct isb_catalog *catalog, const char *host);
