/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The adapter by its hardware id. A native program has other means: tests/nt/adapter.c. */

#include <winspd/winspd.h>

#include "adapter.h"

HANDLE open_adapter(void)
{
    HANDLE device;
    DWORD error = SpdIoctlOpenDevice(L"root\\winspd", &device);

    SetLastError(error);
    return error ? INVALID_HANDLE_VALUE : device;
}
