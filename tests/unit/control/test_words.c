/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/events.h"
#include "control/files.h"
#include "control/openapi.h"
#include "control/words.h"
#include "isobar/base/err.h"

/* Requests become command lines; what is made of one is compared as a line with " | " between the words. */

struct asked {
	struct isb_arena arena;
	struct isb_web_request request;
	struct isb_web_reply reply;
	struct isb_call call;
	struct isb_command command;
	struct isb_buf line;
	bool made;
};

static void read_query(struct asked *a, char *text)
{
	struct isb_web_pair *list = isb_arena_alloc(&a->arena, 16 * sizeof(*list));
	for (char *one; text && (one = strsep(&text, "&"));) {
		char *value = strchr(one, '=');
		*value++ = '\0';
		list[a->request.nquery++] = (struct isb_web_pair){one, isb_web_decode(&a->arena, value, strlen(value), true)};
	}
	a->request.query = list;
}

static enum isb_route_match ask(struct asked *a, const char *method, const char *target, const char *body)
{
	const char *allow;
	*a = (struct asked){0};
	char *path = isb_arena_strdup(&a->arena, target), *query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	a->request = (struct isb_web_request){
		.method = method, .path = path, .body = body, .body_len = strlen(body), .arena = &a->arena};
	read_query(a, query);
	a->call.request = &a->request;
	a->call.reply = &a->reply;
	enum isb_route_match match = isb_route_find(&a->arena, method, path, &a->call.route, &a->call.values, &allow);
	if (match != ISB_MATCH)
		return match;
	bool json = a->call.route->body != ISB_BODY_NONE && a->call.route->body != ISB_BODY_TEXT;
	a->made = (!json || isb_command_read_members(&a->call)) && a->call.route->words &&
	          isb_command_make(&a->call, a->call.route->words, &a->command);
	for (size_t i = 0; a->made && i < a->command.count; i++)
		isb_buf_printf(&a->line, "%s%s", i ? " | " : "", a->command.words[i]);
	return match;
}

static void done(struct asked *a)
{
	json_decref(a->call.members);
	isb_buf_done(&a->reply.body);
	isb_buf_done(&a->line);
	isb_arena_done(&a->arena);
}

static void becomes(const char *method, const char *target, const char *body, const char *line)
{
	struct asked a;
	ask(&a, method, target, body);
	if (!a.made)
		fail_msg("%s %s: %s", method, target, isb_buf_text(&a.reply.body));
	assert_string_equal(isb_buf_text(&a.line), line);
	done(&a);
}

static void refuses(const char *method, const char *target, const char *body, const char *why)
{
	struct asked a;
	assert_int_equal(ask(&a, method, target, body), ISB_MATCH);
	assert_false(a.made);
	assert_int_equal(a.reply.status, 400);
	if (!strstr(isb_buf_text(&a.reply.body), why))
		fail_msg("%s %s: %s", method, target, isb_buf_text(&a.reply.body));
	done(&a);
}

static void test_requests_become_command_lines(void **state)
{
	(void)state;
	becomes("GET", "/v1/status", "", "--output=json | -- | status");
	becomes("GET", "/v1/pools", "", "--output=json | -- | show | pools");
	becomes("GET", "/v1/records/example.com%2Fwww", "", "--output=json | -- | show | records | example.com/www");
	becomes("GET", "/v1/explain?client=8.8.8.8&name=www.example.com", "",
	        "--output=json | --client=8.8.8.8 | -- | explain | www.example.com");
	becomes("GET", "/v1/explain?client=8.8.8.8&name=www.example.com&type=AAAA&at=-2h", "",
	        "--output=json | --client=8.8.8.8 | --at=-2h | -- | explain | www.example.com | AAAA");
	becomes("PATCH", "/v1/pools/asia/endpoints/icn-1?reason=more",
	        "{\"weight\": 20, \"soft\": null, \"address\": [\"192.0.2.1\"]}",
	        "--output=json | --reason=more | -- | set | endpoint | asia/icn-1 | weight=20 | soft= | "
	        "address=[\"192.0.2.1\"]");
	becomes("PUT", "/v1/pools/asia/endpoints/icn-2", "{\"region\": \"seoul\"}",
	        "--output=json | -- | set | pool | asia | endpoints.icn-2={\"region\":\"seoul\"}");
	becomes("DELETE", "/v1/regions/seoul?dry_run=true", "",
	        "--output=json | --dry-run | -- | remove | regions | seoul");
	becomes("PUT", "/v1/rrsets/www.example.com/TXT", "{\"ttl\": 60, \"rdata\": [\"a\", \"--b\"], \"reason\": \"x\"}",
	        "--output=json | --reason=x | -- | set | rrset | www.example.com | TXT | 60 | a | --b");
	becomes("POST", "/v1/rollouts",
	        "{\"record\": \"www\", \"to\": \"next\", \"steps\": \"10,100\", \"every\": \"1m\", \"sticky\": true}",
	        "--output=json | --to=next | --steps=10,100 | --every=1m | --sticky | -- | rollout | start | www");
	becomes("POST", "/v1/simulate",
	        "{\"log\": \"1.2.3.4,a.example\", \"down\": [\"seoul\", \"us\"], \"catalog\": \"{}\"}",
	        "--output=json | --file=catalog | --down=seoul | --down=us | -- | simulate | -");
	becomes("PUT", "/v1/catalog?prune=true", "regions: {}", "--output=json | --prune | --file=- | -- | apply");
	becomes("GET", "/v1/zones/example.com/file", "", "-- | export | zone | example.com");
}

/* A request's texts never stand where an option could: behind "=" or behind "--". */
static void test_no_text_becomes_an_option(void **state)
{
	(void)state;
	becomes("GET", "/v1/pools/--help", "", "--output=json | -- | show | pools | --help");
	becomes("GET", "/v1/explain?name=--store&client=--x", "", "--output=json | --client=--x | -- | explain | --store");
	becomes("PATCH", "/v1/pools/asia", "{\"--store\": \"/tmp\"}",
	        "--output=json | -- | set | pools | asia | --store=\"/tmp\"");
	becomes("POST", "/v1/switch", "{\"record\": \"-n\", \"from\": \"--\", \"to\": \"-f\"}",
	        "--output=json | -- | switch | -n | -- | -f");
}

static void test_a_body_becomes_a_catalog_of_one(void **state)
{
	struct asked a;
	(void)state;
	ask(&a, "PUT", "/v1/regions/a%22b", "{\"location\": [38.95, -77.45]}");
	assert_true(a.made);
	json_t *catalog = json_loadb(a.command.input, a.command.input_len, 0, NULL);
	json_t *expected = json_pack("{s:{s:{s:[f,f]}}}", "regions", "a\"b", "location", 38.95, -77.45);
	assert_true(json_equal(catalog, expected));
	assert_non_null(strstr(a.command.input, "38.95,")); /* as short as it was given */
	json_decref(catalog);
	json_decref(expected);
	done(&a);
	ask(&a, "PUT", "/v1/records/example.com%2Fwww", "{\"policy\": \"x\"}");
	assert_true(a.made);
	assert_non_null(strstr(a.command.input, "\"zones\""));
	done(&a);
	refuses("PUT", "/v1/records/www", "{}", "records are ZONE/OWNER");
}

static void test_what_is_not_understood_is_refused(void **state)
{
	char deep[200] = "{\"a\": \"\\\"]\", \"x\":";
	(void)state;
	memset(deep + strlen(deep), '[', 65);
	refuses("PUT", "/v1/regions/a", deep, "nested deeper than 64 levels");
	refuses("PUT", "/v1/regions/a", "{\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", "the body is no JSON:");
	refuses("GET", "/v1/status?x=1", "", "unknown parameter 'x'");
	refuses("GET", "/v1/explain?name=a", "", "'client' is needed");
	refuses("GET", "/v1/explain?name=a&client=b&client=c", "", "'client' is given twice");
	refuses("GET", "/v1/explain?name=a&client=b&tipe=A", "", "did you mean 'type'?");
	refuses("DELETE", "/v1/pools/a?dry_run=yes", "", "'dry_run' is neither true nor false");
	refuses("DELETE", "/v1/pools/a", "x", "this takes no body");
	refuses("PATCH", "/v1/pools/a", "", "no field is given");
	refuses("PATCH", "/v1/pools/a", "[1]", "the body is no JSON object");
	refuses("PATCH", "/v1/pools/a", "{\"a\":1,\"a\":2}", "the body is no JSON");
	refuses("PATCH", "/v1/pools/a", "{\"a=b\":1}", "'a=b' is no field");
	refuses("POST", "/v1/switch", "{\"record\": \"a\", \"from\": [], \"to\": \"b\"}", "'from' takes a text");
	refuses("POST", "/v1/simulate", "{\"log\": \"\", \"down\": \"x\"}", "'down' takes a list");
	refuses("POST", "/v1/simulate", "{\"log\": \"\", \"down\": [{}]}", "'down' takes a list of texts");
	refuses("POST", "/v1/rollback?generation=1", "{\"generation\": 2}", "is given twice");
	refuses("POST", "/v1/rollouts", "{\"record\": \"a\", \"to\": \"b\", \"abort_if\": \"up\"}",
	        "'abort_if' is none of: down");
}

static enum isb_route_match find(const char *method, const char *path, const char **allow)
{
	struct isb_arena arena = {0};
	const struct isb_route *route;
	struct isb_route_values values;
	static char kept[100];
	enum isb_route_match match = isb_route_find(&arena, method, path, &route, &values, allow);
	if (match == ISB_MATCH_NO_METHOD) {
		snprintf(kept, sizeof(kept), "%s", *allow);
		*allow = kept;
	}
	isb_arena_done(&arena);
	return match;
}

static void test_paths(void **state)
{
	static const char *const nowhere[] = {
		"",
		"/v1",
		"/v1/",
		"/v1/nothing",
		"/v1/pools/",
		"/v1/pools/a/b",
		"/v1//a",
		"/v1/pool/a",
		"/v1/status/",
		"v1/status",
		"/v1/endpoints/*/a/state",
		"/v1/endpoints/a%2Fb/c/state",
		"/v1/endpoints/a/b?/state",
		"/v1/generations/x",
		"/v1/generations/-1",
		"/v1/pools/%00",
		"/v1/pools/%zz",
		"/v1/pools/%0a",
		"/v1/pools/a/endpoints/b.c",
		"/V1/status",
	};
	const char *allow;
	(void)state;
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
		if (find("GET", nowhere[i], &allow) != ISB_MATCH_NO_PATH)
			fail_msg("'%s' is found", nowhere[i]);
	assert_int_equal(find("POST", "/v1/status", &allow), ISB_MATCH_NO_METHOD);
	assert_string_equal(allow, "GET, HEAD");
	assert_int_equal(find("POST", "/v1/pools/a", &allow), ISB_MATCH_NO_METHOD);
	assert_string_equal(allow, "GET, HEAD, PUT, PATCH, DELETE");
	assert_int_equal(find("GET", "/ui/deep/file.js", &allow), ISB_MATCH);
}

static void test_events_tell_where_things_are(void **state)
{
	(void)state;
	struct isb_buf out = {0};
	isb_events_print(&out, &(struct isb_events_state){1, 1}, &(struct isb_events_state){1, 1});
	assert_int_equal(out.len, 0);
	isb_events_print(&out, &(struct isb_events_state){1, 1}, &(struct isb_events_state){2, 7});
	assert_string_equal(out.data, "event: catalog\nid: catalog-2\ndata: {\"generation\": 2}\n\n"
	                              "event: health\nid: health-7\ndata: {\"generation\": 7}\n\n");
	isb_buf_done(&out);
}

static void test_files_stay_in_their_directory(void **state)
{
	static const char *const good[] = {"a", "a/b", "a b", "...", ".a", "a/..b"};
	static const char *const bad[] = {"", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "./a"};
	struct isb_command_file files[] = {{"dir/a", "one", 3}, {"b", "", 0}};
	char *dir = NULL, path[200], text[8] = "";
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(isb_files_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(isb_files_name_ok(bad[i]));
	assert_int_equal(isb_files_make(files, 2, &dir), ISB_OK);
	snprintf(path, sizeof(path), "%s/dir/a", dir);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text), file), 3);
	fclose(file);
	assert_string_equal(text, "one");
	isb_files_remove(dir);
	assert_null(fopen(path, "r"));
	files[1].name = "dir/a"; /* twice */
	assert_int_equal(isb_files_make(files, 2, &dir), ISB_EIO);
	files[1].name = "../x";
	assert_int_equal(isb_files_make(files, 2, &dir), ISB_EINVAL);
}

/* What is committed is what the program prints. */
static void test_the_description_is_up_to_date(void **state)
{
	(void)state;
	json_error_t error;
	json_t *kept = json_load_file(ISB_TESTS_DIR "/../docs/openapi.json", 0, &error), *made = isb_openapi();
	assert_non_null(kept);
	assert_non_null(made);
	if (!json_equal(kept, made))
		fail_msg("docs/openapi.json differs from the table of routes; write: isobar-control --print-openapi > "
		         "docs/openapi.json");
	json_decref(kept);
	json_decref(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_become_command_lines),
		cmocka_unit_test(test_no_text_becomes_an_option),
		cmocka_unit_test(test_a_body_becomes_a_catalog_of_one),
		cmocka_unit_test(test_what_is_not_understood_is_refused),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_events_tell_where_things_are),
		cmocka_unit_test(test_files_stay_in_their_directory),
		cmocka_unit_test(test_the_description_is_up_to_date),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
