/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/dns/tsig.h"

#include "isobar/model/dname.h"
#include "isobar/model/rr.h"

enum { TIME_AND_FUDGE = 8, RR_HEAD = 10, BADKEY = 17 };
enum { AFTER_ALGORITHM = TIME_AND_FUDGE + 2 + 2 + 2 + 2 }; /* MAC size 0, original id, error, other length 0 */

bool isb_tsig_read(struct isb_tsig *ret_tsig, const uint8_t *name, uint8_t name_len, const uint8_t *rdata,
                   uint16_t len)
{
	int algorithm_len = isb_dname_check(rdata, len);
	if (algorithm_len < 0)
		return false;
	struct isb_reader r = isb_reader(rdata, len);
	isb_read(&r, (size_t)algorithm_len + TIME_AND_FUDGE);
	isb_read(&r, isb_read_u16(&r)); /* MAC */
	uint16_t original_id = isb_read_u16(&r);
	isb_read_u16(&r); /* error */
	isb_read(&r, isb_read_u16(&r)); /* other data */
	if (r.bad || r.pos != r.len)
		return false;
	*ret_tsig = (struct isb_tsig){.present = true, .name = name, .name_len = name_len, .algorithm = rdata,
	                              .algorithm_len = (uint8_t)algorithm_len, .original_id = original_id};
	return true;
}

size_t isb_tsig_size(const struct isb_tsig *tsig)
{
	return tsig->present ? (size_t)tsig->name_len + RR_HEAD + tsig->algorithm_len + AFTER_ALGORITHM : 0;
}

void isb_tsig_write_badkey(struct isb_writer *w, const struct isb_tsig *tsig)
{
	isb_write(w, tsig->name, tsig->name_len);
	isb_write_u16(w, ISB_TSIG);
	isb_write_u16(w, ISB_CLASS_ANY);
	isb_write_u32(w, 0);
	isb_write_u16(w, (uint16_t)(tsig->algorithm_len + AFTER_ALGORITHM));
	isb_write(w, tsig->algorithm, (size_t)tsig->algorithm_len + TIME_AND_FUDGE);
	isb_write_u16(w, 0);
	isb_write_u16(w, tsig->original_id);
	isb_write_u16(w, BADKEY);
	isb_write_u16(w, 0);
}
