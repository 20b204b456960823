/* SPDX-License-Identifier: Apache-2.0 */
#include "script_frame.h"

#include <string.h>

#include "isobar/base/err.h"

struct head {
	uint64_t id;
	uint32_t timeout_ms;
	uint16_t nword, nenv;
};

static uint16_t count(char *const *list)
{
	uint16_t n = 0;
	while (list[n])
		n++;
	return n;
}

static void add_texts(struct isb_buf *out, char *const *list)
{
	for (; *list; list++)
		isb_buf_add(out, *list, strlen(*list) + 1);
}

void isb_script_ask_write(struct isb_buf *out, const struct isb_script_ask *ask)
{
	struct head head = {ask->id, ask->timeout_ms, count(ask->words), count(ask->env)};
	isb_buf_add(out, &head, sizeof(head));
	add_texts(out, ask->words);
	add_texts(out, ask->env);
}

/* The next `n` texts into `list`, which has room for `most` and NULL. */
static bool take_texts(char **list, size_t n, size_t most, char **at, char *end)
{
	if (n > most)
		return false;
	for (size_t i = 0; i < n; i++) {
		char *nul = memchr(*at, '\0', (size_t)(end - *at));
		if (!nul)
			return false;
		list[i] = *at;
		*at = nul + 1;
	}
	list[n] = NULL;
	return true;
}

bool isb_script_is_name(const char *word)
{
	return *word && *word != '.' && !strchr(word, '/') && strlen(word) <= ISB_SCRIPT_NAME_MAX;
}

int isb_script_ask_read(char *message, size_t len, struct isb_script_ask *ret_ask)
{
	struct head head;
	struct isb_script_ask ask = {0};
	if (len < sizeof(head))
		return ISB_EFORMAT;
	memcpy(&head, message, sizeof(head));
	char *at = message + sizeof(head), *end = message + len;
	if (!take_texts(ask.words, head.nword, ISB_SCRIPT_WORDS, &at, end) ||
	    !take_texts(ask.env, head.nenv, ISB_SCRIPT_ENV, &at, end) || at != end)
		return ISB_EFORMAT;
	if (head.timeout_ms ? !head.nword || !isb_script_is_name(ask.words[0]) : head.nword || head.nenv)
		return ISB_EFORMAT;
	ask.id = head.id;
	ask.timeout_ms = head.timeout_ms;
	*ret_ask = ask;
	return ISB_OK;
}

int isb_script_end_read(const void *message, size_t len, struct isb_script_end *ret_end)
{
	struct isb_script_end end;
	if (len != sizeof(end))
		return ISB_EFORMAT;
	memcpy(&end, message, sizeof(end));
	if (end.how >= ISB_SCRIPT_HOW_COUNT || end.nline > sizeof(end.line))
		return ISB_EFORMAT;
	*ret_end = end;
	return ISB_OK;
}
