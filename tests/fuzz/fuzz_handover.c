/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "server/handover.h"

/* Input: a message from the other isobard. What is taken can be written again, and is then taken as the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct isb_handover message = {.pid = -7}, again;
	uint8_t octets[ISB_HANDOVER_MESSAGE];
	int rc = isb_handover_decode(data, size, &message);
	MUST(rc == ISB_OK || rc == ISB_EFORMAT || rc == ISB_EVERSION);
	if (rc == ISB_EFORMAT)
		MUST(message.pid == -7);
	if (rc != ISB_OK)
		return 0;
	MUST(size <= ISB_HANDOVER_MESSAGE);
	size_t len = isb_handover_encode(&message, octets);
	MUST(isb_handover_decode(octets, len, &again) == ISB_OK);
	again.version = message.version;
	MUST(memcmp(&again, &message, sizeof(again)) == 0);
	return 0;
}
