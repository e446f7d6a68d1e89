/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The volumes and disks of a server process, for the launcher's stop and the Explorer extension's
 * eject. Volumes are found by their device interface: Windows lists each, with a drive letter or
 * without, however many there are. A look needs no access right and reads no medium. Only the
 * process's own volumes are opened for writing, and disks whose process has ended: see inquiry.h.
 *
 * Errors are Win32's. All functions may be called by any thread; a struct launch_volumes belongs to
 * one thread at a time.
 */

#ifndef LAUNCH_VOLUME_H
#define LAUNCH_VOLUME_H

#include <windows.h>

#include "launch/designator.h"

enum launch_volume_kind {
    LAUNCH_VOLUMES, /* what file systems mount */
    LAUNCH_DISKS,   /* \\.\PhysicalDriveN, whether they have volumes or not */
};

#define LAUNCH_NO_DISK 0xffffffffu

struct launch_volume {
    wchar_t *path; /* \\?\..., without a backslash at the end; for CreateFileW and for messages */
    HANDLE handle; /* NULL unless it is locked */
    DWORD disk;    /* the N of \\.\PhysicalDriveN; LAUNCH_NO_DISK: Windows does not say */
    struct launch_owner owner;
};

/* All zero: none. */
struct launch_volumes {
    struct launch_volume *items;
    size_t count;
};

/* Asks an open volume or disk; the handle needs no access right. 0, ERROR_NOT_SUPPORTED for a disk
 * that is none of this product, or the system's error; then owner is zero. */
DWORD launch_volume_owner(HANDLE device, struct launch_owner *owner);

/* Opens the path (a volume's, as in \\?\E: or \\?\Volume{...}, or a disk's, without a backslash at
 * the end) without any access right and asks it. As launch_volume_owner(). */
DWORD launch_volume_owner_of(const wchar_t *path, struct launch_owner *owner);

/* Finds those of the process pid, or of every process of this product when pid is 0. A volume
 * that goes meanwhile is left out. 0, or ERROR_NOT_ENOUGH_MEMORY or SetupAPI's error, and then
 * there are none. Release them afterwards. */
DWORD launch_volume_find(enum launch_volume_kind kind, DWORD pid, struct launch_volumes *volumes);

/* Locks and dismounts each volume. 0: all handles are open, and locked, until the release; nothing
 * can be mounted there meanwhile. ERROR_DEVICE_IN_USE: a program uses the volume *refused, which
 * lives as long as volumes do; the lock of the others remains, too. A volume that has gone is no
 * error, its handle stays NULL. */
DWORD launch_volume_lock(struct launch_volumes *volumes, const struct launch_volume **refused);

/* Unlocks, closes and frees; none are left. */
void launch_volume_release(struct launch_volumes *volumes);

#endif
