/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "isobar/dns/traffic.h"

/* Room-internal: what the readers of the formats share. */

void isb_traffic_good(struct isb_traffic *traffic, const struct isb_traffic_row *row);
void isb_traffic_bad(struct isb_traffic *traffic, const char *why);
/* Whom a server steers for (respond.c): `told` is the network of RFC 7871, family 0: none. */
const struct isb_addr *isb_traffic_whom(const struct isb_addr *told, uint8_t told_bits, const struct isb_addr *asked);

/* One line without its end, which is a NUL instead. */
void isb_traffic_line(struct isb_traffic *traffic, char *line, size_t len);
/* The whole frames at the beginning of the octets; returns how many octets they were. */
size_t isb_traffic_frames(struct isb_traffic *traffic, const uint8_t *data, size_t len);
/* One event, frame_len octets of protobuf. */
void isb_traffic_event(struct isb_traffic *traffic, const uint8_t *frame, size_t len);
