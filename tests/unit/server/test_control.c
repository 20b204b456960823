/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "server/control.h"
#include "server/handed.h"

/* The two ends of a handover in one process: the old one's thread polls as isobard does, the test is the new one. */

enum { UDP_SOCKETS = 300 }; /* more than go with one message */

struct world {
	char dir[32], path[64];
	struct isb_listen listen;
	int udp[UDP_SOCKETS], stop[2], connection[2];
	struct isb_handover_client adopted[4];
	size_t nadopted;
	struct isb_control *control;
	pthread_t thread;
	bool done;
};

static void fill(void *arg, struct isb_offer *offer)
{
	struct world *world = arg;
	for (int i = 0; i < UDP_SOCKETS; i++)
		isb_offer_add(offer, world->udp[i]);
	offer->cookies = (struct isb_cookie_secrets){.count = 1, .secret = {{42}}};
}

static void hand_over_connection(struct world *world, uint8_t host)
{
	const struct isb_handover m = {.kind = ISB_HANDOVER_CONNECTION,
	                               .client = {.addr = {.family = 4, .octets = {192, 0, 2, host}}, .port = 5}};
	assert_int_equal(isb_handover_send(isb_control_successor(world->control), &m, world->connection, 1), ISB_OK);
}

static void adopt(void *arg, int fd, const struct isb_handover_client *client)
{
	struct world *world = arg;
	world->adopted[world->nadopted++] = *client;
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

/* Until a successor serves, or the test says so. */
static void *serve(void *arg)
{
	struct world *world = arg;
	for (;;) {
		struct pollfd polled[1 + ISB_CONTROL_POLLED] = {{.fd = world->stop[0], .events = POLLIN}};
		isb_control_polled(world->control, polled + 1);
		poll(polled, 1 + ISB_CONTROL_POLLED, -1);
		if (polled[0].revents)
			return NULL;
		world->done = isb_control_turn(world->control, polled + 1, fill, world);
		if (world->done) {
			hand_over_connection(world, 1);
			hand_over_connection(world, 2);
			isb_control_released(world->control);
			hand_over_connection(world, 3);
			return NULL;
		}
	}
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct isb_diags diags = {0};
	world->listen = (struct isb_listen){.addr = {.family = 4, .octets = {127, 0, 0, 1}}};
	world->listen.port = (uint16_t)(30000 + getpid() % 10000);
	snprintf(world->dir, sizeof(world->dir), "/tmp/isobar-control-XXXXXX");
	if (!mkdtemp(world->dir) || pipe(world->stop) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, world->connection) != 0)
		return -1;
	snprintf(world->path, sizeof(world->path), "%s/control", world->dir);
	while (isb_listen_check(&world->listen, &diags) != ISB_OK)
		world->listen.port++;
	for (int i = 0; i < UDP_SOCKETS; i++)
		if (isb_listen_udp(&world->listen, &diags, &world->udp[i]) != ISB_OK)
			return -1;
	if (isb_control_new(world->path, NULL, &diags, &world->control) != ISB_OK)
		return -1;
	isb_diags_done(&diags);
	*state = world;
	return pthread_create(&world->thread, NULL, serve, world);
}

static void end_of_old(struct world *world)
{
	if (write(world->stop[1], "", 1) == 1)
		pthread_join(world->thread, NULL);
	isb_control_quit(world->control);
	isb_control_free(world->control);
	world->control = NULL;
}

static int teardown(void **state)
{
	struct world *world = *state;
	if (world->control)
		end_of_old(world);
	for (int i = 0; i < UDP_SOCKETS; i++)
		close(world->udp[i]);
	for (int i = 0; i < 2; i++) {
		close(world->stop[i]);
		close(world->connection[i]);
	}
	int rc = access(world->path, F_OK) == 0; /* whoever listened last has taken it away */
	rc |= rmdir(world->dir);
	free(world);
	return rc;
}

static struct isb_handed *ask(struct world *world)
{
	struct isb_diags diags = {0};
	struct isb_handed *handed = NULL;
	int rc = isb_handed_ask(world->path, &diags, &handed);
	for (size_t i = 0; i < diags.count; i++)
		print_message("%s\n", diags.list[i].text);
	assert_int_equal(rc, ISB_OK);
	isb_diags_done(&diags);
	return handed;
}

static void expect_refusal(struct world *world, int code, const char *why)
{
	struct isb_diags diags = {0};
	struct isb_handed *handed = NULL;
	assert_int_equal(isb_handed_ask(world->path, &diags, &handed), code);
	assert_null(handed);
	assert_true(diags.count > 0);
	assert_non_null(strstr(diags.list[0].text, why));
	isb_diags_done(&diags);
}

static void only_its_user_may_open_the_socket(void **state)
{
	struct world *world = *state;
	struct stat st;
	assert_int_equal(stat(world->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void all_sockets_come_and_are_found_by_what_they_are(void **state)
{
	struct world *world = *state;
	struct isb_handed *handed = ask(world);
	struct isb_listen other = world->listen, all = {.addr = {.family = 4}, .port = world->listen.port};
	assert_int_equal(isb_handed_count(handed), UDP_SOCKETS + 1);
	assert_int_equal(isb_handed_pid(handed), getpid());
	assert_string_equal(isb_handed_release(handed), ISB_VERSION);
	assert_int_equal(isb_handed_cookies(handed)->secret[0][0], 42);
	assert_true(isb_handed_covers(handed, &world->listen));
	assert_true(isb_handed_covers(handed, &all));
	other.port++;
	assert_false(isb_handed_covers(handed, &other));
	assert_int_equal(isb_handed_inet(handed, SOCK_DGRAM, &other, 0), -1);
	assert_int_equal(isb_handed_inet(handed, SOCK_STREAM, &world->listen, 0), -1);
	assert_int_equal(isb_handed_inet(handed, SOCK_DGRAM, &world->listen, UDP_SOCKETS), -1);
	assert_int_equal(isb_handed_local(handed, SOCK_SEQPACKET, "/elsewhere"), -1);
	assert_int_equal(isb_handed_local(handed, SOCK_STREAM, world->path), -1);
	for (unsigned i = 0; i < UDP_SOCKETS; i += 299) { /* the first, and the last in another message: taken once */
		int fd = isb_handed_inet(handed, SOCK_DGRAM, &world->listen, i);
		assert_true(fd >= 0);
		struct stat ours, theirs;
		assert_int_equal(fstat(fd, &ours), 0);
		assert_int_equal(fstat(world->udp[i], &theirs), 0);
		assert_int_equal(ours.st_ino, theirs.st_ino);
		close(fd);
		assert_int_equal(isb_handed_inet(handed, SOCK_DGRAM, &world->listen, i), -1);
	}
	isb_handed_free(handed);
}

static void without_a_word_the_old_one_goes_on_and_the_next_may_come(void **state)
{
	struct world *world = *state;
	for (int i = 0; i < 3; i++)
		isb_handed_free(ask(world));
	end_of_old(world);
	assert_false(world->done);
}

static void who_comes_second_is_refused(void **state)
{
	struct world *world = *state;
	struct isb_handed *first = ask(world);
	struct isb_diags diags = {0};
	expect_refusal(world, ISB_EREFUSED, "is replacing it already");
	assert_int_equal(isb_handed_check(first, &diags), ISB_OK);
	isb_handed_free(first);
	isb_handed_free(ask(world));
}

static void the_successor_goes_on_where_the_old_one_listened(void **state)
{
	struct world *world = *state;
	struct isb_diags diags = {0};
	struct isb_control *next;
	struct isb_handed *handed = ask(world);
	assert_int_equal(isb_control_new(world->path, handed, &diags, &next), ISB_OK);
	assert_int_equal(isb_handed_check(handed, &diags), ISB_OK);
	assert_int_equal(isb_handed_polled(NULL), -1);
	assert_true(isb_handed_finish(handed, adopt, world));
	assert_int_equal(isb_handed_count(handed), 0); /* nothing that was not taken stays open */
	assert_int_equal(world->nadopted, 2);
	pthread_join(world->thread, NULL);
	assert_true(world->done);
	assert_true(isb_handed_turn(handed, adopt, world));
	assert_int_equal(world->nadopted, 3);
	assert_int_equal(world->adopted[2].addr.octets[3], 3);
	char in[8];
	assert_int_equal(read(world->connection[1], in, sizeof(in)), 3);
	assert_int_equal(isb_control_pid(world->control), getpid());
	assert_string_equal(isb_control_release(world->control), ISB_VERSION);
	isb_control_quit(world->control); /* nothing to say to who serves */
	isb_control_free(world->control);
	assert_false(isb_handed_turn(handed, adopt, world));
	assert_int_equal(access(world->path, F_OK), 0);
	isb_handed_free(handed);
	isb_control_settle(next);
	world->control = next;
	assert_int_equal(pthread_create(&world->thread, NULL, serve, world), 0);
	isb_handed_free(ask(world));
}

static void a_successor_that_fails_leaves_the_path_alone(void **state)
{
	struct world *world = *state;
	struct isb_diags diags = {0};
	struct isb_control *next;
	struct isb_handed *handed = ask(world);
	assert_int_equal(isb_control_new(world->path, handed, &diags, &next), ISB_OK);
	isb_control_free(next);
	isb_handed_free(handed);
	isb_handed_free(ask(world));
}

static void an_old_one_that_is_stopped_says_so_and_one_that_died_does_not(void **state)
{
	struct world *world = *state;
	struct isb_diags diags = {0};
	struct isb_handed *handed = ask(world);
	end_of_old(world);
	assert_int_equal(isb_handed_check(handed, &diags), ISB_EREFUSED);
	assert_non_null(strstr(diags.list[0].text, "it is being stopped"));
	assert_int_equal(isb_handed_check(handed, &diags), ISB_OK); /* that was all it had to say: as if it had died */
	assert_true(isb_handed_finish(handed, adopt, world));
	isb_handed_free(handed);
	isb_diags_done(&diags);
	expect_refusal(world, ISB_ENOTFOUND, "nobody listens there");
}

static int dial(const struct world *world)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", world->path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void who_speaks_otherwise_is_refused_in_words(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *octets;
		size_t len;
		const char *why;
	} cases[] = {{"isoH\0\x63\0\x01later", 13, "hands over in another way"},
	             {"GET / HTTP/1.1\r\n\r\n", 18, "not what an isobard says"},
	             {"isoH\0\x01\0\x04", 8, "not what an isobard says"}}; /* DONE before it has asked */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_handover said;
		int fd = dial(world), fds[ISB_HANDOVER_FDS];
		size_t n;
		assert_int_equal(send(fd, cases[i].octets, cases[i].len, 0), cases[i].len);
		assert_int_equal(isb_handover_receive(fd, &said, fds, &n), ISB_OK);
		assert_int_equal(said.kind, ISB_HANDOVER_REFUSED);
		assert_non_null(strstr(said.reason, cases[i].why));
		assert_int_equal(isb_handover_receive(fd, &said, fds, &n), ISB_ENOTFOUND);
		close(fd);
	}
	isb_handed_free(ask(world));
}

int main(void)
{
#define story(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		story(only_its_user_may_open_the_socket),
		story(all_sockets_come_and_are_found_by_what_they_are),
		story(without_a_word_the_old_one_goes_on_and_the_next_may_come),
		story(who_comes_second_is_refused),
		story(the_successor_goes_on_where_the_old_one_listened),
		story(a_successor_that_fails_leaves_the_path_alone),
		story(an_old_one_that_is_stopped_says_so_and_one_that_died_does_not),
		story(who_speaks_otherwise_is_refused_in_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
