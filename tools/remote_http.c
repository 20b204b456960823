/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/addr.h"
#include "isobar/base/err.h"
#include "remote.h"

/* One request to an isobar-control; the door of the command line to libcurl. */

enum { ANSWER_MAX = 200 << 20, TOKEN_MAX = 4096, CONNECT_S = 10, ANSWER_S = 660 };

static const char unix_scheme[] = "unix:";

struct exchange {
	CURL *curl;
	struct curl_slist *fields;
	struct isb_buf body, url;
	char why[CURL_ERROR_SIZE];
};

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct isb_buf *body = arg;
	if (body->len + size * count > ANSWER_MAX)
		return 0; /* the library ends it with an error */
	isb_buf_add(body, data, size * count);
	return size * count;
}

/* The first line of --token-file, else $ISOBAR_TOKEN; "" where there is none. */
static int read_token(const struct cli *cli, char token[TOKEN_MAX])
{
	const char *env = getenv("ISOBAR_TOKEN");
	if (!cli->token_file) {
		snprintf(token, TOKEN_MAX, "%s", env ? env : "");
		return CLI_OK;
	}
	FILE *file = fopen(cli->token_file, "re");
	if (!file)
		return cli_fail(CLI_FAILED, "cannot open --token-file '%s': %s", cli->token_file, strerror(errno));
	if (!fgets(token, TOKEN_MAX, file))
		token[0] = '\0';
	fclose(file);
	token[strcspn(token, "\r\n")] = '\0';
	return CLI_OK;
}

static bool is_loopback(const char *host)
{
	struct isb_addr addr;
	char bare[ISB_ADDR_TEXT];
	size_t len = strlen(host);
	if (strcmp(host, "localhost") == 0)
		return true;
	bool bracketed = len > 2 && len < sizeof(bare) && host[0] == '[';
	snprintf(bare, sizeof(bare), "%.*s", (int)(bracketed ? len - 2 : len), host + bracketed);
	return isb_addr_parse(bare, &addr) == ISB_OK &&
	       (addr.family == 4 ? addr.octets[0] == 127 : isb_addr_special_bits(&addr) == 128 && addr.octets[15] == 1);
}

/* A token in the clear is everybody's who listens. */
static int check_url(const char *server)
{
	char *scheme = NULL, *host = NULL;
	CURLU *url = curl_url();
	bool good = url && curl_url_set(url, CURLUPART_URL, server, 0) == CURLUE_OK &&
	            curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	            curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK;
	bool https = good && strcmp(scheme, "https") == 0, http = good && strcmp(scheme, "http") == 0;
	int rc = CLI_OK;
	if (!https && !http)
		rc = cli_fail(CLI_USAGE,
		              "--server '%s' is no server; write https://HOST:8053 or unix:/run/isobar/control.sock",
		              server);
	else if (http && !is_loopback(host))
		rc = cli_fail(CLI_USAGE, "--server '%s' would send the token for all to read; write https://", server);
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(url);
	return rc;
}

static int set_where(const struct cli *cli, struct exchange *x)
{
	size_t prefix = sizeof(unix_scheme) - 1, len = strlen(cli->server);
	if (strncmp(cli->server, unix_scheme, prefix) == 0) {
		curl_easy_setopt(x->curl, CURLOPT_UNIX_SOCKET_PATH, cli->server + prefix);
		isb_buf_puts(&x->url, "http://localhost/v1/run");
		return CLI_OK;
	}
	int rc = check_url(cli->server);
	isb_buf_printf(&x->url, "%.*s/v1/run", (int)(len && cli->server[len - 1] == '/' ? len - 1 : len), cli->server);
	return rc;
}

static int set_up(const struct cli *cli, struct exchange *x)
{
	char token[TOKEN_MAX];
	int rc = read_token(cli, token);
	if (rc == CLI_OK)
		rc = set_where(cli, x);
	if (rc != CLI_OK)
		return rc;
	if (*token) {
		char *field = isb_xmalloc(TOKEN_MAX + 32);
		snprintf(field, TOKEN_MAX + 32, "Authorization: Bearer %s", token);
		x->fields = curl_slist_append(x->fields, field);
		explicit_bzero(field, strlen(field));
		free(field);
	}
	explicit_bzero(token, sizeof(token));
	x->fields = curl_slist_append(x->fields, "Content-Type: application/json");
	curl_easy_setopt(x->curl, CURLOPT_URL, isb_buf_text(&x->url));
	curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->fields);
	curl_easy_setopt(x->curl, CURLOPT_ERRORBUFFER, x->why);
	curl_easy_setopt(x->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(x->curl, CURLOPT_WRITEDATA, &x->body);
	curl_easy_setopt(x->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(x->curl, CURLOPT_TIMEOUT, (long)ANSWER_S);
	curl_easy_setopt(x->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(x->curl, CURLOPT_PROXY, ""); /* what is in the environment is for the web */
	curl_easy_setopt(x->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (cli->ca)
		curl_easy_setopt(x->curl, CURLOPT_CAINFO, cli->ca);
	return CLI_OK;
}

static int not_reached(const struct cli *cli, const struct exchange *x, CURLcode code)
{
	const char *why = *x->why ? x->why : curl_easy_strerror(code);
	long error = 0;
	if (strncmp(cli->server, unix_scheme, sizeof(unix_scheme) - 1) == 0 &&
	    curl_easy_getinfo(x->curl, CURLINFO_OS_ERRNO, &error) == CURLE_OK && error)
		why = strerror((int)error); /* the library speaks of a port there */
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return cli_fail(CLI_FAILED, "the certificate of %s is not trusted: %s; name its authority: --ca FILE",
		                cli->server, why);
	case CURLE_OPERATION_TIMEDOUT: return cli_fail(CLI_STORE, "%s does not answer: %s", cli->server, why);
	default:
		return cli_fail(CLI_STORE, "cannot reach %s: %s; does isobar-control run there, and listen there?",
		                cli->server, why);
	}
}

/* The sentence of a problem, else a piece of what was said. */
static int refused(const struct cli *cli, long status, const struct isb_buf *body)
{
	json_t *problem = json_loadb(isb_buf_text(body), body->len, 0, NULL);
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	int rc = status == 503 ? CLI_STORE : CLI_FAILED;
	if (status == 401)
		cli_fail(rc, "%s does not know who asks: %s; give the token: --token-file FILE or $ISOBAR_TOKEN", cli->server,
		         detail ? detail : "");
	else if (status == 413)
		cli_fail(rc, "%s takes no request of this size: %s; run this where the store is", cli->server,
		         detail ? detail : "");
	else if (detail)
		cli_fail(rc, "%s", detail);
	else
		cli_fail(rc, "%s answers with status %ld and is hardly an isobar-control", cli->server, status);
	json_decref(problem);
	return rc;
}

static int exchange(const struct cli *cli, const char *request, struct exchange *x, json_t **ret_answer)
{
	long status = 0;
	int rc = set_up(cli, x);
	if (rc != CLI_OK)
		return rc;
	curl_easy_setopt(x->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request));
	curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, request);
	CURLcode code = curl_easy_perform(x->curl);
	if (code != CURLE_OK)
		return not_reached(cli, x, code);
	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return refused(cli, status, &x->body);
	json_t *answer = json_loadb(isb_buf_text(&x->body), x->body.len, 0, NULL);
	if (!json_is_object(answer)) {
		json_decref(answer);
		return refused(cli, status, &x->body);
	}
	*ret_answer = answer;
	return CLI_OK;
}

int cli_remote_ask(const struct cli *cli, const json_t *request, json_t **ret_answer)
{
	struct exchange x = {.curl = curl_easy_init()};
	char *text = json_dumps(request, JSON_COMPACT);
	int rc = x.curl && text ? exchange(cli, text, &x, ret_answer)
	                        : cli_fail(CLI_FAILED, "cannot send this: a word of it is no UTF-8");
	curl_slist_free_all(x.fields);
	curl_easy_cleanup(x.curl);
	isb_buf_done(&x.body);
	isb_buf_done(&x.url);
	free(text);
	return rc;
}
