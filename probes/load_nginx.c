/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "load.h"

void isb_load_nginx(struct isb_load *load, const char *line, size_t len)
{
	static const char begins[] = "Active connections:";
	size_t n = sizeof(begins) - 1;
	double value;
	if (len < n || memcmp(line, begins, n) != 0)
		return;
	while (n < len && line[n] == ' ')
		n++;
	while (len > n && line[len - 1] == ' ')
		len--;
	if (isb_load_number(line + n, len - n, &value))
		isb_load_settle(load, value);
	else
		isb_load_give_up(load, "no load: 'Active connections' is no number");
}
