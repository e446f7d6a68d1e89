/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The adapter by the names that a port driver gives: a native program has no SetupAPI. */

#include "../wine/programs/client.h"

HANDLE open_adapter(void)
{
    struct double_state state;
    char path[32];
    int number;

    for (number = 0; number < 16; number++) {
        HANDLE device;

        snprintf(path, sizeof path, "\\\\.\\Scsi%d:", number);
        device = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
            NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
        if (device == INVALID_HANDLE_VALUE)
            continue;
        if (!device_control(device, DOUBLE_IOCTL_STATE, NULL, 0, &state, sizeof state, NULL))
            return device;
        CloseHandle(device);
    }
    return INVALID_HANDLE_VALUE;
}
