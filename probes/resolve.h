/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "isobar/store/resolveddb.h"

/* Addresses of a name by asking a resolver, on the loop: the only door to c-ares. What comes back is hostile until looked
 * at: addresses that are nobody's service (loopback, unspecified, link-local, multicast, reserved) are left out, and no
 * more than ISB_RESOLVED_FAMILY_MAX of a family are taken. Private networks count: there are services in them. */

enum isb_resolve_end {
	ISB_RESOLVE_OK,    /* there are addresses */
	ISB_RESOLVE_NONE,  /* surely none: the name does not exist, or has none of this family that can be taken */
	ISB_RESOLVE_FAILED /* no answer, or none that says anything */
};
struct isb_resolve_family {
	enum isb_resolve_end end;
	const char *trouble; /* "no such name", "timeout", …; "" when OK; static */
	uint32_t ttl_s;      /* when OK */
	size_t count;
	struct isb_addr addresses[ISB_RESOLVED_FAMILY_MAX]; /* sorted, each once */
};
struct isb_resolve_result {
	struct isb_resolve_family family[2]; /* A, AAAA */
};

struct isb_resolver;
/* `servers`: "ADDR[:PORT]" ("[2001:db8::1]:53"), several with commas; NULL: those of /etc/resolv.conf. `done` is called
 * once for every ask, maybe from inside it, until the resolver is closed. ISB_EINVAL: `servers` cannot be read. */
int isb_resolver_new(uv_loop_t *loop, const char *servers,
                     void (*done)(void *arg, void *item, const struct isb_resolve_result *result), void *arg,
                     struct isb_resolver **ret_resolver);
void isb_resolver_ask(struct isb_resolver *resolver, const char *host, void *item);
/* Ends everything under way without a word; free once the loop has run. */
void isb_resolver_close(struct isb_resolver *resolver);
void isb_resolver_free(struct isb_resolver *resolver);

/* One family's answer of `count` addresses as they came: sorts and sifts them. `out` has the TTL already. */
void isb_resolve_sift(const struct isb_addr *addresses, size_t count, struct isb_resolve_family *out);
