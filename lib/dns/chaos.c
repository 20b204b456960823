/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/chaos.h"

#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/rr.h"

int isb_chaos_set(struct isb_chaos *chaos, const char *text)
{
	size_t len = strlen(text);
	if (len > ISB_CHAOS_MAX)
		return ISB_ERANGE;
	*chaos = (struct isb_chaos){0};
	if (len) {
		isb_put_u16(chaos->rdata, (uint16_t)(len + 1));
		chaos->rdata[2] = (uint8_t)len;
		memcpy(chaos->rdata + 3, text, len);
	}
	return ISB_OK;
}

static const struct isb_chaos *find(const struct isb_name *name, const struct isb_settings *settings)
{
	static const char version_bind[] = "\7version\4bind", version_server[] = "\7version\6server",
	                  id_server[] = "\2id\6server", hostname_bind[] = "\10hostname\4bind";
	const char *lower = (const char *)name->lower;
	if (strcmp(lower, version_bind) == 0 || strcmp(lower, version_server) == 0)
		return &settings->version;
	if (strcmp(lower, id_server) == 0 || strcmp(lower, hostname_bind) == 0)
		return &settings->id;
	return NULL;
}

void isb_chaos_find(struct isb_answer *answer, const struct isb_query *query, const struct isb_settings *settings)
{
	const struct isb_chaos *chaos = find(&query->name, settings);
	if (!chaos || !chaos->rdata[1] || (query->qtype != ISB_TXT && query->qtype != ISB_ANY)) {
		answer->rcode = ISB_REFUSED;
		return;
	}
	answer->authoritative = true;
	answer->cls = ISB_CLASS_CH;
	isb_answer_add(answer, ISB_ANSWER, &query->name, 0,
	               &(struct isb_part){.type = ISB_TXT, .count = 1, .ttl_s = 0, .rdata = chaos->rdata});
}
