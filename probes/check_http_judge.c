/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "check_http_parts.h"

static uint32_t span_us(CURL *easy, CURLINFO info)
{
	curl_off_t us = 0;
	curl_easy_getinfo(easy, info, &us);
	return us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

/* The connection was there already. */
static bool reused(const struct isb_transfer *t)
{
	long connects = 0, status = 0;
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return connects == 0 && status != 0;
}

static void take_timings(const struct isb_transfer *t, struct isb_outcome *o)
{
	bool fresh = !reused(t);
	uint32_t tls_done_us = fresh ? span_us(t->easy, CURLINFO_APPCONNECT_TIME_T) : 0;
	uint32_t connected_us = fresh ? span_us(t->easy, CURLINFO_CONNECT_TIME_T) : 0;
	if (fresh && !connected_us)
		connected_us = t->tls_began_us;
	o->tls_us = tls_done_us > connected_us ? tls_done_us - connected_us : 0;
	/* the kernel saw the answer to SYN when it came, and not when there was time to look */
	o->connect_us = t->rtt_us ? t->rtt_us : connected_us;
	o->first_byte_us = span_us(t->easy, CURLINFO_STARTTRANSFER_TIME_T);
	o->total_us = isb_check_elapsed_us(t->run);
}

static enum isb_outcome_kind connect_failure(struct isb_transfer *t)
{
	long error = t->no_socket;
	if (!error)
		curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error);
	if (error)
		snprintf(t->why, sizeof(t->why), "%s", strerror((int)error));
	return isb_connect_failure((int)error);
}

/* HTTP/2 that breaks its rules ends the connection from our side; of that, libcurl tells in words only. */
static bool broke_http2(const struct isb_transfer *t)
{
	return strstr(t->error, "nghttp2") != NULL;
}

static enum isb_outcome_kind failure(struct isb_transfer *t, CURLcode code, bool connected)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT: return connect_failure(t);
	case CURLE_OPERATION_TIMEDOUT: return connected ? ISB_OUT_TIMEOUT : ISB_OUT_CONNECT_TIMEOUT;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS: return ISB_OUT_TLS_VERIFY;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CLIENTCERT:
	case CURLE_SSL_CIPHER: return ISB_OUT_TLS_HANDSHAKE;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR: return broke_http2(t) ? ISB_OUT_BAD_REPLY : ISB_OUT_CLOSED_EARLY;
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* not HTTP at all: HTTP/0.9 is off */
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_WRITE_ERROR: return ISB_OUT_BAD_REPLY; /* headers without end */
	case CURLE_URL_MALFORMAT:
	case CURLE_SSL_CERTPROBLEM: /* the check's own certificate */
	case CURLE_SSL_CACERT_BADFILE: return ISB_OUT_INTERNAL;
	/* Nothing a server sends may pass for the probe's own trouble (a header line too long is "out of memory"). */
	default: return connected ? ISB_OUT_BAD_REPLY : ISB_OUT_INTERNAL;
	}
}

/* ALPN may have agreed on less than was asked for. */
static bool speaks_wrong_version(struct isb_transfer *t)
{
	const struct isb_spec *spec = t->run->spec;
	long version = 0;
	curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
	if ((spec->http != ISB_HTTP_2 && spec->type != ISB_CHECK_GRPC) || version == CURL_HTTP_VERSION_2_0)
		return false;
	snprintf(t->why, sizeof(t->why), "it does not speak HTTP/2");
	return true;
}

static void judge_reply(struct isb_transfer *t, struct isb_outcome *o)
{
	const struct isb_spec *spec = t->run->spec;
	const struct isb_reply reply = {
		.status = o->status,
		.headers = isb_buf_text(&t->head),
		.headers_len = t->head.len,
		.body = isb_buf_text(&t->body),
		.body_len = t->body.len,
		.cut = t->body_full,
	};
	if (speaks_wrong_version(t))
		o->kind = ISB_OUT_BAD_REPLY;
	else if (spec->type == ISB_CHECK_GRPC)
		isb_grpc_judge(&reply, o, t->why);
	else
		isb_reply_judge(spec, &reply, o, t->why);
	if (o->kind == ISB_OUT_OK && spec->load.format != ISB_LOAD_NONE)
		isb_load_tell(&t->load, &reply, o, t->why);
	if (o->kind == ISB_OUT_OK && spec->latency_ms && o->total_us > spec->latency_ms * 1000)
		o->kind = ISB_OUT_TOO_SLOW;
}

/* A status that is not wanted says more than how the transfer went on after it; then the transfer must have come to its
 * end, or to the end of what is read; then what it brought decides. */
struct isb_outcome isb_transfer_judge(struct isb_transfer *t, CURLcode code)
{
	const struct isb_spec *spec = t->run->spec;
	struct isb_outcome o = {0};
	long status = 0;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	take_timings(t, &o);
	if (status >= 200 && status <= 999)
		o.status = (uint16_t)status;
	if (code == CURLE_WRITE_ERROR && t->body_full)
		code = CURLE_OK;
	if (t->hops > spec->redirects)
		o.kind = ISB_OUT_REDIRECTS;
	else if (o.status && (t->why[0] || !isb_spec_status_ok(spec, status))) /* why: the redirect that was not followed */
		o.kind = ISB_OUT_STATUS;
	else if (code != CURLE_OK)
		o.kind = failure(t, code, o.connect_us > 0 || reused(t));
	else if (!o.status)
		o.kind = ISB_OUT_BAD_REPLY;
	else
		judge_reply(t, &o);
	return o;
}

const char *isb_transfer_detail(const struct isb_transfer *t, CURLcode code)
{
	if (t->why[0])
		return t->why;
	if (t->error[0])
		return t->error;
	return code != CURLE_OK ? curl_easy_strerror(code) : NULL;
}
