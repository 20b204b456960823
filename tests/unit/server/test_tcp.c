/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "server/tcp.h"
#include "server/worker.h"

/* The TCP side of a worker in this very thread: the test is the client, step() lets the loop run. What answers is not
 * the real isb_respond() but an echo, so that a test chooses the size of an answer by the first octets of a query. */

enum { HEADER = 12, BIG = 60000 };
static const uint8_t ask_big = 0xbb, ask_nothing = 0xcc;
static size_t responded;

size_t isb_respond(struct isb_context *ctx, const struct isb_view *view, const struct isb_health_table *health,
                   const struct isb_client *client, int64_t now_ms, const uint8_t *in, size_t in_len, uint8_t *out,
                   size_t out_cap)
{
	(void)ctx;
	(void)view;
	(void)health;
	(void)now_ms;
	assert_int_equal(client->proto, ISB_TCP);
	assert_int_equal(client->addr.family, 4);
	assert_int_equal(client->addr.octets[0], 127);
	assert_true(in_len >= HEADER);
	responded++;
	if (in[0] == ask_nothing)
		return 0;
	size_t len = in[0] == ask_big ? BIG : in_len;
	assert_true(len <= out_cap);
	memset(out, 0, len);
	memcpy(out, in, in_len);
	return len;
}

void isb_turn_begin(struct isb_worker *worker, struct isb_turn *turn)
{
	(void)worker;
	*turn = (struct isb_turn){0};
}

void isb_turn_end(struct isb_worker *worker)
{
	(void)worker;
}

struct world {
	struct isb_worker worker;
	struct isb_tcp *tcp;
	struct isb_listen listen;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct isb_diags diags;
	int rc = ISB_EIO;
	isb_diags_init(&diags);
	uv_loop_init(&world->worker.loop);
	world->tcp = isb_tcp_new(&world->worker, 1);
	world->listen.addr = (struct isb_addr){.family = 4, .octets = {127, 0, 0, 1}};
	world->listen.port = (uint16_t)(20000 + getpid() % 10000);
	for (int tries = 0; tries < 100 && rc != ISB_OK; tries++) {
		world->listen.port++;
		if (isb_listen_check(&world->listen, &diags) == ISB_OK)
			rc = isb_tcp_listen(world->tcp, &world->listen, &diags);
	}
	isb_diags_done(&diags);
	responded = 0;
	*state = world;
	return rc;
}

static int teardown(void **state)
{
	struct world *world = *state;
	isb_tcp_close(world->tcp);
	uv_run(&world->worker.loop, UV_RUN_DEFAULT);
	int rc = uv_loop_close(&world->worker.loop); /* busy, were anything left open */
	isb_tcp_free(world->tcp);
	free(world);
	return rc;
}

static void step(struct world *world)
{
	for (int i = 0; i < 4; i++)
		uv_run(&world->worker.loop, UV_RUN_NOWAIT);
}

static int client(struct world *world)
{
	struct sockaddr_storage sa;
	socklen_t len = isb_addr_to_sockaddr(&world->listen.addr, world->listen.port, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	step(world);
	return fd;
}

/* Appends a frame of `n` octets whose message begins with `kind` and `id`. */
static size_t frame(uint8_t *out, size_t n, uint8_t kind, uint8_t id)
{
	memset(out, 0, 2 + n);
	isb_put_u16(out, (uint16_t)n);
	out[2] = kind;
	out[3] = id;
	return 2 + n;
}

/* Up to `n` octets, letting the loop run while there are none; fewer only at the end of the connection. */
static size_t receive(struct world *world, int fd, uint8_t *out, size_t n)
{
	size_t have = 0;
	for (int idle_ms = 0; have < n && idle_ms < 3000; idle_ms++) {
		step(world);
		poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 1);
		ssize_t got = recv(fd, out + have, n - have, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		if (got > 0) {
			have += (size_t)got;
			idle_ms = 0;
		}
	}
	return have;
}

static void expect_answer(struct world *world, int fd, size_t n, uint8_t kind, uint8_t id)
{
	static uint8_t in[2 + 65535];
	assert_int_equal(receive(world, fd, in, 2 + n), 2 + n);
	assert_int_equal(isb_get_u16(in), n);
	assert_int_equal(in[2], kind);
	assert_int_equal(in[3], id);
}

static void expect_closed(struct world *world, int fd)
{
	uint8_t octet;
	assert_int_equal(receive(world, fd, &octet, 1), 0);
	assert_true(recv(fd, &octet, 1, MSG_DONTWAIT) == 0 || errno != EAGAIN);
	close(fd);
}

static void queries_in_one_segment_are_answered_in_their_order(void **state)
{
	struct world *world = *state;
	uint8_t out[4096];
	size_t len = 0;
	for (uint8_t id = 0; id < 100; id++)
		len += frame(out + len, 20, 1, id);
	int fd = client(world);
	assert_int_equal(send(fd, out, len, 0), len);
	for (uint8_t id = 0; id < 100; id++)
		expect_answer(world, fd, 20, 1, id);
	close(fd);
}

static void a_query_may_come_octet_by_octet(void **state)
{
	struct world *world = *state;
	uint8_t out[64];
	size_t len = frame(out, 20, 1, 1);
	len += frame(out + len, 13, 1, 2);
	int fd = client(world);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(responded, i < 22 ? 0 : 1);
		assert_int_equal(send(fd, out + i, 1, 0), 1);
		step(world);
	}
	expect_answer(world, fd, 20, 1, 1);
	expect_answer(world, fd, 13, 1, 2);
	close(fd);
}

static void a_query_of_the_largest_size_is_answered(void **state)
{
	struct world *world = *state;
	static uint8_t out[2 + 65535];
	int fd = client(world);
	frame(out, 65535, 1, 9);
	for (size_t at = 0; at < sizeof(out);) {
		ssize_t sent = send(fd, out + at, sizeof(out) - at, MSG_DONTWAIT);
		at += sent > 0 ? (size_t)sent : 0;
		step(world);
	}
	expect_answer(world, fd, 65535, 1, 9);
	close(fd);
}

static void a_frame_too_short_for_a_header_closes_after_the_answers_before_it(void **state)
{
	struct world *world = *state;
	static const size_t sizes[] = {0, 1, HEADER - 1};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t out[64];
		size_t len = frame(out, 20, 1, 1);
		len += frame(out + len, sizes[i], 0, 0);
		int fd = client(world);
		assert_int_equal(send(fd, out, len, 0), len);
		expect_answer(world, fd, 20, 1, 1);
		expect_closed(world, fd);
	}
	assert_int_equal(world->worker.net.tcp_malformed, 3);
}

static void what_is_not_answered_leaves_the_connection_open(void **state)
{
	struct world *world = *state;
	uint8_t out[64];
	size_t len = frame(out, 20, ask_nothing, 1);
	len += frame(out + len, 20, 1, 2);
	int fd = client(world);
	assert_int_equal(send(fd, out, len, 0), len);
	expect_answer(world, fd, 20, 1, 2);
	assert_int_equal(responded, 2);
	close(fd);
}

static void a_client_that_stops_sending_still_gets_its_answers(void **state)
{
	struct world *world = *state;
	uint8_t out[512];
	size_t len = 0;
	for (uint8_t id = 0; id < 20; id++)
		len += frame(out + len, HEADER, ask_big, id);
	int fd = client(world);
	assert_int_equal(send(fd, out, len, 0), len);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	for (uint8_t id = 0; id < 20; id++)
		expect_answer(world, fd, BIG, ask_big, id);
	expect_closed(world, fd);
	assert_int_equal(world->worker.net.tcp_errors, 0);
}

static void a_client_that_does_not_read_is_not_read_until_it_does(void **state)
{
	struct world *world = *state;
	enum { QUERIES = 250 };
	uint8_t out[QUERIES * (2 + HEADER)];
	size_t len = 0;
	for (unsigned i = 0; i < QUERIES; i++)
		len += frame(out + len, HEADER, ask_big, (uint8_t)i);
	int fd = client(world);
	assert_int_equal(send(fd, out, len, 0), len);
	for (int i = 0; i < 50; i++)
		step(world);
	size_t before = responded;
	assert_true(before >= 2 && before < QUERIES); /* the rest of the answers was not even made */
	for (int i = 0; i < 50; i++)
		step(world);
	assert_int_equal(responded, before);
	for (unsigned i = 0; i < QUERIES; i++)
		expect_answer(world, fd, BIG, ask_big, (uint8_t)i);
	assert_int_equal(responded, QUERIES);
	len = frame(out, HEADER, 1, 77); /* and it is heard again */
	assert_int_equal(send(fd, out, len, 0), len);
	expect_answer(world, fd, HEADER, 1, 77);
	close(fd);
}

static void a_client_that_goes_away_unread_is_let_go(void **state)
{
	struct world *world = *state;
	uint8_t out[512];
	size_t len = 0;
	for (uint8_t id = 0; id < 30; id++)
		len += frame(out + len, HEADER, ask_big, id);
	int fd = client(world);
	assert_int_equal(send(fd, out, len, 0), len);
	step(world);
	struct linger reset = {.l_onoff = 1};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	for (int i = 0; i < 10; i++)
		step(world);
	assert_int_equal(world->worker.net.tcp_errors, 1);
}

static void the_connection_silent_for_longest_makes_room_for_a_new_one(void **state)
{
	struct world *world = *state;
	enum { MOST = 1000 };
	static int fds[MOST + 1];
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < 2 * MOST + 100)
		skip();
	for (int i = 0; i < MOST; i++)
		fds[i] = client(world);
	uint8_t out[32];
	size_t len = frame(out, HEADER, 1, 5);
	assert_int_equal(send(fds[0], out, len, 0), len); /* the oldest speaks: now the second is silent for longest */
	expect_answer(world, fds[0], HEADER, 1, 5);
	assert_int_equal(world->worker.net.tcp_evicted, 0);
	fds[MOST] = client(world);
	expect_closed(world, fds[1]);
	assert_int_equal(world->worker.net.tcp_evicted, 1);
	assert_int_equal(send(fds[MOST], out, len, 0), len);
	expect_answer(world, fds[MOST], HEADER, 1, 5);
	for (int i = 0; i <= MOST; i++)
		if (i != 1)
			close(fds[i]);
}

int main(void)
{
#define story(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		story(queries_in_one_segment_are_answered_in_their_order),
		story(a_query_may_come_octet_by_octet),
		story(a_query_of_the_largest_size_is_answered),
		story(a_frame_too_short_for_a_header_closes_after_the_answers_before_it),
		story(what_is_not_answered_leaves_the_connection_open),
		story(a_client_that_stops_sending_still_gets_its_answers),
		story(a_client_that_does_not_read_is_not_read_until_it_does),
		story(a_client_that_goes_away_unread_is_let_go),
		story(the_connection_silent_for_longest_makes_room_for_a_new_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
