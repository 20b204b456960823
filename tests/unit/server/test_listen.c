/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "server/listen.h"

static void an_address_and_a_port_read_back_as_written(void **state)
{
	(void)state;
	static const struct {
		const char *text, *printed;
	} good[] = {
		{"127.0.0.1", "127.0.0.1:53"},   {"127.0.0.1:5300", "127.0.0.1:5300"},
		{"0.0.0.0:1", "0.0.0.0:1"},      {"::1", "[::1]:53"},
		{"[::1]", "[::1]:53"},           {"[::1]:65535", "[::1]:65535"},
		{"2001:db8::53", "[2001:db8::53]:53"},
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct isb_listen listen;
		char text[ISB_LISTEN_TEXT];
		assert_int_equal(isb_listen_parse(good[i].text, &listen), ISB_OK);
		assert_string_equal(isb_listen_print(&listen, text), good[i].printed);
		assert_false(listen.optional);
	}
}

static void what_is_no_address_and_port_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",     "localhost", ":53",    "127.0.0.1:",     "127.0.0.1:dns", "127.0.0.1:+53", "127.0.0.1:53 ",
		"[::1", "[::1]53",   "[::1]:", "::1]:53",        "[::1]:53:1",    "[127.0.0.1]:53", "127.0.0.1:0x35",
		"[]:53", "1.2.3:53",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct isb_listen listen = {.port = 7};
		assert_int_equal(isb_listen_parse(bad[i], &listen), ISB_EFORMAT);
		assert_int_equal(listen.port, 7);
	}
}

static void a_port_beyond_16_bits_or_zero_is_out_of_range(void **state)
{
	(void)state;
	struct isb_listen listen;
	assert_int_equal(isb_listen_parse("127.0.0.1:0", &listen), ISB_ERANGE);
	assert_int_equal(isb_listen_parse("127.0.0.1:65536", &listen), ISB_ERANGE);
	assert_int_equal(isb_listen_parse("[::1]:99999999999999999999", &listen), ISB_ERANGE);
}

/* A free port of 127.0.0.1; the test binds it again at once. */
static struct isb_listen free_port(void)
{
	struct isb_listen listen = {.addr = {.family = 4, .octets = {127, 0, 0, 1}}};
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	listen.port = ntohs(sa.sin_port);
	return listen;
}

static void workers_share_an_address_but_a_second_server_is_told_that_it_is_taken(void **state)
{
	(void)state;
	struct isb_listen addr = free_port();
	struct isb_diags diags;
	isb_diags_init(&diags);
	int fds[4];
	assert_int_equal(isb_listen_check(&addr, &diags), ISB_OK);
	assert_int_equal(isb_listen_udp(&addr, &diags, &fds[0]), ISB_OK);
	assert_int_equal(isb_listen_udp(&addr, &diags, &fds[1]), ISB_OK);
	assert_int_equal(isb_listen_check(&addr, &diags), ISB_EIO);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(isb_listen_tcp(&addr, &diags, &fds[2]), ISB_OK);
	assert_int_equal(isb_listen_tcp(&addr, &diags, &fds[3]), ISB_OK);
	assert_int_equal(listen(fds[2], 1), 0);
	assert_int_equal(isb_listen_check(&addr, &diags), ISB_EIO);
	close(fds[2]);
	close(fds[3]);
	assert_int_equal(isb_listen_check(&addr, &diags), ISB_OK);
	assert_int_equal(diags.count, 2);
	assert_non_null(strstr(diags.list[0].text, "cannot listen on 127.0.0.1:"));
	assert_non_null(strstr(diags.list[0].text, strerror(EADDRINUSE)));
	isb_diags_done(&diags);
}

/* With a wildcard an answer has to be told which address to leave from; elsewhere that would only cost. */
static void only_a_wildcard_is_told_which_address_was_asked(void **state)
{
	(void)state;
	static const struct {
		const char *addr;
		int level, option, told;
	} sockets[] = {
		{"127.0.0.1", IPPROTO_IP, IP_PKTINFO, 0},
		{"0.0.0.0", IPPROTO_IP, IP_PKTINFO, 1},
		{"::1", IPPROTO_IPV6, IPV6_RECVPKTINFO, 0},
		{"::", IPPROTO_IPV6, IPV6_RECVPKTINFO, 1},
	};
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		struct isb_diags diags;
		struct isb_listen listen = {.port = 0}; /* any */
		int fd, told;
		socklen_t len = sizeof(told);
		isb_diags_init(&diags);
		assert_int_equal(isb_addr_parse(sockets[i].addr, &listen.addr), ISB_OK);
		assert_int_equal(isb_listen_udp(&listen, &diags, &fd), ISB_OK);
		assert_int_equal(getsockopt(fd, sockets[i].level, sockets[i].option, &told, &len), 0);
		assert_int_equal(told, sockets[i].told);
		close(fd);
		isb_diags_done(&diags);
	}
}

static void an_address_of_another_machine_is_an_error_unless_nobody_asked_for_it(void **state)
{
	(void)state;
	struct isb_listen listen;
	struct isb_diags diags;
	isb_diags_init(&diags);
	assert_int_equal(isb_listen_parse("192.0.2.1:5300", &listen), ISB_OK); /* documentation only, RFC 5737 */
	assert_int_equal(isb_listen_check(&listen, &diags), ISB_EIO);
	assert_int_equal(diags.count, 1);
	assert_non_null(strstr(diags.list[0].text, "cannot listen on 192.0.2.1:5300"));
	listen.optional = true;
	assert_int_equal(isb_listen_check(&listen, &diags), ISB_ENOTFOUND);
	assert_int_equal(diags.count, 1);
	isb_diags_done(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_and_a_port_read_back_as_written),
		cmocka_unit_test(what_is_no_address_and_port_is_refused),
		cmocka_unit_test(a_port_beyond_16_bits_or_zero_is_out_of_range),
		cmocka_unit_test(workers_share_an_address_but_a_second_server_is_told_that_it_is_taken),
		cmocka_unit_test(only_a_wildcard_is_told_which_address_was_asked),
		cmocka_unit_test(an_address_of_another_machine_is_an_error_unless_nobody_asked_for_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
