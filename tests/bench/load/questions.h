/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The file that bench-questions writes and bench-load sends: one after the other
 *
 *   octets 0..1  length of the message, big-endian
 *          2     RCODE that must come back
 *          3     records in the answer section that must come back, or QUESTION_ANY
 *          4..   the message, its ID zero
 */
enum { QUESTION_HEAD = 4, QUESTION_ANY = 255 };
