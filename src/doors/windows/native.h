/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Facts that this door and a program of winspd/winspd.h exchange beyond spd.h: the native of
 * lib/serve.h. */

#ifndef DOORS_WINDOWS_NATIVE_H
#define DOORS_WINDOWS_NATIVE_H

#include <stdbool.h>

#include <winspd/winspd.h>

struct windows_native {
    const SPD_STORAGE_UNIT_PARAMS *params; /* in: the form in which the driver and clients see
                                            * them */
    HANDLE device;                         /* out, of the driver; NULL: it is something else */
    UINT32 btl;                            /* out */
    UINT32 version;                        /* out, of the driver */
};

/* The version that this DLL announces. Tests change it in the image: it has a mark. */
struct windows_version {
    char mark[12];
    UINT32 number; /* SPD_IOCTL_VERSION */
};
extern const volatile struct windows_version windows_version;

/* A read that was done brings its data, even if it has sense to report. */
bool windows_answer_has_data(UINT8 kind, const SPD_IOCTL_STORAGE_UNIT_STATUS *status);

/* When nothing of the door will be used any more. */
void windows_events_close(void);

#endif
