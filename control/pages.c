/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include <string.h>

#include "answer.h"
#include "assets.h"
#include "counts.h"
#include "events.h"
#include "isobar/base/err.h"
#include "isobar/base/prometheus.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"
#include "isobar/store/catalogdb.h"
#include "openapi.h"
#include "words.h"

static void say(struct isb_call *call, const char *text)
{
	call->reply->type = "text/plain; charset=utf-8";
	isb_buf_puts(&call->reply->body, text);
}

void isb_page_asset(struct isb_call *call)
{
	isb_assets_serve(call->request, call->reply);
}

void isb_page_healthz(struct isb_call *call)
{
	say(call, "ok\n");
}

void isb_page_readyz(struct isb_call *call)
{
	uint64_t generation;
	if (isb_control_generation(call->control, &generation))
		say(call, "ready\n");
	else
		isb_web_problem(call->reply, 503, "the store in '%s' cannot be read", call->control->options->store);
}

void isb_page_metrics(struct isb_call *call)
{
	call->reply->type = ISB_PROM_CONTENT_TYPE;
	isb_counts_print(call->control, &call->reply->body);
}

void isb_page_events(struct isb_call *call)
{
	isb_events_serve(call->control->events, call->request, call->reply);
}

void isb_page_whoami(struct isb_call *call)
{
	isb_answer_json(call, json_pack("{s:s, s:s, s:s}", "name", call->who.name, "role",
	                                isb_role_name(call->who.role), "version", ISB_VERSION));
}

void isb_page_openapi(struct isb_call *call)
{
	isb_answer_json(call, isb_openapi());
}

void isb_page_schema(struct isb_call *call)
{
	isb_answer_json(call, isb_openapi_fields());
}

/* --- Records of one zone ------------------------------------------------------------------------------------------ */

static int add_rrset(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	json_t *list = arg;
	char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	isb_dname_print(owner, name);
	isb_type_print(set->type, type);
	json_array_append_new(
		list, json_pack("{s:s, s:s, s:I}", "name", name, "type", type, "ttl_s", (json_int_t)set->ttl_s));
	return ISB_OK;
}

void isb_page_rrsets(struct isb_call *call)
{
	const char *name = isb_route_value(&call->values, "zone");
	uint8_t zone[ISB_DNAME_MAX];
	struct isb_txn *txn;
	json_t *list = json_array();
	uint64_t generation;
	int rc = isb_dname_parse(name, NULL, zone) < 0
	                 ? ISB_ENOTFOUND
	                 : isb_txn_begin(call->control->store, ISB_ENV_CATALOG, false, &txn);
	if (rc == ISB_OK) {
		isb_dname_lower(zone, zone);
		generation = isb_generation(txn);
		rc = isb_rrset_each(txn, zone, add_rrset, list);
		isb_txn_abort(txn);
	}
	if (rc == ISB_OK && json_array_size(list)) {
		isb_web_field(call->reply, "ETag",
		              isb_arena_printf(call->request->arena, "\"%llu\"", (unsigned long long)generation));
		isb_answer_json(call, json_pack("{s:o}", "rrsets", list));
		return;
	}
	json_decref(list);
	if (rc == ISB_OK || rc == ISB_ENOTFOUND || rc == ISB_EINVAL)
		isb_web_problem(call->reply, 404, "there is no zone '%s', or nothing is in it", name);
	else
		isb_web_problem(call->reply, 503, "the store cannot be read: %s", isb_strerror(rc));
}

/* --- Verbs with more to them -------------------------------------------------------------------------------------- */

/* One route for what the command line has two verbs for. */
void isb_page_state(struct isb_call *call)
{
	if (!isb_command_read_members(call))
		return;
	const char *state = isb_command_value(call, "state");
	bool drain = state && strcmp(state, "drain") == 0;
	isb_answer_verb(call, drain ? "drain {pool}/{endpoint}" : "force {state} {pool}/{endpoint}");
}

/* The servers are ours to know, not a request's: it could have us ask anybody. */
void isb_page_top(struct isb_call *call)
{
	const struct isb_control_options *options = call->control->options;
	struct isb_buf words = {0};
	if (!options->nmetrics_from) {
		isb_web_problem(call->reply, 404,
		                "isobar-control was started without --metrics-from URL and knows no server to ask");
		return;
	}
	isb_buf_puts(&words, "top");
	for (size_t i = 0; i < options->nmetrics_from; i++)
		isb_buf_printf(&words, " --from=%s", options->metrics_from[i]);
	isb_answer_verb(call, isb_buf_text(&words));
	isb_buf_done(&words);
}
