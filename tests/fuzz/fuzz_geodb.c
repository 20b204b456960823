/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "isobar/base/err.h"
#include "isobar/base/hash.h"
#include "isobar/base/rng.h"
#include "isobar/view/geodb.h"
#include "isobar/view/geomap.h"

/* Input: a geo database, octet for octet as in its file. */

/* libmaxminddb 1.7.1 loses lists of entries when it refuses a file's languages or description; its own functions have no
 * names here. That isobar closes what it opens is seen by the unit test. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb.so\n";
}

enum { CLASSES = 7, PROBES = 64 };

static uint32_t classify(void *arg, const struct isb_facts *facts)
{
	uint32_t nets = 0;
	(void)arg;
	for (size_t i = 0; i < facts->nnet; i++)
		nets += facts->nets[i].id;
	return (uint32_t)(isb_hash(facts->geo, sizeof(*facts->geo), nets) % CLASSES);
}

static void check_text(const char *text, size_t size)
{
	MUST(memchr(text, 0, size));
}

static void check_facts(const struct isb_geo_facts *facts)
{
	check_text(facts->country, sizeof(facts->country));
	check_text(facts->continent, sizeof(facts->continent));
	check_text(facts->subdivision, sizeof(facts->subdivision));
	check_text(facts->city, sizeof(facts->city));
	MUST(facts->latitude >= -90 && facts->latitude <= 90 && facts->longitude >= -180 && facts->longitude <= 180);
	MUST(facts->located || (facts->latitude == 0 && facts->longitude == 0));
}

static struct isb_addr random_addr(struct isb_rng *rng)
{
	static const uint8_t starts[][2] = {{0x20, 0x01}, {192, 0}, {0, 0}, {10, 0}};
	struct isb_addr addr = {.family = isb_rng_below(rng, 2) ? 4 : 6};
	for (unsigned i = 0; i < isb_addr_bits(&addr) / 8; i++)
		addr.octets[i] = (uint8_t)isb_rng_next(rng);
	if (isb_rng_below(rng, 2)) /* where the samples have data */
		memcpy(addr.octets, starts[isb_rng_below(rng, 4)], 2);
	return addr;
}

/* The map says of a client what its facts say, and its scope holds no client with other facts' class. */
static void check_addr(const struct isb_geodb *db, const struct isb_geomap *map, const struct isb_addr *addr)
{
	struct isb_geo_facts geo;
	uint8_t len = 255;
	isb_geodb_find(db, addr, &geo, &len);
	check_facts(&geo);
	MUST(len <= isb_addr_bits(addr));
	struct isb_geoleaf leaf = isb_geomap_find(map, addr);
	MUST(leaf.cls == classify(NULL, &(struct isb_facts){.geo = &geo}));
	MUST(leaf.scope <= len);
}

static void check_db(const struct isb_geodb *db)
{
	struct isb_rng rng;
	size_t leaves = 0;
	struct isb_geomap *map = isb_geomap_new(db, NULL, 0, NULL, 0, classify, NULL);
	isb_rng_seed(&rng, isb_geodb_fingerprint(db));
	MUST(isb_geomap_prove(map, &leaves) == ISB_OK && leaves >= 2);
	MUST(strlen(isb_geodb_describe(db)) > 0);
	for (int i = 0; i < PROBES; i++) {
		struct isb_addr addr = random_addr(&rng);
		check_addr(db, map, &addr);
	}
	isb_geomap_free(map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32];
	const char *paths[] = {path, ISB_TESTS_DIR "/unit/view/geo/asn.mmdb"};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (size_t count = 1; count <= 2; count++) { /* alone, and with a sound one that fills its gaps */
		struct isb_diags diags = {0};
		struct isb_geodb *db = NULL;
		int rc = isb_geodb_open(paths, count, &diags, &db);
		MUST((rc == ISB_OK) == (db != NULL) && (rc == ISB_OK) == (diags.count == 0));
		if (db)
			check_db(db);
		isb_geodb_free(db);
		isb_diags_done(&diags);
		if (rc != ISB_OK)
			break;
	}
	close(fd);
	return 0;
}
