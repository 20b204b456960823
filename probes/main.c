/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "isobar/base/diag.h"
#include "isobar/base/err.h"
#include "isobar/base/log.h"
#include "isobar/base/privileges.h"
#include "isobar/base/streams.h"
#include "daemon.h"
#include "measure_plan.h"
#include "remote.h"

enum { IN_FLIGHT_PRESET = 2048 };

static int run_with_store(const struct isb_probe_options *options)
{
	enum isb_store_mode mode = options->measure.socket ? ISB_STORE_WRITE_MEASURED : ISB_STORE_WRITE_HEALTH;
	struct isb_store *store;
	const char *message = NULL;
	int rc = isb_store_open(options->store, mode, &store, &message);
	if (rc != ISB_OK) {
		fprintf(stderr, "isobar-probe: %s\n", message ? message : isb_strerror(rc));
		return EXIT_FAILURE;
	}
	int status = isb_probe_run(store, options);
	isb_store_close(store);
	return status;
}

/* Every check under way or connection that stays is a descriptor; the soft limit is the usual 1024. */
static void allow_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* First of all, so that the helper and its scripts are that user as well. Raw sockets stay within reach, for checks of type
 * icmp where the system gives nobody else echo requests (net.ipv4.ping_group_range). */
static bool become_user(const struct isb_probe_options *o)
{
	struct isb_account account;
	struct isb_diags diags = {0};
	int rc = o->user ? isb_account_find(o->user, &account, &diags) : ISB_OK;
	if (o->user && rc == ISB_OK)
		rc = isb_privileges_drop(&account, UINT64_C(1) << CAP_NET_RAW, &diags);
	for (size_t i = 0; i < diags.count; i++)
		fprintf(stderr, "isobar-probe: %s\n", diags.list[i].text);
	isb_diags_done(&diags);
	return rc == ISB_OK;
}

/* Before anything is open and before there is a second thread. */
static bool start_helper(struct isb_probe_options *o)
{
	int error = o->scripts ? isb_helper_start(o->scripts, &o->helper) : 0;
	if (error)
		fprintf(stderr, "isobar-probe: cannot take scripts from '%s': %s\n", o->scripts, strerror(error));
	return !error;
}

static int run(struct isb_probe_options *options)
{
	if (!become_user(options) || !start_helper(options))
		return EXIT_FAILURE;
	if (geteuid() == 0)
		isb_log(ISB_LOG_WARNING, "running-as-root",
		        "reason=\"what the checked servers send is read with all rights; start with --user isobar-probe\"");
	allow_descriptors();
	signal(SIGPIPE, SIG_IGN); /* a peer that closes is an outcome */
	return *options->site.host ? isb_remote_run(options) : run_with_store(options);
}

int main(int argc, char **argv)
{
	char host[HOST_NAME_MAX + 1] = "";
	int status;
	if (!isb_streams_guard())
		return EXIT_FAILURE;
	gethostname(host, sizeof(host) - 1);
	const char *store_dir = getenv("ISOBAR_STORE");
	struct isb_probe_options options = {.store = store_dir && *store_dir ? store_dir : "/var/lib/isobar",
	                                    .name = host, .region = "", .max_in_flight = IN_FLIGHT_PRESET,
	                                    .measure = {.rate = ISB_MEASURE_RATE}};
	if (isb_probe_options_read(argc, argv, &options, &status))
		status = run(&options);
	isb_probe_options_done(&options);
	return status;
}
