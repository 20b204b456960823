/* SPDX-License-Identifier: Apache-2.0 */
#include "behalf.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "isobar/web/tokens.h"

static const char *for_whom(void)
{
	return getenv("ISOBAR_FOR");
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* What a verb needs; ISB_ROLE_COUNT: nobody may from elsewhere. */
static enum isb_role role_of(const struct cli *cli, const struct verb *verb)
{
	static const char *const reads[] = {"diff",    "check",    "export", "show", "status",
	                                    "explain", "simulate", "log",    "help", NULL};
	static const char *const operates[] = {"drain", "force", "failback", "rollout", "switch", NULL};
	static const char *const never[] = {"init", "token", "top", "completion", NULL};
	const char *first = cli->count ? cli->words[0] : "";
	if (is_one_of(verb->name, never))
		return ISB_ROLE_COUNT;
	if (is_one_of(verb->name, reads) || (strcmp(verb->name, "rollout") == 0 && strcmp(first, "status") == 0) ||
	    (strcmp(verb->name, "latency") == 0 && strcmp(first, "show") == 0))
		return ISB_ROLE_READ;
	return is_one_of(verb->name, operates) ? ISB_ROLE_OPERATE : ISB_ROLE_ADMIN;
}

static int check_role(const struct cli *cli, const struct verb *verb)
{
	const char *said = getenv("ISOBAR_FOR_ROLE");
	enum isb_role role = said ? isb_role_parse(said) : ISB_ROLE_NONE, needed = role_of(cli, verb);
	if (needed == ISB_ROLE_COUNT)
		return cli_fail(CLI_FORBIDDEN, "%s is for the machine itself; log in there and run: isobar %s",
		                verb->name, verb->name);
	if (role < needed)
		return cli_fail(CLI_FORBIDDEN, "'%s' may %s; %s needs the role %s", for_whom(), isb_role_name(role), verb->name,
		                isb_role_name(needed));
	return CLI_OK;
}

/* Relative, and never up. */
static bool is_inside(const char *path)
{
	if (*path == '/' || !*path)
		return false;
	for (size_t len; *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (len == 2 && path[0] == '.' && path[1] == '.')
			return false;
	}
	return true;
}

bool cli_behalf_may_read(const char *path)
{
	return !for_whom() || is_inside(path);
}

bool cli_behalf_has(const char *path)
{
	return !for_whom() || access(path, F_OK) == 0;
}

static int check_file(const char *path)
{
	if (strcmp(path, "-") == 0 || is_inside(path))
		return CLI_OK;
	return cli_fail(CLI_FORBIDDEN, "'%s' is a file of the server's; only files that come with the request are read",
	                path);
}

int cli_file_words(const struct cli *cli, const struct verb *verb)
{
	if (strcmp(verb->name, "simulate") == 0)
		return 0;
	if (strcmp(verb->name, "import") == 0)
		return 1; /* the first says what kind of files */
	return strcmp(verb->name, "latency") == 0 && cli->count && strcmp(cli->words[0], "import") == 0 ? 1 : -1;
}

static int check_files(const struct cli *cli, const struct verb *verb)
{
	int rc = cli->traffic ? check_file(cli->traffic) : CLI_OK, from = cli_file_words(cli, verb);
	for (size_t i = 0; rc == CLI_OK && i < cli->nfile; i++)
		rc = check_file(cli->files[i]);
	for (int i = from; rc == CLI_OK && from >= 0 && i < cli->count; i++)
		rc = check_file(cli->words[i]);
	return rc;
}

int cli_behalf_check(struct cli *cli, const struct verb *verb, const char *given)
{
	const char *store = getenv("ISOBAR_STORE");
	if (!for_whom())
		return CLI_OK;
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* when isobar-control is killed, nobody is left to end this */
	if (!cli_printable(for_whom()))
		return cli_fail(CLI_FORBIDDEN, "ISOBAR_FOR cannot be shown in a line");
	int rc = check_role(cli, verb);
	if (rc != CLI_OK)
		return rc;
	if (!store || strcmp(cli->store_dir, store) != 0 || strchr(given, 'g'))
		return cli_fail(CLI_FORBIDDEN, "the server has a store and geo databases of its own; leave out --%s",
		                strchr(given, 'g') ? "geo" : "store");
	if (strchr(given, 'A'))
		return cli_fail(CLI_FORBIDDEN, "the server knows who asks: '%s'; leave out --author", for_whom());
	if (strchr(given, 'w'))
		return cli_fail(CLI_FORBIDDEN, "--watch is for who asks to do: again and again");
	cli->author = for_whom();
	return check_files(cli, verb);
}
