/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/buf.h"

/* Writes geo databases in MaxMind's format (version 2.0), as fast as the disk takes them: for databases that tests and
 * benches make up. IPv4 networks go below ::/96, as vendors keep them. */
struct mmdb;

struct mmdb *mmdb_new(void);
void mmdb_free(struct mmdb *db);
/* The data record that begins at the end of what `mmdb_data` holds so far: add it there with the words below, a map first.
 * Records may be shared by any number of networks, and point to maps before them. */
struct isb_buf *mmdb_data(struct mmdb *db);
/* A network inside an older one is cut out of it; one around it must have come before. */
void mmdb_add(struct mmdb *db, const struct isb_net *net, uint32_t record);
/* 0, or -1 with errno. `type`, such as "GeoLite2-City", has at most 28 characters. */
int mmdb_write(struct mmdb *db, const char *path, const char *type);
uint32_t mmdb_nodes(const struct mmdb *db);

/* Fields of a data record: so many pairs of a word and a value, values of a map being maps again. */
void mmdb_map(struct isb_buf *data, unsigned pairs);
void mmdb_array(struct isb_buf *data, unsigned items);
void mmdb_word(struct isb_buf *data, const char *text); /* at most 284 characters */
void mmdb_double(struct isb_buf *data, double value);
void mmdb_number(struct isb_buf *data, uint32_t value);
void mmdb_pointer(struct isb_buf *data, uint32_t to);
