/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Acts on the volumes of a server for the harness, by the calls that the launcher makes:
 *   volumes list PID    a line for each volume: its disk, owner, eject, GUID, path; likewise disks
 *   volumes disks PID
 *   volumes lock PID    locks and dismounts them, says so, and holds them until its standard input
 *                       ends
 */

#include "launch/volume.h"

#include <stdio.h>
#include <stdlib.h>

#include "spd/spd.h"

static void say(const char *format, ...) __attribute__((format(__MINGW_PRINTF_FORMAT, 1, 2)));

static void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
}

static DWORD list(const struct launch_volumes *volumes)
{
    for (size_t i = 0; i < volumes->count; i++) {
        const struct launch_volume *volume = &volumes->items[i];
        char guid[37] = "no GUID";

        if (volume->owner.has_guid)
            spd_guid_format(volume->owner.guid, guid);
        say("%lu %lu %s %s %ls\n", (unsigned long)volume->disk, (unsigned long)volume->owner.pid,
            volume->owner.hides_eject ? "hidden" : "shown", guid, volume->path);
    }
    return 0;
}

static DWORD lock(struct launch_volumes *volumes)
{
    const struct launch_volume *refused;
    DWORD error = launch_volume_lock(volumes, &refused);

    if (refused)
        say("refused %lu\n", (unsigned long)refused->disk);
    else
        say("locked %u\n", (unsigned)volumes->count);
    while (getchar() != EOF)
        ;
    return error;
}

int main(int argc, char **argv)
{
    struct launch_volumes volumes;
    DWORD error;

    if (argc != 3)
        return ERROR_INVALID_PARAMETER;
    error = launch_volume_find(strcmp(argv[1], "disks") == 0 ? LAUNCH_DISKS : LAUNCH_VOLUMES,
        strtoul(argv[2], NULL, 10), &volumes);
    if (!error)
        error = strcmp(argv[1], "lock") == 0 ? lock(&volumes) : list(&volumes);
    launch_volume_release(&volumes);
    return (int)error;
}
