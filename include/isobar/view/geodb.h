/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "isobar/base/addr.h"
#include "isobar/base/diag.h"
#include "isobar/steer/facts.h"

/* Geo databases in MaxMind's format (the only door to libmaxminddb). Several may be given, for instance City and ASN:
 * fields of a later one fill what earlier ones leave empty, as long as it agrees on the coarser fields. Layouts of
 * GeoIP2/GeoLite2, DB-IP and IPinfo are recognised by trying their paths. A file is read whole and checked when it is
 * opened, from a private copy (memfd); after that it is not needed: overwriting it in place cannot kill the process
 * (SIGBUS), and a bad new file never replaces a good old one. Where a country has no continent or no coordinates in
 * any file, a built-in table fills in; where there is only a continent, its populated middle. Codes that name no
 * country (ZZ, A1) count as unknown, withdrawn ones as their successor, the registries' EU and AP as continents.
 *
 * IPv4 addresses are looked up in IPv4 space only; its aliases inside IPv6 (::/96, IPv4-mapped, 6to4, Teredo) are
 * unknown networks. An open database never changes: any number of threads may read it. */
struct isb_geodb;

/* Opens and checks all of them (1 to 8); on failure nothing is kept and diags names every bad file and its reason. */
int isb_geodb_open(const char *const *paths, size_t count, struct isb_diags *diags, struct isb_geodb **ret_db);
void isb_geodb_free(struct isb_geodb *db);
/* Facts of one address (for explain), and the length of the databases' own network around it (the smallest of them). */
void isb_geodb_find(const struct isb_geodb *db, const struct isb_addr *addr, struct isb_geo_facts *ret_facts,
                    uint8_t *ret_len);
/* A number that changes with the content: part of a map's fingerprint. */
uint64_t isb_geodb_fingerprint(const struct isb_geodb *db);
/* "GeoLite2-City 2026-11-18, GeoLite2-ASN 2026-11-18", for status; lives as long as db. */
const char *isb_geodb_describe(const struct isb_geodb *db);
/* When the oldest of its files was built, as the files say; 0: one does not. */
int64_t isb_geodb_built_ms(const struct isb_geodb *db);
/* A number that changes when a file is replaced, overwritten, removed or made (inode, size, mtime): to see from time to
 * time whether what was opened is still what stands there. */
uint64_t isb_geodb_stamp(const char *const *paths, size_t count);
/* What a file says of itself, "GeoLite2-City 2026-11-18", or in diags why it is no database; for status, so it is not read
 * whole. The label is the caller's to free. */
int isb_geodb_label(const char *path, struct isb_diags *diags, char **ret_label);
