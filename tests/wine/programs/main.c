/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * drvtest --list          the names
 * drvtest [--from NAME]   all, or from that one on; stops at the first that fails
 * drvtest NAME            one
 * drvtest --child NAME X  part of a test, in another process
 */

#include "client.h"

static const struct test *const groups[] = { ioctl_tests, transact_tests, process_tests,
    scsi_tests, error_tests, reset_tests, disk_tests, double_tests };

static void wait_for_nobody(void)
{
    DWORD bytes = 0;
    UINT32 list[256];
    int tries = 500;

    /* The units of a process that failed go away soon after it. */
    while (--tries && (list_units(list, sizeof(list), &bytes) || bytes))
        Sleep(10);
    CHECK(tries);
}

static void run(const struct test *test)
{
    DWORD start = GetTickCount();

    printf("# %s\n", test->name);
    fflush(stdout);
    wait_for_nobody();
    test->run();
    printf("# %lu ms\nok - %s\n", GetTickCount() - start, test->name);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    BOOL from = argc == 3 && !strcmp(argv[1], "--from");
    const char *wanted = from ? argv[2] : argc == 2 ? argv[1] : NULL;
    BOOL running = !wanted, list = wanted && !strcmp(wanted, "--list");
    const struct test *test;
    unsigned i;

    setvbuf(stdout, NULL, _IOFBF, 4096);
    if (!list) {
        adapter = open_adapter();
        if (adapter == INVALID_HANDLE_VALUE) {
            printf("# the adapter cannot be opened: error %lu\n", GetLastError());
            return 3;
        }
    }
    if (argc == 4 && !strcmp(argv[1], "--child"))
        return process_child(argv[2], argv[3]);
    if (!list)
        hold_lifetime();
    for (i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
        for (test = groups[i]; test->name; test++) {
            if (list) {
                printf("%s\n", test->name);
                continue;
            }
            if (wanted && !strcmp(test->name, wanted))
                running = TRUE;
            if (running)
                run(test);
            if (running && wanted && !from)
                return 0;
        }
    }
    return 0;
}
