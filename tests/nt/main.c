/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * nttest                  runs the stages that a file names: stages.c
 * nttest --stage NAME X   runs one stage
 * nttest NAME             runs one test: tests.c
 */

#include "../wine/programs/client.h"
#include "main.h"

int nt_main(int argc, char **argv)
{
    if (argc < 2)
        return stages_run();
    if (argc == 4 && !strcmp(argv[1], "--stage"))
        return stage_run(argv[2], argv[3]);
    return tests_main(argc, argv);
}

HANDLE nt_spawn(const char *arguments)
{
    STARTUPINFOA startup = { .cb = sizeof startup };
    PROCESS_INFORMATION process;
    char program[MAX_PATH], line[2 * MAX_PATH];

    if (!GetModuleFileNameA(NULL, program, sizeof program))
        return NULL;
    snprintf(line, sizeof line, "\"%s\" %s", program, arguments);
    if (!CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process))
        return NULL;
    CloseHandle(process.hThread);
    return process.hProcess;
}
