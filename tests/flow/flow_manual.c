/* SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/buf.h"

/* Executes docs/steering.md. Each block of YAML is applied over the first one, which is the stage; the rows of a table that
 * has a column "answer" are asked of the catalog above it. */

enum { LINE = 2048, CELLS = 8, ASKED_TIMES = 20, DRAWS = 10000 };

struct manual {
	FILE *file;
	char line[LINE];
	unsigned number;
	struct story *s;
	struct isb_buf stage, block;
	char *column[CELLS];
	unsigned columns, examples, rows;
};

static bool next_line(struct manual *m)
{
	m->number++;
	if (!fgets(m->line, sizeof(m->line), m->file))
		return false;
	m->line[strcspn(m->line, "\n")] = '\0';
	return true;
}

static char *trim(char *text)
{
	text += strspn(text, " `");
	size_t len = strlen(text);
	while (len && strchr(" `", text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* Takes "| a | b |" apart; 0: no row of a table. */
static unsigned split(char *line, char **cell)
{
	unsigned n = 0;
	if (*line != '|')
		return 0;
	for (char *at = line + 1, *end; n < CELLS && (end = strchr(at, '|')); at = end + 1) {
		*end = '\0';
		cell[n++] = trim(at);
	}
	return n;
}

static const char *cell_of(const struct manual *m, char *const *cell, const char *column)
{
	for (unsigned i = 0; i < m->columns; i++)
		if (strcmp(m->column[i], column) == 0)
			return *cell[i] ? cell[i] : NULL;
	return NULL;
}

/* --- The state of a row -------------------------------------------------------------------------------------------- */

/* "down", "down for 5 s", "up for 30 s", "back for 30 s" (where failback is manual), "unknown", "drained",
 * "held down", "soft 50 %", "load 90 %", "80 ms"; "" is up and well. */
static void put_state(struct manual *m, const char *endpoint, const char *state)
{
	struct isb_health h = {.verdict = ISB_UP, .held = ISB_UP, .soft = ISB_SOFT_FULL, .flip_s = ISB_FLIP_NONE};
	unsigned n;
	char end[8] = "";
	int64_t ago_ms = -1;
	enum isb_admin admin = strcmp(state, "drained") == 0 ? ISB_ADMIN_DRAIN : ISB_ADMIN_AUTO;
	if (strcmp(state, "held down") == 0)
		admin = ISB_ADMIN_HOLD_DOWN;
	if (sscanf(state, "down for %u %1[s]", &n, end) == 2 || sscanf(state, "up for %u %1[s]", &n, end) == 2 ||
	    sscanf(state, "back for %u %1[s]", &n, end) == 2)
		ago_ms = (int64_t)n * 1000;
	h.waits = strncmp(state, "back", 4) == 0;
	if (strncmp(state, "down", 4) == 0)
		h.verdict = h.held = ISB_DOWN;
	else if (strcmp(state, "unknown") == 0)
		h.verdict = ISB_UNKNOWN;
	else if (sscanf(state, "soft %u %1[%]", &n, end) == 2)
		h.soft = n;
	else if (sscanf(state, "load %u %1[%]", &n, end) == 2)
		h.load = n * 10;
	else if (sscanf(state, "%u %2[ms]", &n, end) == 2)
		h.latency_us = n * 1000;
	else if (*state && admin == ISB_ADMIN_AUTO && ago_ms < 0)
		fail_msg("line %u: no state is called '%s'", m->number, state);
	story_word(m->s, endpoint, &h);
	story_since(m->s, endpoint, ago_ms);
	story_admin(m->s, endpoint, admin, 0);
}

/* Of one endpoint "pool/endpoint", of all of a pool, or with `name` NULL of all there are. */
static void put_states(struct manual *m, const char *name, const char *state)
{
	struct isb_buf list = {0};
	const struct isb_catalog *catalog = isb_view_catalog(story_view(m->s)); /* goes with its view: an edit makes another */
	for (size_t i = 0; i < catalog->npool; i++) {
		const struct isb_pool *pool = &catalog->pools[i];
		for (size_t k = 0; k < pool->nendpoint; k++) {
			char full[128];
			snprintf(full, sizeof(full), "%s/%s", pool->name, pool->endpoints[k].name);
			if (!name || strcmp(name, pool->name) == 0 || strcmp(name, full) == 0)
				isb_buf_printf(&list, "%s\n", full);
		}
	}
	if (!list.len)
		fail_msg("line %u: there is no '%s'", m->number, name);
	char *save;
	for (char *at = strtok_r(list.data, "\n", &save); at; at = strtok_r(NULL, "\n", &save))
		put_state(m, at, state);
	isb_buf_done(&list);
}

static void put_while(struct manual *m, const char *text)
{
	char clauses[LINE], *save;
	put_states(m, NULL, "");
	snprintf(clauses, sizeof(clauses), "%s", text ? text : "");
	for (char *at = strtok_r(clauses, ";", &save); at; at = strtok_r(NULL, ";", &save)) {
		char *name = trim(at), *blank = strchr(name, ' ');
		if (!blank)
			fail_msg("line %u: what is '%s'?", m->number, name);
		*blank = '\0';
		put_states(m, name, blank + 1);
	}
}

/* "203.0.113.0/24: seoul 250 ms, virginia 40 ms" */
static void put_measured(struct manual *m, const char *text)
{
	char net[64], region[64];
	unsigned ms;
	int used;
	if (!text)
		return;
	assert_int_equal(sscanf(text, "%63[^:]:%n", net, &used), 1);
	static const char *const all[] = {"seoul", "virginia", "frankfurt"};
	for (unsigned i = 0; i < 3; i++)
		story_latency(m->s, net, all[i], 0);
	for (text += used; sscanf(text, " %63s %u ms%n", region, &ms, &used) == 2; text += *text == ',') {
		story_latency(m->s, net, region, ms);
		text += used;
	}
	assert_string_equal(text, "");
}

/* --- Its answer ---------------------------------------------------------------------------------------------------- */

static void expect_one(struct manual *m, const char *name, const char *type, const char *client, const char *answer)
{
	for (unsigned i = 0; i < ASKED_TIMES; i++) {
		const char *got = story_ask(m->s, name, type, client);
		if (strcmp(got, answer) != 0)
			fail_msg("docs/steering.md, line %u: says %s, is %s", m->number, answer, got);
	}
}

/* "10.1.0.1 60 %, 10.2.0.1 40 %" */
static void expect_shares(struct manual *m, const char *name, const char *client, char *answer)
{
	const char *of[CELLS + 1] = {NULL};
	double part[CELLS];
	unsigned n = 0;
	char *save;
	for (char *at = strtok_r(answer, ",", &save); at && n < CELLS; at = strtok_r(NULL, ",", &save), n++) {
		at += strspn(at, " ");
		char *blank = strchr(at, ' ');
		assert_non_null(blank);
		*blank = '\0';
		of[n] = at;
		part[n] = strtod(blank + 1, NULL);
	}
	print_message("line %u\n", m->number);
	story_shares(m->s, name, client, DRAWS, of, part);
}

/* "a, then b, then c": again and again, from some place on. */
static void expect_turns(struct manual *m, const char *name, const char *type, const char *client, const char *answer)
{
	enum { TURNS = 32 };
	char turn[TURNS][64], got[TURNS][64];
	unsigned n = 0, from = 0, same = 0;
	for (const char *at = answer; at && n < TURNS; at = strstr(at, ", then "), n++) {
		at += n ? strlen(", then ") : 0;
		snprintf(turn[n], sizeof(turn[n]), "%.*s", (int)strcspn(at, ","), at);
	}
	for (unsigned i = 0; i < n; i++)
		snprintf(got[i], sizeof(got[i]), "%s", story_ask(m->s, name, type, client));
	for (; from < n && same < n; from++)
		for (same = 0; same < n && strcmp(got[same], turn[(from + same) % n]) == 0;)
			same++;
	if (same < n)
		fail_msg("docs/steering.md, line %u: these are not the turns", m->number);
	for (unsigned i = 0; i < 2 * n; i++)
		assert_string_equal(story_ask(m->s, name, type, client), got[i % n]);
}

static void run_row(struct manual *m, char *const *cell)
{
	const char *asked = cell_of(m, cell, "asked"), *client = cell_of(m, cell, "client"), *scope = cell_of(m, cell, "scope");
	const char *expected = cell_of(m, cell, "answer");
	char name[256] = "www.example.com", type[16] = "A", answer[LINE];
	snprintf(answer, sizeof(answer), "%s", expected ? expected : "");
	if (asked)
		assert_int_equal(sscanf(asked, "%255s %15s", name, type), 2);
	put_while(m, cell_of(m, cell, "while"));
	put_measured(m, cell_of(m, cell, "measured"));
	if (strstr(answer, ", then "))
		expect_turns(m, name, type, client, answer);
	else if (strchr(answer, '%'))
		expect_shares(m, name, client, answer);
	else
		expect_one(m, name, type, client, answer);
	if (scope && story_last(m->s)->scope != (unsigned)atoi(scope))
		fail_msg("docs/steering.md, line %u: says scope %s, is %u", m->number, scope, story_last(m->s)->scope);
	m->rows++;
}

/* --- The page ------------------------------------------------------------------------------------------------------ */

static void read_block(struct manual *m)
{
	struct isb_buf *to = m->stage.len ? &m->block : &m->stage;
	isb_buf_reset(to);
	while (next_line(m) && strcmp(m->line, "```") != 0)
		isb_buf_printf(to, "%s\n", m->line);
	story_replace(m->s, isb_buf_text(&m->stage));
	if (to == &m->block)
		story_apply(m->s, isb_buf_text(to));
	m->examples++;
}

static void read_table(struct manual *m)
{
	char head[LINE], *cell[CELLS];
	memcpy(head, m->line, sizeof(head));
	m->columns = split(head, m->column);
	bool ours = false;
	for (unsigned i = 0; i < m->columns; i++)
		ours |= strcmp(m->column[i], "answer") == 0;
	next_line(m); /* the rule under the head */
	while (next_line(m) && *m->line == '|') {
		if (!ours)
			continue;
		assert_int_equal(split(m->line, cell), m->columns);
		run_row(m, cell);
	}
}

static void the_page_about_steering_is_true(void **state)
{
	struct manual m = {.s = story_new("city.mmdb asn.mmdb")};
	(void)state;
	m.file = fopen(ISB_TESTS_DIR "/../docs/steering.md", "r");
	assert_non_null(m.file);
	while (next_line(&m)) {
		if (strcmp(m.line, "```yaml") == 0)
			read_block(&m);
		else if (*m.line == '|')
			read_table(&m);
	}
	fclose(m.file);
	assert_in_range(m.examples, 15, 100);
	assert_in_range(m.rows, 50, 500);
	isb_buf_done(&m.stage);
	isb_buf_done(&m.block);
	story_free(m.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_about_steering_is_true)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
