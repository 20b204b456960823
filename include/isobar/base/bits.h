/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

/* Ones in a word: a sum in each pair of bits, in four, in eight, then of all octets in the topmost. The compiler's own is
 * a call, where it may not take for granted that the machine has an instruction for it. */
static inline unsigned isb_ones(uint64_t word)
{
	word -= word >> 1 & 0x5555555555555555u;
	word = (word & 0x3333333333333333u) + (word >> 2 & 0x3333333333333333u);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)(word * 0x0101010101010101u >> 56);
}
