/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * Whose a disk is now. Windows asks a disk whose it is when the disk comes, and answers from memory
 * since then. But a program that is started again may have taken its disk over. So a disk whose
 * process has ended is asked itself. As long as that process runs it is still the owner.
 */

#ifndef LAUNCH_INQUIRY_H
#define LAUNCH_INQUIRY_H

#include <windows.h>

#include "launch/designator.h"

/* owner: what Windows says of \\.\PhysicalDriveN, whose N is disk; it stays where the caller may
 * not open the disk for writing, or where that does not answer. Any thread; it waits for the disk.
 */
void launch_inquiry_update(DWORD disk, struct launch_owner *owner);

#endif
