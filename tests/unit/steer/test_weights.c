/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "world.h"

/* Exact weights: a million draws per case, from 2 to 64 endpoints, weights from 0 to 65535, all up and with some down,
 * against the shares that the weights say. Seeds are fixed. Each case's p-value is above one in ten thousand, and all of
 * them together, by Fisher's method, lie between 0.001 and 0.999: shares that are wrong by little in every case push the
 * sum down, and draws that follow the shares too well, as no chance does, push it up. */

enum { DRAWS = 1000000, CELL_LEAST = 10 };

/* P(chi-square with k degrees of freedom > x), exact for whole k. */
static double p_value(double x, unsigned k)
{
	double half = x / 2, sum = k % 2 ? erfc(sqrt(half)) : 0, term;
	term = k % 2 ? sqrt(half) * exp(-half) / tgamma(1.5) : exp(-half);
	for (unsigned i = k % 2 ? 3 : 2; i <= k; i += 2) {
		sum += term;
		term *= half / (i / 2.0);
	}
	return sum;
}

static void the_p_values_are_those_of_the_tables(void **state)
{
	(void)state;
	assert_true(fabs(p_value(10.828, 1) - .001) < 1e-6);
	assert_true(fabs(p_value(13.816, 2) - .001) < 1e-6);
	assert_true(fabs(p_value(16.266, 3) - .001) < 1e-6);
	assert_true(fabs(p_value(24.322, 7) - .001) < 1e-6);
	assert_true(fabs(p_value(79.082, 60) - .05) < 1e-5);
	assert_true(fabs(p_value(82.529, 63) - .05) < 1e-5);
}

enum shape { EQUAL, SMALL, ANY, LARGEST, ONE_LARGE, STAIRS, SHAPES };

static void set_weights(struct isb_rng *rng, enum shape shape, uint16_t *weight, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		switch (shape) {
		case EQUAL: weight[i] = 1; break;
		case SMALL: weight[i] = (uint16_t)isb_rng_below(rng, 11); break;
		case ANY: weight[i] = (uint16_t)isb_rng_below(rng, 65536); break;
		case LARGEST: weight[i] = 65535; break;
		case ONE_LARGE: weight[i] = i ? (uint16_t)(1 + isb_rng_below(rng, 20)) : 65535; break;
		default: weight[i] = (uint16_t)i; break;
		}
}

/* The case's p-value. Endpoints of so little weight that they are hardly seen are counted as one. */
static double draw(struct isb_rng *rng, const uint16_t *weight, unsigned n, bool some_down, enum isb_order_id order)
{
	struct world w;
	struct kid kids[MAX];
	unsigned seen[MAX] = {0}, rest_seen = 0, cells = 0;
	bool up[MAX];
	double total = 0, rest = 0, x = 0;
	begin(&w, n);
	isb_rng_seed(&w.rng, isb_rng_next(rng));
	w.no_rotor = true;
	for (unsigned i = 0; i < n; i++) {
		kids[i] = (struct kid){i, 0, weight[i]};
		up[i] = !some_down || isb_rng_below(rng, 3) || i < 2;
		judge(&w, i, up[i] ? ISB_UP : ISB_DOWN);
		total += up[i] ? weight[i] : 0;
	}
	struct isb_plan_node pool = {.order = (uint16_t)order, .flags = ISB_NODE_POOL, .answers = 1, .min_up = 1};
	set_record(&w, node_like(&w, &pool, kids, n), ISB_ALL_DOWN_ALL);
	for (unsigned i = 0; i < DRAWS; i++)
		seen[ask(&w).endpoint[0]->slot]++;
	for (unsigned i = 0; i < n; i++) {
		double expected = up[i] ? (double)DRAWS * weight[i] / total : 0;
		if (!up[i] || !weight[i])
			assert_int_equal(seen[i], 0);
		if (expected < CELL_LEAST) {
			rest += expected;
			rest_seen += seen[i];
			continue;
		}
		x += (seen[i] - expected) * (seen[i] - expected) / expected;
		cells++;
	}
	if (rest >= CELL_LEAST) {
		x += (rest_seen - rest) * (rest_seen - rest) / rest;
		cells++;
	}
	done(&w);
	return cells > 1 ? p_value(x, cells - 1) : 1;
}

static void draws_follow_weights_in_every_case(void **state)
{
	static const unsigned counts[] = {2, 3, 5, 8, 16, 33, 64};
	struct isb_rng rng;
	uint16_t weight[MAX];
	double fisher = 0;
	unsigned cases = 0;
	(void)state;
	isb_rng_seed(&rng, 6);
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
		for (int shape = 0; shape < SHAPES; shape++) {
			bool some_down = (c + (size_t)shape) % 2;
			set_weights(&rng, (enum shape)shape, weight, counts[c]);
			for (int i = 0; i < 2; i++) /* these two are never down */
				weight[i] = weight[i] ? weight[i] : 1;
			double p = draw(&rng, weight, counts[c], some_down, ISB_ORDER_WEIGHTED);
			if (p < 1e-4)
				fail_msg("%u endpoints, weights of shape %d, %s: p is %g", counts[c], shape,
				         some_down ? "some down" : "all up", p);
			fisher -= 2 * log(p);
			cases++;
		}
	double p = p_value(fisher, 2 * cases);
	if (p < .001 || p > .999)
		fail_msg("all %u cases together: p is %g", cases, p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_p_values_are_those_of_the_tables),
		cmocka_unit_test(draws_follow_weights_in_every_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
