/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/yaml.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "isobar/base/err.h"

/* Built from libyaml's events rather than from its documents, so that depth and size are refused before memory is spent
 * on them, and so that an alias costs one pointer. */
struct anchor {
	const char *name;
	struct isb_yaml *node;
	size_t nodes;    /* in its tree, aliases followed */
	unsigned height; /* levels below and including the node */
	bool open;       /* its tree is still being read */
};

struct parse {
	yaml_parser_t lib;
	struct isb_arena *arena;
	struct isb_diags *diags;
	const char *text;
	size_t len;
	const char *file;
	const struct isb_mark *fixed; /* stands in for every mark */
	struct anchor *anchors;
	size_t nanchor;
	size_t nodes;
	bool failed;
};

static struct isb_mark mark_of(const struct parse *p, yaml_mark_t at)
{
	if (p->fixed)
		return *p->fixed;
	return (struct isb_mark){.file = p->file, .line = (unsigned)at.line + 1, .column = (unsigned)at.column + 1};
}

#define REFUSE(p, at, ...) ((p)->failed = true, isb_diag((p)->diags, (at), __VA_ARGS__))

/* --- Syntax errors --- */

/* libyaml gives byte errors (bad UTF-8, control characters) as an offset only. */
static yaml_mark_t mark_at_offset(const struct parse *p, size_t offset)
{
	yaml_mark_t at = {0};
	for (size_t i = 0; i < offset && i < p->len; i++) {
		at.column++;
		if (p->text[i] == '\n') {
			at.line++;
			at.column = 0;
		}
	}
	return at;
}

static bool stands_tab_at(const struct parse *p, yaml_mark_t at)
{
	const char *line = p->text, *end = p->text + p->len;
	for (size_t n = 0; n < at.line && line; n++) {
		line = memchr(line, '\n', (size_t)(end - line));
		line = line ? line + 1 : NULL;
	}
	return line && at.column < (size_t)(end - line) && line[at.column] == '\t';
}

static void say_syntax_error(struct parse *p)
{
	const yaml_parser_t *lib = &p->lib;
	const char *problem = lib->problem ? lib->problem : "unreadable";
	if (lib->error == YAML_MEMORY_ERROR)
		REFUSE(p, mark_of(p, lib->mark), "not enough memory to read this");
	else if (lib->error == YAML_READER_ERROR)
		REFUSE(p, mark_of(p, mark_at_offset(p, lib->problem_offset)), "not text in UTF-8: %s", problem);
	else if (stands_tab_at(p, lib->problem_mark))
		REFUSE(p, mark_of(p, lib->problem_mark), "a tab cannot indent YAML; write blanks instead");
	else
		REFUSE(p, mark_of(p, lib->problem_mark), "not valid YAML: %s%s%s", problem,
		       lib->context ? " " : "", lib->context ? lib->context : "");
}

static bool next(struct parse *p, yaml_event_t *event)
{
	if (yaml_parser_parse(&p->lib, event))
		return true;
	say_syntax_error(p);
	return false;
}

/* --- Anchors and aliases --- */

static struct anchor *find_anchor(struct parse *p, const char *name)
{
	for (size_t i = p->nanchor; i-- > 0;) /* a later anchor of the same name counts (YAML 1.1 §3.2.2.2) */
		if (strcmp(p->anchors[i].name, name) == 0)
			return &p->anchors[i];
	return NULL;
}

static bool add_anchor(struct parse *p, const yaml_char_t *name, struct isb_yaml *node)
{
	if (p->nanchor == ISB_YAML_ANCHORS_MAX) {
		REFUSE(p, node->mark, "more than %d anchors", ISB_YAML_ANCHORS_MAX);
		return false;
	}
	if (!p->anchors)
		p->anchors = isb_xcalloc(ISB_YAML_ANCHORS_MAX, sizeof(*p->anchors));
	p->anchors[p->nanchor++] = (struct anchor){
		.name = isb_arena_strdup(p->arena, (const char *)name), .node = node, .open = true};
	return true;
}

static bool count_nodes(struct parse *p, struct isb_mark at, size_t more)
{
	p->nodes += more;
	if (p->nodes <= ISB_YAML_NODES_MAX)
		return true;
	REFUSE(p, at, "more than %d values, aliases followed", ISB_YAML_NODES_MAX);
	return false;
}

static struct isb_yaml *follow_alias(struct parse *p, const yaml_event_t *event, unsigned depth, unsigned *ret_height)
{
	char shown[ISB_YAML_EXCERPT];
	struct isb_mark at = mark_of(p, event->start_mark);
	const char *name = isb_yaml_excerpt((const char *)event->data.alias.anchor, shown);
	struct anchor *a = find_anchor(p, (const char *)event->data.alias.anchor);
	if (!a)
		REFUSE(p, at, "unknown alias '*%s'; no '&%s' stands above", name, name);
	else if (a->open)
		REFUSE(p, at, "alias '*%s' stands inside its own anchor", name);
	else if (depth + a->height - 1 > ISB_YAML_DEPTH_MAX)
		REFUSE(p, at, "nested deeper than %d levels through alias '*%s'", ISB_YAML_DEPTH_MAX, name);
	else if (count_nodes(p, at, a->nodes)) {
		*ret_height = a->height;
		return a->node;
	}
	return NULL;
}

/* --- Nodes --- */

static struct isb_yaml *build(struct parse *p, yaml_event_t *event, unsigned depth, unsigned *ret_height);

static const char *scalar_text(struct parse *p, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	if (memchr(value, '\0', len)) {
		REFUSE(p, mark_of(p, event->start_mark), "a NUL character cannot be part of a value");
		return NULL;
	}
	return isb_arena_strndup(p->arena, value, len);
}

static struct isb_yaml *fill_scalar(struct parse *p, struct isb_yaml *node, const yaml_event_t *event)
{
	yaml_scalar_style_t style = event->data.scalar.style;
	node->kind = ISB_YAML_SCALAR;
	node->plain = style == YAML_PLAIN_SCALAR_STYLE;
	node->block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
	node->text = scalar_text(p, event);
	return node->text ? node : NULL;
}

static void *grow_list(struct isb_arena *arena, void *list, size_t count, size_t *room, size_t item)
{
	if (count < *room)
		return list;
	size_t before = *room * item;
	*room = *room ? *room * 2 : 4;
	return isb_arena_grow(arena, list, before, *room * item);
}

static struct isb_yaml *fill_list(struct parse *p, struct isb_yaml *node, unsigned depth, unsigned *height)
{
	yaml_event_t event;
	size_t room = 0;
	node->kind = ISB_YAML_LIST;
	while (next(p, &event)) {
		unsigned below = 0;
		bool end = event.type == YAML_SEQUENCE_END_EVENT;
		struct isb_yaml *item = end ? NULL : build(p, &event, depth + 1, &below);
		yaml_event_delete(&event);
		if (end)
			return node;
		if (!item)
			return NULL;
		node->items = grow_list(p->arena, node->items, node->count, &room, sizeof(*node->items));
		node->items[node->count++] = item;
		*height = below + 1 > *height ? below + 1 : *height;
	}
	return NULL;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct isb_yaml_pair *const *x = a, *const *y = b;
	int c = strcmp((*x)->key, (*y)->key);
	return c ? c : (*x > *y) - (*x < *y);
}

static void refuse_duplicates(struct parse *p, const struct isb_yaml *map)
{
	if (map->count < 2)
		return;
	const struct isb_yaml_pair **sorted = isb_xmalloc(map->count * sizeof(const struct isb_yaml_pair *));
	for (size_t i = 0; i < map->count; i++)
		sorted[i] = &map->pairs[i];
	qsort(sorted, map->count, sizeof(*sorted), compare_pairs);
	for (size_t i = 1; i < map->count; i++) {
		char shown[ISB_YAML_EXCERPT];
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
			REFUSE(p, sorted[i]->mark, "duplicate key '%s'; it was given in line %u already",
			       isb_yaml_excerpt(sorted[i]->key, shown), sorted[i - 1]->mark.line);
	}
	free(sorted);
}

static bool read_key(struct parse *p, const yaml_event_t *event, struct isb_yaml_pair *pair)
{
	struct isb_mark at = mark_of(p, event->start_mark);
	if (event->type != YAML_SCALAR_EVENT) {
		REFUSE(p, at, "a key must be plain text, not a list, a map or an alias");
		return false;
	}
	const char *key = scalar_text(p, event);
	if (!key)
		return false;
	if (event->data.scalar.anchor || event->data.scalar.tag) {
		REFUSE(p, at, "a key cannot carry an anchor or a tag");
		return false;
	}
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(key, "<<") == 0)
		REFUSE(p, at, "merge keys ('<<') are not supported; write the keys out");
	*pair = (struct isb_yaml_pair){.key = key, .mark = at};
	return true;
}

static struct isb_yaml *fill_map(struct parse *p, struct isb_yaml *node, unsigned depth, unsigned *height)
{
	yaml_event_t event;
	size_t room = 0;
	node->kind = ISB_YAML_MAP;
	while (next(p, &event)) {
		struct isb_yaml_pair pair = {0};
		unsigned below = 0;
		bool end = event.type == YAML_MAPPING_END_EVENT, ok = !end && read_key(p, &event, &pair);
		yaml_event_delete(&event);
		if (end) {
			refuse_duplicates(p, node);
			return node;
		}
		if (!ok || !next(p, &event))
			return NULL;
		pair.value = build(p, &event, depth + 1, &below);
		yaml_event_delete(&event);
		if (!pair.value)
			return NULL;
		node->pairs = grow_list(p->arena, node->pairs, node->count, &room, sizeof(*node->pairs));
		node->pairs[node->count++] = pair;
		*height = below + 1 > *height ? below + 1 : *height;
	}
	return NULL;
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT: return event->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT: return event->data.sequence_start.anchor;
	default: return event->data.mapping_start.anchor;
	}
}

static const yaml_char_t *tag_of(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT: return event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT: return event->data.sequence_start.tag;
	default: return event->data.mapping_start.tag;
	}
}

/* The node that `event` starts; NULL when the rest of the document makes no sense any more. */
static struct isb_yaml *build(struct parse *p, yaml_event_t *event, unsigned depth, unsigned *ret_height)
{
	char shown[ISB_YAML_EXCERPT];
	if (event->type == YAML_ALIAS_EVENT)
		return follow_alias(p, event, depth, ret_height);
	struct isb_mark at = mark_of(p, event->start_mark);
	if (depth > ISB_YAML_DEPTH_MAX) {
		REFUSE(p, at, "nested deeper than %d levels", ISB_YAML_DEPTH_MAX);
		return NULL;
	}
	if (tag_of(event))
		REFUSE(p, at, "tags are not supported; write the value without '%s'",
		       isb_yaml_excerpt((const char *)tag_of(event), shown));
	size_t before = p->nodes, mine = p->nanchor;
	if (!count_nodes(p, at, 1))
		return NULL;
	struct isb_yaml *node = isb_arena_alloc(p->arena, sizeof(*node));
	node->mark = at;
	bool anchored = anchor_of(event) != NULL;
	if (anchored && !add_anchor(p, anchor_of(event), node))
		return NULL;
	unsigned height = 1;
	if (event->type == YAML_SCALAR_EVENT)
		node = fill_scalar(p, node, event);
	else if (event->type == YAML_SEQUENCE_START_EVENT)
		node = fill_list(p, node, depth, &height);
	else
		node = fill_map(p, node, depth, &height);
	if (node && anchored) {
		struct anchor *a = &p->anchors[mine];
		a->nodes = p->nodes - before;
		a->height = height;
		a->open = false;
	}
	*ret_height = height;
	return node;
}

/* --- Documents --- */

/* The only document of the stream; NULL when it is empty or after an error. */
static struct isb_yaml *read_stream(struct parse *p)
{
	struct isb_yaml *root = NULL;
	bool more = true;
	for (unsigned documents = 0; more && !p->failed;) {
		yaml_event_t event;
		unsigned height;
		if (!next(p, &event))
			return NULL;
		switch (event.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT: break;
		case YAML_STREAM_END_EVENT: more = false; break;
		case YAML_DOCUMENT_START_EVENT:
			if (documents++)
				REFUSE(p, mark_of(p, event.start_mark), "more than one document; leave out the '---'");
			break;
		default: root = build(p, &event, 1, &height);
		}
		yaml_event_delete(&event);
	}
	return root;
}

static int parse(struct parse *p, struct isb_yaml **ret_root)
{
	if (!yaml_parser_initialize(&p->lib))
		return ISB_ENOMEM;
	/* Not guessed from the first octets, so that marks and offsets are those of the text at hand. */
	yaml_parser_set_encoding(&p->lib, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p->lib, (const unsigned char *)p->text, p->len);
	struct isb_yaml *root = read_stream(p);
	yaml_parser_delete(&p->lib);
	free(p->anchors);
	if (p->failed)
		return ISB_EFORMAT;
	*ret_root = root;
	return ISB_OK;
}

int isb_yaml_parse(struct isb_arena *arena, const char *file, const char *text, size_t len, struct isb_diags *diags,
                   struct isb_yaml **ret_root)
{
	struct parse p = {.arena = arena, .diags = diags, .text = text, .len = len};
	p.file = file ? isb_arena_strdup(arena, file) : NULL;
	struct isb_yaml *root = NULL;
	int rc = parse(&p, &root);
	if (rc != ISB_OK)
		return rc;
	if (!root) {
		root = isb_arena_alloc(arena, sizeof(*root));
		*root = (struct isb_yaml){.kind = ISB_YAML_MAP, .mark = {.file = p.file, .line = 1, .column = 1}};
	}
	*ret_root = root;
	return ISB_OK;
}

int isb_yaml_parse_value(struct isb_arena *arena, const char *text, struct isb_mark at, struct isb_diags *diags,
                         struct isb_yaml **ret_value)
{
	struct parse p = {.arena = arena, .diags = diags, .text = text, .len = strlen(text), .fixed = &at};
	struct isb_yaml *value = NULL;
	int rc = parse(&p, &value);
	if (rc != ISB_OK)
		return rc;
	if (!value) {
		value = isb_arena_alloc(arena, sizeof(*value));
		*value = (struct isb_yaml){.kind = ISB_YAML_SCALAR, .plain = true, .mark = at, .text = ""};
	}
	*ret_value = value;
	return ISB_OK;
}

static int read_all(FILE *in, struct isb_buf *out)
{
	char piece[65536];
	size_t n;
	while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
		isb_buf_add(out, piece, n);
	return ferror(in) ? ISB_EIO : ISB_OK;
}

int isb_yaml_parse_file(struct isb_arena *arena, const char *path, struct isb_diags *diags, struct isb_yaml **ret_root)
{
	bool standard = strcmp(path, "-") == 0;
	struct isb_buf text = {0};
	FILE *in = standard ? stdin : fopen(path, "re");
	int rc = in ? read_all(in, &text) : ISB_EIO;
	if (rc != ISB_OK)
		isb_diag(diags, (struct isb_mark){.file = path}, "cannot read this file: %s", strerror(errno));
	else
		rc = isb_yaml_parse(arena, path, isb_buf_text(&text), text.len, diags, ret_root);
	if (in && !standard)
		fclose(in);
	isb_buf_done(&text);
	return rc;
}

struct isb_yaml *isb_yaml_get(const struct isb_yaml *map, const char *key)
{
	if (!map || map->kind != ISB_YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->pairs[i].key, key) == 0)
			return map->pairs[i].value;
	return NULL;
}

bool isb_yaml_absent(const struct isb_yaml *node)
{
	if (!node)
		return true;
	return node->kind == ISB_YAML_SCALAR && node->plain &&
	       (!*node->text || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}
