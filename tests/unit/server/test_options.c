/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/options.h"

/* What the parser printed on stdout and stderr together, and the words it was given: options point into them. */
static char said[4096], words[512];

static enum isb_options_result parse(struct isb_options *options, const char *line)
{
	char *argv[32] = {(char[]){"isobard"}}, *save = NULL;
	int argc = 1;
	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	optind = 0; /* glibc: from the beginning */

	fflush(stdout);
	FILE *file = tmpfile();
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	enum isb_options_result result = isb_options_parse(argc, argv, options);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	return result;
}

static void without_options_the_defaults_stand(void **state)
{
	(void)state;
	struct isb_options options;
	char text[ISB_LISTEN_TEXT];
	unsetenv("ISOBAR_STORE");
	assert_int_equal(parse(&options, ""), ISB_OPTIONS_RUN);
	assert_string_equal(options.store, "/var/lib/isobar");
	assert_int_equal(options.nlisten, 2);
	assert_string_equal(isb_listen_print(&options.listen[0], text), "127.0.0.1:53");
	assert_string_equal(isb_listen_print(&options.listen[1], text), "[::1]:53");
	assert_false(options.listen[0].optional);
	assert_true(options.listen[1].optional);
	assert_true(options.workers >= 1 && options.workers <= ISB_WORKERS_MAX);
	assert_int_equal(options.ngeo, 0);
	assert_int_equal(options.log_level, ISB_LOG_INFO);
	assert_int_equal(options.tcp.connections, 10000);
	assert_int_equal(options.tcp.per_client, 100);
	assert_int_equal(options.tcp.idle_ms, 10000);
	assert_int_equal(options.tcp.stall_ms, 5000);
	assert_int_equal(options.tcp.lifetime_ms, 3600000);
	assert_int_equal(options.proxy_from.count, 0);
	assert_int_equal(options.nexplain_from, 0);
	assert_null(options.tsig_keys);
	assert_null(options.query_log);
	assert_null(options.dnstap);
	assert_null(options.clients);
	assert_int_equal(options.query_log_sample, 1);
	assert_int_equal(options.dnstap_sample, 1);
	setenv("ISOBAR_STORE", "/srv/store", 1);
	assert_int_equal(parse(&options, ""), ISB_OPTIONS_RUN);
	assert_string_equal(options.store, "/srv/store");
}

static void every_option_is_taken(void **state)
{
	(void)state;
	struct isb_options options;
	char text[ISB_LISTEN_TEXT];
	const char *line = "--store /s --listen 192.0.2.1:5300 -l [2001:db8::1]:54 --workers=7 --geo a.mmdb -g b.mmdb "
			   "--log-level debug --query-log - --query-log-sample 100 --dnstap file:/t --dnstap-sample=7 --clients /c "
			   "--metrics 127.0.0.1:9153 --metrics [::1]:9154 --metrics-rows 100 --drain 10s";
	assert_int_equal(parse(&options, line), ISB_OPTIONS_RUN);
	assert_string_equal(options.store, "/s");
	assert_int_equal(options.nlisten, 2);
	assert_string_equal(isb_listen_print(&options.listen[0], text), "192.0.2.1:5300");
	assert_string_equal(isb_listen_print(&options.listen[1], text), "[2001:db8::1]:54");
	assert_int_equal(options.workers, 7);
	assert_int_equal(options.nmetrics, 2);
	assert_int_equal(options.metrics[1].port, 9154);
	assert_int_equal(options.metrics_rows, 100);
	assert_int_equal(options.drain_ms, 10000);
	assert_int_equal(options.ngeo, 2);
	assert_string_equal(options.geo[0], "a.mmdb");
	assert_string_equal(options.geo[1], "b.mmdb");
	assert_int_equal(options.log_level, ISB_LOG_DEBUG);
	assert_string_equal(options.query_log, "-");
	assert_int_equal(options.query_log_sample, 100);
	assert_string_equal(options.dnstap, "file:/t");
	assert_string_equal(options.clients, "/c");
	assert_int_equal(options.dnstap_sample, 7);
}

static void limits_of_tcp_are_taken(void **state)
{
	(void)state;
	struct isb_options options;
	const char *line = "--tcp-connections 20000 --tcp-per-client=5 --tcp-idle 30s --tcp-stall 500ms --tcp-lifetime 1d12h";
	assert_int_equal(parse(&options, line), ISB_OPTIONS_RUN);
	assert_int_equal(options.tcp.connections, 20000);
	assert_int_equal(options.tcp.per_client, 5);
	assert_int_equal(options.tcp.idle_ms, 30000);
	assert_int_equal(options.tcp.stall_ms, 500);
	assert_int_equal(options.tcp.lifetime_ms, 36 * 3600000);
}

static void listeners_for_front_ends_stand_beside_the_others(void **state)
{
	(void)state;
	struct isb_options options;
	char text[ISB_NET_TEXT];
	const char *line = "--proxy-listen 192.0.2.1:5301 --listen 192.0.2.1 --proxy-from 192.0.2.16/28 --proxy-from ::1";
	assert_int_equal(parse(&options, line), ISB_OPTIONS_RUN);
	assert_int_equal(options.nlisten, 2);
	assert_true(options.listen[0].proxy);
	assert_int_equal(options.listen[0].port, 5301);
	assert_false(options.listen[1].proxy);
	assert_int_equal(options.proxy_from.count, 2);
	assert_string_equal(isb_net_print(&options.proxy_from.nets[0], text), "192.0.2.16/28");
	assert_string_equal(isb_net_print(&options.proxy_from.nets[1], text), "::1/128");
	assert_int_equal(parse(&options, "--proxy-listen 192.0.2.1 --proxy-from 192.0.2.7"), ISB_OPTIONS_RUN);
	assert_int_equal(options.nlisten, 1); /* no default beside it */
}

static void limits_are_generous_by_default_and_exempt_loopback(void **state)
{
	(void)state;
	struct isb_options options;
	char text[ISB_NET_TEXT];
	assert_int_equal(parse(&options, ""), ISB_OPTIONS_RUN);
	assert_int_equal(options.rrl.mode, ISB_RRL_ON);
	assert_int_equal(options.rrl.rate, 500);
	assert_int_equal(options.rrl.error_rate, 200);
	assert_int_equal(options.rrl.slip, 2);
	assert_int_equal(options.rrl.window_s, 5);
	assert_int_equal(options.rrl.ipv4_len, 24);
	assert_int_equal(options.rrl.ipv6_len, 56);
	assert_int_equal(options.rrl.nexempt, 2);
	assert_string_equal(isb_net_print(&options.rrl.exempt[0], text), "127.0.0.0/8");
	assert_string_equal(isb_net_print(&options.rrl.exempt[1], text), "::1/128");
}

static void limits_are_taken(void **state)
{
	(void)state;
	struct isb_options options;
	char text[ISB_NET_TEXT];
	const char *line = "--rrl log --rrl-rate 1000000 --rrl-error-rate=1 --rrl-slip 0 --rrl-window 60 --rrl-ipv4-prefix 32 "
			   "--rrl-ipv6-prefix 1 --rrl-exempt 192.0.2.0/24 --rrl-exempt 2001:db8::1";
	assert_int_equal(parse(&options, line), ISB_OPTIONS_RUN);
	assert_int_equal(options.rrl.mode, ISB_RRL_LOG);
	assert_int_equal(options.rrl.rate, 1000000);
	assert_int_equal(options.rrl.error_rate, 1);
	assert_int_equal(options.rrl.slip, 0);
	assert_int_equal(options.rrl.window_s, 60);
	assert_int_equal(options.rrl.ipv4_len, 32);
	assert_int_equal(options.rrl.ipv6_len, 1);
	assert_int_equal(options.rrl.nexempt, 2);
	assert_string_equal(isb_net_print(&options.rrl.exempt[0], text), "192.0.2.0/24");
	assert_string_equal(isb_net_print(&options.rrl.exempt[1], text), "2001:db8::1/128");
	assert_int_equal(parse(&options, "--rrl off"), ISB_OPTIONS_RUN);
	assert_int_equal(options.rrl.mode, ISB_RRL_OFF);
}

static void more_networks_than_fit_are_refused(void **state)
{
	(void)state;
	struct isb_options options;
	char *argv[2 * (ISB_RRL_EXEMPT_MAX + 1) + 2] = {(char[]){"isobard"}}, option[] = "--rrl-exempt", net[] = "192.0.2.1";
	for (int i = 1; i <= 2 * (ISB_RRL_EXEMPT_MAX + 1); i++)
		argv[i] = i % 2 ? option : net;
	optind = 0;
	assert_int_equal(isb_options_parse(2 * ISB_RRL_EXEMPT_MAX + 1, argv, &options), ISB_OPTIONS_RUN);
	assert_int_equal(options.rrl.nexempt, ISB_RRL_EXEMPT_MAX);
	optind = 0;
	assert_int_equal(isb_options_parse(2 * (ISB_RRL_EXEMPT_MAX + 1) + 1, argv, &options), ISB_OPTIONS_WRONG);
}

static void help_and_version_end_the_program_well(void **state)
{
	(void)state;
	struct isb_options options;
	assert_int_equal(parse(&options, "--help"), ISB_OPTIONS_DONE);
	assert_non_null(strstr(said, "--listen ADDR[:PORT]"));
	assert_int_equal(parse(&options, "-V"), ISB_OPTIONS_DONE);
	assert_string_equal(said, "isobard " ISB_VERSION "\n");
}

static void what_is_wrong_is_said_with_what_to_write_instead(void **state)
{
	(void)state;
	static const struct {
		const char *line, *sentence;
	} wrong[] = {
		{"--wokers 3", "unknown option '--wokers'; did you mean '--workers'?"},
		{"--lisen=127.0.0.1", "unknown option '--lisen'; did you mean '--listen'?"},
		{"-x", "unknown option '-x'; see isobard --help"},
		{"start", "unexpected argument 'start'; see isobard --help"},
		{"--workers", "option '--workers' needs a value"},
		{"--workers 0", "--workers '0' is not a number from 1 to 128"},
		{"--workers 129", "--workers '129' is not a number from 1 to 128"},
		{"--workers 2x", "--workers '2x' is not a number from 1 to 128"},
		{"--workers -1", "--workers '-1' is not a number from 1 to 128"},
		{"--listen localhost", "--listen 'localhost' is not ADDR[:PORT]; write 127.0.0.1:5300 or [::1]:5300"},
		{"--listen 127.0.0.1:0", "--listen '127.0.0.1:0': the port must be 1..65535"},
		{"-l ::1 -l [::1]:53", "--listen '[::1]:53' is given twice"},
		{"-l ::1 --proxy-listen ::1", "--proxy-listen '::1' is given twice, with PROXY headers and without"},
		{"--proxy-listen front", "--proxy-listen 'front' is not ADDR[:PORT]; write 127.0.0.1:5300 or [::1]:5300"},
		{"--proxy-listen ::1", "--proxy-listen without --proxy-from: anybody could claim to be any client; name your "
	                               "front ends: --proxy-from 192.0.2.7"},
		{"--proxy-from ::1", "--proxy-from without --proxy-listen: headers are taken there and nowhere else"},
		{"--proxy-from any", "--proxy-from 'any' is not a network; write 192.0.2.0/24 or 2001:db8::/32"},
		{"--proxy-from 192.0.2.7/24", "--proxy-from '192.0.2.7/24' has bits set beyond its prefix; write the network, as in "
	                               "192.0.2.0/24"},
		{"--explain-from any", "--explain-from 'any' is not a network; write 192.0.2.0/24 or 2001:db8::/32"},
		{"--explain-key ops", "--explain-key without --tsig-keys: name the file that holds the key 'ops'"},
		{"--tsig-keys k --explain-key a..b", "--explain-key 'a..b' is no name of a key; write it as in the file of --tsig-keys"},
		{"--proxy-form ::1", "unknown option '--proxy-form'; did you mean '--proxy-from'?"},
		{"--tcp-connections 0", "--tcp-connections '0' is not a number from 1 to 1000000"},
		{"--tcp-connections 1000001", "--tcp-connections '1000001' is not a number from 1 to 1000000"},
		{"--tcp-per-client x", "--tcp-per-client 'x' is not a number from 1 to 1000000"},
		{"--tcp-idle soon", "--tcp-idle 'soon' is not a span; write 500ms, 10s or 2m"},
		{"--tcp-idle 0", "--tcp-idle '0' is not from 100ms to 1h"},
		{"--tcp-stall 61m", "--tcp-stall '61m' is not from 100ms to 1h"},
		{"--tcp-lifetime 8d", "--tcp-lifetime '8d' is not from 100ms to 7d"},
		{"--log-level inf", "unknown --log-level 'inf'; did you mean 'info'?"},
		{"--log-level 7", "unknown --log-level '7'; write error, warning, info or debug"},
		{"--store=", "--store is empty; name the directory of the store"},
		{"--rrl yes", "unknown --rrl 'yes'; write on, off or log"},
		{"--rrl-rate 0", "--rrl-rate '0' is not a number from 1 to 1000000"},
		{"--rrl-rate 1000001", "--rrl-rate '1000001' is not a number from 1 to 1000000"},
		{"--rrl-rate 99999999999999999999", "--rrl-rate '99999999999999999999' is not a number from 1 to 1000000"},
		{"--rrl-error-rate -5", "--rrl-error-rate '-5' is not a number from 1 to 1000000"},
		{"--rrl-slip 101", "--rrl-slip '101' is not a number from 0 to 100"},
		{"--rrl-slip=", "--rrl-slip '' is not a number from 0 to 100"},
		{"--rrl-window 0", "--rrl-window '0' is not a number from 1 to 60"},
		{"--rrl-ipv4-prefix 33", "--rrl-ipv4-prefix '33' is not a number from 1 to 32"},
		{"--rrl-ipv6-prefix 65", "--rrl-ipv6-prefix '65' is not a number from 1 to 64"},
		{"--rrl-exempt resolver",
		 "--rrl-exempt 'resolver' is not a network; write 192.0.2.0/24 or 2001:db8::/32"},
		{"--rrl-exempt 192.0.2.1/24",
		 "--rrl-exempt '192.0.2.1/24' has bits set beyond its prefix; write the network, as in 192.0.2.0/24"},
		{"--rrl-sleep 1", "unknown option '--rrl-sleep'; did you mean '--rrl-slip'?"},
		{"--query-log=", "--query-log is empty; name a file, or write - for stderr"},
		{"--query-log-sample 0", "--query-log-sample '0' is not a number from 1 to 1000000"},
		{"--dnstap-sample 1000001", "--dnstap-sample '1000001' is not a number from 1 to 1000000"},
		{"--dnstap file:", "--dnstap 'file:' names nothing; write the path of a unix socket, or file:PATH"},
		{"--dnstap /run/23456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
		 "01234567", "--dnstap: the path of a unix socket has 107 octets at most"},
		{"--clients=", "--clients '' is no path of a unix socket: write 1 to 107 octets"},
		{"--metrics 9153", "--metrics '9153' is not ADDR:PORT; write 127.0.0.1:9153 or [::1]:9153"},
		{"--metrics 127.0.0.1:0", "--metrics '127.0.0.1:0': the port must be 1..65535"},
		{"--metrics ::1", "--metrics '::1' is not ADDR:PORT; write 127.0.0.1:9153 or [::1]:9153"},
		{"--metrics-rows 99", "--metrics-rows '99' is not a number from 100 to 1000000"},
		{"--drain soon", "--drain 'soon' is not a span; write 500ms, 10s or 2m"},
		{"--drain 2h", "--drain '2h' is not from 0ms to 1h"},
		{"-g 1 -g 2 -g 3 -g 4 -g 5 -g 6 -g 7 -g 8 -g 9", "more than 8 --geo"},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct isb_options options = {.workers = 99};
		char expected[256];
		snprintf(expected, sizeof(expected), "isobard: %s\n", wrong[i].sentence);
		assert_int_equal(parse(&options, wrong[i].line), ISB_OPTIONS_WRONG);
		assert_string_equal(said, expected);
		assert_int_equal(options.workers, 99);
	}
}

static const char *write_config(const char *text)
{
	static char path[64];
	strcpy(path, "/tmp/isobard-test-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	return path;
}

static enum isb_options_result parse_config(struct isb_options *options, const char *text, const char *rest)
{
	char line[256];
	const char *path = write_config(text);
	snprintf(line, sizeof(line), "--config %s %s", path, rest);
	enum isb_options_result result = parse(options, line);
	unlink(path);
	return result;
}

static void a_file_holds_options_and_the_command_line_wins(void **state)
{
	(void)state;
	struct isb_options options;
	char text[ISB_LISTEN_TEXT];
	const char *config = "store: /f\nlisten: [\"192.0.2.1:5300\", \"[::1]:5300\"]\nworkers: 3\ncookies: off\nnsid: icn-1\n";
	assert_int_equal(parse_config(&options, config, "--workers 5 --listen 127.0.0.1:5301"), ISB_OPTIONS_RUN);
	assert_string_equal(options.store, "/f");
	assert_int_equal(options.workers, 5);
	assert_int_equal(options.nlisten, 1);
	assert_string_equal(isb_listen_print(&options.listen[0], text), "127.0.0.1:5301");
	assert_false(options.cookies);
	assert_string_equal(options.nsid, "icn-1");
	isb_options_done(&options);
	assert_int_equal(parse_config(&options, config, ""), ISB_OPTIONS_RUN);
	assert_int_equal(options.nlisten, 2);
	assert_int_equal(options.workers, 3);
	isb_options_done(&options);
}

static void mistakes_in_the_file_are_named_with_their_line(void **state)
{
	(void)state;
	struct isb_options options;
	static const struct {
		const char *text, *said;
	} cases[] = {
		{"store: /f\nworker: 3\n", ":2: unknown option 'worker'; did you mean 'workers'?"},
		{"workers: [1, [2]]\n", ":1: 'workers' takes a word or a list of words"},
		{"workers: 0\n", "--workers '0' is not a number from 1 to 128"},
		{"version: x\n", ":1: 'version' belongs on the command line only"},
		{"cookies: maybe\n", "--cookies 'maybe' is neither on nor off"},
		{"- a\n", "write one `option: value` a line"},
		{"store: [\n", "cannot read --config"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse_config(&options, cases[i].text, ""), ISB_OPTIONS_WRONG);
		assert_non_null(strstr(said, cases[i].said));
	}
}

static void those_who_may_ask_why_are_listed(void **state)
{
	(void)state;
	struct isb_options options;
	char text[ISB_NET_TEXT];
	assert_int_equal(parse(&options, "--tsig-keys keys --explain-key ops.example --explain-key b --explain-from ::1 "
	                                 "--explain-from 192.0.2.0/24"), ISB_OPTIONS_RUN);
	assert_string_equal(options.tsig_keys, "keys");
	assert_int_equal(options.nexplain_key, 2);
	assert_string_equal(options.explain_key[1], "b");
	assert_int_equal(options.nexplain_from, 2);
	assert_string_equal(isb_net_print(&options.explain_from[1], text), "192.0.2.0/24");
	isb_options_done(&options);
	assert_int_equal(parse_config(&options, "tsig-keys: keys\nexplain-key: ops\nexplain-from: [192.0.2.1]\n",
	                              "--explain-key other"), ISB_OPTIONS_RUN);
	assert_int_equal(options.nexplain_key, 1);
	assert_string_equal(options.explain_key[0], "other"); /* the command line wins */
	assert_int_equal(options.nexplain_from, 1);
	isb_options_done(&options);
}

static void a_successor_must_know_whom_to_replace(void **state)
{
	(void)state;
	struct isb_options options;
	char line[300];
	assert_int_equal(parse(&options, "--control /run/x --replace --foreground"), ISB_OPTIONS_RUN);
	assert_string_equal(options.control, "/run/x");
	assert_true(options.replace && options.foreground && !options.control_optional);
	isb_options_done(&options);
	assert_int_equal(parse(&options, "--control off"), ISB_OPTIONS_RUN);
	assert_null(options.control);
	assert_false(options.replace);
	isb_options_done(&options);
	assert_int_equal(parse(&options, "--control off --replace"), ISB_OPTIONS_WRONG);
	assert_non_null(strstr(said, "--replace without --control"));
	assert_int_equal(parse(&options, "--control /run/x --foreground"), ISB_OPTIONS_WRONG);
	assert_non_null(strstr(said, "--foreground without --replace"));
	snprintf(line, sizeof(line), "--control %0108d", 1);
	assert_int_equal(parse(&options, line), ISB_OPTIONS_WRONG);
	assert_non_null(strstr(said, "no path of a unix socket"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_the_defaults_stand),
		cmocka_unit_test(every_option_is_taken),
		cmocka_unit_test(limits_of_tcp_are_taken),
		cmocka_unit_test(listeners_for_front_ends_stand_beside_the_others),
		cmocka_unit_test(a_file_holds_options_and_the_command_line_wins),
		cmocka_unit_test(mistakes_in_the_file_are_named_with_their_line),
		cmocka_unit_test(limits_are_generous_by_default_and_exempt_loopback),
		cmocka_unit_test(limits_are_taken),
		cmocka_unit_test(more_networks_than_fit_are_refused),
		cmocka_unit_test(help_and_version_end_the_program_well),
		cmocka_unit_test(those_who_may_ask_why_are_listed),
		cmocka_unit_test(a_successor_must_know_whom_to_replace),
		cmocka_unit_test(what_is_wrong_is_said_with_what_to_write_instead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
