/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/pattern.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"

/* Glushkov's automaton: a state for every place of the pattern that takes an octet (or stands for an edge of a
 * line), and sets of states as bits. A pattern is compiled for each search, some microseconds, so that a hundred
 * thousand checks do not keep 17 kB each. */

enum {
	WORDS = ISB_PATTERN_SIZE / 64,
	LINE_BEGINS = 256, /* edges of lines are symbols between the octets */
	LINE_ENDS = 257,
	SYMBOLS = 258,
	DEPTH_MAX = 32,
	REPEAT_MAX = 255,
	ATOMS_MAX = 4096 /* read while repetitions are written out, empty groups included */
};

struct set {
	uint64_t w[WORDS];
};

struct automaton {
	size_t count;
	bool nullable;
	struct set first, last;
	struct set follow[ISB_PATTERN_SIZE];
	struct set reach[SYMBOLS]; /* states that take the symbol */
};

struct part { /* a piece of the pattern: where it may begin and end, and whether it may be empty */
	struct set first, last;
	bool nullable;
};

struct parse {
	const char *start, *at;
	struct automaton *a;
	unsigned depth, atoms;
	bool fold; /* (?i) */
	char *why; /* empty: all is well */
};

static void say(struct parse *p, const char *at, const char *what, const char *instead)
{
	if (!*p->why)
		snprintf(p->why, ISB_PATTERN_WHY, "%s at %zu; write %s", what, (size_t)(at - p->start) + 1, instead);
}

static void unite(struct set *set, const struct set *more)
{
	for (size_t i = 0; i < WORDS; i++)
		set->w[i] |= more->w[i];
}

static bool meet(const struct set *a, const struct set *b)
{
	uint64_t any = 0;
	for (size_t i = 0; i < WORDS; i++)
		any |= a->w[i] & b->w[i];
	return any != 0;
}

/* Behind each of `from` may come each of `to`. */
static void lead(struct automaton *a, const struct set *from, const struct set *to)
{
	for (size_t i = 0; i < WORDS; i++)
		for (uint64_t left = from->w[i]; left; left &= left - 1)
			unite(&a->follow[i * 64 + (size_t)__builtin_ctzll(left)], to);
}

/* --- Classes of octets --- */

static void put(bool *octets, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		octets[c] = true;
}

/* \d and its kind; false: no such class. */
static bool put_class(bool *octets, char letter)
{
	bool some[256] = {false};
	switch (letter | 0x20) {
	case 'd': put(some, '0', '9'); break;
	case 's': put(some, '\t', '\r'); some[' '] = true; break;
	case 'w': put(some, '0', '9'); put(some, 'a', 'z'); put(some, 'A', 'Z'); some['_'] = true; break;
	default: return false;
	}
	for (unsigned c = 0; c < 256; c++)
		octets[c] |= some[c] != (letter >= 'A' && letter <= 'Z');
	return true;
}

/* Behind the backslash, what stands for one octet; -1: nothing does. */
static int escaped_octet(struct parse *p)
{
	static const char letters[] = "nrtf", meanings[] = "\n\r\t\f";
	char c = *p->at;
	if (c == 'x' && isxdigit((unsigned char)p->at[1]) && isxdigit((unsigned char)p->at[2])) {
		char hex[3] = {p->at[1], p->at[2], '\0'};
		p->at += 3;
		return (int)strtoul(hex, NULL, 16);
	}
	const char *known = c ? strchr(letters, c) : NULL;
	if (!known && (!c || isalnum((unsigned char)c) || (unsigned char)c <= ' ')) {
		say(p, p->at - 1, "unknown escape", "\\d, \\w, \\s, \\n, \\r, \\t, \\xHH, or \\ before punctuation");
		return -1;
	}
	p->at++;
	return known ? meanings[known - letters] : (unsigned char)c;
}

/* One member of [...] or a range; false: said why not. */
static bool class_member(struct parse *p, bool *octets)
{
	int ends[2];
	for (int i = 0; i < 2; i++) {
		if (*p->at == '\\') {
			p->at++;
			if (i == 0 && put_class(octets, *p->at)) {
				p->at++;
				return true;
			}
			ends[i] = escaped_octet(p);
			if (ends[i] < 0)
				return false;
		} else {
			ends[i] = (unsigned char)*p->at++;
		}
		if (i == 0 && (p->at[0] != '-' || p->at[1] == ']' || !p->at[1])) {
			octets[ends[0]] = true;
			return true;
		}
		p->at += i == 0;
	}
	if (ends[0] > ends[1])
		say(p, p->at, "range that ends before it begins", "its smaller end first");
	else
		put(octets, (unsigned)ends[0], (unsigned)ends[1]);
	return ends[0] <= ends[1];
}

/* Behind '['. */
static bool bracket(struct parse *p, bool *octets)
{
	const char *open = p->at - 1;
	bool negated = *p->at == '^', some[256] = {false};
	p->at += negated;
	for (bool first = true; *p->at && (first || *p->at != ']'); first = false)
		if (!class_member(p, some))
			return false;
	if (*p->at++ != ']') {
		p->at--;
		say(p, open, "'[' without its ']'", "']' behind it, or '\\['");
		return false;
	}
	for (unsigned c = 0; c < 256; c++)
		octets[c] = some[c] != negated && !(negated && c == '\n');
	return true;
}

/* --- The pattern --- */

static void choice(struct parse *p, struct part *out);

static bool new_state(struct parse *p, struct part *out, size_t *ret_state)
{
	if (p->a->count == ISB_PATTERN_SIZE) {
		say(p, p->at, "too large", "a shorter one, or smaller repetitions");
		return false;
	}
	size_t state = p->a->count++;
	*out = (struct part){.nullable = false};
	out->first.w[state / 64] = out->last.w[state / 64] = UINT64_C(1) << state % 64;
	*ret_state = state;
	return true;
}

static void takes(struct parse *p, size_t state, unsigned symbol)
{
	p->a->reach[symbol].w[state / 64] |= UINT64_C(1) << state % 64;
}

static void edge(struct parse *p, unsigned symbol, struct part *out)
{
	size_t state;
	if (new_state(p, out, &state))
		takes(p, state, symbol);
}

static unsigned other_case(unsigned c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 'A';
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static void octet(struct parse *p, const bool *octets, struct part *out)
{
	size_t state;
	if (!new_state(p, out, &state))
		return;
	for (unsigned c = 0; c < 256; c++)
		if (octets[c] || (p->fold && octets[other_case(c)]))
			takes(p, state, c);
}

static void group(struct parse *p, struct part *out)
{
	const char *open = p->at - 1;
	if (*p->at == '?' && p->at[1] != ':') {
		say(p, open, "group of a kind that is not known", "(...) or (?:...)");
		return;
	}
	if (*p->at == '?')
		p->at += 2;
	if (++p->depth > DEPTH_MAX)
		say(p, open, "nested too deep", "at most 32 groups in one another");
	else
		choice(p, out);
	p->depth--;
	if (*p->at == ')')
		p->at++;
	else
		say(p, open, "'(' without its ')'", "')' behind it, or '\\('");
}

static void atom(struct parse *p, struct part *out)
{
	bool octets[256] = {false};
	char c = *p->at++;
	*out = (struct part){.nullable = true};
	if (++p->atoms > ATOMS_MAX) {
		say(p, p->at - 1, "too large", "a shorter one, or smaller repetitions");
		return;
	}
	switch (c) {
	case '(': group(p, out); return;
	case '^': edge(p, LINE_BEGINS, out); return;
	case '$': edge(p, LINE_ENDS, out); return;
	case '*':
	case '+':
	case '?':
	case '{': say(p, p->at - 1, "nothing to repeat", "\\ before it, or what it repeats"); return;
	case '.':
		memset(octets, true, sizeof(octets));
		octets['\n'] = false;
		break;
	case '[':
		if (!bracket(p, octets))
			return;
		break;
	case '\\':
		if (put_class(octets, *p->at)) {
			octets['\n'] &= *p->at == 's'; /* what is not a digit is still of the line */
			p->at++;
			break;
		}
		int escaped = escaped_octet(p);
		if (escaped < 0)
			return;
		octets[escaped] = true;
		break;
	default: octets[(unsigned char)c] = true;
	}
	octet(p, octets, out);
}

static void append(struct automaton *a, struct part *out, const struct part *next)
{
	lead(a, &out->last, &next->first);
	if (out->nullable)
		unite(&out->first, &next->first);
	if (next->nullable)
		unite(&out->last, &next->last);
	else
		out->last = next->last;
	out->nullable = out->nullable && next->nullable;
}

/* "2", "2,", "2,5" behind '{'. */
static void bounds(struct parse *p, unsigned *ret_least, unsigned *ret_most)
{
	const char *open = p->at - 1;
	unsigned values[2] = {0, 0};
	int given = 0;
	for (; given < 2 && isdigit((unsigned char)*p->at); given++) {
		while (isdigit((unsigned char)*p->at) && values[given] <= REPEAT_MAX)
			values[given] = values[given] * 10 + (unsigned)(*p->at++ - '0');
		if (given == 1 || *p->at != ',')
			break;
		p->at++;
	}
	bool open_ended = given == 1 && p->at[-1] == ',';
	*ret_least = values[0];
	*ret_most = given == 0 ? values[0] : open_ended ? UINT32_MAX : values[1];
	bool good = p->at[-1] != '{' && *p->at == '}' && values[0] <= REPEAT_MAX && values[1] <= REPEAT_MAX &&
	            *ret_least <= *ret_most;
	if (good)
		p->at++;
	else
		say(p, open, "repetition that is none", "{2}, {2,} or {2,5}, to 255; or '\\{'");
}

static bool repetition(struct parse *p, unsigned *ret_least, unsigned *ret_most)
{
	switch (*p->at) {
	case '*': *ret_least = 0, *ret_most = UINT32_MAX, p->at++; break;
	case '+': *ret_least = 1, *ret_most = UINT32_MAX, p->at++; break;
	case '?': *ret_least = 0, *ret_most = 1, p->at++; break;
	case '{': p->at++, bounds(p, ret_least, ret_most); break;
	default: return false;
	}
	if (*p->at == '?')
		p->at++;
	return true;
}

/* An atom and its repetition: read again for every time that it is written out. */
static void piece(struct parse *p, struct part *out)
{
	const char *start = p->at;
	unsigned least, most;
	struct part one;
	atom(p, &one);
	if (*p->why || !repetition(p, &least, &most)) {
		*out = one;
		return;
	}
	const char *end = p->at;
	*out = (struct part){.nullable = true};
	unsigned times = most == UINT32_MAX ? (least ? least : 1) : most;
	for (unsigned i = 0; i < times && !*p->why; i++) {
		if (i > 0) {
			p->at = start;
			atom(p, &one);
		}
		if (most == UINT32_MAX && i + 1 == times)
			lead(p->a, &one.last, &one.first);
		one.nullable |= i >= least;
		append(p->a, out, &one);
	}
	p->at = end;
}

static void sequence(struct parse *p, struct part *out)
{
	*out = (struct part){.nullable = true};
	while (!*p->why && *p->at && *p->at != '|' && *p->at != ')') {
		struct part next;
		piece(p, &next);
		append(p->a, out, &next);
	}
}

static void choice(struct parse *p, struct part *out)
{
	sequence(p, out);
	while (!*p->why && *p->at == '|') {
		struct part other;
		p->at++;
		sequence(p, &other);
		unite(&out->first, &other.first);
		unite(&out->last, &other.last);
		out->nullable |= other.nullable;
	}
}

/* `a` is all zero; false: `why` says why not. */
static bool compile(const char *pattern, struct automaton *a, char why[ISB_PATTERN_WHY])
{
	struct parse p = {.start = pattern, .at = pattern, .a = a, .why = why};
	struct part all;
	*why = '\0';
	if (strncmp(pattern, "(?i)", 4) == 0) {
		p.fold = true;
		p.at += 4;
	}
	choice(&p, &all);
	if (*p.at == ')')
		say(&p, p.at, "')' without its '('", "'(' before it, or '\\)'");
	a->first = all.first;
	a->last = all.last;
	a->nullable = all.nullable;
	return !*why;
}

/* --- The search --- */

/* Where it may go on from these states; a match may begin anywhere. */
static struct set successors(const struct automaton *a, const struct set *states)
{
	struct set next = a->first;
	for (size_t i = 0; i < WORDS; i++)
		for (uint64_t left = states->w[i]; left; left &= left - 1)
			unite(&next, &a->follow[i * 64 + (size_t)__builtin_ctzll(left)]);
	return next;
}

static bool step(const struct automaton *a, struct set *states, unsigned char octet)
{
	struct set next = successors(a, states);
	for (size_t i = 0; i < WORDS; i++)
		states->w[i] = next.w[i] & a->reach[octet].w[i];
	return meet(states, &a->last);
}

/* Between two octets: edges are taken, one after the other, by those states that ask for them. */
static bool cross_edge(const struct automaton *a, struct set *states, bool begins, bool ends)
{
	struct set edges = {0}, before;
	if (begins)
		unite(&edges, &a->reach[LINE_BEGINS]);
	if (ends)
		unite(&edges, &a->reach[LINE_ENDS]);
	do {
		struct set next = successors(a, states);
		before = *states;
		for (size_t i = 0; i < WORDS; i++)
			states->w[i] |= next.w[i] & edges.w[i];
	} while (memcmp(&before, states, sizeof(before)) != 0);
	return meet(states, &a->last);
}

static bool search(const struct automaton *a, const char *text, size_t len)
{
	struct set states = {0};
	if (a->nullable)
		return true;
	for (size_t i = 0; i <= len; i++) {
		bool begins = i == 0 || text[i - 1] == '\n', ends = i == len || text[i] == '\n';
		if ((begins || ends) && cross_edge(a, &states, begins, ends))
			return true;
		if (i < len && step(a, &states, (unsigned char)text[i]))
			return true;
	}
	return false;
}

int isb_pattern_check(const char *pattern, char why[ISB_PATTERN_WHY])
{
	struct automaton *a = isb_xcalloc(1, sizeof(*a));
	bool good = compile(pattern, a, why);
	free(a);
	return good ? ISB_OK : ISB_EFORMAT;
}

bool isb_pattern_search(const char *pattern, const char *text, size_t len)
{
	char why[ISB_PATTERN_WHY];
	struct automaton *a = isb_xcalloc(1, sizeof(*a));
	bool found = compile(pattern, a, why) && search(a, text, len);
	free(a);
	return found;
}
