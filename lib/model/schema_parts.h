/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "isobar/model/schema.h"

/* What the parts of the schema share: the tables (schema.c), reading (schema_read.c), printing (schema_print.c) and the
 * field types (schema_scalar.c, schema_http.c, schema_geo.c, schema_map.c, schema_policy.c). */

#define ISB_LEN(array) (sizeof(array) / sizeof((array)[0]))

struct isb_reading {
	struct isb_arena *arena; /* of the catalog: whatever is kept is copied there */
	struct isb_diags *diags;
	const char *file_seen, *file; /* the file name met last, and its copy */
	const uint8_t *origin;        /* wire name of the zone whose records are read */
};

struct isb_printing {
	struct isb_buf *out;
	unsigned indent; /* columns */
	bool dash;       /* the next line begins an item of a list */
	bool row;        /* fields kept outside the object's row are left out */
	const char *(*zone_text)(void *arg, const struct isb_zone *zone);
	void *arg;
};

/* A field type. Most are one scalar, or a list of such: parse() and print() are all they need. The special shapes have
 * read() and write() in their place. */
struct isb_field_how {
	/* ISB_OK; ISB_EFORMAT: the caller says what was expected; ISB_EINVAL: parse() has said so itself. */
	int (*parse)(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value);
	void (*print)(struct isb_buf *out, const struct isb_field *f, const void *value);
	/* Any node into the object. */
	void (*read)(struct isb_reading *r, const struct isb_field *f, void *object, const struct isb_yaml *node);
	/* The whole field, or nothing when it is absent. */
	void (*write)(struct isb_printing *p, const struct isb_field *f, const void *object);
};

/* schema_scalar.c, schema_http.c */
extern const struct isb_field_how isb_how_integer, isb_how_bool, isb_how_word, isb_how_choice, isb_how_text,
	isb_how_line, isb_how_path, isb_how_host, isb_how_span_ms, isb_how_span_s, isb_how_name, isb_how_quorum,
	isb_how_min_up, isb_how_answers, isb_how_priority, isb_how_status, isb_how_address, isb_how_rrtype, isb_how_alpn,
	isb_how_base64, isb_how_hex, isb_how_dname, isb_how_qtype, isb_how_span_pair, isb_how_failback,
	isb_how_header,
	isb_how_expect_header, isb_how_metric, isb_how_label, isb_how_json, isb_how_json_path, isb_how_regex;
/* A control character, a line end among them. */
bool isb_has_control(const char *text);
/* What an octet length in `range` allows, copied to the catalog. */
int isb_text_parse(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node, void *value);
void isb_text_print(struct isb_buf *out, const struct isb_field *f, const void *value);
/* True when the list of words `range` ("GET, HEAD") holds `word`. */
bool isb_range_has(const char *range, const char *word);
/* schema_geo.c */
extern const struct isb_field_how isb_how_location, isb_how_net, isb_how_asn, isb_how_city, isb_how_subdivision,
	isb_how_country;
/* schema_map.c */
extern const struct isb_field_how isb_how_endpoints, isb_how_records, isb_how_zone_text;
/* schema_policy.c */
extern const struct isb_field_how isb_how_of, isb_how_rules, isb_how_use;

/* schema.c: how orders are spelled, by enum isb_order_id; NULL-terminated */

/* --- Reading --- */

/* The map's fields over the presets; `what` names the object in sentences. */
void isb_read_fields(struct isb_reading *r, const struct isb_field *fields, size_t count, void *object,
                     const struct isb_yaml *map, const char *what);
void isb_read_presets(struct isb_reading *r, const struct isb_field *fields, size_t count, void *object);
/* Says what the field takes and what stands there instead. */
void isb_say_expected(struct isb_reading *r, const struct isb_field *f, const struct isb_yaml *node);
struct isb_mark isb_keep_mark(struct isb_reading *r, struct isb_mark mark);
/* Names of regions, checks, pools, policies and endpoints go into keys, paths and command lines. */
bool isb_read_name(struct isb_reading *r, const char *name, struct isb_mark at, const char *what, bool dots);
/* schema_check.c: what one field of a check alone does not show. `body` is the map that was read. */
void isb_read_check_rest(struct isb_reading *r, const struct isb_check *check, const struct isb_yaml *body);
void isb_read_policy(struct isb_reading *r, struct isb_policy *policy, const struct isb_yaml *body);
void isb_read_record(struct isb_reading *r, struct isb_record *record, struct isb_mark at, const struct isb_yaml *body);

/* --- Printing --- */

void isb_print_fields(struct isb_printing *p, const struct isb_field *fields, size_t count, const void *object);
/* Indentation, or the dash of a list's item in its place. */
void isb_print_indent(struct isb_printing *p);
void isb_print_key(struct isb_printing *p, const char *key); /* with the colon */
/* The fields as the value of a key just printed, or as an item of a list. "{}" when all are absent. */
void isb_print_map(struct isb_printing *p, const struct isb_field *fields, size_t count, const void *object);
/* Items as the value of a key just printed: on one line where they fit, else one per line. */
void isb_print_list(struct isb_printing *p, size_t count,
                    void (*item)(struct isb_buf *out, const void *arg, size_t i), const void *arg);

/* --- The catalog's lists (model.c) --- */

/* A zeroed object of the kind with its name copied, at the end of its list. Not for records. */
void *isb_catalog_append(struct isb_catalog *catalog, enum isb_kind kind, const char *name);
struct isb_record *isb_zone_append(struct isb_arena *arena, struct isb_zone *zone, const char *owner);
/* The object of that name, or NULL; every object begins with its name and mark. */
const void *isb_catalog_find(const struct isb_catalog *catalog, enum isb_kind kind, const char *name);
size_t isb_catalog_count(const struct isb_catalog *catalog, enum isb_kind kind);
const void *isb_catalog_at(const struct isb_catalog *catalog, enum isb_kind kind, size_t i);
