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

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "server/tcp_parts.h"
#include "server/worker.h"

/* The TCP side of a worker in this very thread: the test is the client, step() lets the loop run. What answers is not
 * the real isb_respond() but an echo, so that a test chooses the size of an answer by the first octets of a query. */

enum { HEADER = 12, BIG = 60000 };
static const uint8_t ask_big = 0xbb, ask_nothing = 0xcc;
static size_t responded;
static struct isb_addr asked_by;

size_t isb_respond(struct isb_context *ctx, const struct isb_client *client, const uint8_t *in, size_t in_len, uint8_t *out,
                   size_t out_cap)
{
	(void)ctx;
	assert_int_equal(client->proto, ISB_TCP);
	asked_by = client->addr;
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
	struct isb_options options;
	struct isb_tcp *tcp;
	struct isb_listen listen;
	uint16_t proxy_port; /* where headers are required, and believed of 127.0.0.1 */
};

static void limit(struct world *world, uint32_t connections, uint32_t per_client)
{
	isb_census_free(world->worker.census);
	world->worker.census = isb_census_new(connections, per_client, 1);
}

static int listen_somewhere(struct world *world, bool proxy)
{
	struct isb_diags diags;
	int rc = ISB_EIO;
	isb_diags_init(&diags);
	world->listen.proxy = proxy;
	for (int tries = 0; tries < 100 && rc != ISB_OK; tries++) {
		world->listen.port++;
		if (isb_listen_check(&world->listen, &diags) == ISB_OK)
			rc = isb_tcp_listen(world->tcp, &world->listen, &diags);
	}
	isb_diags_done(&diags);
	return rc;
}

static int setup(void **state)
{
	struct world *world = isb_xcalloc_apart(sizeof(*world));
	uv_loop_init(&world->worker.loop);
	world->worker.options = &world->options;
	world->options.tcp = (struct isb_tcp_limits){.idle_ms = 10000, .stall_ms = 10000, .lifetime_ms = 3600000};
	isb_net_parse("127.0.0.1", &world->options.proxy_from.nets[0]);
	world->options.proxy_from.count = 1;
	limit(world, 1000, 1000);
	world->tcp = isb_tcp_new(&world->worker, 2);
	world->listen.addr = (struct isb_addr){.family = 4, .octets = {127, 0, 0, 1}};
	world->listen.port = (uint16_t)(20000 + getpid() % 10000);
	responded = 0;
	*state = world;
	if (listen_somewhere(world, true) != ISB_OK)
		return ISB_EIO;
	world->proxy_port = world->listen.port;
	return listen_somewhere(world, false);
}

static int teardown(void **state)
{
	struct world *world = *state;
	isb_tcp_close(world->tcp);
	uv_run(&world->worker.loop, UV_RUN_DEFAULT);
	int rc = uv_loop_close(&world->worker.loop); /* busy, were anything left open */
	bool all_counted_out = isb_census_open(world->worker.census) && world->tcp->nconn == 0 && world->tcp->kept == 0;
	isb_census_free(world->worker.census);
	isb_tcp_free(world->tcp);
	free(world);
	return rc || !all_counted_out;
}

static void step(struct world *world)
{
	for (int i = 0; i < 4; i++)
		uv_run(&world->worker.loop, UV_RUN_NOWAIT);
}

static int client_socket(uint8_t host)
{
	struct isb_addr from = {.family = 4, .octets = {127, 0, 0, host}};
	struct sockaddr_storage sa;
	socklen_t len = isb_addr_to_sockaddr(&from, 0, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static void connect_to(const struct world *world, int fd, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = isb_addr_to_sockaddr(&world->listen.addr, port, &sa);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
}

/* From 127.0.0.`host`. */
static int client_from(struct world *world, uint8_t host, uint16_t port)
{
	int fd = client_socket(host);
	connect_to(world, fd, port);
	step(world);
	return fd;
}

static int client(struct world *world)
{
	return client_from(world, 1, world->listen.port);
}

static void pass(struct world *world, int ms)
{
	for (int i = 0; i < ms; i += 10) {
		usleep(10000);
		step(world);
	}
}

static void ask(int fd, uint8_t kind, uint8_t id)
{
	uint8_t out[2 + HEADER] = {0, HEADER, kind, id};
	assert_int_equal(send(fd, out, sizeof(out), MSG_NOSIGNAL), sizeof(out));
}

static bool open_still(int fd)
{
	uint8_t octet;
	return recv(fd, &octet, 1, MSG_DONTWAIT | MSG_PEEK) != 0 && errno == EAGAIN;
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
	enum { MOST = 50 };
	int fds[MOST + 1];
	limit(world, MOST, MOST + 1);
	for (int i = 0; i < MOST; i++)
		fds[i] = client(world);
	pass(world, 20);
	ask(fds[0], 1, 5); /* the oldest speaks: now the second is silent for longest */
	expect_answer(world, fds[0], HEADER, 1, 5);
	assert_int_equal(world->worker.net.tcp_evicted, 0);
	fds[MOST] = client(world);
	expect_closed(world, fds[1]);
	assert_int_equal(world->worker.net.tcp_evicted, 1);
	ask(fds[MOST], 1, 5);
	expect_answer(world, fds[MOST], HEADER, 1, 5);
	for (int i = 0; i <= MOST; i++)
		if (i != 1)
			close(fds[i]);
}

/* Many answers of 60000 octets, more than the kernel holds for both sides. */
static void ask_and_do_not_read(struct world *world, int fd)
{
	for (uint8_t i = 0; i < 200; i++)
		ask(fd, ask_big, i);
	step(world);
	assert_true(world->tcp->kept > 0);
}

static void slow_writers_and_slow_readers_make_room_before_the_silent(void **state)
{
	struct world *world = *state;
	limit(world, 3, 10);
	int silent = client(world), writer = client(world), reader = client(world);
	assert_int_equal(send(writer, "\0\14abc", 5, 0), 5);
	step(world);
	ask_and_do_not_read(world, reader);
	pass(world, 1050);
	int first = client(world);
	expect_closed(world, writer);
	assert_true(open_still(silent));
	int second = client(world);
	pass(world, 20);
	assert_int_equal(world->worker.net.tcp_evicted, 2);
	assert_int_equal(world->tcp->kept, 0); /* that was the reader */
	assert_true(open_still(silent));
	assert_true(open_still(first));
	int third = client(world);
	expect_closed(world, silent);
	close(reader);
	close(first);
	close(second);
	close(third);
}

static void who_has_just_begun_is_not_slow(void **state)
{
	struct world *world = *state;
	limit(world, 2, 10);
	int silent = client(world), writer = client(world);
	assert_int_equal(send(writer, "\0\14abc", 5, 0), 5);
	pass(world, 50);
	int other = client(world);
	expect_closed(world, silent);
	assert_true(open_still(writer));
	close(writer);
	close(other);
}

static void a_client_has_its_share_and_others_have_theirs(void **state)
{
	struct world *world = *state;
	limit(world, 100, 3);
	int mine[4], other;
	for (int i = 0; i < 3; i++)
		mine[i] = client_from(world, 7, world->listen.port);
	expect_closed(world, client_from(world, 7, world->listen.port));
	assert_int_equal(world->worker.net.tcp_refused, 1);
	other = client_from(world, 8, world->listen.port);
	ask(other, 1, 1);
	expect_answer(world, other, HEADER, 1, 1);
	close(mine[0]); /* one leaves, one may come */
	pass(world, 20);
	mine[3] = client_from(world, 7, world->listen.port);
	ask(mine[3], 1, 2);
	expect_answer(world, mine[3], HEADER, 1, 2);
	assert_int_equal(world->worker.net.tcp_evicted, 0);
	for (int i = 1; i < 4; i++)
		close(mine[i]);
	close(other);
}

static void a_client_beyond_its_share_does_not_push_others_out(void **state)
{
	struct world *world = *state;
	limit(world, 3, 2);
	int fds[3] = {client_from(world, 8, world->listen.port), client_from(world, 7, world->listen.port),
	              client_from(world, 7, world->listen.port)};
	for (int i = 0; i < 10; i++)
		expect_closed(world, client_from(world, 7, world->listen.port));
	assert_int_equal(world->worker.net.tcp_refused, 10);
	assert_int_equal(world->worker.net.tcp_evicted, 0);
	for (int i = 0; i < 3; i++) {
		assert_true(open_still(fds[i]));
		close(fds[i]);
	}
}

static void a_query_that_never_ends_is_not_kept_alive_by_its_octets(void **state)
{
	struct world *world = *state;
	world->options.tcp.stall_ms = 200;
	int fd = client(world);
	for (int i = 0; i < 15; i++) { /* 450 ms */
		send(fd, i ? "x" : "\0", 1, MSG_NOSIGNAL);
		pass(world, 30);
	}
	assert_int_equal(world->worker.net.tcp_stalled, 1);
	assert_int_equal(responded, 0);
	expect_closed(world, fd);
}

static void answers_that_are_not_read_are_not_kept_for_ever(void **state)
{
	struct world *world = *state;
	world->options.tcp.stall_ms = 200;
	int fd = client(world);
	ask_and_do_not_read(world, fd);
	pass(world, 350);
	assert_int_equal(world->worker.net.tcp_stalled, 1);
	assert_int_equal(world->tcp->kept, 0);
	close(fd);
}

static void a_client_that_asks_now_and_then_stays_and_a_silent_one_goes(void **state)
{
	struct world *world = *state;
	world->options.tcp.idle_ms = 1000;
	int silent = client(world), talker = client(world);
	for (uint8_t i = 0; i < 9; i++) { /* a busy machine may make each of them last six times as long */
		pass(world, 150);
		ask(talker, 1, i);
		expect_answer(world, talker, HEADER, 1, i);
	}
	assert_int_equal(world->worker.net.tcp_idle, 1);
	expect_closed(world, silent);
	close(talker);
}

static void an_old_connection_ends_behind_its_answer(void **state)
{
	struct world *world = *state;
	world->options.tcp.lifetime_ms = 800;
	int fd = client(world);
	ask(fd, 1, 1);
	expect_answer(world, fd, HEADER, 1, 1);
	pass(world, 900);
	assert_true(open_still(fd)); /* not under the client's hands */
	ask(fd, 1, 2);
	expect_answer(world, fd, HEADER, 1, 2);
	expect_closed(world, fd);
	assert_int_equal(world->worker.net.tcp_expired, 1);
}

/* What a successor leaves to be done. */
static void who_leaves_accepts_nobody_and_serves_who_is_there(void **state)
{
	struct world *world = *state;
	world->options.tcp.idle_ms = 1000;
	int talker = client(world), silent = client(world), shared = dup(isb_tcp_socket(world->tcp, 1));
	assert_int_equal(isb_tcp_socket(world->tcp, 2), -1);
	isb_tcp_leave(world->tcp, -1);
	assert_int_equal(isb_tcp_socket(world->tcp, 0), -1);
	int late = client(world); /* waits at the socket that somebody else still has */
	ask(late, 1, 7);
	for (uint8_t i = 0; i < 3; i++) {
		ask(talker, 1, i);
		expect_answer(world, talker, HEADER, 1, i);
	}
	assert_int_equal(responded, 3);
	pass(world, 1300);
	expect_closed(world, silent);
	assert_true(open_still(late));
	close(talker);
	close(late);
	close(shared);
}

/* The other worker is the successor: it gets the connections that nothing of is here, and the rest when that is so. */
static void a_successor_gets_what_is_idle_at_once_and_the_rest_later(void **state)
{
	struct world *world = *state;
	struct isb_tcp *next = isb_tcp_new(&world->worker, 1);
	struct isb_handover m;
	int ends[2], fds[ISB_HANDOVER_FDS];
	size_t n;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	int idle = client(world), halfway = client(world), headless = client_from(world, 1, world->proxy_port);
	uint8_t out[64];
	size_t len = frame(out, HEADER, 1, 5);
	assert_int_equal(send(halfway, out, 3, 0), 3);
	step(world);
	isb_tcp_leave(world->tcp, ends[0]);
	assert_int_equal(world->tcp->nconn, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(isb_handover_receive(ends[1], &m, fds, &n), ISB_OK);
		assert_int_equal(n, 1);
		assert_int_equal(m.kind, ISB_HANDOVER_CONNECTION);
		assert_int_equal(m.client.addr.octets[0], 127);
		assert_int_equal(m.client.header, i == 1);
		isb_tcp_adopt(next, fds[0], &m.client);
	}
	assert_int_equal(isb_handover_receive(ends[1], &m, fds, &n), ISB_EIO); /* no more of them yet */
	ask(idle, 1, 1);
	expect_answer(world, idle, HEADER, 1, 1);
	assert_int_equal(send(halfway, out + 3, len - 3, 0), len - 3);
	expect_answer(world, halfway, HEADER, 1, 5);
	assert_int_equal(isb_handover_receive(ends[1], &m, fds, &n), ISB_OK);
	assert_int_equal(world->tcp->nconn, 0);
	isb_tcp_adopt(next, fds[0], &m.client);
	ask(halfway, 1, 6);
	expect_answer(world, halfway, HEADER, 1, 6);
	assert_int_equal(next->nconn, 3);
	assert_int_equal(world->worker.net.tcp_handed, 3);
	assert_true(open_still(headless));
	isb_tcp_close(next);
	step(world);
	isb_tcp_free(next);
	for (int i = 0; i < 2; i++)
		close(ends[i]);
	close(idle);
	close(halfway);
	close(headless);
}

static void without_a_successor_any_more_connections_stay(void **state)
{
	struct world *world = *state;
	int ends[2], fd = client(world);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	close(ends[1]);
	isb_tcp_leave(world->tcp, ends[0]);
	ask(fd, 1, 1);
	expect_answer(world, fd, HEADER, 1, 1);
	assert_int_equal(world->worker.net.tcp_handed, 0);
	close(ends[0]);
	close(fd);
}

static void then_a_connection_ends_behind_its_next_answer(void **state)
{
	struct world *world = *state;
	world->options.tcp.idle_ms = 300;
	int talker = client(world);
	isb_tcp_leave(world->tcp, -1);
	for (int i = 0; world->worker.net.tcp_expired == 0 && i < 200; i++) { /* it never is idle: it is asked without a pause */
		ask(talker, 1, (uint8_t)i);
		expect_answer(world, talker, HEADER, 1, (uint8_t)i);
		usleep(5000);
	}
	assert_int_equal(world->worker.net.tcp_expired, 1);
	expect_closed(world, talker);
}

static void who_left_ends_its_loop_with_the_last_connection(void **state)
{
	struct world *world = *state;
	int fd = client(world);
	isb_tcp_leave(world->tcp, -1);
	step(world);
	assert_true(uv_loop_alive(&world->worker.loop));
	close(fd);
	for (int i = 0; i < 300 && uv_loop_alive(&world->worker.loop); i++) { /* the sweep looks now and then */
		usleep(10000);
		step(world);
	}
	assert_false(uv_loop_alive(&world->worker.loop));
}

static void the_end_does_not_overtake_answers_when_more_was_asked(void **state)
{
	struct world *world = *state;
	uint8_t out[64];
	int fd = client(world);
	for (uint8_t i = 0; i < 3; i++)
		ask(fd, ask_big, i);
	size_t len = frame(out, 1, 0, 0);
	assert_int_equal(send(fd, out, len, 0), len);
	for (uint8_t i = 0; i < 100; i++) { /* never looked at */
		ask(fd, 1, i);
		step(world);
	}
	for (uint8_t i = 0; i < 3; i++)
		expect_answer(world, fd, BIG, ask_big, i);
	assert_int_equal(responded, 3);
	expect_closed(world, fd);
}

static void a_long_pipeline_takes_turns_with_others(void **state)
{
	struct world *world = *state;
	enum { QUERIES = 250 }; /* what one read brings at most */
	int greedy = client(world), modest = client(world);
	for (unsigned i = 0; i < QUERIES; i++)
		ask(greedy, 1, (uint8_t)i);
	ask(modest, 1, 99);
	usleep(10000);
	uv_run(&world->worker.loop, UV_RUN_NOWAIT);
	assert_true(responded > 1 && responded < 70); /* a turn each, not all of one */
	expect_answer(world, modest, HEADER, 1, 99);
	assert_true(responded < QUERIES);
	for (unsigned i = 0; i < QUERIES; i++)
		expect_answer(world, greedy, HEADER, 1, (uint8_t)i);
	close(greedy);
	close(modest);
}

static void a_burst_of_clients_takes_turns_with_others(void **state)
{
	struct world *world = *state;
	enum { BURST = 200 };
	int fds[BURST], here = client(world);
	for (int i = 0; i < BURST; i++) {
		fds[i] = client_socket(1);
		connect_to(world, fds[i], world->listen.port);
	}
	ask(here, 1, 3);
	uv_run(&world->worker.loop, UV_RUN_NOWAIT);
	assert_true(world->tcp->nconn > 1 && world->tcp->nconn < BURST / 2);
	assert_int_equal(responded, 1);
	pass(world, 50);
	assert_int_equal(world->tcp->nconn, BURST + 1);
	expect_answer(world, here, HEADER, 1, 3);
	for (int i = 0; i < BURST; i++)
		close(fds[i]);
	close(here);
}

static void an_idle_connection_keeps_no_buffer(void **state)
{
	struct world *world = *state;
	int fd = client(world);
	assert_int_equal(send(fd, "\0\14ab", 4, 0), 4);
	step(world);
	assert_int_equal(world->tcp->kept, 4);
	assert_int_equal(send(fd, "cdefghijkl", 10, 0), 10);
	expect_answer(world, fd, HEADER, 'a', 'b');
	assert_int_equal(world->tcp->kept, 0);
	assert_null(world->tcp->idle.oldest->in.held);
	assert_null(world->tcp->idle.oldest->out);
	assert_true(sizeof(struct isb_conn) <= 400);
	close(fd);
}

static void what_all_connections_together_keep_is_bounded(void **state)
{
	struct world *world = *state;
	enum { MANY = 600, PART = 60000 };
	static uint8_t part[PART] = {0xff, 0xff};
	static int fds[MANY];
	for (int i = 0; i < MANY; i++) {
		fds[i] = client(world);
		for (size_t at = 0; at < PART;) {
			ssize_t sent = send(fds[i], part + at, PART - at, MSG_DONTWAIT | MSG_NOSIGNAL);
			at += sent > 0 ? (size_t)sent : 0;
			step(world);
		}
	}
	pass(world, 20);
	assert_true(world->tcp->kept <= 32 << 20);
	assert_true(world->worker.net.tcp_evicted > 0 && world->worker.net.tcp_evicted < MANY / 4);
	assert_true(open_still(fds[MANY - 1])); /* the slowest went, not the newest */
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
}

static rlim_t allow_files(rlim_t count)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	rlim_t before = files.rlim_cur;
	files.rlim_cur = count;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	return before;
}

static void without_descriptors_it_sheds_and_then_rests_and_comes_back(void **state)
{
	struct world *world = *state;
	world->options.tcp.idle_ms = 400; /* swept every 100 ms */
	int here = client(world), next = client_socket(1), late = client_socket(1);
	int free_fd = dup(late);
	close(free_fd);
	rlim_t before = allow_files((rlim_t)free_fd); /* not one more */
	connect_to(world, next, world->listen.port);
	pass(world, 20);
	assert_false(open_still(here)); /* not closed yet: its descriptor stays in use */
	assert_int_equal(world->worker.net.tcp_evicted, 1);
	ask(next, 1, 1);
	expect_answer(world, next, HEADER, 1, 1);

	allow_files(3); /* `next` goes in vain */
	connect_to(world, late, world->listen.port);
	uint64_t errors = world->worker.net.tcp_errors;
	for (int i = 0; i < 1000; i++)
		uv_run(&world->worker.loop, UV_RUN_NOWAIT);
	assert_true(world->tcp->resting);
	assert_true(world->worker.net.tcp_errors - errors <= 4); /* not asked again and again */
	allow_files(before);
	pass(world, 150);
	ask(late, 1, 2);
	expect_answer(world, late, HEADER, 1, 2);
	close(here);
	close(next);
	close(late);
}

/* --- Behind a front end --- */

static const uint8_t from_korea[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xa8\x7e\x3f\x01\xc0\0\2\1\0\1\0\x35";
enum { HEADER_V4 = 28 };

static void expect_asked_by(const char *text)
{
	char got[ISB_ADDR_TEXT];
	assert_string_equal(isb_addr_print(&asked_by, got), text);
}

static void the_header_says_who_asks_and_stands_there_once(void **state)
{
	struct world *world = *state;
	uint8_t out[HEADER_V4 + 2 + HEADER];
	int fd = client_from(world, 1, world->proxy_port);
	memcpy(out, from_korea, HEADER_V4);
	frame(out + HEADER_V4, HEADER, 1, 1);
	assert_int_equal(send(fd, out, sizeof(out), 0), sizeof(out));
	expect_answer(world, fd, HEADER, 1, 1);
	expect_asked_by("168.126.63.1");
	ask(fd, 1, 2);
	expect_answer(world, fd, HEADER, 1, 2);
	expect_asked_by("168.126.63.1");
	close(fd);
}

static void the_header_may_come_octet_by_octet_and_long_before_a_query(void **state)
{
	struct world *world = *state;
	int fd = client_from(world, 1, world->proxy_port);
	for (int i = 0; i < HEADER_V4; i++) {
		assert_int_equal(send(fd, from_korea + i, 1, 0), 1);
		step(world);
	}
	assert_int_equal(world->tcp->kept, 0);
	ask(fd, 1, 1);
	expect_answer(world, fd, HEADER, 1, 1);
	expect_asked_by("168.126.63.1");
	close(fd);
}

static void a_front_end_that_speaks_for_itself_is_the_client(void **state)
{
	struct world *world = *state;
	int fd = client_from(world, 1, world->proxy_port);
	assert_int_equal(send(fd, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16, 0), 16);
	ask(fd, 1, 1);
	expect_answer(world, fd, HEADER, 1, 1);
	expect_asked_by("127.0.0.1");
	close(fd);
}

static void without_a_right_header_the_connection_is_closed_unanswered(void **state)
{
	struct world *world = *state;
	static const char *const wrong[] = {"\0\14", "PROXY TCP4 192.0.2.1 192.0.2.2 1 53\r\n", "\r\n\r\n\1"};
	static const size_t len[] = {2, 37, 5};
	for (size_t i = 0; i < 3; i++) {
		int fd = client_from(world, 1, world->proxy_port);
		assert_int_equal(send(fd, wrong[i], len[i], 0), len[i]);
		expect_closed(world, fd);
	}
	assert_int_equal(world->worker.net.proxy_malformed, 3);
	assert_int_equal(responded, 0);
}

static void a_sender_that_is_not_named_is_not_heard(void **state)
{
	struct world *world = *state;
	expect_closed(world, client_from(world, 9, world->proxy_port));
	assert_int_equal(world->worker.net.proxy_refused, 1);
	assert_int_equal(world->tcp->nconn, 0);
}

static void elsewhere_a_header_is_no_header(void **state)
{
	struct world *world = *state;
	world->options.tcp.stall_ms = 100;
	int fd = client(world);
	assert_int_equal(send(fd, from_korea, HEADER_V4, 0), HEADER_V4); /* 3338 octets are announced */
	ask(fd, 1, 1);
	pass(world, 200);
	assert_int_equal(responded, 0);
	assert_int_equal(world->worker.net.tcp_stalled, 1);
	expect_closed(world, fd);
}

static void the_share_is_that_of_the_client_behind_the_front_end(void **state)
{
	struct world *world = *state;
	limit(world, 100, 2);
	int fds[4];
	for (uint8_t i = 0; i < 4; i++) {
		uint8_t header[HEADER_V4];
		memcpy(header, from_korea, HEADER_V4);
		header[19] = i / 2; /* two clients, two connections each */
		fds[i] = client_from(world, 1, world->proxy_port);
		assert_int_equal(send(fds[i], header, HEADER_V4, 0), HEADER_V4);
		ask(fds[i], 1, i);
		expect_answer(world, fds[i], HEADER, 1, i);
	}
	int third = client_from(world, 1, world->proxy_port);
	uint8_t header[HEADER_V4];
	memcpy(header, from_korea, HEADER_V4);
	header[19] = 0;
	assert_int_equal(send(third, header, HEADER_V4, 0), HEADER_V4);
	expect_closed(world, third);
	assert_int_equal(world->worker.net.tcp_refused, 1);
	for (int i = 0; i < 4; i++)
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
		story(slow_writers_and_slow_readers_make_room_before_the_silent),
		story(who_has_just_begun_is_not_slow),
		story(a_client_has_its_share_and_others_have_theirs),
		story(a_client_beyond_its_share_does_not_push_others_out),
		story(a_query_that_never_ends_is_not_kept_alive_by_its_octets),
		story(answers_that_are_not_read_are_not_kept_for_ever),
		story(a_client_that_asks_now_and_then_stays_and_a_silent_one_goes),
		story(an_old_connection_ends_behind_its_answer),
		story(who_leaves_accepts_nobody_and_serves_who_is_there),
		story(a_successor_gets_what_is_idle_at_once_and_the_rest_later),
		story(without_a_successor_any_more_connections_stay),
		story(then_a_connection_ends_behind_its_next_answer),
		story(who_left_ends_its_loop_with_the_last_connection),
		story(the_end_does_not_overtake_answers_when_more_was_asked),
		story(a_long_pipeline_takes_turns_with_others),
		story(a_burst_of_clients_takes_turns_with_others),
		story(an_idle_connection_keeps_no_buffer),
		story(what_all_connections_together_keep_is_bounded),
		story(without_descriptors_it_sheds_and_then_rests_and_comes_back),
		story(the_header_says_who_asks_and_stands_there_once),
		story(the_header_may_come_octet_by_octet_and_long_before_a_query),
		story(a_front_end_that_speaks_for_itself_is_the_client),
		story(without_a_right_header_the_connection_is_closed_unanswered),
		story(a_sender_that_is_not_named_is_not_heard),
		story(elsewhere_a_header_is_no_header),
		story(the_share_is_that_of_the_client_behind_the_front_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
