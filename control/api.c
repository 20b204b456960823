/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "assets.h"
#include "control.h"
#include "counts.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/store/catalogdb.h"

/* Every answer of isobar-control. */

bool isb_control_generation(struct isb_control *control, uint64_t *ret_generation)
{
	struct isb_txn *txn;
	if (isb_txn_begin(control->store, ISB_ENV_CATALOG, false, &txn) != ISB_OK)
		return false;
	*ret_generation = isb_generation(txn);
	isb_txn_abort(txn);
	return true;
}

/* Scripts and styles of our own and nothing else, in no frame; what is answered is what it says it is; nothing is told
 * to other sites. */
static void add_fields(struct isb_web_reply *reply)
{
	isb_web_field(reply, "Content-Security-Policy",
	              "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'");
	isb_web_field(reply, "X-Content-Type-Options", "nosniff");
	isb_web_field(reply, "Referrer-Policy", "no-referrer");
	isb_web_field(reply, "Cross-Origin-Resource-Policy", "same-origin");
}

static bool may(struct isb_call *call)
{
	const struct isb_route *route = call->route;
	if (route->flags & ISB_ROUTE_OPEN)
		return true;
	isb_web_field(call->reply, "Cache-Control", "no-store");
	if (!isb_guard_identify(call->control->guard, call->request, &call->who, call->reply))
		return false;
	if (call->who.role >= route->role)
		return true;
	isb_web_problem(call->reply, 403, "'%s' may %s; this needs the role %s", call->who.name,
	                isb_role_name(call->who.role), isb_role_name(route->role));
	return false;
}

static void answer(struct isb_call *call)
{
	const char *allow = NULL;
	const struct isb_web_request *request = call->request;
	if (!isb_guard_host_ok(call->control->guard, request)) {
		isb_web_problem(call->reply, 421,
		                "this is not '%s'; start isobar-control with --host NAME when it is asked by a name",
		                isb_web_header(request, "Host"));
		return;
	}
	switch (isb_route_find(request->arena, request->method, request->path, &call->route, &call->values, &allow)) {
	case ISB_MATCH_NO_PATH: isb_web_not_found(call->reply, request); return;
	case ISB_MATCH_NO_METHOD: isb_web_not_allowed(call->reply, allow); return;
	case ISB_MATCH: break;
	}
	if (!may(call))
		return;
	if (call->route->words)
		isb_answer_verb(call, call->route->words);
	else
		call->route->handle(call);
}

void isb_control_answer(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply)
{
	struct isb_call call = {.control = arg, .request = request, .reply = reply};
	int64_t begun_us = isb_monotonic_us();
	add_fields(reply);
	answer(&call);
	json_decref(call.members);
	isb_counts_add(call.control->counts, call.route, reply->status, isb_monotonic_us() - begun_us);
	/* the route, not the path: the log quotes nothing */
	isb_log(ISB_LOG_DEBUG, "request", "route=\"%s %s\" status=%u by=\"%s\"", call.route ? call.route->method : "no",
	        call.route ? call.route->path : "route", reply->status, call.who.name);
}
