/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "isobar/base/wire.h"
#include "zonefile_parts.h"

enum {
	MESSAGE_MAX = 65535,
	MESSAGE_REST = 12 + ISB_DNAME_MAX + 4 + 11, /* header, question, OPT */
	RECORD_REST = 12                            /* compressed owner, type, class, TTL, RDLENGTH */
};

void isb_zone_records_done(struct isb_zone_records *records)
{
	isb_arena_done(&records->arena);
	free(records->list);
	*records = (struct isb_zone_records){0};
}

void isb_zone_records_add(struct isb_zone_records *records, const struct isb_zone_record *record)
{
	if (records->count == records->cap) {
		records->cap = records->cap ? records->cap * 2 : 64;
		records->list = isb_xrealloc(records->list, records->cap * sizeof(*records->list));
	}
	struct isb_zone_record *copy = &records->list[records->count++];
	*copy = *record;
	copy->rdata = isb_arena_memdup(&records->arena, record->rdata, record->len);
}

/* --- Order ------------------------------------------------------------------------------------------------------- */

static int compare_octets(const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	size_t shorter = na < nb ? na : nb;
	int order = shorter ? memcmp(a, b, shorter) : 0;
	return order ? order : (na > nb) - (na < nb);
}

static size_t fold_names(const struct isb_rdata_layout *layout, const uint8_t *rdata, uint8_t *out)
{
	size_t len = layout->skip;
	memcpy(out, rdata, len);
	for (unsigned i = 0; i < layout->names; i++)
		len += isb_dname_lower(rdata + len, out + len);
	return len;
}

/* Canonical order of rdata (RFC 4034 §6.3), names without case: records that differ in nothing else are duplicates. */
static int compare_rdata(const struct isb_zone_record *a, const struct isb_zone_record *b)
{
	const struct isb_rdata_layout *layout = isb_rdata_layout(a->type);
	if (!layout)
		return compare_octets(a->rdata, a->len, b->rdata, b->len);
	uint8_t fa[UINT8_MAX + 2 * ISB_DNAME_MAX], fb[UINT8_MAX + 2 * ISB_DNAME_MAX];
	size_t na = fold_names(layout, a->rdata, fa), nb = fold_names(layout, b->rdata, fb);
	int order = compare_octets(fa, na, fb, nb);
	return order ? order : compare_octets(a->rdata + na, a->len - na, b->rdata + nb, b->len - nb);
}

static int compare_owners(const struct isb_zone_owner *a, const struct isb_zone_owner *b)
{
	return a == b ? 0 : compare_octets(a->order, a->order_len, b->order, b->order_len);
}

static int compare_records(const void *pa, const void *pb)
{
	const struct isb_zone_record *a = pa, *b = pb;
	int order = a->owner ? compare_owners(a->owner, b->owner) : 0;
	if (order)
		return order;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	order = compare_rdata(a, b);
	return order ? order : (a->line > b->line) - (a->line < b->line);
}

/* --- Packing ----------------------------------------------------------------------------------------------------- */

/* Takes duplicates out of sorted records; returns how many are left. */
static size_t merge(struct isb_zone_record *records, size_t count)
{
	size_t kept = 1;
	for (size_t i = 1; i < count; i++)
		if (compare_rdata(&records[i], &records[kept - 1]) != 0)
			records[kept++] = records[i];
	return kept;
}

static struct isb_rrset *pack_sorted(struct isb_arena *arena, struct isb_zone_record *records, size_t count)
{
	uint32_t ttl_s = UINT32_MAX;
	for (size_t i = 0; i < count; i++)
		if (records[i].ttl_s < ttl_s)
			ttl_s = records[i].ttl_s;
	count = merge(records, count);
	size_t size = 0;
	for (size_t i = 0; i < count; i++)
		size += 2 + (size_t)records[i].len;
	if (size + count * (RECORD_REST - 2) + MESSAGE_REST > MESSAGE_MAX)
		return NULL;
	struct isb_rrset *set = isb_arena_alloc(arena, sizeof(*set) + size);
	set->ttl_s = ttl_s;
	set->type = records[0].type;
	set->count = (uint16_t)count;
	set->size = (uint32_t)size;
	struct isb_writer w = isb_writer(set->rdata, size);
	for (size_t i = 0; i < count; i++) {
		isb_write_u16(&w, records[i].len);
		isb_write(&w, records[i].rdata, records[i].len);
	}
	return set;
}

struct isb_rrset *isb_zone_pack(struct isb_arena *arena, struct isb_zone_record *records, size_t count)
{
	qsort(records, count, sizeof(*records), compare_records);
	return pack_sorted(arena, records, count);
}

/* --- The zone as a whole ----------------------------------------------------------------------------------------- */

struct check {
	const uint8_t *apex;
	struct isb_diags *diags;
	size_t errors;
};

static struct isb_mark mark_of(const struct isb_zone_record *record)
{
	return (struct isb_mark){.file = record->file, .line = record->line};
}

static const struct isb_zone_record *find_type(const struct isb_zone_record *records, size_t count, uint16_t type)
{
	for (size_t i = 0; i < count; i++)
		if (records[i].type == type)
			return &records[i];
	return NULL;
}

/* One CNAME and nothing beside it but DNSSEC's own (RFC 2181 §10.1, RFC 4034 §3, §4). */
static void check_cname(struct check *check, const struct isb_zone_record *records, size_t count)
{
	const struct isb_zone_record *cname = find_type(records, count, ISB_CNAME);
	if (!cname)
		return;
	char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	isb_dname_print(cname->owner->name, name);
	for (size_t i = 0; i < count; i++) {
		const struct isb_zone_record *other = &records[i];
		if (other == cname || other->type == ISB_RRSIG || other->type == ISB_NSEC)
			continue;
		if (other->type == ISB_CNAME && compare_rdata(cname, other) == 0)
			continue;
		check->errors++;
		if (other->type != ISB_CNAME) {
			isb_diag(check->diags, mark_of(cname),
			         "'%s' owns a CNAME beside %s (line %u); a CNAME stands alone", name,
			         isb_type_print(other->type, type), other->line);
			return;
		}
		isb_diag(check->diags, mark_of(other), "'%s' has several CNAMEs (the other in line %u); keep one", name,
		         cname->line);
	}
}

/* `left` records follow those of this owner: what lies below a name comes right after it in canonical order. */
static void check_dname(struct check *check, const struct isb_zone_record *records, size_t count, size_t left)
{
	const struct isb_zone_record *dname = find_type(records, count, ISB_DNAME);
	if (!dname)
		return;
	char name[ISB_DNAME_TEXT], below[ISB_DNAME_TEXT];
	isb_dname_print(dname->owner->name, name);
	for (const struct isb_zone_record *other = dname + 1; other < records + count && other->type == ISB_DNAME;
	     other++) {
		if (compare_rdata(dname, other) == 0)
			continue;
		isb_diag(check->diags, mark_of(other), "'%s' has several DNAMEs (the other in line %u); keep one", name,
		         dname->line);
		check->errors++;
	}
	for (const struct isb_zone_record *next = records + count; left; next++, left--) {
		if (next != records + count && compare_owners(next->owner, next[-1].owner) == 0)
			continue;
		if (!isb_dname_under(next->owner->name, dname->owner->name))
			break;
		isb_diag(check->diags, mark_of(next),
		         "'%s' is below the DNAME of '%s' (line %u), which answers for all names there",
		         isb_dname_print(next->owner->name, below), name, dname->line);
		check->errors++;
	}
}

static void check_soa(struct check *check, const struct isb_zone_record *records, size_t count)
{
	const struct isb_zone_record *soa = find_type(records, count, ISB_SOA);
	char name[ISB_DNAME_TEXT];
	if (!soa)
		return;
	if (!isb_dname_equal(soa->owner->name, check->apex)) {
		isb_diag(check->diags, mark_of(soa), "a SOA at '%s'; it belongs to the apex, '%s' needs its own zone",
		         isb_dname_print(soa->owner->name, name), name);
		check->errors++;
	}
	for (const struct isb_zone_record *other = soa + 1; other < records + count && other->type == ISB_SOA;
	     other++) {
		if (compare_rdata(soa, other) == 0)
			continue;
		isb_diag(check->diags, mark_of(other), "a second SOA (the first in line %u); a zone has exactly one",
		         soa->line);
		check->errors++;
	}
}

static void check_apex(struct check *check, const struct isb_zone_record *records, size_t count, struct isb_mark top)
{
	static const struct {
		uint16_t type;
		const char *text;
	} wanted[] = {
		{ISB_SOA, "the zone '%s' has no SOA at its apex; add one: @ SOA PRIMARY MAILBOX SERIAL REFRESH RETRY "
	                  "EXPIRE MINIMUM"},
		{ISB_NS, "the zone '%s' has no NS at its apex; add the name servers that the parent delegates to"},
	};
	char name[ISB_DNAME_TEXT];
	isb_dname_print(check->apex, name);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (find_type(records, count, wanted[i].type))
			continue;
		isb_diag(check->diags, top, wanted[i].text, name);
		check->errors++;
	}
}

/* RFC 2181 §5.2. Not an error: the lowest holds for all. */
static void note_ttls(struct check *check, const struct isb_zone_record *records, size_t count)
{
	const struct isb_zone_record *lowest = records, *other = NULL;
	for (size_t i = 1; i < count; i++)
		if (records[i].ttl_s < lowest->ttl_s)
			lowest = &records[i];
	for (size_t i = 0; i < count && !other; i++)
		if (records[i].ttl_s != lowest->ttl_s)
			other = &records[i];
	char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
	if (other)
		isb_diag(check->diags, mark_of(other),
		         "the TTLs of '%s' %s differ; the lowest, %u (line %u), is taken for all",
		         isb_dname_print(other->owner->name, name), isb_type_print(other->type, type), lowest->ttl_s,
		         lowest->line);
}

static void pack_owner(struct check *check, struct isb_zone_record *records, size_t count, struct isb_zonedata *data)
{
	size_t n;
	const uint8_t *owner =
		isb_arena_memdup(&data->arena, records->owner->name, isb_dname_len(records->owner->name));
	for (size_t i = 0; i < count; i += n) {
		for (n = 1; i + n < count && records[i + n].type == records[i].type; n++)
			;
		struct isb_zone_record first = records[i];
		note_ttls(check, records + i, n);
		struct isb_rrset *set = pack_sorted(&data->arena, records + i, n);
		if (set) {
			data->sets[data->count++] = (struct isb_zonedata_set){owner, set};
			continue;
		}
		char name[ISB_DNAME_TEXT], type[ISB_TYPE_TEXT];
		isb_diag(check->diags, mark_of(&first),
		         "the %zu records of '%s' %s do not fit into one message of 65535 octets", n,
		         isb_dname_print(first.owner->name, name), isb_type_print(first.type, type));
		check->errors++;
	}
}

static size_t count_sets(const struct isb_zone_record *records, size_t count)
{
	size_t sets = 0;
	for (size_t i = 0; i < count; i++)
		sets += i == 0 || records[i].type != records[i - 1].type ||
		        compare_owners(records[i].owner, records[i - 1].owner) != 0;
	return sets;
}

size_t isb_zone_assemble(struct isb_zone_records *records, const uint8_t *apex, struct isb_mark top,
                         struct isb_diags *diags, struct isb_zonedata *data)
{
	struct check check = {.apex = apex, .diags = diags};
	struct isb_zone_record *list = records->list;
	size_t total = records->count, count = 0;
	if (total)
		qsort(list, total, sizeof(*list), compare_records);
	data->sets = isb_arena_alloc(&data->arena, count_sets(list, total) * sizeof(*data->sets));
	/* The apex sorts before all that is below it; a zone without records has an empty one. */
	for (size_t i = 0; i == 0 || i < total; i += count) {
		for (count = 0; i + count < total && compare_owners(list[i].owner, list[i + count].owner) == 0; count++)
			;
		bool apex_here = count && isb_dname_equal(list[i].owner->name, apex);
		if (i == 0)
			check_apex(&check, list, apex_here ? count : 0, top);
		if (!count)
			break;
		check_soa(&check, list + i, count);
		check_cname(&check, list + i, count);
		check_dname(&check, list + i, count, total - i - count);
		pack_owner(&check, list + i, count, data);
	}
	return check.errors;
}
