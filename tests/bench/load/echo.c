/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The least that a server on UDP sockets can do, to compare a real one with: reads a batch, sets QR, sends it back. */

enum { BATCH = 64, SIZE = 4096, RCVBUF = 4 << 20, SNDBUF = 1 << 20 };

static int open_socket(const char *host, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	const int in = RCVBUF, out = SNDBUF;
	if (fd < 0 || inet_pton(AF_INET, host, &at.sin_addr) != 1 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &in, sizeof(in)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &in, sizeof(in));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &out, sizeof(out)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &out, sizeof(out));
	return fd;
}

int main(int argc, char **argv)
{
	static uint8_t data[BATCH][SIZE];
	static struct sockaddr_in peer[BATCH];
	static struct iovec iov[BATCH];
	static struct mmsghdr msg[BATCH];
	int fd = argc == 3 ? open_socket(argv[1], argv[2]) : -1;
	if (fd < 0) {
		fprintf(stderr, "usage: bench-echo ADDRESS PORT (IPv4)\nbench-echo: %s\n", strerror(errno));
		return 2;
	}
	for (;;) {
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){.iov_base = data[i], .iov_len = SIZE};
			msg[i].msg_hdr = (struct msghdr){.msg_name = &peer[i],
			                                 .msg_namelen = sizeof(peer[i]),
			                                 .msg_iov = &iov[i],
			                                 .msg_iovlen = 1};
		}
		int n = recvmmsg(fd, msg, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++) {
			data[i][2] |= 0x80;
			iov[i].iov_len = msg[i].msg_len;
		}
		for (int done = 0; done < n;) {
			int sent = sendmmsg(fd, msg + done, (unsigned)(n - done), 0);
			done += sent > 0 ? sent : 1;
		}
	}
}
