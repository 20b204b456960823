/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "isobar/base/rng.h"
#include "isobar/base/wire.h"
#include "server/frames.h"

/* Input: one octet that says how the network cuts the stream and how often the taker has no room, then the stream of one
 * client. Whatever the cuts, the messages are those that a reader of the whole stream would see. */

struct taker {
	const uint8_t *stream;
	size_t len, pos; /* the stream, and how far it was taken */
	struct isb_rng rng;
	unsigned busy; /* in how many of 8 cases there is no room */
	bool refused;
};

static bool take(void *arg, const uint8_t *message, size_t len)
{
	struct taker *t = arg;
	MUST(!t->refused); /* it was said that there is no room */
	t->refused = isb_rng_below(&t->rng, 8) < t->busy;
	if (t->refused)
		return false;
	MUST(len >= ISB_MESSAGE_MIN && t->len - t->pos >= ISB_FRAME_PREFIX + len);
	MUST(isb_get_u16(t->stream + t->pos) == len);
	MUST(memcmp(t->stream + t->pos + ISB_FRAME_PREFIX, message, len) == 0);
	t->pos += ISB_FRAME_PREFIX + len;
	return true;
}

/* What the stream's first `len` octets come to, when everything is taken. */
static enum isb_frames_end whole(const struct taker *t, size_t len)
{
	if (len - t->pos < ISB_FRAME_PREFIX)
		return ISB_FRAMES_MORE;
	size_t n = isb_get_u16(t->stream + t->pos);
	if (n < ISB_MESSAGE_MIN)
		return ISB_FRAMES_MALFORMED;
	return len - t->pos - ISB_FRAME_PREFIX < n ? ISB_FRAMES_MORE : ISB_FRAMES_WAIT;
}

static size_t next_piece(struct isb_rng *rng, unsigned cuts, size_t left)
{
	size_t most = cuts == 0 ? left : (size_t)1 << (2 * cuts);
	return isb_rng_below(rng, most < left ? most : left) + 1;
}

static enum isb_frames_end feed(struct isb_frames *frames, struct taker *t, const uint8_t *data, size_t len, size_t came)
{
	uint8_t *piece = malloc(len ? len : 1); /* not an octet too long, and gone afterwards */
	memcpy(piece, data, len);
	t->refused = false;
	enum isb_frames_end end = isb_frames_feed(frames, len ? piece : NULL, len, take, t);
	free(piece);
	MUST(end == whole(t, came) && (end == ISB_FRAMES_WAIT) == t->refused);
	MUST(frames->len == (end == ISB_FRAMES_MALFORMED ? 0 : came - t->pos));
	MUST((frames->held == NULL) == (frames->len == 0));
	MUST(frames->len == 0 || memcmp(frames->held, t->stream + t->pos, frames->len) == 0);
	return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct isb_frames frames = {0};
	struct taker t = {.stream = data + 1, .len = size - 1, .busy = data[0] >> 2 & 7};
	enum isb_frames_end end = ISB_FRAMES_MORE;
	isb_rng_seed(&t.rng, data[0]);
	for (size_t came = 0; came < t.len && end != ISB_FRAMES_MALFORMED;) {
		size_t n = next_piece(&t.rng, data[0] & 3, t.len - came);
		end = feed(&frames, &t, t.stream + came, n, came + n);
		came += n;
		/* mostly the server goes on before it reads more, but it need not */
		while (end == ISB_FRAMES_WAIT && isb_rng_below(&t.rng, 8))
			end = feed(&frames, &t, data, 0, came);
	}
	isb_frames_done(&frames);
	return 0;
}
