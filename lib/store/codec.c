/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/store/codec.h"

#include <string.h>

#include "isobar/base/err.h"

/* Stored numbers never change their meaning, whatever happens to the enums. */
static const uint8_t kind_code[ISB_KIND_COUNT] = {
	[ISB_REGION] = 1, [ISB_CHECK] = 2, [ISB_POOL] = 3, [ISB_POLICY] = 4, [ISB_ZONE] = 5, [ISB_RECORD] = 6,
};
_Static_assert(ISB_ADMIN_UP == 1 && ISB_ADMIN_DOWN == 2 && ISB_ADMIN_DRAIN == 3 && ISB_ADMIN_HOLD_UP == 4 &&
               ISB_ADMIN_HOLD_DOWN == 5 && ISB_ADMIN_FAILBACK == 6,
               "admin states are stored by number");
_Static_assert(ISB_ABORT_NEVER == 0 && ISB_ABORT_DOWN == 1, "so is what aborts a rollout");

/* --- Writing keys --- */

static struct isb_writer begin(struct isb_key *key)
{
	return isb_writer(key->octets, sizeof(key->octets));
}

static int end(struct isb_key *key, const struct isb_writer *w)
{
	key->len = w->pos;
	return w->bad ? ISB_ERANGE : ISB_OK;
}

static void write_text(struct isb_writer *w, const char *text)
{
	isb_write(w, text, strlen(text) + 1);
}

int isb_key_text(struct isb_key *key, const char *text)
{
	struct isb_writer w = begin(key);
	write_text(&w, text);
	return *text ? end(key, &w) : ISB_EINVAL;
}

int isb_key_texts(struct isb_key *key, const char *first, const char *second)
{
	struct isb_writer w = begin(key);
	write_text(&w, first);
	write_text(&w, second);
	return *first && *second ? end(key, &w) : ISB_EINVAL;
}

int isb_key_u32(struct isb_key *key, uint32_t number)
{
	struct isb_writer w = begin(key);
	isb_write_u32(&w, number);
	return end(key, &w);
}

int isb_key_u64(struct isb_key *key, uint64_t number)
{
	struct isb_writer w = begin(key);
	isb_write_u64(&w, number);
	return end(key, &w);
}

int isb_key_u32_text(struct isb_key *key, uint32_t number, const char *text)
{
	struct isb_writer w = begin(key);
	isb_write_u32(&w, number);
	write_text(&w, text);
	return *text ? end(key, &w) : ISB_EINVAL;
}

int isb_key_text_u32(struct isb_key *key, const char *text, uint32_t number)
{
	struct isb_writer w = begin(key);
	write_text(&w, text);
	isb_write_u32(&w, number);
	return *text ? end(key, &w) : ISB_EINVAL;
}

int isb_key_kind(struct isb_key *key, enum isb_kind kind)
{
	if (kind >= ISB_KIND_COUNT)
		return ISB_EINVAL;
	struct isb_writer w = begin(key);
	isb_write_u8(&w, kind_code[kind]);
	return end(key, &w);
}

int isb_key_object(struct isb_key *key, enum isb_kind kind, const char *name)
{
	if (kind >= ISB_KIND_COUNT || !*name)
		return ISB_EINVAL;
	struct isb_writer w = begin(key);
	isb_write_u8(&w, kind_code[kind]);
	write_text(&w, name);
	return end(key, &w);
}

static bool well_formed(const struct isb_net *net)
{
	if ((net->addr.family != 4 && net->addr.family != 6) || net->len > isb_addr_bits(&net->addr))
		return false;
	struct isb_net same = isb_net_around(&net->addr, net->len);
	return isb_addr_equal(&same.addr, &net->addr);
}

int isb_key_latency(struct isb_key *key, const struct isb_net *net, const char *region)
{
	if (!well_formed(net) || !*region)
		return ISB_EINVAL;
	struct isb_writer w = begin(key);
	isb_write_u8(&w, net->addr.family);
	isb_write(&w, net->addr.octets, isb_addr_bits(&net->addr) / 8);
	isb_write_u8(&w, net->len);
	write_text(&w, region);
	return end(key, &w);
}

int isb_key_journal(struct isb_key *key, uint64_t generation, uint32_t seq)
{
	struct isb_writer w = begin(key);
	isb_write_u64(&w, generation);
	isb_write_u32(&w, seq);
	return end(key, &w);
}

/* --- Names --- */

static void write_label(struct isb_writer *w, const uint8_t *label)
{
	for (unsigned i = 1; i <= label[0]; i++) {
		uint8_t c = label[i];
		if (c >= 'A' && c <= 'Z')
			c = (uint8_t)(c + ('a' - 'A'));
		if (c <= 1) {
			isb_write_u8(w, 1);
			c++;
		}
		isb_write_u8(w, c);
	}
	isb_write_u8(w, 0);
}

/* The labels of `name` without the `skip` ones next to the root. */
static void write_name(struct isb_writer *w, const uint8_t *name, unsigned skip)
{
	const uint8_t *label[ISB_LABELS_MAX];
	unsigned n = isb_dname_split(name, label);
	for (unsigned i = skip; i < n; i++)
		write_label(w, label[i]);
	isb_write_u8(w, 0);
}

int isb_key_zone(struct isb_key *key, const uint8_t *zone)
{
	struct isb_writer w = begin(key);
	write_name(&w, zone, 0);
	return end(key, &w);
}

int isb_key_rrset(struct isb_key *key, const uint8_t *zone, const uint8_t *owner, uint16_t type)
{
	if (!isb_dname_under(owner, zone))
		return ISB_EINVAL;
	struct isb_writer w = begin(key);
	write_name(&w, zone, 0);
	write_name(&w, owner, isb_dname_labels(zone));
	isb_write_u16(&w, type);
	return end(key, &w);
}

/* One label into out[0..63] with its length in front; the length, 0 at the end of the name, or -1. */
static int read_label(struct isb_reader *r, uint8_t out[64])
{
	for (unsigned n = 0;;) {
		uint8_t c = isb_read_u8(r);
		if (r->bad)
			return -1;
		if (c == 0) {
			out[0] = (uint8_t)n;
			return (int)n;
		}
		if (c == 1) {
			c = isb_read_u8(r);
			if (c != 1 && c != 2)
				return -1;
			c--;
		}
		if (n == 63)
			return -1;
		out[++n] = c;
	}
}

int isb_key_read_name(struct isb_reader *r, const uint8_t *suffix, uint8_t ret_name[ISB_DNAME_MAX])
{
	uint8_t name[ISB_DNAME_MAX], label[64];
	size_t at = sizeof(name) - isb_dname_len(suffix); /* filled from the end: labels come root first */
	memcpy(name + at, suffix, sizeof(name) - at);
	for (;;) {
		int n = read_label(r, label);
		if (n == 0)
			break;
		if (n < 0 || at < (size_t)n + 1)
			return ISB_EFORMAT;
		at -= (size_t)n + 1;
		memcpy(name + at, label, (size_t)n + 1);
	}
	memcpy(ret_name, name + at, sizeof(name) - at);
	return ISB_OK;
}

/* --- Reading --- */

const char *isb_read_text(struct isb_reader *r)
{
	if (r->bad || r->pos == r->len) {
		r->bad = true;
		return NULL;
	}
	const uint8_t *text = r->base + r->pos, *nul = memchr(text, 0, r->len - r->pos);
	if (!nul) {
		r->bad = true;
		return NULL;
	}
	r->pos += (size_t)(nul - text) + 1;
	return (const char *)text;
}

int isb_text_decode(struct isb_slice slice, const char **ret_text)
{
	struct isb_reader r = isb_slice_reader(slice);
	const char *text = isb_read_text(&r);
	if (!isb_read_whole(&r))
		return ISB_EFORMAT;
	*ret_text = text;
	return ISB_OK;
}

int isb_u32_decode(struct isb_slice slice, uint32_t *ret_number)
{
	if (slice.len != 4)
		return ISB_EFORMAT;
	*ret_number = isb_get_u32(slice.data);
	return ISB_OK;
}

int isb_object_key_decode(struct isb_slice key, enum isb_kind *ret_kind, const char **ret_name)
{
	struct isb_reader r = isb_slice_reader(key);
	uint8_t code = isb_read_u8(&r);
	const char *name = isb_read_text(&r);
	if (!isb_read_whole(&r))
		return ISB_EFORMAT;
	for (enum isb_kind kind = 0; kind < ISB_KIND_COUNT; kind++) {
		if (kind_code[kind] == code) {
			*ret_kind = kind;
			*ret_name = name;
			return ISB_OK;
		}
	}
	return ISB_EFORMAT;
}

int isb_latency_key_decode(struct isb_slice key, struct isb_net *ret_net, const char **ret_region)
{
	struct isb_net net = {0};
	struct isb_reader r = isb_slice_reader(key);
	net.addr.family = isb_read_u8(&r);
	if (net.addr.family != 4 && net.addr.family != 6)
		return ISB_EFORMAT;
	size_t octets = isb_addr_bits(&net.addr) / 8;
	const uint8_t *addr = isb_read(&r, octets);
	if (addr)
		memcpy(net.addr.octets, addr, octets);
	net.len = isb_read_u8(&r);
	const char *region = isb_read_text(&r);
	if (!isb_read_whole(&r) || !*region || !well_formed(&net))
		return ISB_EFORMAT;
	*ret_net = net;
	*ret_region = region;
	return ISB_OK;
}

/* --- Values --- */

enum { RRSET_HEAD = 6 };

void isb_rrset_encode(struct isb_buf *out, const struct isb_rrset *set)
{
	isb_buf_reset(out);
	isb_buf_u32(out, set->ttl_s);
	isb_buf_u16(out, set->count);
	isb_buf_add(out, set->rdata, set->size);
}

int isb_rrset_decode(struct isb_slice value, uint16_t type, struct isb_buf *scratch, const struct isb_rrset **ret_set)
{
	if (value.len < RRSET_HEAD || value.len - RRSET_HEAD > UINT32_MAX)
		return ISB_EFORMAT;
	const uint8_t *octets = value.data;
	struct isb_rrset head = {
		.ttl_s = isb_get_u32(octets),
		.type = type,
		.count = isb_get_u16(octets + 4),
		.size = (uint32_t)(value.len - RRSET_HEAD),
	};
	isb_buf_reset(scratch);
	isb_buf_add(scratch, &head, sizeof(head));
	isb_buf_add(scratch, octets + RRSET_HEAD, head.size);
	const struct isb_rrset *set = (const struct isb_rrset *)(const void *)scratch->data; /* malloc aligns it */
	if (!isb_rrset_check(set, scratch->len))
		return ISB_EFORMAT;
	*ret_set = set;
	return ISB_OK;
}

void isb_admin_encode(struct isb_buf *out, const struct isb_admin_row *row)
{
	isb_buf_reset(out);
	isb_buf_putc(out, (char)row->admin);
	isb_buf_u64(out, (uint64_t)row->since_ms);
	isb_buf_u64(out, (uint64_t)row->until_ms);
	isb_buf_add(out, row->author, strlen(row->author) + 1);
	isb_buf_add(out, row->reason, strlen(row->reason) + 1);
}

int isb_admin_decode(struct isb_slice value, struct isb_admin_row *ret_row)
{
	struct isb_reader r = isb_slice_reader(value);
	struct isb_admin_row row;
	uint8_t admin = isb_read_u8(&r);
	row.admin = (enum isb_admin)admin;
	row.since_ms = (int64_t)isb_read_u64(&r);
	row.until_ms = (int64_t)isb_read_u64(&r);
	row.author = isb_read_text(&r);
	row.reason = isb_read_text(&r);
	if (!isb_read_whole(&r) || admin < ISB_ADMIN_UP || admin > ISB_ADMIN_FAILBACK)
		return ISB_EFORMAT;
	*ret_row = row;
	return ISB_OK;
}

enum { ROLLOUT_STICKY = 1 };

static void encode_net(struct isb_buf *out, const struct isb_net *net)
{
	isb_buf_putc(out, (char)net->addr.family);
	isb_buf_add(out, net->addr.octets, isb_addr_bits(&net->addr) / 8);
	isb_buf_putc(out, (char)net->len);
}

void isb_rollout_encode(struct isb_buf *out, const struct isb_rollout *rollout)
{
	const struct isb_timetable *times = &rollout->times;
	isb_buf_reset(out);
	isb_buf_u32(out, rollout->slot);
	isb_buf_putc(out, (char)rollout->abort_if);
	isb_buf_putc(out, rollout->sticky ? ROLLOUT_STICKY : 0);
	isb_buf_u64(out, (uint64_t)rollout->begun_ms);
	isb_buf_u64(out, (uint64_t)times->started_ms);
	isb_buf_u64(out, (uint64_t)times->paused_ms);
	isb_buf_u64(out, (uint64_t)times->every_ms);
	isb_buf_putc(out, (char)times->nstep);
	isb_buf_add(out, times->step, times->nstep);
	isb_buf_u16(out, (uint16_t)rollout->nnet);
	for (size_t i = 0; i < rollout->nnet; i++)
		encode_net(out, &rollout->nets[i]);
	isb_buf_add(out, rollout->to, strlen(rollout->to) + 1);
	isb_buf_add(out, rollout->author, strlen(rollout->author) + 1);
	isb_buf_add(out, rollout->reason, strlen(rollout->reason) + 1);
}

static struct isb_net read_net(struct isb_reader *r)
{
	struct isb_net net = {.addr.family = isb_read_u8(r)};
	const uint8_t *octets = isb_read(r, isb_addr_bits(&net.addr) / 8);
	if (octets)
		memcpy(net.addr.octets, octets, isb_addr_bits(&net.addr) / 8);
	net.len = isb_read_u8(r);
	return net;
}

static void read_times(struct isb_reader *r, struct isb_timetable *times)
{
	times->started_ms = (int64_t)isb_read_u64(r);
	times->paused_ms = (int64_t)isb_read_u64(r);
	times->every_ms = (int64_t)isb_read_u64(r);
	times->nstep = isb_read_u8(r);
	const uint8_t *step = times->nstep <= ISB_ROLLOUT_STEPS_MAX ? isb_read(r, times->nstep) : NULL;
	if (step)
		memcpy(times->step, step, times->nstep);
}

int isb_rollout_decode(struct isb_slice value, struct isb_buf *scratch, struct isb_rollout *ret_rollout)
{
	struct isb_reader r = isb_slice_reader(value);
	struct isb_rollout rollout = {.slot = isb_read_u32(&r)};
	rollout.abort_if = (enum isb_abort_if)isb_read_u8(&r);
	uint8_t flags = isb_read_u8(&r);
	rollout.sticky = flags & ROLLOUT_STICKY;
	rollout.begun_ms = (int64_t)isb_read_u64(&r);
	read_times(&r, &rollout.times);
	rollout.nnet = isb_read_u16(&r);
	isb_buf_reset(scratch);
	for (size_t i = 0; i < rollout.nnet && !r.bad; i++) {
		struct isb_net net = read_net(&r);
		isb_buf_add(scratch, &net, sizeof(net));
	}
	rollout.nets = (struct isb_net *)(void *)scratch->data;
	rollout.to = isb_read_text(&r);
	rollout.author = isb_read_text(&r);
	rollout.reason = isb_read_text(&r);
	if (!isb_read_whole(&r) || flags > ROLLOUT_STICKY || !isb_rollout_check(&rollout))
		return ISB_EFORMAT;
	*ret_rollout = rollout;
	return ISB_OK;
}
