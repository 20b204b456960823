/* SPDX-License-Identifier: Apache-2.0 */
#include "handover.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "isobar/base/err.h"
#include "isobar/base/wire.h"

static const uint8_t magic[4] = {'i', 's', 'o', 'H'};

/* --- Octets --- */

size_t isb_handover_encode(const struct isb_handover *message, uint8_t out[ISB_HANDOVER_MESSAGE])
{
	struct isb_writer w = isb_writer(out, ISB_HANDOVER_MESSAGE);
	isb_write(&w, magic, sizeof(magic));
	isb_write_u16(&w, ISB_HANDOVER_VERSION);
	isb_write_u16(&w, (uint16_t)message->kind);
	switch (message->kind) {
	case ISB_HANDOVER_SOCKETS:
		isb_write_u32(&w, (uint32_t)message->pid);
		isb_write_u32(&w, message->total);
		isb_write_u32(&w, message->cookies.count);
		isb_write(&w, message->cookies.secret, sizeof(message->cookies.secret));
		isb_write(&w, message->release, sizeof(message->release));
		break;
	case ISB_HANDOVER_CONNECTION:
		isb_write_u8(&w, message->client.addr.family);
		isb_write_u8(&w, message->client.header);
		isb_write_u16(&w, message->client.port);
		isb_write(&w, message->client.addr.octets, sizeof(message->client.addr.octets));
		break;
	case ISB_HANDOVER_ASK: isb_write(&w, message->release, sizeof(message->release)); break;
	case ISB_HANDOVER_REFUSED: isb_write(&w, message->reason, strlen(message->reason)); break;
	case ISB_HANDOVER_DONE:
	case ISB_HANDOVER_RELEASED: break;
	}
	return w.pos;
}

/* A text for people, from another process: what would not print is a question mark. */
static void read_text(struct isb_reader *r, size_t len, char *out)
{
	const uint8_t *in = isb_read(r, len);
	size_t i = 0;
	for (; in && i < len && in[i]; i++)
		out[i] = in[i] >= ' ' && in[i] < 0x7f && in[i] != '"' ? (char)in[i] : '?';
	out[i] = '\0';
}

static void read_release(struct isb_reader *r, struct isb_handover *m)
{
	char text[ISB_HANDOVER_RELEASE + 1] = "";
	read_text(r, ISB_HANDOVER_RELEASE, text);
	if (strlen(text) == ISB_HANDOVER_RELEASE)
		r->bad = true; /* no end in sight */
	else
		memcpy(m->release, text, sizeof(m->release));
}

static void read_sockets(struct isb_reader *r, struct isb_handover *m)
{
	m->pid = (int32_t)isb_read_u32(r);
	m->total = isb_read_u32(r);
	m->cookies.count = isb_read_u32(r);
	const uint8_t *secrets = isb_read(r, sizeof(m->cookies.secret));
	if (secrets)
		memcpy(m->cookies.secret, secrets, sizeof(m->cookies.secret));
	read_release(r, m);
	if (m->pid <= 0 || !m->total || m->total > ISB_HANDOVER_FDS_MAX || m->cookies.count > ISB_COOKIE_SECRETS_MAX)
		r->bad = true;
}

static void read_client(struct isb_reader *r, struct isb_handover_client *client)
{
	client->addr.family = isb_read_u8(r);
	uint8_t header = isb_read_u8(r);
	client->header = header;
	client->port = isb_read_u16(r);
	const uint8_t *octets = isb_read(r, sizeof(client->addr.octets));
	if (octets)
		memcpy(client->addr.octets, octets, client->addr.family == 4 ? 4 : sizeof(client->addr.octets));
	if ((client->addr.family != 4 && client->addr.family != 6) || header > 1)
		r->bad = true;
}

int isb_handover_decode(const uint8_t *in, size_t len, struct isb_handover *ret_message)
{
	struct isb_handover m = {0};
	struct isb_reader r = isb_reader(in, len);
	const uint8_t *begin = isb_read(&r, sizeof(magic));
	m.version = isb_read_u16(&r);
	uint16_t kind = isb_read_u16(&r);
	if (r.bad || memcmp(begin, magic, sizeof(magic)) != 0)
		return ISB_EFORMAT;
	if (m.version != ISB_HANDOVER_VERSION && kind != ISB_HANDOVER_REFUSED) {
		*ret_message = m;
		return ISB_EVERSION;
	}
	size_t rest = r.len - r.pos;
	switch (kind) {
	case ISB_HANDOVER_ASK: read_release(&r, &m); break;
	case ISB_HANDOVER_SOCKETS: read_sockets(&r, &m); break;
	case ISB_HANDOVER_CONNECTION: read_client(&r, &m.client); break;
	case ISB_HANDOVER_REFUSED:
		if (rest >= sizeof(m.reason))
			return ISB_EFORMAT;
		read_text(&r, rest, m.reason);
		break;
	case ISB_HANDOVER_DONE:
	case ISB_HANDOVER_RELEASED: break;
	default: return ISB_EFORMAT;
	}
	if (r.bad || r.pos != r.len)
		return ISB_EFORMAT;
	m.kind = (enum isb_handover_kind)kind;
	*ret_message = m;
	return ISB_OK;
}

/* --- Over the socket --- */

union control {
	struct cmsghdr align;
	uint8_t octets[CMSG_SPACE(ISB_HANDOVER_FDS * sizeof(int))];
};

int isb_handover_send(int fd, const struct isb_handover *message, const int *fds, size_t nfd)
{
	uint8_t out[ISB_HANDOVER_MESSAGE];
	union control control = {0};
	struct iovec iov = {.iov_base = out, .iov_len = isb_handover_encode(message, out)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (nfd) {
		msg.msg_control = control.octets;
		msg.msg_controllen = CMSG_SPACE(nfd * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfd * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfd * sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? ISB_EIO : ISB_OK;
}

/* There may be more than our kind of control message, and more than one of it. */
static size_t take_fds(struct msghdr *msg, int fds[ISB_HANDOVER_FDS])
{
	size_t n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); /* they fit: so does the room they came in */
		memcpy(fds + n, CMSG_DATA(c), count * sizeof(int));
		n += count;
	}
	return n;
}

int isb_handover_receive(int fd, struct isb_handover *ret_message, int ret_fds[ISB_HANDOVER_FDS], size_t *ret_nfd)
{
	uint8_t in[ISB_HANDOVER_MESSAGE];
	union control control;
	struct iovec iov = {.iov_base = in, .iov_len = sizeof(in)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.octets, .msg_controllen = sizeof(control)};
	ssize_t len;
	do
		len = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	/* ECONNRESET is told once, before what was said last: our words were not read */
	while (len < 0 && (errno == EINTR || errno == ECONNRESET));
	if (len < 0)
		return ISB_EIO;
	if (len == 0)
		return ISB_ENOTFOUND; /* no message is empty */
	size_t nfd = take_fds(&msg, ret_fds);
	int rc = msg.msg_flags & MSG_TRUNC ? ISB_EFORMAT : isb_handover_decode(in, (size_t)len, ret_message);
	if (msg.msg_flags & MSG_CTRUNC)
		rc = ISB_EIO;
	if (rc == ISB_OK) {
		*ret_nfd = nfd;
		return ISB_OK;
	}
	while (nfd)
		close(ret_fds[--nfd]);
	errno = EMFILE; /* of ISB_EIO; the others do not look at it */
	return rc;
}
