/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_link.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"
#include "isobar/base/hash.h"

enum {
	READ_SIZE = 16 * 1024,
	WRITE_SIZE = 16 * 1024,
	UNSENT_MAX = 1024 * 1024, /* what may wait for a peer that does not read, key updates that it asks for included */
	CERTIFICATES_MAX = 32 * 1024, /* octets of what a peer shows */
	LINGER_MS = 1000
};

struct isb_tls {
	SSL_CTX *ctx;
};

struct isb_link {
	uv_tcp_t tcp;
	uv_timer_t linger;
	uv_connect_t connect;
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct isb_link_user user;
	struct isb_addr peer;
	SSL *ssl;
	BIO *in, *out; /* the ssl's */
	bool ready, received, writing, paused, over, closing, closed;
	unsigned handles; /* not closed yet */
	char flight[WRITE_SIZE]; /* being written */
	char read[READ_SIZE];
};

/* --- Certificates --- */

static const char *reason(void)
{
	unsigned long e = ERR_peek_error();
	const char *text = !e ? NULL : ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);
	return text ? text : "unknown";
}

static int load(SSL_CTX *ctx, const struct isb_tls_files *files, char *why)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, files->cert) != 1)
		snprintf(why, ISB_TLS_WHY, "cannot read the certificate '%s': %s", files->cert, reason());
	else if (SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) != 1)
		snprintf(why, ISB_TLS_WHY, "cannot use the key '%s' with that certificate: %s", files->key, reason());
	else if (SSL_CTX_load_verify_file(ctx, files->ca) != 1)
		snprintf(why, ISB_TLS_WHY, "cannot read the authorities in '%s': %s", files->ca, reason());
	else
		return ISB_OK;
	return ISB_EIO;
}

int isb_tls_new(const struct isb_tls_files *files, bool server, struct isb_tls **ret_tls, char why[ISB_TLS_WHY])
{
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1) {
		snprintf(why, ISB_TLS_WHY, "OpenSSL has no TLS 1.3: %s", reason());
		SSL_CTX_free(ctx);
		return ISB_EINVAL;
	}
	int rc = load(ctx, files, why);
	if (rc != ISB_OK) {
		SSL_CTX_free(ctx);
		return rc;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_max_cert_list(ctx, CERTIFICATES_MAX);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	*ret_tls = isb_xcalloc(1, sizeof(**ret_tls));
	(*ret_tls)->ctx = ctx;
	return ISB_OK;
}

uint64_t isb_tls_files_look(const struct isb_tls_files *files)
{
	const char *const paths[] = {files->cert, files->key, files->ca};
	uint64_t look = 0;
	for (size_t i = 0; i < 3; i++) {
		struct stat st;
		if (stat(paths[i], &st) != 0)
			return 0;
		const int64_t facts[] = {(int64_t)st.st_ino, (int64_t)st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
		look = isb_hash(facts, sizeof(facts), look);
	}
	return look;
}

static int days_of(const X509 *cert)
{
	int days = INT_MAX, seconds = 0;
	if (!cert || !ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)))
		return INT_MAX;
	return days == 0 && seconds < 0 ? -1 : days;
}

int isb_tls_days(const struct isb_tls *tls)
{
	return days_of(SSL_CTX_get0_certificate(tls->ctx));
}

int isb_link_peer_days(const struct isb_link *link)
{
	return link->ready ? days_of(SSL_get0_peer_certificate(link->ssl)) : INT_MAX;
}

void isb_tls_free(struct isb_tls *tls)
{
	if (tls)
		SSL_CTX_free(tls->ctx);
	free(tls);
}

/* Calls `each` for the names until it returns true. */
static bool each_name(const SSL *ssl, bool (*each)(void *arg, const char *name, size_t len), void *arg)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	bool any = false, found = false;
	GENERAL_NAMES *names = cert ? X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL) : NULL;
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS)
			continue;
		any = true;
		const ASN1_STRING *text = name->d.dNSName;
		found = each(arg, (const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
	}
	GENERAL_NAMES_free(names);
	if (!cert || any)
		return found;
	X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at < 0)
		return false;
	unsigned char *common = NULL;
	int len = ASN1_STRING_to_UTF8(&common, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	found = len > 0 && each(arg, (const char *)common, (size_t)len);
	OPENSSL_free(common);
	return found;
}

static bool is_same(void *arg, const char *name, size_t len)
{
	return strlen(arg) == len && memcmp(arg, name, len) == 0;
}

bool isb_link_peer_is(const struct isb_link *link, const char *name)
{
	char copy[256];
	snprintf(copy, sizeof(copy), "%s", name);
	return link->ready && strlen(name) < sizeof(copy) && each_name(link->ssl, is_same, copy);
}

static bool list_name(void *arg, const char *name, size_t len)
{
	struct isb_buf *out = arg;
	if (out->len)
		isb_buf_puts(out, ", ");
	for (size_t i = 0; i < len && i < 64; i++) { /* for a log line: nothing that could end it or its quotes */
		bool plain = name[i] > ' ' && name[i] <= '~' && name[i] != '"';
		isb_buf_putc(out, plain ? name[i] : '?');
	}
	return out->len > 128;
}

void isb_link_peer_names(const struct isb_link *link, struct isb_buf *out)
{
	if (link->ready)
		each_name(link->ssl, list_name, out);
}

/* --- Ends --- */

static void on_closed(uv_handle_t *handle)
{
	struct isb_link *link = handle->data;
	if (--link->handles)
		return;
	SSL_free(link->ssl);
	free(link);
}

static void close_handles(struct isb_link *link)
{
	if (link->closed)
		return;
	link->closed = true;
	uv_close((uv_handle_t *)&link->tcp, on_closed);
	uv_close((uv_handle_t *)&link->linger, on_closed);
}

static void end(struct isb_link *link, const char *why)
{
	if (link->closing) {
		close_handles(link);
		return;
	}
	if (link->over)
		return;
	link->over = true;
	link->user.ended(link->user.arg, why, !link->received);
}

static void end_failed(struct isb_link *link)
{
	char why[ISB_TLS_WHY];
	long verified = SSL_get_verify_result(link->ssl);
	if (verified != X509_V_OK)
		snprintf(why, sizeof(why), "its certificate: %s", X509_verify_cert_error_string(verified));
	else
		snprintf(why, sizeof(why), "TLS: %s", reason());
	end(link, why);
}

/* --- From memory to the socket --- */

static void flush(struct isb_link *link);

static void on_shut(uv_shutdown_t *request, int status)
{
	struct isb_link *link = request->data;
	if (status < 0)
		close_handles(link);
}

/* Everything has left: a last word before the connection closes. The other side's end of it, or the timer, closes. */
static void finish(struct isb_link *link)
{
	link->shutdown.data = link;
	if (uv_shutdown(&link->shutdown, (uv_stream_t *)&link->tcp, on_shut) != 0)
		close_handles(link);
}

static void on_written(uv_write_t *request, int status)
{
	struct isb_link *link = request->data;
	link->writing = false;
	if (link->closed)
		return;
	if (status < 0) {
		end(link, uv_strerror(status));
		return;
	}
	flush(link);
	if (link->writing || link->closed)
		return;
	if (link->closing)
		finish(link);
	else if (link->ready && !link->over)
		link->user.drained(link->user.arg);
}

static void flush(struct isb_link *link)
{
	if (link->writing || link->closed || !link->ssl)
		return;
	int n = BIO_read(link->out, link->flight, WRITE_SIZE);
	if (n <= 0)
		return;
	uv_buf_t piece = uv_buf_init(link->flight, (unsigned)n);
	link->write.data = link;
	link->writing = true;
	int rc = uv_write(&link->write, (uv_stream_t *)&link->tcp, &piece, 1, on_written);
	if (rc != 0) {
		link->writing = false;
		end(link, uv_strerror(rc));
	}
}

/* --- From the socket to memory --- */

/* False: no further in this round. */
static bool step(struct isb_link *link, int result)
{
	switch (SSL_get_error(link->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return false;
	case SSL_ERROR_ZERO_RETURN: end(link, "the other side closed the connection"); return false;
	default: end_failed(link); return false;
	}
}

static bool shake(struct isb_link *link)
{
	ERR_clear_error();
	int rc = SSL_do_handshake(link->ssl);
	if (rc != 1)
		return step(link, rc);
	link->ready = true;
	link->user.ready(link->user.arg);
	return true;
}

static void pump(struct isb_link *link)
{
	char plain[READ_SIZE];
	if (!link->ready && !shake(link)) {
		flush(link); /* an alert says why */
		return;
	}
	while (!link->closing && !link->over) {
		ERR_clear_error();
		int n = SSL_read(link->ssl, plain, sizeof(plain));
		if (n > 0)
			link->user.data(link->user.arg, plain, (size_t)n);
		else if (!step(link, n))
			break;
	}
	flush(link);
	if (BIO_pending(link->out) > UNSENT_MAX)
		end(link, "it asks and does not read");
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct isb_link *link = handle->data;
	(void)suggested;
	*ret = uv_buf_init(link->read, READ_SIZE);
}

static void on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf)
{
	struct isb_link *link = tcp->data;
	if (n == 0)
		return;
	link->received |= n > 0;
	if (n < 0)
		end(link, n == UV_EOF ? "the connection was cut" : uv_strerror((int)n));
	else if (link->closing || link->over)
		return; /* too late */
	else if (BIO_write(link->in, buf->base, (int)n) != n)
		end(link, "out of memory");
	else
		pump(link);
}

static void read_on(struct isb_link *link)
{
	int rc = uv_read_start((uv_stream_t *)&link->tcp, on_alloc, on_read);
	if (rc != 0)
		end(link, uv_strerror(rc));
}

/* --- Life --- */

static struct isb_link *new_link(uv_loop_t *loop)
{
	struct isb_link *link = isb_xcalloc(1, sizeof(*link));
	uv_tcp_init(loop, &link->tcp);
	uv_timer_init(loop, &link->linger);
	link->tcp.data = link->linger.data = link;
	link->handles = 2;
	return link;
}

static int begin_tls(struct isb_link *link, const struct isb_tls *tls, const struct isb_link_user *user)
{
	link->user = *user;
	link->ssl = SSL_new(tls->ctx);
	link->in = BIO_new(BIO_s_mem());
	link->out = BIO_new(BIO_s_mem());
	if (!link->ssl || !link->in || !link->out) {
		BIO_free(link->in);
		BIO_free(link->out);
		return ISB_ENOMEM;
	}
	BIO_set_mem_eof_return(link->in, -1); /* empty means later, not the end */
	SSL_set_bio(link->ssl, link->in, link->out);
	return ISB_OK;
}

struct isb_link *isb_link_accept(uv_stream_t *listener)
{
	struct isb_link *link = new_link(listener->loop);
	struct sockaddr_storage from;
	int len = sizeof(from);
	if (uv_accept(listener, (uv_stream_t *)&link->tcp) != 0 ||
	    uv_tcp_getpeername(&link->tcp, (struct sockaddr *)&from, &len) != 0) {
		isb_link_close(link);
		return NULL;
	}
	link->peer = isb_addr_from_sockaddr((const struct sockaddr *)&from);
	return link;
}

int isb_link_serve(struct isb_link *link, const struct isb_tls *tls, const struct isb_link_user *user)
{
	int rc = begin_tls(link, tls, user);
	if (rc != ISB_OK)
		return rc;
	SSL_set_accept_state(link->ssl);
	uv_tcp_nodelay(&link->tcp, 1);
	read_on(link);
	return ISB_OK;
}

static void on_connected(uv_connect_t *request, int status)
{
	struct isb_link *link = request->data;
	if (link->closed)
		return;
	if (status < 0) {
		end(link, uv_strerror(status));
		return;
	}
	uv_tcp_nodelay(&link->tcp, 1);
	read_on(link);
	if (!link->over)
		pump(link); /* says hello */
}

static bool expect_host(SSL *ssl, const char *host)
{
	struct isb_addr addr;
	if (isb_addr_parse(host, &addr) == ISB_OK)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct isb_link *isb_link_connect(uv_loop_t *loop, const struct isb_tls *tls, const struct sockaddr *to,
                                      const char *host, const struct isb_link_user *user)
{
	struct isb_link *link = new_link(loop);
	link->peer = isb_addr_from_sockaddr(to);
	link->connect.data = link;
	if (begin_tls(link, tls, user) != ISB_OK || !expect_host(link->ssl, host) ||
	    uv_tcp_connect(&link->connect, &link->tcp, to, on_connected) != 0) {
		isb_link_close(link);
		return NULL;
	}
	SSL_set_connect_state(link->ssl);
	return link;
}

void isb_link_send(struct isb_link *link, const void *data, size_t len)
{
	if (link->over || link->closing || !len)
		return;
	ERR_clear_error();
	int n = SSL_write(link->ssl, data, (int)len); /* memory takes all of it */
	if (n <= 0)
		end_failed(link);
	else
		flush(link);
}

bool isb_link_idle(const struct isb_link *link)
{
	return link->ready && !link->writing && BIO_pending(link->out) == 0;
}

void isb_link_pause(struct isb_link *link, bool pause)
{
	if (link->paused == pause || link->over || link->closing)
		return;
	link->paused = pause;
	if (pause)
		uv_read_stop((uv_stream_t *)&link->tcp);
	else
		read_on(link);
}

static void on_linger(uv_timer_t *timer)
{
	close_handles(timer->data);
}

void isb_link_close(struct isb_link *link)
{
	if (link->closing)
		return;
	link->closing = true;
	if (!link->ssl || (link->over && !link->writing && !BIO_pending(link->out))) {
		close_handles(link);
		return;
	}
	if (link->ready && !link->over)
		SSL_shutdown(link->ssl);
	uv_timer_start(&link->linger, on_linger, LINGER_MS, 0);
	flush(link);
	if (!link->writing && !link->closed)
		finish(link);
	if (link->paused && !link->closed)
		uv_read_start((uv_stream_t *)&link->tcp, on_alloc, on_read); /* sees the other side's end */
}

void isb_link_cut(struct isb_link *link)
{
	link->closing = true;
	close_handles(link);
}

const struct isb_addr *isb_link_peer(const struct isb_link *link)
{
	return &link->peer;
}
