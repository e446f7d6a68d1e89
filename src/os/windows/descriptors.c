/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "os/os.h"

int os_reserve_descriptors(void)
{
    /* The C runtime has reserved its descriptors 0 to 2 before main(), with or without a handle
     * behind them. A handle of CreateFile() gets no descriptor. */
    return 0;
}
