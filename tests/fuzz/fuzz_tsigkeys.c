/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "isobar/base/err.h"
#include "isobar/dns/tsigkeys.h"

/* Input: a file of TSIG keys. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct isb_diags diags = {0};
	struct isb_tsig_keys *keys = NULL;
	int rc = isb_tsig_keys_read((const char *)data, size, "fuzz", &diags, &keys);
	MUST((rc == ISB_OK) == (diags.count == 0) && (rc == ISB_OK) == (keys != NULL));
	MUST(rc != ISB_OK || (keys->count > 0 && keys->count <= ISB_TSIG_KEYS_MAX));
	for (size_t i = 0; keys && i < keys->count; i++)
		MUST(isb_tsig_key_find(keys, keys->list[i].name, keys->list[i].name_len) == &keys->list[i]);
	isb_tsig_keys_free(keys);
	isb_diags_done(&diags);
	return 0;
}
