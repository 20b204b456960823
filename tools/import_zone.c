/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"
#include "isobar/base/err.h"

/* A zone's ordinary records from a master file (RFC 1035), which is the whole of them. What is steered stays as it is. */

struct importing_zone {
	struct isb_catalog catalog; /* just the zone */
	struct cli_zone data;
	struct isb_diags diags;
	struct isb_buf text; /* of standard input */
};

/* "zones/example.com.zone", "example.com.db" and "example.com" are all of example.com. */
static const char *name_of(struct isb_arena *arena, const char *path)
{
	static const char *const ends[] = {".zone", ".db", ".txt"};
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t len = strlen(base);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t end = strlen(ends[i]);
		if (len > end && strcmp(base + len - end, ends[i]) == 0)
			return isb_arena_strndup(arena, base, len - end);
	}
	return base;
}

static int read_stdin(struct importing_zone *in)
{
	char piece[4096];
	for (size_t n; (n = fread(piece, 1, sizeof(piece), stdin)) > 0;)
		isb_buf_add(&in->text, piece, n);
	return ferror(stdin) ? cli_fail(CLI_FAILED, "cannot read standard input") : CLI_OK;
}

static void read_zone(struct importing_zone *in, const char *name, const char *path)
{
	static const struct isb_yaml no_fields = {.kind = ISB_YAML_MAP};
	if (isb_schema_read_object(&in->catalog, ISB_ZONE, name, &no_fields, &in->diags) != ISB_OK)
		return;
	struct isb_zone *zone = &in->catalog.zones[0];
	bool is_stdin = strcmp(path, "-") == 0;
	zone->mark = (struct isb_mark){.file = NULL}; /* the path is the shell's, not a catalog file's */
	zone->file = is_stdin ? NULL : path;
	zone->text = is_stdin ? isb_buf_text(&in->text) : NULL;
	zone->text_mark = (struct isb_mark){.file = "standard input", .line = 1};
	isb_catalog_check(&in->catalog, &in->diags);
	cli_zone_read(&in->catalog.arena, zone, &in->diags, &in->data);
}

static int put_object(void *arg, enum isb_kind kind, const char *key, const char *body)
{
	struct cli_edit *e = arg;
	return isb_edit_put_object(e->edit, kind, key, body);
}

static int change(struct cli_edit *e)
{
	struct importing_zone *in = e->arg;
	int err = isb_schema_rows(&in->catalog, put_object, e);
	if (err == ISB_OK)
		err = cli_zone_put(e->edit, &in->data);
	return err == ISB_OK ? CLI_OK : cli_unwritable(e->cli, err);
}

int import_zone(struct cli *cli)
{
	struct importing_zone in = {.text = {0}};
	if (cli->count != 2)
		return cli_fail(CLI_USAGE, "import one zone's file; write: isobar import zone FILE --zone NAME");
	if (cli->print || cli->nns || cli->soa || cli->provider)
		return cli_fail(CLI_USAGE, "a master file says all of its zone; import zone takes no --print, --ns, --soa and "
		                "--provider");
	const char *path = cli->words[1];
	bool is_stdin = strcmp(path, "-") == 0;
	if (is_stdin && !cli->zone)
		return cli_fail(CLI_USAGE, "which zone is on standard input? write: isobar import zone - --zone NAME");
	cli->files[cli->nfile++] = path; /* as one of apply, it may make a store */
	isb_catalog_init(&in.catalog);
	int rc = is_stdin ? read_stdin(&in) : CLI_OK;
	if (rc == CLI_OK)
		read_zone(&in, cli->zone ? cli->zone : name_of(&in.catalog.arena, path), path);
	if (rc == CLI_OK && in.diags.count)
		rc = cli_refuse(&in.diags, "refused, nothing was changed");
	if (rc == CLI_OK)
		rc = cli_edit(cli, change, NULL, &in);
	cli_zone_done(&in.data);
	isb_diags_done(&in.diags);
	isb_catalog_done(&in.catalog);
	isb_buf_done(&in.text);
	return rc;
}
