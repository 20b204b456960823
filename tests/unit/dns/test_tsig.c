/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include "isobar/base/basenc.h"
#include "isobar/base/err.h"
#include "isobar/dns/tsig.h"

/* The sums were made by another implementation (dnspython 2.3, dns.tsig.sign) over the messages that stand here. */

enum { TIME = 1700000000, ID = 0x1234, FUDGE = 300 };

#define SHA256_QUERY "eae771793b711605dabb97e9c96cd4280f0142f0571939b6c6528f1dc60bc460"

static const char keys_text[] =
	"key \"Ops.example\" { algorithm ALGORITHM; secret \"c2l4dGVlbiBvY3RldHMgb3IgbW9yZSB0aGFuIHRoYXQ=\"; };";

static int set_up(void **state)
{
	struct testview *t = malloc(sizeof(*t));
	testview_init(t);
	testview_zone(t, "example.test.", "$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n*.long TXT x\n");
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	testview_done(*state);
	free(*state);
	return 0;
}

static struct isb_tsig_keys *make_keys(const char *algorithm)
{
	struct isb_diags diags = {0};
	struct isb_tsig_keys *keys = NULL;
	char text[256];
	const char *at = strstr(keys_text, "ALGORITHM");
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - keys_text), keys_text, algorithm, at + strlen("ALGORITHM"));
	assert_int_equal(isb_tsig_keys_read(text, strlen(text), "keys", &diags, &keys), ISB_OK);
	assert_int_equal(diags.count, 0);
	return keys;
}

/* --- Messages, written out --- */

struct tsig {
	const char *algorithm; /* NULL: hmac-sha256 */
	const char *name;      /* in wire form; NULL: ops.example. */
	int64_t time_s;        /* 0: TIME */
	uint16_t fudge_s;      /* 0: FUDGE */
	const char *mac;       /* hexadecimal */
	uint16_t error;
	bool other;            /* TIME */
};

#define QUESTION "\2ns\7example\4test\0\0\1\0\1"
#define OPT "\0\0\x29\x04\xd0\0\0\0\0\0\0"
#define ANSWER "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1"

static void put_tsig(struct isb_writer *w, const struct tsig *t)
{
	const char *algorithm = t->algorithm ? t->algorithm : "hmac-sha256", *name = t->name ? t->name : "\3ops\7example";
	size_t mac_len = strlen(t->mac) / 2, other = t->other ? 6 : 0;
	int64_t time_s = t->time_s ? t->time_s : TIME;
	isb_write(w, name, strlen(name) + 1);
	isb_write_u16(w, ISB_TSIG);
	isb_write_u16(w, ISB_CLASS_ANY);
	isb_write_u32(w, 0);
	isb_write_u16(w, (uint16_t)(strlen(algorithm) + 2 + 16 + mac_len + other));
	isb_write_u8(w, (uint8_t)strlen(algorithm));
	isb_write(w, algorithm, strlen(algorithm) + 1);
	isb_write_u16(w, (uint16_t)(time_s >> 32));
	isb_write_u32(w, (uint32_t)time_s);
	isb_write_u16(w, t->fudge_s ? t->fudge_s : FUDGE);
	isb_write_u16(w, (uint16_t)mac_len);
	assert_true(isb_hex_decode(t->mac, strlen(t->mac), w));
	isb_write_u16(w, ID);
	isb_write_u16(w, t->error);
	isb_write_u16(w, (uint16_t)other);
	if (other) {
		isb_write_u16(w, 0);
		isb_write_u32(w, TIME);
	}
	assert_false(w->bad);
}

static struct isb_writer message(uint8_t out[ASK_MAX], uint16_t id, uint16_t flags, bool answer, bool opt)
{
	struct isb_writer w = isb_writer(out, ASK_MAX);
	isb_write_u16(&w, id);
	isb_write_u16(&w, flags);
	isb_write_u16(&w, 1);
	isb_write_u16(&w, answer);
	isb_write_u16(&w, 0);
	isb_write_u16(&w, (uint16_t)(opt + 1));
	isb_write(&w, QUESTION, sizeof(QUESTION) - 1);
	if (answer)
		isb_write(&w, ANSWER, sizeof(ANSWER) - 1);
	if (opt)
		isb_write(&w, OPT, sizeof(OPT) - 1);
	return w;
}

static size_t respond(void **state, struct isb_context *ctx, const struct isb_settings *settings, const uint8_t *in,
                      size_t len, uint8_t out[ASK_MAX])
{
	const struct testview *t = *state;
	struct isb_health_table health = {0};
	struct isb_client client = {.proto = ISB_UDP, .addr = {.family = 4, .octets = {127, 0, 0, 1}}};
	uint8_t *copy = malloc(len); /* not an octet too long */
	memcpy(copy, in, len);
	isb_context_init(ctx, 1);
	ctx->settings = settings;
	isb_context_begin(ctx, &t->view, &health, (int64_t)TIME * 1000 + 999);
	size_t out_len = isb_respond(ctx, &client, copy, len, out, ASK_MAX);
	free(copy);
	return out_len;
}

struct exchange {
	struct tsig query, reply;
	uint16_t id;     /* of the messages; 0: ID */
	uint16_t rcode;  /* of the reply */
	bool opt;
	bool unsigned_reply; /* no TSIG at all */
};

static void expect_exchange(void **state, const char *algorithm, const struct exchange *x)
{
	static uint8_t in[ASK_MAX], out[ASK_MAX], wanted[ASK_MAX];
	struct isb_settings settings = {.keys = make_keys(algorithm)};
	struct isb_context ctx;
	uint16_t id = x->id ? x->id : ID;
	struct isb_writer query = message(in, id, 0, false, x->opt);
	put_tsig(&query, &x->query);
	size_t len = respond(state, &ctx, &settings, in, query.pos, out);
	struct isb_writer reply = message(wanted, id, (uint16_t)(0x8000 | (x->rcode ? x->rcode : 0x0400)), !x->rcode, x->opt);
	if (x->unsigned_reply)
		isb_put_u16(wanted + 10, x->opt);
	else
		put_tsig(&reply, &x->reply);
	assert_int_equal(len, reply.pos);
	assert_memory_equal(out, wanted, len);
	assert_int_equal(ctx.counters.tsig, x->rcode == 0);
	isb_tsig_keys_free(settings.keys);
}

/* --- */

static void every_algorithm_is_checked_and_signs(void **state)
{
	static const struct {
		const char *algorithm, *query, *reply;
	} cases[] = {
		{"hmac-sha1",
		 "be8e636596a09615694cf826ebb4aebc81e9babc",
		 "e20010012c92268bdcd85ae4ce52bb871c412321"},
		{"hmac-sha224",
		 "cab22ad9ef8289b6dd6fe15fc1e177dc695abb1605d4b946ee29c36f",
		 "09d311b6d83afd4c6742240ac8577c4733184c2cce2f662908778736"},
		{"hmac-sha256",
		 "eae771793b711605dabb97e9c96cd4280f0142f0571939b6c6528f1dc60bc460",
		 "94ea0ab126e7ced63d251b4015b6b933b4869afbde7bdbc0dfc5146634eac0ee"},
		{"hmac-sha384",
		 "38784193fbcef43964715adaf80284efc66f2b18cee5e2e3245280ee9103ec92d0d6776e30000e803b7b6072"
		 "bb0636cf",
		 "4a24f33fea8807b712e0cfa16cd97d14e91e2351fb48d25e03b122bf9a090ccc8728ab95ea38e2d7447052ec"
		 "1e111686"},
		{"hmac-sha512",
		 "ce94b5b1c6f74881df99ab82d1c77a2a9061a64bb30cd901200f4036dea5a956aae47a835f9dd92a75ae5338"
		 "1f1f7b09b1aafa6c858b1d433de7401ce042c7ea",
		 "c9592c385bb7ff8d10a1a5e1137afd400efb4b3def64ded42d220dd25d9763ea5d59a4c2771527ecb8722961"
		 "06248e2f5f454a759819d24c592cbb9bbacc8ac2"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_exchange(state, cases[i].algorithm,
		                &(struct exchange){.query = {.algorithm = cases[i].algorithm, .mac = cases[i].query},
		                                   .reply = {.algorithm = cases[i].algorithm, .mac = cases[i].reply}});
}

static void a_sum_covers_the_opt_and_not_the_case_of_the_names(void **state)
{
	expect_exchange(state, "HMAC-sha256", &(struct exchange){
		.opt = true,
		.query = {.algorithm = "Hmac-SHA256", .name = "\3OPS\7example",
		          .mac = "160eedf587834f8aff90aa2a961aaada2431ab373aab7c0e28fc1b17ebd9f871"},
		.reply = {.algorithm = "Hmac-SHA256", .name = "\3OPS\7example",
		          .mac = "c05d4b4bc11709b33dada76c81c2d9ec14608423b264158dad09d7b71a8e9c8a"}});
}

static void a_changed_id_is_not_signed(void **state)
{
	expect_exchange(state, "hmac-sha256", &(struct exchange){
		.id = 0x7777,
		.query = {.mac = "eae771793b711605dabb97e9c96cd4280f0142f0571939b6c6528f1dc60bc460"},
		.reply = {.mac = "94ea0ab126e7ced63d251b4015b6b933b4869afbde7bdbc0dfc5146634eac0ee"}});
}

static void an_unknown_key_or_another_algorithm_is_badkey(void **state)
{
	const char *mac = SHA256_QUERY;
	expect_exchange(state, "hmac-sha384", &(struct exchange){.rcode = 9, .query = {.mac = mac},
	                                                         .reply = {.mac = "", .error = ISB_BADKEY}});
	expect_exchange(state, "hmac-sha256",
	                &(struct exchange){.rcode = 9, .query = {.mac = mac, .name = "\3ops\7exampl3"},
	                                   .reply = {.mac = "", .name = "\3ops\7exampl3", .error = ISB_BADKEY}});
	expect_exchange(state, "hmac-sha256",
	                &(struct exchange){.rcode = 9, .query = {.mac = mac, .algorithm = "hmac-md5"},
	                                   .reply = {.mac = "", .algorithm = "hmac-md5", .error = ISB_BADKEY}});
}

static void a_wrong_sum_is_badsig_and_the_reply_unsigned(void **state)
{
	/* made with another secret; over another time, fudge, error and other data */
	static const struct tsig queries[] = {
		{.mac = "9920ca78aadc98d4986e04052cc817e29a441988fb0d9ad622c49c1b844d14da"},
		{.mac = SHA256_QUERY, .time_s = TIME + 1},
		{.mac = SHA256_QUERY, .fudge_s = 301},
		{.mac = SHA256_QUERY, .error = 1},
		{.mac = SHA256_QUERY, .other = true},
	};
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		struct tsig reply = queries[i];
		reply.mac = "";
		reply.other = false;
		reply.error = ISB_BADSIG;
		expect_exchange(state, "hmac-sha256", &(struct exchange){.rcode = 9, .query = queries[i], .reply = reply});
	}
}

static void a_wrong_time_is_badtime_and_tells_ours_signed(void **state)
{
	static const struct {
		int64_t time_s;
		const char *query, *reply;
	} wrong[] = {
		{TIME - 301, "83ef1d9728865c5f46c6aad668a93d0f906213feabdf894fadf2173eed40927e",
		 "bbd905e53dc6c8044e9f4304d3ca560e6673c78f8e1649c535e0519a8a868888"},
		{TIME + 301, "30342c69e264210d5716cf52b14ba88ec8c2aca3d2170a4fa59676107c4204be",
		 "48c60f77e6548e5864559532abd849dc6a64caa3fc614814d95b5eccce6943d8"},
		{TIME + ((int64_t)1 << 33), "b48941786b47edb544b783d09aba9ddaa08aec370311d73c66221f7e5f0b2285",
		 "7ff319b84bd929bb1b535c9d21d83305bfdc233bbdddeaf5194f9df442f281ac"},
	}, right[] = {
		{TIME - 300, "becdf88d651dd930ef897954db6acb7691a38dfecaf482821e0f8c6a5e8f2961",
		 "15b11821807208080488b65d16f3e13e118bf29acd7e7fb9e1181f6812e4cc2a"},
		{TIME + 300, "b4cea81e9ffa5675fd1f9357b8d74c07927d7e3921873359b914f4055127ea28",
		 "80be373fb0fef05cb5e9742e00c2dd4cc9f3ea3d855269c1184c46041ab73a7a"},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_exchange(state, "hmac-sha256", &(struct exchange){
			.rcode = 9, .query = {.time_s = wrong[i].time_s, .mac = wrong[i].query},
			.reply = {.time_s = wrong[i].time_s, .mac = wrong[i].reply, .error = ISB_BADTIME, .other = true}});
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		expect_exchange(state, "hmac-sha256", &(struct exchange){
			.query = {.time_s = right[i].time_s, .mac = right[i].query}, .reply = {.mac = right[i].reply}});
}

static void a_truncated_sum_is_badtrunc_when_it_is_right(void **state)
{
	expect_exchange(state, "hmac-sha256", &(struct exchange){
		.rcode = 9, .query = {.mac = "eae771793b711605dabb97e9c96cd428"},
		.reply = {.mac = "15f1c91ed6b27d2c90fe852f178849449a8bda2575340e5d552b4bbfd34bcebc", .error = ISB_BADTRUNC}});
	expect_exchange(state, "hmac-sha256", &(struct exchange){
		.rcode = 9, .query = {.mac = "00000000000000000000000000000000"}, .reply = {.mac = "", .error = ISB_BADSIG}});
}

static void a_sum_of_a_length_that_none_has_is_a_format_error(void **state)
{
	static const struct {
		const char *algorithm;
		unsigned len;
	} cases[] = {{"hmac-sha256", 0}, {"hmac-sha256", 15}, {"hmac-sha256", 33}, {"hmac-sha1", 9}, {"hmac-sha512", 31}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char mac[128] = "";
		for (unsigned k = 0; k < cases[i].len; k++)
			strcat(mac, "ab");
		expect_exchange(state, cases[i].algorithm, &(struct exchange){
			.rcode = 1, .unsigned_reply = true, .query = {.algorithm = cases[i].algorithm, .mac = mac}});
	}
}

/* With a question and a sum at their longest: first the records go, then the OPT. */
static void a_signed_reply_stays_within_what_udp_may_carry(void **state)
{
	static uint8_t in[ASK_MAX], out[ASK_MAX];
	struct isb_diags diags = {0};
	struct isb_settings settings = {.nsid_len = 20};
	struct isb_context ctx;
	struct msg m;
	char name[ISB_TSIG_NAME_MAX + 1] = "", text[512];
	for (int i = 0; i < ISB_TSIG_NAME_MAX / 2 - 2; i++)
		strcat(name, "a."); /* 2 * 62 + the last label */
	strcat(name, "bb");
	snprintf(text, sizeof(text), "key %s { secret c2l4dGVlbiBvY3RldHM=; algorithm hmac-sha512; };", name);
	assert_int_equal(isb_tsig_keys_read(text, strlen(text), "keys", &diags, &settings.keys), ISB_OK);
	const struct isb_tsig_key *key = &settings.keys->list[0];
	assert_int_equal(key->name_len, ISB_TSIG_NAME_MAX);
	for (unsigned labels = 0; labels <= 118; labels += 59) {
		struct isb_writer w = isb_writer(in, sizeof(in));
		isb_write(&w, "\x12\x34\0\0\0\1\0\0\0\0\0\2", 12);
		for (unsigned i = 0; i < labels; i++)
			isb_write(&w, "\1x", 2);
		isb_write(&w, "\4long\7example\4test\0\0\x10\0\1", 23);
		isb_write(&w, "\0\0\x29\2\0\0\0\0\0\0\4\0\3\0\0", 15); /* payload 512, NSID */
		/* signed as the reply of another, whose request had no sum; that is how a query is signed */
		struct isb_tsig tsig = {.present = true, .name = key->name, .name_len = key->name_len,
		                        .algorithm = (const uint8_t *)"\x0bhmac-sha512", .algorithm_len = 13,
		                        .original_id = 0x1234, .time_s = TIME, .fudge_s = FUDGE};
		uint8_t sum[ISB_HMAC_MAX], vars[] = {0, 255, 0, 0, 0, 0}, times[] = {0, 0, 0x65, 0x53, 0xf1, 0, 1, 0x2c, 0, 0, 0, 0};
		isb_put_u16(in + 10, 1);
		const struct isb_hmac_piece pieces[] = {{in, w.pos}, {key->name, key->name_len}, {vars, sizeof(vars)},
		                                        {tsig.algorithm, 13}, {times, sizeof(times)}};
		assert_true(isb_hmac_sum(key->hmac, pieces, 5, sum));
		isb_put_u16(in + 10, 2);
		isb_write(&w, key->name, key->name_len);
		isb_write(&w, "\0\xfa\0\xff\0\0\0\0", 8);
		isb_write_u16(&w, 13 + 16 + 64);
		isb_write(&w, tsig.algorithm, 13);
		isb_write(&w, times, 8);
		isb_write_u16(&w, 64);
		isb_write(&w, sum, 64);
		isb_write(&w, "\x12\x34\0\0\0\0", 6);
		size_t len = respond(state, &ctx, &settings, in, w.pos, out);
		assert_true(len <= 512);
		assert_true(msg_read(&m, out, len));
		assert_true(m.has_tsig);
		assert_int_equal(m.tsig_len, 13 + 16 + 64);
		assert_int_equal(m.rcode, ISB_NOERROR);
		assert_int_equal(m.has_opt, labels < 118);
		assert_int_equal(!(m.flags & 0x200), labels < 118);
		msg_done(&m);
	}
	isb_tsig_keys_free(settings.keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_algorithm_is_checked_and_signs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_sum_covers_the_opt_and_not_the_case_of_the_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_changed_id_is_not_signed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_unknown_key_or_another_algorithm_is_badkey, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_wrong_sum_is_badsig_and_the_reply_unsigned, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_wrong_time_is_badtime_and_tells_ours_signed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_truncated_sum_is_badtrunc_when_it_is_right, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_sum_of_a_length_that_none_has_is_a_format_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_signed_reply_stays_within_what_udp_may_carry, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
