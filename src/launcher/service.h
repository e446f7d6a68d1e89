/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The launcher from its start to its end, as a service or in a console. */

#ifndef LAUNCHER_SERVICE_H
#define LAUNCHER_SERVICE_H

#include <windows.h>

#define SERVICE_NAME L"WinSpd.Launcher"

enum {
    SERVICE_START_HINT_MS = 30000,
    SERVICE_STOP_MS = 30000, /* for servers to end */
};

/* 0 when clients are served and stored instances run again; else Win32's error. */
DWORD launcher_begin(void);

/* Stops serving, and ends every server. */
void launcher_end(void);

/* Returns when the service has ended: 0, or ERROR_FAILED_SERVICE_CONTROLLER_CONNECT where the
 * service manager has not started this process. */
DWORD service_run(void);

/* Runs in a console, until Ctrl-C or Ctrl-Break. Win32's error. */
DWORD console_run(void);

#endif
