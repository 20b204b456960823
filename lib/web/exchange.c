/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "isobar/base/err.h"
#include "parts.h"

/* One request with its reply, from the first octet to the last. */

enum { STREAM_BLOCK = 4096, QUERY_MAX = 256 };

struct isb_web_exchange {
	struct isb_web_slot *slot;
	struct MHD_Connection *connection;
	struct isb_arena arena;
	struct isb_web_request request;
	struct isb_buf body;
	struct isb_web_reply refusal; /* waits for the end of the body */
	bool too_large, refused, answered;
};

/* --- Reading --- */

static char *copy(struct isb_arena *arena, const char *text)
{
	return isb_arena_strdup(arena, text ? text : "");
}

struct pairs {
	struct isb_web_exchange *x;
	struct isb_web_pair *list;
	size_t count;
	bool wrong;
};

static enum MHD_Result add_pair(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct pairs *pairs = arg;
	struct isb_arena *arena = &pairs->x->arena;
	(void)kind;
	char *decoded_name = isb_web_decode(arena, name, strlen(name), true);
	char *decoded = isb_web_decode(arena, value ? value : "", value ? strlen(value) : 0, true);
	pairs->wrong = !decoded_name || !decoded || pairs->count == QUERY_MAX;
	if (pairs->wrong)
		return MHD_NO;
	pairs->list[pairs->count++] = (struct isb_web_pair){decoded_name, decoded};
	return MHD_YES;
}

static bool read_query(struct isb_web_exchange *x)
{
	int count = MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, NULL, NULL);
	struct pairs pairs = {.x = x};
	if (count <= 0)
		return true;
	pairs.list = isb_arena_alloc(&x->arena, (size_t)count * sizeof(pairs.list[0]));
	MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, add_pair, &pairs);
	x->request.query = pairs.list;
	x->request.nquery = pairs.count;
	return !pairs.wrong;
}

const char *isb_web_header(const struct isb_web_request *request, const char *name)
{
	if (!request->exchange)
		return NULL;
	return MHD_lookup_connection_value(request->exchange->connection, MHD_HEADER_KIND, name);
}

int isb_web_socket(const struct isb_web_request *request)
{
	return request->exchange->slot->fd;
}

bool isb_web_gone(const struct isb_web_request *request)
{
	struct pollfd fd = {.fd = isb_web_socket(request), .events = POLLRDHUP};
	return poll(&fd, 1, 0) > 0;
}

/* --- Answering --- */

struct stream {
	size_t (*more)(void *arg, char *out, size_t max);
	void (*done)(void *arg);
	void *arg;
};

static ssize_t on_stream(void *arg, uint64_t position, char *out, size_t max)
{
	struct stream *stream = arg;
	(void)position;
	size_t len = stream->more(stream->arg, out, max);
	return len ? (ssize_t)len : MHD_CONTENT_READER_END_OF_STREAM;
}

static void on_stream_done(void *arg)
{
	struct stream *stream = arg;
	if (stream->done)
		stream->done(stream->arg);
	free(stream);
}

/* The response takes the reply's body or stream over. */
static struct MHD_Response *make_response(struct isb_web_reply *reply)
{
	struct MHD_Response *response;
	if (reply->stream) {
		struct stream *stream = isb_xmalloc(sizeof(*stream));
		*stream = (struct stream){reply->stream, reply->stream_done, reply->stream_arg};
		response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_stream, stream, on_stream_done);
		if (!response)
			on_stream_done(stream);
		return response;
	}
	if (reply->fixed) {
		void *fixed = (void *)(uintptr_t)reply->fixed; /* it is only read */
		return MHD_create_response_from_buffer(reply->fixed_len, fixed, MHD_RESPMEM_PERSISTENT);
	}
	response = MHD_create_response_from_buffer(reply->body.len, reply->body.data, MHD_RESPMEM_MUST_FREE);
	if (response)
		reply->body = (struct isb_buf){0};
	return response;
}

static enum MHD_Result send_reply(struct isb_web_exchange *x, struct isb_web_reply *reply)
{
	bool streams = reply->stream != NULL;
	struct isb_web_slot *slot = x->slot;
	struct MHD_Response *response = make_response(reply);
	isb_buf_done(&reply->body);
	if (!response)
		return MHD_NO;
	if (reply->type)
		MHD_add_response_header(response, "Content-Type", reply->type);
	for (size_t i = 0; i < reply->nfield; i++)
		MHD_add_response_header(response, reply->fields[i].name, reply->fields[i].value);
	isb_web_enter(slot, ISB_WEB_SENDING, streams ? 0 : slot->web->options.reading_ms);
	x->answered = true;
	enum MHD_Result result = MHD_queue_response(x->connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct isb_web_exchange *x, unsigned status, const char *why)
{
	struct isb_web_reply reply = {0};
	isb_web_problem(&reply, status, "%s", why);
	isb_web_field(&reply, "Connection", "close"); /* what is behind it would be taken for the next request */
	return send_reply(x, &reply);
}

static enum MHD_Result refuse_large(struct isb_web_exchange *x)
{
	size_t most = x->slot->web->options.body_max;
	return refuse(x, MHD_HTTP_CONTENT_TOO_LARGE, isb_arena_printf(&x->arena, "a body may have %zu octets here", most));
}

/* The library closes a connection on which nothing has come for long, which is no reason while the handler works.
 * Setting the time anew also begins it anew. */
static void set_timeout(struct isb_web_exchange *x, unsigned seconds)
{
	MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

static enum MHD_Result handle(struct isb_web_exchange *x)
{
	struct isb_web *web = x->slot->web;
	struct isb_web_reply reply = {.status = MHD_HTTP_OK};
	x->request.body = isb_buf_text(&x->body);
	x->request.body_len = x->body.len;
	isb_web_enter(x->slot, ISB_WEB_HANDLING, 0);
	set_timeout(x, 0);
	web->handler(web->arg, &x->request, &reply);
	set_timeout(x, (unsigned)(web->options.reading_ms / 1000) + 1);
	return send_reply(x, &reply);
}

/* --- What the library calls --- */

static struct isb_web_exchange *begin(struct MHD_Connection *connection, const char *url, const char *method)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	if (!info->socket_context)
		return NULL; /* the library began with it when nobody waited for that any more */
	struct isb_web_exchange *x = isb_xcalloc(1, sizeof(*x));
	x->slot = info->socket_context;
	x->connection = connection;
	bool head = strcmp(method, "HEAD") == 0; /* the library leaves the body of the answer out */
	x->request = (struct isb_web_request){
		.method = head ? "GET" : copy(&x->arena, method),
		.path = copy(&x->arena, url),
		.peer = x->slot->peer,
		.arena = &x->arena,
		.exchange = x,
	};
	return x;
}

struct framing {
	unsigned lengths, encodings, hosts;
	bool wrong;
};

static enum MHD_Result add_field(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct framing *framing = arg;
	size_t len = strlen(name);
	(void)kind;
	framing->lengths += strcasecmp(name, "Content-Length") == 0;
	framing->hosts += strcasecmp(name, "Host") == 0;
	bool encoding = strcasecmp(name, "Transfer-Encoding") == 0;
	framing->encodings += encoding;
	framing->wrong |= !len || strcspn(name, " \t") != len || (encoding && (!value || strcasecmp(value, "chunked") != 0));
	return MHD_YES;
}

/* Where a request ends, a proxy in front must not take for another place (RFC 9112 §5.1, §6.3, §11.2); whom it is for,
 * neither (§3.2). The library is lenient. */
static bool is_sound(struct isb_web_exchange *x, bool *ret_has_body)
{
	struct framing f = {0};
	MHD_get_connection_values(x->connection, MHD_HEADER_KIND, add_field, &f);
	*ret_has_body = f.lengths || f.encodings;
	return !f.wrong && f.lengths + f.encodings <= 1 && f.hosts <= 1;
}

/* Before the body: what is too large by its own word is refused before it is sent. */
static enum MHD_Result look(struct isb_web_exchange *x)
{
	struct isb_web *web = x->slot->web;
	const char *length = isb_web_header(&x->request, "Content-Length");
	bool has_body;
	if (!is_sound(x, &has_body))
		return refuse(x, MHD_HTTP_BAD_REQUEST, "the head does not say for whom the request is, or where it ends");
	/* what is no number is refused by the library */
	if (length && strtoull(length, NULL, 10) > web->options.body_max)
		return refuse_large(x);
	if (!read_query(x))
		return refuse(x, MHD_HTTP_BAD_REQUEST,
		              "the query is malformed: a % is followed by two hexadecimal digits, not 00");
	x->refusal.status = MHD_HTTP_OK; /* as every reply begins */
	x->refused = has_body && web->options.admit && !web->options.admit(web->arg, &x->request, &x->refusal);
	return MHD_YES;
}

enum MHD_Result isb_web_on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *upload, size_t *upload_len, void **exchange)
{
	struct isb_web_exchange *x = *exchange;
	(void)arg;
	(void)version;
	if (!x) {
		*exchange = x = begin(connection, url, method);
		return x ? look(x) : MHD_NO;
	}
	if (x->answered) { /* before the body came, which nobody wants */
		*upload_len = 0;
		return MHD_YES;
	}
	if (*upload_len) {
		x->too_large = x->too_large || *upload_len > x->slot->web->options.body_max - x->body.len;
		if (!x->too_large && !x->refused)
			isb_buf_add(&x->body, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	if (x->refused)
		return send_reply(x, &x->refusal);
	return x->too_large ? refuse_large(x) : handle(x);
}

void isb_web_on_completed(void *arg, struct MHD_Connection *connection, void **exchange,
                          enum MHD_RequestTerminationCode why)
{
	struct isb_web_exchange *x = *exchange;
	(void)arg;
	(void)connection;
	(void)why;
	if (!x)
		return;
	isb_web_enter(x->slot, ISB_WEB_RECEIVING, x->slot->web->options.patience_ms);
	isb_buf_done(&x->body);
	isb_buf_done(&x->refusal.body);
	isb_arena_done(&x->arena);
	free(x);
	*exchange = NULL;
}
