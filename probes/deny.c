/* SPDX-License-Identifier: Apache-2.0 */
#include "deny.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/arena.h"
#include "isobar/base/err.h"

void isb_deny_done(struct isb_deny *deny)
{
	free(deny->nets);
	*deny = (struct isb_deny){0};
}

void isb_deny_reset(struct isb_deny *deny)
{
	deny->count = 0;
	memset(deny->has_len, 0, sizeof(deny->has_len));
}

void isb_deny_add(struct isb_deny *deny, const struct isb_net *net)
{
	if (deny->count == deny->cap) {
		deny->cap = deny->cap ? 2 * deny->cap : 16;
		deny->nets = isb_xrealloc(deny->nets, deny->cap * sizeof(*deny->nets));
	}
	deny->nets[deny->count++] = *net;
	deny->has_len[net->addr.family == 6][net->len] = true;
}

static int by_octets(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct isb_net)); /* 18 octets without a gap */
}

void isb_deny_seal(struct isb_deny *deny)
{
	if (deny->count)
		qsort(deny->nets, deny->count, sizeof(*deny->nets), by_octets);
}

bool isb_deny_covers(const struct isb_deny *deny, const struct isb_addr *addr)
{
	if (!deny->count)
		return false;
	for (unsigned len = 0; len <= isb_addr_bits(addr); len++) {
		struct isb_net net = isb_net_around(addr, len);
		if (deny->has_len[addr->family == 6][len] &&
		    bsearch(&net, deny->nets, deny->count, sizeof(net), by_octets))
			return true;
	}
	return false;
}

/* --- What is nobody's ---------------------------------------------------------------------------------------------- */

static bool is_in(const char *const *nets, size_t count, const struct isb_addr *addr)
{
	for (size_t i = 0; i < count; i++) {
		struct isb_net net;
		if (isb_net_parse(nets[i], &net) == ISB_OK && isb_net_has(&net, addr))
			return true;
	}
	return false;
}

bool isb_deny_always(const struct isb_addr *addr)
{
	/* The registries of special-purpose addresses (RFC 6890); of IPv6 only 2000::/3 is given to anybody. */
	static const char *const reserved[] = {
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	};
	static const char *const given[] = {"0.0.0.0/0", "2000::/3"};
	if (!is_in(given, sizeof(given) / sizeof(given[0]), addr))
		return true;
	if (addr->family == 4 && (addr->octets[3] == 0 || addr->octets[3] == 255))
		return true;
	return is_in(reserved, sizeof(reserved) / sizeof(reserved[0]), addr);
}

/* --- Reading ------------------------------------------------------------------------------------------------------- */

static int read_net(struct isb_deny *deny, const char *text, struct isb_mark at, struct isb_diags *diags)
{
	struct isb_net net;
	int rc = isb_net_parse(text, &net);
	if (rc == ISB_OK) {
		isb_deny_add(deny, &net);
		return ISB_OK;
	}
	if (rc == ISB_ERANGE)
		isb_diag(diags, at, "'%s' has bits set beyond its prefix; write the network, as in 192.0.2.0/24", text);
	else
		isb_diag(diags, at, "'%s' is not a network; write 192.0.2.0/24 or 2001:db8::/32", text);
	return ISB_EINVAL;
}

static int read_list(struct isb_deny *deny, const char *text, struct isb_diags *diags)
{
	char *copy = isb_xstrdup(text);
	int rc = ISB_OK;
	for (char *rest = copy, *word; (word = strsep(&rest, ","));)
		if (read_net(deny, word, (struct isb_mark){0}, diags) != ISB_OK)
			rc = ISB_EINVAL;
	free(copy);
	return rc;
}

static int read_lines(struct isb_deny *deny, const char *path, FILE *file, struct isb_diags *diags)
{
	char *line = NULL;
	size_t cap = 0;
	struct isb_mark at = {.file = path};
	int rc = ISB_OK;
	while (getline(&line, &cap, file) >= 0) {
		at.line++;
		line[strcspn(line, "#\r\n")] = '\0';
		char *word = line + strspn(line, " \t"), *end = word + strlen(word);
		while (end > word && (end[-1] == ' ' || end[-1] == '\t'))
			*--end = '\0';
		if (*word && read_net(deny, word, at, diags) != ISB_OK)
			rc = ISB_EINVAL;
	}
	free(line);
	return rc;
}

static int refuse_file(const char *path, struct isb_diags *diags)
{
	isb_diag(diags, (struct isb_mark){0}, "cannot read '%s': %s", path, strerror(errno));
	return ISB_EIO;
}

int isb_deny_read(struct isb_deny *deny, const char *text, struct isb_diags *diags)
{
	static const char prefix[] = "file:";
	if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return read_list(deny, text, diags);
	const char *path = text + sizeof(prefix) - 1;
	FILE *file = fopen(path, "re");
	if (!file)
		return refuse_file(path, diags);
	int rc = read_lines(deny, path, file, diags);
	if (ferror(file)) /* a list that was half read would let through what it was to stop */
		rc = refuse_file(path, diags);
	fclose(file);
	return rc;
}
