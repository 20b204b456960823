/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "server/handover.h"

static struct isb_handover sockets(void)
{
	struct isb_handover m = {.kind = ISB_HANDOVER_SOCKETS, .pid = 4711, .total = 3, .release = "1.2.3",
	                         .cookies = {.count = 2, .secret = {{1, 2}, {3, 4}}}};
	return m;
}

static void what_is_written_can_be_read_back(void **state)
{
	(void)state;
	struct isb_handover all[] = {
		sockets(),
		{.kind = ISB_HANDOVER_ASK, .release = "0.1.0"},
		{.kind = ISB_HANDOVER_REFUSED, .reason = "it is being stopped"},
		{.kind = ISB_HANDOVER_DONE},
		{.kind = ISB_HANDOVER_RELEASED},
		{.kind = ISB_HANDOVER_CONNECTION, .client = {.addr = {.family = 4, .octets = {192, 0, 2, 7}}, .port = 4711}},
		{.kind = ISB_HANDOVER_CONNECTION, .client = {.addr = {.family = 6, .octets = {0x20, 1, [15] = 9}}, .header = true}},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint8_t octets[ISB_HANDOVER_MESSAGE];
		struct isb_handover back;
		size_t len = isb_handover_encode(&all[i], octets);
		assert_int_equal(isb_handover_decode(octets, len, &back), ISB_OK);
		all[i].version = ISB_HANDOVER_VERSION;
		assert_int_equal(back.version, all[i].version);
		assert_int_equal(back.kind, all[i].kind);
		assert_int_equal(back.pid, all[i].pid);
		assert_int_equal(back.total, all[i].total);
		assert_string_equal(back.release, all[i].release);
		assert_string_equal(back.reason, all[i].reason);
		assert_memory_equal(&back.cookies, &all[i].cookies, sizeof(back.cookies));
		assert_memory_equal(&back.client, &all[i].client, sizeof(back.client));
		/* neither less nor more of it */
		if (all[i].kind == ISB_HANDOVER_REFUSED)
			continue;
		assert_int_equal(isb_handover_decode(octets, len - 1, &back), ISB_EFORMAT);
		octets[len] = 0;
		assert_int_equal(isb_handover_decode(octets, len + 1, &back), ISB_EFORMAT);
	}
}

/* These octets stay as they are in every version. */
static void a_refusal_is_understood_in_every_version(void **state)
{
	(void)state;
	static const uint8_t refused[] = "isoH\0\x63\0\x03" "not with me";
	struct isb_handover m;
	assert_int_equal(isb_handover_decode(refused, sizeof(refused) - 1, &m), ISB_OK);
	assert_int_equal(m.version, 99);
	assert_int_equal(m.kind, ISB_HANDOVER_REFUSED);
	assert_string_equal(m.reason, "not with me");
}

static void another_version_is_told_from_nonsense(void **state)
{
	(void)state;
	struct isb_handover m = {.pid = 1};
	assert_int_equal(isb_handover_decode((const uint8_t *)"isoH\0\x63\0\x01???", 11, &m), ISB_EVERSION);
	assert_int_equal(m.version, 99);
	assert_int_equal(isb_handover_decode((const uint8_t *)"isoG\0\x01\0\x04", 8, &m), ISB_EFORMAT);
	assert_int_equal(isb_handover_decode((const uint8_t *)"isoH\0\x01\0", 7, &m), ISB_EFORMAT);
	assert_int_equal(isb_handover_decode((const uint8_t *)"isoH\0\x01\0\x63", 8, &m), ISB_EFORMAT);
	assert_int_equal(isb_handover_decode(NULL, 0, &m), ISB_EFORMAT);
}

static void numbers_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint32_t value;
	} wrong[] = {{8, 0}, {8, 0x80000000}, {12, 0}, {12, ISB_HANDOVER_FDS_MAX + 1}, {16, ISB_COOKIE_SECRETS_MAX + 1}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t octets[ISB_HANDOVER_MESSAGE];
		struct isb_handover m = sockets();
		size_t len = isb_handover_encode(&m, octets);
		const uint32_t value = __builtin_bswap32(wrong[i].value);
		assert_int_equal(isb_handover_decode(octets, len, &m), ISB_OK);
		memcpy(octets + wrong[i].at, &value, sizeof(value));
		assert_int_equal(isb_handover_decode(octets, len, &m), ISB_EFORMAT);
	}
}

static void a_client_has_an_address(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{8, 0}, {8, 5}, {9, 2}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t octets[ISB_HANDOVER_MESSAGE];
		struct isb_handover m = {.kind = ISB_HANDOVER_CONNECTION, .client = {.addr = {.family = 4}}};
		size_t len = isb_handover_encode(&m, octets);
		octets[wrong[i].at] = wrong[i].value;
		assert_int_equal(isb_handover_decode(octets, len, &m), ISB_EFORMAT);
	}
}

static void a_text_from_elsewhere_is_made_printable(void **state)
{
	(void)state;
	uint8_t octets[ISB_HANDOVER_MESSAGE];
	struct isb_handover m = {.kind = ISB_HANDOVER_REFUSED, .reason = "a\nb\x1b[1m\"c"};
	size_t len = isb_handover_encode(&m, octets);
	assert_int_equal(isb_handover_decode(octets, len, &m), ISB_OK);
	assert_string_equal(m.reason, "a?b?[1m?c");
	m = (struct isb_handover){.kind = ISB_HANDOVER_ASK};
	memset(m.release, 'x', sizeof(m.release)); /* without an end */
	len = isb_handover_encode(&m, octets);
	assert_int_equal(isb_handover_decode(octets, len, &m), ISB_EFORMAT);
}

/* Whatever one octet of a message becomes, and wherever it is cut. */
static void spoilt_messages_do_no_harm(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 1);
	for (int i = 0; i < 200000; i++) {
		uint8_t octets[ISB_HANDOVER_MESSAGE];
		struct isb_handover m = sockets(), back = {0};
		size_t len = isb_handover_encode(&m, octets), cut = isb_rng_below(&rng, len + 1);
		for (int k = 0; k < 3; k++)
			octets[isb_rng_below(&rng, len)] = (uint8_t)isb_rng_below(&rng, 256);
		uint8_t *piece = malloc(cut ? cut : 1);
		memcpy(piece, octets, cut);
		int rc = isb_handover_decode(piece, cut, &back);
		free(piece);
		assert_true(rc == ISB_OK || rc == ISB_EFORMAT || rc == ISB_EVERSION);
		assert_true(back.total <= ISB_HANDOVER_FDS_MAX && back.cookies.count <= ISB_COOKIE_SECRETS_MAX);
		assert_non_null(memchr(back.release, '\0', sizeof(back.release)));
		assert_non_null(memchr(back.reason, '\0', sizeof(back.reason)));
	}
}

/* --- With descriptors --- */

static int pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

/* Descriptors that are open. */
static unsigned count_open(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void descriptors_come_along_and_are_closed_on_exec(void **state)
{
	(void)state;
	int ends[2], out[ISB_HANDOVER_FDS], in[ISB_HANDOVER_FDS];
	size_t n;
	struct isb_handover m = sockets();
	assert_int_equal(pair(ends), 0);
	for (size_t i = 0; i < ISB_HANDOVER_FDS; i++)
		out[i] = ends[i % 2];
	assert_int_equal(isb_handover_send(ends[0], &m, out, ISB_HANDOVER_FDS), ISB_OK);
	assert_int_equal(isb_handover_receive(ends[1], &m, in, &n), ISB_OK);
	assert_int_equal(n, ISB_HANDOVER_FDS);
	for (size_t i = 0; i < n; i++) {
		assert_true(fcntl(in[i], F_GETFD) & FD_CLOEXEC);
		close(in[i]);
	}
	assert_int_equal(isb_handover_send(ends[0], &m, NULL, 0), ISB_OK);
	assert_int_equal(isb_handover_receive(ends[1], &m, in, &n), ISB_OK);
	assert_int_equal(n, 0);
	close(ends[0]);
	assert_int_equal(isb_handover_receive(ends[1], &m, in, &n), ISB_ENOTFOUND);
	close(ends[1]);
}

static void the_last_words_of_who_did_not_listen_are_heard(void **state)
{
	(void)state;
	int ends[2], in[ISB_HANDOVER_FDS];
	size_t n;
	struct isb_handover ask = {.kind = ISB_HANDOVER_ASK}, no = {.kind = ISB_HANDOVER_REFUSED, .reason = "no"}, heard;
	assert_int_equal(pair(ends), 0);
	assert_int_equal(isb_handover_send(ends[0], &ask, NULL, 0), ISB_OK);
	assert_int_equal(isb_handover_send(ends[1], &no, NULL, 0), ISB_OK);
	close(ends[1]);
	assert_int_equal(isb_handover_receive(ends[0], &heard, in, &n), ISB_OK);
	assert_string_equal(heard.reason, "no");
	assert_int_equal(isb_handover_receive(ends[0], &heard, in, &n), ISB_ENOTFOUND);
	close(ends[0]);
}

static void what_comes_with_nonsense_is_closed(void **state)
{
	(void)state;
	int ends[2], in[ISB_HANDOVER_FDS];
	size_t n = 77;
	uint8_t big[ISB_HANDOVER_MESSAGE + 1] = "isoH";
	union {
		struct cmsghdr align;
		uint8_t octets[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct isb_handover m = {.pid = 5};
	assert_int_equal(pair(ends), 0);
	unsigned before = count_open();
	for (size_t len = 1; len <= sizeof(big); len += sizeof(big) - 1) {
		struct iovec iov = {.iov_base = big, .iov_len = len};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.octets, .msg_controllen = sizeof(control)};
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(2 * sizeof(int))};
		memcpy(CMSG_DATA(c), ends, sizeof(ends));
		assert_int_equal(sendmsg(ends[0], &msg, 0), len);
		assert_int_equal(isb_handover_receive(ends[1], &m, in, &n), ISB_EFORMAT);
		assert_int_equal(count_open(), before);
	}
	assert_int_equal(m.pid, 5);
	assert_int_equal(n, 77);
	close(ends[0]);
	close(ends[1]);
}

static void without_room_for_descriptors_it_says_so_and_keeps_none(void **state)
{
	(void)state;
	int ends[2], in[ISB_HANDOVER_FDS], out[8];
	size_t n;
	struct isb_handover m = sockets();
	struct rlimit limit, low;
	assert_int_equal(pair(ends), 0);
	for (int i = 0; i < 8; i++)
		out[i] = ends[0];
	assert_int_equal(isb_handover_send(ends[0], &m, out, 8), ISB_OK);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	low.rlim_cur = (rlim_t)ends[1] + 4;
	unsigned before = count_open();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	int rc = isb_handover_receive(ends[1], &m, in, &n), error = errno;
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_int_equal(rc, ISB_EIO);
	assert_int_equal(error, EMFILE);
	assert_int_equal(count_open(), before);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_can_be_read_back),
		cmocka_unit_test(a_refusal_is_understood_in_every_version),
		cmocka_unit_test(another_version_is_told_from_nonsense),
		cmocka_unit_test(numbers_that_cannot_be_are_refused),
		cmocka_unit_test(a_client_has_an_address),
		cmocka_unit_test(a_text_from_elsewhere_is_made_printable),
		cmocka_unit_test(spoilt_messages_do_no_harm),
		cmocka_unit_test(descriptors_come_along_and_are_closed_on_exec),
		cmocka_unit_test(the_last_words_of_who_did_not_listen_are_heard),
		cmocka_unit_test(what_comes_with_nonsense_is_closed),
		cmocka_unit_test(without_room_for_descriptors_it_says_so_and_keeps_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
