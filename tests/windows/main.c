/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * winspd-tests: every test of the driver, the DLL, the pipes and the launcher as one program, for
 * Wine and for Windows. It has the original's command line: options.c. --child NAME X is part of a
 * test, in another process.
 */

#include <stdio.h>
#include <string.h>
#include <windows.h>

#include "runner.h"
#include "suites.h"

static int run_child(const char *child, const char *argument)
{
    int status = CHILD_UNKNOWN;

    if (!strcmp(child, "test"))
        return run_alone(suites, argument);
    for (int i = 0; child_parts[i] && status == CHILD_UNKNOWN; i++)
        status = child_parts[i](child, argument);
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    struct system system;

    setvbuf(stdout, NULL, _IOFBF, 4096);
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX); /* no box waits for a click */
    if (argc >= 4 && !strcmp(argv[1], "--child"))
        return run_child(argv[2], argv[3]);
    if (!options_read(&options, argc, argv))
        return CHILD_UNKNOWN;
    if (!options.list)
        system_look(&system);
    if (options.facts) {
        system_print(&system);
        return 0;
    }
    return run_suites(suites, &options, &system);
}
