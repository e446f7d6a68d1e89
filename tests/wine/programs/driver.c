/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The common part of the driver's suites. */

#include "client.h"

/* Once for all suites: a process has one lifetime request. */
void driver_begin(void)
{
    static BOOL begun;

    if (begun)
        return;
    begun = TRUE;
    adapter = open_adapter();
    if (adapter == INVALID_HANDLE_VALUE)
        fail(__FILE__, __LINE__, "the adapter cannot be opened: error %lu", GetLastError());
    hold_lifetime();
}

static BOOL nobody_is_there(void)
{
    UINT32 list[256];
    DWORD bytes = 0;

    return !list_units(list, sizeof list, &bytes) && !bytes && disk_count() == 0;
}

/* The units of a process that failed go away soon after it; and the port driver sees later that one
 * is gone, and lets nothing through to a disk until then. */
void driver_before(void)
{
    if (has_double()) {
        double_number(DOUBLE_IOCTL_KEEP_GONE, FALSE);
        double_number(DOUBLE_IOCTL_SILENT, FALSE);
    }
    WAIT_UNTIL(nobody_is_there());
}
