/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "isobar/base/arena.h"
#include "isobar/base/buf.h"
#include "isobar/base/diag.h"

/* The only door to libyaml. A document becomes a tree of untyped nodes with marks; typing is the schema's business, so
 * the country NO stays Norway. Refused with a mark: syntax errors, duplicate keys, keys that are not scalars, merge
 * keys ("<<"), tags, more than one document, depth over 64, more than ISB_YAML_NODES_MAX nodes once aliases are
 * followed. JSON is YAML. */

enum isb_yaml_kind { ISB_YAML_SCALAR, ISB_YAML_LIST, ISB_YAML_MAP };
enum { ISB_YAML_DEPTH_MAX = 64, ISB_YAML_NODES_MAX = 10000000, ISB_YAML_ANCHORS_MAX = 1000 };

struct isb_yaml {
	enum isb_yaml_kind kind;
	bool plain; /* a scalar without quotes or block style: "null", "~" and "" then mean absent */
	bool block; /* a scalar in block style ("|", ">"): its text begins on the line below the mark */
	struct isb_mark mark;
	const char *text; /* scalar: NUL-terminated (a NUL inside is refused) */
	size_t count;     /* list: items; map: pairs */
	struct isb_yaml **items;
	struct isb_yaml_pair {
		const char *key;
		struct isb_mark mark;
		struct isb_yaml *value;
	} *pairs;
};

/* `file` names the source in marks and is copied into the arena. An empty document gives an empty map. An aliased node
 * stands in the tree once, with several parents. Returns ISB_OK or ISB_EFORMAT. */
int isb_yaml_parse(struct isb_arena *arena, const char *file, const char *text, size_t len, struct isb_diags *diags,
                   struct isb_yaml **ret_root);
/* Reads the whole file ("-" is standard input); the error names it. ISB_EIO when it cannot be read. */
int isb_yaml_parse_file(struct isb_arena *arena, const char *path, struct isb_diags *diags, struct isb_yaml **ret_root);

/* One value, as on a command line: every node is marked `at`, and nothing at all is a plain "". */
int isb_yaml_parse_value(struct isb_arena *arena, const char *text, struct isb_mark at, struct isb_diags *diags,
                         struct isb_yaml **ret_value);

struct isb_yaml *isb_yaml_get(const struct isb_yaml *map, const char *key); /* NULL when absent or not a map */

bool isb_yaml_absent(const struct isb_yaml *node); /* NULL or a plain null */

/* A scalar as YAML text: bare when it reads back as itself here and is no boolean to readers that guess types, else in
 * double quotes. `text` is UTF-8, as everything that was parsed. */
void isb_yaml_quote(struct isb_buf *out, const char *text);
/* The same for readers that guess every type: what may be a number or a date to them goes into quotes, too. */
void isb_yaml_quote_string(struct isb_buf *out, const char *text);
/* Text as `|` block whose lines stand `indent` columns in, two more than their key: from the "|" up to the last
 * newline, which the caller adds. What a block cannot hold goes into double quotes. */
void isb_yaml_block(struct isb_buf *out, const char *text, unsigned indent);

/* Foreign text for use in a sentence: cut after 40 octets, control characters replaced; returns out. */
enum { ISB_YAML_EXCERPT = 48 };
char *isb_yaml_excerpt(const char *text, char out[ISB_YAML_EXCERPT]);
