/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/model/health.h"

/* Decisions are data: the flat tables that policies compile to and queries are answered from. One block, little
 * effort to read: offsets are 32 bits from its start, nothing in it is a pointer, every object is 8-aligned, so that
 * another executor (a program in the kernel) can run the very same bytes. It is built by view/compile and never
 * written again; health words and admin words live outside it.
 *
 *   record ──(class of the client, from the geo map)──> node ──> children (nodes or endpoints), best rank first
 *                                                  └──> list: the same decision ready to be read, where it is that plain (list.h)
 *
 * Compilation removes everything that depends on the client: order geo, nearest and latency become *ranks* of a node's
 * children, one plan per class of clients. What is left to a query is to take ranks in order, set aside what cannot
 * answer, and draw by weight among equals.
 *
 * A struct isb_plan is a block that isb_plan_check() found good: everything that one part of it says of another is proven
 * then, and readers follow it without another look. What comes from outside (the number of a record, a client's class, a
 * slot) is looked at each time. */

enum { ISB_PLAN_MAGIC = 0x69736231, ISB_PLAN_VERSION = 5 }; /* "isb1" */
enum { ISB_NO_MAP = 0xffffffff, ISB_NO_NODE = 0xffffffff, ISB_NO_LIST = 0, ISB_NO_VIEWPOINT = 0xffffffff };
enum { ISB_PLAN_DEPTH_MAX = 18 }; /* policies nest to 16, then the pool, then its endpoints */

struct isb_plan {
	uint32_t magic, version;
	uint32_t size;                 /* octets of the block, this header included */
	uint32_t record, nrecord;      /* struct isb_plan_record[nrecord]; by the number kept in the name's node */
	uint32_t endpoint, nendpoint;  /* struct isb_plan_endpoint[nendpoint] */
	uint32_t nmap;                 /* geo maps the records refer to, kept beside this block */
	uint32_t nrotor;               /* counters of nodes of order rotate, one for each type; kept by each worker */
	uint32_t viewpoint, nviewpoint; /* uint32_t[nviewpoint]: offsets of the names of regions whose probes order fastest asks */
	uint32_t pad;
};

/* Types a record can answer. The number is also the index of the rdata in an endpoint. ALIAS is no type of the DNS: its
 * rdata is a name, as CNAME's, whose addresses answer A and AAAA. */
enum isb_plan_type {
	ISB_PLAN_A, ISB_PLAN_AAAA, ISB_PLAN_SRV, ISB_PLAN_CNAME, ISB_PLAN_MX, ISB_PLAN_TXT, ISB_PLAN_SVCB, ISB_PLAN_HTTPS,
	ISB_PLAN_ALIAS, ISB_PLAN_TYPES
};

struct isb_plan_record {
	uint32_t name;      /* offset of text "zone/owner" with its NUL, for explain; 0: this number is not in use */
	uint32_t types;     /* bit 1 << isb_plan_type */
	uint32_t ttl_s, ttl_min_s;
	uint32_t all_down;  /* enum isb_all_down */
	uint32_t map;       /* index of the geo map, or ISB_NO_MAP when no answer depends on the client */
	uint32_t classes, nclass; /* struct isb_plan_class[nclass]; one without a map */
	uint32_t listed;    /* of A and AAAA, as in `types`: those that the record answers with addresses of its own, and lists
	                     * may decide for some class */
	uint32_t pad;
};
/* What is decided for the clients of one class. Records of one policy share these. */
struct isb_plan_class {
	uint32_t node;      /* offset of the root node, or ISB_NO_NODE */
	uint32_t list[2];   /* A, AAAA: offset of what list.h says of that node, or ISB_NO_LIST */
};

enum { /* flags */
	ISB_NODE_POOL = 1,     /* children are endpoints */
	ISB_NODE_SPREAD = 2,   /* pool: endpoints of one answer lie in different regions where possible */
	ISB_NODE_ROLLOUT = 8,  /* two children, old and new; param is the offset of a struct isb_plan_rollout (rollout.h) */
	ISB_NODE_STRAIGHT = 16, /* policy: every child has a rank of its own, and the ranks say everything */
	ISB_NODE_ONE_DRAW = 32, /* pool: its endpoints are of one rank, and one of them, drawn by weight, is the answer */
	ISB_NODE_HASH_NAME = 4 /* hash: the key is the name that was asked for, not the client */
};
struct isb_plan_node {
	uint32_t name;      /* offset of the pool's or policy's name ("" for one written in place) */
	uint16_t order;     /* enum isb_order_id: how equals are drawn; the ranks say the rest */
	uint16_t flags;
	uint32_t nchild;
	uint32_t answers;   /* pool: endpoints in one answer, 0: all */
	uint32_t min_up;    /* pool: usable endpoints it takes to answer, already a count */
	uint32_t param;     /* rotate: number of its first counter, plus isb_plan_type; hash: seed; fastest: index of its
	                     * viewpoint, or ISB_NO_VIEWPOINT; rollout: offset of what rollout.h says */
	uint8_t trickle;    /* failover: per cent of answers for which the next rank is tried first */
	uint8_t hash_ipv4, hash_ipv6; /* hash: bits of the client that make its key */
	uint8_t below_ipv4, below_ipv6; /* the most bits of a client that this node or one below it makes a key of; 0: none */
	uint8_t pad[3];
	struct isb_plan_child {
		uint32_t ref;    /* node: offset of a node; pool: index of an endpoint */
		uint32_t key;    /* hash of the child's name: the same in every view and on every node */
		uint16_t rank;   /* ascending; equal ranks are drawn among */
		uint16_t weight;
		/* pool: what judging the endpoint takes, so that a pool is weighed by one run over 24 octets each; else 0 */
		uint32_t slot, region;
		uint32_t flags;  /* ISB_CHILD_ */
	} child[];
};
enum {
	ISB_CHILD_CHECKED = 1,  /* as `checked` of the endpoint */
	ISB_CHILD_INTRICATE = 2 /* more than a health word decides: it starts slowly, may wait, or is `unresolved` */
};

/* Enough of an endpoint to answer with it, rdata already in the form of struct isb_rrset.rdata. */
struct isb_plan_endpoint {
	uint32_t name;     /* offset of "pool/endpoint" */
	uint32_t slot;     /* of its health word and admin word */
	uint32_t region;   /* offset of the region's name, 0: none */
	uint8_t checked;   /* 0: no check, so always up unless an operator says otherwise */
	uint8_t unknown;   /* enum isb_unknown */
	uint8_t pad[2];
	uint32_t failback_ms;   /* after a recovery it waits for so long; 0: not at all */
	uint32_t slow_start_ms; /* after a recovery the weight grows from nothing to the whole in this time; 0: at once */
	struct isb_plan_rdata {
		uint32_t offset; /* of the first length + octets */
		uint16_t count, size; /* 0: has none of this type */
	} rdata[ISB_PLAN_TYPES];
	/* Of the name that ALIAS gives, as a probe resolved it last: A and AAAA. Until when that holds moves without a new
	 * plan, so it stands outside, in a table of the view. */
	struct isb_plan_rdata resolved[2];
	uint32_t host;       /* place in that table + 1; 0: nothing is known of the name */
	uint32_t unresolved; /* the name is not ours and has no address yet or any more: nothing for ALIAS to choose */
};

enum { ISB_PLAN_FAILBACK_MANUAL = 0xffffffff }; /* failback_ms: until an operator says so */
/* Which of ISB_NODE_STRAIGHT and ISB_NODE_ONE_DRAW are true of a node. */
uint16_t isb_plan_shape(const struct isb_plan_node *node);
/* What a pool's child repeats of its endpoint; key, rank and weight are the pool's to add. */
static inline struct isb_plan_child isb_plan_candidate(uint32_t index, const struct isb_plan_endpoint *endpoint)
{
	uint32_t flags = (endpoint->checked ? ISB_CHILD_CHECKED : 0u) |
	                 (endpoint->slow_start_ms || endpoint->failback_ms || endpoint->unresolved ? ISB_CHILD_INTRICATE : 0u);
	return (struct isb_plan_child){.ref = index, .slot = endpoint->slot, .region = endpoint->region, .flags = flags};
}

/* How long an answer may be kept: no longer than until the earliest flip of anything looked at, seconds or ISB_FLIP_NONE. */
static inline uint32_t isb_plan_ttl(const struct isb_plan_record *record, uint32_t flip_s)
{
	uint32_t soonest = flip_s > record->ttl_min_s ? flip_s : record->ttl_min_s;
	return flip_s == ISB_FLIP_NONE || soonest > record->ttl_s ? record->ttl_s : soonest;
}

/* Those of a record's types that lists may answer: A and AAAA, where no name of another host comes before them. */
static inline uint32_t isb_plan_listable(uint32_t types)
{
	const uint32_t names = 1u << ISB_PLAN_CNAME | 1u << ISB_PLAN_ALIAS;
	return types & names ? 0 : types & (1u << ISB_PLAN_A | 1u << ISB_PLAN_AAAA);
}

int isb_plan_type_of(uint16_t rrtype);            /* index or -1; ISB_ALIAS is one here */
uint16_t isb_plan_type_rr(enum isb_plan_type type); /* ISB_A, … */

/* Everything that readers rely on: once after building, and on any block from elsewhere before it is a plan. */
bool isb_plan_check(const void *block, size_t size);

static inline const void *isb_plan_at(const struct isb_plan *plan, uint32_t offset)
{
	return (const uint8_t *)plan + offset;
}
/* NULL when there is none of this number. */
static inline const struct isb_plan_record *isb_plan_record(const struct isb_plan *plan, uint32_t number)
{
	const struct isb_plan_record *records = isb_plan_at(plan, plan->record);
	return number < plan->nrecord ? &records[number] : NULL;
}
/* Of a pool's child, or any below nendpoint. */
static inline const struct isb_plan_endpoint *isb_plan_endpoint(const struct isb_plan *plan, uint32_t index)
{
	const struct isb_plan_endpoint *endpoints = isb_plan_at(plan, plan->endpoint);
	return &endpoints[index];
}
/* Of a policy's child. */
static inline const struct isb_plan_node *isb_plan_node(const struct isb_plan *plan, uint32_t offset)
{
	return isb_plan_at(plan, offset);
}
/* NULL for a class that the record does not have. */
static inline const struct isb_plan_class *isb_plan_class(const struct isb_plan *plan, const struct isb_plan_record *record,
                                                          uint32_t cls)
{
	const struct isb_plan_class *classes = isb_plan_at(plan, record->classes);
	return cls < record->nclass ? &classes[cls] : NULL;
}
/* Root node of a record for a class, or NULL. */
static inline const struct isb_plan_node *isb_plan_root(const struct isb_plan *plan, const struct isb_plan_record *record,
                                                        uint32_t cls)
{
	const struct isb_plan_class *of = isb_plan_class(plan, record, cls);
	return of && of->node != ISB_NO_NODE ? isb_plan_node(plan, of->node) : NULL;
}
/* "" for an offset that leads to no text. */
const char *isb_plan_text(const struct isb_plan *plan, uint32_t offset);
/* Name of a viewpoint's region, or "". */
const char *isb_plan_viewpoint(const struct isb_plan *plan, uint32_t number);
/* Octets that begin `count` rdata items. */
static inline const uint8_t *isb_plan_rdata(const struct isb_plan *plan, const struct isb_plan_rdata *rdata)
{
	return isb_plan_at(plan, rdata->offset);
}
