/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "server/proxy.h"

/* Input: what stands at the beginning of a connection or a datagram that should have a PROXY header. It is judged after
 * every octet: more octets never change a judgement that was made. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { MOST = 600 }; /* octets looked at one by one; the header of an IPv6 client has 52 without TLVs */
	int before = ISB_ESPACE;
	struct isb_proxy first = {.len = 0};
	for (size_t len = 0; len <= size; len = len < MOST ? len + 1 : len < size ? size : len + 1) {
		uint8_t *piece = malloc(len ? len : 1); /* not an octet too long */
		struct isb_proxy proxy = {.len = SIZE_MAX};
		memcpy(piece, data, len);
		int rc = isb_proxy_parse(piece, len, &proxy);
		free(piece);
		MUST(rc == ISB_OK || rc == ISB_ESPACE || rc == ISB_EFORMAT);
		MUST(before == ISB_ESPACE || rc == before);
		if (rc != ISB_OK) {
			MUST(proxy.len == SIZE_MAX);
		} else if (before != ISB_OK) {
			MUST(proxy.len <= len && (len > MOST || proxy.len == len));
			MUST(proxy.client.family == 0 || proxy.client.family == 4 || proxy.client.family == 6);
			first = proxy;
		} else {
			MUST(proxy.len == first.len && isb_addr_equal(&proxy.client, &first.client));
		}
		before = rc;
	}
	return 0;
}
