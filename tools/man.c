/* SPDX-License-Identifier: Apache-2.0 */
#include "usage.h"
int cli_print_man(const char *page)
{
	(void)page;
	return CLI_OK;
}
