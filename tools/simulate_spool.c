/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/hash.h"
#include "simulate.h"

/* Queries that were read before there was a catalog to count them by: rows that are alike add up in a table of fixed size,
 * in which the newest takes the place of another; those wait in a file that nobody else sees. */

enum { SLOTS = 1 << 14 };
struct sim_spool {
	FILE *file; /* without a name: it is gone with the program, however that ends */
	int error;  /* errno of what could not be written */
	struct isb_traffic_row slot[SLOTS]; /* count 0: free */
};
struct head { /* of a row in the file; the name follows */
	uint64_t count;
	struct isb_addr client;
	uint16_t type;
	uint8_t name_len;
};

int sim_spool_begin(struct sim *sim)
{
	sim->spool = isb_xcalloc(1, sizeof(*sim->spool));
	sim->spool->file = tmpfile();
	return sim->spool->file ? CLI_OK : cli_fail(CLI_FAILED, "cannot set the queries aside: %s", strerror(errno));
}

static void write_row(struct sim_spool *spool, const struct isb_traffic_row *row)
{
	struct head head;
	memset(&head, 0, sizeof(head)); /* paddings are written, too */
	head.count = row->count;
	head.client = row->client;
	head.type = row->type;
	head.name_len = (uint8_t)isb_dname_len(row->name);
	if (fwrite(&head, sizeof(head), 1, spool->file) != 1 || fwrite(row->name, head.name_len, 1, spool->file) != 1)
		spool->error = errno;
}

void sim_spool_put(struct sim *sim, const struct isb_traffic_row *row)
{
	struct sim_spool *spool = sim->spool;
	size_t len = isb_dname_len(row->name);
	uint64_t hash = isb_hash(row->name, len, isb_hash(row->client.octets, sizeof(row->client.octets), row->type));
	struct isb_traffic_row *slot = &spool->slot[hash % SLOTS];
	if (spool->error)
		return;
	if (slot->count && slot->type == row->type && slot->client.family == row->client.family &&
	    memcmp(slot->client.octets, row->client.octets, sizeof(row->client.octets)) == 0 &&
	    memcmp(slot->name, row->name, len) == 0) {
		slot->count += row->count;
		return;
	}
	if (slot->count)
		write_row(spool, slot);
	*slot = *row;
}

int sim_spool_end(struct sim *sim)
{
	struct sim_spool *spool = sim->spool;
	for (size_t i = 0; i < SLOTS && !spool->error; i++)
		if (spool->slot[i].count)
			write_row(spool, &spool->slot[i]);
	if (!spool->error && fflush(spool->file) != 0)
		spool->error = errno;
	return spool->error ? cli_fail(CLI_FAILED, "cannot set the queries aside: %s", strerror(spool->error)) : CLI_OK;
}

int sim_spool_count(struct sim *sim)
{
	FILE *file = sim->spool->file;
	struct isb_traffic_row row;
	struct head head;
	rewind(file);
	while (fread(&head, sizeof(head), 1, file) == 1 && fread(row.name, head.name_len, 1, file) == 1) {
		row.client = head.client;
		row.type = head.type;
		row.count = head.count;
		sim_count(sim, &row);
	}
	return ferror(file) ? cli_fail(CLI_FAILED, "cannot read back the queries that were set aside") : CLI_OK;
}

void sim_spool_free(struct sim_spool *spool)
{
	if (spool && spool->file)
		fclose(spool->file);
	free(spool);
}
