/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Drive letters for disks of the StorPort double, which Wine gives none, and memdisks to be theirs.
 */

#ifndef SHELLTEST_DRIVE_H
#define SHELLTEST_DRIVE_H

#include "shelltest.h"

#include "launch/volume.h"

struct drive {
    wchar_t root[4]; /* as in L"K:\\" */
    HANDLE link;
    HANDLE server; /* of drive_start(); NULL: somebody else's */
    HANDLE output;
    DWORD pid;
    struct launch_owner owner;
};

/* A letter for a disk that is there, until the drive is closed. */
struct drive drive_of_disk(unsigned disk);
/* A memdisk with a letter; its server ends with the drive. */
struct drive drive_start(const wchar_t *options);
void drive_close(struct drive *drive);
/* As a crash would. */
void drive_kill(struct drive *drive);

/* The menu entry for the drive; NULL where there is none. */
IContextMenu *drive_menu(const struct drive *drive);

#endif
