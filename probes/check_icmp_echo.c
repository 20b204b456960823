/* SPDX-License-Identifier: Apache-2.0 */
#include "check_icmp_echo.h"

#include <string.h>

#include "isobar/base/wire.h"

enum { IP_HEADER_MIN = 20, V4_REQUEST = 8, V4_REPLY = 0, V6_REQUEST = 128, V6_REPLY = 129, SEQUENCE = 1 };
static const char who[8] = "isobar"; /* of whoever looks at the wire */

/* RFC 1071. */
static uint16_t sum_of(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(data[i] << 8) | (i + 1 < len ? data[i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void isb_echo_write(const struct isb_echo *echo, uint8_t out[ISB_ECHO_LEN])
{
	struct isb_writer w = isb_writer(out, ISB_ECHO_LEN);
	isb_write_u8(&w, echo->family == 4 ? V4_REQUEST : V6_REQUEST);
	isb_write_u8(&w, 0);
	isb_write_u16(&w, 0);
	isb_write_u16(&w, echo->id);
	isb_write_u16(&w, SEQUENCE);
	isb_write_u64(&w, echo->token);
	isb_write(&w, who, sizeof(who));
	if (echo->family == 4) /* the kernel makes the sum of ICMPv6, which covers addresses */
		isb_put_u16(out + 2, sum_of(out, ISB_ECHO_LEN));
}

/* Past the IP header of a raw IPv4 socket; false when there is no whole one. */
static bool strip_ip(const uint8_t **data, size_t *len)
{
	if (*len < IP_HEADER_MIN || (*data)[0] >> 4 != 4)
		return false;
	size_t header = (size_t)((*data)[0] & 15) * 4;
	if (header < IP_HEADER_MIN || header > *len)
		return false;
	*data += header;
	*len -= header;
	return true;
}

bool isb_echo_answers(const struct isb_echo *echo, const uint8_t *data, size_t len)
{
	bool v4 = echo->family == 4;
	if (v4 && echo->raw && !strip_ip(&data, &len))
		return false;
	if (v4 && echo->raw && sum_of(data, len) != 0)
		return false;
	struct isb_reader r = isb_reader(data, len);
	uint8_t type = isb_read_u8(&r), code = isb_read_u8(&r);
	isb_read_u16(&r);
	uint16_t id = isb_read_u16(&r), sequence = isb_read_u16(&r);
	uint64_t token = isb_read_u64(&r);
	const uint8_t *name = isb_read(&r, sizeof(who));
	if (r.bad || r.pos != r.len || type != (v4 ? V4_REPLY : V6_REPLY) || code != 0)
		return false;
	if (echo->raw && id != echo->id) /* else the kernel chose the id, and has looked at it */
		return false;
	return sequence == SEQUENCE && token == echo->token && memcmp(name, who, sizeof(who)) == 0;
}
