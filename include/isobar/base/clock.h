/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Points in time are Unix milliseconds (int64_t, names end in _ms); spans too. 0 means "never". The wall clock is
 * what processes and sites share; only programs read it, libraries get it as an argument. */
int64_t isb_clock_ms(void);
/* For durations only; no relation to the wall clock. */
int64_t isb_monotonic_us(void);

/* "2026-11-21T12:00:00Z" (seconds, UTC); out holds 24 octets. 0 prints "never". */
char *isb_time_print(int64_t time_ms, char out[24]);
/* RFC 3339 ("2026-11-21T12:00:00Z", with a fraction or an offset like +09:00 too) or seconds since 1970, which may have a
 * fraction. ISB_EFORMAT; ISB_ERANGE: before 1970-01-02, or after the year 9999. */
int isb_time_parse(const char *text, int64_t *ret_ms);
/* A span for people: "350ms", "12s", "3m20s", "2h5m", "4d1h". */
enum { ISB_SPAN_TEXT = 48 };
char *isb_span_print(int64_t span_ms, char out[ISB_SPAN_TEXT]);
/* "500ms", "5s", "2m", "2h", "1d", "1h30m"; a bare number counts seconds. Errors: ISB_EFORMAT, ISB_ERANGE. */
int isb_span_parse(const char *text, int64_t *ret_ms);
