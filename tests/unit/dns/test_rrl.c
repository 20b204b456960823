/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include "isobar/dns/rrl.h"

enum { SEED = 7 };
static const int64_t start_ms = 1700000000000;

static const struct isb_rrl_config small = {.mode = ISB_RRL_ON, .rate = 10, .error_rate = 5, .slip = 0, .window_s = 2,
                                            .ipv4_len = 24, .ipv6_len = 56};
static const uint8_t www[] = "\3www\7example";
static const struct isb_rrl_key answer_www = {.class = ISB_RRL_ANSWER, .name = www, .name_len = sizeof(www)};

static struct isb_addr addr(const char *text)
{
	struct isb_addr a;
	assert_int_equal(isb_addr_parse(text, &a), ISB_OK);
	return a;
}

static struct isb_rrl *limiter(struct isb_rrl_config config)
{
	struct isb_rrl *rrl = isb_rrl_new(&config, 1, SEED);
	assert_non_null(rrl);
	return rrl;
}

static enum isb_rrl_verdict judge_key(struct isb_rrl *rrl, const char *client, const struct isb_rrl_key *key,
                                      int64_t now_ms)
{
	struct isb_addr a = addr(client);
	return isb_rrl_judge(rrl, &a, key, false, now_ms);
}

static enum isb_rrl_verdict judge(struct isb_rrl *rrl, const char *client, int64_t now_ms)
{
	return judge_key(rrl, client, &answer_www, now_ms);
}

/* How many of so many answers at once pass. */
static unsigned passing(struct isb_rrl *rrl, const char *client, unsigned tries, int64_t now_ms)
{
	unsigned passed = 0;
	while (tries--)
		passed += judge(rrl, client, now_ms) == ISB_RRL_PASS;
	return passed;
}

/* --- Buckets ------------------------------------------------------------------------------------------------------ */

static void a_quiet_network_gets_the_window_at_once_and_then_the_rate(void **state)
{
	(void)state;
	struct isb_rrl *rrl = limiter(small);
	int64_t now = start_ms;
	assert_int_equal(passing(rrl, "192.0.2.1", 100, now), 20); /* 10 per second for 2 seconds */
	assert_int_equal(passing(rrl, "192.0.2.1", 5, now + 99), 0);
	assert_int_equal(passing(rrl, "192.0.2.1", 5, now + 100), 1);
	assert_int_equal(passing(rrl, "192.0.2.1", 100, now + 1100), 10);
	assert_int_equal(passing(rrl, "192.0.2.1", 100, now + 2999), 18);
	assert_int_equal(passing(rrl, "192.0.2.1", 100, now + 5000), 20);
	assert_int_equal(passing(rrl, "192.0.2.1", 100, now + 3600000), 20); /* never more than the window */
	isb_rrl_free(rrl);
}

static void who_stays_at_the_rate_is_never_limited(void **state)
{
	(void)state;
	struct isb_rrl *rrl = limiter(small);
	int64_t now = start_ms;
	assert_int_equal(passing(rrl, "192.0.2.1", 20, now), 20); /* from an empty bucket on */
	for (unsigned i = 0; i < 10000; i++) {
		now += 100;
		assert_int_equal(judge(rrl, "192.0.2.1", now), ISB_RRL_PASS);
	}
	isb_rrl_free(rrl);
}

static void of_a_flood_exactly_the_rate_passes_even_where_it_does_not_divide_a_second(void **state)
{
	(void)state;
	static const uint32_t rates[] = {1, 3, 7, 167, 999};
	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct isb_rrl_config config = small;
		config.rate = rates[i];
		config.window_s = 1;
		struct isb_rrl *rrl = limiter(config);
		unsigned passed = 0;
		for (int64_t now = start_ms; now <= start_ms + 10000; now++)
			passed += passing(rrl, "192.0.2.1", 2, now);
		assert_int_equal(passed, 11 * rates[i]);
		isb_rrl_free(rrl);
	}
}

static void the_largest_settings_do_not_overflow(void **state)
{
	(void)state;
	struct isb_rrl_config config = small;
	config.rate = ISB_RRL_RATE_MAX;
	config.window_s = 1;
	struct isb_rrl *rrl = limiter(config);
	assert_int_equal(passing(rrl, "192.0.2.1", ISB_RRL_RATE_MAX + 5, start_ms), ISB_RRL_RATE_MAX);
	assert_int_equal(passing(rrl, "192.0.2.1", 2000, start_ms + 1), 1000);
	isb_rrl_free(rrl);
	config.rate = 1;
	config.window_s = ISB_RRL_WINDOW_MAX;
	rrl = limiter(config);
	assert_int_equal(passing(rrl, "192.0.2.1", 100, start_ms), ISB_RRL_WINDOW_MAX);
	isb_rrl_free(rrl);
}

static void every_nth_limited_answer_slips(void **state)
{
	(void)state;
	static const struct {
		uint32_t slip;
		const char *verdicts;
	} cases[] = {{0, "dddddddd"}, {1, "ssssssss"}, {2, "dsdsdsds"}, {3, "ddsddsdd"}, {100, "dddddddd"}};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_rrl_config config = small;
		config.slip = cases[i].slip;
		struct isb_rrl *rrl = limiter(config);
		assert_int_equal(passing(rrl, "192.0.2.1", 20, start_ms), 20);
		for (const char *c = cases[i].verdicts; *c; c++)
			assert_int_equal(judge(rrl, "192.0.2.1", start_ms), *c == 's' ? ISB_RRL_SLIP : ISB_RRL_DROP);
		isb_rrl_free(rrl);
	}
}

static void other_networks_classes_and_names_have_buckets_of_their_own(void **state)
{
	(void)state;
	static const uint8_t mail[] = "\4mail\7example";
	static const struct isb_rrl_key wildcard_www = {.class = ISB_RRL_WILDCARD, .name = www, .name_len = sizeof(www)};
	static const struct isb_rrl_key answer_mail = {.class = ISB_RRL_ANSWER, .name = mail, .name_len = sizeof(mail)};
	struct isb_rrl *rrl = limiter(small);
	passing(rrl, "192.0.2.1", 20, start_ms);
	assert_int_equal(judge(rrl, "192.0.2.255", start_ms), ISB_RRL_DROP);
	assert_int_equal(judge(rrl, "192.0.3.1", start_ms), ISB_RRL_PASS);
	assert_int_equal(judge(rrl, "2001:db8::1", start_ms), ISB_RRL_PASS);
	assert_int_equal(judge(rrl, "::192.0.2.1", start_ms), ISB_RRL_PASS);
	assert_int_equal(judge_key(rrl, "192.0.2.1", &wildcard_www, start_ms), ISB_RRL_PASS);
	assert_int_equal(judge_key(rrl, "192.0.2.1", &answer_mail, start_ms), ISB_RRL_PASS);
	isb_rrl_free(rrl);
}

static void errors_have_a_rate_of_their_own_and_no_name(void **state)
{
	(void)state;
	static const struct isb_rrl_key error = {.class = ISB_RRL_ERROR};
	static const struct isb_rrl_key error_www = {.class = ISB_RRL_ERROR, .name = www, .name_len = sizeof(www)};
	static const struct isb_rrl_key nxdomain = {.class = ISB_RRL_NXDOMAIN, .name = www, .name_len = sizeof(www)};
	struct isb_rrl *rrl = limiter(small);
	for (unsigned i = 0; i < 10; i++) { /* 5 per second for 2 seconds */
		assert_int_equal(judge_key(rrl, "192.0.2.1", i % 2 ? &error : &error_www, start_ms), ISB_RRL_PASS);
		assert_int_equal(judge_key(rrl, "192.0.2.1", &nxdomain, start_ms), ISB_RRL_PASS);
	}
	assert_int_equal(judge_key(rrl, "192.0.2.1", &error, start_ms), ISB_RRL_DROP);
	assert_int_equal(judge_key(rrl, "192.0.2.1", &error_www, start_ms), ISB_RRL_DROP);
	assert_int_equal(judge_key(rrl, "192.0.2.1", &nxdomain, start_ms), ISB_RRL_DROP);
	isb_rrl_free(rrl);
}

static void the_lengths_of_networks_are_as_configured(void **state)
{
	(void)state;
	static const struct {
		uint8_t ipv4_len, ipv6_len;
		const char *client, *other;
		bool same;
	} cases[] = {
		{24, 56, "2001:db8:0:1200::1", "2001:db8:0:12ff:ffff::", true},
		{24, 56, "2001:db8:0:1200::1", "2001:db8:0:1300::1", false},
		{24, 64, "2001:db8:0:12::1", "2001:db8:0:12:ffff::", true},
		{24, 64, "2001:db8:0:12::1", "2001:db8:0:13::1", false},
		{24, 48, "2001:db8:0:1200::1", "2001:db8:0:ff00::1", true},
		{24, 1, "2001:db8::1", "7fff::1", true},
		{24, 1, "2001:db8::1", "8000::1", false},
		{32, 56, "192.0.2.1", "192.0.2.2", false},
		{16, 56, "192.0.2.1", "192.0.255.2", true},
		{1, 56, "192.0.2.1", "128.0.0.1", true},
		{1, 56, "192.0.2.1", "127.0.0.1", false},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_rrl_config config = small;
		config.ipv4_len = cases[i].ipv4_len;
		config.ipv6_len = cases[i].ipv6_len;
		struct isb_rrl *rrl = limiter(config);
		assert_int_equal(passing(rrl, cases[i].client, 20, start_ms), 20);
		assert_int_equal(judge(rrl, cases[i].other, start_ms), cases[i].same ? ISB_RRL_DROP : ISB_RRL_PASS);
		isb_rrl_free(rrl);
	}
}

static void exempt_networks_are_never_limited(void **state)
{
	(void)state;
	static const char *const nets[] = {"192.0.2.128/25", "2001:db8:1::/48", "203.0.113.7"};
	struct isb_rrl_config config = small;
	for (; config.nexempt < 3; config.nexempt++)
		assert_int_equal(isb_net_parse(nets[config.nexempt], &config.exempt[config.nexempt]), ISB_OK);
	struct isb_rrl *rrl = limiter(config);
	assert_int_equal(passing(rrl, "192.0.2.200", 100, start_ms), 100);
	assert_int_equal(passing(rrl, "2001:db8:1:ff::1", 100, start_ms), 100);
	assert_int_equal(passing(rrl, "203.0.113.7", 100, start_ms), 100);
	/* their neighbours in the same client network are */
	assert_int_equal(judge(rrl, "192.0.2.127", start_ms), ISB_RRL_DROP);
	assert_int_equal(judge(rrl, "203.0.113.8", start_ms), ISB_RRL_DROP);
	assert_int_equal(passing(rrl, "2001:db8:2::1", 100, start_ms), 20);
	isb_rrl_free(rrl);
	assert_int_equal(isb_net_parse("0.0.0.0/0", &config.exempt[0]), ISB_OK);
	rrl = limiter(config);
	assert_int_equal(passing(rrl, "198.51.100.1", 100, start_ms), 100);
	assert_int_equal(passing(rrl, "2001:db8:2::1", 100, start_ms), 20);
	isb_rrl_free(rrl);
}

static void a_proven_address_is_not_limited_and_takes_nothing_from_its_neighbours(void **state)
{
	(void)state;
	struct isb_rrl *rrl = limiter(small);
	struct isb_addr client = addr("192.0.2.1");
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(isb_rrl_judge(rrl, &client, &answer_www, true, start_ms), ISB_RRL_PASS);
	assert_int_equal(passing(rrl, "192.0.2.1", 100, start_ms), 20);
	assert_int_equal(isb_rrl_judge(rrl, &client, &answer_www, true, start_ms), ISB_RRL_PASS);
	isb_rrl_free(rrl);
}

static void log_mode_limits_nobody_and_off_is_nothing(void **state)
{
	(void)state;
	struct isb_rrl_config config = small;
	config.mode = ISB_RRL_LOG;
	config.slip = 1;
	struct isb_rrl *rrl = limiter(config);
	assert_int_equal(passing(rrl, "192.0.2.1", 20, start_ms), 20);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(judge(rrl, "192.0.2.1", start_ms), ISB_RRL_COUNT);
	assert_int_equal(judge(rrl, "192.0.2.1", start_ms + 100), ISB_RRL_PASS);
	isb_rrl_free(rrl);
	config.mode = ISB_RRL_OFF;
	assert_null(isb_rrl_new(&config, 1, SEED));
	isb_rrl_free(NULL);
}

static void workers_share_the_rate_down_to_a_sensible_least(void **state)
{
	(void)state;
	static const struct {
		uint32_t rate;
		unsigned shares;
		uint32_t share;
	} cases[] = {
		{500, 1, 500}, {500, 2, 250}, {500, 8, 63}, {500, 50, 10}, {500, 128, ISB_RRL_SHARE_MIN}, {10, 1, 10},
		{10, 4, 10}, {4, 1, 4}, {4, 128, 4}, {1, 2, 1}, {ISB_RRL_RATE_MAX, 128, 7813},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct isb_rrl_config config = small;
		config.rate = cases[i].rate;
		config.window_s = 1;
		struct isb_rrl *rrl = isb_rrl_new(&config, cases[i].shares, SEED);
		assert_int_equal(passing(rrl, "192.0.2.1", 10000, start_ms), cases[i].share);
		isb_rrl_free(rrl);
	}
}

/* --- Time and floods ---------------------------------------------------------------------------------------------- */

static void a_clock_that_goes_back_limits_nobody_for_long(void **state)
{
	(void)state;
	static const int64_t back[] = {1, 100, 1000, 1999, 2000, 2001, 60000, 86400000, 1700000000000};
	for (unsigned i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
		struct isb_rrl *rrl = limiter(small);
		assert_int_equal(passing(rrl, "192.0.2.1", 10, start_ms), 10); /* half a bucket */
		assert_int_equal(passing(rrl, "198.51.100.1", 100, start_ms), 20);
		int64_t now = start_ms - back[i];
		/* one that was not limited is not limited now, unless the step looks like the answers it got */
		assert_true(judge(rrl, "192.0.2.1", now) == ISB_RRL_PASS || back[i] == 1000);
		/* nobody gets more than the window, and everybody has all of it after one more */
		assert_true(passing(rrl, "198.51.100.1", 100, now) <= 20);
		assert_int_equal(passing(rrl, "192.0.2.1", 100, now + 2000), 20);
		assert_int_equal(passing(rrl, "198.51.100.1", 100, now + 2000), 20);
		isb_rrl_free(rrl);
	}
}

static void a_flood_from_random_addresses_neither_limits_others_nor_frees_the_limited(void **state)
{
	(void)state;
	enum { FLOOD = 2000000, PER_MS = 500, GOOD = 64 };
	struct isb_rrl *rrl = limiter(small);
	struct isb_rng rng;
	isb_rng_seed(&rng, 1);
	struct isb_addr good[GOOD], random = {.family = 4}, victim = addr("192.0.2.1");
	for (unsigned i = 0; i < GOOD; i++)
		good[i] = (struct isb_addr){.family = 4, .octets = {203, 0, (uint8_t)i, 1}};
	unsigned limited_good = 0, passed_victim = 0;
	for (unsigned i = 0; i < FLOOD; i++) {
		int64_t now = start_ms + i / PER_MS;
		uint64_t r = isb_rng_next(&rng);
		memcpy(random.octets, &r, 4);
		random.octets[0] = (uint8_t)(1 + random.octets[0] % 99); /* none of the others */
		isb_rrl_judge(rrl, &random, &answer_www, false, now);
		passed_victim += isb_rrl_judge(rrl, &victim, &answer_www, false, now) == ISB_RRL_PASS;
		if (i % (PER_MS * 100) < GOOD) /* each at the rate: once in 100 ms */
			limited_good += isb_rrl_judge(rrl, &good[i % GOOD], &answer_www, false, now) != ISB_RRL_PASS;
	}
	assert_int_equal(limited_good, 0);
	/* 4 s of 10 per second and the window of 2 s: its bucket was never pushed out */
	assert_in_range(passed_victim, 1, 20 + 40);
	isb_rrl_free(rrl);
}

static void networks_beside_each_other_do_not_crowd_into_few_buckets(void **state)
{
	(void)state;
	struct isb_rrl *rrl = limiter(small);
	unsigned passed = 0;
	for (unsigned round = 0; round < 40; round++) /* all of 10.0.0.0/10: 16384 networks, a quarter of the table */
		for (unsigned net = 0; net < 1 << 14; net++) {
			struct isb_addr a = {.family = 4, .octets = {10, (uint8_t)(net >> 8), (uint8_t)net, 1}};
			passed += isb_rrl_judge(rrl, &a, &answer_www, false, start_ms) == ISB_RRL_PASS;
		}
	/* 20 each, but for the few that lose their bucket to a fifth in its set */
	assert_in_range(passed, 20 << 14, 21 << 14);
	isb_rrl_free(rrl);
}

static void notes_give_an_example_and_a_count_every_ten_seconds(void **state)
{
	(void)state;
	static const struct isb_rrl_key error = {.class = ISB_RRL_ERROR};
	struct isb_rrl_note note;
	struct isb_rrl *rrl = limiter(small);
	char net[ISB_NET_TEXT], name[ISB_DNAME_TEXT];
	assert_int_equal(passing(rrl, "192.0.2.1", 20, start_ms), 20);
	assert_false(isb_rrl_take_note(rrl, start_ms, &note));
	passing(rrl, "192.0.2.1", 3, start_ms);
	passing(rrl, "2001:db8:0:1ff::1", 24, start_ms);
	assert_true(isb_rrl_take_note(rrl, start_ms, &note));
	assert_int_equal(note.limited, 7);
	assert_string_equal(isb_net_print(&note.client, net), "192.0.2.0/24");
	assert_string_equal(isb_dname_print(note.name, name), "www.example.");
	assert_string_equal(isb_rrl_class_name(note.class), "answer");
	assert_false(isb_rrl_take_note(rrl, start_ms + 60000, &note)); /* nothing new */
	for (unsigned i = 0; i < 11; i++)
		judge_key(rrl, "2001:db8:0:1ff::1", &error, start_ms + 100);
	assert_false(isb_rrl_take_note(rrl, start_ms + ISB_RRL_NOTE_MS - 1, &note));
	assert_true(isb_rrl_take_note(rrl, start_ms + ISB_RRL_NOTE_MS, &note));
	assert_int_equal(note.limited, 1);
	assert_string_equal(isb_net_print(&note.client, net), "2001:db8:0:100::/56");
	assert_string_equal(isb_dname_print(note.name, name), ".");
	assert_string_equal(isb_rrl_class_name(note.class), "error");
	judge_key(rrl, "2001:db8:0:1ff::1", &error, start_ms + 100);
	assert_true(isb_rrl_take_note(rrl, start_ms - 1, &note)); /* the clock went back */
	isb_rrl_free(rrl);
}

/* --- In answers --------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	struct testview *t = malloc(sizeof(*t));
	testview_init(t);
	testview_plan(t);
	testview_zone(t, "example.test.",
	              "$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.99\nmail A 192.0.2.25\n"
	              "alias CNAME www\nlost CNAME nowhere\n*.wild A 192.0.2.81\n*.wild.deep.wild A 192.0.2.82\n"
	              "*.walias CNAME www\nsub NS ns.sub\nns.sub A 192.0.2.53\nother NS ns.other\nns.other A 192.0.2.54\n"
	              "d DNAME wild\na.ent TXT x\n");
	testview_record(t, "geo", TESTVIEW_GEO);
	testview_zone(t, "second.test.", "$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.2\n");
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	testview_done(*state);
	free(*state);
	return 0;
}

static size_t respond(struct isb_context *ctx, const struct testview *t, const struct ask *ask, uint8_t out[ASK_MAX])
{
	uint8_t in[1024];
	size_t in_len = ask_write(ask, in);
	struct isb_health_table health = {0};
	struct isb_client client = {.addr = addr(ask->client ? ask->client : "198.51.100.1"),
	                            .proto = ask->udp ? ISB_UDP : ISB_TCP};
	isb_context_begin(ctx, &t->view, &health, start_ms);
	return isb_respond(ctx, &client, in, in_len, out, ASK_MAX);
}

static void start(struct isb_context *ctx, uint32_t slip)
{
	struct isb_rrl_config config = small;
	config.rate = config.error_rate = config.window_s = 1;
	config.slip = slip;
	isb_context_init(ctx, 1);
	ctx->rrl = limiter(config);
}

static bool one_bucket(const struct testview *t, const char *name, uint16_t type, const char *other,
                       uint16_t other_type)
{
	static uint8_t out[ASK_MAX];
	struct isb_context ctx;
	start(&ctx, 0);
	assert_true(respond(&ctx, t, &(struct ask){.name = name, .type = type, .udp = true}, out) > 0);
	size_t len = respond(&ctx, t, &(struct ask){.name = other, .type = other_type, .udp = true}, out);
	assert_int_equal(ctx.counters.rrl_dropped, len == 0);
	isb_rrl_free(ctx.rrl);
	return len == 0;
}

static void names_that_an_attacker_can_make_up_share_a_bucket(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		const char *other;
		uint16_t other_type;
		bool one;
	} cases[] = {
		/* answers: by owner, whatever the type and the case */
		{"www.example.test.", ISB_A, "WWW.Example.Test.", ISB_A, true},
		{"ns.example.test.", ISB_A, "ns.example.test.", ISB_ANY, true},
		{"www.example.test.", ISB_A, "mail.example.test.", ISB_A, false},
		{"geo.example.test.", ISB_A, "www.example.test.", ISB_A, false},
		/* a chain: by the name asked for */
		{"alias.example.test.", ISB_A, "www.example.test.", ISB_A, false},
		{"lost.example.test.", ISB_A, "lost.example.test.", ISB_A, true},
		{"lost.example.test.", ISB_A, "nowhere.example.test.", ISB_A, false},
		/* wildcards: by closest encloser */
		{"a.wild.example.test.", ISB_A, "b.c.wild.example.test.", ISB_A, true},
		{"a.wild.example.test.", ISB_A, "a.wild.deep.wild.example.test.", ISB_A, false},
		{"a.walias.example.test.", ISB_A, "b.walias.example.test.", ISB_A, true},
		{"a.wild.example.test.", ISB_A, "*.wild.example.test.", ISB_A, false},
		/* DNAME: by its owner */
		{"a.d.example.test.", ISB_A, "b.d.example.test.", ISB_A, true},
		{"a.d.example.test.", ISB_A, "a.wild.example.test.", ISB_A, false},
		/* referrals: by cut */
		{"a.sub.example.test.", ISB_A, "b.c.sub.example.test.", ISB_AAAA, true},
		{"sub.example.test.", ISB_NS, "b.c.sub.example.test.", ISB_AAAA, true},
		{"a.sub.example.test.", ISB_A, "a.other.example.test.", ISB_A, false},
		/* NXDOMAIN and NODATA: each by zone */
		{"a.example.test.", ISB_A, "b.c.example.test.", ISB_TXT, true},
		{"a.example.test.", ISB_A, "b.ent.example.test.", ISB_A, true},
		{"a.example.test.", ISB_A, "a.second.test.", ISB_A, false},
		{"www.example.test.", ISB_MX, "ns.example.test.", ISB_TXT, true},
		{"www.example.test.", ISB_MX, "ent.example.test.", ISB_A, true},
		{"www.example.test.", ISB_MX, "a.wild.example.test.", ISB_MX, true},
		{"www.example.test.", ISB_MX, "ns.second.test.", ISB_MX, false},
		{"a.example.test.", ISB_A, "www.example.test.", ISB_MX, false},
		{"example.test.", ISB_SOA, "www.example.test.", ISB_MX, false},
		/* errors: by client alone */
		{"a.invalid.", ISB_A, "b.invalid.", ISB_A, true},
		{"a.invalid.", ISB_A, "www.example.test.", ISB_TSIG, true},
		{"a.invalid.", ISB_A, "www.example.test.", 200, true},
		{"a.invalid.", ISB_A, "a.example.test.", ISB_A, false},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (one_bucket(*state, cases[i].name, cases[i].type, cases[i].other, cases[i].other_type) != cases[i].one)
			fail_msg("%s and %s", cases[i].name, cases[i].other);
}

static void a_slipped_answer_says_only_try_tcp(void **state)
{
	static uint8_t out[ASK_MAX];
	static const struct {
		const char *name;
		uint16_t type;
		const char *head;
	} cases[] = {
		{"www.example.test.", ISB_A, "NOERROR aa tc"},   {"nowhere.example.test.", ISB_A, "NXDOMAIN aa tc"},
		{"www.example.test.", ISB_MX, "NOERROR aa tc"}, {"a.sub.example.test.", ISB_A, "NOERROR tc"},
		{"a.invalid.", ISB_A, "REFUSED"}, /* nothing to cut off, and nothing more over TCP */
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ask question = {.name = cases[i].name, .type = cases[i].type, .udp = true, .payload = 1232};
		struct isb_context ctx;
		struct msg m;
		start(&ctx, 1);
		respond(&ctx, *state, &question, out);
		size_t len = respond(&ctx, *state, &question, out);
		assert_true(msg_read(&m, out, len));
		expect(&m, cases[i].head, "", "", "");
		assert_true(m.has_opt);
		assert_int_equal(m.questions, 1);
		assert_int_equal(ctx.counters.rrl_limited, 1);
		assert_int_equal(ctx.counters.rrl_slipped, 1);
		assert_int_equal(ctx.counters.rrl_dropped, 0);
		assert_int_equal(ctx.counters.truncated, i < 4);
		assert_int_equal(ctx.counters.nodata, i == 2 ? 2 : 0);
		msg_done(&m);
		question.udp = false;
		assert_true(msg_read(&m, out, respond(&ctx, *state, &question, out)));
		assert_false(m.flags & 0x200);
		assert_int_equal(m.rcode, ctx.counters.nxdomain ? 3 : ctx.counters.refused ? 5 : 0);
		assert_int_equal(ctx.counters.rrl_limited, 1);
		msg_done(&m);
		isb_rrl_free(ctx.rrl);
	}
}

static void what_is_limited_is_counted_by_what_came_of_it(void **state)
{
	static uint8_t out[ASK_MAX];
	static const struct ask question = {.name = "www.example.test.", .type = ISB_A, .udp = true};
	struct isb_context ctx;
	start(&ctx, 2);
	for (unsigned i = 0; i < 11; i++)
		respond(&ctx, *state, &question, out);
	assert_int_equal(isb_counted_queries(&ctx.counters, ISB_ASKED_UDP), 11);
	assert_int_equal(ctx.counters.rrl_limited, 10);
	assert_int_equal(ctx.counters.rrl_slipped, 5);
	assert_int_equal(ctx.counters.rrl_dropped, 5);
	assert_int_equal(ctx.counters.noerror, 6);
	assert_int_equal(ctx.counters.truncated, 5);
	assert_int_equal(ctx.counters.dropped, 0);
	isb_rrl_free(ctx.rrl);
	struct isb_rrl_config config = small;
	config.mode = ISB_RRL_LOG;
	isb_context_init(&ctx, 1);
	ctx.rrl = limiter(config);
	for (unsigned i = 0; i < 30; i++)
		assert_true(respond(&ctx, *state, &question, out) > 0);
	assert_int_equal(ctx.counters.rrl_limited, 10);
	assert_int_equal(ctx.counters.rrl_slipped + ctx.counters.rrl_dropped + ctx.counters.truncated, 0);
	assert_int_equal(ctx.counters.noerror, 30);
	isb_rrl_free(ctx.rrl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quiet_network_gets_the_window_at_once_and_then_the_rate),
		cmocka_unit_test(who_stays_at_the_rate_is_never_limited),
		cmocka_unit_test(of_a_flood_exactly_the_rate_passes_even_where_it_does_not_divide_a_second),
		cmocka_unit_test(the_largest_settings_do_not_overflow),
		cmocka_unit_test(every_nth_limited_answer_slips),
		cmocka_unit_test(other_networks_classes_and_names_have_buckets_of_their_own),
		cmocka_unit_test(errors_have_a_rate_of_their_own_and_no_name),
		cmocka_unit_test(the_lengths_of_networks_are_as_configured),
		cmocka_unit_test(exempt_networks_are_never_limited),
		cmocka_unit_test(a_proven_address_is_not_limited_and_takes_nothing_from_its_neighbours),
		cmocka_unit_test(log_mode_limits_nobody_and_off_is_nothing),
		cmocka_unit_test(workers_share_the_rate_down_to_a_sensible_least),
		cmocka_unit_test(a_clock_that_goes_back_limits_nobody_for_long),
		cmocka_unit_test(a_flood_from_random_addresses_neither_limits_others_nor_frees_the_limited),
		cmocka_unit_test(networks_beside_each_other_do_not_crowd_into_few_buckets),
		cmocka_unit_test(notes_give_an_example_and_a_count_every_ten_seconds),
		cmocka_unit_test(names_that_an_attacker_can_make_up_share_a_bucket),
		cmocka_unit_test(a_slipped_answer_says_only_try_tcp),
		cmocka_unit_test(what_is_limited_is_counted_by_what_came_of_it),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
