/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve.h"

#include <ares.h>
#include <ares_dns.h>
#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"

enum {
	TIMEOUT_MS = 2000, TRIES = 3, /* per server; c-ares doubles the time with each round */
	STEP_MS = 250,                /* how often c-ares looks at its timeouts while something is under way */
	EDNS_PAYLOAD = 1232,
	TAKEN_MAX = 64 /* addresses looked at in one answer */
};

struct poll { /* a socket of c-ares on the loop */
	uv_poll_t handle;
	ares_socket_t fd;
	struct isb_resolver *resolver;
	struct poll *next;
};

struct isb_resolver {
	uv_loop_t *loop;
	ares_channel channel;
	uv_timer_t timer;
	struct poll *polls;
	void (*done)(void *arg, void *item, const struct isb_resolve_result *result);
	void *arg;
	unsigned under_way;
	bool closed;
};

struct ask {
	struct isb_resolver *resolver;
	void *item;
	unsigned left; /* families still to come, and one while they are being asked */
	struct isb_resolve_result result;
};

/* --- What is taken ------------------------------------------------------------------------------------------------- */

static bool is_service(const struct isb_addr *addr)
{
	static const struct isb_net nowhere[] = {
		{{4, {0}}, 8}, {{4, {127}}, 8}, {{4, {169, 254}}, 16}, {{4, {224}}, 3}, {{6, {0}}, 8}, {{6, {0xfe, 0x80}}, 10},
		{{6, {0xff}}, 8}}; /* ::/8 holds the unspecified, loopback and IPv4-mapped addresses (RFC 4291 §2.4) */
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++)
		if (isb_net_has(&nowhere[i], addr))
			return false;
	return true;
}

void isb_resolve_sift(const struct isb_addr *addresses, size_t count, struct isb_resolve_family *out)
{
	out->count = 0;
	for (size_t i = 0; i < count; i++) {
		size_t at = out->count;
		bool twice = false;
		for (; at > 0; at--) {
			int order = memcmp(&addresses[i], &out->addresses[at - 1], sizeof(addresses[i]));
			twice |= order == 0;
			if (order >= 0)
				break;
		}
		if (twice || !is_service(&addresses[i]) || at == ISB_RESOLVED_FAMILY_MAX)
			continue;
		if (out->count < ISB_RESOLVED_FAMILY_MAX) /* of too many the smallest stay: the same ones every time */
			out->count++;
		memmove(&out->addresses[at + 1], &out->addresses[at], (out->count - 1 - at) * sizeof(*out->addresses));
		out->addresses[at] = addresses[i];
	}
	out->end = out->count ? ISB_RESOLVE_OK : ISB_RESOLVE_NONE;
	out->trouble = out->count ? "" : count ? "no address that could be a service" : "no address";
}

static int read_a(const unsigned char *answer, int len, struct isb_addr *out, uint32_t *ret_ttl_s)
{
	struct ares_addrttl found[TAKEN_MAX];
	int count = TAKEN_MAX, rc = ares_parse_a_reply(answer, len, NULL, found, &count);
	for (int i = 0; rc == ARES_SUCCESS && i < count; i++) {
		out[i] = (struct isb_addr){.family = 4};
		memcpy(out[i].octets, &found[i].ipaddr, 4);
		if (found[i].ttl >= 0 && (uint32_t)found[i].ttl < *ret_ttl_s)
			*ret_ttl_s = (uint32_t)found[i].ttl;
	}
	return rc == ARES_SUCCESS ? count : -rc;
}

static int read_aaaa(const unsigned char *answer, int len, struct isb_addr *out, uint32_t *ret_ttl_s)
{
	struct ares_addr6ttl found[TAKEN_MAX];
	int count = TAKEN_MAX, rc = ares_parse_aaaa_reply(answer, len, NULL, found, &count);
	for (int i = 0; rc == ARES_SUCCESS && i < count; i++) {
		out[i] = (struct isb_addr){.family = 6};
		memcpy(out[i].octets, &found[i].ip6addr, 16);
		if (found[i].ttl >= 0 && (uint32_t)found[i].ttl < *ret_ttl_s)
			*ret_ttl_s = (uint32_t)found[i].ttl;
	}
	return rc == ARES_SUCCESS ? count : -rc;
}

static void conclude(struct isb_resolve_family *family, int status)
{
	family->end = ISB_RESOLVE_FAILED;
	switch (status) {
	case ARES_ENODATA:
		family->end = ISB_RESOLVE_NONE;
		family->trouble = "no address";
		break;
	case ARES_ENOTFOUND:
		family->end = ISB_RESOLVE_NONE;
		family->trouble = "no such name";
		break;
	case ARES_ETIMEOUT: family->trouble = "timeout"; break;
	case ARES_ECONNREFUSED: family->trouble = "no resolver answers"; break;
	case ARES_ESERVFAIL: family->trouble = "the resolver says SERVFAIL"; break;
	case ARES_EREFUSED: family->trouble = "the resolver says REFUSED"; break;
	default: family->trouble = ares_strerror(status);
	}
}

/* --- One question -------------------------------------------------------------------------------------------------- */

static void came(struct ask *ask)
{
	struct isb_resolver *resolver = ask->resolver;
	if (--ask->left > 0)
		return;
	if (--resolver->under_way == 0 && !resolver->closed)
		uv_timer_stop(&resolver->timer);
	if (!resolver->closed)
		resolver->done(resolver->arg, ask->item, &ask->result);
	free(ask);
}

static void on_family(struct ask *ask, unsigned which, int status, const unsigned char *answer, int len)
{
	struct isb_resolve_family *family = &ask->result.family[which];
	struct isb_addr found[TAKEN_MAX];
	family->ttl_s = INT32_MAX;
	int count = -status;
	if (status == ARES_SUCCESS)
		count = which ? read_aaaa(answer, len, found, &family->ttl_s) : read_a(answer, len, found, &family->ttl_s);
	if (count >= 0 && status == ARES_SUCCESS)
		isb_resolve_sift(found, (size_t)count, family);
	else
		conclude(family, -count);
	came(ask);
}

static void on_a(void *arg, int status, int timeouts, unsigned char *answer, int len)
{
	(void)timeouts;
	on_family(arg, 0, status, answer, len);
}

static void on_aaaa(void *arg, int status, int timeouts, unsigned char *answer, int len)
{
	(void)timeouts;
	on_family(arg, 1, status, answer, len);
}

static void on_timer(uv_timer_t *timer)
{
	struct isb_resolver *resolver = timer->data;
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void isb_resolver_ask(struct isb_resolver *resolver, const char *host, void *item)
{
	struct ask *ask = isb_xcalloc(1, sizeof(*ask));
	*ask = (struct ask){.resolver = resolver, .item = item, .left = 3};
	if (resolver->under_way++ == 0)
		uv_timer_start(&resolver->timer, on_timer, STEP_MS, STEP_MS);
	ares_query(resolver->channel, host, ns_c_in, ns_t_a, on_a, ask);
	ares_query(resolver->channel, host, ns_c_in, ns_t_aaaa, on_aaaa, ask);
	came(ask);
}

/* --- Sockets of c-ares on the loop --------------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct poll *poll = handle->data;
	bool in = status < 0 || events & UV_READABLE, out = status < 0 || events & UV_WRITABLE;
	ares_process_fd(poll->resolver->channel, in ? poll->fd : ARES_SOCKET_BAD, out ? poll->fd : ARES_SOCKET_BAD);
}

static void free_poll(uv_handle_t *handle)
{
	free(handle->data);
}

static void drop(struct poll **at)
{
	struct poll *poll = *at;
	*at = poll->next;
	uv_poll_stop(&poll->handle);
	uv_close((uv_handle_t *)&poll->handle, free_poll);
}

static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct isb_resolver *resolver = arg;
	struct poll **at = &resolver->polls;
	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	if (!readable && !writable) {
		if (*at)
			drop(at);
		return;
	}
	if (!*at) {
		struct poll *poll = isb_xcalloc(1, sizeof(*poll));
		*poll = (struct poll){.fd = fd, .resolver = resolver};
		if (uv_poll_init_socket(resolver->loop, &poll->handle, fd) != 0) {
			free(poll); /* its answer never comes: a timeout */
			return;
		}
		poll->handle.data = poll;
		*at = poll;
	}
	uv_poll_start(&(*at)->handle, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
}

/* --- Life ---------------------------------------------------------------------------------------------------------- */

static int open_channel(struct isb_resolver *resolver, const char *servers)
{
	struct ares_options options = {
		.flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES, .timeout = TIMEOUT_MS, .tries = TRIES,
		.ednspsz = EDNS_PAYLOAD, .sock_state_cb = on_socket, .sock_state_cb_data = resolver};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return ISB_ENOMEM;
	int rc = ares_init_options(&resolver->channel, &options, mask);
	if (rc == ARES_SUCCESS && servers) {
		rc = ares_set_servers_ports_csv(resolver->channel, servers);
		if (rc != ARES_SUCCESS)
			ares_destroy(resolver->channel);
	}
	if (rc != ARES_SUCCESS)
		ares_library_cleanup();
	return rc == ARES_SUCCESS ? ISB_OK : rc == ARES_ENOMEM ? ISB_ENOMEM : ISB_EINVAL;
}

int isb_resolver_new(uv_loop_t *loop, const char *servers,
                     void (*done)(void *arg, void *item, const struct isb_resolve_result *result), void *arg,
                     struct isb_resolver **ret_resolver)
{
	struct isb_resolver *resolver = isb_xcalloc(1, sizeof(*resolver));
	*resolver = (struct isb_resolver){.loop = loop, .done = done, .arg = arg};
	int rc = open_channel(resolver, servers);
	if (rc != ISB_OK) {
		free(resolver);
		return rc;
	}
	uv_timer_init(loop, &resolver->timer);
	resolver->timer.data = resolver;
	*ret_resolver = resolver;
	return ISB_OK;
}

void isb_resolver_close(struct isb_resolver *resolver)
{
	resolver->closed = true;
	ares_destroy(resolver->channel); /* ends every question, and with it every socket */
	uv_close((uv_handle_t *)&resolver->timer, NULL);
}

void isb_resolver_free(struct isb_resolver *resolver)
{
	free(resolver);
	ares_library_cleanup();
}
