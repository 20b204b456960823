/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "isobar/base/addr.h"
#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/base/diag.h"

/* A small HTTP/1.1 server (RFC 9110, 9112) inside a program: the only door to libmicrohttpd. One thread accepts, counts
 * and ends what takes too long; every connection has a thread of its own, so that a handler may wait without holding up
 * others. All of it is bounded: connections, those of one address, octets of a head and of a body, the time for both,
 * the time for reading an answer. Nothing here knows routes, users or formats. */

/* --- Where to listen --- */

struct isb_web_listen {
	struct isb_addr addr; /* family 0: a unix socket */
	uint16_t port;        /* 0: any that is free; see isb_web_port() */
	const char *path;     /* of a unix socket, "--socket" in sentences; NULL: none */
	mode_t mode;          /* of the path */
	bool tls;             /* never for unix sockets */
	bool optional;        /* left out where the machine does not have the address */
};
enum { ISB_WEB_LISTEN_TEXT = ISB_ADDR_TEXT + 8 };

/* "127.0.0.1:8053", "[::1]:8053"; a port is needed. The rest of *ret_listen is zero. ISB_EFORMAT; ISB_ERANGE: the port
 * is not in 1..65535. */
int isb_web_listen_parse(const char *text, struct isb_web_listen *ret_listen);
char *isb_web_listen_print(const struct isb_addr *addr, uint16_t port, char out[ISB_WEB_LISTEN_TEXT]);

/* --- Requests --- */

struct isb_web_peer {
	struct isb_addr addr; /* family 0: came over a unix socket, from this process: */
	uid_t uid;
	gid_t gid;
	bool tls;
};

struct isb_web_pair {
	const char *name, *value;
};

struct isb_web_request {
	const char *method;           /* as sent; GET for HEAD as well: the body is left out below */
	const char *path;             /* as sent, still percent-encoded, without the query */
	const struct isb_web_pair *query; /* decoded, in their order */
	size_t nquery;
	const char *body;             /* followed by a NUL that does not count; "" when there is none */
	size_t body_len;
	struct isb_web_peer peer;
	struct isb_arena *arena;      /* lives as long as the request */
	struct isb_web_exchange *exchange; /* the server's own; NULL: it came from none, and has no fields */
};

/* The first of that name, or NULL. Names of header fields are taken without regard to case. */
const char *isb_web_query(const struct isb_web_request *request, const char *name);
const char *isb_web_header(const struct isb_web_request *request, const char *name);
/* Whoever asked went away, or the server is being stopped. For handlers that wait: the socket is to be polled
 * (POLLRDHUP) and for nothing else. */
int isb_web_socket(const struct isb_web_request *request);
bool isb_web_gone(const struct isb_web_request *request);

/* Undoes percent-encoding (RFC 3986 §2.1); with `plus` also "+" for a blank, as queries have it. NULL when it is
 * malformed or holds a NUL. */
char *isb_web_decode(struct isb_arena *arena, const char *text, size_t len, bool plus);

/* --- Replies --- */

enum { ISB_WEB_FIELDS = 16 };

/* The handler finds it empty: status 200, no body. */
struct isb_web_reply {
	unsigned status;
	const char *type;     /* Content-Type; lives as long as the request. NULL: none */
	struct isb_buf body;
	const void *fixed;    /* in place of `body`: octets that outlive the server */
	size_t fixed_len;
	struct isb_web_pair fields[ISB_WEB_FIELDS];
	size_t nfield;
	/* In place of both: called again and again until it returns 0, the end; may wait. It gives up to `max` octets
	 * and how many they are. `stream_done` is called once in any case. */
	size_t (*stream)(void *arg, char *out, size_t max);
	void (*stream_done)(void *arg);
	void *stream_arg;
};

/* Both live as long as the request. Past ISB_WEB_FIELDS, and what holds a line feed, is left out. */
void isb_web_field(struct isb_web_reply *reply, const char *name, const char *value);
/* The reply becomes application/problem+json (RFC 9457) with this detail, which is escaped. Fields stay. */
void isb_web_problem(struct isb_web_reply *reply, unsigned status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* 404; and 405 with the methods that there are, "GET, HEAD". */
void isb_web_not_found(struct isb_web_reply *reply, const struct isb_web_request *request);
void isb_web_not_allowed(struct isb_web_reply *reply, const char *allow);
/* "Not Found"; never NULL. */
const char *isb_web_reason(unsigned status);
/* A string with its quotes as JSON has it; what is not UTF-8 becomes U+FFFD. */
void isb_web_json(struct isb_buf *out, const char *text);

/* Called with the whole request, by several threads at once. */
typedef void isb_web_handler(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply);
/* Called with the head of a request that has a body, so that nothing is kept of what strangers send. False: the reply is
 * made, and is sent once the body has come, of which nothing is kept; the handler is not called then. */
typedef bool isb_web_admit(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply);

/* --- The server --- */

/* PEM, both; the chain begins with the server's own certificate. */
struct isb_web_tls {
	const char *cert, *key;
};

struct isb_web_options {
	const struct isb_web_listen *listen;
	size_t nlisten;
	const struct isb_web_tls *tls; /* needed where one of `listen` asks for it */
	unsigned connections;  /* at most, of all together; 0: 64 */
	unsigned per_address;  /* of one IPv4 address or IPv6 /64; 0: 16 */
	size_t head_max;       /* octets of a request's line and fields, and of an answer's; 0: 16 KiB */
	size_t body_max;       /* octets; 0: no body is taken */
	isb_web_admit *admit;  /* with the handler's `arg`; NULL: every body is taken */
	int64_t patience_ms;   /* for the whole request, and for the next one; 0: 15 s */
	int64_t reading_ms;    /* for reading an answer, streams excepted; 0: 60 s */
};

struct isb_web;
/* Listens and serves. ISB_EIO with a diag. Texts of `options` are needed no longer. */
int isb_web_new(const struct isb_web_options *options, isb_web_handler *handler, void *arg, struct isb_diags *diags,
                struct isb_web **ret_web);
/* Connections are ended and handlers waited for; those who wait find that the other side has gone. Streams must have
 * been told before. NULL is fine. */
void isb_web_free(struct isb_web *web);
/* Another certificate for connections to come; those that are open keep theirs. On failure everything stays. */
int isb_web_set_tls(struct isb_web *web, const struct isb_web_tls *tls, struct isb_diags *diags);
/* The port of the first of `listen` that is an address; 0: there is none. */
uint16_t isb_web_port(const struct isb_web *web);
