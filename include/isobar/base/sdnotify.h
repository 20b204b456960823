/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tells the service manager "READY=1" or "STOPPING=1" (sd_notify(3)); does nothing when NOTIFY_SOCKET is not set. */
void isb_sdnotify(const char *state);
