/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The longest transfers of units, for SpdIoctlTransact(): the original's call has no length, and
 * the driver needs one. */

#include "doors/windows/windows.h"

enum { TARGETS = 256 };

/* By target; 0: not known. */
static volatile LONG transfer_lengths[TARGETS];

/* Each of two buses has at most 128 targets. */
static volatile LONG *known_length(UINT32 btl)
{
    return &transfer_lengths[SPD_IOCTL_BTL_B(btl) % 2 * 128 + SPD_IOCTL_BTL_T(btl) % 128];
}

void windows_note_transfer_length(UINT32 btl, UINT32 length)
{
    InterlockedExchange(known_length(btl), (LONG)length);
}

UINT32 windows_known_transfer_length(UINT32 btl)
{
    return (UINT32)*known_length(btl);
}

void windows_forget_transfer_lengths(void)
{
    for (UINT32 i = 0; i < TARGETS; i++)
        InterlockedExchange(&transfer_lengths[i], 0);
}
