/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

#include "isobar/base/addr.h"
#include "isobar/import/octodns.h"
#include "isobar/model/rr.h"

/* One name of a zone. */
struct octodns_owner {
	struct isb_octodns_zone *zone;
	const char *text; /* as in the zone's text and records: relative, "@" for the zone itself */
	const char *fqdn; /* without the final dot, for the names of objects */
	struct isb_mark mark;
};

/* One record of a name, before its values are read. */
struct octodns_record {
	const struct octodns_owner *owner;
	const struct isb_yaml *yaml;
	const char *type;
	const struct isb_yaml *type_node;
	const struct isb_yaml *healthcheck; /* octodns.healthcheck or NULL */
	const char *ttl;
	struct isb_mark ttl_mark;
	bool lenient;
};

/* --- dynamic: --- */

enum octodns_status { OCTODNS_OBEY, OCTODNS_UP, OCTODNS_DOWN };
struct octodns_value {
	const char *text;
	const char *twin; /* of the AAAA record beside an A record; or NULL */
	struct isb_mark mark;
	unsigned weight;
	enum octodns_status status;
};
struct octodns_pool {
	const char *id;
	struct isb_mark mark;
	struct octodns_value *values;
	size_t nvalue;
	const struct isb_yaml *fallback_node;
	size_t fallback;  /* its index; OCTODNS_NONE: the record's values */
	const char *unit; /* name of the pool or policy that stands for it; NULL: it can never answer */
};
struct octodns_geo {
	const char *code, *continent, *country, *province; /* NULL: not said */
	struct isb_mark mark;
	bool dead; /* an earlier rule takes all of it */
};
struct octodns_subnet {
	const char *text;
	struct isb_net net;
	struct isb_mark mark;
	bool dead;
};
struct octodns_rule {
	struct isb_mark mark;
	size_t pool;
	struct octodns_geo *geos;
	struct octodns_subnet *subnets;
	size_t ngeo, nsubnet;
	bool catchall, dead;
};
struct octodns_dynamic {
	const struct octodns_record *record;
	struct octodns_pool *pools;
	struct octodns_rule *rules;
	size_t npool, nrule;
};
#define OCTODNS_NONE SIZE_MAX

/* octodns_dynamic.c: false after saying why. */
bool isb_octodns_read_dynamic(struct isb_octodns *o, const struct octodns_record *record, const struct isb_yaml *yaml,
                              struct octodns_dynamic *ret_dynamic);
/* octodns_steer.c: `second` is the AAAA record beside an A record, or NULL. */
void isb_octodns_steer(struct isb_octodns *o, struct octodns_dynamic *first, const struct octodns_dynamic *second);
/* A name's ALIAS record: the one endpoint that it names. */
void isb_octodns_alias(struct isb_octodns *o, const struct octodns_record *record, const struct isb_yaml *target);

/* octodns_record.c */
void isb_octodns_read_name(struct isb_octodns *o, const struct octodns_owner *owner, const struct isb_yaml *yaml);

/* octodns_rdata.c: how values of a type are written. */
struct octodns_type;
const struct octodns_type *isb_octodns_type(const char *name); /* NULL: octoDNS has none of this name */
const char *isb_octodns_type_near(const char *name);
bool isb_octodns_type_single(const struct octodns_type *type); /* one value only, as CNAME */
/* Appends one rdata; false after saying why. */
bool isb_octodns_rdata(struct isb_octodns *o, const struct octodns_type *type, const struct isb_yaml *value,
                       struct isb_buf *out);
/* A name as octoDNS writes targets, absolute; NULL after saying why. */
const char *isb_octodns_target(struct isb_octodns *o, const struct isb_yaml *node, const char *what);

/* octodns_tree.c: the catalog's tree. Maps and lists grow; keys and texts are kept as they are, not copied. */
struct isb_yaml *isb_octodns_map(struct isb_octodns *o, struct isb_mark at);
struct isb_yaml *isb_octodns_list(struct isb_octodns *o, struct isb_mark at);
struct isb_yaml *isb_octodns_text(struct isb_octodns *o, const char *text, struct isb_mark at);
void isb_octodns_put(struct isb_octodns *o, struct isb_yaml *map, const char *key, struct isb_mark at,
                     struct isb_yaml *value);
void isb_octodns_put_text(struct isb_octodns *o, struct isb_yaml *map, const char *key, const char *text,
                          struct isb_mark at);
void isb_octodns_append(struct isb_octodns *o, struct isb_yaml *list, struct isb_yaml *item);
/* A name that an object can have and that is not among the `taken`, as near to the words as can be:
 * "www.example.com-asia". The same words in the same file give the same name, so that a second import changes nothing.
 */
const char *isb_octodns_name(struct isb_octodns *o, struct isb_map *taken, const char *fqdn, const char *pool,
                             const char *value);
/* The same for an endpoint, among those of `pool` (its map of endpoints). */
const char *isb_octodns_endpoint_name(struct isb_octodns *o, const struct isb_yaml *endpoints, const char *value);

/* octodns_record.c: reading. All say what is wrong. */
bool isb_octodns_is_map(struct isb_octodns *o, const struct isb_yaml *node, const char *what);
bool isb_octodns_is_list(struct isb_octodns *o, const struct isb_yaml *node, const char *what);
/* The text of a scalar; NULL when it is absent, no scalar, or empty. */
const char *isb_octodns_scalar(struct isb_octodns *o, const struct isb_yaml *node, struct isb_mark at,
                               const char *what);
/* `words` is NULL-terminated. */
bool isb_octodns_keys(struct isb_octodns *o, const struct isb_yaml *map, const char *const *words, const char *what);
bool isb_octodns_number(struct isb_octodns *o, const struct isb_yaml *node, const char *what, unsigned min,
                        unsigned max, unsigned *ret_number);
