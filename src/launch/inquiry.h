/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Whose a disk is now. Windows asks a disk for its owner when the disk comes, and answers from
 * memory since then. But a restarted program may have taken its disk over. So this asks the disk
 * itself if the process has ended. As long as that process runs it is still the owner.
 */

#ifndef LAUNCH_INQUIRY_H
#define LAUNCH_INQUIRY_H

#include <windows.h>

#include "launch/designator.h"

/* owner: Windows' answer for \\.\PhysicalDriveN, whose N is disk. It stays if the caller may not
 * open the disk for writing, or if the disk does not answer. Any thread; it waits for the disk.
 */
void launch_inquiry_update(DWORD disk, struct launch_owner *owner);

#endif
