/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Lines for the operator about the users of the unit. These are the system, from start to end, or
 * the clients of a pipe one after the other. */

#include "doors/windows/windows.h"

#include <stdio.h>

static struct spd_visitor visitor_of(const struct windows_door *door)
{
    return (struct spd_visitor){
        .door = &door->door, .what = "session", .who = door->who, .session = door,
    };
}

static void find_name(struct windows_door *door)
{
    ULONG process;

    if (door->transport == &windows_by_driver)
        snprintf(door->who, sizeof door->who, "the driver of this system");
    else if (GetNamedPipeClientProcessId(door->handle, &process))
        snprintf(door->who, sizeof door->who, "process %lu", process);
    else
        snprintf(door->who, sizeof door->who, "an unknown process");
}

void windows_session_begins(struct windows_door *door)
{
    struct spd_visitor visitor = visitor_of(door);

    find_name(door);
    door->began = os_now_ns();
    atomic_store(&door->in_session, true);
    spd_session_begins(&visitor);
}

void windows_session_ends(struct windows_door *door, enum spd_ending ending, DWORD error)
{
    struct spd_visitor visitor = visitor_of(door);
    char detail[32];

    if (!atomic_exchange(&door->in_session, false))
        return;
    snprintf(detail, sizeof detail, "Windows error %lu", error);
    spd_session_ends(&visitor, (os_now_ns() - door->began) / 1000000000u, ending,
        error ? detail : NULL);
}
