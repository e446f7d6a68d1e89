/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#ifndef WINE_ADAPTER_H
#define WINE_ADAPTER_H

#include <windows.h>
#include <winioctl.h>

/* The adapter; overlapped, as transactions pend. INVALID_HANDLE_VALUE: GetLastError() says why. */
HANDLE open_adapter(void);

#endif
