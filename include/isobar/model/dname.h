/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Domain names in uncompressed wire form (RFC 1035 §3.1): labels of 1..63 octets, each behind its length, ended by the
 * root's zero octet; 255 octets at most. Functions that take a `const uint8_t *dname` without a length trust it:
 * check octets from outside with isb_dname_check() first. Case is kept unless a function says otherwise. */

enum {
	ISB_DNAME_MAX = 255,  /* octets */
	ISB_LABELS_MAX = 127, /* without the root */
	ISB_DNAME_TEXT = 1024 /* buffer for isb_dname_print(), with the NUL */
};

/* Length in octets of the well-formed name at the start of `data`, or ISB_EFORMAT (compression pointers included). */
int isb_dname_check(const uint8_t *data, size_t len);
/* Octets including the root. */
size_t isb_dname_len(const uint8_t *dname);
/* Labels without the root. */
unsigned isb_dname_labels(const uint8_t *dname);

/* Master-file text (RFC 1035 §5.1: \DDD, \X, "@" for the origin) into out. A name without a final dot is completed with
 * `origin`; NULL origin means the root. Returns the length in octets or ISB_EFORMAT / ISB_ERANGE (label or name too
 * long, empty label). */
int isb_dname_parse(const char *text, const uint8_t *origin, uint8_t out[ISB_DNAME_MAX]);
/* Text with a final dot; returns out. */
char *isb_dname_print(const uint8_t *dname, char out[ISB_DNAME_TEXT]);
/* The same without the final dot (the root stays "."), as catalogs name zones. */
char *isb_dname_print_bare(const uint8_t *dname, char out[ISB_DNAME_TEXT]);

/* Copies with ASCII letters in lower case (RFC 4343); returns the length in octets. */
size_t isb_dname_lower(const uint8_t *dname, uint8_t out[ISB_DNAME_MAX]);
bool isb_dname_equal(const uint8_t *a, const uint8_t *b);               /* case ignored */
bool isb_dname_under(const uint8_t *dname, const uint8_t *ancestor);    /* equal or below; case ignored */
int isb_dname_compare(const uint8_t *a, const uint8_t *b);              /* canonical order, RFC 4034 §6.1 */
bool isb_dname_is_wild(const uint8_t *dname);                           /* first label is "*" (RFC 4592 §2.1.1) */
/* The name `labels` labels up (0: the name itself). */
const uint8_t *isb_dname_up(const uint8_t *dname, unsigned labels);
/* Pointers to every label from the one next to the root down to the leftmost; returns how many. */
unsigned isb_dname_split(const uint8_t *dname, const uint8_t *ret_label[ISB_LABELS_MAX]);
