/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a client's network when a policy is compiled: one answer of the geo databases, the operator's
 * networks it lies in, and the latency cells it lies in. Every client of one leaf of the geo map has the same facts. */
struct isb_geo_facts {
	char country[3];     /* ISO 3166-1 alpha-2, "" unknown */
	char continent[3];   /* AF AN AS EU NA OC SA, "" unknown */
	char subdivision[8]; /* ISO 3166-2 "US-CA", "" unknown */
	char city[64];       /* English name, "" unknown */
	uint32_t asn;        /* 0 unknown */
	bool located;
	double latitude, longitude;
};

/* A network of a prefix set around the client; matches are listed longest first. `id` is the caller's number. */
struct isb_prefix_match {
	uint32_t id;
	uint8_t len;
};

struct isb_facts {
	const struct isb_geo_facts *geo; /* never NULL; all empty when nothing is known */
	const struct isb_prefix_match *nets;
	size_t nnet;
	const struct isb_prefix_match *cells;
	size_t ncell;
};
