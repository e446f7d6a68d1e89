/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Ends units on a signal. process.c watches for signals; unit.c, which ends units, is above it. */

#include "lib/unit.h"

static void on_signal(void *unit)
{
    spd_unit_shutdown(unit);
}

int spd_unit_shutdown_on_signal(spd_unit *unit)
{
    if (!unit) {
        if (spd_in_device)
            spd_misuse(__func__, "NULL within an operation, which may be on the thread of the "
                "signal, for which the call would wait forever");
        spd_unit_forget_signal(NULL);
        return 0;
    }
    spd_unit_check(unit, __func__);
    return spd_unit_watch_signal(unit, on_signal);
}
