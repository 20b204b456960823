/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"

#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/wire.h"

/* Holds the `len` octets at `rest`, which may lie inside what is held already. */
static void hold(struct isb_frames *frames, const uint8_t *rest, size_t len)
{
	uint8_t *old = frames->held;
	if (rest == old && len == frames->len)
		return;
	frames->held = NULL;
	if (len) {
		frames->held = isb_xmalloc(len);
		memcpy(frames->held, rest, len);
	}
	frames->len = len;
	free(old);
}

/* Hands over the messages at the front; *ret_used are the octets of those that were taken. */
static enum isb_frames_end hand_over(const uint8_t *data, size_t len, isb_frames_take *take, void *arg, size_t *ret_used)
{
	size_t pos = 0;
	enum isb_frames_end end = ISB_FRAMES_MORE;
	while (len - pos >= ISB_FRAME_PREFIX) {
		size_t n = isb_get_u16(data + pos);
		if (n < ISB_MESSAGE_MIN)
			end = ISB_FRAMES_MALFORMED;
		else if (len - pos - ISB_FRAME_PREFIX < n)
			break;
		else if (!take(arg, data + pos + ISB_FRAME_PREFIX, n))
			end = ISB_FRAMES_WAIT;
		if (end != ISB_FRAMES_MORE)
			break;
		pos += ISB_FRAME_PREFIX + n;
	}
	*ret_used = pos;
	return end;
}

enum isb_frames_end isb_frames_feed(struct isb_frames *frames, const uint8_t *data, size_t len, isb_frames_take *take,
                                    void *arg)
{
	size_t used;
	if (frames->len && len) {
		frames->held = isb_xrealloc(frames->held, frames->len + len);
		memcpy(frames->held + frames->len, data, len);
		frames->len += len;
	}
	if (frames->len) {
		data = frames->held;
		len = frames->len;
	}
	enum isb_frames_end end = hand_over(data, len, take, arg, &used);
	if (end == ISB_FRAMES_MALFORMED)
		isb_frames_done(frames);
	else
		hold(frames, len ? data + used : NULL, len - used);
	return end;
}

void isb_frames_done(struct isb_frames *frames)
{
	free(frames->held);
	*frames = (struct isb_frames){0};
}
