/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/web/monitor.h"

#include <string.h>

#include "isobar/base/prometheus.h"

static void say(struct isb_web_reply *reply, const char *good)
{
	reply->type = "text/plain; charset=utf-8";
	reply->status = reply->body.len ? 503 : 200;
	if (!reply->body.len)
		isb_buf_puts(&reply->body, good);
}

static void give_metrics(const struct isb_monitor *monitor, void *arg, struct isb_web_reply *reply)
{
	if (monitor->metrics(arg, &reply->body))
		reply->type = ISB_PROM_CONTENT_TYPE;
	else
		say(reply, "");
}

static void give_health(const struct isb_monitor *monitor, void *arg, struct isb_web_reply *reply)
{
	monitor->health(arg, &reply->body);
	say(reply, "alive\n");
}

static void give_ready(const struct isb_monitor *monitor, void *arg, struct isb_web_reply *reply)
{
	monitor->ready(arg, &reply->body);
	say(reply, "ready\n");
}

bool isb_monitor_serve(const struct isb_monitor *monitor, void *arg, const struct isb_web_request *request,
                       struct isb_web_reply *reply)
{
	static const struct {
		const char *path;
		void (*give)(const struct isb_monitor *monitor, void *arg, struct isb_web_reply *reply);
	} pages[] = {{"/metrics", give_metrics}, {"/healthz", give_health}, {"/readyz", give_ready}};
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(request->path, pages[i].path) != 0)
			continue;
		isb_web_field(reply, "Cache-Control", "no-store");
		if (strcmp(request->method, "GET") == 0)
			pages[i].give(monitor, arg, reply);
		else
			isb_web_not_allowed(reply, "GET, HEAD");
		return true;
	}
	return false;
}
