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
/* That, with milliseconds ("…:00.123Z") or without seconds, or a date alone, which is its first moment; UTC always. From
 * 1970 to 9999. ISB_EFORMAT. */
int isb_time_parse(const char *text, int64_t *ret_ms);
/* A span for people: "350ms", "12s", "3m20s", "2h5m", "4d1h". */
enum { ISB_SPAN_TEXT = 48 };
char *isb_span_print(int64_t span_ms, char out[ISB_SPAN_TEXT]);
/* "500ms", "5s", "2m", "2h", "1d", "1h30m"; a bare number counts seconds. Errors: ISB_EFORMAT, ISB_ERANGE. */
int isb_span_parse(const char *text, int64_t *ret_ms);
