/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "isobar/base/basenc.h"
#include "isobar/base/err.h"
#include "remote.h"

enum { FILES_MAX = 64, OCTETS_MAX = 64 << 20 };

static bool stays_inside(const char *path)
{
	if (*path == '/' || !*path)
		return false;
	for (size_t len; *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (!len || (len == 1 && *path == '.') || (len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
	}
	return true;
}

/* "../zones/catalog.yaml" → "isobar-file-1/catalog.yaml": one such name for each directory and all that is below it. */
static const char *name_there(struct remote_files *files, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash + 1 - path) : 0;
	if (stays_inside(path))
		return path;
	for (size_t i = 0; i < files->ndir; i++) {
		const struct remote_dir *dir = &files->dirs[i];
		size_t here = strlen(dir->here);
		if (strncmp(path, dir->here, here) == 0 && stays_inside(path + here))
			return isb_arena_printf(&files->arena, "%s%s", dir->there, path + here);
	}
	const char *there = isb_arena_printf(&files->arena, "isobar-file-%zu/", files->ndir + 1);
	files->dirs = isb_arena_grow(&files->arena, files->dirs, files->ndir * sizeof(files->dirs[0]),
	                             (files->ndir + 1) * sizeof(files->dirs[0]));
	files->dirs[files->ndir++] = (struct remote_dir){isb_arena_strndup(&files->arena, path, len), there};
	return isb_arena_printf(&files->arena, "%s%s", there, path + len);
}

static bool is_there(const struct remote_files *files, const char *there)
{
	size_t i;
	json_t *one;
	json_array_foreach(files->list, i, one)
		if (strcmp(json_string_value(json_object_get(one, "name")), there) == 0)
			return true;
	return false;
}

static int read_whole(const char *path, struct isb_buf *out)
{
	char piece[1 << 16];
	FILE *in = fopen(path, "re");
	if (!in)
		return cli_fail(CLI_FAILED, "cannot open '%s': %s", path, strerror(errno));
	for (size_t n; out->len <= OCTETS_MAX && (n = fread(piece, 1, sizeof(piece), in)) > 0;)
		isb_buf_add(out, piece, n);
	int rc = ferror(in)             ? cli_fail(CLI_FAILED, "cannot read '%s': %s", path, strerror(errno))
	         : out->len > OCTETS_MAX ? cli_fail(CLI_FAILED, "'%s' is too large to be sent", path)
	                                 : CLI_OK;
	fclose(in);
	return rc;
}

static const char *beside(struct remote_files *files, const char *parent, const char *path)
{
	const char *slash = strrchr(parent, '/');
	if (*path == '/' || !slash)
		return path;
	return isb_arena_printf(&files->arena, "%.*s/%s", (int)(slash - parent), parent, path);
}

/* The other side says what is wrong with a catalog; here only the files that its zones name are wanted. */
static int take_zone_files(struct remote_files *files, const char *path)
{
	struct isb_catalog catalog;
	struct isb_diags diags = {0};
	struct isb_yaml *root;
	const char *there;
	int rc = CLI_OK;
	isb_catalog_init(&catalog);
	if (isb_yaml_parse_file(&catalog.arena, path, &diags, &root) == ISB_OK)
		isb_schema_read(&catalog, root, &diags);
	for (size_t i = 0; rc == CLI_OK && i < catalog.nzone; i++)
		if (catalog.zones[i].file)
			rc = cli_remote_file(files, beside(files, path, catalog.zones[i].file), REMOTE_ZONE, &there);
	isb_catalog_done(&catalog);
	isb_diags_done(&diags);
	return rc;
}

/* Lines of "$INCLUDE FILE", which are relative to the file they are in. */
static int take_includes(struct remote_files *files, const char *path, const char *text)
{
	static const char word[] = "$INCLUDE";
	const char *there;
	int rc = CLI_OK;
	for (const char *line = text; rc == CLI_OK && line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncasecmp(line, word, sizeof(word) - 1) != 0)
			continue;
		const char *name = line + sizeof(word) - 1;
		name += strspn(name, " \t\"");
		size_t len = strcspn(name, " \t\r\n\";");
		if (len)
			rc = cli_remote_file(files, beside(files, path, isb_arena_strndup(&files->arena, name, len)),
			                     REMOTE_ZONE, &there);
	}
	return rc;
}

static void add(struct remote_files *files, const char *there, const struct isb_buf *text)
{
	struct isb_buf data = {0};
	isb_base64_encode(&data, (const uint8_t *)isb_buf_text(text), text->len);
	json_array_append_new(files->list, json_pack("{s:s, s:s}", "name", there, "data", isb_buf_text(&data)));
	isb_buf_done(&data);
}

int cli_remote_file(struct remote_files *files, const char *path, enum remote_kind kind, const char **ret_there)
{
	struct isb_buf text = {0};
	if (strcmp(path, "-") == 0) {
		files->wants_stdin = true;
		*ret_there = path;
		return CLI_OK;
	}
	if (!files->list)
		files->list = json_array();
	*ret_there = name_there(files, path);
	if (is_there(files, *ret_there))
		return CLI_OK;
	if (json_array_size(files->list) == FILES_MAX)
		return cli_fail(CLI_FAILED, "more than %d files; run this where the store is", (int)FILES_MAX);
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return CLI_OK; /* it is not there either, which is said there */
	int rc = read_whole(path, &text);
	if (rc == CLI_OK) {
		add(files, *ret_there, &text);
		rc = kind == REMOTE_CATALOG ? take_zone_files(files, path)
		     : kind == REMOTE_ZONE  ? take_includes(files, path, isb_buf_text(&text))
		                            : CLI_OK;
	}
	isb_buf_done(&text);
	return rc;
}

void cli_remote_names(const struct remote_files *files, const char *text, struct isb_buf *out)
{
	while (*text) {
		size_t i = 0;
		while (i < files->ndir && strncmp(text, files->dirs[i].there, strlen(files->dirs[i].there)) != 0)
			i++;
		if (i == files->ndir) {
			isb_buf_putc(out, *text++);
			continue;
		}
		isb_buf_puts(out, files->dirs[i].here);
		text += strlen(files->dirs[i].there);
	}
}

void cli_remote_files_done(struct remote_files *files)
{
	json_decref(files->list);
	isb_arena_done(&files->arena);
}
