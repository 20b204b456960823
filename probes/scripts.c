/* SPDX-License-Identifier: Apache-2.0 */
#include "scripts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"

struct isb_scripts {
	struct isb_helper helper; /* fd -1: gone */
	uv_poll_t poll;
	struct isb_script *first;
	uint64_t last_id;
};

struct isb_script {
	struct isb_scripts *scripts;
	struct isb_script *next, **link;
	uint64_t id;
	isb_script_ended *ended;
	void *arg;
};

static void forget(struct isb_script *script)
{
	*script->link = script->next;
	if (script->next)
		script->next->link = script->link;
	free(script);
}

static void tell(struct isb_script *script, const struct isb_script_end *end)
{
	isb_script_ended *ended = script->ended;
	void *arg = script->arg;
	forget(script);
	ended(arg, end);
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
	isb_log(ISB_LOG_ERROR, "script-helper-gone", "%s=%d no script is run until the probe is started again",
	        killed ? "signal" : "status", killed ? WTERMSIG(status) : WEXITSTATUS(status));
	while (s->first)
		tell(s->first, &lost);
}

static void on_answer(uv_poll_t *poll, int status, int events)
{
	struct isb_scripts *s = poll->data;
	struct isb_script_end end;
	ssize_t n = 0;
	(void)events;
	while (status == 0 && (n = recv(s->helper.fd, &end, sizeof(end), MSG_DONTWAIT)) > 0) {
		struct isb_script *script = s->first;
		while (script && script->id != end.id)
			script = script->next;
		if (script && isb_script_end_read(&end, (size_t)n, &end) == ISB_OK)
			tell(script, &end);
	}
	if (status != 0 || n == 0 || (errno != EAGAIN && errno != EINTR))
		on_gone(s);
}

int isb_scripts_new(uv_loop_t *loop, const struct isb_helper *helper, struct isb_scripts **ret_scripts)
{
	struct isb_scripts *s = isb_xcalloc(1, sizeof(*s));
	s->helper = *helper;
	int rc = uv_poll_init(loop, &s->poll, helper->fd);
	if (rc != 0) {
		free(s);
		return rc;
	}
	s->poll.data = s;
	uv_poll_start(&s->poll, UV_READABLE, on_answer);
	*ret_scripts = s;
	return 0;
}

void isb_scripts_close(struct isb_scripts *scripts)
{
	if (!scripts)
		return;
	if (scripts->helper.fd >= 0) {
		dismiss(scripts);
		isb_helper_wait(&scripts->helper);
	}
	uv_close((uv_handle_t *)&scripts->poll, NULL);
}

void isb_scripts_free(struct isb_scripts *scripts)
{
	free(scripts);
}

int isb_script_start(struct isb_scripts *scripts, struct isb_script_ask *ask, isb_script_ended *ended, void *arg,
                     struct isb_script **ret_script)
{
	struct isb_buf message = {0};
	if (scripts->helper.fd < 0)
		return ISB_EIO;
	ask->id = ++scripts->last_id;
	isb_script_ask_write(&message, ask);
	ssize_t n = message.len <= ISB_SCRIPT_ASK_MAX
		? send(scripts->helper.fd, message.data, message.len, MSG_DONTWAIT | MSG_NOSIGNAL) : -1;
	isb_buf_done(&message);
	if (n < 0)
		return ISB_EBUSY; /* where the helper is gone, its socket's end says so soon */
	struct isb_script *script = isb_xcalloc(1, sizeof(*script));
	*script = (struct isb_script){scripts, scripts->first, &scripts->first, ask->id, ended, arg};
	if (script->next)
		script->next->link = &script->next;
	scripts->first = script;
	*ret_script = script;
	return ISB_OK;
}

void isb_script_cancel(struct isb_script *script)
{
	const struct isb_script_ask ask = {.id = script->id};
	struct isb_buf message = {0};
	isb_script_ask_write(&message, &ask);
	/* A message that finds no room is no harm: the script's own deadline ends it. */
	if (script->scripts->helper.fd >= 0)
		(void)!send(script->scripts->helper.fd, message.data, message.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	isb_buf_done(&message);
	forget(script);
}
