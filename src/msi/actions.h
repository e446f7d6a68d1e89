/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Custom actions of the Windows Installer package; packaging/msi/installer/tables.py calls them.
 * Each has a thread of its own, in a process of Windows Installer. */

#ifndef MSI_ACTIONS_H
#define MSI_ACTIONS_H

#include <windows.h>

#include <msi.h>

/* Deferred. Runs the command line in CustomActionData, of at most 2047 characters, and waits for
 * its end. Succeeds with exit status 0, and with 3010 (ERROR_SUCCESS_REBOOT_REQUIRED), of which it
 * tells ScheduleRestart(). Otherwise it shows what the program said and returns
 * ERROR_INSTALL_FAILURE. */
UINT __stdcall RunProgram(MSIHANDLE install);

/* The same for a program that removes: 2 (ERROR_FILE_NOT_FOUND), nothing being there to remove, is
 * a success as well. So is a program that is itself not there: it must not keep the rest from
 * going. */
UINT __stdcall RunRemoval(MSIHANDLE install);

/* Immediate, after InstallFinalize. Has the installation end with a restart of Windows, or with
 * 3010, if a program wanted one. Returns ERROR_SUCCESS. */
UINT __stdcall ScheduleRestart(MSIHANDLE install);

#endif
