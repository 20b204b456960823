/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "probes/check_agent_line.h"
#include "probes/check_dns_reply.h"
#include "probes/check_icmp_echo.h"
#include "probes/script_children.h"
#include "probes/script_judge.h"

/* Input: one octet that says who reads, then what an endpoint answers to a check: 'd' a DNS message, 'a' an agent's line,
 * '4', 'r' and '6' an echo message on a ping socket, a raw IPv4 and a raw IPv6 one; 's' how a script ended, its exit
 * status and its first line; 'q' what its helper is asked; 'p' what /proc says of a process. */

static void read_dns(const uint8_t *data, size_t size)
{
	static const uint8_t question[] = "\3www\7example\0\0\1\0\1";
	static const struct isb_addr wanted = {4, {192, 0, 2, 7}};
	const struct isb_dns_ask ask = {.id = 0x6464, .question = question, .nquestion = sizeof(question) - 1,
	                                .addresses = &wanted, .naddress = 1};
	struct isb_dns_reply reply = {.rcode = 99};
	int rc = isb_dns_reply_read(&ask, data, size, &reply);
	MUST(rc == ISB_OK || rc == ISB_EFORMAT || rc == ISB_ENOTFOUND);
	if (rc != ISB_OK) {
		MUST(reply.rcode == 99);
		return;
	}
	MUST(size >= 12 && data[0] == 0x64 && data[1] == 0x64 && data[2] & 0x80 && reply.rcode == (data[3] & 15));
	MUST(!reply.truncated || !reply.found);
	MUST(!reply.found || memmem(data, size, wanted.octets, 4));
}

static void read_agent(const char *line, size_t len)
{
	struct isb_agent agent = {.soft = 200}, again;
	const char *word = NULL;
	size_t nword = 0;
	int rc = isb_agent_read(line, len, &agent, &word, &nword);
	MUST(rc == ISB_OK || rc == ISB_EFORMAT);
	if (rc != ISB_OK) {
		MUST(agent.soft == 200 && word >= line && nword <= len && word + nword <= line + len);
		return;
	}
	MUST(agent.soft <= 100 && (agent.has_soft || agent.soft == 0));
	MUST(!agent.reason || (agent.reason > line && agent.reason + agent.nreason == line + len));
	size_t words = agent.reason ? (size_t)(agent.reason - line) - 1 : len; /* a reason changes nothing */
	MUST(isb_agent_read(line, words, &again, &word, &nword) == ISB_OK);
	MUST(!again.reason && again.down == agent.down && again.has_soft == agent.has_soft && again.soft == agent.soft);
}

static void read_echo(char how, const uint8_t *data, size_t size)
{
	const struct isb_echo echo = {.family = how == '6' ? 6 : 4, .raw = how != '4', .id = 0x6464, .token = 0x6464646464646464};
	if (isb_echo_answers(&echo, data, size))
		MUST(size >= ISB_ECHO_LEN && memmem(data, size, "dddddddd", 8));
}

static void read_end(const uint8_t *data, size_t size)
{
	struct isb_script_end end = {0};
	struct isb_outcome o = {.soft = 200};
	char said[ISB_SCRIPT_SAID];
	if (size < 2)
		return;
	end.how = data[0] % ISB_SCRIPT_HOW_COUNT;
	end.number = data[1];
	end.nline = (uint32_t)(size - 2 < sizeof(end.line) ? size - 2 : sizeof(end.line));
	memcpy(end.line, data + 2, end.nline);
	isb_script_judge(&end, "check", &o, said);
	MUST(strlen(said) < sizeof(said) && o.kind != ISB_OUT_NONE);
	MUST(!o.has_soft || (o.soft <= 100 && end.how == ISB_SCRIPT_EXITED && !end.number));
	MUST(o.kind != ISB_OUT_OK || (end.how == ISB_SCRIPT_EXITED && !end.number));
}

static void read_ask(char *message, size_t size)
{
	struct isb_script_ask ask = {.id = 99};
	struct isb_buf again = {0};
	char *copy = malloc(size ? size : 1);
	memcpy(copy, message, size);
	int rc = isb_script_ask_read(message, size, &ask);
	MUST(rc == ISB_OK || (rc == ISB_EFORMAT && ask.id == 99));
	if (rc == ISB_OK) {
		MUST(!ask.timeout_ms || (ask.words[0] && !strchr(ask.words[0], '/')));
		isb_script_ask_write(&again, &ask);
		MUST(again.len == size && memcmp(again.data, copy, size) == 0);
	}
	isb_buf_done(&again);
	free(copy);
}

static void read_stat(const char *text, size_t size)
{
	char *copy = text_copy(text, size);
	isb_stat_parent(copy);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t len = size - 1;
	uint8_t *copy = malloc(len ? len : 1); /* not an octet too long */
	memcpy(copy, data + 1, len);
	if (data[0] == 'd')
		read_dns(copy, len);
	else if (data[0] == 'a')
		read_agent((const char *)copy, len);
	else if (data[0] == 's')
		read_end(copy, len);
	else if (data[0] == 'q')
		read_ask((char *)copy, len);
	else if (data[0] == 'p')
		read_stat((const char *)copy, len);
	else
		read_echo((char)data[0], copy, len);
	free(copy);
	return 0;
}
