/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/model/dname.h"

/* Ordinary rrsets one by one, with what a zone must keep: SOA and NS at its apex, a CNAME alone (RFC 2181 §10.1),
 * nothing below a DNAME (RFC 6672 §2.4). */

enum { TTL_MAX_S = 0x7fffffff }; /* RFC 2181 §8 */

struct place {
	uint8_t owner[ISB_DNAME_MAX];
	const uint8_t *apex; /* inside owner */
	uint16_t type;
	const char *name, *type_name; /* as written */
};

static int find_place(struct cli_edit *e, const char *const *words, struct place *p)
{
	p->name = words[0];
	p->type_name = words[1];
	int rc = cli_parse_rrset(p->name, p->type_name, p->owner, &p->type);
	if (rc != CLI_OK)
		return rc;
	int err = cli_zone_of(e->txn, p->owner, &p->apex);
	if (err == ISB_ENOTFOUND)
		return cli_fail(CLI_NOT_FOUND, "no zone of the catalog holds '%s'; isobar show zones lists them", p->name);
	return err == ISB_OK ? CLI_OK : cli_unreadable(e->cli, err);
}

static bool at_apex(const struct place *p)
{
	return isb_dname_equal(p->owner, p->apex);
}

struct neighbours {
	const struct place *place;
	struct isb_diags *diags;
	struct isb_mark at;
};

static bool is_dnssec(uint16_t type)
{
	return type == ISB_RRSIG || type == ISB_NSEC; /* may stand beside a CNAME: RFC 4034 §3, §4 */
}

static int check_neighbour(void *arg, const uint8_t *owner, const struct isb_rrset *set)
{
	struct neighbours *n = arg;
	const struct place *p = n->place;
	char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	isb_type_print(set->type, type);
	if (isb_dname_equal(owner, p->owner)) {
		bool one_cname = (set->type == ISB_CNAME) != (p->type == ISB_CNAME);
		if (one_cname && !is_dnssec(set->type) && !is_dnssec(p->type))
			isb_diag(n->diags, n->at, "'%s' owns %s already; a CNAME stands alone", p->name, type);
	} else if (set->type == ISB_DNAME && isb_dname_under(p->owner, owner)) {
		isb_diag(n->diags, n->at, "'%s' is below the DNAME of '%s', which answers for all names there", p->name,
		         isb_dname_print(owner, name));
	} else if (p->type == ISB_DNAME && isb_dname_under(owner, p->owner)) {
		isb_diag(n->diags, n->at, "'%s' is below this DNAME, which would answer for it; remove its %s first",
		         isb_dname_print(owner, name), type);
	}
	return n->diags->count > 0; /* one is enough */
}

static int check_place(struct cli_edit *e, const struct place *p, const struct isb_rrset *set, struct isb_mark at)
{
	struct neighbours n = {.place = p, .diags = &e->diags, .at = at};
	if (p->type == ISB_SOA && !at_apex(p))
		isb_diag(&e->diags, at, "a SOA belongs to the apex of a zone, and '%s' is none", p->name);
	if (set->count > 1 && (p->type == ISB_SOA || p->type == ISB_CNAME || p->type == ISB_DNAME))
		isb_diag(&e->diags, at, "'%s' can own one %s only", p->name, p->type_name);
	int rc = ISB_OK;
	for (unsigned up = isb_dname_labels(p->owner) - isb_dname_labels(p->apex); up > 0 && rc == ISB_OK; up--)
		rc = isb_rrset_each_at(e->txn, p->apex, isb_dname_up(p->owner, up), false, check_neighbour, &n);
	if (rc == ISB_OK)
		rc = isb_rrset_each_at(e->txn, p->apex, p->owner, p->type == ISB_DNAME, check_neighbour, &n);
	return rc;
}

static int parse_ttl(const char *text, uint32_t *ret_ttl_s)
{
	int64_t ttl_ms;
	if (isb_span_parse(text, &ttl_ms) != ISB_OK || ttl_ms / 1000 > TTL_MAX_S || ttl_ms % 1000)
		return cli_fail(CLI_USAGE, "'%s' is no TTL; write whole seconds, as 300 or 5m", text);
	*ret_ttl_s = (uint32_t)(ttl_ms / 1000);
	return CLI_OK;
}

int cli_put_rrset(struct cli_edit *e, const char *const *words, int count, bool add)
{
	struct place p;
	struct isb_arena arena = {0};
	const struct isb_rrset *old;
	struct isb_rrset *set;
	uint32_t ttl_s = 0;
	if (count < 4)
		return cli_fail(CLI_USAGE, "write: isobar %s rrset NAME TYPE TTL RDATA ...", add ? "add" : "set");
	int rc = find_place(e, words, &p);
	if (rc == CLI_OK)
		rc = parse_ttl(words[2], &ttl_s);
	if (rc != CLI_OK)
		return rc;
	if (add && isb_rrset_get(e->txn, p.apex, p.owner, p.type, &old) == ISB_OK)
		return cli_fail(CLI_FAILED, "%s %s is there already; replace it with: isobar set rrset %s %s ...", p.name,
		                p.type_name, p.name, p.type_name);
	struct isb_mark at = {.file = isb_arena_printf(&arena, "%s %s", p.name, p.type_name)};
	int err = ISB_OK;
	if (isb_rrset_parse(&arena, p.type, ttl_s, words + 3, (size_t)count - 3, p.apex, at, &e->diags, &set) == ISB_OK) {
		err = check_place(e, &p, set, at);
		if (!e->diags.count && err == ISB_OK)
			err = isb_edit_put_rrset(e->edit, p.apex, p.owner, set);
	}
	isb_arena_done(&arena);
	return err >= ISB_OK ? CLI_OK : cli_unwritable(e->cli, err);
}

int cli_remove_rrset(struct cli_edit *e, const char *const *words, int count)
{
	struct place p;
	if (count != 2)
		return cli_fail(CLI_USAGE, "write: isobar remove rrset NAME TYPE");
	int rc = find_place(e, words, &p);
	if (rc != CLI_OK)
		return rc;
	if (at_apex(&p) && (p.type == ISB_NS || p.type == ISB_SOA))
		return cli_fail(CLI_FAILED, "zone '%s' needs its %s; replace it with: isobar set rrset %s %s TTL RDATA ...", p.name,
		                p.type_name, p.name, p.type_name);
	int err = isb_edit_delete_rrset(e->edit, p.apex, p.owner, p.type);
	if (err == ISB_ENOTFOUND)
		return cli_fail(CLI_NOT_FOUND, "there is no rrset %s %s; isobar show rrset %s lists its types", p.name, p.type_name,
		                p.name);
	return err == ISB_OK ? CLI_OK : cli_unwritable(e->cli, err);
}
