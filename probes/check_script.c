/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "check_run.h"
#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "script_judge.h"
#include "scripts.h"

/* A program of the machine's owner says how the endpoint is. */

struct script {
	struct isb_script *script; /* NULL: not begun, or over */
	bool waits;                /* for others to end */
	uint32_t timeout_ms;
};

static const char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static void on_begin(void *arg)
{
	struct isb_check_run *run = arg;
	struct script *state = run->state;
	state->waits = false;
	isb_check_begin_again(run, state->timeout_ms);
}

static void on_end(void *arg, const struct isb_script_end *end)
{
	struct isb_check_run *run = arg;
	struct script *state = run->state;
	struct isb_outcome o = {.total_us = isb_check_elapsed_us(run)};
	char said[ISB_SCRIPT_SAID];
	state->script = NULL;
	isb_script_judge(end, run->spec->command.list[0], &o, said);
	isb_check_say(run, "%s", said);
	isb_check_finish(run, &o, NULL);
}

static const struct isb_script_user user = {on_begin, on_end};

static char *add(struct isb_arena *arena, const char *name, const char *value)
{
	return isb_arena_printf(arena, "%s=%s", name, value);
}

static int ask(struct isb_check_run *run, const struct isb_addr *addr)
{
	struct script *state = run->state;
	const struct isb_spec *spec = run->spec;
	struct isb_arena arena = {0};
	char text[ISB_ADDR_TEXT];
	struct isb_script_ask ask = {.timeout_ms = state->timeout_ms};
	for (size_t i = 0; i < spec->command.count && i < ISB_SCRIPT_WORDS; i++)
		ask.words[i] = spec->command.list[i];
	ask.env[0] = isb_arena_strdup(&arena, path);
	ask.env[1] = add(&arena, "LANG", "C");
	ask.env[2] = add(&arena, "ISOBAR_ENDPOINT", spec->endpoint);
	ask.env[3] = add(&arena, "ISOBAR_ADDRESS", isb_addr_print(addr, text));
	ask.env[4] = isb_arena_printf(&arena, spec->port ? "ISOBAR_PORT=%u" : "ISOBAR_PORT=", spec->port);
	ask.env[5] = add(&arena, "ISOBAR_HOST", spec->host);
	ask.env[6] = isb_arena_printf(&arena, "ISOBAR_TIMEOUT_MS=%u", state->timeout_ms);
	int rc = isb_script_start(run->checker->scripts, &ask, &user, run, &state->script, &state->waits);
	isb_arena_done(&arena);
	return rc;
}

static void start(struct isb_check_run *run, const struct isb_addr *addr)
{
	const struct isb_outcome trouble = {.kind = ISB_OUT_INTERNAL};
	uint64_t left_ms = uv_timer_get_due_in(&run->timer);
	struct script *state = run->state = isb_xcalloc(1, sizeof(*state));
	state->timeout_ms = left_ms ? (uint32_t)left_ms : 1;
	if (!run->checker->scripts) {
		isb_check_say(run, "this probe runs no scripts: it was started without --scripts");
		isb_check_finish_soon(run, &trouble);
		return;
	}
	if (ask(run, addr) != ISB_OK) {
		isb_check_say(run, "the helper that runs scripts is gone");
		isb_check_finish_soon(run, &trouble);
	}
}

static void stop(struct isb_check_run *run)
{
	struct script *state = run->state;
	run->state = NULL;
	if (state->script)
		isb_script_cancel(state->script);
	free(state);
}

static struct isb_outcome expire(struct isb_check_run *run)
{
	const struct script *state = run->state;
	if (state->waits)
		isb_check_say(run, "too many scripts under way");
	return (struct isb_outcome){.kind = state->waits ? ISB_OUT_INTERNAL : ISB_OUT_TIMEOUT,
	                            .total_us = isb_check_elapsed_us(run)};
}

const struct isb_check_method isb_check_script = {start, stop, expire};
