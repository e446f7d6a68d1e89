/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What this door and a program of winspd/winspd.h have to say to each other beyond spd.h: the
 * native of lib/serve.h. */

#ifndef DOORS_WINDOWS_NATIVE_H
#define DOORS_WINDOWS_NATIVE_H

#include <winspd/winspd.h>

struct windows_native {
    const SPD_STORAGE_UNIT_PARAMS *params; /* in: as the driver and clients are to see them */
    HANDLE device;                         /* out, of the driver; NULL: it is something else */
    UINT32 btl;                            /* out */
};

/* When nothing of the door will be used any more. */
void windows_events_close(void);

#endif
