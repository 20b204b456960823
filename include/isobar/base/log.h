/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One line per event on stderr: `2026-11-21T12:00:00Z info view-swapped generation=12 names=5000`. The event is a
 * fixed word with hyphens; what follows is key=value text (isb_log quotes nothing: format values that may hold
 * blanks with %s inside "..."). Under systemd (JOURNAL_STREAM set) the time is left out and the level is given as
 * the <N> prefix. Thread-safe: a line is one write(2). For programs; libraries return errors instead. */
enum isb_log_level { ISB_LOG_ERROR, ISB_LOG_WARNING, ISB_LOG_INFO, ISB_LOG_DEBUG };

void isb_log_set_level(enum isb_log_level level); /* default ISB_LOG_INFO */
void isb_log(enum isb_log_level level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
