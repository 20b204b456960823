/* SPDX-License-Identifier: Apache-2.0 */
#include "scripts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"

struct isb_script {
	struct isb_scripts *scripts;
	TAILQ_ENTRY(isb_script) link;
	uint64_t id;
	const struct isb_script_user *user; /* NULL: cancelled, but the helper has not said yet that it ended */
	void *arg;
	struct isb_buf message; /* while it waits */
};
TAILQ_HEAD(list, isb_script);

struct isb_scripts {
	struct isb_helper helper; /* fd -1: gone */
	uv_poll_t poll;
	struct list running, waiting;
	unsigned nrunning;
	uint64_t last_id;
};

static void forget(struct list *list, struct isb_script *script)
{
	TAILQ_REMOVE(list, script, link);
	isb_buf_done(&script->message);
	free(script);
}

static void tell(struct list *list, struct isb_script *script, const struct isb_script_end *end)
{
	const struct isb_script_user *user = script->user;
	void *arg = script->arg;
	forget(list, script);
	if (user)
		user->ended(arg, end);
}

/* Has the first that waits run. False: there is no room now; an answer makes room. */
static bool advance(struct isb_scripts *s)
{
	struct isb_script *script = TAILQ_FIRST(&s->waiting);
	if (!script || s->nrunning == ISB_SCRIPTS_MAX)
		return false;
	if (send(s->helper.fd, script->message.data, script->message.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false; /* where the helper is gone, its socket's end says so soon */
	isb_buf_done(&script->message);
	TAILQ_REMOVE(&s->waiting, script, link);
	TAILQ_INSERT_TAIL(&s->running, script, link);
	s->nrunning++;
	return true;
}

static void advance_all(struct isb_scripts *s)
{
	for (struct isb_script *script; (script = TAILQ_FIRST(&s->waiting)) && advance(s);)
		script->user->begun(script->arg);
}

static void dismiss(struct isb_scripts *s)
{
	uv_poll_stop(&s->poll);
	close(s->helper.fd);
	s->helper.fd = -1;
}

static void on_gone(struct isb_scripts *s)
{
	const struct isb_script_end lost = {.how = ISB_SCRIPT_LOST};
	dismiss(s);
	int status = isb_helper_wait(&s->helper);
	bool killed = WIFSIGNALED(status);
	isb_log(ISB_LOG_ERROR, "script-helper-gone", "%s=%d reason=\"no script is run until the probe is started again\"",
	        killed ? "signal" : "status", killed ? WTERMSIG(status) : WEXITSTATUS(status));
	while (!TAILQ_EMPTY(&s->running))
		tell(&s->running, TAILQ_FIRST(&s->running), &lost);
	while (!TAILQ_EMPTY(&s->waiting))
		tell(&s->waiting, TAILQ_FIRST(&s->waiting), &lost);
}

static void take_answer(struct isb_scripts *s, const void *message, size_t len)
{
	struct isb_script_end end;
	struct isb_script *script;
	if (isb_script_end_read(message, len, &end) != ISB_OK)
		return;
	TAILQ_FOREACH(script, &s->running, link) {
		if (script->id == end.id) {
			s->nrunning--;
			tell(&s->running, script, &end);
			return;
		}
	}
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
	struct isb_scripts *s = poll->data;
	struct isb_script_end message;
	ssize_t n = 0;
	(void)events;
	while (status == 0 && (n = recv(s->helper.fd, &message, sizeof(message), MSG_DONTWAIT)) > 0)
		take_answer(s, &message, (size_t)n);
	if (status != 0 || n == 0 || (errno != EAGAIN && errno != EINTR))
		on_gone(s);
	else
		advance_all(s);
}

struct isb_scripts *isb_scripts_new(uv_loop_t *loop, const struct isb_helper *helper)
{
	struct isb_scripts *s = isb_xcalloc(1, sizeof(*s));
	s->helper = *helper;
	TAILQ_INIT(&s->running);
	TAILQ_INIT(&s->waiting);
	uv_poll_init(loop, &s->poll, helper->fd); /* a socket that nobody else looks at: it cannot fail */
	s->poll.data = s;
	uv_poll_start(&s->poll, UV_READABLE, on_answer);
	return s;
}

void isb_scripts_close(struct isb_scripts *scripts)
{
	if (!scripts)
		return;
	if (scripts->helper.fd >= 0) {
		dismiss(scripts);
		isb_helper_wait(&scripts->helper);
	}
	while (!TAILQ_EMPTY(&scripts->running))
		forget(&scripts->running, TAILQ_FIRST(&scripts->running));
	uv_close((uv_handle_t *)&scripts->poll, NULL);
}

void isb_scripts_free(struct isb_scripts *scripts)
{
	free(scripts);
}

int isb_script_start(struct isb_scripts *scripts, struct isb_script_ask *ask, const struct isb_script_user *user,
                     void *arg, struct isb_script **ret_script, bool *ret_waits)
{
	bool first = TAILQ_EMPTY(&scripts->waiting);
	if (scripts->helper.fd < 0)
		return ISB_EIO;
	ask->id = ++scripts->last_id;
	struct isb_script *script = isb_xcalloc(1, sizeof(*script));
	*script = (struct isb_script){.scripts = scripts, .id = ask->id, .user = user, .arg = arg};
	isb_script_ask_write(&script->message, ask);
	TAILQ_INSERT_TAIL(&scripts->waiting, script, link);
	*ret_waits = !first || !advance(scripts);
	*ret_script = script;
	return ISB_OK;
}

void isb_script_cancel(struct isb_script *script)
{
	struct isb_scripts *s = script->scripts;
	const struct isb_script_ask ask = {.id = script->id};
	struct isb_buf message = {0};
	if (script->message.len) {
		forget(&s->waiting, script);
		return;
	}
	isb_script_ask_write(&message, &ask);
	/* A message that finds no room is no harm: the script's own deadline ends it. */
	(void)!send(s->helper.fd, message.data, message.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	isb_buf_done(&message);
	script->user = NULL;
}
