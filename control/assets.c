/* SPDX-License-Identifier: Apache-2.0 */
#include "assets.h"

#include <string.h>

#include "isobar/base/hash.h"

static const char *type_of(const char *name)
{
	static const char *const types[][2] = {
		{".html", "text/html; charset=utf-8"},       {".css", "text/css; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},   {".svg", "image/svg+xml"},
		{".json", "application/json"},               {".png", "image/png"},
		{".woff2", "font/woff2"},                    {".ico", "image/x-icon"},
	};
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(dot, types[i][0]) == 0)
			return types[i][1];
	return "application/octet-stream";
}

static const struct isb_asset *find(const char *path)
{
	static const char room[] = "/ui/";
	const char *name = strcmp(path, "/") == 0 ? "index.html" : path + sizeof(room) - 1;
	if (strcmp(path, "/") != 0 && strncmp(path, room, sizeof(room) - 1) != 0)
		return NULL;
	for (const struct isb_asset *asset = isb_assets; asset->name; asset++)
		if (strcmp(asset->name, name) == 0)
			return asset;
	return NULL;
}

/* Named by what is in it, for a browser to ask whether that changed. */
static const char *tag_of(struct isb_arena *arena, const struct isb_asset *asset, bool gzip)
{
	uint64_t hash = isb_hash(asset->begin, (size_t)(asset->end - asset->begin), 0);
	return isb_arena_printf(arena, "\"%016llx%s\"", (unsigned long long)hash, gzip ? "-z" : "");
}

void isb_assets_serve(const struct isb_web_request *request, struct isb_web_reply *reply)
{
	const struct isb_asset *asset = find(request->path);
	if (!asset) {
		isb_web_not_found(reply, request);
		return;
	}
	const char *accepts = isb_web_header(request, "Accept-Encoding"), *has = isb_web_header(request, "If-None-Match");
	bool gzip = accepts && strstr(accepts, "gzip") && asset->gzip_end - asset->gzip < asset->end - asset->begin;
	const char *tag = tag_of(request->arena, asset, gzip);
	isb_web_field(reply, "ETag", tag);
	isb_web_field(reply, "Vary", "Accept-Encoding");
	isb_web_field(reply, "Cache-Control", "no-cache"); /* kept, and asked about each time */
	if (has && strcmp(has, tag) == 0) {
		reply->status = 304;
		return;
	}
	reply->type = type_of(asset->name);
	if (gzip)
		isb_web_field(reply, "Content-Encoding", "gzip");
	reply->fixed = gzip ? asset->gzip : asset->begin;
	reply->fixed_len = (size_t)(gzip ? asset->gzip_end - asset->gzip : asset->end - asset->begin);
}
