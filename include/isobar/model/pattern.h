/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Regular expressions that cost the same whatever the text says: the text is what a peer sent. There is no
 * backtracking; every octet is looked at once, with at most ISB_PATTERN_SIZE steps. Backtracking libraries bound the
 * steps of one attempt at one place at best, and a body has 65 536 places to begin at.
 *
 * Whether it matches somewhere is all that is asked, line by line as grep -E would:
 *   .  [a-z]  [^a-z]  \d \w \s \D \W \S   one octet of the line (but \n \r \t \xHH and classes with them name themselves)
 *   ^  $                                  the beginning and the end of a line; CR before LF belongs to the line
 *   ab  a|b  (a)  (?:a)                   sequence, choice, group
 *   a*  a+  a?  a{2}  a{2,}  a{2,5}       repetition; a '?' behind it changes nothing
 *   (?i)                                  at the very beginning: letters of ASCII match in either case
 *   \. \\ \[ …                            punctuation for itself
 * No references back, no looking around, no word boundaries. Octets, not characters: "é" in UTF-8 is two of them. */

enum {
	ISB_PATTERN_SIZE = 256, /* octets, classes and anchors in it, repetitions written out */
	ISB_PATTERN_WHY = 128
};

/* ISB_OK, or ISB_EFORMAT with a sentence: "'(' without its ')' at 3; write ')' behind it, or '\('". */
int isb_pattern_check(const char *pattern, char why[ISB_PATTERN_WHY]);
/* `pattern` is one that passed the check; one that did not matches nothing. */
bool isb_pattern_search(const char *pattern, const char *text, size_t len);
