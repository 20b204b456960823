/* SPDX-License-Identifier: Apache-2.0 */
#include "selfcheck.h"

#include <string.h>

#include "frames.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/dns/respond.h"

enum { ID = 0x6973, HEADER = 12, QR = 0x8000, AA = 0x0400, IN = 1, QUERY_MAX = HEADER + ISB_DNAME_MAX + 4 };

struct check {
	struct isb_context ctx;
	struct isb_diags *diags;
	int rc;
};

static size_t write_query(const uint8_t *name, size_t len, uint8_t out[QUERY_MAX])
{
	struct isb_writer w = isb_writer(out, QUERY_MAX);
	isb_write_u16(&w, ID);
	isb_write_u16(&w, 0); /* flags */
	isb_write_u16(&w, 1); /* questions */
	isb_write_u16(&w, 0);
	isb_write_u32(&w, 0);
	isb_write(&w, name, len);
	isb_write_u16(&w, ISB_SOA);
	isb_write_u16(&w, IN);
	return w.pos;
}

static bool is_right(const uint8_t *answer, size_t len, enum isb_rcode wanted)
{
	if (len < HEADER || isb_get_u16(answer) != ID)
		return false;
	uint16_t flags = isb_get_u16(answer + 2);
	if (!(flags & QR) || (flags & 15) != (uint16_t)wanted)
		return false;
	return wanted != ISB_NOERROR || (flags & AA && isb_get_u16(answer + 6) == 1);
}

static void ask(struct check *check, const uint8_t *name, size_t name_len, enum isb_rcode wanted)
{
	const struct isb_client self = {.addr = {.family = 4, .octets = {127, 0, 0, 1}}, .proto = ISB_TCP};
	static const char *const said[] = {"nothing", "something else"};
	uint8_t query[QUERY_MAX], answer[ISB_MESSAGE_MAX];
	char text[ISB_DNAME_TEXT];
	size_t len = isb_respond(&check->ctx, &self, query, write_query(name, name_len, query), answer, sizeof(answer));
	if (is_right(answer, len, wanted))
		return;
	isb_diag(check->diags, (struct isb_mark){0}, "asked itself for '%s SOA' and answered %s", isb_dname_print(name, text),
	         said[len > 0]);
	check->rc = ISB_EINVAL;
}

static enum isb_tour each(void *arg, const uint8_t *dname, const struct isb_node *node)
{
	struct check *check = arg;
	const struct isb_zone_view *zone = node->payload;
	(void)dname;
	if (zone)
		ask(check, zone->apex, zone->apex_len, ISB_NOERROR);
	return check->rc == ISB_OK ? ISB_TOUR_ON : ISB_TOUR_END;
}

int isb_selfcheck(const struct isb_view *view, const struct isb_settings *settings, int64_t now_ms, struct isb_diags *diags)
{
	static const struct isb_health_table nobody_knows;
	struct check check = {.diags = diags};
	isb_context_init(&check.ctx, 1);
	check.ctx.settings = settings;
	isb_context_turn_to(&check.ctx, view);
	isb_context_begin(&check.ctx, view, &nobody_knows, now_ms);
	if (view->nzone)
		isb_names_tour(view->zones, each, &check);
	else
		ask(&check, (const uint8_t *)"", 1, ISB_REFUSED);
	isb_context_done(&check.ctx);
	return check.rc;
}
