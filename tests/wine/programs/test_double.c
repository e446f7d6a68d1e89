/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Checks what is left, and what the double itself has seen. After all others of the driver. */

#include "client.h"

/* A process's requests go soon after its end, and not at once. Its units and disks have gone before
 * (driver_before()). */
static void nothing_is_left(void)
{
    UINT32 list[16];
    DWORD bytes;

    CHECK_EQUAL(list_units(list, sizeof list, &bytes), 0);
    CHECK_EQUAL(bytes, 0);
    CHECK_EQUAL(disk_count(), 0);
    if (!has_double())
        return;
    WAIT_UNTIL(double_state().requests == 0);
    WAIT_UNTIL(double_state().service_irps == 1); /* our lifetime request */
}

/* Its completion goes on above a routine that returns STATUS_SUCCESS. */
static void an_irp_from_above_another_driver(void)
{
    CHECK_EQUAL(double_number(DOUBLE_IOCTL_STACKED, 0), 0xc0000010); /* no code of the adapter */
}

static void the_judge_has_found_nothing(void)
{
    CHECK_EQUAL(double_state().findings, 0);
}

const struct test double_tests[] = {
    { "an IRP from above another driver comes back",
        an_irp_from_above_another_driver, .needs = NEEDS_DOUBLE },
    { "nothing is left", nothing_is_left },
    { "the judge has found nothing", the_judge_has_found_nothing, .needs = NEEDS_DOUBLE },
    { 0 }
};
