/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/model/model.h"

/* What one check tests, with everything the catalog left open filled in. Owns its strings, so that a check under way
 * outlives the catalog it came from.
 *
 * The endpoint's first address is tested (an endpoint of several addresses is one machine or one load balancer with
 * several families; to test each, make each an endpoint). An endpoint without an address is looked up by its host name
 * before every check, and the first address found is tested. */
struct isb_spec {
	enum isb_check_type type;
	struct isb_addr addr; /* family 0: look up `node` first */
	char *node;           /* the endpoint's host name; NULL when addr is given */
	uint16_t port;        /* the check's, else the endpoint's, else 53, 80 or 443 by type; 0: the type has none */
	char *host;           /* Host, SNI and the name on the certificate: the check's, else the endpoint's, else addr */
	char *path, *method;
	char *body;           /* NULL: any */
	char *ca_file;        /* NULL: the system's */
	char *regex;          /* NULL: any */
	char *soft_json;      /* NULL: none */
	char *service;        /* NULL: the whole server */
	struct isb_texts {
		char **list;
		size_t count;
	} headers, expect_headers, expect_json, command;
	char *endpoint;       /* "pool/endpoint", for a script; set by whoever knows it, NULL where nobody needs it */
	struct isb_spec_load { /* how the page says the endpoint's load */
		enum isb_load_format format;
		char *proxy, *server, *field, *metric, *path; /* NULL: the format has none */
		struct isb_texts labels;
		uint32_t capacity; /* the endpoint's, else the check's; 0: haproxy's own limit */
	} load;
	enum isb_http_version http;
	unsigned redirects;
	int64_t latency_ms;   /* 0: any */
	bool keep_alive, tls; /* tls: https, and grpc where it was asked for */
	bool verify;
	struct isb_span *statuses;
	size_t nstatus;
	uint8_t *send;        /* NULL: nothing */
	size_t nsend;
	char *client_cert, *client_key; /* NULL: none */
	uint8_t *alpn;        /* RFC 7301 §3.1: each protocol behind its length; NULL: none */
	size_t nalpn;
	unsigned days;        /* the certificate must be valid for; 0: not asked */
	uint8_t *question;    /* RFC 1035 §4.1.2: name, type, class; NULL: type is not dns */
	size_t nquestion;
	bool recursion;
	uint32_t rcodes;      /* wanted, a bit each */
	struct isb_addr *addresses; /* one of them must be among the answers; none: any answer */
	size_t naddress;
};

/* False when there is nothing to test: neither address nor host, or no port where the type needs one. */
bool isb_spec_init(struct isb_spec *spec, const struct isb_check *check, const struct isb_endpoint *endpoint);
void isb_spec_done(struct isb_spec *spec);
/* The same test: what was observed under one holds for the other. Capacity is no part of it. */
bool isb_spec_equal(const struct isb_spec *a, const struct isb_spec *b);
/* The same for probes that do not share memory: a number for what the catalog says of the test, knobs of state,
 * quorum and pace aside. It comes from the check's canonical text, so that a new field counts by itself and one at
 * its default does not. Equal numbers mean equal tests; different ones mostly different tests. */
uint64_t isb_spec_fingerprint(const struct isb_check *check, const struct isb_endpoint *endpoint);
/* The check says something to the server or expects something of its reply; a connection alone is not enough. */
static inline bool isb_spec_talks(const struct isb_spec *spec)
{
	return spec->nsend || spec->body;
}
bool isb_spec_status_ok(const struct isb_spec *spec, long status);
