/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/demand.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/hash.h"

_Static_assert(sizeof(struct isb_net) == 18, "networks are hashed and compared as octets");

struct isb_demand {
	size_t cap, count;
	uint64_t seed;
	struct entry {
		struct isb_demand_row row;
		uint32_t slot;
	} *heap; /* the least count first */
	uint32_t *slots; /* by network: its place in the heap + 1; 0: free */
	size_t mask;
};

struct isb_net isb_demand_net(const struct isb_net *net)
{
	uint8_t most = net->addr.family == 4 ? ISB_DEMAND_IPV4_LEN : ISB_DEMAND_IPV6_LEN;
	return isb_net_around(&net->addr, net->len < most ? net->len : most);
}

struct isb_demand *isb_demand_new(size_t rows, uint64_t seed)
{
	struct isb_demand *d = isb_xcalloc(1, sizeof(*d));
	size_t slots = 4;
	while (slots < 2 * rows)
		slots *= 2;
	d->cap = rows;
	d->seed = seed;
	d->heap = isb_xcalloc(rows, sizeof(*d->heap));
	d->slots = isb_xcalloc(slots, sizeof(*d->slots));
	d->mask = slots - 1;
	return d;
}

void isb_demand_free(struct isb_demand *d)
{
	if (!d)
		return;
	free(d->heap);
	free(d->slots);
	free(d);
}

/* --- By network: linear probing ------------------------------------------------------------------------------------ */

static size_t home(const struct isb_demand *d, const struct isb_net *net)
{
	return isb_hash_key(net, sizeof(*net), d->seed) & d->mask;
}

/* Its slot, or the free one where it belongs. */
static size_t find(const struct isb_demand *d, const struct isb_net *net)
{
	size_t i = home(d, net);
	while (d->slots[i] && memcmp(&d->heap[d->slots[i] - 1].row.net, net, sizeof(*net)) != 0)
		i = (i + 1) & d->mask;
	return i;
}

static void settle(struct isb_demand *d, size_t slot, size_t place)
{
	d->slots[slot] = (uint32_t)place + 1;
	d->heap[place].slot = (uint32_t)slot;
}

/* Frees a slot and moves up those behind it that a search would no longer find. */
static void vacate(struct isb_demand *d, size_t hole)
{
	d->slots[hole] = 0;
	for (size_t i = (hole + 1) & d->mask; d->slots[i]; i = (i + 1) & d->mask) {
		size_t place = d->slots[i] - 1, from_home = (i - home(d, &d->heap[place].row.net)) & d->mask;
		if (from_home < ((i - hole) & d->mask))
			continue;
		settle(d, hole, place);
		d->slots[i] = 0;
		hole = i;
	}
}

/* --- By count: a heap ---------------------------------------------------------------------------------------------- */

static void swap(struct isb_demand *d, size_t a, size_t b)
{
	struct entry entry = d->heap[a];
	d->heap[a] = d->heap[b];
	d->heap[b] = entry;
	settle(d, d->heap[a].slot, a);
	settle(d, d->heap[b].slot, b);
}

static void sift_up(struct isb_demand *d, size_t i)
{
	for (size_t up; i > 0 && d->heap[up = (i - 1) / 2].row.count > d->heap[i].row.count; i = up)
		swap(d, i, up);
}

static void sift_down(struct isb_demand *d, size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t below = 2 * i + 1; below <= 2 * i + 2 && below < d->count; below++)
			if (d->heap[below].row.count < d->heap[least].row.count)
				least = below;
		if (least == i)
			return;
		swap(d, i, least);
		i = least;
	}
}

/* --- The table ----------------------------------------------------------------------------------------------------- */

static void enter(struct isb_demand *d, size_t place, const struct isb_demand_row *row)
{
	d->heap[place].row = *row;
	settle(d, find(d, &row->net), place);
}

void isb_demand_add(struct isb_demand *d, const struct isb_net *net, const struct isb_addr *addr)
{
	struct isb_demand_row row = {.net = *net, .count = 1};
	size_t known = d->slots[find(d, net)];
	if (addr)
		row.addr = *addr;
	if (known) {
		struct isb_demand_row *old = &d->heap[known - 1].row;
		old->count++;
		if (addr)
			old->addr = *addr;
		sift_down(d, known - 1);
	} else if (d->count < d->cap) {
		enter(d, d->count, &row);
		sift_up(d, d->count++);
	} else {
		row.over = d->heap[0].row.count;
		row.count += row.over;
		vacate(d, d->heap[0].slot);
		enter(d, 0, &row);
		sift_down(d, 0);
	}
}

void isb_demand_halve(struct isb_demand *d)
{
	size_t count = d->count;
	d->count = 0;
	memset(d->slots, 0, (d->mask + 1) * sizeof(*d->slots));
	for (size_t i = 0; i < count; i++) {
		struct isb_demand_row row = d->heap[i].row;
		row.count /= 2;
		row.over /= 2;
		if (!row.count)
			continue;
		enter(d, d->count, &row);
		sift_up(d, d->count++);
	}
}

static int by_sureness(const void *a, const void *b)
{
	const struct isb_demand_row *x = a, *y = b;
	uint64_t sure_x = x->count - x->over, sure_y = y->count - y->over;
	if (sure_x != sure_y)
		return sure_x > sure_y ? -1 : 1;
	return memcmp(&x->net, &y->net, sizeof(x->net)); /* the same order every time */
}

size_t isb_demand_list(const struct isb_demand *d, struct isb_demand_row *ret_rows)
{
	for (size_t i = 0; i < d->count; i++)
		ret_rows[i] = d->heap[i].row;
	if (d->count)
		qsort(ret_rows, d->count, sizeof(*ret_rows), by_sureness);
	return d->count;
}

/* --- As text ------------------------------------------------------------------------------------------------------- */

static const char head[] = "demand 1\n", tail[] = "end\n";

void isb_demand_print(const struct isb_demand_row *rows, size_t count, uint64_t scale, struct isb_buf *out)
{
	char net[ISB_NET_TEXT], addr[ISB_ADDR_TEXT];
	isb_buf_puts(out, head);
	for (const struct isb_demand_row *r = rows; r < rows + count; r++)
		isb_buf_printf(out, "%s %s %" PRIu64 "\n", isb_net_print(&r->net, net),
		               r->addr.family ? isb_addr_print(&r->addr, addr) : "-", (r->count - r->over) * scale);
	isb_buf_puts(out, tail);
}

static int parse_count(const char *text, uint64_t *ret_count)
{
	enum { DIGITS_MAX = 19 }; /* less than 2^64, whatever they are */
	size_t digits = strspn(text, "0123456789");
	if (!digits || digits > DIGITS_MAX || text[digits])
		return ISB_EFORMAT;
	*ret_count = strtoull(text, NULL, 10);
	return ISB_OK;
}

/* NETWORK ADDRESS COUNT, one blank between them. */
static int parse_row(char *line, struct isb_demand_row *row)
{
	char *addr = strchr(line, ' '), *count = addr ? strchr(addr + 1, ' ') : NULL;
	*row = (struct isb_demand_row){0};
	if (!count)
		return ISB_EFORMAT;
	*addr++ = *count++ = '\0';
	if (isb_net_parse(line, &row->net) != ISB_OK || parse_count(count, &row->count) != ISB_OK)
		return ISB_EFORMAT;
	struct isb_net cut = isb_demand_net(&row->net);
	if (cut.len != row->net.len)
		return ISB_EFORMAT;
	if (strcmp(addr, "-") == 0)
		return ISB_OK;
	return isb_addr_parse(addr, &row->addr) == ISB_OK && isb_net_has(&row->net, &row->addr) ? ISB_OK : ISB_EFORMAT;
}

int isb_demand_parse(const char *text, size_t len, struct isb_demand_row *ret_rows, size_t *ret_count)
{
	enum { HEAD = sizeof(head) - 1, TAIL = sizeof(tail) - 1 };
	size_t count = 0;
	if (len < HEAD + TAIL || memcmp(text, head, HEAD) != 0 || memcmp(text + len - TAIL, tail, TAIL) != 0)
		return ISB_EFORMAT;
	const char *end = text + len - TAIL;
	for (const char *p = text + HEAD, *next; p < end; p = next) {
		char line[ISB_DEMAND_LINE];
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl || nl - p >= (ptrdiff_t)sizeof(line) || count == ISB_DEMAND_ROWS || memchr(p, '\0', (size_t)(nl - p)))
			return ISB_EFORMAT;
		memcpy(line, p, (size_t)(nl - p));
		line[nl - p] = '\0';
		if (parse_row(line, &ret_rows[count++]) != ISB_OK)
			return ISB_EFORMAT;
		next = nl + 1;
	}
	*ret_count = count;
	return ISB_OK;
}
