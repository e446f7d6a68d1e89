/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* launcher: the service that starts disk programs for users. doc/launcher.md describes it. */

#include "launcher/service.h"

#include <stdio.h>
#include <wchar.h>

static int usage(void)
{
    fputs("usage: launcher [--console]\n"
          "\n"
          "Without an option it is the service WinSpd.Launcher, which the service manager runs:\n"
          "    sc create WinSpd.Launcher binPath= PATH start= auto\n"
          "--console runs it in this console, as an administrator, until Ctrl-C.\n",
        stderr);
    return ERROR_INVALID_PARAMETER;
}

int wmain(int count, wchar_t **words);

int wmain(int count, wchar_t **words)
{
    DWORD error;

    if (count == 2 && !wcscmp(words[1], L"--console"))
        return (int)console_run();
    if (count != 1)
        return usage();
    error = service_run();
    if (error == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
        usage();
    return (int)error;
}
