/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/view/zonefile.h"

#define ZONES ISB_TESTS_DIR "/unit/view/zones/"
#define APEX ((const uint8_t *)"\7example\3com")
/* Three lines that make any text after them a whole zone. */
#define HEAD "$TTL 300\n@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns.example.net.\n"

struct zone {
	struct isb_diags diags;
	struct isb_zonedata data;
	struct isb_buf text; /* all rrsets printed */
	int rc;
};

static void print_zone(struct zone *zone)
{
	for (size_t i = 0; i < zone->data.count; i++)
		isb_rrset_print(&zone->text, zone->data.sets[i].owner, zone->data.sets[i].set);
}

static struct zone read_octets(const char *text, size_t len)
{
	struct zone zone = {0};
	zone.rc = isb_zonetext_read(text, len, (struct isb_mark){.file = "text"}, APEX, &zone.diags, &zone.data);
	print_zone(&zone);
	return zone;
}

static struct zone read_text(const char *text)
{
	return read_octets(text, strlen(text));
}

static struct zone read_file(const char *path)
{
	struct zone zone = {0};
	zone.rc = isb_zonefile_read(path, APEX, &zone.diags, &zone.data);
	print_zone(&zone);
	return zone;
}

static void done(struct zone *zone)
{
	isb_buf_done(&zone->text);
	isb_zonedata_done(&zone->data);
	isb_diags_done(&zone->diags);
}

static void assert_has(const struct zone *zone, const char *line)
{
	if (!strstr(isb_buf_text(&zone->text), line))
		fail_msg("no '%s' in:\n%s", line, isb_buf_text(&zone->text));
}

static void assert_error(const struct zone *zone, unsigned line, const char *part)
{
	for (size_t i = 0; i < zone->diags.count; i++)
		if (zone->diags.list[i].at.line == line && strstr(zone->diags.list[i].text, part))
			return;
	isb_diags_print(&zone->diags, stderr);
	fail_msg("no error '%s' in line %u", part, line);
}

/* The text after HEAD is refused with exactly this one sentence, in this line (HEAD has three). */
static void refused(const char *text, unsigned line, const char *part)
{
	struct isb_buf all = {0};
	isb_buf_printf(&all, "%s%s", HEAD, text);
	struct zone zone = read_octets(all.data, all.len);
	assert_int_equal(zone.rc, ISB_EINVAL);
	assert_null(zone.data.sets);
	assert_error(&zone, line, part);
	if (zone.diags.count != 1)
		isb_diags_print(&zone.diags, stderr);
	assert_int_equal(zone.diags.count, 1);
	done(&zone);
	isb_buf_done(&all);
}

/* The text after HEAD is read and prints with this line; what is printed reads back to the same. */
static void accepted(const char *text, const char *line)
{
	struct isb_buf all = {0};
	isb_buf_printf(&all, "%s%s", HEAD, text);
	struct zone zone = read_octets(all.data, all.len);
	if (zone.rc != ISB_OK)
		isb_diags_print(&zone.diags, stderr);
	assert_int_equal(zone.rc, ISB_OK);
	assert_has(&zone, line);
	struct zone again = read_text(isb_buf_text(&zone.text));
	assert_int_equal(again.rc, ISB_OK);
	assert_string_equal(isb_buf_text(&zone.text), isb_buf_text(&again.text));
	for (size_t i = 0; i < zone.data.count; i++) {
		const struct isb_rrset *set = zone.data.sets[i].set;
		assert_true(isb_rrset_check(set, isb_rrset_bytes(set)));
		assert_memory_equal(set, again.data.sets[i].set, isb_rrset_bytes(set));
	}
	done(&again);
	done(&zone);
	isb_buf_done(&all);
}

/* --- Files and directives ---------------------------------------------------------------------------------------- */

static void a_file_with_includes_is_read_whole(void **state)
{
	(void)state;
	struct zone zone = read_file(ZONES "whole.zone");
	isb_diags_print(&zone.diags, stderr);
	assert_int_equal(zone.rc, ISB_OK);
	assert_string_equal(
		isb_buf_text(&zone.text),
		"example.com. 5400 IN NS ns1.example.com.\n"
		"example.com. 5400 IN NS ns2.example.net.\n"
		"example.com. 5400 IN SOA ns1.example.com. hostmaster.example.com. 2026112101 7200 900 1209600 300\n"
		"more.deep.example.com. 60 IN A 192.0.2.3\n"
		"x.deep.example.com. 60 IN A 192.0.2.2\n"
		"more.deep.eu.example.com. 60 IN A 192.0.2.3\n"
		"x.deep.eu.example.com. 60 IN A 192.0.2.2\n"
		"www.eu.example.com. 60 IN A 192.0.2.1\n"
		"www.eu.example.com. 60 IN AAAA 2001:db8::1\n"
		"last.example.com. 5400 IN A 192.0.2.99\n"
		"ns1.example.com. 600 IN A 192.0.2.53\n"
		"www.example.com. 60 IN A 192.0.2.1\n"
		"www.example.com. 60 IN AAAA 2001:db8::1\n");
	done(&zone);
}

static void every_error_of_a_file_is_listed_with_its_line(void **state)
{
	(void)state;
	struct zone zone = read_file(ZONES "errors.zone");
	assert_int_equal(zone.rc, ISB_EINVAL);
	assert_error(&zone, 5, "'192.0.2.256' in the rdata of A is not an IPv4 address");
	assert_error(&zone, 6, "unknown type 'AAA'; did you mean AAAA");
	assert_error(&zone, 7, "'ten' in the rdata of MX is not a number from 0 to 65535");
	assert_error(&zone, 2, "unknown type 'B'");
	assert_error(&zone, 9, "part/missing.zone': No such file");
	assert_error(&zone, 10, "outside the directory of the zone's file");
	assert_error(&zone, 11, "includes itself");
	assert_error(&zone, 12, "unknown directive '$ORIGN'; did you mean $ORIGIN");
	assert_error(&zone, 13, "'www.example.org.' is outside the zone 'example.com.'");
	assert_error(&zone, 14, "not closed on its line");
	assert_int_equal(zone.diags.count, 10);
	assert_string_equal(zone.diags.list[3].at.file, ZONES "part/wrong.zone");
	assert_int_equal(zone.diags.list[0].at.column, 7);
	done(&zone);
}

static void files_that_cannot_be_read_are_an_io_error(void **state)
{
	(void)state;
	static const char *const bad[] = {ZONES "none.zone", ZONES, "/dev/null", ""};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct zone zone = read_file(bad[i]);
		assert_int_equal(zone.rc, ISB_EIO);
		assert_int_equal(zone.diags.count, 1);
		done(&zone);
	}
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void includes_are_confined_and_bounded(void **state)
{
	(void)state;
	char dir[] = "/tmp/isobar-zonefile-XXXXXX", path[256], other[128];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/link.zone", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/fifo.zone", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	write_file(dir, "top.zone",
	           HEAD "$INCLUDE link.zone\n$INCLUDE /etc/passwd\n$INCLUDE ../../etc/passwd\n"
	                "$INCLUDE fifo.zone\n$INCLUDE 0.zone\n$INCLUDE\n$INCLUDE \"a\\000b\"\n$INCLUDE \"\"\n");
	for (int i = 0; i < 10; i++) {
		char name[32], text[32];
		snprintf(name, sizeof(name), "%d.zone", i);
		snprintf(text, sizeof(text), "$INCLUDE %d.zone\n", i + 1);
		write_file(dir, name, text);
	}
	snprintf(path, sizeof(path), "%s/top.zone", dir);
	struct zone zone = read_file(path);
	assert_int_equal(zone.rc, ISB_EINVAL);
	assert_error(&zone, 4, "outside the directory");
	assert_error(&zone, 5, "outside the directory");
	assert_error(&zone, 6, "outside the directory");
	assert_error(&zone, 7, "not a regular file");
	assert_error(&zone, 1, "more than 8 files deep");
	assert_error(&zone, 9, "write $INCLUDE FILE [ORIGIN]");
	assert_error(&zone, 10, "not a file name");
	assert_error(&zone, 11, "not a file name");
	assert_int_equal(zone.diags.count, 8);
	done(&zone);
	/* a directory whose name only begins like the top one is outside as well */
	snprintf(other, sizeof(other), "%s-beside", dir);
	assert_int_equal(mkdir(other, 0700), 0);
	write_file(other, "x.zone", "x A 192.0.2.1\n");
	char text[512];
	snprintf(text, sizeof(text), HEAD "$INCLUDE %s/x.zone\n", other);
	write_file(dir, "top.zone", text);
	zone = read_file(path);
	assert_error(&zone, 4, "outside the directory");
	done(&zone);
	static const char *const names[] = {"top", "link", "fifo", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s.zone", dir, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
	snprintf(path, sizeof(path), "%s/x.zone", other);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(other), 0);
}

static void text_from_memory_includes_nothing_and_keeps_its_place(void **state)
{
	(void)state;
	refused("$INCLUDE part/more.zone\n", 4, "$INCLUDE works in files only");
	struct zone zone = {0};
	const char *text = " bad\n" HEAD "www A x\n";
	struct isb_mark at = {.file = "catalog.yaml", .line = 41, .column = 7};
	assert_int_equal(isb_zonetext_read(text, strlen(text), at, APEX, &zone.diags, &zone.data), ISB_EINVAL);
	assert_error(&zone, 41, "unknown type 'bad'");
	assert_int_equal(zone.diags.list[0].at.column, 8);
	assert_error(&zone, 45, "not an IPv4 address");
	assert_int_equal(zone.diags.list[1].at.column, 7);
	assert_string_equal(zone.diags.list[1].at.file, "catalog.yaml");
	done(&zone);
}

static void origin_and_ttl_directives_hold_for_what_follows(void **state)
{
	(void)state;
	accepted("$ORIGIN eu\n$ttl 1w2d3h4m5s\nwww A 192.0.2.1\n", "www.eu.example.com. 788645 IN A 192.0.2.1\n");
	accepted("$ORIGIN eu\n@ A 192.0.2.1\n", "\neu.example.com. 300 IN A 192.0.2.1\n");
	refused("$ORIGIN\n", 4, "write $ORIGIN NAME");
	refused("$ORIGIN a..b\n", 4, "is not a domain name");
	refused("$TTL 1y\n", 4, "write $TTL TIME");
	refused("$TTL 2147483648\n", 4, "write $TTL TIME");
	refused("$WHATEVER x\n", 4, "unknown directive");
	accepted("\\$TTL A 192.0.2.1\n", "\\$ttl.example.com. 300 IN A 192.0.2.1\n");
}

static void ttl_and_class_come_in_any_order(void **state)
{
	(void)state;
	accepted("www 60 IN A 192.0.2.1\n", "www.example.com. 60 IN A");
	accepted("www IN 60 A 192.0.2.1\n", "www.example.com. 60 IN A");
	accepted("www CLASS1 1m30s TYPE1 192.0.2.1\n", "www.example.com. 90 IN A");
	accepted("www in a 192.0.2.1\n", "www.example.com. 300 IN A");
	accepted("a 0 A 192.0.2.1\n", "\na.example.com. 0 IN A");
	accepted("in 60 A 192.0.2.1\n", "in.example.com. 60 IN A"); /* an owner may look like a class */
	refused("www CH A 192.0.2.1\n", 4, "class 'CH'; only IN is served");
	refused("www CLASS3 A 192.0.2.1\n", 4, "only IN is served");
	refused("www 4294967296 A 192.0.2.1\n", 4, "neither a TTL");
	refused("www 60 60 A 192.0.2.1\n", 4, "neither a TTL");
	refused("www 99999999999999999999999 A 192.0.2.1\n", 4, "neither a TTL");
	refused("www 1h30 A 192.0.2.1\n", 4, "neither a TTL");
	refused("www 60 IN\n", 4, "a record without a type");
	refused("www\n", 4, "a record without a type");
}

static void without_a_ttl_the_last_one_or_the_soa_minimum_holds(void **state)
{
	(void)state;
	struct zone zone = read_text(
		"@ SOA ns1 h 1 2 3 4 77\n NS ns.example.net.\na A 192.0.2.1\nb 60 A 192.0.2.1\nc A 192.0.2.1\n");
	assert_int_equal(zone.rc, ISB_OK);
	assert_has(&zone, "example.com. 77 IN SOA");
	assert_has(&zone, "a.example.com. 77 IN A");
	assert_has(&zone, "b.example.com. 60 IN A");
	assert_has(&zone, "c.example.com. 60 IN A");
	done(&zone);
	zone = read_text("@ NS ns.example.net.\n@ 60 SOA ns1 h 1 2 3 4 5\n");
	assert_error(&zone, 1, "no TTL; put a line '$TTL 1h' at the top");
	done(&zone);
}

static void generate_makes_one_record_per_number(void **state)
{
	(void)state;
	accepted("$GENERATE 1-3 host$ A 192.0.2.$\n",
	         "host1.example.com. 300 IN A 192.0.2.1\nhost2.example.com. 300 IN A "
	         "192.0.2.2\nhost3.example.com. 300 IN A 192.0.2.3\n");
	accepted("$GENERATE 10-20/5 h${-10,3,d} 60 IN A 192.0.2.${1}\n",
	         "h000.example.com. 60 IN A 192.0.2.11\nh005.example.com. 60 IN A 192.0.2.16\nh010.example.com. 60 IN "
	         "A 192.0.2.21\n");
	accepted("$GENERATE 254-254 ${0,4,x}-${0,0,X}-${1,0,o} CNAME h$.net.\n",
	         "00fe-fe-377.example.com. 300 IN CNAME h254.net.\n");
	accepted("$GENERATE 7-7 a MX \"$ mail$\"\n", "a.example.com. 300 IN MX 7 mail7.example.com.\n");
	accepted("$GENERATE 7-7 a TXT \"$ $$ \\$\" x$\n", "a.example.com. 300 IN TXT \"7 $ $\" \"x7\"\n");
	accepted("$GENERATE 7-7 \\$x$$ A 192.0.2.$\n", "\\$x\\$.example.com. 300 IN A 192.0.2.7\n");
	accepted("$GENERATE 5-5 $ORIGIN A 192.0.2.$\n", "\n5origin.example.com. 300 IN A 192.0.2.5\n");
	accepted("$GENERATE 2147483647-2147483647 a TXT ${1}\n", "a.example.com. 300 IN TXT \"2147483648\"\n");
}

static void generate_refuses_what_it_cannot_bound(void **state)
{
	(void)state;
	static const char *const ranges[] = {"1",
	                                     "1-",
	                                     "-1",
	                                     "2-1",
	                                     "1-2/0",
	                                     "1-2/",
	                                     "a-b",
	                                     "1-2147483648",
	                                     "1-2/x",
	                                     "\"1-2\"",
	                                     "1-99999999999999999999"};
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		char text[128];
		snprintf(text, sizeof(text), "$GENERATE %s h$ A 192.0.2.$\n", ranges[i]);
		refused(text, 4, "write the range as START-STOP");
	}
	static const char *const modifiers[] = {"${",       "${}",       "${1",       "${1,}", "${1,64}",
	                                        "${1,2,z}", "${1,2,dd}", "${1,2,d,}", "${-2}", "${99999999999}",
	                                        "${x}"};
	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
		char text[128];
		snprintf(text, sizeof(text), "$GENERATE 1-2 h%s A 192.0.2.1\n", modifiers[i]);
		refused(text, 4, "wrong modifier");
	}
	refused("$GENERATE 1-2 h$ A\n", 4, "write $GENERATE START-STOP");
	refused("$GENERATE 0-2147483647 h$ A 192.0.2.1\n", 4, "more than 1000000 records");
	refused("$GENERATE 1-2 h TXT a\n$GENERATE 1-1000000 h$ A 192.0.2.1\n", 5, "more than 1000000 records");
	refused("$GENERATE 250-300 h$ A 192.0.2.$\n", 4, "'192.0.2.256' in the rdata of A"); /* said once */
	refused("$GENERATE 1-9 $$$$INCLUDE A x\n", 4, "not an IPv4 address"); /* what it makes is never a directive */
}

/* --- The shape of text ------------------------------------------------------------------------------------------- */

static void comments_blanks_and_parentheses_shape_lines(void **state)
{
	(void)state;
	accepted("; nothing\n\n \t\n   ; nothing\nwww\tA 192.0.2.1;x\n", "www.example.com. 300 IN A 192.0.2.1\n");
	accepted("www ( ; one\n A\n192.0.2.1\n)\n AAAA 2001:db8::1", "www.example.com. 300 IN AAAA 2001:db8::1\n");
	accepted("www(A)192.0.2.1\r\nx A 192.0.2.2\r\n",
	         "www.example.com. 300 IN A 192.0.2.1\nx.example.com. 300 IN A 192.0.2.2\n");
	accepted("t TXT a;b\n", "t.example.com. 300 IN TXT \"a\"\n");
	accepted("t TXT \"a;b(c)\"\"d\"e\n", "t.example.com. 300 IN TXT \"a;b(c)\" \"d\" \"e\"\n");
	accepted("t TXT a\\ b\\;c \\\"q\\\" \\065\\000\\\\\n",
	         "t.example.com. 300 IN TXT \"a b;c\" \"\\\"q\\\"\" \"A\\000\\\\\"\n");
	accepted("t TXT \"\"\n", "t.example.com. 300 IN TXT \"\"\n");
	accepted("www A 192.0.2.1\n\n; between\n\n AAAA ::1\n", "www.example.com. 300 IN AAAA ::1\n");
}

static void owners_are_folded_and_rdata_keeps_its_case(void **state)
{
	(void)state;
	accepted("WwW CNAME Target.Example.COM.\n", "www.example.com. 300 IN CNAME Target.Example.COM.\n");
	accepted("a\\.B.c A 192.0.2.1\n", "a\\.b.c.example.com. 300 IN A 192.0.2.1\n");
}

static void hostile_shapes_are_refused_in_their_line(void **state)
{
	(void)state;
	refused("www A ( 192.0.2.1\n\n\n", 4, "never closed");
	refused("www A ( 192.0.2.1\nx A ( 192.0.2.2 )\n", 4, "never closed");
	refused("www TXT ( \"a\n   more )\nx A 192.0.2.1\n", 4, "not closed on its line");
	refused("www A ( ( 192.0.2.1 ) )\n", 4, "never closed");
	refused("www A 192.0.2.1 )\n", 4, "')' without '('");
	refused("www TXT \"a\n", 4, "not closed on its line");
	refused("www TXT \"a", 4, "not closed on its line");
	refused("www TXT \"a\\\"\n", 4, "not closed on its line");
	refused("www TXT a\\\nb A 192.0.2.1\n", 4, "a backslash ends the line");
	refused("www TXT \\", 4, "a backslash ends the line");
	refused("www TXT \\256\n", 4, "is not strings");
	refused("www TXT \"\\25\"\n", 4, "is not strings");
	refused("\"www\" A 192.0.2.1\n", 4, "is not a domain name");
	refused("w..w A 192.0.2.1\n A 192.0.2.2\n", 4,
	        "is not a domain name"); /* its second record has nothing more to say */
	refused("www A\n", 4, "ends too early; write an IPv4 address");
	refused("www A 192.0.2.1 192.0.2.2\n", 4, "unexpected '192.0.2.2'");
	refused("www ANY x\n", 4, "cannot be in a zone");
	refused("www OPT x\n", 4, "cannot be in a zone");
}

static void a_record_before_any_owner_is_refused(void **state)
{
	(void)state;
	struct zone zone = read_text(" 300 A 192.0.2.1\n" HEAD);
	assert_int_equal(zone.diags.count, 1);
	assert_error(&zone, 1, "no owner");
	done(&zone);
}

static void nul_octets_are_refused_anywhere(void **state)
{
	(void)state;
	static const char *const tails[] = {"www A 192.0.2.1\0\n", "w\0ww A 192.0.2.1\n", "www TXT \"a\0b\"   \n",
	                                    "\0ww  A 192.0.2.1\n", "www TXT a\\\0b     \n"};
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		char text[256];
		size_t head = strlen(HEAD);
		memcpy(text, HEAD, head);
		memcpy(text + head, tails[i], 17);
		struct zone zone = read_octets(text, head + 17);
		assert_int_equal(zone.rc, ISB_EINVAL);
		assert_error(&zone, 4, "a NUL octet");
		done(&zone);
	}
}

static void names_that_are_too_long_are_refused(void **state)
{
	(void)state;
	char text[6000], label[65];
	memset(label, 'a', sizeof(label));
	label[64] = '\0';
	snprintf(text, sizeof(text), "%s A 192.0.2.1\n", label);
	refused(text, 4, "labels have 1 to 63 octets");
	label[63] = '\0';
	snprintf(text, sizeof(text), "%s.%s.%s.%s.%s A 192.0.2.1\n", label, label, label, label, label);
	refused(text, 4, "labels have 1 to 63 octets");
	snprintf(text, sizeof(text), "%s.%s.%s.%s CNAME %s.%s.%s.%s.\n", "a", "b", "c", "d", label, label, label,
	         label);
	refused(text, 4, "is not a domain name");
	memset(text, 'x', 5000);
	strcpy(text + 5000, " A 192.0.2.1\n");
	refused(text, 4, "labels have 1 to 63 octets");
}

static void a_file_cut_anywhere_never_breaks_the_reader(void **state)
{
	(void)state;
	static const char text[] =
		HEAD "www ( 60 IN\n TXT \"a\\\"b\" \\065 ) ; c\n$GENERATE 1-2 h${1,2,x} MX \"1 m$\"\n"
		     "s HTTPS 1 . alpn=\"h2,h3\" port=443\nx LOC 1 2 3 N 4 5 6 E 1m 2m 3m 4m\n$ORIGIN y\n";
	size_t good = 0;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len ? len : 1); /* its own piece, so that reading past it is seen */
		assert_non_null(copy);
		memcpy(copy, text, len);
		struct zone zone = read_octets(copy, len);
		assert_int_equal(zone.rc, zone.diags.count ? ISB_EINVAL : ISB_OK);
		good += zone.rc == ISB_OK;
		done(&zone);
		free(copy);
	}
	assert_true(good > 3 && good < 60);
}

static void a_long_list_of_errors_is_cut_but_counted(void **state)
{
	(void)state;
	struct isb_buf text = {0};
	isb_buf_puts(&text, HEAD);
	for (int i = 0; i < 50000; i++)
		isb_buf_puts(&text, "w A ( 192.0.2.1\n  x\n");
	struct zone zone = read_octets(text.data, text.len);
	assert_int_equal(zone.rc, ISB_EINVAL);
	assert_int_equal(zone.diags.count + zone.diags.dropped, 50000);
	done(&zone);
	isb_buf_done(&text);
}

/* --- Rdata ------------------------------------------------------------------------------------------------------- */

static void rdata_of_all_kinds_reads_and_prints_back(void **state)
{
	(void)state;
	static const char *const same[] = {
		"A 192.0.2.1",
		"AAAA 2001:db8::1",
		"NS ns.x.",
		"CNAME x.",
		"PTR x.",
		"DNAME x.",
		"MX 65535 mx.x.",
		"SRV 0 5 5060 x.",
		"TXT \"a b\" \"c\"",
		"HINFO \"PC\" \"Linux\"",
		"RP a.x. b.x.",
		"AFSDB 1 x.",
		"NAPTR 100 10 \"S\" \"SIP+D2U\" \"!^.*$!sip:a@x!\" _sip._udp.x.",
		"CAA 128 issue \"ca.example; a=b\"",
		"URI 10 1 \"https://x/\"",
		"DS 12345 13 2 0123456789abcdef",
		"CDS 0 0 0 00",
		"DNSKEY 257 3 13 AAAABBBB",
		"CDNSKEY 0 3 0 AA==",
		"SSHFP 1 1 aabb",
		"TLSA 3 1 1 abcdef",
		"OPENPGPKEY AAAA",
		"ZONEMD 1 1 1 aabb",
		"LOC 10 20 30.000 N 40 50 59.999 W 10m 1m 10000m 10m",
		"NSEC x. A MX TYPE1234",
		"NSEC3PARAM 1 0 100 -",
		"EUI48 00-00-5e-00-53-2a",
		"NID 10 0014:4fff:ff20:ee64",
		"CSYNC 66 3 A NS AAAA",
		"CERT PKIX 1 8 AAAA",
		"IPSECKEY 10 3 2 gw.x. AAAA",
		"APL 1:192.0.2.0/24 !2:2001:0db8:0000:0000:0000:0000:0000:0000/32",
		"RRSIG A 5 3 86400 20030322173103 20030220173103 2642 x. AAAA",
		"RESINFO \"qnamemin\"",
		"TYPE65280 \\# 4 00010203",
		"TYPE65280 \\# 0",
		"NULL \\# 2 aabb",
	};
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		char text[256], line[256];
		snprintf(text, sizeof(text), "y %s\n", same[i]);
		snprintf(line, sizeof(line), "\ny.example.com. 300 IN %s\n", same[i]);
		accepted(text, line);
	}
}

static void other_spellings_give_the_same_rdata(void **state)
{
	(void)state;
	accepted("y DS 1 ECDSAP256SHA256 2 AABB CC\n", "y.example.com. 300 IN DS 1 13 2 aabbcc\n");
	accepted("y DNSKEY 257 3 ed25519 AAAA BBBB\n", "y.example.com. 300 IN DNSKEY 257 3 15 AAAABBBB\n");
	accepted("y MX 10 mail\n", "y.example.com. 300 IN MX 10 mail.example.com.\n");
	accepted("y RP @ .\n", "y.example.com. 300 IN RP example.com. .\n");
	accepted("y CAA 0 issue ca.example\n", "y.example.com. 300 IN CAA 0 issue \"ca.example\"\n");
	accepted("y A \\# 4 C0 000201\n", "y.example.com. 300 IN A 192.0.2.1\n");
	accepted("y TYPE15 10 mail\n", "y.example.com. 300 IN MX 10 mail.example.com.\n");
	accepted("y NSEC z A MX\n", "y.example.com. 300 IN NSEC z.example.com. A MX\n");
	accepted("y SRV 0 0 80 A\\046b\n", "y.example.com. 300 IN SRV 0 0 80 A\\.b.example.com.\n");
}

static void wrong_rdata_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"A 1.2.3",
		"A 01.2.3.4.5",
		"A ::1",
		"A \"192.0.2.1\"",
		"AAAA 192.0.2.1",
		"AAAA 1::2::3",
		"MX 65536 a",
		"MX -1 a",
		"MX a 10",
		"MX 10",
		"SRV 0 0 99999 x",
		"SRV 0 0 80 \"x\"",
		"CNAME a b",
		"CNAME",
		"TXT",
		"DS 99999 8 2 aabb",
		"DS 1 300 2 aabb",
		"DS 1 8 2 aab",
		"DS 1 8 2",
		"DS 1 8 2 zz",
		"DNSKEY 257 3 13 A!AA",
		"DNSKEY 257 3 13 AAA",
		"DNSKEY 257 3 13 AB==",
		"CAA 256 issue x",
		"CAA 0 is-sue x",
		"CAA 0 issue",
		"TLSA 3 1 1 \"aa\"",
		"NSEC foo A BOGUS",
		"NSEC3PARAM 1 0 70000 -",
		"CERT 99999 1 8 AAAA",
		"APL 1:192.0.2.0/99",
		"APL 2:::/129",
		"LOC 10 20 N 30 W 10m",
		"LOC 91 0 0 N 0 0 0 E 0m",
		"LOC 1 60 0 N 0 0 0 E 0m",
		"LOC 90 0 1 N 0 0 0 E 0m",
		"LOC 1 0 0 N 0 0 0 E 0m junk",
		"IPSECKEY 10 3 2 gw AAAA",
		"IPSECKEY 300 3 2 gw. AAAA",
		"HIP 2 200100107B1A74DF365639CC39F1D578 AwEAAbdx rvs",
		"WKS 192.0.2.1 TCP smtp",
		"EUI48 00-00",
		"A6 0 2001::1",
		"A \\# 3 c00002",
		"A \\# 4 c00002",
		"A \\# 4 c000020101",
		"MX \\# 3 000a05",
		"MX \\# 2 000a",
		"NSEC \\# 2 0561",
		"SOA \\# 2 0000",
		"HTTPS \\# 7 000100000300021",
		"TYPE65280 abc",
		"TYPE65280 \\#",
		"TYPE65280 \\# 65536 00",
		"TYPE65280 \\# 1 0",
		"TYPE65280 \\# 1 \"00\"",
		"TYPE65280",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256];
		snprintf(text, sizeof(text), "y %s\n", bad[i]);
		refused(text, 4, "");
	}
}

static void strings_have_255_octets_and_rdata_65535(void **state)
{
	(void)state;
	struct isb_buf text = {0};
	char run[257];
	memset(run, 'x', 256);
	run[256] = '\0';
	isb_buf_printf(&text, "y TXT %s\n", run);
	refused(text.data, 4, "is not strings of at most 255 octets each");
	run[255] = '\0';
	isb_buf_reset(&text);
	isb_buf_printf(&text, "y TXT %s %s\n", run, run);
	accepted(text.data, run);
	isb_buf_reset(&text);
	isb_buf_puts(&text, "y TXT");
	for (int i = 0; i < 300; i++)
		isb_buf_printf(&text, " %s", run);
	isb_buf_putc(&text, '\n');
	refused(text.data, 4, "longer than 65535 octets");
	isb_buf_reset(&text);
	for (int i = 0; i < 300; i++)
		isb_buf_printf(&text, "y TXT %d %s\n", i, run);
	refused(text.data, 4, "300 records of 'y.example.com.' TXT do not fit into one message");
	isb_buf_done(&text);
}

static void service_parameters_follow_rfc_9460(void **state)
{
	(void)state;
	accepted("y HTTPS 0 foo.example.org.\n", "HTTPS 0 foo.example.org.\n");
	accepted("y HTTPS 1 .\n", "HTTPS 1 .\n");
	accepted("y HTTPS 16 foo port=53\n", "HTTPS 16 foo.example.com. port=53\n");
	accepted("y SVCB 1 foo. key667=hello\n", "SVCB 1 foo. key667=\"hello\"\n");
	accepted("y SVCB 1 foo. key667=\"hello\\210qoo\"\n", "SVCB 1 foo. key667=\"hello\\210qoo\"\n");
	accepted("y SVCB 1 foo. ipv6hint=\"2001:db8::1,2001:db8::53:1\"\n", "ipv6hint=2001:db8::1,2001:db8::53:1\n");
	accepted("y SVCB 16 foo. (alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1)\n",
	         "SVCB 16 foo. mandatory=alpn,ipv4hint alpn=\"h2,h3-19\" ipv4hint=192.0.2.1\n");
	/* appendix D.2: both levels of escapes */
	accepted("y SVCB 16 foo. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"\n", "alpn=\"f\\\\\\\\oo\\\\,bar,h2\"\n");
	accepted("y SVCB 16 foo. alpn=f\\\\\\092oo\\092,bar,h2\n", "alpn=\"f\\\\\\\\oo\\\\,bar,h2\"\n");
	accepted("y HTTPS 1 . ohttp no-default-alpn alpn=h2 ech=AAAA dohpath=/q{?dns} key3=\\001\\187\n",
	         "HTTPS 1 . alpn=\"h2\" no-default-alpn port=443 ech=AAAA dohpath=\"/q{?dns}\" ohttp\n");
}

static void wrong_service_parameters_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *params, *why;
	} bad[] = {
		{"port=99999", "a number from 0 to 65535"},
		{"port", "'port'"},
		{"port=", "'port'"},
		{"port=53 port=54", "given twice"},
		{"key667=a key667=b", "given twice"},
		{"key3=a port=1", "'port'"},
		{"mandatory", "'mandatory'"},
		{"mandatory=", "'mandatory'"},
		{"mandatory=mandatory", "'mandatory'"},
		{"mandatory=port,port port=1", "'mandatory'"},
		{"mandatory=alpn port=1", "lists a key that is not present"},
		{"alpn", "'alpn'"},
		{"alpn=h2,,h3", "'alpn'"},
		{"alpn=\"h2\\\\x\"", "'alpn'"},
		{"no-default-alpn", "add alpn=..."},
		{"no-default-alpn=x alpn=h2", "takes no value"},
		{"ohttp=1", "takes no value"},
		{"ipv4hint", "'ipv4hint'"},
		{"ipv4hint=192.0.2.1,", "'ipv4hint'"},
		{"ipv4hint=::1", "'ipv4hint'"},
		{"ipv6hint=192.0.2.1", "'ipv6hint'"},
		{"ech=A", "'ech'"},
		{"ech", "'ech'"},
		{"prot=1", "unknown service parameter 'prot'"},
		{"key65535=a", "unknown service parameter"},
		{"key03=a", "unknown service parameter"},
		{"key=a", "unknown service parameter"},
		{"Port=1", "unknown service parameter"},
		{"\"port=1\"", "unknown service parameter"},
		{"key4=abc", "'ipv4hint'"},
		{"port=1\"2\"", "'port'"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256];
		snprintf(text, sizeof(text), "y HTTPS 1 . %s\n", bad[i].params);
		refused(text, 4, bad[i].why);
	}
	refused("y HTTPS 1\n", 4, "ends too early");
	refused("y HTTPS one .\n", 4, "'one'");
}

/* --- The zone as a whole ----------------------------------------------------------------------------------------- */

static void the_apex_needs_one_soa_and_ns(void **state)
{
	(void)state;
	struct zone zone = read_text("");
	assert_int_equal(zone.rc, ISB_EINVAL);
	assert_error(&zone, 0, "the zone 'example.com.' has no SOA at its apex");
	assert_error(&zone, 0, "the zone 'example.com.' has no NS at its apex");
	assert_int_equal(zone.diags.count, 2);
	done(&zone);
	zone = read_text("$TTL 1\nwww A 192.0.2.1\n");
	assert_int_equal(zone.diags.count, 2);
	done(&zone);
	refused("@ SOA ns1 hostmaster 2 2 3 4 5\n", 4, "a second SOA (the first in line 2)");
	refused("sub SOA ns1 hostmaster 1 2 3 4 5\n", 4, "a SOA at 'sub.example.com.'");
	accepted("@ SOA NS1 hostmaster 1 2 3 4 5\n", "SOA ns1.example.com."); /* the same SOA twice is one */
}

static void cnames_stand_alone(void **state)
{
	(void)state;
	refused("www CNAME a.\nwww A 192.0.2.1\n", 4, "owns a CNAME beside A (line 5)");
	refused("@ CNAME a.\n", 4, "owns a CNAME beside NS");
	refused("www CNAME a.\nWWW CNAME b.\n", 5, "several CNAMEs (the other in line 4)");
	accepted("www CNAME a.\nwww CNAME A.\nwww NSEC x A\n", "www.example.com. 300 IN CNAME a.\n");
	accepted("www CNAME a.\nwww RRSIG CNAME 5 3 86400 20030322173103 20030220173103 2642 x. AAAA\n",
	         "IN CNAME a.\n");
}

static void nothing_lives_below_a_dname(void **state)
{
	(void)state;
	refused("d DNAME x.\na.b.d A 192.0.2.1\n", 5,
	        "'a.b.d.example.com.' is below the DNAME of 'd.example.com.' (line 4)");
	refused("d DNAME x.\nd DNAME y.\n", 5, "several DNAMEs");
	accepted("d DNAME x.\nd A 192.0.2.1\ndd A 192.0.2.1\n", "\nd.example.com. 300 IN DNAME x.\n");
	struct zone zone = read_text(HEAD "d DNAME x.\na.d A 192.0.2.1\na.d A 192.0.2.2\nb.d A 192.0.2.1\n");
	assert_int_equal(zone.diags.count, 2);
	done(&zone);
}

static void names_outside_the_zone_are_refused(void **state)
{
	(void)state;
	refused("www.example.net. A 192.0.2.1\n", 4, "'www.example.net.' is outside the zone");
	refused("com. A 192.0.2.1\n", 4, "outside the zone");
	refused("notexample.com. A 192.0.2.1\n", 4, "outside the zone");
}

static void duplicates_are_merged_and_sorted(void **state)
{
	(void)state;
	accepted("w A 192.0.2.2\nx A 192.0.2.9\nW A 192.0.2.1\nw A 192.0.2.2\n",
	         "\nw.example.com. 300 IN A 192.0.2.1\nw.example.com. 300 IN A 192.0.2.2\nx.example.com.");
	accepted("w MX 10 Mail.x.\nw MX 10 mail.X.\nw MX 5 b.\n",
	         "\nw.example.com. 300 IN MX 5 b.\nw.example.com. 300 IN MX 10 Mail.x.\n");
	accepted("w TXT a\nw TXT A\n", "w.example.com. 300 IN TXT \"A\"\nw.example.com. 300 IN TXT \"a\"\n");
}

static void differing_ttls_are_noted_and_the_lowest_is_taken(void **state)
{
	(void)state;
	struct zone zone = read_text(HEAD "w 60 A 192.0.2.1\nw 30 A 192.0.2.2\n");
	assert_int_equal(zone.rc, ISB_OK);
	assert_int_equal(zone.diags.count, 1);
	assert_error(&zone, 4, "the TTLs of 'w.example.com.' A differ; the lowest, 30 (line 5), is taken for all");
	assert_has(&zone, "w.example.com. 30 IN A 192.0.2.1\nw.example.com. 30 IN A 192.0.2.2\n");
	done(&zone);
}

static void sets_come_in_canonical_order(void **state)
{
	(void)state;
	struct zone zone =
		read_text(HEAD "b A 192.0.2.1\n* A 192.0.2.1\na.b A 192.0.2.1\na\\000 A 192.0.2.1\na\\001 A 192.0.2.1\n"
	                       "a AAAA ::1\na A 192.0.2.1\n\\000.a A 192.0.2.1\nZ A 192.0.2.1\n\\200 A 192.0.2.1\n");
	assert_int_equal(zone.rc, ISB_OK);
	assert_int_equal(zone.data.count, 12);
	for (size_t i = 1; i < zone.data.count; i++) {
		const struct isb_zonedata_set *a = &zone.data.sets[i - 1], *b = &zone.data.sets[i];
		int order = isb_dname_compare(a->owner, b->owner);
		assert_true(order < 0 || (order == 0 && a->set->type < b->set->type));
	}
	done(&zone);
}

static void large_zones_take_no_quadratic_time(void **state)
{
	(void)state;
	struct zone zone = read_text(
		HEAD "$GENERATE 0-99999 h$ TXT $\n$GENERATE 0-255 w A 10.0.0.$\n$GENERATE 0-99999 z A 10.0.0.1\n");
	assert_int_equal(zone.rc, ISB_OK);
	assert_int_equal(zone.data.count, 100004);
	done(&zone);
}

/* --- One rrset ---------------------------------------------------------------------------------------------------- */

static void one_rrset_is_read_from_its_rdata(void **state)
{
	(void)state;
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_rrset *set = NULL;
	struct isb_buf text = {0};
	const char *const rdata[] = {"20 mail", "10 mx.example.net.", "20 MAIL"};
	assert_int_equal(isb_rrset_parse(&arena, ISB_MX, 60, rdata, 3, APEX, (struct isb_mark){0}, &diags, &set),
	                 ISB_OK);
	isb_rrset_print(&text, APEX, set);
	assert_string_equal(isb_buf_text(&text),
	                    "example.com. 60 IN MX 10 mx.example.net.\nexample.com. 60 IN MX 20 mail.example.com.\n");
	assert_true(isb_rrset_check(set, isb_rrset_bytes(set)));
	assert_int_equal(diags.count, 0);
	isb_buf_done(&text);
	isb_diags_done(&diags);
	isb_arena_done(&arena);
}

static void every_wrong_rdata_of_one_rrset_is_listed(void **state)
{
	(void)state;
	static const struct {
		uint16_t type;
		uint32_t ttl_s;
		const char *rdata;
	} bad[] = {{ISB_A, 60, "x"},
	           {ISB_A, 60, ""},
	           {ISB_A, 60, "192.0.2.1\n192.0.2.2"},
	           {ISB_A, 60, "192.0.2.1 ("},
	           {ISB_A, 60, "(192.0.2.1"},
	           {ISB_TXT, 60, "\"a"},
	           {ISB_ANY, 60, "\\# 0"},
	           {ISB_A, 0x80000000, "192.0.2.1"}};
	struct isb_mark at = {.file = "argument", .line = 1, .column = 9};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct isb_arena arena = {0};
		struct isb_diags diags = {0};
		struct isb_rrset *set = NULL;
		assert_int_equal(
			isb_rrset_parse(&arena, bad[i].type, bad[i].ttl_s, &bad[i].rdata, 1, APEX, at, &diags, &set),
			ISB_EINVAL);
		assert_null(set);
		assert_int_equal(diags.count, 1);
		assert_int_equal(diags.list[0].at.column, 9);
		isb_diags_done(&diags);
		isb_arena_done(&arena);
	}
	struct isb_diags diags = {0};
	struct isb_arena arena = {0};
	struct isb_rrset *set = NULL;
	const char *const two[] = {"x", "192.0.2.1", "y"};
	assert_int_equal(isb_rrset_parse(&arena, ISB_A, 60, two, 3, NULL, at, &diags, &set), ISB_EINVAL);
	assert_int_equal(diags.count, 2);
	assert_int_equal(isb_rrset_parse(&arena, ISB_A, 60, two, 0, NULL, at, &diags, &set), ISB_EINVAL);
	assert_int_equal(diags.count, 3);
	isb_diags_done(&diags);
	isb_arena_done(&arena);
}

static void octets_that_do_not_fit_their_type_print_in_generic_form(void **state)
{
	(void)state;
	static const struct {
		uint16_t type;
		const char *rdata;
		uint16_t len;
		const char *text;
	} cases[] = {{ISB_A, "abc", 3, "A \\# 3 616263"},
	             {ISB_MX, "\0\1\5a", 4, "MX \\# 4 00010561"},
	             {ISB_TXT, "\5ab", 3, "TXT \\# 3 056162"},
	             {ISB_HTTPS, "\0\1\0\0\3\0\1a", 8, "HTTPS \\# 8 0001000003000161"},
	             {257, "\0\2a-", 4, "CAA \\# 4 0002612d"},
	             {50, "\1", 1, "NSEC3 \\# 1 01"},
	             {11, "abcd\6", 5, "WKS \\# 5 6162636406"},
	             {ISB_TXT, "", 0, "TXT \\# 0"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_rrset *set = calloc(1, sizeof(*set) + 2 + cases[i].len);
		assert_non_null(set);
		set->type = cases[i].type;
		set->count = 1;
		set->size = 2u + cases[i].len;
		set->rdata[1] = (uint8_t)cases[i].len;
		memcpy(set->rdata + 2, cases[i].rdata, cases[i].len);
		struct isb_buf text = {0};
		char line[128];
		isb_rrset_print(&text, APEX, set);
		snprintf(line, sizeof(line), "example.com. 0 IN %s\n", cases[i].text);
		assert_string_equal(isb_buf_text(&text), line);
		isb_buf_done(&text);
		free(set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_with_includes_is_read_whole),
		cmocka_unit_test(every_error_of_a_file_is_listed_with_its_line),
		cmocka_unit_test(files_that_cannot_be_read_are_an_io_error),
		cmocka_unit_test(includes_are_confined_and_bounded),
		cmocka_unit_test(text_from_memory_includes_nothing_and_keeps_its_place),
		cmocka_unit_test(origin_and_ttl_directives_hold_for_what_follows),
		cmocka_unit_test(ttl_and_class_come_in_any_order),
		cmocka_unit_test(without_a_ttl_the_last_one_or_the_soa_minimum_holds),
		cmocka_unit_test(generate_makes_one_record_per_number),
		cmocka_unit_test(generate_refuses_what_it_cannot_bound),
		cmocka_unit_test(comments_blanks_and_parentheses_shape_lines),
		cmocka_unit_test(owners_are_folded_and_rdata_keeps_its_case),
		cmocka_unit_test(hostile_shapes_are_refused_in_their_line),
		cmocka_unit_test(a_record_before_any_owner_is_refused),
		cmocka_unit_test(nul_octets_are_refused_anywhere),
		cmocka_unit_test(names_that_are_too_long_are_refused),
		cmocka_unit_test(a_file_cut_anywhere_never_breaks_the_reader),
		cmocka_unit_test(a_long_list_of_errors_is_cut_but_counted),
		cmocka_unit_test(rdata_of_all_kinds_reads_and_prints_back),
		cmocka_unit_test(other_spellings_give_the_same_rdata),
		cmocka_unit_test(wrong_rdata_is_refused),
		cmocka_unit_test(strings_have_255_octets_and_rdata_65535),
		cmocka_unit_test(service_parameters_follow_rfc_9460),
		cmocka_unit_test(wrong_service_parameters_are_refused),
		cmocka_unit_test(the_apex_needs_one_soa_and_ns),
		cmocka_unit_test(cnames_stand_alone),
		cmocka_unit_test(nothing_lives_below_a_dname),
		cmocka_unit_test(names_outside_the_zone_are_refused),
		cmocka_unit_test(duplicates_are_merged_and_sorted),
		cmocka_unit_test(differing_ttls_are_noted_and_the_lowest_is_taken),
		cmocka_unit_test(sets_come_in_canonical_order),
		cmocka_unit_test(large_zones_take_no_quadratic_time),
		cmocka_unit_test(one_rrset_is_read_from_its_rdata),
		cmocka_unit_test(every_wrong_rdata_of_one_rrset_is_listed),
		cmocka_unit_test(octets_that_do_not_fit_their_type_print_in_generic_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
