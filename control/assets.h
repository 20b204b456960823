/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/web/web.h"

/* The dashboard: the files of control/ui/, which the build puts into the program (see CMakeLists.txt). */

struct isb_asset {
	const char *name;           /* "index.html" */
	const char *begin, *end;
	const char *gzip, *gzip_end; /* the same, compressed */
};
extern const struct isb_asset isb_assets[]; /* generated; the last has no name */

/* Answers a GET of "/" or "/ui/NAME"; 404 where there is no such file. */
void isb_assets_serve(const struct isb_web_request *request, struct isb_web_reply *reply);
