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

#include "isobar/base/err.h"
#include "isobar/base/rng.h"
#include "isobar/model/yaml.h"

struct fixture {
	struct isb_arena arena;
	struct isb_diags diags;
	struct isb_yaml *root;
	char *said;
};

static int parse_len(struct fixture *f, const char *text, size_t len)
{
	size_t said_len;
	*f = (struct fixture){0};
	int rc = isb_yaml_parse(&f->arena, "t", text, len, &f->diags, &f->root);
	FILE *out = open_memstream(&f->said, &said_len);
	isb_diags_print(&f->diags, out);
	fclose(out);
	return rc;
}

static int parse(struct fixture *f, const char *text)
{
	return parse_len(f, text, strlen(text));
}

static void done(struct fixture *f)
{
	isb_arena_done(&f->arena);
	isb_diags_done(&f->diags);
	free(f->said);
}

static void assert_refused_len(const char *text, size_t len, const char *said)
{
	struct fixture f;
	assert_int_equal(parse_len(&f, text, len), ISB_EFORMAT);
	assert_null(f.root);
	assert_string_equal(f.said, said);
	done(&f);
}

static void assert_refused(const char *text, const char *said)
{
	assert_refused_len(text, strlen(text), said);
}

static void a_document_becomes_a_tree_with_marks(void **state)
{
	(void)state;
	struct fixture f;
	assert_int_equal(parse(&f, "a: 1\nb:\n  - x\n  - {c: \"y\"}\nd: |\n  two\n  lines\n"), ISB_OK);
	assert_int_equal(f.root->kind, ISB_YAML_MAP);
	assert_int_equal(f.root->count, 3);
	const struct isb_yaml *a = isb_yaml_get(f.root, "a"), *b = isb_yaml_get(f.root, "b");
	assert_string_equal(a->text, "1");
	assert_true(a->plain);
	assert_string_equal(a->mark.file, "t");
	assert_int_equal(a->mark.line, 1);
	assert_int_equal(a->mark.column, 4);
	assert_int_equal(b->kind, ISB_YAML_LIST);
	assert_int_equal(b->count, 2);
	const struct isb_yaml *c = isb_yaml_get(b->items[1], "c");
	assert_string_equal(c->text, "y");
	assert_false(c->plain);
	assert_int_equal(c->mark.line, 4);
	assert_int_equal(c->mark.column, 9);
	const struct isb_yaml *d = isb_yaml_get(f.root, "d");
	assert_string_equal(d->text, "two\nlines\n");
	assert_true(d->block && !d->plain);
	assert_int_equal(f.root->pairs[2].mark.line, 5);
	assert_null(isb_yaml_get(f.root, "e"));
	assert_null(isb_yaml_get(a, "e"));
	done(&f);
}

static void scalars_are_not_typed(void **state)
{
	(void)state;
	struct fixture f;
	assert_int_equal(parse(&f, "[NO, 0755, 1e3, 2026-11-21, yes, 010:20]"), ISB_OK);
	static const char *const expected[] = {"NO", "0755", "1e3", "2026-11-21", "yes", "010:20"};
	for (size_t i = 0; i < f.root->count; i++)
		assert_string_equal(f.root->items[i]->text, expected[i]);
	assert_int_equal(f.root->count, 6);
	done(&f);
}

static void only_a_plain_null_is_absent(void **state)
{
	(void)state;
	struct fixture f;
	assert_int_equal(parse(&f, "[null, ~, , \"null\", '', '~', nil, []]"), ISB_EFORMAT);
	done(&f);
	assert_int_equal(parse(&f, "- null\n- ~\n-\n- \"null\"\n- ''\n- '~'\n- nil\n- []\n"), ISB_OK);
	for (size_t i = 0; i < f.root->count; i++)
		assert_int_equal(isb_yaml_absent(f.root->items[i]), i < 3);
	assert_true(isb_yaml_absent(NULL));
	done(&f);
}

static void an_empty_document_is_an_empty_map(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "\n\n", "# only a comment\n", "\xef\xbb\xbf"};
	for (size_t i = 0; i < 4; i++) {
		struct fixture f;
		assert_int_equal(parse(&f, texts[i]), ISB_OK);
		assert_int_equal(f.root->kind, ISB_YAML_MAP);
		assert_int_equal(f.root->count, 0);
		assert_string_equal(f.root->mark.file, "t");
		done(&f);
	}
}

static void json_is_yaml(void **state)
{
	(void)state;
	struct fixture f;
	assert_int_equal(parse(&f, "{\"a\": [1, true, null, \"x\\u00e9\"],\n \"b\": {\"c\": \"\"}}"), ISB_OK);
	assert_string_equal(isb_yaml_get(f.root, "a")->items[3]->text, "x\xc3\xa9");
	assert_false(isb_yaml_absent(isb_yaml_get(isb_yaml_get(f.root, "b"), "c")));
	done(&f);
}

static void every_duplicate_key_is_named_with_its_line(void **state)
{
	(void)state;
	assert_refused("a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\na: 4\n",
	               "t:4:11: duplicate key 'd'; it was given in line 4 already\n"
	               "t:3:1: duplicate key 'a'; it was given in line 1 already\n"
	               "t:5:1: duplicate key 'a'; it was given in line 3 already\n");
	assert_refused("a: 1\n\"a\": 2\n", "t:2:1: duplicate key 'a'; it was given in line 1 already\n");
}

static void merge_keys_tags_and_odd_keys_are_refused(void **state)
{
	(void)state;
	assert_refused("a: &a {b: 1}\nc:\n  <<: *a\n", "t:3:3: merge keys ('<<') are not supported; write the keys out\n");
	assert_refused("a: !!binary aGVsbG8=\n",
	               "t:1:4: tags are not supported; write the value without 'tag:yaml.org,2002:binary'\n");
	assert_refused("a: !<!own> {}\n", "t:1:4: tags are not supported; write the value without '!own'\n");
	assert_refused("[a, b]: 1\n", "t:1:1: a key must be plain text, not a list, a map or an alias\n");
	assert_refused("? {a: 1}\n: 1\n", "t:1:3: a key must be plain text, not a list, a map or an alias\n");
	assert_refused("a: &x 1\n*x : 2\n", "t:2:1: a key must be plain text, not a list, a map or an alias\n");
	assert_refused("&x a: 1\n", "t:1:1: a key cannot carry an anchor or a tag\n");
	struct fixture f;
	assert_int_equal(parse(&f, "\"<<\": 1\n"), ISB_OK);
	done(&f);
}

static void syntax_errors_say_where(void **state)
{
	(void)state;
	assert_refused("a: [1, 2\nb: 3\n",
	               "t:2:2: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence\n");
	assert_refused("a:\n\tb: 1\n", "t:2:1: a tab cannot indent YAML; write blanks instead\n");
	assert_refused("a: 1\n---\nb: 2\n", "t:2:1: more than one document; leave out the '---'\n");
	assert_refused("a: \"x\\0y\"\n", "t:1:4: a NUL character cannot be part of a value\n");
	assert_refused("\"x\\0y\": a\n", "t:1:1: a NUL character cannot be part of a value\n");
	assert_refused("a: 1\nb: \xff\xfe\n", "t:2:4: not text in UTF-8: invalid leading UTF-8 octet\n");
	assert_refused("a: \x1b[31m\n", "t:1:4: not text in UTF-8: control characters are not allowed\n");
	assert_refused_len("a: 1\0b: 2", 9, "t:1:5: not text in UTF-8: control characters are not allowed\n");
	assert_refused("a: @x\n",
	               "t:1:4: not valid YAML: found character that cannot start any token while scanning for the next token\n");
}

static void aliases_are_followed(void **state)
{
	(void)state;
	struct fixture f;
	assert_int_equal(parse(&f, "a: &x [1, 2]\nb: *x\nc: &x 3\nd: [*x]\n"), ISB_OK);
	assert_ptr_equal(isb_yaml_get(f.root, "a"), isb_yaml_get(f.root, "b"));
	assert_string_equal(isb_yaml_get(f.root, "d")->items[0]->text, "3");
	done(&f);
	assert_refused("a: *y\n", "t:1:4: unknown alias '*y'; no '&y' stands above\n");
	assert_refused("a: &x [1, *x]\n", "t:1:11: alias '*x' stands inside its own anchor\n");
	assert_refused("&x a: *x\n", "t:1:1: a key cannot carry an anchor or a tag\n");
}

static void an_alias_bomb_is_refused_before_it_grows(void **state)
{
	(void)state;
	struct fixture f;
	char text[4096] = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
	for (char c = 'b'; c <= 'z'; c++) {
		char line[128];
		snprintf(line, sizeof(line), "%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c - 1, c - 1,
		         c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
		strcat(text, line);
	}
	assert_int_equal(parse(&f, text), ISB_EFORMAT);
	assert_string_equal(f.said, "t:7:36: more than 10000000 values, aliases followed\n");
	assert_true(f.arena.used < 1000000);
	done(&f);
}

static void add(struct isb_buf *buf, const char *text, size_t times)
{
	while (times--)
		isb_buf_puts(buf, text);
}

static void depth_ends_at_64_levels(void **state)
{
	(void)state;
	struct fixture f;
	struct isb_buf text = {0};
	add(&text, "[", 64);
	add(&text, "]", 64);
	assert_int_equal(parse(&f, isb_buf_text(&text)), ISB_OK);
	done(&f);
	isb_buf_reset(&text);
	add(&text, "[", 65);
	assert_refused(isb_buf_text(&text), "t:1:65: nested deeper than 64 levels\n");
	isb_buf_reset(&text);
	add(&text, "[", 100000);
	assert_refused(isb_buf_text(&text), "t:1:65: nested deeper than 64 levels\n");
	isb_buf_reset(&text);
	add(&text, "- ", 100000);
	assert_refused(isb_buf_text(&text), "t:1:129: nested deeper than 64 levels\n");
	isb_buf_done(&text);
}

static void depth_through_aliases_counts(void **state)
{
	(void)state;
	struct isb_buf text = {0};
	isb_buf_puts(&text, "- &a ");
	add(&text, "[", 40);
	add(&text, "]", 40);
	isb_buf_puts(&text, "\n- ");
	add(&text, "[", 23);
	isb_buf_puts(&text, "*a");
	add(&text, "]", 23);
	struct fixture f;
	assert_int_equal(parse(&f, isb_buf_text(&text)), ISB_OK); /* 1 + 23 + 40 */
	done(&f);
	isb_buf_puts(&text, "\n- ");
	add(&text, "[", 24);
	isb_buf_puts(&text, "*a");
	add(&text, "]", 24);
	assert_refused(isb_buf_text(&text), "t:3:27: nested deeper than 64 levels through alias '*a'\n");
	isb_buf_done(&text);
}

static void anchors_are_bounded(void **state)
{
	(void)state;
	struct isb_buf text = {0};
	for (unsigned i = 0; i <= ISB_YAML_ANCHORS_MAX; i++)
		isb_buf_printf(&text, "- &a%u x\n", i);
	assert_refused(isb_buf_text(&text), "t:1001:3: more than 1000 anchors\n");
	isb_buf_done(&text);
}

static void a_scalar_of_ten_megabytes_is_just_long(void **state)
{
	(void)state;
	struct fixture f;
	size_t size = 10 << 20;
	char *text = malloc(size + 8);
	memcpy(text, "a: \"", 4);
	memset(text + 4, 'x', size);
	strcpy(text + 4 + size, "\"\n");
	assert_int_equal(parse(&f, text), ISB_OK);
	assert_int_equal(strlen(isb_yaml_get(f.root, "a")->text), size);
	done(&f);
	free(text);
}

static void many_keys_do_not_cost_their_square(void **state)
{
	(void)state;
	struct fixture f;
	struct isb_buf text = {0};
	for (unsigned i = 0; i < 60000; i++)
		isb_buf_printf(&text, "key-%u: x\n", i);
	isb_buf_puts(&text, "key-7: x\n");
	assert_int_equal(parse(&f, isb_buf_text(&text)), ISB_EFORMAT);
	assert_string_equal(f.said, "t:60001:1: duplicate key 'key-7'; it was given in line 8 already\n");
	done(&f);
	isb_buf_done(&text);
}

static void truncated_and_spoiled_documents_never_hurt(void **state)
{
	(void)state;
	static const char good[] = "a: &x {b: [1, \"two\\n\", 'three'], c: |\n  text\n  }\nd: [*x, {e: >-\n folded }]\n? f\n: g\n";
	static const char spoil[] = "[]{}&*!|>'\"%@`,:?-#\t\n ax\\\xc3";
	struct isb_rng rng;
	isb_rng_seed(&rng, 1);
	for (unsigned i = 0; i < 5000; i++) {
		char text[sizeof(good)];
		struct fixture f;
		memcpy(text, good, sizeof(good));
		for (uint64_t n = isb_rng_below(&rng, 4); n > 0; n--)
			text[isb_rng_below(&rng, sizeof(good))] = spoil[isb_rng_below(&rng, sizeof(spoil))];
		int rc = parse_len(&f, text, (size_t)isb_rng_below(&rng, sizeof(good)));
		assert_int_equal(rc == ISB_OK, f.diags.count == 0);
		assert_int_equal(rc == ISB_OK, f.root != NULL);
		done(&f);
	}
}

/* --- Printing --- */

static void assert_quoted(const char *text, const char *expected)
{
	struct isb_buf out = {0};
	isb_yaml_quote(&out, text);
	assert_string_equal(isb_buf_text(&out), expected);
	isb_buf_done(&out);
}

static void quotes_stand_only_where_they_must(void **state)
{
	(void)state;
	assert_quoted("healthy", "healthy");
	assert_quoted("two words", "two words");
	assert_quoted("2001:db8::1", "2001:db8::1");
	assert_quoted("/health?a=b", "\"/health?a=b\"");
	assert_quoted("US/Boston", "US/Boston");
	assert_quoted("_https._tcp", "_https._tcp");
	assert_quoted("50%", "50%");
	assert_quoted("", "\"\"");
	assert_quoted("null", "\"null\"");
	assert_quoted("~", "\"~\"");
	assert_quoted("NO", "\"NO\"");
	assert_quoted("off", "\"off\"");
	assert_quoted("NOR", "NOR");
	assert_quoted("@", "\"@\"");
	assert_quoted("*.eu", "\"*.eu\"");
	assert_quoted("::1", "\"::1\"");
	assert_quoted("a:", "\"a:\"");
	assert_quoted("a: b", "\"a: b\"");
	assert_quoted("a #b", "\"a #b\"");
	assert_quoted("-", "\"-\"");
	assert_quoted("---", "\"---\"");
	assert_quoted("...", "\"...\"");
	assert_quoted(" a", "\" a\"");
	assert_quoted("a ", "\"a \"");
	assert_quoted("a\"b\\c", "\"a\\\"b\\\\c\"");
	assert_quoted("a\n\t\r\x01", "\"a\\n\\t\\r\\x01\"");
	assert_quoted("\xc3\xa9", "\"\xc3\xa9\"");
	assert_quoted("\xc2\x85", "\"\\x85\"");
	assert_quoted("\xe2\x80\xa8", "\"\\u2028\"");
}

static size_t add_rune(char *text, uint32_t rune)
{
	if (rune < 0x80) {
		text[0] = (char)rune;
		return 1;
	}
	unsigned more = rune < 0x800 ? 1 : rune < 0x10000 ? 2 : 3;
	static const unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};
	text[0] = (char)(lead[more] | rune >> (6 * more));
	for (unsigned i = 1; i <= more; i++)
		text[i] = (char)(0x80 | (rune >> (6 * (more - i)) & 0x3f));
	return more + 1;
}

static char *random_text(struct isb_rng *rng, char *text, size_t len)
{
	static const uint32_t wild[] = {0x7f, 0x80, 0x85, 0xa0, 0xe9, 0x2028, 0x2029, 0xfeff, 0xfffd, 0xffff, 0x1f600, 0xd55c};
	static const char tame[] = "abz09AZ \n\t\r\"'\\#:-?,[]{}&*!|>%@`~=/._+$^\x01\x1f";
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		bool odd = isb_rng_below(rng, 6) == 0;
		n += add_rune(text + n, odd ? wild[isb_rng_below(rng, 12)]
		                            : (uint32_t)tame[isb_rng_below(rng, sizeof(tame) - 1)]);
	}
	text[n] = '\0';
	return text;
}

static void what_is_quoted_reads_back(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 2);
	for (unsigned i = 0; i < 10000; i++) {
		char text[64];
		struct isb_buf out = {0};
		struct fixture f;
		random_text(&rng, text, (size_t)isb_rng_below(&rng, 12));
		isb_yaml_quote(&out, text);
		isb_buf_puts(&out, ": [");
		isb_yaml_quote(&out, text);
		isb_buf_puts(&out, ", b]\n");
		assert_int_equal(parse(&f, isb_buf_text(&out)), ISB_OK);
		assert_string_equal(f.root->pairs[0].key, text);
		assert_string_equal(f.root->pairs[0].value->items[0]->text, text);
		assert_false(isb_yaml_absent(f.root->pairs[0].value->items[0]));
		done(&f);
		isb_buf_done(&out);
	}
}

static void what_is_printed_as_a_block_reads_back(void **state)
{
	(void)state;
	struct isb_rng rng;
	isb_rng_seed(&rng, 3);
	unsigned blocks = 0;
	for (unsigned i = 0; i < 10000; i++) {
		char text[128];
		struct isb_buf out = {0};
		struct fixture f;
		if (i % 4 == 0)
			random_text(&rng, text, (size_t)isb_rng_below(&rng, 20));
		else
			for (size_t n = (size_t)isb_rng_below(&rng, 12), k = 0; k <= n; k++)
				text[k] = k < n ? "a \n\t#\n"[isb_rng_below(&rng, 6)] : '\0';
		isb_buf_puts(&out, "zone:\n  text: ");
		isb_yaml_block(&out, text, 4);
		isb_buf_puts(&out, "\n  more: x\n");
		blocks += strchr(isb_buf_text(&out), '|') != NULL;
		assert_int_equal(parse(&f, isb_buf_text(&out)), ISB_OK);
		assert_string_equal(isb_yaml_get(f.root->pairs[0].value, "text")->text, text);
		assert_non_null(isb_yaml_get(f.root->pairs[0].value, "more"));
		done(&f);
		isb_buf_done(&out);
	}
	assert_true(blocks > 5000);
}

static void an_excerpt_is_short_and_harmless(void **state)
{
	(void)state;
	char out[ISB_YAML_EXCERPT];
	assert_string_equal(isb_yaml_excerpt("plain", out), "plain");
	assert_string_equal(isb_yaml_excerpt("\x1b[31mred\n", out), "?[31mred?");
	assert_string_equal(isb_yaml_excerpt("0123456789012345678901234567890123456789", out),
	                    "0123456789012345678901234567890123456789");
	assert_string_equal(isb_yaml_excerpt("01234567890123456789012345678901234567890", out),
	                    "0123456789012345678901234567890123456789...");
	assert_string_equal(isb_yaml_excerpt("012345678901234567890123456789012345678\xf0\x9f\x98\x80!", out),
	                    "012345678901234567890123456789012345678\xf0\x9f\x98\x80...");
	assert_string_equal(isb_yaml_excerpt("\xff\xc3", out), "??");
}

/* --- Values and files --- */

static void a_value_carries_the_mark_it_is_given(void **state)
{
	(void)state;
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_yaml *value = NULL;
	const struct isb_mark at = {.file = "'weight=x'", .line = 0, .column = 0};
	assert_int_equal(isb_yaml_parse_value(&arena, "[a, {b: c}]", at, &diags, &value), ISB_OK);
	assert_string_equal(value->items[1]->pairs[0].mark.file, "'weight=x'");
	assert_int_equal(value->items[1]->pairs[0].value->mark.line, 0);
	assert_int_equal(isb_yaml_parse_value(&arena, "", at, &diags, &value), ISB_OK);
	assert_true(isb_yaml_absent(value));
	struct isb_yaml *before = value;
	assert_int_equal(isb_yaml_parse_value(&arena, "[a", at, &diags, &value), ISB_EFORMAT);
	assert_ptr_equal(value, before);
	assert_int_equal(diags.count, 1);
	assert_string_equal(diags.list[0].at.file, "'weight=x'");
	isb_arena_done(&arena);
	isb_diags_done(&diags);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	(void)state;
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_yaml *root = NULL;
	assert_int_equal(isb_yaml_parse_file(&arena, "/nonexistent/a.yaml", &diags, &root), ISB_EIO);
	assert_string_equal(diags.list[0].at.file, "/nonexistent/a.yaml");
	assert_string_equal(diags.list[0].text, "cannot read this file: No such file or directory");
	assert_int_equal(isb_yaml_parse_file(&arena, ISB_TESTS_DIR, &diags, &root), ISB_EIO);
	assert_string_equal(diags.list[1].text, "cannot read this file: Is a directory");
	assert_null(root);
	isb_arena_done(&arena);
	isb_diags_done(&diags);
}

static void a_file_is_read_whole(void **state)
{
	(void)state;
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_yaml *root = NULL;
	char path[] = "/tmp/isb-test-yaml-XXXXXX";
	int fd = mkstemp(path);
	FILE *out = fdopen(fd, "w");
	for (unsigned i = 0; i < 20000; i++)
		fprintf(out, "- item %u\n", i);
	fclose(out);
	assert_int_equal(isb_yaml_parse_file(&arena, path, &diags, &root), ISB_OK);
	unlink(path);
	assert_int_equal(root->count, 20000);
	assert_string_equal(root->items[19999]->text, "item 19999");
	assert_string_equal(root->items[19999]->mark.file, path);
	isb_arena_done(&arena);
	isb_diags_done(&diags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_becomes_a_tree_with_marks),
		cmocka_unit_test(scalars_are_not_typed),
		cmocka_unit_test(only_a_plain_null_is_absent),
		cmocka_unit_test(an_empty_document_is_an_empty_map),
		cmocka_unit_test(json_is_yaml),
		cmocka_unit_test(every_duplicate_key_is_named_with_its_line),
		cmocka_unit_test(merge_keys_tags_and_odd_keys_are_refused),
		cmocka_unit_test(syntax_errors_say_where),
		cmocka_unit_test(aliases_are_followed),
		cmocka_unit_test(an_alias_bomb_is_refused_before_it_grows),
		cmocka_unit_test(depth_ends_at_64_levels),
		cmocka_unit_test(depth_through_aliases_counts),
		cmocka_unit_test(anchors_are_bounded),
		cmocka_unit_test(a_scalar_of_ten_megabytes_is_just_long),
		cmocka_unit_test(many_keys_do_not_cost_their_square),
		cmocka_unit_test(truncated_and_spoiled_documents_never_hurt),
		cmocka_unit_test(quotes_stand_only_where_they_must),
		cmocka_unit_test(what_is_quoted_reads_back),
		cmocka_unit_test(what_is_printed_as_a_block_reads_back),
		cmocka_unit_test(an_excerpt_is_short_and_harmless),
		cmocka_unit_test(a_value_carries_the_mark_it_is_given),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(a_file_is_read_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
