/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "counts.h"
#include "events.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/base/privileges.h"
#include "isobar/base/sdnotify.h"
#include "isobar/base/streams.h"
#include "openapi.h"
#include "run.h"
#include "tls.h"

/* isobar-control: the HTTP API and the dashboard. The main thread starts and stops everything, waits for signals and
 * looks whether the certificate is another; requests are answered by threads of their own (isobar/web/web.h). */

enum { CONNECTIONS = 192, PER_ADDRESS = 64, BODY_MAX = 8 << 20, HEAD_MAX = 32 << 10, SOCKET_MODE = 0660, LOOK_S = 10 };

/* A proxy in front is one address: its listeners shall leave it connections to ask with. */
_Static_assert(ISB_EVENTS_LISTENERS <= PER_ADDRESS / 4 * 3, "streams are connections");

struct program {
	struct isb_control_options options;
	struct isb_control control;
	struct isb_certificate certificate;
	struct isb_web *web;
};

/* Blocked before any thread starts, so that all of them inherit it and signals arrive at sigtimedwait() only. */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN); /* who went away is an error code, not the end */
	signal(SIGCHLD, SIG_DFL); /* else, where who started us ignores it, no verb would have an exit status */
}

static int become_user(const struct isb_control_options *options, struct isb_diags *diags)
{
	struct isb_account account;
	if (!options->user) {
		if (geteuid() == 0)
			isb_log(ISB_LOG_WARNING, "running-as-root",
			        "reason=\"requests are read with all rights; start with --user isobar\"");
		return ISB_OK;
	}
	int rc = isb_account_find(options->user, &account, diags);
	return rc == ISB_OK ? isb_privileges_drop(&account, UINT64_C(1) << CAP_NET_BIND_SERVICE, diags) : rc;
}

static int open_store(struct program *p, struct isb_diags *diags)
{
	const char *dir = p->options.store, *message = NULL;
	int rc = isb_store_open(dir, ISB_STORE_READ, &p->control.store, &message);
	if (rc == ISB_ENOTFOUND)
		isb_diag(diags, (struct isb_mark){0},
		         "there is no store in '%s'; make one with: isobar --store %s init", dir, dir);
	else if (rc != ISB_OK)
		isb_diag(diags, (struct isb_mark){0}, "%s", message ? message : isb_strerror(rc));
	return rc;
}

static int start_web(struct program *p, struct isb_diags *diags)
{
	struct isb_control_options *options = &p->options;
	size_t count = options->nlisten;
	if (*options->socket)
		options->listen[count++] = (struct isb_web_listen){.path = options->socket, .mode = SOCKET_MODE};
	struct isb_web_tls tls = {p->certificate.cert, p->certificate.key};
	struct isb_web_options web = {
		.listen = options->listen, .nlisten = count, .tls = tls.cert ? &tls : NULL,
		.connections = CONNECTIONS, .per_address = PER_ADDRESS, .head_max = HEAD_MAX, .body_max = BODY_MAX,
		.admit = isb_control_admit,
	};
	return isb_web_new(&web, isb_control_answer, &p->control, diags, &p->web);
}

static int start(struct program *p, struct isb_diags *diags)
{
	struct isb_control *control = &p->control;
	control->options = &p->options;
	int rc = become_user(&p->options, diags);
	if (rc == ISB_OK)
		rc = isb_certificate_read(&p->options, diags, &p->certificate);
	if (rc == ISB_OK)
		rc = isb_guard_new(&p->options, diags, &control->guard);
	if (rc == ISB_OK)
		rc = isb_runner_new(&p->options, diags, &control->runner);
	if (rc == ISB_OK)
		rc = open_store(p, diags);
	if (rc == ISB_OK)
		rc = isb_events_new(control->store, diags, &control->events);
	control->counts = isb_counts_new();
	return rc == ISB_OK ? start_web(p, diags) : rc;
}

static void stop(struct program *p)
{
	isb_events_stop(p->control.events);
	isb_web_free(p->web);
	isb_events_free(p->control.events);
	isb_store_close(p->control.store);
	isb_runner_free(p->control.runner);
	isb_guard_free(p->control.guard);
	isb_counts_free(p->control.counts);
	isb_certificate_done(&p->certificate);
	isb_control_options_done(&p->options);
}

/* A certificate that was renewed is taken up without a signal; one that does not fit leaves the one in use. */
static void check_certificate(struct program *p, bool now)
{
	struct isb_certificate fresh = {0};
	struct isb_diags diags = {0};
	if (!p->options.tls_cert || !isb_certificate_changed(&p->options, &p->certificate, now))
		return;
	int rc = isb_certificate_read(&p->options, &diags, &fresh);
	struct isb_web_tls tls = {fresh.cert, fresh.key};
	if (rc == ISB_OK)
		rc = isb_web_set_tls(p->web, &tls, &diags);
	if (rc == ISB_OK) {
		isb_certificate_done(&p->certificate);
		p->certificate = fresh;
		isb_log(ISB_LOG_INFO, "certificate-read", "file=\"%s\"", p->options.tls_cert);
	} else {
		isb_certificate_done(&fresh);
	}
	for (size_t i = 0; i < diags.count; i++)
		isb_log(ISB_LOG_ERROR, "certificate-refused", "reason=\"%s\"", diags.list[i].text);
	isb_diags_done(&diags);
}

static void serve(struct program *p, const sigset_t *set)
{
	const struct timespec tick = {.tv_sec = LOOK_S};
	for (;;) {
		int number = sigtimedwait(set, NULL, &tick);
		if (number == SIGTERM || number == SIGINT)
			return;
		check_certificate(p, number == SIGHUP);
	}
}

static void log_started(const struct isb_control_options *options)
{
	char text[ISB_WEB_LISTEN_TEXT];
	for (size_t i = 0; i < options->nlisten; i++)
		isb_log(ISB_LOG_INFO, "listening", "address=%s tls=%s",
		        isb_web_listen_print(&options->listen[i].addr, options->listen[i].port, text),
		        options->listen[i].tls ? "yes" : "no");
	if (*options->socket)
		isb_log(ISB_LOG_INFO, "listening", "socket=\"%s\" role=%s", options->socket,
		        isb_role_name(options->socket_role));
	if (!options->tokens)
		isb_log(ISB_LOG_INFO, "no-tokens", "reason=\"%s; add --tokens FILE\"",
		        *options->socket ? "only the unix socket is of use" : "nobody may ask for anything");
	isb_log(ISB_LOG_INFO, "started", "version=" ISB_VERSION " store=\"%s\"", options->store);
}

static int print_openapi(void)
{
	json_t *document = isb_openapi();
	bool printed = json_dumpf(document, stdout, JSON_INDENT(1)) == 0 && putchar('\n') != EOF && fflush(stdout) == 0;
	json_decref(document);
	if (!printed)
		perror("isobar-control: cannot write to standard output");
	return printed ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct program program = {0};
	sigset_t set;
	struct isb_diags diags = {0};
	if (!isb_streams_guard())
		return 1;
	switch (isb_control_options_parse(argc, argv, &program.options)) {
	case ISB_CONTROL_RUN: break;
	case ISB_CONTROL_OPENAPI: return print_openapi();
	case ISB_CONTROL_DONE: return 0;
	case ISB_CONTROL_WRONG: return 2;
	}
	isb_log_set_level(program.options.log_level);
	block_signals(&set);
	int rc = start(&program, &diags);
	if (rc == ISB_OK) {
		log_started(&program.options);
		isb_sdnotify("READY=1");
		serve(&program, &set);
		isb_sdnotify("STOPPING=1");
	} else {
		isb_diags_print(&diags, stderr);
		fputs("isobar-control: not started\n", stderr);
	}
	isb_diags_done(&diags);
	stop(&program);
	if (rc == ISB_OK)
		isb_log(ISB_LOG_INFO, "stopped", " ");
	return rc == ISB_OK ? 0 : 1;
}
