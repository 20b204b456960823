/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/model/rr.h"
#include "server/querylog.h"
#include "server/querylog_line.h"

static const struct isb_client udp_client = {.addr = {.family = 4, .octets = {192, 0, 2, 7}}, .proto = ISB_UDP};
static const uint8_t www[] = "\3WwW\7example\3com";

static struct isb_summary steered(void)
{
	return (struct isb_summary){
		.name = www,
		.type = ISB_A,
		.cls = ISB_CLASS_IN,
		.rcode = ISB_NOERROR,
		.scope = 20,
		.ecs = {.addr = {.family = 4, .octets = {198, 51, 100}}, .len = 24},
		.endpoint = "asia/icn-1",
		.ttl_s = 30,
	};
}

/* --- The line --- */

static const char *line(const struct isb_summary *summary, const struct isb_client *client, int64_t time_ms, size_t size)
{
	static char out[ISB_QUERYLOG_LINE + 1];
	static _Alignas(16) uint8_t record[2048];
	size_t need = isb_querylog_size(summary);
	assert_true(need <= sizeof(record));
	memset(record, 0xee, sizeof(record));
	isb_querylog_pack((struct isb_querylog_record *)record, summary, client, time_ms, size);
	assert_int_equal(record[need], 0xee); /* not an octet more */
	size_t len = isb_querylog_print((struct isb_querylog_record *)record, out);
	assert_int_equal(strlen(out), len);
	return out;
}

static void a_line_has_every_key_in_its_place(void **state)
{
	(void)state;
	struct isb_summary summary = steered();
	assert_string_equal(line(&summary, &udp_client, 1795262400123, 61),
	                    "time=2026-11-21T12:00:00.123Z client=192.0.2.7 proto=udp ecs=198.51.100.0/24 "
	                    "name=www.example.com. class=IN type=A rcode=NOERROR endpoint=asia/icn-1 scope=20 ttl=30 size=61 "
	                    "flags=-\n");
}

static void what_is_not_there_is_a_dash(void **state)
{
	(void)state;
	struct isb_client client = {.addr = {.family = 6, .octets = {0x20, 1, 0xd, 0xb8, [15] = 1}}, .proto = ISB_TCP};
	struct isb_summary summary = {.rcode = ISB_FORMERR, .endpoint = "", .ttl_s = ISB_NO_TTL};
	assert_string_equal(line(&summary, &client, 1795262400000, 12),
	                    "time=2026-11-21T12:00:00.000Z client=2001:db8::1 proto=tcp ecs=- name=- class=- type=- "
	                    "rcode=FORMERR endpoint=- scope=- ttl=- size=12 flags=-\n");
}

static void numbers_without_a_name_and_flags_are_told(void **state)
{
	(void)state;
	struct isb_summary summary = steered();
	summary.type = 65400;
	summary.cls = 4;
	summary.rcode = (enum isb_rcode)23;
	summary.truncated = summary.failopen = true;
	summary.ttl_s = 0;
	const char *said = line(&summary, &udp_client, 1, 65535);
	assert_non_null(strstr(said, " class=CLASS4 type=TYPE65400 rcode=RCODE23 "));
	assert_non_null(strstr(said, " ttl=0 size=65535 flags=tc,failopen\n"));
	summary.truncated = false;
	assert_non_null(strstr(line(&summary, &udp_client, 1, 1), " flags=failopen\n"));
}

/* Every octet in a name, and names that look like more of the line. */
static void hostile_names_stay_one_word_of_printable_ascii(void **state)
{
	(void)state;
	struct isb_summary summary = steered();
	for (unsigned first = 0; first < 256; first += 32) {
		uint8_t name[34] = {32};
		for (unsigned i = 0; i < 32; i++)
			name[1 + i] = (uint8_t)(first + i);
		summary.name = name;
		const char *said = line(&summary, &udp_client, 1, 1);
		unsigned blanks = 0;
		for (const char *p = said; p[1]; p++) {
			assert_in_range((unsigned char)*p, ' ', '~');
			blanks += *p == ' ';
		}
		assert_int_equal(blanks, 12); /* between 13 keys */
		assert_int_equal(said[strlen(said) - 1], '\n');
	}
	summary.name = (const uint8_t *)"\14a\ntime=1 b=\"";
	assert_non_null(strstr(line(&summary, &udp_client, 1, 1), " name=a\\010time=1\\032b=\\\". class="));
	summary = steered();
	summary.endpoint = "po ol/e\"p\n\x80";
	assert_non_null(strstr(line(&summary, &udp_client, 1, 1), " endpoint=po\\032ol/e\\034p\\010\\128 scope="));
}

static void the_longest_line_fits(void **state)
{
	(void)state;
	uint8_t name[256];
	char endpoint[600];
	struct isb_client client = {.addr = {.family = 6}, .proto = ISB_TCP};
	memset(client.addr.octets, 0xff, 16);
	struct isb_summary summary = steered();
	for (unsigned i = 0; i < 3; i++) {
		name[i * 64] = 63;
		memset(name + i * 64 + 1, 0xff, 63);
	}
	name[192] = 61;
	memset(name + 193, 0xff, 61);
	name[254] = 0;
	memset(endpoint, 0xff, sizeof(endpoint));
	endpoint[sizeof(endpoint) - 1] = '\0';
	summary.name = name;
	summary.endpoint = endpoint;
	summary.ecs.addr = client.addr;
	summary.ecs.len = 128;
	summary.truncated = summary.failopen = true;
	summary.ttl_s = UINT32_MAX - 1;
	size_t len = strlen(line(&summary, &client, INT64_C(253402300799999), 65535));
	assert_true(len > 2000 && len < ISB_QUERYLOG_LINE);
}

/* --- The writer --- */

struct world {
	char dir[64], path[80], moved[80];
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	strcpy(world->dir, "/tmp/isobar-querylog-XXXXXX");
	if (!mkdtemp(world->dir))
		return -1;
	snprintf(world->path, sizeof(world->path), "%s/log", world->dir);
	snprintf(world->moved, sizeof(world->moved), "%s/log.1", world->dir);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	unlink(world->path);
	unlink(world->moved);
	int rc = rmdir(world->dir);
	free(world);
	return rc;
}

static struct isb_querylog *open_log(const char *path, unsigned workers)
{
	struct isb_diags diags = {0};
	struct isb_querylog *log = NULL;
	assert_int_equal(isb_querylog_new(path, workers, &diags, &log), ISB_OK);
	isb_diags_done(&diags);
	return log;
}

/* Lines that hold this text. */
static unsigned count_lines(const char *path, const char *text)
{
	char one[ISB_QUERYLOG_LINE + 1];
	unsigned count = 0;
	FILE *file = fopen(path, "r");
	if (!file)
		return 0;
	while (fgets(one, sizeof(one), file))
		if (strncmp(one, "time=", 5) == 0 && one[strlen(one) - 1] == '\n' && strstr(one, text))
			count++;
	fclose(file);
	return count;
}

static bool until_lines(const char *path, const char *text, unsigned count)
{
	for (int i = 0; i < 500 && count_lines(path, text) != count; i++)
		poll(NULL, 0, 10);
	return count_lines(path, text) == count;
}

static void every_worker_is_written_and_nothing_is_lost_at_the_end(void **state)
{
	struct world *world = *state;
	struct isb_querylog *log = open_log(world->path, 3);
	struct isb_summary summary = steered();
	for (unsigned i = 0; i < 300; i++)
		assert_true(isb_querylog_add(log, i % 3, &summary, &udp_client, 1, i % 3));
	isb_querylog_free(log);
	assert_int_equal(count_lines(world->path, " size=0 "), 100);
	assert_int_equal(count_lines(world->path, " size=1 "), 100);
	assert_int_equal(count_lines(world->path, " size=2 "), 100);
	log = open_log(world->path, 1); /* adds to what is there */
	assert_true(isb_querylog_add(log, 0, &summary, &udp_client, 1, 3));
	isb_querylog_free(log);
	assert_int_equal(count_lines(world->path, "time="), 301);
}

static void lines_appear_soon_without_being_many(void **state)
{
	struct world *world = *state;
	struct isb_querylog *log = open_log(world->path, 1);
	struct isb_summary summary = steered();
	assert_true(isb_querylog_add(log, 0, &summary, &udp_client, 1, 1));
	assert_true(until_lines(world->path, "time=", 1));
	isb_querylog_free(log);
}

static void a_file_that_was_moved_is_made_anew(void **state)
{
	struct world *world = *state;
	struct isb_querylog *log = open_log(world->path, 1);
	struct isb_summary summary = steered();
	isb_querylog_add(log, 0, &summary, &udp_client, 1, 1);
	assert_true(until_lines(world->path, " size=1 ", 1));
	assert_int_equal(rename(world->path, world->moved), 0);
	isb_querylog_add(log, 0, &summary, &udp_client, 1, 2);
	assert_true(until_lines(world->moved, " size=2 ", 1)); /* not asked to look yet */
	isb_querylog_reopen(log);
	for (int i = 0; i < 500 && access(world->path, F_OK) != 0; i++)
		poll(NULL, 0, 10);
	isb_querylog_add(log, 0, &summary, &udp_client, 1, 3);
	assert_true(until_lines(world->path, " size=3 ", 1));
	isb_querylog_reopen(log); /* not moved: goes on in the same file */
	isb_querylog_add(log, 0, &summary, &udp_client, 1, 4);
	isb_querylog_free(log);
	assert_int_equal(count_lines(world->moved, "time="), 2);
	assert_int_equal(count_lines(world->path, "time="), 2);
}

static void a_reader_that_does_not_read_costs_lines_and_no_time(void **state)
{
	struct world *world = *state;
	struct isb_summary summary = steered();
	assert_int_equal(mkfifo(world->path, 0600), 0);
	int reader = open(world->path, O_RDONLY | O_NONBLOCK);
	struct isb_querylog *log = open_log(world->path, 1);
	unsigned taken = 0, lost = 0;
	while (lost < 1000) {
		bool ok = isb_querylog_add(log, 0, &summary, &udp_client, 1, 9);
		taken += ok;
		lost += !ok;
		assert_true(taken < 100000); /* bounded: the ring, a buffer and the pipe */
	}
	assert_true(taken > 4000);
	/* When it reads again, it gets whole lines, and new ones are taken. */
	FILE *file = fdopen(reader, "r");
	fcntl(reader, F_SETFL, 0);
	char one[ISB_QUERYLOG_LINE + 1];
	for (unsigned i = 0; i < taken; i++) {
		assert_non_null(fgets(one, sizeof(one), file));
		if (strncmp(one, "time=", 5) != 0 || !strstr(one, " size=9 flags=-\n"))
			fail_msg("line %u: %s", i, one);
	}
	assert_true(isb_querylog_add(log, 0, &summary, &udp_client, 1, 10));
	assert_non_null(fgets(one, sizeof(one), file));
	assert_non_null(strstr(one, " size=10 "));
	fclose(file);
	isb_querylog_free(log);
}

static void the_end_does_not_wait_for_a_reader_for_ever(void **state)
{
	struct world *world = *state;
	struct isb_summary summary = steered();
	assert_int_equal(mkfifo(world->path, 0600), 0);
	int reader = open(world->path, O_RDONLY | O_NONBLOCK);
	struct isb_querylog *log = open_log(world->path, 1);
	while (isb_querylog_add(log, 0, &summary, &udp_client, 1, 9)) {
	}
	isb_querylog_free(log); /* ends: that is the test */
	close(reader);
}

static void what_cannot_be_opened_is_said_with_its_name(void **state)
{
	struct world *world = *state;
	struct isb_diags diags = {0};
	struct isb_querylog *log = NULL;
	char missing[128], said[256];
	snprintf(missing, sizeof(missing), "%s/no/log", world->dir);
	assert_int_equal(isb_querylog_new(missing, 1, &diags, &log), ISB_EIO);
	assert_null(log);
	snprintf(said, sizeof(said), "cannot open the query log '%s': No such file or directory", missing);
	assert_string_equal(diags.list[0].text, said);
	isb_diags_done(&diags);
	diags = (struct isb_diags){0};
	assert_int_equal(mkfifo(world->path, 0600), 0);
	assert_int_equal(isb_querylog_new(world->path, 1, &diags, &log), ISB_EIO);
	assert_non_null(strstr(diags.list[0].text, "(nobody reads this FIFO)"));
	isb_diags_done(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_every_key_in_its_place),
		cmocka_unit_test(what_is_not_there_is_a_dash),
		cmocka_unit_test(numbers_without_a_name_and_flags_are_told),
		cmocka_unit_test(hostile_names_stay_one_word_of_printable_ascii),
		cmocka_unit_test(the_longest_line_fits),
		cmocka_unit_test_setup_teardown(every_worker_is_written_and_nothing_is_lost_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_appear_soon_without_being_many, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_was_moved_is_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_that_does_not_read_costs_lines_and_no_time, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_does_not_wait_for_a_reader_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_said_with_its_name, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
