/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes/options.h"

/* What was printed on stderr, and the words that were given: options point into them. */
static char said[4096], words[512];

static bool parse(struct isb_probe_options *options, const char *line)
{
	char *argv[16] = {(char[]){"isobar-probe"}}, *save = NULL;
	int argc = 1, status;
	*options = (struct isb_probe_options){.store = "/preset", .name = "host", .region = ""};
	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	FILE *file = tmpfile();
	int err = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	bool ok = isb_probe_options_read(argc, argv, options, &status);
	dup2(err, STDERR_FILENO);
	close(err);
	rewind(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	return ok;
}

/* As with the line and a --config file of this text. */
static bool parse_with(struct isb_probe_options *options, const char *text, const char *rest)
{
	char path[] = "/tmp/isobar-probe-test-XXXXXX", line[256];
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	snprintf(line, sizeof(line), "%s --config %s", rest, path);
	bool ok = parse(options, line);
	unlink(path);
	return ok;
}

static void a_file_holds_options_and_the_command_line_wins(void **state)
{
	(void)state;
	struct isb_probe_options options;
	const char *config = "store: /f\nname: icn-1\nregion: seoul\nmax-in-flight: 7\nmeasure-deny: [192.0.2.0/24, 203.0.113.0/24]\n";
	assert_true(parse_with(&options, config, "--name icn-2 --user isobar-probe"));
	assert_string_equal(options.store, "/f");
	assert_string_equal(options.name, "icn-2");
	assert_string_equal(options.region, "seoul");
	assert_string_equal(options.user, "isobar-probe");
	assert_int_equal(options.max_in_flight, 7);
	isb_probe_options_done(&options);
	assert_true(parse(&options, "--name icn-2"));
	assert_string_equal(options.store, "/preset");
	assert_null(options.user);
	isb_probe_options_done(&options);
}

static void mistakes_are_named_with_their_place(void **state)
{
	(void)state;
	struct isb_probe_options options;
	static const struct {
		const char *text, *line, *said;
	} cases[] = {
		{"\n\nregon: x\n", "", ":3: unknown option 'regon'; did you mean 'region'?\n"},
		{"region: a b\n", "", "isobar-probe: --region 'a b' is not a name of a region"},
		{"region: a b\n", "", ":1: above: 'region'\n"},
		{"config: x\n", "", ":1: 'config' belongs on the command line only\n"},
		{"site: gslb.example.com\n", "", "isobar-probe: --site needs --cert, --key and --ca"},
		{"", "--regon x", "isobar-probe: unknown option '--regon'; did you mean '--region'?\n"},
		{"", "-y", "isobar-probe: unknown option '-y'; see isobar-probe --help\n"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(parse_with(&options, cases[i].text, cases[i].line));
		assert_non_null(strstr(said, cases[i].said));
		isb_probe_options_done(&options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_holds_options_and_the_command_line_wins),
		cmocka_unit_test(mistakes_are_named_with_their_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
