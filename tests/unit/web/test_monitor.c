/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "isobar/base/prometheus.h"
#include "isobar/web/monitor.h"

/* What a program would say. */
struct program {
	bool told;
	const char *page, *ill, *unready;
};

static bool metrics(void *arg, struct isb_buf *out)
{
	const struct program *p = arg;
	isb_buf_puts(out, p->page);
	return p->told;
}

static void health(void *arg, struct isb_buf *reasons)
{
	isb_buf_puts(reasons, ((const struct program *)arg)->ill);
}

static void ready(void *arg, struct isb_buf *reasons)
{
	isb_buf_puts(reasons, ((const struct program *)arg)->unready);
}

static void says(struct program *program, const char *method, const char *path, unsigned status, const char *body)
{
	static const struct isb_monitor monitor = {metrics, health, ready};
	const struct isb_web_request request = {.method = method, .path = path};
	struct isb_web_reply reply = {.status = 200};
	assert_true(isb_monitor_serve(&monitor, program, &request, &reply));
	assert_int_equal(reply.status, status);
	if (body)
		assert_string_equal(isb_buf_text(&reply.body), body);
	assert_string_equal(reply.fields[0].name, "Cache-Control");
	if (status == 200 && strcmp(path, "/metrics") == 0)
		assert_string_equal(reply.type, ISB_PROM_CONTENT_TYPE);
	isb_buf_done(&reply.body);
}

static void who_is_well_says_so(void **state)
{
	struct program p = {true, "x 1\n", "", ""};
	(void)state;
	says(&p, "GET", "/metrics", 200, "x 1\n");
	says(&p, "GET", "/healthz", 200, "alive\n");
	says(&p, "GET", "/readyz", 200, "ready\n");
}

static void who_is_not_says_why(void **state)
{
	struct program p = {false, "the loop hangs\n", "it hangs\n", "no catalog\nno site\n"};
	(void)state;
	says(&p, "GET", "/metrics", 503, "the loop hangs\n");
	says(&p, "GET", "/healthz", 503, "it hangs\n");
	says(&p, "GET", "/readyz", 503, "no catalog\nno site\n");
}

static void an_empty_page_is_a_page(void **state)
{
	struct program p = {true, "", "", ""};
	(void)state;
	says(&p, "GET", "/metrics", 200, "");
}

static void only_reading_is_allowed(void **state)
{
	struct program p = {true, "x 1\n", "", ""};
	(void)state;
	says(&p, "POST", "/metrics", 405, NULL);
	says(&p, "DELETE", "/readyz", 405, NULL);
}

static void other_paths_are_for_others(void **state)
{
	static const char *const paths[] = {"/", "/metrics/", "/metric", "/readyz2", ""};
	static const struct isb_monitor monitor = {metrics, health, ready};
	struct program p = {true, "x 1\n", "", ""};
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct isb_web_request request = {.method = "GET", .path = paths[i]};
		struct isb_web_reply reply = {.status = 200};
		assert_false(isb_monitor_serve(&monitor, &p, &request, &reply));
		assert_int_equal(reply.nfield, 0);
		assert_int_equal(reply.body.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_well_says_so),     cmocka_unit_test(who_is_not_says_why),
		cmocka_unit_test(an_empty_page_is_a_page), cmocka_unit_test(only_reading_is_allowed),
		cmocka_unit_test(other_paths_are_for_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
