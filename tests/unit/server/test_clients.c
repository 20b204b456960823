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
#include "isobar/model/demand.h"
#include "server/clients.h"

static char dir[64], path[128];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/isobar-clients-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/clients", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static struct isb_clients *start(unsigned workers)
{
	struct isb_clients *clients = NULL;
	struct isb_diags diags = {0};
	assert_int_equal(isb_clients_new(path, -1, workers, NULL, &diags, &clients), ISB_OK);
	isb_diags_done(&diags);
	return clients;
}

static int dial(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(at.sun_path, path, strlen(path));
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Everything it says, up to the end of the connection. */
static const char *hear(int fd)
{
	static char text[ISB_DEMAND_TEXT + 1];
	size_t len = 0;
	for (ssize_t n; (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0;)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	return text;
}

static struct isb_addr addr_of(const char *text)
{
	struct isb_addr addr;
	assert_int_equal(isb_addr_parse(text, &addr), ISB_OK);
	return addr;
}

static void answer(struct isb_clients *clients, unsigned worker, const char *resolver, const char *ecs, bool was_steered)
{
	struct isb_client client = {.addr = addr_of(resolver)};
	struct isb_summary summary = {.steered = was_steered, .endpoint = "", .region = ""};
	if (ecs)
		assert_int_equal(isb_net_parse(ecs, &summary.ecs), ISB_OK);
	isb_clients_add(clients, worker, &summary, &client);
}

/* What was handed over before is counted within the thread's next rounds. */
static void says_at_last(const char *text)
{
	for (int i = 0; i < 500; i++) {
		if (strcmp(hear(dial()), text) == 0)
			return;
		usleep(10000);
	}
	assert_string_equal(hear(dial()), text);
}

static void steered_answers_count_for_the_client_and_for_its_resolver(void **state)
{
	(void)state;
	struct isb_clients *clients = start(3);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_string_equal(hear(dial()), "demand 1\nend\n");
	answer(clients, 0, "168.126.63.1", NULL, true);
	answer(clients, 1, "168.126.63.1", "168.126.63.0/24", true); /* itself */
	answer(clients, 2, "168.126.63.1", "61.32.0.128/25", true);  /* another network, which did not ask itself */
	answer(clients, 2, "168.126.63.1", "61.32.0.0/24", true);
	answer(clients, 2, "168.126.63.1", "61.32.0.0/24", true);
	answer(clients, 0, "168.126.63.1", "10.0.0.0/8", true);      /* says nothing about where it is */
	answer(clients, 0, "2001:4860:4860::8888", NULL, true);
	answer(clients, 0, "8.8.8.8", NULL, false);
	says_at_last("demand 1\n168.126.63.0/24 168.126.63.1 384\n61.32.0.0/24 - 192\n"
	             "2001:4860:4860::/48 2001:4860:4860::8888 64\nend\n");
	isb_clients_free(clients);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* A reader that connects and never reads keeps others out for a while, not for ever, and the server never. */
static void a_reader_that_does_not_read_is_let_go(void **state)
{
	(void)state;
	struct isb_clients *clients = start(1);
	char resolver[32];
	for (unsigned n = 0; n < 20000; n++) { /* faster than the thread, and more than the ring and the table hold */
		snprintf(resolver, sizeof(resolver), "20.%u.%u.9", n >> 8, n & 255);
		answer(clients, 0, resolver, NULL, true);
		if (n % 200 == 0)
			usleep(2000);
	}
	int lazy = dial();
	const char *text = hear(dial());
	static struct isb_demand_row rows[ISB_DEMAND_ROWS];
	size_t count = 0;
	assert_int_equal(isb_demand_parse(text, strlen(text), rows, &count), ISB_OK);
	assert_in_range(count, 1000, ISB_DEMAND_ROWS);
	close(lazy);
	lazy = dial();
	isb_clients_free(clients); /* does not wait for it */
	close(lazy);
}

struct flood {
	struct isb_clients *clients;
	unsigned worker;
};

static void *flood(void *arg)
{
	struct flood *f = arg;
	char resolver[32];
	for (unsigned n = 0; n < 20000; n++) {
		snprintf(resolver, sizeof(resolver), "20.%u.%u.9", f->worker, n & 63);
		answer(f->clients, f->worker, resolver, NULL, true);
	}
	return NULL;
}

static void workers_and_readers_do_not_meet(void **state)
{
	(void)state;
	enum { WORKERS = 4 };
	struct isb_clients *clients = start(WORKERS);
	struct flood floods[WORKERS];
	pthread_t threads[WORKERS];
	static struct isb_demand_row rows[ISB_DEMAND_ROWS];
	size_t count = 0;
	for (unsigned i = 0; i < WORKERS; i++) {
		floods[i] = (struct flood){clients, i};
		assert_int_equal(pthread_create(&threads[i], NULL, flood, &floods[i]), 0);
	}
	for (int i = 0; i < 20; i++) {
		const char *text = hear(dial());
		assert_int_equal(isb_demand_parse(text, strlen(text), rows, &count), ISB_OK);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 500 && count < WORKERS * 64; i++) {
		const char *text = hear(dial());
		assert_int_equal(isb_demand_parse(text, strlen(text), rows, &count), ISB_OK);
		usleep(10000);
	}
	assert_int_equal(count, WORKERS * 64);
	isb_clients_free(clients);
}

static void refused(const char *why)
{
	struct isb_clients *clients = NULL;
	struct isb_diags diags = {0};
	char want[256];
	snprintf(want, sizeof(want), "cannot listen at --clients '%s': %s", path, why);
	assert_int_equal(isb_clients_new(path, -1, 1, NULL, &diags, &clients), ISB_EIO);
	assert_null(clients);
	assert_int_equal(diags.count, 1);
	assert_string_equal(diags.list[0].text, want);
	isb_diags_done(&diags);
}

static void nothing_that_is_in_use_is_replaced(void **state)
{
	(void)state;
	struct isb_clients *clients = start(1);
	refused("another process does");
	assert_string_equal(hear(dial()), "demand 1\nend\n");
	isb_clients_free(clients);
	assert_int_equal(mkdir(path, 0700), 0);
	refused("there is a file that is no socket");
	assert_int_equal(rmdir(path), 0);
}

static void a_dead_socket_is_replaced(void **state)
{
	(void)state;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(at.sun_path, path, strlen(path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	close(fd);
	struct isb_clients *clients = start(1);
	assert_string_equal(hear(dial()), "demand 1\nend\n");
	isb_clients_free(clients);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(steered_answers_count_for_the_client_and_for_its_resolver, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_reader_that_does_not_read_is_let_go, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(workers_and_readers_do_not_meet, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(nothing_that_is_in_use_is_replaced, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_dead_socket_is_replaced, make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
