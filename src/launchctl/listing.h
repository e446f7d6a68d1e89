/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Lists of instances. */

#ifndef LAUNCHCTL_LISTING_H
#define LAUNCHCTL_LISTING_H

#include "launch/list.h"

#include <windows.h>

/* Shows a line for each instance of the list, behind a line that says OK where the launcher has
 * answered at all. Returns an error of the transport; *refused is the launcher's. */
DWORD listing_show(struct launch_list *list, DWORD *refused);

/* The long form, for which it asks the launcher about each. An instance that has ended meanwhile is
 * left out. *refused is LAUNCH_ERROR_INVALID from a launcher that is older than this. */
DWORD listing_show_long(struct launch_list *list, DWORD *refused);

#endif
