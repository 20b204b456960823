/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/view/zonefile.h"

/* Input: master-file text of the zone example.com; of the root zone when it begins with the line ";root". */

/* ldns 1.8.3 loses parts of an IPSECKEY that it reads. The second name is what it makes them with; that the first called
 * it cannot be seen, as ldns is built without frame pointers. That isobar frees what it makes itself is seen by the unit
 * test. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:ldns_str2rdf_ipseckey\nleak:ldns_rdf_new_frm_data\n";
}

enum { GENERATE_DIGITS = 2 }; /* in the ranges of $GENERATE: a million records are valid, and take their time */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool generates_much(const char *text, size_t len)
{
	size_t digits = 0;
	if (!memmem(text, len, "$", 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		digits = is_digit(text[i]) ? digits + 1 : 0;
		/* only a range has digits right before or behind its dash */
		if (digits > GENERATE_DIGITS &&
		    ((i + 1 < len && text[i + 1] == '-') || (i >= digits && text[i - digits] == '-')))
			return true;
	}
	return false;
}

static void print_zone(const struct isb_zonedata *data, struct isb_buf *out)
{
	for (size_t i = 0; i < data->count; i++)
		isb_rrset_print(out, data->sets[i].owner, data->sets[i].set);
}

static bool same_set(const struct isb_rrset *a, const struct isb_rrset *b)
{
	return isb_rrset_bytes(a) == isb_rrset_bytes(b) && memcmp(a, b, isb_rrset_bytes(a)) == 0;
}

/* The fifth word of a line and what follows: its rdata. Ends it. */
static char *rdata_of(char *line, char **ret_next)
{
	char *end = strchr(line, '\n');
	*end = '\0';
	*ret_next = end + 1;
	for (int words = 0; words < 4; words++) {
		line = strchr(line, ' ');
		MUST(line);
		line++;
	}
	return line;
}

/* As the CLI takes an rrset: each record's rdata by itself. */
static void check_set(const struct isb_zonedata_set *from)
{
	struct isb_buf lines = {0};
	struct isb_arena arena = {0};
	struct isb_diags diags = {0};
	struct isb_rrset *set = NULL;
	const struct isb_rrset *want = from->set;
	const char **rdata = calloc(want->count, sizeof(*rdata));
	MUST(isb_rrset_check(want, isb_rrset_bytes(want)));
	isb_rrset_print(&lines, from->owner, want);
	char *line = lines.data;
	for (unsigned i = 0; i < want->count; i++)
		rdata[i] = rdata_of(line, &line);
	MUST(line == lines.data + lines.len);
	int rc = isb_rrset_parse(&arena, want->type, want->ttl_s, rdata, want->count, NULL, (struct isb_mark){0}, &diags,
	                         &set);
	if (rc != ISB_OK)
		isb_diags_print(&diags, stderr);
	MUST(rc == ISB_OK && same_set(set, want));
	free(rdata);
	isb_diags_done(&diags);
	isb_arena_done(&arena);
	isb_buf_done(&lines);
}

static void check_zone(const struct isb_zonedata *data, const uint8_t *apex)
{
	struct isb_buf text = {0};
	struct isb_diags diags = {0};
	struct isb_zonedata again = {0};
	print_zone(data, &text);
	int rc = isb_zonetext_read(isb_buf_text(&text), text.len, (struct isb_mark){.file = "printed"}, apex, &diags, &again);
	if (diags.count)
		isb_diags_print(&diags, stderr);
	MUST(rc == ISB_OK && diags.count == 0);
	MUST(again.count == data->count);
	for (size_t i = 0; i < data->count; i++) {
		MUST(isb_dname_equal(again.sets[i].owner, data->sets[i].owner));
		MUST(isb_dname_under(data->sets[i].owner, apex));
		MUST(same_set(again.sets[i].set, data->sets[i].set));
		check_set(&data->sets[i]);
	}
	isb_zonedata_done(&again);
	isb_diags_done(&diags);
	isb_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t root[] = "", example[] = "\7example\3com";
	const uint8_t *apex = size >= 6 && memcmp(data, ";root\n", 6) == 0 ? root : example;
	struct isb_diags diags = {0};
	struct isb_zonedata zone = {0};
	if (generates_much((const char *)data, size))
		return 0;
	int rc = isb_zonetext_read((const char *)data, size, (struct isb_mark){.file = "text"}, apex, &diags, &zone);
	if (rc == ISB_OK)
		check_zone(&zone, apex);
	else
		MUST(rc == ISB_EINVAL && diags.count > 0 && zone.count == 0);
	isb_zonedata_done(&zone);
	isb_diags_done(&diags);
	return 0;
}
