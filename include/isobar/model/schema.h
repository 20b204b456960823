/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "isobar/base/buf.h"
#include "isobar/model/model.h"
#include "isobar/model/yaml.h"

/* One table says what can be set: per kind of object its fields with name, type, range, default, unit and help. File,
 * CLI, API, manual and stored rows all go through it, so a new option is one row here and the code that reads it.
 * Kinds are spelled as the store and the CLI name them. */
const char *isb_kind_name(enum isb_kind kind);   /* "region", … */
const char *isb_kind_plural(enum isb_kind kind); /* "regions", … the key in YAML */
int isb_kind_parse(const char *text, enum isb_kind *ret_kind); /* singular or plural; ISB_EFORMAT */

/* One field. The texts are the truth for machines too: range and preset are read with the field's own reader. */
struct isb_field {
	const char *name;   /* the YAML key, `expect.status` for nested ones */
	const char *type;   /* for people: "integer", "duration", "list of addresses", "name of a region" */
	const char *range;  /* "0..65535", "majority, any, …", or NULL */
	const char *preset; /* default as it would be written, or NULL when there is none */
	const char *unit;   /* or NULL */
	const char *help;   /* one sentence */
	bool required;
	/* How lib/model reads and prints the field, and where its value stands in the object. */
	const struct isb_field_how *how;
	size_t offset, size;      /* of the value, or of the pointer to a list and of one item */
	size_t count_at;          /* offset of a list's count; 0: not a list */
	unsigned most;            /* items in a list; 0: any number */
	const char *const *words; /* of an enum, by value; NULL-terminated */
	bool outside;             /* kept beside the object's row, not in it */
	const char *only;         /* "http, https": the types of check that read the field; NULL: all of them */
};
/* The fields of a kind. Returns how many. */
size_t isb_fields(enum isb_kind kind, const struct isb_field **ret_fields);
/* Of the maps inside a pool's `endpoints:`, a policy's `of:` and a policy's `rules:`. */
size_t isb_endpoint_fields(const struct isb_field **ret_fields);
size_t isb_child_fields(const struct isb_field **ret_fields);
size_t isb_rule_fields(const struct isb_field **ret_fields);

/* A whole catalog from a parsed document, appended to `catalog`. Unknown keys, duplicate names, wrong types and ranges
 * are added to diags with file, line, column and the nearest valid word; goes on to the end, so that every error is
 * listed. Does not look across objects: isb_catalog_check() does. Returns ISB_OK or ISB_EINVAL. */
int isb_schema_read(struct isb_catalog *catalog, const struct isb_yaml *root, struct isb_diags *diags);

/* One object from its row: `name` is its key ("zone/owner" for a record, whose zone must be there already), `body` the
 * map of its fields. */
int isb_schema_read_object(struct isb_catalog *catalog, enum isb_kind kind, const char *name,
                           const struct isb_yaml *body, struct isb_diags *diags);

/* The body of one object as canonical YAML in block style (lists of scalars that fit one line in flow style), two
 * spaces per level, fields in the table's order, values at their default left out, ending in a newline; "{}\n" when
 * nothing is left. What this prints, isb_schema_read_object() reads back to the same. A zone's body leaves out records,
 * file and text. */
void isb_schema_print_check(struct isb_buf *out, const struct isb_check *check);
void isb_schema_print_policy(struct isb_buf *out, const struct isb_policy *policy);
void isb_schema_print_record(struct isb_buf *out, const struct isb_record *record);
/* By kind; `object` is the struct above. */
void isb_schema_print_object(struct isb_buf *out, enum isb_kind kind, const void *object);
/* The whole catalog as one YAML document. `zone_text`, when not NULL, gives a zone's master-file text to print as
 * `text: |` (NULL result: none) in place of the zone's own `file` or `text`. */
void isb_schema_print(struct isb_buf *out, const struct isb_catalog *catalog,
                      const char *(*zone_text)(void *arg, const struct isb_zone *zone), void *arg);

/* Calls `row` for every object of the catalog in the store's terms: kind, key, canonical body. Stops at the first
 * result that is not 0 and returns it. */
int isb_schema_rows(const struct isb_catalog *catalog,
                    int (*row)(void *arg, enum isb_kind kind, const char *key, const char *body), void *arg);

/* CLI edits work on the body's tree: sets `field` ("weight", "expect.status", "endpoints.icn-1.weight") of `body` to
 * the scalar or flow-style YAML `value`, or takes the field away when value is NULL. Only syntax is checked here;
 * reading the object back checks the rest. Maps on the way are made where they are missing. New nodes come from `arena`, marked
 * with `at`; nodes that the old tree shares through aliases are copied first. Returns ISB_OK, ISB_EINVAL, or
 * ISB_ENOTFOUND when there is nothing to take away. */
int isb_yaml_set(struct isb_arena *arena, struct isb_yaml *body, const char *field, const char *value,
                 struct isb_mark at, struct isb_diags *diags);
