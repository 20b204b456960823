/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "../../lib/view/compile.h"
#include "fuzz.h"
#include "isobar/base/err.h"
#include "isobar/model/schema.h"
#include "isobar/steer/steer.h"

/* Input: a catalog as YAML. Every line that begins "#set " is an edit of it as the CLI makes them: "#set FIELD=VALUE", or
 * "#set FIELD" to take the field away. */

static struct isb_buf print(const struct isb_catalog *catalog)
{
	struct isb_buf out = {0};
	isb_schema_print(&out, catalog, NULL, NULL);
	return out;
}

static bool same_text(const struct isb_buf *a, const struct isb_buf *b)
{
	return strcmp(isb_buf_text(a), isb_buf_text(b)) == 0;
}

static void must_be_fine(int rc, const struct isb_diags *diags)
{
	if (rc != ISB_OK)
		isb_diags_print(diags, stderr);
	MUST(rc == ISB_OK && diags->count == 0);
}

/* What is printed is read, means the same to the checks, and prints the same. */
static void check_document(const struct isb_buf *text)
{
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_yaml *root = NULL;
	struct isb_catalog catalog;
	isb_catalog_init(&catalog);
	must_be_fine(isb_yaml_parse(&arena, "printed", isb_buf_text(text), text->len, &diags, &root), &diags);
	must_be_fine(isb_schema_read(&catalog, root, &diags), &diags);
	must_be_fine(isb_catalog_check(&catalog, &diags), &diags);
	struct isb_buf again = print(&catalog);
	MUST(same_text(&again, text));
	isb_buf_done(&again);
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	isb_arena_done(&arena);
}

/* One row of the store: read as an object of its own, it gives the same row. */
struct row {
	enum isb_kind kind;
	const char *key, *body;
	bool seen;
};

static int compare_row(void *arg, enum isb_kind kind, const char *key, const char *body)
{
	struct row *row = arg;
	if (kind != row->kind || strcmp(key, row->key) != 0)
		return 0;
	MUST(strcmp(body, row->body) == 0);
	row->seen = true;
	return 0;
}

static int check_row(void *arg, enum isb_kind kind, const char *key, const char *body)
{
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_yaml *root = NULL;
	struct isb_catalog catalog;
	struct row row = {.kind = kind, .key = key, .body = body};
	const struct isb_catalog *from = arg;
	isb_catalog_init(&catalog);
	must_be_fine(isb_yaml_parse(&arena, key, body, strlen(body), &diags, &root), &diags);
	for (size_t i = 0; kind == ISB_RECORD && i < from->nzone; i++) { /* its zone comes first */
		struct isb_yaml nothing = {.kind = ISB_YAML_MAP};
		must_be_fine(isb_schema_read_object(&catalog, ISB_ZONE, from->zones[i].name, &nothing, &diags), &diags);
	}
	must_be_fine(isb_schema_read_object(&catalog, kind, key, root, &diags), &diags);
	isb_schema_rows(&catalog, compare_row, &row);
	MUST(row.seen);
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	isb_arena_done(&arena);
	return 0;
}

static uint32_t next_slot(void *arg, const char *pool, const char *endpoint)
{
	uint32_t *next = arg;
	MUST(*pool && *endpoint);
	return (*next)++;
}

static bool too_wide(const struct isb_policy_node *node)
{
	bool wide = node->nchild > ISB_CHILD_MAX;
	for (size_t i = 0; i < node->nchild && !wide; i++)
		wide = node->children[i].node && too_wide(node->children[i].node);
	return wide;
}

/* What the checks let pass, the server can compile; but for nodes with very many children, which it may refuse. */
static void compile(const struct isb_catalog *catalog)
{
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_compile_record *records = NULL;
	struct isb_compiled made;
	uint32_t slot = 0;
	size_t count = 0;
	bool wide = false;
	for (size_t i = 0; i < catalog->npool; i++)
		wide |= catalog->pools[i].nendpoint > ISB_CHILD_MAX;
	for (size_t i = 0; i < catalog->npolicy; i++)
		wide |= too_wide(catalog->policies[i].root);
	for (size_t i = 0; i < catalog->nzone; i++)
		count += catalog->zones[i].nrecord;
	records = isb_arena_alloc(&arena, count * sizeof(*records));
	struct isb_cells *cells = isb_cells_new(NULL, 0);
	isb_cells_seal(cells);
	struct isb_compile_in in = {.arena = &arena, .catalog = catalog, .latencies = isb_latencies_new(&arena, catalog, cells),
	                            .records = records, .slot = next_slot, .slot_arg = &slot};
	for (size_t i = 0; i < catalog->nzone; i++)
		for (size_t k = 0; k < catalog->zones[i].nrecord; k++) {
			const struct isb_record *record = &catalog->zones[i].records[k];
			records[in.nrecord++] = (struct isb_compile_record){.name = record->owner, .record = record};
		}
	int rc = isb_compile(&in, &diags, &made);
	if (rc != ISB_OK && !wide)
		isb_diags_print(&diags, stderr);
	MUST(rc == ISB_OK || (wide && diags.count > 0));
	if (rc == ISB_OK) {
		for (size_t i = 0; i < made.nmap; i++)
			isb_tree_map_release(made.maps[i]);
		free(made.plan);
	}
	isb_cells_release(cells);
	isb_diags_done(&diags);
	isb_arena_done(&arena);
}

static void check_tree(const struct isb_yaml *root)
{
	struct isb_diags diags = {0};
	struct isb_catalog catalog;
	isb_catalog_init(&catalog);
	int rc = isb_schema_read(&catalog, root, &diags);
	MUST((rc == ISB_OK) == (diags.count == 0));
	bool sound = isb_catalog_check(&catalog, &diags) == ISB_OK && rc == ISB_OK;
	MUST(sound == (diags.count == 0));
	if (sound) { /* no other is ever stored, and so printed */
		struct isb_buf text = print(&catalog);
		compile(&catalog);
		check_document(&text);
		isb_schema_rows(&catalog, check_row, &catalog);
		isb_buf_done(&text);
	}
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
}

static const struct isb_yaml *at_path(const struct isb_yaml *map, const char *field)
{
	char key[256];
	for (;;) {
		size_t len = strcspn(field, ".");
		if (len >= sizeof(key))
			return NULL;
		memcpy(key, field, len);
		key[len] = '\0';
		map = isb_yaml_get(map, key);
		if (!map || !field[len])
			return map;
		field += len + 1;
	}
}

static void edit(struct isb_arena *arena, struct isb_yaml *root, char *line)
{
	struct isb_diags diags = {0};
	struct isb_mark at = {.file = "an edit"};
	char *equals = strchr(line, '=');
	if (equals)
		*equals = '\0';
	int rc = isb_yaml_set(arena, root, line, equals ? equals + 1 : NULL, at, &diags);
	MUST((rc == ISB_OK) == (diags.count == 0));
	if (rc == ISB_OK)
		MUST(strlen(line) > 200 || (at_path(root, line) != NULL) == (equals != NULL));
	isb_diags_done(&diags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_yaml *root = NULL;
	int rc = isb_yaml_parse(&arena, "input", (const char *)data, size, &diags, &root);
	MUST((rc == ISB_OK) == (diags.count == 0) && (rc == ISB_OK) == (root != NULL));
	if (rc == ISB_OK) {
		bool edited = false;
		char *text = isb_arena_strndup(&arena, (const char *)data, size), *rest = text, *line;
		check_tree(root);
		while ((line = strsep(&rest, "\n")) && root->kind == ISB_YAML_MAP)
			if (strncmp(line, "#set ", 5) == 0) {
				edit(&arena, root, line + 5);
				edited = true;
			}
		if (edited)
			check_tree(root);
	}
	isb_diags_done(&diags);
	isb_arena_done(&arena);
	return 0;
}
