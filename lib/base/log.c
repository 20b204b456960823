/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "isobar/base/clock.h"

static _Atomic int threshold = ISB_LOG_INFO;

void isb_log_set_level(enum isb_log_level level)
{
	/* relaxed: a late line more or less on another thread is no harm */
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

void isb_log(enum isb_log_level level, const char *event, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	static const int syslog_level[] = {3, 4, 6, 7};
	if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
		return;
	char line[1024], when[24];
	int n;
	if (getenv("JOURNAL_STREAM"))
		n = snprintf(line, sizeof(line), "<%d>%s ", syslog_level[level], event);
	else
		n = snprintf(line, sizeof(line), "%s %s %s ", isb_time_print(isb_clock_ms(), when), names[level], event);
	va_list ap;
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	size_t len = (size_t)n + (m > 0 ? (size_t)m : 0);
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	while (len && line[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < len; i++) /* one event, one line, whatever a value held */
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) /* nor does one write on the terminal */
			line[i] = ' ';
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0) {
		/* nowhere left to say so */
	}
}
