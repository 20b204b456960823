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

/* Finds the route, and whether who asks may take it. False: the reply is made. */
static bool enter(struct isb_call *call)
{
	const char *allow = NULL;
	const struct isb_web_request *request = call->request;
	if (!isb_guard_host_ok(call->control->guard, request)) {
		isb_web_problem(call->reply, 421,
		                "this is not '%s'; start isobar-control with --host NAME when it is asked by a name",
		                isb_web_header(request, "Host"));
		return false;
	}
	switch (isb_route_find(request->arena, request->method, request->path, &call->route, &call->values, &allow)) {
	case ISB_MATCH_NO_PATH: isb_web_not_found(call->reply, request); return false;
	case ISB_MATCH_NO_METHOD: isb_web_not_allowed(call->reply, allow); return false;
	case ISB_MATCH: break;
	}
	return may(call);
}

/* Routes for everybody have no use for a body. */
static bool takes_body(struct isb_call *call)
{
	if (call->route->flags & ISB_ROUTE_OPEN)
		isb_web_problem(call->reply, 400, "this takes no body");
	return !(call->route->flags & ISB_ROUTE_OPEN);
}

static void answer(struct isb_call *call)
{
	if (call->route->words)
		isb_answer_verb(call, call->route->words);
	else
		call->route->handle(call);
}

static void note(const struct isb_call *call, int64_t begun_us)
{
	const struct isb_route *route = call->route;
	isb_counts_add(call->control->counts, route, call->reply->status, isb_monotonic_us() - begun_us);
	/* the route, not the path: the log quotes nothing */
	isb_log(ISB_LOG_DEBUG, "request", "route=\"%s %s\" status=%u by=\"%s\"", route ? route->method : "no",
	        route ? route->path : "route", call->reply->status, call->who.name);
}

bool isb_control_admit(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply)
{
	struct isb_call call = {.control = arg, .request = request, .reply = reply};
	int64_t begun_us = isb_monotonic_us();
	add_fields(reply);
	bool admitted = enter(&call) && takes_body(&call);
	if (!admitted)
		note(&call, begun_us);
	return admitted;
}

void isb_control_answer(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply)
{
	struct isb_call call = {.control = arg, .request = request, .reply = reply};
	int64_t begun_us = isb_monotonic_us();
	add_fields(reply);
	if (enter(&call))
		answer(&call);
	json_decref(call.members);
	note(&call, begun_us);
}
