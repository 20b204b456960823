/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "check_stream.h"
#include "check_talk.h"
#include "check_tls_setup.h"
#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"

/* A TLS handshake over a stream, between two memory BIOs: OpenSSL never sees the socket. Ok when the handshake is done,
 * the certificate is what the check wants and, where the check talks, what came back is as expected. */

enum {
	SEEN_MAX = 256 * 1024, /* octets from the wire: the reply, a chain of certificates, and what wraps them */
	RECORD_MAX = 16 * 1024
};

struct tls {
	struct isb_stream *stream; /* NULL: could not even begin */
	SSL *ssl;
	BIO *in, *out; /* the SSL's */
	struct isb_talk talk;
	size_t seen;
	uint32_t connect_us, tls_us;
	bool stands;
};

static struct isb_outcome outcome_of(const struct isb_check_run *run, enum isb_outcome_kind kind)
{
	const struct tls *tls = run->state;
	return (struct isb_outcome){.kind = kind,
	                            .connect_us = tls->connect_us,
	                            .tls_us = tls->tls_us,
	                            .first_byte_us = tls->talk.first_us,
	                            .total_us = isb_check_elapsed_us(run)};
}

static void flush(struct tls *tls, void (*send)(struct isb_stream *stream, const void *data, size_t len))
{
	char *data;
	long len = BIO_get_mem_data(tls->out, &data);
	if (len > 0)
		send(tls->stream, data, (size_t)len);
	(void)BIO_reset(tls->out);
}

static void finish(struct isb_check_run *run, const struct isb_outcome *o)
{
	struct tls *tls = run->state;
	if (tls->stands && SSL_shutdown(tls->ssl) >= 0)
		flush(tls, isb_stream_try);
	ERR_clear_error();
	isb_check_finish(run, o, NULL);
}

static void finish_as(struct isb_check_run *run, enum isb_outcome_kind kind)
{
	struct isb_outcome o = outcome_of(run, kind);
	finish(run, &o);
}

/* --- The certificate --- */

/* Days until the first of the certificates that the server's trust hangs on ends; without verification, its own. Of
 * time that is over: negative. */
static int days_left(const SSL *ssl, bool verified)
{
	STACK_OF(X509) *chain = verified ? SSL_get0_verified_chain(ssl) : NULL;
	const X509 *own = SSL_get0_peer_certificate(ssl);
	int least = INT32_MAX;
	for (int i = 0; i < (chain ? sk_X509_num(chain) : own != NULL); i++) {
		const X509 *cert = chain ? sk_X509_value(chain, i) : own;
		int days = 0, seconds = 0;
		if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)))
			return -1;
		if (days == 0 && seconds < 0)
			days = -1;
		least = days < least ? days : least;
	}
	return least;
}

static enum isb_outcome_kind judge_certificate(struct isb_check_run *run, struct isb_outcome *o)
{
	const struct tls *tls = run->state;
	int days = days_left(tls->ssl, run->spec->verify);
	if (!run->spec->days || days >= (int)run->spec->days)
		return ISB_OUT_OK;
	o->status = (uint16_t)(days < 0 ? 0 : days);
	if (days < 0)
		isb_check_say(run, "the certificate is over");
	else
		isb_check_say(run, "the certificate ends in %d day%s", days, days == 1 ? "" : "s");
	return ISB_OUT_CERT_EXPIRES;
}

static bool protocol_taken(struct isb_check_run *run)
{
	const struct tls *tls = run->state;
	const unsigned char *taken;
	unsigned len = 0;
	SSL_get0_alpn_selected(tls->ssl, &taken, &len);
	if (!run->spec->nalpn || len)
		return true;
	isb_check_say(run, "the server takes none of the protocols in alpn");
	return false;
}

/* --- The handshake and what follows --- */

static void handshake_failed(struct isb_check_run *run)
{
	const struct tls *tls = run->state;
	long verdict = SSL_get_verify_result(tls->ssl);
	if (run->spec->verify && verdict != X509_V_OK) {
		isb_check_say(run, "%s", X509_verify_cert_error_string(verdict));
		finish_as(run, ISB_OUT_TLS_VERIFY);
		return;
	}
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	isb_check_say(run, "%s", reason ? reason : "the handshake failed");
	finish_as(run, ISB_OUT_TLS_HANDSHAKE);
}

/* False when the run is over. */
static bool shake_hands(struct isb_check_run *run)
{
	struct tls *tls = run->state;
	const struct isb_spec *spec = run->spec;
	int rc = SSL_do_handshake(tls->ssl), why = SSL_get_error(tls->ssl, rc);
	flush(tls, isb_stream_send);
	if (rc != 1) {
		if (why == SSL_ERROR_WANT_READ)
			return true;
		handshake_failed(run);
		return false;
	}
	tls->stands = true;
	tls->tls_us = isb_check_elapsed_us(run) - tls->connect_us;
	tls->tls_us += !tls->tls_us;
	struct isb_outcome o = outcome_of(run, ISB_OUT_OK);
	if (!protocol_taken(run))
		o.kind = ISB_OUT_TLS_HANDSHAKE;
	else
		o.kind = judge_certificate(run, &o);
	if (o.kind != ISB_OUT_OK || !isb_spec_talks(spec)) {
		finish(run, &o);
		return false;
	}
	if (spec->nsend) {
		SSL_write(tls->ssl, spec->send, (int)spec->nsend); /* into memory: takes everything */
		flush(tls, isb_stream_send);
	}
	return true;
}

static void listen_to(struct isb_check_run *run)
{
	struct tls *tls = run->state;
	uint8_t record[RECORD_MAX];
	int len;
	while ((len = SSL_read(tls->ssl, record, sizeof(record))) > 0) {
		enum isb_outcome_kind kind = isb_talk_feed(&tls->talk, run, record, (size_t)len);
		if (kind != ISB_OUT_NONE) {
			finish_as(run, kind);
			return;
		}
	}
	int why = SSL_get_error(tls->ssl, len);
	flush(tls, isb_stream_send); /* answers to what TLS itself asked */
	if (why == SSL_ERROR_WANT_READ)
		return;
	if (why == SSL_ERROR_ZERO_RETURN) {
		finish_as(run, isb_talk_end(&tls->talk, run));
		return;
	}
	const char *reason =
		ERR_reason_error_string(ERR_peek_error()); /* such as a client certificate that is refused */
	isb_check_say(run, "%s", reason ? reason : "TLS broke off");
	finish_as(run, ISB_OUT_TLS_HANDSHAKE);
}

static void go_on(struct isb_check_run *run)
{
	struct tls *tls = run->state;
	ERR_clear_error();
	if (!tls->stands && !shake_hands(run))
		return;
	if (tls->stands)
		listen_to(run);
}

static void connected(struct isb_check_run *run)
{
	struct tls *tls = run->state;
	tls->connect_us = isb_check_elapsed_us(run);
	go_on(run);
}

static void on_data(struct isb_check_run *run, const uint8_t *data, size_t len)
{
	struct tls *tls = run->state;
	tls->seen += len;
	if (tls->seen > SEEN_MAX) {
		isb_check_say(run, "too much came before the reply was whole");
		finish_as(run, ISB_OUT_BAD_REPLY);
		return;
	}
	BIO_write(tls->in, data, (int)len);
	go_on(run);
}

static void on_end(struct isb_check_run *run, int error)
{
	struct tls *tls = run->state;
	enum isb_outcome_kind kind = ISB_OUT_TLS_HANDSHAKE;
	if (!tls->connect_us && error != ECONNRESET) /* else it was made, and reset before we looked */
		kind = isb_connect_failure(error);
	else if (tls->stands)
		kind = isb_talk_end(&tls->talk, run);
	if (error)
		isb_check_say(run, "%s", uv_strerror(-error));
	else if (!tls->stands)
		isb_check_say(run, "the connection was closed during the handshake");
	finish_as(run, kind);
}

static const struct isb_stream_user user = {connected, on_data, on_end};

/* --- The method --- */

/* The name on the certificate, which is the one that is asked for (RFC 6066 §3: a name, no address, no final dot). */
static bool name_server(SSL *ssl, const char *host)
{
	char name[256];
	struct isb_addr addr;
	size_t len = strlen(host);
	if (isb_addr_parse(host, &addr) == ISB_OK)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	if (len >= sizeof(name))
		return false;
	memcpy(name, host, len + 1);
	if (name[len - 1] == '.')
		name[len - 1] = '\0';
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

/* NULL: fine; else the probe's own trouble. */
static const char *prepare(struct isb_check_run *run, char trouble[ISB_TLS_TROUBLE])
{
	struct tls *tls = run->state;
	SSL_CTX *ctx;
	if (isb_tls_setup(run->checker->setups, run->spec, isb_monotonic_us(), &ctx, trouble) != ISB_OK)
		return trouble;
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	tls->ssl = SSL_new(ctx);
	if (!in || !out || !tls->ssl) {
		BIO_free(in);
		BIO_free(out);
		return "out of memory";
	}
	SSL_set_bio(tls->ssl, tls->in = in, tls->out = out);
	SSL_set_connect_state(tls->ssl);
	if (!name_server(tls->ssl, run->spec->host))
		return "the check's host cannot be a name in TLS";
	if (run->spec->nalpn && SSL_set_alpn_protos(tls->ssl, run->spec->alpn, (unsigned)run->spec->nalpn) != 0)
		return "the check's alpn cannot be offered";
	return NULL;
}

static void start(struct isb_check_run *run, const struct isb_addr *addr)
{
	struct tls *tls = run->state = isb_xcalloc(1, sizeof(*tls));
	char text[ISB_TLS_TROUBLE];
	const char *trouble = prepare(run, text);
	if (trouble) {
		struct isb_outcome o = outcome_of(run, ISB_OUT_INTERNAL);
		isb_check_say(run, "%s", trouble);
		isb_check_finish_soon(run, &o);
		return;
	}
	int error = isb_stream_open(run, addr, &user, &tls->stream);
	if (error)
		isb_check_fail_soon(run, error);
}

static void stop(struct isb_check_run *run)
{
	struct tls *tls = run->state;
	run->state = NULL;
	isb_stream_close(tls->stream);
	SSL_free(tls->ssl);
	isb_talk_done(&tls->talk);
	free(tls);
}

static struct isb_outcome expire(struct isb_check_run *run)
{
	const struct tls *tls = run->state;
	isb_talk_say(&tls->talk, run);
	return outcome_of(run, tls->connect_us ? ISB_OUT_TIMEOUT : ISB_OUT_CONNECT_TIMEOUT);
}

const struct isb_check_method isb_check_tls = {start, stop, expire};
