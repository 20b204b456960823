/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "server/udp.h"
#include "server/worker.h"

/* The UDP side of a worker in this very thread; an echo in the place of isb_respond(). */

static const uint8_t ask_nothing = 0xcc;
static size_t responded, turns, longest, slots, nodes;
static struct isb_addr asked_by;

size_t isb_respond(struct isb_context *ctx, const struct isb_client *client, const uint8_t *in, size_t in_len, uint8_t *out,
                   size_t out_cap)
{
	(void)ctx;
	assert_int_equal(client->proto, ISB_UDP);
	assert_int_not_equal(client->addr.family, 0);
	asked_by = client->addr;
	responded++;
	if (in_len > longest)
		longest = in_len;
	if (!in_len || in[0] == ask_nothing || in_len > out_cap)
		return 0;
	memcpy(out, in, in_len);
	return in_len;
}

uint64_t isb_ahead_slot(const struct isb_context *ctx, const uint8_t *in, size_t in_len)
{
	(void)ctx;
	assert_int_equal(in_len, 1);
	assert_int_equal(in[0], slots);
	assert_int_equal(responded, 0); /* all of that before the first of them is answered */
	return 1000 + (uint64_t)slots++;
}

void isb_ahead_node(const struct isb_context *ctx, uint64_t key)
{
	(void)ctx;
	assert_int_equal(key, 1000 + nodes);
	assert_int_equal(slots, 64);
	assert_int_equal(responded, 0);
	nodes++;
}

void isb_turn_begin(struct isb_worker *worker, struct isb_turn *turn)
{
	(void)worker;
	*turn = (struct isb_turn){0};
	turns++;
}

void isb_turn_end(struct isb_worker *worker)
{
	(void)worker;
}

struct world {
	struct isb_view view;
	struct isb_worker worker;
	struct isb_options options;
	struct isb_udp *udp;
	uint16_t port, proxy_port; /* where headers are required, and believed of 127.0.0.1 */
	bool ipv6; /* this machine has it */
};

static int listen_for_front_ends(struct world *world, struct isb_diags *diags)
{
	struct isb_listen listen = {.addr = {.family = 4, .octets = {127, 0, 0, 1}}, .proxy = true};
	isb_net_parse("127.0.0.1", &world->options.proxy_from.nets[0]);
	world->options.proxy_from.count = 1;
	for (listen.port = (uint16_t)(world->port + 1); isb_listen_check(&listen, diags) != ISB_OK; listen.port++)
		;
	world->proxy_port = listen.port;
	return isb_udp_listen(world->udp, &listen, diags);
}

/* On every address, IPv4 and IPv6 on one port. */
static int setup(void **state)
{
	struct world *world = isb_xcalloc_apart(sizeof(*world));
	struct isb_listen v4 = {.addr = {.family = 4}}, v6 = {.addr = {.family = 6}, .optional = true};
	struct isb_diags diags;
	int rc = ISB_EIO;
	isb_diags_init(&diags);
	world->worker.options = &world->options;
	world->worker.ctx.view = &world->view;
	world->udp = isb_udp_new(&world->worker, 3);
	v4.port = (uint16_t)(20000 + getpid() % 10000);
	for (int tries = 0; tries < 100 && rc != ISB_OK; tries++) {
		v6.port = ++v4.port;
		int six = isb_listen_check(&v6, &diags);
		if (isb_listen_check(&v4, &diags) != ISB_OK || six == ISB_EIO)
			continue;
		world->ipv6 = six == ISB_OK;
		rc = isb_udp_listen(world->udp, &v4, &diags);
		if (rc == ISB_OK && world->ipv6)
			rc = isb_udp_listen(world->udp, &v6, &diags);
	}
	world->port = v4.port;
	if (rc == ISB_OK)
		rc = listen_for_front_ends(world, &diags);
	isb_diags_done(&diags);
	responded = turns = longest = slots = nodes = 0;
	*state = world;
	return rc;
}

static int teardown(void **state)
{
	struct world *world = *state;
	isb_udp_free(world->udp);
	free(world);
	return 0;
}

static void step(struct world *world)
{
	for (int i = 0; i < 4; i++)
		isb_udp_poll(world->udp, 0);
}

/* Connected, so that only answers from exactly the address that was asked arrive. */
static int client(struct world *world, const char *text)
{
	struct isb_addr addr;
	struct sockaddr_storage sa;
	assert_int_equal(isb_addr_parse(text, &addr), ISB_OK);
	socklen_t len = isb_addr_to_sockaddr(&addr, world->port, &sa);
	int fd = socket(addr.family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static void expect_echo(struct world *world, const char *addr)
{
	uint8_t in[64];
	int fd = client(world, addr);
	assert_int_equal(send(fd, "hello", 5, 0), 5);
	step(world);
	assert_int_equal(recv(fd, in, sizeof(in), MSG_DONTWAIT), 5);
	assert_memory_equal(in, "hello", 5);
	close(fd);
}

static void the_answer_leaves_from_the_address_that_was_asked(void **state)
{
	struct world *world = *state;
	expect_echo(world, "127.0.0.1");
	expect_echo(world, "127.9.8.7");
	if (world->ipv6)
		expect_echo(world, "::1");
}

static void a_burst_of_more_than_one_batch_is_answered_whole_and_in_order(void **state)
{
	struct world *world = *state;
	enum { BURST = 150 };
	int fd = client(world, "127.0.0.1");
	for (uint8_t i = 0; i < BURST; i++)
		assert_int_equal(send(fd, &i, 1, 0), 1);
	step(world);
	for (uint8_t i = 0; i < BURST; i++) {
		uint8_t in;
		assert_int_equal(recv(fd, &in, 1, MSG_DONTWAIT), 1);
		assert_int_equal(in, i);
	}
	assert_int_equal(responded, BURST);
	assert_int_equal(turns, 3); /* 64 + 64 + 22: one turn for a batch, not for a query */
	close(fd);
}

static void what_is_not_answered_does_not_shift_the_answers_of_others(void **state)
{
	struct world *world = *state;
	int fds[3] = {client(world, "127.0.0.1"), client(world, "127.0.0.2"), client(world, "127.0.0.3")};
	for (uint8_t i = 0; i < 3; i++) {
		uint8_t octets[2] = {i == 1 ? ask_nothing : 1, i};
		assert_int_equal(send(fds[i], octets, 2, 0), 2);
	}
	step(world);
	assert_int_equal(responded, 3);
	for (uint8_t i = 0; i < 3; i++) {
		uint8_t in[2];
		ssize_t n = recv(fds[i], in, 2, MSG_DONTWAIT);
		assert_int_equal(n, i == 1 ? -1 : 2);
		if (i != 1)
			assert_int_equal(in[1], i);
		close(fds[i]);
	}
}

static void empty_and_overlong_datagrams_are_only_cut(void **state)
{
	struct world *world = *state;
	static uint8_t big[20000];
	int fd = client(world, "127.0.0.1");
	assert_int_equal(send(fd, big, 0, 0), 0);
	assert_int_equal(send(fd, big, sizeof(big), 0), sizeof(big));
	step(world);
	assert_int_equal(responded, 2);
	assert_int_equal(longest, 4096);
	expect_echo(world, "127.0.0.1");
	close(fd);
}

static void an_answer_nobody_waits_for_harms_nobody(void **state)
{
	struct world *world = *state;
	int gone = client(world, "127.0.0.1");
	assert_int_equal(send(gone, "x", 1, 0), 1);
	close(gone); /* the answer meets "port unreachable" */
	step(world);
	assert_int_equal(responded, 1);
	expect_echo(world, "127.0.0.1");
	assert_int_equal(world->worker.net.udp_unsent, 0);
}

static const uint8_t from_korea[28] =
	"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xa8\x7e\x3f\x01\xc0\0\2\1\0\1\0\x35";

/* From 127.0.0.`host` to where headers are required. */
static int front_end(struct world *world, uint8_t host)
{
	struct isb_addr from = {.family = 4, .octets = {127, 0, 0, host}}, to = {.family = 4, .octets = {127, 0, 0, 1}};
	struct sockaddr_storage sa;
	socklen_t len = isb_addr_to_sockaddr(&from, 0, &sa);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	isb_addr_to_sockaddr(&to, world->proxy_port, &sa);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static void behind_a_front_end_the_header_names_the_client_and_the_answer_has_none(void **state)
{
	struct world *world = *state;
	uint8_t out[28 + 5], in[64];
	char text[ISB_ADDR_TEXT];
	int fd = front_end(world, 1);
	memcpy(out, from_korea, 28);
	memcpy(out + 28, "hello", 5);
	assert_int_equal(send(fd, out, sizeof(out), 0), sizeof(out));
	step(world);
	assert_int_equal(recv(fd, in, sizeof(in), MSG_DONTWAIT), 5);
	assert_memory_equal(in, "hello", 5);
	assert_string_equal(isb_addr_print(&asked_by, text), "168.126.63.1");
	memcpy(out, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0hello", 21);
	assert_int_equal(send(fd, out, 21, 0), 21); /* the front end for itself */
	step(world);
	assert_int_equal(recv(fd, in, sizeof(in), MSG_DONTWAIT), 5);
	assert_string_equal(isb_addr_print(&asked_by, text), "127.0.0.1");
	close(fd);
}

static void datagrams_without_a_right_header_or_from_others_are_dropped(void **state)
{
	struct world *world = *state;
	int named = front_end(world, 1), stranger = front_end(world, 9);
	assert_int_equal(send(named, "hello", 5, 0), 5);
	for (size_t n = 0; n < sizeof(from_korea); n++)
		assert_int_equal(send(named, from_korea, n, 0), n);
	assert_int_equal(send(stranger, from_korea, sizeof(from_korea), 0), sizeof(from_korea));
	step(world);
	assert_int_equal(world->worker.net.proxy_malformed, 29);
	assert_int_equal(world->worker.net.proxy_refused, 1);
	assert_int_equal(responded, 0);
	close(named);
	close(stranger);
}

static void a_batch_for_a_large_zone_is_looked_ahead_of_but_not_a_question_alone(void **state)
{
	struct world *world = *state;
	enum { BURST = 65 };
	int fd = client(world, "127.0.0.1");
	for (uint8_t i = 0; i < BURST; i++)
		assert_int_equal(send(fd, &i, 1, 0), 1);
	world->view.nlarge = 1;
	step(world);
	assert_int_equal(responded, BURST);
	assert_int_equal(slots, BURST - 1);
	assert_int_equal(nodes, BURST - 1);
	close(fd);
	fd = front_end(world, 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(send(fd, from_korea, sizeof(from_korea), 0), sizeof(from_korea));
	step(world);
	assert_int_equal(slots, BURST - 1);
	close(fd);
}

static void elsewhere_a_header_is_only_octets(void **state)
{
	struct world *world = *state;
	uint8_t in[64];
	char text[ISB_ADDR_TEXT];
	int fd = client(world, "127.0.0.1");
	assert_int_equal(send(fd, from_korea, sizeof(from_korea), 0), sizeof(from_korea));
	step(world);
	assert_int_equal(recv(fd, in, sizeof(in), MSG_DONTWAIT), sizeof(from_korea)); /* all of it was echoed */
	assert_string_equal(isb_addr_print(&asked_by, text), "127.0.0.1");
	close(fd);
}

static void datagrams_that_the_kernel_had_to_drop_are_counted(void **state)
{
	struct world *world = *state;
	static uint8_t big[8000];
	assert_int_equal(isb_udp_overruns(world->udp), 0);
	int fd = client(world, "127.0.0.1");
	for (int i = 0; i < 4000; i++) /* 32 MB, and the loop does not run */
		send(fd, big, sizeof(big), 0);
	assert_true(isb_udp_overruns(world->udp) > 0);
	close(fd);
}

static void *run(void *udp)
{
	isb_udp_run(udp);
	return NULL;
}

/* Nobody but the thread that serves: what has not come within seconds will not come. */
static void ask_and_wait(struct world *world, uint16_t port, const char *text, size_t len)
{
	uint8_t in[64];
	world->port = port;
	int fd = client(world, "127.0.0.1");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 20}, sizeof(struct timeval));
	for (int i = 0; i < 3; i++) { /* each finds the thread asleep, or about to be */
		assert_int_equal(send(fd, text, len, 0), len);
		assert_int_equal(recv(fd, in, sizeof(in), 0), 5);
		assert_memory_equal(in, "hello", 5);
	}
	close(fd);
}

static void stop(struct isb_udp *udp, pthread_t thread)
{
	isb_udp_stop(udp);
	while (pthread_tryjoin_np(thread, NULL) == EBUSY) {
		pthread_kill(thread, ISB_UDP_WAKE);
		usleep(100);
	}
}

static void a_thread_serves_several_sockets_until_it_is_stopped(void **state)
{
	struct world *world = *state;
	pthread_t thread;
	uint8_t wrapped[28 + 5];
	memcpy(wrapped, from_korea, 28);
	memcpy(wrapped + 28, "hello", 5);
	assert_int_equal(pthread_create(&thread, NULL, run, world->udp), 0);
	ask_and_wait(world, world->port, "hello", 5);
	ask_and_wait(world, world->proxy_port, (char *)wrapped, sizeof(wrapped));
	stop(world->udp, thread);
	assert_int_equal(world->worker.net.udp_errors, 0);
}

static void expect_answers(int fd, int n, const char *text)
{
	uint8_t in[64];
	for (int i = 0; i < n; i++) {
		assert_int_equal(recv(fd, in, sizeof(in), MSG_DONTWAIT), strlen(text));
		assert_memory_equal(in, text, strlen(text));
	}
	assert_int_equal(recv(fd, in, sizeof(in), MSG_DONTWAIT), -1);
}

/* What a successor does: another one reads the same socket, and neither end of the one is the other's. */
static void a_socket_is_read_on_by_who_takes_it_over(void **state)
{
	struct world *world = *state;
	struct isb_listen listen = {.addr = {.family = 4, .octets = {127, 0, 0, 1}}, .port = world->proxy_port, .proxy = false};
	struct isb_udp *next = isb_udp_new(&world->worker, 1);
	int fd = -1;
	pthread_t thread;
	for (size_t i = 0; isb_udp_socket(world->udp, i) >= 0; i++)
		fd = isb_udp_socket(world->udp, i); /* the last one: where headers are required */
	isb_udp_take(next, &listen, dup(fd));
	assert_int_equal(isb_udp_socket(next, 1), -1);
	assert_int_equal(pthread_create(&thread, NULL, run, world->udp), 0);
	stop(world->udp, thread);
	assert_int_equal(pthread_create(&thread, NULL, run, next), 0);
	ask_and_wait(world, world->proxy_port, "hello", 5); /* without a header: it is the new one that answers */
	stop(next, thread);
	isb_udp_free(next);
}

/* One socket is waited for in another call, and stopped while the thread waits there or before it does. */
static void a_thread_with_one_socket_serves_it_until_it_is_stopped(void **state)
{
	struct world *world = *state;
	struct isb_listen listen = {.addr = {.family = 4, .octets = {127, 0, 0, 1}}};
	struct isb_diags diags;
	pthread_t thread;
	isb_diags_init(&diags);
	for (listen.port = (uint16_t)(world->proxy_port + 1); isb_listen_check(&listen, &diags) != ISB_OK; listen.port++)
		;
	struct isb_udp *udp = isb_udp_new(&world->worker, 1);
	assert_int_equal(isb_udp_listen(udp, &listen, &diags), ISB_OK);
	assert_int_equal(pthread_create(&thread, NULL, run, udp), 0);
	ask_and_wait(world, listen.port, "hello", 5);
	stop(udp, thread);
	size_t served = turns;
	isb_udp_run(udp); /* returns at once */
	assert_int_equal(turns, served); /* that it was woken up is no datagram */
	assert_int_equal(served, 3);
	int fd = client(world, "127.0.0.1");
	for (int i = 0; i < 200; i++) /* more than a batch */
		assert_int_equal(send(fd, "late", 4, 0), 4);
	isb_udp_run(udp); /* once more to answer what has come */
	expect_answers(fd, 200, "late");
	close(fd);
	assert_int_equal(world->worker.net.udp_errors, 0);
	isb_udp_free(udp);
	isb_diags_done(&diags);
}

int main(void)
{
#define story(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		story(the_answer_leaves_from_the_address_that_was_asked),
		story(a_burst_of_more_than_one_batch_is_answered_whole_and_in_order),
		story(what_is_not_answered_does_not_shift_the_answers_of_others),
		story(empty_and_overlong_datagrams_are_only_cut),
		story(an_answer_nobody_waits_for_harms_nobody),
		story(behind_a_front_end_the_header_names_the_client_and_the_answer_has_none),
		story(datagrams_without_a_right_header_or_from_others_are_dropped),
		story(a_batch_for_a_large_zone_is_looked_ahead_of_but_not_a_question_alone),
		story(elsewhere_a_header_is_only_octets),
		story(datagrams_that_the_kernel_had_to_drop_are_counted),
		story(a_thread_serves_several_sockets_until_it_is_stopped),
		story(a_thread_with_one_socket_serves_it_until_it_is_stopped),
		story(a_socket_is_read_on_by_who_takes_it_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
