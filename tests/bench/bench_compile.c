/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../world/world.h"
#include "isobar/base/clock.h"
#include "isobar/base/err.h"
#include "isobar/model/schema.h"
#include "isobar/view/prove.h"

/* How long a policy over a database of the whole world takes to compile, and how much memory: beside a server that goes on
 * answering, so off the query path, but not for nothing. */

static const char help[] =
	"usage: bench-compile [--networks N] [--places N] [--seed N] [--geo FILE ...] [--catalog FILE]\n"
	"\n"
	"Makes up a geo database of City size, opens it and compiles a catalog over it, as isobard does when\n"
	"it starts and when a database changes on disk, and prints the time and memory of each step.\n"
	"\n"
	"  --networks N    networks in the database; default 5000000\n"
	"  --places N      cities in it; default 100000\n"
	"  --seed N        another world; default 1\n"
	"  --geo FILE      a real database in place of a made-up one; may be given several times\n"
	"  --catalog FILE  what to compile; default: one record each of order nearest and geo\n"
	"  --keep FILE     leaves the made-up database there\n";

static const char standard[] =
	"regions: {seoul: {location: [37.57, 126.98]}, virginia: {location: [38.95, -77.45]}, oregon: {location: [45.84, -119.7]},\n"
	"  frankfurt: {location: [50.11, 8.68]}, saopaulo: {location: [-23.55, -46.63]}, sydney: {location: [-33.87, 151.21]}}\n"
	"pools:\n"
	"  seoul: {endpoints: {a: {region: seoul, address: 192.0.2.1}}}\n"
	"  virginia: {endpoints: {a: {region: virginia, address: 192.0.2.2}}}\n"
	"  oregon: {endpoints: {a: {region: oregon, address: 192.0.2.3}}}\n"
	"  frankfurt: {endpoints: {a: {region: frankfurt, address: 192.0.2.4}}}\n"
	"  saopaulo: {endpoints: {a: {region: saopaulo, address: 192.0.2.5}}}\n"
	"  sydney: {endpoints: {a: {region: sydney, address: 192.0.2.6}}}\n"
	"policies:\n"
	"  nearest: {order: nearest, of: [seoul, virginia, oregon, frankfurt, saopaulo, sydney]}\n"
	"  geo: {order: geo, rules: [{continent: [AS, OC], use: [seoul, sydney]}, {country: AU, use: sydney},\n"
	"    {continent: [EU, AF], use: frankfurt}, {continent: SA, use: saopaulo}, {country: US, use: [virginia, oregon]},\n"
	"    {default: true, use: nearest}]}\n"
	"zones: {example.com: {records: {nearest: {types: [A], policy: nearest}, geo: {types: [A], policy: geo}}}}\n";

enum { GEO_MAX = 8 };
struct options {
	struct world world;
	const char *geo[GEO_MAX], *catalog, *keep;
	size_t ngeo;
};

/* kB of this process, by the name of a line of its status: resident now, or at most since the last reset. */
static long memory_kb(const char *name)
{
	char line[128];
	long kb = 0;
	FILE *in = fopen("/proc/self/status", "r");
	while (in && fgets(line, sizeof(line), in))
		if (strncmp(line, name, strlen(name)) == 0)
			kb = strtol(line + strlen(name), NULL, 10);
	if (in)
		fclose(in);
	return kb;
}

static void reset_peak(void)
{
	FILE *out = fopen("/proc/self/clear_refs", "w");
	if (!out)
		return;
	fputs("5", out);
	fclose(out);
}

struct step {
	int64_t from_us;
	long before_kb;
};

static struct step begin(void)
{
	reset_peak();
	return (struct step){isb_monotonic_us(), memory_kb("VmRSS:")};
}

static void say(const struct step *step, const char *what)
{
	double s = (double)(isb_monotonic_us() - step->from_us) / 1e6;
	malloc_trim(0);
	long kept_kb = memory_kb("VmRSS:") - step->before_kb, peak_kb = memory_kb("VmHWM:") - step->before_kb;
	printf("%-28s %6.2f s  peak %+7.1f MB, kept %+7.1f MB\n", what, s, (double)peak_kb / 1024, (double)kept_kb / 1024);
	fflush(stdout);
}

/* In a process of its own, whose memory is not ours. */
static int make_up(const struct options *o, const char *path)
{
	struct step step = begin();
	struct stat st;
	int status = 1;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0)
		_exit(world_write(&o->world, path) == 0 ? 0 : 1);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0 || stat(path, &st) != 0) {
		fprintf(stderr, "bench-compile: cannot write '%s'\n", path);
		return 1;
	}
	double s = (double)(isb_monotonic_us() - step.from_us) / 1e6;
	printf("%-28s %6.2f s  %u networks asked for, %.1f MB on disk\n", "make up a world", s, o->world.networks,
	       (double)st.st_size / (1 << 20));
	return 0;
}

static int failed(const struct isb_diags *diags, const char *what)
{
	fprintf(stderr, "bench-compile: %s\n", what);
	isb_diags_print(diags, stderr);
	return 1;
}

static void count_networks(void *arg, const struct isb_proof *proof)
{
	(void)arg;
	printf("  %-26s %zu networks, %zu decisions\n", proof->records[0], proof->networks, proof->decisions);
}

static int read_catalog(const struct options *o, struct isb_catalog *catalog, struct isb_diags *diags)
{
	struct isb_yaml *root;
	static char text[1 << 20];
	size_t len = sizeof(standard) - 1;
	memcpy(text, standard, len);
	FILE *in = o->catalog ? fopen(o->catalog, "r") : NULL;
	if (o->catalog && !in)
		return ISB_EIO;
	if (in) {
		len = fread(text, 1, sizeof(text), in);
		fclose(in);
	}
	int rc = isb_yaml_parse(&catalog->arena, o->catalog ? o->catalog : "catalog", text, len, diags, &root);
	if (rc == ISB_OK)
		rc = isb_schema_read(catalog, root, diags);
	return rc == ISB_OK ? isb_catalog_check(catalog, diags) : rc;
}

static int compile(const struct options *o, struct isb_diags *diags)
{
	struct isb_catalog catalog;
	struct isb_geodb *geodb = NULL;
	struct isb_view *view = NULL;
	isb_catalog_init(&catalog);
	if (read_catalog(o, &catalog, diags) != ISB_OK)
		return failed(diags, "no valid catalog");
	struct step step = begin();
	if (isb_geodb_open(o->geo, o->ngeo, diags, &geodb) != ISB_OK)
		return failed(diags, "no geo database");
	say(&step, "open the database");
	step = begin();
	if (isb_view_draft(&catalog, geodb, diags, &view) != ISB_OK)
		return failed(diags, "the catalog does not compile");
	say(&step, "compile the catalog");
	size_t octets = 0;
	for (uint32_t i = 0; i < view->plan->nmap; i++)
		octets += isb_geomap_size(view->maps[i]);
	printf("  %u tables, %.1f MB in all\n", view->plan->nmap, (double)octets / (1 << 20));
	step = begin();
	if (isb_view_prove(view, diags, count_networks, NULL) != ISB_OK)
		return failed(diags, "scopes are wrong");
	say(&step, "prove every scope");
	isb_view_free(view);
	isb_geodb_free(geodb);
	isb_catalog_done(&catalog);
	return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"networks", 1, NULL, 'n'}, {"places", 1, NULL, 'p'}, {"seed", 1, NULL, 's'},
	                                      {"geo", 1, NULL, 'g'},      {"catalog", 1, NULL, 'c'}, {"keep", 1, NULL, 'k'},
	                                      {"help", 0, NULL, 'h'},     {0}};
	for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
		switch (c) {
		case 'n': o->world.networks = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'p': o->world.places = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 's': o->world.seed = strtoull(optarg, NULL, 10); break;
		case 'c': o->catalog = optarg; break;
		case 'k': o->keep = optarg; break;
		case 'h': fputs(help, stdout); exit(0);
		case 'g':
			if (o->ngeo < GEO_MAX) {
				o->geo[o->ngeo++] = optarg;
				break;
			}
			/* fall through */
		default: fputs(help, stderr); return 2;
		}
	return optind == argc ? 0 : (fputs(help, stderr), 2);
}

int main(int argc, char **argv)
{
	struct options o = {.world = {.seed = 1, .networks = 5000000, .places = 100000}};
	struct isb_diags diags;
	char made[] = "/tmp/isobar-world-XXXXXX";
	int rc = parse(argc, argv, &o);
	if (rc != 0)
		return rc;
	if (!o.ngeo) {
		int fd = o.keep ? -1 : mkstemp(made);
		o.geo[o.ngeo++] = o.keep ? o.keep : made;
		if (fd >= 0)
			close(fd);
		rc = make_up(&o, o.geo[0]);
	}
	isb_diags_init(&diags);
	if (rc == 0)
		rc = compile(&o, &diags);
	isb_diags_done(&diags);
	if (o.geo[0] == made)
		unlink(made);
	return rc;
}
