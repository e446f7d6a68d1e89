/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The long form of a list. */

#ifndef LAUNCHCTL_LISTING_H
#define LAUNCHCTL_LISTING_H

#include "launch/client.h"

/* Shows a line for each of the instances in an answer to LAUNCH_LIST, about which it asks the
 * launcher. An instance that has ended is left out. Returns an error of the transport; *refused
 * is the launcher's: LAUNCH_ERROR_INVALID from one that is older than this. */
DWORD listing_show(const struct launch_reply *list, DWORD *refused);

#endif
