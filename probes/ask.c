/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include <stdlib.h>

#include "isobar/base/arena.h"
#include "isobar/base/buf.h"

enum { CHUNK = 16 * 1024 };

struct isb_ask {
	uv_pipe_t pipe;
	uv_connect_t connect;
	uv_timer_t timer;
	unsigned handles; /* still open */
	size_t most;
	isb_asked *done;
	void *arg;
	struct isb_buf text;
	char chunk[CHUNK];
};

static void on_closed(uv_handle_t *handle)
{
	struct isb_ask *ask = handle->data;
	if (--ask->handles)
		return;
	isb_buf_done(&ask->text);
	free(ask);
}

void isb_ask_cancel(struct isb_ask *ask)
{
	if (!ask)
		return;
	ask->done = NULL;
	uv_close((uv_handle_t *)&ask->pipe, on_closed);
	uv_close((uv_handle_t *)&ask->timer, on_closed);
}

static void finish(struct isb_ask *ask, const char *trouble)
{
	isb_asked *done = ask->done;
	done(ask->arg, trouble ? NULL : isb_buf_text(&ask->text), trouble ? 0 : ask->text.len, trouble);
	isb_ask_cancel(ask);
}

static void on_timeout(uv_timer_t *timer)
{
	finish(timer->data, "it does not come to an end");
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
	(void)suggested;
	struct isb_ask *ask = handle->data;
	*ret_buf = uv_buf_init(ask->chunk, CHUNK);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct isb_ask *ask = stream->data;
	if (n == UV_EOF)
		finish(ask, NULL);
	else if (n < 0)
		finish(ask, uv_strerror((int)n));
	else if ((size_t)n > ask->most - ask->text.len)
		finish(ask, "it says more than it can have to say");
	else
		isb_buf_add(&ask->text, buf->base, (size_t)n);
}

static void on_connect(uv_connect_t *connect, int status)
{
	struct isb_ask *ask = connect->data;
	if (!ask->done)
		return; /* cancelled */
	if (status == 0)
		status = uv_read_start((uv_stream_t *)&ask->pipe, give_room, on_read);
	if (status != 0)
		finish(ask, uv_strerror(status));
}

struct isb_ask *isb_ask_start(uv_loop_t *loop, const char *path, size_t most, int64_t timeout_ms, isb_asked *done,
                              void *arg)
{
	struct isb_ask *ask = isb_xcalloc(1, sizeof(*ask));
	ask->handles = 2;
	ask->most = most;
	ask->done = done;
	ask->arg = arg;
	ask->pipe.data = ask->timer.data = ask->connect.data = ask;
	uv_pipe_init(loop, &ask->pipe, 0);
	uv_timer_init(loop, &ask->timer);
	uv_update_time(loop);
	uv_timer_start(&ask->timer, on_timeout, (uint64_t)timeout_ms, 0);
	uv_pipe_connect(&ask->connect, &ask->pipe, path, on_connect);
	return ask;
}
