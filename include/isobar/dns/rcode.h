/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Response codes we use, from IANA's "DNS Parameters". BADVERS is the one beyond four bits: its upper eight travel in
 * the OPT (RFC 6891 §6.1.3). */
enum isb_rcode {
	ISB_NOERROR = 0, ISB_FORMERR = 1, ISB_SERVFAIL = 2, ISB_NXDOMAIN = 3, ISB_NOTIMP = 4, ISB_REFUSED = 5,
	ISB_YXDOMAIN = 6, ISB_NOTAUTH = 9, ISB_BADVERS = 16
};
