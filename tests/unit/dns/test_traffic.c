/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/buf.h"
#include "isobar/base/err.h"
#include "isobar/dns/traffic.h"
#include "isobar/model/rr.h"

/* What was read, as lines "CLIENT NAME TYPE COUNT" and "! AT WHY". */
struct heard {
	struct isb_buf text;
	struct isb_traffic traffic;
};

static void on_row(void *arg, const struct isb_traffic_row *row)
{
	struct heard *h = arg;
	char client[ISB_ADDR_TEXT], name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	isb_buf_printf(&h->text, "%s %s %s %llu\n", isb_addr_print(&row->client, client), isb_dname_print(row->name, name),
	               isb_type_print(row->type, type), (unsigned long long)row->count);
}

static void on_wrong(void *arg, uint64_t at, const char *why)
{
	struct heard *h = arg;
	isb_buf_printf(&h->text, "! %llu %s\n", (unsigned long long)at, why);
}

/* In pieces of `piece` octets. */
static void feed(struct heard *h, const void *data, size_t len, size_t piece)
{
	for (size_t at = 0; at < len;) {
		size_t room, n = len - at < piece ? len - at : piece;
		void *to = isb_traffic_room(&h->traffic, &room);
		assert_true(room >= 65536);
		if (n > room)
			n = room;
		memcpy(to, (const char *)data + at, n);
		isb_traffic_take(&h->traffic, n);
		at += n;
	}
	isb_traffic_end(&h->traffic);
}

static void begin(struct heard *h, enum isb_traffic_format format)
{
	*h = (struct heard){0};
	isb_traffic_init(&h->traffic, format, on_row, on_wrong, h);
}

static void done(struct heard *h)
{
	isb_traffic_done(&h->traffic);
	isb_buf_done(&h->text);
}

static void reads(enum isb_traffic_format format, const void *data, size_t len, const char *want)
{
	static const size_t pieces[] = {1, 7, 100, SIZE_MAX};
	assert_int_equal(isb_traffic_detect(data, len), format);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct heard h;
		begin(&h, format);
		feed(&h, data, len, pieces[i]);
		assert_string_equal(isb_buf_text(&h.text), want);
		done(&h);
	}
}

static void reads_text(enum isb_traffic_format format, const char *text, const char *want)
{
	reads(format, text, strlen(text), want);
}

#define LOG(client, ecs, name, class, type) \
	"time=2026-11-21T12:00:00.123Z client=" client " proto=udp ecs=" ecs " name=" name " class=" class " type=" type \
	" rcode=NOERROR endpoint=asia/icn-1 scope=20 ttl=30 size=61 flags=-\n"

static void the_query_log_is_read_as_the_server_steers(void **state)
{
	(void)state;
	reads_text(ISB_TRAFFIC_QUERYLOG,
	           LOG("192.0.2.7", "-", "www.example.com.", "IN", "A")
	           LOG("192.0.2.7", "198.51.100.0/24", "www.example.com.", "IN", "AAAA")
	           LOG("192.0.2.7", "10.1.0.0/16", "a\\.b.example.com.", "IN", "TYPE65") /* says nothing of where */
	           LOG("192.0.2.7", "0.0.0.0/0", "www.example.com.", "IN", "A")
	           LOG("2001:db8::7", "2001:db8:1::/48", "www.example.com.", "IN", "A")
	           LOG("192.0.2.7", "-", "-", "-", "-")
	           LOG("192.0.2.7", "-", "id.server.", "CH", "TXT"),
	           "192.0.2.7 www.example.com. A 1\n"
	           "198.51.100.0 www.example.com. AAAA 1\n"
	           "192.0.2.7 a\\.b.example.com. HTTPS 1\n"
	           "192.0.2.7 www.example.com. A 1\n"
	           "2001:db8:1:: www.example.com. A 1\n");
}

static void bad_lines_of_the_query_log_are_told(void **state)
{
	(void)state;
	reads_text(ISB_TRAFFIC_QUERYLOG,
	           LOG("192.0.2.300", "-", "www.example.com.", "IN", "A")
	           LOG("192.0.2.7", "198.51.100.1/24", "www.example.com.", "IN", "A")
	           LOG("192.0.2.7", "-", "a..b", "IN", "A")
	           LOG("192.0.2.7", "-", "www.example.com.", "IN", "B")
	           "time=2026-11-21T12:00:00.123Z client=192.0.2.7 proto=udp\n"
	           "\n",
	           "! 1 the client is neither an address nor a network\n"
	           "! 2 the client's network has bits set beyond its length\n"
	           "! 3 the name is no domain name\n"
	           "! 4 the type is no record type; write A, AAAA or SRV\n"
	           "! 5 the line lacks one of client=, ecs=, name=, class= and type=\n"
	           "! 6 the line lacks one of client=, ecs=, name=, class= and type=\n");
}

static void lists_with_and_without_a_head(void **state)
{
	(void)state;
	reads_text(ISB_TRAFFIC_CSV, "192.0.2.7,WWW.example.com,A,12\n\n# by hand\n2001:db8::/32, www.example.com. ,aaaa\r\n",
	           "192.0.2.7 www.example.com. A 12\n2001:db8:: www.example.com. AAAA 1\n");
	reads_text(ISB_TRAFFIC_CSV, "\xef\xbb\xbf" "Count,\"Type\",rcode,Client,Name\r\n7,A,NOERROR,\"192.0.2.0/24\",a.example.\n",
	           "192.0.2.0 a.example. A 7\n");
	reads_text(ISB_TRAFFIC_CSV, "client,name,type\n192.0.2.7,a.,A,what else\n192.0.2.8,a.,A", /* no end of line */
	           "192.0.2.7 a. A 1\n192.0.2.8 a. A 1\n");
}

static void bad_lines_of_lists_are_told(void **state)
{
	(void)state;
	static const char text[] = "192.0.2.7,a.,A,0\n192.0.2.7,a.,A,-1\n192.0.2.7,a.,A,1000000001\n192.0.2.7,a.,A,1x\n"
				   "192.0.2.7,a.\n192.0.2.0/33,a.,A\nwho,a.,A\n192.0.2.7,a.,A\0B\n192.0.2.7,a.,A,99999999999999999999\n"
				   "192.0.2.7,a.,A,1000000000\n";
	reads(ISB_TRAFFIC_CSV, text, sizeof(text) - 1,
	      "! 1 the count is 0\n"
	      "! 2 the count is no number from 1 to 1000000000\n"
	      "! 3 the count is no number from 1 to 1000000000\n"
	      "! 4 the count is no number from 1 to 1000000000\n"
	      "! 5 the line is not client,name,type or client,name,type,count\n"
	      "! 6 the client is neither an address nor a network\n"
	      "! 7 the client is neither an address nor a network\n"
	      "! 8 the line holds a NUL octet\n"
	      "! 9 the count is no number from 1 to 1000000000\n"
	      "192.0.2.7 a. A 1000000000\n");
}

static void a_line_without_end_is_passed_over_in_fixed_memory(void **state)
{
	(void)state;
	static const size_t pieces[] = {1000, SIZE_MAX};
	size_t len = 1 << 20;
	char *text = malloc(len + 100);
	memset(text, 'x', len);
	strcpy(text + len, "\n192.0.2.7,a.,A\n");
	for (size_t i = 0; i < 2; i++) {
		struct heard h;
		begin(&h, ISB_TRAFFIC_CSV);
		feed(&h, text, strlen(text), pieces[i]);
		assert_string_equal(isb_buf_text(&h.text), "! 1 the line is too long\n192.0.2.7 a. A 1\n");
		done(&h);
	}
	free(text);
}

/* --- dnstap --- */

static void put_bytes(struct isb_buf *out, unsigned field, const void *data, size_t len)
{
	isb_buf_putc(out, (char)(field << 3 | 2));
	assert_true(len < 0x80); /* its length is one octet */
	isb_buf_putc(out, (char)len);
	isb_buf_add(out, data, len);
}

static void put_control(struct isb_buf *out, uint32_t type, const char *content)
{
	isb_buf_u32(out, 0);
	isb_buf_u32(out, (uint32_t)(content ? 12 + strlen(content) : 4));
	isb_buf_u32(out, type);
	if (!content)
		return;
	isb_buf_u32(out, 1);
	isb_buf_u32(out, (uint32_t)strlen(content));
	isb_buf_puts(out, content);
}

enum { AUTH_QUERY = 1, AUTH_RESPONSE = 2, START = 2, STOP = 3, QUERY = 10, RESPONSE = 14 };

static void put_event(struct isb_buf *out, uint8_t type, const char *address, unsigned field, const void *message,
                      size_t len)
{
	struct isb_buf m = {0}, event = {0};
	struct isb_addr addr;
	assert_int_equal(isb_addr_parse(address, &addr), ISB_OK);
	isb_buf_add(&m, (const uint8_t[]){0x08, type, 0x6d, 1, 2, 3, 4}, 7); /* type; a fixed32 to step over */
	put_bytes(&m, 4, addr.octets, isb_addr_bits(&addr) / 8);
	put_bytes(&m, field, message, len);
	put_bytes(&event, 1, "icn-1", 5);
	put_bytes(&event, 14, m.data, m.len);
	isb_buf_add(&event, "\x78\x01", 2);
	isb_buf_u32(out, (uint32_t)event.len);
	isb_buf_add(out, event.data, event.len);
	isb_buf_done(&event);
	isb_buf_done(&m);
}

static const uint8_t plain[] = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'A', 1, 'b', 0, 0, 1, 0, 1};
/* with an ECS option of 198.51.100.0/24 behind the question */
static const uint8_t ecs[] = {0,  1, 1, 0, 0, 1, 0, 0, 0, 0,  0, 1, 1, 'a', 0, 0,  28, 0,   1,
                              0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7,   0, 1, 24, 0, 198, 51, 100};
/* its answer with SCOPE 20, one record before the OPT whose owner is a pointer */
static const uint8_t answer[] = {0, 1, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 1, 1, 'a', 0, 0, 1, 0, 1,
                                 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 1,
                                 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 20, 198, 51, 100};

static void dnstap_of_queries_and_of_responses(void **state)
{
	(void)state;
	static const char start[] = "protobuf:dnstap.Dnstap";
	struct isb_buf file = {0};
	put_control(&file, START, start);
	put_event(&file, AUTH_RESPONSE, "192.0.2.7", QUERY, plain, sizeof(plain));
	put_event(&file, AUTH_QUERY, "192.0.2.7", QUERY, plain, sizeof(plain)); /* would count twice */
	put_event(&file, AUTH_RESPONSE, "2001:db8::7", QUERY, ecs, sizeof(ecs));
	put_event(&file, AUTH_RESPONSE, "192.0.2.8", RESPONSE, answer, sizeof(answer));
	put_event(&file, 5, "192.0.2.8", QUERY, plain, sizeof(plain)); /* of a resolver's client */
	put_control(&file, STOP, NULL);
	put_control(&file, START, start); /* rotated files put together */
	put_event(&file, AUTH_RESPONSE, "192.0.2.9", QUERY, plain, sizeof(plain));
	put_control(&file, STOP, NULL);
	reads(ISB_TRAFFIC_DNSTAP, file.data, file.len,
	      "192.0.2.7 a.b. A 1\n198.51.100.0 a. AAAA 1\n198.51.100.0 a. A 1\n192.0.2.9 a.b. A 1\n");
	isb_buf_done(&file);
}

static void dnstap_that_is_damaged_is_told(void **state)
{
	(void)state;
	struct isb_buf file = {0};
	put_control(&file, START, "protobuf:dnstap.Dnstap");
	isb_buf_u32(&file, 3);
	isb_buf_add(&file, "\x72\x7f\x08", 3); /* a message longer than its frame */
	isb_buf_u32(&file, 1);
	isb_buf_add(&file, "\xff", 1); /* a varint without end */
	put_event(&file, AUTH_RESPONSE, "192.0.2.7", 9, plain, sizeof(plain)); /* no message */
	put_event(&file, AUTH_RESPONSE, "192.0.2.7", QUERY, plain, 11);        /* of which there is half a header */
	put_event(&file, AUTH_RESPONSE, "192.0.2.7", QUERY, plain, sizeof(plain));
	isb_buf_u32(&file, 0x10000000); /* a frame of 256 MiB */
	isb_buf_puts(&file, "and what follows");
	reads(ISB_TRAFFIC_DNSTAP, file.data, file.len,
	      "! 1 the frame is no event of dnstap\n"
	      "! 2 the frame is no event of dnstap\n"
	      "! 3 the event lacks the client's address or the message\n"
	      "192.0.2.7 a.b. A 1\n"
	      "! 6 this is no frame of dnstap; the rest cannot be read\n");
	isb_buf_reset(&file);
	put_control(&file, START, "protobuf:something.Else");
	put_event(&file, AUTH_RESPONSE, "192.0.2.7", QUERY, plain, sizeof(plain));
	reads(ISB_TRAFFIC_DNSTAP, file.data, file.len, "! 1 the stream holds something other than dnstap\n");
	isb_buf_reset(&file);
	put_control(&file, START, "protobuf:dnstap.Dnstap");
	put_event(&file, AUTH_RESPONSE, "192.0.2.7", QUERY, plain, sizeof(plain));
	reads(ISB_TRAFFIC_DNSTAP, file.data, file.len - 1, "! 1 the file ends within a frame\n");
	isb_buf_done(&file);
}

static void a_damaged_first_line_hides_no_format(void **state)
{
	(void)state;
	static const char cut[] = "0/24 name=www.example.com. class=IN\n\ntime=2026-11-21T12:00:00Z client=192.0.2.1";
	static const char list[] = "runtime=1\n192.0.2.1,www.example.com,A\n tim";
	assert_int_equal(isb_traffic_detect(cut, sizeof(cut) - 1), ISB_TRAFFIC_QUERYLOG);
	assert_int_equal(isb_traffic_detect(list, sizeof(list) - 1), ISB_TRAFFIC_CSV);
	assert_int_equal(isb_traffic_detect(cut, 40), ISB_TRAFFIC_CSV); /* ends within the time */
	assert_int_equal(isb_traffic_detect("\n", 1), ISB_TRAFFIC_CSV);
	assert_int_equal(isb_traffic_detect("", 0), ISB_TRAFFIC_CSV);
}

static void formats_have_names(void **state)
{
	(void)state;
	for (int i = ISB_TRAFFIC_QUERYLOG; i <= ISB_TRAFFIC_DNSTAP; i++) {
		enum isb_traffic_format format;
		assert_int_equal(isb_traffic_format_parse(isb_traffic_format_name((enum isb_traffic_format)i), &format), ISB_OK);
		assert_int_equal(format, i);
	}
	enum isb_traffic_format format;
	assert_int_equal(isb_traffic_format_parse("pcap", &format), ISB_EFORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_query_log_is_read_as_the_server_steers),
		cmocka_unit_test(bad_lines_of_the_query_log_are_told),
		cmocka_unit_test(lists_with_and_without_a_head),
		cmocka_unit_test(bad_lines_of_lists_are_told),
		cmocka_unit_test(a_line_without_end_is_passed_over_in_fixed_memory),
		cmocka_unit_test(dnstap_of_queries_and_of_responses),
		cmocka_unit_test(dnstap_that_is_damaged_is_told),
		cmocka_unit_test(a_damaged_first_line_hides_no_format),
		cmocka_unit_test(formats_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
