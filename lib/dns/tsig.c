/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/tsig.h"

#include "isobar/model/dname.h"
#include "isobar/model/rr.h"

enum {
	HEADER = 12, ADDITIONAL_AT = 10, /* the message's */
	RR_HEAD = 10,
	TIMERS = 8,        /* time signed and fudge */
	AFTER_TIMERS = 8,  /* lengths of MAC and other data, original id, error */
	OTHER_TIME = 6,    /* what BADTIME tells */
	FUDGE_S = 300,
	MAC_LEAST = 10     /* octets, of a truncated one: §5.2.2.1 */
};

bool isb_tsig_read(struct isb_tsig *ret_tsig, const uint8_t *name, uint8_t name_len, const uint8_t *rdata,
                   uint16_t len)
{
	int algorithm_len = isb_dname_check(rdata, len);
	if (algorithm_len < 0)
		return false;
	struct isb_tsig tsig = {.present = true, .name = name, .name_len = name_len, .algorithm = rdata,
	                        .algorithm_len = (uint8_t)algorithm_len};
	struct isb_reader r = isb_reader(rdata, len);
	isb_read(&r, (size_t)algorithm_len);
	tsig.time_s = (uint64_t)isb_read_u16(&r) << 32;
	tsig.time_s |= isb_read_u32(&r);
	tsig.fudge_s = isb_read_u16(&r);
	tsig.mac_len = isb_read_u16(&r);
	tsig.mac = isb_read(&r, tsig.mac_len);
	tsig.original_id = isb_read_u16(&r);
	tsig.error_and_other = r.base + r.pos;
	isb_read_u16(&r); /* error */
	isb_read(&r, isb_read_u16(&r)); /* other data */
	tsig.error_and_other_len = (uint16_t)(r.base + r.pos - tsig.error_and_other);
	if (r.bad || r.pos != r.len)
		return false;
	*ret_tsig = tsig;
	return true;
}

/* --- What is summed up --- */

/* The variables of §4.3.3 behind name, class and TTL. */
struct variables {
	uint8_t class_and_ttl[6];
	uint8_t algorithm[ISB_DNAME_MAX];
	size_t algorithm_len;
	uint8_t timers[TIMERS];
	const uint8_t *error_and_other;
	size_t error_and_other_len;
};

static void put_time(struct isb_writer *w, uint64_t time_s)
{
	isb_write_u16(w, (uint16_t)(time_s >> 32));
	isb_write_u32(w, (uint32_t)time_s);
}

/* Who shall verify that its clock is wrong needs a time it would accept: its own; and ours beside it (§5.2.3). */
static size_t other_len(const struct isb_tsig *tsig)
{
	return tsig->error == ISB_BADTIME ? OTHER_TIME : 0;
}

static void put_error(struct isb_writer *w, const struct isb_tsig *tsig)
{
	isb_write_u16(w, (uint16_t)tsig->error);
	isb_write_u16(w, (uint16_t)other_len(tsig));
	if (other_len(tsig))
		put_time(w, tsig->now_s);
}

static void set_variables(struct variables *v, const struct isb_tsig *tsig, uint64_t time_s, uint16_t fudge_s)
{
	isb_put_u16(v->class_and_ttl, ISB_CLASS_ANY);
	isb_put_u32(v->class_and_ttl + 2, 0);
	v->algorithm_len = isb_dname_lower(tsig->algorithm, v->algorithm);
	struct isb_writer w = isb_writer(v->timers, sizeof(v->timers));
	put_time(&w, time_s);
	isb_write_u16(&w, fudge_s);
}

/* Over the request's MAC where the sum is a reply's, the message without its TSIG, and the variables (§4.3, §5.3.1). */
static bool sum_up(const struct isb_tsig *tsig, bool reply, const uint8_t head[HEADER], const uint8_t *body,
                   size_t body_len, const struct variables *v, uint8_t ret_sum[ISB_HMAC_MAX])
{
	uint8_t mac_len[2];
	isb_put_u16(mac_len, tsig->mac_len);
	const struct isb_hmac_piece pieces[] = {
		{mac_len, reply ? sizeof(mac_len) : 0},
		{tsig->mac, reply ? tsig->mac_len : 0},
		{head, HEADER},
		{body, body_len},
		{tsig->key->name, tsig->key->name_len},
		{v->class_and_ttl, sizeof(v->class_and_ttl)},
		{v->algorithm, v->algorithm_len},
		{v->timers, sizeof(v->timers)},
		{v->error_and_other, v->error_and_other_len},
	};
	return isb_hmac_sum(tsig->key->hmac, pieces, sizeof(pieces) / sizeof(pieces[0]), ret_sum);
}

/* --- A query's --- */

static enum isb_rcode fail(struct isb_tsig *tsig, enum isb_tsig_error error)
{
	tsig->error = error;
	if (error == ISB_BADKEY || error == ISB_BADSIG)
		tsig->key = NULL;
	return ISB_NOTAUTH;
}

static void set_key(struct isb_tsig *tsig, const struct isb_tsig_keys *keys)
{
	enum isb_hmac_hash hash;
	const struct isb_tsig_key *key = keys ? isb_tsig_key_find(keys, tsig->name, tsig->name_len) : NULL;
	bool same = key && isb_tsig_algorithm_find(tsig->algorithm, tsig->algorithm_len, &hash) && hash == key->hash;
	tsig->key = same ? key : NULL;
}

/* What was signed: the message before the TSIG, not counting that, with the id it had then (§4.3.2). */
static bool sum_query(const struct isb_tsig *tsig, const uint8_t *in, uint8_t ret_sum[ISB_HMAC_MAX])
{
	uint8_t head[HEADER];
	struct variables v;
	memcpy(head, in, HEADER);
	isb_put_u16(head, tsig->original_id);
	isb_put_u16(head + ADDITIONAL_AT, (uint16_t)(isb_get_u16(in + ADDITIONAL_AT) - 1));
	set_variables(&v, tsig, tsig->time_s, tsig->fudge_s);
	v.error_and_other = tsig->error_and_other;
	v.error_and_other_len = tsig->error_and_other_len;
	return sum_up(tsig, false, head, in + HEADER, (size_t)(tsig->name - in) - HEADER, &v, ret_sum);
}

enum isb_rcode isb_tsig_check(struct isb_tsig *tsig, const struct isb_tsig_keys *keys, const uint8_t *in, int64_t now_ms)
{
	uint8_t sum[ISB_HMAC_MAX];
	tsig->now_s = (uint64_t)now_ms / 1000;
	tsig->error = ISB_TSIG_OK;
	set_key(tsig, keys);
	if (!tsig->key)
		return fail(tsig, ISB_BADKEY);
	unsigned full = isb_hmac_len(tsig->key->hash), least = full / 2 > MAC_LEAST ? full / 2 : MAC_LEAST;
	if (tsig->mac_len > full || tsig->mac_len < least) {
		tsig->present = false;
		return ISB_FORMERR;
	}
	if (!sum_query(tsig, in, sum)) {
		tsig->present = false;
		return ISB_SERVFAIL;
	}
	if (!isb_hmac_equal(sum, tsig->mac, tsig->mac_len))
		return fail(tsig, ISB_BADSIG);
	uint64_t apart_s = tsig->now_s > tsig->time_s ? tsig->now_s - tsig->time_s : tsig->time_s - tsig->now_s;
	if (apart_s > tsig->fudge_s)
		return fail(tsig, ISB_BADTIME);
	return tsig->mac_len < full ? fail(tsig, ISB_BADTRUNC) : ISB_NOERROR;
}

/* --- A reply's --- */

static size_t rdata_len(const struct isb_tsig *tsig)
{
	size_t mac_len = tsig->key ? isb_hmac_len(tsig->key->hash) : 0;
	return (size_t)tsig->algorithm_len + TIMERS + AFTER_TIMERS + mac_len + other_len(tsig);
}

size_t isb_tsig_size(const struct isb_tsig *tsig)
{
	return tsig->present ? (size_t)tsig->name_len + RR_HEAD + rdata_len(tsig) : 0;
}

void isb_tsig_write(struct isb_writer *w, const struct isb_tsig *tsig)
{
	/* Unsigned ones say nothing of time, and a wrong one that is signed says when the client believes it is. */
	bool ours = tsig->key && tsig->error != ISB_BADTIME;
	uint64_t time_s = ours ? tsig->now_s : tsig->time_s;
	uint16_t fudge_s = ours ? FUDGE_S : tsig->fudge_s, mac_len = 0;
	uint8_t mac[ISB_HMAC_MAX];
	if (tsig->key) {
		uint8_t head[HEADER], error_and_other[4 + OTHER_TIME];
		struct variables v;
		struct isb_writer error = isb_writer(error_and_other, sizeof(error_and_other));
		memcpy(head, w->base, HEADER);
		isb_put_u16(head, tsig->original_id); /* whoever changed the id on the way here changes it back (§5.5) */
		put_error(&error, tsig);
		set_variables(&v, tsig, time_s, fudge_s);
		v.error_and_other = error_and_other;
		v.error_and_other_len = error.pos;
		if (!sum_up(tsig, true, head, w->base + HEADER, w->pos - HEADER, &v, mac))
			return;
		mac_len = (uint16_t)isb_hmac_len(tsig->key->hash);
	}
	isb_write(w, tsig->name, tsig->name_len);
	isb_write_u16(w, ISB_TSIG);
	isb_write_u16(w, ISB_CLASS_ANY);
	isb_write_u32(w, 0);
	isb_write_u16(w, (uint16_t)rdata_len(tsig));
	isb_write(w, tsig->algorithm, tsig->algorithm_len);
	put_time(w, time_s);
	isb_write_u16(w, fudge_s);
	isb_write_u16(w, mac_len);
	isb_write(w, mac, mac_len);
	isb_write_u16(w, tsig->original_id);
	put_error(w, tsig);
	isb_put_u16(w->base + ADDITIONAL_AT, (uint16_t)(isb_get_u16(w->base + ADDITIONAL_AT) + 1));
}
