/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"

enum {
	STRANGERS = 256,    /* addresses whose wrong tokens are remembered */
	DELAY_FIRST_MS = 100, DELAY_MAX_MS = 3000, FORGET_MS = 60000,
	IPV6_CLIENT_BITS = 64, PASSWD_MAX = 4096,
};

struct stranger {
	struct isb_net net;
	unsigned failures;
	int64_t last_ms; /* monotonic */
};

struct isb_guard {
	const struct isb_control_options *options;
	pthread_mutex_t lock;
	struct isb_tokens tokens;
	struct stat seen; /* the file as it was last read */
	struct stranger strangers[STRANGERS];
	uint64_t failures;
};

/* --- The file ---------------------------------------------------------------------------------------------------- */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void log_diags(const struct isb_diags *diags)
{
	for (size_t i = 0; i < diags->count; i++)
		isb_log(ISB_LOG_ERROR, "tokens-refused", "file=%s line=%u reason=\"%s\"",
		        diags->list[i].at.file ? diags->list[i].at.file : "-", diags->list[i].at.line, diags->list[i].text);
}

/* Under the lock. A file that is gone or wrong leaves the tokens that were read before, and is told of once. */
static void look(struct isb_guard *guard)
{
	struct stat now = {0};
	struct isb_diags diags = {0};
	const char *path = guard->options->tokens;
	if (!path || (stat(path, &now), same_file(&now, &guard->seen)))
		return;
	guard->seen = now;
	if (isb_tokens_read(path, &diags, &guard->tokens) == ISB_OK)
		isb_log(ISB_LOG_INFO, "tokens-read", "file=\"%s\" tokens=%zu", path, guard->tokens.count);
	log_diags(&diags);
	isb_diags_done(&diags);
}

int isb_guard_new(const struct isb_control_options *options, struct isb_diags *diags, struct isb_guard **ret_guard)
{
	struct isb_guard *guard = isb_xcalloc(1, sizeof(*guard));
	guard->options = options;
	pthread_mutex_init(&guard->lock, NULL);
	int rc = ISB_OK;
	if (options->tokens) {
		stat(options->tokens, &guard->seen); /* reading says what is wrong with it */
		rc = isb_tokens_read(options->tokens, diags, &guard->tokens);
	}
	if (rc != ISB_OK) {
		isb_guard_free(guard);
		return rc;
	}
	*ret_guard = guard;
	return ISB_OK;
}

void isb_guard_free(struct isb_guard *guard)
{
	if (!guard)
		return;
	isb_tokens_done(&guard->tokens);
	pthread_mutex_destroy(&guard->lock);
	free(guard);
}

uint64_t isb_guard_failures(struct isb_guard *guard)
{
	pthread_mutex_lock(&guard->lock);
	uint64_t failures = guard->failures;
	pthread_mutex_unlock(&guard->lock);
	return failures;
}

/* --- Tokens ------------------------------------------------------------------------------------------------------ */

/* Under the lock: one more failure from there; how long its answer has to wait. */
static int note_failure(struct isb_guard *guard, const struct isb_addr *addr)
{
	struct isb_net net = isb_net_around(addr, addr->family == 6 ? IPV6_CLIENT_BITS : 32);
	struct stranger *oldest = &guard->strangers[0], *at = NULL;
	int64_t now = isb_monotonic_us() / 1000;
	for (size_t i = 0; i < STRANGERS && !at; i++) {
		struct stranger *one = &guard->strangers[i];
		if (one->failures && one->net.len == net.len && isb_addr_equal(&one->net.addr, &net.addr))
			at = one;
		else if (one->last_ms < oldest->last_ms)
			oldest = one;
	}
	if (!at || now - at->last_ms > FORGET_MS) {
		at = at ? at : oldest;
		*at = (struct stranger){.net = net};
	}
	at->last_ms = now;
	guard->failures++;
	unsigned shift = at->failures++;
	return shift < 5 ? DELAY_FIRST_MS << shift : DELAY_MAX_MS;
}

static bool refuse(struct isb_web_reply *reply, const char *challenge, const char *why)
{
	isb_web_problem(reply, 401, "%s", why);
	isb_web_field(reply, "WWW-Authenticate", challenge);
	return false;
}

static bool identify_token(struct isb_guard *guard, const struct isb_web_request *request, struct isb_identity *ret_who,
                           struct isb_web_reply *reply)
{
	const char *field = isb_web_header(request, "Authorization");
	char text[ISB_ADDR_TEXT];
	if (!guard->options->tokens)
		return refuse(reply, "Bearer", "nobody can ask over HTTP: isobar-control was started without --tokens FILE");
	if (!field || strncasecmp(field, "Bearer ", 7) != 0)
		return refuse(reply, "Bearer", "who asks? send a token: Authorization: Bearer isb_...");
	pthread_mutex_lock(&guard->lock);
	look(guard);
	const struct isb_token *token = isb_tokens_find(&guard->tokens, field + 7, isb_clock_ms());
	int delay_ms = token ? 0 : note_failure(guard, &request->peer.addr);
	if (token) {
		snprintf(ret_who->name, sizeof(ret_who->name), "%s", token->name);
		ret_who->role = token->role;
	}
	pthread_mutex_unlock(&guard->lock);
	if (token)
		return true;
	isb_log(ISB_LOG_WARNING, "auth-failed", "from=%s delay_ms=%d", isb_addr_print(&request->peer.addr, text), delay_ms);
	poll(NULL, 0, delay_ms);
	return refuse(reply, "Bearer error=\"invalid_token\"",
	              "this token is not in the file of tokens, or has expired; make one with: isobar token add");
}

/* --- The unix socket --------------------------------------------------------------------------------------------- */

static void identify_user(const struct isb_guard *guard, uid_t uid, struct isb_identity *ret_who)
{
	char room[PASSWD_MAX];
	struct passwd pw, *found = NULL;
	bool known = getpwuid_r(uid, &pw, room, sizeof(room), &found) == 0 && found;
	if (known)
		snprintf(ret_who->name, sizeof(ret_who->name), "%s", found->pw_name);
	else
		snprintf(ret_who->name, sizeof(ret_who->name), "uid-%u", (unsigned)uid);
	ret_who->role = uid == 0 || uid == geteuid() ? ISB_ROLE_ADMIN : guard->options->socket_role;
}

bool isb_guard_identify(struct isb_guard *guard, const struct isb_web_request *request, struct isb_identity *ret_who,
                        struct isb_web_reply *reply)
{
	if (request->peer.addr.family)
		return identify_token(guard, request, ret_who, reply);
	identify_user(guard, request->peer.uid, ret_who);
	return true;
}

/* --- Names of ours ------------------------------------------------------------------------------------------------ */

static bool names_loopback(const char *host, size_t len)
{
	char text[ISB_ADDR_TEXT];
	struct isb_addr addr;
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	return strcasecmp(text, "localhost") == 0 ||
	       (isb_addr_parse(text, &addr) == ISB_OK && isb_control_is_loopback(&addr));
}

bool isb_guard_host_ok(const struct isb_guard *guard, const struct isb_web_request *request)
{
	const char *host = isb_web_header(request, "Host");
	if (!request->peer.addr.family || request->peer.tls)
		return true; /* no browser comes there; no certificate fits another name */
	if (!host)
		return true; /* HTTP/1.0, which no browser speaks */
	const char *bracket = host[0] == '[' ? strchr(host, ']') : NULL;
	size_t len = bracket ? (size_t)(bracket + 1 - host) : strcspn(host, ":");
	if (names_loopback(host, len))
		return true;
	for (size_t i = 0; i < guard->options->nhost; i++)
		if (strlen(guard->options->hosts[i]) == len && strncasecmp(guard->options->hosts[i], host, len) == 0)
			return true;
	return false;
}
