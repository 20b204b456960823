/* SPDX-License-Identifier: Apache-2.0 */
#include "rdata.h"

#include <string.h>

#include "isobar/base/err.h"
#include "isobar/model/dname.h"
#include "isobar/model/rr.h"
#include "isobar/view/zonefile.h"
#include "rrtext.h"

unsigned isb_addresses_rdata(const struct isb_addr *addresses, size_t count, uint8_t family, struct isb_buf *out)
{
	uint16_t len = family == 4 ? 4 : 16;
	unsigned added = 0;
	for (size_t i = 0; i < count; i++) {
		if (addresses[i].family != family)
			continue;
		isb_buf_u16(out, len);
		isb_buf_add(out, addresses[i].octets, len);
		added++;
	}
	return added;
}

/* Numbers and then the host: CNAME and ALIAS without any, MX (RFC 1035 §3.3.9) with one, SRV (RFC 2782) with three. */
static unsigned host_rdata(const struct isb_endpoint *endpoint, const uint16_t *numbers, unsigned count, struct isb_buf *out)
{
	uint8_t target[ISB_DNAME_MAX];
	int len = endpoint->host ? isb_dname_parse(endpoint->host, NULL, target) : -1;
	if (len < 0)
		return 0;
	isb_buf_u16(out, (uint16_t)(2 * count + (unsigned)len));
	for (unsigned i = 0; i < count; i++)
		isb_buf_u16(out, numbers[i]);
	isb_buf_add(out, target, (size_t)len);
	return 1;
}

static unsigned service_rdata(const struct isb_endpoint *endpoint, struct isb_buf *out)
{
	const uint16_t numbers[] = {isb_endpoint_priority(endpoint, ISB_SRV), endpoint->weight, endpoint->port};
	return endpoint->port ? host_rdata(endpoint, numbers, 3, out) : 0;
}

/* One TXT record of all the texts; a string holds 255 octets, so that longer ones become several. */
static unsigned text_rdata(const struct isb_endpoint *endpoint, struct isb_buf *out)
{
	size_t start = out->len;
	if (!endpoint->texts.count)
		return 0;
	isb_buf_u16(out, 0);
	for (size_t i = 0; i < endpoint->texts.count; i++) {
		const char *text = endpoint->texts.list[i];
		size_t left = strlen(text);
		do {
			size_t n = left < UINT8_MAX ? left : UINT8_MAX;
			isb_buf_putc(out, (char)n);
			isb_buf_add(out, text, n);
			text += n;
			left -= n;
		} while (left);
	}
	isb_put_u16((uint8_t *)out->data + start, (uint16_t)(out->len - start - 2));
	return 1;
}

/* --- SVCB and HTTPS: as text, for the reader of zone files to make what RFC 9460 allows of it ---------------------- */

static void print_hints(const struct isb_endpoint *endpoint, uint8_t family, struct isb_buf *text)
{
	char addr[ISB_ADDR_TEXT];
	const char *lead = family == 4 ? " ipv4hint=" : " ipv6hint=";
	for (size_t i = 0; i < endpoint->naddress; i++) {
		if (endpoint->addresses[i].family != family)
			continue;
		isb_buf_printf(text, "%s%s", lead, isb_addr_print(&endpoint->addresses[i], addr));
		lead = ",";
	}
}

static void print_params(const struct isb_endpoint *endpoint, struct isb_buf *text)
{
	for (size_t i = 0; i < endpoint->alpn.count; i++)
		isb_buf_printf(text, "%s%s", i ? "," : " alpn=", endpoint->alpn.list[i]);
	if (endpoint->no_default_alpn)
		isb_buf_puts(text, " no-default-alpn");
	if (endpoint->port)
		isb_buf_printf(text, " port=%u", endpoint->port);
	if (endpoint->hints)
		print_hints(endpoint, 4, text);
	if (endpoint->ech)
		isb_buf_printf(text, " ech=%s", endpoint->ech);
	if (endpoint->hints)
		print_hints(endpoint, 6, text);
	if (endpoint->dohpath) {
		isb_buf_puts(text, " dohpath=");
		isb_print_string(text, (const uint8_t *)endpoint->dohpath, strlen(endpoint->dohpath));
	}
}

/* Without a host the target is the owner, "." (RFC 9460 §2.5.2). A priority of 0 is AliasMode, which has no parameters
 * (§2.4.2). */
static int binding_rdata(const struct isb_endpoint *endpoint, uint16_t type, struct isb_diags *diags, struct isb_buf *out,
                         unsigned *ret_count)
{
	struct isb_arena arena = {0};
	struct isb_buf text = {0};
	struct isb_rrset *set;
	uint8_t target[ISB_DNAME_MAX] = {0};
	char name[ISB_DNAME_TEXT];
	uint16_t priority = isb_endpoint_priority(endpoint, type);
	if (endpoint->host)
		isb_dname_parse(endpoint->host, NULL, target);
	isb_buf_printf(&text, "%u %s", priority, isb_dname_print(target, name));
	if (priority)
		print_params(endpoint, &text);
	const char *rdata = isb_buf_text(&text);
	int rc = isb_rrset_parse(&arena, type, 0, &rdata, 1, NULL, endpoint->mark, diags, &set);
	if (rc == ISB_OK) {
		isb_buf_add(out, set->rdata, set->size);
		*ret_count = 1;
	}
	isb_buf_done(&text);
	isb_arena_done(&arena);
	return rc;
}

int isb_endpoint_rdata(const struct isb_endpoint *endpoint, enum isb_plan_type type, struct isb_diags *diags,
                       struct isb_buf *out, unsigned *ret_count)
{
	const uint16_t preference = isb_endpoint_priority(endpoint, ISB_MX);
	switch (type) {
	case ISB_PLAN_A: *ret_count = isb_addresses_rdata(endpoint->addresses, endpoint->naddress, 4, out); break;
	case ISB_PLAN_AAAA: *ret_count = isb_addresses_rdata(endpoint->addresses, endpoint->naddress, 6, out); break;
	case ISB_PLAN_SRV: *ret_count = service_rdata(endpoint, out); break;
	case ISB_PLAN_CNAME:
	case ISB_PLAN_ALIAS: *ret_count = host_rdata(endpoint, NULL, 0, out); break;
	case ISB_PLAN_MX: *ret_count = host_rdata(endpoint, &preference, 1, out); break;
	case ISB_PLAN_TXT: *ret_count = text_rdata(endpoint, out); break;
	case ISB_PLAN_SVCB:
	case ISB_PLAN_HTTPS: return binding_rdata(endpoint, isb_plan_type_rr(type), diags, out, ret_count);
	case ISB_PLAN_TYPES: return ISB_EINVAL;
	}
	return ISB_OK;
}
