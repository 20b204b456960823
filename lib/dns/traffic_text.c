/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "isobar/base/err.h"
#include "isobar/model/rr.h"
#include "traffic_parts.h"

/* --- What both kinds of lines hold --- */

static const char *read_name(const char *text, struct isb_traffic_row *row)
{
	uint8_t name[ISB_DNAME_MAX];
	if (isb_dname_parse(text, NULL, name) < 0)
		return "the name is no domain name";
	isb_dname_lower(name, row->name);
	return NULL;
}

/* Most questions ask for these; the table of all types is long. */
static const char *read_type(const char *text, struct isb_traffic_row *row)
{
	if (strcmp(text, "A") == 0)
		row->type = ISB_A;
	else if (strcmp(text, "AAAA") == 0)
		row->type = ISB_AAAA;
	else if (isb_type_parse(text, &row->type) != ISB_OK)
		return "the type is no record type; write A, AAAA or SRV";
	return NULL;
}

/* An address or a network. */
static const char *read_client(const char *text, struct isb_addr *ret_addr, uint8_t *ret_bits)
{
	struct isb_net net;
	if (isb_addr_parse(text, ret_addr) == ISB_OK) {
		*ret_bits = (uint8_t)isb_addr_bits(ret_addr);
		return NULL;
	}
	int rc = isb_net_parse(text, &net);
	if (rc == ISB_ERANGE)
		return "the client's network has bits set beyond its length";
	if (rc != ISB_OK)
		return "the client is neither an address nor a network";
	*ret_addr = net.addr;
	*ret_bits = net.len;
	return NULL;
}

/* --- The query log --- */

enum { LOG_CLIENT, LOG_ECS, LOG_NAME, LOG_CLASS, LOG_TYPE, LOG_WORDS };

static void split_log(char *line, const char *value[LOG_WORDS])
{
	static const struct {
		const char *key;
		size_t len;
	} keys[LOG_WORDS] = {[LOG_CLIENT] = {"client=", 7}, [LOG_ECS] = {"ecs=", 4}, [LOG_NAME] = {"name=", 5},
	                     [LOG_CLASS] = {"class=", 6}, [LOG_TYPE] = {"type=", 5}};
	unsigned found = 0;
	for (char *word = line, *end; word && found < LOG_WORDS; word = end) {
		end = strchr(word, ' ');
		if (end)
			*end++ = '\0';
		for (unsigned i = 0; i < LOG_WORDS; i++)
			if (!value[i] && strncmp(word, keys[i].key, keys[i].len) == 0) {
				value[i] = word + keys[i].len;
				found++;
				break;
			}
	}
}

static void querylog_line(struct isb_traffic *traffic, char *line)
{
	struct isb_traffic_row row = {.count = 1};
	struct isb_addr asked, told = {0};
	const char *value[LOG_WORDS] = {NULL}, *why = NULL;
	uint8_t bits, told_bits = 0;
	split_log(line, value);
	for (unsigned i = 0; i < LOG_WORDS; i++)
		if (!value[i]) {
			isb_traffic_bad(traffic, "the line lacks one of client=, ecs=, name=, class= and type=");
			return;
		}
	if (strcmp(value[LOG_NAME], "-") == 0 || strcmp(value[LOG_CLASS], "IN") != 0) {
		traffic->skipped++; /* no question could be read, or it was about the server */
		return;
	}
	why = read_client(value[LOG_CLIENT], &asked, &bits);
	if (!why && strcmp(value[LOG_ECS], "-") != 0)
		why = read_client(value[LOG_ECS], &told, &told_bits);
	if (!why)
		why = read_name(value[LOG_NAME], &row);
	if (!why)
		why = read_type(value[LOG_TYPE], &row);
	if (why) {
		isb_traffic_bad(traffic, why);
		return;
	}
	row.client = *isb_traffic_whom(&told, told_bits, &asked);
	isb_traffic_good(traffic, &row);
}

/* --- Lists --- */

enum { FIELD_CLIENT, FIELD_NAME, FIELD_TYPE, FIELD_COUNT, FIELDS };
static const char *const field_words[FIELDS] = {"client", "name", "type", "count"};

static char *trim(char *text)
{
	text += strspn(text, " \t");
	size_t len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
		text[len - 1] = '\0';
		text++;
	}
	return text;
}

/* The n-th field (from 1) of each kind, or NULL where the line is too short. */
static void split_list(const struct isb_traffic *traffic, char *line, char *field[FIELDS])
{
	unsigned n = 1;
	for (char *at = line, *end; at; at = end, n++) {
		end = strchr(at, ',');
		if (end)
			*end++ = '\0';
		for (unsigned i = 0; i < FIELDS; i++)
			if (traffic->column[i] == n)
				field[i] = trim(at);
	}
}

/* A first line that names its columns: in any order, with others between. */
static bool take_head(struct isb_traffic *traffic, const char *line)
{
	uint8_t column[FIELDS] = {0};
	unsigned n = 1;
	for (const char *at = line, *end; at && n < UINT8_MAX; at = *end ? end + 1 : NULL, n++) {
		end = at + strcspn(at, ",");
		const char *word = at + strspn(at, " \t\"");
		size_t len = strcspn(word, " \t\r\",");
		for (unsigned i = 0; i < FIELDS; i++)
			if (len == strlen(field_words[i]) && strncasecmp(word, field_words[i], len) == 0)
				column[i] = (uint8_t)n;
	}
	if (!column[FIELD_CLIENT] || !column[FIELD_NAME] || !column[FIELD_TYPE])
		return false;
	memcpy(traffic->column, column, sizeof(column));
	return true;
}

static const char *read_count(const char *text, struct isb_traffic_row *row)
{
	char *end;
	row->count = 1;
	if (!text || !*text)
		return NULL;
	size_t digits = strspn(text, "0123456789");
	row->count = strtoull(text, &end, 10);
	if (digits == 0 || digits > 10 || *end || row->count > ISB_TRAFFIC_COUNT_MAX)
		return "the count is no number from 1 to 1000000000";
	return row->count ? NULL : "the count is 0";
}

static void list_line(struct isb_traffic *traffic, char *line)
{
	struct isb_traffic_row row;
	char *field[FIELDS] = {NULL};
	const char *why;
	uint8_t bits;
	if (traffic->at == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3; /* a byte order mark, as spreadsheets write it */
	if (!line[strspn(line, " \t\r")] || *line == '#')
		return;
	if (traffic->rows + traffic->bad == 0 && take_head(traffic, line))
		return;
	split_list(traffic, line, field);
	if (!field[FIELD_CLIENT] || !field[FIELD_NAME] || !field[FIELD_TYPE]) {
		isb_traffic_bad(traffic, "the line is not client,name,type or client,name,type,count");
		return;
	}
	why = read_client(field[FIELD_CLIENT], &row.client, &bits);
	if (!why)
		why = read_name(field[FIELD_NAME], &row);
	if (!why)
		why = read_type(field[FIELD_TYPE], &row);
	if (!why)
		why = read_count(field[FIELD_COUNT], &row);
	if (why)
		isb_traffic_bad(traffic, why);
	else
		isb_traffic_good(traffic, &row);
}

void isb_traffic_line(struct isb_traffic *traffic, char *line, size_t len)
{
	if (memchr(line, '\0', len))
		isb_traffic_bad(traffic, "the line holds a NUL octet");
	else if (traffic->format == ISB_TRAFFIC_QUERYLOG)
		querylog_line(traffic, line);
	else
		list_line(traffic, line);
}
