/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/web/web.h"

/* A server on loopback, and clients that are plain sockets. */

enum { BODY_MAX = 1000, PATIENCE_MS = 700, CONNECTIONS = 12, PER_ADDRESS = 8, BOUND_MS = 10000 };

struct site {
	struct isb_web *web;
	char dir[32], path[64];
	atomic_uint waiting, gone, ended;
};

static size_t more(void *arg, char *out, size_t max)
{
	unsigned *left = arg;
	return *left ? (size_t)snprintf(out, max, "%u.", (*left)--) : 0;
}

static void handler(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply)
{
	struct site *site = arg;
	if (strcmp(request->path, "/wait") == 0) {
		atomic_fetch_add(&site->waiting, 1);
		struct pollfd fd = {.fd = isb_web_socket(request), .events = POLLRDHUP};
		if (poll(&fd, 1, BOUND_MS) > 0 && isb_web_gone(request))
			atomic_fetch_add(&site->gone, 1);
	} else if (strcmp(request->path, "/stream") == 0) {
		unsigned *left = isb_arena_alloc(request->arena, sizeof(*left));
		*left = 3;
		reply->stream = more;
		reply->stream_arg = left;
	} else if (strcmp(request->path, "/fixed") == 0) {
		reply->fixed = "fixed";
		reply->fixed_len = 5;
	} else if (strncmp(request->path, "/echo", 5) == 0) {
		const char *query = isb_web_query(request, "q"), *header = isb_web_header(request, "x-header");
		reply->type = "text/plain";
		isb_web_field(reply, "X-Answer", "yes");
		isb_buf_printf(&reply->body, "%s %s q=%s h=%s n=%zu b=%s uid=%d", request->method, request->path,
		               query ? query : "-", header ? header : "-", request->nquery, request->body,
		               (int)request->peer.uid);
	} else {
		isb_web_not_found(reply, request);
	}
}

static bool admit(void *arg, const struct isb_web_request *request, struct isb_web_reply *reply)
{
	(void)arg;
	if (isb_web_header(request, "X-Stranger"))
		isb_web_problem(reply, 401, "who asks?");
	return !isb_web_header(request, "X-Stranger");
}

static int setup(void **state)
{
	struct site *site = calloc(1, sizeof(*site));
	strcpy(site->dir, "/tmp/isb-web-XXXXXX");
	assert_non_null(mkdtemp(site->dir));
	snprintf(site->path, sizeof(site->path), "%s/socket", site->dir);
	struct isb_web_listen listen[2] = {{.addr = {.family = 4, .octets = {127, 0, 0, 1}}},
	                                   {.path = site->path, .mode = 0600}};
	struct isb_web_options options = {.listen = listen, .nlisten = 2, .connections = CONNECTIONS,
	                                  .per_address = PER_ADDRESS, .body_max = BODY_MAX, .patience_ms = PATIENCE_MS,
	                                  .admit = admit};
	struct isb_diags diags;
	isb_diags_init(&diags);
	assert_int_equal(isb_web_new(&options, handler, site, &diags, &site->web), ISB_OK);
	isb_diags_done(&diags);
	*state = site;
	return 0;
}

static int teardown(void **state)
{
	struct site *site = *state;
	isb_web_free(site->web);
	assert_int_not_equal(access(site->path, F_OK), 0);
	rmdir(site->dir);
	free(site);
	return 0;
}

static int dial(const struct site *site)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(isb_web_port(site->web)),
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval bound = {.tv_sec = BOUND_MS / 1000};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Everything until the other side ends, or `until` has been seen. */
static char *hear(int fd, const char *until)
{
	static char text[1 << 16];
	size_t len = 0;
	text[0] = '\0';
	while (len < sizeof(text) - 1 && !(until && strstr(text, until))) {
		ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
		if (n < 0 && errno == EAGAIN)
			fail_msg("nothing more came after: %s", text);
		if (n <= 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
	}
	return text;
}

static char *ask(const struct site *site, const char *request)
{
	int fd = dial(site);
	say(fd, request);
	char *said = hear(fd, NULL);
	close(fd);
	return said;
}

#define END "Host: x\r\nConnection: close\r\n"

static void test_a_request_comes_whole_and_decoded(void **state)
{
	char *said = ask(*state, "GET /echo/a%2Fb?q=x+y%26z&other HTTP/1.1\r\nX-Header: h\r\n" END "\r\n");
	assert_non_null(strstr(said, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(said, "X-Answer: yes\r\n"));
	assert_non_null(strstr(said, "GET /echo/a%2Fb q=x y&z h=h n=2 b= uid=-1"));
	said = ask(*state, "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n" END "\r\nbody");
	assert_non_null(strstr(said, "POST /echo q=- h=- n=0 b=body"));
	said = ask(*state,
	           "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END "\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n");
	assert_non_null(strstr(said, "b=body uid"));
	said = ask(*state, "GET /fixed HTTP/1.1\r\n" END "\r\n");
	assert_non_null(strstr(said, "\r\n\r\nfixed"));
}

static void test_head_is_get_without_its_body(void **state)
{
	char *said = ask(*state, "HEAD /echo HTTP/1.1\r\n" END "\r\n");
	assert_non_null(strstr(said, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(said, "Content-Length: 31\r\n")); /* "GET /echo q=- h=- n=0 b= uid=-1" */
	assert_null(strstr(said, "q=-"));
}

static void test_what_is_malformed_is_refused(void **state)
{
	static const char *const queries[] = {"%", "%4", "%zz", "a=%00", "%e"};
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		char text[200];
		snprintf(text, sizeof(text), "GET /echo?%s HTTP/1.1\r\n" END "\r\n", queries[i]);
		assert_non_null(strstr(ask(*state, text), "HTTP/1.1 400 "));
	}
	assert_non_null(strstr(ask(*state, "GET /echo HTTP/1.1\r\n\r\n"), "HTTP/1.1 400 ")); /* no Host */
	assert_non_null(
		strstr(ask(*state, "GET /none HTTP/1.1\r\n" END "\r\n"), "\"detail\":\"there is nothing at '/none'\""));
}

static void test_a_body_past_the_limit_is_refused(void **state)
{
	struct site *site = *state;
	char text[3000], body[BODY_MAX + 2];
	/* by its own word, before any of it is sent */
	assert_non_null(strstr(ask(site, "POST /echo HTTP/1.1\r\nContent-Length: 1001\r\n" END "\r\n"), "HTTP/1.1 413 "));
	memset(body, 'x', sizeof(body));
	body[BODY_MAX] = '\0';
	snprintf(text, sizeof(text), "POST /echo HTTP/1.1\r\nContent-Length: 1000\r\n" END "\r\n%s", body);
	assert_non_null(strstr(ask(site, text), "HTTP/1.1 200 "));
	snprintf(text, sizeof(text),
	         "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" END "\r\n3e8\r\n%s\r\n1\r\nx\r\n0\r\n\r\n",
	         body);
	assert_non_null(strstr(ask(site, text), "HTTP/1.1 413 "));
}

/* Whoever stands in front may take the end of it for another place, and what follows for somebody else's request. */
static void test_where_a_request_ends_is_said_once(void **state)
{
	static const char *const fields[] = {
		"Content-Length: 0\r\nContent-Length: 3\r\n", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n",
		"Content-Length : 3\r\n", "Host: y\r\n"};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char text[300];
		snprintf(text, sizeof(text), "POST /echo HTTP/1.1\r\nHost: x\r\n%s\r\nGET /fixed HTTP/1.1\r\n" END "\r\n", fields[i]);
		char *said = ask(*state, text);
		if (!strstr(said, "HTTP/1.1 400 ") || strstr(said, "fixed"))
			fail_msg("%s is answered: %s", fields[i], said);
	}
}

static void test_what_strangers_send_is_not_kept(void **state)
{
	char *said = ask(*state, "POST /echo HTTP/1.1\r\nHost: x\r\nX-Stranger: 1\r\nContent-Length: 3\r\n\r\nabc"
	                         "GET /fixed HTTP/1.1\r\nHost: x\r\n\r\n"
	                         "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n" END "\r\nabc");
	assert_non_null(strstr(said, "HTTP/1.1 401 "));
	assert_non_null(strstr(said, "who asks?"));
	said = strstr(said, "\r\n\r\nfixed"); /* the connection goes on */
	assert_non_null(said);
	assert_non_null(strstr(said, "b=abc"));
	/* and who sends nothing is for the handler to judge */
	assert_non_null(strstr(ask(*state, "GET /fixed HTTP/1.1\r\nX-Stranger: 1\r\n" END "\r\n"), "HTTP/1.1 200 "));
}

static void test_a_huge_head_is_refused(void **state)
{
	size_t size = 100000;
	char *text = malloc(size);
	memset(text, 'x', size);
	memcpy(text, "GET /echo HTTP/1.1\r\nX: ", 23);
	int fd = dial(*state);
	ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
	assert_true(sent > 0);
	char *said = hear(fd, NULL);
	assert_true(strstr(said, "HTTP/1.1 431 ") || said[0] == '\0'); /* the answer may be lost in the reset */
	close(fd);
	free(text);
	assert_non_null(strstr(ask(*state, "GET /fixed HTTP/1.1\r\n" END "\r\n"), "fixed"));
}

static void test_requests_may_follow_at_once(void **state)
{
	char *said = ask(*state, "GET /echo?q=1 HTTP/1.1\r\nHost: x\r\n\r\nGET /echo?q=2 HTTP/1.1\r\n" END "\r\n");
	char *first = strstr(said, "q=1");
	assert_non_null(first);
	assert_non_null(strstr(first, "q=2"));
}

/* Octets that drip in keep a connection busy, and do not keep it. */
static void test_a_slow_request_is_ended(void **state)
{
	int fd = dial(*state);
	int64_t begun = isb_monotonic_us();
	const char *head =
		"GET /echo HTTP/1.1\r\nHost: x\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	for (; *head && poll(&wait, 1, 50) == 0; head++)
		if (send(fd, head, 1, MSG_NOSIGNAL) < 0)
			break;
	assert_true(*head);
	assert_true(isb_monotonic_us() - begun >= PATIENCE_MS * 1000 - 1000);
	close(fd);
}

static void until(atomic_uint *counter, unsigned value)
{
	for (int64_t bound = isb_monotonic_us() + BOUND_MS * 1000; atomic_load(counter) < value; usleep(1000))
		assert_true(isb_monotonic_us() < bound);
}

static void test_who_goes_away_is_noticed(void **state)
{
	struct site *site = *state;
	int fd = dial(site);
	say(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	until(&site->waiting, 1);
	close(fd);
	until(&site->gone, 1);
}

/* A handler that works longer than the patience with a request is not cut off. */
static void test_a_handler_may_take_its_time(void **state)
{
	struct site *site = *state;
	int fd = dial(site);
	say(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	until(&site->waiting, 1);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&wait, 1, 2 * PATIENCE_MS), 0);
	shutdown(fd, SHUT_WR);
	hear(fd, NULL);
	close(fd);
	until(&site->gone, 1);
}

static void test_connections_are_bounded(void **state)
{
	struct site *site = *state;
	static const char fixed[] = "GET /fixed HTTP/1.1\r\n" END "\r\n";
	int fds[PER_ADDRESS];
	for (unsigned i = 0; i < PER_ADDRESS; i++) {
		fds[i] = dial(site);
		say(fds[i], "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	until(&site->waiting, PER_ADDRESS);
	for (unsigned i = 0; i < 10000; i++) {
		int fd = dial(site);
		char octet;
		assert_true(recv(fd, &octet, 1, 0) <= 0); /* ended without a word */
		close(fd);
	}
	for (unsigned i = 0; i < PER_ADDRESS; i++)
		close(fds[i]);
	until(&site->gone, PER_ADDRESS);
	for (int64_t bound = isb_monotonic_us() + BOUND_MS * 1000;;) { /* as soon as the first of them is gone */
		int fd = dial(site);
		bool let_in = send(fd, fixed, strlen(fixed), MSG_NOSIGNAL) > 0 && strstr(hear(fd, NULL), "fixed");
		close(fd);
		if (let_in)
			break;
		assert_true(isb_monotonic_us() < bound);
	}
}

static void test_a_unix_socket_tells_who_asks(void **state)
{
	struct site *site = *state;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char uid[32];
	strcpy(sa.sun_path, site->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	say(fd, "GET /echo HTTP/1.1\r\n" END "\r\n");
	snprintf(uid, sizeof(uid), "uid=%d", (int)getuid());
	assert_non_null(strstr(hear(fd, NULL), uid));
	close(fd);
}

static void test_a_stream_goes_on_to_its_end(void **state)
{
	char *said = ask(*state, "GET /stream HTTP/1.1\r\n" END "\r\n");
	assert_non_null(strstr(said, "3."));
	assert_non_null(strstr(said, "2."));
	assert_non_null(strstr(said, "1."));
}

static void test_the_end_does_not_wait_for_clients(void **state)
{
	struct site *site = *state;
	int idle = dial(site), waiting = dial(site);
	say(waiting, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	until(&site->waiting, 1);
	int64_t begun = isb_monotonic_us();
	isb_web_free(site->web);
	site->web = NULL;
	assert_true(isb_monotonic_us() - begun < BOUND_MS * 1000 / 2);
	assert_int_equal(atomic_load(&site->gone), 1);
	close(idle);
	close(waiting);
}

static void test_what_cannot_listen_says_why(void **state)
{
	struct site *site = *state;
	struct isb_web *web;
	struct isb_diags diags;
	struct isb_web_listen taken[] = {
		{.addr = {.family = 4, .octets = {127, 0, 0, 1}}, .port = isb_web_port(site->web)},
		{.path = site->path, .mode = 0600},
		{.path = "/nowhere/at/all", .mode = 0600},
		{.path = "/tmp", .mode = 0600},
	};
	struct isb_web_options options = {.listen = taken, .nlisten = 4};
	isb_diags_init(&diags);
	assert_int_equal(isb_web_new(&options, handler, site, &diags, &web), ISB_EIO);
	assert_int_equal(diags.count, 4);
	assert_non_null(strstr(diags.list[0].text, "Address already in use"));
	assert_non_null(strstr(diags.list[1].text, "another process does"));
	assert_non_null(strstr(diags.list[2].text, "No such file or directory"));
	assert_non_null(strstr(diags.list[3].text, "there is a file that is no socket"));
	isb_diags_done(&diags);
	isb_diags_init(&diags);
	struct isb_web_tls tls = {"no certificate", "no key"};
	struct isb_web_options secure = {.tls = &tls};
	assert_int_equal(isb_web_new(&secure, handler, site, &diags, &web), ISB_EIO);
	assert_int_equal(diags.count, 1);
	assert_non_null(strstr(diags.list[0].text, "cannot serve HTTP over TLS"));
	isb_diags_done(&diags);
}

static void test_addresses_to_listen_on(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *printed;
	} cases[] = {
		{"127.0.0.1:8053", ISB_OK, "127.0.0.1:8053"},
		{"[::1]:1", ISB_OK, "[::1]:1"},
		{"[::]:65535", ISB_OK, "[::]:65535"},
		{"127.0.0.1", ISB_EFORMAT, NULL},
		{"::1:80", ISB_EFORMAT, NULL},
		{"[127.0.0.1]:80", ISB_EFORMAT, NULL},
		{"127.0.0.1:0", ISB_ERANGE, NULL},
		{"127.0.0.1:65536", ISB_ERANGE, NULL},
		{"127.0.0.1:", ISB_EFORMAT, NULL},
		{"127.0.0.1:8x", ISB_EFORMAT, NULL},
		{":80", ISB_EFORMAT, NULL},
		{"", ISB_EFORMAT, NULL},
		{"[]:1", ISB_EFORMAT, NULL},
		{"127.0.0.1:99999999999999999999", ISB_ERANGE, NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_web_listen listen;
		char text[ISB_WEB_LISTEN_TEXT];
		assert_int_equal(isb_web_listen_parse(cases[i].text, &listen), cases[i].rc);
		if (cases[i].printed)
			assert_string_equal(isb_web_listen_print(&listen.addr, listen.port, text), cases[i].printed);
	}
}

static void test_strings_in_json(void **state)
{
	struct isb_buf out = {0};
	(void)state;
	isb_web_json(&out, "a\"\\\n\t\x7f\xc3\xa9\xff\xc3\xed\xa0\x80\xf0\x9f\x98\x80");
	assert_string_equal(
		isb_buf_text(&out),
		"\"a\\\"\\\\\\n\\u0009\\u007f\xc3\xa9\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\xf0\x9f\x98\x80\"");
	isb_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_request_comes_whole_and_decoded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_head_is_get_without_its_body, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_malformed_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_body_past_the_limit_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_where_a_request_ends_is_said_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_strangers_send_is_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_huge_head_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_requests_may_follow_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_slow_request_is_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_goes_away_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_handler_may_take_its_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_unix_socket_tells_who_asks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_stream_goes_on_to_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_end_does_not_wait_for_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_listen_says_why, setup, teardown),
		cmocka_unit_test(test_addresses_to_listen_on),
		cmocka_unit_test(test_strings_in_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
