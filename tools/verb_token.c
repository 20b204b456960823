/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/web/tokens.h"

/* token: who may use the API of isobar-control (isobar/web/tokens.h). The file is replaced as a whole, so that the
 * server reads the old one or the new one. */

enum { WAIT_MS = 10000, TICK_MS = 50 };

static const char default_file[] = "/etc/isobar/tokens";

static const char *path_of(const struct cli *cli)
{
	return cli->tokens ? cli->tokens : default_file;
}

/* A file that is not there has no tokens. */
static int read_tokens(const struct cli *cli, struct isb_tokens *tokens)
{
	struct isb_diags diags = {0};
	if (access(path_of(cli), F_OK) != 0 && errno == ENOENT)
		return CLI_OK;
	int rc = isb_tokens_read(path_of(cli), &diags, tokens) == ISB_OK ? CLI_OK : cli_refuse(&diags, "tokens not read");
	isb_diags_done(&diags);
	return rc;
}

static int cannot_write(const char *path)
{
	return cli_fail(CLI_FAILED, "cannot write '%s': %s; run this as who may, or name a file: --tokens FILE", path,
	                strerror(errno));
}

/* The directory, for whoever writes next to wait for: or of two who write at once one would bring back the token that the
 * other took away. */
static int lock_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = name ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	free(name);
	for (int left_ms = WAIT_MS; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; left_ms -= TICK_MS) {
		if (errno != EWOULDBLOCK || left_ms <= 0) {
			close(fd);
			return -1;
		}
		poll(NULL, 0, TICK_MS);
	}
	return fd;
}

/* Who owns it and who may read it stays. */
static int open_beside(const char *path, const char *beside)
{
	struct stat st;
	bool there = stat(path, &st) == 0;
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (fchmod(fd, there ? st.st_mode & 07777 : 0640) != 0 ||
	    (there && fchown(fd, st.st_uid, st.st_gid) != 0 && geteuid() == 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int write_tokens(const struct cli *cli, const struct isb_tokens *tokens, int directory)
{
	struct isb_buf text = {0}, beside = {0};
	const char *path = path_of(cli);
	isb_buf_puts(&text, "# NAME ROLE sha256:SALT:SUM [expires=TIME]; see: isobar help token\n");
	for (size_t i = 0; i < tokens->count; i++)
		isb_token_print(&text, &tokens->list[i]);
	isb_buf_printf(&beside, "%s.%d", path, (int)getpid());
	int fd = open_beside(path, beside.data);
	bool written = fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len && fsync(fd) == 0;
	if (fd >= 0)
		written &= close(fd) == 0;
	int rc = written && rename(beside.data, path) == 0 && fsync(directory) == 0 ? CLI_OK : cannot_write(path);
	if (rc != CLI_OK && fd >= 0)
		unlink(beside.data);
	isb_buf_done(&text);
	isb_buf_done(&beside);
	return rc;
}

static struct isb_token *find(const struct isb_tokens *tokens, const char *name)
{
	for (size_t i = 0; i < tokens->count; i++)
		if (strcmp(tokens->list[i].name, name) == 0)
			return &tokens->list[i];
	return NULL;
}

static int add(const struct cli *cli, struct isb_tokens *tokens, int directory, const char *name)
{
	uint8_t random[ISB_TOKEN_SUM];
	char text[ISB_TOKEN_TEXT], expiry[24];
	struct isb_token token = {.name = name, .role = cli->role ? isb_role_parse(cli->role) : ISB_ROLE_NONE};
	if (!isb_token_name_ok(name))
		return cli_fail(CLI_USAGE, "'%s' is no name of a token; write 1 to 64 letters, digits and . _ @ -", name);
	if (token.role == ISB_ROLE_NONE)
		return cli_fail(CLI_USAGE, "what may '%s' do? write --role read, --role operate or --role admin", name);
	if (find(tokens, name))
		return cli_fail(CLI_FAILED, "there is a token '%s'; remove it first: isobar token remove %s", name, name);
	if (getrandom(token.salt, sizeof(token.salt), 0) != sizeof(token.salt) ||
	    getrandom(random, sizeof(random), 0) != sizeof(random))
		return cli_fail(CLI_FAILED, "the system gives no random octets: %s", strerror(errno));
	token.expires_ms = cli->expires_ms ? cli->now_ms + cli->expires_ms : 0;
	isb_token_make(&token, random, text);
	tokens->list = isb_arena_grow(&tokens->arena, tokens->list, tokens->count * sizeof(token),
	                              (tokens->count + 1) * sizeof(token));
	tokens->list[tokens->count++] = token;
	int rc = write_tokens(cli, tokens, directory);
	if (rc != CLI_OK)
		return rc;
	if (cli->json)
		cli_print_json(cli, json_pack("{s:s, s:s, s:s, s:s}", "name", name, "role", isb_role_name(token.role),
		                              "expires", isb_time_print(token.expires_ms, expiry), "token", text));
	else
		printf("%s\n", text);
	fputs("isobar: keep it now: it is shown this once, and the file has a sum of it only\n", stderr);
	return CLI_OK;
}

static int take_away(const struct cli *cli, struct isb_tokens *tokens, int directory, const char *name)
{
	struct isb_token *token = find(tokens, name);
	if (!token)
		return cli_fail(CLI_NOT_FOUND, "there is no token '%s' in '%s'; isobar token list shows them", name,
		                path_of(cli));
	*token = tokens->list[--tokens->count];
	int rc = write_tokens(cli, tokens, directory);
	if (rc == CLI_OK && cli->json)
		cli_print_json(cli, json_pack("{s:s}", "removed", name));
	else if (rc == CLI_OK)
		printf("removed token %s\n", name);
	return rc;
}

static int list(const struct cli *cli, const struct isb_tokens *tokens)
{
	static const char *const heads[] = {"NAME", "ROLE", "EXPIRES"};
	struct cli_table table;
	json_t *json = cli->json ? json_array() : NULL;
	char expiry[24];
	cli_table_init(&table, 3, heads);
	for (size_t i = 0; i < tokens->count; i++) {
		const struct isb_token *token = &tokens->list[i];
		isb_time_print(token->expires_ms, expiry);
		if (json)
			json_array_append_new(json, json_pack("{s:s, s:s, s:s}", "name", token->name, "role",
			                                      isb_role_name(token->role), "expires", expiry));
		else
			cli_table_row(&table, (const char *const[]){token->name, isb_role_name(token->role), expiry});
	}
	if (json)
		cli_print_json(cli, json);
	else
		cli_table_print(&table);
	return CLI_OK;
}

static int run(struct cli *cli)
{
	const char *what = cli->count ? cli->words[0] : "";
	struct isb_tokens tokens = {0};
	bool lists = strcmp(what, "list") == 0, adds = strcmp(what, "add") == 0, removes = strcmp(what, "remove") == 0;
	if ((!lists && !adds && !removes) || cli->count != (lists ? 1 : 2))
		return cli_fail(
			CLI_USAGE,
			"write: isobar token list, isobar token add NAME --role ROLE, or isobar token remove NAME");
	int directory = lists ? -1 : lock_directory(path_of(cli));
	if (!lists && directory < 0)
		return cannot_write(path_of(cli));
	int rc = read_tokens(cli, &tokens);
	if (rc == CLI_OK)
		rc = lists  ? list(cli, &tokens)
		     : adds ? add(cli, &tokens, directory, cli->words[1])
		            : take_away(cli, &tokens, directory, cli->words[1]);
	isb_tokens_done(&tokens);
	if (directory >= 0)
		close(directory);
	return rc;
}

const struct verb verb_token = {
	"token", "list\nadd NAME --role read|operate|admin [--expires SPAN]\nremove NAME",
	"who may use the API of isobar-control",
	"A token is printed once, when it is made; the file holds a salted sum of it. isobar-control reads the file\n"
	"again when it changes. read looks, operate also drains, forces, switches and rolls out, admin also edits.\n",
	"add grafana --role read --expires 90d", "kOX", run, CLI_MORE, "who may use the API", NULL};
