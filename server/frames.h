/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one client sends over TCP, as messages: each stands behind its length (RFC 1035 §4.2.2), several may come in one
 * piece and one in many (RFC 7766 §8). Pure: knows neither socket nor clock. All-zero is a valid empty one. */
enum {
	ISB_FRAME_PREFIX = 2,     /* octets of the length */
	ISB_MESSAGE_MIN = 12,     /* a DNS header */
	ISB_MESSAGE_MAX = 65535
};

struct isb_frames {
	uint8_t *held; /* what came and is not taken; as large as what came, not as what a length announced */
	size_t len;
};

enum isb_frames_end {
	ISB_FRAMES_MORE,     /* everything whole was taken */
	ISB_FRAMES_WAIT,     /* a message was not taken: go on with more room and no data */
	ISB_FRAMES_MALFORMED /* a message shorter than a header: nothing behind it can be trusted, and nothing is held */
};

/* Gets one whole message, in the order they came; false leaves it for the next call. */
typedef bool isb_frames_take(void *arg, const uint8_t *message, size_t len);

/* Takes in what was read (none: goes on with what is held) and hands over what is whole. */
enum isb_frames_end isb_frames_feed(struct isb_frames *frames, const uint8_t *data, size_t len, isb_frames_take *take,
                                    void *arg);
void isb_frames_done(struct isb_frames *frames);
