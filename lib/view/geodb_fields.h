/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <maxminddb.h>

#include "isobar/steer/facts.h"

/* One data record → facts, whatever the vendor's layout; what is missing or makes no sense stays empty. Padding of
 * *ret_facts is zeroed too. Returns MMDB_SUCCESS, or the library's code when the record cannot be decoded. */
int isb_geodb_decode(const MMDB_entry_s *entry, struct isb_geo_facts *ret_facts);
