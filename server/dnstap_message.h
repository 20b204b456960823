/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "isobar/dns/respond.h"

/* One dnstap payload (https://dnstap.info, dnstap.proto): the protobuf message Dnstap around a Message of type
 * AUTH_RESPONSE that holds the query too, so that nobody has to find the two again in a sampled stream. */

struct isb_dnstap_event {
	const struct isb_client *client;
	const uint8_t *query, *response;
	size_t query_len, response_len;
	struct timespec asked, answered;
};

/* Who speaks; not longer than 255 octets each. */
struct isb_dnstap_source {
	const char *identity, *version;
};

/* Octets that isb_dnstap_write() needs at most, and the ones it wrote. */
size_t isb_dnstap_size(const struct isb_dnstap_source *source, const struct isb_dnstap_event *event);
size_t isb_dnstap_write(const struct isb_dnstap_source *source, const struct isb_dnstap_event *event, uint8_t *out,
                        size_t cap);
