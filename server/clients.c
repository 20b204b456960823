/* SPDX-License-Identifier: Apache-2.0 */
#include "clients.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "isobar/base/arena.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/base/local.h"
#include "isobar/base/rng.h"
#include "isobar/dns/edns.h"
#include "isobar/model/demand.h"
#include "ring.h"

enum {
	RING_SIZE = 1 << 17, /* some 1000 samples; the thread is told at every quarter */
	BACKLOG = 4,
	MODE = 0660,
	TICK_MS = 200,       /* how long a sample waits at most when there are few */
	PATIENCE_MS = 2000,  /* for a reader that does not read */
	HALF_LIFE_MS = 3600 * 1000
};

/* What a worker hands over. */
struct sample {
	struct isb_net told;      /* the network steered for; family 0: the resolver's own */
	struct isb_addr resolver;
	char region[ISB_FLOW_REGION_TEXT];
};

struct isb_clients {
	const char *path;
	int listener, kick; /* kick: an eventfd that wakes the thread */
	int reader;         /* -1: nobody is being told */
	bool mine;          /* the path: nobody else listens there */
	bool running;
	atomic_bool stop, deaf; /* deaf: the listener is somebody else's */
	pthread_t thread;
	unsigned workers;
	struct isb_ring **rings;
	struct isb_demand *demand;
	struct isb_live *live;      /* NULL: no flows */
	struct isb_flows *flows;
	int64_t halve_ms, until_ms; /* monotonic: when to halve, and how long the reader has */
	struct isb_buf text;        /* for the reader */
	size_t sent;
	struct isb_demand_row rows[ISB_DEMAND_ROWS];
};

/* --- Counting ------------------------------------------------------------------------------------------------------ */

static void count_sample(struct isb_demand *demand, const struct sample *sample)
{
	struct isb_net own = {.addr = sample->resolver, .len = (uint8_t)isb_addr_bits(&sample->resolver)};
	own = isb_demand_net(&own);
	isb_demand_add(demand, &own, &sample->resolver);
	if (!sample->told.addr.family)
		return;
	struct isb_net told = isb_demand_net(&sample->told);
	if (told.len != own.len || !isb_addr_equal(&told.addr, &own.addr))
		isb_demand_add(demand, &told, NULL);
}

static void count_flow(struct isb_flows *flows, const struct isb_view *view, const struct sample *sample)
{
	struct isb_geo_facts facts = {0};
	uint8_t len;
	if (view && view->geodb)
		isb_geodb_find(view->geodb, sample->told.addr.family ? &sample->told.addr : &sample->resolver, &facts, &len);
	isb_flows_add(flows, facts.continent, sample->region, ISB_CLIENTS_SAMPLE);
}

static void count_all(struct isb_clients *c)
{
	const struct isb_view *view = c->flows ? isb_live_enter(c->live) : NULL;
	for (unsigned i = 0; i < c->workers; i++) {
		size_t len;
		const struct sample *sample;
		while ((sample = isb_ring_take(c->rings[i], &len))) {
			count_sample(c->demand, sample);
			if (c->flows)
				count_flow(c->flows, view, sample);
			isb_ring_release(sample);
		}
	}
	if (c->flows)
		isb_live_leave(c->live);
	int64_t now = isb_monotonic_us() / 1000;
	if (now >= c->halve_ms) {
		isb_demand_halve(c->demand);
		c->halve_ms = now + HALF_LIFE_MS;
	}
}

/* --- Telling ------------------------------------------------------------------------------------------------------- */

static void dismiss(struct isb_clients *c)
{
	close(c->reader);
	c->reader = -1;
}

static void welcome(struct isb_clients *c)
{
	c->reader = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (c->reader < 0)
		return;
	c->until_ms = isb_monotonic_us() / 1000 + PATIENCE_MS;
	c->sent = 0;
	isb_buf_reset(&c->text);
	isb_demand_print(c->rows, isb_demand_list(c->demand, c->rows), ISB_CLIENTS_SAMPLE, &c->text);
}

static void tell(struct isb_clients *c)
{
	ssize_t n = send(c->reader, c->text.data + c->sent, c->text.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		c->sent += (size_t)n;
	if (c->sent == c->text.len || (n < 0 && errno != EAGAIN && errno != EINTR))
		dismiss(c);
}

/* --- The thread ---------------------------------------------------------------------------------------------------- */

static void wait(struct isb_clients *c)
{
	uint64_t kicks;
	bool telling = c->reader >= 0;
	/* relaxed: who comes in spite of it is told what was counted here */
	int listener = atomic_load_explicit(&c->deaf, memory_order_relaxed) ? -1 : c->listener;
	struct pollfd fds[2] = {{.fd = c->kick, .events = POLLIN}, /* poll() passes over a listener of -1 */
	                        {.fd = telling ? c->reader : listener, .events = telling ? POLLOUT : POLLIN}};
	poll(fds, 2, TICK_MS);
	if (read(c->kick, &kicks, sizeof(kicks)) < 0) {
		/* not kicked */
	}
	if (fds[1].revents && !telling)
		welcome(c);
	else if (fds[1].revents)
		tell(c);
	if (c->reader >= 0 && isb_monotonic_us() / 1000 >= c->until_ms)
		dismiss(c);
}

static void *run(void *arg)
{
	struct isb_clients *c = arg;
	pthread_setname_np(pthread_self(), "clients");
	if (c->flows)
		isb_live_register();
	/* relaxed: what is not counted by then is of no use to anybody */
	while (!atomic_load_explicit(&c->stop, memory_order_relaxed)) {
		count_all(c);
		wait(c);
	}
	if (c->flows)
		isb_live_unregister();
	return NULL;
}

static void kick(struct isb_clients *c)
{
	uint64_t one = 1;
	if (write(c->kick, &one, sizeof(one)) < 0) {
		/* kicked more often than it can count: it wakes up anyway */
	}
}

/* --- From outside -------------------------------------------------------------------------------------------------- */

static int start(struct isb_clients *c, int inherited, struct isb_diags *diags)
{
	const struct isb_local local = {
		.path = c->path, .option = "--clients", .type = SOCK_STREAM, .mode = MODE, .backlog = BACKLOG};
	c->listener = inherited;
	int rc = c->path && inherited < 0 ? isb_local_listen(&local, diags, &c->listener) : ISB_OK;
	if (rc != ISB_OK)
		return rc;
	c->mine = c->path && inherited < 0;
	c->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int error = c->kick < 0 ? errno : pthread_create(&c->thread, NULL, run, c);
	if (error) {
		isb_diag(diags, (struct isb_mark){0}, "cannot count clients (--clients, --metrics): %s", strerror(error));
		return ISB_EIO;
	}
	c->running = true;
	return ISB_OK;
}

int isb_clients_new(const char *path, int inherited, unsigned workers, struct isb_live *live, struct isb_diags *diags,
                    struct isb_clients **ret_clients)
{
	struct isb_clients *c = isb_xcalloc(1, sizeof(*c));
	c->path = path;
	c->live = live;
	c->flows = live ? isb_flows_new() : NULL;
	c->listener = c->kick = c->reader = -1;
	c->workers = workers;
	c->rings = isb_xcalloc(workers, sizeof(struct isb_ring *));
	for (unsigned i = 0; i < workers; i++)
		c->rings[i] = isb_ring_new(RING_SIZE);
	c->demand = isb_demand_new(ISB_DEMAND_ROWS, isb_random_seed());
	c->halve_ms = isb_monotonic_us() / 1000 + HALF_LIFE_MS;
	int rc = start(c, inherited, diags);
	if (rc != ISB_OK) {
		isb_clients_free(c);
		return rc;
	}
	*ret_clients = c;
	return ISB_OK;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void isb_clients_free(struct isb_clients *c)
{
	if (!c)
		return;
	if (c->running) {
		atomic_store_explicit(&c->stop, true, memory_order_relaxed);
		kick(c);
		pthread_join(c->thread, NULL);
	}
	if (c->mine)
		unlink(c->path);
	close_fd(c->listener);
	close_fd(c->kick);
	close_fd(c->reader);
	for (unsigned i = 0; i < c->workers; i++)
		isb_ring_free(c->rings[i]);
	free(c->rings);
	isb_demand_free(c->demand);
	isb_flows_free(c->flows);
	isb_buf_done(&c->text);
	free(c);
}

struct isb_flows *isb_clients_flows(struct isb_clients *clients)
{
	return clients->flows;
}

int isb_clients_socket(const struct isb_clients *c)
{
	return c->listener;
}

void isb_clients_settle(struct isb_clients *c)
{
	c->mine = c->path != NULL;
}

void isb_clients_leave(struct isb_clients *c)
{
	c->mine = false;
	atomic_store_explicit(&c->deaf, true, memory_order_relaxed);
	kick(c);
}

void isb_clients_add(struct isb_clients *c, unsigned worker, const struct isb_summary *summary,
                     const struct isb_client *client)
{
	if (!summary->steered)
		return;
	struct isb_ring *ring = c->rings[worker];
	struct sample *sample = isb_ring_reserve(ring, sizeof(*sample));
	if (!sample)
		return;
	*sample = (struct sample){.resolver = client->addr};
	snprintf(sample->region, sizeof(sample->region), "%s", summary->region);
	if (summary->ecs.addr.family && isb_ecs_believed(&summary->ecs.addr, summary->ecs.len))
		sample->told = summary->ecs;
	if (isb_ring_publish(ring))
		kick(c);
}
