/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/view/zonefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "rrtext.h"
#include "zonefile_parts.h"

enum { FILE_SIZE_MAX = 1 << 30 };

void isb_zonedata_init(struct isb_zonedata *data)
{
	*data = (struct isb_zonedata){0};
}

void isb_zonedata_done(struct isb_zonedata *data)
{
	isb_arena_done(&data->arena);
	isb_zonedata_init(data);
}

/* NULL, or why the file cannot be read. Only regular files: a FIFO would wait and a device never end. */
static const char *read_all(int fd, struct isb_buf *out)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	if (st.st_size > FILE_SIZE_MAX)
		return "larger than 1 GiB; split it with $INCLUDE";
	for (;;) {
		char chunk[65536];
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strerror(errno);
		if (n == 0)
			return NULL;
		if (out->len + (size_t)n > FILE_SIZE_MAX)
			return "it grows while it is read";
		isb_buf_add(out, chunk, (size_t)n);
	}
}

static int read_file(const char *path, const char *shown, struct isb_mark at, struct isb_diags *diags,
                     struct isb_buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *why = read_all(fd, out);
	if (fd >= 0)
		close(fd);
	if (!why)
		return ISB_OK;
	isb_diag(diags, at, "cannot read '%s': %s", shown, why);
	return ISB_EIO;
}

void isb_zone_read_text(struct isb_zone_reader *reader, struct isb_zone_source *source, const char *text, size_t len,
                        struct isb_mark at)
{
	struct isb_lexer lexer = isb_lexer(text, len, at);
	struct isb_entry entry = {0};
	for (int rc; (rc = isb_lex(&lexer, &entry, reader->diags)) != 0;)
		if (rc > 0)
			isb_zone_entry(reader, source, &entry);
	isb_entry_done(&entry);
}

/* The directory part of `path`, with its slash; "" when there is none. */
static int dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (int)(slash - path) + 1 : 0;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || (len && dir[len - 1] == '/'));
}

static bool is_open(const struct isb_zone_source *source, const char *real_path)
{
	for (; source; source = source->parent)
		if (strcmp(source->real_path, real_path) == 0)
			return true;
	return false;
}

/* Why this file may not be included here, or NULL. */
static const char *refusal(const struct isb_zone_reader *reader, const struct isb_zone_source *parent,
                           const char *real_path)
{
	if (!is_below(real_path, reader->top_dir))
		return "it is outside the directory of the zone's file; move it there";
	if (is_open(parent, real_path))
		return "it includes itself";
	if (parent->depth == ISB_INCLUDE_DEPTH)
		return "more than 8 files deep; include it from a file further up";
	if (reader->includes == ISB_INCLUDES_MAX)
		return "more than 10000 $INCLUDEs in one zone";
	return NULL;
}

void isb_zone_include(struct isb_zone_reader *reader, const struct isb_zone_source *parent,
                      const struct isb_token *path, const uint8_t *origin)
{
	struct isb_zone_source source = *parent;
	struct isb_arena *arena = &reader->records.arena;
	char *name = isb_arena_alloc(arena, path->len + 1);
	int len = isb_token_octets(path, (uint8_t *)name, path->len);
	if (len <= 0 || strlen(name) != (size_t)len) {
		isb_diag(reader->diags, path->mark, "this is not a file name");
		return;
	}
	source.parent = parent;
	source.depth++;
	source.file =
		*name == '/' ? name : isb_arena_printf(arena, "%.*s%s", dir_len(parent->file), parent->file, name);
	if (origin)
		memcpy(source.origin, origin, isb_dname_len(origin));
	char *real_path = realpath(source.file, NULL);
	const char *why = real_path ? refusal(reader, parent, real_path) : strerror(errno);
	struct isb_buf text = {0};
	if (why) {
		isb_diag(reader->diags, path->mark, "cannot include '%s': %s", source.file, why);
	} else if (read_file(real_path, source.file, path->mark, reader->diags, &text) == ISB_OK) {
		reader->includes++;
		source.real_path = real_path;
		isb_zone_read_text(reader, &source, isb_buf_text(&text), text.len,
		                   (struct isb_mark){.file = source.file});
	}
	isb_buf_done(&text);
	free(real_path);
}

static size_t problems(const struct isb_diags *diags)
{
	return diags->count + diags->dropped;
}

static int read_zone(struct isb_zone_source *source, const char *top_dir, const char *text, size_t len,
                     struct isb_mark at, const uint8_t *apex, struct isb_diags *diags, struct isb_zonedata *ret_data)
{
	struct isb_zone_reader reader = {.apex = apex, .top_dir = top_dir, .diags = diags};
	struct isb_zonedata data = {0};
	size_t before = problems(diags);
	memcpy(source->origin, apex, isb_dname_len(apex));
	reader.rdata = isb_xmalloc(ISB_RDATA_ROOM);
	isb_zone_read_text(&reader, source, text, len, at);
	size_t errors = problems(diags) - before;
	errors += isb_zone_assemble(&reader.records, apex, at, diags, &data);
	free(reader.rdata);
	isb_zone_records_done(&reader.records);
	if (errors) {
		isb_zonedata_done(&data);
		return ISB_EINVAL;
	}
	*ret_data = data;
	return ISB_OK;
}

int isb_zonefile_read(const char *path, const uint8_t *apex, struct isb_diags *diags, struct isb_zonedata *ret_data)
{
	struct isb_mark at = {.file = path};
	struct isb_buf text = {0};
	struct isb_zone_source source = {.file = path};
	char *real_path = realpath(path, NULL);
	char *top_dir = NULL;
	int rc = read_file(path, path, (struct isb_mark){0}, diags, &text);
	if (rc == ISB_OK && !real_path) {
		isb_diag(diags, (struct isb_mark){0}, "cannot read '%s': it went away", path);
		rc = ISB_EIO;
	}
	if (rc == ISB_OK) {
		int len = dir_len(real_path);
		top_dir = strndup(real_path, len > 1 ? (size_t)len - 1 : 1);
		source.real_path = real_path;
		rc = read_zone(&source, top_dir, isb_buf_text(&text), text.len, at, apex, diags, ret_data);
	}
	free(top_dir);
	free(real_path);
	isb_buf_done(&text);
	return rc;
}

int isb_zonetext_read(const char *text, size_t len, struct isb_mark at, const uint8_t *apex, struct isb_diags *diags,
                      struct isb_zonedata *ret_data)
{
	struct isb_zone_source source = {.file = at.file};
	return read_zone(&source, NULL, text, len, at, apex, diags, ret_data);
}

static int parse_rdata(uint16_t type, const char *rdata, const uint8_t *origin, struct isb_mark at,
                       struct isb_diags *diags, struct isb_writer *out)
{
	struct isb_lexer lexer = isb_lexer_fixed(rdata, strlen(rdata), at);
	struct isb_entry entry = {0};
	int rc = isb_lex(&lexer, &entry, diags);
	if (rc >= 0) {
		struct isb_rdata_text text = {type, entry.tokens, rc ? entry.count : 0, origin, at};
		struct isb_entry more = {0};
		rc = isb_rdata_parse(&text, diags, out);
		if (rc == ISB_OK && isb_lex(&lexer, &more, diags) != 0) {
			isb_diag(diags, at, "one record's rdata goes on one line; group lines in parentheses");
			rc = ISB_EINVAL;
		}
		isb_entry_done(&more);
	}
	isb_entry_done(&entry);
	return rc == ISB_OK ? ISB_OK : ISB_EINVAL;
}

int isb_rrset_parse(struct isb_arena *arena, uint16_t type, uint32_t ttl_s, const char *const *rdata, size_t count,
                    const uint8_t *origin, struct isb_mark at, struct isb_diags *diags, struct isb_rrset **ret_set)
{
	struct isb_zone_records records = {0};
	uint8_t *room = isb_xmalloc(ISB_RDATA_ROOM);
	char shown[ISB_TYPE_TEXT];
	isb_type_print(type, shown);
	size_t before = problems(diags);
	if (!isb_type_is_data(type))
		isb_diag(diags, at, "type %s cannot be stored; it exists in questions only", shown);
	if (ttl_s > INT32_MAX)
		isb_diag(diags, at, "a TTL is at most 2147483647 seconds (RFC 2181 §8)");
	if (count == 0)
		isb_diag(diags, at, "an rrset of %s needs at least one record", shown);
	for (size_t i = 0; i < count; i++) {
		struct isb_writer w = isb_writer(room, ISB_RDATA_ROOM);
		if (parse_rdata(type, rdata[i], origin, at, diags, &w) == ISB_OK)
			isb_zone_records_add(
				&records, &(struct isb_zone_record){
						  .rdata = room, .len = (uint16_t)w.pos, .type = type, .ttl_s = ttl_s});
	}
	struct isb_rrset *set = NULL;
	if (problems(diags) == before) {
		set = isb_zone_pack(arena, records.list, records.count);
		if (!set)
			isb_diag(diags, at, "these %zu records of %s do not fit into one message; use fewer", count,
			         shown);
	}
	isb_zone_records_done(&records);
	free(room);
	if (!set)
		return ISB_EINVAL;
	*ret_set = set;
	return ISB_OK;
}

void isb_rrset_print(struct isb_buf *out, const uint8_t *owner, const struct isb_rrset *set)
{
	char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	const uint8_t *at = set->rdata;
	isb_dname_print(owner, name);
	isb_type_print(set->type, type);
	for (unsigned i = 0; i < set->count; i++) {
		uint16_t len;
		const uint8_t *rdata = isb_rdata_next(&at, &len);
		isb_buf_printf(out, "%s %u IN %s ", name, set->ttl_s, type);
		isb_rdata_print(out, set->type, rdata, len);
		isb_buf_putc(out, '\n');
	}
}
