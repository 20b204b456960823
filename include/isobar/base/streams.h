/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>

/* Fills file descriptors 0 to 2 where they are closed. The number of a closed standard stream would go to the store's file,
 * and what is printed or logged would go into it. What is read or written there fails, as on a closed one. To be called
 * first of all in main(); false: even that cannot be opened. */
bool isb_streams_guard(void);
