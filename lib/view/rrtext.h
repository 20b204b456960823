/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/buf.h"
#include "isobar/base/diag.h"
#include "isobar/base/wire.h"
#include "zonelex.h"

/* Rdata between presentation form and wire. The common types, and those where ldns lets mistakes pass, are described by
 * one table of formats (rrtext.c) or have their own file (svcb.c); ldns reads and prints the rest (rrldns.c). Every
 * type can be written in the generic form of RFC 3597 §5. */

/* What the tokens of one rdata are to be read as. */
struct isb_rdata_text {
	uint16_t type;
	const struct isb_token *tokens;
	size_t count;
	const uint8_t *origin;
	struct isb_mark at; /* for what is missing */
};

/* Appends the wire form to `out`, which must have room for 65535 octets. ISB_OK or ISB_EINVAL with one sentence in
 * diags. */
int isb_rdata_parse(const struct isb_rdata_text *text, struct isb_diags *diags, struct isb_writer *out);
/* Appends the presentation form; what does not fit its type is printed in the generic form. */
void isb_rdata_print(struct isb_buf *out, uint16_t type, const uint8_t *rdata, size_t len);
/* True when the rdata is character-strings and nothing else, like TXT. */
bool isb_rdata_is_strings(uint16_t type);

/* <character-string> in quotes (RFC 1035 §5.1), without a length octet. */
void isb_print_string(struct isb_buf *out, const uint8_t *data, size_t len);

/* Parts of the above; the same conventions. The printers append nothing and return false when the octets are
 * malformed. */
int isb_svcparams_parse(const struct isb_token *tokens, size_t count, struct isb_diags *diags, struct isb_writer *out);
bool isb_svcparams_print(struct isb_buf *out, const uint8_t *params, size_t len);
int isb_ldns_parse(const struct isb_rdata_text *text, struct isb_diags *diags, struct isb_writer *out);
bool isb_ldns_print(struct isb_buf *out, uint16_t type, const uint8_t *rdata, size_t len);
